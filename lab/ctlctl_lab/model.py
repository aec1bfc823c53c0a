"""The cluster's state, as plain objects that any service of the lab reads and any test changes by assignment.

One lock guards it all: `Cluster.lock`. A service takes it while it reads more than one thing; what changes state and
sets phones in motion is a method of `ctlctl_lab.world.World`, which takes it itself. Strings are spelled as AXL spells
them (``"Install/Upgrade"``, ``"Non Secure"``, ``"Upgrade Success"``), instants are seconds since 1970-01-01 UTC in lab
time (`Clock.now`), identifiers (`pkid`) are lower-case and without braces as in the database.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from threading import RLock
from typing import TypeAlias
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_lab.clock import Clock
from ctlctl_lab.phonemodels import MODELS, PhoneModel
from ctlctl_lab.trustheld import HeldList
from ctlctl_trust import Certificate

#: Organization of every certificate of a lab; what marks it as one.
LAB_ORGANIZATION = "LAB ctlctl"
#: The pseudo node under which CUCM keeps enterprise parameters and cluster-wide service parameters.
ENTERPRISE_NODE = "EnterpriseWideData"
ENTERPRISE_SERVICE = "Enterprise Wide"

# Certificate units of a node, as `show cert own` names them.
TOMCAT, CALLMANAGER, TVS, CAPF, ITL_RECOVERY = "tomcat", "CallManager", "TVS", "CAPF", "ITLRecovery"

# Services, with the exact names of the XService enum.
SERVICE_CALLMANAGER = "Cisco CallManager"
SERVICE_TFTP = "Cisco Tftp"
SERVICE_CAPF = "Cisco Certificate Authority Proxy Function"
SERVICE_TVS = "Cisco Trust Verification Service"
SERVICE_CTI = "Cisco CTIManager"
SERVICE_CTL_PROVIDER = "Cisco CTL Provider"

# XCertificateOperation and the values of XCertificateStatus that the lab itself sets.
NO_OPERATION = "No Pending Operation"
INSTALL, DELETE, TROUBLESHOOT = "Install/Upgrade", "Delete", "Troubleshoot"
STATUS_NONE, STATUS_PENDING = "None", "Operation Pending"

# XAuthenticationMode.
BY_STRING, BY_NULL = "By Authentication String", "By Null String"
BY_LSC = "By Existing Certificate (precedence to LSC)"
BY_MIC = "By Existing Certificate (precedence to MIC)"

# XDeviceSecurityMode.
NON_SECURE, AUTHENTICATED, ENCRYPTED = "Non Secure", "Authenticated", "Encrypted"

# RIS Status.
REGISTERED, UNREGISTERED, REJECTED, UNKNOWN = "Registered", "UnRegistered", "Rejected", "Unknown"

#: Status message of a phone whose trust in the cluster is broken.
TRUST_FAILED = "Trust List Update Failed"

#: (status, headers, body) of an answer; the body comes in pieces, and may stop early to play half an answer.
AppAnswer: TypeAlias = tuple[int, Sequence[tuple[str, str]], Iterable[bytes]]
#: What `make_app(world)` returns: called with method, path (query included), headers (names in lower case; the lab
#: adds ``x-lab-node``, the name of the node that was addressed, which a client cannot set) and the whole body.
App: TypeAlias = Callable[[str, str, Mapping[str, str], bytes], AppAnswer]


def make_pkid(*words: object) -> str:
    """Return an identifier that is always the same for the same words."""
    return str(UUID(bytes=sha256("\0".join(map(str, words)).encode()).digest()[:16], version=4))


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A certificate with its private key.

    Attributes:
        unit: what it is for: "tomcat", "CallManager", "TVS", "CAPF", "ITLRecovery", or a CA's name.
        certificate: as the trust library reads it.
        key: the private key.
    """

    unit: str
    certificate: Certificate
    key: RSAPrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.der

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return sha256(self.certificate.der).digest()

    @property
    def pin(self) -> str:
        """SHA-256 of the certificate as settings spell it: "AA:BB:…"."""
        return self.fingerprint.hex(":").upper()

    @property
    def common_name(self) -> str:
        """CN of the subject."""
        return self.certificate.common_name

    @property
    def serial(self) -> int:
        """Serial number."""
        return self.certificate.serial

    @property
    def not_after(self) -> int:
        """End of validity."""
        return int(self.certificate.not_after.timestamp())

    @property
    def public_key_der(self) -> bytes:
        """The public key, SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A phone's MIC or LSC. Its certificate is made when somebody looks (`ctlctl_lab.pki.Pki.phone_certificate`).

    Attributes:
        kind: "MIC" or "LSC".
        issuer: who signed it.
        serial: serial number.
        not_before: start of validity.
        not_after: end of validity.
        key: number of its key in the lab's pool.
    """

    kind: str
    issuer: Identity
    serial: int
    not_before: int
    not_after: int
    key: int


@dataclass(slots=True, eq=False)
class CapfState:
    """What CAPF is to do with one phone, and what became of it.

    Attributes:
        operation: XCertificateOperation.
        certificate_status: XCertificateStatus.
        finish_time: "Operation Completes By", ``YYYY:MM:DD:HH:MM`` in the cluster's time zone (UTC here), or "".
        authentication_string: the string that must be typed in, or "".
    """

    operation: str = NO_OPERATION
    certificate_status: str = STATUS_NONE
    finish_time: str = ""
    authentication_string: str = field(default="", repr=False)

    @property
    def status(self) -> str:
        """The same as ``certificate_status``."""
        return self.certificate_status

    @property
    def pending(self) -> bool:
        """Whether the phone is to do something at its next reset."""
        return self.operation != NO_OPERATION and self.certificate_status == STATUS_PENDING


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

    @property
    def publisher(self) -> bool:
        """Whether it is the publisher."""
        return self.usage == "Publisher"

    def runs(self, service: str) -> bool:
        """Tell whether a service can be reached."""
        return self.up and service in self.services and service not in self.stopped


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


@dataclass(slots=True, eq=False)
class Phone:
    """A phone, seen from both sides: what the cluster has on record of it, and what it holds itself.

    Attributes:
        index: its number in the lab, from 0.
        pkid: identifier.
        name: "SEP" and twelve hexadecimal digits.
        address: 127.x.y.z; its HTTPS page answers there.
        model: key of `MODELS`.
        protocol: "SIP" or "SCCP".
        description: for people.
        device_pool: name of its device pool.
        profile: name of its security profile.
        mic: factory certificate, or None.
        lsc: locally significant certificate, or None.
        capf: CAPF operation and status.
        status: RIS Status.
        status_reason: RIS StatusReason.
        status_time: instant of the last change of status.
        node: name of the node it is, or was last, registered with; "" when never.
        httpd: whether its web server is on.
        load: active firmware.
        lsc_valid_until: as the database has it; 0 for none known.
        lsc_issuer_name: as the database has it, or None.
        lsc_issuer_valid_until: as the database has it; 0 for none known.
        ctl: the CTL it holds, or None.
        itl: the ITL it holds, or None.
        message: its newest status message, "" for none.
        typed: what a person typed as authentication string, or "".
        epoch: counts its resets; an event of an older life is void.
    """

    index: int
    pkid: str
    name: str
    address: str
    model: str
    protocol: str
    description: str
    device_pool: str
    profile: str
    mic: Credential | None
    lsc: Credential | None
    capf: CapfState
    load: str
    status: str = UNKNOWN
    status_reason: int = 0
    status_time: int = 0
    node: str = ""
    httpd: bool = True
    lsc_valid_until: int = 0
    lsc_issuer_name: str | None = None
    lsc_issuer_valid_until: int = 0
    ctl: HeldList | None = None
    itl: HeldList | None = None
    message: str = ""
    typed: str = field(default="", repr=False)
    epoch: int = 0

    @property
    def kind(self) -> PhoneModel:
        """What there is to know of its model."""
        return MODELS[self.model]

    @property
    def product(self) -> str:
        """The product's name; the same as the model's for every phone of the lab."""
        return self.model

    @property
    def extension(self) -> str:
        """Its directory number."""
        return str(10000 + self.index)

    @property
    def certificate_name(self) -> str:
        """CN of its certificates."""
        return f"{self.kind.short}-{self.name}"

    @property
    def credential(self) -> Credential | None:
        """What it shows in TLS: the LSC when there is one, else the MIC."""
        return self.lsc or self.mic


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change queue.

    Attributes:
        id: number, rising by one.
        type: XChangeType, such as "Phone".
        action: "a", "u" or "r".
        pkid: of what changed.
        tags: changed elements.
    """

    id: int
    type: str
    action: str
    pkid: str
    tags: tuple[str, ...]


class ChangeQueue:
    """What listChange reads: the newest changes, lost when AXL restarts. Use it under `Cluster.lock`.

    Attributes:
        queue_id: identifies this queue; another one after `restart`.
    """

    #: Changes kept (AXL Developer Guide: 100,000 in memory).
    LIMIT = 100_000

    def __init__(self, seed: object = 0) -> None:
        self._seed = seed
        self._born = 0
        self._next = 1
        self._kept: deque[Change] = deque(maxlen=self.LIMIT)
        self.queue_id = make_pkid("queue", seed, 0)

    @property
    def first_id(self) -> int:
        """Number of the oldest change kept, or of the next when there is none."""
        return self._kept[0].id if self._kept else self._next

    @property
    def last_id(self) -> int:
        """Number of the newest change; one less than `next_id`."""
        return self._next - 1

    @property
    def next_id(self) -> int:
        """Number the next change will have."""
        return self._next

    def record(self, kind: str, action: str, pkid: str, *tags: str) -> None:
        """Add a change."""
        self._kept.append(Change(self._next, kind, action, pkid, tags))
        self._next += 1

    def since(self, start: int) -> Iterator[Change]:
        """Give every kept change numbered ``start`` or later."""
        skip = max(0, start - self.first_id)
        if skip < len(self._kept):
            for index in range(skip, len(self._kept)):
                yield self._kept[index]

    def restart(self) -> None:
        """Forget everything, as a restart of AXL does."""
        self._born += 1
        self._next = 1
        self._kept.clear()
        self.queue_id = make_pkid("queue", self._seed, self._born)


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """An application user that AXL and RIS know.

    Attributes:
        password: its password.
        roles: names of its roles.
    """

    password: str = field(repr=False)
    roles: frozenset[str]


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
    trust: dict[str, list[Identity]] = field(default_factory=dict)
    changes: ChangeQueue = field(default_factory=ChangeQueue)
    lock: RLock = field(default_factory=RLock, repr=False)

    @property
    def security_mode(self) -> int:
        """0 for non-secure, 1 for mixed mode; kept where AXL reads it, set by `World.set_security_mode`."""
        return int(self.service_parameters.get((ENTERPRISE_NODE, ENTERPRISE_SERVICE, "ClusterSecurityMode"), "0"))

    @property
    def publisher(self) -> Node:
        """The publisher."""
        return next(node for node in self.nodes.values() if node.publisher)

    @property
    def major(self) -> int:
        """First number of the version."""
        return int(self.version.partition(".")[0])
