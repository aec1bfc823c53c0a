"""The store: what collectors saw, what was concluded, and how both changed. Any thread may use it."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

from sqlalchemy import delete, select

from ctlctl.act.audit import AuditEntry
from ctlctl.assess.model import Finding, Json
from ctlctl.inventory.nodevalues import PhonePage, PoolFact, ProfileFact
from ctlctl.inventory.readings import PlatformRow, ServiceRow, StoreReading, StoreRow, TvsRow
from ctlctl.inventory.values import ClusterFacts, NodeFact, PhoneConfig, PhoneProbe, Registration, Snapshot
from ctlctl.inventory.words import Fault, Source
from ctlctl.store import audit, backup, findings, lists, migrating, phone_looks, purging
from ctlctl.store.asking import read_names, read_to_look_at
from ctlctl.store.certificates import PortRow, read_contents, record_certificates, record_ports
from ctlctl.store.database import LOCK_TIMEOUT, Database
from ctlctl.store.errors import StoreError
from ctlctl.store.facts import ProfileRow, read_nodes, record_facts, record_nodes, record_profiles
from ctlctl.store.nodes import (
    NodeRow,
    platform_rows,
    record_configured,
    record_nodes_say,
    service_rows,
    silent_nodes,
    tvs_rows,
)
from ctlctl.store.phone_events import read_events
from ctlctl.store.phone_pages import record_pages
from ctlctl.store.phones import record_phones, take_in
from ctlctl.store.rolloutstore import RolloutStore
from ctlctl.store.rounds import (
    UNFINISHED,
    Round,
    begin_round,
    cluster_id_of,
    end_round,
    go_on,
    made_cluster,
    read_sources,
)
from ctlctl.store.schema import CLUSTER, PHONE_LOOK, PHONE_PAGE
from ctlctl.store.snapshots import TrustView, read_snapshot, read_trust_view
from ctlctl.store.stores import record_stores
from ctlctl.store.values import FindingChanges, KeptListVersion, PhoneEvent, Purged, StoredFinding

__all__ = ["Store", "StoreError"]


class Store:
    """What is known of all clusters.

    Every method may raise `StoreError`. What it was to write is then not written, what was written before stands, and
    the next call works as soon as the cause is gone. Whole numbers called ``at`` are seconds since 1970.

    A ``record_…`` method writes all that one source said in one round, in one transaction; what is as it was before
    is not written again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

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

    # What collectors write.

    def record_failure(self, cluster: str, source: Source, fault: Fault, at: int) -> None:
        """Note that a source could not be asked; all that it said before stands."""
        with self._database.write() as connection:
            end_round(begin_round(connection, cluster, source, at), fault, gave=False)

    def record_axl(  # noqa: PLR0913, PLR0917 - one argument for each thing that AXL knows
        self,
        cluster: str,
        at: int,
        facts: ClusterFacts,
        nodes: Iterable[NodeFact],
        phones: Iterable[PhoneConfig],
        certificates: Iterable[tuple[str, str, bytes]] = (),
        profiles: Iterable[ProfileRow] = (),
        pools: Iterable[PoolFact] = (),
        security_profiles: Iterable[ProfileFact] = (),
    ) -> None:
        """Write all that AXL knows.

        Args:
            cluster: its name.
            at: when.
            facts: the cluster as a whole.
            nodes: all nodes.
            phones: all phones; may be a stream that is still asking, and nothing is written before its end. Phones
                that are not in it are retired.
            certificates: node, store and DER of each in the database; those that are not in it are gone.
            profiles: kind, pkid, user, instance ID, operation, status and finish time of each CAPF profile.
            pools: all device pools.
            security_profiles: all phone security profiles.
        """
        all_nodes, all_certificates, all_profiles = tuple(nodes), tuple(certificates), tuple(profiles)
        all_pools, all_security = tuple(pools), tuple(security_profiles)
        intake = take_in(self._database, cluster, phones)
        with self._round(cluster, Source.AXL, at) as one:
            record_facts(one, facts)
            record_nodes(one, all_nodes)
            record_phones(one, intake)
            record_certificates(one, all_certificates)
            record_profiles(one, all_profiles)
            record_configured(one, all_pools, all_security)
            end_round(one, None)

    def record_registrations(  # noqa: PLR0913 - what was asked, answered, and how it ended
        self,
        cluster: str,
        at: int,
        registrations: Mapping[str, Registration],
        asked: Iterable[str],
        *,
        complete: bool,
        fault: Fault | None = None,
    ) -> None:
        """Write what RIS knows.

        Args:
            cluster: its name.
            at: when.
            registrations: by name of phone; names that AXL never gave are left out.
            asked: names of all phones that were asked for; where the answer is complete, those that are not in it
                are unknown to every node.
            complete: whether every node answered for all of them.
            fault: why not.
        """
        silent = frozenset(asked).difference(registrations) if complete else frozenset[str]()
        with self._round(cluster, Source.RIS, at) as one:
            phone_looks.record_registrations(one, registrations, silent)
            end_round(one, None if complete else fault or UNFINISHED, gave=complete)

    def record_probes(
        self,
        cluster: str,
        at: int,
        probes: Mapping[str, PhoneProbe],
        *,
        complete: bool = True,
        fault: Fault | None = None,
    ) -> None:
        """Write what phones' web servers showed.

        A look that shows what was shown before costs a few bytes: its time.

        Args:
            cluster: its name.
            at: when.
            probes: by name of phone; names that AXL never gave are left out. Phones that are not in it stay as they
                were.
            complete: whether all were looked at that were to be; otherwise this is a part of a sweep that goes on.
            fault: why the sweep does not go on, if it does not.
        """
        with self._round(cluster, Source.PHONE_TLS, at) as one:
            phone_looks.record_probes(one, probes)
            if complete or fault is not None:
                end_round(one, fault, gave=fault is None)
            else:
                go_on(one)

    def record_lists(self, cluster: str, at: int, served: Iterable[lists.ListRow]) -> None:
        """Write what every TFTP node serves.

        Args:
            cluster: its name.
            at: when.
            served: node, kind, and the file's bytes, None for no such file, or why it cannot be told. All that there
                are: what is left out is no longer asked for. The round is a success if nothing failed.
        """
        everything = tuple(served)
        with self._round(cluster, Source.TRUST_LISTS, at) as one:
            end_round(one, lists.record_lists(one, everything))

    def record_ports(self, cluster: str, at: int, ports: Iterable[PortRow]) -> None:
        """Write what every TLS port presents.

        Args:
            cluster: its name.
            at: when.
            ports: node, name of the port, and either a certificate's DER or why there is none. All that there are:
                what is left out is no longer asked. The round is a success if nothing failed.

        Raises:
            ValueError: a port has both a certificate and a fault, or neither.
        """
        everything = tuple(ports)
        with self._round(cluster, Source.TLS_PORTS, at) as one:
            end_round(one, record_ports(one, everything))

    def record_services(self, cluster: str, at: int, rows: Iterable[ServiceRow]) -> None:
        """Write which services run, by Control Center.

        Args:
            cluster: its name.
            at: when.
            rows: every node that is asked, with what it said or why it said nothing; what is left out is forgotten.
        """
        self._nodes_say(cluster, Source.CONTROL_CENTER, at, service_rows(rows))

    def record_tvs(self, cluster: str, at: int, rows: Iterable[TvsRow]) -> None:
        """Write what every TVS says about certificates in use; arguments as `record_services`."""
        self._nodes_say(cluster, Source.TVS, at, tvs_rows(rows))

    def record_stores(self, cluster: str, at: int, rows: Iterable[StoreRow]) -> None:
        """Write which certificates nodes have, by the certificate API; arguments as `record_services`."""
        told = dict(rows)
        silent: list[NodeRow] = [
            (node, None, said) if isinstance(said, Fault) else (node, {}, None) for node, said in told.items()
        ]
        readings = {node: said for node, said in told.items() if not isinstance(said, Fault)}
        self._nodes_say(cluster, Source.CERTIFICATE_API, at, silent, readings)

    def record_platform(self, cluster: str, at: int, rows: Iterable[PlatformRow]) -> None:
        """Write what the platform CLI of every node says; arguments as `record_services`."""
        told = tuple(rows)
        readings = {
            node: said.certificates
            for node, said in told
            if not isinstance(said, Fault) and said.certificates is not None
        }
        self._nodes_say(cluster, Source.PLATFORM_CLI, at, platform_rows(told), readings)

    def _nodes_say(
        self,
        cluster: str,
        source: Source,
        at: int,
        rows: Sequence[NodeRow],
        readings: Mapping[str, Iterable[StoreReading]] | None = None,
    ) -> None:
        with self._round(cluster, source, at) as one:
            if readings is not None:
                silent = frozenset(row[0] for row in rows).difference(readings)
                partly = frozenset(node for node, facts, fault in rows if facts is not None and fault is not None)
                record_stores(one, readings, silent, silent_nodes(one), partly)
            end_round(one, record_nodes_say(one, rows))

    def record_pages(self, cluster: str, at: int, pages: Mapping[str, PhonePage], *, complete: bool = True) -> None:
        """Write what phones' pages said.

        Args:
            cluster: its name.
            at: when.
            pages: by name of phone; names that AXL never gave are left out. Phones that are not in it stay as they
                were.
            complete: whether all were looked at that were to be; otherwise this is a part of a sweep that goes on.
        """
        with self._round(cluster, Source.PHONE_PAGES, at) as one:
            record_pages(one, pages)
            if complete:
                end_round(one, None)
            else:
                go_on(one)

    @contextmanager
    def _round(self, cluster: str, source: Source, at: int) -> Iterator[Round]:
        with self._database.write() as connection:
            yield begin_round(connection, cluster, source, at)

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

    def audit_log(self, first: int = 1, most: int | None = None) -> tuple[AuditEntry, ...]:
        """Entries of the audit log from a number on, oldest first; all of them, or so many."""
        with self._database.read() as connection:
            return tuple(audit.read_all(connection, first, most))

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
