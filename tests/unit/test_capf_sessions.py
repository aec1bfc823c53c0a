"""CAPF sessions: who may speak when, what is asked of who runs them, and what comes of refusals and failures."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from ctlctl_capf import (
    SESSION_BYTES,
    SESSION_SECONDS,
    WAITS,
    AuthMode,
    AuthRequest,
    AuthResponse,
    CapfClient,
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    CapfServer,
    CarriedCertificate,
    ClientRules,
    Command,
    Conversation,
    Credential,
    Curve,
    DeleteCertificateRequest,
    Dialect,
    EndSession,
    FetchCertificateRequest,
    FetchCertificateResponse,
    FindOrder,
    Finished,
    IssueCertificate,
    KeyGenerateRequest,
    KeyGenerateResponse,
    KeyOrder,
    MakeKey,
    Message,
    NeedData,
    Operation,
    Order,
    Outcome,
    RequestInProgress,
    Result,
    RetryLater,
    Send,
    ServerRules,
    Side,
    Signal,
    State,
    StoreCertificate,
    StoreCertificateRequest,
    StoreCertificateResponse,
    TakeString,
    encode,
)
from ctlctl_capf.frame import MAX_MESSAGE
from ctlctl_capf.rules import may_sign, names_device, same_string
from ctlctl_capf.states import SPEAKER, after
from ctlctl_trust import read_certificate
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
    issue,
    outcome_of,
    public_key,
)
from support.pki import CertificatePlan, der, der_extension, der_integer, der_name, der_oid, plan
from support.vectors import NOW

RSA, P256 = KeyOrder.rsa(1024), KeyOrder.ec(Curve.SECP256R1)
INSTALL = Order(Operation.INSTALL, AuthMode.STRING, STRING, RSA)
CA = CAPF.read()


def server(rules: ServerRules | None = None, dialect: Dialect | None = None, session: int = SESSION) -> CapfServer:
    return CapfServer(session, NOW, issuers=[CA], rules=rules or ServerRules(), dialect=dialect or Dialect())


def client(rules: ClientRules | None = None, dialect: Dialect | None = None, password: str = STRING) -> CapfClient:
    return CapfClient(
        DEVICE, NOW, password=password, issuers=[CA], rules=rules or ClientRules(), dialect=dialect or Dialect()
    )


def told(machine: CapfClient | CapfServer, *messages: Message) -> None:
    machine.receive_data(b"".join(map(encode, messages)))


def hello() -> AuthRequest:
    return AuthRequest(session=SESSION)


def who(**changes: object) -> AuthResponse:
    return replace(AuthResponse(session=SESSION, device=DEVICE, password=STRING), **changes)  # type: ignore[arg-type]


def broken(machine: CapfClient | CapfServer, run: Callable[[], object]) -> CapfReason:
    """Run a session into an error, which stays."""
    with pytest.raises(CapfPeerError) as caught:
        run()
    machine.receive_data(b"more")
    with pytest.raises(CapfPeerError) as again:
        machine.next_step()
    assert again.value.reason is caught.value.reason
    return caught.value.reason


class TestTable:
    def test_every_state_leads_to_the_end(self) -> None:
        """From each state in which somebody has to speak, what may be said leads on, and at last out."""
        for state, side in SPEAKER.items():
            onward = {after(state, side, command) for command in Command} - {None}
            assert onward
            assert after(state, Side.SERVER, Command.END_SESSION) is State.ENDED
            assert after(state, Side.SERVER, Command.RETRY_LATER) is State.ENDED
            assert after(state, Side.CLIENT, Command.END_SESSION) is None

    def test_nothing_may_be_said_after_the_end(self) -> None:
        for state in (State.ENDED, State.BROKEN):
            assert {after(state, side, command) for side in Side for command in Command} == {None}

    def test_nobody_speaks_out_of_turn(self) -> None:
        for state, side in SPEAKER.items():
            other = Side.CLIENT if side is Side.SERVER else Side.SERVER
            may = {command for command in Command if after(state, other, command) is not None}
            assert may == ({Command.END_SESSION, Command.RETRY_LATER} if other is Side.SERVER else set())

    def test_each_wait_has_its_time(self) -> None:
        assert set(WAITS) == set(SPEAKER)
        assert WAITS[State.GENERATING].seconds >= 120
        assert all(0 < wait.seconds <= SESSION_SECONDS for wait in WAITS.values())
        assert SESSION_BYTES > 2 * MAX_MESSAGE


class TestConversation:
    def test_a_client_that_may_not_say_that_is_told_before_its_body_comes(self) -> None:
        ours = Conversation(Side.SERVER)
        ours.send(hello())
        ours.receive_data(encode(KeyGenerateResponse(session=SESSION, public_key=bytes(99)))[:8])
        with pytest.raises(CapfPeerError) as caught:
            ours.next_event()
        assert caught.value.reason is CapfReason.OUT_OF_TURN
        assert ours.state is State.BROKEN

    def test_who_leaves(self) -> None:
        for data, why in ((b"", CapfReason.LEFT), (encode(who())[:9], CapfReason.CUT_OFF)):
            ours = Conversation(Side.SERVER)
            ours.send(hello())
            ours.receive_data(data)
            ours.receive_data(b"")
            with pytest.raises(CapfPeerError) as caught:
                ours.next_event()
            assert caught.value.reason is why

    def test_one_that_never_stops(self) -> None:
        ours = Conversation(Side.SERVER)
        assert ours.next_event() is Signal.PAUSED
        ours.receive_data(bytes(MAX_MESSAGE - 1))
        ours.receive_data(bytes(MAX_MESSAGE - 1))
        with pytest.raises(CapfPeerError) as caught:
            ours.receive_data(b"\0")
        assert caught.value.reason is CapfReason.NOT_DRAINED

    def test_we_speak_out_of_turn(self) -> None:
        ours = Conversation(Side.SERVER)
        with pytest.raises(CapfLocalError, match="opening"):
            ours.send(FetchCertificateRequest(session=SESSION))
        ours.send(hello())
        with pytest.raises(CapfLocalError, match="may not say AUTH_REQUEST"):
            ours.send(hello())
        with pytest.raises(CapfLocalError, match="session is 9"):
            ours.send(EndSession(session=8))
        assert ours.session == SESSION

    def test_what_follows_the_end_is_not_kept(self) -> None:
        ours = Conversation(Side.CLIENT)
        ours.receive_data(encode(EndSession(session=1)) + b"junk")
        assert ours.next_event() == EndSession(session=1)
        ours.receive_data(b"more junk")
        assert ours.next_event() is Signal.CLOSED

    def test_a_phone_may_say_each_second_that_it_is_at_it(self) -> None:
        ours, desk = server(), Clerk(INSTALL, issue)
        desk.serve(ours)
        told(ours, who(), *[RequestInProgress(session=SESSION)] * SESSION_SECONDS)
        assert desk.serve(ours)[1] == NeedData(State.GENERATING_SLOWLY, WAITS[State.GENERATING_SLOWLY])

    @pytest.mark.parametrize("most", [0, 1, 16])
    def test_patience_has_an_end(self, most: int) -> None:
        ours, desk = server(dialect=Dialect(max_progress=most)), Clerk(INSTALL, issue)
        desk.serve(ours)
        told(ours, who(), *[RequestInProgress(session=SESSION)] * most)
        assert isinstance(desk.serve(ours)[1], NeedData)
        told(ours, RequestInProgress(session=SESSION))
        assert broken(ours, lambda: desk.serve(ours)) is CapfReason.TOO_MANY_DELAYS


class TestServer:
    def test_questions_stand_until_they_are_answered(self) -> None:
        ours = server()
        assert isinstance(ours.next_step(), Send)
        told(ours, who())
        assert ours.next_step() == ours.next_step() == FindOrder(DEVICE)
        with pytest.raises(CapfLocalError, match="FindOrder is asked"):
            ours.taken(won=True)
        ours.found(INSTALL)
        assert ours.next_step() == TakeString(DEVICE)
        with pytest.raises(CapfLocalError, match="TakeString is asked"):
            ours.found(INSTALL)
        ours.taken(won=True)
        assert isinstance(ours.next_step(), Send)
        step = ours.next_step()
        assert step == NeedData(State.GENERATING, WAITS[State.GENERATING])
        with pytest.raises(CapfLocalError, match="nothing is asked"):
            ours.not_issued()

    def test_a_string_is_good_once_however_many_try(self) -> None:
        """Both have the right string, and both are told so before either has taken it."""
        desk = Clerk(INSTALL, issue)
        sessions = [server(session=number) for number in (1, 2, 3)]
        for ours in sessions:
            ours.next_step()
            told(ours, replace(who(), session=sessions.index(ours) + 1))
            assert ours.next_step() == FindOrder(DEVICE)
            ours.found(INSTALL)
            assert ours.next_step() == TakeString(DEVICE)
        ends = [desk.serve(ours)[1] for ours in reversed(sessions)]
        assert [isinstance(step, NeedData) for step in ends] == [True, False, False]
        assert [outcome_of(step).result for step in ends[1:]] == [Result.USED_STRING] * 2
        assert desk.strings_taken == 1

    def test_a_wrong_string_takes_nothing(self) -> None:
        for password in ("", "12345", STRING + "6", None):
            ours, desk = server(), Clerk(INSTALL, issue)
            desk.serve(ours)
            told(ours, who(password=password))
            outcome = outcome_of(desk.serve(ours)[1])
            assert (outcome.result, outcome.reason, desk.strings_taken) == (Result.WRONG_STRING, 7, 0)

    def test_a_string_that_is_not_consumed_by_rule(self) -> None:
        ours, desk = server(ServerRules(consume_string=False)), Clerk(INSTALL, issue, string_left=False)
        talk = converse(client(), Phone(public_key), ours, desk)
        assert (talk.server.result, desk.strings_taken) == (Result.INSTALLED, 0)

    @pytest.mark.parametrize(("mode", "good"), [(AuthMode.NULL_STRING, False), (AuthMode.NONE, True)])
    def test_a_string_that_nobody_wants(self, mode: AuthMode, good: bool) -> None:
        order = Order(Operation.DELETE, mode)
        talk = converse(client(), Phone(installed=LSC), server(), Clerk(order))
        assert talk.server.good is good
        lax = server(ServerRules(check_null_string=False))
        assert converse(client(), Phone(installed=LSC), lax, Clerk(order)).server.good

    def test_an_order_that_ended(self) -> None:
        for minutes, result in ((0, Result.LATE), (1, Result.INSTALLED)):
            order = replace(INSTALL, until=NOW + timedelta(minutes=minutes))
            desk = Clerk(order, issue)
            assert converse(client(), Phone(public_key), server(), desk).server.result is result
            assert desk.strings_taken == minutes

    def test_a_busy_server(self) -> None:
        ours = server()
        ours.next_step()
        told(ours, who())
        ours.next_step()
        with pytest.raises(CapfLocalError):
            ours.busy(2**32)
        ours.busy(30)
        step = ours.next_step()
        assert isinstance(step, Send)
        assert outcome_of(ours.next_step()).result is Result.RETRY_LATER
        theirs = client(dialect=Dialect(retry_delay_seconds=60))
        told(theirs, hello())
        theirs.receive_data(step.data)
        _, end = Phone().run(theirs)
        assert (outcome_of(end).result, outcome_of(end).retry_after) == (Result.RETRY_LATER, 1800)

    @pytest.mark.parametrize("device", ["", "SEP\x1b[31m", "S" * 257, "\udcff"])
    def test_names_that_are_none(self, device: str) -> None:
        ours, desk = server(), Clerk(INSTALL)
        desk.serve(ours)
        told(ours, who(device=device))
        assert broken(ours, lambda: desk.serve(ours)) is CapfReason.BAD_STRING
        assert desk.asked == []

    def test_a_device_that_does_not_authenticate(self) -> None:
        ours, desk = server(), Clerk(INSTALL)
        desk.serve(ours)
        told(ours, who(reason=7))
        assert outcome_of(desk.serve(ours)[1]).result is Result.CLIENT_FAILED
        assert desk.asked == []

    @pytest.mark.parametrize(
        ("ordered", "made", "why"),
        [
            (KeyOrder.rsa(2048), RSA, CapfReason.KEY_NOT_AS_ORDERED),
            (RSA, KeyOrder.rsa(2048), CapfReason.KEY_NOT_AS_ORDERED),
            (RSA, P256, CapfReason.KEY_NOT_AS_ORDERED),
            (KeyOrder.ec(Curve.SECP384R1), P256, CapfReason.KEY_NOT_AS_ORDERED),
            (RSA, None, CapfReason.BAD_KEY),
        ],
    )
    def test_keys_that_were_not_ordered(self, ordered: KeyOrder, made: KeyOrder | None, why: CapfReason) -> None:
        given = b"junk" if made is None else public_key(made)
        ours, desk = server(), Clerk(replace(INSTALL, key=ordered), issue)
        desk.serve(ours)
        told(ours, who(), KeyGenerateResponse(session=SESSION, public_key=given))
        assert broken(ours, lambda: desk.serve(ours)) is why
        assert desk.said.endswith(encode(EndSession(session=SESSION, reason=7)))
        if made is not None:
            lax = server(ServerRules(check_key=False))
            desk.string_left = True
            desk.serve(lax)
            told(lax, who(), KeyGenerateResponse(session=SESSION, public_key=given))
            assert isinstance(desk.serve(lax)[1], NeedData)

    def test_a_small_key_is_taken_by_no_rule(self) -> None:
        modulus = int.from_bytes(bytes(range(0xC0, 0x100)))
        numbers = der(0x30, der_integer(modulus), der_integer(65537))
        rsa = der(0x30, der_oid("1.2.840.113549.1.1.1"), der(5))
        small = der(0x30, rsa, der(3, b"\0", numbers))
        ours, desk = server(ServerRules(check_key=False)), Clerk(INSTALL, issue)
        desk.serve(ours)
        told(ours, who(), KeyGenerateResponse(session=SESSION, public_key=small))
        with pytest.raises(CapfPeerError, match="512 bits are refused"):
            desk.serve(ours)

    def test_what_the_device_cannot_do(self) -> None:
        """It makes no key, cannot store, has nothing to hand over or delete; the outcome says so on both sides."""
        cases: list[tuple[Order, Phone, Result, Result]] = [
            (INSTALL, Phone(), Result.KEY_NOT_MADE, Result.KEY_NOT_MADE),
            (INSTALL, Phone(public_key, keeps=False), Result.NOT_STORED, Result.NOT_STORED),
            (Order(Operation.FETCH, AuthMode.NONE), Phone(), Result.NO_CERTIFICATE, Result.NO_CERTIFICATE),
            (Order(Operation.DELETE, AuthMode.NONE), Phone(), Result.NO_CERTIFICATE, Result.NO_CERTIFICATE),
        ]
        for order, phone, at_server, at_client in cases:
            talk = converse(client(), phone, server(), Clerk(order, issue))
            assert (talk.server.result, talk.client.result) == (at_server, at_client)
            assert not talk.server.good
            assert talk.client.certificate is None

    def test_no_certificate_is_issued(self) -> None:
        talk = converse(client(), Phone(public_key), server(), Clerk(INSTALL))
        assert (talk.server.result, talk.client.result) == (Result.NOT_ISSUED, Result.REFUSED)

    def test_we_issue_nonsense(self) -> None:
        ours, desk = server(), Clerk(INSTALL)
        desk.serve(ours)
        told(ours, who(), KeyGenerateResponse(session=SESSION, public_key=public_key(RSA)))
        ours.next_step()
        ours.found(INSTALL)
        ours.next_step()
        ours.taken(won=True)
        ours.next_step()
        assert isinstance(ours.next_step(), IssueCertificate)
        for nonsense in (b"junk", LSC):
            with pytest.raises(CapfLocalError):
                ours.issued(nonsense)
        own = public_key(RSA)
        assert own is not None
        ours.issued(issue(DEVICE, own))
        assert isinstance(ours.next_step(), Send)

    def test_an_existing_certificate_that_is_not_for_signatures(self) -> None:
        encipher_only = der_extension("2.5.29.15", bytes.fromhex("03020520"))
        base = plan(DEVICE, "rsa1024-b", issuer=CAPF.subject, issuer_key=CAPF.key_name)
        own = Credential(base.but(extensions=(encipher_only,)).encode(), credential().sign)
        order = Order(Operation.DELETE, AuthMode.LSC)
        for rules, result in (
            (ServerRules(), Result.CERTIFICATE_USAGE),
            (ServerRules(check_usage=False), Result.DELETED),
        ):
            ours = CapfClient(DEVICE, NOW, existing=own, issuers=[CA])
            assert converse(ours, Phone(installed=LSC), server(rules), Clerk(order)).server.result is result

    def test_what_is_fetched_must_be_a_certificate(self) -> None:
        ours, desk = server(), Clerk(Order(Operation.FETCH, AuthMode.NONE))
        desk.serve(ours)
        told(ours, who(), FetchCertificateResponse(session=SESSION, certificate=CarriedCertificate(b"junk")))
        assert broken(ours, lambda: desk.serve(ours)) is CapfReason.BAD_CERTIFICATE

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Order(Operation.INSTALL),
            lambda: Order(Operation.INSTALL, key=KeyOrder.rsa(512)),
            lambda: Order(Operation.DELETE, AuthMode.STRING),
            lambda: Order(Operation.DELETE, until=NOW.replace(tzinfo=None)),
            lambda: CapfServer(1, NOW.replace(tzinfo=None)),
            lambda: CapfServer(2**32, NOW),
            lambda: CapfClient(DEVICE, NOW.replace(tzinfo=None)),
            lambda: CapfClient("a\0b", NOW),
            lambda: CapfClient(DEVICE, NOW, password=STRING + "\0"),
        ],
    )
    def test_we_are_wrong(self, make: Callable[[], object]) -> None:
        with pytest.raises(CapfLocalError):
            make()

    def test_an_order_shows_no_string(self) -> None:
        assert STRING not in repr(INSTALL)


def asked_for_a_key(rules: ClientRules | None = None, order: KeyOrder = RSA) -> CapfClient:
    ours = client(rules)
    told(ours, hello(), KeyGenerateRequest.of(SESSION, order))
    return ours


def given(certificate: bytes, rules: ClientRules | None = None) -> CapfClient:
    ours = asked_for_a_key(rules)
    while not isinstance(ours.next_step(), MakeKey):
        pass
    ours.key_made(public_key(RSA) or b"")
    told(ours, StoreCertificateRequest(session=SESSION, certificate=CarriedCertificate(certificate)))
    ours.next_step()
    return ours


def made_for(**changes: object) -> bytes:
    base = plan(DEVICE, "rsa1024-c", issuer=CAPF.subject, issuer_key=CAPF.key_name)
    return base.but(**changes).encode()


class TestClient:
    def test_a_small_key_is_refused_with_the_reason(self) -> None:
        ours, phone = asked_for_a_key(order=KeyOrder.rsa(512)), Phone(public_key)
        with pytest.raises(CapfPeerError, match=r"512 bits are refused.*factored") as caught:
            phone.run(ours)
        assert caught.value.reason is CapfReason.KEY_REFUSED
        assert phone.said.endswith(encode(KeyGenerateResponse(session=SESSION, reason=7)))
        assert phone.ordered == []

    def test_the_server_is_told_that_it_takes_a_while_before_the_key_is_made(self) -> None:
        ours = asked_for_a_key()
        steps = [ours.next_step() for _ in range(3)]
        assert steps[1:] == [Send(encode(RequestInProgress(session=SESSION))), MakeKey(RSA)]
        quiet = asked_for_a_key(ClientRules(announce=False))
        assert [type(quiet.next_step()) for _ in range(2)] == [Send, MakeKey]

    def test_we_make_another_key_than_was_ordered(self) -> None:
        ours = asked_for_a_key()
        with pytest.raises(CapfLocalError, match="is asked"):
            ours.key_made(public_key(RSA) or b"")
        while not isinstance(ours.next_step(), MakeKey):
            pass
        for wrong in (public_key(P256), b"junk"):
            with pytest.raises(CapfLocalError):
                ours.key_made(wrong or b"")
        ours.key_made(public_key(RSA) or b"")
        assert isinstance(ours.next_step(), Send)

    def test_operations_that_are_not_wanted(self) -> None:
        only = ClientRules(operations=frozenset({Operation.INSTALL}))
        for wish in (DeleteCertificateRequest(session=SESSION), FetchCertificateRequest(session=SESSION)):
            ours, phone = client(only), Phone(installed=LSC)
            told(ours, hello(), wish)
            assert broken(ours, lambda ours=ours, phone=phone: phone.run(ours)) is CapfReason.OPERATION_REFUSED  # type: ignore[misc]
            assert phone.said[-1] == 7
            assert phone.installed == LSC

    @pytest.mark.parametrize(
        ("changes", "why", "relaxed"),
        [
            ({"key_name": "rsa1024-d"}, CapfReason.CERTIFICATE_KEY, None),
            ({"not_after": NOW - timedelta(days=1)}, CapfReason.CERTIFICATE_DATES, "check_dates"),
            ({"not_before": NOW + timedelta(days=1)}, CapfReason.CERTIFICATE_DATES, "check_dates"),
            ({"subject": plan("SEP001122334466", "rsa1024-c").subject}, CapfReason.CERTIFICATE_DEVICE, "check_device"),
            ({"issuer_key": "rsa1024-e"}, CapfReason.CERTIFICATE_ISSUER, "check_issuer"),
        ],
    )
    def test_a_certificate_that_is_not_taken(
        self, changes: Mapping[str, object], why: CapfReason, relaxed: str | None
    ) -> None:
        certificate = made_for(**changes)
        ours = given(certificate)
        assert ours.next_step() == Send(encode(StoreCertificateResponse(session=SESSION, reason=7)))
        assert broken(ours, ours.next_step) is why
        if relaxed is not None:
            rules = replace(ClientRules(), **{relaxed: False})  # type: ignore[arg-type]  # the test names a field
            assert given(certificate, rules).next_step() == StoreCertificate(read_certificate(certificate))

    def test_a_clock_that_is_a_little_slow(self) -> None:
        just_issued = made_for(not_before=NOW + timedelta(minutes=4))
        assert isinstance(given(just_issued).next_step(), StoreCertificate)

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            (CAPF.encode(), "a second one begins"),
            (b"\0\0\0", "3 other bytes begin"),
        ],
        ids=["two", "padding"],
    )
    def test_more_than_one_certificate_says_where_the_first_ends(self, more: bytes, words: str) -> None:
        one = made_for()
        ours = given(one + more)
        assert isinstance(ours.next_step(), Send)
        with pytest.raises(CapfPeerError) as caught:
            ours.next_step()
        end, whole = 5 + len(one), 5 + len(one) + len(more)
        assert str(caught.value) == (
            "the new certificate: element 4 of the STORE_CERTIFICATE_REQUEST must hold one certificate; one ends, and "
            f"{words}, at byte {end} of {whole}"
        )
        assert CarriedCertificate(one + more).encode()[end:] == more

    @pytest.mark.parametrize(
        ("junk", "words"),
        [
            (b"junk", "STORE_CERTIFICATE_REQUEST holds no certificate: it begins with 6A 75 6E 6B"),
            (made_for()[:-1], "holds no certificate: it begins with 30 82"),
            (
                b"\x30\x03\x02\x01\x00",
                "the 5 bytes from byte 5 of element 4 of the STORE_CERTIFICATE_REQUEST on are no",
            ),
            (b"\x30\x80", "holds no certificate: it begins with 30 80"),
            (b"\x30", "holds no certificate: it begins with 30"),
        ],
    )
    def test_what_is_none_is_told_without_a_library_s_words(self, junk: bytes, words: str) -> None:
        ours = given(junk)
        ours.next_step()
        with pytest.raises(CapfPeerError) as caught:
            ours.next_step()
        assert words in str(caught.value)

    def test_what_is_no_certificate(self) -> None:
        ours = given(b"junk")
        assert isinstance(ours.next_step(), Send)
        assert broken(ours, ours.next_step) is CapfReason.BAD_CERTIFICATE

    @pytest.mark.parametrize(
        ("end", "result"),
        [
            (EndSession(session=SESSION, reason=0), Result.NOTHING_TO_DO),
            (EndSession(session=SESSION, reason=1), Result.NOTHING_TO_DO),
            (EndSession(session=SESSION, reason=7), Result.REFUSED),
            (EndSession(session=SESSION, reason=9), Result.UNKNOWN_DEVICE),
            (EndSession(session=SESSION, reason=42, info="no\x1b[31m"), Result.REFUSED),
            (RetryLater(session=SESSION), Result.RETRY_LATER),
        ],
    )
    def test_how_a_server_may_end_it(self, end: Message, result: Result) -> None:
        # Who has not been asked yet has said nothing that could be refused.
        unheard = result if result is Result.RETRY_LATER else Result.TURNED_AWAY
        for before, expected in (((hello(),), result), ((), unheard)):
            ours = client()
            told(ours, *before, end)
            outcome = outcome_of(Phone().run(ours)[1])
            assert (outcome.result, outcome.retry_after) == (expected, None)
            assert outcome.words.isprintable()

    def test_string_and_signature_are_only_blamed_where_they_may_be_at_fault(self) -> None:
        refusal = EndSession(session=SESSION, reason=7)
        asked, ordered, stored = client(), asked_for_a_key(), given(made_for())
        told(asked, hello(), refusal)
        Phone().run(stored)
        told(ordered, refusal)
        told(stored, refusal)
        words = [outcome_of(Phone(public_key).run(each)[1]).words for each in (asked, ordered, stored)]
        assert ["authentication string" in each for each in words] == [True, False, False]
        assert "after it had ordered to install" in words[1]
        assert "after it was done" in words[2]

    def test_the_server_loses_patience_while_the_key_is_being_made(self) -> None:
        ours = asked_for_a_key()
        told(ours, EndSession(session=SESSION, reason=1))
        outcome = outcome_of(Phone(public_key).run(ours)[1])
        assert (outcome.result, outcome.operation, outcome.good) == (Result.ENDED_EARLY, Operation.INSTALL, False)

    def test_what_is_stored_is_said_to_be_stored_though_the_server_calls_it_a_failure(self) -> None:
        certificate = made_for()
        ours, phone = given(certificate), Phone()
        phone.run(ours)
        told(ours, EndSession(session=SESSION, reason=7))
        outcome: Outcome = outcome_of(phone.run(ours)[1])
        assert (outcome.result, outcome.certificate) == (Result.REFUSED, read_certificate(certificate))
        assert phone.installed == certificate

    def test_finished_stays_finished(self) -> None:
        ours = client()
        told(ours, EndSession(session=SESSION))
        end = ours.next_step()
        ours.receive_data(b"junk")
        ours.receive_data(b"")
        assert ours.next_step() == end
        assert isinstance(end, Finished)
        with pytest.raises(CapfLocalError, match="nothing is asked"):
            ours.stored()

    def test_a_credential_signs_and_is_taken(self) -> None:
        strict = server(ServerRules(require_sha2=True, require_sudi=True))
        ours = CapfClient(DEVICE, NOW, existing=credential(), sudi=credential(), issuers=[CA])
        order = Order(Operation.INSTALL, AuthMode.MIC, key=P256)
        talk = converse(ours, Phone(public_key), strict, Clerk(order, issue), size=13)
        assert talk.client.certificate == talk.server.certificate
        assert talk.server.words == "the device has stored its certificate"


class TestRules:
    @pytest.mark.parametrize(
        ("common_name", "device", "same"),
        [
            (DEVICE, DEVICE, True),
            (f"CP-8861-{DEVICE}", DEVICE, True),
            (f"{DEVICE}-x", DEVICE, False),
            (f"x{DEVICE}", DEVICE, False),
            (DEVICE.lower(), DEVICE, False),
            ("AN1AE2857BE2400", "AN1AE2857BE2400", True),
            ("ctiuser", "ctiuser", True),
            ("x-ctiuser", "ctiuser", False),
            ("", "", False),
        ],
    )
    def test_whose_certificate(self, common_name: str, device: str, same: bool) -> None:
        assert names_device(plan(common_name, "rsa1024-c").read(), device) is same

    def test_two_names_are_none(self) -> None:
        twice = CertificatePlan(der_name(("CN", "SEP001122334466"), ("CN", DEVICE)), "rsa1024-c").read()
        assert not names_device(twice, DEVICE)

    def test_key_usage(self) -> None:
        def with_usage(bits: str, tag: str = "2.5.29.15") -> bool:
            return may_sign(plan(DEVICE, "rsa1024-c", extensions=(der_extension(tag, bytes.fromhex(bits)),)).read())

        assert with_usage("03020780")
        assert not with_usage("03020520")
        assert not with_usage("ff")
        # An alternative name of a kind that cryptography does not read, and no usage.
        assert not with_usage("3004a3023000", "2.5.29.17")
        assert may_sign(plan(DEVICE, "rsa1024-c").read())
        assert not may_sign(plan(DEVICE, "rsa1024-c", serial=0).read())

    def test_strings(self) -> None:
        assert same_string("12345", "12345")
        assert same_string("pässwörd", "pässwörd")
        assert not same_string("12345", "1234")
        assert not same_string("\ud800", "?")
