"""Giving memory back: a round over 40,000 phones takes for a moment what the daemon then never needs until the next."""

import ctypes
import gc
import mmap
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

#: mallopt(3): how many arenas malloc may have. By default each thread gets its own, and keeps what it once took.
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
#: Growth below this is left alone: less than a fiftieth of what ctld may use.
_WORTH_IT_BYTES: Final = 4 * 1024 * 1024


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        # Another C library than glibc gives back by itself, or not at all.
        return None
    return found


class MemoryReturn:
    """Gives memory back when a process has grown; safe in any thread."""

    def __init__(self) -> None:
        """Take the process as it is for its usual size."""
        self._usual = resident_bytes()
        self._turn = threading.Lock()

    def after_round(self) -> None:
        """Let the kernel have what is free (malloc_trim(3)), if the process has grown enough for that to be worth it.

        Looking through the heap stops every thread, so a round that took next to nothing is no reason for it.
        """
        with self._turn:
            now = resident_bytes()
            if now is not None and self._usual is not None and now - self._usual < _WORTH_IT_BYTES:
                # What left by itself is no room to grow into again.
                self._usual = min(self._usual, now)
                return
            gc.collect()
            trim = _trim()
            if trim is not None:
                trim(0)
            self._usual = resident_bytes()


def resident_bytes() -> int | None:
    """Return the memory that this process has in use (proc(5), statm), or None where nobody tells."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * mmap.PAGESIZE


def share_arenas() -> None:
    """Let all threads take memory from the same places; call it before there are any."""
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError):
        # Not glibc: it has no such thing to be told.
        return
