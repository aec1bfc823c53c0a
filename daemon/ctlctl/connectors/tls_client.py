"""TLS towards a node: verification is always on, and an error says what the operator can do about it."""

import hashlib
import hmac
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

from ctlctl.connectors.network import Deadline, SocketAddress, reason_of
from ctlctl.connectors.ports import FetchError, FetchFault, FetchTarget, TlsTrust
from ctlctl.connectors.tls_socket import client_context

# Bytes. A file of certificates is a few KiB; more is not one.
MAX_CA_FILE_BYTES: Final = 4 * 1024 * 1024

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h) that an operator can do something about.
_UNVOUCHED: Final = frozenset({18, 19, 20, 21})
_WRONG_NAME: Final = frozenset({62, 64})

_HOW_TO_TRUST: Final = (
    "Get the node's certificate by another way (OS Administration, or show cert own) and compare (openssl x509 "
    "-noout -fingerprint -sha256); then give --tls-pin with that fingerprint or --tls-ca with the certificate"
)
_HOW_TO_REPIN: Final = (
    "If that node's certificate was renewed, compare the fingerprint on the node and give the new one; if not, "
    "somebody else may be answering"
)
_HOW_TO_SPEAK: Final = "Check that this port speaks TLS 1.2 or later (6971 and 6972 do), or use http:// with port 6970"
_HOW_TO_NAME: Final = "Use a name that stands in the certificate, or give --tls-pin with the fingerprint"


class SecureClient:
    """Makes a connection a TLS connection to a server that has proved itself."""

    def __init__(self, target: FetchTarget, trust: TlsTrust, deadline: Deadline) -> None:
        """Read what to trust, before anything is sent.

        Args:
            target: Whose name the certificate has to show.
            trust: How the server proves itself.
            deadline: By when.

        Raises:
            FetchError: The CA file cannot be used.
        """
        self._target = target
        self._pin = trust.sha256_pin
        self._deadline = deadline
        self._context = client_context()
        if trust.sha256_pin is not None:
            # The fingerprint decides, and `handshake` compares it before a single byte is sent.
            _verify_nothing(self._context)
        elif trust.ca_file is not None:
            self._load(trust.ca_file)
        else:
            self._context.load_default_certs(ssl.Purpose.SERVER_AUTH)

    def handshake(self, sock: socket.socket) -> ssl.SSLSocket:
        """Shake hands and check the server.

        Args:
            sock: Connected; it belongs to the result from now on.

        Returns:
            The connection. An end of it without TLS's own end mark is an error, so a cut is never taken for
            the end of a file.

        Raises:
            FetchError: The server has not proved itself, or does not speak TLS as this machine requires.
            OSError: The connection broke or the deadline passed.
        """
        family, address = sock.family, sock.getpeername()
        wrapped = self._wrap(sock, self._context)
        try:
            self._shake_hands(wrapped)
            if self._pin is not None:
                self._check_pin(wrapped, self._pin)
        except BaseException as error:
            wrapped.close()
            if isinstance(error, ssl.SSLCertVerificationError):
                raise self._explain(error, self._presented(family, address)) from None
            if isinstance(error, ssl.SSLError) and not isinstance(error, TimeoutError):
                raise self._fault(f"the TLS handshake failed ({_reason(error)})", _HOW_TO_SPEAK) from None
            raise
        return wrapped

    def _fault(self, detail: str, advice: str) -> FetchError:
        return FetchError(
            FetchFault.TLS,
            endpoint=self._target.endpoint,
            name=self._target.name,
            detail=detail,
            advice=advice,
        )

    def _load(self, ca_file: Path) -> None:
        # A node's own certificate may vouch for the node, also where an authority has issued it.
        self._context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        try:
            with ca_file.open("rb") as file:
                content = file.read(MAX_CA_FILE_BYTES)
            is_pem = b"-----BEGIN" in content
            self._context.load_verify_locations(cadata=content.decode("ascii") if is_pem else content)
        except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
            raise self._fault(
                f"the CA file {ca_file} cannot be used ({reason_of(error)})",
                "Give a readable file with certificates, PEM or DER",
            ) from None

    def _wrap(self, sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        return context.wrap_socket(
            sock,
            server_hostname=self._target.host.partition("%")[0],
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )

    def _shake_hands(self, wrapped: ssl.SSLSocket) -> None:
        # The time-out of a handshake is one for all of its messages together (Python's ssl module), so nobody
        # can stretch it.
        wrapped.settimeout(self._deadline.remaining())
        wrapped.do_handshake()

    def _check_pin(self, wrapped: ssl.SSLSocket, pin: bytes) -> None:
        certificate = wrapped.getpeercert(binary_form=True) or b""
        if not hmac.compare_digest(hashlib.sha256(certificate).digest(), pin):
            shown = _fingerprint(certificate)
            raise self._fault(f"the certificate is not the pinned one: it has SHA-256 {shown}", _HOW_TO_REPIN)

    def _presented(self, family: int, address: SocketAddress) -> str | None:
        """Read the fingerprint of what a server presents.

        A handshake that failed does not hand the certificate out, so this connects once more. It trusts
        nothing and sends no request; whatever goes wrong, there is just no fingerprint to show.
        """
        context = client_context()
        _verify_nothing(context)
        with suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(self._deadline.remaining())
            sock.connect(address)
            with self._wrap(sock, context) as wrapped:
                self._shake_hands(wrapped)
                certificate = wrapped.getpeercert(binary_form=True)
                return _fingerprint(certificate) if certificate else None
        return None

    def _explain(self, error: ssl.SSLCertVerificationError, presented: str | None) -> FetchError:
        shown = f"; it has SHA-256 {presented}" if presented else ""
        if error.verify_code in _UNVOUCHED:
            return self._fault(f"no known authority vouches for the server's certificate{shown}", _HOW_TO_TRUST)
        advice = _HOW_TO_NAME if error.verify_code in _WRONG_NAME else _HOW_TO_TRUST
        words = error.verify_message.rstrip(".")
        return self._fault(f"the server's certificate does not hold: {words}{shown}", advice)


def _verify_nothing(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(certificate).digest().hex(":").upper()


def _reason(error: ssl.SSLError) -> str:
    return error.reason.replace("_", " ").lower() if error.reason else reason_of(error)
