"""Fuzz target: an encrypted phone file, verified and decrypted."""

from random import Random

from ctlctl_trust import verify_signed_file
from ctlctl_trust.signature import SHA1, SHA512
from support.invariants import hold_findings, small_report
from support.lists import SMALL_CAPF, SMALL_PUB, encrypted_draft
from support.mutate import ByteMutator, mutated
from support.pki import rsa_key
from support.vectors import NOW, OWN

NAME = "enc_sgn"
INSTRUMENT = ("ctlctl_trust",)

_PLAIN = b"<device><fullConfig>true</fullConfig><secret>1234</secret></device>\n"


def seeds() -> list[bytes]:
    """Return good files, and the corpus's bad ones."""
    drafts = [encrypted_draft(SMALL_PUB, "SEP.cnf.xml.enc.sgn", SMALL_CAPF, _PLAIN, digest=d) for d in (SHA1, SHA512)]
    good = [draft.sign(payload) for draft, payload in drafts]
    return good + [path.read_bytes() for path in sorted((OWN / "files" / "sgn").glob("*.enc.sgn"))]


def mutate(data: bytes, limit: int, random: Random, byte_mutator: ByteMutator) -> bytes:
    """Return another encrypted file, mostly well-formed."""
    return mutated(data, limit, random, byte_mutator, rsa_key(SMALL_PUB.key_name), records=False)


def one_input(data: bytes) -> None:
    """Verify and decrypt; a plaintext may only come out of a file without an error."""
    key = rsa_key(SMALL_CAPF.key_name) if len(data) % 8 else None
    report = verify_signed_file(data, NOW, encrypted=True, lists=(small_report(),), decrypt_key=key)
    hold_findings(report.findings, len(data))
    if report.plaintext is not None:
        assert not report.findings.invalid
        assert key is not None
    if not report.findings.invalid:
        assert report.signer is not None
        assert report.signer.verified
        assert (report.plaintext is None) == (key is None)
    if report.header is not None:
        assert report.header.encode() == data[: report.header.length]
