"""What a node says of itself, as plain values: services, stores, replication, clock, backups, TVS; and phones' pages.

Rules as in `ctlctl.inventory.values`: instants are whole seconds since 1970-01-01 UTC, None means not known, words of
CUCM are kept as it spells them.
"""

from dataclasses import dataclass
from typing import Literal

from ctlctl.inventory.words import Fault, ListKind, Source


@dataclass(frozen=True, slots=True)
class NodeState:
    """How it stands with one node and one of the sources that ask every node by itself.

    Attributes:
        source: CONTROL_CENTER, CERTIFICATE_API, PLATFORM_CLI or TVS.
        node: its name.
        at: when it last answered; None for never.
        fault: why the last attempt failed; None where it succeeded.
        since: since when that is so.
    """

    source: Source
    node: str
    at: int | None
    fault: Fault | None
    since: int


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A service of a node.

    Attributes:
        source: CONTROL_CENTER or PLATFORM_CLI.
        node: the node.
        name: as CUCM spells it, such as "Cisco CallManager".
        status: "Started", "Stopped", "Starting", "Stopping" or whatever else was said.
        activated: whether it should run; None where the source does not tell.
        started_at: when it was last started, as far as that is told.
        since: since when status and activation are what they are.
    """

    source: Source
    node: str
    name: str
    status: str
    activated: bool | None
    started_at: int | None
    since: int


@dataclass(frozen=True, slots=True)
class ReplicationFact:
    """Database replication as `utils dbreplication runtimestate` on one node shows one node.

    Attributes:
        asked: node that was asked.
        node: node of the row.
        state: replication setup number; 2 is good, None was not told.
        status: the words that stand with it, such as "Setup Completed".
        mismatches: tables that differ, as the last status report says; None where it does not tell.
        since: since when that is so.
        differs: what CUCM says against its tables being the same as elsewhere, in its words; "" for nothing. What the
            last check of all tables found stands with the node that tells it.
    """

    asked: str
    node: str
    state: int | None
    status: str
    mismatches: int | None
    since: int
    differs: str = ""


@dataclass(frozen=True, slots=True)
class NtpFact:
    """The clock of a node, as `utils ntp status` shows it.

    Attributes:
        node: the node.
        synchronised: whether it is; None where that is not told.
        stratum: of its clock.
        offset_ms: milliseconds by which the chosen server differs; None where none is chosen.
        since: since when `synchronised` is what it is.
    """

    node: str
    synchronised: bool | None
    stratum: int | None
    offset_ms: float | None
    since: int


@dataclass(frozen=True, slots=True)
class BackupFact:
    """The last backup (Disaster Recovery System) as the publisher tells.

    Attributes:
        node: node that was asked.
        succeeded_at: when the newest backup that succeeded was taken; None where there is none.
        last_status: of the newest backup, such as "SUCCESS"; "" where there is none.
        since: since when that is so.
    """

    node: str
    succeeded_at: int | None
    last_status: str
    since: int


@dataclass(frozen=True, slots=True)
class ShownList:
    """What `show ctl` or `show itl` says on one node.

    Attributes:
        node: the node.
        kind: which list.
        md5: of the file, lower-case hexadecimal; "" where there is no file.
        sha1: of the file, or "".
        length: bytes; 0 where there is no file.
        verified: whether CUCM says that it verifies; None where it does not say.
        since: since when that is so.
    """

    node: str
    kind: ListKind
    md5: str
    sha1: str
    length: int
    verified: bool | None
    since: int


@dataclass(frozen=True, slots=True)
class StaleLsc:
    """An LSC that CAPF issued and the phone never installed, by `utils capf stale-lsc list`.

    Attributes:
        node: node that was asked.
        line: what it says of it, in CUCM's words: their form is not public.
        since: since when it is there.
    """

    node: str
    line: str
    since: int


@dataclass(frozen=True, slots=True)
class TvsAnswer:
    """What TVS of one node says about one certificate.

    Attributes:
        node: node whose TVS was asked.
        sha256: of the certificate, lower-case hexadecimal.
        known: whether it vouches for it.
        roles: role codes it gives it, ascending.
        since: since when that is so.
    """

    node: str
    sha256: str
    known: bool
    roles: tuple[int, ...]
    since: int


@dataclass(frozen=True, slots=True)
class PhonePage:
    """What a phone's own pages say, or why nothing was seen.

    Attributes:
        at: when.
        fault: value of `ConnectorFault`; None where pages were read.
        ctl_hash: hash of the CTL it has, lower-case hexadecimal; "" where it says that it has none, None unknown.
        itl_hash: hash of the ITL it has, likewise.
        security_mode: in the phone's words; None where it does not tell.
        serial: serial number of the phone.
        load: firmware that runs.
    """

    at: int
    fault: str | None = None
    ctl_hash: str | None = None
    itl_hash: str | None = None
    security_mode: str | None = None
    serial: str | None = None
    load: str | None = None


CertificatePlace = Literal["own", "trust"]


@dataclass(frozen=True, slots=True)
class StoreCertificate:
    """A certificate in a store of a node, as that node itself lists it.

    Attributes:
        source: CERTIFICATE_API or PLATFORM_CLI.
        node: the node.
        store: unit, such as "CallManager", "tomcat-ECDSA"; trust stores end in "-trust".
        place: own certificate of the unit, or one that it trusts.
        file: name of the file, such as "CallManager.pem"; "" where it is not told.
        der: the certificate; b"" where only a line about it was readable.
        first_seen: when it was first seen there.
        last_seen: when it was last seen there.
    """

    source: Source
    node: str
    store: str
    place: CertificatePlace
    file: str
    der: bytes
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class PoolFact:
    """A device pool, as AXL gives it.

    Attributes:
        name: its name.
        group: its CallManager group; None where it has none.
    """

    name: str
    group: str | None


@dataclass(frozen=True, slots=True)
class ProfileFact:
    """What a phone security profile has CAPF order, as AXL gives it.

    Attributes:
        name: its name.
        key_size: bits of an RSA key, as AXL writes them.
        key_order: which kind of key.
        ec_key_size: bits of an elliptic curve key.
    """

    name: str
    key_size: str | None
    key_order: str | None
    ec_key_size: str | None
