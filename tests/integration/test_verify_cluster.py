"""`ctlctl verify cluster:NAME` and `--against NAME`, on a lab: valid, stale, and when nobody can tell."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl_lab.run import RunningLab
from ctlctl_lab.scenarios import apply_scenario
from support.command import Done, codes, ctlctl
from support.runninglab import small_lab


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab") / "lab", phones=3) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> RunningLab:
    apply_scenario(running.world, running.plan.world, "healthy")
    return running


def verify(lab: RunningLab, *words: object) -> Done:
    return ctlctl("--config", lab.settings, "verify", *words)


def test_a_cluster_whose_lists_are_as_they_should_be(lab: RunningLab) -> None:
    done = verify(lab, "cluster:lab", "-o", "json")
    assert done.code == 0, done.err
    assert done.json["verdict"] == "valid"
    assert [result["target"] for result in done.results] == [
        "cluster:lab lab-pub CTLFile.tlv",
        "cluster:lab lab-pub ITLFile.tlv",
        "cluster:lab lab-sub1 CTLFile.tlv",
        "cluster:lab lab-sub1 ITLFile.tlv",
    ]
    assert {result["verdict"] for result in done.results} == {"valid"}
    assert "Signed by ITLRECOVERY_lab-pub, whom lab knows." in verify(lab, "cluster:lab").out


def test_a_stale_ctl(lab: RunningLab) -> None:
    lab.world.renew("CallManager", "lab-sub2")
    done = verify(lab, "cluster:lab", "-o", "json")
    assert done.code == 1
    assert done.json["verdict"] == "stale"
    stale = [result for result in done.results if result["verdict"] == "stale"]
    assert [result["kind"] for result in stale] == ["ctl", "ctl"]
    assert codes(stale[0]) >= {"certificate-in-use-missing"}
    shown = verify(lab, "cluster:lab")
    assert "CallManager of lab-sub2" in shown.out
    assert "stale" in shown.out


def test_files_held_against_a_cluster(lab: RunningLab, tmp_path: Path) -> None:
    files = lab.world.files
    ctl, itl = tmp_path / "CTLFile.tlv", tmp_path / "ITLFile.tlv"
    ctl.write_bytes(files.ctl or b"")
    # Whose ITL it is does not stand in it.
    itl.write_bytes(files.itl(lab.world.cluster.nodes["lab-sub1"]) or b"")
    assert verify(lab, ctl, itl, "--against", "lab", "-o", "json").json["verdict"] == "valid"
    lab.world.renew("TVS", "lab-pub")
    done = verify(lab, itl, "--against", "lab", "-o", "json")
    assert (done.code, done.json["verdict"]) == (1, "stale")
    assert "TVS of lab-pub" in str(done.results[0]["findings"])
    # A file that is not whole stays invalid, whatever it is held against.
    ctl.write_bytes((files.ctl or b"")[:-1])
    assert verify(lab, ctl, "--against", "lab", "-o", "json").json["verdict"] == "invalid"


def test_a_cluster_that_is_not_in_mixed_mode(lab: RunningLab, tmp_path: Path) -> None:
    ctl = tmp_path / "CTLFile.tlv"
    ctl.write_bytes(lab.world.files.ctl or b"")
    apply_scenario(lab.world, lab.plan.world, "non-secure")
    done = verify(lab, "cluster:lab", "-o", "json")
    assert (done.code, [result["kind"] for result in done.results]) == (0, ["itl", "itl"])
    held = verify(lab, ctl, "--against", "lab", "-o", "json")
    assert (held.code, held.json["verdict"]) == (3, "undecided")
    assert codes(held.results[0]) >= {"not-compared"}


def test_a_cluster_that_does_not_answer(lab: RunningLab) -> None:
    password = lab.settings.parent / "secrets" / "axl.password"
    right = password.read_text()
    password.write_text("wrong\n")
    try:
        done = verify(lab, "cluster:lab", "-o", "json")
        assert (done.code, done.json["verdict"]) == (3, "undecided")
        assert codes(done.results[0]) == {"not-compared"}
        # The lists themselves are judged all the same.
        assert {result["verdict"] for result in done.results[1:]} == {"self-consistent"}
        assert verify(lab, "-", "--against", "lab").code == 3
    finally:
        password.write_text(right)


@pytest.mark.parametrize("words", [("cluster:nowhere",), ("x.tlv", "--against", "nowhere"), (".", "--against", "lab")])
def test_what_makes_no_sense(lab: RunningLab, words: tuple[str, ...]) -> None:
    done = verify(lab, *words)
    assert done.code == 2
    assert done.err


def test_without_settings(tmp_path: Path) -> None:
    done = ctlctl("--config", tmp_path / "none.toml", "verify", "cluster:hq")
    assert done.code == 2
    assert "there is no such file" in done.err
