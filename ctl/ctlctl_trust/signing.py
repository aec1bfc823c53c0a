"""Writing and signing the header that trust lists and signed files share."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ctlctl_trust.certificate import Certificate, describe_key
from ctlctl_trust.header import encode_header
from ctlctl_trust.names import NamePairs, comma_spelling, cucm_spelling
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.signature import MODULUS_BITS, SHA1, SHA512, Digest
from ctlctl_trust.tlv import HeaderTag, encode_text, encode_tlv

T = HeaderTag

#: Sizes that are written. Code 0 (512 bits) exists but is no key to sign with.
_MODULUS_CODES = {bits: code for code, bits in MODULUS_BITS.items() if bits >= 1024}


class BuildError(ValueError):
    """What was asked for cannot be written; the message says why."""


class Layout(Enum):
    """In whose spelling and order to write: CUCM's own, or the independent certutils'."""

    CUCM = "cucm"
    CERTUTILS = "certutils"


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """Who signs.

    Attributes:
        certificate: the signer's certificate.
        sign: turns (message, digest) into an RSA PKCS#1 v1.5 signature; may reach into a hardware token.
    """

    certificate: Certificate
    sign: Callable[[bytes, Digest], bytes]

    @classmethod
    def from_key(cls, certificate: Certificate, key: RSAPrivateKey) -> "SigningIdentity":
        """Return the identity of a private key in memory.

        Raises:
            BuildError: the key is not the certificate's.
        """
        if describe_key(key.public_key())[2] != certificate.list_key:
            raise BuildError(f"the private key is not the key of the certificate {certificate.common_name}")
        return cls(certificate, partial(_sign_with, key))


def _sign_with(key: RSAPrivateKey, message: bytes, digest: Digest) -> bytes:
    return key.sign(message, PKCS1v15(), digest.algorithm)


def member(tag: int, value: bytes) -> bytes:
    """Return one TLV.

    Raises:
        BuildError: the value is longer than 65,535 bytes.
    """
    try:
        return encode_tlv(tag, value)
    except ValueError as error:
        raise BuildError(str(error)) from error


def written(text: str) -> bytes:
    """Return a text value: UTF-8 and the NUL that the length counts.

    Raises:
        BuildError: the text holds a NUL, or what is no Unicode character.
    """
    try:
        return encode_text(text)
    except ValueError as error:
        raise BuildError(f"{text[:100]!r} cannot be written: {error}") from error


def spell(name: NamePairs, layout: Layout) -> str:
    """Return ``name`` in the spelling of ``layout``."""
    return (cucm_spelling(name) if layout is Layout.CUCM else "") or comma_spelling(name)


@dataclass(frozen=True, slots=True)
class HeaderPlan:
    """All of a header but its lengths and signature.

    Attributes:
        version: (major, minor).
        filename: FILENAME.
        timestamp: seconds since 1970-01-01 UTC.
        digest: SHA-1 or SHA-512.
        layout: order of the signer members, and spelling of names.
        signer_version: tag 28, or None to leave it out.
        extra: TLVs that follow TIMESTAMP (encrypted files).
    """

    version: tuple[int, int]
    filename: str
    timestamp: int
    digest: Digest
    layout: Layout
    signer_version: tuple[int, int] | None = None
    extra: bytes = b""


def sign_file(plan: HeaderPlan, identity: SigningIdentity, body: bytes) -> bytes:
    """Return the header for ``body``, signed, followed by ``body``.

    Args:
        plan: what the header says.
        identity: who signs; an RSA key of 1024, 2048 or 4096 bits.
        body: records or payload.

    Raises:
        BuildError: the digest, key size, time or a length cannot be written.
    """
    if plan.digest not in (SHA1, SHA512):
        raise BuildError(
            f"{plan.digest.title} is not written: no known phone or cluster takes it; use SHA-1 or SHA-512"
        )
    certificate = identity.certificate
    code = _MODULUS_CODES.get(certificate.key_bits) if certificate.key_label.startswith("RSA-") else None
    if code is None:
        sizes = ", ".join(str(bits) for bits in sorted(_MODULUS_CODES))
        raise BuildError(
            f"a {certificate.key_label} key cannot sign: the format has modulus codes for RSA {sizes} only "
            "(none for 3072), and none for other kinds of key"
        )
    if not 0 <= plan.timestamp <= 0xFFFFFFFF:
        raise BuildError(f"the signing time {plan.timestamp} does not fit the 32 bits of TIMESTAMP")
    signature_size = certificate.key_bits // 8
    try:
        before, after = _around_signature(plan, certificate, code)
    except ValueError as error:
        raise BuildError(str(error)) from error
    unpadded = 10 + len(before) + 3 + signature_size + len(after)
    padding = b"\x0d" * (-unpadded % 4)
    length = unpadded + len(padding)
    if length > 0xFFFF:
        raise BuildError(f"the header would have {length} bytes; HeaderLength has 16 bits")
    start = member(T.VERSION, bytes(plan.version)) + member(T.HEADER_LENGTH, length.to_bytes(2, "big"))
    tail = after + padding + body
    signature = identity.sign(start + before + tail, plan.digest)
    if len(signature) != signature_size:
        raise BuildError(
            f"the signature has {len(signature)} bytes, a {certificate.key_label} key makes {signature_size}"
        )
    return start + before + member(T.SIGNATURE, signature) + tail


def _around_signature(plan: HeaderPlan, certificate: Certificate, modulus_code: int) -> tuple[bytes, bytes]:
    """Return the members between HeaderLength and SIGNATURE, and those after it up to the padding."""
    name = written(spell(certificate.subject, plan.layout))
    issuer = written(spell(certificate.issuer, plan.layout))
    serial = serial_bytes(certificate.serial)
    signer = {T.SIGNER_NAME: name, T.SERIAL_NUMBER: serial, T.CA_NAME: issuer}
    order = (4, 5, 6) if plan.layout is Layout.CUCM else (4, 6, 5)
    capability = b"" if plan.signer_version is None else member(T.SIGNER_VERSION, bytes(plan.signer_version))
    before = capability + encode_header(
        (
            (T.SIGNER_ID, tuple((tag, signer[T(tag)]) for tag in order)),
            (
                T.SIGNATURE_INFO,
                (
                    (T.DIGEST_ALGORITHM, bytes((plan.digest.code,))),
                    (
                        T.SIGNATURE_ALGO_INFO,
                        ((T.SIGNATURE_ALGORITHM, b"\0"), (T.SIGNATURE_MODULUS, bytes((modulus_code,)))),
                    ),
                ),
            ),
        )
    )
    after = member(T.FILENAME, written(plan.filename)) + member(T.TIMESTAMP, plan.timestamp.to_bytes(4, "big"))
    return before, after + plan.extra
