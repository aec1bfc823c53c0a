"""One record of a trust list: reading it, and keeping what is not understood."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ctlctl_trust.codes import Code
from ctlctl_trust.findings import MAX_LISTED, Finding
from ctlctl_trust.tlv import U16, RecordTag, decode_text, encode_tlv, text_problem

T = RecordTag

_TEXTS = frozenset({T.DNS_NAME, T.SUBJECT_NAME, T.ISSUER_NAME})
_KNOWN = frozenset(RecordTag)
#: With a certificate these must stand too; without one none of them may (all seen lists).
_WITH_CERTIFICATE = (T.SUBJECT_NAME, T.ISSUER_NAME, T.SERIAL_NUMBER, T.PUBLIC_KEY)
#: Bytes; longer records are read but not remembered, so that hostile lists cannot fill memory.
CACHED_SIZE = 8192
# Findings that are counted but never listed share these: a list can hold a million of them.
_MORE_UNKNOWN = Finding(Code.UNKNOWN_TAG, "more record tags are not known")
_MORE_DUPLICATE = Finding(Code.DUPLICATE_TAG, "more record tags stand twice")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read.

    Attributes:
        elements: (tag, value) in file order, RECORDLENGTH first; enough to write the same bytes again.
        problems: what is wrong with its structure, offsets counted from the record's first byte.
        aligned: False when its TLVs do not end where RECORDLENGTH says.
        role_code: FUNCTION, or None when missing or malformed.
        subject: SUBJECTNAME, or None.
        issuer: ISSUERNAME, or None.
        serial: SERIALNUMBER as it stands, or None.
        certificate: CERTIFICATE, DER bytes, or None.
        dns_name: DNSNAME, or None in lists of writers that leave it out.
        size: bytes of the record, as RECORDLENGTH says.
    """

    elements: tuple[tuple[int, bytes], ...]
    problems: tuple[Finding, ...]
    aligned: bool
    role_code: int | None
    subject: str | None
    issuer: str | None
    serial: bytes | None
    certificate: bytes | None
    dns_name: str | None
    size: int

    def __hash__(self) -> int:
        # The elements are the record; hashing what is derived from them would only cost time.
        return hash(self.elements)

    def value(self, tag: RecordTag) -> bytes | None:
        """Return the first value of ``tag``, or None."""
        return next((value for found, value in self.elements if found == tag), None)

    def offset_of(self, tag: RecordTag) -> int:
        """Return the offset in bytes of ``tag`` from the record's first byte; 0 when it is missing."""
        offset = 0
        for found, value in self.elements:
            if found == tag:
                return offset
            offset += 3 + len(value)
        return 0

    @property
    def public_key(self) -> bytes | None:
        """PUBLICKEY: PKCS#1 RSAPublicKey, or the uncompressed point of an EC key."""
        return self.value(T.PUBLIC_KEY)

    @property
    def signature(self) -> bytes | None:
        """SIGNATURE: the certificate's own signature, or None (lists made with hardware tokens)."""
        return self.value(T.SIGNATURE)

    @property
    def ip_address(self) -> str | None:
        """IPADDRESS as dotted text, or hexadecimal when it is not four bytes."""
        value = self.value(T.IP_ADDRESS)
        if value is None:
            return None
        return ".".join(map(str, value)) if len(value) == 4 else value.hex(":")

    def encode(self) -> bytes:
        """Return the record's bytes again, exactly as read."""
        return b"".join(encode_tlv(tag, value) for tag, value in self.elements)


def scan_record(raw: bytes) -> Record:
    """Read one record.

    Args:
        raw: the record from its RECORDLENGTH TLV to its announced end; at least five bytes.

    Returns:
        The record; what is wrong with it stands in its ``problems``.
    """
    if len(raw) > CACHED_SIZE:
        return _scan(raw)
    try:
        return _scan_cached(raw)
    except _NotKeptError as found:
        return found.record


def _scan(raw: bytes) -> Record:
    elements = [(1, raw[3:5])]
    problems: list[Finding] = []
    values: dict[int, bytes] = {}
    aligned = True
    offset = 5
    end = len(raw)
    unpack = U16.unpack_from
    while offset < end:
        tag = raw[offset]
        start = offset + 3
        after = start + unpack(raw, offset + 1)[0] if start <= end else end + 1
        if after > end:
            aligned = False
            problems.append(
                Finding(Code.RECORD_LENGTH_MISMATCH, f"RECORDLENGTH {end} falls inside the TLV of tag {tag}", 0, 1)
            )
            if start <= end:
                message = f"tag {tag} announces {after - start} bytes and runs past the record"
                problems.append(Finding(Code.LENGTH_OVERFLOW, message, offset, tag))
            break
        value = raw[start:after]
        elements.append((tag, value))
        if tag not in _KNOWN:
            problems.append(
                Finding(Code.UNKNOWN_TAG, f"record tag {tag} is not known", offset, tag)
                if len(problems) < MAX_LISTED
                else _MORE_UNKNOWN
            )
        elif tag in values or tag == 1:
            problems.append(
                Finding(Code.DUPLICATE_TAG, f"record tag {tag} stands twice", offset, tag)
                if len(problems) < MAX_LISTED
                else _MORE_DUPLICATE
            )
        else:
            values[tag] = value
            if tag in _TEXTS:
                problem = text_problem(value)
                if problem:
                    problems.append(Finding(Code.BAD_STRING, f"{T(tag).name} {problem}", offset, tag))
            else:
                problems.extend(_value_problems(tag, value, offset))
        offset = after
    if aligned:
        problems.extend(_field_problems(values))
    subject, issuer = values.get(T.SUBJECT_NAME), values.get(T.ISSUER_NAME)
    role, dns_name = values.get(T.FUNCTION), values.get(T.DNS_NAME)
    return Record(
        tuple(elements),
        tuple(problems),
        aligned,
        int.from_bytes(role, "big") if role is not None and len(role) == 2 else None,
        None if subject is None else decode_text(subject),
        None if issuer is None else decode_text(issuer),
        values.get(T.SERIAL_NUMBER),
        values.get(T.CERTIFICATE),
        None if dns_name is None else decode_text(dns_name),
        int.from_bytes(raw[3:5], "big"),
    )


class _NotKeptError(Exception):
    """Carries a record past the cache: what is raised is not remembered."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record


@lru_cache(maxsize=1024)
def _scan_cached(raw: bytes) -> Record:
    record = _scan(raw)
    # A record of 2,700 empty TLVs, each a problem, takes a hundred times the memory of its bytes.
    if record.problems:
        raise _NotKeptError(record)
    return record


def _value_problems(tag: int, value: bytes, offset: int) -> Iterable[Finding]:
    if tag == T.FUNCTION:
        if len(value) != 2:
            yield Finding(Code.BAD_LENGTH, f"FUNCTION has {len(value)} bytes, not 2", offset, tag)
    elif tag == T.IP_ADDRESS:
        if len(value) != 4:
            message = f"IPADDRESS has {len(value)} bytes, not 4: no other form is known"
            yield Finding(Code.IP_LENGTH, message, offset, tag)
    elif tag == T.CERTIFICATE:
        if not value:
            yield Finding(Code.RECORD_BAD_CERTIFICATE, "the certificate is empty", offset, tag)
    elif tag in (T.SERIAL_NUMBER, T.PUBLIC_KEY, T.SIGNATURE) and not value:
        yield Finding(Code.BAD_LENGTH, f"{T(tag).name} is empty", offset, tag)


def _field_problems(values: dict[int, bytes]) -> Iterable[Finding]:
    if T.FUNCTION not in values:
        yield Finding(Code.RECORD_MISSING_FIELD, "the record has no FUNCTION (role)", 0, int(T.FUNCTION))
    if T.CERTIFICATE in values:
        for tag in _WITH_CERTIFICATE:
            if tag not in values:
                message = f"the record has a certificate but no {tag.name}"
                yield Finding(Code.RECORD_MISSING_FIELD, message, 0, int(tag))
    else:
        left = [tag.name for tag in (*_WITH_CERTIFICATE, T.SIGNATURE) if tag in values]
        if left:
            message = f"the record has {', '.join(left)} but no certificate"
            yield Finding(Code.RECORD_MISSING_FIELD, message, 0, int(T.CERTIFICATE))
