"""OpenSSL's command line agrees about CAPF: signatures of bare digests, both ways, and LSCs that we issue."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ctlctl_capf import (
    Credential,
    DigestCode,
    LscPlan,
    Naming,
    issue_lsc,
    signed_by_device,
    signer,
    verifies,
)
from ctlctl_capf.authentication import digest_of, prove, prove_sudi, signed_in_session
from support.pki import der, der_extension, key, plan, rsa_key
from support.programs import require_program
from support.vectors import NOW

DEVICE = "SEP001122334455"
KEYS = pytest.mark.parametrize("name", ["rsa1024-b", "rsa2048-phone", "rsa4096", "ec256", "ec384", "ec521"])
DIGESTS = pytest.mark.parametrize("digest", list(DigestCode))
DATA = signed_by_device(DEVICE, b"a certificate")


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    program = require_program("openssl", "openssl")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, check=False, timeout=60)


def files(name: str, directory: Path, digest: DigestCode) -> tuple[Path, Path, Path]:
    """Write private key, public key and bare digest."""
    private, public, value = directory / "key.pem", directory / "public.pem", directory / "digest"
    private.write_bytes(key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    value.write_bytes(digest_of(DATA, digest))
    return private, public, value


@KEYS
@DIGESTS
def test_what_openssl_signs_verifies_here(name: str, digest: DigestCode, tmp_path: Path) -> None:
    """``pkeyutl -sign`` without a digest wraps the bytes as they are, under PKCS#1 block type 1."""
    private, _, value = files(name, tmp_path, digest)
    out = tmp_path / "signature"
    assert openssl("pkeyutl", "-sign", "-inkey", private, "-in", value, "-out", out).returncode == 0
    public = key(name).public_key()
    assert verifies(public, out.read_bytes(), DATA, digest)
    assert not verifies(public, out.read_bytes(), DATA + b"x", digest)
    other = DigestCode.SHA1 if digest is DigestCode.SHA512 else DigestCode.SHA512
    assert not verifies(public, out.read_bytes(), DATA, other)


@KEYS
@DIGESTS
def test_what_is_signed_here_verifies_with_openssl(name: str, digest: DigestCode, tmp_path: Path) -> None:
    _, public, value = files(name, tmp_path, digest)
    signature = tmp_path / "signature"
    signature.write_bytes(signer(key(name))(DATA, digest))
    ask = ("pkeyutl", "-verify", "-pubin", "-inkey", public, "-in", value, "-sigfile", signature)
    assert b"Verified Successfully" in openssl(*ask).stdout
    value.write_bytes(digest_of(DATA + b"x", digest))
    assert openssl(*ask).returncode != 0


@DIGESTS
def test_a_usual_signature_is_none(digest: DigestCode, tmp_path: Path) -> None:
    """One with DigestInfo, as everybody else makes them."""
    private, _, value = files("rsa2048-phone", tmp_path, digest)
    out = tmp_path / "signature"
    how = "digest:sha1" if digest is DigestCode.SHA1 else "digest:sha512"
    done = openssl("pkeyutl", "-sign", "-inkey", private, "-in", value, "-out", out, "-pkeyopt", how)
    assert done.returncode == 0
    assert not verifies(key("rsa2048-phone").public_key(), out.read_bytes(), DATA, digest)


@pytest.mark.parametrize(
    "block",
    [
        "0002" + "ff" * 189 + "00",
        "0001" + "ff" * 188 + "fe00",
        "0001" + "ff" * 7 + "00" + "00" * 182,
        "0101" + "ff" * 189 + "00",
        "0001" + "ff" * 190,
    ],
    ids=["block type 2", "hole in the padding", "short padding", "first byte", "no end"],
)
def test_all_of_the_padding_is_checked(block: str) -> None:
    """Blocks that end in the digest, signed with the bare key: a reader of the last bytes alone would take them."""
    private = rsa_key("rsa2048-phone")
    assert isinstance(private, RSAPrivateKey)
    numbers = private.private_numbers()

    def sign(padding: bytes) -> bytes:
        value = int.from_bytes(padding + digest_of(DATA, DigestCode.SHA512))
        return pow(value, numbers.d, numbers.public_numbers.n).to_bytes(256)

    public = private.public_key()
    assert verifies(public, sign(bytes.fromhex("0001" + "ff" * 189 + "00")), DATA, DigestCode.SHA512)
    assert not verifies(public, sign(bytes.fromhex(block)), DATA, DigestCode.SHA512)


def test_junk_verifies_nothing() -> None:
    for name in ("rsa2048-phone", "ec256"):
        public = key(name).public_key()
        for junk in (b"", b"\0", bytes(256), b"\xff" * 256, bytes(300)):
            assert not verifies(public, junk, DATA, DigestCode.SHA512)
        assert not verifies(public, signer(key(name))(DATA, DigestCode.SHA512), DATA, 2)
    assert not verifies(None, b"", DATA, 3)


def test_what_is_proved_is_what_is_said_to_be_signed() -> None:
    own = Credential(b"DER", signer(key("rsa2048-phone")))
    public = key("rsa2048-phone").public_key()
    sha1, sha2 = prove(DEVICE, own)
    assert verifies(public, sha1, b"SEP001122334455\0DER", DigestCode.SHA1)
    assert verifies(public, sha2.signature, b"SEP001122334455\0DER", sha2.digest)
    sudi = prove_sudi(258, own)
    assert signed_in_session(258, b"DER") == b"\2\1\0\0DER"
    assert [verifies(public, one.signature, b"\2\1\0\0DER", one.digest) for one in sudi.signatures] == [True, True]


@pytest.mark.parametrize("naming", list(Naming))
@pytest.mark.parametrize("name", ["rsa2048-phone", "ec384"])
def test_an_lsc_is_good_for_openssl(naming: Naming, name: str, tmp_path: Path) -> None:
    constraints = der_extension("2.5.29.19", der(0x30, der(1, b"\xff"), der(2, b"\0")))
    usage = der_extension("2.5.29.15", bytes.fromhex("03020284"))
    ca = plan("CAPF-1234abcd", "rsa2048-capf", extensions=(constraints, usage))
    public = key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ends = NOW + timedelta(days=365)
    wish = LscPlan(DEVICE, 1 << 126, NOW, ends, naming, "CP-8861", "FCH12345678")
    lsc = issue_lsc(wish, public, ca.encode(), rsa_key("rsa2048-capf"))
    paths = tmp_path / "ca.der", tmp_path / "lsc.der"
    for path, data in zip(paths, (ca.encode(), lsc), strict=True):
        path.write_bytes(data)
        assert openssl("x509", "-inform", "DER", "-in", path, "-out", path.with_suffix(".pem")).returncode == 0
    at = ("-attime", str(int(NOW.timestamp()) + 60))
    for purpose in ("sslclient", "sslserver"):
        done = openssl("verify", *at, "-purpose", purpose, "-CAfile", tmp_path / "ca.pem", tmp_path / "lsc.pem")
        assert b"lsc.pem: OK" in done.stdout, done.stderr
    shown = openssl("x509", "-in", tmp_path / "lsc.pem", "-noout", "-subject").stdout.decode()
    want = f"CN = CP-8861-{DEVICE}" if naming is Naming.CUCM else f"CN = {DEVICE}"
    assert want in shown
