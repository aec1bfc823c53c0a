"""SSH towards a node: the connection, the host key, the login. The one module that uses paramiko for that.

Nothing of this machine's own SSH set-up plays a part: no agent, no keys, no known hosts, no configuration, no
environment. The host key is compared before anything about the account is sent.
"""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import paramiko

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.network import Deadline, connect, reason_of, resolve
from ctlctl.connectors.platform_cli_meter import LOGIN_BYTES, MeteredSocket
from ctlctl.connectors.platform_cli_ports import CliSettings, PlatformCliError
from ctlctl.connectors.ports import FetchError, FetchTarget, TargetError
from ctlctl.connectors.secret import Secret, redact

#: Families of host keys and their algorithms, in the order in which they are asked for.
_FAMILIES: Final = {
    "Ed25519": ("ssh-ed25519",),
    "ECDSA": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "RSA": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}
_SHA1_HOST_KEY: Final = "ssh-rsa"
_SHA1_KEX: Final = ("diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1")
# Never offered: a group of 1024 bits, CBC and 3DES, MD5, and SHA-1 cut to 96 bits. hmac-sha1 stays: the servers of 10.5
# to 11.5 have nothing better, and what breaks SHA-1 as a digest does not break it there.
_NO_KEX: Final = ("diffie-hellman-group1-sha1",)
_NO_CIPHERS: Final = ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc")
_NO_MACS: Final = ("hmac-md5", "hmac-md5-96", "hmac-sha1-96")
#: How paramiko begins when a connection ends, or is reset, before the first line of the server.
_NO_WORD: Final = "Error reading SSH protocol banner"
#: Questions of one keyboard-interactive login that are answered; more than one is unusual already.
_MAX_QUESTIONS: Final = 4
#: Seconds for paramiko's thread to end; it looks ten times a second.
_JOIN_SECONDS: Final = 5.0
#: Seconds that a message may wait for a new key exchange to end.
_REKEY_SECONDS: Final = 5.0
#: Seconds by which paramiko's own time-outs come after ours: it calls them closed connections.
_LATER_SECONDS: Final = 60.0
_LOG: Final = "ctlctl.connectors.paramiko"

# What paramiko logs is about packets; what matters of it reaches the operator as an error.
_logger = logging.getLogger(_LOG)
_logger.addHandler(logging.NullHandler())
_logger.propagate = False
_logger.setLevel(logging.CRITICAL)

_HOW_SHA1: Final = (
    "CUCM 10.5 to 11.5 speak only what is built on SHA-1: write sha1_key_exchange = true in the cluster's [platform] "
    "table if this is one of them"
)


@dataclass(frozen=True, slots=True)
class HostKey:
    """What a node presents as its SSH host key: believed by nobody yet.

    Attributes:
        kind: such as "ssh-ed25519".
        fingerprint: "SHA256:…" as `ssh-keygen -l` prints it.
    """

    kind: str
    fingerprint: str

    def __str__(self) -> str:
        """Return it as a person compares it."""
        return f"{self.kind} {self.fingerprint}"


class _StopLoginError(paramiko.SSHException):
    """The server asks for what a password is no answer to; raised within paramiko's thread, it ends the connection."""


def presented_host_key(host: str, port: int, seconds: float, *, place: Place) -> HostKey:
    """Look at the host key that a node presents. Nothing is believed, nobody logs in.

    Args:
        host: name or address.
        port: TCP port of SSH.
        seconds: for connection and key exchange.
        place: what an error says about where it comes from.

    Raises:
        PlatformCliError: there is none to be had.
    """
    deadline = Deadline(seconds)
    # Only looked at: whatever the node speaks is good enough for that.
    transport = _shake_hands(host, port, place, deadline, tuple(_FAMILIES), sha1=True)
    try:
        return _host_key(transport, place)
    finally:
        close(transport)


def logged_in(settings: CliSettings, deadline: Deadline) -> paramiko.Transport:
    """Connect to a node, compare its host key, and log in.

    Args:
        settings: of the node.
        deadline: by when.

    Returns:
        The connection; whoever gets it closes it with `close`.

    Raises:
        PlatformCliError: it could not be; fault "credentials" where the node refused the account.
    """
    place = settings.place
    if settings.host_key is None:
        shown = presented_host_key(settings.host, settings.port, deadline.remaining(), place=place)
        raise PlatformCliError(
            ConnectorFault.HOST_KEY,
            f"nothing says which host key is the node's, so nobody logs in; it presents {shown}",
            place=place,
            advice=how_to_pin(shown),
        )
    transport = _proven(settings, settings.host_key, deadline)
    try:
        _Login(settings, deadline).log_in(transport)
    except BaseException:
        close(transport)
        raise
    return transport


def how_to_pin(key: HostKey) -> str:
    """Return what to do about a host key that nobody vouches for yet."""
    return (
        "Compare it with what another computer knows of the node (ssh-keygen -l -F NODE), then write "
        f'ssh_host_key = "{key.fingerprint}" in the node\'s table'
    )


def close(transport: paramiko.Transport) -> None:
    """Close a connection, and wait for paramiko's threads to end."""
    # A key exchange that failed leaves the thread behind that was to time it.
    transport.packetizer.complete_handshake()
    transport.close()
    if transport.is_alive():
        transport.join(_JOIN_SECONDS)


@contextmanager
def closed_at(transport: paramiko.Transport, deadline: Deadline) -> Iterator[None]:
    """Close a connection should the deadline pass within the block: some of paramiko's calls wait for ever."""
    timer = threading.Timer(deadline.remaining(), transport.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join(_JOIN_SECONDS)


def _proven(settings: CliSettings, pin: str, deadline: Deadline) -> paramiko.Transport:
    """Connect to a server that presents the pinned key.

    A node has a key of each family, and which one the operator has written down is not known from the fingerprint: so
    those that were not presented yet are asked for too.
    """
    seen: list[HostKey] = []
    left = list(_FAMILIES)
    while left:
        try:
            transport = _shake_hands(
                settings.host,
                settings.port,
                settings.place,
                deadline,
                tuple(left),
                sha1=settings.sha1_key_exchange,
            )
        except _NothingInCommonError:
            if seen:
                break
            raise
        try:
            key = _host_key(transport, settings.place)
        except PlatformCliError:
            close(transport)
            raise
        if key.fingerprint == pin:
            return transport
        close(transport)
        seen.append(key)
        left = [family for family in left if not _is_of(key.kind, family)]
    shown = " and ".join(str(key) for key in seen)
    raise PlatformCliError(
        ConnectorFault.HOST_KEY,
        f"its host key is not the one in the settings: it presents {shown}",
        place=settings.place,
    )


def _is_of(kind: str, family: str) -> bool:
    # The key of the three RSA algorithms calls itself ssh-rsa.
    return kind in _FAMILIES[family]


class _NothingInCommonError(PlatformCliError):
    """The server offers no algorithm that is offered to it."""


def _shake_hands(  # noqa: PLR0913 - where, by when, and what is offered
    host: str, port: int, place: Place, deadline: Deadline, families: tuple[str, ...], *, sha1: bool
) -> paramiko.Transport:
    """Connect and exchange keys; nobody has proved anything afterwards."""
    sock = MeteredSocket(_connect(host, port, place, deadline), LOGIN_BYTES)
    # paramiko takes whatever behaves like a socket; its types know the usual ones only.
    transport = paramiko.Transport(sock, disabled_algorithms=_left_out(families, sha1=sha1))  # type: ignore[arg-type]
    try:
        transport.set_log_channel(_LOG)
        transport.banner_timeout = transport.handshake_timeout = deadline.remaining() + _LATER_SECONDS
        transport.clear_to_send_timeout = _REKEY_SECONDS
        done = threading.Event()
        transport.start_client(event=done)
        over = not done.wait(deadline.remaining())
    except TimeoutError:
        close(transport)
        raise _too_slow("the key exchange", place) from None
    except BaseException:
        close(transport)
        raise
    if transport.is_active() and not over:
        return transport
    error = transport.get_exception()
    close(transport)
    if over or isinstance(error, TimeoutError):
        raise _too_slow("the key exchange", place)
    if sock.is_used_up:
        detail = f"the peer sent more than {LOGIN_BYTES:,} bytes in the SSH key exchange"
        raise PlatformCliError(ConnectorFault.TOO_LARGE, detail, place=place, advice="Check what answers at this port")
    raise _broken_handshake(error, place, sha1=sha1)


def _left_out(families: tuple[str, ...], *, sha1: bool) -> dict[str, tuple[str, ...]]:
    offered = {name for family in families for name in _FAMILIES[family]} - (set() if sha1 else {_SHA1_HOST_KEY})
    return {
        "kex": (*_NO_KEX, *(() if sha1 else _SHA1_KEX)),
        "keys": tuple(name for names in _FAMILIES.values() for name in names if name not in offered),
        "ciphers": _NO_CIPHERS,
        "macs": _NO_MACS,
    }


def _broken_handshake(error: BaseException | None, place: Place, *, sha1: bool) -> PlatformCliError:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        # In paramiko's words: "... (no acceptable kex algorithm)".
        what = str(error).partition("(")[2].rstrip(")") or "nothing in common"
        old = not sha1 and ("kex" in what or "host key" in what)
        advice = _HOW_SHA1 if old else "Check what answers at this port, and the cipher management of the node"
        return _NothingInCommonError(
            ConnectorFault.PROTOCOL, f"the SSH key exchange failed: {what}", place=place, advice=advice
        )
    # A full sshd drops connections before it says a word; paramiko tells that in words alone.
    closed = error is None or isinstance(error, EOFError) or str(error).startswith(_NO_WORD)
    reason = "the connection was closed" if error is None or closed else _reason(error)
    fault = ConnectorFault.UNREACHABLE if closed or isinstance(error, OSError) else ConnectorFault.PROTOCOL
    return PlatformCliError(fault, f"the SSH key exchange failed ({reason})", place=place)


def _reason(error: BaseException) -> str:
    return reason_of(error) if isinstance(error, Exception) else type(error).__name__


def _too_slow(what: str, place: Place) -> PlatformCliError:
    detail = f"{what} did not end within the time for a login"
    return PlatformCliError(
        ConnectorFault.TIMEOUT,
        detail,
        place=place,
        advice="Check the load of the node, or allow more time (login_seconds)",
    )


def _connect(host: str, port: int, place: Place, deadline: Deadline) -> socket.socket:
    try:
        addresses = resolve(FetchTarget("https", host, port, "ssh"), socket.SOCK_STREAM)
    except TargetError as error:
        raise PlatformCliError(ConnectorFault.INVALID, str(error), place=place) from None
    except FetchError as error:
        raise PlatformCliError(ConnectorFault.UNRESOLVED, error.detail, place=place) from None
    try:
        return connect(addresses, deadline)
    except TimeoutError:
        raise PlatformCliError(ConnectorFault.TIMEOUT, "no connection in time", place=place) from None
    except OSError as error:
        detail = f"no connection ({reason_of(error)})"
        raise PlatformCliError(ConnectorFault.UNREACHABLE, detail, place=place) from None


def _host_key(transport: paramiko.Transport, place: Place) -> HostKey:
    try:
        key = transport.get_remote_server_key()
    except paramiko.SSHException:
        raise _broken_handshake(None, place, sha1=True) from None
    return HostKey(key.get_name(), key.fingerprint)


class _Login:
    """One login: keyboard-interactive, or with a plain password where nothing else is offered."""

    def __init__(self, settings: CliSettings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._asked: list[str] = []
        self._sent = False

    def log_in(self, transport: paramiko.Transport) -> None:
        try:
            more = self._ask(transport)
        except _StopLoginError as error:
            raise self._refused(str(error)) from None
        except paramiko.BadAuthenticationType as error:
            raise self._unsupported(error.allowed_types) from None
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - paramiko raises whatever its own thread died of
            raise self._failed(transport, error) from None
        if more:
            raise self._unsupported(more)

    def _ask(self, transport: paramiko.Transport) -> list[str]:
        username = self._settings.username
        transport.auth_timeout = self._deadline.remaining()
        try:
            return transport.auth_interactive(username, self._answer)
        except paramiko.BadAuthenticationType as error:
            if self._sent or "password" not in error.allowed_types:
                raise
        # CUCM takes keyboard-interactive; a server that does not offer it has seen no password yet.
        self._sent = True
        transport.auth_timeout = self._deadline.remaining()
        return transport.auth_password(username, self._settings.password.reveal(), fallback=False)

    def _answer(self, title: str, instructions: str, questions: list[tuple[str, bool]]) -> list[str]:
        """Answer what the server asks. Runs in paramiko's thread; what it raises ends the connection."""
        del title, instructions
        for words, _ in questions:
            asked = words.strip().casefold()
            if any(word in asked for word in ("new", "retype", "change", "confirm")):
                raise _StopLoginError(f"the node asks {words.strip()!r}: the password has expired or must be changed")
            if asked in self._asked:
                raise _StopLoginError("the node asks for the password again: it did not take it")
            if len(self._asked) >= _MAX_QUESTIONS:
                raise _StopLoginError("the node asks more than a password answers")
            self._asked.append(asked)
        self._sent = self._sent or bool(questions)
        return [self._settings.password.reveal() for _ in questions]

    def _failed(self, transport: paramiko.Transport, error: Exception) -> PlatformCliError:
        if str(error) == "Authentication timeout.":
            return _too_slow("the login", self._settings.place)
        refused = isinstance(error, paramiko.AuthenticationException) and transport.is_active()
        if refused:
            return self._refused("the node refused user name and password")
        if self._sent:
            # It may have been a refusal; taking it for anything else could lock the account out.
            return self._refused("the node closed the connection instead of an answer to the password")
        detail = f"the node closed the connection during the login ({_reason(error)})"
        return PlatformCliError(ConnectorFault.UNREACHABLE, self._harmless(detail), place=self._settings.place)

    def _refused(self, words: str) -> PlatformCliError:
        detail = f"user {self._settings.username!r}: {words}"
        return PlatformCliError(ConnectorFault.CREDENTIALS, self._harmless(detail), place=self._settings.place)

    def _unsupported(self, methods: list[str]) -> PlatformCliError:
        detail = f"the node wants another proof than a password ({', '.join(methods)})"
        advice = "Check that this is the platform account of a CUCM node"
        return PlatformCliError(
            ConnectorFault.UNSUPPORTED, self._harmless(detail), place=self._settings.place, advice=advice
        )

    def _harmless(self, text: str) -> str:
        secrets: tuple[Secret, ...] = (self._settings.password,)
        return redact(text, secrets)
