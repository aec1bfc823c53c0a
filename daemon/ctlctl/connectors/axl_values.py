"""What AXL tells about a cluster, as plain values. None always means: not known."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    CertificateStatus,
    ChangeAction,
    ChangeKind,
    DeviceSecurityMode,
    EcKeySize,
    KeyOrder,
    KeySize,
    NodeRole,
    NodeUsage,
    TransportType,
    UnknownText,
)
from ctlctl.connectors.secret import Secret

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The pseudo process node that carries enterprise and cluster-wide parameters; it is no machine.
CLUSTER_WIDE_NODE: Final = "EnterpriseWideData"
# The pseudo service of enterprise parameters.
ENTERPRISE_SERVICE: Final = "Enterprise Wide"


def unknown_words(record: "DataclassInstance") -> tuple[str, ...]:
    """Name the fields of a record whose words this version of ctlctl does not know."""
    return tuple(one.name for one in fields(record) if isinstance(getattr(record, one.name), UnknownText))


@dataclass(frozen=True, slots=True)
class AxlVersion:
    """What was agreed on with a cluster.

    Attributes:
        schema: Version of AXL that is spoken, such as "14.0".
        cluster: Version of the cluster, such as "14.0.1.12900-161".
    """

    schema: str
    cluster: str


class LscColumn(StrEnum):
    """Columns of the device table that tell about a phone's LSC; CUCM 11.5 has them, older versions do not."""

    VALID_UNTIL = "lscvaliduntil"
    ISSUER_NAME = "lscissuername"
    ISSUER_VALID_UNTIL = "lscissuervaliduntil"


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as the cluster is configured for it and as its database knows its LSC.

    Attributes:
        pkid: Key in the database, lower case, without braces.
        name: Device name, such as "SEP00112233AABB".
        description: In the administrators' words.
        model: Such as "Cisco 8841".
        product: Such as "Cisco 8841"; differs from the model for a few devices.
        protocol: "SIP" or "SCCP".
        device_pool: Its name.
        security_profile: Name of the phone security profile.
        security_mode: That profile's device security mode.
        authentication_mode: That profile's mode towards CAPF; the database keeps it there, not on the phone.
        capf_operation: What CAPF is told to do.
        capf_status: How CAPF's last operation went.
        capf_finish_time: "Operation Completes By" as the cluster has it, `YYYY:MM:DD:HH:MM` in the cluster's time
            zone; "" for none.
        lsc_valid_until: End of the LSC, seconds since 1970. None if the database has no date (it does not follow
            that there is no LSC: only looking at the phone tells) or no such column.
        lsc_issuer: Issuer of the LSC, None likewise.
        lsc_issuer_valid_until: End of the issuer's certificate, likewise.
    """

    pkid: str
    name: str
    description: str
    model: str
    product: str
    protocol: str
    device_pool: str | None
    security_profile: str | None
    security_mode: DeviceSecurityMode | UnknownText | None
    authentication_mode: AuthenticationMode | UnknownText | None
    capf_operation: CertificateOperation | UnknownText | None
    capf_status: CertificateStatus | UnknownText | None
    capf_finish_time: str
    lsc_valid_until: int | None
    lsc_issuer: str | None
    lsc_issuer_valid_until: int | None


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """A phone security profile; None for `oauth` where AXL is older than 12.5."""

    pkid: str
    name: str
    description: str
    phone_type: str
    protocol: str
    security_mode: DeviceSecurityMode | UnknownText | None
    authentication_mode: AuthenticationMode | UnknownText | None
    key_size: KeySize | UnknownText | None
    key_order: KeyOrder | UnknownText | None
    ec_key_size: EcKeySize | UnknownText | None
    encrypted_config: bool | None
    oauth: bool | None
    transport: TransportType | UnknownText | None


class CapfUserKind(StrEnum):
    """Whose CAPF profile it is."""

    APPLICATION_USER = "application-user"
    END_USER = "end-user"


@dataclass(frozen=True, slots=True)
class CapfProfile:
    """A CAPF profile of an application or end user; its authentication string is never read."""

    kind: CapfUserKind
    pkid: str
    user: str
    instance_id: str
    operation: CertificateOperation | UnknownText | None
    status: CertificateStatus | UnknownText | None
    authentication_mode: AuthenticationMode | UnknownText | None
    key_size: KeySize | UnknownText | None
    key_order: KeyOrder | UnknownText | None
    ec_key_size: EcKeySize | UnknownText | None
    finish_time: str


@dataclass(frozen=True, slots=True)
class ProcessNode:
    """A node of the cluster."""

    pkid: str
    name: str
    description: str
    usage: NodeUsage | UnknownText | None
    role: NodeRole | UnknownText | None


@dataclass(frozen=True, slots=True)
class NodeService:
    """A service on a node. `is_active` says whether it is activated, not whether it runs."""

    node: str
    service: str
    is_active: bool | None
    is_enabled: bool | None


@dataclass(frozen=True, slots=True)
class CallManager:
    """A CallManager and the node it runs on."""

    pkid: str
    name: str
    description: str
    node: str | None


@dataclass(frozen=True, slots=True)
class CallManagerGroup:
    """A CallManager group; `members` in the order devices try them."""

    pkid: str
    name: str
    tftp_default: bool | None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicePool:
    """A device pool."""

    pkid: str
    name: str
    callmanager_group: str | None
    srst: str | None


@dataclass(frozen=True, slots=True)
class Srst:
    """An SRST reference. A secure one has its gateway's certificate in the phones' configuration."""

    pkid: str
    name: str
    address: str
    port: int | None
    sip_address: str
    sip_port: int | None
    certificate_port: int | None
    is_secure: bool | None


@dataclass(frozen=True, slots=True)
class SipTrunk:
    """A SIP trunk."""

    pkid: str
    name: str
    description: str
    product: str
    device_pool: str | None
    security_profile: str | None
    srtp_allowed: bool | None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that the cluster controls."""

    pkid: str
    name: str
    description: str
    product: str
    protocol: str
    callmanager_group: str | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A service or enterprise parameter under its internal name; AXL knows no labels."""

    node: str
    service: str
    name: str
    value: str
    value_type: str


class SecurityMode(IntEnum):
    """Cluster security mode: the enterprise parameter ClusterSecurityMode."""

    NON_SECURE = 0
    MIXED = 1


@dataclass(frozen=True, slots=True)
class ClusterSecurity:
    """The cluster security mode: None if the value is none that is known; `text` is what the cluster says."""

    mode: SecurityMode | None
    text: str


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate in the cluster's database. Files on the nodes outrank it; a service of CUCM keeps both alike.

    Attributes:
        server: Node it belongs to, as the database says.
        store: Such as "CallManager-trust".
        distribution: Such as "this-server".
        address: IPv4 address, "" for none.
        subject: Subject name as the database has it.
        issuer: Issuer name as the database has it.
        serial: Serial number as the database has it.
        pem: The certificate as the database has it; not checked.
    """

    server: str
    store: str
    distribution: str
    address: str
    subject: str
    issuer: str
    serial: str
    pem: str


@dataclass(frozen=True, slots=True)
class TvsCertificate:
    """A certificate that TVS vouches for; `roles` and `services` are filled when one is read alone.

    `seconds_to_live` is how long TVS tells phones to keep its answer.
    """

    pkid: str
    subject: str
    issuer: str
    serial: str
    seconds_to_live: int | None
    address: str
    roles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeCursor:
    """Where to go on reading changes; `queue_id` names the queue, which a restart of AXL throws away."""

    queue_id: str
    next_id: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the cluster's configuration.

    Attributes:
        kind: What was changed, such as a phone; other kinds as they are written.
        pkid: Its key, lower case, without braces.
        action: What happened.
        tags: Elements that changed and their new text. Empty does not mean that nothing did: read the item again.
    """

    kind: ChangeKind | UnknownText | None
    pkid: str
    action: ChangeAction | UnknownText | None
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes since a cursor, and where to go on."""

    changes: tuple[Change, ...]
    cursor: ChangeCursor


@dataclass(frozen=True, slots=True)
class ResyncNeeded:
    """The queue of changes is not the one the cursor is of: read everything again, starting with a new cursor."""

    reason: str


Changes: TypeAlias = ChangeBatch | ResyncNeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneChange:
    """What to change of a phone; None leaves a thing as it is.

    Attributes:
        operation: What CAPF is to do.
        finish_by: By when, in the cluster's own time zone and without one here; whole minutes.
        security_profile: Name of another profile; it must be one for the phone's model and protocol.
        authentication_string: 4 to 10 digits that the user types on the phone.
    """

    operation: CertificateOperation | None = None
    finish_by: datetime | None = None
    security_profile: str | None = None
    authentication_string: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityProfileChange:
    """What to change of a phone security profile; None leaves a thing as it is. Every phone that uses it is touched."""

    security_mode: DeviceSecurityMode | None = None
    authentication_mode: AuthenticationMode | None = None
    key_size: KeySize | None = None
    key_order: KeyOrder | None = None
    ec_key_size: EcKeySize | None = None
    encrypted_config: bool | None = None
    transport: TransportType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapfProfileChange:
    """What to change of a user's CAPF profile; None leaves a thing as it is. Fields as in `PhoneChange`."""

    operation: CertificateOperation | None = None
    authentication_mode: AuthenticationMode | None = None
    authentication_string: Secret | None = None
    key_size: KeySize | None = None
    key_order: KeyOrder | None = None
    ec_key_size: EcKeySize | None = None
    finish_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCapfProfile:
    """A CAPF profile to be added for a user."""

    user: str
    instance_id: str
    operation: CertificateOperation = CertificateOperation.NONE
    authentication_mode: AuthenticationMode = AuthenticationMode.NULL
    authentication_string: Secret | None = None
    key_size: KeySize = KeySize.RSA_2048
    key_order: KeyOrder | None = None
    ec_key_size: EcKeySize | None = None
    finish_by: datetime | None = None
