"""The platform CLI of one node over SSH: an interactive shell whose prompt is waited for.

CUCM offers no exec channel and no exit codes, so a terminal is opened, commands of the table are typed one by one, and
what they print is returned as text for `ctlctl.console`. Facts: CLI Reference Guide 12.5, Cisco's pyATS for this
platform, raw output of a release 15.
"""

import time
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import paramiko

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.network import Deadline
from ctlctl.connectors.platform_cli_commands import Command, Question, command_line
from ctlctl.connectors.platform_cli_meter import COMMAND_BYTES, MeteredSocket
from ctlctl.connectors.platform_cli_ports import CliSettings, Grant, PlatformCliError
from ctlctl.connectors.platform_cli_screen import KEYS, MAX_OUTPUT, Screen, Waits
from ctlctl.connectors.platform_cli_ssh import close, closed_at, logged_in
from ctlctl.connectors.secret import redact
from ctlctl.console import ConsoleError, parse_pagination

# Columns and lines of the terminal: wide enough that no line is broken, high enough that the words of the login need
# no paging.
_WIDTH: Final = 511
_HEIGHT: Final = 1000
#: Bytes taken at once.
_CHUNK: Final = 32768
#: Seconds between two looks at the clock.
_TICK: Final = 0.25
#: Part of the time for a question after which a prompt counts although the typed line has not come back.
_NO_ECHO_PART: Final = 1 / 3
#: Seconds of silence at the login after which a line end is sent, once; some nodes wait for one.
_NUDGE_SECONDS: Final = 10.0
#: Seconds for the node to close the session after `exit`.
_EXIT_SECONDS: Final = 2.0


class PlatformCli:
    """One login to one node; use it as a context manager.

    After an error in the middle of a command the session is over: what the shell is doing is not known any more.
    """

    def __init__(self, settings: CliSettings) -> None:
        """Open nothing yet.

        Args:
            settings: of the node.
        """
        self._settings = settings
        self._transport: paramiko.Transport | None = None
        self._channel: paramiko.Channel | None = None
        self._pagination_off = False

    @property
    def pagination_off(self) -> bool:
        """Whether the node said that it turned paging off; accounts of level 0 may not."""
        return self._pagination_off

    def __enter__(self) -> Self:
        """Log in, as `open`."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out."""
        self.close()

    def open(self) -> None:
        """Log in, wait for the prompt, turn paging off.

        Raises:
            PlatformCliError: it could not be; fault "credentials" where the node refused the account, and then no
                node of the cluster should be tried again before the account changes.
        """
        deadline = Deadline(self._settings.login_seconds)
        try:
            self._transport = logged_in(self._settings, deadline)
            self._channel = self._shell(self._transport, deadline)
            self._wait(Screen(None, (self._settings.password,)), deadline, _LOGIN)
            self._pagination_off = self._turn_pagination_off()
        except TimeoutError:
            self._abandon()
            raise self._error(ConnectorFault.TIMEOUT, "the login did not end in time") from None
        except BaseException:
            self._abandon()
            raise

    def run(self, command: str, argument: str = "", *, grant: Grant | None = None) -> str:
        """Run one command of the table.

        Args:
            command: its words, such as "show cert own".
            argument: what follows them.
            grant: what an approved plan allows; commands that write need it.

        Returns:
            What it printed: lines without echo, prompts and control sequences.

        Raises:
            CliGuardError: it may not be sent; nothing was.
            PlatformCliError: it brought no usable answer; the session is over. For a command that writes, the fault
                "uncertain" says that the change may have been made.
        """
        known, line = command_line(command, argument, grant, self._settings.place)
        if self._channel is None:
            raise self._error(ConnectorFault.UNREACHABLE, f"{line!r} was not sent: the session is over")
        seconds = known.seconds or self._settings.command_seconds
        screen = Screen(line, (self._settings.password,))
        if self._meter is not None:
            self._meter.allow(COMMAND_BYTES)
        try:
            self._type(f"{line}\n".encode())
            self._wait(screen, Deadline(seconds), known)
            return screen.output()
        except TimeoutError:
            self._abandon()
            detail = f"{line!r} did not end within {seconds:g} seconds; {_seen(screen)}"
            raise self._error(ConnectorFault.TIMEOUT, detail, known) from None
        except ConsoleError as error:
            self._abandon()
            raise self._error(ConnectorFault.TOO_LARGE, f"{line!r} printed too much ({error})", known) from None
        except BaseException:
            self._abandon()
            raise

    def close(self) -> None:
        """Log out; without an error whatever the state."""
        channel = self._channel
        if channel is not None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                channel.settimeout(_EXIT_SECONDS)
                channel.sendall(b"exit\n")
                deadline = Deadline(_EXIT_SECONDS)
                while channel.recv(_CHUNK):
                    channel.settimeout(deadline.remaining())
        self._abandon()

    def _abandon(self) -> None:
        transport, self._transport, self._channel = self._transport, None, None
        if transport is not None:
            close(transport)

    def _shell(self, transport: paramiko.Transport, deadline: Deadline) -> paramiko.Channel:
        try:
            with closed_at(transport, deadline):
                channel = transport.open_session(timeout=deadline.remaining())
                channel.set_combine_stderr(True)
                channel.get_pty("vt100", _WIDTH, _HEIGHT)
                channel.invoke_shell()
                return channel
        except Exception as error:  # noqa: BLE001 - paramiko raises whatever its own thread died of
            # One that comes of the deadline is told as such.
            deadline.remaining()
            detail = f"logged in, but the node gives no shell ({error})"
            raise self._error(ConnectorFault.PROTOCOL, detail) from None

    def _turn_pagination_off(self) -> bool:
        try:
            return not parse_pagination(self.run("set cli pagination off")).on
        except ConsoleError:
            # Level 0 may not, and during an upgrade nobody may: then paging prompts are answered.
            return False

    def _type(self, data: bytes) -> None:
        if self._channel is None:
            raise self._error(ConnectorFault.UNREACHABLE, "the session is over")
        try:
            self._channel.settimeout(self._settings.login_seconds)
            self._channel.sendall(data)
        except (OSError, EOFError, paramiko.SSHException):
            # Whether it is still there is seen when its answer is read.
            return

    def _wait(self, screen: Screen, deadline: Deadline, command: Command) -> None:
        """Read until the shell waits for a command; answer what the table has answers for.

        Raises:
            TimeoutError: the deadline passed.
            PlatformCliError: the connection ended, too much came, or a question that is not known.
        """
        open_questions = list(command.questions)
        last = time.monotonic()
        nudged = command is not _LOGIN
        no_echo = self._settings.question_seconds * _NO_ECHO_PART
        while True:
            silent = time.monotonic() - last
            waits = screen.waits
            if waits is Waits.COMMAND and (screen.echoed or silent >= no_echo) and not self._more():
                return
            if waits in KEYS:
                screen.answered()
                self._type(KEYS[waits])
            elif waits is Waits.ANSWER and (question := _asked(screen, open_questions)):
                open_questions.remove(question)
                screen.answered()
                self._type(f"{question.answer}\n".encode())
            elif waits is Waits.ANSWER and silent >= self._settings.question_seconds:
                detail = f"{_during(command)} a question that is not known; {_seen(screen)}"
                raise self._error(ConnectorFault.PROTOCOL, detail, command)
            elif waits is Waits.NOTHING and not nudged and silent >= _NUDGE_SECONDS:
                nudged = True
                self._type(b"\n")
            if self._read(screen, min(_TICK, deadline.remaining()), command):
                last = time.monotonic()

    @property
    def _meter(self) -> MeteredSocket | None:
        sock: object = None if self._transport is None else self._transport.sock
        return sock if isinstance(sock, MeteredSocket) else None

    def _more(self) -> bool:
        return self._channel is not None and self._channel.recv_ready()

    def _read(self, screen: Screen, seconds: float, command: Command) -> bool:
        """Take what comes within some seconds; returns whether anything did."""
        if self._channel is None:
            raise self._error(ConnectorFault.UNREACHABLE, "the session is over", command)
        self._channel.settimeout(seconds)
        try:
            data = self._channel.recv(_CHUNK)
        except TimeoutError:
            return False
        except (OSError, EOFError, paramiko.SSHException):
            data = b""
        meter = self._meter
        if not data and not (meter is not None and meter.is_used_up):
            detail = f"{_during(command)} the node closed the connection; {_seen(screen)}"
            raise self._error(ConnectorFault.UNREACHABLE, detail, command)
        screen.feed(data)
        if not data or screen.is_full:
            detail = f"{_during(command)} the node printed more than {MAX_OUTPUT:,} bytes; {_seen(screen)}"
            raise self._error(ConnectorFault.TOO_LARGE, detail, command)
        return True

    def _error(self, fault: ConnectorFault, detail: str, command: Command | None = None) -> PlatformCliError:
        if command is not None and command.writes:
            fault = ConnectorFault.UNCERTAIN
        detail = redact(detail, (self._settings.password,))
        return PlatformCliError(fault, detail, place=self._settings.place, advice=_ADVICE.get(fault, ""))


#: Stands for the words before the first prompt; it is not in the table and is never typed.
_LOGIN: Final = Command("")
_ADVICE: Final = {
    ConnectorFault.PROTOCOL: (
        "Log in by hand (ssh) and look at what the node asks; the prompt that is waited for is admin:"
    ),
    ConnectorFault.TOO_LARGE: "Run the command by hand and look at what it prints",
    ConnectorFault.UNREACHABLE: "Try again; if it stays, look at the load of the node and what lies in between",
    ConnectorFault.TIMEOUT: "Check the load of the node, or allow more time (login_seconds, command_seconds)",
}


def _asked(screen: Screen, questions: list[Question]) -> Question | None:
    line = screen.line.strip()
    return next((question for question in questions if question.pattern.fullmatch(line)), None)


def _during(command: Command) -> str:
    return f"after {command.words!r}" if command.words else "at the login, before the first prompt,"


def _seen(screen: Screen) -> str:
    words = screen.last_words
    return f"seen last: {words!r}" if words else "nothing was seen"
