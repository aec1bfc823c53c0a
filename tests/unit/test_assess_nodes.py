"""What nodes say of themselves: who is believed, what time decides, what is said once and not many times."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import md5

import pytest

from ctlctl.assess.installed import choose
from ctlctl.assess.known import Known
from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity
from ctlctl.assess.phonelists import Held, PhoneLists
from ctlctl.assess.seen import Seen
from ctlctl.inventory.nodevalues import BackupFact, NodeState, NtpFact, ReplicationFact, ServiceFact
from ctlctl.inventory.values import Phone, Registration, SeenCertificate, Snapshot, SourceState
from ctlctl.inventory.words import Fault, ListKind, Source
from support.assesscases import (
    API,
    CLI,
    OLDER_ITL,
    SERVER_AUTH,
    backup,
    clock,
    disagreeing,
    failed,
    installed,
    issued,
    purposes,
    renewed,
    replicated,
    states,
    states_and,
    tvs_answers,
    unknown_to,
)
from support.lists import CAPF, PUB, SUB2
from support.pki import START, plan, san_extension
from support.smallsnapshot import (
    ASKED,
    DAY,
    NEW_PUB,
    NODES,
    NOW,
    REFUSED,
    SEEN,
    TOMCAT,
    codes,
    ctl,
    found,
    itl,
    judged,
    newer,
    page,
    phone,
    row,
    service,
    shown,
    stored,
    whole,
    with_certificates,
    with_lists,
)

CC, TVS = Source.CONTROL_CENTER, Source.TVS
W, U, CRITICAL, INFO = (
    FindingSeverity.WARNING,
    FindingSeverity.UNKNOWN,
    FindingSeverity.CRITICAL,
    FindingSeverity.INFO,
)


def of(snapshot: Snapshot, code: ClusterCode) -> dict[str, Finding]:
    """Return the findings of a code by subject."""
    return {subject: finding for (name, subject), finding in found(snapshot).items() if name == code}


# Who is believed about certificates.


def word(source: Source, der: bytes, first: int, last: int) -> Seen:
    fact = SeenCertificate(source, "sub2", "CallManager", der, first, last)
    known = Known(replace(whole(), certificates=(fact,), stores=()))
    return known.seen[0]


A, B = SUB2.encode(), NEW_PUB.encode()
LATER = NEW_PUB.but(not_before=START.replace(year=2026)).encode()


@pytest.mark.parametrize(
    ("words", "believed", "contested", "superseded"),
    [
        # The node itself before the database, the API before the console.
        ([(Source.AXL, A, 0, 9000), (API, A, 0, 9000)], API, 0, 0),
        ([(Source.AXL, A, 0, 9000), (CLI, B, 0, 9000)], CLI, 1, 0),
        ([(CLI, A, 0, 9000), (API, B, 0, 9000)], API, 1, 0),
        ([(Source.AXL, A, 0, 9000), (CLI, A, 0, 9000), (API, B, 0, 9000)], API, 2, 0),
        # A newer reading wins, whoever it is of: the other looked before the renewal.
        ([(API, A, 0, 5000), (Source.AXL, B, 5001, 9000)], Source.AXL, 0, 1),
        ([(API, A, 5001, 9000), (Source.AXL, B, 0, 5000)], API, 0, 1),
        # A database that learns of it within 15 minutes is no contradiction; a second later it is one.
        ([(API, B, 5000, 9000), (Source.AXL, A, 0, 5899)], API, 0, 1),
        ([(API, B, 5000, 9000), (Source.AXL, A, 0, 5900)], API, 1, 0),
        # A row that lingers beside the right one says nothing.
        ([(API, LATER, 0, 9000), (Source.AXL, A, 0, 9000), (Source.AXL, LATER, 0, 9000)], API, 0, 1),
        # Of one source alone the newer certificate counts, and the older one stays to be seen.
        ([(Source.AXL, LATER, 0, 9000), (Source.AXL, A, 0, 9000)], Source.AXL, 0, 0),
        # What a source has besides what it says is not contested.
        ([(API, B, 0, 9000), (Source.AXL, A, 0, 9000), (Source.AXL, LATER, 0, 9000)], API, 1, 1),
    ],
)
def test_who_is_believed(
    words: Sequence[tuple[Source, bytes, int, int]], believed: Source, contested: int, superseded: int
) -> None:
    choice = choose([word(*each) for each in words])
    assert choice.installed.fact.source is believed
    assert (len(choice.disagreements), len(choice.superseded)) == (contested, superseded)


def test_what_the_database_still_has_from_before_a_renewal_does_not_end() -> None:
    """The node has the renewed one already; the row that the database has is only old."""
    old = replace(row(Source.AXL, "sub2", "tomcat", TOMCAT.but(not_after=_day(3))), last_seen=NOW - 3600)
    fresh = replace(stored("sub2", "tomcat", TOMCAT.but(serial=0x77)), first_seen=NOW - 600, last_seen=NOW)
    base = with_certificates(old, row(Source.TLS_PORTS, "sub2", "tomcat", TOMCAT.but(serial=0x77)))
    assert judged(replace(base, stores=(fresh,))).findings == ()
    assert "certificate-expiring" in codes(base)
    views = [one for one in judged(replace(base, stores=(fresh,))).certificates if one.node == "sub2"]
    assert [one.serial for one in views if one.unit == "tomcat"] == ["77"]


def _day(days: int) -> datetime:
    return START.fromtimestamp(NOW + days * DAY, START.tzinfo)


def test_a_certificate_that_only_the_node_tells_of_ends_too() -> None:
    fresh = stored("sub2", "ipsec", TOMCAT.but(not_after=_day(3)), CLI)
    got = of(whole(stores=(*whole().stores, fresh)), ClusterCode.CERTIFICATE_EXPIRING)
    assert list(got) == ["sub2/ipsec"]
    assert got["sub2/ipsec"].severity is CRITICAL
    assert got["sub2/ipsec"].evidence["source"] == "platform-cli"


def test_one_end_is_told_once_whatever_the_node_is_called() -> None:
    short = with_certificates(row(Source.AXL, "SUB2.example.com", "tomcat", TOMCAT.but(not_after=_day(3))))
    snapshot = replace(short, stores=(stored("sub2", "tomcat", TOMCAT.but(not_after=_day(3))),))
    assert list(of(snapshot, ClusterCode.CERTIFICATE_EXPIRING)) == ["sub2/tomcat"]


def test_anchors_of_the_new_sources_end_together() -> None:
    own = tuple(
        stored("sub2", unit, plan.but(not_after=_day(150))) for unit, plan in (("CallManager", SUB2), ("TVS", CAPF))
    )
    snapshot = replace(with_certificates(without=[(Source.AXL, "sub2", "CallManager"), (Source.AXL, "sub2", "TVS")]))
    got = of(replace(snapshot, stores=own), ClusterCode.ANCHORS_EXPIRE_TOGETHER)
    assert "CallManager and TVS of sub2" in got[""].summary


def test_a_contradiction_gives_the_ages_of_both() -> None:
    finding = of(disagreeing(stored("sub2", "CallManager", NEW_PUB)), ClusterCode.CERTIFICATE_SOURCES_DISAGREE)
    assert finding["sub2/CallManager"].evidence["believed_last_seen"] == ASKED
    assert finding["sub2/CallManager"].evidence["other_last_seen"] == NOW
    assert "judged by the certificate API" in finding["sub2/CallManager"].so_what


def test_a_certificate_of_its_own_that_a_node_cannot_show_is_not_known() -> None:
    unread = replace(stored("sub2", "ipsec", b""), file="ipsec.pem")
    line = replace(stored("sub2", "tomcat-trust", b""), file="x.pem")
    snapshot = whole(stores=(*whole().stores, unread, line, stored("sub2", "tomcat", b"", CLI)))
    assert "ipsec of sub2 (cannot be read)" in of(snapshot, ClusterCode.CERTIFICATE_UNKNOWN)[""].summary
    # Of tomcat another source has the bytes; a line about a trust store is no more than that.
    assert of(snapshot, ClusterCode.CERTIFICATE_UNKNOWN)[""].count == 1


# Installed and presented.


@pytest.mark.parametrize(
    ("unit", "restart", "meanwhile"),
    [
        ("tomcat", "utils service restart Cisco Tomcat", "services that phones reach by https"),
        ("TVS", "Restart Cisco Trust Verification Service on sub2", "do not trust this TVS"),
        ("CallManager", "Restart Cisco CallManager, Cisco CTIManager and Cisco Tftp on sub2", "refuse sub2"),
    ],
)
def test_what_was_renewed_and_not_restarted(unit: str, restart: str, meanwhile: str) -> None:
    fresh = SUB2.but(serial=0x77, not_before=START.replace(year=2026))
    finding = of(with_certificates(row(Source.AXL, "sub2", unit, fresh)), ClusterCode.RENEWED_NOT_RESTARTED)
    assert restart in finding[f"sub2/{unit}"].do[0]
    assert meanwhile in finding[f"sub2/{unit}"].so_what
    assert "presents an older" in finding[f"sub2/{unit}"].summary
    snapshot = with_certificates(row(Source.AXL, "sub2", unit, fresh))
    assert ClusterCode.SERVED_DIFFERS not in codes(snapshot)
    view = next(
        one for one in judged(snapshot).certificates if (one.node, one.unit, one.serial) == ("sub2", unit, "77")
    )
    assert view.served is False


def test_a_port_that_was_not_looked_at_since_is_no_evidence() -> None:
    snapshot = renewed((Source.AXL, NOW + 1, NOW + 60))
    view = next(one for one in judged(snapshot).certificates if one.serial == "9999")
    assert view.served is None
    assert codes(snapshot) == set()


def test_one_situation_raises_one_of_the_two() -> None:
    other = with_certificates(row(Source.TLS_PORTS, "sub2", "sip", PUB))
    assert codes(other) == {ClusterCode.SERVED_DIFFERS}
    assert "Find out who answers" in of(other, ClusterCode.SERVED_DIFFERS)["sub2/CallManager"].do[0]


def test_a_port_may_present_the_elliptic_one() -> None:
    elliptic = plan("sub2-EC.example.com", "ec384", serial=0x5150)
    snapshot = with_certificates(
        row(Source.AXL, "sub2", "CallManager-ECDSA", elliptic),
        *(row(Source.TLS_PORTS, "sub2", port, elliptic) for port in ("sip", "sccp")),
    )
    mine = [one for one in judged(snapshot).certificates if (one.node, one.serial) == ("sub2", f"{SUB2.serial:X}")]
    assert [one.served for one in mine] == [None]


# Quality.


def test_an_old_digest_matters_where_a_ca_signed() -> None:
    alone = of(installed("tomcat", TOMCAT.but(digest="sha1", serial=0x5), "sub2"), ClusterCode.CERTIFICATE_WEAK)
    assert (alone["signature"].severity, alone["signature"].count) == (INFO, 1)
    assert "tomcat of sub2 (SHA1)" in alone["signature"].summary
    by_ca = of(installed("tomcat", issued("sub2", digest="sha1"), "sub2"), ClusterCode.CERTIFICATE_WEAK)
    assert by_ca["signature"].severity is W


def test_one_certificate_of_all_nodes_is_weak_once() -> None:
    shared = issued("pub-ms", san_extension("pub", "sub1", "sub2"), digest="sha1")
    got = of(installed("tomcat", shared, "pub", "sub1", "sub2"), ClusterCode.CERTIFICATE_WEAK)
    assert got["signature"].count == 1


@pytest.mark.parametrize(
    ("names", "holders", "severity"),
    [
        (("pub", "sub1"), ("pub", "sub1", "sub2"), W),
        # It has one of its own.
        (("pub", "sub1"), ("pub", "sub1"), INFO),
        (("pub", "sub1", "sub2.example.com"), ("pub", "sub1", "sub2"), None),
        (("pub", "sub1", "sub22"), ("pub", "sub1", "sub2"), W),
        ((), ("pub", "sub1", "sub2"), None),
    ],
)
def test_names_of_a_multi_server_certificate(
    names: tuple[str, ...], holders: tuple[str, ...], severity: FindingSeverity | None
) -> None:
    extensions = (san_extension(*names),) if names else ()
    got = of(installed("tomcat", issued("pub-ms", *extensions), *holders), ClusterCode.SAN_INCOMPLETE)
    assert (got["tomcat"].severity if got else None) is severity
    assert not got or "does not name sub2." in got["tomcat"].summary


def test_full_names_of_other_domains_are_other_names() -> None:
    nodes = tuple(replace(one, name=f"{one.name}.example.com") for one in NODES)
    names = san_extension("pub.example.com", "sub1.example.com", "sub2.example.org")
    base = installed("tomcat", issued("pub-ms", names), "pub", "sub1", "sub2")
    assert "sub2.example.com" in of(replace(base, nodes=nodes), ClusterCode.SAN_INCOMPLETE)["tomcat"].summary


def test_a_node_that_goes_by_its_address_is_not_compared_with_names() -> None:
    nodes = (*NODES[:2], replace(NODES[2], name="10.1.1.12"))
    base = installed("tomcat", issued("pub-ms", san_extension("pub", "sub1")), "pub", "sub1")
    assert of(replace(base, nodes=nodes), ClusterCode.SAN_INCOMPLETE) == {}


def test_a_self_signed_certificate_is_no_multi_server_certificate() -> None:
    shared = TOMCAT.but(extensions=(san_extension("pub", "sub1"),), serial=0x6)
    assert of(installed("tomcat", shared, "pub", "sub1", "sub2"), ClusterCode.SAN_INCOMPLETE) == {}


def test_client_authentication_is_told_once_for_each_unit() -> None:
    lacking = issued("x", purposes(SERVER_AUTH))
    got = of(installed("tomcat", lacking, "sub1", "sub2"), ClusterCode.CLIENT_AUTH_MISSING)
    assert (list(got), got["tomcat"].count) == (["tomcat"], 2)
    assert "phones are not concerned" in got["tomcat"].so_what
    trunk = of(installed("CallManager", lacking, "sub2"), ClusterCode.CLIENT_AUTH_MISSING)["CallManager"]
    assert "SIP trunks over TLS" in trunk.so_what
    assert "private CA" in trunk.do[0]


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
    fresh = installed("TVS", SUB2.but(not_before=_day(-10)), "sub2")
    got = of(replace(fresh, backups=(BackupFact("pub", NOW - 20 * DAY, "SUCCESS", SEEN),)), ClusterCode.BACKUP_OLD)[""]
    assert "before TVS of sub2 was renewed" in got.summary


def test_a_publisher_that_tells_no_backup_is_not_taken_for_good() -> None:
    got = of(whole(backups=()), ClusterCode.BACKUP_OLD)[""]
    assert got.severity is U
    # Where it cannot be asked, that is said, and not this.
    assert ClusterCode.BACKUP_OLD not in codes(replace(states(failed(CLI, "pub")), backups=()))


# Lists, as nodes and phones have them.


def test_a_list_that_only_one_of_the_two_has() -> None:
    served = next(one for one in whole().lists if (one.node, one.kind) == ("pub", "ctl"))
    absent = replace(served, current=None, absent_since=NOW - 7200)
    both = (shown("pub", "ctl", ctl()),)
    got = of(whole(lists=(absent,), shown_lists=both), ClusterCode.SHOWN_LIST_DIFFERS)
    assert "but serves none to phones" in got["pub/ctl"].summary
    none = shown("pub", "ctl", b"", md5="", sha1="", length=0, verified=None)
    got = of(whole(shown_lists=(none,)), ClusterCode.SHOWN_LIST_DIFFERS)
    assert "pub has no CTL by show ctl" in got["pub/ctl"].summary
    # A list that vanished after the node was asked is no contradiction.
    late = whole(lists=(replace(absent, absent_since=ASKED + 1),), shown_lists=both)
    assert of(late, ClusterCode.SHOWN_LIST_DIFFERS) == {}


def test_each_list_that_fails_has_its_own_cure() -> None:
    fails = (shown("pub", "ctl", ctl(), verified=False), shown("sub1", "itl", itl("sub1"), verified=False))
    got = of(whole(shown_lists=fails), ClusterCode.LIST_FAILS_ON_NODE)
    assert "utils ctl update CTLFile" in got["pub/ctl"].do[0]
    assert got["sub1/itl"].do[0] == "Restart Cisco Tftp on sub1: it writes its ITL anew; then show itl"


def test_sha1_is_compared_where_there_is_no_md5() -> None:
    right, wrong = shown("pub", "itl", itl(), md5=""), shown("pub", "itl", OLDER_ITL, md5="")
    assert of(whole(shown_lists=(right,)), ClusterCode.SHOWN_LIST_DIFFERS) == {}
    assert of(whole(shown_lists=(wrong,)), ClusterCode.SHOWN_LIST_DIFFERS) != {}


def md5_of(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


REPLACED = with_lists(newer("pub", "itl", itl(), OLDER_ITL, age=2 * DAY))


@pytest.mark.parametrize(
    ("held", "at", "started", "expected"),
    [
        (md5_of(itl()), NOW - 3600, NOW - 5 * DAY, Held.NEWEST),
        # Whoever holds the newest holds it, whenever it said so and started.
        (md5_of(itl("sub1")), NOW - 9 * DAY, NOW - 60, Held.NEWEST),
        (md5_of(OLDER_ITL), NOW - 3600, NOW - 5 * DAY, Held.OLDER),
        ("ab" * 16, NOW - 3600, NOW - 5 * DAY, Held.FOREIGN),
        ("ab" * 20, NOW - 3600, NOW - 5 * DAY, Held.FOREIGN),
        # What is no checksum is no proof.
        ("ab" * 15, NOW - 3600, NOW - 5 * DAY, Held.UNKNOWN),
        ("installed", NOW - 3600, NOW - 5 * DAY, Held.UNKNOWN),
        ("", NOW - 3600, NOW - 5 * DAY, Held.NONE),
        (None, NOW - 3600, NOW - 5 * DAY, Held.UNKNOWN),
        # Read before the newest list was there, or before the phone started.
        (md5_of(OLDER_ITL), NOW - 2 * DAY - 1, NOW - 5 * DAY, Held.UNKNOWN),
        (md5_of(OLDER_ITL), NOW - 3600, NOW - 3599, Held.UNKNOWN),
    ],
)
def test_what_a_phone_holds(held: str | None, at: int, started: int, expected: Held) -> None:
    one = phone(page=page(itl_hash=held, at=at))
    assert one.registration is not None
    one = replace(one, registration=replace(one.registration, changed_at=started))
    assert PhoneLists(REPLACED, Known(REPLACED)).held(one, "itl") is expected


def test_a_strange_list_proves_nothing_while_a_tftp_node_is_silent() -> None:
    one = phone(page=page(itl_hash="ab" * 16))
    silent = replace(REPLACED, lists=tuple(each for each in REPLACED.lists if each.node == "pub"))
    assert PhoneLists(silent, Known(silent)).held(one, "itl") is Held.UNKNOWN


def with_page(held: str, at: int = NOW - 3600, started: int = NOW - 5 * DAY, status: str = "Registered") -> Phone:
    made = phone(page=page(itl_hash=held, at=at), status=status)
    assert isinstance(made.registration, Registration)
    return replace(made, registration=replace(made.registration, changed_at=started))


@pytest.mark.parametrize(
    ("one", "kinds", "code"),
    [
        # By its time of registration it would not have taken it; by its page it has.
        (with_page(md5_of(itl())), frozenset(), None),
        (with_page(md5_of(OLDER_ITL)), {"itl"}, "phone-list-old"),
        # By its time it would have taken it; it started, and holds the old one.
        (with_page(md5_of(OLDER_ITL), started=NOW - DAY), {"itl"}, "phone-list-old"),
        # It started after its page was read: its time decides again.
        (with_page(md5_of(OLDER_ITL), started=NOW - 60), frozenset(), None),
        # A page from before the list says nothing: its time decides.
        (with_page(md5_of(OLDER_ITL), at=NOW - 3 * DAY), {"itl"}, "list-not-taken"),
        (with_page(md5_of(OLDER_ITL), status="UnRegistered"), {"itl"}, "list-not-taken"),
        (with_page(md5_of(itl()), status="UnRegistered"), frozenset(), None),
    ],
)
def test_a_page_decides_where_times_only_hint(one: Phone, kinds: set[ListKind], code: str | None) -> None:
    snapshot = replace(REPLACED, phones=(one, *(phone(f"SEP{n}", page=page()) for n in range(20))))
    got = judged(snapshot)
    assert got.phones[0].list_not_taken == kinds
    assert got.numbers.not_taken["itl"] == len(kinds)
    told = {finding.code.value for finding in got.findings} & {"phone-list-old", "list-not-taken"}
    assert told == ({code} if code else set())


@pytest.mark.parametrize(
    ("held", "age", "severity"),
    [(md5_of(OLDER_ITL), 2, INFO), (md5_of(OLDER_ITL), 8, W), ("ab" * 16, 2, INFO), ("", 2, W)],
)
def test_how_bad_an_old_list_is(held: str, age: int, severity: FindingSeverity) -> None:
    base = with_lists(newer("pub", "itl", itl(), OLDER_ITL, age=age * DAY))
    got = of(replace(base, phones=(with_page(held, started=NOW - 20 * DAY),)), ClusterCode.PHONE_LIST_OLD)
    assert got["itl"].severity is severity


def test_pages_are_counted_for_phones_that_should_hold_the_list() -> None:
    phones = (
        with_page(md5_of(itl())),
        with_page(""),
        phone("SEPA", model="Cisco 7960", security_mode="Non Secure", page=page(ctl_hash="x", itl_hash="x")),
        phone("SEPB", status="UnRegistered", page=page(ctl_hash="x", itl_hash="x")),
    )
    numbers = judged(replace(REPLACED, phones=phones)).numbers.list_hashes
    assert numbers == {("itl", "newest"): 1, ("itl", "none"): 1, ("ctl", "newest"): 2}


# TVS.


def test_who_suffers_from_a_tvs_that_does_not_know() -> None:
    got = of(replace(tvs_answers(unknown_to("sub2", PUB)), lists=REPLACED.lists), ClusterCode.TVS_UNAWARE)["sub2"]
    assert got.so_what.startswith("2 phones that have not taken the newest ITL ask this TVS")
    assert got.evidence["phones"] == 2
    web = of(tvs_answers(unknown_to("sub2", TOMCAT)), ClusterCode.TVS_UNAWARE)["sub2"]
    assert web.so_what == "Where this TVS is asked, no phone reaches services by https, for no list names tomcat."
    assert web.count == 3
    both = of(tvs_answers(unknown_to("sub2", TOMCAT), unknown_to("sub2", CAPF)), ClusterCode.TVS_UNAWARE)["sub2"]
    assert "Phones that switch on with an old list" in both.so_what
    assert "https" in both.so_what


def test_a_certificate_that_was_first_seen_when_tvs_was_asked_counts() -> None:
    fresh = SUB2.but(serial=0x77, not_before=START.replace(year=2026))
    base = tvs_answers(unknown_to("sub1", fresh))
    for first, is_told in ((ASKED, True), (ASKED + 1, False)):
        own = replace(stored("sub2", "CallManager", fresh), first_seen=first, last_seen=NOW)
        assert (of(replace(base, stores=(own,)), ClusterCode.TVS_UNAWARE) != {}) is is_told


def test_a_tvs_that_is_not_activated_is_not_judged() -> None:
    nodes = (*NODES[:2], replace(NODES[2], services=frozenset({"Cisco CallManager"})))
    snapshot = replace(tvs_answers(unknown_to("sub2", PUB)), nodes=nodes)
    assert of(snapshot, ClusterCode.TVS_UNAWARE) == {}
    assert judged(snapshot).numbers.tvs_unaware == {"pub": 0, "sub1": 0}


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
