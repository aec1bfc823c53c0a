"""A client of CAPF over real TLS, for tests: the library's machine, a blocking socket, and a key for every order."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from ctlctl_capf import (
    CapfClient,
    ClientRules,
    Credential,
    Delete,
    Finished,
    HandOver,
    MakeKey,
    NeedData,
    Outcome,
    Send,
    StoreCertificate,
    signer,
)
from ctlctl_trust import read_certificate
from support.capf import public_key
from support.pki import rsa_key

_SECONDS = 20


def capf_socket(host: str, port: int = 3804, *, seconds: float = _SECONDS) -> ssl.SSLSocket:
    """Connect, believing whatever is presented."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    sock = socket.create_connection((host, port), seconds)
    try:
        return context.wrap_socket(sock)
    except BaseException:
        sock.close()
        raise


def presented(sock: ssl.SSLSocket) -> bytes:
    """Return what the other side presented, DER."""
    der = sock.getpeercert(binary_form=True)
    assert der is not None
    return der


@dataclass
class Client:
    """Somebody who goes to CAPF.

    Attributes:
        host: where CAPF is.
        name: what to call oneself.
        password: authentication string.
        existing: certificate to authenticate by, and the means to sign.
        sudi: the same of the factory certificate.
        shown: what is handed over when CAPF wants to see the certificate in use, DER.
        fast: whether time runs faster there than here.
        before_key: done after the key was ordered, before it is handed over.
        before_stored: done before the certificate is said to be stored; False says that it could not be.
        got: certificate that was stored, DER.
        capf: SHA-256 of what CAPF presented.
        asked: what key was ordered.
    """

    host: str
    name: str
    password: str = ""
    existing: Credential | None = None
    sudi: Credential | None = None
    shown: bytes | None = None
    fast: bool = False
    before_key: Callable[[ssl.SSLSocket], object] = lambda _: None
    before_stored: Callable[[ssl.SSLSocket], bool] = lambda _: True
    got: bytes | None = None
    capf: str = ""
    asked: list[str] = field(default_factory=list)

    def credential(self) -> Credential:
        """Return the certificate that was stored, an RSA-2048 one, and the means to sign with its key."""
        assert self.got is not None
        return Credential(self.got, signer(rsa_key("rsa2048-phone")))

    def go(self) -> Outcome:
        """Hold one session.

        Raises:
            OSError: the connection broke.
            CapfPeerError: the server broke the protocol, or left.
        """
        with capf_socket(self.host) as sock:
            self.capf = sha256(presented(sock)).hexdigest()
            client = CapfClient(
                self.name,
                datetime.now(UTC),
                password=self.password,
                existing=self.existing,
                sudi=self.sudi,
                issuers=[read_certificate(presented(sock))],
                # Where time runs fast, the lab's dates are not ours.
                rules=ClientRules(check_dates=not self.fast),
            )
            while True:
                match client.next_step():
                    case Send(data):
                        sock.sendall(data)
                    case NeedData():
                        client.receive_data(sock.recv(16_384))
                    case MakeKey(order):
                        self.asked.append(order.label)
                        self.before_key(sock)
                        made = public_key(order)
                        assert made is not None
                        client.key_made(made)
                    case StoreCertificate(certificate):
                        if self.before_stored(sock):
                            self.got = certificate.der
                            client.stored()
                        else:
                            client.not_stored()
                    case HandOver():
                        client.handed_over(self.shown)
                    case Delete():
                        client.deleted(done=self.shown is not None)
                    case Finished(outcome):
                        return outcome
