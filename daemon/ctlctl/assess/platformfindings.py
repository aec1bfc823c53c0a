"""What nodes say of themselves on the platform CLI: replication, clocks, backups, LSCs that were never installed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Final

from ctlctl.assess.answers import Answers, silent_nodes
from ctlctl.assess.draft import Findings
from ctlctl.assess.known import Known, epoch
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.seen import CALLMANAGER, CAPF, ITL_RECOVERY, TVS
from ctlctl.assess.words import ago, count, lasting, listed, minute
from ctlctl.inventory.nodevalues import BackupFact, NtpFact, ReplicationFact
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

_GOOD: Final = 2
#: Setup numbers (RTMT) of database replication.
_STATES: Final = {
    0: "it has not begun, or the node does not answer",
    1: "replicates were made, but their number is wrong",
    3: "tables differ: changes no longer reach the node",
    4: "its setup failed",
}
#: A healthy subscriber may show a dash for the number, with these words.
_COMPLETED: Final = "setup completed"
#: Stratum that NTP gives to a clock nobody sets.
_NO_STRATUM: Final = 16
#: Milliseconds; certificates and replication bear that much, and a clock that is set is a hundred times closer.
_FAR_OFF_MS: Final = 1000.0
#: Lines of CUCM's own list that a finding carries.
_LINES: Final = 10
_ANCHORS: Final = frozenset({CALLMANAGER, TVS, CAPF, ITL_RECOVERY})


@dataclass(slots=True)
class PlatformNumbers:
    """What metrics show of it.

    Attributes:
        replication: node -> worst number, -1 where none is told.
        clocks: node -> whether its clock is synchronised.
        backup_at: when the last backup was taken that succeeded; 0 for never, None where that is not known.
    """

    replication: dict[str, int] = field(default_factory=dict)
    clocks: dict[str, bool] = field(default_factory=dict)
    backup_at: int | None = None


class PlatformRules:
    """Judges what nodes say of themselves."""

    def __init__(self, snapshot: Snapshot, known: Known, policy: Policy, now: int, findings: Findings) -> None:
        self._snapshot = snapshot
        self._known = known
        self._policy = policy
        self._now = now
        self._findings = findings
        self._answers = Answers(snapshot)
        self._silent = {known.display(node) for node in silent_nodes(snapshot)}
        self._numbers = PlatformNumbers()

    def judge(self) -> PlatformNumbers:
        """Report what is wrong; where the platform CLI is not asked, nothing is said."""
        self._replication()
        for clock in self._snapshot.ntp:
            self._clock(clock)
        self._backups()
        self._stale_lscs()
        return self._numbers

    def _age(self, node: str, since: int) -> str:
        return ago(self._now, self._answers.at(Source.PLATFORM_CLI, node, since))

    def _replication(self) -> None:
        rows: dict[str, list[ReplicationFact]] = {}
        for fact in self._snapshot.replication:
            rows.setdefault(self._known.display(fact.node), []).append(fact)
        for node, facts in rows.items():
            # The node that fails sees itself less well than the others see it: one that sees it bad is enough.
            worst = min(facts, key=_goodness)
            self._numbers.replication[node] = _number(worst)
            # Of a node that is off the others cannot tell more; that it is off is told as such.
            off = node in self._silent and _number(worst) in {0, -1}
            if _goodness(worst) < len(_GOODNESS) - 1 and not off:
                self._broken(node, worst)

    def _broken(self, node: str, fact: ReplicationFact) -> None:
        number = _number(fact)
        unknown = fact.state is None and not fact.mismatches and not fact.differs and number != _GOOD
        means = _STATES.get(number, f'CUCM says "{fact.status}"')
        differ = f"; {count(fact.mismatches, 'table differs', 'tables differ')}" if fact.mismatches else ""
        differ += f'; CUCM says "{fact.differs}"' if fact.differs else ""
        what = (
            f"How the database of {node} replicates is not told"
            if unknown
            else f"The database of {node} replicates, but not all of it"
            if number == _GOOD
            else f"Database replication of {node} is in state {number}: {means}"
        )
        self._findings.add(
            ClusterCode.REPLICATION_BROKEN,
            FindingSeverity.UNKNOWN if unknown else FindingSeverity.WARNING,
            f"{what}{differ}, {lasting(self._now, fact.since)} (as {fact.asked} sees it, "
            f"{self._age(fact.asked, fact.since)}).",
            "What is changed on the publisher does not reach it: certificates, trust stores and phones' settings "
            "differ from node to node.",
            "Renew no certificate and update no CTL before it is in state 2",
            "On the publisher: utils dbreplication status (it checks all tables anew), then utils dbreplication repair "
            "all or reset NODE as it advises",
            f"ctlctl node list {self._findings.cluster}",
            subject=node,
            evidence={
                "state": fact.state,
                "status": fact.status,
                "mismatches": fact.mismatches,
                "differs": fact.differs,
                "asked": fact.asked,
                "since": fact.since,
            },
            count=fact.mismatches or None,
        )

    def _clock(self, fact: NtpFact) -> None:
        node = self._known.display(fact.node)
        strayed = fact.stratum is not None and fact.stratum >= _NO_STRATUM
        if fact.synchronised is not None:
            self._numbers.clocks[node] = fact.synchronised and not strayed
        # A console may print anything; what is no number tells nothing.
        off = fact.offset_ms if fact.offset_ms is not None and isfinite(fact.offset_ms) else None
        far = off is not None and abs(off) >= _FAR_OFF_MS
        if fact.synchronised and not strayed and not far:
            return
        seconds = 0.0 if off is None else abs(off) / 1000
        offset = f"; it is {seconds:,.1f} s off" if far else ""
        if fact.synchronised is None and not strayed and not far:
            severity, what = FindingSeverity.UNKNOWN, f"Whether the clock of {node} is synchronised is not told"
        elif fact.synchronised is False or strayed:
            stratum = f" (stratum {fact.stratum})" if strayed else ""
            severity, what = FindingSeverity.WARNING, f"The clock of {node} is not synchronised{stratum}"
        else:
            severity, what = FindingSeverity.WARNING, f"The clock of {node} is far from its NTP server's"
        self._findings.add(
            ClusterCode.CLOCK_UNSYNCHRONISED,
            severity,
            f"{what}{offset}, {lasting(self._now, fact.since)} (seen {self._age(fact.node, fact.since)}).",
            "Certificates seem to begin or end at the wrong time, replication and LSCs suffer; phones take their time "
            "from here.",
            f"On {node}: utils ntp status; on the publisher: check the NTP servers, and UDP port 123 on the way",
            f"ctlctl node list {self._findings.cluster}",
            subject=node,
            evidence={
                "synchronised": fact.synchronised,
                "stratum": fact.stratum,
                "offset_ms": off,
                "since": fact.since,
            },
        )

    def _backups(self) -> None:
        facts = self._snapshot.backups
        if facts:
            best = max((fact.succeeded_at for fact in facts if fact.succeeded_at is not None), default=None)
            self._numbers.backup_at = best or 0
            newest = max(facts, key=lambda one: self._answers.at(Source.PLATFORM_CLI, one.node, one.since))
            self._backup(newest, best)
            return
        publisher = self._known.publisher
        if publisher is not None and self._answers.is_well(Source.PLATFORM_CLI, publisher.name):
            self._findings.add(
                ClusterCode.BACKUP_OLD,
                FindingSeverity.UNKNOWN,
                f"When the last backup was taken is not known: the platform CLI of {publisher.name} does not tell.",
                _WITHOUT_BACKUP,
                f"On {publisher.name}: utils disaster_recovery history backup (account of level 1)",
            )

    def _backup(self, newest: BackupFact, best: int | None) -> None:
        failed = bool(newest.last_status) and not newest.last_status.casefold().startswith("success")
        newest_says = f" The newest ended with {newest.last_status!r}." if failed else ""
        since = self._renewed_since(best)
        before = f", before {listed(since)} {'was' if len(since) == 1 else 'were'} renewed" if since else ""
        if best is None or self._now - best > self._policy.backup_old_after:
            taken = (
                "No backup that succeeded is known"
                if best is None
                else f"The last backup that succeeded is of {minute(best)} ({ago(self._now, best)})"
            )
            self._findings.add(
                ClusterCode.BACKUP_OLD,
                FindingSeverity.WARNING,
                f"{taken}{before}.{newest_says}",
                _WITHOUT_BACKUP,
                "Take one now (Disaster Recovery System), and see why the schedule does not",
                f"On {newest.node}: utils disaster_recovery history backup; Cisco DRF Local, ipsec certificates",
                evidence=self._backup_evidence(newest, best, since),
            )
        elif failed:
            self._findings.add(
                ClusterCode.BACKUP_FAILED,
                FindingSeverity.WARNING,
                f"The newest backup ended with {newest.last_status!r}; the last that succeeded is of {minute(best)} "
                f"({ago(self._now, best)}).",
                _WITHOUT_BACKUP,
                f"On {newest.node}: utils disaster_recovery history backup, and the log of the one that failed",
                "Often the ipsec certificate of a node has ended, or the SFTP server is full",
                evidence=self._backup_evidence(newest, best, since),
            )

    def _renewed_since(self, best: int | None) -> list[str]:
        """Return what was renewed after a backup: restoring that brings the old ones back."""
        if best is None:
            return []
        return [
            f"{unit} of {node}"
            for node, unit, one in self._known.in_use()
            if unit in _ANCHORS and epoch(one.certificate.not_before) > best
        ]

    @staticmethod
    def _backup_evidence(newest: BackupFact, best: int | None, since: list[str]) -> Mapping[str, Json]:
        renewed: list[Json] = list(since[:_LINES])
        return {"succeeded_at": best, "last_status": newest.last_status, "node": newest.node, "renewed_since": renewed}

    def _stale_lscs(self) -> None:
        found = self._snapshot.stale_lscs
        if not found:
            return
        lines: list[Json] = [one.line for one in found[:_LINES]]
        nodes = listed(dict.fromkeys(self._known.display(one.node) for one in found))
        self._findings.add(
            ClusterCode.STALE_LSCS,
            FindingSeverity.INFO,
            f"{count(len(found), 'LSC')} on {nodes} {'was' if len(found) == 1 else 'were'} issued and never installed.",
            "The phone gave up before it had its certificate, and goes on with the one it had, or without.",
            f"ctlctl capf stale-lsc {self._findings.cluster}",
            "Order the operation again for these phones",
            f"When they have theirs, on {nodes}: utils capf stale-lsc delete all",
            evidence={"lines": lines, "since": min(one.since for one in found)},
            count=len(found),
        )


_WITHOUT_BACKUP: Final = (
    "If anchors are lost, phones can be brought back only from a backup that has them; without it each one is visited."
)
#: From worst to best.
_GOODNESS: Final = (4, 3, 0, 1, -1, _GOOD)


def _number(fact: ReplicationFact) -> int:
    if fact.state is None:
        return _GOOD if _COMPLETED in fact.status.casefold() else -1
    return fact.state


def _goodness(fact: ReplicationFact) -> int:
    number = _number(fact)
    if number == _GOOD and (fact.mismatches or fact.differs):
        return _GOODNESS.index(1)
    # A number that nobody knows is nothing good.
    return _GOODNESS.index(number) if number in _GOODNESS else 0
