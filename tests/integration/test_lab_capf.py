"""CAPF of a running lab over real TLS, by OpenSSL and by a client of the library: every mode, operation and key."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cryptography import x509

from ctlctl_capf import CapfPeerError, Credential, Operation, Result, signer
from ctlctl_capf.frame import Command, WireReason
from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_STRING,
    CAPF,
    DELETE,
    INSTALL,
    NO_OPERATION,
    STATUS_PENDING,
    TROUBLESHOOT,
    CapfProfile,
    Phone,
)
from ctlctl_lab.model import Credential as Held
from ctlctl_lab.phonepage import serial_number
from ctlctl_lab.run import RunningLab
from ctlctl_lab.switches import turn_on
from ctlctl_trust import read_certificate
from support.capfclient import Client, capf_socket
from support.capflab import PENDING, STRING, ended, host, mend, order, phone_where, proof, status, wait
from support.programs import require_program
from support.runninglab import small_lab

DAY = 86_400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> Iterator[RunningLab]:
    """The module's lab, healthy before and after."""
    yield running
    mend(running)


@pytest.fixture
def phone(lab: RunningLab) -> Phone:
    """A modern phone with LSC and MIC. It stays where it is: these tests go to CAPF in its name."""
    return phone_where(lab, lambda each: each.lsc is not None and each.kind.ec)


class TestTls:
    @pytest.mark.parametrize(
        "words",
        [
            ("-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0"),
            ("-tls1_2", "-cipher", "AES256-SHA"),
            ("-tls1_2",),
        ],
    )
    def test_openssl_sees_the_capf_certificate_with_what_old_and_new_clients_speak(
        self, lab: RunningLab, words: tuple[str, ...]
    ) -> None:
        openssl = require_program("openssl", "openssl")
        done = subprocess.run(
            [openssl, "s_client", "-connect", f"{host(lab)}:3804", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        found = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.DOTALL)
        assert found, done.stderr
        der = ssl.PEM_cert_to_DER_cert(found[0].decode() + "\n")
        assert der == lab.world.cluster.publisher.identities[CAPF].der
        assert b"No client certificate CA names sent" in done.stdout

    def test_nobody_is_served_without_a_certificate(self, lab: RunningLab) -> None:
        openssl = require_program("openssl", "openssl")
        words = ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0")
        done = subprocess.run(
            [openssl, "s_client", "-connect", f"{host(lab)}:3804", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert b"Cipher is (NONE)" in done.stdout

    def test_the_server_speaks_first(self, lab: RunningLab) -> None:
        with capf_socket(host(lab)) as sock:
            data = sock.recv(4096)
        assert (data[0], data[1]) == (85, Command.AUTH_REQUEST)
        assert data[8:] == bytes.fromhex("0700010308000100")

    def test_what_is_no_tls_ends_its_own_connection_alone(self, lab: RunningLab) -> None:
        with socket.create_connection((host(lab), 3804), 10) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with suppress(ConnectionResetError):
                while sock.recv(4096):
                    pass
        with capf_socket(host(lab)) as tls:
            assert tls.recv(4096)


class TestModes:
    def test_null_string(self, lab: RunningLab, phone: Phone) -> None:
        lab.world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "100"
        order(lab, phone)
        client = Client(host(lab), phone.name)
        outcome = client.go()
        lab.world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "1825"
        assert outcome.result is Result.INSTALLED
        assert client.asked == ["RSA-2048"]
        assert status(phone) == ended("Upgrade Success")
        assert client.got is not None
        found = read_certificate(client.got)
        assert phone.lsc_valid_until == int(found.not_after.timestamp())
        assert (found.not_after - found.not_before).days == 100
        capf = lab.world.cluster.publisher.identities[CAPF]
        assert phone.lsc_issuer_name == f"CN={capf.common_name},OU=LAB,O=LAB ctlctl"
        assert phone.lsc_issuer_valid_until == capf.not_after
        parsed = x509.load_der_x509_certificate(client.got)
        parsed.verify_directly_issued_by(x509.load_der_x509_certificate(capf.der))
        assert found.common_name == phone.certificate_name
        assert parsed.subject.rfc4514_string().endswith(f"2.5.4.5=PID:{phone.kind.short} SN:{serial_number(phone)}")
        # The operation is done: who comes again has nothing to do.
        assert Client(host(lab), phone.name).go().result is Result.NOTHING_TO_DO

    def test_a_string_is_good_once(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_STRING, string=STRING)
        assert Client(host(lab), phone.name, STRING).go().result is Result.INSTALLED
        assert status(phone) == ended("Upgrade Success")
        assert phone.capf.authentication_string == ""
        lab.world.order_capf(phone.name, INSTALL)
        outcome = Client(host(lab), phone.name, STRING).go()
        assert (outcome.result, outcome.reason) == (Result.REFUSED, WireReason.INVALID)
        assert status(phone) == ended("Upgrade Failed: Invalid Authentication String")

    def test_a_string_is_good_for_one_session_at_a_time(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_STRING, string=STRING)
        outcomes = []

        def meanwhile(_: ssl.SSLSocket) -> None:
            outcomes.append(Client(host(lab), phone.name, STRING).go().result)

        assert Client(host(lab), phone.name, STRING, before_key=meanwhile).go().result is Result.INSTALLED
        assert outcomes == [Result.REFUSED]
        assert status(phone) == ended("Upgrade Success")

    def test_a_string_is_good_again_after_a_session_that_broke_off(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_STRING, string=STRING)
        with pytest.raises((OSError, CapfPeerError)):
            Client(host(lab), phone.name, STRING, before_key=ssl.SSLSocket.close).go()
        wait(lambda: phone.capf.broken == 1)
        assert status(phone) == PENDING
        assert Client(host(lab), phone.name, STRING).go().result is Result.INSTALLED

    @pytest.mark.parametrize("mode", [BY_LSC, BY_MIC])
    def test_existing_certificate(self, lab: RunningLab, phone: Phone, mode: str) -> None:
        order(lab, phone, mode)
        held = phone.lsc if mode == BY_LSC else phone.mic
        existing, sudi = proof(lab, phone, held), proof(lab, phone, phone.mic)
        assert Client(host(lab), phone.name, existing=existing, sudi=sudi).go().result is Result.INSTALLED
        assert status(phone) == ended("Upgrade Success")

    def test_a_certificate_without_its_key_is_no_proof(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_LSC)
        assert phone.lsc is not None
        assert phone.mic is not None
        stolen = Credential(
            lab.world.pki.phone_certificate(phone.certificate_name, phone.lsc),
            signer(lab.world.pki.phone_key((phone.lsc.key + 1) % 8)),
        )
        assert Client(host(lab), phone.name, existing=stolen).go().result is Result.REFUSED
        assert status(phone) == ended("Upgrade Failed: Invalid Credentials")

    @pytest.mark.parametrize(("mode", "words"), [(BY_LSC, "Invalid LSC"), (BY_MIC, "Invalid MIC")])
    def test_an_expired_certificate(self, lab: RunningLab, phone: Phone, mode: str, words: str) -> None:
        order(lab, phone, mode)
        held = phone.lsc if mode == BY_LSC else phone.mic
        assert held is not None
        now = int(lab.world.now())
        old = Held(held.kind, held.issuer, held.serial, now - 400 * DAY, now - DAY, held.key)
        assert Client(host(lab), phone.name, existing=proof(lab, phone, old)).go().result is Result.REFUSED
        assert status(phone) == ended(f"Upgrade Failed: {words}")

    def test_another_phone_s_certificate(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone, BY_LSC)
        other = phone_where(lab, lambda each: each.lsc is not None and each is not phone)
        assert Client(host(lab), phone.name, existing=proof(lab, other, other.lsc)).go().result is Result.REFUSED
        assert status(phone) == ended("Upgrade Failed: Invalid LSC")

    def test_too_late(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        phone.capf.finish_time = "2020:01:01:00:00"
        assert Client(host(lab), phone.name).go().result is Result.REFUSED
        assert status(phone) == ended("Upgrade Failed: User Initiated Request Late/Timedout")

    def test_nobody_knows_a_stranger(self, lab: RunningLab) -> None:
        outcome = Client(host(lab), "SEP000000000000").go()
        assert (outcome.result, outcome.reason) == (Result.UNKNOWN_DEVICE, WireReason.UNKNOWN_DEVICE)


class TestOperations:
    @pytest.mark.parametrize("shown", [True, False])
    @pytest.mark.parametrize(
        ("operation", "kind", "word"),
        [(DELETE, Operation.DELETE, "Delete"), (TROUBLESHOOT, Operation.FETCH, "Troubleshoot")],
    )
    def test_delete_and_troubleshoot(
        self, lab: RunningLab, phone: Phone, operation: str, kind: Operation, word: str, *, shown: bool
    ) -> None:
        known = phone.lsc_valid_until
        order(lab, phone, operation=operation)
        own = proof(lab, phone, phone.lsc).certificate if shown else None
        outcome = Client(host(lab), phone.name, shown=own).go()
        assert outcome.operation is kind
        assert status(phone) == ended(f"{word} Success" if shown else f"{word} Failed: Invalid LSC")
        gone = operation == DELETE and shown
        assert phone.lsc_valid_until == (0 if gone else known)
        phone.lsc_valid_until = known

    @pytest.mark.parametrize(
        ("key_order", "bits", "curve", "label"),
        [
            ("RSA Only", 512, None, "RSA-1024"),
            ("RSA Only", 4096, None, "RSA-4096"),
            ("EC Preferred, RSA Backup", 2048, None, "EC secp256r1"),
            ("EC Only", 2048, 521, "EC secp521r1"),
        ],
    )
    def test_the_key_is_what_the_profile_asks_for(
        self, lab: RunningLab, phone: Phone, key_order: str, bits: int, curve: int | None, label: str
    ) -> None:
        order(lab, phone)
        profile = lab.world.cluster.profiles[phone.profile]
        profile.key_order, profile.key_size, profile.ec_key_size = key_order, bits, curve
        client = Client(host(lab), phone.name)
        assert client.go().result is Result.INSTALLED
        assert client.asked == [label]
        assert client.got is not None
        assert read_certificate(client.got).key_label == label

    def test_ec_only_is_nothing_for_old_phones(self, lab: RunningLab) -> None:
        old = phone_where(lab, lambda each: not each.kind.ec)
        order(lab, old)
        lab.world.cluster.profiles[old.profile].key_order = "EC Only"
        assert Client(host(lab), old.name).go().result is Result.NOTHING_TO_DO
        assert status(old) == ended("Upgrade Failed: No Support for EC only in CAPF version 3")

    def test_an_order_taken_back_meanwhile(self, lab: RunningLab, phone: Phone) -> None:
        order(lab, phone)
        client = Client(host(lab), phone.name, before_key=lambda _: lab.world.order_capf(phone.name, NO_OPERATION))
        assert client.go().result is Result.REFUSED
        assert client.got is None
        assert status(phone) == ended("None")

    def test_what_the_client_cannot_store(self, lab: RunningLab, phone: Phone) -> None:
        known = phone.lsc_valid_until
        order(lab, phone)
        assert Client(host(lab), phone.name, before_stored=lambda _: False).go().result is Result.NOT_STORED
        assert status(phone) == ended("Upgrade Failed: Phone Communication Failure")
        assert phone.lsc_valid_until == known


class TestUsers:
    @pytest.fixture
    def profile(self, lab: RunningLab) -> CapfProfile:
        profile = lab.world.cluster.application_user_profiles["jtapi-2"]
        self.order(profile)
        return profile

    def order(self, profile: CapfProfile, mode: str = BY_STRING) -> None:
        profile.capf.operation, profile.capf.certificate_status = INSTALL, STATUS_PENDING
        profile.capf.authentication_string = STRING if mode == BY_STRING else ""
        profile.authentication_mode = mode

    def test_an_application_enrols_by_its_string_and_renews_by_its_certificate(
        self, lab: RunningLab, profile: CapfProfile
    ) -> None:
        # CUCM does not tell users by their case.
        client = Client(host(lab), "Lab-Recorder", STRING)
        assert client.go().result is Result.INSTALLED
        assert status(profile) == ended("Upgrade Success")
        last = list(lab.world.cluster.changes.since(0))[-1]
        assert (last.type, last.pkid) == ("ApplicationUserCapfProfile", profile.pkid)
        self.order(profile, BY_LSC)
        assert Client(host(lab), "Lab-Recorder", existing=client.credential()).go().result is Result.INSTALLED

    def test_the_spelling_of_instances_can_be_set(self, lab: RunningLab, profile: CapfProfile) -> None:
        turn_on(lab.world, "capf-user-name", "{user}/{instance}")
        assert Client(host(lab), "lab-recorder", STRING).go().result is Result.UNKNOWN_DEVICE
        assert Client(host(lab), "lab-recorder/jtapi-1", STRING).go().result is Result.NOTHING_TO_DO
        assert Client(host(lab), "lab-recorder/jtapi-2", STRING).go().result is Result.INSTALLED
        assert status(profile) == ended("Upgrade Success")
