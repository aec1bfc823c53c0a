"""Findings over time: since when each holds, when it said something new, when it no longer held."""

import json
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity
from ctlctl.store.schema import FINDING
from ctlctl.store.values import FindingChanges, StoredFinding

#: What a person reads of a finding. Other evidence (an age that grew) is kept, and is no news.
_NEWS = ("severity", "summary", "so_what", "what_to_do", "things")


def update_findings(connection: Connection, cluster_id: int, at: int, findings: Iterable[Finding]) -> FindingChanges:
    """Make the open findings those that hold now."""
    where = and_(FINDING.c.cluster_id == cluster_id, FINDING.c.closed_at.is_(None))
    before = {(row.code, row.subject): row for row in connection.execute(select(FINDING).where(where))}
    # An assessment gives the worst first; of two with one identity that one counts.
    now: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        now.setdefault(finding.key, finding)
    opened, updated = [], []
    for key, finding in now.items():
        row, values = before.get(key), _values(finding)
        if row is None:
            keys = {"cluster_id": cluster_id, "code": finding.code.value, "subject": finding.subject}
            connection.execute(insert(FINDING).values(opened_at=at, updated_at=at, **keys, **values))
            opened.append(StoredFinding(finding, at, at))
        elif any(row._mapping[name] != value for name, value in values.items()):  # noqa: SLF001 - public in spite of its name
            news = any(row._mapping[name] != values[name] for name in _NEWS)  # noqa: SLF001
            since = at if news else row.updated_at
            connection.execute(update(FINDING).where(FINDING.c.id == row.id).values(updated_at=since, **values))
            if news:
                updated.append(StoredFinding(finding, row.opened_at, at))
    closed = [row for key, row in before.items() if key not in now]
    for row in closed:
        connection.execute(update(FINDING).where(FINDING.c.id == row.id).values(closed_at=at))
    gone = (_read(row, at) for row in closed)
    return FindingChanges(tuple(opened), tuple(updated), tuple(one for one in gone if one is not None))


def _values(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "summary": finding.summary,
        "so_what": finding.so_what,
        "what_to_do": json.dumps(finding.do),
        "evidence": json.dumps(dict(finding.evidence), sort_keys=True),
        "things": finding.count,
    }


def _read(row: Any, closed_at: int | None) -> StoredFinding | None:  # noqa: ANN401 - rows are untyped
    try:
        code, severity = ClusterCode(row.code), FindingSeverity(row.severity)
    except ValueError:
        # Of a code that another version of the program had; this one could not explain it.
        return None
    do, evidence = tuple(json.loads(row.what_to_do)), MappingProxyType(json.loads(row.evidence))
    finding = Finding(code, severity, row.subject, row.summary, row.so_what, do, evidence, row.things)
    return StoredFinding(finding, row.opened_at, row.updated_at, closed_at)


def read_open(connection: Connection, cluster_id: int) -> tuple[StoredFinding, ...]:
    """Read the findings that hold: worst first, then by code and subject."""
    query = select(FINDING).where(FINDING.c.cluster_id == cluster_id, FINDING.c.closed_at.is_(None))
    found = [_read(row, None) for row in connection.execute(query)]
    worst = list(FindingSeverity)
    return tuple(
        sorted(
            (one for one in found if one is not None),
            key=lambda one: (worst.index(one.finding.severity), *one.finding.key),
        )
    )


def read_history(connection: Connection, cluster_id: int, limit: int) -> tuple[StoredFinding, ...]:
    """Read findings, open and closed: what changed last first."""
    changed = func.coalesce(FINDING.c.closed_at, FINDING.c.updated_at)
    query = select(FINDING).where(FINDING.c.cluster_id == cluster_id)
    query = query.order_by(changed.desc(), FINDING.c.id.desc()).limit(limit)
    found = (_read(row, row.closed_at) for row in connection.execute(query))
    return tuple(one for one in found if one is not None)
