"""Nights on which things go wrong: each rollout goes on, waits, halts or is refused as it is written."""

import json
import os
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ctlctl.fleet.words import minute
from ctlctl_capf.rollout.reasons import RETRY, Reason, Retry, failure_of
from ctlctl_lab.build import WRITER
from ctlctl_lab.model import CALLMANAGER, INSTALL, SERVICE_CAPF, Account
from ctlctl_lab.run import RunningLab
from support.rollouts import (
    SLACK,
    AxlWatch,
    fast_lab,
    logged,
    people,
    plan_names,
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


def assert_all_done(told: dict[str, Any], names: list[str]) -> None:
    """Every phone of a rollout is done."""
    assert told["words"] == f"{len(names)} phones are done"
    assert (told["mode"], told["halt"], told["counts"]) == ("finished", None, {"done": len(names)})


def next_window(lab: RunningLab, watched: Watched, opens: int) -> None:
    """Let the time pass at once until a window opens; everything is looked at anew then."""
    now = int(lab.world.now())
    lab.world.faults.clock_offset += (opens - now) % DAY
    watched.refresh()


@pytest.mark.timeout(800 + PHONES)
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


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Another program writes to the store and does not end."""
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("PRAGMA busy_timeout = 20000")
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def nightly(lab: RunningLab, hours: int = 20) -> tuple[int, int]:
    """Let phones be touched every day for some hours, of which one has passed; return the first opening and closing."""
    opens = int(lab.world.now()) // 60 * 60 - HOUR
    text = lab.settings.read_text()
    lab.settings.write_text(
        text.replace('[{ opens = "00:00", closes = "24:00" }]', window_of(opens, opens + hours * HOUR))
    )
    return opens, opens + hours * HOUR


def resumed(watched: Watched) -> None:
    """Resume a rollout, and wait until that is obeyed."""
    before = len(logged(watched, "rollout-resumed"))
    assert watched.ctlctl("rollout", "resume", "1").code == 0
    eventually(lambda: len(logged(watched, "rollout-resumed")) > before, "resumed")


def still(watched: Watched, axl: AxlWatch, seconds: float = 1.5) -> dict[str, Any]:
    """Nothing is written for some real seconds."""
    before = len(axl.writes)
    time.sleep(seconds)
    assert axl.writes[before:] == []
    return status(watched)


@pytest.mark.timeout(900)
def test_a_night_of_one_trouble_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AXL busy, the store locked, the publisher rebooting, CAPF down: the rollout waits or halts, and loses nobody."""
    monkeypatch.setattr("ctlctl.service.rolloutlife._STORE_SECONDS", 0.2)
    monkeypatch.setattr("ctlctl.store.store.Store.open.__func__.__kwdefaults__", {"migrate": True, "lock_timeout": 0.3})
    # Phones that the reboot finds on their way to CAPF give no answer: however many, it does not halt for them.
    rules = {"batch_size": "14", "in_flight": "14", "halt_unknown_percent": "100"}
    with fast_lab(tmp_path / "lab", phones=70, speed=40, **rules) as lab:
        opens, closes = nightly(lab)
        axl, world = AxlWatch(lab), lab.world
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            names = plan_names(tmp_path / "plan.json")
            world.faults.axl_503_writes = 6
            # Eight phones after the canaries, with two thirds of them still to come.
            down = axl.when("reset", 20, lambda: world.node_down("lab-pub"))
            started(watched, sha256)
            # Busy: slower, and nobody is lost.
            waited(watched, 40, lambda told: told["throttled"] >= 6, "AXL was busy")
            said = logged(watched, "rollout-throttled")[-1]["detail"]["words"]
            assert float(said.removeprefix("AXL is busy: ").split()[0]) <= 0.5, said
            # Locked: nothing is done that cannot be kept; what an operator asks for meanwhile is not forgotten.
            waited(watched, 40, lambda told: told["counts"].get("done", 0) >= 2, "it goes on")
            with locked(lab.settings.parent / "ctld" / "ctld.db"):
                time.sleep(1)
                still(watched, axl)
            # The publisher reboots, and with it AXL and RIS.
            assert down.wait(60 * SLACK), f"it does not go on after the lock: {status(watched)}"
            waited(watched, 40, lambda told: told["hold"] == "axl-away", "AXL is away")
            assert "no connection" in still(watched, axl)["trouble"]
            # It goes on then. CAPF stops in the middle of a batch, and the preflight of the next is red.
            stopped = axl.when("reset", 8, lambda: world.stop_service("lab-pub", SERVICE_CAPF))
            world.node_up("lab-pub")
            waiting_since = time.monotonic()
            while not stopped.wait(0.2):
                # What is known of the publisher is from the reboot until somebody asks.
                watched.ctlctl("cluster", "refresh", "lab")
                assert time.monotonic() < waiting_since + 60 * SLACK, json.dumps(status(watched), indent=1)
            halted = until(watched, 90, "halted", "finished")
            assert halted["halt"] == "preflight", halted
            assert watched.ctlctl("rollout", "status", "1").code == 5
            waited(
                watched,
                60,
                lambda told: not told["counts"].get("armed"),
                "operations of phones never reset are taken back",
            )
            arms = len(axl.of("arm"))
            world.start_service("lab-pub", SERVICE_CAPF)
            time.sleep(1)
            assert len(axl.of("arm")) == arms
            watched.refresh()
            resumed(watched)
            # Complete-by ends what phones have not done, and they are tried again in the next window.
            waited(watched, 90, lambda told: not at_work(told) - told["counts"].get("overdue", 0), "the first night")
            world.faults.clock_offset += closes + 120 - world.now()
            waited(watched, 60, lambda told: not told["counts"].get("overdue"), "overdue phones are given back")
            still(watched, axl, 0.5)
            next_window(lab, watched, opens)
            end = until(watched, 90, "finished", "halted")
            assert_all_done(end, names)
            assert watched.ctlctl("audit-log", "verify").code == 0
        axl.assert_careful(names)
        assert all(world.cluster.phones[name].lsc is not None for name in names)
        # Each write that was made stands in the log, whatever happened to the store.
        assert Counter(row["detail"]["phone"] for row in logged_in(lab, "rollout-arm")) >= Counter(
            one.name for one in axl.of("arm")
        )


def logged_in(lab: RunningLab, event: str) -> list[dict[str, Any]]:
    with rolling(lab) as watched:
        return logged(watched, event)


@pytest.mark.timeout(900)
def test_clocks_that_jump_and_windows_that_close(tmp_path: Path) -> None:
    rules = {"in_flight": "12", "canary_sizes": "[]", "halt_unknown_percent": "100"}
    with fast_lab(tmp_path / "lab", phones=40, speed=40, **rules) as lab:
        opens, closes = nightly(lab)
        axl, world = AxlWatch(lab), lab.world
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            # Later than the approval by more than the clock is going to be put back: one of the future does not hold.
            world.faults.clock_offset += 1200

            def put(seconds: float) -> None:
                world.faults.clock_offset += seconds

            # Back, with phones at work: it halts, for nobody knows how much time has passed.
            axl.when("reset", 3, lambda: put(-600))
            started(watched, sha256)
            names = plan_names(tmp_path / "plan.json")
            halted = until(watched, 60, "halted", "finished")
            assert halted["halt"] == "clock-went-back"
            # What is known of them may be from before they were given back, with our own operation.
            busy = ("arming", "armed", "resetting", "cancelling")
            waited(
                watched,
                60,
                lambda told: not any(told["counts"].get(one) for one in busy),
                "what was armed is taken back",
            )
            assert watched.ctlctl("cluster", "refresh", "lab", "--source", "axl").code == 0
            # Over the end of the window, in the middle of a batch: no write, and Complete-by ends what is pending.
            axl.when("reset", 3, lambda: put(closes + 1 - world.now()))
            resumed(watched)
            closed = waited(watched, 60, lambda told: told["hold"] == "no-window", "the window is closed")
            assert closed["mode"] == "running"
            assert closed["next_window"] == {"opens": opens + DAY, "closes": closes + DAY}
            said = " ".join(watched.ctlctl("rollout", "status", "1").out.split())
            assert f"waits for the next window, which opens {minute(int(opens) + DAY)}" in said
            written = len(axl.writes)
            world.faults.clock_offset += 180
            waited(watched, 60, lambda told: not at_work(told) - told["counts"].get("planned", 0), "all at rest")
            assert len(axl.writes) == written
            # One may have been on its way to AXL when the clock jumped; then it came within moments.
            late = [one for one in axl.writes if not opens <= one.at < closes]
            assert len(late) <= 1, late
            assert all(one.at < closes + 60 for one in late), late
            assert {one.finish for one in axl.of("arm")} == {complete_by(closes)}
            next_window(lab, watched, opens)
            end = until(watched, 90, "finished", "halted")
            # Of phones that were on their way back it is not proven that they came back in time: a person is told.
            left = people(end)
            assert set(left.values()) <= {("to-person", "not-registered-again")}
            assert len(left) <= 4
            assert (end["mode"], end["counts"]["done"]) == ("finished", len(names) - len(left))
            assert all(world.cluster.phones[name].lsc is not None for name in names)
            assert all(opens + DAY <= one.at < closes + DAY for one in axl.writes[written:])
            axl.assert_careful(names)
            assert watched.ctlctl("audit-log", "verify").code == 0


@pytest.mark.timeout(900)
def test_approvals_and_plans_that_do_not_hold(tmp_path: Path) -> None:
    rules = {"canary_sizes": "[4]", "canary_rest_minutes": "60"}
    with fast_lab(tmp_path / "lab", phones=40, speed=40, **rules) as lab, rolling(lab) as watched:
        file = tmp_path / "plan.json"
        # A selector that means nobody, or nobody that can be had.
        done = watched.ctlctl("plan", "lsc", "install", "lab", "--name", "SEPFFFF*", "--out", str(file))
        assert done.code in {2, 4}
        done = watched.ctlctl("plan", "lsc", "delete", "lab", "--all", "--out", str(file))
        assert done.code == 4, done.out
        assert "40 without LSC" in done.out
        assert not file.exists()
        # Phones that are not any more what was approved: too many, and it does not start.
        sha256 = planned(watched, file, *SECURE)
        names, phones = plan_names(file), lab.world.cluster.phones
        before = {name: phones[name].pkid for name in names[:4]}
        for number, name in enumerate(before):
            phones[name].pkid = f"00000000-0000-0000-0000-00000000000{number}"
        watched.refresh()
        done = watched.ctlctl("rollout", "start", sha256, "--confirm", sha256[:12])
        assert done.code == 4
        assert "not any more what plan" in done.err
        for name, pkid in before.items():
            phones[name].pkid = pkid
        watched.refresh()
        started(watched, sha256)
        # One rollout a cluster.
        second = planned(
            watched,
            tmp_path / "second.json",
            "install",
            "lab",
            "--security-mode",
            "Non*",
            "--accept",
            "null-string",
        )
        done = watched.ctlctl("rollout", "start", second, "--confirm", second[:12])
        assert done.code == 4
        assert "one at a time" in done.err
        # An approval that gets too old while the rollout waits.
        waited(watched, 60, lambda told: told["hold"] == "baking", "the canary is watched")
        lab.world.faults.clock_offset += 15 * DAY
        halted = until(watched, 30, "halted")
        assert halted["halt"] == "approval"
        assert "older than 14 days" in halted["words"]
        assert watched.ctlctl("rollout", "resume", "1").code == 0
        # It was resumed, and halted again: nobody talks an approval into holding.
        eventually(lambda: len(logged(watched, "rollout-halted")) > 1, "halted again")
        assert until(watched, 30, "halted")["halt"] == "approval"
        assert watched.ctlctl("rollout", "abort", "1").code == 0
        assert until(watched, 30, "aborted")["counts"]["done"] == 4
        done = watched.ctlctl("rollout", "start", second, "--confirm", second[:12])
        assert done.code == 4
        assert "approval" in done.err


def other_profile(lab: RunningLab, name: str) -> str:
    """Return a security profile that fits a phone and is not its own."""
    phone, profiles = lab.world.cluster.phones[name], lab.world.cluster.profiles.values()
    fit = (one for one in profiles if (one.phone_type, one.protocol) == (phone.model, phone.protocol))
    return next(one.name for one in fit if one.name != phone.profile)


@pytest.mark.timeout(900)
def test_phones_that_change_underneath_are_left_alone(tmp_path: Path) -> None:
    rules = {"canary_sizes": "[]", "drift_percent": "20", "in_flight": "4", "batch_size": "200", "retries": "0"}
    with fast_lab(tmp_path / "lab", phones=60, speed=60, **rules) as lab:
        axl, phones = AxlWatch(lab), lab.world.cluster.phones
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            names = plan_names(tmp_path / "plan.json")
            profile, gone, operation, device = names[-4:]
            started(watched, sha256)
            phones[profile].profile = other_profile(lab, profile)
            del phones[gone]
            lab.world.order_capf(operation, INSTALL, "2030:01:01:00:00")
            phones[device].pkid = "00000000-0000-0000-0000-000000000001"
            end = until(watched, 90, "finished", "halted")
            assert end["mode"] == "finished", end
            assert people(end) == {
                profile: ("drifted", "other-profile"),
                # Who is not in AXL is not in RIS either: gone, whoever is asked first.
                gone: ("drifted", "gone"),
                operation: ("drifted", "other-operation"),
                device: ("drifted", "other-device"),
            }
            assert end["counts"]["done"] == len(names) - 4
            axl.assert_careful(names[:-4])
            assert phones[operation].capf.finish_time == "2030:01:01:00:00"
            # Too many of them: it halts before it has touched the others.
            lab.world.order_capf(operation, "No Pending Operation")
            watched.refresh()
            second = planned(
                watched,
                tmp_path / "second.json",
                "install",
                "lab",
                "--security-mode",
                "Non Secure",
                "--accept",
                "null-string",
            )
            rest = plan_names(tmp_path / "second.json")
            assert len(rest) > 8
            # The cluster answers nobody before all of them are changed.
            with lab.world.cluster.lock:
                started(watched, second)
                for name in rest:
                    phones[name].profile = other_profile(lab, name)
            halted = until_of(watched, second, 60, "halted", "finished")
            assert halted["halt"] in {"too-many-changed", "approval"}, halted
            assert halted["counts"]["drifted"] > 1
            assert not {one.name for one in axl.writes} & set(rest)
            assert watched.ctlctl("audit-log", "verify").code == 0


def until_of(watched: Watched, plan: str, seconds: float, *modes: str) -> dict[str, Any]:
    end = time.monotonic() + seconds * SLACK
    while (found := status(watched, plan))["mode"] not in modes:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


@pytest.mark.timeout(900)
def test_a_stale_ctl_and_lost_registrations_stop_it(tmp_path: Path) -> None:
    rules = {
        "canary_sizes": "[4]",
        # Ended by the clock, once it is known what was done to the cluster.
        "canary_rest_minutes": "60",
        "batch_size": "12",
        "in_flight": "4",
        "halt_unregistered_percent": "10",
    }
    with fast_lab(tmp_path / "lab", phones=60, speed=60, **rules) as lab:
        axl, world = AxlWatch(lab), lab.world
        with rolling(lab) as watched:
            started(watched, planned(watched, tmp_path / "plan.json", *SECURE))
            names = plan_names(tmp_path / "plan.json")
            waited(watched, 60, lambda told: told["hold"] == "baking", "the canary is watched")
            world.renew(CALLMANAGER)
            watched.refresh()
            world.faults.clock_offset += HOUR
            halted = until(watched, 60, "halted", "finished")
            assert halted["halt"] == "preflight"
            assert "stale-ctl" in halted["words"]
            assert still(watched, axl)["counts"]["done"] == 4
            world.update_ctl()
            watched.refresh()
            resumed(watched)
            # In the middle of a batch phones disappear that the rollout has nothing to do with.
            waited(watched, 60, lambda told: told["counts"].get("done", 0) >= 6, "a batch")
            lost = [name for name in world.cluster.phones if name not in names][:12]
            for name in lost:
                world.switch_off(name)
            give_up = time.monotonic() + 60 * SLACK
            while (halted := status(watched))["mode"] not in {"halted", "finished"}:
                # A count is good for some minutes of the lab's, which are moments here.
                watched.ctlctl("cluster", "refresh", "lab", "--source", "ris")
                assert time.monotonic() < give_up, halted
                time.sleep(0.3)
            assert halted["halt"] == "registered-dropped", halted
            waited(watched, 60, lambda told: not at_work(told) - told["counts"]["planned"], "what was under way ends")
            still(watched, axl)
            for name in lost:
                world.switch_on(name)
            eventually(lambda: world.counts() == {"Registered": 60}, "all registered")
            watched.refresh()
            assert status(watched)["registered"] == 60
            resumed(watched)
            end = until(watched, 90, "finished", "halted")
            assert_all_done(end, names)
            axl.assert_careful(names)


@pytest.mark.timeout(900)
def test_an_account_for_changes_that_does_not_work_is_tried_once(tmp_path: Path) -> None:
    with fast_lab(tmp_path / "lab", phones=16, speed=60, canary_sizes="[]", in_flight="3") as lab:
        axl, accounts = AxlWatch(lab), lab.world.cluster.accounts
        password = lab.settings.parent / "secrets" / "axl-writer.password"
        right = accounts[WRITER]
        with rolling(lab) as watched:
            sha256 = planned(watched, tmp_path / "plan.json", *SECURE)
            names = plan_names(tmp_path / "plan.json")
            accounts[WRITER] = Account("another", right.roles)
            started(watched, sha256)
            held = waited(watched, 40, lambda told: told["hold"] == "axl-away", "AXL takes no writes")
            # It has tried again, for three lab minutes, and the wrong password was sent once.
            waited(watched, 40, lambda told: "was refused" in told["trouble"], "it says that it was refused before")
            time.sleep(3)
            assert len(axl.logins[WRITER]) == 1
            assert held["mode"] == "running"
            password.write_text("another\n")
            waited(watched, 40, lambda told: told["counts"].get("done", 0) >= 1, "it goes on with the new password")
            # The account loses its right to write: nothing is written, and nothing is lost.
            accounts[WRITER] = Account("another", accounts["ctlctl-reader"].roles)
            waited(watched, 40, lambda told: told["hold"] == "axl-away", "AXL takes no writes")
            done = len(axl.of("arm", "reset", "cancel"))
            time.sleep(1.5)
            assert len(axl.of("arm", "reset", "cancel")) == done
            accounts[WRITER] = Account("another", right.roles)
            waited(watched, 40, lambda told: told["hold"] != "axl-away", "AXL takes writes again")
            # Settings without an account for changes: it waits until they have one again.
            text = lab.settings.read_text()
            start = text.index("[clusters.lab.writer]")
            lab.settings.write_text(text[:start] + text[text.index("[clusters.lab.platform]") :])
            assert watched.daemon.reload()
            waited(watched, 40, lambda told: told["live"] and "no account for changes" in told["trouble"], "it waits")
            still(watched, axl)
            lab.settings.write_text(text)
            assert watched.daemon.reload()
            end = until(watched, 60, "finished", "halted")
            assert_all_done(end, names)
            axl.assert_careful(names)


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A file system of 24 megabytes."""
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)


@pytest.mark.timeout(900)
def test_a_disk_that_is_full_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept is not done; when there is room again it goes on, and its log is whole."""
    monkeypatch.setattr("ctlctl.service.rolloutlife._STORE_SECONDS", 0.2)
    with fast_lab(tmp_path / "lab", phones=24, speed=60, canary_sizes="[]", in_flight="4") as lab:
        axl, disk = AxlWatch(lab), lab.settings.parent / "ctld"
        with small_disk(disk), rolling(lab) as watched:
            started(watched, planned(watched, tmp_path / "plan.json", *SECURE))
            names = plan_names(tmp_path / "plan.json")
            waited(watched, 40, lambda told: told["counts"].get("done", 0) >= 2, "phones are done")
            # No room in the log of the database from before: it begins anew, with nothing.
            with closing(sqlite3.connect(disk / "ctld.db", timeout=30)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with eventually_still(watched, axl, disk / "ballast"):
                stopped = len(axl.writes)
            end = until(watched, 60, "finished", "halted")
            assert_all_done(end, names)
            assert len(axl.writes) > stopped
            axl.assert_careful(names)
            assert watched.ctlctl("audit-log", "verify").code == 0
            assert {row["detail"]["phone"] for row in logged(watched, "rollout-reset")} == set(names)


@contextmanager
def eventually_still(watched: Watched, axl: AxlWatch, ballast: Path) -> Iterator[None]:
    """Fill the disk until nothing is written to the cluster any more; make room at the end."""
    fill(ballast)
    try:
        quiet_since, count = time.monotonic(), len(axl.writes)
        end = time.monotonic() + 30
        while time.monotonic() < quiet_since + 2:
            assert time.monotonic() < end, "it goes on without a disk"
            time.sleep(0.1)
            if len(axl.writes) != count:
                quiet_since, count = time.monotonic(), len(axl.writes)
        assert status(watched)["mode"] == "running"
        yield
    finally:
        ballast.unlink()
