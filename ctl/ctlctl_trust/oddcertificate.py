"""Certificates that cryptography's strict parser refuses, read by asn1crypto instead.

Kept apart because asn1crypto costs 50 ms to import and is needed for few files.
"""

from datetime import UTC, datetime

from asn1crypto import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ctlctl_trust.certificate import Certificate, CertificateError, describe_key
from ctlctl_trust.names import NamePairs

_SHORT = {
    "common_name": "CN",
    "organizational_unit_name": "OU",
    "organization_name": "O",
    "locality_name": "L",
    "state_or_province_name": "ST",
    "country_name": "C",
    "serial_number": "SERIALNUMBER",
    "domain_component": "DC",
    "email_address": "emailAddress",
}
#: What asn1crypto is known to raise on bytes that are not what they claim (found by fuzzing).
_REFUSALS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


def read_odd(der: bytes, refusal: str) -> Certificate:
    """Read a certificate that cryptography refused.

    Args:
        der: the DER bytes, nothing before or after.
        refusal: cryptography's reason, for the person who reads the finding.

    Returns:
        What is known of it, ``odd`` set; the self-signature is not checked.

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
        None,
        f"read leniently, a strict parser refuses it: {_first_line(refusal)}",
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]


def _instant(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("a validity date that is none")  # noqa: TRY004 - the peer's data, not our call, is wrong
    return value.astimezone(UTC)


def _pairs(name: x509.Name) -> NamePairs:
    pairs: list[tuple[str, str]] = []
    for rdn in name.chosen:
        for attribute in rdn:
            kind = str(attribute["type"].native)
            pairs.append((_SHORT.get(kind, kind), str(attribute["value"].native)))
    return tuple(pairs)


def _list_key(spki: x509.PublicKeyInfo, algorithm: str) -> bytes | None:
    if algorithm == "rsa":
        return bytes(spki["public_key"].parsed.dump())
    if algorithm == "ec":
        return bytes(spki["public_key"].native)
    return None
