"""A plan held against the present before it is approved or begun."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from ctlctl.plan.facts import FactsError
from ctlctl.plan.making import Basis
from ctlctl.plan.model import GuardVerdict, Plan
from ctlctl.plan.rechecking import Recheck, recheck
from support.plancases import NULL, Document, cluster_of, lsc_phone, mic_phone, planned, settings
from support.smallsnapshot import DAY, NOW

PHONES = tuple(lsc_phone(f"SEP{number:02d}") for number in range(20))


def again(
    plan: Plan,
    *phones: Document,
    change: Callable[[Document], None] = lambda _: None,
    do_not_touch: frozenset[str] | None = None,
    rollout: Mapping[str, object] | None = None,
) -> Recheck:
    cluster = cluster_of(len(phones))
    change(cluster)
    for source in cluster["sources"].values():
        source["last_success"] += DAY
    return recheck(plan, Basis(cluster, phones, True, do_not_touch, NOW + DAY, "0.1"), settings(**(rollout or {})))


def test_a_plan_of_yesterday_is_good_while_nothing_has_changed() -> None:
    found = again(planned("renew", *PHONES), *PHONES)
    assert found.good
    assert found.differences == ()
    assert found.impact.phones == 20
    assert found.impact.first_window is not None
    assert found.impact.first_window >= NOW + DAY


def test_what_has_come_about_since_stops_it() -> None:
    def stale(cluster: Document) -> None:
        cluster["findings"].append({"code": "stale-ctl", "subject": "", "closed_at": None})

    found = again(planned("renew", *PHONES), *PHONES, change=stale)
    assert not found.good
    assert [one.code.value for one in found.stopped_by] == ["stale-ctl"]
    assert found.guards[0].code.value == "stale-ctl"


def test_what_a_plan_says_of_its_guards_is_not_believed() -> None:
    plan = planned("delete", lsc_phone(model="Cisco 7960"))
    forged = replace(plan, guards=tuple(replace(one, verdict=GuardVerdict.OK) for one in plan.guards))
    assert forged.stopped_by == ()
    found = again(forged, lsc_phone(model="Cisco 7960"))
    assert [one.code.value for one in found.stopped_by] == ["mic-standby"]


def test_what_was_taken_on_stays_taken_on() -> None:
    phone = mic_phone(authentication_mode=NULL)
    assert again(planned("install", phone, accepted=frozenset({"null-string"})), phone).good
    assert not again(planned("install", phone), phone).good


def test_a_phone_that_was_put_on_the_do_not_touch_list() -> None:
    found = again(planned("renew", *PHONES), *PHONES, do_not_touch=frozenset({"sep07", "SEP99"}))
    (stopped,) = found.stopped_by
    assert stopped.words == "1 phone of the plan on the do-not-touch list: make a new plan"
    assert not stopped.can_be_accepted


def test_phones_that_have_changed() -> None:
    found = again(planned("renew", *PHONES), *PHONES[2:], lsc_phone("SEPNEW"))
    assert (len(found.drift.changes), found.drift.too_far, found.good) == (2, True, False)
    assert again(planned("renew", *PHONES), *PHONES[2:], rollout={"drift_percent": 10}).good


def test_what_the_settings_say_otherwise_is_said() -> None:
    plan = planned("renew", *PHONES, rollout={"in_flight": 2000, "windows": [{"opens": "00:00", "closes": "24:00"}]})
    assert again(plan, *PHONES).differences == (
        "limit in_flight is 2000, by the settings 64",
        "change windows are others than by the settings",
    )


def test_facts_of_yesterday_decide_nothing() -> None:
    basis = Basis(cluster_of(20), PHONES, True, None, NOW + DAY, "0.1")
    with pytest.raises(FactsError, match="phones are as AXL had them 24 h"):
        recheck(planned("renew", *PHONES), basis, settings())
