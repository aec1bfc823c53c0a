"""Phones as RIS registers them, and as their web servers show themselves."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from ctlctl.inventory.values import PhoneProbe, Registration
from ctlctl.store.phone_rows import (
    PROBE,
    PROBE_COLUMNS,
    REGISTRATION,
    REGISTRATION_COLUMNS,
    differences,
    new_values,
    probe_values,
    registration_values,
    updating,
)
from ctlctl.store.rounds import Round, chunks, insert_all
from ctlctl.store.schema import PHONE, PHONE_EVENT, PHONE_LOOK

#: What is known of a phone that no node knows.
UNKNOWN_TO_RIS: Final = Registration("Unknown", None, None, "", None, None, "")

_R_COLUMNS: Final = tuple(column.name for column in REGISTRATION_COLUMNS)
_P_COLUMNS: Final = tuple(column.name for column in PROBE_COLUMNS)
_TIMES: Final = (
    update(PHONE_LOOK)
    .where(PHONE_LOOK.c.phone_id == bindparam("phone"))
    .values(shown_at=bindparam("new_shown_at"), looked_at=bindparam("new_looked_at"))
)
_FAULT: Final = PROBE.index("fault")
# Why a look failed is no change of the phone.
_SHOWN: Final = tuple(name for name in PROBE if name != "fault")


def record_registrations(one: Round, registrations: Mapping[str, Registration], silent: frozenset[str]) -> None:
    """Write registrations that changed.

    Args:
        one: the round.
        registrations: what RIS said, by name; names that AXL never gave are no phones.
        silent: names that every node was asked for and none knows.
    """
    columns = (PHONE.c.id, PHONE.c.name, *REGISTRATION_COLUMNS)
    changes: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for row in one.connection.execute(select(*columns).where(PHONE.c.cluster_id == one.cluster_id)):
        told = registrations.get(row.name) or (UNKNOWN_TO_RIS if row.name in silent else None)
        if told is None:
            continue
        old, new = tuple(row[2:]), registration_values(told)
        if old != new:
            changes.append({"phone_id": row.id, **new_values(_R_COLUMNS, new)})
            if old[0] is not None:
                events += differences(row.id, one.at, one.source, REGISTRATION, (old, new))
    if changes:
        one.connection.execute(updating(_R_COLUMNS), changes)
    insert_all(one.connection, PHONE_EVENT, events)


class _Looks:
    """Changes that looks at phones come to."""

    def __init__(self, one: Round) -> None:
        self.one = one
        self.faults: list[dict[str, Any]] = []
        self.shown: list[dict[str, Any]] = []
        self.times: list[dict[str, Any]] = []
        self.first: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def add(self, row: Any, probe: PhoneProbe) -> None:  # noqa: ANN401 - rows are untyped
        """Add a look at a phone."""
        old, new = tuple(row[5:]), probe_values(probe)
        before = row.shown_at is not None
        succeeded_before = before and row.p_fault is None
        shown_at, last_fault = probe.at, None
        if probe.fault is not None and succeeded_before:
            # What was seen stands, with its time.
            shown_at, last_fault = row.shown_at, probe.fault
        elif old != new:
            self.shown.append({"phone_id": row.id, **new_values(_P_COLUMNS, new)})
            if succeeded_before:
                pair = (_without_fault(old), _without_fault(new))
                self.events += differences(row.id, self.one.at, self.one.source, _SHOWN, pair)
        if row.p_last_fault != last_fault:
            self.faults.append({"phone_id": row.id, "new_p_last_fault": last_fault})
        if not before:
            self.first.append({"phone_id": row.id, "shown_at": shown_at, "looked_at": probe.at})
        elif (row.shown_at, row.looked_at) != (shown_at, probe.at):
            self.times.append({"phone": row.id, "new_shown_at": shown_at, "new_looked_at": probe.at})

    def write(self) -> None:
        """Write them."""
        connection = self.one.connection
        if self.faults:
            connection.execute(updating(["p_last_fault"]), self.faults)
        if self.shown:
            connection.execute(updating(_P_COLUMNS), self.shown)
        if self.times:
            connection.execute(_TIMES, self.times)
        insert_all(connection, PHONE_LOOK, self.first)
        insert_all(connection, PHONE_EVENT, self.events)


def _without_fault(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return values[:_FAULT] + values[_FAULT + 1 :]


def record_probes(one: Round, probes: Mapping[str, PhoneProbe]) -> None:
    """Write looks; a failed one never takes away what an earlier one showed.

    Args:
        one: the round.
        probes: looks by name; names that AXL never gave are no phones.
    """
    columns = (PHONE.c.id, PHONE.c.name, PHONE.c.p_last_fault, PHONE_LOOK.c.shown_at, PHONE_LOOK.c.looked_at)
    query = select(*columns, *PROBE_COLUMNS).select_from(PHONE.outerjoin(PHONE_LOOK))
    # Few phones of many are looked at at a time.
    for piece in chunks(probes):
        looks = _Looks(one)
        where = (PHONE.c.cluster_id == one.cluster_id, PHONE.c.name.in_(piece))
        for row in one.connection.execute(query.where(*where)).all():
            looks.add(row, probes[row.name])
        looks.write()
