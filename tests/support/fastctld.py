"""ctld as a program of its own that goes by the time of a lab in another process, and that dies where it is told to.

python -m support.fastctld SETTINGS INSTANT MONOTONIC SPEED [POINT COUNT]

INSTANT is the lab's time when the machine's monotonic clock, which all processes share, showed MONOTONIC. At the
COUNTth time that it comes to POINT the process kills itself as SIGKILL does: nothing is tidied up.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from ctlctl.service.daemon import Daemon
from ctlctl.service.rolloutworld import RolloutWorld
from ctlctl.store.rolloutstore import RolloutStore
from ctlctl_config import load_settings

#: Before and after a step is kept, and before, during and after a write to the cluster.
POINTS: Final = ("before-save", "after-save", "before-write", "in-write", "after-write")
#: Real seconds from the beginning of a write to a death in its middle.
_MIDDLE: Final = 0.004


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _wrap(owner: type, name: str, point: str, times: int) -> None:
    real: Callable[..., Any] = getattr(owner, name)
    number = count(1)

    def wrapped(*words: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the real one takes
        due = next(number) == times
        if due and point.startswith("before"):
            _die()
        if due and point.startswith("in"):
            threading.Timer(_MIDDLE, _die).start()
        result = real(*words, **named)
        if due and point.startswith("after"):
            _die()
        return result

    setattr(owner, name, wrapped)


def run(settings: Path, now: Callable[[], float], speed: float) -> None:
    """Run until somebody ends it."""
    daemon = Daemon(settings, load_settings(settings), now, tick_seconds=0.05, rate=speed)
    daemon.start()
    # Whoever started it reads this.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()


def main() -> None:
    """Read the command line, and run."""
    settings, instant, monotonic, speed = sys.argv[1:5]
    if len(sys.argv) > 5:
        point, times = sys.argv[5], int(sys.argv[6])
        owner, name = (RolloutStore, "save") if point.endswith("save") else (RolloutWorld, "write")
        _wrap(owner, name, point, times)
    start, origin, rate = float(instant), float(monotonic), float(speed)
    run(Path(settings), lambda: start + (time.monotonic() - origin) * rate, rate)


if __name__ == "__main__":
    main()
