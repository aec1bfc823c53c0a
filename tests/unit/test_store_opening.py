"""Opening a store: files that are private, and clear errors for those that cannot be used."""

import os
import pickle
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from ctlctl.inventory.words import Source
from ctlctl.store.errors import StoreError, StoreFault, translated
from ctlctl.store.migrating import newest
from ctlctl.store.store import Store
from support.storage import HQ, SILENT, phone, record_phones


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(path: str | Path, *, migrate: bool = True) -> StoreError:
    with pytest.raises(StoreError) as caught:
        Store.open(path, migrate=migrate)
    error = caught.value
    assert error.detail
    assert error.advice
    assert str(error) == f"{error.path}: {error.detail.rstrip('.')}. {error.advice}."
    assert "\n" not in str(error)
    return error


def test_file_and_directory_are_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ctld.db"
    with Store.open(path) as store:
        record_phones(store, 1, phone(1))
        made = list(path.parent.iterdir())
        assert {one.name for one in made} == {"ctld.db", "ctld.db-wal", "ctld.db-shm"}
        assert {mode(one) for one in made} == {0o600}
    assert mode(path.parent) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    Store.open(path).close()
    path.chmod(0o644)
    Store.open(path).close()
    assert mode(path) == 0o600


def test_it_is_opened_by_path_and_by_url(tmp_path: Path) -> None:
    path = tmp_path / "a b.db"
    with Store.open(path) as store:
        record_phones(store, 1, phone(1))
        assert store.schema_version() == newest()
    with Store.open(f"sqlite:///{path}") as store:
        assert store.clusters() == (HQ,)
        store.migrate()


def test_it_is_durable_and_holds_references(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store, store._database.read() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names] == ["wal", 2, 1]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "nonsense://", "://"])
def test_urls_that_name_no_file(url: str) -> None:
    assert refused(url).kind is StoreFault.UNUSABLE


def test_a_server_without_its_driver_is_told_without_the_password() -> None:
    error = refused("postgresql+pg8000://ctld:hunter2@db/ctld")
    assert error.kind is StoreFault.UNUSABLE
    assert "hunter2" not in str(error)
    assert "driver" in error.detail


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "fifo" / "ctld.db", Path("/dev/null")):
        assert refused(path).kind is StoreFault.UNUSABLE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_a_directory_without_permission(tmp_path: Path) -> None:  # pragma: no cover - not as root
    tmp_path.chmod(0o500)
    assert refused(tmp_path / "ctld.db").kind is StoreFault.UNUSABLE


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ctld.db"
    path.write_bytes(content)
    assert refused(path).kind is StoreFault.CORRUPT
    assert path.read_bytes() == content


def test_a_damaged_store_is_told_and_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        record_phones(store, 1, *(phone(number) for number in range(500)))
        assert store.integrity() == ()
    whole = path.read_bytes()
    path.write_bytes(whole[:8_192] + b"\xa5" * (len(whole) - 8_192))
    with pytest.raises(StoreError) as caught:
        look_through(path)
    assert caught.value.kind is StoreFault.CORRUPT


def look_through(path: Path) -> None:
    with Store.open(path) as store:
        assert store.integrity() != ()
        store.snapshot(HQ)


def test_a_reference_to_nothing_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        record_phones(store, 1, phone(1))
        with closing(sqlite3.connect(path)) as other:
            other.execute("DELETE FROM cluster")
            other.commit()
        assert any("phone" in line for line in store.integrity())


def test_a_part_that_is_missing_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE mode_change")
            other.commit()
        record_phones(store, 1, phone(1))
        with pytest.raises(StoreError) as caught:
            store.snapshot(HQ)
        assert caught.value.kind is StoreFault.CORRUPT


def test_a_schema_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        record_phones(store, 1, phone(1))
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    before = path.read_bytes()
    for migrate in (True, False):
        error = refused(path, migrate=migrate)
        assert error.kind is StoreFault.NEWER_SCHEMA
        assert "'9999'" in error.detail
    assert path.read_bytes() == before


def test_without_migration_an_old_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    error = refused(path, migrate=False)
    assert error.kind is StoreFault.UNUSABLE
    assert "store migrate" in error.advice
    Store.open(path).close()
    Store.open(path, migrate=False).close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "ctld.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.snapshot(HQ)
    with pytest.raises(StoreError, match="closed"):
        store.record_failure(HQ, Source.AXL, SILENT, 1)


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_into_a_file_that_is_gone(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "ctld.db"
    with Store.open(path) as store:
        record_phones(store, 1, phone(1))
        path.rename(tmp_path / "elsewhere.db")
        if replaced:
            path.touch()
        with pytest.raises(StoreError, match="removed or replaced") as caught:
            record_phones(store, 2, phone(1))
        assert caught.value.kind is StoreFault.UNUSABLE


def test_a_backup_is_whole_private_and_never_overwrites(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with Store.open(tmp_path / "ctld.db") as store:
        record_phones(store, 1, phone(1))
        store.backup(copy)
        snapshot = store.snapshot(HQ)
        record_phones(store, 2, phone(1), phone(2))
        before = copy.read_bytes()
        for path in (copy, tmp_path, tmp_path / "no" / "such" / "directory", tmp_path / "ctld.db"):
            with pytest.raises(StoreError) as caught:
                store.backup(path)
            assert (caught.value.kind, caught.value.path) == (StoreFault.UNUSABLE, str(path))
    assert copy.read_bytes() == before
    assert mode(copy) == 0o600
    with Store.open(copy, migrate=False) as opened:
        assert opened.snapshot(HQ) == snapshot
        assert opened.integrity() == ()
    assert [one.name for one in tmp_path.glob(".ctlctl-*")] == []


def test_a_backup_never_overwrites_what_appears_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"precious")
    monkeypatch.setattr("ctlctl.store.backup.os.path.lexists", lambda _path: False)
    with Store.open(tmp_path / "ctld.db") as store, pytest.raises(StoreError):
        store.backup(copy)
    assert copy.read_bytes() == b"precious"


def test_a_mistake_of_the_program_is_no_trouble_of_the_operator() -> None:
    mistake = sqlite3.IntegrityError("UNIQUE constraint failed")
    mistake.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_UNIQUE
    assert translated(IntegrityError("INSERT", {}, mistake), "ctld.db", "/") is None
    assert translated(sqlite3.ProgrammingError("wrong number of bindings"), "ctld.db", "/") is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StoreFault.DISK_FULL),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFault.DISK_FULL),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StoreFault.DISK_FULL),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreFault.LOCKED),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreFault.CORRUPT),
        (sqlite3.SQLITE_IOERR_READ, StoreFault.UNUSABLE),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreFault.UNUSABLE),
        (sqlite3.SQLITE_CANTOPEN, StoreFault.UNUSABLE),
    ],
)
def test_what_sqlite_says_becomes_what_an_operator_can_do(code: int, kind: StoreFault) -> None:
    trouble = sqlite3.OperationalError("words")
    trouble.sqlite_errorcode = code
    told = translated(trouble, "/no/such/ctld.db", "/no/such")
    assert told is not None
    assert told.kind is kind


def test_a_server_that_does_not_answer_is_trouble_of_the_operator() -> None:
    gone = OperationalError("SELECT 1", {}, ConnectionError("connection refused"))
    told = translated(gone, "postgresql://ctld:***@db/ctld", None)
    assert told is not None
    assert told.kind is StoreFault.UNUSABLE
    assert "connection refused" in told.detail
    assert translated(IntegrityError("INSERT", {}, ValueError("x")), "postgresql://db/ctld", None) is None


def test_errors_survive_a_trip_to_another_process() -> None:
    error = StoreError(StoreFault.LOCKED, "/x/ctld.db", "held")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made one line above
    assert (str(again), again.kind, again.path, again.detail) == (str(error), error.kind, error.path, error.detail)
