"""Nodes, groups, parameters, trunks and certificates, as AXL shows them."""

from collections.abc import Callable
from dataclasses import dataclass

from ctlctl_lab.model import (
    ENTERPRISE_NODE,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_CTI,
    SERVICE_CTL_PROVIDER,
    SERVICE_TFTP,
    SERVICE_TVS,
    Cluster,
    DevicePool,
    Gateway,
    Node,
    Srst,
    Trunk,
    make_pkid,
)
from ctlctl_lab.soap.axl_kinds import Field, Group, Kind, Ref, Value, boolean, fields_of
from ctlctl_lab.soap.axl_tags import DEVICE_POOL, SIP_TRUNK
from ctlctl_lab.soap.certdb import Known, known_certificates

#: Identifier of the pseudo node, the same in every cluster.
ENTERPRISE_PKID = "00000000-1111-0000-0000-000000000000"
#: Seconds for which TVS lets phones keep an answer.
_TVS_SECONDS = 86_400
_SERVICES = (SERVICE_CALLMANAGER, SERVICE_TFTP, SERVICE_CTI, SERVICE_CTL_PROVIDER, SERVICE_CAPF, SERVICE_TVS)


@dataclass(frozen=True, slots=True)
class Row:
    """An item that the model keeps no object of.

    Attributes:
        pkid: identifier.
        words: what tells it from others: a node and a service, a group, or a node, a service and a parameter.
        value: what else there is to it.
    """

    pkid: str
    words: tuple[str, ...]
    value: str = ""


def _word(index: int) -> Callable[[Row], str]:
    return lambda row: row.words[index]


def node_pkid(cluster: Cluster, name: str) -> str | None:
    """Return the identifier of a node, the pseudo node included."""
    if name == ENTERPRISE_NODE:
        return ENTERPRISE_PKID
    node = cluster.nodes.get(name)
    return None if node is None else node.pkid


def _node(index: int) -> Callable[[Cluster, Row], Value]:
    return lambda cluster, row: Ref(row.words[index], node_pkid(cluster, row.words[index]))


def _nodes(cluster: Cluster) -> list[Node]:
    # To AXL the pseudo node is a subscriber.
    pseudo = Node(ENTERPRISE_PKID, ENTERPRISE_NODE, "", "Subscriber", set(), {})
    return [pseudo, *cluster.nodes.values()]


PROCESS_NODES: Kind[Node] = Kind(
    name="ProcessNode",
    tag="processNode",
    items=_nodes,
    pkid=lambda node: node.pkid,
    fields=(
        Field("name", lambda _, node: node.name),
        Field("description", lambda _, node: node.description),
        Field("mac", lambda _, __: None),
        Field("ipv6Name", lambda _, __: ""),
        Field("nodeUsage", lambda _, node: node.usage),
        Field("lbmHubGroup", lambda _, __: ""),
        Field("processNodeRole", lambda _, __: "CUCM Voice/Video"),
        Field("cupDomain", lambda _, __: "", listed=False),
    ),
    criteria={
        "name": lambda node: node.name,
        "description": lambda node: node.description,
        "processNodeRole": lambda _: "CUCM Voice/Video",
    },
    keys={"name": lambda node: node.name},
)


def _node_services(cluster: Cluster) -> list[Row]:
    names = sorted(set(_SERVICES).union(*(node.services for node in cluster.nodes.values())))
    return [
        Row(make_pkid("processnodeservice", node.name, name), (node.name, name), boolean(name in node.services))
        for node in cluster.nodes.values()
        for name in names
    ]


PROCESS_NODE_SERVICES: Kind[Row] = Kind(
    name="ProcessNodeService",
    tag="processNodeService",
    items=_node_services,
    pkid=lambda row: row.pkid,
    fields=(
        Field("processNodeName", _node(0)),
        Field("service", lambda _, row: row.words[1]),
        Field("traceLevel", lambda _, __: "127"),
        Field("userCategories", lambda _, __: "0"),
        Field("enable", lambda _, row: row.value),
        Field("numFiles", lambda _, __: "250"),
        Field("maxFileSize", lambda _, __: "1"),
        Field("isActive", lambda _, row: row.value),
    ),
    criteria={"processNodeName": _word(0), "service": _word(1)},
    keys={"processNodeName": _word(0), "service": _word(1)},
)


def callmanager_name(node: str) -> str:
    """Return the name of the CallManager on a node; CUCM calls it so at installation."""
    return f"CM_{node}"


def _callmanagers(cluster: Cluster) -> list[Row]:
    return [
        Row(make_pkid("callmanager", node.name), (callmanager_name(node.name), node.name))
        for node in cluster.nodes.values()
        if SERVICE_CALLMANAGER in node.services
    ]


def _ports(_cluster: Cluster, _row: Row) -> Value:
    sip = Group((("sipPhonePort", "5060"), ("sipPhoneSecurePort", "5061")))
    mgcp = Group((("listen", "2427"), ("keepAlive", "2428")))
    return Group((("ethernetPhonePort", "2000"), ("mgcpPorts", mgcp), ("sipPorts", sip)))


CALLMANAGERS: Kind[Row] = Kind(
    name="CallManager",
    tag="callManager",
    items=_callmanagers,
    pkid=lambda row: row.pkid,
    fields=(
        Field("name", lambda _, row: row.words[0]),
        Field("description", lambda _, row: row.words[1]),
        Field("autoRegistration", lambda _, __: None),
        Field("ports", _ports, listed=False),
        Field("processNodeName", _node(1)),
        Field("lbmGroup", lambda _, __: ""),
    ),
    criteria={"name": _word(0), "description": _word(1)},
    keys={"name": _word(0)},
)


def _groups(cluster: Cluster) -> list[Row]:
    return [Row(make_pkid("callmanagergroup", name), (name,)) for name in cluster.callmanager_groups]


def _members(cluster: Cluster, row: Row) -> Value:
    found: list[tuple[str, Value]] = []
    for order, node in enumerate(cluster.callmanager_groups[row.words[0]]):
        callmanager = Ref(callmanager_name(node), make_pkid("callmanager", node))
        pkid = make_pkid("callmanagergroupmember", row.words[0], node)
        found.append(("member", Group((("callManagerName", callmanager), ("priority", str(order))), pkid)))
    return Group(tuple(found))


CALLMANAGER_GROUPS: Kind[Row] = Kind(
    name="CallManagerGroup",
    tag="callManagerGroup",
    items=_groups,
    pkid=lambda row: row.pkid,
    fields=(
        Field("name", lambda _, row: row.words[0]),
        Field("tftpDefault", lambda cluster, row: boolean(row.words[0] == next(iter(cluster.callmanager_groups)))),
        Field("members", _members, listed=False),
    ),
    criteria={"name": _word(0)},
    keys={"name": _word(0)},
)

_DEVICE_POOL: dict[str, Callable[[Cluster, DevicePool], Value]] = {
    "name": lambda _, pool: pool.name,
    "dateTimeSettingName": lambda _, pool: Ref(
        pool.date_time_group, make_pkid("datetimesetting", pool.date_time_group)
    ),
    "callManagerGroupName": lambda _, pool: Ref(
        pool.callmanager_group, make_pkid("callmanagergroup", pool.callmanager_group)
    ),
    "regionName": lambda _, pool: Ref(pool.region, make_pkid("region", pool.region)),
    "srstName": lambda cluster, pool: Ref(
        pool.srst, cluster.srsts[pool.srst].pkid if pool.srst in cluster.srsts else make_pkid("srst", pool.srst)
    ),
}

DEVICE_POOLS: Kind[DevicePool] = Kind(
    name="DevicePool",
    tag="devicePool",
    items=lambda cluster: list(cluster.device_pools.values()),
    pkid=lambda pool: pool.pkid,
    fields=fields_of(DEVICE_POOL, _DEVICE_POOL),
    criteria={
        "name": lambda pool: pool.name,
        "callManagerGroupName": lambda pool: pool.callmanager_group,
        "regionName": lambda pool: pool.region,
    },
    keys={"name": lambda pool: pool.name},
)


def _parameters(cluster: Cluster) -> list[Row]:
    return [
        Row(make_pkid("processconfig", *words), words, value) for words, value in cluster.service_parameters.items()
    ]


def _value_type(_cluster: Cluster, row: Row) -> str:
    if row.value in {"T", "F"}:
        return "boolean"
    return "long" if row.value.isdecimal() else "string"


SERVICE_PARAMETERS: Kind[Row] = Kind(
    name="ServiceParameter",
    tag="serviceParameter",
    items=_parameters,
    pkid=lambda row: row.pkid,
    fields=(
        Field("processNodeName", _node(0)),
        Field("name", lambda _, row: row.words[2]),
        Field("service", lambda _, row: row.words[1]),
        Field("value", lambda _, row: row.value),
        Field("valueType", _value_type),
    ),
    criteria={"processNodeName": _word(0), "service": _word(1)},
    keys={"processNodeName": _word(0), "service": _word(1), "name": _word(2)},
)

SRSTS: Kind[Srst] = Kind(
    name="Srst",
    tag="srst",
    items=lambda cluster: list(cluster.srsts.values()),
    pkid=lambda each: each.pkid,
    fields=(
        Field("name", lambda _, each: each.name),
        Field("port", lambda _, each: str(each.port)),
        Field("ipAddress", lambda _, each: each.address),
        Field("ipv6Address", lambda _, __: "", since=(12, 0)),
        Field("SipNetwork", lambda _, each: each.address),
        Field("SipPort", lambda _, each: str(each.sip_port)),
        Field("srstCertificatePort", lambda _, each: str(each.certificate_port)),
        Field("isSecure", lambda _, each: boolean(each.secure)),
    ),
    criteria={"name": lambda each: each.name, "ipAddress": lambda each: each.address},
    keys={"name": lambda each: each.name},
)


def _destinations(_cluster: Cluster, trunk: Trunk) -> Value:
    one = Group(
        (("addressIpv4", trunk.destination), ("port", str(trunk.destination_port)), ("sortOrder", "1")),
        make_pkid("siptrunkdestination", trunk.name),
    )
    return Group((("destination", one),))


_TRUNK: dict[str, Callable[[Cluster, Trunk], Value]] = {
    "name": lambda _, trunk: trunk.name,
    "description": lambda _, trunk: trunk.description,
    "devicePoolName": lambda cluster, trunk: Ref(trunk.device_pool, cluster.device_pools[trunk.device_pool].pkid),
    "securityProfileName": lambda _, trunk: Ref(
        trunk.security_profile, make_pkid("siptrunksecurityprofile", trunk.security_profile)
    ),
    "sipProfileName": lambda _, __: Ref("Standard SIP Profile"),
    "srtpAllowed": lambda _, trunk: boolean(trunk.srtp_allowed),
    "destinations": _destinations,
}

SIP_TRUNKS: Kind[Trunk] = Kind(
    name="SipTrunk",
    tag="sipTrunk",
    items=lambda cluster: list(cluster.trunks.values()),
    pkid=lambda trunk: trunk.pkid,
    fields=fields_of(SIP_TRUNK, _TRUNK),
    criteria={
        "name": lambda trunk: trunk.name,
        "description": lambda trunk: trunk.description,
        "callingSearchSpaceName": lambda _: "",
        "devicePoolName": lambda trunk: trunk.device_pool,
    },
    keys={"name": lambda trunk: trunk.name},
)

GATEWAYS: Kind[Gateway] = Kind(
    name="Gateway",
    tag="gateway",
    items=lambda cluster: list(cluster.gateways.values()),
    pkid=lambda each: each.pkid,
    fields=(
        Field("domainName", lambda _, each: each.domain or each.name),
        Field("description", lambda _, each: each.description),
        Field("product", lambda _, each: each.product),
        Field("protocol", lambda _, each: each.protocol),
        Field("callManagerGroupName", lambda cluster, _: _first_group(cluster)),
        Field("scratch", lambda _, __: ""),
        Field("loadInformation", lambda _, __: ""),
    ),
    criteria={
        "domainName": lambda each: each.domain or each.name,
        "description": lambda each: each.description,
        "product": lambda each: each.product,
        "protocol": lambda each: each.protocol,
    },
    keys={"domainName": lambda each: each.domain or each.name},
)


def _first_group(cluster: Cluster) -> Ref:
    name = next(iter(cluster.callmanager_groups), "")
    return Ref(name, make_pkid("callmanagergroup", name))


def _roles(_cluster: Cluster, known: Known) -> Value:
    return Group(
        tuple(("role", Group((("roleName", role),), make_pkid(known.pkid, "role", role))) for role in known.roles)
    )


def _services(_cluster: Cluster, known: Known) -> Value:
    return Group(
        tuple(
            ("service", Group((("serviceName", name),), make_pkid(known.pkid, "service", name)))
            for name in known.services
        )
    )


TVS_CERTIFICATES: Kind[Known] = Kind(
    name="TvsCertificate",
    tag="tvsCertificate",
    items=known_certificates,
    pkid=lambda known: known.pkid,
    fields=(
        Field("subjectName", lambda _, known: known.subject),
        Field("issuerName", lambda _, known: known.issuer),
        Field("serialNumber", lambda _, known: known.serial),
        Field("timeToLive", lambda _, __: str(_TVS_SECONDS)),
        Field("ipv4Address", lambda _, known: known.address),
        Field("ipv6Address", lambda _, __: ""),
        Field("roles", _roles, listed=False),
        Field("services", _services, listed=False),
    ),
    criteria={
        "subjectName": lambda known: known.subject,
        "issuerName": lambda known: known.issuer,
        "serialNumber": lambda known: known.serial,
        "timeToLive": lambda _: str(_TVS_SECONDS),
    },
    keys={"issuerName": lambda known: known.issuer, "serialNumber": lambda known: known.serial},
)
