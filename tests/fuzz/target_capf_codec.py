"""Fuzz target: CAPF frames and messages."""

from random import Random

from ctlctl_capf.codec import decode, encode, to_frame
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.elements import (
    CarriedCertificate,
    Curve,
    DigestSignature,
    KeyOrder,
    SudiData,
)
from ctlctl_capf.frame import MAX_ELEMENTS, MAX_MESSAGE, CapfPeerError, Command, Element, Frame, decode_frame
from ctlctl_capf.messages import (
    AuthRequest,
    AuthResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    EndSession,
    FetchCertificateRequest,
    FetchCertificateResponse,
    KeyGenerateRequest,
    KeyGenerateResponse,
    Message,
    RequestInProgress,
    RetryLater,
    StoreCertificateRequest,
    StoreCertificateResponse,
)
from ctlctl_trust.tlv import encode_tlv
from support.mutate import ByteMutator

NAME = "capf_codec"
INSTRUMENT = ("ctlctl_capf",)
#: Bytes; nothing here cares how long a certificate is.
MAX_LENGTH = 512

_STRING = "123456"
_DER = b"0\x82\x03\x42"
_LAX = Dialect(
    versions=frozenset(range(256)),
    check_certificate_length=False,
    refuse_unterminated=False,
    check_session=False,
    refuse_odd_delay=False,
)
_STRICT = Dialect(refuse_unknown=True)

MESSAGES: tuple[Message, ...] = (
    AuthRequest(session=9),
    AuthResponse(session=9, device="SEP001122334455"),
    AuthResponse(
        session=9,
        device="SEP001122334455",
        password=_STRING,
        certificate=CarriedCertificate(_DER),
        signed=bytes(8),
        signed_sha2=DigestSignature(3, bytes(9)),
        sudi=SudiData(_DER, (DigestSignature(1, bytes(8)), DigestSignature(3, bytes(9)))),
        extra=(Element(99, b"x"),),
    ),
    KeyGenerateRequest.of(9, KeyOrder.rsa(2048)),
    KeyGenerateRequest.of(9, KeyOrder.ec(Curve.SECP384R1)),
    RequestInProgress(session=9),
    KeyGenerateResponse(session=9, public_key=_DER),
    KeyGenerateResponse(session=9, reason=7),
    StoreCertificateRequest(session=9, certificate=CarriedCertificate(_DER)),
    StoreCertificateResponse(session=9),
    FetchCertificateRequest(session=9),
    FetchCertificateResponse(session=9, certificate=CarriedCertificate(_DER)),
    DeleteCertificateRequest(session=9),
    DeleteCertificateResponse(session=9, reason=7),
    EndSession(session=9),
    EndSession(session=9, reason=7, info="no"),
    RetryLater(session=9, delay=30),
)


def seeds() -> list[bytes]:
    unknown = Frame(Command.SIGN_CERTIFICATE_REQUEST, 9, (Element(4, b"?"),))
    return [*map(encode, MESSAGES), unknown.encode(), encode(MESSAGES[1])[:-1], bytes.fromhex("5502000000090003070000")]


def one_input(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except CapfPeerError:
        for dialect in (Dialect(), _LAX):
            _refused(data, dialect)
        return
    assert frame.encode() == data
    assert len(frame.elements) <= MAX_ELEMENTS
    assert len(data) <= MAX_MESSAGE
    plain = _same(frame, data, Dialect())
    # What a strict reader takes means the same to it; what a plain one takes means the same to a lax one.
    strict, lax = _same(frame, data, _STRICT), _same(frame, data, _LAX)
    assert strict in (None, plain)
    assert plain in (None, lax)


def _refused(data: bytes, dialect: Dialect) -> None:
    try:
        decode(data, dialect)
    except CapfPeerError:
        return
    raise AssertionError("a message without a frame")


def _same(frame: Frame, data: bytes, dialect: Dialect) -> object:
    try:
        message = decode(data, dialect)
    except CapfPeerError:
        return None
    again = to_frame(message)
    if dialect is not _LAX:
        # Nothing is lost: at most the order changes.
        kept = frame.elements
        if frame.command is Command.RETRY_LATER:
            kept = tuple(Element(tag, _padded(tag, value)) for tag, value in kept)
        assert sorted(again.elements) == sorted(kept)
        assert encode(decode(again.encode(), dialect)) == again.encode()
    assert decode(again.encode(), dialect) == message
    return message


def _padded(tag: int, value: bytes) -> bytes:
    # A delay is read in three sizes and written in one.
    return value.rjust(4, b"\0") if tag == 12 and len(value) in {1, 2} else value


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Change elements and mend the lengths; what is no frame is left to ``turn``."""
    try:
        frame = decode_frame(data)
    except CapfPeerError:
        return turn(data, limit)
    elements = [(tag, value) for tag, value in frame.elements if random.random() < 0.9]
    for _ in range(random.randrange(3)):
        new = (random.choice([*range(21), 255]), random.randbytes(random.choice([0, 1, 2, 4, 20])))
        elements.insert(random.randrange(len(elements) + 1), new)
    if elements:
        place = random.randrange(len(elements))
        tag, value = elements[place]
        elements[place] = (tag, turn(value or b"\0", 64))
    body = b"".join(encode_tlv(tag, value) for tag, value in elements)
    command = random.choice([frame.command, frame.command, random.randrange(25)])
    return (bytes((85, command)) + data[2:6] + len(body).to_bytes(2) + body)[:limit]
