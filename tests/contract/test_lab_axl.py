"""Every AXL answer of the lab against the real schemas of 11.5 and 12.5."""

import pytest
from lxml import etree

from ctlctl_lab.soap.axl_catalogue import KINDS
from ctlctl_lab.soap.axl_kinds import AnyKind
from support.labhttp import READER, Lab, axl_schema, check_axl, make_world, tags, uuid_of

VERSIONS = ["11.5", "12.5"]
BY_NAME = {kind.name: kind for kind in KINDS}
PHONE = "SEP001100000003"
CERTIFICATES = """
select c.servername, tcs.name as store, td.moniker, c.certificate from certificate c
 join certificateservicecertificatemap m on m.fkcertificate = c.pkid
 join typecertificateservice tcs on tcs.enum = m.tkcertificateservice
 join typecertificatedistribution td on td.enum = c.tkcertificatedistribution
"""
NEW_PROFILE = """
<applicationUserCapfProfile><applicationUser>cti-app</applicationUser><instanceId>three</instanceId>
<certificateOperation>Install/Upgrade</certificateOperation>
<authenticationMode>By Authentication String</authenticationMode><authenticationString>1234</authenticationString>
<keySize>2048</keySize></applicationUserCapfProfile>
"""
NEW_VALUE = """
<processNodeName>lab-pub</processNodeName><name>CdrEnabled</name><service>Cisco CallManager</service><value>F</value>
"""
SQL_UPDATE = "update device set tkcertificatestatus=2, tkCertificateOperation=2 where name='SEP001100000003'"
QUERIES = [
    "select * from device",
    "select count(*) from device where lscvaliduntil = 0",
    "select name from device where name = 'nobody'",
    CERTIFICATES,
    "select nothing from device",
    "no sql at all",
]


@pytest.fixture(params=VERSIONS)
def lab(request: pytest.FixtureRequest) -> Lab:
    version = str(request.param)
    return Lab(make_world(version=f"{version}.1.10000-22"), version=version)


def listed(lab: Lab, kind: AnyKind) -> list[str]:
    numbers = tuple(int(part) for part in lab.version.split("."))
    return [field.name for field in kind.fields if field.listed and field.since <= numbers]


@pytest.mark.parametrize("name", BY_NAME)
def test_lists_with_every_element_follow_the_schema(lab: Lab, name: str) -> None:
    kind = BY_NAME[name]
    criterion = next(iter(kind.criteria))
    reply = lab.axl(
        f"list{name}", f"<searchCriteria><{criterion}>%</{criterion}></searchCriteria>" + tags(*listed(lab, kind))
    )
    assert reply.status == 200
    assert len(reply.operation.findall("return/*")) == len(kind.items(lab.cluster))
    check_axl(reply, lab.version)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_empty_list_follows_the_schema(lab: Lab, name: str) -> None:
    criterion = next(iter(BY_NAME[name].criteria))
    reply = lab.axl(f"list{name}", f"<searchCriteria><{criterion}>nothing</{criterion}></searchCriteria>" + tags())
    assert b"<return/>" in reply.body
    check_axl(reply, lab.version)


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"ProcessNodeService"}))
def test_single_items_follow_the_schema(lab: Lab, name: str) -> None:
    kind = BY_NAME[name]
    item = kind.items(lab.cluster)[0]
    reply = lab.axl(f"get{name}", f"<uuid>{uuid_of(kind.pkid(item))}</uuid>")
    assert reply.status == 200
    check_axl(reply, lab.version)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_not_there_is_a_fault_of_the_schema(lab: Lab, name: str) -> None:
    reply = lab.axl(f"get{name}", "<uuid>{00000000-0000-0000-0000-000000000000}</uuid>")
    assert reply.fault[0] == 5007
    check_axl(reply, lab.version)


@pytest.mark.parametrize("sql", QUERIES)
def test_sql_follows_the_schema(lab: Lab, sql: str) -> None:
    check_axl(lab.axl("executeSQLQuery", f"<sql>{sql}</sql>"), lab.version)


@pytest.mark.parametrize(
    ("operation", "inside"),
    [
        ("getCCMVersion", ""),
        ("getCCMVersion", "<processNodeName>lab-sub1</processNodeName>"),
        ("getCCMVersion", "<processNodeName>no such node</processNodeName>"),
        ("listChange", ""),
        ("updatePhone", f"<name>{PHONE}</name><description>new</description>"),
        ("updatePhone", "<name>SEP000000000000</name><description>new</description>"),
        ("applyPhone", f"<name>{PHONE}</name>"),
        ("resetPhone", f"<name>{PHONE}</name>"),
        ("restartPhone", f"<name>{PHONE}</name>"),
        ("removeEndUserCapfProfile", "<instanceId>two</instanceId>"),
        (
            "updateEndUserCapfProfile",
            "<instanceId>two</instanceId><operationCompletion>2031:1:1:1:1</operationCompletion>",
        ),
        ("addApplicationUserCapfProfile", NEW_PROFILE),
        ("updateServiceParameter", NEW_VALUE),
        ("executeSQLUpdate", f"<sql>{SQL_UPDATE}</sql>"),
        ("addLocation", ""),
    ],
)
def test_other_answers_follow_the_schema(lab: Lab, operation: str, inside: str) -> None:
    check_axl(lab.axl(operation, inside), lab.version)


def test_profile_operations_follow_the_schema(lab: Lab) -> None:
    name = "Cisco 8845 - Secure SIP &amp; more"
    for operation in ("applyPhoneSecurityProfile", "resetPhoneSecurityProfile", "updatePhoneSecurityProfile"):
        reply = lab.axl(operation, f"<name>{name}</name>")
        assert reply.status == 200
        check_axl(reply, lab.version)


def test_changes_follow_the_schema(lab: Lab) -> None:
    lab.axl("updatePhone", f"<name>{PHONE}</name><description>new &amp; bold</description>")
    lab.axl("removeEndUserCapfProfile", "<instanceId>two</instanceId>")
    queue = lab.cluster.changes.queue_id
    reply = lab.axl("listChange", f'<startChangeId queueId="{queue}">1</startChangeId>')
    assert [change.get("type") for change in reply.operation.findall("changes/change")] == [
        "Phone",
        "EndUserCapfProfile",
    ]
    assert reply.texts("changes/change/changedTags/changedTag") == ["new & bold"]
    check_axl(reply, lab.version)


def test_limits_and_rights_are_faults_of_the_schema(lab: Lab) -> None:
    lab.world.faults.axl_row_limit = 5
    everything = "<searchCriteria><name>%</name></searchCriteria>" + tags("name")
    check_axl(lab.axl("listPhone", everything), lab.version)
    lab.world.faults.axl_memory_fault = 1
    check_axl(lab.axl("getCCMVersion"), lab.version)
    lab.user = READER
    reply = lab.axl("applyPhone", f"<name>{PHONE}</name>")
    assert reply.fault[0] == 5003
    check_axl(reply, lab.version)


def test_the_check_would_notice_an_element_out_of_order() -> None:
    ns = "http://www.cisco.com/AXL/API/12.5"
    wrong = (
        f'<n:listPhoneResponse xmlns:n="{ns}"><return><phone><description>b</description><name>a</name></phone>'
        "</return></n:listPhoneResponse>"
    )
    assert not axl_schema("12.5").validate(etree.fromstring(wrong))
