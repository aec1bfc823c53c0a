"""The files of plans: reading one, saving one, and lists of names; whole or not at all, never more than a bound."""

from pathlib import Path
from typing import Final

from ctlctl.files import write_whole
from ctlctl.plan.document import MAX_BYTES, PlanFileError, read_plan
from ctlctl.plan.model import SealedPlan
from ctlctl_config.plainfiles import NoPlainFileError, read_plain

#: Bytes of a list of names: 60,000 phones have 1 MB.
_MAX_NAMES: Final = 4 * 1024 * 1024
#: Characters of a device name (AXL, String128).
_MAX_NAME: Final = 128
_MODE: Final = 0o600


class FileError(Exception):
    """A file cannot be had, or cannot be written; the text says which, why, and what to do."""


def load_plan(path: Path) -> SealedPlan:
    """Read a plan.

    Raises:
        FileError: the file cannot be had.
        PlanFileError: it is no plan, or was edited.
    """
    data = _read(path, MAX_BYTES)
    try:
        return read_plan(data)
    except PlanFileError as error:
        raise PlanFileError(f"{path}: {error}") from None


def save_plan(sealed: SealedPlan, path: Path, *, replace: bool) -> None:
    """Save a plan for its owner's eyes: it names every phone and how it is secured.

    Raises:
        FileError: it cannot be written, or a file is there and is not to be replaced.
    """
    try:
        write_whole(str(path), sealed.data, replace=replace, mode=_MODE)
    except FileExistsError:
        raise FileError(f"{path}: is there already and was left alone; --force replaces it") from None
    except OSError as error:
        raise FileError(f"{path}: not written: {error.strerror or error}") from None


def read_names(path: Path) -> tuple[str, ...]:
    """Read a list of device names, one a line; what follows a # and empty lines count for nothing.

    Raises:
        FileError: the file cannot be had, or a line is no name.
    """
    data = _read(path, _MAX_NAMES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        if len(name) > _MAX_NAME or not name.isprintable() or " " in name:
            raise FileError(f"{path}, line {number}: is no device name; write one a line")
        names[name] = None
    return tuple(names)


def _read(path: Path, most: int) -> bytes:
    try:
        data, _ = read_plain(path, most)
    except NoPlainFileError:
        raise FileError(f"{path}: is no file") from None
    except PermissionError:
        raise FileError(f"{path}: you may not read it; have its owner give you a copy of the same bytes") from None
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise FileError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > most:
        raise FileError(f"{path}: has more than {most // 2**20} MiB")
    return data
