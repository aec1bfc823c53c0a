r"""What a shell has printed since a line was typed, and what it waits for. Pure: bytes in, states out.

The shell marks nothing: a command is over when the literal prompt ``admin:`` stands at the cursor. A release 15 prints
it twice (``admin:``, CR LF, CR, ``admin:``), so a prompt counts only once the typed line has come back as its echo.
"""

import re
from enum import Enum, auto
from typing import Final

from ctlctl.connectors.secret import Secret, redact
from ctlctl.terminal import printable
from ctlctl_trust.consolelisttext import MAX_TEXT, ConsoleError, raw_lines

#: Bytes of one command's output that are kept: what parsers take.
MAX_OUTPUT: Final = MAX_TEXT
# Bytes at the end that are looked at for prompts, and at the beginning for the echo.
_TAIL: Final = 4096
_HEAD: Final = 16384
# Lines among which the echo is looked for, and into how many it may be broken.
_ECHO_LINES: Final = 60
_ECHO_PIECES: Final = 12
#: Characters of what was seen last that an error repeats.
_LAST: Final = 160

_CONTROL: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cM]|\[?[0-9;]*$)"
)
_PROMPT: Final = re.compile(r"\s*(?:admin:\s*)+")
# Paging prompts in the words of Cisco's pyATS for this platform.
_PAGE: Final = re.compile(r"Press <enter> for 1 line, <space> for one page, or <q> to quit\s*$")
_VIEW: Final = re.compile(r"options: q=quit, n=next, p=prev, b=begin, e=end \(lines [0-9]+ - [0-9]+ of [0-9]+\) ?:\s*$")
_OPEN: Final = re.compile(r".*(?:[:?\]>]|\([^()]{1,20}\))\s*")


class Waits(Enum):
    """What the shell waits for."""

    NOTHING = auto()
    COMMAND = auto()
    PAGE = auto()
    VIEW = auto()
    ANSWER = auto()


#: What is typed at a paging prompt: one key, without a line end.
KEYS: Final = {Waits.PAGE: b" ", Waits.VIEW: b"n"}


class Screen:
    """The output since one line was typed."""

    def __init__(self, typed: str | None, secrets: tuple[Secret, ...] = ()) -> None:
        """Begin.

        Args:
            typed: the line; None for the words before the first prompt.
            secrets: what the last words never repeat.
        """
        self._secrets = secrets
        self._typed = None if typed is None else _squeezed(typed)
        self._data = bytearray()
        self._answered = 0
        self._echoed = typed is None

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        before = len(self._data)
        self._data += data
        # What is behind the head cannot bring the echo any more; a node may send it byte by byte.
        if not self._echoed and before < _HEAD:
            self._echoed = self._echo_end(_text(self._data[:_HEAD])) is not None

    @property
    def is_full(self) -> bool:
        """Whether more has come than is kept."""
        return len(self._data) > MAX_OUTPUT

    @property
    def echoed(self) -> bool:
        """Whether the typed line has come back."""
        return self._echoed

    @property
    def waits(self) -> Waits:
        """What the shell waits for, by the words at the cursor."""
        line = self.line
        if _PAGE.search(line):
            return Waits.PAGE
        if _VIEW.search(line):
            return Waits.VIEW
        if _PROMPT.fullmatch(line):
            return Waits.COMMAND
        return Waits.ANSWER if _OPEN.fullmatch(line) else Waits.NOTHING

    @property
    def line(self) -> str:
        """The line at which the cursor stands, as far as it has come since the last answer."""
        begin = max(self._answered, len(self._data) - _TAIL)
        text = _text(self._data[begin:])
        return re.split(r"[\r\n]", _CONTROL.sub(_erased, text))[-1]

    def answered(self) -> None:
        """Take what stands at the cursor for dealt with."""
        self._answered = len(self._data)

    @property
    def last_words(self) -> str:
        """What was seen last, printable and short; for errors."""
        words = " ".join(printable(line) for line in self._tail_lines())
        return words if len(words) <= _LAST else f"…{words[-_LAST:]}"

    def _tail_lines(self) -> list[str]:
        # Secrets are taken out before words are cut, so that no part of one is left over.
        text = _CONTROL.sub("", redact(_text(self._data[-2 * _TAIL :]), self._secrets))
        text = redact(text, self._secrets)[-_TAIL:]
        return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()][-3:]

    def output(self) -> str:
        """Return what the command printed: lines without echo, prompt, paging and control sequences.

        Raises:
            ConsoleError: it has more lines than parsers take.
        """
        text = _text(self._data)
        lines = [line.text for line in raw_lines(text)]
        begin = 0 if self._typed is None else self._echo_end(text) or 0
        lines = lines[begin:]
        while lines and (_PROMPT.fullmatch(lines[-1]) or not lines[-1].strip()):
            lines.pop()
        return "\n".join(lines)

    def _echo_end(self, text: str) -> int | None:
        """Return the number of lines up to the end of the echo, or None where it has not come."""
        if not self._typed:
            return None
        try:
            lines = [_squeezed(line.text) for line in raw_lines(text)[: _ECHO_LINES + _ECHO_PIECES]]
        except ConsoleError:
            return None
        for begin in range(min(len(lines), _ECHO_LINES)):
            joined = ""
            for end in range(begin, min(len(lines), begin + _ECHO_PIECES)):
                joined += lines[end]
                if joined.endswith(self._typed):
                    return end + 1
                if len(joined) > 2 * len(self._typed) + _TAIL:
                    break
        return None


def _text(data: bytes | bytearray) -> str:
    # Bells and the backspaces with which a line editor moves its cursor are no output.
    return data.decode("utf-8", "replace").replace(" \b", "").replace("\b", "").replace("\a", "").replace("\0", "")


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _erased(found: re.Match[str]) -> str:
    # Erasing a line begins it anew.
    return "\r" if found[0].endswith("K") else ""
