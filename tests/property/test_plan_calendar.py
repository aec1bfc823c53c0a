"""Change windows in every time zone, whatever its clocks do."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ctlctl.plan.calendar import Calendar, Interval, Window

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ZONES = sorted(available_timezones())
#: Clocks that are put forward and back in the night, by half an hour, at midnight, and a day that was left out.
ODD = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Pacific/Apia",
]
FIRST, LAST = 0, 4_000_000_000
DAY = 86_400


def windows() -> SearchStrategy[Window]:
    days = st.frozensets(st.integers(0, 6), min_size=1)
    opens, lasts = st.integers(0, 1439), st.integers(1, 1440)
    return st.builds(lambda d, o, n: Window(d, o, o + n), days, opens, lasts)


def calendars() -> SearchStrategy[Calendar]:
    zones = st.sampled_from(ODD) | st.sampled_from(ZONES)
    several = st.lists(windows(), min_size=1, max_size=3).map(tuple).filter(leaves_time_out)
    return st.builds(Calendar, zones.map(ZoneInfo), several)


def leaves_time_out(several: tuple[Window, ...]) -> bool:
    """Tell whether some minute of the week is in none of the windows."""
    minutes = {
        (day * 1440 + minute) % 10_080
        for window in several
        for day in window.days
        for minute in range(window.opens, window.closes)
    }
    return len(minutes) < 10_080


def shows_a_window(calendar: Calendar, instant: int) -> bool:
    """Tell by the clock on the wall alone whether a window is open."""
    wall = datetime.fromtimestamp(instant, calendar.zone).replace(tzinfo=None)
    for window in calendar.windows:
        for back in (0, 1):
            day = wall.date() - timedelta(days=back)
            minutes = (wall - datetime.combine(day, datetime.min.time())) / timedelta(minutes=1)
            if day.weekday() in window.days and window.opens <= minutes < window.closes:
                return True
    return False


def is_steady(calendar: Calendar, instant: int) -> bool:
    """Tell whether the clock is not changed for two days around an instant."""
    hours = range(instant - 2 * DAY, instant + 2 * DAY, 900)
    return len({datetime.fromtimestamp(hour, calendar.zone).utcoffset() for hour in hours}) == 1


BERLIN = Calendar(ZoneInfo("Europe/Berlin"), (Window(frozenset(range(7)), 22 * 60, 28 * 60),))


@unhurried
@given(calendars(), st.integers(FIRST, LAST))
@example(Calendar(ZoneInfo("Pacific/Apia"), (Window(frozenset(range(7)), 1320, 1680),)), 1_325_239_200)
def test_it_is_never_open_while_the_clock_shows_another_time(calendar: Calendar, instant: int) -> None:
    found = calendar.open_at(instant)
    if found is None:
        assert not (is_steady(calendar, instant) and shows_a_window(calendar, instant))
        return
    for moment in (found.opens, instant, found.closes - 1, (found.opens + instant) // 2):
        assert shows_a_window(calendar, moment)
        assert calendar.open_at(moment) == found


@unhurried
@given(calendars(), st.integers(FIRST, LAST))
def test_the_next_opening_is_the_next(calendar: Calendar, instant: int) -> None:
    following = calendar.next_opening(instant)
    assert following is not None
    assert instant < following.opens < following.closes
    assert calendar.open_at(following.opens) == following
    assert calendar.open_at(following.opens - 1) is None
    current = calendar.open_at(instant)
    start = instant if current is None else current.closes
    for part in range(1, 8):
        assert calendar.open_at(start + (following.opens - start) * part // 8 - (part == 8)) is None
    nights = list(calendar.nights(instant, 4))
    assert all(one.closes < other.opens for one, other in pairwise(nights))
    assert nights[0].opens == (instant if current is not None else following.opens)


@unhurried
@given(st.integers(FIRST, LAST))
def test_a_night_of_six_hours_has_five_or_seven_when_clocks_change(instant: int) -> None:
    found = BERLIN.next_opening(instant)
    assert found is not None
    closes = datetime.fromtimestamp(found.closes, BERLIN.zone)
    offsets = closes.utcoffset(), datetime.fromtimestamp(found.opens, BERLIN.zone).utcoffset()
    assert offsets[0] is not None
    assert offsets[1] is not None
    assert found.seconds == 6 * 3600 - (offsets[0] - offsets[1]).total_seconds()


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_the_hour_that_comes_twice_and_the_one_that_is_left_out() -> None:
    def one(opens: str, closes: str) -> Calendar:
        minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (opens, closes)]
        return Calendar(ZoneInfo("Europe/Berlin"), (Window(frozenset({6}), minutes[0], minutes[1]),))

    # 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC. 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    twice, left_out = at("2026-10-24T12:00"), at("2026-03-28T12:00")
    assert one("02:30", "04:00").next_opening(twice) == Interval(at("2026-10-25T01:30"), at("2026-10-25T03:00"))
    assert one("01:00", "02:30").next_opening(twice) == Interval(at("2026-10-24T23:00"), at("2026-10-25T00:30"))
    assert one("02:00", "02:30").next_opening(twice) == Interval(at("2026-10-25T01:00"), at("2026-10-25T01:30"))
    assert one("02:30", "04:00").next_opening(left_out) == Interval(at("2026-03-29T01:00"), at("2026-03-29T02:00"))
    assert one("01:00", "02:30").next_opening(left_out) == Interval(at("2026-03-29T00:00"), at("2026-03-29T01:00"))
    # All of it lies in the hour that is left out: there is no window on that day.
    assert one("02:00", "03:00").next_opening(left_out) == Interval(at("2026-04-05T00:00"), at("2026-04-05T01:00"))


def test_complete_by_is_the_clusters_time() -> None:
    assert BERLIN.complete_by(at("2026-07-01T02:00")) == "2026:07:01:04:00"
    assert BERLIN.complete_by(at("2026-12-01T03:00")) == "2026:12:01:04:00"


def test_without_an_end_it_is_always_open() -> None:
    always = Calendar(ZoneInfo("UTC"), (Window(frozenset(range(7)), 0, 1440),))
    found = always.open_at(at("2026-11-23T12:00"))
    assert found is not None
    assert found.closes > at("2026-12-07T12:00")
    assert always.next_opening(at("2026-11-23T12:00")) is None
    assert [one.closes for one in always.nights(at("2026-11-23T12:00"), 3)] == [found.closes]
