"""The lab's SOAP services over HTTPS, asked by clients that know nothing of it: ciscoaxl, zeep and requests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ctlctl_lab.soap import SoapApp
from support.labhttp import (
    ADMIN,
    AXL_PATH,
    PASSWORD,
    READER,
    RIS,
    RIS_PATH,
    HandMadeWorld,
    axl_envelope,
    ciscoaxl_schema,
    https_server,
    make_world,
    ris_wsdl,
    tags,
    uuid_of,
)

zeep = pytest.importorskip("zeep", reason="a client to ask the lab with")

PHONE = "SEP001100000003"
BINDING = "{http://www.cisco.com/AXLAPIService/}AXLAPIBinding"


@pytest.fixture
def world() -> HandMadeWorld:
    return make_world(phones=1200)


@pytest.fixture
def server(world: HandMadeWorld, tmp_path: Path) -> Iterator[tuple[str, int, Path]]:
    with https_server(SoapApp(world), tmp_path / "server") as address:
        yield address


@pytest.fixture
def session(server: tuple[str, int, Path]) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.auth = (ADMIN, PASSWORD)
        made.verify = str(server[2])
        made.trust_env = False
        yield made


@pytest.fixture
def axl(server: tuple[str, int, Path], session: requests.Session) -> Any:  # noqa: ANN401 - zeep's proxies have no types
    """A zeep client of the real 12.5 description."""
    wsdl = ciscoaxl_schema("12.5") / "AXLAPI.wsdl"
    client = zeep.Client(str(wsdl), transport=zeep.transports.Transport(session=session, operation_timeout=30))
    return client.create_service(BINDING, f"https://{server[0]}:{server[1]}{AXL_PATH}")


@pytest.fixture
def post(server: tuple[str, int, Path], session: requests.Session) -> Callable[..., requests.Response]:
    def send(operation: str, inside: str = "", **options: Any) -> requests.Response:  # noqa: ANN401 - passed on
        url = f"https://{server[0]}:{server[1]}{AXL_PATH}"
        headers = {"SOAPAction": f'"CUCM:DB ver=12.5 {operation}"', "Content-Type": "text/xml; charset=utf-8"}
        return session.post(url, axl_envelope(operation, inside), headers=headers, **{"timeout": 30} | options)

    return send


def test_ciscoaxl_lists_and_reads_phones(
    server: tuple[str, int, Path], world: HandMadeWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ciscoaxl = pytest.importorskip("ciscoaxl", reason="a client to ask the lab with")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))  # its cache of descriptions
    # CUCM's certificates are self-signed; the client is told which to trust as anyone would tell requests.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server[2]))
    client = ciscoaxl.axl(username=ADMIN, password=PASSWORD, cucm=server[0], cucm_port=server[1], cucm_version="12.5")
    try:
        phones = client.get_phones()
        assert [phone["name"] for phone in phones] == list(world.cluster.phones)
        assert {phone["locationName"]["_value_1"] for phone in phones} == {"Hub_None"}
        one = client.get_phone(name=PHONE)
        assert (one["name"], one["certificateStatus"]) == (PHONE, "Operation Pending")
        assert one["lines"]["line"][0]["dirn"]["pattern"] == "10003"
        assert client.get_phone(name="SEPFFF").message == "Item not valid: The specified SEPFFF was not found"
        found = client.run_sql_query("select count(*) as phones from device")
        assert found["rows"] == [{"phones": "1200"}]
        client.do_device_reset(name=PHONE)
        assert world.restarted == [PHONE]
        assert [pool["name"] for pool in client.get_device_pools()] == ["Default"]
    finally:
        client._zeep.transport.session.close()


def test_zeep_lists_and_reads_phones(axl: Any, world: HandMadeWorld) -> None:  # noqa: ANN401 - see above
    found = axl.listPhone(
        searchCriteria={"name": "SEP%"}, returnedTags={"name": "", "devicePoolName": ""}, first=3, skip=2
    )
    phones = found["return"]["phone"]
    assert [phone["name"] for phone in phones] == list(world.cluster.phones)[2:5]
    pool = world.cluster.device_pools["Default"]
    assert (phones[0]["devicePoolName"]["_value_1"], phones[0]["devicePoolName"]["uuid"]) == (
        "Default",
        uuid_of(pool.pkid),
    )
    one = axl.getPhone(name=PHONE)["return"]["phone"]
    assert (one["model"], one["isProtected"], one["loginTime"]) == ("Cisco 8851", "false", None)
    nothing = axl.listPhone(searchCriteria={"name": "x"}, returnedTags={"name": ""})
    assert nothing["return"] is None


def test_zeep_reads_sql_rows(axl: Any) -> None:  # noqa: ANN401 - see above
    rows = axl.executeSQLQuery(sql="select first 2 name, lscissuername from device order by name")["return"]["row"]
    assert [{each.tag: each.text for each in row} for row in rows] == [
        {"name": "SEP001100000000", "lscissuername": "CN=CAPF-0a1b2c3d"},
        {"name": "SEP001100000001", "lscissuername": None},
    ]
    assert axl.executeSQLQuery(sql="select name from device where name = 'x'")["return"] is None


def test_zeep_orders_an_lsc(axl: Any, world: HandMadeWorld) -> None:  # noqa: ANN401 - see above
    name = "SEP001100000001"
    answer = axl.updatePhone(
        name=name,
        certificateOperation="Install/Upgrade",
        upgradeFinishTime="2030:01:02:03:00",
        authenticationString="1234",
    )
    assert answer["return"] == uuid_of(world.cluster.phones[name].pkid)
    axl.applyPhone(name=name)
    assert world.applied == [name]
    assert world.cluster.phones[name].capf.operation == "Install/Upgrade"


def test_zeep_reads_changes(axl: Any, world: HandMadeWorld) -> None:  # noqa: ANN401 - see above
    info = axl.listChange()["queueInfo"]
    assert (info["firstChangeId"], info["nextStartChangeId"]) == (1, 1)
    axl.updatePhone(name=PHONE, description="new")
    start = {"queueId": info["queueId"], "_value_1": info["nextStartChangeId"]}
    (change,) = axl.listChange(startChangeId=start, objectList=[{"object": ["Phone"]}])["changes"]["change"]
    assert (change["type"], change["action"], change["uuid"]) == (
        "Phone",
        "u",
        uuid_of(world.cluster.phones[PHONE].pkid),
    )
    world.cluster.changes.restart()
    with pytest.raises(zeep.exceptions.Fault):
        axl.listChange(startChangeId=start)


def test_zeep_sees_faults(axl: Any, world: HandMadeWorld) -> None:  # noqa: ANN401 - see above
    with pytest.raises(zeep.exceptions.Fault, match="SEPFFF was not found") as caught:
        axl.getPhone(name="SEPFFF")
    assert caught.value.code == "soapenv:Server"
    assert caught.value.detail.findtext("axlError/axlcode") == "5007"
    world.faults.axl_row_limit = 700
    with pytest.raises(zeep.exceptions.Fault, match=r"Total rows matched: 1200 rows\. .*: less than 700 rows"):
        axl.listPhone(searchCriteria={"name": "%"}, returnedTags={"name": ""})


def _ris(client: Any, session: requests.Session, address: tuple[str, int, Path], *names: str) -> Any:  # noqa: ANN401
    service = client.create_service(f"{{{RIS}}}RisBinding", f"https://{address[0]}:{address[1]}{RIS_PATH}")
    assert session.auth
    criteria = {
        "MaxReturnedDevices": 1000,
        "DeviceClass": "Phone",
        "Model": 255,
        "Status": "Any",
        "NodeName": "",
        "SelectBy": "Name",
        "SelectItems": {"item": [{"Item": name} for name in names]},
        "Protocol": "Any",
        "DownloadStatus": "Any",
    }
    return service.selectCmDeviceExt(StateInfo="", CmSelectionCriteria=criteria)


@pytest.mark.parametrize("source", ["real", "published"])
def test_zeep_asks_ris(
    server: tuple[str, int, Path], session: requests.Session, world: HandMadeWorld, source: str
) -> None:
    wsdl = str(ris_wsdl()) if source == "real" else f"https://{server[0]}:{server[1]}{RIS_PATH}?wsdl"
    client = zeep.Client(wsdl, transport=zeep.transports.Transport(session=session))
    result = _ris(client, session, server, PHONE, "SEPFFFFFFFFFFFF")["SelectCmDeviceResult"]
    nodes = {node["Name"]: node for node in result["CmNodes"]["item"]}
    assert nodes["lab-pub"]["ReturnCode"] == "NotFound"
    (device,) = nodes["lab-sub1"]["CmDevices"]["item"]
    assert (device["Name"], device["Status"], device["Httpd"]) == (PHONE, "Registered", "Yes")
    assert device["IPAddress"]["item"][0]["IP"] == world.cluster.phones[PHONE].address
    world.faults.ris_per_minute = 1
    with pytest.raises(zeep.exceptions.Fault, match="Exceeded allowed rate for Reatime information") as caught:
        _ris(client, session, server, PHONE)
    assert caught.value.code == "ns1:Server.RateControl"


def test_sessions_over_https(post: Callable[..., requests.Response], session: requests.Session) -> None:
    assert post("getCCMVersion").status_code == 200
    session.auth = None
    assert session.cookies.get("JSESSIONIDSSO")
    assert post("getCCMVersion").status_code == 200
    session.cookies.clear()
    assert post("getCCMVersion").status_code == 401
    session.auth = (READER, PASSWORD)
    assert post("applyPhone", f"<name>{PHONE}</name>").status_code == 500


def test_the_switches_over_https(post: Callable[..., requests.Response], world: HandMadeWorld) -> None:
    world.faults.axl_503_writes = world.faults.html_next = 1
    page = post("getCCMVersion")
    assert (page.status_code, page.headers["content-type"]) == (500, "text/html;charset=utf-8")
    busy = post("applyPhone", f"<name>{PHONE}</name>")
    assert (busy.status_code, world.applied) == (503, [])
    world.faults.axl_memory_fault = 1
    assert "Maximum AXL Memory Allocation Consumed" in post("getCCMVersion").text
    world.faults.axl_row_limit = 9
    everything = f"<searchCriteria><name>%</name></searchCriteria>{tags('name')}"
    assert "less than 9 rows" in post("listPhone", everything).text
    world.faults.axl_row_limit = None
    assert post("listPhone", everything).text.count("<phone ") == 1200


def test_half_an_answer_over_https(post: Callable[..., requests.Response], world: HandMadeWorld) -> None:
    world.faults.truncate_next = 1
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        post("getPhone", f"<name>{PHONE}</name>")
    assert post("getPhone", f"<name>{PHONE}</name>").status_code == 200


def test_a_slow_answer_over_https(post: Callable[..., requests.Response], world: HandMadeWorld) -> None:
    world.faults.slow_seconds = 2.0
    with pytest.raises(requests.exceptions.ReadTimeout):
        post("getCCMVersion", timeout=(5, 0.2))
    world.faults.slow_seconds = 0.0
    assert post("getCCMVersion").status_code == 200
