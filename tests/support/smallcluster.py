"""A node of a cluster on loopback, from real sockets, and what AXL and RIS would say of it.

Just enough for the doctor to have something to look at; the lab is the cluster that lives.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from ctlctl.cluster.labcheck import LAB_ORGANIZATION
from ctlctl.cluster.view import Registration, Registrations
from ctlctl.connectors.axl_enums import NodeRole, NodeUsage
from ctlctl.connectors.axl_values import (
    AxlVersion,
    ClusterSecurity,
    KnownCertificate,
    LscColumn,
    NodeService,
    ProcessNode,
    SecurityMode,
)
from ctlctl.connectors.errors import ConnectorError
from ctlctl.connectors.tftp_packets import Error
from ctlctl_lab.tlscontexts import lab_context
from ctlctl_trust import Kind, build_trust_list
from ctlctl_trust.tvs import Signal, TvsServerMachine, VerifyRequest, VerifyResponse
from support.lists import CAPF, PUB, RECOVERY, TVS, ctl_rows, itl_rows, list_plan
from support.pki import CertificatePlan, der_name, plan
from support.servers import TcpExchange, TftpExchange, http_server, serve_file, tcp_server, tftp_server
from support.tlsservers import free_port, write_certificate

#: Certificate of the web server; the lists do not have it.
TOMCAT = plan("tomcat.example.com", "rsa2048-sub1", serial=0x7788)
#: The same of a lab's cluster.
LAB_TOMCAT = plan("lab", "rsa2048-sub1", subject=der_name(("O", LAB_ORGANIZATION), ("CN", "lab-pub")), serial=0x7789)
#: What each TLS port presents when all is well.
RIGHT: dict[str, CertificatePlan] = {
    "https": PUB,
    "https_fqdn": TOMCAT,
    "tomcat": TOMCAT,
    "sip": PUB,
    "sccp": PUB,
    "tvs": TVS,
    "capf": CAPF,
}
ALL_SERVICES = (
    "Cisco Tftp",
    "Cisco CallManager",
    "Cisco Trust Verification Service",
    "Cisco Certificate Authority Proxy Function",
)


@cache
def good_lists() -> dict[str, bytes]:
    """Return the two lists of a cluster in mixed mode."""
    return {
        "ITLFile.tlv": build_trust_list(list_plan(itl_rows(), Kind.ITL), RECOVERY.identity()),
        "CTLFile.tlv": build_trust_list(list_plan(ctl_rows(), Kind.CTL), RECOVERY.identity()),
    }


def pin_of(certificate: CertificatePlan) -> str:
    """Return a fingerprint as settings have it."""
    return sha256(certificate.encode()).digest().hex(":").upper()


@dataclass(slots=True)
class NodePlan:
    """A node to be played; tests change what they are about.

    Attributes:
        name: its name.
        host: its address.
        presents: certificate by port name.
        closed: ports that nobody listens on.
        files: what HTTP, TFTP and HTTPS serve.
        tftp_files: what TFTP serves instead, where it differs.
        known: what TVS knows; None where it hangs up on every question.
    """

    name: str = "pub"
    host: str = "127.0.0.1"
    presents: dict[str, CertificatePlan] = field(default_factory=lambda: dict(RIGHT))
    closed: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=lambda: dict(good_lists()))
    tftp_files: dict[str, bytes] | None = None
    known: Sequence[CertificatePlan] | None = (PUB,)


@contextmanager
def node_running(node: NodePlan, folder: Path) -> Iterator[dict[str, object]]:
    """Play a node; yields its table for the settings."""
    ports: dict[str, int] = {}
    with ExitStack() as stack:
        for name, certificate in node.presents.items():
            if name in node.closed:
                ports[name] = free_port(node.host)
                continue
            context = lab_context(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*write_certificate(folder, certificate))
            server = http_server if name.startswith("https") else tcp_server
            handler = _answers(node) if name == "tvs" else _serves(node) if name.startswith("https") else _nothing
            ports[name] = stack.enter_context(server(handler, context, node.host))
        if "http" in node.closed:
            ports["http"] = free_port(node.host)
        else:
            ports["http"] = stack.enter_context(http_server(_serves(node), host=node.host))
        if "tftp" in node.closed:
            ports["tftp"] = free_udp_port(node.host)
        else:
            ports["tftp"] = stack.enter_context(tftp_server(_sends(node), node.host))
        yield {
            "name": node.name,
            "host": node.host,
            "tftp": True,
            "tls_pin": pin_of(TOMCAT),
            "ports": ports,
        }


def free_udp_port(host: str) -> int:
    """Return a UDP port that nobody listens on now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


def _nothing(exchange: TcpExchange) -> None:
    exchange.sock.settimeout(5)
    exchange.sock.recv(1)


def _answers(node: NodePlan) -> Callable[[TcpExchange], None]:
    def handle(exchange: TcpExchange) -> None:
        machine = TvsServerMachine()
        exchange.sock.settimeout(5)
        while (event := machine.next_event()) is not Signal.CLOSED:
            if event is Signal.NEED_DATA:
                machine.receive_data(exchange.sock.recv(65536))
            elif isinstance(event, VerifyRequest) and node.known is not None:
                is_known = event.certificate in {one.encode() for one in node.known}
                roles, status = ((0, 3), 0) if is_known else (None, 1)
                exchange.send(machine.send(VerifyResponse(session=event.session, status=status, roles=roles)))
            else:
                return

    return handle


def _serves(node: NodePlan) -> Callable[[TcpExchange], None]:
    def handle(exchange: TcpExchange) -> None:
        asked = re.match(rb"GET /(\S*) ", exchange.head)
        body = node.files.get(asked[1].decode()) if asked else None
        if body is None:
            exchange.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)

    return handle


def _sends(node: NodePlan) -> Callable[[TftpExchange], None]:
    def handle(exchange: TftpExchange) -> None:
        files = node.files if node.tftp_files is None else node.tftp_files
        body = files.get(exchange.request.filename)
        if body is None:
            exchange.send(Error(1, "File not found"))
        else:
            serve_file(exchange, body, 1428)

    return handle


@dataclass(slots=True)
class FakeView:
    """What AXL and RIS say; an exception in a field is raised instead.

    Attributes are the answers of the methods of `ClusterView`.
    """

    names: Sequence[str] = ("pub",)
    is_mixed: bool = True
    active: Sequence[str] = ALL_SERVICES
    columns: frozenset[LscColumn] = frozenset(LscColumn)
    known: Sequence[CertificatePlan] = (PUB, RECOVERY, TOMCAT)
    store: str = "tomcat"
    phones: Sequence[Registration] = ()
    silent_nodes: Sequence[str] = ()
    errors: dict[str, ConnectorError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closed: bool = False

    def _asked(self, question: str) -> None:
        self.asked.append(question)
        if question in self.errors:
            raise self.errors[question]

    def version(self) -> AxlVersion:
        self._asked("version")
        return AxlVersion("14.0", "14.0.1.12900-161")

    def nodes(self) -> Sequence[ProcessNode]:
        self._asked("nodes")
        usages = (NodeUsage.PUBLISHER, *[NodeUsage.SUBSCRIBER] * len(self.names))
        return [
            ProcessNode(name, name, "", usage, NodeRole.VOICE) for name, usage in zip(self.names, usages, strict=False)
        ] + [ProcessNode("imp", "imp", "", NodeUsage.SUBSCRIBER, NodeRole.PRESENCE)]

    def services(self) -> Sequence[NodeService]:
        self._asked("services")
        return [
            NodeService(name, service, service in self.active, None) for name in self.names for service in ALL_SERVICES
        ]

    def security(self) -> ClusterSecurity:
        self._asked("security")
        mode = SecurityMode.MIXED if self.is_mixed else SecurityMode.NON_SECURE
        return ClusterSecurity(mode, str(int(mode)))

    def lsc_columns(self) -> frozenset[LscColumn]:
        self._asked("lsc_columns")
        return self.columns

    def certificates(self) -> Sequence[KnownCertificate]:
        self._asked("certificates")
        return [
            KnownCertificate("pub", self.store, "this-server", "", "", "", "", ssl.DER_cert_to_PEM_cert(one.encode()))
            for one in self.known
        ]

    def some_phones(self, limit: int) -> Sequence[str]:
        self._asked("some_phones")
        return [phone.name for phone in self.phones][:limit]

    def registrations(self, names: Sequence[str]) -> Registrations:
        self._asked("registrations")
        return Registrations(tuple(phone for phone in self.phones if phone.name in names), tuple(self.silent_nodes))

    def close(self) -> None:
        self.closed = True
