"""What phones say on their own pages; a failed look never takes away what an earlier one showed."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from ctlctl.inventory.nodevalues import PhonePage
from ctlctl.store.phone_rows import differences
from ctlctl.store.rounds import Round, chunks, insert_all
from ctlctl.store.schema import PHONE, PHONE_EVENT, PHONE_PAGE

# What a page says, without when it was read.
_PAGE: Final = tuple(field.name for field in fields(PhonePage) if field.name != "at")
# A change of these is an event of the phone; why a look failed is none.
_TOLD: Final = tuple(name for name in _PAGE if name != "fault")
_SET: Final = ("read_at", "looked_at", *_PAGE)
_UPDATE: Final = (
    update(PHONE_PAGE)
    .where(PHONE_PAGE.c.phone_id == bindparam("phone"))
    # A parameter must not be called like a column.
    .values({name: bindparam(f"new_{name}") for name in _SET})
)


def record_pages(one: Round, pages: Mapping[str, PhonePage]) -> None:
    """Write what pages said.

    Args:
        one: the round.
        pages: by name of phone; names that AXL never gave are no phones.
    """
    # The two tables have columns of the same name.
    theirs = [PHONE_PAGE.c[name].label(f"page_{name}") for name in _SET]
    query = select(PHONE.c.id, PHONE.c.name, *theirs).select_from(PHONE.outerjoin(PHONE_PAGE))
    for piece in chunks(pages):
        where = (PHONE.c.cluster_id == one.cluster_id, PHONE.c.name.in_(piece))
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        for row in one.connection.execute(query.where(*where)).mappings().all():
            page = pages[row["name"]]
            values = {name: getattr(page, name) for name in _PAGE}
            values |= {"read_at": page.at, "looked_at": page.at}
            if row["page_read_at"] is None:
                new.append({"phone_id": row["id"], **values})
                continue
            old = {name: row[f"page_{name}"] for name in _SET}
            if page.fault is not None and old["fault"] is None:
                # What was read stands, with its time.
                values = old | {"looked_at": page.at}
            elif page.fault is None and old["fault"] is None:
                pair = ([old[name] for name in _TOLD], [values[name] for name in _TOLD])
                events += differences(row["id"], one.at, one.source, _TOLD, pair)
            changed.append({"phone": row["id"], **{f"new_{name}": values[name] for name in _SET}})
        if new:
            one.connection.execute(insert(PHONE_PAGE), new)
        if changed:
            one.connection.execute(_UPDATE, changed)
        insert_all(one.connection, PHONE_EVENT, events)
