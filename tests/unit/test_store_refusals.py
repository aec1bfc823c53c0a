"""Refused accounts in the store: stores from before take them, and errors about them show nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from ctlctl.store.database import Database
from ctlctl.store.migrating import _config, newest
from ctlctl.store.schema import REFUSAL
from ctlctl.store.store import Store
from ctlctl.store.values import StoredRefusal
from support.storage import HQ, phone, record_phones

REFUSAL_OF_AXL = StoredRefusal("axl", "AXL", 1_800_000_000, "scrypt-15-8-3", b"s" * 16, b"\x00\xff" * 16)


def test_a_store_from_before_keeps_what_it_has_and_takes_refusals(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    database = Database(str(path))
    with database.write() as connection:
        command.upgrade(_config(connection), "0004")
    database.close()
    with closing(sqlite3.connect(path)) as old:
        assert not old.execute("SELECT name FROM sqlite_master WHERE name = 'refusal'").fetchall()
        old.execute("INSERT INTO cluster (name, version) VALUES (?, '14.0')", (HQ,))
        old.commit()
    with Store.open(path) as store:
        assert store.schema_version() == newest()
        assert store.clusters() == (HQ,)
        assert store.refusal(HQ, "axl") is None
        store.keep_refusal(HQ, REFUSAL_OF_AXL)
        assert store.integrity() == ()
    with Store.open(path) as store:
        assert store.refusal(HQ, "axl") == REFUSAL_OF_AXL


def test_it_stays_until_it_is_forgotten_and_goes_with_its_cluster(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        store.forget_refusal("nowhere", "axl")
        assert store.clusters() == ()
        store.keep_refusal(HQ, REFUSAL_OF_AXL)
        record_phones(store, 1, phone(1))
        store.purge(10**10, 1)
        assert store.refusal(HQ, "axl") == REFUSAL_OF_AXL
        store.backup(tmp_path / "copy.db")
        assert store.forget_cluster(HQ)
        assert store.refusal(HQ, "axl") is None
    with Store.open(tmp_path / "copy.db") as copy:
        assert copy.refusal(HQ, "axl") == REFUSAL_OF_AXL


def test_no_error_shows_what_was_to_be_written(tmp_path: Path) -> None:
    row = {"cluster_id": 7, "account": "axl", "interface": "AXL", "refused_at": 1, "method": "scrypt-15-8-3"}
    statement = insert(REFUSAL).values(row | {"salt": b"salty" * 3, "digest": b"hashed" * 5})
    with Store.open(tmp_path / "ctld.db") as store, store._database.read() as connection:
        with pytest.raises(IntegrityError) as caught:
            connection.execute(statement)
        connection.rollback()
    assert "INSERT INTO refusal" in str(caught.value)
    assert "salty" not in str(caught.value)
    assert "hashed" not in str(caught.value)
