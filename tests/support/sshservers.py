"""SSH servers on loopback that behave as badly as a test tells them to; the shell is a function that plays it.

Proof that the client speaks SSH comes from OpenSSH (`support.opensshd`); this is for what OpenSSH never does.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache

import paramiko
from paramiko.server import InteractiveQuery

from ctlctl.connectors.platform_cli_ports import CliSettings
from ctlctl.connectors.secret import Secret
from support.adminshell import AdminShell

USER, PASSWORD = "ctlctl-os", "Right-password-7"
_LOG = "ctlctl.tests.sshserver"
_TICK = 0.05
_JOIN = 10.0

logging.getLogger(_LOG).addHandler(logging.NullHandler())
logging.getLogger(_LOG).propagate = False
logging.getLogger(_LOG).setLevel(logging.CRITICAL)


@cache
def host_key(number: int = 0) -> paramiko.PKey:
    """Return a key for a server; the same for the same number."""
    del number
    return paramiko.ECDSAKey.generate()


@cache
def rsa_key() -> paramiko.PKey:
    return paramiko.RSAKey.generate(2048)


class Shell:
    """The server's end of one shell: reads what is typed, echoes it, and records it."""

    def __init__(self, channel: paramiko.Channel, record: list[str], stop: threading.Event) -> None:
        self.channel = channel
        self.record = record
        self.stop = stop
        self.echo = True
        self._pending = ""

    def write(self, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
        with suppress(OSError):
            self.channel.sendall(data)

    def key(self) -> str | None:
        """Return one key as typed; None at the end."""
        while not self._pending:
            if self.stop.is_set():
                return None
            self.channel.settimeout(_TICK)
            try:
                data = self.channel.recv(4096)
            except TimeoutError:
                continue
            if not data:
                return None
            self._pending = data.decode()
        one, self._pending = self._pending[0], self._pending[1:]
        return one

    def line(self) -> str | None:
        """Return the next line as typed, which is then on the record; None at the end."""
        typed = ""
        while (key := self.key()) is not None:
            if key in "\r\n":
                if self.echo:
                    self.write(f"{typed}\n")
                self.record.append(typed)
                return typed
            typed += key
        if typed:
            self.record.append(typed)
        return None

    def wait(self) -> None:
        """Say nothing until the client has gone or the test is over."""
        while self.key() is not None:
            pass

    def play(self, answers: Mapping[str, str], *, paging: bool = False) -> None:
        shell = AdminShell(answers, self.write, self.line, self.key)
        shell.paging = paging
        shell.run()


def good(shell: Shell) -> None:
    shell.play({})


@dataclass
class SshPlan:
    """How a server behaves.

    Attributes:
        play: the shell.
        keys: host keys.
        methods: ways to log in that it offers.
        questions: of keyboard-interactive, one request each.
        accept: whether the right password is accepted.
        hang_at: a step at which it says nothing any more: "banner", "auth", "pty".
        close_at: a step at which it closes the connection: "banner", "auth", "pty".
    """

    play: Callable[[Shell], None] = good
    keys: Sequence[paramiko.PKey] = field(default_factory=lambda: (host_key(),))
    methods: str = "keyboard-interactive"
    questions: tuple[str, ...] = ("Password: ",)
    accept: bool = True
    hang_at: str = ""
    close_at: str = ""


@dataclass
class RunningSsh:
    """A server that runs: where, and what it has seen.

    Attributes:
        port: on 127.0.0.1.
        plan: how it behaves.
        lines: what was typed, all sessions together.
        answers: what was given as a password.
        connections: how many there were.
    """

    port: int
    plan: SshPlan
    lines: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    connections: int = 0

    def settings(self, **changes: object) -> CliSettings:
        words: dict[str, object] = {
            "cluster": "hq",
            "node": "pub",
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": Secret(PASSWORD),
            "host_key": self.plan.keys[0].fingerprint,
            "login_seconds": 10.0,
            "command_seconds": 10.0,
            "question_seconds": 0.6,
            **changes,
        }
        return CliSettings(**words)  # type: ignore[arg-type]  # a test names fields that exist


class _Server(paramiko.ServerInterface):
    def __init__(self, running: RunningSsh, transport: paramiko.Transport, stop: threading.Event) -> None:
        self.running = running
        self.transport = transport
        self.stop = stop
        self.left = list(running.plan.questions)
        self.shell_asked = threading.Event()

    def _step(self, name: str) -> None:
        plan = self.running.plan
        if plan.close_at == name:
            self.transport.close()
        if plan.hang_at == name:
            self.stop.wait(60)

    def get_allowed_auths(self, username: str) -> str:
        del username
        return self.running.plan.methods

    def check_auth_password(self, username: str, password: str) -> int:
        if "password" not in self.running.plan.methods:
            return paramiko.common.AUTH_FAILED
        return self._judge(username, [password])

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        del submethods
        if "keyboard-interactive" not in self.running.plan.methods:
            return paramiko.common.AUTH_FAILED
        self.username = username
        return self._next()

    def check_auth_interactive_response(self, responses: list[str]) -> int | InteractiveQuery:
        self._step("auth")
        if self.left:
            self.running.answers.extend(responses)
            return self._next()
        return self._judge(self.username, responses)

    def _next(self) -> InteractiveQuery:
        words = self.left.pop(0)
        query = InteractiveQuery("", "")
        if words:
            query.add_prompt(words, False)
        return query

    def _judge(self, username: str, answers: list[str]) -> int:
        self.running.answers.extend(answers)
        right = self.running.plan.accept and username == USER and all(one == PASSWORD for one in answers)
        return paramiko.common.AUTH_SUCCESSFUL if right else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del chanid
        return paramiko.common.OPEN_SUCCEEDED if kind == "session" else 1

    def check_channel_pty_request(self, *_: object) -> bool:
        self._step("pty")
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        del channel
        self.shell_asked.set()
        return True


@contextmanager
def ssh_server(plan: SshPlan | None = None, host: str = "127.0.0.1") -> Iterator[RunningSsh]:
    """Run a server for the length of a ``with`` block."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen(20)
        listener.settimeout(_TICK)
        running = RunningSsh(listener.getsockname()[1], plan or SshPlan())

        def accept() -> None:
            while not stop.is_set():
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                running.connections += 1
                thread = threading.Thread(target=_serve, args=(running, sock, stop), name="ssh-test")
                thread.start()
                threads.append(thread)

        threads.append(threading.Thread(target=accept, name="ssh-test"))
        threads[0].start()
        try:
            yield running
        finally:
            stop.set()
            for thread in threads:
                thread.join(_JOIN)
                assert not thread.is_alive()


def _serve(running: RunningSsh, sock: socket.socket, stop: threading.Event) -> None:
    plan = running.plan
    if plan.hang_at == "banner":
        stop.wait(60)
    if "banner" in (plan.hang_at, plan.close_at):
        sock.close()
        return
    transport = paramiko.Transport(sock)
    transport.set_log_channel(_LOG)
    for key in plan.keys:
        transport.add_server_key(key)
    server = _Server(running, transport, stop)
    try:
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=server)
            while transport.is_active() and not stop.is_set():
                channel = transport.accept(_TICK)
                if channel is None:
                    continue
                if server.shell_asked.wait(5):
                    plan.play(Shell(channel, running.lines, stop))
                channel.close()
    finally:
        transport.packetizer.complete_handshake()
        transport.close()
        if transport.is_alive():
            transport.join(_JOIN)
