"""Each situation that the lab can set up tells its story, on the phones and in the records."""

from hashlib import sha256

import pytest

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from ctlctl_lab.dirs import LabError
from ctlctl_lab.faults import Faults
from ctlctl_lab.model import (
    CALLMANAGER,
    REGISTERED,
    SERVICE_TOMCAT,
    SERVICE_TVS,
    TOMCAT,
    TRUST_FAILED,
    UNREGISTERED,
    Phone,
)
from ctlctl_lab.nodestate import backups, replication
from ctlctl_lab.scenarios import SCENARIOS, apply_scenario
from ctlctl_lab.world import World
from ctlctl_trust import Code, check_agreement
from ctlctl_trust.tlv import Role
from support.labworld import (
    DAY,
    OLD_RELEASE,
    PHONES,
    SMALL,
    Factory,
    asks_tvs,
    ctl_report,
    hold_consistent,
    is_secure,
    itl_report,
    lab_world,
    messages,
    phones_where,
    registered,
    settle,
)

ALL_REGISTERED = {REGISTERED: PHONES}
NONE_REGISTERED = {UNREGISTERED: PHONES}


def fingerprint(world: World) -> bytes:
    """Return a hash over all that a seed decides."""
    digest = sha256()
    for phone in world.cluster.phones.values():
        lsc = None if phone.lsc is None else (phone.lsc.serial, phone.lsc.not_before, phone.lsc.not_after)
        held = [None if each is None else each.data for each in (phone.ctl, phone.itl)]
        digest.update(repr((phone.name, phone.address, phone.status, phone.node, phone.message, lsc, held)).encode())
        digest.update(repr((phone.status_time, phone.profile, phone.capf.certificate_status)).encode())
    digest.update(world.files.ctl or b"none")
    return digest.digest()


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_the_same_each_time_and_leaves_nothing_on_its_way(name: str, tmp_path_factory: Factory) -> None:
    first = lab_world(tmp_path_factory, scenario=name)
    second = lab_world(tmp_path_factory, scenario="locked-out")
    apply_scenario(second, SMALL, name)
    assert fingerprint(first) == fingerprint(second)
    assert first.scenario == second.scenario == name
    assert len(first.schedule) == 0
    assert not any(phone.busy for phone in first.cluster.phones.values())
    assert first.cluster.changes.last_id == 0
    hold_consistent(first)


def test_another_seed_gives_other_phones(tmp_path_factory: Factory) -> None:
    one, other = (lab_world(tmp_path_factory, WorldPlan(phones=PHONES, seed=seed)) for seed in (1, 2))
    assert not set(one.cluster.phones) & set(other.cluster.phones)


def test_a_scenario_undoes_the_one_before(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="healthy")
    before = fingerprint(world)
    for name in ("throttled", "node-down", "lsc-cliff", "non-secure", "locked-out", "token-ctl"):
        apply_scenario(world, SMALL, name)
        apply_scenario(world, SMALL, "healthy")
        assert fingerprint(world) == before
        assert all(getattr(world.faults, slot) == getattr(Faults(), slot) for slot in Faults.__slots__)
        assert all(node.up for node in world.cluster.nodes.values())


def test_a_scenario_that_there_is_not_is_refused_by_the_names_there_are(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory)
    with pytest.raises(LabError, match=r"no scenario 'storm'; there are: healthy, non-secure, mic-only"):
        apply_scenario(world, SMALL, "storm")


def test_every_scenario_says_what_it_is() -> None:
    assert list(SCENARIOS) == [
        "healthy",
        "non-secure",
        "mic-only",
        "lsc-cliff",
        "stale-ctl",
        "anchors-together",
        "locked-out",
        "token-ctl",
        "throttled",
        "renewed-not-restarted",
        "replication-broken",
        "backup-old",
        "tvs-missing",
        "node-down",
    ]
    assert all(each.summary for each in SCENARIOS.values())


def test_healthy(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="healthy")
    assert world.counts() == ALL_REGISTERED
    assert world.cluster.security_mode == 1
    assert not ctl_report(world).findings.invalid
    agreed = check_agreement(itl_report(world), ctl_report(world))
    assert agreed is not None
    # The ITL of a node and the CTL of the cluster name the same servers and the same signer.
    assert not agreed.codes
    phones_where(world, lambda phone: is_secure(world, phone) and phone.lsc is not None)
    assert all(phone.ctl is not None and phone.message == "" for phone in world.cluster.phones.values())
    before = registered(world)
    world.reset_all()
    assert world.counts() == NONE_REGISTERED
    settle(world)
    assert registered(world) == before


def test_non_secure(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="non-secure")
    assert world.counts() == ALL_REGISTERED
    assert world.files.ctl is None
    assert not any(is_secure(world, phone) or phone.ctl for phone in world.cluster.phones.values())
    assert not any(world.cluster.profiles[phone.profile].secure for phone in world.cluster.phones.values())
    report = itl_report(world)
    assert report.keys_of(Role.TFTP)
    assert not report.keys_of(Role.CCM_TFTP)
    world.reset_all()
    settle(world)
    assert world.counts() == ALL_REGISTERED
    without = phones_where(world, lambda phone: not asks_tvs(phone))
    assert {phone.message for phone in without} == {"No Trust List installed"}


def test_mic_only(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="mic-only")
    assert world.counts() == ALL_REGISTERED
    for phone in world.cluster.phones.values():
        assert (phone.lsc, phone.lsc_valid_until, phone.lsc_issuer_name) == (None, 0, None)
        assert phone.capf.certificate_status == "None"
    secure = phones_where(world, lambda phone: is_secure(world, phone))
    assert all(phone.credential is phone.mic for phone in secure)
    # Whoever now takes the manufacturers' roots away takes these phones away with them.
    for maker in {phone.mic.issuer for phone in secure if phone.mic is not None}:
        world.distrust("CallManager-trust", maker)
    world.reset_all()
    settle(world)
    assert messages(world) == {"Registration Rejected: MIC issuer not trusted": len(secure)}


def test_lsc_cliff(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="lsc-cliff")
    now = world.now()
    holders = phones_where(world, lambda phone: phone.lsc is not None)
    soon = [phone for phone in holders if 19 * DAY < phone.lsc_valid_until - now < 46 * DAY]
    ended = [phone for phone in holders if phone.lsc_valid_until < now]
    assert len(soon) > 0.6 * len(holders)
    assert ended
    assert messages(world) == {"Registration Rejected: LSC expired": len(ended)}
    for phone in ended:
        # They were registered once: RIS knows of them, and since when they are gone.
        assert phone.node
        assert phone.status_time == phone.lsc_valid_until
    assert world.cluster.service_parameters[LSC_DAYS_PARAMETER] == "365"


def test_stale_ctl_strikes_at_the_next_reset(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="stale-ctl")
    assert not ctl_report(world).findings.invalid
    in_ctl = ctl_report(world).keys_of(Role.CCM_TFTP)
    for node in world.cluster.nodes.values():
        assert node.identities[CALLMANAGER].certificate.list_key not in in_ctl
    struck = phones_where(world, lambda phone: phone.status != REGISTERED)
    assert len(struck) < PHONES // 4
    assert messages(world) == {TRUST_FAILED: len(struck)}
    world.reset_all()
    settle(world)
    lost = {phone.name for phone in phones_where(world, lambda phone: phone.status != REGISTERED)}
    # Those whose TLS hangs on the CTL, and those that have no other list to know the configuration's signer by.
    doomed = phones_where(world, lambda phone: is_secure(world, phone) or not asks_tvs(phone))
    assert lost == {phone.name for phone in doomed}
    world.update_ctl()
    settle(world)
    assert world.counts() == ALL_REGISTERED


def test_anchors_together_strikes_everybody_at_the_next_reset(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="anchors-together")
    assert world.counts() == ALL_REGISTERED
    name = next(iter(world.cluster.phones))
    world.reset_phone(name)
    settle(world)
    assert messages(world) == {TRUST_FAILED: 1}
    world.reset_all()
    settle(world)
    assert messages(world) == {TRUST_FAILED: PHONES}
    # Nothing that the cluster itself can sign now is signed by somebody that phones know.
    world.update_ctl()
    settle(world)
    assert world.counts() == NONE_REGISTERED


def test_locked_out_is_mended_at_the_phones_and_nowhere_else(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="locked-out")
    assert messages(world) == {TRUST_FAILED: PHONES}
    assert all(phone.node for phone in world.cluster.phones.values())
    # The lists themselves are without fault: it is the phones that have nobody to vouch for them.
    assert not ctl_report(world).findings.invalid
    assert not itl_report(world).findings.invalid
    world.reset_all()
    settle(world)
    assert world.counts() == NONE_REGISTERED
    names = list(world.cluster.phones)
    for name in names[:10]:
        world.erase_lists(name)
    settle(world)
    assert registered(world) == set(names[:10])
    told = {world.cluster.phones[name].message for name in names[:10]}
    assert "CTL and ITL installed" in told
    for name in names[10:]:
        world.erase_lists(name)
    settle(world)
    assert world.counts() == ALL_REGISTERED


def test_token_ctl(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="token-ctl")
    assert world.counts() == ALL_REGISTERED
    report = ctl_report(world)
    assert not report.findings.invalid
    anchors = [certificate.common_name for certificate in report.keys_of(Role.SAST).values()]
    assert anchors == ["SAST-ADN0LAB0001", "SAST-ADN0LAB0002"]
    assert Code.RECORD_NOT_YET_VALID not in report.findings.codes
    assert report.trust_list is not None
    assert world.now() - (report.trust_list.header.timestamp or 0) > 365 * DAY
    agreed = check_agreement(itl_report(world), report)
    assert agreed is not None
    assert agreed.codes == {Code.CTL_ITL_SIGNER}


def test_leaving_tokens_strands_the_phones_that_cannot_ask(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="token-ctl")
    world.update_ctl()
    world.reset_all()
    settle(world)
    stranded = phones_where(world, lambda phone: not asks_tvs(phone))
    assert messages(world) == {TRUST_FAILED: len(stranded)}
    for phone in stranded:
        assert phone.status == UNREGISTERED
        world.erase_lists(phone.name)
    settle(world)
    assert world.counts() == ALL_REGISTERED


def test_throttled(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="throttled")
    assert world.counts() == ALL_REGISTERED
    faults = world.faults
    assert (faults.axl_503_writes, faults.axl_row_limit, faults.axl_memory_fault, faults.ris_per_minute) == (
        20,
        50,
        3,
        2,
    )


def test_node_down(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="node-down")
    assert world.counts() == ALL_REGISTERED
    assert [node.name for node in world.cluster.nodes.values() if not node.up] == ["lab-sub2"]
    assert "lab-sub2" not in {phone.node for phone in world.cluster.phones.values()}
    world.node_up("lab-sub2")
    settle(world)
    assert "lab-sub2" in {phone.node for phone in world.cluster.phones.values()}


def test_renewed_not_restarted(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="renewed-not-restarted")
    assert world.counts() == ALL_REGISTERED
    for node in world.cluster.nodes.values():
        served = node.presents(SERVICE_TOMCAT, TOMCAT)
        assert served is not None
        assert served.pin != node.identities[TOMCAT].pin
        assert served.not_after < node.identities[TOMCAT].not_after
        assert world.restart_service(node.name, SERVICE_TOMCAT)
        assert node.presents(SERVICE_TOMCAT, TOMCAT) is node.identities[TOMCAT]


def test_replication_broken(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="replication-broken")
    assert [(row.node.name, row.setup) for row in replication(world)] == [
        ("lab-pub", 2),
        ("lab-sub1", 2),
        ("lab-sub2", 4),
    ]
    alone = lab_world(tmp_path_factory, WorldPlan(phones=PHONES, nodes=1), "replication-broken")
    assert [row.setup for row in replication(alone)] == [2]


def test_backup_old(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="backup-old")
    newest = max(each.completed for each in backups(world) if each.succeeded)
    assert world.now() - newest == 40 * DAY
    assert not backups(world)[0].succeeded, "each night's has failed since"
    apply_scenario(world, SMALL, "healthy")
    assert all(each.succeeded for each in backups(world))
    assert world.now() - backups(world)[0].completed < DAY


def test_tvs_missing(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, scenario="tvs-missing")
    assert world.counts() == ALL_REGISTERED
    assert {name for name in world.cluster.nodes if world.forgotten(name)} == {"lab-sub2"}
    assert {each.der for each in world.forgotten("lab-sub2")} == {
        node.identities[CALLMANAGER].der for node in world.cluster.nodes.values()
    }


def test_a_cluster_of_one_node_that_is_down_is_wholly_away(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, WorldPlan(phones=PHONES, nodes=1), "node-down")
    assert messages(world) == {"Unified CM not reachable": PHONES}
    world.node_up("lab-pub")
    settle(world)
    assert world.counts() == ALL_REGISTERED


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_set_up_for_an_old_release(name: str, tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, OLD_RELEASE, name)
    hold_consistent(world)
    if world.files.ctl is not None:
        assert not ctl_report(world).findings.invalid
    assert not itl_report(world).findings.invalid


def test_the_largest_cluster_can_be_built(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, WorldPlan(phones=12, nodes=12))
    assert world.counts() == {REGISTERED: 12}
    assert all(node.runs(SERVICE_TVS) for node in world.cluster.nodes.values())


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (WorldPlan(phones=0), "0 phones: a lab has 1 to 40,000"),
        (WorldPlan(phones=40_001), "40001 phones: a lab has 1 to 40,000"),
        (WorldPlan(nodes=0), "0 nodes: a lab has 1 to 12"),
        (WorldPlan(nodes=13), "13 nodes: a lab has 1 to 12"),
    ],
)
def test_a_plan_that_cannot_be_built_says_why(plan: WorldPlan, complaint: str, tmp_path_factory: Factory) -> None:
    with pytest.raises(LabError, match=complaint):
        lab_world(tmp_path_factory, plan)


def test_the_most_phones_have_names_and_addresses_of_their_own(tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, WorldPlan(phones=40_000))
    phones = world.cluster.phones.values()
    assert world.counts() == {REGISTERED: 40_000}
    assert len({phone.name for phone in phones}) == 40_000
    assert len(world.by_address) == 40_000
    assert len({phone.pkid for phone in phones}) == 40_000
    assert all(phone.address.startswith("127.") and not phone.address.endswith((".0", ".255")) for phone in phones)
    assert len({id(phone.ctl) for phone in phones}) == 1, "phones share what is the same"
    first: Phone = next(iter(phones))
    assert world.by_address[first.address] is first
