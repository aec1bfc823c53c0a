"""What may reach a terminal: nothing that a file, a certificate or a server could steer it with."""

import codecs
import os
import re
import sys
from contextlib import suppress
from io import TextIOWrapper
from shlex import quote
from typing import TextIO

#: Columns of a terminal that does not say how many it has.
_COLUMNS = 80
#: Begins a command that reads the settings; a sentence about ctlctl ("ctlctl and ctld ...") does not match.
_WITH_SETTINGS = re.compile(
    r"\bctlctl (?=(?:audit|audit-log|capf|cert|check|cluster|config|node|phone|plan|rollout|service|status|store"
    r"|finding list|trustlist (?:list|history)|verify cluster:|verify [^·;\n]* --against)\b)"
)
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


#: What stands for our own signs where the terminal knows only ASCII; anything else is spelled out.
_ASCII = {"·": "-", "–": "-", "—": "-", "×": "x", "…": "...", "━": "-", "╸": "-"}
_ASCII |= {"→": "->", "≈": "~", "█": "#", "▒": "=", "░": "."}


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(_ASCII.get(char) or _spelled(char) for char in bad), error.end


def prepare_streams() -> None:
    """Make sure that no character can stop the output: not every terminal, locale or log speaks UTF-8."""
    codecs.register_error("ctlctl", _in_ascii)
    # Whoever started us may have closed any of them; print would then write words for stderr into the data.
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="ctlctl")


def columns_of(stream: TextIO) -> int | None:
    """Return how wide ``stream`` is where it is a terminal; None for a file or a pipe, which takes any line."""
    if not stream.isatty():
        return None
    try:
        # Serial lines and some containers say 0.
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS


def wants_colour(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal whose user has not asked for no colour (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, colour: str, *, on: bool) -> str:
    """Return ``text`` in a colour; colour only ever repeats what the word says."""
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if on else text


def pasteable(text: str) -> str:
    """Return ``text`` with the ``--config`` of this command in every command of ctlctl that it tells somebody to type.

    Without it, who pastes the command asks about other clusters, or orders something of another daemon. Texts that are
    kept, or that a program reads, stay as they are: this is for what a person is shown. Where this command was called
    without ``--config``, and in ctld, nothing is changed.
    """
    if "ctlctl " not in text:
        return text
    from click import get_current_context  # noqa: PLC0415 - ctld has no command line

    context = get_current_context(silent=True)
    given = None if context is None else context.find_root().params.get("config")
    if given is None:
        return text
    words = f"ctlctl --config {quote(given)} "
    return _WITH_SETTINGS.sub(lambda _: words, text)


def say(message: str, who: str = "ctlctl") -> None:
    """Tell a person something beside the data: one line on stderr, with the program that says it."""
    # A full disk under stderr must not turn the verdict, which is on stdout, into something else.
    with suppress(OSError):
        print(f"{who}: {printable(pasteable(message))}", file=sys.stderr, flush=True)
