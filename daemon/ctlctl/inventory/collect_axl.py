"""What AXL says of a cluster, read once and put into the store's values."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ctlctl.connectors.axl_values import CapfUserKind
from ctlctl.inventory.nodevalues import PoolFact, ProfileFact
from ctlctl.inventory.values import ClusterFacts, NodeFact, PhoneConfig

if TYPE_CHECKING:
    from ctlctl.connectors.axl_ports import AxlReader
    from ctlctl.connectors.axl_values import Phone

#: kind, pkid, user, instance ID, operation, status, finish time.
ProfileRow: TypeAlias = tuple[str, str, str, str, str | None, str | None, str]
#: node, store, DER.
CertificateRow: TypeAlias = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class AxlReading:
    """What a complete reading gave, phones apart: those stream.

    Attributes:
        facts: the cluster as a whole.
        nodes: its nodes.
        certificates: those that the database has.
        profiles: CAPF profiles of users.
        damaged: certificates of the database that cannot be read at all, in words.
        pools: device pools.
        security_profiles: phone security profiles.
    """

    facts: ClusterFacts
    nodes: tuple[NodeFact, ...]
    certificates: tuple[CertificateRow, ...]
    profiles: tuple[ProfileRow, ...]
    damaged: tuple[str, ...] = ()
    pools: tuple[PoolFact, ...] = ()
    security_profiles: tuple[ProfileFact, ...] = ()


def read_cluster(axl: "AxlReader") -> AxlReading:
    """Read everything but the phones.

    Raises:
        AxlError: something could not be read; then nothing of it counts.
    """
    version = axl.version()
    mode = axl.security().mode
    columns = axl.lsc_columns()
    facts = ClusterFacts(version.cluster, version.schema, None if mode is None else mode.value, bool(columns))
    active: dict[str, set[str]] = {}
    for service in axl.services():
        if service.is_active:
            active.setdefault(service.node, set()).add(service.service)
    nodes = tuple(
        NodeFact(
            node.name,
            None if node.usage is None else str(node.usage),
            None if node.role is None else str(node.role),
            frozenset(active.get(node.name, ())),
        )
        for node in axl.nodes()
    )
    certificates, damaged = _certificates(axl)
    pools = tuple(PoolFact(one.name, one.callmanager_group or None) for one in axl.device_pools())
    profiles = tuple(
        ProfileFact(one.name, _word(one.key_size), _word(one.key_order), _word(one.ec_key_size))
        for one in axl.security_profiles()
    )
    return AxlReading(facts, nodes, certificates, tuple(_profiles(axl)), damaged, pools, profiles)


def _certificates(axl: "AxlReader") -> tuple[tuple[CertificateRow, ...], tuple[str, ...]]:
    rows, damaged = [], []
    for known in axl.certificates():
        try:
            der = ssl.PEM_cert_to_DER_cert(known.pem.strip())
        except ValueError:
            damaged.append(f"{known.store} of {known.server}, serial {known.serial}")
        else:
            rows.append((known.server, known.store, der))
    return tuple(rows), tuple(damaged)


def _profiles(axl: "AxlReader") -> Iterator[ProfileRow]:
    for kind in CapfUserKind:
        for one in axl.capf_profiles(kind):
            operation = None if one.operation is None else str(one.operation)
            status = None if one.status is None else str(one.status)
            yield kind.value, one.pkid, one.user, one.instance_id, operation, status, one.finish_time


def read_phones(axl: "AxlReader") -> Iterator[PhoneConfig]:
    """Give the phones, page by page.

    Raises:
        AxlError: a page could not be had.
    """
    return map(_phone, axl.phones())


def _phone(phone: "Phone") -> PhoneConfig:
    return PhoneConfig(
        pkid=phone.pkid,
        name=phone.name,
        description=phone.description,
        model=phone.model,
        protocol=phone.protocol,
        device_pool=phone.device_pool,
        security_profile=phone.security_profile,
        security_mode=_word(phone.security_mode),
        authentication_mode=_word(phone.authentication_mode),
        capf_operation=_word(phone.capf_operation),
        capf_status=_word(phone.capf_status),
        capf_finish_time=phone.capf_finish_time,
        lsc_valid_until=phone.lsc_valid_until,
        lsc_issuer=phone.lsc_issuer,
        lsc_issuer_valid_until=phone.lsc_issuer_valid_until,
    )


def _word(word: str | None) -> str | None:
    # The plain text: whether this version knows the word is no part of what was seen.
    return None if word is None else str.__str__(word)
