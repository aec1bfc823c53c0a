"""Asking a server to prove itself, and nothing more: a verified handshake without a request."""

import socket

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.network import Deadline, reason_of, resolve
from ctlctl.connectors.ports import FetchError, FetchFault, FetchTarget, TargetError, TlsTrust
from ctlctl.connectors.tls_client import SecureClient


class TlsIdentityError(ConnectorError):
    """A server did not prove itself, or could not be asked to."""


def verify_identity(host: str, port: int, trust: TlsTrust, timeout_seconds: float, *, place: Place) -> None:
    """Return if the server proves itself.

    Args:
        host: Name or address; with a CA file it must stand in the certificate.
        port: TCP port.
        trust: How it has to prove itself.
        timeout_seconds: For connecting and the handshake.
        place: What an error says about where it comes from.

    Raises:
        TlsIdentityError: It does not, or it cannot be reached.
    """
    deadline = Deadline(timeout_seconds)
    try:
        target = FetchTarget("https", host, port, "identity")
        secure = SecureClient(target, trust, deadline)
        address = resolve(target, socket.SOCK_STREAM)[0]
        with socket.socket(address.family, socket.SOCK_STREAM) as sock:
            sock.settimeout(deadline.remaining())
            sock.connect(address.sockaddr)
            secure.handshake(sock).close()
    except TargetError as error:
        raise TlsIdentityError(ConnectorFault.INVALID, str(error), place=place) from None
    except FetchError as error:
        fault = ConnectorFault.UNRESOLVED if error.fault is FetchFault.UNRESOLVED else ConnectorFault.TLS
        raise TlsIdentityError(fault, error.detail, place=place, advice=error.advice) from None
    except TimeoutError:
        detail = f"the server did not prove itself within {timeout_seconds:g} seconds"
        raise TlsIdentityError(ConnectorFault.TIMEOUT, detail, place=place) from None
    except OSError as error:
        raise TlsIdentityError(ConnectorFault.UNREACHABLE, f"no connection ({reason_of(error)})", place=place) from None
