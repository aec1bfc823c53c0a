"""Lists as nodes and phones have them, and what TVS knows: proof beside what times only hint at."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import md5

import pytest

from ctlctl.assess.installed import SETTLES_SECONDS
from ctlctl.assess.known import Known
from ctlctl.assess.model import ClusterCode, FindingSeverity, Held, HeldVersion
from ctlctl.assess.phonelists import PhoneLists
from ctlctl.inventory.values import PastVersion, Phone, Registration
from ctlctl.inventory.words import ListKind, Source
from support.assesscases import (
    OLDER_ITL,
    tvs_answers,
    unknown_to,
)
from support.lists import CAPF, PUB, STRANGER, SUB2
from support.pki import START
from support.smallsnapshot import (
    ASKED,
    DAY,
    NODES,
    NOW,
    TOMCAT,
    ctl,
    itl,
    judged,
    newer,
    of,
    page,
    phone,
    shown,
    stored,
    whole,
    with_lists,
)

CC, TVS = Source.CONTROL_CENTER, Source.TVS
W, U, CRITICAL, INFO = (
    FindingSeverity.WARNING,
    FindingSeverity.UNKNOWN,
    FindingSeverity.CRITICAL,
    FindingSeverity.INFO,
)


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
    assert PhoneLists(REPLACED, Known(REPLACED)).held(one, "itl").state is expected


def test_a_strange_list_proves_nothing_while_a_tftp_node_is_silent() -> None:
    one = phone(page=page(itl_hash="ab" * 16))
    silent = replace(REPLACED, lists=tuple(each for each in REPLACED.lists if each.node == "pub"))
    assert PhoneLists(silent, Known(silent)).held(one, "itl").state is Held.UNKNOWN


#: ITLs that differ by one name each.
THEN = [itl("pub", (0, STRANGER.read(), f"then{n}", None), signer=STRANGER) for n in range(4)]
FIRST, SECOND, OTHERS, GONE = THEN


def past(node: str, data: bytes, first: int, last: int, kind: ListKind = "itl") -> PastVersion:
    sums = tuple(hashlib.new(name, data).hexdigest() for name in ("md5", "sha1", "sha256", "sha512"))
    return PastVersion(node, kind, sums[2], sums, NOW - first * DAY, NOW - last * DAY)


#: pub served three before the one of now, one of them twice; sub1 another; a node that is asked no more a fifth.
MANY = replace(
    REPLACED,
    past_versions=(
        past("pub", FIRST, 90, 60),
        past("sub9", GONE, 80, 50),
        past("pub", SECOND, 60, 40),
        past("sub1", OTHERS, 50, 30),
        past("pub", OLDER_ITL, 40, 30),
        past("sub1", itl("sub1"), 30, 0),
        past("pub", SECOND, 30, 20),
        past("pub", OLDER_ITL, 20, 2),
        past("pub", itl(), 2, 0),
    ),
)


@pytest.mark.parametrize(
    ("data", "nodes", "first", "last", "behind", "replaced"),
    [
        # Another list in between counts once, however often it came back.
        (FIRST, ("pub",), 90, 60, 3, 60),
        # One that came back is as far behind as when it was there last.
        (SECOND, ("pub",), 60, 20, 2, 20),
        (OLDER_ITL, ("pub",), 40, 2, 1, 2),
        # Of another node than the one that changed last: told as that node's, behind by what that one served since.
        (OTHERS, ("sub1",), 50, 30, 1, 30),
        (GONE, ("sub9",), 80, 50, 0, None),
    ],
)
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_a_phone_that_missed_several_lists_is_no_stranger(  # noqa: PLR0917 - a row of the table
    data: bytes, nodes: tuple[str, ...], first: int, last: int, behind: int, replaced: int | None, name: str
) -> None:
    held = PhoneLists(MANY, Known(MANY)).held(with_page(hashlib.new(name, data).hexdigest()), "itl")
    replaced_at = None if replaced is None else NOW - replaced * DAY
    sha256 = hashlib.sha256(data).hexdigest()
    assert held.state is Held.OLDER
    assert held.version == HeldVersion(sha256, nodes, NOW - first * DAY, NOW - last * DAY, behind, replaced_at)


def test_what_every_version_tells_and_what_none_does() -> None:
    judge = PhoneLists(MANY, Known(MANY))
    assert judge.held(with_page(md5_of(itl())), "itl").state is Held.NEWEST
    assert judge.held(with_page("ab" * 16), "itl").state is Held.FOREIGN
    # A CTL's checksum is no ITL's.
    assert judge.held(with_page(md5_of(ctl())), "itl").state is Held.FOREIGN


def test_the_same_version_of_several_nodes_is_told_once() -> None:
    versions = (
        past("pub", FIRST, 90, 60, "ctl"),
        past("sub1", FIRST, 89, 40, "ctl"),
        past("pub", SECOND, 60, 40, "ctl"),
        past("pub", ctl(), 40, 0, "ctl"),
        past("sub1", ctl(), 40, 0, "ctl"),
    )
    snapshot = with_lists(newer("pub", "ctl", ctl(), SECOND, age=40 * DAY))
    snapshot = replace(snapshot, past_versions=versions)
    held = PhoneLists(snapshot, Known(snapshot)).held(phone(page=page(ctl_hash=md5_of(FIRST))), "ctl")
    # sub1 served it last, and only one after it.
    sha256 = hashlib.sha256(FIRST).hexdigest()
    assert held.version == HeldVersion(sha256, ("pub", "sub1"), NOW - 90 * DAY, NOW - 40 * DAY, 1, NOW - 40 * DAY)


def test_how_far_behind_is_told_and_counts_from_the_first_list_that_was_missed() -> None:
    far = [replace(with_page(md5_of(FIRST)), config=phone(f"SEPF{n}").config) for n in range(3)]
    one = with_page(md5_of(OLDER_ITL))
    strange = replace(with_page("ab" * 16), config=phone("SEPS").config)
    got = of(replace(MANY, phones=(*far, one, strange)), ClusterCode.PHONE_LIST_OLD)["itl"]
    assert got.severity is W
    assert (
        "4 hold an older one that was served before (3 of them two or more versions behind, the oldest of pub, last "
        "seen 2026-09-24); 1 holds one that no node was ever seen to serve" in got.summary
    )
    shown = got.evidence["versions"]
    assert isinstance(shown, list)
    assert [(each["behind"], each["phones"]) for each in shown if isinstance(each, dict)] == [(3, 3), (1, 1)]
    # Two days are no long time for the newest list; that the one phone lacks none but that is no warning yet.
    fresh = of(replace(MANY, phones=(one, strange)), ClusterCode.PHONE_LIST_OLD)["itl"]
    assert fresh.severity is INFO


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


def test_a_certificate_that_was_made_just_before_tvs_was_asked_is_on_its_way() -> None:
    # Certificate Change Notification takes minutes to bring a renewed one to the other nodes.
    for age, is_told in ((SETTLES_SECONDS - 1, False), (SETTLES_SECONDS, True)):
        fresh = SUB2.but(serial=0x77, not_before=datetime.fromtimestamp(ASKED - age, UTC))
        own = replace(stored("sub2", "CallManager", fresh), first_seen=ASKED - 60, last_seen=NOW)
        snapshot = replace(tvs_answers(unknown_to("sub1", fresh)), stores=(own,))
        assert (of(snapshot, ClusterCode.TVS_UNAWARE) != {}) is is_told


def test_a_tvs_that_is_not_activated_is_not_judged() -> None:
    nodes = (*NODES[:2], replace(NODES[2], services=frozenset({"Cisco CallManager"})))
    snapshot = replace(tvs_answers(unknown_to("sub2", PUB)), nodes=nodes)
    assert of(snapshot, ClusterCode.TVS_UNAWARE) == {}
    assert judged(snapshot).numbers.tvs_unaware == {"pub": 0, "sub1": 0}
