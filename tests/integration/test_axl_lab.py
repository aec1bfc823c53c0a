"""The application's own SOAP client against the lab: two sides written from the same reference by different people."""

import hashlib
import re
import ssl
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from lxml import etree

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SoapClient, SoapServer
from ctlctl.connectors.soap_wsdl import describe
from ctlctl.connectors.soap_xml import SoapFaultError, read_answer, read_items, text
from ctlctl_lab.clock import ManualClock
from ctlctl_lab.soap import SoapApp
from ctlctl_lab.soap.axl import SERVED
from ctlctl_lab.soap.axl_catalogue import KINDS
from ctlctl_lab.soap.axl_kinds import AnyKind
from support.labhttp import (
    ADMIN,
    AXL_PATH,
    PASSWORD,
    READER,
    RIS_PATH,
    HandMadeWorld,
    https_server,
    make_world,
    uuid_of,
)

XSD = "{http://www.w3.org/2001/XMLSchema}"
SCHEMA = etree.fromstring(files("ctlctl.connectors").joinpath("wsdl", "axl.xsd").read_bytes())
DECLARED = {
    str(each.get("name")) for each in SCHEMA.findall(f"{XSD}element") if each.find(f"{XSD}complexType") is not None
}
VERSIONS = ["11.5", "12.5", "14.0"]
PHONE = "SEP001100000003"
Connect = Callable[..., SoapClient]


class LabError(ConnectorError):
    """What these tests expect."""


def description(version: str) -> bytes:
    return describe("axl.xsd", action=f"CUCM:DB ver={version} {{operation}}", version=version)


@pytest.fixture
def world() -> HandMadeWorld:
    return make_world(phones=60, version="14.0.1.12900-161")


@pytest.fixture
def connect(world: HandMadeWorld, tmp_path: Path) -> Iterator[Connect]:
    clients = []
    with https_server(SoapApp(world), tmp_path) as (_, port, certificate):
        pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).digest()

        def make(version: str = "12.5", user: str = ADMIN, password: str = PASSWORD, seconds: float = 20) -> SoapClient:
            place, trust = Place("lab", "lab-pub", "AXL"), TlsTrust(sha256_pin=pin)
            server = SoapServer(
                place, "127.0.0.1", port, AXL_PATH, user, Secret(password), trust, seconds, 20 * 1024 * 1024
            )
            clients.append(SoapClient(server, description(version), LabError))
            return clients[-1]

        yield make
        for client in clients:
            client.close()
            client.transport.session.close()


def tags_of(operation: str, version: str) -> dict[str, object]:
    """Return every tag that the application's schema can ask back in an operation."""
    schema = SCHEMA
    if version == "11.5":
        schema = etree.fromstring(re.sub(r"\n[^\n]*<!-- since 12\.5 -->", "", etree.tostring(SCHEMA).decode()))
    kind = select(schema, f"xsd:element[@name='{operation}']//xsd:element[@name='returnedTags']")[0].get("type") or ""
    found = select(schema, f"xsd:complexType[@name='{kind.removeprefix('axl:')}']/xsd:sequence/xsd:element")
    return {str(each.get("name")): "" for each in found if each.get("type")}


def select(schema: etree._Element, path: str) -> list[etree._Element]:
    found = schema.xpath(path, namespaces={"xsd": XSD.strip("{}")})
    assert isinstance(found, list)
    return [each for each in found if isinstance(each, etree._Element)]


def test_the_lab_has_every_operation_that_the_application_sends() -> None:
    assert DECLARED <= SERVED


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_list_comes_with_every_tag_of_the_application(connect: Connect, version: str, kind: AnyKind) -> None:
    operation = f"list{kind.name}"
    tags = tags_of(operation, version)
    path = f"xsd:element[@name='{operation}']//xsd:element[@name='searchCriteria']//xsd:element"
    criterion = select(SCHEMA, path)[0].get("name")
    arguments = {"searchCriteria": {str(criterion): "%"}, "returnedTags": tags}
    items = connect(version).call(
        operation, arguments, lambda content: read_items(content, operation, kind.tag, lambda one: {c.tag for c in one})
    )
    assert items
    # Whatever is asked for comes, but for what the cluster leaves out.
    assert all(found == set(tags) for found in items)


def test_versions_are_tried_from_the_newest(connect: Connect, world: HandMadeWorld) -> None:
    world.cluster.version = "12.5.1.11900-146"
    client = connect("14.0")
    with pytest.raises(LabError) as caught:
        client.call("getCCMVersion", {}, lambda content: read_answer(content, "getCCMVersion"))
    assert caught.value.fault is ConnectorFault.VERSION
    assert "it serves 11.x and 12.x" in caught.value.detail
    client.describe(description("12.5"))
    answer = client.call("getCCMVersion", {}, lambda content: read_answer(content, "getCCMVersion"))
    assert text(answer, "return", "componentVersion", "version") == "12.5.1.11900-146"


def test_an_idle_session_is_replaced(connect: Connect, world: HandMadeWorld) -> None:
    client = connect()
    assert isinstance(world.cluster.clock, ManualClock)
    for seconds in (0, 60, 31 * 60, 60):
        world.cluster.clock.advance(seconds)
        client.call("getCCMVersion", {}, lambda content: read_answer(content, "getCCMVersion"))


@pytest.mark.parametrize(
    ("switch", "value", "seconds", "faults"),
    [
        ("html_next", 1, 60, {ConnectorFault.SERVER_ERROR}),
        # It depends on how the server's TLS ends whether the connection broke or the answer did.
        ("truncate_next", 1, 60, {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}),
        ("slow_seconds", 3.0, 1, {ConnectorFault.TIMEOUT}),
    ],
)
def test_switches_give_the_errors_they_should(
    connect: Connect, world: HandMadeWorld, switch: str, value: float, seconds: float, faults: set[ConnectorFault]
) -> None:
    setattr(world.faults, switch, value)
    with pytest.raises(LabError) as caught:
        connect(seconds=seconds).call("getCCMVersion", {}, lambda content: read_answer(content, "getCCMVersion"))
    assert caught.value.fault in faults
    assert PASSWORD not in str(caught.value)


def test_a_busy_cluster_and_a_refused_user(connect: Connect, world: HandMadeWorld) -> None:
    world.faults.axl_503_writes = 1
    with pytest.raises(LabError) as caught:
        connect().call("applyPhone", {"name": PHONE}, lambda content: read_answer(content, "applyPhone"))
    assert caught.value.fault is ConnectorFault.THROTTLED
    for user, password, fault in (("nobody", PASSWORD, "RIGHTS"), (ADMIN, "wrong", "CREDENTIALS")):
        with pytest.raises(LabError) as caught:
            connect(user=user, password=password).call("getCCMVersion", {}, bytes)
        assert caught.value.fault is ConnectorFault[fault]


@pytest.mark.parametrize("version", VERSIONS)
def test_faults_are_read_in_both_spellings(connect: Connect, world: HandMadeWorld, version: str) -> None:
    with pytest.raises(SoapFaultError) as caught:
        connect(version).call("getPhone", {"name": "SEPFFF"}, lambda content: read_answer(content, "getPhone"))
    assert caught.value.fault.axl_code == 5007
    world.faults.axl_row_limit = 7
    arguments = {"searchCriteria": {"name": "%"}, "returnedTags": {"name": ""}}
    with pytest.raises(SoapFaultError, match="less than 7 rows") as caught:
        connect(version).call("listPhone", arguments, lambda content: read_answer(content, "listPhone"))
    assert caught.value.fault.axl_code == -1
    with pytest.raises(SoapFaultError) as caught:
        connect(version, READER).call("applyPhone", {"name": PHONE}, lambda content: read_answer(content, "applyPhone"))
    assert caught.value.fault.axl_code == 5003


def test_a_write_reaches_the_world(connect: Connect, world: HandMadeWorld) -> None:
    client, name = connect(), "SEP001100000001"
    change = {"name": name, "certificateOperation": "Install/Upgrade", "upgradeFinishTime": "2030:01:02:03:04"}
    answer = client.call("updatePhone", change, lambda content: read_answer(content, "updatePhone"))
    assert text(answer, "return") == uuid_of(world.cluster.phones[name].pkid)
    client.call("applyPhone", {"name": name}, lambda content: read_answer(content, "applyPhone"))
    assert (world.applied, world.cluster.phones[name].capf.pending) == ([name], True)


def test_ris_is_asked(world: HandMadeWorld, tmp_path: Path) -> None:
    with https_server(SoapApp(world), tmp_path) as (_, port, certificate):
        trust = TlsTrust(ca_file=certificate)
        place = Place("lab", "lab-pub", "RIS")
        server = SoapServer(place, "localhost", port, RIS_PATH, ADMIN, Secret(PASSWORD), trust, 20, 20 * 1024 * 1024)
        client = SoapClient(server, describe("ris.xsd", action="{operation}"), LabError)
        criteria = {
            "MaxReturnedDevices": 1000,
            "DeviceClass": "Phone",
            "Model": 255,
            "Status": "Any",
            "NodeName": "",
            "SelectBy": "Name",
            "SelectItems": {"item": [{"Item": PHONE}]},
            "Protocol": "Any",
            "DownloadStatus": "Any",
        }
        operation = "selectCmDeviceExt"
        arguments = {"StateInfo": "", "CmSelectionCriteria": criteria}
        try:
            # The answer to both forms has the same name: see the service's own description.
            answer = client.call(operation, arguments, lambda content: read_answer(content, "selectCmDevice"))
            names = [each.text for each in answer.iterfind(".//{*}CmDevices/{*}item/{*}Name")]
            assert names == [PHONE]
        finally:
            client.close()
            client.transport.session.close()
