"""How much AXL gives and takes: 8 MB an answer, 16 MB over all in flight, and writes as fast as nodes follow."""

from collections.abc import Iterable
from itertools import islice
from threading import Lock
from typing import Final

from ctlctl_lab.model import Cluster
from ctlctl_lab.soap.axl_faults import out_of_memory, too_large

#: Bytes of one answer, and of all that are on their way at the same time (AXL Developer Guide).
MAX_ANSWER: Final = 8 * 1024 * 1024
MAX_IN_FLIGHT: Final = 16 * 1024 * 1024

#: Changes a node takes in per lab second, and the backlog at which writes are refused. CUCM throttles by the depth of
#: these queues too, but tells no numbers; 25/s are the 1,500 a minute of older guides.
FOLLOWED_PER_SECOND: Final = 25.0
DEEP_QUEUE: Final = 100.0

#: Rows that are written at a time.
_ROWS: Final = 250


class Memory:
    """Bytes of answers that are being made or sent."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._used = 0

    def change(self, size: int) -> bool:
        """Take memory, or give it back where the size is negative; False where it would be too much."""
        with self._lock:
            if size > 0 and self._used + size > MAX_IN_FLIGHT:
                return False
            self._used += size
            return True


class Share:
    """The part of the memory that one answer has; given back when the last reference to it goes."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._taken = 0

    def take(self, size: int) -> bool:
        """Take more; False where there is no more."""
        if not self._memory.change(size):
            return False
        self._taken += size
        return True

    def __del__(self) -> None:
        self._memory.change(-self._taken)


def gather(rows: Iterable[str], count: int, limit: int | None, share: Share) -> list[bytes]:
    """Put the rows of an answer together, within the limits.

    Args:
        rows: each as XML.
        count: how many there are.
        limit: rows over which the answer is too large whatever its size, or None.
        share: where its memory comes from.

    Returns:
        The rows, in pieces.

    Raises:
        AxlFault: the answer is too large, or too many large ones are being sent.
    """
    if limit is not None and count > limit:
        raise too_large(count, limit)
    pieces: list[bytes] = []
    size = done = 0
    waiting = iter(rows)
    while part := list(islice(waiting, _ROWS)):
        done += len(part)
        piece = "".join(part).encode()
        size += len(piece)
        if size > MAX_ANSWER:
            raise too_large(count, max(1, MAX_ANSWER * done // size))
        if not share.take(len(piece)):
            raise out_of_memory()
        pieces.append(piece)
    return pieces


class WriteQueue:
    """The nodes' queues of changes they have yet to take in."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = Lock()
        self._depth = 0.0
        self._seen = cluster.clock.now()

    @property
    def depth(self) -> float:
        """Changes that the slowest node has yet to take in."""
        with self._lock:
            return self._settle()

    def _settle(self) -> float:
        now = self._cluster.clock.now()
        self._depth = max(0.0, self._depth - (now - self._seen) * FOLLOWED_PER_SECOND)
        self._seen = now
        return self._depth

    def admit(self) -> bool:
        """Add a write; False where the queues are too deep to take it."""
        with self._lock:
            if self._settle() >= DEEP_QUEUE:
                return False
            self._depth += 1
            return True
