"""The header that trust lists, signed files and encrypted files share: reading and writing it.

Order, sizes and meaning were checked on a genuine CUCM list; tags 16 to 27 (encrypted files) and 28 are known from
one independent implementation only. Reading takes the members of the signer container in any order, as both known
writers differ there.
"""

from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog
from ctlctl_trust.tlv import U16, HeaderTag, decode_text, encode_tlv, text_problem

T = HeaderTag

_MEMBERS: dict[int, frozenset[int]] = {
    T.SIGNER_ID: frozenset({4, 5, 6}),
    T.SIGNATURE_INFO: frozenset({8, 9, 10, 11}),
    T.SIGNATURE_ALGO_INFO: frozenset({10, 11}),
    T.ENCRYPTION_INFO: frozenset(range(17, 26)),
    T.CIPHER_INFO: frozenset({18, 19, 20}),
    T.KEY_INFO: frozenset({22, 23, 24, 25}),
}
_TEXTS: frozenset[int] = frozenset({T.SIGNER_NAME, T.CA_NAME, T.FILENAME})
#: Value lengths in bytes that a tag always has.
_FIXED: dict[int, int] = {
    T.DIGEST_ALGORITHM: 1,
    T.SIGNATURE_ALGORITHM: 1,
    T.SIGNATURE_MODULUS: 1,
    T.TIMESTAMP: 4,
    T.CIPHER: 1,
    T.IV: 16,
    T.PLAINTEXT_PADDING: 2,
    T.KEY_INFO_22: 1,
    T.WRAPPED_KEY_BITS: 2,
    T.KEY_INFO_24: 1,
    T.PLAINTEXT_DIGEST_ALGORITHM: 1,
    T.SIGNER_VERSION: 2,
}
_NOT_EMPTY: frozenset[int] = frozenset({T.SERIAL_NUMBER, T.SIGNATURE, T.WRAPPED_KEY, T.PLAINTEXT_DIGEST})
_SIGNED_TAGS = frozenset(range(1, 13)) | {14, 15}

#: First bytes of things that are often found under a .tlv or .sgn name, and what to call them.
_LOOKALIKES = (
    (b"<", "XML or HTML text: is it the unsigned file, or an error page?"),
    (b"\xef\xbb\xbf<", "XML text: is it the unsigned file?"),
    (b"-----BEGIN", "a PEM file"),
    (b"\x30\x82", "a DER certificate or key"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK", "a zip file"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What sets one kind of file apart from the others that begin with this header.

    Attributes:
        title: what a person calls such a file.
        major: the major version it must have.
        mandatory: tags that must stand once.
        optional: tags that may stand once.
    """

    title: str
    major: int
    mandatory: frozenset[int]
    optional: frozenset[int] = frozenset()


TRUST_LIST = Dialect("trust list", 1, _SIGNED_TAGS, frozenset({28}))
SIGNED_FILE = Dialect("signed file", 1, _SIGNED_TAGS, frozenset({28}))
ENCRYPTED_FILE = Dialect("encrypted file", 2, _SIGNED_TAGS | frozenset(range(16, 28)), frozenset({28}))


class HeaderElement(NamedTuple):
    """One TLV of the header, in file order.

    A container holds no value of its own: its members follow it as elements. Padding is tag 13 with length 0.
    """

    tag: int
    offset: int
    length: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Header:
    """A header as read: every element in order, and the values a verifier asks for.

    Attributes:
        elements: all TLVs and padding bytes, enough to write the same bytes again.
        length: HeaderLength, the offset in bytes of the first record or of the payload.
        version: (major, minor).
        values: value bytes of each tag that stands once; the first where it stands twice.
    """

    elements: tuple[HeaderElement, ...]
    length: int
    version: tuple[int, int]
    values: dict[int, bytes]

    def _byte(self, tag: int) -> int | None:
        value = self.values.get(tag)
        return value[0] if value is not None and len(value) == 1 else None

    def text(self, tag: HeaderTag) -> str | None:
        """Return a text member without its NUL, or None when it is missing."""
        value = self.values.get(tag)
        return None if value is None else decode_text(value)

    @property
    def signer_name(self) -> str | None:
        """SIGNERNAME, the signer's subject."""
        return self.text(T.SIGNER_NAME)

    @property
    def issuer(self) -> str | None:
        """CANAME, the signer's issuer."""
        return self.text(T.CA_NAME)

    @property
    def serial(self) -> bytes:
        """SERIALNUMBER of the signer, as it stands; empty when missing."""
        return self.values.get(T.SERIAL_NUMBER, b"")

    @property
    def digest_code(self) -> int | None:
        """DIGESTALGORITHM code: 1 SHA-1, 3 SHA-512."""
        return self._byte(T.DIGEST_ALGORITHM)

    @property
    def signature_algorithm(self) -> int | None:
        """SIGNATUREALGORITHM code; only 0, RSA PKCS#1 v1.5, is known."""
        return self._byte(T.SIGNATURE_ALGORITHM)

    @property
    def modulus_code(self) -> int | None:
        """SIGNATUREMODULUS code of the signer's key size."""
        return self._byte(T.SIGNATURE_MODULUS)

    @property
    def signature(self) -> bytes | None:
        """SIGNATURE value."""
        return self.values.get(T.SIGNATURE)

    @property
    def filename(self) -> str | None:
        """FILENAME without its NUL."""
        return self.text(T.FILENAME)

    @property
    def timestamp(self) -> int | None:
        """TIMESTAMP: seconds since 1970-01-01 UTC."""
        value = self.values.get(T.TIMESTAMP)
        return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None

    @property
    def signer_version(self) -> tuple[int, int] | None:
        """Tag 28, (major, minor); None in lists of older clusters."""
        value = self.values.get(T.SIGNER_VERSION)
        return (value[0], value[1]) if value is not None and len(value) == 2 else None

    def offset_of(self, tag: HeaderTag) -> int | None:
        """Return the offset in bytes of a tag, or None when it is missing."""
        return next((element.offset for element in self.elements if element.tag == tag), None)

    def encode(self) -> bytes:
        """Return the header's bytes again, exactly as read."""
        out = bytearray()
        for tag, _, length, value in self.elements:
            out.append(tag)
            if tag != T.PADDING:
                out += U16.pack(length) + (value or b"")
        return bytes(out)


def scan_header(data: bytes, dialect: Dialect, log: FindingLog) -> Header | None:
    """Read the header of ``data``.

    Args:
        data: the whole file.
        dialect: which kind of file it should be.
        log: takes what is wrong.

    Returns:
        The header, or None when its structure does not allow going on; the log then holds an error.
    """
    start = _scan_start(data, dialect, log)
    if start is None:
        return None
    version, length = start
    layout = _Layout([HeaderElement(1, 0, 2, data[3:5]), HeaderElement(2, 5, 2, data[8:10])])
    if not _scan_members(data, length, dialect, layout, log):
        return None
    missing = dialect.mandatory.difference(layout.values, layout.containers)
    for tag in sorted(missing):
        message = f"header tag {tag} ({T(tag).name}) is missing"
        log.add(Code.MISSING_TAG, message, offset=length, tag=tag)
    _check_containers(layout, missing, log)
    _check_padding(layout, length, log)
    return Header(tuple(layout.elements), length, version, layout.values)


class _Layout:
    """What is known of a header while it is read."""

    __slots__ = ("containers", "elements", "padding", "stray", "values")

    def __init__(self, elements: list[HeaderElement]) -> None:
        self.elements = elements
        #: The first value of each tag.
        self.values: dict[int, bytes] = {element.tag: element.value or b"" for element in elements}
        #: Position in ``elements`` of the first container of each tag.
        self.containers: dict[int, int] = {}
        #: Padding bytes at the end so far.
        self.padding = 0
        #: Offset of a padding byte that other members follow, or None.
        self.stray: int | None = None


def _scan_start(data: bytes, dialect: Dialect, log: FindingLog) -> tuple[tuple[int, int], int] | None:
    """Read Version and HeaderLength, which must stand first; return (version, HeaderLength)."""
    size = len(data)
    if not size:
        log.add(Code.EMPTY, "the file is empty: a phone takes it as no list", offset=0)
        return None
    if data[0] != T.VERSION:
        what = next((f" It looks like {name}" for magic, name in _LOOKALIKES if data.startswith(magic)), "")
        message = f"begins with 0x{data[0]:02x}, not with a version TLV: no {dialect.title}.{what}"
        log.add(Code.BAD_MAGIC, message, offset=0, tag=data[0])
        return None
    for tag, offset in ((T.VERSION, 0), (T.HEADER_LENGTH, 5)):
        if offset + 3 > size:
            tag_seen = data[offset] if offset < size else tag
            log.add(Code.TRUNCATED, f"ends inside {tag.name}", offset=offset, tag=tag_seen)
            return None
        if data[offset] != tag:
            message = f"tag {data[offset]} stands where {tag.name} (tag {int(tag)}) must"
            log.add(Code.MISSING_TAG, message, offset=offset, tag=int(tag))
            return None
        (length,) = U16.unpack_from(data, offset + 1)
        if offset + 3 + length > size:
            code = Code.TRUNCATED if length == 2 else Code.LENGTH_OVERFLOW
            message = f"{tag.name} announces {length} bytes, {size - offset - 3} are left"
            log.add(code, message, offset=offset, tag=int(tag))
            return None
        if length != 2:
            log.add(Code.BAD_LENGTH, f"{tag.name} has {length} bytes, not 2", offset=offset, tag=int(tag))
            return None
    if data[3] != dialect.major:
        message = f"version {data[3]}.{data[4]}: a {dialect.title} has major version {dialect.major}"
        log.add(Code.VERSION, message, offset=0, tag=1)
    (header_length,) = U16.unpack_from(data, 8)
    if not 10 <= header_length <= size:
        message = f"HeaderLength {header_length} is outside 10 to {size}, the size of the file"
        log.add(Code.HEADER_LENGTH_RANGE, message, offset=8, tag=2)
        return None
    return (data[3], data[4]), header_length


def _scan_members(  # noqa: C901 - one loop over one alphabet; cut up it costs a fifth of a bulk verification
    data: bytes, end: int, dialect: Dialect, layout: _Layout, log: FindingLog
) -> bool:
    """Read the TLVs after HeaderLength up to ``end``; return False when they do not end there.

    This is where a bulk verification spends its time, hence plain numbers and no calls for what is as it should be.
    """
    known = dialect.mandatory | dialect.optional
    elements, values, containers = layout.elements, layout.values, layout.containers
    offset = 10
    while offset < end:
        tag = data[offset]
        start = offset + 3
        if tag == 13:
            layout.padding += 1
            elements.append(HeaderElement(13, offset, 0, None))
            offset += 1
            continue
        if layout.padding:
            layout.stray = offset - layout.padding if layout.stray is None else layout.stray
            layout.padding = 0
        if start > end:
            return _ends_inside(tag, offset, None, end, log)
        length = data[offset + 1] << 8 | data[offset + 2]
        after = start + length
        if tag not in known:
            log.add(Code.UNKNOWN_TAG, f"header tag {tag} is not known", offset=offset, tag=tag)
        if after > end:
            return _ends_inside(tag, offset, length, end, log)
        twice = tag in values or tag in containers
        if twice:
            log.add(Code.DUPLICATE_TAG, f"header tag {tag} stands twice", offset=offset, tag=tag)
        if tag in _MEMBERS and tag in known:
            if not twice:
                containers[tag] = len(elements)
            elements.append(HeaderElement(tag, offset, length, None))
            offset = start
            continue
        value = data[start:after]
        elements.append(HeaderElement(tag, offset, length, value))
        if not twice:
            values[tag] = value
            if not length or (value.find(0) != length - 1 if tag in _TEXTS else _FIXED.get(tag, length) != length):
                _check_value(tag, offset, value, log)
        offset = after
    return True


def _ends_inside(tag: int, offset: int, length: int | None, end: int, log: FindingLog) -> bool:
    """Say that HeaderLength falls inside a TLV, of which nobody can tell which length is wrong; return False."""
    if length is not None:
        message = f"tag {tag} announces {length} bytes and runs past HeaderLength {end}"
        log.add(Code.LENGTH_OVERFLOW, message, offset=offset, tag=tag)
    message = f"HeaderLength {end} falls inside the TLV at offset {offset}"
    log.add(Code.HEADER_LENGTH_MISMATCH, message, offset=offset, tag=tag)
    return False


def _check_value(tag: int, offset: int, value: bytes, log: FindingLog) -> None:
    """Say what is wrong with a value, if anything is."""
    length = len(value)
    if tag in _TEXTS:
        problem = text_problem(value)
        if problem:
            log.add(Code.BAD_STRING, f"{T(tag).name} {problem}", offset=offset, tag=tag)
    elif _FIXED.get(tag, length) != length:
        log.add(Code.BAD_LENGTH, f"{T(tag).name} has {length} bytes, not {_FIXED[tag]}", offset=offset, tag=tag)
    elif not length and tag in _NOT_EMPTY:
        log.add(Code.BAD_LENGTH, f"{T(tag).name} is empty", offset=offset, tag=tag)


def _check_containers(layout: _Layout, missing: frozenset[int], log: FindingLog) -> None:
    """Hold each container's length against the members that stand in it.

    Of containers that stand twice only the first is looked at: the second is an error already, and 20,000 that all span
    the rest would take quadratic time.
    """
    for tag, position in layout.containers.items():
        _, offset, length, _ = layout.elements[position]
        reached = offset + 3
        end = reached + length
        inside: set[int] = set()
        for member, place, own, value in islice(layout.elements, position + 1, None):
            if place >= end:
                break
            inside.add(member)
            reached = place + (1 if member == 13 else 3 if value is None else 3 + own)
        expected = _MEMBERS[tag]
        if reached != end or (inside != expected and (not inside <= expected or not expected - inside <= missing)):
            message = f"{T(tag).name} announces {length} bytes, its members do not fill just that"
            log.add(Code.CONTAINER_LENGTH_MISMATCH, message, offset=offset, tag=tag)


def _check_padding(layout: _Layout, length: int, log: FindingLog) -> None:
    """Padding belongs at the end, and brings HeaderLength to a multiple of four."""
    if layout.stray is not None:
        message = "a padding byte stands between header members"
        log.add(Code.HEADER_LENGTH_MISMATCH, message, offset=layout.stray, tag=int(T.PADDING))
    if length % 4:
        message = f"HeaderLength {length} is not a multiple of 4"
        log.add(Code.UNALIGNED_HEADER, message, offset=5, tag=int(T.HEADER_LENGTH))
    needed = (layout.padding - length) % 4
    if layout.padding > needed:
        message = f"{layout.padding} padding bytes where {needed} would do"
        log.add(Code.EXCESS_PADDING, message, offset=length - layout.padding, tag=int(T.PADDING))


def encode_header(
    members: tuple[tuple[int, bytes | tuple[tuple[int, bytes | tuple[tuple[int, bytes], ...]], ...]], ...],
) -> bytes:
    """Write header members (tag, value or tuple of members) back to back, containers measured."""
    return b"".join(encode_tlv(tag, v if isinstance(v, bytes) else encode_header(v)) for tag, v in members)
