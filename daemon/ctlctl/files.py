"""Writing files so that nobody ever sees half of one."""

import os
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
        OSError: it cannot be written; what was there is untouched.
    """
    folder = os.path.dirname(path) or "."
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
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
