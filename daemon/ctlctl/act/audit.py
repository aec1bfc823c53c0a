"""The audit log: entries each of which holds the hash of the one before, so that none can be changed or taken out.

An entry's hash is SHA-256 over the hash of the entry before, a line feed, and the entry's own canonical JSON. Anybody
can check that with nothing but sha256sum. What a chain cannot show is that its newest entries were cut off: the hash of
the newest entry also stands in the journal, and a check can be told which it must find.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ctlctl.assess.model import Json

#: What stands in the place of the hash before the first entry.
GENESIS: Final = "0" * 64
SCHEMA: Final = "ctlctl.audit/1"
_KINDS: Final = {"number": int, "at": int, "who": str, "event": str, "cluster": str, "detail": dict, "before": str}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done, or was to be done.

    Attributes:
        number: 1 for the first entry, and one more for each.
        at: when, seconds since 1970.
        who: who had it done: "uid 1000 (kim)", or "ctld" for what it does by itself.
        event: what it is, such as "capf-profile-create".
        cluster: where; "" for nowhere in particular.
        detail: everything else. Never a secret.
        before: hash of the entry before.
        hash: of this one.
    """

    number: int
    at: int
    who: str
    event: str
    cluster: str
    detail: Mapping[str, Json]
    before: str
    hash: str

    @property
    def canonical(self) -> str:
        """The entry as it is hashed: JSON without its own hash, keys in order, no blanks, one line."""
        return json.dumps(
            {
                "schema": SCHEMA,
                "number": self.number,
                "at": self.at,
                "who": self.who,
                "event": self.event,
                "cluster": self.cluster,
                "detail": dict(self.detail),
                "before": self.before,
            },
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=True,
        )

    def computed(self) -> str:
        """The hash that this entry should have."""
        return sha256(f"{self.before}\n{self.canonical}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are meant; what is left as it is leaves none out.

    Attributes:
        cluster: only those about this cluster; "" for all.
        since: only those of this instant or later, seconds since 1970.
        phones: only those about devices of such names, with the wildcards * and ?; capitals do not matter.
    """

    cluster: str = ""
    since: int | None = None
    phones: tuple[str, ...] = ()


def next_entry(  # noqa: PLR0913 - what an entry is made of
    last: tuple[int, str] | None, at: int, who: str, event: str, cluster: str, detail: Mapping[str, Json]
) -> AuditEntry:
    """Make the entry that follows.

    Args:
        last: number and hash of the newest entry; None where there is none yet.
        at: when.
        who: who had it done.
        event: what it is.
        cluster: where.
        detail: everything else; what JSON can say.
    """
    number, before = (0, GENESIS) if last is None else last
    # What is hashed must be what comes back from the store.
    settled: dict[str, Json] = json.loads(json.dumps(dict(detail), sort_keys=True))
    bare = AuditEntry(number + 1, at, who, event, cluster, settled, before, "")
    return AuditEntry(number + 1, at, who, event, cluster, settled, before, bare.computed())


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What a check of the log came to.

    Attributes:
        entries: how many were read.
        head: hash of the newest.
        problem: the first thing that is wrong; None for nothing.
    """

    entries: int
    head: str
    problem: str | None


def check_chain(entries: Iterable[AuditEntry], expected_head: str | None = None) -> ChainCheck:
    """Check that entries follow on each other and say what they said when they were written.

    Args:
        entries: from the first on.
        expected_head: a hash that must be among them, as the journal has it; None asks for none.

    Returns:
        The first thing that is wrong.
    """
    number, head, seen = 0, GENESIS, expected_head is None
    for entry in entries:
        if entry.number != number + 1:
            return ChainCheck(number, head, f"entry {number + 1} is missing: entry {entry.number} follows on {number}")
        if entry.before != head:
            return ChainCheck(number, head, f"entry {entry.number} does not follow on entry {number}: one was changed")
        if entry.computed() != entry.hash:
            return ChainCheck(number, head, f"entry {entry.number} was changed after it was written")
        number, head = entry.number, entry.hash
        seen = seen or head == expected_head
    if not seen:
        return ChainCheck(number, head, f"no entry has the hash {expected_head}: the newest entries were cut off")
    return ChainCheck(number, head, None)


def to_line(entry: AuditEntry) -> str:
    """Return an entry as a line of a bundle: its canonical JSON, a blank, its hash."""
    return f"{entry.canonical} {entry.hash}"


class AuditLineError(Exception):
    """A line of a bundle is no entry."""


def from_line(line: str) -> AuditEntry:
    """Read a line of a bundle.

    Raises:
        AuditLineError: it is none, or not in the one way in which entries are written.
    """
    text, _, digest = line.rstrip("\n").rpartition(" ")
    try:
        found = json.loads(text)
        # What is no number must not be shown as one: the file may be anybody's.
        if all(type(found[name]) is kind for name, kind in _KINDS.items()):
            entry = AuditEntry(**{name: found[name] for name in _KINDS}, hash=digest)
            if entry.canonical == text:
                return entry
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise AuditLineError(f"this is no entry of an audit log: {line[:80]!r}")
