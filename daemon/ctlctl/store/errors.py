"""The one error of the store, and how a database's own errors become it."""

import os
import sqlite3
from enum import StrEnum
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class StoreFault(StrEnum):
    """Why the store did not do what it was asked. The values are stable: scripts see them."""

    DISK_FULL = "disk-full"
    LOCKED = "locked"
    CORRUPT = "corrupt"
    NEWER_SCHEMA = "newer-schema"
    UNUSABLE = "unusable"


_ADVICE: Final[dict[StoreFault, str]] = {
    StoreFault.DISK_FULL: "Free some space or raise the quota; nothing kept is lost, and writing goes on by itself",
    StoreFault.LOCKED: "Another program is writing to it for a long time; writing goes on as soon as it has finished",
    StoreFault.CORRUPT: (
        "Stop the daemon, put the file and those beside it (-wal, -shm) aside, and restore a backup or start anew"
    ),
    StoreFault.NEWER_SCHEMA: "Use the version of ctlctl that wrote it or a later one, or restore an older backup",
    StoreFault.UNUSABLE: "Check the path in the settings, and owner and permissions of the file and its directory",
}

# What is left on a disk that counts as full, where SQLite only says that writing failed: bytes.
_NEXT_TO_NOTHING: Final = 1 << 20
_NO_ROOM: Final = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_WHEN_FULL: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
_BY_CODE: Final[dict[int, tuple[StoreFault, str]]] = {
    sqlite3.SQLITE_FULL: (StoreFault.DISK_FULL, "The disk is full"),
    sqlite3.SQLITE_BUSY: (StoreFault.LOCKED, "Another program holds it"),
    sqlite3.SQLITE_LOCKED: (StoreFault.LOCKED, "Another program holds it"),
    sqlite3.SQLITE_PROTOCOL: (StoreFault.LOCKED, "Another program holds it"),
    sqlite3.SQLITE_CORRUPT: (StoreFault.CORRUPT, "It is damaged"),
    sqlite3.SQLITE_NOTADB: (StoreFault.CORRUPT, "It is no database, or its beginning is damaged"),
    sqlite3.SQLITE_CANTOPEN: (StoreFault.UNUSABLE, "It cannot be opened"),
    sqlite3.SQLITE_READONLY: (StoreFault.UNUSABLE, "It cannot be written"),
    sqlite3.SQLITE_PERM: (StoreFault.UNUSABLE, "Access is not permitted"),
    sqlite3.SQLITE_IOERR: (StoreFault.UNUSABLE, "Reading or writing it failed"),
}


class StoreError(Exception):
    """The store did not do what it was asked; what was kept before stands. Its text is one line without secrets.

    Attributes:
        kind: what kind of trouble.
        path: file of the store, or its URL without a password.
        detail: what happened.
        advice: what to do.
    """

    def __init__(self, kind: StoreFault, path: str, detail: str, *, advice: str = "") -> None:
        self.kind = kind
        self.path = path
        self.detail = detail
        self.advice = advice or _ADVICE[kind]
        super().__init__(f"{path}: {detail.rstrip('.')}. {self.advice}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip to another process."""
        return _rebuilt, (self.kind, self.path, self.detail, self.advice)


def _rebuilt(kind: StoreFault, path: str, detail: str, advice: str) -> StoreError:
    return StoreError(kind, path, detail, advice=advice)


def translated(error: Exception, place: str, folder: str | None) -> StoreError | None:
    """Say what a database's error means to an operator.

    Args:
        error: of SQLAlchemy or of sqlite3.
        place: file or URL, for the text.
        folder: where the file is, to see whether the disk is full; None for a server.

    Returns:
        The error to raise; None for one that only a mistake in this program explains.
    """
    # What a hook of the pool raises comes as it is, all else wrapped.
    raw: object = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(raw, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return None if folder is not None else _of_server(error, place)
    primary = code & 0xFF
    # The name tells a searcher more than the text, which is "disk I/O error" for a dozen things.
    words = f"{raw} ({getattr(raw, 'sqlite_errorname', code)})"
    if code in _NO_ROOM or (primary in _WHEN_FULL and folder is not None and _is_full(folder)):
        detail = f"No room to write: the disk is full, or a quota or a limit of file sizes is reached: {words}"
        return StoreError(StoreFault.DISK_FULL, place, detail)
    if primary in _BY_CODE:
        kind, detail = _BY_CODE[primary]
        return StoreError(kind, place, f"{detail}: {words}")
    if primary == sqlite3.SQLITE_ERROR and str(raw).startswith("no such "):
        return StoreError(StoreFault.CORRUPT, place, f"Part of it is missing: {words}")
    return None


def _of_server(error: Exception, place: str) -> StoreError | None:
    """Errors of a database server: what it says stands for itself."""
    if isinstance(error, DBAPIError) and (error.connection_invalidated or type(error).__name__ == "OperationalError"):
        return StoreError(StoreFault.UNUSABLE, place, f"The database server does not answer: {error.orig}")
    return None


def _is_full(folder: str) -> bool:
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    return state.f_bavail * state.f_frsize < _NEXT_TO_NOTHING or (state.f_files > 0 and state.f_favail == 0)


#: What to catch around anything that talks to the database.
DATABASE_ERRORS: Final = (SQLAlchemyError, sqlite3.Error)
