"""What may reach a terminal: nothing that a file, a certificate or a server could steer it with."""

import os
import sys
from typing import TextIO

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "bold": "1"}


def printable(text: str) -> str:
    r"""Return ``text`` with every character that a terminal might act on spelled out, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def wants_colour(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal whose user has not asked for no colour (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, *, on: bool) -> str:
    """Return ``text`` in a colour; colour only ever repeats what the word says."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if on else text


def say(message: str) -> None:
    """Tell a person something beside the data: one line on stderr."""
    print(f"ctlctl: {printable(message)}", file=sys.stderr)
