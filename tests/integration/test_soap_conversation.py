"""The SOAP client against a server that does what no CUCM should: every error is named, and nothing waits for ever."""

import os
import pickle
import resource
import select
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.axl_values import PhoneChange
from ctlctl.connectors.errors import MAX_DETAIL_CHARACTERS, ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SESSION_COOKIE, SoapTransport, is_write
from support.servers import make_identity
from support.soap import (
    DONE,
    NODES,
    PASSWORD,
    Asked,
    Reply,
    Use,
    answer,
    axl_client,
    axl_settings,
    check_told,
    fault,
    html,
    read,
    routes,
    soap_server,
    trouble,
    write,
)

SHORT = 3.0
# The servers hold a connection for a minute: a test that waits for that fails.
pytestmark = pytest.mark.timeout(40)

# Time.


@pytest.mark.parametrize(
    "reply",
    [Reply(mute=True), Reply(NODES.body, stall=True), Reply(NODES.body * 40, drip=True)],
    ids=["mute", "stall", "drip"],
)
def test_an_answer_that_does_not_come_runs_out_of_time(reply: Reply) -> None:
    error = trouble(reply, timeout_seconds=SHORT)
    assert error.fault is ConnectorFault.TIMEOUT
    assert f"({SHORT:g} seconds) ran out" in error.detail
    unsure = trouble(reply, write, timeout_seconds=SHORT)
    assert unsure.fault is ConnectorFault.UNCERTAIN
    assert "applyPhone was sent" in unsure.detail


# Connections.


def test_one_connection_serves_many_requests_and_closing_is_not_the_end() -> None:
    with soap_server(routes(listProcessNode=NODES)) as server, axl_client(server) as client:
        for _ in range(5):
            client.nodes()
        assert server.connections == 1
        client.close()
        client.close()
        client.nodes()
        assert server.connections == 2


@pytest.mark.parametrize(("use", "fault_of"), [(read, ConnectorFault.UNREACHABLE), (write, ConnectorFault.UNCERTAIN)])
def test_a_node_that_hangs_up_instead_of_answering(use: Use, fault_of: ConnectorFault) -> None:
    replies = [NODES, Reply(hang_up=True), Reply(hang_up=True)]
    with (
        soap_server(routes(listProcessNode=replies, applyPhone=[Reply(hang_up=True)] * 2)) as server,
        axl_client(server) as client,
    ):
        client.nodes()
        with pytest.raises(AxlError) as found:
            use(client)
        check_told(found.value, fault_of, "AXL")
        # A read is tried once more on a new connection, because the old one may just have been too old.
        assert server.operations[2:] == (["listProcessNode"] * 2 if use is read else ["applyPhone"])


def test_a_connection_that_ended_while_it_was_idle_is_not_used_for_a_write() -> None:
    leaving = Reply(NODES.body, leave=True)
    with soap_server(routes(listProcessNode=leaving, applyPhone=DONE)) as server, axl_client(server) as client:
        client.nodes()
        idle = client._session._client.transport._http._sock
        assert idle is not None
        # The end of it is on its way.
        assert select.select([idle], [], [], 20)[0]
        client.apply_phone("SEP001122334455")
        assert server.operations[1:] == ["listProcessNode", "applyPhone"]
        assert server.connections == 2


def test_an_announced_end_of_a_connection_is_heeded() -> None:
    closing = Reply(NODES.body, headers=(("Content-Length", f"{len(NODES.body)}"), ("Connection", "close")))
    with soap_server(routes(listProcessNode=closing, applyPhone=DONE)) as server, axl_client(server) as client:
        for _ in range(3):
            client.nodes()
            client.apply_phone("SEP001122334455")
        assert server.operations[1:] == ["listProcessNode", "applyPhone"] * 3


def test_the_pin_is_checked_on_every_connection(tmp_path_factory: pytest.TempPathFactory) -> None:
    closing = Reply(NODES.body, headers=(("Content-Length", f"{len(NODES.body)}"), ("Connection", "close")))
    with soap_server(routes(listProcessNode=closing)) as server, axl_client(server) as client:
        client.nodes()
        server.identity = make_identity(tmp_path_factory.mktemp("other"), name="localhost")
        with pytest.raises(AxlError) as found:
            client.nodes()
        check_told(found.value, ConnectorFault.TLS, "AXL")
        assert len(server.asked) == 2


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow this process more open files than select() can number, and open them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2000
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"this machine allows {hard} open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    try:
        with ExitStack() as files:
            for _ in range(1100):
                files.enter_context(open(os.devnull, "rb"))  # noqa: PTH123 - nothing but a number is wanted
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_process_with_a_thousand_open_files_keeps_its_connection() -> None:
    with soap_server(routes(listProcessNode=NODES)) as server, axl_client(server) as client:
        for _ in range(3):
            client.nodes()
        assert server.connections == 1


# Threads.


def test_threads_share_a_client() -> None:
    def script(asked: Asked) -> Reply:
        name = asked.text("name")
        return answer("getPhone", f"<phone><name>{name}</name></phone>")

    with (
        soap_server(routes(getPhone=script, executeSQLQuery=answer("executeSQLQuery"))) as server,
        axl_client(server) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        names = [f"SEP{number}" for number in range(60)]
        assert [phone.name for phone in pool.map(client.phone, names)] == names
        assert server.operations.count("getCCMVersion") == 1
        assert server.connections == 1


def test_threads_send_a_wrong_password_once() -> None:
    with (
        soap_server(lambda _: html(401)) as server,
        axl_client(server) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        for one in [pool.submit(client.nodes) for _ in range(20)]:
            with pytest.raises(AxlError) as found:
                one.result()
            check_told(found.value, ConnectorFault.CREDENTIALS, "AXL")
        assert len(server.asked) == 1


# Statuses.


@pytest.mark.parametrize(
    ("status", "for_a_read", "for_a_write"),
    [
        (202, ConnectorFault.PROTOCOL, ConnectorFault.UNCERTAIN),
        (302, ConnectorFault.REDIRECT, ConnectorFault.REDIRECT),
        (400, ConnectorFault.PROTOCOL, ConnectorFault.PROTOCOL),
        (401, ConnectorFault.CREDENTIALS, ConnectorFault.CREDENTIALS),
        (403, ConnectorFault.RIGHTS, ConnectorFault.RIGHTS),
        (404, ConnectorFault.NO_SERVICE, ConnectorFault.NO_SERVICE),
        (500, ConnectorFault.SERVER_ERROR, ConnectorFault.UNCERTAIN),
        (502, ConnectorFault.SERVER_ERROR, ConnectorFault.UNCERTAIN),
        (503, ConnectorFault.THROTTLED, ConnectorFault.THROTTLED),
        (504, ConnectorFault.SERVER_ERROR, ConnectorFault.UNCERTAIN),
        (599, ConnectorFault.VERSION, ConnectorFault.VERSION),
    ],
)
def test_the_status_decides_before_anything_is_parsed(
    status: int, for_a_read: ConnectorFault, for_a_write: ConnectorFault
) -> None:
    # Whatever the body says: a page, an answer that would do, or nothing.
    for body in (html(status).body, b"") if status == 500 else (html(status).body, NODES.body, DONE.body, b""):
        for use, expected in ((read, for_a_read), (write, for_a_write)):
            error = trouble(Reply(body, status), use)
            assert error.fault is expected
            assert str(status) in error.detail


def test_a_page_with_status_200_is_no_answer() -> None:
    page = Reply(b" <!-- one --> <!-- two -->\n<!DOCTYPE html><html></html>")
    assert trouble(page).fault is ConnectorFault.PROTOCOL
    assert "HTML page" in trouble(page).detail
    assert trouble(page, write).fault is ConnectorFault.UNCERTAIN


def test_a_page_of_nothing_but_comments_costs_no_time() -> None:
    assert trouble(Reply(b"<!---->" * 50_000 + b"<Envelope>")).fault is ConnectorFault.PROTOCOL


def test_redirects_are_told_and_never_followed() -> None:
    with soap_server(routes(listProcessNode=NODES)) as other:
        place = f"https://127.0.0.1:{other.port}/axl/"
        error = trouble(Reply(status=307, headers=(("Location", place),)))
        assert place in error.detail
        assert not other.asked
    hidden = trouble(Reply(status=301, headers=(("Location", f"/?p={PASSWORD}"),)))
    assert "[secret]" in hidden.detail


def test_proxies_and_netrc_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nothing")
    with soap_server(routes(listProcessNode=NODES)) as server, axl_client(server) as client:
        assert client.nodes()


# Cookies.


def test_only_the_session_cookie_comes_back() -> None:
    cookies = (
        ("Set-Cookie", "JSESSIONID=other; Path=/"),
        ("Set-Cookie", f"{SESSION_COOKIE}=ABC123; Path=/; Secure; HttpOnly"),
        ("Set-Cookie", "bad\x01=;;;"),
    )
    with (
        soap_server(routes(listProcessNode=Reply(NODES.body, headers=cookies))) as server,
        axl_client(server) as client,
    ):
        client.nodes()
        client.nodes()
        assert [one.headers.get("cookie") for one in server.asked] == [None, None, f"{SESSION_COOKIE}=ABC123"]
        assert ["authorization" in one.headers for one in server.asked] == [True, True, False]


@pytest.mark.parametrize("value", ['"a b"', '"a\\015\\012X: y"', "", "x" * 600])
def test_a_cookie_that_could_end_a_header_is_not_sent_back(value: str) -> None:
    reply = Reply(NODES.body, headers=(("Set-Cookie", f"{SESSION_COOKIE}={value}; Path=/"),))
    with soap_server(routes(listProcessNode=reply)) as server, axl_client(server) as client:
        client.nodes()
        client.nodes()
        assert all("cookie" not in one.headers for one in server.asked)


# Words of the server.


def test_no_secret_that_a_server_repeats_is_shown() -> None:
    basic = "YXhsLXVzZXI6Y29ycmVjdCBob3JzZSBiYXR0ZXJ5"

    def echo(asked: Asked) -> Reply:
        words = f"{asked.headers.get('authorization')} {PASSWORD} \x1b[31m"
        return fault(words.replace("\x1b", "&"), 5003, faultcode=PASSWORD)

    with soap_server(routes(listProcessNode=echo)) as server, axl_client(server) as client:
        with pytest.raises(AxlError) as found:
            client.nodes()
        check_told(found.value, ConnectorFault.REFUSED, "AXL", basic)
        assert found.value.detail.count("[secret]") == 2
        # Nor is one in what another process is told.
        again = pickle.loads(pickle.dumps(found.value))  # noqa: S301 - our own bytes
        assert (str(again), again.fault, again.code) == (str(found.value), found.value.fault, 5003)


def test_nor_is_an_authentication_string_that_is_sent() -> None:
    digits = "8642097531"

    def echo(asked: Asked) -> Reply:
        return fault(f"{asked.text('authenticationString')} is no good", 5003)

    with (
        soap_server(routes(updatePhone=echo, listProcessNode=fault(digits, 5003))) as server,
        axl_client(server) as client,
    ):
        with pytest.raises(AxlError, match=r"\[secret\] is no good") as found:
            client.update_phone("SEP1", PhoneChange(authentication_string=Secret(digits)))
        check_told(found.value, ConnectorFault.REFUSED, "AXL", digits)
        # Only while it is sent: afterwards the same digits are just a number.
        with pytest.raises(AxlError, match=digits):
            client.nodes()


@pytest.mark.parametrize("length", [10, 100_000])
def test_the_words_of_a_server_stay_one_short_line(length: int) -> None:
    error = trouble(fault("word\n\t\u202e" * length, 5003))
    assert str(error).isprintable()
    # What is escaped takes more room.
    assert len(str(error)) < 10 * MAX_DETAIL_CHARACTERS


# What counts as a change.


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        *((name, False) for name in ("getPhone", "listChange", "executeSQLQuery", "selectCmDeviceExt")),
        *((name, True) for name in ("updatePhone", "executeSQLUpdate", "doDeviceReset", "wipePhone", "soapDoControl")),
    ],
)
def test_what_is_not_known_to_change_nothing_is_a_change(operation: str, changes: bool) -> None:
    assert is_write(operation) is changes


# What zeep could do and must not.


def test_the_transport_fetches_nothing() -> None:
    with soap_server(routes()) as server, axl_client(server) as client:
        transport = client._session._client.transport
        assert isinstance(transport, SoapTransport)
        fetches: list[Callable[[], object]] = [
            lambda: transport.load("https://127.0.0.1/x.xsd"),
            lambda: transport.get("https://127.0.0.1/x", {}, {}),
        ]
        for fetch in fetches:
            with pytest.raises(AxlError) as found:
                fetch()
            assert found.value.fault is ConnectorFault.INVALID
        assert not server.asked


@pytest.mark.parametrize(
    "change",
    [
        {"timeout_seconds": 0.0},
        {"max_wait_seconds": -1.0},
        {"writes_per_second": 0.0},
        {"writes_per_second": 5.1},
        {"page_size": 0},
        {"page_size": 10_001},
        {"max_answer_bytes": 0},
        {"username": ""},
        {"username": "a:b"},
        {"username": "a\nb"},
        {"version": "10.5"},
        {"timeout_seconds": float("nan")},
    ],
)
def test_settings_that_make_no_sense(change: dict[str, object]) -> None:
    with soap_server(routes()) as server, pytest.raises(ValueError, match=r"must|is one of|user name"):
        axl_settings(server, **change)


def test_a_user_name_and_a_password_of_any_letters() -> None:
    with (
        soap_server(routes(listProcessNode=NODES)) as server,
        axl_client(server, username="Jörg", password=Secret("pä:ß")) as client,
    ):
        client.nodes()
        assert server.asked[0].headers["authorization"] == "Basic SsO2cmc6cMOkOsOf"


def test_a_ca_file_that_is_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    with soap_server(routes()) as server:
        tls = TlsTrust(ca_file=tmp_path_factory.mktemp("ca") / "missing.pem")
        with axl_client(server, tls=tls) as client, pytest.raises(AxlError) as found:
            client.version()
    check_told(found.value, ConnectorFault.TLS, "AXL")
