"""Whose approvals count when a rollout begins: those of different people who still may."""

import pytest

from ctlctl.service import planshelf
from ctlctl.service.planshelf import approvals_missing, may_approve
from ctlctl.service.server import Peer
from ctlctl.store.rolloutstore import Approval, StoredPlan
from ctlctl_config.rollout import RolloutSettings

NOW, DAY = 1_795_392_000, 86_400
KIM, LEE = Peer(1000, "kim", frozenset({"voice"})), Peer(1001, "lee", frozenset({"voice-leads"}))
RULES = RolloutSettings(approvers=("kim",), approver_groups=("voice-leads",), approval_days=14)
TWO = RULES.model_copy(update={"second_approver": True})


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> dict[int, Peer]:
    """Let a machine have these users."""
    known = {0: Peer(0, "root", frozenset()), 1000: KIM, 1001: LEE}
    monkeypatch.setattr(planshelf, "peer_of", lambda uid: known.get(uid, Peer(uid, "", frozenset())))
    return known


def plan(*approvals: Approval) -> StoredPlan:
    return StoredPlan("ab" * 32, "ababab", "hq", b"", NOW, approvals)


def word(who: Peer, at: int = NOW) -> Approval:
    return Approval(at, who.uid, who.name)


def test_two_are_two_people() -> None:
    assert approvals_missing(plan(), RULES, NOW) == "nobody's approval holds"
    assert approvals_missing(plan(word(KIM)), RULES, NOW) == ""
    assert approvals_missing(plan(word(KIM)), TWO, NOW) == "a second person has to approve"
    assert approvals_missing(plan(word(KIM), word(KIM, NOW + 1)), TWO, NOW + 1) == "a second person has to approve"
    assert approvals_missing(plan(word(KIM), word(LEE)), TWO, NOW) == ""


@pytest.mark.parametrize("later", [14 * DAY, -1])
def test_an_approval_ends_and_is_not_of_the_future(later: int) -> None:
    assert approvals_missing(plan(word(KIM)), RULES, NOW + later) != ""
    assert approvals_missing(plan(word(KIM), word(LEE, NOW + later)), TWO, NOW + later) != ""


def test_whoever_may_approve_no_more_has_not_approved(people: dict[int, Peer]) -> None:
    lone = RULES.model_copy(update={"approvers": ()})
    assert not may_approve(KIM, lone)
    assert approvals_missing(plan(word(KIM)), lone, NOW) != ""
    people[1001] = Peer(1001, "lee", frozenset({"voice"}))
    assert approvals_missing(plan(word(KIM), word(LEE)), TWO, NOW) == "a second person has to approve"


def test_a_number_that_has_gone_to_somebody_else_does_not_speak_for_the_one_before(people: dict[int, Peer]) -> None:
    people[1000] = Peer(1000, "max", frozenset({"voice-leads"}))
    assert approvals_missing(plan(word(KIM)), RULES, NOW) != ""
    del people[1000]
    assert approvals_missing(plan(word(KIM)), RULES, NOW) != ""


def test_nobody_approves_by_a_name_that_the_machine_does_not_know() -> None:
    assert not may_approve(Peer(4711, "", frozenset()), RULES.model_copy(update={"approvers": ("",)}))
    assert may_approve(Peer(0, "", frozenset()), RolloutSettings())


def test_a_group_may_stand_behind_an_at_sign() -> None:
    rules = RolloutSettings(approvers=("@voice-leads",))
    assert may_approve(Peer(1000, "kim", frozenset({"voice-leads"})), rules)
    assert not may_approve(Peer(1000, "voice-leads", frozenset()), rules)
    assert not may_approve(Peer(1000, "@voice-leads", frozenset()), RolloutSettings())
