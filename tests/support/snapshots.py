"""What collectors would have seen of a lab's world, without any of them: the world turned into a `Snapshot`.

Tests that hold rules against the lab's scenarios need no socket and no clock.
"""

from dataclasses import replace
from hashlib import sha256

from ctlctl.assess.model import Policy
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
    SeenCertificate,
    ServedList,
    Snapshot,
    SourceState,
)
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl_lab.model import REGISTERED, SERVICE_TFTP, UNKNOWN, CapfProfile, Credential, Node
from ctlctl_lab.model import Phone as LabPhone
from ctlctl_lab.phones import presented
from ctlctl_lab.services import PORTS
from ctlctl_lab.soap.certdb import known_certificates
from ctlctl_lab.world import World
from support.nodesnapshots import node_parts, page_of

SILENT = Fault("unreachable", "connection refused", "Check that the node is up")
BUSY = Fault("throttled", "Exceeded allowed rate", "Try again later")


def policy_of(world: World, **changes: object) -> Policy:
    """Return the policy for a lab's world."""
    nodes = {name: SERVICE_TFTP in node.services for name, node in world.cluster.nodes.items()}
    made = Policy(lab=True, configured_nodes=nodes)
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def snapshot_of(world: World, *, probes: bool = False, nodes: bool = False, before: Snapshot | None = None) -> Snapshot:
    """Return what one round of collecting shows.

    Args:
        world: the world.
        probes: whether phones' web servers are looked at.
        nodes: whether nodes are asked about themselves, and phones' pages are read.
        before: an earlier round, from which the versions of lists are known.
    """
    cluster, now = world.cluster, int(world.now())
    known = known_certificates(cluster)
    certificates = [
        SeenCertificate(Source.AXL, each.server, store, each.identity.der, now, now)
        for each in known
        for store in each.services
    ]
    ports: list[PortState] = []
    for node in cluster.nodes.values():
        for name, port in PORTS.items():
            if port.unit is None or (port.service is not None and port.service not in node.services):
                continue
            identity = None
            if node.up and (port.service is None or node.runs(port.service)):
                identity = presented(world, node, name, port.unit)
            ports.append(PortState(node.name, name, SILENT if identity is None else None, now))
            if identity is not None:
                certificates.append(SeenCertificate(Source.TLS_PORTS, node.name, name, identity.der, now, now))
    down = any(not node.up for node in cluster.nodes.values())
    throttled = world.faults.ris_per_minute < 15
    states = {source: SourceState(source, now, now) for source in Source if probes or source is not Source.PHONE_TLS}
    if down and not cluster.publisher.up:
        for source in (Source.AXL, Source.RIS):
            states[source] = SourceState(source, None, now, SILENT, now)
    trusted = {each.identity.fingerprint.hex() for each in known}
    more = node_parts(world) if nodes else {}
    return Snapshot(
        cluster=cluster.name,
        facts=ClusterFacts(cluster.version, "14.0", cluster.security_mode, lsc_columns=True, throttled=int(throttled)),
        mode_changes=(),
        sources=states,
        nodes=tuple(
            NodeFact(node.name, node.usage, "CUCM Voice/Video", frozenset(node.services))
            for node in cluster.nodes.values()
        ),
        phones=tuple(
            _phone(world, phone, now, trusted, probes=probes, pages=nodes) for phone in cluster.phones.values()
        ),
        retired=0,
        lists=tuple(
            _served(world, node, kind, now, before)
            for node in cluster.nodes.values()
            if SERVICE_TFTP in node.services
            for kind in _KINDS
        ),
        certificates=tuple(certificates),
        ports=tuple(ports),
        profiles=tuple(
            _profile(kind, each, now)
            for kind, profiles in (
                ("application-user", cluster.application_user_profiles),
                ("end-user", cluster.end_user_profiles),
            )
            for each in profiles.values()
        ),
        **more,
    )


_KINDS: tuple[ListKind, ...] = ("ctl", "itl")


def _profile(kind: str, profile: CapfProfile, now: int) -> CapfProfileFact:
    capf = profile.capf
    return CapfProfileFact(
        kind, profile.pkid, profile.user, profile.instance_id, capf.operation, capf.status, capf.finish_time, now
    )


def _served(world: World, node: Node, kind: ListKind, now: int, before: Snapshot | None) -> ServedList:
    earlier = None
    if before is not None:
        earlier = next((one for one in before.lists if (one.node, one.kind) == (node.name, kind)), None)
    if not node.runs(SERVICE_TFTP):
        return ServedList(node.name, kind, None if earlier is None else earlier.current, fault=SILENT)
    data = world.files.ctl if kind == "ctl" else world.files.itl(node)
    if data is None:
        return ServedList(node.name, kind, None, absent_since=now)
    if earlier is None or earlier.current is None:
        return ServedList(node.name, kind, version(data, now, now))
    if earlier.current.data == data:
        current = replace(earlier.current, last_seen=now)
        return replace(earlier, current=current)
    older = tuple(one for one in (earlier.previous, *earlier.earlier) if one is not None)
    return ServedList(node.name, kind, version(data, now, now), previous=earlier.current, earlier=older)


def version(data: bytes, first_seen: int, last_seen: int) -> ListVersion:
    """Return a version of a list."""
    return ListVersion(data, sha256(data).hexdigest(), first_seen, last_seen)


def _phone(world: World, phone: LabPhone, now: int, trusted: set[str], *, probes: bool, pages: bool) -> Phone:
    profile = world.cluster.profiles[phone.profile]
    config = PhoneConfig(
        pkid=phone.pkid,
        name=phone.name,
        description=phone.description,
        model=phone.model,
        protocol=phone.protocol,
        device_pool=phone.device_pool,
        security_profile=phone.profile,
        security_mode=profile.device_security_mode,
        authentication_mode=profile.authentication_mode,
        capf_operation=phone.capf.operation,
        capf_status=phone.capf.status,
        capf_finish_time=phone.capf.finish_time,
        lsc_valid_until=phone.lsc_valid_until or None,
        lsc_issuer=phone.lsc_issuer_name,
        lsc_issuer_valid_until=phone.lsc_issuer_valid_until or None,
    )
    registration = Registration(
        status=phone.status if phone.node else UNKNOWN,
        reason=phone.status_reason,
        changed_at=phone.status_time if phone.node else None,
        node=phone.node,
        address=phone.address,
        httpd=phone.httpd,
        load=phone.load,
    )
    probe = None
    if probes and phone.httpd and phone.status == REGISTERED:
        shown = phone.credential
        probe = PhoneProbe(now, "tls") if shown is None else _probe(phone, shown, now, trusted)
    page = page_of(phone, now) if pages and phone.httpd and phone.status == REGISTERED else None
    return Phone(config, now, now, now, registration, probe, page=page)


def _probe(phone: LabPhone, shown: Credential, now: int, trusted: set[str]) -> PhoneProbe:
    issuer = shown.issuer.fingerprint.hex()
    return PhoneProbe(
        at=now,
        sha256=sha256(f"{phone.name} {shown.serial}".encode()).hexdigest(),
        subject_cn=phone.certificate_name,
        issuer_cn=shown.issuer.common_name,
        issuer_sha256=issuer if issuer in trusted else None,
        serial=f"{shown.serial:X}",
        not_before=shown.not_before,
        not_after=shown.not_after,
        tls_version="TLSv1.2",
    )
