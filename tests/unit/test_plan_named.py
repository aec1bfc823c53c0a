"""A plan is approved by its path, or by the beginning of its hash: never another one that is only called so."""

from pathlib import Path

import pytest

from ctlctl.plan.document import seal
from ctlctl.plan.model import SealedPlan
from support.command import ctlctl
from support.plancases import lsc_phone, planned


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealedPlan:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ctld.toml").write_text("")
    return seal(planned("renew", lsc_phone()))


def approve(name: object) -> tuple[int, str]:
    done = ctlctl("--config", "ctld.toml", "plan", "approve", name)
    assert done.out == ""
    return done.code, done.err


def test_a_file_that_is_only_called_so_is_refused(sealed: SealedPlan, tmp_path: Path) -> None:
    (tmp_path / "lsc-renew-123456.json").write_bytes(sealed.data)
    code, words = approve("123456")
    assert code == 4
    assert f"is not plan 123456, but plan {sealed.id}" in words


@pytest.mark.parametrize("digits", [6, 12, 64])
def test_a_name_is_as_much_of_the_hash_as_is_given(sealed: SealedPlan, tmp_path: Path, digits: int) -> None:
    (tmp_path / f"mine-{sealed.sha256[:digits]}.json").write_bytes(sealed.data)
    code, words = approve(sealed.sha256[:digits])
    # It was found; nobody is there to take it.
    assert (code, "ctld does not run" in words) == (3, True)


def test_two_that_are_called_so_are_told_apart_by_their_paths(sealed: SealedPlan, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}-{sealed.id}.json").write_bytes(sealed.data)
    code, words = approve(sealed.id)
    assert code == 3
    assert "give the path of one" in words


@pytest.mark.parametrize("name", ["*", "123", "[0-9]", "..", ""])
def test_what_is_no_hash_is_a_path(sealed: SealedPlan, tmp_path: Path, name: str) -> None:
    (tmp_path / f"lsc-renew-{sealed.id}.json").write_bytes(sealed.data)
    assert approve(name)[0] == 3
