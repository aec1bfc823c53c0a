"""What the lab's platform CLI prints is read by the console parsers, to the last line, and says what the world is."""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import md5

import pytest

from ctlctl.console import (
    CommandRefusedError,
    parse_backup_history,
    parse_capf,
    parse_cert_list,
    parse_cert_show,
    parse_change,
    parse_client_auth,
    parse_network_cluster,
    parse_ntp,
    parse_pagination,
    parse_replication,
    parse_service,
    parse_sql,
    parse_version,
    split_session,
)
from ctlctl_lab.build import PLATFORM_OWNER, PLATFORM_READER, WorldPlan
from ctlctl_lab.model import CALLMANAGER, CAPF, SERVICE_TFTP, TOMCAT, PlatformAccount
from ctlctl_lab.nodestate import own_certificates, service_states, trust_certificates
from ctlctl_lab.scenarios import apply_scenario
from ctlctl_lab.shell.commands import COMMANDS, FAILED, UNKNOWN, run_session
from ctlctl_lab.shell.session import MAX_QUESTIONS, PAGING, Console, HangupError
from ctlctl_lab.switches import turn_off, turn_on
from ctlctl_lab.world import World
from ctlctl_trust.consolelist import parse_console_list
from support.labworld import PHONES, SMALL, Factory, lab_world

RELEASES = ("11.5.1.21900-40", "12.5.1.11900-146", "14.0.1.13900-155", "15.0.1.12900-234")
ROWS = 24


class Typist:
    """A terminal at which everything is typed ahead."""

    def __init__(self, keys: str, rows: int = ROWS) -> None:
        self.keys = list(keys)
        self.shown = ""
        self.rows = rows

    def write(self, text: str) -> None:
        self.shown += text

    def key(self) -> str:
        if not self.keys:
            raise HangupError("nothing more is typed")
        return self.keys.pop(0)


def account(world: World, name: str = PLATFORM_OWNER) -> PlatformAccount:
    return world.cluster.platform_accounts[name]


def session(world: World, keys: str, node: str = "lab-pub", user: str = PLATFORM_OWNER, rows: int = ROWS) -> str:
    """Log in, type keys, and return all that was shown."""
    typist = Typist(keys, rows)
    with suppress(HangupError):
        run_session(Console(typist, world, node, account(world, user)))
    return typist.shown


def outputs(world: World, *commands: str, node: str = "lab-pub", user: str = PLATFORM_OWNER) -> list[str]:
    """Return what each command printed, without paging."""
    typed = "".join(f"{command}\r" for command in ("set cli pagination off", *commands, "exit"))
    found = split_session(session(world, typed, node, user))
    return [exchange.output for exchange in found if exchange.command in commands]


def output(world: World, command: str, node: str = "lab-pub", user: str = PLATFORM_OWNER) -> str:
    (found,) = outputs(world, command, node=node, user=user)
    return found


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory, scenario="healthy")


@pytest.fixture(params=RELEASES)
def any_release(request: pytest.FixtureRequest, tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory, WorldPlan(phones=PHONES, version=request.param))


def test_lists(any_release: World) -> None:
    for command, data in (
        ("show ctl", any_release.files.ctl),
        ("show itl", any_release.files.itl(any_release.cluster.publisher)),
    ):
        assert data is not None
        shown = parse_console_list(output(any_release, command))
        assert (shown.unread, shown.mismatches) == ((), ())
        assert (shown.length, shown.verified) == (len(data), True)
        assert shown.md5 == md5(data).hexdigest()


def test_lists_that_are_not_there(world: World) -> None:
    apply_scenario(world, SMALL, "non-secure")
    for command, node in (("show ctl", "lab-pub"), ("show itl", "lab-sub2")):
        shown = parse_console_list(output(world, command, node))
        assert (shown.missing, shown.unread, shown.mismatches) == (True, (), ())


def test_certificates(any_release: World) -> None:
    cluster = any_release.cluster
    for name, node in cluster.nodes.items():
        listed = parse_cert_list(output(any_release, "show cert list own", name))
        assert listed.unread == ()
        own = own_certificates(cluster, node)
        assert [entry.unit for entry in listed.entries] == list(own)
        assert all(entry.self_signed for entry in listed.entries)
        for entry, text in zip(
            listed.entries,
            outputs(any_release, *(f"show cert own {entry.argument}" for entry in listed.entries), node=name),
            strict=True,
        ):
            shown = parse_cert_show(text)
            assert (shown.unread, shown.mismatches) == ((), ())
            assert shown.der == own[entry.unit].der
            assert shown.valid_to is not None
            assert shown.valid_to.instant == own[entry.unit].certificate.not_after
    assert output(any_release, "show cert own tomcat") == output(any_release, "show cert own tomcat/tomcat.pem")


def test_trusted_certificates(world: World) -> None:
    world.renew(CAPF)
    # Of two of the same name both can be had.
    world.cluster.trust["CAPF-trust"].append(world.pki.expired(world.cluster.publisher.identities[CAPF]))
    listed = parse_cert_list(output(world, "show cert list trust"))
    assert listed.unread == ()
    shown = [
        parse_cert_show(text) for text in outputs(world, *(f"show cert trust {e.argument}" for e in listed.entries))
    ]
    assert all((each.unread, each.mismatches) == ((), ()) for each in shown)
    stores = trust_certificates(world.cluster)
    assert [(entry.unit, each.der) for entry, each in zip(listed.entries, shown, strict=True)] == [
        (store, identity.der) for store, identities in stores.items() for identity in identities
    ]
    assert parse_cert_show(output(world, "show cert trust LAB_Manufacturing_CA.pem")).certificate is not None


def test_services(any_release: World) -> None:
    any_release.stop_service("lab-sub1", SERVICE_TFTP)
    for name, node in any_release.cluster.nodes.items():
        listed = parse_service(output(any_release, "utils service list", name))
        assert listed.unread == ()
        assert (listed.primary, listed.manager_running, listed.return_code) == (node.publisher, True, 0)
        for state in service_states(node):
            row = listed.last[state.name]
            assert row.state == ("STARTED" if state.started else "STOPPED")
            assert (row.activated is not False) is state.activated
    stopped = parse_service(output(any_release, "utils service list", "lab-sub1")).last[SERVICE_TFTP]
    assert stopped.note == "Commanded Out of Service"


def test_a_restart(world: World) -> None:
    world.renew(TOMCAT, restart=False)
    done = parse_service(output(world, "utils service restart Cisco Tomcat"))
    assert done.unread == ()
    assert [row.state for row in done.rows] == ["STOPPING", "STARTING", "STARTING", "STARTED"]
    assert world.cluster.publisher.presents("Cisco Tomcat", TOMCAT) is world.cluster.publisher.identities[TOMCAT]
    turn_on(world, "service-stuck", "lab-pub:Cisco Tftp")
    stuck = parse_service(output(world, "utils service restart Cisco Tftp"))
    assert (stuck.unread, stuck.last[SERVICE_TFTP].state) == ((), "STOPPED")
    turn_off(world)
    assert parse_service(output(world, "utils service start Cisco Tftp")).last[SERVICE_TFTP].state == "STARTED"
    assert parse_service(output(world, "utils service stop Cisco Tftp")).last[SERVICE_TFTP].state == "STOPPED"


def test_sql(world: World) -> None:
    table = parse_sql(
        output(world, "run sql select paramname,paramvalue from processconfig where paramname='ClusterSecurityMode'")
    )
    assert (table.unread, table.records()) == ((), ({"paramname": "ClusterSecurityMode", "paramvalue": "1"},))
    rows = parse_sql(output(world, "run sql select name, description from device"))
    assert rows.unread == ()
    assert {row[0] for row in rows.rows} >= set(world.cluster.phones)
    assert parse_sql(output(world, "run sql select name from device where name='SEP0'")).rows == ()
    for wrong in ("select", "update device set name='x'", "select x from nowhere"):
        assert "===" not in output(world, f"run sql {wrong}")


def test_capf(world: World) -> None:
    phone = next(iter(world.cluster.phones))
    for command, devices, count in (
        ("utils capf stale-lsc list", [phone], 1),
        ("utils capf stale-lsc view", [phone], 1),
        ("utils capf csr list", [], 0),
        ("utils capf csr count", [], 0),
    ):
        world.cluster.stale_lscs = {phone: world.now()}
        shown = parse_capf(output(world, command))
        assert (shown.unread, shown.mismatches) == ((), ())
        assert ([entry.device for entry in shown.entries], shown.count) == (devices, count)


def test_replication(any_release: World) -> None:
    for scenario, good in (("healthy", True), ("replication-broken", False)):
        apply_scenario(any_release, WorldPlan(phones=PHONES, version=any_release.cluster.version), scenario)
        state = parse_replication(output(any_release, "utils dbreplication runtimestate"))
        assert (state.unread, state.mismatches) == ((), ())
        assert [node.good for node in state.nodes] == [True, True, good]
        assert [node.server for node in state.nodes] == list(any_release.cluster.nodes)
    any_release.node_down("lab-sub1")
    state = parse_replication(output(any_release, "utils dbreplication runtimestate"))
    assert (state.unread, state.mismatches) == ((), ())
    assert not state.nodes[1].good


def test_replication_of_a_single_node(tmp_path_factory: Factory) -> None:
    alone = lab_world(tmp_path_factory, WorldPlan(phones=PHONES, nodes=1))
    assert parse_replication(output(alone, "utils dbreplication runtimestate")).single_node


def test_time(any_release: World) -> None:
    first = parse_ntp(output(any_release, "utils ntp status"))
    second = parse_ntp(output(any_release, "utils ntp status", "lab-sub1"))
    assert first.unread == second.unread == ()
    assert first.synchronised
    assert second.synchronised
    assert any_release.cluster.publisher.address in {second.server, *(peer.name for peer in second.peers)}
    turn_on(any_release, "ntp", "lab-sub1=unsynchronised")
    turn_on(any_release, "ntp", "lab-sub2=stopped")
    lost = parse_ntp(output(any_release, "utils ntp status", "lab-sub1"))
    assert (lost.unread, lost.synchronised, lost.running) == ((), False, True)
    stopped = parse_ntp(output(any_release, "utils ntp status", "lab-sub2"))
    assert (stopped.unread, stopped.running) == ((), False)


def test_backups(any_release: World) -> None:
    history = parse_backup_history(output(any_release, "utils disaster_recovery history backup"))
    assert history.unread == ()
    assert history.newest_good is history.newest is not None
    turn_on(any_release, "backup-age", "48")
    old = parse_backup_history(output(any_release, "utils disaster_recovery history backup"))
    assert old.unread == ()
    assert old.newest is not old.newest_good
    assert old.newest_good is not None
    instant = old.newest_good.completed.instant
    assert instant is not None
    assert any_release.now() - instant.timestamp() == 48 * 3600
    turn_on(any_release, "backup-age", "none")
    assert parse_backup_history(output(any_release, "utils disaster_recovery history backup")).none


def test_what_a_node_is(any_release: World) -> None:
    version = parse_version(output(any_release, "show version active"))
    assert (version.unread, version.version, version.options) == ((), any_release.cluster.version, ())
    assert parse_version(output(any_release, "show version inactive")).version is None
    any_release.node_down("lab-sub2")
    for name in ("lab-pub", "lab-sub1"):
        cluster = parse_network_cluster(output(any_release, "show network cluster", name))
        assert cluster.unread == ()
        assert {node.host: node.authenticated for node in cluster.nodes} == {
            "lab-pub": True,
            "lab-sub1": True,
            "lab-sub2": False,
        }
        assert [node.host for node in cluster.nodes if node.since is None] == [name]
        assert (cluster.server_table is not None) is (name == "lab-pub")
    assert any_release.cluster.version in output(any_release, "show status")
    assert "300 seconds" in output(any_release, "show accountlocking")


def test_client_authentication_came_with_14(any_release: World) -> None:
    text = output(any_release, "show haproxy client-auth 6971")
    if any_release.cluster.major < 14:
        with pytest.raises(CommandRefusedError):
            parse_client_auth(text)
    else:
        assert (parse_client_auth(text).port, parse_client_auth(text).mode) == (6971, "optional")


# Changes.


def test_the_ctl_is_updated_after_a_yes_and_not_after_a_no(any_release: World) -> None:
    before = any_release.files.ctl
    any_release.renew(CALLMANAGER)
    shown = session(any_release, "utils ctl update CTLFile\rn\rexit\r")
    assert any_release.files.ctl == before
    assert "Updating" not in shown
    (_, asked) = split_session(shown)[:2]
    done = parse_change(asked.output)
    assert (done.unread, done.updated, [answer for _, answer in done.questions]) == ((), False, ["n"])
    (_, asked) = split_session(session(any_release, "utils ctl update CTLFile\ry\rexit\r"))[:2]
    done = parse_change(asked.output)
    assert (done.unread, done.updated, [answer for _, answer in done.questions]) == ((), True, ["y"])
    assert done.to_do
    assert any_release.files.ctl != before


def test_the_security_mode(world: World) -> None:
    for mode, words in ((0, "non-secure-mode"), (1, "mixed-mode")):
        keys = f"utils ctl set-cluster {words}\rn\rutils ctl set-cluster {words}\ry\rexit\r"
        refused, done = (parse_change(each.output) for each in split_session(session(world, keys))[1:3])
        assert (refused.unread, refused.mixed_mode) == ((), None)
        assert (done.unread, done.mixed_mode, world.cluster.security_mode) == ((), mode == 1, mode)


def test_a_question_is_asked_again_until_an_answer_is_one(world: World) -> None:
    shown = session(world, "utils ctl update CTLFile\rperhaps\ryes\ry\rexit\r")
    assert shown.count("(y/n):") == 3
    assert "CTL file Updated" in shown
    shown = session(world, "utils ctl update CTLFile\r" + "what\r" * MAX_QUESTIONS + "exit\r")
    assert FAILED in shown
    assert "Updated" not in shown


def test_regeneration_restarts_nothing(world: World) -> None:
    node = world.cluster.nodes["lab-sub1"]
    before = node.identities[TOMCAT]
    shown = session(world, "set cert regen tomcat\rno\rexit\r", "lab-sub1")
    assert "Successfully" not in shown
    assert node.identities[TOMCAT] is before
    shown = session(world, "set cert regen tomcat\ryes\rexit\r", "lab-sub1", PLATFORM_READER)
    assert "overwrite any CA signed certificate previously imported for  tomcat" in shown
    assert "Successfully Regenerated Certificate for tomcat." in shown
    assert node.identities[TOMCAT] is not before
    assert node.presents("Cisco Tomcat", TOMCAT) is before
    assert world.cluster.publisher.identities[TOMCAT] is world.cluster.publisher.presents("Cisco Tomcat", TOMCAT)
    assert "tokenless CTL" in session(world, "set cert regen ITLRecovery\rno\rexit\r")


def test_signing_with_the_other_key_needs_the_owner(world: World) -> None:
    itl, ctl = world.files.itl(world.cluster.publisher), world.files.ctl
    for words in ("utils itl reset localkey", "utils ctl reset localkey"):
        with pytest.raises(CommandRefusedError, match="privilege level 4"):
            parse_change(output(world, words, user=PLATFORM_READER))
    assert (world.files.itl(world.cluster.publisher), world.files.ctl) == (itl, ctl)
    assert "Successfully transferred reset ITL to node lab-sub1" in output(world, "utils itl reset localkey")
    output(world, "utils ctl reset localkey")
    assert world.files.itl(world.cluster.publisher) != itl
    assert world.files.ctl != ctl


# The session.


@pytest.mark.parametrize(
    "command",
    [
        "show cert own nothing",
        "show cert own tomcat/other.pem",
        "show cert trust nothing.pem",
        "show cert list mine",
        "show cert own",
        "show ctl now",
        "set cli pagination maybe",
        "set cert regen nothing",
        "utils service restart Cisco Nothing",
        "utils service restart Cisco Certificate Enrollment Service",
    ],
)
def test_what_is_refused_says_why_and_that_it_was(command: str, world: World) -> None:
    with pytest.raises(CommandRefusedError) as caught:
        parse_version(output(world, command))
    assert caught.value.reason


def test_what_only_the_publisher_has(world: World) -> None:
    for each in COMMANDS.values():
        if each.publisher:
            assert "publisher only" in output(world, each.words, "lab-sub1")
    with pytest.raises(CommandRefusedError):
        parse_change(output(world, "utils ctl update CTLFile", "lab-sub1"))


@pytest.mark.parametrize(
    "line", ["show", "delete dscp", "utils fips enable", "file delete tftp CTLFile.tlv", "SHOW CTL"]
)
def test_what_is_no_command(line: str, world: World) -> None:
    assert output(world, line).strip() == UNKNOWN


def test_help_names_every_command(world: World) -> None:
    listed = session(world, "set cli pagination off\rhelp\r").partition("admin:help\r\n")[2].splitlines()
    assert set(listed[:-1]) == {f"{each.words} {each.argument}".rstrip() for each in COMMANDS.values()}


def pages(shown: str) -> int:
    return shown.count(PAGING)


def test_pages(world: World) -> None:
    lines = len(output(world, "show ctl").split("\n"))
    whole = session(world, "show ctl\r" + " " * 100, rows=ROWS)
    assert pages(whole) == (lines - 1) // (ROWS - 1)
    assert parse_console_list(whole).mismatches == ()
    assert parse_console_list(whole).verified
    by_line = session(world, "show ctl\r" + "\r" * 5 + "qexit\r")
    assert pages(by_line) == 6
    assert by_line.endswith("admin:exit\r\n")
    assert pages(session(world, "show ctl\rq")) == 1
    assert pages(session(world, "show ctl\rxyz")) == 1, "other keys do nothing"
    off = session(world, "set cli pagination off\rshow cli pagination\rshow ctl\rset cli pagination on\rshow ctl\r")
    assert pages(off) == 1
    assert not parse_pagination(split_session(off)[2].output).on


def test_paging_that_stays_on(world: World) -> None:
    turn_on(world, "ssh-paging", "lab-pub")
    shown = session(world, "set cli pagination off\rshow ctl\r")
    assert "Automatic pagination is turned off" in shown
    assert pages(shown) == 1
    assert pages(session(world, "set cli pagination off\rshow ctl\r", "lab-sub1")) == 0


def test_a_prompt_that_nobody_knows(world: World) -> None:
    turn_on(world, "ssh-prompt", "lab-pub=labowner:")
    shown = session(world, "show version active\rexit\r")
    assert "labowner:show version active" in shown
    assert "admin:" not in shown


def test_what_drops_and_what_stalls_stops_in_the_middle(world: World) -> None:
    lines = output(world, "show ctl").split("\n")
    for name in ("ssh-drop", "ssh-stall"):
        turn_on(world, name, "lab-pub")
        shown = session(world, "set cli pagination off\rshow ctl\r\rexit\r")
        assert "turned off" in shown, "a session can be prepared"
        assert lines[2] in shown
        assert "verified successfully" not in shown
        assert not shown.endswith("exit\r\n")
        turn_off(world)


@pytest.mark.parametrize("major", [14, 15])
def test_15_shows_its_first_prompt_twice(major: int, tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, WorldPlan(phones=PHONES, version=f"{major}.0.1.12900-234"))
    assert ("admin:\r\n\radmin:" in session(world, "")) is (major == 15)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("shxx\b\x7fow cli pagination\r", "show cli pagination"),
        ("rubbish\x15show cli pagination\r", "show cli pagination"),
        ("show \x1b[Acli\x1bOB pagination\r\n", "show cli pagination"),
        ("  show   cli pagination  \n", "show cli pagination"),
        ("rubbish\x03show cli pagination\r", "show cli pagination"),
        ("\b\bshow cli pagination\x04\r", "show cli pagination"),
    ],
)
def test_a_line_is_edited(keys: str, line: str, world: World) -> None:
    shown = session(world, f"{keys}exit\r")
    assert "Automatic Pagination : On." in shown, line
    assert UNKNOWN not in shown
    assert shown.endswith("admin:exit\r\n")


def test_the_end_of_input_ends_a_session(world: World) -> None:
    typist = Typist("\x04exit\r")
    with pytest.raises(HangupError):
        run_session(Console(typist, world, "lab-pub", account(world)))
    assert typist.keys == list("exit\r")


def test_a_line_without_end_is_bounded(world: World) -> None:
    shown = session(world, "x" * 100_000 + "\rexit\r")
    assert shown.count("x") < 5000
    assert UNKNOWN in shown


def commands_of_readers() -> Iterable[str]:
    return (each.words for each in COMMANDS.values() if each.level <= 1)


def test_a_reader_may_all_that_is_routine(world: World) -> None:
    assert set(COMMANDS) - set(commands_of_readers()) == {"utils itl reset localkey", "utils ctl reset localkey"}
    nobody = PlatformAccount("", 0)
    typist = Typist("show cert list own\rshow version active\rexit\r")
    run_session(Console(typist, world, "lab-pub", nobody))
    assert "privilege level 1" in typist.shown
    assert "Active Master Version" in typist.shown
