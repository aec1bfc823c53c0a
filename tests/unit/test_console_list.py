"""`show ctl` and `show itl`, read."""

import re
from datetime import UTC, datetime

import pytest

from ctlctl_trust.console import console_layout
from ctlctl_trust.consolelist import parse_console_list
from ctlctl_trust.consolelisttext import MAX_LINES, MAX_TEXT, ConsoleDate, ConsoleError, Mismatch, read_date
from ctlctl_trust.tlv import Role
from ctlctl_trust.trustlist import Kind
from ctlctl_trust.verify import verify_trust_list
from support.vectors import NOW, ROOT, own

SAMPLES = ROOT / "tests" / "data" / "console"
CTL = (SAMPLES / "show_ctl.txt").read_text()
ITL = (SAMPLES / "show_itl.txt").read_text()


@pytest.mark.parametrize(("text", "file"), [(CTL, "good/small.tlv"), (ITL, "good/ITLFile.tlv")])
def test_what_is_printed_is_what_stands_in_the_file(text: str, file: str) -> None:
    data = own(file)
    trust_list = verify_trust_list(data, NOW).trust_list
    assert trust_list is not None
    shown = parse_console_list(text)
    assert shown.kind is trust_list.kind
    assert shown.describes(data)
    assert not shown.describes(data + b"\0")
    assert (shown.verified, shown.missing, shown.abridged, shown.failure) == (True, False, False, None)
    assert (shown.unread, shown.mismatches) == ((), ())
    assert shown.signature == trust_list.header.signature
    assert [record.serial for record in shown.records] == [record.serial for record in trust_list.records]
    assert [record.role for record in shown.records][:2] == [Role.SAST, Role.SAST]
    assert [record.signed_list for record in shown.records][:3] == [True, False, None]


def test_a_record_of_a_hardware_token_has_no_signature_row() -> None:
    shown = parse_console_list((SAMPLES / "show_ctl_no_tag8.txt").read_text())
    assert not shown.mismatches
    names = [{row.name for row in record.rows} for record in shown.records]
    assert any("CERTIFICATE" in one and "SIGNATURE" not in one for one in names)


def test_no_file() -> None:
    shown = parse_console_list((SAMPLES / "show_ctl_missing.txt").read_text())
    assert (shown.kind, shown.length, shown.missing, shown.verified) == (Kind.CTL, 0, True, None)
    assert shown.failure == "Error parsing the CTL File."
    one_line = "admin: show ctl Length of CTL file: 0 CTL File not found . Please run CTLClient plugin or so"
    assert parse_console_list(one_line).missing


def test_a_failed_verification_is_never_a_good_one() -> None:
    text = ITL.replace("The ITL file was verified successfully.", "Error parsing the ITL File!!")
    shown = parse_console_list(text)
    assert (shown.verified, shown.failure) == (False, "Error parsing the ITL File!!")
    both = parse_console_list(text + "\nThe ITL file was verified successfully.")
    assert both.verified is False
    assert parse_console_list(re.sub("The ITL file was ver.*", "", ITL)).verified is None
    bad = own("bad/stranger_signs.tlv")
    assert parse_console_list(console_layout(verify_trust_list(bad, NOW), bad)).verified is False


def test_only_the_very_sentence_is_a_good_verification() -> None:
    # Letters that match others when case is ignored: a long s and a dotless i.
    for word in ("\u017fuccessfully", "succe\u017fsfully"):
        shown = parse_console_list(ITL.replace("successfully", word))
        assert (shown.verified, len(shown.unread)) == (None, 1)


@pytest.mark.parametrize("width", [80, 100])
def test_lines_wrapped_by_a_terminal(width: int) -> None:
    wrapped = "\n".join(
        "\n".join(line[start : start + width] for start in range(0, max(1, len(line)), width))
        for line in ITL.split("\n")
    )
    assert wrapped != ITL
    shown, straight = parse_console_list(wrapped), parse_console_list(ITL)
    assert (shown.unread, shown.mismatches) == ((), ())
    for mine, other in zip(shown.records, straight.records, strict=True):
        assert (mine.subject, mine.serial, mine.certificate_sha1) == (
            other.subject,
            other.serial,
            other.certificate_sha1,
        )


def test_paging_prompts_control_sequences_and_line_ends() -> None:
    straight = parse_console_list(ITL)
    prompt = "\x1b[1mPress <enter> for 1 line, <space> for one page, or <q> to quit\x1b[0m\r\x1b[K"
    lines = [prompt + line if number % 20 == 19 else line for number, line in enumerate(ITL.split("\n"))]
    assert parse_console_list("\r\n".join(lines)) == straight
    assert parse_console_list(ITL + "\r\n\radmin:") == straight


def test_a_page_that_folds_names_does_not_change_them() -> None:
    folded = re.sub(r"(SUBJECTNAME.*?);", r"\1; ", ITL)
    shown = parse_console_list(folded)
    assert [one.subject for one in shown.records] == [one.subject for one in parse_console_list(ITL).records]
    assert not shown.mismatches


@pytest.mark.parametrize(
    ("pattern", "replacement", "what"),
    [
        (r"Length of CTL file: (\d+)", "Length of CTL file: 17", "the length of the file"),
        (r"HeaderLength:\s+(\d+)", "HeaderLength: 40", "HeaderLength (without padding)"),
        (r"RECORDLENGTH\s+2\s+(\d+)", "RECORDLENGTH 2 99", "RECORDLENGTH"),
        (r"SIGNERID\s+2\s+(\d+)", "SIGNERID 2 98", "the length of SIGNERID"),
        (r"SIGNATUREINFO\s+2\s+(\d+)", "SIGNATUREINFO 2 16", "the length of SIGNATUREINFO"),
        (r"SERIALNUMBER\s+4", "SERIALNUMBER 5", "the length of SERIALNUMBER"),
        (r"SUBJECTNAME\s+\d+", "SUBJECTNAME 9", "the length of SUBJECTNAME"),
        (r"CTL Record #:2", "CTL Record #:5", "the number of the record"),
        (r"(?m)(^SIG)?12( +SIGNATURE +)128$", r"12\g<2>127", "the length of SIGNATURE"),
    ],
)
def test_figures_that_do_not_add_up(pattern: str, replacement: str, what: str) -> None:
    text, count = re.subn(pattern, replacement, CTL, count=1)
    assert count == 1
    found = [one for one in parse_console_list(text).mismatches if one.what == what]
    assert found
    assert found[0].message.startswith(f"line {found[0].line}: {what} is stated as {found[0].stated} and")


def test_an_abridged_output_is_not_held_to_its_totals() -> None:
    shown = parse_console_list(re.sub(r"(?s)CTL Record #:2.*CTL Record #:3", "[...]\nCTL Record #:3", CTL))
    assert (shown.abridged, shown.mismatches) == (True, ())
    assert [line.text for line in shown.unread] == ["[...]"]


def test_unknown_words_stay_unknown_and_unread() -> None:
    text = CTL.replace("System Administrator Security Token", "Something New", 1).replace("CCM+TFTP", "unknown(9)")
    shown = parse_console_list(text.replace("Parse CTL File", "Parse CTL File\nA line of a later release"))
    assert (shown.records[0].role, shown.records[0].function) == (None, "Something New")
    assert (shown.records[2].role_code, shown.records[2].role) == (9, None)
    assert [line.text for line in shown.unread] == ["A line of a later release"]
    assert parse_console_list("Version: 1.2").describes(b"") is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", None),
        ("admin:show ctl\nadmin:", None),
        ("one\ntwo", 1),
        (CTL + "\nITL Record #:9", CTL.count("\n") + 2),
        ("x" * (MAX_TEXT + 1), None),
        ("\n" * (MAX_LINES + 1), None),
        ("\r" * (MAX_LINES + 1), None),
    ],
)
def test_what_is_no_such_output(text: str, line: int | None) -> None:
    with pytest.raises(ConsoleError) as caught:
        parse_console_list(text)
    assert caught.value.line == line
    assert "expected" in str(caught.value)


def test_what_belongs_nowhere_is_kept() -> None:
    digest = "0123456789abcdef" * 2
    shown = parse_console_list(
        f"Length of ITL file: 5\n{digest}(SHA1)\nThis etoken was used to sign the ITL file.\n{digest}(MD5)"
    )
    assert (shown.md5, shown.sha1) == (digest, None)
    assert [line.number for line in shown.unread] == [2, 3]


def test_what_is_said_twice_counts_once_and_is_kept() -> None:
    shown = parse_console_list(f"{CTL}\n{CTL}")
    first = parse_console_list(CTL)
    assert (shown.length, shown.sha1, shown.version) == (first.length, first.sha1, first.version)
    # Six lines about the file, and the sixteen rows of the signature.
    assert len(shown.unread) == 22


def test_control_characters_stay_visible() -> None:
    shown = parse_console_list("Length of CTL file: 5\nA\x07B\u202eC\x1b")
    assert [line.text for line in shown.unread] == ["A\\x07B\\x202eC\\x1b"]


@pytest.mark.parametrize(
    ("text", "local", "zone", "instant"),
    [
        ("Fri Mar 06 21:56:07 CET 2015", datetime(2015, 3, 6, 21, 56, 7), "CET", None),  # noqa: DTZ001
        ("Mon Jul 1 13:44:09 2019", datetime(2019, 7, 1, 13, 44, 9), None, None),  # noqa: DTZ001
        (
            "Sun Nov  1 01:02:03 UTC 2026",
            datetime(2026, 11, 1, 1, 2, 3),  # noqa: DTZ001
            "UTC",
            datetime(2026, 11, 1, 1, 2, 3, tzinfo=UTC),
        ),
        ("ven. mars 06 21:56:07 CET 2015", None, None, None),
        ("Fri Feb 31 21:56:07 CET 2015", None, None, None),
        ("Fri Mrz 06 21:56:07 CET 2015", None, None, None),
        ("", None, None, None),
    ],
)
def test_dates(text: str, local: datetime | None, zone: str | None, instant: datetime | None) -> None:
    date = read_date(text)
    assert date == ConsoleDate(text, local, zone)
    assert date.instant == instant


def test_mismatch_is_a_sentence() -> None:
    assert Mismatch(3, "a sum", 1, 2).message == "line 3: a sum is stated as 1 and comes to 2"
