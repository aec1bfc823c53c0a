"""What is said about trust lists that verify: stale, left over, signed by tokens, different, not taken.

A CTL is the cluster's, so that one finding speaks of it; an ITL is each node's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.expected import Wanted
from ctlctl.assess.judged import Judged
from ctlctl.assess.known import Known
from ctlctl.assess.model import ClusterCode, FindingSeverity, Held, HeldVersion, Json, Policy
from ctlctl.assess.numbers import Tally
from ctlctl.assess.seen import CALLMANAGER, CALLMANAGER_ECDSA, CAPF, TVS
from ctlctl.assess.words import ago, count, day, listed
from ctlctl_trust.tlv import Role

if TYPE_CHECKING:
    from ctlctl.inventory.words import ListKind

#: Versions that evidence names, those that most phones hold first.
_VERSIONS_SHOWN: Final = 10
_UPDATE_CTL = "On the publisher: utils ctl update CTLFile"
_AFTER_CTL = (
    "Then restart Cisco Tftp and Cisco CallManager on every node that runs them, and reset phones a batch at a time"
)

#: While one of these stands, a phone that is reset may not come back.
_NO_RESET = (
    ClusterCode.STALE_CTL,
    ClusterCode.STALE_ITL,
    ClusterCode.LIST_CONTINUITY_BROKEN,
    ClusterCode.LIST_INVALID,
    ClusterCode.LIST_MISSING,
    ClusterCode.LISTS_DIFFER,
    ClusterCode.TVS_UNAWARE,
    ClusterCode.PHONES_UNREGISTERED,
)


def _nodes(judged: Iterable[Judged]) -> list[str]:
    return sorted({one.served.node for one in judged})


def _words(names: Iterable[str]) -> list[Json]:
    return list(names)


def _renewed(missing: Sequence[Wanted], now: int) -> str:
    since = max((wanted.since for wanted in missing if wanted.since is not None), default=None)
    return "" if since is None else f" (renewed {ago(now, since)})"


def _lacking(missing: Sequence[Wanted]) -> str:
    """Return what a list lacks, each unit once: "CallManager of a and b, ITLRecovery"."""
    units: dict[str, list[str]] = {}
    for wanted in missing:
        nodes = units.setdefault(wanted.unit, [])
        if wanted.node and wanted.node not in nodes:
            nodes.append(wanted.node)
    return ", ".join(f"{unit} of {listed(nodes)}" if nodes else unit for unit, nodes in units.items())


def _unique(judged: Iterable[Judged]) -> list[Wanted]:
    found: dict[tuple[str, str, frozenset[Role]], Wanted] = {}
    for one in judged:
        for wanted in () if one.comparison is None else one.comparison.missing:
            found.setdefault((wanted.unit, wanted.node, wanted.roles), wanted)
    return list(found.values())


def report_ctl(judged: Sequence[Judged], known: Known, now: int, tally: Tally, findings: Findings) -> None:
    """Report what is wrong with the CTL.

    Args:
        judged: every list.
        known: the cluster's certificates.
        now: the instant.
        tally: the phones.
        findings: where it goes.
    """
    lists = [one for one in judged if one.served.kind == "ctl" and one.report is not None]
    if known.security_mode == 0:
        _left_over(lists, findings)
    if not known.is_mixed:
        return
    versions = {one.served.current.sha256 for one in lists if one.served.current is not None and not one.served.fault}
    if len(versions) > 1:
        _differ(lists, len(versions), findings)
    stale = [one for one in lists if one.comparison is not None and one.comparison.missing]
    if stale:
        is_broken = any(one.step.severity is FindingSeverity.CRITICAL for one in judged)
        _stale_ctl(stale, now, tally, findings, is_broken=is_broken)
    tokens = [one for one in lists if one.comparison is not None and one.comparison.is_token_signed]
    if tokens:
        without = tally.no_itl
        stranded = f" {count(without.count, 'phone')} ({without.kinds}) cannot ask TVS." if without.count else ""
        findings.add(
            ClusterCode.CTL_TOKEN_SIGNED,
            FindingSeverity.WARNING,
            f"The CTL of {listed(_nodes(tokens))} is signed by hardware tokens alone.{stranded}",
            "Without the tokens it cannot be updated, and CUCM supports none from 14 SU3 on; phones follow to a "
            "tokenless CTL only by TVS.",
            "Plan the move to a tokenless CTL: utils ctl set-cluster mixed-mode, while every phone is registered",
            "Phones that cannot ask TVS need their CTL erased by hand afterwards",
            evidence={"nodes": _words(_nodes(tokens)), **without.evidence()},
            count=without.count,
        )


def _left_over(lists: Sequence[Judged], findings: Findings) -> None:
    if not lists:
        return
    findings.add(
        ClusterCode.CTL_LEFT_OVER,
        FindingSeverity.INFO,
        f"{listed(_nodes(lists))} {'serves' if len(lists) == 1 else 'serve'} a CTL, left over: the cluster is not in "
        "mixed mode.",
        "Phones that hold it go on checking against it, the ITL too.",
        "None while phones register; if they refuse lists after a renewal: utils ctl update CTLFile, or erase it",
        evidence={"nodes": _words(_nodes(lists))},
        count=len(lists),
    )


def _differ(lists: Sequence[Judged], versions: int, findings: Findings) -> None:
    by_version: dict[str, list[str]] = {}
    for one in lists:
        if one.served.current is not None:
            by_version.setdefault(one.served.current.sha256, []).append(one.served.node)
    sides = "; ".join(f"{listed(nodes)}: {sha256[:12]}" for sha256, nodes in by_version.items())
    shown: dict[str, Json] = {sha256: _words(nodes) for sha256, nodes in by_version.items()}
    findings.add(
        ClusterCode.LISTS_DIFFER,
        FindingSeverity.CRITICAL,
        f"TFTP nodes serve {versions} different CTLs ({sides}).",
        "Which nodes a phone trusts hangs on where it last downloaded; some reject the others at their next reset.",
        "Restart Cisco Tftp on the node that serves the older one, and fetch again",
        f"ctlctl trustlist list {findings.cluster}",
        evidence={"versions": shown},
        count=versions,
    )


def _cure(missing: Sequence[Wanted], *, is_broken: bool) -> tuple[str, ...]:
    """Return how to bring the CTL up to date without losing a phone.

    An update is signed by the anchor of now. Phones whose CTL does not name it refuse the update, so that resetting
    them would be the lock-out itself.
    """
    signers = {wanted.unit for wanted in missing if Role.SAST in wanted.roles}
    if not signers and not is_broken:
        return _UPDATE_CTL, _AFTER_CTL
    if signers == {CALLMANAGER} and not is_broken:
        # Up to 11.5 CallManager signs; phones learn of the new one by TVS.
        return (
            f"{_UPDATE_CTL}; not if TVS was renewed too: phones must be able to ask it about the new signer",
            _AFTER_CTL,
            "Phones that cannot ask TVS (7940, 7960) need their CTL erased by hand",
        )
    if is_broken or any(wanted.unit == CALLMANAGER for wanted in missing):
        return (
            "Reset no phone and do not update the CTL yet: phones refuse one whose signer their own does not name",
            "Restore the former ITLRecovery or CallManager certificate (DRS), let phones take a CTL that it signs",
            "Only then update the CTL; phones that were reset meanwhile need theirs erased by hand",
        )
    return (
        "On the publisher: utils ctl reset localkey, so that CallManager, which phones know, signs the CTL",
        "Then reset phones a batch at a time, and wait until every one is registered",
        "Only then: utils ctl update CTLFile, and reset them again",
    )


def _stale_ctl(stale: Sequence[Judged], now: int, tally: Tally, findings: Findings, *, is_broken: bool) -> None:
    missing = _unique(stale)
    servers = sorted({wanted.node for wanted in missing if wanted.unit in {CALLMANAGER, CALLMANAGER_ECDSA}})
    secure = count(tally.secure, "phone")
    if servers:
        reject, register = ("rejects", "does not register") if tally.secure == 1 else ("reject", "do not register")
        so_what = f"{secure} in secure profiles {reject} {listed(servers)} at the next reset, and {register} there."
    elif any(wanted.unit == CAPF for wanted in missing):
        so_what = f"{secure} in secure profiles refuse CAPF: no LSC can be installed or renewed."
    else:
        so_what = f"{secure} in secure profiles can take new lists only by asking TVS, which old models cannot."
    findings.add(
        ClusterCode.STALE_CTL,
        FindingSeverity.CRITICAL,
        f"CTL lacks {_lacking(missing)}{_renewed(missing, now)}.",
        so_what,
        *_cure(missing, is_broken=is_broken),
        f"ctlctl trustlist list {findings.cluster}",
        evidence={
            "nodes": _words(_nodes(stale)),
            "missing": _words(wanted.describe() for wanted in missing),
            "secure_phones": tally.secure,
        },
        count=tally.secure,
    )


def report_itl(judged: Sequence[Judged], now: int, findings: Findings) -> None:
    """Report what the ITL of each node lacks.

    Args:
        judged: every list.
        now: the instant.
        findings: where it goes.
    """
    for one in judged:
        comparison = one.comparison
        if one.served.kind != "itl" or comparison is None or not comparison.missing:
            continue
        tvs = any(wanted.unit == TVS for wanted in comparison.missing)
        findings.add(
            ClusterCode.STALE_ITL,
            FindingSeverity.CRITICAL,
            f"ITL of {one.served.node} lacks {_lacking(comparison.missing)}{_renewed(comparison.missing, now)}.",
            "Phones that load it cannot ask that TVS about what they do not know: the next renewal may lock them out."
            if tvs
            else f"Phones that load it do not trust what {one.served.node} signs, and keep their old configuration.",
            f"Restart Cisco Tftp on {one.served.node}: it writes its ITL anew",
            f"ctlctl trustlist list {findings.cluster}",
            subject=one.subject,
            evidence={"missing": _words(wanted.describe() for wanted in comparison.missing)},
            count=len(comparison.missing),
        )


def report_surplus(judged: Sequence[Judged], findings: Findings) -> None:
    """Report records that belong to nobody; those of a stale list are what it will lose by being updated.

    Args:
        judged: every list.
        findings: where it goes.
    """
    for one in judged:
        comparison = one.comparison
        if comparison is None or comparison.missing or not comparison.surplus:
            continue
        findings.add(
            ClusterCode.LIST_SURPLUS,
            FindingSeverity.INFO,
            f"{one.name} has {count(len(comparison.surplus), 'record')} too many: {listed(comparison.surplus)}.",
            "Phones trust these certificates too; if nobody has their keys any more, nothing follows from it.",
            "Find out whose they are: a node that is no more, or a renewal that was taken back",
            _UPDATE_CTL if one.served.kind == "ctl" else f"Restart Cisco Tftp on {one.served.node}",
            subject=one.subject,
            evidence={"surplus": _words(comparison.surplus)},
            count=len(comparison.surplus),
        )


def report_not_compared(judged: Sequence[Judged], known: Known, findings: Findings) -> None:
    """Report lists that could not be held against what should be in them, one finding for each kind.

    Args:
        judged: every list.
        known: the cluster's certificates.
        findings: where it goes.
    """
    kinds: tuple[ListKind, ...] = ("ctl", "itl")
    for kind in kinds:
        lists = [one for one in judged if one.served.kind == kind and one.report is not None]
        reasons: list[str] = []
        concerned: list[Judged] = []
        for one in lists:
            if one.comparison is not None and one.comparison.undecided:
                reasons += one.comparison.undecided
                concerned.append(one)
            elif kind == "ctl" and known.security_mode is None:
                reasons.append("the cluster security mode")
                concerned.append(one)
        if not concerned:
            continue
        unknown = list(dict.fromkeys(reasons))
        findings.add(
            ClusterCode.LIST_NOT_COMPARED,
            FindingSeverity.UNKNOWN,
            f"{kind.upper()} of {listed(_nodes(concerned))} could not be compared with what should be in it: not known "
            f"{'is' if len(unknown) == 1 else 'are'} {listed(unknown)}.",
            "Whether phones will accept the nodes after their next reset, nobody knows.",
            f"ctlctl cluster doctor {findings.cluster}",
            f"ctlctl cert list {findings.cluster}",
            subject=kind,
            evidence={"nodes": _words(_nodes(concerned)), "not_known": _words(unknown)},
            count=len(concerned),
        )


def _waiting(findings: Findings) -> str:
    """Return how the advice to reset phones begins: it must wait for what would keep them from coming back."""
    standing = findings.standing(_NO_RESET)
    if not standing:
        return "Renew no other certificate before they have it: "
    verb = "is" if len(standing) == 1 else "are"
    return f"Reset none and renew nothing before {listed(standing)} {verb} settled: they may not come back. Then "


def report_not_taken(tally: Tally, policy: Policy, now: int, findings: Findings) -> None:
    """Report phones that have not taken the newest list, as far as times tell.

    Args:
        tally: the phones.
        policy: how long they may take.
        now: the instant.
        findings: where it goes.
    """
    newest: dict[ListKind, int | None] = {"ctl": tally.newest.ctl, "itl": tally.newest.itl}
    for kind, group in tally.not_taken_by_time.items():
        since = newest[kind]
        if since is None or not group.count:
            continue
        late = group.secure > 0 and now - since > policy.list_taken_within
        verb = "has" if group.count == 1 else "have"
        findings.add(
            ClusterCode.LIST_NOT_TAKEN,
            FindingSeverity.WARNING if late else FindingSeverity.INFO,
            f"{count(group.count, 'phone')} {verb} not taken the {kind.upper()} of {day(since)} (first seen "
            f"{ago(now, since)}), {group.secure:,} of them in secure profiles ({group.kinds}).",
            "A phone that misses this list and the next may find nobody in its own whom it can still trust.",
            _waiting(findings) + "reset them, and switch on those that are off",
            f"ctlctl phone list {findings.cluster} --not-taken {kind}",
            subject=kind,
            evidence=group.evidence(first_seen=since),
            count=group.count,
        )


def report_phones_behind(tally: Tally, policy: Policy, now: int, findings: Findings) -> None:
    """Report registered phones whose own pages say that they do not hold the newest list.

    Args:
        tally: the phones.
        policy: how long they may take.
        now: the instant.
        findings: where it goes.
    """
    for kind, group in tally.behind.items():
        since = tally.newest_known(kind)
        if since is None or not group.count:
            continue
        versions = tally.held_versions[kind]
        # What a phone missed first counts: one that missed two lists is not in time because the second is of today.
        missed = min((version.replaced_at or since for version in versions), default=since)
        # A list that nobody saw served may be one from before anybody looked; none at all is never right.
        late = group.words[Held.NONE.value] > 0 or now - missed > policy.list_taken_within
        said = "; ".join(
            f"{number:,} {'holds' if number == 1 else 'hold'} {_held(word, versions)}"
            for word, number in group.words.most_common()
        )
        findings.add(
            ClusterCode.PHONE_LIST_OLD,
            FindingSeverity.WARNING if late else FindingSeverity.INFO,
            f"{count(group.count, 'registered phone')} {'does' if group.count == 1 else 'do'} not hold the newest "
            f"{kind.upper()}, first seen {ago(now, since)}, by their own pages: {said} ({group.kinds}).",
            "Such a phone did not load the newest list when it started last, or has not started since: what only the "
            "newest list names, it does not trust.",
            _waiting(findings) + "reset one of them, and read its status messages",
            "A list of no node: the phone came from another cluster, or keeps a list it cannot replace; erase it there",
            f"ctlctl phone list {findings.cluster} --not-taken {kind}",
            subject=kind,
            evidence=group.evidence(first_seen=since, versions=[*map(_version, versions.most_common(_VERSIONS_SHOWN))]),
            count=group.count,
        )


def _held(word: str, versions: Mapping[HeldVersion, int]) -> str:
    """Return what phones hold that do not hold the newest."""
    if word == Held.NONE.value:
        return "none at all"
    if word == Held.FOREIGN.value:
        return "one that no node was ever seen to serve"
    oldest = min(versions, key=lambda each: (each.last_seen, each.sha256))
    far = sum(number for version, number in versions.items() if version.behind > 1)
    missed = f"{far:,} of them two or more versions behind, " if far else ""
    left = f"the oldest of {listed(oldest.nodes)}, last seen {day(oldest.last_seen)}"
    return f"an older one that was served before ({missed}{left})"


def _version(held: tuple[HeldVersion, int]) -> Json:
    version, number = held
    return {
        "sha256": version.sha256,
        "nodes": _words(version.nodes),
        "first_seen": version.first_seen,
        "last_seen": version.last_seen,
        "behind": version.behind,
        "phones": number,
    }
