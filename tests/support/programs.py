"""Programs of the system that some tests run against."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

# Servers live here, and a user's PATH often leaves these out.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def require_program(name: str, package: str) -> str:
    """Return the path of a program; where it is missing the test skips, or fails in CI."""
    path = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN)))
    if path is None:
        _unavailable(f"{name} is not installed; on Debian: apt-get install {package}")
    return path


def curl(*words: str, code: int = 0) -> bytes:
    """Return what curl gets; it must end with this code."""
    done = subprocess.run(
        [require_program("curl", "curl"), "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", *words],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def require_root(why: str) -> None:
    """Skip the test, or fail it in CI, where it does not run as root."""
    if os.geteuid() != 0:
        _unavailable(f"this test must run as root: {why}")


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(f"{reason} (CI runs every test)")
    pytest.skip(reason)
