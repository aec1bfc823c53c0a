"""The course of one phone: what answers, readings, registrations and probes make of its row.

A state changes only on evidence: time alone fails no phone, because while AXL or RIS are silent nothing is known.
"""

from types import MappingProxyType
from typing import Any, Final

from ctlctl_capf.rollout import checks
from ctlctl_capf.rollout.actions import EventKind
from ctlctl_capf.rollout.checks import Found
from ctlctl_capf.rollout.facts import Answer, Probe, Reading, Registration, Result, Verb
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.model import Operation
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import NO_SIGNALS, Mode, PhoneRow, PhoneState, Signal

_INTENT: Final = {
    Verb.ARM: PhoneState.ARMING,
    Verb.RESET: PhoneState.RESETTING,
    Verb.CANCEL: PhoneState.CANCELLING,
}
#: What a row forgets when nothing of it is at work any more. `finish` and `window` stay where a write may yet arrive.
CLEARED: Final[MappingProxyType[str, Any]] = MappingProxyType(
    {
        "answered": False,
        "decisive": 0,
        "armed_at": None,
        "reset_at": None,
        "away": False,
        "succeeded_at": None,
        "registered_at": None,
        "after": None,
        "signals": NO_SIGNALS,
    }
)


class Course:
    """Takes news of phones, one by one, to their rows.

    Attributes:
        readings: newest readings of phones that wait for a write.
        seen: newest registrations of phones that wait for a write; of one that is not registered, until AXL has told
            whether there is such a phone at all.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._limits = ledger.plan.limits
        self._operation: Operation = ledger.plan.operation
        self.readings: dict[str, Reading] = {}
        self.seen: dict[str, Registration] = {}

    def forget(self, name: str) -> None:
        """Drop what was read of a phone: what is written next needs it anew."""
        self.readings.pop(name, None)
        self.seen.pop(name, None)

    # what came of writes

    def answer(self, answer: Answer) -> None:
        """Take what came of a write. An answer that no intent waits for changes nothing."""
        row, now = self._ledger.row(answer.name), self._ledger.now
        if row is None or row.state is not _INTENT[answer.verb] or row.answered:
            return
        if answer.result is Result.LOST:
            self._ledger.change(row, decisive=now + self._limits.settle)
        elif answer.result is Result.CONFLICT:
            self._ledger.change(row, decisive=now)
        elif answer.result in {Result.THROTTLED, Result.NOT_DONE}:
            self._undone(row)
        elif answer.result is Result.REFUSED and answer.verb is not Verb.CANCEL:
            self._ledger.note(EventKind.PHONE, f"AXL refuses to {answer.verb}: {answer.words}", row.name)
            self._ledger.fail(row, Reason.WRITE_REFUSED)
        elif answer.verb is Verb.RESET:
            self._ledger.change(row, PhoneState.WAITING, reset_at=now, decisive=0)
        else:
            self._ledger.change(row, answered=True, decisive=now)

    def _undone(self, row: PhoneRow) -> None:
        """Take back an intent that is known not to have been carried out."""
        if row.state is PhoneState.RESETTING or (row.state is PhoneState.CANCELLING and row.armed_at is not None):
            self._ledger.change(row, PhoneState.ARMED, answered=False, decisive=0)
        else:
            self.back(row)

    def back(self, row: PhoneRow, *, keep_finish: bool = True) -> None:
        """Put a phone that was never reset back to where it can be armed; or end it, if the rollout was aborted.

        Args:
            row: its row.
            keep_finish: whether the operation may still stand, or come to stand, in the cluster.
        """
        self.forget(row.name)
        tries = row.tries - (row.armed_at is not None)
        finish = row.finish if keep_finish else ""
        if self._ledger.head.mode is Mode.ABORTED:
            values = {"reason": Reason.ABORTED, "finish": finish, "answered": False, "decisive": 0}
            self._ledger.change(row, PhoneState.CANCELLED, **values)
        else:
            self._ledger.change(row, PhoneState.PLANNED, tries=tries, finish=finish, **CLEARED)

    # what AXL says

    def reading(self, name: str, reading: Reading) -> None:
        """Take a reading of a phone."""
        row = self._ledger.row(name)
        if row is None:
            return
        match row.state:
            case PhoneState.PLANNED if row.batch:
                self._before_arming(row, reading)
            case PhoneState.ARMING if row.decisive and reading.at > row.decisive:
                self._armed_or_not(row, reading)
            case PhoneState.ARMED if row.armed_at is not None and reading.at >= row.armed_at:
                self.readings[name] = reading
                if checks.identity(self._ledger.phone(name), reading) or not self._ours(row, reading):
                    self._ended(row, reading, row.armed_at)
            case PhoneState.RESETTING if row.decisive and reading.at > row.decisive:
                self.readings[name] = reading
                self._reset_or_not(row)
            case PhoneState.CANCELLING if row.decisive and reading.at > row.decisive:
                self._cancelled_or_not(row, reading)
            case PhoneState.WAITING | PhoneState.OVERDUE if row.succeeded_at is None:
                if row.reset_at is not None and reading.at > row.reset_at:
                    self._ended(row, reading, row.reset_at)
            case _:
                pass

    def _before_arming(self, row: PhoneRow, reading: Reading) -> None:
        ledger = self._ledger
        if ledger.window is None or ledger.head.mode is not Mode.RUNNING:
            return
        found = checks.before_arming(self._operation, ledger.phone(row.name), row, reading, ledger.window.closes)
        if isinstance(found, Reason):
            self.forget(row.name)
            ledger.fail(row, found, status=reading.status)
        else:
            self.readings[row.name] = reading
            self._there_or_not(row)

    def _ours(self, row: PhoneRow, reading: Reading) -> bool:
        return reading.pending and checks.is_ours(self._operation, row, reading)

    def _armed_or_not(self, row: PhoneRow, reading: Reading) -> None:
        other = checks.identity(self._ledger.phone(row.name), reading)
        if other is not None:
            self._ledger.fail(row, other)
        elif self._ours(row, reading):
            self.adopt(row, reading)
        elif reading.pending:
            self._ledger.fail(row, Reason.OTHER_OPERATION)
        elif self._came_to_an_end(row, reading):
            # It has restarted by itself, and was faster than the reset.
            self._ended(row, reading, row.since, tries=row.tries + 1)
        elif row.answered:
            self._ledger.fail(row, Reason.WRITE_IGNORED)
        else:
            self.back(row)

    def adopt(self, row: PhoneRow, reading: Reading) -> None:
        """Take a phone for armed: its operation was read back."""
        values = {"tries": row.tries + 1, "armed_at": self._ledger.now, "status": reading.status}
        self._ledger.change(row, PhoneState.ARMED, answered=False, decisive=0, **values)
        self.readings[row.name] = reading

    def _came_to_an_end(self, row: PhoneRow, reading: Reading) -> bool:
        """Whether an operation that was never seen pending has ended nonetheless."""
        found = checks.after_reset(self._operation, row, reading)
        if found is Found.SUCCESS and self._operation.issues:
            return True
        ended = found is Found.SUCCESS or (isinstance(found, Reason) and found is not Reason.OTHER_OPERATION)
        return ended and reading.status != row.status

    def _reset_or_not(self, row: PhoneRow) -> None:
        """Find out whether a reset whose answer was lost has come: by its effects, as CUCM keeps no trace of it."""
        reading, seen = self.readings.get(row.name), self.seen.get(row.name)
        if reading is None or reading.at <= row.decisive:
            return
        if not self._ours(row, reading):
            self._ended(row, reading, row.since)
        elif seen is not None and seen.at > row.decisive:
            if checks.not_reset_yet(row, seen, self._limits.skew):
                self._ledger.change(row, PhoneState.ARMED, decisive=0)
            else:
                self._ledger.change(row, PhoneState.WAITING, reset_at=row.since, away=not seen.registered, decisive=0)

    def _cancelled_or_not(self, row: PhoneRow, reading: Reading) -> None:
        other = checks.identity(self._ledger.phone(row.name), reading)
        if other is not None:
            self._ledger.fail(row, other)
        elif self._ours(row, reading):
            if not row.answered:
                self._undone(row)
            elif row.armed_at is None:
                self._ledger.fail(row, Reason.WRITE_IGNORED)
            else:
                # Asking again would not help: Complete-by ends it.
                self.back(row)
        elif reading.pending:
            self._ledger.fail(row, Reason.OTHER_OPERATION)
        elif row.armed_at is not None and self._came_to_an_end(row, reading):
            self._ended(row, reading, row.armed_at)
        else:
            self.back(row, keep_finish=False)

    def _ended(self, row: PhoneRow, reading: Reading, reset_at: int, **values: Any) -> None:  # noqa: ANN401
        """Judge a reading of a phone whose operation may have ended."""
        ledger, limits = self._ledger, self._limits
        other = checks.identity(ledger.phone(row.name), reading)
        if other is not None:
            ledger.fail(row, other)
            return
        found = checks.after_reset(self._operation, row, reading)
        values |= {"status": reading.status, "after": reading.lsc_valid_until, "reset_at": reset_at, "decisive": 0}
        late = reading.at - reset_at > limits.phone_deadline
        if found is Found.SUCCESS:
            self.succeeded(row, reading, **values)
        elif found is Found.UNPROVEN:
            if late:
                ledger.fail(row, Reason.SAME_EXPIRY, **values)
            elif row.state is not PhoneState.WAITING:
                ledger.change(row, PhoneState.WAITING, **values)
        elif isinstance(found, Reason):
            ledger.fail(row, found, **values)
        elif row.state is PhoneState.OVERDUE:
            if reading.at > row.window + limits.skew:
                ledger.fail(row, Reason.LATE, **values)
        elif late and row.state is PhoneState.WAITING:
            ledger.count_absent(row)
            ledger.change(row, PhoneState.OVERDUE)

    def succeeded(self, row: PhoneRow, reading: Reading, **values: Any) -> None:  # noqa: ANN401
        """Take a phone for successful by AXL; the other proofs are still to come."""
        # A phone that was overdue has given its place in flight away, and verifies without one.
        state = PhoneState.OVERDUE if row.state is PhoneState.OVERDUE else PhoneState.VERIFYING
        signals = checks.signals_of(self._operation)
        self._ledger.change(row, state, succeeded_at=reading.at, signals=signals, **values)

    # what RIS and the phone say

    def registration(self, name: str, seen: Registration) -> None:
        """Take a registration of a phone."""
        row = self._ledger.row(name)
        if row is None:
            return
        if row.state is PhoneState.RESETTING:
            self.seen[name] = seen
            if row.decisive:
                self._reset_or_not(row)
            return
        if row.state is PhoneState.PLANNED:
            self._registered_before(row, seen)
            return
        if row.state in {PhoneState.WAITING, PhoneState.VERIFYING, PhoneState.OVERDUE}:
            self._registered_after(row, seen)

    def _registered_before(self, row: PhoneRow, seen: Registration) -> None:
        ledger = self._ledger
        if not row.batch or ledger.window is None or ledger.head.mode is not Mode.RUNNING:
            return
        if seen.registered:
            self.seen[row.name] = seen
        elif row.reset_at is not None and seen.at <= row.reset_at + self._limits.phone_time:
            # It is tried again in the same window, and is still on its way back from the last time.
            self.seen.pop(row.name, None)
        else:
            self.seen[row.name] = seen
            self._there_or_not(row)

    def _there_or_not(self, row: PhoneRow) -> None:
        """Judge a phone that RIS does not have: it is offline only if AXL, asked since, still has it as planned."""
        seen, reading = self.seen.get(row.name), self.readings.get(row.name)
        if seen is None or seen.registered:
            return
        if seen.at < self._ledger.now - self._limits.fresh:
            # AXL took its time: RIS is asked again.
            del self.seen[row.name]
        elif reading is not None and reading.at >= seen.at:
            self.forget(row.name)
            self._ledger.fail(row, Reason.OFFLINE, tries=row.tries + 1)

    def _registered_after(self, row: PhoneRow, seen: Registration) -> None:
        reset_at, succeeded_at = row.reset_at, row.succeeded_at
        if reset_at is None or seen.at <= reset_at or row.registered_at is not None:
            return
        if not seen.registered and not row.away:
            row = self._ledger.change(row, away=True)
        if succeeded_at is None or seen.at < succeeded_at:
            return
        if checks.registered_again(row, seen, self._limits.skew):
            self._registered(row, seen)
        elif seen.at > max(reset_at, succeeded_at) + self._limits.register_deadline:
            self._ledger.fail(row, Reason.NOT_REGISTERED)

    def _registered(self, row: PhoneRow, seen: Registration) -> None:
        web = self._ledger.phone(row.name).web if seen.web is None else seen.web
        signals = row.signals | {Signal.REGISTERED}
        row = self._ledger.change(row, registered_at=seen.at, signals=signals)
        if not web or self._operation is Operation.TROUBLESHOOT:
            self._done(row)

    def probe(self, name: str, probe: Probe) -> None:
        """Take a look at a phone's web server."""
        row = self._ledger.row(name)
        if row is None or row.registered_at is None or probe.at < row.registered_at:
            return
        if row.state not in {PhoneState.VERIFYING, PhoneState.OVERDUE}:
            return
        shows = checks.shows_new(self._operation, row, probe)
        if shows:
            self._done(self._ledger.change(row, signals=row.signals | {Signal.CERTIFICATE}))
        elif probe.at > row.registered_at + self._limits.probe_deadline:
            if shows is None:
                self._done(row)
            else:
                self._ledger.fail(row, Reason.OLD_CERTIFICATE)

    def _done(self, row: PhoneRow) -> None:
        self._ledger.set_head(settled=self._ledger.head.settled + 1)
        self._ledger.change(row, PhoneState.DONE, reason=None)
