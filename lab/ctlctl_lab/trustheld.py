"""A trust list as a phone holds it: the bytes, and the keys it trusts for each role.

Thousands of phones hold the same file; they share one of these.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from ctlctl_trust import ListReport, verify_trust_list
from ctlctl_trust.tlv import PHONE_SIZE_LIMIT, Role


@dataclass(frozen=True, slots=True, eq=False)
class HeldList:
    """A trust list that could be read and whose signature its own signer record verifies.

    Attributes:
        data: the file.
        signer: key of the signer, as lists spell keys.
        sast: keys of SAST records.
        ccm: DER certificates of CCM and CCM+TFTP records.
        tftp: keys of CCM+TFTP and TFTP records, which may sign phone files.
        capf: DER certificates of CAPF records.
        tvs: DER certificates of TVS records.
        digest: "sha1" or "sha512".
        timestamp: signing time.
    """

    data: bytes = field(repr=False)
    signer: bytes = field(repr=False)
    sast: frozenset[bytes] = field(repr=False)
    ccm: frozenset[bytes] = field(repr=False)
    tftp: frozenset[bytes] = field(repr=False)
    capf: frozenset[bytes] = field(repr=False)
    tvs: frozenset[bytes] = field(repr=False)
    digest: str
    timestamp: int

    @property
    def blank(self) -> bool:
        """Whether it names nobody who signs phone files and no TVS, as an ITL does before a rollback to pre 8.0."""
        return not self.tftp and not self.tvs

    @property
    def md5(self) -> str:
        """MD5 of the file, as phones' pages and `show itl` print it."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def read_held(data: bytes, now: datetime) -> HeldList | None:
    """Read a list as firmware does.

    Args:
        data: the file.
        now: an aware instant; validity is no ground for refusal, a genuine cluster signs lists with expired records.

    Returns:
        The list, or None where a phone would refuse it out of hand: over 64 KB, malformed, or not signed by a SAST
        record of its own.
    """
    if len(data) > PHONE_SIZE_LIMIT:
        return None
    report = verify_trust_list(data, now)
    signer = report.signer
    certificate = None if signer is None or signer.candidate is None else signer.candidate.certificate
    key = None if certificate is None else certificate.list_key
    if key is None or signer is None or report.trust_list is None or report.findings.invalid:
        return None
    return HeldList(
        data,
        key,
        frozenset(report.keys_of(Role.SAST)),
        _certificates(report, Role.CCM, Role.CCM_TFTP),
        frozenset(report.keys_of(Role.CCM_TFTP, Role.TFTP)),
        _certificates(report, Role.CAPF),
        _certificates(report, Role.TVS),
        "" if signer.digest is None else signer.digest.name,
        report.trust_list.header.timestamp or 0,
    )


def _certificates(report: ListReport, *roles: Role) -> frozenset[bytes]:
    return frozenset(certificate.der for certificate in report.keys_of(*roles).values())
