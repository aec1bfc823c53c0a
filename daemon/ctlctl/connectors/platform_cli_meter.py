"""A socket that gives out no more bytes than it was allowed to: what a peer sends is bounded before paramiko sees it.

paramiko believes the length of a packet, which may say 4 GiB, and gathers that much before it looks at it; whoever
answers at the address could send it before a key has been compared.
"""

import errno
import socket
from typing import Final

#: Bytes up to the end of the login: key exchange, banner, and the words before the first prompt.
LOGIN_BYTES: Final = 1024 * 1024
#: Bytes for one command: four times the output that is kept, for packets of a few bytes each.
COMMAND_BYTES: Final = 4 * 1024 * 1024


class TooMuchError(OSError):
    """The peer has sent more than it was allowed to."""


class MeteredSocket:
    """What paramiko uses of a socket, with a bound on what is received."""

    def __init__(self, sock: socket.socket, allowed: int) -> None:
        """Take a connected socket over.

        Args:
            sock: the socket; closed with this.
            allowed: bytes that may be received.
        """
        self._sock = sock
        self._left = allowed
        # By this name paramiko asks whether it is closed.
        self._closed = False

    def allow(self, count: int) -> None:
        """Set how many bytes may be received from now on."""
        self._left = count

    @property
    def is_used_up(self) -> bool:
        """Whether nothing more may be received; what paramiko makes of the error does not always tell."""
        return self._left <= 0

    def recv(self, size: int) -> bytes:
        """Receive.

        Raises:
            TooMuchError: nothing more is allowed.
            OSError: as a socket's.
        """
        if self._left <= 0:
            raise TooMuchError(errno.EMSGSIZE, "the peer sent more than is taken")
        data = self._sock.recv(min(size, self._left))
        self._left -= len(data)
        return data

    def send(self, data: bytes) -> int:
        """Send; returns how many bytes went out."""
        return self._sock.send(data)

    def settimeout(self, seconds: float | None) -> None:
        """Set for how long a call may wait."""
        self._sock.settimeout(seconds)

    def close(self) -> None:
        """Close; as often as anybody likes."""
        self._closed = True
        self._sock.close()
