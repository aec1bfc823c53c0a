"""What a rollout of 40,000 phones costs ctld itself: its turns, its machine and its journal, without any network.

Figures, never assertions about time: `make bench`. Memory is asserted: it does not depend on the machine's speed.
"""

import heapq
import random
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.store.rolloutstore import Approval, StoredPlan
from ctlctl.store.store import Store
from ctlctl_capf.rollout.actions import Arm, Reset, Write
from ctlctl_capf.rollout.facts import (
    NO_OPERATION,
    PENDING_STATUS,
    Answer,
    Health,
    Preflight,
    Probe,
    Reading,
    Registration,
    Result,
    Window,
)
from ctlctl_capf.rollout.model import Limits, Operation, PlannedPhone, RolloutPlan
from ctlctl_capf.rollout.rows import Mode, PhoneState, begin
from ctlctl_capf.rollout.stages import arrange

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

MANY, FEW = 40_000, 300
#: MiB that the machine and its run may take.
MOST_MEMORY = 100
START = 1_800_000_000 // 86_400 * 86_400 + 22 * 3600
NIGHT, DAY = 6 * 3600, 86_400
NEW_END = START + 1825 * DAY
LIMITS = Limits(pace_ceiling=5.0, in_flight=128)


class Phones:
    """The world of a rollout in memory: every phone takes a minute and a half, one in a hundred does not answer."""

    def __init__(self, plan: RolloutPlan) -> None:
        self.now = START
        self._plan = {phone.name: phone for phone in plan.phones}
        self._armed: dict[str, str] = {}
        self._done: dict[str, int] = {}
        self._back: dict[str, int] = {}
        self._due: list[tuple[int, str]] = []
        self._chance = random.Random(7)  # noqa: S311 - the same figures each time
        self.writes = 0

    def _settle(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            at, name = heapq.heappop(self._due)
            del self._armed[name]
            self._done[name] = self._back[name] = at

    def read(self, names: tuple[str, ...]) -> Mapping[str, Reading]:
        self._settle()
        return {name: self._reading(name) for name in names}

    def _reading(self, name: str) -> Reading:
        phone, done = self._plan[name], name in self._done
        finish = self._armed.get(name, "")
        return Reading(
            at=self.now,
            pkid=phone.pkid,
            model=phone.model,
            security_profile=phone.security_profile,
            security_mode=phone.security_mode,
            authentication_mode=phone.authentication_mode,
            operation="Install/Upgrade" if finish else NO_OPERATION,
            status=PENDING_STATUS if finish else "Upgrade Success" if done else "None",
            finish_time=finish,
            lsc_valid_until=NEW_END if done else None,
        )

    def registrations(self, names: tuple[str, ...]) -> Mapping[str, Registration]:
        self._settle()
        return {
            name: Registration(self.now, registered=True, since=self._back.get(name, START - DAY)) for name in names
        }

    def probe(self, names: tuple[str, ...]) -> Mapping[str, Probe]:
        return {name: Probe(self.now, NEW_END if name in self._done else None) for name in names}

    def write(self, action: Write) -> tuple[Answer, ConnectorFault | None]:
        self.writes += 1
        if isinstance(action, Arm):
            self._armed[action.name] = action.finish_time
        elif isinstance(action, Reset):
            # Who does not answer is tried again in the next window.
            if self._chance.random() > 0.01:
                heapq.heappush(self._due, (self.now + 90, action.name))
        else:
            self._armed.pop(action.name, None)
        return Answer(action.name, action.verb, Result.OK), None

    def preflight(self) -> Preflight:
        return Preflight(self.now, Health.GREEN)

    def registered(self) -> tuple[int, int] | None:
        return len(self._plan), self.now

    def window(self, now: int) -> Window | None:
        opens = START + (now - START) // DAY * DAY
        return None if now >= opens + NIGHT else self._window(opens)

    def windows(self, now: int) -> Iterator[Window]:
        first = START + (now - START) // DAY * DAY
        return (self._window(first + night * DAY) for night in range(60))

    def _window(self, opens: int) -> Window:
        closes = opens + NIGHT
        return Window(opens, closes, datetime.fromtimestamp(closes, UTC).strftime("%Y:%m:%d:%H:%M"))

    def invalid(self) -> str:
        return ""


def plan_of(size: int) -> RolloutPlan:
    phones = [
        PlannedPhone(
            name=f"SEP{number:012X}",
            pkid=f"{number:032x}",
            model=f"Cisco 88{number % 5}1",
            family="8800",
            site=f"site {number % 200}",
            cm_group=f"group {number % 8}",
            security_profile="Cisco 88 - SIP Encrypted LSC",
            security_mode="Encrypted",
            authentication_mode="By Existing Certificate (precedence to LSC)",
            web=number % 2 == 0,
            registered=True,
        )
        for number in range(size)
    ]
    return RolloutPlan("bench0", "0" * 64, "hq", Operation.INSTALL, arrange(phones, LIMITS), LIMITS)


def started(store: Store, plan: RolloutPlan) -> tuple[RolloutRun, Phones]:
    """Start a rollout in a store."""
    stored = StoredPlan(plan.sha256, plan.id, plan.cluster, b"{}", START, ())
    store.acts.approve(stored, Approval(START, 0, "root"), "root", (START, "plan-approved", {}))
    begun = (START, "rollout-started", {"plan": plan.id})
    number = store.acts.start(stored, START, "root", len(plan.phones), begin(plan, START), begun)
    (rollout,) = (one for one in store.acts.rollouts() if one.number == number)
    world = Phones(plan)
    return RolloutRun(rollout, plan, store.acts.rows(number), world, store.acts, lambda: world.now), world


def take_turns(run: RolloutRun, world: Phones, most: float = float("inf")) -> int:
    """Take turns as ctld does until nothing is left: one a second, fewer while nothing happens. Return how many."""
    turns = 0
    while not run.over and turns < most:
        run.step()
        assert run.head.mode in {Mode.RUNNING, Mode.FINISHED}, run.head
        world.now += 10 if run.rests else 1
        turns += 1
    return turns


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    return MANY if request.config.getoption("benchmark_enable") else FEW


def test_a_rollout_from_beginning_to_end(benchmark: BenchmarkFixture, tmp_path: Path, size: int) -> None:
    plan = plan_of(size)
    with Store.open(tmp_path / "ctld.db") as store:

        def everything() -> tuple[RolloutRun, Phones, int, float]:
            before = time.process_time()
            run, world = started(store, plan)
            turns = take_turns(run, world)
            return run, world, turns, time.process_time() - before

        run, world, turns, seconds = benchmark.pedantic(everything, rounds=1)  # type: ignore[no-untyped-call]  # the plugin has no types
        assert run.counts == {PhoneState.DONE: size}
        assert store.acts.states(run.rollout.number) == {"done": size}
        # One in a hundred is written to again, in another window.
        assert 2 * size <= world.writes < 2.1 * size
        benchmark.extra_info |= {
            "processor s": round(seconds, 1),
            "turns": turns,
            "ms a phone": round(seconds * 1000 / size, 2),
            "store MiB": (tmp_path / "ctld.db").stat().st_size >> 20,
        }


def test_memory_of_a_rollout(benchmark: BenchmarkFixture, tmp_path: Path, size: int) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        tracemalloc.start()
        try:
            run, world = started(store, plan_of(size))
            begun = tracemalloc.get_traced_memory()[1]
            tracemalloc.reset_peak()
            benchmark.pedantic(take_turns, (run, world, 2000), rounds=1)  # type: ignore[no-untyped-call]  # see above
            held, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    benchmark.extra_info |= {"MiB": held >> 20, "MiB at most": peak >> 20, "MiB at the start": begun >> 20}
    assert peak < MOST_MEMORY << 20
