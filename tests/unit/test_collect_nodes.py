"""Asking every node: who is asked, who is not, and what becomes of the answers."""

import threading
from datetime import UTC, datetime

import pytest

from ctlctl.connectors.axl_enums import UnknownText
from ctlctl.connectors.certificate_api_ports import CertificateSnapshot, ListedCertificate, Unread
from ctlctl.connectors.control_center_ports import ControlCenterError, ServiceState, ServiceStatus
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.inventory.collect_services import read_services, started_at
from ctlctl.inventory.collect_stores import store_readings
from ctlctl.inventory.each_node import each_node, web_nodes
from ctlctl.inventory.readings import ServiceReading, StoreReading
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodePorts, NodeSettings

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC).timestamp()


def node(name: str, port: int = 8443) -> NodeSettings:
    return NodeSettings(name=name, host="127.0.0.1", ports=NodePorts(tomcat=port))


def fault(name: str, kind: ConnectorFault) -> ControlCenterError:
    return ControlCenterError(kind, f"{name} is in trouble", place=Place("lab", name, "Control Center"))


NODES = [node(f"node{number}") for number in range(12)]


def test_nodes_without_a_web_server_and_those_of_presence_are_not_asked() -> None:
    nodes = [node("pub"), node("Presence"), node("old", 0), node("sub")]
    assert [one.name for one in web_nodes(nodes, ["presence"])] == ["pub", "sub"]


def test_a_node_that_fails_keeps_no_other_from_being_asked() -> None:
    def ask(one: NodeSettings) -> str:
        if one.name in {"node0", "node1", "node7"}:
            raise fault(one.name, ConnectorFault.TIMEOUT)
        return one.host

    rows = dict(each_node(NODES, ask))
    assert list(rows) == [one.name for one in NODES]
    failed = {name: answer for name, answer in rows.items() if isinstance(answer, Fault)}
    assert failed.keys() == {"node0", "node1", "node7"}
    assert failed["node7"].kind == "timeout"
    assert (failed["node7"].detail, bool(failed["node7"].advice)) == ("node7 is in trouble", True)


@pytest.mark.parametrize("asked_before", [0, 1])
def test_a_refused_account_is_not_tried_on_the_other_nodes(asked_before: int) -> None:
    tried = []

    def ask(one: NodeSettings) -> str:
        tried.append(one.name)
        if one.name == f"node{asked_before}":
            raise fault(one.name, ConnectorFault.CREDENTIALS)
        if len(tried) <= asked_before:
            raise fault(one.name, ConnectorFault.UNREACHABLE)
        return one.host

    rows = dict(each_node(NODES, ask))
    assert tried == [f"node{number}" for number in range(asked_before + 1)]
    last = rows["node11"]
    assert isinstance(last, Fault)
    assert last.kind == "credentials"
    assert f"node{asked_before} refused the account" in last.detail


def test_nodes_are_asked_side_by_side_once_one_has_taken_the_account() -> None:
    met = threading.Barrier(2, timeout=20)

    def ask(one: NodeSettings) -> str:
        if one.name in {"node1", "node2"}:
            # Neither goes on without the other.
            met.wait()
        return one.name

    assert [name for name, _ in each_node(NODES, ask)] == [one.name for one in NODES]


class Node:
    """A node that says what a test wants."""

    def __init__(self, *services: ServiceStatus) -> None:
        self.found = services
        self.closed = False

    def services(self, names: object = ()) -> tuple[ServiceStatus, ...]:
        assert not names
        return self.found

    def close(self) -> None:
        self.closed = True


def test_services_become_readings() -> None:
    there = Node(
        ServiceStatus("Cisco Tftp", ServiceState.STARTED, -1, "", "Mon Nov 23 09:00:00 2026", 3 * 3600 + 1),
        ServiceStatus("Odd", UnknownText("Resting"), None, "", "", None),
        ServiceStatus("Silent", None, None, "", "", None),
    )
    (row,) = read_services([node("pub")], lambda _: there, now=lambda: NOW + 1.5)
    begun = int(NOW) - 3 * 3600
    assert row == (
        "pub",
        (
            ServiceReading("Cisco Tftp", "Started", True, begun),
            ServiceReading("Odd", "Resting", None),
            ServiceReading("Silent", "Unknown", None),
        ),
    )
    assert type(row[1][1].status) is str
    assert there.closed


@pytest.mark.parametrize("zone_minutes", [0, 60, 330, 345, -570, -720, 840])
@pytest.mark.parametrize("late", [-2.0, 0.0, 3.9, 200.0])
def test_a_start_is_the_same_instant_whenever_and_wherever_it_is_told(zone_minutes: int, late: float) -> None:
    begun = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC).timestamp()
    local = datetime.fromtimestamp(begun + zone_minutes * 60, UTC)
    said = f"{local:%a %b} {local.day:>2} {local:%H:%M:%S %Y}"
    for now in (NOW, NOW + 0.7, NOW + 12_345.2):
        assert started_at(said, int(now - begun), now + late) == begun


@pytest.mark.parametrize(
    ("said", "up", "expected"),
    [
        ("", None, None),
        ("Mon Nov 23 08:15:00 2026", None, None),
        ("", 60, NOW - 60),
        ("23/11/2026 08:15", 60, NOW - 60),
        # A date that has nothing to do with how long it has run.
        ("Mon Nov 23 08:15:00 2020", 60, NOW - 60),
        ("", int(NOW) * 2, None),
    ],
)
def test_a_start_that_is_told_in_part(said: str, up: int | None, expected: float | None) -> None:
    assert started_at(said, up, NOW) == expected


def test_an_own_certificate_that_nobody_can_read_is_still_there() -> None:
    snapshot = CertificateSnapshot(
        "pub",
        (ListedCertificate("tomcat-trust", "trust", "ca.pem", b"der"),),
        (),
        (Unread("tomcat", "own", "", "broken"), Unread("", None, "", "the answer has no trusts")),
    )
    assert store_readings(snapshot) == (
        StoreReading("tomcat-trust", "trust", "ca.pem", b"der"),
        StoreReading("tomcat", "own", "", b""),
    )
