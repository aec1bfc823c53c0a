"""One cluster's rounds: ask a source, record what it said or why it did not, assess, publish."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Final, Protocol, TypeAlias, TypeVar

import structlog

from ctlctl.assess.assessment import assess
from ctlctl.assess.model import Json, PhoneView
from ctlctl.connectors.errors import ConnectorError
from ctlctl.connectors.pacing import REAL_TIME, TimeFlow
from ctlctl.connectors.ports import printable
from ctlctl.inventory.collect_axl import read_cluster, read_phones
from ctlctl.inventory.collect_lists import read_lists
from ctlctl.inventory.collect_ris import read_registrations
from ctlctl.inventory.collect_tls import read_phone_certificates, read_ports
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Fault, Source
from ctlctl.service.enrolkeeping import EnrolmentKeeper
from ctlctl.service.freeing import MemoryReturn
from ctlctl.service.hub import ClusterReport, Hub, make_report
from ctlctl.service.noderounds import NodeRounds
from ctlctl.service.openers import Opener
from ctlctl.service.policy import intervals_of, policy_of
from ctlctl.service.refusals import Refusals
from ctlctl.store.store import Store, StoreError
from ctlctl_config.model import ClusterSettings

_LOG: Final = structlog.get_logger("ctld")

_RIS_ADVICE: Final = "Check that node, and its services Cisco RIS Data Collector and Cisco AMC Service"
#: Sources that are asked before a cluster is judged for the first time, and seconds after which it is in any case.
_FIRST_ROUND: Final = (Source.AXL, Source.RIS, Source.TRUST_LISTS, Source.TLS_PORTS)
_FIRST_ROUND_SECONDS: Final = 120.0
#: Looks at phones that are recorded together.
_PHONE_BATCH: Final = 200

Now = Callable[[], float]
#: Documents of rollouts, in short.
Rollouts: TypeAlias = Sequence[Mapping[str, Json]]
_T = TypeVar("_T")


class Meter(Protocol):
    """Counts what rounds do; `ctlctl.metrics.telemetry.Telemetry` is one."""

    def collected(self, cluster: str, source: str, seconds: float, fault: str | None) -> None:
        """Count one round."""

    def store_error(self, kind: str) -> None:
        """Count trouble with the store."""

    def axl_request(self, cluster: str, op: str) -> None:
        """Count a request to AXL."""

    def axl_throttled(self, cluster: str, op: str) -> None:
        """Count a request that AXL refused because it was busy."""

    def enrolment_failed(self, cluster: str, enrolment: str, reason: str) -> None:
        """Count an attempt to renew a user's certificate that failed."""


class Publisher(Protocol):
    """Writes the snapshot for readers; `ctlctl.service.snapshotfile.SnapshotWriter` is one."""

    def write(self, snapshot: Snapshot, report: ClusterReport, views: Sequence[PhoneView]) -> None:
        """Write what is known of one cluster."""


class Throttles:
    """Counts, for the next reading's facts, how often the cluster said that it is busy; and passes everything on."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.count = 0

    def axl_request(self, cluster: str, op: str) -> None:
        """Pass a request on."""
        self._meter.axl_request(cluster, op)

    def axl_throttled(self, cluster: str, op: str) -> None:
        """Count, and pass it on."""
        self.count += 1
        self._meter.axl_throttled(cluster, op)


class StoppedError(Exception):
    """The daemon stops: what a round has not finished does not count."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the workers of all clusters share.

    Attributes:
        store: where observations go.
        hub: where reports go.
        meter: counts.
        publisher: writes the snapshot.
        now: the clock, seconds since 1970.
        stopping: set when the daemon ends.
        refusals: what is known of accounts; all workers that a cluster ever had share it.
        flow: how time passes; another than the machine's only in a simulation.
        rollouts: tells in short of the rollouts of a cluster that have not ended.
        assessing: held while a cluster is judged: each snapshot of 40,000 phones takes 40 MB.
        memory: gives back what a round took.
    """

    store: Store
    hub: Hub
    meter: Meter
    publisher: Publisher
    now: Now
    stopping: Event
    refusals: Refusals
    flow: TimeFlow = REAL_TIME
    rollouts: Callable[[str], Rollouts] = lambda _: ()
    assessing: Lock = field(default_factory=Lock)
    memory: MemoryReturn = field(default_factory=MemoryReturn)


class ClusterWorker:
    """Carries out the rounds of one cluster. Threads share it: sources side by side, each source alone."""

    def __init__(self, name: str, settings: ClusterSettings, tools: Tools) -> None:
        self.name = name
        self.settings = settings
        self._tools = tools
        self._throttled = Throttles(tools.meter)
        self.opener = Opener(name, settings, self._throttled, tools.refusals, tools.stopping.wait, flow=tools.flow)
        self._policy = policy_of(settings)
        self._turns = {source: Lock() for source in Source}
        self._begun = time.monotonic()
        self._log = _LOG.bind(cluster=name)
        self.enrolments = EnrolmentKeeper(
            name, settings, tools.store, self.opener, tools.meter, now=tools.now, stopping=tools.stopping.is_set
        )
        nodes = NodeRounds(name, settings, self.opener, tools.store, tools.now, self._stoppable)
        self._rounds: dict[Source, Callable[[], None]] = {
            Source.AXL: self._axl,
            Source.RIS: self._ris,
            Source.TRUST_LISTS: self._lists,
            Source.TLS_PORTS: self._ports,
            Source.PHONE_TLS: self._phones,
            Source.CONTROL_CENTER: nodes.services,
            Source.CERTIFICATE_API: nodes.certificates,
            Source.PLATFORM_CLI: nodes.platform,
            Source.TVS: nodes.tvs,
            Source.PHONE_PAGES: nodes.pages,
        }

    def waits_for(self, source: Source) -> bool:
        """Tell whether a source has never been asked with success; then it need not wait for its turn."""
        report = self._tools.hub.reports.get(self.name)
        state = None if report is None else report.sources.get(source)
        return state is None or state.last_success is None

    def run(self, source: Source) -> Fault | None:
        """Carry out one round and assess what came of it. Nothing that goes wrong leaves this method.

        Returns:
            Why the source could not be asked, or None.
        """
        with self._turns[source]:
            if self._tools.stopping.is_set():
                return Fault("stopped", "the daemon stops")
            started = time.monotonic()
            fault = self._round(source)
            self._tools.meter.collected(
                self.name, source.value, time.monotonic() - started, None if fault is None else fault.kind
            )
        if not self._tools.stopping.is_set():
            self.assess()
        self._tools.memory.after_round()
        return fault

    def run_enrolments(self) -> Fault | None:
        """Renew the certificates of users whose turn it is, and assess what came of it.

        Returns:
            Why one of them is not as it should be, or None.
        """
        fault = self.enrolments.run()
        if not self._tools.stopping.is_set():
            self.assess()
        return fault

    def _round(self, source: Source) -> Fault | None:
        try:
            self._rounds[source]()
        except StoppedError:
            return Fault("stopped", "the daemon stops")
        except ConnectorError as error:
            return self._failed(source, Fault(error.fault.value, _words(error), error.advice))
        except StoreError as error:
            return self._store_trouble(error)
        except Exception as error:  # noqa: BLE001 - see below
            # A defect of ours must not end the watch over everything else; the traceback goes to the log.
            self._log.exception("round-broke", source=source.value)
            return self._failed(source, Fault("defect", f"{type(error).__name__}: this is a defect of ctld", ""))
        return None

    def _failed(self, source: Source, fault: Fault) -> Fault:
        self._log.warning("source-failed", source=source.value, fault=fault.kind, detail=fault.detail)
        try:
            self._tools.store.record_failure(self.name, source, fault, self._at())
        except StoreError as error:
            return self._store_trouble(error)
        return fault

    def _store_trouble(self, error: StoreError) -> Fault:
        self._tools.meter.store_error(error.kind)
        self._log.error("store-trouble", kind=error.kind, detail=str(error))
        return Fault("store", str(error), error.advice)

    def _at(self) -> int:
        return int(self._tools.now())

    # The sources.

    def _axl(self) -> None:
        throttled, self._throttled.count = self._throttled.count, 0
        with self.opener.axl() as axl:
            reading = read_cluster(axl)
            self._tools.store.record_axl(
                self.name,
                self._at(),
                # Phones stream in, so that of this round nobody can tell yet.
                replace(reading.facts, throttled=throttled),
                reading.nodes,
                self._stoppable(read_phones(axl)),
                reading.certificates,
                reading.profiles,
                reading.pools,
                reading.security_profiles,
            )

    def _stoppable(self, items: Iterator[_T]) -> Iterator[_T]:
        for item in items:
            if self._tools.stopping.is_set():
                raise StoppedError
            yield item

    def _ris(self) -> None:
        names = self._tools.store.phone_names(self.name)
        if names is None:
            # Nobody knows yet for whom to ask.
            return
        with self.opener.ris() as ris:
            reading = read_registrations(ris, self._stoppable(iter(names)))
        silent = ", ".join(reading.silent_nodes)
        fault = None if not silent else Fault("unreachable", f"RIS on {silent} did not answer", _RIS_ADVICE)
        self._tools.store.record_registrations(
            self.name, self._at(), reading.registrations, names, complete=not silent, fault=fault
        )

    def _lists(self) -> None:
        rows = list(self._stoppable(read_lists(self.settings.nodes)))
        self._tools.store.record_lists(self.name, self._at(), rows)

    def _ports(self) -> None:
        rows = list(self._stoppable(read_ports(self.name, self.settings.nodes)))
        self._tools.store.record_ports(self.name, self._at(), rows)

    def _phones(self) -> None:
        schedule = self.settings.schedule
        rested = self._at() - schedule.phone_rest_seconds
        wanted = self._tools.store.phones_to_look_at(self.name, rested, schedule.phones_per_run)
        issuers = self._tools.store.certificate_contents(self.name)
        now = datetime.fromtimestamp(self._tools.now(), UTC)
        found = {}
        looks = read_phone_certificates(self.name, wanted, self.settings.phones, issuers, now)
        try:
            for name, probe in self._stoppable(looks):
                found[name] = probe
                if len(found) >= _PHONE_BATCH:
                    self._tools.store.record_probes(self.name, self._at(), found, complete=False)
                    found = {}
        finally:
            looks.close()
        self._tools.store.record_probes(self.name, self._at(), found, complete=True)

    # Assessment.

    def assess(self) -> None:
        """Judge what is known now, keep the findings, and publish. Trouble with the store is logged and counted."""
        with self._tools.assessing:
            try:
                snapshot = self._tools.store.snapshot(self.name)
                if self._is_too_early(snapshot):
                    return
                snapshot = replace(snapshot, enrolments=self.enrolments.facts(), refused=self.opener.refused())
                rollouts = tuple(self._tools.rollouts(self.name))
                at = self._at()
                assessment = assess(snapshot, self._policy, at)
                changes = self._tools.store.update_findings(self.name, at, assessment.findings)
                stored = self._tools.store.open_findings(self.name)
            except StoreError as error:
                self._store_trouble(error)
                return
            for event, found in (
                ("finding-opened", changes.opened),
                ("finding-updated", changes.updated),
                ("finding-closed", changes.closed),
            ):
                for one in found:
                    finding = one.finding
                    self._log.info(
                        event,
                        code=finding.code.value,
                        severity=finding.severity.value,
                        subject=finding.subject,
                        summary=finding.summary,
                    )
            report = make_report(snapshot, assessment, stored, self._policy, intervals_of(self.settings))
            report = replace(report, rollouts=rollouts)
            try:
                self._tools.publisher.write(snapshot, report, assessment.phones)
            except OSError as error:
                # ctlctl then shows what it last could; metrics and findings are as they should be.
                self._log.error("snapshot-not-written", detail=str(error))
            self._tools.hub.publish(report)

    def _is_too_early(self, snapshot: Snapshot) -> bool:
        """Tell whether the first round is still under way: what has not been asked yet is no finding."""
        if time.monotonic() - self._begun > _FIRST_ROUND_SECONDS:
            return False
        wanted = set(_FIRST_ROUND)
        if snapshot.facts is None:
            wanted.discard(Source.RIS)
        asked = {source for source, state in snapshot.sources.items() if state.last_attempt is not None}
        return not wanted <= asked


def _words(error: ConnectorError) -> str:
    """Return what happened and where; the advice goes a way of its own."""
    return printable(f"{error.node}, {error.interface}: {error.detail}", 1000)
