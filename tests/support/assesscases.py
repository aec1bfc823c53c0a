"""What raises each code about nodes, and what is almost that; tests hold the rules against it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha1

from ctlctl.assess.model import ClusterCode as C
from ctlctl.assess.model import FindingSeverity as S
from ctlctl.assess.model import Policy
from ctlctl.inventory.nodevalues import (
    BackupFact,
    NodeState,
    NtpFact,
    ReplicationFact,
    StaleLsc,
    StoreCertificate,
    TvsAnswer,
)
from ctlctl.inventory.values import ServedList, Snapshot
from ctlctl.inventory.words import Fault, Source
from support.lists import CAPF, PUB, STRANGER, SUB2
from support.pki import START, CertificatePlan, cucm_name, der, der_extension, der_oid, plan, san_extension
from support.smallsnapshot import (
    ASKED,
    DAY,
    NEW_PUB,
    NOW,
    POLICY,
    REFUSED,
    SEEN,
    TOMCAT,
    ctl,
    itl,
    nodes_well,
    page,
    phone,
    row,
    service,
    shown,
    stored,
    whole,
    with_certificates,
)
from support.snapshots import version

API, CLI = Source.CERTIFICATE_API, Source.PLATFORM_CLI
CLIENT_AUTH, SERVER_AUTH = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
#: A later certificate of sub2, with a key of its own.
RENEWED = plan("sub2.example.com", "rsa2048-phone", serial=0x5157, not_before=START.replace(year=2026))
OLDER_ITL = itl("pub", (0, STRANGER.read(), "x", None), (21, STRANGER.read(), "x", None), signer=STRANGER)


@dataclass(frozen=True)
class Case:
    """What raises a code, and how."""

    snapshot: Callable[[], Snapshot]
    severity: S
    subject: str = ""
    says: str = ""
    policy: Policy = POLICY
    now: int = NOW


def purposes(*oids: str) -> bytes:
    """Return an extended key usage."""
    return der_extension("2.5.29.37", der(0x30, *map(der_oid, oids)))


def issued(name: str, *extensions: bytes, **changes: object) -> CertificatePlan:
    """Return a certificate that a CA issued."""
    made = plan(name, "rsa2048-phone", serial=0x3131, extensions=extensions)
    return made.but(issuer=cucm_name("Example Issuing CA"), issuer_key="rsa2048-stranger", **changes)


def installed(unit: str, certificate: CertificatePlan, *nodes: str) -> Snapshot:
    """Return the cluster with a certificate in the place of the nodes' own, by everybody who tells."""
    gone = {(node, unit) for node in nodes}
    kept = tuple(one for one in whole().stores if (one.node, one.store) not in gone)
    rows = [row(Source.AXL, node, unit, certificate) for node in nodes]
    ports = [row(Source.TLS_PORTS, node, port, certificate) for node in nodes for port in _PORTS[unit]]
    api = tuple(stored(node, unit, certificate) for node in nodes)
    return replace(
        with_certificates(*rows, *ports),
        **{**nodes_well(), "stores": (*kept, *api), "tvs_answers": ()},  # type: ignore[arg-type]  # fields of the class
    )


_PORTS = {"CallManager": ("sip", "sccp"), "tomcat": ("tomcat",), "TVS": ("tvs",)}


def states(*changed: NodeState) -> Snapshot:
    """Return the cluster with other answers of nodes in the place of its own."""
    gone = {(one.source, one.node) for one in changed}
    kept = [one for one in whole().node_states if (one.source, one.node) not in gone]
    return whole(node_states=(*kept, *changed))


def failed(source: Source, node: str, kind: str = "unreachable", at: int | None = NOW - 7200) -> NodeState:
    """Return a node that does not answer a source for an hour."""
    return NodeState(source, node, at, Fault(kind, "it said no", "Do this first"), NOW - 3600)


def replicated(**changes: object) -> Callable[[], Snapshot]:
    """Return the cluster as the publisher sees sub1 with these changes."""
    made = replace(ReplicationFact("pub", "sub1", 2, "Setup Completed", 0, NOW - 7200), **changes)  # type: ignore[arg-type]  # the test names fields of the class
    return lambda: whole(replication=(made, *whole().replication[2:]))


def clock(**changes: object) -> Callable[[], Snapshot]:
    """Return the cluster with one clock that has these changes."""
    made = replace(NtpFact("sub1", True, 4, 1.25, NOW - 7200), **changes)  # type: ignore[arg-type]  # the test names fields of the class
    return lambda: whole(ntp=(made,))


def backup(at: int | None, status: str = "SUCCESS") -> Callable[[], Snapshot]:
    """Return the cluster with this backup."""
    return lambda: whole(backups=(BackupFact("pub", at, status, NOW - 7200),))


def tvs_answers(*answers: TvsAnswer) -> Snapshot:
    """Return the cluster with these answers of TVS in the place of those about the same."""
    gone = {(one.node, one.sha256) for one in answers}
    return whole(tvs_answers=(*(one for one in whole().tvs_answers if (one.node, one.sha256) not in gone), *answers))


def unknown_to(node: str, certificate: CertificatePlan, since: int = NOW - 7200) -> TvsAnswer:
    """Return that TVS of a node does not know a certificate."""
    return TvsAnswer(node, version(certificate.encode(), 0, 0).sha256, known=False, roles=(), since=since)


def holding(**changes: object) -> Callable[[], Snapshot]:
    """Return the cluster with one phone, whose pages say this."""
    return lambda: whole(phones=(phone(page=page(**changes)),))


def disagreeing(place: StoreCertificate) -> Snapshot:
    """Return the cluster with another word of a node about one of its certificates."""
    kept = [one for one in whole().stores if (one.node, one.store) != (place.node, place.store)]
    return whole(stores=(*kept, place))


def renewed(*seen: tuple[Source, int, int]) -> Snapshot:
    """Return the cluster with tomcat of sub2 renewed, as far as sources know: when they saw it first and last."""
    later = TOMCAT.but(serial=0x9999, not_before=START.replace(year=2026)).encode()
    rows = [
        replace(row(source, "sub2", "tomcat", later), first_seen=first, last_seen=last) for source, first, last in seen
    ]
    return with_certificates(*rows)


NODE_CASES = {
    C.SERVICE_NOT_RUNNING: Case(
        lambda: whole(services=(service("sub1", "Cisco Tftp", "Stopped", since=NOW - 7200),)),
        S.CRITICAL,
        "sub1/Cisco Tftp",
        "Cisco Tftp of sub1 is stopped, for 2 h, says Control Center (5 min ago), and is activated.",
    ),
    C.REPLICATION_BROKEN: Case(
        replicated(state=4, status="Setup Failed"),
        S.WARNING,
        "sub1",
        "Database replication of sub1 is in state 4: its setup failed, for 2 h (as pub sees it, 5 min ago).",
    ),
    C.CLOCK_UNSYNCHRONISED: Case(
        clock(synchronised=False), S.WARNING, "sub1", "The clock of sub1 is not synchronised, for 2 h"
    ),
    C.BACKUP_OLD: Case(
        backup(NOW - 40 * DAY), S.WARNING, "", "The last backup that succeeded is of 2026-10-14 00:00Z (40 d ago)."
    ),
    C.BACKUP_FAILED: Case(
        backup(NOW - 40 * 3600, "ERROR"), S.WARNING, "", "The newest backup ended with 'ERROR'; the last that succeeded"
    ),
    C.SHOWN_LIST_DIFFERS: Case(
        lambda: whole(shown_lists=(shown("sub1", "itl", OLDER_ITL),)),
        S.WARNING,
        "sub1/itl",
        "by show itl (5 min ago), but serves ",
    ),
    C.LIST_FAILS_ON_NODE: Case(
        lambda: whole(shown_lists=(shown("pub", "ctl", ctl(), verified=False),)),
        S.CRITICAL,
        "pub/ctl",
        "CUCM itself says that the CTL of pub does not verify, for 50 d (show ctl, 5 min ago).",
    ),
    C.PHONE_LIST_OLD: Case(
        holding(itl_hash="ab" * 16),
        S.WARNING,
        "itl",
        "1 registered phone does not hold the newest ITL, first seen 50 d ago, by their own pages: 1 holds one "
        "that no node was ever seen to serve (8841: 1).",
    ),
    C.TVS_UNAWARE: Case(
        lambda: tvs_answers(unknown_to("sub2", PUB)),
        S.CRITICAL,
        "sub2",
        "TVS of sub2 does not know CallManager of pub, for 2 h (asked 5 min ago).",
    ),
    C.RENEWED_NOT_RESTARTED: Case(
        lambda: renewed((Source.AXL, SEEN, NOW)),
        S.WARNING,
        "sub2/tomcat",
        "(serial 9999, valid from 2026-01-01): the service was not restarted.",
    ),
    C.CERTIFICATE_SOURCES_DISAGREE: Case(
        lambda: disagreeing(stored("sub2", "CallManager", NEW_PUB)),
        S.WARNING,
        "sub2/CallManager",
        "the certificate API has serial 81A3950011223399, valid from 2024-01-01 (seen 5 min ago); the database has",
    ),
    C.CERTIFICATE_WEAK: Case(
        lambda: installed("tomcat", plan("sub2.example.com", "rsa1024-a"), "sub2"),
        S.WARNING,
        "key",
        "1 certificate in use has a weak key: tomcat of sub2 (RSA-1024).",
    ),
    C.SAN_INCOMPLETE: Case(
        lambda: installed("tomcat", issued("pub-ms", san_extension("pub.example.com", "sub1")), "pub", "sub1", "sub2"),
        S.WARNING,
        "tomcat",
        "The multi-server tomcat certificate pub-ms (serial 3131) does not name sub2.",
    ),
    C.CLIENT_AUTH_MISSING: Case(
        lambda: installed("CallManager", SUB2.but(extensions=(purposes(SERVER_AUTH),)), "sub2"),
        S.WARNING,
        "CallManager",
        "CallManager of sub2 may not be used as a TLS client",
    ),
    C.STALE_LSCS: Case(
        lambda: whole(stale_lscs=(StaleLsc("pub", "SEP001122334455 …", SEEN), StaleLsc("pub", "x", NOW))),
        S.INFO,
        "",
        "2 LSCs on pub were issued and never installed.",
    ),
}

_OTHER = replace(service("sub2", "Cisco Tftp", "Stopped"), activated=False)
NODE_NEAR_MISSES: dict[str, tuple[C, Callable[[], Snapshot]]] = {
    "a service that is starting": (
        C.SERVICE_NOT_RUNNING,
        lambda: whole(services=(service("pub", "Cisco CallManager", "Starting", since=ASKED - 600),)),
    ),
    "a service that is not activated": (C.SERVICE_NOT_RUNNING, lambda: whole(services=(_OTHER,))),
    "a service nobody says should run": (
        C.SERVICE_NOT_RUNNING,
        lambda: whole(services=(service("sub2", "Cisco Tftp", "Stopped", activated=None),)),
    ),
    "CAPF of a subscriber": (
        C.SERVICE_NOT_RUNNING,
        lambda: whole(services=(service("sub1", "Cisco Certificate Authority Proxy Function", "Stopped"),)),
    ),
    "an older word of the platform CLI": (
        C.SERVICE_NOT_RUNNING,
        lambda: states_and(
            (NodeState(CLI, "pub", NOW - 3600, None, SEEN),),
            services=(
                service("pub", "Cisco CallManager", "STOPPED", source=CLI, since=NOW - 4000),
                service("pub", "Cisco CallManager", since=NOW - 900),
            ),
        ),
    ),
    "a dash for the number of a good state": (C.REPLICATION_BROKEN, replicated(state=None)),
    "milliseconds": (C.CLOCK_UNSYNCHRONISED, clock(offset_ms=-999.0)),
    "a backup of yesterday": (C.BACKUP_OLD, backup(NOW - 47 * 3600)),
    "a backup without a word": (C.BACKUP_FAILED, backup(NOW - 3600, "")),
    "no platform CLI": (
        C.BACKUP_OLD,
        lambda: whole(backups=(), node_states=tuple(one for one in whole().node_states if one.source is not CLI)),
    ),
    "a list signed anew since the node was asked": (
        C.SHOWN_LIST_DIFFERS,
        lambda: whole(
            shown_lists=(shown("pub", "itl", OLDER_ITL),),
            lists=tuple(_anew(one, ASKED + 1) if one.node == "pub" else one for one in whole().lists),
        ),
    ),
    "a list that the node has only since": (
        C.SHOWN_LIST_DIFFERS,
        lambda: whole(
            shown_lists=(shown("pub", "itl", OLDER_ITL, since=ASKED),),
            lists=tuple(_gone(one, ASKED - 1) if one.node == "pub" else one for one in whole().lists),
        ),
    ),
    "a list nobody says anything of": (
        C.LIST_FAILS_ON_NODE,
        lambda: whole(shown_lists=(shown("pub", "ctl", ctl(), verified=None),)),
    ),
    "a phone that holds it by another digest": (
        C.PHONE_LIST_OLD,
        holding(itl_hash=sha1(itl("sub1"), usedforsecurity=False).hexdigest().upper()),
    ),
    "a phone that does not tell": (C.PHONE_LIST_OLD, holding(itl_hash=None, ctl_hash=None)),
    "a phone that started since": (C.PHONE_LIST_OLD, holding(itl_hash="ab" * 16, at=NOW - 6 * DAY)),
    "a certificate that is not in use": (C.TVS_UNAWARE, lambda: tvs_answers(unknown_to("sub2", STRANGER))),
    "a certificate in use only since": (
        C.TVS_UNAWARE,
        lambda: replace(
            tvs_answers(unknown_to("sub2", RENEWED)),
            stores=(replace(stored("sub2", "CallManager", RENEWED), first_seen=ASKED + 1, last_seen=NOW),),
        ),
    ),
    "a port looked at before the renewal": (
        C.RENEWED_NOT_RESTARTED,
        lambda: renewed((Source.AXL, NOW + 1, NOW + 60)),
    ),
    "a renewal that the database does not know yet": (
        C.CERTIFICATE_SOURCES_DISAGREE,
        lambda: disagreeing(replace(stored("sub2", "CallManager", NEW_PUB), first_seen=NOW - 600, last_seen=NOW)),
    ),
    "a key of 2,048 bits": (C.CERTIFICATE_WEAK, lambda: installed("tomcat", TOMCAT.but(serial=0x42), "sub2")),
    "short and full names": (
        C.SAN_INCOMPLETE,
        lambda: installed(
            "tomcat", issued("pub-ms", san_extension("PUB", "sub1.example.com", "sub2.example.com")), "pub", "sub1"
        ),
    ),
    "a certificate of one node": (
        C.SAN_INCOMPLETE,
        lambda: installed("tomcat", issued("pub", san_extension("pub.example.com", "example.com")), "pub"),
    ),
    "both purposes": (
        C.CLIENT_AUTH_MISSING,
        lambda: installed("CallManager", SUB2.but(extensions=(purposes(SERVER_AUTH, CLIENT_AUTH),)), "sub2"),
    ),
    "a unit that is no client": (
        C.CLIENT_AUTH_MISSING,
        lambda: installed("TVS", CAPF.but(extensions=(purposes(SERVER_AUTH),)), "sub2"),
    ),
    "an unreachable node of which no port answers": (
        C.SOURCE_FAILING,
        lambda: replace(
            states(failed(CLI, "sub2"), failed(API, "sub2")),
            ports=tuple(replace(one, fault=REFUSED if one.node == "sub2" else None) for one in whole().ports),
        ),
    ),
    "a release without the certificate API": (
        C.SOURCE_FAILING,
        lambda: states(*(failed(API, node, "unsupported", None) for node in ("pub", "sub1", "sub2"))),
    ),
}


def states_and(changed: tuple[NodeState, ...], **more: object) -> Snapshot:
    """Return the cluster with other answers of nodes, and more that is other."""
    return replace(states(*changed), **more)  # type: ignore[arg-type]  # the test names fields of the class


def _anew(one: ServedList, first_seen: int) -> ServedList:
    current = one.current
    return one if current is None else replace(one, current=replace(current, first_seen=first_seen))


def _gone(one: ServedList, last_seen: int) -> ServedList:
    current = one.current
    return one if current is None else replace(one, current=replace(current, last_seen=last_seen))
