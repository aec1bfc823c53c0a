"""The certificates that the cluster's database knows: those of the nodes, and those in the trust stores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ssl import DER_cert_to_PEM_cert

from ctlctl_lab.model import CALLMANAGER, CAPF, ITL_RECOVERY, TOMCAT, TVS, Cluster, Identity, make_pkid

#: XTrustRole of a node's own certificate; that of anything else is a CA's.
_ROLES = {
    TOMCAT: ("Application Server",),
    CALLMANAGER: ("SAST", "CallManagerTFTP"),
    TVS: ("Unknown",),
    CAPF: ("CAPF",),
    ITL_RECOVERY: ("SAST",),
}
_CA_ROLES = ("Certificate Authority",)


@dataclass(slots=True, eq=False)
class Known:
    """A certificate in the database.

    Attributes:
        pkid: identifier.
        identity: the certificate; its key is of no use here.
        server: node it belongs to, or whose administrator loaded it.
        address: that node's.
        services: XCertificateService: the stores it is in.
    """

    pkid: str
    identity: Identity
    server: str
    address: str
    services: list[str] = field(default_factory=list)

    @property
    def subject(self) -> str:
        """Subject as the database prints it."""
        return _name(self.identity.certificate.subject)

    @property
    def issuer(self) -> str:
        """Issuer as the database prints it."""
        return _name(self.identity.certificate.issuer)

    @property
    def serial(self) -> str:
        """Serial number in hexadecimal."""
        return f"{self.identity.serial:032x}"

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return _pem(self.identity.der)

    @property
    def roles(self) -> tuple[str, ...]:
        """XTrustRole."""
        return _ROLES.get(self.identity.unit, _CA_ROLES)


@lru_cache(maxsize=512)
def _pem(der: bytes) -> str:
    return DER_cert_to_PEM_cert(der)


def _name(pairs: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f"{kind}={value}" for kind, value in reversed(pairs))


def known_certificates(cluster: Cluster) -> list[Known]:
    """Return every certificate once, with all the stores it is in. Use it under `Cluster.lock`."""
    found: dict[bytes, Known] = {}
    for server, address, service, identity in _everywhere(cluster):
        known = found.get(identity.der)
        if known is None:
            pkid = make_pkid("certificate", identity.fingerprint.hex())
            known = found[identity.der] = Known(pkid, identity, server, address)
        if service not in known.services:
            known.services.append(service)
    return list(found.values())


def _everywhere(cluster: Cluster) -> Iterator[tuple[str, str, str, Identity]]:
    for node in cluster.nodes.values():
        for unit, identity in node.identities.items():
            yield node.name, node.address, unit, identity
    publisher = cluster.publisher
    yield publisher.name, publisher.address, ITL_RECOVERY, cluster.itl_recovery
    for store, identities in cluster.trust.items():
        for identity in identities:
            yield publisher.name, publisher.address, store, identity
