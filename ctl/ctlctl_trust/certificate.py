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
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from ctlctl_trust.certificatename import Outline, read_name, read_outline
from ctlctl_trust.names import NamePairs

#: Bits; a self-signature by a larger RSA key is not checked. Phones take at most 4096, and the cost of one check grows
#: with the square of the size: a hostile list of 1,000 such records would keep a core busy for minutes.
MAX_RSA_BITS = 8192
#: Bytes; larger certificates are read but not remembered, so that hostile lists cannot fill memory.
_CACHED_SIZE = 8192
#: Bits; RSA keys with a larger exponent are not used. All seen have 65537 (17 bits), and a check with an exponent as
#: long as the modulus costs a hundred times more.
_MAX_EXPONENT_BITS = 32
#: Attributes of subject and issuer together; a certificate with more is read but not remembered.
_CACHED_ATTRIBUTES = 64


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
    if len(der) > _CACHED_SIZE:
        return _read(der)
    try:
        return _read_cached(der)
    except _NotKeptError as odd:
        return odd.certificate


def _read(der: bytes) -> Certificate:
    try:
        outline = read_outline(der)
        if outline.serial > 0:
            return _read_strict(der, outline)
        refusal = f"its serial number is {'0' if outline.serial == 0 else 'negative'}"
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion) as refused:
        refusal = str(refused)
    # Loaded only for odd certificates: asn1crypto costs 14 ms to import.
    from ctlctl_trust.oddcertificate import read_odd  # noqa: PLC0415

    return read_odd(der, refusal)


class _NotKeptError(Exception):
    """Carries a certificate past the cache: what is raised is not remembered."""

    def __init__(self, certificate: Certificate) -> None:
        super().__init__()
        self.certificate = certificate


@lru_cache(maxsize=1024)
def _read_cached(der: bytes) -> Certificate:
    certificate = _read(der)
    # A name of thousands of tiny attributes takes a hundred times the memory of its bytes.
    if certificate.odd is not None or len(certificate.subject) + len(certificate.issuer) > _CACHED_ATTRIBUTES:
        raise _NotKeptError(certificate)
    return certificate


def _read_strict(der: bytes, outline: Outline) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    label, bits, list_key = describe_key(key)
    subject = read_name(outline.subject)
    issuer = subject if outline.issuer == outline.subject else read_name(outline.issuer)
    odd: str | None = None
    signed: bool | None = None
    if subject == issuer:
        try:
            how = certificate.signature_algorithm_parameters
            algorithm = certificate.signature_hash_algorithm
        except (UnsupportedAlgorithm, ValueError, TypeError):
            how = algorithm = None
        signed = check_self_signature(
            der, key, certificate.signature, certificate.tbs_certificate_bytes, how, algorithm
        )
        if signed is None:
            odd = "it is self-issued, but its signature could not be checked with its own key"
    return Certificate(
        der,
        subject,
        issuer,
        outline.serial,
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


def describe_key(key: CertificatePublicKeyTypes) -> tuple[str, int, bytes | None]:
    """Return (label, bits, the key as a trust list spells it or None) of a public key."""
    if isinstance(key, RSAPublicKey):
        bits = key.key_size
        numbers = key.public_numbers()
        return f"RSA-{bits}", bits, _der(0x30, _der_integer(numbers.n) + _der_integer(numbers.e))
    if isinstance(key, EllipticCurvePublicKey):
        point = key.public_numbers()
        size = (key.key_size + 7) // 8
        return f"EC {key.curve.name}", key.key_size, b"\x04" + point.x.to_bytes(size) + point.y.to_bytes(size)
    return type(key).__name__.removesuffix("PublicKey"), 0, None


# The PUBLICKEY field is spelled out here (RFC 8017 A.1.1, SEC 1 2.3.3) because importing cryptography's serialization
# module for it would add 8 ms to every cold `ctlctl verify`. A test holds it against that module.


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + body


def _der_integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def usable(key: object) -> bool:
    """Tell whether a key is of a kind and size whose signatures are checked."""
    if isinstance(key, RSAPublicKey):
        return key.key_size <= MAX_RSA_BITS and key.public_numbers().e.bit_length() <= _MAX_EXPONENT_BITS
    return isinstance(key, EllipticCurvePublicKey)


def check_self_signature(  # noqa: PLR0913 - one argument per thing a signature hangs on
    der: bytes,
    key: CertificatePublicKeyTypes,
    signature: bytes,
    signed: bytes,
    how: PKCS1v15 | PSS | ECDSA | None,
    algorithm: HashAlgorithm | None,
) -> bool | None:
    """Check a self-issued certificate's signature; None where that cannot be done or would prove nothing."""
    if not usable(key):
        return None
    try:
        if isinstance(key, RSAPublicKey) and isinstance(how, PKCS1v15 | PSS) and algorithm is not None:
            key.verify(signature, signed, how, algorithm)
        elif isinstance(key, EllipticCurvePublicKey) and isinstance(how, ECDSA):
            key.verify(signature, signed, how)
        else:
            return None
    except InvalidSignature:
        from ctlctl_trust.oddcertificate import issued_by_other_key  # noqa: PLC0415 - see _read

        # A CA that renewed its key issues a certificate with equal names that its old key signed.
        return None if issued_by_other_key(der) else False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None
    return True
