"""AXL as the rest of the application sees it: settings, the error, and the ports to read and to write."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from ctlctl.connectors.errors import ConnectorError
from ctlctl.connectors.logins import LoginGuard
from ctlctl.connectors.ports import TlsTrust

if TYPE_CHECKING:
    from ctlctl.connectors.axl_enums import ChangeKind
    from ctlctl.connectors.axl_parameters import ParameterMap
    from ctlctl.connectors.axl_values import (
        AxlVersion,
        CallManager,
        CallManagerGroup,
        CapfProfile,
        CapfProfileChange,
        CapfUserKind,
        ChangeCursor,
        Changes,
        ClusterSecurity,
        DevicePool,
        Gateway,
        KnownCertificate,
        LscColumn,
        NewCapfProfile,
        NodeService,
        Parameter,
        Phone,
        PhoneChange,
        ProcessNode,
        SecurityProfile,
        SecurityProfileChange,
        SipTrunk,
        Srst,
        TvsCertificate,
    )
    from ctlctl.connectors.secret import Secret

SchemaVersion: TypeAlias = Literal["11.5", "12.5", "14.0"]
# Newest first. 15 made no change to AXL, and 14.0 is served there (AXL Developer Guide).
SCHEMA_VERSIONS: Final[tuple[SchemaVersion, ...]] = ("14.0", "12.5", "11.5")

DEFAULT_PORT: Final = 8443
DEFAULT_TIMEOUT_SECONDS: Final = 30.0
# Changes a second to start with; the guide gives no number since writes are throttled by load, older ones said 25.
START_WRITES_PER_SECOND: Final = 1.0
MAX_WRITES_PER_SECOND: Final = 5.0
# Rows asked for at once: about 1 MB of phones, an eighth of what AXL answers with at most.
DEFAULT_PAGE_SIZE: Final = 1000
MAX_PAGE_SIZE: Final = 10_000
# Bytes of one answer. AXL refuses answers over 8 MB (AXL Developer Guide); XML around them may double that.
DEFAULT_MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
# Seconds that one call may spend waiting, all waits together, for a cluster that says it is busy.
DEFAULT_MAX_WAIT_SECONDS: Final = 300.0


class AxlError(ConnectorError):
    """AXL did not do what it was asked.

    Attributes:
        code: The `axlcode` of a fault, such as 5007; None where there is none.
    """

    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AxlSettings:
    """How to reach AXL of one cluster.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        host: The publisher.
        username: An application or end user with the AXL roles.
        password: Their password.
        tls: How the publisher proves itself.
        port: Its port.
        version: The one version to speak, or "auto" for the newest that the cluster serves.
        timeout_seconds: For one request and its whole answer, connecting included.
        writes_per_second: Changes a second at most; they start at 1 a second, or at this if it is less.
        page_size: Rows to ask for at once; driven down where the cluster says so.
        max_answer_bytes: Size of one answer, after decompression.
        max_wait_seconds: For all waits of one call on a busy cluster; 0 never waits.
        parameter_names: Internal names of parameters by their label, as somebody has verified them on this very
            cluster; they add to what is known (see `axl_parameters`).
        guard: Whatever is sent goes through it; None for a password that nobody minds.

    Raises:
        ValueError: A number makes no sense, or the user name cannot be sent.
    """

    cluster: str
    host: str
    username: str
    password: "Secret" = field(repr=False)
    tls: TlsTrust
    port: int = DEFAULT_PORT
    version: Literal["auto"] | SchemaVersion = "auto"
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    writes_per_second: float = START_WRITES_PER_SECOND
    page_size: int = DEFAULT_PAGE_SIZE
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES
    max_wait_seconds: float = DEFAULT_MAX_WAIT_SECONDS
    parameter_names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    guard: LoginGuard | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.version not in {"auto", *SCHEMA_VERSIONS}:
            raise ValueError(f"version is one of auto, {', '.join(SCHEMA_VERSIONS)}")
        if not self.timeout_seconds > 0 or not self.max_wait_seconds >= 0:
            raise ValueError("timeout_seconds must be more than 0 and max_wait_seconds not negative")
        if not 0 < self.writes_per_second <= MAX_WRITES_PER_SECOND:
            raise ValueError(f"writes_per_second must be more than 0 and at most {MAX_WRITES_PER_SECOND:g}")
        if not 1 <= self.page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"page_size must be 1 to {MAX_PAGE_SIZE}")
        if self.max_answer_bytes < 1:
            raise ValueError("max_answer_bytes must be at least 1")
        # RFC 7617 section 2: a colon would end the user name early.
        if not self.username.isprintable() or ":" in self.username or not self.username:
            raise ValueError("the user name is empty, or has a colon or a control character")


class AxlObserver(Protocol):
    """Hears of every request, for whoever counts them. Its methods return at once and raise nothing."""

    def axl_request(self, cluster: str, op: str) -> None:
        """A request was sent."""

    def axl_throttled(self, cluster: str, op: str) -> None:
        """The cluster said that it is busy."""


class AxlReader(Protocol):
    """The port to read a cluster's configuration. Every method raises AxlError, an iterator also while it runs."""

    def version(self) -> "AxlVersion":
        """Agree on a version."""

    def lsc_columns(self) -> "frozenset[LscColumn]":
        """Return which columns about LSCs the database has."""

    def phones(self, name_like: str = "%", *, security_profile: str | None = None) -> "Iterator[Phone]":
        """Give phones, page by page."""

    def phone_names(self, name_like: str = "%") -> "Iterator[str]":
        """Give the names of phones and ask for nothing else."""

    def phone(self, name: str) -> "Phone":
        """Read one phone."""

    def security_profiles(self) -> "Iterator[SecurityProfile]":
        """Give the phone security profiles."""

    def security_profile(self, name: str) -> "SecurityProfile":
        """Read one phone security profile."""

    def capf_profiles(self, kind: "CapfUserKind") -> "Iterator[CapfProfile]":
        """Give the CAPF profiles of one kind of user."""

    def capf_profile(self, kind: "CapfUserKind", pkid: str) -> "CapfProfile":
        """Read one CAPF profile."""

    def nodes(self) -> "tuple[ProcessNode, ...]":
        """Return the nodes, pseudo nodes left out."""

    def services(self, node_like: str = "%") -> "tuple[NodeService, ...]":
        """Return which service is activated where."""

    def callmanagers(self) -> "Iterator[CallManager]":
        """Give the CallManagers."""

    def callmanager_groups(self) -> "Iterator[CallManagerGroup]":
        """Give the CallManager groups with their members."""

    def device_pools(self) -> "Iterator[DevicePool]":
        """Give the device pools."""

    def srsts(self) -> "Iterator[Srst]":
        """Give the SRST references."""

    def sip_trunks(self) -> "Iterator[SipTrunk]":
        """Give the SIP trunks."""

    def gateways(self) -> "Iterator[Gateway]":
        """Give the gateways."""

    def parameters(self, node_like: str = "%", service_like: str = "%") -> "Iterator[Parameter]":
        """Give service and enterprise parameters."""

    def parameter(self, node: str, service: str, name: str) -> "Parameter":
        """Read one parameter by its internal name."""

    def parameter_map(self) -> "ParameterMap":
        """Find out which labels stand for which parameters of this cluster."""

    def security(self) -> "ClusterSecurity":
        """Return the cluster security mode."""

    def certificates(self) -> "Iterator[KnownCertificate]":
        """Give the certificates in the cluster's database."""

    def tvs_certificates(self) -> "Iterator[TvsCertificate]":
        """Give the certificates that TVS vouches for."""

    def tvs_certificate(self, pkid: str) -> "TvsCertificate":
        """Read one of them with its roles and services."""

    def changes(self, cursor: "ChangeCursor | None" = None, kinds: "Iterable[ChangeKind]" = ()) -> "Changes":
        """Read what has changed since a cursor, or get a cursor to start from."""

    def close(self) -> None:
        """Close the connection."""


class AxlWriter(Protocol):
    """The port to change a cluster. Every method raises AxlError, with fault "uncertain" if nobody knows."""

    def update_phone(self, name: str, change: "PhoneChange") -> None:
        """Change a phone; it takes effect when the phone is applied or reset."""

    def apply_phone(self, name: str) -> None:
        """Apply a phone's configuration."""

    def reset_phone(self, name: str) -> None:
        """Reset a phone."""

    def update_security_profile(self, name: str, change: "SecurityProfileChange") -> None:
        """Change a phone security profile."""

    def apply_security_profile(self, name: str) -> None:
        """Apply a phone security profile to every phone that uses it."""

    def add_capf_profile(self, kind: "CapfUserKind", profile: "NewCapfProfile") -> str:
        """Add a CAPF profile; returns its key."""

    def update_capf_profile(self, kind: "CapfUserKind", pkid: str, change: "CapfProfileChange") -> None:
        """Change a CAPF profile."""

    def remove_capf_profile(self, kind: "CapfUserKind", pkid: str) -> None:
        """Remove a CAPF profile."""

    def update_parameter(self, label: str, value: str, *, node: str | None = None) -> None:
        """Change a parameter by its label, if this cluster's internal name for it is known."""
