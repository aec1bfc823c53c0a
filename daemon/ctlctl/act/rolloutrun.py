"""One rollout under way: gather what is new, decide, keep the decision, act on it; again and again.

What is decided is on disk, with its entries in the audit log, before the first write of it is made; what came of a
write is on disk with the next step. Whatever a crash leaves open is an intent whose phone is read before it is touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Condition
from typing import Final

import structlog

from ctlctl.act.rolloutports import AWAY, RolloutPorts
from ctlctl.assess.model import Json
from ctlctl.connectors.errors import ConnectorError
from ctlctl.store.rolloutstore import AuditNote, RolloutStore, StoredRollout
from ctlctl_capf.rollout.actions import (
    Action,
    Arm,
    Cancel,
    CheckRegistration,
    Decision,
    EventKind,
    Hold,
    ProbeTls,
    Read,
    Reset,
    RunPreflight,
)
from ctlctl_capf.rollout.estimate import Estimate, estimate
from ctlctl_capf.rollout.facts import (
    Answer,
    Command,
    Facts,
    Preflight,
    Probe,
    Reading,
    Registration,
    Result,
    Wish,
)
from ctlctl_capf.rollout.machine import Machine
from ctlctl_capf.rollout.model import RolloutPlan
from ctlctl_capf.rollout.rows import (
    AT_WORK,
    IN_FLIGHT,
    MAYBE_AWAY,
    Head,
    Mode,
    PhoneRow,
    PhoneState,
    RolloutState,
    recover,
)

_LOG: Final = structlog.get_logger("ctld")
#: Modes after which nothing of a rollout is left to do, once no phone is at work.
_OVER: Final = frozenset({Mode.ABORTED, Mode.FINISHED})
#: Why no phone is taken, where that does not change from one second to the next.
_RESTING: Final = frozenset({Hold.STOPPED, Hold.NO_WINDOW, Hold.WINDOW_ENDS, Hold.BAKING})
#: Seconds between two looks at whether the approval still holds.
_VALIDITY_SECONDS: Final = 300
_MINUTE: Final = 60
#: Minutes for which it is remembered how many phones were away, and minutes that a count of all phones takes.
_AWAY_MINUTES: Final = 120
_COUNT_MINUTES: Final = 10
#: Seconds for which AXL that was away is left alone.
_AXL_SECONDS: Final = 30
#: Seconds for which a head that only tells the time need not be kept.
_KEEP_SECONDS: Final = 60


class RolloutRun:
    """A rollout that ctld carries out. One thread calls `step`; any thread may ask or command."""

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        rollout: StoredRollout,
        plan: RolloutPlan,
        rows: Sequence[PhoneRow],
        ports: RolloutPorts,
        store: RolloutStore,
        now: Callable[[], float],
    ) -> None:
        """Take a rollout up where it was left.

        Args:
            rollout: as the store has it.
            plan: what was approved.
            rows: one for each phone, in the plan's order.
            ports: the world.
            store: where every step goes.
            now: the clock, seconds since 1970.

        Raises:
            RolloutRowError: how it stood cannot be read.
        """
        head = rollout.known_head()
        self.rollout = rollout
        self.plan = plan
        self._ports = ports
        self._store = store
        self._now = now
        self._places = {phone.name: place for place, phone in enumerate(plan.phones)}
        self._take_up(head, rows)
        self._turns = Condition()
        self._woken = False
        self._commands: list[Command] = []
        self._readings: dict[str, Reading] = {}
        self._seen: dict[str, Registration] = {}
        self._probes: dict[str, Probe] = {}
        self._answers: list[Answer] = []
        self._notes: list[AuditNote] = []
        self._preflight: Preflight | None = None
        #: When AXL was last found not to be read from, and not to be written to.
        self._unread: int | None = None
        self._unwritten: int | None = None
        self._invalid = ""
        self._looked_at: int | None = None
        #: The most phones that were away in a minute, by the minute.
        self._away: dict[int, int] = {}
        self.hold = Hold.NONE
        self.head = self._kept = head
        self._vain = self._refused = ""

    @property
    def trouble(self) -> str:
        """What keeps it from asking or writing, in words; "" for nothing."""
        return self._refused or self._vain

    @property
    def preflight_words(self) -> str:
        """What the newest preflight found wrong, in words; "" for nothing, or where there was none."""
        return "" if self._preflight is None else self._preflight.words

    def _take_up(self, head: Head, rows: Sequence[PhoneRow]) -> None:
        state = RolloutState(head, tuple(rows))
        self._machine = Machine(self.plan, recover(state, self.plan.limits.settle, int(self._now())))

    def reload(self) -> None:
        """Forget everything that is not in the store: what was decided and could not be kept was not decided.

        What operators asked for, and what is still to be said about writes that were made, is not forgotten.

        Raises:
            StoreError: the store cannot be read.
            RolloutRowError: what is in it cannot.
        """
        found = next(one for one in self._store.rollouts(self.rollout.cluster) if one.number == self.rollout.number)
        head = found.known_head()
        self._take_up(head, self._store.rows(self.rollout.number))
        self._answers = []
        self.head = self._kept = head

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self._is_over(self.head)

    @property
    def rests(self) -> bool:
        """Whether nothing happens for some time: no phone is in flight, and none may be taken."""
        return self.hold in _RESTING and not any(self.counts.get(state) for state in IN_FLIGHT)

    @property
    def counts(self) -> Mapping[PhoneState, int]:
        """How many phones stand where."""
        return self._machine.counts

    def rows(self) -> tuple[PhoneRow, ...]:
        """Every phone's row as it is now."""
        return self._machine.state.rows

    def command(self, command: Command, seconds: float = 0.0) -> bool:
        """Have an operator's wish obeyed with the next step.

        Args:
            command: the wish.
            seconds: real ones to wait for that step.

        Returns:
            Whether that step is on disk; until then a crash would forget the wish.
        """
        with self._turns:
            self._commands.append(command)
            self._turns.notify_all()
            return self._turns.wait_for(lambda: all(one is not command for one in self._commands), seconds)

    def rest(self, seconds: float) -> None:
        """Let some real seconds pass, fewer where somebody wants something."""
        with self._turns:
            self._turns.wait_for(lambda: self._woken or bool(self._commands), seconds)
            self._woken = False

    def wake(self) -> None:
        """End its rest."""
        with self._turns:
            self._woken = True
            self._turns.notify_all()

    def leave(self) -> tuple[Command, ...]:
        """Write to the audit log what came of the last writes, once no step follows.

        Returns:
            Wishes that were not obeyed any more.

        Raises:
            StoreError: it could not be written.
        """
        if self._notes:
            self._store.note("ctld", self.rollout.cluster, self._notes)
            self._notes = []
        with self._turns:
            left, self._commands = tuple(self._commands), []
        return left

    def estimate(self) -> Estimate:
        """When it will be through."""
        left = sum(many for state, many in self.counts.items() if state in _LEFT)
        now = int(self._now())
        return estimate(self.plan, left, self._ports.windows(now), now, self.head)

    def step(self) -> bool:
        """Take one turn.

        Returns:
            Whether anything was done or is on its way, so that the next turn should come soon.

        Raises:
            StoreError: the step could not be kept, and nothing of it was done: `reload` before the next turn.
        """
        now = int(self._now())
        with self._turns:
            commands = tuple(self._commands)
        decision = self._machine.decide(self._facts(now, commands), now)
        self._keep(decision, now)
        with self._turns:
            # Only now: whatever goes wrong before, a wish is not forgotten.
            del self._commands[: len(commands)]
            self._turns.notify_all()
        self.hold, self.head = decision.hold, decision.head
        shown = tuple(action.name for action in decision.actions if isinstance(action, ProbeTls))
        for action in decision.actions:
            if not isinstance(action, ProbeTls):
                self._act(action)
        if shown:
            # Together: phones that do not answer take their time, and the next turn waits for it.
            self._probes |= self._ports.probe(shown)
        return bool(decision.actions)

    def _facts(self, now: int, commands: tuple[Command, ...]) -> Facts:
        # Who resumes may have had the approval renewed just now.
        resumed = any(command.wish is Wish.RESUME for command in commands)
        if resumed or self._looked_at is None or abs(now - self._looked_at) >= _VALIDITY_SECONDS:
            self._invalid, self._looked_at = self._ports.invalid(), now
        facts = Facts(
            window=self._ports.window(now),
            axl=not self._is_away(now),
            readings=self._readings,
            registrations=self._seen,
            probes=self._probes,
            answers=tuple(self._answers),
            preflight=self._preflight,
            registered=self._registered(now),
            # It is told as phones stood with the last decision, and some of them may come to their end in this one.
            counted_at=self.head.clock - 1,
            baseline=self.rollout.baseline,
            invalid=self._invalid,
            commands=commands,
        )
        self._readings, self._seen, self._probes, self._answers = {}, {}, {}, []
        return facts

    def _registered(self, now: int) -> int | None:
        """How many phones are registered now, by a count that is some time old.

        Phones that were away for the rollout when they were counted and have come back since are counted in: what is
        proven of each does not wait for the next count of all.
        """
        away = sum(self.counts.get(state, 0) for state in MAYBE_AWAY)
        minute = now // _MINUTE
        # By the minute: there is a turn every second, and this is looked through at each.
        self._away = {then: many for then, many in self._away.items() if minute - _AWAY_MINUTES <= then <= minute}
        self._away[minute] = max(away, self._away.get(minute, 0))
        told = self._ports.registered()
        if told is None:
            return None
        count, at = told
        first, last = at // _MINUTE - _COUNT_MINUTES, at // _MINUTE
        around = [many for then, many in self._away.items() if first <= then <= last]
        return count + max(0, max(around, default=0) - away)

    def _is_away(self, now: int) -> bool:
        """Whether AXL was found to be away just now. It is tried again: nobody tells when it is back."""
        return any(at is not None and 0 <= now - at < _AXL_SECONDS for at in (self._unread, self._unwritten))

    def _keep(self, decision: Decision, now: int) -> None:
        notes = list(self._notes)
        for event in decision.events:
            words = {"words": event.words, "phone": event.phone} if event.phone else {"words": event.words}
            notes.append((event.at, f"rollout-{event.kind.value}", self._about(words)))
            if event.kind is not EventKind.PHONE:
                _LOG.info(
                    "rollout",
                    cluster=self.rollout.cluster,
                    rollout=self.rollout.number,
                    what=event.kind.value,
                    words=event.words,
                )
        notes += [
            (now, f"rollout-{action.verb.value}-begins", self._about({"phone": action.name}))
            for action in decision.actions
            if isinstance(action, Arm | Reset | Cancel)
        ]
        if not decision.rows and not notes and _says_the_same(self._kept, decision.head):
            return
        changed = [(self._places[row.name], row) for row in decision.rows]
        ended = now if self._is_over(decision.head) else None
        self._store.save(self.rollout, decision.head, changed, notes, ended_at=ended)
        self._kept, self._notes = decision.head, []

    def _is_over(self, head: Head) -> bool:
        counts = self._machine.counts
        return head.mode in _OVER and not any(counts.get(state) for state in AT_WORK)

    def _act(self, action: Action) -> None:
        try:
            if isinstance(action, Read):
                self._readings |= self._ports.read(action.names)
                self._unread = None
            elif isinstance(action, CheckRegistration):
                self._seen |= self._ports.registrations(action.names)
            elif isinstance(action, RunPreflight):
                self._preflight = self._ports.preflight()
            elif not isinstance(action, ProbeTls):
                self._write(action)
        except ConnectorError as error:
            # What was not found out is asked again; it never counts as good.
            self._vain = f"{error.node}, {error.interface}: {error.detail}"
            if isinstance(action, Read):
                self._unread = int(self._now())
            _LOG.warning("rollout-asked-in-vain", cluster=self.rollout.cluster, detail=str(error))
        else:
            self._vain = ""

    def _write(self, action: Arm | Reset | Cancel) -> None:
        now = int(self._now())
        # What cannot be done any more in this very turn is said, and nothing was.
        held = self._held(now)
        if held:
            self._answers.append(Answer(action.name, action.verb, Result.NOT_DONE, held))
            came = {"phone": action.name, "result": "not-sent", "words": held}
            self._notes.append((now, f"rollout-{action.verb.value}", self._about(came)))
            return
        answer, fault = self._ports.write(action)
        self._answers.append(answer)
        away = fault is not None and fault in AWAY
        self._unwritten = int(self._now()) if away else None
        self._refused = f"AXL cannot be written to ({fault}): {answer.words}" if away else ""
        came = {"phone": action.name, "result": answer.result.value, "words": answer.words}
        self._notes.append((int(self._now()), f"rollout-{action.verb.value}", self._about(came)))

    def _held(self, now: int) -> str:
        """Why a write that was decided is not made any more; "" where it is."""
        if self._is_away(now):
            return "AXL is away"
        if self._has_closed(now):
            return "the window has closed"
        with self._turns:
            stop = any(command.wish is not Wish.RESUME for command in self._commands)
        return "an operator has it stopped" if stop else ""

    def _has_closed(self, now: int) -> bool:
        """Whether the window of the last decision is open no more: its writes may take a while, or a clock jump."""
        window = self._ports.window(now)
        return window is None or window.closes != self.head.window

    def _about(self, detail: Mapping[str, Json]) -> Mapping[str, Json]:
        return {"rollout": self.rollout.number, "plan": self.rollout.plan_id, **detail}


def _says_the_same(kept: Head, head: Head) -> bool:
    """Whether nothing but the time has passed since a head was kept, and not much of it.

    A rollout waits for its window for days: it is no reason to write to the disk every second.
    """
    timeless = replace(head, clock=kept.clock, tokens=kept.tokens, pace_since=kept.pace_since, worked=kept.worked)
    return timeless == kept and 0 <= head.clock - kept.clock < _KEEP_SECONDS


_LEFT: Final = AT_WORK | {PhoneState.PLANNED, PhoneState.RETRY}
