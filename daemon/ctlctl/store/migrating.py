"""Bringing the tables of a store up to what this version needs.

One transaction holds all steps and the note of what was done: a crash in the middle leaves the store as it was.
"""

import threading
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ctlctl.store.database import Database
from ctlctl.store.errors import StoreFault

_SCRIPTS: Final = "ctlctl.store:migrations"
# Alembic keeps what it works on in its modules: two threads would get each other's connection.
_ONE_AT_A_TIME: Final = threading.Lock()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Schema that this version of the program needs."""
    (head,) = ScriptDirectory.from_config(_config()).get_heads()
    return head


def schema_of(connection: Connection) -> str | None:
    """Schema that a database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def hold_schema(database: Database) -> bool:
    """Whether the schema is the one that this version needs.

    Raises:
        StoreError: it is one that this version does not know, or it cannot be read.
    """
    with database.read() as connection:
        schema = schema_of(connection)
    return _judge(database, schema)


def refuse_old(database: Database) -> None:
    """Refuse a schema that lacks steps.

    Raises:
        StoreError: it does, or it cannot be read.
    """
    if not hold_schema(database):
        advice = "Run ctlctl store migrate"
        raise database.error(StoreFault.UNUSABLE, "Its schema is older than this version needs", advice=advice)


def migrate(database: Database) -> None:
    """Do the steps that are missing.

    Raises:
        StoreError: the schema is newer than this version, or the steps cannot be done; then none was.
    """
    # An up-to-date store opens while somebody else writes to it.
    if hold_schema(database):
        return
    with database.write() as connection:
        # Somebody else may have done it while this waited to be allowed to write.
        if not _judge(database, schema_of(connection)):
            with _ONE_AT_A_TIME:
                command.upgrade(_config(connection), "head")


def _judge(database: Database, schema: str | None) -> bool:
    scripts = ScriptDirectory.from_config(_config())
    (head,) = scripts.get_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    if schema is not None and schema not in known:
        detail = f"Its schema is {schema!r}, this version of ctlctl knows up to {head!r}"
        raise database.error(StoreFault.NEWER_SCHEMA, detail)
    return schema == head
