"""The platform CLI against a server that others wrote: OpenSSH, PAM, a kernel's terminal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_ports import Grant, PlatformCliError
from ctlctl.connectors.platform_cli_ssh import presented_host_key
from ctlctl.connectors.secret import Secret
from ctlctl.console import parse_cert_list, parse_version
from ctlctl_trust.consolelist import parse_console_list
from support.opensshd import OpenSsh, opensshd
from support.vectors import ROOT

#: What the server writes last of a client that did not come in.
GONE = r"(closed|reset|Disconnected) .*\[preauth\]"
OLD = ("KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa", "MACs hmac-sha1")


def sample(name: str) -> str:
    """Return what a command printed, without the prompts around it."""
    lines = (ROOT / "tests" / "data" / "console" / f"{name}.txt").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("admin:")) + "\n"


ANSWERS = {
    "show ctl": sample("show_ctl"),
    "show cert list own": sample("cert_list_own"),
    "show version active": sample("version_active"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    with opensshd(tmp_path_factory.mktemp("sshd"), ANSWERS) as running:
        yield running


def test_a_session(server: OpenSsh) -> None:
    with PlatformCli(server.settings()) as cli:
        assert cli.pagination_off
        shown = parse_console_list(cli.run("show ctl"))
        assert (shown.verified, shown.unread) == (True, ())
        assert len(parse_cert_list(cli.run("show cert list own")).entries) == 5
        assert parse_version(cli.run("show version active")).version == "14.0.1.13900-155"
        assert cli.run("show status") == "No valid command entered"
        grant = Grant("1", "hq", "pub", frozenset({"utils ctl update CTLFile"}))
        assert "CTL file Updated" in cli.run("utils ctl update CTLFile", grant=grant)
    assert server.logged("Accepted keyboard-interactive/pam for ctlctl-os")


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_pin_is_what_ssh_keygen_prints(server: OpenSsh, kind: str) -> None:
    with PlatformCli(server.settings(host_key=server.fingerprints[kind])) as cli:
        assert cli.run("show status")
    shown = presented_host_key("127.0.0.1", server.port, 10, place=Place("hq", "pub", "platform CLI"))
    assert (shown.kind, shown.fingerprint) == ("ssh-ed25519", server.fingerprints["ed25519"])


def test_another_key_stops_before_the_login(tmp_path: Path) -> None:
    # A server of its own: what another says of the session before comes when it likes.
    with opensshd(tmp_path, ANSWERS) as server:
        with pytest.raises(PlatformCliError) as caught, PlatformCli(server.settings(host_key="SHA256:" + "A" * 43)):
            pass
        assert caught.value.fault is ConnectorFault.HOST_KEY
        assert all(fingerprint in caught.value.detail for fingerprint in server.fingerprints.values())
        assert "ctlctl-os" not in server.logged(GONE)


def test_a_wrong_password_is_tried_once(tmp_path: Path) -> None:
    with opensshd(tmp_path, ANSWERS) as server:
        with pytest.raises(PlatformCliError) as caught, PlatformCli(server.settings(password=Secret("wrong"))):
            pass
        assert caught.value.fault is ConnectorFault.CREDENTIALS
        log = server.logged(GONE)
    assert [line.split()[1] for line in log.splitlines() if line.startswith(("Failed", "Accepted"))] == [
        "keyboard-interactive/pam"
    ]


def test_a_plain_password_where_nothing_else_is_offered(tmp_path: Path) -> None:
    with opensshd(tmp_path, ANSWERS, interactive=False) as server:
        with PlatformCli(server.settings()) as cli:
            assert cli.run("show version active")
        assert server.logged("Accepted password for ctlctl-os")


def test_paging_that_stays_on(tmp_path: Path) -> None:
    answers = ANSWERS | {"set cli pagination off": "Executed command unsuccessfully\n"}
    with opensshd(tmp_path, answers) as server, PlatformCli(server.settings()) as cli:
        assert not cli.pagination_off
        shown = parse_console_list(cli.run("show ctl"))
        assert (shown.verified, shown.unread) == (True, ())


class TestOldNodes:
    """A node of 10.5: SHA-1 key exchange, ssh-rsa host key, no newer MAC."""

    def test_they_need_the_setting(self, tmp_path: Path) -> None:
        with opensshd(tmp_path, ANSWERS, *OLD, keys=("rsa",)) as server:
            with pytest.raises(PlatformCliError) as caught, PlatformCli(server.settings()):
                pass
            assert caught.value.fault is ConnectorFault.PROTOCOL
            assert "sha1_key_exchange = true" in caught.value.advice
            with PlatformCli(server.settings(sha1_key_exchange=True)) as cli:
                assert cli.run("show version active")
            # Looking needs no setting: nothing is believed of what it shows.
            shown = presented_host_key("127.0.0.1", server.port, 10, place=Place("hq", "pub", "platform CLI"))
            assert shown.fingerprint == server.fingerprints["rsa"]

    @pytest.mark.parametrize("option", OLD[:2])
    def test_either_half_needs_it(self, tmp_path: Path, option: str) -> None:
        with opensshd(tmp_path, ANSWERS, option, keys=("rsa",)) as server:
            with pytest.raises(PlatformCliError, match="sha1_key_exchange = true"), PlatformCli(server.settings()):
                pass
            with PlatformCli(server.settings(sha1_key_exchange=True)) as cli:
                assert cli.pagination_off

    def test_the_setting_does_not_weaken_a_newer_node(self, tmp_path: Path) -> None:
        with opensshd(tmp_path, ANSWERS, "LogLevel DEBUG1", keys=("rsa",)) as server:
            with PlatformCli(server.settings(sha1_key_exchange=True)) as cli:
                assert cli.pagination_off
            log = server.logged("kex: host key algorithm")
            assert "kex: algorithm: curve25519-sha256@libssh.org" in log
            assert "kex: host key algorithm: rsa-sha2-512" in log


def test_a_shell_that_takes_its_time(tmp_path: Path) -> None:
    with opensshd(tmp_path, {"delay": 3, **ANSWERS}) as server:
        with PlatformCli(server.settings()) as cli:
            assert cli.run("show version active")
        with pytest.raises(PlatformCliError) as caught, PlatformCli(server.settings(login_seconds=1.5)):
            pass
        assert caught.value.fault is ConnectorFault.TIMEOUT
