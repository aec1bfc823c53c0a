"""A daemon that was stopped leaves nothing behind; in a module of its own, because others keep a daemon running."""

import threading
from pathlib import Path

from support.watching import eventually, watched_lab, watching


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_stopping_leaves_no_thread_and_no_descriptor(tmp_path: Path) -> None:
    with watched_lab(tmp_path / "lab", phones=5, nodes=1) as watched:
        lab = watched.lab
        watched.daemon.stop()
        with watching(lab):
            pass
        threads, files = threading.active_count(), open_files()
        for _ in range(4):
            with watching(lab):
                pass
        # The lab's own threads come with connections; they are as many as before, or fewer.
        eventually(lambda: threading.active_count() <= threads + 2 and open_files() <= files + 2, "all closed")
