"""One daemon for one store: two would carry out the same rollouts, each without knowing of the other's calls."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctlctl.store.errors import StoreError, StoreFault


@contextmanager
def held_store(path: Path) -> Iterator[None]:
    """Keep other daemons from a store; the kernel lets go of it when this process ends, however that happens.

    Args:
        path: of the store; beside it is then a file whose name ends with ``.lock``, which stays there.

    Raises:
        StoreError: another daemon uses it, or the file beside it cannot be made.
    """
    lock = f"{path}.lock"
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
        kind = StoreFault.DISK_FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreFault.UNUSABLE
        advice = "ctld never makes one there: see who did, and remove it" if error.errno == errno.ELOOP else ""
        raise StoreError(kind, lock, f"It cannot be opened: {why}", advice=advice) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "Stop it, or set another [store] path"
            raise StoreError(StoreFault.LOCKED, str(path), "Another ctld uses it", advice=advice) from None
        yield
    finally:
        os.close(descriptor)
