"""Sources that ask every node by itself: which nodes do not answer which, without saying one thing many times."""

from collections.abc import Iterable, Sequence
from typing import Final

from ctlctl.assess.answers import silent_nodes
from ctlctl.assess.draft import Findings
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.refused import NOT_TRIED, evidence_of, refusal_of, what_to_do
from ctlctl.assess.words import ago, lasting, listed
from ctlctl.inventory.nodenames import folded
from ctlctl.inventory.nodevalues import NodeState
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Fault, Source

#: Sources that are asked node by node.
BY_NODE: Final = frozenset({Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.TVS})
NAMES: Final = {
    Source.CONTROL_CENTER: "Control Center",
    Source.CERTIFICATE_API: "The certificate API",
    Source.PLATFORM_CLI: "The platform CLI",
    Source.TVS: "TVS",
}
WITHOUT: Final = {
    Source.CONTROL_CENTER: "Whether the services that phones need run there is not known.",
    Source.CERTIFICATE_API: "Which certificates are installed there is known from the database alone.",
    Source.PLATFORM_CLI: "How replication, the clock, backups and the node's own certificates stand is not known.",
    Source.TVS: "Whether phones that ask there are told that the certificates in use are good is not known.",
}
#: What is missing where the account gets in and may not ask.
_RIGHTS: Final = {
    Source.CONTROL_CENTER: "Give the AXL user the role Standard SERVICEABILITY",
    Source.CERTIFICATE_API: "Give the OS Administration account level 1: show account on the node says what it has",
    Source.PLATFORM_CLI: "Give the OS Administration account level 1: show account on the node says what it has",
}
#: Subject of a finding about an account, by the sources that share it.
_ACCOUNTS: Final = {
    Source.CONTROL_CENTER: "control-center",
    Source.CERTIFICATE_API: "platform",
    Source.PLATFORM_CLI: "platform",
    Source.TVS: "tvs",
}
#: The node is off, or nobody gets there.
_AWAY: Final = frozenset({"unreachable", "unresolved", "timeout"})
#: Somebody answers who is not whom the settings name.
_STRANGER: Final = frozenset({"tls", "host-key"})
_PROVES_ITSELF: Final = frozenset({Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI})


def report_node_sources(snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
    """Report nodes that do not answer a source, or have not for long.

    Args:
        snapshot: what is known.
        policy: when something is stale.
        now: the instant.
        findings: where it goes.
    """
    rules = _Rules(snapshot, policy, now, findings)
    rules.judge()


def told_by_node(source: Source, snapshot: Snapshot) -> bool:
    """Tell whether a source is judged node by node: it is asked so, and was."""
    return source in BY_NODE and any(one.source is source for one in snapshot.node_states)


def is_of_nodes(fault: Fault, source: Source, snapshot: Snapshot) -> bool:
    """Tell whether the fault of a round is that of a node, and not of the whole: no password, no settings."""
    return any(
        one.source is source and one.fault is not None and one.fault.kind == fault.kind for one in snapshot.node_states
    )


class _Rules:
    def __init__(self, snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
        self._snapshot = snapshot
        self._policy = policy
        self._now = now
        self._findings = findings
        self._silent = silent_nodes(snapshot)

    def judge(self) -> None:
        rest: dict[Source, list[tuple[NodeState, Fault]]] = {}
        refused: dict[str, list[tuple[NodeState, Fault]]] = {}
        for state in self._snapshot.node_states:
            fault = state.fault
            if fault is None or self._is_no_fault(state, fault):
                continue
            if fault.kind == "credentials":
                refused.setdefault(_ACCOUNTS.get(state.source, state.source.value), []).append((state, fault))
            else:
                rest.setdefault(state.source, []).append((state, fault))
        for account, failing in refused.items():
            self._refused(account, failing)
        for source in Source:
            self._source(source, rest.get(source, []))
        self._stale()

    def _is_no_fault(self, state: NodeState, fault: Fault) -> bool:
        """Tell whether it is as it should be, or said elsewhere."""
        if fault.kind == "unsupported" and state.source is Source.CERTIFICATE_API:
            # Before 14 there is none.
            return True
        if fault.kind in _AWAY and folded(state.node) in self._silent:
            return True
        axl = self._snapshot.sources.get(Source.AXL)
        # Control Center takes the account of AXL.
        axl_fault = None if axl is None or state.source is not Source.CONTROL_CENTER else axl.fault
        return fault.kind == "credentials" and axl_fault is not None and axl_fault.kind == "credentials"

    def _source(self, source: Source, failing: Sequence[tuple[NodeState, Fault]]) -> None:
        asked = sum(one.source is source for one in self._snapshot.node_states)
        kinds: dict[str, list[tuple[NodeState, Fault]]] = {}
        for state, fault in failing:
            kinds.setdefault(fault.kind, []).append((state, fault))
        for kind, group in kinds.items():
            if kind in _STRANGER and source in _PROVES_ITSELF:
                for state, fault in group:
                    self._identity(state, fault)
            elif kind == "throttled":
                self._busy(source, group)
            elif len(group) > 1 and (len(group) == asked or kind == "rights"):
                self._failing(source, group, source.value)
            else:
                for one in group:
                    self._failing(source, [one], f"{one[0].node}/{source.value}")

    def _evidence(self, group: Iterable[tuple[NodeState, Fault]]) -> dict[str, Json]:
        shown: dict[str, Json] = {}
        for state, fault in group:
            shown[state.node] = {"fault": fault.kind, "since": state.since, "last_success": state.at}
        return {"nodes": shown}

    def _words(self, group: Sequence[tuple[NodeState, Fault]], since: int | None = None) -> tuple[str, str]:
        """Return the nodes, and for how long with the last answer: since then, or since the first of them fails."""
        nodes = listed(state.node for state, _ in group)
        since = min(state.since for state, _ in group) if since is None else since
        answers = [state.at for state, _ in group if state.at is not None]
        last = f"last answer {ago(self._now, max(answers))}" if answers else "it never answered"
        return nodes, f"{lasting(self._now, since)} ({last})"

    def _refused(self, account: str, group: Sequence[tuple[NodeState, Fault]]) -> None:
        refusal = refusal_of(account, self._snapshot)
        told = list({state.node: (state, fault) for state, fault in group}.values())
        nodes, since = self._words(told, None if refusal is None else refusal.at)
        sources = list(dict.fromkeys(state.source for state, _ in group))
        what = " and ".join(NAMES.get(source, source.value) for source in sources)
        what = what.replace(" and The", " and the")
        verb = "refuses" if len(sources) == 1 else "refuse"
        self._findings.add(
            ClusterCode.CREDENTIALS_REFUSED,
            FindingSeverity.CRITICAL,
            f"{what} of {nodes} {verb} the user or the password, {since}.",
            f"{WITHOUT.get(sources[0], '')} {NOT_TRIED}",
            *(
                what_to_do(self._findings.cluster, "the OS Administration account and its password")
                if account == "platform"
                else what_to_do(self._findings.cluster)
            ),
            f"ctlctl cluster doctor {self._findings.cluster}",
            subject=account,
            evidence=self._evidence(group) | evidence_of(refusal),
            count=len({state.node for state, _ in group}),
        )

    def _identity(self, state: NodeState, fault: Fault) -> None:
        ssh = state.source is Source.PLATFORM_CLI
        _, since = self._words([(state, fault)])
        self._findings.add(
            ClusterCode.IDENTITY_CHANGED,
            FindingSeverity.CRITICAL,
            f"{NAMES[state.source]} of {state.node} does not prove itself, {since}: {fault.detail.rstrip('.')}.",
            f"{WITHOUT[state.source]} Either the node was renewed or rebuilt, or somebody else is answering.",
            "Compare the SSH host key on the node's own console, then write it as ssh_host_key"
            if ssh
            else "Compare the fingerprint with the node itself (show cert own tomcat), then write it as tls_pin",
            f"ctlctl cluster doctor {self._findings.cluster}",
            subject=f"{state.node}/{state.source.value}",
            evidence=self._evidence([(state, fault)]),
        )

    def _busy(self, source: Source, group: Sequence[tuple[NodeState, Fault]]) -> None:
        nodes, since = self._words(group)
        self._findings.add(
            ClusterCode.CLUSTER_BUSY,
            FindingSeverity.INFO,
            f"{NAMES.get(source, source.value)} of {nodes} is busy, {since}.",
            "Collecting takes longer; phones are not concerned.",
            "Use fewer tools at the same time",
            subject=source.value,
            evidence=self._evidence(group),
            count=len(group),
        )

    def _failing(self, source: Source, group: Sequence[tuple[NodeState, Fault]], subject: str) -> None:
        nodes, since = self._words(group)
        fault = group[0][1]
        stale = all(self._is_old(state) for state, _ in group)
        # A node that has answered since it fails answered in part.
        partly = all(state.at is not None and state.at >= state.since for state, _ in group)
        fails = "does not tell everything" if partly else "cannot be asked"
        advice = _RIGHTS.get(source, "") if fault.kind == "rights" else fault.advice
        self._findings.add(
            ClusterCode.SOURCE_FAILING,
            FindingSeverity.UNKNOWN if stale and fault.kind != "rights" else FindingSeverity.WARNING,
            f"{NAMES.get(source, source.value)} of {nodes} {fails}, {since}: {fault.detail.rstrip('.')}.",
            WITHOUT.get(source, "What it tells is not known."),
            *([advice] if advice else []),
            f"ctlctl cluster doctor {self._findings.cluster}",
            subject=subject,
            evidence=self._evidence(group),
            count=len(group),
        )

    def _is_old(self, state: NodeState) -> bool:
        return state.at is None or abs(self._now - state.at) > self._policy.stale_after

    def _stale(self) -> None:
        """Report nodes that nobody has asked for long; those that fail are told as such."""
        old: dict[Source, list[NodeState]] = {}
        for state in self._snapshot.node_states:
            if state.fault is None and self._is_old(state):
                old.setdefault(state.source, []).append(state)
        for source, states in old.items():
            times = [state.at for state in states if state.at is not None]
            last = f"last answered {ago(self._now, max(times))}" if times else "has never answered"
            self._findings.add(
                ClusterCode.SOURCE_STALE,
                FindingSeverity.UNKNOWN,
                f"{NAMES.get(source, source.value)} of {listed(state.node for state in states)} {last}.",
                WITHOUT.get(source, "What it tells is not known."),
                f"ctlctl cluster refresh {self._findings.cluster}",
                f"ctlctl cluster doctor {self._findings.cluster}",
                subject=source.value,
                evidence={"last_success": max(times, default=None), "nodes": [state.node for state in states]},
                count=len(states),
            )
