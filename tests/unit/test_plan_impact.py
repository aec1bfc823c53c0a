"""What a rollout costs: windows, nights and the time when it is done."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from ctlctl.plan.calendar import Calendar, Window
from ctlctl.plan.impact import Rates, longest_window, reckon
from ctlctl.plan.model import Impact
from ctlctl_capf.rollout.model import Limits, PlannedPhone

#: 2026-11-23 12:00 UTC, a Monday.
NOON = 1_795_435_200
HOUR = 3600
NIGHTS = Calendar(ZoneInfo("UTC"), (Window(frozenset(range(7)), 22 * 60, 28 * 60),))


def phones(number: int) -> list[PlannedPhone]:
    return [
        PlannedPhone(f"SEP{each:05d}", "", "Cisco 8841", "8800", f"DP{each % 3}", "", None, None)
        for each in range(number)
    ]


def cost(number: int, limits: Limits, calendar: Calendar = NIGHTS, rate: float = 25, now: int = NOON) -> Impact:
    return reckon(phones(number), limits, calendar, Rates(rate, (40, 90)), now)


NO_CANARY = Limits(canaries=(), phone_deadline=900, register_deadline=900)
assert NO_CANARY.phone_time == 1800


@pytest.mark.parametrize(
    ("number", "windows", "finish"),
    [
        # A window of 6 h, of which the last half hour begins no phone, carries 25 a minute: 8,250.
        (1, 1, NOON + 10 * HOUR + 2 + 1800),
        (8250, 1, NOON + 16 * HOUR),
        (8251, 2, NOON + 34 * HOUR + 2 + 1800),
        (40_000, 5, NOON + (4 * 24 + 10) * HOUR + 7000 * 60 // 25 + 1800),
    ],
)
def test_nights_by_the_rate(number: int, windows: int, finish: int) -> None:
    found = cost(number, NO_CANARY)
    assert (found.windows, found.finish, found.first_window) == (windows, finish, NOON + 10 * HOUR)
    assert found.resets == number
    assert found.service_restarts == 0


def test_canaries_are_watched_before_more_is_begun() -> None:
    limits = Limits(canaries=(10, 50, 200), bake=1800)
    waits = {number: cost(number, limits).finish or 0 for number in (10, 11, 60, 61, 260, 261)}
    base = {number: cost(number, Limits(canaries=())).finish or 0 for number in waits}
    assert {number: (waits[number] - base[number]) // 1800 for number in waits} == {
        10: 0,
        11: 1,
        60: 1,
        61: 2,
        260: 2,
        261: 3,
    }


def test_a_window_that_is_open_counts_from_now() -> None:
    found = cost(1, NO_CANARY, now=NOON + 11 * HOUR)
    assert found.first_window == NOON + 11 * HOUR
    # Too late for tonight.
    found = cost(1, NO_CANARY, now=NOON + 16 * HOUR - 1800)
    assert found.first_window == NOON + 34 * HOUR


def test_windows_that_are_too_short_never_come() -> None:
    short = Calendar(ZoneInfo("UTC"), (Window(frozenset({0}), 0, 30),))
    found = cost(1, NO_CANARY, short)
    assert (found.windows, found.first_window, found.finish) == (None, None, None)
    assert longest_window(short, NOON) == 1800
    assert cost(10**5, NO_CANARY, NIGHTS, rate=0.1).windows is None


def test_a_rate_that_the_limits_do_not_allow_is_not_reckoned_with() -> None:
    # 10 phones at a time, each 90 s off the air, are 6.67 a minute, whatever the settings say.
    found = cost(400, replace(NO_CANARY, in_flight=10), rate=100)
    assert found.finish == NOON + 11 * HOUR + 1800


def test_who_is_concerned() -> None:
    found = cost(7, NO_CANARY)
    assert (found.sites, found.families, found.cm_groups) == ({"DP0": 3, "DP1": 2, "DP2": 2}, {"8800": 7}, {"": 7})
