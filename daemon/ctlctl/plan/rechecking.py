"""A plan held against the present: for whoever approves or starts one.

A plan's own guards say how things stood when it was made, and whoever wrote the file could have written anything. So
they are judged again, by what is known now and by the settings of whoever carries it out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ctlctl.plan.approval import Drift, drift
from ctlctl.plan.checking import Checks, Untouched, known_at
from ctlctl.plan.facts import cluster_facts, phone_facts
from ctlctl.plan.guards import in_order
from ctlctl.plan.impact import Rates, longest_window, reckon
from ctlctl.plan.making import Basis, limits_of, planned_windows
from ctlctl.plan.model import Guard, Impact, Plan

if TYPE_CHECKING:
    from ctlctl_config.model import ClusterSettings


@dataclass(frozen=True, slots=True)
class Recheck:
    """How a plan stands now.

    Attributes:
        guards: judged again, worst first; what the plan's maker took on by name is still taken on.
        drift: how far its phones have changed.
        impact: reckoned again, from now on.
        differences: what in it is not as the settings have it, in words; none of that is an error by itself.
    """

    guards: tuple[Guard, ...]
    drift: Drift
    impact: Impact
    differences: tuple[str, ...]

    @property
    def stopped_by(self) -> tuple[Guard, ...]:
        """Guards that refuse it now."""
        return tuple(guard for guard in self.guards if guard.stops)

    @property
    def good(self) -> bool:
        """Whether nothing stops it, and its phones are still those that were planned."""
        return not self.stopped_by and not self.drift.too_far


def recheck(plan: Plan, basis: Basis, settings: "ClusterSettings") -> Recheck:
    """Hold a plan against the present.

    Args:
        plan: as it was read.
        basis: what is known now of its cluster.
        settings: of that cluster.

    Raises:
        FactsError: too little is known, or it is too old.
    """
    rollout, now = settings.rollout, basis.now
    cluster = cluster_facts(basis.cluster)
    known = known_at(cluster, rollout, now, live=basis.live)
    current = {phone.name: phone for phone in map(phone_facts, basis.phones)}
    phones = [current[one.phone.name] for one in plan.phones if one.phone.name in current]
    calendar = plan.calendar()
    rates = Rates(plan.phones_per_minute, rollout.off_air_seconds)
    impact = reckon([one.phone for one in plan.phones], plan.limits, calendar, rates, now)
    spared = None if basis.do_not_touch is None else {name.upper() for name in basis.do_not_touch}
    inside = sum(one.phone.name.upper() in (spared or ()) for one in plan.phones)
    untouched = Untouched(None if spared is None else len(spared), inside=inside)
    checks = Checks(cluster, rollout, plan.limits, longest_window(calendar, now), now)
    found = checks.guards(plan.operation, phones, impact, known, untouched)
    accepted = frozenset(guard.code.value for guard in plan.guards if guard.accepted)
    return Recheck(
        guards=in_order(found, accepted),
        drift=drift(plan, current.values(), rollout.drift_percent),
        impact=impact,
        differences=tuple(_differences(plan, settings)),
    )


def _differences(plan: Plan, settings: "ClusterSettings") -> Iterator[str]:
    rollout = settings.rollout
    own = limits_of(rollout, settings.axl.writes_per_second)
    for field in fields(own):
        mine, theirs = getattr(own, field.name), getattr(plan.limits, field.name)
        if mine != theirs:
            yield f"limit {field.name} is {theirs}, by the settings {mine}"
    for name, theirs, mine in (
        ("time zone", plan.timezone, settings.timezone),
        ("deadline in days", plan.deadline_days, rollout.deadline_days),
        ("phones a minute", plan.phones_per_minute, rollout.phones_per_minute),
    ):
        if mine != theirs:
            yield f"{name} is {theirs}, by the settings {mine}"
    if plan.windows != planned_windows(rollout):
        yield "change windows are others than by the settings"
