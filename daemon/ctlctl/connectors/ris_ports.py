"""RIS as the rest of the application sees it: settings, the error, what it tells of devices, and the port."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from ctlctl.connectors.axl_enums import UnknownText
from ctlctl.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from ctlctl.connectors.logins import LoginGuard
    from ctlctl.connectors.ports import TlsTrust
    from ctlctl.connectors.secret import Secret

DEFAULT_PORT: Final = 8443
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
# Devices in one answer since CUCM 9.1.
MAX_DEVICES_PER_CALL: Final = 1000
# A node takes 15 calls a minute, 18 at most, from all its clients together (enterprise parameter Allowed Device
# Queries Per Minute); a third of that leaves the operators' own tools their share.
DEFAULT_CALLS_PER_MINUTE: Final = 5.0
MAX_CALLS_PER_MINUTE: Final = 15.0
# Bytes of one answer: a device takes some 2 KB of XML.
DEFAULT_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
# Seconds that one call may spend waiting because the node's rate is used up.
DEFAULT_MAX_WAIT_SECONDS: Final = 300.0


class RisError(ConnectorError):
    """RIS did not do what it was asked."""


class ReturnCode(StrEnum):
    """RisReturnCode, of each node."""

    OK = "Ok"
    NOT_FOUND = "NotFound"
    INVALID_REQUEST = "InvalidRequest"
    INTERNAL_ERROR = "InternalError"
    NODE_NOT_RESPONDING = "NodeNotResponding"
    INVALID_NODE_NAME = "InvalidNodeName"


class RegistrationStatus(StrEnum):
    """CmDevRegStat."""

    REGISTERED = "Registered"
    UNREGISTERED = "UnRegistered"
    REJECTED = "Rejected"
    PARTIALLY_REGISTERED = "PartiallyRegistered"
    UNKNOWN = "Unknown"


class Httpd(StrEnum):
    """CmDevHttpd: whether a phone's web server is on."""

    YES = "Yes"
    NO = "No"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RisSettings:
    """How to reach RIS of one cluster; ask the publisher, it answers for all nodes.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        host: The publisher.
        username: A user with the role Standard RealtimeAndTraceCollection.
        password: Their password.
        tls: How the publisher proves itself.
        port: Its port.
        timeout_seconds: For one call and its whole answer, connecting included.
        calls_per_minute: Calls a minute at most.
        max_answer_bytes: Size of one answer, after decompression.
        max_wait_seconds: For all waits of one call while the node's rate is used up; 0 never waits.
        guard: As AXL's.

    Raises:
        ValueError: A number makes no sense, or the user name cannot be sent.
    """

    cluster: str
    host: str
    username: str
    password: "Secret" = field(repr=False)
    tls: "TlsTrust"
    port: int = DEFAULT_PORT
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    calls_per_minute: float = DEFAULT_CALLS_PER_MINUTE
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES
    max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS
    guard: "LoginGuard | None" = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.timeout_seconds > 0 or not self.max_wait_seconds >= 0:
            raise ValueError("timeout_seconds must be more than 0 and max_wait_seconds not negative")
        if not 0 < self.calls_per_minute <= MAX_CALLS_PER_MINUTE:
            raise ValueError(f"calls_per_minute must be more than 0 and at most {MAX_CALLS_PER_MINUTE:g}")
        if self.max_answer_bytes < 1:
            raise ValueError("max_answer_bytes must be at least 1")
        # RFC 7617 section 2: a colon would end the user name early.
        if not self.username.isprintable() or ":" in self.username or not self.username:
            raise ValueError("the user name is empty, or has a colon or a control character")


@dataclass(frozen=True, slots=True)
class RisDevice:
    """What RIS knows of a device. None means: not said. RIS knows nothing of LSCs or security modes.

    Attributes:
        name: Device name.
        node: Node that tells about it.
        status: Whether it is registered.
        status_reason: Why it is not, as a number (0: it is); a phone whose trust is broken has no number of its own.
        changed_at: Seconds since 1970 of the last change of status.
        httpd: Whether its web server is on, so that its certificate can be looked at.
        protocol: "SIP" or "SCCP".
        model: Number of the model (typemodel).
        product: Number of the product.
        active_load: Firmware that runs.
        download_status: How its last firmware download went.
        login_user: Who is logged in with Extension Mobility; "" for nobody.
        description: In the administrators' words.
        addresses: IPv4 addresses, then IPv6 ones.
    """

    name: str
    node: str
    status: RegistrationStatus | UnknownText | None
    status_reason: int | None
    changed_at: int | None
    httpd: Httpd | UnknownText | None
    protocol: str
    model: int | None
    product: int | None
    active_load: str
    download_status: str
    login_user: str
    description: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RisNode:
    """How a node answered; OK and NOT_FOUND are both normal."""

    name: str
    return_code: ReturnCode | UnknownText | None

    @property
    def has_answered(self) -> bool:
        """Whether what it said, or that it has nothing, can be relied on."""
        return self.return_code in {ReturnCode.OK, ReturnCode.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class RisBatch:
    """The answer to one call.

    Attributes:
        asked: Names that were asked for.
        devices: What the nodes know.
        nodes: How each node answered.
        is_cut: Whether there are more devices than an answer may have.
    """

    asked: tuple[str, ...]
    devices: tuple[RisDevice, ...]
    nodes: tuple[RisNode, ...]
    is_cut: bool = False

    @property
    def failed_nodes(self) -> tuple[RisNode, ...]:
        """Nodes that did not answer: a device that is missing may be registered there."""
        return tuple(node for node in self.nodes if not node.has_answered)

    @property
    def is_complete(self) -> bool:
        """Whether a device that is missing here is known to be nowhere."""
        return bool(self.nodes) and not self.failed_nodes and not self.is_cut


class RegistrationReader(Protocol):
    """The port to ask where devices are."""

    def devices(self, names: Iterable[str]) -> Iterator[RisBatch]:
        """Ask for devices by name, in calls of at most 1,000; raises RisError."""

    def close(self) -> None:
        """Close the connection."""
