"""Everything known of a cluster, read at one moment."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, func, select

from ctlctl.inventory.nodevalues import NodeState, StoreCertificate
from ctlctl.inventory.values import Phone, SeenCertificate, ServedList, Snapshot
from ctlctl.inventory.words import Source
from ctlctl.store.certificates import read_certificates, read_ports
from ctlctl.store.facts import read_facts, read_mode_changes, read_nodes, read_profiles
from ctlctl.store.lists import read_lists, read_past_versions
from ctlctl.store.nodes import read_node_facts, read_node_states
from ctlctl.store.phone_rows import SNAPSHOT_COLUMNS, PhoneReader
from ctlctl.store.rounds import cluster_id_of, read_sources
from ctlctl.store.schema import PHONE, PHONE_LOOK, PHONE_PAGE
from ctlctl.store.stores import read_stores

# Rows fetched at a time: all of them would be in memory twice.
_FETCHED: Final = 1_000


def read_snapshot(connection: Connection, cluster: str) -> Snapshot:
    """Read a snapshot; an empty one for a cluster of which nothing was ever written."""
    cluster_id = cluster_id_of(connection, cluster)
    if cluster_id is None:
        return Snapshot(cluster, None, (), MappingProxyType({}), (), (), 0, (), (), (), ())
    sources, rounds = read_sources(connection, cluster_id)
    ports = read_ports(connection, cluster_id)
    states = read_node_states(connection, cluster_id, rounds)
    said = read_node_facts(connection, cluster_id)
    return Snapshot(
        cluster=cluster,
        facts=read_facts(connection, cluster_id),
        mode_changes=read_mode_changes(connection, cluster_id),
        sources=MappingProxyType(sources),
        nodes=read_nodes(connection, cluster_id),
        phones=_read_phones(connection, cluster_id),
        retired=_count_retired(connection, cluster_id),
        lists=read_lists(connection, cluster_id, rounds.get(Source.TRUST_LISTS)),
        certificates=read_certificates(connection, cluster_id, rounds, ports),
        ports=ports,
        profiles=read_profiles(connection, cluster_id),
        node_states=states,
        services=said.services,
        stores=read_stores(connection, cluster_id, rounds, states),
        replication=said.replication,
        ntp=said.ntp,
        backups=said.backups,
        shown_lists=said.shown_lists,
        stale_lscs=said.stale_lscs,
        tvs_answers=said.tvs_answers,
        pools=said.pools,
        security_profiles=said.security_profiles,
        past_versions=read_past_versions(connection, cluster_id),
    )


@dataclass(frozen=True, slots=True)
class TrustView:
    """Lists and certificates of a cluster; fields as in `Snapshot`, ``states`` as its ``node_states``."""

    lists: tuple[ServedList, ...] = ()
    certificates: tuple[SeenCertificate, ...] = ()
    stores: tuple[StoreCertificate, ...] = ()
    states: tuple[NodeState, ...] = ()


def read_trust_view(connection: Connection, cluster: str) -> TrustView:
    """Read lists and certificates, without everything that is known of 40,000 phones."""
    cluster_id = cluster_id_of(connection, cluster)
    if cluster_id is None:
        return TrustView()
    _, rounds = read_sources(connection, cluster_id)
    states = read_node_states(connection, cluster_id, rounds)
    return TrustView(
        lists=read_lists(connection, cluster_id, rounds.get(Source.TRUST_LISTS)),
        certificates=read_certificates(connection, cluster_id, rounds, read_ports(connection, cluster_id)),
        stores=read_stores(connection, cluster_id, rounds, states),
        states=states,
    )


def _read_phones(connection: Connection, cluster_id: int) -> tuple[Phone, ...]:
    reader = PhoneReader()
    where = (PHONE.c.cluster_id == cluster_id, PHONE.c.retired_at.is_(None))
    query = select(*SNAPSHOT_COLUMNS).select_from(PHONE.outerjoin(PHONE_LOOK).outerjoin(PHONE_PAGE))
    query = query.where(*where).order_by(PHONE.c.name)
    rows = connection.execution_options(yield_per=_FETCHED).execute(query)
    return tuple([reader.phone(row) for row in rows])


def _count_retired(connection: Connection, cluster_id: int) -> int:
    where = (PHONE.c.cluster_id == cluster_id, PHONE.c.retired_at.is_not(None))
    return connection.execute(select(func.count()).select_from(PHONE).where(*where)).scalar_one()
