"""A daemon in this process that watches a lab, and asking it as an operator does."""

import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from ctlctl.service.daemon import Addresses, Daemon
from ctlctl_config import load_settings
from ctlctl_lab.run import RunningLab
from support.command import Done, ctlctl
from support.runninglab import small_lab

# Without this a log line of a thread would land in the output of a command that is being tested.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.stdlib.render_to_log_kwargs,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)

#: Real seconds after which something that should have happened long ago has not.
PATIENCE = 60.0


@dataclass
class Watched:
    """A lab and the daemon that watches it."""

    lab: RunningLab
    daemon: Daemon
    where: Addresses

    @property
    def settings(self) -> Path:
        return self.lab.settings

    def ctlctl(self, *words: object) -> Done:
        """Run a command with the settings of the lab."""
        return ctlctl("--config", self.settings, *words)

    def get(self, path: str, host: str | None = None) -> tuple[int, str]:
        """Ask over HTTP."""
        request = urllib.request.Request(f"http://{self.where.http}{path}", headers={"Host": host} if host else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def refresh(self) -> None:
        """Have everything asked anew, and judged."""
        done = self.ctlctl("cluster", "refresh", "lab")
        assert done.code in {0, 3}, done.err

    def findings(self) -> dict[str, str]:
        """Return severity by code and subject of what is open."""
        rows = self.ctlctl("finding", "list", "-o", "json").json["rows"]
        assert isinstance(rows, list)
        return {f"{row['code']} {row['subject']}".strip(): row["severity"] for row in rows}


def eventually(check: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fail when it does not come."""
    end = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(0.05)


@contextmanager
def watching(lab: RunningLab) -> Iterator[Watched]:
    """Run a daemon for a lab for the length of a ``with`` block, ready when it begins."""
    daemon = Daemon(lab.settings, load_settings(lab.settings))
    watched = Watched(lab, daemon, daemon.start())
    try:
        eventually(lambda: watched.get("/readyz")[0] == 200, "ready")
        watched.refresh()
        yield watched
    finally:
        daemon.stop()


@contextmanager
def watched_lab(directory: Path, phones: int = 40, nodes: int = 3) -> Iterator[Watched]:
    """Run a lab and its daemon."""
    with small_lab(directory, phones, nodes) as lab, watching(lab) as watched:
        yield watched
