"""Would the phones that hold a node's previous list take the one it serves now?

A phone takes a list whose signer is a SAST of the list it holds. A phone with a CTL takes an ITL by that CTL too. Any
other asks TVS, which vouches only where the phone's own ITL still names the certificate that TVS presents.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ctlctl.assess.known import SERVICE_TVS, Known
from ctlctl.assess.model import FindingSeverity
from ctlctl.assess.seen import TVS
from ctlctl.inventory.values import ListVersion, ServedList
from ctlctl.inventory.words import ListKind
from ctlctl_trust import Continuity, ListReport, check_continuity, severity_of, verify_trust_list
from ctlctl_trust.codes import Code, Severity
from ctlctl_trust.tlv import Role

_FIRST: Final = Continuity.FIRST.value
_TAKEN: Final = frozenset({_FIRST, Continuity.CONTINUOUS.value})


@dataclass(frozen=True, slots=True)
class Step:
    """How a list follows on the one before.

    Attributes:
        continuity: value of `Continuity`.
        codes: what the comparison gave.
        alarming: what is wrong beyond a broken line, in words: one name and serial number with two keys.
        severity: how bad it is for phones; None where they take it all the same.
        why: why they do not, in words; "" where they do.
    """

    continuity: str = _FIRST
    codes: tuple[str, ...] = ()
    alarming: str | None = None
    severity: FindingSeverity | None = None
    why: str = ""


class History:
    """The lists of one node, of now and of before, verified."""

    def __init__(self, node: str, lists: dict[ListKind, ServedList], reports: dict[ListKind, ListReport]) -> None:
        self.node = node
        self.lists = lists
        self.reports = reports

    def previous(self, kind: ListKind, now: datetime) -> ListReport | None:
        """Return the list before, if it could be read at all."""
        served = self.lists.get(kind)
        return None if served is None else _readable(served.previous, now)

    def step(self, kind: ListKind, known: Known, now: datetime, *, phones_without_tvs: int) -> Step:
        """Judge how a list follows on the one before.

        Args:
            kind: which list.
            known: the cluster's certificates and nodes.
            now: the instant to verify at.
            phones_without_tvs: phones that cannot ask TVS.
        """
        report, previous = self.reports.get(kind), self.previous(kind, now)
        if report is None or report.trust_list is None or previous is None:
            return Step()
        found = check_continuity(report, previous)
        codes = tuple(sorted(code.value for code in found.findings.codes))
        alarming = next(
            (
                one.message
                for one in found.findings.listed
                if severity_of(one.code) is Severity.ERROR and one.code is not Code.CONTINUITY_BROKEN
            ),
            None,
        )
        if found.continuity is None:
            # Its signature does not verify: that is said elsewhere, and phones refuse it anyway.
            return Step(_FIRST, codes, alarming)
        continuity = found.continuity.value
        if continuity in _TAKEN:
            return Step(continuity, codes, alarming)
        if kind == "itl" and known.is_mixed and self._ctl_vouches(report, now):
            return Step(continuity, codes, alarming)
        severity, why = self._tvs_vouches(kind, report, previous, known, now)
        if severity is None and kind == "ctl" and phones_without_tvs:
            why = "TVS vouches for the signer, but not every phone can ask it"
            return Step(continuity, codes, alarming, FindingSeverity.WARNING, why)
        return Step(continuity, codes, alarming, severity, why)

    def _ctl_vouches(self, report: ListReport, now: datetime) -> bool:
        """Tell whether the CTL that phones hold names the ITL's signer as SAST."""
        current, before = self.reports.get("ctl"), self.previous("ctl", now)
        held = current
        if current is not None and before is not None:
            found = check_continuity(current, before)
            # Phones that refused the new CTL hold the one before.
            if found.continuity is not Continuity.CONTINUOUS:
                held = before
        key = _signer_key(report)
        return held is not None and key is not None and key in held.keys_of(Role.SAST)

    def _tvs_vouches(
        self, kind: ListKind, report: ListReport, previous: ListReport, known: Known, now: datetime
    ) -> tuple[FindingSeverity | None, str]:
        """Return how bad it is that phones must ask TVS, and why; None where TVS answers for all."""
        key = _signer_key(report)
        if key is None or key not in known.keys:
            return (
                FindingSeverity.CRITICAL,
                "the cluster knows no certificate of the signer, so TVS cannot vouch for it",
            )
        held = previous if kind == "itl" else self.previous("itl", now) or self.reports.get("itl")
        trusted = {} if held is None else held.keys_of(Role.TVS)
        installed = [known.installed(node.name, TVS) for node in known.nodes_running(SERVICE_TVS)]
        keys = [None if one is None else one.certificate.list_key for one in installed]
        good = sum(one is not None and one in trusted for one in keys)
        if not good:
            return (
                FindingSeverity.CRITICAL,
                "no TVS of now is in the ITL that phones hold, so that TVS cannot vouch either",
            )
        if good < len(keys):
            why = f"phones can ask TVS of only {good} of {len(keys)} nodes by the ITL they hold"
            return FindingSeverity.WARNING, why
        return None, ""


def follows(report: ListReport, version: ListVersion, now: datetime) -> bool | None:
    """Tell whether a phone that holds a version takes a list by it alone.

    Args:
        report: the list.
        version: what the phone holds.
        now: the instant to verify at.

    Returns:
        None where no phone can hold the version, because it cannot be read, or where that cannot be told.
    """
    held = _readable(version, now)
    found = None if held is None or report.trust_list is None else check_continuity(report, held)
    return None if found is None or found.continuity is None else found.continuity.value in _TAKEN


def _signer_key(report: ListReport) -> bytes | None:
    signer = report.signer
    if signer is None or signer.candidate is None or signer.candidate.certificate is None:
        return None
    return signer.candidate.certificate.list_key


def _readable(version: ListVersion | None, now: datetime) -> ListReport | None:
    if version is None or not version.data:
        return None
    report = verify_trust_list(version.data, now)
    return None if report.trust_list is None or report.findings.invalid else report
