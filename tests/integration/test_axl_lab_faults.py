"""What the AXL client says of everything that the lab can be told to do wrong, and that it never waits for ever.

Waits go by a clock that the lab shares, so they take no time here.
"""

import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pytest

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_enums import AuthenticationMode, CertificateOperation, DeviceSecurityMode, TransportType
from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.axl_values import (
    CapfProfileChange,
    CapfUserKind,
    NewCapfProfile,
    PhoneChange,
    SecurityProfileChange,
)
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret
from ctlctl_lab import model
from ctlctl_lab.faults import Faults
from support.labhttp import ADMIN, NOBODY, READER, make_world
from support.servers import make_identity
from support.soap import axl_client, axl_settings, check_told
from support.soap_lab import Lab, lab_server

PHONE = "SEP001100000002"
STRING = "8642097531"
FINISH = datetime(2030, 1, 2, 3, 4)  # noqa: DTZ001 - the cluster's own time zone
INSTALL = PhoneChange(operation=CertificateOperation.INSTALL, finish_by=FINISH, authentication_string=Secret(STRING))
# Seconds that a request may take in a test of time-outs; the lab takes longer then.
SHORT = 3.0

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with lab_server(make_world(phones=24, version="14.0.1.12900-161"), tmp_path) as served:
        yield served


@pytest.fixture
def client(lab: Lab) -> Iterator[AxlClient]:
    """A client that has agreed on a version and knows the parameters."""
    with axl_client(lab, lab.time) as made:
        made.parameter_map()
        lab.app.asked.clear()
        yield made


def caught(use: Callable[[], object], fault: ConnectorFault) -> AxlError:
    with pytest.raises(AxlError) as found:
        use()
    check_told(found.value, fault, "AXL", STRING)
    return found.value


def phone(lab: Lab) -> model.Phone:
    return lab.world.cluster.phones[PHONE]


# Busy.


def test_a_write_waits_while_the_node_is_busy_and_then_slows_down(lab: Lab) -> None:
    time = lab.time
    with axl_client(lab, time) as client:
        client.version()
        lab.world.faults.axl_503_writes = 3
        client.update_phone(PHONE, INSTALL)
        assert lab.app.operations == ["getCCMVersion", *["updatePhone"] * 4]
        # The waits of the guide, no more; between them the pace of 1 a second has its turns anyway.
        assert time.slept == [5.0, 10.0, 20.0]
        assert phone(lab).capf.operation == "Install/Upgrade"
        before = time.now
        for _ in range(4):
            client.apply_phone(PHONE)
        # 1/s halved three times, and a little more for each that went well.
        assert time.now - before > 4.0
        assert lab.world.applied == [PHONE] * 4


def test_a_node_that_stays_busy_is_given_up(lab: Lab) -> None:
    time = lab.time
    lab.world.faults.axl_503_writes = 1000
    with axl_client(lab, time, max_wait_seconds=100.0) as client:
        error = caught(lambda: client.reset_phone(PHONE), ConnectorFault.THROTTLED)
    assert "HTTP status 503" in error.detail
    assert "after 75 seconds of waiting" in error.detail
    assert sum(time.slept) < 110
    assert not lab.world.restarted


def test_writes_begin_at_one_a_second_and_grow_to_the_ceiling(lab: Lab) -> None:
    time = lab.time
    with axl_client(lab, time, writes_per_second=5.0) as client:
        client.version()
        start = time.now
        client.apply_phone(PHONE)
        client.apply_phone(PHONE)
        assert time.now - start == pytest.approx(1.0, abs=0.15)
        for _ in range(60):
            client.apply_phone(PHONE)
        before = time.now
        for _ in range(10):
            client.apply_phone(PHONE)
        assert time.now - before == pytest.approx(2.0)
    assert len(lab.world.applied) == 72


def test_reads_wait_for_memory(lab: Lab, client: AxlClient) -> None:
    lab.world.faults.axl_memory_fault = 2
    assert len(client.nodes()) == 2
    assert lab.app.operations == ["listProcessNode"] * 3


def test_memory_that_never_comes_is_given_up(lab: Lab) -> None:
    time = lab.time
    lab.world.faults.axl_memory_fault = 1000
    with axl_client(lab, time, max_wait_seconds=0) as client:
        error = caught(client.nodes, ConnectorFault.THROTTLED)
    assert "Maximum AXL Memory Allocation Consumed" in error.detail
    assert error.code is None
    assert time.slept == []


# Broken answers.


@pytest.mark.parametrize(
    ("switch", "faults", "words"),
    [
        ("html_next", {ConnectorFault.SERVER_ERROR}, "HTTP status 500 without a SOAP fault"),
        # It depends on how the server's TLS ends whether the connection broke or the answer did.
        ("truncate_next", {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}, "answer"),
    ],
)
def test_a_read_with_a_broken_answer_is_an_error_and_the_next_one_works(
    lab: Lab, client: AxlClient, switch: str, faults: set[ConnectorFault], words: str
) -> None:
    setattr(lab.world.faults, switch, 1)
    with pytest.raises(AxlError, match=words) as found:
        client.nodes()
    assert found.value.fault in faults
    check_told(found.value, found.value.fault, "AXL")
    assert len(client.nodes()) == 2


@pytest.mark.parametrize("switch", ["html_next", "truncate_next"])
@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.update_phone(PHONE, INSTALL),
        lambda client: client.apply_phone(PHONE),
        lambda client: client.update_parameter("Prepare Cluster for Rollback to pre 8.0", "T"),
        lambda client: client.add_capf_profile(
            CapfUserKind.APPLICATION_USER, NewCapfProfile(user="cti-app", instance_id="three")
        ),
    ],
)
def test_a_write_with_a_broken_answer_is_uncertain_and_never_repeated(
    lab: Lab, client: AxlClient, switch: str, write: Callable[[AxlClient], object]
) -> None:
    setattr(lab.world.faults, switch, 1)
    error = caught(lambda: write(client), ConnectorFault.UNCERTAIN)
    (operation,) = lab.app.operations
    assert f"{operation} was sent" in error.detail
    assert "Read the item again" in error.advice


def test_a_slow_answer_runs_out_of_time(lab: Lab) -> None:
    with axl_client(lab, timeout_seconds=SHORT) as client:
        client.version()
        lab.world.faults.slow_seconds = 3 * SHORT
        error = caught(client.nodes, ConnectorFault.TIMEOUT)
        assert f"({SHORT:g} seconds)" in error.detail
        assert "uncertain" not in error.detail
        unsure = caught(lambda: client.apply_phone(PHONE), ConnectorFault.UNCERTAIN)
        assert "the time allowed" in unsure.detail


# Who asks.


def test_a_wrong_password_is_sent_once(lab: Lab) -> None:
    wrong = "not the password"
    with axl_client(lab, password=Secret(wrong)) as client:
        for use in (client.version, client.nodes, lambda: client.apply_phone(PHONE)):
            with pytest.raises(AxlError) as found:
                use()
            check_told(found.value, ConnectorFault.CREDENTIALS, "AXL", wrong)
            assert "CUCM locks accounts" in found.value.advice
    assert len(lab.app.asked) == 1


def test_a_user_without_roles(lab: Lab) -> None:
    with axl_client(lab, username=NOBODY) as client:
        error = caught(client.version, ConnectorFault.RIGHTS)
    assert NOBODY in error.detail
    assert "roles" in error.advice


def test_a_user_who_may_only_read(lab: Lab) -> None:
    with axl_client(lab, username=READER) as client:
        assert len(client.nodes()) == 2
        error = caught(lambda: client.apply_phone(PHONE), ConnectorFault.RIGHTS)
    assert error.code == 5003
    assert not lab.world.applied


def test_one_login_serves_until_the_session_is_idle_too_long(lab: Lab, client: AxlClient) -> None:
    time = lab.time
    for pause in (0.0, 60.0, 31 * 60.0, 60.0):
        time.sleep(pause)
        client.nodes()
    said = [("authorization" in headers, "cookie" in headers) for _, headers in lab.app.asked]
    # The answer to the third was 404, so it was sent again with the password.
    assert said == [(False, True), (False, True), (False, True), (True, False), (False, True)]


def test_a_write_goes_on_after_the_session_has_ended(lab: Lab, client: AxlClient) -> None:
    lab.app.access.forget()
    client.apply_phone(PHONE)
    assert lab.world.applied == [PHONE]


def test_a_password_that_changes_meanwhile_is_noticed(lab: Lab, client: AxlClient) -> None:
    lab.world.cluster.accounts[ADMIN] = model.Account("another one", frozenset())
    lab.app.access.forget()
    caught(client.nodes, ConnectorFault.CREDENTIALS)
    caught(client.nodes, ConnectorFault.CREDENTIALS)
    assert len(lab.app.asked) == 2


# Which node, which version.


def test_a_certificate_that_is_not_the_pinned_one(lab: Lab, tmp_path: Path) -> None:
    other = make_identity(tmp_path / "other").fingerprint
    with axl_client(lab, tls=TlsTrust(sha256_pin=other)) as client:
        error = caught(client.version, ConnectorFault.TLS)
    assert lab.pin.hex(":").upper() in error.detail
    assert "tls_pin" in error.advice
    assert not lab.app.asked


def test_a_certificate_that_nobody_vouches_for(lab: Lab) -> None:
    with axl_client(lab, tls=TlsTrust()) as client:
        error = caught(client.version, ConnectorFault.TLS)
    assert lab.pin.hex(":").upper() in error.detail
    assert not lab.app.asked


def test_a_node_that_is_down(lab: Lab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with axl_client(lab, port=taken.getsockname()[1]) as client:
            error = caught(client.version, ConnectorFault.UNREACHABLE)
    assert "refused" in error.detail


def test_a_name_that_can_be_none_and_one_that_nobody_knows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AxlError) as found:
        AxlClient(axl_settings(lab, host="no such host"))
    assert found.value.fault is ConnectorFault.INVALID

    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with axl_client(lab, host="cucm.example") as client:
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(AxlError, match="Name or service not known") as found:
            client.version()
    assert found.value.fault is ConnectorFault.UNRESOLVED


@pytest.mark.parametrize("version", ["14.0", "12.5", "11.5"])
def test_a_version_that_is_not_served(lab: Lab, version: str) -> None:
    lab.world.cluster.version = "11.0.1.10000-10"
    with axl_client(lab, version=version) as client:
        error = caught(client.version, ConnectorFault.VERSION)
    assert f"AXL {version} was offered" in error.detail
    assert "it serves 11.x" in error.detail
    assert "HTTP status 599" in error.detail


def test_no_version_is_served(lab: Lab) -> None:
    lab.world.cluster.version = "11.0.1.10000-10"
    with axl_client(lab) as client:
        error = caught(client.version, ConnectorFault.VERSION)
    assert "AXL 14.0, 12.5, 11.5 was offered" in error.detail
    assert lab.app.operations == ["getCCMVersion"] * 3


# What is asked.


def test_what_is_not_there(client: AxlClient) -> None:
    for use in (
        lambda: client.phone("SEPFFFFFFFFFFFF"),
        lambda: client.security_profile("nothing"),
        lambda: client.capf_profile(CapfUserKind.END_USER, "00000000-0000-0000-0000-000000000000"),
        lambda: client.parameter("lab-pub", "Cisco CallManager", "Nothing"),
        lambda: client.update_phone("SEPFFFFFFFFFFFF", INSTALL),
    ):
        caught(use, ConnectorFault.NO_SUCH_ITEM)


def test_what_is_there_already(client: AxlClient) -> None:
    profile = NewCapfProfile(user="cti-app", instance_id="one")
    error = caught(lambda: client.add_capf_profile(CapfUserKind.APPLICATION_USER, profile), ConnectorFault.DUPLICATE)
    assert error.code == -239


def test_everything_that_can_be_changed_arrives(lab: Lab, client: AxlClient) -> None:
    cluster = lab.world.cluster
    client.update_phone(PHONE, INSTALL)
    capf = phone(lab).capf
    assert (capf.operation, capf.finish_time) == ("Install/Upgrade", "2030:01:02:03:04")
    assert capf.authentication_string == STRING
    client.apply_phone(PHONE)
    client.reset_phone(PHONE)
    assert (lab.world.applied, lab.world.restarted) == ([PHONE], [PHONE])
    name = next(one.name for one in cluster.profiles.values() if one.protocol == "SIP")
    client.update_security_profile(
        name,
        SecurityProfileChange(
            authentication_mode=AuthenticationMode.LSC,
            security_mode=DeviceSecurityMode.AUTHENTICATED,
            transport=TransportType.TLS,
            encrypted_config=True,
        ),
    )
    profile = cluster.profiles[name]
    assert profile.authentication_mode == "By Existing Certificate (precedence to LSC)"
    assert (profile.device_security_mode, profile.tftp_encrypted_config) == ("Authenticated", True)
    lab.world.applied.clear()
    client.apply_security_profile(name)
    assert lab.world.applied == [one.name for one in cluster.phones.values() if one.profile == name]
    for kind, there in (
        (CapfUserKind.APPLICATION_USER, cluster.application_user_profiles),
        (CapfUserKind.END_USER, cluster.end_user_profiles),
    ):
        user = "cti-app" if kind is CapfUserKind.APPLICATION_USER else "jdoe"
        key = client.add_capf_profile(kind, NewCapfProfile(user=user, instance_id="new"))
        assert there["new"].pkid == key
        change = CapfProfileChange(operation=CertificateOperation.INSTALL, finish_by=FINISH)
        client.update_capf_profile(kind, key, change)
        assert there["new"].capf.operation == "Install/Upgrade"
        client.remove_capf_profile(kind, key)
        assert "new" not in there


# Parameters.


def test_a_label_that_is_mapped_is_written_and_no_other(lab: Lab, client: AxlClient) -> None:
    values = lab.world.cluster.service_parameters
    before = dict(values)
    label = "Prepare Cluster for Rollback to pre 8.0"
    for name, value, fault in (
        ("TFTP File Signature Algorithm", "1", ConnectorFault.UNSUPPORTED),
        ("URI Lookup Policy", "1", ConnectorFault.UNSUPPORTED),
        ("RollBackToPreGrayback", "T", ConnectorFault.UNSUPPORTED),
        ("Cluster Security Mode", "0", ConnectorFault.INVALID),
        (label, "true", ConnectorFault.INVALID),
        (label, "T\n", ConnectorFault.INVALID),
    ):
        caught(lambda name=name, value=value: client.update_parameter(name, value), fault)  # type: ignore[misc]
    assert values == before
    assert not lab.app.asked
    client.update_parameter(label, "T")
    assert values == before | {("EnterpriseWideData", "Enterprise Wide", "RollBackToPreGrayback"): "T"}


def test_a_name_that_was_verified_on_the_cluster_can_be_written_on_each_node(lab: Lab) -> None:
    values = lab.world.cluster.service_parameters
    for node in ("lab-pub", "lab-sub1"):
        values[node, "Cisco CallManager", "BibName"] = "0"
    with axl_client(lab, parameter_names={"Builtin Bridge Enable": "BibName"}) as client:
        error = caught(lambda: client.update_parameter("Builtin Bridge Enable", "1"), ConnectorFault.INVALID)
        assert "one of lab-pub, lab-sub1" in error.detail
        client.update_parameter("Builtin Bridge Enable", "1", node="lab-sub1")
    assert values["lab-pub", "Cisco CallManager", "BibName"] == "0"
    assert values["lab-sub1", "Cisco CallManager", "BibName"] == "1"


def test_every_soap_switch_of_the_lab_is_used_here() -> None:
    """A new switch needs a test; those of other interfaces are tested there."""
    elsewhere = {"ris_per_minute", "tftp_loss", "tftp_stall", "swapped", "expired", "refused", "clock_offset"}
    # Console, nodes and TVS: test_lab_ssh, test_lab_screens, test_platform_cli_lab, test_scenarios.
    elsewhere |= {name for name in Faults.__slots__ if name.startswith("ssh_")}
    elsewhere |= {"service_stuck", "replication", "ntp", "backup_age", "tvs_forgets"}
    # CAPF: test_lab_capf, test_rollout_trouble.
    elsewhere |= {name for name in Faults.__slots__ if name.startswith("capf_")} | {"phones_slow", "phones_offline"}
    here = {"axl_503_writes", "axl_row_limit", "axl_memory_fault", "truncate_next", "html_next", "slow_seconds"}
    assert set(Faults.__slots__) == here | elsewhere
