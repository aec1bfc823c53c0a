"""A phone's web server that behaves as badly as it likes: the visit ends in time, with a clear word for it."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import repeat
from pathlib import Path

import pytest

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.phone_web import PhoneWebError, PhoneWebSettings, Visited, sweep, visit
from ctlctl.connectors.phone_web_ports import STEPS_OF_A_VISIT
from ctlctl.connectors.phone_web_session import reading_context
from ctlctl.phonepages import PageFacts
from support.servers import TcpExchange, http_server, make_identity, tcp_server
from support.tlsservers import free_port

NAME = "SEP001122334455"
MD5 = "0123456789abcdef0123456789abcde0"
DEVICE = f"<DeviceInformation><HostName>{NAME}</HostName><versionID>sip88xx.14-2-1-0201</versionID></DeviceInformation>"
NETWORK = f"<NetworkConfiguration><CTLFile>{MD5}</CTLFile><ITLFile>Not Installed</ITLFile></NetworkConfiguration>"
FACTS = PageFacts(host_name=NAME, load="sip88xx.14-2-1-0201", ctl_hash=MD5, itl_hash="")
#: Seconds for connecting, where a visit must run out of time; a whole visit has three times that.
SHORT = 0.3
#: Seconds that anything here may take beyond that.
SLACK = 20.0

Handler = Callable[[TcpExchange], None]


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def path_of(exchange: TcpExchange) -> str:
    return exchange.head.split(b" ")[1].decode() if exchange.head else ""


def phone(pages: dict[str, bytes], asked: list[str] | None = None) -> Handler:
    """Return a phone with these pages, and no others."""

    def serve(exchange: TcpExchange) -> None:
        path = path_of(exchange)
        if asked is not None:
            asked.append(path)
        exchange.send(answer(pages[path]) if path in pages else answer(b"no", "404 Not Found"))

    return serve


GOOD = {"/DeviceInformationX": DEVICE.encode(), "/NetworkConfigurationX": NETWORK.encode()}
CONFIGURATION = "/CGI/Java/Serviceability?adapter=device.statistics.configuration"


def settings(plain: int, secure: int = 0, seconds: float = 5.0, max_bytes: int = 100_000) -> PhoneWebSettings:
    return PhoneWebSettings("hq", plain, secure or free_port(), seconds, max_bytes)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def fault(used: PhoneWebSettings, address: str = "127.0.0.1") -> PhoneWebError:
    begun = time.monotonic()
    with pytest.raises(PhoneWebError) as caught:
        visit(NAME, address, used)
    assert time.monotonic() - begun < used.visit_seconds + SLACK
    assert caught.value.node == NAME
    assert caught.value.advice
    return caught.value


class TestPages:
    def test_xml_pages_and_no_more_than_is_needed(self, stack: ExitStack) -> None:
        asked: list[str] = []
        port = stack.enter_context(http_server(phone(GOOD, asked)))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS
        assert asked == ["/DeviceInformationX", "/NetworkConfigurationX"]

    def test_the_html_page_tells_what_xml_does_not(self, stack: ExitStack) -> None:
        rows = f"<tr><td>CTL file</td><td></td><td>{MD5}</td></tr><tr><td>ITL signature</td><td>None</td></tr>"
        pages = {**GOOD, "/NetworkConfigurationX": f"<a><HostName>{NAME}</HostName></a>".encode()}
        port = stack.enter_context(http_server(phone({**pages, CONFIGURATION: rows.encode()})))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS

    @pytest.mark.parametrize(
        ("device", "network"),
        [
            ("/CGI/Java/Serviceability?adapter=device.statistics.device", CONFIGURATION),
            ("/localmenus.cgi?func=604", "/localmenus.cgi?func=219"),
            ("/Device_Information.html", "/Network_Setup.html"),
        ],
    )
    def test_other_families(self, stack: ExitStack, device: str, network: str) -> None:
        pages = {device: f"Host Name : {NAME}\r\n".encode(), network: f"CTL File : {MD5}\nITL File : None\n".encode()}
        port = stack.enter_context(http_server(phone(pages)))
        found = visit(NAME, "127.0.0.1", settings(port))
        assert (found.ctl_hash, found.itl_hash) == (MD5, "")

    def test_firmware_that_does_not_tell(self, stack: ExitStack) -> None:
        """No row is no word about the list: that is not known, and no fault."""
        port = stack.enter_context(http_server(phone({"/DeviceInformationX": DEVICE.encode()})))
        found = visit(NAME, "127.0.0.1", settings(port))
        assert (found.ctl_hash, found.itl_hash, found.load) == (None, None, FACTS.load)

    def test_the_network_page_may_have_a_name_that_dhcp_gave(self, stack: ExitStack) -> None:
        network = NETWORK.replace("<CTLFile>", "<HostName>desk-17</HostName><CTLFile>")
        port = stack.enter_context(http_server(phone({**GOOD, "/NetworkConfigurationX": network.encode()})))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS

    @pytest.mark.parametrize(("said", "expected"), [(NAME, None), ("SEP0A0B0C0D0E0F", ConnectorFault.WRONG_DEVICE)])
    def test_only_the_network_page_says_whose_it_is(
        self, stack: ExitStack, said: str, expected: ConnectorFault | None
    ) -> None:
        device = b"<DeviceInformation><versionID>sip88xx.14-2-1-0201</versionID></DeviceInformation>"
        network = NETWORK.replace("<CTLFile>", f"<HostName>{said}</HostName><CTLFile>").encode()
        port = stack.enter_context(
            http_server(phone({"/DeviceInformationX": device, "/NetworkConfigurationX": network}))
        )
        if expected is None:
            assert visit(NAME, "127.0.0.1", settings(port)) == FACTS
        else:
            assert fault(settings(port)).fault is expected

    def test_one_connection_is_enough_where_it_is_kept(self, stack: ExitStack) -> None:
        connections = []

        def serve(exchange: TcpExchange) -> None:
            connections.append(1)
            while not exchange.stop.is_set() and exchange.head:
                body = GOOD[path_of(exchange)]
                exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                exchange.head = b""
                exchange.read_head()

        port = stack.enter_context(http_server(serve))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS
        assert len(connections) == 1

    def test_a_connection_that_was_kept_and_is_gone(self, stack: ExitStack) -> None:
        """The server promises to keep it, and hangs up: the page is asked for again, on another one."""

        def serve(exchange: TcpExchange) -> None:
            body = GOOD[path_of(exchange)]
            exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        port = stack.enter_context(http_server(serve))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS

    def test_old_servers(self, stack: ExitStack) -> None:
        """HTTP/1.0, no length, the end is the end of the page; compressed though nobody asked for it."""

        def serve(exchange: TcpExchange) -> None:
            body = gzip.compress(GOOD[path_of(exchange)])
            exchange.send(b"HTTP/1.0 200 OK\r\nServer: Allegro\r\nContent-Encoding: gzip\r\n\r\n" + body)

        port = stack.enter_context(http_server(serve))
        assert visit(NAME, "127.0.0.1", settings(port)) == FACTS

    def test_nothing_secret_is_sent(self, stack: ExitStack) -> None:
        heads: list[bytes] = []

        def serve(exchange: TcpExchange) -> None:
            heads.append(exchange.head)
            exchange.send(answer(GOOD[path_of(exchange)], "200 OK", "Set-Cookie: session=1"))

        port = stack.enter_context(http_server(serve))
        visit(NAME, "127.0.0.1", settings(port))
        for head in heads:
            names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
            assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


class TestTls:
    @pytest.mark.parametrize("plain", ["closed", "hangs up", "redirects"])
    def test_https_where_http_is_not_served(self, stack: ExitStack, tmp_path: Path, plain: str) -> None:
        identity = make_identity(tmp_path / "phone", name="anybody", days=-1)
        secure = stack.enter_context(http_server(phone(GOOD), identity.context))
        handlers: dict[str, Handler] = {
            "hangs up": lambda _: None,
            "redirects": says(answer(b"", "302 Found", "Location: https://10.0.0.1/")),
        }
        port = free_port() if plain == "closed" else stack.enter_context(http_server(handlers[plain]))
        assert visit(NAME, "127.0.0.1", settings(port, secure)) == FACTS

    def test_only_some_pages_are_moved_to_https(self, stack: ExitStack, tmp_path: Path) -> None:
        secure = stack.enter_context(http_server(phone(GOOD), make_identity(tmp_path / "phone").context))

        def serve(exchange: TcpExchange) -> None:
            moved = answer(b"", "301 Moved", "Location: https://phone/")
            exchange.send(answer(DEVICE.encode()) if path_of(exchange) == "/DeviceInformationX" else moved)

        plain = stack.enter_context(http_server(serve))
        assert visit(NAME, "127.0.0.1", settings(plain, secure)) == FACTS

    def test_phones_of_any_age(self) -> None:
        context = reading_context()
        assert context.verify_mode is ssl.CERT_NONE
        assert context.minimum_version is ssl.TLSVersion.MINIMUM_SUPPORTED

    def test_what_answers_on_the_tls_port_is_no_tls(self, stack: ExitStack) -> None:
        secure = stack.enter_context(tcp_server(says(b"SSH-2.0-OpenSSH_9\r\n")))
        found = fault(settings(free_port(), secure))
        assert found.fault is ConnectorFault.TLS
        assert "Connection refused" in found.detail

    def test_a_handshake_that_never_ends(self, stack: ExitStack) -> None:
        secure = stack.enter_context(tcp_server(silent))
        assert fault(settings(free_port(), secure, seconds=SHORT)).fault is ConnectorFault.TIMEOUT


def drip(exchange: TcpExchange) -> None:
    exchange.drip([b"HTTP/1.1 200 OK\r\n", *(b"X: %d\r\n" % number for number in range(1000))])


def drip_body(exchange: TcpExchange) -> None:
    exchange.drip([b"HTTP/1.1 200 OK\r\n\r\n", *repeat(b"<td>", 1000)])


def endless_body(exchange: TcpExchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n\r\n")
    exchange.flood(b"<td>CTL file</td>" * 100)


def endless_header(exchange: TcpExchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nX: ")
    exchange.flood(b"x" * 10_000)


def endless_continue(exchange: TcpExchange) -> None:
    exchange.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def bomb(exchange: TcpExchange) -> None:
    exchange.send(answer(gzip.compress(bytes(50_000_000), 9), "200 OK", "Content-Encoding: gzip"))


def announced(exchange: TcpExchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")


def half(exchange: TcpExchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + DEVICE.encode())


def half_chunk(exchange: TcpExchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" + DEVICE.encode())


def says(text: bytes) -> Handler:
    def serve(exchange: TcpExchange) -> None:
        exchange.send(text)

    return serve


def silent(exchange: TcpExchange) -> None:
    exchange.stop.wait(60)


HOSTILE: Iterable[tuple[Handler, ConnectorFault]] = [
    (drip, ConnectorFault.TIMEOUT),
    (drip_body, ConnectorFault.TIMEOUT),
    (silent, ConnectorFault.TIMEOUT),
    (endless_body, ConnectorFault.TOO_LARGE),
    (endless_header, ConnectorFault.PROTOCOL),
    (endless_continue, ConnectorFault.TOO_LARGE),
    (bomb, ConnectorFault.TOO_LARGE),
    (announced, ConnectorFault.TOO_LARGE),
    (half, ConnectorFault.PROTOCOL),
    (half_chunk, ConnectorFault.PROTOCOL),
    (says(b"SSH-2.0-OpenSSH_9\r\n"), ConnectorFault.PROTOCOL),
    (says(b"\0\xff\x16\x03" * 20), ConnectorFault.PROTOCOL),
    (says(answer(b"hello")), ConnectorFault.PROTOCOL),
    (says(answer(DEVICE.replace("HostName", "Other").encode())), ConnectorFault.PROTOCOL),
    (says(answer(b"", "500 Internal Server Error")), ConnectorFault.SERVER_ERROR),
    (says(answer(b"", "301 Moved", "Location: http://127.0.0.2/DeviceInformationX")), ConnectorFault.REDIRECT),
    (says(answer(b"", "302 Found", "Location: /CGI/Java/Serviceability?adapter=login")), ConnectorFault.LOGIN),
    (says(answer(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="x"')), ConnectorFault.LOGIN),
    (says(answer(b"<form><input type=password></form>")), ConnectorFault.LOGIN),
    (says(answer(DEVICE.replace(NAME, "SEP001122334456").encode())), ConnectorFault.WRONG_DEVICE),
    (says(answer(b"<x><HostName>NPI112233</HostName><serialNumber>1</serialNumber></x>")), ConnectorFault.WRONG_DEVICE),
]


class TestHostile:
    @pytest.mark.parametrize(("handler", "expected"), HOSTILE)
    def test_a_server_of_any_kind(self, stack: ExitStack, handler: Handler, expected: ConnectorFault) -> None:
        port = stack.enter_context(http_server(handler))
        seconds = SHORT if expected is ConnectorFault.TIMEOUT else 5.0
        found = fault(settings(port, seconds=seconds))
        assert found.fault is expected, found
        assert str(found).isprintable()

    def test_a_later_page_that_drips(self, stack: ExitStack) -> None:
        """One deadline for all pages: the second cannot take what the first has left, over and over."""

        def serve(exchange: TcpExchange) -> None:
            if path_of(exchange) == "/DeviceInformationX":
                exchange.send(answer(DEVICE.encode()))
            else:
                drip(exchange)

        port = stack.enter_context(http_server(serve))
        assert fault(settings(port, seconds=SHORT)).fault is ConnectorFault.TIMEOUT

    def test_another_phone_is_asked_nothing_more(self, stack: ExitStack) -> None:
        asked: list[str] = []
        port = stack.enter_context(
            http_server(phone({**GOOD, "/DeviceInformationX": b"Host Name: SEP0A0B0C0D0E0F\n"}, asked))
        )
        found = fault(settings(port))
        assert "those of SEP0A0B0C0D0E0F, not of SEP001122334455" in found.detail
        assert "DHCP" in found.advice
        assert asked == ["/DeviceInformationX"]

    def test_nobody_there(self) -> None:
        found = fault(settings(free_port()))
        assert found.fault is ConnectorFault.UNREACHABLE
        assert found.detail.count("Connection refused") == 2
        assert "Web Access" in found.advice

    def test_no_address(self) -> None:
        assert fault(settings(80), "phone.example.com").fault is ConnectorFault.INVALID

    def test_a_listener_that_accepts_nothing(self) -> None:
        """As a firewall that drops: no answer to the connection at all."""
        with ExitStack() as opened:
            listener = opened.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            # The backlog of this listener is full now.
            for _ in range(2):
                waiting = opened.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            found = fault(settings(port, port, seconds=SHORT))
        assert found.fault is ConnectorFault.TIMEOUT
        assert f"no connection within {SHORT:g} seconds" in found.detail


class TestSweep:
    def test_each_phone_once_and_never_two_questions_to_one_address(self, stack: ExitStack) -> None:
        busy: dict[str, int] = {}
        most: dict[str, int] = {}
        lock = threading.Lock()

        def serve(exchange: TcpExchange) -> None:
            host = exchange.sock.getsockname()[0]
            with lock:
                busy[host] = busy.get(host, 0) + 1
                most[host] = max(most.get(host, 0), busy[host])
            time.sleep(0.01)
            with lock:
                busy[host] -= 1
            exchange.send(answer(GOOD[path_of(exchange)]))

        port = stack.enter_context(_many_at_once(serve))
        # Stale records: five names at each address, one of which is right.
        phones = [(f"SEP{number:012X}" if number % 5 else NAME, f"127.0.1.{number // 5 + 1}") for number in range(40)]
        outcomes = list(sweep(iter(phones), settings(port), concurrency=8))
        assert sorted(one.name for one in outcomes) == sorted(name for name, _ in phones)
        assert [one.result for one in outcomes if one.name == NAME] == [FACTS] * 8
        wrong = [one.result for one in outcomes if one.name != NAME]
        assert {one.fault for one in wrong if isinstance(one, PhoneWebError)} == {ConnectorFault.WRONG_DEVICE}
        assert len(wrong) == 32
        assert set(most.values()) == {1}

    def test_closing_it_ends_what_is_under_way(self, stack: ExitStack) -> None:
        port = stack.enter_context(_many_at_once(silent))
        names = ((f"SEP{number:012X}", f"127.0.2.{number % 200 + 1}") for number in range(1000))
        begun = time.monotonic()
        with closing(sweep(_first_fails(names), settings(port, seconds=20), concurrency=8)) as running:
            outcome = next(running)
        assert isinstance(outcome, Visited)
        assert time.monotonic() - begun < SLACK
        assert not [one for one in threading.enumerate() if one.name.startswith("phone-web")]

    @pytest.mark.parametrize("concurrency", [0, 501])
    def test_limits(self, concurrency: int) -> None:
        with pytest.raises(ValueError, match="concurrency"):
            sweep([], settings(80), concurrency=concurrency)
        with pytest.raises(ValueError, match="step_seconds"):
            PhoneWebSettings("hq", step_seconds=0)
        with pytest.raises(ValueError, match="max_bytes"):
            PhoneWebSettings("hq", max_bytes=0)

    def test_the_time_of_a_visit(self) -> None:
        assert settings(80, seconds=2).visit_seconds == 2 * STEPS_OF_A_VISIT


@contextmanager
def _many_at_once(handler: Handler) -> Iterator[int]:
    """Run a web server on every address of this machine that serves many connections at a time; yields its port."""
    stop = threading.Event()

    def one(sock: socket.socket) -> None:
        with sock, suppress(OSError):
            exchange = TcpExchange(sock, stop)
            exchange.read_head()
            handler(exchange)

    def run(listener: socket.socket, pool: ThreadPoolExecutor) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                pool.submit(one, listener.accept()[0])

    with socket.socket() as listener, ThreadPoolExecutor(64) as pool:
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - many addresses of 127/8
        listener.listen(128)
        listener.settimeout(0.02)
        thread = threading.Thread(target=run, args=(listener, pool))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _first_fails(phones: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield "SEP000000000000", "not an address"
    yield from phones
