"""Bad days: refused, unreachable, somebody else's certificate, a clock that jumps, kills at any point."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.inventory.words import Source
from ctlctl.service.daemon import Daemon
from ctlctl.service.jobs import Jobs
from ctlctl.store.store import Store
from ctlctl_config import load_settings
from ctlctl_lab.build import READER
from ctlctl_lab.lockout import Logins
from ctlctl_lab.model import Account, PlatformAccount
from ctlctl_lab.run import RunningLab
from ctlctl_lab.world import World
from support.runninglab import small_lab
from support.watching import Watched, eventually, watching

DAY = 86_400
#: `make soak` has 200.
KILLS = int(os.environ.get("CTLCTL_KILLS", "10"))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RunningLab]:
    with small_lab(tmp_path / "lab", phones=12, nodes=2) as running:
        yield running


def requests_sent(watched: Watched) -> float:
    lines = watched.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("ctld_axl_requests_total{"))


def phones_known(watched: Watched) -> int:
    clusters = watched.ctlctl("status", "-o", "json").json["clusters"]
    assert isinstance(clusters, list)
    return int(clusters[0]["numbers"]["phones"])


def test_a_refused_password_is_not_tried_again_until_its_file_changes(lab: RunningLab) -> None:
    password = lab.settings.parent / "secrets" / "axl.password"
    accounts = lab.world.cluster.accounts
    with watching(lab) as watched:
        right = accounts[READER]
        accounts[READER] = Account("another", right.roles)
        watched.refresh()
        assert watched.findings()["credentials-refused axl"] == "critical"
        before = requests_sent(watched)
        for _ in range(5):
            watched.ctlctl("cluster", "refresh", "lab", "--source", "axl")
            watched.ctlctl("cluster", "refresh", "lab", "--source", "ris")
        # Each interface may have found out for itself, once.
        assert requests_sent(watched) - before <= 1
        assert phones_known(watched) == 12
        password.write_text("another\n")
        watched.refresh()
        assert watched.findings() == {}


def test_a_certificate_that_is_not_the_pinned_one_gets_no_password(lab: RunningLab) -> None:
    with watching(lab) as watched:
        lab.world.renew("tomcat")
        done = watched.ctlctl("cluster", "refresh", "lab", "--source", "axl")
        assert done.code == 3
        assert "not the pinned" in done.out
        found = watched.findings()
        assert found["identity-changed axl"] == "critical"
        new = lab.world.cluster.publisher.identities["tomcat"].pin
        text = watched.settings.read_text()
        pins = {node.name: node.identities["tomcat"].pin for node in lab.world.cluster.nodes.values()}
        lines = []
        name = ""
        for line in text.splitlines():
            if line.startswith("name = "):
                name = line.split('"')[1]
            if line.startswith("tls_pin"):
                line = f'tls_pin = "{pins.get(name, new)}"'  # noqa: PLW2901 - one line of the file
            lines.append(line)
        watched.settings.write_text("\n".join(lines) + "\n")
        assert watched.daemon.reload()
        watched.refresh()
        assert "identity-changed axl" not in watched.findings()


def test_a_refresh_is_not_ok_where_a_part_of_the_nodes_did_not_answer(lab: RunningLab) -> None:
    with watching(lab) as watched:
        lab.world.node_down("lab-sub1")
        eventually(lambda: watched.ctlctl("cluster", "refresh", "lab", "--source", "ris").code == 3, "a silent node")
        done = watched.ctlctl("cluster", "refresh", "lab")
        assert done.code == 3
        said = {line.split()[0]: line for line in done.out.splitlines() if not line.startswith(" ")}
        assert "FAIL  RIS on lab-sub1 did not answer" in said["ris"]
        assert said["axl"].split() == ["axl", "ok"]


def test_a_day_without_the_cluster(lab: RunningLab) -> None:
    """What was known stays, with its age; it is unknown, not well; and all is well when the cluster is back."""
    shift = 0.0
    daemon = Daemon(lab.settings, load_settings(lab.settings), now=lambda: time.time() + shift)
    watched = Watched(lab, daemon, daemon.start())
    try:
        eventually(lambda: watched.get("/readyz")[0] == 200, "ready")
        watched.refresh()
        assert watched.findings() == {}
        for name in lab.world.cluster.nodes:
            lab.world.cluster.nodes[name].up = False
        time.sleep(0.5)
        shift = 3600.0
        watched.refresh()
        assert watched.findings()["source-failing axl"] == "warning"
        shift = float(DAY)
        watched.refresh()
        found = watched.findings()
        # One cause, one finding.
        assert "source-stale axl" not in found
        assert found["source-failing axl"] == "unknown"
        assert found["list-unreadable lab-pub/ctl"] == "unknown"
        assert phones_known(watched) == 12
        assert "unreachable" in watched.ctlctl("status").out
        assert watched.ctlctl("check", "--format", "nagios").code == 3
        for name in lab.world.cluster.nodes:
            lab.world.node_up(name)
        eventually(lambda: watched.ctlctl("cluster", "refresh", "lab").code == 0, "everything answers")
        assert set(watched.findings().values()) <= {"info"}
    finally:
        daemon.stop()


def test_a_clock_that_jumps_starts_every_round_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule goes by the wall clock; set back by a day, it would otherwise ask nothing for a day."""
    hurried: list[str] = []
    shift = 0.0
    real = time.time
    beats: list[float] = []
    monkeypatch.setattr("ctlctl.service.jobs.time.time", lambda: real() + shift)
    jobs = Jobs(lambda: beats.append(1.0), 0.05, lambda: None, lambda: None, lambda: None)
    monkeypatch.setattr(jobs, "hurry", lambda name, _: hurried.append(name))
    monkeypatch.setattr(jobs, "_workers", {"lab": None})
    jobs.start()
    try:
        eventually(lambda: len(beats) > 2, "beats")
        assert hurried == []
        shift = -float(DAY)
        eventually(lambda: hurried == ["lab"], "rounds after a jump back")
        shift = 0.0
        eventually(lambda: hurried == ["lab", "lab"], "rounds after a jump forward")
    finally:
        assert jobs.stop(10)


@pytest.mark.timeout(120 + 10 * KILLS)
def test_killed_at_any_point_it_goes_on(lab: RunningLab) -> None:
    """Ten kills while it collects (CTLCTL_KILLS for more): the store is whole each time, and the end is the same."""
    chance = random.Random(20261123)  # noqa: S311 - a test that can be repeated
    settings = load_settings(lab.settings)
    command = [sys.executable, "-m", "ctlctl.service.main", "--config", str(lab.settings), "--log", "json"]
    for number in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                # Somewhere between the first import and the end of the first rounds, and some of them later.
                time.sleep(chance.uniform(0.3, 2.5))
                if number % 2:
                    lab.world.renew("CallManager")
                    lab.world.update_ctl()
            finally:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
        if settings.store.path.exists():
            with Store.open(settings.store.path) as store:
                assert store.integrity() == ()
                snapshot = store.snapshot("lab")
                axl = snapshot.sources.get(Source.AXL)
                assert len(snapshot.phones) == (12 if axl is not None and axl.last_success else 0)
    with watching(lab) as watched:
        assert phones_known(watched) == 12
        assert set(watched.findings().values()) <= {"info"}
        assert settings.store.path.stat().st_mode & 0o077 == 0


def test_a_wrong_platform_password_is_tried_once_on_one_node(lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab.settings.parent / "secrets" / "platform.password").write_text("wrong\n")
    refused: list[str] = []
    check = Logins.check

    def counted(logins: Logins, world: World, node: str, user: str, password: str) -> PlatformAccount | None:
        account = check(logins, world, node, user, password)
        if account is None:
            refused.append(node)
        return account

    monkeypatch.setattr(Logins, "check", counted)
    # The platform CLI and the certificate API begin at the same time, with one account; three wrong passwords lock it.
    with watching(lab) as watched:
        for _ in range(4):
            watched.refresh()
        assert refused == [lab.world.cluster.publisher.name]
        assert watched.findings()["credentials-refused platform"] == "critical"
