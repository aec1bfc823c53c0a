"""ctld as a program of its own that goes by the time of a lab in another process, and that dies where it is told to.

python -m support.fastctld SETTINGS TIME SPEED [POINT COUNT]

TIME is the file in which the lab's process counts its time, SPEED how fast that runs at most. At the
COUNTth time that it comes to POINT the process kills itself as SIGKILL does: nothing is tidied up.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from ctlctl.connectors.pacing import TimeFlow
from ctlctl.service.daemon import Daemon
from ctlctl.service.rolloutworld import RolloutWorld
from ctlctl.store.rolloutstore import RolloutStore
from ctlctl_config import load_settings
from support.steadyclock import reader

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
    flow = TimeFlow(now, speed)
    daemon = Daemon(settings, load_settings(settings), now, tick_seconds=0.05, flow=flow)
    daemon.start()
    # Whoever started it reads this.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    signal.pause()


def main() -> None:
    """Read the command line, and run."""
    settings, file, speed = sys.argv[1:4]
    if len(sys.argv) > 4:
        point, times = sys.argv[4], int(sys.argv[5])
        owner, name = (RolloutStore, "save") if point.endswith("save") else (RolloutWorld, "write")
        _wrap(owner, name, point, times)
    with reader(Path(file)) as clock:
        run(Path(settings), clock.now, float(speed))


if __name__ == "__main__":
    main()
