"""What one round brings from the sources that every node answers by itself: values without history, before the store.

Words and instants as in `ctlctl.inventory.nodevalues`, whose classes are these with a time to them.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ctlctl.inventory.nodevalues import CertificatePlace
from ctlctl.inventory.words import Fault, ListKind


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """A service; see `ServiceFact`."""

    name: str
    status: str
    activated: bool | None
    started_at: int | None = None


@dataclass(frozen=True, slots=True)
class StoreReading:
    """A certificate in a store; see `StoreCertificate`."""

    store: str
    place: CertificatePlace
    file: str
    der: bytes


@dataclass(frozen=True, slots=True)
class ReplicationReading:
    """A row of the replication state; see `ReplicationFact`."""

    node: str
    state: int | None
    status: str
    mismatches: int | None
    differs: str = ""


@dataclass(frozen=True, slots=True)
class NtpReading:
    """The clock; see `NtpFact`."""

    synchronised: bool | None
    stratum: int | None
    offset_ms: float | None


@dataclass(frozen=True, slots=True)
class BackupReading:
    """The backups; see `BackupFact`."""

    succeeded_at: int | None
    last_status: str


@dataclass(frozen=True, slots=True)
class ShownListReading:
    """What `show ctl` or `show itl` says; see `ShownList`."""

    kind: ListKind
    md5: str
    sha1: str
    length: int
    verified: bool | None


@dataclass(frozen=True, slots=True)
class PlatformReading:
    """What the platform CLI of one node says. None for what was not read: `faults` then tells why, or nobody asked.

    Attributes:
        services: by `utils service list`.
        certificates: by `show cert`.
        lists: by `show ctl` and `show itl`; those that could be read.
        replication: by `utils dbreplication runtimestate`.
        ntp: by `utils ntp status`.
        backup: by `utils disaster_recovery history backup`; publisher only.
        stale_lscs: lines of `utils capf stale-lsc list`; publisher only.
        faults: command -> why it brought nothing.
    """

    services: tuple[ServiceReading, ...] | None
    certificates: tuple[StoreReading, ...] | None
    lists: tuple[ShownListReading, ...]
    replication: tuple[ReplicationReading, ...] | None
    ntp: NtpReading | None
    backup: BackupReading | None
    stale_lscs: tuple[str, ...] | None
    faults: tuple[tuple[str, Fault], ...] = ()


@dataclass(frozen=True, slots=True)
class TvsReading:
    """What TVS says about one certificate; see `TvsAnswer`."""

    sha256: str
    known: bool
    roles: tuple[int, ...]


#: Node, and what it said or why it said nothing.
ServiceRow: TypeAlias = tuple[str, tuple[ServiceReading, ...] | Fault]
StoreRow: TypeAlias = tuple[str, tuple[StoreReading, ...] | Fault]
PlatformRow: TypeAlias = tuple[str, PlatformReading | Fault]
TvsRow: TypeAlias = tuple[str, tuple[TvsReading, ...] | Fault]
