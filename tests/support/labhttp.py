"""A small cluster built by hand, its SOAP services in memory or behind HTTPS, and the schemas of their answers."""

import base64
import functools
import importlib.resources
import os
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ctlctl_lab.clock import ManualClock
from ctlctl_lab.faults import Faults
from ctlctl_lab.model import (
    BY_NULL,
    ENCRYPTED,
    ENTERPRISE_NODE,
    ENTERPRISE_SERVICE,
    INSTALL,
    NON_SECURE,
    REGISTERED,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TVS,
    STATUS_PENDING,
    Account,
    CapfProfile,
    CapfState,
    ChangeQueue,
    Cluster,
    DevicePool,
    Gateway,
    Identity,
    Node,
    Phone,
    PlatformAccount,
    SecurityProfile,
    Srst,
    Trunk,
    make_pkid,
)
from ctlctl_lab.phonemodels import MODELS
from ctlctl_lab.soap import SoapApp
from ctlctl_lab.soap.access import ROLE_AXL, ROLE_RIS, ROLES_AXL_READ
from support.pki import plan, rsa_key
from support.servers import make_identity

NOW = 1_750_000_000
ADMIN, READER, NOBODY = "axl-admin", "axl-reader", "nobody"
PLATFORM = "os-admin"
PASSWORD = "correct horse"  # noqa: S105 - a test's
AXL_PATH, RIS_PATH = "/axl/", "/realtimeservice2/services/RISService70"
CONTROL_CENTER_PATH = "/controlcenterservice2/services/ControlCenterServices"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
RIS = "http://schemas.cisco.com/ast/soap"
_XSD = "http://www.w3.org/2001/XMLSchema"


@dataclass
class HandMadeWorld:
    """As much of a world as the SOAP services need; it notes what they set in motion."""

    cluster: Cluster
    faults: Faults = field(default_factory=Faults)
    applied: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    parameters: list[tuple[str, str, str]] = field(default_factory=list)
    ordered: list[tuple[str, str, str]] = field(default_factory=list)

    def apply_phone(self, name: str) -> None:
        self.applied.append(name)

    def reset_phone(self, name: str) -> None:
        self.restarted.append(name)

    def parameter_changed(self, node: str, service: str, name: str) -> None:
        self.parameters.append((node, service, name))

    def platform_login(self, node: str, user: str, password: str) -> PlatformAccount | None:
        account = self.cluster.platform_accounts.get(user)
        assert node in self.cluster.nodes
        return account if account is not None and account.password == password else None

    def restart_service(self, node: str, service: str) -> bool:
        self.ordered.append(("restart", node, service))
        return True

    def stop_service(self, node: str, service: str) -> None:
        self.ordered.append(("stop", node, service))
        self.cluster.nodes[node].stopped.add(service)

    def start_service(self, node: str, service: str) -> bool:
        self.ordered.append(("start", node, service))
        self.cluster.nodes[node].stopped.discard(service)
        return True


def _identity(unit: str, name: str, key_name: str) -> Identity:
    return Identity(unit, plan(name, key_name).read(), rsa_key(key_name))


def _nodes(count: int) -> Iterator[Node]:
    for index in range(count):
        name = "lab-pub" if index == 0 else f"lab-sub{index}"
        services = {SERVICE_CALLMANAGER, SERVICE_TFTP, SERVICE_TVS}
        identities = {"tomcat": _identity("tomcat", name, "rsa2048-pub"), "TVS": _identity("TVS", name, "rsa2048-tvs")}
        if index == 0:
            services.add(SERVICE_CAPF)
            identities["CAPF"] = _identity("CAPF", "CAPF-0a1b2c3d", "rsa2048-capf")
        usage = "Subscriber" if index else "Publisher"
        yield Node(make_pkid("node", name), name, f"127.0.7.{index + 1}", usage, services, identities)


def _profiles() -> Iterator[SecurityProfile]:
    for model in MODELS.values():
        for protocol in model.protocols:
            for mode, word in ((NON_SECURE, "Standard"), (ENCRYPTED, "Secure")):
                name = f"{model.name} - {word} {protocol} & more"
                secure = mode == ENCRYPTED
                transport = "TLS" if secure else "TCP+UDP"
                yield SecurityProfile(
                    make_pkid("profile", name),
                    name,
                    f"{name} <described>",
                    model.name,
                    protocol,
                    mode,
                    BY_NULL,
                    transport_type=transport,
                    sip_phone_port=5061 if secure else 5060,
                )


def _phone(index: int, nodes: list[str]) -> Phone:
    model = list(MODELS.values())[index % len(MODELS)]
    name = f"SEP0011{index:08X}"
    secure = index % 2 == 0
    word = "Secure" if secure else "Standard"
    has_lsc = index % 4 == 0
    return Phone(
        index=index,
        pkid=make_pkid("phone", name),
        name=name,
        address=f"127.{16 + index // 65536}.{index // 256 % 256}.{index % 256}",
        model=model.name,
        protocol=model.protocols[0],
        description=f'Phone {index} <"&">',
        device_pool="Default",
        profile=f"{model.name} - {word} {model.protocols[0]} & more",
        mic=None,
        lsc=None,
        capf=CapfState(INSTALL, STATUS_PENDING, "2030:01:02:03:04", "12345") if index % 10 == 3 else CapfState(),
        load=model.load,
        status=REGISTERED,
        status_time=NOW - 1000 - index,
        node=nodes[index % len(nodes)],
        lsc_valid_until=NOW + 86_400 * index if has_lsc else 0,
        lsc_issuer_name="CN=CAPF-0a1b2c3d" if has_lsc else None,
        lsc_issuer_valid_until=NOW + 86_400 * 365 if has_lsc else 0,
    )


def make_world(phones: int = 24, nodes: int = 2, version: str = "12.5.1.11900-146") -> HandMadeWorld:
    """Build a cluster with one of everything."""
    cluster = Cluster(
        name="lab",
        version=version,
        clock=ManualClock(NOW),
        itl_recovery=_identity("ITLRecovery", "ITLRECOVERY_lab-pub", "rsa2048-recovery"),
        changes=ChangeQueue("test"),
    )
    cluster.nodes = {node.name: node for node in _nodes(nodes)}
    cluster.profiles = {profile.name: profile for profile in _profiles()}
    cluster.callmanager_groups = {"Default": tuple(cluster.nodes)}
    cluster.device_pools = {"Default": DevicePool(make_pkid("pool"), "Default", "Default")}
    cluster.phones = {each.name: each for each in (_phone(index, list(cluster.nodes)) for index in range(phones))}
    cluster.service_parameters = {
        (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "ClusterSecurityMode"): "1",
        (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "RollBackToPreGrayback"): "F",
        (ENTERPRISE_NODE, SERVICE_CALLMANAGER, "SIPPublishTrunk"): "",
        ("lab-pub", SERVICE_CALLMANAGER, "CdrEnabled"): "T",
    }
    one = CapfProfile(make_pkid("one"), "application", "cti-app", "one", CapfState())
    two = CapfProfile(make_pkid("two"), "end", "jdoe", "two", CapfState(INSTALL, STATUS_PENDING, "2030:01:02:03:04"))
    cluster.application_user_profiles = {"one": one}
    cluster.end_user_profiles = {"two": two}
    cluster.srsts = {"branch": Srst(make_pkid("srst"), "branch", "127.0.9.1", secure=True)}
    cluster.trunks = {"trunk": Trunk(make_pkid("trunk"), "trunk", "to the PSTN", "Default", "127.0.9.2")}
    cluster.gateways = {"vg": Gateway(make_pkid("vg"), "vg", "fax", "VG310", "SCCP")}
    cluster.trust = {"CallManager-trust": [_identity("CA", "LAB Manufacturing CA", "rsa2048-recovery")]}
    cluster.accounts = {
        ADMIN: Account(PASSWORD, frozenset({ROLE_AXL, ROLE_RIS})),
        READER: Account(PASSWORD, ROLES_AXL_READ | {ROLE_RIS}),
        NOBODY: Account(PASSWORD, frozenset()),
    }
    cluster.platform_accounts = {PLATFORM: PlatformAccount(PASSWORD, 0)}
    return HandMadeWorld(cluster)


@dataclass
class Reply:
    """An answer that came back from the app."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> etree._Element:
        return etree.fromstring(self.body, etree.XMLParser(resolve_entities=False, huge_tree=True))

    @property
    def operation(self) -> etree._Element:
        """What is in the Body."""
        found = self.xml.find(f"{{{SOAP}}}Body")
        assert found is not None
        return found[0]

    def texts(self, path: str) -> list[str | None]:
        return [each.text for each in self.operation.findall(path)]

    @property
    def fault(self) -> tuple[int, str]:
        """Code and text of axlError."""
        assert self.status == 500
        code = self.operation.xpath("string(.//axlcode)")
        text = self.operation.xpath("string(.//axlmessage)")
        return int(str(code)), str(text)


@dataclass
class Lab:
    """The services in memory."""

    world: HandMadeWorld
    user: str = ADMIN
    version: str = "12.5"

    def __post_init__(self) -> None:
        self.app = SoapApp(self.world)

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.cluster.clock, ManualClock)
        return self.cluster.clock

    def send(self, path: str, body: bytes, method: str = "POST", **headers: str) -> Reply:
        """Send a request as the server would pass it on; give ``authorization=""`` to send none."""
        basic = "Basic " + base64.b64encode(f"{self.user}:{PASSWORD}".encode()).decode()
        sent = {"content-type": "text/xml", "authorization": basic, "x-lab-node": "lab-pub"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        status, got, pieces = self.app(method, path, {name: value for name, value in sent.items() if value}, body)
        return Reply(status, {name.lower(): value for name, value in got}, b"".join(pieces))

    def axl(self, operation: str, inside: str = "", **headers: str) -> Reply:
        """Send an AXL request."""
        headers.setdefault("soapaction", f'"CUCM:DB ver={self.version} {operation}"')
        return self.send(AXL_PATH, axl_envelope(operation, inside, self.version), **headers)

    def ris(self, inside: str = "", *, ext: bool = True, state: str = "", node: str = "lab-pub") -> Reply:
        """Send a RIS request with some criteria."""
        operation = "selectCmDeviceExt" if ext else "selectCmDevice"
        return self.send(RIS_PATH, ris_envelope(operation, inside, state), x_lab_node=node)

    def control_center(self, operation: str, inside: str = "", node: str = "lab-pub") -> Reply:
        """Send a Control Center request."""
        return self.send(CONTROL_CENTER_PATH, control_center_envelope(operation, inside), x_lab_node=node)


def control_center_envelope(operation: str, inside: str = "") -> bytes:
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body><{operation} xmlns="{RIS}">{inside}</{operation}>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()


def axl_envelope(operation: str, inside: str = "", version: str = "12.5") -> bytes:
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:ns="http://www.cisco.com/AXL/API/{version}"><soapenv:Body>'
        f"<ns:{operation}>{inside}</ns:{operation}></soapenv:Body></soapenv:Envelope>"
    ).encode()


def ris_envelope(operation: str, inside: str, state: str = "") -> bytes:
    escaped = state.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body><{operation} xmlns="{RIS}">'
        f"<StateInfo>{escaped}</StateInfo><CmSelectionCriteria>{inside}</CmSelectionCriteria>"
        f"</{operation}></soapenv:Body></soapenv:Envelope>"
    ).encode()


def ris_criteria(*names: str, limit: int = 1000, node: str = "", status: str = "Any", by: str = "Name") -> str:
    items = "".join(f"<item><Item>{name}</Item></item>" for name in names)
    return (
        f"<MaxReturnedDevices>{limit}</MaxReturnedDevices><DeviceClass>Phone</DeviceClass><Model>255</Model>"
        f"<Status>{status}</Status><NodeName>{node}</NodeName><SelectBy>{by}</SelectBy>"
        f"<SelectItems>{items}</SelectItems><Protocol>Any</Protocol><DownloadStatus>Any</DownloadStatus>"
    )


def tags(*names: str) -> str:
    return f"<returnedTags>{''.join(f'<{name}/>' for name in names)}</returnedTags>"


# Schemas.


def ciscoaxl_schema(version: str) -> Path:
    """Return the directory of a real AXL schema."""
    pytest.importorskip("ciscoaxl", reason="the real AXL schemas come with the package ciscoaxl")
    return Path(str(importlib.resources.files("ciscoaxl"))) / "schema" / version


@functools.cache
def axl_schema(version: str) -> etree.XMLSchema:
    """Return the real schema of an AXL version."""
    return etree.XMLSchema(etree.parse(ciscoaxl_schema(version) / "AXLSoap.xsd"))


def ris_wsdl() -> Path:
    """Return the real WSDL of RIS, which may not be shipped and is kept outside the repository."""
    return _real_wsdl("RISService70.wsdl", "CTLCTL_RIS_WSDL")


def control_center_wsdl() -> Path:
    """Return the real WSDL of Control Center, kept outside the repository likewise."""
    return _real_wsdl("ControlCenterServices.wsdl", "CTLCTL_CONTROL_CENTER_WSDL")


def _real_wsdl(name: str, variable: str) -> Path:
    path = Path(os.environ.get(variable, Path(__file__).parents[3] / "shared" / "contracts" / name))
    if not path.is_file():
        pytest.skip(f"no {name} at {path}; {variable} can name one")
    return path


@functools.cache
def ris_schema() -> etree.XMLSchema:
    """Return the schema in the real WSDL of RIS."""
    return _schema_in(ris_wsdl())


@functools.cache
def control_center_schema() -> etree.XMLSchema:
    """Return the schema in the real WSDL of Control Center."""
    return _schema_in(control_center_wsdl())


def _schema_in(wsdl: Path) -> etree.XMLSchema:
    found = etree.parse(wsdl).find(f".//{{{_XSD}}}schema")
    assert found is not None
    # As a document of its own the schema needs the prefixes that the WSDL declares.
    return etree.XMLSchema(etree.fromstring(etree.tostring(found)))


def check_axl(reply: Reply, version: str) -> None:
    """Hold an answer, or a fault's detail, against the real schema."""
    element = reply.operation
    if element.tag == f"{{{SOAP}}}Fault":
        found = element.find("detail")
        assert found is not None
        element = found[0]
        if not str(element.tag).startswith("{"):
            # CUCM sends it without the namespace that its schema gives it; all else must fit.
            element.tag = f"{{http://www.cisco.com/AXL/API/{version}}}axlError"
    axl_schema(version).assertValid(etree.fromstring(etree.tostring(element)))


def check_ris(reply: Reply) -> None:
    ris_schema().assertValid(etree.fromstring(etree.tostring(reply.operation)))


def check_control_center(reply: Reply) -> None:
    control_center_schema().assertValid(etree.fromstring(etree.tostring(reply.operation)))


# HTTPS.


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    app: SoapApp

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()} | {"x-lab-node": "lab-pub"}
        status, answer, pieces = self.app(self.command, self.path, headers, body)
        self.send_response(status)
        promised = 0
        for name, value in answer:
            self.send_header(name, value)
            if name == "content-length":
                promised = int(value)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            promised -= len(piece)
        self.close_connection = self.close_connection or promised != 0

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    context: ssl.SSLContext

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Take the next connection; the handshake is the handler's, in its own thread."""
        sock, address = super().get_request()
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients leave as they like."""


@contextmanager
def https_server(app: SoapApp, directory: Path) -> Iterator[tuple[str, int, Path]]:
    """Serve an app over HTTPS.

    Yields:
        Host, port, and the file of its certificate.
    """
    identity = make_identity(directory)
    handler = type("Handler", (_Handler,), {"app": app})
    with _Server(("127.0.0.1", 0), handler) as server:
        server.context = identity.context
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield "localhost", server.server_address[1], identity.certificate_file
        finally:
            server.shutdown()
            thread.join()


def uuid_of(pkid: str) -> str:
    return f"{{{pkid.upper()}}}"


UUID = re.compile(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}")
