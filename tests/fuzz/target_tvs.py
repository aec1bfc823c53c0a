"""Fuzz target: TVS messages, and both sides of the conversation fed with any bytes, whole and in pieces."""

from random import Random

from ctlctl_trust.tlv import encode_tlv
from ctlctl_trust.tvs import (
    MAX_ELEMENTS,
    MAX_MESSAGE,
    Dialect,
    Element,
    Frame,
    QueryRequest,
    QueryResponse,
    Signal,
    TvsClientMachine,
    TvsPeerError,
    TvsServerMachine,
    VerifyRequest,
    VerifyResponse,
    decode,
    decode_frame,
    encode,
)
from support.mutate import ByteMutator

NAME = "tvs"
INSTRUMENT = ("ctlctl_trust",)
#: Bytes; the machines do not care how long a certificate is, and every input is fed in pieces too.
MAX_LENGTH = 512

_DEVICE = "CP-8861-SEP001122334455"
_ASKED = (
    VerifyRequest(session=1001, device=_DEVICE, certificate=b"0\x82\x03\x42"),
    QueryRequest(session=1001, device=_DEVICE, subject="CN=pub;O=LAB", issuer="CN=ca", serial=bytes(19)),
)
_ANSWERED = (
    VerifyResponse(session=1001, status=0, roles=(0, 3), ttl=86_400, reserved=0xF7),
    VerifyResponse(session=1001, status=1),
    QueryResponse(session=1001, status=0, certificate=b"0\x82\x05\xa7", roles=(0, 3), ttl=86_400),
    QueryResponse(session=1001, status=1, extra=(Element(6, b"?"), Element(200, b""))),
)
_ENDLESS = Dialect(requests_per_connection=None)
# Bytes.
_SHORT = 96


def seeds() -> list[bytes]:
    one = [encode(message) for message in (*_ASKED, *_ANSWERED)]
    unknown = VerifyRequest(session=0, device="", certificate=b"x", extra=(Element(6, b""), Element(255, bytes(3))))
    return [*one, b"".join(one[:2]), one[0][:-1], encode(unknown), bytes.fromhex("570101f7000000070000")]


def one_input(data: bytes) -> None:
    _codec(data)
    size = len(data) or 1
    # Long inputs in longer pieces: what is found at each single byte is found in short ones, and sooner.
    small = 1 if size <= _SHORT else 13
    for dialect in (Dialect(), _ENDLESS):
        assert _server(data, size, dialect) == _server(data, small, dialect)
    for request in _ASKED:
        answers = _client(request, data, size)
        assert answers == _client(request, data, small)
        # It asks once here, so whatever comes there is one answer or one error.
        assert len(answers) == 1


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Change elements and mend the lengths; what is no frame is left to ``turn``."""
    try:
        frame = decode_frame(data)
    except TvsPeerError:
        return turn(data, limit)
    elements = [(tag, value) for tag, value in frame.elements if random.random() < 0.9]
    for _ in range(random.randrange(3)):
        new = (random.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 255]), random.randbytes(random.choice([0, 1, 4, 20])))
        elements.insert(random.randrange(len(elements) + 1), new)
    if elements:
        place = random.randrange(len(elements))
        tag, value = elements[place]
        elements[place] = (tag, turn(value or b"\0", 64))
    body = b"".join(encode_tlv(tag, value) for tag, value in elements)
    head = bytearray(data[:8] + len(body).to_bytes(2))
    head[2] = random.choice([1, 2, 3, 4, 4, head[2]])
    return (bytes(head) + body)[:limit]


def _codec(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except TvsPeerError:
        return
    assert frame.encode() == data
    assert len(frame.elements) <= MAX_ELEMENTS
    assert len(data) <= MAX_MESSAGE
    try:
        message = decode(data)
    except TvsPeerError:
        return
    again = message.to_frame()
    # Nothing is lost: at most the order changes.
    assert sorted(again.elements) == sorted(frame.elements)
    assert Frame(frame.command, frame.session, again.elements, frame.reserved) == again
    assert decode(again.encode()) == message


def _server(data: bytes, size: int, dialect: Dialect) -> list[object]:
    """Return what a server hears in a stream, and how that ends; it answers everything at once."""
    machine = TvsServerMachine(dialect)
    heard: list[object] = []
    try:
        for piece in (*(data[place : place + size] for place in range(0, len(data), size)), b""):
            machine.receive_data(piece)
            while not isinstance(event := machine.next_event(), Signal):
                heard.append(event)
                if isinstance(event, VerifyRequest):
                    machine.send(VerifyResponse(session=event.session, status=1))
                else:
                    assert isinstance(event, QueryRequest)
                    machine.send(QueryResponse(session=event.session, status=1))
    except TvsPeerError as error:
        heard.append(error.reason)
    else:
        assert machine.next_event() is Signal.CLOSED
    return heard


def _client(request: VerifyRequest | QueryRequest, data: bytes, size: int) -> list[object]:
    machine = TvsClientMachine()
    machine.send(request)
    heard: list[object] = []
    try:
        for piece in (*(data[place : place + size] for place in range(0, len(data), size)), b""):
            machine.receive_data(piece)
            while not isinstance(event := machine.next_event(), Signal):
                assert isinstance(event, VerifyResponse | QueryResponse)
                assert event.session == request.session
                heard.append(event)
    except TvsPeerError as error:
        heard.append(error.reason)
    else:
        assert machine.next_event() is Signal.CLOSED
    return heard
