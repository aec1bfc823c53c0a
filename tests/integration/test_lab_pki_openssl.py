"""OpenSSL reads what the lab makes: certificates of nodes, tokens and phones, and the chains among them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl_lab.model import CALLMANAGER, CAPF, ITL_RECOVERY, TOMCAT, TVS, Credential, Identity
from ctlctl_lab.phonemodels import MicCa
from ctlctl_lab.pki import Pki, certificate_pem
from support.labworld import BORN, DAY, Factory, shared_directory
from support.programs import require_program

NAME = "CP-8845-SEP001122334455"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: Factory) -> Pki:
    return Pki(shared_directory(tmp_path_factory))


@pytest.fixture(scope="module")
def openssl() -> str:
    return require_program("openssl", "openssl")


def run(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def own(pki: Pki) -> Iterator[Identity]:
    yield from (pki.node(unit, "lab-pub", "127.0.7.1") for unit in (TOMCAT, CALLMANAGER, TVS, CAPF, ITL_RECOVERY))
    yield from (pki.manufacturing(which) for which in MicCa)
    yield pki.token(1)


def test_openssl_reads_every_certificate(openssl: str, pki: Pki, tmp_path: Path) -> None:
    for identity in own(pki):
        path = tmp_path / "certificate.pem"
        path.write_bytes(certificate_pem(identity.der))
        text = run(openssl, "x509", "-in", path, "-noout", "-text", "-fingerprint", "-sha256")
        assert "Version: 3 (0x2)" in text
        assert "Signature Algorithm: sha256WithRSAEncryption" in text
        assert text.count("LAB ctlctl") == 2
        assert identity.pin in text


def test_openssl_verifies_a_certificate_by_itself(openssl: str, pki: Pki, tmp_path: Path) -> None:
    for identity in own(pki):
        path = tmp_path / "certificate.pem"
        path.write_bytes(certificate_pem(identity.der))
        assert run(openssl, "verify", "-attime", str(BORN), "-CAfile", path, path).rstrip().endswith(": OK")


@pytest.mark.parametrize("kind", ["LSC", "LSC-EC", "MIC", "MIC-OLD"])
def test_openssl_verifies_a_phones_certificate_by_its_issuer(kind: str, openssl: str, pki: Pki, tmp_path: Path) -> None:
    capf = pki.node(CAPF, "lab-pub", "127.0.7.1")
    issuer = {"MIC": pki.manufacturing(MicCa.SHA2), "MIC-OLD": pki.manufacturing(MicCa.OLD)}.get(kind, capf)
    number = pki.pool_number(1, {"MIC-OLD": "RSA-1024", "LSC-EC": "EC secp256r1"}.get(kind, "RSA-2048"))
    credential = Credential(kind[:3], issuer, 2**62 + 1, BORN, BORN + 100 * DAY, number)
    authority, leaf = tmp_path / "issuer.pem", tmp_path / "leaf.pem"
    authority.write_bytes(certificate_pem(issuer.der))
    leaf.write_bytes(pki.phone_pem(NAME, credential))
    words = ("verify", "-x509_strict", "-attime", str(BORN + DAY), "-CAfile", authority)
    # OpenSSL's default level refuses 1,024 bits, as old phones have.
    level = ("-auth_level", "0" if kind == "MIC-OLD" else "2")
    for purpose in ("sslclient", "sslserver"):
        assert run(openssl, *words, *level, "-purpose", purpose, leaf).rstrip().endswith(": OK")
    assert f"CN = {NAME}" in run(openssl, "x509", "-in", leaf, "-noout", "-subject").replace("CN=", "CN = ")
    # The key belongs to it.
    public = run(openssl, "x509", "-in", leaf, "-noout", "-pubkey")
    assert run(openssl, "pkey", "-in", leaf, "-pubout") == public
