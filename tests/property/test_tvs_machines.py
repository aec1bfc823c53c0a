"""TVS codec and machines against any message and any bytes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctlctl_trust.tvs import (
    MAX_MESSAGE,
    Dialect,
    Element,
    Message,
    QueryRequest,
    QueryResponse,
    Signal,
    TvsClientMachine,
    TvsPeerError,
    TvsReason,
    TvsServerMachine,
    VerifyRequest,
    VerifyResponse,
    decode,
    encode,
)
from fuzz.target_tvs import one_input, seeds

# A loaded machine may take its time: what is proved here has nothing to do with speed.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

sessions = st.integers(0, 0xFFFF_FFFF)
octets = st.integers(0, 255)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
# Bytes of whatever code page: read as text, and written back as they were.
odd_texts = st.binary(max_size=20).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
ders = st.binary(min_size=1, max_size=300)
# Tags that no message has use for.
extras = st.lists(st.builds(Element, st.sampled_from([6, 10, 200, 255]), st.binary(max_size=8)), max_size=4).map(tuple)
role_lists = st.none() | st.lists(octets, max_size=6).map(tuple)
ttls = st.none() | st.integers(0, 0xFFFF_FFFF)

requests: st.SearchStrategy[VerifyRequest | QueryRequest] = st.one_of(
    st.builds(
        VerifyRequest,
        session=sessions,
        device=texts | odd_texts,
        certificate=ders,
        device_kind=octets,
        reserved=octets,
        extra=extras,
    ),
    st.builds(
        QueryRequest,
        session=sessions,
        device=texts | odd_texts,
        subject=texts | odd_texts,
        issuer=texts | odd_texts,
        serial=st.binary(min_size=1, max_size=20),
        device_kind=octets,
        reserved=octets,
        extra=extras,
    ),
)
responses: st.SearchStrategy[VerifyResponse | QueryResponse] = st.one_of(
    st.builds(
        VerifyResponse, session=sessions, status=octets, roles=role_lists, ttl=ttls, reserved=octets, extra=extras
    ),
    st.builds(
        QueryResponse,
        session=sessions,
        status=octets,
        certificate=st.none() | ders,
        roles=role_lists,
        ttl=ttls,
        reserved=octets,
        extra=extras,
    ),
)
messages: st.SearchStrategy[Message] = requests | responses


@unhurried
@given(messages)
def test_what_is_written_is_read_again(message: Message) -> None:
    data = encode(message)
    assert decode(data) == message
    assert encode(decode(data)) == data
    one_input(data)


@unhurried
@given(messages, st.data())
def test_a_truncated_message_is_none(message: Message, chosen: st.DataObject) -> None:
    whole = encode(message)
    data = whole[: chosen.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(TvsPeerError) as caught:
        decode(data)
    assert caught.value.reason in {TvsReason.CUT_OFF, TvsReason.LENGTH_MISMATCH}
    one_input(data)


@unhurried
@given(st.binary(max_size=200))
def test_junk(data: bytes) -> None:
    one_input(data)


@unhurried
@given(st.sampled_from(seeds()), st.integers(0, 400), octets)
def test_one_byte_turned(data: bytes, place: int, value: int) -> None:
    turned = bytearray(data)
    turned[place % len(turned)] = value
    one_input(bytes(turned))


def fitting(request: VerifyRequest | QueryRequest, response: VerifyResponse | QueryResponse) -> Message:
    """Return an answer of the request's kind and session, made of whatever answer was drawn."""
    kind = VerifyResponse if isinstance(request, VerifyRequest) else QueryResponse
    return kind(session=request.session, status=response.status, roles=response.roles, ttl=response.ttl)


@unhurried
@given(st.lists(st.tuples(requests, responses), min_size=1, max_size=4), st.data())
def test_a_real_client_wired_to_a_real_server(
    talk: list[tuple[VerifyRequest | QueryRequest, VerifyResponse | QueryResponse]], chosen: st.DataObject
) -> None:
    dialect = Dialect(requests_per_connection=len(talk))
    client, server = TvsClientMachine(dialect), TvsServerMachine(dialect)
    for request, drawn in talk:
        response = fitting(request, drawn)
        assert not isinstance(response, VerifyRequest | QueryRequest)
        assert pass_on(client.send(request), server, chosen) == request
        assert client.next_event() is Signal.NEED_DATA
        assert server.next_event() is Signal.PAUSED
        assert pass_on(server.send(response), client, chosen) == response
    assert client.next_event() is server.next_event() is Signal.CLOSED


def pass_on(data: bytes, machine: TvsClientMachine | TvsServerMachine, chosen: st.DataObject) -> object:
    cut = chosen.draw(st.integers(0, len(data) - 1))
    if cut:
        machine.receive_data(data[:cut])
    assert machine.next_event() is Signal.NEED_DATA
    machine.receive_data(data[cut:])
    return machine.next_event()


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=70_000), max_size=6))
def test_no_more_is_kept_than_one_message_and_one_piece(pieces: list[bytes]) -> None:
    """A peer that goes on although it is not its turn."""
    server = TvsServerMachine()
    server.receive_data(seeds()[0])
    server.next_event()
    for piece in pieces:
        try:
            server.receive_data(piece)
        except TvsPeerError as error:
            assert error.reason is TvsReason.NOT_DRAINED  # noqa: PT017 - it need not come
        assert len(server._buffer) <= MAX_MESSAGE + len(piece)
