"""The rollout machine: facts and an instant in; actions, rows and events out. No clock, no call, no file, no chance.

`Machine` keeps indices so that a decision costs what has changed, not what there is; it can be built anew from the rows
at any time, and then decides the same. `decide` is the same as one function, for whoever keeps nothing.
"""

from collections import Counter
from typing import Final

from ctlctl_capf.rollout import halting, pacing
from ctlctl_capf.rollout.actions import Action, Decision, EventKind, Hold, RunPreflight
from ctlctl_capf.rollout.asking import Asking
from ctlctl_capf.rollout.course import CLEARED, Course
from ctlctl_capf.rollout.facts import Facts, Health, Result, Wish
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.model import RolloutPlan
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import INTENTS, Halt, Mode, PhoneState, RolloutState
from ctlctl_capf.rollout.writing import Writing

#: Seconds by which the clock may go back without anybody being told.
_BACKWARDS: Final = 60
#: Seconds between two decisions that still count as work, for the measured rate.
_GAP: Final = 120


class Machine:
    """A rollout that runs.

    Args:
        plan: what was approved.
        state: from `begin`, or what was kept, through `recover` where calls may be under way.
    """

    def __init__(self, plan: RolloutPlan, state: RolloutState) -> None:
        self._ledger = Ledger(plan, state)
        self._course = Course(self._ledger)
        self._writing = Writing(self._ledger, self._course)
        self._asking = Asking(self._ledger, self._course)

    @property
    def state(self) -> RolloutState:
        """Everything that is to be kept; the parts that change are in each `Decision`."""
        return self._ledger.state()

    @property
    def counts(self) -> dict[PhoneState, int]:
        """How many phones stand where."""
        # Of a copy: another thread may ask while this one decides.
        return {state: many for state, many in dict(self._ledger.states).items() if many}

    def decide(self, facts: Facts, now: int) -> Decision:
        """Take what is new, and say what is to be done.

        Args:
            facts: all news since the last decision; each answer once.
            now: the instant, Unix seconds.

        Returns:
            The decision. Its rows and its head are to be on disk before the first of its actions is done.
        """
        ledger = self._ledger
        elapsed = self._tell_time(now)
        window = facts.window
        ledger.window = window if window is not None and window.opens <= now < window.closes else None
        self._obey(facts)
        self._hear(facts)
        self._change_window()
        if ledger.head.mode is Mode.RUNNING:
            found = halting.cause(ledger, facts)
            if found is not None:
                ledger.set_mode(Mode.HALTED, found[1], found[0])
        self._close_batches()
        if ledger.head.mode is not Mode.FINISHED and not ledger.left:
            self._finish()
        pacing.grow(ledger, elapsed)
        actions: list[Action] = []
        hold = self._open_batch(facts, actions)
        writes, wanted = self._writing.choose(facts)
        if hold is Hold.NONE and not ledger.queued:
            hold = Hold.FULL
        actions += writes
        actions += self._asking.choose(facts, wanted)
        ledger.remember_away()
        rows, events = ledger.take()
        return Decision(tuple(actions), rows, ledger.head, events, hold)

    def _tell_time(self, now: int) -> int:
        """Set the clock; return how many seconds have passed."""
        ledger = self._ledger
        last = ledger.head.clock
        ledger.now = now
        if now < last:
            # What is timed in rows counts from now on, lest it lies in the future for hours.
            for row in ledger.at_work():
                times = {
                    name: min(value, now)
                    for name in ("since", "decisive", "armed_at", "reset_at", "succeeded_at", "registered_at")
                    if (value := getattr(row, name)) is not None
                }
                ledger.change(row, **times)
            self._course.readings.clear()
            self._course.seen.clear()
            self._asking.start_over()
            head = ledger.head
            ledger.set_head(
                batch_opened=min(head.batch_opened, now),
                mode_since=min(head.mode_since, now),
                pace_since=now,
                bake_until=min(head.bake_until, now + ledger.plan.limits.bake),
            )
            ledger.note(EventKind.CLOCK, f"the clock went back by {last - now} s")
            if last - now > _BACKWARDS and ledger.head.mode is Mode.RUNNING:
                ledger.set_mode(Mode.HALTED, f"the clock went back by {last - now} s", Halt.CLOCK)
        elapsed = max(0, now - last)
        head = ledger.head
        worked = head.worked
        if head.mode is Mode.RUNNING and ledger.window is not None and elapsed <= _GAP and ledger.in_flight:
            worked += elapsed
        ledger.set_head(clock=now, worked=worked)
        return min(elapsed, _GAP)

    def _obey(self, facts: Facts) -> None:
        ledger = self._ledger
        for command in facts.commands:
            mode = ledger.head.mode
            words = f"{command.by}: {command.words}" if command.words else command.by
            if command.wish is Wish.PAUSE and mode is Mode.RUNNING:
                ledger.set_mode(Mode.PAUSED, words)
            elif command.wish is Wish.RESUME and mode in {Mode.PAUSED, Mode.HALTED}:
                ledger.set_mode(Mode.RUNNING, words)
            elif command.wish is Wish.ABORT and mode not in {Mode.ABORTED, Mode.FINISHED}:
                ledger.set_mode(Mode.ABORTED, words)
                ledger.drop_queue()
                for row in list(ledger.of_states(PhoneState.PLANNED, PhoneState.RETRY)):
                    ledger.change(row, PhoneState.CANCELLED, reason=row.reason or Reason.ABORTED)

    def _hear(self, facts: Facts) -> None:
        course, ledger = self._course, self._ledger
        results = Counter(answer.result for answer in facts.answers)
        if results[Result.NOT_DONE]:
            pacing.not_done(ledger, results[Result.NOT_DONE])
        if results[Result.THROTTLED]:
            pacing.throttled(ledger, results[Result.THROTTLED])
        for answer in facts.answers:
            course.answer(answer)
        for name, reading in facts.readings.items():
            course.reading(name, reading)
        for name, seen in facts.registrations.items():
            course.registration(name, seen)
        for name, probe in facts.probes.items():
            course.probe(name, probe)
        limits = ledger.plan.limits
        for row in ledger.at_work():
            if row.state in INTENTS and not row.decisive and ledger.now - row.since > limits.answer_deadline:
                ledger.change(row, decisive=ledger.now + limits.settle)

    def _change_window(self) -> None:
        ledger = self._ledger
        window, last = ledger.window, ledger.head.window
        if window is not None and window.closes != last:
            ledger.set_head(window=window.closes)
            ledger.note(EventKind.WINDOW_OPENED, f"until {window.finish_time}")
            for row in list(ledger.of_states(PhoneState.RETRY)):
                # A phone that is not through with a window that was cut short waits for the next.
                ledger.change(row, PhoneState.PLANNED, batch=0, **_fresh(row.reset_at))
        for row in ledger.at_work():
            if row.state is PhoneState.ARMED and (window is None or window.closes != row.window):
                # Complete-by ends the operation; the phone was not reset, so this was no try.
                self._course.back(row)

    def _close_batches(self) -> None:
        ledger = self._ledger
        for batch in ledger.head.batches:
            if ledger.has_pending(batch.number) or ledger.flying[batch.number]:
                continue
            head, canaries = ledger.head, len(ledger.plan.limits.canaries)
            values: dict[str, int] = {}
            if batch.stage < canaries:
                values["bake_until"] = ledger.now + ledger.plan.limits.bake
                if not batch.dirty and batch.stage == head.stage:
                    values["stage"] = head.stage + 1
            ledger.set_head(batches=tuple(each for each in head.batches if each.number != batch.number), **values)
            ledger.note(
                EventKind.BATCH_CLOSED,
                f"{ledger.stage_name(batch)}: {batch.size} phones, {batch.failures} failures, "
                f"{batch.absent} without an answer, {batch.drifted} changed",
            )

    def _finish(self) -> None:
        ledger = self._ledger
        if ledger.head.mode is Mode.ABORTED:
            return
        ledger.set_mode(Mode.FINISHED, f"{ledger.states[PhoneState.DONE]} phones are done")

    def _open_batch(self, facts: Facts, actions: list[Action]) -> Hold:
        """Open the next batch if it may be; else say why not."""
        ledger = self._ledger
        head, limits, now = ledger.head, ledger.plan.limits, ledger.now
        hold = self._held(facts)
        if hold is not Hold.NONE or not ledger.queued:
            return hold
        canary = head.stage < len(limits.canaries)
        if head.batches and (canary or head.batches[-1].stage < len(limits.canaries)):
            return Hold.FULL
        if len(head.batches) > 1 or any(ledger.has_pending(each.number) for each in head.batches):
            return Hold.FULL
        if now < head.bake_until:
            return Hold.BAKING
        flight = facts.preflight
        stale = flight is None or flight.at < now - limits.preflight_age or flight.at < head.batch_opened
        if stale or flight is None or flight.health is not Health.GREEN:
            if self._asking.due("preflight", limits.poll):
                actions.append(RunPreflight())
            return Hold.PREFLIGHT
        ledger.open_batch()
        return Hold.NONE

    def _held(self, facts: Facts) -> Hold:
        ledger = self._ledger
        head, limits, window = ledger.head, ledger.plan.limits, ledger.window
        if head.mode in {Mode.ABORTED, Mode.FINISHED}:
            return Hold.OVER
        if head.mode is not Mode.RUNNING:
            return Hold.STOPPED
        if window is None:
            return Hold.NO_WINDOW
        if ledger.now + limits.phone_time > window.closes:
            return Hold.WINDOW_ENDS
        return Hold.NONE if facts.axl else Hold.AXL


def _fresh(reset_at: int | None) -> dict[str, object]:
    """Return what a row forgets before its next try; when it was reset stays, for a success that comes late."""
    return {**CLEARED, "reset_at": reset_at}


def decide(plan: RolloutPlan, state: RolloutState, facts: Facts, now: int) -> tuple[Decision, RolloutState]:
    """Decide as `Machine` does, from a state to the next.

    Args:
        plan: what was approved.
        state: as it was kept.
        facts: all news since the last decision.
        now: the instant, Unix seconds.
    """
    machine = Machine(plan, state)
    decision = machine.decide(facts, now)
    return decision, machine.state
