"""The same answers in another form: whatever a server, or what stands before it, does, every client reads the same."""

import gzip
import re
import select
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest

from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.axl_values import CapfUserKind, PhoneChange
from ctlctl.connectors.certificate_api import SNAPSHOT
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SESSION_COOKIE
from support.labhttp import AXL_PATH, CONTROL_CENTER_PATH, PASSWORD, PLATFORM, RIS_PATH, Lab, make_world
from support.labhttp import READER as READ_ONLY
from support.nodeclients import certificate_api, control_center
from support.soap import DONE, NODES, Asked, Reply, axl_client, html, ris_client, routes, soap_server

pytestmark = pytest.mark.timeout(120)

XSI = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
CLOSED_AT_ONCE = (("Connection", "close"),)
ONE, NOBODY = "SEP001100000002", "SEPFFFFFFFFFFFF"

#: What is between two tags, an entity at a time; white space alone is no text.
_TEXT = re.compile(rb"(?<=>)(?=[^<]*[^<\s])((?:&[^;]+;|[^<&])+)(?=<)")
_LETTER = re.compile(rb"&[^;]+;|[A-Za-z0-9]")
_EMPTY = re.compile(rb"<([\w:]+)></\1>|<([\w:]+)/>")
_ATTRIBUTES = re.compile(rb'<([\w:]+)((?: [\w:]+="[^"\']*")+)(/?)>')


def body(change: Callable[[bytes], bytes]) -> Callable[[Reply], Reply]:
    return lambda reply: replace(reply, body=change(reply.body))


def texts(change: Callable[[bytes], bytes]) -> Callable[[Reply], Reply]:
    return body(lambda content: _TEXT.sub(lambda found: change(found[0]), content))


def in_cdata(text: bytes) -> bytes:
    return text if b"&" in text else b"<![CDATA[" + text + b"]]>"


def by_number(text: bytes) -> bytes:
    return _LETTER.sub(lambda found: found[0] if len(found[0]) > 1 else b"&#x%X;" % ord(found[0]), text)


def broken_by(mark: bytes) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        # Not inside an entity.
        return text[:1] + mark + text[1:] if b"&" not in text else mark + text

    return change


def attributes_turned(content: bytes) -> bytes:
    def turned(found: re.Match[bytes]) -> bytes:
        each = re.findall(rb' [\w:]+="[^"]*"', found[2])
        return b"<" + found[1] + b"\n" + b"\n".join(reversed(each)).replace(b'"', b"'") + b" " + found[3] + b">"

    return _ATTRIBUTES.sub(turned, content)


def chunked(reply: Reply) -> Reply:
    parts = [reply.body[start : start + 997] for start in range(0, len(reply.body), 997)]
    framed = b"".join(b"%X;a=b\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nX-Trailer: 1\r\n\r\n"
    return replace(reply, body=framed, headers=(*reply.headers, ("transfer-encoding", "Chunked")))


def renamed(prefix: bytes) -> Callable[[bytes], bytes]:
    return lambda content: (
        content.replace(b"<soapenv:", b"<" + prefix + b":")
        .replace(b"</soapenv:", b"</" + prefix + b":")
        .replace(b"xmlns:soapenv", b"xmlns:" + prefix)
    )


SOAP_WAYS: dict[str, Callable[[Reply], Reply]] = {
    "SOAP-ENV": body(renamed(b"SOAP-ENV")),
    "soap": body(renamed(b"soap")),
    "a header": body(lambda content: content.replace(b"<soapenv:Body>", b"<soapenv:Header/><soapenv:Body>")),
    "byte order mark": body(lambda content: b"\xef\xbb\xbf" + content),
    "blank lines in front": body(lambda content: b"\r\n\r\n" + content),
    "blank lines after": body(lambda content: content + b"\r\n\r\n"),
    "no declaration": body(lambda content: content.partition(b"?>")[2]),
    "another declaration": body(
        lambda content: content.replace(b'encoding="UTF-8"', b"encoding='utf-8' standalone='no'")
    ),
    "a line for each element": body(lambda content: re.sub(rb">(?=<[^/!?])", b">\n\t", content)),
    "CDATA": texts(in_cdata),
    "characters by number": texts(by_number),
    "comments in texts": texts(broken_by(b"<!-- a > b -->")),
    "instructions in texts": texts(broken_by(b"<?a b?>")),
    "attributes in another order": body(attributes_turned),
    "nil instead of empty": body(lambda content: _EMPTY.sub(rb'<\1\2 xsi:nil="true" ' + XSI + b"/>", content)),
    "nil by 1 and another prefix": body(
        lambda content: _EMPTY.sub(rb'<\1\2 i:nil="1" ' + XSI.replace(b"xsi", b"i") + rb"></\1\2>", content)
    ),
}
HTTP_WAYS: dict[str, Callable[[Reply], Reply]] = {
    "chunks": chunked,
    "gzip": lambda reply: replace(
        reply, body=gzip.compress(reply.body), headers=(*reply.headers, ("CONTENT-ENCODING", "gzip"))
    ),
    "closed after each answer": lambda reply: replace(reply, headers=(*reply.headers, *CLOSED_AT_ONCE)),
    "closed without a word": lambda reply: replace(reply, leave=True),
    "all cookies": lambda reply: replace(
        reply, headers=(("Set-Cookie", "JSESSIONID=A; Path=/axl; HttpOnly"), *reply.headers, ("Set-Cookie", "x=y"))
    ),
}
WAYS = SOAP_WAYS | HTTP_WAYS


def everything(way: Callable[[Reply], Reply]) -> tuple[object, ...]:
    """Read all there is from a node that answers in its own way; what is in no cluster stays an error."""
    world = make_world(version="14.0.1.12900-161")
    lab = Lab(world, READ_ONLY, "14.0")
    given: list[Reply] = []

    def script(asked: Asked) -> Reply:
        path = RIS_PATH if asked.operation.startswith("select") else AXL_PATH
        if asked.operation.startswith(("soap", "getProduct")):
            path = CONTROL_CENTER_PATH
        told = {name.replace("-", "_"): value for name, value in asked.headers.items()}
        got = lab.send(SNAPSHOT, b"", "GET", **told) if not asked.operation else lab.send(path, asked.body, **told)
        headers = tuple((name, value) for name, value in got.headers.items() if name != "content-length")
        given.append(way(Reply(got.body, got.status, headers)))
        return given[-1]

    with ExitStack() as stack:
        server = stack.enter_context(soap_server(script))
        server.login = (READ_ONLY, PASSWORD)
        axl = stack.enter_context(axl_client(server))
        writing = stack.enter_context(axl_client(server))
        ris = stack.enter_context(ris_client(server))
        services = stack.enter_context(control_center(server))
        found = [
            axl.version(), list(axl.phones()), axl.nodes(), axl.services(), list(axl.device_pools()),
            list(axl.callmanager_groups()), list(axl.security_profiles()), list(axl.parameters()), axl.security(),
            list(axl.certificates()), [list(axl.capf_profiles(kind)) for kind in CapfUserKind],
            list(axl.srsts()), list(axl.sip_trunks()), list(axl.gateways()), list(axl.phones_now([ONE])),
            list(ris.devices([*world.cluster.phones, NOBODY])), services.services(), services.product(),
        ]  # fmt: skip
        server.login = (PLATFORM, PASSWORD)
        with certificate_api(server) as certificates:
            found.append(certificates.snapshot())
        with pytest.raises(AxlError) as missing:
            axl.phone(NOBODY)
        writing.nodes()
        if given[-1].leave:
            # A write that meets the end of its connection is rightly not sent again; here that end comes before.
            idle = writing._session._client.transport._http._sock
            assert idle is not None
            assert select.select([idle], [], [], 20)[0]
        with pytest.raises(AxlError) as forbidden:
            writing.update_phone(ONE, PhoneChange(authentication_string=Secret("12345")))
    return (*found, missing.value.fault, missing.value.code, forbidden.value.fault)


@pytest.fixture(scope="module")
def plainly() -> tuple[object, ...]:
    found = everything(lambda reply: reply)
    assert found[-3:] == (ConnectorFault.NO_SUCH_ITEM, 5007, ConnectorFault.RIGHTS)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_the_form_of_an_answer_says_nothing(way: str, plainly: tuple[object, ...]) -> None:
    changed = 0

    def answered(reply: Reply) -> Reply:
        nonlocal changed
        # The certificate API answers JSON.
        other = reply if way in SOAP_WAYS and not reply.body.startswith(b"<") else WAYS[way](reply)
        changed += other != reply
        return other

    got = everything(answered)
    assert changed
    for mine, expected in zip(got, plainly, strict=True):
        assert mine == expected


@pytest.mark.parametrize("status", [302, 303, 307, 401, 404])
def test_a_session_that_has_ended_is_begun_anew(status: int) -> None:
    """Whatever Tomcat says to a cookie that it has forgotten, a page that it points to included: no write is lost."""

    def with_login(good: Reply) -> Callable[[Asked], Reply]:
        def script(asked: Asked) -> Reply:
            if "authorization" in asked.headers:
                return replace(good, headers=(("Set-Cookie", f"{SESSION_COOKIE}=A1; Path=/; Secure; HttpOnly"),))
            return replace(html(status), headers=(("Location", "/login.jsp"),))

        return script

    scripts = {"listProcessNode": with_login(NODES), "applyPhone": with_login(DONE)}
    with soap_server(routes(**scripts)) as server, axl_client(server) as client:
        for _ in range(2):
            assert [node.name for node in client.nodes()] == ["pub"]
            client.apply_phone(ONE)
    asked = [(one.operation, one.headers.get("cookie", "password")) for one in server.asked[2:]]
    again = f"{SESSION_COOKIE}=A1"
    assert asked == [
        (operation, how) for operation in ("applyPhone", "listProcessNode", "applyPhone") for how in (again, "password")
    ]
