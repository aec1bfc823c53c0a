"""Plans and rollouts as ctld has them: who approves and starts them, the threads that carry them out, what is told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Final

import structlog

from ctlctl.act.rolloutrows import RolloutRowError, head_text, row_text
from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.plan.document import PlanFileError
from ctlctl.plan.model import SHORT
from ctlctl.service.acting import may_write
from ctlctl.service.hub import Hub
from ctlctl.service.planshelf import FindWorker, PlanShelf, approvals_missing
from ctlctl.service.rolloutdocs import about_rows, rollout_document
from ctlctl.service.rolloutworld import RolloutWorld
from ctlctl.service.server import Peer, QuestionError
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.rolloutstore import BusyClusterError, StoredRollout
from ctlctl.store.store import Store, StoreError
from ctlctl.terminal import printable
from ctlctl_capf.rollout.facts import Command, Wish
from ctlctl_capf.rollout.rows import Mode, PhoneRow, PhoneState, begin

_LOG: Final = structlog.get_logger("ctld")

#: Real seconds between two turns of a rollout.
TICK_SECONDS: Final = 1.0
#: Turns that are left out while nothing happens: a rollout waits for its window for days.
_REST_TURNS: Final = 10
#: Real seconds to wait when the store cannot be written.
_STORE_SECONDS: Final = 5.0
#: Real seconds that threads have to end.
_STOP_SECONDS: Final = 6.0
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


@dataclass(slots=True)
class _Running:
    """A rollout and the thread that carries it out."""

    run: RolloutRun
    world: RolloutWorld
    worker: ClusterWorker
    thread: Thread
    #: Set when it is to end after its turn, because the settings of its cluster have changed.
    leaving: Event = field(default_factory=Event)
    #: What operators asked for and it did not come to any more.
    left: tuple[Command, ...] = ()


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
        self._files = files
        self._now = now
        self._stopping = stopping
        self._tick = tick_seconds
        self._lock = Lock()
        self._running: dict[int, _Running] = {}
        self._shelf = PlanShelf(store, files, now, self._note)
        self._workers: Mapping[str, ClusterWorker] = {}

    # Life.

    def take_up(self, workers: Mapping[str, ClusterWorker]) -> None:
        """Go on with every rollout that has not ended; its intents are in doubt until the cluster has been read.

        One whose cluster's settings have changed goes on by the new ones, from its next turn on.

        Args:
            workers: of every cluster that is in the settings.
        """
        self._workers = workers
        try:
            rollouts = self._store.acts.rollouts(open_only=True)
        except RolloutRowError as error:
            # Watching goes on.
            _LOG.error("rollout-unreadable", detail=f"no rollout is carried out: {error}")
            return
        for rollout in rollouts:
            worker, running = workers.get(rollout.cluster), self._running.get(rollout.number)
            if running is not None:
                if running.worker is not worker:
                    Thread(target=self._change, args=(running,), daemon=True).start()
                continue
            if worker is None:
                _LOG.error(
                    "rollout-without-cluster",
                    rollout=rollout.number,
                    cluster=rollout.cluster,
                    detail="the settings have no such cluster: the rollout waits until they do",
                )
                continue
            try:
                self._begin(rollout, worker)
            except (PlanFileError, RolloutRowError, QuestionError) as error:
                _LOG.error("rollout-unreadable", rollout=rollout.number, detail=str(error))

    def _change(self, running: _Running) -> None:
        """End what carries a rollout out, and take it up again."""
        running.leaving.set()
        running.run.wake()
        running.thread.join()
        if self._stopping.is_set():
            return
        try:
            # By the settings that are in force now; they may have changed again meanwhile.
            self.take_up(self._workers)
        except StoreError as error:
            _LOG.error("rollouts-not-taken-up", kind=error.kind, detail=f"{error} Then reload the settings.")
        following = self._running.get(running.run.rollout.number)
        for wish in running.left:
            if following is not None:
                following.run.command(wish)

    def stop(self) -> None:
        """Wait until every turn under way has ended."""
        end = time.monotonic() + _STOP_SECONDS
        everything = list(self._running.values())
        for running in everything:
            running.run.wake()
        for running in everything:
            running.thread.join(max(0.0, end - time.monotonic()))
            if running.thread.is_alive():
                _LOG.warning("rollout-cut-off", rollout=running.run.rollout.number)

    def _begin(self, rollout: StoredRollout, worker: ClusterWorker) -> None:
        stored, sealed = self._shelf.plan(rollout.plan)
        plan = sealed.rollout(rollout.started_at)
        rows = self._store.acts.rows(rollout.number)

        def waiting() -> frozenset[str]:
            # An operation that the rollout has written itself, and that Complete-by has not ended yet, is no drift.
            untouched = {PhoneState.PLANNED, PhoneState.RETRY}
            return frozenset(row.name for row in run.rows() if row.state in untouched and not row.finish)

        world = RolloutWorld(
            sealed, stored.approvals, worker.settings, worker.opener, self._hub, self._files, self._now, waiting
        )
        run = RolloutRun(rollout, plan, rows, world, self._store.acts, self._now)
        thread = Thread(target=self._carry_out, args=(rollout.number,), name=f"rollout-{rollout.number}", daemon=True)
        with self._lock:
            # Two may take it up at once: whoever started it, and who has just read the settings anew.
            if self._running.setdefault(rollout.number, _Running(run, world, worker, thread)).thread is thread:
                thread.start()

    def _carry_out(self, number: int) -> None:
        running = self._running[number]
        run, log = running.run, _LOG.bind(rollout=number, cluster=running.run.rollout.cluster)
        kept = True
        while not (self._stopping.is_set() or running.leaving.is_set() or (kept and run.over)):
            pause = self._tick
            try:
                if not kept:
                    run.reload()
                kept = False
                run.step()
                kept = True
            except StoreError as error:
                log.error("store-trouble", kind=error.kind, detail=str(error))  # noqa: TRY400 - no defect
                pause = _STORE_SECONDS
            except Exception:
                log.exception("rollout-broke")
                pause = _STORE_SECONDS
            if kept and run.rests:
                run.rest(pause * _REST_TURNS)
            else:
                self._stopping.wait(pause)
        try:
            running.left = run.leave()
        except StoreError as error:
            log.error("store-trouble", kind=error.kind, detail=str(error))  # noqa: TRY400 - no defect
        running.world.close()
        if not self._stopping.is_set():
            with self._lock:
                self._running.pop(number, None)

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
            return head | self._shelf.approve(words, who, find)
        if not may_write(who, writers):
            self._note(who, f"{ask}-denied", "", {"words": printable(words.get("plan", ""))[:_MAX_REASON]})
            raise QuestionError("denied", f"{who} may not do that: root may, and whom [api] writers names")
        if ask == "rollout-start":
            return head | self._start(words, who, find)
        return head | self._command(ask, words, who)

    def _note(self, who: Peer | str, event: str, cluster: str, detail: Mapping[str, Any]) -> None:
        entry = self._store.audit(int(self._now()), str(who), event, cluster, detail)
        _LOG.info("audit", number=entry.number, event_name=event, who=str(who), cluster=cluster, hash=entry.hash)

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
            number = self._store.acts.start(
                stored,
                now,
                str(who),
                baseline,
                begin(plan, now),
                (now, "rollout-started", {"plan": stored.id, "sha256": stored.sha256, "phones": len(plan.phones)}),
            )
        except BusyClusterError as error:
            raise QuestionError("denied", f"{error}: one at a time (ctlctl rollout status)") from None
        (rollout,) = (one for one in self._store.acts.rollouts(stored.cluster) if one.number == number)
        self._begin(rollout, worker)
        _LOG.info("rollout-started", rollout=number, cluster=stored.cluster, plan=stored.id, who=str(who))
        return {"rollout": number, "plan": stored.id, "cluster": stored.cluster, "phones": len(plan.phones)}

    def _registered(self, cluster: str) -> int | None:
        report = self._hub.reports.get(cluster)
        numbers = {} if report is None else report.assessment.numbers.registrations
        return sum(many for status, many in numbers.items() if "Registered" in status and status[0] != "U") or None

    def _command(self, ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        rollout = self._find(words)
        running = self._running.get(rollout.number)
        if running is None:
            why = "has ended" if rollout.ended_at is not None else "is not under way: the settings lack its cluster"
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
            return [self._document(self._find(words), whole=True)]
        return [self._document(one, whole=False) for one in self._store.acts.rollouts(words.get("cluster", ""))]

    def _document(self, rollout: StoredRollout, *, whole: bool) -> dict[str, Any]:
        running = self._running.get(rollout.number)
        run = None if running is None else running.run
        if run is None:
            counts = dict(self._store.acts.states(rollout.number))
        else:
            counts = {state.value: many for state, many in run.counts.items()}
        document = rollout_document(rollout, run, counts) | {"registered": self._registered(rollout.cluster)}
        if whole:
            document |= about_rows(run.rows() if run is not None else self._store.acts.rows(rollout.number))
        return document

    def reports(self) -> list[dict[str, Any]]:
        """Every rollout that has not ended, and the newest that has of each cluster: what metrics show."""
        found: dict[str, dict[str, Any]] = {}
        for one in reversed(self._store.acts.rollouts()):
            found[one.cluster] = self._document(one, whole=False)
        return list(found.values())

    def rows(self, number: int) -> tuple[PhoneRow, ...]:
        """Return every phone's row of a rollout as it is now."""
        running = self._running.get(number)
        return self._store.acts.rows(number) if running is None else running.run.rows()

    def _evidence(self, words: Mapping[str, str]) -> dict[str, Any]:
        rollout = self._find(words)
        stored, _ = self._shelf.plan(rollout.plan)
        running = self._running.get(rollout.number)
        rows = running.run.rows() if running is not None else self._store.acts.rows(rollout.number)
        head = running.run.head if running is not None else rollout.head
        return {
            "rollout": self._document(rollout, whole=True),
            "plan_bytes": stored.data.decode(),
            "head": head_text(head),
            "rows": [row_text(row) for row in rows],
        }
