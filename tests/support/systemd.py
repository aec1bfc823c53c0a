"""A Debian of its own in a container whose first process is systemd: `systemd-nspawn --boot` on a tree of debootstrap.

The tree costs a minute and a download, so it is kept between runs, outside the repository; each machine boots a copy.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from signal import SIGKILL
from typing import Final, TypeVar

import pytest

from support import programs
from support.vectors import ROOT

RUN_LOCK: Final = ROOT / "requirements" / "run.txt"
#: procps has the `kill` of ExecReload; a server has it, the smallest Debian does not.
_PACKAGES: Final = ("systemd", "systemd-sysv", "procps", "python3", "python3-venv")
_PYTHON: Final = "import sys; print('%d.%d' % sys.version_info[:2])"
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/ctlctl/bin",
    "LC_ALL": "C.UTF-8",
}
#: Seconds. A slow mirror takes minutes, and a loaded machine ten times as long to boot as this one.
_BUILD_SECONDS: Final = 500
_BOOT_SECONDS: Final = 180
_KEPT_SECONDS: Final = 14 * 86_400
_T = TypeVar("_T")


def wait_until(question: Callable[[], _T], what: str, seconds: float = 120.0) -> _T:
    """Ask until the answer is true, and return it; the test fails when it never is."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
    return answer


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs.

    Attributes:
        root: its file system, as seen from outside.
        leader: number of its first process, as seen from outside.
    """

    root: Path
    leader: int

    def run(
        self, *words: str, user: str | None = None, check: bool = True, seconds: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it.

        Args:
            words: the command.
            user: who runs it, with the groups that this user has; else root.
            check: whether the test fails when the command does.
            seconds: that it may take.
        """
        enter = ("nsenter", f"--target={self.leader}", "--all", "--root", "--wd")
        become = () if user is None else ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--")
        home = "/root" if user is None else f"/home/{user}"
        environment = [f"{name}={value}" for name, value in {**_ENVIRONMENT, "HOME": home}.items()]
        done = subprocess.run(
            [*enter, "env", "-i", *environment, *become, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        text = self.run("systemctl", "show", unit, f"--property={','.join(properties)}").stdout
        return dict(line.split("=", 1) for line in text.splitlines())

    def journal(self, unit: str, since: float = 0.0) -> str:
        """Return what a unit has said since an instant."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", f"--unit={unit}", "--output=cat", "--no-pager", f"--since=@{since:.6f}").stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of root's."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def read(self, path: str) -> str:
        """Return a file."""
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine for the length of a ``with`` block; it has a network of its own, with loopback and nothing else.

    Args:
        folder: for its file system; removed at the end.
    """
    programs.require_root("it boots a container")
    nspawn = programs.require_program("systemd-nspawn", "systemd-container")
    # The name also names directories under /run/systemd/nspawn, which machines share.
    root = folder / f"ctld-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
    _copy(ctlctl_tree(), root)
    console = folder / "console.log"
    with console.open("wb") as out:
        # It must not outlive a test run that is killed.
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", nspawn, *_nspawn_options(root), "--boot", "--console=pipe"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        leader = wait_until(lambda: _leader(process, console), "the container has a first process", _BOOT_SECONDS)
        machine = Machine(root, leader)
        wait_until(lambda: _is_up(machine, process, console), "systemd has started everything", _BOOT_SECONDS)
        yield machine
    finally:
        if process.poll() is None:
            # Whether it halts in good order is Debian's affair.
            with suppress(OSError):
                os.kill(_leader(process, console) or process.pid, SIGKILL)
            process.wait(timeout=30)
        _forget(root)


def _nspawn_options(root: Path) -> list[str]:
    return [
        "--quiet",
        f"--directory={root}",
        "--private-network",
        # There may be no systemd outside that could keep a list of machines.
        "--register=no",
        "--keep-unit",
        "--link-journal=no",
        "--resolv-conf=off",
        "--timezone=off",
    ]


def _leader(process: "subprocess.Popen[bytes]", console: Path) -> int:
    """Return the number of the process that is the first one inside; 0 before there is one."""
    if process.poll() is not None:
        said = console.read_text(errors="replace")[-2000:]
        programs._unavailable(f"systemd-nspawn ended with {process.returncode} and said: {said}")
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        with suppress(OSError):
            status = Path("/proc", child, "status").read_text()
            numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(numbers) > 1 and numbers[-1] == "1" and "systemd" in status.splitlines()[0]:
                return int(child)
    return 0


def _is_up(machine: Machine, process: "subprocess.Popen[bytes]", console: Path) -> bool:
    _leader(process, console)
    state = machine.run("systemctl", "is-system-running", check=False).stdout.strip()
    # Degraded: a container has no right to some of what Debian starts.
    return state in {"running", "degraded"}


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", "--reflink=auto", str(source), str(target)], check=True)


def _forget(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    _forget_name(root.name)


def _forget_name(name: str) -> None:
    for folder in ("propagate", "unix-export"):
        with suppress(OSError):
            Path("/run/systemd/nspawn", folder, name).rmdir()


@cache
def ctlctl_tree() -> Path:
    """Return a tree of Debian with an environment in /opt/ctlctl that has everything ctlctl needs, but not ctlctl.

    The test skips where it cannot be had, and fails in CI.
    """
    programs.require_root("it makes a system of its own")
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    debootstrap = programs.require_program("debootstrap", "debootstrap")
    key = sha256("\n".join((suite, *_PACKAGES)).encode())
    with _kept(f"debian-{suite}-{key.hexdigest()[:16]}") as (plain, new):
        if new is not None:
            _said(
                [debootstrap, "--variant=minbase", f"--include={','.join(_PACKAGES)}", suite, str(new), _mirror(suite)]
            )
            _lose_weight(new)
    key.update(RUN_LOCK.read_bytes())
    with _kept(f"ctlctl-{suite}-{key.hexdigest()[:16]}") as (tree, new):
        if new is not None:
            _copy(plain, new)
            _install_requirements(new)
    return tree


def _mirror(suite: str) -> str:
    """Return where this machine itself gets its packages."""
    text = _said(["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Identifier: Packages"])
    start = f"{suite} main "
    addresses = [line.removeprefix(start) for line in text.splitlines() if line.startswith(start)]
    found = [address for address in addresses if address.startswith(("http:", "https:", "file:"))]
    if not found:
        programs._unavailable(f"apt's sources on this machine name no mirror of {suite or 'this system'}")
    return found[0]


def _lose_weight(tree: Path) -> None:
    """Remove what no machine needs, and each would copy."""
    for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "usr/share/doc/*", "usr/share/locale/*"):
        for path in tree.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _install_requirements(tree: Path) -> None:
    version = _inside(tree, {}, "python3", "-c", _PYTHON).strip()
    wheels = tree / "srv" / "wheels"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wanted = ["--require-hashes", f"--requirement={RUN_LOCK}"]
    # By this machine's pip and its settings: the machine inside has no network.
    _said(
        [
            *pip,
            "download",
            "--no-deps",
            "--only-binary=:all:",
            f"--python-version={version}",
            *wanted,
            f"--dest={wheels}",
        ]
    )
    _inside(tree, {}, "python3", "-m", "venv", "/opt/ctlctl")
    _inside(
        tree,
        {RUN_LOCK: "/srv/run.txt"},
        *("/opt/ctlctl/bin/pip", "install", "--quiet", "--no-index", "--find-links=/srv/wheels"),
        *("--require-hashes", "--requirement=/srv/run.txt"),
    )
    shutil.rmtree(wheels)


def _inside(tree: Path, mounts: Mapping[Path, str], *words: str) -> str:
    nspawn = programs.require_program("systemd-nspawn", "systemd-container")
    binds = [f"--bind-ro={outside}:{inside}" for outside, inside in mounts.items()]
    command = [nspawn, *_nspawn_options(tree), "--pipe", *binds, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    _forget_name(tree.name)
    if done.returncode:
        pytest.fail(f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _said(words: list[str]) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-500:]
        # What these programs ask for may be out of reach here; inside, everything is there.
        programs._unavailable(f"{Path(words[0]).name} {words[-1]}: exit {done.returncode}: {said}")
    return done.stdout


@contextmanager
def _kept(name: str) -> Iterator[tuple[Path, Path | None]]:
    """Give the place of a tree in the cache, and where to make it if it is not there; one process makes it."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path("~/.cache").expanduser()) / "ctlctl-tests"
    folder.mkdir(parents=True, exist_ok=True)
    tree, new = folder / name, folder / f"{name}.new"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tree.exists():
            os.utime(tree)
            yield tree, None
            return
        # Half a tree of a run that was killed.
        shutil.rmtree(new, ignore_errors=True)
        yield tree, new
        new.rename(tree)
        os.utime(tree)
        _drop_unused(folder)


def _drop_unused(folder: Path) -> None:
    """Remove trees of earlier requirements that nobody has booted for some time."""
    for tree in folder.iterdir():
        if tree.is_dir() and tree.stat().st_mtime < time.time() - _KEPT_SECONDS:
            shutil.rmtree(tree, ignore_errors=True)
