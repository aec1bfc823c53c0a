"""Reading a plain file: never waits, never reads without end."""

import os
import stat
from pathlib import Path


class NoPlainFileError(Exception):
    """There is something else in the file's place."""


def read_plain(path: Path, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a plain file.

    Args:
        path: the file.
        max_bytes: bytes to read; one more is read where there is one, so that too many are noticed.

    Returns:
        Its bytes and its status, both of the same file.

    Raises:
        NoPlainFileError: it is a directory, a FIFO, a device.
        OSError: it cannot be read.
        ValueError: the path has a NUL.
    """
    # O_NONBLOCK: a FIFO in its place must not make anybody wait.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NoPlainFileError
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes + 1), status
    finally:
        os.close(descriptor)
