"""A plan as a person reads it: what, who not and why, what it costs, in which order, and what speaks against it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from shlex import quote
from textwrap import wrap
from typing import Final

from ctlctl.assess.words import count, day, listed, minute, shares, span
from ctlctl.plan.model import ExclusionCode, Guard, GuardVerdict, Plan, PlannedWindow, SealedPlan
from ctlctl.terminal import paint, pasteable, printable
from ctlctl_capf.rollout.model import Operation
from ctlctl_config.rollout import WEEKDAYS

_WIDTH: Final = 80
_TITLE: Final = 11
_MINUTE: Final = 60
_DAY_MINUTES: Final = 1_440
_WHAT: Final = {
    Operation.INSTALL: "LSC installation",
    Operation.RENEW: "LSC renewal",
    Operation.TROUBLESHOOT: "troubleshooting by CAPF",
    Operation.DELETE: "LSC removal",
}
_LEFT_OUT: Final = {
    ExclusionCode.DO_NOT_TOUCH: "on the do-not-touch list",
    ExclusionCode.NOT_IN_CLUSTER: "not in the cluster",
    ExclusionCode.NO_LSC_SUPPORT: "without LSC support",
    ExclusionCode.LSC_SUPPORT_UNKNOWN: "of which no source says whether they take an LSC",
    ExclusionCode.OPERATION_PENDING: "with a pending operation",
    ExclusionCode.CAPF_STATE_UNKNOWN: "whose CAPF state is not known",
    ExclusionCode.OFFLINE: "offline for too long",
    ExclusionCode.REGISTRATION_UNKNOWN: "not registered, since when is not known",
    ExclusionCode.CREDENTIAL_UNKNOWN: "whose credential is not known",
    ExclusionCode.HAS_LSC: "with an LSC",
    ExclusionCode.NO_LSC: "without LSC",
    ExclusionCode.NOT_DUE: "not due",
    ExclusionCode.NO_GAIN: "that a new LSC would gain nothing",
}
#: Of these the models are named.
_BY_MODEL: Final = frozenset({ExclusionCode.NO_LSC_SUPPORT, ExclusionCode.LSC_SUPPORT_UNKNOWN})
_COLOURS: Final = {"ok": "green", "warn": "yellow", "unknown": "yellow", "accepted": "yellow", "refuse": "red"}


def plan_lines(plan: Plan, name: str, *, colour: bool) -> Iterator[str]:
    """Give the lines of a plan.

    Args:
        plan: the plan.
        name: its short name; "" for one that is refused and has none.
        colour: whether the words of guards are painted.
    """
    selection = plan.selection
    head = f"Plan {name}" if name else "No plan"
    where = ", ".join(selection.words.values()) or ("the cluster" if selection.everything else "the file")
    meant = f"{len(plan.phones):,} of {count(selection.matched, 'phone')} in {where}"
    yield printable(f"{head}  {_WHAT[plan.operation]} · {plan.cluster} · {meant}")
    yield from _titled("left out", " · ".join(_left_out(plan)) or "nobody")
    if not plan.phones:
        return
    yield from _titled("impact", _impact(plan))
    yield from _titled("spread", _spread(plan))
    yield from _titled("order", _order(plan))
    yield from _guards(plan.guards, colour=colour)


def saved_lines(sealed: SealedPlan, path: str) -> Iterator[str]:
    """Give what is said when a plan was saved: that nothing was done, and what comes next."""
    yield f"Nothing has been changed. Plan {sealed.id} is saved in {printable(path)}"
    yield pasteable(f"Next: ctlctl plan approve {printable(quote(path))}")


def shown_lines(sealed: SealedPlan, *, colour: bool) -> Iterator[str]:
    """Give the lines of `ctlctl plan show`: the plan, when and from what it was made, and its whole hash."""
    plan, known = sealed.plan, sealed.plan.known
    yield from plan_lines(plan, sealed.id, colour=colour)
    source = "a running ctld" if known.live else "a snapshot"
    made = (
        f"{minute(plan.created_at)} by ctlctl {plan.tool} from {source} (AXL {minute(known.axl_at)}, "
        f"RIS {minute(known.ris_at)})"
    )
    yield from _titled("made", made)
    yield f"  {'sha256':<{_TITLE}}{sealed.sha256}"


def _titled(title: str, text: str) -> Iterator[str]:
    lines = wrap(printable(text), _WIDTH - _TITLE - 2, break_on_hyphens=False, break_long_words=False)
    for number, line in enumerate(lines or [""]):
        yield f"  {title if number == 0 else '':<{_TITLE}}{line}".rstrip()


def _guards(guards: Sequence[Guard], *, colour: bool) -> Iterator[str]:
    """Give what speaks against it, one by one with its code, and then what does not, all together."""
    told = [
        ("accepted" if guard.accepted else guard.verdict.value, f"{guard.code.value}: {guard.words}")
        for guard in guards
        if guard.verdict is not GuardVerdict.OK
    ]
    good = " · ".join(guard.words for guard in guards if guard.verdict is GuardVerdict.OK)
    if good:
        told.append((GuardVerdict.OK.value, good))
    title = "guards"
    for verdict, words in told:
        word = paint(f"{verdict:<9}", _COLOURS[verdict], on=colour)
        for line in wrap(
            printable(pasteable(words)), _WIDTH - _TITLE - 11, break_on_hyphens=False, break_long_words=False
        ):
            yield f"  {title:<{_TITLE}}{word}{line}"
            title, word = "", " " * 9


def _left_out(plan: Plan) -> Iterator[str]:
    by_code = Counter(one.code for one in plan.left_out)
    for code, number in sorted(by_code.items(), key=lambda item: (-item[1], item[0].value)):
        models = Counter(one.model.removeprefix("Cisco ") for one in plan.left_out if one.code is code)
        named = f" ({shares(models.items())})" if code in _BY_MODEL else ""
        yield f"{number:,} {_LEFT_OUT[code]}{named}"


def _impact(plan: Plan) -> str:
    impact = plan.impact
    when = _windows(plan.windows)
    if impact.windows is None:
        nights = f"in more windows than can be reckoned with ({when} {plan.timezone})"
    else:
        nights = f"in {count(impact.windows, 'window')} ({when} {plan.timezone})"
    done = "" if impact.finish is None else f", done about {day(impact.finish)}"
    return (
        f"{count(impact.resets, 'reset')} {nights}{done}; a phone is off the air {impact.off_air_seconds}"
        f"–{impact.off_air_seconds_most} s; no service restarts"
    )


def _spread(plan: Plan) -> str:
    impact = plan.impact
    sites = f"{count(len(impact.sites), 'site')} ({_named(impact.sites.items(), 'no device pool')})"
    families = count(len(impact.families), "family", "families")
    groups = f"CallManager groups {_named(impact.cm_groups.items(), 'unknown')}"
    return f"{sites} · {families} ({shares(impact.families.items())}) · {groups}"


def _named(counts: Iterable[tuple[str, int]], nameless: str) -> str:
    return shares((name or nameless, number) for name, number in counts)


def _order(plan: Plan) -> str:
    limits, left = plan.limits, len(plan.phones)
    stages = []
    for size in limits.canaries:
        if left > 0:
            stages.append(f"{min(size, left):,}")
            left -= size
    waits = len(stages) > 1 or left > 0
    watched = f", each canary watched for {span(limits.bake)}" if stages and waits else ""
    if left > 0:
        stages.append(f"batches of {limits.batch:,}")
    return (
        f"{' → '.join(stages)}, at most {limits.in_flight:,} in flight, {limits.site_percent} % of a site and "
        f"{limits.cm_group_percent} % of a CallManager group{watched}; stops at {limits.abort_failures:,} failures or "
        f"more than {limits.abort_percent} % of a batch; {plan.deadline_days} d in all"
    )


def _windows(windows: Sequence[PlannedWindow]) -> str:
    return listed([_window(one) for one in windows])


def _window(window: PlannedWindow) -> str:
    days = "" if len(window.days) == len(WEEKDAYS) else "/".join(WEEKDAYS[day] for day in window.days) + " "
    return f"{days}{_clock(window.opens)}–{_clock(window.closes)}"


def _clock(minutes: int) -> str:
    if minutes != _DAY_MINUTES:
        minutes %= _DAY_MINUTES
    return f"{minutes // _MINUTE:02d}:{minutes % _MINUTE:02d}"
