"""The lab's phones at CAPF, over real TLS: their LSCs change, and they judge CAPF as firmware does."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from ctlctl.connectors.errors import Place
from ctlctl.connectors.tls_probe import probe
from ctlctl_lab.build import READER
from ctlctl_lab.dirs import PrivateKey
from ctlctl_lab.life import Timing
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    CAPF,
    DELETE,
    INSTALL,
    REGISTERED,
    SERVICE_CAPF,
    TROUBLESHOOT,
    UNREGISTERED,
    Phone,
)
from ctlctl_lab.run import RunningLab, running_lab
from ctlctl_lab.scenarios import apply_scenario
from ctlctl_lab.switches import turn_off, turn_on
from ctlctl_lab.world import World
from ctlctl_trust import read_certificate
from support.capfclient import capf_socket
from support.capflab import PENDING, STRING, ended, host, mend, order, phone_where, status, wait
from support.labworld import Factory, lab_world, phones_where, settle
from support.programs import curl
from support.runninglab import lab_plan

#: Enough for a 7960, which has no MIC, to be among them.
PHONES = 120
SPEED = 600.0
#: Real seconds for which both sides wait at least, where a test waits for that; a phone comes three times.
SHORT = 0.3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with running_lab(lab_plan(tmp_path_factory.mktemp("lab"), phones=PHONES, speed=SPEED)) as lab:
        yield lab


@pytest.fixture(params=["healthy"])
def lab(running: RunningLab, request: pytest.FixtureRequest) -> Iterator[RunningLab]:
    """The module's lab, with a scenario of its own."""
    apply_scenario(running.world, running.plan.world, request.param)
    # Both sides of a hundred sessions are here.
    running.world.timing = Timing(capf_patience=60.0)
    running.services.capf.results.clear()
    yield running
    mend(running)


MIC_ONLY = pytest.mark.parametrize("lab", ["mic-only"], indirect=True)


@pytest.fixture
def phone(lab: RunningLab) -> Phone:
    """A modern phone with LSC and MIC, whose page can be seen."""
    return phone_where(lab, lambda each: each.lsc is not None and each.kind.ec and each.httpd)


def at_rest(lab: RunningLab, *phones: Phone) -> bool:
    """Tell whether phones have nothing before them; never while one of them takes a step."""
    with lab.world.cluster.lock:
        return not any(phone.busy for phone in phones)


def apply(lab: RunningLab, *phones: Phone) -> None:
    """Let phones take their configuration anew, and wait until they are at rest."""
    for phone in phones:
        lab.world.apply_phone(phone.name)
    wait(lambda: at_rest(lab, *phones), 60)


def all_phones(lab: RunningLab) -> list[Phone]:
    return list(lab.world.cluster.phones.values())


def install_on_all(lab: RunningLab) -> list[Phone]:
    """Order an LSC for every phone, by null string, and set all in motion."""
    phones = all_phones(lab)
    for phone in phones:
        order(lab, phone)
    for phone in phones:
        lab.world.apply_phone(phone.name)
    return phones


def database(lab: RunningLab, phone: Phone) -> dict[str, str]:
    """Return what AXL says of a phone's LSC."""
    columns = "tkcertificatestatus, tkcertificateoperation, lscvaliduntil, lscissuername, lscissuervaliduntil"
    sql = f"select {columns} from device where name='{phone.name}'"  # noqa: S608 - names are the lab's own
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:ns="http://www.cisco.com/AXL/API/14.0"><soapenv:Body><ns:executeSQLQuery>'
        f"<sql>{sql}</sql>"
        "</ns:executeSQLQuery></soapenv:Body></soapenv:Envelope>"
    )
    password = lab.world.cluster.accounts[READER].password
    words = ("--insecure", "--user", f"{READER}:{password}", "--header", "SOAPAction: CUCM:DB ver=14.0", "--data", body)
    answer = curl(*words, f"https://{host(lab)}:8443/axl/").decode()
    return dict(re.findall(r"<(\w+)>([^<]*)</\1>", answer))


class TestInstalling:
    @MIC_ONLY
    def test_every_phone_gets_its_lsc_and_comes_back(self, lab: RunningLab) -> None:
        phones = install_on_all(lab)
        assert {each.kind.tls10_only for each in phones} == {True, False}
        assert {each.kind.mic is None for each in phones} == {True, False}
        wait(lambda: at_rest(lab, *phones), 120)
        assert {status(each) for each in phones} == {ended("Upgrade Success")}
        assert {each.status for each in phones} == {REGISTERED}
        assert lab.services.capf.results["installed"] == PHONES
        for each in phones:
            assert each.lsc is not None
            assert each.lsc.not_after == each.lsc_valid_until

    def test_the_phone_s_page_and_axl_show_the_new_lsc(self, lab: RunningLab, phone: Phone) -> None:
        before, known = probe_of(lab, phone), database(lab, phone)
        lab.world.renew(CAPF)
        order(lab, phone, BY_LSC)
        apply(lab, phone)
        after, now = probe_of(lab, phone), database(lab, phone)
        assert after != before
        shown = read_certificate(after)
        capf = lab.world.cluster.publisher.identities[CAPF]
        assert shown.serial != read_certificate(before).serial
        assert shown.issuer == capf.certificate.subject
        assert now["lscissuername"] == f"CN={capf.common_name},OU=LAB,O=LAB ctlctl" != known["lscissuername"]
        assert int(now["lscvaliduntil"]) == int(shown.not_after.timestamp())
        assert int(now["lscissuervaliduntil"]) == capf.not_after
        assert (now["tkcertificatestatus"], now["tkcertificateoperation"]) == ("3", "1")

    @pytest.mark.parametrize("mode", [BY_LSC, BY_MIC])
    def test_a_phone_proves_itself_by_its_certificate(self, lab: RunningLab, phone: Phone, mode: str) -> None:
        before = phone.lsc
        order(lab, phone, mode)
        apply(lab, phone)
        assert status(phone) == ended("Upgrade Success")
        assert phone.lsc is not before

    @pytest.mark.parametrize("typed", [STRING, "00000"])
    def test_a_string_is_typed_right_or_wrong(self, lab: RunningLab, phone: Phone, typed: str) -> None:
        before = phone.lsc
        order(lab, phone, BY_STRING, string=STRING)
        apply(lab, phone)
        assert status(phone) == PENDING
        lab.world.type_string(phone.name, typed)
        wait(lambda: at_rest(lab, phone))
        good = typed == STRING
        assert status(phone) == ended("Upgrade Success" if good else "Upgrade Failed: Invalid Authentication String")
        assert (phone.lsc is not before) is good
        assert (phone.typed, phone.status) == ("", REGISTERED)


def probe_of(lab: RunningLab, phone: Phone) -> bytes:
    """Return what a phone's page presents, DER."""
    return probe(phone.address, lab.phones_port, 10, place=Place("lab", phone.name, "TLS")).leaf


class TestBelief:
    def hold_refused(self, lab: RunningLab, phone: Phone) -> None:
        """Hold that a phone tries three times, says nothing to CAPF, and goes on as it is."""
        before = phone.lsc
        order(lab, phone)
        apply(lab, phone)
        assert status(phone) == PENDING
        assert phone.tries == 3
        assert phone.lsc is before
        assert phone.status == REGISTERED
        assert lab.services.capf.results["installed"] == 0

    def test_a_certificate_that_no_list_has_as_capf(self, lab: RunningLab, phone: Phone) -> None:
        turn_on(lab.world, "swapped", "lab-pub:capf=TVS")
        self.hold_refused(lab, phone)
        wait(lambda: lab.services.capf.results["broken"] == 3)

    def test_a_new_capf_is_believed_where_tvs_knows_it(self, lab: RunningLab) -> None:
        phone = phone_where(lab, lambda each: each.kind.security_by_default and each.lsc is not None)
        lab.world.renew(CAPF)
        # The lists that name it are not to be had, so that TVS must be asked.
        lab.world.faults.tftp_stall.update(lab.world.cluster.nodes)
        for node in lab.world.cluster.nodes:
            turn_on(lab.world, "tvs-forgets", f"{node}:CAPF")
        self.hold_refused(lab, phone)
        turn_off(lab.world, "tvs-forgets")
        apply(lab, phone)
        assert status(phone) == ended("Upgrade Success")


class TestTrouble:
    def test_a_silent_capf(self, lab: RunningLab, phone: Phone) -> None:
        before = phone.lsc
        lab.world.timing = Timing(capf_patience=SHORT)
        turn_on(lab.world, "capf-stall", "lab-pub")
        order(lab, phone)
        apply(lab, phone)
        assert (status(phone), phone.tries, phone.status) == (PENDING, 3, REGISTERED)
        assert phone.lsc is before

    @pytest.mark.parametrize("message", ["auth", "key", "store"])
    def test_half_a_message(self, lab: RunningLab, phone: Phone, message: str) -> None:
        before = phone.lsc
        turn_on(lab.world, "capf-half", f"lab-pub={message}")
        order(lab, phone)
        apply(lab, phone)
        assert (status(phone), phone.tries, phone.status) == (PENDING, 3, REGISTERED)
        assert phone.lsc is before
        turn_off(lab.world)
        apply(lab, phone)
        assert status(phone) == ended("Upgrade Success")

    def test_a_phone_that_is_too_slow_with_its_key(
        self, lab: RunningLab, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # CAPF waits for one real second, the phone needs two, and does not give up before CAPF does.
        lab.world.timing = Timing(capf_patience=1.0)
        turn_on(lab.world, "phones-slow", str(1200 / phone.kind.key_seconds))
        monkeypatch.setattr("ctlctl_lab.capfphones.SESSION_SECONDS", 36_000)
        order(lab, phone)
        apply(lab, phone)
        assert status(phone) == ended("Upgrade Failed: Key Generation Failed/Timeout")
        assert phone.status == REGISTERED

    def test_who_trickles_gets_no_more_time_by_that(self, lab: RunningLab) -> None:
        lab.world.timing = Timing(capf_patience=SHORT)
        with capf_socket(host(lab)) as sock:
            assert sock.recv(4096)
            with pytest.raises(OSError):  # noqa: PT011, PT012 - it hangs up, however that is noticed
                # The beginning of an answer.
                for byte in (b"U", b"\2", *[b"\0"] * 50):
                    sock.sendall(byte)
                    time.sleep(0.1)
        wait(lambda: lab.services.capf.results["broken"] == 1)

    def test_a_reset_in_the_middle_is_one_break(
        self, lab: RunningLab, phone: Phone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order(lab, phone)
        lab.world.timing = Timing(apply=(0, 0), capf=(0, 0), boot=(0, 0), register=(0, 0))
        make, left = lab.world.pki.phone_key, [phone.name]

        def reset_first(number: int) -> PrivateKey:
            # It was told to make a key, and has not handed it over.
            if left:
                lab.world.reset_phone(left.pop())
            return make(number)

        monkeypatch.setattr(lab.world.pki, "phone_key", reset_first)
        lab.world.apply_phone(phone.name)
        wait(lambda: lab.services.capf.results["broken"] == 1)
        wait(lambda: at_rest(lab, phone))
        assert status(phone) == ended("Upgrade Success")
        assert lab.services.capf.results["broken"] == 1

    @MIC_ONLY
    def test_capf_goes_down_under_a_batch(self, lab: RunningLab) -> None:
        turn_on(lab.world, "phones-slow", "20")
        phones = install_on_all(lab)
        wait(lambda: lab.services.capf.connections > PHONES // 4)
        lab.world.stop_service("lab-pub", SERVICE_CAPF)
        turn_off(lab.world)
        wait(lambda: at_rest(lab, *phones), 120)
        left = [each for each in phones if status(each) == PENDING]
        assert left
        assert {each.capf.broken for each in phones} == {0}
        assert {each.status for each in phones} == {REGISTERED}
        lab.world.start_service("lab-pub", SERVICE_CAPF)
        wait(lambda: any(each.what == "lab-pub capf" and each.sock for each in lab.services.acceptor.listeners))
        apply(lab, *left)
        assert {status(each) for each in phones} == {ended("Upgrade Success")}

    @MIC_ONLY
    def test_a_crowd_is_sent_away_and_comes_again(self, lab: RunningLab) -> None:
        lab.services.capf.most_sessions = 3
        phones = install_on_all(lab)
        wait(lambda: at_rest(lab, *phones), 120)
        found = {status(each) for each in phones}
        assert ended("Upgrade Success") in found
        assert found <= {ended("Upgrade Success"), PENDING}
        assert {each.status for each in phones} == {REGISTERED}
        assert lab.services.capf.results["retry-later"] > 0

    @MIC_ONLY
    def test_a_poisoned_family_and_phones_without_power(self, lab: RunningLab) -> None:
        words = "Upgrade Failed: CA Rejected Connection"
        turn_on(lab.world, "capf-poison", f"78xx={words}")
        turn_on(lab.world, "phones-offline", "0.2")
        phones = install_on_all(lab)
        wait(lambda: at_rest(lab, *phones), 120)
        off = [each for each in phones if not each.powered]
        assert PHONES * 0.05 < len(off) < PHONES * 0.4
        assert {(status(each), each.status) for each in off} == {(PENDING, UNREGISTERED)}
        for each in phones:
            if each.powered:
                poisoned = each.model.startswith("Cisco 78")
                assert status(each) == ended(words if poisoned else "Upgrade Success")
                assert each.status == REGISTERED
        turn_off(lab.world)
        wait(lambda: all(each.status == REGISTERED for each in phones), 60)
        assert {status(each) for each in off} == {ended("Upgrade Success")}

    @MIC_ONLY
    def test_another_scenario_under_a_batch(self, lab: RunningLab) -> None:
        turn_on(lab.world, "phones-slow", "20")
        install_on_all(lab)
        wait(lambda: lab.services.capf.connections > PHONES // 4)
        apply_scenario(lab.world, lab.plan.world, "healthy")
        wait(lambda: lab.services.capf.connections == 0)
        assert {each.status for each in all_phones(lab)} == {REGISTERED}
        assert not any(each.capf.pending for each in all_phones(lab))


def test_phones_can_be_kept_off_the_wire(tmp_path: Factory) -> None:
    plan = replace(lab_plan(tmp_path, phones=10, nodes=1, speed=SPEED), capf_in_process=True)  # type: ignore[arg-type]
    with running_lab(plan) as lab:
        phones = install_on_all(lab)
        wait(lambda: at_rest(lab, *phones), 60)
        assert {status(each) for each in phones} == {ended("Upgrade Success")}
        assert lab.services.capf.results["installed"] == 0


# The same on the wire and in memory.


def distrust(kind: str) -> Callable[[World, Phone], None]:
    def prepare(world: World, phone: Phone) -> None:
        held = phone.lsc if kind == "LSC" else phone.mic
        assert held is not None
        world.distrust("CAPF-trust", held.issuer)

    return prepare


def without_lsc(world: World, phone: Phone) -> None:
    world.give_lsc(phone, None)


def ec(words: str, curve: int | None = None) -> Callable[[World, Phone], None]:
    def prepare(world: World, phone: Phone) -> None:
        profile = world.cluster.profiles[phone.profile]
        profile.key_order, profile.ec_key_size = words, curve

    return prepare


def stopped(world: World, phone: Phone) -> None:
    del phone
    world.cluster.publisher.stopped.add(SERVICE_CAPF)


def late(world: World, phone: Phone) -> None:
    del world
    phone.capf.finish_time = "2020:01:01:00:00"


def unchanged(world: World, phone: Phone) -> None:
    del world, phone


def modern(phone: Phone) -> bool:
    return phone.lsc is not None and phone.mic is not None and phone.kind.ec


def old(phone: Phone) -> bool:
    return phone.lsc is not None and not phone.kind.ec


def bare(phone: Phone) -> bool:
    return phone.kind.mic is None


@pytest.mark.parametrize(
    ("which", "mode", "operation", "prepare"),
    [
        (modern, BY_NULL, INSTALL, unchanged),
        (modern, BY_LSC, INSTALL, without_lsc),
        (modern, BY_LSC, INSTALL, distrust("LSC")),
        (modern, BY_MIC, INSTALL, distrust("MIC")),
        (modern, BY_LSC, DELETE, distrust("MIC")),
        (modern, BY_NULL, DELETE, without_lsc),
        (modern, BY_MIC, TROUBLESHOOT, without_lsc),
        (modern, BY_NULL, INSTALL, ec("EC Only")),
        (modern, BY_NULL, INSTALL, ec("EC Preferred, RSA Backup", 384)),
        (modern, BY_NULL, INSTALL, stopped),
        (modern, BY_NULL, INSTALL, late),
        (old, BY_NULL, INSTALL, ec("EC Only")),
        (old, BY_NULL, INSTALL, ec("EC Preferred, RSA Backup")),
        (old, BY_LSC, INSTALL, unchanged),
        (bare, BY_LSC, INSTALL, unchanged),
        (bare, BY_NULL, TROUBLESHOOT, unchanged),
        (bare, BY_NULL, INSTALL, unchanged),
    ],
)
def test_what_comes_of_it_is_the_same_on_the_wire_and_in_memory(
    lab: RunningLab,
    tmp_path_factory: Factory,
    which: Callable[[Phone], bool],
    mode: str,
    operation: str,
    prepare: Callable[[World, Phone], None],
) -> None:
    memory = lab_world(tmp_path_factory, replace(lab.plan.world, first_node="127.0.7.1", first_phone="127.64.0.1"))
    found = []
    for world in (lab.world, memory):
        phone = phones_where(world, which)[0]
        profile = world.cluster.profiles[phone.profile]
        profile.authentication_mode, profile.key_size = mode, 2048
        world.order_capf(phone.name, operation)
        prepare(world, phone)
        had = phone.lsc
        world.apply_phone(phone.name)
        if world is memory:
            settle(world)
        else:
            wait(lambda phone=phone: at_rest(lab, phone))  # type: ignore[misc]  # a value, kept in the lambda
        lsc, label = phone.lsc, ""
        if lsc is not None:
            label = read_certificate(world.pki.phone_certificate(phone.certificate_name, lsc)).key_label
            assert (phone.lsc_valid_until, phone.lsc_issuer_valid_until) == (lsc.not_after, lsc.issuer.not_after)
        found.append((phone.name, status(phone), lsc is had, label, phone.status, phone.message))
    assert found[0] == found[1]
