"""`utils capf stale-lsc list`, `utils capf csr list|count`.

No output of these commands is public. What is read is what their description promises (devices, with time stamps, and
a count) wherever it stands in a line; every other line is kept as it is.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import Line, Mismatch, Output

# Device names as the database has them: phones by their hardware address, ATA ports by theirs.
_DEVICE = re.compile(r"(?<![0-9A-Za-z])(?:SEP|ATA)[0-9A-F]{12}(?![0-9A-Za-z])", re.IGNORECASE)
_COUNT = re.compile(r"\s*(?:(?:[A-Za-z][A-Za-z ()-]{0,80})(?: is)? ?[:=] ?)?([0-9]{1,9})\.?\s*")


@dataclass(frozen=True, slots=True)
class CapfEntry:
    """A line that names a device: its name in upper case, the whole line, and the line's number."""

    device: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class CapfOutput:
    """What `utils capf` printed.

    Attributes:
        entries: a device each; a line that names several gives one for each.
        count: the only number that was printed as a count, or None.
        unread: all other lines. An answer of these alone is not known to mean "none".
        mismatches: a count that is not that of the devices, where both were printed.
    """

    entries: tuple[CapfEntry, ...]
    count: int | None
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]


def parse_capf(text: str) -> CapfOutput:
    """Read the output of a reading `utils capf` command.

    Raises:
        ConsoleError: the text is too large, blank, or says that the command was refused; nothing else.
    """
    output = Output(text, "utils capf", "an answer")
    output.require(recognised=any(line.text.strip() for line in output.lines))
    entries: list[CapfEntry] = []
    counts: list[tuple[int, Line]] = []
    for line in output.lines:
        devices = _DEVICE.findall(line.text)
        count = None if devices else _COUNT.fullmatch(line.text)
        entries.extend(CapfEntry(device.upper(), line.text.strip(), line.number) for device in devices)
        if count:
            counts.append((int(count[1]), line))
        elif not devices:
            output.leave(line)
    if len(counts) != 1:
        # Which of several numbers would be the count is not known.
        for _, line in counts:
            output.leave(line)
        return CapfOutput(tuple(entries), None, output.unread, ())
    count_stated, line = counts[0]
    named = len({entry.device for entry in entries})
    differs = bool(entries) and count_stated not in (named, len(entries))
    mismatches = (Mismatch(line.number, "the number of devices", count_stated, named),) if differs else ()
    return CapfOutput(tuple(entries), count_stated, output.unread, mismatches)
