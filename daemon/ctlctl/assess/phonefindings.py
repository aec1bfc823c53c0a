"""What is said about phones: on their MIC, LSCs that end, together or one by one, and who is not there."""

from collections import Counter
from typing import Final, NamedTuple

from ctlctl.assess.credentials import SECURE_MODES
from ctlctl.assess.draft import Findings
from ctlctl.assess.model import ClusterCode, CredentialState, FindingSeverity, Json, Policy
from ctlctl.assess.numbers import Group, Tally
from ctlctl.assess.words import DAY, count, day, ends, listed, month, shares

#: Months that are looked ahead for an LSC cliff, in days.
_AHEAD: Final = 366 * DAY
#: LSCs that end within so many days of each other end together; looked for within the second number.
_TOGETHER, _TOGETHER_AHEAD = 45 * DAY, 180 * DAY
#: Fewer LSCs than this make no cliff.
_FEWEST: Final = 5
#: Days kept free before the first end, for phones that are off or fail.
_SPARE_DAYS: Final = 7


def report_phones(tally: Tally, policy: Policy, now: int, findings: Findings) -> None:
    """Report what is wrong with phones.

    Args:
        tally: the phones.
        policy: what counts as bad.
        now: the instant.
        findings: where it goes.
    """
    _mic(tally, now, findings)
    _unknown(tally, findings)
    _ended(tally, now, findings)
    _ending(tally, policy, now, findings)
    _cliff(tally, policy, now, findings)
    _contradictions(tally, findings)
    _unregistered(tally, policy, findings)


#: Filter of the phones that a finding about secure profiles counts, so that the lists that it names count the same.
_SECURE: Final = f" --security-mode {','.join(sorted(SECURE_MODES))}"


def _chosen(findings: Findings, state: CredentialState, *, matters: bool = True) -> str:
    return f"{findings.cluster} --credential {state.value}{_SECURE if matters else ''}"


def _list(findings: Findings, state: CredentialState, *, matters: bool = True) -> str:
    return f"ctlctl phone list {_chosen(findings, state, matters=matters)}"


def _plan(what: str, findings: Findings, state: CredentialState, *, matters: bool = True) -> str:
    return f"ctlctl plan lsc {what} {_chosen(findings, state, matters=matters)}"


def _mic(tally: Tally, now: int, findings: Findings) -> None:
    group = tally.group(CredentialState.MIC)
    if group.count:
        first = "" if group.first is None else f"; the first MIC {ends(now, group.first)}"
        verb = "relies on its" if group.count == 1 else "rely on their"
        findings.add(
            ClusterCode.PHONES_ON_MIC,
            FindingSeverity.WARNING,
            f"{count(group.count, 'phone')} {verb} MIC ({group.kinds}){first}.",
            "A MIC cannot be renewed: when it or its CA ends, or the CA is no longer trusted, the phone is out.",
            _list(findings, CredentialState.MIC),
            _plan("install", findings, CredentialState.MIC),
            evidence=group.evidence(first_ends=group.first),
            count=group.count,
        )
    suspected = tally.group(CredentialState.MIC_SUSPECTED)
    if suspected.count:
        findings.add(
            ClusterCode.PHONES_MIC_SUSPECTED,
            FindingSeverity.WARNING,
            f"{count(suspected.count, 'phone')} in secure profiles {'has' if suspected.count == 1 else 'have'} no LSC "
            f"that AXL knows of ({suspected.kinds}).",
            "They live on their MIC, or cannot register at all; only a look at the phone tells which.",
            # Only phones in secure profiles can be in this state.
            _list(findings, CredentialState.MIC_SUSPECTED, matters=False),
            "Switch their web server on (Web Access) so that they can be looked at, or install LSCs:",
            _plan("install", findings, CredentialState.MIC_SUSPECTED, matters=False),
            evidence=suspected.evidence(),
            count=suspected.count,
        )


def _unknown(tally: Tally, findings: Findings) -> None:
    parts = [tally.group(CredentialState.UNKNOWN, matters=matters) for matters in (True, False)]
    total = sum(part.count for part in parts)
    if not total:
        return
    kinds: Counter[str] = Counter()
    for part in parts:
        kinds.update(part.models)
    said = shares((model.removeprefix("Cisco "), number) for model, number in kinds.items())
    secure = parts[0].count
    findings.add(
        ClusterCode.PHONES_CREDENTIAL_UNKNOWN,
        FindingSeverity.UNKNOWN,
        f"What {count(total, 'phone')} show, nobody can say ({said}); {secure:,} of them need TLS.",
        "They may be on an LSC, on a MIC, or about to drop off.",
        _list(findings, CredentialState.UNKNOWN),
        f"ctlctl cluster doctor {findings.cluster}",
        evidence=(parts[0] if secure else parts[1]).evidence(all=total),
        count=total,
    )


def _ended(tally: Tally, now: int, findings: Findings) -> None:
    for matters, severity in ((True, FindingSeverity.CRITICAL), (False, FindingSeverity.INFO)):
        group = tally.group(CredentialState.LSC_EXPIRED, matters=matters)
        if not group.count:
            continue
        first = "" if group.first is None else f"; the first {ends(now, group.first)}"
        have = "has an LSC that has ended" if group.count == 1 else "have LSCs that have ended"
        findings.add(
            ClusterCode.LSC_EXPIRED,
            severity,
            f"{count(group.count, 'phone')} {have} ({group.kinds}){first}.",
            "They do not register securely; a phone whose LSC has ended cannot prove itself to CAPF with it either."
            if matters
            else "Their profiles need none; 802.1X and VPN that go by it refuse them.",
            _list(findings, CredentialState.LSC_EXPIRED, matters=matters),
            "Renew by authentication string, null string or MIC: the ended LSC itself proves nothing any more; a plan "
            "tells for which of them that works:",
            _plan("renew", findings, CredentialState.LSC_EXPIRED, matters=matters),
            subject="" if matters else "non-secure",
            evidence=group.evidence(first_ended=group.first),
            count=group.count,
        )


def _ending(tally: Tally, policy: Policy, now: int, findings: Findings) -> None:
    for matters in (True, False):
        group = tally.group(CredentialState.LSC_EXPIRING, matters=matters)
        if not group.count:
            continue
        soon = group.first is not None and group.first - now <= policy.expiring_critical
        severity = FindingSeverity.CRITICAL if soon else FindingSeverity.WARNING
        first = "" if group.first is None else f"; the first {ends(now, group.first)}"
        have = "has an LSC that ends" if group.count == 1 else "have LSCs that end"
        findings.add(
            ClusterCode.LSC_EXPIRING,
            severity if matters else FindingSeverity.INFO,
            f"{count(group.count, 'phone')} {have} within {policy.lsc_expiring // DAY} days ({group.kinds}){first}.",
            "When it has ended, a phone in a secure profile drops off at its next registration."
            if matters
            else "Their profiles need none; 802.1X and VPN that go by it will refuse them.",
            _list(findings, CredentialState.LSC_EXPIRING, matters=matters),
            "Renew them in change windows before that:",
            _plan("renew", findings, CredentialState.LSC_EXPIRING, matters=matters),
            subject="" if matters else "non-secure",
            evidence=group.evidence(first_ends=group.first),
            count=group.count,
        )


def _cliff(tally: Tally, policy: Policy, now: int, findings: Findings) -> None:
    coming = sorted(end for end in tally.ends if end >= now)
    if len(coming) < _FEWEST:
        return
    months = Counter(month(end) for end in coming if end <= now + _AHEAD)
    which, number = max(months.items(), key=lambda item: item[1], default=("", 0))
    if number > policy.phones_per_night:
        crowd = [end for end in coming if month(end) == which]
        _cliff_finding(_Cliff(number, f"in {which}", crowd[0], crowd[-1], len(coming), months), policy, now, findings)
        return
    start, most = _crowd([end for end in coming if end <= now + _TOGETHER_AHEAD])
    if most * 2 > len(coming) and most >= _FEWEST:
        crowd = [end for end in coming if start <= end <= start + _TOGETHER]
        fullest, _ = max(Counter(month(end) for end in crowd).items(), key=lambda item: item[1])
        span = f"between {day(start)} and {day(crowd[-1])}, most in {fullest}"
        _cliff_finding(_Cliff(most, span, start, crowd[-1], len(coming), months), policy, now, findings)


def _crowd(instants: list[int]) -> tuple[int, int]:
    """Return where the span with most instants begins, and how many are in it; the instants are sorted."""
    best, most, last = 0, 0, 0
    for first, start in enumerate(instants):
        last = max(last, first)
        while last < len(instants) and instants[last] <= start + _TOGETHER:
            last += 1
        if last - first > most:
            best, most = start, last - first
    return best, most


class _Cliff(NamedTuple):
    """LSCs that end together: how many, when in words, the first, the last, of how many in all, and all by month."""

    number: int
    when: str
    first: int
    last: int
    total: int
    months: Counter[str]


def _cliff_finding(cliff: _Cliff, policy: Policy, now: int, findings: Findings) -> None:
    number, months = cliff.number, cliff.months
    nights = -(-number // max(1, policy.phones_per_night))
    start_by = cliff.first - (nights + _SPARE_DAYS) * DAY
    days = (cliff.last - now) // DAY + 1
    begin = f"start by {day(start_by)}" if start_by > now else f"start now: {day(start_by)} would have been in time"
    by_month: dict[str, Json] = {key: months[key] for key in sorted(months)}
    findings.add(
        ClusterCode.LSC_CLIFF,
        FindingSeverity.WARNING,
        f"{number:,} of {cliff.total:,} LSCs end {cliff.when}; at {policy.phones_per_night:,} a night that is "
        f"{count(nights, 'night')}, {begin}.",
        "LSCs that were issued in one campaign end together, and phones whose LSC has ended drop off together.",
        f"ctlctl phone list {findings.cluster} --credential lsc,lsc-expiring --within {days}",
        "Renew them spread over change windows, so that their ends drift apart:",
        f"ctlctl plan lsc renew {findings.cluster} --credential lsc,lsc-expiring --within {days} --renew-before {days}",
        evidence={"months": by_month, "nights": nights, "start_by": start_by},
        count=number,
    )


def _contradictions(tally: Tally, findings: Findings) -> None:
    group = tally.contradictions
    if not group.count:
        return
    findings.add(
        ClusterCode.CREDENTIAL_CONTRADICTION,
        FindingSeverity.WARNING,
        f"About {count(group.count, 'phone')} AXL and the phone itself disagree: {_most(group)}.",
        "One of the two is out of date; after a reset, or an operation of CAPF, both should say the same.",
        f"ctlctl phone list {findings.cluster} --contradiction",
        "Look at one of them (ctlctl phone show), reset it, and see which of the two follows",
        evidence=group.evidence(),
        count=group.count,
    )


def _most(group: Group) -> str:
    return listed(f"{words} ({number:,})" for words, number in group.words.most_common(3))


def _unregistered(tally: Tally, policy: Policy, findings: Findings) -> None:
    total = len(tally.views)
    # That RIS tells nothing is said once.
    silent = findings.severity_of(ClusterCode.SOURCE_FAILING, "ris") is FindingSeverity.UNKNOWN
    if tally.not_asked > policy.unregistered_share * total and not silent:
        # As many as would be a finding if they were out.
        findings.add(
            ClusterCode.SOURCE_STALE,
            FindingSeverity.UNKNOWN,
            f"RIS has told nothing yet about {tally.not_asked:,} of {count(total, 'phone')}.",
            "Whether they are registered, and have taken the newest lists, is not known.",
            f"ctlctl cluster refresh {findings.cluster}",
            subject="ris",
            evidence={"not_asked": tally.not_asked, "phones": total},
            count=tally.not_asked,
        )
    out, known = tally.out.count, tally.registered_known
    if not out or out <= policy.unregistered_share * known:
        return
    findings.add(
        ClusterCode.PHONES_UNREGISTERED,
        FindingSeverity.CRITICAL,
        f"{out:,} of {known:,} phones that RIS knows are not registered ({tally.out.kinds}): {_most(tally.out)}.",
        f"Nobody can call from them; {tally.out.secure:,} of them are in secure profiles.",
        f"ctlctl phone list {findings.cluster} --registration UnRegistered,Rejected",
        "If they went after a renewal of certificates: renew and reset nothing more before the cause is known",
        evidence=tally.out.evidence(known=known),
        count=out,
    )
