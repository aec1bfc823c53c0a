"""Making a plan of what is known: choose phones, check, put in order, reckon. Nothing is asked, nothing is changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ctlctl.assess.words import DAY, listed
from ctlctl.plan.calendar import Calendar, Window
from ctlctl.plan.checking import Checks, Untouched, known_at
from ctlctl.plan.choosing import Choice, choose, not_in_cluster
from ctlctl.plan.facts import Document, FactsError, PhoneFacts, cluster_facts, phone_facts
from ctlctl.plan.guards import in_order
from ctlctl.plan.impact import Rates, longest_window, reckon
from ctlctl.plan.model import (
    ExclusionCode,
    FrozenPhone,
    Plan,
    PlannedWindow,
)
from ctlctl.plan.selecting import SelectionError, Wanted, select
from ctlctl_capf.rollout.model import Limits, Operation, PlannedPhone
from ctlctl_capf.rollout.stages import arrange
from ctlctl_config.rollout import WEEKDAYS, minutes_of_day

if TYPE_CHECKING:
    from ctlctl_config.model import ClusterSettings
    from ctlctl_config.rollout import RolloutSettings

_MINUTE: Final = 60
_DAY_MINUTES: Final = 1_440


@dataclass(frozen=True, slots=True)
class Request:
    """What an operator asks for.

    Attributes:
        operation: what is to be done.
        wanted: which phones.
        accepted: codes of guards that the operator takes on.
        first: names, with * and ?, of phones that go first.
        renew_before_days: instead of the settings'; None for theirs.
        due_or_not: whether LSCs are renewed that are not due.
    """

    operation: Operation
    wanted: Wanted
    accepted: frozenset[str] = frozenset()
    first: tuple[str, ...] = ()
    renew_before_days: int | None = None
    due_or_not: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made of.

    Attributes:
        cluster: the cluster's document.
        phones: documents of all of its phones.
        live: whether a running ctld gave them.
        do_not_touch: names on that list; None where no list is set.
        now: this instant.
        tool: version of ctlctl.
    """

    cluster: Document
    phones: Sequence[Document]
    live: bool
    do_not_touch: frozenset[str] | None
    now: int
    tool: str


def limits_of(settings: "RolloutSettings", writes_per_second: float) -> Limits:
    """Return what bounds a rollout.

    Args:
        settings: of rollouts.
        writes_per_second: of AXL, at the start.
    """
    return Limits(
        canaries=settings.canary_sizes,
        batch=settings.batch_size,
        in_flight=settings.in_flight,
        site_percent=settings.site_percent,
        cm_group_percent=settings.group_percent,
        bake=settings.canary_rest_minutes * _MINUTE,
        abort_failures=settings.halt_failures,
        abort_percent=settings.halt_percent,
        drop_percent=settings.halt_unregistered_percent,
        unknown_percent=settings.halt_unknown_percent,
        drift_percent=settings.drift_percent,
        tries=settings.retries,
        pace=writes_per_second,
        pace_ceiling=max(writes_per_second, Limits().pace_ceiling),
    )


def planned_windows(settings: "RolloutSettings") -> tuple[PlannedWindow, ...]:
    """Return the change windows of settings."""
    found = []
    for one in settings.windows:
        opens, closes = minutes_of_day(one.opens), minutes_of_day(one.closes)
        days = tuple(sorted({WEEKDAYS.index(day) for day in one.days}))
        found.append(PlannedWindow(days, opens, closes if closes > opens else closes + _DAY_MINUTES))
    return tuple(found)


def calendar_of(cluster: "ClusterSettings") -> Calendar:
    """Return the change windows of a cluster's settings, in its time zone."""
    windows = planned_windows(cluster.rollout)
    return Calendar(
        ZoneInfo(cluster.timezone), tuple(Window(frozenset(one.days), one.opens, one.closes) for one in windows)
    )


def make_plan(basis: Basis, request: Request, settings: "ClusterSettings") -> Plan:
    """Make a plan; guards may stand against it (`Plan.stopped_by`), and it may have no phones.

    Args:
        basis: what is known.
        request: what is asked for.
        settings: of the cluster.

    Raises:
        FactsError: too little is known, or it is too old.
        SelectionError: nothing or everything is meant, or a word makes no sense.
    """
    return _Maker(basis, request, settings).make()


class _Maker:
    def __init__(self, basis: Basis, request: Request, settings: "ClusterSettings") -> None:
        self._basis = basis
        self._request = request
        self._settings = settings
        self._rollout = settings.rollout
        self._now = basis.now
        self._limits = limits_of(settings.rollout, settings.axl.writes_per_second)
        self._cluster = cluster_facts(basis.cluster)

    def make(self) -> Plan:
        known = known_at(self._cluster, self._rollout, self._now, live=self._basis.live)
        request, basis = self._request, self._basis
        selected = select(basis.cluster, basis.phones, request.wanted, self._now)
        taken, left_out = choose((phone_facts(one) for one in selected.phones), self._choice())
        if any(not phone.pkid for phone in taken):
            # A rollout tells a phone by it from another one that has been given its name.
            raise FactsError("ctld does not tell the keys of phones: it is older than ctlctl; restart it, then refresh")
        frozen = {phone.name: self._freeze(phone) for phone in taken}
        order = arrange((one.phone for one in frozen.values()), self._limits)
        if self._request.first and not any(phone.first for phone in order):
            raise SelectionError(
                f"--first {listed(self._request.first)}: no phone of the plan has such a name", usage=True
            )
        left_out = (*left_out, *not_in_cluster(selected.missing))
        everyone = [phone_facts(one) for one in basis.phones]
        calendar = calendar_of(self._settings)
        rates = Rates(self._rollout.phones_per_minute, self._rollout.off_air_seconds)
        impact = reckon(order, self._limits, calendar, rates, self._now)
        checks = Checks(self._cluster, self._rollout, self._limits, longest_window(calendar, self._now), self._now)
        names = basis.do_not_touch
        spared = sum(one.code is ExclusionCode.DO_NOT_TOUCH for one in left_out)
        untouched = Untouched(None if names is None else len(names), left_out=spared)
        found = checks.guards(request.operation, taken, impact, known, untouched)
        return Plan(
            cluster=self._cluster.name,
            operation=request.operation,
            created_at=self._now,
            tool=basis.tool,
            known=known,
            selection=selected.selection,
            timezone=self._settings.timezone,
            windows=planned_windows(self._rollout),
            deadline_days=self._rollout.deadline_days,
            phones_per_minute=self._rollout.phones_per_minute,
            limits=self._limits,
            impact=impact,
            guards=in_order(found, request.accepted),
            phones=tuple(frozen[phone.name] for phone in order),
            left_out=tuple(sorted(left_out, key=lambda one: (one.code.value, one.name))),
            site_sizes=_counted(one.site for one in everyone),
            cm_group_sizes=_counted(one.cm_group for one in everyone),
        )

    def _choice(self) -> Choice:
        days = self._request.renew_before_days
        return Choice(
            operation=self._request.operation,
            now=self._now,
            do_not_touch=frozenset(name.upper() for name in self._basis.do_not_touch or ()),
            capf=self._cluster.capf,
            renew_before=(self._rollout.renew_before_days if days is None else days) * DAY,
            unregistered=self._rollout.unregistered_days * DAY,
            due_or_not=self._request.due_or_not,
        )

    def _freeze(self, phone: PhoneFacts) -> FrozenPhone:
        planned = PlannedPhone(
            name=phone.name,
            pkid=phone.pkid,
            model=phone.model,
            family=phone.family,
            site=phone.site,
            cm_group=phone.cm_group,
            security_profile=phone.security_profile,
            security_mode=phone.security_mode,
            authentication_mode=phone.authentication_mode,
            lsc_valid_until=phone.lsc_valid_until,
            lsc_issuer=phone.lsc_issuer,
            web=phone.web,
            registered=phone.registered,
            first=any(fnmatchcase(phone.name.upper(), pattern.upper()) for pattern in self._request.first),
        )
        return FrozenPhone(planned, phone.credential, phone.credential_ends, phone.credential_issuer, phone.capf_status)


def _counted(values: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(values).items()))
