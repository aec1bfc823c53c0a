"""A second TVS server and client, written from the published facts alone, before the project's code was read.

The facts are those of ../shared/reference/tvs.md and of the vectors beside it (names: trust-list.md 5.1). It shares no
code with the project, so the two agree only where both follow the facts. These leave freedom: the order of elements,
cuts between TLS records, one request on a connection or several, roles in one element or in several, elements that
nobody knows, what "not found" looks like. `Manner` has a switch for each.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID

PROTOCOL, VERSION = 87, 1
VERIFY_REQUEST, VERIFY_RESPONSE, QUERY_REQUEST, QUERY_RESPONSE = 1, 2, 3, 4
DEVICE_NAME, CERTIFICATE, SUBJECT, ISSUER, SERIAL, STATUS, ROLES, TTL = 1, 2, 3, 4, 5, 7, 8, 9
_HEADER = struct.Struct(">BBBBIH")
_ORDER = {NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", NameOID.ORGANIZATION_NAME: "O"}
_ORDER |= {NameOID.LOCALITY_NAME: "L", NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.COUNTRY_NAME: "C"}

Element = tuple[int, bytes]


class PeerError(Exception):
    """The other side broke the published format; the text says how."""


@dataclass(frozen=True)
class Manner:
    """How one side uses what the facts leave open; the default is what the genuine traces show."""

    reserved: int = 0  # byte 3 of the header: any value must be ignored
    order: Callable[[list[Element]], list[Element]] = list  # order of the elements
    extra: tuple[Element, ...] = ()  # put in front of the known ones
    cut: int = 0  # bytes for each TLS record; 0 sends the message as one
    keep_open: bool = False  # server: answer more than one request on a connection
    roles_repeated: bool = False  # server: one element for each role
    without: frozenset[int] = frozenset()  # elements left out
    not_found: tuple[Element, ...] | None = ((STATUS, b"\x01"),)  # server: None closes without an answer
    session_offset: int = 0  # server: added to the echoed session id
    abrupt: bool = False  # server: end the connection without close_notify
    name_prefix: bytes = b"\x01"  # client: the byte in front of the device name
    name_end: bytes = b""  # client: what follows the device name


@dataclass(frozen=True)
class Entry:
    """One certificate the server vouches for: DER, its role codes, seconds to keep the answer."""

    der: bytes
    roles: tuple[int, ...]
    ttl: int = 86400


@dataclass
class Server:
    """Answers on 127.0.0.1:`port`; keeps every message it received, in order, in `received`."""

    port: int
    received: list[tuple[int, int, list[Element]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def cucm_name(name: x509.Name) -> bytes:
    """The name as CUCM writes it (reference/trust-list.md 5.1): a fixed order, parts divided by `;`, with its NUL."""
    parts = [(short, a.value) for oid, short in _ORDER.items() for a in name.get_attributes_for_oid(oid)]
    return ";".join(f"{short}={value}" for short, value in parts if isinstance(value, str)).encode() + b"\0"


def serial_bytes(serial: int) -> bytes:
    """The serial as the raw bytes of the DER integer."""
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big")


def message(command: int, session: int, elements: list[Element], manner: Manner) -> bytes:
    """Header and elements as bytes."""
    kept = [e for e in elements if e[0] not in manner.without]
    body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in [*manner.extra, *manner.order(kept)])
    return _HEADER.pack(PROTOCOL, VERSION, command, manner.reserved, session, len(body)) + body


def _exactly(stream: ssl.SSLSocket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        part = stream.recv(count - len(got))
        if not part:
            raise EOFError(f"closed after {len(got)} of {count} bytes")
        got += part
    return got


def receive(stream: ssl.SSLSocket) -> tuple[int, int, list[Element]]:
    """One message: command, session id, elements in their order. EOFError when the other side closed."""
    protocol, version, command, _, session, length = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if (protocol, version) != (PROTOCOL, VERSION):
        raise PeerError(f"protocol {protocol} version {version}")
    body, elements = _exactly(stream, length), []
    while body:
        if len(body) < 3 or len(body) < 3 + int.from_bytes(body[1:3], "big"):
            raise PeerError(f"element cut short: {body[:8].hex(' ')}")
        end = 3 + int.from_bytes(body[1:3], "big")
        elements.append((body[0], body[3:end]))
        body = body[end:]
    return command, session, elements


def _send(stream: ssl.SSLSocket, data: bytes, cut: int) -> None:
    for at in range(0, len(data), cut or len(data)):
        stream.sendall(data[at : at + (cut or len(data))])


def _found(command: int, elements: dict[int, bytes], entries: list[Entry]) -> Entry | None:
    name = elements.get(DEVICE_NAME, b"")
    if name[:4] != b"\x01CP-" or b"\0" in name:
        raise PeerError(f"device name {name!r}")
    if command == VERIFY_REQUEST:
        x509.load_der_x509_certificate(elements[CERTIFICATE])
        return next((e for e in entries if e.der == elements[CERTIFICATE]), None)
    for tag in (SUBJECT, ISSUER):
        if elements[tag].count(b"\0") != 1 or elements[tag][-1:] != b"\0":
            raise PeerError(f"element {tag} does not end in one NUL: {elements[tag]!r}")
    for entry in entries:
        certificate = x509.load_der_x509_certificate(entry.der)
        # A list stores an eToken's serial byte-reversed, so either direction names the certificate.
        serials = {serial_bytes(certificate.serial_number).lstrip(b"\0")}
        serials |= {s[::-1] for s in serials}
        is_named = elements[SERIAL].strip(b"\0") in {s.strip(b"\0") for s in serials}
        if is_named and elements[ISSUER] == cucm_name(certificate.issuer):
            return entry
    return None


def _answer(command: int, elements: list[Element], entries: list[Entry], manner: Manner) -> list[Element] | None:
    if command not in (VERIFY_REQUEST, QUERY_REQUEST):
        raise PeerError(f"command {command} from a client")
    try:
        entry = _found(command, dict(elements), entries)
    except (KeyError, ValueError) as error:
        raise PeerError(f"request {command}: {error!r}") from error
    if entry is None:
        return None if manner.not_found is None else list(manner.not_found)
    roles = [bytes([r]) for r in entry.roles]
    return [
        (STATUS, b"\0"),
        *([(CERTIFICATE, entry.der)] if command == QUERY_REQUEST else []),
        *([(ROLES, r) for r in roles] if manner.roles_repeated else [(ROLES, b"".join(roles))]),
        (TTL, struct.pack(">I", entry.ttl)),
    ]


def _talk(stream: ssl.SSLSocket, server: Server, entries: list[Entry], manner: Manner) -> None:
    while True:
        command, session, elements = receive(stream)
        server.received.append((command, session, elements))
        answer = _answer(command, elements, entries, manner)
        if answer is None:
            return
        _send(stream, message(command + 1, session + manner.session_offset, answer, manner), manner.cut)
        if not manner.keep_open:
            return


def _accept(listener: socket.socket, tls: ssl.SSLContext, server: Server, entries: list[Entry], manner: Manner) -> None:
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return  # the listener was closed: the server ends
        try:
            raw.settimeout(20)
            stream = tls.wrap_socket(raw, server_side=True)
        except OSError as error:
            server.faults.append(f"TLS: {error}")
            raw.close()
            continue
        try:
            _talk(stream, server, entries, manner)
        except EOFError:
            pass
        except (PeerError, OSError) as error:
            server.faults.append(str(error))
        # ValueError: the other side had gone before the first word of TLS.
        with contextlib.suppress(OSError, ValueError):
            if not manner.abrupt:
                stream.unwrap()
        stream.close()


@contextlib.contextmanager
def serving(tls: ssl.SSLContext, entries: list[Entry], manner: Manner = Manner()) -> Iterator[Server]:
    """A server for the time of the block; `tls` holds its certificate and what it demands of a phone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, tls, server, entries, manner), daemon=True)
        thread.start()
        yield server
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=30)


@dataclass
class Client:
    """Asks one server; `stream` is the TLS connection, session ids count from 1001 as those of phones do."""

    stream: ssl.SSLSocket
    device: str = "CP-8861-SEP001122334455"
    manner: Manner = Manner()
    session: int = 1000

    def verify(self, der: bytes) -> list[Element]:
        """Ask about a certificate; the elements of the answer."""
        return self.receive(self.send(VERIFY_REQUEST, [(CERTIFICATE, der)]))

    def query(self, subject: bytes, issuer: bytes, serial: bytes) -> list[Element]:
        """Ask for the certificate with these names (with their NUL) and this serial; the elements of the answer."""
        return self.receive(self.send(QUERY_REQUEST, [(SUBJECT, subject), (ISSUER, issuer), (SERIAL, serial)]))

    def send(self, command: int, elements: list[Element]) -> int:
        """Send one request without waiting for its answer; the command."""
        self.session += 1
        name = self.manner.name_prefix + self.device.encode() + self.manner.name_end
        data = message(command, self.session, [(DEVICE_NAME, name), *elements], self.manner)
        _send(self.stream, data, self.manner.cut)
        return command

    def receive(self, asked: int) -> list[Element]:
        """The answer to the last request. EOFError: the server closed; PeerError: it is not an answer to that."""
        command, session, elements = receive(self.stream)
        if (command, session) != (asked + 1, self.session):
            raise PeerError(f"command {command} session {session}, wanted {asked + 1} and {self.session}")
        return elements


@contextlib.contextmanager
def connected(tls: ssl.SSLContext, host: str, port: int, manner: Manner = Manner()) -> Iterator[Client]:
    """A client for the time of the block; `tls` says what it trusts and which certificate it shows."""
    with socket.create_connection((host, port), timeout=20) as raw, tls.wrap_socket(raw) as stream:
        yield Client(stream, manner=manner)
