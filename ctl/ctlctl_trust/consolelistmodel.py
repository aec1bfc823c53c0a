"""A trust list as a console shows it: names, sizes and digests, without the bytes of keys and certificates."""

import hashlib
from dataclasses import dataclass

from ctlctl_trust.consolelisttext import ConsoleDate, Line, Mismatch
from ctlctl_trust.tlv import Role, known_role
from ctlctl_trust.trustlist import Kind


@dataclass(frozen=True, slots=True)
class ConsoleRow:
    """One row of a table: BYTEPOS, TAG, LENGTH and VALUE, with the number of its line."""

    tag: int
    name: str
    length: int
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class ConsoleRecord:
    """One record as printed; the names are those of `ctlctl_trust.record.Record`.

    Attributes:
        number: as its heading counts it, or None in an excerpt without headings.
        line: number of the line it begins at.
        rows: its rows as printed.
        size: RECORDLENGTH in bytes, or None.
        dns_name: DNSNAME, or None where there is no such row.
        subject: SUBJECTNAME, or None.
        issuer: ISSUERNAME, or None.
        function: FUNCTION in the console's words, or None.
        role_code: what these words mean, or None for words that are not known.
        serial: SERIALNUMBER, or None.
        certificate_sha1: SHA-1 over the certificate's DER, or None.
        certificate_size: its size in bytes, or None.
        signed_list: whether the console says that this "etoken" signed the list; None where it says nothing.
    """

    number: int | None
    line: int
    rows: tuple[ConsoleRow, ...]
    size: int | None
    dns_name: str | None
    subject: str | None
    issuer: str | None
    function: str | None
    role_code: int | None
    serial: bytes | None
    certificate_sha1: bytes | None
    certificate_size: int | None
    signed_list: bool | None

    @property
    def role(self) -> Role | None:
        """The role, or None where its code has no known meaning."""
        return known_role(self.role_code)


@dataclass(frozen=True, slots=True)
class ConsoleList:
    """A trust list as printed.

    Attributes:
        kind: CTL or ITL, or None in an excerpt that names neither.
        md5: MD5 of the file, lower-case hexadecimal, or None.
        sha1: its SHA-1 likewise, or None.
        length: bytes of the file, or None.
        modified: when it was last modified, or None.
        version: (major, minor), or None.
        header_length: HeaderLength in bytes, or None.
        header: rows of the header.
        signer_name: SIGNERNAME, or None.
        signer_serial: SERIALNUMBER of the signer, or None.
        issuer: CANAME, or None.
        signature: SIGNATURE where all of its bytes were printed, else None.
        records: the records in order.
        missing: True when the console says that there is no such file.
        verified: what the console says of the signature; None where it says nothing.
        failure: the sentence that says why not, or None.
        abridged: True when the text says that parts were left out; totals are not checked then.
        unread: lines that were not understood.
        mismatches: figures that contradict each other.
    """

    kind: Kind | None
    md5: str | None
    sha1: str | None
    length: int | None
    modified: ConsoleDate | None
    version: tuple[int, int] | None
    header_length: int | None
    header: tuple[ConsoleRow, ...]
    signer_name: str | None
    signer_serial: bytes | None
    issuer: str | None
    signature: bytes | None
    records: tuple[ConsoleRecord, ...]
    missing: bool
    verified: bool | None
    failure: str | None
    abridged: bool
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]

    def describes(self, data: bytes) -> bool | None:
        """Tell whether this is the output for the file ``data``; None where it prints neither length nor digest."""
        stated = [
            (self.length, len(data)),
            (self.md5, hashlib.md5(data, usedforsecurity=False).hexdigest()),
            (self.sha1, hashlib.sha1(data, usedforsecurity=False).hexdigest()),
        ]
        known = [printed == actual for printed, actual in stated if printed is not None]
        return all(known) if known else None
