"""Having a cluster asked now, and refused accounts tried once more: `ctlctl cluster refresh`."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import BoundedSemaphore
from typing import Any, Final

import structlog

from ctlctl.assess.model import Json
from ctlctl.fleet.answers import AnswerError
from ctlctl.inventory.words import Fault, Source
from ctlctl.service.acting import may_write
from ctlctl.service.enrolkeeping import ENROLMENTS
from ctlctl.service.openers import WRITER
from ctlctl.service.policy import intervals_of
from ctlctl.service.server import Peer, QuestionError
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.store import Store

_LOG: Final = structlog.get_logger("ctld")

#: How many may have clusters asked anew at the same time: each keeps a thread, and others want to stop a rollout.
_REFRESHES: Final = 4
#: Seconds that `ctlctl cluster refresh` waits for its rounds.
_REFRESH_SECONDS: Final = 900.0
_NOT_ASKED: Final = Fault(
    "timeout",
    f"not asked: the sources before it took more than {_REFRESH_SECONDS / 60:.0f} minutes",
    "It is asked at its own interval; or give --source to have it asked alone",
)
_RETRY: Final = "credentials-retry"


class Refreshing:
    """Answers `refresh`. Threads share it."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        """Ask nobody yet.

        Args:
            store: where the audit log is.
            now: the clock, seconds since 1970.
        """
        self._store = store
        self._now = now
        self._places = BoundedSemaphore(_REFRESHES)

    def answer(
        self, worker: ClusterWorker, words: Mapping[str, str], who: Peer, writers: tuple[str, ...]
    ) -> dict[str, Any]:
        """Ask the sources of a cluster one after the other, and wait for them.

        Args:
            worker: of the cluster.
            words: ``source`` for one of them alone; ``retry_credentials``, not empty, to have accounts that were
                refused tried once more.
            who: who asks.
            writers: who may have accounts tried.

        Raises:
            QuestionError: it may not be asked, or not now.
            AnswerError: there is no such source.
            StoreError: the audit log cannot be written; no account is tried then.
        """
        todo = _todo(worker, words.get("source", ""))
        if not self._places.acquire(blocking=False):
            raise QuestionError("undecided", f"{_REFRESHES} refreshes are under way: try again in a minute")
        try:
            retried = self._retry(worker, words, who, writers)
            rounds = self._rounds(todo)
        finally:
            self._places.release()
        return {
            "schema": "ctlctl.refresh/1",
            "at": int(self._now()),
            "cluster": worker.name,
            "rounds": rounds,
            "retried": list(retried),
        }

    def _rounds(self, todo: Sequence[tuple[str, Callable[[], Fault | None]]]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + _REFRESH_SECONDS
        rounds = []
        for name, run in todo:
            # Who is not asked any more is named: left out, it would look as if all had answered.
            fault = run() if time.monotonic() <= deadline else _NOT_ASKED
            said = None if fault is None else {"kind": fault.kind, "detail": fault.detail, "advice": fault.advice}
            rounds.append({"source": name, "fault": said})
        return rounds

    def _retry(
        self, worker: ClusterWorker, words: Mapping[str, str], who: Peer, writers: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Let accounts that were refused be tried once, where that is asked for; return which."""
        if not words.get("retry_credentials"):
            return ()
        if not may_write(who, writers):
            self._note(who, f"{_RETRY}-denied", worker.name, {})
            raise QuestionError(
                "denied",
                f"{who} may not have refused accounts of {worker.name} tried again: root may, and whom [api] writers "
                "names",
            )
        chosen = words.get("source", "")
        asked = None if not chosen else (WRITER,) if chosen == ENROLMENTS else (chosen,)
        accounts = tuple(one.account for one in worker.opener.refused(asked))
        if accounts:
            # On disk before anything is sent.
            self._note(who, _RETRY, worker.name, {"accounts": list(accounts)})
            worker.opener.try_once_more(accounts)
        return accounts

    def _note(self, who: Peer, event: str, cluster: str, detail: Mapping[str, Json]) -> None:
        entry = self._store.audit(int(self._now()), str(who), event, cluster, detail)
        _LOG.info("audit", number=entry.number, event_name=event, who=str(who), cluster=cluster, hash=entry.hash)


def _todo(worker: ClusterWorker, chosen: str) -> list[tuple[str, Callable[[], Fault | None]]]:
    """Return what is to be asked, and how."""
    name, asked = worker.name, intervals_of(worker.settings)
    try:
        sources: list[Source] = [source for source in Source if source in asked]
        if chosen:
            sources = [] if chosen == ENROLMENTS else [Source(chosen)]
    except ValueError:
        raise AnswerError(f"{chosen!r} is no source; there are: {', '.join((*Source, ENROLMENTS))}") from None
    if not set(sources) <= asked.keys():
        raise AnswerError(f"the settings of {name} do not let {chosen} be asked; they let: {', '.join(asked)}")
    if chosen == ENROLMENTS and not worker.enrolments.has_any:
        raise AnswerError(f"the settings of {name} have no [[clusters.{name}.enrolments]]")
    todo: list[tuple[str, Callable[[], Fault | None]]] = [
        (source.value, partial(worker.run, source)) for source in sources
    ]
    if chosen in {"", ENROLMENTS} and worker.enrolments.has_any:
        todo.append((ENROLMENTS, worker.run_enrolments))
    return todo
