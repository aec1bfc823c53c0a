"""What nodes of the lab do by themselves: services that start and stop, what they present, who may log in."""

from itertools import pairwise

import pytest

from ctlctl_lab.build import PLATFORM_OWNER, PLATFORM_READER
from ctlctl_lab.control import Operator
from ctlctl_lab.dirs import LabError
from ctlctl_lab.lockout import LOCK_SECONDS
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    IPSEC,
    ITL_RECOVERY,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TOMCAT,
    SERVICE_TVS,
    TOMCAT,
    TVS,
)
from ctlctl_lab.nodestate import backups, own_certificates, service_states
from ctlctl_lab.switches import turn_off, turn_on
from ctlctl_lab.world import World
from support.labworld import DAY, SMALL, Factory, asks_tvs, is_secure, lab_world, pass_time, phones_where, settle


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory, scenario="healthy")


def presents(world: World, service: str, unit: str, node: str = "lab-pub") -> str:
    found = world.cluster.nodes[node].presents(service, unit)
    assert found is not None
    return found.pin


@pytest.mark.parametrize(
    ("unit", "services"),
    [
        (TOMCAT, (SERVICE_TOMCAT, SERVICE_TFTP)),
        (CALLMANAGER, (SERVICE_CALLMANAGER, SERVICE_TFTP)),
        (TVS, (SERVICE_TVS,)),
        (CAPF, (SERVICE_CAPF,)),
    ],
)
def test_a_service_presents_what_it_loaded_when_it_started(unit: str, services: tuple[str, ...], world: World) -> None:
    node = world.cluster.publisher
    first = node.identities[unit].pin
    pass_time(world, 60)
    world.renew(unit, "lab-pub", restart=False)
    pass_time(world, 60)
    world.renew(unit, "lab-pub", restart=False)
    for number, service in enumerate(services):
        assert [presents(world, each, unit) for each in services[number:]] == [first] * len(services[number:])
        assert world.restart_service("lab-pub", service)
        assert presents(world, service, unit) == node.identities[unit].pin != first
    world.renew(unit, "lab-pub", restart=False)
    world.renew(unit, "lab-pub")
    assert not node.held, "a renewal with a restart leaves nothing behind"


def test_a_node_that_starts_loads_what_is_installed(world: World) -> None:
    world.renew(TOMCAT, restart=False)
    for name in world.cluster.nodes:
        assert world.cluster.nodes[name].held
        world.node_down(name)
        world.node_up(name)
        assert not world.cluster.nodes[name].held
        assert world.cluster.nodes[name].booted == world.now()


def test_a_stopped_service_loads_nothing_old(world: World) -> None:
    world.stop_service("lab-pub", SERVICE_TVS)
    world.renew(TVS, restart=False)
    assert world.start_service("lab-pub", SERVICE_TVS)
    assert presents(world, SERVICE_TVS, TVS) == world.cluster.publisher.identities[TVS].pin
    assert presents(world, SERVICE_TVS, TVS, "lab-sub1") != world.cluster.nodes["lab-sub1"].identities[TVS].pin


def test_phones_leave_a_callmanager_that_stops_and_come_back(world: World) -> None:
    def on_first() -> set[str]:
        return {name for name, phone in world.cluster.phones.items() if phone.node == "lab-sub1"}

    before = on_first()
    assert before
    world.stop_service("lab-sub1", SERVICE_CALLMANAGER)
    settle(world)
    assert on_first() == set()
    world.start_service("lab-sub1", SERVICE_CALLMANAGER)
    settle(world)
    assert on_first() == before


def test_states_of_services(world: World) -> None:
    node = world.cluster.nodes["lab-sub1"]
    pass_time(world, 500)
    world.restart_service("lab-sub1", SERVICE_TFTP)
    world.stop_service("lab-sub1", SERVICE_CALLMANAGER)
    states = {each.name: each for each in service_states(node)}
    assert (states[SERVICE_TFTP].started, states[SERVICE_TFTP].since) == (True, world.now())
    assert (states[SERVICE_TVS].started, states[SERVICE_TVS].since) == (True, node.booted)
    assert (states[SERVICE_CALLMANAGER].started, states[SERVICE_CALLMANAGER].since) == (False, None)
    assert states[SERVICE_CALLMANAGER].activated
    assert not states[SERVICE_CAPF].activated
    assert not states[SERVICE_TOMCAT].feature
    assert "Cisco DRF Master" not in states
    assert "Cisco DRF Master" in {each.name for each in service_states(world.cluster.publisher)}


@pytest.mark.parametrize("service", [SERVICE_CAPF, "Cisco DRF Master", "no such service"])
def test_a_service_that_is_not_activated_is_not_controlled(service: str, world: World) -> None:
    for act in (world.restart_service, world.stop_service, world.start_service):
        with pytest.raises(KeyError):
            act("lab-sub1", service)


def test_a_stuck_service_stays_away_until_the_switch_is_off(world: World) -> None:
    turn_on(world, "service-stuck", "lab-sub1:Cisco Tftp")
    node = world.cluster.nodes["lab-sub1"]
    assert node.runs(SERVICE_TFTP), "it runs until somebody restarts it"
    assert not world.restart_service("lab-sub1", SERVICE_TFTP)
    assert not node.runs(SERVICE_TFTP)
    assert world.restart_service("lab-pub", SERVICE_TFTP)
    turn_off(world, "service-stuck")
    assert world.start_service("lab-sub1", SERVICE_TFTP)


def test_own_certificates(world: World) -> None:
    cluster = world.cluster
    assert list(own_certificates(cluster, cluster.publisher)) == [TOMCAT, IPSEC, ITL_RECOVERY, CALLMANAGER, CAPF, TVS]
    second = own_certificates(cluster, cluster.nodes["lab-sub1"])
    assert list(second) == [TOMCAT, IPSEC, ITL_RECOVERY, CALLMANAGER, TVS]
    assert second[ITL_RECOVERY] is cluster.itl_recovery


def test_a_phone_whose_tvs_has_forgotten_does_not_trust_what_it_needs_tvs_for(world: World) -> None:
    # A renewed ITLRecovery is in no list that phones hold: they ask TVS, each that of its group's first node.
    world.renew(ITL_RECOVERY)
    for name in world.cluster.nodes:
        turn_on(world, "tvs-forgets", f"{name}:ITLRecovery")
    phone = phones_where(world, lambda each: is_secure(world, each) and asks_tvs(each))[0]
    world.reset_phone(phone.name)
    settle(world)
    assert phone.message == "Trust List Update Failed"
    turn_off(world, "tvs-forgets")
    world.reset_phone(phone.name)
    settle(world)
    assert phone.message != "Trust List Update Failed"


def test_three_bad_logins_lock_an_account_on_its_node_for_five_minutes(world: World) -> None:
    good = world.cluster.platform_accounts[PLATFORM_READER].password
    owner = world.cluster.platform_accounts[PLATFORM_OWNER].password
    assert good != owner

    def login(password: str, node: str = "lab-pub", user: str = PLATFORM_READER) -> int | None:
        found = world.platform_login(node, user, password)
        return None if found is None else found.level

    assert login(good) == 1
    for _ in range(2):
        assert login("wrong") is None
        assert login("wrong") is None
        assert login(good) == 1, "a good login forgives the bad ones"
    assert [login("wrong") for _ in range(3)] == [None] * 3
    assert login(good) is None
    assert login(good, node="lab-sub1") == 1
    assert login(owner, user=PLATFORM_OWNER) == 4
    pass_time(world, LOCK_SECONDS - 1)
    assert login(good) is None
    pass_time(world, 1)
    assert login(good) == 1
    turn_on(world, "ssh-locked", "lab-pub")
    assert login(good) is None
    turn_off(world, "ssh-locked")
    assert login(good) == 1
    assert [login(good, user="nobody") for _ in range(5)] == [None] * 5


def test_backups(world: World) -> None:
    nightly = backups(world)
    assert len(nightly) == 5
    assert [one.begun - other.begun for one, other in pairwise(nightly)] == [DAY] * 4
    turn_on(world, "backup-age", "30")
    assert world.now() - max(each.completed for each in backups(world) if each.succeeded) == 30 * 3600
    turn_on(world, "backup-age", "none")
    assert backups(world) == ()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("service-stuck", "lab-sub1:Cisco Certificate Authority Proxy Function", "NODE:SERVICE is wanted"),
        ("service-stuck", "lab-sub9:Cisco Tftp", "no node 'lab-sub9'"),
        ("replication", "lab-sub1=9", "states are 0 to 4"),
        ("replication", "lab-sub1", "NODE=STATE is wanted"),
        ("ntp", "lab-sub1=late", "unsynchronised and stopped"),
        ("backup-age", "-1", "a number from 0"),
        ("tvs-forgets", "lab-sub1:eToken", "units are tomcat"),
        ("ssh-prompt", "lab-pub=", "NODE=PROMPT is wanted"),
        ("ssh-stall", "lab-sub9", "no node 'lab-sub9'"),
    ],
)
def test_a_switch_refuses_what_makes_no_sense(name: str, value: str, complaint: str, world: World) -> None:
    with pytest.raises(LabError, match=complaint):
        turn_on(world, name, value)


def test_an_operator_is_told_what_is_stopped_and_what_presents_an_old_certificate(world: World) -> None:
    operator = Operator(world, SMALL)

    def ask(do: str, **words: str) -> str:
        answer = operator.answer({"do": do, **words})
        said = answer.get("said", [answer.get("error", "")])
        assert isinstance(said, list)
        return "\n".join(said)

    assert "on the old one" not in ask("renew", unit="tomcat", node="lab-sub1")
    assert "goes on with the old one" in ask("renew", unit="tomcat", node="lab-sub1", restart="no")
    assert "Cisco Tomcat presents the tomcat certificate from before" in ask("status")
    assert (
        ask("service", what="restart", node="lab-sub1", service="Cisco Tomcat") == "Cisco Tomcat is started on lab-sub1"
    )
    assert "Cisco Tomcat presents" not in ask("status")
    assert ask("service", what="stop", node="lab-sub1", service="Cisco Tftp") == "Cisco Tftp is stopped on lab-sub1"
    assert "stopped: Cisco Tftp" in ask("status")
    turn_on(world, "service-stuck", "lab-sub1:Cisco Tftp")
    assert "does not come back" in ask("service", what="start", node="lab-sub1", service="Cisco Tftp")
    assert "no service 'x'" in ask("service", what="restart", node="lab-sub1", service="x")
    assert "no service" in ask("service", what="restart", node="lab-sub9", service="Cisco Tftp")
