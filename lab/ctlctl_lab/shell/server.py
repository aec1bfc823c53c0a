"""The SSH server of a node: who may log in, and how; the session itself is `ctlctl_lab.shell.commands`.

No exec channel, no subsystem, no forwarding: only an interactive shell (public tools agree). Keyboard-interactive is
what CUCM takes; the password method succeeded on 11.5 and is refused by newer ones, where it costs an attempt
(calltelemetry/cisco-cucm-mcp). Up to 11.5 nothing but SHA-1 key exchange and ssh-rsa is spoken.
"""

import codecs
import logging
import socket
import time
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Final

from paramiko import Channel, RSAKey, ServerInterface, SSHException, Transport
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery

from ctlctl_lab.hostkeys import host_key
from ctlctl_lab.shell.commands import run_session
from ctlctl_lab.shell.session import Console, HangupError

if TYPE_CHECKING:
    from ctlctl_lab.model import PlatformAccount
    from ctlctl_lab.world import World

#: Real seconds from the connection to the shell; OpenSSH's LoginGraceTime.
LOGIN_SECONDS: Final = 120.0
#: Lab seconds without a key after which a session ends ("set cli session timeout", 30 minutes by default).
IDLE_SECONDS: Final = 30 * 60
#: Releases up to this one speak SHA-1 only, and take the password method.
OLD_RELEASE: Final = 11
_SHA1_KEX: Final = ("diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1")
_LOOK_SECONDS: Final = 0.2
_RECEIVE_BYTES: Final = 4096
#: Lines of a screen whose size nobody told, or told badly.
_ROWS: Final = 24
_MOST_ROWS: Final = 1000
#: Real seconds for which a client may take its leave.
_GOODBYE_SECONDS: Final = 2.0
_LOG: Final = "ctlctl_lab.ssh"

# A lab says nothing of clients that talk nonsense; without a handler Python would print it.
logging.getLogger(_LOG).addHandler(logging.NullHandler())
logging.getLogger(_LOG).propagate = False


def serve_ssh(sock: socket.socket, world: "World", node: str) -> None:
    """Serve one connection, from its first byte to its end.

    Args:
        sock: the connection; the caller closes it.
        world: the cluster.
        node: name of the node that was connected to.
    """
    # paramiko closes its socket with what the peer sent still unread, which takes away what the peer has not read: this
    # connection's own end waits until the peer has.
    transport = Transport(sock.dup())
    transport.set_log_channel(_LOG)
    with world.cluster.lock:
        old = world.cluster.major <= OLD_RELEASE
        faults = world.faults
        key = host_key(world.pki.directory, node, other=node in faults.ssh_host_key)
        sha1_only = old or node in faults.ssh_sha1_kex
    transport.local_version = f"SSH-2.0-OpenSSH_{'5.3' if old else '8.0'}"
    transport.add_server_key(RSAKey(key=key))
    if sha1_only:
        options = transport.get_security_options()
        options.kex = _SHA1_KEX
        options.key_types = ("ssh-rsa",)
    door = _Door(world, node, password_method=old)
    try:
        # Negotiation that fails, a peer that leaves: each ends its own connection and nothing else.
        with suppress(SSHException, EOFError, OSError, HangupError):
            transport.start_server(server=door)
            _serve(transport, door, world, node)
    finally:
        dropped = node in faults.ssh_drop
        transport.close()
        if not dropped:
            _see_out(sock)


def _see_out(sock: socket.socket) -> None:
    """Let the peer read what was sent, for a little while."""
    until = time.monotonic() + _GOODBYE_SECONDS
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(_GOODBYE_SECONDS)
        while sock.recv(_RECEIVE_BYTES) and time.monotonic() < until:
            pass


def _serve(transport: Transport, door: "_Door", world: "World", node: str) -> None:
    deadline = time.monotonic() + LOGIN_SECONDS
    channel: Channel | None = None
    while channel is None or not door.shell.wait(_LOOK_SECONDS):
        if not transport.is_active() or time.monotonic() > deadline:
            return
        channel = channel or transport.accept(_LOOK_SECONDS)
    account = door.account
    if account is None:
        raise AssertionError("a shell is opened after a login only")
    terminal = _ChannelTerminal(channel, door, world.cluster.clock.real_seconds(IDLE_SECONDS))
    run_session(Console(terminal, world, node, account))
    channel.send_exit_status(0)
    channel.close()


class _Door(ServerInterface):
    """Decides who comes in, and for what."""

    def __init__(self, world: "World", node: str, *, password_method: bool) -> None:
        self._world = world
        self._node = node
        self._user = ""
        self._password_method = password_method
        self._opened = False
        self.account: PlatformAccount | None = None
        self.shell = Event()
        self.rows = _ROWS

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "keyboard-interactive,password" if self._password_method else "keyboard-interactive"

    def check_auth_password(self, username: str, password: str) -> int:
        if self._password_method:
            return self._check(username, password)
        # Refused whatever it is, and counted: an empty password is nobody's.
        return self._check(username, "")

    def check_auth_interactive(self, username: str, submethods: str) -> InteractiveQuery:
        del submethods
        self._user = username
        return InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._check(self._user, responses[0]) if len(responses) == 1 else AUTH_FAILED

    def _check(self, user: str, password: str) -> int:
        self.account = self._world.platform_login(self._node, user, password)
        return AUTH_FAILED if self.account is None else AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del chanid
        if kind != "session" or self._opened:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        self._opened = True
        return OPEN_SUCCEEDED

    def check_channel_pty_request(  # noqa: PLR0913, PLR0917 - paramiko's signature
        self,
        channel: Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
        modes: bytes,
    ) -> bool:
        del channel, term, width, pixelwidth, pixelheight, modes
        self._resize(height)
        return True

    def check_channel_window_change_request(
        self, channel: Channel, width: int, height: int, pixelwidth: int, pixelheight: int
    ) -> bool:
        del channel, width, pixelwidth, pixelheight
        self._resize(height)
        return True

    def _resize(self, height: int) -> None:
        self.rows = height if 0 < height <= _MOST_ROWS else _ROWS

    def check_channel_shell_request(self, channel: Channel) -> bool:
        del channel
        first = not self.shell.is_set()
        self.shell.set()
        return first


class _ChannelTerminal:
    """A `Terminal` at the other end of a channel."""

    def __init__(self, channel: Channel, door: _Door, idle_seconds: float) -> None:
        self._channel = channel
        self._door = door
        self._waiting = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        channel.settimeout(idle_seconds)

    @property
    def rows(self) -> int:
        """Lines of the operator's screen."""
        return self._door.rows

    def write(self, text: str) -> None:
        """Send text."""
        try:
            self._channel.sendall(text.encode())
        except OSError:
            raise HangupError("the operator has left") from None

    def key(self) -> str:
        """Wait for one character."""
        while not self._waiting:
            try:
                data = self._channel.recv(_RECEIVE_BYTES)
            except OSError:
                raise HangupError("nothing was typed for long") from None
            if not data:
                raise HangupError("the operator has left")
            self._waiting = self._decoder.decode(data)
        key, self._waiting = self._waiting[0], self._waiting[1:]
        return key
