"""Services, replication, clocks, backups, and nodes that do not answer: what is said once and not many times."""

from dataclasses import replace

import pytest

from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity
from ctlctl.inventory.nodevalues import BackupFact, NodeState, NtpFact, ReplicationFact, ServiceFact
from ctlctl.inventory.values import SourceState
from ctlctl.inventory.words import Fault, Source
from support.assesscases import (
    API,
    CLI,
    backup,
    clock,
    failed,
    installed,
    replicated,
    states,
    states_and,
)
from support.lists import SUB2
from support.pki import START
from support.smallsnapshot import (
    ASKED,
    DAY,
    NOW,
    REFUSED,
    SEEN,
    codes,
    found,
    judged,
    of,
    service,
    whole,
)

CC, TVS = Source.CONTROL_CENTER, Source.TVS
W, U, CRITICAL, INFO = (
    FindingSeverity.WARNING,
    FindingSeverity.UNKNOWN,
    FindingSeverity.CRITICAL,
    FindingSeverity.INFO,
)


# Services.


def services(*facts: ServiceFact) -> dict[str, Finding]:
    return of(whole(services=facts), ClusterCode.SERVICE_NOT_RUNNING)


@pytest.mark.parametrize(
    ("node", "name", "severity", "says"),
    [
        ("sub1", "Cisco CallManager", CRITICAL, "register with others"),
        ("sub1", "Cisco Tftp", CRITICAL, "no configuration and no trust list"),
        ("sub2", "Cisco Trust Verification Service", CRITICAL, "cannot ask it"),
        ("pub", "Cisco Certificate Authority Proxy Function", W, "No LSC is installed"),
        ("sub1", "Cisco CTIManager", W, "Applications that control phones"),
        ("sub1", "Cisco Tomcat", W, "services that phones reach by https"),
        ("sub1", "Cisco Certificate Expiry Monitor", W, "warns of no certificate"),
        ("sub1", "Cisco Certificate Change Notification", W, "do not reach the database"),
        ("pub", "Cisco DRF Master", W, "No backup is taken"),
        ("sub1", "Cisco DirSync", INFO, "Neither registration nor certificates"),
    ],
)
def test_how_bad_it_is_that_a_service_does_not_run(node: str, name: str, severity: FindingSeverity, says: str) -> None:
    got = services(service(node, name, "Stopped"))
    assert list(got) == [f"{node}/{name}"]
    assert got[f"{node}/{name}"].severity is severity
    assert says in got[f"{node}/{name}"].so_what
    assert services(service(node, name)) == {}


@pytest.mark.parametrize(("name", "is_told"), [("Cisco Tftp", True), ("Cisco Tomcat", True), ("Cisco DirSync", False)])
def test_what_should_run_where_the_source_does_not_tell(name: str, is_told: bool) -> None:
    """The database tells of services that are activated; a network service runs on every node."""
    got = services(service("sub1", name, "Stopped", activated=None))
    assert (got != {}) is is_told
    assert all("and should run" in one.summary for one in got.values())


def test_a_service_that_was_deactivated_since_the_database_was_read_need_not_run() -> None:
    gone = service("sub1", "Cisco Tftp", "Stopped", activated=False)
    for since, is_told in ((NOW - 30, False), (NOW - 90, True)):
        assert (services(replace(gone, since=since)) != {}) is is_told


def test_spellings_of_two_interfaces_are_one_service() -> None:
    console = service("sub1", "Cisco Certificate Change Notification", "STOPPED", source=CLI, since=NOW - 4000)
    soap = service("sub1", "Cisco Certificate Change Notification Service", since=NOW - 900)
    asked = (NodeState(CLI, "sub1", NOW - 3600, None, SEEN), NodeState(CC, "sub1", NOW - 100, None, SEEN))
    assert codes(states_and(asked, services=(console, soap))) == set()
    newer_console = (NodeState(CLI, "sub1", NOW, None, SEEN), asked[1])
    got = of(states_and(newer_console, services=(soap, console)), ClusterCode.SERVICE_NOT_RUNNING)
    assert "says the platform CLI" in got["sub1/Cisco Certificate Change Notification"].summary


@pytest.mark.parametrize(("since", "is_told"), [(ASKED - 900, False), (ASKED - 901, True)])
def test_a_service_may_be_on_its_way_for_a_while(since: int, is_told: bool) -> None:
    assert (services(service("pub", "Cisco CallManager", "Stopping", since=since)) != {}) is is_told


def test_a_word_that_nobody_knows_proves_nothing() -> None:
    got = services(service("pub", "Cisco CallManager", "Unknown"))["pub/Cisco CallManager"]
    assert got.severity is U
    assert '"Unknown", which nobody can read' in got.summary


def test_numbers_of_services_are_of_those_that_matter() -> None:
    facts = (service("sub1", "Cisco Tftp", "Stopped"), service("sub1", "Cisco DirSync"), service("sub2", "Cisco Tftp"))
    numbers = judged(whole(services=facts)).numbers.services
    assert numbers == {("sub1", "Cisco Tftp"): False, ("sub2", "Cisco Tftp"): True}


# Replication, clocks, backups.


@pytest.mark.parametrize(
    ("state", "says", "severity"),
    [
        (0, "state 0: it has not begun", W),
        (1, "state 1: replicates were made, but their number is wrong", W),
        (3, "state 3: tables differ", W),
        (4, "state 4: its setup failed", W),
        (9, 'state 9: CUCM says "Odd"', W),
        (None, "How the database of sub1 replicates is not told", U),
    ],
)
def test_states_of_replication(state: int | None, says: str, severity: FindingSeverity) -> None:
    snapshot = replicated(state=state, status="Odd")()
    got = of(snapshot, ClusterCode.REPLICATION_BROKEN)
    assert says in got["sub1"].summary
    assert got["sub1"].severity is severity
    assert judged(replicated(state=state, status="Odd")()).numbers.replication["sub1"] == (
        -1 if state is None else state
    )


def test_tables_that_differ_are_told_in_a_good_state() -> None:
    got = of(replicated(mismatches=7)(), ClusterCode.REPLICATION_BROKEN)["sub1"]
    assert "replicates, but not all of it; 7 tables differ" in got.summary
    assert got.count == 7


def test_a_check_that_found_differences_is_told_in_a_good_state() -> None:
    words = "Errors or Mismatches Were Found!!!"
    got = of(replicated(differs=words)(), ClusterCode.REPLICATION_BROKEN)["sub1"]
    assert f'The database of sub1 replicates, but not all of it; CUCM says "{words}", for' in got.summary
    assert (got.severity, got.count, got.evidence["differs"]) == (W, None, words)


def test_one_node_that_sees_it_bad_is_enough() -> None:
    facts = [ReplicationFact(asked, "sub1", state, "x", 0, SEEN) for asked, state in (("pub", 2), ("sub1", 3))]
    for order in (facts, facts[::-1]):
        got = of(whole(replication=tuple(order)), ClusterCode.REPLICATION_BROKEN)
        assert "state 3" in got["sub1"].summary
        assert "as sub1 sees it" in got["sub1"].summary


def test_replication_of_a_node_that_is_off_is_not_told_beside_that() -> None:
    ports = tuple(replace(one, fault=REFUSED if one.node == "sub1" else None) for one in whole().ports)
    for state, is_told in ((0, False), (4, True)):
        snapshot = replace(replicated(state=state)(), ports=ports)
        assert (ClusterCode.REPLICATION_BROKEN in codes(snapshot)) is is_told
    assert ClusterCode.REPLICATION_BROKEN in codes(replicated(state=0)())


@pytest.mark.parametrize(
    ("changes", "says", "severity", "synchronised"),
    [
        ({"synchronised": False}, "is not synchronised, for", W, False),
        ({"stratum": 16}, "is not synchronised (stratum 16)", W, False),
        ({"offset_ms": -1000.0}, "far from its NTP server's; it is 1.0 s off", W, True),
        ({"synchronised": None, "stratum": None}, "Whether the clock of sub1 is synchronised is not told", U, None),
    ],
)
def test_clocks(changes: dict[str, object], says: str, severity: FindingSeverity, synchronised: bool | None) -> None:
    snapshot = clock(**changes)()
    got = of(snapshot, ClusterCode.CLOCK_UNSYNCHRONISED)["sub1"]
    assert says in got.summary
    assert got.severity is severity
    assert judged(snapshot).numbers.clocks.get("sub1") is synchronised


def test_a_clock_of_stratum_15_is_set() -> None:
    for offset in (999.9, None, float("inf")):
        assert of(whole(ntp=(NtpFact("pub", True, 15, offset, SEEN),)), ClusterCode.CLOCK_UNSYNCHRONISED) == {}


def test_backups() -> None:
    old = of(backup(NOW - 49 * 3600, "ERROR")(), ClusterCode.BACKUP_OLD)[""]
    assert old.summary.endswith("The newest ended with 'ERROR'.")
    assert ClusterCode.BACKUP_FAILED not in codes(backup(NOW - 49 * 3600, "ERROR")())
    never = backup(None, "")()
    assert of(never, ClusterCode.BACKUP_OLD)[""].summary == "No backup that succeeded is known."
    assert judged(never).numbers.backup_at == 0
    assert judged(backup(NOW - 3600)()).numbers.backup_at == NOW - 3600
    assert judged(whole(backups=())).numbers.backup_at is None


def test_a_backup_from_before_a_renewal_is_said_to_be() -> None:
    fresh = installed("TVS", SUB2.but(not_before=START.fromtimestamp(NOW - 10 * DAY, START.tzinfo)), "sub2")
    got = of(replace(fresh, backups=(BackupFact("pub", NOW - 20 * DAY, "SUCCESS", SEEN),)), ClusterCode.BACKUP_OLD)[""]
    assert "before TVS of sub2 was renewed" in got.summary


def test_a_publisher_that_tells_no_backup_is_not_taken_for_good() -> None:
    got = of(whole(backups=()), ClusterCode.BACKUP_OLD)[""]
    assert got.severity is U
    # Where it cannot be asked, that is said, and not this.
    assert ClusterCode.BACKUP_OLD not in codes(replace(states(failed(CLI, "pub")), backups=()))


# Nodes that do not answer.

ALL = ("pub", "sub1", "sub2")


def test_one_node_that_fails_is_named() -> None:
    got = of(states(failed(CLI, "sub1")), ClusterCode.SOURCE_FAILING)
    assert list(got) == ["sub1/platform-cli"]
    assert got["sub1/platform-cli"].severity is W
    assert got["sub1/platform-cli"].summary == (
        "The platform CLI of sub1 cannot be asked, for 60 min (last answer 2 h ago): it said no."
    )


def test_what_fails_everywhere_is_said_once() -> None:
    got = of(states(*(failed(TVS, node) for node in ALL)), ClusterCode.SOURCE_FAILING)
    assert list(got) == ["tvs"]
    assert got["tvs"].count == 3
    two = of(states(*(failed(TVS, node) for node in ALL[:2])), ClusterCode.SOURCE_FAILING)
    assert set(two) == {"pub/tvs", "sub1/tvs"}


def test_a_node_that_answers_in_part_is_said_to() -> None:
    half = NodeState(CLI, "sub1", ASKED, Fault("rights", "show cert needs level 1", ""), NOW - 7200)
    got = of(states(half), ClusterCode.SOURCE_FAILING)["sub1/platform-cli"]
    assert "The platform CLI of sub1 does not tell everything, for 2 h (last answer 5 min ago)" in got.summary
    assert got.severity is W


def test_a_round_that_fails_as_a_whole_is_told_though_nodes_were_well() -> None:
    fault = Fault("secret", "the password file cannot be read", "Give it to ctld")
    state = SourceState(CLI, NOW - 7200, NOW, fault, NOW - 3600)
    got = of(whole(sources={**whole().sources, CLI: state}), ClusterCode.SOURCE_FAILING)
    assert list(got) == ["platform-cli"]
    # That of a node is told with the node.
    node = states(failed(CLI, "sub1", "secret"))
    assert list(of(replace(node, sources={**node.sources, CLI: state}), ClusterCode.SOURCE_FAILING)) == [
        "sub1/platform-cli"
    ]


def test_a_node_that_never_answered_or_not_for_long_is_unknown() -> None:
    for at in (None, NOW - 7 * 3600):
        assert of(states(failed(CLI, "sub1", at=at)), ClusterCode.SOURCE_FAILING)["sub1/platform-cli"].severity is U


def test_an_account_that_is_refused_is_one_finding() -> None:
    failing = [failed(source, node, "credentials") for source in (API, CLI) for node in ALL]
    got = found(states(*failing))
    assert set(got) == {("credentials-refused", "platform")}
    one = got["credentials-refused", "platform"]
    assert one.summary.startswith("The certificate API and the platform CLI of pub, sub1 and sub2 refuse the user")
    assert (one.severity, one.count) == (CRITICAL, 3)


def test_who_was_not_asked_with_a_refused_account_says_nothing_more() -> None:
    well = states(failed(CLI, "pub", "credentials", at=None))
    never = SourceState(API, None, NOW, Fault("credentials", "refused before", ""), NOW - 60)
    snapshot = replace(
        well,
        node_states=tuple(one for one in well.node_states if one.source is not API),
        sources={**well.sources, API: never},
    )
    assert set(found(snapshot)) == {("credentials-refused", "platform")}


def test_control_center_takes_the_account_of_axl() -> None:
    refused = states(*(failed(CC, node, "credentials") for node in ALL))
    assert set(found(refused)) == {("credentials-refused", "control-center")}
    axl = SourceState(Source.AXL, NOW - 7200, NOW, Fault("credentials", "no"), NOW - 3600)
    both = replace(refused, sources={**refused.sources, Source.AXL: axl})
    assert set(found(both)) == {("credentials-refused", "axl")}


def test_rights_name_the_role() -> None:
    got = of(states(*(failed(CC, node, "rights", None) for node in ALL[:2])), ClusterCode.SOURCE_FAILING)
    assert (list(got), got["control-center"].severity) == (["control-center"], W)
    assert "Standard SERVICEABILITY" in got["control-center"].do[0]
    level = of(states(failed(CLI, "pub", "rights", None)), ClusterCode.SOURCE_FAILING)
    assert "level 1" in level["pub/platform-cli"].do[0]


@pytest.mark.parametrize(("source", "kind", "does"), [(CLI, "host-key", "ssh_host_key"), (API, "tls", "tls_pin")])
def test_somebody_else_who_answers_is_named_node_by_node(source: Source, kind: str, does: str) -> None:
    got = of(states(failed(source, "pub", kind), failed(source, "sub1", kind)), ClusterCode.IDENTITY_CHANGED)
    assert set(got) == {f"pub/{source.value}", f"sub1/{source.value}"}
    assert does in got[f"pub/{source.value}"].do[0]
    assert all(one.severity is CRITICAL for one in got.values())


def test_a_busy_node_is_no_trouble() -> None:
    got = found(states(failed(CC, "pub", "throttled")))
    assert {(code, one.severity) for (code, _), one in got.items()} == {("cluster-busy", INFO)}


def test_a_release_without_the_api_is_one_even_where_nothing_was_asked_node_by_node() -> None:
    state = SourceState(API, None, NOW, Fault("unsupported", "the node has no such path"), NOW - 99)
    snapshot = whole(node_states=(), sources={**whole().sources, API: state})
    assert ClusterCode.SOURCE_FAILING not in codes(snapshot)
    # Of another source the same is a failure.
    tvs = of(states(failed(TVS, "pub", "unsupported")), ClusterCode.SOURCE_FAILING)
    assert list(tvs) == ["pub/tvs"]


def test_nodes_that_nobody_asks_any_more_are_stale() -> None:
    old = [NodeState(CC, node, NOW - 7 * 3600, None, SEEN) for node in ALL]
    got = of(states(*old), ClusterCode.SOURCE_STALE)
    assert list(got) == ["control-center"]
    assert got["control-center"].summary == "Control Center of pub, sub1 and sub2 last answered 7 h ago."


def test_nothing_is_raised_where_no_platform_account_is_configured() -> None:
    without = {one: state for one, state in whole().sources.items() if one not in {CLI, API}}
    bare = whole(
        sources=without,
        node_states=tuple(one for one in whole().node_states if one.source not in {CLI, API}),
        stores=(),
        replication=(),
        ntp=(),
        backups=(),
        shown_lists=(),
    )
    got = judged(bare)
    assert got.findings == ()
    assert (got.numbers.replication, got.numbers.clocks, got.numbers.backup_at) == ({}, {}, None)


def test_a_cluster_of_which_axl_tells_nothing_is_judged_by_its_nodes() -> None:
    bare = whole(facts=None, nodes=(), certificates=(), services=(service("x", "Cisco CallManager", "Stopped"),))
    assert ("service-not-running", "x/Cisco CallManager") in found(bare)
