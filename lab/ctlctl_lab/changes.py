"""The change queue: what listChange reads."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ctlctl_lab.identity import make_pkid


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change queue.

    Attributes:
        id: number, rising by one.
        type: XChangeType, such as "Phone".
        action: "a", "u" or "r".
        pkid: of what changed.
        tags: changed elements.
    """

    id: int
    type: str
    action: str
    pkid: str
    tags: tuple[str, ...]


class ChangeQueue:
    """What listChange reads: the newest changes, lost when AXL restarts. Use it under `Cluster.lock`.

    Attributes:
        queue_id: identifies this queue; another one after `restart`.
    """

    #: Changes kept (AXL Developer Guide: 100,000 in memory).
    LIMIT = 100_000

    def __init__(self, seed: object = 0) -> None:
        self._seed = seed
        self._born = 0
        self._next = 1
        self._kept: deque[Change] = deque(maxlen=self.LIMIT)
        self.queue_id = make_pkid("queue", seed, 0)

    @property
    def first_id(self) -> int:
        """Number of the oldest change kept, or of the next when there is none."""
        return self._kept[0].id if self._kept else self._next

    @property
    def last_id(self) -> int:
        """Number of the newest change; one less than `next_id`."""
        return self._next - 1

    @property
    def next_id(self) -> int:
        """Number the next change will have."""
        return self._next

    def record(self, kind: str, action: str, pkid: str, *tags: str) -> None:
        """Add a change."""
        self._kept.append(Change(self._next, kind, action, pkid, tags))
        self._next += 1

    def since(self, start: int) -> Iterator[Change]:
        """Give every kept change numbered ``start`` or later."""
        skip = max(0, start - self.first_id)
        if skip < len(self._kept):
            for index in range(skip, len(self._kept)):
                yield self._kept[index]

    def restart(self) -> None:
        """Forget everything, as a restart of AXL does."""
        self._born += 1
        self._next = 1
        self._kept.clear()
        self.queue_id = make_pkid("queue", self._seed, self._born)
