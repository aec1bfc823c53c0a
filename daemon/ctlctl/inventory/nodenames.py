"""Names of nodes, whichever way a source spells them: short, in full, capitalised. Pure."""

from collections.abc import Iterable


def folded(node: str) -> str:
    """Return a node's name as it is compared."""
    return node.casefold().rstrip(".")


class NodeNames:
    """The names of a cluster's nodes, by which others are recognised."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the names.

        Args:
            names: of all nodes that are known.
        """
        self._names = {folded(name) for name in names}
        self._by_short: dict[str, list[str]] = {}
        for name in self._names:
            short = name.partition(".")[0]
            # The first number of an address is no short name.
            if not short.isdecimal():
                self._by_short.setdefault(short, []).append(name)

    def key(self, node: str) -> str:
        """Return what stands for a node: its known name, folded; its own where none, or more than one, is like it.

        Args:
            node: its name as somebody spells it.
        """
        name = folded(node)
        if name in self._names:
            return name
        alike = self._by_short.get(name.partition(".")[0], [])
        return alike[0] if len(alike) == 1 else name
