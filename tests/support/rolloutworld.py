"""A cluster for rollouts, in memory and in its own time: phones with their fates, AXL with its moods, and a daemon that
can be killed between any two of its steps.

    world = World(phones(30))
    run = Run(world, plan_of(world))
    run.kills = {7, 19}
    run.to_the_end()

What must never happen is checked at every decision and every call (`Run.check`), and put down in `World.wrongs`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ctlctl_capf.rollout.actions import (
    Action,
    Arm,
    Cancel,
    CheckRegistration,
    Decision,
    ProbeTls,
    Read,
    Reset,
    RunPreflight,
    Write,
)
from ctlctl_capf.rollout.facts import (
    NO_OPERATION,
    PENDING_STATUS,
    Answer,
    Command,
    Facts,
    Health,
    Preflight,
    Probe,
    Reading,
    Registration,
    Result,
    Window,
    Wish,
)
from ctlctl_capf.rollout.machine import Machine, decide
from ctlctl_capf.rollout.model import Limits, Operation, PlannedPhone, RolloutPlan
from ctlctl_capf.rollout.rows import AT_WORK, IN_FLIGHT, Head, Mode, PhoneRow, PhoneState, RolloutState, begin, recover
from ctlctl_capf.rollout.stages import arrange

#: When the world begins, and how its windows lie: one hour in every two.
BORN: Final = 1_795_392_000
HOUR, EVERY = 3600, 7200
OLD_END, NEW_END, MIC_END = 1_800_000_000, 1_950_000_000, 1_900_000_000
PROFILE, SECURE, BY_LSC = "8841-enc", "Encrypted", "By Existing Certificate (precedence to LSC)"
OK, SILENT, DEAF, SAME, STALE_WEB = "ok", "silent", "deaf", "same", "stale-web"
#: Limits under which a rollout takes minutes.
QUICK: Final = Limits(
    canaries=(2, 4),
    batch=8,
    in_flight=6,
    site_percent=50,
    cm_group_percent=80,
    bake=60,
    phone_deadline=150,
    register_deadline=100,
    probe_deadline=40,
    pace_ceiling=5.0,
    settle=10,
    answer_deadline=60,
    preflight_age=120,
)


@dataclass(repr=False)
class Phone:
    """A phone, and what AXL, RIS and its web server say of it."""

    planned: PlannedPhone
    #: What comes of its first, second, … session: OK, a certificateStatus, SILENT (it never asks CAPF), DEAF (it never
    #: registers again), SAME (CAPF calls it a success, and the LSC is what it was), STALE_WEB. The last one stays.
    fates: Sequence[str] = (OK,)
    capf_seconds: int = 20
    register_seconds: int = 15
    #: Windows, counted from 0, in which it is not there.
    offline: frozenset[int] = frozenset()
    present: bool = True
    pkid: str = ""
    profile: str | None = PROFILE
    operation: str = NO_OPERATION
    status: str = "None"
    finish: str = ""
    lsc: int | None = OLD_END
    shown: int | None = OLD_END
    registered: bool = True
    since: int = BORN - 86_400
    #: Since our operation was written last.
    resets: int = 0
    sessions: int = 0
    ours: bool = False
    capf_at: int | None = None
    back_at: int | None = None

    def __post_init__(self) -> None:
        self.pkid = self.planned.pkid
        self.lsc = self.shown = self.planned.lsc_valid_until

    def __repr__(self) -> str:
        times = f"{self.capf_seconds}+{self.register_seconds} s"
        return f"<{self.name[-3:]} {list(self.fates)} {times} offline {list(self.offline)}>"

    @property
    def name(self) -> str:
        return self.planned.name

    @property
    def pending(self) -> bool:
        return self.status == PENDING_STATUS


def phones(
    many: int, families: int = 3, sites: int = 2, groups: int = 2, fates: Sequence[Sequence[str]] = ()
) -> list[Phone]:
    """Make phones; `fates` goes to the first of them, one each."""
    made = []
    for number in range(many):
        model = f"Cisco 88{41 + number % families}"
        planned = PlannedPhone(
            name=f"SEP{number:012X}",
            pkid=f"pkid-{number}",
            model=model,
            family=model[-4:],
            site=f"DP-{number % sites}",
            cm_group=f"CMG-{number % groups}",
            security_profile=PROFILE,
            security_mode=SECURE,
            authentication_mode=BY_LSC,
            lsc_valid_until=OLD_END,
            web=number % 2 == 0,
            registered=True,
        )
        made.append(Phone(planned, fates[number] if number < len(fates) else (OK,)))
    return made


def plan_of(
    members: Iterable[Phone],
    limits: Limits = QUICK,
    operation: Operation = Operation.RENEW,
    deadline: int | None = None,
) -> RolloutPlan:
    """Return the plan for all phones of a world."""
    ordered = arrange((phone.planned for phone in members), limits)
    return RolloutPlan("7c1f0e", "00" * 32, "hq", operation, ordered, limits, deadline)


def window_at(now: int) -> Window | None:
    """Return the window that is open."""
    opens = BORN + (now - BORN) // EVERY * EVERY
    return Window(opens, opens + HOUR, f"until-{opens + HOUR}") if now < opens + HOUR else None


def ends(finish_time: str) -> int:
    """Return the instant of a Complete-by; of somebody else's: never."""
    return int(finish_time.removeprefix("until-")) if finish_time.startswith("until-") else BORN * 2


@dataclass
class World:
    """The cluster.

    Attributes:
        phones: its phones.
        throttle: writes a second above which AXL answers 503.
        away: spans, in seconds from the beginning, in which the publisher is away.
        lost: writes, counted from 0, whose answer is lost; True where it is carried out, False where not, a number
            where it is carried out so many seconds later.
        changes: what somebody else does: (seconds from the beginning, place of the phone, what); "restart" is a phone
            that restarts by itself, "late-success" one whose operation succeeds after it was called a failure.
        refused: writes, counted from 0, to which AXL says no.
        ignored: writes, counted from 0, that AXL answers well and does not carry out.
        unsent: writes, counted from 0, that are decided and not made.
        red: spans in which the preflight finds something wrong.
    """

    phones: list[Phone]
    throttle: int = 1000
    away: Sequence[tuple[int, int]] = ()
    lost: dict[int, bool | int] = field(default_factory=dict)
    changes: list[tuple[int, int, str]] = field(default_factory=list)
    refused: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()
    unsent: frozenset[int] = frozenset()
    red: Sequence[tuple[int, int]] = ()
    now: int = BORN
    writes: int = 0
    wrongs: list[str] = field(default_factory=list)
    arms: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.by_name = {phone.name: phone for phone in self.phones}
        self._recent: list[int] = []
        self._late: list[tuple[int, Write]] = []
        self.changed: set[str] = set()

    @property
    def axl(self) -> bool:
        return not any(start <= self.now - BORN < end for start, end in self.away)

    def advance(self, now: int) -> None:
        """Let time pass."""
        self.now = now
        for at, write in [each for each in self._late if each[0] <= now]:
            self._late.remove((at, write))
            self._carry_out(write)
        for change in [each for each in self.changes if BORN + each[0] <= now]:
            self.changes.remove(change)
            self._change(self.phones[change[1] % len(self.phones)], change[2])
        turn = (now - BORN) // EVERY
        for phone in self.phones:
            if phone.capf_at is not None and phone.capf_at <= now:
                self._session(phone)
            if phone.back_at is not None and phone.back_at <= now:
                phone.registered, phone.since, phone.back_at = phone.present, phone.back_at, None
            if phone.offline and phone.present and phone.back_at is None:
                there = turn not in phone.offline
                if there is not phone.registered:
                    phone.registered, phone.since = there, now

    def _session(self, phone: Phone) -> None:
        at, phone.capf_at = phone.capf_at, None
        if not phone.pending or at is None:
            return
        kind = {"Install/Upgrade": "Upgrade"}.get(phone.operation, phone.operation)
        fate = phone.fates[min(phone.sessions, len(phone.fates) - 1)]
        if fate == SILENT:
            phone.sessions += 1
            return
        phone.sessions += 1
        phone.ours = False
        phone.operation = NO_OPERATION
        if at > ends(phone.finish):
            phone.status = f"{kind} Failed: User Initiated Request Late/Timedout"
        elif fate not in {OK, DEAF, SAME, STALE_WEB}:
            phone.status = fate.replace("Upgrade", kind)
        else:
            phone.status = f"{kind} Success"
            if fate == DEAF:
                phone.back_at = None
            if fate != SAME and kind != "Troubleshoot":
                phone.lsc = NEW_END + at if kind == "Upgrade" else None
                if fate != STALE_WEB:
                    phone.shown = phone.lsc or MIC_END

    def _change(self, phone: Phone, what: str) -> None:
        if what == "restart":
            self._restart(phone)
            return
        if what == "late-success":
            phone.status, phone.lsc, phone.shown = "Upgrade Success", NEW_END, NEW_END
            return
        self.changed.add(phone.name)
        match what:
            case "delete":
                # Whom AXL does not have, RIS does not have either.
                phone.present = phone.registered = False
            case "replace":
                phone.pkid = "another"
            case "profile":
                phone.profile = "another"
            case "operation":
                phone.operation, phone.status, phone.finish, phone.ours = "Delete", PENDING_STATUS, "theirs", False
            case "lsc":
                phone.lsc = 1_850_000_000
            case _:
                raise AssertionError(what)

    def write(self, write: Write) -> Result:
        """Take a write, as AXL would."""
        number, self.writes = self.writes, self.writes + 1
        if number in self.unsent:
            return Result.NOT_DONE
        self._recent = [*(at for at in self._recent if at > self.now - 1), self.now]
        if not self.axl:
            return Result.LOST
        if len(self._recent) > self.throttle:
            return Result.THROTTLED
        if number in self.refused or number in self.ignored:
            return Result.REFUSED if number in self.refused else Result.OK
        fate = self.lost.get(number, None)
        if fate is False:
            return Result.LOST
        if fate is not None and fate is not True:
            self._late.append((self.now + fate, write))
            return Result.LOST
        result = self._carry_out(write)
        return Result.LOST if fate else result

    def _carry_out(self, write: Write) -> Result:
        phone = self.by_name[write.name]
        if not phone.present:
            return Result.REFUSED
        match write:
            case Arm():
                if phone.pending:
                    if phone.ours:
                        self.wrongs.append(f"{phone.name} gets a second operation while one is pending")
                    return Result.CONFLICT
                phone.operation, phone.status, phone.finish = write.operation, PENDING_STATUS, write.finish_time
                phone.ours, phone.resets = True, 0
                self.arms[phone.name] += 1
            case Cancel():
                if (phone.pending, phone.finish) != (True, write.finish_time):
                    return Result.CONFLICT
                expired = ends(phone.finish) <= self.now
                if phone.resets and not expired:
                    self.wrongs.append(f"{phone.name} was reset, and its operation is cancelled")
                phone.operation, phone.status, phone.ours = NO_OPERATION, "None", False
            case Reset():
                phone.resets += 1
                self._restart(phone)
        return Result.OK

    def _restart(self, phone: Phone) -> None:
        if phone.registered:
            phone.registered, phone.since = False, self.now
        phone.capf_at = self.now + phone.capf_seconds
        phone.back_at = phone.capf_at + phone.register_seconds

    def read(self, name: str) -> Reading:
        phone = self.by_name[name]
        if not phone.present:
            return Reading(self.now, present=False)
        planned = phone.planned
        modes = (planned.security_mode, planned.authentication_mode)
        return Reading(
            self.now,
            pkid=phone.pkid,
            model=planned.model,
            security_profile=phone.profile,
            security_mode=modes[0],
            authentication_mode=modes[1],
            operation=phone.operation,
            status=phone.status,
            finish_time=phone.finish,
            lsc_valid_until=phone.lsc,
        )

    def registration(self, name: str) -> Registration:
        phone = self.by_name[name]
        return Registration(self.now, phone.registered, phone.since)


class Run:
    """A daemon that carries a rollout out, with what it has on disk.

    Attributes:
        kills: steps, counted from 0, before which the daemon is killed.
        commands: what the operator wants: (seconds from the beginning, wish).
        resumes: how often the operator resumes a halted rollout.
        jumps: how the clock jumps: (seconds from the beginning, by how much).
        one_shot: whether the machine is built anew for every decision.
    """

    def __init__(self, world: World, plan: RolloutPlan) -> None:
        self.world, self.plan = world, plan
        self.kills: set[int] = set()
        self.commands: list[tuple[int, Wish]] = []
        self.resumes = 0
        self.jumps: list[tuple[int, int]] = []
        self.tick = 5
        self.one_shot = False
        self.decisions = 0
        self.deaths = 0
        self.halts: list[str] = []
        self.baseline: int | None = None
        start = begin(plan, world.now)
        self.head: Head = start.head
        self.rows: dict[str, PhoneRow] = {row.name: row for row in start.rows}
        self.machine = Machine(plan, start)
        self._steps = 0
        self._news: dict[str, dict[str, object]] = {}
        self._facts = Facts()
        self._flight: Preflight | None = None
        self._offset = 0
        sizes = Counter(phone.site for phone in plan.phones), Counter(phone.cm_group for phone in plan.phones)
        limits = plan.limits
        self._site_caps = {name: max(1, many * limits.site_percent // 100) for name, many in sizes[0].items()}
        self._group_caps = {name: max(1, many * limits.cm_group_percent // 100) for name, many in sizes[1].items()}
        self._phones = {phone.name: phone for phone in plan.phones}

    # the daemon

    def state(self) -> RolloutState:
        """Return what is on disk."""
        return RolloutState(self.head, tuple(self.rows[phone.name] for phone in self.plan.phones))

    def _step(self) -> None:
        self._steps += 1
        if self._steps - 1 in self.kills:
            raise KilledError

    def once(self) -> None:
        """Let one tick pass."""
        world = self.world
        world.advance(world.now + self.tick)
        for jump in [each for each in self.jumps if BORN + each[0] <= world.now]:
            self.jumps.remove(jump)
            world.advance(max(world.now + jump[1], BORN)) if jump[1] > 0 else self._back(jump[1])
        try:
            self._live()
        except KilledError:
            self.deaths += 1
            world.advance(world.now + 20)
            self._facts = Facts()
            self.machine = Machine(self.plan, recover(self.state(), self.plan.limits.settle, self._now))

    def _back(self, seconds: int) -> None:
        """Let the daemon's clock go back; the cluster's go on."""
        self._offset += seconds

    @property
    def _now(self) -> int:
        return self.world.now + self._offset

    def _live(self) -> None:
        world, now = self.world, self._now
        commands = tuple(Command(wish, "anna") for at, wish in self.commands if BORN + at <= world.now)
        self.commands = [each for each in self.commands if BORN + each[0] > world.now]
        if self.head.mode is Mode.HALTED and self.resumes:
            self.resumes -= 1
            commands += (Command(Wish.RESUME, "anna"),)
        online = None if self.baseline is None else sum(phone.registered for phone in world.phones)
        facts = replace(
            self._facts,
            window=window_at(now),
            axl=world.axl,
            preflight=self._flight,
            commands=commands,
            registered=online,
            counted_at=now,
            baseline=self.baseline,
        )
        self._facts = Facts()
        if self.one_shot:
            decision, state = decide(self.plan, self.machine.state, facts, now)
            self.machine = Machine(self.plan, state)
        else:
            decision = self.machine.decide(facts, now)
        self.decisions += 1
        self.check(decision, now)
        self._step()
        self.head = decision.head
        self.rows |= {row.name: row for row in decision.rows}
        if decision.head.halt is not None and decision.head.mode_since == now:
            self.halts.append(decision.head.halt.value)
        for action in decision.actions:
            self._step()
            news = self._do(action, now)
            self._step()
            self._facts = news

    def _do(self, action: Action, now: int) -> Facts:
        world, facts = self.world, self._facts
        match action:
            case Read():
                if not world.axl:
                    return facts
                found = {name: replace(world.read(name), at=now) for name in action.names}
                return replace(facts, readings={**facts.readings, **found})
            case CheckRegistration():
                seen = {}
                for name in action.names:
                    each = world.registration(name)
                    since = None if each.since is None else each.since + self._offset
                    seen[name] = replace(each, at=now, since=since)
                return replace(facts, registrations={**facts.registrations, **seen})
            case ProbeTls():
                phone = world.by_name[action.name]
                probe = Probe(now, phone.shown if phone.registered else None)
                return replace(facts, probes={**facts.probes, action.name: probe})
            case RunPreflight():
                red = any(start <= world.now - BORN < end for start, end in world.red)
                health = Health.UNKNOWN if not world.axl else Health.RED if red else Health.GREEN
                self._flight = Preflight(now, health, "CAPF is down" if red else "")
                return facts
            case _:
                answer = Answer(action.name, action.verb, world.write(action))
                return replace(facts, answers=(*facts.answers, answer))

    def to_the_end(self, most: int = 60 * EVERY) -> None:
        """Run until the rollout is over, or stopped with nothing at work."""
        world = self.world
        while not self.still:
            assert world.now < BORN + most, f"no end: {self.counts}, {self.head}"
            if window_at(self._now) is None and not self.at_work and not self.commands:
                # Nothing happens between the windows.
                world.advance(world.now + (EVERY - (self._now - BORN) % EVERY))
            self.once()

    # what it stands at

    @property
    def at_work(self) -> int:
        return sum(row.state in AT_WORK for row in self.rows.values())

    @property
    def still(self) -> bool:
        """Whether nothing more will happen by itself."""
        if self.head.mode is Mode.RUNNING or (self.head.mode is Mode.HALTED and self.resumes):
            return False
        return not self.at_work and not (self.head.mode is Mode.PAUSED and self.commands)

    @property
    def counts(self) -> dict[str, int]:
        return {str(state): many for state, many in Counter(row.state for row in self.rows.values()).items()}

    # what must always hold

    def check(self, decision: Decision, now: int) -> None:
        """Put down what must not be."""
        wrong = self.world.wrongs.append
        rows = {**self.rows, **{row.name: row for row in decision.rows}}
        if set(rows) != {phone.name for phone in self.plan.phones}:
            wrong("a phone was lost")
        self._check_caps(rows)
        writes = [action for action in decision.actions if isinstance(action, Write)]
        if writes and window_at(now) is None:
            wrong("a write outside of the window")
        if decision.head.mode is not Mode.RUNNING and any(not isinstance(write, Cancel) for write in writes):
            wrong(f"a write while {decision.head.mode}")
        if len({write.name for write in writes}) != len(writes):
            wrong("two writes to one phone at once")
        for write in writes:
            if rows[write.name].state not in {PhoneState.ARMING, PhoneState.RESETTING, PhoneState.CANCELLING}:
                wrong(f"{write.name} is written to without an intent")

    def _check_caps(self, rows: dict[str, PhoneRow]) -> None:
        world, limits = self.world, self.plan.limits
        wrong = world.wrongs.append
        flying = [row for row in rows.values() if row.state in IN_FLIGHT]
        if len(flying) > limits.in_flight:
            wrong(f"{len(flying)} in flight")
        working = [self._phones[row.name] for row in rows.values() if row.state in AT_WORK]
        for site, many in Counter(phone.site for phone in working).items():
            if many > self._site_caps[site]:
                wrong(f"{many} at work in {site}")
        for group, many in Counter(phone.cm_group for phone in working).items():
            if many > self._group_caps[group]:
                wrong(f"{many} at work in {group}")
        sessions = sum(
            phone.capf_at is not None and phone.ours and phone.name not in world.changed for phone in world.phones
        )
        overdue = sum(row.state is PhoneState.OVERDUE for row in rows.values())
        if sessions > limits.in_flight + overdue:
            wrong(f"{sessions} phones are with CAPF")


class KilledError(Exception):
    """The daemon is killed here."""
