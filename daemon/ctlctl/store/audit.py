"""The audit log in the store. Entries are only ever added; each in the transaction of what it records."""

import json
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, insert, select

from ctlctl.act.audit import AuditEntry, next_entry
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


def read_all(connection: Connection, first: int = 1, most: int | None = None) -> Iterator[AuditEntry]:
    """Give entries from a number on, oldest first; all of them, or so many."""
    query = select(AUDIT).where(AUDIT.c.number >= first).order_by(AUDIT.c.number).limit(most)
    for row in connection.execution_options(yield_per=_FETCHED).execute(query):
        yield AuditEntry(
            row.number, row.at, row.who, row.event, row.cluster, json.loads(row.detail), row.before, row.hash
        )
