"""One phone's web server for the length of a visit: plain or TLS, one request at a time, everything bounded."""

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Final, NoReturn, Self, cast

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.http_body import BadAnswerError, TooLargeError, read_body
from ctlctl.connectors.http_wire import Wire
from ctlctl.connectors.network import Deadline, reason_of
from ctlctl.connectors.phone_web_ports import PhoneWebError, PhoneWebSettings
from ctlctl.connectors.ports import join_endpoint, printable
from ctlctl.connectors.tls_presented import lenient_context

# Bytes of headers, and how many times its size a page in chunks may take.
_WIRE_EXTRA_BYTES: Final = 256 * 1024
_WIRE_FACTOR: Final = 2
_HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "ctlctl"}
_CHECK_WEB: Final = (
    "Check that Web Access is on for this phone (it is off by default on newer models), that it is up, and the way "
    "from here to its network"
)
_LOOK: Final = "Open that address in a browser: is it this phone, and does it show its pages"
# For what a phone does; the general advice is about nodes.
_ADVICE: Final = {
    ConnectorFault.UNREACHABLE: _CHECK_WEB,
    ConnectorFault.TIMEOUT: _CHECK_WEB,
    ConnectorFault.LOGIN: "",
    ConnectorFault.WRONG_DEVICE: "",
    ConnectorFault.INVALID: "",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it came.

    Attributes:
        path: What was asked for.
        content: The page.
        content_type: What the header of that name says, or "".
    """

    path: str
    content: bytes
    content_type: str


class Open:
    """The connections of a sweep, so that they can be ended from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._ended = False

    def add(self, sock: socket.socket) -> None:
        """Take a socket in; one that comes too late is useless at once."""
        with self._lock:
            self._sockets.add(sock)
            if self._ended:
                _shut(sock)

    def close(self, sock: socket.socket) -> None:
        """Close a socket."""
        with self._lock:
            self._sockets.discard(sock)
        sock.close()

    @property
    def ended(self) -> bool:
        """Whether the sweep is over."""
        return self._ended

    def end(self) -> None:
        """End what is under way; whoever waits on a connection finds it closed."""
        with self._lock:
            self._ended = True
            for sock in self._sockets:
                _shut(sock)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        # Not SSLSocket.shutdown: it would take the TLS state away under the thread that uses it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


@cache
def reading_context() -> ssl.SSLContext:
    """Return the one context of all visits over TLS; making one costs as much as several handshakes."""
    return lenient_context()


class _NotHereError(Exception):
    """The phone does not answer this way; another way may do.

    Attributes:
        fault: What it is if there is no other.
    """

    def __init__(self, fault: ConnectorFault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


class Session:
    """A visit's way to the phone. Not for several threads."""

    def __init__(self, address: str, settings: PhoneWebSettings, place: Place, opened: Open) -> None:
        """Prepare; nothing is sent.

        Args:
            address: Where the phone is.
            settings: How pages are read.
            place: What errors say about where they come from.
            opened: Where its connections are noted.

        Raises:
            PhoneWebError: The address is none.
        """
        self._settings = settings
        self._place = place
        self._opened = opened
        try:
            self._address = ipaddress.ip_address(address)
        except ValueError:
            self._fail(ConnectorFault.INVALID, f"{address!r} is no address")
        self._deadline = Deadline(settings.visit_seconds)
        self._secure: bool | None = None
        self._sock: socket.socket | None = None
        self._connection: http.client.HTTPConnection | None = None
        self.in_trouble: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def error(self, fault: ConnectorFault, detail: str) -> PhoneWebError:
        """Return an error about this phone."""
        return PhoneWebError(fault, detail, place=self._place, advice=_ADVICE.get(fault, _LOOK))

    def get(self, path: str) -> Page | None:
        """Get one page.

        Args:
            path: Path and query.

        Returns:
            The page; None where the phone has no such page. `in_trouble` then tells of errors of its server.

        Raises:
            PhoneWebError: It cannot be had, and no other page can.
        """
        if self._secure:
            try:
                return self._get(path, secure=True)
            except _NotHereError as error:
                self._fail(error.fault, str(error))
        try:
            page = self._get(path, secure=False)
        except _NotHereError as error:
            if self._secure is False and error.fault is not ConnectorFault.REDIRECT:
                self._fail(error.fault, str(error))
            return self._get_secure(path, error)
        self._secure = False
        return page

    def _get_secure(self, path: str, plain: _NotHereError) -> Page | None:
        # "HTTPS only" closes the plain port on some firmware, and makes it point to the other one on the rest.
        try:
            page = self._get(path, secure=True)
        except _NotHereError as error:
            fault = error.fault if plain.fault is ConnectorFault.UNREACHABLE else plain.fault
            self._fail(fault, f"{plain}; {error}")
        self._secure = True
        return page

    def _get(self, path: str, *, secure: bool) -> Page | None:
        port = self._settings.https_port if secure else self._settings.http_port
        endpoint = join_endpoint(str(self._address), port)
        connected = False
        try:
            kept = self._connection
            connection = kept or self._connect(port, secure=secure)
            connected = True
            try:
                response = _ask(connection, path)
            except ConnectionError:
                if kept is None:
                    raise
                # It had kept the connection, and closed it just now: that is no trouble.
                self._close()
                response = _ask(self._connect(port, secure=secure), path)
            return self._judge(path, response, endpoint, secure=secure)
        except (OSError, http.client.HTTPException, ValueError, TooLargeError, BadAnswerError) as error:
            self._close()
            self._explain(error, f"{endpoint}: {path}" if connected else endpoint, connected=connected)

    def _explain(self, error: Exception, where: str, *, connected: bool) -> NoReturn:
        if isinstance(error, TooLargeError):
            self._fail(ConnectorFault.TOO_LARGE, f"{where} is larger than any page of a phone")
        if isinstance(error, TimeoutError):
            if connected:
                self._fail(ConnectorFault.TIMEOUT, f"{where}: no whole answer in time")
            words = f"{where}: no connection within {self._settings.step_seconds:g} seconds"
            raise _NotHereError(ConnectorFault.TIMEOUT, words) from None
        if isinstance(error, ssl.SSLError):
            words = (error.reason or reason_of(error)).replace("_", " ").lower()
            raise _NotHereError(ConnectorFault.TLS, f"{where}: TLS failed ({words})") from None
        if isinstance(error, OSError):
            if connected and self._secure is not None:
                self._fail(ConnectorFault.PROTOCOL, f"{where}: the connection broke ({reason_of(error)})")
            # Some answer on a port that is switched off, and hang up.
            raise _NotHereError(ConnectorFault.UNREACHABLE, f"{where}: no answer ({reason_of(error)})") from None
        # http.client's own checks, a few of them bare int() calls, and those of the body.
        self._fail(ConnectorFault.PROTOCOL, f"{where}: no proper answer ({type(error).__name__}: {error})")

    def _connect(self, port: int, *, secure: bool) -> http.client.HTTPConnection:
        if self._opened.ended:
            raise ConnectionAbortedError("the sweep is over")
        address = self._address
        # By address: no resolver is asked, and no name sent.
        sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        self._sock = sock
        self._opened.add(sock)
        sock.settimeout(self._step())
        sock.connect((str(address), port))
        if secure:
            tls = reading_context().wrap_socket(sock, do_handshake_on_connect=False)
            # The plain object is empty now; its connection belongs to the other one.
            self._opened.close(sock)
            self._sock = tls
            self._opened.add(tls)
            tls.settimeout(self._step())
            tls.do_handshake()
            sock = tls
        connection = http.client.HTTPConnection(str(address), port)
        wire = Wire(sock, self._deadline, _WIRE_FACTOR * self._settings.max_bytes + _WIRE_EXTRA_BYTES)
        connection.sock = cast("socket.socket", wire)
        self._connection = connection
        return connection

    def _step(self) -> float:
        return min(self._settings.step_seconds, self._deadline.remaining())

    def _judge(self, path: str, response: http.client.HTTPResponse, endpoint: str, *, secure: bool) -> Page | None:
        status = response.status
        said = f"{endpoint}: {path}: HTTP status {status}"
        if status == 200:
            content = read_body(response, self._settings.max_bytes)
            if response.will_close:
                self._close()
            return Page(path, content, response.headers.get("Content-Type", ""))
        # What an error page says is of no use; the connection goes with it.
        self._close()
        if status in {401, 403, 407}:
            self._fail(ConnectorFault.LOGIN, f"{said}: it wants a login")
        if status // 100 == 3:
            target = response.headers.get("Location", "")
            if "login" in target.lower():
                self._fail(ConnectorFault.LOGIN, f"{said}: it wants a login")
            if not secure:
                raise _NotHereError(ConnectorFault.REDIRECT, f"{said} points to {printable(target)}")
            self._fail(ConnectorFault.REDIRECT, f"{said} points to {printable(target)}")
        if status // 100 == 5:
            self.in_trouble = said
        return None

    def _close(self) -> None:
        sock, self._sock, self._connection = self._sock, None, None
        if sock is not None:
            self._opened.close(sock)

    def _fail(self, fault: ConnectorFault, detail: str) -> NoReturn:
        raise self.error(fault, detail) from None


def _ask(connection: http.client.HTTPConnection, path: str) -> http.client.HTTPResponse:
    connection.request("GET", path, headers=_HEADERS)
    return connection.getresponse()
