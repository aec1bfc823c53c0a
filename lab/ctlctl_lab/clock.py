"""Lab time: seconds since 1970-01-01 UTC, running at any speed, or moved by hand."""

import time
from datetime import UTC, datetime
from threading import Lock


class Clock:
    """Lab time that follows the machine's, faster or slower.

    Attributes:
        speed: lab seconds that pass in one real second.
    """

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        """Begin.

        Args:
            start: the instant to begin at; None for the machine's.
            speed: lab seconds that pass in one real second; more than 0.

        Raises:
            ValueError: the speed is not more than 0.
        """
        if not speed > 0:
            raise ValueError(f"speed {speed}: lab time must run forward")
        self.speed = speed
        self._start = time.time() if start is None else start
        self._origin = time.monotonic()

    def now(self) -> float:
        """Return the instant."""
        return self._start + (time.monotonic() - self._origin) * self.speed

    def real_seconds(self, lab_seconds: float) -> float:
        """Return how long to wait, in real seconds, for ``lab_seconds`` to pass."""
        return lab_seconds / self.speed

    def datetime(self) -> datetime:
        """Return the instant, aware, UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


class ManualClock(Clock):
    """Lab time that stands still until it is moved; for tests."""

    def __init__(self, start: float) -> None:
        super().__init__(start)
        self._lock = Lock()
        self._now = start

    def now(self) -> float:
        """Return the instant."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: backwards.
        """
        if seconds < 0:
            raise ValueError("lab time does not run backwards")
        with self._lock:
            self._now += seconds
