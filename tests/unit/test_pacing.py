"""A pace gives turns, gives way and recovers; waits grow and end."""

import threading
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl.connectors.pacing import BACK_OFF_SECONDS, SLOWEST_PER_SECOND, Pace, waits
from support.soap import FakeTime


def turns(pace: Pace, time: FakeTime, count: int) -> list[float]:
    found = []
    for _ in range(count):
        pace.wait()
        found.append(time.now)
    return found


def test_the_first_turn_comes_at_once_and_the_others_in_time() -> None:
    time = FakeTime()
    pace = Pace(2.0, 5.0, clock=time.clock, sleep=time.sleep)
    assert turns(pace, time, 4) == [1000.0, 1000.5, 1001.0, 1001.5]
    # Time that nobody used is not saved up.
    time.now += 100
    assert turns(pace, time, 3) == [1101.5, 1102.0, 1102.5]


def test_it_never_starts_above_its_ceiling() -> None:
    assert Pace(9.0, 5.0).per_second == 5.0


def test_it_grows_to_its_ceiling_and_halves_to_its_floor() -> None:
    pace = Pace(1.0, 5.0)
    for _ in range(39):
        pace.faster()
    assert pace.per_second == pytest.approx(4.9)
    for _ in range(10):
        pace.faster()
    assert pace.per_second == 5.0
    pace.slower()
    assert pace.per_second == 2.5
    for _ in range(10):
        pace.slower()
    assert pace.per_second == SLOWEST_PER_SECOND


def test_a_ceiling_under_the_floor_holds() -> None:
    pace = Pace(0.02, 0.02)
    pace.slower()
    pace.faster()
    assert pace.per_second == 0.02


@given(st.lists(st.sampled_from(["wait", "slower", "faster", "idle"]), max_size=80), st.floats(0.2, 5))
def test_turns_are_never_closer_than_the_ceiling_allows(steps: list[str], ceiling: float) -> None:
    time = FakeTime()
    pace = Pace(1.0, ceiling, clock=time.clock, sleep=time.sleep)
    taken = []
    for step in steps:
        if step == "wait":
            pace.wait()
            taken.append(time.now)
        elif step == "idle":
            time.now += 3.0
        else:
            getattr(pace, step)()
        assert min(SLOWEST_PER_SECOND, ceiling) <= pace.per_second <= ceiling
    assert all(after - before >= 1 / ceiling - 1e-6 for before, after in pairwise(taken))


def test_threads_get_turns_of_their_own() -> None:
    slept: list[float] = []
    pace = Pace(4.0, 4.0, clock=lambda: 0.0, sleep=slept.append)
    threads = [threading.Thread(target=pace.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [0.25 * number for number in range(1, 8)]


def test_waits_grow_and_the_last_repeats() -> None:
    assert tuple(islice(waits(10_000), 7)) == (*BACK_OFF_SECONDS, 60.0, 60.0)
    assert list(waits(300, 30.0)) == [30.0, 30.0, 30.0, 40.0, 60.0, 60.0]


def test_no_budget_no_wait() -> None:
    assert list(waits(0)) == []
    assert list(waits(4.9)) == []


@given(st.floats(0, 2000), st.floats(0, 100))
def test_waits_stay_within_the_budget(budget: float, least: float) -> None:
    found = list(waits(budget, least))
    assert sum(found) <= budget + 1e-6
    assert all(one >= least for one in found)
    assert found == sorted(found)
