"""A cluster's AXL and RIS, opened as its settings say (`view.ClusterView`)."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from ctlctl.cluster.access import require_identity, tls_trust
from ctlctl.cluster.soapsettings import axl_settings, ris_settings
from ctlctl.cluster.view import Registration, Registrations
from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_values import (
    AxlVersion,
    ClusterSecurity,
    KnownCertificate,
    LscColumn,
    NodeService,
    ProcessNode,
)
from ctlctl.connectors.errors import Place
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.ris_ports import Httpd, RegistrationStatus, RisDevice
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import ClusterSettings

#: Seconds that a question of the doctor or of `cluster add` may wait for a busy cluster: a person sits there. The
#: daemon waits for minutes.
_PATIENCE_SECONDS: Final = 10.0


class SoapView:
    """AXL and RIS of one cluster."""

    def __init__(self, axl: AxlClient, ris: RisClient) -> None:
        self._axl = axl
        self._ris = ris

    def version(self) -> AxlVersion:
        """Agree on a version."""
        return self._axl.version()

    def nodes(self) -> Sequence[ProcessNode]:
        """Return the nodes."""
        return self._axl.nodes()

    def services(self) -> Sequence[NodeService]:
        """Return which service is activated where."""
        return self._axl.services()

    def security(self) -> ClusterSecurity:
        """Return the cluster security mode."""
        return self._axl.security()

    def lsc_columns(self) -> frozenset[LscColumn]:
        """Return which columns about LSCs the database has."""
        return self._axl.lsc_columns()

    def certificates(self) -> Iterable[KnownCertificate]:
        """Give the certificates in the database."""
        return self._axl.certificates()

    def some_phones(self, limit: int) -> Sequence[str]:
        """Return names of phones: those of the first page."""
        return list(islice(self._axl.phone_names(), limit))

    def registrations(self, names: Sequence[str]) -> Registrations:
        """Ask RIS, in one call."""
        batches = list(self._ris.devices(names))
        return Registrations(
            tuple(_registration(device) for batch in batches for device in batch.devices),
            tuple(node.name for batch in batches for node in batch.failed_nodes),
        )

    def close(self) -> None:
        """Close both connections."""
        self._axl.close()
        self._ris.close()


def _registration(device: RisDevice) -> Registration:
    has_web = {Httpd.YES: True, Httpd.NO: False}.get(device.httpd) if isinstance(device.httpd, Httpd) else None
    registered = device.status is RegistrationStatus.REGISTERED
    return Registration(device.name, registered, next(iter(device.addresses), None), has_web)


def open_axl(name: str, cluster: ClusterSettings) -> AxlClient:
    """Open AXL of a cluster, for a person who waits.

    Raises:
        ConnectorError: the server presents a lab's certificate and the cluster is none, or cannot be reached.
        SecretError: the password cannot be had.
    """
    password = Secret(cluster.axl.read_password().get_secret_value())
    require_identity(name, cluster)
    return AxlClient(axl_settings(name, cluster, password, _trust(name, cluster), _PATIENCE_SECONDS))


def _trust(name: str, cluster: ClusterSettings) -> TlsTrust:
    return tls_trust(cluster, cluster.axl, Place(name, cluster.axl.host, "AXL")) or TlsTrust()


def open_view(name: str, cluster: ClusterSettings, password: Secret | None = None) -> SoapView:
    """Open AXL and RIS of a cluster.

    Args:
        name: its name.
        cluster: its settings.
        password: the password where it is not in its file yet; None reads it from there.

    Raises:
        ConnectorError: the server presents a lab's certificate and the cluster is none, or cannot be reached.
        SecretError: the password cannot be had.
    """
    axl = cluster.axl
    password = password or Secret(axl.read_password().get_secret_value())
    require_identity(name, cluster)
    trust = _trust(name, cluster)
    # The node counts RIS calls of the last minute: waiting for them would take half a minute each time.
    ris = ris_settings(name, cluster, password, trust, 0)
    return SoapView(AxlClient(axl_settings(name, cluster, password, trust, _PATIENCE_SECONDS)), RisClient(ris))
