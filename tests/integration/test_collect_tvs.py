"""Asking TVS about many certificates: what one answer that fails means for the rest."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from ctlctl.inventory import collect_tvs
from ctlctl.inventory.collect_tvs import read_tvs
from ctlctl.inventory.readings import TvsReading
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodeSettings
from ctlctl_trust.tvs import Signal, TvsServerMachine, VerifyRequest, VerifyResponse
from support.lists import CAPF, PUB, STRANGER, TVS
from support.servers import Identity, TcpExchange, make_identity, tcp_server
from support.tlsservers import free_port

WANTED = tuple(one.encode() for one in (PUB, CAPF, STRANGER))
#: Seconds that anything here may take beyond its own limit.
SLACK = 30.0

#: Nobody has published what it means.
UNKNOWN_STATUS = VerifyResponse(session=0, status=77)

#: What a server says to a certificate; None hangs up, bytes are sent as they are.
Says = Callable[[bytes], VerifyResponse | bytes | None]


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return make_identity(tmp_path / "tvs")


def der_of(identity: Identity) -> bytes:
    return ssl.PEM_cert_to_DER_cert(identity.certificate_file.read_text())


@contextmanager
def tvs(identity: Identity, says: Says, asked: list[bytes], host: str = "127.0.0.1") -> Iterator[int]:
    def handle(exchange: TcpExchange) -> None:
        machine = TvsServerMachine()
        exchange.sock.settimeout(SLACK)
        while (event := machine.next_event()) is Signal.NEED_DATA:
            machine.receive_data(exchange.sock.recv(65536))
        if not isinstance(event, VerifyRequest):
            return
        asked.append(event.certificate)
        answer = says(event.certificate)
        if isinstance(answer, VerifyResponse):
            answer = machine.send(VerifyResponse(session=event.session, status=answer.status, roles=answer.roles))
        if answer:
            exchange.send(answer)

    with tcp_server(handle, identity.context, host) as port:
        yield port


def node(name: str, port: int, host: str = "127.0.0.1") -> NodeSettings:
    return NodeSettings.model_validate({"name": name, "host": host, "ports": {"tvs": port}})


def known(_: bytes) -> VerifyResponse:
    return VerifyResponse(session=0, status=0, roles=(0, 4))


def reading(der: bytes, *, is_known: bool, roles: tuple[int, ...] = ()) -> TvsReading:
    return TvsReading(sha256(der).hexdigest(), is_known, roles)


def test_readings(identity: Identity) -> None:
    asked: list[bytes] = []

    def says(der: bytes) -> VerifyResponse:
        return known(der) if der == WANTED[0] else VerifyResponse(session=0, status=1)

    with tvs(identity, says, asked) as port:
        rows = list(read_tvs("hq", [node("pub", port), node("off", 0)], [der_of(identity)], WANTED))
    expected = (reading(WANTED[0], is_known=True, roles=(0, 4)), *(reading(one, is_known=False) for one in WANTED[1:]))
    assert rows == [("pub", expected)]
    assert asked == list(WANTED)


def test_nobody_to_be_believed_is_asked(identity: Identity) -> None:
    asked: list[bytes] = []
    with tvs(identity, known, asked) as port:
        ((_, fault),) = read_tvs("hq", [node("pub", port)], [TVS.encode()], WANTED)
    assert isinstance(fault, Fault)
    assert (fault.kind, asked) == ("tls", [])


@pytest.mark.parametrize("answer", [None, b"\xff" * 20, UNKNOWN_STATUS])
def test_an_answer_that_is_none_leaves_that_certificate_out(
    identity: Identity, answer: VerifyResponse | bytes | None
) -> None:
    """A server may close on what it does not understand: of the other certificates it can still tell."""
    asked: list[bytes] = []

    def says(der: bytes) -> VerifyResponse | bytes | None:
        return answer if der == WANTED[0] else known(der)

    with tvs(identity, says, asked) as port:
        ((_, readings),) = read_tvs("hq", [node("pub", port)], [der_of(identity)], WANTED)
    assert readings == tuple(reading(one, is_known=True, roles=(0, 4)) for one in WANTED[1:])
    assert asked == list(WANTED)


@pytest.mark.parametrize(
    ("answer", "kind"), [(None, "refused"), (b"\xff" * 20, "protocol"), (UNKNOWN_STATUS, "protocol")]
)
def test_no_answer_at_all_is_a_fault(identity: Identity, answer: VerifyResponse | bytes | None, kind: str) -> None:
    with tvs(identity, lambda _: answer, []) as port:
        ((_, fault),) = read_tvs("hq", [node("pub", port)], [der_of(identity)], WANTED)
    assert isinstance(fault, Fault)
    assert fault.kind == kind


def test_a_node_that_is_gone_is_asked_once_and_keeps_nobody_waiting(identity: Identity) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(tvs(identity, known, []))
        nodes = [node("gone", free_port()), node("pub", port)]
        rows = dict(read_tvs("hq", nodes, [der_of(identity)], WANTED))
    fault, readings = rows["gone"], rows["pub"]
    assert isinstance(fault, Fault)
    assert fault.kind == "unreachable"
    assert "Cisco Trust Verification Service" in fault.advice
    assert isinstance(readings, tuple)
    assert len(readings) == len(WANTED)


def test_a_node_that_says_nothing_takes_one_question_s_time(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect_tvs, "QUESTION_SECONDS", 2.0)
    asked: list[bytes] = []

    def says(_: bytes) -> None:
        time.sleep(3)

    with tvs(identity, says, asked) as port:
        ((_, fault),) = read_tvs("hq", [node("pub", port)], [der_of(identity)], WANTED)
    assert isinstance(fault, Fault)
    assert (fault.kind, len(asked)) == ("timeout", 1)


def test_a_slow_node_does_not_take_for_ever(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect_tvs, "NODE_SECONDS", 0.1)
    asked: list[bytes] = []

    def says(der: bytes) -> VerifyResponse:
        time.sleep(0.2)
        return known(der)

    with tvs(identity, says, asked) as port:
        ((_, fault),) = read_tvs("hq", [node("pub", port)], [der_of(identity)], WANTED)
    assert isinstance(fault, Fault)
    assert (fault.kind, len(asked)) == ("timeout", 1)
    assert "1 of 3 questions answered" in fault.detail
