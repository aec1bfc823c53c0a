"""The certificate stores of every node, as each node's certificate API lists them."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ctlctl.inventory.each_node import each_node, web_nodes
from ctlctl.inventory.readings import StoreReading, StoreRow
from ctlctl_config.model import NodeSettings

if TYPE_CHECKING:
    from ctlctl.connectors.certificate_api_ports import CertificateReader, CertificateSnapshot


def read_stores(
    nodes: Iterable[NodeSettings],
    open_client: "Callable[[NodeSettings], CertificateReader]",
    *,
    left_out: Iterable[str] = (),
) -> Iterator[StoreRow]:
    """Ask every node for its certificates. Blocks.

    Args:
        nodes: the cluster's nodes in the settings; those without a web server are not asked.
        open_client: opens the certificate API of a node; raises ConnectorError.
        left_out: names of nodes that are not asked, such as those of IM and Presence.

    Yields:
        One row for each node that is asked: its certificates, or why there are none.
    """

    def ask(node: NodeSettings) -> tuple[StoreReading, ...]:
        client = open_client(node)
        try:
            return store_readings(client.snapshot())
        finally:
            client.close()

    yield from each_node(web_nodes(nodes, left_out), ask)


def store_readings(snapshot: "CertificateSnapshot") -> tuple[StoreReading, ...]:
    """Return what a node lists as readings.

    A certificate that cannot be read is there all the same, without its bytes: a unit whose own certificate nobody can
    read must not look like one that has none.
    """
    found = [StoreReading(one.store, one.place, one.file, one.der) for one in snapshot.certificates]
    unread = [StoreReading(one.store, one.place, one.file, b"") for one in snapshot.unread if one.place is not None]
    return tuple(dict.fromkeys([*found, *unread]))
