"""The platform CLI of a running lab: everything is read, and each of the lab's switches has its error."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctlctl.cluster.clisettings import cli_settings
from ctlctl.cluster.doctor_cli import ask_cli
from ctlctl.cluster.doctor_soap import Learned
from ctlctl.cluster.rows import Status
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.fetch import fetch
from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_commands import COMMANDS
from ctlctl.connectors.platform_cli_ports import CliSettings, Grant, PlatformCliError
from ctlctl.connectors.ports import FetchTarget
from ctlctl.connectors.secret import Secret
from ctlctl.console import (
    parse_capf,
    parse_change,
    parse_client_auth,
    parse_network_cluster,
    parse_service,
    parse_sql,
    parse_version,
)
from ctlctl.inventory.collect_cli import read_platform
from ctlctl.inventory.readings import PlatformReading
from ctlctl.inventory.words import Fault
from ctlctl_config import load_settings
from ctlctl_config.model import ClusterSettings, NodeSettings
from ctlctl_lab.run import RunningLab
from ctlctl_lab.switches import turn_off, turn_on
from ctlctl_lab.world import World
from support.runninglab import small_lab

PUB = "lab-pub"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("cli"), phones=6) as lab:
        yield lab


@pytest.fixture
def world(running: RunningLab) -> Iterator[World]:
    turn_off(running.world)
    running.world.logins.clear()
    yield running.world
    turn_off(running.world)


@pytest.fixture
def cluster(running: RunningLab) -> ClusterSettings:
    return load_settings(running.settings).clusters["lab"]


def node(cluster: ClusterSettings, name: str = PUB) -> NodeSettings:
    return next(one for one in cluster.nodes if one.name == name)


def secret(cluster: ClusterSettings) -> Secret:
    assert cluster.platform is not None
    return Secret(cluster.platform.read_password().get_secret_value())


def settings(cluster: ClusterSettings, name: str = PUB, **changes: object) -> CliSettings:
    found = cli_settings("lab", cluster, node(cluster, name), secret(cluster))
    return replace(found, **{"question_seconds": 1.0, **changes})  # type: ignore[arg-type]  # fields that exist


def rows(cluster: ClusterSettings, **more: object) -> dict[str, PlatformReading | Fault]:
    password = secret(cluster)

    def open_cli(one: NodeSettings) -> PlatformCli:
        return PlatformCli(cli_settings("lab", cluster, one, password))

    read = read_platform(cluster.nodes, open_cli, publisher=PUB, timezone=cluster.timezone, **more)  # type: ignore[arg-type]
    return dict(read)


def reading(cluster: ClusterSettings, name: str = PUB, **more: object) -> PlatformReading:
    found = rows(cluster, **more)[name]
    assert isinstance(found, PlatformReading)
    return found


class TestARound:
    def test_every_node_says_everything(self, world: World, cluster: ClusterSettings) -> None:
        found = rows(cluster)
        assert list(found) == list(world.cluster.nodes)
        for name, one in found.items():
            assert isinstance(one, PlatformReading)
            assert one.faults == (), name
            assert one.services
            assert one.replication is not None
            assert one.ntp is not None
            assert one.ntp.synchronised is True
            assert len(one.lists) == (2 if node(cluster, name).tftp else 0)
            assert (one.backup is not None, one.stale_lscs == ()) == (name == PUB, name == PUB)

    def test_own_certificates_are_those_that_are_installed(self, world: World, cluster: ClusterSettings) -> None:
        one = reading(cluster)
        assert one.certificates is not None
        installed = {unit: identity.der for unit, identity in world.cluster.nodes[PUB].identities.items()}
        read = {certificate.store: certificate.der for certificate in one.certificates}
        # What belongs to the cluster, such as ITLRecovery, is there besides.
        assert installed.items() <= read.items()
        assert {certificate.place for certificate in one.certificates} == {"own"}

    def test_trusted_certificates_where_they_are_wanted(self, world: World, cluster: ClusterSettings) -> None:
        del world
        found = rows(cluster, trust_of={PUB})
        one, other = found[PUB], found["lab-sub1"]
        assert isinstance(one, PlatformReading)
        assert isinstance(other, PlatformReading)
        assert one.certificates is not None
        assert other.certificates is not None
        trusted = [certificate for certificate in one.certificates if certificate.place == "trust"]
        assert trusted
        assert all(certificate.store.endswith("-trust") and certificate.der for certificate in trusted)
        assert not [certificate for certificate in other.certificates if certificate.place == "trust"]

    def test_the_lists_are_those_that_are_served(self, world: World, cluster: ClusterSettings) -> None:
        del world
        one, table = reading(cluster), node(cluster)
        for shown in one.lists:
            name = f"{shown.kind.upper()}File.tlv"
            data = fetch(FetchTarget("http", table.host, table.ports.http, name))
            assert (shown.length, shown.verified) == (len(data), True)
            assert shown.sha1 == hashlib.sha1(data, usedforsecurity=False).hexdigest()

    def test_what_goes_wrong_on_a_node_is_seen(self, world: World, cluster: ClusterSettings) -> None:
        world.stop_service(PUB, "Cisco Tftp")
        try:
            one = reading(cluster)
        finally:
            world.start_service(PUB, "Cisco Tftp")
        assert one.services is not None
        assert {service.status for service in one.services if service.name == "Cisco Tftp"} == {"Stopped"}


class TestCommands:
    def test_every_reading_command_of_the_table_is_answered(self, world: World, cluster: ClusterSettings) -> None:
        del world
        arguments = {
            "show cert own": "tomcat",
            "show haproxy client-auth": "6971",
            "run sql": "select paramname,paramvalue from processconfig where paramname='ClusterSecurityMode'",
        }
        with PlatformCli(settings(cluster)) as cli:
            listed = cli.run("show cert list trust").splitlines()[0].partition(":")[0]
            arguments["show cert trust"] = listed
            for name, command in COMMANDS.items():
                if not command.writes:
                    answer = cli.run(name, arguments.get(name, ""))
                    assert answer, name
                    assert "No valid command entered" not in answer, name

    def test_what_others_need_is_read_too(self, world: World, cluster: ClusterSettings) -> None:
        with PlatformCli(settings(cluster)) as cli:
            assert parse_version(cli.run("show version active")).version == world.cluster.version
            assert len(parse_network_cluster(cli.run("show network cluster")).nodes) == len(world.cluster.nodes)
            assert parse_client_auth(cli.run("show haproxy client-auth", "6971")).port == 6971
            assert parse_capf(cli.run("utils capf csr count")).count == 0
            table = parse_sql(cli.run("run sql", "select name from processnode where name <> 'EnterpriseWideData'"))
            assert table.columns == ("name",)

    def test_changes_with_a_plan(self, world: World, cluster: ClusterSettings) -> None:
        del world
        lines = frozenset({"utils ctl update CTLFile", "utils service restart Cisco Tftp"})
        grant = Grant("1", "lab", PUB, lines)
        with PlatformCli(settings(cluster)) as cli:
            assert parse_change(cli.run("utils ctl update CTLFile", grant=grant)).updated
            restarted = parse_service(cli.run("utils service restart", "Cisco Tftp", grant=grant))
            assert restarted.last["Cisco Tftp"].state == "STARTED"


class TestSwitches:
    """Each of the lab's faults of SSH, as an operator sees it."""

    def failing(self, given: CliSettings, command: str = "show ctl") -> PlatformCliError:
        with pytest.raises(PlatformCliError) as caught, PlatformCli(given) as cli:
            cli.run(command)
        return caught.value

    def test_another_host_key(self, world: World, cluster: ClusterSettings) -> None:
        turn_on(world, "ssh-host-key", PUB)
        error = self.failing(settings(cluster))
        assert error.fault is ConnectorFault.HOST_KEY
        assert "SHA256:" in error.detail

    def test_sha1_only(self, world: World, cluster: ClusterSettings) -> None:
        turn_on(world, "ssh-sha1-kex", PUB)
        error = self.failing(settings(cluster))
        assert "sha1_key_exchange = true" in error.advice
        with PlatformCli(settings(cluster, sha1_key_exchange=True)) as cli:
            assert parse_version(cli.run("show version active")).version

    def test_another_prompt(self, world: World, cluster: ClusterSettings) -> None:
        turn_on(world, "ssh-prompt", f"{PUB}=wizard>")
        error = self.failing(settings(cluster))
        assert error.fault is ConnectorFault.PROTOCOL
        assert "wizard>" in error.detail

    def test_paging_that_stays_on(self, world: World, cluster: ClusterSettings) -> None:
        whole = reading(cluster)
        turn_on(world, "ssh-paging", PUB)
        assert reading(cluster) == whole

    def test_a_stall(self, world: World, cluster: ClusterSettings) -> None:
        given = settings(cluster, command_seconds=2.0)
        turn_on(world, "ssh-stall", PUB)
        assert self.failing(given).fault is ConnectorFault.TIMEOUT

    def test_a_dropped_connection(self, world: World, cluster: ClusterSettings) -> None:
        turn_on(world, "ssh-drop", PUB)
        assert self.failing(settings(cluster)).fault is ConnectorFault.UNREACHABLE

    def test_a_locked_account_stops_the_round(self, world: World, cluster: ClusterSettings) -> None:
        turn_on(world, "ssh-locked", PUB)
        found = rows(cluster)
        assert [one.kind for one in found.values() if isinstance(one, Fault)] == ["credentials"] * len(found)

    def test_a_wrong_password_locks_nobody_out(self, world: World, cluster: ClusterSettings, tmp_path: Path) -> None:
        wrong = tmp_path / "wrong"
        wrong.write_text("not it\n")
        wrong.chmod(0o600)
        assert cluster.platform is not None
        account = cluster.platform.model_copy(update={"password_file": wrong})
        changed = cluster.model_copy(update={"platform": account})
        found = rows(changed)
        assert {one.kind for one in found.values() if isinstance(one, Fault)} == {"credentials"}
        assert not world.faults.ssh_locked
        # The right one still works.
        assert isinstance(rows(cluster)[PUB], PlatformReading)

    def test_the_doctor(self, world: World, cluster: ClusterSettings) -> None:
        told = list(ask_cli("lab", cluster, Learned()))
        assert {one.status for one in told} == {Status.OK}
        turn_on(world, "ssh-host-key", PUB)
        told = list(ask_cli("lab", cluster, Learned()))
        assert [one.status for one in told if one.node == PUB] == [Status.FAILED]
        assert [one.identity for one in told if one.node == PUB] == ["mismatch"]
