"""Nodes that AXL, settings and consoles spell differently are the same nodes, and nothing about them is lost."""

from dataclasses import replace

import pytest

from ctlctl.inventory.nodenames import NodeNames
from ctlctl.inventory.nodevalues import NodeState
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Fault, Source
from support.smallsnapshot import judged, service, whole

DOMAIN = ".example.com"
AWAY = Fault("unreachable", "connection refused", "")


def in_full(snapshot: Snapshot) -> Snapshot:
    """Let AXL give the nodes' names in full, where settings and consoles have the short ones."""
    nodes = tuple(replace(one, name=one.name + DOMAIN) for one in snapshot.nodes)
    rows = tuple(
        replace(one, node=one.node + DOMAIN) if one.source is Source.AXL else one for one in snapshot.certificates
    )
    return replace(snapshot, nodes=nodes, certificates=rows)


def off(node: str) -> Snapshot:
    """Return a cluster of which one node is off, which the others see in their replication."""
    well = whole()

    def fails(state: NodeState) -> NodeState:
        return replace(state, fault=AWAY) if state.node == node else state

    return replace(
        well,
        ports=tuple(replace(one, fault=AWAY) if one.node == node else one for one in well.ports),
        node_states=tuple(fails(one) for one in well.node_states),
        replication=tuple(replace(one, state=0) if one.node == node else one for one in well.replication),
    )


@pytest.mark.parametrize(
    "snapshot",
    [
        whole(),
        whole(services=(service("sub1", "Cisco CallManager", "Stopped", activated=None),)),
        whole(services=(service("pub", "Cisco DRF Master", "Stopped", activated=None),)),
        whole(backups=()),
        off("sub2"),
    ],
    ids=["healthy", "stopped", "publisher-only", "no-backup", "off"],
)
def test_the_same_is_found_whichever_way_a_node_is_spelled(snapshot: Snapshot) -> None:
    told = {
        (one.code.value, one.severity, one.subject.replace(DOMAIN, "")) for one in judged(in_full(snapshot)).findings
    }
    spelled = {one for one in told if one[0] in {"node-not-in-settings", "node-unknown-to-cluster"}}
    # That the settings have other names is said, and nothing else changes.
    assert len(spelled) == 2
    assert told - spelled == {(one.code.value, one.severity, one.subject) for one in judged(snapshot).findings}


@pytest.mark.parametrize(
    ("known", "said", "key"),
    [
        ("sub1", "SUB1", "sub1"),
        ("sub1", "sub1.example.com.", "sub1"),
        ("Sub1.Example.com", "sub1", "sub1.example.com"),
        ("sub1", "sub2", "sub2"),
        ("10.1.1.11", "10.1.1.12", "10.1.1.12"),
        ("sub1.a.com sub1.b.com", "sub1", "sub1"),
        ("sub1.a.com sub1.b.com", "sub1.b.com", "sub1.b.com"),
    ],
)
def test_what_stands_for_a_node(known: str, said: str, key: str) -> None:
    assert NodeNames(known.split()).key(said) == key
