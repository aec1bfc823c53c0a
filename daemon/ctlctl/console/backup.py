"""`utils disaster_recovery history backup`: the backups that were taken, with their results.

Two forms of the rows: releases before 15 end in the features, 15 has version, features and failed features. The dates
are the node's local time. Sources: CLI Reference Guide (a row of 2009), and a row of a release 15 in a public tool's
regression test; how a failed run fills the columns is known by its words alone.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from ctlctl.console.text import ConsoleDate, Line, Output, read_date

_DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:]{8}(?: [A-Za-z0-9+:-]{1,9})? [0-9]{4}"
_TAR = r"(?:\S{1,200}\.tar|TAR file not created|-{1,3})"
_ROW = re.compile(
    rf"\s*({_TAR})\s+(?:(\S{{1,80}})\s+)?({_DATE})\s+([A-Z][A-Z_]{{1,40}})(?:\s+(\S{{1,40}})(?:\s+(.*))?)?"
)
_HEADS = re.compile(r"\s*Tar Filename: .*", re.IGNORECASE)
_RULE = re.compile(r"\s*[-=]{2,}(?:\s+[-=]{2,})*\s*")
_NONE = re.compile(r"\s*No (?:backup )?history (?:data )?(?:is )?available\.?\s*", re.IGNORECASE)
_TROUBLE = re.compile(
    r".*(?:Network request timed out|Master Agent may be processing an operation or it is down|drfCliMsg: ?error).*",
    re.IGNORECASE,
)
_VERSION = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6}){2,6}(?:-[0-9]{1,6})?)(?:\s+(.*))?")
_SUCCESS = "SUCCESS"
_ABSENT = re.compile(r"-{1,3}")


@dataclass(frozen=True, slots=True)
class BackupRun:
    """One backup.

    Attributes:
        tar: name of its file, or None where none was made.
        device: where it went, such as ``NETWORK``; None where it is not told.
        completed: when it ended, in the node's local time.
        result: ``SUCCESS`` or another word, as printed.
        kind: ``MANUAL`` or ``SCHEDULED``; None where it is not told.
        version: of CUCM, where it is printed (15), or None.
        features: what was backed up, in the console's words; empty where nothing is told.
        failed_features: what was not (15), or None where the column is missing or says ``---``.
        line: number of its line.
    """

    tar: str | None
    device: str | None
    completed: ConsoleDate
    result: str
    kind: str | None
    version: str | None
    features: str
    failed_features: str | None
    line: int

    @property
    def succeeded(self) -> bool:
        """True for the one word that means so, with nothing that failed beside it."""
        return self.result == _SUCCESS and self.failed_features is None


@dataclass(frozen=True, slots=True)
class BackupHistory:
    """The whole answer.

    Attributes:
        runs: the backups in the order printed.
        none: True when the console says that there is no history.
        trouble: what it says of an agent that does not answer, or None.
        unread: lines that were not understood.
    """

    runs: tuple[BackupRun, ...]
    none: bool
    trouble: str | None
    unread: tuple[Line, ...]

    @property
    def newest(self) -> BackupRun | None:
        """The run that ended last by its date, or None; one whose date is not understood counts as the oldest."""
        return max(self.runs, key=_ended, default=None)

    @property
    def newest_good(self) -> BackupRun | None:
        """The run that ended last of those that succeeded, or None."""
        return max((run for run in self.runs if run.succeeded), key=_ended, default=None)


def _ended(run: BackupRun) -> datetime:
    # Dates of one node among themselves: all naive.
    return run.completed.local or datetime.min  # noqa: DTZ901 - see above


def parse_backup_history(text: str) -> BackupHistory:
    """Read the output of `utils disaster_recovery history backup`.

    Raises:
        ConsoleError: the text is too large or is no such answer; nothing else.
    """
    output = Output(text, "utils disaster_recovery", "a backup: file, device, date, result; or that there is none")
    reader = _Reader()
    output.each(reader.take)
    output.require(recognised=bool(reader.runs) or reader.none or reader.trouble is not None)
    return BackupHistory(tuple(reader.runs), reader.none, reader.trouble, output.unread)


class _Reader:
    def __init__(self) -> None:
        self.runs: list[BackupRun] = []
        self.none = False
        self.trouble: str | None = None

    def take(self, line: Line) -> bool:
        if found := _ROW.fullmatch(line.text):
            self.runs.append(_run(found, line))
        elif _NONE.fullmatch(line.text):
            self.none = True
        elif _TROUBLE.fullmatch(line.text):
            self.trouble = self.trouble or line.text.strip()
        else:
            return (_HEADS.fullmatch(line.text) or _RULE.fullmatch(line.text)) is not None
        return True


def _run(found: re.Match[str], line: Line) -> BackupRun:
    rest = (found[6] or "").strip()
    version = _VERSION.fullmatch(rest)
    failed = None
    if version:
        # Columns here are two blanks apart at least; one blank may stand between features.
        rest, _, last = re.sub(r"\s{2,}", "\t", version[2] or "").partition("\t")
        failed = None if not last or _ABSENT.fullmatch(last) else last
    return BackupRun(
        found[1] if found[1].endswith(".tar") else None,
        found[2],
        read_date(found[3]),
        found[4],
        found[5],
        version[1] if version else None,
        "" if _ABSENT.fullmatch(rest) else rest,
        failed,
        line.number,
    )
