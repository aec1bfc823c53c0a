"""The trust lists of every TFTP node: what they are worth, and what is wrong with them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from ctlctl.assess.continuity import History
from ctlctl.assess.draft import Findings
from ctlctl.assess.expected import Comparison, compare
from ctlctl.assess.judged import Judged
from ctlctl.assess.known import SERVICE_TFTP, Known
from ctlctl.assess.listfindings import (
    report_ctl,
    report_itl,
    report_not_compared,
    report_surplus,
)
from ctlctl.assess.model import ClusterCode, FindingSeverity, ListView, Policy
from ctlctl.assess.numbers import Tally
from ctlctl.assess.seen import CALLMANAGER_ECDSA
from ctlctl.assess.shownlists import report_shown_lists
from ctlctl.assess.takenback import Doubt, between, doubt, report_taken_back
from ctlctl.assess.words import ago, count, lasting, moment
from ctlctl.inventory.values import ListVersion, ServedList, Snapshot
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl_trust import ListReport, check_agreement, verify_trust_list
from ctlctl_trust import Policy as TrustPolicy
from ctlctl_trust.tlv import NEAR_SIZE_CERTIFICATES, PHONE_SIZE_LIMIT

FILES: Final[dict[ListKind, str]] = {"ctl": "CTLFile.tlv", "itl": "ITLFile.tlv"}
_SIZE_LIMIT: Final = PHONE_SIZE_LIMIT + 1
_KINDS: Final[tuple[ListKind, ...]] = ("ctl", "itl")


class ListRules:
    """Judges the trust lists of one snapshot."""

    def __init__(  # noqa: PLR0913 - all that a list is judged by
        self, snapshot: Snapshot, known: Known, policy: Policy, now: int, tally: Tally, findings: Findings
    ) -> None:
        self._snapshot = snapshot
        self._known = known
        self._policy = policy
        self._now = now
        self._moment = moment(now)
        self._tally = tally
        self._findings = findings

    def judge(self) -> tuple[ListView, ...]:
        """Judge all lists; what is wrong goes to the findings."""
        judged = [self._look(served) for served in self._snapshot.lists]
        self._check_history(judged)
        for one in judged:
            self._check_size(one)
        self._check_all_there(judged)
        self._check_agreement(judged)
        known, now, tally, findings = self._known, self._now, self._tally, self._findings
        report_ctl(judged, known, now, tally, findings)
        report_itl(judged, now, findings)
        report_surplus(judged, findings)
        report_not_compared(judged, known, findings)
        report_shown_lists(self._snapshot, known, now, findings)
        return tuple(self._view(one) for one in judged)

    def _look(self, served: ServedList) -> Judged:
        one = Judged(served)
        fault, current = served.fault, served.current
        if fault is not None:
            self._unreadable(one, fault)
        if current is None or not current.data:
            self._check_absent(one)
            return one
        one.report = report = verify_trust_list(
            current.data, self._moment, TrustPolicy(expected_name=FILES.get(served.kind))
        )
        one.codes = {code.value for code in report.findings.codes}
        if report.findings.invalid:
            self._invalid(one, report.findings.listed[0].message)
        elif served.kind == "itl" or self._known.is_mixed:
            one.comparison = self._as_of(compare(served.kind, served.node, report, self._known), current)
        return one

    def _as_of(self, found: Comparison, current: ListVersion) -> Comparison:
        """Leave out what was first seen after the list was last fetched: a newer list may have it already."""
        missing = tuple(
            wanted
            for wanted in found.missing
            if any(self._known.first_seen(certificate) <= current.last_seen for certificate in wanted.any_of)
        )
        return found if len(missing) == len(found.missing) else replace(found, missing=missing)

    def _invalid(self, one: Judged, message: str) -> None:
        report, current = one.report, one.served.current
        codes = () if report is None else sorted(code.value for code in report.findings.codes)
        since = "" if current is None else f" Seen first {ago(self._now, current.first_seen)}."
        self._findings.add(
            ClusterCode.LIST_INVALID,
            FindingSeverity.CRITICAL,
            f"{one.name} is not valid: {message.rstrip('.')}.{since}",
            "Phones refuse it: they keep the list they hold, and none of what has changed since reaches them.",
            f"ctlctl trustlist list {self._findings.cluster}",
            f"Restart Cisco Tftp on {one.served.node}"
            if one.served.kind == "itl"
            else "On the publisher: utils ctl update CTLFile",
            subject=one.subject,
            evidence={"codes": list(codes), "sha256": None if current is None else current.sha256},
        )

    def _unreadable(self, one: Judged, fault: Fault) -> None:
        current = one.served.current
        last = "it was never seen" if current is None else f"last seen {ago(self._now, current.last_seen)}"
        self._findings.add(
            ClusterCode.LIST_UNREADABLE,
            FindingSeverity.UNKNOWN,
            f"{one.name} cannot be fetched ({last}): {fault.detail.rstrip('.')}.",
            "Whether phones get a list there that they can trust, nobody knows.",
            fault.advice or f"ctlctl cluster doctor {self._findings.cluster}",
            f"ctlctl cluster doctor {self._findings.cluster}",
            subject=one.subject,
            evidence={"kind": fault.kind, "last_seen": None if current is None else current.last_seen},
        )

    def _check_absent(self, one: Judged) -> None:
        served = one.served
        is_empty = served.current is not None
        if served.fault is not None:
            return
        if served.absent_since is None and not is_empty:
            self._never_fetched(one.name, one.subject)
            return
        if served.kind == "ctl" and not self._known.is_mixed:
            # A cluster that never was in mixed mode has no CTL.
            return
        since = "" if served.absent_since is None else f", {lasting(self._now, served.absent_since)}"
        what = "an empty file instead of" if is_empty else "no"
        mixed = " The cluster is in mixed mode." if served.kind == "ctl" else ""
        self._findings.add(
            ClusterCode.LIST_MISSING,
            FindingSeverity.CRITICAL,
            f"{served.node} serves {what} {FILES.get(served.kind, served.kind)}{since}.{mixed}",
            "Phones that start there get no new list; a new phone has none and trusts whatever it is first offered."
            if served.kind == "itl"
            else "Phones in secure profiles that hold no CTL yet do not register, and the others get no new one.",
            f"Restart Cisco Tftp on {served.node}"
            if served.kind == "itl"
            else "On the publisher: utils ctl update CTLFile, then restart Cisco Tftp on every node that runs it",
            f"ctlctl trustlist list {self._findings.cluster}",
            subject=one.subject,
            evidence={"absent_since": served.absent_since, "is_empty": is_empty},
        )

    def _never_fetched(self, name: str, subject: str) -> None:
        self._findings.add(
            ClusterCode.LIST_UNREADABLE,
            FindingSeverity.UNKNOWN,
            f"{name} was never fetched.",
            "Whether phones get a list there that they can trust, nobody knows.",
            f"ctlctl cluster refresh {self._findings.cluster}",
            f"ctlctl cluster doctor {self._findings.cluster}",
            subject=subject,
        )

    def _check_all_there(self, judged: Iterable[Judged]) -> None:
        """Report lists that nobody has looked at."""
        if Source.TRUST_LISTS not in self._snapshot.sources:
            # That nobody has asked for any list is said of the source, once.
            return
        seen = {(one.served.node, one.served.kind) for one in judged}
        nodes = [name for name, serves in self._policy.configured_nodes.items() if serves]
        if not self._policy.configured_nodes:
            nodes = [node.name for node in self._known.nodes_running(SERVICE_TFTP)]
        for node in nodes:
            for kind in _KINDS:
                if (node, kind) not in seen:
                    self._never_fetched(f"{kind.upper()} of {node}", f"{node}/{kind}")
        if not nodes and not seen:
            self._never_fetched("No TFTP node is known: any list of this cluster", "")

    def _check_history(self, judged: Iterable[Judged]) -> None:
        nodes: dict[str, dict[ListKind, Judged]] = {}
        for one in judged:
            nodes.setdefault(one.served.node, {})[one.served.kind] = one
        without = self._tally.no_itl.count
        for node, lists in nodes.items():
            reports = {kind: one.report for kind, one in lists.items() if one.report is not None}
            history = History(node, {kind: one.served for kind, one in lists.items()}, reports)
            for kind, one in lists.items():
                one.step = history.step(kind, self._known, self._moment, phones_without_tvs=without)
                one.codes.update(one.step.codes)
                if one.step.alarming is not None:
                    self._invalid(one, one.step.alarming)
        for kind in _KINDS:
            self._check_broken([one for lists in nodes.values() for key, one in lists.items() if key == kind], kind)

    def _check_broken(self, judged: Sequence[Judged], kind: ListKind) -> None:
        """Report lists of one kind that phones do not take; of those that were taken back, whom that concerns."""
        broken = [one for one in judged if one.step.severity is not None]
        back = [(one, found) for one in broken if (found := between(one, self._moment)) is not None]
        if back:
            since = max(one.served.current.first_seen for one, _ in back if one.served.current is not None)
            every = zip(self._snapshot.phones, self._tally.views, strict=True)
            phones = doubt(every, kind, [found for _, found in back], since, self._policy, self._now)
            for one, found in back:
                one.step = replace(one.step, severity=self._severity(one.step.severity, phones, since))
                report_taken_back(one, found, phones, self._now, self._findings)
        for one in broken:
            if one.step.severity is not None and all(one is not each for each, _ in back):
                self._broken(one, one.step.severity)

    def _severity(self, severity: FindingSeverity | None, phones: Doubt, since: int) -> FindingSeverity | None:
        """Return how bad a list is that was taken back; None where no phone is in danger."""
        if phones.shown.count:
            return severity
        if phones.started.count:
            return FindingSeverity.WARNING
        # Without any phone nobody knows who holds what; that is told for as long as phones may take.
        unknown = not self._snapshot.phones and self._now - since <= self._policy.list_taken_within
        return FindingSeverity.UNKNOWN if phones.count or unknown else None

    def _broken(self, one: Judged, severity: FindingSeverity) -> None:
        current = one.served.current
        left = self._tally.not_taken[one.served.kind].count
        age = 0 if current is None else self._now - current.first_seen
        if current is None or (not left and self._snapshot.phones and age > self._policy.list_taken_within):
            # Every phone has got over it, or was helped over it.
            return
        # Without a view of registrations the count says nothing.
        who = f"{count(left, 'phone')} {'has' if left == 1 else 'have'} not taken it yet" if left else "phones"
        self._findings.add(
            ClusterCode.LIST_CONTINUITY_BROKEN,
            severity,
            f"{one.name}, first served {ago(self._now, current.first_seen)}, is signed by nobody whom the list before "
            f"names as SAST, and {one.step.why}.",
            f"Phones that hold the list before refuse this one at their next reset, and with it their configuration; "
            f"{who}.",
            "Reset no phone and restart no Cisco Tftp before this is settled",
            "If the former certificate can be restored (DRS), restore it and let phones take a bridging list first",
            f"Else sign with the other anchor, where phones hold it: utils {one.served.kind} reset localkey",
            subject=one.subject,
            count=left,
            evidence={
                "continuity": one.step.continuity,
                "first_seen": current.first_seen,
                "sha256": current.sha256,
                "previous_sha256": None if one.served.previous is None else one.served.previous.sha256,
                "not_taken": left,
            },
        )

    def _check_size(self, one: Judged) -> None:
        current = one.served.current
        if current is None or one.report is None or one.report.trust_list is None:
            return
        size = len(current.data)
        certificates = sum(record.certificate is not None for record in one.report.trust_list.records)
        added = 1
        if one.served.kind == "ctl" and any(seen.unit == CALLMANAGER_ECDSA for seen in self._known.seen):
            added = 2
        share = size / _SIZE_LIMIT
        crowded = certificates + added > NEAR_SIZE_CERTIFICATES
        if share <= self._policy.size_warning_share and not crowded:
            return
        too_large = size >= _SIZE_LIMIT
        forecast = f"one more node makes {certificates + added} certificates"
        self._findings.add(
            ClusterCode.LIST_NEAR_SIZE_LIMIT,
            FindingSeverity.CRITICAL if too_large else FindingSeverity.WARNING,
            f"{one.name} has {size:,} of {_SIZE_LIMIT:,} bytes and {count(certificates, 'certificate')}; {forecast}.",
            "Phones fail to load a list over 64 KiB (about 39 certificates), and then do not register.",
            "Use multi-server SAN certificates, and remove nodes that are no more, before the cluster grows",
            subject=one.subject,
            count=certificates,
            evidence={"bytes": size, "certificates": certificates, "forecast": forecast, "more_per_node": added},
        )

    def _check_agreement(self, judged: Iterable[Judged]) -> None:
        """Note where a node's ITL and CTL disagree, for those who look closer; what follows from it is said above."""
        nodes: dict[str, dict[str, ListReport]] = {}
        held = list(judged)
        for one in held:
            if one.report is not None and self._known.is_mixed:
                nodes.setdefault(one.served.node, {})[one.served.kind] = one.report
        for one in held:
            both = nodes.get(one.served.node, {})
            if one.served.kind == "itl" and {"ctl", "itl"} <= both.keys():
                found = check_agreement(both["itl"], both["ctl"])
                one.codes.update(() if found is None else (code.value for code in found.codes))

    def _view(self, one: Judged) -> ListView:
        served, report, comparison = one.served, one.report, one.comparison
        current = served.current
        if current is None or report is None:
            known_absent = served.fault is None and (served.absent_since is not None or current is not None)
            return ListView(served.node, served.kind, "absent" if known_absent else "undecided")
        signer = report.signer
        certificate = None if signer is None or signer.candidate is None else signer.candidate.certificate
        trust_list = report.trust_list
        return ListView(
            served.node,
            served.kind,
            self._verdict(one, report),
            sha256=current.sha256 or sha256(current.data).hexdigest(),
            size=len(current.data),
            records=None if trust_list is None else len(trust_list.records),
            signed_at=None if trust_list is None else trust_list.header.timestamp,
            signer=None if certificate is None else certificate.common_name,
            first_seen=current.first_seen,
            missing=() if comparison is None else tuple(wanted.describe() for wanted in comparison.missing),
            surplus=() if comparison is None else comparison.surplus,
            codes=tuple(sorted(one.codes)),
            continuity=one.step.continuity,
            signature_valid=None if signer is None else signer.verified,
        )

    def _verdict(self, one: Judged, report: ListReport) -> str:
        if report.findings.invalid or one.step.alarming is not None:
            return "invalid"
        comparison = one.comparison
        if comparison is None:
            # A CTL that was left over is not held against anything; of an unknown mode nobody knows what it should be.
            if self._known.security_mode is None:
                return "undecided"
        elif comparison.missing:
            return "stale"
        elif comparison.undecided:
            return "undecided"
        signer = report.signer
        certificate = None if signer is None or signer.candidate is None else signer.candidate.certificate
        anchored = certificate is not None and certificate.list_key in self._known.keys
        return "valid" if anchored else "self-consistent"
