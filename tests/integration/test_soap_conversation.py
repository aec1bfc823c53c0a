"""The SOAP client against a server that does what no CUCM should: every error is named, and nothing waits for ever."""

import gzip
import pickle
import zlib
from collections.abc import Callable

import pytest

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlError
from ctlctl.connectors.errors import MAX_DETAIL_CHARACTERS, ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap import SESSION_COOKIE, SoapTransport
from support.servers import make_identity
from support.soap import (
    PASSWORD,
    Asked,
    Reply,
    answer,
    axl_client,
    axl_settings,
    check_told,
    envelope,
    fault,
    html,
    routes,
    soap_server,
)

SHORT = 0.5
LIMIT = 20_000
NODES = answer("listProcessNode", "<processNode><name>pub</name></processNode>")
DONE = answer("applyPhone", "{12345678-90AB-CDEF-1234-567890ABCDEF}")

# The servers hold a connection for a minute: a test that waits for that fails.
pytestmark = pytest.mark.timeout(40)

Use = Callable[[AxlClient], object]


def read(client: AxlClient) -> object:
    return client.nodes()


def write(client: AxlClient) -> object:
    client.apply_phone("SEP001122334455")
    return None


def trouble(reply: Reply, use: Use = read, **settings: object) -> AxlError:
    """Return the error of one operation that is answered so; everything before it works."""
    with (
        soap_server(routes(listProcessNode=reply, applyPhone=reply)) as server,
        axl_client(server, None, **{"max_wait_seconds": 0} | settings) as client,
        pytest.raises(AxlError) as found,
    ):
        use(client)
    assert len(server.asked) == 2
    check_told(found.value, found.value.fault, "AXL")
    return found.value


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


def test_a_connection_that_was_closed_meanwhile_is_not_used_for_a_write() -> None:
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


# Size and encoding.


def chunked(body: bytes, size: int = 4096) -> Reply:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    return Reply(framed, headers=(("Transfer-Encoding", "chunked"),))


def zipped(body: bytes) -> Reply:
    return Reply(gzip.compress(body), headers=(("Content-Encoding", "gzip"),))


@pytest.mark.parametrize("reply", [chunked(NODES.body, 7), zipped(NODES.body)], ids=["chunks", "gzip"])
def test_other_forms_of_the_same_answer(reply: Reply) -> None:
    with soap_server(routes(listProcessNode=reply)) as server, axl_client(server) as client:
        assert [node.name for node in client.nodes()] == ["pub"]


HUGE = envelope("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(HUGE),
        chunked(HUGE),
        chunked(b"y" * 1_000_000, 1),
        zipped(HUGE),
        zipped(bytes(50_000_000)),
        Reply(headers=(("Content-Length", "9" * 40),)),
    ],
    ids=["plain", "chunks", "tiny-chunks", "gzip", "gzip-bomb", "announced"],
)
def test_an_answer_over_the_limit(reply: Reply) -> None:
    error = trouble(reply, max_answer_bytes=LIMIT)
    assert error.fault is ConnectorFault.TOO_LARGE
    assert "page_size" in error.advice
    assert trouble(reply, write, max_answer_bytes=LIMIT).fault is ConnectorFault.UNCERTAIN


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(NODES.body, headers=(("Content-Length", f"{len(NODES.body) + 5}"),)), "half an answer|broke|ended"),
        (Reply(NODES.body, headers=(("Content-Length", "12x"),)), "Content-Length"),
        (Reply(NODES.body, headers=(("Content-Length", "12"), ("Content-Length", "13"))), "Content-Length"),
        (Reply(NODES.body, headers=(("Content-Encoding", "br"),)), "never asked for"),
        (Reply(b"no gzip", headers=(("Content-Encoding", "gzip"),)), "damaged"),
        (Reply(gzip.compress(NODES.body)[:-9], headers=(("Content-Encoding", "gzip"),)), "ended early"),
        (Reply(zlib.compress(NODES.body), headers=(("Content-Encoding", "gzip"),)), "damaged"),
        (Reply(b"zz\r\n", headers=(("Transfer-Encoding", "chunked"),)), "answer"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.9\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 two hundred\r\n\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"), "not proper HTTP"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\n"), "half|broke|ended|empty|no XML"),
        (Reply(b""), "no XML"),
        (Reply(b"{}"), "no XML"),
        (Reply(envelope("")), "empty envelope"),
        (Reply(b"<a/>"), "no SOAP envelope"),
        (answer("listPhone"), "something else"),
    ],
)
def test_an_answer_that_is_none(reply: Reply, words: str) -> None:
    with pytest.raises(AxlError, match=words):
        raise trouble(reply, timeout_seconds=5.0)
    assert trouble(reply, timeout_seconds=5.0).fault in {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}
    assert trouble(reply, write, timeout_seconds=5.0).fault is ConnectorFault.UNCERTAIN


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


@pytest.mark.parametrize("length", [10, 100_000])
def test_the_words_of_a_server_stay_one_short_line(length: int) -> None:
    error = trouble(fault("word\n\t\u202e" * length, 5003))
    assert str(error).isprintable()
    # What is escaped takes more room.
    assert len(str(error)) < 10 * MAX_DETAIL_CHARACTERS


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
