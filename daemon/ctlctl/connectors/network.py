"""What the adapters share: one deadline for a whole transfer, and looking a host up."""

import re
import socket
import time
from typing import Final, NamedTuple, TypeAlias

from ctlctl.connectors.ports import FetchError, FetchFault, FetchTarget

# What the kernel calls an address: (host, port) for IPv4, (host, port, flow, scope) for IPv6.
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


# Where in a C file OpenSSL noticed something tells an operator nothing.
_C_SOURCE: Final = re.compile(r" ?\(_ssl\.c:\d+\)")


def reason_of(error: Exception) -> str:
    """Say in the system's words why a call failed, without error numbers and places in C files."""
    words = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return _C_SOURCE.sub("", words)


class Address(NamedTuple):
    """One place a host name stands for."""

    family: socket.AddressFamily
    sockaddr: SocketAddress


class Deadline:
    """One point in time by which a whole transfer has to be done, whatever it is waiting for."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Say how much is left.

        Returns:
            Seconds, always more than 0.

        Raises:
            TimeoutError: Nothing is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def share(self, parts: int) -> float:
        """Say how many seconds the next of `parts` equal tries may take; raises as `remaining` does."""
        return self.remaining() / parts


def resolve(target: FetchTarget, kind: socket.SocketKind) -> tuple[Address, ...]:
    """Look up where a host is.

    The system's resolver has no time limit of its own to set; it gives up by itself (resolv.conf) and an
    address instead of a name needs no look-up at all.

    Args:
        target: Whose host and port to look up.
        kind: Stream or datagram.

    Returns:
        At least one address, in the system's order of preference, each once.

    Raises:
        FetchError: The name stands for no address.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=kind)
    except (OSError, UnicodeError) as error:
        raise FetchError(
            FetchFault.UNRESOLVED,
            endpoint=target.endpoint,
            name=target.name,
            detail=f"the host name cannot be looked up ({reason_of(error)})",
        ) from None
    addresses = [
        Address(family, sockaddr)  # type: ignore[arg-type]  # a build without IPv6 has another shape
        for family, _, _, _, sockaddr in found
    ]
    return tuple(dict.fromkeys(addresses))


def connect(addresses: tuple[Address, ...], deadline: Deadline) -> socket.socket:
    """Connect to the first of some addresses that takes it.

    Args:
        addresses: At least one, in order of preference.
        deadline: By when.

    Returns:
        The socket; whoever gets it closes it.

    Raises:
        OSError: None does: what the last one said. A TimeoutError where the deadline passed.
    """
    for left in range(len(addresses), 0, -1):
        address = addresses[-left]
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            # An equal share for each address that is left, so a dead one does not use up the time of the next.
            sock.settimeout(deadline.share(left))
            sock.connect(address.sockaddr)
        except BaseException as error:
            sock.close()
            if left == 1 or not isinstance(error, OSError):
                raise
        else:
            return sock
    raise AssertionError("a look-up gives at least one address")
