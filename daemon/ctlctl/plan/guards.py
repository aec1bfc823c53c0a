"""What is checked of a cluster before a plan is good: CAPF's certificate, trust lists, backup, windows, and the facts.

Each check gives one verdict with the numbers behind it. What nobody can tell is said to be unknown, never "ok".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from ctlctl.assess.model import ClusterCode
from ctlctl.assess.words import DAY, ago, count, day, ends, listed, span
from ctlctl.plan.facts import ClusterFacts
from ctlctl.plan.model import Guard, GuardCode, GuardVerdict, Impact, KnownAt
from ctlctl_capf.rollout.model import Limits

_MINUTE: Final = 60
_HOUR: Final = 3600
#: Findings about what a TFTP node serves, beside the verdict of each list.
_LIST_FINDINGS: Final = frozenset({ClusterCode.LISTS_DIFFER.value, ClusterCode.LIST_CONTINUITY_BROKEN.value})
_MIXED: Final = 1
_ORDER: Final = {verdict: number for number, verdict in enumerate(GuardVerdict)}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What the checks hold facts against; from the settings. Times are seconds.

    Attributes:
        capf_rest: how long CAPF's certificate has to last at least.
        backup_old: age over which a backup is old.
        facts_old: age over which facts are too old to plan by.
    """

    capf_rest: int
    backup_old: int
    facts_old: int


def in_order(guards: Iterable[Guard], accepted: frozenset[str]) -> tuple[Guard, ...]:
    """Return guards, worst first, with those marked that the operator takes on.

    Args:
        guards: any.
        accepted: codes that the operator has named.
    """
    marked = (
        replace(one, accepted=True) if one.code.value in accepted and one.blocks and one.can_be_accepted else one
        for one in guards
    )
    return tuple(sorted(marked, key=lambda one: (not one.stops, _ORDER[one.verdict])))


def capf_rest(cluster: ClusterFacts, thresholds: Thresholds, now: int) -> Guard:
    """Check that CAPF's certificate lasts: an LSC is worth no more than the certificate that signed it."""
    capf, need = cluster.capf, thresholds.capf_rest // DAY
    if capf is None:
        return Guard(GuardCode.CAPF_REST, GuardVerdict.UNKNOWN, "CAPF's certificate is not known", {"need_days": need})
    rest = (capf.ends - now) // DAY
    numbers = {"ends": capf.ends, "rest_days": rest, "need_days": need}
    if capf.ends - now < thresholds.capf_rest or capf.ends <= now:
        words = f"CAPF certificate {ends(now, capf.ends)}; {need:,} d are needed: renew it first"
        return Guard(GuardCode.CAPF_REST, GuardVerdict.REFUSE, words, numbers)
    words = f"CAPF certificate {ends(now, capf.ends)}"
    if not capf.issuer_known:
        words += ", but the end of its issuer is not known"
        return Guard(GuardCode.CAPF_REST, GuardVerdict.UNKNOWN, words, numbers)
    return Guard(GuardCode.CAPF_REST, GuardVerdict.OK, words, numbers)


def trust_lists(cluster: ClusterFacts, thresholds: Thresholds, now: int) -> Guard:
    """Check that every TFTP node serves lists that verify: a phone that is reset takes what it is given."""
    at = cluster.answered.get("trust-lists")
    if at is None or not cluster.tftp_nodes:
        words = "trust lists were never read" if at is None else "which nodes serve trust lists is not known"
        return Guard(GuardCode.TRUST_LISTS, GuardVerdict.UNKNOWN, words, {})
    if now - at > thresholds.facts_old:
        return Guard(GuardCode.TRUST_LISTS, GuardVerdict.UNKNOWN, f"trust lists were read {ago(now, at)}", {"at": at})
    kinds = ("itl", "ctl") if cluster.security_mode != 0 else ("itl",)
    have = {(_short(one.node), one.kind): one.verdict for one in cluster.lists}
    wanted = [(node, kind) for node in cluster.tftp_nodes for kind in kinds]
    bad, unsure = [], []
    for node, kind in wanted:
        verdict = have.get((_short(node), kind), "undecided")
        if verdict in {"invalid", "stale", "absent"}:
            bad.append(f"{kind.upper()} of {node} is {verdict}")
        elif verdict != "valid":
            unsure.append(f"{kind.upper()} of {node} is {verdict}")
    bad += sorted(f"{code} {subject}".strip() for code, subject in cluster.findings if code in _LIST_FINDINGS)
    numbers = {"lists": len(wanted), "bad": len(bad), "undecided": len(unsure), "nodes": len(cluster.tftp_nodes)}
    if bad:
        return Guard(GuardCode.TRUST_LISTS, GuardVerdict.REFUSE, f"{listed(bad)}: phones would refuse it", numbers)
    if unsure:
        return Guard(GuardCode.TRUST_LISTS, GuardVerdict.UNKNOWN, listed(unsure), numbers)
    names = " and ".join(kind.upper() for kind in reversed(kinds))
    words = f"{names} valid on {count(len(cluster.tftp_nodes), 'TFTP node')}, read {ago(now, at)}"
    return Guard(GuardCode.TRUST_LISTS, GuardVerdict.OK, words, numbers)


def _short(node: str) -> str:
    """Return a node's name as settings and AXL both may have it: without domain, unless it is an address."""
    label = node.casefold().partition(".")[0]
    return node.casefold() if label.isdecimal() else label


def stale_ctl(cluster: ClusterFacts) -> Guard:
    """Check that the CTL has every certificate in use: secure phones reject the others at their next reset."""
    if cluster.security_mode is None:
        words = "whether the cluster is in mixed mode is not known"
        return Guard(GuardCode.STALE_CTL, GuardVerdict.UNKNOWN, words, {})
    if cluster.security_mode != _MIXED:
        return Guard(GuardCode.STALE_CTL, GuardVerdict.OK, "the cluster is non-secure and needs no CTL", {})
    ctls = [one for one in cluster.lists if one.kind == "ctl"]
    if not ctls:
        return Guard(GuardCode.STALE_CTL, GuardVerdict.UNKNOWN, "no CTL was ever read", {})
    missing = sorted({each for one in ctls for each in one.missing})
    stale = any(one.verdict == "stale" for one in ctls) or any(
        code == ClusterCode.STALE_CTL for code, _ in cluster.findings
    )
    numbers = {"missing": len(missing)}
    if missing or stale:
        what = f"the CTL lacks {listed(missing)}" if missing else "the CTL is stale"
        return Guard(GuardCode.STALE_CTL, GuardVerdict.REFUSE, f"{what}: update it before any phone is reset", numbers)
    if any(one.verdict not in {"valid", "self-consistent"} for one in ctls):
        words = "whether the CTL has every certificate in use is not known"
        return Guard(GuardCode.STALE_CTL, GuardVerdict.UNKNOWN, words, numbers)
    return Guard(GuardCode.STALE_CTL, GuardVerdict.OK, "the CTL has every certificate in use", numbers)


def backup(cluster: ClusterFacts, thresholds: Thresholds, now: int) -> Guard:
    """Check the age of the last backup: without one a publisher that breaks takes CAPF's key with it."""
    at = cluster.backup_at
    if at is None:
        return Guard(GuardCode.BACKUP, GuardVerdict.UNKNOWN, "when the last backup was taken is not known", {})
    age = now - at
    words, numbers = f"backup taken {ago(now, at)}", {"at": at, "age_hours": age // _HOUR}
    if age > thresholds.backup_old:
        return Guard(GuardCode.BACKUP, GuardVerdict.WARN, f"{words}: take one before the rollout", numbers)
    return Guard(GuardCode.BACKUP, GuardVerdict.OK, words, numbers)


def windows(impact: Impact, limits: Limits, longest: int) -> Guard:
    """Check that a phone fits into a change window.

    Args:
        impact: of the plan.
        limits: what bounds it.
        longest: seconds of the longest window that comes.
    """
    need = limits.phone_time
    numbers = {"longest_seconds": longest, "phone_seconds": need}
    if impact.first_window is None or longest <= need:
        words = f"no change window is longer than the {span(need)} that one phone may take"
        return Guard(GuardCode.WINDOWS, GuardVerdict.REFUSE, words, numbers)
    words = f"change windows of up to {span(longest)}; one phone may take {span(need)}"
    return Guard(GuardCode.WINDOWS, GuardVerdict.OK, words, numbers)


def deadline(impact: Impact, days: int, now: int) -> Guard:
    """Check that the rollout can be done in time, at the rate that is reckoned with."""
    if impact.finish is None:
        words = f"at the given rate it is not done within the {days} d that a rollout may take"
        return Guard(GuardCode.DEADLINE, GuardVerdict.WARN, words, {"days": days})
    needed = -((now - impact.finish) // DAY)
    numbers = {"days": days, "needed_days": needed, "finish": impact.finish}
    words = f"done by {day(impact.finish)} at the given rate; {days} d are allowed"
    return Guard(GuardCode.DEADLINE, GuardVerdict.WARN if needed > days else GuardVerdict.OK, words, numbers)


def do_not_touch(listed_names: int | None, matched: int, inside: int) -> Guard:
    """Say how many phones the do-not-touch list kept out; refuse where phones of the plan are on it by now.

    Args:
        listed_names: names on the list; None where none is set.
        matched: of them, phones that were asked for and left out.
        inside: of them, phones of the plan.
    """
    if inside:
        words = f"{count(inside, 'phone')} of the plan on the do-not-touch list: make a new plan"
        return Guard(GuardCode.DO_NOT_TOUCH, GuardVerdict.REFUSE, words, {"inside": inside})
    if listed_names is None:
        return Guard(GuardCode.DO_NOT_TOUCH, GuardVerdict.OK, "no do-not-touch list is set", {})
    words = f"{count(matched, 'phone')} left out, of {count(listed_names, 'name')} on the do-not-touch list"
    return Guard(GuardCode.DO_NOT_TOUCH, GuardVerdict.OK, words, {"listed": listed_names, "matched": matched})


def facts(known: KnownAt, now: int) -> Guard:
    """Say how old what the plan was made of is; what is too old never gets here."""
    said = f"phones as AXL had them {ago(now, known.axl_at)}, registrations {ago(now, known.ris_at)}"
    numbers = {"axl_age_seconds": now - known.axl_at, "ris_age_seconds": now - known.ris_at}
    if known.live:
        return Guard(GuardCode.FACTS, GuardVerdict.OK, said, numbers)
    words = f"{said}: from the snapshot, because ctld did not answer"
    return Guard(GuardCode.FACTS, GuardVerdict.WARN, words, numbers)


def one_rollout(active: str | None, *, known: bool = True) -> Guard:
    """Check that no other rollout runs on the cluster. It is for whoever starts one: a plan may be made meanwhile.

    Args:
        active: short name of the plan whose rollout has not ended; None for none.
        known: whether that could be found out.
    """
    if not known:
        words = "whether another rollout runs on the cluster is not known"
        return Guard(GuardCode.ONE_ROLLOUT, GuardVerdict.UNKNOWN, words, {})
    if active is not None:
        words = f"the rollout of plan {active} has not ended: one at a time"
        return Guard(GuardCode.ONE_ROLLOUT, GuardVerdict.REFUSE, words, {"active": 1})
    return Guard(GuardCode.ONE_ROLLOUT, GuardVerdict.OK, "no other rollout runs on the cluster", {"active": 0})
