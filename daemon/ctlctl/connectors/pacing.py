"""How fast a cluster may be asked: a pace that gives way, and waits that grow but end."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

# Calls a second under which a pace never goes, however busy the node is: one in ten seconds.
SLOWEST_PER_SECOND: Final = 0.1
# Calls a second that each call that went well adds, up to the ceiling.
_GAIN_PER_SECOND: Final = 0.1

# Seconds before a busy node is asked again; the last one repeats. AXL's own advice is "several seconds".
BACK_OFF_SECONDS: Final = (5.0, 10.0, 20.0, 40.0, 60.0)

Clock = Callable[[], float]
Sleep = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class TimeFlow:
    """How time passes for whoever keeps to a pace; not as the machine's only in a simulation.

    Attributes:
        clock: seconds that only grow.
        rate: how many of them pass in a real one.
    """

    clock: Clock = time.monotonic
    rate: float = 1.0

    def wait(self, seconds: float, sleep: Callable[[float], object]) -> None:
        """Let seconds of this clock pass.

        Args:
            seconds: how many.
            sleep: waits real ones; something true where the wait was broken off.
        """
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0:
            if sleep(left / self.rate):
                return


#: As the machine has it.
REAL_TIME: Final = TimeFlow()


class Pace:
    """Gives turns at a rate that halves when the node is busy and grows again by and by. Threads may share it."""

    def __init__(
        self, per_second: float, ceiling: float, *, clock: Clock = time.monotonic, sleep: Sleep = time.sleep
    ) -> None:
        """Start at a rate.

        Args:
            per_second: Turns a second to start with.
            ceiling: Turns a second at most.
            clock: Seconds that only grow.
            sleep: Waits that many seconds.
        """
        self._rate = min(per_second, ceiling)
        self._ceiling = ceiling
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._lock = threading.Lock()

    @property
    def per_second(self) -> float:
        """Turns a second at this time."""
        return self._rate

    def wait(self) -> None:
        """Wait for the next turn; the first comes at once."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            self._next = turn + 1.0 / self._rate
        if turn > now:
            self._sleep(turn - now)

    def slower(self) -> None:
        """Halve the rate: the node is busy."""
        with self._lock:
            self._rate = max(self._rate / 2.0, min(SLOWEST_PER_SECOND, self._ceiling))

    def faster(self) -> None:
        """Add a little to the rate: a call went well."""
        with self._lock:
            self._rate = min(self._rate + _GAIN_PER_SECOND, self._ceiling)


def waits(budget_seconds: float, least_seconds: float = 0.0) -> Iterator[float]:
    """Give the waits before each new try, until their sum would be more than the budget.

    Args:
        budget_seconds: For all waits together.
        least_seconds: No wait is shorter.

    Yields:
        Seconds.
    """
    left, index = budget_seconds, 0
    while True:
        wait = max(BACK_OFF_SECONDS[min(index, len(BACK_OFF_SECONDS) - 1)], least_seconds)
        if wait > left:
            return
        left -= wait
        index += 1
        yield wait
