"""Plans as they were approved, and rollouts: a head, and a row a phone. Each step is one transaction with its audit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ctlctl.act.audit import AuditEntry
from ctlctl.act.rolloutrows import RolloutRowError, head_text, read_head, read_row, row_text
from ctlctl.assess.model import Json
from ctlctl.store import audit
from ctlctl.store.rounds import chunks
from ctlctl.store.schema import PLAN, PLAN_APPROVAL, ROLLOUT, ROLLOUT_PHONE
from ctlctl_capf.rollout.rows import Head, PhoneRow, RolloutState


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word for a plan.

    Attributes:
        at: when.
        uid: number of the user, by the kernel's word.
        name: the user's name.
    """

    at: int
    uid: int
    name: str


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as its first approver gave it.

    Attributes:
        sha256: of its bytes; what it is known by.
        id: its short name.
        cluster: what it is for.
        data: its bytes.
        kept_at: when it was given.
        approvals: oldest first.
    """

    sha256: str
    id: str
    cluster: str
    data: bytes
    kept_at: int
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout without its rows.

    Attributes:
        number: what it is known by.
        plan: SHA-256 of the plan.
        plan_id: the plan's short name.
        cluster: where.
        started_at: when.
        started_by: who.
        ended_at: when it was finished or aborted; None while it is not.
        baseline: phones that were registered when it began.
        head: how it goes; None where what is kept of that cannot be read.
        unreadable: why not, in words; "" where it can.
    """

    number: int
    plan: str
    plan_id: str
    cluster: str
    started_at: int
    started_by: str
    ended_at: int | None
    baseline: int | None
    head: Head | None
    unreadable: str = ""

    def known_head(self) -> Head:
        """Return how it goes.

        Raises:
            RolloutRowError: what is kept of that cannot be read.
        """
        if self.head is None:
            raise RolloutRowError(self.unreadable)
        return self.head


class BusyClusterError(Exception):
    """There is a rollout on the cluster that has not ended."""


def keep_plan(connection: Connection, plan: StoredPlan) -> None:
    """Keep a plan; one that is there already stays as it is."""
    there = connection.execute(select(PLAN.c.sha256).where(PLAN.c.sha256 == plan.sha256)).first()
    if there is None:
        values = {
            "sha256": plan.sha256,
            "id": plan.id,
            "cluster": plan.cluster,
            "data": plan.data,
            "kept_at": plan.kept_at,
        }
        connection.execute(insert(PLAN).values(values))


def approve(connection: Connection, sha256: str, approval: Approval) -> None:
    """Add somebody's word; a second one of the same person takes the place of the first."""
    mine = (PLAN_APPROVAL.c.sha256 == sha256, PLAN_APPROVAL.c.uid == approval.uid)
    if connection.execute(select(PLAN_APPROVAL.c.uid).where(*mine)).first() is None:
        values = {"sha256": sha256, "uid": approval.uid, "name": approval.name, "at": approval.at}
        connection.execute(insert(PLAN_APPROVAL).values(values))
    else:
        connection.execute(update(PLAN_APPROVAL).where(*mine).values(at=approval.at, name=approval.name))


def read_plan(connection: Connection, sha256: str) -> StoredPlan | None:
    """Read a plan by its whole hash, or by its beginning where only one begins so."""
    query = select(PLAN).where(PLAN.c.sha256.startswith(sha256, autoescape=True)).limit(2)
    rows = connection.execute(query).all()
    if len(rows) != 1:
        return None
    (row,) = rows
    told = select(PLAN_APPROVAL).where(PLAN_APPROVAL.c.sha256 == row.sha256).order_by(PLAN_APPROVAL.c.at)
    approvals = tuple(Approval(one.at, one.uid, one.name) for one in connection.execute(told))
    return StoredPlan(row.sha256, row.id, row.cluster, bytes(row.data), row.kept_at, approvals)


def read_plans(connection: Connection, cluster: str) -> tuple[StoredPlan, ...]:
    """Read all plans, or those of a cluster, newest first; without their bytes."""
    columns = [PLAN.c[name] for name in ("sha256", "id", "cluster", "kept_at")]
    query = select(*columns).order_by(PLAN.c.kept_at.desc())
    if cluster:
        query = query.where(PLAN.c.cluster == cluster)
    approvals: dict[str, list[Approval]] = {}
    for one in connection.execute(select(PLAN_APPROVAL).order_by(PLAN_APPROVAL.c.at)):
        approvals.setdefault(one.sha256, []).append(Approval(one.at, one.uid, one.name))
    return tuple(
        StoredPlan(row.sha256, row.id, row.cluster, b"", row.kept_at, tuple(approvals.get(row.sha256, ())))
        for row in connection.execute(query)
    )


def start(  # noqa: PLR0913 - what a rollout begins with
    connection: Connection, plan: StoredPlan, at: int, who: str, baseline: int | None, state: RolloutState
) -> int:
    """Write a rollout that begins.

    Raises:
        BusyClusterError: there is another on the cluster.
    """
    values = {
        "plan": plan.sha256,
        "plan_id": plan.id,
        "cluster": plan.cluster,
        "started_at": at,
        "started_by": who,
        "baseline": baseline,
        "head": head_text(state.head),
    }
    try:
        number: int = connection.execute(insert(ROLLOUT).values(values).returning(ROLLOUT.c.number)).scalar_one()
    except IntegrityError:
        raise BusyClusterError(f"{plan.cluster} has a rollout that has not ended") from None
    rows = (
        {"rollout": number, "place": place, "state": row.state.value, "value": row_text(row)}
        for place, row in enumerate(state.rows)
    )
    for piece in chunks(rows):
        connection.execute(insert(ROLLOUT_PHONE), piece)
    return number


def save(
    connection: Connection, number: int, head: Head, changed: Iterable[tuple[int, PhoneRow]], ended_at: int | None
) -> None:
    """Write what has changed of a rollout: the head, and rows by their place in the plan."""
    rows = [{"at_place": place, "new_state": row.state.value, "new_value": row_text(row)} for place, row in changed]
    if rows:
        this = (ROLLOUT_PHONE.c.rollout == number, ROLLOUT_PHONE.c.place == bindparam("at_place"))
        changing = update(ROLLOUT_PHONE).where(*this)
        connection.execute(changing.values(state=bindparam("new_state"), value=bindparam("new_value")), rows)
    connection.execute(
        update(ROLLOUT).where(ROLLOUT.c.number == number).values(head=head_text(head), ended_at=ended_at)
    )


def read_rows(connection: Connection, number: int) -> tuple[PhoneRow, ...]:
    """Read the rows of a rollout, in the order of its plan.

    Raises:
        RolloutRowError: one of them cannot be read; the text says which.
    """
    columns = ROLLOUT_PHONE.c.place, ROLLOUT_PHONE.c.value
    query = select(*columns).where(ROLLOUT_PHONE.c.rollout == number).order_by(ROLLOUT_PHONE.c.place)
    rows: list[PhoneRow] = []
    for place, text in connection.execute(query):
        try:
            rows.append(read_row(text))
        except RolloutRowError as error:
            raise RolloutRowError(f"phone {place + 1} of rollout {number}: {error}") from None
    return tuple(rows)


def count_states(connection: Connection, number: int) -> Mapping[str, int]:
    """Count the phones of a rollout by state."""
    query = select(ROLLOUT_PHONE.c.state, func.count()).where(ROLLOUT_PHONE.c.rollout == number)
    return {row[0]: row[1] for row in connection.execute(query.group_by(ROLLOUT_PHONE.c.state))}


def read_rollouts(connection: Connection, cluster: str = "", *, open_only: bool = False) -> tuple[StoredRollout, ...]:
    """Read rollouts, newest first; one that cannot be read says so, and hides no other."""
    query = select(ROLLOUT).order_by(ROLLOUT.c.number.desc())
    if cluster:
        query = query.where(ROLLOUT.c.cluster == cluster)
    if open_only:
        query = query.where(ROLLOUT.c.ended_at.is_(None))
    return tuple(_rollout(row) for row in connection.execute(query))


def _rollout(row: Any) -> StoredRollout:  # noqa: ANN401 - a row of the table
    head, unreadable = None, ""
    try:
        head = read_head(row.head)
    except RolloutRowError as error:
        unreadable = f"the head of rollout {row.number}: {error}"
    return StoredRollout(
        number=row.number,
        plan=row.plan,
        plan_id=row.plan_id,
        cluster=row.cluster,
        started_at=row.started_at,
        started_by=row.started_by,
        ended_at=row.ended_at,
        baseline=row.baseline,
        head=head,
        unreadable=unreadable,
    )


def note(
    connection: Connection, who: str, cluster: str, entries: Sequence[tuple[int, str, Mapping[str, Json]]]
) -> AuditEntry | None:
    """Add entries to the audit log, in the transaction of what they are about; return the last of them."""
    added = audit.append_all(connection, who, cluster, entries)
    return added[-1] if added else None
