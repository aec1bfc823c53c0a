"""What nodes say of themselves: facts under names, each since when it is so; a node that is silent keeps its own.

A fact is a row whatever it is about, its value a JSON object: `_KINDS` says which class it becomes. What is the same as
before is not written again.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, and_, delete, insert, select, update

from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PoolFact,
    ProfileFact,
    ReplicationFact,
    ServiceFact,
    ShownList,
    StaleLsc,
    TvsAnswer,
)
from ctlctl.inventory.readings import PlatformReading, PlatformRow, ServiceReading, ServiceRow, TvsRow
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.rounds import Round, fault_of, fault_values
from ctlctl.store.schema import NODE_FACT, NODE_STATE

#: Value of a fact: what JSON can say.
Value: TypeAlias = dict[str, Any]
#: kind -> item -> value; a kind that is not there was not told this time and stays as it was.
Facts: TypeAlias = Mapping[str, Mapping[str, Value]]
#: A node with its facts and what it did not answer, or only why it said nothing at all.
NodeRow: TypeAlias = tuple[str, Facts, Fault | None] | tuple[str, None, Fault]

_SERVICE: Final = "service"
_REPLICATION: Final = "replication"
_NTP: Final = "ntp"
_BACKUP: Final = "backup"
_LIST: Final = "list"
_STALE_LSC: Final = "stale-lsc"
_TVS: Final = "tvs"
_POOL: Final = "device-pool"
_PROFILE: Final = "security-profile"
#: Parts of a value that may change while the fact stays what it is since then: a measurement, the time of a start.
_PASSING: Final[Mapping[str, frozenset[str]]] = {
    _SERVICE: frozenset({"started_at"}),
    _NTP: frozenset({"stratum", "offset_ms"}),
}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Everything that nodes say of themselves, as a snapshot has it."""

    services: tuple[ServiceFact, ...]
    replication: tuple[ReplicationFact, ...]
    ntp: tuple[NtpFact, ...]
    backups: tuple[BackupFact, ...]
    shown_lists: tuple[ShownList, ...]
    stale_lscs: tuple[StaleLsc, ...]
    tvs_answers: tuple[TvsAnswer, ...]
    pools: tuple[PoolFact, ...]
    security_profiles: tuple[ProfileFact, ...]


def service_rows(rows: Iterable[ServiceRow]) -> list[NodeRow]:
    """Make rows of what Control Center said."""
    return [
        (node, None, said) if isinstance(said, Fault) else (node, {_SERVICE: _services(said)}, None)
        for node, said in rows
    ]


def tvs_rows(rows: Iterable[TvsRow]) -> list[NodeRow]:
    """Make rows of what every TVS said."""
    return [
        (node, None, said)
        if isinstance(said, Fault)
        else (node, {_TVS: {one.sha256: {"known": one.known, "roles": list(one.roles)} for one in said}}, None)
        for node, said in rows
    ]


def platform_rows(rows: Iterable[PlatformRow]) -> list[NodeRow]:
    """Make rows of what the platform CLI said; a command that brought nothing leaves what it brought before."""
    return [
        (node, None, said)
        if isinstance(said, Fault)
        else (node, _platform(said), said.faults[0][1] if said.faults else None)
        for node, said in rows
    ]


def _services(services: Iterable[ServiceReading]) -> dict[str, Value]:
    return {
        one.name: {"status": one.status, "activated": one.activated, "started_at": one.started_at} for one in services
    }


def _platform(said: PlatformReading) -> Facts:
    facts: dict[str, Mapping[str, Value]] = {}
    if said.services is not None:
        facts[_SERVICE] = _services(said.services)
    if said.replication is not None:
        facts[_REPLICATION] = {
            one.node: {"state": one.state, "status": one.status, "mismatches": one.mismatches}
            | ({"differs": one.differs} if one.differs else {})
            for one in said.replication
        }
    if said.ntp is not None:
        ntp = said.ntp
        facts[_NTP] = {"": {"synchronised": ntp.synchronised, "stratum": ntp.stratum, "offset_ms": ntp.offset_ms}}
    if said.backup is not None:
        backup = said.backup
        facts[_BACKUP] = {"": {"succeeded_at": backup.succeeded_at, "last_status": backup.last_status}}
    if said.stale_lscs is not None:
        facts[_STALE_LSC] = {line: {} for line in said.stale_lscs}
    # Each list is a kind of its own: one that could not be read stays as it was.
    for one in said.lists:
        facts[f"{_LIST}-{one.kind}"] = {
            "": {"md5": one.md5, "sha1": one.sha1, "length": one.length, "verified": one.verified}
        }
    return facts


def record_nodes_say(one: Round, rows: Iterable[NodeRow]) -> Fault | None:
    """Write what changed.

    Args:
        one: the round.
        rows: all nodes that are asked; what is left out is no longer asked, and forgotten.

    Returns:
        Why a node did not answer, or not all of it; None where all did.
    """
    asked = tuple(rows)
    names = {row[0] for row in asked}
    for table in (NODE_STATE, NODE_FACT):
        mine = and_(table.c.cluster_id == one.cluster_id, table.c.source == one.source.value)
        one.connection.execute(delete(table).where(mine, table.c.node.not_in(names)))
    states = {row.node: row for row in one.connection.execute(select(NODE_STATE).where(_states(one)))}
    for node, facts, fault in asked:
        _write_state(one, node, states.get(node), fault, answered=facts is not None)
        if facts is not None:
            _settle(one, node, facts)
    return next((fault for _, _, fault in asked if fault is not None), None)


def record_configured(one: Round, pools: Iterable[PoolFact], profiles: Iterable[ProfileFact]) -> None:
    """Write what AXL says of device pools and security profiles, which belong to no node."""
    facts = {
        _POOL: {each.name: {"group": each.group} for each in pools},
        _PROFILE: {
            each.name: {
                "key_size": each.key_size,
                "key_order": each.key_order,
                "ec_key_size": each.ec_key_size,
            }
            for each in profiles
        },
    }
    _settle(one, "", facts)


def silent_nodes(one: Round) -> frozenset[str]:
    """Nodes that did not answer, or not everything, when this source was asked before."""
    query = select(NODE_STATE.c.node).where(_states(one), NODE_STATE.c.fault_kind.is_not(None))
    return frozenset(one.connection.execute(query).scalars())


def _states(one: Round) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions are generic over Any
    return and_(NODE_STATE.c.cluster_id == one.cluster_id, NODE_STATE.c.source == one.source.value)


def _write_state(one: Round, node: str, before: Any, fault: Fault | None, *, answered: bool) -> None:  # noqa: ANN401
    # One that answers everything carries no time of its own: it was last seen in the last round.
    if answered:
        at = None if fault is None else one.at
    elif before is None:
        at = None
    else:
        at = one.previous if before.fault_kind is None else before.answered_at
    values = {**fault_values(fault), "answered_at": at}
    if before is None:
        key = {"cluster_id": one.cluster_id, "source": one.source.value, "node": node}
        one.connection.execute(insert(NODE_STATE).values(since=one.at, **key, **values))
        return
    old = {**fault_values(fault_of(before)), "answered_at": before.answered_at}
    if old != values:
        since = before.since if (before.fault_kind is None) == (fault is None) else one.at
        this = and_(_states(one), NODE_STATE.c.node == node)
        one.connection.execute(update(NODE_STATE).where(this).values(since=since, **values))


def _settle(one: Round, node: str, facts: Facts) -> None:
    def this(*more: Any) -> Any:  # noqa: ANN401
        mine = (NODE_FACT.c.cluster_id == one.cluster_id, NODE_FACT.c.source == one.source.value)
        return and_(*mine, NODE_FACT.c.node == node, *more)

    query = select(NODE_FACT).where(this(NODE_FACT.c.kind.in_(list(facts))))
    before = {(row.kind, row.item): row for row in one.connection.execute(query)}
    wanted = {(kind, item): value for kind, items in facts.items() for item, value in items.items()}
    for kind, item in before.keys() - wanted.keys():
        one.connection.execute(delete(NODE_FACT).where(this(NODE_FACT.c.kind == kind, NODE_FACT.c.item == item)))
    for (kind, item), value in wanted.items():
        text = json.dumps(value, sort_keys=True)
        old = before.get((kind, item))
        if old is None:
            key = {"cluster_id": one.cluster_id, "source": one.source.value, "node": node}
            row = {"kind": kind, "item": item, "value": text, "since": one.at}
            one.connection.execute(insert(NODE_FACT).values(**key, **row))
        elif old.value != text:
            since = old.since if _lasting(kind, json.loads(old.value)) == _lasting(kind, value) else one.at
            place = this(NODE_FACT.c.kind == kind, NODE_FACT.c.item == item)
            one.connection.execute(update(NODE_FACT).where(place).values(value=text, since=since))


def _lasting(kind: str, value: Value) -> Value:
    passing = _PASSING.get(kind, frozenset())
    return {name: each for name, each in value.items() if name not in passing}


def read_node_states(connection: Connection, cluster_id: int, rounds: Mapping[Source, int]) -> tuple[NodeState, ...]:
    """Read how it stands with every node and source, by source and node."""
    query = select(NODE_STATE).where(NODE_STATE.c.cluster_id == cluster_id)
    states = []
    for row in connection.execute(query.order_by(NODE_STATE.c.source, NODE_STATE.c.node)):
        source, fault = Source(row.source), fault_of(row)
        at = rounds.get(source, row.since) if fault is None else row.answered_at
        states.append(NodeState(source, row.node, at, fault, row.since))
    return tuple(states)


def _service(source: Source, node: str, name: str, value: Value, since: int) -> ServiceFact:
    return ServiceFact(source, node, name, value["status"], value["activated"], value["started_at"], since)


def _replication(_: Source, asked: str, node: str, value: Value, since: int) -> ReplicationFact:
    # The last one is there only where something differs.
    told = (value["state"], value["status"], value["mismatches"], since, value.get("differs", ""))
    return ReplicationFact(asked, node, *told)


def _ntp(_: Source, node: str, _item: str, value: Value, since: int) -> NtpFact:
    return NtpFact(node, value["synchronised"], value["stratum"], value["offset_ms"], since)


def _backup(_: Source, node: str, _item: str, value: Value, since: int) -> BackupFact:
    return BackupFact(node, value["succeeded_at"], value["last_status"], since)


def _ctl(_: Source, node: str, _item: str, value: Value, since: int) -> ShownList:
    return ShownList(node, "ctl", value["md5"], value["sha1"], value["length"], value["verified"], since)


def _itl(_: Source, node: str, _item: str, value: Value, since: int) -> ShownList:
    return ShownList(node, "itl", value["md5"], value["sha1"], value["length"], value["verified"], since)


def _stale_lsc(_: Source, node: str, item: str, _value: Value, since: int) -> StaleLsc:
    return StaleLsc(node, item, since)


def _tvs(_: Source, node: str, item: str, value: Value, since: int) -> TvsAnswer:
    return TvsAnswer(node, item, value["known"], tuple(value["roles"]), since)


def _pool(_: Source, _node: str, item: str, value: Value, _since: int) -> PoolFact:
    return PoolFact(item, value["group"])


def _profile(_: Source, _node: str, item: str, value: Value, _since: int) -> ProfileFact:
    return ProfileFact(item, value["key_size"], value["key_order"], value["ec_key_size"])


_KINDS: Final[Mapping[str, Callable[[Source, str, str, Value, int], object]]] = {
    _SERVICE: _service,
    _REPLICATION: _replication,
    _NTP: _ntp,
    _BACKUP: _backup,
    f"{_LIST}-ctl": _ctl,
    f"{_LIST}-itl": _itl,
    _STALE_LSC: _stale_lsc,
    _TVS: _tvs,
    _POOL: _pool,
    _PROFILE: _profile,
}


def read_node_facts(connection: Connection, cluster_id: int) -> NodeFacts:
    """Read what nodes say of themselves, by source, node and name."""
    order = (NODE_FACT.c.source, NODE_FACT.c.node, NODE_FACT.c.kind, NODE_FACT.c.item)
    query = select(NODE_FACT).where(NODE_FACT.c.cluster_id == cluster_id).order_by(*order)
    facts = [
        _KINDS[row.kind](Source(row.source), row.node, row.item, json.loads(row.value), row.since)
        for row in connection.execute(query)
    ]
    return NodeFacts(
        services=tuple(fact for fact in facts if isinstance(fact, ServiceFact)),
        replication=tuple(fact for fact in facts if isinstance(fact, ReplicationFact)),
        ntp=tuple(fact for fact in facts if isinstance(fact, NtpFact)),
        backups=tuple(fact for fact in facts if isinstance(fact, BackupFact)),
        shown_lists=tuple(fact for fact in facts if isinstance(fact, ShownList)),
        stale_lscs=tuple(fact for fact in facts if isinstance(fact, StaleLsc)),
        tvs_answers=tuple(fact for fact in facts if isinstance(fact, TvsAnswer)),
        pools=tuple(fact for fact in facts if isinstance(fact, PoolFact)),
        security_profiles=tuple(fact for fact in facts if isinstance(fact, ProfileFact)),
    )
