"""What is said about the sources themselves: failing, refused, stale. Silence is never taken for "ok"."""

from collections.abc import Iterable, Sequence
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
#: Faults whose findings are about one account, one identity or one source.
_TOLD_ALONE: Final = frozenset({"credentials", "tls", "throttled"})
_SOAP: Final = frozenset({Source.AXL, Source.RIS})
#: Accounts, by the sources that share them.
_ACCOUNTS: Final = {
    Source.AXL: "axl",
    Source.RIS: "axl",
    Source.CONTROL_CENTER: "axl",
    Source.CERTIFICATE_API: "platform",
    Source.PLATFORM_CLI: "platform",
}
#: Sources with one account.
_PLATFORM: Final = frozenset({Source.CERTIFICATE_API, Source.PLATFORM_CLI})
#: Sources whose name is a plural.
_MANY: Final = frozenset({Source.TRUST_LISTS, Source.TLS_PORTS, Source.PHONE_TLS, Source.PHONE_PAGES})


def report_sources(snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
    """Report sources that cannot be asked, or were not for long: one finding for one cause.

    Args:
        snapshot: what is known.
        policy: when something is stale.
        now: the instant.
        findings: where it goes.
    """
    sources = [one for one in Source if not _is_told_of_account(one, snapshot)]
    for source in sources:
        state = snapshot.sources.get(source)
        if state is None:
            if source in _ALWAYS and not _waits_for_axl(source, snapshot):
                _stale(source, None, now, findings)
        elif _is_stale(state, snapshot, policy, now):
            _stale(source, state, now, findings)
    failing = [one for source in sources if (one := _failing_whole(source, snapshot)) is not None]
    for group in _by_cause(failing, policy, now):
        _failing(group, snapshot, policy, now, findings)
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


def _failing_whole(source: Source, snapshot: Snapshot) -> tuple[SourceState, Fault] | None:
    """Return a source with its fault, where that is not told of its nodes, lists or ports one by one."""
    state = snapshot.sources.get(source)
    fault = None if state is None else state.fault
    if state is None or fault is None:
        return None
    if told_by_node(source, snapshot):
        told = is_of_nodes(fault, source, snapshot)
    else:
        told = _is_unsupported(state) or _is_told_elsewhere(source, snapshot)
    return None if told else (state, fault)


def _waits_for_axl(source: Source, snapshot: Snapshot) -> bool:
    """Tell whether a source is not asked because AXL, which has to name the phones first, cannot be."""
    axl = snapshot.sources.get(Source.AXL)
    return source is Source.RIS and axl is not None and axl.last_success is None and axl.fault is not None


def _by_cause(failing: Iterable[tuple[SourceState, Fault]], policy: Policy, now: int) -> Iterable[list[SourceState]]:
    """Return sources that fail, those together that fail of the same: a file of a password, a server that is off."""
    groups: dict[tuple[object, ...], list[SourceState]] = {}
    for state, fault in failing:
        # Before the first colon stands who was asked, with which account.
        what = fault.detail.partition(": ")[2]
        account = _ACCOUNTS.get(state.source)
        key: tuple[object, ...] = (state.source,)
        if what and account is not None and fault.kind not in _TOLD_ALONE:
            key = (account, fault.kind, what, state.last_success is None, _is_old(state.last_success, policy, now))
        groups.setdefault(key, []).append(state)
    return groups.values()


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


def _is_stale(state: SourceState, snapshot: Snapshot, policy: Policy, now: int) -> bool:
    """Tell whether it is to be said that a source was not asked for long: not beside why it cannot be."""
    fault = state.fault
    if told_by_node(state.source, snapshot) or _is_unsupported(state):
        return False
    if fault is not None and _is_told_elsewhere(state.source, snapshot):
        # What was asked lately, and is told part by part, is not told of the whole again.
        return _is_old(state.last_attempt, policy, now)
    # That a source is busy is no word about how old its facts are.
    return (fault is None or fault.kind == "throttled") and _is_old(state.last_success, policy, now)


def _is_old(at: int | None, policy: Policy, now: int) -> bool:
    # A success far ahead of the clock has no age that is known: the clock was set back.
    return at is None or abs(now - at) > policy.stale_after


def _failing(group: Sequence[SourceState], snapshot: Snapshot, policy: Policy, now: int, findings: Findings) -> None:
    state = group[0]
    source, fault = state.source, state.fault
    if fault is None:
        return
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
    stale = _is_old(state.last_success, policy, now)
    sources = [one.source for one in group]
    # What was to be asked next is not known for the same reason.
    unasked = [Source.RIS] if source is Source.AXL and _unasked(snapshot) else []
    without = [_WITHOUT[one] for one in (*sources, *unasked)]
    names = " and ".join(_NAMES[one] for one in sources).replace("and The", "and the")
    words: list[Json] = [one.value for one in (*sources, *unasked)]
    findings.add(
        ClusterCode.SOURCE_FAILING,
        FindingSeverity.UNKNOWN if stale else FindingSeverity.WARNING,
        f"{names} cannot be asked, {lasting(now, since)} ({last}): {fault.detail.rstrip('.')}.",
        # What it said lately is shown and counted: to say that nothing is known would contradict that.
        " ".join(without)
        if stale
        else f"What it told then still counts, until it is {span(policy.stale_after)} old; then it is not known.",
        *([fault.advice] if fault.advice else []),
        doctor,
        subject=source.value,
        evidence=evidence | {"sources": words},
    )


def _unasked(snapshot: Snapshot) -> bool:
    return Source.RIS not in snapshot.sources and _waits_for_axl(Source.RIS, snapshot)


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
