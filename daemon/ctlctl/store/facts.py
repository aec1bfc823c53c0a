"""The cluster as a whole, its nodes, and CAPF profiles of its users."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from ctlctl.inventory.values import CapfProfileFact, ClusterFacts, NodeFact, SecurityModeChange
from ctlctl.store.rounds import Round
from ctlctl.store.schema import CAPF_PROFILE, CLUSTER, MODE_CHANGE, NODE

#: kind, pkid, user, instance ID, operation, status, "Operation Completes By": as `CapfProfileFact` has them.
ProfileRow: TypeAlias = tuple[str, str, str, str, str | None, str | None, str]


def record_facts(one: Round, facts: ClusterFacts) -> None:
    """Write what is new of the cluster, and keep what its security mode was."""
    before = read_facts(one.connection, one.cluster_id)
    if before is not None and before.security_mode != facts.security_mode:
        change = {"at": one.at, "mode_before": before.security_mode, "mode_after": facts.security_mode}
        one.connection.execute(insert(MODE_CHANGE).values(cluster_id=one.cluster_id, **change))
    if before != facts:
        values = {
            "version": facts.version,
            "schema": facts.schema,
            "security_mode": facts.security_mode,
            "lsc_columns": facts.lsc_columns,
            "throttled": facts.throttled,
        }
        one.connection.execute(update(CLUSTER).where(CLUSTER.c.id == one.cluster_id).values(values))


def read_facts(connection: Connection, cluster_id: int) -> ClusterFacts | None:
    """Read what is known of the cluster; None while AXL never answered."""
    row = connection.execute(select(CLUSTER).where(CLUSTER.c.id == cluster_id)).one()
    if row.version is None:
        return None
    return ClusterFacts(row.version, row.schema, row.security_mode, row.lsc_columns, row.throttled)


def read_mode_changes(connection: Connection, cluster_id: int) -> tuple[SecurityModeChange, ...]:
    """Read changes of the security mode, newest last."""
    query = select(MODE_CHANGE).where(MODE_CHANGE.c.cluster_id == cluster_id).order_by(MODE_CHANGE.c.id)
    return tuple(SecurityModeChange(row.at, row.mode_before, row.mode_after) for row in connection.execute(query))


def record_nodes(one: Round, nodes: Iterable[NodeFact]) -> None:
    """Write nodes that are new or changed, and remove those that are gone."""
    wanted: dict[tuple[str, ...], dict[str, Any]] = {
        (node.name,): {"usage": node.usage, "role": node.role, "services": json.dumps(sorted(node.services))}
        for node in nodes
    }
    _settle(one, NODE, ("name",), wanted)


def read_nodes(connection: Connection, cluster_id: int) -> tuple[NodeFact, ...]:
    """Read nodes, by name."""
    query = select(NODE).where(NODE.c.cluster_id == cluster_id).order_by(NODE.c.name)
    return tuple(
        NodeFact(row.name, row.usage, row.role, frozenset(json.loads(row.services)))
        for row in connection.execute(query)
    )


def record_profiles(one: Round, profiles: Iterable[ProfileRow]) -> None:
    """Write profiles that are new or changed, and remove those that are gone."""
    query = select(CAPF_PROFILE).where(CAPF_PROFILE.c.cluster_id == one.cluster_id)
    before = {(row.kind, row.pkid): row for row in one.connection.execute(query)}
    wanted: dict[tuple[str, ...], dict[str, Any]] = {}
    for kind, pkid, user, instance_id, operation, status, finish_time in profiles:
        row = before.get((kind, pkid))
        same = row is not None and (row.operation, row.status) == (operation, status)
        wanted[kind, pkid] = {
            "owner": user,
            "instance_id": instance_id,
            "operation": operation,
            "status": status,
            "finish_time": finish_time,
            "since": row.since if row is not None and same else one.at,
        }
    _settle(one, CAPF_PROFILE, ("kind", "pkid"), wanted)


def read_profiles(connection: Connection, cluster_id: int) -> tuple[CapfProfileFact, ...]:
    """Read profiles, by kind and key."""
    columns = [CAPF_PROFILE.c[name] for name in ("kind", "pkid", "owner", "instance_id")]
    columns += [CAPF_PROFILE.c[name] for name in ("operation", "status", "finish_time", "since")]
    query = select(*columns).where(CAPF_PROFILE.c.cluster_id == cluster_id)
    query = query.order_by(CAPF_PROFILE.c.kind, CAPF_PROFILE.c.pkid)
    return tuple(CapfProfileFact(*row) for row in connection.execute(query))


def _settle(
    one: Round, table: Table, key: tuple[str, ...], wanted: Mapping[tuple[str, ...], Mapping[str, object]]
) -> None:
    """Make a small table of the cluster say what is wanted; what it says already is not written."""
    query = select(table).where(table.c.cluster_id == one.cluster_id)
    before = {tuple(row[name] for name in key): row for row in one.connection.execute(query).mappings()}

    def this(values: tuple[str, ...]) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions are generic over Any
        pairs = zip(key, values, strict=True)
        return and_(table.c.cluster_id == one.cluster_id, *(table.c[name] == value for name, value in pairs))

    for values in before.keys() - wanted.keys():
        one.connection.execute(delete(table).where(this(values)))
    for values, row in wanted.items():
        old = before.get(values)
        if old is None:
            keys = dict(zip(key, values, strict=True))
            one.connection.execute(insert(table).values(cluster_id=one.cluster_id, **keys, **row))
        elif any(old[name] != value for name, value in row.items()):
            one.connection.execute(update(table).where(this(values)).values(row))
