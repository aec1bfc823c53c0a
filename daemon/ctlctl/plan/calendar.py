"""Change windows in a cluster's time zone: when one is open, and when the next one opens.

Clocks are put back and forward. A window opens when the clock shows its opening time for the last time that night, and
closes as soon after that as the clock shows its closing time or a later one: so it is never open while the clock shows
a time outside of it, whatever the zone does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import Final

_DAY_MINUTES: Final = 1_440
#: Days over which the next opening is looked for: a window comes every week, and a zone may leave out a day.
_AHEAD_DAYS: Final = 22
#: Days before an instant on which an interval that has not ended may have begun: windows that abut may last a week.
_BACK_DAYS: Final = 9
_SECOND: Final = timedelta(seconds=1)
#: What AXL takes as "Operation Completes By" (XSD of upgradeFinishTime; its ...:SS is a misprint for minutes).
_COMPLETE_BY: Final = "%Y:%m:%d:%H:%M"


@dataclass(frozen=True, slots=True)
class Window:
    """A window that comes every week.

    Attributes:
        days: on which it opens, Monday is 0.
        opens: minutes from midnight, 0 to 1,439.
        closes: minutes from the same midnight, more than `opens`; from 1,440 on it is the next day's.

    Raises:
        ValueError: it is none.
    """

    days: frozenset[int]
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError("a window opens on days of the week")
        if not 0 <= self.opens < _DAY_MINUTES or not self.opens < self.closes <= self.opens + _DAY_MINUTES:
            raise ValueError("a window opens on one day and lasts up to 24 hours")


@dataclass(frozen=True, slots=True)
class Interval:
    """A span in which phones may be touched: from `opens` up to but not including `closes`; seconds since 1970."""

    opens: int
    closes: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.closes - self.opens


@dataclass(frozen=True, slots=True)
class Calendar:
    """The windows of one cluster.

    Attributes:
        zone: the cluster's time zone.
        windows: at least one.
    """

    zone: tzinfo
    windows: tuple[Window, ...]

    def open_at(self, instant: int) -> Interval | None:
        """Return the interval in which an instant lies, or None while no window is open."""
        return next((one for one in self.intervals(instant) if one.opens <= instant < one.closes), None)

    def next_opening(self, instant: int) -> Interval | None:
        """Return the first interval that opens after an instant; None where none does: it is always open."""
        return next((one for one in self.intervals(instant) if one.opens > instant), None)

    def intervals(self, instant: int) -> Iterator[Interval]:
        """Give the intervals that end after an instant, in order; what overlaps or abuts is one.

        It is looked up to three weeks ahead: windows that leave no time out are one interval that ends there.
        """
        first = datetime.fromtimestamp(instant, self.zone).date()
        found: list[Interval] = []
        for ahead in range(-_BACK_DAYS, _AHEAD_DAYS + 1):
            found += self._of_day(first + timedelta(days=ahead))
        return (one for one in _merged(found) if one.closes > instant)

    def nights(self, instant: int, most: int) -> Iterator[Interval]:
        """Give intervals one after the other, the open one from now on, up to a number."""
        return islice(self._endless(instant), most)

    def _endless(self, instant: int) -> Iterator[Interval]:
        current = self.open_at(instant)
        if current is not None:
            yield Interval(instant, current.closes)
        while (following := self.next_opening(instant)) is not None:
            yield following
            instant = following.opens

    def complete_by(self, instant: int) -> str:
        """Return an instant as CUCM takes "Operation Completes By": the cluster's local time, to the minute."""
        return datetime.fromtimestamp(instant, self.zone).strftime(_COMPLETE_BY)

    def _of_day(self, day: date) -> Iterator[Interval]:
        for window in self.windows:
            if day.weekday() in window.days:
                opens = self._opening(_wall(day, window.opens))
                closes = self._closing(_wall(day, window.closes), opens)
                if opens < closes:
                    yield Interval(opens, closes)

    def _opening(self, wall: datetime) -> int:
        once, again = self._both(wall)
        # A time that the clock leaves out: the instant at which it leaves it out.
        return again if again >= once else self._jump(again, once)

    def _closing(self, wall: datetime, opens: int) -> int:
        once, again = self._both(wall)
        if again < once:
            return self._jump(again, once)
        return once if once > opens else again

    def _both(self, wall: datetime) -> tuple[int, int]:
        """Return the instants at which the clock shows a time: the same where it does so once (PEP 495).

        Where the clock leaves the time out, the second comes before the first, and the leap lies between.
        """
        return _instant(wall.replace(tzinfo=self.zone, fold=0)), _instant(wall.replace(tzinfo=self.zone, fold=1))

    def _jump(self, before: int, after: int) -> int:
        """Return the first second at which the clock has been put forward, between two instants."""
        was = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == was:
                before = middle
            else:
                after = middle
        return after if self._offset(before) == was else before

    def _offset(self, instant: int) -> timedelta | None:
        return datetime.fromtimestamp(instant, self.zone).utcoffset()


def _wall(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - the zone comes after


def _instant(moment: datetime) -> int:
    # Zones of long ago are off by fractions of a minute, never of a second.
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // _SECOND


def _merged(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for one in sorted(intervals, key=lambda each: (each.opens, each.closes)):
        if merged and one.opens <= merged[-1].closes:
            merged[-1] = Interval(merged[-1].opens, max(merged[-1].closes, one.closes))
        else:
            merged.append(one)
    return merged
