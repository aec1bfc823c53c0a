"""`show cert list own` and `show cert list trust`.

Forms: one line for each certificate, ``unit/file.pem: description`` (output of releases 10 to 15), and the older blocks
of ``Unit``, ``Type``, ``Name``, ``Issuer`` and ``Expires`` that public tools still read.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import ConsoleDate, Line, Output, read_date

_ENTRY = re.compile(r"([A-Za-z0-9][\w-]*)/([^/:][^/]*?\.(?:pem|der)): *(.*)", re.IGNORECASE)
_FIELD = re.compile(r"\s*(Unit|Type|Name|Issuer|Expires) *: *(.*)")
_SELF = re.compile(r"Self-signed\b", re.IGNORECASE)
_SIGNED_BY = re.compile(r"Certificate Signed by (.+)", re.IGNORECASE)
_CA_SIGNED = re.compile(r"CA-signed\b", re.IGNORECASE)
#: Columns of the terminal that CUCM assumes; a longer line may go on in the next one.
_COLUMNS = 80


@dataclass(frozen=True, slots=True)
class CertEntry:
    """One certificate of the list.

    Attributes:
        unit: the store, such as ``tomcat`` or ``CallManager-trust``.
        name: the file's name, or the certificate's in the block form.
        description: the words behind it; empty in the block form.
        self_signed: what these words say; None where they do not.
        signed_by: the CA they name, or None.
        kind: ``Type`` of the block form, or None.
        issuer: its ``Issuer``, or None.
        expires: its ``Expires``, or None.
        line: number of its first line.
    """

    unit: str
    name: str
    description: str
    self_signed: bool | None
    signed_by: str | None
    kind: str | None
    issuer: str | None
    expires: ConsoleDate | None
    line: int

    @property
    def argument(self) -> str:
        """What `show cert own` and `show cert trust` take to show it."""
        return f"{self.unit}/{self.name}"


@dataclass(frozen=True, slots=True)
class CertList:
    """The list: entries in order, and lines that were not understood."""

    entries: tuple[CertEntry, ...]
    unread: tuple[Line, ...]


def parse_cert_list(text: str) -> CertList:
    """Read the output of `show cert list own` or `show cert list trust`.

    Raises:
        ConsoleError: the text is too large or names no certificate; nothing else.
    """
    output = Output(text, "show cert list", "a certificate such as unit/file.pem: description")
    rows: list[tuple[Line, dict[str, str]]] = []
    wrapped = False
    for line in output.lines:
        entry, item = _ENTRY.fullmatch(line.text.strip()), _FIELD.fullmatch(line.text)
        if entry:
            rows.append((line, {"unit": entry[1], "name": entry[2], "description": entry[3]}))
        elif item:
            key = item[1].lower()
            if not rows or key in rows[-1][1] or "description" in rows[-1][1]:
                rows.append((line, {}))
            rows[-1][1][key] = item[2]
        elif wrapped and line.text and "description" in rows[-1][1]:
            rows[-1][1]["description"] += line.text
        else:
            output.leave(line)
        wrapped = (entry is not None or wrapped) and len(line.text) == _COLUMNS
    entries = tuple(_entry(line, fields) for line, fields in rows)
    output.require(recognised=bool(entries))
    return CertList(entries, output.unread)


def _entry(line: Line, fields: dict[str, str]) -> CertEntry:
    description = fields.get("description", "")
    signed_by = _SIGNED_BY.fullmatch(description)
    self_signed: bool | None = None
    if _SELF.match(description):
        self_signed = True
    elif signed_by or _CA_SIGNED.match(description):
        self_signed = False
    return CertEntry(
        fields.get("unit", ""),
        fields.get("name", ""),
        description,
        self_signed,
        signed_by[1] if signed_by else None,
        fields.get("type"),
        fields.get("issuer"),
        read_date(fields["expires"]) if "expires" in fields else None,
        line.number,
    )
