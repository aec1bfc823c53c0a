"""`ctlctl status` and `phone show` for a person: worst first, 80 columns, the next command behind every problem."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ctlctl.fleet.rollouttext import brief_lines, severity
from ctlctl.fleet.words import ago, day, left, minute, plural, span
from ctlctl.inventory.words import Source
from ctlctl.terminal import paint, pasteable, printable

_WIDTH: Final = 80
#: Words in quotes, and what stands for their blanks while a command is wrapped: printable, and in no name of anything.
_QUOTED: Final = re.compile(r"'[^']*'")
_HELD: Final = "\u2420"
_COLOURS: Final = {"critical": "red", "warning": "yellow", "unknown": "yellow", "info": "bold"}
_SHOWN: Final = ("critical", "warning", "unknown")
_MODES: Final = {0: "non-secure", 1: "mixed mode", None: "security mode unknown"}
_CREDENTIALS: Final = (
    ("lsc", "LSC"),
    ("lsc-expiring", "LSC expiring"),
    ("lsc-expired", "LSC expired"),
    ("mic", "MIC"),
    ("mic-suspected", "MIC suspected"),
    ("none", "none"),
    ("unknown", "unknown"),
)
_NAMES: Final = {"axl": "AXL", "ris": "RIS", "phone-tls": "a look at the phone"}
_LOOK: Final = "phone-tls"
_FOREIGN: Final = "one that no node was ever seen to serve, by its page"
#: Sources without which next to nothing is known.
_MAIN: Final = "axl"


def status_lines(
    answer: Mapping[str, Any], *, colour: bool, everything: bool = False, live: bool = True
) -> Iterator[str]:
    """Give the lines of `ctlctl status`.

    Args:
        answer: to the question "status"; `not_looked_at` in it names clusters of which nothing is known yet.
        colour: whether colours repeat what words say.
        everything: whether findings of severity info are shown too.
        live: whether a running daemon gave the answer; what a snapshot says is never ok.
    """
    now = answer["at"]
    counts = dict.fromkeys(_SHOWN, 0)
    unreachable = 0
    clusters = sorted(answer["clusters"], key=_worst)
    for cluster in clusters:
        yield from _cluster(cluster, now, colour=colour, everything=everything, live=live)
        yield ""
        for finding in cluster["findings"]:
            if finding["severity"] in counts:
                counts[finding["severity"]] += 1
        for worst in filter(None, map(severity, cluster.get("rollouts") or ())):
            counts[worst] += 1
        counts["unknown"] += not live
        unreachable += _away(cluster) is not None
    missing = answer.get("not_looked_at") or ()
    for name in missing:
        yield f"{paint(printable(name), 'bold', on=colour)}  in the settings, and not looked at yet"
        yield "      → If that lasts: systemctl reload ctld, then read its journal"
        yield ""
    counts["unknown"] += len(missing)
    words = [plural(len(clusters) + len(missing), "cluster")]
    words += [
        f"{count} {severity}{'s' if severity == 'warning' and count != 1 else ''}"
        for severity, count in counts.items()
        if count
    ]
    if unreachable:
        words.append(f"{unreachable} unreachable")
    if len(words) == 1 and clusters:
        words.append("nothing to report")
    yield " · ".join(words)


def _worst(cluster: Mapping[str, Any]) -> tuple[int, str]:
    order = {severity: number for number, severity in enumerate(_SHOWN)}
    found = [order[one["severity"]] for one in cluster["findings"] if one["severity"] in order]
    found += [order[worst] for worst in map(severity, cluster.get("rollouts") or ()) if worst is not None]
    return min(found, default=9), cluster["name"]


def _away(cluster: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the state of the main source where it fails, else None."""
    source = cluster["sources"].get(_MAIN)
    return source if source is not None and source["fault"] is not None else None


def _cluster(cluster: Mapping[str, Any], now: float, *, colour: bool, everything: bool, live: bool) -> Iterator[str]:
    source = cluster["sources"].get(_MAIN) or {}
    version = "CUCM " + cluster["version"] if cluster["version"] else "version unknown"
    phones = plural(cluster["numbers"]["phones"], "phone")
    head = (
        f"{cluster['name']}  {version} · {_MODES.get(cluster['security_mode'], 'security mode unknown')} · "
        f"{plural(len(cluster['nodes']), 'node')} · {phones}"
    )
    away = _away(cluster)
    seen = (
        f"seen {ago(source.get('last_success'), now)}"
        if away is None
        else f"unreachable for {span(now - away['failing_since'])}"
    )
    gap = _WIDTH - len(head) - len(seen)
    yield paint(printable(head), "bold", on=colour) + (" " * gap if gap > 1 else "  ") + seen
    if away is not None:
        yield from _wrapped("  ", f"{away['fault']['detail']}", 4)
        yield pasteable(f"      → ctlctl cluster doctor {cluster['name']}")
    yield f"  phones     {_credentials(cluster['numbers']['credentials'])}"
    yield f"  registered {_registered(cluster['numbers']['registrations'])}"
    yield f"  lists      {_lists(cluster['lists'])}"
    silent = [source.value for source in Source if source not in cluster["sources"]]
    if silent:
        yield from _wrapped("  not asked  ", ", ".join(silent), 13)
    for rollout in cluster.get("rollouts") or ():
        yield from map(pasteable, brief_lines(rollout, now, colour=colour))
    if not live:
        label = paint(f"{'UNKNOWN':<9}", _COLOURS["unknown"], on=colour)
        yield f"  {label}  all of this is as it was {ago(cluster['at'], now)}: no running ctld told it"
    shown = [one for one in cluster["findings"] if everything or one["severity"] in _SHOWN]
    for finding in shown:
        yield from _finding(finding, now, colour=colour)
    badly = any(map(severity, cluster.get("rollouts") or ()))
    if live and not shown and away is None and not badly:
        whole = "nothing critical, nothing to warn of, nothing unknown"
        yield f"  ok         {'nothing critical, to warn of or unknown in what was asked' if silent else whole}"


def _credentials(counts: Mapping[str, int]) -> str:
    words = [f"{counts[key]:,} {name}" for key, name in _CREDENTIALS if counts.get(key)]
    return " · ".join(words) or "none known"


def _registered(counts: Mapping[str, int]) -> str:
    if not counts:
        return "not asked yet"
    known = sum(counts.values())
    others = ", ".join(
        f"{count:,} {status}" for status, count in sorted(counts.items()) if status != "Registered" and count
    )
    return f"{counts.get('Registered', 0):,} of {known:,}" + (f" ({others})" if others else "")


def _lists(lists: list[Mapping[str, Any]]) -> str:
    if not lists:
        return "none fetched yet"
    parts = []
    for kind in ("ctl", "itl"):
        verdicts: dict[str, int] = {}
        for one in lists:
            if one["kind"] == kind:
                verdicts[one["verdict"]] = verdicts.get(one["verdict"], 0) + 1
        if verdicts:
            said = ", ".join(f"{verdict} on {plural(count, 'node')}" for verdict, count in sorted(verdicts.items()))
            parts.append(f"{kind.upper()} {said}")
    return " · ".join(parts)


def _finding(finding: Mapping[str, Any], now: float, *, colour: bool) -> Iterator[str]:
    severity = finding["severity"]
    label = paint(f"{severity.upper():<9}", _COLOURS[severity], on=colour)
    subject = f" {finding['subject']}" if finding["subject"] else ""
    since = f"since {ago(finding['opened_at'], now).removesuffix(' ago')}"
    yield f"  {label}  {paint(finding['code'], 'bold', on=colour)}{printable(subject)}  ({since})"
    yield from _wrapped("             ", f"{finding['summary']} {finding['so_what']}", 13)
    for advice in finding["do"]:
        yield from _advice(advice)


def _advice(text: str) -> Iterator[str]:
    """Give the lines of one act; a command that is longer than a line can be copied as it stands."""
    if not text.startswith("ctlctl "):
        yield from _wrapped("           → ", text, 13)
        return
    # What stands in quotes is one word: a backslash within them would not join the lines.
    text = _QUOTED.sub(lambda quoted: quoted[0].replace(" ", _HELD), pasteable(text))
    *first, last = (line.replace(_HELD, " ") for line in _wrapped("           → ", text, 15, _WIDTH - 2))
    yield from (f"{line} \\" for line in first)
    yield last


def _wrapped(first: str, text: str, indent: int, width: int = _WIDTH) -> Iterator[str]:
    yield from textwrap.wrap(
        printable(pasteable(text)),
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def phone_lines(answer: Mapping[str, Any], *, colour: bool) -> Iterator[str]:
    """Give the lines of `ctlctl phone show`.

    Args:
        answer: to the question "phone-show".
        colour: whether colours repeat what words say.
    """
    now, phone, sources = answer["at"], answer["phone"], answer["sources"]
    head = [phone["model"] or "model unknown", phone["protocol"], phone["security_mode"] or "security mode unknown"]
    head += [
        f'"{phone["security_profile"]}"' if phone["security_profile"] else "no profile",
        phone["device_pool"] or "no pool",
    ]
    yield paint(printable(phone["name"]), "bold", on=colour) + "  " + printable(" · ".join(map(str, head)))
    if phone["description"]:
        yield f"  {printable(phone['description'])}"
    yield from _labelled("registration", _where(phone["registration"], sources, now))
    yield from _labelled("credential", _credential(phone, sources, now))
    if phone["contradiction"]:
        yield from _labelled("", f"CONTRADICTION: {phone['contradiction']}")
    if phone["mic_ends"]:
        yield from _labelled("MIC", f"ends {day(phone['mic_ends'])} ({left(phone['mic_ends'], now)})")
    yield from _labelled("seen by TLS", _probe(phone, now))
    yield from _labelled("trust lists", _taken(phone, answer["lists"]))
    yield from _labelled("its pages", _page(phone.get("page"), now))
    yield from _labelled("CAPF", _capf(phone, now))


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"  {label:<13}", text, 15)


def _said(sources: Mapping[str, Any], name: str, now: float) -> str:
    return f"{_NAMES.get(name, name)}, {ago((sources.get(name) or {}).get('last_success'), now)}"


def _where(registration: Mapping[str, Any] | None, sources: Mapping[str, Any], now: float) -> str:
    if registration is None:
        return "unknown: RIS was not asked for it yet"
    node = f" at {registration['node']}" if registration["node"] else ""
    since = f" since {minute(registration['changed_at'])}" if registration["changed_at"] else ""
    address = f" · {registration['address']}" if registration["address"] else ""
    web = {True: "web server on", False: "web server off", None: "web server unknown"}[registration["httpd"]]
    return f"{registration['status']}{node}{since}{address} · {web}   (from {_said(sources, 'ris', now)})"


def _credential(phone: Mapping[str, Any], sources: Mapping[str, Any], now: float) -> str:
    words = [phone["credential"]]
    if phone["credential_issuer"]:
        words.append(phone["credential_issuer"])
    if phone["credential_ends"]:
        words.append(f"ends {day(phone['credential_ends'])} ({left(phone['credential_ends'], now)})")
        probe = phone["probe"]
        if probe is not None and (probe["not_after"] or 0) > phone["credential_ends"]:
            words.append("because its issuer's certificate does")
    source = phone["credential_source"]
    said = "nobody says" if source is None else f"from {_said(sources, source, now)}"
    if source == _LOOK and phone["probe"] is not None:
        # A round looks at some phones only: how old this look is, the phone itself tells.
        said = f"from {_NAMES[_LOOK]}, {ago(phone['probe']['at'], now)}"
    if phone["confirmed_by"]:
        said += f"; {phone['confirmed_by']} agrees"
    return f"{' · '.join(words)}   ({said})"


def _probe(phone: Mapping[str, Any], now: float) -> str:
    probe = phone["probe"]
    if probe is None:
        return "never looked at"
    if probe["fault"]:
        return f"{probe['fault']} {ago(probe['at'], now)}"
    proven = "" if probe["issuer_verified"] else ", whom no certificate of the cluster proves"
    newest = f"; the newest look failed: {phone['last_probe_fault']}" if phone["last_probe_fault"] else ""
    return (
        f"issued by {probe['issuer']}{proven}, ends {day(probe['not_after'])}, {probe['tls_version'] or 'TLS'}"
        f"   ({ago(probe['at'], now)}){newest}"
    )


def _page(page: Mapping[str, Any] | None, now: float) -> str:
    if page is None:
        return "never read"
    if page["fault"]:
        return f"{page['fault']} {ago(page['at'], now)}"
    words = [f"{kind.upper()} {_hash(page[f'{kind}_hash'])}" for kind in ("ctl", "itl")]
    words.append(page["security_mode"] or "security mode not told")
    words += [f"serial {page['serial']}"] if page["serial"] else []
    return f"{' · '.join(words)}   ({ago(page['at'], now)})"


def _hash(text: str | None) -> str:
    if text is None:
        return "not told"
    return f"{text[:12]}…" if text else "none"


def _taken(phone: Mapping[str, Any], lists: list[Mapping[str, Any]]) -> str:
    newest: dict[str, int] = {}
    for one in lists:
        if one["first_seen"] is not None:
            newest[one["kind"]] = max(newest.get(one["kind"], 0), one["first_seen"])
    late, taken = "not taken: newer than its registration", "newest, as far as times tell"
    held = phone.get("holds") or {}
    words = []
    for kind in sorted(newest):
        proven = _proven(held.get(kind) or {})
        words.append(f"{kind.upper()} {proven or (late if kind in phone['not_taken'] else taken)}")
    return " · ".join(words) or "none seen"


def _proven(held: Mapping[str, Any]) -> str:
    """Return what a phone's page proves of a list; "" where it proves nothing."""
    state = held.get("state")
    if state != "older":
        return {"newest": "newest, by its page", "none": "none, by its page", "foreign": _FOREIGN}.get(str(state), "")
    behind = plural(held["behind"], "version") + " behind" if held["behind"] else "the last one"
    return (
        f"{behind}, by its page: that of {', '.join(held['nodes'])}, first seen {day(held['first_seen'])}, last "
        f"{day(held['last_seen'])}"
    )


def _capf(phone: Mapping[str, Any], now: float) -> str:
    operation, status = phone["capf_operation"] or "unknown", phone["capf_status"] or "unknown"
    until = f" by {phone['capf_finish_time']}" if phone["capf_finish_time"] else ""
    mode = phone["authentication_mode"] or "authentication mode unknown"
    return f"{operation}{until} · {status}, for {span(max(0, now - phone['capf_since']))} · {mode}"
