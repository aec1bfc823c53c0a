"""The platform CLI against servers that misbehave: each trouble has its error, and nothing hangs past its time."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_commands import COMMANDS
from ctlctl.connectors.platform_cli_ports import CliGuardError, CliSettings, Grant, PlatformCliError
from ctlctl.connectors.platform_cli_ssh import presented_host_key
from ctlctl.connectors.secret import Secret
from support.adminshell import PAGE
from support.servers import TcpExchange, tcp_server
from support.sshservers import PASSWORD, Shell, SshPlan, host_key, rsa_key, ssh_server
from support.tlsservers import free_port

LONG = "\n".join(f"line {number}" for number in range(1, 70))


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """Whatever happens in a test, afterwards there are no more threads than before."""
    before = threading.active_count()
    yield
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before, threading.enumerate()
    gc.collect()


def failing(settings: CliSettings, command: str = "", argument: str = "") -> PlatformCliError:
    """Return the error of a login, or of a command after it."""
    with pytest.raises(PlatformCliError) as caught, PlatformCli(settings) as cli:
        cli.run(command, argument)
    error = caught.value
    assert PASSWORD not in str(error)
    assert PASSWORD not in repr(error)
    assert "\n" not in str(error)
    assert str(error).startswith("cluster hq, node pub, platform CLI: ")
    return error


class TestASession:
    def test_what_is_printed_comes_back_without_the_rest(self) -> None:
        with ssh_server(
            SshPlan(lambda shell: shell.play({"show version active": "one\n\x1b[1mtwo\x1b[0m  \n"}))
        ) as server:
            with PlatformCli(server.settings()) as cli:
                assert cli.pagination_off
                assert cli.run("show version active") == "one\ntwo"
                assert cli.run("show status") == "No valid command entered"
                assert cli.run("show version active") == "one\ntwo"
            assert server.lines == [
                "set cli pagination off",
                "show version active",
                "show status",
                "show version active",
                "exit",
            ]
            assert server.answers == [PASSWORD]

    def test_it_can_be_entered_again(self) -> None:
        with ssh_server() as server:
            cli = PlatformCli(server.settings())
            for _ in range(2):
                with cli:
                    cli.run("show status")
            assert server.connections == 2
            with pytest.raises(PlatformCliError, match="was not sent: the session is over"):
                cli.run("show status")

    def test_pages_are_turned_where_paging_stays_on(self) -> None:
        answers = {"set cli pagination off": "Executed command unsuccessfully", "show status": LONG}
        plan = SshPlan(lambda shell: shell.play(answers, paging=True))
        with ssh_server(plan) as server, PlatformCli(server.settings()) as cli:
            assert not cli.pagination_off
            assert cli.run("show status") == LONG

    def test_files_are_viewed_to_the_end(self) -> None:
        def play(shell: Shell) -> None:
            shell.write("admin:")
            while (line := shell.line()) not in (None, "exit"):
                if line == "show status":
                    shell.write("first\noptions: q=quit, n=next, p=prev, b=begin, e=end (lines 1 - 20 of 40) : ")
                    assert shell.key() == "n"
                    shell.write("\nsecond\n")
                shell.write("admin:")

        with ssh_server(SshPlan(play)) as server, PlatformCli(server.settings()) as cli:
            assert cli.run("show status") == "first\nsecond"

    def test_a_shell_that_does_not_echo(self) -> None:
        def play(shell: Shell) -> None:
            shell.echo = False
            shell.play({"show status": "all is well"})

        with ssh_server(SshPlan(play)) as server, PlatformCli(server.settings()) as cli:
            assert cli.run("show status") == "all is well"

    def test_a_node_that_waits_for_a_line_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ctlctl.connectors.platform_cli._NUDGE_SECONDS", 0.3)

        def play(shell: Shell) -> None:
            shell.write("Command Line Interface is starting up, please wait ...\n")
            assert shell.line() == ""
            shell.play({})

        with ssh_server(SshPlan(play)) as server, PlatformCli(server.settings()) as cli:
            assert cli.run("show status") == "No valid command entered"

    def test_garbage_between_the_words_is_not_output(self) -> None:
        def play(shell: Shell) -> None:
            shell.write(b"\x1b]0;title\x07\x1b[2J\x1b[1;1H\xff\xfe\x00\x07admin:\x1b[K \r\n\radmin:")
            while (line := shell.line()) not in (None, "exit"):
                if line == "show status":
                    shell.write(b"\x1b[31mred\x1b[0m\r\nplain\x1b[K\r\n\x1b[5Cadmin:  \x1b[0m")
                else:
                    shell.write("admin:")

        with ssh_server(SshPlan(play)) as server, PlatformCli(server.settings()) as cli:
            assert cli.run("show status") == "red\nplain"

    def test_words_that_look_like_the_prompt_do_not_end_a_command(self) -> None:
        text = "name of the account is admin:\nadmin: is an account\nEnter the name of the administrator:\nend"
        plan = SshPlan(lambda shell: shell.play({"show status": text}))
        with ssh_server(plan) as server, PlatformCli(server.settings()) as cli:
            assert cli.run("show status") == text


class TestWho:
    def test_without_a_pin_nobody_logs_in(self) -> None:
        with ssh_server() as server:
            error = failing(server.settings(host_key=None))
            assert error.fault is ConnectorFault.HOST_KEY
            fingerprint = host_key().fingerprint
            assert fingerprint in error.detail
            assert f'ssh_host_key = "{fingerprint}"' in error.advice
            assert (server.answers, server.lines) == ([], [])

    def test_another_key_than_the_pinned_one(self) -> None:
        with ssh_server(SshPlan(keys=[host_key(1), rsa_key()])) as server:
            error = failing(server.settings(host_key=host_key(2).fingerprint))
            assert error.fault is ConnectorFault.HOST_KEY
            # Every key that the server has was held against the pin, and all are shown.
            assert host_key(1).fingerprint in error.detail
            assert rsa_key().fingerprint in error.detail
            assert (server.answers, server.lines) == ([], [])

    @pytest.mark.parametrize("place", [0, 1])
    def test_the_pin_may_be_of_any_of_the_keys(self, place: int) -> None:
        keys = [host_key(1), rsa_key()]
        with ssh_server(SshPlan(keys=keys)) as server:
            cli = PlatformCli(server.settings(host_key=keys[place].fingerprint))
            with cli:
                assert cli.pagination_off

    def test_looking_logs_in_nowhere(self) -> None:
        with ssh_server() as server:
            key = presented_host_key("127.0.0.1", server.port, 10, place=Place("hq", "pub", "platform CLI"))
            assert str(key) == f"ecdsa-sha2-nistp256 {host_key().fingerprint}"
            assert (server.answers, server.lines) == ([], [])

    def test_a_wrong_password(self) -> None:
        with ssh_server() as server:
            error = failing(server.settings(password=Secret("wrong")))
            assert error.fault is ConnectorFault.CREDENTIALS
            assert "refused user name and password" in error.detail
            assert "CUCM locks accounts" in error.advice
            # One login, one answer.
            assert (server.answers, server.connections) == (["wrong"], 1)

    def test_a_plain_password_only_where_nothing_else_is_offered(self) -> None:
        with ssh_server(SshPlan(methods="password")) as server, PlatformCli(server.settings()):
            assert server.answers == [PASSWORD]
        with ssh_server(SshPlan(methods="keyboard-interactive,password", accept=False)) as server:
            assert failing(server.settings()).fault is ConnectorFault.CREDENTIALS
            assert server.answers == [PASSWORD]

    def test_a_node_that_takes_no_password(self) -> None:
        with ssh_server(SshPlan(methods="publickey")) as server:
            error = failing(server.settings())
            assert error.fault is ConnectorFault.UNSUPPORTED
            assert "publickey" in error.detail
            assert server.answers == []

    def test_every_question_is_answered_with_the_password(self) -> None:
        plan = SshPlan(questions=("", "Password: ", "PIN or password: "))
        with ssh_server(plan) as server, PlatformCli(server.settings()):
            assert server.answers == [PASSWORD, PASSWORD]

    @pytest.mark.parametrize(
        ("questions", "words"),
        [
            (("Password: ", "Password: "), "again"),
            (("Password: ", "New password: "), "expired"),
            (("Retype new UNIX password: ",), "expired"),
            (("a: ", "b: ", "c: ", "d: ", "e: "), "more than a password answers"),
        ],
    )
    def test_questions_that_a_password_does_not_answer(self, questions: tuple[str, ...], words: str) -> None:
        with ssh_server(SshPlan(questions=questions)) as server:
            error = failing(server.settings())
            assert error.fault is ConnectorFault.CREDENTIALS
            assert words in error.detail
            assert len(server.answers) < len(questions)

    def test_silence_after_the_password_counts_as_a_refusal(self) -> None:
        with ssh_server(SshPlan(close_at="auth")) as server:
            error = failing(server.settings())
            assert error.fault is ConnectorFault.CREDENTIALS
            assert "closed the connection instead" in error.detail

    def test_an_account_name_that_nobody_has(self) -> None:
        with ssh_server() as server:
            assert failing(server.settings(username="nobody")).fault is ConnectorFault.CREDENTIALS


def saying(words: str) -> Callable[[Shell], None]:
    """A shell that says something and waits."""

    def play(shell: Shell) -> None:
        shell.write(words)
        shell.wait()

    return play


question = saying("Enter your favourite colour: ")


def after_pagination(then: Callable[[Shell], None]) -> Callable[[Shell], None]:
    """A shell that is good until the first command."""

    def play(shell: Shell) -> None:
        shell.write("admin:")
        while (line := shell.line()) is not None:
            if line == "set cli pagination off":
                shell.write("Automatic pagination is turned off\nadmin:")
            elif line == "exit":
                return
            else:
                then(shell)

    return play


def endless(shell: Shell) -> None:
    while not shell.stop.is_set() and not shell.channel.closed:
        shell.write("and on and on\n" * 500)


def stall(shell: Shell) -> None:
    shell.write("half an ans")
    shell.wait()


def drop(shell: Shell) -> None:
    shell.write("half an ans")
    time.sleep(0.2)
    shell.channel.get_transport().close()


def pages_without_end(shell: Shell) -> None:
    while not shell.stop.is_set() and not shell.channel.closed:
        shell.write("a line\n" + PAGE)
        if shell.key() is None:
            return
        shell.write("\r\x1b[K")


class TestTrouble:
    def test_nobody_there(self) -> None:
        with ssh_server() as server:
            settings = server.settings(port=free_port())
        error = failing(settings)
        assert error.fault is ConnectorFault.UNREACHABLE

    @pytest.mark.parametrize("step", ["banner", "pty"])
    def test_a_node_that_hangs_at_the_login(self, step: str) -> None:
        with ssh_server(SshPlan(hang_at=step)) as server:
            error = failing(server.settings(login_seconds=1.0))
            assert error.fault is ConnectorFault.TIMEOUT

    def test_a_node_that_does_not_answer_the_password(self) -> None:
        with ssh_server(SshPlan(hang_at="auth")) as server:
            error = failing(server.settings(login_seconds=1.0))
            assert error.fault is ConnectorFault.TIMEOUT
            assert server.connections == 1

    @pytest.mark.parametrize("step", ["banner", "pty"])
    def test_a_node_that_hangs_up_at_the_login(self, step: str) -> None:
        with ssh_server(SshPlan(close_at=step)) as server:
            error = failing(server.settings())
            assert error.fault in (ConnectorFault.UNREACHABLE, ConnectorFault.PROTOCOL)

    def test_a_server_that_is_full_hangs_up_without_a_word(self) -> None:
        with tcp_server(lambda _: None) as port, ssh_server() as server:
            error = failing(server.settings(port=port))
        # It is there and has no room: no trouble of the protocol.
        assert error.fault is ConnectorFault.UNREACHABLE
        assert "closed" in error.detail

    def test_something_that_is_not_ssh(self) -> None:
        def refuse(exchange: TcpExchange) -> None:
            exchange.sock.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 200)

        with tcp_server(refuse) as port, ssh_server() as server:
            error = failing(server.settings(port=port))
        assert error.fault in (ConnectorFault.PROTOCOL, ConnectorFault.UNREACHABLE)

    @pytest.mark.parametrize("lines", [b"", b"SSH-2.0-OpenSSH_8.0\r\n"])
    def test_bytes_without_end_before_anybody_has_proved_himself(self, lines: bytes) -> None:
        def flood(exchange: TcpExchange) -> None:
            exchange.sock.sendall(lines)
            # The length of a packet: 2 GiB, all of which paramiko would gather.
            exchange.sock.sendall(b"\x7f\xff\xff\xf4")
            with suppress(OSError):
                while not exchange.stop.is_set():
                    exchange.sock.sendall(b"x" * 65536)

        with tcp_server(flood) as port, ssh_server() as server:
            # What takes that long is a time-out, or the end of the test.
            error = failing(server.settings(port=port, login_seconds=600.0))
            assert error.fault is ConnectorFault.TOO_LARGE

    def test_a_login_in_another_alphabet(self) -> None:
        question = cast("str", b"\xff\xfe: ")
        with ssh_server(SshPlan(questions=(question,))) as server:
            error = failing(server.settings())
            assert error.fault is ConnectorFault.UNREACHABLE
            assert server.answers == []

    def test_a_question_before_the_prompt(self) -> None:
        with ssh_server(SshPlan(question)) as server:
            error = failing(server.settings())
            assert error.fault is ConnectorFault.PROTOCOL
            assert "seen last: 'Enter your favourite colour:'" in error.detail
            assert server.lines == []

    def test_a_question_in_the_middle_is_not_answered(self) -> None:
        with ssh_server(SshPlan(after_pagination(question))) as server:
            error = failing(server.settings(), "show status")
            assert error.fault is ConnectorFault.PROTOCOL
            assert "after 'show status' a question that is not known" in error.detail
            assert server.lines == ["set cli pagination off", "show status"]

    def test_a_confirmation_is_never_given_to_a_command_that_has_none(self) -> None:
        confirm = saying("This operation updates the CTLFile. Do you want to continue? (y/n):")
        with ssh_server(SshPlan(after_pagination(confirm))) as server:
            assert failing(server.settings(), "show ctl").fault is ConnectorFault.PROTOCOL
            assert server.lines == ["set cli pagination off", "show ctl"]

    def test_another_prompt_than_admin(self) -> None:
        with ssh_server(SshPlan(saying("root@pub:"))) as server:
            assert "root@pub:" in failing(server.settings()).detail

    def test_no_prompt_at_all(self) -> None:
        with ssh_server(SshPlan(saying("starting up\n"))) as server:
            error = failing(server.settings(login_seconds=1.5))
            assert error.fault is ConnectorFault.TIMEOUT

    def test_a_stall_in_the_middle(self) -> None:
        with ssh_server(SshPlan(after_pagination(stall))) as server:
            error = failing(server.settings(command_seconds=5.0), "show ctl")
            assert error.fault is ConnectorFault.TIMEOUT
            assert "'show ctl' did not end within 5 seconds" in error.detail
            assert "half an ans" in error.detail

    def test_a_connection_that_is_dropped_in_the_middle(self) -> None:
        with ssh_server(SshPlan(after_pagination(drop))) as server:
            error = failing(server.settings(), "show ctl")
            assert error.fault is ConnectorFault.UNREACHABLE
            assert "half an ans" in error.detail

    @pytest.mark.parametrize("play", [endless, pages_without_end])
    def test_output_without_end(self, play: Callable[[Shell], None]) -> None:
        with ssh_server(SshPlan(after_pagination(play))) as server:
            error = failing(server.settings(command_seconds=6.0), "show ctl")
            assert error.fault in (ConnectorFault.TOO_LARGE, ConnectorFault.TIMEOUT)
            assert "and on" in error.detail or "a line" in error.detail

    def test_a_node_that_repeats_the_password(self) -> None:
        with ssh_server(SshPlan(saying(f"your password is {PASSWORD}: "))) as server:
            assert "[secret]" in failing(server.settings()).detail

    def test_control_sequences_do_not_reach_the_error(self) -> None:
        with ssh_server(SshPlan(saying("\x1b[31mBad\x07 \x1b]0;x\x07\u202etxt? "))) as server:
            error = failing(server.settings())
            assert str(error).isprintable()


class TestChanges:
    LINE = "utils ctl update CTLFile"

    def test_without_a_plan_nothing_is_sent(self) -> None:
        with ssh_server() as server:
            with PlatformCli(server.settings()) as cli, pytest.raises(CliGuardError) as caught:
                cli.run(self.LINE)
            assert caught.value.fault is ConnectorFault.INVALID
            assert self.LINE not in server.lines

    @pytest.mark.parametrize(
        ("line", "words"),
        [("utils ctl update CTLFile", "CTL file Updated"), ("set cert regen tomcat", "Successfully Regenerated")],
    )
    def test_with_a_plan_the_question_is_answered(self, line: str, words: str) -> None:
        command, _, argument = line.partition(" tomcat")
        argument = "tomcat" if line.endswith("tomcat") else argument
        grant = Grant("7c1f0e", "hq", "pub", frozenset({line}))
        with ssh_server() as server, PlatformCli(server.settings()) as cli:
            assert words in cli.run(command, argument, grant=grant)

    @pytest.mark.parametrize("then", [stall, drop, question])
    def test_a_change_that_brings_no_answer_is_uncertain(
        self, then: Callable[[Shell], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A change has its own time, a quarter of an hour; the test has not.
        command = replace(COMMANDS[self.LINE], seconds=1.5)
        monkeypatch.setattr("ctlctl.connectors.platform_cli_commands.COMMANDS", {**COMMANDS, self.LINE: command})
        grant = Grant("7c1f0e", "hq", "pub", frozenset({self.LINE}))
        with ssh_server(SshPlan(after_pagination(then))) as server:
            with PlatformCli(server.settings()) as cli, pytest.raises(PlatformCliError) as caught:
                cli.run(self.LINE, grant=grant)
            assert caught.value.fault is ConnectorFault.UNCERTAIN
            assert "the change may have been made" in caught.value.advice


def test_the_secret_is_in_nothing_that_is_shown() -> None:
    with ssh_server() as server:
        settings = server.settings()
        assert PASSWORD not in repr(settings)
        with PlatformCli(settings) as cli:
            assert PASSWORD not in repr(vars(cli))
