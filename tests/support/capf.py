"""What tests of CAPF share: transcripts, and drivers that answer a session's questions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_capf.authentication import Credential, signer
from ctlctl_capf.client import CapfClient
from ctlctl_capf.elements import KeyOrder
from ctlctl_capf.frame import decode_frame
from ctlctl_capf.lsc import LscPlan, issue_lsc
from ctlctl_capf.outcome import (
    Delete,
    FindOrder,
    Finished,
    HandOver,
    IssueCertificate,
    MakeKey,
    NeedData,
    Outcome,
    Send,
    StoreCertificate,
    TakeString,
)
from ctlctl_capf.rules import Order
from ctlctl_capf.server import CapfServer
from ctlctl_trust import Certificate, read_certificate
from support.pki import key, plan, rsa_key
from support.vectors import NOW, shared

CLIENT, SERVER = "C", "S"

DEVICE = "SEP001122334455"
SESSION = 9
STRING = "123456"
#: A CAPF of our own with a small key, and an LSC that it issued.
CAPF = plan("CAPF-1234abcd", "rsa1024-a")
LSC = plan(DEVICE, "rsa1024-b", issuer=CAPF.subject, issuer_key=CAPF.key_name).encode()
_KEYS = {
    "RSA-1024": "rsa1024-c",
    "RSA-2048": "rsa2048-phone",
    "RSA-3072": "rsa3072",
    "RSA-4096": "rsa4096",
    "EC secp256r1": "ec256",
    "EC secp384r1": "ec384",
    "EC secp521r1": "ec521",
}


@cache
def credential() -> Credential:
    """Return the LSC with its key; it signs the same only once."""
    return Credential(LSC, cache(signer(rsa_key("rsa1024-b"))))


@cache
def public_key(order: KeyOrder) -> bytes | None:
    """Return a key of a kind that was ordered, SubjectPublicKeyInfo; None where there is none."""
    name = _KEYS.get(order.label)
    if name is None:
        return None
    return key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def issue(device: str, public: bytes) -> bytes:
    """Issue an LSC."""
    return issue_lsc(LscPlan(device, 4711, NOW, CAPF.not_after), public, CAPF.encode(), rsa_key("rsa1024-a"))


@cache
def transcript(name: str) -> tuple[tuple[str, bytes], ...]:
    """Return who said what, in turns: (side, bytes of one or more messages)."""
    turns: list[tuple[str, bytes]] = []
    side = ""
    for line in shared(f"capf/{name}.hex").decode().splitlines():
        if line.startswith("#"):
            word = line.removeprefix("#").strip()[:3]
            side = word[0] if word in {"C>S", "S>C"} else side
        elif turns and turns[-1][0] == side:
            turns[-1] = (side, turns[-1][1] + bytes.fromhex(line))
        else:
            turns.append((side, bytes.fromhex(line)))
    return tuple(turns)


def said(name: str, side: str) -> bytes:
    """Return all that one side said."""
    return b"".join(data for who, data in transcript(name) if who == side)


def frames(data: bytes) -> Iterator[bytes]:
    """Cut a stream at its lengths; what is left over comes last."""
    while data:
        size = 8 + int.from_bytes(data[6:8]) if len(data) >= 8 else len(data)
        yield data[:size]
        data = data[size:]


def whole_frames(stream: bytes) -> tuple[bytes, ...]:
    """Return the frames of what one of ours said: each is whole, and comes out of the codec as it went in."""
    found = tuple(frames(stream))
    for frame in found:
        assert decode_frame(frame).encode() == frame
    return found


def shared_certificate(name: str) -> Certificate:
    """Return a certificate of the shared vectors."""
    read = x509.load_pem_x509_certificate(shared(f"certs/{name}.pem"))
    return read_certificate(read.public_bytes(Encoding.DER))


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into pieces."""
    for place in range(0, len(data), size):
        yield data[place : place + size]


@dataclass(slots=True)
class Clerk:
    """Answers what a server asks.

    Attributes:
        order: for every device; None for a device that is not known.
        issue: (device, public key) -> certificate, or None to issue none.
        string_left: whether the string has not been used yet.
        asked: devices whose order was asked for.
        strings_taken: how often a string was voided.
        said: what the server said since it last waited, an error that ended it or not.
    """

    order: Order | None
    issue: Callable[[str, bytes], bytes | None] = lambda _device, _key: None
    string_left: bool = True
    asked: list[str] = field(default_factory=list)
    strings_taken: int = 0
    said: bytes = b""

    def serve(self, server: CapfServer) -> tuple[bytes, NeedData | Finished]:
        """Go on until the server must wait, and return what it says until then."""
        self.said = b""
        while True:
            match server.next_step():
                case Send(data):
                    self.said += data
                case FindOrder(device):
                    self.asked.append(device)
                    server.found(self.order)
                case TakeString(_):
                    won, self.string_left = self.string_left, False
                    self.strings_taken += won
                    server.taken(won=won)
                case IssueCertificate(device, key):
                    certificate = self.issue(device, key)
                    if certificate is None:
                        server.not_issued()
                    else:
                        server.issued(certificate)
                case (NeedData() | Finished()) as step:
                    return self.said, step


@dataclass(slots=True)
class Phone:
    """Answers what a client's session asks.

    Attributes:
        make: makes a key and returns its public one, or None where it cannot.
        keeps: whether it can store.
        installed: its certificate, DER.
        ordered: keys that were ordered.
        said: what the client said since it last waited, an error that ended it or not.
    """

    make: Callable[[KeyOrder], bytes | None] = lambda _order: None
    keeps: bool = True
    installed: bytes | None = None
    ordered: list[KeyOrder] = field(default_factory=list)
    said: bytes = b""

    def run(self, client: CapfClient) -> tuple[bytes, NeedData | Finished]:
        """Go on until the client must wait, and return what it says until then."""
        self.said = b""
        while True:
            match client.next_step():
                case Send(data):
                    self.said += data
                case MakeKey(order):
                    self.ordered.append(order)
                    made = self.make(order)
                    if made is None:
                        client.key_not_made()
                    else:
                        client.key_made(made)
                case StoreCertificate(certificate):
                    if self.keeps:
                        self.installed = certificate.der
                        client.stored()
                    else:
                        client.not_stored()
                case HandOver():
                    client.handed_over(self.installed)
                case Delete():
                    had, self.installed = self.installed is not None, None
                    client.deleted(done=had)
                case (NeedData() | Finished()) as step:
                    return self.said, step


@dataclass(frozen=True, slots=True)
class Talk:
    """What came of a session, to each side."""

    client: Outcome
    server: Outcome


def push(
    machine: CapfClient | CapfServer, run: Callable[[], tuple[bytes, NeedData | Finished]], data: bytes, size: int
) -> tuple[bytes, NeedData | Finished]:
    """Hand a stream over in pieces of some size, and return what is said to it, and where that leads."""
    out, step = run()
    for piece in pieces(data, size):
        machine.receive_data(piece)
        more, step = run()
        out += more
    return out, step


def converse(client: CapfClient, phone: Phone, server: CapfServer, clerk: Clerk, size: int = 1 << 20) -> Talk:
    """Let both sides talk, in pieces of some size, until both have finished; whoever raises ends it."""
    to_client, ended = clerk.serve(server)
    for _ in range(20):
        to_server, finished = push(client, lambda: phone.run(client), to_client, size)
        to_client, ended = push(server, lambda: clerk.serve(server), to_server, size)
        if isinstance(ended, Finished) and isinstance(finished, Finished) and not to_client:
            return Talk(finished.outcome, ended.outcome)
    raise AssertionError("they talk without end")


def outcome_of(step: object) -> Outcome:
    """Return what came of a session that has finished."""
    assert isinstance(step, Finished)
    return step.outcome
