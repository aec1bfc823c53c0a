"""What a CUCM console prints, as clean numbered lines: the ground on which all readers of console text stand.

A session's raw text carries carriage returns (also lone ones), terminal control sequences, paging prompts and the
prompt with the echoed command. Sources: the paging and prompt patterns of Cisco's pyATS for this platform, and raw
bytes of a release 15 that end in ``admin:``, CR LF, CR, ``admin:``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

#: Characters and lines of one command's output; ten times what a cluster of the largest size prints.
MAX_TEXT = 1024 * 1024
MAX_LINES = 10_000
#: Characters of a line that an error quotes.
_QUOTED = 60

# CSI sequences, OSC sequences with their end, and the short ones; a lone ESC is left for `_spelled`.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cM])")
_PAGING = re.compile(
    r"\s*(?:Press <enter> for 1 line, <space> for one page, or <q> to quit"
    r"|options: q=quit, n=next, p=prev, b=begin, e=end \(lines [0-9]+ - [0-9]+ of [0-9]+\) ?:)"
)
_PROMPTS = re.compile(r"(?:admin:[ \t]*)+")
_DATE = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) {1,2}([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?: ([A-Za-z0-9+:-]{1,9}))?"
    r" ([0-9]{4})"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ConsoleError(ValueError):
    """The text is not what the command prints.

    Attributes:
        line: number of the line concerned, counted from 1, or None where the whole text is meant.
        expected: what should have stood there.
    """

    def __init__(self, expected: str, line: int | None = None, found: str | None = None) -> None:
        where = "" if line is None else f"line {line}: "
        what = "" if found is None else f", found {found[:_QUOTED]!r}"
        super().__init__(f"{where}expected {expected}{what}")
        self.line = line
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the output.

    Attributes:
        number: counted from 1 in the text as given; the pieces between lone carriage returns share theirs.
        text: without control characters and without blanks at its end.
    """

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure in the output that its other figures contradict.

    Attributes:
        line: number of the line with the stated figure.
        what: what the figure is of.
        stated: the figure as printed.
        counted: what the rest of the output gives.
    """

    line: int
    what: str
    stated: int
    counted: int

    @property
    def message(self) -> str:
        """One sentence for a person."""
        return f"line {self.line}: {self.what} is stated as {self.stated} and comes to {self.counted}"


@dataclass(frozen=True, slots=True)
class ConsoleDate:
    """A date as printed.

    Attributes:
        text: the words.
        local: what they say, naive: a console prints local time. None for words that are not understood, such as
            another language's.
        zone: name of the time zone as printed, or None. Such names are ambiguous (CST, BST), so none but UTC is
            calculated with.
    """

    text: str
    local: datetime | None = None
    zone: str | None = None

    @property
    def instant(self) -> datetime | None:
        """The instant meant, aware; None where the zone is missing or not UTC."""
        if self.local is None or self.zone not in ("UTC", "GMT"):
            return None
        return self.local.replace(tzinfo=UTC)


def read_date(text: str) -> ConsoleDate:
    """Read a date such as ``Fri Mar 06 21:56:07 CET 2015``; the zone may be missing (`show network cluster`)."""
    found = _DATE.fullmatch(text.strip())
    if found is None or found[1] not in _MONTHS:
        return ConsoleDate(text.strip())
    day, hour, minute, second, year = map(int, found.group(2, 3, 4, 5, 7))
    try:
        # Naive on purpose: what zone a console's words are in is not always known.
        local = datetime(year, _MONTHS.index(found[1]) + 1, day, hour, minute, second)  # noqa: DTZ001
    except ValueError:
        return ConsoleDate(text.strip())
    return ConsoleDate(text.strip(), local, found[6])


def read_hex(text: str) -> bytes | None:
    """Read pairs of hexadecimal digits joined by colons or blanks; None for anything else."""
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        return None


def _spelled(text: str) -> str:
    if text.isprintable():
        return text
    # Tabs separate columns; everything else is kept visible rather than dropped.
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)


def _pieces(text: str) -> Iterator[Line]:
    for number, whole in enumerate(_ANSI.sub("", text).split("\n"), 1):
        for piece in whole.rstrip("\r").split("\r"):
            paging = _PAGING.match(piece)
            # What follows a paging prompt on its line is output: a terminal would have overwritten the prompt.
            rest = piece[paging.end() :].lstrip(" ") if paging else piece
            if rest or not paging:
                yield Line(number, _spelled(rest.rstrip()))


def raw_lines(text: str) -> tuple[Line, ...]:
    """Return the lines of ``text`` without control sequences and paging, prompts included.

    Raises:
        ConsoleError: the text is larger than `MAX_TEXT` or `MAX_LINES`.
    """
    if len(text) > MAX_TEXT:
        raise ConsoleError(f"at most {MAX_TEXT:,} characters of output, not {len(text):,}")
    count = text.count("\n") + text.count("\r") - text.count("\r\n")
    if count > MAX_LINES:
        raise ConsoleError(f"at most {MAX_LINES:,} lines of output, not {count:,}")
    return tuple(_pieces(text))


def without_prompt(line: Line) -> str | None:
    """Return what follows the prompt ``admin:`` on this line, or None where there is no prompt.

    Only the literal name is taken for a prompt: certificates and questions print words with a colon too.
    """
    found = _PROMPTS.match(line.text)
    return None if found is None else line.text[found.end() :]
