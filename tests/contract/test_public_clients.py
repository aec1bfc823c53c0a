"""What clients written by others have sent, sent to the lab again on 8443; `requests/README.md` says who they are."""

import base64
import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from ctlctl_lab.model import Phone
from ctlctl_lab.run import RunningLab
from support.labhttp import AXL_PATH, Reply, check_axl, check_control_center, check_ris
from support.runninglab import small_lab

REQUESTS = Path(__file__).parent / "requests"
NAMES = sorted(path.stem for path in REQUESTS.glob("*.http"))
PLACEHOLDER = b"SEP000000000000"
#: Seconds for an answer; curl gives a server one second to say that it goes on.
LONG = 20.0
VERSION_REQUEST = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    b' xmlns:ns="http://www.cisco.com/AXL/API/12.5"><soapenv:Body><ns:getCCMVersion/></soapenv:Body></soapenv:Envelope>'
)


@dataclass(frozen=True)
class Target:
    """A running lab, and how to get in."""

    lab: RunningLab
    host: str
    login: bytes

    @property
    def phone(self) -> Phone:
        # One of the requests names the node that it is on.
        return next(phone for phone in self.lab.world.cluster.phones.values() if phone.node == "lab-sub1")

    @contextmanager
    def connection(self) -> Iterator[ssl.SSLSocket]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((self.host, 8443), LONG) as sock, context.wrap_socket(sock) as tls:
            yield tls

    def filled(self, name: str, session: bytes = b"none") -> bytes:
        """Return a request with this lab's address, account and phone in it."""
        request = (REQUESTS / f"{name}.http").read_bytes()
        host = f"{self.host}:8443".encode()
        for place, value in ((b"{host}", host), (b"{login}", self.login), (b"{session}", session)):
            request = request.replace(place, value)
        return request.replace(PLACEHOLDER, self.phone.name.encode())


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with small_lab(tmp_path_factory.mktemp("lab"), phones=120, nodes=3) as lab:
        cluster = lab.world.cluster
        user = "ctlctl-reader"
        login = base64.b64encode(f"{user}:{cluster.accounts[user].password}".encode())
        yield Target(lab, cluster.publisher.address, login)


def answer(tls: ssl.SSLSocket) -> Reply:
    with http.client.HTTPResponse(tls) as response:
        response.begin()
        body = response.read()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def ask(target: Target, *requests: bytes) -> list[Reply]:
    """Send requests over one connection, one after the other."""
    found = []
    with target.connection() as tls:
        for request in requests:
            tls.sendall(request)
            found.append(answer(tls))
    return found


def check(name: str, reply: Reply, phone: Phone) -> None:
    if name.endswith(("-wsdl", "-is-it-there")):
        assert reply.headers["content-type"].startswith("text/")
        return
    if "axl-" in name and not name.startswith("mcaxl"):
        check_axl(reply, _axl_version(reply))
    elif name.startswith("cucmapi"):
        check_control_center(reply)
    else:
        check_ris(reply)
    if name.endswith(("Phone", "CmDevice", "CmDeviceExt", "-names", "-one", "SQLQuery")) and "cucmapi" not in name:
        assert phone.name.encode() in reply.body


def _axl_version(reply: Reply) -> str:
    found = re.fullmatch(r"http://www\.cisco\.com/AXL/API/([\d.]+)", etree.QName(reply.operation).namespace or "")
    assert found is not None
    # The packages' newest schema is 12.5; what is asked here is the same in 14.0, the added declaration apart.
    etree.cleanup_namespaces(reply.operation)
    return found[1]


@pytest.mark.parametrize("name", NAMES)
def test_what_others_send_is_answered_by_the_schema(target: Target, name: str) -> None:
    request = target.filled(name)
    # An exporter of one AXL version checks with the schema of that version.
    request = request.replace(b"API/14.0", b"API/12.5").replace(b"ver=14.0", b"ver=12.5")
    first, again = ask(target, request, request)
    assert (first.status, again.status) == (200, 200)
    for reply in (first, again):
        check(name, reply, target.phone)


def test_a_wsdl_describes_the_operations_that_clients_call(target: Target) -> None:
    for name, operation in (("ciscoris-wsdl", "selectCmDeviceExt"), ("cucmapi-wsdl", "soapGetServiceStatus")):
        (reply,) = ask(target, target.filled(name))
        document = etree.fromstring(reply.body)
        assert operation in document.xpath("//*[local-name()='binding']/*[local-name()='operation']/@name")
        (location,) = document.xpath("//*[local-name()='address']/@location")
        assert str(location).startswith(f"https://{target.host}:8443/")


def test_the_second_page_of_a_client_that_does_not_escape_the_state(target: Target) -> None:
    """cisco-risport puts the StateInfo of the first page back as elements, and its cookie with all attributes."""
    pages, names = [target.filled("cisco-risport-next-page")], []
    pages[0] = _without_state(pages[0])
    (first,) = ask(target, pages[0])
    session = first.headers["set-cookie"].partition("=")[2].partition(";")[0].encode()
    (state,) = first.xml.xpath("//*[local-name()='selectCmDeviceReturn']/*[local-name()='StateInfo']/text()")
    second = _with_state(target.filled("cisco-risport-next-page", session), str(state).encode())
    (reply,) = ask(target, second)
    for page in (first, reply):
        check_ris(page)
        names.append(
            {str(each) for each in page.xml.xpath("//*[local-name()='CmDevices']/*/*[local-name()='Name']/text()")}
        )
    assert [len(each) for each in names] == [50, 50]
    assert names[0] != names[1]
    assert "set-cookie" not in reply.headers


_STATE = re.compile(rb"(<soap:StateInfo>).*(</soap:StateInfo>)", re.DOTALL)


def _without_state(request: bytes) -> bytes:
    return _with_state(request, b"")


def _with_state(request: bytes, state: bytes) -> bytes:
    changed = _STATE.sub(lambda found: found[1] + state + found[2], request)
    body = changed.partition(b"\r\n\r\n")[2]
    return re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), changed)


def head(target: Target, *lines: bytes) -> bytes:
    fixed = (f"POST {AXL_PATH} HTTP/1.1", f"Host: {target.host}:8443", "Content-Type: text/xml; charset=utf-8")
    return b"\r\n".join([*(each.encode() for each in fixed), b"Authorization: Basic " + target.login, *lines, b"", b""])


def chunks(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%X;of=a;body\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: x\r\n\r\n"


def is_version(reply: Reply) -> bool:
    return reply.status == 200 and b"getCCMVersionResponse" in reply.body


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_body_in_chunks(target: Target, size: int) -> None:
    """Java's and .NET's clients send it so; what comes after it on the connection is a request of its own."""
    request = head(target, b"TRANSFER-ENCODING: Chunked") + chunks(VERSION_REQUEST, size)
    first, again = ask(target, request, request)
    assert is_version(first)
    assert is_version(again)


def test_a_client_that_waits_to_be_told_to_go_on(target: Target) -> None:
    length = b"Content-Length: %d" % len(VERSION_REQUEST)
    with target.connection() as tls:
        tls.sendall(head(target, length, b"Expect: 100-continue"))
        # Nothing of the body is sent before this is here.
        assert tls.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        tls.sendall(VERSION_REQUEST)
        assert is_version(answer(tls))


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "no size": lambda body: b"\r\n" + body,
    "a size that is no number": lambda body: b"0x10\r\n" + body,
    "a negative size": lambda body: b"-1\r\n" + body,
    "more than announced": lambda body: b"4\r\n" + body,
    "endless": lambda body: b"7fffffff\r\n" + body,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_chunks_that_are_none_end_the_connection(target: Target, what: str) -> None:
    request = head(target, b"Transfer-Encoding: chunked") + MALFORMED[what](VERSION_REQUEST)
    with target.connection() as tls:
        tls.sendall(request)
        assert answer(tls).status == 413
        assert tls.recv(1) == b""
