"""Commands that answer with one sentence: `set cli pagination`, `show cli pagination`, `show haproxy client-auth`.

Sentences: CLI Reference Guide (set, show; 14 and 15 for HAProxy).
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import Line, Output

_PAGINATION = re.compile(r"\s*Automatic pagination (?:is turned (on|off)|: ?(on|off))\.?\s*", re.IGNORECASE | re.ASCII)
_CLIENT_AUTH = re.compile(
    r"\s*Client authentication on the port ([0-9]{1,5}) is currently set to ([a-z]{1,20})\.?\s*",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Pagination:
    """Whether the shell stops after each page, and lines that were not understood."""

    on: bool
    unread: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class ClientAuth:
    """Whether a port asks its clients for a certificate.

    Attributes:
        port: TCP port.
        mode: ``optional`` or ``required``, in lower case.
        unread: lines that were not understood.
    """

    port: int
    mode: str
    unread: tuple[Line, ...]


def parse_pagination(text: str) -> Pagination:
    """Read the output of `set cli pagination on|off` or of `show cli pagination`.

    Raises:
        ConsoleError: the text is too large or does not say; nothing else.
    """
    output = Output(text, "set cli pagination", "Automatic pagination is turned off")
    words: list[str] = []
    for line in output.lines:
        if found := _PAGINATION.fullmatch(line.text):
            words.append((found[1] or found[2]).lower())
        elif line.text.strip().lower() != "show cli pagination":
            output.leave(line)
    output.require(recognised=bool(words))
    return Pagination(words[-1] == "on", output.unread)


def parse_client_auth(text: str) -> ClientAuth:
    """Read the output of `show haproxy client-auth PORT`.

    Raises:
        ConsoleError: the text is too large or does not say; nothing else.
    """
    output = Output(text, "show haproxy client-auth", "Client authentication on the port 6971 is currently set to")
    answers: list[tuple[int, str]] = []
    for line in output.lines:
        if found := _CLIENT_AUTH.fullmatch(line.text):
            answers.append((int(found[1]), found[2].lower()))
        else:
            output.leave(line)
    output.require(recognised=bool(answers))
    return ClientAuth(*answers[-1], output.unread)
