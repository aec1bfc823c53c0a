"""The platform CLI of the lab, worked by OpenSSH's client: what an operator meets, and what can go wrong."""

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from ctlctl.console import parse_cert_show, parse_service
from ctlctl_config.loading import load_settings
from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET
from ctlctl_lab.lockout import LOCK_SECONDS
from ctlctl_lab.model import TOMCAT
from ctlctl_lab.run import RunningLab, running_lab
from ctlctl_lab.services import PORTS
from ctlctl_lab.shell.session import PAGING
from ctlctl_lab.switches import turn_off, turn_on
from ctlctl_trust.consolelist import parse_console_list
from support.programs import require_program
from support.runninglab import lab_plan, small_lab
from support.sshclient import OLD_ALGORITHMS, Client

SSH = PORTS["ssh"].number


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab"), phones=5) as lab:
        yield lab


@pytest.fixture
def lab(running: RunningLab) -> Iterator[RunningLab]:
    turn_off(running.world)
    running.world.logins.clear()
    yield running
    turn_off(running.world)
    for name in running.world.cluster.nodes:
        # A port that was refused is open again after the lab's next look.
        eventually_open(running, name)


def eventually_open(lab: RunningLab, node: str) -> None:
    """Wait until a node's SSH takes connections."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(ConnectionRefusedError), socket.create_connection((address(lab, node), SSH), 5):
            return
    raise AssertionError(f"{node} takes no connection")


def refuses(lab: RunningLab, node: str, port: int) -> bool:
    """Tell whether a node's port refuses connections, now or in a moment."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection((address(lab, node), port), 5).close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            # It closed in this very moment.
            continue
    return False


@pytest.fixture
def client(lab: RunningLab, tmp_path: Path) -> Client:
    return Client(lab, tmp_path)


def address(lab: RunningLab, node: str = "lab-pub") -> str:
    return lab.world.cluster.nodes[node].address


def password(lab: RunningLab) -> str:
    return (lab.plan.directory / "secrets" / PLATFORM_SECRET).read_text().strip()


def presented(lab: RunningLab, node: str, port: int = 8443) -> bytes:
    """Return the certificate that a port presents, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((address(lab, node), port), 10) as sock, context.wrap_socket(sock) as tls:
        return tls.getpeercert(binary_form=True) or b""


class TestOperator:
    def test_a_session(self, client: Client) -> None:
        with client.login() as operator:
            assert operator.shown.startswith("Command Line Interface is starting up, please wait ...\r\n")
            assert "Welcome to the Platform Command Line Interface" in operator.shown
            assert operator.run("set cli pagination off") == "Automatic pagination is turned off"
            shown = parse_console_list(operator.run("show ctl"))
            assert (shown.verified, shown.unread, shown.mismatches) == (True, (), ())
            assert operator.run("show ip").strip() == "No valid command entered"
            operator.type("exit\r")
            assert operator.ended() == 0

    def test_pages_by_space_by_line_and_q(self, client: Client) -> None:
        with client.login() as operator:
            operator.type("show itl\r")
            first = operator.expect(re.escape(PAGING))
            operator.type(" ")
            second = operator.expect(re.escape(PAGING))
            operator.type("\r")
            third = operator.expect(re.escape(PAGING))
            assert (first.count("\n"), second.count("\n"), third.count("\n")) == (24, 23, 1)
            assert "\x1b[1m" in first
            operator.type("q")
            assert "verified" not in operator.expect("admin:")
            operator.type("show version active\r")
            assert "Active Master Version" in operator.expect("Found\\.\r\nadmin:")

    def test_a_confirmation_refused_and_given(self, client: Client, lab: RunningLab) -> None:
        # A list made in the same second as the one before would be the same.
        lab.world.faults.clock_offset += 2
        before = lab.world.files.ctl
        with client.login() as operator:
            operator.type("utils ctl update CTLFile\r")
            operator.expect(r"Do you want to continue\? \(y/n\):")
            operator.type("n\r")
            assert "Updat" not in operator.expect("admin:")
            assert lab.world.files.ctl == before
            operator.type("utils ctl update CTLFile\r")
            operator.expect(r"Do you want to continue\? \(y/n\):")
            operator.type("y\r")
            assert "CTL file Updated" in operator.expect("\r\nadmin:")
            assert lab.world.files.ctl != before

    def test_three_wrong_passwords_lock_the_account(self, client: Client, lab: RunningLab) -> None:
        wrong = client.once("lab-pub", right=False)
        assert wrong.returncode == 255
        assert b"Permission denied (keyboard-interactive)" in wrong.stderr
        assert client.once("lab-pub", "-tt", typed="exit\r").returncode == 255, "the right one is refused too"
        assert client.once("lab-sub1", "-tt", typed="exit\r").returncode == 0, "each node counts by itself"
        (key,) = lab.world.faults.ssh_locked
        assert key == ("lab-pub", PLATFORM_READER)
        assert 0 < lab.world.faults.ssh_locked[key] - lab.world.now() <= LOCK_SECONDS
        turn_off(lab.world, "ssh-locked")
        assert client.once("lab-pub", "-tt", typed="exit\r").returncode == 0

    def test_there_is_nothing_but_the_shell(self, client: Client) -> None:
        done = client.once("lab-pub", words=("show", "ctl"))
        assert done.returncode != 0
        assert done.stdout == b""
        assert b"exec request failed" in done.stderr
        assert client.once("lab-pub", "-s", words=("sftp",)).returncode != 0
        forwarded = client.once("lab-pub", "-W", "127.0.0.1:22")
        assert forwarded.returncode != 0
        assert b"forwarding failed" in forwarded.stderr

    def test_without_a_terminal_the_shell_works_too(self, client: Client) -> None:
        done = client.once("lab-sub1", "-T", typed="set cli pagination off\nshow version active\nexit\n")
        assert done.returncode == 0
        assert b"Active Master Version: 14.0.1.13900-155\r\n" in done.stdout

    def test_the_host_key_is_the_one_in_the_settings(self, lab: RunningLab) -> None:
        keyscan = require_program("ssh-keyscan", "openssh-client")
        keygen = require_program("ssh-keygen", "openssh-client")
        cluster = load_settings(lab.settings).clusters["lab"]
        assert cluster.platform is not None
        assert cluster.platform.username == PLATFORM_READER
        for node in cluster.nodes:
            scanned = subprocess.run(
                [keyscan, "-t", "rsa", "-p", str(node.ports.ssh), node.host],
                capture_output=True,
                check=True,
                timeout=30,
            )
            told = subprocess.run(
                [keygen, "-l", "-f", "-"], input=scanned.stdout, capture_output=True, check=True, timeout=30
            )
            assert told.stdout.decode().split()[1] == node.ssh_host_key


class TestCertificates:
    def test_installed_and_served(self, client: Client, lab: RunningLab) -> None:
        with client.login("lab-sub1") as operator:
            operator.run("set cli pagination off")
            before = presented(lab, "lab-sub1")
            assert parse_cert_show(operator.run("show cert own tomcat")).der == before
            operator.type("set cert regen tomcat\r")
            operator.expect(r"Proceed with regeneration \(yes\|no\)\? ")
            operator.type("yes\r")
            operator.expect("become active\\.\r\nadmin:")
            installed = parse_cert_show(operator.run("show cert own tomcat")).der
            assert installed != before
            assert presented(lab, "lab-sub1") == before
            assert parse_service(operator.run("utils service restart Cisco Tomcat")).unread == ()
            assert presented(lab, "lab-sub1") == installed == lab.world.cluster.nodes["lab-sub1"].identities[TOMCAT].der

    def test_a_service_that_stays_away(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "service-stuck", "lab-sub2:Cisco Tomcat")
        with client.login("lab-sub2") as operator:
            rows = parse_service(operator.run("utils service restart Cisco Tomcat")).rows
            assert rows[-1].state == "STOPPED"
            assert refuses(lab, "lab-sub2", 8443)
            turn_off(lab.world)
            assert parse_service(operator.run("utils service start Cisco Tomcat")).rows[-1].state == "STARTED"


class TestFaults:
    def test_another_host_key(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-host-key", "lab-pub")
        done = client.once("lab-pub")
        assert done.returncode == 255
        assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr
        assert client.once("lab-sub1", "-tt", typed="exit\r").returncode == 0

    def test_sha1_alone(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-sha1-kex", "lab-pub")
        done = client.once("lab-pub", "-tt", typed="exit\r")
        assert done.returncode == 255
        assert b"no matching key exchange method found" in done.stderr
        assert client.once("lab-pub", "-tt", *OLD_ALGORITHMS, typed="exit\r").returncode == 0

    def test_another_prompt(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-prompt", "lab-pub=operator>")
        with client.login(prompt="operator>") as operator:
            operator.type("show version active\r")
            operator.expect("Found\\.\r\noperator>")
            assert "admin:" not in operator.shown

    def test_paging_that_stays(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-paging", "lab-pub")
        with client.login() as operator:
            assert operator.run("set cli pagination off") == "Automatic pagination is turned off"
            operator.type("show ctl\r")
            operator.expect(re.escape(PAGING))

    def test_a_command_that_never_ends(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-stall", "lab-pub")
        with client.login() as operator:
            operator.run("set cli pagination off")
            operator.type("show ctl\r")
            operator.expect("Length of CTL file")
            while not operator.silent(1.0):
                assert "verified" not in operator.shown
            operator.type("\r\r\x03exit\r")
            assert operator.silent(1.0)

    def test_a_connection_that_drops(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-drop", "lab-pub")
        with client.login() as operator:
            operator.run("set cli pagination off")
            operator.type("show ctl\r")
            assert operator.ended() == 255
            assert "CTL Record #:1" in operator.shown
            assert "verified successfully" not in operator.shown
            assert not operator.shown.rstrip().endswith("admin:")

    def test_locked_by_the_switch(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "ssh-locked", "lab-pub")
        assert client.once("lab-pub").returncode == 255

    def test_refused(self, client: Client, lab: RunningLab) -> None:
        turn_on(lab.world, "refused", "lab-pub:ssh")
        assert refuses(lab, "lab-pub", SSH)
        assert b"Connection refused" in client.once("lab-pub").stderr


class TestServer:
    def test_the_password_method_is_refused_and_costs_an_attempt(self, lab: RunningLab) -> None:
        for _ in range(3):
            with (
                socket.create_connection((address(lab), SSH), 10) as sock,
                paramiko.Transport(sock) as transport,
            ):
                transport.start_client(timeout=20)
                with pytest.raises(paramiko.AuthenticationException):
                    transport.auth_password(PLATFORM_READER, password(lab), fallback=False)
        assert ("lab-pub", PLATFORM_READER) in lab.world.faults.ssh_locked

    def test_nonsense_ends_its_own_connection_and_says_nothing(
        self, lab: RunningLab, client: Client, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for junk in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(2000), b"SSH-2.0-x\r\n" + b"\0" * 200, b""):
            with socket.create_connection((address(lab), SSH), 10) as sock:
                sock.sendall(junk)
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(30)
                while sock.recv(65536):
                    pass
        assert client.once("lab-pub", "-tt", typed="exit\r").returncode == 0
        assert capfd.readouterr().err == ""

    def test_a_session_that_is_left_alone_ends(self, tmp_path: Path) -> None:
        plan = lab_plan(tmp_path / "lab", phones=1, nodes=1, speed=3600.0)
        with running_lab(plan) as lab, Client(lab, tmp_path).login() as operator:
            # Half an hour of the lab's is half a second.
            assert operator.ended() == 255

    def test_a_lab_that_stops_ends_every_session(self, tmp_path: Path) -> None:
        with small_lab(tmp_path / "lab", phones=1, nodes=1) as lab:
            login = Client(lab, tmp_path).login()
            operator = login.__enter__()
        try:
            assert operator.ended() == 255
        finally:
            login.__exit__(None, None, None)

    def test_an_old_release_speaks_sha1_alone_and_the_settings_say_so(self, tmp_path: Path) -> None:
        plan = lab_plan(tmp_path / "lab", phones=1, nodes=1)
        with running_lab(replace(plan, world=replace(plan.world, version="11.5.1.21900-40"))) as lab:
            platform = load_settings(lab.settings).clusters["lab"].platform
            assert platform is not None
            assert platform.sha1_key_exchange
            client = Client(lab, tmp_path)
            assert client.once("lab-pub").returncode == 255
            old = (*OLD_ALGORITHMS, "-tt", "-o", "PreferredAuthentications=password")
            assert client.once("lab-pub", *old, typed="exit\r").returncode == 0, "it takes the password method"
