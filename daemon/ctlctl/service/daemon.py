"""The daemon as a whole: what it is made of, how it starts, takes new settings, and ends."""

import grp
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry

from ctlctl import __version__
from ctlctl.connectors.pacing import REAL_TIME, TimeFlow
from ctlctl.fleet.answers import AnswerError, NoSuchError, answer
from ctlctl.fleet.documents import refused_documents
from ctlctl.fleet.files import SnapshotError, SnapshotFiles
from ctlctl.inventory.words import Source
from ctlctl.metrics.collector import FleetCollector
from ctlctl.metrics.rollouts import RolloutCollector
from ctlctl.metrics.telemetry import Telemetry
from ctlctl.service.acting import Acting
from ctlctl.service.history import audit_answer, list_history, phone_history
from ctlctl.service.holding import held_store
from ctlctl.service.hub import Hub
from ctlctl.service.jobs import Jobs
from ctlctl.service.planshelf import may_approve
from ctlctl.service.refreshing import Refreshing
from ctlctl.service.refusals import Refusals
from ctlctl.service.rolloutfacts import RolloutFacts
from ctlctl.service.rollouts import TICK_SECONDS, Rollouts
from ctlctl.service.sdnotify import Notifier, watchdog_seconds
from ctlctl.service.server import ApiServer, Peer, QuestionError
from ctlctl.service.snapshotfile import SnapshotWriter
from ctlctl.service.web import WebServer, make_web_app
from ctlctl.service.worker import ClusterWorker, Tools
from ctlctl.store.store import Store, StoreError
from ctlctl_config import SettingsError, load_settings
from ctlctl_config.model import Settings

_LOG: Final = structlog.get_logger("ctld")

#: Seconds between two beats where systemd asks for none, and at most.
_BEAT_SECONDS: Final = 10.0
#: A beat older than this many of them means that the schedule hangs.
_MISSED_BEATS: Final = 6
_DAY: Final = 86_400
#: Questions that the store alone answers.
_OF_STORE: Final[Mapping[str, Callable[[Store, Mapping[str, str], float], dict[str, Any]]]] = {
    "audit-log": audit_answer,
    "trustlist-history": list_history,
    "phone-history": phone_history,
}
#: Seconds that everything but questions has to end, all together; systemd waits for 10.
_STOP_SECONDS: Final = 6.5


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the daemon is reached.

    Attributes:
        http: host and port.
        socket: path of the Unix socket.
    """

    http: str
    socket: Path


class Daemon:
    """ctld."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        now: Callable[[], float] = time.time,
        *,
        tick_seconds: float = TICK_SECONDS,
        flow: TimeFlow = REAL_TIME,
    ) -> None:
        """Open nothing yet.

        Args:
            path: the settings file; read again at each reload.
            settings: what it says now.
            now: the clock, seconds since 1970.
            tick_seconds: real seconds between two turns of a rollout.
            flow: how time passes; another than the machine's only in a simulation.
        """
        self._flow = flow
        self._tick_seconds = tick_seconds
        self._path = path
        self._settings = settings
        self._now = now
        self._notifier = Notifier()
        self._stopping = Event()
        self._reloading = Lock()
        self._last_beat = time.monotonic()
        self._workers: Mapping[str, ClusterWorker] = {}
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry(self.registry, __version__)
        self.hub = Hub()
        self._closing = ExitStack()
        self._stop_by = 0.0

    def start(self) -> Addresses:
        """Open the store, listen, and begin to watch.

        Returns:
            Where it is reached.

        Raises:
            StoreError: the store cannot be used.
            WebError: the HTTP address cannot be had.
            ServerError: the socket cannot be had.
            OSError: the snapshot's directory cannot be made.
        """
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        host = self._settings.http.address
        shown = f"[{host}]" if ":" in host else host
        return Addresses(f"{shown}:{self._web.port}", self._settings.api.socket)

    def _start(self) -> None:
        settings = self._settings
        self._store = Store.open(settings.store.path)
        self._closing.callback(self._store.close)
        self._closing.enter_context(held_store(settings.store.path))
        self._refusals = Refusals(self._store, self.telemetry, self._now)
        # What the store did not take at the time may have room now.
        self._closing.callback(self._refusals.save)
        self._files = SnapshotFiles(settings.api.snapshot)
        self._files.prepare(_group_number(settings.api.group))
        self._rollouts = Rollouts(
            self._store, self.hub, self._files, self._now, self._stopping, tick_seconds=self._tick_seconds
        )
        self._facts = facts = RolloutFacts(self._rollouts, self._store, self.telemetry)
        self._tools = Tools(
            self._store,
            self.hub,
            self.telemetry,
            SnapshotWriter(self._files),
            self._now,
            self._stopping,
            self._refusals,
            self._flow,
            facts.brief,
        )
        self.registry.register(FleetCollector(lambda: self.hub.reports))
        self.registry.register(RolloutCollector(facts.documents, facts.results, self._now))
        self.telemetry.reloaded(ok=True, at=self._now())
        self._acting = Acting(self._store, self._now)
        self._refreshing = Refreshing(self._store, self._now)
        self._server = ApiServer(settings.api.socket, settings.api.group, self._answer, self._may_bring)
        self._server.start()
        self._closing.callback(self._server.stop)
        app = make_web_app(settings.http, self.registry, self._healthy, self._ready)
        self._web = WebServer(settings.http, app)
        self._web.start()
        self._closing.callback(self._web.stop)
        self._jobs = Jobs(self._beat, self._beat_seconds(), self._clean, self._rollouts.keep, self._forget_left)
        # What was known at the last stop is shown at once, and judged anew.
        self._workers = {name: ClusterWorker(name, one, self._tools) for name, one in settings.clusters.items()}
        for worker in self._workers.values():
            worker.assess()
            self._jobs.add(worker)
        self._forget_strangers()
        self._jobs.start()
        self._closing.callback(self._end_rounds)
        self._rollouts.take_up(self._workers)
        self._closing.callback(self._rollouts.stop)
        self._notifier.ready(self._words())

    def _beat_seconds(self) -> float:
        wanted = watchdog_seconds()
        return _BEAT_SECONDS if wanted is None else min(_BEAT_SECONDS, wanted / 3)

    def _words(self) -> str:
        count = len(self._workers)
        return f"watching {count} cluster{'' if count == 1 else 's'}"

    def stop(self) -> None:
        """End everything; rounds under way do not count."""
        self._notifier.stopping()
        self._stop_by = time.monotonic() + _STOP_SECONDS
        self._stopping.set()
        self._closing.close()

    def _end_rounds(self) -> None:
        if not self._jobs.stop(max(0.0, self._stop_by - time.monotonic())):
            _LOG.warning("rounds-cut-off", detail="what they have not finished does not count")

    # Settings.

    def reload(self) -> bool:
        """Read the settings anew: all of it counts, or nothing.

        Returns:
            Whether the new settings are in force.
        """
        with self._reloading:
            self._notifier.reloading()
            try:
                settings = load_settings(self._path)
            except SettingsError as error:
                for problem in str(error).splitlines():
                    _LOG.error("reload-refused", detail=problem)
                self.telemetry.reloaded(ok=False, at=self._now())
                self._notifier.ready(f"{self._words()}; the new settings were refused, the old ones are in force")
                return False
            self._swap(settings)
            self.telemetry.reloaded(ok=True, at=self._now())
            self._notifier.ready(self._words())
            _LOG.info("reloaded", clusters=len(settings.clusters))
            return True

    def _swap(self, settings: Settings) -> None:
        old = self._settings
        if (old.http, old.api, old.store) != (settings.http, settings.api, settings.store):
            _LOG.warning("restart-needed", detail="[http], [api] and [store] take effect at the next start only")
        workers = dict(self._workers)
        for name in old.clusters.keys() - settings.clusters.keys():
            self._jobs.remove(name)
            del workers[name]
        for name, cluster in settings.clusters.items():
            if old.clusters.get(name) != cluster:
                workers[name] = worker = ClusterWorker(name, cluster, self._tools)
                self._jobs.add(worker)
        self._settings, self._workers = settings, workers
        self._forget_strangers()
        try:
            self._rollouts.take_up(workers)
        except StoreError as error:
            # The settings are in force, and those rollouts that went on go on by the old ones.
            self.telemetry.store_error(error.kind)
            _LOG.error("rollouts-not-taken-up", kind=error.kind, detail=f"{error} Then reload once more.")

    def _forget_strangers(self) -> None:
        """Show no more of clusters that are not in the settings; the store keeps what it knows of them."""
        for document in self._known_documents():
            name = str(document.get("name", ""))
            if name not in self._workers:
                self._files.forget(name)
        for name in self.hub.reports.keys() - self._workers.keys():
            self.hub.forget(name)
            self.telemetry.forget(name)

    def _forget_left(self) -> None:
        """Forget a cluster that was taken out in the middle of a round, which has told of it once more."""
        with self._reloading:
            self._forget_strangers()

    def _known_documents(self) -> list[dict[str, Any]]:
        try:
            return self._files.clusters()
        except SnapshotError:
            return []

    # What the schedule calls.

    def _beat(self) -> None:
        self._last_beat = time.monotonic()
        self.telemetry.beat(self._now())
        self._notifier.alive()

    def _clean(self) -> None:
        try:
            self._store.purge(int(self._now()), self._settings.store.retention_days * _DAY)
        except StoreError as error:
            self.telemetry.store_error(error.kind)
            _LOG.error("store-trouble", kind=error.kind, detail=str(error))

    # What others ask.

    def _healthy(self) -> tuple[bool, str]:
        late = time.monotonic() - self._last_beat
        if late > self._beat_seconds() * _MISSED_BEATS:
            return False, f"the schedule has not moved for {late:.0f} s"
        return True, "alive"

    def _ready(self) -> tuple[bool, str]:
        waiting = []
        for name in self._workers:
            report = self.hub.reports.get(name)
            asked = () if report is None else [state for state in report.sources.values() if state.last_attempt]
            if not asked:
                waiting.append(name)
        if waiting:
            return False, f"not looked at yet: {', '.join(sorted(waiting))}"
        return True, "ready"

    def _answer(self, ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        try:
            if ask == "refresh":
                return self._refreshed(words, who)
            if ask == "refused-accounts":
                return self._refused_accounts(words)
            if self._acting.knows(ask):
                return self._act(ask, words, who)
            if self._rollouts.knows(ask):
                return self._rollouts.answer(ask, words, who, self._settings.api.writers, self._worker)
            if ask in _OF_STORE:
                return _OF_STORE[ask](self._store, words, self._now())
            return self._with_rollouts(answer(self._files, ask, words, self._now()))
        except NoSuchError as error:
            raise QuestionError("none", str(error)) from None
        except AnswerError as error:
            raise QuestionError("usage", str(error)) from None
        except (SnapshotError, StoreError) as error:
            raise QuestionError("undecided", str(error)) from None

    def _refreshed(self, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        worker = self._worker(words.get("cluster", ""))
        try:
            return self._refreshing.answer(worker, words, who, self._settings.api.writers)
        finally:
            if worker.name not in self._workers:
                self._forget_left()

    def _with_rollouts(self, told: dict[str, Any]) -> dict[str, Any]:
        """Tell how rollouts go now, and not how they went when their clusters were judged last."""
        for document in (*told.get("clusters", ()), told.get("cluster")):
            # Others name the cluster and no more.
            if isinstance(document, dict):
                document["rollouts"] = [dict(one) for one in self._facts.brief(str(document["name"]))]
        return told

    def _refused_accounts(self, words: Mapping[str, str]) -> dict[str, Any]:
        """Tell which accounts were refused, as they are now and not as they were when the cluster was judged last."""
        worker = self._worker(words.get("cluster", ""))
        rows = refused_documents(worker.opener.refused())
        return {"schema": "ctlctl.refused-accounts/1", "at": int(self._now()), "cluster": worker.name, "rows": rows}

    def _may_bring(self, who: Peer) -> bool:
        return any(may_approve(who, worker.settings.rollout) for worker in self._workers.values())

    def _act(self, ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        worker = self._worker(words.get("cluster", ""))
        settings = self._settings
        told = self._acting.answer(ask, words, who, settings.api.writers, worker.settings, worker.opener)
        # What was changed is to be seen at once.
        self._jobs.hurry(worker.name, [Source.AXL])
        return told

    def _worker(self, name: str) -> ClusterWorker:
        worker = self._workers.get(name)
        if worker is None:
            raise NoSuchError(f"the settings have no cluster {name!r}; they have: {', '.join(self._workers) or 'none'}")
        return worker


def _group_number(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def keep_secrets_out_of_dumps() -> None:
    """Let nobody read this process's memory: no core dump, and no debugger but root's (prctl(2), PR_SET_DUMPABLE)."""
    import ctypes  # noqa: PLC0415 - only a daemon does this
    import resource  # noqa: PLC0415

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(4, 0, 0, 0, 0) != 0:
        _LOG.warning("still-dumpable", detail=os.strerror(ctypes.get_errno()))
