"""`ctlctl cluster`: what an operator types, what is written, and how it ends."""

import json
import os
import pty
import select
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ctlctl.cluster.adding import AddError, Given, add_cluster, machine_timezone
from ctlctl.cluster.dialogue import Script
from ctlctl.cluster.view import ClusterView
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl.verify.settings import UsageError
from ctlctl_config import ClusterSettings, SettingsError, load_settings
from support.command import ctlctl
from support.lists import PUB, STRANGER
from support.smallcluster import LAB_TOMCAT, TOMCAT, FakeView, NodePlan, node_running, pin_of
from support.sshservers import host_key, ssh_server
from support.tlsservers import free_port, serving_at, write_certificate

PASSWORD = "correct horse"  # noqa: S105 - of nobody


@dataclass
class Person:
    """Answers as told; None where a question must not come."""

    words: dict[str, str] = field(default_factory=dict)
    yes: bool = True
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        self.told.append(text)

    def ask(self, question: str, option: str, default: str | None = None) -> str:
        self.told.append(question)
        self.asked.append(option)
        return self.words.get(option, default or "")

    def ask_secret(self, question: str, option: str) -> str:
        del question
        self.asked.append(option)
        return PASSWORD

    def confirm(self, question: str, option: str) -> bool:
        self.asked.append(option)
        self.told.append(question)
        return self.yes


@dataclass
class Bench:
    """A node that is there to be added."""

    folder: Path
    ports: Mapping[str, int]
    view: FakeView = field(default_factory=FakeView)
    person: Person = field(default_factory=Person)
    passwords: list[str] = field(default_factory=list)
    pin: str = field(default_factory=lambda: pin_of(TOMCAT))

    @property
    def path(self) -> Path:
        return self.folder / "etc" / "ctld.toml"

    def open_view(self, name: str, cluster: ClusterSettings, password: Secret) -> ClusterView:
        assert name == "hq"
        assert cluster.axl.tls_pin == self.pin
        self.passwords.append(password.reveal())
        return self.view

    def given(self, **more: object) -> Given:
        words: dict[str, object] = {
            "name": "hq",
            "host": "127.0.0.1",
            "port": self.ports["tomcat"],
            "username": "reader",
            "ports": self.ports,
            "timezone": "Europe/Berlin",
        }
        return Given(**{**words, **more})  # type: ignore[arg-type]  # the test names fields of the class

    def add(self, **more: object) -> ClusterSettings:
        add_cluster(self.path, self.given(**more), self.person, self.open_view)
        return load_settings(self.path).clusters["hq"]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    # Everybody answers here, or refuses; however long that takes.
    monkeypatch.setattr("ctlctl.cluster.nodeports._SECONDS", 60.0)
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def bench(tmp_path: Path, stack: ExitStack) -> Bench:
    return make(tmp_path, stack, NodePlan())


def make(folder: Path, stack: ExitStack, node: NodePlan) -> Bench:
    ports = stack.enter_context(node_running(node, folder))["ports"]
    assert isinstance(ports, dict)
    return Bench(folder, ports)


class TestAdding:
    def test_a_person_is_walked_through(self, bench: Bench) -> None:
        bench.person.words = {"--host": "127.0.0.1", "--username": "someone"}
        cluster = bench.add(host=None, username=None, timezone=None)
        assert bench.person.asked == [
            "--host",
            "--timezone",
            "--pin with the fingerprint",
            "--username",
            "--password-file",
            "--yes",
        ]
        assert (cluster.axl.username, cluster.axl.tls_pin) == ("someone", pin_of(TOMCAT))
        told = "\n".join(bench.person.told)
        for words in (
            f"SHA-256 {pin_of(TOMCAT)}",
            "CUCM 14.0.1.12900-161; AXL 14.0",
            "Standard AXL Read Only API Access",
            "Standard RealtimeAndTraceCollection",
            "ctlctl cluster doctor hq",
        ):
            assert words in told
        assert PASSWORD not in told
        assert bench.view.closed

    def test_the_password_is_its_owners_alone(self, bench: Bench) -> None:
        axl = bench.add().axl
        assert axl.password_file == bench.path.parent / "secrets" / "hq-axl.password"
        assert stat.S_IMODE(axl.password_file.stat().st_mode) == 0o600
        assert axl.read_password().get_secret_value() == PASSWORD
        assert PASSWORD not in bench.path.read_text()
        assert 'password_file = "secrets/hq-axl.password"' in bench.path.read_text()

    def test_the_node_is_as_it_was_found(self, bench: Bench) -> None:
        (node,) = bench.add().nodes
        assert (node.name, node.host, node.tftp, node.tls_pin) == ("pub", "127.0.0.1", True, pin_of(TOMCAT))
        assert node.ports.model_dump() == {"ssh": 22, **bench.ports}

    def test_a_service_that_is_not_activated_is_left_out(self, tmp_path: Path, stack: ExitStack) -> None:
        bench = make(tmp_path, stack, NodePlan(closed={"capf", "tvs"}))
        bench.view.active = [one for one in bench.view.active if "Certificate Authority" not in one]
        (node,) = bench.add().nodes
        assert node.ports.capf == 0
        # TVS should answer: it stays, for the doctor to say so.
        assert node.ports.tvs == bench.ports["tvs"]

    def test_a_node_without_tftp(self, bench: Bench) -> None:
        bench.view.active = ["Cisco CallManager"]
        (node,) = bench.add().nodes
        assert not node.tftp
        assert (node.ports.http, node.ports.https, node.ports.sip) == (6970, 6971, bench.ports["sip"])

    def test_a_platform_account_and_host_keys_that_are_confirmed(self, bench: Bench, stack: ExitStack) -> None:
        server = stack.enter_context(ssh_server())
        bench.ports = {**bench.ports, "ssh": server.port}
        cluster = bench.add(platform_user="ctlctl-os")
        assert bench.person.asked[-3:] == ["--platform-password-file", "--host-key with the fingerprint", "--yes"]
        assert f"presents the SSH host key ecdsa-sha2-nistp256 {host_key().fingerprint}" in "\n".join(bench.person.told)
        assert cluster.platform is not None
        assert cluster.platform.username == "ctlctl-os"
        file = bench.path.parent / "secrets" / "hq-platform.password"
        assert cluster.platform.password_file == file
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [(node.ssh_host_key, node.ports.ssh) for node in cluster.nodes] == [
            (host_key().fingerprint, server.port)
        ]
        # Nobody logged in for that.
        assert server.answers == []

    @pytest.mark.parametrize("known", [True, False])
    def test_host_keys_without_a_person(self, bench: Bench, stack: ExitStack, known: bool) -> None:
        server = stack.enter_context(ssh_server())
        bench.ports = {**bench.ports, "ssh": server.port}
        secret = bench.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)
        cluster = bench.add(
            platform_user="ctlctl-os",
            platform_password_file=str(secret),
            host_keys=frozenset({host_key().fingerprint} if known else ()),
            pins=frozenset({pin_of(TOMCAT)}),
            assume_yes=True,
        )
        assert bench.person.asked == ["--password-file"]
        assert cluster.platform is not None
        assert cluster.platform.password_file == secret
        assert [node.ssh_host_key for node in cluster.nodes] == [host_key().fingerprint if known else None]
        assert ("nobody vouches for its SSH host key" in "\n".join(bench.person.told)) is not known

    def test_a_node_without_ssh_is_added_without_a_key(self, bench: Bench) -> None:
        bench.ports = {**bench.ports, "ssh": free_port()}
        cluster = bench.add(platform_user="ctlctl-os")
        assert [node.ssh_host_key for node in cluster.nodes] == [None]
        assert "pub: no SSH host key, so none is pinned" in "\n".join(bench.person.told)

    def test_no_password_stays_where_the_settings_are_not_written(self, bench: Bench) -> None:
        bench.ports = {**bench.ports, "ssh": 0}
        bench.person.yes = False
        with pytest.raises(AddError):
            bench.add(platform_user="ctlctl-os", pins=frozenset({pin_of(TOMCAT)}))
        assert not list(bench.folder.rglob("*.password"))

    def test_a_second_cluster_leaves_the_first_alone(self, bench: Bench) -> None:
        bench.add()
        before = bench.path.read_text()
        with pytest.raises(AddError, match="has a cluster hq already") as caught:
            bench.add()
        assert caught.value.code == 4
        assert bench.path.read_text() == before

    def test_another_node_is_vouched_for_by_the_database(self, tmp_path: Path, stack: ExitStack) -> None:
        bench = make(tmp_path, stack, NodePlan())
        other = NodePlan(name="sub1", host="127.0.0.2")
        other.presents["tomcat"] = PUB
        self.beside(stack, tmp_path, other, bench)
        bench.view.names, bench.view.known = ("pub", "sub1"), (PUB,)
        nodes = bench.add(addresses={"sub1": "127.0.0.2"}).nodes
        assert [node.tls_pin for node in nodes] == [pin_of(TOMCAT), pin_of(PUB)]
        assert any("the publisher's database has this very certificate" in line for line in bench.person.told)

    @pytest.mark.parametrize(("how", "pinned"), [("yes", True), ("no", False), ("assume", False), ("pin", True)])
    def test_another_node_that_nobody_vouches_for(
        self, tmp_path: Path, stack: ExitStack, how: str, pinned: bool
    ) -> None:
        bench = make(tmp_path, stack, NodePlan())
        other = NodePlan(name="sub1", host="127.0.0.2")
        other.presents["tomcat"] = STRANGER
        self.beside(stack, tmp_path, other, bench)
        bench.view.names = ("pub", "sub1")
        more: dict[str, object] = {"addresses": {"sub1": "127.0.0.2"}, "assume_yes": True}
        more["pins"] = frozenset({pin_of(TOMCAT)} | ({pin_of(STRANGER)} if how == "pin" else set()))
        if how in {"yes", "no"}:
            more["assume_yes"] = False
            # The last question, whether to write, is answered likewise.
            bench.person.yes = how == "yes"
        if how == "no":
            with pytest.raises(AddError, match="you said no"):
                bench.add(**more)
            return
        node = bench.add(**more).nodes[1]
        assert node.tls_pin == (pin_of(STRANGER) if pinned else None)

    def beside(self, stack: ExitStack, folder: Path, other: NodePlan, bench: Bench) -> None:
        """Play another node on the same ports as the first."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*write_certificate(folder, other.presents["tomcat"]))
        stack.enter_context(serving_at(other.host, bench.ports["tomcat"], context))

    def test_a_name_that_cannot_be_looked_up_is_asked_about(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ctlctl.cluster.adding.resolves", lambda _: False)
        bench.view.names = ("pub", "sub1")
        bench.person.words = {"--node sub1=ADDRESS": "127.0.0.3"}
        assert bench.add().nodes[1].host == "127.0.0.3"

    def test_without_sql_a_person_is_asked(self, bench: Bench) -> None:
        place = Place("hq", "127.0.0.1", "AXL")
        bench.view.errors["certificates"] = ConnectorError(ConnectorFault.RIGHTS, "may not", place=place)
        assert bench.add().nodes[0].tls_pin == pin_of(TOMCAT)
        assert any("does not tell its certificates (may not)" in line for line in bench.person.told)


class TestRefusing:
    def nothing_written(self, bench: Bench) -> None:
        assert not bench.path.exists()
        assert not (bench.path.parent / "secrets").exists()

    def test_a_certificate_that_is_not_confirmed(self, bench: Bench) -> None:
        bench.person.yes = False
        with pytest.raises(AddError, match="not confirmed") as caught:
            bench.add()
        assert caught.value.code == 4
        assert bench.passwords == []
        self.nothing_written(bench)

    def test_a_certificate_that_is_none_of_those_given(self, bench: Bench) -> None:
        with pytest.raises(AddError, match="none of those that --pin names") as caught:
            bench.add(pins=frozenset({pin_of(STRANGER)}))
        assert caught.value.code == 4
        assert bench.passwords == []

    @pytest.mark.parametrize("lab", [True, False])
    def test_a_lab_is_added_as_one_only(self, tmp_path: Path, stack: ExitStack, lab: bool) -> None:
        node = NodePlan()
        node.presents["tomcat"] = LAB_TOMCAT
        bench = make(tmp_path, stack, node)
        bench.pin = pin_of(LAB_TOMCAT)
        if lab:
            assert bench.add(lab=True).lab
            return
        with pytest.raises(AddError, match="give --lab") as caught:
            bench.add()
        assert (caught.value.code, bench.person.asked, bench.passwords) == (4, [], [])
        self.nothing_written(bench)

    def test_nobody_answers(self, bench: Bench) -> None:
        with pytest.raises(AddError, match="Connection refused") as caught:
            bench.add(port=free_port())
        assert caught.value.code == 3
        self.nothing_written(bench)

    @pytest.mark.parametrize("question", ["version", "nodes", "services"])
    def test_axl_refuses(self, bench: Bench, question: str) -> None:
        place = Place("hq", "127.0.0.1", "AXL")
        bench.view.errors[question] = ConnectorError(ConnectorFault.CREDENTIALS, "refused", place=place)
        with pytest.raises(AddError, match="refused") as caught:
            bench.add()
        assert PASSWORD not in str(caught.value)
        assert bench.view.closed
        self.nothing_written(bench)

    def test_a_password_file_that_others_can_read(self, bench: Bench) -> None:
        file = bench.folder / "password"
        file.write_text(PASSWORD)
        file.chmod(0o644)
        with pytest.raises(AddError, match="chmod 600"):
            bench.add(password_file=str(file))
        file.chmod(0o600)
        assert bench.add(password_file=str(file)).axl.password_file == file
        assert not (bench.path.parent / "secrets").exists()

    def test_a_secret_from_earlier_is_not_replaced(self, bench: Bench) -> None:
        old = bench.path.parent / "secrets" / "hq-axl.password"
        old.parent.mkdir(parents=True)
        old.write_text("old")
        with pytest.raises(AddError, match="is there already"):
            bench.add()
        assert old.read_text() == "old"

    def test_what_cannot_be_written_leaves_no_secret(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_words: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("ctlctl.cluster.adding.write_cluster", full)
        with pytest.raises(OSError, match="No space"):
            bench.add()
        assert not list((bench.path.parent / "secrets").iterdir())

    @pytest.mark.parametrize("more", [{"host": "a host"}, {"timezone": "Mars"}, {"username": "a:b"}, {"name": "h q"}])
    def test_values_that_cannot_be(self, bench: Bench, more: dict[str, object]) -> None:
        with pytest.raises(SettingsError):
            bench.add(**more)
        self.nothing_written(bench)

    @pytest.mark.parametrize(
        ("more", "option"),
        [
            ({"host": None}, "--host"),
            ({"pins": frozenset()}, "--pin"),
            ({"username": None}, "--username"),
            ({"password_file": None}, "--password-file"),
            ({"assume_yes": False}, "--yes"),
        ],
    )
    def test_a_script_must_say_everything(self, bench: Bench, more: dict[str, object], option: str) -> None:
        file = bench.folder / "password"
        file.write_text(PASSWORD)
        file.chmod(0o600)
        whole = {"pins": frozenset({pin_of(TOMCAT)}), "password_file": str(file), "assume_yes": True}
        with pytest.raises(UsageError, match=option):
            add_cluster(bench.path, bench.given(**{**whole, **more}), Script(), bench.open_view)
        self.nothing_written(bench)
        add_cluster(bench.path, bench.given(**whole), Script(), bench.open_view)
        assert load_settings(bench.path).clusters["hq"].axl.password_file == file


def test_the_time_zone_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Berlin")
    assert machine_timezone() == "Europe/Berlin"
    monkeypatch.delenv("TZ")
    monkeypatch.setattr("os.path.realpath", lambda _: "/usr/share/zoneinfo/Asia/Tokyo")
    assert machine_timezone() == "Asia/Tokyo"
    monkeypatch.setattr("os.path.realpath", lambda _: "/etc/localtime")
    assert machine_timezone() == "UTC"


class TestCommandLine:
    def settings(self, folder: Path) -> Path:
        path = folder / "ctld.toml"
        path.write_text(
            '[clusters.hq]\ntimezone = "UTC"\n[clusters.hq.axl]\nhost = "127.0.0.1"\nport = 1\nusername = "u"\n'
            f'password_file = "x"\ntls_pin = "{"AB" * 32}"\n'
        )
        return path

    def test_list(self, tmp_path: Path) -> None:
        path = self.settings(tmp_path)
        done = ctlctl("--config", path, "cluster", "list")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("hq ")
        found = ctlctl("--config", path, "cluster", "list", "-o", "json").json
        assert found["schema"] == "ctlctl.cluster.list/1"
        (cluster,) = json.loads(json.dumps(found["clusters"]))
        assert (cluster["name"], cluster["host"], cluster["nodes"]) == ("hq", "127.0.0.1", [])

    def test_settings_that_cannot_be_used(self, tmp_path: Path) -> None:
        for words in (("list",), ("doctor", "hq")):
            done = ctlctl("--config", tmp_path / "none.toml", "cluster", *words)
            assert (done.code, done.out) == (3, "")
            assert "there is no such file" in done.err

    def test_doctor_of_a_cluster_that_is_not_there(self, tmp_path: Path) -> None:
        done = ctlctl("--config", self.settings(tmp_path), "cluster", "doctor", "branch")
        assert done.code == 2
        assert "it has: hq" in done.err

    def test_doctor_where_nothing_answers(self, tmp_path: Path) -> None:
        done = ctlctl("--config", self.settings(tmp_path), "cluster", "doctor", "hq", "-o", "json")
        assert done.code == 3
        assert (done.json["schema"], done.json["verdict"]) == ("ctlctl.cluster.doctor/1", "undecided")
        assert ctlctl("--config", self.settings(tmp_path), "cluster", "doctor", "hq").out.startswith(
            "AXL            FAIL"
        )

    @pytest.mark.parametrize(
        "words",
        [
            ("--pin", "AB:CD"),
            ("--node", "sub1"),
            ("--ports", "ssh=22"),
            ("--ports", "sip=70000"),
            ("--ports", "sip=x"),
            ("--port", "0"),
        ],
    )
    def test_words_that_make_no_sense(self, tmp_path: Path, words: tuple[str, ...]) -> None:
        assert ctlctl("--config", tmp_path / "x", "cluster", "add", "hq", *words).code == 2

    def test_add_without_a_terminal_says_what_is_missing(self, tmp_path: Path) -> None:
        done = ctlctl("--config", tmp_path / "x", "cluster", "add", "hq")
        assert done.code == 2
        assert "give --host" in done.err

    def test_add_where_nobody_answers(self, tmp_path: Path) -> None:
        words = ("--host", "127.0.0.1", "--port", free_port(), "--timezone", "UTC")
        done = ctlctl("--config", tmp_path / "x", "cluster", "add", "hq", *words)
        assert done.code == 3
        assert "Connection refused" in done.err

    def test_add_on_a_terminal_asks(self, tmp_path: Path) -> None:
        """A real terminal: the program asks, and an interrupt leaves nothing behind."""
        leader, follower = pty.openpty()
        words = [
            sys.executable,
            "-m",
            "ctlctl",
            "--config",
            str(tmp_path / "x"),
            "cluster",
            "add",
            "hq",
            "--timezone",
            "UTC",
        ]
        process = subprocess.Popen(words, stdin=follower, stdout=follower, stderr=follower, start_new_session=True)
        os.close(follower)
        try:
            shown = self.read_until(leader, b"Address of the publisher")
            os.write(leader, b"127.0.0.1\n\n")
            shown += self.read_until(leader, b"", process)
        finally:
            process.kill()
            process.wait()
            os.close(leader)
        assert b"Traceback" not in shown
        assert not (tmp_path / "x").exists()

    def read_until(self, leader: int, wanted: bytes, process: "subprocess.Popen[bytes] | None" = None) -> bytes:
        shown, end = b"", time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([leader], [], [], 0.1)[0]:
                try:
                    shown += os.read(leader, 4096)
                except OSError:  # the other end is closed
                    return shown
            if (wanted and wanted in shown) or (process is not None and process.poll() is not None):
                return shown
        raise AssertionError(f"the program shows {shown!r}")

    def test_verify_goes_the_quick_way_or_clicks(self, tmp_path: Path) -> None:
        (tmp_path / "x.tlv").write_bytes(b"")
        quick = ctlctl("verify", tmp_path / "x.tlv")
        slow = ctlctl("--config", tmp_path / "none", "verify", tmp_path / "x.tlv")
        assert (quick.code, quick.out) == (slow.code, slow.out) == (1, quick.out)
