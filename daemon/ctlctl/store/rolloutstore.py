"""The part of the store that plans and rollouts use. Any thread may use it; every method may raise `StoreError`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from ctlctl.act.audit import AuditEntry
from ctlctl.assess.model import Json
from ctlctl.store import audit, rollouts
from ctlctl.store.database import Database
from ctlctl.store.rollouts import Approval, BusyClusterError, StoredPlan, StoredRollout
from ctlctl_capf.rollout.rows import Head, PhoneRow, RolloutState

__all__ = ["Approval", "AuditNote", "BusyClusterError", "RolloutStore", "StoredPlan", "StoredRollout"]

_LOG: Final = structlog.get_logger("ctld")

#: An entry for the audit log: when, what, and everything else.
AuditNote = tuple[int, str, Mapping[str, Json]]


def _tell(newest: AuditEntry | None) -> None:
    """Write the newest hash to the journal: it shows whether entries were cut off the log later."""
    if newest is not None:
        about = {"number": newest.number, "event_name": newest.event, "who": newest.who, "cluster": newest.cluster}
        _LOG.info("audit", **about, hash=newest.hash)


class RolloutStore:
    """Plans and rollouts. What is written goes to disk in one transaction with its entries in the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def approve(self, plan: StoredPlan, approval: Approval, who: str, note: AuditNote) -> None:
        """Keep a plan and somebody's word for it.

        Args:
            plan: the plan, with its bytes.
            approval: whose word.
            who: the same person as the audit log has it.
            note: the entry.
        """
        with self._database.write() as connection:
            rollouts.keep_plan(connection, plan)
            rollouts.approve(connection, plan.sha256, approval)
            newest = rollouts.note(connection, who, plan.cluster, [note])
        _tell(newest)

    def plan(self, sha256: str) -> StoredPlan | None:
        """Return a plan by its hash or the beginning of it; None for none, or for more than one."""
        with self._database.read() as connection:
            return rollouts.read_plan(connection, sha256)

    def plans(self, cluster: str = "") -> tuple[StoredPlan, ...]:
        """Return all plans, or those of a cluster, newest first, without their bytes."""
        with self._database.read() as connection:
            return rollouts.read_plans(connection, cluster)

    def start(  # noqa: PLR0913 - what a rollout begins with
        self, plan: StoredPlan, at: int, who: str, baseline: int | None, state: RolloutState, note: AuditNote
    ) -> int:
        """Write a rollout that begins; return its number.

        Raises:
            BusyClusterError: there is another on the cluster that has not ended.
        """
        with self._database.write() as connection:
            number = rollouts.start(connection, plan, at, who, baseline, state)
            newest = rollouts.note(connection, who, plan.cluster, [(note[0], note[1], {**note[2], "rollout": number})])
        _tell(newest)
        return number

    def save(  # noqa: PLR0913 - what a step of a rollout comes to
        self,
        rollout: StoredRollout,
        head: Head,
        changed: Iterable[tuple[int, PhoneRow]],
        notes: Sequence[AuditNote],
        *,
        ended_at: int | None = None,
        who: str = "ctld",
    ) -> None:
        """Write a step of a rollout.

        Args:
            rollout: which.
            head: the head as it is now.
            changed: rows that have changed, by their place in the plan.
            notes: entries for the audit log.
            ended_at: when it ended; None while it has not.
            who: who had it done.
        """
        with self._database.write() as connection:
            rollouts.save(connection, rollout.number, head, changed, ended_at)
            newest = rollouts.note(connection, who, rollout.cluster, notes)
        _tell(newest)

    def note(self, who: str, cluster: str, notes: Sequence[AuditNote]) -> None:
        """Add entries to the audit log."""
        with self._database.write() as connection:
            newest = rollouts.note(connection, who, cluster, notes)
        _tell(newest)

    def rollouts(self, cluster: str = "", *, open_only: bool = False) -> tuple[StoredRollout, ...]:
        """Return rollouts, newest first."""
        with self._database.read() as connection:
            return rollouts.read_rollouts(connection, cluster, open_only=open_only)

    def rows(self, number: int) -> tuple[PhoneRow, ...]:
        """Return the rows of a rollout, in the order of its plan."""
        with self._database.read() as connection:
            return rollouts.read_rows(connection, number)

    def states(self, number: int) -> Mapping[str, int]:
        """Count the phones of a rollout by state."""
        with self._database.read() as connection:
            return rollouts.count_states(connection, number)

    def newest_hash(self) -> str | None:
        """Return the hash of the audit log's newest entry; None for an empty log."""
        with self._database.read() as connection:
            return audit.newest_hash(connection)
