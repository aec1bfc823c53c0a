"""A cluster that lives: what operators do to it, and what RIS and the change queue then tell."""

import pytest

from ctlctl_lab.build import READER, WRITER
from ctlctl_lab.changes import ChangeQueue
from ctlctl_lab.faults import Faults
from ctlctl_lab.life import REASON_APPLY, REASON_FALLBACK, REASON_KEEPALIVE, REASON_NONE, REASON_RESET, Timing
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    ITL_RECOVERY,
    REGISTERED,
    SERVICE_CALLMANAGER,
    TOMCAT,
    TRUST_FAILED,
    TVS,
    UNREGISTERED,
    Phone,
    make_pkid,
)
from ctlctl_lab.phones import group_nodes
from ctlctl_lab.world import World
from ctlctl_trust.tlv import Role
from support.labworld import (
    OLD_RELEASE,
    PHONES,
    Factory,
    asks_tvs,
    hold_consistent,
    is_secure,
    itl_report,
    lab_world,
    messages,
    pass_time,
    phones_where,
    registered,
    settle,
)


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory)


@pytest.fixture
def phone(world: World) -> Phone:
    return phones_where(world, lambda each: is_secure(world, each))[0]


def ris(phone: Phone) -> tuple[str, int]:
    return phone.status, phone.status_reason


# Resets.


def test_a_reset_phone_is_away_and_comes_back(world: World, phone: Phone) -> None:
    node, began = phone.node, world.now()
    world.reset_phone(phone.name)
    assert ris(phone) == (UNREGISTERED, REASON_RESET)
    assert phone.status_time == began
    assert phone.busy
    settle(world)
    assert ris(phone) == (REGISTERED, REASON_NONE)
    assert phone.node == node
    timing = Timing()
    took = world.now() - began
    assert timing.boot[0] + timing.register[0] <= took <= timing.boot[1] + timing.register[1]
    assert began < phone.status_time <= world.now()


def test_apply_is_quicker_and_has_a_reason_of_its_own(world: World, phone: Phone) -> None:
    began = world.now()
    world.apply_phone(phone.name)
    assert ris(phone) == (UNREGISTERED, REASON_APPLY)
    settle(world)
    assert phone.status == REGISTERED
    assert world.now() - began < Timing().boot[0]


def test_an_event_of_an_older_life_is_void(world: World, phone: Phone) -> None:
    world.reset_phone(phone.name)
    world.schedule.settle(limit=5)
    world.reset_phone(phone.name)
    assert phone.epoch == 3
    # The first life would have asked for its files by now.
    world.schedule.settle(limit=Timing().boot[0] - 0.5)
    assert phone.busy
    assert phone.status == UNREGISTERED
    settle(world)
    assert phone.status == REGISTERED


def test_a_reset_during_a_keep_alive_makes_that_void(world: World, phone: Phone) -> None:
    world.node_down(phone.node)
    world.reset_phone(phone.name)
    settle(world)
    assert phone.status == REGISTERED
    assert world.cluster.nodes[phone.node].up


@pytest.mark.parametrize("method", ["reset_phone", "apply_phone", "erase_lists", "switch_off", "switch_on"])
def test_a_phone_that_there_is_not_is_a_key_error(method: str, world: World) -> None:
    with pytest.raises(KeyError, match="SEP000000000000"):
        getattr(world, method)("SEP000000000000")
    with pytest.raises(KeyError):
        world.type_string("SEP000000000000", "1")
    with pytest.raises(KeyError):
        world.order_capf("SEP000000000000", "Delete")


# Power.


def test_a_phone_without_power_does_nothing(world: World, phone: Phone) -> None:
    world.switch_off(phone.name)
    assert ris(phone) == (UNREGISTERED, REASON_KEEPALIVE)
    held = phone.ctl
    world.update_ctl()
    world.reset_phone(phone.name)
    world.apply_phone(phone.name)
    world.place(phone)
    world.wake()
    settle(world)
    assert phone.status == UNREGISTERED
    assert phone.ctl is held
    world.switch_off(phone.name)
    world.switch_on(phone.name)
    settle(world)
    assert phone.status == REGISTERED
    world.switch_on(phone.name)
    assert phone.status == REGISTERED, "one that has power does not start for having it"


def test_power_that_goes_while_a_phone_starts_ends_the_start(world: World, phone: Phone) -> None:
    world.reset_phone(phone.name)
    world.switch_off(phone.name)
    settle(world)
    assert ris(phone) == (UNREGISTERED, REASON_RESET)


# Nodes.


def test_phones_go_to_another_node_and_come_back(world: World, phone: Phone) -> None:
    first = phone.node
    theirs = phones_where(world, lambda each: each.node == first)
    world.node_down(first)
    assert registered(world) == set(world.cluster.phones), "nobody has noticed yet"
    world.schedule.settle(limit=Timing().keepalive[1])
    settle(world)
    assert len(registered(world)) == PHONES
    for each in theirs:
        assert each.node == group_nodes(world, each)[1].name
    world.node_up(first)
    settle(world)
    assert {each.node for each in theirs} == {first}


def test_the_reasons_of_going_and_coming_back(world: World, phone: Phone) -> None:
    first, seen = phone.node, set[tuple[str, int]]()
    world.node_down(first)
    while len(world.schedule):
        world.schedule.settle(limit=0.5)
        pass_time(world, 0.5)
        seen.add(ris(phone))
    world.node_up(first)
    while len(world.schedule):
        world.schedule.settle(limit=0.5)
        pass_time(world, 0.5)
        seen.add(ris(phone))
    assert seen == {
        (REGISTERED, REASON_NONE),
        (UNREGISTERED, REASON_KEEPALIVE),
        (UNREGISTERED, REASON_FALLBACK),
    }


def test_a_node_that_comes_back_before_anybody_noticed_keeps_its_phones(world: World, phone: Phone) -> None:
    since = phone.status_time
    world.node_down(phone.node)
    world.node_up(phone.node)
    settle(world)
    assert (phone.status, phone.status_time) == (REGISTERED, since)


def test_without_any_node_phones_wait_until_one_comes_back(world: World) -> None:
    for name in world.cluster.nodes:
        world.node_down(name)
    settle(world)
    assert messages(world) == {"Unified CM not reachable": PHONES}
    world.reset_all()
    settle(world)
    assert messages(world) == {"Unified CM not reachable": PHONES}
    for name in world.cluster.nodes:
        world.node_up(name)
    settle(world)
    assert len(registered(world)) == PHONES
    assert all(each.node == group_nodes(world, each)[0].name for each in world.cluster.phones.values())


def test_a_phone_whose_next_node_shows_an_unknown_certificate_starts_over(world: World, phone: Phone) -> None:
    first, second = (node.name for node in group_nodes(world, phone)[:2])
    others = [node for node in world.cluster.nodes if node != first]
    for name in others:
        world.renew(CALLMANAGER, name)
    world.node_down(first)
    settle(world)
    assert (ris(phone), phone.message) == ((UNREGISTERED, REASON_KEEPALIVE), TRUST_FAILED)
    # It asked for its files again, and a CTL that is written now reaches it.
    world.update_ctl()
    settle(world)
    assert (phone.status, phone.node) == (REGISTERED, second)


def test_a_phone_that_is_leaving_already_does_not_leave_twice(world: World, phone: Phone) -> None:
    first, second = (node.name for node in group_nodes(world, phone)[:2])
    world.node_down(first)
    settle(world)
    assert phone.node == second
    world.timing = Timing(keepalive=(20.0, 20.0), fallback=(25.0, 25.0), register=(30.0, 30.0))
    world.node_up(first)
    world.node_down(second)
    pass_time(world, 26.0)
    world.schedule.run_due()
    assert ris(phone) == (UNREGISTERED, REASON_KEEPALIVE)
    settle(world)
    assert phone.node == first


def test_a_service_that_is_stopped_takes_nobody(world: World, phone: Phone) -> None:
    first = phone.node
    world.cluster.nodes[first].stopped.add(SERVICE_CALLMANAGER)
    world.reset_phone(phone.name)
    settle(world)
    assert phone.node != first
    world.cluster.nodes[first].stopped.clear()
    world.node_up(first)
    settle(world)
    assert phone.node == first


def test_a_node_that_there_is_not_is_a_key_error(world: World) -> None:
    for act in (world.node_down, world.node_up):
        with pytest.raises(KeyError):
            act("lab-sub9")
    with pytest.raises(KeyError):
        world.renew(CALLMANAGER, "lab-sub9")


# Certificates and lists.


@pytest.mark.parametrize("unit", [CALLMANAGER, TVS, CAPF, ITL_RECOVERY])
def test_the_itl_follows_a_renewal_and_the_ctl_does_not(unit: str, world: World) -> None:
    ctl, itl = world.files.ctl, world.files.itl(world.cluster.publisher)
    pass_time(world, 100)
    world.renew(unit)
    assert world.files.ctl == ctl
    assert world.files.itl(world.cluster.publisher) != itl
    cluster = world.cluster
    role = {CALLMANAGER: Role.CCM_TFTP, TVS: Role.TVS, CAPF: Role.CAPF, ITL_RECOVERY: Role.SAST}[unit]
    own = cluster.itl_recovery if unit == ITL_RECOVERY else cluster.publisher.identities[unit]
    assert own.certificate.list_key in itl_report(world).keys_of(role)


def test_the_web_server_is_in_no_list(world: World) -> None:
    before = world.cluster.publisher.identities[TOMCAT]
    itl = world.files.itl(world.cluster.publisher)
    pass_time(world, 100)
    world.renew(TOMCAT)
    assert world.files.itl(world.cluster.publisher) == itl
    assert world.cluster.publisher.identities[TOMCAT].pin != before.pin
    assert len(world.schedule) == 0


def test_one_node_is_renewed_alone(world: World) -> None:
    before = {name: node.identities[TVS] for name, node in world.cluster.nodes.items()}
    world.renew(TVS, "lab-sub1")
    changed = [name for name, node in world.cluster.nodes.items() if node.identities[TVS] is not before[name]]
    assert changed == ["lab-sub1"]


@pytest.mark.parametrize(("unit", "node"), [(CAPF, "lab-sub1"), ("tomcat-EST", None), ("tomcat-EST", "lab-pub")])
def test_a_certificate_that_there_is_not_is_not_renewed(unit: str, node: str | None, world: World) -> None:
    with pytest.raises(KeyError):
        world.renew(unit, node)


def test_an_old_capf_stays_trusted_until_somebody_deletes_it(world: World) -> None:
    first = world.cluster.publisher.identities[CAPF]
    world.renew(CAPF)
    second = world.cluster.publisher.identities[CAPF]
    assert first.common_name != second.common_name
    for store in ("CAPF-trust", "CallManager-trust"):
        assert {first, second} <= set(world.cluster.trust[store])
        world.distrust(store, first)
        assert first not in world.cluster.trust[store]
        assert second in world.cluster.trust[store]
    world.distrust("no-such-trust", first)


def test_tvs_knows_what_the_cluster_has_now(world: World) -> None:
    cluster = world.cluster

    def roles(unit: str) -> frozenset[Role]:
        own = cluster.itl_recovery if unit == ITL_RECOVERY else cluster.publisher.identities[unit]
        return world.tvs_roles(own.certificate.list_key or b"")

    assert roles(ITL_RECOVERY) == {Role.SAST}
    assert roles(CALLMANAGER) == {Role.SAST, Role.CCM_TFTP, Role.TFTP}
    assert roles(CAPF) == {Role.CAPF}
    assert roles(TOMCAT) == frozenset()
    gone = cluster.itl_recovery.certificate.list_key
    world.renew(ITL_RECOVERY)
    assert world.tvs_roles(gone or b"") == frozenset()


def test_a_renewal_at_another_time_is_another_certificate(tmp_path_factory: Factory) -> None:
    one, other = lab_world(tmp_path_factory), lab_world(tmp_path_factory)
    pass_time(other, 86_400)
    for world in (one, other):
        world.renew(CALLMANAGER, "lab-pub")
    first, second = (world.cluster.publisher.identities[CALLMANAGER] for world in (one, other))
    assert first.serial != second.serial
    assert second.not_after - first.not_after == 86_400
    assert first.certificate.list_key == second.certificate.list_key, "its key is kept with the lab's others"


# Records.


def test_accounts_have_the_least_roles(world: World) -> None:
    reader, writer = world.cluster.accounts[READER], world.cluster.accounts[WRITER]
    assert "Standard AXL API Access" in writer.roles
    assert "Standard AXL API Access" not in reader.roles
    assert reader.password != writer.password
    assert reader.password not in repr(reader)
    assert reader.password not in repr(world.cluster)


def test_the_publisher_and_the_release(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, OLD_RELEASE)
    assert world.cluster.publisher.name == "lab-pub"
    assert world.cluster.major == 11
    assert [node.publisher for node in world.cluster.nodes.values()] == [True, False, False]


def test_what_is_the_same_for_all_is_not_in_a_repr(world: World, phone: Phone) -> None:
    assert phone.ctl is not None
    assert len(repr(phone)) < 3000
    assert len(repr(phone.ctl)) < 200
    phone.typed = phone.capf.authentication_string = "98765"
    assert "98765" not in repr(phone)
    phone.capf.authentication_string = ""
    assert "PrivateKey" not in repr(world.cluster.itl_recovery)


def test_the_switches_are_all_off_again() -> None:
    faults = Faults(axl_503_writes=3, slow_seconds=2.5)
    faults.tftp_stall.add("lab-pub")
    faults.expired.add(("lab-pub", "sip"))
    same = faults.tftp_stall
    faults.clear()
    assert all(getattr(faults, name) == getattr(Faults(), name) for name in Faults.__slots__)
    assert faults.tftp_stall is not same


def test_the_change_queue_forgets_the_oldest_and_begins_anew() -> None:
    changes = ChangeQueue("seed")
    assert (changes.first_id, changes.last_id, changes.next_id) == (1, 0, 1)
    assert list(changes.since(1)) == []
    for number in range(changes.LIMIT + 5):
        changes.record("Phone", "u", make_pkid(number % 7), "description")
    assert (changes.first_id, changes.last_id) == (6, changes.LIMIT + 5)
    assert [each.id for each in changes.since(changes.last_id - 1)] == [changes.last_id - 1, changes.last_id]
    assert next(iter(changes.since(0))).id == 6
    born = changes.queue_id
    changes.restart()
    assert changes.queue_id != born
    assert (changes.first_id, changes.last_id) == (1, 0)
    assert ChangeQueue("seed").queue_id == born
    assert ChangeQueue("other").queue_id != born


def test_phones_are_counted_by_what_ris_says(world: World, phone: Phone) -> None:
    world.switch_off(phone.name)
    assert world.counts() == {REGISTERED: PHONES - 1, UNREGISTERED: 1}
    hold_consistent(world)


def test_a_phone_without_security_by_default_is_stuck_where_its_ctl_is_not_continued(world: World) -> None:
    world.renew(ITL_RECOVERY)
    world.update_ctl()
    world.reset_all()
    settle(world)
    stuck = phones_where(world, lambda each: not asks_tvs(each))
    assert messages(world) == {TRUST_FAILED: len(stuck)}
    assert {each.name for each in stuck} == set(world.cluster.phones) - registered(world)
