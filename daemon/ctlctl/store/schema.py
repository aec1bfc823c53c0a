"""The tables. A change here needs a migration: a test compares the two.

Portable SQL only: PostgreSQL takes the same tables. Instants are whole seconds since 1970. Current state and history
are apart, so that what is the same as before costs no write.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

#: Names of constraints are given, so that a later migration can drop them on every database.
METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the type is exactly INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", _NUMBER, primary_key=True)


def _cluster(*, key: bool = False) -> Column[int]:
    return Column("cluster_id", _NUMBER, ForeignKey("cluster.id", ondelete="CASCADE"), nullable=False, primary_key=key)


def _word(name: str, *, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=False, primary_key=key)


def _maybe(name: str) -> Column[Any]:
    return Column(name, Text)


def _instant(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _perhaps(name: str) -> Column[Any]:
    return Column(name, BigInteger)


def _content() -> Column[str]:
    return Column("sha256", String(64), ForeignKey("content.sha256"), nullable=False)


def _fault() -> tuple[Column[Any], ...]:
    return tuple(_maybe(f"fault_{part}") for part in ("kind", "detail", "advice"))


#: Clusters and what is known of each as a whole; `version` is NULL while AXL never answered.
CLUSTER: Final = Table(
    "cluster",
    METADATA,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _maybe("version"),
    _maybe("schema"),
    Column("security_mode", Integer),
    Column("lsc_columns", Boolean),
    Column("throttled", Integer),
)

MODE_CHANGE: Final = Table(
    "mode_change",
    METADATA,
    _id(),
    _cluster(),
    _instant("at"),
    Column("mode_before", Integer),
    Column("mode_after", Integer),
    Index(None, "cluster_id"),
)

#: `last_round` is the last time that the source gave anything at all: what then was as before carries no time of its
#: own and was last seen at that time.
SOURCE_STATE: Final = Table(
    "source_state",
    METADATA,
    _cluster(key=True),
    _word("source", key=True),
    _perhaps("last_success"),
    _perhaps("last_attempt"),
    _perhaps("failing_since"),
    _perhaps("last_round"),
    *_fault(),
)

NODE: Final = Table(
    "node",
    METADATA,
    _cluster(key=True),
    _word("name", key=True),
    _maybe("usage"),
    _maybe("role"),
    _word("services"),
)

#: One row for each phone: by AXL, by RIS (`r_…`, NULL `r_status`: never asked), by TLS (`p_…`; when: `phone_look`).
PHONE: Final = Table(
    "phone",
    METADATA,
    _id(),
    _cluster(),
    _word("name"),
    _word("pkid"),
    _word("description"),
    _word("model"),
    _word("protocol"),
    _maybe("device_pool"),
    _maybe("security_profile"),
    _maybe("security_mode"),
    _maybe("authentication_mode"),
    _maybe("capf_operation"),
    _maybe("capf_status"),
    _word("capf_finish_time"),
    _perhaps("lsc_valid_until"),
    _maybe("lsc_issuer"),
    _perhaps("lsc_issuer_valid_until"),
    _instant("first_seen"),
    _instant("changed_at"),
    _instant("capf_since"),
    _perhaps("retired_at"),
    _maybe("r_status"),
    Column("r_reason", Integer),
    _perhaps("r_changed_at"),
    _maybe("r_node"),
    _maybe("r_address"),
    Column("r_httpd", Boolean),
    _maybe("r_load"),
    _maybe("p_last_fault"),
    _maybe("p_fault"),
    _maybe("p_sha256"),
    _maybe("p_subject_cn"),
    _maybe("p_issuer_cn"),
    _maybe("p_issuer_sha256"),
    _maybe("p_serial"),
    _perhaps("p_not_before"),
    _perhaps("p_not_after"),
    _maybe("p_tls_version"),
    UniqueConstraint("cluster_id", "name"),
)

#: When a phone showed what `phone` has, and when it was last looked at. Apart from `phone`, because that changes with
#: every look, and a row here is a few bytes.
PHONE_LOOK: Final = Table(
    "phone_look",
    METADATA,
    Column("phone_id", _NUMBER, ForeignKey("phone.id", ondelete="CASCADE"), primary_key=True),
    _instant("shown_at"),
    _instant("looked_at"),
)

PHONE_EVENT: Final = Table(
    "phone_event",
    METADATA,
    _id(),
    Column("phone_id", _NUMBER, ForeignKey("phone.id", ondelete="CASCADE"), nullable=False),
    _instant("at"),
    _word("source"),
    _word("field"),
    _maybe("value_before"),
    _maybe("value_after"),
    Index(None, "phone_id", "id"),
    Index(None, "at"),
)

#: Trust lists and certificates, each once however often it is served.
CONTENT: Final = Table(
    "content",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

LIST_VERSION: Final = Table(
    "list_version",
    METADATA,
    _id(),
    _cluster(),
    _word("node"),
    _word("kind"),
    _content(),
    _instant("first_seen"),
    _instant("last_seen"),
    Index(None, "cluster_id", "node", "kind", "id"),
    Index(None, "sha256"),
)

#: How it stands with each list; `asked` is false for a node that is no longer asked.
SERVED_LIST: Final = Table(
    "served_list",
    METADATA,
    _cluster(key=True),
    _word("node", key=True),
    _word("kind", key=True),
    Column("asked", Boolean, nullable=False),
    Column("version_id", _NUMBER, ForeignKey("list_version.id")),
    _perhaps("absent_since"),
    *_fault(),
    Index(None, "version_id"),
)

CERTIFICATE: Final = Table(
    "certificate",
    METADATA,
    _id(),
    _cluster(),
    _word("source"),
    _word("node"),
    _word("place"),
    _content(),
    _instant("first_seen"),
    _instant("last_seen"),
    _perhaps("gone_at"),
    UniqueConstraint("cluster_id", "source", "node", "place", "sha256"),
    Index(None, "sha256"),
)

PORT: Final = Table(
    "port",
    METADATA,
    _cluster(key=True),
    _word("node", key=True),
    _word("port", key=True),
    _instant("since"),
    *_fault(),
)

CAPF_PROFILE: Final = Table(
    "capf_profile",
    METADATA,
    _cluster(key=True),
    _word("kind", key=True),
    _word("pkid", key=True),
    _word("owner"),
    _word("instance_id"),
    _maybe("operation"),
    _maybe("status"),
    _word("finish_time"),
    _instant("since"),
)

#: How it stands with each node that a source asks by itself. `answered_at` is NULL where it answered everything in the
#: last round, or never anything.
NODE_STATE: Final = Table(
    "node_state",
    METADATA,
    _cluster(key=True),
    _word("source", key=True),
    _word("node", key=True),
    _perhaps("answered_at"),
    _instant("since"),
    *_fault(),
)

#: What a node says of itself: `value` is a JSON object whose shape goes by `kind`.
NODE_FACT: Final = Table(
    "node_fact",
    METADATA,
    _cluster(key=True),
    _word("source", key=True),
    _word("node", key=True),
    _word("kind", key=True),
    _word("item", key=True),
    _word("value"),
    _instant("since"),
)

#: What a phone's pages say. `read_at` is when what stands here was read, `looked_at` when they were last looked at.
PHONE_PAGE: Final = Table(
    "phone_page",
    METADATA,
    Column("phone_id", _NUMBER, ForeignKey("phone.id", ondelete="CASCADE"), primary_key=True),
    _instant("read_at"),
    _instant("looked_at"),
    _maybe("fault"),
    _maybe("ctl_hash"),
    _maybe("itl_hash"),
    _maybe("security_mode"),
    _maybe("serial"),
    _maybe("load"),
)

#: Accounts that a cluster has refused, by what the settings call them. `digest` tells whether user and password have
#: changed since, and what they are to nobody; how it was made stands in `method`.
REFUSAL: Final = Table(
    "refusal",
    METADATA,
    _cluster(key=True),
    _word("account", key=True),
    _word("interface"),
    _instant("refused_at"),
    _word("method"),
    Column("salt", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

#: What was done to clusters and by whom. Not bound to a cluster's row: forgetting a cluster forgets nothing of it.
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("number", _NUMBER, primary_key=True),
    _instant("at"),
    _word("who"),
    _word("event"),
    _word("cluster"),
    _word("detail"),
    Column("before", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

#: Plans as they were approved, byte by byte. Like the audit log, they and rollouts outlive what is known of a cluster.
PLAN: Final = Table(
    "plan",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    _word("id"),
    _word("cluster"),
    Column("data", LargeBinary, nullable=False),
    _instant("kept_at"),
)

PLAN_APPROVAL: Final = Table(
    "plan_approval",
    METADATA,
    Column("sha256", String(64), ForeignKey("plan.sha256"), primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    _word("name"),
    _instant("at"),
)

ROLLOUT: Final = Table(
    "rollout",
    METADATA,
    Column("number", _NUMBER, primary_key=True),
    Column("plan", String(64), ForeignKey("plan.sha256"), nullable=False),
    _word("plan_id"),
    _word("cluster"),
    _instant("started_at"),
    _word("started_by"),
    _perhaps("ended_at"),
    _perhaps("baseline"),
    _word("head"),
    # One at a time on each cluster.
    Index(
        "uq_rollout_open",
        "cluster",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

ROLLOUT_PHONE: Final = Table(
    "rollout_phone",
    METADATA,
    Column("rollout", _NUMBER, ForeignKey("rollout.number"), primary_key=True),
    Column("place", Integer, primary_key=True),
    _word("state"),
    _word("value"),
)

FINDING: Final = Table(
    "finding",
    METADATA,
    _id(),
    _cluster(),
    _word("code"),
    _word("subject"),
    _word("severity"),
    _word("summary"),
    _word("so_what"),
    _word("what_to_do"),
    _word("evidence"),
    Column("things", Integer),
    _instant("opened_at"),
    _instant("updated_at"),
    _perhaps("closed_at"),
    Index(None, "cluster_id", "closed_at"),
    # One open finding for each code and subject.
    Index(
        "uq_finding_open",
        "cluster_id",
        "code",
        "subject",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)
