"""`ctlctl trustlist show`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from json import dumps

from ctlctl.terminal import printable, say
from ctlctl.trustlists.reading import NetworkWords, UnreadableError, examine_list
from ctlctl.verify.result import Result, checksums, to_json
from ctlctl.verify.text import headline, row, signer_lines
from ctlctl_trust.certificate import Certificate
from ctlctl_trust.record import Record
from ctlctl_trust.tlv import role_name, serial_text
from ctlctl_trust.trustlist import scan_trust_list

SCHEMA = "ctlctl.trustlist.show/1"


def run_show(target: str, layout: str, output: str, network: Mapping[str, str | None]) -> int:
    """Print one list and return the exit code: 1 when its structure has an error, 3 when it cannot be had."""
    try:
        result = examine_list(target, NetworkWords.from_click(network), datetime.now(UTC))
    except UnreadableError as error:
        say(str(error))
        return 1 if error.malformed else 3
    data = result.data or b""
    structure = scan_trust_list(data).findings
    if output == "json":
        shown = {key: value for key, value in to_json(result).items() if key not in ("verdict", "continuity")}
        print(dumps({"schema": SCHEMA, **shown}, indent=1))
    elif layout == "cucm" and result.list_report is not None:
        from ctlctl_trust.console import console_layout  # noqa: PLC0415 - only for this layout

        print("\n".join(printable_tabs(line) for line in console_layout(result.list_report, data).split("\n")))
    else:
        print("\n".join(_table(result)))
    if structure.invalid:
        first = structure.listed[0]
        say(f"{target}: shown as far as it can be read; {first.code}: {first.message}; see `ctlctl verify {target}`")
        return 1
    return 0


def printable_tabs(line: str) -> str:
    """Return a line made harmless for a terminal, its tabs kept."""
    return "\t".join(printable(part) for part in line.split("\t"))


def _table(result: Result) -> list[str]:
    lines = [headline(result), *signer_lines(result)]
    sums = checksums(result.data or b"")
    lines += [row("checksum", f"{sums['md5']} (MD5)"), row("", f"{sums['sha1']} (SHA1)")]
    report = result.list_report
    if report is None or report.trust_list is None:
        return lines
    pairs = zip(report.trust_list.records, report.certificates, strict=True)
    for number, (record, certificate) in enumerate(pairs, 1):
        lines += ["", *_record_lines(number, record, certificate)]
    lines += ["", f"Not judged here: ctlctl verify {printable(result.target)}"]
    return lines


def _record_lines(number: int, record: Record, certificate: Certificate | None) -> list[str]:
    node = " ".join(part for part in (record.dns_name, record.ip_address) if part)
    title = f"{number:>3}  {role_name(record.role_code)}"
    if certificate is None:
        what = "no certificate: grants no trust" if record.certificate is None else "a certificate that cannot be read"
        lines = [row(title, what)]
    else:
        lines = [
            row(title, f" {printable(certificate.common_name)}"),
            row(
                "", f" {certificate.key_label} · {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"
            ),
            row("", f" serial {serial_text(record.serial or b'')}"),
            row("", f" sha1   {checksums(certificate.der)['sha1']}"),
        ]
        if certificate.issuer != certificate.subject:
            issuer = next((value for key, value in certificate.issuer if key == "CN"), record.issuer or "?")
            lines.append(row("", f" issued by {printable(issuer)}"))
    if node:
        lines.append(row("", f" node   {printable(node)}"))
    return lines
