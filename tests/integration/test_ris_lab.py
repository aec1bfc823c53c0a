"""The RIS client asks the lab over real HTTPS: what it reads, how fast it asks, and what it says of trouble."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris_ports import (
    Httpd,
    RegistrationReader,
    RegistrationStatus,
    ReturnCode,
    RisDevice,
    RisError,
    RisNode,
)
from ctlctl.connectors.secret import Secret
from support.labhttp import NOBODY, make_world
from support.servers import make_identity
from support.soap import check_told, ris_client
from support.soap_lab import Lab, lab_server

PHONES = 2300
ONE = "SEP001100000001"

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with lab_server(make_world(phones=60), tmp_path) as served:
        yield served


def test_where_phones_are(lab: Lab) -> None:
    phones = lab.world.cluster.phones
    phones[ONE].httpd = True
    with ris_client(lab, lab.time) as client:
        reader: RegistrationReader = client
        (batch,) = reader.devices([*phones, "SEPFFFFFFFFFFFF"])
    assert batch.is_complete
    assert batch.asked[-1] == "SEPFFFFFFFFFFFF"
    assert {node.name for node in batch.nodes} == lab.world.cluster.nodes.keys()
    found = {device.name: device for device in batch.devices}
    assert found.keys() == phones.keys()
    there = phones[ONE]
    assert found[ONE] == RisDevice(
        name=ONE,
        node=there.node or "",
        status=RegistrationStatus.REGISTERED,
        status_reason=0,
        changed_at=int(there.status_time),
        httpd=Httpd.YES,
        protocol=there.protocol,
        model=there.kind.enum,
        product=there.kind.enum,
        active_load=there.load,
        download_status="Unknown",
        login_user="",
        description=there.description,
        addresses=(there.address,),
    )


def test_a_large_cluster_is_asked_in_thousands_and_at_a_pace(tmp_path: Path) -> None:
    with lab_server(make_world(phones=PHONES), tmp_path) as lab:
        time = lab.time
        with ris_client(lab, time, calls_per_minute=5.0) as client:
            batches = list(client.devices(iter(lab.world.cluster.phones)))
    assert [len(batch.asked) for batch in batches] == [1000, 1000, 300]
    assert [len(batch.devices) for batch in batches] == [1000, 1000, 300]
    assert all(batch.is_complete for batch in batches)
    # Five a minute: the first at once, then one every twelve seconds.
    assert time.slept == pytest.approx([12.0, 12.0])


def test_no_names_no_call(lab: Lab) -> None:
    with ris_client(lab) as client:
        assert list(client.devices([])) == []
    assert not lab.app.asked


@pytest.mark.parametrize("name", ["", "SEP*", "a\nb", "x" * 130])
def test_what_is_no_name_is_not_sent(lab: Lab, name: str) -> None:
    with ris_client(lab) as client, pytest.raises(RisError) as found:
        list(client.devices([ONE, name]))
    check_told(found.value, ConnectorFault.INVALID, "RIS")
    assert not lab.app.asked


def test_a_node_that_is_down_leaves_the_answer_incomplete(lab: Lab) -> None:
    lab.world.cluster.nodes["lab-sub1"].up = False
    with ris_client(lab, lab.time) as client:
        (batch,) = client.devices(lab.world.cluster.phones)
    assert batch.failed_nodes == (RisNode("lab-sub1", ReturnCode.NODE_NOT_RESPONDING),)
    assert not batch.is_complete
    assert batch.devices


def test_a_rate_that_others_use_up_is_waited_for(lab: Lab) -> None:
    time = lab.time
    lab.world.faults.ris_per_minute = 2
    with ris_client(lab, time, calls_per_minute=15.0) as client:
        for _ in range(5):
            assert list(client.devices([ONE]))
    # Half a minute each time: the node counts the calls of the last minute.
    assert 30.0 in time.slept
    assert time.now - 1000.0 >= 120.0


def test_a_rate_that_stays_used_up_is_given_up(lab: Lab) -> None:
    lab.world.faults.ris_per_minute = 0
    for patience, waited in ((0.0, "after 0 seconds"), (70.0, "after 60 seconds")):
        time = lab.time
        with ris_client(lab, time, max_wait_seconds=patience) as client, pytest.raises(RisError) as found:
            list(client.devices([ONE]))
        check_told(found.value, ConnectorFault.THROTTLED, "RIS")
        assert "Exceeded allowed rate" in found.value.detail
        assert waited in found.value.detail
        assert sum(time.slept) <= patience + 12.0


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
    lab: Lab, switch: str, value: float, seconds: float, faults: set[ConnectorFault]
) -> None:
    setattr(lab.world.faults, switch, value)
    with ris_client(lab, timeout_seconds=seconds) as client, pytest.raises(RisError) as found:
        list(client.devices([ONE]))
    assert found.value.fault in faults
    check_told(found.value, found.value.fault, "RIS")


def test_who_asks(lab: Lab) -> None:
    with ris_client(lab, username=NOBODY) as client, pytest.raises(RisError) as found:
        list(client.devices([ONE]))
    check_told(found.value, ConnectorFault.RIGHTS, "RIS")
    with ris_client(lab, password=Secret("not the password")) as client:
        for _ in range(2):
            with pytest.raises(RisError) as found:
                list(client.devices([ONE]))
            check_told(found.value, ConnectorFault.CREDENTIALS, "RIS", "not the password")
    assert len(lab.app.asked) == 2


def test_a_certificate_that_is_not_the_pinned_one(lab: Lab, tmp_path: Path) -> None:
    other = make_identity(tmp_path / "other").fingerprint
    with ris_client(lab, tls=TlsTrust(sha256_pin=other)) as client, pytest.raises(RisError) as found:
        list(client.devices([ONE]))
    check_told(found.value, ConnectorFault.TLS, "RIS")
    assert not lab.app.asked
