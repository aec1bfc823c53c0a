"""The trust lists that every TFTP node serves: over HTTP first, over TFTP where that does not work."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

from ctlctl.connectors.fetch import fetch
from ctlctl.connectors.ports import FetchError, FetchFault, FetchLimits, FetchTarget, Scheme
from ctlctl.inventory.words import Fault, ListKind
from ctlctl_config.model import NodeSettings

#: node, kind, the file (None where there is none), or why it could not be had.
ListRow: TypeAlias = tuple[str, ListKind, bytes | Fault | None]

_NAMES: Final[tuple[tuple[ListKind, str], ...]] = (("ctl", "CTLFile.tlv"), ("itl", "ITLFile.tlv"))
_LIMITS: Final = FetchLimits(deadline_seconds=20.0)
_THREADS: Final = 8


def read_lists(nodes: Iterable[NodeSettings]) -> Iterator[ListRow]:
    """Fetch both lists of every node that serves any. Blocks.

    Args:
        nodes: the cluster's nodes in the settings.

    Yields:
        One row for each node and list.
    """
    wanted = [(node, kind, name) for node in nodes if node.tftp for kind, name in _NAMES]
    with ThreadPoolExecutor(_THREADS, "lists") as pool:
        yield from pool.map(lambda one: (one[0].name, one[1], _read(one[0], one[2])), wanted)


def _read(node: NodeSettings, name: str) -> bytes | Fault | None:
    ways: list[tuple[Scheme, int]] = [("http", node.ports.http), ("tftp", node.ports.tftp)]
    said: list[FetchError] = []
    for scheme, port in ways:
        if not port:
            continue
        try:
            return fetch(FetchTarget(scheme, node.host, port, name), _LIMITS)
        except FetchError as error:
            if error.fault is FetchFault.NOT_FOUND:
                return None
            said.append(error)
    if not said:
        return Fault("invalid", f"{node.name}: neither an HTTP nor a TFTP port in the settings", "Set ports.http")
    detail = "; ".join(f"{name} from {error.endpoint}: {error.detail}" for error in said)
    return Fault(said[0].fault.value, detail, said[0].advice)
