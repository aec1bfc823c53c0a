"""A second CAPF, server and client, written from the published facts alone: nothing of it knows the code that it tests.

Blocking sockets, one thread a connection, ``ssl`` and ``cryptography``. `Server` does what an `Order` says, `Client`
plays a phone, and `Habits` holds what a peer is free to do in its own way, so that each way can be run.
"""

import hashlib
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from cryptography.x509.oid import NameOID

AUTH_REQ, AUTH, KEY_REQ, KEY, STORE_REQ, STORE, FETCH_REQ, FETCH = 1, 2, 3, 4, 9, 10, 11, 12
DELETE_REQ, DELETE, END, LATER, BUSY = 13, 14, 15, 16, 17
REASON, INFO, CERT_TYPE, CERT, SIGNED, VERSION, AUTH_TYPE, PUBLIC, BITS, PASSWORD = 1, 2, 3, 4, 6, 7, 8, 9, 10, 11
DELAY, NAME, SUDI, KEY_TYPE, CURVE, SIGNED2 = 12, 13, 16, 17, 18, 20
NOTHING, DONE, BAD, STRANGER = b"\x00", b"\x01", b"\x07", b"\x09"
CURVES: tuple[ec.EllipticCurve, ...] = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Elements: TypeAlias = list[tuple[int, bytes]]
Message: TypeAlias = tuple[int, Elements]


class RefusedError(Exception):
    """The peer says no, or what it may not say; the first argument is the reason to answer with."""


def as_it_is(command: int, elements: Elements) -> list[Message]:
    return [(command, elements)]


@dataclass(frozen=True)
class Habits:
    """How a peer uses its freedom.

    Attributes:
        edit: returns the messages to send in place of one: none, another, several.
        reverse: whether elements stand in the opposite order.
        cut: bytes of one write; 0 for a message in one.
        glue: whether "in progress" goes out in one write with what follows it.
        session: number of each session; None counts.
        rude: whether it hangs up without TLS's goodbye.
    """

    edit: Callable[[int, Elements], list[Message]] = as_it_is
    reverse: bool = False
    cut: int = 0
    glue: bool = False
    session: int | None = None
    rude: bool = False


class Wire:
    """One end of a connection. ``log`` has what was heard, as command and elements."""

    def __init__(self, sock: ssl.SSLSocket, habits: Habits, session: int | None) -> None:
        self.sock, self.habits, self.session, self.held = sock, habits, session, b""
        self.log: list[Message] = []

    def send(self, command: int, elements: Elements, *, hold: bool = False) -> None:
        for number, parts in self.habits.edit(command, elements):
            ordered = parts[::-1] if self.habits.reverse else parts
            body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in ordered)
            self.held += struct.pack(">BBIH", 85, number, self.session or 0, len(body)) + body
        if not (hold and self.habits.glue):
            data, self.held = self.held, b""
            step = self.habits.cut or max(len(data), 1)
            for start in range(0, len(data), step):
                self.sock.sendall(data[start : start + step])

    def receive(self, *wanted: int) -> tuple[int, dict[int, bytes]]:
        protocol, command, session, length = struct.unpack(">BBIH", self._read(8))
        body, place, parts = self._read(length), 0, []
        while place < length:
            tag, size = struct.unpack_from(">BH", body, place)
            parts.append((tag, body[place + 3 : place + 3 + size]))
            place += 3 + size
        self.log.append((command, parts))
        self.session = session if self.session is None else self.session
        if protocol != 85 or session != self.session or place != length or command not in wanted:
            raise RefusedError(BAD, f"protocol {protocol}, session {session}, command {command}, {parts}")
        return command, dict(parts)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (more := self.sock.recv(count - len(data))):
                raise EOFError(f"the peer hung up {len(data)} bytes into {count}")
            data += more
        return data

    def close(self) -> None:
        # ValueError: the other side had gone before the first word of TLS.
        with suppress(OSError, ValueError):
            if not self.habits.rude:
                self.sock.settimeout(2)
                self.sock.unwrap()
        self.sock.close()


def ecdsa(digest: str) -> ec.ECDSA:
    return ec.ECDSA(Prehashed({"sha1": hashes.SHA1, "sha512": hashes.SHA512}[digest]()))


def padded(hashed: bytes, size: int) -> bytes:
    """Block type 1 around a bare digest: no DigestInfo, so this is not a PKCS#1 v1.5 signature."""
    return b"\0\1".ljust(size - len(hashed) - 1, b"\xff") + b"\0" + hashed


def sign(key: Key, data: bytes, digest: str) -> bytes:
    hashed = hashlib.new(digest, data).digest()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(hashed, ecdsa(digest))
    secret, size = key.private_numbers(), key.key_size // 8
    return pow(int.from_bytes(padded(hashed, size)), secret.d, secret.public_numbers.n).to_bytes(size)


def verify(key: object, signature: bytes, data: bytes, digest: str) -> None:
    hashed = hashlib.new(digest, data).digest()
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            return key.verify(signature, hashed, ecdsa(digest))
        except InvalidSignature:
            raise RefusedError(BAD, f"bad {digest} signature") from None
    assert isinstance(key, rsa.RSAPublicKey)
    public, size = key.public_numbers(), key.key_size // 8
    if pow(int.from_bytes(signature), public.e, public.n).to_bytes(size) != padded(hashed, size):
        raise RefusedError(BAD, f"bad {digest} signature")
    return None


def make_key(kind: str) -> Key:
    """Make ``rsa2048`` and the like, or ``ec0`` to ``ec2``, by the number of the curve."""
    if kind.startswith("ec"):
        return ec.generate_private_key(CURVES[int(kind[2:])])
    return rsa.generate_private_key(65537, int(kind[3:]))


def kind_of(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec{[curve.name for curve in CURVES].index(key.curve.name)}"
    assert isinstance(key, rsa.RSAPublicKey)
    return f"rsa{key.key_size}"


def public_der(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def carried(certificate: bytes) -> tuple[int, bytes]:
    return CERT, struct.pack(">BHBB", 1, len(certificate) + 2, 0, 1) + certificate


class Authority:
    """The CA that CAPF is: ``CA:TRUE``, path length 0."""

    def __init__(self, kind: str = "rsa2048") -> None:
        self.key, self.name = make_key(kind), "CAPF-0a1b2c3d"
        self.certificate = self.issue(self.name, self.key.public_key(), ca=True)

    def issue(self, name: str, key: PublicKey, *, ca: bool = False) -> x509.Certificate:
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, self.name))
        usage = x509.KeyUsage(True, False, not ca, False, False, ca, False, False, False)
        builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(datetime.now(UTC) - timedelta(1))
        builder = builder.not_valid_after(datetime.now(UTC) + timedelta(365)).add_extension(usage, critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass
class Order:
    """What to do with a device: install, delete, fetch or none; the mode has the numbers of ``capfAuthMode``."""

    operation: str = "install"
    mode: int = 2
    string: str = ""
    key: str = "ec0"
    subject: str = "{name}"


@dataclass
class Server:
    """CAPF on a free port of loopback. ``stored`` has what devices took or showed, ``logs`` what they said."""

    orders: Mapping[str, Order]
    authority: Authority
    habits: Habits = field(default_factory=Habits)
    foreign_key: bool = False
    stored: dict[str, bytes | None] = field(default_factory=dict)
    faults: list[BaseException] = field(default_factory=list)
    logs: list[list[Message]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            key = self.authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            Path(file.name).write_bytes(key + self.authority.pem())
            self.context.load_cert_chain(file.name)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(30)
        self.listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                number = len(self.threads) if self.habits.session is None else self.habits.session
                self.threads.append(threading.Thread(target=self._connection, args=(sock, number)))
                self.threads[-1].start()

    def _connection(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(20)
        try:
            wire = Wire(self.context.wrap_socket(sock, server_side=True), self.habits, number)
        except OSError as error:
            self.faults.append(error)
            sock.close()
            return
        self.logs.append(wire.log)
        try:
            wire.send(END, [(REASON, self._conversation(wire))])
        except RefusedError as refusal:
            self.faults.append(refusal)
            with suppress(OSError):
                wire.send(END, [(REASON, refusal.args[0])])
        except (OSError, EOFError) as error:
            self.faults.append(error)
        wire.close()

    def _conversation(self, wire: Wire) -> bytes:
        """Do what is ordered; return the reason to end with."""
        wire.send(AUTH_REQ, [(VERSION, b"\x03"), (AUTH_TYPE, b"\x00")])
        _, who = wire.receive(AUTH)
        name = who[NAME].removesuffix(b"\0").decode()
        if who[VERSION] != b"\x03" or name not in self.orders:
            raise RefusedError(STRANGER, f"no device {name} of version 3")
        order = self.orders[name]
        self._authenticate(order, name, who, wire.session or 0)
        if order.operation == "install":
            self._install(wire, order, name)
            return DONE
        if order.operation == "fetch":
            wire.send(FETCH_REQ, [])
            _, shown = wire.receive(FETCH)
            self.stored[name] = shown[CERT][5:] if shown[REASON] == DONE else None
        if order.operation == "delete":
            wire.send(DELETE_REQ, [])
            wire.receive(DELETE)
            self.stored[name] = None
            return DONE
        return NOTHING

    def _authenticate(self, order: Order, name: str, who: dict[int, bytes], session: int) -> None:
        if order.mode == 1 and who.get(PASSWORD) != order.string.encode() + b"\0":
            raise RefusedError(BAD, "wrong string")
        if order.mode in (3, 4):
            if CERT not in who or not {SIGNED, SIGNED2} & who.keys():
                raise RefusedError(BAD, "no signed certificate")
            certificate = x509.load_der_x509_certificate(who[CERT][5:])
            certificate.verify_directly_issued_by(self.authority.certificate)
            data = name.encode() + b"\0" + who[CERT][5:]
            if SIGNED in who:
                verify(certificate.public_key(), who[SIGNED], data, "sha1")
            if SIGNED2 in who:
                assert who[SIGNED2][:3] == struct.pack(">BH", 3, len(who[SIGNED2]) - 3)
                verify(certificate.public_key(), who[SIGNED2][3:], data, "sha512")
        if SUDI in who:
            rest, parts = who[SUDI], {}
            while rest:
                code, size = struct.unpack_from(">BH", rest)
                parts[code], rest = rest[3 : 3 + size], rest[3 + size :]
            key = x509.load_der_x509_certificate(parts[0]).public_key()
            verify(key, parts[1], struct.pack("<I", session) + parts[0], "sha1")
            verify(key, parts[3], struct.pack("<I", session) + parts[0], "sha512")

    def _install(self, wire: Wire, order: Order, name: str) -> None:
        number = int(order.key.lstrip("rsaec"))
        if order.key.startswith("ec"):
            wire.send(KEY_REQ, [(KEY_TYPE, b"\x01"), (CURVE, bytes([number]))])
        else:
            wire.send(KEY_REQ, [(BITS, struct.pack(">H", number)), (KEY_TYPE, b"\x00")])
        command, answer = wire.receive(BUSY, KEY)
        while command == BUSY:
            command, answer = wire.receive(BUSY, KEY)
        if PUBLIC not in answer:
            raise RefusedError(BAD, f"no key: {answer}")
        key = load_der_public_key(answer[PUBLIC])
        assert isinstance(key, PublicKey)
        if kind_of(key) != order.key:
            raise RefusedError(BAD, f"ordered {order.key}, got {kind_of(key)}")
        signed = make_key(order.key).public_key() if self.foreign_key else key
        certificate = self.authority.issue(order.subject.format(name=name), signed).public_bytes(Encoding.DER)
        wire.send(STORE_REQ, [(CERT_TYPE, b"\x01"), carried(certificate)])
        _, answer = wire.receive(STORE)
        if answer[REASON] not in (NOTHING, DONE):
            raise RefusedError(BAD, f"it would not be kept: {answer}")
        self.stored[name] = certificate


@dataclass
class Client:
    """A phone. `run` holds one conversation; key and certificate are what it has, before and after."""

    name: str
    string: str = ""
    key: Key | None = None
    certificate: bytes = b""
    prove: frozenset[int] = frozenset({SIGNED, SIGNED2})
    sudi: tuple[Key, bytes] | None = None
    busy: int = 1
    habits: Habits = field(default_factory=Habits)

    def run(self, host: str, port: int = 3804) -> int:
        """Return the reason in END_SESSION."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        wire = Wire(context.wrap_socket(socket.create_connection((host, port), 30)), self.habits, None)
        try:
            fresh: Key | None = None
            command, body = wire.receive(AUTH_REQ)
            wire.send(AUTH, self._credentials(wire.session or 0))
            while command != END:
                command, body = wire.receive(KEY_REQ, STORE_REQ, FETCH_REQ, DELETE_REQ, END)
                if command == KEY_REQ:
                    for _ in range(self.busy):
                        wire.send(BUSY, [], hold=True)
                    wanted = f"ec{body[CURVE][0]}" if body[KEY_TYPE] == b"\1" else f"rsa{int.from_bytes(body[BITS])}"
                    fresh = make_key(wanted)
                    wire.send(KEY, [(PUBLIC, public_der(fresh))])
                elif command != END:
                    wire.send(command + 1, self._answer(command, body, fresh))
            return body[REASON][0]
        finally:
            wire.close()

    def _answer(self, command: int, body: dict[int, bytes], fresh: Key | None) -> Elements:
        had = self.certificate
        if command == FETCH_REQ:
            return [(REASON, DONE), carried(had)] if had else [(REASON, BAD)]
        if command == DELETE_REQ:
            self.key, self.certificate = None, b""
            return [(REASON, DONE if had else BAD)]
        new = body[CERT][5:]
        public = x509.load_der_x509_certificate(new).public_key()
        if fresh is None or public != fresh.public_key() or (CERT, body[CERT]) != carried(new):
            return [(REASON, BAD)]
        self.key, self.certificate = fresh, new
        return [(REASON, DONE)]

    def _credentials(self, session: int) -> Elements:
        parts = [(REASON, DONE), (VERSION, b"\x03"), (PASSWORD, self.string.encode() + b"\0")]
        parts.append((NAME, self.name.encode() + b"\0"))
        if self.prove and self.key is not None:
            data = self.name.encode() + b"\0" + self.certificate
            parts.insert(1, carried(self.certificate))
            if SIGNED in self.prove:
                parts.insert(2, (SIGNED, sign(self.key, data, "sha1")))
            if SIGNED2 in self.prove:
                signature = sign(self.key, data, "sha512")
                parts.append((SIGNED2, struct.pack(">BH", 3, len(signature)) + signature))
        if self.sudi is not None:
            key, certificate = self.sudi
            data = struct.pack("<I", session) + certificate
            pieces = ((0, certificate), (1, sign(key, data, "sha1")), (3, sign(key, data, "sha512")))
            parts.append((SUDI, b"".join(struct.pack(">BH", code, len(value)) + value for code, value in pieces)))
        return parts
