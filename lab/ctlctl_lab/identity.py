"""Certificates that somebody holds: with their key, or, for phones, as what is needed to make them."""

from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_trust import Certificate


def make_pkid(*words: object) -> str:
    """Return an identifier that is always the same for the same words."""
    return str(UUID(bytes=sha256("\0".join(map(str, words)).encode()).digest()[:16], version=4))


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A certificate with its private key.

    Attributes:
        unit: what it is for: "tomcat", "CallManager", "TVS", "CAPF", "ITLRecovery", or a CA's name.
        certificate: as the trust library reads it.
        key: the private key.
    """

    unit: str
    certificate: Certificate
    key: RSAPrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.der

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return sha256(self.certificate.der).digest()

    @property
    def pin(self) -> str:
        """SHA-256 of the certificate as settings spell it: "AA:BB:…"."""
        return self.fingerprint.hex(":").upper()

    @property
    def common_name(self) -> str:
        """CN of the subject."""
        return self.certificate.common_name

    @property
    def serial(self) -> int:
        """Serial number."""
        return self.certificate.serial

    @property
    def not_after(self) -> int:
        """End of validity."""
        return int(self.certificate.not_after.timestamp())

    @property
    def public_key_der(self) -> bytes:
        """The public key, SubjectPublicKeyInfo."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """A phone's MIC or LSC. Its certificate is made when somebody looks (`ctlctl_lab.pki.Pki.phone_certificate`).

    Attributes:
        kind: "MIC" or "LSC".
        issuer: who signed it.
        serial: serial number.
        not_before: start of validity.
        not_after: end of validity.
        key: number of its key in the lab's pool.
        der: the certificate as CAPF handed it over; None for one that is worked out from the rest.
    """

    kind: str
    issuer: Identity = field(repr=False)
    serial: int
    not_before: int
    not_after: int
    key: int
    der: bytes | None = field(default=None, repr=False)
