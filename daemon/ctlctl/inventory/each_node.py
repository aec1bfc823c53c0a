"""Asking every node the same thing with one account, so that a wrong password is tried once and not on all of them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodeSettings

#: Nodes asked at the same time, once one of them has taken the account.
_THREADS: Final = 4
#: Faults with which a node is left alone for the round: the account is wrong, and each further try may lock it.
_REFUSED: Final = ConnectorFault.CREDENTIALS

_T = TypeVar("_T")


def web_nodes(nodes: Iterable[NodeSettings], left_out: Iterable[str] = ()) -> list[NodeSettings]:
    """Return the nodes that have a web server to ask.

    Args:
        nodes: the cluster's nodes in the settings.
        left_out: names of nodes that are not to be asked, such as those of IM and Presence.
    """
    without = {name.lower() for name in left_out}
    return [node for node in nodes if node.ports.tomcat and node.name.lower() not in without]


def each_node(nodes: Iterable[NodeSettings], ask: Callable[[NodeSettings], _T]) -> Iterator[tuple[str, _T | Fault]]:
    """Ask every node; one that fails keeps none of the others from being asked. Blocks.

    One node at a time until one has answered, and then several: CUCM locks an account after a few wrong passwords, and
    how many are on their way must not depend on the number of nodes.

    Args:
        nodes: whom to ask.
        ask: asks one; what it raises as ConnectorError becomes a Fault.

    Yields:
        Name and answer of each node, in their order. Once a node has refused the account, the rest is not asked.
    """
    refused: list[str] = []

    def one(node: NodeSettings) -> tuple[str, _T | Fault]:
        if refused:
            detail = f"{node.name} was not asked: {refused[0]} refused the account"
            return node.name, Fault(_REFUSED.value, detail, "Correct the account; see what that node says")
        try:
            return node.name, ask(node)
        except ConnectorError as error:
            if error.fault is _REFUSED:
                refused.append(node.name)
            return node.name, Fault(error.fault.value, error.detail, error.advice)

    rest = iter(nodes)
    for node in rest:
        name, answer = one(node)
        yield name, answer
        if not isinstance(answer, Fault):
            break
    with ThreadPoolExecutor(_THREADS, "nodes") as pool:
        yield from pool.map(one, rest)
