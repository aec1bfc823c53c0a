"""Control Center Services as the rest of the application sees it: settings, the error, services, and the port."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from ctlctl.connectors.axl_enums import UnknownText
from ctlctl.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from ctlctl.connectors.ports import TlsTrust
    from ctlctl.connectors.secret import Secret

DEFAULT_PORT: Final = 8443
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
# Bytes of one answer: a node has some hundred services of about 300 bytes of XML each.
DEFAULT_MAX_ANSWER_BYTES: Final = 2 * 1024 * 1024
# Seconds that one call may spend waiting because the node's rate is used up; the node counts calls of a minute.
DEFAULT_MAX_WAIT_SECONDS: Final = 60.0
# Services of one answer. CUCM 15 has about a hundred.
MAX_SERVICES: Final = 1000

# ReasonCode of a service that nobody activated, and of one that somebody, or a failover, took out of service.
NOT_ACTIVATED: Final = -1068
COMMANDED_OUT: Final = -1069


class ControlCenterError(ConnectorError):
    """Control Center did not do what it was asked."""


class ServiceState(StrEnum):
    """ServiceStatus of ControlCenterServices.wsdl."""

    STARTED = "Started"
    STOPPED = "Stopped"
    STARTING = "Starting"
    STOPPING = "Stopping"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCenterSettings:
    """How to reach Control Center of one node; every node answers for itself alone.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        node: Name of the node; errors say it.
        host: Where it is.
        username: A user with the role Standard RealtimeAndTraceCollection, as for RIS.
        password: Their password.
        tls: How the node proves itself.
        port: Its port.
        timeout_seconds: For one call and its whole answer, connecting included.
        max_answer_bytes: Size of one answer, after decompression.
        max_wait_seconds: For all waits of one call while the node's rate is used up; 0 never waits.

    Raises:
        ValueError: A number makes no sense, or the user name cannot be sent.
    """

    cluster: str
    node: str
    host: str
    username: str
    password: "Secret" = field(repr=False)
    tls: "TlsTrust"
    port: int = DEFAULT_PORT
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES
    max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS

    def __post_init__(self) -> None:
        if not self.timeout_seconds > 0 or not self.max_wait_seconds >= 0:
            raise ValueError("timeout_seconds must be more than 0 and max_wait_seconds not negative")
        if self.max_answer_bytes < 1:
            raise ValueError("max_answer_bytes must be at least 1")
        # RFC 7617 section 2: a colon would end the user name early.
        if not self.username.isprintable() or ":" in self.username or not self.username:
            raise ValueError("the user name is empty, or has a colon or a control character")


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service of a node, as that node tells it. None means: not said.

    Attributes:
        name: As CUCM spells it, such as "Cisco CallManager".
        state: Whether it runs.
        reason_code: Why it does not, as a number; -1 where there is nothing to say.
        reason: The same in words; "" for none.
        start_time: When it was started, in the node's own spelling and local time; "" where it does not run.
        up_seconds: For how long it has run; None where it does not, or is not told.
    """

    name: str
    state: ServiceState | UnknownText | None
    reason_code: int | None
    reason: str
    start_time: str
    up_seconds: int | None

    @property
    def activated(self) -> bool | None:
        """Whether the service is activated; None where the answer leaves it open.

        A service that is "Commanded Out of Service" leaves it open: an administrator has stopped it, or it is one that
        CUCM itself stops on subscribers, such as Cisco DRF Master.
        """
        if self.reason_code == NOT_ACTIVATED or self.reason.casefold() == "service not activated":
            return False
        runs = {ServiceState.STARTED, ServiceState.STARTING, ServiceState.STOPPING}
        return True if self.state in runs else None


@dataclass(frozen=True, slots=True)
class ProductInformation:
    """What a node says of itself.

    Attributes:
        version: Version that runs, such as "14.0.1.13900-155"; "" where it does not tell.
        primary: Name of the publisher.
        secondary: Name of another node, if that means anything for the product.
        deployable: Feature service -> whether somebody can activate it; network services always run.
    """

    version: str
    primary: str
    secondary: str
    deployable: tuple[tuple[str, bool], ...] = ()


class ServiceReader(Protocol):
    """The port to ask one node for its services."""

    def services(self, names: Iterable[str] = ()) -> tuple[ServiceStatus, ...]:
        """Ask how services are, all without names; raises ControlCenterError."""

    def close(self) -> None:
        """Close the connection."""
