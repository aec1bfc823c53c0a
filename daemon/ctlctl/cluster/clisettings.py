"""From the settings of a cluster to those of the platform CLI of one of its nodes."""

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.platform_cli_ports import INTERFACE, CliSettings, PlatformCliError
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import ClusterSettings, NodeSettings


def cli_settings(name: str, cluster: ClusterSettings, node: NodeSettings, password: Secret) -> CliSettings:
    """Return how to reach the platform CLI of a node.

    Args:
        name: the cluster's name.
        cluster: its settings.
        node: the node's.
        password: of the platform account.

    Raises:
        PlatformCliError: the settings have no platform account.
    """
    platform = cluster.platform
    if platform is None:
        detail = f"the settings of {name} have no [clusters.{name}.platform]"
        place = Place(name, node.name, INTERFACE)
        raise PlatformCliError(ConnectorFault.INVALID, detail, place=place, advice="Write that table, or do not ask")
    return CliSettings(
        cluster=name,
        node=node.name,
        host=node.host,
        port=node.ports.ssh,
        username=platform.username,
        password=password,
        host_key=node.ssh_host_key,
        sha1_key_exchange=platform.sha1_key_exchange,
        login_seconds=platform.login_seconds,
        command_seconds=platform.command_seconds,
    )
