"""Rollouts on a lab whose time runs fast: all phones on fresh LSCs, and every way in which one is stopped."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from ctlctl_lab.run import RunningLab
from support.command import ctlctl
from support.rollouts import fast_lab, planned, rolling, started, status, until

SECURE = ("install", "lab", "--security-mode", "Encrypted,Authenticated")


def lsc_ends(lab: RunningLab) -> dict[str, int | None]:
    phones = lab.world.cluster.phones.values()
    return {phone.name: None if phone.lsc is None else int(phone.lsc.not_after) for phone in phones}


@pytest.mark.timeout(900)
def test_phones_without_an_lsc_come_to_fresh_ones_and_every_one_is_proven(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=80, speed=60) as lab, rolling(lab) as watched:
        sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
        plan = json.loads((tmp_path / "plan.json").read_text())
        names = {one["phone"]["name"] for one in plan["phones"]}
        assert len(names) > 30
        started(watched, sha256)
        end = until(watched, 200, "finished", "halted")
        assert end["mode"] == "finished", end
        assert end["counts"] == {"done": len(names)}
        ends = lsc_ends(lab)
        assert all(ends[name] is not None for name in names)
        assert all("expiry" in proof and "registered" in proof and "status" in proof for proof in end["proofs"])
        assert any("certificate" in proof for proof in end["proofs"])
        # Every phone was armed and reset once, and each write stands in the log before and after it was made.
        log = json.loads(watched.ctlctl("audit", "lab", "-o", "json").out)["rows"]
        for verb in ("arm", "reset"):
            for event in (f"rollout-{verb}-begins", f"rollout-{verb}"):
                told = [row["detail"]["phone"] for row in log if row["event"] == event]
                assert sorted(told) == sorted(names), event
        # Evidence that another person can check.
        bundle = tmp_path / "evidence.tar"
        assert watched.ctlctl("rollout", "evidence", "1", "--out", str(bundle)).code == 0
    (tmp_path / "bundle").mkdir()
    for check in (("tar", "-xf", str(bundle)), ("sha256sum", "--quiet", "-c", "SHA256SUMS")):
        subprocess.run(check, cwd=tmp_path / "bundle", check=True)
    assert (tmp_path / "bundle" / "plan.json").read_bytes() == (tmp_path / "plan.json").read_bytes()
    assert ctlctl("audit-log", "verify", str(tmp_path / "bundle" / "audit.lines")).code == 0
    assert len((tmp_path / "bundle" / "rows.jsonl").read_text().splitlines()) == len(names)


@pytest.mark.timeout(900)
def test_what_is_refused(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=20, speed=20, second_approver="true") as lab, rolling(lab) as watched:
        file = tmp_path / "plan.json"
        sha256 = planned(watched, file, *SECURE)
        done = watched.ctlctl("rollout", "start", sha256, "--confirm", sha256[:12])
        assert done.code == 4
        assert "a second person has to approve" in done.err
        # Once more by the same person is not enough, and what is told is who has to do what.
        done = watched.ctlctl("plan", "approve", str(file))
        assert done.code == 0
        assert re.search(
            r"^Next: whoever approves besides you .+\n  ctlctl --config \S+ plan approve COPY$", done.out, re.MULTILINE
        )
        done = watched.ctlctl("rollout", "start", "ffffff", "--confirm", "ffffff")
        assert done.code == 3
        done = watched.ctlctl("rollout", "start", sha256, "--confirm", sha256[:5])
        assert done.code == 4
        edited = tmp_path / "edited.json"
        edited.write_bytes(file.read_bytes().replace(b'"batch":40', b'"batch":41'))
        assert edited.read_bytes() != file.read_bytes()
        done = watched.ctlctl("plan", "approve", str(edited))
        assert done.code == 4
        assert "was edited" in done.err
        done = watched.ctlctl("rollout", "pause", sha256)
        assert done.code == 3
        assert watched.ctlctl("rollout", "status").code == 0
        assert watched.ctlctl("audit-log", "verify").code == 0
        assert not any(lsc_ends(lab).values())


@pytest.mark.timeout(900)
def test_a_poisoned_model_family_stops_at_the_canary(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=60, speed=60) as lab:
        for phone in lab.world.cluster.phones.values():
            if phone.kind.name.startswith("Cisco 78"):
                lab.world.faults.capf_failures[phone.name] = "Upgrade Failed: Invalid MIC"
        with rolling(lab) as watched:
            started(watched, planned(watched, tmp_path / "plan.json", *SECURE))
            halted = until(watched, 150, "halted", "finished")
            assert (halted["mode"], halted["halt"]) == ("halted", "canary-failed")
            assert watched.ctlctl("rollout", "status", "1").code == 5
            # No more than the first canary was touched.
            assert halted["counts"]["planned"] >= halted["phones"] - 4
            reset = json.loads(watched.ctlctl("audit", "-o", "json").out)["rows"]
            assert sum(row["event"] == "rollout-reset" for row in reset) <= 4
            done = watched.ctlctl("rollout", "abort", "1", "--reason", "no MIC CA for 7800")
            assert done.code == 0
            ended = until(watched, 60, "aborted")
            assert ended["counts"]["planned" if "planned" in ended["counts"] else "cancelled"] >= 1
            # Another may begin now.
            assert status(watched)["ended_at"] is not None


@pytest.mark.timeout(900)
def test_paused_resumed_and_taken_up_by_another_daemon(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=50, speed=60) as lab:
        with rolling(lab) as watched:
            started(watched, planned(watched, tmp_path / "plan.json", *SECURE))
            assert watched.ctlctl("rollout", "pause", "1", "--reason", "lunch").code == 0
            paused = until(watched, 30, "paused")
            assert "lunch" in paused["words"]
        with rolling(lab) as watched:
            assert status(watched)["mode"] == "paused"
            done = watched.ctlctl("rollout", "start", status(watched)["sha256"], "--confirm", status(watched)["sha256"])
            assert done.code == 4
            assert "has a rollout that has not ended" in done.err
            assert watched.ctlctl("rollout", "resume", "1").code == 0
            end = until(watched, 150, "finished", "halted")
            assert end["counts"] == {"done": end["phones"]}
            assert watched.ctlctl("audit-log", "verify").code == 0
