"""Rows and head of a rollout as JSON and back: what the store keeps. Values as at the start are left out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Final, TypeVar

from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import Batch, Halt, Head, Mode, PhoneRow, PhoneState, Signal

_T = TypeVar("_T")


class RolloutRowError(Exception):
    """What the store has is no row of a rollout that this version knows."""


def _maybe(make: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda value: None if value is None else make(value)


def _batches(value: Any) -> tuple[Batch, ...]:  # noqa: ANN401 - JSON
    return tuple(Batch(**one) for one in value)


#: How to make a value of what JSON says, where it is not the same.
_ROW: Final[Mapping[str, Callable[[Any], Any]]] = {
    "state": PhoneState,
    "reason": _maybe(Reason),
    "signals": lambda value: frozenset(Signal(one) for one in value),
}
_HEAD: Final[Mapping[str, Callable[[Any], Any]]] = {"mode": Mode, "halt": _maybe(Halt), "batches": _batches}


def _default(each: "Field[Any]") -> object:
    if each.default is not MISSING:
        return each.default
    return MISSING if each.default_factory is MISSING else each.default_factory()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Batch):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return value


def _written(one: PhoneRow | Head) -> str:
    told = {}
    for each in fields(one):
        value = getattr(one, each.name)
        if value != _default(each):
            told[each.name] = _plain(value)
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def row_text(row: PhoneRow) -> str:
    """Return a row as JSON."""
    return _written(row)


def head_text(head: Head) -> str:
    """Return a head as JSON."""
    return _written(head)


def _read(text: str, make: Callable[..., _T], known: Mapping[str, Callable[[Any], Any]]) -> _T:
    try:
        told = json.loads(text)
        return make(**{name: known[name](value) if name in known else value for name, value in told.items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RolloutRowError(
            f"this version cannot read it ({type(error).__name__}: {error}): use the one that wrote it, or restore a "
            "backup of the store"
        ) from None


def read_row(text: str) -> PhoneRow:
    """Read a row.

    Raises:
        RolloutRowError: it is none.
    """
    return _read(text, PhoneRow, _ROW)


def read_head(text: str) -> Head:
    """Read a head.

    Raises:
        RolloutRowError: it is none.
    """
    return _read(text, Head, _HEAD)
