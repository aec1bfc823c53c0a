"""Every shared TVS transcript replays, on both sides, and is written back byte for byte.

00 is a genuine conversation of which the document prints the first 50 bytes of each message; the rest of the request
is reconstructed, and the certificate of the response is filled up here. 01 to 03 are the independent tvsc and tvsd.
"""

from dataclasses import dataclass

import pytest

from ctlctl_trust import read_certificate
from ctlctl_trust.tlv import Role
from ctlctl_trust.tvs import (
    Dialect,
    Frame,
    Message,
    QueryRequest,
    QueryResponse,
    Request,
    Signal,
    TvsClientMachine,
    TvsPeerError,
    TvsReason,
    TvsServerMachine,
    VerifyRequest,
    VerifyResponse,
    decode,
    decode_frame,
    encode,
    known_roles,
    role_words,
)
from support.vectors import shared

GENUINE = "tvs/00_cisco_doc213407_query_reconstructed.hex"
TWO_ROLES, APP, UNKNOWN = "tvs/01_valid_two_roles.hex", "tvs/02_valid_app.hex", "tvs/03_unknown.hex"
RAW_QUERY, RAW_EMPTY = "tvs/20_raw_query_request.hex", "tvs/21_raw_empty_verify.hex"


@dataclass(frozen=True, slots=True)
class Transcript:
    asked: bytes
    answered: bytes


def transcript(name: str) -> Transcript:
    """Read a file: what stands below "C>S" and below "S>C"."""
    sides = {"C>S": b"", "S>C": b""}
    side = ""
    for line in shared(name).decode().splitlines():
        if line.startswith("#"):
            word = line.removeprefix("#").strip()[:3]
            side = word if word in sides else side
        else:
            sides[side] += bytes.fromhex(line)
    return Transcript(sides["C>S"], sides["S>C"])


def genuine() -> Transcript:
    found = transcript(GENUINE)
    # The document's 1,451 bytes of certificate are there up to byte 50; its size is what the lengths say.
    start, tail = found.answered[:50], found.answered[50:]
    return Transcript(found.asked, start + bytes(1480 - 50 - len(tail)) + tail)


def replay(found: Transcript, size: int) -> tuple[Message, Message]:
    """Let our two sides hold the conversation of a transcript, fed in pieces, and return what was said."""
    server, client = TvsServerMachine(), TvsClientMachine()
    request = feed(server, found.asked, size)
    assert isinstance(request, VerifyRequest | QueryRequest)
    assert client.send(request) == found.asked
    response = feed(client, found.answered, size)
    assert isinstance(response, VerifyResponse | QueryResponse)
    assert server.send(response) == found.answered
    assert server.next_event() is Signal.CLOSED
    assert client.next_event() is Signal.CLOSED
    return request, response


def feed(machine: TvsServerMachine | TvsClientMachine, data: bytes, size: int) -> Message:
    for place in range(0, len(data), size):
        assert machine.next_event() is Signal.NEED_DATA
        machine.receive_data(data[place : place + size])
    event = machine.next_event()
    assert not isinstance(event, Signal)
    return event


PIECES = pytest.mark.parametrize("size", [1, 7, 1 << 20])


@PIECES
def test_genuine_query(size: int) -> None:
    request, response = replay(genuine(), size)
    assert request == QueryRequest(
        session=1001,
        device="CP-8861-SEPB000B4BA0AEE",
        subject="CN=ucm11pub.stormin.local;OU=IST;O=Stormin;L=Brisbane;ST=QLD;C=AU",
        issuer="CN=stormin-WIN2012-CA",
        serial=bytes.fromhex("24000000179479b8f124ac3f3b000000000017"),
    )
    assert isinstance(response, QueryResponse)
    assert (response.session, response.known, response.ttl, response.reserved) == (1001, True, 86_400, 0xF7)
    assert known_roles(response.roles) == {Role.SAST, Role.TFTP}
    assert response.certificate is not None
    assert len(response.certificate) == 1451


@PIECES
@pytest.mark.parametrize(
    ("name", "roles", "ttl", "common_name"),
    [
        (TWO_ROLES, ("SAST", "CCM"), 86_400, "cucm-pub.example.test"),
        (APP, ("APP-SERVER",), 3600, "app.example.test"),
        (UNKNOWN, (), None, "tftp.example.test"),
    ],
)
def test_verify(name: str, roles: tuple[str, ...], ttl: int | None, common_name: str, size: int) -> None:
    request, response = replay(transcript(name), size)
    assert isinstance(request, VerifyRequest)
    assert (request.session, request.device) == (1, "CP-8861-SEP001122334455")
    assert read_certificate(request.certificate).common_name == common_name
    assert isinstance(response, VerifyResponse)
    assert response.known is (ttl is not None)
    assert (role_words(response.roles), response.ttl) == (roles, ttl)


@pytest.mark.parametrize("name", [TWO_ROLES, APP, UNKNOWN, GENUINE])
def test_written_back(name: str) -> None:
    found = genuine() if name == GENUINE else transcript(name)
    for data in (found.asked, found.answered):
        assert decode_frame(data).encode() == data
        assert encode(decode(data)) == data


@PIECES
@pytest.mark.parametrize("name", [RAW_QUERY, RAW_EMPTY])
def test_requests_that_lack_something_are_not_answered(name: str, size: int) -> None:
    """As frames they are well-formed; the independent tvsd closes the connection, and so does who runs our machine."""
    data = transcript(name).asked
    assert decode_frame(data).encode() == data
    server = TvsServerMachine()
    with pytest.raises(TvsPeerError) as caught:
        feed(server, data, size)
    assert caught.value.reason is TvsReason.MISSING_ELEMENT


def test_the_client_of_one_who_is_not_answered() -> None:
    request = decode(genuine().asked)
    assert isinstance(request, QueryRequest)
    client = TvsClientMachine()
    client.send(request)
    client.receive_data(b"")
    with pytest.raises(TvsPeerError) as caught:
        client.next_event()
    assert caught.value.reason is TvsReason.UNANSWERED


def test_other_tags_for_what_is_inferred() -> None:
    """If issuer and serial number turn out to have other tags, a setting follows."""
    data = genuine().asked
    frame = decode_frame(data)
    swapped = Frame(frame.command, frame.session, (*frame.elements[:2], frame.elements[3], frame.elements[2]))
    moved = Frame(
        frame.command,
        frame.session,
        tuple(type(each)({4: 6, 5: 10}.get(each.tag, each.tag), each.value) for each in frame.elements),
    )
    dialect = Dialect(issuer_tag=6, serial_tag=10)
    plain = decode(data)
    assert decode(swapped.encode()) == plain
    assert decode(moved.encode(), dialect) == plain
    assert encode(plain, dialect) == moved.encode()
    requests: tuple[type[Request], ...] = (QueryRequest,)
    assert isinstance(plain, requests)
