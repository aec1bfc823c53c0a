"""Giving memory back: a round over 40,000 phones takes for a moment what the daemon then never needs until the next."""

import ctypes
import gc
from collections.abc import Callable
from functools import cache
from typing import Final

#: mallopt(3): how many arenas malloc may have. By default each thread gets its own, and keeps what it once took.
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        # Another C library than glibc gives back by itself, or not at all.
        return None
    return found


def give_memory_back() -> None:
    """Let the kernel have what is free (malloc_trim(3))."""
    gc.collect()
    trim = _trim()
    if trim is not None:
        trim(0)


def share_arenas() -> None:
    """Let all threads take memory from the same places; call it before there are any."""
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    except (AttributeError, OSError):
        # Not glibc: it has no such thing to be told.
        return
