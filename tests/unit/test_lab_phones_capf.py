"""What comes of CAPF operations: by every way of authentication, and in every way they fail."""

import pytest

from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    CAPF,
    DELETE,
    INSTALL,
    NO_OPERATION,
    REGISTERED,
    SERVICE_CAPF,
    SERVICE_TVS,
    STATUS_PENDING,
    TOMCAT,
    TROUBLESHOOT,
    TVS,
    UNREGISTERED,
    Phone,
    SecurityProfile,
)
from ctlctl_lab.world import World
from ctlctl_trust import read_certificate
from support.labworld import DAY, Factory, asks_tvs, is_secure, lab_world, pass_time, phones_where, settle

STRING = "71342"
MODES = [BY_STRING, BY_NULL, BY_LSC, BY_MIC]


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory)


@pytest.fixture
def phone(world: World) -> Phone:
    return phones_where(world, lambda each: is_secure(world, each) and each.kind.ec)[0]


def profile_of(world: World, phone: Phone) -> SecurityProfile:
    return world.cluster.profiles[phone.profile]


def order(world: World, phone: Phone, operation: str = INSTALL, finish_time: str = "", string: str = "") -> None:
    world.order_capf(phone.name, operation, finish_time, string)
    world.apply_phone(phone.name)
    settle(world)


def outcome(phone: Phone) -> tuple[str, str]:
    return phone.capf.operation, phone.capf.status


def ended(status: str) -> tuple[str, str]:
    return NO_OPERATION, status


@pytest.mark.parametrize("mode", MODES)
def test_an_lsc_is_installed_by_every_way_of_authentication(mode: str, world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = mode
    before = phone.lsc
    order(world, phone, string=STRING if mode == BY_STRING else "")
    if mode == BY_STRING:
        assert outcome(phone) == (INSTALL, STATUS_PENDING), "nobody has typed the string yet"
        assert phone.status == REGISTERED, "its old LSC is good for as long"
        world.type_string(phone.name, STRING)
        settle(world)
    assert outcome(phone) == ended("Upgrade Success")
    assert phone.lsc is not None
    assert phone.lsc is not before
    assert phone.status == REGISTERED
    assert (phone.typed, phone.capf.authentication_string, phone.capf.finish_time) == ("", "", "")


def test_the_records_tell_of_the_new_lsc(world: World, phone: Phone) -> None:
    world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "100"
    order(world, phone)
    assert phone.lsc is not None
    assert abs(phone.lsc_valid_until - world.now() - 100 * DAY) < 300
    issuer = world.cluster.publisher.identities[CAPF]
    assert phone.lsc.issuer is issuer
    assert phone.lsc_issuer_name == f"CN={issuer.common_name},OU=LAB,O=LAB ctlctl"
    assert phone.lsc_issuer_valid_until == issuer.not_after


def test_the_change_queue_tells_of_order_and_outcome(world: World, phone: Phone) -> None:
    changes = world.cluster.changes
    order(world, phone)
    told = [(each.type, each.action, each.pkid, each.tags) for each in changes.since(1)]
    assert told == [("Phone", "u", phone.pkid, ("certificateOperation", "certificateStatus"))] * 2


@pytest.mark.parametrize("operation", [INSTALL, DELETE, TROUBLESHOOT])
def test_a_wrong_string_is_good_for_nothing(operation: str, world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = BY_STRING
    before = phone.lsc
    order(world, phone, operation, string=STRING)
    world.type_string(phone.name, "00000")
    settle(world)
    word = {INSTALL: "Upgrade", DELETE: "Delete", TROUBLESHOOT: "Troubleshoot"}[operation]
    assert outcome(phone) == ended(f"{word} Failed: Invalid Authentication String")
    assert phone.lsc is before
    assert phone.typed == ""


def test_the_first_lsc_of_a_secure_phone_waits_for_the_string(world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = BY_STRING
    world.give_lsc(phone, None)
    order(world, phone, string=STRING)
    assert (phone.status, phone.message) == (UNREGISTERED, "Registration Rejected: no LSC yet")
    world.type_string(phone.name, STRING)
    settle(world)
    assert phone.status == REGISTERED
    assert outcome(phone) == ended("Upgrade Success")


def test_a_phone_that_needs_no_lsc_registers_while_the_string_is_awaited(world: World) -> None:
    phone = phones_where(world, lambda each: not is_secure(world, each) and each.lsc is None)[0]
    profile_of(world, phone).authentication_mode = BY_STRING
    order(world, phone, string=STRING)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    assert phone.status == REGISTERED


@pytest.mark.parametrize(
    ("mode", "store_without", "status"),
    [(BY_LSC, "LSC", "Upgrade Failed: Invalid LSC"), (BY_MIC, "MIC", "Upgrade Failed: Invalid MIC")],
)
def test_an_existing_certificate_must_be_of_a_trusted_issuer(
    mode: str, store_without: str, status: str, world: World, phone: Phone
) -> None:
    profile_of(world, phone).authentication_mode = mode
    shown = phone.lsc if store_without == "LSC" else phone.mic
    assert shown is not None
    world.distrust("CAPF-trust", shown.issuer)
    order(world, phone)
    assert outcome(phone) == ended(status)
    # The stores are apart: for its registration the certificate is still good.
    assert phone.status == REGISTERED


def test_the_other_certificate_serves_where_the_preferred_one_is_missing(world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = BY_LSC
    world.give_lsc(phone, None)
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success")
    phone.mic = None
    profile_of(world, phone).authentication_mode = BY_MIC
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success")


def test_an_expired_certificate_is_no_way_to_a_new_one(world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = BY_LSC
    world.faults.clock_offset = 6 * 365 * DAY
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Failed: Invalid LSC")
    assert (phone.status, phone.message) == (UNREGISTERED, "Registration Rejected: LSC expired")


def test_a_phone_without_any_certificate_has_none_to_show(world: World) -> None:
    phone = phones_where(world, lambda each: each.kind.mic is None)[0]
    profile_of(world, phone).authentication_mode = BY_LSC
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Failed: Invalid Credentials")
    # Its first LSC comes by null string, as the book says of this model.
    profile_of(world, phone).authentication_mode = BY_NULL
    order(world, phone, TROUBLESHOOT)
    assert outcome(phone) == ended("Troubleshoot Failed: Invalid LSC")
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success")
    order(world, phone, TROUBLESHOOT)
    assert outcome(phone) == ended("Troubleshoot Success")


def test_an_lsc_is_deleted_once(world: World, phone: Phone) -> None:
    profile_of(world, phone).authentication_mode = BY_NULL
    order(world, phone, DELETE)
    assert outcome(phone) == ended("Delete Success")
    assert (phone.lsc, phone.lsc_valid_until, phone.lsc_issuer_name, phone.lsc_issuer_valid_until) == (None, 0, None, 0)
    assert phone.credential is phone.mic
    assert phone.status == REGISTERED
    order(world, phone, DELETE)
    assert outcome(phone) == ended("Delete Failed: Invalid LSC")


def test_what_is_not_done_in_time_is_not_done(world: World, phone: Phone) -> None:
    before = phone.lsc
    profile_of(world, phone).authentication_mode = BY_STRING
    # 2026-11-23 00:00 is now, see BORN.
    order(world, phone, finish_time="2026:11:25:12:00", string=STRING)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    pass_time(world, 3 * DAY)
    world.type_string(phone.name, STRING)
    settle(world)
    assert outcome(phone) == ended("Upgrade Failed: User Initiated Request Late/Timedout")
    assert phone.lsc is before
    assert (phone.status, phone.typed) == (REGISTERED, "")


@pytest.mark.parametrize("finish_time", ["", "2026:11:25:12:00", "2026:11:25:12", "tomorrow", "2026:99:99:99:99"])
def test_a_time_to_come_or_none_that_can_be_read_lets_it_happen(finish_time: str, world: World, phone: Phone) -> None:
    order(world, phone, finish_time=finish_time)
    assert outcome(phone) == ended("Upgrade Success")


def test_an_order_can_be_taken_back(world: World, phone: Phone) -> None:
    world.order_capf(phone.name, INSTALL, "2026:12:24:12:00", STRING)
    assert phone.capf.pending
    world.order_capf(phone.name, NO_OPERATION)
    assert outcome(phone) == (NO_OPERATION, "None")
    order(world, phone, DELETE)
    settle(world)
    world.order_capf(phone.name, NO_OPERATION)
    assert phone.capf.status == "Delete Success", "the status of the last operation stays"


def test_nothing_happens_before_the_phone_is_applied_or_reset(world: World, phone: Phone) -> None:
    world.order_capf(phone.name, INSTALL)
    settle(world)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    world.reset_phone(phone.name)
    settle(world)
    assert outcome(phone) == ended("Upgrade Success")


def test_without_capf_an_order_stays_pending_and_the_phone_goes_on(world: World, phone: Phone) -> None:
    world.cluster.publisher.stopped.add(SERVICE_CAPF)
    order(world, phone)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    assert phone.status == REGISTERED


def test_a_session_that_breaks_off_leaves_the_order_pending(world: World, phone: Phone) -> None:
    before = phone.lsc
    world.order_capf(phone.name, INSTALL)
    world.apply_phone(phone.name)
    world.schedule.settle(limit=world.timing.apply[1])
    assert phone.busy
    world.faults.refused.add(("lab-pub", "capf"))
    settle(world)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    assert phone.lsc is before
    assert phone.status == REGISTERED


def test_an_order_taken_back_during_the_session_is_not_done(world: World, phone: Phone) -> None:
    before = phone.lsc
    world.order_capf(phone.name, INSTALL)
    world.apply_phone(phone.name)
    world.schedule.settle(limit=world.timing.apply[1])
    world.order_capf(phone.name, NO_OPERATION)
    settle(world)
    assert phone.lsc is before


def test_a_capf_that_is_in_no_list_is_trusted_by_tvs_only(world: World, phone: Phone) -> None:
    held = phone.itl
    world.renew(CAPF)
    assert phone.itl is held
    asked = phones_where(world, lambda each: asks_tvs(each) and each.lsc is not None)[0]
    # The ITL with the new certificate is not to be had, so that TVS must be asked.
    world.faults.tftp_stall.update(world.cluster.nodes)
    order(world, asked)
    assert outcome(asked) == ended("Upgrade Success")
    for node in world.cluster.nodes.values():
        node.stopped.add(SERVICE_TVS)
    order(world, asked)
    assert outcome(asked) == (INSTALL, STATUS_PENDING)


def test_a_capf_with_another_certificate_is_not_spoken_to(world: World, phone: Phone) -> None:
    world.faults.swapped["lab-pub", "capf"] = TOMCAT
    order(world, phone)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)
    world.faults.swapped["lab-pub", "capf"] = TVS
    order(world, phone)
    assert outcome(phone) == (INSTALL, STATUS_PENDING)


def test_a_phone_without_lists_believes_any_capf(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    phone = phones_where(world, lambda each: each.ctl is None and each.itl is None)[0]
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success")
    assert phone.lsc is not None


def test_failures_can_be_scripted_for_one_phone_or_all(world: World, phone: Phone) -> None:
    other = phones_where(world, lambda each: is_secure(world, each) and each is not phone)[0]
    world.faults.capf_failures[phone.name] = "Upgrade Failed: Key Generation Failed/Timeout"
    order(world, phone)
    order(world, other)
    assert outcome(phone) == ended("Upgrade Failed: Key Generation Failed/Timeout")
    assert outcome(other) == ended("Upgrade Success")
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success"), "it struck once"
    world.faults.capf_failures["*"] = "Upgrade Failed: CA Rejected Connection"
    for each in (phone, other, phone):
        order(world, each)
        assert outcome(each) == ended("Upgrade Failed: CA Rejected Connection")


@pytest.mark.parametrize(
    ("key_order", "key_size", "algorithm"),
    [
        ("RSA Only", 2048, "RSA-2048"),
        ("RSA Only", 512, "RSA-1024"),
        ("EC Preferred", 2048, "EC secp256r1"),
        ("EC Only", 2048, "EC secp256r1"),
    ],
)
def test_the_key_is_what_the_profile_asks_for(
    key_order: str, key_size: int, algorithm: str, world: World, phone: Phone
) -> None:
    profile = profile_of(world, phone)
    profile.key_order, profile.key_size = key_order, key_size
    order(world, phone)
    assert phone.lsc is not None
    certificate = read_certificate(world.pki.phone_certificate(phone.certificate_name, phone.lsc))
    assert certificate.key_label == algorithm


def test_ec_only_is_nothing_for_old_phones(world: World) -> None:
    phone = phones_where(world, lambda each: is_secure(world, each) and not each.kind.ec)[0]
    before = phone.lsc
    profile_of(world, phone).key_order = "EC Only"
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Failed: No Support for EC only in CAPF version 3")
    assert phone.lsc is before
    profile_of(world, phone).key_order = "EC Preferred"
    order(world, phone)
    assert outcome(phone) == ended("Upgrade Success")


def test_old_phones_take_their_time_to_make_a_key(world: World, phone: Phone) -> None:
    old = phones_where(world, lambda each: is_secure(world, each) and not each.kind.ec)[0]
    took = {}
    for each in (phone, old):
        world.order_capf(each.name, INSTALL)
        world.apply_phone(each.name)
        took[each.name] = world.schedule.settle()
    assert took[old.name] > 30 > took[phone.name]
