"""`ctlctl trustlist diff`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from json import dumps

from ctlctl.terminal import printable, say
from ctlctl.trustlists.reading import NetworkWords, UnreadableError, examine_list
from ctlctl.verify.result import Result, checksums, instant
from ctlctl_trust.certificate import CertificateError, read_certificate
from ctlctl_trust.diff import Entry, diff_lists
from ctlctl_trust.names import comma_spelling
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tlv import role_name, serial_text
from ctlctl_trust.trustlist import scan_trust_list
from ctlctl_trust.verify import ListReport

SCHEMA = "ctlctl.trustlist.diff/1"


def run_diff(old: str, new: str, output: str, network: Mapping[str, str | None]) -> int:
    """Print how two lists differ; return 0 when they hold the same, 1 when not, 3 when one cannot be read."""
    words, now = NetworkWords.from_click(network), datetime.now(UTC)
    try:
        reports = [_whole_list(target, examine_list(target, words, now)) for target in (old, new)]
    except UnreadableError as error:
        say(str(error))
        return 3
    difference = diff_lists(*reports)
    if output == "json":
        shown = {
            "schema": SCHEMA,
            "old": old,
            "new": new,
            "same_bytes": difference.same_bytes,
            "kept": difference.kept,
            "removed": [_entry_json(entry) for entry in difference.removed],
            "added": [_entry_json(entry) for entry in difference.added],
        }
        print(dumps(shown, indent=1))
    else:
        for sign, entries in (("-", difference.removed), ("+", difference.added)):
            for entry in entries:
                print(f"{sign} {_entry_text(entry)}")
        count = f"{difference.kept} record{'' if difference.kept == 1 else 's'} in both"
        if difference.same_bytes:
            print(f"{count}; the files are the same byte for byte")
        elif not difference.removed and not difference.added:
            print(f"{count}, nothing else; only signer, time, order or spelling differ")
        else:
            print(f"{count}, {len(difference.removed)} removed, {len(difference.added)} added")
    return 1 if difference.removed or difference.added else 0


def _whole_list(target: str, result: Result) -> ListReport:
    """Refuse a list that was read in part only: what is missing from it would look removed."""
    scan = scan_trust_list(result.data or b"")
    if result.list_report is None or not scan.complete:
        first = scan.findings.listed[0]
        message = f"{target}: cannot be read to its end ({first.code}: {first.message}), so nothing is compared"
        raise UnreadableError(message, malformed=True)
    return result.list_report


def _entry_json(entry: Entry) -> dict[str, object]:
    role = None if entry.role_code < 0 else entry.role_code
    shown: dict[str, object] = {"role": role_name(role), "role_code": role, "dns_name": entry.dns_name or None}
    shown["sha1"] = checksums(entry.certificate)["sha1"] if entry.certificate else None
    try:
        certificate = read_certificate(entry.certificate)
    except CertificateError:
        return {**shown, "subject": None, "issuer": None, "serial": None, "not_after": None}
    return {
        **shown,
        "subject": comma_spelling(certificate.subject),
        "issuer": comma_spelling(certificate.issuer),
        "serial": serial_text(serial_bytes(certificate.serial)),
        "not_after": instant(certificate.not_after),
    }


def _entry_text(entry: Entry) -> str:
    role = f"{role_name(None if entry.role_code < 0 else entry.role_code):<10}"
    node = f"  [{printable(entry.dns_name)}]" if entry.dns_name else ""
    if not entry.certificate:
        return f"{role} no certificate{node}"
    try:
        certificate = read_certificate(entry.certificate)
    except CertificateError:
        return f"{role} unreadable certificate, sha1 {checksums(entry.certificate)['sha1']}{node}"
    serial = serial_text(serial_bytes(certificate.serial))
    return (
        f"{role} {printable(certificate.common_name)}{node}\n"
        f"{'':<13}serial {serial}\n"
        f"{'':<13}{certificate.key_label}, ends {certificate.not_after:%Y-%m-%d}"
    )
