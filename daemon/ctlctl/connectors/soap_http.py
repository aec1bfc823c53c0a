"""HTTP for SOAP and REST: requests over one TLS connection that is kept open, each with a deadline and a byte cap.

The standard library's `http.client` reads the protocol on a socket of ours, as in `http.py`: no proxy, no
environment, no .netrc, no redirect, and a server that sends a byte now and then gains no time. CUCM asks its clients
to keep connections open (AXL Developer Guide, "Persistent connections").
"""

import http.client
import io
import select
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.http_body import READ_BYTES, BadAnswerError, TooLargeError, read_body
from ctlctl.connectors.network import Deadline, reason_of, resolve
from ctlctl.connectors.ports import FetchError, FetchFault, FetchTarget, TlsTrust, printable
from ctlctl.connectors.tls_client import SecureClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from _typeshed import WriteableBuffer

# Bytes that may come over the wire besides the body: status, headers, the framing of chunks.
_WIRE_EXTRA_BYTES: Final = 256 * 1024
# A body in chunks may take this many times its size on the wire; only chunks of a few bytes go beyond it.
_WIRE_FACTOR: Final = 2

_FROM_FETCH: Final[dict[FetchFault, ConnectorFault]] = {
    FetchFault.UNRESOLVED: ConnectorFault.UNRESOLVED,
    FetchFault.TLS: ConnectorFault.TLS,
}


class ExchangeError(Exception):
    """One request brought no answer.

    Attributes:
        fault: The kind of trouble.
        detail: What happened, in words.
        sent: Whether the server may have seen the whole request.
    """

    def __init__(self, fault: ConnectorFault, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.sent = sent


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer, whatever its status.

    Attributes:
        status: HTTP status.
        headers: Its headers.
        content: Its body, decompressed.
    """

    status: int
    headers: "Message"
    content: bytes


class _StaleError(Exception):
    """A connection from earlier turned out to be closed before any part of an answer came."""


class _WireReader(io.RawIOBase):
    """Reads a socket under one deadline and one cap, both for the whole answer."""

    def __init__(self, wire: "_Wire", sock: socket.socket, deadline: Deadline, cap: int) -> None:
        super().__init__()
        self._wire = wire
        self._sock = sock
        self._deadline = deadline
        self._left = cap

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._sock.settimeout(self._deadline.remaining())
        count = self._sock.recv_into(buffer)
        self._wire.has_answered |= count > 0
        self._left -= count
        if self._left < 0:
            raise TooLargeError("the server sends far more than an answer may have")
        return count


class _Wire:
    """As much of a socket as http.client wants; the session closes the socket itself, not http.client.

    Attributes:
        has_answered: Whether any byte of an answer came.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, cap: int) -> None:
        self.has_answered = False
        self._sock = sock
        self._deadline = deadline
        self._cap = cap

    def sendall(self, data: bytes) -> None:
        # Piece by piece: the time-out of a TLS sendall would start anew with every record.
        view = memoryview(data)
        while view:
            self._sock.settimeout(self._deadline.remaining())
            view = view[self._sock.send(view) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # http.client asks for "rb" only
        return io.BufferedReader(_WireReader(self, self._sock, self._deadline, self._cap), READ_BYTES)

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Request:
    """What to send."""

    method: str
    path: str
    headers: "Mapping[str, str]"
    body: bytes | None


class HttpSession:
    """Asks one server. Not for two threads at the same time."""

    def __init__(self, target: FetchTarget, trust: TlsTrust, max_bytes: int) -> None:
        """Remember where to go; nothing is opened yet.

        Args:
            target: Host and port; its name is only a label.
            trust: How the server proves itself.
            max_bytes: Size of an answer, after decompression.
        """
        self._target = target
        self._trust = trust
        self._max_bytes = max_bytes
        self._sock: ssl.SSLSocket | None = None

    def close(self) -> None:
        """Close the connection, if one is open; a later request opens a new one."""
        if self._sock is not None:
            with suppress(OSError):
                self._sock.close()
            self._sock = None

    def post(
        self, path: str, headers: "Mapping[str, str]", body: bytes, *, seconds: float, repeatable: bool
    ) -> HttpAnswer:
        """Send one request and read its whole answer.

        Args:
            path: On the server, with its first slash.
            headers: To send.
            body: To send.
            seconds: For all of it, connecting included.
            repeatable: Whether the request does no harm if the server sees it twice. Only then it is sent again
                when a connection from earlier turns out to be closed.

        Returns:
            The answer, of any status.

        Raises:
            ExchangeError: There is no whole answer.
        """
        return self._exchange(_Request("POST", path, headers, body), seconds, repeatable=repeatable)

    def get(self, path: str, headers: "Mapping[str, str]", *, seconds: float) -> HttpAnswer:
        """Ask for something with GET, which is sent again when a connection from earlier turns out to be closed.

        Args:
            path: On the server, with its first slash.
            headers: To send.
            seconds: For all of it, connecting included.

        Returns:
            The answer, of any status.

        Raises:
            ExchangeError: There is no whole answer.
        """
        return self._exchange(_Request("GET", path, headers, None), seconds, repeatable=True)

    def _exchange(self, request: _Request, seconds: float, *, repeatable: bool) -> HttpAnswer:
        deadline = Deadline(seconds)
        try:
            return self._exchange_once(request, deadline, seconds)
        except _StaleError as error:
            if not repeatable:
                detail = f"the node closed the connection instead of answering ({error})"
                raise ExchangeError(ConnectorFault.UNREACHABLE, detail, sent=True) from None
        try:
            return self._exchange_once(request, deadline, seconds)
        except _StaleError as error:  # cannot be: the connection was a new one
            raise ExchangeError(ConnectorFault.UNREACHABLE, str(error), sent=True) from None

    def _exchange_once(self, request: _Request, deadline: Deadline, seconds: float) -> HttpAnswer:
        stage, sent, keep = "while connecting", False, False
        wire: _Wire | None = None
        reused = self._reusable()
        try:
            sock = self._sock or self._connect(deadline)
            stage, sent = "before an answer came", True
            connection = http.client.HTTPConnection(self._target.host, self._target.port)
            # http.client opens no connection of its own once it has this.
            wire = _Wire(sock, deadline, _WIRE_FACTOR * self._max_bytes + _WIRE_EXTRA_BYTES)
            connection.sock = cast("socket.socket", wire)
            connection.request(request.method, request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            with response:
                stage = "in the middle of the answer"
                content = read_body(response, self._max_bytes)
                keep = not response.will_close
                return HttpAnswer(response.status, response.headers, content)
        except FetchError as error:
            fault = _FROM_FETCH.get(error.fault, ConnectorFault.UNREACHABLE)
            raise ExchangeError(fault, error.detail, sent=False) from None
        except TimeoutError:
            detail = f"the time allowed ({seconds:g} seconds) ran out {stage}"
            raise ExchangeError(ConnectorFault.TIMEOUT, detail, sent=sent) from None
        except TooLargeError as error:
            raise ExchangeError(ConnectorFault.TOO_LARGE, str(error), sent=True) from None
        except (BadAnswerError, http.client.IncompleteRead) as error:
            detail = str(error) if isinstance(error, BadAnswerError) else "the answer ended early"
            raise ExchangeError(ConnectorFault.PROTOCOL, detail, sent=True) from None
        except OSError as error:  # http.client.RemoteDisconnected is one
            if reused and (wire is None or not wire.has_answered):
                raise _StaleError(reason_of(error)) from None
            detail = f"the connection broke {stage} ({reason_of(error)})"
            raise ExchangeError(ConnectorFault.UNREACHABLE, detail, sent=sent) from None
        except (http.client.HTTPException, ValueError) as error:
            # http.client's own checks; a few of them are bare int() calls.
            detail = f"the answer is not proper HTTP ({type(error).__name__}: {printable(str(error))})"
            raise ExchangeError(ConnectorFault.PROTOCOL, detail, sent=True) from None
        finally:
            if not keep:
                self.close()

    def _reusable(self) -> bool:
        """Tell whether the connection is open; close it if anything has arrived, which can only be its end."""
        if self._sock is not None:
            # Not select(): it knows no file descriptor over 1023, and a daemon may have that many.
            arrived = select.poll()
            arrived.register(self._sock, select.POLLIN)
            if self._sock.pending() or arrived.poll(0):
                self.close()
        return self._sock is not None

    def _connect(self, deadline: Deadline) -> ssl.SSLSocket:
        secure = SecureClient(self._target, self._trust, deadline)
        addresses = resolve(self._target, socket.SOCK_STREAM)
        reasons = []
        for index, address in enumerate(addresses):
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                # An equal share for each address that is left, so a dead one does not use up all the time.
                sock.settimeout(deadline.share(len(addresses) - index))
                sock.connect(address.sockaddr)
                # Head and body of a request go out one after the other; with Nagle's algorithm the body would wait for
                # the node to acknowledge the head, which it does 40 ms late.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                reasons.append((address, error))
            else:
                try:
                    self._sock = secure.handshake(sock)
                except BaseException:
                    sock.close()
                    raise
                return self._sock
        if all(isinstance(error, TimeoutError) for _, error in reasons):
            raise TimeoutError
        tried = ", ".join(f"{address.sockaddr[0]}: {reason_of(error)}" for address, error in reasons)
        raise ExchangeError(ConnectorFault.UNREACHABLE, f"no connection ({tried})", sent=False)
