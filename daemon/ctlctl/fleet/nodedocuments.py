"""What nodes say of themselves, and what phones say on their pages, as JSON; rules as in `ctlctl.fleet.documents`."""

from dataclasses import asdict
from typing import Final

from ctlctl.assess.model import Json
from ctlctl.inventory.nodevalues import NodeState, PhonePage, ServiceFact
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

#: Of two sources that tell of a service, the one that tells more of it comes first.
_SERVICE_SOURCES: Final = (Source.CONTROL_CENTER, Source.PLATFORM_CLI)
_STARTED: Final = "Started"
#: Replication setup: 2 is good, everything else is not (Cisco: Troubleshooting CUCM Database Replication).
_GOOD: Final = 2


def node_documents(said: Snapshot) -> list[Json]:
    """Return one document for each node that AXL or any other source knows, by name."""
    names = {node.name.lower(): node.name for node in said.nodes}
    for state in said.node_states:
        names.setdefault(state.node.lower(), state.node)
    return [_node(said, name) for _, name in sorted(names.items())]


def _node(said: Snapshot, name: str) -> dict[str, Json]:
    def mine(node: str) -> bool:
        return node.lower() == name.lower()

    fact = next((node for node in said.nodes if mine(node.name)), None)
    services = [one for one in best_services(said) if mine(one.node)]
    ntp = next((one for one in said.ntp if mine(one.node)), None)
    backup = next((one for one in said.backups if mine(one.node)), None)
    answers = [one for one in said.tvs_answers if mine(one.node)]
    states = [one for one in said.node_states if mine(one.node)]
    views = {one.asked: one for one in said.replication if mine(one.node)}
    # Every node tells of all of them; what it tells of itself counts, and a worse word of another counts more.
    worst = max(views.values(), key=lambda one: (one.state != _GOOD, bool(one.differs), mine(one.asked)), default=None)
    return {
        "name": name,
        "usage": None if fact is None else fact.usage,
        "role": None if fact is None else fact.role,
        "services": [] if fact is None else [*sorted(fact.services)],
        "services_down": [one.name for one in services if one.activated is not False and one.status != _STARTED],
        "services_known": len(services),
        "replication": None if worst is None else worst.state,
        "replication_status": None if worst is None else worst.status,
        "replication_differs": None if worst is None else worst.differs,
        "clock_synchronised": None if ntp is None else ntp.synchronised,
        "clock_stratum": None if ntp is None else ntp.stratum,
        "clock_offset_ms": None if ntp is None else ntp.offset_ms,
        "backup_at": None if backup is None else backup.succeeded_at,
        "backup_status": None if backup is None else backup.last_status,
        "tvs_asked": len(answers),
        "tvs_unknown": sum(not one.known for one in answers),
        "shown_lists": [
            {
                "kind": one.kind,
                "md5": one.md5,
                "sha1": one.sha1,
                "length": one.length,
                "verified": one.verified,
                "since": one.since,
            }
            for one in said.shown_lists
            if mine(one.node)
        ],
        "sources": {one.source.value: _state(one) for one in states},
    }


def _state(state: NodeState) -> dict[str, Json]:
    fault = state.fault
    return {
        "at": state.at,
        "since": state.since,
        "fault": None if fault is None else {"kind": fault.kind, "detail": fault.detail, "advice": fault.advice},
    }


def best_services(said: Snapshot) -> list[ServiceFact]:
    """Return each service of each node once, by the source that tells most of it."""
    found: dict[tuple[str, str], ServiceFact] = {}
    for source in _SERVICE_SOURCES:
        for one in said.services:
            if one.source is source:
                found.setdefault((one.node.lower(), one.name.lower()), one)
    return [found[key] for key in sorted(found)]


def service_documents(said: Snapshot) -> list[Json]:
    """Return one document for each service of each node."""
    return [
        {
            "node": one.node,
            "name": one.name,
            "status": one.status,
            "activated": one.activated,
            "started_at": one.started_at,
            "since": one.since,
            "source": one.source.value,
        }
        for one in best_services(said)
    ]


def stale_lsc_documents(said: Snapshot) -> list[Json]:
    """Return one document for each LSC that was issued and never installed."""
    return [{"node": one.node, "line": one.line, "since": one.since} for one in said.stale_lscs]


def page_document(page: PhonePage) -> dict[str, Json]:
    """Return what a phone's pages say."""
    found: dict[str, Json] = asdict(page)
    return found
