"""What the daemon knows now, for whoever asks: one report for each cluster, replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from types import MappingProxyType

from ctlctl.assess.model import Assessment, Json, Policy
from ctlctl.inventory.values import CapfProfileFact, ClusterFacts, NodeFact, Snapshot, SourceState
from ctlctl.inventory.words import Source
from ctlctl.store.values import StoredFinding


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """One cluster as it was assessed last. Phones are not in it: they lie in the snapshot's file.

    Attributes:
        name: its name in the settings.
        lab: whether it is a lab.
        facts: the cluster as a whole; None while AXL never answered.
        sources: how it stands with each source.
        nodes: its nodes.
        profiles: CAPF profiles of users.
        said: what nodes say of themselves: the snapshot, without its phones.
        assessment: what was concluded; its phones are left out.
        findings: those that are open, worst first.
        intervals: seconds between two rounds, by source.
        changed_at: instant of the assessment, seconds since 1970.
        rollouts: in short, those that had not ended then.
    """

    name: str
    lab: bool
    facts: ClusterFacts | None
    sources: Mapping[Source, SourceState]
    nodes: tuple[NodeFact, ...]
    profiles: tuple[CapfProfileFact, ...]
    said: Snapshot
    assessment: Assessment
    findings: tuple[StoredFinding, ...]
    intervals: Mapping[Source, int]
    changed_at: int
    rollouts: tuple[Mapping[str, Json], ...] = ()


def make_report(
    snapshot: Snapshot,
    assessment: Assessment,
    findings: tuple[StoredFinding, ...],
    policy: Policy,
    intervals: Mapping[Source, int],
) -> ClusterReport:
    """Put a report together; findings in the order of the assessment, in which those of most phones come first."""
    order = {finding.key: place for place, finding in enumerate(assessment.findings)}
    return ClusterReport(
        name=snapshot.cluster,
        lab=policy.lab,
        facts=snapshot.facts,
        sources=MappingProxyType(dict(snapshot.sources)),
        nodes=snapshot.nodes,
        profiles=snapshot.profiles,
        # 40,000 phones would stay in memory for nobody; nor do lists and certificates, which are judged already.
        said=replace(snapshot, phones=(), lists=(), certificates=(), stores=()),
        assessment=replace(assessment, phones=()),
        findings=tuple(sorted(findings, key=lambda one: order.get(one.finding.key, len(order)))),
        intervals=intervals,
        changed_at=assessment.at,
    )


class Hub:
    """Holds the newest report of each cluster. Threads share it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reports: Mapping[str, ClusterReport] = MappingProxyType({})

    @property
    def reports(self) -> Mapping[str, ClusterReport]:
        """The newest reports by name; what is returned does not change any more."""
        return self._reports

    def publish(self, report: ClusterReport) -> None:
        """Replace a cluster's report."""
        with self._lock:
            self._reports = MappingProxyType({**self._reports, report.name: report})

    def forget(self, name: str) -> None:
        """Drop a cluster that is no more in the settings."""
        with self._lock:
            self._reports = MappingProxyType({key: one for key, one in self._reports.items() if key != name})
