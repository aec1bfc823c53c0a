"""Removing history that is older than it is to be kept. What is so now is never touched."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, delete, exists, or_, select

from ctlctl.store.database import Database
from ctlctl.store.schema import CERTIFICATE, CONTENT, FINDING, LIST_VERSION, PHONE, PHONE_EVENT, SERVED_LIST
from ctlctl.store.values import Purged

# Rows in one transaction: writers wait for it, and it must fit the disk that is getting full.
_AT_ONCE: Final = 2_000


def purge(database: Database, before: int) -> Purged:
    """Remove what ended before ``before``, in transactions of a bounded size.

    Raises:
        StoreError: it cannot be written now; what was removed so far stays removed.
    """
    return Purged(
        phone_events=_remove(database, PHONE_EVENT, lambda: _ids(PHONE_EVENT).where(PHONE_EVENT.c.at < before)),
        findings=_remove(database, FINDING, lambda: _ids(FINDING).where(FINDING.c.closed_at < before)),
        list_versions=_versions(database, before),
        certificates=_remove(database, CERTIFICATE, lambda: _ids(CERTIFICATE).where(CERTIFICATE.c.gone_at < before)),
        # Its events go with it.
        phones=_remove(database, PHONE, lambda: _ids(PHONE).where(PHONE.c.retired_at < before), few=True),
        contents=remove_unused(database),
    )


def _ids(table: Table) -> Select[Any]:
    return select(table.c.id)


def _remove(database: Database, table: Table, old: Callable[[], Select[Any]], *, few: bool = False) -> int:
    """Remove rows a piece at a time."""
    size = _AT_ONCE // 10 if few else _AT_ONCE
    removed = 0
    # Nothing old is the rule: then nobody has to wait.
    while _any(database, old()):
        with database.write() as connection:
            piece = list(connection.execute(old().limit(size)).scalars())
            connection.execute(delete(table).where(table.c.id.in_(piece)))
        removed += len(piece)
    return removed


def _any(database: Database, query: Select[Any]) -> bool:
    with database.read() as connection:
        return connection.execute(query.limit(1)).first() is not None


def _versions(database: Database, before: int) -> int:
    with database.read() as connection:
        old = _old_versions(connection, before)
    for start in range(0, len(old), _AT_ONCE):
        with database.write() as connection:
            # One that became current again meanwhile has a new row: old ones only get older.
            connection.execute(delete(LIST_VERSION).where(LIST_VERSION.c.id.in_(old[start : start + _AT_ONCE])))
    return len(old)


def _old_versions(connection: Connection, before: int) -> list[int]:
    """Versions that nobody needs: not the current one, the last two, the last that was another and the one before it.

    Without that one a list that was taken back would look like a new one as soon as the history before it is gone.
    """
    current = set(connection.execute(select(SERVED_LIST.c.version_id)).scalars())
    columns = [LIST_VERSION.c[name] for name in ("id", "cluster_id", "node", "kind", "sha256", "last_seen")]
    kept: dict[tuple[int, str, str], list[str]] = {}
    old = []
    for row in connection.execute(select(*columns).order_by(LIST_VERSION.c.id.desc())):
        newer = kept.setdefault((row.cluster_id, row.node, row.kind), [])
        others = sum(each != newer[0] for each in newer)
        needed = len(newer) < 2 or (not others and row.sha256 != newer[0]) or (others == 1 and newer[-1] != newer[0])
        if needed or row.id in current or row.last_seen >= before:
            newer.append(row.sha256)
        else:
            old.append(row.id)
    return old


def remove_unused(database: Database) -> int:
    """Remove contents that nothing refers to any more."""
    used = or_(
        exists().where(LIST_VERSION.c.sha256 == CONTENT.c.sha256),
        exists().where(CERTIFICATE.c.sha256 == CONTENT.c.sha256),
    )
    query = select(CONTENT.c.sha256).where(~used)
    removed = 0
    while _any(database, query):
        with database.write() as connection:
            piece = list(connection.execute(query.limit(_AT_ONCE)).scalars())
            connection.execute(delete(CONTENT).where(CONTENT.c.sha256.in_(piece)))
        removed += len(piece)
    return removed
