"""What is said about the sources themselves: failing, refused, stale. Silence is never taken for "ok"."""

from typing import Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.nodesources import is_of_nodes, report_node_sources, told_by_node
from ctlctl.assess.refused import NOT_TRIED, evidence_of, refusal_of, report_writer, what_to_do
from ctlctl.assess.words import ago, count, lasting, span
from ctlctl.inventory.values import Snapshot, SourceState
from ctlctl.inventory.words import Fault, Source

_NAMES: Final = {
    Source.AXL: "AXL",
    Source.RIS: "RIS",
    Source.TRUST_LISTS: "The trust lists",
    Source.TLS_PORTS: "The TLS ports",
    Source.PHONE_TLS: "The phones' certificates",
    Source.CONTROL_CENTER: "Control Center",
    Source.CERTIFICATE_API: "The certificate API",
    Source.PLATFORM_CLI: "The platform CLI",
    Source.TVS: "TVS",
    Source.PHONE_PAGES: "The phones' pages",
}
_WITHOUT: Final = {
    Source.AXL: "Which phones there are, what their LSCs are and which certificates are installed is not known.",
    Source.RIS: "Which phones are registered, and which have taken the newest lists, is not known.",
    Source.TRUST_LISTS: "Whether phones are served lists that they can trust is not known.",
    Source.TLS_PORTS: "Whether services present the certificates that are installed is not known.",
    Source.PHONE_TLS: "What phones really present is not known; the database's word stands alone.",
    Source.CONTROL_CENTER: "Whether the services that phones need run is not known.",
    Source.CERTIFICATE_API: "Which certificates nodes have installed is known from the database alone.",
    Source.PLATFORM_CLI: "How replication, clocks, backups and the nodes' own certificates stand is not known.",
    Source.TVS: "Whether phones would be told that the certificates in use are good is not known.",
    Source.PHONE_PAGES: "Which lists phones really hold is not known; times of registration stand alone.",
}
#: Sources that every cluster has; a look at the phones themselves may be switched off.
_ALWAYS: Final = frozenset({Source.AXL, Source.RIS, Source.TRUST_LISTS, Source.TLS_PORTS})
_SOAP: Final = frozenset({Source.AXL, Source.RIS})
#: Accounts, by the sources that share them.
_ACCOUNTS: Final = {Source.RIS: "axl", Source.CERTIFICATE_API: "platform", Source.PLATFORM_CLI: "platform"}
#: Sources with one account.
_PLATFORM: Final = frozenset({Source.CERTIFICATE_API, Source.PLATFORM_CLI})
#: Sources whose name is a plural.
_MANY: Final = frozenset({Source.TRUST_LISTS, Source.TLS_PORTS, Source.PHONE_TLS, Source.PHONE_PAGES})


def report_sources(snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
    """Report sources that cannot be asked, or were not for long.

    Args:
        snapshot: what is known.
        policy: when something is stale.
        now: the instant.
        findings: where it goes.
    """
    for source in (one for one in Source if not _is_told_of_account(one, snapshot)):
        state = snapshot.sources.get(source)
        if told_by_node(source, snapshot):
            if state is not None and state.fault is not None and not is_of_nodes(state.fault, source, snapshot):
                _failing(state, state.fault, snapshot, policy, now, findings)
            continue
        if state is None:
            if source in _ALWAYS:
                _stale(source, None, now, findings)
            continue
        if _is_unsupported(state):
            continue
        if state.fault is not None and not _is_told_elsewhere(source, snapshot):
            _failing(state, state.fault, snapshot, policy, now, findings)
        if _is_stale(state, policy, now):
            _stale(source, state, now, findings)
    report_node_sources(snapshot, policy, now, findings)
    report_writer(snapshot, now, findings)
    facts = snapshot.facts
    if facts is not None and facts.throttled:
        findings.add(
            ClusterCode.CLUSTER_BUSY,
            FindingSeverity.INFO,
            f"AXL said {count(facts.throttled, 'time', 'times')} in the last round that it is busy.",
            "Other tools, or operators, wait too; ctld gives way by itself.",
            f"If it stays: set axl_seconds in [clusters.{findings.cluster}.schedule] higher",
            count=facts.throttled,
        )


def _is_told_elsewhere(source: Source, snapshot: Snapshot) -> bool:
    """Tell whether the faults of a source are told one by one, where they happened."""
    if source is Source.TRUST_LISTS:
        return any(one.fault is not None for one in snapshot.lists)
    return source is Source.TLS_PORTS and any(one.fault is not None for one in snapshot.ports)


def _is_told_of_account(source: Source, snapshot: Snapshot) -> bool:
    """Tell whether a source was not asked because another one, which told so, was refused the account of both."""
    state = snapshot.sources.get(source)
    fault = None if state is None else state.fault
    if source not in _PLATFORM or fault is None or fault.kind != "credentials":
        return False
    others = (one for one in snapshot.node_states if one.source in _PLATFORM)
    return any(one.fault is not None and one.fault.kind == "credentials" for one in others)


def _is_unsupported(state: SourceState) -> bool:
    """Tell whether a release has no such interface: nothing fails then."""
    return state.source is Source.CERTIFICATE_API and state.fault is not None and state.fault.kind == "unsupported"


def _is_stale(state: SourceState, policy: Policy, now: int) -> bool:
    # A success far ahead of the clock has no age that is known: the clock was set back.
    return state.last_success is None or abs(now - state.last_success) > policy.stale_after


def _failing(  # noqa: PLR0913 - what happened to whom, and what is known besides
    state: SourceState, fault: Fault, snapshot: Snapshot, policy: Policy, now: int, findings: Findings
) -> None:
    source = state.source
    since = now if state.failing_since is None else state.failing_since
    last = "it never answered" if state.last_success is None else f"last answer {ago(now, state.last_success)}"
    evidence: dict[str, Json] = {"fault": fault.kind, "since": since, "last_success": state.last_success}
    doctor = f"ctlctl cluster doctor {findings.cluster}"
    if fault.kind == "credentials":
        refusal = refusal_of(_ACCOUNTS.get(source, source.value), snapshot)
        since = since if refusal is None else refusal.at
        findings.add(
            ClusterCode.CREDENTIALS_REFUSED,
            FindingSeverity.CRITICAL,
            f"{_NAMES[source]} refuses the user or the password, {lasting(now, since)} ({last}).",
            f"{_WITHOUT[source]} {NOT_TRIED}",
            *what_to_do(findings.cluster),
            doctor,
            subject=source.value,
            evidence=evidence | evidence_of(refusal),
        )
        return
    if fault.kind == "tls" and source in _SOAP:
        findings.add(
            ClusterCode.IDENTITY_CHANGED,
            FindingSeverity.CRITICAL,
            f"The server of {_NAMES[source]} does not prove itself, {lasting(now, since)} ({last}): "
            f"{fault.detail.rstrip('.')}.",
            f"{_WITHOUT[source]} Either tomcat was renewed, or somebody else is answering.",
            "Compare the fingerprint with the node itself (show cert own tomcat), then write it as tls_pin",
            doctor,
            subject=source.value,
            evidence=evidence,
        )
        return
    if fault.kind == "throttled":
        findings.add(
            ClusterCode.CLUSTER_BUSY,
            FindingSeverity.INFO,
            f"{_NAMES[source]} {'say' if source in _MANY else 'says'} to be busy, {lasting(now, since)} ({last}).",
            "Collecting takes longer; phones are not concerned.",
            "Use fewer tools at the same time, or lower calls_per_minute and page_size in the settings",
            subject=source.value,
            evidence=evidence,
        )
        return
    stale = _is_stale(state, policy, now)
    findings.add(
        ClusterCode.SOURCE_FAILING,
        FindingSeverity.UNKNOWN if stale else FindingSeverity.WARNING,
        f"{_NAMES[source]} cannot be asked, {lasting(now, since)} ({last}): {fault.detail.rstrip('.')}.",
        # What it said lately is shown and counted: to say that nothing is known would contradict that.
        _WITHOUT[source]
        if stale
        else f"What it told then still counts, until it is {span(policy.stale_after)} old; then it is not known.",
        *([fault.advice] if fault.advice else []),
        doctor,
        subject=source.value,
        evidence=evidence,
    )


def _stale(source: Source, state: SourceState | None, now: int, findings: Findings) -> None:
    last = None if state is None else state.last_success
    said = "has never been asked with success" if last is None else f"last answered {ago(now, last)}"
    verb = said.replace("has", "have", 1) if source in _MANY else said
    findings.add(
        ClusterCode.SOURCE_STALE,
        FindingSeverity.UNKNOWN,
        f"{_NAMES[source]} {verb}.",
        _WITHOUT[source],
        f"ctlctl cluster refresh {findings.cluster}",
        f"ctlctl cluster doctor {findings.cluster}",
        subject=source.value,
        evidence={"last_success": last},
    )
