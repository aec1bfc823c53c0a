"""Phones as rows: which columns hold which value, and how a change becomes an event."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Column, Row, bindparam, update

from ctlctl.inventory.nodevalues import PhonePage
from ctlctl.inventory.values import Phone, PhoneConfig, PhoneProbe, Registration
from ctlctl.inventory.words import Source
from ctlctl.store.schema import PHONE, PHONE_LOOK, PHONE_PAGE

CONFIG: Final = tuple(field.name for field in fields(PhoneConfig))
REGISTRATION: Final = tuple(field.name for field in fields(Registration))
#: What a look says, without when it was.
PROBE: Final = tuple(field.name for field in fields(PhoneProbe) if field.name != "at")

CONFIG_COLUMNS: Final = tuple(PHONE.c[name] for name in CONFIG)
REGISTRATION_COLUMNS: Final = tuple(PHONE.c[f"r_{name}"] for name in REGISTRATION)
PROBE_COLUMNS: Final = tuple(PHONE.c[f"p_{name}"] for name in PROBE)

config_values: Final[Callable[[PhoneConfig], tuple[Any, ...]]] = attrgetter(*CONFIG)
registration_values: Final[Callable[[Registration], tuple[Any, ...]]] = attrgetter(*REGISTRATION)
probe_values: Final[Callable[[PhoneProbe], tuple[Any, ...]]] = attrgetter(*PROBE)


def updating(names: Sequence[str]) -> Any:  # noqa: ANN401 - SQLAlchemy's statements are generic over Any
    """Statement that sets columns of many phones, each with a ``phone_id`` and its values under the columns' names."""
    return (
        update(PHONE)
        .where(PHONE.c.id == bindparam("phone_id"))
        # A parameter must not be called like a column.
        .values({PHONE.c[name]: bindparam(f"new_{name}") for name in names})
    )


def new_values(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Parameters of `updating`."""
    return {f"new_{name}": value for name, value in zip(names, values, strict=True)}


def event(  # noqa: PLR0913 - one argument for each column
    phone_id: int, at: int, source: Source, field: str, old: object, new: object
) -> dict[str, Any]:
    """Row of an event."""
    return {
        "phone_id": phone_id,
        "at": at,
        "source": source.value,
        "field": field,
        "value_before": _text(old),
        "value_after": _text(new),
    }


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def differences(
    phone_id: int, at: int, source: Source, names: Sequence[str], pair: tuple[Sequence[Any], Sequence[Any]]
) -> list[dict[str, Any]]:
    """Rows of events, one for each field in which the pair differs."""
    return [
        event(phone_id, at, source, name, old, new) for name, old, new in zip(names, *pair, strict=True) if old != new
    ]


class Shared:
    """Gives equal values as one object: tens of thousands of phones have a few dozen models, pools and dates."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def row(self, values: Sequence[Any]) -> list[Any]:
        """Share each value."""
        keep = self._kept.setdefault
        # True and 1 are equal, and not the same.
        return [value if value.__class__ is bool else keep(value, value) for value in values]


#: Columns of a phone's page, in the order in which `PhonePage` takes them.
PAGE_COLUMNS: Final = tuple(
    PHONE_PAGE.c["read_at" if field.name == "at" else field.name] for field in fields(PhonePage)
)

#: Columns of a phone in a snapshot, in the order in which `PhoneReader` takes them.
SNAPSHOT_COLUMNS: Final[tuple[Column[Any], ...]] = (
    *CONFIG_COLUMNS,
    PHONE.c.first_seen,
    PHONE.c.changed_at,
    PHONE.c.capf_since,
    *REGISTRATION_COLUMNS,
    PHONE_LOOK.c.shown_at,
    PHONE_LOOK.c.looked_at,
    PHONE.c.p_last_fault,
    *PROBE_COLUMNS,
    *PAGE_COLUMNS,
)
_SINCE: Final = len(CONFIG)
_R: Final = _SINCE + 3
_P: Final = _R + len(REGISTRATION)
_PAGE: Final = _P + 3 + len(PROBE)


class PhoneReader:
    """Makes phones of rows."""

    def __init__(self) -> None:
        self._share = Shared().row

    def phone(self, row: Row[Any]) -> Phone:
        """Make a phone of a row of `SNAPSHOT_COLUMNS`."""
        values = self._share(row)
        registration = Registration(*values[_R:_P]) if values[_R] is not None else None
        shown_at, looked_at, last_fault = values[_P : _P + 3]
        probe = PhoneProbe(shown_at, *values[_P + 3 : _PAGE]) if shown_at is not None else None
        page = PhonePage(*values[_PAGE:]) if values[_PAGE] is not None else None
        first_seen, changed_at, capf_since = values[_SINCE:_R]
        config = PhoneConfig(*values[:_SINCE])
        return Phone(config, first_seen, changed_at, capf_since, registration, probe, last_fault, looked_at, page)
