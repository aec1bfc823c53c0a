"""Phones as AXL gives them: new ones, changed ones, those that are gone and those that are back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from ctlctl.inventory.values import PhoneConfig
from ctlctl.inventory.words import Source
from ctlctl.store.database import Database
from ctlctl.store.phone_rows import (
    CONFIG,
    CONFIG_COLUMNS,
    REGISTRATION,
    config_values,
    differences,
    event,
    new_values,
    updating,
)
from ctlctl.store.rounds import Round, chunks, cluster_id_of, insert_all
from ctlctl.store.schema import PHONE, PHONE_EVENT

_TIMES: Final = ("changed_at", "capf_since", "retired_at")
_R_COLUMNS: Final = tuple(f"r_{name}" for name in REGISTRATION)
_CAPF: Final = (CONFIG.index("capf_operation"), CONFIG.index("capf_status"))
_NAME: Final = CONFIG.index("name")


@dataclass(slots=True)
class PhoneIntake:
    """What a stream of phones comes to.

    Attributes:
        names: of all of them.
        changed: those that are not what the store has.
    """

    names: set[str] = field(default_factory=set)
    changed: dict[str, PhoneConfig] = field(default_factory=dict)


def take_in(database: Database, cluster: str, phones: Iterable[PhoneConfig]) -> PhoneIntake:
    """Read the stream and keep what differs from the store.

    The stream is as slow as the cluster, so that no transaction may be open while it is read; and as long as the
    cluster is large, so that only differences are kept.
    """
    intake = PhoneIntake()
    for piece in chunks(phones):
        with database.read() as connection:
            cluster_id = cluster_id_of(connection, cluster)
            known = {} if cluster_id is None else _known(connection, cluster_id, (phone.name for phone in piece))
        for phone in piece:
            intake.names.add(phone.name)
            row = known.get(phone.name)
            if row is not None and row.retired_at is None and tuple(row[: len(CONFIG)]) == config_values(phone):
                # The same name may have come before, in other words: what comes last counts.
                intake.changed.pop(phone.name, None)
            else:
                intake.changed[phone.name] = phone
    return intake


def _known(connection: Connection, cluster_id: int, names: Iterable[str]) -> dict[str, Any]:
    columns = (*CONFIG_COLUMNS, PHONE.c.retired_at, PHONE.c.id, PHONE.c.capf_since)
    where = (PHONE.c.cluster_id == cluster_id, PHONE.c.name.in_(list(names)))
    return {row[_NAME]: row for row in connection.execute(select(*columns).where(*where))}


def record_phones(one: Round, intake: PhoneIntake) -> None:
    """Write what the stream came to. What the store has is read again: this is the transaction that counts."""
    for piece in chunks(intake.changed.values()):
        known = _known(one.connection, one.cluster_id, (phone.name for phone in piece))
        insert_all(one.connection, PHONE, [_new(one, phone) for phone in piece if phone.name not in known])
        _change(one, [(known[phone.name], phone) for phone in piece if phone.name in known])
    _retire(one, intake.names)


def _new(one: Round, phone: PhoneConfig) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(CONFIG, config_values(phone), strict=True))
    times = {"first_seen": one.at, "changed_at": one.at, "capf_since": one.at}
    return values | times | {"cluster_id": one.cluster_id}


def _change(one: Round, pairs: Iterable[tuple[Any, PhoneConfig]]) -> None:
    changes: list[dict[str, Any]] = []
    returned: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for row, phone in pairs:
        old, new = tuple(row[: len(CONFIG)]), config_values(phone)
        if row.retired_at is not None:
            events.append(event(row.id, one.at, one.source, "present", old=False, new=True))
            # What RIS said of it before it went is no answer to what it is now.
            returned.append({"phone_id": row.id, **new_values(_R_COLUMNS, [None] * len(_R_COLUMNS))})
        elif old == new:
            continue
        events += differences(row.id, one.at, one.source, CONFIG, (old, new))
        same_capf = all(old[index] == new[index] for index in _CAPF)
        times = (one.at, row.capf_since if same_capf else one.at, None)
        changes.append({"phone_id": row.id, **new_values((*CONFIG, *_TIMES), (*new, *times))})
    if changes:
        one.connection.execute(updating((*CONFIG, *_TIMES)), changes)
    if returned:
        one.connection.execute(updating(_R_COLUMNS), returned)
    insert_all(one.connection, PHONE_EVENT, events)


def _retire(one: Round, names: set[str]) -> None:
    where = (PHONE.c.cluster_id == one.cluster_id, PHONE.c.retired_at.is_(None))
    present = one.connection.execute(select(PHONE.c.id, PHONE.c.name).where(*where))
    gone = [row.id for row in present if row.name not in names]
    for piece in chunks(gone):
        one.connection.execute(updating(["retired_at"]), [{"phone_id": key, "new_retired_at": one.at} for key in piece])
    insert_all(
        one.connection,
        PHONE_EVENT,
        (event(key, one.at, Source.AXL, "present", old=True, new=False) for key in gone),
    )
