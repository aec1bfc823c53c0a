"""CAPF codec and machines against any message, any session and any disturbance between two sides."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlctl_capf import (
    AuthMode,
    AuthRequest,
    AuthResponse,
    CapfClient,
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    CapfServer,
    CarriedCertificate,
    Conversation,
    Credential,
    Curve,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    Dialect,
    DigestSignature,
    Element,
    EndSession,
    FetchCertificateRequest,
    FetchCertificateResponse,
    Finished,
    KeyGenerateRequest,
    KeyGenerateResponse,
    KeyOrder,
    Message,
    NeedData,
    Operation,
    Order,
    RequestInProgress,
    Result,
    RetryLater,
    Side,
    Signal,
    StoreCertificateRequest,
    StoreCertificateResponse,
    SudiData,
    decode,
    encode,
)
from ctlctl_capf.frame import MAX_MESSAGE
from ctlctl_capf.states import after
from ctlctl_trust import read_certificate
from ctlctl_trust.issuing import issued_by
from fuzz import target_capf_client, target_capf_codec, target_capf_server
from support.capf import (
    CAPF,
    DEVICE,
    LSC,
    SESSION,
    STRING,
    Clerk,
    Phone,
    converse,
    credential,
    frames,
    issue,
    public_key,
    push,
)
from support.vectors import NOW

# A loaded machine may take its time: what is proved here has nothing to do with speed.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

sessions = st.integers(0, 0xFFFF_FFFF)
octets = st.integers(0, 255)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
# Bytes of whatever code page: read as text, and written back as they were.
odd_texts = st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
ders = st.binary(min_size=1, max_size=300)
extras = st.lists(st.builds(Element, st.sampled_from([5, 14, 15, 19, 255]), st.binary(max_size=8)), max_size=4).map(
    tuple
)
certificates = st.builds(CarriedCertificate, ders, octets, octets, octets)
signatures = st.builds(DigestSignature, st.integers(1, 255), st.binary(max_size=40))
sudis = st.builds(
    SudiData, ders, st.lists(signatures, min_size=1, max_size=3, unique_by=lambda one: one.digest).map(tuple)
)
common = {"session": sessions, "extra": extras}
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(AuthRequest, auth_type=st.none() | octets, **common),
    st.builds(
        AuthResponse,
        device=texts | odd_texts,
        password=st.none() | texts,
        reason=st.none() | octets,
        certificate=st.none() | certificates,
        signed=st.none() | ders,
        signed_sha2=st.none() | signatures,
        sudi=st.none() | sudis,
        **common,
    ),
    st.builds(
        KeyGenerateRequest,
        key_type=st.none() | octets,
        bits=st.none() | st.integers(0, 0xFFFF),
        curve=st.none() | octets,
        **common,
    ),
    st.builds(RequestInProgress, **common),
    st.builds(KeyGenerateResponse, public_key=st.none() | ders, reason=st.none() | octets, **common),
    st.builds(StoreCertificateRequest, certificate=certificates, kind=st.none() | octets, **common),
    st.builds(StoreCertificateResponse, reason=octets, **common),
    st.builds(FetchCertificateRequest, **common),
    st.builds(FetchCertificateResponse, reason=octets, certificate=st.none() | certificates, **common),
    st.builds(DeleteCertificateRequest, **common),
    st.builds(DeleteCertificateResponse, reason=octets, **common),
    st.builds(EndSession, reason=octets, info=st.none() | texts, **common),
    st.builds(RetryLater, delay=st.none() | st.integers(0, 0xFFFF_FFFF), **common),
)


class TestCodec:
    @unhurried
    @given(messages)
    def test_what_is_written_is_read_again(self, message: Message) -> None:
        data = encode(message)
        assert decode(data) == message
        assert encode(decode(data)) == data
        target_capf_codec.one_input(data)

    @unhurried
    @given(messages, st.data())
    def test_a_truncated_message_is_none(self, message: Message, chosen: st.DataObject) -> None:
        whole = encode(message)
        data = whole[: chosen.draw(st.integers(0, len(whole) - 1))]
        with pytest.raises(CapfPeerError) as caught:
            decode(data)
        assert caught.value.reason in {CapfReason.CUT_OFF, CapfReason.LENGTH_MISMATCH}

    @unhurried
    @given(st.binary(max_size=200))
    def test_junk(self, data: bytes) -> None:
        for target in (target_capf_codec, target_capf_client, target_capf_server):
            target.one_input(data)

    @unhurried
    @given(st.sampled_from([target_capf_client, target_capf_server]), st.data())
    def test_a_stream_turned(self, target: object, chosen: st.DataObject) -> None:
        """One byte of a whole session turned; in which pieces it comes makes no difference."""
        assert target in (target_capf_client, target_capf_server)
        module = target_capf_client if target is target_capf_client else target_capf_server
        data = bytearray(chosen.draw(st.sampled_from(module.seeds())))
        data[chosen.draw(st.integers(0, len(data) - 1))] = chosen.draw(octets)
        module.one_input(bytes(data))


class TestTurns:
    @unhurried
    @given(st.lists(st.tuples(st.sampled_from(Side), messages), max_size=12))
    def test_two_sides_never_differ_about_whose_turn_it_is(self, talk: list[tuple[Side, Message]]) -> None:
        """Either side tries to say whatever it likes; what the table lets it say, the other one hears."""
        ours = {side: Conversation(side, Dialect(max_progress=99)) for side in Side}
        for side, message in talk:
            other = Side.CLIENT if side is Side.SERVER else Side.SERVER
            speaker, listener = ours[side], ours[other]
            state, session = speaker.state, speaker.session
            fits = session is None or message.session == session
            if after(state, side, message.command) is None or not fits:
                with pytest.raises(CapfLocalError):
                    speaker.send(message)
                assert speaker.state is state
                continue
            data = speaker.send(message)
            if listener.next_event() is Signal.PAUSED:
                # A server that ends the session while its client is at work: the client hears it at its next turn.
                return
            listener.receive_data(data)
            assert listener.next_event() == message
            assert listener.state is speaker.state

    @unhurried
    @given(st.lists(st.binary(min_size=1, max_size=70_000), max_size=6))
    def test_no_more_is_kept_than_one_message_and_one_piece(self, parts: list[bytes]) -> None:
        """A peer that goes on although it is not its turn."""
        ours = Conversation(Side.SERVER)
        for piece in parts:
            try:
                ours.receive_data(piece)
            except CapfPeerError as error:
                assert error.reason is CapfReason.NOT_DRAINED  # noqa: PT017 - it need not come
            assert len(ours._buffer) <= MAX_MESSAGE + len(piece)


KEYS = [*map(KeyOrder.rsa, (1024, 2048, 3072, 4096)), *map(KeyOrder.ec, Curve)]


@dataclass(frozen=True, slots=True)
class Play:
    """A session that may be played: what is ordered, what the client has, and what goes wrong in it."""

    order: Order | None
    password: str
    existing: Credential | None
    sudi: bool
    makes: bool
    keeps: bool
    issues: bool
    installed: bytes | None
    string_left: bool

    def sides(self) -> tuple[CapfClient, Phone, CapfServer, Clerk]:
        ca = [CAPF.read()]
        sudi = credential() if self.sudi else None
        client = CapfClient(DEVICE, NOW, password=self.password, existing=self.existing, sudi=sudi, issuers=ca)
        phone = Phone(public_key if self.makes else lambda _order: None, self.keeps, self.installed)
        clerk = Clerk(self.order, issue if self.issues else lambda _device, _key: None, self.string_left)
        return client, phone, CapfServer(SESSION, NOW, issuers=ca), clerk

    @property
    def proved(self) -> Result | None:
        """What a client is refused for, or None."""
        assert self.order is not None
        match self.order.mode:
            case AuthMode.NONE:
                return None
            case AuthMode.NULL_STRING:
                return Result.WRONG_STRING if self.password else None
            case AuthMode.STRING:
                if self.password != STRING:
                    return Result.WRONG_STRING
                return None if self.string_left else Result.USED_STRING
            case AuthMode.LSC | AuthMode.MIC:
                return Result.MISSING_CERTIFICATE if self.existing is None else None

    @property
    def expected(self) -> Result:
        """What must come of it at the server."""
        if self.order is None:
            return Result.UNKNOWN_DEVICE
        if self.order.operation is Operation.NONE:
            return Result.NOTHING_TO_DO
        if self.proved is not None:
            return self.proved
        if self.order.operation is not Operation.INSTALL:
            done = Result.FETCHED if self.order.operation is Operation.FETCH else Result.DELETED
            return done if self.installed else Result.NO_CERTIFICATE
        steps = ((self.makes, Result.KEY_NOT_MADE), (self.issues, Result.NOT_ISSUED), (self.keeps, Result.NOT_STORED))
        return next((failure for good, failure in steps if not good), Result.INSTALLED)


@st.composite
def orders(draw: Callable[[st.SearchStrategy[object]], object]) -> Order | None:
    operation = draw(st.sampled_from([None, *Operation]))
    if not isinstance(operation, Operation):
        return None
    mode, key = draw(st.sampled_from(AuthMode)), draw(st.sampled_from(KEYS))
    assert isinstance(mode, AuthMode)
    assert isinstance(key, KeyOrder)
    return Order(operation, mode, STRING if mode is AuthMode.STRING else "", key)


plays = st.builds(
    Play,
    order=orders(),
    password=st.sampled_from(["", STRING, STRING, STRING + "7"]),
    existing=st.builds(credential) | st.none(),
    sudi=st.booleans(),
    makes=st.sampled_from([True, True, False]),
    keeps=st.sampled_from([True, True, False]),
    issues=st.sampled_from([True, True, False]),
    installed=st.none() | st.just(LSC),
    string_left=st.sampled_from([True, True, False]),
)


class TestSessions:
    @unhurried
    @given(plays, st.sampled_from([1, 3, 17, 1 << 20]))
    def test_a_client_and_a_server_come_to_the_same_end(self, play: Play, size: int) -> None:
        client, phone, server, clerk = play.sides()
        talk = converse(client, phone, server, clerk, size)
        assert talk.server.result is play.expected
        # A client is told no more than a reason: of what it did itself it knows the rest.
        refused = {Result.WRONG_STRING, Result.USED_STRING, Result.MISSING_CERTIFICATE, Result.NOT_ISSUED}
        assert talk.client.result is (Result.REFUSED if play.expected in refused else play.expected)
        by_string = play.order is not None and play.order.mode is AuthMode.STRING and play.proved is None
        started = by_string and play.order is not None and play.order.operation is not Operation.NONE
        assert clerk.strings_taken == started
        if talk.server.result is Result.INSTALLED:
            assert phone.installed is not None
            assert talk.server.certificate == talk.client.certificate == read_certificate(phone.installed)
        elif talk.server.result is Result.DELETED:
            assert phone.installed is None
        else:
            # Whatever goes wrong: what the client had it still has.
            assert phone.installed == play.installed

    @unhurried
    @given(plays, st.data())
    def test_whoever_stands_between_gains_nothing(self, play: Play, chosen: st.DataObject) -> None:
        """Messages are lost, doubled, turned, made up, and the connection breaks; both sides end, in order.

        Whatever happens, one string is taken at most once, nothing is issued without proof, and a client stores only
        what is of its own key and signed by a known CAPF.
        """
        client, phone, server, clerk = play.sides()
        issued: list[bytes] = []
        if play.issues:

            def noted(device: str, key: bytes) -> bytes:
                issued.append(issue(device, key))
                return issued[-1]

            clerk.issue = noted
        to_client = heard(lambda: clerk.serve(server), clerk)[0]
        for _ in range(20):
            to_server = told(client, phone.run, phone, disturbed(to_client, chosen))[0]
            to_client = told(server, clerk.serve, clerk, disturbed(to_server, chosen))[0]
            if not to_client and not to_server:
                break
        client.receive_data(b"")
        server.receive_data(b"")
        for end in (told(client, phone.run, phone, b"")[1], told(server, clerk.serve, clerk, b"")[1]):
            assert isinstance(end, Finished | CapfReason)
        assert clerk.strings_taken <= 1
        if play.order is None or play.order.operation is not Operation.INSTALL:
            assert not issued
        elif play.order.mode not in {AuthMode.NONE, AuthMode.NULL_STRING}:
            assert not issued or (play.proved is None and clerk.strings_taken == (play.order.mode is AuthMode.STRING))
        if phone.installed not in (None, play.installed):
            assert phone.installed is not None
            stored = read_certificate(phone.installed)
            assert issued_by(stored, CAPF.read())
            assert stored.key_label in {order.label for order in phone.ordered}


def heard(run: Callable[[], tuple[bytes, NeedData | Finished]], who: Clerk | Phone) -> tuple[bytes, object]:
    """Run a side, and return what it says and where it stands; an error says something too."""
    try:
        return run()
    except CapfPeerError as error:
        return who.said, error.reason


def told(
    machine: CapfClient | CapfServer,
    run: Callable[..., tuple[bytes, NeedData | Finished]],
    who: Clerk | Phone,
    data: bytes,
) -> tuple[bytes, object]:
    return heard(lambda: push(machine, lambda: run(machine), data, 1 << 20), who)


def disturbed(data: bytes, chosen: st.DataObject) -> bytes:
    """Return a stream as who stands between passes it on."""
    return reduce(lambda out, frame: out + passed(frame, chosen), frames(data), b"")


def passed(frame: bytes, chosen: st.DataObject) -> bytes:
    match chosen.draw(st.sampled_from(["pass"] * 6 + ["drop", "double", "turn", "cut", "add"])):
        case "drop":
            return b""
        case "double":
            return frame * 2
        case "turn":
            place = chosen.draw(st.integers(0, len(frame) - 1))
            return frame[:place] + bytes((frame[place] ^ chosen.draw(st.integers(1, 255)),)) + frame[place + 1 :]
        case "cut":
            return frame[: chosen.draw(st.integers(0, len(frame) - 1))]
        case "add":
            return frame + encode(chosen.draw(messages))
        case _:
            return frame
