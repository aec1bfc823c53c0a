"""What was seen of a cluster, as plain values: what collectors write, the store keeps and `assess` judges.

Instants are whole seconds since 1970-01-01 UTC. None always means: not known. Words of CUCM are kept as it spells them
(`ctlctl.connectors.axl_enums`, `ris_ports`), known to this version or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PhonePage,
    PoolFact,
    ProfileFact,
    ReplicationFact,
    ServiceFact,
    ShownList,
    StaleLsc,
    StoreCertificate,
    TvsAnswer,
)
from ctlctl.inventory.refused import RefusedAccount
from ctlctl.inventory.words import Fault, ListKind, Source


@dataclass(frozen=True, slots=True)
class SourceState:
    """How it stands with one source of one cluster.

    Attributes:
        source: which.
        last_success: when all that was asked was answered.
        last_attempt: when it was last asked.
        fault: of the last attempt; None where it succeeded.
        failing_since: first attempt of those that failed without a success between; None where the last succeeded.
    """

    source: Source
    last_success: int | None = None
    last_attempt: int | None = None
    fault: Fault | None = None
    failing_since: int | None = None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of the cluster as a whole.

    Attributes:
        version: of CUCM, such as "14.0.1.13900-155".
        schema: version of AXL that is spoken.
        security_mode: 0 non-secure, 1 mixed; None for a value that is not known.
        lsc_columns: whether the database has the columns about LSCs; without them AXL knows no LSC at all.
        throttled: answers "busy" of AXL and RIS during the last complete round.
    """

    version: str
    schema: str
    security_mode: int | None
    lsc_columns: bool
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class SecurityModeChange:
    """The cluster changed its security mode at or before this instant."""

    at: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class NodeFact:
    """A node, as listProcessNode and listProcessNodeService give it.

    Attributes:
        name: its name.
        usage: "Publisher" or "Subscriber".
        role: "CUCM Voice/Video" or "CUCM IM and Presence".
        services: activated services.
    """

    name: str
    usage: str | None
    role: str | None
    services: frozenset[str]


@dataclass(frozen=True, slots=True)
class PhoneConfig:
    """A phone as AXL knows it; fields as in `ctlctl.connectors.axl_values.Phone`."""

    pkid: str
    name: str
    description: str
    model: str
    protocol: str
    device_pool: str | None
    security_profile: str | None
    security_mode: str | None
    authentication_mode: str | None
    capf_operation: str | None
    capf_status: str | None
    capf_finish_time: str
    lsc_valid_until: int | None
    lsc_issuer: str | None
    lsc_issuer_valid_until: int | None


@dataclass(frozen=True, slots=True)
class Registration:
    """A phone as RIS knows it.

    Attributes:
        status: RIS Status, such as "Registered"; "Unknown" where no node knows the phone.
        reason: RIS StatusReason.
        changed_at: last change of the status, by the node's clock: of a registered phone, since when it is.
        node: node that says so.
        address: IPv4 or IPv6 address.
        httpd: whether its web server is on.
        load: firmware that runs.
    """

    status: str
    reason: int | None
    changed_at: int | None
    node: str
    address: str | None
    httpd: bool | None
    load: str


@dataclass(frozen=True, slots=True)
class PhoneProbe:
    """What a phone's web server presented, or why nothing was seen.

    Attributes:
        at: when.
        fault: value of `ConnectorFault`; None where a certificate was seen.
        sha256: of the certificate, lower-case hexadecimal.
        subject_cn: CN of its subject.
        issuer_cn: CN of its issuer.
        issuer_sha256: certificate of the cluster's trust stores whose key verifies the signature; None for none.
        serial: upper-case hexadecimal.
        not_before: start of validity.
        not_after: end of validity.
        tls_version: such as "TLSv1.2".
    """

    at: int
    fault: str | None = None
    sha256: str | None = None
    subject_cn: str | None = None
    issuer_cn: str | None = None
    issuer_sha256: str | None = None
    serial: str | None = None
    not_before: int | None = None
    not_after: int | None = None
    tls_version: str | None = None


@dataclass(frozen=True, slots=True)
class Phone:
    """Everything known of a phone.

    Attributes:
        config: by AXL, at the last success of that source.
        first_seen: when AXL first gave it.
        changed_at: when AXL last gave something new about it.
        capf_since: since when CAPF operation and status are what they are.
        registration: by RIS, at the last success of that source; None while RIS was never asked for it.
        probe: the last look at its web server that showed a certificate, or else the last look.
        last_probe_fault: why the newest look failed, where `probe` is an older success.
        last_probe_at: when its web server was last looked at, whatever came of it.
        page: the last reading of its pages that showed something, or else the last attempt.
    """

    config: PhoneConfig
    first_seen: int
    changed_at: int
    capf_since: int
    registration: Registration | None = None
    probe: PhoneProbe | None = None
    last_probe_fault: str | None = None
    last_probe_at: int | None = None
    page: PhonePage | None = None


@dataclass(frozen=True, slots=True)
class ListVersion:
    """One version of a trust list as one node served it.

    Attributes:
        data: the whole file; empty for an empty file.
        sha256: of the data, lower-case hexadecimal.
        first_seen: when this node first served it.
        last_seen: when this node last served it.
    """

    data: bytes
    sha256: str
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class ServedList:
    """What one TFTP node serves under one name.

    Attributes:
        node: its name.
        kind: which list.
        current: what it serves now; None where it serves none.
        absent_since: since when it serves none, or None.
        previous: the version before, if it ever was another.
        fault: why the last attempt to fetch it failed; `current` is then as it was last seen.
        earlier: what it served before `previous`, newest first, a few of them; the current one may be among them.
    """

    node: str
    kind: ListKind
    current: ListVersion | None
    absent_since: int | None = None
    previous: ListVersion | None = None
    fault: Fault | None = None
    earlier: tuple[ListVersion, ...] = ()


@dataclass(frozen=True, slots=True)
class PastVersion:
    """One version of a trust list that a node serves or served, by its checksums alone.

    Attributes:
        node: its name; one that is no longer asked too.
        kind: which list.
        sha256: of the file, lower-case hexadecimal.
        sums: what a phone may print for it: MD5, SHA-1, SHA-256, SHA-512, lower-case hexadecimal.
        first_seen: when this node first served it.
        last_seen: when this node is known to have served it last; of what it serves now, at least then.
    """

    node: str
    kind: ListKind
    sha256: str
    sums: tuple[str, ...]
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """A certificate somewhere in the cluster.

    Attributes:
        source: AXL (the cluster's database) or TLS_PORTS (presented on a port).
        node: node it belongs to, or that presents it.
        place: store in the database ("CallManager", "CallManager-trust", …), or name of the port as settings have
            it ("tomcat", "sip", "tvs", …).
        der: the certificate.
        first_seen: when it was first seen there.
        last_seen: when it was last seen there.
    """

    source: Source
    node: str
    place: str
    der: bytes
    first_seen: int
    last_seen: int


@dataclass(frozen=True, slots=True)
class PortState:
    """A TLS port that was asked.

    Attributes:
        node: the node.
        port: name as in settings.
        fault: why nothing was seen at the last attempt; None where a certificate was.
        since: since when that is so.
    """

    node: str
    port: str
    fault: Fault | None
    since: int


@dataclass(frozen=True, slots=True)
class CapfProfileFact:
    """A CAPF profile of an application or end user.

    Attributes:
        kind: "application-user" or "end-user".
        pkid: its key.
        user: whose.
        instance_id: its instance ID.
        operation: as CAPF is told.
        status: as CAPF says.
        finish_time: "Operation Completes By" as the cluster has it, "" for none.
        since: since when operation and status are what they are.
    """

    kind: str
    pkid: str
    user: str
    instance_id: str
    operation: str | None
    status: str | None
    finish_time: str
    since: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known of one cluster at one moment.

    Attributes:
        cluster: its name in the settings.
        facts: the cluster as a whole; None while AXL never answered.
        mode_changes: newest last.
        sources: every source that was ever asked.
        nodes: by listProcessNode.
        phones: those that AXL gave last; retired ones are left out.
        retired: phones that AXL gave once and no more.
        lists: one for each TFTP node and kind.
        certificates: those that are there now, by AXL and by ports.
        ports: every TLS port that was asked.
        profiles: CAPF profiles of users.
        node_states: how it stands with every node and source that was asked node by node.
        services: services of every node, by every source that tells.
        stores: certificates that nodes list themselves.
        replication: database replication, as every node that was asked sees it.
        ntp: clocks.
        backups: the last backup, as the publisher tells.
        shown_lists: what `show ctl` and `show itl` say.
        stale_lscs: LSCs that were issued and never installed.
        tvs_answers: what every TVS says about certificates in use.
        pools: device pools.
        security_profiles: phone security profiles.
        enrolments: certificates of users that ctld keeps fresh, as their directories were looked at last.
        past_versions: every version of every list that is kept, those of now too, in the order in which each node
            served them; empty files are left out.
        refused: accounts that the cluster has refused and that have not changed since.
    """

    cluster: str
    facts: ClusterFacts | None
    mode_changes: tuple[SecurityModeChange, ...]
    sources: Mapping[Source, SourceState]
    nodes: tuple[NodeFact, ...]
    phones: tuple[Phone, ...]
    retired: int
    lists: tuple[ServedList, ...]
    certificates: tuple[SeenCertificate, ...]
    ports: tuple[PortState, ...]
    profiles: tuple[CapfProfileFact, ...]
    node_states: tuple[NodeState, ...] = ()
    services: tuple[ServiceFact, ...] = ()
    stores: tuple[StoreCertificate, ...] = ()
    replication: tuple[ReplicationFact, ...] = ()
    ntp: tuple[NtpFact, ...] = ()
    backups: tuple[BackupFact, ...] = ()
    shown_lists: tuple[ShownList, ...] = ()
    stale_lscs: tuple[StaleLsc, ...] = ()
    tvs_answers: tuple[TvsAnswer, ...] = ()
    pools: tuple[PoolFact, ...] = ()
    security_profiles: tuple[ProfileFact, ...] = ()
    enrolments: tuple[EnrolmentFact, ...] = ()
    past_versions: tuple[PastVersion, ...] = ()
    refused: tuple[RefusedAccount, ...] = ()
