"""The PUBLICKEY field, spelled by our own few lines, against cryptography's serialization."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ctlctl_trust.certificate import describe_key
from support.pki import key
from support.vectors import OWN

NAMES = sorted(path.stem for path in (OWN / "keys").glob("*.pem"))


def expected(public: CertificatePublicKeyTypes) -> bytes:
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_the_corpus(name: str) -> None:
    public = key(name).public_key()
    assert describe_key(public)[2] == expected(public)


@given(st.integers(min_value=1 << 1023, max_value=(1 << 8192) - 1), st.sampled_from([3, 17, 257, 65537]))
def test_moduli_of_any_size(modulus: int, exponent: int) -> None:
    public = rsa.RSAPublicNumbers(exponent, modulus | 1).public_key()
    assert describe_key(public)[2] == expected(public)


@given(
    st.sampled_from([ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]),
    st.integers(min_value=1, max_value=(1 << 250) - 1),
)
def test_points_with_leading_zeros_too(curve: ec.EllipticCurve, secret: int) -> None:
    public = ec.derive_private_key(secret, curve).public_key()
    assert describe_key(public)[2] == expected(public)
