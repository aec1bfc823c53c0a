"""By which certificates CAPF may prove itself: never by a name, always by one of these, byte for byte."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.verify.loading import read_certificates
from ctlctl_trust import TrustAnchors, verify_trust_list
from ctlctl_trust.certificate import Certificate, CertificateError
from ctlctl_trust.codes import Severity
from ctlctl_trust.tlv import Role
from ctlctl_trust.verify import ListReport

AnchorKind = Literal["file", "trust-list", "cluster", "pin", "first-use"]

HOW_TO_ANCHOR: Final = (
    "Compare that fingerprint with CAPF's certificate as the publisher itself shows it (OS Administration, or show "
    "cert own CAPF), then give the certificate with --trust-anchor; or give the current list with --trust-list "
    "CTLFile.tlv, or the cluster with --cluster NAME; --trust-on-first-use believes whoever answers now"
)


@dataclass(frozen=True, slots=True)
class Anchors:
    """Whom to believe.

    Attributes:
        certificates: CAPF's, of now and perhaps of before.
        kind: where they are from.
        words: the same for a person.
        issuers: certificates of CAs that may sign for CAPF, besides CAPF itself.
    """

    certificates: tuple[Certificate, ...]
    kind: AnchorKind
    words: str
    issuers: tuple[Certificate, ...] = ()

    @property
    def ders(self) -> tuple[bytes, ...]:
        """The certificates' bytes."""
        return tuple(each.der for each in self.certificates)


def of_pem(option: str, data: bytes) -> tuple[Certificate, ...]:
    """Return the certificates of a file, PEM or DER.

    Raises:
        EnrollError: there is none.
    """
    try:
        return read_certificates(data)
    except CertificateError as error:
        raise EnrollError(EnrollFault.USAGE, f"{option}: {error}", "Give the certificate of CAPF, PEM or DER") from None


def of_list(option: str, data: bytes, now: datetime, signers: tuple[Certificate, ...] = ()) -> Anchors:
    """Return the CAPF records of a trust list that an operator gives.

    Args:
        option: where it is from, for errors.
        data: the list.
        now: this instant, aware.
        signers: who may have signed it; without them it has to agree with itself, and the operator vouches for it.

    Raises:
        EnrollError: it does not hold, or has no CAPF record.
    """
    report = verify_trust_list(data, now, anchors=TrustAnchors(signers) if signers else None)
    if report.findings.invalid:
        first = next(one for one in report.findings.listed if one.severity is Severity.ERROR)
        advice = "See what ctlctl verify says of that file"
        raise EnrollError(EnrollFault.NO_ANCHOR, f"{option}: {first.code}: {first.message}", advice)
    found = tuple(report.keys_of(Role.CAPF).values())
    if not found:
        advice = "Give the CTL or ITL of a TFTP node of the cluster; CAPF has a record in it where CAPF is activated"
        raise EnrollError(EnrollFault.NO_ANCHOR, f"{option}: no record of CAPF in it", advice)
    vouched = "valid, signed by the anchor" if report.anchored else "self-consistent: whoever gives it vouches for it"
    return Anchors(found, "trust-list", f"CAPF record of {option} ({vouched})")


def of_cluster(
    cluster: str, lists: Iterable[tuple[str, bytes]], known_keys: frozenset[bytes], now: datetime
) -> Anchors:
    """Return the CAPF records of the lists that a cluster serves, as far as a key that it knows has signed them.

    Args:
        cluster: its name.
        lists: where each list is from, and its bytes; TFTP proves nothing of them.
        known_keys: keys that the cluster knows by another way that is proved: AXL over pinned TLS.
        now: this instant, aware.

    Raises:
        EnrollError: there is none.
    """
    found: dict[bytes, Certificate] = {}
    places: list[str] = []
    seen = 0
    for place, data in lists:
        seen += 1
        report = verify_trust_list(data, now)
        records = report.keys_of(Role.CAPF)
        if not report.findings.invalid and records and _signer_key(report) in known_keys:
            found |= {one.der: one for one in records.values()}
            places.append(place)
    if not found:
        detail = (
            f"{seen} trust lists of {cluster} have no CAPF record that can be proved: signed by a key that AXL knows"
        )
        advice = f"See what ctlctl verify cluster:{cluster} says, or give CAPF's certificate with --trust-anchor"
        raise EnrollError(EnrollFault.NO_ANCHOR, detail, advice)
    where = f"{places[0]} and {len(places) - 1} more" if len(places) > 1 else places[0]
    return Anchors(
        tuple(found.values()), "cluster", f"CAPF record of {where}, signed by a key that {cluster} knows (AXL)"
    )


def _signer_key(report: ListReport) -> bytes | None:
    candidate = None if report.signer is None or report.signer.verified is not True else report.signer.candidate
    certificate = None if candidate is None else candidate.certificate
    return None if certificate is None else certificate.list_key
