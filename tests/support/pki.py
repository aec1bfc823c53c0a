"""Small PKIs for tests, from keys that are checked in.

Certificates are put together byte by byte, for two reasons: `cryptography` signs no SHA-1 certificates, of which every
old cluster is full, and it makes none of the odd ones that are found in the field. ECDSA nonces are derived from key
and message, so the same call gives the same bytes.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ctlctl_trust import Certificate, SigningIdentity, read_certificate
from support.vectors import OWN

Key = RSAPrivateKey | EllipticCurvePrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - what certificates of old clusters are signed with
    "sha256": hashes.SHA256(),
    "sha512": hashes.SHA512(),
}
_RSA_OIDS = {"sha1": "1.2.840.113549.1.1.5", "sha256": "1.2.840.113549.1.1.11", "sha512": "1.2.840.113549.1.1.13"}
_EC_OIDS = {"sha1": "1.2.840.10045.4.1", "sha256": "1.2.840.10045.4.3.2", "sha512": "1.2.840.10045.4.3.4"}
_NAME_OIDS = {
    "CN": "2.5.4.3",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "DC": "0.9.2342.19200300.100.1.25",
}

START = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2034, 1, 1, tzinfo=UTC)


def der(tag: int, *parts: bytes) -> bytes:
    """Return one DER element."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


def der_integer(value: int) -> bytes:
    return der(2, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))


def der_oid(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    out = bytearray()
    for arc in (first * 40 + second, *arcs):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        out += bytes(reversed(septets))
    return der(6, bytes(out))


def der_time(moment: datetime) -> bytes:
    if moment.year < 2050:
        return der(0x17, f"{moment:%y%m%d%H%M%SZ}".encode())
    return der(0x18, f"{moment:%Y%m%d%H%M%SZ}".encode())


def der_name(*pairs: tuple[str, str | bytes], string_tag: int = 0x0C) -> bytes:
    """Return a Name; each value a string type of ``string_tag`` (0x0C is UTF8String), bytes as they stand."""
    rdns = [
        der(
            0x31,
            der(
                0x30,
                der_oid(_NAME_OIDS.get(kind, kind)),
                der(string_tag, value if isinstance(value, bytes) else value.encode()),
            ),
        )
        for kind, value in pairs
    ]
    return der(0x30, *rdns)


def der_extension(dotted: str, value: bytes) -> bytes:
    return der(0x30, der_oid(dotted), der(4, value))


def san_extension(*names: str) -> bytes:
    return der_extension("2.5.29.17", der(0x30, *(der(0x82, name.encode()) for name in names)))


@cache
def key(name: str) -> Key:
    """Return a checked-in key by the name of its file."""
    loaded = load_pem_private_key((OWN / "keys" / f"{name}.pem").read_bytes(), None)
    assert isinstance(loaded, RSAPrivateKey | EllipticCurvePrivateKey)
    return loaded


def rsa_key(name: str) -> RSAPrivateKey:
    """Return a checked-in RSA key by the name of its file."""
    loaded = key(name)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded


def cucm_name(common_name: str) -> bytes:
    """Return a name with the attributes that clusters use, in an order other than that of their lists."""
    place, unit = (("L", "Berlin"), ("ST", "BE")), (("OU", "Voice"), ("O", "Example"), ("C", "DE"))
    return der_name(*place, ("CN", common_name), *unit)


@dataclass(frozen=True, slots=True)
class CertificatePlan:
    """A certificate to make; the defaults give a self-signed one as clusters make them."""

    subject: bytes
    key_name: str
    serial: int = 0x4D5A1001
    issuer: bytes | None = None
    issuer_key: str | None = None
    digest: str = "sha256"
    not_before: datetime = START
    not_after: datetime = END
    extensions: tuple[bytes, ...] = ()
    version: bytes = b"\xa0\x03\x02\x01\x02"
    validity: bytes | None = None
    spki: bytes | None = None
    algorithm: bytes | None = None
    algorithm_outside: bytes | None = None
    damage: int = field(default=0)

    def encode(self) -> bytes:
        """Return the certificate."""
        signer = key(self.issuer_key or self.key_name)
        is_rsa = isinstance(signer, RSAPrivateKey)
        oid = (_RSA_OIDS if is_rsa else _EC_OIDS)[self.digest]
        algorithm = self.algorithm or der(0x30, der_oid(oid), der(5) if is_rsa else b"")
        public = key(self.key_name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        validity = self.validity or der(0x30, der_time(self.not_before), der_time(self.not_after))
        tbs = der(
            0x30,
            self.version,
            der_integer(self.serial),
            algorithm,
            self.issuer or self.subject,
            validity,
            self.subject,
            self.spki or public,
            der(0xA3, der(0x30, *self.extensions)) if self.extensions else b"",
        )
        signature = bytearray(_sign(signer, tbs, _HASHES[self.digest]))
        signature[-1] ^= self.damage
        return der(0x30, tbs, self.algorithm_outside or algorithm, der(3, b"\0", bytes(signature)))

    def read(self) -> Certificate:
        """Return the certificate as the library reads it."""
        return read_certificate(self.encode())

    def identity(self) -> SigningIdentity:
        """Return the certificate with its key, to sign with."""
        return SigningIdentity.from_key(self.read(), rsa_key(self.key_name))

    def but(self, **changes: object) -> "CertificatePlan":
        """Return the plan with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the test names fields of the class


def _sign(signer: Key, message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    if isinstance(signer, RSAPrivateKey):
        return signer.sign(message, PKCS1v15(), algorithm)
    return signer.sign(message, ECDSA(algorithm, deterministic_signing=True))


def plan(common_name: str, key_name: str, **changes: object) -> CertificatePlan:
    """Return the plan of a self-signed certificate with a name as clusters give them."""
    return CertificatePlan(cucm_name(common_name), key_name).but(**changes)
