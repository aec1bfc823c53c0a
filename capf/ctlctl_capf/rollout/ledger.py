"""The rows of a rollout with what has to be known at once: who is where, and how many. Rebuilt from the rows alone."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from ctlctl_capf.rollout.actions import Event, EventKind
from ctlctl_capf.rollout.model import PlannedPhone, RolloutPlan
from ctlctl_capf.rollout.reasons import ABSENT, DRIFT, RETRY, WEIGHT, Reason, Retry
from ctlctl_capf.rollout.rows import (
    AT_WORK,
    FINAL,
    IN_FLIGHT,
    MAYBE_AWAY,
    Batch,
    Halt,
    Head,
    Mode,
    PhoneRow,
    PhoneState,
    RolloutState,
)

if TYPE_CHECKING:
    from ctlctl_capf.rollout.facts import Window

#: How many times a batch is halved at most.
_LEAST_SHARE: Final = 10
#: Seconds for which is remembered how many were in flight: a count of 40,000 phones by RIS takes eight minutes.
_COUNT_AGE: Final = 3600
_EVENT_OF: Final = {
    Mode.PAUSED: EventKind.PAUSED,
    Mode.HALTED: EventKind.HALTED,
    Mode.RUNNING: EventKind.RESUMED,
    Mode.ABORTED: EventKind.ABORTED,
    Mode.FINISHED: EventKind.FINISHED,
}


class Ledger:
    """All rows, the head, what has changed since it was last taken, and indices over the rows.

    Attributes:
        plan: the plan.
        now: the instant of this decision.
        head: the head.
        window: the window that is open, or None.
    """

    def __init__(self, plan: RolloutPlan, state: RolloutState) -> None:
        self.plan = plan
        self.head: Head = state.head
        self.now = state.head.clock
        self.window: Window | None = None
        self._place = {phone.name: place for place, phone in enumerate(plan.phones)}
        self._rows = list(state.rows)
        self._at_work: dict[str, None] = {}
        #: Of each open batch, the phones that have not been armed.
        self._pending: dict[int, set[int]] = {}
        self._queue: list[tuple[int, bool, int]] = []
        self._changed: dict[str, None] = {}
        self._events: list[Event] = []
        #: How many phones may have been off the air, at each instant at which that number changed.
        self._away: deque[tuple[int, int]] = deque()
        self.states: Counter[PhoneState] = Counter()
        #: Phones that hold a place in flight, of each batch and altogether.
        self.flying: Counter[int] = Counter()
        self.in_flight = 0
        self._sites: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()
        self._site_caps = self._caps(plan.site_sizes, plan.limits.site_percent, of_site=True)
        self._group_caps = self._caps(plan.cm_group_sizes, plan.limits.cm_group_percent, of_site=False)
        for place, row in enumerate(self._rows):
            self._enter(place, row)

    def _caps(self, sizes: Mapping[str, int], percent: int, *, of_site: bool) -> dict[str, int]:
        planned = Counter(phone.site if of_site else phone.cm_group for phone in self.plan.phones)
        return {name: max(1, max(sizes.get(name, 0), many) * percent // 100) for name, many in planned.items()}

    # what is where

    def row(self, name: str) -> PhoneRow | None:
        """Return the row of a phone; None where it is not in the plan."""
        place = self._place.get(name)
        return None if place is None else self._rows[place]

    def phone(self, name: str) -> PlannedPhone:
        """Return a phone as it was planned."""
        return self.plan.phones[self._place[name]]

    def at_work(self) -> list[PhoneRow]:
        """Return the rows of all phones that are in flight or overdue, in the order of the plan."""
        return [self._rows[place] for place in sorted(self._place[name] for name in self._at_work)]

    def pending(self, batch: int) -> list[PhoneRow]:
        """Return the phones of an open batch that have not been armed, in the order of the plan."""
        return [self._rows[place] for place in sorted(self._pending.get(batch, ()))]

    def has_pending(self, batch: int) -> bool:
        """Whether a batch has phones that have not been armed."""
        return bool(self._pending.get(batch))

    @property
    def queued(self) -> bool:
        """Whether there are phones for another batch."""
        return bool(self._queue)

    def remember_away(self) -> None:
        """Keep in mind how many phones may be off the air because of the rollout."""
        many, log = sum(self.states[state] for state in MAYBE_AWAY), self._away
        if not log or log[-1][1] != many:
            log.append((self.now, many))
        while len(log) > 1 and log[1][0] < self.now - _COUNT_AGE:
            log.popleft()

    def away_since(self, instant: int) -> int:
        """Return how many phones may have been off the air because of the rollout, at most, from an instant on."""
        self.remember_away()
        most = 0
        for since, many in reversed(self._away):
            most = max(most, many)
            if since <= instant:
                break
        return most

    @property
    def left(self) -> int:
        """Phones that have not come to an end."""
        return len(self._rows) - sum(self.states[state] for state in FINAL)

    def has_room(self, row: PhoneRow) -> bool:
        """Whether the caps let this phone be armed."""
        phone = self.phone(row.name)
        return (
            self.in_flight < max(1, self.plan.limits.in_flight >> row.ease)
            and self._sites[phone.site] < self._site_caps[phone.site]
            and self._groups[phone.cm_group] < self._group_caps[phone.cm_group]
        )

    def of_states(self, *states: PhoneState) -> Iterator[PhoneRow]:
        """Walk over all rows that are in one of the states: all rows are looked at, so not at every decision."""
        return (row for row in self._rows if row.state in states)

    # changes

    def change(self, row: PhoneRow, state: PhoneState | None = None, **values: Any) -> PhoneRow:  # noqa: ANN401
        """Change a row, and put an event down if its state changes.

        Args:
            row: the row as it is.
            state: its new state; None to leave it.
            values: other attributes.
        """
        if state is None or state is row.state:
            new = replace(row, **values)
        else:
            new = replace(row, state=state, since=self.now, **values)
            words = f"{row.state} → {state}" + (f": {new.reason}" if new.reason else "")
            self.note(EventKind.PHONE, words, row.name)
        if new == row:
            return row
        place = self._place[row.name]
        self._leave(place, row)
        self._rows[place] = new
        self._enter(place, new)
        self._changed[row.name] = None
        return new

    def _leave(self, place: int, row: PhoneRow) -> None:
        self.states[row.state] -= 1
        if row.state is PhoneState.PLANNED and row.batch:
            self._pending[row.batch].discard(place)
        if row.state in AT_WORK:
            phone = self.plan.phones[place]
            self._at_work.pop(row.name)
            self._sites[phone.site] -= 1
            self._groups[phone.cm_group] -= 1
        if row.state in IN_FLIGHT:
            self.flying[row.batch] -= 1
            self.in_flight -= 1

    def _enter(self, place: int, row: PhoneRow) -> None:
        self.states[row.state] += 1
        if row.state is PhoneState.PLANNED:
            if row.batch:
                self._pending.setdefault(row.batch, set()).add(place)
            else:
                heappush(self._queue, (row.ease, row.tries > 0, place))
        if row.state in AT_WORK:
            phone = self.plan.phones[place]
            self._at_work[row.name] = None
            self._sites[phone.site] += 1
            self._groups[phone.cm_group] += 1
        if row.state in IN_FLIGHT:
            self.flying[row.batch] += 1
            self.in_flight += 1

    def drop_queue(self) -> None:
        """Forget the phones for other batches: there will be none."""
        self._queue.clear()

    def note(self, kind: EventKind, words: str = "", phone: str = "") -> None:
        """Put an event down."""
        self._events.append(Event(self.now, kind, phone, words))

    def set_head(self, **values: Any) -> None:  # noqa: ANN401
        """Change attributes of the head."""
        self.head = replace(self.head, **values)

    def set_mode(self, mode: Mode, words: str = "", halt: Halt | None = None) -> None:
        """Change how the rollout goes."""
        if self.head.mode is mode:
            return
        stopped = mode is not Mode.RUNNING
        batches = tuple(
            replace(each, dirty=True) if stopped else replace(each, failures=0, absent=0, drifted=0)
            for each in self.head.batches
        )
        self.set_head(mode=mode, mode_since=self.now, halt=halt, words=words, batches=batches)
        self.note(_EVENT_OF[mode], words if halt is None else f"{halt}: {words}")

    def take(self) -> tuple[tuple[PhoneRow, ...], tuple[Event, ...]]:
        """Return rows that have changed and events since this was last asked."""
        rows = tuple(self._rows[self._place[name]] for name in self._changed)
        events = tuple(self._events)
        self._changed.clear()
        self._events.clear()
        return rows, events

    def state(self) -> RolloutState:
        """Return everything that is to be kept."""
        return RolloutState(self.head, tuple(self._rows))

    # batches

    def open_batch(self) -> None:
        """Open the next canary or batch with the first phones of the queue."""
        limits, head = self.plan.limits, self.head
        ease = self._queue[0][0]
        wanted = limits.canaries[head.stage] if head.stage < len(limits.canaries) else limits.batch
        wanted = max(1, wanted >> ease)
        places: list[int] = []
        while self._queue and self._queue[0][0] == ease and len(places) < wanted:
            places.append(heappop(self._queue)[2])
        number = head.last_batch + 1
        batch = Batch(number, head.stage, len(places), ease, self.now)
        for place in places:
            self.change(self._rows[place], batch=number)
        self.set_head(batches=(*head.batches, batch), last_batch=number, batch_opened=self.now)
        self.note(EventKind.BATCH_OPENED, f"{self.stage_name(batch)}: {batch.size} phones")

    def stage_name(self, batch: Batch) -> str:
        """Return what a batch is called."""
        canary = batch.stage < len(self.plan.limits.canaries)
        return f"canary-{batch.stage + 1} (batch {batch.number})" if canary else f"batch {batch.number}"

    def batch_of(self, row: PhoneRow) -> Batch | None:
        """Return the open batch that a phone counts in: its own, or the newest where that was closed."""
        own = [each for each in self.head.batches if each.number == row.batch]
        return own[0] if own else self.head.batches[-1] if self.head.batches else None

    def set_batch(self, batch: Batch) -> None:
        """Replace an open batch by what has become of it."""
        self.set_head(batches=tuple(batch if each.number == batch.number else each for each in self.head.batches))

    # ends

    def fail(self, row: PhoneRow, reason: Reason, **values: Any) -> PhoneRow:  # noqa: ANN401
        """Let a phone come to the end, or to the retry, that follows from a reason."""
        limits = self.plan.limits
        # What is known of a phone is no news in its next try.
        if row.reason is not reason:
            self._count(row, reason)
        self.set_head(settled=self.head.settled + 1)
        if reason in DRIFT:
            return self.change(row, PhoneState.DRIFTED, reason=reason, **values)
        follows = limits.retry.get(reason) or RETRY[reason]
        again = follows in {Retry.NEXT_WINDOW, Retry.SMALLER_BATCH}
        tries = int(values.get("tries", row.tries))
        if again and self.head.mode is Mode.ABORTED:
            return self.change(row, PhoneState.CANCELLED, reason=reason, **values)
        if again and tries > limits.tries:
            return self.change(row, PhoneState.GIVEN_UP, reason=reason, **values)
        if follows is Retry.NEXT_WINDOW:
            return self.change(row, PhoneState.RETRY, reason=reason, **values)
        if follows is Retry.SMALLER_BATCH:
            ease = min(row.ease + 1, _LEAST_SHARE)
            return self.change(row, PhoneState.PLANNED, reason=reason, ease=ease, batch=0, **values)
        end = PhoneState.TO_PERSON if follows is Retry.PERSON else PhoneState.GIVEN_UP
        return self.change(row, end, reason=reason, **values)

    def _count(self, row: PhoneRow, reason: Reason) -> None:
        batch = self.batch_of(row)
        if batch is None:
            return
        if reason in DRIFT:
            self.set_batch(replace(batch, drifted=batch.drifted + 1))
        elif reason in ABSENT:
            self.count_absent(row)
        else:
            self.set_batch(replace(batch, failures=batch.failures + WEIGHT.get(reason, 1)))

    def count_absent(self, row: PhoneRow) -> None:
        """Count a phone that gives no answer, if it was not counted and this is its first time."""
        batch = self.batch_of(row)
        if batch is not None and row.state is not PhoneState.OVERDUE and row.reason not in ABSENT:
            self.set_batch(replace(batch, absent=batch.absent + 1))
