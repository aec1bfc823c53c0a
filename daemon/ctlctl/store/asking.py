"""Which phones to ask about: names and addresses alone, without everything else that is known of 40,000 phones."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table, func, or_, select

from ctlctl.store.schema import CLUSTER, PHONE

#: A phone that was never looked at comes first.
_NEVER: Final = 0
#: Seconds: twice the longest rest that settings allow.
_NO_REST: Final = 2 * 864_000


def read_names(connection: Connection, cluster: str) -> list[str] | None:
    """Return the names of the phones that AXL gave last; None where it never answered."""
    found = connection.execute(select(CLUSTER.c.id, CLUSTER.c.version).where(CLUSTER.c.name == cluster)).first()
    if found is None or found.version is None:
        return None
    query = select(PHONE.c.name).where(PHONE.c.cluster_id == found.id, PHONE.c.retired_at.is_(None))
    return list(connection.execute(query.order_by(PHONE.c.name)).scalars())


def read_to_look_at(
    connection: Connection, cluster_id: int, looks: Table, before: int, limit: int
) -> Sequence[tuple[str, str]]:
    """Return name and address of phones with a web server, those that were not looked at for longest first.

    Args:
        connection: to the store.
        cluster_id: whose phones.
        looks: where it stands when each was looked at: `PHONE_LOOK` or `PHONE_PAGE`.
        before: those looked at later are left alone, but for those that a clock far ahead has dated.
        limit: how many at most.
    """
    looked = func.coalesce(looks.c.looked_at, _NEVER)
    query = (
        select(PHONE.c.name, PHONE.c.r_address)
        .outerjoin(looks, looks.c.phone_id == PHONE.c.id)
        .where(
            PHONE.c.cluster_id == cluster_id,
            PHONE.c.retired_at.is_(None),
            PHONE.c.r_httpd.is_(True),
            PHONE.c.r_address.is_not(None),
            or_(looked <= before, looked > before + _NO_REST),
        )
        .order_by(looked, PHONE.c.name)
        .limit(limit)
    )
    return [(name, address) for name, address in connection.execute(query)]
