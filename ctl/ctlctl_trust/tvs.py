"""TVS, the Trust Verification Service of CUCM: its messages, and the conversation seen from both sides.

A phone asks it over TLS (TCP 2445) about certificates that its trust lists do not hold. Pure: bytes in, values out.

    >>> request = VerifyRequest(session=1001, device="CP-8861-SEP001122334455", certificate=b"DER")
    >>> decode(encode(request)) == request
    True

What is inferred or unknown about the protocol is gathered in `Dialect` and told in docs/tvs.md.
"""

from ctlctl_trust.tvsframe import (
    MAX_ELEMENTS,
    MAX_MESSAGE,
    Command,
    Element,
    Frame,
    Tag,
    TvsLocalError,
    TvsPeerError,
    TvsProtocolError,
    TvsReason,
    decode_frame,
)
from ctlctl_trust.tvsmachines import Event, Signal, Turn, TvsClientMachine, TvsServerMachine
from ctlctl_trust.tvsmessages import (
    DEVICE_KIND,
    DIALECT,
    STATUS_KNOWN,
    STATUS_UNKNOWN,
    Dialect,
    Message,
    QueryRequest,
    QueryResponse,
    Request,
    Response,
    VerifyRequest,
    VerifyResponse,
    decode_message,
    known_roles,
    role_words,
)

__all__ = [
    "DEVICE_KIND",
    "DIALECT",
    "MAX_ELEMENTS",
    "MAX_MESSAGE",
    "STATUS_KNOWN",
    "STATUS_UNKNOWN",
    "Command",
    "Dialect",
    "Element",
    "Event",
    "Frame",
    "Message",
    "QueryRequest",
    "QueryResponse",
    "Request",
    "Response",
    "Signal",
    "Tag",
    "Turn",
    "TvsClientMachine",
    "TvsLocalError",
    "TvsPeerError",
    "TvsProtocolError",
    "TvsReason",
    "TvsServerMachine",
    "VerifyRequest",
    "VerifyResponse",
    "decode",
    "decode_frame",
    "decode_message",
    "encode",
    "known_roles",
    "role_words",
]


def encode(message: Message, dialect: Dialect = DIALECT) -> bytes:
    """Return a message's bytes.

    Raises:
        TvsLocalError: it cannot be written.
    """
    return message.to_frame(dialect).encode()


def decode(data: bytes, dialect: Dialect = DIALECT) -> Message:
    """Read one whole message.

    Raises:
        TvsPeerError: the bytes are none, or are followed by others; no other exception.
    """
    return decode_message(decode_frame(data), dialect)
