"""SSH host keys for `ctlctl cluster add`: what each node presents, shown and confirmed before it is written down."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ctlctl.cluster.dialogue import Dialogue
from ctlctl.connectors.errors import ConnectorError, Place
from ctlctl.connectors.platform_cli_ports import INTERFACE
from ctlctl.connectors.ports import join_endpoint
from ctlctl_config.model import NodePorts

#: Seconds for looking at one node.
_SECONDS: Final = 10.0


class HostKeys(NamedTuple):
    """What is known beforehand of host keys.

    Attributes:
        confirmed: fingerprints that somebody has compared.
        silent: whether nobody is to be asked; then only those are pinned.
    """

    confirmed: frozenset[str]
    silent: bool


def with_host_keys(
    cluster: str, nodes: Iterable[Mapping[str, object]], known: HostKeys, dialogue: Dialogue
) -> Sequence[dict[str, object]]:
    """Return the tables of nodes with the host keys that were confirmed.

    A node that does not answer, or whose key nobody vouches for, stays without one: the platform CLI refuses to log in
    there, and says so.

    Args:
        cluster: name of the cluster, for errors.
        nodes: their tables for the settings.
        known: which keys are right already.
        dialogue: asks about the others.
    """
    return [{**node, **_pin(cluster, node, known, dialogue)} for node in nodes]


def _pin(cluster: str, node: Mapping[str, Any], known: HostKeys, dialogue: Dialogue) -> dict[str, object]:
    from ctlctl.connectors.platform_cli_ssh import presented_host_key  # noqa: PLC0415 - most clusters are added without

    name, host = str(node["name"]), str(node["host"])
    port = int(node.get("ports", {}).get("ssh", NodePorts().ssh))
    if not port:
        return {}
    try:
        key = presented_host_key(host, port, _SECONDS, place=Place(cluster, name, INTERFACE))
    except ConnectorError as error:
        dialogue.tell(f"{name}: no SSH host key, so none is pinned ({error.detail})")
        return {}
    if key.fingerprint in known.confirmed:
        return {"ssh_host_key": key.fingerprint}
    dialogue.tell(f"{join_endpoint(host, port)} presents the SSH host key {key}")
    if known.silent:
        dialogue.tell(f"{name}: nobody vouches for its SSH host key (give --host-key), so none is pinned")
        return {}
    question = "Compare it with what another computer knows of the node (ssh-keygen -l -F NODE). Is it the same?"
    return {"ssh_host_key": key.fingerprint} if dialogue.confirm(question, "--host-key with the fingerprint") else {}
