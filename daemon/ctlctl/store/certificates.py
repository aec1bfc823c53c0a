"""Certificates of nodes, in the cluster's database and on its TLS ports."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, and_, delete, insert, select, update

from ctlctl.inventory.values import PortState, SeenCertificate
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.rounds import Round, fault_of, fault_values, keep_contents
from ctlctl.store.schema import CERTIFICATE, CONTENT, PORT

#: node, name of the port, certificate or None, why there is none.
PortRow: TypeAlias = tuple[str, str, bytes | None, Fault | None]
_Place: TypeAlias = tuple[str, str]
#: Sources whose certificates are read here; those of stores that nodes list themselves are read by `store.stores`.
_SOURCES: Final = (Source.AXL, Source.TLS_PORTS)


def record_certificates(one: Round, certificates: Iterable[tuple[str, str, bytes]]) -> None:
    """Write certificates that are new, back or gone.

    Args:
        one: the round.
        certificates: node, store and DER of all that there are.
    """
    settle_certificates(one, {(node, place, der) for node, place, der in certificates})


def record_ports(one: Round, ports: Iterable[PortRow]) -> Fault | None:
    """Write what changed on the ports; one that shows nothing keeps what it showed.

    Args:
        one: the round.
        ports: all ports there are; what is left out is no longer asked.

    Returns:
        Why a port showed nothing; None where all showed a certificate.

    Raises:
        ValueError: a port has both a certificate and a fault, or neither.
    """
    asked: dict[_Place, tuple[bytes | None, Fault | None]] = {}
    for node, port, der, fault in ports:
        if (der is None) == (fault is None):
            raise ValueError("a port has either a certificate or a fault")
        asked[node, port] = (der, fault)
    query = select(PORT).where(PORT.c.cluster_id == one.cluster_id)
    before = {(row.node, row.port): row for row in one.connection.execute(query)}
    silent_before = frozenset(place for place, row in before.items() if row.fault_kind is not None)
    silent = frozenset(place for place, (_, fault) in asked.items() if fault is not None)
    present = {(*place, der) for place, (der, _) in asked.items() if der is not None}
    settle_certificates(one, present, Silence(silent.__contains__, silent_before.__contains__))
    for place in before.keys() - asked.keys():
        one.connection.execute(delete(PORT).where(_port(one, place)))
    for place, (_, fault) in asked.items():
        _write_port(one, place, before.get(place), fault)
    return next((fault for _, fault in asked.values() if fault is not None), None)


def _write_port(one: Round, place: _Place, before: Any, fault: Fault | None) -> None:  # noqa: ANN401 - rows are untyped
    values = fault_values(fault)
    if before is None:
        values_of_key = {"cluster_id": one.cluster_id, "node": place[0], "port": place[1]}
        one.connection.execute(insert(PORT).values(since=one.at, **values_of_key, **values))
    elif fault_of(before) != fault:
        # Silent for another reason is still silent.
        since = before.since if (before.fault_kind is None) == (fault is None) else one.at
        one.connection.execute(update(PORT).where(_port(one, place)).values(since=since, **values))


def _port(one: Round, place: _Place) -> Any:  # noqa: ANN401
    return and_(PORT.c.cluster_id == one.cluster_id, PORT.c.node == place[0], PORT.c.port == place[1])


def _never(_: _Place) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Silence:
    """Which places said nothing: what is there stays as it was last seen.

    Attributes:
        now: in this round.
        before: in the round before: what is there has its own last time already.
        partly: in this round they answered, though not everything: what is there gets the time of this round, because
            the round alone does not tell it.
    """

    now: Callable[[_Place], bool] = _never
    before: Callable[[_Place], bool] = _never
    partly: Callable[[_Place], bool] = _never


def settle_certificates(one: Round, present: set[tuple[str, str, bytes]], silence: Silence = Silence()) -> None:
    """Make the certificates of a source those that are present, and keep when others were last seen.

    Args:
        one: the round.
        present: node, place and DER of each.
        silence: which places do not tell.
    """
    digests = keep_contents(one.connection, {der for _, _, der in present})
    wanted = {(node, place, digests[der]) for node, place, der in present}
    where = (CERTIFICATE.c.cluster_id == one.cluster_id, CERTIFICATE.c.source == one.source.value)
    before = {
        (row.node, row.place, row.sha256): row for row in one.connection.execute(select(CERTIFICATE).where(*where))
    }
    for key, row in before.items():
        place = key[:2]
        until = row.last_seen if silence.before(place) else one.seen_until(row.last_seen)
        if key in wanted:
            if row.gone_at is not None or (silence.partly(place) and row.last_seen != one.at):
                _update(one, row.id, last_seen=one.at, gone_at=None)
        elif row.gone_at is not None:
            continue
        elif not silence.now(place):
            _update(one, row.id, last_seen=until, gone_at=one.at)
        elif until != row.last_seen:
            _update(one, row.id, last_seen=until)
    for node, place_name, digest in sorted(wanted - before.keys()):
        what = {"cluster_id": one.cluster_id, "source": one.source.value, "node": node, "place": place_name}
        values = what | {"sha256": digest, "first_seen": one.at, "last_seen": one.at}
        one.connection.execute(insert(CERTIFICATE).values(values))


def _update(one: Round, key: int, **values: int | None) -> None:
    one.connection.execute(update(CERTIFICATE).where(CERTIFICATE.c.id == key).values(values))


def read_ports(connection: Connection, cluster_id: int) -> tuple[PortState, ...]:
    """Read ports, by node and name."""
    query = select(PORT).where(PORT.c.cluster_id == cluster_id).order_by(PORT.c.node, PORT.c.port)
    return tuple(PortState(row.node, row.port, fault_of(row), row.since) for row in connection.execute(query))


def read_certificates(
    connection: Connection, cluster_id: int, rounds: Mapping[Source, int], ports: Iterable[PortState]
) -> tuple[SeenCertificate, ...]:
    """Read the certificates that are there now, by source, node and place."""
    silent = {(port.node, port.port) for port in ports if port.fault is not None}
    columns = [CERTIFICATE.c[name] for name in ("source", "node", "place", "first_seen", "last_seen")]
    query = select(*columns, CONTENT.c.data).join(CONTENT, CONTENT.c.sha256 == CERTIFICATE.c.sha256)
    sources = CERTIFICATE.c.source.in_([source.value for source in _SOURCES])
    query = query.where(CERTIFICATE.c.cluster_id == cluster_id, CERTIFICATE.c.gone_at.is_(None), sources)
    order = (CERTIFICATE.c.source, CERTIFICATE.c.node, CERTIFICATE.c.place, CERTIFICATE.c.sha256)
    bodies: dict[bytes, bytes] = {}
    found = []
    for row in connection.execute(query.order_by(*order)):
        source = Source(row.source)
        last_seen = row.last_seen
        if source is not Source.TLS_PORTS or (row.node, row.place) not in silent:
            last_seen = max(last_seen, rounds.get(source, last_seen))
        der = bodies.setdefault(row.data, row.data)
        found.append(SeenCertificate(source, row.node, row.place, der, row.first_seen, last_seen))
    return tuple(found)


def read_contents(connection: Connection, cluster_id: int) -> list[bytes]:
    """Read every certificate that is there now, each once."""
    query = select(CONTENT.c.data).join(CERTIFICATE, CONTENT.c.sha256 == CERTIFICATE.c.sha256)
    # A store may list what it could not show: that has no content.
    query = query.where(CERTIFICATE.c.cluster_id == cluster_id, CERTIFICATE.c.gone_at.is_(None), CONTENT.c.size > 0)
    query = query.distinct()
    return list(connection.execute(query).scalars())
