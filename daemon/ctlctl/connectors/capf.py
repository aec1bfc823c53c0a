"""Speaking CAPF as a client: one connection for each operation, one deadline for all of it."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Final, NoReturn, TypeVar, assert_never

from ctlctl.connectors.capf_ports import CapfError, CapfHolder, CapfSettings, CapfStrangerError, CapfTalk
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.network import Deadline, connect, reason_of, resolve
from ctlctl.connectors.ports import FetchError, FetchTarget, TargetError, join_endpoint
from ctlctl.connectors.tls_socket import client_context
from ctlctl_capf.client import CapfClient
from ctlctl_capf.frame import CapfLocalError, CapfPeerError, CapfReason
from ctlctl_capf.outcome import Delete, Finished, HandOver, MakeKey, NeedData, Outcome, Send, StoreCertificate
from ctlctl_capf.states import SESSION_BYTES, State

__all__ = ["CapfConnector", "CapfError", "CapfHolder", "CapfSettings", "CapfStrangerError", "CapfTalk"]

#: Makes the client's side of a session, once it is known which certificate (DER) the server has proved itself by.
Begin = Callable[[bytes], CapfClient]
_T = TypeVar("_T")

_RECEIVE_BYTES: Final = 16_384
#: Seconds for the TLS handshake alone; a healthy node takes a fraction of one.
_HANDSHAKE_SECONDS: Final = 30.0
# A string is good for one use and the certificate decides whom it is told, so RSA key exchange is no loss; CUCM 11.5
# and 12 have it as their first choice.
_CIPHERS: Final = "DEFAULT:!aNULL:!eNULL"
_LEGACY_CIPHERS: Final = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
# OP_LEGACY_SERVER_CONNECT of OpenSSL's ssl.h, which Python names from 3.12 on: talk to servers without RFC 5746.
_LEGACY_SERVER_CONNECT: Final = 0x4

_CHECK_SERVICE: Final = (
    "Check that Cisco Certificate Authority Proxy Function runs on the publisher (Serviceability, Feature Services), "
    "address, port and firewall"
)
_HOW_TO_BELIEVE: Final = (
    "If CAPF's certificate was renewed, get the new one by a way that you trust (OS Administration, show cert own "
    "CAPF, or the current CTL or ITL) and give that; if not, somebody else may be answering"
)
_HOW_TO_SPEAK: Final = "Check that this is the port of CAPF (3804); CAPF before 11.5 may need old TLS (--legacy-tls)"
_WHAT_IT_DID: Final = "Nothing was changed here; look at the CAPF log of the publisher, and try again"

_WAITED_FOR: Final = {
    State.OPENING: "its first word",
    State.DECIDING: "what is to be done",
    State.ISSUING: "the new certificate",
    State.ENDING: "the end of the session",
}


class CapfConnector:
    """Speaks to one CAPF. Holds nothing between sessions."""

    def __init__(self, settings: CapfSettings) -> None:
        """Check the settings; nothing is sent.

        Args:
            settings: Whom to ask, and how.

        Raises:
            CapfError: Host or port cannot be.
        """
        self._settings = settings
        self._place = Place(settings.cluster, settings.host, "CAPF")
        self._endpoint = join_endpoint(settings.host, settings.port)
        try:
            # Only host and port of it are used; it knows what may be one.
            self._target = FetchTarget("https", settings.host, settings.port, "capf")
        except TargetError as error:
            self._fail(ConnectorFault.INVALID, str(error))
        self._context = self._make_context()

    def presented(self) -> bytes:
        """Return the certificate that the server presents, DER. It is believed in nothing, and nothing is sent.

        Raises:
            CapfError: There is no TLS server.
        """
        return self._session(lambda tls, _deadline: self._certificate(tls))

    def run(self, begin: Begin, holder: CapfHolder) -> CapfTalk:
        """Hold one session. Blocks.

        Args:
            begin: Makes the client, after the server has proved itself; what it raises ends the session before
                anything is sent.
            holder: Answers what the session asks.

        Raises:
            CapfError: The session did not come to its end. What the holder has stored or deleted by then stays so.
        """

        def talk(tls: ssl.SSLSocket, deadline: Deadline) -> CapfTalk:
            presented = self._identify(tls)
            outcome = _Exchange(tls, begin(presented), holder, deadline).run()
            _say_goodbye(tls)
            cipher = tls.cipher()
            return CapfTalk(outcome, presented, tls.version() or "", "" if cipher is None else cipher[0])

        return self._session(talk)

    def _session(self, do: Callable[[ssl.SSLSocket, Deadline], _T]) -> _T:
        seconds = self._settings.deadline_seconds
        try:
            addresses = resolve(self._target, socket.SOCK_STREAM)
            deadline = Deadline(seconds)
            with connect(addresses, deadline) as sock, self._handshake(sock, deadline) as tls:
                return do(tls, deadline)
        except FetchError as error:
            self._fail(ConnectorFault.UNRESOLVED, error.detail)
        except CapfPeerError as error:
            self._fail(
                ConnectorFault.PROTOCOL, f"{self._endpoint}: {error} ({error.reason})", _WHAT_IT_DID, error.reason
            )
        except CapfLocalError as error:
            self._fail(ConnectorFault.INVALID, str(error))
        except _SilentError as error:
            self._fail(ConnectorFault.TIMEOUT, f"{self._endpoint}: {error}")
        except TimeoutError:
            self._fail(ConnectorFault.TIMEOUT, f"{self._endpoint}: not done within {seconds:g} seconds")
        except ssl.SSLError as error:
            self._fail(ConnectorFault.TLS, f"{self._endpoint}: {_words(error)}", _HOW_TO_SPEAK)
        except _HolderError as error:
            raise error.cause from None
        except OSError as error:
            self._fail(ConnectorFault.UNREACHABLE, f"{self._endpoint}: {reason_of(error)}", _CHECK_SERVICE)

    def _handshake(self, sock: socket.socket, deadline: Deadline) -> ssl.SSLSocket:
        tls = self._context.wrap_socket(sock, do_handshake_on_connect=False, suppress_ragged_eofs=False)
        seconds = min(_HANDSHAKE_SECONDS, self._settings.deadline_seconds)
        try:
            # One time-out for all messages of the handshake together (Python's ssl module).
            tls.settimeout(min(seconds, deadline.remaining()))
            tls.do_handshake()
        except BaseException as error:
            tls.close()
            if isinstance(error, TimeoutError):
                raise _SilentError(f"no TLS handshake within {seconds:.0f} seconds") from None
            raise
        return tls

    def _certificate(self, tls: ssl.SSLSocket) -> bytes:
        presented = tls.getpeercert(binary_form=True)
        if not presented:
            self._fail(ConnectorFault.TLS, f"{self._endpoint}: the server presents no certificate", _HOW_TO_SPEAK)
        return presented

    def _identify(self, tls: ssl.SSLSocket) -> bytes:
        """Return what the server presents; before anything is sent, whoever is not to be believed is left."""
        presented = self._certificate(tls)
        believed = self._settings.certificates
        if believed is not None and presented not in believed:
            shown = fingerprint(presented)
            detail = f"{self._endpoint}: the certificate, SHA-256 {shown}, is not CAPF's as it is known here"
            raise CapfStrangerError(ConnectorFault.TLS, detail, place=self._place, advice=_HOW_TO_BELIEVE)
        return presented

    def _fail(self, fault: ConnectorFault, detail: str, advice: str = "", reason: CapfReason | None = None) -> NoReturn:
        raise CapfError(fault, detail, place=self._place, advice=advice, reason=reason) from None

    def _make_context(self) -> ssl.SSLContext:
        context = client_context()
        # `_identify` decides: names, chains and validity say nothing of a certificate that names no host.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self._settings.legacy_tls:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.set_ciphers(_LEGACY_CIPHERS)
            context.options |= _LEGACY_SERVER_CONNECT
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_CIPHERS)
        return context


class _SilentError(Exception):
    """The server has not said what it had to say in time."""


class _HolderError(Exception):
    """The holder raised something; it is no trouble of the network, whatever its kind."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


class _Exchange:
    """The session on a connection that is believed."""

    def __init__(self, tls: ssl.SSLSocket, client: CapfClient, holder: CapfHolder, deadline: Deadline) -> None:
        self._tls = tls
        self._client = client
        self._holder = holder
        self._deadline = deadline
        self._turn: tuple[State, Deadline] | None = None
        self._received = 0

    def run(self) -> Outcome:
        """Drive the client until it has finished."""
        client = self._client
        while True:
            match client.next_step():
                case Send(data):
                    self._send(data)
                case NeedData(state, wait):
                    client.receive_data(self._receive(state, wait.seconds))
                case Finished(outcome):
                    return outcome
                case question:
                    self._answer(question)

    def _answer(self, question: MakeKey | StoreCertificate | HandOver | Delete) -> None:
        client, holder = self._client, self._holder
        try:
            match question:
                case MakeKey(order):
                    public = holder.make_key(order)
                    client.key_not_made() if public is None else client.key_made(public)
                case StoreCertificate(certificate):
                    client.stored() if holder.store(certificate) else client.not_stored()
                case HandOver():
                    client.handed_over(holder.hand_over())
                case Delete():
                    client.deleted(done=holder.delete())
                case _:
                    assert_never(question)
        except OSError as error:
            raise _HolderError(error) from error

    def _send(self, data: bytes) -> None:
        self._turn = None
        self._tls.settimeout(self._deadline.remaining())
        # A server that has ended the session has said so before it closed: that is still to be read.
        with suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._tls.sendall(data)

    def _receive(self, state: State, seconds: float) -> bytes:
        # One time-out for all of what the server has to say in its turn, or it could trickle.
        if self._turn is None or self._turn[0] is not state:
            self._turn = (state, Deadline(seconds))
        left = self._deadline.remaining()
        try:
            self._tls.settimeout(min(left, self._turn[1].remaining()))
            data = self._tls.recv(_RECEIVE_BYTES)
        except TimeoutError:
            self._deadline.remaining()
            raise _SilentError(f"nothing within {seconds:g} seconds: {_WAITED_FOR[state]} is missing") from None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
            # The lengths say whether anything is missing, so an end without TLS's own end mark hides nothing.
            return b""
        self._received += len(data)
        if self._received > SESSION_BYTES:
            raise CapfPeerError(CapfReason.LENGTH_OVERFLOW, f"more than {SESSION_BYTES:,} bytes in one session")
        return data


def fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 fingerprint of a certificate as it is compared."""
    return sha256(certificate).digest().hex(":").upper()


def _say_goodbye(tls: ssl.SSLSocket) -> None:
    """Tell the other side that this was all, without waiting for its answer: some log an error otherwise."""
    with suppress(OSError, ValueError):
        tls.settimeout(0)
        tls.unwrap()


def _words(error: ssl.SSLError) -> str:
    return f"TLS failed ({error.reason.replace('_', ' ').lower() if error.reason else reason_of(error)})"
