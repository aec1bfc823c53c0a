"""The watch over one cluster's certificates of users: its rounds one at a time, their trouble, and what is known."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Final, Protocol

import structlog

from ctlctl.connectors.ports import printable
from ctlctl.enroll.errors import EnrollFault
from ctlctl.enroll.renewing import EnrolmentState
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.words import Fault
from ctlctl.service.enrolorders import ProfileOrders
from ctlctl.service.enrolround import EnrolmentRound
from ctlctl.service.openers import Opener
from ctlctl.store.store import Store, StoreError
from ctlctl_config.enrolment import EnrolmentSettings
from ctlctl_config.model import ClusterSettings

_LOG: Final = structlog.get_logger("ctld")

#: What `ctlctl cluster refresh --source` and the schedule call the round.
ENROLMENTS: Final = "enrolments"
_MAX_WORDS: Final = 1000


class FailureMeter(Protocol):
    """Counts; `ctlctl.metrics.telemetry.Telemetry` is one."""

    def enrolment_failed(self, cluster: str, enrolment: str, reason: str) -> None:
        """Count an attempt that gave no certificate."""

    def store_error(self, kind: str) -> None:
        """Count trouble with the store."""


class EnrolmentKeeper:
    """Keeps the certificates of one cluster's users fresh. Threads share it."""

    def __init__(  # noqa: PLR0913 - what a round needs
        self,
        cluster: str,
        settings: ClusterSettings,
        store: Store,
        opener: Opener,
        meter: FailureMeter,
        *,
        now: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        """Do nothing yet.

        Args:
            cluster: the cluster's name.
            settings: its settings.
            store: where the audit log is, and what is known of the cluster's trust lists.
            opener: opens AXL for changes.
            meter: counts.
            now: the clock, seconds since 1970.
            stopping: tells whether the daemon ends.
        """
        self._cluster = cluster
        self._enrolments = {one.name: one for one in settings.enrolments}
        self._meter = meter
        self._stopping = stopping
        self._turn = Lock()
        self._log = _LOG.bind(cluster=cluster)
        orders = None if settings.writer is None else ProfileOrders(cluster, settings, opener, store, now)
        self._now = now
        self._round = EnrolmentRound(cluster, settings, store, now, orders, stopping)

    @property
    def has_any(self) -> bool:
        """Whether the settings name any."""
        return bool(self._enrolments)

    @property
    def waits(self) -> bool:
        """Whether one cannot be judged before it is known which CAPF to believe: trust lists, or AXL, may tell."""
        return any(state.failure is EnrollFault.NO_ANCHOR for state in self._round.states)

    def run(self) -> Fault | None:
        """Carry out one round. Nothing that goes wrong leaves this method.

        Returns:
            Why one of the certificates is not as it should be, or None.
        """
        with self._turn:
            if self._stopping():
                return Fault("stopped", "the daemon stops")
            before: dict[str, datetime | None] = {}
            try:
                if not self._round.states:
                    # What had failed before this daemon was started has been counted.
                    self._round.due(_moment(self._now()))
                before = {state.name: state.last_attempt for state in self._round.states}
                states = self._round.run()
            except StoreError as error:
                return self._store_trouble(error)
            except Exception as error:  # noqa: BLE001 - a defect of ours must not end the watch over everything else
                self._log.exception("round-broke", source=ENROLMENTS)
                return Fault("defect", f"{type(error).__name__}: this is a defect of ctld", "")
            finally:
                self._count(before)
        return _fault(states)

    def _count(self, before: Mapping[str, datetime | None]) -> None:
        """Count the attempts since; each has an instant of its own."""
        for state in self._round.states:
            tried = state.name in before and state.last_attempt not in {None, before[state.name]}
            if tried and state.failure is not None:
                self._meter.enrolment_failed(self._cluster, state.name, state.failure.value)

    def facts(self) -> tuple[EnrolmentFact, ...]:
        """Return what is known of each, in the order of the settings; before the first round, by a look at them.

        Raises:
            StoreError: what is known of the cluster's trust lists cannot be read.
        """
        if not self._round.states and self.has_any:
            self._look()
        return tuple(_fact(state, self._enrolments[state.name]) for state in self._round.states)

    def _look(self) -> None:
        # A round that is under way looks itself.
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._round.due(_moment(self._now()))
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - see `run`: everything else about the cluster is judged all the same
            self._log.exception("look-broke", source=ENROLMENTS)
        finally:
            self._turn.release()

    def _store_trouble(self, error: StoreError) -> Fault:
        self._meter.store_error(error.kind)
        self._log.error("store-trouble", kind=error.kind, detail=str(error))
        return Fault("store", str(error), error.advice)


def _moment(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def _fault(states: tuple[EnrolmentState, ...]) -> Fault | None:
    bad = [one for one in states if one.failure is not None]
    if not bad:
        return None
    words = "; ".join(f"{one.name}: {one.words}" for one in bad)
    return Fault(str(bad[0].failure), printable(words, _MAX_WORDS))


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _fact(state: EnrolmentState, enrolment: EnrolmentSettings) -> EnrolmentFact:
    return EnrolmentFact(
        name=state.name,
        user=enrolment.user or enrolment.end_user or enrolment.device_name or "",
        instance=enrolment.instance,
        not_after=_seconds(state.not_after),
        usable_until=_seconds(state.usable_until),
        due_at=_seconds(state.due_at),
        verdict=state.verdict,
        code=state.code,
        last_renewal=_seconds(state.last_renewal),
        last_attempt=_seconds(state.last_attempt),
        failures=state.failures,
        failure=None if state.failure is None else state.failure.value,
        words=printable(state.words, _MAX_WORDS),
        next_attempt=_seconds(state.next_attempt),
    )
