"""Fetching over HTTP and HTTPS, on real sockets, from servers that misbehave."""

import gzip
import itertools
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctlctl.connectors import FetchError, FetchFault, FetchLimits, FetchTarget, Scheme, TlsTrust, fetch
from support.servers import Identity, TcpExchange, http_server, make_identity, tcp_server

CONTENT = bytes(range(256)) * 30
LIMITS = FetchLimits(max_bytes=100_000, deadline_seconds=60.0)
# For servers that never come to an end by themselves.
SHORT = replace(LIMITS, deadline_seconds=0.5)

Handler = Callable[[TcpExchange], None]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("identity"))


def get(
    port: int,
    limits: FetchLimits = LIMITS,
    *,
    scheme: Scheme = "http",
    host: str = "127.0.0.1",
    name: str = "CTLFile.tlv",
    tls: TlsTrust | None = None,
) -> bytes:
    return fetch(FetchTarget(scheme, host, port, name), limits, tls or TlsTrust())


def answer(*headers: str, status: str = "200 OK", body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1") + body


def whole(body: bytes = CONTENT, *headers: str) -> bytes:
    return answer(f"Content-Length: {len(body)}", *headers, body=body)


def sends(data: bytes) -> Handler:
    def handler(exchange: TcpExchange) -> None:
        exchange.send(data)

    return handler


def hangs_up(exchange: TcpExchange) -> None:
    """Leave without a word."""
    del exchange


def fault_of(handler: Handler, limits: FetchLimits = LIMITS) -> FetchError:
    with http_server(handler) as port, pytest.raises(FetchError) as caught:
        get(port, limits)
    assert caught.value.endpoint == f"127.0.0.1:{port}"
    assert str(caught.value).isprintable()
    return caught.value


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# --- what goes well --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        whole(),
        answer(body=CONTENT),
        answer("Transfer-Encoding: chunked", body=chunk(CONTENT[:5]) + chunk(CONTENT[5:]) + b"0\r\n\r\n"),
        b"HTTP/1.0 200 OK\r\n\r\n" + CONTENT,
        b"HTTP/1.1 100 Continue\r\n\r\n" + whole(),
        whole(gzip.compress(CONTENT), "Content-Encoding: gzip"),
        whole(gzip.compress(CONTENT), "Content-Encoding: X-GZIP"),
        whole(zlib.compress(CONTENT), "Content-Encoding: deflate"),
        whole(zlib.compress(CONTENT, wbits=-15), "Content-Encoding: deflate"),
        whole(CONTENT, "Content-Encoding: identity"),
        whole(CONTENT, f"Content-Length: {len(CONTENT)}"),
    ],
)
def test_gets_the_file_however_it_is_framed(data: bytes) -> None:
    with http_server(sends(data)) as port:
        assert get(port) == CONTENT


def test_an_empty_file_is_a_success() -> None:
    for data in (whole(b""), answer(), whole(b"", "Content-Encoding: gzip")):
        with http_server(sends(data)) as port:
            assert get(port) == b""


def test_a_file_of_just_the_allowed_size_is_fine() -> None:
    limits = replace(LIMITS, max_bytes=len(CONTENT))
    for data in (whole(), answer(body=CONTENT), whole(gzip.compress(CONTENT), "Content-Encoding: gzip")):
        with http_server(sends(data)) as port:
            assert get(port, limits) == CONTENT


def test_asks_for_just_that_file_unencoded() -> None:
    heads: list[bytes] = []

    def handler(exchange: TcpExchange) -> None:
        heads.append(exchange.head)
        exchange.send(whole())

    with http_server(handler) as port:
        get(port, name="New_Zealand/with blank?.sgn")
    request, *headers = heads[0].decode().removesuffix("\r\n\r\n").split("\r\n")
    assert request == "GET /New_Zealand/with%20blank%3F.sgn HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in headers
    assert "Accept-Encoding: identity" in headers
    assert "Connection: close" in headers


def test_works_over_ipv6() -> None:
    with http_server(sends(whole()), host="::1") as port:
        assert get(port, host="::1") == CONTENT


def test_a_second_address_of_the_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(sends(whole())) as port:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.3", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)
        assert get(port, host="two-addresses") == CONTENT


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    heads: list[bytes] = []

    def handler(exchange: TcpExchange) -> None:
        heads.append(exchange.head)
        exchange.send(whole())

    def trap(exchange: TcpExchange) -> None:
        raise AssertionError(f"a proxy was asked: {exchange.head!r}")

    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login admin password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    with http_server(trap) as proxy, http_server(handler) as port:
        for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setenv("no_proxy", "")
        assert get(port) == CONTENT
    assert b"uthorization" not in heads[0]


# --- answers that are no file ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        ("404 Not Found", FetchFault.NOT_FOUND),
        ("410 Gone", FetchFault.NOT_FOUND),
        ("401 Unauthorized", FetchFault.DENIED),
        ("403 Forbidden", FetchFault.DENIED),
        ("500 Internal Server Error", FetchFault.SERVER_ERROR),
        ("503", FetchFault.SERVER_ERROR),
        ("304 Not Modified", FetchFault.REDIRECT),
        ("204 No Content", FetchFault.PROTOCOL),
        ("206 Partial Content", FetchFault.PROTOCOL),
        ("400 Bad Request", FetchFault.PROTOCOL),
        ("103 Early Hints", FetchFault.PROTOCOL),
        ("418 \x1b[31mteapot", FetchFault.PROTOCOL),
    ],
)
def test_only_status_200_is_a_file(status: str, fault: FetchFault) -> None:
    error = fault_of(sends(answer("Content-Length: 4", status=status, body=b"body")))
    assert error.fault is fault
    assert status[:3] in error.detail


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed_but_shown(status: str) -> None:
    def trap(exchange: TcpExchange) -> None:
        raise AssertionError(f"the redirect was followed: {exchange.head!r}")

    with http_server(trap) as other:
        place = f"http://127.0.0.1:{other}/\x1b[2Jx"
        error = fault_of(sends(answer(f"Location: {place}", "Content-Length: 0", status=status)))
    assert error.fault is FetchFault.REDIRECT
    assert f"http://127.0.0.1:{other}/\\x1b[2Jx" in error.detail


@pytest.mark.parametrize(
    "data",
    [
        b"220 ftp ready\r\n",
        b"\x16\x03\x01\x00\x02",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        answer("Content-Length: many", body=CONTENT),
        answer("Content-Length: -1", body=CONTENT),
        answer("Content-Length: +5", body=CONTENT),
        answer("Content-Length: 5", "Content-Length: 6", body=CONTENT),
        answer("Transfer-Encoding: chunked", body=b"zz\r\n"),
        answer("Transfer-Encoding: chunked", body=b"-5\r\nabc"),
        whole(CONTENT, "Content-Encoding: br"),
        whole(CONTENT, "Content-Encoding: gzip, gzip"),
        whole(CONTENT, "Content-Encoding: gzip", "Content-Encoding: deflate"),
        whole(CONTENT, "Content-Encoding: \x1b[31m"),
        whole(CONTENT, "Content-Encoding: gzip"),
        whole(CONTENT, "Content-Encoding: deflate"),
        whole(gzip.compress(CONTENT)[:-9], "Content-Encoding: gzip"),
        whole(gzip.compress(CONTENT) + b"more", "Content-Encoding: gzip"),
        whole(gzip.compress(CONTENT) * 2, "Content-Encoding: gzip"),
    ],
)
def test_an_answer_that_is_not_proper_is_one_clear_error(data: bytes) -> None:
    assert fault_of(sends(data)).fault is FetchFault.PROTOCOL


@pytest.mark.parametrize(
    "data",
    [
        answer(f"Content-Length: {len(CONTENT) + 1}", body=CONTENT),
        answer("Content-Length: 5"),
        answer("Transfer-Encoding: chunked", body=chunk(CONTENT)),
        answer("Transfer-Encoding: chunked", body=b"ff\r\nshort"),
        answer("Transfer-Encoding: chunked", body=chunk(CONTENT) + b"5\r\nab"),
    ],
)
def test_a_file_that_ends_early_is_an_error(data: bytes) -> None:
    error = fault_of(sends(data))
    assert error.fault is FetchFault.PROTOCOL
    assert "half an answer" in error.detail or "ended" in error.detail


def test_a_server_that_hangs_up_is_unreachable() -> None:
    error = fault_of(hangs_up)
    assert error.fault is FetchFault.UNREACHABLE
    assert "before an answer" in error.detail


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        get(port)
    assert caught.value.fault is FetchFault.UNREACHABLE
    assert "127.0.0.1: Connection refused" in caught.value.detail


# --- too much --------------------------------------------------------------------------------------------------


def test_a_length_above_the_cap_is_refused_before_the_body_comes() -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.send(answer("Content-Length: 100001"))
        exchange.stop.wait()

    error = fault_of(handler)
    assert error.fault is FetchFault.TOO_LARGE
    assert "100001" in error.detail


def test_a_length_of_a_thousand_digits_is_too_large_too() -> None:
    assert fault_of(sends(answer("Content-Length: " + "9" * 1000))).fault is FetchFault.TOO_LARGE
    assert fault_of(sends(answer("Content-Length: " + "9" * 5000))).fault is FetchFault.TOO_LARGE


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (answer(), bytes(10_000)),
        (answer("Transfer-Encoding: chunked"), chunk(bytes(10_000))),
        (answer("Transfer-Encoding: chunked"), chunk(b"x")),
        (answer("Transfer-Encoding: chunked", body=b"7fffffffffffffff\r\n"), bytes(10_000)),
        (answer("Transfer-Encoding: chunked", body=b"-1\r\n"), bytes(10_000)),
        (answer("Transfer-Encoding: chunked", body=b"0\r\n"), b"Trailer: x\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (answer("Content-Encoding: gzip"), gzip.compress(bytes(10_000))[:10] + bytes(10_000)),
    ],
)
def test_an_endless_answer_ends_at_the_cap(head: bytes, piece: bytes) -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.send(head)
        exchange.flood(piece)

    assert fault_of(handler).fault in {FetchFault.TOO_LARGE, FetchFault.PROTOCOL}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_never_inflates_past_the_cap(encoding: str) -> None:
    huge = bytes(64 * 1024 * 1024)
    bomb = gzip.compress(huge, 9) if encoding == "gzip" else zlib.compress(huge, 9)
    assert len(bomb) < LIMITS.max_bytes
    tracemalloc.start()
    try:
        error = fault_of(sends(whole(bomb, f"Content-Encoding: {encoding}")))
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.fault is FetchFault.TOO_LARGE
    assert most_bytes < 8 * 1024 * 1024


# --- too slow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (answer("Content-Length: 100000"), b"z"),
        (answer(), b"z"),
        (answer("Transfer-Encoding: chunked"), b"1\r\nz\r\n"),
        (answer("Transfer-Encoding: chunked", body=b"0\r\n"), b"T: z\r\n"),
    ],
)
def test_a_server_that_drips_meets_the_deadline(first: bytes, piece: bytes) -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.drip(itertools.chain([first], itertools.repeat(piece)))

    error = fault_of(handler, SHORT)
    assert error.fault is FetchFault.TIMEOUT
    assert "0.5 seconds" in error.detail


def test_a_silent_server_meets_the_deadline() -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.stop.wait()

    assert fault_of(handler, SHORT).fault is FetchFault.TIMEOUT


def test_a_connection_nobody_accepts_meets_the_deadline() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        queued = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(3)]
        for sock in queued:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        with pytest.raises(FetchError) as caught:
            get(port, SHORT)
        for sock in queued:
            sock.close()
    assert caught.value.fault is FetchFault.TIMEOUT


# --- TLS -------------------------------------------------------------------------------------------------------


def tls_fault(
    identity: Identity, tls: TlsTrust, *, host: str = "localhost", handler: Handler | None = None
) -> FetchError:
    def trap(exchange: TcpExchange) -> None:
        exchange.read_head()
        assert not exchange.head, "a request went to a server that had not proved itself"

    with (
        tcp_server(handler or trap, identity.context) as port,
        pytest.raises(FetchError) as caught,
    ):
        get(port, scheme="https", host=host, tls=tls)
    assert str(caught.value).isprintable()
    return caught.value


def shown(fingerprint: bytes) -> str:
    return fingerprint.hex(":").upper()


def test_the_pinned_certificate_is_trusted_under_any_name(identity: Identity) -> None:
    tls = TlsTrust.pinned(shown(identity.fingerprint))
    with http_server(sends(whole()), identity.context) as port:
        assert get(port, scheme="https", host="127.0.0.1", tls=tls) == CONTENT
        assert get(port, scheme="https", host="localhost", tls=tls) == CONTENT


def test_an_expired_certificate_is_trusted_when_it_is_pinned(tmp_path: Path) -> None:
    expired = make_identity(tmp_path, days=-1)
    with http_server(sends(whole()), expired.context) as port:
        assert get(port, scheme="https", tls=TlsTrust(sha256_pin=expired.fingerprint)) == CONTENT


def test_another_certificate_than_the_pinned_one_gets_no_request(identity: Identity) -> None:
    error = tls_fault(identity, TlsTrust(sha256_pin=bytes(32)))
    assert error.fault is FetchFault.TLS
    assert shown(identity.fingerprint) in error.detail


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_certificate_in_the_ca_file_is_trusted(identity: Identity, tmp_path: Path, form: str) -> None:
    ca_file = identity.certificate_file
    if form == "der":
        ca_file = tmp_path / "node.der"
        ca_file.write_bytes(ssl.PEM_cert_to_DER_cert(identity.certificate_file.read_text()))
    with http_server(sends(whole()), identity.context) as port:
        assert get(port, scheme="https", host="localhost", tls=TlsTrust(ca_file=ca_file)) == CONTENT


def test_a_name_that_is_not_in_the_certificate_is_refused(identity: Identity) -> None:
    error = tls_fault(identity, TlsTrust(ca_file=identity.certificate_file), host="127.0.0.1")
    assert error.fault is FetchFault.TLS
    assert "127.0.0.1" in error.detail
    assert shown(identity.fingerprint) in error.detail
    assert "--tls-pin" in error.advice


def test_a_certificate_nobody_vouches_for_is_shown_with_its_fingerprint(identity: Identity) -> None:
    error = tls_fault(identity, TlsTrust())
    assert error.fault is FetchFault.TLS
    assert "no known authority" in error.detail
    assert shown(identity.fingerprint) in error.detail
    assert "--tls-pin" in error.advice
    assert "--tls-ca" in error.advice


def test_another_authority_does_not_vouch(identity: Identity, tmp_path: Path) -> None:
    other = make_identity(tmp_path)
    error = tls_fault(identity, TlsTrust(ca_file=other.certificate_file))
    assert error.fault is FetchFault.TLS
    assert shown(identity.fingerprint) in error.detail


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    expired = make_identity(tmp_path, days=-1)
    error = tls_fault(expired, TlsTrust(ca_file=expired.certificate_file))
    assert error.fault is FetchFault.TLS
    assert "expired" in error.detail


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN nonsense", b"\x30\x03junk", "-----BEGIN ü".encode()])
def test_a_ca_file_that_is_none_says_so(tmp_path: Path, content: bytes | None) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_bytes(content)
    with pytest.raises(FetchError) as caught:
        get(9, scheme="https", tls=TlsTrust(ca_file=ca_file))
    assert caught.value.fault is FetchFault.TLS
    assert str(ca_file) in str(caught.value)


def test_a_port_that_does_not_speak_tls_says_so() -> None:
    with tcp_server(sends(b"220 plain words\r\n" * 10)) as port, pytest.raises(FetchError) as caught:
        get(port, scheme="https")
    assert caught.value.fault is FetchFault.TLS
    assert "6971" in caught.value.advice


def test_a_server_that_hangs_up_in_the_handshake_is_an_error() -> None:
    with tcp_server(hangs_up) as port, pytest.raises(FetchError) as caught:
        get(port, scheme="https")
    assert caught.value.fault in {FetchFault.TLS, FetchFault.UNREACHABLE}


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03\x40\x00"])
def test_a_handshake_that_never_ends_meets_the_deadline(first: bytes) -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.send(first)
        exchange.drip(itertools.repeat(b"\x02" if first else b""))

    with tcp_server(handler) as port, pytest.raises(FetchError) as caught:
        get(port, replace(SHORT, deadline_seconds=3.0), scheme="https")
    assert caught.value.fault is FetchFault.TIMEOUT
    assert "handshake" in caught.value.detail


def test_a_file_cut_off_under_tls_is_not_taken_for_whole(identity: Identity) -> None:
    """Without a Content-Length only TLS's own end mark tells the end from a cut."""

    def cut(exchange: TcpExchange) -> None:
        exchange.send(answer(body=CONTENT))
        exchange.sock.shutdown(socket.SHUT_RDWR)

    error = tls_fault(identity, TlsTrust(sha256_pin=identity.fingerprint), handler=cut)
    assert error.fault is FetchFault.UNREACHABLE
    assert "in the middle" in error.detail


def test_a_proper_end_under_tls_is_one(identity: Identity) -> None:
    def end(exchange: TcpExchange) -> None:
        exchange.send(answer(body=CONTENT))
        assert isinstance(exchange.sock, ssl.SSLSocket)
        exchange.sock.unwrap()

    with http_server(end, identity.context) as port:
        assert get(port, scheme="https", tls=TlsTrust(sha256_pin=identity.fingerprint)) == CONTENT


def test_a_body_dripped_under_tls_meets_the_deadline(identity: Identity) -> None:
    def handler(exchange: TcpExchange) -> None:
        exchange.drip(itertools.chain([answer("Content-Length: 100000")], itertools.repeat(b"z")))

    with http_server(handler, identity.context) as port, pytest.raises(FetchError) as caught:
        get(port, SHORT, scheme="https", tls=TlsTrust(sha256_pin=identity.fingerprint))
    assert caught.value.fault is FetchFault.TIMEOUT
