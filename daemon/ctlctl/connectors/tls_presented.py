"""What a TLS probe gives and how it goes wrong; and the one context that collects without trusting."""

import errno
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, Final

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.network import reason_of
from ctlctl.connectors.ports import join_endpoint
from ctlctl.connectors.tls_socket import client_context

# OP_LEGACY_SERVER_CONNECT of OpenSSL's ssl.h, which Python names from 3.12 on: talk to servers without RFC 5746.
_LEGACY_SERVER_CONNECT: Final = 0x4
# All but ciphers that send no certificate; level 0 allows SHA-1, MD5 and keys of 512 bits.
_CIPHERS: Final = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
# X509_FILETYPE_ASN1 of OpenSSL, for Python before 3.13.
_DER: Final = 2
# What errno says when this machine, not the other, is short of something.
_OUR_SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
# OpenSSL's reasons for an answer that was no TLS at all.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})


class ProbeFault(StrEnum):
    """Why a port presented nothing. The values are stable: scripts see them."""

    UNRESOLVED = "unresolved"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_CONNECTION = "no-connection"
    SILENT = "silent"
    CUT_OFF = "cut-off"
    NOT_TLS = "not-tls"
    HANDSHAKE = "handshake"
    LOCAL = "local"


_MEANS: Final[dict[ProbeFault, tuple[ConnectorFault, str]]] = {
    ProbeFault.UNRESOLVED: (ConnectorFault.UNRESOLVED, ""),
    ProbeFault.REFUSED: (ConnectorFault.UNREACHABLE, "The machine is up but nothing listens there: check the service"),
    ProbeFault.UNREACHABLE: (ConnectorFault.UNREACHABLE, ""),
    ProbeFault.NO_CONNECTION: (ConnectorFault.TIMEOUT, "Check address and firewall, and that the machine is up"),
    ProbeFault.SILENT: (
        ConnectorFault.TIMEOUT,
        "Something listens but says nothing: check the service, or wait longer",
    ),
    ProbeFault.CUT_OFF: (ConnectorFault.PROTOCOL, "Try again; if it stays, check the service and what stands between"),
    ProbeFault.NOT_TLS: (ConnectorFault.PROTOCOL, "Check that this is the port of a TLS service"),
    ProbeFault.HANDSHAKE: (ConnectorFault.TLS, "Both sides found no common ground: check what that service speaks"),
    ProbeFault.LOCAL: (ConnectorFault.UNREACHABLE, "This machine is short of it: probe fewer at once, or allow more"),
}


class TlsProbeError(ConnectorError):
    """A port presented no certificate.

    Attributes:
        kind: The kind of trouble, finer than `fault`.
    """

    def __init__(self, kind: ProbeFault, detail: str, *, place: Place) -> None:
        self.kind = kind
        fault, advice = _MEANS[kind]
        super().__init__(fault, detail, place=place, advice=advice)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a port presented. All of it is a claim.

    Attributes:
        leaf: Its own certificate, DER, as it came: perhaps one that cannot be parsed.
        chain: All certificates it sent, DER, its own first.
        sha256: Fingerprint of its own certificate.
        tls_version: Such as "TLSv1.2"; None where the handshake was not finished.
        cipher: OpenSSL's name of the cipher; None likewise.
        completed: Whether the handshake was finished, which proves that the private key is there too. A server that
            wants a certificate of ours ends it early in TLS 1.2 and before.
    """

    leaf: bytes
    chain: tuple[bytes, ...]
    sha256: bytes
    tls_version: str | None
    cipher: str | None
    completed: bool

    @property
    def fingerprint(self) -> str:
        """The fingerprint as settings spell it: "AA:BB:…"."""
        return self.sha256.hex(":").upper()


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One port to look at.

    Attributes:
        host: Name or address.
        port: TCP port.
        place: What an error says about where it comes from; None for host and port alone.
    """

    host: str
    port: int
    place: Place | None = None

    def said_place(self) -> Place:
        """Return the place, made of host and port where none was given."""
        return self.place or Place("-", self.host, f"TLS on port {self.port}")


@cache
def collecting_context() -> ssl.SSLContext:
    """Return the one context of all probes; making one costs as much as several handshakes.

    Nothing may ever be sent with it.
    """
    return lenient_context()


def lenient_context() -> ssl.SSLContext:
    """Make a context that verifies nothing and speaks what else the program refuses, from TLS 1.0 on.

    Besides probes, only the reader of phones' pages has one (ADR 0011): what it sends anybody may see.
    """
    context = client_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # "The least that there is" is TLS 1.0: Python keeps SSL 3.0 off by an option of its own.
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(_CIPHERS)
    context.options |= _LEGACY_SERVER_CONNECT | ssl.OP_NO_TICKET
    return context


def wrap(sock: socket.socket) -> ssl.SSLSocket:
    """Make a connected socket one of TLS; no name is sent, because phones and nodes are asked by address."""
    return collecting_context().wrap_socket(sock, do_handshake_on_connect=False, suppress_ragged_eofs=False)


def say_goodbye(tls: ssl.SSLSocket) -> None:
    """Tell the other side that this was all, without waiting for its answer: some log an error otherwise."""
    with suppress(OSError, ValueError):
        tls.settimeout(0)
        tls.unwrap()


def _presented(chain: tuple[bytes, ...], version: str | None, cipher: str | None) -> Presented:
    return Presented(chain[0], chain, sha256(chain[0]).digest(), version, cipher, completed=version is not None)


class Look:
    """One look at one port: how far it has come, and what that means when it ends."""

    def __init__(self, target: ProbeTarget, seconds: float) -> None:
        self._target = target
        self._seconds = seconds
        self._chain: tuple[bytes, ...] = ()
        self.connected = False

    def read(self, tls: ssl.SSLSocket) -> None:
        """Take down the certificates that have come, also those of a handshake that is not finished."""
        # ssl.SSLSocket.getpeercert refuses in the middle of a handshake; the chain itself may be had at any time, from
        # Python 3.13 on by a public name.
        inner: Any = getattr(tls, "_sslobj", None)
        if inner is not None:
            self._chain = tuple(bytes(one.public_bytes(_DER)) for one in inner.get_unverified_chain() or ())

    def completed(self, tls: ssl.SSLSocket) -> Presented | TlsProbeError:
        """Return what a finished handshake gave."""
        self.read(tls)
        if not self._chain:
            return self._error(ProbeFault.HANDSHAKE, "the handshake went through without any certificate")
        cipher = tls.cipher()
        return _presented(self._chain, tls.version(), None if cipher is None else cipher[0])

    def ended(self, error: OSError) -> Presented | TlsProbeError:
        """Return what there is after an error: the certificates if they had come, or why there are none."""
        if self._chain:
            return _presented(self._chain, None, None)
        return self._error(*self._explain(error))

    def _error(self, kind: ProbeFault, detail: str) -> TlsProbeError:
        endpoint = join_endpoint(self._target.host, self._target.port)
        return TlsProbeError(kind, f"{endpoint}: {detail}", place=self._target.said_place())

    def _explain(self, error: OSError) -> tuple[ProbeFault, str]:
        if isinstance(error, socket.gaierror):
            return ProbeFault.UNRESOLVED, f"the name cannot be looked up ({reason_of(error)})"
        if isinstance(error, TimeoutError):
            if self.connected:
                return ProbeFault.SILENT, f"a connection, but no certificate within {self._seconds:g} seconds"
            return ProbeFault.NO_CONNECTION, f"no connection within {self._seconds:g} seconds"
        if error.errno in _OUR_SHORTAGE and not isinstance(error, ssl.SSLError):
            return ProbeFault.LOCAL, f"this machine cannot open a connection ({reason_of(error)})"
        if not self.connected:
            kind = ProbeFault.REFUSED if isinstance(error, ConnectionRefusedError) else ProbeFault.UNREACHABLE
            return kind, f"no connection ({reason_of(error)})"
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            if error.reason in _NO_TLS:
                return ProbeFault.NOT_TLS, "what answers there is no TLS"
            words = error.reason.replace("_", " ").lower() if error.reason else reason_of(error)
            return ProbeFault.HANDSHAKE, f"the TLS handshake failed ({words})"
        return ProbeFault.CUT_OFF, "the connection was closed in the middle of the handshake"
