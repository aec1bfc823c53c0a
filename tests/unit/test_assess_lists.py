"""Trust lists: verdicts, what is missing and surplus, how a list follows on the one before."""

from dataclasses import replace
from hashlib import md5

import pytest

from ctlctl.assess.continuity import History
from ctlctl.assess.expected import expected
from ctlctl.assess.known import Known, common_name
from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity, ListView
from ctlctl.assess.words import moment
from ctlctl.inventory.values import ClusterFacts, ListVersion, NodeFact, Phone, ServedList, Snapshot
from ctlctl.inventory.words import ListKind, Source
from support.lists import CAPF, PUB, RECOVERY, STRANGER, SUB1, SUB2, TVS, ctl_rows, itl_rows
from support.pki import plan
from support.smallsnapshot import (
    DAY,
    NEW_PUB,
    NODES,
    NOW,
    REFUSED,
    SEEN,
    codes,
    ctl,
    found,
    healthy,
    itl,
    judged,
    newer,
    page,
    phone,
    row,
    served,
    with_certificates,
    with_lists,
)
from support.snapshots import version

ECDSA = plan("pub-EC.example.com", "ec384", serial=0x5150)
OLD_RELEASE = ClusterFacts("11.5.1.21900-40", "11.5", 1, lsc_columns=True)


def view(snapshot: Snapshot, node: str = "pub", kind: ListKind = "ctl") -> ListView:
    return next(one for one in judged(snapshot).lists if (one.node, one.kind) == (node, kind))


def only(snapshot: Snapshot) -> Finding:
    findings = judged(snapshot).findings
    assert len(findings) == 1
    return findings[0]


def both(data: bytes) -> Snapshot:
    return with_lists(served("pub", "ctl", data), served("sub1", "ctl", data))


@pytest.mark.parametrize(
    ("snapshot", "verdict"),
    [
        (healthy(), "valid"),
        (with_lists(served("pub", "ctl", ctl()[:-9])), "invalid"),
        (with_lists(served("pub", "ctl", ctl(*ctl_rows()[:-1]))), "stale"),
        (with_lists(served("pub", "ctl", None, absent_since=NOW)), "absent"),
        (with_lists(served("pub", "ctl", b"")), "absent"),
        (with_lists(served("pub", "ctl", None, fault=REFUSED)), "undecided"),
        (with_lists(served("pub", "ctl", None)), "undecided"),
        (with_lists(served("pub", "ctl", ctl(), fault=REFUSED)), "valid"),
        (replace(healthy(), nodes=()), "undecided"),
        (replace(healthy(), facts=None), "undecided"),
        (replace(healthy(), facts=ClusterFacts("14.0", "14.0", 0, lsc_columns=True)), "valid"),
    ],
)
def test_verdicts(snapshot: Snapshot, verdict: str) -> None:
    assert view(snapshot).verdict == verdict


def test_a_signer_that_the_cluster_does_not_know_proves_nothing() -> None:
    rows = [*ctl_rows(), (0, STRANGER.read(), "x", None)]
    assert view(both(ctl(*rows, signer=STRANGER))).verdict == "self-consistent"


def test_a_view_says_what_was_seen() -> None:
    got = view(healthy())
    assert (got.records, got.signer, got.continuity) == (6, "ITLRECOVERY_pub.example.com", "first")
    assert (got.size, got.signature_valid, got.missing, got.surplus) == (len(ctl()), True, (), ())
    assert got.first_seen == NOW - 50 * DAY


@pytest.mark.parametrize("left_out", range(1, 6))
def test_each_record_of_a_ctl_is_needed_but_the_second_sast(left_out: int) -> None:
    rows = ctl_rows()
    del rows[left_out]
    snapshot = both(ctl(*rows))
    assert (ClusterCode.STALE_CTL in codes(snapshot)) is (left_out != 1)


@pytest.mark.parametrize("left_out", range(2, 7))
def test_each_record_of_an_itl_is_needed(left_out: int) -> None:
    rows = itl_rows()
    # One TVS certificate serves all nodes, so that one record of it is enough.
    kept = [one for index, one in enumerate(rows) if index != left_out and (left_out < 4 or one[0] != 21)]
    assert only(with_lists(served("pub", "itl", itl("pub", *kept)))).code is ClusterCode.STALE_ITL


def test_itl_recovery_must_sign_from_12_on() -> None:
    rows = tuple(one for one in ctl_rows() if one[1] != RECOVERY.read())
    stale = found(both(ctl(*rows, signer=PUB)))["stale-ctl", ""]
    assert stale.summary.startswith("CTL lacks ITLRecovery (")
    assert stale.do[0].startswith("On the publisher: utils ctl reset localkey")
    assert "only by asking TVS" in stale.so_what
    # A database that has none, or an older release, goes without.
    for snapshot in (
        replace(both(ctl(*rows, signer=PUB)), facts=OLD_RELEASE),
        replace(
            both(ctl(*rows, signer=PUB)),
            certificates=with_certificates(without=[(Source.AXL, "pub", "ITLRecovery")]).certificates,
        ),
    ):
        assert ClusterCode.STALE_CTL not in codes(snapshot)


def test_a_renewed_callmanager_up_to_11_5_says_who_cannot_follow() -> None:
    base = with_certificates(row(Source.AXL, "pub", "CallManager", NEW_PUB))
    stale = found(replace(base, facts=OLD_RELEASE))["stale-ctl", ""]
    assert "not if TVS was renewed too" in stale.do[0]
    assert "1 phone in secure profiles rejects pub at the next reset" in stale.so_what


def test_ecdsa_is_expected_where_it_is_installed() -> None:
    base = with_certificates(row(Source.AXL, "pub", "CallManager-ECDSA", ECDSA))
    assert "CallManager-ECDSA of pub" in found(base)["stale-ctl", ""].summary
    data = ctl(*ctl_rows(), (2, ECDSA.read(), "pub", "10.1.1.11"))
    lists = tuple(
        replace(one, current=served("x", "ctl", data).current) if one.kind == "ctl" else one for one in base.lists
    )
    assert judged(replace(base, lists=lists)).findings == ()


def test_a_ctl_has_no_tvs() -> None:
    surplus = judged(both(ctl(*ctl_rows(), (21, TVS.read(), "pub", "10.1.1.11")))).findings
    assert {one.code for one in surplus} == {ClusterCode.LIST_SURPLUS}
    assert "a CTL has no TVS" in surplus[0].summary


def test_the_database_outranks_the_port() -> None:
    base = with_certificates(row(Source.AXL, "sub2", "CallManager", NEW_PUB))
    assert codes(base) == {ClusterCode.STALE_CTL, ClusterCode.SERVED_DIFFERS}
    # Without a row the port tells.
    ports = with_certificates(
        *(row(Source.TLS_PORTS, "sub2", port, NEW_PUB) for port in ("sip", "sccp")),
        without=[(Source.AXL, "sub2", "CallManager")],
    )
    assert codes(ports) == {ClusterCode.STALE_CTL}


def test_names_of_nodes_may_be_short_or_long() -> None:
    rows = tuple(replace(one, node=f"{one.node.upper()}.example.com") for one in healthy().certificates)
    known = Known(replace(healthy(), certificates=rows))
    assert all(wanted.any_of for wanted in expected("ctl", "pub", known))


def test_im_and_presence_nodes_are_in_no_list() -> None:
    services = frozenset({"Cisco Trust Verification Service"})
    node = NodeFact("imp", "Subscriber", "CUCM IM and Presence", services)
    assert judged(replace(healthy(), nodes=(*NODES, node))).findings == ()


def test_a_node_nobody_was_asked_at() -> None:
    snapshot = replace(healthy(), lists=healthy().lists[:2])
    assert set(found(snapshot)) == {("list-unreadable", "sub1/ctl"), ("list-unreadable", "sub1/itl")}


def _step(lists: list[ServedList], base: Snapshot | None = None) -> tuple[str, FindingSeverity | None]:
    snapshot = replace(base or healthy(), lists=tuple(lists))
    got = judged(snapshot)
    severities = [one.severity for one in got.findings if one.code is ClusterCode.LIST_CONTINUITY_BROKEN]
    one = next(each for each in got.lists if each.node == lists[0].node and each.kind == lists[0].kind)
    return one.continuity, severities[0] if severities else None


def test_a_list_signed_by_the_same_anchor_follows() -> None:
    before = itl("pub", *itl_rows()[:-1])
    assert _step([newer("pub", "itl", itl(), before)]) == ("continuous", None)


def test_tvs_vouches_while_phones_know_it() -> None:
    old = (0, STRANGER.read(), "x", None)
    tvs = (21, TVS.read(), "pub", None)
    asks = itl("pub", old, tvs, signer=STRANGER)
    mute = itl("pub", old, (21, CAPF.read(), "x", None), signer=STRANGER)
    assert _step([newer("pub", "itl", itl(), asks)]) == ("broken", None)
    assert _step([newer("pub", "itl", itl(), mute)]) == ("broken", FindingSeverity.CRITICAL)
    # One TVS of three was renewed as well.
    renewed = with_certificates(row(Source.AXL, "sub2", "TVS", STRANGER))
    assert _step([newer("pub", "itl", itl(), asks)], renewed) == ("broken", FindingSeverity.WARNING)


def test_tvs_knows_only_what_the_cluster_has() -> None:
    asks = itl("pub", (0, PUB.read(), "x", None), (21, TVS.read(), "pub", None), signer=PUB)
    foreign = itl("pub", *itl_rows(), (0, STRANGER.read(), "x", None), signer=STRANGER)
    assert _step([newer("pub", "itl", foreign, asks)]) == ("broken", FindingSeverity.CRITICAL)


def test_the_ctl_vouches_for_an_itl_in_mixed_mode() -> None:
    mute = itl("pub", (0, STRANGER.read(), "x", None), signer=STRANGER)
    lists = [newer("pub", "itl", itl(), mute), served("pub", "ctl", ctl())]
    assert _step(lists) == ("broken", None)
    relaxed = replace(healthy(), facts=ClusterFacts("14.0", "14.0", 0, lsc_columns=True))
    assert _step(lists, relaxed) == ("broken", FindingSeverity.CRITICAL)
    # Phones that refused the new CTL hold the one before, which names somebody else.
    lists[1] = newer("pub", "ctl", ctl(), ctl((0, STRANGER.read(), "x", None), signer=STRANGER))
    assert _step(lists) == ("broken", FindingSeverity.CRITICAL)


def test_a_break_is_told_until_phones_are_over_it() -> None:
    old = ctl((0, STRANGER.read(), "x", None), signer=STRANGER)
    before = itl("pub", (0, STRANGER.read(), "x", None), signer=STRANGER)
    there = phone()
    gone = phone("SEPA", status="UnRegistered")

    def broken(age: int, *phones: Phone) -> bool:
        lists = (newer("pub", "itl", itl(), before, age), newer("pub", "ctl", ctl(), old, age))
        return ClusterCode.LIST_CONTINUITY_BROKEN in codes(replace(healthy(lists=lists), phones=phones))

    # Registered 5 days ago.
    assert broken(4 * DAY, there)
    assert broken(6 * DAY, there)
    assert not broken(8 * DAY, there)
    assert broken(8 * DAY, there, gone)


#: An ITL that phones took for a day, and that the one of now does not follow on.
MEANWHILE = itl("pub", (0, STRANGER.read(), "x", None), signer=STRANGER)


def taken_back(*phones: Phone, then: bytes | None = None, age: int = DAY, twice: bool = False) -> Finding | None:
    """Judge the ITL of pub of now, which took the place of MEANWHILE, which took the place of another a day before."""
    first, second, third = (NOW - age - days * DAY for days in (1, 5, 7))
    earlier: tuple[ListVersion, ...] = (version(then or itl(), second if twice else SEEN, first),)
    if twice:
        earlier += (version(MEANWHILE, third, second), version(itl(), SEEN, third))
    made = newer("pub", "itl", itl(), MEANWHILE, age)
    previous = version(MEANWHILE, NOW - age - DAY, NOW - age)
    lists = healthy(lists=(replace(made, previous=previous, earlier=earlier), served("sub1", "itl", itl("sub1"))))
    lists = replace(lists, facts=ClusterFacts("14.0", "14.0", 0, lsc_columns=True))
    found_ = [one for one in judged(replace(lists, phones=phones)).findings if one.code == "list-continuity-broken"]
    return found_[0] if found_ else None


def since(age: int | None, status: str = "Registered", name: str = "SEPX", **changes: object) -> Phone:
    """Return a phone whose state is what it is for so long."""
    one = phone(name, status=status, **changes)
    assert one.registration is not None
    return replace(one, registration=replace(one.registration, changed_at=None if age is None else NOW - age))


HOUR = 3600
W, U = FindingSeverity.WARNING, FindingSeverity.UNKNOWN


@pytest.mark.parametrize(
    ("one", "age", "severity"),
    [
        # Registered since before the other list, during it, and since the one of before is back.
        (since(5 * DAY), DAY, None),
        (since(36 * HOUR), DAY, W),
        (since(HOUR), DAY, None),
        (since(None), DAY, W),
        # It stays as long as the phone does.
        (since(30 * DAY + 12 * HOUR), 30 * DAY, W),
        # Off before the other list, or never seen; lost while it was served, and after.
        (since(5 * DAY, "UnRegistered"), DAY, None),
        (since(None, "Unknown"), DAY, None),
        (since(36 * HOUR, "UnRegistered"), DAY, U),
        (since(HOUR, "Rejected"), DAY, U),
        (since(HOUR, "Rejected"), 8 * DAY, None),
        (replace(since(HOUR), registration=None), DAY, U),
        # Its own page decides; one that was read before the phone started again says nothing.
        (since(36 * HOUR, page=page(itl_hash=md5(itl()).hexdigest())), DAY, None),
        (since(5 * DAY, page=page(itl_hash=md5(MEANWHILE).hexdigest())), DAY, FindingSeverity.CRITICAL),
        (since(36 * HOUR, page=page(itl_hash=md5(itl()).hexdigest(), at=NOW - 9 * DAY)), DAY, W),
        # A model that knows no ITL.
        (since(36 * HOUR, model="Cisco 7960"), DAY, None),
    ],
)
def test_a_list_that_was_taken_back_concerns_who_took_the_other(
    one: Phone, age: int, severity: FindingSeverity | None
) -> None:
    found_ = taken_back(one, phone("SEPA"), age=age)
    assert (None if found_ is None else found_.severity) == severity
    assert found_ is None or (found_.count, "was taken back" in found_.summary) == (1, True)


def test_a_list_taken_back_may_be_signed_anew_and_come_and_go() -> None:
    # The same anchor, another list: as when Cisco Tftp was restarted.
    other = itl("pub", *itl_rows()[:-1])
    assert taken_back(phone(), then=other) is None
    assert taken_back(since(36 * HOUR), then=other) is not None
    # It was served before: who started then may hold it too, who started between may not.
    lost = since(DAY + 6 * DAY)
    assert taken_back(lost, twice=True) is not None
    assert taken_back(lost) is None
    assert taken_back(since(DAY + 3 * DAY), twice=True) is None
    # Of no list before is anything known: all that did not register anew are concerned.
    found_ = taken_back(phone(), then=MEANWHILE)
    assert found_ is not None
    assert (found_.severity, found_.count) == (FindingSeverity.CRITICAL, 1)


def test_without_any_phone_a_list_taken_back_is_unknown_for_a_week() -> None:
    first, later = taken_back(), taken_back(age=8 * DAY)
    assert (first is not None and first.severity, later) == (U, None)


def test_phones_that_kept_a_list_that_came_back_have_taken_it() -> None:
    made = replace(newer("pub", "itl", itl(), MEANWHILE, DAY), earlier=(version(itl(), SEEN, NOW - 2 * DAY),))
    phones = (phone(), since(36 * HOUR, name="SEPA"), since(80 * DAY, name="SEPB"), since(HOUR, name="SEPC"))
    views = judged(replace(with_lists(made), phones=phones)).phones
    assert {view.name for view in views if view.list_not_taken} == {"SEPA"}
    # Another list was there before it: who is registered since then has that one.
    before = replace(made, earlier=(*made.earlier, version(MEANWHILE, SEEN - 99 * DAY, SEEN)))
    views = judged(replace(with_lists(before), phones=phones)).phones
    assert {view.name for view in views if view.list_not_taken} == {"SEPA", "SEPB"}


def test_secure_phones_that_do_not_take_a_list_for_a_week_are_a_warning() -> None:
    before = itl("pub", *itl_rows(), (2, STRANGER.read(), "x", None))
    for age, severity in ((3 * DAY, FindingSeverity.INFO), (8 * DAY, FindingSeverity.WARNING)):
        gone = phone("SEPA", status="UnRegistered")
        snapshot = replace(with_lists(newer("pub", "itl", itl(), before, age)), phones=(gone, phone()))
        taken = found(snapshot)["list-not-taken", "itl"]
        assert taken.severity is severity
        assert judged(snapshot).phones[0].list_not_taken == {"itl"}


def test_phones_are_not_to_be_reset_for_a_new_list_while_they_would_be_lost() -> None:
    before = itl("pub", *itl_rows(), (2, STRANGER.read(), "x", None))
    itls = newer("pub", "itl", itl(), before)
    phones = (phone("SEPA", status="UnRegistered"), *(phone(f"SEP{n}") for n in range(20)))
    stale = ctl(*ctl_rows()[:-1])
    well = replace(with_lists(itls), phones=phones)
    ill = replace(with_lists(itls, served("pub", "ctl", stale), served("sub1", "ctl", stale)), phones=phones)
    first = [found(one)["list-not-taken", "itl"].do[0] for one in (well, ill)]
    assert first[0].startswith("Renew no other certificate before they have it: reset them")
    assert first[1].startswith("Reset none and renew nothing before stale-ctl is settled")


def test_a_list_that_was_never_another_has_no_age() -> None:
    gone = phone("SEPA", status="UnRegistered")
    snapshot = replace(healthy(), phones=(gone, *(phone(f"SEP{n}") for n in range(20))))
    assert judged(snapshot).findings == ()


def test_one_serial_number_with_two_keys_is_an_alarm() -> None:
    twin = SUB2.but(key_name="rsa2048-phone")
    before = ctl(
        *[(role, twin.read() if cert == SUB2.read() else cert, name, ip) for role, cert, name, ip in ctl_rows()]
    )
    got = found(with_lists(newer("pub", "ctl", ctl(), before)))
    assert got["list-invalid", "pub/ctl"].severity is FindingSeverity.CRITICAL


def test_a_list_before_that_cannot_be_read_says_nothing() -> None:
    history = History("pub", {"itl": newer("pub", "itl", itl(), b"junk")}, {})
    step = history.step("itl", Known(healthy()), moment(NOW), phones_without_tvs=0)
    assert (step.continuity, step.severity) == ("first", None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, None),
        ("", None),
        ("CAPF-1a2b", "CAPF-1a2b"),
        ("CN=CAPF-1a2b,OU=x", "CAPF-1a2b"),
        ("C=DE;cn = CAPF-1a2b ;O=x", "CAPF-1a2b"),
        ("O=Only", "O=Only"),
        ("CN=", "CN="),
        ("  ", None),
    ],
)
def test_common_names_of_the_database(text: str | None, name: str | None) -> None:
    assert common_name(text) == name


def test_sub1_has_a_callmanager_of_its_own() -> None:
    assert view(healthy(), "sub1", "itl").verdict == "valid"
    assert SUB1.read() != PUB.read()


def test_what_was_seen_after_the_list_was_fetched_is_not_held_against_it() -> None:
    """A renewal between two rounds: AXL tells of it before the new list was looked at."""
    renewed = replace(row(Source.AXL, "pub", "CallManager", NEW_PUB), first_seen=NOW + 1)
    assert codes(with_certificates(renewed)).isdisjoint({ClusterCode.STALE_CTL, ClusterCode.STALE_ITL})
    known_by_then = replace(renewed, first_seen=NOW)
    assert ClusterCode.STALE_CTL in codes(with_certificates(known_by_then))
