"""What carries a rollout out, between its machine and the store: wishes, the audit log, and the order of things."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread

import pytest

from ctlctl.act.audit import check_chain
from ctlctl.act.rolloutports import AWAY, carry_out
from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.connectors.axl_now import PhoneNow
from ctlctl.connectors.axl_values import PhoneChange
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.store.rolloutstore import Approval, StoredPlan
from ctlctl.store.store import Store
from ctlctl_capf.rollout.actions import Arm, Cancel, Reset, Write
from ctlctl_capf.rollout.facts import (
    PENDING_STATUS,
    Answer,
    Command,
    Health,
    Preflight,
    Probe,
    Reading,
    Registration,
    Result,
    Window,
    Wish,
)
from ctlctl_capf.rollout.model import RolloutPlan
from ctlctl_capf.rollout.rows import MAYBE_AWAY, Mode, PhoneState, begin
from support.rolloutworld import BORN, QUICK, Phone, World, phones, plan_of, window_at

#: All at once, each with a web server: what is asked and written is asked and written together.
CROWD = replace(QUICK, canaries=(), batch=40, in_flight=40, site_percent=100, cm_group_percent=100, pace=4.0)
ROOT = "uid 0 (root)"


@dataclass
class Ports:
    """A cluster in memory, as a run takes it."""

    world: World
    written: list[Write] = field(default_factory=list)
    probed: list[tuple[str, ...]] = field(default_factory=list)
    broken: bool = False
    #: Registered phones, and when they were counted.
    counted: tuple[int, int] | None = None
    before_write: Callable[[], object] = lambda: None

    def read(self, names: tuple[str, ...]) -> Mapping[str, Reading]:
        return {name: self.world.read(name) for name in names}

    def registrations(self, names: tuple[str, ...]) -> Mapping[str, Registration]:
        found = [self.world.by_name[name] for name in names]
        return {one.name: Registration(self.world.now, one.registered, one.since) for one in found}

    def probe(self, names: tuple[str, ...]) -> Mapping[str, Probe]:
        self.probed.append(names)
        return {name: Probe(self.world.now, self.world.by_name[name].shown) for name in names}

    def write(self, action: Write) -> tuple[Answer, ConnectorFault | None]:
        self.before_write()
        self.written.append(action)
        return Answer(action.name, action.verb, self.world.write(action)), None

    def preflight(self) -> Preflight:
        return Preflight(self.world.now, Health.GREEN)

    def registered(self) -> tuple[int, int] | None:
        if self.broken:
            raise RuntimeError("a defect")
        return self.counted

    def window(self, now: int) -> Window | None:
        return window_at(now)

    def windows(self, now: int) -> Iterator[Window]:
        found = window_at(now)
        return iter(() if found is None else (found,))

    def invalid(self) -> str:
        return ""


@dataclass
class Begun:
    """A rollout that has begun, and what it is made of."""

    run: RolloutRun
    ports: Ports
    store: Store
    plan: RolloutPlan

    def turn(self, seconds: int = 5) -> None:
        self.ports.world.advance(self.ports.world.now + seconds)
        self.run.step()

    def events(self) -> list[str]:
        return [one.event for one in self.store.audit_log()]

    def outcomes(self) -> tuple[list[str], list[str]]:
        """Return the writes that the audit log says were begun, and those of which it says what came of them."""
        begun: list[str] = []
        ended: list[str] = []
        for one in self.store.audit_log():
            _, _, what = one.event.partition("rollout-")
            verb, _, begins = what.partition("-")
            if verb in {"arm", "reset", "cancel"}:
                (begun if begins else ended).append(f"{verb} {one.detail['phone']}")
        return begun, ended


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Begun]:
    who = phones(12)
    for one in who:
        one.planned = replace(one.planned, web=True)
    world, plan = World(who), plan_of(who, CROWD)
    with Store.open(tmp_path / "store.db") as store:
        state = begin(plan, world.now)
        kept = StoredPlan("00" * 32, "7c1f0e", "hq", b"{}", world.now, (Approval(world.now, 0, "root"),))
        store.acts.approve(kept, kept.approvals[0], ROOT, (world.now, "plan-approved", {}))
        store.acts.start(kept, world.now, ROOT, None, state, (world.now, "rollout-started", {}))
        (rollout,) = store.acts.rollouts("hq")
        ports = Ports(world)
        run = RolloutRun(rollout, plan, state.rows, ports, store.acts, lambda: float(world.now))
        yield Begun(run, ports, store, plan)


def test_a_wish_outlasts_a_defect_and_is_obeyed_only_once_it_is_on_disk(begun: Begun) -> None:
    begun.turn()
    begun.ports.broken = True
    wish = Command(Wish.ABORT, ROOT, "wrong pool")
    assert begun.run.command(wish) is False
    with pytest.raises(RuntimeError):
        begun.turn()
    begun.run.reload()
    begun.ports.broken = False
    told: list[bool] = []
    waiting = Thread(target=lambda: told.append(begun.run.command(Command(Wish.PAUSE, ROOT), 20)))
    waiting.start()
    begun.turn()
    while waiting.is_alive():
        begun.turn()
        waiting.join(0.05)
    assert told == [True]
    (kept,) = begun.store.acts.rollouts("hq")
    assert kept.known_head().mode is Mode.ABORTED
    assert "wrong pool" in kept.known_head().words


def test_who_wants_it_stopped_is_obeyed_in_the_middle_of_a_turn(begun: Begun) -> None:
    def stop() -> None:
        if not begun.run._commands:
            begun.run.command(Command(Wish.PAUSE, ROOT))

    begun.ports.before_write = stop
    while not begun.ports.written:
        begun.turn()
    # The write under way is made, those of the same decision that follow are not; and the log says of each which.
    assert len(begun.ports.written) == 1
    begun.turn()
    assert begun.run.head.mode is Mode.PAUSED
    ended = [one for one in begun.store.audit_log() if one.event == "rollout-arm"]
    assert [one.detail["result"] for one in ended] == ["ok", *["not-sent"] * (len(ended) - 1)]
    assert len(ended) > 1
    # Nobody was busy: it goes on as fast as before.
    head = begun.run.head
    assert (head.throttled, head.pace) == (0, CROWD.pace)
    assert head.tokens >= len(ended) - 1


def test_whoever_leaves_says_what_came_of_the_last_writes(begun: Begun) -> None:
    while not begun.ports.written:
        begun.turn()
    before, after = begun.outcomes()
    assert before
    assert after == []
    wish = Command(Wish.PAUSE, ROOT)
    begun.run.command(wish)
    assert begun.run.leave() == (wish,)
    before, after = begun.outcomes()
    assert before == after
    assert check_chain(begun.store.audit_log()).problem is None
    assert begun.run.leave() == ()


def test_phones_are_looked_at_together(begun: Begun) -> None:
    while not begun.run.over:
        begun.turn()
        assert begun.ports.world.now < BORN + 3600
    assert begun.run.counts == {"done": 12}
    assert max(map(len, begun.ports.probed)) > 3
    before, after = begun.outcomes()
    assert before == after


def test_a_phone_that_ends_while_the_newest_count_still_lacks_it_halts_nothing(begun: Begun) -> None:
    run, ports, world = begun.run, begun.ports, begun.ports.world
    run.rollout = replace(run.rollout, baseline=len(world.by_name))
    ports.counted = len(world.by_name), world.now
    # Some come to their end while others are still away.
    for number, one in enumerate(world.by_name.values()):
        one.capf_seconds += 5 * number
    while not run.over:
        # RIS was last asked when the most phones were away.
        count = len(world.by_name) - sum(run.counts.get(state, 0) for state in MAYBE_AWAY)
        if count <= ports.counted[0]:
            ports.counted = count, world.now
        begun.turn(1)
        assert run.head.mode in {Mode.RUNNING, Mode.FINISHED}, run.head.words
        assert world.now < BORN + 3600
    assert run.counts == {PhoneState.DONE: len(world.by_name)}
    assert ports.counted[0] < len(world.by_name) - 1


@dataclass
class OnePhone:
    """AXL with one phone."""

    phone: PhoneNow | None
    changes: list[PhoneChange] = field(default_factory=list)

    def phones_now(self, names: Iterable[str]) -> Iterator[PhoneNow]:
        del names
        return iter(() if self.phone is None else (self.phone,))

    def update_phone(self, name: str, change: PhoneChange) -> None:
        del name
        self.changes.append(change)

    def reset_phone(self, name: str) -> None:
        raise AssertionError(name)


def now_is(operation: str, finish: str) -> PhoneNow:
    (made,) = phones(1)
    planned: Phone = made
    return PhoneNow(
        pkid=planned.pkid,
        name=planned.name,
        model=planned.planned.model,
        security_profile=None,
        security_mode=None,
        authentication_mode=None,
        operation=operation,
        status=PENDING_STATUS,
        finish_time=finish,
        lsc_valid_until=None,
        lsc_issuer=None,
    )


@pytest.mark.parametrize("fault", sorted(AWAY | {ConnectorFault.THROTTLED}))
def test_only_busy_is_called_busy(fault: ConnectorFault) -> None:
    class Away(OnePhone):
        def update_phone(self, name: str, change: PhoneChange) -> None:
            raise ConnectorError(fault, f"{name}: {change.operation}", place=Place("hq", "pub", "AXL"))

    write = Arm("SEP0", "Install/Upgrade", "2026:12:16:00:00")
    answer, told = carry_out(
        Away(replace(now_is("No Pending Operation", ""), status="None")), write, lambda: float(BORN)
    )
    busy = fault is ConnectorFault.THROTTLED
    assert (answer.result, told) == (Result.THROTTLED if busy else Result.NOT_DONE, fault)


@pytest.mark.parametrize(
    "write", [Arm("SEP0", "Install/Upgrade", "2026:12:16:00:00"), Cancel("SEP0", "2026:12:16:00:00")]
)
@pytest.mark.parametrize("phone", [None, now_is("Delete", "2027:01:01:00:00")])
def test_what_a_look_right_before_shows_is_no_refusal_of_axl(write: Write, phone: PhoneNow | None) -> None:
    """A phone that somebody else has in hand, or that is gone, is to be read anew: it has not failed."""
    axl = OnePhone(phone)
    answer, fault = carry_out(axl, write, lambda: BORN)
    assert (answer.result, fault) == (Result.CONFLICT, None)
    assert axl.changes == []


@pytest.mark.parametrize("phone", [None, replace(now_is("No Pending Operation", ""), status="Upgrade Success")])
def test_a_phone_for_which_no_operation_waits_is_not_reset(phone: PhoneNow | None) -> None:
    """It has been to CAPF by itself, or is gone: a reset would take it off the air for nothing."""
    answer, fault = carry_out(OnePhone(phone), Reset("SEP0"), lambda: BORN)
    assert (answer.result, fault) == (Result.CONFLICT, None)
