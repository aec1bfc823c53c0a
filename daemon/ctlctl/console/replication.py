"""`utils dbreplication runtimestate`: the state of database replication, node by node.

Two forms of the table: 9.x (RPC, status, queue, version, loop, setup) and 10.x to 15 (``Y/Y/Y``, queue, group, setup).
Setup 2 or ``-`` with "Setup Completed" is good, anything else is bad; the publisher's row may lack the number. Above
the table stands what the last check of all tables found. That they agree has known words (``NO ERRORS``, ``All Tables
are in sync``, ``No Errors or Mismatches found.``); how a difference is worded no source prints, so whatever speaks of
it in other words is taken for one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ctlctl.console.text import Line, Mismatch, Output, whole

_ADDRESS = r"([0-9A-Fa-f]{0,4}[.:][0-9A-Fa-f.:]{1,44})"
_SETUP = r"\(([0-9]{1,2}|-)\)\s*(.*)"
_ROW = re.compile(
    rf"\s*(\S+)\s+{_ADDRESS}\s+(\S+)\s+([YN-])/([YN-])/([YN-])\s+(\S+)\s+\(([^()\s]{{1,40}})\)\s+{_SETUP}",
    re.IGNORECASE,
)
_OLD_ROW = re.compile(rf"\s*(\S+)\s+{_ADDRESS}\s+(\S+)\s+(Yes|No)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+{_SETUP}")
_FIELD = re.compile(
    r"\s*(DB and Replication Services|DB CLI Status|Cluster Replication State|Last Sync Result|Sync Status|Sync Errors"
    r"|Last Completed Table|DB Version|Number of replicated tables|Repltimeout set to|Server Time) ?: *(.*)",
    re.IGNORECASE,
)
_VIEW = re.compile(r"\s*Cluster Detailed View from (.{1,80}?) \(([0-9]{1,6}) Servers?\):?\s*", re.IGNORECASE)
_SYNCED = re.compile(r"\b([0-9]{1,9}) tables sync'?ed out of ([0-9]{1,9})\.?", re.IGNORECASE)
#: `utils dbreplication status` or `repair` that ran last: how far it came, what it found, where it wrote that.
_CHECK = re.compile(r"\s*Replication (?:status|repair) command (.+)", re.IGNORECASE)
_FOUND = re.compile(r"\s*(.*\berrors? or mismatch(?:es)?\b.*)", re.IGNORECASE)
_FILE = re.compile(r"\s*Use 'file view activelog .*", re.IGNORECASE)
_NONE_FOUND = re.compile(r"no errors or mismatches(?: were)? found\W*", re.IGNORECASE)
_NO_ERRORS = re.compile(r"(?:no errors|none|0)?\W*", re.IGNORECASE)
_IN_SYNC = re.compile(r"(?:all )?tables are in sync\W*", re.IGNORECASE)
_OUT_OF_SYNC = re.compile(r"\b(?:not in|out of) sync\b|\berror|\bmismatch|\bdiffer", re.IGNORECASE)
_MATCH = frozenset({"match", "-"})
#: Characters of what a check found that are kept.
_MOST_WORDS = 200
_HEADS = re.compile(r"\s*(?:PING\s.*|SERVER-NAME\s.*|-{2,}(?:\s+-{2,})*|-+)\s*")
_SINGLE = re.compile(r"\s*Runtime state cannot be performed on a cluster with a single active node\b.*", re.IGNORECASE)
_DOWN = re.compile(r"\s*Cisco DB is not running\b.*", re.IGNORECASE)
_COMPLETED = "setup completed"


@dataclass(frozen=True, slots=True)
class ReplicationNode:
    """One node's row.

    Attributes:
        server: its name.
        address: its address.
        ping_ms: milliseconds, or None where no number is printed.
        rpc: whether remote calls reach it, or None.
        database: whether its database answers (10.x on), or None.
        monitor: whether its replication monitor answers (10.x on), or None.
        status: the replication status in words (9.x), or None.
        queue: entries in its queue, or None.
        group: its replication group, such as ``g_2`` (10.x on), or None.
        tables: ``match`` or not (9.x), or None.
        setup: the number in brackets, or None where a dash is printed.
        details: the words behind it.
        line: number of its line.
    """

    server: str
    address: str
    ping_ms: float | None
    rpc: bool | None
    database: bool | None
    monitor: bool | None
    status: str | None
    queue: int | None
    group: str | None
    tables: str | None
    setup: int | None
    details: str
    line: int

    @property
    def differs(self) -> str:
        """What the row says against its tables (9.x), in words; "" for nothing."""
        return "" if self.tables is None or self.tables.casefold() in _MATCH else f"tables: {self.tables}"

    @property
    def good(self) -> bool:
        """True for setup 2 or a dash, with the words "Setup Completed"."""
        return self.setup in (2, None) and _COMPLETED in self.details.casefold()


@dataclass(frozen=True, slots=True)
class ReplicationState:
    """The whole answer.

    Attributes:
        fields: (name, words) of the lines above the table, in order.
        checks: what the last check of all tables says, line by line.
        view_from: the node whose view it is, or None.
        servers: how many servers it says there are, or None.
        nodes: the rows.
        single_node: True when the console says there is nothing to replicate with.
        database_down: True when it says that the database does not run.
        unread: lines that were not understood.
        mismatches: figures that contradict each other.
    """

    fields: tuple[tuple[str, str], ...]
    checks: tuple[str, ...]
    view_from: str | None
    servers: int | None
    nodes: tuple[ReplicationNode, ...]
    single_node: bool
    database_down: bool
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]

    def field(self, name: str) -> str | None:
        """Return the words behind a name, whatever its case, or None."""
        return next((words for key, words in self.fields if key.casefold() == name.casefold()), None)

    @property
    def differs(self) -> str:
        """What speaks against all tables being the same everywhere, in CUCM's words; "" for nothing."""
        said = [words for words in self.checks if _FOUND.fullmatch(words) and not _NONE_FOUND.fullmatch(words)]
        errors, sync = (self.field("Sync Errors") or "").strip(), (self.field("Sync Status") or "").strip()
        if not _NO_ERRORS.fullmatch(errors):
            said.append(f"Sync Errors: {errors}")
        if _OUT_OF_SYNC.search(sync) and not _IN_SYNC.fullmatch(sync):
            said.append(f"Sync Status: {sync}")
        return "; ".join(said)[:_MOST_WORDS]

    @property
    def own(self) -> ReplicationNode | None:
        """The row of the node that was asked, as far as the table says whose view it is."""
        view = (self.view_from or "").casefold()
        return next((node for node in self.nodes if node.server.casefold() == view), None)


def parse_replication(text: str) -> ReplicationState:
    """Read the output of `utils dbreplication runtimestate`.

    Raises:
        ConsoleError: the text is too large or is no such answer; nothing else.
    """
    output = Output(text, "utils dbreplication", "a row of the replication table, or why there is none")
    reader = _Reader()
    output.each(reader.take)
    known = bool(reader.nodes) or reader.single_node or reader.database_down
    output.require(recognised=known or bool(reader.fields))
    return ReplicationState(
        tuple((name, words) for name, words, _ in reader.fields),
        tuple(reader.checks),
        reader.view[0] if reader.view else None,
        reader.view[1] if reader.view else None,
        tuple(reader.nodes),
        reader.single_node,
        reader.database_down,
        output.unread,
        tuple(reader.mismatches()),
    )


class _Reader:
    def __init__(self) -> None:
        self.fields: list[tuple[str, str, int]] = []
        self.checks: list[str] = []
        self.view: tuple[str, int, int] | None = None
        self.nodes: list[ReplicationNode] = []
        self.single_node = False
        self.database_down = False

    def take(self, line: Line) -> bool:
        text = line.text
        if found := _FIELD.fullmatch(text):
            self.fields.append((found[1], found[2], line.number))
            if _FOUND.fullmatch(found[2]):
                self.checks.append(found[2].strip())
        elif (found := _CHECK.fullmatch(text)) or (found := _FOUND.fullmatch(text)):
            self.checks.append(text.strip())
        elif _FILE.fullmatch(text):
            pass
        elif found := _VIEW.fullmatch(text):
            self.view = self.view or (found[1], int(found[2]), line.number)
        elif _SINGLE.fullmatch(text):
            self.single_node = True
        elif _DOWN.fullmatch(text):
            self.database_down = True
        elif (node := _row(line) or _old_row(line)) is not None:
            self.nodes.append(node)
        else:
            return _HEADS.fullmatch(text) is not None
        return True

    def mismatches(self) -> Iterator[Mismatch]:
        for name, words, line in self.fields:
            found = _SYNCED.search(words) if name.casefold() == "last sync result" else None
            if found and found[1] != found[2]:
                yield Mismatch(line, "the number of tables to synchronise", int(found[2]), int(found[1]))
        if self.view and self.view[1] != len(self.nodes):
            yield Mismatch(self.view[2], "the number of servers", self.view[1], len(self.nodes))


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text) else None


def _yes(letter: str) -> bool | None:
    return {"y": True, "n": False}.get(letter.lower())


def _row(line: Line) -> ReplicationNode | None:
    found = _ROW.fullmatch(line.text)
    if found is None:
        return None
    # The head of this column reads DB/RPC/DbMon.
    return ReplicationNode(
        server=found[1],
        address=found[2],
        ping_ms=_number(found[3]),
        database=_yes(found[4]),
        rpc=_yes(found[5]),
        monitor=_yes(found[6]),
        status=None,
        queue=whole(found[7]),
        group=None if found[8] == "-" else found[8],
        tables=None,
        setup=whole(found[9]),
        details=found[10],
        line=line.number,
    )


def _old_row(line: Line) -> ReplicationNode | None:
    found = _OLD_ROW.fullmatch(line.text)
    if found is None:
        return None
    return ReplicationNode(
        server=found[1],
        address=found[2],
        ping_ms=_number(found[3]),
        rpc=found[4] == "Yes",
        database=None,
        monitor=None,
        status=found[5],
        queue=whole(found[6]),
        group=None,
        tables=found[7],
        setup=whole(found[9]),
        details=found[10],
        line=line.number,
    )
