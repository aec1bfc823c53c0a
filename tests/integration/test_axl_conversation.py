"""AXL's ways that the lab does not have, and servers that lie: faults, pages without end, keys that are none."""

import re
from collections.abc import Callable
from itertools import count, islice

import pytest

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_enums import CertificateOperation, ChangeKind, DeviceSecurityMode, UnknownText
from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.axl_values import (
    AxlVersion,
    CapfUserKind,
    ChangeBatch,
    ChangeCursor,
    LscColumn,
    PhoneChange,
    ResyncNeeded,
    SecurityMode,
    unknown_words,
)
from ctlctl.connectors.errors import ConnectorFault
from support.soap import (
    Asked,
    FakeTime,
    Reply,
    Script,
    SoapServer,
    answer,
    axl_client,
    check_told,
    fault,
    html,
    routes,
    soap_server,
    version_of,
)

KEY = "12345678-90ab-cdef-1234-567890abcdef"
UUID = f'uuid="{{{KEY.upper()}}}"'
NOTHING = "Item not valid: The specified thing was not found"

Use = Callable[[AxlClient], object]


def wrong(use: Use, fault_of: ConnectorFault, **scripts: "Script | Reply | list[Reply]") -> tuple[AxlError, SoapServer]:
    with (
        soap_server(routes(**scripts)) as server,
        axl_client(server, None, max_wait_seconds=0) as client,
        pytest.raises(AxlError) as found,
    ):
        use(client)
    check_told(found.value, fault_of, "AXL")
    return found.value, server


def nodes(client: AxlClient) -> object:
    return client.nodes()


# Versions.


@pytest.mark.parametrize("words", ["Incorrect axl version", "Supported axl versions are 12.x, 14.0 and 15.0"])
def test_a_version_may_be_refused_with_a_fault(words: str) -> None:
    def script(asked: Asked) -> Reply:
        return version_of(asked) if asked.version == "11.5" else fault(words, 5003)

    with soap_server(routes(getCCMVersion=script)) as server, axl_client(server) as client:
        assert client.version() == AxlVersion("11.5", "14.0.1.12900-161")
        assert [one.version for one in server.asked] == ["14.0", "12.5", "11.5"]


def test_a_version_page_without_words() -> None:
    error, _ = wrong(nodes, ConnectorFault.VERSION, getCCMVersion=html(599))
    assert error.detail.endswith("(HTTP status 599)")


def test_other_errors_are_no_reason_to_try_an_older_version() -> None:
    _, server = wrong(nodes, ConnectorFault.NO_SERVICE, getCCMVersion=html(404))
    assert len(server.asked) == 1


def test_a_fixed_version_is_the_only_one() -> None:
    with soap_server(routes()) as server, axl_client(server, version="12.5") as client:
        assert client.version().schema == "12.5"
        assert [one.version for one in server.asked] == ["12.5"]


# Faults.


@pytest.mark.parametrize("prefix", ["", "ns2:"])
@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (5007, NOTHING, ConnectorFault.NO_SUCH_ITEM),
        (5003, "Phone not found", ConnectorFault.NO_SUCH_ITEM),
        (5003, "The user has no privilege to do that", ConnectorFault.RIGHTS),
        (5003, "Something else", ConnectorFault.REFUSED),
        (-239, "Could not insert new row - duplicate value in a UNIQUE INDEX column", ConnectorFault.DUPLICATE),
        (-217, "Column (lscvaliduntil) not found in any table in the query", ConnectorFault.UNSUPPORTED),
        (None, "Column (lscvaliduntil) not found in any table in the query", ConnectorFault.UNSUPPORTED),
        (-206, "The specified table (certificate) is not in the database.", ConnectorFault.UNSUPPORTED),
        (201, "A syntax error has occurred.", ConnectorFault.REFUSED),
        (-691, "Missing key in referenced table for referential constraint", ConnectorFault.REFUSED),
        (-1, "maximum AXL memory allocation consumed. Please retry", ConnectorFault.THROTTLED),
        (None, "", ConnectorFault.REFUSED),
    ],
)
def test_what_faults_mean(prefix: str, code: int | None, words: str, expected: ConnectorFault) -> None:
    error, _ = wrong(nodes, expected, listProcessNode=fault(words, code, prefix=prefix))
    assert words in error.detail or not words
    if expected is not ConnectorFault.THROTTLED:
        assert error.code == code


def test_a_busy_cluster_is_asked_again_after_longer_and_longer_waits() -> None:
    busy = [fault("Maximum AXL Memory Allocation Consumed", -1)] * 4
    time = FakeTime()
    done = answer("listProcessNode")
    with soap_server(routes(listProcessNode=[*busy, done])) as server, axl_client(server, time) as client:
        assert client.nodes() == ()
    assert time.slept == [5.0, 10.0, 20.0, 40.0]


# Pages.


def phones_in(asked: Asked, limit: int, words: str) -> Reply:
    """A cluster of 100 profiles that gives no more than so many at once."""
    skip, first = int(asked.text("skip") or 0), int(asked.text("first") or 0)
    if first > limit:
        return fault(f"Query request too large. Total rows matched: 100 rows. {words}: less than {limit} rows", -1)
    items = "".join(
        f"<phoneSecurityProfile><name>p{number}</name></phoneSecurityProfile>"
        for number in range(skip, min(skip + first, 100))
    )
    return answer("listPhoneSecurityProfile", items)


@pytest.mark.parametrize("words", ["Suggested row fetch", "Suggestive Row Fetch", "SUGGESTED ROW FETCH"])
def test_the_suggested_number_of_rows_drives_the_pages(words: str) -> None:
    with (
        soap_server(routes(listPhoneSecurityProfile=lambda asked: phones_in(asked, 30, words))) as server,
        axl_client(server, page_size=1000) as client,
    ):
        assert [one.name for one in client.security_profiles()] == [f"p{number}" for number in range(100)]
        assert [int(one.text("first") or 0) for one in server.asked[1:]] == [1000, *[21] * 5]
        list(client.security_profiles())
        assert server.asked[-1].text("first") == "21"


def test_a_suggestion_that_does_not_help_ends_too() -> None:
    def script(_: Asked) -> Reply:
        return fault("Suggested row fetch: less than 999999999 rows", -1)

    error, server = wrong(lambda client: list(client.srsts()), ConnectorFault.TOO_LARGE, listSrst=script)
    assert "even one row" in error.detail
    assert 10 < len(server.asked) < 30


def test_too_many_rows_where_there_are_no_pages() -> None:
    big = fault("Suggested row fetch: less than 5 rows", -1)
    wrong(lambda client: client.lsc_columns(), ConnectorFault.TOO_LARGE, executeSQLQuery=big)
    wrong(nodes, ConnectorFault.TOO_LARGE, getCCMVersion=big)


def test_a_server_that_does_not_obey_pages_is_asked_once() -> None:
    three = answer("listSrst", "<srst><name>a</name></srst>" * 3)
    with soap_server(routes(listSrst=three)) as server, axl_client(server, page_size=2) as client:
        assert len(list(client.srsts())) == 3
        assert len(server.asked) == 2


def test_a_list_is_read_as_it_is_used() -> None:
    page = answer("listSrst", "<srst><name>a</name></srst>" * 2)
    with soap_server(routes(listSrst=page)) as server, axl_client(server, page_size=2) as client:
        assert len(list(islice(client.srsts(), 5))) == 5
        assert len(server.asked) == 4


def test_a_list_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctlctl.connectors.axl_session._MAX_ROWS", 5000)
    page = answer("listSrst", "<srst><name>a</name></srst>" * 1000)
    error, server = wrong(lambda client: list(client.srsts()), ConnectorFault.PROTOCOL, listSrst=page)
    assert "does not end" in error.detail
    assert len(server.asked) == 6


# SQL.


def sql_of(server: SoapServer) -> list[str]:
    return [one.text("sql") or "" for one in server.asked if one.operation == "executeSQLQuery"]


def row(**columns: object) -> str:
    return "<row>" + "".join(f"<{name}>{value}</{name}>" for name, value in columns.items()) + "</row>"


def certificates(*keys: str, store: object = 4) -> Reply:
    return answer("executeSQLQuery", "".join(row(pkid=key, storenumber=store) for key in keys))


@pytest.mark.parametrize("key", ["x' or '1'='1", KEY.upper(), KEY[:-1], f"{KEY}0", "", f"{KEY}\n; select"])
def test_nothing_but_keys_ever_goes_into_a_statement(key: str) -> None:
    with (
        soap_server(routes(executeSQLQuery=certificates(KEY, key))) as server,
        axl_client(server, page_size=2) as client,
    ):
        rows = client.certificates()
        assert len(list(islice(rows, 2))) == 2
        with pytest.raises(AxlError) as found:
            next(rows)
        check_told(found.value, ConnectorFault.PROTOCOL, "AXL")
        assert len(sql_of(server)) == 1


@pytest.mark.parametrize("store", ["", "1 or 1", "-1", "99999999999"])
def test_nor_does_the_number_of_a_store_that_is_none(store: str) -> None:
    with (
        soap_server(routes(executeSQLQuery=certificates(KEY, KEY, store=store))) as server,
        axl_client(server, page_size=2) as client,
    ):
        with pytest.raises(AxlError, match="page by page"):
            list(client.certificates())
        assert len(sql_of(server)) == 1


def test_a_database_that_gives_the_same_page_for_ever() -> None:
    with (
        soap_server(routes(executeSQLQuery=certificates(KEY, KEY))) as server,
        axl_client(server, page_size=2) as client,
    ):
        with pytest.raises(AxlError, match="the same page") as found:
            list(client.certificates())
        check_told(found.value, ConnectorFault.PROTOCOL, "AXL")
        assert len(sql_of(server)) == 2


def test_pages_of_rows_shrink_and_go_on_where_they_were() -> None:
    numbers = count()

    def script(asked: Asked) -> Reply:
        found = re.match(r"select first (\d+) ", asked.text("sql") or "")
        first = int(found[1]) if found else 0
        if first > 4:
            return fault("Suggested row fetch: less than 4 rows", -1)
        keys = [f"{next(numbers):08x}{KEY[8:]}" for _ in range(first if next(numbers) < 20 else 1)]
        return certificates(*keys)

    with soap_server(routes(executeSQLQuery=script)) as server, axl_client(server, page_size=10) as client:
        assert len(list(client.certificates())) > 2
        asked = sql_of(server)
    assert [re.findall(r"first \d+", one) for one in asked[:3]] == [["first 10"], ["first 2"], ["first 2"]]
    assert f"c.pkid > '00000002{KEY[8:]}' or (c.pkid = '00000002{KEY[8:]}' and tcs.enum > 4)" in asked[2]


def test_a_search_pattern_goes_into_sql_as_a_text() -> None:
    with (
        soap_server(
            routes(
                listPhone=answer("listPhone"),
                listPhoneSecurityProfile=answer("listPhoneSecurityProfile"),
                executeSQLQuery=answer("executeSQLQuery"),
            )
        ) as server,
        axl_client(server) as client,
    ):
        assert list(client.phones("o'brien' or '%'='%")) == []
        assert "like lower('o''brien'' or ''%''=''%')" in sql_of(server)[-1]


@pytest.mark.parametrize("pattern", ["", "x" * 101, "a\nb"])
def test_a_pattern_that_can_be_none_is_not_sent(pattern: str) -> None:
    _, server = wrong(lambda client: list(client.phones(pattern)), ConnectorFault.INVALID)
    assert server.asked == []


def test_columns_are_asked_for_together_and_then_one_by_one() -> None:
    def script(asked: Asked) -> Reply:
        if "lscissuername" in (asked.text("sql") or ""):
            return fault("Column (lscissuername) not found in any table in the query", -217)
        return answer("executeSQLQuery")

    with soap_server(routes(executeSQLQuery=script)) as server, axl_client(server) as client:
        assert client.lsc_columns() == {LscColumn.VALID_UNTIL, LscColumn.ISSUER_VALID_UNTIL}
        assert len(sql_of(server)) == 4


def test_columns_that_cannot_be_found_out_are_an_error() -> None:
    wrong(lambda client: client.lsc_columns(), ConnectorFault.REFUSED, executeSQLQuery=fault("syntax", 201))


# Items.


def test_a_phone_with_little_known() -> None:
    bare = answer("getPhone", "<phone><name>SEP1</name><securityProfileName/></phone>")
    with (
        soap_server(routes(getPhone=bare, executeSQLQuery=answer("executeSQLQuery"))) as server,
        axl_client(server) as client,
    ):
        phone = client.phone("SEP1")
        assert (phone.name, phone.pkid, phone.security_profile, phone.security_mode) == ("SEP1", "", None, None)
        assert (phone.lsc_valid_until, phone.capf_operation) == (None, None)
        # Without a key nothing but the columns is asked of the database.
        assert len(sql_of(server)) == 1


def test_an_answer_without_the_item_is_told() -> None:
    wrong(lambda client: client.phone("SEP1"), ConnectorFault.NO_SUCH_ITEM, getPhone=answer("getPhone"))


def test_words_that_nobody_knows_are_kept_and_flagged() -> None:
    item = (
        f"<phoneSecurityProfile {UUID}><name>p</name><deviceSecurityMode>Quantum</deviceSecurityMode>"
        "<keySize>9999</keySize><transportType/><tftpEncryptedConfig>maybe</tftpEncryptedConfig>"
        "</phoneSecurityProfile>"
    )
    with (
        soap_server(routes(getPhoneSecurityProfile=answer("getPhoneSecurityProfile", item))) as server,
        axl_client(server) as client,
    ):
        profile = client.security_profile("p")
    assert profile.security_mode == "Quantum"
    assert isinstance(profile.security_mode, UnknownText)
    assert not isinstance(profile.security_mode, DeviceSecurityMode)
    assert unknown_words(profile) == ("security_mode", "key_size")
    assert (profile.transport, profile.encrypted_config) == (None, None)


@pytest.mark.parametrize(
    ("value", "mode"), [("0", SecurityMode.NON_SECURE), ("1", SecurityMode.MIXED), ("7", None), ("", None)]
)
def test_the_security_mode_may_have_to_come_from_the_database(value: str, mode: SecurityMode | None) -> None:
    rows = answer("executeSQLQuery", row(paramvalue=value) if value else "")
    with (
        soap_server(routes(getServiceParameter=fault(NOTHING, 5007), executeSQLQuery=rows)) as server,
        axl_client(server) as client,
    ):
        assert (client.security().mode, client.security().text) == (mode, value)


def test_other_trouble_with_the_security_mode_is_told() -> None:
    wrong(lambda client: client.security(), ConnectorFault.REFUSED, getServiceParameter=fault("no", 5003))


@pytest.mark.parametrize("key", ["", "no key", f"{KEY}x", "g" + KEY[1:], KEY.replace("-", "")])
def test_a_key_that_is_none_is_not_sent(key: str) -> None:
    for use in (
        lambda client: client.tvs_certificate(key),
        lambda client: client.capf_profile(CapfUserKind.END_USER, key),
        lambda client: client.remove_capf_profile(CapfUserKind.END_USER, key),
    ):
        _, server = wrong(use, ConnectorFault.INVALID)
        assert all(one.operation == "getCCMVersion" for one in server.asked)


def test_words_that_axl_would_take_are_checked_before_they_are_sent() -> None:
    bad: CertificateOperation = "Install"  # type: ignore[assignment]  # what a caller without types may do
    _, server = wrong(lambda client: client.update_phone("SEP1", PhoneChange(operation=bad)), ConnectorFault.INVALID)
    assert server.asked == []


# Changes.


def change_of(queue: str = "Q1", following: object = 8, first: object = 1, inside: str = "") -> Reply:
    body = (
        f"<queueInfo><firstChangeId>{first}</firstChangeId><lastChangeId>7</lastChangeId>"
        f"<nextStartChangeId>{following}</nextStartChangeId><queueId>{queue}</queueId></queueInfo>{inside}"
    )
    reply = answer("listChange")
    return Reply(reply.body.replace(b"<return></return>", body.encode()))


def test_changes_with_and_without_tags() -> None:
    inside = (
        f'<changes><!-- none --><change type="Phone" uuid="{KEY}"><action>u</action><doGet>false</doGet><changedTags>'
        '<changedTag name="description">new</changedTag><!-- x --></changedTags></change>'
        f'<change type="Elevator" uuid="{KEY}"><action>x</action></change></changes>'
    )
    with soap_server(routes(listChange=change_of(inside=inside))) as server, axl_client(server) as client:
        batch = client.changes(ChangeCursor("Q1", 5))
    assert isinstance(batch, ChangeBatch)
    assert batch.cursor == ChangeCursor("Q1", 8)
    one, other = batch.changes
    assert (one.kind, one.pkid, one.tags) == (ChangeKind.PHONE, KEY, (("description", "new"),))
    assert (other.kind, other.action, other.tags) == ("Elevator", "x", ())
    assert unknown_words(other) == ("kind", "action")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (change_of("Q2"), "new queue"),
        (change_of(first=7, following=9), "changes 5 to 6"),
        (fault(NOTHING, 5007), "no longer has the queue Q1"),
    ],
)
def test_a_queue_that_was_lost_means_reading_everything_again(reply: Reply, words: str) -> None:
    with soap_server(routes(listChange=reply)) as server, axl_client(server) as client:
        found = client.changes(ChangeCursor("Q1", 5))
        assert isinstance(found, ResyncNeeded)
        assert words in found.reason


@pytest.mark.parametrize("reply", [change_of(""), change_of(following="soon"), change_of(following="")])
def test_changes_that_do_not_say_where_to_go_on(reply: Reply) -> None:
    wrong(lambda client: client.changes(), ConnectorFault.PROTOCOL, listChange=reply)


def test_a_first_question_about_changes_may_be_refused_too() -> None:
    wrong(lambda client: client.changes(), ConnectorFault.NO_SUCH_ITEM, listChange=fault(NOTHING, 5007))
    with_cursor: Use = lambda client: client.changes(ChangeCursor("Q1", 5))  # noqa: E731 - one line is enough
    wrong(with_cursor, ConnectorFault.REFUSED, listChange=fault("no", 5003))
