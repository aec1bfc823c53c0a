"""What 40,000 phones cost the rollout machine: processor time and memory in all, without AXL, RIS, phones and disk.

Figures, never assertions about time: `make bench`. Memory is asserted: it does not depend on the machine's speed.
"""

import tracemalloc
from dataclasses import replace
from heapq import heappop, heappush
from time import process_time
from typing import Final

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl_capf.rollout.actions import Arm, CheckRegistration, ProbeTls, Read, Reset, RunPreflight
from ctlctl_capf.rollout.facts import (
    NO_OPERATION,
    PENDING_STATUS,
    Answer,
    Facts,
    Health,
    Preflight,
    Probe,
    Reading,
    Registration,
    Result,
)
from ctlctl_capf.rollout.machine import Machine
from ctlctl_capf.rollout.model import Limits, RolloutPlan
from ctlctl_capf.rollout.rows import Mode, PhoneState, RolloutState, Signal, begin
from support.rolloutworld import BORN, BY_LSC, EVERY, NEW_END, OLD_END, PROFILE, SECURE, phones, plan_of, window_at

pytestmark = pytest.mark.bench

MANY, FEW = 40_000, 300
#: MiB that plan, rows and indices may take.
MOST_MEMORY = 100
#: Seconds of a phone's session, and of its way back.
CAPF, BACK = 45, 30
#: Batches of ten minutes and no more, so that the rollout takes as long as it would.
LIMITS: Final = Limits(phone_deadline=300, register_deadline=300)


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    return MANY if request.config.getoption("benchmark_enable") else FEW


class Cluster:
    """Phones that all succeed, at no more cost than a dictionary."""

    def __init__(self, plan: RolloutPlan) -> None:
        self.plan = plan
        self.pkids = {phone.name: phone for phone in plan.phones}
        self.pending: dict[str, str] = {}
        self.reset_at: dict[str, int] = {}
        self.sessions: list[tuple[int, str]] = []
        self.new: dict[str, int] = {}
        self.preflight: Preflight | None = None

    def facts(self, actions: tuple[object, ...], now: int) -> Facts:
        while self.sessions and self.sessions[0][0] <= now:
            name = heappop(self.sessions)[1]
            self.pending.pop(name)
            self.new[name] = NEW_END + now
        readings: dict[str, Reading] = {}
        seen: dict[str, Registration] = {}
        probes: dict[str, Probe] = {}
        answers: list[Answer] = []
        for action in actions:
            match action:
                case Read():
                    readings |= {name: self.read(name, now) for name in action.names}
                case CheckRegistration():
                    seen |= {name: self.registration(name, now) for name in action.names}
                case ProbeTls():
                    probes[action.name] = Probe(now, self.new[action.name])
                case RunPreflight():
                    self.preflight = Preflight(now, Health.GREEN)
                case Arm():
                    self.pending[action.name] = action.finish_time
                    answers.append(Answer(action.name, action.verb, Result.OK))
                case Reset():
                    self.reset_at[action.name] = now
                    heappush(self.sessions, (now + CAPF, action.name))
                    answers.append(Answer(action.name, action.verb, Result.OK))
                case _:
                    raise AssertionError(action)
        many = len(self.plan.phones)
        return Facts(
            window_at(now),
            readings=readings,
            registrations=seen,
            probes=probes,
            answers=tuple(answers),
            preflight=self.preflight,
            registered=many - len(self.sessions),
            baseline=many,
        )

    def read(self, name: str, now: int) -> Reading:
        phone, finish = self.pkids[name], self.pending.get(name)
        return Reading(
            now,
            pkid=phone.pkid,
            model=phone.model,
            security_profile=PROFILE,
            security_mode=SECURE,
            authentication_mode=BY_LSC,
            operation=NO_OPERATION if finish is None else "Install/Upgrade",
            status=PENDING_STATUS if finish else "Upgrade Success" if name in self.new else "None",
            finish_time=finish or "",
            lsc_valid_until=self.new.get(name, OLD_END),
        )

    def registration(self, name: str, now: int) -> Registration:
        reset_at = self.reset_at.get(name)
        if reset_at is None:
            return Registration(now, registered=True, since=BORN - 86_400)
        back = reset_at + CAPF + BACK
        return Registration(now, registered=now >= back, since=back if now >= back else reset_at)


def test_scheduling_40000_phones(benchmark: BenchmarkFixture, size: int) -> None:
    base = plan_of(phones(size, families=6, sites=80, groups=8), LIMITS)
    plan = replace(base, cluster="hq")
    spent = 0.0
    decisions = nights = 0

    def through() -> None:
        nonlocal spent, decisions, nights
        cluster = Cluster(plan)
        machine = Machine(plan, begin(plan, BORN))
        spent, decisions, now = 0.0, 0, BORN
        actions: tuple[object, ...] = ()
        while True:
            now += 1
            facts = cluster.facts(actions, now)
            started = process_time()
            decision = machine.decide(facts, now)
            spent += process_time() - started
            decisions += 1
            actions = decision.actions
            if decision.head.mode is not Mode.RUNNING:
                break
            if facts.window is None:
                now += EVERY - (now - BORN) % EVERY - 1
        assert (decision.head.mode, machine.counts) == (Mode.FINISHED, {"done": size})
        nights = (now - BORN) // EVERY + 1

    benchmark.pedantic(through, rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    benchmark.extra_info["CPU seconds of all decisions"] = round(spent, 1)
    benchmark.extra_info["decisions"] = decisions
    benchmark.extra_info["windows of an hour"] = nights


def test_memory_of_40000_phones(benchmark: BenchmarkFixture, size: int) -> None:
    peak = benchmark.pedantic(memory, (size,), rounds=1)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
    benchmark.extra_info["MiB"] = round(peak / 2**20, 1)
    assert peak < MOST_MEMORY * 2**20


def memory(size: int) -> int:
    """Return the bytes that a rollout takes at most."""
    tracemalloc.start()
    try:
        plan = plan_of(phones(size, families=6, sites=80, groups=8), LIMITS)
        state = begin(plan, BORN)
        # As rows are when they come from a disk late in a rollout: nothing is shared between them.
        rows = tuple(
            replace(
                row,
                state=PhoneState.DONE,
                since=BORN + 5 * place,
                finish=f"2026:11:24:{place % 24:02}:00",
                window=BORN + EVERY + place,
                before=OLD_END + place,
                after=NEW_END + place,
                armed_at=BORN + place,
                reset_at=BORN + 2 * place,
                succeeded_at=BORN + 3 * place,
                registered_at=BORN + 4 * place,
                signals=frozenset(Signal),
            )
            for place, row in enumerate(state.rows)
        )
        machine = Machine(plan, RolloutState(state.head, rows))
        assert machine.counts == {"done": size}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_building_the_machine_from_40000_rows(benchmark: BenchmarkFixture, size: int) -> None:
    plan = plan_of(phones(size, families=6, sites=80, groups=8), LIMITS)
    state = begin(plan, BORN)
    benchmark.pedantic(Machine, (plan, state), rounds=3)  # type: ignore[no-untyped-call] # pytest-benchmark has no types
