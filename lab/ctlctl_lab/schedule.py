"""What is about to happen to phones: one heap of events and, in a running lab, one thread that lets them happen."""

import heapq
from collections.abc import Callable
from itertools import count
from threading import Condition, RLock, Thread

from ctlctl_lab.clock import Clock, ManualClock
from ctlctl_lab.model import Phone

#: Events that happen under one hold of the cluster's lock; readers get their turn in between.
_BATCH = 200
#: Real seconds after which the thread looks at the clock again in any case.
_LONGEST_WAIT = 60.0

Action = Callable[[Phone], None]


class Schedule:
    """Events to come. An event of a phone that was reset since is void."""

    def __init__(self, clock: Clock, lock: RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._numbers = count()
        self._heap: list[tuple[float, int, Action, Phone, int]] = []
        self._changed = Condition()
        self._thread: Thread | None = None
        self._stopping = False

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def broken(self) -> bool:
        """Whether the thread ended by itself; only a fault of the lab's own ends it."""
        return self._thread is not None and not self._thread.is_alive() and not self._stopping

    def after(self, seconds: float, action: Action, phone: Phone) -> None:
        """Let ``action`` happen to ``phone`` in ``seconds`` of lab time."""
        due = self._clock.now() + seconds
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._numbers), action, phone, phone.epoch))
            if self._heap[0][0] == due:
                self._changed.notify()

    def clear(self) -> None:
        """Forget every event."""
        with self._changed:
            self._heap.clear()
            self._changed.notify()

    def run_due(self) -> int:
        """Let happen what is due, at most a batch of it.

        Returns:
            How many events were taken off the heap.
        """
        taken = 0
        with self._lock:
            while taken < _BATCH:
                with self._changed:
                    if not self._heap or self._heap[0][0] > self._clock.now():
                        break
                    _, _, action, phone, epoch = heapq.heappop(self._heap)
                taken += 1
                if phone.epoch == epoch:
                    action(phone)
        return taken

    def settle(self, limit: float = 3600.0) -> float:
        """Move the clock from event to event until none is left; for tests, with a clock that is moved by hand.

        Args:
            limit: lab seconds after which to stop in any case.

        Returns:
            Lab seconds that passed.

        Raises:
            TypeError: the clock runs by itself.
        """
        if not isinstance(self._clock, ManualClock):
            raise TypeError("only a ManualClock can be moved")
        start = self._clock.now()
        while self._heap and self._heap[0][0] <= start + limit:
            self._clock.advance(max(0.0, self._heap[0][0] - self._clock.now()))
            self.run_due()
        return self._clock.now() - start

    def start(self) -> None:
        """Begin to let events happen when they are due; once is enough."""
        if self._thread is not None:
            return
        self._stopping = False
        self._thread = Thread(target=self._run, name="lab-phones", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                wait = _LONGEST_WAIT
                if self._heap:
                    wait = min(wait, self._clock.real_seconds(self._heap[0][0] - self._clock.now()))
                if wait > 0:
                    self._changed.wait(wait)
                    continue
            self.run_due()
