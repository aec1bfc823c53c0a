"""The store: what collectors saw, what was concluded, and how both changed. Any thread may use it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from sqlalchemy import delete, select

from ctlctl.act.audit import AuditEntry, AuditFilter
from ctlctl.assess.model import Finding, Json
from ctlctl.inventory.values import NodeFact, Snapshot
from ctlctl.inventory.words import Source
from ctlctl.store import audit, backup, findings, lists, migrating, purging, refusals
from ctlctl.store.asking import read_names, read_to_look_at
from ctlctl.store.certificates import read_contents
from ctlctl.store.database import LOCK_TIMEOUT, Database
from ctlctl.store.errors import StoreError
from ctlctl.store.facts import read_nodes
from ctlctl.store.phone_events import read_events
from ctlctl.store.recording import Recorder
from ctlctl.store.rolloutstore import RolloutStore
from ctlctl.store.rounds import cluster_id_of, made_cluster, read_sources
from ctlctl.store.schema import CLUSTER, PHONE_LOOK, PHONE_PAGE
from ctlctl.store.snapshots import TrustView, read_snapshot, read_trust_view
from ctlctl.store.values import FindingChanges, KeptListVersion, PhoneEvent, Purged, StoredFinding, StoredRefusal

__all__ = ["Store", "StoreError"]


class Store(Recorder):
    """What is known of all clusters.

    Every method may raise `StoreError`. What it was to write is then not written, what was written before stands, and
    the next call works as soon as the cause is gone. Whole numbers called ``at`` are seconds since 1970.

    What collectors write is in `Recorder`.
    """

    @classmethod
    def open(
        cls, url_or_path: str | os.PathLike[str], *, migrate: bool = True, lock_timeout: float = LOCK_TIMEOUT
    ) -> Self:
        """Open a store; one that is not there is made.

        Args:
            url_or_path: path of a file, or URL as SQLAlchemy has them.
            migrate: bring an older schema up to what this version needs; otherwise it is an error.
            lock_timeout: how long to wait for another program that writes, in seconds.

        Raises:
            StoreError: it cannot be used.
        """
        database = Database(os.fspath(url_or_path), lock_timeout=lock_timeout)
        try:
            if migrate:
                migrating.migrate(database)
            else:
                migrating.refuse_old(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The store itself.

    def migrate(self) -> None:
        """Bring the schema up to what this version needs; a crash in the middle leaves it as it was."""
        migrating.migrate(self._database)

    def schema_version(self) -> str | None:
        """Schema that it has, such as "0001"; None for an empty one."""
        with self._database.read() as connection:
            return migrating.schema_of(connection)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy it, as it is at one moment, to a new file that nobody else can read; it may be in use meanwhile."""
        backup.back_up(self._database, os.fspath(path))

    def integrity(self) -> tuple[str, ...]:
        """Read all of it and say what is wrong; nothing for a whole one."""
        return backup.defects(self._database)

    def purge(self, now: int, retention_seconds: int) -> Purged:
        """Remove history that ended more than ``retention_seconds`` ago, a little at a time.

        Of each trust list the last two versions always stay, and the last that was another than the current.
        """
        return purging.purge(self._database, now - retention_seconds)

    # Clusters.

    def clusters(self) -> tuple[str, ...]:
        """Names of all clusters of which something was written."""
        with self._database.read() as connection:
            return tuple(connection.execute(select(CLUSTER.c.name).order_by(CLUSTER.c.name)).scalars())

    def forget_cluster(self, name: str) -> bool:
        """Remove all that is known of a cluster; whether there was such a one."""
        with self._database.write() as connection:
            # What belongs to it goes with it.
            known = connection.execute(delete(CLUSTER).where(CLUSTER.c.name == name)).rowcount > 0
        purging.remove_unused(self._database)
        return known

    # What is known.

    def snapshot(self, cluster: str) -> Snapshot:
        """Everything known of a cluster; an empty snapshot for one that is not known."""
        with self._database.read() as connection:
            return read_snapshot(connection, cluster)

    def nodes(self, cluster: str) -> tuple[NodeFact, ...]:
        """Nodes as AXL gave them last; none where it never answered."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else read_nodes(connection, cluster_id)

    def was_asked(self, cluster: str, source: Source) -> bool:
        """Whether a source of a cluster was ever asked, whatever came of it."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return cluster_id is not None and source in read_sources(connection, cluster_id)[0]

    def trust_view(self, cluster: str) -> TrustView:
        """Trust lists and certificates of a cluster, without its phones."""
        with self._database.read() as connection:
            return read_trust_view(connection, cluster)

    def phone_names(self, cluster: str) -> list[str] | None:
        """Names of the phones that AXL gave last; None where it never answered."""
        with self._database.read() as connection:
            return read_names(connection, cluster)

    def phones_to_look_at(self, cluster: str, before: int, limit: int) -> Sequence[tuple[str, str]]:
        """Name and address of phones with a web server, those not looked at for longest first.

        Args:
            cluster: its name.
            before: phones looked at later than this are left alone.
            limit: how many at most.
        """
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else read_to_look_at(connection, cluster_id, PHONE_LOOK, before, limit)

    def phones_to_read(self, cluster: str, before: int, limit: int) -> Sequence[tuple[str, str]]:
        """Name and address of phones with a web server, those whose pages were not read for longest first.

        Arguments as `phones_to_look_at`.
        """
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else read_to_look_at(connection, cluster_id, PHONE_PAGE, before, limit)

    def certificate_contents(self, cluster: str) -> list[bytes]:
        """Every certificate that is in a cluster now, DER, each once."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return [] if cluster_id is None else read_contents(connection, cluster_id)

    def list_history(
        self, cluster: str, node: str | None = None, kind: str | None = None
    ) -> tuple[KeptListVersion, ...]:
        """Every version of trust lists that is kept, newest first."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            if cluster_id is None:
                return ()
            last_round = read_sources(connection, cluster_id)[1].get(Source.TRUST_LISTS)
            return lists.read_versions(connection, cluster_id, last_round, node, kind)

    def list_data(self, sha256: str) -> bytes | None:
        """Bytes of a trust list; None where they are not kept."""
        with self._database.read() as connection:
            return lists.list_content(connection, sha256)

    def phone_history(self, cluster: str, name: str, limit: int = 100) -> tuple[PhoneEvent, ...]:
        """What changed about a phone, newest first; of a retired one too."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else read_events(connection, cluster_id, name, limit)

    @property
    def acts(self) -> RolloutStore:
        """Plans and rollouts."""
        return RolloutStore(self._database)

    # The audit log.

    def audit(self, at: int, who: str, event: str, cluster: str, detail: Mapping[str, Json]) -> AuditEntry:
        """Add an entry to the audit log; it is on disk when this returns."""
        with self._database.write() as connection:
            return audit.append(connection, at, who, event, cluster, detail)

    def audit_log(
        self, first: int = 1, most: int | None = None, wanted: AuditFilter | None = None
    ) -> tuple[AuditEntry, ...]:
        """Entries of the audit log from a number on, oldest first; all of them, or so many of those that are wanted."""
        with self._database.read() as connection:
            return tuple(audit.read_all(connection, first, most, wanted))

    def newest_of_audit_log(self, most: int, wanted: AuditFilter) -> tuple[int, int]:
        """Number with which the newest wanted entries begin, and how many wanted ones are older."""
        with self._database.read() as connection:
            return audit.newest(connection, most, wanted)

    # Accounts that were refused.

    def keep_refusal(self, cluster: str, refusal: StoredRefusal) -> None:
        """Remember that a cluster has refused an account; it is on disk when this returns."""
        with self._database.write() as connection:
            refusals.keep_refusal(connection, cluster, refusal)

    def forget_refusal(self, cluster: str, account: str) -> None:
        """Forget that a cluster has refused an account."""
        with self._database.write() as connection:
            refusals.forget_refusal(connection, cluster, account)

    def refusal(self, cluster: str, account: str) -> StoredRefusal | None:
        """Return the last refusal of an account; None for one that is not known as refused."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return None if cluster_id is None else refusals.read_refusal(connection, cluster_id, account)

    # Findings.

    def update_findings(self, cluster: str, at: int, found: Iterable[Finding]) -> FindingChanges:
        """Make the open findings of a cluster those that hold now, and say what changed."""
        everything = tuple(found)
        with self._database.write() as connection:
            return findings.update_findings(connection, made_cluster(connection, cluster), at, everything)

    def open_findings(self, cluster: str) -> tuple[StoredFinding, ...]:
        """Findings that hold: worst first, then by code and subject."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else findings.read_open(connection, cluster_id)

    def finding_history(self, cluster: str, limit: int = 100) -> tuple[StoredFinding, ...]:
        """Findings open and closed; what changed last comes first."""
        with self._database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            return () if cluster_id is None else findings.read_history(connection, cluster_id, limit)
