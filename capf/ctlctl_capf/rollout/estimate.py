"""How long a rollout takes: by what it has measured, or by what is assumed until then."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ctlctl_capf.rollout.facts import Window
from ctlctl_capf.rollout.model import Limits, RolloutPlan
from ctlctl_capf.rollout.rows import Head

#: Phones a minute before anything was measured: a batch of 250 in ten minutes. Cisco publishes no figure.
ASSUMED: Final = 25.0
#: Writes of each phone: the operation and the reset.
_WRITES: Final = 2
#: What must have been worked before the measured rate says anything.
_LEAST_SECONDS, _LEAST_PHONES = 300, 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a rollout will be through.

    Attributes:
        per_minute: phones a minute that this assumes.
        measured: whether that was measured in this rollout.
        finish: when the last phone is through; None if not within the windows that were given.
        windows: windows that it takes, the one that is open included; those that were given where `finish` is None.
        behind: whether that is after the deadline; False where there is none.
    """

    per_minute: float
    measured: bool
    finish: int | None
    windows: int
    behind: bool


def measured_rate(head: Head) -> float | None:
    """Return the phones that came through a minute, while any could; None before that means something."""
    if head.worked < _LEAST_SECONDS or head.settled < _LEAST_PHONES:
        return None
    return head.settled * 60 / head.worked


def assumed_rate(limits: Limits) -> float:
    """Return the phones a minute to assume under these limits before anything was measured."""
    return min(ASSUMED, limits.pace_ceiling * 60 / _WRITES, limits.in_flight * 60 / 90)


def estimate(plan: RolloutPlan, left: int, windows: Iterable[Window], now: int, head: Head | None = None) -> Estimate:
    """Estimate when a rollout will be through.

    Args:
        plan: what is rolled out.
        left: phones that have not come to an end.
        windows: the windows from now on, in their order, the open one first; only as many are taken as it takes.
        now: the instant.
        head: of the rollout, once it has begun.
    """
    limits = plan.limits
    rate = None if head is None else measured_rate(head)
    per_minute = rate or assumed_rate(limits)
    stage = 0 if head is None else head.stage
    reached, still_baking = 0, 0 if head is None else max(0, head.bake_until - now)
    seconds = left * 60 / per_minute
    # Baking takes time of windows, but no more of it than there are canaries with phones behind them.
    for size in limits.canaries[stage:]:
        reached += size
        if reached < left:
            seconds += limits.bake
    seconds += still_baking if left else 0
    used = 0
    finish = now if left == 0 else None
    for window in windows if left else ():
        start = max(now, window.opens)
        usable = window.closes - limits.phone_time - start
        if usable <= 0:
            continue
        used += 1
        if seconds <= usable:
            finish = start + int(seconds)
            break
        seconds -= usable
    late = finish is None or (plan.deadline is not None and finish > plan.deadline)
    return Estimate(per_minute, rate is not None, finish, used, plan.deadline is not None and late)
