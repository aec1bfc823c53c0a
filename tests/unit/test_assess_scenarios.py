"""Exactly the findings that each of the lab's situations raises, first met and after the cluster was seen healthy."""

from dataclasses import dataclass, replace

import pytest

from ctlctl.assess.assessment import assess
from ctlctl.assess.model import CredentialState, FindingSeverity
from ctlctl_lab.build import WorldPlan
from ctlctl_lab.scenarios import SCENARIOS
from support.labworld import BORN, OLD_RELEASE, SMALL, Factory, lab_world
from support.snapshots import policy_of, snapshot_of

BROKEN_ITL = ("critical list-continuity-broken lab-pub/itl", "critical list-continuity-broken lab-sub1/itl")
BROKEN_CTL = ("critical list-continuity-broken lab-pub/ctl", "critical list-continuity-broken lab-sub1/ctl")
BEHIND = ("info phone-list-old itl",)
LSCS = ("critical lsc-expiring", "critical lsc-expired", "warning lsc-cliff")


@dataclass(frozen=True)
class Expected:
    """What a situation raises: always, only with looks at phones, with what nodes say, where it was healthy before."""

    always: tuple[str, ...] = ()
    probed: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    seen_before: tuple[str, ...] = ()


TABLE = {
    "healthy": Expected(),
    "non-secure": Expected(seen_before=("info list-not-taken itl",)),
    "mic-only": Expected(("warning phones-mic-suspected",), probed=("warning phones-on-mic",)),
    "lsc-cliff": Expected(LSCS),
    "stale-ctl": Expected(("critical stale-ctl",), nodes=BEHIND, seen_before=("info list-not-taken itl",)),
    "anchors-together": Expected(
        ("critical stale-ctl",), nodes=BEHIND, seen_before=(*BROKEN_ITL, "info list-not-taken itl")
    ),
    "locked-out": Expected(
        ("critical phones-unregistered",),
        seen_before=(*BROKEN_ITL, *BROKEN_CTL, "info list-not-taken ctl", "info list-not-taken itl"),
    ),
    "token-ctl": Expected(
        ("warning ctl-token-signed",),
        # From tokenless back to tokens does not happen outside the lab; only TVS would help phones over it.
        seen_before=(
            "warning list-continuity-broken lab-pub/ctl",
            "warning list-continuity-broken lab-sub1/ctl",
            "info list-not-taken ctl",
        ),
    ),
    "renewed-not-restarted": Expected(
        tuple(f"warning renewed-not-restarted {node}/tomcat" for node in ("lab-pub", "lab-sub1", "lab-sub2"))
    ),
    "replication-broken": Expected(nodes=("warning replication-broken lab-sub2",)),
    "backup-old": Expected(nodes=("warning backup-old",)),
    "tvs-missing": Expected(nodes=("critical tvs-unaware lab-sub2",)),
    "throttled": Expected(("info cluster-busy",)),
    "node-down": Expected(("warning port-silent lab-sub2",)),
}


def test_the_table_has_every_scenario() -> None:
    assert set(TABLE) == set(SCENARIOS)


@pytest.mark.parametrize("seen_before", [False, True], ids=["first", "seen-before"])
@pytest.mark.parametrize(
    ("probes", "nodes"), [(False, False), (True, False), (True, True)], ids=["axl", "probed", "all"]
)
@pytest.mark.parametrize("plan", [SMALL, OLD_RELEASE], ids=["14", "11.5"])
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_scenario(
    tmp_path_factory: Factory, name: str, plan: WorldPlan, probes: bool, nodes: bool, seen_before: bool
) -> None:
    before = snapshot_of(lab_world(tmp_path_factory, plan), probes=probes, nodes=nodes) if seen_before else None
    world = lab_world(tmp_path_factory, plan, name)
    assessment = assess(snapshot_of(world, probes=probes, nodes=nodes, before=before), policy_of(world), BORN)
    expected = TABLE[name]
    wanted = {*expected.always, *(expected.probed if probes else ()), *(expected.seen_before if seen_before else ())}
    wanted |= {*(expected.nodes if nodes else ())}
    got = {f"{one.severity} {one.code} {one.subject}".rstrip() for one in assessment.findings}
    assert got == wanted
    assert len(assessment.findings) == len(wanted)


@pytest.mark.parametrize("probes", [False, True])
def test_a_healthy_lab_looks_healthy(tmp_path_factory: Factory, probes: bool) -> None:
    world = lab_world(tmp_path_factory)
    assessment = assess(snapshot_of(world, probes=probes), policy_of(world), BORN)
    assert {view.verdict for view in assessment.lists} == {"valid"}
    assert all(view.signature_valid and not view.missing and not view.surplus for view in assessment.lists)
    states = {view.credential.state for view in assessment.phones}
    assert states == {CredentialState.LSC, CredentialState.NONE} | ({CredentialState.MIC} if probes else set())
    identities = [view for view in assessment.certificates if view.store == "identity"]
    assert {view.unit for view in identities} == {"tomcat", "ipsec", "CallManager", "TVS", "CAPF", "ITLRecovery"}
    assert all(view.served is not False for view in assessment.certificates)
    assert {view.served for view in identities if view.unit not in {"ITLRecovery", "ipsec"}} == {True}


def test_advice_never_makes_a_lock_out_worse(tmp_path_factory: Factory) -> None:
    healthy = snapshot_of(lab_world(tmp_path_factory))
    world = lab_world(tmp_path_factory, scenario="anchors-together")
    for before in (None, healthy):
        assessment = assess(snapshot_of(world, before=before), policy_of(world), BORN)
        stale = next(one for one in assessment.findings if one.code == "stale-ctl")
        # Phones would refuse the update: whoever resets them now locks them out.
        assert stale.do[0].startswith("Reset no phone and do not update the CTL yet")
    world = lab_world(tmp_path_factory, scenario="stale-ctl")
    assessment = assess(snapshot_of(world, before=healthy), policy_of(world), BORN)
    assert assessment.findings[0].do[0] == "On the publisher: utils ctl update CTLFile"
    assert assessment.findings[0].severity is FindingSeverity.CRITICAL


def test_a_lock_out_that_was_cured_is_forgotten(tmp_path_factory: Factory) -> None:
    healthy = snapshot_of(lab_world(tmp_path_factory))
    world = lab_world(tmp_path_factory, scenario="anchors-together")
    during = snapshot_of(world, before=healthy)
    world.update_ctl()
    for name, phone in world.cluster.phones.items():
        world.erase_lists(name)
        world.place(phone)
        phone.status_time = int(world.now()) + 60
    after = snapshot_of(world, before=during)
    week = BORN + 8 * 86_400
    sources = {source: replace(state, last_success=week) for source, state in after.sources.items()}
    late = replace(after, sources=sources)
    assert assess(late, policy_of(world), week).findings == ()


@pytest.mark.parametrize("name", ["anchors-together", "locked-out"])
def test_the_old_lists_taken_back_are_well(tmp_path_factory: Factory, name: str) -> None:
    healthy = snapshot_of(lab_world(tmp_path_factory))
    during = snapshot_of(lab_world(tmp_path_factory, scenario=name), before=healthy)
    world = lab_world(tmp_path_factory)
    after = snapshot_of(world, before=during)
    assert {one.previous is not None for one in after.lists if one.kind == "itl"} == {True}
    assert {str(one.code) for one in assess(after, policy_of(world), BORN).findings} <= {"list-not-taken"}
