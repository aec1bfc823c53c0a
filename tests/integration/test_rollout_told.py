"""What metrics, status, check and the snapshot tell of a rollout: while it has halted, and once it has ended."""

from pathlib import Path
from typing import Any

import pytest

from ctlctl.fleet.files import SnapshotFiles
from ctlctl.metrics.rollouts import SHOWN_SECONDS, RolloutCollector
from ctlctl_config import load_settings
from support.rollouts import fast_lab, planned, rolling, started, status, until
from support.watching import Watched, eventually

SECURE = ("install", "lab", "--security-mode", "Encrypted,Authenticated")


def samples(watched: Watched, name: str, **wanted: str) -> list[float]:
    """Return the values of a metric whose labels are as wanted."""
    lines = [line for line in watched.get("/metrics")[1].splitlines() if line.startswith(name + "{")]
    pairs = [f'{label}="{value}"' for label, value in wanted.items()]
    return [float(line.rpartition(" ")[2]) for line in lines if all(pair in line for pair in pairs)]


def total(watched: Watched, name: str) -> float:
    return sum(samples(watched, name))


@pytest.mark.timeout(900)
def test_a_halted_rollout_is_critical_everywhere_until_it_is_aborted(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=60, speed=60) as lab:
        for phone in lab.world.cluster.phones.values():
            lab.world.faults.capf_failures[phone.name] = "Upgrade Failed: Invalid MIC"
        with rolling(lab) as watched:
            assert total(watched, "ctl_rollout_state") == 0
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            started(watched, sha256)
            halted = until(watched, 150, "halted", "finished")
            assert halted["mode"] == "halted"
            plan = halted["plan"]
            # What stands still has no end that anybody could tell.
            assert halted["finish"] is None
            said = watched.ctlctl("rollout", "status", plan).out
            assert "finish" not in said
            assert f"then ctlctl --config {watched.settings} rollout resume {plan}\n" in said

            # Metrics follow within seconds.
            mine = {"cluster": "lab", "rollout": plan}
            eventually(lambda: samples(watched, "ctl_rollout_state", **mine, state="halted") == [1], "metrics")
            assert samples(watched, "ctl_rollout_state", **mine, state="running") == [0]
            assert total(watched, "ctl_rollout_state") == 1
            assert samples(watched, "ctl_rollout_halt", reason=halted["halt"]) == [1]
            assert total(watched, "ctl_rollout_phones") == halted["phones"]
            assert samples(watched, "ctl_rollout_failures", reason="invalid-mic")[0] >= 1
            assert samples(watched, "ctl_rollout_results_total", result="to-person")[0] >= 1
            assert samples(watched, "ctl_rollout_carried_out", **mine) == [1]
            assert lab.world.cluster.phones.keys().isdisjoint(watched.get("/metrics")[1].replace('"', " ").split())

            # So do people's commands.
            said = watched.ctlctl("status", "lab").out
            assert f"rollout {plan} halted" in said
            assert f"ctlctl --config {watched.settings} rollout status {plan}" in said
            assert all(len(line) <= 80 for line in said.splitlines() if str(watched.settings) not in line)
            assert "critical" in said.splitlines()[-1]
            done = watched.ctlctl("check", "lab")
            assert done.code == 1
            assert done.out.startswith("CRITICAL - ")
            assert f"lab: rollout {plan} halted" in done.out
            assert watched.ctlctl("check", "--format", "nagios").code == 2

            # What it leaves behind says so too, when it does not run.
            watched.refresh()
            document = SnapshotFiles(load_settings(watched.settings).api.snapshot).cluster("lab")
            assert document is not None
            told: Any = document["rollouts"]
            assert [(one["plan"], one["mode"]) for one in told] == [(plan, "halted")]

            assert watched.ctlctl("rollout", "abort", "1", "--reason", "no MIC CA").code == 0
            until(watched, 60, "aborted")
            eventually(lambda: samples(watched, "ctl_rollout_state", **mine, state="aborted") == [1], "its end")
            eventually(lambda: plan not in watched.ctlctl("status", "lab").out, "status forgets it")
            assert samples(watched, "ctl_rollout_halt") == []
            assert samples(watched, "ctl_rollout_carried_out") == []
            assert total(watched, "ctl_rollout_results_total") == status(watched)["phones"]

            # A day later it is gone from metrics, but for the sum of all.
            facts, later = watched.daemon._facts, lab.world.now() + SHOWN_SECONDS
            after = RolloutCollector(facts.documents, facts.results, lambda: later)
            shown = {family.name: family.samples for family in after.collect()}
            assert [name for name, values in shown.items() if values] == ["ctl_rollout_results"]
