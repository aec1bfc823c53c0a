"""How a rollout goes, for a person: at most 80 columns, numbers before adjectives, the next command last."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ctlctl.fleet.words import minute, plural, span
from ctlctl.terminal import paint, printable

Rollout = Mapping[str, Any]

_BAR: Final = 32
#: Phones that are named for each reason; JSON names all.
_NAMED: Final = 3
_WIDTH: Final = 80
_DONE: Final = ("done",)
_FLYING: Final = ("arming", "armed", "resetting", "waiting", "verifying", "cancelling")
_BAD: Final = ("to-person", "given-up", "drifted")
_COLOURS: Final = {"running": "green", "finished": "green", "paused": "yellow", "halted": "red", "aborted": "red"}
_HOLDS: Final = {
    "no-window": "waits for the next window, which {window}",
    "window-ends": "takes no more phones: they would not be through by the end of the window; the next {window}",
    "axl-away": "waits for AXL",
    "baking": "watches the canary until {bake}",
    "preflight": "waits for the preflight{preflight}",
    "stopped": "takes no more phones",
}
#: Holds of which nobody knows when they end.
_OPEN_ENDED: Final = frozenset({"axl-away", "preflight"})
#: Modes in which nothing is begun until somebody says so: such a rollout has no end that could be estimated.
_STANDING: Final = frozenset({"paused", "halted", "aborted"})
#: What a halt waits for, where resuming it alone would not do.
_HALTS: Final = {
    "approval": "a new approval of the same plan; then a person resumes it",
    "deadline": "nothing any more: its deadline does not move; abort it, and make a new plan",
}
#: What shows why it halted, where it is not a phone that failed.
_CAUSES: Final = {
    "registered-dropped": "ctlctl phone list {cluster} --registration UnRegistered",
    "preflight": "ctlctl status {cluster}",
    "too-many-unknown": "ctlctl cluster doctor {cluster}",
    "approval": "ctlctl plan list {cluster}",
    "deadline": "ctlctl rollout status {plan} -o json",
}
_STATES: Final = {
    "planned": "to be tried again",
    "retry-next-window": "again next window",
    "to-person": "to a person",
    "given-up": "given up",
    "drifted": "changed underneath",
    "overdue": "overdue",
    "cancelled": "cancelled",
}


def _many(rollout: Rollout, *states: str) -> int:
    return sum(int(rollout["counts"].get(state, 0)) for state in states)


def rollout_line(rollout: Rollout, now: float) -> str:
    """Return one line about a rollout."""
    done, phones = _many(rollout, *_DONE), rollout["phones"]
    since = span(max(0, now - rollout["started_at"]))
    where = f"{rollout['plan']}  {rollout['cluster']}  {rollout['mode']}"
    return f"{where} · {done:,} of {plural(phones, 'phone')} done · began {since} ago"


def severity(rollout: Rollout) -> str | None:
    """Return how bad it is how a rollout that has not ended goes: "critical", "unknown", or None for nothing."""
    if rollout["mode"] == "halted":
        return "critical"
    # What nobody carries out, or nobody can read, is not in order.
    return "unknown" if rollout["mode"] == "unknown" or not rollout["live"] else None


def brief_lines(rollout: Rollout, now: float, *, colour: bool) -> Iterator[str]:
    """Give the lines of `ctlctl status` about a rollout that has not ended.

    Args:
        rollout: in short, as the cluster's document has it.
        now: the instant.
        colour: whether colours repeat what words say.
    """
    plan, mode = rollout["plan"], str(rollout["mode"])
    said = f"{rollout['done']:,} of {plural(rollout['phones'], 'phone')} done"
    said += f", {rollout['in_flight']:,} in flight" if rollout["in_flight"] else ""
    said += f", {rollout['failed']:,} failed" if rollout["failed"] else ""
    if not rollout["live"]:
        said += f" · nobody carries it out: {printable(str(rollout.get('idle') or 'why is not known'))}"
    elif mode == "running":
        opens = (rollout.get("next_window") or {}).get("opens")
        waits = rollout.get("hold") == "no-window" and opens is not None
        said += f" · its window opens {minute(opens)}" if waits else ""
        said += f" · finish ≈ {minute(rollout['finish'])}" if rollout["finish"] is not None else ""
    said += " · BEHIND its deadline" if rollout["behind"] else ""
    worst = severity(rollout)
    if worst is None:
        yield from _folded("  rollout    ", f"{plan} {mode} · {said}")
        if mode == "paused":
            yield f"           → ctlctl rollout resume {plan}"
        return
    if worst == "unknown":
        label = paint("UNKNOWN  ", "yellow", on=colour)
        yield f"  {label}  {paint('rollout', 'bold', on=colour)} {plan} {mode}"
        yield from _folded(" " * 13, said)
        yield f"           → ctlctl rollout status {rollout['number']}"
        return
    since = span(max(0, now - rollout["mode_since"]))
    label = paint("CRITICAL ", "red", on=colour)
    yield f"  {label}  {paint('rollout', 'bold', on=colour)} {plan} halted  (since {since})"
    yield from _folded(" " * 13, f"{rollout['halt']}: {printable(str(rollout['words']))} · {said}")
    yield f"           → ctlctl rollout status {plan}"


def _folded(head: str, text: str) -> Iterator[str]:
    rest = " " * 13
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def rollout_lines(rollout: Rollout, now: float, *, colour: bool) -> Iterator[str]:
    """Give the lines of `ctlctl rollout status`.

    Args:
        rollout: its document.
        now: the instant.
        colour: whether colours repeat what words say.
    """
    mode = str(rollout["mode"])
    plain = (
        f"{printable(rollout['cluster'])} · {mode}{_stage(rollout)}{_window(rollout, now) if mode == 'running' else ''}"
    )
    first, *more = _packed(f"{rollout['plan']}  ", plain.split(" · "))
    yield first.replace(f" · {mode}", f" · {paint(mode, _COLOURS.get(mode, 'bold'), on=colour)}", 1)
    yield from more
    yield _bar(rollout)
    left = _many(rollout, "planned")
    parts = [f"{_many(rollout, *_DONE):,} done", f"{_many(rollout, *_FLYING):,} in flight"]
    bad = _many(rollout, *_BAD)
    parts += [f"{bad:,} failed"] if bad else []
    for state in ("retry-next-window", "overdue", "cancelled"):
        many = _many(rollout, state)
        parts += [f"{many:,} {_STATES[state]}"] if many else []
    yield from _packed("  ", [*parts, f"{left:,} to go"])
    yield from _why(rollout, now)
    for state, reasons in sorted((rollout.get("reasons") or {}).items()):
        worst = sorted(reasons.items(), key=lambda one: -one[1])
        said = " · ".join(f"{many} {reason}{_names(rollout, state, reason)}" for reason, many in worst)
        yield from _titled(_STATES.get(state, state), said)
    if rollout["mode"] not in {"finished", "aborted", "unknown"}:
        yield from _forecast(rollout, now)
    for proof, many in sorted((rollout.get("proofs") or {}).items(), key=lambda one: -one[1]):
        yield f"  proven by          {many:,} {proof.replace('+', ' + ')}"
    yield from _next(rollout)


def _failed(rollout: Rollout) -> list[Mapping[str, Any]]:
    return [*(rollout.get("people") or ()), *(rollout.get("again") or ())]


def _names(rollout: Rollout, state: str, reason: str) -> str:
    """Return the first phones that failed so, in brackets."""
    names = [one["name"] for one in _failed(rollout) if (one["state"], one["reason"]) == (state, reason)]
    more = ", …" if len(names) > _NAMED else ""
    return f" ({', '.join(map(printable, names[:_NAMED]))}{more})" if names else ""


def _titled(title: str, text: str) -> Iterator[str]:
    head, rest = f"  {title:<18} ", " " * 21
    yield from textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False)


def _packed(head: str, parts: Sequence[str]) -> Iterator[str]:
    """Give parts with points between them, as many in a line as it has room for."""
    line = head + parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 3 > _WIDTH:
            yield line
            line = " " * len(head) + part
        else:
            line += f" · {part}"
    yield line


def _stage(rollout: Rollout) -> str:
    canaries = rollout.get("canaries")
    if rollout["mode"] in {"finished", "aborted", "unknown"} or not canaries:
        return ""
    stage = rollout["stage"]
    if stage < len(canaries):
        # A small rollout is through before its last canary.
        needed = sum(sum(canaries[:number]) < rollout["phones"] for number in range(len(canaries)))
        return f" · canary {stage + 1} of {max(needed, stage + 1)}"
    batches = rollout["batches"]
    return f" · batch {batches[-1]['number']}" if batches else " · between batches"


def _window(rollout: Rollout, now: float) -> str:
    closes = rollout["window_closes"]
    if closes is None:
        return ""
    return f" · window {_closes(rollout, now)}" if closes > now else " · no window open"


def _closes(rollout: Rollout, now: float) -> str:
    """Return when the window that is open closes, to be put behind "window"."""
    if "next_window" in rollout and rollout["next_window"] is None:
        # Its end is only as far as anybody looked.
        return "never closes"
    return f"ends {minute(rollout['window_closes'])} ({span(rollout['window_closes'] - now)})"


def _opens(rollout: Rollout, now: float) -> str:
    """Return when the next window opens, to be put behind "the next window"."""
    following = rollout.get("next_window")
    if following is not None:
        opens, closes = following["opens"], following["closes"]
        return f"opens {minute(opens)} (in {span(max(0, opens - now))}), until {minute(closes)}"
    table = f"[clusters.{printable(rollout['cluster'])}.rollout]"
    return f"is not known: ctlctl plan show FILE has the plan's windows; others need {table} windows and a new plan"


def _bar(rollout: Rollout) -> str:
    phones = max(1, rollout["phones"])
    done = _BAR * _many(rollout, *_DONE) // phones
    flying = min(_BAR - done, -(-_BAR * _many(rollout, *_FLYING) // phones))
    return f"{'█' * done}{'▒' * flying}{'░' * (_BAR - done - flying)}"


def _why(rollout: Rollout, now: float) -> Iterator[str]:
    if rollout["mode"] in {"halted", "paused", "aborted"}:
        why = f"{rollout['halt']}: " if rollout["halt"] else ""
        since = f"{span(max(0, now - rollout['mode_since']))} ago"
        yield from _titled(str(rollout["mode"]), f"{why}{printable(rollout['words'])} ({since})")
    hold = _HOLDS.get(rollout.get("hold", ""))
    if hold is not None and rollout["mode"] == "running":
        words = printable(rollout.get("preflight") or "")
        said = hold.format(
            bake=minute(rollout["bake_until"]), window=_opens(rollout, now), preflight=f": {words}" if words else ""
        )
        yield from _titled("at present", said)
    yield from _waits(rollout, now)
    if rollout.get("trouble"):
        yield from _titled("trouble", printable(rollout["trouble"]))
    if not rollout["live"] and rollout["ended_at"] is None:
        yield from _titled("not under way", printable(str(rollout.get("idle") or "why is not known")))
    if rollout.get("unreadable"):
        yield from _titled("cannot be read", printable(str(rollout["unreadable"])))


def _waits(rollout: Rollout, now: float) -> Iterator[str]:
    """Give what a rollout that stands still waits for, and when phones that wait for a window are tried again."""
    mode, closes = rollout["mode"], rollout["window_closes"]
    if not rollout["live"] or rollout["ended_at"] is not None:
        return
    if mode == "aborted":
        working = plural(_many(rollout, *_FLYING, "overdue"), "phone")
        yield from _titled("waits for", f"{working} at work; no command makes it go on")
    elif mode in _STANDING:
        # The commands are below, in lines that are not folded.
        who = "a person, who finds the cause first, and then" if mode == "halted" else "a person, who"
        yield from _titled("waits for", _HALTS.get(rollout["halt"] or "", f"{who} resumes or aborts it"))
        is_open = closes is not None and closes > now
        opens = f"the next {_opens(rollout, now)}"
        yield from _titled("window", _closes(rollout, now) if is_open else opens)
    elif _many(rollout, "retry-next-window") and rollout.get("hold") not in {"no-window", "window-ends"}:
        never = "next_window" in rollout and rollout["next_window"] is None
        said = "after midnight, by the cluster's clock: the window never closes" if never else _opens(rollout, now)
        yield from _titled("next window", said)


def _forecast(rollout: Rollout, now: float) -> Iterator[str]:
    if "per_minute" in rollout:
        measured = "measured" if rollout["measured"] else "assumed"
        pace = f"{rollout['per_minute']:.0f} phones/min ({measured})"
        yield from _packed(f"  {'pace':<18} ", [pace, *_end(rollout, now)])
    throttled = f", {rollout['throttled']:,} answers throttled" if rollout["throttled"] else ", none throttled"
    yield f"  {'AXL':<18} {rollout['pace']:.1f} writes/s{throttled}"
    registered, baseline = rollout["registered"], rollout["baseline"]
    if registered is not None and baseline is not None:
        yield f"  {'registered':<18} {registered:,} now, {baseline:,} at the start ({registered - baseline:+,})"


def _end(rollout: Rollout, now: float) -> Iterator[str]:
    """Give when it will be through; of one that stands still nobody can tell, but for its deadline."""
    deadline = rollout["deadline"]
    if rollout["mode"] in _STANDING:
        if deadline is not None:
            left = f" (in {span(deadline - now)})" if deadline > now else ""
            yield f"{'BEHIND its deadline' if rollout['behind'] else 'deadline'} {minute(deadline)}{left}"
        return
    if rollout["finish"] is None:
        yield "not within a year of windows"
    else:
        stuck = rollout.get("hold") in _OPEN_ENDED or rollout.get("trouble")
        yield f"finish ≈ {minute(rollout['finish'])}" + (" if it goes on now" if stuck else "")
    if rollout["behind"]:
        yield f"BEHIND its deadline {minute(deadline)}"


def _next(rollout: Rollout) -> Iterator[str]:
    plan, mode, cluster = rollout["plan"], rollout["mode"], printable(rollout["cluster"])
    if rollout["ended_at"] is not None:
        yield f"Next: ctlctl rollout evidence {plan} --out {plan}-evidence.tar"
    elif not rollout["live"]:
        # Whoever carries nothing out takes no wish either.
        yield "Next: mend that; ctld tries again every half minute: journalctl -u ctld -n 100"
    elif mode == "halted":
        yield f"Next: find the cause: {_cause(rollout)}"
        if rollout["halt"] == "approval":
            yield "      then ctlctl plan approve FILE, with the same plan's file, renews it"
        if rollout["halt"] != "deadline":
            yield f"      then ctlctl rollout resume {plan}"
        yield f"      or   ctlctl rollout abort {plan}"
    elif mode == "paused":
        yield f"Next: ctlctl rollout resume {plan}"
        yield f"      or   ctlctl rollout abort {plan}"
    elif mode == "aborted":
        yield f"Next: ctlctl rollout status {plan} --watch"
        yield f"      then a new plan: ctlctl plan lsc {rollout.get('operation', '')} {cluster}".rstrip()


def _cause(rollout: Rollout) -> str:
    """Return the command that shows most of why a rollout has halted."""
    cluster, failed = printable(rollout["cluster"]), _failed(rollout)
    if rollout["halt"] in {"canary-failed", "failures"} and failed:
        return f"ctlctl phone show {cluster} {printable(failed[0]['name'])}"
    return _CAUSES.get(rollout["halt"], "ctlctl audit {cluster}").format(cluster=cluster, plan=rollout["plan"])
