"""When a rollout stops, when it only waits, and what it takes to go on."""

from dataclasses import replace
from typing import Final

import pytest

from ctlctl_capf.rollout.actions import EventKind, Hold
from ctlctl_capf.rollout.facts import Facts, Health, Preflight, Wish
from ctlctl_capf.rollout.machine import Machine
from ctlctl_capf.rollout.model import Limits
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import Halt, Mode, PhoneState, begin
from support.rolloutworld import BORN, DEAF, EVERY, HOUR, OK, QUICK, SILENT, Run, World, phones, plan_of, window_at

BATCHES: Final = replace(QUICK, canaries=())
POISON: Final = ("Upgrade Failed: Invalid MIC",)


def run_of(many: int, limits: Limits, *fates: tuple[str, ...], **world: object) -> Run:
    who = phones(many, fates=fates)
    return Run(World(who, **world), plan_of(who, limits))  # type: ignore[arg-type] # as the attributes are


def test_a_failing_family_halts_at_the_first_canary_and_again_after_a_resumption() -> None:
    who = phones(40)
    for phone in who:
        phone.fates = POISON if phone.planned.family == "8842" else (OK,)
    run = Run(World(who), plan_of(who, replace(QUICK, canaries=(3, 6, 12))))
    run.to_the_end()
    assert (run.head.mode, run.head.halt) == (Mode.HALTED, Halt.CANARY)
    assert run.head.words == "canary-1 (batch 1): 1 of 3 failed"
    assert sum(run.world.arms.values()) <= 3
    run.resumes = 1
    run.to_the_end()
    # A canary that failed was no proof: as many phones again, not the next stage.
    assert (run.head.halt, run.head.stage) == (Halt.CANARY, 0)
    assert sum(run.world.arms.values()) <= 6
    assert not run.world.wrongs


def test_absent_phones_do_not_fail_a_canary_but_too_many_of_them_halt_it() -> None:
    absent = ("Upgrade Failed: Phone Communication Failure", OK)
    limits = replace(QUICK, canaries=(10,))
    assert run_halts(run_of(30, limits, absent, (OK,), absent)) == []
    assert run_halts(run_of(30, limits, *[absent] * 3))[:1] == [Halt.UNKNOWN]


def run_halts(run: Run) -> list[str]:
    run.to_the_end()
    assert not run.world.wrongs
    return run.halts


@pytest.mark.parametrize(
    ("limits", "bad", "halts"),
    [
        ({"abort_percent": 20}, 2, []),
        ({"abort_percent": 20}, 3, [Halt.FAILURES]),
        ({"abort_percent": 100, "abort_failures": 3}, 3, [Halt.FAILURES]),
        # One failure says nothing of a small batch.
        ({"abort_percent": 2}, 1, []),
        ({"abort_percent": 2}, 2, [Halt.FAILURES]),
    ],
)
def test_a_batch_halts_above_its_limits(limits: dict[str, int], bad: int, halts: list[Halt]) -> None:
    within = replace(BATCHES, batch=10, in_flight=10, **limits)  # type: ignore[arg-type] # as the fields are
    assert run_halts(run_of(10, within, *[POISON] * bad)) == halts


def test_success_without_registration_counts_double() -> None:
    assert run_halts(run_of(10, replace(BATCHES, batch=10), (DEAF,))) == [Halt.FAILURES]


def test_silent_phones_halt_as_unknown() -> None:
    assert run_halts(run_of(10, replace(BATCHES, batch=10, in_flight=10), *[(SILENT,)] * 3)) == [Halt.UNKNOWN]


def test_changed_phones_halt() -> None:
    changes = [(0, place, "profile") for place in range(3)]
    assert run_halts(run_of(10, replace(BATCHES, batch=10), changes=changes)) == [Halt.DRIFT]


def test_a_red_preflight_halts_and_one_that_could_not_be_had_waits() -> None:
    run = run_of(10, QUICK, red=[(0, 300)])
    run.to_the_end()
    assert (run.head.halt, run.head.words, run.world.writes) == (Halt.PREFLIGHT, "CAPF is down", 0)
    run.world.advance(BORN + 400)
    run.resumes = 1
    run.to_the_end()
    assert run.counts == {"done": 10}
    assert run_halts(run_of(10, QUICK, away=[(0, 600)])) == []


def test_phones_that_vanish_halt_beyond_those_in_flight() -> None:
    who = phones(40)
    for phone in who[20:]:
        phone.offline = frozenset({0})
    run = Run(World(who), plan_of(who[:20], QUICK))
    run.baseline = 40
    run.to_the_end()
    assert run.head.halt is Halt.DROP
    assert run.head.words == "20 of 40 phones are registered; 0 in flight do not explain it, 20 more are missing"


@pytest.mark.parametrize(("known", "halt"), [(True, None), (False, Halt.DROP)])
def test_phones_that_were_in_flight_while_they_were_counted_explain_a_drop(known: bool, halt: Halt | None) -> None:
    run = run_of(20, replace(BATCHES, in_flight=5))

    def away() -> int:
        return sum(row.state in {PhoneState.WAITING, PhoneState.VERIFYING} for row in run.rows.values())

    while away() < 5:
        run.once()
    begun, most = run.world.now, away()
    while away() >= 2:
        run.once()
    counted = Facts(window_at(begun), registered=20 - most, baseline=20, counted_at=begun if known else 0)
    assert run.machine.decide(counted, run.world.now + 1).head.halt is halt


@pytest.mark.parametrize(
    ("facts", "halt"),
    [
        ({"invalid": "the plan was approved 15 days ago, approvals last 14"}, Halt.APPROVAL),
        ({}, Halt.DEADLINE),
    ],
)
def test_an_approval_that_lapsed_and_a_deadline_halt(facts: dict[str, str], halt: Halt) -> None:
    who = phones(4)
    plan = replace(plan_of(who), deadline=BORN + 10 if halt is Halt.DEADLINE else None)
    machine = Machine(plan, begin(plan, BORN))
    decision = machine.decide(Facts(window=window_at(BORN), **facts), BORN + 10)  # type: ignore[arg-type]
    assert (decision.head.halt, decision.actions, decision.hold) == (halt, (), Hold.STOPPED)
    assert [event.kind for event in decision.events if event.kind is EventKind.HALTED] == [EventKind.HALTED]


def test_a_clock_that_goes_back_halts_and_the_rollout_ends_well_after_a_resumption() -> None:
    run = run_of(12, BATCHES)
    run.jumps, run.resumes = [(60, -2000)], 1
    run.to_the_end()
    assert run.halts == [Halt.CLOCK]
    assert run.counts == {"done": 12}
    assert not run.world.wrongs


def test_a_jump_over_the_end_of_the_window_ends_all_writes_until_the_next() -> None:
    run = run_of(12, replace(BATCHES, pace=0.2))
    run.jumps = [(60, HOUR)]
    run.to_the_end()
    assert run.counts == {"done": 12}
    assert run.world.now > BORN + EVERY
    assert not run.world.wrongs


def test_nothing_is_begun_that_could_not_end_within_the_window() -> None:
    run = run_of(40, replace(BATCHES, in_flight=1, cm_group_percent=100))
    for phone in run.world.phones:
        phone.capf_seconds = 100
    last: dict[int, int] = {}
    while run.head.mode is Mode.RUNNING and run.world.now < BORN + 3 * EVERY:
        before = run.world.writes
        run.once()
        if run.world.writes > before:
            last[(run.world.now - BORN) // EVERY] = (run.world.now - BORN) % EVERY
    assert run.world.now > BORN + EVERY
    assert max(last.values()) <= HOUR
    assert not any(phone.pending for phone in run.world.phones)
    assert all(row.reason is None for row in run.rows.values())


def test_a_throttled_answer_halves_the_pace_and_clean_minutes_raise_it() -> None:
    run = run_of(60, replace(BATCHES, batch=60, in_flight=60, site_percent=100, cm_group_percent=100, pace=4.0))
    run.world.throttle = 4
    paces = []
    while run.head.mode is Mode.RUNNING:
        run.once()
        paces.append(run.head.pace)
    assert run.head.throttled
    assert min(paces) <= 2.0
    assert run.counts == {"done": 60}
    # What AXL refuses for a while is no try of the phone.
    assert {row.tries for row in run.rows.values()} == {1}


def test_phones_in_the_way_of_a_halt_are_finished_or_taken_back_but_not_reset() -> None:
    run = run_of(20, replace(BATCHES, batch=20, in_flight=20, pace=0.5, abort_failures=1), POISON)
    for phone in run.world.phones[1:]:
        phone.capf_seconds = 120
    run.to_the_end()
    assert run.head.halt is Halt.FAILURES
    assert set(run.counts) <= {"done", "planned", "to-person"}
    assert not any(phone.pending for phone in run.world.phones)
    assert not run.world.wrongs


def test_stages_wait_for_a_fresh_preflight_and_for_the_canary_to_bake() -> None:
    who = phones(6)
    plan = plan_of(who, replace(QUICK, canaries=(2,), bake=600))
    machine = Machine(plan, begin(plan, BORN))
    window = window_at(BORN)
    assert machine.decide(Facts(window=None), BORN + 1).hold is Hold.NO_WINDOW
    assert machine.decide(Facts(window=window, axl=False), BORN + 2).hold is Hold.AXL
    old = Preflight(BORN - 1000, Health.GREEN)
    assert machine.decide(Facts(window=window, preflight=old), BORN + 3).hold is Hold.PREFLIGHT
    unknown = Preflight(BORN + 3, Health.UNKNOWN)
    assert machine.decide(Facts(window=window, preflight=unknown), BORN + 4).hold is Hold.PREFLIGHT
    green = Preflight(BORN + 5, Health.GREEN)
    assert machine.decide(Facts(window=window, preflight=green), BORN + 5).head.last_batch == 1
    assert machine.decide(Facts(window=window, preflight=green), BORN + HOUR - 60).hold is Hold.WINDOW_ENDS
    run = Run(World(who), plan)
    while run.head.stage == 0:
        run.once()
    done = run.world.now
    while run.head.last_batch == 1:
        run.once()
    assert run.world.now - done >= 595


def test_only_an_operator_resumes_and_nobody_resumes_what_was_aborted() -> None:
    run = run_of(9, BATCHES, red=[(0, 99)])
    run.to_the_end()
    assert str(run.head.mode) == "halted"
    for _ in range(50):
        run.once()
    assert str(run.head.mode) == "halted"
    run.commands = [(0, Wish.ABORT), (0, Wish.RESUME)]
    run.once()
    assert run.head.mode is Mode.ABORTED
    assert {(row.state, row.reason) for row in run.rows.values()} == {(PhoneState.CANCELLED, Reason.ABORTED)}
