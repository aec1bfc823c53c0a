"""What listens in the lab: every port of every node, and the pages of all phones behind one socket."""

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from random import Random
from typing import Final

from ctlctl_lab.acceptor import Acceptor, Listener, StreamHandler, abort
from ctlctl_lab.capfphones import CapfPhones
from ctlctl_lab.capfservice import CapfService
from ctlctl_lab.capfwork import InMemory
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TOMCAT,
    SERVICE_TVS,
    TOMCAT,
    TVS,
    App,
    AppAnswer,
    Identity,
    Node,
    Phone,
)
from ctlctl_lab.phonepage import phone_app
from ctlctl_lab.phones import port_identity
from ctlctl_lab.shell import serve_ssh
from ctlctl_lab.soap import make_app
from ctlctl_lab.tftpserver import serve_tftp
from ctlctl_lab.tlscontexts import node_context, old_phones_context, phone_context
from ctlctl_lab.tvsservice import TvsRules, serve_tvs
from ctlctl_lab.web import one_answer, serve_http
from ctlctl_lab.world import World

#: Real seconds that a peer has for its handshake, and to say something on a port that listens to nothing.
_PEER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a node.

    Attributes:
        name: as settings and fault switches call it.
        number: unprivileged number that the lab uses; the genuine one is `genuine`.
        genuine: number on a genuine node.
        service: service that must run, or None for one that always does.
        unit: certificate it presents, or None for a port without TLS.
    """

    name: str
    number: int
    genuine: int
    service: str | None
    unit: str | None


#: The ports by name, in the order of the settings file.
PORTS: Final[Mapping[str, Port]] = {
    port.name: port
    for port in (
        Port("tftp", 6969, 69, SERVICE_TFTP, None),
        Port("http", 6970, 6970, SERVICE_TFTP, None),
        Port("https", 6971, 6971, SERVICE_TFTP, CALLMANAGER),
        Port("https_fqdn", 6972, 6972, SERVICE_TFTP, TOMCAT),
        Port("tomcat", 8443, 8443, None, TOMCAT),
        Port("sip", 5061, 5061, SERVICE_CALLMANAGER, CALLMANAGER),
        Port("sccp", 2443, 2443, SERVICE_CALLMANAGER, CALLMANAGER),
        Port("tvs", 2445, 2445, SERVICE_TVS, TVS),
        Port("capf", 3804, 3804, SERVICE_CAPF, CAPF),
        Port("ssh", 2222, 22, None, None),
    )
}
PHONES_PORT: Final = 4433
GENUINE_PHONES_PORT: Final = 443
PHONES_HTTP_PORT: Final = 4480
GENUINE_PHONES_HTTP_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class PortPlan:
    """Which port numbers to use.

    Attributes:
        genuine: those of a genuine cluster where they are privileged (22, 69, 80 and 443), which only root may bind.
        phones: port of the phones' pages over TLS; 0 for any that is free, None for the usual one. Their plain pages
            take any that is free where it is given.
    """

    genuine: bool = False
    phones: int | None = None

    def number(self, port: Port) -> int:
        """Return the number of a node's port."""
        return port.genuine if self.genuine else port.number

    @property
    def phones_number(self) -> int:
        """The number of the phones' port."""
        if self.phones is not None:
            return self.phones
        return GENUINE_PHONES_PORT if self.genuine else PHONES_PORT

    @property
    def phones_http_number(self) -> int:
        """The number of the port of the phones' plain pages."""
        if self.phones is not None:
            # Who picks the one runs several labs, and the other is written into the settings anyway.
            return 0
        return GENUINE_PHONES_HTTP_PORT if self.genuine else PHONES_HTTP_PORT


@dataclass(slots=True)
class Services:
    """Serves a world.

    Attributes:
        world: what is served.
        plan: port numbers.
        capf_in_process: whether phones meet CAPF in memory instead of on the wire; who else comes to its port is
            served all the same.
        acceptor: the sockets.
        capf: CAPF.
        capf_phones: takes phones there.
        phones: the listener for the phones' pages over TLS.
        phones_http: the listener for their plain pages.
    """

    world: World
    plan: PortPlan = field(default_factory=PortPlan)
    capf_in_process: bool = False
    acceptor: Acceptor = field(default_factory=Acceptor)
    capf: CapfService = field(init=False)
    capf_phones: CapfPhones = field(init=False)
    phones: Listener = field(init=False)
    phones_http: Listener = field(init=False)
    _soap: App = field(init=False)
    _chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self._soap = make_app(self.world)
        self._chance = Random(self.world.seed)  # noqa: S311 - a simulation that can be repeated
        self.capf = CapfService(self.world)
        self.capf_phones = CapfPhones(self.world, self.plan.number(PORTS["capf"]))

    def start(self) -> None:
        """Listen everywhere.

        Raises:
            LabError: an address or port cannot be had.
        """
        listeners = [
            self._listener(node, port)
            for node in self.world.cluster.nodes.values()
            for port in PORTS.values()
            if port.service is None or port.service in node.services
        ]
        self.phones = _on_lo("phones https", self.plan.phones_number, self._phone_https)
        self.phones_http = _on_lo("phones http", self.plan.phones_http_number, self._phone_http)
        self.acceptor.start([*listeners, self.phones, self.phones_http])
        self.capf.start()
        self.capf_phones.start()
        if not self.capf_in_process:
            self.world.life.capf = self.capf_phones

    def stop(self) -> None:
        """Stop listening, and end every connection."""
        self.world.life.capf = InMemory(self.world)
        self.capf_phones.stop()
        self.capf.stop()
        self.acceptor.stop()

    @property
    def broken(self) -> bool:
        """Whether something ended by a fault of the lab's own."""
        return self.acceptor.broken or self.capf.broken or self.capf_phones.broken

    # Nodes. A scenario sets up new nodes under the same names, so every look goes by the name.

    def _node(self, name: str) -> Node:
        return self.world.cluster.nodes[name]

    def _listener(self, node: Node, port: Port) -> Listener:
        name, key = node.name, (node.name, port.name)

        def wanted() -> bool:
            here = self._node(name)
            service = SERVICE_TOMCAT if port.unit == TOMCAT and port.service is None else port.service
            runs = here.up if service is None else here.runs(service)
            return runs and key not in self.world.faults.refused

        what, number = f"{name} {port.name}", self.plan.number(port)
        if port.name == "tftp":

            def datagram(data: bytes, _: tuple[str, int], sock: socket.socket) -> None:
                self._tftp(name, data, sock)

            return Listener(what, node.address, number, wanted, datagram=datagram)
        if port.name == "ssh":
            return Listener(what, node.address, number, wanted, lambda sock: serve_ssh(sock, self.world, name))
        if port.name == "capf":
            return Listener(what, node.address, number, wanted, lambda sock: self.capf.take(sock, name))
        handler = self._plain_http if port.unit is None else self._secure
        return Listener(what, node.address, number, wanted, lambda sock: handler(sock, name, port))

    def _tftp(self, name: str, data: bytes, sock: socket.socket) -> None:
        faults = self.world.faults
        if name not in faults.tftp_stall:
            serve_tftp(
                data, sock, lambda file: self._file(name, file), lambda: self._chance.random() < faults.tftp_loss
            )

    def _file(self, name: str, file: str) -> bytes | None:
        with self.world.cluster.lock:
            return self.world.files.get(self._node(name), file)

    def _files_app(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        del body
        if method not in {"GET", "HEAD"}:
            return one_answer(405, "text/html", b"")
        data = self._file(headers["x-lab-node"], path.partition("?")[0].lstrip("/"))
        if data is None:
            return one_answer(404, "text/html", b"<html><body>File not found</body></html>")
        return one_answer(200, "application/octet-stream", data)

    def _plain_http(self, sock: socket.socket, name: str, port: Port) -> None:
        del port
        self._serve_files(sock, name)

    def _serve_files(self, sock: socket.socket, name: str) -> None:
        if name in self.world.faults.tftp_stall:
            _listen_to_nothing(sock)
        else:
            serve_http(sock, self._files_app, name, self.world.now())

    def _secure(self, sock: socket.socket, name: str, port: Port) -> None:
        context = old_phones_context if port.name == "tvs" else node_context
        self._with_tls(sock, context(self._presented(name, port)), lambda tls: self._speak(tls, name, port))

    def _presented(self, name: str, port: Port) -> Identity:
        with self.world.cluster.lock:
            return port_identity(self.world, self._node(name), port.name, port.unit or TOMCAT)

    def _speak(self, tls: ssl.SSLSocket, name: str, port: Port) -> None:
        if port.name == "tomcat":
            serve_http(tls, self._soap, name, self.world.now())
        elif port.service == SERVICE_TFTP:
            self._serve_files(tls, name)
        elif port.name == "tvs":
            forgotten = frozenset(each.fingerprint for each in self.world.forgotten(name))
            serve_tvs(tls, self.world, self._node(name), TvsRules(forgotten=forgotten))
        else:
            _listen_to_nothing(tls)

    def _with_tls(self, sock: socket.socket, context: ssl.SSLContext, speak: Callable[[ssl.SSLSocket], None]) -> None:
        sock.settimeout(_PEER_SECONDS)
        with suppress(ssl.SSLError):
            tls = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            with self.acceptor.connections.held(tls):
                tls.do_handshake()
                speak(tls)

    # Phones.

    def _phone(self, address: str) -> Phone | None:
        """Return the phone with an address; None where it, or its web server, is off."""
        phone = self.world.by_address.get(address) if ip_address(address).is_loopback else None
        return None if phone is None or not (phone.httpd and phone.powered) else phone

    def _phone_https(self, sock: socket.socket) -> None:
        with self.world.cluster.lock:
            phone = self._phone(sock.getsockname()[0])
            credential = None if phone is None else phone.credential
        if phone is None or credential is None:
            # As if nobody listened; so do phones that have no certificate.
            abort(sock)
            return
        pem = self.world.pki.phone_pem(phone.certificate_name, credential)
        context = phone_context(pem, tls10_only=phone.kind.tls10_only)
        app = phone_app(self.world, phone)
        self._with_tls(sock, context, lambda tls: serve_http(tls, app, "", self.world.now()))

    def _phone_http(self, sock: socket.socket) -> None:
        with self.world.cluster.lock:
            phone = self._phone(sock.getsockname()[0])
        if phone is None:
            abort(sock)
            return
        sock.settimeout(_PEER_SECONDS)
        with suppress(TimeoutError):
            serve_http(sock, phone_app(self.world, phone, secure=False), "", self.world.now())


def _on_lo(what: str, number: int, handler: StreamHandler) -> Listener:
    """Return a listener on every address of this machine that is its own alone."""
    return Listener(what, "0.0.0.0", number, lambda: True, handler, device="lo")  # noqa: S104 - on device lo


def _listen_to_nothing(sock: socket.socket) -> None:
    """Take what comes and answer nothing, until the peer leaves or has been silent for long."""
    sock.settimeout(_PEER_SECONDS)
    with suppress(TimeoutError):
        while sock.recv(4096):
            pass
