"""Fuzz target: what a node's shell prints, as the screen takes it, and a whole command with whatever comes back.

The first byte chooses the command; the rest is what the node sends, once as a whole and once in pieces.
"""

import re
from collections.abc import Iterable
from functools import cache
from random import Random
from typing import Any

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_commands import COMMANDS
from ctlctl.connectors.platform_cli_ports import CliSettings, Grant, PlatformCliError
from ctlctl.connectors.platform_cli_screen import KEYS, Screen, Waits
from ctlctl.connectors.secret import Secret
from ctlctl_trust.consolelisttext import ConsoleError
from support.mutate import ByteMutator

NAME = "screen"
INSTRUMENT = (
    "ctlctl.connectors.platform_cli",
    "ctlctl.connectors.platform_cli_screen",
    "ctlctl_trust.consolelisttext",
)
#: Bytes; two pages of a list with their prompts have some 900.
MAX_LENGTH = 1024
#: Of the runs of a campaign: every input is a whole conversation.
SHARE = 0.5

_PASSWORD = "S3cret-of-Some-0ne"  # noqa: S105 - not anybody's
#: Commands and their arguments: some that read, every one that asks, one that writes and does not ask.
_TYPED = (
    ("show ctl", ""),
    ("show cert own", "tomcat"),
    ("run sql", "select name, description from device where name like 'SEP%' order by name"),
    ("utils ctl update CTLFile", ""),
    ("set cert regen", "CallManager"),
    ("utils service restart", "Cisco Tftp"),
)
_PIECES = (
    *(b"admin:", b"\r\n", b"\r", b"\n", b" ", b"\b", b" \b", b"\a", b"\x1b[K", b"\x1b[2J", b"\x1b[", b"\x1b]0;", b"\0"),
    *(b"Press <enter> for 1 line, <space> for one page, or <q> to quit", b"(y/n)", b"(yes|no)? ", b"?", b":"),
    b"options: q=quit, n=next, p=prev, b=begin, e=end (lines 1 - 20 of 99) :",
    b"Do you want to continue? (y/n):",
    b"Proceed with regeneration (yes|no)? ",
    *(
        _PASSWORD.encode(),
        b"x" * 150,
        "\u202e\u00e4".encode(),
        b"\xff",
        *(f"{' '.join(one)}".strip().encode() for one in _TYPED),
    ),
)
# Bytes up to which an input is fed byte by byte; longer ones in longer pieces.
_SHORT = 128


def seeds() -> list[bytes]:
    return [
        b"\0show ctl\r\nThe checksum value of the CTL file:\r\nabc\r\n\r\nadmin:\r\n\radmin:",
        b"\1show cert own tomcat\r\n[\r\n" + _PIECES[13] + b"\r\x1b[K]\r\nadmin:",
        b"\2" + " ".join(_TYPED[2]).encode() + b"\r\nname\r\n====\r\nSEP1\r\nadmin:",
        b"\3utils ctl update CTLFile\r\nThis will update.\r\nDo you want to continue? (y/n):y\r\ndone\r\nadmin:",
        b"\4set cert regen CallManager\r\nWARNING\r\nProceed with regeneration (yes|no)? yes\r\nadmin:",
        b"\5utils service restart Cisco Tftp\r\nService Manager is running\r\nPassword: ",
        b"\0" + _PASSWORD.encode() + b"x" * 150,
        b"\1show cert own tom\r\ncat\r\noptions: q=quit, n=next, p=prev, b=begin, e=end (lines 1 - 2 of 9) :\r\nadmin:",
    ]


def one_input(data: bytes) -> None:
    if not data:
        return
    words = _TYPED[data[0] % len(_TYPED)]
    _screen(" ".join(words).strip(), data[1:], 1 if len(data) <= _SHORT else 29)
    _command(words, data[1:])


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of a conversation in, or leave it to ``turn``."""
    if random.random() < 0.4:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(8) :])[:limit]


def _seen(screen: Screen) -> tuple[Any, ...]:
    try:
        output = screen.output()
    except ConsoleError as error:
        output = f"error: {error}"
    return output, screen.waits, screen.line, screen.last_words, screen.is_full


def _screen(typed: str, data: bytes, size: int) -> None:
    """How it comes makes no difference to what there is; the echo may have been seen before it went on."""
    whole, pieces = Screen(typed), Screen(typed)
    whole.feed(data)
    was = False
    for begin in range(0, len(data), size):
        pieces.feed(data[begin : begin + size])
        assert pieces.echoed or not was
        was = pieces.echoed
    assert _seen(whole) == _seen(pieces)
    assert pieces.echoed or not whole.echoed
    output, waits, line, last_words, _ = _seen(whole)
    assert len(output) <= len(data) * 10
    assert output.replace("\n", "").replace("\t", "").isprintable()
    assert len(last_words) <= 161
    assert last_words.isprintable()
    assert waits is not Waits.COMMAND or line.strip().endswith("admin:")
    # What is said to be dealt with waits no more.
    whole.answered()
    assert whole.waits is Waits.NOTHING
    assert _seen(whole)[0] == output


class _Channel:
    """A shell that sends what it was given, in pieces, and hangs up."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.typed: list[bytes] = []

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv_ready(self) -> bool:
        return False

    def sendall(self, data: bytes) -> None:
        self.typed.append(data)

    def recv(self, size: int) -> bytes:
        del size
        return next(self._pieces, b"")


@cache
def _settings() -> CliSettings:
    return CliSettings("hq", "pub", "127.0.0.1", 22, "reader", Secret(_PASSWORD), "SHA256:x", question_seconds=1e6)


def _command(words: tuple[str, str], data: bytes) -> None:
    """Run it; what is typed is the line, keys at paging prompts, and answers that the table has, each once."""
    command, line = COMMANDS[words[0]], " ".join(words).strip()
    cli, channel = PlatformCli(_settings()), _Channel(data[begin : begin + 40] for begin in range(0, len(data), 40))
    cli._channel = channel  # type: ignore[assignment]
    grant = Grant("plan", "hq", "pub", frozenset({line})) if command.writes else None
    try:
        output = cli.run(*words, grant=grant)
    except PlatformCliError as error:
        _hold(error, data, writes=command.writes)
    else:
        assert b"admin:" in re.sub(rb"[\x00\x07\x08]", b"", data) or b"\x1b" in data
        assert output.replace("\n", "").replace("\t", "").isprintable()
    assert channel.typed[0] == f"{line}\n".encode()
    answers = [one for one in channel.typed[1:] if one not in KEYS.values()]
    allowed = [f"{one.answer}\n".encode() for one in command.questions]
    for one in answers:
        allowed.remove(one)


def _hold(error: PlatformCliError, data: bytes, *, writes: bool) -> None:
    said = str(error)
    assert said.isprintable()
    # Whoever typed a change does not know what became of it.
    assert (error.fault is ConnectorFault.UNCERTAIN) == writes
    assert _PASSWORD not in said
    ends, whole = _PASSWORD[len(_PASSWORD) // 2 :].encode(), data.count(_PASSWORD.encode())
    if whole and re.sub(rb"[^!-~]", b"", data).count(ends) == whole:
        # Nor a part of it, where words were cut.
        assert ends.decode() not in said, said
