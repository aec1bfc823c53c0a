"""What becomes of one phone: each reason, each proof, each thing that changes underneath."""

from dataclasses import replace
from typing import Final

import pytest

from ctlctl_capf.rollout.facts import Wish
from ctlctl_capf.rollout.model import Limits, Operation
from ctlctl_capf.rollout.reasons import Reason, Retry
from ctlctl_capf.rollout.rows import Mode, PhoneRow, PhoneState, Signal
from support.rolloutworld import (
    BORN,
    DEAF,
    EVERY,
    OK,
    QUICK,
    SAME,
    SILENT,
    STALE_WEB,
    Phone,
    Run,
    World,
    phones,
    plan_of,
)

#: Nothing halts: what one phone comes to is all that is asked.
ALONE: Final = replace(QUICK, canaries=(), abort_failures=99, abort_percent=100, unknown_percent=100)
ALL: Final = frozenset(Signal)


def one(*fates: str, operation: Operation = Operation.RENEW, limits: Limits = ALONE) -> tuple[PhoneRow, Phone, Run]:
    """Roll out to one phone with these fates."""
    who = phones(1, fates=[fates])
    run = Run(World(who), plan_of(who, limits, operation))
    run.to_the_end()
    assert not run.world.wrongs
    return next(iter(run.rows.values())), who[0], run


@pytest.mark.parametrize(
    ("operation", "signals"),
    [
        (Operation.INSTALL, ALL),
        (Operation.RENEW, ALL),
        (Operation.DELETE, ALL),
        (Operation.TROUBLESHOOT, {Signal.STATUS, Signal.REGISTERED}),
    ],
)
def test_done_says_what_proves_it(operation: Operation, signals: frozenset[Signal]) -> None:
    row, phone, run = one(OK, operation=operation)
    assert (row.state, row.signals, run.head.mode) == (PhoneState.DONE, signals, Mode.FINISHED)
    assert phone.status == operation.success


def test_without_a_web_server_three_signals_are_all_there_can_be() -> None:
    who = phones(2)
    run = Run(World(who), plan_of(who, ALONE))
    run.to_the_end()
    assert run.rows[who[1].name].state is PhoneState.DONE
    assert run.rows[who[1].name].signals == ALL - {Signal.CERTIFICATE}


def test_a_web_server_that_does_not_answer_is_no_failure_but_no_proof() -> None:
    who = phones(1)
    world = World(who)
    who[0].shown = None
    run = Run(world, plan_of(who, replace(ALONE, probe_deadline=40)))
    who[0].fates = (STALE_WEB,)
    run.to_the_end()
    row = run.rows[who[0].name]
    assert (row.state, row.signals) == (PhoneState.DONE, ALL - {Signal.CERTIFICATE})


@pytest.mark.parametrize(
    ("status", "state", "reason", "arms"),
    [
        ("Upgrade Failed: Invalid LSC", PhoneState.TO_PERSON, Reason.INVALID_LSC, 1),
        ("Upgrade Failed: Invalid MIC", PhoneState.TO_PERSON, Reason.INVALID_MIC, 1),
        ("Upgrade Failed: Invalid Authentication String", PhoneState.TO_PERSON, Reason.INVALID_STRING, 1),
        ("Upgrade Failed: Invalid Credentials", PhoneState.TO_PERSON, Reason.INVALID_CREDENTIALS, 1),
        ("Upgrade Failed: CA Rejected Connection", PhoneState.TO_PERSON, Reason.CA_REJECTED, 1),
        ("Upgrade Failed: No Support for EC only in CAPF version 3", PhoneState.GIVEN_UP, Reason.NO_EC, 1),
        ("Upgrade Failed", PhoneState.TO_PERSON, Reason.UNSPECIFIED, 1),
        ("Upgrade Failed: words of a later release", PhoneState.TO_PERSON, Reason.UNSPECIFIED, 1),
        ("Upgrade Failed: Phone Communication Failure", PhoneState.GIVEN_UP, Reason.COMMUNICATION, 4),
        ("Upgrade Failed: CA Communication Failure", PhoneState.GIVEN_UP, Reason.CA_COMMUNICATION, 4),
        ("Upgrade Failed: Key Generation Failed/Timeout", PhoneState.GIVEN_UP, Reason.KEY_GENERATION, 4),
        ("Upgrade Failed: User Initiated Request Late/Timedout", PhoneState.GIVEN_UP, Reason.LATE, 4),
        (DEAF, PhoneState.TO_PERSON, Reason.NOT_REGISTERED, 1),
        (SAME, PhoneState.TO_PERSON, Reason.SAME_EXPIRY, 1),
        (STALE_WEB, PhoneState.TO_PERSON, Reason.OLD_CERTIFICATE, 1),
        (SILENT, PhoneState.GIVEN_UP, Reason.LATE, 4),
    ],
)
def test_every_reason_comes_to_its_end(status: str, state: PhoneState, reason: Reason, arms: int) -> None:
    row, phone, run = one(status)
    assert (row.state, row.reason) == (state, reason)
    assert run.world.arms[phone.name] == arms


@pytest.mark.parametrize("one_shot", [False, True])
@pytest.mark.parametrize("at", range(0, 60, 3))
def test_a_phone_that_is_deleted_before_its_turn_is_gone_whoever_is_asked_first(at: int, one_shot: bool) -> None:
    who = phones(6)
    # One at a time, so that the last one's turn comes late.
    run = Run(World(who, changes=[(at, 5, "delete")]), plan_of(who, replace(ALONE, in_flight=1, tries=0)))
    run.tick, run.one_shot = 1, one_shot
    run.to_the_end()
    assert run.world.arms[who[5].name] == 0
    row = run.rows[who[5].name]
    assert (row.state, row.reason) == (PhoneState.DRIFTED, Reason.GONE)
    assert run.counts == {"done": 5, "drifted": 1}


def test_nobody_is_offline_while_axl_cannot_tell_whether_there_is_such_a_phone() -> None:
    who = phones(2)
    who[1].offline = frozenset({0})
    # AXL goes away when the first batch is open and RIS is being asked.
    run = Run(World(who, away=[(12, 900)]), plan_of(who, replace(ALONE, in_flight=1)))
    while run.world.now < BORN + 890:
        run.once()
    assert run.head.batches
    assert {row.state for row in run.rows.values()} == {PhoneState.PLANNED}
    while run.world.now < BORN + 1000:
        run.once()
    row = run.rows[who[1].name]
    assert (row.state, row.reason) == (PhoneState.RETRY, Reason.OFFLINE)
    run.to_the_end()
    assert run.counts == {"done": 2}


@pytest.mark.parametrize(
    ("status", "windows"),
    [
        ("Upgrade Failed: Phone Communication Failure", 2),
        ("Upgrade Failed: Key Generation Failed/Timeout", 1),
    ],
)
def test_a_phone_that_failed_once_is_done_the_next_time(status: str, windows: int) -> None:
    row, _, run = one(status, OK)
    assert (row.state, row.reason, row.tries) == (PhoneState.DONE, None, 2)
    assert (run.world.now - BORN) // EVERY + 1 == windows


def test_a_phone_on_its_way_back_from_one_try_is_not_away_for_the_next() -> None:
    who = phones(1, fates=[("Upgrade Failed: Key Generation Failed/Timeout", OK)])
    who[0].register_seconds = 90
    run = Run(World(who), plan_of(who, ALONE))
    run.to_the_end()
    assert (run.rows[who[0].name].state, run.rows[who[0].name].tries) == (PhoneState.DONE, 2)


def test_a_plan_can_say_what_follows_a_reason() -> None:
    row, _, _ = one("Upgrade Failed: Invalid LSC", limits=replace(ALONE, retry={Reason.INVALID_LSC: Retry.GIVE_UP}))
    assert row.state is PhoneState.GIVEN_UP


def test_a_phone_that_is_away_is_not_written_to() -> None:
    who = phones(2)
    who[0].offline = frozenset({0})
    who[1].offline = frozenset(range(99))
    run = Run(World(who), plan_of(who, ALONE))
    run.to_the_end()
    first, second = (run.rows[phone.name] for phone in who)
    assert (first.state, first.tries) == (PhoneState.DONE, 2)
    assert (second.state, second.reason, second.tries) == (PhoneState.GIVEN_UP, Reason.OFFLINE, 4)
    assert run.world.arms[who[1].name] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("delete", Reason.GONE),
        ("replace", Reason.OTHER_DEVICE),
        ("profile", Reason.OTHER_PROFILE),
        ("operation", Reason.OTHER_OPERATION),
        ("lsc", Reason.OTHER_LSC),
    ],
)
def test_a_phone_that_changed_since_the_plan_is_left_alone(change: str, reason: Reason) -> None:
    who = phones(4)
    run = Run(World(who, changes=[(0, 2, change)]), plan_of(who, replace(ALONE, drift_percent=100)))
    run.to_the_end()
    row = run.rows[who[2].name]
    assert (row.state, row.reason, run.world.arms[row.name]) == (PhoneState.DRIFTED, reason, 0)
    assert run.counts == {"done": 3, "drifted": 1}
    if change == "operation":
        assert (who[2].status, who[2].finish) == ("Operation Pending", "theirs")


def test_what_the_plan_did_not_know_has_not_changed() -> None:
    who = phones(1)
    unknown = {"security_profile": None, "security_mode": None, "authentication_mode": None}
    plan = plan_of(who, ALONE)
    run = Run(World(who), replace(plan, phones=(replace(plan.phones[0], **unknown),)))  # type: ignore[arg-type]
    run.to_the_end()
    assert run.counts == {"done": 1}


def test_an_operation_that_somebody_takes_away_under_way_is_left_alone() -> None:
    who = phones(1)
    who[0].capf_seconds = 100
    run = Run(World(who, changes=[(60, 0, "operation")]), plan_of(who, ALONE))
    run.to_the_end()
    assert run.rows[who[0].name].reason is Reason.OTHER_OPERATION


def test_what_ends_late_counts_without_a_second_operation() -> None:
    who = phones(1)
    # CAPF ends after the phone is overdue, and while the window is open.
    who[0].capf_seconds = QUICK.phone_deadline + 100
    run = Run(World(who), plan_of(who, ALONE))
    run.to_the_end()
    row = run.rows[who[0].name]
    assert (row.state, row.tries, run.world.arms[row.name]) == (PhoneState.DONE, 1, 1)


def test_success_is_found_where_it_came_while_nobody_looked() -> None:
    who = phones(1)
    world = World(who, away=[(45, EVERY)])
    run = Run(world, plan_of(who, ALONE))
    run.to_the_end()
    assert run.rows[who[0].name].state is PhoneState.DONE
    assert run.world.arms[who[0].name] == 1


@pytest.mark.parametrize("lost", [True, False, 5])
@pytest.mark.parametrize("write", [0, 1])
def test_a_write_whose_answer_is_lost_is_read_back_and_not_repeated_blindly(lost: bool | int, write: int) -> None:
    who = phones(1)
    run = Run(World(who, lost={write: lost}), plan_of(who, ALONE))
    run.to_the_end()
    assert run.rows[who[0].name].state is PhoneState.DONE
    assert run.world.arms[who[0].name] == 1
    assert run.world.writes == (2 if lost else 3)
    assert not run.world.wrongs


def test_an_abort_ends_every_phone_and_takes_back_only_what_was_never_reset() -> None:
    who = phones(12)
    for phone in who:
        phone.capf_seconds = 60
    run = Run(World(who), plan_of(who, replace(ALONE, pace=0.2)))
    run.commands = [(60, Wish.ABORT)]
    run.to_the_end()
    assert run.head.mode is Mode.ABORTED
    assert set(run.counts) == {"done", "cancelled"}
    assert not any(phone.pending for phone in who)
    assert not run.world.wrongs
    assert run.rows[who[11].name].reason is Reason.ABORTED


def test_what_a_pause_takes_back_is_done_after_it() -> None:
    who = phones(6)
    run = Run(World(who), plan_of(who, replace(ALONE, pace=0.2)))
    run.commands = [(30, Wish.PAUSE), (500, Wish.RESUME)]
    run.to_the_end()
    assert run.counts == {"done": 6}
    assert {row.tries for row in run.rows.values()} == {1}
    assert not run.world.wrongs


def test_a_write_that_was_answered_and_is_not_there_goes_to_a_person() -> None:
    who = phones(1)
    run = Run(World(who, ignored=frozenset({0})), plan_of(who, ALONE))
    run.to_the_end()
    row = run.rows[who[0].name]
    assert (row.state, row.reason) == (PhoneState.TO_PERSON, Reason.WRITE_IGNORED)


def test_a_write_that_arrives_later_than_anybody_waits_for_is_recognised() -> None:
    who = phones(1)
    run = Run(World(who, lost={0: 18}), plan_of(who, replace(ALONE, pace=0.1, pace_step=0.0)))
    run.to_the_end()
    assert run.rows[who[0].name].state is PhoneState.DONE
    # Armed once, reset once.
    assert run.world.writes == 2
    assert not run.world.wrongs


@pytest.mark.parametrize("capf", [1, 60])
def test_a_phone_that_restarts_by_itself_while_armed_is_done_without_a_second_operation(capf: int) -> None:
    who = phones(1)
    who[0].capf_seconds = capf
    # Armed after 100 s, and so slow a pace that the reset would come 100 s later.
    run = Run(World(who, changes=[(125, 0, "restart")]), plan_of(who, replace(ALONE, pace=0.01, pace_step=0.0)))
    run.to_the_end()
    assert run.rows[who[0].name].state is PhoneState.DONE
    assert run.world.arms[who[0].name] == 1
    assert run.world.writes == (1 if capf == 1 else 2)


@pytest.mark.parametrize("refused", [0, 1])
def test_what_axl_refuses_goes_to_a_person(refused: int) -> None:
    who = phones(1)
    run = Run(World(who, refused=frozenset({refused})), plan_of(who, ALONE))
    run.to_the_end()
    row = run.rows[who[0].name]
    assert (row.state, row.reason, run.world.writes) == (PhoneState.TO_PERSON, Reason.WRITE_REFUSED, refused + 1)


def test_a_success_that_came_after_the_retry_was_decided_is_found_before_the_next_write() -> None:
    who = phones(1, fates=[("Upgrade Failed: Phone Communication Failure", OK)])
    world = World(who, changes=[(EVERY - 300, 0, "late-success")])
    run = Run(world, plan_of(who, ALONE))
    run.to_the_end()
    row = run.rows[who[0].name]
    assert (row.state, world.arms[row.name]) == (PhoneState.DONE, 1)
