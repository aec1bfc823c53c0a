"""What RIS answers, read by the book and beside it."""

import pytest

from ctlctl.connectors.axl_enums import UnknownText
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.ris import selection
from ctlctl.connectors.ris_ports import (
    Httpd,
    RegistrationStatus,
    ReturnCode,
    RisBatch,
    RisError,
    RisNode,
)
from support.soap import (
    PASSWORD,
    RIS,
    FakeTime,
    Reply,
    check_told,
    envelope,
    fault,
    html,
    ris_client,
    ris_settings,
    soap_server,
)

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def reply(nodes: str, total: object = "") -> Reply:
    inside = f"<TotalDevicesFound>{total}</TotalDevicesFound><CmNodes>{nodes}</CmNodes>"
    return Reply(
        envelope(
            f'<selectCmDeviceResponse xmlns="{RIS}" {XSI}><selectCmDeviceReturn>'
            f"<SelectCmDeviceResult>{inside}</SelectCmDeviceResult><StateInfo/>"
            "</selectCmDeviceReturn></selectCmDeviceResponse>"
        )
    )


def node(devices: str = "", name: str = "pub", code: str = "Ok") -> str:
    held = f"<CmDevices>{devices}</CmDevices>" if devices else '<CmDevices xsi:nil="true"/>'
    return f"<item><ReturnCode>{code}</ReturnCode><Name>{name}</Name><NoChange>false</NoChange>{held}</item>"


def ask(*replies: Reply, time: FakeTime | None = None, names: int = 1) -> RisBatch:
    left = list(replies)
    with soap_server(lambda _: left.pop(0)) as server, ris_client(server, time) as client:
        (batch,) = client.devices(f"SEP{number}" for number in range(names))
    return batch


def test_a_device_with_everything() -> None:
    addresses = (
        "<item><IP>2001:db8::1</IP><IPAddrType>ipv6</IPAddrType><Attribute>Adminstrative</Attribute></item><!-- x -->"
        "<item><IP>192.0.2.1</IP><IPAddrType>ipv4</IPAddrType></item><item><IP/></item>"
    )
    device = (
        "<item><Name>SEP0</Name><Httpd>Yes</Httpd><Status>Registered</Status><StatusReason>0</StatusReason>"
        "<TimeStamp>1750000000</TimeStamp><Protocol>SIP</Protocol><Model>683</Model><Product>583</Product>"
        "<ActiveLoadID>sip88xx.14</ActiveLoadID><DownloadStatus>Successful</DownloadStatus>"
        "<LoginUserId>jdoe</LoginUserId><Description>desk</Description>"
        f"<IPAddress>{addresses}</IPAddress><Newer>thing</Newer></item>"
    )
    batch = ask(reply(f"<!-- a --><other/>{node(device)}{node(name='sub', code='NotFound')}", 1))
    (found,) = batch.devices
    assert (found.status, found.httpd) == (RegistrationStatus.REGISTERED, Httpd.YES)
    assert found.addresses == ("192.0.2.1", "2001:db8::1")
    assert (found.model, found.product, found.changed_at) == (683, 583, 1_750_000_000)
    assert (found.login_user, found.download_status, found.active_load) == ("jdoe", "Successful", "sip88xx.14")
    assert batch.nodes == (RisNode("pub", ReturnCode.OK), RisNode("sub", ReturnCode.NOT_FOUND))
    assert batch.is_complete


def test_a_device_with_nothing() -> None:
    (found,) = ask(reply(node('<item><Status>Dreaming</Status><IPAddress xsi:nil="true"/></item>'))).devices
    assert (found.name, found.model, found.status_reason, found.httpd, found.addresses) == ("", None, None, None, ())
    assert isinstance(found.status, UnknownText)


@pytest.mark.parametrize("code", ["NodeNotResponding", "InternalError", "InvalidNodeName", "Tired", ""])
def test_a_node_that_says_nothing_useful_leaves_it_open_who_is_where(code: str) -> None:
    batch = ask(reply(node() + node(name="sub", code=code)))
    assert [one.name for one in batch.failed_nodes] == ["sub"]
    assert not batch.is_complete


@pytest.mark.parametrize(
    "body",
    [
        reply("").body,
        envelope(f'<selectCmDeviceResponse xmlns="{RIS}"/>'),
        envelope(f'<selectCmDeviceResponse xmlns="{RIS}"><selectCmDeviceReturn/></selectCmDeviceResponse>'),
    ],
)
def test_an_answer_without_nodes_is_complete_about_nothing(body: bytes) -> None:
    batch = ask(Reply(body))
    assert (batch.devices, batch.nodes, batch.is_complete) == ((), (), False)


@pytest.mark.parametrize(("total", "found", "is_cut"), [(1000, 1000, False), (1001, 1000, True), (5, 3, False)])
def test_an_answer_that_was_cut_is_not_complete(total: int, found: int, *, is_cut: bool) -> None:
    batch = ask(reply(node("<item><Name>SEP0</Name></item>" * found), total), names=1000)
    assert batch.is_cut is is_cut
    assert batch.is_complete is not is_cut


def refused(*replies: Reply, time: FakeTime | None = None) -> RisError:
    with pytest.raises(RisError) as found:
        ask(*replies, time=time)
    check_told(found.value, found.value.fault, "RIS")
    return found.value


def test_a_request_that_a_node_calls_invalid() -> None:
    assert refused(reply(node(code="InvalidRequest"))).fault is ConnectorFault.REFUSED


def test_the_rate_is_known_by_its_code_or_its_words() -> None:
    words = "AxisFault: Exceeded allowed rate for Reatime information. Current allowed rate is 15 requests per minute."
    time = FakeTime()
    by_code, by_words = fault("no", faultcode="ns1:Server.RateControl"), fault(words)
    by_code = Reply(by_code.body.replace(b"<faultcode>ns1:", b'<faultcode xmlns:ns1="x">ns1:'), 500)
    assert ask(by_code, by_words, html(503), reply(node()), time=time).is_complete
    assert [wait for wait in time.slept if wait >= 30.0] == [30.0, 30.0, 30.0]


def test_other_faults_are_told() -> None:
    error = refused(fault("Something is wrong", faultcode="soapenv:Client"))
    assert error.fault is ConnectorFault.REFUSED
    assert "Something is wrong (soapenv:Client)" in error.detail


def test_no_secret_that_a_node_repeats_is_shown() -> None:
    error = refused(fault(f"not {PASSWORD}", faultcode=PASSWORD))
    assert error.detail.count("[secret]") == 2


def test_an_answer_to_something_else() -> None:
    assert refused(Reply(envelope("<selectCtiItemResponse/>"))).fault is ConnectorFault.PROTOCOL


def test_every_element_of_the_criteria_is_there() -> None:
    criteria = selection(["SEP1"])["CmSelectionCriteria"]
    assert isinstance(criteria, dict)
    assert criteria["SelectItems"] == {"item": [{"Item": "SEP1"}]}
    assert criteria["MaxReturnedDevices"] == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"timeout_seconds": -1.0},
        {"max_wait_seconds": -0.1},
        {"calls_per_minute": 0.0},
        {"calls_per_minute": 15.1},
        {"max_answer_bytes": 0},
        {"username": "a:b"},
    ],
)
def test_settings_that_make_no_sense(change: dict[str, object]) -> None:
    with soap_server(lambda _: Reply()) as server, pytest.raises(ValueError, match=r"must|user name"):
        ris_settings(server, **change)
