"""TVS: what is no message, whose fault that is, and who may speak when."""

import pickle
from collections.abc import Callable

import pytest

from ctlctl_trust.tlv import Role, encode_tlv
from ctlctl_trust.tvs import (
    MAX_ELEMENTS,
    MAX_MESSAGE,
    Command,
    Dialect,
    Element,
    Frame,
    Message,
    QueryRequest,
    QueryResponse,
    Signal,
    Turn,
    TvsClientMachine,
    TvsLocalError,
    TvsPeerError,
    TvsReason,
    TvsServerMachine,
    VerifyRequest,
    VerifyResponse,
    decode,
    encode,
    known_roles,
    role_words,
)

DEVICE = "CP-8861-SEP001122334455"
VERIFY = VerifyRequest(session=1001, device=DEVICE, certificate=b"DER")
QUERY = QueryRequest(session=1002, device=DEVICE, subject="CN=a;C=NZ", issuer="CN=b", serial=b"\x24\x17")
KNOWN = VerifyResponse(session=1001, status=0, roles=(0, 3), ttl=86_400)
FOUND = QueryResponse(session=1002, status=0, certificate=b"DER", roles=(0,), ttl=60)


def raw(command: int, *elements: tuple[int, bytes], session: int = 1001) -> bytes:
    """Write a frame without any check."""
    body = b"".join(encode_tlv(tag, value) for tag, value in elements)
    return bytes((87, 1, command, 0)) + session.to_bytes(4) + len(body).to_bytes(2) + body


def reason(data: bytes, dialect: Dialect | None = None) -> TvsReason:
    with pytest.raises(TvsPeerError) as caught:
        decode(data, dialect or Dialect())
    return caught.value.reason


NAME = (1, b"\x01" + DEVICE.encode())


class TestBytes:
    def test_a_request_byte_by_byte(self) -> None:
        want = "57 01 01 00 000003e9 0021 01 0018 01" + DEVICE.encode().hex() + "02 0003" + b"DER".hex()
        assert encode(VERIFY) == bytes.fromhex(want)

    def test_an_answer_byte_by_byte(self) -> None:
        assert encode(KNOWN) == bytes.fromhex("57 01 02 00 000003e9 0010 07000100 0800020003 09000400015180")

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", TvsReason.CUT_OFF),
            (encode(VERIFY)[:9], TvsReason.CUT_OFF),
            (b"GET / HTTP/1.1\r\n\r\n", TvsReason.BAD_PROTOCOL),
            (b"\x57\x02" + encode(VERIFY)[2:], TvsReason.BAD_VERSION),
            (raw(0), TvsReason.BAD_COMMAND),
            (raw(5), TvsReason.BAD_COMMAND),
            (encode(VERIFY)[:-1], TvsReason.LENGTH_MISMATCH),
            (encode(VERIFY) + b"\0", TvsReason.LENGTH_MISMATCH),
            (raw(1)[:9] + b"\x02\x01\x00", TvsReason.LENGTH_OVERFLOW),
            (raw(1)[:9] + b"\x04\x01\x00\x02x", TvsReason.LENGTH_OVERFLOW),
            (raw(2, *[(6, b"")] * (MAX_ELEMENTS + 1)), TvsReason.TOO_MANY_ELEMENTS),
            (raw(1), TvsReason.MISSING_ELEMENT),
            (raw(1, NAME), TvsReason.MISSING_ELEMENT),
            (raw(1, (2, b"DER")), TvsReason.MISSING_ELEMENT),
            (raw(3, NAME, (3, b"\0"), (4, b"\0")), TvsReason.MISSING_ELEMENT),
            (raw(2, (8, b"\0")), TvsReason.MISSING_ELEMENT),
            (raw(1, NAME, (2, b"one"), (2, b"two")), TvsReason.DUPLICATE_ELEMENT),
            (raw(2, (7, b"\0"), (7, b"\1")), TvsReason.DUPLICATE_ELEMENT),
            (raw(1, (1, b""), (2, b"DER")), TvsReason.BAD_LENGTH),
            (raw(1, NAME, (2, b"")), TvsReason.BAD_LENGTH),
            (raw(2, (7, b"\0\0")), TvsReason.BAD_LENGTH),
            (raw(2, (7, b"")), TvsReason.BAD_LENGTH),
            (raw(2, (7, b"\0"), (9, bytes(3))), TvsReason.BAD_LENGTH),
            (raw(4, (7, b"\0"), (2, b"")), TvsReason.BAD_LENGTH),
            (raw(3, NAME, (3, b"\0"), (4, b"\0"), (5, b"")), TvsReason.BAD_LENGTH),
            (raw(3, NAME, (3, b"CN=a"), (4, b"\0"), (5, b"\1")), TvsReason.BAD_STRING),
            (raw(3, NAME, (3, b"CN=a\0"), (4, b""), (5, b"\1")), TvsReason.BAD_STRING),
            (raw(3, NAME, (3, b"CN\0a\0"), (4, b"\0"), (5, b"\1")), TvsReason.BAD_STRING),
        ],
    )
    def test_the_peer_is_wrong(self, data: bytes, why: TvsReason) -> None:
        assert reason(data) is why

    @pytest.mark.parametrize(
        "make",
        [
            lambda: encode(VerifyRequest(session=2**32, device=DEVICE, certificate=b"DER")),
            lambda: encode(VerifyRequest(session=1, device=DEVICE, certificate=b"")),
            lambda: encode(VerifyRequest(session=1, device="\ud800", certificate=b"DER")),
            lambda: encode(VerifyRequest(session=1, device="", certificate=bytes(0xFFFF))),
            lambda: encode(VerifyRequest(session=1, device="", certificate=bytes(0x10000))),
            lambda: encode(VerifyRequest(session=1, device="", certificate=b"x", extra=(Element(2, b"y"),))),
            lambda: encode(VerifyRequest(session=1, device="", certificate=b"x", extra=(Element(256, b""),))),
            lambda: encode(VerifyRequest(session=1, device="", certificate=b"x", device_kind=256)),
            lambda: encode(VerifyRequest(session=1, device="", certificate=b"x", reserved=-1)),
            lambda: encode(QueryRequest(session=1, device="", subject="a\0", issuer="", serial=b"1")),
            lambda: encode(QueryRequest(session=1, device="", subject="", issuer="", serial=b"")),
            lambda: encode(VerifyResponse(session=1, status=-1)),
            lambda: encode(VerifyResponse(session=1, status=0, extra=(Element(8, b""),))),
            lambda: encode(VerifyResponse(session=1, status=0, roles=(256,))),
            lambda: encode(QueryResponse(session=1, status=0, ttl=2**32)),
            lambda: encode(QueryResponse(session=1, status=0, certificate=b"")),
            lambda: Frame(Command.VERIFY_REQUEST, 1, (Element(6, b""),) * (MAX_ELEMENTS + 1)),
            lambda: Dialect(issuer_tag=5),
            lambda: Dialect(issuer_tag=7),
            lambda: Dialect(serial_tag=300),
            lambda: Dialect(requests_per_connection=0),
        ],
    )
    def test_we_are_wrong(self, make: Callable[[], object]) -> None:
        with pytest.raises(TvsLocalError):
            make()

    def test_the_largest_message(self) -> None:
        largest = VerifyRequest(session=1, device="", certificate=bytes(0xFFFF - 7))
        assert len(encode(largest)) == MAX_MESSAGE
        assert decode(encode(largest)) == largest

    def test_texts_of_any_code_page_come_back_as_they_were(self) -> None:
        data = raw(3, NAME, (3, b"CN=M\xfcller\0"), (4, "CN=Müller\0".encode()), (5, b"\1"))
        message = decode(data)
        assert isinstance(message, QueryRequest)
        assert message.issuer == "CN=Müller"
        assert encode(message) == data

    def test_errors_travel(self) -> None:
        error = pickle.loads(pickle.dumps(TvsPeerError(TvsReason.CUT_OFF, "cut")))  # noqa: S301 - our own bytes
        assert (error.reason, str(error)) == (TvsReason.CUT_OFF, "cut")


class TestUnknownElements:
    DATA = raw(2, (6, b"?"), (7, b"\0"), (8, b"\0\x63"), (200, b""), (6, b"!"))

    def test_they_are_kept(self) -> None:
        message = decode(self.DATA)
        assert isinstance(message, VerifyResponse)
        assert message.extra == (Element(6, b"?"), Element(200, b""), Element(6, b"!"))
        assert decode(encode(message)) == message

    def test_they_can_be_refused(self) -> None:
        assert reason(self.DATA, Dialect(refuse_unknown=True)) is TvsReason.UNKNOWN_ELEMENT

    def test_an_element_out_of_its_place_is_one(self) -> None:
        """The independent tvsd says "Unknown element tag: 3" to a request that verifies nothing."""
        data = raw(1, NAME, (2, b"DER"), (3, b"CN=a\0"))
        message = decode(data)
        assert isinstance(message, VerifyRequest)
        assert message.extra == (Element(3, b"CN=a\0"),)
        assert encode(message) == data

    def test_roles_without_a_meaning_keep_their_number(self) -> None:
        message = decode(self.DATA)
        assert isinstance(message, VerifyResponse)
        assert role_words(message.roles) == ("SAST", "unknown(99)")
        assert known_roles(message.roles) == {Role.SAST}
        assert role_words(None) == ()

    @pytest.mark.parametrize(("status", "known"), [(0, True), (1, False), (2, None), (255, None)])
    def test_a_status_without_a_meaning_is_neither(self, status: int, known: bool | None) -> None:
        for message in (VerifyResponse(session=1, status=status), QueryResponse(session=1, status=status)):
            assert message.known is known


def asked(request: VerifyRequest | QueryRequest = VERIFY, dialect: Dialect | None = None) -> TvsServerMachine:
    server = TvsServerMachine(dialect or Dialect())
    server.receive_data(encode(request))
    assert server.next_event() == request
    return server


def asking(request: VerifyRequest | QueryRequest = VERIFY, dialect: Dialect | None = None) -> TvsClientMachine:
    client = TvsClientMachine(dialect or Dialect())
    client.send(request)
    return client


def broken(machine: TvsClientMachine | TvsServerMachine) -> TvsReason:
    with pytest.raises(TvsPeerError) as caught:
        machine.next_event()
    with pytest.raises(TvsPeerError) as again:
        machine.next_event()
    assert again.value.reason is caught.value.reason
    assert machine.turn is Turn.BROKEN
    machine.receive_data(b"more")
    return caught.value.reason


class TestTurns:
    def test_one_request_and_one_answer(self) -> None:
        client, server = asking(), asked()
        assert server.next_event() is Signal.PAUSED
        assert client.next_event() is Signal.NEED_DATA
        client.receive_data(server.send(KNOWN))
        assert client.next_event() == KNOWN
        assert client.next_event() is server.next_event() is Signal.CLOSED

    def test_what_follows_the_last_answer_is_not_read(self) -> None:
        client = asking()
        client.receive_data(encode(KNOWN) + b"junk")
        assert client.next_event() == KNOWN
        client.receive_data(b"more junk")
        assert client.next_event() is Signal.CLOSED

    def test_several_requests_on_one_connection(self) -> None:
        server = TvsServerMachine(Dialect(requests_per_connection=None))
        server.receive_data(encode(VERIFY) + encode(QUERY))
        assert server.next_event() == VERIFY
        assert server.next_event() is Signal.PAUSED
        server.send(KNOWN)
        assert server.next_event() == QUERY
        server.send(FOUND)
        assert server.next_event() is Signal.NEED_DATA
        server.receive_data(b"")
        assert server.next_event() is Signal.CLOSED

    def test_a_client_who_leaves_at_once(self) -> None:
        server = TvsServerMachine()
        server.receive_data(b"")
        assert server.next_event() is Signal.CLOSED

    def test_a_client_who_leaves_in_the_middle(self) -> None:
        server = TvsServerMachine()
        server.receive_data(encode(VERIFY)[:20])
        server.receive_data(b"")
        assert broken(server) is TvsReason.CUT_OFF

    def test_a_client_that_may_not_ask_is_told_before_its_body_comes(self) -> None:
        server = TvsServerMachine()
        server.receive_data(encode(KNOWN)[:10])
        assert broken(server) is TvsReason.OUT_OF_TURN

    def test_a_server_that_leaves(self) -> None:
        client = asking()
        client.receive_data(b"")
        assert broken(client) is TvsReason.UNANSWERED
        client = asking()
        client.receive_data(encode(KNOWN)[:-1])
        client.receive_data(b"")
        assert broken(client) is TvsReason.CUT_OFF

    def test_a_server_that_leaves_between_two_requests(self) -> None:
        client = asking(dialect=Dialect(requests_per_connection=None))
        client.receive_data(encode(KNOWN))
        assert client.next_event() == KNOWN
        assert client.next_event() is Signal.PAUSED
        client.receive_data(b"")
        assert client.next_event() is Signal.CLOSED

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (FOUND, TvsReason.OUT_OF_TURN),
            (VERIFY, TvsReason.OUT_OF_TURN),
            (VerifyResponse(session=1002, status=0), TvsReason.WRONG_SESSION),
        ],
    )
    def test_an_answer_to_something_else(self, answer: Message, why: TvsReason) -> None:
        client = asking()
        client.receive_data(encode(answer))
        assert broken(client) is why

    def test_a_server_that_speaks_first(self) -> None:
        client = TvsClientMachine()
        assert client.next_event() is Signal.PAUSED
        client.receive_data(encode(KNOWN))
        assert broken(client) is TvsReason.OUT_OF_TURN

    def test_a_client_that_never_stops(self) -> None:
        server = asked()
        server.receive_data(bytes(MAX_MESSAGE - 1))
        server.receive_data(bytes(MAX_MESSAGE - 1))
        with pytest.raises(TvsPeerError) as caught:
            server.receive_data(b"\0")
        assert caught.value.reason is TvsReason.NOT_DRAINED
        assert broken(server) is TvsReason.NOT_DRAINED

    def test_we_speak_out_of_turn(self) -> None:
        with pytest.raises(TvsLocalError, match="answering"):
            asking().send(VERIFY)
        with pytest.raises(TvsLocalError, match="asking"):
            TvsServerMachine().send(KNOWN)
        with pytest.raises(TvsLocalError, match="requests"):
            TvsClientMachine().send(KNOWN)  # type: ignore[arg-type]
        with pytest.raises(TvsLocalError, match="responses"):
            asked().send(VERIFY)  # type: ignore[arg-type]

    @pytest.mark.parametrize("answer", [FOUND, VerifyResponse(session=1, status=0)])
    def test_we_answer_something_else(self, answer: VerifyResponse | QueryResponse) -> None:
        server = asked()
        with pytest.raises(TvsLocalError, match="not to the request"):
            server.send(answer)
        assert server.send(KNOWN) == encode(KNOWN)
