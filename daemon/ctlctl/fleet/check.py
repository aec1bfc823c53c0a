"""One line for a monitoring system, in the form and with the codes of the Monitoring Plugins guidelines."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ctlctl.fleet.rollouttext import severity
from ctlctl.fleet.words import plural, span
from ctlctl.terminal import printable

_OK, _WARNING, _CRITICAL, _UNKNOWN = 0, 1, 2, 3
_WORDS: Final = {_OK: "OK", _WARNING: "WARNING", _CRITICAL: "CRITICAL", _UNKNOWN: "UNKNOWN"}
_CODES: Final = {"critical": _CRITICAL, "warning": _WARNING, "unknown": _UNKNOWN}
#: Worst first: a known outage outranks what nobody can tell, and that outranks a warning.
_ORDER: Final = (_CRITICAL, _UNKNOWN, _WARNING, _OK)
_SOURCE: Final = "axl"


def nagios_lines(answer: Mapping[str, Any], *, live: bool) -> tuple[int, list[str]]:
    """Judge an answer to the question "status".

    Args:
        answer: the answer.
        live: whether a running daemon gave it; what a snapshot says is never OK.

    Returns:
        The code, and the lines: one with performance data, then one for each finding.
    """
    found = [
        (_CODES[one["severity"]], f"{cluster['name']}: {one['code']} {one['subject']}".rstrip(), one["summary"])
        for cluster in answer["clusters"]
        for one in cluster["findings"]
        if one["severity"] in _CODES
    ]
    found += [
        (_CODES[worst], f"{cluster['name']}: rollout {one['plan']} {one['mode']}", _why(one))
        for cluster in answer["clusters"]
        for one in cluster.get("rollouts") or ()
        if (worst := severity(one)) is not None
    ]
    found += [
        (_UNKNOWN, f"{name}: not looked at yet", "it is in the settings, and nothing is known of it")
        for name in answer.get("not_looked_at") or ()
    ]
    if not live:
        oldest = min((cluster["at"] for cluster in answer["clusters"]), default=None)
        age = "" if oldest is None else f" {span(answer['at'] - oldest)} ago"
        found.append((_UNKNOWN, "no running ctld told it", f"all of this is what it knew{age}"))
    codes = {code for code, _, _ in found}
    if not answer["clusters"]:
        codes.add(_UNKNOWN)
    code = next((one for one in _ORDER if one in codes), _OK)
    found.sort(key=lambda one: _ORDER.index(one[0]))
    words = [short for _, short, _ in found] or [_nothing(answer)]
    shown = "; ".join(words[:3]) + (f"; and {len(words) - 3} more" if len(words) > 3 else "")
    lines = [f"{_WORDS[code]} - {printable(shown).replace('|', '/')} | {_figures(answer, found)}"]
    lines += [f"{_WORDS[one]}: {printable(f'{short}: {summary}').replace('|', '/')}" for one, short, summary in found]
    return code, lines


def _why(rollout: Mapping[str, Any]) -> str:
    if rollout["mode"] == "halted":
        return f"{rollout['halt']}: {rollout['words']}"
    return f"nobody carries it out: {rollout.get('idle') or 'why is not known'}"


def _nothing(answer: Mapping[str, Any]) -> str:
    if not answer["clusters"]:
        return "no cluster has been looked at yet"
    oldest = max(
        answer["at"] - (one["sources"].get(_SOURCE, {}).get("last_success") or 0) for one in answer["clusters"]
    )
    return f"{plural(len(answer['clusters']), 'cluster')}, nothing to report, oldest look {span(oldest)} ago"


def _figures(answer: Mapping[str, Any], found: Iterable[tuple[int, str, str]]) -> str:
    phones = sum(cluster["numbers"]["phones"] for cluster in answer["clusters"])
    counts = Counter(code for code, _, _ in found)
    return " ".join([f"phones={phones}", *(f"{severity}={counts[code]}" for severity, code in _CODES.items())])
