"""Every port of a running lab, spoken to by programs that others wrote, and its fault switches as those see them."""

import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import cycle
from pathlib import Path
from typing import Literal

import pytest

from ctlctl.connectors import FetchError, FetchFault, FetchLimits, FetchTarget, fetch
from ctlctl.connectors.errors import ConnectorError, Place
from ctlctl.connectors.tls_probe import probe
from ctlctl_lab.faults import Faults
from ctlctl_lab.model import CALLMANAGER, CAPF, SERVICE_TVS, TOMCAT, TVS, Phone
from ctlctl_lab.phonemodels import MicCa
from ctlctl_lab.run import RunningLab
from ctlctl_lab.services import PORTS
from ctlctl_lab.switches import SWITCHES, turn_off, turn_on
from support.programs import curl, require_program
from support.runninglab import small_lab

SHORT = FetchLimits(deadline_seconds=1.5)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> Iterator[RunningLab]:
    """The module's lab, with every switch off before and after."""
    turn_off(running.world)
    yield running
    turn_off(running.world)
    for node in running.world.cluster.nodes.values():
        node.up = True
        node.stopped.clear()
    knock(running)


def knock(lab: RunningLab) -> None:
    """Wait until every port is open again: the lab looks ten times a second."""
    for listener in lab.services.acceptor.listeners:
        if listener.stream is None:
            continue
        for _ in range(100):
            with socket.socket() as sock:
                sock.settimeout(5)
                if sock.connect_ex((listener.address, listener.port)) == 0:
                    break
            pause()


def pause() -> None:
    """Wait a moment; the only clock that a listener goes by is the real one."""
    time.sleep(0.05)


def node_at(lab: RunningLab, index: int = 0) -> tuple[str, str]:
    """Return name and address of a node."""
    node = list(lab.world.cluster.nodes.values())[index]
    return node.name, node.address


class EverySeventh:
    """Chance that is none, and loses as many: six losses in a row would end a transfer."""

    def __init__(self) -> None:
        self._draws = cycle((0.0, *[1.0] * 6))

    def random(self) -> float:
        return next(self._draws)


def fingerprint_by_openssl(host: str, port: int, *words: str) -> str:
    """Return the SHA-256 fingerprint of what a port presents, as `openssl s_client` sees it."""
    openssl = require_program("openssl", "openssl")
    shown = subprocess.run(
        [openssl, "s_client", "-connect", f"{host}:{port}", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=30,
    )
    found = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", shown.stdout, re.DOTALL)
    assert found, shown.stderr
    return sha256(ssl.PEM_cert_to_DER_cert(found[0].decode() + "\n")).hexdigest()


@pytest.mark.parametrize("name", [name for name, port in PORTS.items() if port.unit is not None])
def test_openssl_sees_the_right_certificate_on_every_secure_port(lab: RunningLab, name: str) -> None:
    port = PORTS[name]
    for node in lab.world.cluster.nodes.values():
        if port.service is None or port.service in node.services:
            assert port.unit is not None
            expected = sha256(node.identities[port.unit].der).hexdigest()
            assert fingerprint_by_openssl(node.address, port.number) == expected


class TestFiles:
    def test_curl_reads_every_node_s_lists(self, lab: RunningLab) -> None:
        world = lab.world
        for node in list(world.cluster.nodes.values())[:2]:
            for address in (
                f"http://{node.address}:6970",
                f"https://{node.address}:6971",
                f"https://{node.address}:6972",
            ):
                assert curl("--insecure", f"{address}/ITLFile.tlv") == world.files.itl(node)
                assert curl("--insecure", f"{address}/CTLFile.tlv") == world.files.ctl
                assert curl("--insecure", "--head", f"{address}/CTLFile.tlv").startswith(b"HTTP/1.1 200")

    def test_tomcat_s_certificate_vouches_for_6972_by_name(self, lab: RunningLab, tmp_path: Path) -> None:
        name, host = node_at(lab)
        pem = tmp_path / "tomcat.pem"
        pem.write_text(ssl.DER_cert_to_PEM_cert(lab.world.cluster.nodes[name].identities[TOMCAT].der))
        words = ("--cacert", str(pem), "--resolve", f"{name}:6972:{host}")
        assert curl(*words, f"https://{name}:6972/ITLFile.tlv")

    def test_curl_reads_by_tftp(self, lab: RunningLab) -> None:
        _, host = node_at(lab)
        expected = lab.world.files.ctl
        for size in ("8", "512", "1428", "65464"):
            assert curl("--tftp-blksize", size, f"tftp://{host}:6969/CTLFile.tlv") == expected
        assert curl("--tftp-no-options", f"tftp://{host}:6969/CTLFile.tlv") == expected

    @pytest.mark.parametrize("mode", ["binary", "ascii"])
    def test_tftp_s_own_client(self, lab: RunningLab, tmp_path: Path, mode: str) -> None:
        _, host = node_at(lab)
        target = tmp_path / "list.tlv"
        program = require_program("tftp", "tftp-hpa")
        words = [program, host, "6969", "-m", mode, "-c", "get", "ITLFile.tlv", str(target)]
        subprocess.run(words, check=True, timeout=30, capture_output=True)
        assert target.read_bytes() == lab.world.files.itl(lab.world.cluster.publisher)

    def test_what_is_not_there(self, lab: RunningLab) -> None:
        _, host = node_at(lab)
        assert curl("--fail", f"http://{host}:6970/nothing.tlv", code=22) == b""
        # 68: TFTP file not found; 69: permission problem.
        curl(f"tftp://{host}:6969/nothing.tlv", code=68)
        curl("--upload-file", "/dev/null", f"tftp://{host}:6969/CTLFile.tlv", code=69)

    @pytest.mark.parametrize(
        "datagram",
        [b"", b"\0", b"\0\1", b"\0\1CTLFile.tlv", b"\0\1CTLFile.tlv\0mail\0", b"\0\3\0\1abc", b"\0\1\xff\0octet\0"],
    )
    def test_nonsense_by_tftp_is_refused(self, lab: RunningLab, datagram: bytes) -> None:
        _, host = node_at(lab)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.sendto(datagram, (host, 6969))
            answer, (address, port) = sock.recvfrom(600)
        assert answer[:4] == b"\0\5\0\4"
        assert (address, port) != (host, 6969)

    def test_a_phone_s_configuration_is_signed(self, lab: RunningLab) -> None:
        _, host = node_at(lab)
        name = next(iter(lab.world.cluster.phones))
        text = curl(f"http://{host}:6970/{name}.cnf.xml")
        signed = curl(f"http://{host}:6970/{name}.cnf.xml.sgn")
        assert text in signed
        assert b"<deviceSecurityMode>" in text


class TestPhones:
    def phones(self, lab: RunningLab, *, old: bool) -> Iterator[Phone]:
        for phone in lab.world.cluster.phones.values():
            if phone.httpd and phone.credential is not None and phone.kind.tls10_only is old:
                yield phone

    def expected(self, lab: RunningLab, phone: Phone) -> str:
        assert phone.credential is not None
        return sha256(lab.world.pki.phone_certificate(phone.certificate_name, phone.credential)).hexdigest()

    @pytest.mark.parametrize("old", [False, True])
    def test_openssl_sees_each_phone_s_own_certificate(self, lab: RunningLab, old: bool) -> None:
        words = ("-tls1", "-cipher", "ALL:@SECLEVEL=0") if old else ()
        found = list(self.phones(lab, old=old))[:4]
        assert found
        for phone in found:
            assert fingerprint_by_openssl(phone.address, lab.phones_port, *words) == self.expected(lab, phone)

    def test_our_probe_sees_every_phone(self, lab: RunningLab) -> None:
        kinds = set()
        for phone in lab.world.cluster.phones.values():
            if phone.httpd and phone.credential is not None:
                presented = probe(phone.address, lab.phones_port, 10, place=Place("lab", phone.name, "TLS"))
                assert presented.sha256.hex() == self.expected(lab, phone)
                kinds.add((phone.credential.kind, phone.kind.mic))
        assert ("LSC", MicCa.SHA2) in kinds

    def test_curl_reads_a_phone_s_page(self, lab: RunningLab) -> None:
        phone = next(self.phones(lab, old=False))
        address = f"https://{phone.address}:{lab.phones_port}"
        page = curl("--insecure", f"{address}/").decode()
        assert phone.name in page
        assert phone.ctl is not None
        assert phone.ctl.md5 in page
        assert phone.name.encode() in curl("--insecure", f"{address}/DeviceInformationX")
        assert curl("--insecure", "--fail", f"{address}/nothing", code=22) == b""

    def test_a_web_server_that_is_off_takes_no_connection(self, lab: RunningLab) -> None:
        phone = next(each for each in lab.world.cluster.phones.values() if not each.httpd)
        with pytest.raises(ConnectorError, match=r"reset|refused|closed"):
            probe(phone.address, lab.phones_port, 5, place=Place("lab", phone.name, "TLS"))

    def test_a_phone_that_is_off_takes_no_connection(self, lab: RunningLab) -> None:
        phone = next(self.phones(lab, old=False))
        lab.world.switch_off(phone.name)
        with pytest.raises(ConnectorError, match=r"reset|refused|closed"):
            probe(phone.address, lab.phones_port, 5, place=Place("lab", phone.name, "TLS"))
        lab.world.switch_on(phone.name)
        assert probe(phone.address, lab.phones_port, 5, place=Place("lab", phone.name, "TLS")).leaf

    def test_nobody_outside_reaches_the_phones(self, lab: RunningLab) -> None:
        """The socket is bound to device lo, and turns away what this machine sends to its other addresses by lo."""
        done = subprocess.run(
            [sys.executable, "-c", KNOCK_FROM_OUTSIDE, str(lab.phones_port)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        if done.stdout == "nothing":
            pytest.skip("this machine has no address but loopback")
        assert done.stdout in {"refused", "reset"}, done.stderr


#: Knocks at a port of this machine's own address outside 127/8; a process of its own may, a test may not.
KNOCK_FROM_OUTSIDE = """
import socket, sys
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        # Nothing is sent: this asks the kernel which address it would use.
        asked.connect(("192.0.2.1", 9))
        own = asked.getsockname()[0]
except OSError:
    own = "127.0.0.1"
if own.startswith("127."):
    print("nothing", end="")
else:
    try:
        with socket.create_connection((own, int(sys.argv[1])), 5) as sock:
            print("answered" if sock.recv(1) else "closed", end="")
    except ConnectionRefusedError:
        print("refused", end="")
    except ConnectionResetError:
        print("reset", end="")
"""


class TestFaults:
    def test_every_switch_can_be_turned_off(self, lab: RunningLab) -> None:
        for name, value in SWITCH_VALUES.items():
            turn_on(lab.world, name, value.replace("PHONE", next(iter(lab.world.cluster.phones))))
        assert lab.world.faults != Faults()
        turn_off(lab.world)
        plain = Faults()
        assert all(getattr(lab.world.faults, each) == getattr(plain, each) for each in Faults.__slots__)
        assert set(SWITCH_VALUES) == set(SWITCHES)
        assert {switch.field for switch in SWITCHES.values()} == set(Faults.__slots__)

    def test_swapped(self, lab: RunningLab) -> None:
        name, host = node_at(lab)
        turn_on(lab.world, "swapped", f"{name}:sip=TVS")
        expected = sha256(lab.world.cluster.nodes[name].identities[TVS].der).hexdigest()
        assert fingerprint_by_openssl(host, 5061) == expected

    def test_swapped_for_one_that_only_the_publisher_has(self, lab: RunningLab) -> None:
        name, host = node_at(lab, 1)
        turn_on(lab.world, "swapped", f"{name}:tomcat=CAPF")
        expected = sha256(lab.world.cluster.publisher.identities[CAPF].der).hexdigest()
        assert fingerprint_by_openssl(host, 8443) == expected

    def test_expired(self, lab: RunningLab) -> None:
        name, host = node_at(lab)
        turn_on(lab.world, "expired", f"{name}:tomcat")
        words = (require_program("openssl", "openssl"), "s_client", "-connect", f"{host}:8443")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
        assert b"certificate has expired" in done.stdout + done.stderr

    def test_refused(self, lab: RunningLab) -> None:
        name, host = node_at(lab)
        turn_on(lab.world, "refused", f"{name}:http")
        wait_closed(host, 6970)
        with pytest.raises(FetchError) as caught:
            fetch(FetchTarget("http", host, 6970, "CTLFile.tlv"), FetchLimits())
        assert caught.value.fault is FetchFault.UNREACHABLE
        assert "refused" in str(caught.value)

    def test_a_service_that_does_not_run(self, lab: RunningLab) -> None:
        name, host = node_at(lab)
        lab.world.cluster.nodes[name].stopped.add(SERVICE_TVS)
        wait_closed(host, 2445)
        assert (
            fingerprint_by_openssl(host, 5061)
            == sha256(lab.world.cluster.nodes[name].identities[CALLMANAGER].der).hexdigest()
        )

    def test_a_node_that_is_off(self, lab: RunningLab) -> None:
        name, host = node_at(lab, 2)
        lab.world.cluster.nodes[name].up = False
        for port in (8443, 5061, 2445):
            wait_closed(host, port)

    @pytest.mark.parametrize("scheme", ["tftp", "http"])
    def test_stalled_files_end_at_our_deadline(self, lab: RunningLab, scheme: Literal["tftp", "http"]) -> None:
        name, host = node_at(lab)
        turn_on(lab.world, "tftp-stall", name)
        with pytest.raises(FetchError) as caught:
            fetch(FetchTarget(scheme, host, 6969 if scheme == "tftp" else 6970, "CTLFile.tlv"), SHORT)
        assert caught.value.fault is FetchFault.TIMEOUT
        # The other node serves on.
        _, other = node_at(lab, 1)
        assert fetch(FetchTarget("http", other, 6970, "CTLFile.tlv"), FetchLimits()) == lab.world.files.ctl

    def test_lost_datagrams_are_sent_again(self, lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lab.services, "_chance", EverySeventh())
        _, host = node_at(lab)
        turn_on(lab.world, "tftp-loss", "0.15")
        got = fetch(FetchTarget("tftp", host, 6969, "CTLFile.tlv"), FetchLimits(deadline_seconds=60))
        assert got == lab.world.files.ctl

    def test_all_datagrams_lost(self, lab: RunningLab) -> None:
        _, host = node_at(lab)
        turn_on(lab.world, "tftp-loss", "1")
        with pytest.raises(FetchError) as caught:
            fetch(FetchTarget("tftp", host, 6969, "CTLFile.tlv"), SHORT)
        assert caught.value.fault is FetchFault.TIMEOUT

    def test_a_wrong_clock_shows_in_the_answers(self, lab: RunningLab) -> None:
        _, host = node_at(lab)
        turn_on(lab.world, "clock-offset", str(-365 * 86_400))
        before = curl("--head", f"http://{host}:6970/CTLFile.tlv").decode()
        turn_off(lab.world, "clock-offset")
        after = curl("--head", f"http://{host}:6970/CTLFile.tlv").decode()
        years = [re.search(r"Date: \w+, \d+ \w+ (\d+)", each) for each in (before, after)]
        assert years[0]
        assert years[1]
        assert int(years[1][1]) - int(years[0][1]) == 1


#: A value for every switch; PHONE stands for a phone.
SWITCH_VALUES = {
    "axl-503": "3",
    "axl-row-limit": "50",
    "axl-memory": "1",
    "half": "1",
    "html": "1",
    "slow": "0.5",
    "ris-rate": "2",
    "tftp-loss": "0.1",
    "tftp-stall": "lab-pub",
    "swapped": "lab-pub:sip=tomcat",
    "expired": "lab-pub:tomcat",
    "refused": "lab-sub1:capf",
    "clock-offset": "-60",
    "capf-failure": "PHONE=Upgrade Failed: Invalid LSC",
    "capf-poison": "88xx=Upgrade Failed: Invalid MIC",
    "capf-stall": "lab-pub",
    "capf-half": "lab-pub=store",
    "capf-user-name": "{user}.{instance}",
    "phones-slow": "2",
    "phones-offline": "0.5",
    "service-stuck": "lab-pub:Cisco Tftp",
    "replication": "lab-sub1=4",
    "ntp": "lab-sub1=unsynchronised",
    "backup-age": "none",
    "tvs-forgets": "lab-pub:CallManager",
    "ssh-host-key": "lab-pub",
    "ssh-sha1-kex": "lab-pub",
    "ssh-prompt": "lab-pub=operator:",
    "ssh-paging": "lab-pub",
    "ssh-stall": "lab-pub",
    "ssh-drop": "lab-pub",
    "ssh-locked": "lab-pub",
}


def wait_closed(host: str, port: int) -> None:
    """Wait until nobody listens: the lab looks ten times a second."""
    for _ in range(200):
        with socket.socket() as sock:
            sock.settimeout(5)
            if sock.connect_ex((host, port)) != 0:
                return
        pause()
    pytest.fail(f"{host}:{port} is open")
