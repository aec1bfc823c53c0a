"""Fuzz target: a CAPF client, fed with any bytes, whole and in pieces. The first byte chooses its rules."""

from functools import cache
from random import Random

from ctlctl_capf.client import CapfClient
from ctlctl_capf.codec import encode
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.elements import CarriedCertificate, KeyOrder
from ctlctl_capf.frame import CapfPeerError
from ctlctl_capf.messages import (
    AuthRequest,
    DeleteCertificateRequest,
    EndSession,
    FetchCertificateRequest,
    KeyGenerateRequest,
    Message,
    RetryLater,
    StoreCertificateRequest,
)
from ctlctl_capf.outcome import Finished, Operation
from ctlctl_capf.rules import ClientRules
from fuzz import target_capf_codec as codec
from support.capf import (
    CAPF,
    DEVICE,
    LSC,
    SESSION,
    STRING,
    Phone,
    credential,
    frames,
    issue,
    pieces,
    public_key,
    whole_frames,
)
from support.mutate import ByteMutator
from support.vectors import NOW

NAME = "capf_client"
INSTRUMENT = ("ctlctl_capf",)
#: Bytes; a certificate of a 1024-bit key has 600.
MAX_LENGTH = 4096

_LAX = Dialect(refuse_unterminated=False, check_certificate_length=False, check_session=False, refuse_odd_delay=False)
CHOICES = (
    (ClientRules(), Dialect()),
    (ClientRules(operations=frozenset({Operation.INSTALL}), announce=False), Dialect(refuse_unknown=True)),
    (ClientRules(check_dates=False, check_issuer=False, check_device=False), _LAX),
)


@cache
def _asked() -> tuple[bytes, ...]:
    """Return what servers say in whole sessions."""
    rsa = public_key(KeyOrder.rsa(1024))
    assert rsa is not None
    hello, good = AuthRequest(session=SESSION), EndSession(session=SESSION)
    certificate = CarriedCertificate(issue(DEVICE, rsa))
    sessions: tuple[tuple[Message, ...], ...] = (
        (
            hello,
            KeyGenerateRequest.of(SESSION, KeyOrder.rsa(1024)),
            StoreCertificateRequest(session=SESSION, certificate=certificate),
            good,
        ),
        (hello, KeyGenerateRequest.of(SESSION, KeyOrder.rsa(512))),
        (hello, FetchCertificateRequest(session=SESSION), EndSession(session=SESSION, reason=0)),
        (hello, DeleteCertificateRequest(session=SESSION), good),
        (hello, EndSession(session=SESSION, reason=7, info="no")),
        (hello, RetryLater(session=SESSION, delay=30)),
    )
    return tuple(b"".join(map(encode, session)) for session in sessions)


def seeds() -> list[bytes]:
    return [bytes((choice,)) + data for choice in range(len(CHOICES)) for data in (*_asked(), _asked()[0][:-1])]


def one_input(data: bytes) -> None:
    choice, stream = CHOICES[(data[0] if data else 0) % len(CHOICES)], data[1:]
    # Long inputs in longer pieces: what is found at each single byte is found in short ones, and sooner.
    small = 1 if len(stream) <= 128 else 61
    assert _ask(stream, len(stream) or 1, *choice) == _ask(stream, small, *choice)


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Change, drop, double or exchange one message of the stream; where there is none, leave it to ``turn``."""
    messages = list(frames(data[1:]))
    if not messages:
        return turn(data, limit)
    place, other = random.randrange(len(messages)), random.randrange(len(messages))
    match random.randrange(6):
        case 0:
            del messages[place]
        case 1:
            messages.insert(other, messages[place])
        case 2:
            messages[place], messages[other] = messages[other], messages[place]
        case _:
            messages[place] = codec.mutate(messages[place], 2048, random, turn)
    return (data[:1] + b"".join(messages))[:limit]


def _ask(data: bytes, size: int, rules: ClientRules, dialect: Dialect) -> tuple[object, ...]:
    """Return what a client says to a stream, how that ends, and what it has then."""
    client = CapfClient(
        DEVICE,
        NOW,
        password=STRING,
        existing=credential(),
        sudi=credential(),
        issuers=[CAPF.read()],
        rules=rules,
        dialect=dialect,
    )
    phone = Phone(public_key, installed=LSC)
    out = b""
    try:
        out, step = phone.run(client)
        for piece in (*pieces(data, size), b""):
            client.receive_data(piece)
            more, step = phone.run(client)
            out += more
    except CapfPeerError as error:
        return whole_frames(out + phone.said), error.reason, phone.installed
    assert isinstance(step, Finished), "a session whose server has left does not wait"
    if Operation.DELETE not in rules.operations:
        assert phone.installed is not None
    return whole_frames(out), step.outcome, phone.installed
