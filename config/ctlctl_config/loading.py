"""Reading the settings file: size and permissions first, then TOML, then every rule of the model."""

import difflib
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel, ValidationError

from ctlctl_config.errors import Problem, SettingsError, shown
from ctlctl_config.model import ClusterSettings, Settings
from ctlctl_config.plainfiles import NoPlainFileError, read_plain

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

#: Bytes. A thousand clusters of twenty nodes have less.
MAX_SETTINGS_BYTES: Final = 8 * 1024 * 1024
#: What people call the key that must never hold a secret.
_SECRET_KEYS: Final = ("password", "passwd", "secret", "token", "pin_code")


def load_settings(path: Path) -> Settings:
    """Read the settings.

    Secrets are not read here: each is read when it is used, so that one cluster's trouble is not another's.

    Args:
        path: The file.

    Returns:
        All of it, checked; it does not change any more.

    Raises:
        SettingsError: It cannot be used; the error lists everything that is wrong with it.
    """
    return parse_settings(path, read_text(path))


def read_text(path: Path) -> str:
    """Read the file itself.

    Raises:
        SettingsError: It cannot be had, anybody may write to it, or it is no text.
    """

    def refuse(message: str) -> SettingsError:
        return SettingsError(path, (Problem("", "", message),))

    try:
        data, status = read_plain(path, MAX_SETTINGS_BYTES)
    except FileNotFoundError:
        advice = "write one (ctlctl cluster add does), or name another with --config FILE"
        raise refuse(f"there is no such file: {advice}") from None
    except NoPlainFileError:
        raise refuse("is no file: name a TOML file") from None
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if status.st_mode & stat.S_IWOTH:
        # Whoever writes to it decides to whom passwords are sent.
        raise refuse("anybody may write to it: chmod o-w, and check what stands in it")
    if _is_replaceable(path):
        raise refuse("anybody may replace it: chmod o-w its directory, and check what stands in it")
    if len(data) > MAX_SETTINGS_BYTES:
        raise refuse(f"has more than {MAX_SETTINGS_BYTES // 2**20} MiB: this is no settings file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 text (byte {error.start}): save it as UTF-8") from None


def _is_replaceable(path: Path) -> bool:
    """Tell whether anybody may put another file in its place; with the sticky bit only its owner may."""
    for folder in {path.parent, Path(os.path.realpath(path)).parent}:
        mode = folder.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return True
    return False


def parse_settings(path: Path, text: str) -> Settings:
    """Make settings of a text; errors and relative paths count from ``path``.

    Raises:
        SettingsError: As `load_settings`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path, (Problem("", "", f"is no TOML: {shown(error, 200)}"),)) from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of thousands of digits
        why = "it is nested too deep" if isinstance(error, RecursionError) else "a number in it is too long"
        raise SettingsError(path, (Problem("", "", f"is no settings file: {why}"),)) from None
    return _checked(path, data)


def make_cluster(path: Path, name: str, table: Mapping[str, object]) -> ClusterSettings:
    """Make one cluster's settings of values instead of a file.

    Args:
        path: The settings file they are meant for; relative paths and errors count from it.
        name: The cluster's name.
        table: What its table would hold.

    Raises:
        SettingsError: A value cannot be.
    """
    return _checked(path, {"clusters": {name: dict(table)}}).clusters[name]


def _checked(path: Path, data: object) -> Settings:
    try:
        return Settings.model_validate(data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        # Neither the values nor the input are kept: a password may stand where none belongs.
        details = error.errors(include_url=False, include_context=True, include_input=False)
        raise SettingsError(path, [_explain(one, data) for one in details]) from None


def reference_text() -> str:
    """Return the commented example of a settings file."""
    return files("ctlctl_config").joinpath("ctld.toml").read_text("utf-8")


def _explain(detail: "ErrorDetails", data: object) -> Problem:
    location = [part for part in detail["loc"] if part != "[key]"]
    field, model = _find(location)
    kind, message = detail["type"], detail["msg"]
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
    table, key = _place(location if field is not None else [*location, ""])
    match kind:
        case "extra_forbidden":
            table, key = _place(location)
            return Problem(table, key, _unknown(str(location[-1]), () if model is None else model.model_fields))
        case "missing" if field is None:
            return Problem(_dotted(location), "", f"is missing: write [{_dotted(location)}] and its keys below it")
        case "missing":
            message = "is missing"
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type":
            return Problem(_dotted(location), "", f"must be a table: write [{_dotted(location)}] and its keys below it")
        case "tuple_type":
            return Problem(_dotted(location), "", f"must be tables: write [[{_dotted(location)}]] before each of them")
        case _ if field is None:
            wanted = getattr(model, "wanted", "") if model is not None else ""
            return Problem(table.strip("."), "", f"{message}: {wanted}" if wanted else message)
        case "value_error":
            pass
        case _:
            message = message[0].lower() + message[1:]
    value = _value(location, data)
    if kind != "missing" and isinstance(value, str | int | float):
        message = f"{_toml(shown(value) if isinstance(value, str) else value)}: {message}"
    return Problem(table, key, message + _advice(key, field))


def _advice(key: str, field: "FieldInfo | None") -> str:
    if field is None or not field.examples:
        return ""
    return f"; write {key} = {_toml(field.examples[0])} ({field.description})"


def _toml(example: object) -> str:
    if isinstance(example, dict):
        return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in example.items()) + " }"
    if isinstance(example, bool):
        return str(example).lower()
    return f'"{example}"' if isinstance(example, str) else str(example)


def _unknown(key: str, known: Iterable[str]) -> str:
    if key.lower() in _SECRET_KEYS:
        return (
            "a secret has no place in the settings: put it into a file with mode 0600 and write "
            'password_file = "FILE", then change it, because it has been in a file that others may have read'
        )
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return f"is not known; {hint}" if known else "is not known"


def _find(location: Sequence[str | int]) -> "tuple[FieldInfo | None, type[BaseModel] | None]":
    """Return the field that a location leads to and the model it stands in; no field where it ends at a table."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    for part in location:
        if model is None:
            break
        if field is not None and _is_many(field):
            # A name of a cluster or a number of a node: the model stays, the field has been used up.
            field = None
            continue
        field = model.model_fields.get(str(part))
        inner = None if field is None else _model_of(field.annotation)
        if inner is not None:
            model = inner
            if field is not None and not _is_many(field):
                field = None
    return field, model


def _is_many(field: "FieldInfo") -> bool:
    return _model_of(field.annotation) is not field.annotation and _model_of(field.annotation) is not None


def _model_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_of(argument)
        if found is not None:
            return found
    return None


def _place(location: Sequence[str | int]) -> tuple[str, str]:
    return _dotted(location[:-1]), shown(location[-1]) if location else ""


def _dotted(location: Sequence[str | int]) -> str:
    """Write a location as the table is written; the number of a node, from 1, follows its table."""
    words = [f"number {part + 1}" if isinstance(part, int) else shown(part) for part in location]
    text = ""
    for part, word in zip(location, words, strict=True):
        separator = " " if isinstance(part, int) else "."
        text = f"{text}{separator}{word}" if text else word
    return text


def _value(location: Sequence[str | int], data: object) -> object:
    for part in location:
        try:
            data = data[part]  # type: ignore[index]  # whatever it is, it may have no such part
        except (KeyError, IndexError, TypeError):
            return None
    return data
