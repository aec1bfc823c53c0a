"""The ground of all parsers here: one command's output as lines that are taken one by one, and what was left over.

Prompt, echo, paging and control sequences are gone before a parser sees a line (`ctlctl_trust.consolelisttext`). A
parser that recognised nothing raises: output that was cut off must never pass for an empty answer.
"""

import re
from collections.abc import Callable, Iterator

from ctlctl_trust.consolelisttext import (
    MAX_LINES,
    MAX_TEXT,
    ConsoleDate,
    ConsoleError,
    Line,
    Mismatch,
    raw_lines,
    read_date,
    read_hex,
    without_prompt,
)

__all__ = [
    "MAX_LINES",
    "MAX_TEXT",
    "CommandRefusedError",
    "ConsoleDate",
    "ConsoleError",
    "Line",
    "Mismatch",
    "Output",
    "command_lines",
    "raw_lines",
    "read_date",
    "read_hex",
    "whole",
    "without_prompt",
]

# The shell's own words for a command that did not run; the first follows a line with the reason (CLI Reference Guide,
# FIPS chapter), the second is the answer to an unknown command.
_REFUSED = re.compile(r"Executed command unsuccessfully\.?|No valid command entered\.?", re.IGNORECASE)


class CommandRefusedError(ConsoleError):
    """The shell did not run the command.

    Attributes:
        reason: the lines it printed before saying so, joined; empty where there were none.
    """

    def __init__(self, expected: str, line: Line, reason: str) -> None:
        super().__init__(expected, line.number, f"{reason}: {line.text}" if reason else line.text)
        self.reason = reason


def whole(text: str | None) -> int | None:
    """Return a whole number of up to nine ASCII digits, or None for anything else."""
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else None


def command_lines(text: str, command: str) -> Iterator[Line]:
    """Yield the lines of a command's output; the prompt and the echo of ``command`` are left out.

    Args:
        text: the output as the session gave it.
        command: the command's fixed words, such as ``show cert own``; what follows them there belongs to the echo.

    Raises:
        ConsoleError: the text is too large.
    """
    echo = re.compile(rf"{re.escape(command)}(?![\w-])", re.IGNORECASE)
    begun = False
    for line in raw_lines(text):
        rest = without_prompt(line)
        shown = (line.text if rest is None else rest).rstrip()
        # An echo without prompt is one only before the output begins: later it could be a line that says the same.
        if echo.match(shown) and (rest is not None or not begun):
            begun = True
        elif shown or rest is None:
            begun = begun or bool(shown)
            yield Line(line.number, shown)


class Output:
    """The lines of one command's output, and those that nobody understood."""

    def __init__(self, text: str, command: str, expected: str) -> None:
        """Take the output apart.

        Args:
            text: the output as the session gave it.
            command: the command's fixed words.
            expected: what the parser looks for, for the error's words.

        Raises:
            ConsoleError: the text is too large, or (`CommandRefusedError`) the shell did not run the command.
        """
        self.lines = tuple(command_lines(text, command))
        self.expected = expected
        self._unread: list[Line] = []
        shown: list[str] = []
        for line in self.lines:
            if _REFUSED.fullmatch(line.text.strip()):
                raise CommandRefusedError(expected, line, " ".join(shown))
            if line.text:
                # The reason is the last few lines, not a whole output that was broken off.
                shown = [*shown[-2:], line.text.strip()]

    def leave(self, line: Line) -> None:
        """Keep a line that was not understood; blank ones say nothing."""
        if line.text.strip():
            self._unread.append(line)

    def each(self, take: Callable[[Line], bool]) -> bool:
        """Offer every line to ``take``; what it does not take is kept. Returns whether it took any."""
        taken = False
        for line in self.lines:
            if take(line):
                taken = True
            else:
                self.leave(line)
        return taken

    def require(self, *, recognised: bool) -> None:
        """Hold that anything was recognised.

        Raises:
            ConsoleError: nothing was; names the first line that was not blank.
        """
        if recognised:
            return
        first = next((line for line in self.lines if line.text.strip()), None)
        if first is None:
            raise ConsoleError(self.expected)
        raise ConsoleError(self.expected, first.number, first.text)

    @property
    def unread(self) -> tuple[Line, ...]:
        """The lines that were not understood, in order."""
        return tuple(sorted(self._unread, key=lambda line: line.number))
