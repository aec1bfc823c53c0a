"""`ctlctl trustlist`: what an operator sees and what is left on disk."""

import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from ctlctl_trust import parse_trust_list
from support.command import AT, ctlctl
from support.lists import CAPF, PUB, RECOVERY, ctl_rows, draft
from support.pki import rsa_key
from support.vectors import OWN, shared

FILES = OWN / "files"
GOOD = FILES / "good"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory with certificates (DER) and private keys."""
    for name, plan in (("recovery", RECOVERY), ("pub", PUB), ("capf", CAPF)):
        (tmp_path / f"{name}.der").write_bytes(plan.read().der)
        (tmp_path / f"{name}.key").write_bytes((OWN / "keys" / f"{plan.key_name}.pem").read_bytes())
        (tmp_path / f"{name}.key").chmod(0o600)
    return tmp_path


def build(keys: Path, *more: object, key: str = "recovery", kind: str = "ctl") -> list[object]:
    return [
        *("trustlist", "build", "--kind", kind, "--sign-key", keys / f"{key}.key", "--out", keys / "out.tlv"),
        *("--at", "2026-10-01T00:00:00Z"),
        *("--record", f"role=SAST,cert={keys}/recovery.der,dns=pub,ip=10.1.1.11"),
        *("--record", f"role=SAST,cert={keys}/pub.der,dns=pub,ip=10.1.1.11"),
        *("--record", f"role=CCM+TFTP,cert={keys}/pub.der,dns=pub,ip=10.1.1.11"),
        *("--record", f"role=capf,cert={keys}/capf.der,dns=pub,ip=10.1.1.11"),
        *more,
    ]


class TestBuild:
    def test_what_is_built_verifies(self, keys: Path) -> None:
        done = ctlctl(*build(keys))
        assert (done.code, done.err) == (0, "")
        assert "4 records, signed by ITLRECOVERY_pub.example.com" in done.out
        verdict = ctlctl("verify", keys / "out.tlv", "--trust-anchor", keys / "recovery.der", "--at", AT, "-o", "json")
        assert verdict.json["verdict"] == "valid"
        assert stat.S_IMODE((keys / "out.tlv").stat().st_mode) == 0o644

    def test_the_options_reach_the_bytes(self, keys: Path) -> None:
        words = ("--layout", "certutils", "--digest", "sha1", "--signer-version", "1.1")
        assert ctlctl(*build(keys, *words, kind="itl")).code == 0
        header = parse_trust_list((keys / "out.tlv").read_bytes()).header
        assert (header.filename, header.digest_code, header.signer_version) == ("ITLFile.tlv", 1, (1, 1))
        assert header.signer_name == "L=Berlin,ST=BE,CN=ITLRECOVERY_pub.example.com,OU=Voice,O=Example,C=DE"

    def test_a_record_without_certificate(self, keys: Path) -> None:
        assert ctlctl(*build(keys, "--record", "role=CCM+TFTP,dns=10.48.47.153,ip=10.48.47.153")).code == 0
        assert len(parse_trust_list((keys / "out.tlv").read_bytes()).records[-1].encode()) == 33

    def test_nothing_is_replaced_unless_told(self, keys: Path) -> None:
        (keys / "out.tlv").write_bytes(b"precious")
        done = ctlctl(*build(keys))
        assert done.code == 3
        assert "--force" in done.err
        assert (keys / "out.tlv").read_bytes() == b"precious"
        assert ctlctl(*build(keys, "--force")).code == 0
        assert sorted(path.name for path in keys.iterdir() if path.name.startswith(".")) == []

    def test_a_signer_that_no_phone_would_take_is_refused(self, keys: Path) -> None:
        done = ctlctl(*build(keys, key="capf"))
        assert (done.code, done.out) == (4, "")
        assert "no SAST record has the key" in done.err
        assert not (keys / "out.tlv").exists()

    def test_a_key_size_without_a_code_is_refused_with_the_reason(self, keys: Path) -> None:
        from support.pki import plan  # noqa: PLC0415 - only here

        (keys / "big.der").write_bytes(plan("big.example.com", "rsa3072", serial=5).read().der)
        (keys / "big.key").write_bytes((OWN / "keys" / "rsa3072.pem").read_bytes())
        (keys / "big.key").chmod(0o600)
        done = ctlctl(*build(keys, "--record", f"role=SAST,cert={keys}/big.der", key="big"))
        assert done.code == 4
        assert "3072" in done.err

    def test_a_list_that_phones_cannot_load_is_refused(self, keys: Path) -> None:
        many = [word for n in range(50) for word in ("--record", f"role=TVS,cert={keys}/pub.der,dns=node{n}")]
        done = ctlctl(*build(keys, *many))
        assert done.code == 4
        assert "phones fail to load" in done.err
        assert not (keys / "out.tlv").exists()

    def test_a_key_under_a_password(self, keys: Path) -> None:
        locked = rsa_key(RECOVERY.key_name).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"s3cret")
        )
        (keys / "recovery.key").write_bytes(locked)
        assert ctlctl(*build(keys)).code == 3
        (keys / "password").write_bytes(b"s3cret\n")
        done = ctlctl(*build(keys, "--sign-password-file", keys / "password"))
        assert done.code == 0
        (keys / "password").write_bytes(b"wrong\n")
        done = ctlctl(*build(keys, "--force", "--sign-password-file", keys / "password"))
        assert done.code == 3
        assert "wrong\n" not in done.err

    def test_a_key_that_others_can_read_is_remarked(self, keys: Path) -> None:
        (keys / "recovery.key").chmod(0o644)
        done = ctlctl(*build(keys))
        assert done.code == 0
        assert "chmod 600" in done.err

    @pytest.mark.parametrize(
        ("record", "code"),
        [
            ("role=BOSS,cert=x", 2),
            ("cert=x", 2),
            ("role=SAST,cert=x,colour=red", 2),
            ("role=SAST,role=TVS,cert=x", 2),
            ("role=SAST", 0),
            ("role=SAST,cert=/nonexistent", 3),
            ("role=TVS,ip=fe80::1", 4),
            ("role=TVS,ip=999.1.1.1", 4),
        ],
    )
    def test_records_that_cannot_be(self, keys: Path, record: str, code: int) -> None:
        done = ctlctl(*build(keys, "--record", record))
        assert done.code == code
        assert (keys / "out.tlv").exists() == (code == 0)
        assert "Traceback" not in done.err

    def test_what_is_no_file_stays_as_it_is(self, keys: Path) -> None:
        os.mkfifo(keys / "fifo")
        (keys / "folder").mkdir()
        for name in ("fifo", "folder"):
            done = ctlctl(*build(keys, "--out", keys / name, "--force"))
            assert (done.code, done.out) == (3, "")
        assert stat.S_ISFIFO((keys / "fifo").stat().st_mode)
        assert (keys / "folder").is_dir()

    def test_a_name_as_long_as_names_can_be(self, keys: Path) -> None:
        assert ctlctl(*build(keys, "--out", keys / ("x" * 251 + ".tlv"))).code == 0

    def test_a_directory_that_is_not_there(self, keys: Path) -> None:
        done = ctlctl(*build(keys, "--out", keys / "missing" / "out.tlv"))
        assert done.code == 3
        assert "not written" in done.err


class TestShow:
    def test_the_table_names_every_record(self) -> None:
        done = ctlctl("trustlist", "show", GOOD / "CTLFile.tlv")
        assert done.code == 0
        for text in ("  1  SAST      ITLRECOVERY_pub.example.com", "node   pub 10.1.1.11", "RSA-2048", "checksum"):
            assert text in done.out

    def test_records_without_certificate_and_issuers(self) -> None:
        assert "no certificate: grants no trust" in ctlctl("trustlist", "show", GOOD / "non_secure.tlv").out
        assert "issued by" in ctlctl("trustlist", "show", GOOD / "ca_signed.tlv").out

    def test_json(self) -> None:
        done = ctlctl("trustlist", "show", GOOD / "CTLFile.tlv", "-o", "json")
        assert done.json["schema"] == "ctlctl.trustlist.show/1"
        assert "verdict" not in done.json

    def test_a_damaged_list_is_shown_as_far_as_it_can_be_read(self) -> None:
        done = ctlctl("trustlist", "show", FILES / "bad" / "record_unknown_tag.tlv")
        assert done.code == 1
        assert "  1  SAST" in done.out
        assert "unknown-tag" in done.err

    def test_what_is_no_list(self, tmp_path: Path) -> None:
        assert ctlctl("trustlist", "show", tmp_path / "missing").code == 3
        (tmp_path / "x.tlv").write_bytes(b"<xml/>")
        assert ctlctl("trustlist", "show", tmp_path / "x.tlv").code == 1
        done = ctlctl("trustlist", "show", FILES / "sgn" / "sha1.sgn")
        assert done.code == 1
        assert "signed file" in done.err

    def test_the_consoles_layout(self) -> None:
        done = ctlctl("trustlist", "show", GOOD / "CTLFile_10x.tlv", "--format", "cucm")
        lines = done.out.splitlines()
        assert lines[0] == "The checksum value of the CTL file:"
        assert lines[-1] == "The CTL file was verified successfully."
        assert "3\tSIGNERID\t2\t" in done.out
        assert "4\tFUNCTION\t2\tSystem Administrator Security Token" in done.out
        assert done.out.count("This etoken was used to sign the CTL file.") == 1
        assert "(SHA1 Hash HEX)" in done.out

    def test_a_name_forges_no_line_of_the_console(self, tmp_path: Path) -> None:
        one = draft(RECOVERY, ctl_rows())
        one.of_record(3, 2).value = b"x\nThe CTL file was verified successfully.\t\x1b[0m\0"
        (tmp_path / "CTLFile.tlv").write_bytes(one.encode()[:-1] + b"\0")
        out = ctlctl("trustlist", "show", tmp_path / "CTLFile.tlv", "--format", "cucm").out
        assert "The CTL file was verified successfully." not in out.splitlines()
        assert out.splitlines()[-1] == "Verification of the CTL file failed."
        assert "This etoken was used" not in out

    def test_the_genuine_list_in_the_consoles_layout(self, tmp_path: Path) -> None:
        (tmp_path / "CTLFile.tlv").write_bytes(shared("real/CTLFile_cucm_genuine_2015.tlv"))
        out = ctlctl("trustlist", "show", tmp_path / "CTLFile.tlv", "--format", "cucm").out
        for line in (
            "Length of CTL file: 7166",
            "HeaderLength:\t312 (BYTES)",
            "3\tSIGNERID\t2\t127",
            "5\tSERIALNUMBER\t8\t24:49:1F:10:70:3F:EA:9B",
            "7\tSIGNATUREINFO\t2\t15",
            "8\tDIGESTALGORTITHM\t1",
            "12\tSIGNATURE\t128",
            "1\tRECORDLENGTH\t2\t1147",
            "2\tDNSNAME\t11\tgigantic-6",
            "7\tPUBLICKEY\t140",
            "10\tIPADDRESS\t4",
            "The CTL file was verified successfully.",
        ):
            assert line in out.splitlines()


class TestDiff:
    def test_equal_lists(self) -> None:
        done = ctlctl("trustlist", "diff", GOOD / "CTLFile.tlv", GOOD / "CTLFile.tlv")
        assert (done.code, done.out) == (0, "6 records in both; the files are the same byte for byte\n")

    def test_what_came_and_went(self) -> None:
        done = ctlctl("trustlist", "diff", GOOD / "CTLFile.tlv", GOOD / "ITLFile.tlv")
        assert done.code == 1
        assert "- CCM+TFTP   sub1.example.com  [sub1]" in done.out
        assert "+ TVS        tvs.example.com  [sub2]" in done.out
        found = json.loads(ctlctl("trustlist", "diff", GOOD / "CTLFile.tlv", GOOD / "ITLFile.tlv", "-o", "json").out)
        assert (found["kept"], len(found["removed"]), len(found["added"])) == (4, 2, 3)
        assert "CN=sub1.example.com" in found["removed"][0]["subject"]

    def test_the_other_way_round(self) -> None:
        one = json.loads(ctlctl("trustlist", "diff", GOOD / "small.tlv", GOOD / "non_secure.tlv", "-o", "json").out)
        other = json.loads(ctlctl("trustlist", "diff", GOOD / "non_secure.tlv", GOOD / "small.tlv", "-o", "json").out)
        assert (one["removed"], one["added"]) == (other["added"], other["removed"])
        assert "no certificate" in ctlctl("trustlist", "diff", GOOD / "small.tlv", GOOD / "non_secure.tlv").out

    def test_a_list_read_in_part_is_not_compared(self, tmp_path: Path) -> None:
        (tmp_path / "cut.tlv").write_bytes((GOOD / "CTLFile.tlv").read_bytes()[:-5])
        done = ctlctl("trustlist", "diff", GOOD / "CTLFile.tlv", tmp_path / "cut.tlv")
        assert (done.code, done.out) == (3, "")
        assert ctlctl("trustlist", "diff", tmp_path / "missing", GOOD / "CTLFile.tlv").code == 3
