"""The cluster's certificates and nodes, read once for all rules.

What is installed say the nodes themselves and the database (`ctlctl.assess.installed`), and where neither has a row of
a node's unit, what the node's ports present.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Final

from ctlctl.assess.installed import Choice, Disagreement, choose
from ctlctl.assess.seen import CAPF, ITL_RECOVERY, Seen, all_facts
from ctlctl.inventory.nodenames import NodeNames, folded
from ctlctl.inventory.values import NodeFact, SeenCertificate, Snapshot
from ctlctl.inventory.words import Source
from ctlctl_trust import Certificate, CertificateError, read_certificate

#: Activated services, as listProcessNodeService spells them.
SERVICE_CALLMANAGER: Final = "Cisco CallManager"
SERVICE_TFTP: Final = "Cisco Tftp"
SERVICE_CAPF: Final = "Cisco Certificate Authority Proxy Function"
SERVICE_TVS: Final = "Cisco Trust Verification Service"

#: Activated service behind each TLS port; the web server runs on every node.
PORT_SERVICES: Final[Mapping[str, str]] = {
    "https": SERVICE_TFTP,
    "https_fqdn": SERVICE_TFTP,
    "sip": SERVICE_CALLMANAGER,
    "sccp": SERVICE_CALLMANAGER,
    "tvs": SERVICE_TVS,
    "capf": SERVICE_CAPF,
}
#: Stores whose certificate named "CAPF-…" is a CAPF of this cluster, of now or of before.
_CAPF_STORES: Final = frozenset({CAPF, "CAPF-trust", "CallManager-trust"})
_IM_AND_PRESENCE: Final = "CUCM IM and Presence"


def epoch(moment: datetime) -> int:
    """Return an aware datetime as seconds since 1970."""
    return int(moment.timestamp())


def issuer_name(certificate: Certificate) -> str:
    """Return the CN of the issuer, or the first value there is, or "(no name)"."""
    for wanted, value in certificate.issuer:
        if wanted == "CN":
            return value
    return certificate.issuer[0][1] if certificate.issuer else "(no name)"


def common_name(text: str | None) -> str | None:
    """Return the CN of a name as a database prints it, or the text itself where it has none."""
    if not text:
        return None
    for part in text.replace(";", ",").split(","):
        key, equals, value = part.strip().partition("=")
        if equals and key.strip().upper() == "CN" and value.strip():
            return value.strip()
    return text.strip() or None


def same_certificate(one: Certificate, other: Certificate) -> bool:
    """Tell whether two certificates are one to a phone: issuer, serial number and key are the same."""
    if one.der == other.der:
        return True
    return (one.issuer, one.serial, one.list_key) == (other.issuer, other.serial, other.list_key)


class Known:
    """What is known of a cluster's certificates and nodes.

    Attributes:
        seen: certificates that could be read, in the snapshot's order.
        unreadable: those that could not.
        major: first number of the release; None where it is not known.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.seen: list[Seen] = []
        self.unreadable: list[SeenCertificate] = []
        nameless: list[SeenCertificate] = []
        for fact in all_facts(snapshot):
            if not fact.der and fact.source is not Source.AXL:
                nameless.append(fact)
                continue
            try:
                certificate = read_certificate(fact.der)
            except CertificateError:
                self.unreadable.append(fact)
            else:
                self.seen.append(Seen(fact, certificate, sha256(fact.der).hexdigest()))
        self.major = _major(None if snapshot.facts is None else snapshot.facts.version)
        listed: dict[tuple[str, str], list[Seen]] = {}
        self._presented: dict[tuple[str, str], list[Seen]] = {}
        for one in self.seen:
            key = (self._key(one.fact.node), one.unit)
            if not one.is_listed:
                self._presented.setdefault(key, []).append(one)
            elif not one.is_trusted_only:
                listed.setdefault(key, []).append(one)
        self._choices: dict[tuple[str, str], Choice] = {key: choose(rows) for key, rows in listed.items()}
        superseded = (one for choice in self._choices.values() for one in choice.superseded)
        self._superseded = frozenset(map(id, superseded))
        # Of a certificate that one source could not read another may have the bytes.
        self.unreadable += [
            fact
            for fact in nameless
            if not fact.place.endswith("-trust") and (self._key(fact.node), fact.place) not in self._choices
        ]

    def _key(self, node: str) -> str:
        return self._names.key(node)

    def display(self, node: str) -> str:
        """Return a node's name as listProcessNode has it, or as it is given where that does not have it."""
        found = self._by_name.get(self._key(node))
        return node if found is None else found.name

    @property
    def disagreements(self) -> Iterator[Disagreement]:
        """Sources that say different things about what is installed."""
        return (each for choice in self._choices.values() for each in choice.disagreements)

    def is_superseded(self, seen: Seen) -> bool:
        """Tell whether a row is left from before: a newer reading of another source has another certificate there."""
        return id(seen) in self._superseded

    def own(self) -> Iterator[Seen]:
        """Give each certificate that a node has now, or that one of its ports presents."""
        return (one for one in self.seen if not one.is_trusted_only and id(one) not in self._superseded)

    def in_use(self) -> Iterator[tuple[str, str, Seen]]:
        """Give name of node, unit and certificate of everything that is listed as installed, once each."""
        for (_, unit), choice in self._choices.items():
            yield self.display(choice.installed.fact.node), unit, choice.installed

    @property
    def is_mixed(self) -> bool:
        """Whether the cluster is known to be in mixed mode."""
        return self.security_mode == 1

    @property
    def security_mode(self) -> int | None:
        """0 non-secure, 1 mixed, None not known."""
        return None if self._snapshot.facts is None else self._snapshot.facts.security_mode

    @cached_property
    def nodes(self) -> tuple[NodeFact, ...]:
        """The nodes that handle calls; those of IM and Presence stand in no trust list."""
        return tuple(node for node in self._snapshot.nodes if node.role != _IM_AND_PRESENCE)

    def node(self, name: str) -> NodeFact | None:
        """Return a node by its name, whichever way that is spelled: short, in full, capitalised."""
        return self._by_name.get(self._key(name))

    @cached_property
    def _by_name(self) -> dict[str, NodeFact]:
        return {folded(node.name): node for node in self._snapshot.nodes}

    @cached_property
    def _names(self) -> NodeNames:
        return NodeNames(self._by_name)

    @cached_property
    def publisher(self) -> NodeFact | None:
        """The publisher, where it is known."""
        return next((node for node in self.nodes if node.usage == "Publisher"), None)

    def nodes_running(self, *services: str) -> list[NodeFact]:
        """Return the nodes on which one of these services is activated."""
        return [node for node in self.nodes if not node.services.isdisjoint(services)]

    def listed(self, node: str, unit: str) -> Seen | None:
        """Return the certificate of a node's unit that is listed as installed."""
        found = self._choices.get((self._key(node), unit))
        if found is not None:
            return found.installed
        # Of nodes that listProcessNode does not have, one source may have the short name, another the full one.
        short = folded(node).partition(".")[0]
        if short.isdecimal():
            return None
        others = [
            choice.installed
            for (name, what), choice in self._choices.items()
            if what == unit and name.partition(".")[0] == short
        ]
        return others[0] if len(others) == 1 else None

    def presented(self, node: str, unit: str) -> list[Seen]:
        """Return what a node's ports of a unit present."""
        return self._presented.get((self._key(node), unit), [])

    def installed(self, node: str, unit: str) -> Seen | None:
        """Return a node's certificate of a unit: the one that is listed, else the newest that its ports present."""
        found = self.listed(node, unit)
        if found is not None:
            return found
        return max(self.presented(node, unit), key=lambda one: one.certificate.not_before, default=None)

    def first_seen(self, certificate: Certificate) -> int:
        """Return when a certificate was first seen as a node's own; 0 for one that never was."""
        return self._first_seen.get(certificate.der, 0)

    @cached_property
    def _first_seen(self) -> dict[bytes, int]:
        found: dict[bytes, int] = {}
        for one in self.seen:
            if not one.is_trusted_only:
                der = one.certificate.der
                found[der] = min(found.get(der, one.fact.first_seen), one.fact.first_seen)
        return found

    @cached_property
    def itl_recovery(self) -> list[Seen]:
        """The ITLRecovery certificates that are installed: one for the cluster since 12.5, else one a node."""
        return self._units(ITL_RECOVERY)

    @cached_property
    def keys(self) -> frozenset[bytes]:
        """Every key that the cluster knows, trust stores and ports included, as lists spell keys."""
        return frozenset(one.certificate.list_key for one in self.seen if one.certificate.list_key is not None)

    @cached_property
    def has_database(self) -> bool:
        """Whether any row of the database could be read."""
        return any(one.from_database for one in self.seen)

    @cached_property
    def by_sha256(self) -> dict[str, Certificate]:
        """Certificates of the cluster by their fingerprint."""
        return {one.sha256: one.certificate for one in self.seen}

    @cached_property
    def capf_generations(self) -> dict[str, Certificate]:
        """CAPF certificates of now and of before, by fingerprint."""
        return {
            one.sha256: one.certificate
            for one in self.seen
            if one.unit == CAPF
            or (one.unit in _CAPF_STORES and one.is_listed and one.certificate.common_name.startswith("CAPF-"))
        }

    @cached_property
    def capf_now(self) -> list[Seen]:
        """The CAPF certificates that issue LSCs now."""
        running = [node.name for node in self.nodes_running(SERVICE_CAPF)]
        found = [one for name in running if (one := self.installed(name, CAPF)) is not None]
        return found or self._units(CAPF)

    def _units(self, wanted: str) -> list[Seen]:
        return [choice.installed for (_, unit), choice in self._choices.items() if unit == wanted]

    def stores_of(self, common: str) -> frozenset[str]:
        """Return the stores that hold a certificate of this name."""
        return frozenset(one.fact.place for one in self.seen if one.is_listed and one.certificate.common_name == common)


def _major(version: str | None) -> int | None:
    first = (version or "").partition(".")[0]
    return int(first) if first.isascii() and first.isdecimal() and len(first) < 4 else None
