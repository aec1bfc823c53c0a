"""Until when an approval holds, and what makes it fall before."""

import pytest

from ctlctl.plan.approval import drift, expires, is_expired
from ctlctl.plan.facts import phone_facts
from ctlctl_capf.rollout.reasons import Reason
from support.plancases import Document, lsc_phone, planned, registration
from support.smallsnapshot import DAY, NOW


def test_an_approval_ends_after_some_days() -> None:
    assert expires(NOW, 14) == NOW + 14 * DAY
    assert [is_expired(NOW, 14, at) for at in (NOW, NOW + 14 * DAY - 1, NOW + 14 * DAY)] == [False, False, True]


def test_an_approval_of_tomorrow_is_none() -> None:
    assert is_expired(NOW + 1, 14, NOW)


PHONES = [lsc_phone(f"SEP{number:02d}") for number in range(40)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pkid": "{other}"}, Reason.OTHER_DEVICE),
        ({"model": "Cisco 7821"}, Reason.OTHER_DEVICE),
        ({"security_profile": "another"}, Reason.OTHER_PROFILE),
        ({"security_mode": "Authenticated"}, Reason.OTHER_SECURITY),
        ({"authentication_mode": "By Null String"}, Reason.OTHER_SECURITY),
        ({"capf_operation": "Delete"}, Reason.OTHER_OPERATION),
        ({"lsc_valid_until": NOW + 999 * DAY}, Reason.OTHER_LSC),
        ({"lsc_valid_until": None}, Reason.OTHER_LSC),
        ({"credential": "lsc-expired"}, None),
        ({"registration": registration("UnRegistered", NOW)}, None),
        ({"description": "moved to the lobby"}, None),
        ({"pkid": None}, None),
    ],
)
def test_what_counts_as_another_phone(changes: Document, code: Reason | None) -> None:
    plan = planned("renew", *PHONES)
    now = [phone_facts({**one, **changes}) if one["name"] == "SEP07" else phone_facts(one) for one in PHONES]
    found = drift(plan, now, 5)
    assert [(one.name, one.code) for one in found.changes] == ([] if code is None else [("SEP07", code)])
    assert not found.too_far


def test_an_approval_falls_when_too_many_have_changed() -> None:
    plan = planned("renew", *PHONES)
    gone = [drift(plan, map(phone_facts, PHONES[number:]), 5) for number in (2, 3)]
    assert [(len(one.changes), one.too_far) for one in gone] == [(2, False), (3, True)]
    assert {change.code for change in gone[1].changes} == {Reason.GONE}
    assert drift(plan, map(phone_facts, PHONES[1:]), 0).too_far
    assert not drift(plan, map(phone_facts, PHONES), 0).too_far


def test_phones_that_are_new_do_not_matter() -> None:
    plan = planned("renew", *PHONES)
    assert not drift(plan, [phone_facts(one) for one in (*PHONES, lsc_phone("SEP99"))], 0).changes
