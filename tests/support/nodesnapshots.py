"""What a lab's nodes and phones would say of themselves: the world turned into those parts of a `Snapshot`."""

from hashlib import md5, sha1, sha256
from typing import Any

from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PhonePage,
    ReplicationFact,
    ServiceFact,
    ShownList,
    StoreCertificate,
    TvsAnswer,
)
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl_lab.model import SERVICE_TFTP, SERVICE_TVS, Node
from ctlctl_lab.model import Phone as LabPhone
from ctlctl_lab.nodestate import backups, ntp_state, own_certificates, replication, service_states, trust_certificates
from ctlctl_lab.world import World

AWAY = Fault("unreachable", "connection refused", "Check that the node is up")
BY_NODE = (Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.TVS)
_KINDS: tuple[ListKind, ...] = ("ctl", "itl")


def node_parts(world: World) -> dict[str, Any]:
    """Return the parts of a snapshot that nodes give, by the name of the field, after one round."""
    cluster, now = world.cluster, int(world.now())
    up = [node for node in cluster.nodes.values() if node.up]
    newest = next((one for one in backups(world) if one.succeeded), None)
    status = "SUCCESS" if newest is None or backups(world)[0].succeeded else "ERROR"
    return {
        "node_states": tuple(
            NodeState(source, node.name, now if node.up else None, None if node.up else AWAY, now)
            for source in BY_NODE
            for node in cluster.nodes.values()
        ),
        "services": tuple(
            ServiceFact(Source.CONTROL_CENTER, node.name, one.name, word, one.activated, None, now)
            for node in up
            for one in service_states(node)
            if (word := "Started" if one.started else "Stopped")
        ),
        "stores": tuple(one for node in up for one in _stores(world, node, now)),
        "replication": tuple(
            # Of a node that is off the others say that it has not begun.
            ReplicationFact(cluster.publisher.name, one.node.name, one.setup * one.reachable, one.words, 0, now)
            for one in replication(world)
        ),
        "ntp": tuple(NtpFact(node.name, ntp_state(world, node) == "synchronised", 3, 0.5, now) for node in up),
        "backups": (BackupFact(cluster.publisher.name, None if newest is None else newest.completed, status, now),),
        "shown_lists": tuple(
            one for node in up for kind in _KINDS if (one := _shown(world, node, kind, now)) is not None
        ),
        "tvs_answers": tuple(one for node in up if node.runs(SERVICE_TVS) for one in _answers(world, node, now)),
    }


def _stores(world: World, node: Node, now: int) -> list[StoreCertificate]:
    api = Source.CERTIFICATE_API
    found = [
        StoreCertificate(api, node.name, unit, "own", f"{unit}.pem", identity.der, now, now)
        for unit, identity in own_certificates(world.cluster, node).items()
    ]
    for store, identities in trust_certificates(world.cluster).items():
        found += [StoreCertificate(api, node.name, store, "trust", "", each.der, now, now) for each in identities]
    return found


def _shown(world: World, node: Node, kind: ListKind, now: int) -> ShownList | None:
    if not node.runs(SERVICE_TFTP):
        return None
    data = world.files.ctl if kind == "ctl" else world.files.itl(node)
    if data is None:
        return ShownList(node.name, kind, "", "", 0, None, now)
    sums = md5(data, usedforsecurity=False).hexdigest(), sha1(data, usedforsecurity=False).hexdigest()
    return ShownList(node.name, kind, *sums, length=len(data), verified=True, since=now)


def _answers(world: World, node: Node, now: int) -> list[TvsAnswer]:
    forgotten = {one.der for one in world.forgotten(node.name)}
    own = {one.der for each in world.cluster.nodes.values() for one in own_certificates(world.cluster, each).values()}
    return [TvsAnswer(node.name, sha256(der).hexdigest(), der not in forgotten, (), now) for der in sorted(own)]


def page_of(phone: LabPhone, now: int) -> PhonePage:
    """Return what a phone's pages would say."""
    held = ["" if one is None else one.md5 for one in (phone.ctl, phone.itl)]
    return PhonePage(now, None, *held)
