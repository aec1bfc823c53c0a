"""The certificate API client against a server that does what no node should: each trouble is named, nothing hangs."""

import gzip

import pytest

from ctlctl.connectors.certificate_api import SNAPSHOT, CertificateApiClient
from ctlctl.connectors.certificate_api_ports import CertificateApiError, CertificateApiSettings
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.ports import TlsTrust
from support.nodeclients import certificate_api, json_reply, node_settings
from support.servers import make_identity
from support.soap import PASSWORD, Asked, Reply, check_told, html, soap_server

pytestmark = pytest.mark.timeout(40)

EMPTY = {"server": "pub", "identities": [], "trusts": []}
GOOD = json_reply(EMPTY)


def trouble(reply: Reply, **settings: object) -> CertificateApiError:
    with soap_server(lambda _: reply) as server, certificate_api(server, **settings) as client:
        with pytest.raises(CertificateApiError) as found:
            client.snapshot()
        assert len(server.asked) == 1
    check_told(found.value, found.value.fault, "certificate API")
    return found.value


def test_what_is_asked() -> None:
    asked: list[Asked] = []
    lines: list[str] = []

    def script(one: Asked) -> Reply:
        asked.append(one)
        lines.extend(one.headers)
        return GOOD

    with soap_server(script) as server, certificate_api(server) as client:
        assert client.snapshot().server == client.snapshot().server == "pub"
        assert server.connections == 1
    assert asked[0].headers["accept"] == "application/json"
    assert asked[0].headers["authorization"].startswith("Basic ")
    assert asked[0].body == b""
    assert "content-length" not in lines
    assert SNAPSHOT == "/platformcom/api/v1/certmgr/config/snapshot/server"


@pytest.mark.parametrize(
    "reply",
    [Reply(mute=True), Reply(GOOD.body, stall=True), Reply(GOOD.body * 40, drip=True)],
    ids=["mute", "stall", "drip"],
)
def test_an_answer_that_does_not_come_runs_out_of_time(reply: Reply) -> None:
    error = trouble(reply, timeout_seconds=3.0)
    assert error.fault is ConnectorFault.TIMEOUT
    assert "(3 seconds) ran out" in error.detail


ENDLESS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 2000 * (b"100\r\n" + b" " * 256 + b"\r\n")


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(b" " * 2000), ConnectorFault.TOO_LARGE, "more than the 1000 allowed"),
        (Reply(raw=ENDLESS), ConnectorFault.TOO_LARGE, "more than"),
        (
            Reply(gzip.compress(b" " * 300_000), headers=(("Content-Encoding", "gzip"),)),
            ConnectorFault.TOO_LARGE,
            "more than the 1000 bytes allowed",
        ),
        (Reply(GOOD.body[:-3]), ConnectorFault.PROTOCOL, "no JSON at all"),
        (Reply(b"[" * 900), ConnectorFault.PROTOCOL, "nested deeper"),
        (Reply(b"{}"), ConnectorFault.PROTOCOL, "neither identities nor trusts"),
        (html(200), ConnectorFault.PROTOCOL, "no JSON at all"),
        (Reply(raw=b"SSH-2.0-OpenSSH\r\n"), ConnectorFault.PROTOCOL, "not proper HTTP"),
        (Reply(hang_up=True), ConnectorFault.UNREACHABLE, ""),
        (Reply(b"", 302, (("Location", "https://elsewhere/\x1b[31m"),)), ConnectorFault.REDIRECT, "elsewhere"),
        (html(401), ConnectorFault.CREDENTIALS, "platform account 'axl-user'"),
        (json_reply({"message": "not you"}, 403), ConnectorFault.RIGHTS, "HTTP status 403: not you"),
        (html(404), ConnectorFault.UNSUPPORTED, "has no /platformcom"),
        (json_reply({"messages": ["wrong\nservice"]}, 400), ConnectorFault.REFUSED, "400: wrong\\x0aservice"),
        (json_reply({"messages": []}, 418), ConnectorFault.REFUSED, "(HTTP status 418)"),
        (html(503), ConnectorFault.THROTTLED, ""),
        (json_reply({}, 429), ConnectorFault.THROTTLED, ""),
        (html(500), ConnectorFault.SERVER_ERROR, ""),
        (Reply(b"", 204), ConnectorFault.PROTOCOL, "no usable answer"),
    ],
)
def test_every_trouble_has_its_name(reply: Reply, kind: ConnectorFault, words: str) -> None:
    error = trouble(reply, max_answer_bytes=1000)
    assert error.fault is kind
    assert words in error.detail


def test_half_an_answer() -> None:
    error = trouble(Reply(GOOD.body[:-3], headers=(("Content-Length", str(len(GOOD.body))),)))
    # It depends on how the server's TLS ends whether the connection broke or the answer did.
    assert error.fault in {ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE}


def test_a_refused_account_is_not_tried_again() -> None:
    with soap_server(lambda _: html(401)) as server, certificate_api(server) as client:
        for words in ("HTTP status 401", "nothing was sent"):
            with pytest.raises(CertificateApiError, match=words) as found:
                client.snapshot()
            check_told(found.value, ConnectorFault.CREDENTIALS, "certificate API")
        assert len(server.asked) == 1


def test_no_secret_that_a_node_repeats_is_shown_even_in_part() -> None:
    # So long that a cut would leave the beginning of the password.
    said = "x" * 190 + PASSWORD
    error = trouble(json_reply({"message": said}, 400))
    assert PASSWORD[:8] not in error.detail
    assert "[secret]" in error.detail


def test_nobody_else_gets_the_password(tmp_path_factory: pytest.TempPathFactory) -> None:
    with soap_server(lambda _: GOOD) as server:
        other = make_identity(tmp_path_factory.mktemp("other")).fingerprint
        with (
            certificate_api(server, tls=TlsTrust(sha256_pin=other)) as client,
            pytest.raises(CertificateApiError) as found,
        ):
            client.snapshot()
        assert not server.asked
    check_told(found.value, ConnectorFault.TLS, "certificate API")


@pytest.mark.parametrize(
    "change",
    [{"timeout_seconds": 0.0}, {"max_answer_bytes": 0}, {"username": "a:b"}, {"username": ""}, {"username": "a\n"}],
)
def test_settings_that_make_no_sense(change: dict[str, object]) -> None:
    with soap_server(lambda _: GOOD) as server, pytest.raises(ValueError, match=r"must|user name"):
        CertificateApiSettings(**node_settings(server, **change))  # type: ignore[arg-type]  # checked by the class


def test_a_host_that_cannot_be_is_said_before_anything_is_sent() -> None:
    with soap_server(lambda _: GOOD) as server:
        given = node_settings(server, host="no host")
        with pytest.raises(CertificateApiError) as found:
            CertificateApiClient(CertificateApiSettings(**given))  # type: ignore[arg-type]  # checked by the class
    assert found.value.fault is ConnectorFault.INVALID
