"""`ctlctl verify` from the command line to the exit code, on the repository's own corpus."""

import os
import shutil
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from support.command import AT, Done, codes, ctlctl, program
from support.lists import PHONE, RECOVERY, STRANGER
from support.pki import rsa_key
from support.vectors import OWN, own_index

FILES = OWN / "files"
GOOD = FILES / "good"


def verify(*words: object) -> Done:
    return ctlctl("verify", "--at", AT, *words)


def pem(path: Path, *ders: bytes) -> Path:
    import base64  # noqa: PLC0415 - only here

    blocks = [
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n" for der in ders
    ]
    path.write_bytes(b"".join(blocks))
    return path


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return pem(tmp_path / "anchor.pem", RECOVERY.read().der)


class TestVerdicts:
    @pytest.mark.parametrize("vector", own_index(), ids=str)
    def test_every_file_of_the_corpus_gets_its_exit_code(self, vector: "object") -> None:
        from support.vectors import Vector  # noqa: PLC0415 - for the type only

        assert isinstance(vector, Vector)
        words: list[object] = [FILES / vector.name, "-o", "json"]
        if vector.kind != "tlv":
            words += ["--trust-list", FILES / (vector.trust_list or "good/CTLFile.tlv")]
        if vector.decrypt_key is not None:
            words += ["--decrypt-key", OWN / vector.decrypt_key]
        done = verify(*words)
        assert done.err == ""
        assert done.code == (1 if vector.verdict == "invalid" else 0)
        (result,) = done.results
        assert result["verdict"] == done.json["verdict"] == ("invalid" if done.code else "self-consistent")
        assert not vector.accept or codes(result) & vector.accept
        assert vector.warn <= codes(result)

    def test_text_says_what_was_checked_and_that_nobody_vouched(self) -> None:
        done = verify(GOOD / "CTLFile.tlv")
        assert done.code == 0
        for words in ("CTL 1.2", "6 records", "ok    structure", "ok    signature", "ok    records", "serial 4F:1E:2D"):
            assert words in done.out
        assert "self-consistent" in done.out
        assert "No anchor was given: who signed it is not proven." in done.out

    def test_text_fits_eighty_columns_but_for_paths(self) -> None:
        done = ctlctl("verify", "--at", "2040-01-01", *sorted((FILES / "bad").iterdir()))
        long = [line for line in done.out.splitlines() if len(line) > 80 and str(FILES) not in line]
        assert long == []

    def test_json_has_every_key_of_the_contract(self) -> None:
        done = verify(GOOD / "CTLFile.tlv", "-o", "json")
        assert done.json["schema"] == "ctlctl.verify/1"
        (result,) = done.results
        assert result.keys() >= {
            *("target", "kind", "verdict", "size", "md5", "sha1", "sha256", "version", "signer_version", "filename"),
            *("signed_at", "digest", "signer", "records", "continuity", "findings"),
        }
        assert (result["kind"], result["continuity"], result["digest"]) == ("ctl", "first", "sha512")
        records = result["records"]
        assert isinstance(records, list)
        assert records[0]["roles"] == ["SAST"]
        assert records[0].keys() >= {"index", "roles", "subject", "issuer", "serial", "not_after", "sha1"}

    def test_at_decides_what_has_expired(self) -> None:
        assert "record-expired" in codes(
            ctlctl("verify", GOOD / "small.tlv", "--at", "2099-01-01", "-o", "json").results[0]
        )

    def test_the_same_instant_in_another_zone_is_the_same(self) -> None:
        one = ctlctl("verify", GOOD / "small.tlv", "--at", "2026-11-23T13:00:00+01:00", "-o", "json")
        assert one.json == verify(GOOD / "small.tlv", "-o", "json").json

    def test_sha256_only_when_allowed(self) -> None:
        target = FILES / "bad" / "sha256.tlv"
        assert verify(target).code == 1
        assert verify(target, "--allow-digest", "sha256").code == 0


class TestAnchors:
    def test_the_signers_certificate_makes_it_valid(self, anchor: Path) -> None:
        done = verify(GOOD / "CTLFile.tlv", "--trust-anchor", anchor)
        assert done.code == 0
        assert "\nvalid. Signed by ITLRECOVERY_pub.example.com, anchored." in done.out
        assert verify(GOOD / "CTLFile.tlv", "--trust-anchor", anchor, "-o", "json").json["verdict"] == "valid"

    def test_der_and_trust_lists_anchor_too(self, tmp_path: Path) -> None:
        (tmp_path / "anchor.der").write_bytes(RECOVERY.read().der)
        for file in (tmp_path / "anchor.der", GOOD / "ITLFile.tlv"):
            assert verify(GOOD / "CTLFile.tlv", "--trust-anchor", file, "-o", "json").json["verdict"] == "valid"

    def test_any_of_several_anchors_will_do(self, tmp_path: Path, anchor: Path) -> None:
        other = pem(tmp_path / "other.pem", STRANGER.read().der)
        assert verify(GOOD / "CTLFile.tlv", "--trust-anchor", other, "--trust-anchor", anchor).code == 0

    def test_a_stranger_does_not_vouch(self, tmp_path: Path) -> None:
        other = pem(tmp_path / "other.pem", STRANGER.read().der)
        done = verify(GOOD / "CTLFile.tlv", "--trust-anchor", other, "-o", "json")
        assert done.code == 1
        assert "anchor-mismatch" in codes(done.results[0])

    @pytest.mark.parametrize(
        "content", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    )
    def test_a_useless_anchor_decides_nothing(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "anchor").write_bytes(content)
        done = verify(GOOD / "CTLFile.tlv", "--trust-anchor", tmp_path / "anchor")
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith("ctlctl: --trust-anchor ")
        assert done.err.count("\n") == 1

    def test_a_list_that_is_no_good_anchors_nothing(self) -> None:
        done = verify(GOOD / "CTLFile.tlv", "--trust-anchor", FILES / "bad" / "other_key.tlv", "-o", "json")
        assert done.code == 3
        assert done.json["verdict"] == "undecided"
        assert "not a good trust list itself" in str(done.json["error"])

    def test_a_signed_file_is_as_trusted_as_the_list_that_names_its_signer(self, anchor: Path, tmp_path: Path) -> None:
        file = FILES / "sgn" / "SEP001122334455.cnf.xml.sgn"
        with_list = (file, "--trust-list", GOOD / "CTLFile.tlv", "-o", "json")
        assert verify(*with_list).json["verdict"] == "self-consistent"
        assert verify(*with_list, "--trust-anchor", anchor).json["verdict"] == "valid"
        other = pem(tmp_path / "other.pem", STRANGER.read().der)
        assert codes(verify(*with_list, "--trust-anchor", other).results[0]) >= {"anchor-mismatch"}


class TestSignedFiles:
    def test_without_a_list_nothing_is_decided(self) -> None:
        done = verify(FILES / "sgn" / "SEP001122334455.cnf.xml.sgn", "-o", "json")
        assert done.code == 3
        assert codes(done.results[0]) >= {"no-trust-list"}

    def test_the_content_is_checked_with_the_phones_key(self, tmp_path: Path) -> None:
        file = FILES / "sgn" / "SEP001122334455.cnf.xml.enc.sgn"
        asked = (file, "--trust-list", GOOD / "CTLFile.tlv")
        assert "not-decrypted" in verify(*asked).out
        good = OWN / "keys" / f"{PHONE.key_name}.pem"
        assert "decrypts to" in verify(*asked, "--decrypt-key", good).out
        wrong = OWN / "keys" / f"{STRANGER.key_name}.pem"
        assert codes(verify(*asked, "--decrypt-key", wrong, "-o", "json").results[0]) >= {"key-unwrap"}
        secret = rsa_key(PHONE.key_name).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")
        )
        (tmp_path / "locked.pem").write_bytes(secret)
        done = verify(*asked, "--decrypt-key", tmp_path / "locked.pem")
        assert done.code == 3
        assert "encrypted" in done.err

    def test_an_ec_key_cannot_decrypt(self) -> None:
        file = FILES / "sgn" / "SEP001122334455.cnf.xml.enc.sgn"
        done = verify(file, "--trust-list", GOOD / "CTLFile.tlv", "--decrypt-key", OWN / "keys" / "ec256.pem")
        assert done.code == 3
        assert "not an RSA key" in done.err


class TestContinuity:
    @pytest.mark.parametrize(
        ("name", "continuity", "code"),
        [("next_continuous", "continuous", 0), ("next_lenient", "broken-strict", 0), ("next_broken", "broken", 1)],
    )
    def test_would_phones_take_it(self, name: str, continuity: str, code: int) -> None:
        done = verify(GOOD / f"{name}.tlv", "--previous", GOOD / "CTLFile.tlv", "-o", "json")
        assert (done.results[0]["continuity"], done.code) == (continuity, code)
        assert isinstance(done.results[0]["anchors"], dict)
        text = verify(GOOD / f"{name}.tlv", "--previous", GOOD / "CTLFile.tlv").out
        assert f"continuity    {continuity}" in text

    def test_nothing_is_read_twice_from_standard_input(self) -> None:
        for words in (("-", "--previous", "-"), (GOOD / "small.tlv", "--trust-anchor", "-", "--previous", "-")):
            done = verify(*words)
            assert (done.code, done.out) == (2, "")
            assert "only once" in done.err

    def test_an_empty_previous_list_is_no_list(self, tmp_path: Path) -> None:
        (tmp_path / "old.tlv").touch()
        done = verify(GOOD / "small.tlv", "--previous", tmp_path / "old.tlv", "-o", "json")
        assert (done.results[0]["continuity"], done.code) == ("first", 0)
        assert "leap of faith" in verify(GOOD / "small.tlv", "--previous", tmp_path / "old.tlv").out

    def test_a_ctl_does_not_follow_an_itl(self) -> None:
        done = verify(GOOD / "CTLFile.tlv", "--previous", GOOD / "ITLFile.tlv", "-o", "json")
        assert (done.code, done.results[0]["continuity"]) == (3, None)
        assert "helper-unusable" in codes(done.results[0])

    def test_a_broken_previous_list_decides_nothing(self) -> None:
        assert verify(GOOD / "small.tlv", "--previous", FILES / "bad" / "record_tail.tlv").code == 3

    def test_itl_against_ctl(self) -> None:
        good = verify(GOOD / "ITLFile.tlv", "--ctl", GOOD / "CTLFile.tlv").out
        assert "ctl-itl" not in good
        assert "ok    agreement" in good
        assert "ctl-itl-signer" in verify(GOOD / "ITLFile.tlv", "--ctl", GOOD / "small.tlv").out
        assert verify(GOOD / "ITLFile.tlv", "--ctl", GOOD / "ITLFile.tlv").code == 3


class TestBadInput:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "empty"),
            (bytes(range(200, 256)) * 9, "bad-magic"),
            (b"<?xml version='1.0'?><device/>", "bad-magic"),
            (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "bad-magic"),
            (b"\x01\x00\x02\x01\x02", "truncated"),
        ],
    )
    def test_what_is_no_list_is_invalid(self, tmp_path: Path, content: bytes, code: str) -> None:
        for name in ("CTLFile.tlv", "SEP001122334455.cnf.xml.sgn", "noname"):
            (tmp_path / name).write_bytes(content)
            done = verify(tmp_path / name)
            assert done.code == 1
            assert f": invalid: {code}" in done.out
            assert done.out.count("\n") == 1

    def test_five_gigabytes_are_not_read(self, tmp_path: Path) -> None:
        with (tmp_path / "big.tlv").open("wb") as file:
            file.truncate(5 * 1024**3)
        done = verify(tmp_path / "big.tlv", "-o", "json")
        assert done.code == 1
        assert codes(done.results[0]) == {"too-large"}
        assert done.results[0]["size"] == 5 * 1024**3

    def test_what_cannot_be_read_is_undecided(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo.tlv")
        (tmp_path / "nothing").mkdir()
        (tmp_path / "loop").symlink_to(tmp_path / "loop")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "sock.tlv"))
            for target in (
                *(tmp_path / name for name in ("missing.tlv", "fifo.tlv", "nothing", "loop", "sock.tlv")),
                *("/dev/zero", "/dev/null", f"{GOOD / 'small.tlv'}/x", "a\0b"),
            ):
                done = verify(target)
                assert (done.code, done.out.count("\n")) == (3, 1), target
                assert ": undecided: " in done.out

    def test_a_file_that_may_not_be_read(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (tmp_path / "locked.tlv").touch(mode=0)
        assert verify(tmp_path / "locked.tlv").code == 3

    @pytest.mark.parametrize(
        "words",
        [
            ("--at", "yesterday", "x"),
            ("--timeout", "0", "x"),
            ("--timeout", "nan", "x"),
            ("--tls-pin", "12:34", "x"),
            ("--tls-pin", "00" * 32, "--tls-ca", "x", "https://127.0.0.1/x"),
            ("cluster:hq",),
            ("-", "-"),
            ("",),
            ("--nonsense", "x"),
            ("--output", "yaml", "x"),
            (),
            ("--tls-pin", "00" * 32, "http://127.0.0.1/x"),
            ("--tls-ca", "/nonexistent", "https://127.0.0.1/x"),
            ("--tls-pin", "00" * 32, "x.tlv"),
        ],
    )
    def test_words_that_make_no_sense(self, words: tuple[str, ...]) -> None:
        done = ctlctl("verify", *words)
        assert (done.code, done.out) == (2, "")
        assert done.err

    def test_nothing_from_a_file_steers_the_terminal(self) -> None:
        for file in (FILES / "odd" / "control_characters.tlv", FILES / "sgn" / "name_bell.sgn"):
            for words in (
                ("verify", file),
                ("trustlist", "show", file),
                ("trustlist", "show", file, "--format", "cucm"),
            ):
                done = ctlctl(*words)
                text = done.out + done.err
                assert text.replace("\n", "").replace("\t", "").isprintable(), words

    def test_the_next_step_keeps_the_options_and_can_be_pasted(self, tmp_path: Path) -> None:
        name = tmp_path / "my list; rm.sgn"
        shutil.copy(FILES / "sgn" / "SEP001122334455.cnf.xml.sgn", name)
        done = verify(name, "--trust-list", GOOD / "CTLFile.tlv")
        assert f"Next: ctlctl verify '{name}' --trust-list {GOOD / 'CTLFile.tlv'} --trust-anchor" in done.out

    def test_options_that_nothing_used_are_remarked(self) -> None:
        done = verify(GOOD / "CTLFile.tlv", "--trust-list", GOOD / "CTLFile.tlv", "--ctl", GOOD / "CTLFile.tlv")
        assert done.code == 0
        assert done.err.splitlines() == [
            "ctlctl: --ctl was not used: no ITL is among the targets",
            "ctlctl: --trust-list was not used: no signed file is among the targets",
        ]

    def test_what_is_bad_stays_bad_where_more_is_unknown(self) -> None:
        done = verify(FILES / "sgn" / "name_up.sgn", "-o", "json")
        assert codes(done.results[0]) >= {"filename", "no-trust-list"}
        assert (done.code, done.json["verdict"]) == (1, "invalid")

    def test_the_worst_target_decides(self, tmp_path: Path) -> None:
        good, bad, missing = GOOD / "small.tlv", FILES / "bad" / "other_key.tlv", tmp_path / "missing"
        assert verify(good, missing).code == 3
        done = verify(good, missing, bad)
        assert done.code == 1
        assert done.out.endswith("3 files in all: 1 invalid · 1 undecided · 1 self-consistent\n")


class TestDirectories:
    def test_a_line_for_each_file_and_a_summary(self) -> None:
        done = verify(GOOD)
        count = len(list(GOOD.iterdir()))
        assert done.code == 0
        assert f"{count} files in {GOOD}: {count} self-consistent" in done.out

    def test_only_what_is_wrong_among_many(self, tmp_path: Path) -> None:
        for number in range(40):
            shutil.copy(GOOD / "small.tlv", tmp_path / f"{number:03}.tlv")
        shutil.copy(FILES / "bad" / "other_key.tlv", tmp_path / "017b.TLV")
        (tmp_path / "notes.txt").write_text("not a list")
        done = verify(tmp_path)
        assert done.code == 1
        lines = done.out.splitlines()
        assert lines[0].startswith("invalid         ")
        assert "017b.TLV: bad-signature" in lines[0]
        assert lines[1] == f"41 files in {tmp_path}: 1 invalid · 40 self-consistent"

    @pytest.mark.parametrize("output", ["text", "json"])
    def test_worker_processes_say_the_same_as_one(
        self, tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(30):
            shutil.copy(GOOD / "small.tlv", tmp_path / f"{number:03}.tlv")
        for file in (FILES / "bad").iterdir():
            shutil.copy(file, tmp_path)
        alone = verify(tmp_path, "-o", output, "--trust-anchor", GOOD / "small.tlv")
        monkeypatch.setattr("ctlctl.verify.bulk.PARALLEL_FROM", 2)
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
        together = verify(tmp_path, "-o", output, "--trust-anchor", GOOD / "small.tlv")
        assert together == alone
        assert together.code == 1

    def test_a_worker_that_dies_leaves_the_directory_undecided(self, tmp_path: Path) -> None:
        for number in range(3):
            shutil.copy(GOOD / "small.tlv", tmp_path / f"{number:03}.tlv")
        # A fork inherits the trap; it stands for the kernel's, which ends a worker when memory is short.
        trap = "import os, ctlctl.verify.bulk as b; b.PARALLEL_FROM = 1; os.sched_getaffinity = lambda _: {0, 1}; "
        trap += "b.read_file = lambda _: os.kill(os.getpid(), 9); import sys; from ctlctl.__main__ import main; main()"
        import subprocess  # noqa: PLC0415 - only here
        import sys  # noqa: PLC0415

        done = subprocess.run(
            [sys.executable, "-c", trap, "verify", str(tmp_path)], capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 3, done.stderr
        assert b"a worker process ended before its time" in done.stdout
        assert b"Traceback" not in done.stderr


class TestTheProgram:
    def test_standard_input(self) -> None:
        done = program("verify", "-", "--at", AT, stdin=(GOOD / "CTLFile.tlv").read_bytes())
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("-   CTL 1.2")
        assert program("verify", "-", stdin=b"").code == 1
        assert program("verify", "-", stdin=bytes(4 * 1024 * 1024 + 1)).out.startswith("-: invalid: too-large")
        sgn = program(
            "verify", "-", "--trust-list", str(GOOD / "CTLFile.tlv"), stdin=(FILES / "sgn/sha1.sgn").read_bytes()
        )
        assert "signed file" in sgn.out

    @pytest.mark.parametrize(
        "env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
    )
    def test_a_terminal_that_knows_only_ascii(self, env: dict[str, str]) -> None:
        done = program("verify", GOOD / "CTLFile.tlv", "--at", AT, env=env)
        assert (done.code, done.err) == (0, "")
        assert "CTL 1.2 - " in done.out
        assert done.out.isascii()

    def test_names_on_disk_that_are_no_text(self, tmp_path: Path) -> None:
        for name in (b"a\xff\xfe.tlv", b"esc\x1b[31m\n.tlv"):
            shutil.copy(GOOD / "small.tlv", tmp_path / os.fsdecode(name))
        done = program("verify", tmp_path, "--at", AT)
        assert (done.code, done.err) == (0, "")
        assert len(done.out.splitlines()) == 4
        assert done.out.replace("\n", "").isprintable()
        assert len(program("verify", tmp_path, "-o", "json").results) == 2

    def test_closed_output_is_no_verdict(self) -> None:
        import subprocess  # noqa: PLC0415 - only here
        import sys  # noqa: PLC0415

        line = f"{sys.executable} -m ctlctl verify {GOOD / 'small.tlv'}"
        for closing, said in (
            (">&-", b"ctlctl: standard output is closed, so nobody could see a result\n"),
            (">&- 2>&-", b""),
        ):
            done = subprocess.run(["sh", "-c", f"{line} {closing}"], stderr=subprocess.PIPE, check=False)
            assert (done.returncode, done.stderr) == (3, said)

    @pytest.mark.parametrize(("target", "code"), [(GOOD / "small.tlv", 0), ("nosuch", 3), ("- <&-", 3)])
    def test_other_closed_streams_change_no_verdict(self, target: object, code: int) -> None:
        import subprocess  # noqa: PLC0415 - only here
        import sys  # noqa: PLC0415

        for closing in ("", "2>&-", "2>/dev/full"):
            line = f"{sys.executable} -m ctlctl verify {target} {closing}"
            done = subprocess.run(["sh", "-c", line], capture_output=True, check=False)
            assert (done.returncode, done.stderr) == (code, b""), line
            assert done.stdout

    def test_a_full_disk_is_no_verdict(self) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("/dev/full is not there")
        import subprocess  # noqa: PLC0415 - only here
        import sys  # noqa: PLC0415

        with full.open("wb") as out:
            done = subprocess.run(
                [sys.executable, "-m", "ctlctl", "verify", str(GOOD / "small.tlv")],
                stdout=out,
                stderr=subprocess.PIPE,
                check=False,
            )
        assert done.returncode == 3
        assert done.stderr.decode() == "ctlctl: the output could not be written: No space left on device\n"

    def test_a_reader_that_leaves_is_no_traceback(self) -> None:
        import subprocess  # noqa: PLC0415 - only here
        import sys  # noqa: PLC0415

        with subprocess.Popen(
            [sys.executable, "-m", "ctlctl", "verify", str(GOOD), *[str(GOOD / "CTLFile.tlv")] * 60],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.close()
            assert running.stderr.read() == b""
        assert running.returncode == 141
