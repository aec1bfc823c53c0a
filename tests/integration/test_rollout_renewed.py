"""An approval that ends in the middle of a rollout: who may approve renews it, while what is left is as it was."""

from pathlib import Path

import pytest

from ctlctl_lab.run import RunningLab
from support.rollouts import fast_lab, logged, plan_names, planned, rolling, started, status, until, waited
from support.watching import Watched, eventually

DAY = 86_400
SECURE = ("install", "lab", "--security-mode", "Encrypted,Authenticated")


def resumed(watched: Watched) -> None:
    done = watched.ctlctl("rollout", "resume", "1")
    assert done.code == 0, done.err


def grown_old(lab: RunningLab, watched: Watched, days: int) -> None:
    """Let days pass while the canary is watched, until the rollout halts; have everything looked at anew."""
    lab.world.faults.clock_offset += days * DAY
    until(watched, 30, "halted")
    watched.refresh()


@pytest.mark.timeout(600)
def test_an_approval_is_renewed_while_what_is_left_is_as_it_was(tmp_path: Path) -> None:
    rules = {"canary_sizes": "[4]", "canary_rest_minutes": "60"}
    with fast_lab(tmp_path / "lab", phones=30, speed=60, **rules) as lab, rolling(lab) as watched:
        file = tmp_path / "plan.json"
        started(watched, planned(watched, file, *SECURE))
        names, phones = plan_names(file), lab.world.cluster.phones
        waited(watched, 60, lambda told: told["hold"] == "baking", "the canary is watched")
        grown_old(lab, watched, 15)
        halted = status(watched)
        assert (halted["halt"], halted["counts"]["done"]) == ("approval", 4)
        assert "ctlctl plan approve renews it" in halted["words"]

        # Phones that are not any more what was approved: too many of those that are left.
        before = {name: phones[name].pkid for name in names[-4:]}
        for number, name in enumerate(before):
            phones[name].pkid = f"00000000-0000-0000-0000-00000000000{number}"
        watched.refresh()
        done = watched.ctlctl("plan", "approve", str(file))
        assert done.code == 4
        assert f"4 of {len(names)} phones are not any more what plan" in done.err
        for name, pkid in before.items():
            phones[name].pkid = pkid
        watched.refresh()

        # What the rollout has done itself is no drift, and the age of the plan does not count.
        done = watched.ctlctl("plan", "approve", str(file))
        assert done.code == 0, done.err
        assert f"renews     the approval of rollout 1: {len(names) - 4} phones to go" in done.out
        assert f"Next: ctlctl --config {watched.settings} rollout resume {halted['plan']}" in done.out
        assert status(watched)["mode"] == "halted"
        resumed(watched)
        end = until(watched, 90, "finished", "halted")
        assert (end["mode"], end["counts"]) == ("finished", {"done": len(names)})
        (renewed,) = logged(watched, "plan-approval-renewed")
        assert (renewed["detail"]["rollout"], renewed["detail"]["left"]) == (1, len(names) - 4)
        assert len(logged(watched, "plan-approved")) == 1
        # Of a rollout that has ended there is nothing to renew.
        done = watched.ctlctl("plan", "approve", str(file))
        assert done.code == 4
        assert "make a new one" in done.err
        assert watched.ctlctl("audit-log", "verify").code == 0


@pytest.mark.timeout(600)
def test_no_approval_moves_a_deadline(tmp_path: Path) -> None:
    rules = {"canary_sizes": "[4]", "canary_rest_minutes": "60", "deadline_days": "20"}
    with fast_lab(tmp_path / "lab", phones=30, speed=60, **rules) as lab, rolling(lab) as watched:
        file = tmp_path / "plan.json"
        started(watched, planned(watched, file, *SECURE))
        waited(watched, 60, lambda told: told["hold"] == "baking", "the canary is watched")
        grown_old(lab, watched, 21)
        assert status(watched)["halt"] == "approval"
        done = watched.ctlctl("plan", "approve", str(file))
        assert done.code == 4
        assert "the deadline of rollout 1 has passed, and no approval moves it" in done.err
        # It was not approved in secret, either.
        resumed(watched)
        eventually(lambda: len(logged(watched, "rollout-halted")) > 1, "halted again")
        assert until(watched, 30, "halted")["halt"] == "approval"
