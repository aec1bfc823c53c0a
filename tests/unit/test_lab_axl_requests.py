"""Who may ask the lab's AXL, in what words, how much and how fast."""

import gc
import threading

import pytest

from ctlctl_lab.soap.axl import supported
from ctlctl_lab.soap.axl_limits import DEEP_QUEUE, FOLLOWED_PER_SECOND, MAX_ANSWER
from ctlctl_lab.soap.soapxml import MAX_REQUEST
from support.labhttp import (
    AXL_PATH,
    NOBODY,
    READER,
    RIS_PATH,
    UUID,
    Lab,
    axl_envelope,
    make_world,
    ris_criteria,
    tags,
    uuid_of,
)

EVERYTHING = "<searchCriteria><name>%</name></searchCriteria>"
PHONE = "SEP001100000003"


@pytest.fixture
def lab() -> Lab:
    return Lab(make_world())


def names(lab: Lab, criteria: str, inside: str = "") -> list[str | None]:
    reply = lab.axl("listPhone", f"<searchCriteria>{criteria}</searchCriteria>{tags('name')}{inside}")
    assert reply.status == 200
    return reply.texts("return/phone/name")


# Who.


def test_a_password_gives_a_session_that_needs_none(lab: Lab) -> None:
    cookie = lab.axl("getCCMVersion").headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("JSESSIONIDSSO=")
    reply = lab.axl("getCCMVersion", authorization="", cookie=cookie)
    assert reply.status == 200
    assert "set-cookie" not in reply.headers


def test_a_known_session_is_not_given_anew(lab: Lab) -> None:
    cookie = lab.axl("getCCMVersion").headers["set-cookie"].partition(";")[0]
    assert "set-cookie" not in lab.axl("getCCMVersion", cookie=cookie).headers


def test_an_idle_session_is_not_found(lab: Lab) -> None:
    cookie = lab.axl("getCCMVersion").headers["set-cookie"].partition(";")[0]
    for _ in range(3):
        lab.clock.advance(29 * 60)
        assert lab.axl("getCCMVersion", authorization="", cookie=cookie).status == 200
    lab.clock.advance(31 * 60)
    reply = lab.axl("getCCMVersion", authorization="", cookie=cookie)
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html;charset=utf-8")
    assert lab.axl("getCCMVersion", cookie=cookie).status == 200


def test_a_restart_forgets_sessions(lab: Lab) -> None:
    cookie = lab.axl("getCCMVersion").headers["set-cookie"].partition(";")[0]
    lab.app.access.forget()
    assert lab.axl("getCCMVersion", authorization="", cookie=cookie).status == 404


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !!!", "Basic eDp5", "Basic //8=", "Bearer x", "Basic YXhsLWFkbWluOndyb25n", "Basic eA=="],
)
def test_without_the_right_password_there_is_a_page(lab: Lab, authorization: str) -> None:
    reply = lab.axl("getCCMVersion", authorization=authorization)
    assert reply.status == 401
    assert b"HTTP Status 401" in reply.body
    assert reply.headers["www-authenticate"].startswith("Basic ")


def test_sessions_are_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctlctl_lab.soap.access.MAX_SESSIONS", 2)
    cookies = [lab.axl("getCCMVersion").headers["set-cookie"].partition(";")[0] for _ in range(3)]
    assert [lab.axl("getCCMVersion", authorization="", cookie=each).status for each in cookies] == [404, 200, 200]


def test_roles_decide(lab: Lab) -> None:
    lab.user = NOBODY
    assert lab.axl("getCCMVersion").status == 403
    assert lab.ris(ris_criteria()).status == 403
    lab.user = READER
    assert lab.axl("getCCMVersion").status == 200
    code, _ = lab.axl("updatePhone", f"<name>{PHONE}</name><description>x</description>").fault
    assert code == 5003
    assert lab.cluster.phones[PHONE].description != "x"


# In what words.


@pytest.mark.parametrize(
    ("cluster", "newest", "oldest"),
    [
        ("11.5.1.1", (11, 5), (11, 0)),
        ("12.5.1.1", (12, 5), (11, 0)),
        ("14.0.1.1", (14, 0), (11, 0)),
        ("15.0.1.1", (15, 0), (12, 0)),
    ],
)
def test_versions_served(cluster: str, newest: tuple[int, int], oldest: tuple[int, int]) -> None:
    assert (supported(cluster)[0], supported(cluster)[-1]) == (oldest, newest)


def test_a_version_that_is_not_served_is_599(lab: Lab) -> None:
    lab.version = "14.0"
    reply = lab.axl("getCCMVersion")
    assert reply.status == 599
    assert b"HTTP Status 599 - Incorrect axl version. Supported axl versions are 11.x and 12.x" in reply.body
    assert Lab(make_world(version="15.0.1.1"), version="11.5").axl("getCCMVersion").status == 599


def test_soapaction_and_namespace_must_agree(lab: Lab) -> None:
    assert lab.axl("getCCMVersion", soapaction='"CUCM:DB ver=11.5 getCCMVersion"').status == 599
    assert lab.axl("getCCMVersion", soapaction='"CUCM:DB ver=12.5 listPhone"').status == 500
    for unsaid in ("", "CUCM:DB ver=12.5", '"CUCM:DB ver=12.5"', "something else"):
        assert lab.axl("getCCMVersion", soapaction=unsaid).status == 200


def test_without_a_version_the_oldest_is_spoken(lab: Lab) -> None:
    lab.version = "1.0"
    reply = lab.axl("getCCMVersion", soapaction="")
    assert b"http://www.cisco.com/AXL/API/11.0" in reply.body


def test_from_14_on_answers_declare_xsi_once() -> None:
    lab = Lab(make_world(version="14.0.1.1"), version="14.0")
    assert lab.axl("getCCMVersion").body.count(b"xmlns:xsi=") == 1
    assert b"<ns2:axlError" in lab.axl("getPhone", "<name>nobody</name>").body
    lab.version = "12.5"
    assert b"xmlns:xsi=" not in lab.axl("getCCMVersion").body


def test_the_sequence_comes_back(lab: Lab) -> None:
    body = axl_envelope("getCCMVersion").replace(b"<ns:getCCMVersion>", b'<ns:getCCMVersion sequence="42">')
    assert lab.send(AXL_PATH, body).operation.get("sequence") == "42"


def test_uuids_are_in_braces_and_upper_case(lab: Lab) -> None:
    reply = lab.axl("getPhone", f"<name>{PHONE}</name>{tags('devicePoolName')}")
    phone = reply.operation[0][0]
    assert phone.get("uuid") == uuid_of(lab.cluster.phones[PHONE].pkid)
    assert UUID.fullmatch(phone[0].get("uuid") or "")


def test_children_carry_no_namespace(lab: Lab) -> None:
    operation = lab.axl("listPhone", EVERYTHING + tags("name")).operation
    assert {str(each.tag) for each in operation.iterdescendants()} == {"return", "phone", "name"}


def test_returned_tags_are_honoured_and_in_schema_order(lab: Lab) -> None:
    reply = lab.axl("getPhone", f"<name>{PHONE}</name>{tags('protocol', 'name', 'model')}")
    assert [each.tag for each in reply.operation[0][0]] == ["name", "model", "protocol"]
    nested = "<returnedTags><lines><line><dirn><pattern/></dirn></line></lines></returnedTags>"
    reply = lab.axl("getPhone", f"<name>{PHONE}</name>{nested}")
    assert [each.tag for each in reply.operation[0][0].iter()] == ["phone", "lines", "line", "dirn", "pattern"]


def test_a_tag_that_the_version_has_not_is_a_fault(lab: Lab) -> None:
    wanted = EVERYTHING + tags("EnableOAuthAuthentication")
    assert lab.axl("listPhoneSecurityProfile", wanted).status == 200
    lab.version = "11.5"
    assert lab.axl("listPhoneSecurityProfile", wanted).status == 500
    assert lab.axl("listPhone", EVERYTHING + tags("lines")).status == 500


def test_lists_are_searched_with_sql_wildcards(lab: Lab) -> None:
    assert names(lab, "<name>SEP00110000000_</name>") == [f"SEP00110000000{each:X}" for each in range(16)]
    assert names(lab, "<name>%3</name>") == ["SEP001100000003", "SEP001100000013"]
    assert names(lab, "<name>sep%</name>") == []
    assert len(names(lab, "")) == 24
    secure = names(lab, "<name>%</name><securityProfileName>%Secure%</securityProfileName>")
    assert len(secure) == 12


def test_pages(lab: Lab) -> None:
    everything = names(lab, "<name>%</name>")
    parts = [names(lab, "<name>%</name>", f"<skip>{start}</skip><first>7</first>") for start in range(0, 28, 7)]
    assert [each for part in parts for each in part] == everything
    assert [len(part) for part in parts] == [7, 7, 7, 3]
    assert names(lab, "<name>%</name>", "<skip>99</skip>") == []


@pytest.mark.parametrize(
    "inside",
    [
        "",
        EVERYTHING,
        tags("name"),
        EVERYTHING + tags("nonsense"),
        "<searchCriteria><model>x</model></searchCriteria>" + tags("name"),
        EVERYTHING + tags("name") + "<first>many</first>",
    ],
)
def test_a_list_that_breaks_the_schema_is_a_fault(lab: Lab, inside: str) -> None:
    assert lab.axl("listPhone", inside).status == 500


def test_the_pseudo_node_is_listed_as_a_subscriber(lab: Lab) -> None:
    reply = lab.axl("listProcessNode", EVERYTHING + tags("name", "nodeUsage"))
    assert reply.texts("return/processNode/name") == ["EnterpriseWideData", "lab-pub", "lab-sub1"]
    assert reply.texts("return/processNode/nodeUsage") == ["Subscriber", "Publisher", "Subscriber"]


def test_cluster_wide_parameters_are_under_the_pseudo_node(lab: Lab) -> None:
    criteria = "<searchCriteria><processNodeName>EnterpriseWideData</processNodeName></searchCriteria>"
    reply = lab.axl("listServiceParameter", criteria + tags("name", "service", "value"))
    found = zip(
        reply.texts("return/serviceParameter/name"), reply.texts("return/serviceParameter/service"), strict=True
    )
    assert ("SIPPublishTrunk", "Cisco CallManager") in list(found)
    one = "<processNodeName>EnterpriseWideData</processNodeName><name>ClusterSecurityMode</name>"
    reply = lab.axl("getServiceParameter", f"{one}<service>Enterprise Wide</service>")
    assert reply.texts("return/serviceParameter/value") == ["1"]
    assert reply.texts("return/serviceParameter/valueType") == ["long"]


# Hostile requests.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<a/>",
        b"<a>" * 100,
        b"\xff\xfe<\x00a\x00",
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b'<?xml version="1.0" encoding="utf-32"?><a/>',
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>',
        b"<a>&x;</a>",
        b"<a>" + b"<b/>" * 60_000 + b"</a>",
        axl_envelope("getCCMVersion").replace(b"</soapenv:Body>", b"<x/></soapenv:Body>"),
        axl_envelope("getCCMVersion").replace(b"AXL/API", b"AXL/IPA"),
        axl_envelope("getCCMVersion").replace(b"Envelope", b"Envelop"),
    ],
)
def test_what_is_no_request_is_a_fault(lab: Lab, body: bytes) -> None:
    reply = lab.send(AXL_PATH, body)
    assert reply.status == 500
    assert reply.fault[1].startswith("lab: ")
    assert lab.send(RIS_PATH, body).status == 500


def test_a_request_that_is_too_long_is_not_read(lab: Lab) -> None:
    assert lab.send(AXL_PATH, b" " * (MAX_REQUEST + 1)).status == 413


def test_other_places_and_methods(lab: Lab) -> None:
    assert lab.send("/", b"").status == 404
    assert lab.send("/axl", b"").headers["location"] == "/axl/"
    assert lab.send(AXL_PATH, b"", "PUT").status == 405
    assert lab.send(AXL_PATH, b"", "GET").status == 200
    assert lab.send(AXL_PATH, b"", "GET", authorization="").status == 401
    assert lab.send(RIS_PATH, b"", "GET").status == 200


# How much.


def test_more_than_8_mb_is_a_fault_that_says_how_much_less() -> None:
    lab = Lab(make_world(phones=12_000))
    wanted = EVERYTHING + tags(
        *("name", "description", "product", "model", "protocol", "devicePoolName", "securityProfileName"),
        *("locationName", "commonPhoneConfigName", "phoneTemplateName", "certificateOperation", "certificateStatus"),
    )
    code, text = lab.axl("listPhone", wanted).fault
    assert code == -1
    assert text.startswith("Query request too large. Total rows matched: 12000 rows. Suggestive Row Fetch: less than ")
    fewer = int(text.split()[-2])
    reply = lab.axl("listPhone", f"{wanted}<first>{fewer - 1}</first>")
    assert reply.status == 200
    assert 0.9 * MAX_ANSWER < len(reply.body) < MAX_ANSWER * 1.01


def test_big_answers_at_a_time_use_up_the_memory() -> None:
    lab = Lab(make_world(phones=30_000))
    wanted = axl_envelope("listPhone", EVERYTHING + tags("name", "securityProfileName"))
    headers = {"authorization": "Basic YXhsLWFkbWluOmNvcnJlY3QgaG9yc2U="}
    held = [lab.app("POST", AXL_PATH, headers, wanted) for _ in range(4)]
    assert {status for status, _, _ in held} == {200, 500}
    code, text = lab.axl("listPhone", EVERYTHING + tags("name", "securityProfileName")).fault
    assert (code, text.partition(".")[0]) == (-1, "Maximum AXL Memory Allocation Consumed")
    del held
    gc.collect()
    assert lab.axl("listPhone", EVERYTHING + tags("name", "securityProfileName")).status == 200


def test_the_row_limit_of_the_switch(lab: Lab) -> None:
    lab.world.faults.axl_row_limit = 10
    code, text = lab.axl("listPhone", EVERYTHING + tags("name")).fault
    assert (code, text.endswith("less than 10 rows")) == (-1, True)
    assert len(names(lab, "<name>%</name>", "<first>10</first>")) == 10
    assert lab.axl("executeSQLQuery", "<sql>select name from device</sql>").fault[0] == -1
    assert lab.axl("getPhone", f"<name>{PHONE}</name>").status == 200


def test_the_memory_fault_of_the_switch(lab: Lab) -> None:
    lab.world.faults.axl_memory_fault = 2
    assert [lab.axl("getCCMVersion").status for _ in range(3)] == [500, 500, 200]


# How fast.


def test_writes_faster_than_the_nodes_follow_are_503(lab: Lab) -> None:
    write = f"<name>{PHONE}</name><description>x</description>"
    answers = [lab.axl("updatePhone", write).status for _ in range(int(DEEP_QUEUE) + 5)]
    assert answers == [200] * int(DEEP_QUEUE) + [503] * 5
    assert lab.app.axl.writes.depth == DEEP_QUEUE
    assert lab.axl("getPhone", f"<name>{PHONE}</name>").status == 200
    lab.clock.advance(9.5 / FOLLOWED_PER_SECOND)
    assert [lab.axl("updatePhone", write).status for _ in range(11)] == [200] * 10 + [503]


def test_503_of_the_switch_hits_writes_only(lab: Lab) -> None:
    lab.world.faults.axl_503_writes = 2
    assert lab.axl("getCCMVersion").status == 200
    answers = [lab.axl("applyPhone", f"<name>{PHONE}</name>") for _ in range(3)]
    assert [each.status for each in answers] == [503, 503, 200]
    assert b"HTTP Status 503" in answers[0].body
    assert lab.world.applied == [PHONE]


def test_an_html_page_instead_of_an_answer(lab: Lab) -> None:
    lab.world.faults.html_next = 1
    reply = lab.axl("getCCMVersion")
    assert (reply.status, reply.headers["content-type"]) == (500, "text/html;charset=utf-8")
    assert lab.axl("getCCMVersion").status == 200


def test_half_an_answer(lab: Lab) -> None:
    whole = lab.axl("getPhone", f"<name>{PHONE}</name>")
    lab.world.faults.truncate_next = 1
    half = lab.axl("getPhone", f"<name>{PHONE}</name>")
    assert half.headers["content-length"] == whole.headers["content-length"]
    assert half.body == whole.body[: len(whole.body) // 2]


def test_many_at_a_time(lab: Lab) -> None:
    lab.world.faults.html_next = 5
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(lab.axl("getCCMVersion").status)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 11 + [500] * 5
