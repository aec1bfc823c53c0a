"""`show cert own NAME` and `show cert trust NAME`: one certificate, as words and as PEM.

Layout: output of a publisher of 2018, pasted as a test input beside a public report script, and the beginning shown by
Cisco. The printed dates are local time with an ambiguous zone name, so whoever wants them reads the PEM, which is cut
out and read here; the words are held against it.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field

from ctlctl.console.text import ConsoleDate, Line, Mismatch, Output, read_date, read_hex
from ctlctl_trust import Certificate, CertificateError, read_certificate

_PLAIN = re.compile(
    r"\s*(Version|Serial Number|SignatureAlgorithm|Issuer Name|Subject Name|Key|Key value|Validity From|To"
    r"|Extensions) ?: *(.*)"
)
_ALGORITHM = re.compile(r"(\S.*?) ?\(((?:[0-9]{1,9}\.){1,30}[0-9]{1,9})\)")
_PRESENT = re.compile(r"([0-9]{1,4}) present")
_EXTENSION = re.compile(r"\s*Extension: (\S.*?) ?\((?:OID\.)?((?:[0-9]{1,9}\.){1,30}[0-9]{1,9})\)")
_CRITICAL = re.compile(r"\s*Critical: (true|false)", re.IGNORECASE)
_USAGES = re.compile(r"\s*(?:Usages|Usage oids): (.*)")
_KEY_ID = re.compile(r"\s*keyID: ([0-9a-f]{2,256})", re.IGNORECASE)
_ALT_COUNT = re.compile(r"\s*altNames: ([0-9]{1,6}) names?", re.IGNORECASE)
_ALT_NAME = re.compile(r"\s*[0-9]{1,6}\) (\S.*?) \(([A-Za-z0-9]{1,40})\)")
_DUMP = re.compile(r"\s*[0-9a-f]{4,8}: ((?:[0-9a-f]{2} ){0,15}[0-9a-f]{2})\s+\[.*", re.IGNORECASE)
_FRAME = re.compile(r"\s*(?:[\[\]]|Signature:)\s*")
_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = re.compile(r"\s*-----END CERTIFICATE-----")
_BASE64 = re.compile(r"\s*[A-Za-z0-9+/]{1,200}={0,2}")


@dataclass(frozen=True, slots=True)
class ShownExtension:
    """One extension as printed.

    Attributes:
        name: the console's name of it.
        oid: its object identifier.
        critical: None where the output does not say.
        usages: key usages, or the object identifiers of extended ones.
        key_id: lower-case hexadecimal, or None.
        alt_names: (value, kind) pairs such as ``("pub.example.com", "dNSName")``.
        line: number of its line.
    """

    name: str
    oid: str
    critical: bool | None
    usages: tuple[str, ...]
    key_id: str | None
    alt_names: tuple[tuple[str, str], ...]
    line: int


@dataclass(frozen=True, slots=True)
class CertShown:
    """A certificate as printed; whatever the output leaves out is None.

    Attributes:
        version: such as ``V3``.
        serial: as printed, hexadecimal.
        signature_algorithm: name, such as ``SHA1withRSA``.
        signature_oid: its object identifier.
        issuer: the issuer's name.
        subject: the subject's name.
        valid_from: start of validity in the node's local time.
        valid_to: its end likewise.
        key_algorithm: such as ``RSA``.
        key: the printed key value.
        extensions: the extensions in order.
        signature: the printed signature.
        der: the certificate's bytes from the PEM, or None where none is there or it cannot be read.
        certificate: what these bytes say, or None.
        unread: lines that were not understood, a PEM that cannot be read included.
        mismatches: figures that contradict each other or the PEM.
    """

    version: str | None
    serial: str | None
    signature_algorithm: str | None
    signature_oid: str | None
    issuer: str | None
    subject: str | None
    valid_from: ConsoleDate | None
    valid_to: ConsoleDate | None
    key_algorithm: str | None
    key: bytes | None
    extensions: tuple[ShownExtension, ...]
    signature: bytes | None
    der: bytes | None
    certificate: Certificate | None
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]


def parse_cert_show(text: str) -> CertShown:
    """Read the output of `show cert own NAME` or `show cert trust NAME`.

    Raises:
        ConsoleError: the text is too large or shows no certificate; nothing else.
    """
    output = Output(text, "show cert", "a certificate: Subject Name, Serial Number or a PEM block")
    reader = _Reader(output)
    for line in output.lines:
        reader.feed(line)
    return reader.result()


@dataclass(slots=True)
class _Loose:
    """An extension while its lines are read."""

    name: str
    oid: str
    line: int
    critical: bool | None = None
    usages: tuple[str, ...] = ()
    key_id: str | None = None
    alt_names: list[tuple[str, str]] = field(default_factory=list)
    alt_count: tuple[int, int] | None = None

    def frozen(self) -> ShownExtension:
        return ShownExtension(
            self.name, self.oid, self.critical, self.usages, self.key_id, tuple(self.alt_names), self.line
        )


class _Reader:
    def __init__(self, output: Output) -> None:
        self.output = output
        self.plain: dict[str, tuple[str, int]] = {}
        self.extensions: list[_Loose] = []
        self.dump: list[bytes] = []
        self.pem: list[Line] = []
        self.in_pem = False
        self.der: bytes | None = None
        self.certificate: Certificate | None = None

    def feed(self, line: Line) -> None:
        if self.in_pem and self._pem(line):
            return
        text = line.text
        begin = text.find(_BEGIN)
        if begin >= 0 and text[:begin].strip() in ("", "]"):
            # The bracket that closes the words touches the PEM's first line. Only the first PEM is the certificate.
            if self.der is None and not self.pem:
                self.in_pem, self.pem = True, [Line(line.number, text[begin:])]
            else:
                self.output.leave(line)
        elif found := _PLAIN.fullmatch(text):
            if found[1] in self.plain:
                self.output.leave(line)
            self.plain.setdefault(found[1], (found[2], line.number))
        elif found := _EXTENSION.fullmatch(text):
            self.extensions.append(_Loose(found[1], found[2], line.number))
        elif found := _DUMP.fullmatch(text):
            self.dump.append(bytes.fromhex(found[1]))
        elif not _FRAME.fullmatch(text) and not (self.extensions and self._inside(self.extensions[-1], line)):
            self.output.leave(line)

    def _inside(self, extension: _Loose, line: Line) -> bool:
        if found := _CRITICAL.fullmatch(line.text):
            extension.critical = found[1].lower() == "true"
        elif found := _USAGES.fullmatch(line.text):
            extension.usages = tuple(word for piece in found[1].split(",") if (word := piece.strip()))
        elif found := _KEY_ID.fullmatch(line.text):
            extension.key_id = found[1].lower()
        elif found := _ALT_COUNT.fullmatch(line.text):
            extension.alt_count = (int(found[1]), line.number)
        elif found := _ALT_NAME.fullmatch(line.text):
            extension.alt_names.append((found[1], found[2]))
        else:
            return False
        return True

    def _pem(self, line: Line) -> bool:
        if not line.text.strip() or _BASE64.fullmatch(line.text):
            self.pem.append(line)
            return True
        self.in_pem = False
        if not _END.fullmatch(line.text):
            return False
        try:
            self.der = b64decode("".join(one.text.strip() for one in self.pem[1:]), validate=True) or None
            self.certificate = None if self.der is None else read_certificate(self.der)
        except CertificateError:
            # The bytes stay: another reader may understand them.
            pass
        except ValueError:
            self.der = None
        if self.certificate is not None:
            self.pem = self.pem[:1]
        else:
            # Nothing that was to be a certificate is lost: who asks sees what stood there.
            self.pem.append(line)
        return True

    def _text(self, key: str) -> str | None:
        return self.plain[key][0] if key in self.plain else None

    def _named(self, key: str) -> tuple[str | None, str | None]:
        text = self._text(key)
        found = None if text is None else _ALGORITHM.fullmatch(text)
        return (found[1], found[2]) if found else (text, None)

    def _date(self, key: str) -> ConsoleDate | None:
        text = self._text(key)
        return None if text is None else read_date(text)

    def result(self) -> CertShown:
        if self.certificate is None:
            for line in self.pem:
                self.output.leave(line)
        shows = self.certificate is not None or any(key in self.plain for key in ("Subject Name", "Serial Number"))
        self.output.require(recognised=shows)
        value = self._text("Key value")
        return CertShown(
            self._text("Version"),
            self._text("Serial Number"),
            *self._named("SignatureAlgorithm"),
            self._text("Issuer Name"),
            self._text("Subject Name"),
            self._date("Validity From"),
            self._date("To"),
            self._named("Key")[0],
            read_hex(value) if value else None,
            tuple(one.frozen() for one in self.extensions),
            b"".join(self.dump) or None,
            self.der,
            self.certificate,
            self.output.unread,
            tuple(self._mismatches()),
        )

    def _mismatches(self) -> list[Mismatch]:
        found: list[Mismatch] = []
        stated, line = self.plain.get("Extensions", ("", 0))
        present = _PRESENT.fullmatch(stated)
        if present and int(present[1]) != len(self.extensions):
            found.append(Mismatch(line, "the number of extensions", int(present[1]), len(self.extensions)))
        found.extend(
            Mismatch(one.alt_count[1], "altNames", one.alt_count[0], len(one.alt_names))
            for one in self.extensions
            if one.alt_count and one.alt_count[0] != len(one.alt_names)
        )
        if self.certificate is None:
            return found
        serial, line = self.plain.get("Serial Number", ("", 0))
        if re.fullmatch("[0-9A-Fa-f]{1,80}", serial) and int(serial, 16) != self.certificate.serial:
            found.append(Mismatch(line, "the serial number", int(serial, 16), self.certificate.serial))
        signature = b"".join(self.dump)
        if signature and len(signature) != len(self.certificate.signature):
            begin = self.pem[0].number
            found.append(
                Mismatch(begin, "the length of the signature", len(signature), len(self.certificate.signature))
            )
        key, line = self.plain.get("Key value", ("", 0))
        value, own = read_hex(key) if key else None, self.certificate.list_key
        if value is not None and own is not None and len(value) != len(own):
            found.append(Mismatch(line, "the length of the key", len(value), len(own)))
        return found
