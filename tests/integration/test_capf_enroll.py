"""`ctlctl capf enroll` against a CAPF on a socket: what is got, what is refused, and that the old stays whole."""

import os
import resource
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from ctlctl_capf.elements import Curve, KeyOrder
from ctlctl_capf.outcome import Operation, Result
from ctlctl_capf.rules import AuthMode, Order
from support.capfserver import (
    CAPF,
    NAME,
    OTHER_CAPF,
    STRING,
    CapfService,
    anchor_file,
    capf_service,
    install,
    string_file,
)
from support.command import Done, ctlctl, program
from support.lists import draft
from support.pki import CertificatePlan, plan
from support.programs import require_program
from support.servers import TcpExchange, tcp_server


@pytest.fixture
def service(tmp_path: Path) -> Iterator[CapfService]:
    with capf_service(tmp_path) as running:
        yield running


def enroll(service: CapfService, tmp_path: Path, *more: object) -> Done:
    """Enrol by the string, with the anchor."""
    words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
    how = ("--auth-string-file", string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
    return ctlctl("capf", "enroll", *words, *how, *more)


def again(tmp_path: Path, *more: object) -> Done:
    """Work on what is in the directory."""
    return ctlctl("capf", "enroll", "--out", tmp_path / "out", *more)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return what an application would read."""
    names = ("key.pem", "certificate.pem", "chain.pem", "client.p12", "client.p12.password")
    return {name: (folder / name).read_bytes() for name in names}


def left_over(folder: Path) -> list[str]:
    """Return sets that nothing points to."""
    wanted = {str((folder / name).readlink()) for name in ("current", "previous") if (folder / name).is_symlink()}
    return [each.name for each in (folder / "sets").iterdir() if f"sets/{each.name}" not in wanted]


class TestWhatIsGot:
    @pytest.mark.parametrize(
        ("order", "label"),
        [
            (KeyOrder.rsa(2048), "RSA-2048"),
            (KeyOrder.rsa(3072), "RSA-3072"),
            (KeyOrder.ec(Curve.SECP256R1), "EC secp256r1"),
            (KeyOrder.ec(Curve.SECP521R1), "EC secp521r1"),
        ],
        ids=lambda one: one if isinstance(one, str) else "",
    )
    def test_key_certificate_and_chain_belong_together(
        self, service: CapfService, tmp_path: Path, order: KeyOrder, label: str
    ) -> None:
        service.orders[NAME] = install(order)
        done = enroll(service, tmp_path, "-o", "json")
        assert (done.code, done.err) == (0, "")
        out = tmp_path / "out"
        key = load_pem_private_key((out / "key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((out / "certificate.pem").read_bytes())
        capf = x509.load_pem_x509_certificate((out / "chain.pem").read_bytes())
        assert certificate.public_key() == key.public_key()
        certificate.verify_directly_issued_by(capf)
        assert service.issued[0].key_label == label
        told = done.json
        assert told["result"] == "enrolled"
        assert isinstance(told["certificate"], dict)
        assert told["certificate"]["key"] == label
        password = (out / "client.p12.password").read_bytes().strip()
        bundle = pkcs12.load_pkcs12((out / "client.p12").read_bytes(), password)
        assert bundle.cert is not None
        assert bundle.cert.certificate == certificate
        assert [each.certificate for each in bundle.additional_certs] == [capf]

    def test_only_the_owner_can_read_it_and_nothing_of_the_string_is_shown(
        self, service: CapfService, tmp_path: Path
    ) -> None:
        done = enroll(service, tmp_path)
        assert done.code == 0, done.err
        out = tmp_path / "out"
        assert stat.S_IMODE(out.stat().st_mode) == 0o700
        for path in out.rglob("*"):
            if not path.is_symlink():
                assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
                assert path.is_dir() or STRING.encode() not in path.read_bytes()
        assert STRING not in done.out + done.err
        assert STRING.encode() in service.heard
        assert "Next: ctlctl capf enroll --renew" in done.out
        assert service.last_result() is Result.INSTALLED

    def test_java_reads_the_keystore(self, service: CapfService, tmp_path: Path) -> None:
        keytool = require_program("keytool", "a Java run-time")
        service.orders[NAME] = install(KeyOrder.rsa(2048))
        assert enroll(service, tmp_path).code == 0
        out = tmp_path / "out"
        words = ("-list", "-v", "-keystore", out / "client.p12", "-storetype", "PKCS12")
        said = subprocess.run(
            [keytool, *words, "-storepass:file", out / "client.p12.password"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert said.returncode == 0, said.stdout + said.stderr
        assert "PrivateKeyEntry" in said.stdout
        assert f"Alias name: {NAME}" in said.stdout
        assert "Certificate chain length: 2" in said.stdout

    def test_openssl_accepts_the_chain(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        out = tmp_path / "out"
        openssl = require_program("openssl", "openssl")
        words = ("verify", "-partial_chain", "-trusted", out / "chain.pem", out / "certificate.pem")
        said = subprocess.run([openssl, *words], capture_output=True, text=True, check=False, timeout=60)
        assert said.returncode == 0, said.stderr

    def test_an_operators_password_is_not_copied_and_is_used_again(self, service: CapfService, tmp_path: Path) -> None:
        mine = tmp_path / "p12"
        mine.touch(0o600)
        mine.write_text("correct horse\n")
        assert enroll(service, tmp_path, "--p12-password-file", mine).code == 0
        out = tmp_path / "out"
        assert not os.path.lexists(out / "client.p12.password")
        assert all(b"correct horse" not in path.read_bytes() for path in out.rglob("*") if path.is_file())
        pkcs12.load_pkcs12((out / "client.p12").read_bytes(), b"correct horse")
        service.orders[NAME] = install(mode=AuthMode.LSC)
        assert again(tmp_path, "--renew", "--force").code == 0
        pkcs12.load_pkcs12((out / "client.p12").read_bytes(), b"correct horse")

    def test_a_user_is_spelled_as_the_format_says_and_that_this_is_unproven_is_said(
        self, service: CapfService, tmp_path: Path
    ) -> None:
        service.orders["recorder/cti-1"] = install()
        words = ("--server", f"127.0.0.1:{service.port}", "--out", tmp_path / "out")
        how = ("--auth-string-file", string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
        who = ("--user", "recorder", "--instance", "cti-1", "--name-format", "{user}/{instance}")
        done = ctlctl("capf", "enroll", *words, *how, *who)
        assert done.code == 0, done.err
        assert "unproven" in done.err
        assert "recorder · instance ID cti-1" in done.out
        service.orders["recorder/cti-1"] = install(mode=AuthMode.LSC)
        done = again(tmp_path, "--renew", "--force")
        assert (done.code, done.err) == (0, "")


class TestWhomToBelieve:
    def test_without_an_anchor_nothing_is_sent_and_the_fingerprint_is_shown(
        self, service: CapfService, tmp_path: Path
    ) -> None:
        words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
        done = ctlctl("capf", "enroll", *words, "--auth-string-file", string_file(tmp_path))
        assert (done.code, done.out) == (4, "")
        fingerprint = x509.load_der_x509_certificate(CAPF.encode()).fingerprint(hashes.SHA256()).hex(":").upper()
        assert fingerprint in done.err
        assert "--trust-anchor" in done.err
        assert service.heard == b""
        assert service.used == set()

    def test_a_capf_of_the_same_name_with_another_key_hears_nothing(self, tmp_path: Path) -> None:
        swapped = plan("CAPF-1234abcd", OTHER_CAPF.key_name)
        with capf_service(tmp_path, capf=swapped) as service:
            done = enroll(service, tmp_path)
        assert (done.code, done.out) == (4, "")
        assert "is not CAPF's as it is known here" in done.err
        assert service.heard == b""
        assert not (tmp_path / "out" / "key.pem").exists()

    def test_first_use_pins_and_another_is_refused_from_then_on(self, service: CapfService, tmp_path: Path) -> None:
        words = ("--name", NAME, "--out", tmp_path / "out", "--auth-string-file", string_file(tmp_path))
        done = ctlctl("capf", "enroll", "--server", f"127.0.0.1:{service.port}", *words, "--trust-on-first-use")
        assert done.code == 0, done.err
        assert "compare the fingerprint" in done.err
        old = snapshot(tmp_path / "out")
        with capf_service(tmp_path, capf=OTHER_CAPF) as other:
            server = ("--server", f"127.0.0.1:{other.port}")
            done = ctlctl("capf", "enroll", *server, *words, "--trust-on-first-use")
            assert done.code == 4
            done = again(tmp_path, *server, "--renew", "--force")
            assert done.code == 4
        assert other.heard == b""
        assert snapshot(tmp_path / "out") == old

    def test_a_trust_list_names_capf(self, service: CapfService, tmp_path: Path) -> None:
        anchors = tmp_path / "CTLFile.tlv"
        signer = plan("recovery", "rsa2048-recovery")
        anchors.write_bytes(_ctl(signer, CAPF))
        words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
        how = ("--auth-string-file", string_file(tmp_path), "--trust-list", anchors)
        stranger = anchor_file(tmp_path, OTHER_CAPF)
        done = ctlctl("capf", "enroll", *words, *how, "--trust-anchor", stranger)
        assert done.code == 4
        assert service.heard == b""
        (tmp_path / "signer.pem").write_text(ssl.DER_cert_to_PEM_cert(signer.encode()))
        done = ctlctl("capf", "enroll", *words, *how, "--trust-anchor", tmp_path / "signer.pem")
        assert done.code == 0, done.err
        assert "signed by the anchor" in done.out
        anchors.write_bytes(_ctl(signer, OTHER_CAPF))
        done = ctlctl("capf", "enroll", *words, *how)
        assert done.code == 4
        damaged = bytearray(_ctl(signer, CAPF))
        damaged[-1] ^= 1
        anchors.write_bytes(damaged)
        done = ctlctl("capf", "enroll", *words, *how)
        assert done.code == 4
        assert "ctlctl verify" in done.err


class TestWhatGoesWrong:
    """Each leaves the credential that is there as it was."""

    @pytest.fixture
    def held(self, service: CapfService, tmp_path: Path) -> dict[str, bytes]:
        assert enroll(service, tmp_path).code == 0
        service.used.clear()
        return snapshot(tmp_path / "out")

    def refused(self, done: Done, tmp_path: Path, held: dict[str, bytes], code: int, *words: str) -> None:
        assert (done.code, done.out) == (code, ""), done.err
        for word in words:
            assert word in done.err
        what, *_ = lines = done.err.splitlines()
        assert not what.startswith("ctlctl:   ")
        assert sum(line.startswith("ctlctl:   Next: ") for line in lines) == 1
        assert STRING not in done.err
        assert snapshot(tmp_path / "out") == held
        assert left_over(tmp_path / "out") == []

    def test_a_wrong_string(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        wrong = string_file(tmp_path, "0000000000")
        words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
        done = ctlctl("capf", "enroll", *words, "--auth-string-file", wrong, "--trust-anchor", anchor_file(tmp_path))
        self.refused(done, tmp_path, held, 4, "string", "good for one use")
        assert "0000000000" not in done.err
        assert [line[:16] for line in done.err.splitlines()] == [
            "ctlctl: the serv",
            "ctlctl:   at:   ",
            "ctlctl:   Next: ",
            "ctlctl:         ",
        ]
        assert f"at:   127.0.0.1:{service.port}\n" in done.err
        json = ctlctl(
            "capf", "enroll", *words, "--auth-string-file", wrong, "--trust-anchor", anchor_file(tmp_path), "-o", "json"
        )
        # Who reads JSON has one line in the log.
        assert (json.code, json.out, len(json.err.splitlines())) == (4, "", 1)

    def test_a_used_string(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        service.used.add(NAME)
        self.refused(enroll(service, tmp_path), tmp_path, held, 4, "good for one use")
        assert service.last_result() is Result.USED_STRING

    def test_a_name_that_is_not_known(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        del service.orders[NAME]
        self.refused(enroll(service, tmp_path), tmp_path, held, 4, "does not know", "--name-format")

    def test_nothing_is_ordered(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        service.orders[NAME] = Order(Operation.NONE)
        self.refused(enroll(service, tmp_path), tmp_path, held, 4, "nothing to do", "Install/Upgrade")

    @pytest.mark.parametrize("operation", [Operation.DELETE, Operation.FETCH])
    def test_something_else_is_ordered(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes], operation: Operation
    ) -> None:
        service.orders[NAME] = Order(operation, AuthMode.STRING, STRING)
        self.refused(enroll(service, tmp_path), tmp_path, held, 4, f"wants to {operation.value}")

    @pytest.mark.parametrize("fault", ["half", "vanish"])
    def test_the_server_breaks_off(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes], fault: str
    ) -> None:
        service.fault = fault
        self.refused(enroll(service, tmp_path), tmp_path, held, 3, "127.0.0.1")

    def test_no_capf_at_all(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        service.fault, heard = "http", service.heard
        self.refused(enroll(service, tmp_path), tmp_path, held, 3, "not CAPF")
        assert service.heard == heard

    @pytest.mark.parametrize("fault", ["silent", "trickle"])
    def test_time_runs_out(self, service: CapfService, tmp_path: Path, held: dict[str, bytes], fault: str) -> None:
        service.fault = fault
        self.refused(enroll(service, tmp_path, "--timeout", "1"), tmp_path, held, 3, "1 seconds")

    def test_the_server_has_no_time(self, service: CapfService, tmp_path: Path, held: dict[str, bytes]) -> None:
        service.fault, heard = "retry", service.heard
        self.refused(enroll(service, tmp_path), tmp_path, held, 3, "in 77 s")
        assert service.heard == heard

    def test_nobody_is_there(self, tmp_path: Path, held: dict[str, bytes]) -> None:
        words = ("--server", "127.0.0.1:1", "--name", NAME, "--out", tmp_path / "out", "--auth-string-file")
        done = ctlctl("capf", "enroll", *words, string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
        self.refused(done, tmp_path, held, 3, "Cisco Certificate Authority Proxy Function runs")

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ({"subject": "somebody"}, "--subject"),
            ({"age": timedelta(days=800)}, "Next: Check the clocks"),
            ({"signer": OTHER_CAPF}, "no known CAPF certificate signed"),
        ],
        ids=["name", "dates", "issuer"],
    )
    def test_what_is_issued_is_wrong(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes], state: dict[str, object], said: str
    ) -> None:
        for name, value in state.items():
            setattr(service, name, value)
        self.refused(enroll(service, tmp_path), tmp_path, held, 1, said, "not stored")
        assert service.last_result() is Result.NOT_STORED

    def test_a_key_that_is_too_small_or_another(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes]
    ) -> None:
        service.orders[NAME] = install(KeyOrder.rsa(1024))
        self.refused(enroll(service, tmp_path), tmp_path, held, 4, "RSA-1024", "2048")
        service.used.clear()
        service.orders[NAME] = install(KeyOrder.rsa(2048))
        done = enroll(service, tmp_path, "--require-key", "ec:384")
        self.refused(done, tmp_path, held, 4, "RSA-2048", "EC secp384r1")
        assert service.last_result() is Result.KEY_NOT_MADE

    def test_the_disk_is_full_before_anything_is_said(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes]
    ) -> None:
        # No file may be over 16 KiB: the room for a new set cannot be had, so that the string is not wasted.
        heard = service.heard
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
        try:
            done = enroll(service, tmp_path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.refused(done, tmp_path, held, 3, "cannot be written")
        assert service.heard == heard

    def test_storing_fails_after_all_and_capf_is_told(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes]
    ) -> None:
        def vanish() -> None:
            for path in left_over(tmp_path / "out"):
                (tmp_path / "out" / "sets" / path / "reserve").unlink()

        service.on_issue = vanish
        self.refused(enroll(service, tmp_path), tmp_path, held, 3, "cannot be written", "untouched")
        assert service.last_result() is Result.NOT_STORED

    @pytest.mark.usefixtures("held")
    @pytest.mark.parametrize(
        "damage", [None, b"", b"\xff\x00{", bytes(300_000)], ids=["gone", "empty", "noise", "huge"]
    )
    @pytest.mark.parametrize("name", ["key.pem", "certificate.pem", "chain.pem", "enrolment.json"])
    def test_a_damaged_credential_is_told_and_left_alone(
        self, service: CapfService, tmp_path: Path, name: str, damage: bytes | None
    ) -> None:
        path = tmp_path / "out" / "current" / name
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        self.told_as_unusable(service, tmp_path)

    @pytest.mark.usefixtures("held")
    @pytest.mark.parametrize("name", ["key.pem", "certificate.pem"])
    def test_key_and_certificate_of_different_sets(self, service: CapfService, tmp_path: Path, name: str) -> None:
        assert enroll(service, tmp_path).code == 0
        out = tmp_path / "out"
        (out / "current" / name).write_bytes((out / "previous" / name).read_bytes())
        self.told_as_unusable(service, tmp_path)

    def told_as_unusable(self, service: CapfService, tmp_path: Path) -> None:
        sessions = service.sessions
        for words in (("--renew", "--force"), ("--delete",)):
            done = again(tmp_path, *words)
            assert (done.code, done.out) == (3, "")
            assert str(tmp_path / "out") in done.err
            assert "ctlctl:   Next: " in done.err
        assert service.sessions == sessions

    def test_somebody_elses_directory_and_file(
        self, service: CapfService, tmp_path: Path, held: dict[str, bytes]
    ) -> None:
        words = ("--server", f"127.0.0.1:{service.port}", "--out", tmp_path / "out", "--auth-string-file")
        how = (string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
        self.refused(ctlctl("capf", "enroll", *words, *how, "--name", "billing"), tmp_path, held, 4, "'recorder'")
        other = tmp_path / "other"
        other.mkdir()
        (other / "key.pem").write_text("mine")
        heard = service.heard
        done = ctlctl("capf", "enroll", *words, *how, "--name", NAME, "--out", other)
        assert done.code == 3
        assert (other / "key.pem").read_text() == "mine"
        assert service.heard == heard

    def test_the_end_is_missing_but_the_certificate_is_stored(self, service: CapfService, tmp_path: Path) -> None:
        service.fault = "no-end"
        done = enroll(service, tmp_path)
        assert done.code == 0, done.err
        assert "CAPF did not confirm it" in done.out
        assert (tmp_path / "out" / "key.pem").exists()

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("--server", "h", "--out", "OUT"), 2, "who enrols"),
            (("--server", "h", "--out", "OUT", "--name", "n", "--user", "u"), 2, "who enrols"),
            (("--server", "h", "--out", "OUT", "--name", "n", "--trust-on-first-use"), 2, "how to prove"),
            (("--out", "OUT", "--name", "n"), 2, "where is CAPF"),
            (("--server", "h:x", "--out", "OUT", "--name", "n"), 2, "HOST:PORT"),
            (("--out", "OUT", "--renew", "--delete"), 2, "do not go together"),
            (("--out", "OUT", "--renew"), 3, "no credential"),
            (("--out", "OUT", "--delete"), 3, "no credential"),
            (("--server", "h", "--out", "OUT", "--user", "u", "--instance", "i", "--name-format", "{x}"), 2, "format"),
        ],
    )
    def test_what_makes_no_sense(self, tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
        done = ctlctl("capf", "enroll", *(str(tmp_path / "out") if word == "OUT" else word for word in words))
        assert (done.code, done.out) == (code, "")
        assert said in done.err

    def test_a_string_that_others_can_read(self, service: CapfService, tmp_path: Path) -> None:
        words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
        string = string_file(tmp_path)
        string.chmod(0o644)
        done = ctlctl("capf", "enroll", *words, "--auth-string-file", string, "--trust-anchor", anchor_file(tmp_path))
        assert done.code == 2
        assert "others can get at it" in done.err


def test_old_tls_is_spoken_only_when_asked_for(tmp_path: Path) -> None:
    with capf_service(tmp_path, old_tls=True) as service:
        done = enroll(service, tmp_path)
        assert (done.code, done.out) == (3, "")
        assert "--legacy-tls" in done.err
        assert enroll(service, tmp_path, "--legacy-tls").code == 0
        # A renewal remembers it.
        service.orders[NAME] = install(mode=AuthMode.LSC)
        assert again(tmp_path, "--renew", "--force").code == 0


def test_a_port_that_takes_connections_and_says_nothing(tmp_path: Path) -> None:
    def silent(exchange: TcpExchange) -> None:
        exchange.stop.wait(20)

    with tcp_server(silent) as port:
        words = ("--server", f"127.0.0.1:{port}", "--name", NAME, "--out", tmp_path / "out", "--timeout", "1")
        how = ("--auth-string-file", string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
        done = ctlctl("capf", "enroll", *words, *how)
    assert (done.code, done.out) == (3, "")
    assert "no TLS handshake within 1 seconds" in done.err


class TestRenewing:
    def test_not_due_asks_nobody(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        heard, old = service.sessions, snapshot(tmp_path / "out")
        done = again(tmp_path, "--renew", "-o", "json")
        assert (done.code, done.err) == (0, "")
        assert done.json["result"] == "not-due"
        assert isinstance(done.json["renewal"], dict)
        assert done.json["renewal"]["due_from"]
        assert service.sessions == heard
        assert snapshot(tmp_path / "out") == old

    def test_due_is_renewed_by_the_certificate_itself_and_the_old_is_kept(
        self, service: CapfService, tmp_path: Path
    ) -> None:
        service.age, service.days = timedelta(days=300), 365
        assert enroll(service, tmp_path).code == 0
        old = snapshot(tmp_path / "out")
        service.age = timedelta(minutes=1)
        service.orders[NAME] = install(mode=AuthMode.LSC)
        done = again(tmp_path, "--renew")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("renewed")
        out = tmp_path / "out"
        new = snapshot(out)
        assert new["key.pem"] != old["key.pem"]
        assert new["client.p12.password"] == old["client.p12.password"]
        assert {name: (out / "previous" / name).read_bytes() for name in old} == old
        assert left_over(out) == []
        assert again(tmp_path, "--renew", "--force").code == 0
        assert len(list((out / "sets").iterdir())) == 2
        assert {name: (out / "previous" / name).read_bytes() for name in new} == new

    def test_an_expired_certificate_proves_nothing(self, service: CapfService, tmp_path: Path) -> None:
        service.age, service.days = timedelta(days=365), 365
        # Valid by the tolerance of five minutes, for the moment.
        assert enroll(service, tmp_path).code == 0
        old, sessions = snapshot(tmp_path / "out"), service.sessions
        done = again(tmp_path, "--renew")
        assert (done.code, done.out) == (1, "")
        assert "not now" in done.err
        assert "--auth-string-file" in done.err
        assert service.sessions == sessions
        assert snapshot(tmp_path / "out") == old

    def test_capf_does_not_take_the_certificate(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        old = snapshot(tmp_path / "out")
        service.orders[NAME] = install()
        done = again(tmp_path, "--renew", "--force")
        assert done.code == 4
        assert "By Existing Certificate" in done.err
        assert snapshot(tmp_path / "out") == old

    def test_it_would_gain_nothing(self, tmp_path: Path) -> None:
        ending = CAPF.but(not_after=_days_from_now(100))
        with capf_service(tmp_path, capf=ending, age=timedelta(days=360)) as service:
            words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out")
            how = ("--auth-string-file", string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path, ending))
            assert ctlctl("capf", "enroll", *words, *how).code == 0
            done = again(tmp_path, "--renew")
            assert (done.code, done.out) == (4, "")
            assert "renew that first" in done.err
            service.orders[NAME] = install(mode=AuthMode.LSC)
            service.age = timedelta(minutes=1)
            assert again(tmp_path, "--renew", "--capf-rest", "30").code == 0

    def test_a_certificate_and_key_from_elsewhere(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        service.orders[NAME] = install(mode=AuthMode.LSC)
        own = tmp_path / "out"
        words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--trust-anchor", anchor_file(tmp_path))
        pair = ("--certificate", own / "certificate.pem", "--key", own / "key.pem")
        done = ctlctl("capf", "enroll", *words, *pair, "--out", tmp_path / "second")
        assert done.code == 0, done.err
        crossed = ("--certificate", own / "certificate.pem", "--key", tmp_path / "second" / "key.pem")
        done = ctlctl("capf", "enroll", *words, *crossed, "--out", tmp_path / "third")
        assert done.code == 3
        assert "is not the key of" in done.err

    def test_an_outside_ca_is_named(self, service: CapfService, tmp_path: Path) -> None:
        service.signer = plan("Voice CA", "rsa2048-pub")
        ca = anchor_file(tmp_path, service.signer)
        assert enroll(service, tmp_path, "--issuer", ca).code == 0
        assert (tmp_path / "out" / "chain.pem").read_text() == ca.read_text()
        service.orders[NAME] = install(mode=AuthMode.LSC)
        assert again(tmp_path, "--renew", "--force").code == 0


class TestDeleting:
    def test_the_credential_is_gone_and_the_pin_is_not(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        service.orders[NAME] = Order(Operation.DELETE, AuthMode.LSC)
        done = again(tmp_path, "--delete", "-o", "json")
        assert (done.code, done.err) == (0, "")
        assert done.json["result"] == "deleted"
        assert service.last_result() is Result.DELETED
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".lock", "capf.pem"]

    def test_what_is_not_ordered_is_not_deleted(self, service: CapfService, tmp_path: Path) -> None:
        assert enroll(service, tmp_path).code == 0
        old = snapshot(tmp_path / "out")
        service.orders[NAME] = Order(Operation.NONE)
        assert again(tmp_path, "--delete").code == 4
        service.orders[NAME] = install(mode=AuthMode.LSC)
        assert again(tmp_path, "--delete").code == 4
        assert snapshot(tmp_path / "out") == old


def test_as_a_program_of_its_own_nothing_secret_stands_in_the_command_line(
    service: CapfService, tmp_path: Path
) -> None:
    words = ("--server", f"127.0.0.1:{service.port}", "--name", NAME, "--out", tmp_path / "out", "--auth-string-file")
    done = program("capf", "enroll", *words, string_file(tmp_path), "--trust-anchor", anchor_file(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert STRING not in done.out


def _ctl(signer: CertificatePlan, capf: CertificatePlan) -> bytes:
    rows = [(0, signer.read(), "pub", None), (4, capf.read(), "pub", None)]
    return draft(signer, rows, timestamp=int(time.time()) - 3600).encode()


def _days_from_now(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
