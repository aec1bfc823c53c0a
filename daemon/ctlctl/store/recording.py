"""The part of the store that collectors write to. Any thread may use it; every method may raise `StoreError`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ctlctl.inventory.nodevalues import PhonePage, PoolFact, ProfileFact
from ctlctl.inventory.readings import PlatformRow, ServiceRow, StoreReading, StoreRow, TvsRow
from ctlctl.inventory.values import ClusterFacts, NodeFact, PhoneConfig, PhoneProbe, Registration
from ctlctl.inventory.words import Fault, Source
from ctlctl.store import lists, phone_looks
from ctlctl.store.certificates import PortRow, record_certificates, record_ports
from ctlctl.store.database import Database
from ctlctl.store.facts import ProfileRow, record_facts, record_nodes, record_profiles
from ctlctl.store.nodes import (
    NodeRow,
    platform_rows,
    record_configured,
    record_nodes_say,
    service_rows,
    silent_nodes,
    tvs_rows,
)
from ctlctl.store.phone_pages import record_pages
from ctlctl.store.phones import record_phones, take_in
from ctlctl.store.rounds import UNFINISHED, Round, begin_round, end_round, go_on
from ctlctl.store.stores import record_stores


class Recorder:
    """Takes what sources say of clusters.

    A ``record_…`` method writes all that one source said in one round, in one transaction; what is as it was before
    is not written again. Whole numbers called ``at`` are seconds since 1970.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

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
