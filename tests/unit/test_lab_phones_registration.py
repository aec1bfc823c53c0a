"""Where a phone gets its files, and which node takes it."""

import pytest

from ctlctl_lab.build import WorldPlan, profile_name
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    ENCRYPTED,
    NON_SECURE,
    REGISTERED,
    SERVICE_TFTP,
    TOMCAT,
    TRUST_FAILED,
    UNREGISTERED,
)
from ctlctl_lab.phonemodels import MODELS
from ctlctl_lab.phones import Refusal, choose_node, tftp_node
from ctlctl_lab.world import World
from support.labworld import (
    OLD_RELEASE,
    PHONES,
    Factory,
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


# The file server.


def test_without_files_a_phone_goes_on_with_what_it_holds(world: World) -> None:
    for node in world.cluster.nodes.values():
        node.stopped.add(SERVICE_TFTP)
    phone = some_phone(world)
    held = phone.ctl, phone.itl
    reset(world, phone)
    assert (phone.status, phone.message) == (REGISTERED, "TFTP Timeout")
    assert (phone.ctl, phone.itl) == held


def test_a_phone_asks_the_next_file_server(world: World) -> None:
    phone = some_phone(world)
    first = tftp_node(world, phone)
    assert first is not None
    world.faults.tftp_stall.add(first.name)
    second = tftp_node(world, phone)
    assert second is not None
    assert second is not first
    # HTTP alone that is refused leaves TFTP.
    world.faults.refused.add((second.name, "http"))
    assert tftp_node(world, phone) is second
    world.faults.refused.add((second.name, "tftp"))
    assert tftp_node(world, phone) is None
    world.faults.tftp_stall.clear()
    assert tftp_node(world, phone) is first


def test_a_file_server_that_has_no_itl_yet_is_no_harm(world: World) -> None:
    world.cluster.nodes["lab-sub2"].services.add(SERVICE_TFTP)
    world.faults.tftp_stall.update({"lab-pub", "lab-sub1"})
    phone = some_phone(world)
    reset(world, phone)
    assert (phone.status, phone.message) == (REGISTERED, "")


@pytest.mark.parametrize("release", ["new", "old"])
def test_the_itl_of_another_node_is_taken(release: str, world: World, old_world: World) -> None:
    cluster = world if release == "new" else old_world
    first = tftp_node(cluster, some_phone(cluster))
    assert first is not None
    cluster.faults.tftp_stall.add(first.name)
    reset_everything(cluster)
    assert len(registered(cluster)) == PHONES


# Registration.


@pytest.mark.parametrize("port", ["sip", "sccp"])
def test_a_certificate_that_is_not_in_the_ctl_ends_secure_registration(port: str, world: World) -> None:
    world.faults.swapped.update({(node, port): TOMCAT for node in world.cluster.nodes})
    reset_everything(world)
    protocol = port.upper()
    lost = phones_where(world, lambda phone: is_secure(world, phone) and phone.protocol == protocol)
    assert messages(world) == {TRUST_FAILED: len(lost)}


def test_a_node_that_refuses_connections_is_passed_over(world: World) -> None:
    phone = phones_where(world, lambda each: is_secure(world, each) and each.protocol == "SIP")[0]
    first = phone.node
    world.faults.refused.add((first, "sip"))
    reset(world, phone)
    assert phone.status == REGISTERED
    assert phone.node != first
    world.faults.refused.update({(node, "sip") for node in world.cluster.nodes})
    reset(world, phone)
    assert (phone.status, phone.message) == (UNREGISTERED, "Unified CM not reachable")


def test_one_renewed_node_is_passed_over_while_the_ctl_is_stale(world: World) -> None:
    phone = some_phone(world)
    first = phone.node
    world.renew(CALLMANAGER, first)
    reset(world, phone)
    assert phone.status == REGISTERED
    assert phone.node != first
    world.update_ctl()
    reset(world, phone)
    assert phone.node == first


def test_the_lsc_must_be_of_an_issuer_that_is_trusted(world: World) -> None:
    phone = some_phone(world)
    assert phone.lsc is not None
    world.distrust("CallManager-trust", phone.lsc.issuer)
    assert phone.status == REGISTERED, "who is registered stays so until the next time"
    reset(world, phone)
    assert (phone.status, phone.message) == (UNREGISTERED, "Registration Rejected: LSC issuer not trusted")


def test_a_renewed_capf_leaves_old_lscs_good(world: World) -> None:
    world.renew(CAPF)
    reset_everything(world)
    assert len(registered(world)) == PHONES


@pytest.mark.parametrize(
    ("offset", "problem"),
    [(6 * 365 * 86_400, "LSC expired"), (-3 * 365 * 86_400, "LSC not yet valid")],
)
def test_servers_with_a_wrong_clock_refuse_good_certificates(offset: int, problem: str, world: World) -> None:
    world.faults.clock_offset = offset
    reset_everything(world)
    secure = phones_where(world, lambda phone: is_secure(world, phone))
    assert messages(world) == {f"Registration Rejected: {problem}": len(secure)}
    world.faults.clock_offset = 0
    world.wake()
    settle(world)
    assert len(registered(world)) == PHONES


def test_a_secure_phone_without_any_certificate_is_refused(world: World) -> None:
    phone = some_phone(world)
    phone.mic = None
    world.give_lsc(phone, None)
    assert choose_node(world, phone) == Refusal("Registration Rejected: no certificate")


def test_a_phone_of_a_non_secure_profile_needs_no_list(world: World) -> None:
    phone = some_phone(world, secure=False)
    phone.ctl = phone.itl = None
    assert not isinstance(choose_node(world, phone), Refusal)
    phone.profile = profile_name(phone.kind, phone.protocol, ENCRYPTED)
    assert choose_node(world, phone) == Refusal(TRUST_FAILED)


def test_the_kinds_of_phone_are_those_of_the_documents(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, WorldPlan(phones=2000))
    assert {phone.model for phone in world.cluster.phones.values()} == set(MODELS)
    for phone in world.cluster.phones.values():
        kind = phone.kind
        assert kind.tls10_only is not kind.sha512
        assert kind.security_by_default is (kind.mic is not None)
        assert phone.extension.isdecimal()
        assert phone.product == phone.model
        assert phone.certificate_name.endswith(phone.name)
        if phone.mic is None:
            assert world.cluster.profiles[phone.profile].device_security_mode == NON_SECURE
