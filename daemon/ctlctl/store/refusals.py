"""Accounts that a cluster has refused, so that none is tried again with the same password after a restart."""

from sqlalchemy import Connection, delete, insert, select

from ctlctl.store.rounds import cluster_id_of, made_cluster
from ctlctl.store.schema import REFUSAL
from ctlctl.store.values import StoredRefusal


def keep_refusal(connection: Connection, cluster: str, refusal: StoredRefusal) -> None:
    """Write a refusal in place of an earlier one of the same account; a cluster that is new is made."""
    cluster_id = made_cluster(connection, cluster)
    _forget(connection, cluster_id, refusal.account)
    values = {
        "cluster_id": cluster_id,
        "account": refusal.account,
        "interface": refusal.interface,
        "refused_at": refusal.at,
        "method": refusal.method,
        "salt": refusal.salt,
        "digest": refusal.digest,
    }
    connection.execute(insert(REFUSAL).values(values))


def forget_refusal(connection: Connection, cluster: str, account: str) -> None:
    """Remove what is remembered of an account."""
    cluster_id = cluster_id_of(connection, cluster)
    if cluster_id is not None:
        _forget(connection, cluster_id, account)


def read_refusal(connection: Connection, cluster_id: int, account: str) -> StoredRefusal | None:
    """Read the refusal of an account; None for one that was not refused."""
    query = select(REFUSAL).where(REFUSAL.c.cluster_id == cluster_id, REFUSAL.c.account == account)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return StoredRefusal(row.account, row.interface, row.refused_at, row.method, row.salt, row.digest)


def _forget(connection: Connection, cluster_id: int, account: str) -> None:
    connection.execute(delete(REFUSAL).where(REFUSAL.c.cluster_id == cluster_id, REFUSAL.c.account == account))
