"""Fuzz target: a CAPF server, fed with any bytes, whole and in pieces. The first byte chooses what it has to do."""

from functools import cache
from random import Random

from ctlctl_capf.authentication import prove, prove_sudi
from ctlctl_capf.codec import encode
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.elements import CarriedCertificate, Curve, KeyOrder
from ctlctl_capf.frame import CapfPeerError
from ctlctl_capf.messages import (
    AuthResponse,
    DeleteCertificateResponse,
    FetchCertificateResponse,
    KeyGenerateResponse,
    Message,
    RequestInProgress,
    StoreCertificateResponse,
)
from ctlctl_capf.outcome import Finished, Operation
from ctlctl_capf.rules import AuthMode, Order, ServerRules
from ctlctl_capf.server import CapfServer
from ctlctl_capf.states import State
from fuzz import target_capf_codec as codec
from support.capf import (
    CAPF,
    DEVICE,
    LSC,
    SESSION,
    STRING,
    Clerk,
    credential,
    frames,
    issue,
    pieces,
    public_key,
    whole_frames,
)
from support.mutate import ByteMutator
from support.vectors import NOW

NAME = "capf_server"
INSTRUMENT = ("ctlctl_capf",)
#: Bytes; a certificate of a 1024-bit key has 600.
MAX_LENGTH = 4096

_BY_STRING = Order(Operation.INSTALL, AuthMode.STRING, STRING, KeyOrder.rsa(1024))
_BY_CERTIFICATE = Order(Operation.INSTALL, AuthMode.LSC, key=KeyOrder.ec(Curve.SECP256R1))
_LAX = Dialect(refuse_unterminated=False, check_certificate_length=False, check_session=False)
_LAX_RULES = ServerRules(check_dates=False, check_issuer=False, check_device=False, check_usage=False, check_key=False)
_STRICT, _STRICT_RULES = Dialect(refuse_unknown=True), ServerRules(require_sha2=True, require_sudi=True)
_PLAIN = (ServerRules(), Dialect())
#: What there is to do, and how strictly.
CHOICES: tuple[tuple[Order | None, ServerRules, Dialect], ...] = (
    (_BY_STRING, *_PLAIN),
    (_BY_CERTIFICATE, *_PLAIN),
    (Order(Operation.FETCH), *_PLAIN),
    (Order(Operation.DELETE, AuthMode.NONE), *_PLAIN),
    (None, *_PLAIN),
    (Order(Operation.NONE), *_PLAIN),
    (_BY_CERTIFICATE, _LAX_RULES, _LAX),
    (_BY_CERTIFICATE, _STRICT_RULES, _STRICT),
)


@cache
def _answered() -> tuple[bytes, ...]:
    """Return what clients say in whole sessions."""
    signed, sha2 = prove(DEVICE, credential())
    sudi = prove_sudi(SESSION, credential())
    by_certificate = AuthResponse(
        session=SESSION,
        device=DEVICE,
        certificate=CarriedCertificate(LSC),
        signed=signed,
        signed_sha2=sha2,
        sudi=sudi,
    )
    typed, plain = (
        AuthResponse(session=SESSION, device=DEVICE, password=STRING),
        AuthResponse(session=SESSION, device=DEVICE),
    )
    working, stored = RequestInProgress(session=SESSION), StoreCertificateResponse(session=SESSION)
    rsa, elliptic = (
        KeyGenerateResponse(session=SESSION, public_key=public_key(order))
        for order in (KeyOrder.rsa(1024), KeyOrder.ec(Curve.SECP256R1))
    )
    sessions: tuple[tuple[Message, ...], ...] = (
        (typed, working, rsa, stored),
        (by_certificate, elliptic, stored),
        (plain, FetchCertificateResponse(session=SESSION, certificate=CarriedCertificate(LSC))),
        (plain, DeleteCertificateResponse(session=SESSION, reason=7)),
        (typed, KeyGenerateResponse(session=SESSION, reason=7)),
    )
    return tuple(b"".join(map(encode, session)) for session in sessions)


def seeds() -> list[bytes]:
    return [bytes((choice,)) + data for choice in range(len(CHOICES)) for data in (*_answered(), _answered()[0][:-1])]


def one_input(data: bytes) -> None:
    choice, stream = CHOICES[(data[0] if data else 0) % len(CHOICES)], data[1:]
    # Long inputs in longer pieces: what is found at each single byte is found in short ones, and sooner.
    small = 1 if len(stream) <= 128 else 61
    assert _serve(stream, len(stream) or 1, *choice) == _serve(stream, small, *choice)


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


def _serve(data: bytes, size: int, order: Order | None, rules: ServerRules, dialect: Dialect) -> tuple[object, ...]:
    """Return what a server says to a stream, how that ends, and what was asked on the way."""
    server = CapfServer(SESSION, NOW, issuers=[CAPF.read()], rules=rules, dialect=dialect)
    clerk = Clerk(order, issue)
    out = b""
    try:
        out, step = clerk.serve(server)
        for piece in (*pieces(data, size), b""):
            server.receive_data(piece)
            more, step = clerk.serve(server)
            out += more
    except CapfPeerError as error:
        return whole_frames(out + clerk.said), error.reason, clerk.asked, clerk.strings_taken
    assert isinstance(step, Finished), "a session whose client has left does not wait"
    assert server.state is State.ENDED
    # Nothing is done without the string, and it is taken once.
    assert clerk.strings_taken <= 1
    if order is _BY_STRING and step.outcome.good:
        assert clerk.strings_taken == 1
    return whole_frames(out), step.outcome, clerk.asked, clerk.strings_taken
