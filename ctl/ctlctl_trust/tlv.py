"""The TLV alphabet of trust lists: tags, sizes, and the smallest pieces of reading and writing.

Everything is big-endian and unsigned; a TLV is a tag of one byte, a length of two bytes that counts the value
only, and the value. The one exception is header tag 13, a lone padding byte. Header and record tags are two
name spaces. Source: a genuine CUCM 10 list, read byte by byte.
"""

from enum import IntEnum
from struct import Struct

#: Bytes; a longer input is not read. The format has no file length; 4 MiB is 64 times what a phone takes.
MAX_INPUT = 4 * 1024 * 1024
#: Records; a list of 64 KiB holds about 39, so this is over 20 times what a phone takes.
MAX_RECORDS = 1000
#: Bytes; a longer list is not loaded by phones (Security Guide 14: "ITL over 64 KB").
PHONE_SIZE_LIMIT = 65_535
#: Bytes and certificates from which a list is called nearly full (Security Guide 14: more than 39).
NEAR_SIZE_BYTES = 60_000
NEAR_SIZE_CERTIFICATES = 39

U16 = Struct(">H")


class HeaderTag(IntEnum):
    """Tags of the header, with the names `show ctl` prints (its misspellings apart)."""

    VERSION = 1
    HEADER_LENGTH = 2
    SIGNER_ID = 3
    SIGNER_NAME = 4
    SERIAL_NUMBER = 5
    CA_NAME = 6
    SIGNATURE_INFO = 7
    DIGEST_ALGORITHM = 8
    SIGNATURE_ALGO_INFO = 9
    SIGNATURE_ALGORITHM = 10
    SIGNATURE_MODULUS = 11
    SIGNATURE = 12
    PADDING = 13
    FILENAME = 14
    TIMESTAMP = 15
    ENCRYPTION_INFO = 16
    CIPHER_INFO = 17
    CIPHER = 18
    IV = 19
    PLAINTEXT_PADDING = 20
    KEY_INFO = 21
    KEY_INFO_22 = 22
    WRAPPED_KEY_BITS = 23
    KEY_INFO_24 = 24
    WRAPPED_KEY = 25
    PLAINTEXT_DIGEST_ALGORITHM = 26
    PLAINTEXT_DIGEST = 27
    SIGNER_VERSION = 28


class RecordTag(IntEnum):
    """Tags of a record, with the names `show ctl` prints."""

    RECORD_LENGTH = 1
    DNS_NAME = 2
    SUBJECT_NAME = 3
    FUNCTION = 4
    ISSUER_NAME = 5
    SERIAL_NUMBER = 6
    PUBLIC_KEY = 7
    SIGNATURE = 8
    CERTIFICATE = 9
    IP_ADDRESS = 10
    CERTIFICATE_HASH = 11
    HASH_ALGORITHM = 12


class Role(IntEnum):
    """Role codes with a known meaning; CCM and APP_SERVER are attested by one source only."""

    SAST = 0
    CCM = 1
    CCM_TFTP = 2
    TFTP = 3
    CAPF = 4
    APP_SERVER = 7
    TVS = 21


_ROLE_NAMES = {
    Role.SAST: "SAST",
    Role.CCM: "CCM",
    Role.CCM_TFTP: "CCM+TFTP",
    Role.TFTP: "TFTP",
    Role.CAPF: "CAPF",
    Role.APP_SERVER: "APP-SERVER",
    Role.TVS: "TVS",
}
_ROLES = {int(role): role for role in Role}


def known_role(code: int | None) -> Role | None:
    """Return the role of a FUNCTION code, or None for a code without a known meaning."""
    return None if code is None else _ROLES.get(code)


def role_name(code: int | None) -> str:
    """Return the field's term for a FUNCTION code; an unknown code keeps its number."""
    role = known_role(code)
    if role is not None:
        return _ROLE_NAMES[role]
    return "none" if code is None else f"unknown({code})"


def role_from_name(name: str) -> Role:
    """Return the role for a name as printed by `role_name`, in any case.

    Raises:
        ValueError: no role has this name.
    """
    for role, known in _ROLE_NAMES.items():
        if known == name.upper():
            return role
    raise ValueError(f"no role {name!r}; known: {', '.join(_ROLE_NAMES.values())}")


def encode_tlv(tag: int, value: bytes) -> bytes:
    """Return one TLV.

    Raises:
        ValueError: the value is longer than 65,535 bytes.
    """
    if len(value) > 0xFFFF:
        raise ValueError(f"a value of {len(value)} bytes does not fit tag {tag}: the length field has 16 bits")
    return bytes((tag,)) + U16.pack(len(value)) + value


def encode_text(text: str) -> bytes:
    """Return a text value: UTF-8 and the NUL that the length counts.

    Raises:
        ValueError: the text holds a NUL.
    """
    if "\0" in text:
        raise ValueError("a text with a NUL inside cannot be written")
    return text.encode() + b"\0"


def decode_text(value: bytes) -> str:
    """Return a text value without its NUL; bytes that are no UTF-8 are read as Latin-1, so none is lost."""
    value = value.removesuffix(b"\0")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def text_problem(value: bytes) -> str | None:
    """Return what is wrong with a text value's NUL, or None."""
    if not value.endswith(b"\0"):
        return "does not end in a NUL"
    return "has a NUL inside" if value.find(0) != len(value) - 1 else None


def serial_text(serial: bytes) -> str:
    """Return a serial number as CUCM prints it: upper-case hexadecimal pairs joined by colons."""
    return serial.hex(":").upper()
