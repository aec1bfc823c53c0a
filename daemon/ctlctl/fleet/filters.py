"""The words that filters can have where there are only so many: one that is misspelt must not look like "none"."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

_LISTS: Final = ("ctl", "itl")
_USERS: Final = ("application-user", "end-user")
#: By question and filter, written out so that no command pays for the judging of clusters; a test holds them. What a
#: cluster may spell as it likes (models, pools, services) is not in here.
VOCABULARY: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "phone-list": {
        "credential": ("lsc", "lsc-expiring", "lsc-expired", "mic", "mic-suspected", "none", "unknown"),
        "registration": ("Registered", "UnRegistered", "Rejected", "PartiallyRegistered", "Unknown", "none"),
        "not_taken": _LISTS,
    },
    "finding-list": {"severity": ("critical", "warning", "unknown", "info"), "code": ()},
    "trustlist-list": {
        "kind": _LISTS,
        "verdict": ("valid", "self-consistent", "stale", "invalid", "absent", "undecided"),
    },
    "cert-list": {"store": ("identity", "trust")},
    "capf-list": {"kind": _USERS},
    "capf-profile-list": {"kind": _USERS},
    "capf-enrolments": {"state": ("fresh", "due", "failing", "refused", "expired", "missing", "unknown")},
}


def mistake(ask: str, words: Mapping[str, str]) -> str:
    """Return what is wrong with the words of filters; "" where every one can mean something.

    Args:
        ask: the question.
        words: its filters; each may have the wildcards * and ?, and several with commas.
    """
    for name, known in VOCABULARY.get(ask, {}).items():
        for word in words.get(name, "").split(",") if words.get(name) else ():
            wanted = word.strip().lower()
            if name == "code":
                wrong = _no_code(wanted)
            else:
                is_one = any(fnmatchcase(one.lower(), wanted) for one in known)
                wrong = "" if is_one else f"none of {', '.join(known)}"
            if wrong:
                return f"--{name.replace('_', '-')}: {word.strip()!r} is {wrong}"
    return ""


def _no_code(wanted: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only who filters by a code pays

    from ctlctl.assess.model import ClusterCode  # noqa: PLC0415 - see above

    codes = [code.value for code in ClusterCode]
    if any(fnmatchcase(code, wanted) for code in codes):
        return ""
    close = get_close_matches(wanted, codes, 1)
    return f"no code{f' (is {close[0]} meant?)' if close else ''}; docs/findings.md lists all"
