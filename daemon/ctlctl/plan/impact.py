"""What a rollout costs: resets, time off the air, and how many change windows it takes at the rate that is given."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ctlctl.plan.calendar import Calendar
from ctlctl.plan.model import Impact
from ctlctl_capf.rollout.model import Limits, PlannedPhone

#: Windows that are reckoned with; a rollout of more nights than a year has is none.
_MOST_WINDOWS: Final = 366
_MINUTE: Final = 60
#: AXL writes of each phone: the operation, and the reset.
_WRITES: Final = 2
_TWO_WEEKS: Final = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Rates:
    """What is reckoned with.

    Attributes:
        phones_per_minute: what the cluster carries.
        off_air_seconds: of a phone for one reset, at least and at most.
    """

    phones_per_minute: float
    off_air_seconds: tuple[int, int]


def longest_window(calendar: Calendar, now: int) -> int:
    """Return the seconds of the longest window that is open or opens within two weeks; 0 for none."""
    return max((one.seconds for one in calendar.intervals(now) if one.opens < now + _TWO_WEEKS), default=0)


def reckon(phones: Sequence[PlannedPhone], limits: Limits, calendar: Calendar, rates: Rates, now: int) -> Impact:
    """Reckon what a rollout costs.

    No phone is begun later than it could be done before its window closes, and after each canary nothing is begun while
    it is watched.

    Args:
        phones: those that are touched.
        limits: what bounds the rollout.
        calendar: when phones may be touched.
        rates: what is reckoned with.
        now: when it would begin.
    """
    # What the limits let through is less than the cluster carries where few may be under way.
    rate = min(
        rates.phones_per_minute,
        limits.in_flight * _MINUTE / rates.off_air_seconds[1],
        limits.pace_ceiling * _MINUTE / _WRITES,
    )
    need = len(phones) * _MINUTE / rate + limits.bake * _canaries(len(phones), limits)
    windows, first, finish = 0, None, None
    for one in calendar.nights(now, _MOST_WINDOWS):
        usable = one.seconds - limits.phone_time
        if usable <= 0:
            continue
        windows += 1
        first = one.opens if first is None else first
        if need <= usable:
            finish = one.opens + int(need) + limits.phone_time
            break
        need -= usable
    return Impact(
        phones=len(phones),
        resets=len(phones),
        off_air_seconds=rates.off_air_seconds[0],
        off_air_seconds_most=rates.off_air_seconds[1],
        windows=windows if finish is not None else None,
        first_window=first,
        finish=finish,
        service_restarts=0,
        sites=_counted(phone.site for phone in phones),
        families=_counted(phone.family for phone in phones),
        cm_groups=_counted(phone.cm_group for phone in phones),
    )


def _canaries(phones: int, limits: Limits) -> int:
    """Return how many canaries are followed by something that waits for them."""
    waits, begun = 0, 0
    for size in limits.canaries:
        begun += size
        if begun >= phones:
            break
        waits += 1
    return waits


def _counted(values: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(values).items()))
