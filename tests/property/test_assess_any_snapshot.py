"""Judging never raises, its numbers add up, and what is not known never looks like good health."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import md5, sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ctlctl.assess.assessment import assess
from ctlctl.assess.model import CredentialState, FindingSeverity, Policy
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PhonePage,
    ReplicationFact,
    ServiceFact,
    ShownList,
    StaleLsc,
    StoreCertificate,
    TvsAnswer,
)
from ctlctl.inventory.values import (
    CapfProfileFact,
    ClusterFacts,
    ListVersion,
    NodeFact,
    Phone,
    PhoneConfig,
    PhoneProbe,
    PortState,
    Registration,
    SecurityModeChange,
    SeenCertificate,
    ServedList,
    Snapshot,
    SourceState,
)
from ctlctl.inventory.words import Fault, Source
from support.lists import CAPF, PUB, RECOVERY, STRANGER, TVS
from support.smallsnapshot import NOW, POLICY, TOKEN, ctl, healthy, itl, judged

LSCS = {CredentialState.LSC, CredentialState.LSC_EXPIRING, CredentialState.LSC_EXPIRED}
DERS = [plan.encode() for plan in (CAPF, PUB, RECOVERY, TVS, STRANGER, TOKEN)]
LISTS = [
    ctl(),
    itl(),
    itl("sub1"),
    ctl((0, STRANGER.read(), "x", None), signer=STRANGER),
    itl("pub", (0, STRANGER.read(), "x", None), (21, STRANGER.read(), "x", None), signer=STRANGER),
]

words = st.one_of(
    st.sampled_from(["", "pub", "sub1", "SUB1.example.com", "CN=CAPF-1a2b3c4d", "10.1.1.1"]), st.text(max_size=8)
)
maybe_words = st.none() | words
#: Near now, and far beyond what any calendar has.
instants = st.one_of(st.integers(NOW - 10**9, NOW + 10**9), st.integers(), st.just(NOW))
maybe_instants = st.none() | instants
faults = st.none() | st.builds(
    Fault, st.sampled_from(["tls", "credentials", "rights", "throttled", "unreachable", "?"]), words, words
)
modes = st.sampled_from(["Encrypted", "Authenticated", "Non Secure", None, "?"])
statuses = st.sampled_from(["Operation Pending", "Upgrade Failed", "Upgrade Success", None, "?"])
nodes = st.sampled_from(["pub", "sub1", "sub2", "", "?"])
services = st.frozensets(
    st.sampled_from(
        [
            "Cisco CallManager",
            "Cisco Tftp",
            "Cisco Trust Verification Service",
            "Cisco Certificate Authority Proxy Function",
            "?",
        ]
    )
)


def _damaged(good: list[bytes]) -> SearchStrategy[bytes]:
    cut = st.tuples(st.sampled_from(good), st.integers(0, 400), st.binary(max_size=4)).map(
        lambda item: item[0][: item[1]] + item[2] + item[0][item[1] + len(item[2]) :]
    )
    return st.one_of(st.sampled_from(good), cut, st.binary(max_size=40))


configs = st.builds(
    PhoneConfig,
    pkid=words,
    name=words,
    description=words,
    model=st.sampled_from(["Cisco 8841", "Cisco 7960", "", "?"]),
    protocol=words,
    device_pool=maybe_words,
    security_profile=maybe_words,
    security_mode=modes,
    authentication_mode=maybe_words,
    capf_operation=maybe_words,
    capf_status=statuses,
    capf_finish_time=words,
    lsc_valid_until=maybe_instants,
    lsc_issuer=maybe_words,
    lsc_issuer_valid_until=maybe_instants,
)
registrations = st.none() | st.builds(
    Registration,
    status=st.sampled_from(["Registered", "UnRegistered", "Rejected", "Unknown", "?"]),
    reason=st.none() | st.integers(),
    changed_at=maybe_instants,
    node=nodes,
    address=maybe_words,
    httpd=st.none() | st.booleans(),
    load=words,
)
looks = st.none() | st.builds(
    PhoneProbe,
    at=instants,
    fault=st.sampled_from([None, "tls"]),
    issuer_cn=st.sampled_from([None, "Cisco Manufacturing CA", "CAPF-1a2b3c4d", "?"]),
    issuer_sha256=st.sampled_from([None, "ab" * 32]),
    not_after=maybe_instants,
)
hashes = st.sampled_from([None, "", "ab" * 16, md5(LISTS[1], usedforsecurity=False).hexdigest()])
pages = st.none() | st.builds(PhonePage, instants, st.none(), hashes, hashes)
phones = st.builds(Phone, configs, instants, instants, instants, registrations, looks, page=pages)
versions = st.none() | st.builds(ListVersion, _damaged(LISTS), words, instants, instants)
certificates = st.builds(
    SeenCertificate,
    st.sampled_from([Source.AXL, Source.TLS_PORTS]),
    nodes,
    st.sampled_from(
        ["CallManager", "CallManager-ECDSA", "TVS", "CAPF", "CAPF-trust", "ITLRecovery", "tomcat", "sip", "tvs", "?"]
    ),
    _damaged(DERS),
    instants,
    instants,
)
node_sources = st.sampled_from([Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.TVS])
units = st.sampled_from(["CallManager", "tomcat", "TVS", "CAPF", "ITLRecovery", "CAPF-trust", "tomcat-ECDSA", "", "?"])
prints = st.sampled_from([sha256(der).hexdigest() for der in DERS] + ["", "?"])
node_parts: SearchStrategy[dict[str, list[Any]]] = st.fixed_dictionaries(
    {
        "node_states": st.lists(
            st.builds(NodeState, node_sources, nodes, maybe_instants, faults, instants), max_size=5
        ),
        "services": st.lists(
            st.builds(
                ServiceFact,
                node_sources,
                nodes,
                st.sampled_from(["Cisco CallManager", "cisco tftp", "Cisco Tomcat", "Cisco DRF Master", "?"]),
                st.sampled_from(["Started", "STOPPED", "Starting", "Unknown", ""]),
                st.none() | st.booleans(),
                maybe_instants,
                instants,
            ),
            max_size=5,
        ),
        "stores": st.lists(
            st.builds(
                StoreCertificate,
                st.sampled_from([Source.CERTIFICATE_API, Source.PLATFORM_CLI]),
                nodes,
                units,
                st.sampled_from(["own", "trust"]),
                words,
                _damaged(DERS) | st.just(b""),
                instants,
                instants,
            ),
            max_size=6,
        ),
        "replication": st.lists(
            st.builds(
                ReplicationFact,
                nodes,
                nodes,
                st.none() | st.integers(),
                words,
                st.none() | st.integers(),
                instants,
                words,
            ),
            max_size=4,
        ),
        "ntp": st.lists(
            st.builds(
                NtpFact, nodes, st.none() | st.booleans(), st.none() | st.integers(), st.none() | st.floats(), instants
            ),
            max_size=3,
        ),
        "backups": st.lists(st.builds(BackupFact, nodes, maybe_instants, words, instants), max_size=2),
        "shown_lists": st.lists(
            st.builds(
                ShownList,
                nodes,
                st.sampled_from(["ctl", "itl"]),
                st.sampled_from(["", "ab" * 16]),
                words,
                st.integers(),
                st.none() | st.booleans(),
                instants,
            ),
            max_size=3,
        ),
        "stale_lscs": st.lists(st.builds(StaleLsc, nodes, words, instants), max_size=2),
        "tvs_answers": st.lists(st.builds(TvsAnswer, nodes, prints, st.booleans(), st.just(()), instants), max_size=5),
    }
)
states = st.builds(SourceState, st.just(Source.AXL), maybe_instants, maybe_instants, faults, maybe_instants)
snapshots = st.builds(
    Snapshot,
    cluster=words,
    facts=st.none()
    | st.builds(
        ClusterFacts,
        st.sampled_from(["14.0.1", "11.5", "", "x.y", "99999.1", "²"]),
        words,
        st.sampled_from([0, 1, None, 7]),
        st.booleans(),
        st.integers(0, 3),
    ),
    mode_changes=st.lists(
        st.builds(SecurityModeChange, instants, st.none() | st.integers(), st.none() | st.integers()), max_size=2
    ).map(tuple),
    sources=st.dictionaries(st.sampled_from(Source), states).map(
        lambda found: {source: replace(state, source=source) for source, state in found.items()}
    ),
    nodes=st.lists(
        st.builds(
            NodeFact, nodes, st.sampled_from(["Publisher", "Subscriber", None]), st.sampled_from([None, "?"]), services
        ),
        max_size=3,
    ).map(tuple),
    phones=st.lists(phones, max_size=6).map(tuple),
    retired=st.integers(0, 9),
    lists=st.lists(
        st.builds(ServedList, nodes, st.sampled_from(["ctl", "itl"]), versions, maybe_instants, versions, faults),
        max_size=4,
    ).map(tuple),
    certificates=st.lists(certificates, max_size=8).map(tuple),
    ports=st.lists(
        st.builds(PortState, nodes, st.sampled_from(["sip", "tvs", "capf", "tomcat", "?"]), faults, instants),
        max_size=4,
    ).map(tuple),
    profiles=st.lists(
        st.builds(
            CapfProfileFact,
            st.sampled_from(["application-user", "end-user", "?"]),
            words,
            words,
            words,
            maybe_words,
            statuses,
            words,
            instants,
        ),
        max_size=2,
    ).map(tuple),
    enrolments=st.lists(
        st.builds(
            EnrolmentFact,
            name=words,
            user=words,
            instance=maybe_words,
            not_after=maybe_instants,
            usable_until=maybe_instants,
            verdict=st.sampled_from(["due", "not-due", "refused", None]),
            failures=st.integers(0, 99),
            failure=st.sampled_from(["refused", "unreachable", "busy", "no-credential", "expired", None]),
            words=words,
            next_attempt=maybe_instants,
        ),
        max_size=3,
    ).map(tuple),
)


@given(
    snapshots, node_parts, instants, st.sampled_from([POLICY, Policy(), replace(POLICY, lab=True, phones_per_night=0)])
)
@settings(max_examples=300)
def test_any_snapshot_can_be_judged(bare: Snapshot, parts: dict[str, list[Any]], now: int, policy: Policy) -> None:
    more: Any = {name: tuple(values) for name, values in parts.items()}
    snapshot: Snapshot = replace(bare, **more)
    got = assess(snapshot, policy, now)
    assert got == assess(snapshot, policy, now)
    numbers = got.numbers
    total = len(snapshot.phones)
    assert len(got.phones) == total
    assert [view.name for view in got.phones] == [phone.config.name for phone in snapshot.phones]
    assert sum(numbers.phones.values()) == sum(numbers.registrations.values()) == total
    assert sum(number for (kind, _), number in numbers.capf.items() if kind == "phone") == total
    assert sum(numbers.capf.values()) == total + len(snapshot.profiles)
    lscs = sum(view.credential.state in LSCS for view in got.phones)
    assert sum(numbers.lsc_by_issuer.values()) == sum(numbers.lsc_by_month.values()) == lscs
    assert list(numbers.lsc_expiring.values()) == sorted(numbers.lsc_expiring.values())
    for kind, number in numbers.not_taken.items():
        assert number == sum(kind in view.list_not_taken for view in got.phones)
    assert len(got.lists) == len(snapshot.lists)
    keys = [finding.key for finding in got.findings]
    assert len(keys) == len(set(keys))
    ranks = [list(FindingSeverity).index(finding.severity) for finding in got.findings]
    assert ranks == sorted(ranks)
    for finding in got.findings:
        json.dumps(dict(finding.evidence), allow_nan=False)
        assert finding.summary
        assert finding.so_what
        assert finding.do


ALWAYS = [Source.AXL, Source.RIS, Source.TRUST_LISTS, Source.TLS_PORTS]


def _without_source(snapshot: Snapshot, which: int) -> Snapshot:
    gone = ALWAYS[which % len(ALWAYS)]
    return replace(snapshot, sources={key: one for key, one in snapshot.sources.items() if key is not gone})


def _without_success(snapshot: Snapshot, which: int) -> Snapshot:
    source = ALWAYS[which % len(ALWAYS)]
    state = snapshot.sources.get(source, SourceState(source))
    return replace(snapshot, sources={**snapshot.sources, source: replace(state, last_success=None)})


def _facts(snapshot: Snapshot, **changes: object) -> Snapshot:
    if snapshot.facts is None:
        return snapshot
    return replace(snapshot, facts=replace(snapshot.facts, **changes))  # type: ignore[arg-type]  # names of fields


def _without_list(snapshot: Snapshot, which: int) -> Snapshot:
    kept = list(snapshot.lists)
    del kept[which % max(1, len(kept)) : which % max(1, len(kept)) + 1]
    return replace(snapshot, lists=tuple(kept))


def _without_content(snapshot: Snapshot, which: int) -> Snapshot:
    chosen = which % max(1, len(snapshot.lists))
    lists = [replace(one, current=None) if n == chosen else one for n, one in enumerate(snapshot.lists)]
    return replace(snapshot, lists=tuple(lists))


def _unreadable(snapshot: Snapshot, which: int) -> Snapshot:
    chosen = which % max(1, len(snapshot.certificates))
    rows = [replace(one, der=b"junk") if n == chosen else one for n, one in enumerate(snapshot.certificates)]
    return replace(snapshot, certificates=tuple(rows))


def _without_rows(snapshot: Snapshot, source: Source) -> Snapshot:
    return replace(snapshot, certificates=tuple(one for one in snapshot.certificates if one.source is not source))


def _phones(snapshot: Snapshot, change: Callable[[Phone], Phone]) -> Snapshot:
    return replace(snapshot, phones=tuple(change(one) for one in snapshot.phones))


#: Ways to take away something that is known of a cluster in good health; the number says which.
DROPS: dict[str, Callable[[Snapshot, int], Snapshot]] = {
    "source": _without_source,
    "success": _without_success,
    "facts": lambda snapshot, _: replace(snapshot, facts=None),
    "mode": lambda snapshot, _: _facts(snapshot, security_mode=None),
    "columns": lambda snapshot, _: _facts(snapshot, lsc_columns=False),
    "nodes": lambda snapshot, _: replace(snapshot, nodes=()),
    "list": _without_list,
    "content": _without_content,
    "certificates": lambda snapshot, _: replace(snapshot, certificates=()),
    "database": lambda snapshot, _: _without_rows(snapshot, Source.AXL),
    "readable": _unreadable,
    "registrations": lambda snapshot, _: _phones(snapshot, lambda one: replace(one, registration=None)),
    "profiles": lambda snapshot, _: _phones(
        snapshot, lambda one: replace(one, config=replace(one.config, security_mode=None))
    ),
}
BAD = {FindingSeverity.CRITICAL, FindingSeverity.WARNING, FindingSeverity.UNKNOWN}


@pytest.mark.parametrize("what", list(DROPS))
@pytest.mark.parametrize("which", range(4))
def test_what_is_taken_away_is_missed(what: str, which: int) -> None:
    findings = judged(DROPS[what](healthy(), which)).findings
    assert any(finding.severity in BAD for finding in findings)


@given(st.lists(st.tuples(st.sampled_from(sorted(DROPS)), st.integers(0, 40)), min_size=1, max_size=8))
def test_the_less_is_known_the_less_it_looks_well(drops: list[tuple[str, int]]) -> None:
    snapshot = healthy()
    for what, which in drops:
        snapshot = DROPS[what](snapshot, which)
        assert any(finding.severity in BAD for finding in judged(snapshot).findings)
