"""What stands inside an element: numbers, texts, certificates, signatures, and the key that is ordered.

Each kind reads bytes (`CapfPeerError` if they are none) and writes them (`CapfLocalError` if it cannot be).
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.frame import CapfLocalError, CapfPeerError, CapfReason, Tag


class CertificateKind(IntEnum):
    """Values of CERTIFICATE_TYPE. capfd and capfc always write LSC, even where it is a MIC."""

    LSC = 1
    MIC = 2


class KeyType(IntEnum):
    """Values of KEY_TYPE."""

    RSA = 0
    EC = 1


class Curve(IntEnum):
    """Values of CURVE, named as the curves are called."""

    SECP256R1 = 0
    SECP384R1 = 1
    SECP521R1 = 2


class DigestCode(IntEnum):
    """Digests as SHA2_SIGNED_DATA and SUDI_DATA number them; trust lists use the same numbers."""

    SHA1 = 1
    SHA512 = 3


#: Bits of RSA keys that are made and certified; CUCM offers 512 too.
RSA_SIZES: Final = (1024, 2048, 3072, 4096)
#: Lead byte before a certificate; a count or a nested tag (inferred), always 1.
_LEAD: Final = 1
#: Bytes before the DER of a certificate: lead, length, form, kind.
_CERTIFICATE_HEAD: Final = 5
#: What the length in front of a certificate counts besides the DER: form, kind.
_COUNTED: Final = 2
#: DER: the tag that a certificate begins with, the bit of a length in several bytes, and as many as a message can need.
_SEQUENCE: Final = 0x30
_LONG_FORM: Final = 0x80
_LENGTH_BYTES: Final = 4
#: Bytes that an error shows of what is no certificate.
_SHOWN: Final = 8
_SUDI_CERTIFICATE: Final = 0
#: Three have been seen; one more digest may come.
_SUDI_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class CarriedCertificate:
    """A certificate as messages carry it.

    Attributes:
        der: the certificate.
        kind: 1 LSC, 2 MIC, as the sender calls it; never to be relied on.
        lead: first byte; 1 in all seen.
        form: fourth byte; 0 in all seen, most likely "X.509".
        announced: length in front of it where that is wrong, else None.
    """

    der: bytes
    kind: int = CertificateKind.LSC
    lead: int = _LEAD
    form: int = 0
    announced: int | None = None

    def encode(self) -> bytes:
        """Return the element's value.

        Raises:
            CapfLocalError: there is nothing in it, or a number is too large.
        """
        if not self.der:
            raise CapfLocalError("a certificate is empty")
        length = len(self.der) + _COUNTED if self.announced is None else self.announced
        return b"".join((number(self.lead, 1), number(length, 2), number(self.form, 1), number(self.kind, 1), self.der))

    @classmethod
    def decode(cls, value: bytes, dialect: Dialect = DIALECT) -> "CarriedCertificate":
        """Read an element's value.

        Raises:
            CapfPeerError: it is too short, or, unless the dialect says otherwise, its inner length is wrong.
        """
        if len(value) <= _CERTIFICATE_HEAD:
            raise CapfPeerError(CapfReason.BAD_LENGTH, f"element {Tag.CERTIFICATE:d} holds no certificate")
        length = int.from_bytes(value[1:3])
        der = value[_CERTIFICATE_HEAD:]
        right = length == len(der) + _COUNTED
        if not right and dialect.check_certificate_length:
            raise CapfPeerError(
                CapfReason.LENGTH_MISMATCH,
                f"the length in front of a certificate of {len(der)} bytes is {length}, not {len(der) + _COUNTED}",
            )
        return cls(der, value[4], value[0], value[3], None if right else length)


def no_certificate(der: bytes, command: str) -> str:
    """Return what stands in a certificate element that is not one certificate, in words, with the place.

    Args:
        der: what follows the element's five bytes.
        command: the message that carried it.
    """
    place = f"element {Tag.CERTIFICATE:d} of the {command}"
    whole = _CERTIFICATE_HEAD + len(der)
    size = _sequence(der)
    if size is None:
        start = der[:_SHOWN].hex(" ").upper()
        return f"from byte {_CERTIFICATE_HEAD} of {whole} on, {place} holds no certificate: it begins with {start}"
    end = _CERTIFICATE_HEAD + size
    if size < len(der):
        is_second = _sequence(der[size:]) is not None
        follows = "a second one begins" if is_second else f"{len(der) - size:,} other bytes begin"
        return f"{place} must hold one certificate; one ends, and {follows}, at byte {end} of {whole}"
    return f"the {size:,} bytes from byte {_CERTIFICATE_HEAD} of {place} on are no certificate that can be read"


def _sequence(der: bytes) -> int | None:
    """Return how many bytes the DER sequence has that bytes begin with; None where they begin with none, or a part."""
    if len(der) < 2 or der[0] != _SEQUENCE:
        return None
    count = der[1] - _LONG_FORM
    if count < 0:
        size = 2 + der[1]
    elif 0 < count <= _LENGTH_BYTES:
        size = 2 + count + int.from_bytes(der[2 : 2 + count])
    else:
        return None
    return size if size <= len(der) else None


class DigestSignature(NamedTuple):
    """A signature and the digest that it is of.

    Attributes:
        digest: code of the digest; 3 (SHA-512) in all seen.
        signature: its bytes.
    """

    digest: int
    signature: bytes

    def encode(self) -> bytes:
        """Return it as code, length, bytes.

        Raises:
            CapfLocalError: it does not fit.
        """
        return number(self.digest, 1) + number(len(self.signature), 2) + self.signature

    @classmethod
    def decode(cls, value: bytes) -> "DigestSignature":
        """Read SHA2_SIGNED_DATA.

        Raises:
            CapfPeerError: it is none.
        """
        return cls(*_parts(Tag.SHA2_SIGNED_DATA, value, 1, 1)[0])


@dataclass(frozen=True, slots=True)
class SudiData:
    """A device's factory certificate with signatures that are good in this session only.

    Attributes:
        certificate: DER.
        signatures: one for each digest; SHA-1, then SHA-512, in all seen.
    """

    certificate: bytes
    signatures: tuple[DigestSignature, ...]

    def encode(self) -> bytes:
        """Return the element's value.

        Raises:
            CapfLocalError: it does not fit.
        """
        own = DigestSignature(_SUDI_CERTIFICATE, self.certificate)
        return b"".join(part.encode() for part in (own, *self.signatures))

    @classmethod
    def decode(cls, value: bytes) -> "SudiData":
        """Read SUDI_DATA.

        Raises:
            CapfPeerError: it is none.
        """
        first, *rest = _parts(Tag.SUDI_DATA, value, 2, _SUDI_PARTS)
        if first[0] != _SUDI_CERTIFICATE or len({code for code, _ in rest} - {_SUDI_CERTIFICATE}) != len(rest):
            raise CapfPeerError(CapfReason.BAD_LENGTH, f"the parts of element {Tag.SUDI_DATA:d} are in disorder")
        return cls(first[1], tuple(DigestSignature(*part) for part in rest))


def _parts(tag: Tag, value: bytes, least: int, most: int) -> list[tuple[int, bytes]]:
    """Read parts of code, length and bytes; all of the value must be used."""
    found: list[tuple[int, bytes]] = []
    place = 0
    while place < len(value) and len(found) < most:
        start = place + 3
        after = start + int.from_bytes(value[place + 1 : start])
        if start > len(value) or after > len(value):
            raise CapfPeerError(CapfReason.LENGTH_OVERFLOW, f"a part of element {tag:d} runs past it")
        found.append((value[place], value[start:after]))
        place = after
    if place != len(value) or len(found) < least:
        raise CapfPeerError(CapfReason.LENGTH_MISMATCH, f"element {tag:d} does not have the parts that it must")
    return found


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """What key a server wants.

    Attributes:
        kind: KEY_TYPE.
        bits: size of an RSA key; None for EC.
        curve: CURVE of an EC key; None for RSA.
    """

    kind: int
    bits: int | None = field(default=None)
    curve: int | None = field(default=None)

    @classmethod
    def rsa(cls, bits: int) -> "KeyOrder":
        """Return the order of an RSA key of so many bits."""
        return cls(KeyType.RSA, bits=bits)

    @classmethod
    def ec(cls, curve: Curve) -> "KeyOrder":
        """Return the order of an EC key."""
        return cls(KeyType.EC, curve=curve)

    @property
    def label(self) -> str:
        """The key as a person calls it, spelled as `ctlctl_trust.Certificate.key_label` spells it."""
        if self.kind == KeyType.RSA:
            return f"RSA-{self.bits}"
        if self.kind == KeyType.EC and self.curve in set(Curve):
            return f"EC {Curve(self.curve).name.lower()}"
        return f"key of type {self.kind}, curve {self.curve}"

    @property
    def refusal(self) -> str | None:
        """Why no such key is made or certified, in words; None where it is."""
        if self.kind == KeyType.RSA:
            return _rsa_refusal(self.bits)
        if self.kind != KeyType.EC:
            return f"key type {self.kind} is not known"
        if self.curve is None:
            return "an EC key without a curve"
        return None if self.curve in set(Curve) else f"curve {self.curve} is not known"


def _rsa_refusal(bits: int | None) -> str | None:
    if bits is None:
        return "an RSA key without a size"
    if bits < min(RSA_SIZES):
        return f"RSA keys of {bits} bits are refused: one of 512 was first factored in 1999, and falls in hours today"
    return None if bits in RSA_SIZES else f"RSA keys have {', '.join(map(str, RSA_SIZES))} bits here, not {bits}"


def number(value: int, size: int) -> bytes:
    """Return a number in ``size`` bytes.

    Raises:
        CapfLocalError: it does not fit.
    """
    try:
        return value.to_bytes(size)
    except OverflowError:
        raise CapfLocalError(f"{value} does not fit {size} bytes") from None


def read_number(tag: int, value: bytes, sizes: tuple[int, ...]) -> int:
    """Read a number of one of some sizes in bytes.

    Raises:
        CapfPeerError: it has another.
    """
    if len(value) not in sizes:
        raise CapfPeerError(CapfReason.BAD_LENGTH, f"element {tag} has {len(value)} bytes, not {sizes[0]}")
    return int.from_bytes(value)


# Texts are UTF-8; bytes that are none become lone surrogates, so that every text is written back as it was.


def text(value: str) -> bytes:
    """Return a text with its NUL. What it is stands in no error: it may be a password.

    Raises:
        CapfLocalError: there is a NUL inside, or a character that cannot be written.
    """
    if "\0" in value:
        raise CapfLocalError("a text with a NUL inside cannot be written")
    try:
        return value.encode("utf-8", "surrogateescape") + b"\0"
    except UnicodeEncodeError:
        raise CapfLocalError("a text holds a character that cannot be written") from None


def read_text(tag: int, value: bytes, dialect: Dialect = DIALECT) -> str:
    """Read a text.

    Raises:
        CapfPeerError: it does not end in its only NUL, unless the dialect lets it.
    """
    end = value.find(0)
    if dialect.refuse_unterminated and (not value or end != len(value) - 1):
        raise CapfPeerError(CapfReason.BAD_STRING, f"the text of element {tag} does not end in its only NUL")
    return (value if end < 0 else value[:end]).decode("utf-8", "surrogateescape")
