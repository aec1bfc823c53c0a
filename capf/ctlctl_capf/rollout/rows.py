"""What is kept of a rollout: one row a phone, and a head for the whole. Nothing else needs to survive a crash."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ctlctl_capf.rollout.model import RolloutPlan
from ctlctl_capf.rollout.reasons import Reason


class PhoneState(StrEnum):
    """Where a phone stands. The values are stable: rows, logs and metrics hold them.

    ARMING, RESETTING and CANCELLING are intents: they are on disk before the call is made, so after a crash it is not
    known whether it was.
    """

    PLANNED = "planned"
    #: The operation is being written, or was and has not been read back.
    ARMING = "arming"
    #: CUCM holds the operation; the phone has not been reset.
    ARMED = "armed"
    RESETTING = "resetting"
    #: The phone was reset, and CAPF's answer is awaited.
    WAITING = "waiting"
    #: CAPF calls it a success; the other proofs are awaited.
    VERIFYING = "verifying"
    #: Past its deadline, without an answer. It holds no place in flight, but one of its site and CallManager group.
    OVERDUE = "overdue"
    CANCELLING = "cancelling"
    RETRY = "retry-next-window"
    DONE = "done"
    TO_PERSON = "to-person"
    GIVEN_UP = "given-up"
    #: It is no longer what was planned, and is left alone.
    DRIFTED = "drifted"
    CANCELLED = "cancelled"


#: States in which nothing more happens to a phone.
FINAL: Final = frozenset(
    {PhoneState.DONE, PhoneState.TO_PERSON, PhoneState.GIVEN_UP, PhoneState.DRIFTED, PhoneState.CANCELLED}
)
#: States that hold one of the places in flight.
IN_FLIGHT: Final = frozenset(
    {
        PhoneState.ARMING,
        PhoneState.ARMED,
        PhoneState.RESETTING,
        PhoneState.WAITING,
        PhoneState.VERIFYING,
        PhoneState.CANCELLING,
    }
)
#: States that hold a place of the site and of the CallManager group.
AT_WORK: Final = IN_FLIGHT | {PhoneState.OVERDUE}
#: States in which a phone may be off the air because of the rollout.
MAYBE_AWAY: Final = frozenset({PhoneState.RESETTING, PhoneState.WAITING, PhoneState.VERIFYING})
INTENTS: Final = frozenset({PhoneState.ARMING, PhoneState.RESETTING, PhoneState.CANCELLING})


class Signal(StrEnum):
    """What proves success. The values are stable."""

    #: AXL's certificateStatus says success.
    STATUS = "status"
    #: The end of the LSC by AXL has changed; after a deletion there is none.
    EXPIRY = "expiry"
    #: RIS saw it register after the reset.
    REGISTERED = "registered"
    #: Its web server shows the new certificate.
    CERTIFICATE = "certificate"


NO_SIGNALS: Final[frozenset[Signal]] = frozenset()


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """One phone of a rollout.

    Attributes:
        name: device name.
        state: where it stands.
        since: since when.
        tries: times that it was armed, or was to be and was not there.
        batch: number of the batch that it is in; 0 for none.
        ease: how often its batch was halved.
        reason: why it last did not get through.
        answered: of an intent: whether CUCM answered that it was done.
        decisive: of an intent: from when on a reading tells whether it was done; 0 while the call may be under way.
        finish: Complete-by as it was written; "" for nothing written.
        window: end of the window in which it was last armed.
        before: end of its LSC when it was armed.
        status: AXL's certificateStatus as last read.
        after: end of its LSC as last read since the reset.
        armed_at: when the operation was read back.
        reset_at: when it was reset.
        away: whether RIS saw it away since the reset.
        succeeded_at: when success was read.
        registered_at: when RIS proved that it had registered again.
        signals: what proves its success.
    """

    name: str
    state: PhoneState = PhoneState.PLANNED
    since: int = 0
    tries: int = 0
    batch: int = 0
    ease: int = 0
    reason: Reason | None = None
    answered: bool = False
    decisive: int = 0
    finish: str = ""
    window: int = 0
    before: int | None = None
    status: str | None = None
    after: int | None = None
    armed_at: int | None = None
    reset_at: int | None = None
    away: bool = False
    succeeded_at: int | None = None
    registered_at: int | None = None
    signals: frozenset[Signal] = NO_SIGNALS


class Mode(StrEnum):
    """How a rollout goes. The values are stable."""

    RUNNING = "running"
    PAUSED = "paused"
    #: Stopped by itself; only an operator resumes it.
    HALTED = "halted"
    ABORTED = "aborted"
    FINISHED = "finished"


class Halt(StrEnum):
    """Why a rollout halted. The values are stable."""

    FAILURES = "failures"
    CANARY = "canary-failed"
    UNKNOWN = "too-many-unknown"
    DRIFT = "too-many-changed"
    DROP = "registered-dropped"
    PREFLIGHT = "preflight"
    APPROVAL = "approval"
    DEADLINE = "deadline"
    CLOCK = "clock-went-back"


@dataclass(frozen=True, slots=True)
class Batch:
    """A canary or a batch that is open.

    Attributes:
        number: from 1; never used twice.
        stage: index of the canary; the number of canaries for a batch after them.
        size: phones.
        ease: how often its size and its places in flight were halved.
        opened: when.
        failures: failures that count, by weight, since it was opened or the rollout was resumed.
        absent: phones without an answer, the same way.
        drifted: phones that have changed since the plan, the same way.
        dirty: whether the rollout halted while it was open; such a canary does not count as passed.
    """

    number: int
    stage: int
    size: int
    ease: int
    opened: int
    failures: int = 0
    absent: int = 0
    drifted: int = 0
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is kept of a rollout as a whole.

    Attributes:
        mode: how it goes.
        mode_since: since when.
        halt: why it halted.
        words: the same for a person.
        stage: index of the next canary; the number of canaries once all have passed.
        bake_until: no batch opens before.
        batches: those that are open.
        last_batch: number of the newest batch.
        batch_opened: when that was opened.
        window: end of the window that is open or was last.
        pace: AXL writes per second at present.
        pace_since: since when no answer was throttled, or the pace last rose.
        tokens: writes that may be made at once.
        throttled: answers that were throttled, in all.
        clock: the last instant that was given.
        worked: seconds in which phones could be taken, in all.
        settled: phones that came to an end or to a retry in that time.
    """

    mode: Mode = Mode.RUNNING
    mode_since: int = 0
    halt: Halt | None = None
    words: str = ""
    stage: int = 0
    bake_until: int = 0
    batches: tuple[Batch, ...] = ()
    last_batch: int = 0
    batch_opened: int = 0
    window: int = 0
    pace: float = 1.0
    pace_since: int = 0
    tokens: float = 0.0
    throttled: int = 0
    clock: int = 0
    worked: int = 0
    settled: int = 0


@dataclass(frozen=True, slots=True)
class RolloutState:
    """A rollout at an instant.

    Attributes:
        head: the whole.
        rows: one for each phone, in the order of the plan.
    """

    head: Head
    rows: tuple[PhoneRow, ...] = field(repr=False)


def begin(plan: RolloutPlan, now: int) -> RolloutState:
    """Return the state of a rollout that starts now."""
    head = Head(mode_since=now, pace=plan.limits.pace, pace_since=now, clock=now)
    return RolloutState(head, tuple(PhoneRow(phone.name, since=now) for phone in plan.phones))


def recover(state: RolloutState, settle: int, now: int) -> RolloutState:
    """Return a state read back after a crash, or whenever it is not known which calls were made.

    Intents that nobody has answered are in doubt from here on: nothing is written to these phones before a reading
    later than `settle` seconds from now has told what the cluster holds.

    Args:
        state: as it was kept.
        settle: seconds that a call under way at the crash may still take to arrive (`Limits.settle`).
        now: when the daemon started.
    """
    rows = tuple(
        replace(row, decisive=now + settle) if row.state in INTENTS and not row.answered else row for row in state.rows
    )
    return replace(state, rows=rows)
