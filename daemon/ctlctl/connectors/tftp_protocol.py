"""Reading one file over TFTP, as a state machine without socket and clock.

RFC 1350 (the protocol), 2347 (options), 2348 (blksize), 2349 (timeout, tsize), 1123 section 4.2.3.1 (the
Sorcerer's Apprentice). Datagrams and the time go in; events and datagrams come out:

    client = ReadClient("CTLFile.tlv", FetchLimits(), now)
    client.datagrams_to_send()             # the read request
    client.receive(datagram, now)          # -> events
    client.next_timer()                    # when to call
    client.handle_timer(now)

Times are seconds on any clock that does not run backwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias, assert_never

from ctlctl.connectors.ports import MIN_TFTP_BLOCK_BYTES, FetchFault, FetchLimits, check_name, printable
from ctlctl.connectors.tftp_packets import (
    MAX_BLOCK,
    OCTET_MODE,
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

# Bytes of a block when no other size is agreed (RFC 1350 section 2).
DEFAULT_BLOCK_BYTES: Final = 512
# Seconds: the most the wait before a retransmission grows to. Longer waits would only eat the deadline.
MAX_RETRANSMIT_SECONDS: Final = 8.0
# Seconds, RFC 2349: what the timeout option may say.
MIN_TIMEOUT_OPTION: Final = 1
MAX_TIMEOUT_OPTION: Final = 255
# Part of the retransmission wait in which a repeated block is not acknowledged again. The repeat of a server
# that missed our ACK comes later than that; one that comes sooner was doubled on the way or answers a
# doubled ACK, and acknowledging it would double all the traffic after it (RFC 1123 section 4.2.3.1).
DUPLICATE_HOLDOFF: Final = 0.25
# Digits of the longest number an option may hold: 64 bits.
MAX_OPTION_DIGITS: Final = 20


class State(Enum):
    """Where a transfer stands."""

    REQUESTED = "the request is sent, nothing has come back"
    NEGOTIATED = "the server agreed to options, no block has come yet"
    RECEIVING = "blocks are coming"
    DONE = "the file is here"
    FAILED = "it ended with an error"


_LIVE: Final = frozenset({Data, Error, Ack, ReadRequest, WriteRequest})
# Which packets matter in which state; any other is late or repeated, and ignored.
_HEARD: Final[Mapping[State, frozenset[type[Packet]]]] = {
    State.REQUESTED: _LIVE | {OptionAck},
    State.NEGOTIATED: _LIVE | {OptionAck},
    State.RECEIVING: _LIVE,
    State.DONE: frozenset({Data}),  # a server whose last ACK was lost repeats its last block
    State.FAILED: frozenset(),
}

_MEANING: Final[Mapping[int, tuple[FetchFault, str]]] = {
    ErrorCode.UNDEFINED: (FetchFault.SERVER_ERROR, "the server gave up"),
    ErrorCode.NOT_FOUND: (FetchFault.NOT_FOUND, "the server has no such file"),
    ErrorCode.ACCESS_VIOLATION: (FetchFault.DENIED, "the server does not hand this file out"),
    ErrorCode.ALLOCATION_EXCEEDED: (FetchFault.SERVER_ERROR, "the server is out of space"),
    ErrorCode.ILLEGAL_OPERATION: (FetchFault.PROTOCOL, "the server took a packet of ours for illegal"),
    ErrorCode.UNKNOWN_TRANSFER: (FetchFault.PROTOCOL, "the server no longer knows this transfer"),
    ErrorCode.OPTION_REFUSED: (FetchFault.PROTOCOL, "the server refuses the options"),
}


@dataclass(frozen=True, slots=True)
class Negotiated:
    """The server answered the options. `file_bytes` is None where it did not tell the size."""

    block_bytes: int
    file_bytes: int | None


@dataclass(frozen=True, slots=True)
class BlockReceived:
    """So many bytes of the file are here."""

    received_bytes: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The whole file."""

    content: bytes


Event: TypeAlias = Negotiated | BlockReceived | Completed


class TftpError(Exception):
    """The transfer is over without the file.

    Attributes:
        fault: The kind of trouble.
        detail: What happened, in words, harmless to print.
        server_code: Code of the server's ERROR packet, or None when the end was ours.
    """

    def __init__(self, fault: FetchFault, detail: str, server_code: int | None = None) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.server_code = server_code


class ReadClient:
    """Reads one file in octet mode."""

    def __init__(self, name: str, limits: FetchLimits, now: float, *, offer_options: bool = True) -> None:
        """Make the read request.

        Args:
            name: The file, as `ports.check_name` allows it.
            limits: Bytes, seconds, block size and retransmissions.
            now: The time, in seconds.
            offer_options: Whether to offer blksize, timeout and tsize; some old servers refuse any.

        Raises:
            TargetError: The name cannot be one.
        """
        check_name(name)
        self.state = State.REQUESTED
        self._limits = limits
        self._offered = _offer(limits) if offer_options else {}
        self._block_bytes = DEFAULT_BLOCK_BYTES
        self._file_bytes: int | None = None
        self._content = bytearray()
        self._last_block = 0
        # What may follow block 65535; one is left once the server has shown which it is.
        self._after_last: tuple[int, ...] = (0, 1)
        self._outbox: list[bytes] = []
        self._deadline = now + limits.deadline_seconds
        self._last_datagram = b""
        self._sent_at = now
        self._wait = limits.tftp_retransmit_seconds
        self._retransmit_at = now + self._wait
        self._retransmits_left = limits.tftp_retransmits
        self._send(ReadRequest(name, OCTET_MODE, tuple(self._offered.items())), now)

    def datagrams_to_send(self) -> tuple[bytes, ...]:
        """Hand over what is to be sent, once; also to be asked after an error, to tell the server."""
        datagrams = tuple(self._outbox)
        self._outbox.clear()
        return datagrams

    def next_timer(self) -> float | None:
        """Say when `handle_timer` wants to be called; None once the transfer is over."""
        if self.state is State.DONE or self.state is State.FAILED:
            return None
        return min(self._retransmit_at, self._deadline)

    def handle_timer(self, now: float) -> None:
        """Retransmit what went unanswered; does nothing before its time.

        Args:
            now: The time, in seconds.

        Raises:
            TftpError: The deadline has passed, or the retransmissions are used up.
        """
        timer = self.next_timer()
        if timer is None or now < timer:
            return
        self._check_deadline(now)
        if self._retransmits_left == 0:
            raise self._fail(FetchFault.TIMEOUT, f"{self._silence()}, after {self._limits.tftp_retransmits} repeats")
        self._retransmits_left -= 1
        self._wait = min(2 * self._wait, MAX_RETRANSMIT_SECONDS)
        self._repeat(now)

    def receive(self, datagram: bytes, now: float) -> tuple[Event, ...]:
        """Take a datagram of the server.

        Args:
            datagram: What arrived from the server's transfer port.
            now: The time, in seconds.

        Returns:
            What it brought; nothing for a late or repeated packet.

        Raises:
            TftpError: The transfer is over without the file. Nothing else is ever raised, whatever arrives.
        """
        if self.next_timer() is not None:
            self._check_deadline(now)
        try:
            packet = decode(datagram)
        except PacketError as error:
            if self.next_timer() is None:
                return ()
            raise self._fail(FetchFault.PROTOCOL, str(error), ErrorCode.ILLEGAL_OPERATION) from None
        return self._take(packet, now)

    def _take(self, packet: Packet, now: float) -> tuple[Event, ...]:
        if type(packet) not in _HEARD[self.state]:
            return ()
        match packet:
            case Data(block=block, payload=payload):
                return self._take_block(block, payload, now)
            case OptionAck(options=options):
                if self.state is State.REQUESTED:
                    return self._negotiate(options, now)
                self._acknowledge_again(now)
                return ()
            case Error(code=code, message=message):
                fault, meaning = _MEANING.get(code, (FetchFault.SERVER_ERROR, f"the server gave error {code}"))
                said = f" (it says: {printable(message)})" if message else ""
                raise self._fail(fault, meaning + said, server_code=code)
            case ReadRequest() | WriteRequest() | Ack():
                detail = f"the server sent a packet ({type(packet).__name__}) that only a client sends"
                raise self._fail(FetchFault.PROTOCOL, detail, ErrorCode.ILLEGAL_OPERATION)
            case _:
                assert_never(packet)

    def _negotiate(self, options: Options, now: float) -> tuple[Event, ...]:
        for name, value in options:
            number = self._agreed_number(name, value)
            match name:
                case "blksize":
                    self._block_bytes = number
                case "tsize":
                    self._file_bytes = number
                    self._check_size(number, "the server announces")
                case _:
                    pass  # timeout: the server says what we asked for, or we would not be here
        self.state = State.NEGOTIATED
        self._send(Ack(0), now)
        return (Negotiated(self._block_bytes, self._file_bytes),)

    def _agreed_number(self, name: str, value: str) -> int:
        """Check one option of an OACK against what was offered (RFC 2347, 2348, 2349)."""
        offered = self._offered.get(name)
        shown = f"{printable(name, 40)}={printable(value, 40)}"
        if offered is None:
            detail = f"the server sets an option that was never offered: {shown}"
            raise self._fail(FetchFault.PROTOCOL, detail, ErrorCode.OPTION_REFUSED)
        is_number = value.isascii() and value.isdigit() and len(value) <= MAX_OPTION_DIGITS
        number = int(value) if is_number else -1
        match name:
            case "blksize":
                allowed = MIN_TFTP_BLOCK_BYTES <= number <= int(offered)
            case "tsize":
                allowed = number >= 0
            case _:
                allowed = number == int(offered)
        if not allowed:
            detail = f"the server answers an option with a value out of range: {shown} (offered: {offered})"
            raise self._fail(FetchFault.PROTOCOL, detail, ErrorCode.OPTION_REFUSED)
        return number

    def _take_block(self, block: int, payload: bytes, now: float) -> tuple[Event, ...]:
        if block == self._last_block and self.state in {State.RECEIVING, State.DONE}:
            self._acknowledge_again(now)
            return ()
        expected = self._after_last if self._last_block == MAX_BLOCK else (self._last_block + 1,)
        if block not in expected or self.state is State.DONE:
            return ()
        if len(payload) > self._block_bytes:
            detail = f"a block has {len(payload)} bytes where {self._block_bytes} are agreed"
            raise self._fail(FetchFault.PROTOCOL, detail, ErrorCode.ILLEGAL_OPERATION)
        if self._last_block == MAX_BLOCK:
            self._after_last = (block,)
        self._content += payload
        total = len(self._content)
        is_last = len(payload) < self._block_bytes
        self._check_size(total, "the server has sent")
        announced = total if self._file_bytes is None else self._file_bytes
        if total > announced or (is_last and total < announced):
            detail = f"the server announced {announced} bytes and sent {'' if is_last else 'at least '}{total}"
            raise self._fail(FetchFault.PROTOCOL, detail, ErrorCode.UNDEFINED)
        self._last_block = block
        self.state = State.DONE if is_last else State.RECEIVING
        self._send(Ack(block), now)
        events: tuple[Event, ...] = (BlockReceived(total),)
        return (*events, Completed(bytes(self._content))) if is_last else events

    def _check_size(self, size: int, what: str) -> None:
        if size > self._limits.max_bytes:
            detail = f"{what} {size} bytes, more than the {self._limits.max_bytes} allowed"
            raise self._fail(FetchFault.TOO_LARGE, detail, ErrorCode.ALLOCATION_EXCEEDED)

    def _check_deadline(self, now: float) -> None:
        if now >= self._deadline:
            detail = f"{self._silence()}, in {self._limits.deadline_seconds:.3g} seconds"
            raise self._fail(FetchFault.TIMEOUT, detail, ErrorCode.UNDEFINED)

    def _silence(self) -> str:
        if self.state is State.REQUESTED:
            return "no answer came"
        return f"the transfer came to {len(self._content)} bytes and no further"

    def _send(self, packet: Packet, now: float) -> None:
        """Send something new: the transfer has made progress, so patience starts afresh."""
        self._last_datagram = encode(packet)
        self._wait = self._limits.tftp_retransmit_seconds
        self._retransmits_left = self._limits.tftp_retransmits
        self._repeat(now)

    def _repeat(self, now: float) -> None:
        self._outbox.append(self._last_datagram)
        self._sent_at = now
        self._retransmit_at = now + self._wait

    def _acknowledge_again(self, now: float) -> None:
        if now - self._sent_at >= DUPLICATE_HOLDOFF * self._limits.tftp_retransmit_seconds:
            self._repeat(now)

    def _fail(
        self, fault: FetchFault, detail: str, tell: ErrorCode | None = None, *, server_code: int | None = None
    ) -> TftpError:
        """End the transfer; the caller raises what this returns. `tell` is for the server to know."""
        self.state = State.FAILED
        self._content.clear()
        self._outbox.clear()
        if tell is not None:
            self._outbox.append(encode(Error(tell, detail)))
        return TftpError(fault, detail, server_code)


def _offer(limits: FetchLimits) -> dict[str, str]:
    seconds = round(limits.tftp_retransmit_seconds)
    return {
        "blksize": str(limits.tftp_block_bytes),
        "timeout": str(min(max(seconds, MIN_TIMEOUT_OPTION), MAX_TIMEOUT_OPTION)),
        "tsize": "0",
    }
