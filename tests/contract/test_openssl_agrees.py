"""OpenSSL's command line says the same: of signatures, certificates and encrypted files that we write."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_trust import (
    ContentKey,
    FilePlan,
    Kind,
    build_encrypted_file,
    build_signed_file,
    build_trust_list,
    parse_trust_list,
    read_certificate,
    verify_signed_file,
)
from ctlctl_trust.signature import SHA1, SHA512, Digest
from ctlctl_trust.tlv import HeaderTag
from support.lists import (
    CONTENT_IV,
    CONTENT_KEY,
    PHONE,
    RECOVERY,
    SIGNED_AT,
    SUB1,
    ctl_rows,
    itl_rows,
    list_plan,
    signature_place,
)
from support.pki import CertificatePlan, plan, rsa_key
from support.programs import require_program
from support.vectors import NOW, OWN, own


def openssl(*arguments: str | Path, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = require_program("openssl", "openssl")
    return subprocess.run([program, *map(str, arguments)], input=data, capture_output=True, check=False, timeout=60)


def agrees(data: bytes, signer: CertificatePlan, digest: Digest, directory: Path) -> bool:
    """Ask OpenSSL whether the signature of a list or signed file is good."""
    place = signature_place(data)
    assert place is not None
    offset, size = place
    public, signature = directory / "public.pem", directory / "signature"
    key = rsa_key(signer.key_name).public_key()
    public.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signature.write_bytes(data[offset + 3 : offset + 3 + size])
    signed = data[:offset] + data[offset + 3 + size :]
    done = openssl("dgst", f"-{digest.name}", "-verify", public, "-signature", signature, data=signed)
    assert b"Verified OK" in done.stdout or b"Verification failure" in done.stdout + done.stderr
    return done.returncode == 0


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


@pytest.mark.parametrize("digest", [SHA1, SHA512], ids=["sha1", "sha512"])
@pytest.mark.parametrize("key", ["rsa1024-a", "rsa2048-recovery", "rsa4096"])
def test_signatures_of_lists(key: str, digest: Digest, tmp_path: Path) -> None:
    signer = plan("signer", key, serial=0x80FF)
    rows = [(0, signer.read(), "s", "10.0.0.1"), *ctl_rows()[1:]]
    data = build_trust_list(list_plan(rows, digest=digest), signer.identity())
    assert agrees(data, signer, digest, tmp_path)
    for place in (4, 30, len(data) - 1):
        assert not agrees(flipped(data, place), signer, digest, tmp_path)


def test_signatures_of_both_kinds_of_lists_and_of_signed_files(tmp_path: Path) -> None:
    itl = build_trust_list(list_plan(itl_rows(), Kind.ITL), RECOVERY.identity())
    assert agrees(itl, RECOVERY, SHA512, tmp_path)
    for digest in (SHA1, SHA512):
        data = build_signed_file(FilePlan("a.cnf.xml.sgn", SIGNED_AT, digest), b"<device/>\n", SUB1.identity())
        assert agrees(data, SUB1, digest, tmp_path)
        assert not agrees(data + b"\n", SUB1, digest, tmp_path)
        assert not agrees(data, RECOVERY, digest, tmp_path)


def test_our_own_corpus(tmp_path: Path) -> None:
    assert agrees(own("good/CTLFile.tlv"), RECOVERY, SHA512, tmp_path)
    assert agrees(own("good/ITLFile.tlv"), RECOVERY, SHA512, tmp_path)
    assert not agrees(own("bad/other_key.tlv"), plan("", "rsa1024-a"), SHA512, tmp_path)


@pytest.mark.parametrize("name", ["good/CTLFile.tlv", "good/ec_records.tlv", "good/small.tlv"])
def test_certificates_of_lists_are_read_alike(name: str, tmp_path: Path) -> None:
    for record in parse_trust_list(own(name)).records:
        assert record.certificate is not None
        certificate = read_certificate(record.certificate)
        path = tmp_path / "certificate.der"
        path.write_bytes(record.certificate)
        done = openssl(
            "x509", "-inform", "DER", "-in", path, "-noout", "-serial", "-subject", "-nameopt", "RFC2253,sep_comma_plus"
        )
        assert done.returncode == 0, done.stderr
        said = done.stdout.decode().splitlines()
        assert said[0] == f"serial={certificate.serial:0{2 * len(record.serial or b'')}X}"
        subject = ",".join(f"{kind}={value}" for kind, value in reversed(certificate.subject))
        assert said[1] == f"subject={subject}"
        pem = tmp_path / "certificate.pem"
        pem.write_bytes(openssl("x509", "-inform", "DER", "-in", path).stdout)
        # It is its own anchor: the signature, SHA-1 and short keys included, is what is asked for.
        checked = openssl("verify", "-auth_level", "0", "-check_ss_sig", "-attime", "1790812800", "-CAfile", pem, pem)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("size", [0, 1, 16, 1000])
def test_encrypted_files_are_decrypted(size: int, tmp_path: Path) -> None:
    plaintext = b"<device/>" + b" " * size
    file = FilePlan("SEP001122334455.cnf.xml.enc.sgn", SIGNED_AT)
    data = build_encrypted_file(file, plaintext, SUB1.identity(), PHONE.read(), ContentKey(CONTENT_KEY, CONTENT_IV))
    assert agrees(data, SUB1, SHA512, tmp_path)
    header = verify_signed_file(data, NOW, encrypted=True).header
    assert header is not None
    wrapped, payload = tmp_path / "wrapped", tmp_path / "payload"
    wrapped.write_bytes(header.values[HeaderTag.WRAPPED_KEY])
    payload.write_bytes(data[header.length :])
    key_file = OWN / "keys" / f"{PHONE.key_name}.pem"
    secret = openssl(
        "pkeyutl", "-decrypt", "-inkey", key_file, "-in", wrapped, "-pkeyopt", "rsa_padding_mode:pkcs1"
    ).stdout
    assert secret == CONTENT_KEY
    iv = header.values[HeaderTag.IV]
    padded = openssl("enc", "-d", "-aes-128-cbc", "-nopad", "-K", secret.hex(), "-iv", iv.hex(), "-in", payload).stdout
    count = int.from_bytes(header.values[HeaderTag.PLAINTEXT_PADDING], "big")
    assert padded == plaintext + b"\x0d" * count
    digest = openssl("dgst", "-sha512", "-binary", data=plaintext).stdout
    assert header.values[HeaderTag.PLAINTEXT_DIGEST] == digest
