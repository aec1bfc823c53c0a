"""Which questions are asked now: few, for many phones at once. Nothing of this is kept; asking again does no harm."""

from typing import Final

from ctlctl_capf.rollout.actions import Action, CheckRegistration, ProbeTls, Read
from ctlctl_capf.rollout.course import Course
from ctlctl_capf.rollout.facts import Facts
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.rows import INTENTS, Mode, PhoneRow, PhoneState
from ctlctl_capf.rollout.writing import REGISTRATION_AGE

#: Phones in one question to RIS (its limit from CUCM 9.0 on).
_RIS_MOST: Final = 1000
#: Overdue phones are looked at this many times less often.
_SELDOM: Final = 6


class Asking:
    """Keeps in mind what was last asked, and when."""

    def __init__(self, ledger: Ledger, course: Course) -> None:
        self._ledger = ledger
        self._course = course
        self._limits = ledger.plan.limits
        self._asked: dict[str, int] = {}
        self._probed: dict[str, int] = {}

    def start_over(self) -> None:
        """Forget what was asked: the clock went back."""
        self._asked.clear()
        self._probed.clear()

    def due(self, question: str, every: int) -> bool:
        """Whether a question may be asked again; it then counts as asked."""
        last = self._asked.get(question)
        if last is not None and self._ledger.now < last + every:
            return False
        self._asked[question] = self._ledger.now
        return True

    def choose(self, facts: Facts, wanted: list[str]) -> list[Action]:
        """Choose the questions of this decision.

        Args:
            facts: for whether AXL answers.
            wanted: phones that are to be read before they can be written to.
        """
        at_work, pending = self._ledger.at_work(), self._pending()
        absent = [row.name for row in pending if self._is_absent(row)]
        actions: list[Action] = []
        names = self._by_ris(at_work, pending)
        if names and self.due("ris", self._limits.register_poll):
            actions.append(CheckRegistration(tuple(names[:_RIS_MOST])))
        # After RIS: who is not in RIS is offline only if AXL, asked later, has it.
        if facts.axl:
            names = self._by_axl(at_work, [*wanted, *absent])
            if names:
                actions.append(Read(tuple(names)))
        actions += self._by_tls(at_work)
        return actions

    def _pending(self) -> list[PhoneRow]:
        """Return the phones of open batches that are to be begun, while any may be."""
        ledger = self._ledger
        if ledger.head.mode is not Mode.RUNNING or ledger.window is None:
            return []
        return [row for batch in ledger.head.batches for row in ledger.pending(batch.number)]

    def _is_absent(self, row: PhoneRow) -> bool:
        seen = self._course.seen.get(row.name)
        return seen is not None and not seen.registered

    def _in_doubt(self, row: PhoneRow) -> bool:
        return row.state in INTENTS and 0 < row.decisive < self._ledger.now

    def _by_axl(self, at_work: list[PhoneRow], wanted: list[str]) -> list[str]:
        quick = wanted + [row.name for row in at_work if self._in_doubt(row)]
        names = quick if quick and self.due("quick", max(1, self._limits.poll // 2)) else []
        waiting = [row.name for row in at_work if row.state is PhoneState.WAITING]
        if waiting and self.due("slow", self._limits.poll):
            names = names + waiting
        overdue = [row.name for row in at_work if row.state is PhoneState.OVERDUE and row.succeeded_at is None]
        if overdue and self.due("seldom", self._limits.poll * _SELDOM):
            names = names + overdue
        return names

    def _by_ris(self, at_work: list[PhoneRow], pending: list[PhoneRow]) -> list[str]:
        names = [row.name for row in at_work if self._awaits_registration(row)]
        oldest = self._ledger.now - REGISTRATION_AGE
        for row in pending:
            seen = self._course.seen.get(row.name)
            if seen is None or seen.at < oldest or not seen.registered:
                names.append(row.name)
        return names

    def _awaits_registration(self, row: PhoneRow) -> bool:
        match row.state:
            case PhoneState.RESETTING:
                return self._in_doubt(row)
            case PhoneState.WAITING:
                return not row.away
            case PhoneState.VERIFYING:
                return row.registered_at is None
            case PhoneState.OVERDUE:
                return row.succeeded_at is not None and row.registered_at is None
            case _:
                return False

    def _by_tls(self, at_work: list[PhoneRow]) -> list[Action]:
        ledger = self._ledger
        waiting = [row.name for row in at_work if row.registered_at is not None]
        due = [name for name in waiting if ledger.now >= self._probed.get(name, 0) + self._limits.register_poll]
        self._probed = {name: ledger.now if name in due else self._probed[name] for name in waiting}
        return [ProbeTls(name) for name in due]
