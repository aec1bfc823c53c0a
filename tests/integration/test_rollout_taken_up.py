"""Rollouts that cannot be taken up: told by their number and tried again, and they keep no other."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from ctlctl_lab.run import RunningLab
from support.command import Done
from support.rollouts import fast_lab, plan_names, planned, rolling, started, status, until, waited
from support.watching import Watched, eventually

ALL = ("install", "lab", "--security-mode", "Encrypted,Authenticated")


def store_of(lab: RunningLab) -> Path:
    """Return where ctld keeps what it knows."""
    (found,) = (lab.settings.parent / "ctld").glob("*.db")
    return found


def head_swapped(lab: RunningLab, number: int, text: str) -> str:
    """Put a text in the place of a rollout's head; return what stood there."""
    with closing(sqlite3.connect(store_of(lab), timeout=30)) as store, store:
        ((before,),) = store.execute("SELECT head FROM rollout WHERE number = ?", (number,)).fetchall()
        store.execute("UPDATE rollout SET head = ? WHERE number = ?", (text, number))
    assert isinstance(before, str)
    return before


def row_swapped(lab: RunningLab, number: int, place: int, text: str) -> str:
    """Put a text in the place of a phone's row; return what stood there."""
    this = "WHERE rollout = ? AND place = ?"
    with closing(sqlite3.connect(store_of(lab), timeout=30)) as store, store:
        query = f"SELECT value FROM rollout_phone {this}"  # noqa: S608 - a constant
        ((before,),) = store.execute(query, (number, place)).fetchall()
        store.execute(f"UPDATE rollout_phone SET value = ? {this}", (text, number, place))  # noqa: S608 - the same
    assert isinstance(before, str)
    return before


def states(watched: Watched, plan: str) -> dict[str, float]:
    """Return the values of ctl_rollout_state for a plan that are not 0, and of ctl_rollout_carried_out."""
    found = {}
    for line in watched.get("/metrics")[1].splitlines():
        if f'rollout="{plan}"' in line:
            name, _, value = line.rpartition(" ")
            if name.startswith("ctl_rollout_state{") and float(value):
                found[name.partition('state="')[2].partition('"')[0]] = float(value)
            if name.startswith("ctl_rollout_carried_out{"):
                found["carried-out"] = float(value)
    return found


def modes_told(watched: Watched) -> dict[int, str]:
    """Return how every rollout goes, by its number."""
    told = json.loads(watched.ctlctl("rollout", "status", "-o", "json").out)
    return {one["number"]: one["mode"] for one in told["rollouts"]}


def flat(done: Done) -> str:
    """Return what a command printed, as one line."""
    return " ".join(done.out.split())


def without_lsc(lab: RunningLab, names: list[str]) -> list[str]:
    """Return the phones that have no LSC, in their order."""
    return [name for name in names if lab.world.cluster.phones[name].lsc is None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what could not be taken up be tried again soon."""
    monkeypatch.setattr("ctlctl.service.jobs.KEEP_SECONDS", 0.3)


@pytest.mark.timeout(600)
def test_one_that_cannot_be_read_is_told_and_hides_no_other(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=40, speed=60, canary_sizes="[]", in_flight="2") as lab:
        with rolling(lab) as watched:
            first = planned(watched, tmp_path / "first.json", *ALL)
            started(watched, first)
            assert watched.ctlctl("rollout", "abort", "1").code == 0
            until(watched, 60, "aborted")
            names = without_lsc(lab, plan_names(tmp_path / "first.json"))[4:]
            (tmp_path / "names").write_text("\n".join(names))
            words = ("install", "lab", "--from-file", str(tmp_path / "names"))
            second = planned(watched, tmp_path / "second.json", *words)
            started(watched, second)
            # Of the first, which has ended, the head; nobody who asks about the second notices.
            head_swapped(lab, 1, '{"mode":"of a later version"}')
            modes = {1: "unknown", 2: "running"}
            eventually(lambda: modes_told(watched) == modes, "both are told")
            told = flat(watched.ctlctl("rollout", "status", "1"))
            assert "cannot be read the head of rollout 1: this version cannot read it" in told
            done = watched.ctlctl("rollout", "evidence", "1", "--out", tmp_path / "none.tar")
            assert (done.code, "no whole evidence of rollout 1: the head" in done.err) == (3, True)
            listed = json.loads(watched.ctlctl("plan", "list", "-o", "json").out)["rows"]
            assert {one["rollout"]: one["mode"] for one in listed} == modes
            eventually(lambda: states(watched, second[:6]) == {"running": 1.0, "carried-out": 1.0}, "metrics")
        # Of the second, which goes on, the head and one phone.
        row = row_swapped(lab, 2, 1, '{"name":"x"')
        head = head_swapped(lab, 2, "[]")
        with rolling(lab) as watched:
            plan = second[:6]
            assert modes_told(watched) == {1: "unknown", 2: "unknown"}
            assert watched.ctlctl("rollout", "status").code == 3
            assert f"UNKNOWN rollout {plan} unknown" in flat(watched.ctlctl("status", "lab"))
            eventually(lambda: states(watched, plan) == {"unknown": 1.0, "carried-out": 0.0}, "metrics")
            head_swapped(lab, 2, head)
            waited(watched, 60, lambda _: "phone 2" in status(watched, "2")["idle"], "the head can be read again")
            found = status(watched, "2")
            assert (found["live"], found["people"], found["phones"]) == (False, None, len(names))
            assert found["idle"].startswith("phone 2 of rollout 2: this version cannot read it")
            done = watched.ctlctl("rollout", "status", "2")
            assert done.code == 3
            assert "not under way phone 2 of rollout 2: this version cannot read it" in flat(done)
            eventually(lambda: states(watched, plan) == {"running": 1.0, "carried-out": 0.0}, "metrics")
            said = watched.ctlctl("status", "lab")
            assert f"UNKNOWN rollout {plan} running" in flat(said)
            assert "nobody carries it out: phone 2 of rollout 2" in flat(said)
            assert all(len(line) <= 80 for line in said.out.splitlines() if str(watched.settings) not in line)
            why = f"lab: rollout {plan} running: nobody carries it out: phone 2 of rollout 2"
            assert why in watched.ctlctl("check", "lab").out
            for wish in ("pause", "abort"):
                refused = watched.ctlctl("rollout", wish, "2")
                assert (refused.code, "is not under way: phone 2 of rollout 2" in refused.err) == (4, True)
            # Mended, it goes on by itself.
            row_swapped(lab, 2, 1, row)
            waited(watched, 60, lambda _: bool(status(watched, "2")["live"]), "it is taken up again")
            waited(watched, 90, lambda _: bool(status(watched, "2")["mode"] == "finished"), "it comes to its end")
            assert status(watched, "2")["counts"] == {"done": len(names)}


@pytest.mark.timeout(600)
def test_a_rollout_whose_thread_could_not_be_started_is_taken_up_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = [True]

    class Reluctant(Thread):
        def start(self) -> None:
            if fails[0]:
                raise RuntimeError("can't start new thread")
            super().start()

    with fast_lab(tmp_path / "lab", phones=16, speed=60, canary_sizes="[]") as lab, rolling(lab) as watched:
        sha256 = planned(watched, tmp_path / "plan.json", *ALL)
        monkeypatch.setattr("ctlctl.service.rolloutlife.Thread", Reluctant)
        done = watched.ctlctl("rollout", "start", sha256, "--confirm", sha256[:12])
        assert done.code == 0, done.err
        assert "not under way: it could not be taken up (RuntimeError: can't start new thread)" in flat(done)
        found = status(watched)
        assert (found["live"], found["mode"], "can't start new thread" in found["idle"]) == (False, "running", True)
        # A wish that nobody would obey is not taken.
        refused = watched.ctlctl("rollout", "abort", "1")
        assert refused.code == 4
        assert "is not under way: it could not be taken up" in refused.err
        assert [row["event"] for row in json.loads(watched.ctlctl("audit", "-o", "json").out)["rows"]].count(
            "rollout-abort"
        ) == 0
        fails[0] = False
        waited(watched, 60, lambda told: told["live"] and "idle" not in told, "it is taken up")
        assert until(watched, 90, "finished", "halted")["mode"] == "finished"
