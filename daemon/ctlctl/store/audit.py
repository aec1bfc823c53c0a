"""The audit log in the store. Entries are only ever added; each in the transaction of what it records."""

import json
from collections.abc import Iterator, Mapping

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
    newest = connection.execute(select(AUDIT.c.number, AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).first()
    last = None if newest is None else (newest.number, newest.hash)
    entry = next_entry(last, at, who, event, cluster, detail)
    values = {
        "number": entry.number,
        "at": entry.at,
        "who": entry.who,
        "event": entry.event,
        "cluster": entry.cluster,
        "detail": json.dumps(dict(entry.detail), sort_keys=True),
        "before": entry.before,
        "hash": entry.hash,
    }
    connection.execute(insert(AUDIT).values(values))
    return entry


def newest_hash(connection: Connection) -> str | None:
    """Return the hash of the newest entry; None where there is none."""
    found: str | None = connection.execute(select(AUDIT.c.hash).order_by(AUDIT.c.number.desc()).limit(1)).scalar()
    return found


def read_all(connection: Connection, first: int = 1) -> Iterator[AuditEntry]:
    """Give entries from a number on, oldest first."""
    query = select(AUDIT).where(AUDIT.c.number >= first).order_by(AUDIT.c.number)
    for row in connection.execution_options(yield_per=_FETCHED).execute(query):
        yield AuditEntry(
            row.number, row.at, row.who, row.event, row.cluster, json.loads(row.detail), row.before, row.hash
        )
