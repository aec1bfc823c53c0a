"""The arithmetic of `show ctl` and `show itl`: every size that is printed twice must come to the same.

Held against the lists of Cisco documents 118892 and 118893: a TLV takes three bytes more than its LENGTH, a text counts
its NUL, RECORDLENGTH counts its own five bytes, and HeaderLength counts the version, itself and the padding.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from ctlctl_trust.consolelistmodel import ConsoleList, ConsoleRecord, ConsoleRow
from ctlctl_trust.consolelisttext import Mismatch, read_hex

#: Bytes of a TLV before its value.
_TLV = 3
#: Bytes of the two header TLVs that stand above the table: version and header length, two bytes each.
_ABOVE_TABLE = 10
#: Padding bytes that align the header to four.
_MOST_PADDING = 3
#: Bytes of the optional TLV of the signer's version, which no known console shows.
_SIGNER_VERSION = 5
#: Rows whose value is a text of the length they state, its NUL included.
TEXT_ROWS = frozenset({"DNSNAME", "SUBJECTNAME", "ISSUERNAME", "SIGNERNAME", "CANAME"})
_CONTAINERS = {
    "SIGNERID": ("SIGNERNAME", "SERIALNUMBER", "CANAME"),
    "SIGNATUREINFO": ("DIGESTALGORTITHM", "SIGNATUREALGOINFO", "SIGNATUREALGORTITHM", "SIGNATUREMODULUS"),
    "SIGNATUREALGOINFO": ("SIGNATUREALGORTITHM", "SIGNATUREMODULUS"),
}
_HEADER_ROWS = frozenset({"SIGNERID", "SIGNATUREINFO", "SIGNATURE", "FILENAME", "TIMESTAMP"})
_ESCAPE = re.compile(r"\\x[0-9a-f]{2}")


def _sizes(text: str) -> frozenset[int]:
    """Return how many bytes a text may have in its file, NUL included: UTF-8, or what was read as Latin-1."""
    return frozenset({len(text) + 1, len(text.encode("utf-8", "replace")) + 1})


def name_fits(text: str, length: int) -> bool:
    """Tell whether a text has the length its row states; one with spelled-out characters cannot be measured."""
    return length in _sizes(text) or _ESCAPE.search(text) is not None


def unfolded(text: str, length: int) -> str:
    """Return a name without the blanks behind its semicolons where only so its length is right.

    Cisco's documents print ``L=Krakow; ST=Malopolska`` with the length of the text without the blank: the page was
    folded there.
    """
    together = text.replace("; ", ";")
    return together if length not in _sizes(text) and length in _sizes(together) else text


def check_list(shown: ConsoleList, lines: tuple[int | None, int | None], signature_bytes: int | None) -> ConsoleList:
    """Return the list with its mismatches.

    Args:
        shown: the list as read.
        lines: numbers of the lines with the file's length and the header's length.
        signature_bytes: bytes of the signature that were printed, or None where its row is missing.
    """
    found = [*_check_header(shown, lines[1], signature_bytes)]
    for place, record in enumerate(shown.records, 1):
        if record.number is not None and record.number != place and not shown.abridged:
            found.append(Mismatch(record.line, "the number of the record", record.number, place))
        found.extend(_check_record(record, complete=not shown.abridged))
    found.extend(_check_total(shown, lines[0]))
    return replace(shown, mismatches=tuple(found))


def _check_rows(rows: tuple[ConsoleRow, ...]) -> Iterator[Mismatch]:
    for row in rows:
        if row.name in TEXT_ROWS and not name_fits(row.value, row.length):
            yield Mismatch(row.line, f"the length of {row.name}", row.length, min(_sizes(row.value)))
        elif row.name == "SERIALNUMBER" and row.value:
            serial = read_hex(row.value)
            if serial is not None and len(serial) != row.length:
                yield Mismatch(row.line, "the length of SERIALNUMBER", row.length, len(serial))


def _check_record(record: ConsoleRecord, *, complete: bool) -> Iterator[Mismatch]:
    yield from _check_rows(record.rows)
    counted = sum(row.length + _TLV for row in record.rows)
    if complete and record.size is not None and record.size != counted:
        yield Mismatch(record.rows[0].line, "RECORDLENGTH", record.size, counted)


def _whole(row: ConsoleRow) -> int:
    # A container's LENGTH is that of its length field; its own length stands under VALUE.
    inside = int(row.value) if row.name in _CONTAINERS and re.fullmatch("[0-9]{1,9}", row.value) else row.length
    return inside + _TLV


def _check_header(shown: ConsoleList, line: int | None, signature_bytes: int | None) -> Iterator[Mismatch]:
    yield from _check_rows(shown.header)
    rows = {row.name.replace("ALGORITHM", "ALGORTITHM"): row for row in shown.header}
    for name, members in _CONTAINERS.items():
        row = rows.get(name)
        if row is None or not all(member in rows for member in members) or not re.fullmatch("[0-9]{1,9}", row.value):
            continue
        # SIGNATUREALGOINFO is a container inside SIGNATUREINFO: of itself it adds its three bytes only.
        counted = sum(_TLV if member in _CONTAINERS else _whole(rows[member]) for member in members)
        if int(row.value) != counted:
            yield Mismatch(row.line, f"the length of {name}", int(row.value), counted)
    signature = rows.get("SIGNATURE")
    if signature is not None and signature_bytes not in (None, signature.length) and not shown.abridged:
        yield Mismatch(signature.line, "the length of SIGNATURE", signature.length, signature_bytes or 0)
    if shown.header_length is None or line is None or len(rows) != len(shown.header) or _HEADER_ROWS - rows.keys():
        return
    counted = _ABOVE_TABLE + sum(_whole(rows[name]) for name in _HEADER_ROWS)
    unseen = shown.header_length - counted
    if not any(0 <= unseen - extra <= _MOST_PADDING for extra in (0, _SIGNER_VERSION)):
        yield Mismatch(line, "HeaderLength (without padding)", shown.header_length, counted)


def _check_total(shown: ConsoleList, line: int | None) -> Iterator[Mismatch]:
    if shown.length is None or line is None or shown.header_length is None or shown.abridged or not shown.records:
        return
    counted = shown.header_length
    for record in shown.records:
        if record.size is None:
            return
        counted += record.size
    if shown.length != counted:
        yield Mismatch(line, "the length of the file", shown.length, counted)
