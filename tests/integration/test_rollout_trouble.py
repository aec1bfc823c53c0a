"""Nights on which things go wrong: each rollout goes on, waits, halts or is refused as it is written."""

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ctlctl_capf.rollout.reasons import ABSENT, RETRY, Reason, Retry, failure_of
from ctlctl_lab.build import WRITER
from ctlctl_lab.model import CALLMANAGER, INSTALL, SERVICE_CAPF, Account
from ctlctl_lab.names import NON_SECURE
from ctlctl_lab.run import RunningLab
from support.rollouts import (
    AxlWatch,
    fast_lab,
    logged,
    people,
    planned,
    rolling,
    started,
    status,
    until,
    waited,
    window_of,
)
from support.watching import Watched, eventually

HOUR, DAY = 3600, 86_400
SECURE = ("install", "lab", "--security-mode", "Encrypted,Authenticated")
#: `make soak` has 2000.
PHONES = int(os.environ.get("CTLCTL_PHONES", "500"))
#: What XCertificateStatus has as failures of an installation.
FAILURES = (
    "Invalid LSC",
    "Invalid Authentication String",
    "Invalid MIC",
    "Invalid Credentials",
    "Phone Communication Failure",
    "Key Generation Failed/Timeout",
    "CA Communication Failure",
    "CA Rejected Connection",
    "User Initiated Request Late/Timedout",
    "No Support for EC only in CAPF version 3",
)


def plan_names(file: Path) -> list[str]:
    return [one["phone"]["name"] for one in json.loads(file.read_text())["phones"]]


def some(tmp_path: Path, names: list[str]) -> tuple[str, ...]:
    """Select phones by name."""
    file = tmp_path / f"names-{time.monotonic_ns()}"
    file.write_text("\n".join(names) + "\n")
    return ("install", "lab", "--from-file", str(file))


def next_window(lab: RunningLab, watched: Watched, opens: int) -> None:
    """Let the time pass at once until a window opens; everything is looked at anew then."""
    now = int(lab.world.now())
    lab.world.faults.clock_offset += (opens - now) % DAY
    watched.refresh()


@pytest.mark.timeout(200 + PHONES)
def test_hundreds_of_phones_and_every_documented_failure(tmp_path: Path) -> None:
    """Of 500 phones without an LSC, 5 % fail by each reason that AXL documents: each goes the way of its reason."""
    rules = {"canary_sizes": "[10, 50]", "batch_size": "150", "in_flight": "150", "halt_unknown_percent": "100"}
    with fast_lab(tmp_path / "lab", phones=PHONES, speed=60, **rules) as lab:
        opens = int(lab.world.now()) // 60 * 60 - HOUR
        text = lab.settings.read_text()
        lab.settings.write_text(
            text.replace('[{ opens = "00:00", closes = "24:00" }]', window_of(opens, opens + 20 * HOUR))
        )
        axl = AxlWatch(lab)
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", "install", "lab", "--all", "--accept", "null-string")
            names = plan_names(tmp_path / "plan.json")
            assert len(names) > PHONES * 0.9
            # The canaries are spared: one failure among them would stop it, as another test shows.
            each, fails = len(names) // 20, {}
            for number, words in enumerate(FAILURES):
                for name in names[60 + number :: len(FAILURES)][:each]:
                    fails[name] = f"Upgrade Failed: {words}"
            lab.world.faults.capf_failures |= fails
            started(watched, sha256)
            patience = 100 + PHONES / 2
            waited(watched, patience, lambda told: not at_work(told), "the first night is over")
            reasons = {name: failure_of(words) for name, words in fails.items()}
            first = status(watched)
            again = {name for name, reason in reasons.items() if RETRY[reason or Reason.LATE] is Retry.NEXT_WINDOW}
            assert first["counts"]["retry-next-window"] == len(again)
            assert set(first["reasons"]["retry-next-window"]) == {
                Reason.COMMUNICATION,
                Reason.CA_COMMUNICATION,
                Reason.LATE,
            }
            next_window(lab, watched, opens)
            end = until(watched, patience, "finished", "halted")
        assert end["mode"] == "finished", end
        left = {
            name: reason
            for name, reason in reasons.items()
            if RETRY[reason or Reason.LATE] in {Retry.PERSON, Retry.GIVE_UP}
        }
        states = {Retry.PERSON: "to-person", Retry.GIVE_UP: "given-up"}
        assert people(end) == {name: (states[RETRY[reason]], reason) for name, reason in left.items() if reason}
        assert end["counts"]["done"] == len(names) - len(left)
        phones = lab.world.cluster.phones
        assert {name for name in names if phones[name].lsc is None} == set(left)
        axl.assert_careful(names)
        # Once for each, and once more for each that was tried again.
        tried = Counter(one.name for one in axl.of("reset"))
        twice = {name for name, reason in reasons.items() if name not in left}
        assert tried == Counter(names) + Counter(twice)
        assert {one.finish for one in axl.of("arm")} == {complete_by(opens + 20 * HOUR), complete_by(opens + 44 * HOUR)}


def at_work(told: dict[str, Any]) -> int:
    idle = {"done", "to-person", "given-up", "drifted", "retry-next-window", "cancelled"}
    return sum(many for state, many in told["counts"].items() if state not in idle)


def complete_by(at: int) -> str:
    return time.strftime("%Y:%m:%d:%H:%M", time.gmtime(at))
