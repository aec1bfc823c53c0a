"""Trust lists that TFTP nodes serve, every version with its time."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Select, and_, insert, select, update

from ctlctl.inventory.values import ListVersion, PastVersion, ServedList
from ctlctl.inventory.words import Fault, ListKind
from ctlctl.store.rounds import Round, fault_of, fault_values, keep_contents
from ctlctl.store.schema import CONTENT, LIST_VERSION, SERVED_LIST
from ctlctl.store.values import KeptListVersion

#: node, kind, and what it serves: a file, none, or why that is not known.
ListRow: TypeAlias = tuple[str, ListKind, bytes | Fault | None]
_Key: TypeAlias = tuple[str, str]

#: Versions before the last other one that go into a snapshot: a list that was taken back is judged against them.
_EARLIER: Final = 6

#: What phones print of the list they hold, each model its own.
_PRINTED: Final = ("md5", "sha1", "sha256", "sha512")
#: Checksums by SHA-256: the same content has the same ones for ever, so that each is read and reckoned once a process.
_SUMS: Final[dict[str, tuple[str, ...]]] = {}
#: Contents whose checksums are remembered, some 500 bytes each; a store has far fewer.
_MOST_SUMS: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Known:
    """How a list stood before."""

    row: Any
    sha256: str | None
    last_seen: int | None


def record_lists(one: Round, lists: Iterable[ListRow]) -> Fault | None:
    """Write lists that changed.

    Args:
        one: the round.
        lists: all lists there are; what is left out is no longer asked for.

    Returns:
        Why a list could not be had; None where the node's word on each was had.
    """
    asked: dict[_Key, bytes | Fault | None] = {(node, kind): what for node, kind, what in lists}
    digests = keep_contents(one.connection, {what for what in asked.values() if isinstance(what, bytes)})
    query = select(SERVED_LIST, LIST_VERSION.c.sha256, LIST_VERSION.c.last_seen)
    query = query.outerjoin(LIST_VERSION, LIST_VERSION.c.id == SERVED_LIST.c.version_id)
    query = query.where(SERVED_LIST.c.cluster_id == one.cluster_id)
    known = {(row.node, row.kind): _Known(row, row.sha256, row.last_seen) for row in one.connection.execute(query)}
    for key, what in asked.items():
        if isinstance(what, bytes):
            _served(one, key, known.get(key), digests[what])
        elif what is None:
            _absent(one, key, known.get(key))
        else:
            _failed(one, key, known.get(key), what)
    for key in known.keys() - asked.keys():
        if known[key].row.asked:
            _note_end(one, known[key])
            _state(one, key, known[key], asked=False)
    return next((what for what in asked.values() if isinstance(what, Fault)), None)


def _served(one: Round, key: _Key, known: _Known | None, sha256: str) -> None:
    if known is not None and known.sha256 == sha256:
        # The same in every round is the rule, and costs nothing.
        if not known.row.asked or known.row.fault_kind is not None:
            _state(one, key, known)
        return
    if known is not None:
        _note_end(one, known)
    values = {"cluster_id": one.cluster_id, "node": key[0], "kind": key[1], "sha256": sha256}
    made = insert(LIST_VERSION).values(first_seen=one.at, last_seen=one.at, **values).returning(LIST_VERSION.c.id)
    version_id: int = one.connection.execute(made).scalar_one()
    _state(one, key, known, version_id=version_id, absent_since=None)


def _absent(one: Round, key: _Key, known: _Known | None) -> None:
    if known is None or known.row.absent_since is None:
        if known is not None:
            _note_end(one, known)
        _state(one, key, known, version_id=None, absent_since=one.at)
    elif not known.row.asked or known.row.fault_kind is not None:
        _state(one, key, known)


def _failed(one: Round, key: _Key, known: _Known | None, fault: Fault) -> None:
    if known is None or not known.row.asked or fault_of(known.row) != fault:
        if known is not None:
            _note_end(one, known)
        _state(one, key, known, fault)


def _note_end(one: Round, known: _Known) -> None:
    """Write when the current version was last seen, before something happens that later rounds do not tell."""
    if known.last_seen is None or not known.row.asked or known.row.fault_kind is not None:
        return
    until = one.seen_until(known.last_seen)
    if until != known.last_seen:
        this = LIST_VERSION.c.id == known.row.version_id
        one.connection.execute(update(LIST_VERSION).where(this).values(last_seen=until))


def _state(
    one: Round,
    key: _Key,
    known: _Known | None,
    fault: Fault | None = None,
    *,
    asked: bool = True,
    **values: int | None,
) -> None:
    columns: dict[str, Any] = {"asked": asked, **fault_values(fault), **values}
    if known is None:
        columns |= {"cluster_id": one.cluster_id, "node": key[0], "kind": key[1]}
        one.connection.execute(insert(SERVED_LIST).values(columns))
        return
    this = and_(SERVED_LIST.c.cluster_id == one.cluster_id, SERVED_LIST.c.node == key[0], SERVED_LIST.c.kind == key[1])
    one.connection.execute(update(SERVED_LIST).where(this).values(columns))


def read_lists(connection: Connection, cluster_id: int, last_round: int | None) -> tuple[ServedList, ...]:
    """Read the lists that are asked for, by node and kind."""
    where = (SERVED_LIST.c.cluster_id == cluster_id, SERVED_LIST.c.asked.is_(True))
    query = select(SERVED_LIST).where(*where).order_by(SERVED_LIST.c.node, SERVED_LIST.c.kind)
    bodies: dict[str, bytes] = {}
    return tuple(_read(connection, row, last_round, bodies) for row in connection.execute(query).all())


def _read(connection: Connection, row: Any, last_round: int | None, bodies: dict[str, bytes]) -> ServedList:  # noqa: ANN401
    def versions(query: Select[Any], most: int) -> list[tuple[int, ListVersion]]:
        found = connection.execute(query.order_by(LIST_VERSION.c.id.desc()).limit(most)).all()
        for one in found:
            if one.sha256 not in bodies:
                bodies[one.sha256] = list_content(connection, one.sha256) or b""
        return [(one.id, ListVersion(bodies[one.sha256], one.sha256, one.first_seen, one.last_seen)) for one in found]

    fault = fault_of(row)
    current = None
    if row.version_id is not None:
        of_now = versions(select(LIST_VERSION).where(LIST_VERSION.c.id == row.version_id), 1)
        current = of_now[0][1] if of_now else None
    if current is not None and fault is None and last_round is not None:
        seen = max(current.last_seen, last_round)
        current = ListVersion(current.data, current.sha256, current.first_seen, seen)
    kept = select(LIST_VERSION).where(
        LIST_VERSION.c.cluster_id == row.cluster_id, LIST_VERSION.c.node == row.node, LIST_VERSION.c.kind == row.kind
    )
    before = kept if current is None else kept.where(LIST_VERSION.c.sha256 != current.sha256)
    previous = versions(before, 1)
    if not previous:
        return ServedList(row.node, row.kind, current, row.absent_since, None, fault)
    last_id, last = previous[0]
    earlier = tuple(one for _, one in versions(kept.where(LIST_VERSION.c.id < last_id), _EARLIER))
    return ServedList(row.node, row.kind, current, row.absent_since, last, fault, earlier)


def list_content(connection: Connection, sha256: str) -> bytes | None:
    """Read a list's bytes; None where they are not kept."""
    data: bytes | None = connection.execute(select(CONTENT.c.data).where(CONTENT.c.sha256 == sha256)).scalar()
    return data


def read_past_versions(connection: Connection, cluster_id: int) -> tuple[PastVersion, ...]:
    """Read the checksums of every version that is kept, in the order in which each node served them."""
    columns = [LIST_VERSION.c[name] for name in ("node", "kind", "sha256", "first_seen", "last_seen")]
    query = select(*columns).where(LIST_VERSION.c.cluster_id == cluster_id).order_by(LIST_VERSION.c.id)
    return tuple(
        PastVersion(row.node, row.kind, row.sha256, sums, row.first_seen, row.last_seen)
        for row in connection.execute(query).all()
        if (sums := _sums(connection, row.sha256))
    )


def _sums(connection: Connection, sha256: str) -> tuple[str, ...]:
    """Return a content's checksums; none for an empty file."""
    known = _SUMS.get(sha256)
    if known is not None:
        return known
    data = list_content(connection, sha256)
    found = tuple(hashlib.new(name, data, usedforsecurity=False).hexdigest() for name in _PRINTED) if data else ()
    if len(_SUMS) >= _MOST_SUMS:
        _SUMS.clear()
    _SUMS[sha256] = found
    return found


def read_versions(
    connection: Connection, cluster_id: int, last_round: int | None, node: str | None, kind: str | None
) -> tuple[KeptListVersion, ...]:
    """Read every version that is kept, newest first."""
    columns = [LIST_VERSION.c[name] for name in ("id", "node", "kind", "sha256", "first_seen", "last_seen")]
    query = select(*columns).where(LIST_VERSION.c.cluster_id == cluster_id)
    if node is not None:
        query = query.where(LIST_VERSION.c.node == node)
    if kind is not None:
        query = query.where(LIST_VERSION.c.kind == kind)
    fresh = select(SERVED_LIST.c.version_id).where(
        SERVED_LIST.c.cluster_id == cluster_id, SERVED_LIST.c.asked.is_(True), SERVED_LIST.c.fault_kind.is_(None)
    )
    current = set(connection.execute(fresh).scalars())
    bodies: dict[str, bytes] = {}
    found = []
    for row in connection.execute(query.order_by(LIST_VERSION.c.id.desc())).all():
        if row.sha256 not in bodies:
            bodies[row.sha256] = list_content(connection, row.sha256) or b""
        steady = last_round is not None and row.id in current
        last_seen = max(row.last_seen, last_round or 0) if steady else row.last_seen
        version = ListVersion(bodies[row.sha256], row.sha256, row.first_seen, last_seen)
        found.append(KeptListVersion(row.node, row.kind, version))
    return tuple(found)
