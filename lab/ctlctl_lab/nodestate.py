"""What a node can tell about itself: services, certificates, replication, time, backups.

Every interface that tells of these reads them here, so that platform CLI, Control Center and certificate API agree. Use
it under `Cluster.lock`. Everything is worked out from the cluster's records and the fault switches.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import TYPE_CHECKING, Final

from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    IPSEC,
    ITL_RECOVERY,
    NETWORK_SERVICES,
    SERVICE_DRF_MASTER,
    TOMCAT,
    TVS,
    Cluster,
    Identity,
    Node,
)
from ctlctl_lab.names import FEATURE_SERVICES

if TYPE_CHECKING:
    from ctlctl_lab.world import World

#: Setup state of database replication that is good, and what the console prints behind each (2 by several samples;
#: the words of the others are the lab's).
GOOD_REPLICATION: Final = 2
REPLICATION_WORDS: Final[Mapping[int, str]] = {
    0: "Initializing State",
    1: "Replicate count is incorrect",
    2: "Setup Completed",
    3: "Mismatched tables",
    4: "Setup Failed/Dropped",
}
UNSYNCHRONISED, STOPPED = "unsynchronised", "stopped"
#: The time server that the lab's nodes say they follow: an address for documentation.
TIME_SERVER: Final = "192.0.2.123"
_DAY: Final = 86_400
#: Backups run at 02:10 UTC and take three minutes; so many are kept in the history.
_BACKUP_SECOND: Final = 2 * 3600 + 10 * 60
_BACKUP_TAKES: Final = 180
_BACKUPS_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service of a node.

    Attributes:
        name: as XService has it.
        feature: whether an administrator can activate and deactivate it.
        activated: whether it is activated.
        started: whether it runs.
        since: instant at which it started, seconds since 1970; None while it does not run.
    """

    name: str
    feature: bool
    activated: bool
    started: bool
    since: float | None


def service_states(node: Node) -> tuple[ServiceState, ...]:
    """Return every service that a node has, feature services first."""
    names = dict.fromkeys([*FEATURE_SERVICES, *sorted(node.services), *NETWORK_SERVICES])
    if node.publisher:
        names[SERVICE_DRF_MASTER] = None
    return tuple(_state(node, name) for name in names)


def _state(node: Node, name: str) -> ServiceState:
    feature = name not in NETWORK_SERVICES and name != SERVICE_DRF_MASTER
    runs = node.runs(name)
    since = node.started.get(name, node.booted) if runs else None
    return ServiceState(name, feature, node.activated(name), runs, since)


def own_certificates(cluster: Cluster, node: Node) -> dict[str, Identity]:
    """Return the certificates installed on a node by unit, in the order of ``show cert list own``."""
    found = {**node.identities, ITL_RECOVERY: cluster.itl_recovery}
    order = (TOMCAT, IPSEC, ITL_RECOVERY, CALLMANAGER, CAPF, TVS)
    return {unit: found[unit] for unit in order if unit in found}


def trust_certificates(cluster: Cluster) -> dict[str, tuple[Identity, ...]]:
    """Return the certificates in each trust store, such as "CallManager-trust"; all nodes have the same."""
    return {store: tuple(identities) for store, identities in cluster.trust.items() if identities}


@dataclass(frozen=True, slots=True)
class ReplicationRow:
    """A node in the table of database replication.

    Attributes:
        node: the node.
        reachable: whether the node that is asked reaches it.
        setup: state number; 2 is good.
        words: what stands behind the number.
        group: number of its replication group.
    """

    node: Node
    reachable: bool
    setup: int
    words: str
    group: int


def replication(world: "World") -> tuple[ReplicationRow, ...]:
    """Return the state of database replication, node by node."""
    found = []
    for index, node in enumerate(world.cluster.nodes.values()):
        setup = world.faults.replication.get(node.name, GOOD_REPLICATION)
        found.append(ReplicationRow(node, node.up, setup, REPLICATION_WORDS[setup], index + 2))
    return tuple(found)


def ntp_state(world: "World", node: Node) -> str:
    """Return "synchronised", "unsynchronised" or "stopped"."""
    return world.faults.ntp.get(node.name, "synchronised")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in the history of the disaster recovery system.

    Attributes:
        begun: instant, seconds since 1970.
        completed: instant likewise.
        succeeded: whether it did.
        kind: "SCHEDULED" or "MANUAL".
    """

    begun: int
    completed: int
    succeeded: bool
    kind: str = "SCHEDULED"


def backups(world: "World") -> tuple[Backup, ...]:
    """Return the history of backups, newest first: one of each night, or what the switch ``backup-age`` says."""
    now, age = int(world.now()), world.faults.backup_age
    if age is None:
        # The newest that had the time to end.
        last = (now - _BACKUP_SECOND - _BACKUP_TAKES) // _DAY * _DAY + _BACKUP_SECOND
        failed: tuple[Backup, ...] = ()
    elif isinf(age):
        return ()
    else:
        last = int(now - age * 3600) - _BACKUP_TAKES
        # Since then each night's has failed, which is how a backup becomes old.
        night = (now - _BACKUP_SECOND - _BACKUP_TAKES) // _DAY * _DAY + _BACKUP_SECOND
        nights = [night - number * _DAY for number in range(_BACKUPS_KEPT - 1)]
        failed = tuple(Backup(each, each + 20, succeeded=False) for each in nights if each > last + _BACKUP_TAKES)
    good = (last - number * _DAY for number in range(_BACKUPS_KEPT - len(failed)))
    return (*failed, *(Backup(each, each + _BACKUP_TAKES, succeeded=True) for each in good))


__all__ = [
    "GOOD_REPLICATION",
    "REPLICATION_WORDS",
    "STOPPED",
    "TIME_SERVER",
    "UNSYNCHRONISED",
    "Backup",
    "ReplicationRow",
    "ServiceState",
    "backups",
    "ntp_state",
    "own_certificates",
    "replication",
    "service_states",
    "trust_certificates",
]
