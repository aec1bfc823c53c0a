"""Fetching from the TFTP servers that Debian has: tftp-hpa's in.tftpd, and dnsmasq."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctlctl.connectors import FetchError, FetchFault, FetchLimits, FetchTarget, fetch
from ctlctl.connectors.tftp_packets import Ack, Error, OptionAck, ReadRequest, decode, encode
from ctlctl.connectors.tftp_protocol import Completed, ReadClient
from support.programs import require_program, require_root

FILES = {
    "CTLFile.tlv": bytes(range(256)) * 40,
    "New_Zealand/g3-tones.xml.sgn": b"tones",
    "empty.tlv": b"",
    "one-block.tlv": b"x" * 1428,
    "plain-block.tlv": b"y" * 512,
    "600K.tlv": bytes(range(256)) * 2400,
}
# 65,540 blocks of 8 bytes: just past the roll-over, as it is slow to get there.
ROLLOVER_FILE = "rollover.tlv"
ROLLOVER_CONTENT = bytes(range(256)) * 2048 + b"a few blocks past the roll-over"

LIMITS = FetchLimits(deadline_seconds=60.0)
# Seconds a server may take to start on a busy machine.
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Server:
    host: str
    port: int

    def get(self, name: str, limits: FetchLimits = LIMITS) -> bytes:
        return fetch(FetchTarget("tftp", self.host, self.port, name), limits)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tftp") / "root"
    for name, content in {**FILES, ROLLOVER_FILE: ROLLOVER_CONTENT, "secret.tlv": b"secret"}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        # in.tftpd hands out what everybody may read.
        path.chmod(0o600 if name == "secret.tlv" else 0o644)
        path.parent.chmod(0o755)
    return directory


def own_address() -> str:
    """Pick an address of the loopback network that no other test uses: the port cannot always be chosen."""
    return "127." + ".".join(str(1 + secrets.randbelow(253)) for _ in range(3))


@contextmanager
def running(command: list[str], server: Server) -> Iterator[Server]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        give_up = time.monotonic() + START_SECONDS
        while not is_answering(server):
            if process.poll() is not None or time.monotonic() > give_up:
                process.kill()
                pytest.fail(f"{command[0]} does not start: {process.communicate()[0]!r}")
            time.sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=30)


def is_answering(server: Server) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.sendto(encode(ReadRequest("no such file")), (server.host, server.port))
        with suppress(OSError):
            return isinstance(decode(sock.recv(1000)), Error)
    return False


@pytest.fixture(scope="module")
def tftpd(root: Path) -> Iterator[Server]:
    program = require_program("in.tftpd", "tftpd-hpa")
    require_root("in.tftpd changes its root directory")
    server = Server(own_address(), 6969)
    address = f"{server.host}:{server.port}"
    with running([program, "--foreground", "--listen", "--address", address, "--secure", str(root)], server):
        yield server


@pytest.fixture(scope="module")
def dnsmasq(root: Path) -> Iterator[Server]:
    program = require_program("dnsmasq", "dnsmasq-base")
    require_root("dnsmasq serves TFTP on port 69 only")
    server = Server(own_address(), 69)
    options = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--bind-interfaces"]
    tftp = ["--enable-tftp", f"--tftp-root={root}", f"--listen-address={server.host}"]
    with running([program, *options, *tftp], server):
        yield server


@pytest.fixture(params=["tftpd", "dnsmasq"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_file_arrives_as_it_is(server: Server, name: str) -> None:
    assert server.get(name) == FILES[name]


@pytest.mark.parametrize("block_bytes", [16, 512, 8192, 65464])
def test_every_block_size_works(server: Server, block_bytes: int) -> None:
    limits = FetchLimits(deadline_seconds=60.0, tftp_block_bytes=block_bytes)
    assert server.get("CTLFile.tlv", limits) == FILES["CTLFile.tlv"]


def test_a_file_that_is_not_there_is_not_found(server: Server) -> None:
    with pytest.raises(FetchError) as caught:
        server.get("CTLSEP000000000000.tlv")
    assert caught.value.fault is FetchFault.NOT_FOUND


def test_a_file_above_the_cap_is_refused_by_its_announced_size(server: Server) -> None:
    with pytest.raises(FetchError, match="announces 614400 bytes") as caught:
        server.get("600K.tlv", FetchLimits(max_bytes=600_000))
    assert caught.value.fault is FetchFault.TOO_LARGE


def test_a_file_that_is_kept_back_is_an_error_in_the_servers_words(tftpd: Server) -> None:
    with pytest.raises(FetchError, match="Permission denied"):
        tftpd.get("secret.tlv")


def test_in_tftpd_goes_on_with_0_after_the_last_block_number(tftpd: Server) -> None:
    assert tftpd.get(ROLLOVER_FILE, FetchLimits(deadline_seconds=60.0, tftp_block_bytes=8)) == ROLLOVER_CONTENT


def test_in_tftpd_goes_on_with_1_where_it_is_told_to(tftpd: Server) -> None:
    """What follows block 65535 is for in.tftpd's own option `rollover` to say.

    The client does not know that option (no RFC has it), so it is put in its request and taken out of the
    answer on the way.
    """
    client = ReadClient(ROLLOVER_FILE, FetchLimits(tftp_block_bytes=8), 0.0)
    (first,) = client.datagrams_to_send()
    request = decode(first)
    assert isinstance(request, ReadRequest)
    extra = ("rollover", "1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(30.0)
        asked = ReadRequest(request.filename, request.mode, (*request.options, extra))
        sock.sendto(encode(asked), (tftpd.host, tftpd.port))
        datagram, transfer = sock.recvfrom(600)
        answer = decode(datagram)
        assert isinstance(answer, OptionAck)
        assert extra in answer.options
        datagram = encode(OptionAck(tuple(option for option in answer.options if option != extra)))
        sock.connect(transfer)
        low = []
        while True:
            events = client.receive(datagram, 0.0)
            for reply in client.datagrams_to_send():
                sock.send(reply)
                if client.state.name == "RECEIVING" and reply[2:] <= b"\x00\x02":
                    low.append(decode(reply))
            # A block that came twice, because this process was slow to acknowledge it, is no event.
            if events and isinstance(events[-1], Completed):
                break
            datagram = sock.recv(600)
    assert events[-1] == Completed(ROLLOVER_CONTENT)
    # The low block numbers that were acknowledged: once from the start, once after the roll-over.
    assert low == [Ack(1), Ack(2), Ack(1), Ack(2)]
