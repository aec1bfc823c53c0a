"""Certificates of nodes: who is believed about them, what ports present, what they lack."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from ctlctl.assess.installed import choose
from ctlctl.assess.known import Known
from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.assess.seen import Seen
from ctlctl.inventory.values import SeenCertificate
from ctlctl.inventory.words import Source
from support.assesscases import (
    API,
    CLI,
    SERVER_AUTH,
    disagreeing,
    installed,
    issued,
    purposes,
    renewed,
)
from support.lists import CAPF, PUB, SUB2
from support.pki import START, plan, san_extension
from support.smallsnapshot import (
    ASKED,
    DAY,
    NEW_PUB,
    NODES,
    NOW,
    TOMCAT,
    codes,
    judged,
    of,
    row,
    stored,
    whole,
    with_certificates,
)

CC, TVS = Source.CONTROL_CENTER, Source.TVS
W, U, CRITICAL, INFO = (
    FindingSeverity.WARNING,
    FindingSeverity.UNKNOWN,
    FindingSeverity.CRITICAL,
    FindingSeverity.INFO,
)


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
