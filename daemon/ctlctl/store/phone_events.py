"""What changed about a phone."""

from sqlalchemy import Connection, select

from ctlctl.inventory.words import Source
from ctlctl.store.schema import PHONE, PHONE_EVENT
from ctlctl.store.values import PhoneEvent


def read_events(connection: Connection, cluster_id: int, name: str, limit: int) -> tuple[PhoneEvent, ...]:
    """Read a phone's events, newest first."""
    columns = [PHONE_EVENT.c[column] for column in ("at", "source", "field", "value_before", "value_after")]
    query = select(*columns).join(PHONE, PHONE.c.id == PHONE_EVENT.c.phone_id)
    query = query.where(PHONE.c.cluster_id == cluster_id, PHONE.c.name == name)
    rows = connection.execute(query.order_by(PHONE_EVENT.c.id.desc()).limit(limit))
    return tuple(PhoneEvent(row.at, Source(row.source), row.field, row.value_before, row.value_after) for row in rows)
