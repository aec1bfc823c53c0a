"""Findings: what a check has to say, each with a stable code and the place it was seen."""

from collections import Counter
from dataclasses import dataclass, replace

from ctlctl_trust.codes import STALE, UNDECIDED, Code, Severity, severity_of

#: Findings kept in full; the rest are counted. A hostile list of 1,000 records could otherwise fill a
#: screen, a log and memory with tens of thousands of them.
MAX_LISTED = 200
#: Characters of a message; what it quotes from a file may be 60 KB long.
MAX_MESSAGE = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        code: the stable reason code.
        message: one sentence for a person. May hold text from the file; strip control characters before
            showing it on a terminal.
        offset: byte offset in the file of the tag concerned, or None where no single place is meant.
        tag: TLV tag number, or None.
        record: number of the record concerned, counted from 1 as `show ctl` does, or None.
    """

    code: Code
    message: str
    offset: int | None = None
    tag: int | None = None
    record: int | None = None

    @property
    def severity(self) -> Severity:
        """The severity that goes with the code."""
        return severity_of(self.code)

    def placed(self, base: int, record: int) -> "Finding":
        """Return the finding of a record moved to where the record stands in its file."""
        return replace(self, offset=None if self.offset is None else self.offset + base, record=record)


@dataclass(frozen=True, slots=True)
class Findings:
    """All findings of one file: up to `MAX_LISTED` of them listed, all of them counted.

    Attributes:
        listed: findings, errors before warnings before notes, else in the order found.
        counts: how often each code was found, the unlisted ones included.
    """

    listed: tuple[Finding, ...] = ()
    counts: tuple[tuple[Code, int], ...] = ()

    @property
    def codes(self) -> frozenset[Code]:
        """Every code found, listed or not."""
        return frozenset(code for code, _ in self.counts)

    @property
    def total(self) -> int:
        """How many findings there were, the unlisted ones included."""
        return sum(count for _, count in self.counts)

    def count(self, severity: Severity) -> int:
        """Return how many findings of ``severity`` there were, the unlisted ones included."""
        return sum(count for code, count in self.counts if severity_of(code) is severity)

    @property
    def invalid(self) -> bool:
        """True when an error was found in the file itself."""
        return any(severity_of(c) is Severity.ERROR and c not in UNDECIDED | STALE for c, _ in self.counts)

    @property
    def stale(self) -> bool:
        """True when the file lacks what its cluster needs now."""
        return any(code in STALE for code, _ in self.counts)

    @property
    def undecided(self) -> bool:
        """True when something needed for the verdict could not be had."""
        return any(code in UNDECIDED for code, _ in self.counts)


class FindingLog:
    """Collects findings while a file is checked; bounded in memory."""

    __slots__ = ("_counts", "_listed")

    def __init__(self) -> None:
        self._listed: dict[Severity, list[Finding]] = {}
        self._counts: dict[Code, int] = {}

    def add(
        self,
        code: Code,
        message: str,
        *,
        offset: int | None = None,
        tag: int | None = None,
        record: int | None = None,
    ) -> None:
        """Note one finding; see `Finding` for the arguments."""
        self.put(Finding(code, message, offset, tag, record))

    def put(self, finding: Finding) -> None:
        """Note one finding that was made elsewhere."""
        self.put_placed(finding, None, None)

    def put_placed(self, finding: Finding, base: int | None, record: int | None) -> None:
        """Note one finding of a record that stands at ``base``; see `Finding.placed`."""
        self._counts[finding.code] = self._counts.get(finding.code, 0) + 1
        # An error must never fall off the list because warnings came first, so each severity has its own.
        listed = self._listed.setdefault(severity_of(finding.code), [])
        if len(listed) >= MAX_LISTED:
            return
        if base is not None and record is not None:
            finding = finding.placed(base, record)
        if len(finding.message) > MAX_MESSAGE:
            finding = replace(finding, message=finding.message[: MAX_MESSAGE - 1] + "…")
        listed.append(finding)

    def extend(self, findings: Findings) -> None:
        """Take over all findings of another check, its unlisted counts included."""
        for finding in findings.listed:
            self.put(finding)
        listed = Counter(finding.code for finding in findings.listed)
        for code, count in findings.counts:
            self._counts[code] = self._counts.get(code, 0) + count - listed[code]

    @property
    def has_errors(self) -> bool:
        """True when an error has been noted so far."""
        return Severity.ERROR in self._listed

    def freeze(self) -> Findings:
        """Return what was found as an immutable value."""
        ordered = [f for severity in Severity for f in self._listed.get(severity, ())]
        return Findings(tuple(ordered[:MAX_LISTED]), tuple(self._counts.items()))
