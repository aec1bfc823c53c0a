"""Keys: which are made, how they are written, and the PKCS#12 file that Java reads."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from ctlctl.connectors.secret import Secret
from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl_capf.authentication import PrivateKey
from ctlctl_capf.elements import Curve, KeyOrder, KeyType
from ctlctl_trust.certificate import Certificate, describe_key

#: Bits of the smallest RSA key that is made unless a smaller one is asked for (NIST SP 800-131A).
LEAST_RSA: Final = 2048
_CURVES: Final[Mapping[Curve, ec.EllipticCurve]] = {
    Curve.SECP256R1: ec.SECP256R1(),
    Curve.SECP384R1: ec.SECP384R1(),
    Curve.SECP521R1: ec.SECP521R1(),
}
_BITS: Final = {256: Curve.SECP256R1, 384: Curve.SECP384R1, 521: Curve.SECP521R1}
#: Bytes of chance in a password that is made here.
_PASSWORD_BYTES: Final = 20


def parse_key(word: str) -> KeyOrder:
    """Return what a word such as ``rsa:2048`` or ``ec:256`` asks for.

    Raises:
        ValueError: it asks for nothing that is known.
    """
    kind, _, bits = word.partition(":")
    if kind == "rsa":
        return KeyOrder.rsa(int(bits))
    if kind == "ec":
        return KeyOrder.ec(_BITS[int(bits)])
    raise ValueError(f"{word!r} is no kind of key")


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """Which keys are made: CAPF orders, this may refuse.

    Attributes:
        only: the one kind that is made; None for any that is strong enough.
    """

    only: KeyOrder | None = None

    def make(self, order: KeyOrder) -> PrivateKey:
        """Make a key as ordered.

        Raises:
            EnrollError: none such is made here.
        """
        advice = "Correct the key of the CAPF profile (--key-size, --key-order, --ec-key-size), or what is asked here"
        if self.only is not None and order.label != self.only.label:
            detail = f"CAPF orders a key {order.label}; only {self.only.label} is to be made here"
            raise EnrollError(EnrollFault.KEY_REFUSED, detail, advice)
        if self.only is None and order.kind == KeyType.RSA and (order.bits or 0) < LEAST_RSA:
            detail = f"CAPF orders a key {order.label}; under {LEAST_RSA} bits none is made unless it is asked for"
            raise EnrollError(EnrollFault.KEY_REFUSED, detail, advice)
        if order.kind == KeyType.RSA and order.bits is not None:
            return rsa.generate_private_key(public_exponent=65537, key_size=order.bits)
        if order.curve is None:
            raise EnrollError(EnrollFault.KEY_REFUSED, f"CAPF orders a {order.label}", advice)
        return ec.generate_private_key(_CURVES[Curve(order.curve)])


def public_bytes(key: PrivateKey) -> bytes:
    """Return the public key, SubjectPublicKeyInfo, DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_pem(key: PrivateKey) -> bytes:
    """Return the private key as PKCS#8 PEM, not encrypted: its file is for its owner alone."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(pem: bytes) -> PrivateKey:
    """Read a private key.

    Raises:
        ValueError: it is none that CAPF knows, or wants a password; nothing of it is in the text.
    """
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError("it is encrypted: decrypt a copy first (openssl pkey)") from None
    except UnsupportedAlgorithm:
        raise ValueError("it is of a kind or a curve that is not known here") from None
    except (ValueError, InternalError):
        # The library's words may repeat a line of the key; InternalError is what it says to an Edwards key cut short.
        raise ValueError("it is no private key, or a damaged one") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("it is neither RSA nor EC")  # noqa: TRY004 - a wrong file, not a wrong type
    return key


def belongs(key: PrivateKey, certificate: Certificate) -> bool:
    """Tell whether a certificate is of a key."""
    return certificate.key == key.public_key()


def label(key: PrivateKey) -> str:
    """Return what a person calls a key."""
    return describe_key(key.public_key())[0]


def certificates_pem(certificates: tuple[bytes, ...]) -> bytes:
    """Return certificates (DER) as PEM; also those that strict libraries do not read."""
    return b"".join(_pem(der) for der in certificates)


def _pem(der: bytes) -> bytes:
    body = b64encode(der)
    lines = [body[place : place + 64] for place in range(0, len(body), 64)]
    return b"\n".join((b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""))


def new_password() -> Secret:
    """Make a password."""
    return Secret(secrets.token_urlsafe(_PASSWORD_BYTES))


def keystore(name: str, key: PrivateKey, certificate: bytes, chain: tuple[bytes, ...], password: Secret) -> bytes:
    """Return a PKCS#12 file with key, certificate and chain.

    It is encrypted with AES-256 and PBKDF2 (PBES2), which Java reads since 8u301 and 11.0.12.

    Args:
        name: what the entry is called in it.
        key: the private key.
        certificate: its certificate, DER.
        chain: the certificates above it, DER.
        password: for the file and the key.

    Raises:
        ValueError: a certificate cannot be put into it.
    """
    return pkcs12.serialize_key_and_certificates(
        name.encode(),
        key,
        x509.load_der_x509_certificate(certificate),
        [x509.load_der_x509_certificate(der) for der in chain],
        BestAvailableEncryption(password.reveal().encode()),
    )
