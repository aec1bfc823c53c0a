"""Every code fires for what it is about, with its severity, and nothing fires for a cluster in good health."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace

import pytest

from ctlctl.assess.assessment import assess
from ctlctl.assess.model import ClusterCode as C
from ctlctl.assess.model import FindingSeverity as S
from ctlctl.inventory.values import ClusterFacts, Phone, PortState, SecurityModeChange, Snapshot, SourceState
from ctlctl.inventory.words import Fault, Source
from support.assesscases import NODE_CASES, NODE_NEAR_MISSES, Case
from support.enrolmentcases import ENROLMENT_CASES
from support.lists import CAPF, PUB, STRANGER, SUB1, TVS, Row, ctl_rows, itl_rows
from support.pki import END, START
from support.smallsnapshot import (
    CAPF_ENDS,
    DAY,
    NEW_PUB,
    NODES,
    NOW,
    OLD_CAPF,
    POLICY,
    REFUSED,
    TOKEN,
    codes,
    ctl,
    found,
    healthy,
    itl,
    judged,
    newer,
    phone,
    probe,
    row,
    served,
    whole,
    with_certificates,
    with_lists,
    without_lsc,
)

FACTS = ClusterFacts("14.0.1.13900-155", "14.0", 1, lsc_columns=True)


def failing(source: Source, kind: str) -> Callable[[], Snapshot]:
    fault = Fault(kind, "it said no", "Do this first")
    state = SourceState(source, NOW - 7200, NOW, fault, NOW - 3600)
    return lambda: healthy(sources={**healthy().sources, source: state})


def phones(*changed: Phone) -> Callable[[], Snapshot]:
    return lambda: healthy(phones=tuple(changed))


def many(number: int, **changes: object) -> tuple[Phone, ...]:
    return tuple(phone(f"SEP{index:012X}", **changes) for index in range(number))


def large_ctl() -> Snapshot:
    rows = [(2, PUB.read(), f"node{index}.example.com", None) for index in range(30)]
    data = ctl(*ctl_rows(), *rows)
    return with_lists(served("pub", "ctl", data), served("sub1", "ctl", data))


def broken_itl() -> Snapshot:
    """The ITL before had other anchors and another TVS, and the CTL does not help."""
    before = itl("pub", (0, STRANGER.read(), "x", None), (21, STRANGER.read(), "x", None), signer=STRANGER)
    old_ctl = ctl((0, STRANGER.read(), "x", None), signer=STRANGER)
    return with_lists(newer("pub", "itl", itl(), before), newer("pub", "ctl", ctl(), old_ctl))


def anchors(days: int) -> Snapshot:
    """CallManager and TVS of a node end together, so many days from now."""
    end = START.fromtimestamp(NOW + days * DAY, START.tzinfo)
    later = START.fromtimestamp(NOW + (days + 20) * DAY, START.tzinfo)
    rows = [row(Source.AXL, "sub2", "CallManager", SUB1.but(not_after=end))]
    return with_certificates(*rows, row(Source.AXL, "sub2", "TVS", TVS.but(not_after=later)))


def expiring(days: int) -> Callable[[], Snapshot]:
    end = START.fromtimestamp(NOW + days * DAY, START.tzinfo)
    return lambda: with_certificates(row(Source.AXL, "sub2", "tomcat", PUB.but(not_after=end)))


CASES = {
    C.SOURCE_FAILING: Case(failing(Source.AXL, "unreachable"), S.WARNING, "axl", "for 60 min (last answer 2 h ago)"),
    C.SOURCE_STALE: Case(
        lambda: healthy(sources={**healthy().sources, Source.RIS: SourceState(Source.RIS, NOW - 7 * 3600, NOW)}),
        S.UNKNOWN,
        "ris",
        "7 h ago",
    ),
    C.IDENTITY_CHANGED: Case(failing(Source.AXL, "tls"), S.CRITICAL, "axl", "does not prove itself"),
    C.CREDENTIALS_REFUSED: Case(failing(Source.RIS, "credentials"), S.CRITICAL, "ris", "refuses the user"),
    C.CLUSTER_BUSY: Case(lambda: healthy(facts=replace(FACTS, throttled=12)), S.INFO, "", "12 times"),
    C.SECURITY_MODE_CHANGED: Case(
        lambda: healthy(mode_changes=(SecurityModeChange(NOW - DAY, 0, 1),)), S.WARNING, "", "non-secure to mixed"
    ),
    C.SECURITY_MODE_UNKNOWN: Case(lambda: healthy(facts=replace(FACTS, security_mode=None)), S.UNKNOWN),
    C.PROFILES_WITHOUT_MIXED_MODE: Case(
        lambda: healthy(facts=replace(FACTS, security_mode=0)), S.WARNING, "", "1 phone has a secure profile"
    ),
    C.NODE_NOT_IN_SETTINGS: Case(
        healthy, S.WARNING, "", "sub1 and sub2 are", policy=replace(POLICY, configured_nodes={"pub": True})
    ),
    C.NODE_UNKNOWN_TO_CLUSTER: Case(
        healthy,
        S.WARNING,
        "",
        "sub9",
        policy=replace(POLICY, configured_nodes={**POLICY.configured_nodes, "sub9": False}),
    ),
    C.PORT_SILENT: Case(
        lambda: healthy(ports=(PortState("pub", "sip", REFUSED, NOW - 600), PortState("pub", "tvs", None, NOW))),
        S.WARNING,
        "pub",
        "sip",
    ),
    C.LIST_INVALID: Case(
        lambda: with_lists(served("pub", "itl", itl()[:-7] + b"garbage")), S.CRITICAL, "pub/itl", "not valid"
    ),
    C.LIST_MISSING: Case(
        lambda: with_lists(served("sub1", "ctl", None, absent_since=NOW - 7200)), S.CRITICAL, "sub1/ctl", "2 h"
    ),
    C.LIST_UNREADABLE: Case(
        lambda: with_lists(served("sub1", "itl", itl("sub1"), fault=REFUSED)), S.UNKNOWN, "sub1/itl", "refused"
    ),
    C.STALE_CTL: Case(
        lambda: with_certificates(
            row(Source.AXL, "sub2", "CallManager", NEW_PUB), without=[(Source.TLS_PORTS, "sub2", "sip")]
        ),
        S.CRITICAL,
        "",
        "CTL lacks CallManager of sub2 (renewed",
    ),
    C.STALE_ITL: Case(
        lambda: with_lists(served("pub", "itl", itl("sub1"))), S.CRITICAL, "pub/itl", "ITL of pub lacks CallManager"
    ),
    C.LISTS_DIFFER: Case(
        lambda: with_lists(served("pub", "ctl", ctl(*ctl_rows(), (0, SUB1.read(), "sub1", None)))),
        S.CRITICAL,
        "",
        "2 different CTLs",
    ),
    C.LIST_CONTINUITY_BROKEN: Case(broken_itl, S.CRITICAL, "pub/itl", "signed by nobody"),
    C.LIST_SURPLUS: Case(
        lambda: with_lists(served("pub", "itl", itl("pub", *_itl_and((2, STRANGER.read(), "x", None))))),
        S.INFO,
        "pub/itl",
        "stranger.example.com",
    ),
    C.LIST_NEAR_SIZE_LIMIT: Case(large_ctl, S.WARNING, "pub/ctl", "one more node makes 37 certificates"),
    C.LIST_NOT_COMPARED: Case(
        lambda: with_certificates(without=[(Source.AXL, "sub2", "TVS"), (Source.TLS_PORTS, "sub2", "tvs")]),
        S.UNKNOWN,
        "itl",
        "TVS of sub2",
    ),
    C.CTL_LEFT_OVER: Case(lambda: healthy(facts=replace(FACTS, security_mode=0)), S.INFO, "", "left over"),
    C.CTL_TOKEN_SIGNED: Case(
        lambda: with_lists(*(served(node, "ctl", token_ctl()) for node in ("pub", "sub1"))),
        S.WARNING,
        "",
        "1 phone (7960: 1) cannot ask TVS",
    ),
    C.LIST_NOT_TAKEN: Case(
        lambda: with_lists(newer("pub", "itl", itl(), itl("pub", *_itl_and((2, STRANGER.read(), "x", None))))),
        S.INFO,
        "itl",
        "2 phones have not taken the ITL",
    ),
    C.PHONES_ON_MIC: Case(
        phones(without_lsc(probe=probe("Cisco Manufacturing CA SHA2"))), S.WARNING, "", "1 phone relies on its MIC"
    ),
    C.PHONES_MIC_SUSPECTED: Case(phones(without_lsc()), S.WARNING, "", "1 phone in secure profiles has no LSC"),
    C.PHONES_CREDENTIAL_UNKNOWN: Case(
        lambda: healthy(facts=replace(FACTS, lsc_columns=False)), S.UNKNOWN, "", "What 3 phones show, nobody can say"
    ),
    C.LSC_EXPIRED: Case(phones(phone(lsc_valid_until=NOW - DAY)), S.CRITICAL, "", "1 phone has an LSC that has ended"),
    C.LSC_EXPIRING: Case(phones(phone(lsc_valid_until=NOW + 60 * DAY)), S.WARNING, "", "within 90 days"),
    C.LSC_CLIFF: Case(
        phones(*many(12, lsc_valid_until=NOW + 200 * DAY)),
        S.WARNING,
        "",
        "12 of 12 LSCs end in 2027-06; at 5 a night that is 3 nights, start by 2027-06-01",
        policy=replace(POLICY, phones_per_night=5),
    ),
    C.CREDENTIAL_CONTRADICTION: Case(phones(phone(probe=probe("Cisco Manufacturing CA"))), S.WARNING, "", "1 phone"),
    C.PHONES_UNREGISTERED: Case(
        phones(*many(8), *(phone(f"SEP{n}", status="UnRegistered", reason=13) for n in (1, 2))),
        S.CRITICAL,
        "",
        "2 of 10 phones",
    ),
    C.CERTIFICATE_EXPIRED: Case(expiring(-3), S.CRITICAL, "sub2/tomcat", "ended 2026-11-20 (3 d ago)"),
    C.CERTIFICATE_EXPIRING: Case(expiring(60), S.WARNING, "sub2/tomcat", "(60 d)"),
    C.SERVED_DIFFERS: Case(
        lambda: with_certificates(row(Source.TLS_PORTS, "sub2", "sip", PUB)), S.WARNING, "sub2/CallManager", "on sip"
    ),
    C.ANCHORS_EXPIRE_TOGETHER: Case(lambda: anchors(150), S.WARNING, "", "CallManager and TVS of sub2"),
    C.CAPF_ENDS_BEFORE_LSCS: Case(
        phones(phone(lsc_valid_until=CAPF_ENDS + 400 * DAY)),
        S.WARNING,
        "CAPF-1a2b3c4d",
        "before 1 LSC",
        now=CAPF_ENDS - 300 * DAY,
    ),
    C.CAPF_OLD_GENERATION: Case(
        phones(phone(lsc_issuer="CAPF-0badcafe")), S.WARNING, "CAPF-0badcafe", "still carries 1 LSC"
    ),
    C.CERTIFICATE_UNKNOWN: Case(
        lambda: with_certificates(row(Source.AXL, "sub2", "tomcat-trust", b"junk")), S.UNKNOWN, "", "cannot be read"
    ),
    C.CAPF_PENDING_STUCK: Case(
        phones(phone(capf_status="Operation Pending", capf_since=NOW - 3 * DAY)), S.WARNING, "phone", "3 d"
    ),
    C.CAPF_FAILED: Case(
        phones(phone(capf_status="Upgrade Failed: Invalid LSC")), S.INFO, "phone", "Upgrade Failed: Invalid LSC (1)"
    ),
    **NODE_CASES,
    **ENROLMENT_CASES,
}


def _itl_and(*rows: Row) -> tuple[Row, ...]:
    return (*itl_rows(), *rows)


def token_ctl() -> bytes:
    rows = [row_ for row_ in ctl_rows() if row_[0] != 0]
    return ctl((0, TOKEN.read(), "", None), *rows, signer=TOKEN)


def test_a_cluster_in_good_health_raises_nothing() -> None:
    assert judged(healthy()).findings == ()
    assert judged(whole()).findings == ()


def test_every_code_is_tried() -> None:
    assert set(CASES) == set(C)


@pytest.mark.parametrize("code", list(C))
def test_a_code_fires(code: C) -> None:
    case = CASES[code]
    findings = found(case.snapshot(), case.policy, case.now)
    assert (code.value, case.subject) in findings
    finding = findings[code.value, case.subject]
    assert finding.severity is case.severity
    assert case.says in finding.summary
    for text in (finding.summary, finding.so_what):
        assert text.endswith(".")
        assert "  " not in text
        assert ".." not in text
    assert finding.do
    assert all(finding.do)


NEAR_MISSES: dict[C, Case] = {
    C.SOURCE_STALE: Case(
        lambda: healthy(sources={**healthy().sources, Source.RIS: SourceState(Source.RIS, NOW - 5 * 3600, NOW)}),
        S.UNKNOWN,
    ),
    C.IDENTITY_CHANGED: Case(failing(Source.PHONE_TLS, "tls"), S.CRITICAL),
    C.SECURITY_MODE_CHANGED: Case(
        lambda: healthy(mode_changes=(SecurityModeChange(NOW - DAY, None, 1), SecurityModeChange(NOW - 9 * DAY, 0, 1))),
        S.WARNING,
    ),
    C.NODE_NOT_IN_SETTINGS: Case(
        lambda: healthy(nodes=(*NODES, replace(NODES[2], name="imp", role="CUCM IM and Presence"))), S.WARNING
    ),
    C.PORT_SILENT: Case(
        # CAPF is not activated there.
        lambda: healthy(ports=(PortState("sub2", "capf", REFUSED, NOW), PortState("sub2", "tvs", None, NOW))),
        S.WARNING,
    ),
    C.LIST_MISSING: Case(
        lambda: healthy(
            facts=replace(FACTS, security_mode=0),
            lists=(
                served("pub", "ctl", None, absent_since=NOW),
                served("pub", "itl", itl()),
                served("sub1", "ctl", None, absent_since=NOW),
                served("sub1", "itl", itl("sub1")),
            ),
        ),
        S.CRITICAL,
    ),
    C.LIST_CONTINUITY_BROKEN: Case(
        # The CTL, which did not change, names the signer.
        lambda: with_lists(
            newer("pub", "itl", itl(), itl("pub", (0, STRANGER.read(), "x", None), signer=STRANGER)),
        ),
        S.CRITICAL,
    ),
    C.LIST_SURPLUS: Case(
        # A stale list loses what is too much in it when it is updated.
        lambda: with_lists(served("pub", "itl", itl("pub", (0, STRANGER.read(), "x", None), signer=STRANGER))),
        S.INFO,
    ),
    C.LIST_NOT_TAKEN: Case(
        lambda: with_lists(newer("pub", "itl", itl(), itl("pub", *_itl_and((2, STRANGER.read(), "x", None))), 9 * DAY)),
        S.INFO,
    ),
    C.PHONES_ON_MIC: Case(
        phones(without_lsc(security_mode="Non Secure", probe=probe("Cisco Manufacturing CA"))), S.WARNING
    ),
    C.PHONES_MIC_SUSPECTED: Case(phones(without_lsc(security_mode="Non Secure")), S.WARNING),
    C.LSC_EXPIRING: Case(phones(phone(lsc_valid_until=NOW + 91 * DAY)), S.WARNING),
    C.LSC_CLIFF: Case(
        phones(*many(12, lsc_valid_until=NOW + 200 * DAY)), S.WARNING, policy=replace(POLICY, phones_per_night=12)
    ),
    C.CREDENTIAL_CONTRADICTION: Case(phones(phone(probe=probe())), S.WARNING),
    C.PHONES_UNREGISTERED: Case(phones(*many(9), phone("SEPA", status="Rejected")), S.CRITICAL),
    C.CERTIFICATE_EXPIRING: Case(expiring(91), S.WARNING),
    C.ANCHORS_EXPIRE_TOGETHER: Case(lambda: anchors(190), S.WARNING),
    C.CAPF_ENDS_BEFORE_LSCS: Case(
        phones(phone(lsc_valid_until=CAPF_ENDS + 400 * DAY)), S.WARNING, now=CAPF_ENDS - 400 * DAY
    ),
    C.CAPF_PENDING_STUCK: Case(phones(phone(capf_status="Operation Pending", capf_since=NOW - DAY + 60)), S.WARNING),
    C.SERVED_DIFFERS: Case(
        # What a port presented that is silent now says nothing.
        lambda: replace(
            with_certificates(row(Source.TLS_PORTS, "sub2", "sip", PUB)),
            ports=(PortState("sub2", "sip", REFUSED, NOW), PortState("sub2", "tvs", None, NOW)),
        ),
        S.WARNING,
    ),
    C.LISTS_DIFFER: Case(
        lambda: with_lists(served("pub", "ctl", ctl(*ctl_rows(), (0, SUB1.read(), "sub1", None)), fault=REFUSED)),
        S.CRITICAL,
    ),
}


def instants(value: object) -> set[int]:
    """Return every instant of the last year in a snapshot."""
    if isinstance(value, int):
        return {value} if NOW - 365 * DAY < value <= NOW else set()
    parts = [getattr(value, each.name) for each in fields(value)] if is_dataclass(value) else value
    if isinstance(parts, Mapping):
        parts = list(parts.values())
    return set().union(*map(instants, parts)) if isinstance(parts, list | tuple) else set()


@pytest.mark.parametrize("code", list(CASES))
def test_no_finding_names_a_length_of_time_that_is_none(code: C) -> None:
    case = CASES[code]
    snapshot = case.snapshot()
    told = [
        one for now in instants(snapshot) for one in assess(snapshot, case.policy, now).findings if one.code is code
    ]
    words = [text for one in told for text in (one.summary, one.so_what, *one.do)]
    assert [text for text in words if re.search(r"\b0 (s|min|h|d)\b|less than", text)] == []


def test_what_is_found_the_first_time_may_have_begun_long_ago() -> None:
    def said(seconds: int) -> str:
        ports = (PortState("pub", "sip", REFUSED, NOW - seconds), PortState("pub", "tvs", None, NOW))
        return found(healthy(ports=ports))[C.PORT_SILENT, "pub"].summary

    assert said(0) == "Port sip of pub does not answer, first seen just now: connection refused."
    assert said(9) == said(0)
    assert said(600) == "Port sip of pub does not answer, for 10 min: connection refused."


@pytest.mark.parametrize("code", list(NEAR_MISSES))
def test_a_code_does_not_fire_for_what_is_almost_that(code: C) -> None:
    case = NEAR_MISSES[code]
    assert code.value not in {key for key, _ in found(case.snapshot(), case.policy, case.now)}


@pytest.mark.parametrize("what", list(NODE_NEAR_MISSES))
def test_nothing_is_said_of_nodes_for_what_is_almost_that(what: str) -> None:
    code, made = NODE_NEAR_MISSES[what]
    assert code not in codes(made())


def test_worst_comes_first() -> None:
    snapshot = replace(broken_itl(), facts=replace(FACTS, throttled=1), phones=(without_lsc(),))
    severities = [list(S).index(finding.severity) for finding in judged(snapshot).findings]
    assert severities == sorted(severities)
    assert len(set(severities)) > 2


def test_ends_are_those_of_the_plans() -> None:
    # The cases count on certificates of good health that end long after them.
    assert END.timestamp() > NOW + 7 * 365 * DAY
    assert CAPF.read().common_name == "CAPF-1a2b3c4d"
    assert OLD_CAPF.read().common_name == "CAPF-0badcafe"


def test_a_source_that_answered_lately_still_counts_and_one_that_did_not_is_unknown() -> None:
    """Phones of its last answer are shown and counted, so that it must not say that nothing is known of them."""

    def said(last: int) -> str:
        state = SourceState(Source.RIS, last, NOW, Fault("unreachable", "no route to pub"), NOW - 600)
        return found(healthy(sources={**healthy().sources, Source.RIS: state}))[C.SOURCE_FAILING, "ris"].so_what

    assert said(NOW - 900).startswith("What it told then still counts, until it is ")
    assert said(NOW - 20 * DAY) == "Which phones are registered, and which have taken the newest lists, is not known."


def sources(*changed: SourceState) -> set[tuple[str, str, S]]:
    """Return what is said of sources, with these in the place of those in good health."""
    now = dict(healthy().sources)
    now.update((one.source, one) for one in changed)
    snapshot = healthy(sources=now)
    said = {C.SOURCE_FAILING, C.SOURCE_STALE, C.CREDENTIALS_REFUSED, C.IDENTITY_CHANGED, C.CLUSTER_BUSY}
    return {(one.code.value, one.subject, one.severity) for one in judged(snapshot).findings if one.code in said}


def never(source: Source, detail: str = "a: it said no", kind: str = "unreachable") -> SourceState:
    return SourceState(source, None, NOW, Fault(kind, detail), NOW - 60)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        # That it never answered follows from why it cannot be asked; that it is busy says nothing about that.
        ([never(Source.AXL)], {("source-failing", "axl", S.UNKNOWN)}),
        ([never(Source.RIS, kind="credentials")], {("credentials-refused", "ris", S.CRITICAL)}),
        ([never(Source.AXL, kind="tls")], {("identity-changed", "axl", S.CRITICAL)}),
        (
            [never(Source.RIS, kind="throttled")],
            {("cluster-busy", "ris", S.INFO), ("source-stale", "ris", S.UNKNOWN)},
        ),
        # One file of a password for both; the same words of others are theirs alone.
        (
            [never(Source.PLATFORM_CLI, "b: no file"), never(Source.CERTIFICATE_API, "a: no file")],
            {("source-failing", "certificate-api", S.UNKNOWN)},
        ),
        (
            [never(Source.PLATFORM_CLI, "b: no file"), never(Source.CERTIFICATE_API, "a: no route")],
            {("source-failing", "certificate-api", S.UNKNOWN), ("source-failing", "platform-cli", S.UNKNOWN)},
        ),
        (
            [never(Source.AXL, "a: no file"), never(Source.TRUST_LISTS, "a: no file")],
            {("source-failing", "axl", S.UNKNOWN), ("source-failing", "trust-lists", S.UNKNOWN)},
        ),
    ],
)
def test_one_cause_is_one_finding(changed: list[SourceState], said: set[tuple[str, str, S]]) -> None:
    assert sources(*changed) == said


def test_what_is_not_known_for_the_same_reason_is_said_with_it() -> None:
    asked: dict[Source, SourceState] = {
        source: state for source, state in healthy().sources.items() if source is not Source.RIS
    }
    account: dict[Source, SourceState] = {
        source: never(source, f"{source}: no file") for source in (Source.AXL, Source.CONTROL_CENTER)
    }
    got = found(healthy(sources={**asked, **account}))
    assert {key for key in got if key[0] in {C.SOURCE_FAILING, C.SOURCE_STALE}} == {(C.SOURCE_FAILING.value, "axl")}
    one = got[C.SOURCE_FAILING, "axl"]
    assert one.summary.startswith("AXL and Control Center cannot be asked, for 60 s (it never answered): axl: no file")
    assert "Which phones are registered" in one.so_what
    assert "services that phones need" in one.so_what
    # RIS that nobody asked although AXL answers is told itself.
    got = found(healthy(sources=asked))
    assert got[C.SOURCE_STALE, "ris"].severity is S.UNKNOWN


def test_a_node_that_is_away_says_nothing_of_the_others() -> None:
    lists = (*healthy().lists[1:], replace(healthy().lists[0], fault=REFUSED))
    state = never(Source.TRUST_LISTS)
    near = healthy(lists=lists, sources={**healthy().sources, Source.TRUST_LISTS: state})
    assert C.SOURCE_STALE not in codes(near)
    assert C.LIST_UNREADABLE in codes(near)
    late = replace(state, last_attempt=NOW - 7 * 3600)
    assert C.SOURCE_STALE in codes(replace(near, sources={**near.sources, Source.TRUST_LISTS: late}))
