"""Questions that only the store can answer: what was before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ctlctl.act.audit import to_line
from ctlctl.fleet.answers import AnswerError

if TYPE_CHECKING:
    from ctlctl.store.store import Store

_LIMIT = 1000
#: Entries of the audit log in one answer, and digits of a number that SQLite can hold.
AUDIT_PIECE = 5000
_MAX_DIGITS = 18


def list_history(store: "Store", words: Mapping[str, str], now: float) -> dict[str, Any]:
    """Return every version of trust lists that was ever seen, newest first.

    Raises:
        AnswerError: the question makes no sense.
        StoreError: the store cannot be read.
    """
    cluster = words.get("cluster", "")
    kind = words.get("kind", "")
    if kind not in {"", "ctl", "itl"}:
        raise AnswerError(f"{kind!r} is no kind of list: ctl or itl")
    kept = sorted(
        store.list_history(cluster, words.get("node") or None, kind or None),
        key=lambda one: (one.node, one.kind, -one.version.first_seen),
    )
    rows = [
        {
            "cluster": cluster,
            "node": one.node,
            "kind": one.kind,
            "sha256": one.version.sha256,
            "size": len(one.version.data),
            "first_seen": one.version.first_seen,
            "last_seen": one.version.last_seen,
        }
        for one in kept
    ]
    return {"schema": "ctlctl.trustlist-history/1", "at": int(now), "total": len(rows), "offset": 0, "rows": rows}


def phone_history(store: "Store", words: Mapping[str, str], now: float) -> dict[str, Any]:
    """Return what changed about a phone, newest first.

    Raises:
        StoreError: the store cannot be read.
    """
    cluster, name = words.get("cluster", ""), words.get("name", "")
    rows = [
        {"at": one.at, "source": one.source.value, "field": one.field, "old": one.old, "new": one.new}
        for one in store.phone_history(cluster, name, _LIMIT)
    ]
    return {"schema": "ctlctl.phone-history/1", "at": int(now), "cluster": cluster, "name": name, "rows": rows}


def audit_answer(store: "Store", words: Mapping[str, str], now: float) -> dict[str, Any]:
    """Return a piece of the audit log, oldest first: what each entry says, and the line by which it can be checked.

    A large rollout has some hundred thousand entries: all of them at once would take a gigabyte.

    Args:
        store: where it is.
        words: ``cluster``, and ``first``, the number from which on; the answer's ``next`` is that of the next piece.
        now: the clock.

    Raises:
        AnswerError: the question makes no sense.
        StoreError: the store cannot be read.
    """
    cluster, first = words.get("cluster", ""), words.get("first", "1")
    if not first.isascii() or not first.isdecimal() or len(first) > _MAX_DIGITS:
        raise AnswerError(f"{first[:40]!r} is no number of an entry")
    entries = store.audit_log(int(first), AUDIT_PIECE)
    rows = [
        {
            "number": one.number,
            "at": one.at,
            "who": one.who,
            "event": one.event,
            "cluster": one.cluster,
            "detail": dict(one.detail),
            "line": to_line(one),
        }
        for one in entries
        if not cluster or one.cluster == cluster
    ]
    following = entries[-1].number + 1 if len(entries) == AUDIT_PIECE else None
    return {
        "schema": "ctlctl.audit-log/1",
        "at": int(now),
        "total": len(rows),
        "offset": 0,
        "rows": rows,
        "next": following,
    }
