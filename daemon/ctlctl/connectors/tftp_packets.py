"""TFTP packets (RFC 1350, options of RFC 2347) as values, both ways: bytes in, bytes out, no socket."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias, assert_never

# Bytes of a read or write request with its options (RFC 2347, section "Packet Formats").
MAX_REQUEST_BYTES: Final = 512
# The largest block number: it has 16 bits (RFC 1350 section 5).
MAX_BLOCK: Final = 0xFFFF
# Transfer mode for bytes as they are (RFC 1350 section 1).
OCTET_MODE: Final = "octet"


class Opcode(IntEnum):
    """What a packet is (RFC 1350 section 5, OACK: RFC 2347)."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """Why a transfer ends (RFC 1350 appendix, OPTION_REFUSED: RFC 2347)."""

    UNDEFINED = 0
    NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    ALLOCATION_EXCEEDED = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_REFUSED = 8


class PacketError(Exception):
    """A datagram is no TFTP packet; the text says why."""


Options: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """RRQ: asks for a file. Option names are in lower case."""

    filename: str
    mode: str = OCTET_MODE
    options: Options = ()


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """WRQ: offers a file. Option names are in lower case."""

    filename: str
    mode: str = OCTET_MODE
    options: Options = ()


@dataclass(frozen=True, slots=True)
class Data:
    """DATA: one block of the file."""

    block: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """ACK: a block has arrived."""

    block: int


@dataclass(frozen=True, slots=True)
class Error:
    """ERROR: the transfer is over. The code may be one that no RFC names."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class OptionAck:
    """OACK: the options a server agrees to. Option names are in lower case."""

    options: Options


Packet: TypeAlias = ReadRequest | WriteRequest | Data | Ack | Error | OptionAck


def encode(packet: Packet) -> bytes:
    """Write a packet.

    Args:
        packet: Any packet. Text goes out as UTF-8, with the bytes that `decode` could not read as they were.

    Returns:
        The datagram.

    Raises:
        ValueError: A text holds a NUL, a number does not fit in 16 bits, or a request is longer than
            `MAX_REQUEST_BYTES`. That is the caller's fault, never the peer's.
    """
    match packet:
        case ReadRequest():
            return _encode_request(Opcode.RRQ, packet)
        case WriteRequest():
            return _encode_request(Opcode.WRQ, packet)
        case Data(block=block, payload=payload):
            return _words(Opcode.DATA, block) + payload
        case Ack(block=block):
            return _words(Opcode.ACK, block)
        case Error(code=code, message=message):
            return _words(Opcode.ERROR, code) + _strings(message)
        case OptionAck(options=options):
            return _words(Opcode.OACK) + _strings(*(text for option in options for text in option))
        case _:
            assert_never(packet)


def _encode_request(opcode: Opcode, packet: ReadRequest | WriteRequest) -> bytes:
    texts = (text for option in packet.options for text in option)
    datagram = _words(opcode) + _strings(packet.filename, packet.mode, *texts)
    if len(datagram) > MAX_REQUEST_BYTES:
        raise ValueError(f"a request of {len(datagram)} bytes is longer than {MAX_REQUEST_BYTES} (RFC 2347)")
    return datagram


def _words(*numbers: int) -> bytes:
    try:
        return b"".join([number.to_bytes(2, "big") for number in numbers])
    except OverflowError:
        raise ValueError(f"{numbers} do not fit in 16 bits each") from None


def _strings(*texts: str) -> bytes:
    if any("\0" in text for text in texts):
        raise ValueError("a text of a packet cannot hold a NUL")
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


def decode(datagram: bytes) -> Packet:
    """Read a packet.

    Args:
        datagram: What arrived.

    Returns:
        The packet. Its texts come from the peer: not safe to print, and bytes that are no UTF-8 stand as
        lone surrogates, so that `encode` gives them back.

    Raises:
        PacketError: It is no TFTP packet. Nothing else is ever raised.
    """
    if len(datagram) < 4:
        # An OACK that agrees to nothing is the only packet without a second word.
        if datagram == Opcode.OACK.to_bytes(2, "big"):
            return OptionAck(())
        raise PacketError(f"a packet of {len(datagram)} bytes is too short")
    opcode = int.from_bytes(datagram[:2], "big")
    second = int.from_bytes(datagram[2:4], "big")
    match opcode:
        case Opcode.DATA:
            return Data(second, datagram[4:])
        case Opcode.ACK:
            if len(datagram) > 4:
                raise PacketError(f"an ACK of {len(datagram)} bytes is too long")
            return Ack(second)
        case Opcode.ERROR:
            # Some servers leave the NUL away, and what follows it says nothing: the text is for people.
            return Error(second, _text(datagram[4:].partition(b"\0")[0]))
        case Opcode.OACK:
            return OptionAck(_options(_split("an OACK", datagram)))
        case Opcode.RRQ | Opcode.WRQ:
            return _request(ReadRequest if opcode == Opcode.RRQ else WriteRequest, datagram)
        case _:
            raise PacketError(f"a packet has opcode {opcode}, which TFTP does not know")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _split(what: str, datagram: bytes) -> list[str]:
    if not datagram.endswith(b"\0"):
        raise PacketError(f"{what} does not end with a NUL")
    return [_text(raw) for raw in datagram[2:-1].split(b"\0")]


def _request(kind: type[ReadRequest | WriteRequest], datagram: bytes) -> ReadRequest | WriteRequest:
    if len(datagram) > MAX_REQUEST_BYTES:
        raise PacketError(f"a request of {len(datagram)} bytes is longer than {MAX_REQUEST_BYTES} (RFC 2347)")
    texts = _split("a request", datagram)
    if len(texts) < 2:
        raise PacketError("a request has no mode")
    return kind(texts[0], texts[1].lower(), _options(texts[2:]))


def _options(texts: list[str]) -> Options:
    if len(texts) % 2:
        raise PacketError("an option has no value")
    names = [name.lower() for name in texts[::2]]
    if len(set(names)) != len(names):
        # RFC 2347: "An option may only be specified once".
        raise PacketError("an option stands twice")
    return tuple(zip(names, texts[1::2], strict=True))
