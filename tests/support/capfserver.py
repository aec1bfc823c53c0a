"""A CAPF on a TLS socket: the library's server machine, with orders, faults, and a memory of what it was told."""

import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from ctlctl_capf.codec import encode
from ctlctl_capf.elements import Curve, KeyOrder
from ctlctl_capf.frame import CapfPeerError
from ctlctl_capf.lsc import LscPlan, issue_lsc
from ctlctl_capf.messages import RetryLater
from ctlctl_capf.outcome import (
    FindOrder,
    Finished,
    IssueCertificate,
    NeedData,
    Operation,
    Outcome,
    Result,
    Send,
    ServerStep,
    TakeString,
)
from ctlctl_capf.rules import AuthMode, Order
from ctlctl_capf.server import CapfServer
from ctlctl_lab.tlscontexts import lab_context
from ctlctl_trust import Certificate, read_certificate
from support.pki import CertificatePlan, der, der_extension, der_integer, plan, rsa_key
from support.servers import TcpExchange, tcp_server
from support.vectors import OWN
from support.watching import eventually

NAME = "recorder"
STRING = "4711081504"
#: CA:TRUE with path length 0, and digitalSignature with keyCertSign: without them TLS fails (CUCM security guide).
_EXTENSIONS = (
    der_extension("2.5.29.19", der(0x30, der(1, b"\xff"), der_integer(0))),
    der_extension("2.5.29.15", der(3, b"\x02\x84")),
)
#: CAPF, and one that is another.
CAPF = plan("CAPF-1234abcd", "rsa2048-capf", extensions=_EXTENSIONS)
OTHER_CAPF = plan("CAPF-5678cdef", "rsa2048-stranger", extensions=_EXTENSIONS)


def install(key: KeyOrder | None = None, mode: AuthMode = AuthMode.STRING) -> Order:
    """Return an order for a new certificate."""
    return Order(
        Operation.INSTALL, mode, STRING if mode is AuthMode.STRING else "", key or KeyOrder.ec(Curve.SECP256R1)
    )


@dataclass
class CapfService:
    """The state of a CAPF; tests change it by plain assignment.

    Attributes:
        capf: its certificate.
        orders: what is to be done, by name.
        days: for how long it issues.
        age: how long ago what it issues has begun.
        subject: the CN it issues, in place of the device's name.
        signer: the CA that signs in its place.
        fault: "silent", "half", "vanish" (after the key), "retry", "no-end", "http", "trickle", or "" for none.
        old_tls: whether it speaks TLS 1.0 only, as before 11.5.
        on_issue: called before a certificate is issued.
        used: names whose string has been used.
        issued: what it has issued.
        outcomes: how sessions ended.
        sessions: connections whose handshake came to an end.
        heard: all bytes that clients have said.
    """

    capf: CertificatePlan = CAPF
    orders: dict[str, Order] = field(default_factory=dict)
    days: int = 365
    age: timedelta = timedelta(minutes=1)
    subject: str = ""
    signer: CertificatePlan | None = None
    fault: str = ""
    old_tls: bool = False
    on_issue: Callable[[], None] = lambda: None
    used: set[str] = field(default_factory=set)
    issued: list[Certificate] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    sessions: int = 0
    heard: bytes = b""
    port: int = 0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def context(self, folder: Path) -> ssl.SSLContext:
        """Return a context that presents the certificate."""
        file = folder / "capf-service.pem"
        file.write_text(ssl.DER_cert_to_PEM_cert(self.capf.encode()))
        context = lab_context(ssl.PROTOCOL_TLS_SERVER)
        if self.old_tls:
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        context.load_cert_chain(file, OWN / "keys" / f"{self.capf.key_name}.pem")
        return context

    def last_result(self) -> Result:
        """Return how the last session ended, once it has."""
        eventually(lambda: len(self.outcomes) == self.sessions, "the end of the session at the server")
        return self.outcomes[-1].result

    def handle(self, exchange: TcpExchange) -> None:
        """Hold one session."""
        self.sessions += 1
        number = next(self._numbers)
        signers = [read_certificate(each.encode()) for each in (self.capf, self.signer) if each is not None]
        server = CapfServer(number, datetime.now(UTC), issuers=signers)
        sock = exchange.sock
        sock.settimeout(20)
        if self.fault == "silent":
            exchange.stop.wait(20)
            return
        if self.fault == "retry":
            sock.sendall(encode(RetryLater(session=number, delay=77)))
            return
        with suppress(CapfPeerError, OSError):
            while not isinstance(step := server.next_step(), Finished):
                if not self._step(server, step, sock):
                    return
            self.outcomes.append(step.outcome)
            # So that what was said is not lost with the connection.
            sock.settimeout(2)
            sock.recv(1)

    def _step(self, server: CapfServer, step: ServerStep, sock: socket.socket) -> bool:
        match step:
            case Send(data):
                return self._send(sock, data)
            case NeedData():
                data = self._receive(sock)
                self.heard += data
                server.receive_data(data)
            case FindOrder(device):
                server.found(self.orders.get(device))
            case TakeString(device):
                won = device not in self.used
                self.used.add(device)
                server.taken(won=won)
            case IssueCertificate(device, key):
                self.on_issue()
                server.issued(self._issue(device, key))
        return True

    def _send(self, sock: socket.socket, data: bytes) -> bool:
        command = data[1]
        if self.fault == "half" and command == 9:
            sock.sendall(data[: len(data) // 2])
            return False
        if self.fault == "vanish" and command == 9:
            return False
        if self.fault == "no-end" and command == 15:
            return False
        if self.fault == "http":
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        if self.fault == "trickle":
            for place in range(len(data)):
                sock.sendall(data[place : place + 1])
                time.sleep(0.3)
        sock.sendall(data)
        return True

    def _receive(self, sock: socket.socket) -> bytes:
        try:
            return sock.recv(65536)
        except (ConnectionError, ssl.SSLError):
            return b""

    def _issue(self, device: str, key: bytes) -> bytes:
        signer = self.signer or self.capf
        now = datetime.now(UTC)
        begin = now - self.age
        named = LscPlan(self.subject or device, 4711 + len(self.issued), begin, begin + timedelta(days=self.days))
        der = issue_lsc(named, key, signer.encode(), rsa_key(signer.key_name))
        self.issued.append(read_certificate(der))
        return der


@contextmanager
def capf_service(folder: Path, **state: object) -> Iterator[CapfService]:
    """Run a CAPF on loopback; its port stands in its state."""
    service = CapfService(**state)  # type: ignore[arg-type]  # the test names fields of the class
    service.orders.setdefault(NAME, install())
    with tcp_server(service.handle, service.context(folder)) as port:
        service.port = port
        yield service


def anchor_file(folder: Path, capf: CertificatePlan = CAPF) -> Path:
    """Write a CAPF certificate as an operator has it."""
    file = folder / f"anchor-{capf.key_name}.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(capf.encode()))
    return file


def string_file(folder: Path, string: str = STRING) -> Path:
    """Write an authentication string into a file that nobody else can read."""
    file = folder / "string"
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(string + "\n")
    return file
