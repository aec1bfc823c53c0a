"""TLS connections to whom resets them at once: their descriptors are given back there and then."""

import errno
import os
import ssl
from typing import Any


class TlsSocket(ssl.SSLSocket):
    """A connection that closes itself when its peer has gone before TLS began.

    Until Python 3.12 `ssl.SSLContext.wrap_socket` raises for such a socket and leaves it open, out of anybody's reach,
    until the garbage collector comes by. Phones that are restarting, and ports that are switched off, reset many.
    """

    def getpeername(self) -> Any:  # noqa: ANN401 - as the library has it
        """Return the peer's address; wrapping asks for it first of all.

        Raises:
            OSError: the peer has gone; the connection is closed then.
        """
        try:
            return super().getpeername()
        except OSError as error:
            self.close()
            if error.errno == errno.ENOTCONN:
                # What it means for a connection that was made: the library would go on with another attempt to read.
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None
            raise


def client_context() -> ssl.SSLContext:
    """Return a new context for clients, with the library's own rules, whose connections are `TlsSocket`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TlsSocket
    return context
