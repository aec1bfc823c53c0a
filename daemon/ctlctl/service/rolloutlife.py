"""The threads that carry rollouts out, one for each: taken up, taken up again where that failed, ended with ctld."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final

import structlog

from ctlctl.act.rolloutrows import RolloutRowError
from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.plan.document import PlanFileError
from ctlctl.service.hub import Hub
from ctlctl.service.planshelf import PlanShelf
from ctlctl.service.rolloutworld import RolloutWorld
from ctlctl.service.server import QuestionError
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.rolloutstore import StoredRollout
from ctlctl.store.store import Store, StoreError
from ctlctl_capf.rollout.facts import Command
from ctlctl_capf.rollout.rows import PhoneRow, PhoneState

_LOG: Final = structlog.get_logger("ctld")

#: Real seconds between two tries to take up what could not be taken up.
KEEP_SECONDS: Final = 30
#: Turns that are left out while nothing happens: a rollout waits for its window for days.
_REST_TURNS: Final = 10
#: Real seconds to wait when the store cannot be written.
_STORE_SECONDS: Final = 5.0
#: Real seconds that threads have to end.
_STOP_SECONDS: Final = 6.0
#: What a rollout without a thread is said to wait for, where nothing worse is known.
_NO_CLUSTER: Final = "ctld's settings lack its cluster"


def still_to_come(rows: Iterable[PhoneRow]) -> frozenset[str]:
    """Return the names of phones that a rollout has not touched, or not since it last let go of them.

    An operation that the rollout has written itself, and that Complete-by has not ended yet, is no drift.
    """
    untouched = {PhoneState.PLANNED, PhoneState.RETRY}
    return frozenset(row.name for row in rows if row.state in untouched and not row.finish)


@dataclass(slots=True)
class Running:
    """A rollout and the thread that carries it out."""

    run: RolloutRun
    world: RolloutWorld
    worker: ClusterWorker
    thread: Thread
    #: Set when it is to end after its turn, because the settings of its cluster have changed.
    leaving: Event = field(default_factory=Event)
    #: What operators asked for and it did not come to any more.
    left: tuple[Command, ...] = ()


class RolloutLife:
    """Every rollout that has not ended, and who carries it out. Any thread may use it."""

    def __init__(  # noqa: PLR0913 - what a daemon has
        self,
        store: Store,
        hub: Hub,
        files: SnapshotFiles,
        shelf: PlanShelf,
        now: Callable[[], float],
        stopping: Event,
        *,
        tick_seconds: float,
    ) -> None:
        """Carry out nothing yet.

        Args:
            store: where rollouts are.
            hub: what ctld knows now.
            files: what it knows of phones.
            shelf: where plans are.
            now: the clock, seconds since 1970.
            stopping: set when the daemon ends.
            tick_seconds: real seconds between two turns.
        """
        self._store = store
        self._hub = hub
        self._files = files
        self._shelf = shelf
        self._now = now
        self._stopping = stopping
        self._tick = tick_seconds
        self._lock = Lock()
        self._running: dict[int, Running] = {}
        #: Why nobody carries out a rollout that should be, by its number.
        self._idle: dict[int, str] = {}
        self._workers: Mapping[str, ClusterWorker] = {}

    def running(self, number: int) -> Running | None:
        """Return a rollout that is carried out; None where nobody does."""
        return self._running.get(number)

    def idle(self, number: int) -> str:
        """Return why nobody carries out a rollout that has not ended, in words."""
        return self._idle.get(number, _NO_CLUSTER)

    def take_up(self, workers: Mapping[str, ClusterWorker]) -> None:
        """Go on with every rollout that has not ended; its intents are in doubt until the cluster has been read.

        One whose cluster's settings have changed goes on by the new ones, from its next turn on. One that cannot be
        taken up keeps no other: it is told by its number, and tried again by `keep`.

        Args:
            workers: of every cluster that is in the settings.

        Raises:
            StoreError: which rollouts there are cannot be read.
        """
        self._workers = workers
        rollouts = self._store.acts.rollouts(open_only=True)
        for ended in self._idle.keys() - {one.number for one in rollouts}:
            self._idle.pop(ended, None)
        for rollout in rollouts:
            worker, running = workers.get(rollout.cluster), self._running.get(rollout.number)
            if running is not None:
                if running.worker is not worker:
                    Thread(target=self._change, args=(running,), daemon=True).start()
            elif worker is None:
                self._leave_idle(
                    rollout.number, "rollout-without-cluster", f"{_NO_CLUSTER}; it waits until they have it"
                )
            else:
                self.begin(rollout, worker)

    def keep(self) -> None:
        """Try again to take up what could not be taken up; it costs nothing where there is nothing."""
        if self._stopping.is_set() or not self._idle:
            return
        try:
            self.take_up(self._workers)
        except StoreError as error:
            _LOG.error("rollouts-not-taken-up", kind=error.kind, detail=str(error))

    def begin(self, rollout: StoredRollout, worker: ClusterWorker) -> bool:
        """Have a rollout carried out. It never raises: what was begun is in the store, and is tried again.

        Returns:
            Whether it is under way; else `idle` says why not.
        """
        number = rollout.number
        try:
            self._begin(rollout, worker)
        except StoreError as error:
            self._leave_idle(number, "rollout-not-taken-up", f"{error} It is tried again.")
        except (PlanFileError, RolloutRowError, QuestionError) as error:
            self._leave_idle(number, "rollout-unreadable", str(error))
        except Exception as error:  # noqa: BLE001 - a defect, or a machine without threads: the others go on
            words = f"{type(error).__name__}: {error}"
            self._leave_idle(number, "rollout-not-taken-up", f"it could not be taken up ({words}); it is tried again")
        else:
            self._idle.pop(number, None)
        return number in self._running

    def _leave_idle(self, number: int, event: str, why: str) -> None:
        if self._idle.get(number) != why:
            # Each time that it is tried would be too often.
            _LOG.error(event, rollout=number, detail=why)
        self._idle[number] = why

    def _begin(self, rollout: StoredRollout, worker: ClusterWorker) -> None:
        stored, sealed = self._shelf.plan(rollout.plan)
        plan = sealed.rollout(rollout.started_at)
        rows = self._store.acts.rows(rollout.number)

        def waiting() -> frozenset[str]:
            return still_to_come(run.rows())

        world = RolloutWorld(
            sealed, stored.approvals, worker.settings, worker.opener, self._hub, self._files, self._now, waiting
        )
        run = RolloutRun(rollout, plan, rows, world, self._store.acts, self._now)
        thread = Thread(target=self._carry_out, args=(rollout.number,), name=f"rollout-{rollout.number}", daemon=True)
        with self._lock:
            # Two may take it up at once: whoever started it, and who has just read the settings anew.
            if self._running.setdefault(rollout.number, Running(run, world, worker, thread)).thread is thread:
                try:
                    thread.start()
                except BaseException:
                    # One that has no thread would take wishes and obey none.
                    del self._running[rollout.number]
                    raise

    def _change(self, running: Running) -> None:
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
            number = running.run.rollout.number
            self._leave_idle(number, "rollouts-not-taken-up", f"{error} It is tried again.")
        following = self._running.get(running.run.rollout.number)
        for wish in running.left:
            if following is not None:
                following.run.command(wish)

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
            except RolloutRowError as error:
                log.error("rollout-unreadable", detail=str(error))  # noqa: TRY400 - no defect
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
