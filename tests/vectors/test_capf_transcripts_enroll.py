"""`ctlctl capf enroll` hears, over TLS, what capfd said in the transcripts, and understands what follows from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.capf import SERVER, frames, said
from support.capfserver import CAPF, NAME, CapfService, anchor_file, capf_service, string_file
from support.command import Done, ctlctl
from support.servers import TcpExchange, tcp_server


def replay(name: str, size: int) -> Callable[[TcpExchange], None]:
    """Return a handler that says capfd's part, a message for each of the client's turns, in pieces."""

    def handle(exchange: TcpExchange) -> None:
        for number, frame in enumerate(frames(said(name, SERVER))):
            if number and not exchange.sock.recv(65536):
                return
            for place in range(0, len(frame), size):
                exchange.sock.sendall(frame[place : place + size])
        exchange.sock.recv(1)

    return handle


@contextmanager
def capfd(folder: Path, name: str, size: int) -> Iterator[int]:
    with tcp_server(replay(name, size), CapfService().context(folder)) as port:
        yield port


def enroll(folder: Path, port: int, *more: object) -> Done:
    words = ("--server", f"127.0.0.1:{port}", "--name", NAME, "--out", folder / "out", "--timeout", "60")
    return ctlctl("capf", "enroll", *words, "--trust-anchor", anchor_file(folder, CAPF), *more)


@pytest.mark.parametrize("size", [1 << 16, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("01_unknown_device", 4, "does not know"),
        ("03_noop", 4, "nothing to do"),
        ("05_install_wrong_password", 4, "reason 7"),
        ("10_install_by_certificate_no_lsc", 4, "reason 7"),
        ("04_install_rsa1024_password", 4, "RSA-1024"),
        ("11_fetch", 4, "wants to fetch"),
        ("13_delete", 4, "wants to delete"),
        # What capfd issued is of the key of its client then.
        ("02_install_rsa2048_nopassword", 1, "is not of the key that was made"),
        ("06_install_ec_secp256r1", 1, "is not of the key that was made"),
        ("23_raw_wrong_protocol", 4, "reason 7"),
    ],
)
def test_what_capfd_said(tmp_path: Path, name: str, code: int, words: str, size: int) -> None:
    with capfd(tmp_path, name, size) as port:
        done = enroll(tmp_path, port, "--auth-string-file", string_file(tmp_path))
    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.err
    assert not (tmp_path / "out" / "key.pem").exists()


def test_capfd_deletes(tmp_path: Path) -> None:
    with capf_service(tmp_path) as service:
        assert enroll(tmp_path, service.port, "--auth-string-file", string_file(tmp_path)).code == 0
    with capfd(tmp_path, "13_delete", 1 << 16) as port:
        done = enroll(tmp_path, port, "--delete")
    assert (done.code, done.err) == (0, "")
    assert not (tmp_path / "out" / "key.pem").exists()


def test_capfd_says_success_of_a_deletion_that_was_none(tmp_path: Path) -> None:
    """It says so whatever the client says; nothing was there to be deleted, and the command says that."""
    with capfd(tmp_path, "14_delete_missing", 1 << 16) as port:
        done = enroll(tmp_path, port, "--delete", "--auth-string-file", string_file(tmp_path))
    assert (done.code, done.out) == (3, "")
    assert "no credential" in done.err
