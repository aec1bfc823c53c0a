"""Which list a phone holds, by the checksum on its own pages: the newest, an older one, none, or one nobody served.

That is proof where times are only a hint. A phone prints MD5, SHA-1 or a longer digest, each model its own. It is held
against every version that is kept of every TFTP node, not only against the one before: a phone that missed two lists
is two behind, and no stranger.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from ctlctl.assess.known import SERVICE_TFTP, Known
from ctlctl.assess.model import Held, HeldList, HeldVersion
from ctlctl.inventory.values import ListVersion, PastVersion, Phone, Snapshot
from ctlctl.inventory.words import ListKind

_DIGESTS: Final = ("md5", "sha1", "sha256", "sha512")
_CHECKSUM: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})")
_KINDS: Final[tuple[ListKind, ...]] = ("ctl", "itl")

#: What proves that a phone has not taken the newest list.
BEHIND: Final = frozenset({Held.OLDER, Held.FOREIGN, Held.NONE})

# One object for all phones of which the same is said: there may be 40,000.
_NEWEST, _FOREIGN, _NONE, _UNKNOWN = (HeldList(state) for state in (Held.NEWEST, Held.FOREIGN, Held.NONE, Held.UNKNOWN))


class _Served:
    """The versions of one kind of list.

    Attributes:
        newest: checksums of what is served now.
        back: those of them that were served before, and in between another was.
        older: checksum -> what is said of a phone that holds what was served before.
        since: when the last of those that are served now was first seen; None where none is.
        is_whole: whether what every TFTP node serves now is known, so that another list is none of theirs.
    """

    def __init__(self, kind: ListKind, snapshot: Snapshot, known: Known) -> None:
        lists = [one for one in snapshot.lists if one.kind == kind]
        current = [one.current for one in lists if one.current is not None and one.current.data]
        read = {known.display(one.node) for one in lists if one.current is not None and one.fault is None}
        past: dict[str, list[PastVersion]] = {}
        for version in snapshot.past_versions:
            if version.kind == kind:
                past.setdefault(version.node, []).append(version)
        for one in lists:
            if one.node not in past:
                kept = (one.previous, one.current)
                past[one.node] = [_past(one.node, kind, each) for each in kept if each is not None and each.data]
        self.newest = frozenset(digest for version in current for digest in _digests(version.data))
        self.back = frozenset(
            digest
            for one in lists
            if one.current is not None and any(each.sha256 == one.current.sha256 for each in one.earlier)
            for digest in _digests(one.current.data)
        )
        self.older = _held_versions(past.values(), known, self.newest)
        self.since = max((version.first_seen for version in current), default=None)
        self.is_whole = bool(read) and all(node.name in read for node in known.nodes_running(SERVICE_TFTP))


class PhoneLists:
    """Judges what phones hold.

    Args:
        snapshot: the lists that nodes serve, and served.
        known: the nodes that should.
    """

    def __init__(self, snapshot: Snapshot, known: Known) -> None:
        self._served: dict[ListKind, _Served] = {kind: _Served(kind, snapshot, known) for kind in _KINDS}

    def since(self, kind: ListKind) -> int | None:
        """Return since when the newest list is known."""
        return self._served[kind].since

    def held(self, phone: Phone, kind: ListKind) -> HeldList:
        """Judge what a phone's pages say of one kind of list.

        Args:
            phone: the phone.
            kind: which list.
        """
        page, served = phone.page, self._served[kind]
        if page is None or served.since is None:
            return _UNKNOWN
        held = page.ctl_hash if kind == "ctl" else page.itl_hash
        if held is None:
            return _UNKNOWN
        held = held.casefold()
        started = None if phone.registration is None else phone.registration.changed_at
        if held in served.newest:
            # Whenever that was: no phone goes back to a list before, unless the node did so, and it started meanwhile.
            is_old = held in served.back and page.at < served.since and (started is None or started > page.at)
            return _UNKNOWN if is_old else _NEWEST
        if page.at < served.since or (started is not None and started > page.at):
            # The page is older than the list, or than the phone's last start: it may have the list by now.
            return _UNKNOWN
        older = served.older.get(held)
        if older is not None:
            return older
        if not held:
            return _NONE
        # What is no checksum (a model's own words) proves nothing.
        return _FOREIGN if served.is_whole and _CHECKSUM.fullmatch(held) else _UNKNOWN


def _held_versions(past: Iterable[list[PastVersion]], known: Known, newest: frozenset[str]) -> dict[str, HeldList]:
    """Return, for each checksum of a list of before, which one it is.

    Args:
        past: the versions of each node, in the order in which it served them.
        known: the nodes.
        newest: checksums of what is served now, wherever.
    """
    found: dict[str, list[tuple[PastVersion, HeldVersion]]] = {}
    for history in past:
        # A list that came back counts from the last time it was there.
        last = {version.sha256: place for place, version in enumerate(history)}
        first = {version.sha256: version.first_seen for version in reversed(history)}
        for place in last.values():
            version, later = history[place], history[place + 1 :]
            replaced = later[0].first_seen if later else None
            behind = len({each.sha256 for each in later})
            node = known.display(version.node)
            held = HeldVersion(version.sha256, (node,), first[version.sha256], version.last_seen, behind, replaced)
            found.setdefault(version.sha256, []).append((version, held))
    older: dict[str, HeldList] = {}
    for served in found.values():
        version, held = max(served, key=lambda each: each[1].last_seen)
        nodes = tuple(sorted({name for _, each in served for name in each.nodes}))
        # Which of its nodes a phone asks, nobody knows: the one that served it last speaks for all.
        one = HeldList(
            Held.OLDER,
            HeldVersion(
                held.sha256,
                nodes,
                min(each.first_seen for _, each in served),
                held.last_seen,
                held.behind,
                held.replaced_at,
            ),
        )
        older |= {digest: one for digest in version.sums if digest not in newest}
    return older


def _past(node: str, kind: ListKind, version: ListVersion) -> PastVersion:
    return PastVersion(node, kind, version.sha256, tuple(_digests(version.data)), version.first_seen, version.last_seen)


def _digests(data: bytes) -> list[str]:
    return [hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in _DIGESTS]
