"""Adding a cluster to the settings file: appended, so that every byte of the rest stays as its people wrote it."""

import fcntl
import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel

from ctlctl_config.errors import Problem, SettingsError
from ctlctl_config.loading import parse_settings, read_text
from ctlctl_config.model import ClusterSettings, check_cluster_name

_HEADER = """\
# Settings of ctlctl and ctld. Secrets stand in files of their own (mode 0600), never in here.
# Every key is explained in docs/cluster.md; paths count from the directory of this file.
"""
_OWN_PLACES = """
# Where ctld keeps what it knows when you start it yourself. The service has places of its own: leave this out there.
[api]
socket = "ctld/ctld.sock"
snapshot = "ctld/snapshot"

[store]
path = "ctld/ctld.db"
"""


def write_cluster(path: Path, name: str, cluster: ClusterSettings) -> None:
    """Add a cluster.

    The file is replaced as a whole or not at all, and only after the new text has been read as settings. Two writers
    wait for each other.

    Args:
        path: The settings file; made where it is missing, its directory too.
        name: The cluster's name.
        cluster: Its settings. Paths in the directory of the file, or below it, are written relative to it.

    Raises:
        SettingsError: The name cannot be, is taken, or the file is not good as it is.
        OSError: It cannot be written.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    try:
        check_cluster_name(name)
    except ValueError as error:
        raise SettingsError(path, (Problem("", "", str(error)),)) from None
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _alone(path.parent):
        before = read_text(path) if path.exists() else _new_text()
        if name in parse_settings(path, before).clusters:
            message = "is there already: remove it from the file, or use another name"
            raise SettingsError(path, (Problem(f"clusters.{name}", "", message),))
        after = before + ("" if before.endswith("\n") else "\n") + "\n" + cluster_text(name, cluster, path.parent)
        try:
            tomllib.loads(after)
        except tomllib.TOMLDecodeError:
            message = "is written in a way that nothing can be added to: write [clusters.NAME] tables"
            raise SettingsError(path, (Problem("clusters", "", message),)) from None
        parse_settings(path, after)
        _replace(path, after.encode())


def _new_text() -> str:
    """Return what a new file begins with; the places of the service are root's to make."""
    return _HEADER if os.geteuid() == 0 else _HEADER + _OWN_PLACES


def cluster_text(name: str, cluster: ClusterSettings, folder: Path) -> str:
    """Write a cluster's tables as TOML; values that are the defaults are left out.

    Args:
        name: The cluster's name.
        cluster: Its settings.
        folder: Directory of the settings file.
    """
    prefix = f"clusters.{name}"
    lines = [f"[{prefix}]", *_keys(cluster, folder)]
    for title in type(cluster).model_fields:
        table = getattr(cluster, title)
        keys = list(_keys(table, folder)) if isinstance(table, BaseModel) else []
        if keys:
            lines += ["", f"[{prefix}.{title}]", *keys]
    for node in cluster.nodes:
        lines += ["", f"[[{prefix}.nodes]]", *_keys(node, folder)]
        ports = ", ".join(_keys(node.ports, folder))
        if ports:
            lines.append(f"ports = {{ {ports} }}")
    return "\n".join(lines) + "\n"


def _keys(table: BaseModel, folder: Path) -> Iterator[str]:
    for key, field in type(table).model_fields.items():
        value = getattr(table, key)
        if value != field.default and not isinstance(value, BaseModel | tuple):
            yield f"{key} = {_value(value, folder)}"


def _value(value: object, folder: Path) -> str:
    if isinstance(value, Path):
        value = str(value.relative_to(folder) if value.is_relative_to(folder) else value)
    # JSON's texts, numbers and truth values are TOML's too; DEL alone TOML wants escaped and JSON not.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
            file.write(data)
            file.flush()
            _look_alike(path, descriptor)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _look_alike(path: Path, descriptor: int) -> None:
    """Give the new file the owner and mode of the old one: ctld must still be able to read it."""
    if not path.exists():
        os.fchmod(descriptor, 0o644)
        return
    status = path.stat()
    own = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (own.st_uid, own.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
