"""Authentication by an existing certificate: what is signed, with what, and whether it verifies.

SIGNED_DATA and SHA2_SIGNED_DATA sign device name, NUL and certificate; SUDI_DATA signs session and certificate. RSA
signatures hold the bare digest under PKCS#1 block type 1 (00 01 FF… 00 digest), without the DigestInfo of PKCS#1 v1.5
signatures; EC ones are plain ECDSA. Source: capfd and capfc, whose signatures in the transcripts verify so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha1, sha512
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed

from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.elements import CarriedCertificate, CertificateKind, DigestCode, DigestSignature, SudiData, text
from ctlctl_trust.certificate import usable

#: (what to sign, digest) -> signature. It may be a key in memory, a token, or a transcript.
Sign = Callable[[bytes, DigestCode], bytes]
PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

_ALGORITHMS: Final[Mapping[DigestCode, hashes.HashAlgorithm]] = MappingProxyType(
    {
        DigestCode.SHA1: hashes.SHA1(),  # noqa: S303 - what SIGNED_DATA is made with
        DigestCode.SHA512: hashes.SHA512(),
    }
)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate and the means to sign with its key.

    Attributes:
        certificate: DER.
        sign: signs as CAPF wants it; `signer` makes one of a key.
        kind: what to call it; capfc says LSC of everything.
    """

    certificate: bytes
    sign: Sign = field(repr=False)
    kind: CertificateKind = CertificateKind.LSC

    def carried(self) -> CarriedCertificate:
        """Return the certificate as messages carry it."""
        return CarriedCertificate(self.certificate, self.kind)


def signer(key: PrivateKey) -> Sign:
    """Return what signs with a key, the way CAPF wants it."""

    def sign(data: bytes, digest: DigestCode) -> bytes:
        value = digest_of(data, digest)
        if isinstance(key, RSAPrivateKey):
            return key.sign(value, PKCS1v15(), NoDigestInfo())
        return key.sign(value, ECDSA(Prehashed(_ALGORITHMS[digest])))

    return sign


def digest_of(data: bytes, digest: DigestCode) -> bytes:
    """Return a digest."""
    return sha512(data).digest() if digest is DigestCode.SHA512 else sha1(data, usedforsecurity=False).digest()


def verifies(key: object, signature: bytes, data: bytes, digest: int) -> bool:
    """Tell whether a signature is over some bytes.

    Args:
        key: a public key; one that is neither RSA nor EC verifies nothing.
        signature: the signature, as messages carry it.
        data: what was signed.
        digest: code of the digest; one that is not known verifies nothing.
    """
    if not usable(key) or digest not in set(DigestCode):
        return False
    code = DigestCode(digest)
    value = digest_of(data, code)
    try:
        if isinstance(key, RSAPublicKey):
            # The library checks all of the padding, and what it covers must be the digest and nothing else.
            return key.recover_data_from_signature(signature, PKCS1v15(), None) == value
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, value, ECDSA(Prehashed(_ALGORITHMS[code])))
            return True
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return False


def signed_by_device(device: str, certificate: bytes) -> bytes:
    """Return what SIGNED_DATA and SHA2_SIGNED_DATA sign. There is nothing of this session in it: it can be replayed."""
    return text(device) + certificate


def signed_in_session(session: int, certificate: bytes, dialect: Dialect = DIALECT) -> bytes:
    """Return what SUDI_DATA signs."""
    return session.to_bytes(4, dialect.sudi_order) + certificate


def prove(device: str, credential: Credential) -> tuple[bytes, DigestSignature]:
    """Return SIGNED_DATA and SHA2_SIGNED_DATA of an existing certificate."""
    data = signed_by_device(device, credential.certificate)
    sha2 = DigestSignature(DigestCode.SHA512, credential.sign(data, DigestCode.SHA512))
    return credential.sign(data, DigestCode.SHA1), sha2


def prove_sudi(session: int, credential: Credential, dialect: Dialect = DIALECT) -> SudiData:
    """Return SUDI_DATA of a factory certificate."""
    data = signed_in_session(session, credential.certificate, dialect)
    signatures = (DigestSignature(code, credential.sign(data, code)) for code in (DigestCode.SHA1, DigestCode.SHA512))
    return SudiData(credential.certificate, tuple(signatures))
