"""What the doctor and the walk-in ask of a cluster's SOAP interfaces; `soapview` asks the real ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctlctl.connectors.axl_values import (
    AxlVersion,
    ClusterSecurity,
    KnownCertificate,
    LscColumn,
    NodeService,
    ProcessNode,
)


@dataclass(frozen=True, slots=True)
class Registration:
    """Where RIS says a phone is.

    Attributes:
        name: device name.
        registered: whether it is registered.
        address: its address, or None where RIS gives none.
        has_web: whether its web server is on; None where RIS does not know.
    """

    name: str
    registered: bool
    address: str | None
    has_web: bool | None


@dataclass(frozen=True, slots=True)
class Registrations:
    """What RIS says of some phones.

    Attributes:
        phones: those that a node knows.
        silent_nodes: nodes that did not answer; a phone that is missing may be registered there.
    """

    phones: tuple[Registration, ...] = ()
    silent_nodes: tuple[str, ...] = ()


class ClusterView(Protocol):
    """A cluster as AXL and RIS show it. Every method raises ConnectorError."""

    def version(self) -> AxlVersion:
        """Agree on a version."""

    def nodes(self) -> Sequence[ProcessNode]:
        """Return the nodes of the cluster, pseudo nodes left out."""

    def services(self) -> Sequence[NodeService]:
        """Return which service is activated where."""

    def security(self) -> ClusterSecurity:
        """Return the cluster security mode."""

    def lsc_columns(self) -> frozenset[LscColumn]:
        """Return which columns about LSCs the database has."""

    def certificates(self) -> Iterable[KnownCertificate]:
        """Give the certificates that the cluster's database knows."""

    def some_phones(self, limit: int) -> Sequence[str]:
        """Return names of phones, at most ``limit``."""

    def registrations(self, names: Sequence[str]) -> Registrations:
        """Ask RIS, in one call, where phones are."""

    def close(self) -> None:
        """Close connections."""
