"""Reading what `show ctl` and `show itl` print, into the trust list's own terms as far as it goes.

Layout: Cisco documents 118892 and 118893 (CUCM 10.0 and 10.5), which abridge by ``...`` and fold long lines; of
`show itl` no complete output is public, so the same layout with ITL for CTL is an assumption. `ctlctl_trust.console`
prints it. The console shows sizes of keys and certificates but not their bytes: those stay unknown here.
"""

import re
from dataclasses import dataclass, field

from ctlctl_trust.consolelistcheck import TEXT_ROWS, check_list, name_fits, unfolded
from ctlctl_trust.consolelistmodel import ConsoleList, ConsoleRecord, ConsoleRow
from ctlctl_trust.consolelisttext import ConsoleDate, ConsoleError, Line, raw_lines, read_date, read_hex, without_prompt
from ctlctl_trust.tlv import Role, role_from_name
from ctlctl_trust.trustlist import Kind

_LENGTH = re.compile(r"Length of (CTL|ITL) file: ?([0-9]{1,9})\b", re.IGNORECASE)
_MISSING = re.compile(r"\b(CTL|ITL) File not found\b", re.IGNORECASE)
_SUM = re.compile(r"([0-9a-f]{32}|[0-9a-f]{40}) ?\((MD5|SHA1)\)", re.IGNORECASE)
_MODIFIED = re.compile(r"The (CTL|ITL) File was last modified on (.+)", re.IGNORECASE)
_TITLE = re.compile(r"(?:The checksum value of the|Parse) (CTL|ITL) file:?", re.IGNORECASE)
_VERSION = re.compile(r"Version:\s*([0-9]{1,3})\.([0-9]{1,3})")
_HEADER_LENGTH = re.compile(r"HeaderLength:\s*([0-9]{1,9}) ?\(BYTES\)")
_RULES = re.compile(r"\s*(?:-{2,}(?:\s+-{2,})*|BYTEPOS\s+TAG\s+LENGTH\s+VALUE)")
_RECORD = re.compile(r"(CTL|ITL) Record #:\s?([0-9]{1,9})")
# A value behind a tab is taken as it stands; consoles that align with blanks leave no telling how many are its own.
_ROW = re.compile(r"\s*([0-9]{1,3})\s+([A-Z][A-Z0-9]*)\s+([0-9]{1,9})(?:\t+(.*)| +(\S.*))?")
_HEX_ROW = re.compile(r"\s*[0-9a-fA-F]{1,2}(?:\s+[0-9a-fA-F]{1,2}){0,15}")
_TOKEN = re.compile(r"This etoken was (not )?used to sign the (CTL|ITL) file\.?", re.IGNORECASE)
# ASCII: without it "ignore case" would take look-alike letters for those of the one sentence that says "good".
_VERIFIED = re.compile(r"The (CTL|ITL) file was verified successfully\.?", re.IGNORECASE | re.ASCII)
_FAILED = re.compile(
    r"(?:Verification of the (CTL|ITL) file failed|Error parsing the (CTL|ITL) File)[.!]*", re.IGNORECASE
)
_ABRIDGED = re.compile(r"\s*\[?(?:\.\.\.|…)")
_DIGEST = re.compile(r"((?:[0-9A-F]{2} ){19}[0-9A-F]{2}) \(SHA1 Hash HEX\)", re.IGNORECASE)
_UNKNOWN_ROLE = re.compile(r"unknown\(([0-9]{1,5})\)")
_SAST_TITLE = "System Administrator Security Token"
_DIGEST_END = "(SHA1 Hash HEX)"
#: Bytes of a value: the length field of a list has 16 bits.
_LONGEST = 0xFFFF
_EXPECTED = "the output of show ctl or show itl"


def parse_console_list(text: str) -> ConsoleList:
    """Read the output of `show ctl` or `show itl`.

    Args:
        text: the output, with or without prompt, echo, paging and control sequences.

    Returns:
        The list as printed. What the output does not say is None; what is not understood stands in ``unread``; figures
        that contradict each other in ``mismatches``.

    Raises:
        ConsoleError: the text is too large, speaks of both lists, or is not such an output at all; nothing else.
    """
    reader = _Reader()
    for line in raw_lines(text):
        reader.feed(line)
    return reader.result()


@dataclass(slots=True)
class _Rows:
    """The rows of the header or of one record, while they are read."""

    number: int | None
    line: int
    rows: list[ConsoleRow] = field(default_factory=list)
    used: bool | None = None


class _Reader:
    """One pass over the lines; every method that takes a line tells whether it understood it."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.length: tuple[int, int] | None = None
        self.sums: dict[str, str] = {}
        self.modified: ConsoleDate | None = None
        self.version: tuple[int, int] | None = None
        self.header_length: tuple[int, int] | None = None
        self.header = _Rows(None, 0)
        self.records: list[_Rows] = []
        self.current = self.header
        self.signature: list[int] | None = None
        self.open_row = False
        self.missing = False
        self.verified: bool | None = None
        self.failure: str | None = None
        self.abridged = False
        self.read = False
        self.unread: list[Line] = []

    def feed(self, line: Line) -> None:
        rest = without_prompt(line)
        text = line.text if rest is None else re.sub(r"(?i)^show (?:ctl|itl)\b *", "", rest)
        if not text.strip():
            self.open_row = False
            return
        line = Line(line.number, text)
        if self._hex_row(text):
            return
        known = self._row(line) or self._about_file(line) or self._record_start(line) or self._verdict(line)
        if known:
            self.read = True
        elif _RULES.fullmatch(text) or re.fullmatch(r"show (?:ctl|itl)", text, re.IGNORECASE):
            self.open_row = False
        elif not self._continued(text):
            self.abridged = self.abridged or _ABRIDGED.match(text) is not None
            self.unread.append(line)
            self.open_row = False

    def _is(self, word: str, line: Line) -> None:
        kind = Kind(word.lower())
        if self.kind is not None and kind is not self.kind:
            raise ConsoleError(f"one list, the {self.kind.value.upper()}", line.number, line.text)
        self.kind = kind

    def _about_file(self, line: Line) -> bool:
        """Read what stands before the header's table; what is said a second time is left unread."""
        text = line.text.strip()
        if found := _SUM.fullmatch(text):
            digest = found[2].upper()
            # The number of digits must be that of the digest named.
            if digest in self.sums or len(found[1]) != {"MD5": 32, "SHA1": 40}[digest]:
                return False
            self.sums[digest] = found[1].lower()
        elif self.modified is None and (found := _MODIFIED.fullmatch(text)):
            self._is(found[1], line)
            self.modified = read_date(found[2])
        elif found := _TITLE.fullmatch(text):
            self._is(found[1], line)
        elif self.version is None and (found := _VERSION.fullmatch(text)):
            self.version = int(found[1]), int(found[2])
        elif self.header_length is None and (found := _HEADER_LENGTH.fullmatch(text)):
            self.header_length = int(found[1]), line.number
        else:
            return self._size(line)
        return True

    def _size(self, line: Line) -> bool:
        # Searched, not matched: a page that folds differently prints length and "not found" on one line.
        length, missing = _LENGTH.search(line.text), _MISSING.search(line.text)
        if length and self.length is None:
            self._is(length[1], line)
            self.length = int(length[2]), line.number
        elif length:
            return False
        if missing:
            self._is(missing[1], line)
            self.missing = True
        return length is not None or missing is not None

    def _record_start(self, line: Line) -> bool:
        found = _RECORD.fullmatch(line.text.strip())
        if found is None:
            return False
        self._is(found[1], line)
        self._begin(int(found[2]), line.number)
        return True

    def _begin(self, number: int | None, line: int) -> None:
        self.current = _Rows(number, line)
        self.records.append(self.current)
        self.open_row = False

    def _verdict(self, line: Line) -> bool:
        text = line.text.strip()
        if found := _TOKEN.fullmatch(text):
            self._is(found[2], line)
            if self.current is self.header:
                # "This" is no record that was shown.
                return False
            self.current.used = not found[1]
        elif found := _VERIFIED.fullmatch(text):
            self._is(found[1], line)
            # A failure said once stays: a later line does not make the file good.
            self.verified = self.verified is not False
        elif found := _FAILED.fullmatch(text):
            self._is(found[1] or found[2], line)
            self.verified, self.failure = False, self.failure or text
        else:
            return False
        return True

    def _row(self, line: Line) -> bool:
        found = _ROW.fullmatch(line.text)
        if found is None:
            return False
        name, value = found[2], found[4] or found[5] or ""
        if name == "RECORDLENGTH" and (self.current is self.header or self.current.rows):
            # An excerpt that begins with a record's first row has no heading.
            self._begin(None, line.number)
        length = int(found[3])
        if name in TEXT_ROWS:
            value = unfolded(value, length)
        self.current.rows.append(ConsoleRow(int(found[1]), name, length, value, line.number))
        self.open_row = True
        if self.current is self.header and name == "SIGNATURE":
            self.signature = []
        return True

    def _hex_row(self, text: str) -> bool:
        rows = self.current.rows
        if self.signature is None or not rows or rows[-1].name != "SIGNATURE" or self.current is not self.header:
            return False
        if not _HEX_ROW.fullmatch(text):
            return False
        self.signature.extend(int(digits, 16) for digits in text.split())
        return True

    def _continued(self, text: str) -> bool:
        """Add a wrapped line to its row, where the row's own length says that something is missing."""
        row = self.current.rows[-1] if self.open_row else None
        if row is None or row.length > _LONGEST:
            return False
        for joint in ("", " "):
            value = row.value + joint + text.strip()
            if row.name in TEXT_ROWS:
                value = unfolded(value, row.length)
                fits = not name_fits(row.value, row.length) and len(value.encode("utf-8", "replace")) < row.length
            elif row.name == "SERIALNUMBER":
                read = read_hex(value.strip(":"))
                fits = read is not None and len(read) <= row.length
            else:
                done = row.value.endswith(_DIGEST_END)
                fits = row.name == "CERTIFICATE" and not done and _DIGEST.fullmatch(value) is not None
            if fits:
                self.current.rows[-1] = ConsoleRow(row.tag, row.name, row.length, value, row.line)
                return True
        return False

    def result(self) -> ConsoleList:
        if not self.read:
            if self.unread:
                raise ConsoleError(_EXPECTED, self.unread[0].number, self.unread[0].text)
            raise ConsoleError(_EXPECTED)
        sizes = [row.length for row in self.header.rows if row.name == "SIGNATURE"]
        signature = None if self.signature is None else bytes(self.signature)
        missing = self.missing or (self.length is not None and self.length[0] == 0)
        shown = ConsoleList(
            kind=self.kind,
            md5=self.sums.get("MD5"),
            sha1=self.sums.get("SHA1"),
            length=self.length and self.length[0],
            modified=self.modified,
            version=self.version,
            header_length=self.header_length and self.header_length[0],
            header=tuple(self.header.rows),
            signer_name=_value(self.header.rows, "SIGNERNAME"),
            signer_serial=_serial(self.header.rows),
            issuer=_value(self.header.rows, "CANAME"),
            signature=signature if signature and sizes == [len(signature)] else None,
            records=tuple(map(_record, self.records)),
            missing=missing,
            # Of a file that is not there the console says "Error parsing" too; nothing was verified.
            verified=None if missing else self.verified,
            failure=self.failure,
            abridged=self.abridged,
            unread=tuple(self.unread),
            mismatches=(),
        )
        lines = (self.length and self.length[1], self.header_length and self.header_length[1])
        return check_list(shown, lines, None if self.signature is None else len(self.signature))


def _value(rows: list[ConsoleRow], name: str) -> str | None:
    return next((row.value for row in rows if row.name == name), None)


def _serial(rows: list[ConsoleRow]) -> bytes | None:
    text = _value(rows, "SERIALNUMBER")
    return None if not text else read_hex(text)


def _role_code(text: str | None) -> int | None:
    if not text:
        return None
    if text == _SAST_TITLE:
        return Role.SAST
    if unknown := _UNKNOWN_ROLE.fullmatch(text):
        return int(unknown[1])
    try:
        return role_from_name(text)
    except ValueError:
        return None


def _record(read: _Rows) -> ConsoleRecord:
    rows = read.rows
    size = _value(rows, "RECORDLENGTH")
    digest = _DIGEST.fullmatch(_value(rows, "CERTIFICATE") or "")
    return ConsoleRecord(
        number=read.number,
        line=read.line,
        rows=tuple(rows),
        size=int(size) if size and re.fullmatch(r"[0-9]{1,9}", size) else None,
        dns_name=_value(rows, "DNSNAME"),
        subject=_value(rows, "SUBJECTNAME"),
        issuer=_value(rows, "ISSUERNAME"),
        function=_value(rows, "FUNCTION"),
        role_code=_role_code(_value(rows, "FUNCTION")),
        serial=_serial(rows),
        certificate_sha1=bytes.fromhex(digest[1]) if digest else None,
        certificate_size=next((row.length for row in rows if row.name == "CERTIFICATE"), None),
        signed_list=read.used,
    )
