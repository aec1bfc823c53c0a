"""The tables of the SQL subset: the cluster's state as rows, with the columns that public sources name.

Numbers of the type tables are positions in AXL's enumerations, counted from 1, where somebody checked that; the
numbers of services are the lab's own (only Enterprise Wide is known to be 11): join, as on a genuine cluster.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ctlctl_lab.model import (
    ENTERPRISE_NODE,
    ENTERPRISE_SERVICE,
    Cluster,
    DevicePool,
    Node,
    Phone,
    SecurityProfile,
    make_pkid,
)
from ctlctl_lab.phonemodels import MODELS
from ctlctl_lab.soap.axl_faults import NO_TABLE, AxlFault
from ctlctl_lab.soap.axl_system import (
    CALLMANAGER_GROUPS,
    ENTERPRISE_PKID,
    PROCESS_NODES,
    SERVICE_PARAMETERS,
    Row,
    node_pkid,
)
from ctlctl_lab.soap.axl_words import (
    AUTHENTICATION_MODES,
    CERTIFICATE_SERVICES,
    EC_KEY_SIZES,
    KEY_ORDERS,
    KEY_SIZES,
    OPERATIONS,
    SECURITY_MODES,
    STATUSES,
    TRANSPORTS,
)
from ctlctl_lab.soap.certdb import Known, known_certificates
from ctlctl_lab.soap.sql_tree import SqlValue

#: tkservice of enterprise parameters; the numbers of other services begin here.
ENTERPRISE_NUMBER: Final = 11
_SERVICE_NUMBERS: Final = 1001

#: tkdeviceprotocol.
_PROTOCOLS: Final = {"SCCP": 0, "SIP": 11}


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: what each column of a row says, in the order of ``*``.
        rows: its rows.
    """

    columns: Mapping[str, Callable[[Any], SqlValue]]
    rows: Sequence[Any]


def _numbers(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names, 1)}


_STATUS_NUMBERS: Final = _numbers(STATUSES)
_OPERATION_NUMBERS: Final = _numbers(OPERATIONS)
_MODE_NUMBERS: Final = _numbers(SECURITY_MODES)
_AUTHENTICATION_NUMBERS: Final = _numbers(AUTHENTICATION_MODES)
_TRANSPORT_NUMBERS: Final = _numbers(TRANSPORTS)
_KEY_SIZE_NUMBERS: Final = _numbers((*KEY_SIZES, *EC_KEY_SIZES))
_KEY_ORDER_NUMBERS: Final = _numbers(KEY_ORDERS)
_CERTIFICATE_NUMBERS: Final = _numbers(CERTIFICATE_SERVICES)


def _type_table(numbers: Mapping[str, int]) -> Table:
    columns: dict[str, Callable[[tuple[str, int]], SqlValue]] = {"enum": lambda row: row[1], "name": lambda row: row[0]}
    return Table(columns, list(numbers.items()))


def _flag(value: object) -> str:
    return "t" if value else "f"


def _device(cluster: Cluster) -> Table:
    profiles, pools = cluster.profiles, cluster.device_pools
    columns: dict[str, Callable[[Phone], SqlValue]] = {
        "pkid": lambda phone: phone.pkid,
        "name": lambda phone: phone.name,
        "description": lambda phone: phone.description,
        "tkclass": lambda _: 1,
        "tkmodel": lambda phone: phone.kind.enum,
        "tkdeviceprotocol": lambda phone: _PROTOCOLS.get(phone.protocol),
        "fkdevicepool": lambda phone: pools[phone.device_pool].pkid,
        "fksecurityprofile": lambda phone: profiles[phone.profile].pkid,
        "authenticationstring": lambda phone: phone.capf.authentication_string or None,
        "tkcertificatestatus": lambda phone: _STATUS_NUMBERS.get(phone.capf.certificate_status),
        "tkcertificateoperation": lambda phone: _OPERATION_NUMBERS.get(phone.capf.operation),
        "upgradefinishtime": lambda phone: phone.capf.finish_time or None,
        "lscvaliduntil": lambda phone: phone.lsc_valid_until,
        "lscissuername": lambda phone: phone.lsc_issuer_name,
        "lscissuervaliduntil": lambda phone: phone.lsc_issuer_valid_until,
    }
    return Table(columns, list(cluster.phones.values()))


def _security_profile(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[SecurityProfile], SqlValue]] = {
        "pkid": lambda each: each.pkid,
        "name": lambda each: each.name,
        "description": lambda each: each.description,
        "tkmodel": lambda each: MODELS[each.phone_type].enum if each.phone_type in MODELS else None,
        "tkdeviceprotocol": lambda each: _PROTOCOLS.get(each.protocol),
        "tksecuritypolicy": lambda _: 4,
        "tkdevicesecuritymode": lambda each: _MODE_NUMBERS.get(each.device_security_mode),
        "tkauthenticationmode": lambda each: _AUTHENTICATION_NUMBERS.get(each.authentication_mode),
        "tkkeyorder": lambda each: _KEY_ORDER_NUMBERS.get(each.key_order),
        "tkkeysize": lambda each: _KEY_SIZE_NUMBERS.get(str(each.key_size)),
        "tkeckeysize": lambda each: _KEY_SIZE_NUMBERS.get(str(each.ec_key_size)),
        "tktransport": lambda each: _TRANSPORT_NUMBERS.get(each.transport_type),
        "tftpencryptedflag": lambda each: _flag(each.tftp_encrypted_config),
        "sipoauthflag": lambda each: _flag(each.oauth),
        "digestauthall": lambda _: "f",
        "noncepolicytime": lambda each: each.nonce_validity_seconds,
    }
    return Table(columns, list(cluster.profiles.values()))


def _device_pool(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[DevicePool], SqlValue]] = {
        "pkid": lambda pool: pool.pkid,
        "name": lambda pool: pool.name,
        "fkcallmanagergroup": lambda pool: make_pkid("callmanagergroup", pool.callmanager_group),
    }
    return Table(columns, list(cluster.device_pools.values()))


def _callmanager_group(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[Row], SqlValue]] = {"pkid": lambda row: row.pkid, "name": lambda row: row.words[0]}
    return Table(columns, CALLMANAGER_GROUPS.items(cluster))


def _process_node(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[Node], SqlValue]] = {
        "pkid": lambda node: node.pkid,
        "name": lambda node: node.name,
        "description": lambda node: node.description,
        "systemnode": lambda node: _flag(node.pkid == ENTERPRISE_PKID),
        "tknodeusage": lambda node: 0 if node.publisher else 1,
        "tkprocessnoderole": lambda _: 1,
    }
    return Table(columns, PROCESS_NODES.items(cluster))


def _service_numbers(cluster: Cluster) -> dict[str, int]:
    names = {service for _, service, _ in cluster.service_parameters}.union(
        *(node.services for node in cluster.nodes.values())
    )
    others = enumerate(sorted(names - {ENTERPRISE_SERVICE}), _SERVICE_NUMBERS)
    return {ENTERPRISE_SERVICE: ENTERPRISE_NUMBER} | {name: number for number, name in others}


def _process_config(cluster: Cluster) -> Table:
    numbers = _service_numbers(cluster)
    columns: dict[str, Callable[[Row], SqlValue]] = {
        "pkid": lambda row: row.pkid,
        "paramname": lambda row: row.words[2],
        "paramvalue": lambda row: row.value,
        "tkservice": lambda row: numbers[row.words[1]],
        "fkprocessnode": lambda row: node_pkid(cluster, row.words[0] or ENTERPRISE_NODE),
    }
    return Table(columns, SERVICE_PARAMETERS.items(cluster))


def _certificate(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[Known], SqlValue]] = {
        "pkid": lambda known: known.pkid,
        "servername": lambda known: known.server,
        "ipv4address": lambda known: known.address,
        "subjectname": lambda known: known.subject,
        "issuername": lambda known: known.issuer,
        "serialnumber": lambda known: known.serial,
        "certificate": lambda known: known.pem,
        "tkcertificatedistribution": lambda _: 1,
    }
    return Table(columns, known_certificates(cluster))


def _certificate_map(cluster: Cluster) -> Table:
    columns: dict[str, Callable[[tuple[str, str]], SqlValue]] = {
        "pkid": lambda row: make_pkid("certificatemap", *row),
        "fkcertificate": lambda row: row[0],
        "tkcertificateservice": lambda row: _CERTIFICATE_NUMBERS[row[1]],
    }
    rows = [
        (known.pkid, service)
        for known in known_certificates(cluster)
        for service in known.services
        if service in _CERTIFICATE_NUMBERS
    ]
    return Table(columns, rows)


def _distribution(_cluster: Cluster) -> Table:
    columns: dict[str, Callable[[str], SqlValue]] = {
        "enum": lambda _: 1,
        "name": lambda _: "this-server",
        "moniker": lambda _: "this-server",
    }
    return Table(columns, ["this-server"])


def _types(numbers: Mapping[str, int]) -> Callable[[Cluster], Table]:
    return lambda _cluster: _type_table(numbers)


_TABLES: Final[Mapping[str, Callable[[Cluster], Table]]] = {
    "device": _device,
    "securityprofile": _security_profile,
    "devicepool": _device_pool,
    "callmanagergroup": _callmanager_group,
    "processnode": _process_node,
    "processconfig": _process_config,
    "certificate": _certificate,
    "certificateservicecertificatemap": _certificate_map,
    "typecertificatedistribution": _distribution,
    "typecertificateservice": _types(_CERTIFICATE_NUMBERS),
    "typecertificatestatus": _types(_STATUS_NUMBERS),
    "typecertificateoperation": _types(_OPERATION_NUMBERS),
    "typedevicesecuritymode": _types(_MODE_NUMBERS),
    "typeauthenticationmode": _types(_AUTHENTICATION_NUMBERS),
    "typekeysize": _types(_KEY_SIZE_NUMBERS),
    "typekeyorder": _types(_KEY_ORDER_NUMBERS),
    "typetransport": _types(_TRANSPORT_NUMBERS),
    "typedeviceprotocol": _types(_PROTOCOLS),
    "typeclass": _types({"Phone": 1}),
    "typemodel": _types({model.name: model.enum for model in MODELS.values()}),
    "typeservice": lambda cluster: _type_table(_service_numbers(cluster)),
}


def table(cluster: Cluster, name: str) -> Table:
    """Return a table. Use it under `Cluster.lock`.

    Raises:
        AxlFault: -206, there is none of that name here.
    """
    make = _TABLES.get(name)
    if make is None:
        raise AxlFault(NO_TABLE, f"The specified table ({name}) is not in the database.", "soapenv:Client")
    return make(cluster)
