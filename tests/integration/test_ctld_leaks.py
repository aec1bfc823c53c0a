"""A daemon that was stopped leaves nothing behind; in a module of its own, because others keep a daemon running."""

import os
import threading
import time
from pathlib import Path

import pytest

from support.watching import eventually, watched_lab, watching


def own_threads() -> int:
    """Count threads but those of the lab, whose pool keeps as many as there ever were connections at once."""
    return sum(not one.name.startswith("lab") for one in threading.enumerate())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_stopping_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    with watched_lab(tmp_path / "lab", phones=5, nodes=1) as watched:
        lab = watched.lab
        watched.daemon.stop()
        with watching(lab):
            pass
        threads, files = own_threads(), open_files()
        for _ in range(4):
            with watching(lab):
                pass
        eventually(lambda: own_threads() <= threads + 2 and open_files() <= files + 2, "all closed")


@pytest.mark.timeout(7200)
def test_rounds_without_end_leak_nothing(tmp_path: Path) -> None:
    """Every source asked each second; `make soak` lets it go on for an hour."""
    seconds = float(os.environ.get("CTLCTL_SOAK_SECONDS", "8"))
    with watched_lab(tmp_path / "lab", phones=5, nodes=1) as watched:
        text = watched.settings.read_text()
        lines = []
        for line in text.splitlines():
            name, equals, _ = line.partition(" = ")
            fast = equals and name.endswith("_seconds")
            lines.append(f"{name} = {0 if name == 'phone_rest_seconds' else 1}" if fast else line)
        watched.settings.write_text("\n".join(lines) + "\n")
        assert watched.daemon.reload()
        time.sleep(4)
        threads, files = own_threads(), open_files()
        time.sleep(seconds)
        # Pools have grown to their size by now; what grows on is a leak.
        eventually(lambda: own_threads() <= threads + 8 and open_files() <= files + 8, "no more than before")
        assert watched.findings() == {}
        assert watched.ctlctl("check").code == 0
