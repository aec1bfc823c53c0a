"""Issuing an LSC, for a CAPF of one's own: the two ways of naming that are known, which contradict each other.

Keys, serial number and dates come from outside.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from ctlctl_capf.authentication import PrivateKey
from ctlctl_capf.frame import CapfLocalError
from ctlctl_capf.rules import read_key

#: What is taken over from the issuer's name, besides its CN.
_INHERITED: Final = frozenset(
    {
        NameOID.COUNTRY_NAME,
        NameOID.STATE_OR_PROVINCE_NAME,
        NameOID.LOCALITY_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.ORGANIZATIONAL_UNIT_NAME,
    }
)
_IPSEC_END_SYSTEM: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.5")


class Naming(Enum):
    """How an LSC names its phone."""

    #: As capfd does: the name as CN, then the rest of the issuer's name; the name again as URI.
    CAPFD = "capfd"
    #: As a genuine LSC has been seen: serialNumber, the rest of the issuer's name, ``CN=CP-8861-SEP…``; no URI.
    CUCM = "cucm"


@dataclass(frozen=True, slots=True)
class LscPlan:
    """What a new LSC says.

    Attributes:
        device: the phone's name, ``SEP…``.
        serial: serial number; CUCM's and capfd's have 16 random bytes.
        not_before: start of validity, aware.
        not_after: end of validity, aware.
        naming: how the phone is named.
        model: ``CP-8861``, for Naming.CUCM; left out where empty.
        unit: serial number of the phone, for Naming.CUCM.
    """

    device: str
    serial: int
    not_before: datetime
    not_after: datetime
    naming: Naming = Naming.CAPFD
    model: str = ""
    unit: str = ""


def issue_lsc(plan: LscPlan, public_key: bytes, issuer: bytes, issuer_key: PrivateKey) -> bytes:
    """Issue an LSC.

    Args:
        plan: what it says.
        public_key: the phone's, SubjectPublicKeyInfo, DER.
        issuer: CAPF's certificate, DER.
        issuer_key: CAPF's key; it signs with SHA-256, as CUCM does since 11.5(1)SU1.

    Returns:
        The certificate, DER.

    Raises:
        CapfPeerError: the public key is none that is used.
        CapfLocalError: the plan or the issuer cannot be used.
    """
    key = read_key(public_key)
    if not plan.device or plan.not_before.tzinfo is None or plan.not_after.tzinfo is None:
        raise CapfLocalError("an LSC cannot be issued without a device's name, or for instants without a zone")
    try:
        authority = x509.load_der_x509_certificate(issuer)
        builder = (
            x509.CertificateBuilder(issuer_name=authority.subject, subject_name=_subject(plan, authority.subject))
            .public_key(key)
            .serial_number(plan.serial)
            .not_valid_before(plan.not_before)
            .not_valid_after(plan.not_after)
        )
        for extension, critical in _extensions(plan):
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.DER)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CapfLocalError(f"an LSC for {plan.device} cannot be issued: {error}") from error


def _subject(plan: LscPlan, issuer: x509.Name) -> x509.Name:
    rest = [attribute for attribute in issuer if attribute.oid in _INHERITED]
    if plan.naming is Naming.CAPFD:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, plan.device), *rest])
    name = f"{plan.model}-{plan.device}" if plan.model else plan.device
    common_name = x509.NameAttribute(NameOID.COMMON_NAME, name)
    if not plan.model or not plan.unit:
        return x509.Name([*rest, common_name])
    number = x509.NameAttribute(NameOID.SERIAL_NUMBER, f"PID:{plan.model} SN:{plan.unit}")
    return x509.Name([number, *rest, common_name])


def _extensions(plan: LscPlan) -> list[tuple[x509.ExtensionType, bool]]:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, _IPSEC_END_SYSTEM]
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (usage, True),
        (x509.ExtendedKeyUsage(purposes), False),
    ]
    if plan.naming is Naming.CAPFD:
        found.append((x509.SubjectAlternativeName([x509.UniformResourceIdentifier(plan.device)]), False))
    return found
