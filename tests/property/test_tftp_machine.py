"""The TFTP read client against any network, and against any bytes."""

import heapq
import itertools
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlctl.connectors import FetchFault, FetchLimits
from ctlctl.connectors.tftp_packets import (
    Ack,
    Data,
    Error,
    OptionAck,
    Options,
    Packet,
    PacketError,
    ReadRequest,
    WriteRequest,
    decode,
    encode,
)
from ctlctl.connectors.tftp_protocol import Completed, ReadClient, TftpError
from fuzz.target_tftp import one_input, seeds

# A loaded machine may take its time: what is proved here has nothing to do with speed.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What the network does to one packet: the delays, in seconds, after which copies of it arrive.
Fate = tuple[float, ...]
FINE: Fate = (0.01,)
LOST: Fate = ()
FATES = st.sampled_from([FINE, LOST, (0.01, 0.01), (0.01, 0.4), (0.3,), (1.5,), (0.01, 1.2, 2.5)])

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
option_lists = st.lists(st.tuples(words.map(str.lower), words), max_size=4, unique_by=lambda pair: pair[0].lower())
numbers = st.integers(0, 65535)
packets: st.SearchStrategy[Packet] = st.one_of(
    st.builds(ReadRequest, words, words.map(str.lower), option_lists.map(tuple)),
    st.builds(WriteRequest, words, words.map(str.lower), option_lists.map(tuple)),
    st.builds(Data, numbers, st.binary(max_size=600)),
    st.builds(Ack, numbers),
    st.builds(Error, numbers, words),
    st.builds(OptionAck, option_lists.map(tuple)),
)


class ModelServer:
    """A server as the RFCs describe it, except that it may be under the Sorcerer's spell."""

    def __init__(self, content: bytes, *, knows_options: bool, is_spellbound: bool) -> None:
        self.content = content
        self.knows_options = knows_options
        self.is_spellbound = is_spellbound
        self.block_bytes = 512
        self.block = 0
        self.current: Packet | None = None
        self.repeat_at = float("inf")
        self.repeats_left = 20

    def receive(self, packet: Packet, now: float) -> list[Packet]:
        match packet:
            case ReadRequest(options=options) if self.current is None:
                if self.knows_options and options:
                    return self._send(self._agree(dict(options)), now)
                return self._next_block(now)
            case Ack(block=block) if block == self.block and not self._is_done():
                return self._next_block(now)
            case Ack(block=block) if block == self.block:
                self.repeat_at = float("inf")
            case Ack(block=block) if self.is_spellbound and block == self.block - 1 and self.current:
                return [self.current]
            case Error():
                self.repeat_at = float("inf")
            case _:
                pass
        return []

    def handle_timer(self, now: float) -> list[Packet]:
        if self.current is None or self.repeats_left == 0:
            self.repeat_at = float("inf")
            return []
        self.repeats_left -= 1
        return self._send(self.current, now)

    def _agree(self, options: dict[str, str]) -> OptionAck:
        self.block_bytes = int(options["blksize"])
        options["tsize"] = str(len(self.content))
        return OptionAck(tuple(options.items()))

    def _is_done(self) -> bool:
        return isinstance(self.current, Data) and len(self.current.payload) < self.block_bytes

    def _next_block(self, now: float) -> list[Packet]:
        start = self.block * self.block_bytes
        self.block += 1
        return self._send(Data(self.block, self.content[start : start + self.block_bytes]), now)

    def _send(self, packet: Packet, now: float) -> list[Packet]:
        self.current = packet
        self.repeat_at = now + 1.0
        return [packet]


def run_transfer(client: ReadClient, server: ModelServer, fates: Sequence[Fate]) -> tuple[bytes, int]:
    """Let both talk until the client is done; returns the file and the number of packets the server sent."""
    order = itertools.count()
    fate_of = itertools.chain(fates, itertools.repeat(FINE))
    on_the_way: list[tuple[float, int, bool, bytes]] = []
    now = 0.0
    served = 0

    def post(datagrams: Sequence[bytes], *, to_server: bool) -> None:
        for datagram in datagrams:
            for delay in next(fate_of):
                heapq.heappush(on_the_way, (now + delay, next(order), to_server, datagram))

    for _ in range(10_000):
        post(client.datagrams_to_send(), to_server=True)
        timer = client.next_timer()
        assert timer is not None
        now = min(timer, server.repeat_at, on_the_way[0][0] if on_the_way else timer)
        if on_the_way and on_the_way[0][0] <= now:
            _, _, to_server, datagram = heapq.heappop(on_the_way)
            if to_server:
                replies = server.receive(decode(datagram), now)
                served += len(replies)
                post([encode(packet) for packet in replies], to_server=False)
            else:
                for event in client.receive(datagram, now):
                    if isinstance(event, Completed):
                        return event.content, served
        elif server.repeat_at <= now:
            replies = server.handle_timer(now)
            served += len(replies)
            post([encode(packet) for packet in replies], to_server=False)
        else:
            client.handle_timer(now)
    raise AssertionError("the transfer does not end")


contents = st.integers(0, 40).flatmap(lambda size: st.binary(min_size=size, max_size=size)) | st.sampled_from(
    [bytes(range(256)) * 4, b"x" * 512, b"y" * 511, b"z" * 1536]
)
limits = st.builds(
    FetchLimits,
    max_bytes=st.just(4096),
    deadline_seconds=st.just(60.0),
    tftp_block_bytes=st.sampled_from([8, 16, 512, 1428]),
    tftp_retransmits=st.integers(0, 6),
)


@unhurried
@given(contents, limits, st.booleans(), st.booleans(), st.lists(FATES, max_size=60))
def test_any_network_gives_the_exact_file_or_the_documented_error(
    content: bytes, limit: FetchLimits, knows_options: bool, is_spellbound: bool, fates: list[Fate]
) -> None:
    server = ModelServer(content, knows_options=knows_options, is_spellbound=is_spellbound)
    client = ReadClient("CTLFile.tlv", limit, 0.0)
    try:
        received, _ = run_transfer(client, server, fates)
    except TftpError as error:
        assert error.fault is FetchFault.TIMEOUT  # noqa: PT017  # both outcomes are right
    else:
        assert received == content


@unhurried
@given(contents, st.booleans(), st.lists(st.integers(0, 40), max_size=4, unique=True))
def test_a_few_losses_never_stop_a_transfer(content: bytes, knows_options: bool, lost: list[int]) -> None:
    server = ModelServer(content, knows_options=knows_options, is_spellbound=False)
    client = ReadClient("CTLFile.tlv", FetchLimits(tftp_block_bytes=64, deadline_seconds=120.0), 0.0)
    fates = [LOST if index in lost else FINE for index in range(41)]
    assert run_transfer(client, server, fates)[0] == content


@unhurried
@given(st.lists(st.integers(0, 40), max_size=3, unique=True))
def test_doubled_packets_are_not_doubled_on_by_either_side(doubled: list[int]) -> None:
    content = bytes(range(256)) * 4
    server = ModelServer(content, knows_options=True, is_spellbound=True)
    client = ReadClient("CTLFile.tlv", FetchLimits(tftp_block_bytes=64), 0.0)
    fates = [(0.01, 0.01) if index in doubled else FINE for index in range(41)]
    received, served = run_transfer(client, server, fates)
    assert received == content
    # One answer for the options, one a block, and at most one more for each packet the network doubled.
    assert served <= 1 + 17 + len(doubled)


@unhurried
@given(packets)
def test_a_packet_is_read_as_it_was_written(packet: Packet) -> None:
    assert decode(encode(packet)) == packet


@unhurried
@given(st.binary(max_size=600))
def test_reading_any_bytes_gives_a_packet_or_the_documented_error(datagram: bytes) -> None:
    try:
        packet = decode(datagram)
    except PacketError as error:
        assert str(error)  # noqa: PT017  # both outcomes are right
    else:
        assert decode(encode(packet)) == packet


agreements: st.SearchStrategy[Options] = st.lists(
    st.tuples(st.sampled_from(["blksize", "tsize", "timeout", "x"]), st.integers(-1, 2000).map(str)),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(tuple)
answers = st.one_of(
    st.builds(Data, st.integers(0, 4), st.integers(0, 513).map(bytes)),
    st.builds(OptionAck, agreements),
    packets,
).map(encode) | st.binary(max_size=40)


@unhurried
@given(st.lists(st.tuples(answers, st.floats(0, 3)), max_size=30), st.booleans())
def test_whatever_a_server_sends_only_the_documented_error_comes_out(
    stream: list[tuple[bytes, float]], offer_options: bool
) -> None:
    client = ReadClient("CTLFile.tlv", FetchLimits(max_bytes=2048), 0.0, offer_options=offer_options)
    now = 0.0
    try:
        for datagram, pause in stream:
            now += pause
            client.handle_timer(now)
            for event in client.receive(datagram, now):
                if isinstance(event, Completed):
                    assert len(event.content) <= 2048
    except TftpError as error:
        assert error.detail.isprintable()  # noqa: PT017  # both outcomes are right
        assert client.next_timer() is None
    for datagram in client.datagrams_to_send():
        decode(datagram)


@unhurried
@given(st.binary(max_size=200))
def test_the_fuzz_target_holds_for_any_bytes(data: bytes) -> None:
    one_input(data)


def test_the_fuzz_target_holds_for_its_seeds() -> None:
    for seed in seeds():
        one_input(seed)
        for length in range(len(seed)):
            one_input(seed[:length])
