"""When each node last answered each source that asks it by itself: the newer of two words counts."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from ctlctl.inventory.nodenames import NodeNames, folded
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

_T = TypeVar("_T")


class Answers:
    """When nodes answered.

    Args:
        snapshot: what is known.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._names = NodeNames(one.node for one in snapshot.node_states)
        self._states = {(one.source, folded(one.node)): one for one in snapshot.node_states}

    def at(self, source: Source, node: str, since: int) -> int:
        """Return when a node last answered a source; ``since`` where that is not kept, which is surely not too late."""
        state = self._states.get((source, self._names.key(node)))
        return since if state is None or state.at is None else max(state.at, since)

    def newest(self, facts: Iterable[_T], when: Callable[[_T], int]) -> _T:
        """Return the fact that was said last; of two at the same time the first."""
        return max(facts, key=when)

    def is_well(self, source: Source, node: str) -> bool:
        """Tell whether a node answered a source when it was last asked."""
        state = self._states.get((source, self._names.key(node)))
        return state is not None and state.at is not None and state.fault is None


def silent_nodes(snapshot: Snapshot) -> frozenset[str]:
    """Return the nodes of which no port answers: that is told once, as such."""
    asked: dict[str, list[bool]] = {}
    for state in snapshot.ports:
        asked.setdefault(folded(state.node), []).append(state.fault is not None)
    return frozenset(node for node, silent in asked.items() if len(silent) > 1 and all(silent))
