"""Trust lists of Cisco Unified Communications Manager: CTL, ITL, signed and encrypted phone files.

Pure: bytes and an instant in, values and findings out. No file, socket, clock or log is touched here.

    >>> from datetime import UTC, datetime
    >>> from ctlctl_trust import verify_trust_list
    >>> report = verify_trust_list(b"", datetime(2026, 11, 23, tzinfo=UTC))
    >>> [finding.code.value for finding in report.findings.listed]
    ['empty']
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctlctl_trust.agreement import check_agreement
    from ctlctl_trust.anchors import TrustAnchors
    from ctlctl_trust.build import ListPlan, RecordPlan, build_trust_list
    from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate
    from ctlctl_trust.codes import Code, Severity, severity_of
    from ctlctl_trust.continuity import Continuity, ContinuityReport, check_continuity
    from ctlctl_trust.diff import ListDiff, diff_lists
    from ctlctl_trust.findings import Finding, Findings
    from ctlctl_trust.signedfile import SignedReport, verify_signed_file
    from ctlctl_trust.signedfilebuild import ContentKey, FilePlan, build_encrypted_file, build_signed_file
    from ctlctl_trust.signing import BuildError, Layout, SigningIdentity
    from ctlctl_trust.trustlist import Kind, TrustList, TrustListError, parse_trust_list, scan_trust_list
    from ctlctl_trust.verify import ListReport, Policy, verify_trust_list

# A cold `ctlctl verify` pays only for the modules it uses, so a public name brings its module when it is asked for.
_HOMES = {
    "BuildError": "signing",
    "Certificate": "certificate",
    "CertificateError": "certificate",
    "Code": "codes",
    "ContentKey": "signedfilebuild",
    "Continuity": "continuity",
    "ContinuityReport": "continuity",
    "FilePlan": "signedfilebuild",
    "Finding": "findings",
    "Findings": "findings",
    "Kind": "trustlist",
    "Layout": "signing",
    "ListDiff": "diff",
    "ListPlan": "build",
    "ListReport": "verify",
    "Policy": "verify",
    "RecordPlan": "build",
    "Severity": "codes",
    "SignedReport": "signedfile",
    "SigningIdentity": "signing",
    "TrustAnchors": "anchors",
    "TrustList": "trustlist",
    "TrustListError": "trustlist",
    "build_encrypted_file": "signedfilebuild",
    "build_signed_file": "signedfilebuild",
    "build_trust_list": "build",
    "check_agreement": "agreement",
    "check_continuity": "continuity",
    "diff_lists": "diff",
    "parse_trust_list": "trustlist",
    "read_certificate": "certificate",
    "scan_trust_list": "trustlist",
    "severity_of": "codes",
    "verify_signed_file": "signedfile",
    "verify_trust_list": "verify",
}

__all__ = [
    "BuildError",
    "Certificate",
    "CertificateError",
    "Code",
    "ContentKey",
    "Continuity",
    "ContinuityReport",
    "FilePlan",
    "Finding",
    "Findings",
    "Kind",
    "Layout",
    "ListDiff",
    "ListPlan",
    "ListReport",
    "Policy",
    "RecordPlan",
    "Severity",
    "SignedReport",
    "SigningIdentity",
    "TrustAnchors",
    "TrustList",
    "TrustListError",
    "build_encrypted_file",
    "build_signed_file",
    "build_trust_list",
    "check_agreement",
    "check_continuity",
    "diff_lists",
    "parse_trust_list",
    "read_certificate",
    "scan_trust_list",
    "severity_of",
    "verify_signed_file",
    "verify_trust_list",
]


def __getattr__(name: str) -> object:
    """Bring a public name from its module."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(f"{__name__}.{home}"), name)
