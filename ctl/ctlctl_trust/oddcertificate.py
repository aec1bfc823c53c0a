"""Certificates that cryptography's strict parser refuses, read by asn1crypto instead.

Kept apart because asn1crypto costs 14 ms to import and is needed for few files.
"""

from datetime import UTC, datetime

from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ctlctl_trust.certificate import Certificate, CertificateError, check_self_signature, describe_key
from ctlctl_trust.certificatename import short_name
from ctlctl_trust.names import NamePairs

_HASHES: dict[str, HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what certificates of old clusters are signed with
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: What asn1crypto is known to raise on bytes that are not what they claim (found by fuzzing).
_REFUSALS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


def read_odd(der: bytes, refusal: str) -> Certificate:
    """Read a certificate that cryptography refused.

    Args:
        der: the DER bytes, nothing before or after.
        refusal: cryptography's reason, for the person who reads the finding.

    Returns:
        What is known of it, ``odd`` set.

    Raises:
        CertificateError: asn1crypto refuses it too; no other exception.
    """
    try:
        certificate = x509.Certificate.load(der, strict=True)
        body = certificate["tbs_certificate"]
        subject, issuer = _pairs(body["subject"]), _pairs(body["issuer"])
        serial = int(body["serial_number"].native)
        not_before = _instant(body["validity"]["not_before"].native)
        not_after = _instant(body["validity"]["not_after"].native)
        signature = bytes(certificate["signature_value"].native)
        spki = body["subject_public_key_info"]
        spki_der = spki.dump()
        algorithm = str(spki["algorithm"]["algorithm"].native)
        list_key = _list_key(spki, algorithm)
        how = certificate["signature_algorithm"]
    except _REFUSALS as error:
        raise CertificateError(f"no certificate: {_first_line(refusal) or _first_line(str(error))}") from error
    label, bits, key = f"{algorithm} (unusable)", 0, None
    try:
        loaded = load_der_public_key(spki_der)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        loaded = None
    if isinstance(loaded, RSAPublicKey | EllipticCurvePublicKey):
        key = loaded
        label, bits, list_key = describe_key(key)
    signed = None
    if key is not None and subject == issuer:
        signed = check_self_signature(der, key, signature, body.dump(), *_algorithm(how))
    return Certificate(
        der,
        subject,
        issuer,
        serial,
        not_before,
        not_after,
        key,
        label,
        bits,
        list_key,
        signature,
        signed,
        f"read leniently, a strict parser refuses it: {_first_line(refusal)}",
    )


def issued_by_other_key(der: bytes) -> bool:
    """Tell whether a certificate's key identifiers say that another key of the same name signed it."""
    try:
        certificate = x509.Certificate.load(der, strict=True)
        subject, authority = certificate.key_identifier, certificate.authority_key_identifier
    except _REFUSALS:
        return False
    return bool(subject) and bool(authority) and subject != authority


def _algorithm(how: x509.SignedDigestAlgorithm) -> tuple[PKCS1v15 | ECDSA | None, HashAlgorithm | None]:
    try:
        kind, algorithm = str(how.signature_algo), _HASHES[str(how.hash_algo)]
    except _REFUSALS:
        return None, None
    if kind == "ecdsa":
        return ECDSA(algorithm), algorithm
    return (PKCS1v15(), algorithm) if kind == "rsassa_pkcs1v15" else (None, None)


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("a validity date that is none")  # noqa: TRY004 - the peer's data, not our call, is wrong
    # Without a zone it would be read in that of this machine.
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _pairs(name: x509.Name) -> NamePairs:
    return tuple(
        (short_name(attribute["type"].dotted), str(attribute["value"].native))
        for rdn in name.chosen
        for attribute in rdn
    )


def _list_key(spki: x509.PublicKeyInfo, algorithm: str) -> bytes | None:
    if algorithm == "rsa":
        return bytes(spki["public_key"].parsed.dump())
    if algorithm == "ec":
        return bytes(spki["public_key"].native)
    return None
