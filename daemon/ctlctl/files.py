"""Writing files so that nobody ever sees half of one."""

import errno
import os
import stat
import tempfile


def write_whole(path: str, data: bytes, *, replace: bool, mode: int = 0o644) -> None:
    """Write ``data`` to ``path``: all of it on disk, or nothing changed.

    Args:
        path: where to.
        data: what.
        replace: replace a file that is there; otherwise that is an error.
        mode: permission bits of the new file.

    Raises:
        FileExistsError: there is a file and ``replace`` is false.
        IsADirectoryError: there is a directory.
        OSError: it cannot be written; what was there is untouched.
    """
    _refuse_what_is_no_file(path)
    folder = os.path.dirname(path) or "."
    descriptor, temporary = tempfile.mkstemp(prefix=".ctlctl-", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode & ~_umask())
            os.fsync(descriptor)
        if replace:
            os.replace(temporary, path)
        else:
            # A link fails where a rename would silently replace what somebody else has just written.
            os.link(temporary, path)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder_descriptor)
    finally:
        os.close(folder_descriptor)


def _refuse_what_is_no_file(path: str) -> None:
    """Refuse directories, and devices, FIFOs and sockets, which a rename would silently put out of the way."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a directory", path)
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OSError(errno.EINVAL, "is a device, FIFO or socket and stays as it is", path)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current
