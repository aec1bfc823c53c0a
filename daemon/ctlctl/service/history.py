"""Questions that only the store can answer: what was before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ctlctl.act.audit import AuditFilter, to_line
from ctlctl.fleet.answers import AnswerError
from ctlctl.fleet.auditwords import phone_patterns

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
        words: the filters ``cluster``, ``since`` (seconds since 1970) and ``phone`` (names with * and ?, with commas);
            ``first``, the number from which on; or ``newest``, how many entries in all the pieces to come, the newest
            of those that are meant. The answer's ``next`` is the ``first`` of the next piece, ``left_out`` how many
            are meant and older than the first of the ``newest``.
        now: the clock.

    Raises:
        AnswerError: the question makes no sense.
        StoreError: the store cannot be read.
    """
    first = _number(words.get("first", "1"), "number of an entry")
    since = _number(words["since"], "instant") if "since" in words else None
    phones = phone_patterns(words["phone"]) if "phone" in words else ()
    wanted = AuditFilter(words.get("cluster", ""), since, phones)
    left_out = 0
    if "newest" in words:
        most = _number(words["newest"], "number of entries")
        if not most:
            raise AnswerError("newest: one entry at least")
        first, left_out = store.newest_of_audit_log(most, wanted)
    entries = store.audit_log(first, AUDIT_PIECE, wanted)
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
    ]
    following = entries[-1].number + 1 if len(entries) == AUDIT_PIECE else None
    return {
        "schema": "ctlctl.audit-log/1",
        "at": int(now),
        "total": len(rows),
        "offset": 0,
        "left_out": left_out,
        "rows": rows,
        "next": following,
    }


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise AnswerError(f"{text[:40]!r} is no {what}")
    return int(text)
