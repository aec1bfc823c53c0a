"""Which list a phone holds, by the checksum on its own pages: the newest, an older one, none, or one nobody served.

That is proof where times are only a hint. A phone prints MD5, SHA-1 or a longer digest, each model its own.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ctlctl.assess.known import SERVICE_TFTP, Known
from ctlctl.inventory.values import ListVersion, Phone, Snapshot
from ctlctl.inventory.words import ListKind

_DIGESTS: Final = ("md5", "sha1", "sha256", "sha512")
_CHECKSUM: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})")
_KINDS: Final[tuple[ListKind, ...]] = ("ctl", "itl")


class Held(StrEnum):
    """What a phone's pages prove; every value of the metric's label `state`."""

    NEWEST = "newest"
    OLDER = "older"
    FOREIGN = "foreign"
    NONE = "none"
    UNKNOWN = "unknown"


#: What proves that a phone has not taken the newest list.
BEHIND: Final = frozenset({Held.OLDER, Held.FOREIGN, Held.NONE})


@dataclass(frozen=True, slots=True)
class _Served:
    """The versions of one kind of list.

    Attributes:
        newest: checksums of what is served now.
        older: checksums of what was served before.
        since: when the last of those that are served now was first seen; None where none is.
        is_whole: whether what every TFTP node serves now is known, so that another list is none of theirs.
    """

    newest: frozenset[str]
    older: frozenset[str]
    since: int | None
    is_whole: bool


class PhoneLists:
    """Judges what phones hold.

    Args:
        snapshot: the lists that nodes serve.
        known: the nodes that should.
    """

    def __init__(self, snapshot: Snapshot, known: Known) -> None:
        self._served: dict[ListKind, _Served] = {kind: _served(kind, snapshot, known) for kind in _KINDS}

    def since(self, kind: ListKind) -> int | None:
        """Return since when the newest list is known."""
        return self._served[kind].since

    def held(self, phone: Phone, kind: ListKind) -> Held:
        """Judge what a phone's pages say of one kind of list.

        Args:
            phone: the phone.
            kind: which list.
        """
        page, served = phone.page, self._served[kind]
        if page is None or served.since is None:
            return Held.UNKNOWN
        held = page.ctl_hash if kind == "ctl" else page.itl_hash
        if held is None:
            return Held.UNKNOWN
        held = held.casefold()
        if held in served.newest:
            # Whenever that was: no phone goes back to a list before.
            return Held.NEWEST
        started = None if phone.registration is None else phone.registration.changed_at
        if page.at < served.since or (started is not None and started > page.at):
            # The page is older than the list, or than the phone's last start: it may have the list by now.
            return Held.UNKNOWN
        if held in served.older:
            return Held.OLDER
        if not held:
            return Held.NONE
        # What is no checksum (a model's own words) proves nothing.
        return Held.FOREIGN if served.is_whole and _CHECKSUM.fullmatch(held) else Held.UNKNOWN


def _served(kind: ListKind, snapshot: Snapshot, known: Known) -> _Served:
    lists = [one for one in snapshot.lists if one.kind == kind]
    current = [one.current for one in lists if one.current is not None and one.current.data]
    newest = frozenset(digest for version in current for digest in _digests(version))
    older = frozenset(
        digest for one in lists if one.previous is not None and one.previous.data for digest in _digests(one.previous)
    )
    read = {known.display(one.node) for one in lists if one.current is not None and one.fault is None}
    whole = bool(read) and all(node.name in read for node in known.nodes_running(SERVICE_TFTP))
    return _Served(newest, older - newest, max((version.first_seen for version in current), default=None), whole)


def _digests(version: ListVersion) -> list[str]:
    return [hashlib.new(name, version.data, usedforsecurity=False).hexdigest() for name in _DIGESTS]
