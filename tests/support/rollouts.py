"""A lab whose time runs fast, the daemon that watches it, and rollouts on it."""

import json
import re
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from ctlctl.connectors.pacing import TimeFlow
from ctlctl.service.daemon import Daemon
from ctlctl_config import load_settings
from ctlctl_lab.model import NO_OPERATION, AppAnswer
from ctlctl_lab.run import RunningLab, running_lab
from support.runninglab import lab_plan, own_listener
from support.steadyclock import SteadyClock
from support.watching import PATIENCE, Watched, eventually

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

#: A busy machine is given so many times the real seconds that something takes at most.
SLACK = 3.0


def with_rules(settings: Path, **rules: str) -> None:
    """Write how rollouts go into a lab's settings."""
    table = "\n".join(f"{name} = {value}" for name, value in (RULES | rules).items())
    head, text = "[clusters.lab.rollout]", settings.read_text()
    if head not in text:  # for root there is none: root may approve without being named
        text = text.replace("[clusters.lab.writer]", f"{head}\n\n[clusters.lab.writer]")
    settings.write_text(text.replace(head, f"{head}\n{table}"))


@contextmanager
def fast_lab(
    directory: Path, *, phones: int, speed: float, scenario: str = "mic-only", **rules: str
) -> Iterator[RunningLab]:
    """Run a lab whose time runs fast, with an account for changes and rules for rollouts."""
    clock = SteadyClock(speed, clock_file(directory))
    plan = replace(lab_plan(directory, phones, 2, scenario, speed), clock=clock)
    with clock.ticking(), running_lab(plan) as lab:
        lab.world.timing = replace(lab.world.timing, capf_patience=PATIENCE)
        own_listener(lab)
        with_rules(lab.settings, **rules)
        yield lab


def clock_file(directory: Path) -> Path:
    """Return where other processes read a lab's time."""
    return directory.with_name(f"{directory.name}.time")


def daemon_of(lab: RunningLab, now: Callable[[], float] | None = None) -> Daemon:
    """Return a daemon that goes by the time of the lab's servers, or by a clock of its own."""
    clock = lab.world.cluster.clock
    flow = TimeFlow(clock.now, clock.speed)
    return Daemon(lab.settings, load_settings(lab.settings), now or lab.world.now, tick_seconds=0.05, flow=flow)


@contextmanager
def rolling(lab: RunningLab, now: Callable[[], float] | None = None) -> Iterator[Watched]:
    """Run the daemon for the length of a ``with`` block, ready when it begins."""
    daemon = daemon_of(lab, now)
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


def plan_names(file: Path) -> list[str]:
    """Return the phones of a plan, in their order."""
    return [one["phone"]["name"] for one in json.loads(file.read_text())["phones"]]


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
    """Wait until a rollout is in one of these modes; return how it goes then.

    It fails after ``seconds`` real ones, and those that a busy machine is given.
    """
    end = time.monotonic() + seconds * SLACK
    while True:
        found = status(watched)
        if found["mode"] in modes and (found["mode"] not in {"finished", "aborted"} or found["ended_at"] is not None):
            return found
        assert time.monotonic() < end, json.dumps(found, indent=1)
        time.sleep(0.2)


def waited(watched: Watched, seconds: float, check: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    """Wait until a rollout goes as it should; return how it goes then.

    It fails after ``seconds`` real ones, and those that a busy machine is given.
    """
    end = time.monotonic() + seconds * SLACK
    while True:
        found = status(watched)
        if check(found):
            return found
        assert time.monotonic() < end, f"in vain: {what}: {json.dumps(found, indent=1)}"
        time.sleep(0.1)


def logged(watched: Watched, event: str = "") -> list[dict[str, Any]]:
    """Return what the audit log says, oldest first; all of it, or one kind of entry."""
    done = watched.ctlctl("audit", "-o", "json")
    rows = json.loads(done.out)["rows"]
    return sorted((row for row in rows if not event or row["event"] == event), key=lambda row: int(row["number"]))


def people(document: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return state and reason of every phone that was left to people."""
    return {one["name"]: (one["state"], one["reason"]) for one in document["people"]}


def window_of(opens: float, closes: float) -> str:
    """Return the settings of a window of every day, in UTC, from one instant to another."""
    first, last = (datetime.fromtimestamp(at, UTC).strftime("%H:%M") for at in (opens, closes))
    return f'[{{ opens = "{first}", closes = "{last}" }}]'


@dataclass(frozen=True, slots=True)
class Written:
    """A write that the lab's AXL was sent.

    Attributes:
        at: when, by the servers' clock.
        verb: "arm", "cancel" or "reset".
        name: the phone.
        done: whether it was done.
        pending: whether an operation was pending before.
        registered: whether the phone was registered before.
        finish: Complete-by that was given.
    """

    at: float
    verb: str
    name: str
    done: bool
    pending: bool
    registered: bool
    finish: str


_WORD = re.compile(rb"<(?:\w+:)?(updatePhone|resetPhone)\b")
_NAME = re.compile(rb"<name>([^<]+)</name>")
_OPERATION = re.compile(rb"<certificateOperation>([^<]+)<")
_FINISH = re.compile(rb"<upgradeFinishTime>([^<]*)<")


class AxlWatch:
    """Stands before everything that a lab serves on port 8443, and writes down who changes what, in which state.

    Attributes:
        writes: in their order.
        logins: passwords that were sent, by the user's name.
    """

    def __init__(self, lab: RunningLab) -> None:
        """Begin."""
        self._lab = lab
        self._app = lab.services._soap
        self.writes: list[Written] = []
        self.logins: dict[str, list[str]] = {}
        self._due: tuple[str, int, Callable[[], object]] | None = None
        lab.services._soap = self

    def when(self, verb: str, more: int, action: Callable[[], object]) -> Event:
        """Do something as soon as so many more writes of a kind are done; returns what is set then.

        For what has to come in the middle: whoever polls may be too slow for that.
        """
        done = Event()

        def act() -> None:
            action()
            done.set()

        self._due = verb, len(self.of(verb)) + more, act
        return done

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        """Pass a request on."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = b64decode(secret).decode().partition(":")
            self.logins.setdefault(user, []).append(password)
        word, name = _WORD.search(body), _NAME.search(body)
        if word is None or name is None:
            return self._app(method, path, headers, body)
        world, operation, finish = self._lab.world, _OPERATION.search(body), _FINISH.search(body)
        verb = "reset" if word[1] == b"resetPhone" else "arm"
        if operation is not None and operation[1].decode() == NO_OPERATION:
            verb = "cancel"
        with world.cluster.lock:
            phone = world.cluster.phones.get(name[1].decode())
            pending = phone is not None and phone.capf.pending
            registered = phone is not None and phone.status == "Registered"
            at = world.now()
            answer = self._app(method, path, headers, body)
            told = "" if finish is None else finish[1].decode()
            one = Written(at, verb, name[1].decode(), answer[0] == 200, pending, registered, told)
            self.writes.append(one)
            due = self._due
            is_due = due is not None and len(self.of(due[0])) >= due[1]
            if is_due:
                self._due = None
        if due is not None and is_due:
            due[2]()
        return answer

    def of(self, *verbs: str) -> list[Written]:
        """Return the writes of some kinds that were done."""
        return [one for one in self.writes if one.verb in verbs and one.done]

    def assert_careful(self, names: Iterable[str] | None = None) -> None:
        """No phone got a second operation while one was pending, none was reset under way or without an operation."""
        allowed = None if names is None else set(names)
        for one in self.writes:
            assert allowed is None or one.name in allowed, one
            if one.verb == "arm" and one.done:
                assert not one.pending, one
            if one.verb == "reset" and one.done:
                assert one.pending, one
                assert one.registered, one
