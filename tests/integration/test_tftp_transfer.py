"""Fetching over TFTP, on real sockets, from servers that misbehave."""

import itertools
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from ctlctl.connectors import FetchError, FetchFault, FetchLimits, FetchTarget, fetch
from ctlctl.connectors.tftp import _Conversation
from ctlctl.connectors.tftp_packets import Ack, Data, Error, ErrorCode, OptionAck, Packet, ReadRequest
from ctlctl.connectors.tftp_protocol import ReadClient
from support.servers import TftpExchange, serve_file, tftp_server

CONTENT = bytes(range(256)) * 30
# Quick repeats and a late deadline: a loaded machine makes these tests slower, not red.
LIMITS = FetchLimits(
    max_bytes=100_000,
    deadline_seconds=60.0,
    tftp_block_bytes=1000,
    tftp_retransmit_seconds=0.05,
    tftp_retransmits=20,
)
# For servers that never come to an end by themselves.
SHORT = replace(LIMITS, deadline_seconds=0.4)

Handler = Callable[[TftpExchange], None]


def get(port: int, limits: FetchLimits = LIMITS, host: str = "127.0.0.1") -> bytes:
    return fetch(FetchTarget("tftp", host, port, "CTLFile.tlv"), limits)


def silent(exchange: TftpExchange) -> None:
    """Say nothing."""
    del exchange


def fault_of(handler: Handler, limits: FetchLimits = LIMITS) -> FetchError:
    with tftp_server(handler) as port, pytest.raises(FetchError) as caught:
        get(port, limits)
    assert caught.value.endpoint == f"127.0.0.1:{port}"
    assert str(caught.value).isprintable()
    return caught.value


def proper(exchange: TftpExchange) -> None:
    serve_file(exchange, CONTENT, 1000)


@pytest.mark.parametrize("block_bytes", [512, 1000, 600])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1000, 3000, 7000])
def test_gets_a_file_of_any_size(block_bytes: int, size: int) -> None:
    with tftp_server(lambda exchange: serve_file(exchange, CONTENT[:size], block_bytes)) as port:
        assert get(port) == CONTENT[:size]


def test_asks_for_the_name_in_octet_mode_with_options() -> None:
    seen: list[ReadRequest] = []

    def handler(exchange: TftpExchange) -> None:
        seen.append(exchange.request)
        serve_file(exchange, b"", 512)

    with tftp_server(handler) as port:
        fetch(FetchTarget("tftp", "127.0.0.1", port, "New_Zealand/g3-tones.xml.sgn"), LIMITS)
    options = (("blksize", "1000"), ("timeout", "1"), ("tsize", "0"))
    assert seen[0] == ReadRequest("New_Zealand/g3-tones.xml.sgn", "octet", options)


def test_works_over_ipv6() -> None:
    with tftp_server(proper, host="::1") as port:
        assert get(port, host="::1") == CONTENT


def two_addresses(monkeypatch: pytest.MonkeyPatch, port: int, *hosts: str) -> None:
    """Have the system's resolver answer with these."""
    found = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (host, port)) for host in hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)


def test_another_address_of_the_host_is_tried_when_one_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with tftp_server(proper) as port:
        two_addresses(monkeypatch, port, "127.0.0.3", "127.0.0.1")
        assert get(port, host="two-addresses") == CONTENT


def test_another_address_of_the_host_is_tried_when_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    with tftp_server(proper) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.3", port))
        two_addresses(monkeypatch, port, "127.0.0.3", "127.0.0.1")
        limits = replace(LIMITS, tftp_retransmit_seconds=0.1, tftp_retransmits=3)
        assert get(port, limits, host="two-addresses") == CONTENT


def test_a_host_that_refused_is_not_asked_at_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(exchange: TftpExchange) -> None:
        exchange.send(Error(ErrorCode.NOT_FOUND, "no"))

    with tftp_server(refuse) as port:
        two_addresses(monkeypatch, port, "127.0.0.1", "127.0.0.3")
        with pytest.raises(FetchError) as caught:
            get(port, host="two-addresses")
    assert caught.value.fault is FetchFault.NOT_FOUND


# --- a bad network ---------------------------------------------------------------------------------------------


def every_third_lost(index: int, datagram: bytes) -> Iterable[bytes]:
    return () if index % 3 == 1 else (datagram,)


def everything_twice(index: int, datagram: bytes) -> Iterable[bytes]:
    del index
    return (datagram, datagram)


class Reordered:
    """Sends the packet before once more, after each."""

    def __init__(self) -> None:
        self.before = b""

    def __call__(self, index: int, datagram: bytes) -> Iterable[bytes]:
        del index
        late, self.before = self.before, datagram
        return (datagram, late) if late else (datagram,)


@pytest.mark.parametrize("make_mangle", [lambda: every_third_lost, lambda: everything_twice, Reordered])
def test_lost_doubled_and_late_packets_do_no_harm(
    make_mangle: Callable[[], Callable[[int, bytes], Iterable[bytes]]],
) -> None:
    def handler(exchange: TftpExchange) -> None:
        exchange.mangle = make_mangle()
        proper(exchange)

    with tftp_server(handler) as port:
        assert get(port) == CONTENT


def test_a_lost_request_is_repeated() -> None:
    count = itertools.count()

    def handler(exchange: TftpExchange) -> None:
        if next(count) >= 2:
            proper(exchange)

    with tftp_server(handler) as port:
        assert get(port) == CONTENT


# --- others who answer -----------------------------------------------------------------------------------------


def test_answers_from_another_address_are_ignored() -> None:
    def handler(exchange: TftpExchange) -> None:
        with exchange.other_socket("127.0.0.2") as impostor:
            exchange.send(Data(1, b"forged"), Error(1, "gone"), via=impostor)
            proper(exchange)
            assert exchange.receive(0.05, via=impostor) is None

    with tftp_server(handler) as port:
        assert get(port) == CONTENT


def test_a_server_that_answers_only_from_another_address_is_named() -> None:
    def handler(exchange: TftpExchange) -> None:
        with exchange.other_socket("127.0.0.2") as impostor:
            exchange.send(Data(1, b"from my other leg"), via=impostor)

    error = fault_of(handler, replace(LIMITS, tftp_retransmits=5))
    assert error.fault is FetchFault.TIMEOUT
    assert "127.0.0.2" in error.detail


def test_another_port_of_the_server_is_told_off_and_ends_nothing() -> None:
    answers: list[Packet | None] = []

    def handler(exchange: TftpExchange) -> None:
        exchange.until_acked(Data(1, CONTENT[:512]), 1)
        with exchange.other_socket("127.0.0.1") as impostor:
            exchange.send(Data(2, b"forged"), via=impostor)
            answers.append(exchange.receive(5.0, via=impostor))
            exchange.send(Error(1, "gone"), via=impostor)
            answers.append(exchange.receive(0.05, via=impostor))
        exchange.until_acked(Data(2, b"rest"), 2)

    with tftp_server(handler) as port:
        assert get(port) == CONTENT[:512] + b"rest"
    assert isinstance(answers[0], Error)
    assert answers[0].code == ErrorCode.UNKNOWN_TRANSFER
    assert answers[1] is None  # an ERROR is never answered


def test_a_stranger_whose_port_is_closed_ends_nothing() -> None:
    """Telling such a stranger off brings an ICMP error, which is about him and not about the server."""

    def handler(exchange: TftpExchange) -> None:
        exchange.until_acked(Data(1, CONTENT[:512]), 1)
        for _ in range(12):
            with exchange.other_socket("127.0.0.1") as impostor:
                exchange.send(Data(2, b"forged"), via=impostor)
        serve_rest = [(2, CONTENT[512:1024]), (3, b"rest")]
        for block, payload in serve_rest:
            exchange.until_acked(Data(block, payload), block)

    with tftp_server(handler) as port:
        assert get(port) == CONTENT[:1024] + b"rest"


# --- servers that give no file ---------------------------------------------------------------------------------


def test_a_silent_server_is_a_time_out() -> None:
    error = fault_of(silent, SHORT)
    assert error.fault is FetchFault.TIMEOUT
    assert "http://" in error.advice


def test_a_silent_server_is_a_time_out_after_the_last_repeat() -> None:
    error = fault_of(silent, replace(LIMITS, tftp_retransmits=2))
    assert error.fault is FetchFault.TIMEOUT
    assert "2 repeats" in error.detail


def test_a_server_that_falls_silent_is_a_time_out() -> None:
    error = fault_of(lambda exchange: exchange.send(Data(1, bytes(512))), replace(LIMITS, tftp_retransmits=2))
    # Its socket is closed by then, and the network may say so first.
    assert error.fault in {FetchFault.TIMEOUT, FetchFault.UNREACHABLE}


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        get(port)
    assert caught.value.fault is FetchFault.UNREACHABLE
    assert "Cisco Tftp service" in str(caught.value)


def test_a_port_where_nobody_listens_is_unreachable_over_ipv6() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as closed:
        closed.bind(("::1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(FetchError) as caught:
        get(port, host="::1")
    assert caught.value.fault is FetchFault.UNREACHABLE


def test_an_address_this_machine_cannot_send_to_is_unreachable() -> None:
    with pytest.raises(FetchError) as caught:
        get(69, host="127.255.255.255")  # a broadcast address, which takes a permission
    assert caught.value.fault is FetchFault.UNREACHABLE
    assert "Permission denied" in caught.value.detail


def test_an_error_about_a_stranger_does_not_swallow_the_next_datagram() -> None:
    """The kernel reports an error of an earlier datagram in place of sending the next one."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed,
    ):
        for sock in (ours, server, closed):
            sock.bind(("127.0.0.1", 0))
        server.settimeout(10.0)
        client = ReadClient("CTLFile.tlv", LIMITS, 0.0)
        conversation = _Conversation(ours, client, server.getsockname(), 60.0)
        stranger = closed.getsockname()
        closed.close()
        conversation._send(b"to nobody", stranger)
        conversation._send(b"to the server", server.getsockname())
        assert server.recv(100) == b"to the server"


def test_a_look_up_that_uses_up_the_deadline_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def slow(host: str, port: int, **options: int) -> object:
        time.sleep(0.05)
        return look_up(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(FetchError) as caught:
        get(69, replace(LIMITS, deadline_seconds=0.01))
    assert caught.value.fault is FetchFault.TIMEOUT


def test_a_name_that_is_nobodys_is_unresolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError) as caught:
        get(69, host="nobody.invalid")
    assert caught.value.fault is FetchFault.UNRESOLVED
    assert "Name or service not known" in str(caught.value)


def test_a_label_no_name_can_have_is_unresolved() -> None:
    with pytest.raises(FetchError) as caught:
        get(69, host="h" * 64 + ".invalid")
    assert caught.value.fault is FetchFault.UNRESOLVED


def test_an_endless_answer_stops_at_the_cap() -> None:
    def handler(exchange: TftpExchange) -> None:
        for block in itertools.count(1):
            if not exchange.until_acked(Data(block, bytes(512)), block):
                return

    assert fault_of(handler, replace(LIMITS, max_bytes=20_000)).fault is FetchFault.TOO_LARGE


def test_a_server_that_repeats_one_block_for_ever_meets_the_deadline() -> None:
    def handler(exchange: TftpExchange) -> None:
        while not exchange.stop.wait(0.001):
            exchange.send(Data(1, bytes(512)))

    assert fault_of(handler, SHORT).fault is FetchFault.TIMEOUT


def refusal(exchange: TftpExchange, *packets: Packet | bytes) -> list[Packet]:
    """Send something bad, and return what the client says to it."""
    exchange.send(*packets)
    reply = exchange.receive(5.0)
    return [] if reply is None else [reply]


@pytest.mark.parametrize(
    ("packet", "fault", "code"),
    [
        (OptionAck((("tsize", "99999999999"),)), FetchFault.TOO_LARGE, ErrorCode.ALLOCATION_EXCEEDED),
        (OptionAck((("blksize", "1001"),)), FetchFault.PROTOCOL, ErrorCode.OPTION_REFUSED),
        (OptionAck((("windowsize", "8"),)), FetchFault.PROTOCOL, ErrorCode.OPTION_REFUSED),
        (Data(1, bytes(513)), FetchFault.PROTOCOL, ErrorCode.ILLEGAL_OPERATION),
        (Ack(0), FetchFault.PROTOCOL, ErrorCode.ILLEGAL_OPERATION),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", FetchFault.PROTOCOL, ErrorCode.ILLEGAL_OPERATION),
        (b"", FetchFault.PROTOCOL, ErrorCode.ILLEGAL_OPERATION),
    ],
)
def test_a_lie_is_refused_and_the_server_is_told(packet: Packet | bytes, fault: FetchFault, code: ErrorCode) -> None:
    told: list[Packet] = []

    def handler(exchange: TftpExchange) -> None:
        told.extend(refusal(exchange, packet))

    assert fault_of(handler).fault is fault
    assert isinstance(told[0], Error)
    assert told[0].code == code


@pytest.mark.parametrize("size", [4, 5000])
def test_a_size_that_is_not_kept_is_an_error(size: int) -> None:
    def handler(exchange: TftpExchange) -> None:
        if exchange.until_acked(OptionAck((("tsize", str(size)),)), 0):
            exchange.send(Data(1, b"12345"))
            exchange.receive(5.0)

    error = fault_of(handler)
    assert error.fault is FetchFault.PROTOCOL
    assert f"announced {size} bytes" in error.detail


@pytest.mark.parametrize(
    ("code", "fault"),
    [(1, FetchFault.NOT_FOUND), (2, FetchFault.DENIED), (0, FetchFault.SERVER_ERROR), (5, FetchFault.PROTOCOL)],
)
def test_an_error_of_the_server_comes_through_in_its_words(code: int, fault: FetchFault) -> None:
    error = fault_of(lambda exchange: exchange.send(Error(code, "so \x1b]0;sorry\x07")))
    assert error.fault is fault
    assert "so \\x1b]0;sorry\\x07" in str(error)


def test_a_server_that_refuses_options_is_asked_again_without() -> None:
    def handler(exchange: TftpExchange) -> None:
        if exchange.request.options:
            exchange.send(Error(ErrorCode.OPTION_REFUSED, "no options here"))
        else:
            serve_file(exchange, CONTENT)

    with tftp_server(handler) as port:
        assert get(port) == CONTENT


def test_a_server_that_refuses_options_nobody_offered_is_not_asked_for_ever() -> None:
    error = fault_of(lambda exchange: exchange.send(Error(ErrorCode.OPTION_REFUSED, "never")))
    assert error.fault is FetchFault.PROTOCOL
