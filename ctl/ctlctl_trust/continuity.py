"""Would a phone that holds one list take the next?

A phone takes a new list when a SAST of the list it holds vouches for the new one's signer. Sources disagree on whether
the CCM+TFTP certificate of the old list is enough, so that case has a name of its own. Keys are compared, never
names.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ctlctl_trust.certificate import Certificate
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog, Findings
from ctlctl_trust.tlv import HeaderTag, Role
from ctlctl_trust.verify import ListReport


class Continuity(StrEnum):
    """How a list follows on another."""

    CONTINUOUS = "continuous"
    BROKEN_STRICT = "broken-strict"
    BROKEN = "broken"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class ContinuityReport:
    """How a list follows on the previous one.

    Attributes:
        continuity: the class; None when the new list's signer is not known, so that nothing can be said.
        surviving: SAST certificates of the old list whose key is a SAST of the new one too.
        lost: SAST certificates of the old list that the new one lacks.
        added: SAST certificates that only the new list has.
        findings: what the operator should know.
    """

    continuity: Continuity | None
    surviving: tuple[Certificate, ...]
    lost: tuple[Certificate, ...]
    added: tuple[Certificate, ...]
    findings: Findings


def check_continuity(new: ListReport, previous: ListReport) -> ContinuityReport:
    """Compare a verified list with the verified list that phones hold.

    Args:
        new: report on the list about to be served.
        previous: report on the list phones hold; must have been readable.

    Returns:
        The class of continuity, which anchors survive, and findings.
    """
    log = FindingLog()
    old_sast, new_sast = previous.keys_of(Role.SAST), new.keys_of(Role.SAST)
    surviving = tuple(cert for key, cert in old_sast.items() if key in new_sast)
    lost = tuple(cert for key, cert in old_sast.items() if key not in new_sast)
    added = tuple(cert for key, cert in new_sast.items() if key not in old_sast)
    _check_substitution(new, previous, log)
    _check_rollback(new, previous, log)
    continuity = _classify(new, previous, log)
    if continuity is not None and new_sast and not surviving:
        names = ", ".join(cert.common_name for cert in lost) or "none"
        message = f"no SAST of the previous list ({names}) is left: a phone that misses this publication is stranded"
        log.add(Code.NO_ANCHOR_SURVIVES, message)
    return ContinuityReport(continuity, surviving, lost, added, log.freeze())


def _classify(new: ListReport, previous: ListReport, log: FindingLog) -> Continuity | None:
    signer = new.signer
    if signer is None or not signer.verified or signer.candidate is None or signer.candidate.certificate is None:
        return None
    certificate = signer.candidate.certificate
    key = certificate.list_key
    if key in previous.keys_of(Role.SAST):
        return Continuity.CONTINUOUS
    if key in previous.keys_of(Role.CCM_TFTP):
        message = (
            f"{certificate.common_name}, the signer, is in the previous list only as CCM+TFTP: some phone loads accept "
            "that, others ask TVS"
        )
        log.add(Code.CONTINUITY_LENIENT_ONLY, message)
        return Continuity.BROKEN_STRICT
    message = (
        f"{certificate.common_name}, the signer, is no SAST of the previous list: phones that hold it refuse this one "
        "unless TVS vouches for the signer"
    )
    log.add(Code.CONTINUITY_BROKEN, message)
    return Continuity.BROKEN


def _check_substitution(new: ListReport, previous: ListReport, log: FindingLog) -> None:
    """Two certificates with one issuer and serial number but different keys: somebody replaced one."""
    held = {
        (cert.issuer, cert.serial): cert.list_key
        for cert in previous.certificates
        if cert is not None and cert.list_key is not None
    }
    offsets = () if new.trust_list is None else new.trust_list.offsets
    for number, (cert, offset) in enumerate(zip(new.certificates, offsets, strict=True), 1):
        if cert is None:
            continue
        before = held.get((cert.issuer, cert.serial))
        if before is not None and before != cert.list_key:
            message = f"{cert.common_name} has the serial number and issuer of the previous list's, but another key"
            log.add(Code.KEY_SUBSTITUTED, message, offset=offset, tag=1, record=number)


def _check_rollback(new: ListReport, previous: ListReport, log: FindingLog) -> None:
    if new.trust_list is None or previous.trust_list is None:
        return
    mine, before = new.trust_list.header.timestamp, previous.trust_list.header.timestamp
    if mine is not None and before is not None and mine < before:
        times = [f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%d %H:%M:%SZ}" for stamp in (mine, before)]
        message = f"signed {times[0]}, before the previous list ({times[1]})"
        offset = new.trust_list.header.offset_of(HeaderTag.TIMESTAMP)
        log.add(Code.ROLLBACK, message, offset=offset, tag=15)
