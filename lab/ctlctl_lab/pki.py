"""Every certificate of the lab.

Keys come from its directory; all else is worked out, so that the same question gives the same bytes. Lifetimes are
those of CUCM 14: TLS server certificates 3 years, signing ones 5, ITLRecovery 20. Every subject says ``O=LAB ctlctl``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ctlctl_lab.dirs import LabDir, PrivateKey
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    IPSEC,
    ITL_RECOVERY,
    LAB_ORGANIZATION,
    TOMCAT,
    TVS,
    Credential,
    Identity,
)
from ctlctl_lab.phonemodels import MicCa
from ctlctl_trust import Certificate, read_certificate

#: The unit of a hardware token.
TOKEN = "eToken"  # noqa: S105 - a word
_YEARS = {TOMCAT: 3, IPSEC: 3, CALLMANAGER: 5, TVS: 5, CAPF: 5, ITL_RECOVERY: 20}
#: Days before the lab's first use at which its first certificates begin.
_AGE_DAYS = 400
_DAY = 86_400

#: Keys that phones share: 40,000 phones cost a dozen key generations.
MODERN_KEYS = 8
OLD_KEYS = 2
EC_KEYS = 2
#: Kinds of key in the pool, spelled as `ctlctl_capf.KeyOrder.label`: first number (see `Credential.key`) and how many.
_POOL = {
    "RSA-2048": (0, MODERN_KEYS),
    "RSA-1024": (100, OLD_KEYS),
    "EC secp256r1": (200, EC_KEYS),
    "EC secp384r1": (300, 1),
    "EC secp521r1": (400, 1),
    "RSA-3072": (500, 1),
    "RSA-4096": (600, 1),
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "EC secp256r1": ec.SECP256R1(),
    "EC secp384r1": ec.SECP384R1(),
    "EC secp521r1": ec.SECP521R1(),
}


class Pki:
    """Makes and remembers identities."""

    def __init__(self, directory: LabDir) -> None:
        self.directory = directory
        self.born = directory.born
        self._lock = Lock()
        self._identities: dict[str, Identity] = {}
        self._phone_certificate = lru_cache(maxsize=2048)(self._make_phone_certificate)

    def node(self, unit: str, name: str, address: str, generation: int = 1, start: int | None = None) -> Identity:
        """Return a node's certificate of one unit.

        Args:
            unit: "tomcat", "ipsec", "CallManager", "TVS", "CAPF" or "ITLRecovery".
            name: the node's name.
            address: its address, which the certificate names too.
            generation: 1 for the first, one more for each renewal.
            start: beginning of its validity; None for that of the first ones.
        """
        label = f"{name}-{unit}-{generation}"
        start = self.born - _AGE_DAYS * _DAY if start is None else start
        end = start + _YEARS[unit] * 365 * _DAY
        return self._identity(label, unit, _common_name(unit, name), (start, end), (name, address))

    def manufacturing(self, which: MicCa) -> Identity:
        """Return the CA that made the MICs of some models."""
        name = "LAB Manufacturing CA SHA2" if which is MicCa.SHA2 else "LAB Manufacturing CA"
        validity = (self.born - 12 * 365 * _DAY, self.born + 13 * 365 * _DAY)
        return self._identity(f"manufacturing-{which.value}", name, name, validity, None)

    def token(self, number: int) -> Identity:
        """Return a hardware token of the days before tokenless CTLs."""
        name = f"SAST-ADN0LAB{number:04d}"
        validity = (self.born - 9 * 365 * _DAY, self.born + 11 * 365 * _DAY)
        return self._identity(f"token-{number}", TOKEN, name, validity, None)

    def expired(self, identity: Identity) -> Identity:
        """Return the same name and key with a validity that is over."""
        certificate = identity.certificate
        start, end = self.born - 6 * 365 * _DAY, self.born - 30 * _DAY
        label = f"expired-{identity.fingerprint.hex()[:16]}"
        with self._lock:
            if (known := self._identities.get(label)) is None:
                der = _build(certificate.common_name, identity.key, None, (start, end), label, ())
                known = self._identities[label] = Identity(identity.unit, read_certificate(der), identity.key)
            return known

    def _identity(
        self, label: str, unit: str, name: str, validity: tuple[int, int], host: tuple[str, str] | None
    ) -> Identity:
        # A renewal at another time is another certificate, though its key is the same after a lab began anew.
        dated = f"{label}-{validity[0]}"
        with self._lock:
            if (known := self._identities.get(dated)) is None:
                key = self.directory.rsa_key(label)
                if unit == CAPF:
                    # The eight digits stand for this key, as those of a genuine CAPF certificate do.
                    name = f"CAPF-{_key_hash(key).hex()[:8]}"
                der = _build(name, key, None, validity, dated, _extensions(unit, key, host))
                known = self._identities[dated] = Identity(unit, read_certificate(der), key)
            return known

    def pool_number(self, draw: int, label: str = "RSA-2048") -> int:
        """Return the number of a phone's key.

        Args:
            draw: any number that spreads phones over the keys.
            label: kind of key, as `ctlctl_capf.KeyOrder.label` spells it.

        Raises:
            KeyError: there is no such kind in the pool.
        """
        first, count = _POOL[label]
        return first + draw % count

    def phone_key(self, number: int) -> PrivateKey:
        """Return a key of the pool; made, or read from the lab's directory, at its first use."""
        label, first = max(
            ((label, first) for label, (first, _) in _POOL.items() if first <= number), key=lambda each: each[1]
        )
        if (curve := _CURVES.get(label)) is not None:
            name = "phone-ec" if label == "EC secp256r1" else f"phone-{label.removeprefix('EC ')}"
            return self.directory.ec_key(f"{name}-{number - first}", curve)
        bits = int(label.removeprefix("RSA-"))
        return self.directory.rsa_key(f"phone-{bits}-{number - first}", bits)

    def phone_certificate(self, name: str, credential: Credential) -> bytes:
        """Return a phone's certificate, DER; made when asked for, and always the same.

        Args:
            name: CN, such as "CP-8845-SEP001122334455".
            credential: its MIC or LSC.
        """
        return credential.der or self._phone_certificate(name, credential)

    def _make_phone_certificate(self, name: str, credential: Credential) -> bytes:
        validity = (credential.not_before, credential.not_after)
        key = self.phone_key(credential.key)
        # What 802.1X and VPN servers ask of an LSC.
        extensions: Sequence[tuple[x509.ExtensionType, bool]] = (
            (_usage(encipher=True, sign=False), False),
            (_PURPOSES, False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(credential.issuer.key.public_key()), False),
        )
        return _build(name, key, credential.issuer, validity, credential.serial, extensions)

    def phone_pem(self, name: str, credential: Credential) -> bytes:
        """Return a phone's certificate and key, PEM, for a TLS context."""
        der = self.phone_certificate(name, credential)
        return key_pem(self.phone_key(credential.key)) + certificate_pem(der)


def certificate_pem(der: bytes) -> bytes:
    """Return a certificate as PEM."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


@lru_cache(maxsize=256)
def key_pem(key: PrivateKey) -> bytes:
    """Return a private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key_hash(key: PrivateKey) -> bytes:
    return sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _common_name(unit: str, name: str) -> str:
    return f"ITLRECOVERY_{name}" if unit == ITL_RECOVERY else name


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, LAB_ORGANIZATION),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "LAB"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, encipher: bool, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=encipher,
        data_encipherment=encipher,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


_PURPOSES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _extensions(
    unit: str, key: RSAPrivateKey, host: tuple[str, str] | None
) -> Sequence[tuple[x509.ExtensionType, bool]]:
    """Return the extensions with which CUCM makes a certificate of this unit."""
    authority = unit == CAPF or (host is None and unit != TOKEN)
    usage = _usage(encipher=not authority, sign=authority or unit in {CALLMANAGER, TVS, TOMCAT, IPSEC, ITL_RECOVERY})
    found: list[tuple[x509.ExtensionType, bool]] = [(usage, False)]
    if authority:
        found.append((x509.BasicConstraints(ca=True, path_length=0), True))
    if host is not None:
        found.append((_PURPOSES, False))
        if unit == TOMCAT:
            name, address = host
            names = [x509.DNSName(name), x509.IPAddress(ip_address(address))]
            found.append((x509.SubjectAlternativeName(names), False))
    found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    return found


def _build(  # noqa: PLR0913 - one argument per part of a certificate
    name: str,
    key: PrivateKey,
    issuer: Identity | None,
    validity: tuple[int, int],
    serial: int | str,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> bytes:
    if isinstance(serial, str):
        # 16 bytes, as CUCM's own; the first bit 0 and the second 1, so that it is always 16.
        raw = sha256(serial.encode() + _key_hash(key)).digest()[:16]
        serial = int.from_bytes(bytes((raw[0] & 0x3F | 0x40,)) + raw[1:], "big")
    builder = x509.CertificateBuilder(
        issuer_name=_subject(name if issuer is None else issuer.common_name),
        subject_name=_subject(name),
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=_instant(validity[0]),
        not_valid_after=_instant(validity[1]),
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key if issuer is None else issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _instant(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def distinguished_name(certificate: Certificate) -> str:
    """Return a subject as the database prints it: ``CN=…,OU=…,O=…``."""
    order = {"CN": 0, "OU": 1, "O": 2}
    pairs = sorted(certificate.subject, key=lambda pair: order.get(pair[0], len(order)))
    return ",".join(f"{kind}={value}" for kind, value in pairs)
