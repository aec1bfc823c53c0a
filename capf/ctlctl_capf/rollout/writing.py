"""Which writes are made now: never more than the caps and the pace allow, and each only after a fresh look."""

from ctlctl_capf.rollout import checks, pacing
from ctlctl_capf.rollout.actions import Arm, Cancel, Reset, Write
from ctlctl_capf.rollout.checks import Found
from ctlctl_capf.rollout.course import CLEARED, Course
from ctlctl_capf.rollout.facts import Facts, Reading, Window
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.rows import Mode, PhoneRow, PhoneState

#: Seconds for which it is believed that a phone is registered.
REGISTRATION_AGE = 600


class Writing:
    """Turns rows into intents, and intents into writes."""

    def __init__(self, ledger: Ledger, course: Course) -> None:
        self._ledger = ledger
        self._course = course
        self._limits = ledger.plan.limits

    def choose(self, facts: Facts) -> tuple[list[Write], list[str]]:
        """Choose the writes of this decision.

        Returns:
            The writes, whose intents are in the rows; and the phones that must be read before more can be written.
        """
        ledger = self._ledger
        writes: list[Write] = []
        wanted: list[str] = []
        window, mode = ledger.window, ledger.head.mode
        if window is None or not facts.axl or mode is Mode.FINISHED:
            return writes, wanted
        for row in ledger.at_work():
            if row.state is PhoneState.ARMED:
                self._after_arming(row, window, writes, wanted)
        if mode is Mode.RUNNING and ledger.now + self._limits.phone_time <= window.closes:
            for batch in ledger.head.batches:
                for row in ledger.pending(batch.number):
                    if ledger.in_flight + len(wanted) >= self._limits.in_flight:
                        return writes, wanted
                    self._take(row, window, writes, wanted)
        return writes, wanted

    def _after_arming(self, row: PhoneRow, window: Window, writes: list[Write], wanted: list[str]) -> None:
        ledger = self._ledger
        stopped = ledger.head.mode is not Mode.RUNNING
        reading = self._fresh(row, ledger.head.mode_since if stopped else 0)
        if reading is None:
            wanted.append(row.name)
        elif pacing.may_write(ledger.head):
            # Resetting what cannot finish would leave a phone off the air when the window ends.
            if stopped or ledger.now + self._limits.phone_deadline > window.closes:
                self._intend(row, PhoneState.CANCELLING)
                writes.append(Cancel(row.name, row.finish))
            else:
                self._intend(row, PhoneState.RESETTING)
                writes.append(Reset(row.name))

    def _take(self, row: PhoneRow, window: Window, writes: list[Write], wanted: list[str]) -> None:
        """Arm one phone of a batch, if it may be."""
        ledger, operation = self._ledger, self._ledger.plan.operation
        seen = self._course.seen.get(row.name)
        if (seen is not None and not seen.registered) or not ledger.has_room(row):
            return
        reading = self._fresh(row, 0)
        if reading is None:
            wanted.append(row.name)
        if reading is None or seen is None or seen.at < ledger.now - REGISTRATION_AGE:
            return
        found = checks.before_arming(operation, ledger.phone(row.name), row, reading, window.closes)
        if found is Found.SUCCESS:
            values = {"status": reading.status, "after": reading.lsc_valid_until}
            self._course.succeeded(row, reading, reset_at=row.reset_at or row.since, **values)
        elif found is Found.OURS:
            self._course.adopt(row, reading)
        elif not pacing.may_write(ledger.head):
            return
        elif found is Found.OURS_EXPIRED:
            self._intend(row, PhoneState.CANCELLING)
            writes.append(Cancel(row.name, row.finish))
        elif found is Found.NOTHING:
            values = {"finish": window.finish_time, "window": window.closes, "status": reading.status}
            self._intend(row, PhoneState.ARMING, before=reading.lsc_valid_until, **values)
            writes.append(Arm(row.name, operation.certificate_operation, window.finish_time))

    def _fresh(self, row: PhoneRow, since: int) -> Reading | None:
        reading = self._course.readings.get(row.name)
        oldest = max(since, self._ledger.now - self._limits.fresh)
        return reading if reading is not None and reading.at >= oldest else None

    def _intend(self, row: PhoneRow, state: PhoneState, **values: object) -> None:
        forgotten = CLEARED if state is PhoneState.ARMING else {"answered": False, "decisive": 0}
        self._ledger.change(row, state, **{**forgotten, **values})
        self._course.forget(row.name)
        pacing.spend(self._ledger)
