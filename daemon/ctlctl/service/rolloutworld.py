"""The world of one rollout: the cluster by AXL, RIS and TLS, and what ctld knows of it anyway."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ctlctl.act.rolloutports import carry_out, not_done, reading_of
from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.tls_probe import ProbeTarget, TlsProbeError, probe, sweep
from ctlctl.fleet.files import SnapshotError, SnapshotFiles
from ctlctl.inventory.collect_ris import read_registrations
from ctlctl.inventory.words import Source
from ctlctl.plan.approval import drift, is_expired
from ctlctl.plan.calendar import Interval
from ctlctl.plan.facts import phone_facts
from ctlctl.plan.model import SealedPlan
from ctlctl.service.hub import ClusterReport, Hub
from ctlctl.service.openers import Opener
from ctlctl.store.rolloutstore import Approval
from ctlctl_capf.rollout.actions import Write
from ctlctl_capf.rollout.facts import (
    Answer,
    Health,
    Preflight,
    Probe,
    Reading,
    Registration,
    Window,
)
from ctlctl_config.model import ClusterSettings
from ctlctl_trust.certificate import CertificateError, read_certificate

if TYPE_CHECKING:
    from ctlctl.connectors.axl import AxlClient
    from ctlctl.connectors.ris import RisClient

#: Findings that close the gate before a batch: what phones need while they get their certificate, or afterwards to
#: come back (operations page F3).
_RED: Final = frozenset(
    {
        ClusterCode.LIST_INVALID,
        ClusterCode.LIST_MISSING,
        ClusterCode.LIST_CONTINUITY_BROKEN,
        ClusterCode.LIST_FAILS_ON_NODE,
        ClusterCode.LISTS_DIFFER,
        ClusterCode.STALE_CTL,
        ClusterCode.STALE_ITL,
        ClusterCode.SERVICE_NOT_RUNNING,
        ClusterCode.TVS_UNAWARE,
        ClusterCode.REPLICATION_BROKEN,
        ClusterCode.CERTIFICATE_EXPIRED,
        ClusterCode.IDENTITY_CHANGED,
    }
)
#: Findings that say that nobody can tell.
_UNKNOWN: Final = frozenset(
    {
        ClusterCode.SOURCE_FAILING,
        ClusterCode.SOURCE_STALE,
        ClusterCode.CREDENTIALS_REFUSED,
        ClusterCode.SECURITY_MODE_UNKNOWN,
        ClusterCode.LIST_UNREADABLE,
    }
)
#: Sources without which a batch is not opened.
_NEEDED: Final = frozenset({Source.AXL, Source.RIS, Source.TRUST_LISTS})
_CAPF_SECONDS: Final = 10.0
#: Windows looked ahead for an estimate.
_WINDOWS: Final = 400
#: How many intervals of its source a number of registered phones may be old.
_FRESH_ROUNDS: Final = 3
_REGISTERED: Final = frozenset({"Registered", "PartiallyRegistered"})


class RolloutWorld:
    """`ctlctl.act.rolloutports.RolloutPorts` of a cluster that ctld watches."""

    def __init__(  # noqa: PLR0913, PLR0917 - everything that is known of a cluster and its plan
        self,
        sealed: SealedPlan,
        approvals: tuple[Approval, ...],
        settings: ClusterSettings,
        opener: Opener,
        hub: Hub,
        files: SnapshotFiles,
        now: Callable[[], float],
        waiting: Callable[[], frozenset[str]],
    ) -> None:
        """Open nothing yet.

        Args:
            sealed: the plan.
            approvals: of it.
            settings: the cluster's.
            opener: opens its interfaces.
            hub: what ctld knows now.
            files: what it knows of phones.
            now: the clock.
            waiting: names of phones that the rollout has not touched yet.
        """
        self._sealed = sealed
        self._approvals = approvals
        self._settings = settings
        self._opener = opener
        self._hub = hub
        self._files = files
        self._now = now
        self._waiting = waiting
        self._calendar = sealed.plan.calendar()
        self._open: tuple[int, Interval | None] = (-1, None)
        self._addresses: dict[str, str] = {}
        self._reader: AxlClient | None = None
        self._writer: AxlClient | None = None
        self._ris: RisClient | None = None

    def close(self) -> None:
        """Close every connection."""
        for client in (self._reader, self._writer, self._ris):
            if client is not None:
                client.close()
        self._reader = self._writer = self._ris = None

    def approved(self, approvals: tuple[Approval, ...]) -> None:
        """Take the plan's approvals as they are now: somebody has given another."""
        self._approvals = approvals

    @property
    def _cluster(self) -> str:
        return self._sealed.plan.cluster

    def read(self, names: tuple[str, ...]) -> Mapping[str, Reading]:
        """Read phones by AXL."""
        if self._reader is None:
            self._reader = self._opener.axl()
        at = int(self._now())
        try:
            found = {phone.name: reading_of(phone, at) for phone in self._reader.phones_now(names)}
        except ConnectorError as error:
            if error.fault is ConnectorFault.CREDENTIALS:
                # A client keeps its password; the next one reads it anew.
                self._reader.close()
                self._reader = None
            raise
        return {name: found.get(name) or Reading(at, present=False) for name in names}

    def registrations(self, names: tuple[str, ...]) -> Mapping[str, Registration]:
        """Ask RIS for phones."""
        if self._ris is None:
            self._ris = self._opener.ris()
        at = int(self._now())
        said: dict[str, Registration] = {}
        try:
            found = read_registrations(self._ris, names).registrations
        except ConnectorError as error:
            if error.fault is ConnectorFault.CREDENTIALS:
                self._ris.close()
                self._ris = None
            raise
        for name, one in found.items():
            if one.address:
                self._addresses[name] = one.address
            said[name] = Registration(at, one.status in _REGISTERED, one.changed_at, one.httpd)
        return said

    def probe(self, names: tuple[str, ...]) -> Mapping[str, Probe]:
        """Look at what phones present; one whose address nobody knows did not answer."""
        at, port = int(self._now()), self._settings.phones.https_port
        found = {name: Probe(at, None) for name in names}
        targets = {}
        for name in names:
            address = self._addresses.get(name)
            if address is not None:
                target = ProbeTarget(address, port, Place(self._cluster, name, f"phone web on port {port}"))
                targets[id(target)] = (name, target)
        seconds = self._settings.phones.probe_timeout_seconds
        concurrency = self._settings.phones.probe_concurrency
        wanted = [target for _, target in targets.values()]
        for swept in sweep(wanted, concurrency=concurrency, timeout_seconds=seconds):
            if isinstance(swept.result, TlsProbeError):
                continue
            name = targets[id(swept.target)][0]
            try:
                ends = int(read_certificate(swept.result.leaf).not_after.timestamp())
            except CertificateError:
                continue
            found[name] = replace(found[name], not_after=ends)
        return found

    def write(self, action: Write) -> tuple[Answer, ConnectorFault | None]:
        """Make one write, at the machine's own pace."""
        if self._writer is None:
            ceiling = self._sealed.plan.limits.pace_ceiling
            try:
                self._writer = self._opener.writer(patience_seconds=0.0, per_second=ceiling)
            except ConnectorError as error:
                return not_done(action, error), error.fault
        answer, fault = carry_out(self._writer, action, self._now)
        if fault is ConnectorFault.CREDENTIALS:
            self._writer.close()
            self._writer = None
        return answer, fault

    def preflight(self) -> Preflight:
        """Hold what ctld knows, and CAPF's port, against what a batch needs."""
        at = int(self._now())
        report = self._hub.reports.get(self._cluster)
        if report is None:
            return Preflight(at, Health.UNKNOWN, "ctld has not looked at the cluster yet")
        red = [
            f"{one.finding.code.value} {one.finding.subject}".strip()
            for one in report.findings
            if one.finding.code in _RED and one.finding.severity in {FindingSeverity.CRITICAL, FindingSeverity.WARNING}
        ]
        if red:
            return Preflight(at, Health.RED, ", ".join(sorted(red)[:5]))
        unknown = [
            f"{one.finding.code.value} {one.finding.subject}".strip()
            for one in report.findings
            if one.finding.code in _UNKNOWN and _concerns(one.finding.subject)
        ]
        if unknown:
            return Preflight(at, Health.UNKNOWN, ", ".join(sorted(unknown)[:5]))
        return self._look_at_capf(at, report)

    def _look_at_capf(self, at: int, report: ClusterReport) -> Preflight:
        publisher = next((node.name.lower() for node in report.nodes if node.usage == "Publisher"), None)
        node = next((one for one in self._settings.nodes if one.name.lower() == publisher), None)
        if node is None or not node.ports.capf:
            return Preflight(at, Health.UNKNOWN, "the settings do not say where CAPF is (ports of the publisher)")
        place = Place(self._cluster, node.name, f"CAPF on port {node.ports.capf}")
        try:
            probe(node.host, node.ports.capf, _CAPF_SECONDS, place=place)
        except ConnectorError as error:
            return Preflight(at, Health.RED, f"CAPF of {node.name} does not answer: {error.detail}")
        return Preflight(at, Health.GREEN)

    def registered(self) -> tuple[int, int] | None:
        """How many phones were registered, and when, where RIS has told that lately."""
        report = self._hub.reports.get(self._cluster)
        state = None if report is None else report.sources.get(Source.RIS)
        if report is None or state is None or state.fault is not None or state.last_success is None:
            return None
        oldest = self._now() - _FRESH_ROUNDS * report.intervals.get(Source.RIS, 900) - 60
        if state.last_success < oldest:
            return None
        numbers = report.assessment.numbers.registrations
        return sum(many for status, many in numbers.items() if status in _REGISTERED), state.last_success

    def window(self, now: int) -> Window | None:
        """Return the window that is open."""
        # Windows open and close at whole minutes; each turn asks, and a calendar takes its time.
        minute, interval = self._open
        if minute != now // 60:
            interval = self._calendar.open_at(now)
            self._open = (now // 60, interval)
        return self._window(interval) if interval is not None and interval.opens <= now < interval.closes else None

    def windows(self, now: int) -> Iterator[Window]:
        """Give the windows from now on."""
        return (self._window(one) for one in self._calendar.nights(now, _WINDOWS))

    def next_window(self, now: int) -> Interval | None:
        """Return the window of the plan that opens next; None where none does: they never close."""
        return self._calendar.next_opening(now)

    def _window(self, interval: Interval) -> Window:
        return Window(interval.opens, interval.closes, self._calendar.complete_by(interval.closes))

    def invalid(self) -> str:
        """Tell why the approval no longer holds."""
        now, rollout = int(self._now()), self._settings.rollout
        holding = [one for one in self._approvals if not is_expired(one.at, rollout.approval_days, now)]
        if len({one.uid for one in holding}) < (2 if rollout.second_approver else 1):
            return (
                f"the approval is older than {rollout.approval_days} days, or of the future: a clock was changed; "
                "ctlctl plan approve renews it"
            )
        waiting = self._waiting()
        plan = self._sealed.plan
        left = replace(plan, phones=tuple(one for one in plan.phones if one.phone.name in waiting))
        try:
            current = [phone_facts(one) for one in self._files.phones(self._cluster) if one.get("name") in waiting]
        except SnapshotError:
            # What cannot be read now says nothing about the phones; each is read before it is touched anyway.
            return ""
        found = drift(left, current, rollout.drift_percent)
        if len(found.changes) * 100 > len(plan.phones) * rollout.drift_percent:
            first = found.changes[0]
            return (
                f"{len(found.changes)} of {len(plan.phones)} phones are not any more what was approved, more than "
                f"{rollout.drift_percent} %: {first.name} {first.words}"
            )
        return ""


def _concerns(subject: str) -> bool:
    """Tell whether a finding about a source is about one that a batch needs."""
    return subject.rpartition("/")[2] in {source.value for source in _NEEDED} or "/" in subject or not subject
