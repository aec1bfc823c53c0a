"""Servers on loopback that behave as badly as a test tells them to.

A handler is a plain function that plays the server's part in one exchange. It runs in a thread of the server;
what it raises fails the test that uses the server.
"""

import datetime as dt
import hashlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ctlctl.connectors.tftp_packets import (
    Ack,
    Data,
    OptionAck,
    Packet,
    PacketError,
    ReadRequest,
    decode,
    encode,
)
from ctlctl_lab.tlscontexts import lab_context

# Seconds between two looks at whether the test is over.
_TICK = 0.02
# Seconds a server thread may take to notice that.
_JOIN = 10.0

Mangle = Callable[[int, bytes], Iterable[bytes]]


def faithful(index: int, datagram: bytes) -> Iterable[bytes]:
    """Send everything as it is."""
    del index
    return (datagram,)


class TftpExchange:
    """One read request, and a socket with a port of its own to answer it from."""

    def __init__(
        self, request: ReadRequest, client: tuple[str, int], sock: socket.socket, stop: threading.Event
    ) -> None:
        self.request = request
        self.client = client
        self.sock = sock
        self.stop = stop
        self.sent = 0
        self.mangle: Mangle = faithful

    def send(self, *packets: Packet | bytes, via: socket.socket | None = None) -> None:
        for packet in packets:
            datagram = packet if isinstance(packet, bytes) else encode(packet)
            for each in self.mangle(self.sent, datagram):
                (via or self.sock).sendto(each, self.client)
            self.sent += 1

    def receive(self, seconds: float = 0.1, via: socket.socket | None = None) -> Packet | None:
        """Return the next packet of the client; None if none comes, or none is left and the test is over."""
        sock = via or self.sock
        sock.settimeout(_TICK)
        waited = 0.0
        while True:
            with suppress(TimeoutError, PacketError):
                return decode(sock.recv(65536))
            waited += _TICK
            if waited >= seconds or self.stop.is_set():
                return None

    def until_acked(self, packet: Packet | bytes, block: int, tries: float = inf) -> bool:
        """Send a packet, again and again if need be, until the client acknowledges `block`."""
        while not self.stop.is_set() and tries > 0:
            tries -= 1
            self.send(packet)
            while (reply := self.receive()) is not None:
                match reply:
                    case Ack(block=number) if number == block:
                        return True
                    case Ack():
                        pass
                    case _:
                        return False
        return False

    @contextmanager
    def other_socket(self, host: str) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            yield sock


def serve_file(exchange: TftpExchange, content: bytes, block_bytes: int = 512) -> None:
    """Play a proper server; agree to the client's options unless `block_bytes` is the default."""
    if block_bytes != 512 and not exchange.until_acked(
        # Who repeated a request that has been served is gone; who is only slow asks again after a second.
        OptionAck((("blksize", str(block_bytes)), ("tsize", str(len(content))))),
        0,
        tries=5,
    ):
        return
    for index, start in enumerate(range(0, len(content) + 1, block_bytes), 1):
        block = index & 0xFFFF
        if not exchange.until_acked(Data(block, content[start : start + block_bytes]), block):
            return


@contextmanager
def tftp_server(handler: Callable[[TftpExchange], None], host: str = "127.0.0.1") -> Iterator[int]:
    """Run a TFTP server; yields its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as listener:
        listener.bind((host, 0))
        listener.settimeout(_TICK)

        def serve(stop: threading.Event) -> None:
            while not stop.is_set():
                try:
                    datagram, client = listener.recvfrom(65536)
                except TimeoutError:
                    continue
                request = decode(datagram)
                # A client may also send an ERROR here, before it knows the port of the transfer.
                if isinstance(request, ReadRequest):
                    with socket.socket(family, socket.SOCK_DGRAM) as sock:
                        sock.bind((host, 0))
                        handler(TftpExchange(request, client, sock, stop))

        with _running(serve):
            yield listener.getsockname()[1]


class TcpExchange:
    """One connection."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.stop = stop
        self.head = b""

    def read_head(self) -> None:
        self.sock.settimeout(_TICK)
        while b"\r\n\r\n" not in self.head and not self.stop.is_set():
            with suppress(TimeoutError):
                part = self.sock.recv(65536)
                if not part:
                    return
                self.head += part

    def send(self, data: bytes) -> bool:
        """Send; returns whether somebody is still there and the test goes on."""
        self.sock.settimeout(_JOIN)
        try:
            self.sock.sendall(data)
        except OSError:
            return False
        return not self.stop.is_set()

    def drip(self, data: Iterable[bytes]) -> None:
        """Send piece by piece, slowly, as long as somebody listens."""
        for piece in data:
            if not self.send(piece) or self.stop.wait(_TICK):
                return

    def flood(self, piece: bytes) -> None:
        """Send the same for ever, as fast as it goes."""
        while self.send(piece):
            pass


@contextmanager
def tcp_server(
    handler: Callable[[TcpExchange], None],
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[int]:
    """Run a TCP server, with TLS where a context is given; yields its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((host, 0))
        listener.listen()
        listener.settimeout(_TICK)

        def serve(stop: threading.Event) -> None:
            while not stop.is_set():
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                with sock:
                    if context is None:
                        handler(TcpExchange(sock, stop))
                        continue
                    # A client that does not trust the certificate hangs up here.
                    sock.settimeout(_JOIN)
                    with suppress(OSError), context.wrap_socket(sock, server_side=True) as secure:
                        handler(TcpExchange(secure, stop))

        with _running(serve):
            yield listener.getsockname()[1]


@contextmanager
def http_server(
    handler: Callable[[TcpExchange], None],
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[int]:
    """Run a server whose handler is called once the head of a request is there; yields its port."""

    def handle(exchange: TcpExchange) -> None:
        exchange.read_head()
        handler(exchange)

    with tcp_server(handle, context, host) as port:
        yield port


@contextmanager
def _running(serve: Callable[[threading.Event], None]) -> Iterator[None]:
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            serve(stop)
        except BaseException as error:  # noqa: BLE001  # handed to the test below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_JOIN)
    assert not thread.is_alive(), "the server of this test does not stop"
    if failures:
        raise failures[0]


@dataclass(frozen=True, slots=True)
class Identity:
    """A TLS server's certificate: its file, its SHA-256, and a context that presents it."""

    certificate_file: Path
    fingerprint: bytes
    context: ssl.SSLContext


def make_identity(directory: Path, *, name: str = "localhost", days: int = 30) -> Identity:
    """Make a self-signed certificate as CUCM nodes have; `days` below 0 makes it expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=60))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    directory.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = lab_context(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Identity(certificate_file, hashlib.sha256(der).digest(), context)
