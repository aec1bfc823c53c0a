"""Writing signed (.sgn) and encrypted (.enc.sgn) phone files."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ctlctl_trust.certificate import Certificate
from ctlctl_trust.header import encode_header
from ctlctl_trust.signature import SHA512, Digest
from ctlctl_trust.signedfile import BLOCK, filename_problem
from ctlctl_trust.signing import BuildError, HeaderPlan, Layout, SigningIdentity, sign_file
from ctlctl_trust.tlv import HeaderTag, encode_tlv

T = HeaderTag


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A signed file to write.

    Attributes:
        filename: the name a phone asks for, suffix and sub-directory included.
        timestamp: signing time, seconds since 1970-01-01 UTC.
        digest: SHA-1 or SHA-512.
        layout: spelling of the signer's names; the order is known from the independent writer only.
    """

    filename: str
    timestamp: int
    digest: Digest = SHA512
    layout: Layout = Layout.CERTUTILS


@dataclass(frozen=True, slots=True)
class ContentKey:
    """What encrypts one file; must be fresh and random for every file.

    Attributes:
        key: 16 bytes.
        iv: 16 bytes.
        wrapped: ``key`` encrypted for the phone, or None to do so while writing.
    """

    key: bytes
    iv: bytes
    wrapped: bytes | None = None

    def __repr__(self) -> str:
        """Show nothing of the key."""
        return "ContentKey(...)"


def build_signed_file(plan: FilePlan, payload: bytes, identity: SigningIdentity) -> bytes:
    """Return ``payload`` as a .sgn file.

    Raises:
        BuildError: the name is no safe path, or something does not fit its field.
    """
    return sign_file(_header(plan, (1, 0), b""), identity, payload)


def build_encrypted_file(
    plan: FilePlan, plaintext: bytes, identity: SigningIdentity, phone: Certificate, content: ContentKey
) -> bytes:
    """Return ``plaintext`` encrypted for one phone and signed, as a .enc.sgn file.

    Args:
        plan: what the header says.
        plaintext: the phone's configuration.
        identity: who signs.
        phone: the phone's certificate, LSC or MIC; must have an RSA key, an EC key cannot unwrap.
        content: fresh random key and IV.

    Raises:
        BuildError: the phone's key is no RSA key, or something does not fit its field.
    """
    if not isinstance(phone.key, RSAPublicKey):
        raise BuildError(f"{phone.common_name} has an {phone.key_label} key: a content key can be wrapped for RSA only")
    if len(content.key) != BLOCK or len(content.iv) != BLOCK:
        raise BuildError(f"the content key and the IV have {BLOCK} bytes each")
    wrapped = content.wrapped if content.wrapped is not None else phone.key.encrypt(content.key, PKCS1v15())
    if len(wrapped) * 8 != phone.key_bits:
        raise BuildError(f"the wrapped key has {len(wrapped)} bytes, {phone.common_name} has an {phone.key_label} key")
    count = BLOCK - len(plaintext) % BLOCK
    encryptor = Cipher(AES(content.key), CBC(content.iv)).encryptor()
    payload = encryptor.update(plaintext + b"\x0d" * count) + encryptor.finalize()
    digest = hashlib.new(plan.digest.name, plaintext, usedforsecurity=False).digest()
    cipher = ((T.CIPHER, b"\0"), (T.IV, content.iv), (T.PLAINTEXT_PADDING, count.to_bytes(2, "big")))
    key = (
        (T.KEY_INFO_22, b"\0"),
        (T.WRAPPED_KEY_BITS, phone.key_bits.to_bytes(2, "big")),
        (T.KEY_INFO_24, b"\x01"),
        (T.WRAPPED_KEY, wrapped),
    )
    extra = encode_header(((T.ENCRYPTION_INFO, ((T.CIPHER_INFO, cipher), (T.KEY_INFO, key))),))
    extra += encode_tlv(T.PLAINTEXT_DIGEST_ALGORITHM, bytes((plan.digest.code,)))
    extra += encode_tlv(T.PLAINTEXT_DIGEST, digest)
    return sign_file(_header(plan, (2, 0), extra), identity, payload)


def _header(plan: FilePlan, version: tuple[int, int], extra: bytes) -> HeaderPlan:
    problem = filename_problem(plan.filename)
    if problem is not None:
        raise BuildError(f"the file name {plan.filename!r} {problem}")
    return HeaderPlan(version, plan.filename, plan.timestamp, plan.digest, plan.layout, None, extra)
