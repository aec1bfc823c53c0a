"""A password that a lab's cluster has refused reaches it once: over restarts, kills, and from `ctlctl` itself."""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ctlctl.service.server import Peer, QuestionError
from ctlctl.store.store import Store
from ctlctl_config import load_settings
from ctlctl_lab.build import PLATFORM_READER, READER, WRITER
from ctlctl_lab.lockout import Logins
from ctlctl_lab.model import Account, PlatformAccount
from ctlctl_lab.run import RunningLab
from ctlctl_lab.world import World
from support.command import ctlctl
from support.rollouts import AxlWatch, logged
from support.runninglab import small_lab
from support.watching import eventually, watching

#: Stands in no other text.
WRONG = "xyzzy-plugh-3fc1"
STARTS = 3


class Refused:
    """A lab with wrong passwords in its files, and every login with them that reaches it."""

    def __init__(self, lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab = lab
        self.axl = AxlWatch(lab)
        #: Node and account of each bad login to a platform, over SSH or the certificate API.
        self.platform: list[tuple[str, str]] = []
        check = Logins.check

        def counted(logins: Logins, world: World, node: str, user: str, password: str) -> PlatformAccount | None:
            account = check(logins, world, node, user, password)
            if account is None:
                self.platform.append((node, user))
            return account

        monkeypatch.setattr(Logins, "check", counted)
        self.right = {name: self.file(name).read_text() for name in ("axl", "platform", "axl-writer")}

    def file(self, name: str) -> Path:
        return self.lab.settings.parent / "secrets" / f"{name}.password"

    def write(self, name: str, password: str) -> None:
        """Write a password as systemd hands over a credential: into a file that was not there before."""
        fresh = self.file(name).with_suffix(".new")
        fresh.write_text(password)
        fresh.chmod(0o600)
        fresh.replace(self.file(name))

    def both_wrong(self) -> None:
        self.write("axl", WRONG)
        self.write("platform", WRONG)

    def both_right(self) -> None:
        for name in ("axl", "platform"):
            self.write(name, self.right[name])

    def counts(self) -> tuple[int, int]:
        """Count wrong logins of AXL's user, to whichever interface, and of the platform account."""
        return self.axl.logins.get(READER, []).count(WRONG), len(self.platform)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RunningLab]:
    with small_lab(tmp_path / "lab", phones=12, nodes=2) as running:
        yield running


@pytest.fixture
def refused(lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> Refused:
    return Refused(lab, monkeypatch)


def kept(lab: RunningLab) -> set[str]:
    """Return the accounts that the store knows as refused."""
    with closing(sqlite3.connect(load_settings(lab.settings).store.path)) as store:
        return {row[0] for row in store.execute("SELECT account FROM refusal")}


def everything_said(lab: RunningLab) -> str:
    """Return all that others than ctld may read: the snapshot's files, and what the commands print."""
    folder = load_settings(lab.settings).api.snapshot
    texts = [path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file()]
    for words in (("status", "--all"), ("cluster", "status", "lab", "-o", "json"), ("audit", "-o", "json")):
        done = ctlctl("--config", lab.settings, *words)
        texts += [done.out, done.err]
    return "\n".join(texts)


@pytest.mark.parametrize("known", [False, True], ids=["from the first start", "a cluster that is known"])
def test_one_login_reaches_the_cluster_whatever_restarts(lab: RunningLab, refused: Refused, known: bool) -> None:
    if known:
        # Phones are known then, so that RIS is asked in the first second, too.
        with watching(lab):
            pass
    refused.both_wrong()
    for _ in range(1 + STARTS if known else 2):
        with watching(lab) as watched:
            found = watched.findings()
            assert found["credentials-refused axl"] == "critical"
            assert found["credentials-refused platform"] == "critical"
            assert "credentials-refused control-center" not in found
            assert refused.counts() == (1, 1)
        # The same password in another file, as after each start by systemd.
        refused.both_wrong()
    refused.both_right()
    with watching(lab) as watched:
        assert set(watched.findings().values()) <= {"info"}
        assert refused.counts() == (1, 1)
    assert kept(lab) == set()


def test_a_password_that_changed_while_ctld_was_down_is_tried_at_the_start(lab: RunningLab, refused: Refused) -> None:
    refused.both_wrong()
    with watching(lab):
        pass
    assert kept(lab) == {"axl", "platform"}
    refused.both_right()
    with watching(lab) as watched:
        assert set(watched.findings().values()) <= {"info"}
    assert refused.counts() == (1, 1)


def test_kills_change_nothing(lab: RunningLab, refused: Refused) -> None:
    refused.both_wrong()
    command = [sys.executable, "-m", "ctlctl.service.main", "--config", str(lab.settings), "--log", "json"]
    for number in range(1 + STARTS):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                if number == 0:
                    eventually(lambda: refused.counts() == (1, 1), "both were refused")
                    eventually(lambda: kept(lab) == {"axl", "platform"}, "both are kept")
                else:
                    # Every source has had its turn.
                    eventually(
                        lambda: ctlctl("--config", lab.settings, "cluster", "refresh", "lab").err == "", "a whole round"
                    )
            finally:
                os.kill(process.pid, signal.SIGKILL)
                _, said = process.communicate()
        assert refused.counts() == (1, 1)
        assert WRONG.encode() not in said
    with Store.open(load_settings(lab.settings).store.path) as opened:
        assert opened.integrity() == ()
    refused.both_right()
    with watching(lab) as watched:
        assert set(watched.findings().values()) <= {"info"}


def test_somebody_may_have_them_tried_once_more(lab: RunningLab, refused: Refused) -> None:
    refused.both_wrong()
    with watching(lab) as watched:
        # Nobody else may.
        kim = Peer(12_345, "kim", frozenset({"ctlctl"}))
        with pytest.raises(QuestionError) as denied:
            watched.daemon._answer("refresh", {"cluster": "lab", "retry_credentials": "yes"}, kim)
        assert denied.value.kind == "denied"
        watched.refresh()
        assert refused.counts() == (1, 1)
        # One of them.
        done = watched.ctlctl("cluster", "refresh", "lab", "--source", "axl", "--retry-credentials", "-o", "json")
        assert (done.code, done.json["retried"]) == (3, ["axl"])
        assert refused.counts() == (2, 1)
        for _ in range(2):
            watched.refresh()
        assert refused.counts() == (2, 1)
    # What is right again in CUCM with the same password is nothing that ctld could find out.
    accounts, platform = lab.world.cluster.accounts, lab.world.cluster.platform_accounts
    accounts[READER] = Account(WRONG, accounts[READER].roles)
    platform[PLATFORM_READER] = PlatformAccount(WRONG, platform[PLATFORM_READER].level)
    with watching(lab) as watched:
        watched.refresh()
        assert refused.counts() == (2, 1)
        done = watched.ctlctl("cluster", "refresh", "lab", "--retry-credentials")
        assert done.code == 0, done.out
        assert "one more try of what was refused: axl, platform" in done.err
        assert set(watched.findings().values()) <= {"info"}
        assert kept(lab) == set()
        done = watched.ctlctl("cluster", "refresh", "lab", "--retry-credentials")
        assert "no account was refused" in done.err
        noted = [(row["event"], row["who"].split()[1], row["detail"]) for row in logged(watched)]
    assert noted == [
        ("credentials-retry-denied", "12345", {}),
        ("credentials-retry", str(os.getuid()), {"accounts": ["axl"]}),
        ("credentials-retry", str(os.getuid()), {"accounts": ["axl", "platform"]}),
    ]
    assert len(refused.platform) == 1


def test_commands_that_log_in_themselves_send_no_refused_password(lab: RunningLab, refused: Refused) -> None:
    def doctor() -> tuple[int, str]:
        done = ctlctl("--config", lab.settings, "cluster", "doctor", "lab")
        return done.code, " ".join(done.out.split())

    def verify() -> str:
        done = ctlctl("--config", lab.settings, "verify", "cluster:lab")
        return " ".join((done.out + done.err).split())

    refused.both_wrong()
    with watching(lab):
        for _ in range(2):
            code, said = doctor()
            assert code == 1
            assert f"nothing was sent: AXL refused user '{READER}'" in said
            assert f"refused user '{PLATFORM_READER}'" in said
            assert "--retry-credentials" in said
            assert "nothing was sent: AXL refused" in verify()
        assert refused.counts() == (1, 1)
    # Without ctld, by what it left.
    assert "its password file was not written since" in doctor()[1]
    assert "nothing was sent" in verify()
    assert refused.counts() == (1, 1)
    refused.both_right()
    for name in ("axl", "platform"):
        status = refused.file(name).stat()
        os.utime(refused.file(name), (status.st_atime, status.st_mtime + 60))
    assert doctor()[0] == 0
    with watching(lab):
        assert doctor()[0] == 0


def test_an_account_for_changes_is_remembered_and_told(lab: RunningLab, refused: Refused) -> None:
    words = (
        "capf",
        "profile",
        "update",
        "lab",
        "--user",
        "lab-recorder",
        "--instance",
        "jtapi-1",
        "--operation",
        "none",
    )
    refused.write("axl-writer", WRONG)
    for _ in range(2):
        with watching(lab) as watched:
            done = watched.ctlctl(*words, "--operation", "none")
            assert done.code == 3
            assert "refuse" in done.err
            watched.refresh()
            assert watched.findings() == {"credentials-refused writer": "critical"}
    assert refused.axl.logins[WRITER] == [WRONG]
    refused.write("axl-writer", refused.right["axl-writer"])
    with watching(lab) as watched:
        watched.refresh()
        assert watched.findings() == {}
        watched.ctlctl(*words, "--operation", "none")
    assert set(refused.axl.logins[WRITER]) == {WRONG, refused.right["axl-writer"].strip()}


def test_what_is_kept_tells_nobody_the_password(
    lab: RunningLab, refused: Refused, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused.both_wrong()
    copy = tmp_path / "copy.db"
    with watching(lab) as watched:
        done = watched.ctlctl("store", "backup", copy)
        assert done.code == 0, done.err
        said = everything_said(lab) + caplog.text
    with closing(sqlite3.connect(copy)) as store:
        rows = store.execute("SELECT account, method, salt, digest FROM refusal ORDER BY account").fetchall()
    assert [row[:2] for row in rows] == [("axl", "scrypt-15-8-3"), ("platform", "scrypt-15-8-3")]
    secrets = [WRONG]
    for _, _, salt, digest in rows:
        secrets += [
            salt.hex(),
            digest.hex(),
            repr(salt),
            repr(digest),
            salt.decode("latin-1"),
            digest.decode("latin-1"),
        ]
    assert [one for one in secrets if one in said] == []
    assert "account-refused" in caplog.text
    for file in (copy, load_settings(lab.settings).store.path):
        assert WRONG.encode() not in file.read_bytes()


def test_a_store_that_somebody_holds_when_an_account_is_refused(
    lab: RunningLab, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctlctl.store.store.Store.open.__func__.__kwdefaults__", {"migrate": True, "lock_timeout": 0.3})
    path = load_settings(lab.settings).store.path
    with watching(lab) as watched:
        refused.both_wrong()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(2):
                watched.refresh()
            assert refused.counts() == (1, 1)
            assert watched.get("/healthz")[0] == 200
            other.execute("ROLLBACK")
        assert kept(lab) == set()
    # What it could not write then, it wrote at its end at the latest.
    assert kept(lab) == {"axl", "platform"}
    with watching(lab) as watched:
        watched.refresh()
        assert refused.counts() == (1, 1)
        summary = json.loads(watched.ctlctl("finding", "list", "-o", "json").out)["rows"]
    (axl,) = (one for one in summary if (one["code"], one["subject"]) == ("credentials-refused", "axl"))
    assert "after a restart neither" in axl["so_what"]
    assert any("--retry-credentials" in one for one in axl["do"])
