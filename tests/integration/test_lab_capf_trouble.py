"""CAPF of a running lab in trouble: clients that break off, crowds, faults; and capfc's own bytes."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from hashlib import sha256

import pytest

from ctlctl_capf import CapfPeerError, Result
from ctlctl_capf.frame import Command, WireReason, decode_frame
from ctlctl_lab.model import (
    BY_NULL,
    BY_STRING,
    SERVICE_CAPF,
    TVS,
    Phone,
)
from ctlctl_lab.run import RunningLab
from ctlctl_lab.switches import turn_on
from support.capf import frames, said
from support.capfclient import Client, capf_socket
from support.capflab import PENDING, ended, host, mend, order, phone_where, status, wait
from support.runninglab import small_lab

DAY = 86_400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> Iterator[RunningLab]:
    """The module's lab, healthy before and after."""
    yield running
    mend(running)


@pytest.fixture
def phone(lab: RunningLab) -> Phone:
    """A modern phone with LSC and MIC. It stays where it is: these tests go to CAPF in its name."""
    return phone_where(lab, lambda each: each.lsc is not None and each.kind.ec)


class TestBreaking:
    def test_the_third_break_is_a_failure(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        for count in (1, 2):
            with pytest.raises((OSError, CapfPeerError)):
                Client(host(lab), phone.name, before_key=ssl.SSLSocket.close).go()
            wait(lambda count=count: phone.capf.broken == count)  # type: ignore[misc]  # a value, kept in the lambda
            assert status(phone) == PENDING
        with pytest.raises((OSError, CapfPeerError)):
            Client(host(lab), phone.name, before_key=ssl.SSLSocket.close).go()
        wait(lambda: status(phone) == ended("Upgrade Failed: Phone Communication Failure"))
        order(lab, phone)
        assert phone.capf.broken == 0

    def test_an_lsc_that_was_issued_and_not_taken_is_stale(self, lab: RunningLab, phone: Phone) -> None:
        def leave(sock: ssl.SSLSocket) -> bool:
            sock.close()
            return True

        order(lab, phone)
        with pytest.raises((OSError, CapfPeerError)):
            Client(host(lab), phone.name, before_stored=leave).go()
        wait(lambda: phone.name in lab.world.cluster.stale_lscs)
        assert Client(host(lab), phone.name).go().result is Result.INSTALLED
        wait(lambda: phone.name not in lab.world.cluster.stale_lscs)


def frame(command: int, body: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a frame of session 0, which is never the lab's."""
    return bytes((85, command)) + bytes(4) + (len(body) if length is None else length).to_bytes(2) + body


class TestNonsense:
    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.0\r\n\r\n",
            b"\0" * 300,
            frame(Command.AUTH_RESPONSE),
            frame(Command.AUTH_RESPONSE, b"\1" * 40),
            frame(Command.AUTH_RESPONSE, length=0xFFFF) + b"x" * 0xFFFF,
            frame(Command.STORE_CERTIFICATE_RESPONSE, bytes((1, 0, 1, 1))),
            frame(Command.SIGN_CERTIFICATE_REQUEST),
            frame(255),
        ],
    )
    def test_ends_its_own_session(self, lab: RunningLab, phone: Phone, data: bytes) -> None:
        order(lab, phone)
        with capf_socket(host(lab)) as sock:
            assert sock.recv(4096)
            heard = b""
            with suppress(OSError):
                sock.sendall(data)
                while more := sock.recv(4096):
                    heard += more
        # What is said of anything that is not liked, if there is time to say it.
        assert heard[:2] in {b"", bytes((85, Command.END_SESSION))}
        assert heard[8:] in {b"", bytes((1, 0, 1, WireReason.INVALID))}
        assert (status(phone), phone.capf.broken) == (PENDING, 0)
        assert Client(host(lab), phone.name).go().result is Result.INSTALLED


class TestCrowds:
    def test_who_is_one_too_many_is_sent_away(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        lab.services.capf.most_sessions = 2
        with ExitStack() as held:
            for _ in range(2):
                # Slow clients: they have heard the question, and say nothing.
                assert held.enter_context(capf_socket(host(lab))).recv(4096)
            outcome = Client(host(lab), phone.name).go()
            assert (outcome.result, outcome.retry_after) == (Result.RETRY_LATER, 30)
            assert status(phone) == PENDING
            for _ in range(2):
                assert held.enter_context(capf_socket(host(lab))).recv(4096)
            with pytest.raises(OSError):  # noqa: PT011 - OpenSSL's words differ by release
                capf_socket(host(lab))
        wait(lambda: lab.services.capf.connections == 0)
        assert Client(host(lab), phone.name).go().result is Result.INSTALLED

    def test_slow_clients_hold_up_neither_capf_nor_anything_else(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        with ExitStack() as held:
            for _ in range(270):
                held.enter_context(socket.create_connection((host(lab), 3804), 10))
            # More than there are threads for the other services.
            wait(lambda: lab.services.capf.connections == 270)
            assert Client(host(lab), phone.name).go().result is Result.INSTALLED
            with socket.create_connection((host(lab), 6970), 10) as http:
                http.sendall(b"HEAD /CTLFile.tlv HTTP/1.0\r\n\r\n")
                assert http.recv(4096).startswith(b"HTTP/1.1 200")


class TestFaults:
    def test_a_service_that_is_stopped_takes_nobody_and_breaks_off_what_it_has(
        self, lab: RunningLab, phone: Phone
    ) -> None:
        order(lab, phone)

        def stop(_: ssl.SSLSocket) -> None:
            lab.world.stop_service("lab-pub", SERVICE_CAPF)

        with capf_socket(host(lab)) as idle:
            assert idle.recv(4096)
            with pytest.raises((OSError, CapfPeerError)):
                Client(host(lab), phone.name, before_key=stop).go()
            # Long before its time is over.
            with suppress(ConnectionResetError, ssl.SSLEOFError):
                assert idle.recv(4096) == b""

        def refused() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex((host(lab), 3804)) != 0

        wait(refused)
        # That was not the phone's doing.
        assert (status(phone), phone.capf.broken) == (PENDING, 0)
        lab.world.start_service("lab-pub", SERVICE_CAPF)
        wait(lambda: not refused())
        assert Client(host(lab), phone.name).go().result is Result.INSTALLED

    def test_stall(self, lab: RunningLab) -> None:
        turn_on(lab.world, "capf-stall", "lab-pub")
        with capf_socket(host(lab)) as sock:
            sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                sock.recv(1)

    @pytest.mark.parametrize("message", ["auth", "key", "store", "end"])
    def test_half_a_message(self, lab: RunningLab, phone: Phone, message: str) -> None:
        # No new one ends then.
        known = phone.lsc_valid_until = 1
        order(lab, phone)
        turn_on(lab.world, "capf-half", f"lab-pub={message}")
        with pytest.raises(CapfPeerError) as caught:
            Client(host(lab), phone.name).go()
        assert caught.value.reason == "cut-off"
        # The client has said that it is stored: only the last word is missing.
        done = message == "end"
        assert status(phone) == (ended("Upgrade Success") if done else PENDING)
        assert phone.capf.broken == 0
        assert (phone.lsc_valid_until == known) is not done
        assert (phone.name in lab.world.cluster.stale_lscs) is (message == "store")

    def test_another_certificate(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        turn_on(lab.world, "swapped", "lab-pub:capf=TVS")
        client = Client(host(lab), phone.name)
        # A client that believes anything gets an LSC, of an issuer that is not who presented itself.
        with pytest.raises(CapfPeerError, match="signed the new certificate"):
            client.go()
        assert client.capf == sha256(lab.world.cluster.publisher.identities[TVS].der).hexdigest()

    def test_a_poisoned_family_fails_and_no_other(self, lab: RunningLab, phone: Phone) -> None:
        other = phone_where(lab, lambda each: each.kind.short[3:5] != phone.kind.short[3:5])
        words = "Upgrade Failed: Key Generation Failed/Timeout"
        turn_on(lab.world, "capf-poison", f"{phone.kind.short[3:5]}xx={words}")
        for each in (phone, other):
            order(lab, each)
        for _ in range(2):
            assert Client(host(lab), phone.name).go().result is Result.REFUSED
            assert status(phone) == ended(words)
            order(lab, phone)
        assert Client(host(lab), other.name).go().result is Result.INSTALLED

    @pytest.mark.parametrize(
        "words",
        [
            "Upgrade Failed: Invalid Credentials",
            "Upgrade Failed: CA Rejected Connection",
            "Upgrade Failed: Phone Communication Failure",
        ],
    )
    def test_a_scripted_failure_strikes_once(self, lab: RunningLab, phone: Phone, words: str) -> None:
        order(lab, phone)
        turn_on(lab.world, "capf-failure", f"{phone.name}={words}")
        assert Client(host(lab), phone.name).go().result is Result.REFUSED
        assert status(phone) == ended(words)
        order(lab, phone)
        assert Client(host(lab), phone.name).go().result is Result.INSTALLED


class Capfc:
    """capfc, as far as its bytes in a transcript go: said whatever it hears, in the session that it is given."""

    def __init__(self, name: str) -> None:
        self.says = list(frames(said(name, "C")))

    def go(self, host: str) -> list[tuple[Command, bytes]]:
        """Hold the session, and return what the server says: command and body."""
        heard: list[tuple[Command, bytes]] = []
        with capf_socket(host) as sock:
            data = b""
            while True:
                while len(data) < 8 or len(data) < 8 + int.from_bytes(data[6:8]):
                    more = sock.recv(4096)
                    if not more:
                        return heard
                    data += more
                frame = decode_frame(data)
                heard.append((frame.command, data[8:]))
                session, data = data[2:6], b""
                if frame.command is Command.END_SESSION:
                    return heard
                # The announcement and the key come in one go.
                count = 2 if frame.command is Command.KEY_GENERATE_REQUEST else 1
                for _ in range(count):
                    said_then = self.says.pop(0)
                    sock.sendall(said_then[:2] + session + said_then[6:])


@pytest.mark.parametrize(
    ("name", "string", "bits", "words"),
    [
        ("02_install_rsa2048_nopassword", "", 2048, "Upgrade Success"),
        ("04_install_rsa1024_password", "123456", 1024, "Upgrade Success"),
        ("05_install_wrong_password", "123456", 1024, "Upgrade Failed: Invalid Authentication String"),
    ],
)
def test_capfc_s_own_bytes_are_served(
    lab: RunningLab, phone: Phone, name: str, string: str, bits: int, words: str
) -> None:
    """The independent client, from the transcripts, by the name that it gives there."""
    order(lab, phone, BY_STRING if string else BY_NULL, string=string)
    lab.world.cluster.profiles[phone.profile].key_size = bits
    phones = lab.world.cluster.phones
    phones["SEP001122334455"] = phone
    try:
        heard = Capfc(name).go(host(lab))
    finally:
        del phones["SEP001122334455"]
    good = words.endswith("Success")
    assert [command for command, _ in heard] == [
        Command.AUTH_REQUEST,
        *([Command.KEY_GENERATE_REQUEST, Command.STORE_CERTIFICATE_REQUEST] if good else []),
        Command.END_SESSION,
    ]
    assert heard[-1][1] == bytes((1, 0, 1, 1 if good else 7))
    wait(lambda: status(phone) == ended(words))
