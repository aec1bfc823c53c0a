"""A SOAP server on loopback that says what a test has scripted, and clients whose time does not pass by itself."""

import atexit
import re
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Protocol
from xml.sax.saxutils import escape

import pytest
from lxml import etree

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlError, AxlSettings
from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.ris_ports import RisSettings
from ctlctl.connectors.secret import Secret
from ctlctl_lab.clock import ManualClock
from support import labhttp
from support.servers import Identity, make_identity

PASSWORD = "correct horse battery"  # noqa: S105 - a test's
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
RIS = "http://schemas.cisco.com/ast/soap"
# Seconds after which a server thread of a test gives up by itself.
_LONG = 60.0
_ACTION = re.compile(r'"?(?:CUCM:DB ver=([\d.]+) )?(\w+)"?')


@dataclass(frozen=True)
class Asked:
    """One request as the server has seen it."""

    operation: str
    version: str
    headers: dict[str, str]
    body: bytes

    @property
    def inside(self) -> etree._Element:
        """What is in the Body."""
        found = etree.fromstring(self.body).find(f"{{{ENVELOPE}}}Body")
        assert found is not None
        return found[0]

    def text(self, path: str) -> str | None:
        return self.inside.findtext(path)


@dataclass(frozen=True)
class Reply:
    """What to answer.

    Attributes:
        body: its body.
        status: HTTP status.
        headers: more headers; a Content-Length of your own wins.
        stall: send the head and half of the body, then nothing.
        mute: send nothing at all.
        hang_up: close the connection without a word.
        drip: send the body byte by byte and slowly.
        raw: send these bytes and nothing else, and hang up.
        leave: hang up after the answer without having said so.
    """

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    stall: bool = False
    mute: bool = False
    hang_up: bool = False
    drip: bool = False
    raw: bytes = b""
    leave: bool = False

    def head(self) -> bytes:
        names = {name.lower() for name, _ in self.headers}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in self.headers)]
        if "content-type" not in names:
            lines.append("Content-Type: text/xml;charset=UTF-8")
        if "content-length" not in names:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode()


Script = Callable[[Asked], Reply]


@dataclass
class SoapServer:
    """A running server.

    Attributes:
        script: what it answers; replace it at any time.
        asked: all requests, in order.
        connections: how many were opened.
    """

    identity: Identity
    script: Script
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    login: tuple[str, str] = ("axl-user", PASSWORD)

    @property
    def operations(self) -> list[str]:
        return [one.operation for one in self.asked]

    @property
    def pin(self) -> bytes:
        return self.identity.fingerprint


@cache
def _identity() -> Identity:
    directory = mkdtemp(prefix="soap-identity-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return make_identity(Path(directory), name="localhost")


@contextmanager
def soap_server(script: Script) -> Iterator[SoapServer]:
    """Run a server, every connection in a thread of its own."""
    server = SoapServer(_identity(), script)
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        listener.settimeout(0.02)

        def serve_one(sock: socket.socket) -> None:
            try:
                _serve_connection(server, sock)
            except BaseException as error:  # noqa: BLE001  # handed to the test below
                failures.append(error)

        def accept() -> None:
            while not server.stop.is_set():
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                thread = threading.Thread(target=serve_one, args=(sock,), daemon=True)
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield server
        finally:
            server.stop.set()
            for thread in (acceptor, *threads):
                thread.join(_LONG)
    if failures:
        raise failures[0]


def _serve_connection(server: SoapServer, plain: socket.socket) -> None:
    plain.settimeout(_LONG)
    # A client that does not trust the certificate hangs up here, and others do later.
    with plain, suppress(ssl.SSLError, ConnectionError), _secured(server, plain) as sock:
        server.connections += 1
        sock.settimeout(0.02)
        while not server.stop.is_set():
            asked = _read_request(server, sock)
            if asked is None:
                return
            server.asked.append(asked)
            reply = server.script(asked)
            if not _send(server, sock, reply):
                return


def _secured(server: SoapServer, plain: socket.socket) -> ssl.SSLSocket:
    return server.identity.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True)


def _receive(server: SoapServer, sock: socket.socket, data: bytes) -> bytes | None:
    while not server.stop.is_set():
        with suppress(TimeoutError):
            part = sock.recv(65536)
            return data + part if part else None
    return None


def _read_request(server: SoapServer, sock: socket.socket) -> Asked | None:
    data: bytes | None = b""
    while data is not None and b"\r\n\r\n" not in data:
        data = _receive(server, sock, data)
    if data is None:
        return None
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body: bytes | None = rest
    while body is not None and len(body) < int(headers.get("content-length", "0")):
        body = _receive(server, sock, body)
    if body is None:
        return None
    action = _ACTION.fullmatch(headers.get("soapaction", ""))
    version, operation = (action[1] or "", action[2]) if action else ("", "")
    return Asked(operation, version, headers, body)


def _send(server: SoapServer, sock: socket.socket, reply: Reply) -> bool:
    sock.settimeout(_LONG)
    if reply.mute or reply.stall:
        if reply.stall:
            sock.sendall(reply.head() + reply.body[: len(reply.body) // 2])
        server.stop.wait(_LONG)
        return False
    if reply.raw or reply.hang_up:
        sock.sendall(reply.raw)
        return False
    if reply.drip:
        sock.sendall(reply.head())
        for byte in reply.body:
            sock.sendall(bytes((byte,)))
            if server.stop.wait(0.05):
                return False
    else:
        sock.sendall(reply.head() + reply.body)
    sock.settimeout(0.02)
    announced = dict(reply.headers).get("Content-Length", str(len(reply.body)))
    return announced == str(len(reply.body)) and ("Connection", "close") not in reply.headers and not reply.leave


# What servers say.


def envelope(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>'
    ).encode()


def answer(operation: str, inside: str = "", version: str = "14.0") -> Reply:
    """Answer an AXL operation, with what is in its `return`."""
    name = f"ns:{operation}Response"
    space = f"http://www.cisco.com/AXL/API/{version}"
    return Reply(envelope(f'<{name} xmlns:ns="{space}"><return>{inside}</return></{name}>'))


def fault(message: str, code: int | None = None, *, faultcode: str = "soapenv:Server", prefix: str = "") -> Reply:
    """Answer with a fault; AXL's own part of it if a code is given, in its namespace if a prefix is."""
    axl = f'xmlns:{prefix.strip(":")}="http://www.cisco.com/AXL/API/14.0"' if prefix else ""
    detail = (
        f"<detail><{prefix}axlError {axl}><axlcode>{code}</axlcode><axlmessage>{escape(message)}</axlmessage>"
        f"<request>asked</request></{prefix}axlError></detail>"
        if code is not None
        else ""
    )
    return Reply(
        envelope(
            f"<soapenv:Fault><faultcode>{faultcode}</faultcode><faultstring>{escape(message)}</faultstring>{detail}"
            "</soapenv:Fault>"
        ),
        status=500,
    )


def html(status: int, words: str = "Something") -> Reply:
    """Answer with a page, as Tomcat does."""
    page = f"<!-- custom Cisco error page --><html><body>HTTP Status {status} - {words}</body></html>"
    return Reply(page.encode(), status, (("Content-Type", "text/html"),))


def version_of(asked: Asked) -> Reply:
    """Answer getCCMVersion, whatever the version."""
    inside = "<componentVersion><version>14.0.1.12900-161</version></componentVersion>"
    return answer("getCCMVersion", inside, asked.version)


def routes(**scripts: "Script | Reply | list[Reply]") -> Script:
    """Answer by operation: always the same, one after the other, or what a function says; getCCMVersion works."""
    table: dict[str, Script | Reply | list[Reply]] = {"getCCMVersion": version_of, **scripts}

    def script(asked: Asked) -> Reply:
        found = table[asked.operation]
        if isinstance(found, Reply):
            return found
        if isinstance(found, list):
            return found.pop(0)
        return found(asked)

    return script


# Clients.


@dataclass
class FakeTime:
    """A clock that only moves when somebody sleeps by it; a lab's clock, if there is one, moves with it."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    lab: ManualClock | None = None

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.lab is not None:
            self.lab.advance(seconds)


class Address(Protocol):
    """Where a server is, how it proves itself and who may ask it."""

    @property
    def port(self) -> int: ...

    @property
    def pin(self) -> bytes: ...

    @property
    def login(self) -> tuple[str, str]: ...


def _given(server: Address, changes: dict[str, object]) -> dict[str, object]:
    user, password = server.login
    given: dict[str, object] = {
        "cluster": "lab",
        "host": "127.0.0.1",
        "port": server.port,
        "username": user,
        "password": Secret(password),
        "tls": TlsTrust(sha256_pin=server.pin),
    }
    return given | changes


def axl_settings(server: Address, **changes: object) -> AxlSettings:
    """Settings that reach a server."""
    given = _given(server, {"writes_per_second": 5.0} | changes)
    return AxlSettings(**given)  # type: ignore[arg-type]  # checked by the class itself


@contextmanager
def axl_client(server: Address, time: FakeTime | None = None, **changes: object) -> Iterator[AxlClient]:
    """A client that waits by a clock of its own."""
    by = time or FakeTime()
    with AxlClient(axl_settings(server, **changes), clock=by.clock, sleep=by.sleep) as client:
        yield client


def ris_settings(server: Address, **changes: object) -> RisSettings:
    """Settings that reach a server."""
    return RisSettings(**_given(server, changes))  # type: ignore[arg-type]  # checked by the class itself


@contextmanager
def ris_client(server: Address, time: FakeTime | None = None, **changes: object) -> Iterator[RisClient]:
    """A client that waits by a clock of its own."""
    by = time or FakeTime()
    with RisClient(ris_settings(server, **changes), clock=by.clock, sleep=by.sleep) as client:
        yield client


def check_told(error: ConnectorError, fault: ConnectorFault, interface: str, *secrets: str) -> None:
    """Hold an error to what every one must say: which cluster, node and interface, what happened, what to do."""
    assert error.fault is fault, error
    assert (error.cluster, error.node, error.interface) == ("lab", "127.0.0.1", interface)
    words = str(error)
    assert words.startswith(f"cluster lab, node 127.0.0.1, {interface}: {error.detail.rstrip('.')}")
    assert error.advice
    assert words.endswith(f"{error.advice}.")
    assert words.isprintable()
    for secret in (PASSWORD, labhttp.PASSWORD, *secrets):
        assert secret not in words + repr(error)
    assert error.__cause__ is None


# One operation that goes wrong.

NODES = answer("listProcessNode", "<processNode><name>pub</name></processNode>")
DONE = answer("applyPhone", "{12345678-90AB-CDEF-1234-567890ABCDEF}")

Use = Callable[[AxlClient], object]


def read(client: AxlClient) -> object:
    """Ask for something that can be asked for twice."""
    return client.nodes()


def write(client: AxlClient) -> object:
    """Change something."""
    client.apply_phone("SEP001122334455")
    return None


def trouble(reply: Reply, use: Use = read, **settings: object) -> AxlError:
    """Return the error of one operation that is answered so; everything before it works."""
    with (
        soap_server(routes(listProcessNode=reply, applyPhone=reply)) as server,
        axl_client(server, None, **{"max_wait_seconds": 0} | settings) as client,
        pytest.raises(AxlError) as found,
    ):
        use(client)
    assert len(server.asked) == 2
    check_told(found.value, found.value.fault, "AXL")
    return found.value
