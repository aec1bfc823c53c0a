"""What Prometheus is told of clusters, from the reports of the last assessments.

A scrape reads what lies ready: it asks no cluster and no store, and what it costs does not grow with phones. What is
not known has a value of its own or no value at all; it is never 0 because nobody looked.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ctlctl.assess.enrolments import EnrolmentStanding, end_of, state_of
from ctlctl.assess.model import CertificateView, ClusterCode, CredentialState, FindingSeverity, Held, ListView
from ctlctl.inventory.values import SourceState
from ctlctl.inventory.words import Source
from ctlctl.metrics import catalogue as names
from ctlctl.metrics.sheet import UNKNOWN, Sheet, few
from ctlctl.service.hub import ClusterReport

Reports = Callable[[], Mapping[str, ClusterReport]]

#: Verdicts on a list, each with a series of its own so that an alert on one ends when another takes its place.
VERDICTS: Final = ("valid", "self-consistent", "stale", "invalid", "absent", "undecided")
#: CmDevRegStat of RIS.
STATUSES: Final = ("Registered", "UnRegistered", "Rejected", "PartiallyRegistered", "Unknown")
#: Limits of an LSC's end that rules and dashboards ask for, in days.
WITHIN_DAYS: Final = (30, 90, 180, 365)
#: What ends later than so many months is one number.
MONTHS_AHEAD: Final = 24
LATER: Final = "later"

# Bounds of what a cluster can make us show. CUCM 15 has some 150 models in 14 families and 3 security modes; a CAPF
# generation comes every few years; certificate statuses are 38.
MAX_FAMILIES: Final = 30
MAX_MODES: Final = 6
MAX_ISSUERS: Final = 20
MAX_STATUSES: Final = 40
# The largest cluster has 21 nodes with 10 certificates each, and some 10 anchors in each trust store.
MAX_CERTIFICATES: Final = 600
# Digits of a fingerprint that tell versions apart.
_SHORT_SHA256: Final = 16

_RANKS: Final = {
    FindingSeverity.CRITICAL: 4,
    FindingSeverity.WARNING: 3,
    FindingSeverity.UNKNOWN: 2,
    FindingSeverity.INFO: 1,
}
# By these a MIC is verified; their ends are the end of every MIC below them.
_MIC_ANCHORS: Final = ("Cisco Manufacturing CA", "Cisco Root CA", "CAP-RTP-", "ACT2 SUDI CA", "High Assurance SUDI CA")


class FleetCollector(Collector):
    """Gives Prometheus the gauges of every cluster.

    Args:
        reports: what is known now; called once for each scrape, from any thread.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges without values, so that registering asks nobody."""
        return [gauge.family() for gauge in names.GAUGES]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges as the reports have them now."""
        sheet = Sheet()
        for report in self._reports().values():
            _cluster(sheet, report)
            _findings(sheet, report)
            _phones(sheet, report)
            _held_lists(sheet, report)
            _lscs(sheet, report)
            _certificates(sheet, report)
            _nodes(sheet, report)
            _lists(sheet, report)
            _sources(sheet, report)
            _enrolments(sheet, report)
        return sheet.families(names.GAUGES)


def _cluster(sheet: Sheet, report: ClusterReport) -> None:
    facts = report.facts
    version = UNKNOWN if facts is None else facts.version
    sheet.put(names.CLUSTER_INFO, 1, report.name, version, _yes(said=report.lab))
    mode = None if facts is None else facts.security_mode
    sheet.put(names.SECURITY_MODE, -1 if mode is None else mode, report.name)
    sheet.put(names.ASSESSED, report.changed_at, report.name)
    if facts is not None:
        sheet.put(names.NODES, len(report.nodes), report.name)


def _findings(sheet: Sheet, report: ClusterReport) -> None:
    worst = 0
    for stored in report.findings:
        if stored.closed_at is not None:
            continue
        found = stored.finding
        worst = max(worst, _RANKS[found.severity])
        sheet.put(names.FINDINGS, 1, report.name, found.code.value, found.severity.value)
        if found.count is not None:
            sheet.put(names.FINDINGS_CONCERNED, found.count, report.name, found.code.value, found.severity.value)
    sheet.put(names.WORST_SEVERITY, worst, report.name)


def _phones(sheet: Sheet, report: ClusterReport) -> None:
    cluster, numbers = report.name, report.assessment.numbers
    if report.facts is not None:
        family_of = few(((family, count) for (_, _, family), count in numbers.phones.items()), MAX_FAMILIES)
        mode_of = few(((mode, count) for (_, mode, _), count in numbers.phones.items()), MAX_MODES)
        kinds = {(mode_of[mode], family_of[family]) for _, mode, family in numbers.phones} or {(UNKNOWN, UNKNOWN)}
        for mode, family in sorted(kinds):
            # A zero tells "none any more" from "nobody looked", and ends an alert in the very next scrape.
            for state in CredentialState:
                sheet.put(names.PHONES, 0, cluster, state.value, mode, family)
        for (credential, mode, family), count in numbers.phones.items():
            sheet.put(names.PHONES, count, cluster, credential, mode_of[mode], family_of[family])
        sheet.put(names.PHONES_RETIRED, numbers.retired, cluster)
        capf = few(((status, count) for (_, status), count in numbers.capf.items()), MAX_STATUSES)
        for (kind, status), count in numbers.capf.items():
            sheet.put(names.CAPF, count, cluster, kind, capf[status])
    if numbers.registrations or _succeeded(report, Source.RIS):
        statuses = {**dict.fromkeys(STATUSES, 0), **numbers.registrations}
        sheet.put_counts(names.REGISTERED, cluster, statuses, MAX_STATUSES)
    for kind, count in numbers.not_taken.items():
        sheet.put(names.NOT_TAKEN, count, cluster, kind)


def _held_lists(sheet: Sheet, report: ClusterReport) -> None:
    if not _succeeded(report, Source.PHONE_PAGES):
        return
    numbers = report.assessment.numbers
    for kind in numbers.not_taken:
        for held in Held:
            count = numbers.list_hashes.get((kind, held.value), 0)
            sheet.put(names.LIST_HELD, count, report.name, kind, held.value)


def _lscs(sheet: Sheet, report: ClusterReport) -> None:
    cluster, numbers = report.name, report.assessment.numbers
    if report.facts is None:
        return
    for days, count in numbers.lsc_expiring.items():
        sheet.put(names.LSC_EXPIRING, count, cluster, f"{days}d")
    for days in WITHIN_DAYS:
        # What lies within a shorter time lies within a longer one too.
        shorter = [count for within, count in numbers.lsc_expiring.items() if within <= days]
        if days not in numbers.lsc_expiring:
            sheet.put(names.LSC_EXPIRING, max(shorter, default=0), cluster, f"{days}d")
    sheet.put_counts(names.LSC_BY_ISSUER, cluster, numbers.lsc_by_issuer, MAX_ISSUERS)
    months = _months_from(report.assessment.at)
    for month in (*months, LATER):
        sheet.put(names.LSC_ENDING, 0, cluster, month)
    for month, count in numbers.lsc_by_month.items():
        # Months that are over are counted by `ctl_phones` as expired.
        if month == LATER or (month[:1].isdecimal() and month >= months[0]):
            sheet.put(names.LSC_ENDING, count, cluster, month if month in months else LATER)


def _months_from(instant: int) -> tuple[str, ...]:
    now = datetime.fromtimestamp(instant, UTC)
    first = now.year * 12 + now.month - 1
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, first + MONTHS_AHEAD))


def _certificates(sheet: Sheet, report: ClusterReport) -> None:
    views = report.assessment.certificates
    anchors = {view.issuer for view in views if view.store == "identity" and not view.self_signed}
    anchors.update(report.assessment.numbers.lsc_by_issuer)
    shown = sorted(
        (view for view in views if view.store == "identity" or _is_anchor(view, anchors)),
        key=lambda view: (view.not_after, view.node, view.unit),
    )
    for view in shown[:MAX_CERTIFICATES]:
        place = (report.name, view.node, view.unit, view.store)
        sheet.put(names.NOT_AFTER, view.not_after, *place)
        client_auth = "any" if view.client_auth is None else _yes(said=view.client_auth)
        sheet.put(
            names.CERTIFICATE_INFO,
            1,
            *place,
            view.serial,
            view.common_name,
            view.issuer,
            view.key,
            _yes(said=view.self_signed),
            client_auth,
        )
        if view.store == "identity" and view.served is not None:
            sheet.put(names.SERVED_MATCHES, int(view.served), report.name, view.node, view.unit)
    sheet.put(names.CERTIFICATES_LEFT_OUT, max(0, len(shown) - MAX_CERTIFICATES), report.name)


def _is_anchor(view: CertificateView, anchors: set[str]) -> bool:
    return view.common_name in anchors or view.common_name.startswith(_MIC_ANCHORS)


def _yes(*, said: bool) -> str:
    return "true" if said else "false"


def _nodes(sheet: Sheet, report: ClusterReport) -> None:
    """Give what nodes say of themselves; of a node that was not asked, or did not tell, nothing."""
    cluster, numbers = report.name, report.assessment.numbers
    for (node, service), runs in numbers.services.items():
        sheet.put(names.SERVICE_UP, int(runs), cluster, node, service)
    for node, state in numbers.replication.items():
        sheet.put(names.REPLICATION, state, cluster, node)
    for node, synchronised in numbers.clocks.items():
        sheet.put(names.CLOCK, int(synchronised), cluster, node)
    for node, unaware in numbers.tvs_unaware.items():
        sheet.put(names.TVS_UNAWARE, unaware, cluster, node)
    if numbers.backup_at is not None:
        sheet.put(names.BACKUP, numbers.backup_at, cluster)


def _lists(sheet: Sheet, report: ClusterReport) -> None:
    not_compared = {
        stored.finding.subject
        for stored in report.findings
        if stored.finding.code is ClusterCode.LIST_NOT_COMPARED and stored.closed_at is None
    }
    for view in report.assessment.lists:
        place = (report.name, view.node, view.kind)
        for verdict in dict.fromkeys((*VERDICTS, view.verdict)):
            sheet.put(names.LIST_VERDICT, int(verdict == view.verdict), *place, verdict)
        if view.sha256 is not None:
            _served_list(sheet, view, place)
            # With nothing to compare it with, "0 missing" would be a guess.
            if not_compared.isdisjoint({"", view.node, f"{view.node}/{view.kind}"}):
                sheet.put(names.LIST_MISSING, len(view.missing), *place)
                sheet.put(names.LIST_SURPLUS, len(view.surplus), *place)


def _served_list(sheet: Sheet, view: ListView, place: tuple[str, str, str]) -> None:
    sheet.put(names.LIST_INFO, 1, *place, (view.sha256 or "")[:_SHORT_SHA256], view.signer or UNKNOWN, view.continuity)
    if view.signature_valid is not None:
        sheet.put(names.LIST_SIGNATURE, int(view.signature_valid), *place)
    if view.size is not None:
        sheet.put(names.LIST_SIZE, view.size, *place)
    if view.records is not None:
        sheet.put(names.LIST_RECORDS, view.records, *place)
    modified = view.first_seen if view.signed_at is None else view.signed_at
    if modified is not None:
        sheet.put(names.LIST_MODIFIED, modified, *place)


def _sources(sheet: Sheet, report: ClusterReport) -> None:
    for source in dict.fromkeys((*report.intervals, *report.sources)):
        state = report.sources.get(source, SourceState(source))
        if state.fault is not None and state.fault.kind == "unsupported" and source is Source.CERTIFICATE_API:
            # The release has none: it is neither down nor old.
            sheet.put(names.COLLECT_FAULT, 1, report.name, source.value, state.fault.kind)
            continue
        # 0 and not nothing: one that never answered must be old, not absent.
        sheet.put(names.COLLECT_SUCCESS, state.last_success or 0, report.name, source.value)
        if state.last_attempt is not None:
            sheet.put(names.COLLECT_UP, int(state.fault is None), report.name, source.value)
        if state.fault is not None:
            sheet.put(names.COLLECT_FAULT, 1, report.name, source.value, state.fault.kind)
        if source in report.intervals:
            sheet.put(names.COLLECT_INTERVAL, report.intervals[source], report.name, source.value)


def _enrolments(sheet: Sheet, report: ClusterReport) -> None:
    for fact in report.said.enrolments:
        place = (report.name, fact.name)
        end = end_of(fact)
        if end is not None:
            sheet.put(names.ENROLMENT_NOT_AFTER, end, *place)
        if fact.last_renewal is not None:
            sheet.put(names.ENROLMENT_RENEWED, fact.last_renewal, *place)
        now = state_of(fact, report.assessment.at)
        for state in EnrolmentStanding:
            sheet.put(names.ENROLMENT_STATE, int(state is now), *place, state.value)


def _succeeded(report: ClusterReport, source: Source) -> bool:
    state = report.sources.get(source)
    return state is not None and state.last_success is not None
