"""What is said about the cluster as a whole: its security mode, its nodes, their ports."""

from collections.abc import Iterable
from typing import Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.known import PORT_SERVICES, SERVICE_TFTP, Known
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.numbers import Tally
from ctlctl.assess.words import DAY, count, lasting, listed, minute
from ctlctl.inventory.values import PortState, Snapshot
from ctlctl.inventory.words import Source

_MODES: Final = {0: "non-secure", 1: "mixed mode", None: "a mode that is not known"}
#: How long a change of the security mode is told.
_CHANGE_SECONDS: Final = 7 * DAY
_SECURE_CALLS: Final = frozenset({"sip", "sccp"})


def report_cluster(  # noqa: PLR0913 - all that a cluster is judged by
    snapshot: Snapshot, known: Known, policy: Policy, now: int, tally: Tally, findings: Findings
) -> None:
    """Report what is wrong with the cluster as a whole.

    Args:
        snapshot: what is known.
        known: its certificates and nodes.
        policy: the settings.
        now: the instant.
        tally: the phones.
        findings: where it goes.
    """
    _mode(snapshot, now, tally, findings)
    _nodes(snapshot, policy, findings)
    _ports(snapshot.ports, known, now, findings)


def _mode(snapshot: Snapshot, now: int, tally: Tally, findings: Findings) -> None:
    facts = snapshot.facts
    axl = snapshot.sources.get(Source.AXL)
    # While AXL has never answered, that alone is said.
    if facts is None and (axl is None or axl.last_success is None):
        return
    if facts is None or facts.security_mode not in {0, 1}:
        findings.add(
            ClusterCode.SECURITY_MODE_UNKNOWN,
            FindingSeverity.UNKNOWN,
            "The cluster's security mode is not known: AXL gives "
            f"{'none' if facts is None or facts.security_mode is None else facts.security_mode}.",
            "Whether secure profiles work, and whether there should be a CTL, cannot be told.",
            "On the publisher: show ctl; in CUCM Administration: Enterprise Parameters, Cluster Security Mode",
        )
    changes = [
        one
        for one in snapshot.mode_changes
        # The first value that is ever seen is no change, and none is told by its own finding.
        if one.before is not None and one.after is not None and abs(now - one.at) <= _CHANGE_SECONDS
    ]
    if changes:
        last = changes[-1]
        findings.add(
            ClusterCode.SECURITY_MODE_CHANGED,
            FindingSeverity.WARNING,
            f"The cluster went from {_MODES.get(last.before, 'a mode that is not known')} to "
            f"{_MODES.get(last.after, 'a mode that is not known')} at or before {minute(last.at)}.",
            "Phones take it at their next reset; secure profiles work in mixed mode only.",
            "If nobody meant it: find out who ran utils ctl set-cluster (audit log of the publisher)",
            evidence={"at": last.at, "before": last.before, "after": last.after},
        )
    if facts is not None and facts.security_mode == 0 and tally.secure:
        findings.add(
            ClusterCode.PROFILES_WITHOUT_MIXED_MODE,
            FindingSeverity.WARNING,
            f"{count(tally.secure, 'phone')} {'has' if tally.secure == 1 else 'have'} a secure profile, but the "
            "cluster is not in mixed mode.",
            "They register without TLS and their calls are not protected, whatever the profile says.",
            "Either: utils ctl set-cluster mixed-mode; or give them non-secure profiles, so that nobody is misled",
            count=tally.secure,
        )


def _nodes(snapshot: Snapshot, policy: Policy, findings: Findings) -> None:
    if not snapshot.nodes or not policy.configured_nodes:
        return
    there = {node.name.casefold(): node.name for node in snapshot.nodes if node.role != "CUCM IM and Presence"}
    everybody = {node.name.casefold() for node in snapshot.nodes}
    here = {name.casefold(): name for name in policy.configured_nodes}
    missing = sorted(there[key] for key in there.keys() - here.keys())
    strange = sorted(here[key] for key in here.keys() - everybody)
    if missing:
        names: list[Json] = list(missing)
        findings.add(
            ClusterCode.NODE_NOT_IN_SETTINGS,
            FindingSeverity.WARNING,
            f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} in the cluster, but not in the settings.",
            "Nobody looks at the trust lists and certificates of such a node.",
            f"Add a [[clusters.{findings.cluster}.nodes]] table for each, then: systemctl reload ctld",
            evidence={"nodes": names},
            count=len(missing),
        )
    _unwatched(snapshot, policy, findings)
    if strange:
        names = list(strange)
        findings.add(
            ClusterCode.NODE_UNKNOWN_TO_CLUSTER,
            FindingSeverity.WARNING,
            f"The cluster has no node {listed(strange)}; the settings do.",
            "What is seen there is held against nothing.",
            "Write names as listProcessNode has them, or remove the tables of nodes that are no more",
            evidence={"nodes": names},
            count=len(strange),
        )


def _unwatched(snapshot: Snapshot, policy: Policy, findings: Findings) -> None:
    """Report nodes whose trust lists nobody looks at, because the settings say that they serve none."""
    silent = {name.casefold() for name, serves in policy.configured_nodes.items() if not serves}
    for node in snapshot.nodes:
        if node.name.casefold() in silent and SERVICE_TFTP in node.services:
            findings.add(
                ClusterCode.NODE_NOT_IN_SETTINGS,
                FindingSeverity.WARNING,
                f"{node.name} runs Cisco Tftp, but the settings do not say that it serves trust lists.",
                "Nobody looks at the lists that phones get there.",
                f"Write tftp = true for {node.name} in the settings, then: systemctl reload ctld",
                subject=node.name,
            )


def _ports(ports: Iterable[PortState], known: Known, now: int, findings: Findings) -> None:
    silent: dict[str, list[PortState]] = {}
    asked: dict[str, int] = {}
    for state in ports:
        asked[state.node] = asked.get(state.node, 0) + 1
        if state.fault is not None and not _is_excused(state, known):
            silent.setdefault(state.node, []).append(state)
    for node, states in silent.items():
        since = min(state.since for state in states)
        fault = states[0].fault
        everything = len(states) == asked[node] and len(states) > 1
        which: list[Json] = [state.port for state in states]
        what = "No port" if everything else f"{'Port' if len(states) == 1 else 'Ports'} {listed(map(str, which))}"
        verb = "answers" if everything else "does not answer" if len(states) == 1 else "do not answer"
        findings.add(
            ClusterCode.PORT_SILENT,
            FindingSeverity.WARNING,
            f"{what} of {node} {verb}, {lasting(now, since)}: {'' if fault is None else fault.detail.rstrip('.')}.",
            "The node is off or cannot be reached from here, and its phones have gone to others."
            if everything
            else "What phones ask there is not served, or this machine cannot reach it.",
            *([fault.advice] if fault is not None and fault.advice else []),
            f"ctlctl cluster doctor {findings.cluster}",
            subject=node,
            evidence={"ports": which, "since": since, "fault": None if fault is None else fault.kind},
            count=len(states),
        )


def _is_excused(state: PortState, known: Known) -> bool:
    """Tell whether nothing need answer: the service is not activated, or the cluster has no use for it."""
    node, service = known.node(state.node), PORT_SERVICES.get(state.port)
    if node is not None and service is not None and service not in node.services:
        return True
    return state.port in _SECURE_CALLS and known.security_mode == 0
