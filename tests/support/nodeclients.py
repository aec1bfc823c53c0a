"""Clients of a node's own interfaces for tests, and what a node of a test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps

from ctlctl.connectors.certificate_api import CertificateApiClient
from ctlctl.connectors.certificate_api_ports import CertificateApiSettings
from ctlctl.connectors.control_center import ControlCenterClient
from ctlctl.connectors.control_center_ports import ControlCenterSettings
from support.soap import RIS, Address, FakeTime, Reply, _given, envelope

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def node_settings(server: Address, **changes: object) -> dict[str, object]:
    return _given(server, {"node": "127.0.0.1"} | changes)


@contextmanager
def control_center(server: Address, time: FakeTime | None = None, **changes: object) -> Iterator[ControlCenterClient]:
    """A client that waits by a clock of its own."""
    settings = ControlCenterSettings(**node_settings(server, **changes))  # type: ignore[arg-type]  # checked by the class
    with ControlCenterClient(settings, sleep=(time or FakeTime()).sleep) as client:
        yield client


@contextmanager
def certificate_api(server: Address, **changes: object) -> Iterator[CertificateApiClient]:
    settings = CertificateApiSettings(**node_settings(server, **changes))  # type: ignore[arg-type]  # checked by the class
    with CertificateApiClient(settings) as client:
        yield client


def status_reply(items: str, code: str = "0", reason: str = " ") -> Reply:
    """Answer soapGetServiceStatus."""
    return Reply(
        envelope(
            f'<soapGetServiceStatusResponse xmlns="{RIS}" {XSI}><soapGetServiceStatusReturn>'
            f"<ReturnCode>{code}</ReturnCode><ReasonCode>-1</ReasonCode><ReasonString>{reason}</ReasonString><ServiceInfoList>{items}</ServiceInfoList>"
            "</soapGetServiceStatusReturn></soapGetServiceStatusResponse>"
        )
    )


def service_item(
    name: str = "Cisco CallManager",
    status: str = "Started",
    code: str = "-1",
    reason: str = " ",
    start: str = "Mon Nov 23 08:15:00 2026",
    up: str = "3600",
) -> str:
    return (
        f"<item><ServiceName>{name}</ServiceName><ServiceStatus>{status}</ServiceStatus><ReasonCode>{code}</ReasonCode>"
        f"<ReasonCodeString>{reason}</ReasonCodeString><StartTime>{start}</StartTime><UpTime>{up}</UpTime></item>"
    )


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(dumps(value).encode(), status, (("Content-Type", "application/json"),))
