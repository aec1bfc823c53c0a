"""Fuzz target: a signed phone file, against a list and against an anchor."""

from functools import cache
from random import Random

from ctlctl_trust import Policy, TrustAnchors, verify_signed_file
from ctlctl_trust.signature import SHA1, SHA512
from support.invariants import hold_findings, small_report
from support.lists import SMALL_PUB, sgn_draft
from support.mutate import ByteMutator, mutated
from support.pki import rsa_key
from support.vectors import NOW, OWN

NAME = "sgn"
INSTRUMENT = ("ctlctl_trust",)

_PAYLOAD = b"<device><fullConfig>true</fullConfig></device>\n"


@cache
def anchors() -> TrustAnchors:
    """Return the signer itself as anchor."""
    return TrustAnchors((SMALL_PUB.read(),))


def seeds() -> list[bytes]:
    """Return good files by the list's signer, and the corpus's bad ones."""
    good = [sgn_draft(SMALL_PUB, "SEP001122334455.cnf.xml.sgn", digest=d).sign(_PAYLOAD) for d in (SHA1, SHA512)]
    files = sorted(path for path in (OWN / "files" / "sgn").glob("*.sgn") if not path.name.endswith(".enc.sgn"))
    return good + [path.read_bytes() for path in files]


def mutate(data: bytes, limit: int, random: Random, byte_mutator: ByteMutator) -> bytes:
    """Return another signed file, mostly well-formed."""
    return mutated(data, limit, random, byte_mutator, rsa_key(SMALL_PUB.key_name), records=False)


def one_input(data: bytes) -> None:
    """Verify in one of four ways; whatever the bytes, only findings may come of it."""
    variant = len(data) % 4
    lists = (small_report(),) if variant != 1 else ()
    asked = anchors() if variant in (1, 2) else None
    policy = Policy(allow_sha256=variant == 3)
    report = verify_signed_file(data, NOW, encrypted=False, lists=lists, policy=policy, anchors=asked)
    hold_findings(report.findings, len(data))
    assert report.plaintext is None
    if not lists and report.header is not None:
        # Nobody to ask: whatever an anchor says, there is no verdict to be had.
        assert report.findings.undecided
        assert not report.anchored
    elif not report.findings.invalid:
        assert report.signer is not None
        assert report.signer.verified
    if report.header is not None:
        assert report.header.encode() == data[: report.header.length]
    if len(data) % 16 == 0:
        again = verify_signed_file(data, NOW, encrypted=False, lists=lists, policy=policy, anchors=asked)
        assert again.findings == report.findings
