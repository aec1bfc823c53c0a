"""What nodes say of themselves, and what phones say on their pages."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "node_state",
        sa.Column("cluster_id", number, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("fault_kind", sa.Text(), nullable=True),
        sa.Column("fault_detail", sa.Text(), nullable=True),
        sa.Column("fault_advice", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_node_state_cluster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster_id", "source", "node", name=op.f("pk_node_state")),
    )
    op.create_table(
        "node_fact",
        sa.Column("cluster_id", number, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_node_fact_cluster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster_id", "source", "node", "kind", "item", name=op.f("pk_node_fact")),
    )
    op.create_table(
        "phone_page",
        sa.Column("phone_id", number, nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("ctl_hash", sa.Text(), nullable=True),
        sa.Column("itl_hash", sa.Text(), nullable=True),
        sa.Column("security_mode", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("load", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.id"], name=op.f("fk_phone_page_phone_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("phone_id", name=op.f("pk_phone_page")),
    )
