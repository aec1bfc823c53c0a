"""From the bytes of one target to a verdict."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ctlctl.verify.helpers import Helpers
from ctlctl.verify.result import Result, Verdict
from ctlctl.verify.sources import Content
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import Finding, FindingLog, Findings
from ctlctl_trust.verify import ListReport, Policy, verify_trust_list

if TYPE_CHECKING:
    from ctlctl_trust.continuity import ContinuityReport


class Examiner(NamedTuple):
    """Examines targets, all at one instant and with the same helpers.

    Attributes:
        now: the instant to judge validity at; aware.
        helpers: anchors, previous list and the like.
        allow_sha256: accept digest code 2.
    """

    now: datetime
    helpers: Helpers
    allow_sha256: bool = False

    def examine(self, content: Content) -> Result:
        """Return the verdict on one target; never raises for any bytes."""
        if content.data is None:
            return without_bytes(content)
        encrypted = _encrypted(content)
        if encrypted is None:
            return self._examine_list(content, content.data)
        return self._examine_signed(content, content.data, encrypted=encrypted)

    def _examine_list(self, content: Content, data: bytes) -> Result:
        policy = Policy(self.allow_sha256, _expected_list_name(content.requested))
        report = verify_trust_list(data, self.now, policy, self.helpers.anchors)
        findings, continuity, agrees = report.findings, None, None
        trust_list = report.trust_list
        kind = None if trust_list is None or trust_list.kind is None else trust_list.kind.value
        if trust_list is not None and (self.helpers.previous is not None or self.helpers.ctl is not None):
            log = FindingLog()
            log.extend(findings)
            if self.helpers.previous is not None:
                continuity = self._follow(report, self.helpers.previous, log)
            if self.helpers.ctl is not None and kind == "itl":
                from ctlctl_trust.agreement import check_agreement  # noqa: PLC0415 - only when asked for

                disagreement = check_agreement(report, self.helpers.ctl)
                if disagreement is not None:
                    agrees = not disagreement.listed
                    log.extend(disagreement)
            findings = log.freeze()
        return Result(
            content.target,
            kind,
            verdict_of(findings, anchored=report.anchored),
            findings,
            data,
            content.size,
            list_report=report,
            continuity=continuity,
            asked_continuity=self.helpers.asked_continuity,
            agrees_with_ctl=agrees,
            no_previous=self.helpers.asked_continuity and self.helpers.previous is None,
        )

    def _follow(self, report: ListReport, previous: ListReport, log: FindingLog) -> "ContinuityReport | None":
        from ctlctl_trust.continuity import check_continuity  # noqa: PLC0415 - only when asked for

        held = None if previous.trust_list is None else previous.trust_list.kind
        own = None if report.trust_list is None else report.trust_list.kind
        if held != own:
            names = [("list of no known kind" if kind is None else kind.upper()) for kind in (held, own)]
            log.add(Code.HELPER_UNUSABLE, f"the previous list is a {names[0]}, this one a {names[1]}: not comparable")
            return None
        continuity = check_continuity(report, previous)
        log.extend(continuity.findings)
        return continuity

    def _examine_signed(self, content: Content, data: bytes, *, encrypted: bool) -> Result:
        from ctlctl_trust.signedfile import verify_signed_file  # noqa: PLC0415 - only for signed files

        report = verify_signed_file(
            data,
            self.now,
            encrypted=encrypted,
            lists=self.helpers.trust_lists,
            policy=Policy(self.allow_sha256, content.requested),
            anchors=self.helpers.anchors,
            decrypt_key=self.helpers.decrypt_key,
        )
        return Result(
            content.target,
            "enc.sgn" if encrypted else "sgn",
            verdict_of(report.findings, anchored=report.anchored),
            report.findings,
            data,
            content.size,
            signed_report=report,
        )


def without_bytes(content: Content) -> Result:
    """Return the result for a target whose bytes could not be had or are too many."""
    problem = content.problem or Finding(Code.UNREADABLE, "nothing was read")
    findings = Findings((problem,), ((problem.code, 1),))
    return Result(content.target, None, verdict_of(findings, anchored=None), findings, size=content.size)


def verdict_of(findings: Findings, *, anchored: bool | None) -> Verdict:
    """Return the verdict that findings and an anchor amount to."""
    if findings.invalid:
        return Verdict.INVALID
    if findings.stale:
        return Verdict.STALE
    if findings.undecided:
        return Verdict.UNDECIDED
    return Verdict.VALID if anchored else Verdict.SELF_CONSISTENT


def _encrypted(content: Content) -> bool | None:
    """Tell what a file is: None a trust list, True an encrypted signed file, False a signed one.

    The name decides, as it does for a phone; the bytes do where there is no telling name.
    """
    name = (content.name or "").lower()
    data = content.data or b""
    if name.endswith(".tlv"):
        return None
    if name.endswith(".enc.sgn"):
        return True
    if name.endswith((".sgn", ".sha512")):
        return False
    # Lists have version 1.2, signed files 1.0, encrypted ones 2.0.
    if data[:4] == b"\x01\x00\x02\x02":
        return True
    return False if data[:5] == b"\x01\x00\x02\x01\x00" else None


def _expected_list_name(requested: str | None) -> str | None:
    """Return the FILENAME that a list asked of a server must carry: the generic name, per-phone lists included."""
    name = (requested or "").rpartition("/")[2].upper()
    if name.endswith(".TLV"):
        for prefix, expected in (("CTL", "CTLFile.tlv"), ("ITL", "ITLFile.tlv")):
            if name.startswith(prefix):
                return expected
    return None
