"""Plans and rollouts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "plan",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_plan")),
    )
    op.create_table(
        "plan_approval",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["plan.sha256"], name=op.f("fk_plan_approval_sha256")),
        sa.PrimaryKeyConstraint("sha256", "uid", name=op.f("pk_plan_approval")),
    )
    op.create_table(
        "rollout",
        sa.Column("number", number, nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("cluster", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("baseline", sa.BigInteger(), nullable=True),
        sa.Column("head", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["plan.sha256"], name=op.f("fk_rollout_plan")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rollout")),
    )
    op.create_index(
        "uq_rollout_open",
        "rollout",
        ["cluster"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "rollout_phone",
        sa.Column("rollout", number, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rollout"], ["rollout.number"], name=op.f("fk_rollout_phone_rollout")),
        sa.PrimaryKeyConstraint("rollout", "place", name=op.f("pk_rollout_phone")),
    )
