"""What the lab's SQL says about queries that are beyond it, and the ones of the reference."""

import pytest

from ctlctl_lab.soap import sql_run
from support.labhttp import READER, Lab, make_world

SECURE_WITHOUT_LSC = """
-- phones in a secure profile without an LSC
select d.name, sp.name as secprofile, sm.name as secmode, am.name as authmode
from device d
 join typemodel tm on tm.enum = d.tkmodel
 left join typecertificatestatus cs on cs.enum = d.tkcertificatestatus
 left join securityprofile sp on sp.pkid = d.fksecurityprofile
 left join typedevicesecuritymode sm on sm.enum = sp.tkdevicesecuritymode
 left join typeauthenticationmode am on am.enum = sp.tkauthenticationmode
where d.tkclass=1 and sm.name <> 'Non Secure' and nvl(d.lscvaliduntil,0)=0 order by d.name;
"""

DEEP_CONDITION = f"select name from device where {'(' * 40}1 = 1{')' * 40}"  # noqa: S608 - for the lab, not for a database
DEEP_CALL = f"select {'nvl(' * 40}name{', 1)' * 40} as n from device"  # noqa: S608 - for the lab, not for a database
LONG = f"select name from device where name = '{'x' * 70_000}'"  # noqa: S608 - for the lab, not for a database


@pytest.fixture
def lab() -> Lab:
    return Lab(make_world())


def rows(lab: Lab, sql: str) -> list[dict[str, str | None]]:
    reply = lab.axl("executeSQLQuery", f"<sql>{sql.replace('<', '&lt;')}</sql>")
    assert reply.status == 200, reply.fault
    return [{str(column.tag): column.text for column in row} for row in reply.operation.findall("return/row")]


def refused(lab: Lab, sql: str, operation: str = "executeSQLQuery") -> tuple[int, str]:
    return lab.axl(operation, f"<sql>{sql.replace('<', '&lt;')}</sql>").fault


def test_the_query_of_the_reference(lab: Lab) -> None:
    found = rows(lab, SECURE_WITHOUT_LSC)
    assert [each["name"] for each in found] == [f"SEP0011{index:08X}" for index in range(2, 24, 4)]
    assert {each["secmode"] for each in found} == {"Encrypted"}
    assert {each["authmode"] for each in found} == {"By Null String"}


def test_the_numbers_that_are_known(lab: Lab) -> None:
    names = {each["enum"]: each["name"] for each in rows(lab, "select * from typecertificateservice")}
    assert (names["4"], names["6"]) == ("CallManager-trust", "tomcat-trust")
    (mode,) = rows(lab, "SELECT ParamValue FROM ProcessConfig WHERE ParamName = 'ClusterSecurityMode' and tkservice=11")
    assert mode == {"paramvalue": "1"}
    found = rows(lab, "select enum, name from typecertificateoperation where enum = 2")
    assert found == [{"enum": "2", "name": "Install/Upgrade"}]
    assert rows(lab, "select name from typecertificatestatus where enum = 2") == [{"name": "Operation Pending"}]
    assert len(rows(lab, "select name from typecertificatestatus")) == 34


def test_real_nodes_can_be_told_from_the_pseudo_node(lab: Lab) -> None:
    sql = "select name, tknodeusage from processnode where tkprocessnoderole=1 and systemnode='f' order by 2"
    assert rows(lab, sql) == [
        {"name": "lab-pub", "tknodeusage": "0"},
        {"name": "lab-sub1", "tknodeusage": "1"},
    ]


def test_certificates_come_with_pem(lab: Lab) -> None:
    sql = (
        "select c.servername, tcs.name as store, c.certificate from certificate c join certificateservicecertificatemap"
        " m on m.fkcertificate = c.pkid join typecertificateservice tcs on tcs.enum = m.tkcertificateservice"
    )
    found = rows(lab, sql)
    assert {each["store"] for each in found} >= {"tomcat", "TVS", "CAPF", "ITLRecovery", "CallManager-trust"}
    assert all((each["certificate"] or "").startswith("-----BEGIN CERTIFICATE-----") for each in found)


def test_an_empty_answer_has_no_row(lab: Lab) -> None:
    assert rows(lab, "select name from device where name = 'nobody'") == []


def test_null_is_an_empty_element(lab: Lab) -> None:
    assert rows(lab, "select lscissuername, lscvaliduntil from device where name = 'SEP001100000001'") == [
        {"lscissuername": None, "lscvaliduntil": "0"}
    ]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", 201),
        ("selct name from device", 201),
        ("select name from device where", 201),
        ("select name from device where name ~ 'x'", 201),
        ("select name from device where name = 'open", 201),
        ("select name from device union select name from processnode", 201),
        ("select name from device where pkid in (select pkid from device)", 201),
        ("select name from device where name = (select name from device)", 201),
        ("select name from (select name from device)", 201),
        ("select substr(name, 1, 3) as s from device", 201),
        ("select case when 1 = 1 then 2 end as s from device", 201),
        ("select lower(name) from device", 201),
        ("select name from device where name matches 'SEP*'", 201),
        ("select d.name from device d right join devicepool p on p.pkid = d.fkdevicepool", 201),
        ("select count(distinct name) from device", 201),
        ("select d.name from device d join device d on d.pkid = d.pkid", 201),
        ("select name from device group by name having count(*) > 1", 201),
        ("select name from device order by count(*)", 201),
        ("insert into device values (1)", 201),
        ("execute procedure dbreaddevicexml('x')", 201),
        ("update device set description = 'x'", 201),
        (DEEP_CONDITION, 201),
        (DEEP_CALL, 201),
        (LONG, 201),
        ("select name from nothing", -206),
        ("select nothing from device", -217),
        ("select name from device where nothing = 1", -217),
        ("select d.name from device d join typemodel tm on tm.nothing = d.tkmodel", -217),
        ("select name from device d, typemodel tm", -324),
        ("select x.name from device d", -522),
        ("select x.* from device d", -522),
        ("select name, count(*) from device", -294),
        ("select name from device where name = 4", -1213),
    ],
)
def test_what_is_wrong_or_beyond_the_subset_is_a_fault(lab: Lab, sql: str, code: int) -> None:
    assert refused(lab, sql)[0] == code


def test_a_join_without_condition_does_not_run_for_ever(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select a.pkid from device a, device b where a.name <> b.name and a.name = 'x' or b.name = 'y'"
    pairs = len(rows(lab, "select pkid from device")) ** 2
    monkeypatch.setattr(sql_run, "MAX_PAIRS", pairs)
    assert rows(lab, query) == []
    monkeypatch.setattr(sql_run, "MAX_PAIRS", pairs - 1)
    assert "so many rows" in refused(lab, query)[1]


def test_the_script_that_renews_lscs_by_sql(lab: Lab) -> None:
    phone = lab.cluster.phones["SEP001100000001"]
    change = "update device set tkcertificatestatus=2, tkCertificateOperation=2, UpgradeFinishTime='2030:05:06:07:00'"
    reply = lab.axl("executeSQLUpdate", f"<sql>{change} where pkid='{phone.pkid}'</sql>")
    assert reply.texts("return/rowsUpdated") == ["1"]
    assert (phone.capf.operation, phone.capf.status) == ("Install/Upgrade", "Operation Pending")
    assert phone.capf.finish_time == "2030:05:06:07:00"
    assert lab.cluster.changes.last_id == 1


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("update device set name = 'x'", 201),
        ("update processconfig set paramvalue = '0'", 201),
        ("update device set tkcertificateoperation = 9", -691),
        ("update device set tkcertificateoperation = 'x'", -691),
        ("update device set tkcertificateoperation = tkcertificatestatus", 201),
        ("select name from device", 201),
        ("delete from device", 201),
    ],
)
def test_other_updates_are_refused(lab: Lab, sql: str, code: int) -> None:
    assert refused(lab, sql, "executeSQLUpdate")[0] == code


def test_updates_need_the_right_to_write(lab: Lab) -> None:
    lab.user = READER
    assert refused(lab, "update device set tkcertificateoperation = 2", "executeSQLUpdate")[0] == 5003
    assert rows(lab, "select first 1 name from device")
