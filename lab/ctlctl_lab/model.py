"""The cluster's state, as plain objects that any service of the lab reads and any test changes by assignment.

One lock guards it all: `Cluster.lock`. A service takes it while it reads more than one thing; what changes state and
sets phones in motion is a method of `ctlctl_lab.world.World`, which takes it itself. Strings are spelled as AXL spells
them (``"Install/Upgrade"``, ``"Non Secure"``, ``"Upgrade Success"``), instants are seconds since 1970-01-01 UTC in lab
time (`Clock.now`), identifiers (`pkid`) are lower-case and without braces as in the database.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import TypeAlias

from ctlctl_lab.changes import Change, ChangeQueue
from ctlctl_lab.clock import Clock
from ctlctl_lab.identity import Credential, Identity, make_pkid
from ctlctl_lab.names import (
    AUTHENTICATED,
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    CALLMANAGER,
    CAPF,
    DELETE,
    ENCRYPTED,
    ENTERPRISE_NODE,
    ENTERPRISE_SERVICE,
    INSTALL,
    IPSEC,
    ITL_RECOVERY,
    LAB_ORGANIZATION,
    NETWORK_SERVICES,
    NO_OPERATION,
    NON_SECURE,
    REGISTERED,
    REJECTED,
    SECURITY_MODE_PARAMETER,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_CTI,
    SERVICE_CTL_PROVIDER,
    SERVICE_DRF_MASTER,
    SERVICE_TFTP,
    SERVICE_TOMCAT,
    SERVICE_TVS,
    STATUS_NONE,
    STATUS_PENDING,
    TOMCAT,
    TROUBLESHOOT,
    TRUST_FAILED,
    TVS,
    UNKNOWN,
    UNREGISTERED,
)
from ctlctl_lab.phonestate import CapfState, Phone

__all__ = [
    "AUTHENTICATED",
    "BY_LSC",
    "BY_MIC",
    "BY_NULL",
    "BY_STRING",
    "CALLMANAGER",
    "CAPF",
    "DELETE",
    "ENCRYPTED",
    "ENTERPRISE_NODE",
    "ENTERPRISE_SERVICE",
    "INSTALL",
    "IPSEC",
    "ITL_RECOVERY",
    "LAB_ORGANIZATION",
    "NETWORK_SERVICES",
    "NON_SECURE",
    "NO_OPERATION",
    "REGISTERED",
    "REJECTED",
    "SECURITY_MODE_PARAMETER",
    "SERVICE_CALLMANAGER",
    "SERVICE_CAPF",
    "SERVICE_CTI",
    "SERVICE_CTL_PROVIDER",
    "SERVICE_DRF_MASTER",
    "SERVICE_TFTP",
    "SERVICE_TOMCAT",
    "SERVICE_TVS",
    "STATUS_NONE",
    "STATUS_PENDING",
    "TOMCAT",
    "TROUBLESHOOT",
    "TRUST_FAILED",
    "TVS",
    "UNKNOWN",
    "UNREGISTERED",
    "Account",
    "App",
    "AppAnswer",
    "CapfProfile",
    "CapfState",
    "Change",
    "ChangeQueue",
    "Cluster",
    "Credential",
    "DevicePool",
    "Gateway",
    "Identity",
    "Node",
    "Phone",
    "PlatformAccount",
    "SecurityProfile",
    "Srst",
    "Trunk",
    "make_pkid",
]

#: (status, headers, body) of an answer; the body comes in pieces, and may stop early to play half an answer.
AppAnswer: TypeAlias = tuple[int, Sequence[tuple[str, str]], Iterable[bytes]]
#: What `make_app(world)` returns: called with method, path (query included), headers (names in lower case; the lab
#: adds ``x-lab-node``, the name of the node that was addressed, which a client cannot set) and the whole body.
App: TypeAlias = Callable[[str, str, Mapping[str, str], bytes], AppAnswer]


@dataclass(slots=True, eq=False)
class Node:
    """A server of the cluster.

    Attributes:
        pkid: identifier.
        name: as listProcessNode gives it.
        address: 127.x.y.z.
        usage: "Publisher" or "Subscriber".
        services: activated services, by their XService names.
        stopped: activated services that are not running.
        identities: installed certificate by unit.
        up: False while the node is off: nothing of it answers.
        description: for people.
        booted: instant at which it was switched on.
        started: instant at which a service started, for those that did so after the node.
        held: (service, unit) -> certificate that a service still presents, though another has been installed since it
            started. A service that is not in here presents what is installed.
    """

    pkid: str
    name: str
    address: str
    usage: str
    services: set[str]
    identities: dict[str, Identity]
    stopped: set[str] = field(default_factory=set)
    up: bool = True
    description: str = ""
    booted: float = 0.0
    started: dict[str, float] = field(default_factory=dict)
    held: dict[tuple[str, str], Identity] = field(default_factory=dict)

    @property
    def publisher(self) -> bool:
        """Whether it is the publisher."""
        return self.usage == "Publisher"

    def runs(self, service: str) -> bool:
        """Tell whether a service can be reached."""
        return self.up and self.activated(service) and service not in self.stopped

    def activated(self, service: str) -> bool:
        """Tell whether a service is there to be run: a network service always is."""
        if service == SERVICE_DRF_MASTER:
            return self.publisher
        return service in self.services or service in NETWORK_SERVICES

    def presents(self, service: str, unit: str) -> Identity | None:
        """Return the certificate of a unit that a service loaded when it last started; None without such a unit."""
        return self.held.get((service, unit)) or self.identities.get(unit)


@dataclass(slots=True, eq=False)
class SecurityProfile:
    """A phone security profile; the fields are AXL's."""

    pkid: str
    name: str
    description: str
    phone_type: str
    protocol: str
    device_security_mode: str = NON_SECURE
    authentication_mode: str = BY_NULL
    key_size: int = 2048
    key_order: str = "RSA Only"
    ec_key_size: int | None = None
    tftp_encrypted_config: bool = False
    transport_type: str = "TCP+UDP"
    sip_phone_port: int = 5060
    oauth: bool = False
    nonce_validity_seconds: int = 600

    @property
    def secure(self) -> bool:
        """Whether phones that use it need TLS."""
        return self.device_security_mode != NON_SECURE


@dataclass(slots=True, eq=False)
class DevicePool:
    """A device pool."""

    pkid: str
    name: str
    callmanager_group: str
    region: str = "Default"
    date_time_group: str = "CMLocal"
    srst: str = "Disable"


@dataclass(slots=True, eq=False)
class CapfProfile:
    """A CAPF profile of an application user or end user.

    Attributes:
        pkid: identifier.
        kind: "application" or "end".
        user: the user's name.
        instance_id: instance, unique within its kind.
        capf: operation and status.
        authentication_mode: XAuthenticationMode.
        key_size: RSA bits.
        key_order: XKeyOrder.
        ec_key_size: EC bits or None.
    """

    pkid: str
    kind: str
    user: str
    instance_id: str
    capf: CapfState
    authentication_mode: str = BY_STRING
    key_size: int = 2048
    key_order: str = "RSA Only"
    ec_key_size: int | None = None


@dataclass(slots=True, eq=False)
class Srst:
    """An SRST reference."""

    pkid: str
    name: str
    address: str
    port: int = 2000
    sip_port: int = 5060
    secure: bool = False
    certificate_port: int = 2445


@dataclass(slots=True, eq=False)
class Trunk:
    """A SIP trunk; ``security_profile`` names a SIP trunk security profile whose mode is ``device_security_mode``."""

    pkid: str
    name: str
    description: str
    device_pool: str
    destination: str
    destination_port: int = 5060
    security_profile: str = "Non Secure SIP Trunk Profile"
    device_security_mode: str = NON_SECURE
    srtp_allowed: bool = False


@dataclass(slots=True, eq=False)
class Gateway:
    """A gateway."""

    pkid: str
    name: str
    description: str
    product: str
    protocol: str
    domain: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """An application user that AXL and RIS know.

    Attributes:
        password: its password.
        roles: names of its roles.
    """

    password: str = field(repr=False)
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class PlatformAccount:
    """An OS administrator: the platform CLI and the certificate API know it, AXL does not.

    Attributes:
        password: its password.
        level: privilege: 0 reads, 1 changes, 4 is the account of the installation.
    """

    password: str = field(repr=False)
    level: int


@dataclass(slots=True, eq=False)
class Cluster:
    """Everything the cluster has.

    Attributes:
        name: cluster name.
        version: as getCCMVersion gives it.
        nodes: by name, publisher first.
        phones: by name, in the order of their index.
        profiles: phone security profiles by name.
        device_pools: by name.
        callmanager_groups: name -> names of nodes, in order of preference.
        service_parameters: (node, service, name) -> value; see `ENTERPRISE_NODE`.
        application_user_profiles: CAPF profiles by instance id.
        end_user_profiles: CAPF profiles by instance id.
        srsts: by name.
        trunks: by name.
        gateways: by name.
        itl_recovery: the cluster-wide ITLRecovery identity.
        accounts: application users by name.
        platform_accounts: OS administrators by name, the same on every node.
        stale_lscs: device -> instant at which CAPF issued an LSC for it that it never took.
        trust: trust store name, such as "CallManager-trust" -> certificates in it.
        changes: what listChange reads.
        clock: lab time.
        lock: guards all of it.
    """

    name: str
    version: str
    clock: Clock
    itl_recovery: Identity
    nodes: dict[str, Node] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    profiles: dict[str, SecurityProfile] = field(default_factory=dict)
    device_pools: dict[str, DevicePool] = field(default_factory=dict)
    callmanager_groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    service_parameters: dict[tuple[str, str, str], str] = field(default_factory=dict)
    application_user_profiles: dict[str, CapfProfile] = field(default_factory=dict)
    end_user_profiles: dict[str, CapfProfile] = field(default_factory=dict)
    srsts: dict[str, Srst] = field(default_factory=dict)
    trunks: dict[str, Trunk] = field(default_factory=dict)
    gateways: dict[str, Gateway] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    platform_accounts: dict[str, PlatformAccount] = field(default_factory=dict)
    stale_lscs: dict[str, float] = field(default_factory=dict)
    trust: dict[str, list[Identity]] = field(default_factory=dict)
    changes: ChangeQueue = field(default_factory=ChangeQueue)
    lock: RLock = field(default_factory=RLock, repr=False)

    @property
    def security_mode(self) -> int:
        """0 for non-secure, 1 for mixed mode; kept where AXL reads it, set by `World.set_security_mode`."""
        return int(self.service_parameters.get(SECURITY_MODE_PARAMETER, "0"))

    @property
    def publisher(self) -> Node:
        """The publisher."""
        return next(node for node in self.nodes.values() if node.publisher)

    @property
    def major(self) -> int:
        """First number of the version."""
        return int(self.version.partition(".")[0])
