"""One round of one source of one cluster: what every collector writes before and after what it saw."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, Table, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from ctlctl.inventory.values import SourceState
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.schema import CLUSTER, CONTENT, SOURCE_STATE

#: Keys in one question to the database: far below the smallest limit of any.
CHUNK: Final = 500

Item = TypeVar("Item")

UNFINISHED: Final = Fault("timeout", "The round ended before all that was asked was answered")


@dataclass(frozen=True, slots=True)
class Round:
    """A round that is being written.

    Attributes:
        connection: transaction in which it is.
        cluster_id: whose.
        source: who was asked.
        at: when.
        previous: when the source gave something before this round; None for never.
    """

    connection: Connection
    cluster_id: int
    source: Source
    at: int
    previous: int | None

    def seen_until(self, stored: int) -> int:
        """When something was last seen that is there since ``stored`` and was the same in every round since."""
        return stored if self.previous is None else max(stored, self.previous)


def cluster_id_of(connection: Connection, name: str) -> int | None:
    """Number of a cluster; None for one that the store does not know."""
    found: int | None = connection.execute(select(CLUSTER.c.id).where(CLUSTER.c.name == name)).scalar()
    return found


def made_cluster(connection: Connection, name: str) -> int:
    """Number of a cluster; one that is new is made."""
    known = cluster_id_of(connection, name)
    if known is not None:
        return known
    made: int = connection.execute(insert(CLUSTER).values(name=name).returning(CLUSTER.c.id)).scalar_one()
    return made


def begin_round(connection: Connection, cluster: str, source: Source, at: int) -> Round:
    """Begin a round; a cluster that is new is made."""
    cluster_id = made_cluster(connection, cluster)
    previous = connection.execute(select(SOURCE_STATE.c.last_round).where(_is(cluster_id, source))).scalar()
    return Round(connection, cluster_id, source, at, previous)


def go_on(one: Round) -> None:
    """Note that the round goes on: how it ends is not known yet."""
    found = one.connection.execute(select(SOURCE_STATE).where(_is(one.cluster_id, one.source))).one_or_none()
    if found is None:
        values = {"cluster_id": one.cluster_id, "source": one.source.value, "last_attempt": one.at}
        one.connection.execute(insert(SOURCE_STATE).values(values))
    elif found.last_attempt != one.at:
        this = _is(one.cluster_id, one.source)
        one.connection.execute(update(SOURCE_STATE).where(this).values(last_attempt=one.at))


def end_round(one: Round, fault: Fault | None, *, gave: bool = True) -> None:
    """Note how the round ended.

    Args:
        one: the round.
        fault: what was not answered; None for a success.
        gave: whether this round says of everything that is known what it is now.
    """
    found = one.connection.execute(select(SOURCE_STATE).where(_is(one.cluster_id, one.source))).one_or_none()
    values: dict[str, Any] = {"last_attempt": one.at, **fault_values(fault)}
    if gave:
        values["last_round"] = one.at
    if fault is None:
        values |= {"last_success": one.at, "failing_since": None}
    elif found is None or found.failing_since is None:
        values["failing_since"] = one.at
    if found is None:
        values |= {"cluster_id": one.cluster_id, "source": one.source.value}
        one.connection.execute(insert(SOURCE_STATE).values(values))
    else:
        one.connection.execute(update(SOURCE_STATE).where(_is(one.cluster_id, one.source)).values(values))


def _is(cluster_id: int, source: Source) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions are generic over Any
    return and_(SOURCE_STATE.c.cluster_id == cluster_id, SOURCE_STATE.c.source == source.value)


def read_sources(connection: Connection, cluster_id: int) -> tuple[dict[Source, SourceState], dict[Source, int]]:
    """Read the state of every source, and when each last gave something."""
    states: dict[Source, SourceState] = {}
    rounds: dict[Source, int] = {}
    for row in connection.execute(select(SOURCE_STATE).where(SOURCE_STATE.c.cluster_id == cluster_id)):
        source = Source(row.source)
        states[source] = SourceState(source, row.last_success, row.last_attempt, fault_of(row), row.failing_since)
        if row.last_round is not None:
            rounds[source] = row.last_round
    return states, rounds


def fault_values(fault: Fault | None) -> dict[str, str | None]:
    """Columns of a fault."""
    if fault is None:
        return {"fault_kind": None, "fault_detail": None, "fault_advice": None}
    return {"fault_kind": fault.kind, "fault_detail": fault.detail, "fault_advice": fault.advice}


def fault_of(row: Row[Any]) -> Fault | None:
    """Fault in a row; None for none."""
    return None if row.fault_kind is None else Fault(row.fault_kind, row.fault_detail, row.fault_advice)


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Cut into pieces."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece


def insert_all(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows, few at a time, so that memory does not grow with them."""
    for piece in chunks(rows, 2 * CHUNK):
        connection.execute(insert(table), piece)


def keep_contents(connection: Connection, contents: Iterable[bytes]) -> dict[bytes, str]:
    """Keep contents, each once.

    Returns:
        Each content's SHA-256.
    """
    digests = {data: hashlib.sha256(data).hexdigest() for data in contents}
    known: set[str] = set()
    for piece in chunks(sorted(set(digests.values()))):
        known.update(connection.execute(select(CONTENT.c.sha256).where(CONTENT.c.sha256.in_(piece))).scalars())
    for data, digest in digests.items():
        if digest not in known:
            try:
                with connection.begin_nested():
                    connection.execute(insert(CONTENT).values(sha256=digest, size=len(data), data=data))
            except IntegrityError:
                # Another writer, on a database that has several at once, has just kept the same.
                continue
    return digests
