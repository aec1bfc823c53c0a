"""What is said about certificates of users that ctld keeps fresh: ended, not renewed, not there, not to be judged."""

from enum import StrEnum
from typing import Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.words import DAY, count, ends, minute
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.values import Snapshot

#: Values of `EnrollFault` that come and go by themselves: a person is called only when they stay.
PASSING: Final = frozenset({"unreachable", "silent", "protocol", "retry-later", "cluster"})
#: Somebody else is at work in the directory right now: that is no trouble.
AT_WORK: Final = "busy"
#: There is no credential of that name.
MISSING: Final = frozenset({"no-credential", "other-name"})
#: Failures in a row after which what passes by itself has not; the rest between attempts is 15 minutes at first.
_PATIENCE: Final = 3
#: Rest of a credential that is due, and that nobody has tried to renew: rounds come hourly.
_UNTRIED: Final = 3 * DAY


class EnrolmentStanding(StrEnum):
    """How it stands with a credential; every value of the metric's label `state`."""

    FRESH = "fresh"
    DUE = "due"
    #: Due, and the last attempt failed.
    FAILING = "failing"
    REFUSED = "refused"
    EXPIRED = "expired"
    MISSING = "missing"
    UNKNOWN = "unknown"


def state_of(fact: EnrolmentFact, now: int) -> EnrolmentStanding:
    """Return how it stands with a credential."""
    end = end_of(fact)
    if end is not None and end <= now:
        return EnrolmentStanding.EXPIRED
    if fact.failure in MISSING:
        return EnrolmentStanding.MISSING
    if fact.verdict == "refused":
        return EnrolmentStanding.REFUSED
    if fact.verdict == "due":
        return EnrolmentStanding.DUE if fact.failure in {None, AT_WORK} else EnrolmentStanding.FAILING
    return EnrolmentStanding.UNKNOWN if fact.verdict is None else EnrolmentStanding.FRESH


def end_of(fact: EnrolmentFact) -> int | None:
    """Return until when a credential can be used: to the earlier of its own end and that of who signed it."""
    return min((one for one in (fact.not_after, fact.usable_until) if one is not None), default=None)


def report_enrolments(snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
    """Report what is wrong with the certificates of users; one finding for each at most.

    Args:
        snapshot: what is known.
        policy: when an end is near.
        now: the instant.
        findings: where it goes.
    """
    for fact in snapshot.enrolments:
        end = end_of(fact)
        match state_of(fact, now):
            case EnrolmentStanding.EXPIRED:
                _expired(fact, end or now, now, findings)
            case EnrolmentStanding.MISSING:
                _missing(fact, findings)
            case EnrolmentStanding.REFUSED:
                _refused(fact, end, now, findings)
            case EnrolmentStanding.UNKNOWN:
                _unknown(fact, findings)
            case EnrolmentStanding.DUE | EnrolmentStanding.FAILING:
                _due(fact, now if end is None else end, policy, now, findings)
            case EnrolmentStanding.FRESH:
                pass


def _whose(fact: EnrolmentFact) -> str:
    instance = "" if fact.instance is None else f", instance {fact.instance}"
    return f"{fact.name} ({fact.user}{instance})"


def _evidence(fact: EnrolmentFact) -> dict[str, Json]:
    return {
        "user": fact.user,
        "instance": fact.instance,
        "not_after": fact.not_after,
        "usable_until": fact.usable_until,
        "verdict": fact.verdict,
        "why": fact.code,
        "failure": fact.failure,
        "failures": fact.failures,
        "last_attempt": fact.last_attempt,
        "next_attempt": fact.next_attempt,
    }


def _said(fact: EnrolmentFact) -> str:
    return fact.words.rstrip(".") or str(fact.failure)


def _expired(fact: EnrolmentFact, end: int, now: int, findings: Findings) -> None:
    by_issuer = fact.not_after is not None and fact.not_after > end
    what = "The CAPF certificate that signed the certificate of" if by_issuer else "The certificate of"
    findings.add(
        ClusterCode.ENROLMENT_EXPIRED,
        FindingSeverity.CRITICAL,
        f"{what} {_whose(fact)} {ends(now, end)}.",
        "CTIManager refuses the application's secure connections, and nobody can renew by a certificate that has "
        "ended.",
        "Set its CAPF profile to Install/Upgrade by authentication string: "
        f"ctlctl capf profile update {findings.cluster}, with --operation install and --mode string",
        "Enrol anew with that string (ctlctl capf enroll), then have the application load the new files",
        subject=fact.name,
        evidence=_evidence(fact),
    )


def _missing(fact: EnrolmentFact, findings: Findings) -> None:
    findings.add(
        ClusterCode.ENROLMENT_MISSING,
        FindingSeverity.WARNING,
        f"There is no certificate of {_whose(fact)}: {_said(fact)}.",
        "Nothing is renewed that is not there: the application has no certificate, or one that nobody watches.",
        "Get the first one as the user that ctld runs as (ctlctl capf enroll), or take it out of the settings",
        subject=fact.name,
        evidence=_evidence(fact),
    )


def _refused(fact: EnrolmentFact, end: int | None, now: int, findings: Findings) -> None:
    when = "" if end is None else f"; it {ends(now, end)}"
    findings.add(
        ClusterCode.ENROLMENT_REFUSED,
        FindingSeverity.WARNING,
        f"The certificate of {_whose(fact)} is due and is not renewed, because CAPF's own certificate ends too "
        f"soon{when}.",
        "A new one would end with the CAPF certificate: little would be gained.",
        "Renew CAPF's certificate first; then ctld renews by itself. Or lower capf_rest_days",
        f"ctlctl cert list {findings.cluster} --unit CAPF",
        subject=fact.name,
        evidence=_evidence(fact),
    )


def _unknown(fact: EnrolmentFact, findings: Findings) -> None:
    findings.add(
        ClusterCode.ENROLMENT_UNKNOWN,
        FindingSeverity.UNKNOWN,
        f"Whether the certificate of {_whose(fact)} has to be renewed cannot be told: {_said(fact)}.",
        "It is not renewed, and may end.",
        f"ctlctl capf enrolments {findings.cluster}",
        f"ctlctl cluster refresh {findings.cluster} --source enrolments",
        subject=fact.name,
        evidence=_evidence(fact),
    )


def _due(fact: EnrolmentFact, end: int, policy: Policy, now: int, findings: Findings) -> None:
    left = end - now
    near = left <= policy.expiring_critical
    if state_of(fact, now) is EnrolmentStanding.DUE:
        if left > _UNTRIED:
            # Its turn comes within the hour.
            return
        tried = "no renewal was tried"
    else:
        again = "" if fact.next_attempt is None else f", next attempt {minute(fact.next_attempt)}"
        tried = f"{count(max(fact.failures, 1), 'attempt')} failed{again}: {_said(fact)}"
    passing = fact.failure in PASSING and fact.failures < _PATIENCE
    severity = FindingSeverity.INFO if passing else FindingSeverity.WARNING
    findings.add(
        ClusterCode.ENROLMENT_EXPIRING,
        FindingSeverity.CRITICAL if near and not passing else severity,
        f"The certificate of {_whose(fact)} is due and is not renewed; it {ends(now, end)}; {tried}.",
        "When it has ended the application cannot connect securely, and needs a new authentication string.",
        f"ctlctl capf enrolments {findings.cluster}",
        f"ctlctl capf profile list {findings.cluster}",
        subject=fact.name,
        evidence=_evidence(fact),
        count=fact.failures or None,
    )
