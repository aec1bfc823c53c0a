"""The verdict on one target, and its JSON."""

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ctlctl_trust.findings import Findings
from ctlctl_trust.names import comma_spelling
from ctlctl_trust.record import CACHED_SIZE
from ctlctl_trust.tlv import role_name, serial_text

if TYPE_CHECKING:
    from ctlctl_trust.certificate import Certificate
    from ctlctl_trust.continuity import ContinuityReport
    from ctlctl_trust.header import Header
    from ctlctl_trust.record import Record
    from ctlctl_trust.signedfile import SignedReport
    from ctlctl_trust.verify import ListReport

SCHEMA = "ctlctl.verify/1"


class Verdict(StrEnum):
    """What can be said of a target, worst first."""

    INVALID = "invalid"
    STALE = "stale"
    UNDECIDED = "undecided"
    SELF_CONSISTENT = "self-consistent"
    VALID = "valid"


#: Exit codes of all commands: 0 done or valid, 1 checked and not valid, 2 usage, 3 could not decide.
EXIT_CODES = {
    Verdict.VALID: 0,
    Verdict.SELF_CONSISTENT: 0,
    Verdict.INVALID: 1,
    Verdict.STALE: 1,
    Verdict.UNDECIDED: 3,
}


class Result(NamedTuple):
    """Everything known of one target.

    Attributes:
        target: as the operator wrote it.
        kind: "ctl", "itl", "sgn", "enc.sgn", or None when that cannot be told.
        verdict: the verdict.
        findings: everything found.
        data: the bytes, or None when there were none.
        size: size in bytes, or None when unknown.
        list_report: for a trust list.
        signed_report: for a signed file.
        continuity: how a list follows on the previous one; None when that was not asked or cannot be said.
        asked_continuity: whether a previous list was given.
        agrees_with_ctl: whether an ITL agrees with the CTL given; None when that was not asked or cannot be said.
        no_previous: a previous list was given, and it is empty: phones hold none.
        vouched_by: cluster that knows the signer, where no anchor was given.
    """

    target: str
    kind: str | None
    verdict: Verdict
    findings: Findings
    data: bytes | None = None
    size: int | None = None
    list_report: "ListReport | None" = None
    signed_report: "SignedReport | None" = None
    continuity: "ContinuityReport | None" = None
    asked_continuity: bool = False
    agrees_with_ctl: bool | None = None
    no_previous: bool = False
    vouched_by: str | None = None

    @property
    def header(self) -> "Header | None":
        """The header of either kind of file, or None."""
        if self.list_report is not None and self.list_report.trust_list is not None:
            return self.list_report.trust_list.header
        return None if self.signed_report is None else self.signed_report.header

    @property
    def signer_certificate(self) -> "Certificate | None":
        """The certificate whose key was used on the signature, or None."""
        report = self.list_report or self.signed_report
        if report is None or report.signer is None or report.signer.candidate is None:
            return None
        return report.signer.candidate.certificate

    @property
    def anchored(self) -> bool | None:
        """Whether an anchor vouches for the signer; None when none was given."""
        report = self.list_report or self.signed_report
        return None if report is None else report.anchored


def worst(verdicts: "frozenset[Verdict] | set[Verdict]") -> Verdict:
    """Return the verdict on all targets together; nothing at all is undecided."""
    return next((verdict for verdict in Verdict if verdict in verdicts), Verdict.UNDECIDED)


def checksums(data: bytes) -> dict[str, str]:
    """Return MD5 and SHA-1, as `show ctl` prints them, and SHA-256 of a file, lower-case hexadecimal."""
    import hashlib  # noqa: PLC0415 - workers that only count need no checksum

    return {name: hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in ("md5", "sha1", "sha256")}


def instant(moment: datetime) -> str:
    """Return an instant as ISO 8601 in UTC, whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def signed_at(header: "Header") -> datetime | None:
    """Return the signing time, or None when it is missing."""
    return None if header.timestamp is None else datetime.fromtimestamp(header.timestamp, UTC)


def to_json(result: Result) -> dict[str, object]:
    """Return a result as the JSON object of the contract; keys may be added, never renamed."""
    header = result.header
    sums: dict[str, str] | dict[str, None] = dict.fromkeys(("md5", "sha1", "sha256"))
    if result.data is not None:
        sums = checksums(result.data)
    out: dict[str, object] = {
        "target": result.target,
        "kind": result.kind,
        "verdict": result.verdict.value,
        "size": result.size,
        **sums,
        **_header_json(header),
        "signer": _signer_json(result),
        "records": _records_json(result.list_report),
        "continuity": _continuity_value(result),
        "anchored": result.anchored,
        "anchors": _anchors_json(result.continuity),
        "agrees_with_ctl": result.agrees_with_ctl,
        "findings": [
            {
                "code": finding.code.value,
                "severity": finding.severity.value,
                "message": finding.message,
                "offset": finding.offset,
                "tag": finding.tag,
                "record": finding.record,
            }
            for finding in result.findings.listed
        ],
        "findings_total": result.findings.total,
    }
    return out


def _header_json(header: "Header | None") -> dict[str, object]:
    if header is None:
        return dict.fromkeys(("version", "signer_version", "filename", "signed_at", "digest"))
    from ctlctl_trust.signature import DIGESTS  # noqa: PLC0415 - loaded already when there is a header

    digest = None if header.digest_code is None else DIGESTS.get(header.digest_code)
    moment = signed_at(header)
    return {
        "version": "{}.{}".format(*header.version),
        "signer_version": None if header.signer_version is None else "{}.{}".format(*header.signer_version),
        "filename": header.filename,
        "signed_at": None if moment is None else instant(moment),
        "digest": None if digest is None else digest.name,
    }


def _signer_json(result: Result) -> dict[str, object] | None:
    header = result.header
    if header is None:
        return None
    report = result.list_report or result.signed_report
    signer = None if report is None else report.signer
    candidate = None if signer is None else signer.candidate
    return {
        "subject": header.signer_name,
        "issuer": header.issuer,
        "serial": serial_text(header.serial) or None,
        "verified": None if signer is None else signer.verified,
        "record": None if candidate is None else candidate.number,
        "key": None if candidate is None or candidate.certificate is None else candidate.certificate.key_label,
    }


def _records_json(report: "ListReport | None") -> list[dict[str, object]]:
    if report is None or report.trust_list is None:
        return []
    return [
        {"index": number, **(_record_cached if record.size <= CACHED_SIZE else _record_json)(record)}
        for number, record in enumerate(report.trust_list.records, 1)
    ]


def _record_json(record: "Record") -> dict[str, object]:
    """Return a record without its number."""
    from ctlctl_trust.recordcheck import check_record  # noqa: PLC0415 - loaded already when there is a record

    certificate = check_record(record).certificate
    return {
        "roles": [role_name(record.role_code)],
        "role_code": record.role_code,
        "dns_name": record.dns_name,
        "ip_address": record.ip_address,
        "subject": record.subject if certificate is None else comma_spelling(certificate.subject),
        "issuer": record.issuer if certificate is None else comma_spelling(certificate.issuer),
        "serial": None if record.serial is None else serial_text(record.serial),
        "key": None if certificate is None else certificate.key_label,
        "not_before": None if certificate is None else instant(certificate.not_before),
        "not_after": None if certificate is None else instant(certificate.not_after),
        "sha1": None if record.certificate is None else checksums(record.certificate)["sha1"],
    }


# Lists of one cluster repeat their records, so each is written out once.
_record_cached = lru_cache(maxsize=1024)(_record_json)


def _continuity_value(result: Result) -> str | None:
    if result.list_report is None or result.list_report.trust_list is None:
        return None
    if not result.asked_continuity:
        return "first"
    if result.no_previous:
        return "first"
    if result.continuity is None or result.continuity.continuity is None:
        return None
    return result.continuity.continuity.value


def _anchors_json(report: "ContinuityReport | None") -> dict[str, list[str]] | None:
    if report is None:
        return None
    return {
        name: [comma_spelling(certificate.subject) for certificate in certificates]
        for name, certificates in (
            ("surviving", report.surviving),
            ("lost", report.lost),
            ("added", report.added),
        )
    }
