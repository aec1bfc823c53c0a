"""A copy of the store while it is in use, and whether it is whole."""

import errno
import os
import tempfile

from ctlctl.store.database import Database
from ctlctl.store.errors import StoreError, StoreFault, translated


def back_up(database: Database, path: str) -> None:
    """Copy the store as it is at one moment. Writers go on meanwhile.

    Args:
        database: what to copy.
        path: where to; nothing may be there.

    Raises:
        StoreError: it cannot be copied, or something is at ``path``; nothing new is there then.
    """
    if not database.is_file:
        advice = "Use the database's own tools, such as pg_dump"
        raise database.error(StoreFault.UNUSABLE, "Only a store in a file can be copied by ctlctl", advice=advice)
    target = os.path.abspath(path)
    folder = os.path.dirname(target)
    try:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "There is a file already; it is not overwritten")
        descriptor, temporary = tempfile.mkstemp(prefix=".ctlctl-", dir=folder)
        os.close(descriptor)
        try:
            _copy(database, temporary, target)
            _sync(temporary)
            # A link fails where a rename would replace what somebody else has just written.
            os.link(temporary, target)
        finally:
            os.unlink(temporary)
        _sync(folder)
    except OSError as error:
        kind = StoreFault.DISK_FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreFault.UNUSABLE
        advice = "" if kind is StoreFault.DISK_FULL else "Give another path, in a directory that can be written"
        raise StoreError(kind, target, f"The copy cannot be made: {error.strerror}", advice=advice) from error


def _copy(database: Database, temporary: str, target: str) -> None:
    with database.raw() as connection:
        try:
            # Into an empty file, which mkstemp has made for nobody else to read.
            connection.execute("VACUUM INTO ?", (temporary,))
        except Exception as error:
            told = translated(error, target, os.path.dirname(target))
            # What is wrong with the store itself is told of the store.
            if told is not None and told.kind is StoreFault.DISK_FULL:
                raise told from error
            raise


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def defects(database: Database) -> tuple[str, ...]:
    """Read all of the store and say what is wrong with it.

    Returns:
        Defects in the database's words; none for a store that is whole, and for a server, which sees to that itself.

    Raises:
        StoreError: it cannot even be read that far.
    """
    if not database.is_file:
        return ()
    with database.raw() as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        broken = [
            f"{row[0]}: row {row[1]} refers to nothing in {row[2]}"
            for row in connection.execute("PRAGMA foreign_key_check")
        ]
    return tuple([line for line in found if line != "ok"] + broken)
