"""Situations that operators meet, each set up in one step from a healthy cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ctlctl_lab.build import WorldPlan, make_lsc, populate, profile_name, register_all
from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from ctlctl_lab.dirs import LabError
from ctlctl_lab.model import CALLMANAGER, ITL_RECOVERY, NON_SECURE, TOMCAT, TVS, Phone
from ctlctl_lab.world import World

_DAY = 86_400
#: Days since the token CTL was signed: a little less than its nodes' certificates are old.
_TOKEN_AGE_DAYS = 390
_OLD_BACKUP_HOURS = 40 * 24.0
#: Certificates whose renewal takes phones an anchor away.
ANCHORS = (ITL_RECOVERY, CALLMANAGER, TVS)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation.

    Attributes:
        name: what to call it.
        summary: what it is, for a person.
        prepare: changes the records before phones take their places.
        happen: what happens afterwards.
    """

    name: str
    summary: str
    prepare: Callable[[World, Random], None] | None = None
    happen: Callable[[World, Random], None] | None = None


def _non_secure(world: World, chance: Random) -> None:
    cluster = world.cluster
    # A cluster that never was in mixed mode has no CTL.
    world.files.ctl = None
    world.set_security_mode(0)
    for phone in cluster.phones.values():
        phone.profile = profile_name(phone.kind, phone.protocol, NON_SECURE)
        if chance.random() < 0.8:
            _take_lsc(world, phone)


def _mic_only(world: World, chance: Random) -> None:
    del chance
    for phone in world.cluster.phones.values():
        _take_lsc(world, phone)


def _take_lsc(world: World, phone: Phone) -> None:
    world.give_lsc(phone, None)
    phone.capf.certificate_status = "None"


def _lsc_cliff(world: World, chance: Random) -> None:
    days = 365
    world.cluster.service_parameters[LSC_DAYS_PARAMETER] = str(days)
    today = int(world.now()) // _DAY * _DAY
    for phone in world.cluster.phones.values():
        if phone.lsc is None:
            continue
        draw = chance.random()
        if draw < 0.05:
            left = -chance.randrange(1, 30)
        elif draw < 0.85:
            left = chance.randrange(20, 45)
        else:
            left = chance.randrange(90, 330)
        lsc = make_lsc(world, today + (left - days) * _DAY, days, chance)
        world.give_lsc(phone, lsc)
        if left < 0:
            # It was registered until then, so that RIS knows of it.
            world.place(phone)
            phone.status_time = lsc.not_after


def _stale_ctl(world: World, chance: Random) -> None:
    world.renew(CALLMANAGER)
    _place_some(world, chance, 0.1)


def _anchors_together(world: World, chance: Random) -> None:
    del chance
    for unit in ANCHORS:
        world.renew(unit)


def _locked_out(world: World, chance: Random) -> None:
    _anchors_together(world, chance)
    world.update_ctl()
    _place_some(world, chance, 1.0)


def _token_ctl(world: World, chance: Random) -> None:
    del chance
    tokens = [world.pki.token(1), world.pki.token(2)]
    # The client that wrote such CTLs put the tokens there, so that TVS vouches for them.
    world.cluster.trust["Phone-SAST-trust"] = tokens
    world.files.rebuild_ctl(world.pki.born - _TOKEN_AGE_DAYS * _DAY, tokens)


def _throttled(world: World, chance: Random) -> None:
    del chance
    faults = world.faults
    faults.axl_503_writes = 20
    faults.axl_row_limit = 50
    faults.axl_memory_fault = 3
    faults.ris_per_minute = 2


def _node_down(world: World, chance: Random) -> None:
    del chance
    # The last one; a cluster of a single node is then wholly away.
    node = list(world.cluster.nodes.values())[-1]
    node.up = False
    register_all(world)


def _renewed_not_restarted(world: World, chance: Random) -> None:
    del chance
    world.renew(TOMCAT, restart=False)


def _replication_broken(world: World, chance: Random) -> None:
    del chance
    # The last one; a cluster of a single node has nothing to replicate with.
    name = list(world.cluster.nodes)[-1]
    if len(world.cluster.nodes) > 1:
        world.faults.replication[name] = 4


def _backup_old(world: World, chance: Random) -> None:
    del chance
    world.faults.backup_age = _OLD_BACKUP_HOURS


def _tvs_missing(world: World, chance: Random) -> None:
    del chance
    world.faults.tvs_forgets.add((list(world.cluster.nodes)[-1], CALLMANAGER))


def _place_some(world: World, chance: Random, share: float) -> None:
    now = int(world.now())
    for phone in world.cluster.phones.values():
        if chance.random() < share:
            world.place(phone)
            phone.status_time = now - chance.randrange(60, _DAY)


_TABLE = (
    Scenario("healthy", "mixed mode, every phone registered, certificates and lists as they should be"),
    Scenario("non-secure", "cluster security mode 0: no CTL, no secure phone", _non_secure),
    Scenario("mic-only", "mixed mode, but no phone has an LSC: secure ones live on their MIC", _mic_only),
    Scenario("lsc-cliff", "four of five LSCs end between 20 and 45 days from now, some have ended", None, _lsc_cliff),
    Scenario(
        "stale-ctl",
        "CallManager renewed on every node, CTL not updated: secure phones fail at their next reset; a tenth was reset",
        None,
        _stale_ctl,
    ),
    Scenario(
        "anchors-together",
        "ITLRecovery, CallManager and TVS renewed at once: no phone has been reset yet, and each that is will be lost",
        None,
        _anchors_together,
    ),
    Scenario("locked-out", "the same, CTL updated, and every phone reset since", None, _locked_out),
    Scenario(
        "token-ctl",
        "the CTL was signed with hardware tokens long ago: a tokenless one needs TVS, which a 7960 cannot ask",
        _token_ctl,
    ),
    Scenario(
        "throttled", "AXL and RIS at their limits: 503, suggested rows, memory fault, few calls a minute", _throttled
    ),
    Scenario(
        "renewed-not-restarted",
        "tomcat renewed on every node, and no service restarted: ports go on presenting the old certificate",
        None,
        _renewed_not_restarted,
    ),
    Scenario("replication-broken", "database replication to the last node has failed", None, _replication_broken),
    Scenario("backup-old", "the newest backup that succeeded is 40 days old", None, _backup_old),
    Scenario("tvs-missing", "TVS of the last node does not know the CallManager certificates", None, _tvs_missing),
    Scenario("node-down", "the last node is off, its phones have gone to others", None, _node_down),
)

#: Every scenario by its name.
SCENARIOS = {scenario.name: scenario for scenario in _TABLE}


def apply_scenario(world: World, plan: WorldPlan, name: str) -> None:
    """Set up a situation; whatever was before is gone.

    Args:
        world: the world to change.
        plan: what it was built from.
        name: of the scenario.

    Raises:
        LabError: there is no such scenario.
    """
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise LabError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    with world.cluster.lock:
        populate(world, plan)
        chance = Random(f"scenario-{name}-{plan.seed}")  # noqa: S311 - see World.random
        if scenario.prepare is not None:
            scenario.prepare(world, chance)
            world.schedule.clear()
        register_all(world)
        if scenario.happen is not None:
            scenario.happen(world, chance)
            # What phones would do about it has been done above; nothing else is on its way.
            world.schedule.clear()
            for phone in world.cluster.phones.values():
                phone.busy = False
        world.cluster.changes.restart()
        world.scenario = name
