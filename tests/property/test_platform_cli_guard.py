"""Whatever is asked for, nothing reaches the wire that is not in the list below.

The list is written anew here, from the reference and not from the code: both would have to be wrong in the same way.
"""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_commands import COMMANDS, is_one_select
from ctlctl.connectors.platform_cli_ports import CliGuardError, Grant
from support.sshservers import RunningSsh, SshPlan, ssh_server

READING = re.compile(
    r"exit|set cli pagination off|show cli pagination|show (?:ctl|itl)|show cert list (?:own|trust)"
    r"|show cert (?:own|trust) [A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)?|show csr list own|show version active"
    r"|show network cluster|show status|show accountlocking|show haproxy client-auth [0-9]{1,5}"
    r"|utils service list(?: page)?|utils capf stale-lsc (?:list|view)|utils capf csr (?:list|count)"
    r"|utils dbreplication runtimestate|utils ntp status|utils disaster_recovery history backup"
    r"|run sql select [ -:<-z]+"
)
WRITING = re.compile(
    r"utils ctl (?:update CTLFile|set-cluster (?:mixed-mode|non-secure-mode))"
    r"|utils service (?:restart|start|stop) [A-Za-z0-9][A-Za-z0-9 ().,_-]*|set cert regen [A-Za-z0-9._-]+"
)
NEVER = ("reset", "localkey", "remotekey", "fips", "delete", "import", "export", "upgrade", "shutdown", "restart\n")

FORBIDDEN = [
    "utils itl reset localkey",
    "utils itl reset remotekey",
    "utils ctl reset localkey",
    "utils fips enable",
    "file delete tftp CTLFile.tlv",
    "set cert delete CallManager-trust x.pem",
    "utils system restart",
    "set cli pagination on",
]
words = st.one_of(
    st.sampled_from(sorted(COMMANDS)),
    st.sampled_from(FORBIDDEN),
    st.text(max_size=30),
    st.tuples(st.sampled_from(sorted(COMMANDS)), st.text(max_size=8)).map("".join),
    st.sampled_from(sorted(COMMANDS)).map(lambda name: name + "\nutils itl reset localkey"),
)
arguments = st.one_of(
    st.just(""),
    st.sampled_from(["tomcat", "CallManager/CallManager.pem", "9443", "Cisco Tomcat", "select * from device"]),
    st.text(max_size=40),
    st.text("abz/.-_ 019;\n\r\t\x03\x04\x1b|&$`'\"()", max_size=20),
    st.tuples(
        st.sampled_from(["tomcat", "9443", "select name from device", "Cisco Tomcat"]),
        st.sampled_from(["\n", "\r", ";", " ", "\x00", "\x03", "\x1b", "\u2028", "'", " -- ", "|", ""]),
        st.sampled_from(["utils itl reset localkey", "y", "drop table device", ""]),
    ).map("".join),
)
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


@pytest.fixture(scope="module")
def recording() -> Iterator[tuple[RunningSsh, PlatformCli]]:
    """A server that records what it is sent, and one session with it."""
    with ssh_server(SshPlan(lambda shell: shell.play({}))) as server, PlatformCli(server.settings()) as cli:
        yield server, cli


@given(name=words, argument=arguments)
@example(name="run sql", argument="select 1 from a; delete from device")
@example(name="show cert own", argument="tomcat\nutils itl reset localkey")
@example(name="utils service restart", argument="Cisco Tomcat")
@relaxed
def test_without_a_grant_only_reading_reaches_the_wire(
    recording: tuple[RunningSsh, PlatformCli], name: str, argument: str
) -> None:
    server, cli = recording
    before = len(server.lines)
    try:
        cli.run(name, argument)
    except CliGuardError:
        assert server.lines[before:] == []
        return
    (line,) = server.lines[before:]
    assert READING.fullmatch(line), line
    assert not any(word in line for word in NEVER if line.startswith(("utils", "set", "file")))
    assert line == f"{name} {argument}".rstrip()


@given(name=words, argument=arguments, granted=words, other=arguments)
@example(name="utils itl reset localkey", argument="", granted="utils itl reset localkey", other="")
@example(name="set cert regen", argument="tomcat", granted="set cert regen", other="tomcat")
@example(name="set cert regen", argument="CAPF", granted="set cert regen", other="tomcat")
@relaxed
def test_a_grant_allows_its_own_lines_of_the_table_and_no_more(
    recording: tuple[RunningSsh, PlatformCli], name: str, argument: str, granted: str, other: str
) -> None:
    server, cli = recording
    before = len(server.lines)
    line = f"{granted} {other}".rstrip(" ")
    grant = Grant("1", "hq", "pub", frozenset({line}))
    try:
        cli.run(name, argument, grant=grant)
    except CliGuardError:
        assert server.lines[before:] == []
        return
    (sent,) = [one for one in server.lines[before:] if one not in ("y", "yes")]
    assert READING.fullmatch(sent) or (WRITING.fullmatch(sent) and sent == line)


@pytest.mark.parametrize(("cluster", "node"), [("branch", "pub"), ("hq", "sub1")])
def test_a_grant_is_for_one_node(recording: tuple[RunningSsh, PlatformCli], cluster: str, node: str) -> None:
    server, cli = recording
    before = len(server.lines)
    line = "utils service restart Cisco Tomcat"
    with pytest.raises(CliGuardError, match="no approved plan allows it on this node"):
        cli.run("utils service restart", "Cisco Tomcat", grant=Grant("1", cluster, node, frozenset({line})))
    assert server.lines[before:] == []


def test_every_command_of_the_table_is_on_the_list() -> None:
    samples = {"show haproxy client-auth": "9443", "run sql": "select a from b"}
    for name, command in COMMANDS.items():
        takes = command.argument is not None or command.sql
        line = f"{name} {samples.get(name, 'tomcat')}" if takes else name
        assert (WRITING if command.writes else READING).fullmatch(line), line
        assert bool(WRITING.fullmatch(line)) is command.writes
        assert not any(word in line.split() for word in NEVER)


@pytest.mark.parametrize(
    "statement",
    [
        "select paramname,paramvalue from processconfig where paramname='ClusterSecurityMode'",
        "SELECT count(*) FROM device WHERE name LIKE 'SEP%' AND tkmodel IN (684, 685)",
        "select d.name, c.timetolive from device as d join certificate c on c.pkid = d.fk where (a <> 3 or b is null)",
        "select name from device where description = 'it''s; drop table device -- update'",
    ],
)
def test_plain_selects(statement: str) -> None:
    # A semicolon is no part of any text that is let through, whatever it stands in.
    assert is_one_select(statement) is (";" not in statement)


@pytest.mark.parametrize(
    "statement",
    [
        "",
        "select",
        "delete from device",
        "update device set name='x'",
        "execute procedure dbreaddevicexml('x')",
        "select dbwritedevicexml('a','b') from systables",
        "select * from device into temp x",
        "select * from device x'a'into temp b",
        "select * from device for update",
        "select a from b; select c from d",
        "select a from b -- c",
        "select a from b { c }",
        "select a from b /* c */",
        "select a from b where c = 'unfinished",
        'select a from b where c = "x"',
        "select a from b | file delete",
        "select a\nfrom b",
        "select a\tfrom b",
        "select a from b where c = 'x\ny'",
        "select a from b where c = (delete from d)",
        "selecta from b",
        "with x as (select 1) select",
    ],
)
def test_everything_else_is_no_select(statement: str) -> None:
    assert not is_one_select(statement)
