"""Does TVS of every node vouch for the certificates in use? What it does not know, phones that ask it do not trust."""

from collections.abc import Mapping
from typing import Final

from ctlctl.assess.answers import Answers
from ctlctl.assess.draft import Findings
from ctlctl.assess.installed import SETTLES_SECONDS
from ctlctl.assess.known import SERVICE_TVS, Known, epoch
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json
from ctlctl.assess.numbers import Tally
from ctlctl.assess.seen import CALLMANAGER, CALLMANAGER_ECDSA, CAPF, TOMCAT, TVS
from ctlctl.assess.words import ago, count, lasting, listed
from ctlctl.inventory.nodevalues import TvsAnswer
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

#: Units that phones meet and ask about.
_MET: Final = frozenset({CALLMANAGER, CALLMANAGER_ECDSA, CAPF, TVS, TOMCAT})
#: Names and fingerprints that a finding carries.
_MOST: Final = 20


class TvsRules:
    """Judges what TVS of every node says."""

    def __init__(self, snapshot: Snapshot, known: Known, now: int, tally: Tally, findings: Findings) -> None:
        self._snapshot = snapshot
        self._known = known
        self._now = now
        self._tally = tally
        self._findings = findings
        self._answers = Answers(snapshot)

    def judge(self) -> dict[str, int]:
        """Report what TVS does not vouch for; returns how many certificates that is, of each node that answered."""
        in_use = _in_use(self._known)
        unaware: dict[str, dict[str, TvsAnswer]] = {}
        for answer in self._snapshot.tvs_answers:
            host = self._known.node(answer.node)
            if host is not None and SERVICE_TVS not in host.services:
                continue
            found = unaware.setdefault(self._known.display(answer.node), {})
            held = in_use.get(answer.sha256)
            if held is not None and not answer.known and held[1] <= self._asked_at(answer):
                found[answer.sha256] = answer
        for node, lacking in unaware.items():
            if lacking:
                self._report(node, [name for sha256 in lacking for name in in_use[sha256][0]], lacking)
        return {node: len(found) for node, found in unaware.items()}

    def _asked_at(self, answer: TvsAnswer) -> int:
        return self._answers.at(Source.TVS, answer.node, answer.since)

    def _report(self, node: str, names: list[str], lacking: Mapping[str, TvsAnswer]) -> None:
        first = min(lacking.values(), key=lambda one: one.since)
        at = self._asked_at(first)
        shown: list[Json] = list(names[:_MOST])
        prints: list[Json] = list(list(lacking)[:_MOST])
        self._findings.add(
            ClusterCode.TVS_UNAWARE,
            FindingSeverity.CRITICAL,
            f"TVS of {node} does not know {listed(names)}, {lasting(self._now, first.since)} "
            f"(asked {ago(self._now, at)}).",
            self._so_what(names),
            "Renew and reset nothing more before it does",
            f"Check that they are in the database of {node} (replication), restart Cisco Certificate Change "
            f"Notification, then Cisco Trust Verification Service on {node}",
            f"ctlctl cert list {self._findings.cluster}",
            subject=node,
            evidence={
                "certificates": shown,
                "sha256": prints,
                "since": first.since,
                "asked_at": at,
                "phones": self._tally.not_taken["itl"].count,
            },
            count=len(names),
        )

    def _so_what(self, names: list[str]) -> str:
        web = [name for name in names if name.startswith(TOMCAT)]
        services = "no phone reaches services by https, for no list names tomcat"
        if len(web) == len(names):
            return f"Where this TVS is asked, {services}."
        left = self._tally.not_taken["itl"].count
        who = (
            f"{count(left, 'phone')} that {'has' if left == 1 else 'have'} not taken the newest ITL"
            if left
            else "Phones that switch on with an old list"
        )
        return (
            f"{who} ask this TVS, and trust neither files nor servers with such a certificate"
            f"{f'; {services}' if web else ''}."
        )


def _in_use(known: Known) -> dict[str, tuple[list[str], int]]:
    """Return names of each certificate in use that phones meet, and from when on TVS must know it, by its fingerprint.

    What was asked about before it was in use was nobody's yet, and one that has just been made is on its way.
    """
    found: dict[str, tuple[list[str], int]] = {}
    for node, unit, one in known.in_use():
        if unit in _MET:
            settled = epoch(one.certificate.not_before) + SETTLES_SECONDS
            names, since = found.get(one.sha256, ([], max(known.first_seen(one.certificate), settled)))
            found[one.sha256] = [*names, f"{unit} of {node}"], since
    return found
