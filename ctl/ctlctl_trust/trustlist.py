"""The trust list itself: a header and its records, read with exact offsets and written back byte for byte."""

from dataclasses import dataclass
from enum import StrEnum

from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog, Findings
from ctlctl_trust.header import TRUST_LIST, Header, scan_header
from ctlctl_trust.record import Record, scan_record
from ctlctl_trust.tlv import MAX_INPUT, MAX_RECORDS, U16


class TrustListError(ValueError):
    """The bytes are no trust list; ``findings`` says where and why."""

    def __init__(self, findings: Findings) -> None:
        first = findings.listed[0]
        where = "" if first.offset is None else f" at offset {first.offset}"
        super().__init__(f"{first.code}{where}: {first.message}")
        self.findings = findings


class Kind(StrEnum):
    """Which list it is, as its FILENAME says."""

    CTL = "ctl"
    ITL = "itl"


#: FILENAME of each kind; the generic name stands in per-phone lists too.
LIST_NAMES = {"CTLFile.tlv": Kind.CTL, "ITLFile.tlv": Kind.ITL}


@dataclass(frozen=True, slots=True)
class TrustList:
    """A trust list as read.

    Attributes:
        header: the header.
        records: the records in order.
        offsets: offset in bytes of each record.
        size: bytes of the whole file.
    """

    header: Header
    records: tuple[Record, ...]
    offsets: tuple[int, ...]
    size: int

    @property
    def kind(self) -> Kind | None:
        """CTL or ITL by the FILENAME field, or None when that names neither."""
        return LIST_NAMES.get(self.header.filename or "")

    def encode(self) -> bytes:
        """Return the list's bytes again, exactly as read; what was not understood included."""
        return self.header.encode() + b"".join(record.encode() for record in self.records)


@dataclass(frozen=True, slots=True)
class Scan:
    """What reading gave.

    Attributes:
        trust_list: as much of the list as could be read, or None when not even the header could.
        findings: what is wrong with the structure.
        complete: True when every byte was accounted for, so that `TrustList.encode` gives the input again.
    """

    trust_list: TrustList | None
    findings: Findings
    complete: bool


def scan_trust_list(data: bytes) -> Scan:
    """Read a trust list, going on behind errors where the structure allows it.

    Args:
        data: the whole file.

    Returns:
        What could be read, and every structural finding. Never raises for any bytes. Time and memory grow with the
        size of ``data``.
    """
    log = FindingLog()
    trust_list, complete = scan_into(data, log)
    return Scan(trust_list, log.freeze(), complete)


def parse_trust_list(data: bytes) -> TrustList:
    """Read a trust list whose structure has no error.

    Args:
        data: the whole file.

    Returns:
        The list. Its signature has not been looked at.

    Raises:
        TrustListError: the structure has an error; no other exception.
    """
    scan = scan_trust_list(data)
    if scan.trust_list is None or scan.findings.invalid:
        raise TrustListError(scan.findings)
    return scan.trust_list


def scan_into(data: bytes, log: FindingLog) -> tuple[TrustList | None, bool]:
    """Read a trust list into an existing log; see `scan_trust_list`."""
    size = len(data)
    if size > MAX_INPUT:
        log.add(Code.TOO_LARGE, f"{size:,} bytes: more than {MAX_INPUT:,} are not read")
        return None, False
    header = scan_header(data, TRUST_LIST, log)
    if header is None:
        return None, False
    records: list[Record] = []
    offsets: list[int] = []
    offset = header.length
    if offset == size:
        log.add(Code.NO_RECORDS, "no record follows the header", offset=offset)
    while offset < size:
        number = len(records) + 1
        end = _record_end(data, offset, number, log)
        if end is None:
            break
        record = scan_record(data[offset:end])
        for problem in record.problems:
            log.put_placed(problem, offset, number)
        records.append(record)
        offsets.append(offset)
        offset = end
        if not record.aligned and offset < size and data[offset] != 1:
            # Nothing behind a wrong RECORDLENGTH can be read for what it is.
            break
    complete = offset == size and all(record.aligned for record in records)
    return TrustList(header, tuple(records), tuple(offsets), size), complete


def _record_end(data: bytes, offset: int, number: int, log: FindingLog) -> int | None:
    """Read the RECORDLENGTH at ``offset`` and return where the record ends; None when it cannot be one."""
    left = len(data) - offset
    if number > MAX_RECORDS:
        log.add(Code.TOO_MANY_RECORDS, f"more than {MAX_RECORDS:,} records are not read", offset=offset)
        return None
    if data[offset] != 1:
        if number == 1:
            log.add(Code.NO_RECORDS, "no record follows the header", offset=offset)
        message = f"{left:,} bytes that do not begin a record"
        log.add(Code.TRAILING_DATA, message, offset=offset, tag=data[offset])
        return None
    if left < 3:
        log.add(Code.TRUNCATED, "ends inside RECORDLENGTH", offset=offset, tag=1, record=number)
        return None
    (size,) = U16.unpack_from(data, offset + 1)
    if size != 2:
        code = Code.BAD_LENGTH if size + 3 <= left else Code.LENGTH_OVERFLOW
        log.add(code, f"RECORDLENGTH has {size} bytes, not 2", offset=offset, tag=1, record=number)
        return None
    if left < 5:
        log.add(Code.TRUNCATED, "ends inside RECORDLENGTH", offset=offset, tag=1, record=number)
        return None
    length: int = U16.unpack_from(data, offset + 3)[0]
    if not 5 <= length <= left:
        message = f"RECORDLENGTH {length} is outside 5 to {left}, the bytes left"
        log.add(Code.RECORD_LENGTH_RANGE, message, offset=offset, tag=1, record=number)
        return None
    return offset + length
