"""The first schema."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cluster",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.Column("security_mode", sa.Integer(), nullable=True),
        sa.Column("lsc_columns", sa.Boolean(), nullable=True),
        sa.Column("throttled", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster")),
        sa.UniqueConstraint("name", name=op.f("uq_cluster_name")),
    )
    op.create_table(
        "content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_content")),
    )
    op.create_table(
        "capf_profile",
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pkid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("finish_time", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_capf_profile_cluster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster_id", "kind", "pkid", name=op.f("pk_capf_profile")),
    )
    op.create_table(
        "certificate",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_certificate_cluster_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["content.sha256"], name=op.f("fk_certificate_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate")),
        sa.UniqueConstraint(
            "cluster_id",
            "source",
            "node",
            "place",
            "sha256",
            name=op.f("uq_certificate_cluster_id_source_node_place_sha256"),
        ),
    )
    op.create_index(op.f("ix_certificate_sha256"), "certificate", ["sha256"], unique=False)
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("so_what", sa.Text(), nullable=False),
        sa.Column("what_to_do", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("things", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_finding_cluster_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(op.f("ix_finding_cluster_id_closed_at"), "finding", ["cluster_id", "closed_at"], unique=False)
    op.create_index(
        "uq_finding_open",
        "finding",
        ["cluster_id", "code", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "list_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_list_version_cluster_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["content.sha256"], name=op.f("fk_list_version_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_version")),
    )
    op.create_index(
        op.f("ix_list_version_cluster_id_node_kind_id"),
        "list_version",
        ["cluster_id", "node", "kind", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_list_version_sha256"), "list_version", ["sha256"], unique=False)
    op.create_table(
        "mode_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("mode_before", sa.Integer(), nullable=True),
        sa.Column("mode_after", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_mode_change_cluster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mode_change")),
    )
    op.create_index(op.f("ix_mode_change_cluster_id"), "mode_change", ["cluster_id"], unique=False)
    op.create_table(
        "node",
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("services", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_node_cluster_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_id", "name", name=op.f("pk_node")),
    )
    op.create_table(
        "phone",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pkid", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("device_pool", sa.Text(), nullable=True),
        sa.Column("security_profile", sa.Text(), nullable=True),
        sa.Column("security_mode", sa.Text(), nullable=True),
        sa.Column("authentication_mode", sa.Text(), nullable=True),
        sa.Column("capf_operation", sa.Text(), nullable=True),
        sa.Column("capf_status", sa.Text(), nullable=True),
        sa.Column("capf_finish_time", sa.Text(), nullable=False),
        sa.Column("lsc_valid_until", sa.BigInteger(), nullable=True),
        sa.Column("lsc_issuer", sa.Text(), nullable=True),
        sa.Column("lsc_issuer_valid_until", sa.BigInteger(), nullable=True),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("capf_since", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.Column("r_status", sa.Text(), nullable=True),
        sa.Column("r_reason", sa.Integer(), nullable=True),
        sa.Column("r_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("r_node", sa.Text(), nullable=True),
        sa.Column("r_address", sa.Text(), nullable=True),
        sa.Column("r_httpd", sa.Boolean(), nullable=True),
        sa.Column("r_load", sa.Text(), nullable=True),
        sa.Column("p_last_fault", sa.Text(), nullable=True),
        sa.Column("p_fault", sa.Text(), nullable=True),
        sa.Column("p_sha256", sa.Text(), nullable=True),
        sa.Column("p_subject_cn", sa.Text(), nullable=True),
        sa.Column("p_issuer_cn", sa.Text(), nullable=True),
        sa.Column("p_issuer_sha256", sa.Text(), nullable=True),
        sa.Column("p_serial", sa.Text(), nullable=True),
        sa.Column("p_not_before", sa.BigInteger(), nullable=True),
        sa.Column("p_not_after", sa.BigInteger(), nullable=True),
        sa.Column("p_tls_version", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_phone_cluster_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone")),
        sa.UniqueConstraint("cluster_id", "name", name=op.f("uq_phone_cluster_id_name")),
    )
    op.create_table(
        "port",
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("port", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("fault_kind", sa.Text(), nullable=True),
        sa.Column("fault_detail", sa.Text(), nullable=True),
        sa.Column("fault_advice", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["cluster_id"], ["cluster.id"], name=op.f("fk_port_cluster_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_id", "node", "port", name=op.f("pk_port")),
    )
    op.create_table(
        "source_state",
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("last_success", sa.BigInteger(), nullable=True),
        sa.Column("last_attempt", sa.BigInteger(), nullable=True),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("last_round", sa.BigInteger(), nullable=True),
        sa.Column("fault_kind", sa.Text(), nullable=True),
        sa.Column("fault_detail", sa.Text(), nullable=True),
        sa.Column("fault_advice", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_source_state_cluster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster_id", "source", name=op.f("pk_source_state")),
    )
    op.create_table(
        "phone_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("phone_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value_before", sa.Text(), nullable=True),
        sa.Column("value_after", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.id"], name=op.f("fk_phone_event_phone_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_event")),
    )
    op.create_index(op.f("ix_phone_event_at"), "phone_event", ["at"], unique=False)
    op.create_index(op.f("ix_phone_event_phone_id_id"), "phone_event", ["phone_id", "id"], unique=False)
    op.create_table(
        "phone_look",
        sa.Column("phone_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("shown_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["phone_id"], ["phone.id"], name=op.f("fk_phone_look_phone_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("phone_id", name=op.f("pk_phone_look")),
    )
    op.create_table(
        "served_list",
        sa.Column("cluster_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("absent_since", sa.BigInteger(), nullable=True),
        sa.Column("fault_kind", sa.Text(), nullable=True),
        sa.Column("fault_detail", sa.Text(), nullable=True),
        sa.Column("fault_advice", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_served_list_cluster_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["version_id"], ["list_version.id"], name=op.f("fk_served_list_version_id")),
        sa.PrimaryKeyConstraint("cluster_id", "node", "kind", name=op.f("pk_served_list")),
    )
    op.create_index(op.f("ix_served_list_version_id"), "served_list", ["version_id"], unique=False)
