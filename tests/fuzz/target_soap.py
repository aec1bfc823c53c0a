"""Fuzz target: what AXL, RIS and Control Center answer, read by their clients from the HTTP status on.

The first byte chooses the question, the second one the status; the rest is the body, and in part headers.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from email.message import Message
from enum import Enum
from functools import cache, partial
from itertools import count
from random import Random
from typing import Any

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlError, AxlSettings
from ctlctl.connectors.axl_values import CapfUserKind, ChangeCursor, PhoneChange
from ctlctl.connectors.control_center import ControlCenterClient
from ctlctl.connectors.control_center_ports import MAX_SERVICES, ControlCenterError, ControlCenterSettings
from ctlctl.connectors.errors import MAX_DETAIL_CHARACTERS, ConnectorError, ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.ris_ports import RisError, RisSettings
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SESSION_COOKIE
from ctlctl.connectors.soap_http import HttpAnswer
from support.mutate import ByteMutator

NAME = "soap"
INSTRUMENT = (
    "ctlctl.connectors.soap",
    "ctlctl.connectors.soap_xml",
    "ctlctl.connectors.axl_session",
    "ctlctl.connectors.axl_reads",
    "ctlctl.connectors.axl_readers",
    "ctlctl.connectors.axl_phones",
    "ctlctl.connectors.axl_sql",
    "ctlctl.connectors.ris",
    "ctlctl.connectors.control_center",
)
#: Bytes; an answer with an item of each kind in it has some 1,500.
MAX_LENGTH = 3072
#: Of the runs of a campaign: zeep writes each question anew.
SHARE = 0.25

_PASSWORD = "S3cret-of-Some-0ne"  # noqa: S105 - not anybody's
_BASIC = base64.b64encode(f"reader:{_PASSWORD}".encode()).decode()
_STRING = "8675309"
_PKID = "0123abcd-0123-abcd-0123-0123456789ab"
_VERSION_ASKED = "getCCMVersion"
_STATUSES = (200, 200, 200, 200, 500, 500, 500, 599, 302, 401, 403, 404, 429, 503, 100, 0)
#: Calls of one question: the pages of a list that never ends are not what is looked for here.
_MOST_CALLS = 64


def _envelope(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        f'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>{inside}</soapenv:Body>'
        "</soapenv:Envelope>"
    ).encode()


def _answer(operation: str, inside: str) -> bytes:
    return _envelope(
        f'<ns:{operation}Response xmlns:ns="http://www.cisco.com/AXL/API/14.0"><return>{inside}</return>'
        f"</ns:{operation}Response>"
    )


_VERSION = _answer(_VERSION_ASKED, "<componentVersion><version>14.0.1.13900-155</version></componentVersion>")


class _EnoughError(Exception):
    """The client asks for ever more."""


class _Node:
    """What answers instead of a node: the same to every question but the one for the version."""

    def __init__(self) -> None:
        self.answer = HttpAnswer(200, Message(), b"")
        self.calls = 0

    def post(self, path: str, headers: dict[str, str], body: bytes, *, seconds: float, repeatable: bool) -> HttpAnswer:
        del path, body, seconds, repeatable
        if _VERSION_ASKED in headers["SOAPAction"]:
            return HttpAnswer(200, Message(), _VERSION)
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise _EnoughError
        return self.answer

    def close(self) -> None:
        """Nothing is open."""


_Question = Callable[[], Any]
#: The error of a question, the secrets that it sends (None where it changes nothing), and the question.
_Asked = tuple[type[ConnectorError], tuple[str, ...] | None, _Question]


@cache
def _clients() -> tuple[_Node, tuple[_Asked, ...], Callable[[], None]]:
    """Return the node, the questions, and what forgets."""
    node, secret, tls = _Node(), Secret(_PASSWORD), TlsTrust(sha256_pin=bytes(32))

    def sleep(_: float) -> None:
        return None

    # Each look at the clock is an hour later: nothing has to wait for its turn.
    hours = count(step=3600)

    def clock() -> float:
        return float(next(hours))

    login: dict[str, Any] = {"cluster": "hq", "host": "127.0.0.1", "username": "reader", "password": secret, "tls": tls}
    axl = AxlClient(AxlSettings(**login), sleep=sleep, clock=clock)
    ris = RisClient(RisSettings(**login), sleep=sleep, clock=clock)
    center = ControlCenterClient(ControlCenterSettings(node="pub", **login), sleep=sleep)
    session = axl._session
    transports = [one._client.transport for one in (session, ris, center)]
    for transport in transports:
        transport._http = node  # type: ignore[assignment]

    def forget() -> None:
        session._page_sizes.clear()
        for transport in transports:
            transport._rejected, transport._cookie = False, None

    def listed(question: Callable[..., Iterable[Any]], *words: Any) -> _Question:  # noqa: ANN401
        return lambda: list(question(*words))

    change = PhoneChange(authentication_string=Secret(_STRING))
    reads: tuple[_Question, ...] = (
        axl.lsc_columns,
        partial(axl.phone, "SEP001122334455"),
        listed(axl.phone_names),
        listed(axl.security_profiles),
        listed(axl.capf_profiles, CapfUserKind.END_USER),
        partial(axl.capf_profile, CapfUserKind.APPLICATION_USER, _PKID),
        axl.nodes,
        axl.services,
        listed(axl.callmanagers),
        listed(axl.callmanager_groups),
        listed(axl.device_pools),
        listed(axl.srsts),
        listed(axl.sip_trunks),
        listed(axl.gateways),
        listed(axl.parameters),
        axl.security,
        listed(axl.certificates),
        listed(axl.tvs_certificates),
        partial(axl.tvs_certificate, _PKID),
        axl.changes,
        partial(axl.changes, ChangeCursor("queue", 7)),
        listed(axl.phones_now, ["SEP001122334455"]),
    )
    questions: list[_Asked] = [(AxlError, None, one) for one in reads]
    questions += [
        (AxlError, (_STRING,), partial(axl.update_phone, "SEP001122334455", change)),
        (AxlError, (), partial(axl.reset_phone, "SEP001122334455")),
        (RisError, None, listed(ris.devices, ["SEP001122334455"])),
        (ControlCenterError, None, center.services),
        (ControlCenterError, None, center.product),
    ]
    return node, tuple(questions), forget


_ITEMS = (
    (1, "getPhone", f'<phone uuid="{{{_PKID}}}"><name>SEP001122334455</name><model>Cisco 8841</model></phone>'),
    (
        3,
        "listPhoneSecurityProfile",
        "<phoneSecurityProfile><name>a</name><keySize>2048</keySize></phoneSecurityProfile>",
    ),
    (9, "listCallManagerGroup", "<callManagerGroup><name>g</name></callManagerGroup>"),
    (15, "executeSQLQuery", "<row><paramvalue>1</paramvalue></row>"),
    (16, "executeSQLQuery", f"<row><pkid>{_PKID}</pkid><storenumber>3</storenumber><certificate>x</certificate></row>"),
    (18, "getTvsCertificate", "<tvsCertificate><roles><role><roleName>SAST</roleName></role></roles></tvsCertificate>"),
    (22, "updatePhone", f"{{{_PKID}}}"),
)
_CHANGES = (
    '<ns:listChangeResponse xmlns:ns="x"><queueInfo><firstChangeId>1</firstChangeId><queueId>queue</queueId>'
    "<nextStartChangeId>9</nextStartChangeId></queueInfo><changes><change type='Phone' uuid='{A}'><action>u</action>"
    '<changedTags><changedTag name="model">x</changedTag></changedTags></change></changes></ns:listChangeResponse>'
)
_RIS = (
    '<r:selectCmDeviceResponse xmlns:r="x"><r:selectCmDeviceReturn><SelectCmDeviceResult><TotalDevicesFound>1'
    "</TotalDevicesFound><CmNodes><item><ReturnCode>Ok</ReturnCode><Name>pub</Name><CmDevices><item><Name>SEP0"
    "</Name><IPAddress><item><IP>10.0.0.1</IP><IPAddrType>ipv4</IPAddrType></item></IPAddress><Status>Registered"
    "</Status></item></CmDevices></item></CmNodes></SelectCmDeviceResult></r:selectCmDeviceReturn>"
    "</r:selectCmDeviceResponse>"
)
_STATUS = (
    '<s:soapGetServiceStatusResponse xmlns:s="x"><soapGetServiceStatusReturn><ReturnCode>0</ReturnCode><ReasonString> '
    "</ReasonString><ServiceInfoList><item><ServiceName>Cisco Tftp</ServiceName><ServiceStatus>Started</ServiceStatus>"
    "<UpTime>-1</UpTime></item></ServiceInfoList></soapGetServiceStatusReturn></s:soapGetServiceStatusResponse>"
)
_PRODUCT = (
    '<s:getProductInformationListResponse xmlns:s="x"><getProductInformationListReturn><ActiveServerVersion>14'
    "</ActiveServerVersion><Services><item><ServiceName>Cisco Tftp</ServiceName><Deployable>true</Deployable></item>"
    "</Services></getProductInformationListReturn></s:getProductInformationListResponse>"
)
_FAULT = (
    "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{0}</faultstring><detail><axlError><axlcode>{1}"
    "</axlcode><axlmessage>{0}</axlmessage></axlError></detail></soapenv:Fault>"
)
_PIECES = tuple(
    piece.encode()
    for piece in (
        *("<item>", "</item>", "<row>", "<!-- -->", "<![CDATA[", "]]>", "<?xml?>", "<?a b?>", "&lt;", "&#x1b;", "&a;"),
        *(' xsi:nil="true"', ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', ' uuid="{', "<!DOCTYPE a>"),
        *(_PASSWORD, _BASIC, _STRING, "9" * 30, "-239", "\u202e", "\x00", "\ufeff"),
        *("Suggested row fetch: less than 1", "Maximum AXL Memory Allocation Consumed", "column (x) not found"),
        *("Exceeded allowed rate for", "Supported AXL versions are ", "<html>", "Item not valid: ", "not found"),
    )
)


def seeds() -> list[bytes]:
    node, questions, _ = _clients()
    del node
    last = len(questions) - 1
    good = [bytes((number, 0)) + _answer(operation, inside) for number, operation, inside in _ITEMS]
    whole = (*((number, _CHANGES) for number in (19, 20)), (last - 2, _RIS), (last - 1, _STATUS), (last, _PRODUCT))
    good += [bytes((number, 0)) + _envelope(inside) for number, inside in whole]
    words = (("Suggested row fetch: less than 5", ""), ("Item not valid", 5007), (f"who is {_PASSWORD}?", "x"))
    bad = [
        bytes((number, 4)) + _envelope(_FAULT.format(*each)) for number, each in zip((6, 20, last), words, strict=True)
    ]
    return [
        *good,
        *bad,
        bytes((22, 4)) + _envelope(_FAULT.format(f"no string {_STRING}", -239)),
        bytes((0, 7)) + f"<html>Supported AXL versions are {'x' * 190}{_PASSWORD}".encode(),
        bytes((24, 8)) + b"https://elsewhere/" + b"x" * 180 + _PASSWORD.encode(),
        bytes((2, 9)) + b"<html></html>",
    ]


def one_input(data: bytes) -> None:
    """Ask; whatever is answered, there are values, or the one documented error that tells no secret."""
    if len(data) < 2:
        return
    node, questions, forget = _clients()
    kind, sent, question = questions[data[0] % len(questions)]
    status, body = _STATUSES[data[1] % len(_STATUSES)], data[2:]
    headers = Message()
    line = body[:250].decode("latin-1").replace("\r", "").replace("\n", "")
    headers["Location"], headers["Set-Cookie"] = line, f"{SESSION_COOKIE}={line}"
    node.answer, node.calls = HttpAnswer(status, headers, body), 0
    forget()
    try:
        found = question()
    except _EnoughError:
        return
    except ConnectorError as error:
        assert type(error) is kind  # noqa: PT017 - no test runner here
        _hold(error, body, sent)
        return
    for value in found if isinstance(found, list | tuple) else (found,):
        _hold_value(value)


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of answers in, or leave it to ``turn``."""
    if random.random() < 0.4:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(8) :])[:limit]


def _hold(error: ConnectorError, body: bytes, sent: tuple[str, ...] | None) -> None:
    said = str(error)
    assert said.isprintable()
    assert len(error.detail) <= 10 * MAX_DETAIL_CHARACTERS + 1
    for secret in (_PASSWORD, _BASIC, *(sent or ())):
        assert secret not in said
        begins = secret[: len(secret) // 2]
        if body.count(begins.encode()) == body.count(secret.encode()):
            # Nor a part of it, where words were cut.
            assert begins not in said
    assert sent is not None or error.fault is not ConnectorFault.UNCERTAIN


def _hold_value(value: object) -> None:
    """Values are plain all the way down: nothing of the parser's, and no number that Python would refuse to print."""
    if is_dataclass(value):
        for one in fields(value):
            _hold_value(getattr(value, one.name))
    elif isinstance(value, tuple | frozenset):
        assert len(value) <= MAX_LENGTH + MAX_SERVICES
        for inner in value:
            _hold_value(inner)
    else:
        assert value is None or isinstance(value, str | bool | int | Enum), value
        assert not isinstance(value, int) or abs(value) < 10**20
