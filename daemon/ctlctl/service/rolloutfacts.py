"""What metrics, `ctlctl status` and the snapshot are told of rollouts: documents that are a few seconds old."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any, Final, Protocol

import structlog

from ctlctl.act.rolloutrows import RolloutRowError
from ctlctl.assess.model import Json
from ctlctl.store.store import Store, StoreError
from ctlctl_capf.rollout.rows import AT_WORK, FINAL, IN_FLIGHT, PhoneRow, PhoneState

_LOG: Final = structlog.get_logger("ctld")

#: Seconds for which documents are good: several may scrape, and counting the reasons of 40,000 phones takes 10 ms.
FRESH_SECONDS: Final = 5.0
#: States in which the reason of an earlier try says nothing of how it stands.
_GOING_ON: Final = AT_WORK | {PhoneState.PLANNED, PhoneState.DONE}
_FAILED: Final = frozenset({PhoneState.TO_PERSON, PhoneState.GIVEN_UP, PhoneState.DRIFTED})

Document = Mapping[str, Any]


class Telling(Protocol):
    """Who knows of rollouts; `ctlctl.service.rollouts.Rollouts` is one."""

    def reports(self) -> list[dict[str, Any]]:
        """Return every rollout that has not ended, and the newest that has of each cluster."""

    def rows(self, number: int) -> tuple[PhoneRow, ...]:
        """Return every phone's row of a rollout."""


class StoreMeter(Protocol):
    """Counts; `ctlctl.metrics.telemetry.Telemetry` is one."""

    def store_error(self, kind: str) -> None:
        """Count trouble with the store."""


class RolloutFacts:
    """Tells of rollouts without keeping anybody waiting. Threads share it."""

    def __init__(
        self, rollouts: Telling, store: Store, meter: StoreMeter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Ask nobody yet.

        Args:
            rollouts: who knows.
            store: where rollouts that have ended are.
            meter: counts trouble with the store.
            clock: real seconds, by which documents grow old.
        """
        self._rollouts = rollouts
        self._store = store
        self._meter = meter
        self._clock = clock
        self._lock = Lock()
        self._until: float | None = None
        self._documents: tuple[Document, ...] = ()
        self._results: Mapping[tuple[str, str], int] = {}
        #: Of rollouts of which nothing changes any more, by number.
        self._reasons_of: dict[int, Mapping[str, int]] = {}
        self._ends_of: dict[int, Mapping[str, int]] = {}
        #: What was logged of rollouts whose phones cannot be read, by number.
        self._told: dict[int, str] = {}

    def documents(self) -> tuple[Document, ...]:
        """Return the rollouts that metrics show; none where the store cannot be read, which is counted."""
        self._refresh()
        return self._documents

    def results(self) -> Mapping[tuple[str, str], int]:
        """Return (cluster, final state) -> phones, of all rollouts that the store has; it never falls."""
        self._refresh()
        return self._results

    def brief(self, cluster: str) -> tuple[Mapping[str, Json], ...]:
        """Return the rollouts of a cluster that have not ended, in short."""
        return tuple(_brief(one) for one in self.documents() if one["cluster"] == cluster and one["ended_at"] is None)

    def _refresh(self) -> None:
        with self._lock:
            if self._until is not None and self._clock() < self._until:
                return
            try:
                self._documents = tuple(self._whole(one) for one in self._rollouts.reports())
                self._results = self._all_results()
            except StoreError as error:
                self._documents = ()
                self._meter.store_error(error.kind)
                _LOG.error("store-trouble", kind=error.kind, detail=str(error))
            self._until = self._clock() + FRESH_SECONDS

    def _whole(self, document: Document) -> Document:
        number = document["number"]
        reasons = self._reasons_of.get(number)
        if reasons is None:
            try:
                rows = self._rollouts.rows(number)
            except RolloutRowError as error:
                return {**document, "failures": {}, "unreadable": self._unreadable(number, str(error))}
            reasons = Counter(row.reason.value for row in rows if row.reason is not None and row.state not in _GOING_ON)
            if document["ended_at"] is not None:
                self._reasons_of[number] = reasons
        return {**document, "failures": dict(reasons)}

    def _unreadable(self, number: int, why: str) -> str:
        if self._told.get(number) != why:
            # Once: it is looked at every few seconds.
            self._told[number] = why
            _LOG.error("rollout-unreadable", rollout=number, detail=why)
        return why

    def _all_results(self) -> Mapping[tuple[str, str], int]:
        found: Counter[tuple[str, str]] = Counter()
        for one in self._store.acts.rollouts():
            ends = self._ends_of.get(one.number)
            if ends is None:
                ends = self._store.acts.states(one.number)
                if one.ended_at is not None:
                    self._ends_of[one.number] = ends
            for state in FINAL:
                found[one.cluster, state.value] += ends.get(state.value, 0)
        return found


def _many(counts: Mapping[str, int], states: Iterable[PhoneState]) -> int:
    return sum(counts.get(state.value, 0) for state in states)


def _brief(document: Document) -> dict[str, Json]:
    counts = document["counts"]
    return {
        "number": document["number"],
        "plan": document["plan"],
        "mode": document["mode"],
        "mode_since": document["mode_since"],
        "halt": document["halt"],
        "words": document["words"],
        "phones": document["phones"],
        "done": _many(counts, [PhoneState.DONE]),
        "failed": _many(counts, _FAILED),
        "in_flight": _many(counts, IN_FLIGHT),
        "live": document["live"],
        "idle": document.get("idle", ""),
        "unreadable": document.get("unreadable", ""),
        "hold": document.get("hold", ""),
        "window_closes": document["window_closes"],
        "deadline": document.get("deadline"),
        "next_window": document.get("next_window"),
        # Of one that stands still nobody can tell.
        "finish": document.get("finish") if document["mode"] == "running" else None,
        "behind": document.get("behind", False),
    }
