"""`ctlctl verify` and `trustlist fetch` on lists that a TFTP or HTTP server gives out."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from support.command import AT, codes, ctlctl
from support.servers import TcpExchange, http_server, make_identity, serve_file, tftp_server
from support.vectors import OWN

FILES = OWN / "files"
Serve = Callable[[bytes], AbstractContextManager[Callable[[str], str]]]
CTL = (FILES / "good" / "CTLFile.tlv").read_bytes()


@contextmanager
def over_tftp(content: bytes) -> Iterator[Callable[[str], str]]:
    with tftp_server(lambda exchange: serve_file(exchange, content, 1428)) as port:
        yield lambda name: f"tftp://127.0.0.1:{port}/{name}"


def answer(content: bytes, status: str = "200 OK") -> Callable[[TcpExchange], None]:
    def handle(exchange: TcpExchange) -> None:
        exchange.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)

    return handle


@contextmanager
def over_http(content: bytes, status: str = "200 OK") -> Iterator[Callable[[str], str]]:
    with http_server(answer(content, status)) as port:
        yield lambda name: f"http://127.0.0.1:{port}/{name}"


@pytest.mark.parametrize("serve", [over_tftp, over_http])
class TestBothTransports:
    def test_a_good_list(self, serve: Serve) -> None:
        with serve(CTL) as address:
            for name in ("CTLFile.tlv", "CTLSEP001122334455.tlv"):
                done = ctlctl("verify", address(name), "--at", AT, "-o", "json")
                assert (done.code, done.err) == (0, "")
                assert done.results[0]["target"] == address(name)
                assert done.results[0]["size"] == len(CTL)

    def test_another_list_under_that_name(self, serve: Serve) -> None:
        with serve(CTL) as address:
            done = ctlctl("verify", address("ITLFile.tlv"), "--at", AT, "-o", "json")
        assert done.code == 1
        assert "filename" in codes(done.results[0])

    def test_another_phones_file(self, serve: Serve) -> None:
        content = (FILES / "sgn" / "SEP001122334455.cnf.xml.sgn").read_bytes()
        words = ("--trust-list", FILES / "good" / "CTLFile.tlv", "--at", AT, "-o", "json")
        with serve(content) as address:
            assert ctlctl("verify", address("SEP001122334455.cnf.xml.sgn"), *words).code == 0
        with serve(content) as address:
            done = ctlctl("verify", address("SEP665544332211.cnf.xml.sgn"), *words)
        assert done.code == 1
        assert "filename" in codes(done.results[0])

    def test_an_empty_list(self, serve: Serve) -> None:
        with serve(b"") as address:
            done = ctlctl("verify", address("CTLFile.tlv"), "-o", "json")
        assert done.code == 1
        assert codes(done.results[0]) == {"empty"}

    def test_an_anchor_from_a_server(self, serve: Serve) -> None:
        with serve(CTL) as address:
            words = ("--trust-anchor", address("CTLFile.tlv"), "--at", AT, "-o", "json")
            done = ctlctl("verify", FILES / "good" / "ITLFile.tlv", *words)
        assert done.json["verdict"] == "valid"

    def test_fetch_saves_what_came(
        self,
        serve: Serve,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with serve(CTL) as address:
            done = ctlctl("trustlist", "fetch", address("CTLSEP001122334455.tlv"))
            assert done.code == 0
            assert (tmp_path / "CTLSEP001122334455.tlv").read_bytes() == CTL
            again = ctlctl("trustlist", "fetch", address("CTLSEP001122334455.tlv"))
            assert again.code == 3
            assert "--force" in again.err
            assert (
                ctlctl("trustlist", "fetch", address("x.tlv"), "--out", "CTLSEP001122334455.tlv", "--force").code == 0
            )


class TestWhatGoesWrong:
    def test_nobody_there(self) -> None:
        done = ctlctl("verify", "http://127.0.0.1:9/CTLFile.tlv", "--timeout", "3")
        assert done.code == 3
        assert "undecided: unreachable" in done.out
        assert "127.0.0.1:9" in done.out

    def test_no_such_file(self, tmp_path: Path) -> None:
        with over_http(b"gone", "404 Not Found") as address:
            done = ctlctl("verify", address("CTLFile.tlv"))
            saved = ctlctl("trustlist", "fetch", address("CTLFile.tlv"), "--out", tmp_path / "x")
        assert (done.code, saved.code) == (3, 3)
        assert not (tmp_path / "x").exists()

    def test_too_much(self) -> None:
        with over_http(bytes(4 * 1024 * 1024 + 1)) as address:
            done = ctlctl("verify", address("CTLFile.tlv"), "-o", "json")
        assert done.code == 1
        assert codes(done.results[0]) == {"too-large"}

    def test_a_server_that_proves_nothing(self, tmp_path: Path) -> None:
        identity = make_identity(tmp_path)
        with http_server(answer(CTL), identity.context) as port:
            address = f"https://127.0.0.1:{port}/CTLFile.tlv"
            done = ctlctl("verify", address)
            assert done.code == 3
            assert "--tls-pin" in done.out
        with http_server(answer(CTL), identity.context) as port:
            address = f"https://127.0.0.1:{port}/CTLFile.tlv"
            assert ctlctl("verify", address, "--tls-pin", identity.fingerprint.hex(":"), "--at", AT).code == 0

    @pytest.mark.parametrize(
        "address",
        ["tftp://", "tftp://host", "http://u:p@host/x", "http://host/../x", "http://host/x?y", "https://host:99999/x"],
    )
    def test_addresses_that_are_none(self, address: str) -> None:
        done = ctlctl("verify", address)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert ctlctl("trustlist", "fetch", address).code == 2

    def test_fetch_needs_an_address(self) -> None:
        assert ctlctl("trustlist", "fetch", "CTLFile.tlv").code == 2
