"""Questions about clusters, answered from their documents: the same in the daemon and from a snapshot.

Each answer is a JSON object with a ``schema`` of its own. Filters are words as the command line has them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol, TypeAlias

from ctlctl.fleet.filters import mistake

Words: TypeAlias = Mapping[str, str]
Answer: TypeAlias = dict[str, Any]

#: Rows of one page unless more are asked for.
DEFAULT_LIMIT: Final = 1_000_000
#: Characters of a filter, and how many words may stand in it with commas between: each is held against every row.
_MAX_FILTER: Final = 4000
_MAX_ALTERNATIVES: Final = 200
_DAY: Final = 86_400
_SEVERITIES: Final = ("critical", "warning", "unknown", "info")


class AnswerError(Exception):
    """The question makes no sense; the text says why."""


class NoSuchError(AnswerError):
    """What was asked for is not there."""


class Fleet(Protocol):
    """Where documents come from; `ctlctl.fleet.files.SnapshotFiles` is one."""

    def clusters(self) -> list[dict[str, Any]]:
        """Return the documents of all clusters."""

    def cluster(self, name: str) -> dict[str, Any] | None:
        """Return one cluster's document, or None."""

    def phones(self, name: str) -> Iterator[dict[str, Any]]:
        """Give the phones of a cluster."""

    def phone(self, name: str, device: str) -> dict[str, Any] | None:
        """Return one phone, or None."""


def answer(fleet: Fleet, ask: str, words: Words, now: float) -> Answer:
    """Answer one question.

    Args:
        fleet: where documents come from.
        ask: the question, one of `QUESTIONS`.
        words: filters.
        now: instant of the answer, seconds since 1970.

    Raises:
        AnswerError: the question makes no sense, or what it is about is not there.
    """
    found = _QUESTIONS.get(ask)
    if found is None:
        raise AnswerError(f"{ask!r} is no question; there are: {', '.join(sorted(_QUESTIONS))}")
    for name, text in words.items():
        if len(text) > _MAX_FILTER or text.count(",") >= _MAX_ALTERNATIVES:
            most = f"{_MAX_FILTER} characters and {_MAX_ALTERNATIVES} words at most"
            raise AnswerError(f"{name[:40]!r} is too long: {most}; ask without it, and filter what comes")
    wrong = mistake(ask, words)
    if wrong:
        raise AnswerError(wrong)
    return {"schema": f"ctlctl.{ask}/1", "at": int(now), **found(fleet, words, now)}


def _clusters(fleet: Fleet, words: Words) -> list[dict[str, Any]]:
    wanted = words.get("cluster", "")
    if not wanted:
        return fleet.clusters()
    return [_cluster(fleet, wanted)]


def _cluster(fleet: Fleet, name: str) -> dict[str, Any]:
    found = fleet.cluster(name)
    if found is None:
        known = ", ".join(sorted(one["name"] for one in fleet.clusters())) or "none"
        raise NoSuchError(f"no cluster {name!r} has been looked at yet; there are: {known}")
    return found


def _status(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    wanted = (
        "name",
        "lab",
        "at",
        "version",
        "security_mode",
        "nodes",
        "sources",
        "findings",
        "numbers",
        "lists",
        "rollouts",
    )
    return {"clusters": [{key: one.get(key) for key in wanted} for one in _clusters(fleet, words)]}


def _cluster_status(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    return {"cluster": _cluster(fleet, words.get("cluster", ""))}


def _number(words: Words, name: str, default: int) -> int:
    text = words.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9:
        raise AnswerError(f"{name}: {text!r} is no number")
    return int(text)


def _page(rows: Iterable[dict[str, Any]], words: Words) -> Answer:
    """Return one page of rows and how many there are in all."""
    first, limit = _number(words, "offset", 0), _number(words, "limit", DEFAULT_LIMIT)
    page, total = [], 0
    for total, row in enumerate(rows, 1):
        if first < total <= first + limit:
            page.append(row)
    return {"total": total, "offset": first, "rows": page}


def _matches(row: Mapping[str, Any], words: Words, *names: str) -> bool:
    """Tell whether a row has what the words want; a word may have the wildcards * and ?, and several with commas."""
    for name in names:
        wanted = words.get(name, "")
        if wanted:
            value = str(row.get(name) or "none").lower()
            if not any(fnmatchcase(value, one.strip().lower()) for one in wanted.split(",")):
                return False
    return True


def _of_clusters(fleet: Fleet, words: Words, key: str) -> Iterator[dict[str, Any]]:
    for one in _clusters(fleet, words):
        for row in one.get(key) or ():
            yield {"cluster": one["name"], **row}


def _certs(fleet: Fleet, words: Words, now: float) -> Answer:
    days = _number(words, "within", 0)
    rows = (
        row
        for row in _of_clusters(fleet, words, "certificates")
        if _matches(row, words, "node", "unit", "store") and (not days or row["not_after"] <= now + days * _DAY)
    )
    return _page(sorted(rows, key=lambda row: (row["not_after"], row["cluster"], row["node"], row["unit"])), words)


def _nodes(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    rows = (row for row in _of_clusters(fleet, words, "nodes") if _matches(row, words, "name", "usage"))
    return _page(rows, words)


def _services(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    rows = (row for row in _of_clusters(fleet, words, "services") if _matches(row, words, "node", "name", "status"))
    return _page(rows, words)


def _enrolments(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    rows = (row for row in _of_clusters(fleet, words, "enrolments") if _matches(row, words, "name", "user", "state"))
    return _page(rows, words)


def _stale_lscs(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    return _page(_of_clusters(fleet, words, "stale_lscs"), words)


def _lists(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    rows = (row for row in _of_clusters(fleet, words, "lists") if _matches(row, words, "node", "kind", "verdict"))
    return _page(rows, words)


def _findings(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    rows = (
        row for row in _of_clusters(fleet, words, "findings") if _matches(row, words, "code", "severity", "subject")
    )
    order = {severity: number for number, severity in enumerate(_SEVERITIES)}
    return _page(sorted(rows, key=lambda row: (order.get(row["severity"], 9), row["cluster"], row["opened_at"])), words)


_PHONE_WORDS: Final = (
    "name",
    "model",
    "family",
    "protocol",
    "device_pool",
    "security_profile",
    "security_mode",
    "credential",
    "credential_issuer",
    "capf_status",
    "capf_operation",
)


def _phone_wanted(row: Mapping[str, Any], words: Words, now: float) -> bool:
    if not _matches(row, words, *_PHONE_WORDS):
        return False
    registration = row.get("registration") or {}
    if words.get("registration") and not _matches({"registration": registration.get("status")}, words, "registration"):
        return False
    if words.get("node") and not _matches({"node": registration.get("node")}, words, "node"):
        return False
    if words.get("not_taken") and not any(
        _matches({"not_taken": kind}, words, "not_taken") for kind in row.get("not_taken") or ()
    ):
        return False
    if words.get("contradiction") and not row.get("contradiction"):
        return False
    days = _number(words, "within", 0)
    if not days:
        return True
    ends = row.get("credential_ends")
    return ends is not None and ends <= now + days * _DAY


def _phones(fleet: Fleet, words: Words, now: float) -> Answer:
    cluster = _cluster(fleet, words.get("cluster", ""))
    rows = (row for row in fleet.phones(cluster["name"]) if _phone_wanted(row, words, now))
    return {"cluster": cluster["name"], "sources": cluster["sources"], **_page(rows, words)}


def _phone(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    cluster = _cluster(fleet, words.get("cluster", ""))
    device = words.get("name", "")
    found = fleet.phone(cluster["name"], device) or fleet.phone(cluster["name"], device.upper())
    if found is None:
        raise NoSuchError(f"{cluster['name']} has no phone {device!r}")
    lists = [
        {"kind": one["kind"], "first_seen": one["first_seen"], "signed_at": one["signed_at"], "verdict": one["verdict"]}
        for one in cluster["lists"]
    ]
    return {"cluster": cluster["name"], "sources": cluster["sources"], "lists": lists, "phone": found}


def _capf(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    counts: list[dict[str, Any]] = []
    for one in _clusters(fleet, words):
        counts += [{"cluster": one["name"], **row} for row in one["numbers"]["capf"]]
    profiles = (
        row for row in _of_clusters(fleet, words, "capf_profiles") if _matches(row, words, "kind", "user", "status")
    )
    return {"counts": counts, **_page(profiles, words)}


def _profiles(fleet: Fleet, words: Words, now: float) -> Answer:
    found = _capf(fleet, words, now)
    del found["counts"]
    return found


def _models(fleet: Fleet, words: Words, now: float) -> Answer:
    """Count phones by family and credential: what a rollout has before it."""
    del now
    cluster = _cluster(fleet, words.get("cluster", ""))
    counts = Counter((row["family"], row["credential"]) for row in fleet.phones(cluster["name"]))
    rows = [{"family": family, "credential": state, "count": count} for (family, state), count in counts.items()]
    return {
        "cluster": cluster["name"],
        **_page(sorted(rows, key=lambda row: (row["family"], row["credential"])), words),
    }


def _refused(fleet: Fleet, words: Words, now: float) -> Answer:
    del now
    document = _cluster(fleet, words.get("cluster", ""))
    return {"cluster": document["name"], "rows": document.get("refused", [])}


_QUESTIONS: Final[Mapping[str, Callable[[Fleet, Words, float], Answer]]] = {
    "status": _status,
    "cluster-status": _cluster_status,
    "cert-list": _certs,
    "trustlist-list": _lists,
    "finding-list": _findings,
    "phone-list": _phones,
    "phone-show": _phone,
    "phone-models": _models,
    "capf-list": _capf,
    "capf-profile-list": _profiles,
    "capf-stale-lsc": _stale_lscs,
    "capf-enrolments": _enrolments,
    "node-list": _nodes,
    "service-list": _services,
    "refused-accounts": _refused,
}

#: What can be asked.
QUESTIONS: Final = frozenset(_QUESTIONS)
