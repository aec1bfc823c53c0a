"""Events happen in their order, once, and not to a phone that has begun another life."""

from dataclasses import dataclass, field
from threading import Event, RLock
from types import SimpleNamespace
from typing import cast

import pytest

from ctlctl_lab.clock import Clock, ManualClock
from ctlctl_lab.model import CapfState, Phone
from ctlctl_lab.schedule import Schedule

NOW = 1000.0


def a_phone(name: str = "SEP000000000001") -> Phone:
    return Phone(
        0, "pkid", name, "127.64.0.1", "Cisco 8845", "SIP", "", "DP", "profile", None, None, CapfState(), "load"
    )


@dataclass
class Diary:
    """What happened, and when."""

    clock: Clock
    written: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, phone: Phone) -> None:
        self.written.append((phone.name, self.clock.now()))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def schedule(clock: ManualClock) -> Schedule:
    return Schedule(clock, RLock())


def test_events_happen_in_the_order_of_their_time(schedule: Schedule, clock: ManualClock) -> None:
    diary = Diary(clock)
    for seconds in (30.0, 10.0, 20.0, 10.0):
        schedule.after(seconds, diary, a_phone(f"after {seconds:g}"))
    assert len(schedule) == 4
    assert schedule.settle() == 30.0
    assert diary.written == [("after 10", 1010), ("after 10", 1010), ("after 20", 1020), ("after 30", 1030)]
    assert len(schedule) == 0


def test_what_happens_may_lead_to_more(schedule: Schedule, clock: ManualClock) -> None:
    diary = Diary(clock)

    def again(phone: Phone) -> None:
        diary(phone)
        if len(diary.written) < 3:
            schedule.after(5.0, again, phone)

    schedule.after(5.0, again, a_phone())
    assert schedule.settle() == 15.0
    assert len(diary.written) == 3


def test_settling_stops_at_its_limit(schedule: Schedule, clock: ManualClock) -> None:
    diary = Diary(clock)
    schedule.after(10.0, diary, a_phone())
    schedule.after(100.0, diary, a_phone())
    assert schedule.settle(limit=50.0) == 10.0
    assert len(schedule) == 1


def test_an_event_of_an_older_life_is_void(schedule: Schedule, clock: ManualClock) -> None:
    diary, phone = Diary(clock), a_phone()
    schedule.after(1.0, diary, phone)
    phone.epoch += 1
    schedule.after(2.0, diary, phone)
    schedule.settle()
    assert diary.written == [(phone.name, 1002.0)]


def test_what_is_cleared_does_not_happen(schedule: Schedule, clock: ManualClock) -> None:
    diary = Diary(clock)
    schedule.after(1.0, diary, a_phone())
    schedule.clear()
    assert schedule.settle() == 0.0
    assert not diary.written


def test_a_crowd_happens_in_batches_so_that_readers_have_their_turn(schedule: Schedule, clock: ManualClock) -> None:
    diary = Diary(clock)
    for _ in range(500):
        schedule.after(1.0, diary, a_phone())
    assert schedule.run_due() == 0
    clock.advance(1.0)
    assert [schedule.run_due() for _ in range(4)] == [200, 200, 100, 0]
    assert len(diary.written) == 500


def test_only_a_clock_that_is_moved_by_hand_can_be_settled() -> None:
    with pytest.raises(TypeError, match="only a ManualClock can be moved"):
        Schedule(Clock(), RLock()).settle()


def test_a_running_schedule_lets_things_happen_by_itself() -> None:
    clock = Clock(speed=1000.0)
    schedule, happened, later = Schedule(clock, RLock()), Event(), Event()
    assert not schedule.broken
    schedule.start()
    schedule.start()
    try:
        schedule.after(1.0, lambda _: happened.set(), a_phone())
        assert happened.wait(30)
        # A nearer event overtakes the one that is being waited for.
        schedule.after(1e9, lambda _: None, a_phone())
        schedule.after(1.0, lambda _: later.set(), a_phone())
        assert later.wait(30)
        assert not schedule.broken
    finally:
        schedule.stop()
    assert len(schedule) == 1
    assert not schedule.broken
    schedule.stop()


def test_a_schedule_can_be_started_again() -> None:
    schedule, happened = Schedule(Clock(), RLock()), Event()
    schedule.start()
    schedule.stop()
    schedule.start()
    try:
        schedule.after(0.0, lambda _: happened.set(), a_phone())
        assert happened.wait(30)
    finally:
        schedule.stop()


def test_a_thread_that_ended_by_itself_is_broken() -> None:
    schedule = Schedule(Clock(), RLock())
    schedule._thread = cast("None", SimpleNamespace(is_alive=lambda: False, join=lambda: None))
    assert schedule.broken
    schedule.stop()
    assert not schedule.broken


def test_lab_time_runs_at_its_own_speed() -> None:
    clock = Clock(start=NOW, speed=60.0)
    assert clock.real_seconds(120.0) == 2.0
    assert clock.now() >= NOW
    assert clock.datetime().year == 1970
    first = clock.now()
    assert clock.now() >= first
    with pytest.raises(ValueError, match="lab time must run forward"):
        Clock(speed=0.0)


def test_lab_time_can_stand_still(clock: ManualClock) -> None:
    assert clock.now() == NOW
    clock.advance(2.5)
    assert clock.now() == NOW + 2.5
    assert clock.datetime().timestamp() == NOW + 2.5
    with pytest.raises(ValueError, match="does not run backwards"):
        clock.advance(-1)
