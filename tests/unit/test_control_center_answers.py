"""What Control Center answers, read by the book and beside it."""

import pytest

from ctlctl.connectors.axl_enums import UnknownText
from ctlctl.connectors.control_center_ports import (
    MAX_SERVICES,
    ControlCenterError,
    ProductInformation,
    ServiceState,
    ServiceStatus,
)
from ctlctl.connectors.errors import ConnectorFault
from support.nodeclients import control_center, service_item, status_reply
from support.soap import PASSWORD, RIS, FakeTime, Reply, check_told, envelope, fault, html, soap_server


def ask(*replies: Reply, time: FakeTime | None = None, names: tuple[str, ...] = ()) -> tuple[ServiceStatus, ...]:
    left = list(replies)
    with soap_server(lambda _: left.pop(0)) as server, control_center(server, time) as client:
        return client.services(names)


def refused(*replies: Reply, time: FakeTime | None = None, names: tuple[str, ...] = ()) -> ControlCenterError:
    with pytest.raises(ControlCenterError) as found:
        ask(*replies, time=time, names=names)
    check_told(found.value, found.value.fault, "Control Center")
    return found.value


def test_services_in_every_state() -> None:
    idle = "<item><ServiceName>Cisco Tftp</ServiceName><ServiceStatus>Stopped</ServiceStatus>"
    found = ask(
        status_reply(
            "<!-- said -->"
            + service_item()
            + f"{idle}<ReasonCode>-1068</ReasonCode><ReasonCodeString>Service Not Activated </ReasonCodeString>"
            '<StartTime xsi:nil="true"/><UpTime>-1</UpTime><Newer>thing</Newer></item>'
            + service_item("Cisco DRF Master", "Stopped", "-1069", "Commanded Out of Service", " ", "-1")
            + service_item("Cisco CTIManager", "Resting", "x", up="soon")
            + "<item/>"
        )
    )
    assert found == (
        ServiceStatus("Cisco CallManager", ServiceState.STARTED, -1, "", "Mon Nov 23 08:15:00 2026", 3600),
        ServiceStatus("Cisco Tftp", ServiceState.STOPPED, -1068, "Service Not Activated", "", None),
        ServiceStatus("Cisco DRF Master", ServiceState.STOPPED, -1069, "Commanded Out of Service", "", None),
        ServiceStatus("Cisco CTIManager", UnknownText("Resting"), None, "", "Mon Nov 23 08:15:00 2026", None),
    )
    # What was taken out of service says nothing about whether it should run: CUCM does that itself on subscribers.
    assert [one.activated for one in found] == [True, False, None, None]


@pytest.mark.parametrize(
    ("item", "activated"),
    [
        (service_item(status="Starting"), True),
        (service_item(status="Stopping"), True),
        (service_item(status="Stopped", reason="SERVICE NOT ACTIVATED"), False),
        (service_item(status="Stopped", code="-1068"), False),
        (service_item(status="Stopped"), None),
        (service_item(status="Unknown"), None),
        (service_item(status=""), None),
    ],
)
def test_whether_a_service_is_activated(item: str, activated: bool | None) -> None:
    (found,) = ask(status_reply(item))
    assert found.activated is activated


def test_a_question_about_some_services_may_find_none() -> None:
    assert ask(status_reply(""), names=("Cisco Nothing",)) == ()


def test_no_services_at_all_is_no_answer() -> None:
    assert refused(status_reply("")).fault is ConnectorFault.PROTOCOL
    error = refused(status_reply("", "-2", "Request is invalid"), names=("Cisco Tftp",))
    assert error.fault is ConnectorFault.REFUSED
    assert "return code -2: Request is invalid" in error.detail
    body = envelope(f'<soapGetServiceStatusResponse xmlns="{RIS}"/>')
    assert refused(Reply(body)).fault is ConnectorFault.PROTOCOL


def test_an_answer_of_more_services_than_any_node_has_is_refused() -> None:
    error = refused(status_reply("<item><ServiceName>x</ServiceName></item>" * (MAX_SERVICES + 1)))
    assert (error.fault, str(MAX_SERVICES) in error.detail) == (ConnectorFault.PROTOCOL, True)


def test_words_of_a_node_do_no_harm() -> None:
    (found,) = ask(status_reply(service_item("&#x202e;Tftp" + "x" * 500, reason="a&#10;b")))
    assert found.name.isprintable()
    assert len(found.name) < 200
    assert found.reason.isprintable()


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 121])
def test_what_is_no_name_is_not_sent(name: str) -> None:
    with soap_server(lambda _: Reply()) as server, control_center(server) as client:
        with pytest.raises(ControlCenterError) as found:
            client.services([name])
        assert not server.asked
    check_told(found.value, ConnectorFault.INVALID, "Control Center")


def test_a_rate_that_is_used_up_is_waited_for_and_given_up() -> None:
    words = "AxisFault: Exceeded allowed rate for Reatime information."
    time = FakeTime()
    assert ask(fault(words), html(503), status_reply(service_item()), time=time)
    assert time.slept == [10.0, 10.0]
    error = refused(*[fault(words)] * 5)
    assert error.fault is ConnectorFault.THROTTLED
    assert "also after 40 seconds of waiting" in error.detail


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fault("Something is wrong", faultcode="soapenv:Client"), ConnectorFault.REFUSED),
        (html(401), ConnectorFault.CREDENTIALS),
        (html(403), ConnectorFault.RIGHTS),
        (html(404), ConnectorFault.NO_SERVICE),
        (html(200), ConnectorFault.PROTOCOL),
        (Reply(b"", 302, (("Location", "https://elsewhere/"),)), ConnectorFault.REDIRECT),
        # A read: nothing is uncertain.
        (html(500), ConnectorFault.SERVER_ERROR),
        (Reply(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), ConnectorFault.PROTOCOL),
        (Reply(envelope("<selectCmDeviceResponse/>")), ConnectorFault.PROTOCOL),
    ],
)
def test_every_trouble_has_its_name(reply: Reply, kind: ConnectorFault) -> None:
    assert refused(reply).fault is kind


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(mute=True), ConnectorFault.TIMEOUT),
        (Reply(status_reply(service_item()).body, stall=True), ConnectorFault.TIMEOUT),
        (Reply(status_reply(service_item()).body * 9, drip=True), ConnectorFault.TIMEOUT),
        (status_reply(service_item() * 100), ConnectorFault.TOO_LARGE),
        (Reply(envelope("<a>" * 400)), ConnectorFault.PROTOCOL),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), ConnectorFault.UNREACHABLE),
    ],
    ids=["mute", "stall", "drip", "large", "deep", "cut"],
)
def test_no_answer_holds_the_client_up(reply: Reply, kind: ConnectorFault) -> None:
    with (
        soap_server(lambda _: reply) as server,
        control_center(server, timeout_seconds=1.0, max_answer_bytes=10_000) as client,
        pytest.raises(ControlCenterError) as found,
    ):
        client.services()
    check_told(found.value, found.value.fault, "Control Center")
    # It depends on how the server's TLS ends whether the connection broke or the answer did.
    assert found.value.fault is kind or {found.value.fault, kind} <= {
        ConnectorFault.UNREACHABLE,
        ConnectorFault.PROTOCOL,
    }


def test_no_secret_that_a_node_repeats_is_shown() -> None:
    assert "[secret]" in refused(fault(f"not {PASSWORD}")).detail


def test_what_a_node_says_of_itself() -> None:
    services = (
        "<item><ServiceName>Cisco Tftp</ServiceName><Deployable>true</Deployable></item>"
        "<item><ServiceName>Cisco Tomcat</ServiceName><Deployable>false</Deployable></item>"
        "<item><ServiceName>Odd</ServiceName><Deployable>perhaps</Deployable></item>"
    )
    inside = (
        "<ActiveServerVersion>14.0.1.13900-155</ActiveServerVersion><PrimaryNode>pub</PrimaryNode><SecondaryNode/>"
        f"<Services>{services}</Services>"
    )
    body = envelope(
        f'<getProductInformationListResponse xmlns="{RIS}"><getProductInformationListReturn>{inside}'
        "</getProductInformationListReturn></getProductInformationListResponse>"
    )
    with soap_server(lambda _: Reply(body)) as server, control_center(server) as client:
        found = client.product()
    assert found == ProductInformation("14.0.1.13900-155", "pub", "", (("Cisco Tftp", True), ("Cisco Tomcat", False)))
