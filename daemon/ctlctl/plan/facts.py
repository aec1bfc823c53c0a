"""What a plan is made of: the daemon's documents about a cluster and its phones, as plain values.

A word that is missing, or is not what it should be, is not known: nothing here guesses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ctlctl.assess.credentials import MANUFACTURING_CAS, SECURE_MODES

Document: TypeAlias = Mapping[str, Any]

LSC_STATES: Final = frozenset({"lsc", "lsc-expiring", "lsc-expired"})
#: What a phone shows that has no LSC.
NO_LSC_STATES: Final = frozenset({"mic", "mic-suspected", "none"})
_LAB_MANUFACTURING_CA: Final = "LAB Manufacturing CA"
_TFTP: Final = "Cisco Tftp"
CAPF_TRUST: Final = "CAPF-trust"
CALLMANAGER_TRUST: Final = "CallManager-trust"


class FactsError(Exception):
    """Too little is known of the cluster to make a plan; the text says what and what to do."""


def _text(document: Document, key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) and value else None


def _number(document: Document, key: str) -> int | None:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(document: Document, key: str) -> bool | None:
    value = document.get(key)
    return value if isinstance(value, bool) else None


def _rows(document: Document, key: str) -> list[Document]:
    value = document.get(key)
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class PhoneFacts:
    """A phone as it is known; None is: not known. Words are CUCM's own.

    Attributes:
        name: device name.
        pkid: AXL's key; "" where the document has none.
        model: such as "Cisco 8841".
        family: such as "8800".
        site: device pool; "" for none.
        cm_group: CallManager group of the device pool; "" where it is not known.
        security_profile: name of the profile.
        security_mode: of the profile.
        authentication_mode: of the profile.
        key_size: RSA bits of the profile.
        credential: value of `ctlctl.assess.model.CredentialState`.
        credential_ends: effective end.
        credential_issuer: CN of the issuer.
        mic_ends: end of its MIC, where one was seen.
        capf_operation: what CAPF is told.
        capf_status: what CAPF said last.
        lsc_valid_until: by AXL.
        lsc_issuer: by AXL.
        status: RIS status.
        status_since: when that last changed.
        web: whether its web server is on.
    """

    name: str
    pkid: str
    model: str
    family: str
    site: str
    cm_group: str
    security_profile: str | None
    security_mode: str | None
    authentication_mode: str | None
    key_size: int | None
    credential: str
    credential_ends: int | None
    credential_issuer: str | None
    mic_ends: int | None
    capf_operation: str | None
    capf_status: str | None
    lsc_valid_until: int | None
    lsc_issuer: str | None
    status: str | None
    status_since: int | None
    web: bool | None

    @property
    def has_lsc(self) -> bool:
        """Whether it is known to have an LSC, ended or not."""
        return self.credential in LSC_STATES

    @property
    def lacks_lsc(self) -> bool:
        """Whether it is known to have none."""
        return self.credential in NO_LSC_STATES

    @property
    def secure(self) -> bool | None:
        """Whether its profile wants TLS; None where the mode is not known."""
        if self.security_mode in SECURE_MODES:
            return True
        return False if self.security_mode == "Non Secure" else None

    @property
    def registered(self) -> bool | None:
        """Whether RIS knows it as registered; None where RIS was not asked for it."""
        return None if self.status is None else self.status in {"Registered", "PartiallyRegistered"}


def phone_facts(document: Document) -> PhoneFacts:
    """Read one phone's document (`ctlctl.fleet.documents.phone_document`)."""
    registration = document.get("registration")
    registration = registration if isinstance(registration, Mapping) else {}
    size = document.get("key_size")
    return PhoneFacts(
        name=_text(document, "name") or "",
        pkid=_text(document, "pkid") or "",
        model=_text(document, "model") or "",
        family=_text(document, "family") or "other",
        site=_text(document, "device_pool") or "",
        cm_group=_text(document, "cm_group") or "",
        security_profile=_text(document, "security_profile"),
        security_mode=_text(document, "security_mode"),
        authentication_mode=_text(document, "authentication_mode"),
        key_size=int(size) if isinstance(size, str) and size.isdecimal() else _number(document, "key_size"),
        credential=_text(document, "credential") or "unknown",
        credential_ends=_number(document, "credential_ends"),
        credential_issuer=_text(document, "credential_issuer"),
        mic_ends=_number(document, "mic_ends"),
        capf_operation=_text(document, "capf_operation"),
        capf_status=_text(document, "capf_status"),
        lsc_valid_until=_number(document, "lsc_valid_until"),
        lsc_issuer=_text(document, "lsc_issuer"),
        status=_text(registration, "status"),
        status_since=_number(registration, "changed_at"),
        web=_truth(registration, "httpd"),
    )


@dataclass(frozen=True, slots=True)
class CapfCertificate:
    """The certificate by which CAPF signs.

    Attributes:
        common_name: CN, by which the LSCs it signed are told.
        ends: the earlier of its own end and its issuer's; where the issuer is not known, its own.
        issuer_known: whether its issuer's end is in that.
    """

    common_name: str
    ends: int
    issuer_known: bool


@dataclass(frozen=True, slots=True)
class TrustedCa:
    """A certificate in a trust store of a node."""

    node: str
    store: str
    common_name: str
    ends: int


@dataclass(frozen=True, slots=True)
class ListFacts:
    """A trust list of a node: kind "ctl" or "itl", verdict as `ctlctl.assess.model.ListView` has it."""

    node: str
    kind: str
    verdict: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster as it is known; None is: not known.

    Attributes:
        name: in the settings.
        lab: whether it is a simulated one.
        security_mode: 0 non-secure, 1 mixed.
        phones: how many it has.
        answered: source -> when it last answered, where it ever did.
        publisher: its name.
        tftp_nodes: nodes that serve trust lists.
        capf: the certificate by which CAPF signs.
        trusted: what trust stores hold.
        lists: trust lists of the nodes.
        findings: (code, subject) of what is open.
        backup_at: when the last backup was taken that succeeded.
    """

    name: str
    lab: bool
    security_mode: int | None
    phones: int
    answered: Mapping[str, int]
    publisher: str | None
    tftp_nodes: tuple[str, ...]
    capf: CapfCertificate | None
    trusted: tuple[TrustedCa, ...]
    lists: tuple[ListFacts, ...]
    findings: frozenset[tuple[str, str]]
    backup_at: int | None

    def stores(self, store: str) -> dict[str, tuple[TrustedCa, ...]]:
        """Return what a trust store holds, by node; nodes of which it is not known are left out.

        CAPF runs on the publisher and judges by the publisher's CAPF-trust, which is not replicated (Wireless Phone 800
        Administration Guide): of that store only the publisher's counts.
        """
        only = self.publisher if store == CAPF_TRUST else None
        found: dict[str, list[TrustedCa]] = {}
        for one in self.trusted:
            if one.store == store and only in {None, one.node}:
                found.setdefault(one.node, []).append(one)
        return {node: tuple(held) for node, held in found.items()}


def cluster_facts(document: Document) -> ClusterFacts:
    """Read a cluster's document (`ctlctl.fleet.documents.cluster_document`).

    Raises:
        FactsError: it is no such document.
    """
    name, numbers = _text(document, "name"), document.get("numbers")
    if name is None or not isinstance(numbers, Mapping):
        raise FactsError("what is known of the cluster makes no sense: ctlctl and ctld are of different versions")
    nodes, certificates = _rows(document, "nodes"), _rows(document, "certificates")
    publisher = next((_text(node, "name") for node in nodes if node.get("usage") == "Publisher"), None)
    sources = document.get("sources")
    answered = {
        str(source): at
        for source, state in (sources.items() if isinstance(sources, Mapping) else ())
        if isinstance(state, Mapping) and (at := _number(state, "last_success")) is not None
    }
    backups = [at for node in nodes if (at := _number(node, "backup_at")) is not None]
    return ClusterFacts(
        name=name,
        lab=document.get("lab") is True,
        security_mode=_number(document, "security_mode"),
        phones=_number(numbers, "phones") or 0,
        answered=answered,
        publisher=publisher,
        tftp_nodes=tuple(str(node.get("name")) for node in nodes if _TFTP in (node.get("services") or ())),
        capf=_capf(certificates, publisher),
        trusted=tuple(_trusted(certificates)),
        lists=tuple(
            ListFacts(
                _text(row, "node") or "",
                _text(row, "kind") or "",
                _text(row, "verdict") or "undecided",
                tuple(str(each) for each in row.get("missing") or ()),
            )
            for row in _rows(document, "lists")
        ),
        findings=frozenset(
            (_text(row, "code") or "", _text(row, "subject") or "")
            for row in _rows(document, "findings")
            if row.get("closed_at") is None
        ),
        backup_at=max(backups, default=None),
    )


def _capf(certificates: Iterable[Document], publisher: str | None) -> CapfCertificate | None:
    """Return CAPF's certificate; None where none is known, or several are and nobody can tell which is in use."""
    rows = list(certificates)
    own = [row for row in rows if row.get("unit") == "CAPF" and row.get("store") == "identity"]
    mine = [row for row in own if row.get("node") == publisher] or own
    served = [row for row in mine if row.get("served") is True]
    chosen = served or mine
    ends = {_number(row, "not_after") for row in chosen}
    names = {_text(row, "common_name") for row in chosen}
    end, name = next(iter(ends), None), next(iter(names), None)
    if len(ends) != 1 or len(names) != 1 or end is None or name is None:
        return None
    if chosen[0].get("self_signed") is True:
        return CapfCertificate(name, end, issuer_known=True)
    issuer = _text(chosen[0], "issuer")
    above = [at for row in rows if _text(row, "common_name") == issuer and (at := _number(row, "not_after"))]
    # Of several certificates of that name the one that ends last may be the one in use: the earliest is counted.
    return CapfCertificate(name, min([end, *above]), issuer_known=bool(above))


def _trusted(certificates: Iterable[Document]) -> Iterable[TrustedCa]:
    for row in certificates:
        node, store, name = _text(row, "node"), _text(row, "unit"), _text(row, "common_name")
        ends = _number(row, "not_after")
        if row.get("store") == "trust" and node and store and name and ends is not None:
            yield TrustedCa(node, store, name, ends)


def is_manufacturer(common_name: str, *, lab: bool) -> bool:
    """Tell whether a CN is that of a manufacturing CA; a lab has its own, which count nowhere else."""
    return common_name in MANUFACTURING_CAS or (lab and common_name.startswith(_LAB_MANUFACTURING_CA))
