"""What rules ask of a certificate beyond what trust lists need: names, purposes, how it is signed. Pure, remembered."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from ctlctl_trust import Certificate

_UNUSABLE: Final = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)
#: Names of one certificate that are looked at; CUCM puts in two for each of at most 21 nodes, and its domains.
_MOST_NAMES: Final = 200


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What else is known of a certificate.

    Attributes:
        client_auth: whether its extended key usage allows TLS clients; None where it has none, or is strange.
        names: DNS names and addresses of its SubjectAltName, lower case.
        digest: digest of its signature, such as "sha256"; None where that is not known.
    """

    client_auth: bool | None = None
    names: frozenset[str] = frozenset()
    digest: str | None = None


_NOTHING: Final = CertificateFacts()


def facts_of(certificate: Certificate) -> CertificateFacts:
    """Return what else is known of a certificate; of one that cryptography refuses, nothing."""
    return _NOTHING if certificate.odd is not None else _facts(certificate.der)


def client_auth(certificate: Certificate) -> bool | None:
    """Tell whether a certificate's extended key usage allows TLS clients; None where it has none, or is strange."""
    return facts_of(certificate).client_auth


def is_self_signed(certificate: Certificate) -> bool:
    """Tell whether a certificate is its own issuer; one whose signature could not be checked counts as that."""
    return certificate.subject == certificate.issuer and certificate.self_signature is not False


@lru_cache(maxsize=512)
def _facts(der: bytes) -> CertificateFacts:
    try:
        read = x509.load_der_x509_certificate(der)
        digest = read.signature_hash_algorithm
        extensions = read.extensions
    except _UNUSABLE:
        return _NOTHING
    return CertificateFacts(_client_auth(extensions), _names(extensions), _name_of(digest))


def _name_of(digest: HashAlgorithm | None) -> str | None:
    return None if digest is None else digest.name


def _client_auth(extensions: x509.Extensions) -> bool | None:
    try:
        usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usage


def _names(extensions: x509.Extensions) -> frozenset[str]:
    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return frozenset(name.casefold().rstrip(".") for name in found[:_MOST_NAMES])
