"""Plans and rollouts as ctld has them: who approves and starts them, the threads that carry them out, what is told."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from threading import Event
from typing import Any, Final

import structlog

from ctlctl.act.rolloutrows import RolloutRowError, head_text, row_text
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.plan.model import SHORT
from ctlctl.service.acting import may_write
from ctlctl.service.hub import Hub
from ctlctl.service.planshelf import FindWorker, PlanShelf, UnderWay, approvals_missing
from ctlctl.service.rolloutdocs import about_rows, rollout_document, without_guess
from ctlctl.service.rolloutlife import RolloutLife, still_to_come
from ctlctl.service.server import Peer, QuestionError
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.rolloutstore import BusyClusterError, StoredRollout
from ctlctl.store.store import Store
from ctlctl.terminal import printable
from ctlctl_capf.rollout.facts import Command, Wish
from ctlctl_capf.rollout.rows import Mode, PhoneRow, begin

_LOG: Final = structlog.get_logger("ctld")

#: Real seconds between two turns of a rollout.
TICK_SECONDS: Final = 1.0
#: Real seconds for which whoever commands is kept waiting until it is obeyed.
_OBEY_SECONDS: Final = 5.0
#: Characters of a reason; it stands in the audit log, in the head of the rollout and on a screen.
_MAX_REASON: Final = 500
_WISHES: Final[Mapping[str, Wish]] = {
    "rollout-pause": Wish.PAUSE,
    "rollout-resume": Wish.RESUME,
    "rollout-abort": Wish.ABORT,
}
#: In which modes a wish means anything.
_FITS: Final[Mapping[Wish, frozenset[Mode]]] = {
    Wish.PAUSE: frozenset({Mode.RUNNING}),
    Wish.RESUME: frozenset({Mode.PAUSED, Mode.HALTED}),
    Wish.ABORT: frozenset({Mode.RUNNING, Mode.PAUSED, Mode.HALTED}),
}


class Rollouts:
    """Everything about plans and rollouts that ctld is asked or has to do."""

    def __init__(  # noqa: PLR0913 - what a daemon has
        self,
        store: Store,
        hub: Hub,
        files: SnapshotFiles,
        now: Callable[[], float],
        stopping: Event,
        *,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        """Carry out nothing yet.

        Args:
            store: where plans, rollouts and the audit log are.
            hub: what ctld knows now.
            files: what it knows of phones.
            now: the clock, seconds since 1970.
            stopping: set when the daemon ends.
            tick_seconds: real seconds between two turns.
        """
        self._store = store
        self._hub = hub
        self._now = now
        self._shelf = PlanShelf(store, files, now, self._note)
        self._life = RolloutLife(store, hub, files, self._shelf, now, stopping, tick_seconds=tick_seconds)

    # Life.

    def take_up(self, workers: Mapping[str, ClusterWorker]) -> None:
        """Go on with every rollout that has not ended, as `RolloutLife.take_up`."""
        self._life.take_up(workers)

    def keep(self) -> None:
        """Try again to take up what could not be taken up."""
        self._life.keep()

    def stop(self) -> None:
        """Wait until every turn under way has ended."""
        self._life.stop()

    # Questions.

    def knows(self, ask: str) -> bool:
        """Tell whether a question is one of these."""
        return ask in _WISHES or ask in {
            "plan-approve",
            "plan-list",
            "rollout-start",
            "rollout-status",
            "rollout-evidence",
        }

    def answer(
        self, ask: str, words: Mapping[str, str], who: Peer, writers: tuple[str, ...], find: FindWorker
    ) -> dict[str, Any]:
        """Answer a question.

        Args:
            ask: which.
            words: what belongs to it.
            who: who asks, by the kernel's word.
            writers: who may have clusters changed.
            find: finds the worker of a cluster, or raises.

        Raises:
            QuestionError: it was not done.
        """
        head = {"schema": f"ctlctl.{ask}/1", "at": int(self._now())}
        if ask == "plan-list":
            return head | self._shelf.listing(words)
        if ask == "rollout-status":
            return head | {"rollouts": self._status(words)}
        if ask == "rollout-evidence":
            return head | self._evidence(words)
        if ask == "plan-approve":
            return head | self._approve(words, who, find)
        if not may_write(who, writers):
            self._note(who, f"{ask}-denied", "", {"words": printable(words.get("plan", ""))[:_MAX_REASON]})
            raise QuestionError("denied", f"{who} may not do that: root may, and whom [api] writers names")
        if ask == "rollout-start":
            return head | self._start(words, who, find)
        return head | self._command(ask, words, who)

    def _note(self, who: Peer | str, event: str, cluster: str, detail: Mapping[str, Any]) -> None:
        entry = self._store.audit(int(self._now()), str(who), event, cluster, detail)
        _LOG.info("audit", number=entry.number, event_name=event, who=str(who), cluster=cluster, hash=entry.hash)

    def _approve(self, words: Mapping[str, str], who: Peer, find: FindWorker) -> dict[str, Any]:
        answer = self._shelf.approve(words, who, find, self._under_way)
        running = None if answer["rollout"] is None else self._life.running(answer["rollout"])
        if running is not None:
            kept, _ = self._shelf.plan(answer["sha256"])
            running.world.approved(kept.approvals)
        return answer

    def _under_way(self, sha256: str) -> UnderWay | None:
        """Return how the rollout of a plan stands that has begun and not ended.

        Raises:
            QuestionError: what is kept of it cannot be read.
        """
        for one in self._store.acts.rollouts(open_only=True):
            if one.plan == sha256:
                running = self._life.running(one.number)
                try:
                    head = one.known_head() if running is None else running.run.head
                    left = still_to_come(self.rows(one.number))
                except RolloutRowError as error:
                    raise QuestionError(
                        "undecided", f"how rollout {one.number} stands cannot be told: {error}"
                    ) from None
                return UnderWay(one.number, one.started_at, head.mode.value, left)
        return None

    # Rollouts.

    def _start(self, words: Mapping[str, str], who: Peer, find: FindWorker) -> dict[str, Any]:
        stored, sealed = self._shelf.plan(words.get("plan", ""))
        confirm = words.get("confirm", "").lower()
        if len(confirm) < SHORT or not sealed.sha256.startswith(confirm):
            raise QuestionError(
                "denied", f"--confirm {confirm or '(nothing)'} is not the beginning of the plan's SHA-256: {sealed.id}…"
            )
        now, worker = int(self._now()), find(stored.cluster)
        rules = worker.settings.rollout
        missing = approvals_missing(stored, rules, now)
        if missing:
            raise QuestionError("denied", f"plan {stored.id} is not approved: {missing}")
        rollouts = self._store.acts.rollouts(stored.cluster)
        spent = [one for one in rollouts if one.plan == stored.sha256 and one.ended_at is not None]
        if spent:
            raise QuestionError(
                "denied",
                f"plan {stored.id} was carried out already, by rollout {spent[0].number}: an approval is for one, so "
                "make a new plan",
            )
        self._shelf.recheck(sealed, worker.settings, now)
        if worker.settings.writer is None:
            raise QuestionError(
                "denied",
                f"the settings have no account for changes: write [clusters.{stored.cluster}.writer]",
            )
        baseline = self._registered(stored.cluster)
        if baseline is None:
            raise QuestionError(
                "undecided", "how many phones are registered is not known, so their loss would not show: ask RIS first"
            )
        plan = sealed.rollout(now)
        try:
            state = begin(plan, now)
            number = self._store.acts.start(
                stored,
                now,
                str(who),
                baseline,
                state,
                (now, "rollout-started", {"plan": stored.id, "sha256": stored.sha256, "phones": len(plan.phones)}),
            )
        except BusyClusterError as error:
            raise QuestionError("denied", f"{error}: one at a time (ctlctl rollout status)") from None
        begun = StoredRollout(
            number=number,
            plan=stored.sha256,
            plan_id=stored.id,
            cluster=stored.cluster,
            started_at=now,
            started_by=str(who),
            ended_at=None,
            baseline=baseline,
            head=state.head,
        )
        # It is in the store: whatever goes wrong from here on, it has begun and goes on.
        live = self._life.begin(begun, worker)
        _LOG.info("rollout-started", rollout=number, cluster=stored.cluster, plan=stored.id, who=str(who), live=live)
        return {
            "rollout": number,
            "plan": stored.id,
            "cluster": stored.cluster,
            "phones": len(plan.phones),
            "live": live,
            "idle": "" if live else self._life.idle(number),
        }

    def _registered(self, cluster: str) -> int | None:
        report = self._hub.reports.get(cluster)
        numbers = {} if report is None else report.assessment.numbers.registrations
        return sum(many for status, many in numbers.items() if "Registered" in status and status[0] != "U") or None

    def _command(self, ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        rollout = self._find(words)
        running = self._life.running(rollout.number)
        if running is None:
            why = (
                "has ended" if rollout.ended_at is not None else f"is not under way: {self._life.idle(rollout.number)}"
            )
            raise QuestionError("denied", f"rollout {rollout.number} of plan {rollout.plan_id} {why}")
        wish = _WISHES[ask]
        mode = running.run.head.mode
        if mode not in _FITS[wish]:
            raise QuestionError("denied", f"rollout {rollout.number} is {mode.value}: {wish.value} changes nothing")
        words_of = printable(words.get("reason", ""))
        if len(words_of) > _MAX_REASON:
            raise QuestionError("usage", f"a reason has {_MAX_REASON} characters at most")
        self._note(who, ask, rollout.cluster, {"rollout": rollout.number, "plan": rollout.plan_id, "words": words_of})
        obeyed = running.run.command(Command(wish, str(who), words_of), _OBEY_SECONDS)
        document = {"rollout": rollout.number, "plan": rollout.plan_id, "wish": wish.value}
        return document | {"obeyed": obeyed, "mode": running.run.head.mode.value}

    def _find(self, words: Mapping[str, str]) -> StoredRollout:
        wanted = words.get("plan", "").lower()
        rollouts = self._store.acts.rollouts()
        # A number is a number: the hash of another plan may well begin with the same digits.
        found = [one for one in rollouts if str(one.number) == wanted] or [
            one for one in rollouts if not wanted or (len(wanted) >= SHORT and one.plan.startswith(wanted))
        ]
        open_ones = [one for one in found if one.ended_at is None]
        chosen = open_ones or found
        if not chosen:
            raise QuestionError("none", f"there is no rollout {wanted!r}" if wanted else "there is no rollout")
        if len({one.plan for one in chosen}) > 1 and wanted:
            raise QuestionError("usage", f"more than one plan begins with {wanted!r}: give more of its SHA-256")
        if not wanted and len(open_ones) > 1:
            names = ", ".join(f"{one.plan_id} ({one.cluster})" for one in open_ones)
            raise QuestionError("usage", f"which one? under way: {names}")
        return chosen[0]

    def _status(self, words: Mapping[str, str]) -> list[dict[str, Any]]:
        if words.get("plan"):
            return [without_guess(self._document(self._find(words), whole=True))]
        rollouts = self._store.acts.rollouts(words.get("cluster", ""))
        return [without_guess(self._document(one, whole=False)) for one in rollouts]

    def _document(self, rollout: StoredRollout, *, whole: bool) -> dict[str, Any]:
        running = self._life.running(rollout.number)
        run = None if running is None else running.run
        if run is None:
            counts = dict(self._store.acts.states(rollout.number))
        else:
            counts = {state.value: many for state, many in run.counts.items()}
        document = rollout_document(rollout, run, counts) | {"registered": self._registered(rollout.cluster)}
        if running is not None:
            following = running.world.next_window(int(self._now()))
            document["next_window"] = None if following is None else asdict(following)
        elif rollout.ended_at is None:
            document["idle"] = self._life.idle(rollout.number)
        if whole:
            try:
                document |= about_rows(self.rows(rollout.number))
            except RolloutRowError as error:
                # What its phones came to, nobody can tell; how many stand where still is known.
                document |= {"unreadable": str(error), "reasons": None, "proofs": None, "people": None}
        return document

    def reports(self) -> list[dict[str, Any]]:
        """Every rollout that has not ended, and the newest that has of each cluster: what metrics show."""
        found: dict[str, dict[str, Any]] = {}
        for one in reversed(self._store.acts.rollouts()):
            found[one.cluster] = self._document(one, whole=False)
        return list(found.values())

    def rows(self, number: int) -> tuple[PhoneRow, ...]:
        """Return every phone's row of a rollout as it is now."""
        running = self._life.running(number)
        return self._store.acts.rows(number) if running is None else running.run.rows()

    def _evidence(self, words: Mapping[str, str]) -> dict[str, Any]:
        rollout = self._find(words)
        stored, _ = self._shelf.plan(rollout.plan)
        running = self._life.running(rollout.number)
        try:
            rows = self.rows(rollout.number)
            head = running.run.head if running is not None else rollout.known_head()
        except RolloutRowError as error:
            raise QuestionError(
                "undecided", f"there is no whole evidence of rollout {rollout.number}: {error}"
            ) from None
        return {
            "rollout": without_guess(self._document(rollout, whole=True)),
            "plan_bytes": stored.data.decode(),
            "head": head_text(head),
            "rows": [row_text(row) for row in rows],
        }
