"""When each source of each cluster is asked: jobs of APScheduler, made of the settings at every start."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Condition
from typing import Final

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ctlctl.inventory.words import Source
from ctlctl.service.enrolkeeping import ENROLMENTS
from ctlctl.service.policy import intervals_of
from ctlctl.service.rolloutlife import KEEP_SECONDS
from ctlctl.service.worker import ClusterWorker

_LOG: Final = structlog.get_logger("ctld")

#: Rounds at the same time, of all clusters together.
_THREADS: Final = 8
#: Share of an interval by which rounds are spread.
_JITTER: Final = 0.1
#: Seconds after the start at which the sources are asked first: who needs what another has found comes later.
_FIRST: Final[Mapping[Source, float]] = {
    Source.AXL: 0.0,
    Source.TRUST_LISTS: 0.0,
    Source.TLS_PORTS: 0.0,
    Source.RIS: 1.0,
    Source.PHONE_TLS: 2.0,
    Source.CONTROL_CENTER: 1.0,
    Source.CERTIFICATE_API: 1.0,
    Source.PLATFORM_CLI: 1.0,
    Source.TVS: 2.0,
    Source.PHONE_PAGES: 3.0,
}
#: Seconds after the start at which certificates of users are renewed first: the cluster's lists say whom to believe.
_FIRST_ENROLMENTS: Final = 10.0
#: What tells which CAPF is to be believed.
_ANCHORS: Final = frozenset({Source.AXL, Source.TRUST_LISTS})
#: What a source needs before its first round makes sense.
_NEEDS: Final[Mapping[Source, Source]] = {
    Source.RIS: Source.AXL,
    Source.PLATFORM_CLI: Source.AXL,
    Source.TVS: Source.AXL,
    Source.PHONE_TLS: Source.RIS,
    Source.PHONE_PAGES: Source.RIS,
}
#: Sources that wait for another's first answer and do without it where there is none.
_BY_ITSELF: Final = frozenset({Source.PLATFORM_CLI})
#: Seconds by which the wall clock may drift from the monotonic one between two beats before it counts as a jump.
_JUMP_SECONDS: Final = 30.0
_GROUP: Final = "cluster"
_PULSE: Final = "pulse"


class Jobs:
    """The schedule."""

    def __init__(
        self,
        beat: Callable[[], None],
        beat_seconds: float,
        clean: Callable[[], None],
        keep: Callable[[], None],
        left: Callable[[], None],
    ) -> None:
        """Schedule nothing yet but the beat, the daily cleaning, and what is tried again.

        Args:
            beat: called by the scheduler's own loop, on a thread that no round can keep busy.
            beat_seconds: between two beats.
            clean: called once a day.
            keep: called every half minute: takes up rollouts that could not be taken up.
            left: called when a round ends whose cluster has been taken out meanwhile: it has told of it once more.
        """
        self._beat = beat
        self._left = left
        self._scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(_THREADS), _PULSE: ThreadPoolExecutor(1)},
            # A round that was missed is made up for once, and never overtakes itself.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        self._random = Random()  # noqa: S311 - spreads load
        self._clocks = (time.time(), time.monotonic())
        self._workers: dict[str, ClusterWorker] = {}
        self._idle = Condition()
        self._busy: list[tuple[str, str]] = []
        self._scheduler.add_job(
            self._pulse, IntervalTrigger(seconds=beat_seconds), executor=_PULSE, id=_PULSE, next_run_time=_soon(0)
        )
        self._scheduler.add_job(keep, IntervalTrigger(seconds=KEEP_SECONDS), id="keep")
        self._scheduler.add_job(clean, CronTrigger(hour=3, minute=17, timezone=UTC), id="clean")

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self, patience: float) -> bool:
        """Begin no more rounds, and wait for those under way.

        Args:
            patience: seconds to wait at most.

        Returns:
            Whether all have ended.
        """
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: not self._busy, patience)

    def add(self, worker: ClusterWorker) -> None:
        """Schedule every source of a cluster, the first round at once; in place of those of the same name."""
        self.remove(worker.name)
        self._workers[worker.name] = worker
        for source, seconds in intervals_of(worker.settings).items():
            jitter = max(1, int(seconds * _JITTER)) if seconds > 10 else None
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=seconds, jitter=jitter),
                args=(worker, source),
                id=_job_id(worker.name, source),
                name=f"{worker.name} {source.value}",
                next_run_time=_soon(_FIRST[source]),
            )
        if worker.enrolments.has_any:
            seconds = worker.settings.schedule.enrolments_seconds
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=seconds, jitter=max(1, int(seconds * _JITTER)) if seconds > 10 else None),
                args=(worker, ENROLMENTS),
                id=_job_id(worker.name, ENROLMENTS),
                name=f"{worker.name} {ENROLMENTS}",
                next_run_time=_soon(min(seconds, _FIRST_ENROLMENTS)),
            )

    def remove(self, name: str) -> None:
        """Take a cluster out of the schedule; a round under way ends by itself."""
        self._workers.pop(name, None)
        for source in (*Source, ENROLMENTS):
            try:
                self._scheduler.remove_job(_job_id(name, source))
            except JobLookupError:
                continue

    def _run(self, worker: ClusterWorker, source: str) -> None:
        key = (worker.name, source)
        with self._idle:
            self._busy.append(key)
        try:
            self._round(worker, source)
        finally:
            with self._idle:
                self._busy.remove(key)
                self._idle.notify_all()
            if worker.name not in self._workers:
                self._left()

    def _round(self, worker: ClusterWorker, source: str) -> None:
        if not isinstance(source, Source):
            worker.run_enrolments()
            return
        fault = worker.run(source)
        if fault is None and source in _ANCHORS and worker.enrolments.waits:
            self.hurry(worker.name, [ENROLMENTS])
        for later, needed in _NEEDS.items():
            if needed is source and (fault is None or later in _BY_ITSELF) and worker.waits_for(later):
                self.hurry(worker.name, [later])

    def hurry(self, name: str, sources: Iterable[str]) -> None:
        """Let sources be asked now, but for those that are being asked."""
        for source in sources:
            with self._idle:
                if (name, source) in self._busy:
                    continue
            try:
                self._scheduler.modify_job(_job_id(name, source), next_run_time=_soon(0))
            except JobLookupError:
                continue

    def _pulse(self) -> None:
        """Feed the watchdog; and start every round anew when the wall clock has jumped, which the schedule goes by."""
        wall, steady = time.time(), time.monotonic()
        drift = (wall - self._clocks[0]) - (steady - self._clocks[1])
        self._clocks = (wall, steady)
        if abs(drift) > _JUMP_SECONDS:
            _LOG.warning("clock-jumped", seconds=round(drift))
            for name in list(self._workers):
                self.hurry(name, (*Source, ENROLMENTS))
        self._beat()


def _soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _job_id(name: str, source: str) -> str:
    return f"{_GROUP}:{name}:{source}"
