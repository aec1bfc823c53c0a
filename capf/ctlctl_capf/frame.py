"""CAPF on the wire: the frame, its elements, and the two kinds of errors.

A frame is a header of 8 bytes (protocol 85, command, session, length of the body) and a body of elements (tag of one
byte, length of two, value); all of it big-endian. Source: the independent capfd and capfc (usecallmanager.nz), run
live; the numbers of REASON_INFO, VERSION and PUBLIC_KEY stand in a genuine Cisco trace too (document 213407). See
docs/capf-protocol.md for how sure each fact is.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from struct import Struct
from typing import Final, NamedTuple

from ctlctl_trust.tlv import encode_tlv

PROTOCOL: Final = 85
#: Registered port, TLS.
PORT: Final = 3804
#: protocol, command, session, length of the body.
HEADER: Final = Struct(">BBIH")
#: Bytes; the length field of the body has 16 bits.
MAX_BODY: Final = 0xFFFF
#: Bytes of a whole message.
MAX_MESSAGE: Final = HEADER.size + MAX_BODY
#: Elements of one message; the largest seen has eight, and twenty tags are known.
MAX_ELEMENTS: Final = 64
#: Bytes before an element's value: tag, length.
_ELEMENT_HEAD: Final = 3


class Command(IntEnum):
    """What a frame is. ENCRYPT's numbers really are in this order in the one source that has them."""

    AUTH_REQUEST = 1
    AUTH_RESPONSE = 2
    KEY_GENERATE_REQUEST = 3
    KEY_GENERATE_RESPONSE = 4
    ENCRYPT_RESPONSE = 5
    ENCRYPT_REQUEST = 6
    DECRYPT_REQUEST = 7
    DECRYPT_RESPONSE = 8
    STORE_CERTIFICATE_REQUEST = 9
    STORE_CERTIFICATE_RESPONSE = 10
    FETCH_CERTIFICATE_REQUEST = 11
    FETCH_CERTIFICATE_RESPONSE = 12
    DELETE_CERTIFICATE_REQUEST = 13
    DELETE_CERTIFICATE_RESPONSE = 14
    END_SESSION = 15
    RETRY_LATER = 16
    REQUEST_IN_PROGRESS = 17
    STATUS_REQUEST = 18
    STATUS_RESPONSE = 19
    ABORT_REQUEST = 20
    ABORT_RESPONSE = 21
    SIGN_CERTIFICATE_REQUEST = 22
    SIGN_CERTIFICATE_RESPONSE = 23


class Tag(IntEnum):
    """Elements. 14 and 15 have never been seen; CERTIFICATE_ID and DIGEST_TYPE are named, but used by nobody known."""

    REASON = 1
    REASON_INFO = 2
    CERTIFICATE_TYPE = 3
    CERTIFICATE = 4
    CERTIFICATE_ID = 5
    SIGNED_DATA = 6
    VERSION = 7
    AUTH_TYPE = 8
    PUBLIC_KEY = 9
    KEY_SIZE = 10
    PASSWORD = 11
    RETRY_DELAY = 12
    DEVICE_NAME = 13
    SUDI_DATA = 16
    KEY_TYPE = 17
    CURVE = 18
    DIGEST_TYPE = 19
    SHA2_SIGNED_DATA = 20


class WireReason(IntEnum):
    """Values of REASON that have a known meaning; 2 to 6, 8 and 10 upwards have none."""

    NO_ACTION = 0
    #: "Update certificate", and what every success says.
    SUCCESS = 1
    #: "Invalid element", and what every failure says: wrong string, bad signature, missing LSC.
    INVALID = 7
    UNKNOWN_DEVICE = 9


class CapfReason(StrEnum):
    """What a peer did wrong. The values are stable: logs, metrics and scripts see them."""

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
    LEFT = "left"
    NOT_DRAINED = "not-drained"
    TOO_MANY_DELAYS = "too-many-delays"
    OPERATION_REFUSED = "operation-refused"
    KEY_REFUSED = "key-refused"
    BAD_KEY = "bad-key"
    KEY_NOT_AS_ORDERED = "key-not-as-ordered"
    BAD_CERTIFICATE = "bad-certificate"
    CERTIFICATE_KEY = "certificate-key"
    CERTIFICATE_DATES = "certificate-dates"
    CERTIFICATE_DEVICE = "certificate-device"
    CERTIFICATE_ISSUER = "certificate-issuer"


class CapfProtocolError(Exception):
    """Something that is not CAPF; always one of its two children."""


class CapfLocalError(CapfProtocolError):
    """Our own fault: a message that cannot be written, or something that may not be done now."""


class CapfPeerError(CapfProtocolError):
    """The peer's fault: bytes that are no CAPF message, one that may not come now, or one that asks for nonsense.

    Attributes:
        reason: which fault.
    """

    def __init__(self, reason: CapfReason, message: str) -> None:
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
    """The first 8 bytes, checked.

    Attributes:
        command: what the frame is.
        session: number that the server chose.
        length: bytes of the body.
    """

    command: Command
    session: int
    length: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A message as it stands on the wire: nothing of it is interpreted, and nothing is lost.

    Attributes:
        command: what it is.
        session: number that the server chose in its first message, and that both repeat.
        elements: the body, in order, elements that nobody knows included. Not in `repr`: one may be a password.

    Raises:
        CapfLocalError: it cannot be written.
    """

    command: Command
    session: int
    elements: tuple[Element, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.session <= 0xFFFF_FFFF:
            raise CapfLocalError(f"session {self.session} does not fit 32 bits")
        if len(self.elements) > MAX_ELEMENTS:
            raise CapfLocalError(f"{len(self.elements)} elements are over the limit of {MAX_ELEMENTS}")
        for tag, value in self.elements:
            if not 0 <= tag <= 0xFF:
                raise CapfLocalError(f"tag {tag} does not fit a byte")
            if len(value) > MAX_BODY:
                raise CapfLocalError(f"element {tag} of {len(value)} bytes does not fit a message")
        if self.body_length > MAX_BODY:
            raise CapfLocalError(f"a body of {self.body_length} bytes does not fit its length field of 16 bits")

    def __repr__(self) -> str:
        held = ", ".join(f"{tag}: {len(value)} B" for tag, value in self.elements)
        return f"Frame({self.command.name}, session={self.session}, elements=({held}))"

    @property
    def body_length(self) -> int:
        """Bytes of the body."""
        return sum(_ELEMENT_HEAD + len(value) for _, value in self.elements)

    def encode(self) -> bytes:
        """Return the bytes of the wire: write them at once, phones stall when header and body come apart."""
        head = HEADER.pack(PROTOCOL, self.command, self.session, self.body_length)
        return head + b"".join(encode_tlv(tag, value) for tag, value in self.elements)


def decode_header(data: bytes | bytearray) -> Header:
    """Read a header; what follows it is not looked at.

    Args:
        data: at least the 8 bytes of a header.

    Raises:
        CapfPeerError: the protocol is another, or the command is not known.
    """
    protocol, command, session, length = HEADER.unpack_from(data)
    if protocol != PROTOCOL:
        raise CapfPeerError(CapfReason.BAD_PROTOCOL, f"protocol {protocol} is not CAPF ({PROTOCOL})")
    try:
        known = Command(command)
    except ValueError:
        raise CapfPeerError(CapfReason.BAD_COMMAND, f"command {command} is not known") from None
    return Header(known, session, length)


def decode_frame(data: bytes) -> Frame:
    """Read one whole frame.

    Raises:
        CapfPeerError: it is none, or is followed by other bytes; no other exception.
    """
    if len(data) < HEADER.size:
        raise CapfPeerError(CapfReason.CUT_OFF, f"{len(data)} bytes are no header of {HEADER.size}")
    header = decode_header(data)
    if len(data) != HEADER.size + header.length:
        raise CapfPeerError(
            CapfReason.LENGTH_MISMATCH, f"the header announces {header.length} bytes, {len(data) - HEADER.size} follow"
        )
    return Frame(header.command, header.session, _elements(data))


def _elements(data: bytes) -> tuple[Element, ...]:
    found: list[Element] = []
    place, end = HEADER.size, len(data)
    while place < end:
        tag = data[place]
        start = place + _ELEMENT_HEAD
        after = start + int.from_bytes(data[place + 1 : start], "big")
        if start > end or after > end:
            raise CapfPeerError(CapfReason.LENGTH_OVERFLOW, f"element {tag} at byte {place} runs past the message")
        if len(found) == MAX_ELEMENTS:
            raise CapfPeerError(CapfReason.TOO_MANY_ELEMENTS, f"over {MAX_ELEMENTS} elements")
        found.append(Element(tag, data[start:after]))
        place = after
    return tuple(found)
