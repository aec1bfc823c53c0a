"""The audit log in the store. Entries are only ever added; each in the transaction of what it records."""

import json
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select

from ctlctl.act.audit import AuditEntry, AuditFilter, next_entry
from ctlctl.assess.model import Json
from ctlctl.store.schema import AUDIT

#: Entries read at a time.
_FETCHED = 1000


def append(  # noqa: PLR0913 - what an entry is made of
    connection: Connection, at: int, who: str, event: str, cluster: str, detail: Mapping[str, Json]
) -> AuditEntry:
    """Add an entry; the connection must be allowed to write."""
    (entry,) = append_all(connection, who, cluster, [(at, event, detail)])
    return entry


def append_all(
    connection: Connection, who: str, cluster: str, entries: Iterable[tuple[int, str, Mapping[str, Json]]]
) -> tuple[AuditEntry, ...]:
    """Add entries in their order: when, what, and everything else; the connection must be allowed to write."""
    newest = connection.execute(select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).first()
    last = None if newest is None else (newest.number, newest.hash)
    added = []
    for at, event, detail in entries:
        added.append(next_entry(last, at, who, event, cluster, detail))
        last = (added[-1].number, added[-1].hash)
    values = [
        {
            "number": entry.number,
            "at": entry.at,
            "who": entry.who,
            "event": entry.event,
            "cluster": entry.cluster,
            "detail": json.dumps(dict(entry.detail), sort_keys=True),
            "before": entry.before,
            "hash": entry.hash,
        }
        for entry in added
    ]
    if values:
        connection.execute(insert(AUDIT), values)
    return tuple(added)


def newest_hash(connection: Connection) -> str | None:
    """Return the hash of the newest entry; None where there is none."""
    found: str | None = connection.execute(select(AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).scalar()
    return found


def read_all(
    connection: Connection, first: int = 1, most: int | None = None, wanted: AuditFilter | None = None
) -> Iterator[AuditEntry]:
    """Give entries from a number on, oldest first; all of them, or so many of those that are wanted."""
    query = select(AUDIT).where(AUDIT.c.number >= first, *_where(wanted)).order_by(AUDIT.c.number).limit(most)
    for row in connection.execution_options(yield_per=_FETCHED).execute(query):
        yield AuditEntry(
            row.number, row.at, row.who, row.event, row.cluster, json.loads(row.detail), row.before, row.hash
        )


def newest(connection: Connection, most: int, wanted: AuditFilter) -> tuple[int, int]:
    """Tell where the newest entries of those that are wanted begin.

    Args:
        connection: to read by.
        most: how many are to be shown; 1 or more.
        wanted: which entries count.

    Returns:
        The number of the first one to be shown, and how many of those that are wanted are older.
    """
    where = _where(wanted)
    numbers = select(AUDIT.c.number).where(*where).order_by(AUDIT.c.number.desc())
    first: int | None = connection.execute(numbers.limit(1).offset(most - 1)).scalar()
    if first is None:
        return 1, 0
    older = select(func.count()).select_from(AUDIT).where(AUDIT.c.number < first, *where)
    return first, connection.execute(older).scalar_one()


def _where(wanted: AuditFilter | None) -> list[ColumnElement[bool]]:
    """Say a filter as the database does: of a large log most rows should never be read into this process."""
    where: list[ColumnElement[bool]] = []
    if wanted is None:
        return where
    if wanted.cluster:
        where.append(AUDIT.c.cluster == wanted.cluster)
    if wanted.since is not None:
        # Not from some number on: a clock may have been set back between two entries.
        where.append(AUDIT.c.at >= wanted.since)
    if wanted.phones:
        phone = func.json_extract(AUDIT.c.detail, "$.phone")
        where.append(or_(*(phone.ilike(_pattern(word), escape="\\") for word in wanted.phones)))
    return where


def _pattern(word: str) -> str:
    """Return a word with the wildcards * and ? as LIKE has it."""
    for ours, theirs in (("\\", "\\\\"), ("%", "\\%"), ("_", "\\_"), ("*", "%"), ("?", "_")):
        word = word.replace(ours, theirs)
    return word
