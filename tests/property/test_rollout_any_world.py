"""Rollouts in any world: whatever phones, AXL, clocks and operators do, and wherever the daemon is killed."""

from typing import Any, Final

from hypothesis import event, given, settings
from hypothesis import strategies as st

from ctlctl_capf.rollout.facts import Wish
from ctlctl_capf.rollout.model import Limits, Operation
from ctlctl_capf.rollout.reasons import ABSENT, failure_of
from ctlctl_capf.rollout.rows import FINAL, Mode, PhoneState, Signal
from support.rolloutworld import (
    DEAF,
    EVERY,
    MIC_END,
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

FAILURES: Final = (
    "Invalid LSC",
    "Invalid Authentication String",
    "Invalid MIC",
    "Invalid Credentials",
    "Phone Communication Failure",
    "Key Generation Failed/Timeout",
    "CA Communication Failure",
    "CA Rejected Connection",
    "User Initiated Request Late/Timedout",
    "No Support for EC only in CAPF version 3",
    "Something that a later release says",
)
STATUSES: Final = ("Upgrade Failed", *(f"Upgrade Failed: {words}" for words in FAILURES))
#: Nothing halts by numbers; a failed canary still does.
LENIENT: Final = {
    "abort_failures": 1000,
    "abort_percent": 100,
    "unknown_percent": 100,
    "drift_percent": 100,
    "drop_percent": 100,
}

fate = st.one_of(
    st.just(OK), st.just(OK), st.just(OK), st.sampled_from(STATUSES), st.sampled_from((SILENT, DEAF, SAME, STALE_WEB))
)
seconds = st.integers(0, 2 * EVERY)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    values: dict[str, Any] = {
        "canaries": tuple(draw(st.lists(st.integers(1, 4), max_size=3))),
        "batch": draw(st.integers(1, 10)),
        "in_flight": draw(st.integers(1, 8)),
        "site_percent": draw(st.integers(1, 100)),
        "cm_group_percent": draw(st.integers(1, 100)),
        "bake": draw(st.integers(0, 120)),
        "tries": draw(st.integers(0, 3)),
        "pace": draw(st.floats(0.3, 5.0)),
    }
    if draw(st.booleans()):
        values |= LENIENT
    base = {name: getattr(QUICK, name) for name in Limits.__dataclass_fields__}
    return Limits(**{**base, **values})


@st.composite
def members(draw: st.DrawFn, most: int = 16, *, offline: bool = True) -> list[Phone]:
    many = draw(st.integers(1, most))
    fates = draw(st.lists(st.lists(fate, min_size=1, max_size=3), max_size=many))
    made = phones(many, draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3)), fates)
    for phone in made:
        phone.capf_seconds = draw(st.integers(1, 200))
        phone.register_seconds = draw(st.integers(1, 90))
        if offline and draw(st.integers(0, 9)) == 0:
            phone.offline = frozenset(draw(st.sets(st.integers(0, 4), min_size=1)))
    return made


CHANGES: Final = ("delete", "replace", "profile", "operation", "lsc", "restart", "restart", "restart")
changes = st.tuples(st.one_of(seconds, st.integers(0, 120)), st.integers(0, 30), st.sampled_from(CHANGES))
spans = st.lists(st.tuples(seconds, st.integers(1, 900)).map(lambda span: (span[0], span[0] + span[1])), max_size=2)
kills = st.sets(st.integers(0, 600), max_size=12)


def proved(run: Run) -> None:
    """Check that what is called done is done, and that nothing is left half done."""
    assert not run.world.wrongs
    for row in run.rows.values():
        phone = run.world.by_name[row.name]
        if row.state is PhoneState.DONE and phone.name not in run.world.changed:
            assert {Signal.STATUS, Signal.REGISTERED} <= row.signals
            assert phone.status.endswith("Success")
            assert phone.since >= (row.reset_at or 0) - run.plan.limits.skew
            if run.plan.operation.issues:
                assert Signal.EXPIRY in row.signals
                assert phone.lsc != phone.planned.lsc_valid_until
            if phone.planned.web and run.plan.operation is not Operation.TROUBLESHOOT:
                assert phone.shown == (phone.lsc or MIC_END)
    if run.head.mode in {Mode.FINISHED, Mode.ABORTED}:
        assert all(row.state in FINAL for row in run.rows.values())


@settings(max_examples=80)
@given(
    who=members(),
    within=limits(),
    operation=st.sampled_from(Operation),
    throttle=st.sampled_from((1, 2, 1000)),
    away=spans,
    red=spans,
    lost=st.dictionaries(st.integers(0, 60), st.one_of(st.booleans(), st.integers(1, 9)), max_size=8),
    ignored=st.frozensets(st.integers(0, 60), max_size=3),
    unsent=st.frozensets(st.integers(0, 60), max_size=8),
    changed=st.lists(changes, max_size=6),
    jumps=st.lists(st.tuples(seconds, st.sampled_from((-4000, -90, -20, 300, 4000))), max_size=2),
    commands=st.lists(st.tuples(seconds, st.sampled_from((Wish.PAUSE, Wish.RESUME, Wish.ABORT))), max_size=3),
    resumes=st.integers(0, 30),
    dies=kills,
    watched=st.booleans(),
    one_shot=st.booleans(),
)
def test_whatever_happens_no_phone_is_lost_and_nothing_is_written_that_must_not_be(  # noqa: PLR0917
    who: list[Phone],
    within: Limits,
    operation: Operation,
    throttle: int,
    away: list[tuple[int, int]],
    red: list[tuple[int, int]],
    lost: dict[int, bool | int],
    ignored: frozenset[int],
    unsent: frozenset[int],
    changed: list[tuple[int, int, str]],
    jumps: list[tuple[int, int]],
    commands: list[tuple[int, Wish]],
    resumes: int,
    dies: set[int],
    watched: bool,
    one_shot: bool,
) -> None:
    world = World(who, throttle=throttle, away=away, red=red, lost=dict(lost), ignored=ignored, unsent=unsent)
    world.changes = list(changed)
    run = Run(world, plan_of(who, within, operation))
    run.kills, run.resumes, run.jumps, run.one_shot = set(dies), resumes, list(jumps), one_shot
    run.commands = sorted(commands, key=lambda each: each[0])
    run.baseline = len(who) if watched else None
    run.to_the_end()
    event(str(run.head.mode))
    for halt in run.halts:
        event(f"halted: {halt}")
    proved(run)
    if throttle == 1000:
        # Nobody was busy, whatever else went wrong.
        assert run.head.throttled == 0


@settings(max_examples=40)
@given(
    who=members(offline=False),
    within=limits(),
    dies=kills,
    lost=st.dictionaries(st.integers(0, 60), st.one_of(st.booleans(), st.integers(1, 9)), max_size=8),
    one_shot=st.booleans(),
)
def test_the_end_is_the_same_wherever_the_daemon_is_killed(
    who: list[Phone], within: Limits, dies: set[int], lost: dict[int, bool | int], one_shot: bool
) -> None:
    ends = []
    for killed in (False, True):
        again = [Phone(each.planned, each.fates, each.capf_seconds, each.register_seconds) for each in who]
        world = World(again, lost=dict(lost) if killed else {})
        run = Run(world, plan_of(again, within))
        run.resumes = 1000
        if killed:
            run.kills, run.one_shot = set(dies), one_shot
        run.to_the_end()
        proved(run)
        assert run.head.mode is Mode.FINISHED
        ends.append({name: (row.state, row.reason, row.tries, row.signals) for name, row in run.rows.items()})
    assert ends[0] == ends[1]


@settings(max_examples=20)
@given(within=limits(), status=st.sampled_from(STATUSES), dies=kills, families=st.integers(1, 4))
def test_a_poisoned_family_stops_at_the_canary(within: Limits, status: str, dies: set[int], families: int) -> None:
    who = phones(40, families)
    for phone in who:
        if phone.planned.family == "8841":
            phone.fates = (status,)
    run = Run(World(who), plan_of(who, within))
    run.kills = set(dies)
    run.to_the_end()
    proved(run)
    if sum(within.canaries) >= families and failure_of(status) not in ABSENT:
        assert run.head.mode is Mode.HALTED
        armed = {name for name, many in run.world.arms.items() if many}
        assert armed <= {phone.name for phone in run.plan.phones[: sum(within.canaries)]}
