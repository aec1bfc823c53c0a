"""Who issued a certificate, held against certificates that cryptography itself made."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from ctlctl_trust.certificate import Certificate, read_certificate
from ctlctl_trust.issuing import issued_by
from support.pki import rsa_key
from support.programs import require_program

CA_KEY, OTHER_KEY, LEAF_KEY = rsa_key("rsa2048-pub"), rsa_key("rsa2048-sub1"), rsa_key("rsa2048-capf")
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(
    subject: str,
    issuer: str,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    signer: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    digest: hashes.SHA256 | hashes.SHA384 | None = hashes.SHA256(),  # noqa: B008 - it has no state
    pss: bool = False,
) -> Certificate:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(
        name(issuer), name(subject), key.public_key(), 4711, start, start + timedelta(days=400)
    )
    how = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    return read_certificate(builder.sign(signer, digest, rsa_padding=how).public_bytes(Encoding.DER))


CA = certificate("CAPF-1", "CAPF-1", CA_KEY, CA_KEY)
LEAF = certificate("SEP001122334455", "CAPF-1", LEAF_KEY, CA_KEY)


def test_the_key_and_the_name_must_both_be_right() -> None:
    assert issued_by(LEAF, CA)
    assert issued_by(CA, CA)
    assert not issued_by(CA, LEAF)
    # Another CA of the same name, as after a renewal; and the same key under another name.
    assert not issued_by(LEAF, certificate("CAPF-1", "CAPF-1", OTHER_KEY, OTHER_KEY))
    assert not issued_by(LEAF, certificate("CAPF-2", "CAPF-2", CA_KEY, CA_KEY))


def test_other_kinds_of_signature() -> None:
    ec_ca = certificate("EC", "EC", EC_KEY, EC_KEY, hashes.SHA384())
    assert issued_by(certificate("leaf", "EC", LEAF_KEY, EC_KEY), ec_ca)
    assert issued_by(certificate("leaf", "CAPF-1", LEAF_KEY, CA_KEY, pss=True), CA)
    # An issuer of one kind whose name a signature of another kind bears.
    assert not issued_by(certificate("leaf", "EC", LEAF_KEY, CA_KEY), ec_ca)
    assert not issued_by(certificate("leaf", "CAPF-1", LEAF_KEY, EC_KEY), CA)


def test_what_cannot_be_checked_is_no_proof() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert not issued_by(certificate("leaf", "CAPF-1", LEAF_KEY, key, None), CA)


#: The bit that makes the serial number, 4711, a negative one.
SIGN = 8 * (LEAF.der.index(b"\x02\x02\x12\x67") + 2) + 7


@given(st.integers(0, len(LEAF.der) * 8 - 1))
@example(SIGN)
def test_any_flipped_bit_ends_the_proof(bit: int) -> None:
    flipped = bytearray(LEAF.der)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        changed = read_certificate(bytes(flipped))
    except ValueError:
        return
    assert not issued_by(changed, CA)


def test_old_phones_certificates(tmp_path: Path) -> None:
    """SHA-1, which cryptography's own verify_directly_issued_by refuses."""
    openssl = require_program("openssl", "openssl")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], check=True, capture_output=True, cwd=tmp_path)

    run("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "k", "-out", "ca.pem", "-subj", "/CN=CA", "-sha1")
    run("req", "-newkey", "rsa:1024", "-nodes", "-keyout", "l", "-out", "l.csr", "-subj", "/CN=SEP001122334455")
    run("x509", "-req", "-in", "l.csr", "-CA", "ca.pem", "-CAkey", "k", "-out", "l.der", "-outform", "DER", "-sha1")
    run("x509", "-in", "ca.pem", "-out", "ca.der", "-outform", "DER")
    leaf = read_certificate((tmp_path / "l.der").read_bytes())
    assert issued_by(leaf, read_certificate((tmp_path / "ca.der").read_bytes()))
