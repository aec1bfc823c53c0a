"""A result as a person reads it: what was checked, what is wrong and where, and what to do next."""

from collections import Counter
from datetime import datetime
from textwrap import TextWrapper
from typing import NamedTuple

from ctlctl.terminal import paint, pasteable, printable
from ctlctl.verify.bulk import Batch
from ctlctl.verify.result import Result, Verdict, checksums, signed_at
from ctlctl_trust.codes import UNDECIDED, Code, Severity, severity_of
from ctlctl_trust.findings import Finding
from ctlctl_trust.names import NameMatch, compare_name, cucm_spelling
from ctlctl_trust.signature import DIGESTS
from ctlctl_trust.tlv import role_name, serial_text

#: Columns of the narrowest terminal the output is made for.
WIDTH = 80
_LABEL = 8
_NAME = 16
_COLOURS = {
    Verdict.VALID: "green",
    Verdict.SELF_CONSISTENT: "green",
    Verdict.STALE: "red",
    Verdict.INVALID: "red",
    Verdict.UNDECIDED: "yellow",
}
_WORDS = {Severity.ERROR: ("FAIL", "red"), Severity.WARNING: ("warn", "yellow"), Severity.INFO: ("note", "bold")}
#: Findings of one code that a screen shows one by one; more are summed up, JSON has them all.
_SHOWN_PER_CODE = 3
#: Characters of a text from a file that a screen shows; a hostile name could otherwise fill it.
_LONGEST = 400

_STRUCTURE = frozenset(
    {
        Code.EMPTY,
        Code.TOO_LARGE,
        Code.TRUNCATED,
        Code.BAD_MAGIC,
        Code.VERSION,
        Code.HEADER_LENGTH_RANGE,
        Code.HEADER_LENGTH_MISMATCH,
        Code.BAD_LENGTH,
        Code.LENGTH_OVERFLOW,
        Code.CONTAINER_LENGTH_MISMATCH,
        Code.UNKNOWN_TAG,
        Code.DUPLICATE_TAG,
        Code.MISSING_TAG,
        Code.BAD_STRING,
        Code.NO_RECORDS,
        Code.TOO_MANY_RECORDS,
        Code.RECORD_LENGTH_RANGE,
        Code.RECORD_LENGTH_MISMATCH,
        Code.RECORD_MISSING_FIELD,
        Code.TRAILING_DATA,
    }
)
_RECORDS = frozenset(
    {Code.RECORD_BAD_CERTIFICATE, Code.RECORD_INCONSISTENT, Code.SUBJECT_SPELLING, Code.SERIAL_REVERSED}
)


class Style(NamedTuple):
    """How to write: with or without colour, at which instant (for ages), and after which options.

    Attributes:
        now: the instant of the verdict.
        colour: colour the words that stand for a verdict.
        given: the options the operator gave, quoted for a shell, to repeat in the next step.
    """

    now: datetime
    colour: bool = False
    given: str = ""


def quote(word: str) -> str:
    """Return a word quoted for a shell where it needs to be."""
    if word.isascii() and word.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum():
        return word
    from shlex import quote as shell_quote  # noqa: PLC0415 - few words need it

    return shell_quote(word)


def wrap(text: str, width: int) -> list[str]:
    """Return text as lines of at most ``width`` columns; names are not cut at their hyphens."""
    return TextWrapper(width, break_on_hyphens=False).wrap(text)


def render(result: Result, style: Style) -> str:
    """Return the block of lines for one result."""
    if result.data is None or (result.header is None and len(result.findings.listed) == 1):
        return _render_short(result, style)
    lines = [headline(result)]
    lines += signer_lines(result)
    if result.data is not None:
        sums = checksums(result.data)
        lines.append(row("checksum", f"{sums['md5']} (MD5)"))
        lines.append(row("", f"{sums['sha1']} (SHA1)"))
    lines += _passed_lines(result, style)
    lines += _finding_lines(result, style)
    lines += _continuity_lines(result)
    lines += _verdict_lines(result, style)
    return "\n".join(lines)


def render_line(result: Result, style: Style) -> str:
    """Return one line for one result, for directories."""
    verdict = paint(f"{result.verdict.value:<15}", _COLOURS[result.verdict], on=style.colour)
    codes = ", ".join(
        f"{code.value}" + (f" ×{count}" if count > 1 else "")
        for severity in (Severity.ERROR, Severity.WARNING)
        for code, count in result.findings.counts
        if severity_of(code) is severity
    )
    return f"{verdict} {printable(result.target)}" + (f": {codes}" if codes else "")


def _render_short(result: Result, style: Style) -> str:
    finding = result.findings.listed[0]
    word = paint(result.verdict.value, _COLOURS[result.verdict], on=style.colour)
    where = "" if finding.offset is None else f", at offset {finding.offset}"
    return f"{printable(result.target)}: {word}: {finding.code}{where}: {printable(finding.message)}"


def row(label: str, text: str) -> str:
    """Return a line with a label at its left."""
    return f"{label:<13} {text}".rstrip()


def _kind_title(result: Result) -> str:
    titles = {"ctl": "CTL", "itl": "ITL", "sgn": "signed file", "enc.sgn": "encrypted signed file"}
    return titles.get(result.kind or "", "trust list")


def rows(label: str, text: str) -> list[str]:
    """Return text from a file as lines with a label at their left; it may be long or hostile."""
    text = printable(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
    return [row("" if number else label, part) for number, part in enumerate(wrap(text, WIDTH - 14) or [""])]


def headline(result: Result) -> str:
    """Return the line that says what the file is."""
    header = result.header
    parts = [_kind_title(result) + ("" if header is None else " {}.{}".format(*header.version))]
    if result.size is not None:
        parts.append(f"{result.size:,} B")
    if result.list_report is not None and result.list_report.trust_list is not None:
        count = len(result.list_report.trust_list.records)
        parts.append(f"{count} record" + ("" if count == 1 else "s"))
    if header is not None:
        moment = signed_at(header)
        if moment is not None:
            parts.append(f"signed {moment:%Y-%m-%d %H:%M:%SZ}")
        if header.digest_code is not None:
            digest = DIGESTS.get(header.digest_code)
            parts.append(f"digest {header.digest_code}" if digest is None else digest.title)
    target, facts = printable(result.target), " · ".join(parts)
    if len(target) + len(facts) + 3 > WIDTH:
        return f"{target}\n  {facts}"
    return f"{target}   {facts}"


def signer_lines(result: Result) -> list[str]:
    """Return the lines that say who signed."""
    header = result.header
    if header is None:
        return []
    lines = rows("signer", header.signer_name or "(no name)")
    certificate = result.signer_certificate
    if certificate is not None and compare_name(header.signer_name or "", certificate.subject) is not NameMatch.SAME:
        lines += rows("", f"certificate {cucm_spelling(certificate.subject)}")
    serial = serial_text(header.serial) or "(missing)"
    report = result.list_report or result.signed_report
    candidate = None if report is None or report.signer is None else report.signer.candidate
    place = ""
    if candidate is not None:
        whose = "record" if result.list_report is not None else "trust list record"
        place = f"  ({whose} {candidate.number}, {role_name(candidate.record.role_code)})"
    serial_line = row("", f"serial {serial}")
    fits = len(serial_line) + len(place) <= WIDTH
    return [*lines, serial_line + place] if fits else [*lines, serial_line, row("", place.strip())]


def _check_line(word: str, colour: str, name: str, text: str, style: Style) -> list[str]:
    lead = f"  {paint(f'{word:<5}', colour, on=style.colour)} {name:<{_NAME}} "
    indent = " " * (_LABEL + _NAME + 1)
    if len(name) > _NAME:
        return [lead.rstrip(), *[indent + line for line in wrap(printable(text), WIDTH - len(indent))]]
    lines = wrap(printable(text), WIDTH - len(indent)) or [""]
    return [lead + lines[0], *[indent + line for line in lines[1:]]]


def _passed_lines(result: Result, style: Style) -> list[str]:
    """What was checked and found good; nothing is claimed that was not looked at."""
    codes, header = result.findings.codes, result.header
    passed: list[tuple[str, str]] = []
    if header is not None and not codes & _STRUCTURE:
        if result.list_report is not None and result.list_report.trust_list is not None:
            count = len(result.list_report.trust_list.records)
            text = f"header {header.length} B, {count} record{'' if count == 1 else 's'}, lengths add up"
        else:
            text = f"header {header.length} B, lengths add up"
        passed.append(("structure", text))
    report = result.list_report or result.signed_report
    signer = None if report is None else report.signer
    if signer is not None and signer.verified and signer.digest is not None:
        certificate = result.signer_certificate
        if certificate is not None and signer.candidate is not None:
            whose = "record" if result.list_report is not None else "trust list record"
            key = f"{certificate.key_label}, the key of {whose} {signer.candidate.number}"
            passed.append(("signature", f"{signer.digest.title}, verifies with {key}"))
    if result.list_report is not None and not codes & (_STRUCTURE | _RECORDS):
        checked = sum(certificate is not None for certificate in result.list_report.certificates)
        if checked:
            passed.append(("records", f"names, serials and keys agree with their {checked} certificates"))
    if result.agrees_with_ctl:
        passed.append(("agreement", "the CTL you gave holds the ITL's signer as SAST and its CCM+TFTP and CAPF keys"))
    if result.anchored:
        passed.append(("anchor", _who_vouches(result)))
    if result.signed_report is not None and result.signed_report.plaintext is not None:
        size = len(result.signed_report.plaintext)
        passed.append(("content", f"decrypts to {size:,} B with the stated digest"))
    return [line for name, text in passed for line in _check_line("ok", "green", name, text, style)]


def _finding_lines(result: Result, style: Style) -> list[str]:
    lines: list[str] = []
    counts = dict(result.findings.counts)
    by_code: dict[Code, list[Finding]] = {}
    for finding in result.findings.listed:
        by_code.setdefault(finding.code, []).append(finding)
    for code, findings in by_code.items():
        word, colour = _WORDS[severity_of(code)]
        if code in UNDECIDED:
            word, colour = "?", "yellow"
        name = code.value
        for finding in findings[:_SHOWN_PER_CODE]:
            lines += _check_line(word, colour, name, _placed(finding), style)
            word = name = ""
        left = counts[code] - _SHOWN_PER_CODE
        if left > 0:
            lines += _check_line("", colour, "", f"and {left:,} more of {counts[code]:,}", style)
    unlisted = [code for code in counts if code not in by_code]
    for code in unlisted:
        word, colour = _WORDS[severity_of(code)]
        lines += _check_line(word, colour, code.value, f"{counts[code]:,} of these", style)
    return lines


def _placed(finding: Finding) -> str:
    where = []
    if finding.record is not None:
        where.append(f"record {finding.record}")
    if finding.offset is not None and severity_of(finding.code) is Severity.ERROR:
        where.append(f"offset {finding.offset}" + ("" if finding.tag is None else f" tag {finding.tag}"))
    return (", ".join(where) + ": " if where else "") + finding.message


def _who_vouches(result: Result) -> str:
    if result.vouched_by is not None:
        return f"{printable(result.vouched_by)} knows the signer's certificate"
    return "a trust anchor you gave vouches for the signer"


def _continuity_lines(result: Result) -> list[str]:
    report = result.continuity
    if result.no_previous and result.list_report is not None:
        return [row("continuity", "first: the previous list is empty, phones take this one in a leap of faith")]
    if report is None:
        return []
    state = "unknown: the new list's signer is not known" if report.continuity is None else report.continuity.value
    lines = [row("continuity", state)]
    for label, certificates in (
        ("  survive", report.surviving),
        ("  lost", report.lost),
        ("  new", report.added),
    ):
        if certificates:
            lines += rows(label, ", ".join(certificate.common_name for certificate in certificates))
    return lines


def _verdict_lines(result: Result, style: Style) -> list[str]:
    tally = []
    open_questions = sum(count for code, count in result.findings.counts if code in UNDECIDED)
    for severity, one, many in ((Severity.ERROR, "error", "errors"), (Severity.WARNING, "warning", "warnings")):
        count = result.findings.count(severity) - (open_questions if severity is Severity.ERROR else 0)
        if count:
            tally.append(f"{count:,} {one if count == 1 else many}")
    word = paint(result.verdict.value, _COLOURS[result.verdict], on=style.colour)
    lines = [", ".join([word, *tally]) + "." + _what_it_means(result)]
    hint = _next_step(result, style.given)
    if hint:
        lines.append(pasteable(f"Next: {hint}"))
    return lines


def _what_it_means(result: Result) -> str:
    if result.verdict is Verdict.SELF_CONSISTENT:
        if result.signed_report is not None:
            return " The trust list it was held against is not anchored."
        return " No anchor was given: who signed it is not proven."
    if result.verdict is Verdict.VALID:
        certificate = result.signer_certificate
        how = "anchored" if result.vouched_by is None else f"whom {printable(result.vouched_by)} knows"
        return "" if certificate is None else f" Signed by {printable(certificate.common_name)}, {how}."
    return ""


def _next_step(result: Result, given: str) -> str | None:
    again = f"ctlctl verify {printable(quote(result.target))}{given}"
    if result.verdict is Verdict.SELF_CONSISTENT:
        return f"{again} --trust-anchor CERTIFICATE.pem"
    if result.verdict is Verdict.UNDECIDED and Code.NO_TRUST_LIST in result.findings.codes:
        return f"{again} --trust-list ITLFile.tlv"
    if result.verdict in (Verdict.INVALID, Verdict.UNDECIDED):
        code = result.findings.listed[0].code.value
        return f"ctlctl finding explain {code}"
    return None


class Tally:
    """Sums up many results."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter()
        self.warnings: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        """Count some more."""
        for verdict, count in batch.verdicts.items():
            self.verdicts[Verdict(verdict)] += count
        self.warnings.update(batch.warnings)

    def lines(self, where: str, style: Style) -> list[str]:
        """Return the summary lines."""
        total = self.verdicts.total()
        parts = [
            paint(f"{self.verdicts[verdict]:,} {verdict.value}", _COLOURS[verdict], on=style.colour)
            for verdict in Verdict
            if self.verdicts[verdict]
        ]
        files = "file" if total == 1 else "files"
        lines = [f"{total:,} {files} in {printable(where)}: {' · '.join(parts)}"]
        if self.warnings:
            text = " · ".join(f"{code} {count:,}" for code, count in self.warnings.most_common())
            lines += [
                row("warnings", part) if number == 0 else row("", part)
                for number, part in enumerate(wrap(text, WIDTH - 14))
            ]
        return lines
