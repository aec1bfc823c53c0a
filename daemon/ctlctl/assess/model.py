"""What an assessment is made of: findings, each phone's credential, and the numbers that metrics show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from ctlctl.inventory.words import ListKind, Source

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class FindingSeverity(StrEnum):
    """How bad it is for phones, worst first. UNKNOWN says that nobody can tell: it is never folded into "ok"."""

    CRITICAL = "critical"
    WARNING = "warning"
    UNKNOWN = "unknown"
    INFO = "info"


class ClusterCode(StrEnum):
    """Reason codes of what can be wrong with a cluster; they never change their meaning and are never renamed."""

    # Sources.
    SOURCE_FAILING = "source-failing"
    SOURCE_STALE = "source-stale"
    IDENTITY_CHANGED = "identity-changed"
    CREDENTIALS_REFUSED = "credentials-refused"
    CLUSTER_BUSY = "cluster-busy"
    # The cluster.
    SECURITY_MODE_CHANGED = "security-mode-changed"
    SECURITY_MODE_UNKNOWN = "security-mode-unknown"
    PROFILES_WITHOUT_MIXED_MODE = "profiles-without-mixed-mode"
    NODE_NOT_IN_SETTINGS = "node-not-in-settings"
    NODE_UNKNOWN_TO_CLUSTER = "node-unknown-to-cluster"
    PORT_SILENT = "port-silent"
    # What nodes say of themselves.
    SERVICE_NOT_RUNNING = "service-not-running"
    REPLICATION_BROKEN = "replication-broken"
    CLOCK_UNSYNCHRONISED = "clock-unsynchronised"
    BACKUP_OLD = "backup-old"
    BACKUP_FAILED = "backup-failed"
    # Trust lists.
    LIST_INVALID = "list-invalid"
    LIST_MISSING = "list-missing"
    LIST_UNREADABLE = "list-unreadable"
    STALE_CTL = "stale-ctl"
    STALE_ITL = "stale-itl"
    LISTS_DIFFER = "lists-differ"
    LIST_CONTINUITY_BROKEN = "list-continuity-broken"
    LIST_SURPLUS = "list-surplus"
    LIST_NEAR_SIZE_LIMIT = "list-near-size-limit"
    LIST_NOT_COMPARED = "list-not-compared"
    CTL_LEFT_OVER = "ctl-left-over"
    CTL_TOKEN_SIGNED = "ctl-token-signed"  # noqa: S105 - a code, no password
    LIST_NOT_TAKEN = "list-not-taken"
    SHOWN_LIST_DIFFERS = "shown-list-differs"
    LIST_FAILS_ON_NODE = "list-fails-on-node"
    PHONE_LIST_OLD = "phone-list-old"
    TVS_UNAWARE = "tvs-unaware"
    # Phones.
    PHONES_ON_MIC = "phones-on-mic"
    PHONES_MIC_SUSPECTED = "phones-mic-suspected"
    PHONES_CREDENTIAL_UNKNOWN = "phones-credential-unknown"
    LSC_EXPIRED = "lsc-expired"
    LSC_EXPIRING = "lsc-expiring"
    LSC_CLIFF = "lsc-cliff"
    CREDENTIAL_CONTRADICTION = "credential-contradiction"
    PHONES_UNREGISTERED = "phones-unregistered"
    # Certificates.
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_EXPIRING = "certificate-expiring"
    SERVED_DIFFERS = "served-differs"
    RENEWED_NOT_RESTARTED = "renewed-not-restarted"
    CERTIFICATE_SOURCES_DISAGREE = "certificate-sources-disagree"
    CERTIFICATE_WEAK = "certificate-weak"
    SAN_INCOMPLETE = "san-incomplete"
    CLIENT_AUTH_MISSING = "client-auth-missing"
    ANCHORS_EXPIRE_TOGETHER = "anchors-expire-together"
    CAPF_ENDS_BEFORE_LSCS = "capf-ends-before-lscs"
    CAPF_OLD_GENERATION = "capf-old-generation"
    CERTIFICATE_UNKNOWN = "certificate-unknown"
    # CAPF.
    CAPF_PENDING_STUCK = "capf-pending-stuck"
    CAPF_FAILED = "capf-failed"
    STALE_LSCS = "stale-lscs"
    # Certificates of users that ctld keeps fresh.
    ENROLMENT_EXPIRED = "enrolment-expired"
    ENROLMENT_EXPIRING = "enrolment-expiring"
    ENROLMENT_REFUSED = "enrolment-refused"
    ENROLMENT_MISSING = "enrolment-missing"
    ENROLMENT_UNKNOWN = "enrolment-unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that an operator should know.

    Attributes:
        code: what it is.
        severity: how bad.
        subject: what it is about within the cluster: a node, "node/ctl", a source; "" for the cluster. Code and
            subject together are its identity over time.
        summary: one sentence with numbers, names first; ends with a full stop.
        so_what: what it means for phones; one sentence.
        do: next commands or acts, the first one first.
        evidence: what it was concluded from, with ages and sources; goes to JSON.
        count: phones or things concerned, where that is a number.
    """

    code: ClusterCode
    severity: FindingSeverity
    subject: str
    summary: str
    so_what: str
    do: tuple[str, ...]
    evidence: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    count: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Identity over time."""
        return self.code.value, self.subject


class CredentialState(StrEnum):
    """What a phone shows in TLS; every value of the metric's label `credential`."""

    LSC = "lsc"
    LSC_EXPIRING = "lsc-expiring"
    LSC_EXPIRED = "lsc-expired"
    MIC = "mic"
    MIC_SUSPECTED = "mic-suspected"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PhoneCredential:
    """A phone's credential, with who says so and since when.

    Attributes:
        state: what it is.
        source: who says so.
        at: when that source last said it.
        ends: effective end: the earlier of the certificate's and its issuer's.
        issuer: CN of the issuer, such as "CAPF-9f3ab21c" or "Cisco Manufacturing CA SHA2".
        confirmed_by: another source that agrees, or None.
        contradiction: what another source says against it, in words, or None.
        mic_ends: end of the MIC where one was seen.
    """

    state: CredentialState
    source: Source | None
    at: int | None
    ends: int | None = None
    issuer: str | None = None
    confirmed_by: Source | None = None
    contradiction: str | None = None
    mic_ends: int | None = None


class Held(StrEnum):
    """Which list a phone's pages prove that it holds; every value of the metric's label `state`."""

    NEWEST = "newest"
    OLDER = "older"
    FOREIGN = "foreign"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A version of a list that was served before, and that a phone still holds.

    Attributes:
        sha256: of the file, lower-case hexadecimal.
        nodes: who served it.
        first_seen: when it was first seen, at any of them.
        last_seen: when it was last seen, at the node that served it last.
        behind: how many other versions that node served after it; 0 where it was the node's last.
        replaced_at: when the one that followed was first seen there; None where none did.
    """

    sha256: str
    nodes: tuple[str, ...]
    first_seen: int
    last_seen: int
    behind: int
    replaced_at: int | None


@dataclass(frozen=True, slots=True)
class HeldList:
    """What a phone's pages prove about one kind of list.

    Attributes:
        state: which one it holds.
        version: of OLDER, which.
    """

    state: Held = Held.UNKNOWN
    version: HeldVersion | None = None


@dataclass(frozen=True, slots=True)
class PhoneView:
    """What is shown of a phone and filtered by.

    Attributes:
        name: device name.
        credential: what it shows.
        model_family: such as "8800" for a "Cisco 8841".
        list_not_taken: kinds of list of which it has not taken the newest: by its own pages, or as far as times tell.
        holds_ctl: the CTL that it holds, by its own pages.
        holds_itl: the ITL that it holds, likewise.
    """

    name: str
    credential: PhoneCredential
    model_family: str
    list_not_taken: frozenset[ListKind] = frozenset()
    holds_ctl: HeldList = HeldList()
    holds_itl: HeldList = HeldList()


@dataclass(frozen=True, slots=True)
class ListView:
    """One list of one node, judged.

    Attributes:
        node: the node.
        kind: which list.
        verdict: "valid", "self-consistent", "invalid", "stale", "absent" or "undecided".
        sha256: of the version served now, or None.
        size: bytes.
        records: how many.
        signed_at: signing time.
        signer: CN of who signed it.
        first_seen: when this version was first seen there.
        missing: certificates that should be in it and are not, in words.
        surplus: certificates that are in it and belong to nobody who is known, in words.
        codes: reason codes of `ctlctl_trust` that verification gave.
        continuity: "first", "continuous", "broken-strict" or "broken" against the version before.
        signature_valid: whether the signature verifies; None where that is not known.
    """

    node: str
    kind: ListKind
    verdict: str
    sha256: str | None = None
    size: int | None = None
    records: int | None = None
    signed_at: int | None = None
    signer: str | None = None
    first_seen: int | None = None
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    continuity: str = "first"
    signature_valid: bool | None = None


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A certificate of a node, judged.

    Attributes:
        node: the node.
        unit: "tomcat", "CallManager", "CallManager-ECDSA", "TVS", "CAPF", "ITLRecovery", …; the name of the store.
        store: "identity" or "trust".
        common_name: CN of the subject.
        issuer: CN of the issuer.
        serial: upper-case hexadecimal.
        key: such as "RSA-2048".
        not_before: start of validity.
        not_after: end of validity.
        self_signed: whether it is.
        client_auth: whether its extended key usage allows TLS clients; None where it has none.
        sha256: lower-case hexadecimal.
        sources: who shows it.
        served: whether the ports of this unit present it; None where no port was seen.
    """

    node: str
    unit: str
    store: str
    common_name: str
    issuer: str
    serial: str
    key: str
    not_before: int
    not_after: int
    self_signed: bool
    client_auth: bool | None
    sha256: str
    sources: tuple[Source, ...]
    served: bool | None = None


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Numbers:
    """What metrics show; every mapping is small and does not grow with phones.

    Attributes:
        phones: (credential, security mode, model family) -> phones.
        registrations: RIS status -> phones.
        lsc_expiring: days -> phones whose LSC ends within so many days (cumulative; ended ones are not in it).
        lsc_by_issuer: CN of issuer -> phones.
        lsc_by_month: "2027-03" -> phones whose LSC ends in that month.
        capf: (kind, operation status) -> how many; kind is "phone", "appuser" or "enduser".
        not_taken: kind of list -> phones that have not taken the newest.
        retired: phones that are gone from AXL.
        list_hashes: (kind of list, what phones' pages say of it) -> registered phones; the second is "newest", "older",
            "foreign" (a list that no node was ever seen to serve), "none" or "unknown".
        services: (node, service) that should run -> whether it does; those that phones and certificates hang on.
        replication: node -> the worst number that replication has there, -1 where none is told.
        clocks: node -> whether its clock is synchronised.
        backup_at: when the last backup was taken that succeeded; 0 for never, None where that is not known.
        tvs_unaware: node -> certificates in use that its TVS does not vouch for.
    """

    phones: Mapping[tuple[str, str, str], int]
    registrations: Mapping[str, int]
    lsc_expiring: Mapping[int, int]
    lsc_by_issuer: Mapping[str, int]
    lsc_by_month: Mapping[str, int]
    capf: Mapping[tuple[str, str], int]
    not_taken: Mapping[str, int]
    retired: int = 0
    list_hashes: Mapping[tuple[str, str], int] = field(default_factory=_nothing)
    services: Mapping[tuple[str, str], bool] = field(default_factory=_nothing)
    replication: Mapping[str, int] = field(default_factory=_nothing)
    clocks: Mapping[str, bool] = field(default_factory=_nothing)
    backup_at: int | None = None
    tvs_unaware: Mapping[str, int] = field(default_factory=_nothing)


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as bad; from the settings. Times are in seconds.

    Attributes:
        lab: whether the cluster is a lab.
        configured_nodes: names of the nodes in the settings -> whether they serve trust lists.
        stale_after: age of a source's last success over which what it says is stale.
        expiring_warning: before its end a certificate or LSC is a warning.
        expiring_critical: before its end it is critical.
        lsc_expiring: before its end an LSC counts as `lsc-expiring`.
        probe_trusted_for: age up to which a look at a phone counts.
        capf_stuck_after: age of a pending operation over which it is stuck.
        phones_per_night: what a rollout can carry in one night.
        unregistered_share: share of phones, 0 to 1, over which phones that are not registered are a finding.
        anchors_together: distance of ends within which two anchors end together.
        size_warning_share: share of 64 KiB over which a list is near its limit.
        list_taken_within: age of a list at which phones should have taken it.
        backup_old_after: age of the last backup that succeeded over which it is old.
    """

    lab: bool = False
    configured_nodes: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    stale_after: int = 6 * 3600
    expiring_warning: int = 90 * 86_400
    expiring_critical: int = 21 * 86_400
    lsc_expiring: int = 90 * 86_400
    probe_trusted_for: int = 7 * 86_400
    capf_stuck_after: int = 86_400
    phones_per_night: int = 9_000
    unregistered_share: float = 0.1
    anchors_together: int = 30 * 86_400
    size_warning_share: float = 0.85
    list_taken_within: int = 7 * 86_400
    backup_old_after: int = 48 * 3600


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was concluded from one snapshot at one instant.

    Attributes:
        cluster: its name.
        at: the instant, seconds since 1970.
        findings: worst first.
        phones: in the order of the snapshot's phones.
        lists: one for each TFTP node and kind.
        certificates: of nodes, by node and unit.
        numbers: for metrics.
    """

    cluster: str
    at: int
    findings: tuple[Finding, ...]
    phones: tuple[PhoneView, ...]
    lists: tuple[ListView, ...]
    certificates: tuple[CertificateView, ...]
    numbers: Numbers
