"""Setting the stage: a cluster in good health, with as many nodes and phones as one likes, from one seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address
from random import Random

from ctlctl_lab.capforders import LSC_DAYS, LSC_DAYS_PARAMETER
from ctlctl_lab.clock import Clock
from ctlctl_lab.dirs import LabDir, LabError
from ctlctl_lab.files import ROLLBACK_PARAMETER, SIGNATURE_PARAMETER
from ctlctl_lab.model import (
    AUTHENTICATED,
    BY_LSC,
    BY_NULL,
    CALLMANAGER,
    CAPF,
    ENCRYPTED,
    ENTERPRISE_NODE,
    ENTERPRISE_SERVICE,
    IPSEC,
    ITL_RECOVERY,
    NON_SECURE,
    SECURITY_MODE_PARAMETER,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_CTI,
    SERVICE_CTL_PROVIDER,
    SERVICE_TFTP,
    SERVICE_TVS,
    TOMCAT,
    TVS,
    Account,
    CapfProfile,
    CapfState,
    Cluster,
    Credential,
    DevicePool,
    Gateway,
    Node,
    Phone,
    PlatformAccount,
    SecurityProfile,
    Srst,
    Trunk,
    make_pkid,
)
from ctlctl_lab.phonemodels import MODELS, MicCa, PhoneModel
from ctlctl_lab.pki import Pki
from ctlctl_lab.world import World

MAX_PHONES = 40_000
#: A list of more nodes than this would be over the 64 KB that phones load.
MAX_NODES = 12

_DAY = 86_400
#: For how long nodes have been up at the lab's first use.
_UP_SECONDS = 40 * _DAY
_SITES = ("Berlin", "Lyon", "Porto", "Turin", "Ghent", "Malmo")
#: Phones of a secure profile, by kind of model: (profile mode, share in percent).
_MODES = ((ENCRYPTED, 60), (AUTHENTICATED, 10), (NON_SECURE, 30))

READER = "ctlctl-reader"
WRITER = "ctlctl-writer"
#: The OS administrators: one that reads and does what is routine, and the one of the installation.
PLATFORM_READER, PLATFORM_OWNER = "ctlctl-os", "labowner"
#: Where the first one's password is, among the lab's secrets.
PLATFORM_SECRET = "platform.password"  # noqa: S105 - a file's name
#: Roles by their CUCM names; the reader's are the least that reading needs.
_READER_ROLES = frozenset(
    {
        "Standard AXL API Users",
        "Standard AXL Read Only API Access",
        "Standard RealtimeAndTraceCollection",
        "Standard SERVICEABILITY",
    }
)
_WRITER_ROLES = _READER_ROLES | {"Standard AXL API Access"}


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """What to build.

    Attributes:
        phones: how many, 1 to `MAX_PHONES`.
        nodes: how many, 1 to `MAX_NODES`.
        seed: the same seed gives the same phones.
        version: of CUCM.
        first_node: address of the publisher; the others follow.
        first_phone: address from which phones are counted on.
    """

    phones: int = 200
    nodes: int = 3
    seed: int = 1
    version: str = "14.0.1.13900-155"
    first_node: str = "127.0.7.1"
    first_phone: str = "127.64.0.1"


def build_world(plan: WorldPlan, directory: LabDir, clock: Clock) -> World:
    """Build a cluster in good health and mixed mode, every phone registered.

    Args:
        plan: what to build.
        directory: where its keys are.
        clock: its time.

    Raises:
        LabError: the plan cannot be built.
    """
    if not 1 <= plan.phones <= MAX_PHONES:
        raise LabError(f"{plan.phones} phones: a lab has 1 to {MAX_PHONES:,}")
    if not 1 <= plan.nodes <= MAX_NODES:
        raise LabError(f"{plan.nodes} nodes: a lab has 1 to {MAX_NODES}")
    pki = Pki(directory)
    publisher = _node_names(plan.nodes)[0]
    recovery = pki.node(ITL_RECOVERY, publisher, plan.first_node)
    world = World(Cluster("lab", plan.version, clock, recovery), pki, plan.seed)
    populate(world, plan)
    register_all(world)
    return world


def populate(world: World, plan: WorldPlan) -> None:
    """Put everything back to the beginning: nodes, certificates, phones without lists, files; no fault."""
    cluster, pki = world.cluster, world.pki
    with cluster.lock:
        world.schedule.clear()
        world.random.seed(plan.seed)
        world.generations.clear()
        world.faults.clear()
        _fill_nodes(cluster, pki, plan)
        _fill_records(cluster)
        cluster.accounts = {
            READER: Account(pki.directory.secret("axl.password"), _READER_ROLES),
            WRITER: Account(pki.directory.secret("axl-writer.password"), _WRITER_ROLES),
        }
        cluster.platform_accounts = {
            PLATFORM_READER: PlatformAccount(pki.directory.secret(PLATFORM_SECRET), 1),
            PLATFORM_OWNER: PlatformAccount(pki.directory.secret("platform-owner.password"), 4),
        }
        cluster.stale_lscs = {}
        world.logins.clear()
        chance = Random(f"phones-{plan.seed}")  # noqa: S311 - see World.random
        made = list(_phones(world, plan, chance))
        cluster.phones = {phone.name: phone for phone in made}
        world.by_address = {phone.address: phone for phone in made}
        world.files.clear()
        world.files.rebuild_ctl(pki.born)
        world.files.rebuild_itl(pki.born)
        cluster.changes.restart()


def register_all(world: World) -> None:
    """Put every phone where a reset would bring it, some time ago."""
    with world.cluster.lock:
        chance = Random(f"places-{world.seed}")  # noqa: S311 - see World.random
        now = int(world.now())
        for phone in world.cluster.phones.values():
            world.place(phone)
            phone.message = phone.message if phone.status != "Registered" else ""
            phone.status_time = now - chance.randrange(600, 20 * _DAY)


def _node_names(count: int) -> list[str]:
    return ["lab-pub", *(f"lab-sub{number}" for number in range(1, count))]


def _fill_nodes(cluster: Cluster, pki: Pki, plan: WorldPlan) -> None:
    names = _node_names(plan.nodes)
    cluster.nodes = {}
    for index, name in enumerate(names):
        address = str(IPv4Address(plan.first_node) + index)
        services = {SERVICE_CALLMANAGER, SERVICE_TVS, SERVICE_CTI}
        units = [TOMCAT, IPSEC, CALLMANAGER, TVS]
        if index < 2:
            # Two TFTP nodes, as sizing guides have it.
            services.add(SERVICE_TFTP)
        if index == 0:
            # CAPF's certificate exists on the publisher only since 14; before, only there it was of use.
            services |= {SERVICE_CAPF, SERVICE_CTL_PROVIDER}
            units.append(CAPF)
        identities = {unit: pki.node(unit, name, address) for unit in units}
        usage = "Subscriber" if index else "Publisher"
        text = "LAB node of ctlctl"
        cluster.nodes[name] = Node(
            make_pkid("node", name),
            name,
            address,
            usage,
            services,
            identities,
            description=text,
            booted=pki.born - _UP_SECONDS + 180 * index,
        )
    cluster.itl_recovery = pki.node(ITL_RECOVERY, names[0], plan.first_node)
    makers = [pki.manufacturing(which) for which in MicCa]
    capf = cluster.publisher.identities[CAPF]
    cluster.trust = {"CallManager-trust": [*makers, capf], "CAPF-trust": [*makers, capf]}
    subscribers = names[1:] or names
    # Phones prefer subscribers and have the publisher last; each group begins with another subscriber.
    cluster.callmanager_groups = {}
    for index in range(len(subscribers)):
        turned = subscribers[index:] + subscribers[:index]
        members = dict.fromkeys([*turned[:2], names[0]])
        cluster.callmanager_groups[f"CMG-{index + 1}"] = tuple(members)


def _fill_records(cluster: Cluster) -> None:
    groups = list(cluster.callmanager_groups)
    cluster.device_pools = {
        f"DP-{site}": DevicePool(
            make_pkid("pool", site), f"DP-{site}", groups[index % len(groups)], region=site, srst=f"SRST-{site}"
        )
        for index, site in enumerate(_SITES)
    }
    cluster.profiles = {profile.name: profile for profile in _profiles()}
    cluster.service_parameters = {
        SECURITY_MODE_PARAMETER: "1",
        ROLLBACK_PARAMETER: "F",
        (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "ClusterID"): "LabCluster",
        (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "AutoRegistrationPhoneProtocol"): "1",
        (ENTERPRISE_NODE, ENTERPRISE_SERVICE, "URILookupPolicy"): "0",
        (ENTERPRISE_NODE, SERVICE_CALLMANAGER, "TimerT302_msec"): "5000",
        # Genuine clusters have these too, under names that are not public: the following four are the lab's own.
        SIGNATURE_PARAMETER: "SHA-1",
        LSC_DAYS_PARAMETER: str(LSC_DAYS),
        (ENTERPRISE_NODE, SERVICE_CALLMANAGER, "BuiltinBridgeEnable"): "0",
        (ENTERPRISE_NODE, SERVICE_CALLMANAGER, "BlockOffnetToOffnetTransfer"): "F",
    }
    for name in cluster.nodes:
        cluster.service_parameters[name, SERVICE_CALLMANAGER, "CdrEnabled"] = "T"
    cluster.application_user_profiles = {
        "jtapi-1": _user_profile("application", "lab-recorder", "jtapi-1"),
        "jtapi-2": _user_profile("application", "lab-recorder", "jtapi-2"),
    }
    cluster.end_user_profiles = {"softphone-1": _user_profile("end", "lab-anna", "softphone-1")}
    cluster.srsts = {
        f"SRST-{site}": Srst(make_pkid("srst", site), f"SRST-{site}", f"127.0.9.{index + 1}", secure=index % 2 == 0)
        for index, site in enumerate(_SITES)
    }
    pool = next(iter(cluster.device_pools))
    cluster.trunks = {
        "TRK-PSTN": Trunk(make_pkid("trunk", 1), "TRK-PSTN", "To the PSTN", pool, "127.0.9.101"),
        "TRK-SBC": Trunk(
            make_pkid("trunk", 2),
            "TRK-SBC",
            "To the border controller",
            pool,
            "127.0.9.102",
            5061,
            "Secure SIP Trunk Profile",
            ENCRYPTED,
            srtp_allowed=True,
        ),
    }
    cluster.gateways = {"VG-FAX": Gateway(make_pkid("gateway", 1), "VG-FAX", "Fax machines", "VG310", "SCCP")}


def _user_profile(kind: str, user: str, instance: str) -> CapfProfile:
    capf = CapfState(certificate_status="Upgrade Success")
    return CapfProfile(make_pkid("capf", kind, instance), kind, user, instance, capf)


def profile_name(model: PhoneModel, protocol: str, mode: str) -> str:
    """Return the name of the lab's security profile of a model, protocol and mode."""
    if mode == NON_SECURE:
        # The name of the profile that CUCM itself comes with.
        return f"{model.name} - Standard {protocol} Non-Secure Profile"
    return f"{model.name} - {protocol} {mode} LSC"


def _profiles() -> Iterator[SecurityProfile]:
    for model in MODELS.values():
        for protocol in model.protocols:
            for mode in (NON_SECURE, AUTHENTICATED, ENCRYPTED):
                secure = mode != NON_SECURE
                name = profile_name(model, protocol, mode)
                yield SecurityProfile(
                    pkid=make_pkid("profile", name),
                    name=name,
                    description=name,
                    phone_type=model.name,
                    protocol=protocol,
                    device_security_mode=mode,
                    authentication_mode=BY_LSC if secure else BY_NULL,
                    key_size=1024 if model.mic is None else 2048,
                    transport_type="TLS" if secure else "TCP+UDP",
                    sip_phone_port=5061 if secure else 5060,
                )


def _phones(world: World, plan: WorldPlan, chance: Random) -> Iterator[Phone]:
    models = list(MODELS.values())
    weights = [model.weight for model in models]
    pools = list(world.cluster.device_pools)
    # Locally administered, so that no lab has the address of a real phone.
    prefix = bytearray(sha256(f"mac-{plan.seed}".encode()).digest()[:3])
    prefix[0] = prefix[0] & 0xFC | 0x02
    start = int(IPv4Address(plan.first_phone))
    today = int(world.cluster.clock.now()) // _DAY * _DAY
    for index in range(plan.phones):
        model = chance.choices(models, weights)[0]
        # 7919 has no factor in common with 2^24: every phone gets a suffix of its own.
        name = f"SEP{prefix.hex().upper()}{(index * 7919 + 0x1001) % 0x1000000:06X}"
        mode = NON_SECURE
        if model.mic is not None:
            mode = chance.choices([mode for mode, _ in _MODES], [share for _, share in _MODES])[0]
        pool = chance.choice(pools)
        phone = Phone(
            index=index,
            pkid=make_pkid("phone", plan.seed, name),
            name=name,
            address=str(IPv4Address(start + index // 254 * 256 + index % 254)),
            model=model.name,
            protocol=model.protocols[0],
            description=f"{pool.removeprefix('DP-')} {10000 + index}",
            device_pool=pool,
            profile=world.cluster.profiles[profile_name(model, model.protocols[0], mode)].name,
            mic=None,
            lsc=None,
            capf=CapfState(),
            load=model.load,
            httpd=chance.random() < 0.8,
        )
        if model.mic is not None:
            phone.mic = _mic(world, model, chance)
        if mode != NON_SECURE:
            phone.capf.certificate_status = "Upgrade Success"
            world.give_lsc(phone, make_lsc(world, today - chance.randrange(30, 390) * _DAY, LSC_DAYS, chance))
        yield phone


def _mic(world: World, model: PhoneModel, chance: Random) -> Credential:
    old = model.mic is MicCa.OLD
    made = world.pki.born - chance.randrange(200, 3000) * _DAY
    draw = chance.getrandbits(62) | 1 << 62
    issuer = world.pki.manufacturing(MicCa.OLD if old else MicCa.SHA2)
    # Ten years, as samples from the field have it.
    return Credential(
        "MIC", issuer, draw, made, made + 3652 * _DAY, world.pki.pool_number(draw, "RSA-1024" if old else "RSA-2048")
    )


def make_lsc(world: World, issued: int, days: int, chance: Random) -> Credential:
    """Return an LSC of the CAPF that is there now.

    Args:
        world: the world.
        issued: beginning of its validity.
        days: how long it is valid.
        chance: where serial number and key come from.
    """
    draw = chance.getrandbits(62) | 1 << 62
    capf = world.cluster.publisher.identities[CAPF]
    return Credential("LSC", capf, draw, issued, issued + days * _DAY, world.pki.pool_number(draw))
