"""The AXL client reads everything there is from the lab, over real HTTPS."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest

from ctlctl.connectors import axl_sql
from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    CertificateStatus,
    ChangeAction,
    ChangeKind,
    DeviceSecurityMode,
    NodeRole,
    NodeUsage,
    TransportType,
)
from ctlctl.connectors.axl_ports import AxlError, AxlReader, AxlWriter, SchemaVersion
from ctlctl.connectors.axl_values import (
    CLUSTER_WIDE_NODE,
    ENTERPRISE_SERVICE,
    AxlVersion,
    CapfProfileChange,
    CapfUserKind,
    ChangeBatch,
    ChangeCursor,
    LscColumn,
    Phone,
    PhoneChange,
    ResyncNeeded,
    SecurityMode,
    unknown_words,
)
from ctlctl.connectors.errors import ConnectorFault
from ctlctl_lab import model
from ctlctl_lab.soap import sql_tables
from ctlctl_lab.soap.certdb import known_certificates
from support.labhttp import make_world
from support.soap import axl_client
from support.soap_lab import Lab, lab_server

PHONES = 60
NOT_INSTALLED = "SEP001100000002"
FINISH = datetime(2030, 1, 2, 3, 4)  # noqa: DTZ001 - the cluster's own time zone


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with lab_server(make_world(phones=PHONES, version="14.0.1.12900-161"), tmp_path) as served:
        yield served


def as_the_cluster_has_it(lab: Lab, phone: model.Phone) -> Phone:
    profile = lab.world.cluster.profiles[phone.profile]
    return Phone(
        pkid=phone.pkid,
        name=phone.name,
        description=phone.description,
        model=phone.model,
        product=phone.model,
        protocol=phone.protocol,
        device_pool=phone.device_pool,
        security_profile=profile.name,
        security_mode=DeviceSecurityMode(profile.device_security_mode),
        authentication_mode=AuthenticationMode(profile.authentication_mode),
        capf_operation=CertificateOperation(phone.capf.operation),
        capf_status=CertificateStatus(phone.capf.certificate_status),
        capf_finish_time=phone.capf.finish_time,
        lsc_valid_until=phone.lsc_valid_until or None,
        lsc_issuer=phone.lsc_issuer_name,
        lsc_issuer_valid_until=phone.lsc_issuer_valid_until or None,
    )


def everything(lab: Lab) -> list[Phone]:
    return [as_the_cluster_has_it(lab, phone) for phone in lab.world.cluster.phones.values()]


@pytest.mark.parametrize("page_size", [7, 20, PHONES, 1000])
def test_every_phone_is_read_whatever_the_page(lab: Lab, page_size: int) -> None:
    with axl_client(lab, page_size=page_size) as client:
        found = list(client.phones())
    assert found == everything(lab)
    assert not any(unknown_words(phone) for phone in found)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 59])
def test_pages_shrink_until_the_cluster_gives_them(lab: Lab, limit: int) -> None:
    lab.world.faults.axl_row_limit = limit
    with axl_client(lab) as client:
        assert list(client.phones()) == everything(lab)
        asked = len(lab.app.asked)
        assert list(client.phone_names()) == list(lab.world.cluster.phones)
        # What was learnt once is not tried again.
        assert len(lab.app.asked) - asked <= PHONES // max(1, int(limit * 0.7)) + 1


def test_some_phones_are_read_with_their_lscs(lab: Lab) -> None:
    profile = next(phone.profile for phone in lab.world.cluster.phones.values())
    with axl_client(lab) as client:
        some = list(client.phones("SEP00110000000%"))
        of_profile = list(client.phones(security_profile=profile))
        assert list(client.phones("nothing%")) == []
    assert some == everything(lab)[:16]
    assert of_profile == [phone for phone in everything(lab) if phone.security_profile == profile]


def test_wildcards_in_the_name_of_a_profile_are_no_wildcards(lab: Lab) -> None:
    with axl_client(lab) as client:
        assert list(client.phones(security_profile="%")) == []


def test_one_phone_is_read_as_in_the_list(lab: Lab) -> None:
    with axl_client(lab) as client:
        for phone in everything(lab)[:8]:
            assert client.phone(phone.name) == phone
        with pytest.raises(AxlError) as caught:
            client.phone("SEPFFFFFFFFFFFF")
    assert caught.value.fault is ConnectorFault.NO_SUCH_ITEM
    assert caught.value.code == 5007
    assert "SEPFFFFFFFFFFFF" in caught.value.detail


def test_names_alone_cost_one_request_a_page(lab: Lab) -> None:
    with axl_client(lab, page_size=25) as client:
        names = client.phone_names()
        assert next(names) == "SEP001100000000"
        assert lab.app.operations == ["getCCMVersion", "listPhone"]
        assert [*names][-1] == "SEP00110000003B"
        assert lab.app.operations == ["getCCMVersion", *["listPhone"] * 3]


@pytest.mark.parametrize("missing", [{LscColumn.ISSUER_NAME}, set(LscColumn)])
def test_columns_that_are_not_there_are_found_out_once_and_unknown(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, missing: set[LscColumn]
) -> None:
    whole = sql_tables._TABLES["device"]

    def device(cluster: model.Cluster) -> sql_tables.Table:
        made = whole(cluster)
        return sql_tables.Table({name: get for name, get in made.columns.items() if name not in missing}, made.rows)

    monkeypatch.setitem(sql_tables._TABLES, "device", device)
    with axl_client(lab) as client:
        assert client.lsc_columns() == set(LscColumn) - missing
        found = list(client.phones())
        sent = len(lab.app.asked)
        assert client.lsc_columns() == set(LscColumn) - missing
        assert len(lab.app.asked) == sent
        assert client.phone(found[4].name) == found[4]
    assert {phone.lsc_issuer for phone in found} == {None}
    known = any(phone.lsc_valid_until for phone in found)
    assert known is (LscColumn.VALID_UNTIL not in missing)


def test_rows_that_come_and_go_move_no_others(lab: Lab) -> None:
    """SKIP would miss a row for each one that is deleted from the pages before."""
    phones = lab.world.cluster.phones
    in_order = sorted(phones.values(), key=lambda phone: phone.pkid)
    with axl_client(lab, page_size=10) as client:
        rows = client._session.rows(axl_sql.lsc_of_phones(tuple(LscColumn), "%"))
        found = [next(rows)["pkid"] for _ in range(10)]
        for gone in in_order[:7]:
            with lab.world.cluster.lock:
                del phones[gone.name]
        found += [row["pkid"] for row in rows]
    assert found == [phone.pkid for phone in in_order]


def test_profiles(lab: Lab) -> None:
    cluster = lab.world.cluster
    with axl_client(lab, page_size=5) as client:
        found = {profile.name: profile for profile in client.security_profiles()}
        assert found.keys() == cluster.profiles.keys()
        for name, profile in found.items():
            there = cluster.profiles[name]
            assert profile.security_mode is DeviceSecurityMode(there.device_security_mode)
            assert profile.authentication_mode is AuthenticationMode(there.authentication_mode)
            # SCCP has none to choose.
            assert profile.transport is (TransportType(there.transport_type) if there.protocol == "SIP" else None)
            assert (profile.pkid, profile.phone_type, profile.protocol) == (
                there.pkid,
                there.phone_type,
                there.protocol,
            )
            assert profile.encrypted_config is there.tftp_encrypted_config
            assert profile.oauth is there.oauth
            assert not unknown_words(profile)
        name = next(iter(found))
        assert client.security_profile(name) == found[name]


def test_capf_profiles_of_both_kinds_of_user(lab: Lab) -> None:
    with axl_client(lab) as client:
        (one,) = client.capf_profiles(CapfUserKind.APPLICATION_USER)
        (two,) = client.capf_profiles(CapfUserKind.END_USER)
        assert client.capf_profile(CapfUserKind.APPLICATION_USER, one.pkid) == one
        assert client.capf_profile(CapfUserKind.END_USER, two.pkid.upper()) == two
    assert (one.user, one.instance_id, one.operation) == ("cti-app", "one", CertificateOperation.NONE)
    assert (two.user, two.instance_id, two.operation) == ("jdoe", "two", CertificateOperation.INSTALL)
    assert (two.status, two.finish_time) == (CertificateStatus.PENDING, "2030:01:02:03:04")


def test_nodes_and_services(lab: Lab) -> None:
    cluster = lab.world.cluster
    with axl_client(lab) as client:
        nodes = client.nodes()
        services = client.services()
        assert {one.node for one in client.services("lab-sub%")} == {"lab-sub1"}
    assert [(node.name, node.usage, node.role) for node in nodes] == [
        ("lab-pub", NodeUsage.PUBLISHER, NodeRole.VOICE),
        ("lab-sub1", NodeUsage.SUBSCRIBER, NodeRole.VOICE),
    ]
    assert {one.node for one in services} == cluster.nodes.keys()
    for name, node in cluster.nodes.items():
        assert {one.service for one in services if one.node == name and one.is_active} == node.services


def test_groups_pools_srst_trunks_and_gateways(lab: Lab) -> None:
    with axl_client(lab) as client:
        assert {one.node for one in client.callmanagers()} == {"lab-pub", "lab-sub1"}
        (group,) = client.callmanager_groups()
        assert (group.name, len(group.members)) == ("Default", 2)
        (pool,) = client.device_pools()
        assert (pool.name, pool.callmanager_group) == ("Default", "Default")
        (srst,) = client.srsts()
        assert (srst.name, srst.address, srst.is_secure, srst.certificate_port) == ("branch", "127.0.9.1", True, 2445)
        (trunk,) = client.sip_trunks()
        assert (trunk.name, trunk.description, trunk.device_pool) == ("trunk", "to the PSTN", "Default")
        (gateway,) = client.gateways()
        assert (gateway.name, gateway.product, gateway.protocol) == ("vg", "VG310", "SCCP")


def test_parameters_and_the_security_mode(lab: Lab) -> None:
    cluster = lab.world.cluster
    with axl_client(lab) as client:
        found = {(one.node, one.service, one.name): one.value for one in client.parameters()}
        assert found == cluster.service_parameters
        assert {one.service for one in client.parameters(service_like="Enterprise%")} == {ENTERPRISE_SERVICE}
        assert client.parameter("lab-pub", "Cisco CallManager", "CdrEnabled").value == "T"
        assert (client.security().mode, client.security().text) == (SecurityMode.MIXED, "1")
        known = client.parameter_map()
        assert known.mapped.keys() == {"Cluster Security Mode", "Prepare Cluster for Rollback to pre 8.0"}
        del cluster.service_parameters[CLUSTER_WIDE_NODE, ENTERPRISE_SERVICE, "ClusterSecurityMode"]
        assert client.security().mode is None


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_certificates_of_every_store(lab: Lab, page_size: int) -> None:
    expected = {
        (known.subject, known.serial, store, known.pem)
        for known in known_certificates(lab.world.cluster)
        for store in known.services
    }
    with axl_client(lab, page_size=page_size) as client:
        found = list(client.certificates())
        tvs = list(client.tvs_certificates())
        assert client.tvs_certificate(tvs[0].pkid).services
    assert {(one.subject, one.serial, one.store, one.pem) for one in found} == expected
    assert len(found) == len(expected) > 4
    assert {one.subject for one in tvs} == {one.subject for one in found}


def test_changes_are_followed_and_a_lost_queue_is_noticed(lab: Lab) -> None:
    cluster = lab.world.cluster
    with axl_client(lab, lab.time) as client:
        start = client.changes()
        assert isinstance(start, ChangeBatch)
        assert not start.changes
        client.update_phone(NOT_INSTALLED, PhoneChange(operation=CertificateOperation.INSTALL))
        pkid = cluster.end_user_profiles["two"].pkid
        client.update_capf_profile(CapfUserKind.END_USER, pkid, CapfProfileChange(finish_by=FINISH))
        news = client.changes(start.cursor)
        assert isinstance(news, ChangeBatch)
        assert [(one.kind, one.action, one.pkid) for one in news.changes] == [
            (ChangeKind.PHONE, ChangeAction.UPDATED, cluster.phones[NOT_INSTALLED].pkid),
            (ChangeKind.END_USER_CAPF_PROFILE, ChangeAction.UPDATED, pkid),
        ]
        only = client.changes(start.cursor, [ChangeKind.PHONE])
        assert isinstance(only, ChangeBatch)
        assert [one.kind for one in only.changes] == [ChangeKind.PHONE]
        again = client.changes(news.cursor)
        assert isinstance(again, ChangeBatch)
        assert not again.changes
        cluster.changes = model.ChangeQueue("another")
        lost = client.changes(news.cursor)
        assert isinstance(lost, ResyncNeeded)
        with pytest.raises(AxlError) as caught:
            client.changes(ChangeCursor("a\nb", 1))
        assert caught.value.fault is ConnectorFault.INVALID


@pytest.mark.parametrize(
    ("cluster_version", "schema"),
    [
        ("15.0.1.13901-2", "14.0"),
        ("14.0.1.12900-161", "14.0"),
        ("12.5.1.11900-146", "12.5"),
        ("12.0.1.10000-10", "11.5"),
        ("11.5.1.12900-21", "11.5"),
    ],
)
def test_the_newest_version_that_both_speak_is_agreed_on(
    tmp_path: Path, cluster_version: str, schema: SchemaVersion
) -> None:
    with lab_server(make_world(version=cluster_version), tmp_path) as lab, axl_client(lab) as client:
        assert client.version() == AxlVersion(schema, cluster_version)
        sent = len(lab.app.asked)
        assert client.version().schema == schema
        assert len(lab.app.asked) == sent
        found = list(client.phones())
        assert found == everything(lab)
        assert all(asdict(one)["oauth"] is None for one in client.security_profiles()) is (schema == "11.5")


def test_an_upgraded_cluster_is_asked_anew(lab: Lab) -> None:
    cluster = lab.world.cluster
    cluster.version = "11.5.1.12900-21"
    with axl_client(lab) as client:
        assert client.version().schema == "11.5"
        assert client.lsc_columns()
        cluster.version = "15.0.1.13901-2"
        with pytest.raises(AxlError) as caught:
            client.nodes()
        assert caught.value.fault is ConnectorFault.VERSION
        assert len(client.nodes()) == 2
        assert client.version() == AxlVersion("14.0", "15.0.1.13901-2")
        before = lab.app.operations.count("executeSQLQuery")
        assert client.lsc_columns()
        assert lab.app.operations.count("executeSQLQuery") == before + 1


def test_the_client_is_both_ports(lab: Lab) -> None:
    with axl_client(lab) as client:
        reader: AxlReader = client
        writer: AxlWriter = client
        assert {id(reader), id(writer)} == {id(client)}
