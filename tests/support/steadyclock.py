"""A lab's time for tests that speed it up: it stands still while the machine does.

At sixty seconds a second, a machine that is busy elsewhere for ten of them would let ten minutes pass under phones that
could do nothing meanwhile, and a rollout would rightly say that they are late. Here time is what a thread has counted
that had to be given its turn as all others had.
"""

import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

from ctlctl_lab.clock import Clock

_INSTANT: Final = struct.Struct("=d")
#: Real seconds between two counts, and the most that one of them counts.
_TICK: Final = 0.01
_MOST: Final = 0.02


#: Lab seconds that a test may take; windows that are always open end and begin at midnight, UTC.
_NIGHT: Final = 21_600
_DAY: Final = 86_400


def _beginning(now: float) -> float:
    """Return when lab time begins: now, or soon after midnight where that would come in the middle of a test."""
    left = _DAY - now % _DAY
    return now if left > _NIGHT else now + left + 60


class SteadyClock(Clock):
    """Lab time that runs fast and never jumps; other processes read it from a file."""

    def __init__(self, speed: float, file: Path) -> None:
        """Stand still; see `ticking`.

        Args:
            speed: lab seconds in a real second, at most.
            file: where the instant is written, for `reader`.
        """
        super().__init__(speed=speed)
        self._counted = (_beginning(time.time()), time.monotonic())
        file.write_bytes(_INSTANT.pack(self._counted[0]))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _INSTANT.size)

    def now(self) -> float:
        """Return the instant."""
        return self._at(time.monotonic())

    def _at(self, real: float) -> float:
        instant, counted = self._counted
        return instant + max(0.0, min(real - counted, _MOST)) * self.speed

    def _count(self, stopping: Event) -> None:
        while not stopping.wait(_TICK):
            real = time.monotonic()
            self._counted = (self._at(real), real)
            _INSTANT.pack_into(self._shared, 0, self._counted[0])

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Let time pass for the length of a ``with`` block."""
        stopping = Event()
        thread = Thread(target=self._count, args=(stopping,), name="lab-time", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


@contextmanager
def reader(file: Path) -> Iterator[Clock]:
    """Give the time that another process counts."""
    with (
        file.open("rb") as opened,
        closing(mmap.mmap(opened.fileno(), _INSTANT.size, access=mmap.ACCESS_READ)) as shared,
    ):
        yield _Shared(shared)


class _Shared(Clock):
    def __init__(self, shared: mmap.mmap) -> None:
        super().__init__()
        self._shared = shared

    def now(self) -> float:
        """Return the instant."""
        (instant,) = _INSTANT.unpack_from(self._shared, 0)
        return float(instant)
