"""The signature of a trust list or signed file: what it covers, and with which digest.

Signed is the whole file with the complete SIGNATURE TLV (tag, length, value) cut out, HeaderLength keeping its final
value; RSASSA-PKCS1-v1_5. Checked on a genuine CUCM list: it verifies under this rule and under no other tried.
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ctlctl_trust.certificate import usable


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that the format has a code for.

    Attributes:
        code: DIGESTALGORITHM value.
        name: name in JSON, and for hashlib.
        title: name for a person.
        algorithm: the same for cryptography.
        weak: whether a verifier should warn of it.
    """

    code: int
    name: str
    title: str
    algorithm: hashes.HashAlgorithm
    weak: bool


SHA1 = Digest(1, "sha1", "SHA-1", hashes.SHA1(), weak=True)  # noqa: S303 - what clusters sign with; reported as weak
#: Named by one implementation that neither writes nor accepts it: refused unless asked for.
SHA256 = Digest(2, "sha256", "SHA-256", hashes.SHA256(), weak=False)
SHA512 = Digest(3, "sha512", "SHA-512", hashes.SHA512(), weak=False)
DIGESTS = {digest.code: digest for digest in (SHA1, SHA256, SHA512)}

#: RSA modulus bits by SIGNATUREMODULUS code. 1 and 2 are genuine, 0 and 3 known from one source; 3072 has none.
MODULUS_BITS = {0: 512, 1: 1024, 2: 2048, 3: 4096}

_PADDING = PKCS1v15()


def signed_digest(data: bytes, offset: int, length: int, digest: Digest) -> bytes:
    """Return the digest of what a signature covers.

    Args:
        data: the whole file.
        offset: where the SIGNATURE TLV begins, in bytes.
        length: bytes of the signature value.
        digest: the digest to use.
    """
    view = memoryview(data)
    hasher = hashlib.new(digest.name, view[:offset], usedforsecurity=False)
    hasher.update(view[offset + 3 + length :])
    return hasher.digest()


def verifies(key: CertificatePublicKeyTypes | None, signature: bytes, value: bytes, digest: Digest) -> bool:
    """Tell whether ``signature`` over the digest ``value`` verifies with ``key``; False for a key that cannot."""
    if not isinstance(key, RSAPublicKey) or not usable(key):
        return False
    try:
        key.verify(signature, value, _PADDING, Prehashed(digest.algorithm))
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
