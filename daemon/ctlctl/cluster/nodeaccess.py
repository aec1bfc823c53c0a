"""A node's own interfaces on its web server's port, opened as the settings say: Control Center and certificate API."""

import time
from typing import Final

from ctlctl.cluster.access import AccessError, tls_trust
from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab_der
from ctlctl.connectors.certificate_api import INTERFACE as CERTIFICATE_API
from ctlctl.connectors.certificate_api import CertificateApiClient
from ctlctl.connectors.certificate_api_ports import CertificateApiSettings
from ctlctl.connectors.control_center import INTERFACE as CONTROL_CENTER
from ctlctl.connectors.control_center import ControlCenterClient
from ctlctl.connectors.control_center_ports import ControlCenterSettings
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.pacing import Sleep
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.tls_probe import probe
from ctlctl_config.model import ClusterSettings, NodeSettings

#: Seconds for looking at who answers, before a password is sent.
_LOOK_SECONDS: Final = 10.0


def open_control_center(  # noqa: PLR0913 - which node of what, with what password, how patiently
    name: str,
    cluster: ClusterSettings,
    node: NodeSettings,
    password: Secret,
    *,
    patience_seconds: float = 60.0,
    sleep: Sleep = time.sleep,
) -> ControlCenterClient:
    """Open Control Center of a node.

    Args:
        name: the cluster's name.
        cluster: its settings.
        node: the node's.
        password: of the AXL account.
        patience_seconds: for all waits of one call on a busy node; 0 never waits.
        sleep: waits that many seconds.

    Raises:
        ConnectorError: the node presents a lab's certificate and the cluster is none, or cannot be reached.
    """
    settings = ControlCenterSettings(
        cluster=name,
        node=node.name,
        host=node.host,
        port=node.ports.tomcat,
        username=cluster.axl.username,
        password=password,
        tls=_trust(cluster, node, Place(name, node.name, CONTROL_CENTER)),
        timeout_seconds=cluster.axl.timeout_seconds,
        max_wait_seconds=patience_seconds,
    )
    return ControlCenterClient(settings, sleep=sleep)


def open_certificate_api(
    name: str, cluster: ClusterSettings, node: NodeSettings, username: str, password: Secret
) -> CertificateApiClient:
    """Open the certificate API of a node.

    Args:
        name: the cluster's name.
        cluster: its settings.
        node: the node's.
        username: the platform account.
        password: of the platform account.

    Raises:
        ConnectorError: the node presents a lab's certificate and the cluster is none, or cannot be reached.
    """
    return CertificateApiClient(
        CertificateApiSettings(
            cluster=name,
            node=node.name,
            host=node.host,
            port=node.ports.tomcat,
            username=username,
            password=password,
            tls=_trust(cluster, node, Place(name, node.name, CERTIFICATE_API)),
        )
    )


def _trust(cluster: ClusterSettings, node: NodeSettings, place: Place) -> TlsTrust:
    """Return how a node has to prove itself; a password is never sent to anybody else.

    A node whose settings do not say it must present what AXL's say: a certificate for several servers is the same on
    all of them, and an authority issues those of all nodes.
    """
    if not cluster.lab:
        # A pin says nothing about what it pins; see `access.require_identity`.
        presented = probe(node.host, node.ports.tomcat, _LOOK_SECONDS, place=place)
        if any(is_lab_der(der) for der in presented.chain):
            raise AccessError(ConnectorFault.TLS, REFUSAL, place=place, advice=ADVICE)
    return tls_trust(cluster, node, place) or tls_trust(cluster, cluster.axl, place) or TlsTrust()
