"""A trust list in the layout that `show ctl` and `show itl` print.

Source: the output of CUCM 10.0 and 10.5 in Cisco documents 118892 and 118893. Its quirks are kept: containers show the
size of their length field (2) instead of their own, two names are misspelt, single hexadecimal digits of the signature
are not padded. Of `show itl` no complete output is public; the same layout with ITL for CTL is an assumption, and so
is the text for a signature that does not verify.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from ctlctl_trust.header import Header
from ctlctl_trust.record import Record
from ctlctl_trust.tlv import HeaderTag, RecordTag, Role, known_role, role_name, serial_text
from ctlctl_trust.verify import ListReport

_RULE = "BYTEPOS\tTAG\t\tLENGTH\tVALUE\n-------\t---\t\t------\t-----"
_ROLE_TITLES = {Role.SAST: "System Administrator Security Token"}


def console_layout(report: ListReport, data: bytes) -> str:
    """Return the text that a CUCM console would print for this list.

    Args:
        report: the verified list; must have been readable.
        data: its bytes.

    Raises:
        ValueError: the list could not be read.
    """
    if report.trust_list is None:
        raise ValueError("a list that could not be read has no console layout")
    return "\n".join(_lines(report, report.trust_list.header, report.trust_list.records, data))


def _plain(text: str) -> str:
    r"""Return text from the file with everything spelled out that is not printable, such as ``\x0a``.

    A name could otherwise forge lines of its own, such as that of a successful verification.
    """
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _lines(report: ListReport, header: Header, records: tuple[Record, ...], data: bytes) -> Iterator[str]:
    title = (report.trust_list.kind.value if report.trust_list and report.trust_list.kind else "ctl").upper()
    yield f"The checksum value of the {title} file:"
    yield f"{hashlib.md5(data, usedforsecurity=False).hexdigest()}(MD5)"
    yield f"{hashlib.sha1(data, usedforsecurity=False).hexdigest()}(SHA1)"
    yield f"Length of {title} file: {len(data)}"
    if header.timestamp is not None:
        signed = datetime.fromtimestamp(header.timestamp, UTC)
        yield f"The {title} File was last modified on {signed:%a %b %d %H:%M:%S UTC %Y}"
    yield ""
    yield f"Parse {title} File"
    yield "----------------"
    yield "Version:\t{}.{}".format(*header.version)
    yield f"HeaderLength:\t{header.length} (BYTES)"
    yield _RULE
    yield from _header_lines(header)
    for number, record in enumerate(records, 1):
        yield ""
        yield f"{title} Record #:{number}"
        yield "  ----"
        yield _RULE
        yield from _record_lines(record)
        if known_role(record.role_code) is Role.SAST:
            candidate = None if report.signer is None else report.signer.candidate
            verified = report.signer is not None and report.signer.verified
            used = "was" if verified and candidate is not None and candidate.number == number else "was not"
            yield f"This etoken {used} used to sign the {title} file."
    yield ""
    if report.signer is not None and report.signer.verified and not report.findings.invalid:
        yield f"The {title} file was verified successfully."
    else:
        yield f"Verification of the {title} file failed."


_NAMES = {
    HeaderTag.SIGNER_ID: "SIGNERID",
    HeaderTag.SIGNER_NAME: "SIGNERNAME",
    HeaderTag.SERIAL_NUMBER: "SERIALNUMBER",
    HeaderTag.CA_NAME: "CANAME",
    HeaderTag.SIGNATURE_INFO: "SIGNATUREINFO",
    HeaderTag.DIGEST_ALGORITHM: "DIGESTALGORTITHM",
    HeaderTag.SIGNATURE_ALGO_INFO: "SIGNATUREALGOINFO",
    HeaderTag.SIGNATURE_ALGORITHM: "SIGNATUREALGORTITHM",
    HeaderTag.SIGNATURE_MODULUS: "SIGNATUREMODULUS",
    HeaderTag.SIGNATURE: "SIGNATURE",
    HeaderTag.FILENAME: "FILENAME",
    HeaderTag.TIMESTAMP: "TIMESTAMP",
}


def _header_lines(header: Header) -> Iterator[str]:
    for tag, _, length, value in header.elements:
        name = _NAMES.get(HeaderTag(tag)) if tag in _NAMES else None
        if name is None:
            # Version, length and padding are told above or not at all; tag 28 is not shown by any known console.
            continue
        if value is None:
            yield f"{tag}\t{name}\t2\t{length}"
        elif tag == HeaderTag.SIGNATURE:
            yield f"{tag}\t{name}\t{length}"
            yield from _hex_rows(value)
        else:
            yield f"{tag}\t{name}\t{length}\t{_header_value(header, tag, value)}".rstrip()


def _header_value(header: Header, tag: int, value: bytes) -> str:
    if tag in (HeaderTag.SIGNER_NAME, HeaderTag.CA_NAME):
        return _plain(header.text(HeaderTag(tag)) or "")
    return serial_text(value) if tag == HeaderTag.SERIAL_NUMBER else ""


def _hex_rows(value: bytes) -> Iterator[str]:
    for start in range(0, len(value), 8):
        yield "  ".join(f"{byte:x}".ljust(2) for byte in value[start : start + 8]).rstrip()


def _record_lines(record: Record) -> Iterator[str]:
    for tag, value in record.elements:
        known = tag in RecordTag.__members__.values()
        name = RecordTag(tag).name.replace("_", "") if known else f"TAG{tag}"
        text = ""
        match tag:
            case RecordTag.RECORD_LENGTH:
                text = str(int.from_bytes(value, "big"))
            case RecordTag.DNS_NAME:
                text = _plain(record.dns_name or "")
            case RecordTag.SUBJECT_NAME:
                text = _plain(record.subject or "")
            case RecordTag.ISSUER_NAME:
                text = _plain(record.issuer or "")
            case RecordTag.FUNCTION:
                role = known_role(record.role_code)
                text = role_name(record.role_code) if role is None else _ROLE_TITLES.get(role, role_name(role))
            case RecordTag.SERIAL_NUMBER:
                text = serial_text(value)
            case RecordTag.CERTIFICATE:
                digest = hashlib.sha1(value, usedforsecurity=False).digest()
                text = f"{digest.hex(' ').upper()} (SHA1 Hash HEX)"
            case _:
                pass
        yield f"{tag}\t{name}\t{len(value)}\t{text}".rstrip()
