"""What a port presents, whatever it is: old, expired, short of keys, silent, or no TLS at all."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.tls_probe import (
    MAX_CONCURRENCY,
    Presented,
    ProbeFault,
    ProbeTarget,
    TlsProbeError,
    probe,
    resolves,
    sweep,
)
from support.pki import plan
from support.servers import TcpExchange, make_identity, tcp_server
from support.tlsservers import everywhere, free_port, half_handshake, openssl_server, write_certificate

# Seconds that a probe which must run out of time is given.
SHORT = 0.4
# Seconds for one that must not.
LONG = 20.0

Look = Callable[..., Presented]


def one_of_a_sweep(host: str, port: int, seconds: float = LONG) -> Presented:
    (outcome,) = sweep([ProbeTarget(host, port)], timeout_seconds=seconds)
    if isinstance(outcome.result, TlsProbeError):
        raise outcome.result
    return outcome.result


def alone(host: str, port: int, seconds: float = LONG) -> Presented:
    return probe(host, port, seconds)


@pytest.fixture(params=[alone, one_of_a_sweep])
def look(request: pytest.FixtureRequest) -> Look:
    chosen: Look = request.param
    return chosen


def say_nothing(exchange: TcpExchange) -> None:
    exchange.stop.wait(LONG)


def fault(look: Look, port: int, seconds: float = LONG, host: str = "127.0.0.1") -> TlsProbeError:
    with pytest.raises(TlsProbeError) as caught:
        look(host, port, seconds)
    return caught.value


@pytest.fixture
def modern(tmp_path: Path) -> ssl.SSLContext:
    return make_identity(tmp_path / "modern").context


class TestWhatIsPresented:
    def test_a_server_of_today(self, look: Look, tmp_path: Path) -> None:
        identity = make_identity(tmp_path)
        with tcp_server(lambda _: None, identity.context) as port:
            found = look("127.0.0.1", port)
        assert (found.sha256, found.tls_version, found.completed) == (identity.fingerprint, "TLSv1.3", True)
        assert found.chain == (found.leaf,)
        assert found.fingerprint == identity.fingerprint.hex(":").upper()
        assert found.cipher is not None

    def test_an_expired_certificate(self, look: Look, tmp_path: Path) -> None:
        identity = make_identity(tmp_path, days=-1)
        with tcp_server(lambda _: None, identity.context) as port:
            assert look("127.0.0.1", port).sha256 == identity.fingerprint

    @pytest.mark.parametrize(("version", "shown"), [("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1"), ("-tls1_2", "TLSv1.2")])
    def test_an_old_phone(self, look: Look, tmp_path: Path, version: str, shown: str) -> None:
        """A 79xx: TLS 1.0, a key of 1,024 bits, SHA-1, ended long ago."""
        old = plan("SEP001122334455", "rsa1024-a", digest="sha1", not_after=datetime(2024, 6, 1, tzinfo=UTC))
        with openssl_server(write_certificate(tmp_path, old), version, "-cipher", "ALL:@SECLEVEL=0") as port:
            found = look("127.0.0.1", port)
        assert (found.leaf, found.tls_version, found.completed) == (old.encode(), shown, True)

    @pytest.mark.parametrize("cipher", ["AES128-SHA", "DHE-RSA-AES256-SHA"])
    def test_ciphers_of_then(self, look: Look, tmp_path: Path, cipher: str) -> None:
        old = plan("SEP001122334455", "rsa1024-a", digest="sha1")
        files = write_certificate(tmp_path, old)
        with openssl_server(files, "-tls1", "-cipher", f"{cipher}:@SECLEVEL=0") as port:
            assert look("127.0.0.1", port).cipher == cipher

    def test_a_chain(self, look: Look, tmp_path: Path) -> None:
        issuer = plan("Example CA", "rsa2048-recovery", serial=7)
        leaf = plan("node", "rsa2048-pub", issuer=issuer.subject, issuer_key="rsa2048-recovery", serial=8)
        chain, key = tmp_path / "chain.pem", write_certificate(tmp_path, leaf)[1]
        chain.write_text("".join(ssl.DER_cert_to_PEM_cert(one.encode()) for one in (leaf, issuer)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        with tcp_server(lambda _: None, context) as port:
            found = look("127.0.0.1", port)
        assert found.chain == (leaf.encode(), issuer.encode())
        assert found.sha256 == sha256(leaf.encode()).digest()

    @pytest.mark.parametrize("version", ["-tls1_2", "-tls1"])
    def test_a_server_that_wants_a_certificate_of_ours(self, look: Look, tmp_path: Path, version: str) -> None:
        """CallManager does, on 5061 and 2443: it ends the handshake, but its own certificate has come by then."""
        node = plan("node", "rsa2048-pub")
        options = (version, "-cipher", "ALL:@SECLEVEL=0", "-Verify", "1", "-verify_return_error")
        with openssl_server(write_certificate(tmp_path, node), *options) as port:
            found = look("127.0.0.1", port)
        assert (found.leaf, found.completed, found.tls_version) == (node.encode(), False, None)

    def test_a_handshake_that_stops_behind_the_certificate(self, look: Look, modern: ssl.SSLContext) -> None:
        modern.maximum_version = ssl.TLSVersion.TLSv1_2
        with tcp_server(half_handshake(modern, None, hang_up=False)) as port:
            found = look("127.0.0.1", port, 3.0)
        assert (found.completed, len(found.chain)) == (False, 1)

    def test_nothing_is_sent_behind_the_handshake(self, look: Look, modern: ssl.SSLContext) -> None:
        heard: list[bytes] = []

        def listen(exchange: TcpExchange) -> None:
            exchange.sock.settimeout(LONG)
            heard.append(exchange.sock.recv(100))

        with tcp_server(listen, modern) as port:
            look("127.0.0.1", port)
        # An end as TLS has it, and neither a byte nor a broken connection.
        assert heard == [b""]


class TestTrouble:
    def test_nobody_listens(self, look: Look) -> None:
        error = fault(look, free_port())
        assert (error.kind, error.fault) == (ProbeFault.REFUSED, ConnectorFault.UNREACHABLE)
        assert "Connection refused" in error.detail

    def test_a_port_that_says_nothing(self, look: Look) -> None:
        with tcp_server(say_nothing) as port:
            error = fault(look, port, SHORT)
        assert (error.kind, error.fault) == (ProbeFault.SILENT, ConnectorFault.TIMEOUT)
        assert "0.4 seconds" in error.detail

    def test_an_address_that_swallows_everything(self, look: Look) -> None:
        with socket.socket() as full:
            # A listener whose queue is full drops the first packet of every further connection.
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            fillers = [socket.socket() for _ in range(3)]
            try:
                for filler in fillers:
                    filler.setblocking(False)
                    filler.connect_ex(("127.0.0.1", port))
                error = fault(look, port, SHORT)
            finally:
                for filler in fillers:
                    filler.close()
        assert (error.kind, error.fault) == (ProbeFault.NO_CONNECTION, ConnectorFault.TIMEOUT)

    @pytest.mark.parametrize(
        "banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"220 ftp\r\n"]
    )
    def test_a_plain_port(self, look: Look, banner: bytes) -> None:
        def greet(exchange: TcpExchange) -> None:
            exchange.send(banner)
            exchange.stop.wait(LONG)

        with tcp_server(greet) as port:
            assert fault(look, port).kind is ProbeFault.NOT_TLS

    @pytest.mark.parametrize("kept", [0, 5, 60])
    def test_a_handshake_that_is_cut(self, look: Look, modern: ssl.SSLContext, kept: int) -> None:
        with tcp_server(half_handshake(modern, kept, hang_up=True)) as port:
            assert fault(look, port).kind is ProbeFault.CUT_OFF

    def test_a_handshake_that_stops_before_the_certificate(self, look: Look, modern: ssl.SSLContext) -> None:
        with tcp_server(half_handshake(modern, 60, hang_up=False)) as port:
            assert fault(look, port, SHORT).kind is ProbeFault.SILENT

    def test_no_common_ground(self, look: Look, tmp_path: Path) -> None:
        files = write_certificate(tmp_path, plan("node", "rsa2048-pub"))
        with openssl_server(files, "-tls1_2", "-cipher", "aNULL:@SECLEVEL=0") as port:
            error = fault(look, port)
        assert (error.kind, error.fault) == (ProbeFault.HANDSHAKE, ConnectorFault.TLS)

    def test_a_name_that_is_none(self, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_words: object, **_more: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        assert fault(look, 443, host="a" * 64 + ".example").kind is ProbeFault.UNRESOLVED
        monkeypatch.setattr("socket.getaddrinfo", unknown)
        assert fault(look, 443, host="nowhere.example").kind is ProbeFault.UNRESOLVED
        assert not resolves("nowhere.example")
        assert resolves("127.0.0.1")
        assert resolves("::1")

    def test_a_machine_without_descriptors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none_left(*_words: object) -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr("socket.socket", none_left)
        with pytest.raises(TlsProbeError) as caught:
            probe("127.0.0.1", 443)
        assert caught.value.kind is ProbeFault.LOCAL

    def test_the_error_says_where(self) -> None:
        with pytest.raises(ConnectorError) as caught:
            probe("127.0.0.1", free_port(), place=Place("hq", "cucm-sub1", "TVS on port 2445"))
        assert str(caught.value).startswith("cluster hq, node cucm-sub1, TVS on port 2445: 127.0.0.1:")

    def test_a_name_with_several_addresses(self, look: Look, modern: ssl.SSLContext) -> None:
        with tcp_server(lambda _: None, modern) as port:

            def both(*_words: object, **_more: object) -> list[tuple[object, ...]]:
                return [(socket.AF_INET, 1, 6, "", (host, port)) for host in ("127.0.0.250", "127.0.0.1")]

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("socket.getaddrinfo", both)
                assert look("node.example", port).completed


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted


def settles_at(number: int) -> bool:
    """Tell whether so many descriptors are open soon: the servers of a test close their ends in their own time."""
    for _ in range(200):
        if open_descriptors() <= number:
            return True
        time.sleep(0.05)
    return False


def sweeps() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "tls-sweep"]


@pytest.fixture
def phones(modern: ssl.SSLContext) -> Iterator[int]:
    """Phones on every address of 127/8."""
    with everywhere(modern) as port:
        yield port


def addresses() -> Iterator[str]:
    return (f"127.77.{number >> 8 & 255}.{number & 255}" for number in count(1))


class TestSweeping:
    def test_two_thousand_phones(self, phones: int) -> None:
        before = open_descriptors()
        targets = [ProbeTarget(host, phones) for host, _ in zip(addresses(), range(2000), strict=False)]
        outcomes = {one.target.host: one.result for one in sweep(targets, concurrency=50, timeout_seconds=60)}
        assert len(outcomes) == 2000
        assert {type(result) for result in outcomes.values()} == {Presented}
        assert sweeps() == []
        assert settles_at(before)

    def test_good_and_bad_together(self, phones: int) -> None:
        dead = free_port()
        targets = [ProbeTarget(host, port) for host, port in zip(addresses(), [phones, dead] * 50, strict=False)]
        kinds = [type(one.result) for one in sweep(targets, timeout_seconds=LONG)]
        assert (kinds.count(Presented), kinds.count(TlsProbeError)) == (50, 50)

    def test_no_more_at_once_than_allowed(self) -> None:
        busy, most, lock = 0, 0, threading.Lock()

        def handle(exchange: TcpExchange) -> None:
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
            exchange.stop.wait(0.05)
            with lock:
                busy -= 1

        # One thread serves one connection at a time, so three servers see whether three come at once.
        with tcp_server(handle) as one, tcp_server(handle) as two, tcp_server(handle) as three:
            ports = [one, two, three] * 4
            assert len(list(sweep((ProbeTarget("127.0.0.1", port) for port in ports), concurrency=2))) == 12
        assert most <= 2

    def test_outcomes_come_while_others_are_under_way(self, phones: int) -> None:
        with tcp_server(say_nothing) as silent:
            targets = [ProbeTarget("127.0.0.1", silent), ProbeTarget("127.0.0.2", phones)]
            outcomes = sweep(targets, concurrency=2, timeout_seconds=LONG)
            first = next(outcomes)
            outcomes.close()
        assert first.target.port == phones

    def test_closing_ends_everything(self, phones: int) -> None:
        before = open_descriptors()
        with tcp_server(say_nothing) as silent:
            ports = [phones] * 5 + [silent] * 45
            targets = (ProbeTarget(host, port) for host, port in zip(addresses(), ports, strict=False))
            inside = open_descriptors()
            outcomes = sweep(targets, concurrency=20, timeout_seconds=LONG)
            next(outcomes)
            outcomes.close()
            assert sweeps() == []
            assert settles_at(inside)
        assert settles_at(before)

    def test_an_endless_number_of_targets_is_not_run_ahead_of(self, phones: int) -> None:
        taken = 0

        def endless() -> Iterator[ProbeTarget]:
            nonlocal taken
            for host in addresses():
                taken += 1
                yield ProbeTarget(host, phones)

        outcomes = sweep(endless(), concurrency=4)
        for _ in range(20):
            next(outcomes)
        outcomes.close()
        assert taken <= 20 + 3 * 4

    def test_targets_that_fail(self, phones: int) -> None:
        def failing() -> Iterator[ProbeTarget]:
            yield ProbeTarget("127.0.0.1", phones)
            raise LookupError("the list of phones broke off")

        with pytest.raises(LookupError, match="broke off"):
            list(sweep(failing()))
        assert sweeps() == []

    def test_never_begun_costs_nothing(self) -> None:
        before = open_descriptors()
        outcomes = sweep([ProbeTarget("127.0.0.1", 1)])
        assert sweeps() == []
        assert settles_at(before)
        outcomes.close()

    def test_none_at_all(self) -> None:
        assert list(sweep([])) == []

    @pytest.mark.parametrize(
        "words", [{"concurrency": 0}, {"concurrency": MAX_CONCURRENCY + 1}, {"timeout_seconds": 0}]
    )
    def test_what_makes_no_sense(self, words: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="must be"):
            sweep([], **words)
