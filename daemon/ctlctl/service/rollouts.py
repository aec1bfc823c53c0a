"""Plans and rollouts as ctld has them: who approves and starts them, the threads that carry them out, what is told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, Final

import structlog

from ctlctl import __version__
from ctlctl.act.rolloutrows import RolloutRowError, head_text, row_text
from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.fleet.files import SnapshotError, SnapshotFiles
from ctlctl.plan.approval import is_expired
from ctlctl.plan.document import PlanFileError, read_plan
from ctlctl.plan.facts import FactsError
from ctlctl.plan.files import FileError, read_names
from ctlctl.plan.making import Basis
from ctlctl.plan.model import SHORT, SealedPlan
from ctlctl.plan.rechecking import Recheck, recheck
from ctlctl.service.acting import may_write
from ctlctl.service.hub import Hub
from ctlctl.service.rolloutdocs import about_rows, rollout_document
from ctlctl.service.rolloutworld import RolloutWorld
from ctlctl.service.server import Peer, QuestionError, peer_of
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.rolloutstore import Approval, BusyClusterError, StoredPlan, StoredRollout
from ctlctl.store.store import Store, StoreError
from ctlctl.terminal import printable
from ctlctl_capf.rollout.facts import Command, Wish
from ctlctl_capf.rollout.rows import PhoneRow, PhoneState, begin
from ctlctl_config.model import ClusterSettings
from ctlctl_config.rollout import RolloutSettings

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
        stored, sealed = self._plan(rollout.plan)
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
        self, ask: str, words: Mapping[str, str], who: Peer, writers: tuple[str, ...], find: "FindWorker"
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
            return head | self._list_plans(words)
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

    def _plan(self, sha256: str) -> tuple[StoredPlan, SealedPlan]:
        stored = self._store.acts.plan(sha256)
        if stored is None:
            raise QuestionError("none", f"ctld knows no plan {sha256!r}, or more than one: approve it first")
        return stored, read_plan(stored.data)

    # Plans.

    def _list_plans(self, words: Mapping[str, str]) -> dict[str, Any]:
        now = int(self._now())
        started = {one.plan: one for one in reversed(self._store.acts.rollouts())}
        rows = []
        for plan in self._store.acts.plans(words.get("cluster", "")):
            rollout = started.get(plan.sha256)
            rows.append(
                {
                    "id": plan.id,
                    "sha256": plan.sha256,
                    "cluster": plan.cluster,
                    "kept_at": plan.kept_at,
                    "approvals": [{"at": one.at, "uid": one.uid, "name": one.name} for one in plan.approvals],
                    "rollout": None if rollout is None else rollout.number,
                    "mode": None if rollout is None else rollout.head.mode.value,
                }
            )
        return {"total": len(rows), "offset": 0, "now": now, "rows": rows}

    def _approve(self, words: Mapping[str, str], who: Peer, find: "FindWorker") -> dict[str, Any]:
        try:
            sealed = read_plan(words.get("plan", "").encode())
        except PlanFileError as error:
            raise QuestionError("denied", f"not approved: {error}") from None
        plan, now = sealed.plan, int(self._now())
        settings = find(plan.cluster).settings
        rules = settings.rollout
        if not may_approve(who, rules):
            self._note(who, "plan-approve-denied", plan.cluster, {"plan": sealed.sha256})
            raise QuestionError(
                "denied",
                f"{who} may not approve: root may, and whom [clusters.{plan.cluster}.rollout] approvers names",
            )
        found = self._recheck(sealed, settings, now)
        stored = StoredPlan(sealed.sha256, sealed.id, plan.cluster, sealed.data, now, ())
        self._store.acts.approve(
            stored,
            Approval(now, who.uid, who.name),
            str(who),
            (now, "plan-approved", {"plan": sealed.id, "sha256": sealed.sha256, "phones": len(plan.phones)}),
        )
        kept, _ = self._plan(sealed.sha256)
        missing = _approvals_missing(kept, rules, now)
        return {
            "plan": sealed.id,
            "sha256": sealed.sha256,
            "cluster": plan.cluster,
            "phones": len(plan.phones),
            "approvals": [{"at": one.at, "uid": one.uid, "name": one.name} for one in kept.approvals],
            "missing": missing,
            "differences": list(found.differences),
        }

    def _recheck(self, sealed: SealedPlan, settings: ClusterSettings, now: int) -> Recheck:
        """Hold a plan against the present: what its own file says of its guards proves nothing.

        Raises:
            QuestionError: it is too old, a guard stops it now, its phones have changed, or too little is known.
        """
        plan, rules = sealed.plan, settings.rollout
        if is_expired(plan.created_at, rules.approval_days, now):
            raise QuestionError(
                "denied", f"plan {sealed.id} is older than {rules.approval_days} days, or of the future: make a new one"
            )
        try:
            document = self._files.cluster(plan.cluster)
            if document is None:
                raise QuestionError("undecided", f"ctld has not looked at {plan.cluster} yet")
            phones = list(self._files.phones(plan.cluster))
            spared = None if rules.do_not_touch is None else frozenset(read_names(rules.do_not_touch))
            basis = Basis(document, phones, live=True, do_not_touch=spared, now=now, tool=__version__)
            found = recheck(plan, basis, settings)
        except (SnapshotError, FactsError, FileError) as error:
            raise QuestionError("undecided", f"how plan {sealed.id} stands now cannot be told: {error}") from None
        if found.stopped_by:
            stops = "; ".join(f"{guard.code.value}: {guard.words}" for guard in found.stopped_by)
            raise QuestionError("denied", f"plan {sealed.id} is refused now by {stops}")
        moved = found.drift
        if moved.too_far:
            first = moved.changes[0]
            raise QuestionError(
                "denied",
                f"{len(moved.changes)} of {moved.phones} phones are not any more what plan {sealed.id} says, more than "
                f"{moved.percent} %: {first.name} {first.words}; make a new plan",
            )
        return found

    # Rollouts.

    def _start(self, words: Mapping[str, str], who: Peer, find: "FindWorker") -> dict[str, Any]:
        stored, sealed = self._plan(words.get("plan", ""))
        confirm = words.get("confirm", "").lower()
        if len(confirm) < SHORT or not sealed.sha256.startswith(confirm):
            raise QuestionError(
                "denied", f"--confirm {confirm or '(nothing)'} is not the beginning of the plan's SHA-256: {sealed.id}…"
            )
        now, worker = int(self._now()), find(stored.cluster)
        rules = worker.settings.rollout
        missing = _approvals_missing(stored, rules, now)
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
        self._recheck(sealed, worker.settings, now)
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
        stored, _ = self._plan(rollout.plan)
        running = self._running.get(rollout.number)
        rows = running.run.rows() if running is not None else self._store.acts.rows(rollout.number)
        head = running.run.head if running is not None else rollout.head
        return {
            "rollout": self._document(rollout, whole=True),
            "plan_bytes": stored.data.decode(),
            "head": head_text(head),
            "rows": [row_text(row) for row in rows],
        }


FindWorker = Callable[[str], ClusterWorker]


def may_approve(who: Peer, rules: RolloutSettings) -> bool:
    """Tell whether somebody may approve plans for a cluster with these rules."""
    return (
        who.uid == 0
        or (bool(who.name) and who.name in rules.approvers)
        or bool(who.groups.intersection(rules.approver_groups))
    )


def _still(approval: Approval, rules: RolloutSettings) -> bool:
    """Tell whether somebody who approved still may, and whether it is still the same person who has that number."""
    now = peer_of(approval.uid)
    return now.name == approval.name and may_approve(now, rules)


def _approvals_missing(plan: StoredPlan, rules: RolloutSettings, now: int) -> str:
    """Tell which approvals are missing; "" for none."""
    holding = {
        one.uid for one in plan.approvals if not is_expired(one.at, rules.approval_days, now) and _still(one, rules)
    }
    needed = 2 if rules.second_approver else 1
    if len(holding) >= needed:
        return ""
    if not plan.approvals or not holding:
        return "nobody's approval holds"
    return "a second person has to approve"
