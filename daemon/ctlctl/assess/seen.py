"""One certificate in one place: in a store, as database, certificate API or platform CLI have it; or on a port."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl.inventory.values import SeenCertificate, Snapshot
from ctlctl.inventory.words import Source
from ctlctl_trust import Certificate

CALLMANAGER: Final = "CallManager"
CALLMANAGER_ECDSA: Final = "CallManager-ECDSA"
CAPF: Final = "CAPF"
TVS: Final = "TVS"
TOMCAT: Final = "tomcat"
ITL_RECOVERY: Final = "ITLRecovery"

#: Certificate that belongs on each TLS port, by the port's name in the settings.
PORT_UNITS: Final[Mapping[str, str]] = {
    "https": CALLMANAGER,
    "https_fqdn": TOMCAT,
    "tomcat": TOMCAT,
    "sip": CALLMANAGER,
    "sccp": CALLMANAGER,
    "tvs": TVS,
    "capf": CAPF,
}
_TRUST: Final = "-trust"


@dataclass(frozen=True, slots=True)
class Seen:
    """A certificate that could be read, where it was seen.

    Attributes:
        fact: where and when.
        certificate: as read.
        sha256: lower-case hexadecimal.
    """

    fact: SeenCertificate
    certificate: Certificate
    sha256: str

    @property
    def from_database(self) -> bool:
        """Whether the cluster's database has it."""
        return self.fact.source is Source.AXL

    @property
    def is_listed(self) -> bool:
        """Whether somebody lists it as being in a store; else a port presents it."""
        return self.fact.source is not Source.TLS_PORTS

    @property
    def is_trusted_only(self) -> bool:
        """Whether it is in a trust store."""
        return self.is_listed and self.fact.place.endswith(_TRUST)

    @property
    def unit(self) -> str:
        """What it is for; the store's or port's own name where that is not known."""
        return self.fact.place if self.is_listed else PORT_UNITS.get(self.fact.place, self.fact.place)


def all_facts(snapshot: Snapshot) -> Iterator[SeenCertificate]:
    """Give every certificate of a snapshot as one kind of value: by AXL and ports, then as nodes list them.

    What has no bytes is a line about one that nobody could read.
    """
    yield from snapshot.certificates
    for row in snapshot.stores:
        place = row.store
        if row.place == "trust" and not place.endswith(_TRUST):
            place += _TRUST
        yield SeenCertificate(row.source, row.node, place, row.der, row.first_seen, row.last_seen)
