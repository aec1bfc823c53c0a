"""One daemon for one store: two would carry out the same rollouts, each without knowing of the other's calls."""

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
        StoreError: another daemon uses it.
        OSError: the file beside it cannot be made.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "Stop it, or set another [store] path"
            raise StoreError(StoreFault.LOCKED, str(path), "Another ctld uses it", advice=advice) from None
        yield
    finally:
        os.close(descriptor)
