"""Giving memory back: a round over 40,000 phones takes for a moment what the daemon then never needs until the next."""

import ctypes
import gc
from collections.abc import Callable
from functools import cache


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
