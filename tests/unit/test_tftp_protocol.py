"""The TFTP packets and the read client, without socket and clock."""

import itertools

import pytest

from ctlctl.connectors import FetchFault, FetchLimits, TargetError
from ctlctl.connectors.tftp_packets import (
    Ack,
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Options,
    Packet,
    PacketError,
    ReadRequest,
    WriteRequest,
    decode,
    encode,
)
from ctlctl.connectors.tftp_protocol import (
    BlockReceived,
    Completed,
    Event,
    Negotiated,
    ReadClient,
    State,
    TftpError,
)

LIMITS = FetchLimits(
    max_bytes=10_000,
    deadline_seconds=30.0,
    tftp_block_bytes=1428,
    tftp_retransmit_seconds=1.0,
    tftp_retransmits=3,
)
AGREED: Options = (("blksize", "1428"), ("timeout", "1"), ("tsize", "3000"))


class Driver:
    """A client, and a clock to turn."""

    def __init__(self, limits: FetchLimits = LIMITS, *, offer_options: bool = True) -> None:
        self.now = 100.0
        self.client = ReadClient("CTLFile.tlv", limits, self.now, offer_options=offer_options)
        self.request = self.sent()

    def sent(self) -> list[Packet]:
        return [decode(datagram) for datagram in self.client.datagrams_to_send()]

    def give(self, packet: Packet | bytes) -> tuple[Event, ...]:
        datagram = packet if isinstance(packet, bytes) else encode(packet)
        return self.client.receive(datagram, self.now)

    def fails(self, packet: Packet | bytes) -> TftpError:
        with pytest.raises(TftpError) as caught:
            self.give(packet)
        assert self.client.state is State.FAILED
        assert self.client.next_timer() is None
        return caught.value

    def wait(self) -> list[Packet]:
        """Turn the clock to the timer's time, and not earlier; returns what is sent then."""
        timer = self.client.next_timer()
        assert timer is not None
        self.client.handle_timer(timer - 0.001)
        assert self.sent() == []
        self.now = timer
        self.client.handle_timer(timer)
        return self.sent()

    def told(self) -> ErrorCode:
        (packet,) = self.sent()
        assert isinstance(packet, Error)
        assert packet.message.isprintable()
        return ErrorCode(packet.code)


# --- packets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packet", "datagram"),
    [
        (ReadRequest("a"), b"\0\1a\0octet\0"),
        (ReadRequest("a", "octet", (("blksize", "8"),)), b"\0\1a\0octet\0blksize\x008\0"),
        (WriteRequest("b/c", "netascii"), b"\0\2b/c\0netascii\0"),
        (Data(1, b"\0\xff"), b"\0\3\0\1\0\xff"),
        (Data(65535, b""), b"\0\3\xff\xff"),
        (Ack(258), b"\0\4\1\2"),
        (Error(1, "File not found"), b"\0\5\0\1File not found\0"),
        (OptionAck((("tsize", "0"), ("blksize", "9"))), b"\0\6tsize\x000\0blksize\x009\0"),
        (OptionAck(()), b"\0\6"),
    ],
)
def test_packets_are_written_and_read_as_the_rfcs_say(packet: Packet, datagram: bytes) -> None:
    assert encode(packet) == datagram
    assert decode(datagram) == packet


@pytest.mark.parametrize(
    ("datagram", "packet"),
    [
        (b"\0\1a\0OCTET\0BlkSize\x008\0", ReadRequest("a", "octet", (("blksize", "8"),))),
        (b"\0\5\0\0no NUL", Error(0, "no NUL")),
        (b"\0\5\0\0", Error(0, "")),
        (b"\0\5\1\2text\0and more", Error(258, "text")),
    ],
)
def test_reading_forgives_what_does_no_harm(datagram: bytes, packet: Packet) -> None:
    assert decode(datagram) == packet


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "too short"),
        (b"\0", "too short"),
        (b"\0\3\0", "too short"),
        (b"\0\4\0\1\0", "too long"),
        (b"\0\0\0\0", "opcode 0"),
        (b"\0\7\0\0", "opcode 7"),
        (b"\3\0\0\0", "opcode 768"),
        (b"\0\6blksize\x008", "NUL"),
        (b"\0\6blksize\0", "no value"),
        (b"\0\6a\x001\0A\x002\0", "twice"),
        (b"\0\1name\0", "no mode"),
        (b"\0\1" + b"x" * 510 + b"\0octet\0", "longer than 512"),
    ],
)
def test_reading_refuses_what_is_no_packet(datagram: bytes, reason: str) -> None:
    with pytest.raises(PacketError, match=reason):
        decode(datagram)


@pytest.mark.parametrize(
    "packet",
    [ReadRequest("a\0b"), Error(65536, ""), Data(-1, b""), OptionAck((("a", "\0"),)), ReadRequest("x" * 512)],
)
def test_writing_refuses_what_does_not_fit(packet: Packet) -> None:
    with pytest.raises(ValueError, match=r"NUL|16 bits|512"):
        encode(packet)


# --- the request -----------------------------------------------------------------------------------------------


def test_the_request_offers_options_in_octet_mode() -> None:
    options = (("blksize", "1428"), ("timeout", "1"), ("tsize", "0"))
    assert Driver().request == [ReadRequest("CTLFile.tlv", "octet", options)]
    assert Driver(offer_options=False).request == [ReadRequest("CTLFile.tlv", "octet")]


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "../x", "x" * 256])
def test_a_name_that_cannot_be_is_refused_before_anything_is_sent(name: str) -> None:
    with pytest.raises(TargetError):
        ReadClient(name, LIMITS, 0.0)


def test_the_longest_name_fits_the_request_with_all_options() -> None:
    limits = FetchLimits(tftp_block_bytes=65464, tftp_retransmit_seconds=1000.0)
    (datagram,) = ReadClient("x" * 255, limits, 0.0).datagrams_to_send()
    assert decode(datagram) == ReadRequest(
        "x" * 255, "octet", (("blksize", "65464"), ("timeout", "255"), ("tsize", "0"))
    )


# --- the transfer ----------------------------------------------------------------------------------------------


def test_a_transfer_with_options() -> None:
    driver = Driver()
    assert driver.give(OptionAck(AGREED)) == (Negotiated(1428, 3000),)
    assert driver.sent() == [Ack(0)]
    assert driver.give(Data(1, b"a" * 1428)) == (BlockReceived(1428),)
    assert driver.give(Data(2, b"b" * 1428)) == (BlockReceived(2856),)
    assert driver.sent() == [Ack(1), Ack(2)]
    content = b"a" * 1428 + b"b" * 1428 + b"c" * 144
    assert driver.give(Data(3, b"c" * 144)) == (BlockReceived(3000), Completed(content))
    assert driver.sent() == [Ack(3)]
    assert driver.client.state is State.DONE
    assert driver.client.next_timer() is None


def test_a_server_that_ignores_options() -> None:
    driver = Driver()
    assert driver.give(Data(1, b"a" * 512)) == (BlockReceived(512),)
    assert driver.give(Data(2, b"")) == (BlockReceived(512), Completed(b"a" * 512))
    assert driver.sent() == [Ack(1), Ack(2)]


def test_a_server_that_answers_fewer_options() -> None:
    driver = Driver()
    assert driver.give(OptionAck((("TSIZE", "3"),))) == (Negotiated(512, 3),)
    assert driver.give(Data(1, b"abc"))[-1] == Completed(b"abc")
    driver = Driver()
    assert driver.give(OptionAck((("blksize", "8"),))) == (Negotiated(8, None),)
    driver = Driver()
    assert driver.give(OptionAck(())) == (Negotiated(512, None),)


def test_an_empty_file_is_a_success() -> None:
    driver = Driver()
    driver.give(OptionAck((("tsize", "0"),)))
    assert driver.give(Data(1, b"")) == (BlockReceived(0), Completed(b""))


def test_a_file_of_whole_blocks_ends_with_an_empty_one() -> None:
    driver = Driver()
    driver.give(OptionAck((("blksize", "8"), ("tsize", "16"))))
    driver.give(Data(1, b"12345678"))
    driver.give(Data(2, b"abcdefgh"))
    assert driver.give(Data(3, b""))[-1] == Completed(b"12345678abcdefgh")


@pytest.mark.parametrize("first_after_last", [0, 1])
def test_block_numbers_roll_over_either_way(first_after_last: int) -> None:
    content = bytes(range(256)) * 2400  # 600 KiB: 76,801 blocks of 8 bytes
    driver = Driver(FetchLimits(tftp_block_bytes=8))
    driver.give(OptionAck((("blksize", "8"), ("tsize", str(len(content))))))
    numbers = itertools.chain(range(1, 65536), itertools.cycle(range(first_after_last, 65536)))
    events: tuple[Event, ...] = ()
    for number, start in zip(numbers, range(0, len(content) + 1, 8), strict=False):
        events = driver.client.receive(encode(Data(number, content[start : start + 8])), 100.0)
        assert driver.client.datagrams_to_send()[-1] == encode(Ack(number))
    assert events[-1] == Completed(content)


def test_the_way_of_rolling_over_is_settled_by_its_first_use() -> None:
    driver = Driver(FetchLimits(tftp_block_bytes=8))
    driver.give(OptionAck((("blksize", "8"),)))
    block = bytes(8)
    for number in itertools.chain(range(1, 65536), range(65536)):
        driver.client.receive(encode(Data(number, block)), 100.0)
    driver.sent()
    assert driver.give(Data(1, block)) == ()
    assert driver.give(Data(0, block)) != ()


# --- repeated and late packets ---------------------------------------------------------------------------------


def test_a_repeated_block_is_acknowledged_again_but_not_at_once() -> None:
    driver = Driver()
    driver.give(Data(1, bytes(512)))
    driver.sent()
    assert driver.give(Data(1, bytes(512))) == ()
    assert driver.sent() == []
    driver.now += 0.9
    assert driver.give(Data(1, bytes(512))) == ()
    assert driver.give(Data(1, bytes(512))) == ()
    assert driver.sent() == [Ack(1)]


def test_a_server_under_the_sorcerers_spell_does_not_double_the_traffic() -> None:
    """RFC 1123 section 4.2.3.1: such a server sends a block for every ACK, repeated ones too."""
    driver = Driver()
    blocks = [Data(number, bytes(512)) for number in range(1, 16)] + [Data(16, b"")]
    on_the_way: list[Packet] = [blocks[0], blocks[0]]  # the network doubled one packet
    served = 0
    completed = False
    while on_the_way:
        served += 1
        completed |= any(isinstance(event, Completed) for event in driver.give(on_the_way.pop(0)))
        driver.now += 0.01
        asked_for = [packet.block for packet in driver.sent() if isinstance(packet, Ack)]
        on_the_way += [blocks[number] for number in asked_for if number < len(blocks)]
    assert completed
    assert served == len(blocks) + 1


def test_late_and_early_blocks_are_ignored() -> None:
    driver = Driver()
    assert driver.give(Data(2, b"early")) == ()
    assert driver.give(Data(0, b"never")) == ()
    assert driver.client.state is State.REQUESTED
    for number in (1, 2, 3):
        driver.give(Data(number, bytes(512)))
    driver.sent()
    for number in (0, 1, 2, 5, 65535):
        assert driver.give(Data(number, b"x" * 600)) == ()
    assert driver.sent() == []
    assert driver.give(Data(4, b"")) == (BlockReceived(1536), Completed(bytes(1536)))


def test_a_repeated_option_answer_is_acknowledged_again_until_a_block_came() -> None:
    driver = Driver()
    driver.give(OptionAck(AGREED))
    driver.sent()
    driver.now += 0.9
    assert driver.give(OptionAck(AGREED)) == ()
    assert driver.sent() == [Ack(0)]
    driver.give(Data(1, bytes(1428)))
    driver.sent()
    driver.now += 0.9
    assert driver.give(OptionAck(AGREED)) == ()
    assert driver.sent() == []


def test_after_the_end_only_the_last_block_is_still_acknowledged() -> None:
    driver = Driver()
    driver.give(Data(1, b"all"))
    driver.sent()
    driver.now += 100
    assert driver.give(Data(1, b"all")) == ()
    assert driver.sent() == [Ack(1)]
    for packet in (Data(2, b""), Error(1, ""), OptionAck(AGREED), b"junk", Ack(1)):
        assert driver.give(packet) == ()
    driver.client.handle_timer(driver.now)
    assert driver.sent() == []


def test_after_a_failure_nothing_matters_any_more() -> None:
    driver = Driver()
    driver.fails(Error(1, ""))
    for packet in (Data(1, b""), Error(1, ""), OptionAck(AGREED), b"junk"):
        assert driver.give(packet) == ()
    driver.client.handle_timer(driver.now + 1000)
    assert driver.sent() == []


# --- what ends a transfer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (0, FetchFault.SERVER_ERROR),
        (1, FetchFault.NOT_FOUND),
        (2, FetchFault.DENIED),
        (3, FetchFault.SERVER_ERROR),
        (4, FetchFault.PROTOCOL),
        (5, FetchFault.PROTOCOL),
        (6, FetchFault.SERVER_ERROR),
        (8, FetchFault.PROTOCOL),
        (999, FetchFault.SERVER_ERROR),
    ],
)
def test_an_error_packet_keeps_its_meaning(code: int, fault: FetchFault) -> None:
    driver = Driver()
    error = driver.fails(Error(code, "because\x1b[31m \udcff"))
    assert (error.fault, error.server_code) == (fault, code)
    assert "because\\x1b[31m \\udcff" in error.detail
    assert error.detail.isprintable()
    assert driver.sent() == []  # errors are not answered


@pytest.mark.parametrize(
    "options",
    [
        (("windowsize", "4"),),
        (("blksize", "1429"),),
        (("blksize", "7"),),
        (("blksize", "0"),),
        (("blksize", "-8"),),
        (("blksize", "1e3"),),
        (("blksize", " 512"),),
        (("blksize", "\u0665\u0661\u0662"),),
        (("blksize", ""),),
        (("blksize", "512"), ("multicast", "")),
        (("timeout", "2"),),
        (("timeout", "soon"),),
        (("tsize", "-1"),),
        (("tsize", "big"),),
        (("tsize", "9" * 21),),
        (("tsize", "9" * 400),),
    ],
)
def test_an_option_answer_that_was_never_asked_for_is_refused(options: Options) -> None:
    driver = Driver()
    error = driver.fails(OptionAck(options))
    assert error.fault is FetchFault.PROTOCOL
    assert options[-1][0] in error.detail
    assert driver.told() is ErrorCode.OPTION_REFUSED


def test_an_option_answer_without_an_offer_is_refused() -> None:
    driver = Driver(offer_options=False)
    driver.fails(OptionAck((("blksize", "512"),)))
    assert driver.told() is ErrorCode.OPTION_REFUSED


@pytest.mark.parametrize("size", [10_001, 99_999_999_999_999_999_999])
def test_a_file_announced_too_large_is_refused_at_once(size: int) -> None:
    driver = Driver()
    error = driver.fails(OptionAck((("tsize", str(size)),)))
    assert error.fault is FetchFault.TOO_LARGE
    assert driver.told() is ErrorCode.ALLOCATION_EXCEEDED


def test_a_file_that_grows_too_large_is_cut_off() -> None:
    driver = Driver()
    for number in range(1, 20):
        driver.give(Data(number, bytes(512)))
    driver.sent()
    assert driver.fails(Data(20, bytes(512))).fault is FetchFault.TOO_LARGE
    assert driver.told() is ErrorCode.ALLOCATION_EXCEEDED


def test_a_file_of_just_the_allowed_size_is_fine() -> None:
    driver = Driver(FetchLimits(max_bytes=512))
    driver.give(OptionAck((("tsize", "512"),)))
    driver.give(Data(1, bytes(512)))
    assert driver.give(Data(2, b""))[-1] == Completed(bytes(512))


@pytest.mark.parametrize(("announced", "sent"), [(3, 2), (3, 4), (0, 1), (1000, 0)])
def test_a_size_that_is_not_kept_is_an_error(announced: int, sent: int) -> None:
    driver = Driver()
    driver.give(OptionAck((("tsize", str(announced)),)))
    driver.sent()
    error = driver.fails(Data(1, bytes(sent)))
    assert error.fault is FetchFault.PROTOCOL
    assert str(announced) in error.detail
    assert driver.told() is ErrorCode.UNDEFINED


@pytest.mark.parametrize(("options", "payload"), [((), 513), ((("blksize", "8"),), 9)])
def test_a_block_longer_than_agreed_is_an_error(options: Options, payload: int) -> None:
    driver = Driver()
    if options:
        driver.give(OptionAck(options))
        driver.sent()
    assert driver.fails(Data(1, bytes(payload))).fault is FetchFault.PROTOCOL
    assert driver.told() is ErrorCode.ILLEGAL_OPERATION


@pytest.mark.parametrize("packet", [Ack(0), ReadRequest("x"), WriteRequest("x"), b"", b"\0", b"\0\x09ab", b"\0\6a\0"])
def test_what_no_server_sends_is_one_clear_error(packet: Packet | bytes) -> None:
    driver = Driver()
    assert driver.fails(packet).fault is FetchFault.PROTOCOL
    assert driver.told() is ErrorCode.ILLEGAL_OPERATION


# --- time ------------------------------------------------------------------------------------------------------


def test_silence_is_met_with_repeats_that_come_slower_and_end() -> None:
    driver = Driver()
    times = []
    for _ in range(LIMITS.tftp_retransmits):
        assert driver.wait() == driver.request
        times.append(driver.now - 100.0)
    assert times == [1.0, 3.0, 7.0]
    with pytest.raises(TftpError, match="no answer") as caught:
        driver.wait()
    assert driver.now == 115.0
    assert caught.value.fault is FetchFault.TIMEOUT
    assert driver.client.next_timer() is None


def test_the_wait_between_repeats_has_an_upper_bound() -> None:
    driver = Driver(FetchLimits(deadline_seconds=1000, tftp_retransmits=8))
    times = [driver.now]
    for _ in range(8):
        driver.wait()
        times.append(driver.now)
    assert [after - before for before, after in itertools.pairwise(times)] == [1, 2, 4, 8, 8, 8, 8, 8]


def test_progress_starts_patience_afresh() -> None:
    driver = Driver()
    driver.client.handle_timer(101.0)
    driver.client.handle_timer(103.0)
    driver.sent()
    driver.now = 104.0
    driver.give(Data(1, bytes(512)))
    assert driver.sent() == [Ack(1)]
    assert driver.client.next_timer() == 105.0
    driver.client.handle_timer(105.0)
    assert driver.sent() == [Ack(1)]


def test_a_transfer_that_stalls_says_how_far_it_came() -> None:
    driver = Driver()
    driver.give(Data(1, bytes(512)))
    assert driver.sent() == [Ack(1)]
    for _ in range(LIMITS.tftp_retransmits):
        assert driver.wait() == [Ack(1)]
    with pytest.raises(TftpError, match="512 bytes") as caught:
        driver.wait()
    assert caught.value.fault is FetchFault.TIMEOUT


def test_the_deadline_holds_however_busy_the_server_is() -> None:
    driver = Driver()
    driver.now = 129.9
    driver.give(Data(1, bytes(512)))
    driver.sent()
    driver.now = 130.0
    error = driver.fails(Data(2, bytes(512)))
    assert error.fault is FetchFault.TIMEOUT
    assert driver.told() is ErrorCode.UNDEFINED


def test_the_deadline_comes_before_the_next_repeat() -> None:
    driver = Driver(FetchLimits(deadline_seconds=0.5))
    assert driver.client.next_timer() == 100.5
    with pytest.raises(TftpError, match=r"0\.5 seconds"):
        driver.client.handle_timer(100.5)
