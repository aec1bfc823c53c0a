"""A phone judges lists as firmware does, and is locked out exactly where it would be in the field."""

import pytest

from ctlctl_lab.build import profile_name
from ctlctl_lab.files import ROLLBACK_PARAMETER, SIGNATURE_PARAMETER
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    ENCRYPTED,
    ITL_RECOVERY,
    REGISTERED,
    SERVICE_TVS,
    TOMCAT,
    TRUST_FAILED,
    TVS,
    UNREGISTERED,
)
from ctlctl_lab.phones import tftp_node
from ctlctl_lab.world import World
from ctlctl_trust import Kind, ListPlan, RecordPlan, SigningIdentity, build_trust_list
from ctlctl_trust.signature import SHA1
from ctlctl_trust.tlv import Role
from support.labworld import (
    OLD_RELEASE,
    PHONES,
    Factory,
    asks_tvs,
    hold_registration,
    is_secure,
    lab_world,
    messages,
    phones_where,
    registered,
    reset,
    reset_everything,
    settle,
    some_phone,
)


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory)


@pytest.fixture
def old_world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory, OLD_RELEASE)


# Leap of faith.


def test_a_phone_without_lists_takes_whatever_it_is_offered_first(world: World) -> None:
    for unit in (ITL_RECOVERY, CALLMANAGER, TVS):
        world.renew(unit)
    world.update_ctl()
    settle(world)
    phone = some_phone(world)
    world.erase_lists(phone.name)
    assert (phone.ctl, phone.itl) == (None, None)
    settle(world)
    assert phone.status == REGISTERED
    assert phone.message == "CTL and ITL installed"
    assert phone.ctl is not None
    assert phone.ctl.data == world.files.ctl


def test_a_phone_of_a_cluster_without_ctl_installs_the_itl_alone(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    phone = some_phone(world, secure=False)
    world.erase_lists(phone.name)
    settle(world)
    assert phone.message == "ITL installed"
    assert phone.ctl is None


def test_a_phone_without_security_by_default_has_a_ctl_only(world: World) -> None:
    phone = some_phone(world, secure=False, tvs=False)
    assert phone.itl is None
    world.erase_lists(phone.name)
    settle(world)
    assert phone.itl is None
    assert phone.message == "CTL Installed"


def test_no_faith_goes_as_far_as_a_broken_list(world: World) -> None:
    phone = some_phone(world)
    assert world.files.ctl is not None
    world.files.ctl = world.files.ctl[:-1] + bytes((world.files.ctl[-1] ^ 1,))
    world.erase_lists(phone.name)
    settle(world)
    assert (phone.status, phone.message, phone.ctl) == (UNREGISTERED, TRUST_FAILED, None)


def test_a_list_over_64_kb_is_not_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Our own writer would not write it; a cluster with too many certificates does.
    monkeypatch.setattr("ctlctl_trust.build.PHONE_SIZE_LIMIT", 200_000)
    anchor = world.cluster.itl_recovery.certificate
    signer = SigningIdentity.from_key(anchor, world.cluster.itl_recovery.key)
    servers = [RecordPlan(Role.TVS, node.identities[TVS].certificate) for node in world.cluster.nodes.values()]
    for repeated, taken in ((10, True), (20, False)):
        plan = ListPlan(Kind.CTL, [RecordPlan(Role.SAST, anchor), *servers * repeated], int(world.now()), SHA1)
        data = build_trust_list(plan, signer)
        assert (len(data) < 65_536) is taken
        assert (world.read_list(data) is not None) is taken
    assert world.read_list(b"") is None


# One certificate at a time: nobody is lost.


@pytest.mark.parametrize("release", ["new", "old"])
@pytest.mark.parametrize("unit", [ITL_RECOVERY, CALLMANAGER, TVS, CAPF, TOMCAT])
def test_one_renewal_done_well_loses_nobody(unit: str, release: str, world: World, old_world: World) -> None:
    cluster = world if release == "new" else old_world
    cluster.renew(unit)
    # Where the anchor that signs is new, the spare one leads those over that cannot ask TVS.
    cluster.reset_local_key(Kind.CTL)
    reset_everything(cluster)
    cluster.update_ctl()
    reset_everything(cluster)
    assert len(registered(cluster)) == PHONES


def test_all_anchors_one_at_a_time_with_a_reset_between_lose_nobody(world: World) -> None:
    for unit in (TVS, CALLMANAGER, ITL_RECOVERY):
        world.renew(unit)
        if unit != TVS:
            world.reset_local_key(Kind.CTL)
        reset_everything(world)
        world.update_ctl()
        reset_everything(world)
        assert len(registered(world)) == PHONES, unit
    phone = some_phone(world)
    assert phone.itl is not None
    assert phone.itl.signer == world.cluster.itl_recovery.certificate.list_key


def test_two_anchors_at_once_lose_everybody(world: World) -> None:
    world.renew(ITL_RECOVERY)
    world.renew(TVS)
    reset_everything(world)
    # Who has no ITL does not see it yet: its CTL, and the key that signs its configuration, are as they were.
    assert registered(world) == {each.name for each in phones_where(world, lambda phone: not asks_tvs(phone))}
    assert messages(world) == {TRUST_FAILED: PHONES - len(registered(world))}


def test_the_spare_anchor_is_the_way_back(world: World) -> None:
    world.renew(ITL_RECOVERY)
    world.renew(TVS)
    reset_everything(world)
    assert messages(world)
    # CallManager was not renewed: phones know it as an anchor. Both lists must lead over.
    world.reset_local_key(Kind.ITL)
    world.reset_local_key(Kind.CTL)
    reset_everything(world)
    assert len(registered(world)) == PHONES
    # Every phone has lists that name the new anchor now: it may sign again.
    world.renew(CAPF)
    world.update_ctl()
    reset_everything(world)
    assert len(registered(world)) == PHONES


def test_callmanager_and_tvs_at_once_lose_the_phones_of_an_old_release(old_world: World) -> None:
    old_world.renew(CALLMANAGER)
    old_world.renew(TVS)
    reset_everything(old_world)
    assert messages(old_world) == {TRUST_FAILED: PHONES}


def test_callmanager_and_tvs_at_once_are_bridged_by_itlrecovery_in_a_new_one(world: World) -> None:
    world.renew(CALLMANAGER)
    world.renew(TVS)
    world.update_ctl()
    reset_everything(world)
    assert len(registered(world)) == PHONES


def test_a_phone_that_was_off_all_the_while_is_lost(world: World) -> None:
    phone, witness = phones_where(world, lambda each: is_secure(world, each))[:2]
    world.switch_off(phone.name)
    for unit in (TVS, CALLMANAGER, ITL_RECOVERY):
        world.renew(unit)
        world.reset_local_key(Kind.CTL)
        reset_everything(world)
        world.update_ctl()
        reset_everything(world)
    world.switch_on(phone.name)
    settle(world)
    assert (phone.status, phone.message) == (UNREGISTERED, TRUST_FAILED)
    assert witness.status == REGISTERED
    world.erase_lists(phone.name)
    settle(world)
    assert phone.status == REGISTERED


# TVS.


def test_tvs_vouches_for_a_new_signer(world: World) -> None:
    world.renew(ITL_RECOVERY)
    phone = some_phone(world)
    reset(world, phone)
    assert (phone.status, phone.message) == (REGISTERED, "Trust List updated")
    server = tftp_node(world, phone)
    assert server is not None
    assert phone.itl is not None
    assert phone.itl.data == world.files.itl(server)


def test_without_tvs_nobody_vouches(world: World) -> None:
    world.renew(ITL_RECOVERY)
    for node in world.cluster.nodes.values():
        node.stopped.add(SERVICE_TVS)
    phone = some_phone(world)
    before = phone.itl
    reset(world, phone)
    assert (phone.status, phone.message, phone.itl) == (UNREGISTERED, TRUST_FAILED, before)
    for node in world.cluster.nodes.values():
        node.stopped.clear()
    world.wake()
    settle(world)
    assert phone.status == REGISTERED


@pytest.mark.parametrize("fault", ["refused", "swapped", "expired"])
def test_a_tvs_that_presents_nothing_known_vouches_for_nobody(fault: str, world: World) -> None:
    world.renew(ITL_RECOVERY)
    ports = [(node, "tvs") for node in world.cluster.nodes]
    if fault == "swapped":
        world.faults.swapped.update(dict.fromkeys(ports, TOMCAT))
    else:
        getattr(world.faults, fault).update(ports)
    phone = some_phone(world)
    reset(world, phone)
    assert phone.message == TRUST_FAILED
    world.faults.clear()
    world.wake()
    settle(world)
    assert phone.status == REGISTERED


def test_one_tvs_of_the_group_is_enough(world: World) -> None:
    phone = some_phone(world)
    group = world.cluster.callmanager_groups[world.cluster.device_pools[phone.device_pool].callmanager_group]
    for name in group[:-1]:
        world.cluster.nodes[name].stopped.add(SERVICE_TVS)
    world.renew(ITL_RECOVERY)
    reset(world, phone)
    assert phone.status == REGISTERED


# Going into mixed mode, and out of it.


def test_phones_follow_their_cluster_into_mixed_mode(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    world.set_security_mode(1)
    reset_everything(world)
    assert len(registered(world)) == PHONES
    assert all(phone.ctl is not None for phone in world.cluster.phones.values())
    phone = some_phone(world, secure=False)
    phone.profile = profile_name(phone.kind, phone.protocol, ENCRYPTED)
    reset(world, phone)
    assert phone.status == REGISTERED
    hold_registration(world, phone)


def test_phones_follow_their_cluster_out_of_mixed_mode(world: World) -> None:
    world.set_security_mode(0)
    reset_everything(world)
    assert len(registered(world)) == PHONES
    held = some_phone(world, secure=False).ctl
    # The file lingers, with servers that have no certificate any more.
    assert held is not None
    assert not held.ccm
    assert not held.tftp
    world.set_security_mode(1)
    reset_everything(world)
    assert len(registered(world)) == PHONES


def test_a_cluster_that_never_was_in_mixed_mode_gets_no_ctl_from_staying_out_of_it(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    world.set_security_mode(0)
    assert world.files.ctl is None


# Signature algorithm.


def test_sha_512_cuts_off_the_7900s(world: World) -> None:
    world.cluster.service_parameters[SIGNATURE_PARAMETER] = "SHA-512"
    world.parameter_changed(*SIGNATURE_PARAMETER)
    assert len(registered(world)) == PHONES, "not before they ask for their files again"
    reset_everything(world)
    cut_off = phones_where(world, lambda phone: not phone.kind.sha512)
    assert {phone.model for phone in cut_off} == {"Cisco 7960", "Cisco 7962", "Cisco 7975"}
    assert messages(world) == {TRUST_FAILED: len(cut_off)}
    world.update_ctl()
    reset_everything(world)
    assert messages(world) == {TRUST_FAILED: len(cut_off)}
    held = some_phone(world).ctl
    assert held is not None
    assert held.digest == "sha512"
    world.cluster.service_parameters[SIGNATURE_PARAMETER] = "SHA-1"
    world.parameter_changed(*SIGNATURE_PARAMETER)
    world.update_ctl()
    settle(world)
    assert len(registered(world)) == PHONES


def test_a_parameter_that_is_in_no_list_changes_none(world: World) -> None:
    before = world.files.ctl, world.files.itl(world.cluster.publisher)
    world.schedule.settle()
    phone = some_phone(world)
    world.parameter_changed("lab-pub", "Cisco CallManager", "CdrEnabled")
    assert (world.files.ctl, world.files.itl(world.cluster.publisher)) == before
    assert not phone.busy


# Preparing for a rollback.


def renew_all_anchors(world: World) -> None:
    for unit in (ITL_RECOVERY, CALLMANAGER, TVS):
        world.renew(unit)


def prepare_rollback(world: World, value: str) -> None:
    world.cluster.service_parameters[ROLLBACK_PARAMETER] = value
    world.parameter_changed(*ROLLBACK_PARAMETER)
    reset_everything(world)


def test_a_blank_itl_gives_phones_of_a_non_secure_cluster_their_faith_back(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    prepare_rollback(world, "T")
    held = some_phone(world, secure=False).itl
    assert held is not None
    assert held.blank
    assert held.sast
    renew_all_anchors(world)
    prepare_rollback(world, "F")
    assert len(registered(world)) == PHONES
    held = some_phone(world, secure=False).itl
    assert held is not None
    assert not held.blank
    world.set_security_mode(1)
    reset_everything(world)
    assert len(registered(world)) == PHONES


def test_a_blank_itl_strands_phones_that_hold_a_ctl(world: World) -> None:
    prepare_rollback(world, "T")
    assert len(registered(world)) == PHONES, "their CTL still names the servers"
    world.renew(ITL_RECOVERY)
    reset_everything(world)
    # TVS would have vouched for it, but no list names a TVS any more.
    assert messages(world) == {TRUST_FAILED: len(phones_where(world, asks_tvs))}


def test_a_phone_with_a_blank_itl_follows_any_cluster_into_mixed_mode(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    prepare_rollback(world, "T")
    renew_all_anchors(world)
    world.set_security_mode(1)
    reset_everything(world)
    assert len(registered(world)) == PHONES
