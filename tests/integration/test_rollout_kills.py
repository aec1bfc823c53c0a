"""ctld killed at any point of a rollout: it goes on where it was, and the end is the same as without a kill."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from ctlctl.act.audit import check_chain
from ctlctl.store.store import Store
from ctlctl_capf.rollout.reasons import failure_of
from ctlctl_config import load_settings
from ctlctl_lab.run import RunningLab
from support.fastctld import POINTS
from support.rollouts import AxlWatch, clock_file, fast_lab, people, plan_names, planned, rolling, started, until

#: `make soak` has 300.
KILLS = int(os.environ.get("CTLCTL_KILLS", "10"))
#: As many as are not through before the last kill.
PHONES = 20 + 8 * KILLS
SECURE = ("install", "lab", "--security-mode", "Encrypted,Authenticated")
SPEED = 30.0
#: Real seconds that a life takes at most.
LIFE = 6.0


def command(lab: RunningLab, *death: str) -> list[str]:
    """Return how to run ctld by the lab's clock."""
    words = [str(lab.settings), str(clock_file(lab.plan.directory)), str(SPEED), *death]
    return [sys.executable, "-m", "support.fastctld", *words]


def assert_whole(path: Path, names: list[str]) -> None:
    """What is on disk is whole: the database, the chain of the audit log, and a row for each phone."""
    with Store.open(path) as store:
        assert store.integrity() == ()
        assert check_chain(store.audit_log()).problem is None
        (rollout,) = store.acts.rollouts()
        assert [row.name for row in store.acts.rows(rollout.number)] == names


@pytest.mark.timeout(800 + 12 * KILLS)
def test_killed_at_any_point_of_a_rollout_it_goes_on_and_loses_nobody(tmp_path: Path) -> None:
    """Ten kills (CTLCTL_KILLS for more): at seeded instants, around each journal entry, around and within writes."""
    chance = random.Random(20261124)  # noqa: S311 - a test that can be repeated
    rules = {"canary_sizes": "[2]", "batch_size": "16", "in_flight": "6", "halt_unknown_percent": "100"}
    with fast_lab(tmp_path / "lab", phones=PHONES, speed=SPEED, **rules) as lab:
        axl, settings = AxlWatch(lab), load_settings(lab.settings)
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            names = plan_names(tmp_path / "plan.json")
            # What is to become of each phone, killed or not.
            failing = dict(zip(names[6::9], ("Invalid MIC", "CA Rejected Connection") * len(names), strict=False))
            lab.world.faults.capf_failures |= {name: f"Upgrade Failed: {words}" for name, words in failing.items()}
            started(watched, sha256)
        deaths = Counter[str]()
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
        said = tmp_path / "ctld.log"
        for _ in range(KILLS):
            point = chance.choice((*POINTS, "any"))
            death = () if point == "any" else (point, str(chance.randrange(1, 25)))
            with (
                said.open("ab") as log,
                subprocess.Popen(command(lab, *death), stdout=subprocess.PIPE, stderr=log, env=environment) as process,
            ):
                assert process.stdout is not None
                process.stdout.readline()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0.3, LIFE / 2) if point == "any" else LIFE)
                process.kill()
                assert process.wait() == -signal.SIGKILL, said.read_text()[-3000:]
            deaths[point] += 1
            assert_whole(settings.store.path, names)
        with rolling(lab) as watched:
            end = until(watched, 120 + PHONES, "finished", "halted")
            left = {name: ("to-person", failure_of(f"Upgrade Failed: {words}")) for name, words in failing.items()}
            assert people(end) == left
            assert end["counts"] == {"done": len(names) - len(left), "to-person": len(left)}
            assert watched.ctlctl("audit-log", "verify").code == 0
        phones = lab.world.cluster.phones
        assert {name for name in names if phones[name].lsc is None} == set(failing)
        axl.assert_careful(names)
        # Nobody was armed, reset or given a certificate twice.
        assert Counter(one.name for one in axl.of("arm")) == Counter(names), deaths
        assert Counter(one.name for one in axl.of("reset")) == Counter(names), deaths
