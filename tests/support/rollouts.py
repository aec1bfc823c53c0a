"""A lab whose time runs fast, the daemon that watches it, and rollouts on it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctlctl.service.daemon import Daemon
from ctlctl_config import load_settings
from ctlctl_lab.run import RunningLab, running_lab
from support.runninglab import lab_plan
from support.watching import Watched, eventually

#: Settings of the cluster's rollouts: always open, small canaries, no baking.
RULES = {
    "windows": '[{ opens = "00:00", closes = "24:00" }]',
    "canary_sizes": "[4, 8]",
    "canary_rest_minutes": "0",
    "batch_size": "40",
    "in_flight": "64",
    "site_percent": "100",
    "group_percent": "100",
    "halt_percent": "100",
    "halt_failures": "1000",
    "halt_unregistered_percent": "100",
}


def with_rules(settings: Path, **rules: str) -> None:
    """Write how rollouts go into a lab's settings."""
    table = "\n".join(f"{name} = {value}" for name, value in (RULES | rules).items())
    text = settings.read_text()
    settings.write_text(
        text.replace("[clusters.lab.writer]", f"[clusters.lab.rollout]\n{table}\n\n[clusters.lab.writer]")
    )


@contextmanager
def fast_lab(
    directory: Path, *, phones: int, speed: float, scenario: str = "mic-only", **rules: str
) -> Iterator[RunningLab]:
    """Run a lab whose time runs fast, with an account for changes and rules for rollouts."""
    with running_lab(lab_plan(directory, phones, 2, scenario, speed)) as lab:
        with_rules(lab.settings, **rules)
        yield lab


def daemon_of(lab: RunningLab) -> Daemon:
    """Return a daemon that goes by the lab's time."""
    clock = lab.world.cluster.clock
    return Daemon(lab.settings, load_settings(lab.settings), clock.now, tick_seconds=0.05, rate=clock.speed)


@contextmanager
def rolling(lab: RunningLab) -> Iterator[Watched]:
    """Run the daemon for the length of a ``with`` block, ready when it begins."""
    daemon = daemon_of(lab)
    watched = Watched(lab, daemon, daemon.start())
    try:
        eventually(lambda: watched.get("/readyz")[0] == 200, "ready")
        watched.refresh()
        yield watched
    finally:
        daemon.stop()


def planned(watched: Watched, file: Path, *words: str) -> str:
    """Make and approve a plan; return its hash."""
    done = watched.ctlctl(
        "plan", "lsc", *words, "--accept", "authentication-mode", "--accept", "mic-standby", "--out", str(file)
    )
    assert done.code == 0, done.err + done.out
    done = watched.ctlctl("plan", "approve", str(file), "-o", "json")
    assert done.code == 0, done.err
    return str(done.json["sha256"])


def started(watched: Watched, sha256: str) -> None:
    """Start the rollout of a plan."""
    done = watched.ctlctl("rollout", "start", sha256, "--confirm", sha256[:12])
    assert done.code == 0, done.err


def status(watched: Watched, plan: str = "1") -> dict[str, Any]:
    """Return how a rollout goes."""
    done = watched.ctlctl("rollout", "status", plan, "-o", "json")
    (found,) = json.loads(done.out)["rollouts"]
    assert isinstance(found, dict)
    return found


def until(watched: Watched, seconds: float, *modes: str) -> dict[str, Any]:
    """Wait until a rollout is in one of these modes; return how it goes then."""
    end = time.monotonic() + seconds
    while True:
        found = status(watched)
        if found["mode"] in modes and (found["mode"] not in {"finished", "aborted"} or found["ended_at"] is not None):
            return found
        assert time.monotonic() < end, json.dumps(found, indent=1)
        time.sleep(0.2)
