"""The wheel, installed in a clean environment beside other projects' `ctl` and `daemon`, does its work."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.vectors import OWN, ROOT

UV = Path(sys.executable).with_name("uv")


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, cwd=cwd, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "ctlctl",
        "ctlctl_config",
        "ctlctl_lab",
        "ctlctl_capf",
        "ctlctl_trust",
    }
    assert {"ctlctl/py.typed", "ctlctl_capf/py.typed", "ctlctl_trust/py.typed"} <= set(names)


@pytest.mark.timeout(300)
def test_it_runs_beside_other_projects_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    if not UV.exists():
        pytest.skip("uv is not in this environment; `make test` installs it")
    home = tmp_path / "venv"
    assert run(UV, "venv", "--quiet", "--python", sys.executable, home).returncode == 0
    python = home / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--python", python)
    others = run(*install, "--no-deps", "--require-hashes", "-r", ROOT / "requirements" / "packaging.txt")
    if others.returncode and os.environ.get("CI", "").lower() not in {"1", "true"}:
        pytest.skip(f"the package registry does not answer: {others.stderr.strip()[-200:]}")
    assert others.returncode == 0, others.stderr
    locked = run(*install, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    assert locked.returncode == 0, locked.stderr
    done = run(*install, "--no-deps", wheel)
    assert done.returncode == 0, done.stderr
    command = home / "bin" / "ctlctl"
    verified = run(command, "verify", OWN / "files" / "good" / "CTLFile.tlv", "--at", "2026-11-23", cwd=tmp_path)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "self-consistent" in verified.stdout
    assert run(command, "--version").stdout.startswith("ctlctl, version ")
    # The neighbours are whole too: neither distribution overwrote the other's modules.
    code = "from importlib.util import find_spec as f; print(*(f(n).origin for n in ('ctl', 'daemon', 'ctlctl_trust')))"
    origins = run(python, "-c", code).stdout.split()
    assert [Path(origin).parent.name for origin in origins] == ["ctl", "daemon", "ctlctl_trust"]


def test_completion_speaks_for_the_usual_shells() -> None:
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ctlctl"))],
            env={**os.environ, "_CTLCTL_COMPLETE": f"{shell}_source"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "ctlctl" in done.stdout
