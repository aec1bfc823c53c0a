"""From the settings file to what the AXL and RIS clients take."""

from ctlctl.connectors.axl_ports import AxlSettings
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris_ports import RisSettings
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import ClusterSettings


def axl_settings(  # noqa: PLR0913 - which cluster, as whom, how patiently
    name: str,
    cluster: ClusterSettings,
    password: Secret,
    trust: TlsTrust,
    patience_seconds: float,
    username: str | None = None,
) -> AxlSettings:
    """Return how to reach AXL.

    Args:
        name: the cluster's name.
        cluster: its settings.
        password: of the user in them.
        trust: how the publisher proves itself.
        patience_seconds: for all waits of one call on a busy cluster; 0 never waits.
        username: another user than the one in the table.
    """
    axl = cluster.axl
    return AxlSettings(
        cluster=name,
        host=axl.host,
        port=axl.port,
        username=username or axl.username,
        password=password,
        tls=trust,
        version=axl.version,
        timeout_seconds=axl.timeout_seconds,
        writes_per_second=axl.writes_per_second,
        page_size=axl.page_size,
        max_wait_seconds=patience_seconds,
    )


def ris_settings(
    name: str, cluster: ClusterSettings, password: Secret, trust: TlsTrust, patience_seconds: float
) -> RisSettings:
    """Return how to reach RIS, which is on the same host, with the same user; arguments as for `axl_settings`."""
    axl = cluster.axl
    return RisSettings(
        cluster=name,
        host=axl.host,
        port=axl.port,
        username=axl.username,
        password=password,
        tls=trust,
        timeout_seconds=axl.timeout_seconds,
        calls_per_minute=cluster.ris.calls_per_minute,
        max_wait_seconds=patience_seconds,
    )
