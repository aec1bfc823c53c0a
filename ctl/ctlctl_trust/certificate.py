"""What a verifier needs to know of one certificate, read once.

cryptography reads it; what its strict parser refuses (old or odd certificates of the field) asn1crypto reads, and the
result says so. ``verify_directly_issued_by`` refuses SHA-1, with which every certificate of an old cluster is signed,
so signatures are checked with the public key itself.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_trust.names import NamePairs

#: Bits; a self-signature by a larger RSA key is not checked. Phones take at most 4096, and the cost of one check grows
#: with the square of the size: a hostile list of 1,000 such records would keep a core busy for minutes.
MAX_RSA_BITS = 8192
#: Bytes; larger certificates are read but not remembered, so that hostile lists cannot fill memory.
_CACHED_SIZE = 8192

_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}


class CertificateError(ValueError):
    """The bytes are no certificate, or more than one."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate as read.

    Attributes:
        der: its bytes.
        subject: subject name, (attribute, value) pairs in order.
        issuer: issuer name, likewise.
        serial: serial number.
        not_before: start of validity, aware, UTC.
        not_after: end of validity, aware, UTC.
        key: the public key, or None when no library can use it.
        key_label: what a person calls the key, such as "RSA-2048" or "EC secp384r1".
        key_bits: size in bits; 0 when unknown.
        list_key: the key as a trust list spells it (PKCS#1 RSAPublicKey DER, or X9.62 uncompressed point), or None for
            a kind of key that no list can carry.
        signature: the certificate's own signature value.
        self_signature: whether its signature verifies with its own key; None where it is not self-issued or where the
            signature could not be checked.
        odd: why cryptography refused it or what is strange about it, or None.
    """

    der: bytes
    subject: NamePairs
    issuer: NamePairs
    serial: int
    not_before: datetime
    not_after: datetime
    key: CertificatePublicKeyTypes | None
    key_label: str
    key_bits: int
    list_key: bytes | None
    signature: bytes
    self_signature: bool | None
    odd: str | None

    @property
    def common_name(self) -> str:
        """The CN of the subject, or the first value there is, or "(no name)"."""
        for wanted, value in self.subject:
            if wanted == "CN":
                return value
        return self.subject[0][1] if self.subject else "(no name)"


def read_certificate(der: bytes) -> Certificate:
    """Read one certificate.

    Args:
        der: the DER bytes, nothing before or after.

    Returns:
        What is known of it. The same bytes are read once: reading is remembered.

    Raises:
        CertificateError: the bytes are no certificate, or are followed by others; no other exception.
    """
    return _read_cached(der) if len(der) <= _CACHED_SIZE else _read(der)


def _read(der: bytes) -> Certificate:
    try:
        return _read_strict(der)
    except (ValueError, TypeError, UnsupportedAlgorithm) as refused:
        # Loaded only for odd certificates: asn1crypto costs 50 ms to import.
        from ctlctl_trust.oddcertificate import read_odd  # noqa: PLC0415

        return read_odd(der, str(refused))


_read_cached = lru_cache(maxsize=1024)(_read)


def _read_strict(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    label, bits, list_key = describe_key(key)
    subject = _pairs(certificate.subject)
    issuer = _pairs(certificate.issuer)
    serial = certificate.serial_number
    odd = None if serial > 0 else f"its serial number {serial} is not positive"
    signed: bool | None = None
    if subject == issuer:
        signed = _self_signature(certificate, key, bits)
        if signed is None and odd is None:
            odd = "it is self-issued, but its signature could not be checked with its own key"
    return Certificate(
        der,
        subject,
        issuer,
        serial,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        key,
        label,
        bits,
        list_key,
        certificate.signature,
        signed,
        odd,
    )


def _pairs(name: x509.Name) -> NamePairs:
    return tuple(
        [
            (
                _SHORT.get(oid := attribute.oid.dotted_string, oid),
                value if isinstance(value := attribute.value, str) else value.hex(),
            )
            for attribute in name
        ]
    )


def describe_key(key: CertificatePublicKeyTypes) -> tuple[str, int, bytes | None]:
    """Return (label, bits, the key as a trust list spells it or None) of a public key."""
    if isinstance(key, RSAPublicKey):
        bits = key.key_size
        return f"RSA-{bits}", bits, key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, EllipticCurvePublicKey):
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return f"EC {key.curve.name}", key.key_size, point
    return type(key).__name__.removesuffix("PublicKey"), 0, None


def _self_signature(certificate: x509.Certificate, key: CertificatePublicKeyTypes, bits: int) -> bool | None:
    """Check a self-issued certificate's signature; None where that cannot be done or would prove nothing."""
    if bits > MAX_RSA_BITS:
        return None
    try:
        how = certificate.signature_algorithm_parameters
        algorithm = certificate.signature_hash_algorithm
        signature, signed = certificate.signature, certificate.tbs_certificate_bytes
        if isinstance(key, RSAPublicKey) and isinstance(how, PKCS1v15 | PSS) and algorithm is not None:
            key.verify(signature, signed, how, algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and isinstance(how, ECDSA):
            key.verify(signature, signed, how)
        else:
            return None
    except InvalidSignature:
        # A CA that renewed its key issues a certificate with equal names that its old key signed.
        return None if _issued_by_other_key(certificate) else False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None
    return True


def _issued_by_other_key(certificate: x509.Certificate) -> bool:
    """Tell whether the key identifiers say that another key of the same name signed it."""
    try:
        extensions = certificate.extensions
        subject = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        authority = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError, UnsupportedAlgorithm):
        return False
    return authority is not None and authority != subject
