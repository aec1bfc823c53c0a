"""Changing CAPF profiles of users through ctld, on a lab, and the record of it."""

import getpass
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.service.acting import may_write
from ctlctl.service.server import Peer
from support.command import ctlctl
from support.watching import Watched, eventually, watched_lab


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched_lab(tmp_path_factory.mktemp("acting") / "lab") as running:
        yield running


def create(watched: Watched, instance: str, string: Path, *more: str) -> tuple[int, str, str]:
    words = ("capf", "profile", "create", "lab", "--user", "lab-recorder", "--instance", instance)
    string_words = ("--mode", "string", "--auth-string-file", str(string))
    done = watched.ctlctl(*words, "--operation", "install", *string_words, *more)
    return done.code, done.out, done.err


def rows_of(answer: dict[str, object]) -> list[dict[str, dict[str, str]]]:
    rows = answer["rows"]
    assert isinstance(rows, list)
    return rows


def test_no_string_is_left_behind_where_nobody_was_asked(tmp_path: Path) -> None:
    axl = f'host = "10.1.1.10"\nusername = "u"\npassword_file = "p"\ntls_pin = "{":".join(["AB"] * 32)}"\n'
    cluster = f'[clusters.lab]\ntimezone = "Europe/Berlin"\n[clusters.lab.axl]\n{axl}'
    (tmp_path / "ctld.toml").write_text(f'[api]\nsocket = "s.sock"\n{cluster}')
    string = tmp_path / "string"
    words = (
        "--user",
        "u",
        "--instance",
        "i",
        "--operation",
        "install",
        "--mode",
        "string",
        "--auth-string-file",
        string,
    )
    done = ctlctl("--config", tmp_path / "ctld.toml", "capf", "profile", "create", "lab", *words)
    assert (done.code, "ctld does not run" in done.err) == (3, True)
    assert not string.exists()


def test_a_profile_is_created_changed_and_removed_and_every_step_is_recorded(watched: Watched, tmp_path: Path) -> None:
    string = tmp_path / "deep" / "string"
    code, out, err = create(watched, "it-1", string, "--hours", "24", "--key-size", "3072")
    assert (code, err) == (0, "")
    assert stat.S_IMODE(string.stat().st_mode) == 0o600
    digits = string.read_text().strip()
    assert digits.isdecimal()
    assert len(digits) == 10
    assert digits not in out
    assert "Operation Pending" in out
    assert "3072" in out
    profiles = watched.lab.world.cluster.application_user_profiles
    made = profiles["it-1"]
    assert (made.user, made.capf.authentication_string) == ("lab-recorder", digits)

    # What was changed is asked for at once.
    eventually(lambda: "it-1" in watched.ctlctl("capf", "profile", "list", "lab").out, "the new profile is listed")

    done = watched.ctlctl(
        *("capf", "profile", "update", "lab", "--user", "LAB-recorder", "--instance", "it-1", "--operation", "none")
    )
    assert done.code == 0, done.err
    done = watched.ctlctl(
        "capf", "profile", "remove", "lab", "--user", "lab-recorder", "--instance", "it-1", "-o", "json"
    )
    assert done.code == 0, done.err
    assert "it-1" not in profiles

    log = watched.ctlctl("audit", "lab", "-o", "json")
    assert digits not in log.out
    mine = [row for row in json.loads(log.out)["rows"] if row["detail"].get("instance_id") == "it-1"]
    assert [(row["event"], row["detail"].get("result")) for row in mine] == [
        ("capf-profile-create-begins", None),
        ("capf-profile-create", "done"),
        ("capf-profile-update-begins", None),
        ("capf-profile-update", "done"),
        ("capf-profile-remove-begins", None),
        ("capf-profile-remove", "done"),
    ]
    assert {row["who"] for row in mine} == {f"uid {os.getuid()} ({getpass.getuser()})"}
    assert mine[1]["detail"]["read_back"]["key_size"] == "3072"


def test_what_is_there_already_is_refused_and_no_string_stays_behind(watched: Watched, tmp_path: Path) -> None:
    code, out, err = create(watched, "jtapi-1", tmp_path / "string")
    assert (code, out) == (4, "")
    assert "already" in err
    assert not (tmp_path / "string").exists()


def test_a_file_that_is_there_is_never_overwritten(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "string").write_text("mine")
    code, _, err = create(watched, "it-2", tmp_path / "string")
    assert code == 2
    assert "there is a file already" in err
    assert (tmp_path / "string").read_text() == "mine"
    assert "it-2" not in watched.lab.world.cluster.application_user_profiles


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("update", "lab", "--user", "lab-recorder", "--instance", "nothing", "--operation", "none"), 3, "no profile"),
        (("remove", "lab", "--end-user", "nobody", "--instance", "jtapi-1"), 3, "no profile"),
        (("remove", "nowhere", "--end-user", "nobody", "--instance", "jtapi-1"), 2, "no cluster 'nowhere'"),
        (("remove", "lab", "--instance", "jtapi-1"), 2, "name one user"),
        (("create", "lab", "--user", "u", "--instance", "i", "--operation", "install", "--mode", "string"), 2, "needs"),
        (("create", "lab", "--user", "lab-recorder", "--instance", "i", "--hours", "100000"), 2, "hours"),
    ],
)
def test_what_cannot_be_done(watched: Watched, words: tuple[str, ...], code: int, said: str) -> None:
    before = len(json.loads(watched.ctlctl("audit", "-o", "json").out)["rows"])
    done = watched.ctlctl("capf", "profile", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(json.loads(watched.ctlctl("audit", "-o", "json").out)["rows"]) == before


def test_the_log_is_checked_from_the_daemon_and_from_a_file(watched: Watched, tmp_path: Path) -> None:
    create(watched, "it-3", tmp_path / "string")
    done = watched.ctlctl("audit-log", "verify")
    assert done.code == 0, done.out
    head = done.out.split("newest ")[1].split()[0]
    assert watched.ctlctl("audit-log", "verify", "--head", head).code == 0
    bundle = tmp_path / "bundle"
    bundle.write_text(watched.ctlctl("audit", "-o", "lines").out)
    assert ctlctl("audit-log", "verify", str(bundle), "--head", head).code == 0
    cut = bundle.read_text().splitlines()[:-1]
    (tmp_path / "cut").write_text("\n".join(cut) + "\n")
    assert ctlctl("audit-log", "verify", str(tmp_path / "cut")).code == 0
    assert ctlctl("audit-log", "verify", str(tmp_path / "cut"), "--head", head).code == 1
    (tmp_path / "edited").write_text(bundle.read_text().replace("it-3", "it-4"))
    done = ctlctl("audit-log", "verify", str(tmp_path / "edited"))
    assert done.code == 1
    assert "was changed after it was written" in done.out
    assert ctlctl("audit-log", "verify", str(tmp_path / "none")).code == 3


def test_the_log_is_shown_since_an_instant_about_a_phone_and_the_newest_of_it(watched: Watched) -> None:
    old, new = "2020-01-01T00:00Z", int(time.time())
    begun = [(1_577_836_800 + each, "rollout-arm", {"phone": "SEP00AA"}) for each in range(3)]
    watched.daemon._store.acts.note("ctld", "lab", [*begun, (new, "rollout-arm", {"phone": "SEP00BB"})])
    about = ("audit", "lab", "--phone", "sep00a*,SEP00BB")
    assert len(watched.ctlctl(*about).out.splitlines()) == 4
    told = watched.ctlctl(*about, "--limit", 2, "-o", "json").json
    assert (told["total"], told["offset"]) == (4, 2)
    assert [row["detail"]["phone"] for row in rows_of(told)] == ["SEP00AA", "SEP00BB"]
    done = watched.ctlctl(*about, "--limit", 3)
    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert done.err == "ctlctl: the newest 3 of 4 entries: more with a larger --limit\n"
    assert watched.ctlctl(*about, "--limit", 4).err == ""
    for instant in ("2h", "2020-01-01T00:00:03Z"):
        assert [
            row["detail"]["phone"] for row in rows_of(watched.ctlctl(*about, "--since", instant, "-o", "json").json)
        ] == ["SEP00BB"]
    assert len(watched.ctlctl(*about, "--since", old).out.splitlines()) == 4
    done = watched.ctlctl("audit", "lab", "--phone", "SEP00CC", "--since", "7d")
    assert (done.code, done.out) == (0, "")
    assert done.err == "ctlctl: no entries about lab: nothing matches --since 7d, --phone SEP00CC\n"
    assert "audit-log verify takes all of them" in watched.ctlctl(*about, "-o", "lines").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "yesterday"), "30min, 2h, 7d, 2w"),
        (("--since", ""), "2026-11-23T21:00Z"),
        (("--limit", "0"), "1<=x<=1000000000"),
        (("--phone", "SEP 1"), "such as SEP001122334455"),
        (("--phone", ""), "such as SEP001122334455"),
    ],
)
def test_a_wrong_word_about_the_log_says_what_is_taken(watched: Watched, words: tuple[str, ...], said: str) -> None:
    done = watched.ctlctl("audit", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_only_root_and_whom_the_settings_name_may_change() -> None:
    kim = Peer(1000, "kim", frozenset({"voice"}))
    assert may_write(Peer(0, "root", frozenset()), ())
    assert not may_write(kim, ())
    assert may_write(kim, ("kim",))
    assert may_write(kim, ("@voice",))
    assert not may_write(kim, ("voice", "@kim", ""))
    assert not may_write(Peer(1001, "", frozenset()), ("",))
