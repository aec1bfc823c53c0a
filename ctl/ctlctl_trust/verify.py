"""Verification of one CTL or ITL: everything that is right or wrong with it, at one instant.

The rules are those a careful phone would follow: the signer must be a SAST record of the list itself, and every record
must agree with the certificate it carries. Validity periods are warnings: a genuine cluster signs lists that
hold expired certificates.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ctlctl_trust.certificate import Certificate
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog, Findings
from ctlctl_trust.header import Header
from ctlctl_trust.recordcheck import check_record
from ctlctl_trust.signer import Candidate, Signer, check_algorithms, find_signer
from ctlctl_trust.tlv import (
    NEAR_SIZE_BYTES,
    NEAR_SIZE_CERTIFICATES,
    PHONE_SIZE_LIMIT,
    HeaderTag,
    Role,
)
from ctlctl_trust.trustlist import LIST_NAMES, TrustList, scan_into

if TYPE_CHECKING:
    from ctlctl_trust.anchors import TrustAnchors

#: How long before its end a certificate is said to expire soon; Cisco's own expiry monitor begins at 90 days.
EXPIRES_SOON = timedelta(days=90)
#: How far ahead of the verifier's clock a signing time may be before it is reported; clocks and zones differ.
FUTURE_TOLERANCE = timedelta(days=1)

_SIGNING_ROLES = frozenset({Role.SAST})


@dataclass(frozen=True, slots=True)
class Policy:
    """What a verifier may accept or expect.

    Attributes:
        allow_sha256: accept digest code 2.
        expected_name: the FILENAME that the list must carry, or None for either of the two generic names.
    """

    allow_sha256: bool = False
    expected_name: str | None = None


@dataclass(frozen=True, slots=True)
class ListReport:
    """What verification of a trust list gave.

    Attributes:
        trust_list: as much of the list as could be read, or None.
        findings: everything found.
        signer: who signed, and whether the signature verifies; None when the structure did not allow looking.
        certificates: the certificate of each record, None where there is none.
        anchored: whether an anchor vouches for the signer; None when no anchor was given.
    """

    trust_list: TrustList | None
    findings: Findings
    signer: Signer | None = None
    certificates: tuple[Certificate | None, ...] = ()
    anchored: bool | None = None

    def keys_of(self, *roles: Role) -> dict[bytes, Certificate]:
        """Return key -> certificate of every record that has one of ``roles`` and a certificate."""
        if self.trust_list is None:
            return {}
        return {
            certificate.list_key: certificate
            for record, certificate in zip(self.trust_list.records, self.certificates, strict=True)
            if certificate is not None and certificate.list_key is not None and record.role_code in roles
        }


def verify_trust_list(
    data: bytes, now: datetime, policy: Policy | None = None, anchors: "TrustAnchors | None" = None
) -> ListReport:
    """Verify a CTL or ITL.

    Args:
        data: the whole file.
        now: the instant to judge validity at; aware.
        policy: what to accept and expect.
        anchors: whom the operator trusts; without them the list can only be consistent with itself.

    Returns:
        Every finding, not only the first, where the structure allows going on. Never raises for any bytes.

    Raises:
        ValueError: ``now`` is not aware.
    """
    require_aware(now)
    policy = policy or Policy()
    log = FindingLog()
    trust_list, complete = scan_into(data, log)
    if trust_list is None:
        return ListReport(None, log.freeze())
    header = trust_list.header
    check_size(trust_list, log)
    _check_name(trust_list, policy, log)
    if header.version[0] == 1 and header.version[1] != 2:
        message = f"version 1.{header.version[1]}; every list seen so far has 1.2"
        log.add(Code.UNUSUAL_VERSION, message, offset=0, tag=1)
    digest = check_algorithms(header, log, allow_sha256=policy.allow_sha256)
    candidates = _check_records(trust_list, log)
    # Of a list that could not be read to its end, nothing is said about what it lacks.
    absent = Code.SIGNER_MISSING if complete else None
    signer = find_signer(data, header, candidates, _SIGNING_ROLES, digest, log, absent=absent)
    if complete:
        _check_sast(candidates, log)
    check_validity(header, candidates, signer, now, log)
    anchored = None
    if anchors is not None:
        anchored = check_anchor(signer, anchors, log)
    certificates = tuple(candidate.certificate for candidate in candidates)
    return ListReport(trust_list, log.freeze(), signer, certificates, anchored)


def require_aware(now: datetime) -> None:
    """Refuse an instant without a zone: it would be compared, or fail to, only where a file holds a certificate.

    Raises:
        ValueError: ``now`` is not aware.
    """
    if now.utcoffset() is None:
        raise ValueError("now has no time zone; give an aware datetime")


def later(now: datetime, span: timedelta) -> datetime:
    """Return ``now`` plus ``span``, or the last instant there is."""
    try:
        return now + span
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def check_size(trust_list: TrustList, log: FindingLog) -> None:
    """Warn of a list that phones will not load, or soon will not."""
    size = trust_list.size
    count = sum(record.certificate is not None for record in trust_list.records)
    if size > PHONE_SIZE_LIMIT:
        message = f"{size:,} bytes: phones fail to load a list over {PHONE_SIZE_LIMIT:,} and then do not register"
        log.add(Code.SIZE_OVER_64K, message)
    elif size >= NEAR_SIZE_BYTES or count >= NEAR_SIZE_CERTIFICATES:
        message = f"{size:,} bytes and {count} certificates; phones fail to load a list over {PHONE_SIZE_LIMIT:,} bytes"
        log.add(Code.NEAR_SIZE_LIMIT, message)


def _check_name(trust_list: TrustList, policy: Policy, log: FindingLog) -> None:
    name = trust_list.header.filename
    if name is None:
        return
    if policy.expected_name is not None and name != policy.expected_name:
        problem = f"FILENAME says {name!r}, expected is {policy.expected_name!r}"
    elif name not in LIST_NAMES:
        problem = f"FILENAME says {name!r}, neither CTLFile.tlv nor ITLFile.tlv"
    else:
        return
    log.add(Code.FILENAME, problem, offset=trust_list.header.offset_of(HeaderTag.FILENAME), tag=14)


def _check_records(trust_list: TrustList, log: FindingLog) -> list[Candidate]:
    candidates: list[Candidate] = []
    seen: dict[tuple[object, ...], int] = {}
    keys: dict[tuple[object, ...], tuple[bytes | None, int]] = {}
    for number, (record, offset) in enumerate(zip(trust_list.records, trust_list.offsets, strict=True), 1):
        checked = check_record(record)
        for finding in checked.findings:
            log.put_placed(finding, offset, number)
        candidates.append(Candidate(number, offset, record, checked.certificate))
        certificate = checked.certificate
        if certificate is not None:
            # TVS and phones look certificates up by these two alone.
            key, holder = keys.setdefault((certificate.serial, certificate.issuer), (certificate.list_key, number))
            if key != certificate.list_key:
                message = f"has the issuer and serial number of record {holder}'s certificate, but another key"
                log.add(Code.KEY_SUBSTITUTED, message, offset=offset, tag=1, record=number)
        if record.certificate is not None:
            # One multi-SAN certificate stands once for every node it serves, each time under that node's DNS name.
            identity = (record.certificate, record.role_code, record.dns_name)
            first = seen.setdefault(identity, number)
            if first != number:
                message = f"repeats the certificate and role of record {first}"
                log.add(Code.DUPLICATE_RECORD, message, offset=offset, tag=1, record=number)
    return candidates


def _check_sast(candidates: list[Candidate], log: FindingLog) -> None:
    sast: set[bytes | None] = set()
    shared: set[bytes | None] = set()
    for candidate in candidates:
        if candidate.certificate is None:
            continue
        if candidate.record.role_code == Role.SAST:
            sast.add(candidate.certificate.list_key)
        elif candidate.record.role_code == Role.CCM_TFTP:
            shared.add(candidate.certificate.list_key)
    if len(sast) == 1:
        message = "only one SAST key: if it is lost or replaced, phones have no second one to trust the next list by"
        log.add(Code.SINGLE_SAST, message)
    if sast & shared:
        message = "a SAST key is a CCM+TFTP key too: renewing that certificate takes an anchor away"
        log.add(Code.SAST_ALSO_CCM_TFTP, message)


def check_validity(header: Header, candidates: list[Candidate], signer: Signer, now: datetime, log: FindingLog) -> None:
    """Warn of certificates outside their validity, or soon so, and of a signing time ahead of ``now``."""
    signed_at = None
    if header.timestamp is not None:
        signed_at = datetime.fromtimestamp(header.timestamp, UTC)
        if signed_at > later(now, FUTURE_TOLERANCE):
            message = f"signed {signed_at:%Y-%m-%d %H:%M:%SZ}, which is yet to come"
            log.add(Code.SIGNED_IN_FUTURE, message, offset=header.offset_of(HeaderTag.TIMESTAMP), tag=15)
    own = None if signer.candidate is None else signer.candidate.certificate
    if own is not None and own.not_after < now:
        message = f"the signer's certificate {own.common_name} ended {own.not_after:%Y-%m-%d}"
        log.add(Code.SIGNER_EXPIRED, message)
    soon = later(now, EXPIRES_SOON)
    for candidate in candidates:
        certificate = candidate.certificate
        if certificate is None:
            continue
        if certificate.not_after < soon:
            ended = certificate.not_after
            if ended >= now:
                code, message = Code.EXPIRES_SOON, f"{certificate.common_name} ends {ended:%Y-%m-%d}"
            else:
                before = ", before the list was signed" if signed_at is not None and ended < signed_at else ""
                code, message = (
                    Code.RECORD_EXPIRED,
                    f"{certificate.common_name} ended {ended:%Y-%m-%d}{before}",
                )
            log.add(code, message, offset=candidate.offset, record=candidate.number)
        if certificate.not_before > now:
            message = f"{certificate.common_name} is not valid before {certificate.not_before:%Y-%m-%d}"
            log.add(Code.RECORD_NOT_YET_VALID, message, offset=candidate.offset, record=candidate.number)


def check_anchor(signer: Signer, anchors: "TrustAnchors", log: FindingLog) -> bool:
    """Tell whether an anchor holds the signer's key, and note it when none does."""
    certificate = None if signer.candidate is None else signer.candidate.certificate
    if certificate is not None and certificate.list_key in anchors.keys:
        # A list that only names an anchor as its signer is vouched for by nobody; that it is bad has been said.
        return signer.verified is True
    who = "its signer" if certificate is None else certificate.common_name
    message = f"none of the {len(anchors.keys)} anchor keys is the key of {who}"
    if certificate is not None and anchors.issued(certificate):
        message += "; an anchor issued its certificate, but phones trust keys, not issuers: give the signer's own"
    log.add(Code.ANCHOR_MISMATCH, message)
    return False
