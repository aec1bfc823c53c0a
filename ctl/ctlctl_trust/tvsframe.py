"""TVS on the wire: the frame, its elements, and the two kinds of errors.

A frame is a header of 10 bytes (protocol 87, version 1, command, a reserved byte, session, length of the body) and
a body of elements (tag of one byte, length of two, value); all of it big-endian. Sources: a genuine trace of a phone
8861 and CUCM 10.5.2 (Cisco document 213407), the header of a verification request (document 118699), and the
independent tvsd, run live. What one source says alone stands beside the name.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from struct import Struct
from typing import Final, NamedTuple

from ctlctl_trust.tlv import encode_tlv

#: "Protocol Discriminator: 57" in hexadecimal (document 213407).
PROTOCOL: Final = 87
VERSION: Final = 1
#: protocol, version, command, reserved, session, length of the body.
HEADER: Final = Struct(">BBBBIH")
#: Bytes; the length field of the body has 16 bits.
MAX_BODY: Final = 0xFFFF
#: Bytes of a whole message.
MAX_MESSAGE: Final = HEADER.size + MAX_BODY
#: Elements of one message; the largest genuine one has four, and nine tags are known.
MAX_ELEMENTS: Final = 64
#: Bytes before an element's value: tag, length.
_ELEMENT_HEAD: Final = 3


class Command(IntEnum):
    """What a frame is (names of the independent tvsd; Cisco's are TVS_MSG_CERT_VERIFICATION_REQ and so on)."""

    VERIFY_REQUEST = 1
    VERIFY_RESPONSE = 2
    QUERY_REQUEST = 3
    QUERY_RESPONSE = 4


class Tag(IntEnum):
    """Elements. ISSUER and SERIAL are inferred (see `ctlctl_trust.tvsmessages.Dialect`); 6 has never been seen."""

    DEVICE_NAME = 1
    CERTIFICATE = 2
    SUBJECT = 3
    ISSUER = 4
    SERIAL = 5
    STATUS = 7
    ROLES = 8
    TTL = 9


class TvsReason(StrEnum):
    """What a peer did wrong. The values are stable: logs and scripts see them."""

    BAD_PROTOCOL = "bad-protocol"
    BAD_VERSION = "bad-version"
    BAD_COMMAND = "bad-command"
    LENGTH_OVERFLOW = "length-overflow"
    LENGTH_MISMATCH = "length-mismatch"
    TOO_MANY_ELEMENTS = "too-many-elements"
    MISSING_ELEMENT = "missing-element"
    DUPLICATE_ELEMENT = "duplicate-element"
    UNKNOWN_ELEMENT = "unknown-element"
    BAD_LENGTH = "bad-length"
    BAD_STRING = "bad-string"
    WRONG_SESSION = "wrong-session"
    OUT_OF_TURN = "out-of-turn"
    CUT_OFF = "cut-off"
    UNANSWERED = "unanswered"
    NOT_DRAINED = "not-drained"


class TvsProtocolError(Exception):
    """Something that is not TVS; always one of its two children."""


class TvsLocalError(TvsProtocolError):
    """Our own fault: a message that cannot be written, or that may not be sent now."""


class TvsPeerError(TvsProtocolError):
    """The peer's fault: bytes that are no TVS message, or one that may not come now.

    Attributes:
        reason: which fault.
    """

    def __init__(self, reason: TvsReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip to another process."""
        return type(self), (self.reason, str(self))


class Element(NamedTuple):
    """One element of a body.

    Attributes:
        tag: its tag, known or not.
        value: its bytes.
    """

    tag: int
    value: bytes


class Header(NamedTuple):
    """The first 10 bytes, checked.

    Attributes:
        command: what the frame is.
        reserved: garbage; a genuine response has 0xF7 there.
        session: number that a response repeats.
        length: bytes of the body.
    """

    command: Command
    reserved: int
    session: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A message as it stands on the wire: nothing of it is interpreted, and nothing is lost.

    Attributes:
        command: what it is.
        session: number that a response repeats; phones count from about 1001.
        elements: the body, in order, elements that nobody knows included.
        reserved: 0, or what the peer had there.

    Raises:
        TvsLocalError: it cannot be written.
    """

    command: Command
    session: int
    elements: tuple[Element, ...]
    reserved: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.session <= 0xFFFF_FFFF:
            raise TvsLocalError(f"session {self.session} does not fit 32 bits")
        if not 0 <= self.reserved <= 0xFF:
            raise TvsLocalError(f"{self.reserved} does not fit the reserved byte")
        if len(self.elements) > MAX_ELEMENTS:
            raise TvsLocalError(f"{len(self.elements)} elements are over the limit of {MAX_ELEMENTS}")
        for tag, value in self.elements:
            if not 0 <= tag <= 0xFF:
                raise TvsLocalError(f"tag {tag} does not fit a byte")
            if len(value) > MAX_BODY:
                raise TvsLocalError(f"element {tag} of {len(value)} bytes does not fit a message")
        if self.body_length > MAX_BODY:
            raise TvsLocalError(f"a body of {self.body_length} bytes does not fit its length field of 16 bits")

    @property
    def body_length(self) -> int:
        """Bytes of the body."""
        return sum(_ELEMENT_HEAD + len(value) for _, value in self.elements)

    def encode(self) -> bytes:
        """Return the bytes of the wire."""
        head = HEADER.pack(PROTOCOL, VERSION, self.command, self.reserved, self.session, self.body_length)
        return head + b"".join(encode_tlv(tag, value) for tag, value in self.elements)


def decode_header(data: bytes | bytearray) -> Header:
    """Read a header; what follows it is not looked at.

    Args:
        data: at least the 10 bytes of a header.

    Raises:
        TvsPeerError: protocol, version or command is not known. The independent tvsd closes the connection then.
    """
    protocol, version, command, reserved, session, length = HEADER.unpack_from(data)
    if protocol != PROTOCOL:
        raise TvsPeerError(TvsReason.BAD_PROTOCOL, f"protocol {protocol} is not TVS ({PROTOCOL})")
    if version != VERSION:
        raise TvsPeerError(TvsReason.BAD_VERSION, f"version {version} of TVS is not known")
    try:
        known = Command(command)
    except ValueError:
        raise TvsPeerError(TvsReason.BAD_COMMAND, f"command {command} is not known") from None
    return Header(known, reserved, session, length)


def decode_frame(data: bytes) -> Frame:
    """Read one whole frame.

    Raises:
        TvsPeerError: it is none, or is followed by other bytes; no other exception.
    """
    if len(data) < HEADER.size:
        raise TvsPeerError(TvsReason.CUT_OFF, f"{len(data)} bytes are no header of {HEADER.size}")
    header = decode_header(data)
    if len(data) != HEADER.size + header.length:
        raise TvsPeerError(
            TvsReason.LENGTH_MISMATCH, f"the header announces {header.length} bytes, {len(data) - HEADER.size} follow"
        )
    return Frame(header.command, header.session, _elements(data), header.reserved)


def _elements(data: bytes) -> tuple[Element, ...]:
    found: list[Element] = []
    place, end = HEADER.size, len(data)
    while place < end:
        tag = data[place]
        start = place + _ELEMENT_HEAD
        after = start + int.from_bytes(data[place + 1 : start], "big")
        if start > end or after > end:
            raise TvsPeerError(TvsReason.LENGTH_OVERFLOW, f"element {tag} at byte {place} runs past the message")
        if len(found) == MAX_ELEMENTS:
            raise TvsPeerError(TvsReason.TOO_MANY_ELEMENTS, f"over {MAX_ELEMENTS} elements")
        found.append(Element(tag, data[start:after]))
        place = after
    return tuple(found)
