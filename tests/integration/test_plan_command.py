"""`ctlctl plan` against a daemon that watches a lab, and against the snapshot that one left."""

import json
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctlctl.plan.document import read_plan
from ctlctl_capf.rollout.model import Operation
from ctlctl_config import load_settings
from support.command import Done, ctlctl
from support.watching import Watched, watched_lab

FIRST_LSCS = ("install", "lab", "--credential", "mic*,none")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_lab(tmp_path_factory.mktemp("planned") / "lab") as running:
        yield running


def names(watched: Watched, *filters: str) -> set[str]:
    rows = watched.ctlctl("phone", "list", "lab", *filters, "-o", "json").json["rows"]
    assert isinstance(rows, list)
    return {row["name"] for row in rows}


def with_rollout(watched: Watched, where: Path, lines: str) -> Path:
    """Write the lab's settings again with something about rollouts; paths in it stay those of the lab."""
    folder = watched.settings.parent
    text = watched.settings.read_text()
    for name in ("secrets/", "ctld/", "ctld.sock"):
        text = text.replace(f'"{name}', f'"{folder}/{name}')
    head = "[clusters.lab.rollout]"
    # Whoever is not root may approve because the lab names them there.
    where.write_text(text.replace(head, f"{head}\n{lines}") if head in text else f"{text}\n{head}\n{lines}\n")
    settings, own = load_settings(where), load_settings(watched.settings)
    assert settings.api.socket == own.api.socket
    return where


class TestMaking:
    def test_a_plan_is_saved_for_its_owner_alone_and_nothing_is_changed(self, watched: Watched, tmp_path: Path) -> None:
        out = tmp_path / "plan.json"
        phones = watched.lab.world.cluster.phones
        before = {name: (one.capf.operation, one.capf.status, one.epoch) for name, one in phones.items()}
        done = watched.ctlctl("plan", "lsc", *FIRST_LSCS, "--accept", "null-string", "--out", out)
        assert done.code == 0, done.err
        assert done.err == ""
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        sealed = read_plan(out.read_bytes())
        expected = names(watched, "--credential", "mic*,none")
        assert {one.phone.name for one in sealed.plan.phones} == expected
        assert all(one.phone.pkid for one in sealed.plan.phones)
        assert sealed.plan.operation is Operation.INSTALL
        assert done.out.startswith(
            f"Plan {sealed.id}  LSC installation · lab · {len(expected)} of {len(expected)} phones"
        )
        assert f"Nothing has been changed. Plan {sealed.id} is saved in {out}" in done.out
        assert done.out.endswith(f"Next: ctlctl --config {watched.settings} plan approve {out}\n")
        assert "accepted null-string" in done.out
        assert all(len(line) <= 80 for line in done.out.splitlines()[1:-2])
        after = {name: (one.capf.operation, one.capf.status, one.epoch) for name, one in phones.items()}
        assert after == before

    def test_a_plan_that_a_guard_refuses_is_not_saved(self, watched: Watched, tmp_path: Path) -> None:
        out = tmp_path / "plan.json"
        done = watched.ctlctl("plan", "lsc", *FIRST_LSCS, "--out", out)
        assert done.code == 4
        assert done.out.startswith("No plan")
        assert "refuse   null-string" in done.out
        assert "refused by null-string; nothing was saved and nothing has been changed" in done.err
        assert "--accept null-string" in done.err
        assert not out.exists()
        told = watched.ctlctl("plan", "lsc", *FIRST_LSCS, "--out", out, "-o", "json")
        assert (told.code, told.json["sha256"]) == (4, None)

    def test_the_lscs_of_secure_phones_stay_while_nobody_saw_their_mics(self, watched: Watched, tmp_path: Path) -> None:
        words = ("plan", "lsc", "delete", "lab", "--credential", "lsc*", "--out", tmp_path / "plan.json")
        done = watched.ctlctl(*words)
        assert done.code == 4
        assert "mic-standby" in done.err
        assert watched.ctlctl(*words, "--accept", "mic-standby").code == 0

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("troubleshoot", "lab"), 4, "all 40 phones of the cluster are meant"),
            (("troubleshoot", "lab", "--name", "NOBODY*", "--all"), 4, "not one of 40 phones is meant"),
            (("renew", "lab", "--credential", "lsc"), 4, "no phone is left"),
            (("install", "nowhere", "--all"), 2, "has no cluster 'nowhere'; it has: lab"),
            (("install", "lab", "--accept", "everything"), 2, "everything"),
            (("install", "lab", "--all", "--from-file", "/nonexistent"), 3, "/nonexistent: cannot be read"),
            (("troubleshoot", "lab", "--all", "--first", "NOBODY"), 2, "no phone of the plan has such a name"),
            (("troubleshoot", "lab", "--all", "--out", "/nonexistent/x"), 3, "/nonexistent/x: not written"),
        ],
    )
    def test_what_is_refused_and_how(self, watched: Watched, words: tuple[str, ...], code: int, said: str) -> None:
        done = watched.ctlctl("plan", "lsc", *words)
        assert (done.code, said in done.err) == (code, True), done.err

    def test_a_file_that_is_there_stays_unless_asked(self, watched: Watched, tmp_path: Path) -> None:
        out = tmp_path / "plan.json"
        out.write_text("mine")
        words = ("plan", "lsc", "troubleshoot", "lab", "--all", "--out", out)
        done = watched.ctlctl(*words)
        assert (done.code, out.read_text()) == (3, "mine")
        assert "--force replaces it" in done.err
        assert watched.ctlctl(*words, "--force").code == 0
        read_plan(out.read_bytes())

    def test_names_from_a_file(self, watched: Watched, tmp_path: Path) -> None:
        some = sorted(names(watched))[:3]
        listed, out = tmp_path / "names.txt", tmp_path / "plan.json"
        listed.write_text(f"# of the second floor\n{some[0].lower()}  # the lobby\n{some[1]}\n\n{some[2]}\nSEPGONE\n")
        words = ("plan", "lsc", "troubleshoot", "lab", "--from-file", listed, "--out", out, "--first", some[2])
        assert watched.ctlctl(*words).code == 0
        plan = read_plan(out.read_bytes()).plan
        assert {one.phone.name for one in plan.phones} == set(some)
        assert [one.phone.name for one in plan.phones if one.phone.first] == [some[2]]
        assert [(one.name, one.code.value) for one in plan.left_out] == [("SEPGONE", "not-in-cluster")]
        listed.write_text("two words\n")
        done = watched.ctlctl(*words)
        assert (done.code, "line 1: is no device name" in done.err) == (3, True)

    def test_the_do_not_touch_list(self, watched: Watched, tmp_path: Path) -> None:
        spared = min(names(watched))
        settings = with_rollout(watched, tmp_path / "ctld.toml", 'do_not_touch = "spare.txt"\ncanary_sizes = [2]')
        out = tmp_path / "plan.json"
        words = ("--config", settings, "plan", "lsc", "troubleshoot", "lab", "--all", "--out", out)
        done = ctlctl(*words)
        assert (done.code, "spare.txt: cannot be read" in done.err) == (3, True)
        (tmp_path / "spare.txt").write_text(spared)
        done = ctlctl(*words)
        assert done.code == 0, done.err
        assert "1 on the do-not-touch list" in done.out
        assert "2 → batches of 250" in done.out
        assert spared not in {one.phone.name for one in read_plan(out.read_bytes()).plan.phones}

    def test_a_renewal_of_lscs_that_are_not_due(self, watched: Watched, tmp_path: Path) -> None:
        out = tmp_path / "plan.json"
        done = watched.ctlctl("plan", "lsc", "renew", "lab", "--credential", "lsc", "--due-or-not", "--out", out)
        assert done.code == 0, done.err
        plan = read_plan(out.read_bytes()).plan
        assert {one.phone.name for one in plan.phones} == names(watched, "--credential", "lsc")
        assert {one.credential for one in plan.phones} == {"lsc"}


class TestShowing:
    @pytest.fixture
    def out(self, watched: Watched, tmp_path: Path) -> Path:
        out = tmp_path / "plan.json"
        assert watched.ctlctl("plan", "lsc", "troubleshoot", "lab", "--all", "--out", out).code == 0
        return out

    def test_a_plan_needs_neither_daemon_nor_settings_to_be_shown(self, out: Path) -> None:
        done = ctlctl("--config", "/nonexistent", "plan", "show", out)
        sealed = read_plan(out.read_bytes())
        assert done.code == 0, done.err
        assert done.out.startswith(f"Plan {sealed.id}  troubleshooting by CAPF · lab · 40 of 40 phones in the cluster")
        assert sealed.sha256 in done.out
        assert "from a running ctld" in done.out
        assert "approve" not in done.out
        told = ctlctl("plan", "show", out, "-o", "json").json
        assert told["sha256"] == sealed.sha256
        assert told == json.loads(out.read_bytes())

    def test_an_edited_plan_is_refused_with_both_hashes(self, out: Path) -> None:
        sealed = read_plan(out.read_bytes())
        out.write_bytes(sealed.data.replace(b'"in_flight":64', b'"in_flight":99'))
        done = ctlctl("plan", "show", out)
        assert (done.code, done.out) == (4, "")
        assert sealed.sha256 in done.err
        assert "was edited" in done.err

    @pytest.mark.parametrize("junk", [b"", b"{}", b"\x00\xff", b"[1]"])
    def test_junk_is_no_plan(self, out: Path, junk: bytes) -> None:
        out.write_bytes(junk)
        assert ctlctl("plan", "show", out).code == 4

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        assert ctlctl("plan", "show", tmp_path / "none").code == 3
        assert ctlctl("plan", "show", tmp_path).code == 3


@dataclass
class Left:
    """What a daemon left that is gone."""

    settings: Path
    snapshot: Path

    def plan(self, *words: object) -> Done:
        return ctlctl("--config", self.settings, "plan", "lsc", *words)


class TestSnapshot:
    @pytest.fixture
    def left(self, watched: Watched, tmp_path: Path) -> Left:
        settings = with_rollout(watched, tmp_path / "ctld.toml", "facts_max_minutes = 60")
        snapshot = tmp_path / "snapshot"
        # What the daemon is writing at this moment has a name that nobody reads.
        shutil.copytree(load_settings(settings).api.snapshot, snapshot, ignore=shutil.ignore_patterns(".*.new"))
        text = settings.read_text()
        assert "[api]" in text
        own = f'[api]\nsocket = "{tmp_path}/none.sock"\nsnapshot = "{snapshot}"\n'
        begin = text.index("[api]")
        end = text.index("\n[", begin)
        settings.write_text(text[:begin] + own + text[end:])
        return Left(settings, snapshot)

    def test_a_plan_of_a_snapshot_says_so_with_ages(self, left: Left, tmp_path: Path) -> None:
        out = tmp_path / "plan.json"
        done = left.plan("troubleshoot", "lab", "--all", "--out", out)
        assert done.code == 0, done.err
        assert "From the snapshot that it left" in done.err
        assert "from the snapshot, because ctld" in " ".join(done.out.split())
        assert not read_plan(out.read_bytes()).plan.known.live

    def test_a_snapshot_that_is_too_old_makes_no_plan(self, left: Left, tmp_path: Path) -> None:
        path = left.snapshot / "lab.json"
        document = json.loads(path.read_bytes())
        document["sources"]["ris"]["last_success"] -= 3700
        path.write_text(json.dumps(document))
        done = left.plan("troubleshoot", "lab", "--all", "--out", tmp_path / "plan.json")
        assert done.code == 3
        assert re.search(r"registrations are as RIS had them 6\d min ago", done.err), done.err
        assert "start ctld" in done.err
        assert not (tmp_path / "plan.json").exists()
