"""The order of the phones, the limits, and how long it takes."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from ctlctl_capf.rollout.estimate import ASSUMED, assumed_rate, estimate, measured_rate
from ctlctl_capf.rollout.facts import Reading, Window
from ctlctl_capf.rollout.model import Limits, PlannedPhone, RolloutPlan, RolloutPlanError
from ctlctl_capf.rollout.rows import begin
from ctlctl_capf.rollout.stages import arrange
from support.rolloutworld import BORN, phones, plan_of


def planned(name: int, family: str, site: str = "DP", *, first: bool = False, registered: bool = True) -> PlannedPhone:
    base = phones(1)[0].planned
    return replace(base, name=f"SEP{name:04}", family=family, site=site, first=first, registered=registered)


def test_every_family_is_among_the_first_canaries_and_those_who_agreed_go_first() -> None:
    who = [planned(number, "8800") for number in range(500)]
    who += [planned(number, "7800", first=number == 640) for number in range(600, 650)]
    who += [planned(700, "7900", registered=False), planned(701, "7900")]
    ordered = arrange(who, Limits())
    assert Counter(phone.family for phone in ordered[:10]) == {"8800": 4, "7800": 4, "7900": 2}
    assert [phone.name for phone in ordered[:3]] == ["SEP0000", "SEP0640", "SEP0701"]
    assert sorted(ordered, key=lambda phone: phone.name) == sorted(who, key=lambda phone: phone.name)
    assert arrange(reversed(who), Limits()) == ordered


def test_batches_are_spread_over_the_sites() -> None:
    who = [planned(number, "8800", "large" if number < 900 else "small") for number in range(1000)]
    ordered = arrange(who, replace(Limits(), canaries=()))
    for start in range(0, 1000, 250):
        assert Counter(phone.site for phone in ordered[start : start + 250]) == {"large": 225, "small": 25}


@pytest.mark.parametrize(
    "values",
    [
        {"batch": 0},
        {"in_flight": 0},
        {"canaries": (10, 0)},
        {"site_percent": 101},
        {"tries": -1},
        {"pace": 6.0},
        {"poll": 0},
        {"pace": 0.0},
    ],
)
def test_limits_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RolloutPlanError, match=f"limit {next(iter(values))} = "):
        Limits(**values)


def test_a_phone_twice_in_a_plan_is_refused() -> None:
    who = phones(2)
    plan = plan_of(who)
    with pytest.raises(RolloutPlanError, match="SEP000000000000 is in plan 7c1f0e twice"):
        replace(plan, phones=(*plan.phones, plan.phones[0]))


def windows(hours: int, many: int) -> list[Window]:
    day = 86_400
    return [Window(BORN + n * day, BORN + n * day + hours * 3600, f"night {n}") for n in range(many)]


def plan_for(many: int, limits: Limits, deadline: int | None = None) -> RolloutPlan:
    who = phones(1)[0].planned
    named = tuple(replace(who, name=f"SEP{number}") for number in range(many))
    return RolloutPlan("p", "", "hq", plan_of(phones(1)).operation, named, limits, deadline)


def test_forty_thousand_phones_take_five_nights_of_six_hours() -> None:
    plan = plan_for(40_000, Limits())
    found = estimate(plan, 40_000, windows(6, 10), BORN)
    assert (found.per_minute, found.measured, found.windows, found.behind) == (ASSUMED, False, 5, False)
    assert found.finish is not None
    late = estimate(replace(plan, deadline=found.finish - 1), 40_000, windows(6, 10), BORN)
    assert late.behind
    never = estimate(plan, 40_000, windows(6, 3), BORN)
    assert (never.finish, never.windows) == (None, 3)


def test_the_estimate_follows_what_was_measured() -> None:
    plan = plan_for(1000, Limits())
    head = replace(begin(plan, BORN).head, worked=600, settled=400, stage=3)
    assert measured_rate(head) == 40
    found = estimate(plan, 400, windows(6, 1), BORN + 3600, head)
    assert (found.per_minute, found.measured, found.finish) == (40, True, BORN + 3600 + 600)
    assert measured_rate(replace(head, worked=60)) is None
    assert estimate(plan, 0, (), BORN, head).finish == BORN


def test_what_is_assumed_respects_the_limits() -> None:
    assert assumed_rate(Limits(pace=0.1, pace_ceiling=0.1)) == pytest.approx(3)
    assert assumed_rate(Limits(in_flight=3)) == pytest.approx(2)


@pytest.mark.parametrize(
    ("operation", "status", "pending"),
    [
        ("Install/Upgrade", "Operation Pending", True),
        ("No Pending Operation", "Operation Pending", True),
        ("No Pending Operation", "None", False),
        (None, None, False),
        # What the operation reads after its end is not documented.
        ("Install/Upgrade", "Upgrade Success", False),
        ("Install/Upgrade", "Upgrade Failed: Invalid LSC", False),
        ("Delete", "None", True),
        ("Delete", None, True),
    ],
)
def test_what_counts_as_pending(operation: str | None, status: str | None, pending: bool) -> None:
    assert Reading(BORN, operation=operation, status=status).pending is pending
