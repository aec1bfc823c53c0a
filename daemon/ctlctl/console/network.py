"""`show network cluster`: the nodes and whether they are authenticated to each other.

One line for each node: address, full name, host, Publisher or Subscriber, product, DBPub or DBSub (both since 9.x), and
the state. The node that answers says plain ``authenticated``; its list of addresses stands on the publisher only.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import ConsoleDate, Line, Output, read_date

_ADDRESS = r"[0-9A-Fa-f]{0,4}[.:][0-9A-Fa-f.:]{1,44}"
_NODE = re.compile(
    rf"\s*({_ADDRESS})\s+(\S+)\s+(\S+)\s+(Publisher|Subscriber)(?:\s+([a-z][\w-]*)\s+(DBPub|DBSub))?\s+"
    r"((?:not )?[Aa]uthenticated)(?: using (\S+))?(?: since (.+))?"
)
_TABLE = re.compile(r"\s*Server Table \(processnode\) Entries\s*", re.IGNORECASE)
_DASHES = re.compile(r"\s*-+\s*")
# An entry is an address, or a name: the table holds what the administrator entered.
_ENTRY = re.compile(r"\s*([A-Za-z0-9](?:[\w.:-]{0,253}))\s*")


@dataclass(frozen=True, slots=True)
class NetworkNode:
    """One node.

    Attributes:
        address: its address.
        name: its full name, or whatever stands in that place.
        host: its host name.
        publisher: True for the publisher.
        product: ``callmanager``, ``cups`` and so on; None in the form before 9.x.
        database: ``DBPub`` or ``DBSub``; None likewise.
        authenticated: whether it is.
        transport: such as ``TCP``; None for the node that answers.
        since: since when, in its local time; None likewise.
        line: number of its line.
    """

    address: str
    name: str
    host: str
    publisher: bool
    product: str | None
    database: str | None
    authenticated: bool
    transport: str | None
    since: ConsoleDate | None
    line: int


@dataclass(frozen=True, slots=True)
class NetworkCluster:
    """The whole answer: nodes, the server table (None where it is not printed), lines that were not understood."""

    nodes: tuple[NetworkNode, ...]
    server_table: tuple[str, ...] | None
    unread: tuple[Line, ...]


def parse_network_cluster(text: str) -> NetworkCluster:
    """Read the output of `show network cluster`.

    Raises:
        ConsoleError: the text is too large or shows no node; nothing else.
    """
    output = Output(text, "show network cluster", "a node: address, names, Publisher or Subscriber, state")
    nodes: list[NetworkNode] = []
    table: list[str] | None = None
    for line in output.lines:
        if found := _NODE.fullmatch(line.text):
            nodes.append(
                NetworkNode(
                    found[1],
                    found[2],
                    found[3],
                    found[4] == "Publisher",
                    found[5],
                    found[6],
                    not found[7].startswith("not"),
                    found[8],
                    read_date(found[9]) if found[9] else None,
                    line.number,
                )
            )
        elif _TABLE.fullmatch(line.text):
            table = table or []
        elif table is not None and (found := _ENTRY.fullmatch(line.text)):
            table.append(found[1])
        elif table is None or not _DASHES.fullmatch(line.text):
            output.leave(line)
    output.require(recognised=bool(nodes))
    return NetworkCluster(tuple(nodes), None if table is None else tuple(table), output.unread)
