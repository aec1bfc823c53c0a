"""Fuzz target: a CTL or ITL, read, verified and compared."""

from functools import cache
from random import Random

from ctlctl_trust import (
    Policy,
    TrustAnchors,
    TrustListError,
    check_agreement,
    check_continuity,
    diff_lists,
    parse_trust_list,
    scan_trust_list,
    verify_trust_list,
)
from support.invariants import hold_findings, small_report
from support.lists import SMALL_RECOVERY
from support.mutate import ByteMutator, mutated
from support.pki import rsa_key
from support.vectors import NOW, OWN, own

NAME = "trust_list"
INSTRUMENT = ("ctlctl_trust",)
#: Bytes: the small good list has 3,400, and every byte more only makes runs slower.
MAX_LENGTH = 4096

_KEY = SMALL_RECOVERY.key_name


@cache
def _anchors() -> TrustAnchors:
    return TrustAnchors((SMALL_RECOVERY.read(),))


def seeds() -> list[bytes]:
    """Return the corpus's small lists; good ones with short keys go deepest and fastest."""
    files = sorted((OWN / "files").rglob("*.tlv"))
    return [data for path in files if len(data := own(str(path.relative_to(OWN / "files")))) <= MAX_LENGTH]


def mutate(data: bytes, limit: int, random: Random, byte_mutator: ByteMutator) -> bytes:
    """Return another list, mostly well-formed."""
    return mutated(data, limit, random, byte_mutator, rsa_key(_KEY), records=True)


def one_input(data: bytes) -> None:
    """Read, verify and compare; whatever the bytes, only what is documented may happen."""
    scan = scan_trust_list(data)
    hold_findings(scan.findings, len(data))
    if scan.complete:
        assert scan.trust_list is not None
        assert scan.trust_list.encode() == data
    else:
        assert scan.findings.invalid
    variant = len(data) % 4
    if variant == 0:
        _parse(data, complete=scan.complete, invalid=scan.findings.invalid)
    policy = Policy(allow_sha256=variant == 1, expected_name="CTLFile.tlv" if variant == 2 else None)
    report = verify_trust_list(data, NOW, policy, _anchors() if variant == 3 else None)
    hold_findings(report.findings, len(data))
    if scan.findings.invalid:
        assert report.findings.invalid
    if not report.findings.invalid:
        # The one thing that must never happen: nothing found, and nobody's signature verified.
        assert report.signer is not None
        assert report.signer.verified
        assert scan.complete
        if variant == 3:
            assert report.anchored
    # What follows hangs on the report alone; a part of the inputs is enough.
    if report.trust_list is None or variant != 1:
        return
    good = small_report()
    hold_findings(check_continuity(report, good).findings, len(data))
    agreement = check_agreement(report, good)
    assert (agreement is not None) == (report.signer is not None and report.signer.verified is True)
    if agreement is not None:
        hold_findings(agreement, len(data))
    diff = diff_lists(report, good)
    assert diff.kept + len(diff.added) == 3
    assert diff.kept + len(diff.removed) == len(report.trust_list.records)
    assert verify_trust_list(data, NOW, policy).findings == report.findings


def _parse(data: bytes, *, complete: bool, invalid: bool) -> None:
    try:
        parse_trust_list(data)
    except TrustListError as error:
        assert error.findings.invalid  # noqa: PT017 - no test runner here
        assert invalid
    else:
        assert complete
        assert not invalid
