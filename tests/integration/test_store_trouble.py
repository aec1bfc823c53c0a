"""Full disks and locked files: clear errors, nothing lost, and the store works again when they have passed."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ctlctl.store.errors import StoreError, StoreFault
from ctlctl.store.migrating import newest
from ctlctl.store.store import Store
from support.storage import HQ, phone, phones, program, record_phones

#: Records more than there is room for, by a limit of file sizes (in bytes) that the program sets itself.
LIMITED = """
import resource, sys
from ctlctl.store.errors import StoreError
from ctlctl.store.store import Store
from support.storage import FACTS, HQ, PUBLISHER, phones

store = Store.open(sys.argv[1])
store.record_axl(HQ, 1, FACTS, [PUBLISHER], phones(10))
before = store.snapshot(HQ)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for attempt in range(2):
    try:
        store.record_axl(HQ, 2, FACTS, [PUBLISHER], phones(20_000))
    except StoreError as error:
        print(error.kind, error, sep="|")
    assert store.snapshot(HQ) == before
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.record_axl(HQ, 3, FACTS, [PUBLISHER], phones(2_000))
assert len(store.snapshot(HQ).phones) == 2_000
assert store.integrity() == ()
store.close()
"""


def test_no_room_by_a_limit_of_file_sizes(tmp_path: Path) -> None:
    done = program(LIMITED, tmp_path / "ctld.db", 1_000_000)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        kind, text = line.split("|")
        assert kind == StoreFault.DISK_FULL.value
        assert "No room" in text
        assert str(tmp_path / "ctld.db") in text


@contextmanager
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk, Store.open(disk / "ctld.db") as store:
        record_phones(store, 1, *phones(10))
        before = store.snapshot(HQ)
        ballast = disk / "ballast"
        fill(ballast)
        for _ in range(2):
            with pytest.raises(StoreError) as caught:
                record_phones(store, 2, *phones(3_000))
            assert caught.value.kind is StoreFault.DISK_FULL
            assert store.snapshot(HQ) == before
        with pytest.raises(StoreError) as caught:
            store.backup(disk / "copy.db")
        assert caught.value.kind is StoreFault.DISK_FULL
        assert not list(disk.glob("copy*"))
        ballast.unlink()
        record_phones(store, 3, *phones(1_000))
        assert len(store.snapshot(HQ).phones) == 1_000
        assert store.integrity() == ()
        # And full again while the program was away.
        store.close()
        fill(ballast)
        open_on_a_full_disk(disk, ballast)


def open_on_a_full_disk(disk: Path, ballast: Path) -> None:
    """A start on a full disk either works or says what is the matter; it works when there is room."""
    with pytest.raises(StoreError) as caught:
        Store.open(disk / "other" / "new.db")
    assert caught.value.kind is StoreFault.DISK_FULL
    ballast.unlink()
    for path in (disk / "ctld.db", disk / "other" / "new.db"):
        with Store.open(path) as store:
            assert store.integrity() == ()
            record_phones(store, 4, phone(1))


def fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program that writes and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_locked_store_is_read_and_written_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path, lock_timeout=0.05) as store:
        record_phones(store, 1, phone(1))
        before = store.snapshot(HQ)
        with held(path):
            for _ in range(2):
                with pytest.raises(StoreError) as caught:
                    record_phones(store, 2, phone(2))
                assert caught.value.kind is StoreFault.LOCKED
            assert store.snapshot(HQ) == before
            # A program that starts meanwhile reads too.
            with Store.open(path) as second:
                assert second.snapshot(HQ) == before
            store.backup(tmp_path / "copy.db")
        record_phones(store, 3, phone(2))
        assert store.snapshot(HQ).retired == 1


def test_a_store_that_is_locked_while_it_is_to_be_migrated(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    # An empty database that somebody else holds.
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
    with held(path), pytest.raises(StoreError) as caught:
        Store.open(path, lock_timeout=0.05)
    assert caught.value.kind is StoreFault.LOCKED
    with Store.open(path) as store:
        assert store.schema_version() == newest()


def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        with held(path):
            writer = threading.Thread(target=record_phones, args=(store, 1, phone(1)))
            writer.start()
            time.sleep(0.2)
            assert store.snapshot(HQ).phones == ()
        writer.join()
        assert len(store.snapshot(HQ).phones) == 1


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    with Store.open(folder / "ctld.db") as store:
        shutil.rmtree(folder)
        with pytest.raises(StoreError) as caught:
            record_phones(store, 1, phone(1))
        assert caught.value.kind is StoreFault.UNUSABLE
