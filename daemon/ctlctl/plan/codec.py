"""Values to plain JSON and back, strictly: every field there, none besides, each of its kind and within bounds."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

#: Characters of one text, and entries of one list or mapping; a cluster has 60,000 phones at most.
MAX_TEXT: Final = 1_024
MAX_ENTRIES: Final = 100_000
#: Whole numbers that every reader of JSON takes for what they are (RFC 8259 section 6).
_MAX_NUMBER: Final = 2**53 - 1


class CodecError(ValueError):
    """A value is not what its place wants; the message says which place."""


def to_plain(value: object) -> object:
    """Return a value as JSON's own kinds: dataclasses and mappings as objects, tuples as lists, members as texts."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [to_plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def from_plain(kind: type[_T], plain: object, place: str = "") -> _T:
    """Make a value of JSON's own kinds.

    Args:
        kind: a dataclass.
        plain: what was read.
        place: where it stands, for messages.

    Raises:
        CodecError: it is not what the class says.
    """
    made: _T = _read(kind, plain, place)
    return made


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, plain: object, place: str) -> Any:  # noqa: ANN401 - kinds are annotations
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _optional(kind, plain, place)
    if origin is tuple:
        return _tuple(get_args(kind), plain, place)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind), plain, place)
    if is_dataclass(kind):
        return _object(kind, plain, place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _member(kind, plain, place)
    return _scalar(kind, plain, place)


def _optional(kind: Any, plain: object, place: str) -> Any:  # noqa: ANN401 - the same
    (other,) = (each for each in get_args(kind) if each is not type(None))
    return None if plain is None else _read(other, plain, place)


def _tuple(kinds: tuple[Any, ...], plain: object, place: str) -> tuple[Any, ...]:
    if not isinstance(plain, list):
        raise CodecError(f"{place}: is no list")
    if len(plain) > MAX_ENTRIES:
        raise CodecError(f"{place}: has more than {MAX_ENTRIES:,} entries")
    return tuple(_read(kinds[0], each, f"{place} number {number}") for number, each in enumerate(plain, 1))


def _mapping(kinds: tuple[Any, ...], plain: object, place: str) -> dict[Any, Any]:
    if not isinstance(plain, dict):
        raise CodecError(f"{place}: is no object")
    if len(plain) > MAX_ENTRIES:
        raise CodecError(f"{place}: has more than {MAX_ENTRIES:,} entries")
    return {
        _read(kinds[0], key, f"a key of {place}"): _read(kinds[1], each, f"{place}, {_shown(key)}")
        for key, each in plain.items()
    }


def _object(kind: Any, plain: object, place: str) -> Any:  # noqa: ANN401 - the same
    where = f"{place}: " if place else ""
    if not isinstance(plain, dict):
        raise CodecError(f"{where}is no object")
    hints = _hints(kind)
    unknown, missing = plain.keys() - hints.keys(), hints.keys() - plain.keys()
    if unknown:
        raise CodecError(f"{where}{_shown(min(unknown))} is not known")
    if missing:
        raise CodecError(f"{where}{min(missing)} is missing")
    prefix = f"{place}, " if place else ""
    try:
        return kind(**{name: _read(hint, plain[name], prefix + name) for name, hint in hints.items()})
    except CodecError:
        raise
    except ValueError as error:
        raise CodecError(f"{where}{error}") from None


def _member(kind: type[Enum], plain: object, place: str) -> Enum:
    try:
        if isinstance(plain, str):
            return kind(plain)
    except ValueError:
        pass
    raise CodecError(f"{place}: {_shown(plain)} is none of the words for it")


def _scalar(kind: type, plain: object, place: str) -> object:
    if kind is float and isinstance(plain, int | float) and not isinstance(plain, bool):
        if math.isfinite(plain) and abs(plain) <= _MAX_NUMBER:
            return plain
        raise CodecError(f"{place}: is no number that counts")
    if type(plain) is not kind:
        raise CodecError(f"{place}: {_shown(plain)} is not what belongs there")
    if isinstance(plain, str):
        if len(plain) > MAX_TEXT or not plain.isprintable():
            raise CodecError(f"{place}: is too long, or has characters that do not show")
    elif isinstance(plain, int) and abs(plain) > _MAX_NUMBER:
        raise CodecError(f"{place}: is too large a number")
    return plain


def _shown(plain: object) -> str:
    text = json.dumps(plain) if isinstance(plain, str | int | float | bool | None) else "this"
    return text if len(text) <= 60 else f"{text[:60]}…"
