"""The schema: what migrations make is what the program uses, on every database."""

import ast
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

import ctlctl.store
from ctlctl.store.migrating import newest
from ctlctl.store.schema import METADATA
from ctlctl.store.store import Store

FOLDER = Path(ctlctl.store.__file__).parent
#: The only modules that may know which database it is.
SQLITE_ALONE = {"database.py", "errors.py", "backup.py"}


def test_migrations_make_the_tables_that_the_program_uses(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        assert store.schema_version() == newest()
        with store._database.read() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: table.name)
def test_postgresql_takes_the_tables(table: object) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    made = METADATA.tables[str(table)]
    text = str(CreateTable(made).compile(dialect=dialect))
    assert made.name in text
    # Instants do not end in 2038.
    assert all("INTEGER" not in line for line in text.splitlines() if "_at " in line or "_seen" in line)
    for index in made.indexes:
        assert str(CreateIndex(index).compile(dialect=dialect)).startswith("CREATE")


def test_only_three_modules_know_sqlite() -> None:
    found = set()
    for path in FOLDER.glob("*.py"):
        words = {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.count("\n")
        }
        if any("PRAGMA" in word or "VACUUM" in word or "BEGIN IMMEDIATE" in word for word in words):
            found.add(path.name)
    assert found <= SQLITE_ALONE


def test_values_and_contract_need_no_database_library() -> None:
    tree = ast.parse((FOLDER / "values.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"dataclasses", "ctlctl.assess.model", "ctlctl.inventory.values", "ctlctl.inventory.words"}
