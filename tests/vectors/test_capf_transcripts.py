"""Every shared CAPF transcript replays, on both sides, and is written back byte for byte.

They are sessions of the independent capfd and capfc; 20 to 26 are frames written by hand, held against capfd. Where we
differ from capfd on purpose, the test says so, and so does docs/capf-protocol.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_capf.authentication import Credential, signed_by_device, signed_in_session, verifies
from ctlctl_capf.client import CapfClient
from ctlctl_capf.codec import decode, encode
from ctlctl_capf.dialect import Dialect
from ctlctl_capf.elements import Curve, DigestCode, KeyOrder
from ctlctl_capf.frame import CapfPeerError, CapfReason, decode_frame
from ctlctl_capf.messages import (
    AuthResponse,
    FetchCertificateResponse,
    KeyGenerateRequest,
    KeyGenerateResponse,
    StoreCertificateRequest,
)
from ctlctl_capf.outcome import NeedData, Operation, Result, Send
from ctlctl_capf.rules import AuthMode, Order, ServerRules
from ctlctl_capf.server import CapfServer
from ctlctl_capf.states import State
from ctlctl_trust import read_certificate
from support.capf import (
    CLIENT,
    SERVER,
    Clerk,
    Phone,
    frames,
    outcome_of,
    pieces,
    push,
    said,
    shared_certificate,
    transcript,
)
from support.vectors import NOW

DEVICE = "SEP001122334455"
RSA_1024, RSA_2048, RSA_4096 = (KeyOrder.rsa(bits) for bits in (1024, 2048, 4096))
P256, P384, P521 = (KeyOrder.ec(curve) for curve in Curve)
STRING = "123456"

PIECES = pytest.mark.parametrize("size", [1, 7, 1 << 20])


@dataclass(frozen=True, slots=True)
class Case:
    """A session that runs to its end: what was ordered, and what must come of it on each side."""

    name: str
    order: Order | None
    server: Result
    client: Result
    typed: str = ""

    def __str__(self) -> str:
        return self.name


def install(key: KeyOrder, mode: AuthMode = AuthMode.NULL_STRING, string: str = "") -> Order:
    return Order(Operation.INSTALL, mode, string, key)


BY_STRING = install(RSA_1024, AuthMode.STRING, STRING)
CASES = [
    Case("01_unknown_device", None, Result.UNKNOWN_DEVICE, Result.UNKNOWN_DEVICE),
    Case("02_install_rsa2048_nopassword", install(RSA_2048), Result.INSTALLED, Result.INSTALLED),
    Case("03_noop", Order(Operation.NONE), Result.NOTHING_TO_DO, Result.NOTHING_TO_DO),
    Case("04_install_rsa1024_password", BY_STRING, Result.INSTALLED, Result.INSTALLED, STRING),
    Case("05_install_wrong_password", BY_STRING, Result.WRONG_STRING, Result.REFUSED, "654321"),
    Case("06_install_ec_secp256r1", install(P256), Result.INSTALLED, Result.INSTALLED),
    Case("07_install_ec_secp384r1", install(P384), Result.INSTALLED, Result.INSTALLED),
    Case("08_install_ec_secp521r1", install(P521), Result.INSTALLED, Result.INSTALLED),
    Case("09_install_by_certificate_rsa", install(RSA_2048, AuthMode.LSC), Result.INSTALLED, Result.INSTALLED),
    Case(
        "10_install_by_certificate_no_lsc", install(RSA_2048, AuthMode.LSC), Result.MISSING_CERTIFICATE, Result.REFUSED
    ),
    Case("11_fetch", Order(Operation.FETCH), Result.FETCHED, Result.FETCHED),
    Case("12_fetch_missing", Order(Operation.FETCH), Result.NO_CERTIFICATE, Result.NO_CERTIFICATE),
    Case("13_delete", Order(Operation.DELETE), Result.DELETED, Result.DELETED),
    Case("14_delete_missing", Order(Operation.DELETE), Result.NO_CERTIFICATE, Result.NO_CERTIFICATE),
    Case("15_install_rsa4096", install(RSA_4096), Result.INSTALLED, Result.INSTALLED),
    Case("17_install_by_certificate_ec", install(RSA_2048, AuthMode.LSC), Result.INSTALLED, Result.INSTALLED),
]
EVERY = pytest.mark.parametrize("case", CASES, ids=str)
RAW = [
    "16_install_ec_unpatched_capfc_fails",
    "20_raw_unknown_element",
    "21_raw_version2",
    "22_raw_wrong_session",
    "23_raw_wrong_protocol",
    "24_raw_element_overflow",
    "25_raw_short_message",
    "26_raw_zero_length_version",
]
#: Frames that are none, or whose message is none.
NO_FRAME = {"23_raw_wrong_protocol", "24_raw_element_overflow", "25_raw_short_message"}
NO_MESSAGE = {"21_raw_version2", "26_raw_zero_length_version"}


T = TypeVar("T")


def message_of(name: str, side: str, kind: type[T]) -> T | None:
    """Return a message of a transcript."""
    for frame in frames(said(name, side)):
        message = decode(frame)
        if isinstance(message, kind):
            return message
    return None


def clerk(case: Case) -> Clerk:
    """Return who issues what was issued then."""

    def issue(device: str, key: bytes) -> bytes | None:
        assert device == DEVICE
        stored = message_of(case.name, SERVER, StoreCertificateRequest)
        made = message_of(case.name, CLIENT, KeyGenerateResponse)
        assert made is not None
        assert key == made.public_key
        return None if stored is None else stored.certificate.der

    return Clerk(case.order, issue)


def phone(case: Case) -> Phone:
    """Return who makes the key that was made then, and has what it had."""

    def make(order: KeyOrder) -> bytes | None:
        asked = message_of(case.name, SERVER, KeyGenerateRequest)
        assert asked is not None
        assert asked.order == order
        made = message_of(case.name, CLIENT, KeyGenerateResponse)
        return None if made is None else made.public_key

    held = message_of(case.name, CLIENT, FetchCertificateResponse)
    installed = held.certificate.der if held is not None and held.certificate is not None else None
    return Phone(make, installed=b"an LSC" if case.client is Result.DELETED else installed)


def server(name: str, rules: ServerRules | None = None, dialect: Dialect | None = None) -> CapfServer:
    session = decode(next(frames(said(name, SERVER)))).session
    capf = shared_certificate("capf")
    return CapfServer(session, NOW, issuers=[capf], rules=rules or ServerRules(), dialect=dialect or Dialect())


def client(case: Case) -> CapfClient:
    existing, sudi = credentials(case.name)
    issuers = [shared_certificate("capf")]
    return CapfClient(DEVICE, NOW, password=case.typed, existing=existing, sudi=sudi, issuers=issuers)


def credentials(name: str) -> tuple[Credential | None, Credential | None]:
    """Return the certificates of a transcript; they sign what was signed then, and only that."""
    who = message_of(name, CLIENT, AuthResponse)
    assert who is not None
    if who.certificate is None:
        return None, None
    assert who.signed is not None
    assert who.signed_sha2 is not None
    assert who.sudi is not None
    der = who.certificate.der
    plain = {DigestCode.SHA1: who.signed, DigestCode(who.signed_sha2.digest): who.signed_sha2.signature}
    in_session = {DigestCode(digest): signature for digest, signature in who.sudi.signatures}
    return (
        Credential(der, recorded(der, signed_by_device(DEVICE, der), plain)),
        Credential(
            who.sudi.certificate,
            recorded(who.sudi.certificate, signed_in_session(who.session, who.sudi.certificate), in_session),
        ),
    )


def recorded(
    certificate: bytes, expected: bytes, signatures: dict[DigestCode, bytes]
) -> Callable[[bytes, DigestCode], bytes]:
    key = read_certificate(certificate).key

    def sign(data: bytes, digest: DigestCode) -> bytes:
        assert data == expected
        # capfc signed, and here it is verified by us.
        assert verifies(key, signatures[digest], data, digest)
        return signatures[digest]

    return sign


@EVERY
@PIECES
def test_our_server_says_what_capfd_said(case: Case, size: int) -> None:
    ours, desk = server(case.name), clerk(case)
    out, step = desk.serve(ours)
    for side, data in transcript(case.name):
        if side == SERVER:
            assert out == data
        else:
            out, step = push(ours, lambda: desk.serve(ours), data, size)
    outcome = outcome_of(step)
    assert (outcome.result, outcome.device) == (case.server, DEVICE)
    stored = message_of(case.name, SERVER, StoreCertificateRequest)
    assert stored is None or outcome.certificate == read_certificate(stored.certificate.der)
    # A string is void once it was right, and only then.
    assert desk.strings_taken == (case.name == "04_install_rsa1024_password")


@EVERY
@PIECES
def test_our_client_says_what_capfc_said(case: Case, size: int) -> None:
    ours, device = client(case), phone(case)
    out, step = device.run(ours)
    assert isinstance(step, NeedData)
    for side, data in transcript(case.name):
        if side == CLIENT:
            assert out == data
        else:
            out, step = push(ours, lambda: device.run(ours), data, size)
    outcome = outcome_of(step)
    assert (outcome.result, outcome.good) == (
        case.client,
        case.client in {"installed", "fetched", "deleted", "nothing-to-do"},
    )
    if case.client is Result.INSTALLED:
        assert outcome.certificate is not None
        assert device.installed == outcome.certificate.der


@pytest.mark.parametrize("name", [*(case.name for case in CASES), *RAW])
def test_written_back(name: str) -> None:
    for side in (CLIENT, SERVER):
        for data in frames(said(name, side)):
            if side == CLIENT and name in NO_FRAME:
                with pytest.raises(CapfPeerError):
                    decode_frame(data)
                continue
            assert decode_frame(data).encode() == data
            if side == SERVER or name not in NO_MESSAGE:
                assert encode(decode(data)) == data


def answered(ours: CapfServer, name: str, size: int, order: Order | None = None) -> tuple[bytes, Result | CapfReason]:
    """Feed what a client said, and return what we say to that, and what comes of it once the client has gone."""
    desk = Clerk(order)
    out, step = desk.serve(ours)
    assert out == transcript(name)[0][1]
    out = b""
    try:
        for data in (*pieces(said(name, CLIENT), size), b""):
            ours.receive_data(data)
            more, step = desk.serve(ours)
            out += more
    except CapfPeerError as error:
        # What there is to say has been said before the error, so it is lost to `serve`.
        return b"", error.reason
    return out, outcome_of(step).result


def last_words(ours: CapfServer, name: str) -> tuple[bytes, CapfReason]:
    """Return what we say to a client that breaks the protocol, and the fault."""
    Clerk(None).serve(ours)
    ours.receive_data(said(name, CLIENT))
    step = ours.next_step()
    assert isinstance(step, Send)
    with pytest.raises(CapfPeerError) as caught:
        ours.next_step()
    return step.data, caught.value.reason


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("21_raw_version2", CapfReason.BAD_VERSION),
        ("22_raw_wrong_session", CapfReason.WRONG_SESSION),
        ("23_raw_wrong_protocol", CapfReason.BAD_PROTOCOL),
    ],
)
def test_what_capfd_refuses_is_refused_the_same(name: str, why: CapfReason) -> None:
    assert last_words(server(name), name) == (transcript(name)[2][1], why)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        # capfd reads past the message, finds another name, and says reason 9.
        ("24_raw_element_overflow", CapfReason.LENGTH_OVERFLOW),
        # capfd dies of it and says nothing.
        ("26_raw_zero_length_version", CapfReason.BAD_LENGTH),
    ],
)
def test_what_capfd_gets_wrong_is_refused_in_words(name: str, why: CapfReason) -> None:
    data, reason = last_words(server(name), name)
    assert (data[1], data[-4:], reason) == (15, bytes.fromhex("01000107"), why)


@PIECES
def test_an_unknown_element_is_skipped_where_capfd_refuses(size: int) -> None:
    name = "20_raw_unknown_element"
    data, result = answered(server(name), name, size)
    assert (data[-4:], result) == (bytes.fromhex("01000109"), Result.UNKNOWN_DEVICE)
    strict = server(name, dialect=Dialect(refuse_unknown=True))
    assert last_words(strict, name) == (transcript(name)[2][1], CapfReason.UNKNOWN_ELEMENT)


def test_relaxed_where_capfd_is_strict() -> None:
    """A copy of capfd takes lower versions; that can be had."""
    name = "21_raw_version2"
    data, result = answered(server(name, dialect=Dialect(versions=frozenset({2, 3}))), name, 1)
    assert (data[-4:], result) == (bytes.fromhex("01000109"), Result.UNKNOWN_DEVICE)
    name = "22_raw_wrong_session"
    _, result = answered(server(name, dialect=Dialect(check_session=False)), name, 1)
    assert result is Result.UNKNOWN_DEVICE


@PIECES
def test_half_a_message_is_waited_for_and_no_longer_than_is_said(size: int) -> None:
    name = "25_raw_short_message"
    ours = server(name)
    Clerk(None).serve(ours)
    for piece in pieces(said(name, CLIENT), size):
        ours.receive_data(piece)
    step = ours.next_step()
    assert isinstance(step, NeedData)
    assert (step.state, step.wait.seconds) == (State.AUTHENTICATING, 15)
    assert answered(server(name), name, size) == (b"", CapfReason.CUT_OFF)


def test_a_client_that_dies_while_it_makes_a_key() -> None:
    name = "16_install_ec_unpatched_capfc_fails"
    assert answered(server(name), name, 1, install(P256)) == (b"", CapfReason.LEFT)


class TestExistingCertificates:
    """What capfc proves, and what must be refused although capfd would take it."""

    RSA, EC = "09_install_by_certificate_rsa", "17_install_by_certificate_ec"

    def refused(self, name: str, rules: ServerRules | None = None, **changes: object) -> Result:
        who = message_of(name, CLIENT, AuthResponse)
        assert who is not None
        capf = changes.pop("issuers", None) or [shared_certificate("capf")]
        now = changes.pop("now", NOW)
        session = changes.get("session", who.session)
        ours = CapfServer(session, now, issuers=capf, rules=rules or ServerRules())  # type: ignore[arg-type]
        desk = Clerk(install(RSA_2048, AuthMode.LSC))
        desk.serve(ours)
        ours.receive_data(encode(replace(who, **changes)))  # type: ignore[arg-type]  # the test names fields
        out, step = desk.serve(ours)
        if isinstance(step, NeedData):
            assert out[1] == 3
            return Result.INSTALLED
        assert out[-4:] == bytes.fromhex("01000107")
        return outcome_of(step).result

    @pytest.mark.parametrize("name", [RSA, EC])
    def test_strict(self, name: str) -> None:
        assert self.refused(name) is Result.INSTALLED
        everything = ServerRules(require_sha2=True, require_sudi=True)
        assert self.refused(name, everything) is Result.INSTALLED

    @pytest.mark.parametrize("name", [RSA, EC])
    def test_another_device(self, name: str) -> None:
        assert self.refused(name, device="SEP001122334466") is Result.CERTIFICATE_DEVICE
        # The name is signed, so that without the check of the certificate it does not help either.
        lax = ServerRules(check_device=False)
        assert self.refused(name, lax, device="SEP001122334466") is Result.BAD_SIGNATURE

    @pytest.mark.parametrize(
        ("later", "result"),
        [(timedelta(days=400), Result.CERTIFICATE_EXPIRED), (timedelta(days=-2), Result.CERTIFICATE_NOT_YET_VALID)],
    )
    def test_dates(self, later: timedelta, result: Result) -> None:
        assert self.refused(self.RSA, now=NOW + later) is result
        assert self.refused(self.RSA, ServerRules(check_dates=False), now=NOW + later) is Result.INSTALLED

    def test_issuer(self) -> None:
        stranger = [shared_certificate("tvs")]
        assert self.refused(self.RSA, issuers=stranger) is Result.CERTIFICATE_ISSUER
        assert self.refused(self.RSA, ServerRules(check_issuer=False), issuers=stranger) is Result.INSTALLED

    @pytest.mark.parametrize("name", [RSA, EC])
    def test_signatures(self, name: str) -> None:
        who = message_of(name, CLIENT, AuthResponse)
        assert who is not None
        assert who.signed is not None
        assert who.signed_sha2 is not None
        turned = who.signed[:-1] + bytes((who.signed[-1] ^ 1,))
        assert self.refused(name, signed=turned) is Result.BAD_SIGNATURE
        assert self.refused(name, signed_sha2=who.signed_sha2._replace(digest=1)) is Result.BAD_SIGNATURE
        assert self.refused(name, signed_sha2=who.signed_sha2._replace(digest=2)) is Result.BAD_SIGNATURE
        assert self.refused(name, signed=None) is Result.INSTALLED
        assert self.refused(name, signed=None, signed_sha2=None) is Result.MISSING_SIGNATURE
        assert self.refused(name, signed_sha2=None) is Result.INSTALLED
        assert self.refused(name, ServerRules(require_sha2=True), signed_sha2=None) is Result.MISSING_SIGNATURE

    def test_replay_in_another_session(self) -> None:
        """SUDI_DATA is good once; the rest of the answer can be replayed, unless SUDI_DATA is required."""
        assert self.refused(self.RSA, session=10) is Result.BAD_SIGNATURE
        assert self.refused(self.RSA, session=10, sudi=None) is Result.INSTALLED
        required = ServerRules(require_sudi=True)
        assert self.refused(self.RSA, required, session=10, sudi=None) is Result.MISSING_SIGNATURE


def test_the_certificates_of_capfd_hold_the_keys_of_capfc() -> None:
    for case in CASES:
        stored = message_of(case.name, SERVER, StoreCertificateRequest)
        made = message_of(case.name, CLIENT, KeyGenerateResponse)
        if stored is None or made is None:
            continue
        key = read_certificate(stored.certificate.der).key
        assert key is not None
        assert key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made.public_key
