"""Worlds of the lab for tests: their keys are made once a test run, for all its processes."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from ctlctl_lab.build import WorldPlan, build_world
from ctlctl_lab.clock import ManualClock
from ctlctl_lab.dirs import LabDir
from ctlctl_lab.model import REGISTERED, SERVICE_CALLMANAGER, Phone
from ctlctl_lab.phones import presented
from ctlctl_lab.scenarios import apply_scenario
from ctlctl_lab.world import World
from ctlctl_trust import ListReport, verify_trust_list

#: When the lab of the tests was born: 2026-11-23 00:00 UTC.
BORN = 1_795_392_000
#: Enough phones for every model to be among them.
PHONES = 120
SMALL = WorldPlan(phones=PHONES)
#: From 11.5 and before: CallManager signs the lists, ITLRecovery is the spare anchor.
OLD_RELEASE = WorldPlan(phones=PHONES, version="11.5.1.21900-40")
DAY = 86_400

Factory = pytest.TempPathFactory


def shared_directory(factory: Factory) -> LabDir:
    """Return the lab directory that all processes of this test run share."""
    base = factory.getbasetemp()
    # A worker's folder lies in that of the run.
    return _open(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@cache
def _open(base: Path) -> LabDir:
    return LabDir(born_at(base / "lab-of-all-tests", BORN))


def born_at(folder: Path, born: int) -> Path:
    """Make a lab directory whose first use was then."""
    folder.mkdir(mode=0o700, exist_ok=True)
    mark = folder / f".born-{os.getpid()}"
    mark.write_text(f'{{"born": {born}}}')
    mark.replace(folder / "lab.json")
    return folder


def lab_world(factory: Factory, plan: WorldPlan = SMALL, scenario: str = "", at: float = BORN) -> World:
    """Build a world whose clock is moved by hand, and set up a scenario in it."""
    world = build_world(plan, shared_directory(factory), ManualClock(at))
    if scenario:
        apply_scenario(world, plan, scenario)
    return world


def settle(world: World) -> None:
    """Let happen all that is to happen, and hold what must be true then."""
    world.schedule.settle(limit=30 * DAY)
    assert len(world.schedule) == 0
    hold_consistent(world)


def pass_time(world: World, seconds: float) -> None:
    """Let time pass, with nothing to happen in it."""
    assert isinstance(world.cluster.clock, ManualClock)
    world.cluster.clock.advance(seconds)


def phones_where(world: World, wanted: Callable[[Phone], bool]) -> list[Phone]:
    """Return the phones of a kind; a test about none of them would prove nothing."""
    found = [phone for phone in world.cluster.phones.values() if wanted(phone)]
    assert found
    return found


def is_secure(world: World, phone: Phone) -> bool:
    """Tell whether a phone needs TLS."""
    return world.cluster.profiles[phone.profile].secure and world.cluster.security_mode == 1


def asks_tvs(phone: Phone) -> bool:
    """Tell whether a phone has Security By Default."""
    return phone.kind.security_by_default


def registered(world: World) -> set[str]:
    """Return the names of the registered phones."""
    return {phone.name for phone in world.cluster.phones.values() if phone.status == REGISTERED}


def messages(world: World) -> dict[str, int]:
    """Return how many phones that are not registered show which message."""
    found: dict[str, int] = {}
    for phone in world.cluster.phones.values():
        if phone.status != REGISTERED:
            found[phone.message] = found.get(phone.message, 0) + 1
    return found


def instant(world: World) -> datetime:
    """Return the world's instant, aware."""
    return datetime.fromtimestamp(world.now(), UTC)


def ctl_report(world: World) -> ListReport:
    """Verify the CTL that is served."""
    assert world.files.ctl is not None
    return verify_trust_list(world.files.ctl, instant(world))


def itl_report(world: World, node: str = "lab-pub") -> ListReport:
    """Verify the ITL that a node serves."""
    data = world.files.itl(world.cluster.nodes[node])
    assert data is not None
    return verify_trust_list(data, instant(world))


def hold_consistent(world: World) -> None:
    """Hold what is true of any world at any time."""
    cluster = world.cluster
    waiting = {phone.name for _, _, _, phone, epoch in world.schedule._heap if phone.epoch == epoch}
    for phone in cluster.phones.values():
        assert not phone.busy or phone.name in waiting, "a phone on its way has something ahead of it"
        assert not (phone.busy and phone.status == REGISTERED)
        assert phone.powered or (not phone.busy and phone.status != REGISTERED)
        assert phone.itl is None or phone.kind.security_by_default
        assert phone.lsc_valid_until == (phone.lsc.not_after if phone.lsc else 0)
        assert phone.capf.pending or not phone.capf.authentication_string
        if phone.status == REGISTERED:
            assert phone.node in cluster.nodes


def hold_registration(world: World, phone: Phone) -> None:
    """Hold what is true of a phone at the instant at which it registers."""
    node = world.cluster.nodes[phone.node]
    assert node.runs(SERVICE_CALLMANAGER)
    if is_secure(world, phone):
        held = phone.ctl or phone.itl
        shown = presented(world, node, phone.protocol.lower(), "CallManager")
        assert held is not None
        assert shown is not None
        assert shown.der in held.ccm
        assert phone.credential is not None
        assert phone.credential.not_before <= world.now() <= phone.credential.not_after
        trusted = {each.der for each in world.cluster.trust["CallManager-trust"]}
        assert phone.credential.issuer.der in trusted


def some_phone(world: World, *, secure: bool = True, tvs: bool = True) -> Phone:
    """Return the first phone of a kind."""
    return phones_where(world, lambda phone: is_secure(world, phone) is secure and asks_tvs(phone) is tvs)[0]


def reset(world: World, phone: Phone) -> None:
    """Reset one phone, and wait."""
    world.reset_phone(phone.name)
    settle(world)


def reset_everything(world: World) -> None:
    """Reset every phone, wait, and hold what is true of those that register."""
    world.reset_all()
    settle(world)
    for phone in world.cluster.phones.values():
        if phone.status == REGISTERED:
            hold_registration(world, phone)
