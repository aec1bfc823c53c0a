"""Certificates in the stores of nodes, as the nodes themselves list them; kept with those of database and ports."""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, select

from ctlctl.inventory.nodevalues import CertificatePlace, NodeState, StoreCertificate
from ctlctl.inventory.readings import StoreReading
from ctlctl.inventory.words import Source
from ctlctl.store.certificates import Silence, settle_certificates
from ctlctl.store.rounds import Round
from ctlctl.store.schema import CERTIFICATE, CONTENT

#: Sources whose certificates these are; all others are a database's or a port's.
STORE_SOURCES: Final = (Source.CERTIFICATE_API, Source.PLATFORM_CLI)


def _spelled(reading: StoreReading) -> str:
    # Units and kinds have no slash in their names; a file might.
    return f"{reading.place}/{reading.store}/{reading.file}"


def record_stores(
    one: Round,
    told: Mapping[str, Iterable[StoreReading]],
    silent: frozenset[str],
    silent_before: frozenset[str],
    partly: frozenset[str] = frozenset(),
) -> None:
    """Write certificates that are new, back or gone.

    Args:
        one: the round.
        told: what each node that answered has.
        silent: nodes that are asked and did not answer; they keep what they had.
        silent_before: nodes that did not answer all in the round before.
        partly: nodes that answered, but not everything.
    """
    wanted = {(node, _spelled(each), each.der) for node, readings in told.items() for each in readings}
    silence = Silence(
        now=lambda place: place[0] in silent,
        before=lambda place: place[0] in silent_before,
        partly=lambda place: place[0] in partly,
    )
    settle_certificates(one, wanted, silence)


def read_stores(
    connection: Connection, cluster_id: int, rounds: Mapping[Source, int], states: Iterable[NodeState]
) -> tuple[StoreCertificate, ...]:
    """Read the certificates that are there now, by source, node, and place."""
    answered = {(state.source, state.node) for state in states if state.fault is None}
    columns = [CERTIFICATE.c[name] for name in ("source", "node", "place", "first_seen", "last_seen")]
    query = select(*columns, CONTENT.c.data).join(CONTENT, CONTENT.c.sha256 == CERTIFICATE.c.sha256)
    query = query.where(
        CERTIFICATE.c.cluster_id == cluster_id,
        CERTIFICATE.c.gone_at.is_(None),
        CERTIFICATE.c.source.in_([source.value for source in STORE_SOURCES]),
    )
    order = (CERTIFICATE.c.source, CERTIFICATE.c.node, CERTIFICATE.c.place, CERTIFICATE.c.sha256)
    bodies: dict[bytes, bytes] = {}
    found = []
    for row in connection.execute(query.order_by(*order)):
        source = Source(row.source)
        place, store, file = row.place.split("/", 2)
        kind: CertificatePlace = "own" if place == "own" else "trust"
        last_seen = row.last_seen
        if (source, row.node) in answered:
            last_seen = max(last_seen, rounds.get(source, last_seen))
        der = bodies.setdefault(row.data, row.data)
        found.append(StoreCertificate(source, row.node, store, kind, file, der, row.first_seen, last_seen))
    return tuple(found)
