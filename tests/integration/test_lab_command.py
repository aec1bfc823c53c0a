"""`ctlctl lab` as an operator runs it: a program of its own, told and stopped from outside."""

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.control import ask_lab
from ctlctl_lab.dirs import LabError
from ctlctl_lab.scenarios import SCENARIOS
from support.command import ctlctl
from support.runninglab import own_network


@contextmanager
def lab_up(directory: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `ctlctl lab up`; give the process and what it said up to "ready"."""
    node, phone = own_network()
    own = ("--address", node, "--phones-address", phone, "--phones-port", "0", "--phones", "30")
    command = [sys.executable, "-m", "ctlctl", "lab", "up", "--dir", str(directory), *own, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("ready"):
                    break
            yield process, lines
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def settings_of(directory: Path) -> str:
    return (directory / "ctld.toml").read_text()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # A long name: the path of a Unix socket would not fit into the kernel's 107 bytes.
    path = tmp_path_factory.mktemp("lab") / ("deep" * 30)
    with lab_up(path) as (_, lines):
        assert lines[-1].startswith("ready")
        patient(path)
        yield path


def patient(directory: Path) -> None:
    """Take a lab that stands still for a moment for no silent one."""
    table, settings = "[clusters.lab.phones]", directory / "ctld.toml"
    settings.write_text(settings_of(directory).replace(table, f"{table}\nprobe_timeout_seconds = 60"))


def lab(directory: Path, *words: str, code: int = 0) -> str:
    done = ctlctl("lab", *words, "--dir", directory)
    assert done.code == code, done.err
    return done.out if code == 0 else done.err


def doctor(directory: Path) -> tuple[int, str]:
    done = ctlctl("--config", directory / "ctld.toml", "cluster", "doctor", "lab")
    return done.code, done.out + done.err


def test_up_says_where_everything_is_and_stops_cleanly(tmp_path: Path) -> None:
    with lab_up(tmp_path / "lab", "--nodes", "2") as (process, lines):
        assert lines[0].startswith("lab  CUCM 14.0.1")
        assert any("lab-sub1" in line and "tomcat 8443" in line for line in lines)
        assert any(str(tmp_path / "lab" / "ctld.toml") in line for line in lines)
        assert lines[-1].startswith("ready after ")
        patient(tmp_path / "lab")
        code, shown = doctor(tmp_path / "lab")
        assert code == 0, shown
        assert "everything that is configured works" in shown
    assert process.returncode == 0
    assert process.stderr is not None


def test_files_of_a_lab_are_its_owner_s_alone(directory: Path) -> None:
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_a_lab_starts_again_with_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    node, phone = own_network()
    own = ("--address", node, "--phones-address", phone)
    texts = []
    for _ in range(2):
        with lab_up(path, *own) as (_, lines):
            assert lines[-1].startswith("ready")
            texts.append(
                [
                    line
                    for line in settings_of(path).splitlines()
                    if not line.startswith(("https_port", "http_port", "listen"))
                ]
            )
    assert texts[0] == texts[1]
    assert not (path / "lab.sock").exists()


def test_a_killed_lab_leaves_a_directory_that_starts(tmp_path: Path) -> None:
    path = tmp_path / "lab"
    with lab_up(path) as (process, _):
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert (path / "lab.sock").exists()
        assert "no lab runs in" in lab(path, "status", code=3)
    waiting = [sys.executable, "-m", "ctlctl", "lab", "status", "--wait", "--dir", str(path)]
    with subprocess.Popen(waiting, stdout=subprocess.PIPE, text=True) as waiter, lab_up(path) as (_, lines):
        assert lines[-1].startswith("ready")
        assert "healthy" in lab(path, "status")
        assert "healthy" in waiter.communicate(timeout=90)[0]
        assert waiter.returncode == 0


def test_two_labs_do_not_share_a_directory(directory: Path) -> None:
    done = ctlctl("lab", "up", "--dir", directory)
    assert done.code == 3
    assert "a lab runs in" in done.err


def test_two_labs_do_not_share_addresses(directory: Path, tmp_path: Path) -> None:
    text = settings_of(directory)
    host = text.split('host = "')[1].split('"')[0]
    done = ctlctl("lab", "up", "--dir", tmp_path / "other", "--address", host, "--phones-port", "0")
    assert done.code == 3
    assert "cannot be had: Address already in use" in done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--phones", "0"), 2),
        (("--phones", "40001"), 2),
        (("--nodes", "13"), 2),
        (("--speed", "0"), 2),
        (("--scenario", "nothing"), 3),
        (("--address", "10.0.0.1"), 3),
        (("--address", "nonsense"), 3),
        (("--phones-address", "192.0.2.1"), 3),
        (("--cucm", "x"), 3),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    done = ctlctl("lab", "up", "--dir", tmp_path / "lab", *words)
    assert done.code == code
    assert done.err
    assert not (tmp_path / "lab" / "ctld.toml").exists()


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ctlctl("lab", "up", "--dir", tmp_path / "file" / "lab")
    assert done.code == 3
    assert "cannot be the lab's directory" in done.err


class TestTelling:
    def test_scenarios_are_listed_without_a_lab(self) -> None:
        listed = ctlctl("lab", "scenario", "list").out
        assert [line.split()[0] for line in listed.splitlines()] == list(SCENARIOS)

    @pytest.mark.parametrize("name", sorted(SCENARIOS))
    def test_each_scenario_is_applied_and_shown(self, directory: Path, name: str) -> None:
        assert lab(directory, "scenario", "apply", name).startswith(f"{name}: ")
        assert f"scenario {name}\n" in lab(directory, "status")
        code, shown = doctor(directory)
        fails = {
            "stale-ctl": "the CTL does not have this certificate",
            "anchors-together": "the CTL does not have this certificate",
            "throttled": "Maximum AXL Memory Allocation Consumed",
            "node-down": "refused",
            "tvs-missing": "knows 0 of 3 CallManager certificates in use, not that of lab-pub",
        }
        assert (code == 1) is (name in fails), shown
        assert fails.get(name, "everything that is configured works") in re.sub(r"\s+", " ", shown)
        lab(directory, "scenario", "apply", "healthy")

    def test_faults(self, directory: Path) -> None:
        assert "tftp-loss is 0.2" in lab(directory, "fault", "set", "tftp-loss", "0.2")
        assert "fault tftp-loss  0.2" in lab(directory, "status")
        assert "lab-pub:sip=tomcat" in lab(directory, "fault", "set", "swapped", "lab-pub:sip=tomcat")
        code, shown = doctor(directory)
        assert code == 1, shown
        listed = lab(directory, "fault", "list")
        assert "tftp-loss SHARE\t0.2\t" in listed
        assert "half COUNT\toff\t" in listed
        assert "tftp-loss is off" in lab(directory, "fault", "clear", "tftp-loss")
        assert "every fault is off" in lab(directory, "fault", "clear")
        assert "fault" not in lab(directory, "status")

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("scenario", "apply", "nothing"), "no scenario 'nothing'; there are: healthy"),
            (("fault", "set", "nothing", "1"), "no fault 'nothing'"),
            (("fault", "clear", "nothing"), "no fault 'nothing'"),
            (("fault", "set", "half", "x"), "a whole number"),
            (("fault", "set", "tftp-loss", "2"), "a number from 0 to 1"),
            (("fault", "set", "tftp-loss", "nan"), "a number from 0 to 1"),
            (("fault", "set", "slow", "x"), "a number from 0 to 600"),
            (("fault", "set", "tftp-stall", "nobody"), "no node 'nobody'"),
            (("fault", "set", "swapped", "lab-pub:sip=x"), "NODE:PORT=UNIT"),
            (("fault", "set", "swapped", "lab-pub:http=TVS"), "presents no certificate"),
            (("fault", "set", "refused", "lab-pub"), "NODE:PORT is wanted"),
            (("fault", "set", "capf-failure", "x=y"), "PHONE=STATUS"),
            (("fault", "set", "capf-poison", "9999=y"), "FAMILY=STATUS"),
            (("fault", "set", "capf-poison", "88xx"), "FAMILY=STATUS"),
            (("fault", "set", "capf-half", "lab-pub=x"), "NODE=MESSAGE"),
            (("fault", "set", "capf-user-name", "x"), "{user}"),
            (("fault", "set", "phones-slow", "0.5"), "a number from 1 to 1000"),
            (("fault", "set", "phones-offline", "2"), "a number from 0 to 1"),
            (("reset", "SEP0"), "no phone 'SEP0'"),
            (("erase-lists", "SEP0"), "no phone 'SEP0'"),
            (("renew", "nothing"), "no certificate 'nothing'"),
            (("renew", "CAPF", "--node", "nobody"), "no certificate 'CAPF' on nobody"),
            (("node", "nobody", "down"), "no node 'nobody'"),
        ],
    )
    def test_what_a_lab_refuses(self, directory: Path, words: tuple[str, ...], error: str) -> None:
        assert error in lab(directory, *words, code=3)

    def test_an_operator_s_day(self, directory: Path) -> None:
        lab(directory, "scenario", "apply", "healthy")
        assert "renewed on every node" in lab(directory, "renew", "CallManager")
        assert "written anew" in lab(directory, "update-ctl")
        assert "30 phones are resetting" in lab(directory, "reset", "all")
        assert "is down" in lab(directory, "node", "lab-sub2", "down")
        assert "lab-sub2" in lab(directory, "status")
        assert "is up" in lab(directory, "node", "lab-sub2", "up")
        phone = next(iter(phones_of(directory)))
        assert "resetting" in lab(directory, "erase-lists", phone)
        assert "resetting" in lab(directory, "reset", phone)
        lab(directory, "scenario", "apply", "healthy")

    def test_nonsense_on_the_socket(self, directory: Path) -> None:
        with pytest.raises(LabError, match="cannot 'nonsense'"):
            ask_lab(directory, "nonsense")


def phones_of(directory: Path) -> list[str]:
    """Return the names of the phones: the same seed gives the same ones."""
    del directory
    from hashlib import sha256  # noqa: PLC0415 - one use

    prefix = bytearray(sha256(f"mac-{WorldPlan().seed}".encode()).digest()[:3])
    prefix[0] = prefix[0] & 0xFC | 0x02
    return [f"SEP{prefix.hex().upper()}{0x1001:06X}"]


def test_a_lab_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctlctl.cli.lab.find_spec", lambda _: None)
    done = ctlctl("lab", "status")
    assert done.code == 3
    assert "pip install 'ctlctl[lab]'" in done.err
