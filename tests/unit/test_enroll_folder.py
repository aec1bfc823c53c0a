"""The directory of a credential: a crash at any step, a full disk, and two at once leave one whole set."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import ABOUT, CERTIFICATE, CHAIN, KEY, KEYSTORE, KEYSTORE_PASSWORD, CredentialFolder

_NAMES = (KEY, CERTIFICATE, CHAIN, KEYSTORE, ABOUT)


def files(word: str, *more: str) -> dict[str, bytes]:
    """Return a set whose files all say the same, so that a mixture shows."""
    return {name: word.encode() * 2000 for name in (*_NAMES, *more)}


def put(folder: CredentialFolder, word: str, *more: str) -> None:
    with folder.locked(), folder.staged() as staged:
        staged.put_in_use(files(word, *more))


def seen(path: Path) -> dict[str, bytes]:
    """Return what an application reads through the links; a dangling one is a missing file."""
    return {name: (path / name).read_bytes() for name in _NAMES if (path / name).exists()}


def test_an_exchange_keeps_the_set_before_and_no_other(tmp_path: Path) -> None:
    folder = CredentialFolder(tmp_path / "a" / "b")
    assert folder.current() is None
    for word in ("one", "two", "three"):
        put(folder, word)
    assert seen(folder.path) == files("three")
    assert folder.current() == files("three")
    assert {name: (folder.path / "previous" / name).read_bytes() for name in _NAMES} == files("two")
    assert len(list(folder.sets.iterdir())) == 2


def test_a_file_that_a_new_set_lacks_is_not_shown_any_more(tmp_path: Path) -> None:
    folder = CredentialFolder(tmp_path)
    put(folder, "one", KEYSTORE_PASSWORD)
    assert (tmp_path / KEYSTORE_PASSWORD).exists()
    put(folder, "two")
    assert not os.path.lexists(tmp_path / KEYSTORE_PASSWORD)
    assert (tmp_path / "previous" / KEYSTORE_PASSWORD).exists()


_DIES = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_enroll_folder import files
from ctlctl.enroll.folder import CredentialFolder

left = int(sys.argv[2])
# Every call of the operating system by which anything changes on the disk counts one; at the last the process dies.
def dying(name):
    real = getattr(os, name)
    def call(*given, **named):
        global left
        left -= 1
        if left < 0:
            os._exit(7)
        return real(*given, **named)
    setattr(os, name, call)
for name in ("open", "mkdir", "symlink", "rename", "replace", "unlink", "fsync", "fchmod", "rmdir"):
    dying(name)
folder = CredentialFolder(Path(sys.argv[1]))
with folder.locked(), folder.staged() as staged:
    staged.put_in_use(files("new"))
"""


@pytest.mark.parametrize("existing", [True, False], ids=["renewal", "first"])
def test_a_crash_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, existing: bool) -> None:
    outcomes = set()
    for step in range(200):
        path = tmp_path / str(step)
        if existing:
            put(CredentialFolder(path), "old")
        words = [sys.executable, "-c", _DIES, str(path), str(step), str(Path(__file__).parent)]
        ended = subprocess.run(words, check=False, capture_output=True, timeout=60)
        assert ended.returncode in {0, 7}, ended.stderr.decode()
        now = seen(path)
        assert now in (files("new"), files("old") if existing else {}), step
        outcomes.add((ended.returncode, now == files("new")))
        # Whatever was left over is no obstacle to the next.
        put(CredentialFolder(path), "next")
        assert seen(path) == files("next")
        assert len(list((path / "sets").iterdir())) <= 2
        if ended.returncode == 0:
            break
        shutil.rmtree(path)
    assert outcomes == {(7, False), (7, True), (0, True)}


@contextmanager
def tiny_disk(path: Path, kilobytes: int) -> Iterator[None]:
    """Mount a file system of some size; skips where that is not allowed."""
    path.mkdir()
    library = ctypes.CDLL(None, use_errno=True)
    options = f"size={kilobytes}k,mode=700".encode()
    if library.mount(b"none", str(path).encode(), b"tmpfs", 0, options) != 0:
        pytest.skip(f"no tmpfs may be mounted here ({os.strerror(ctypes.get_errno())})")
    try:
        yield
    finally:
        assert library.umount2(str(path).encode(), 2) == 0


def test_a_full_disk_is_told_before_and_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with tiny_disk(path, 256):
        folder = CredentialFolder(path / "out")
        put(folder, "old")
        (path / "ballast").write_bytes(bytes(180 * 1024))
        with pytest.raises(EnrollError, match="No space left") as caught, folder.locked(), folder.staged():
            pytest.fail("there is no room")
        assert caught.value.fault is EnrollFault.STORAGE
        assert seen(folder.path) == files("old")
        (path / "ballast").unlink()
        put(folder, "new")
        assert seen(folder.path) == files("new")


def test_a_disk_that_fills_up_in_the_middle_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with tiny_disk(path, 256):
        folder = CredentialFolder(path / "out")
        put(folder, "old")
        large = {name: bytes(60 * 1024) for name in _NAMES}
        with folder.locked(), folder.staged() as staged, pytest.raises(OSError, match="No space left"):
            staged.put_in_use(large)
        assert seen(folder.path) == files("old")
        assert [each.name for each in folder.sets.iterdir()] == [Path(os.readlink(folder.path / "current")).name]  # noqa: PTH115 - a link within


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = CredentialFolder(tmp_path)
    with folder.locked(), pytest.raises(EnrollError) as caught, CredentialFolder(tmp_path).locked():
        pytest.fail("somebody is at work in it")
    assert caught.value.fault is EnrollFault.BUSY


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    with pytest.raises(EnrollError, match="others may write") as caught, CredentialFolder(tmp_path).locked():
        pytest.fail("others may write to it")
    assert caught.value.fault is EnrollFault.STORAGE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12_345, 12_345)
    with pytest.raises(EnrollError, match="uid 12345") as caught, CredentialFolder(tmp_path).locked():
        pytest.fail("its owner may exchange what is in it")
    assert caught.value.fault is EnrollFault.STORAGE


def test_removing_takes_every_copy_of_the_key(tmp_path: Path) -> None:
    folder = CredentialFolder(tmp_path)
    put(folder, "one")
    put(folder, "two", KEYSTORE_PASSWORD)
    with folder.locked():
        folder.keep_pin(b"pin")
        assert folder.remove()
        assert not folder.remove()
    assert sorted(each.name for each in tmp_path.iterdir()) == [".lock", "capf.pem"]
    assert folder.pin() == b"pin"
