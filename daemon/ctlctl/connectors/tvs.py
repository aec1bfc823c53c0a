"""Asking the Trust Verification Service of a node what a phone would be told; one connection for each question."""

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import count
from typing import Final, NoReturn

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.network import Deadline, connect, reason_of, resolve
from ctlctl.connectors.ports import FetchError, FetchTarget, TargetError, join_endpoint
from ctlctl.connectors.tls_socket import client_context
from ctlctl.connectors.tvs_ports import TrustVerifier, TvsAnswer, TvsError, TvsSettings
from ctlctl_trust.certificate import CertificateError, read_certificate
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tvs import (
    QueryRequest,
    QueryResponse,
    Request,
    Response,
    Signal,
    TvsClientMachine,
    TvsLocalError,
    TvsPeerError,
    TvsReason,
    VerifyRequest,
    VerifyResponse,
)

__all__ = ["TvsAnswer", "TvsClient", "TvsError", "TvsSettings", "ask_each"]

# Where phones begin to count (Cisco documents 213407 and 118699).
_FIRST_SESSION: Final = 1001
_SESSIONS: Final = 0xFFFF_FFFF
_RECEIVE_BYTES: Final = 16_384
# What a question and its answer say is public, and the certificate decides whom to believe, so key exchange without
# forward secrecy is no loss: AES256-SHA is what the genuine trace has (document 213407).
_CIPHERS: Final = "DEFAULT:!aNULL:!eNULL"
_LEGACY_CIPHERS: Final = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
# OP_LEGACY_SERVER_CONNECT of OpenSSL's ssl.h, which Python names from 3.12 on: talk to servers without RFC 5746.
_LEGACY_SERVER_CONNECT: Final = 0x4

_CHECK_SERVICE: Final = (
    "Check that Cisco Trust Verification Service runs on that node (Serviceability, Feature and Network Services), "
    "address, port and firewall"
)
_HOW_TO_BELIEVE: Final = (
    "If TVS's certificate was renewed, phones that hold the older ITL cannot use this node either: fetch the ITL anew; "
    "if not, somebody else may be answering"
)
_HOW_TO_SPEAK: Final = (
    "Check that this is the TVS port; nodes before 11.5 may need legacy_tls, and one that wants a certificate of the "
    "client needs client_certificate"
)
_NO_QUERIES: Final = (
    "Some servers answer no questions by name, or refuse this device name: ask with the certificate itself, or set "
    "another device_name"
)
_REFUSED: Final = (
    "The server does not say why: set another device_name or a client_certificate, and look at the TVS log of that node"
)


class TvsClient:
    """Asks the TVS of one node. Safe to use from several threads."""

    def __init__(self, settings: TvsSettings) -> None:
        """Check the settings; nothing is sent.

        Args:
            settings: Whom to ask, and how.

        Raises:
            TvsError: Host or port cannot be, or the client certificate cannot be used.
        """
        self._settings = settings
        self._place = Place(settings.cluster, settings.host, "TVS")
        self._endpoint = join_endpoint(settings.host, settings.port)
        self._sessions = count(_FIRST_SESSION)
        try:
            # Only host and port of it are used; it knows what may be one.
            self._target = FetchTarget("https", settings.host, settings.port, "tvs")
        except TargetError as error:
            self._fail(ConnectorFault.INVALID, str(error))
        self._context = self._make_context()

    @property
    def node(self) -> str:
        """Name or address of the node."""
        return self._settings.host

    def verify(self, certificate: bytes) -> TvsAnswer:
        """Ask whether a certificate is known; see `TrustVerifier.verify`."""
        return self._ask(
            VerifyRequest(session=self._session(), device=self._settings.device_name, certificate=certificate)
        )

    def query(self, subject: str, issuer: str, serial: bytes) -> TvsAnswer:
        """Ask for a signer by its names; see `TrustVerifier.query`."""
        answer = self._ask(
            QueryRequest(
                session=self._session(),
                device=self._settings.device_name,
                subject=subject,
                issuer=issuer,
                serial=serial,
            )
        )
        if answer.known:
            self._check_certificate(answer.certificate, serial)
        return answer

    def _session(self) -> int:
        return next(self._sessions) % _SESSIONS

    def _check_certificate(self, certificate: bytes | None, serial: bytes) -> None:
        """Refuse an answer that says "known" and gives nothing, or something else than was asked for."""
        if certificate is None:
            self._fail(ConnectorFault.PROTOCOL, "the server knows the certificate but does not give it")
        try:
            own = serial_bytes(read_certificate(certificate).serial).lstrip(b"\0")
        except CertificateError as error:
            self._fail(ConnectorFault.PROTOCOL, f"what the server gives is no certificate ({error})")
        # Byte-reversed in lists that were made with hardware tokens (Cisco document 118893).
        if own not in (serial.lstrip(b"\0"), serial[::-1].lstrip(b"\0")):
            self._fail(ConnectorFault.PROTOCOL, f"asked for serial number {serial.hex()}, the server gives {own.hex()}")

    # One question.

    def _ask(self, request: Request) -> TvsAnswer:
        machine = TvsClientMachine(self._settings.dialect)
        try:
            data = machine.send(request)
        except TvsLocalError as error:
            self._fail(ConnectorFault.INVALID, str(error))
        seconds = self._settings.timeout_seconds
        try:
            addresses = resolve(self._target, socket.SOCK_STREAM)
            deadline = Deadline(seconds)
            with connect(addresses, deadline) as sock, self._handshake(sock, deadline) as tls:
                presented = self._identify(tls)
                answer = self._said(self._exchange(tls, machine, data, deadline), presented, tls)
                _say_goodbye(tls)
                return answer
        except FetchError as error:
            self._fail(ConnectorFault.UNRESOLVED, error.detail)
        except TvsPeerError as error:
            self._explain(error, request)
        except TimeoutError:
            self._fail(ConnectorFault.TIMEOUT, f"{self._endpoint}: no answer within {seconds:g} seconds")
        except ssl.SSLError as error:
            self._fail(ConnectorFault.TLS, f"{self._endpoint}: {_words(error)}", _HOW_TO_SPEAK)
        except OSError as error:
            self._fail(ConnectorFault.UNREACHABLE, f"{self._endpoint}: {reason_of(error)}", _CHECK_SERVICE)

    def _handshake(self, sock: socket.socket, deadline: Deadline) -> ssl.SSLSocket:
        tls = self._context.wrap_socket(sock, do_handshake_on_connect=False, suppress_ragged_eofs=False)
        try:
            # One time-out for all messages of the handshake together (Python's ssl module).
            tls.settimeout(deadline.remaining())
            tls.do_handshake()
        except BaseException:
            tls.close()
            raise
        return tls

    def _identify(self, tls: ssl.SSLSocket) -> bytes:
        """Return what the node presents; before anything is sent, whoever is not to be believed is left."""
        presented = tls.getpeercert(binary_form=True) or b""
        believed = self._settings.certificates
        if believed is not None and presented not in believed:
            shown = sha256(presented).digest().hex(":").upper()
            whom = "any of the TVS certificates of the trust list" if believed else "believed: the trust list has none"
            self._fail(
                ConnectorFault.TLS,
                f"{self._endpoint}: the certificate, SHA-256 {shown}, is not {whom}",
                _HOW_TO_BELIEVE,
            )
        return presented

    def _exchange(self, tls: ssl.SSLSocket, machine: TvsClientMachine, data: bytes, deadline: Deadline) -> Response:
        tls.settimeout(deadline.remaining())
        # Whoever closes while we ask may have said why before: that is still to be read.
        with suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            tls.sendall(data)
        while (event := machine.next_event()) is Signal.NEED_DATA:
            tls.settimeout(deadline.remaining())
            machine.receive_data(_receive(tls))
        if isinstance(event, VerifyResponse | QueryResponse):
            return event
        raise AssertionError(f"a client that has asked is never told {event}")

    def _said(self, response: Response, presented: bytes, tls: ssl.SSLSocket) -> TvsAnswer:
        cipher = tls.cipher()
        return TvsAnswer(
            node=self._settings.host,
            known=response.known,
            status=response.status,
            roles=response.roles or (),
            ttl_seconds=response.ttl,
            # Empty only where the status says that there is none.
            certificate=(response.certificate or None) if isinstance(response, QueryResponse) else None,
            identity_checked=self._settings.certificates is not None,
            presented=sha256(presented).digest(),
            tls_version=tls.version() or "",
            cipher="" if cipher is None else cipher[0],
        )

    # Trouble.

    def _explain(self, error: TvsPeerError, request: Request) -> NoReturn:
        if error.reason is not TvsReason.UNANSWERED:
            self._fail(ConnectorFault.PROTOCOL, f"{self._endpoint}: {error} ({error.reason})")
        if isinstance(request, QueryRequest):
            self._fail(ConnectorFault.UNSUPPORTED, f"{self._endpoint}: {error}", _NO_QUERIES)
        self._fail(ConnectorFault.REFUSED, f"{self._endpoint}: {error}", _REFUSED)

    def _fail(self, fault: ConnectorFault, detail: str, advice: str = "") -> NoReturn:
        raise TvsError(fault, detail, place=self._place, advice=advice) from None

    def _make_context(self) -> ssl.SSLContext:
        context = client_context()
        # `_identify` decides: names, chains and validity mean nothing to a phone, the record in its list does.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self._settings.legacy_tls:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers(_LEGACY_CIPHERS)
            context.options |= _LEGACY_SERVER_CONNECT
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_CIPHERS)
        own = self._settings.client_certificate
        if own is not None:
            try:
                # An empty password, so that a key that wants one is an error and no question on a terminal.
                context.load_cert_chain(own, password=b"")
            except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
                self._fail(ConnectorFault.INVALID, f"the client certificate {own} cannot be used ({reason_of(error)})")
        return context


def ask_each(verifiers: Iterable[TrustVerifier], certificate: bytes) -> Iterator[TvsAnswer | TvsError]:
    """Ask one node after the other about a certificate; one that does not answer does not keep the next from it.

    Args:
        verifiers: The nodes.
        certificate: The whole certificate, DER.

    Yields:
        For each node, in the same order, what it said, or why it did not.
    """
    for verifier in verifiers:
        try:
            yield verifier.verify(certificate)
        except TvsError as error:
            yield error


def _receive(tls: ssl.SSLSocket) -> bytes:
    try:
        return tls.recv(_RECEIVE_BYTES)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
        # The lengths say whether anything is missing, so an end without TLS's own end mark hides nothing.
        return b""


def _say_goodbye(tls: ssl.SSLSocket) -> None:
    """Tell the other side that this was all, without waiting for its answer: some log an error otherwise."""
    with suppress(OSError, ValueError):
        tls.settimeout(0)
        tls.unwrap()


def _words(error: ssl.SSLError) -> str:
    return f"TLS failed ({error.reason.replace('_', ' ').lower() if error.reason else reason_of(error)})"
