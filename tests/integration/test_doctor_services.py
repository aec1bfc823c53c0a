"""What the doctor says of services and certificates of the nodes of a running lab."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from ctlctl.cluster.doctor import examine
from ctlctl.cluster.doctor_services import ask_certificates, ask_services
from ctlctl.cluster.doctor_soap import Learned
from ctlctl.cluster.doctor_text import render
from ctlctl.cluster.rows import Interface, Row, Status, Verdict
from ctlctl.cluster.soapview import open_view
from ctlctl.connectors.axl_enums import NodeRole
from ctlctl.connectors.axl_values import AxlVersion, NodeService, ProcessNode
from ctlctl_config import load_settings, make_cluster
from ctlctl_config.model import ClusterSettings, PlatformSettings
from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET
from ctlctl_lab.run import RunningLab
from ctlctl_lab.world import World
from support.nodeclients import json_reply
from support.runninglab import small_lab
from support.soap import Reply, fault, html, soap_server

TFTP = "Cisco Tftp"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("doctor-services"), phones=4) as lab:
        yield lab


@pytest.fixture
def world(running: RunningLab) -> Iterator[World]:
    world = running.services.world
    yield world
    world.faults.clear()


@pytest.fixture
def cluster(running: RunningLab) -> ClusterSettings:
    cluster = load_settings(running.settings).clusters["lab"]
    account = PlatformSettings(
        username=PLATFORM_READER, password_file=running.settings.parent / "secrets" / PLATFORM_SECRET
    )
    return cluster.model_copy(update={"platform": account})


def learned(world: World, version: str | None = None) -> Learned:
    """Return what AXL tells."""
    nodes = world.cluster.nodes.values()
    services = tuple(
        NodeService(node.name, name, is_active=True, is_enabled=True) for node in nodes for name in node.services
    )
    known = AxlVersion(cluster=version or world.cluster.version, schema="14.0")
    return Learned(version=known, nodes=(), services=services)


def of(rows: list[Row], node: str) -> Row:
    (found,) = [row for row in rows if row.node == node]
    return found


def test_the_whole_doctor(cluster: ClusterSettings, world: World) -> None:
    report = examine("lab", cluster, open_view, datetime.now(UTC), (ask_services, ask_certificates))
    for interface in (Interface.CONTROL_CENTER, Interface.CERTIFICATE_API):
        rows = [row for row in report.rows if row.interface is interface]
        assert [row.node for row in rows] == list(world.cluster.nodes)
        assert {(row.status, row.reachable, row.credentials) for row in rows} == {(Status.OK, True, True)}
    assert report.verdict is Verdict.WORKS
    # All of a node stands together.
    named = [row.node for row in report.rows if row.node is not None]
    assert len(dict.fromkeys(named)) == 1 + sum(one != other for one, other in pairwise(named))
    text = "\n".join(render(report, colour=False))
    assert "services run" in text
    assert "own certificates" in text


def test_a_service_that_should_run_and_does_not(cluster: ClusterSettings, world: World) -> None:
    world.stop_service("lab-pub", TFTP)
    try:
        rows = list(ask_services("lab", cluster, learned(world)))
    finally:
        world.start_service("lab-pub", TFTP)
    found = of(rows, "lab-pub")
    assert (found.status, found.advice is not None) == (Status.WARNING, True)
    assert f"activated, but not running: {TFTP} (Commanded Out of Service)" in found.message
    assert of(rows, "lab-sub1").status is Status.OK


def test_what_is_not_wanted_or_cannot_be_asked(cluster: ClusterSettings, world: World, tmp_path: Path) -> None:
    def one(changes: dict[str, object], which: str = "services", told: Learned | None = None) -> tuple[Status, str]:
        changed = cluster.model_copy(update=changes)
        ask = ask_services if which == "services" else ask_certificates
        (row,) = ask("lab", changed, told or learned(world))
        assert row.node is None
        return row.status, row.message

    off = cluster.control_center.model_copy(update={"enabled": False})
    status, message = one({"control_center": off})
    assert (status, "enabled = false" in message) == (Status.ABSENT, True)
    status, message = one({}, told=Learned())
    assert (status, "needs the same user as AXL" in message) == (Status.UNKNOWN, True)
    status, message = one({"platform": None}, "certificates")
    assert (status, "no platform account" in message) == (Status.ABSENT, True)
    assert cluster.platform is not None
    without = cluster.platform.model_copy(update={"certificate_api": False})
    status, message = one({"platform": without}, "certificates")
    assert (status, "certificate_api = false" in message) == (Status.ABSENT, True)
    lost = cluster.platform.model_copy(update={"password_file": tmp_path / "none"})
    status, message = one({"platform": lost}, "certificates")
    assert (status, "none" in message) == (Status.FAILED, True)
    status, _ = one({"axl": cluster.axl.model_copy(update={"password_file": tmp_path / "none"})})
    assert status is Status.FAILED


def test_a_wrong_platform_password_is_tried_on_one_node(cluster: ClusterSettings, world: World, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    wrong.chmod(0o600)
    assert cluster.platform is not None
    account = cluster.platform.model_copy(update={"password_file": wrong})
    rows = list(ask_certificates("lab", cluster.model_copy(update={"platform": account}), learned(world)))
    assert [(row.status, row.credentials) for row in rows] == [(Status.FAILED, False)] * len(world.cluster.nodes)
    assert "refuses the platform account" in rows[0].message
    assert all("was not asked" in row.message for row in rows[1:])
    basic = base64.b64encode(f"{PLATFORM_READER}:not it".encode()).decode()
    assert basic not in str(rows)
    assert not world.faults.ssh_locked


def test_an_old_cluster_lacks_the_certificate_api_and_a_new_one_should_not(
    cluster: ClusterSettings, world: World
) -> None:
    version = world.cluster.version
    world.cluster.version = "12.5.1.18900-40"
    try:
        old = list(ask_certificates("lab", cluster, learned(world)))
        new = list(ask_certificates("lab", cluster, learned(world, version)))
    finally:
        world.cluster.version = version
    assert {(row.status, row.fault) for row in old} == {(Status.ABSENT, None)}
    assert {(row.status, row.fault) for row in new} == {(Status.FAILED, "unsupported")}


def test_nodes_of_presence_are_not_asked(cluster: ClusterSettings, world: World) -> None:
    other = ProcessNode("", "LAB-SUB1", "", usage=None, role=NodeRole.PRESENCE)
    told = replace(learned(world), nodes=(other,))
    names = [row.node for row in ask_services("lab", cluster, told)]
    assert names == [name for name in world.cluster.nodes if name != "lab-sub1"]


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[..., Row]:
    """Return what asks a node that says what a test wants."""
    password = tmp_path / "password"
    password.write_text("not the lab's\n")
    password.chmod(0o600)

    def ask(reply: Reply, interface: Interface) -> Row:
        with soap_server(lambda _: reply) as server:
            account = {"username": "reader", "password_file": str(password)}
            pin = server.pin.hex(":")
            table = {
                "timezone": "UTC",
                "axl": {"host": "127.0.0.1", "port": server.port, "tls_pin": pin, **account},
                "platform": account,
                "nodes": [{"name": "pub", "host": "127.0.0.1", "tls_pin": pin, "ports": {"tomcat": server.port}}],
            }
            cluster = make_cluster(tmp_path / "ctld.toml", "hq", table)
            told = Learned(version=AxlVersion(cluster="14.0.1", schema="14.0"))
            asker = ask_services if interface is Interface.CONTROL_CENTER else ask_certificates
            (row,) = asker("hq", cluster, told)
        assert (row.interface, row.node) == (interface, "pub")
        return row

    return ask


def test_what_a_busy_or_strict_node_says(scripted: Callable[..., Row]) -> None:
    busy = scripted(fault("Exceeded allowed rate for Reatime information."), Interface.CONTROL_CENTER)
    assert (busy.status, busy.credentials, busy.rights) == (Status.WARNING, True, True)
    strict = scripted(html(403), Interface.CONTROL_CENTER)
    assert (strict.status, strict.credentials, strict.rights) == (Status.FAILED, True, False)
    assert "Standard RealtimeAndTraceCollection" in (strict.advice or "")
    refused = scripted(html(401), Interface.CONTROL_CENTER)
    assert (refused.status, refused.credentials) == (Status.FAILED, False)


def test_a_certificate_that_cannot_be_read_is_a_warning(scripted: Callable[..., Row]) -> None:
    csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----"
    own = {"service": "tomcat", "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"}
    answer = {"identities": [own, {"service": "CallManager", "csr": csr}], "trusts": []}
    row = scripted(json_reply(answer), Interface.CERTIFICATE_API)
    assert (row.status, row.reachable) == (Status.WARNING, True)
    assert "waiting for the answer to a signing request: CallManager" in row.message
    assert "1 part of the answer cannot be read (tomcat: its certificate cannot be read" in row.message
