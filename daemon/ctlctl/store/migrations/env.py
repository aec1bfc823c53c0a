"""How Alembic runs the steps: on the connection that it is given, within the transaction that is open there."""

from alembic import context

from ctlctl.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite can do little with a table but copy it.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
