"""Does a record agree with the certificate it carries? Everything that does not depend on the time of day."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import Finding
from ctlctl_trust.names import NameMatch, NamePairs, compare_name, is_cut_short
from ctlctl_trust.record import CACHED_SIZE, Record
from ctlctl_trust.tlv import RecordTag, Role, known_role, role_name

T = RecordTag

#: Bits; below this an RSA key is called weak (NIST SP 800-131A: 1024 is disallowed for signatures since 2014).
WEAK_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record held against its certificate.

    Attributes:
        certificate: the certificate, or None when the record has none or it cannot be read.
        findings: what was found, offsets counted from the record's first byte.
    """

    certificate: Certificate | None
    findings: tuple[Finding, ...]


def check_record(record: Record) -> CheckedRecord:
    """Hold ``record`` against its certificate; the same record is checked once, the result remembered."""
    # What has problems or is large is not remembered: hostile lists could otherwise fill memory.
    if record.problems or record.size > CACHED_SIZE:
        return _check(record)
    try:
        return _check_cached(record)
    except _NotKeptError as found:
        return found.checked


def _check(record: Record) -> CheckedRecord:
    findings = list(_role_findings(record))
    certificate: Certificate | None = None
    if record.certificate:
        try:
            certificate = read_certificate(record.certificate)
        except CertificateError as error:
            offset = record.offset_of(T.CERTIFICATE)
            findings.append(Finding(Code.RECORD_BAD_CERTIFICATE, str(error), offset, int(T.CERTIFICATE)))
        else:
            findings.extend(_certificate_findings(record, certificate))
    elif not record.problems:
        message = f"the {role_name(record.role_code)} record has no certificate: it grants no trust"
        findings.append(Finding(Code.CERTIFICATE_LESS_RECORD, message, 0, 1))
    return CheckedRecord(certificate, tuple(findings))


class _NotKeptError(Exception):
    """Carries a result past the cache: what is raised is not remembered."""

    def __init__(self, checked: CheckedRecord) -> None:
        super().__init__()
        self.checked = checked


@lru_cache(maxsize=1024)
def _check_cached(record: Record) -> CheckedRecord:
    checked = _check(record)
    if sum(len(finding.message) for finding in checked.findings) > CACHED_SIZE:
        raise _NotKeptError(checked)
    return checked


def _role_findings(record: Record) -> Iterable[Finding]:
    if record.role_code is not None and known_role(record.role_code) is None:
        message = f"role {record.role_code} has no known meaning: it is given no trust"
        yield Finding(Code.UNKNOWN_ROLE, message, record.offset_of(T.FUNCTION), int(T.FUNCTION))


def _certificate_findings(record: Record, certificate: Certificate) -> Iterable[Finding]:
    if certificate.odd is not None:
        message = f"{certificate.common_name}: {certificate.odd}"
        yield Finding(Code.ODD_CERTIFICATE, message, record.offset_of(T.CERTIFICATE), int(T.CERTIFICATE))
    yield from _key_findings(record, certificate)
    yield from _serial_findings(record, certificate)
    yield from _name_findings(record, T.SUBJECT_NAME, record.subject, certificate.subject)
    yield from _name_findings(record, T.ISSUER_NAME, record.issuer, certificate.issuer)
    signature = record.signature
    if signature and signature != certificate.signature:
        yield _inconsistent(record, T.SIGNATURE, "SIGNATURE is not the certificate's signature")
    if certificate.self_signature is False:
        message = f"the self-signature of {certificate.common_name} does not verify"
        yield _inconsistent(record, T.CERTIFICATE, message)


def _inconsistent(record: Record, tag: RecordTag, message: str) -> Finding:
    return Finding(Code.RECORD_INCONSISTENT, message, record.offset_of(tag), int(tag))


def _key_findings(record: Record, certificate: Certificate) -> Iterable[Finding]:
    public_key = record.public_key
    if certificate.list_key is None:
        message = f"a trust list cannot carry a {certificate.key_label} key"
        yield _inconsistent(record, T.PUBLIC_KEY, message)
    elif public_key and public_key != certificate.list_key:
        message = f"PUBLICKEY is not the key of the certificate of {certificate.common_name}"
        yield _inconsistent(record, T.PUBLIC_KEY, message)
    if certificate.key_label.startswith("RSA-") and certificate.key_bits < WEAK_RSA_BITS:
        message = f"{certificate.common_name} has an {certificate.key_label} key"
        yield Finding(Code.WEAK_KEY, message, record.offset_of(T.PUBLIC_KEY), int(T.PUBLIC_KEY))


def serial_bytes(serial: int) -> bytes:
    """Return a serial number as lists carry it: minimal big-endian, without the sign byte of DER."""
    if serial < 0:
        return serial.to_bytes((serial + 1).bit_length() // 8 + 1, "big", signed=True)
    return serial.to_bytes(max(1, (serial.bit_length() + 7) // 8), "big")


def _serial_findings(record: Record, certificate: Certificate) -> Iterable[Finding]:
    if not record.serial:
        return
    own = serial_bytes(certificate.serial).lstrip(b"\0")
    if record.serial.lstrip(b"\0") == own:
        return
    if record.serial[::-1].lstrip(b"\0") == own:
        message = "the serial number is stored byte-reversed, as lists made with hardware tokens do"
        yield Finding(Code.SERIAL_REVERSED, message, record.offset_of(T.SERIAL_NUMBER), int(T.SERIAL_NUMBER))
        return
    message = f"SERIALNUMBER {record.serial.hex()} is not the certificate's, {own.hex() or '00'}"
    yield _inconsistent(record, T.SERIAL_NUMBER, message)


def _made_by_token_writer(record: Record) -> bool:
    """Tell whether a record looks like a hardware token's: SAST, no tag 8, no DNS name."""
    return known_role(record.role_code) is Role.SAST and record.signature is None and not record.dns_name


def _name_findings(record: Record, tag: RecordTag, text: str | None, name: NamePairs) -> Iterable[Finding]:
    if text is None:
        return
    match = compare_name(text, name)
    if match is NameMatch.SAME:
        return
    spelled = ",".join(f"{key}={value}" for key, value in name)
    if match is NameMatch.SPELLING:
        message = f"{tag.name} spells the certificate's name in a way of its own: {text!r} for {spelled!r}"
        yield Finding(Code.SUBJECT_SPELLING, message, record.offset_of(tag), int(tag))
    elif _made_by_token_writer(record) and is_cut_short(text, name):
        message = f"{tag.name} {text!r} is {spelled!r} cut short, as lists made with hardware tokens have it"
        yield Finding(Code.SUBJECT_SPELLING, message, record.offset_of(tag), int(tag))
    else:
        yield _inconsistent(record, tag, f"{tag.name} {text!r} is not the certificate's {spelled!r}")
