"""As much of a socket as http.client wants, under one deadline and one cap for everything that comes."""

import io
import socket
from typing import TYPE_CHECKING

from ctlctl.connectors.http_body import READ_BYTES, TooLargeError
from ctlctl.connectors.network import Deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _WireReader(io.RawIOBase):
    """Reads a socket under one deadline and one cap for all of it.

    The time that is left is set anew before every read: a server that sends a byte now and then, in the
    header or in the body, gains nothing.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, cap: int) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        self._left = cap

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        self._sock.settimeout(self._deadline.remaining())
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise TooLargeError("the server sends far more than the file may have")
        return count


class Wire:
    """What http.client takes for a socket. Whoever opened the socket closes it, not http.client."""

    def __init__(self, sock: socket.socket, deadline: Deadline, cap: int) -> None:
        """Wrap a connected socket.

        Args:
            sock: The socket, plain or TLS.
            deadline: By when everything must be done.
            cap: Bytes that may come; more raise `TooLargeError`.
        """
        self._sock = sock
        self._deadline = deadline
        self._cap = cap

    def sendall(self, data: bytes) -> None:
        """Send; raises TimeoutError once the deadline has passed."""
        self._sock.settimeout(self._deadline.remaining())
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a reader of what comes from now on, with the whole cap."""
        del mode  # http.client asks for "rb" only
        return io.BufferedReader(_WireReader(self._sock, self._deadline, self._cap), READ_BYTES)

    def close(self) -> None:
        """Do nothing."""
