"""A small cluster in good health as a `Snapshot`, from checked-in keys; tests change what they are about."""

from collections.abc import Iterable
from dataclasses import fields, replace
from functools import cache
from hashlib import md5, sha1

from ctlctl.assess.assessment import assess
from ctlctl.assess.model import Assessment, ClusterCode, Finding, Policy
from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    PhonePage,
    ReplicationFact,
    ServiceFact,
    ShownList,
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
    SeenCertificate,
    ServedList,
    Snapshot,
    SourceState,
)
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl_trust import Kind, build_trust_list
from support.lists import CAPF, PUB, RECOVERY, SUB1, SUB2, TVS, Row, ctl_rows, itl_rows, list_plan
from support.pki import CertificatePlan, plan
from support.snapshots import version

#: 2026-11-23 00:00 UTC.
NOW = 1_795_392_000
DAY = 86_400
#: The lists were seen first when they had been signed for a day.
SEEN = NOW - 50 * DAY
TOMCAT = plan("tomcat.example.com", "rsa2048-sub1", serial=0x7788)
OLD_CAPF = plan("CAPF-0badcafe", "rsa2048-stranger", serial=0x9102030405060708)
#: A renewed CallManager of the publisher.
NEW_PUB = plan("pub.example.com", "rsa2048-phone", serial=0x81A3950011223399)
TOKEN = plan("SAST-ADN008580ef        ", "rsa2048-stranger", serial=0x2102030405060799)
REFUSED = Fault("unreachable", "connection refused", "Check that the node is up")
LSC_ENDS = NOW + 1500 * DAY
CAPF_ENDS = int(CAPF.not_after.timestamp())
_CM, _TFTP, _TVS = "Cisco CallManager", "Cisco Tftp", "Cisco Trust Verification Service"
_CAPF = "Cisco Certificate Authority Proxy Function"
NODES = (
    NodeFact("pub", "Publisher", "CUCM Voice/Video", frozenset({_CM, _TFTP, _TVS, _CAPF})),
    NodeFact("sub1", "Subscriber", "CUCM Voice/Video", frozenset({_CM, _TFTP, _TVS})),
    NodeFact("sub2", "Subscriber", "CUCM Voice/Video", frozenset({_CM, _TVS})),
)
_OWN = {"pub": PUB, "sub1": SUB1, "sub2": SUB2}
#: Runs on every node, and on the publisher alone.
NETWORK = (
    "Cisco Tomcat",
    "Cisco Certificate Expiry Monitor",
    "Cisco Certificate Change Notification",
    "Cisco DRF Local",
)
MASTER = "Cisco DRF Master"
#: Sources that every node is asked by.
BY_NODE = (Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.TVS)
#: When nodes were last asked.
ASKED = NOW - 300
POLICY = Policy(configured_nodes={"pub": True, "sub1": True, "sub2": False})


def signed(rows: tuple[Row, ...], kind: Kind, signer: CertificatePlan = RECOVERY) -> bytes:
    """Return a list of these records."""
    return build_trust_list(list_plan(rows, kind), signer.identity())


def ctl(*rows: Row, signer: CertificatePlan = RECOVERY) -> bytes:
    """Return a CTL of these records, or of those it should have."""
    return signed(rows or tuple(ctl_rows()), Kind.CTL, signer)


def itl(node: str = "pub", *rows: Row, signer: CertificatePlan = RECOVERY) -> bytes:
    """Return the ITL of a node, of these records or of those it should have."""
    own = _OWN[node].read()
    right = [
        (role, own if certificate == PUB.read() else certificate, name, address)
        for role, certificate, name, address in itl_rows()
    ]
    return signed(rows or tuple(right), Kind.ITL, signer)


def row(source: Source, node: str, place: str, certificate: CertificatePlan | bytes) -> SeenCertificate:
    """Return a certificate that was seen."""
    der = certificate if isinstance(certificate, bytes) else certificate.encode()
    return SeenCertificate(source, node, place, der, SEEN, NOW)


@cache
def _certificates() -> tuple[SeenCertificate, ...]:
    found = [row(Source.AXL, "pub", "ITLRecovery", RECOVERY), row(Source.AXL, "pub", "CAPF", CAPF)]
    found += [row(Source.AXL, "pub", store, CAPF) for store in ("CAPF-trust", "CallManager-trust")]
    for node, own in _OWN.items():
        found += [row(Source.AXL, node, place, each) for place, each in _units(own)]
        found += [row(Source.TLS_PORTS, node, port, each) for port, each in _ports(own)]
    found.append(row(Source.TLS_PORTS, "pub", "capf", CAPF))
    return tuple(found)


def _units(own: CertificatePlan) -> list[tuple[str, CertificatePlan]]:
    return [("CallManager", own), ("TVS", TVS), ("tomcat", TOMCAT)]


def _ports(own: CertificatePlan) -> list[tuple[str, CertificatePlan]]:
    return [("sip", own), ("sccp", own), ("tvs", TVS), ("tomcat", TOMCAT)]


def phone(name: str = "SEP001122334455", **changes: object) -> Phone:
    """Return a phone with an Encrypted profile and an LSC, registered; ``changes`` name fields of any of its parts."""
    config = PhoneConfig(
        pkid=name,
        name=name,
        description="",
        model="Cisco 8841",
        protocol="SIP",
        device_pool="DP",
        security_profile="8841-enc",
        security_mode="Encrypted",
        authentication_mode="By Null String",
        capf_operation="No Pending Operation",
        capf_status="Upgrade Success",
        capf_finish_time="",
        lsc_valid_until=LSC_ENDS,
        lsc_issuer="CN=CAPF-1a2b3c4d,OU=Voice,O=Example",
        lsc_issuer_valid_until=CAPF_ENDS,
    )
    registration = Registration("Registered", 0, NOW - 5 * DAY, "pub", "10.0.0.1", httpd=True, load="x")
    made = Phone(config, SEEN, SEEN, SEEN, registration)
    names = {each.name for each in fields(config)}
    own = {key: changes.pop(key) for key in list(changes) if key in names}
    made = replace(made, config=replace(config, **own))  # type: ignore[arg-type]  # the test names fields of the class
    names = {each.name for each in fields(registration)}
    own = {key: changes.pop(key) for key in list(changes) if key in names and key != "changed_at"}
    made = replace(made, registration=replace(registration, **own))  # type: ignore[arg-type]  # the same
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def without_lsc(name: str = "SEP001122334455", **changes: object) -> Phone:
    """Return a phone of which AXL knows no LSC."""
    return phone(name, **{"lsc_valid_until": None, "lsc_issuer": None, "lsc_issuer_valid_until": None, **changes})


def probe(issuer: CertificatePlan | str = CAPF, **changes: object) -> PhoneProbe:
    """Return a look at a phone; a name stands for an issuer that the cluster does not have."""
    known = isinstance(issuer, CertificatePlan)
    made = PhoneProbe(
        at=NOW - 3600,
        sha256="ab" * 32,
        subject_cn="CP-8841-SEP001122334455",
        issuer_cn=issuer if isinstance(issuer, str) else issuer.read().common_name,
        issuer_sha256=version(issuer.encode(), 0, 0).sha256 if known and not isinstance(issuer, str) else None,
        serial="AB",
        not_before=SEEN,
        not_after=LSC_ENDS,
        tls_version="TLSv1.2",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def served(node: str, kind: ListKind, data: bytes | None, **changes: object) -> ServedList:
    """Return a list that a node serves since long."""
    made = ServedList(node, kind, None if data is None else version(data, SEEN, NOW))
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def newer(node: str, kind: ListKind, data: bytes, before: bytes, age: int = 3600) -> ServedList:
    """Return a list that took another's place."""
    return ServedList(node, kind, version(data, NOW - age, NOW), previous=version(before, SEEN, NOW - age))


def stored(
    node: str, store: str, certificate: CertificatePlan | bytes, source: Source = Source.CERTIFICATE_API
) -> StoreCertificate:
    """Return a certificate that a node lists itself."""
    der = certificate if isinstance(certificate, bytes) else certificate.encode()
    made = StoreCertificate(source, node, store, "own", f"{store}.pem", der, SEEN, ASKED)
    return replace(made, place="trust") if store.endswith("-trust") else made


@cache
def _stores() -> tuple[StoreCertificate, ...]:
    found = []
    for source in (Source.CERTIFICATE_API, Source.PLATFORM_CLI):
        for node, own in _OWN.items():
            found += [stored(node, unit, each, source) for unit, each in _units(own)]
            found += [stored(node, "ITLRecovery", RECOVERY, source), stored(node, "CallManager-trust", CAPF, source)]
        found.append(stored("pub", "CAPF", CAPF, source))
    return tuple(found)


def service(node: str, name: str, status: str = "Started", **changes: object) -> ServiceFact:
    """Return a service as Control Center has it since long; activated."""
    made = ServiceFact(Source.CONTROL_CENTER, node, name, status, activated=True, started_at=SEEN, since=SEEN)
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def shown(node: str, kind: ListKind, data: bytes, **changes: object) -> ShownList:
    """Return what a node says of a list that it has since long."""
    sums = md5(data, usedforsecurity=False).hexdigest(), sha1(data, usedforsecurity=False).hexdigest()
    made = ShownList(node, kind, *sums, length=len(data), verified=True, since=SEEN)
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def page(**changes: object) -> PhonePage:
    """Return a look at a phone's pages, an hour ago, that shows the lists that the publisher serves."""
    held = (md5(data, usedforsecurity=False).hexdigest() for data in (ctl(), itl()))
    made = PhonePage(NOW - 3600, None, next(held), next(held), "Encrypted")
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


@cache
def _answers() -> tuple[TvsAnswer, ...]:
    known = {each.encode() for each in (*_OWN.values(), CAPF, TVS, TOMCAT)}
    prints = sorted(version(der, 0, 0).sha256 for der in known)
    return tuple(TvsAnswer(node.name, each, True, (2, 3), SEEN) for node in NODES for each in prints)


def nodes_well() -> dict[str, object]:
    """Return what nodes of a cluster in good health say of themselves, by the name of the snapshot's field."""
    names = [node.name for node in NODES]
    services = [service(node.name, name) for node in NODES for name in (*sorted(node.services), *NETWORK)]
    return {
        "node_states": tuple(NodeState(source, name, ASKED, None, SEEN) for source in BY_NODE for name in names),
        "services": (*services, service("pub", MASTER)),
        "stores": _stores(),
        "replication": tuple(
            ReplicationFact(asked, name, 2, "Setup Completed", 0, SEEN) for asked in names for name in names
        ),
        "ntp": tuple(NtpFact(name, True, 3 + (name != "pub"), 1.25, SEEN) for name in names),
        "backups": (BackupFact("pub", NOW - 22 * 3600, "SUCCESS", NOW - 22 * 3600),),
        "shown_lists": tuple(shown(one.node, one.kind, one.current.data) for one in healthy_lists() if one.current),
        "tvs_answers": _answers(),
    }


def healthy_lists() -> tuple[ServedList, ...]:
    """Return the lists that it serves."""
    return (
        served("pub", "ctl", ctl()),
        served("pub", "itl", itl()),
        served("sub1", "ctl", ctl()),
        served("sub1", "itl", itl("sub1")),
    )


def whole(**changes: object) -> Snapshot:
    """Return the cluster in good health, with all that nodes say of themselves, but for ``changes``."""
    return healthy(**{**nodes_well(), **changes})


def healthy(**changes: object) -> Snapshot:
    """Return the cluster in good health, but for ``changes``."""
    made = Snapshot(
        cluster="hq",
        facts=ClusterFacts("14.0.1.13900-155", "14.0", 1, lsc_columns=True),
        mode_changes=(),
        sources={source: SourceState(source, NOW - 60, NOW - 60) for source in Source},
        nodes=NODES,
        phones=(
            phone(),
            without_lsc("SEP001122334456", security_mode="Non Secure"),
            without_lsc("SEP001122334457", security_mode="Non Secure", model="Cisco 7960"),
        ),
        retired=0,
        lists=healthy_lists(),
        certificates=_certificates(),
        ports=tuple(
            PortState(node.name, port, None, SEEN) for node in NODES for port in ("sip", "sccp", "tvs", "tomcat")
        ),
        profiles=(
            CapfProfileFact(
                "application-user", "1", "jtapi", "i1", "No Pending Operation", "Upgrade Success", "", SEEN
            ),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def with_lists(*lists: ServedList) -> Snapshot:
    """Return the cluster with these lists in the place of its own."""
    mine = {(one.node, one.kind): one for one in healthy().lists}
    mine |= {(one.node, one.kind): one for one in lists}
    return healthy(lists=tuple(mine.values()))


def with_certificates(*rows: SeenCertificate, without: Iterable[tuple[Source, str, str]] = ()) -> Snapshot:
    """Return the cluster with these certificates in the place of its own of the same source, node and place."""
    gone = {(one.source, one.node, one.place) for one in rows} | set(without)
    kept = [one for one in _certificates() if (one.source, one.node, one.place) not in gone]
    return healthy(certificates=(*kept, *rows))


def judged(snapshot: Snapshot, policy: Policy = POLICY, now: int = NOW) -> Assessment:
    """Judge a snapshot."""
    return assess(snapshot, policy, now)


def found(snapshot: Snapshot, policy: Policy = POLICY, now: int = NOW) -> dict[tuple[str, str], Finding]:
    """Return the findings by code and subject."""
    return {finding.key: finding for finding in judged(snapshot, policy, now).findings}


def codes(snapshot: Snapshot, policy: Policy = POLICY, now: int = NOW) -> set[ClusterCode]:
    """Return the codes that a snapshot raises."""
    return {finding.code for finding in judged(snapshot, policy, now).findings}


def list_version(data: bytes) -> ListVersion:
    """Return a version that is served since long."""
    return version(data, SEEN, NOW)


def of(snapshot: Snapshot, code: ClusterCode) -> dict[str, Finding]:
    """Return the findings of a code by subject."""
    return {subject: finding for (name, subject), finding in found(snapshot).items() if name == code}
