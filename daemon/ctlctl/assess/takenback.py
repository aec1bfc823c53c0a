"""A list that was taken back: which phones took what was served in between, and refuse the list of now.

Whoever still holds a list that the one of now follows on has lost nothing. In danger is only who loaded one of those
between: by its own pages, or because it started while such a list was served.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ctlctl.assess.continuity import follows
from ctlctl.assess.credentials import is_secure
from ctlctl.assess.draft import Findings
from ctlctl.assess.families import knows_itl
from ctlctl.assess.judged import Judged
from ctlctl.assess.model import ClusterCode, Held, Json, PhoneView, Policy
from ctlctl.assess.numbers import REGISTERED, Group
from ctlctl.assess.words import ago, count, minute
from ctlctl.inventory.values import Phone
from ctlctl.inventory.words import ListKind


@dataclass(frozen=True, slots=True)
class Between:
    """What was served before the list of now, and is not followed by it, although what was served earlier still is.

    Attributes:
        versions: SHA-256 of each, lower-case hexadecimal.
        periods: when a phone that started got one of them: after the first instant, before the second.
    """

    versions: frozenset[str]
    periods: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """When the first of them may have been served first."""
        return min(start for start, _ in self.periods)


@dataclass(slots=True)
class Doubt:
    """Phones that hold, or may hold, a list of between.

    Attributes:
        shown: their own pages say so.
        started: registered anew while it was served, and not since.
        out: not registered, and seen since it was first served; or never asked for.
    """

    shown: Group = field(default_factory=Group)
    started: Group = field(default_factory=Group)
    out: Group = field(default_factory=Group)

    @property
    def count(self) -> int:
        """All of them."""
        return self.shown.count + self.started.count + self.out.count


def between(one: Judged, now: datetime) -> Between | None:
    """Return what was served between a list that was taken back and the one of now.

    Args:
        one: the list of now, which does not follow on the one before.
        now: the instant to verify at.

    Returns:
        None where it follows on no list that was served earlier.
    """
    served, report = one.served, one.report
    current, previous = served.current, served.previous
    if current is None or previous is None or report is None:
        return None
    chain = (previous, *served.earlier)
    after = [current.first_seen, *(version.first_seen for version in chain)]
    before = [version.last_seen for version in chain[1:]]
    versions: set[str] = set()
    periods: list[tuple[int, int]] = []
    taken_back = False
    for place, version in enumerate(chain):
        is_followed = True if version.sha256 == current.sha256 else follows(report, version, now)
        taken_back |= is_followed is True
        if is_followed is False:
            versions.add(version.sha256)
            periods.append((before[place] if place < len(before) else version.first_seen, after[place]))
    return Between(frozenset(versions), tuple(periods)) if taken_back and versions else None


def doubt(  # noqa: PLR0913 - phones, what they may hold, and what they are judged by
    phones: Iterable[tuple[Phone, PhoneView]],
    kind: ListKind,
    found: Sequence[Between],
    since: int,
    policy: Policy,
    now: int,
) -> Doubt:
    """Return the phones that hold, or may hold, a list of between.

    Args:
        phones: all phones.
        kind: which list.
        found: what was served in between, by each node: which of them a phone asks, nobody knows.
        since: when the last of them was taken back.
        policy: how long phones that are not registered count.
        now: the instant.
    """
    made = Doubt()
    versions = frozenset[str]().union(*(each.versions for each in found))
    periods = [period for each in found for period in each.periods]
    start = min(each.start for each in found)
    for phone, view in phones:
        config = phone.config
        secure = is_secure(config)
        if not (knows_itl(config.model) if kind == "itl" else secure):
            continue
        held = view.holds_itl if kind == "itl" else view.holds_ctl
        if held.state is Held.UNKNOWN:
            group = _by_times(phone, made, periods, start, is_late=now - since > policy.list_taken_within)
        elif held.version is not None and held.version.sha256 in versions:
            group = made.shown
        else:
            group = None
        if group is not None:
            group.add(config.name, config.model, secure=secure)
    return made


def _by_times(
    phone: Phone, made: Doubt, periods: Sequence[tuple[int, int]], start: int, *, is_late: bool
) -> Group | None:
    """Return where a phone belongs whose pages tell nothing; None where times say that it is in no danger."""
    found = phone.registration
    if found is None:
        return made.out
    if found.status in REGISTERED:
        at = found.changed_at
        is_there = at is None or any(first < at < last for first, last in periods)
        return made.started if is_there else None
    # Nobody saw it while such a list was served: it was off. One that stays away is told by list-not-taken.
    was_off = found.changed_at is None or found.changed_at < start
    return None if was_off or is_late else made.out


def report_taken_back(one: Judged, found: Between, phones: Doubt, now: int, findings: Findings) -> None:
    """Report a list that was taken back while phones hold, or may hold, what was served in between.

    Args:
        one: the list of now; its step says how bad it is.
        found: what was served in between.
        phones: who may hold it.
        now: the instant.
        findings: where it goes.
    """
    current, severity = one.served.current, one.step.severity
    if current is None or severity is None:
        return
    said = [
        f"{count(group.count, 'phone')} {words}"
        for group, words in (
            (phones.shown, "by their own pages" if phones.shown.count != 1 else "by its own page"),
            (phones.started, "started meanwhile and not since"),
            (phones.out, "of which that is not known, because RIS does not have them registered"),
        )
        if group.count
    ]
    first, last = found.start, max(end for _, end in found.periods)
    groups: dict[str, Json] = {
        name: group.evidence()
        for name, group in (("shown", phones.shown), ("started", phones.started), ("out", phones.out))
        if group.count
    }
    versions: list[Json] = [*sorted(found.versions)]
    findings.add(
        ClusterCode.LIST_CONTINUITY_BROKEN,
        severity,
        f"{one.name} was taken back {ago(now, current.first_seen)}: it is signed by whom phones knew before, but "
        f"not by whom the list names that was served between {minute(first)} and {minute(last)}. That list may be held "
        f"by: {'; '.join(said) if said else 'nobody knows whom, for no phone is known'}.",
        "A phone that holds the list of between refuses this one at its next reset, and with it its configuration; all "
        "others take it.",
        f"ctlctl phone list {findings.cluster} --not-taken {one.served.kind}",
        "Read the trust lists on the pages of one of them: one that shows the list of now is in no danger",
        "Erase the lists by hand on those that hold the other, then reset them: they take the list of now",
        "It ends when each has registered anew, or its page shows the list of now; who is not registered counts for "
        "a week",
        subject=one.subject,
        count=phones.count,
        evidence={
            "continuity": one.step.continuity,
            "first_seen": current.first_seen,
            "sha256": current.sha256,
            "between": versions,
            "between_first": first,
            "between_last": last,
            "phones": groups,
        },
    )
