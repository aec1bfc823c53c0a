"""Reading trust lists: what is kept, what is refused, and where the finger points."""

import pytest

from ctlctl_trust import Code, Finding, TrustListError, parse_trust_list, scan_trust_list, verify_trust_list
from ctlctl_trust.findings import MAX_LISTED, FindingLog
from ctlctl_trust.header import encode_header
from ctlctl_trust.signature import SHA512
from ctlctl_trust.tlv import MAX_INPUT, MAX_RECORDS, HeaderTag, RecordTag, Role, encode_tlv, role_from_name, role_name
from support.lists import RECOVERY, SMALL_RECOVERY, Draft, Tlv, ctl_rows, draft, header_of, record_of, small_draft, text
from support.vectors import NOW, own


def errors(data: bytes) -> list[Finding]:
    return [f for f in verify_trust_list(data, NOW).findings.listed if f.severity == "error"]


def places(data: bytes, code: Code) -> list[tuple[int | None, int | None, int | None]]:
    return [(f.offset, f.tag, f.record) for f in verify_trust_list(data, NOW).findings.listed if f.code is code]


GOOD = own("good/small.tlv")


@pytest.mark.parametrize(
    ("data", "code", "hint"),
    [
        (b"", "empty", "no list"),
        (b"<?xml version", "bad-magic", "XML"),
        (b"\xef\xbb\xbf<device>", "bad-magic", "XML"),
        (b"-----BEGIN CERTIFICATE-----", "bad-magic", "PEM"),
        (b"0\x82\x01\x00", "bad-magic", "DER"),
        (b"\x1f\x8b\x08", "bad-magic", "gzip"),
        (b"PK\x03\x04", "bad-magic", "zip"),
        (bytes(64), "bad-magic", "0x00"),
        (b"\x01", "truncated", "Version"),
        (b"\x01\x00\x02\x01\x02\x03\x00\x02\x00\x0a", "missing-tag", "tag 3 stands where"),
        (GOOD[:3], "truncated", "announces 2 bytes, 0 are left"),
        (GOOD[:8], "truncated", "announces 2 bytes, 0 are left"),
    ],
)
def test_what_is_no_list_is_called_by_its_name(data: bytes, code: str, hint: str) -> None:
    with pytest.raises(TrustListError) as raised:
        parse_trust_list(data)
    first = raised.value.findings.listed[0]
    assert first.code == code
    assert hint.lower() in first.message.lower()
    assert first.offset is not None
    assert f"{code} at offset {first.offset}" in str(raised.value)


def test_every_prefix_of_a_good_list_is_an_error_with_a_place() -> None:
    for end in range(len(GOOD)):
        found = errors(GOOD[:end])
        assert found, end
        assert found[0].offset is not None
        assert found[0].offset <= end


def test_input_over_the_limit_is_not_read() -> None:
    [finding] = errors(GOOD + bytes(MAX_INPUT + 1 - len(GOOD)))
    assert finding.code == "too-large"
    assert "4,194,304" in finding.message
    assert "trailing-data" in {f.code for f in errors(GOOD + bytes(MAX_INPUT - len(GOOD)))}


def test_a_thousand_records_are_read_and_one_more_is_said() -> None:
    one = small_draft()
    one.records += [record_of(2, None, f"n{number}") for number in range(MAX_RECORDS - 3)]
    report = verify_trust_list(one.encode(), NOW)
    assert not report.findings.invalid
    assert report.trust_list is not None
    assert len(report.trust_list.records) == MAX_RECORDS
    one.records.append(record_of(2, None, "one more"))
    report = verify_trust_list(one.encode(), NOW)
    assert report.findings.codes >= {"too-many-records"}
    assert report.trust_list is not None
    assert len(report.trust_list.records) == MAX_RECORDS


def test_errors_are_listed_however_many_notes_and_warnings_come_first() -> None:
    one = small_draft()
    one.records += [record_of(99, None, f"n{number}") for number in range(900)]
    one.records.append([Tlv(1, b""), Tlv(77, b"unknown")])
    findings = verify_trust_list(one.encode(), NOW).findings
    assert len(findings.listed) == MAX_LISTED
    assert findings.total > 1800
    assert dict(findings.counts)[Code.UNKNOWN_ROLE] == 900
    assert dict(findings.counts)[Code.CERTIFICATE_LESS_RECORD] == 900
    assert [f.code for f in findings.listed[:2]] == ["unknown-tag", "record-missing-field"]


def test_a_record_of_twenty_thousand_tags_is_counted_in_full_and_listed_in_part() -> None:
    one = small_draft()
    one.records.append([Tlv(1, b""), Tlv(4, b"\0\2"), *[Tlv(200, b"")] * 20_000])
    data = one.encode()
    scan = scan_trust_list(data)
    assert dict(scan.findings.counts)[Code.UNKNOWN_TAG] == 20_000
    assert len(scan.findings.listed) == MAX_LISTED
    assert len({f.offset for f in scan.findings.listed}) == MAX_LISTED
    assert scan.complete
    assert scan.trust_list is not None
    assert scan.trust_list.encode() == data


def test_long_text_of_a_file_does_not_make_a_long_message() -> None:
    one = small_draft()
    one.of_record(3, 3).value = text("CN=" + "x" * 60_000)
    [finding] = [f for f in errors(one.encode()) if f.code == "record-inconsistent"]
    assert len(finding.message) == 1000
    assert finding.message.endswith("…")


def test_a_log_takes_over_what_another_counted() -> None:
    log = FindingLog()
    for number in range(300):
        log.add(Code.UNKNOWN_TAG, f"number {number}")
    other = FindingLog()
    other.add(Code.WEAK_KEY, "weak")
    other.extend(log.freeze())
    taken = other.freeze()
    assert (taken.total, len(taken.listed)) == (301, MAX_LISTED)
    assert taken.count(taken.listed[0].severity) == 300


# Header


def test_each_error_points_at_its_tag() -> None:
    one = small_draft()
    one.member(7, 8).value = b"\7"
    data = one.encode()
    offset = data.index(b"\x08\x00\x01\x07")
    assert places(data, Code.DIGEST) == [(offset, 8, None)]
    one = small_draft()
    one.of_record(2, 4).value = b"\1"
    data = one.encode()
    scan = scan_trust_list(data)
    assert scan.trust_list is not None
    record = scan.trust_list.records[1]
    assert places(data, Code.BAD_LENGTH) == [(scan.trust_list.offsets[1] + record.offset_of(RecordTag.FUNCTION), 4, 2)]


@pytest.mark.parametrize("tag", [3, 7, 12, 14, 15])
def test_each_member_must_stand(tag: int) -> None:
    one = small_draft()
    one.header = [m for m in one.header if m.tag != tag]
    assert tag in {found for _, found, _ in places(one.encode(), Code.MISSING_TAG)}


@pytest.mark.parametrize("tag", [3, 7, 12, 14, 15, 28])
def test_no_member_may_stand_twice(tag: int) -> None:
    one = small_draft()
    if tag == 28:
        one.header.insert(0, Tlv(28, b"\x01\x00"))
        assert not errors(one.encode())
    one.encode()
    one.header.append(one.member(tag))
    assert tag in {found for _, found, _ in places(one.encode(), Code.DUPLICATE_TAG)}


@pytest.mark.parametrize("value", [b"", b"\1", b"\1\1\1"])
def test_signer_version_has_two_bytes(value: bytes) -> None:
    one = small_draft()
    one.header.insert(0, Tlv(28, value))
    assert [tag for _, tag, _ in places(one.encode(), Code.BAD_LENGTH)] == [28]


@pytest.mark.parametrize("order", [(4, 5, 6), (4, 6, 5), (5, 4, 6), (5, 6, 4), (6, 4, 5), (6, 5, 4)])
def test_the_signer_is_read_in_any_order(order: tuple[int, ...]) -> None:
    one = small_draft()
    container = one.member(3)
    container.value = [one.member(3, tag) for tag in order]
    assert not errors(one.encode())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 65000])
def test_padding(count: int) -> None:
    one = small_draft()
    needed = (len(one.encode()) - len(one.body())) % 4
    assert needed == 0
    one.padding = count
    data = one.encode()
    report = verify_trust_list(data, NOW)
    assert not report.findings.invalid
    length = int.from_bytes(data[8:10], "big")
    assert ("unaligned-header" in report.findings.codes) == bool(length % 4)
    assert ("excess-padding" in report.findings.codes) == (count > 3)


def test_a_header_cannot_be_longer_than_its_length_field_says() -> None:
    data = GOOD[:8] + b"\xff\xff" + GOOD[10:]
    assert places(data, Code.HEADER_LENGTH_RANGE) == [(8, 2, None)]


def test_encrypted_tags_are_unknown_in_a_list() -> None:
    one = small_draft()
    one.header.append(Tlv(16, b"\x11\x00\x00"))
    assert places(one.encode(), Code.UNKNOWN_TAG)[0][1] == 16


def test_members_are_measured_by_the_writer() -> None:
    written = encode_header(((HeaderTag.SIGNER_ID, ((HeaderTag.SIGNER_NAME, b"a\0"),)), (HeaderTag.SIGNATURE, b"x")))
    assert written == bytes.fromhex("03000504000261000c000178")
    with pytest.raises(ValueError, match="65536 bytes does not fit tag 9"):
        encode_tlv(9, bytes(65536))


# Records


def test_a_record_of_five_bytes_is_read_and_has_nothing() -> None:
    one = small_draft()
    one.records.insert(1, [Tlv(1, b"\0\5")])
    scan = scan_trust_list(one.encode())
    assert scan.complete
    assert scan.trust_list is not None
    assert scan.trust_list.records[1].size == 5
    assert [f.record for f in scan.findings.listed if f.code == "record-missing-field"] == [2]


def test_a_certificate_less_record_has_thirty_three_bytes_and_is_a_note() -> None:
    rows = [*ctl_rows()[:2], (2, None, "gigantic-6.com", "10.35.48.106")]
    one = draft(RECOVERY, rows)
    # D118892: 5 + 16 + 5 + 7; the name there has 12 characters and its NUL.
    one.of_record(3, 2).value = text("cucm-1.local")
    report = verify_trust_list(one.encode(), NOW)
    assert report.trust_list is not None
    assert report.trust_list.records[2].size == 33
    [note] = [f for f in report.findings.listed if f.code == "certificate-less-record"]
    assert (note.severity, note.record) == ("info", 3)
    assert not report.findings.invalid
    assert report.trust_list.records[2].ip_address == "10.35.48.106"


def test_behind_a_wrong_record_length_reading_goes_on_where_a_record_begins() -> None:
    one = small_draft()
    longer = one.records[1]
    longer[-1].length = len(longer[-1].encode()) - 3 + 40
    one.records[1] = longer
    report = scan_trust_list(one.encode())
    assert {"record-length-mismatch", "length-overflow"} <= report.findings.codes
    assert not report.complete


def test_unknown_values_are_kept_and_shown() -> None:
    one = small_draft()
    one.records[2] += [Tlv(11, b"hash"), Tlv(12, b"")]
    one.of_record(3, 10).value = b"\1\2\3\4\5\6"
    data = one.encode()
    trust_list = parse_trust_list(data)
    assert trust_list.encode() == data
    assert trust_list.records[2].ip_address == "01:02:03:04:05:06"
    assert role_name(trust_list.records[2].role_code) == "CCM+TFTP"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"a\x1b[2J\0", "a\x1b[2J"),
        (b"\xff\xfe\0", "ÿþ"),
        ("näme\0".encode(), "näme"),
        (b"\0", ""),
    ],
)
def test_any_text_is_kept(value: bytes, shown: str) -> None:
    one = small_draft()
    one.of_record(3, 2).value = value
    report = verify_trust_list(one.encode(), NOW)
    assert report.trust_list is not None
    assert report.trust_list.records[2].dns_name == shown
    assert not report.findings.invalid


def test_role_names_go_both_ways() -> None:
    for role in Role:
        assert role_from_name(role_name(role).lower()) is role
    assert role_name(5) == "unknown(5)"
    assert role_name(None) == "none"
    with pytest.raises(ValueError, match="no role 'SRST'; known: SAST"):
        role_from_name("SRST")


# Arithmetic of lists whose bytes nobody has, from Cisco's documents.


def sized_record(
    total: int, *, dns: int, subject: int, serial: int, key: int, signature: int | None, cert: int
) -> Draft:
    record = [Tlv(1, b""), Tlv(2, bytes_text(dns)), Tlv(3, bytes_text(subject)), Tlv(4, b"\0\0")]
    record += [Tlv(5, bytes_text(subject)), Tlv(6, b"\1" * serial), Tlv(7, bytes(key))]
    if signature is not None:
        record.append(Tlv(8, bytes(signature)))
    record.append(Tlv(9, bytes(cert)))
    record.append(Tlv(10, bytes(4)))
    one = Draft(header_of(SMALL_RECOVERY.read(), "CTLFile.tlv", 0, SHA512), [record], SMALL_RECOVERY.key_name)
    assert len(one.body()) == total
    return one


def bytes_text(size: int) -> bytes:
    return b"x" * (size - 1) + b"\0"


def test_totals_of_document_118893() -> None:
    # 1156 = 5+19+65+5+65+19+143+131+697+7
    one = sized_record(1156, dns=16, subject=62, serial=16, key=140, signature=128, cert=694)
    scan = scan_trust_list(one.encode())
    assert scan.complete
    assert scan.trust_list is not None
    assert scan.trust_list.records[0].size == 1156
    assert 336 + 1156 + 1156 + 1138 + 1161 == 4947
    # The header of that list: a signer of 62 + 8-byte serial... gives 336 with three padding bytes.
    who = 3 + 62 + 3 + 16 + 3 + 62
    assert who == 149
    unpadded = 10 + 3 + who + 3 + 15 + 3 + 128 + 3 + 12 + 3 + 4
    assert unpadded + 3 == 336


def test_totals_of_document_118892() -> None:
    # An eToken record: 5 + 4 + 59 + 5 + 45 + 13 + 143 + 905 + 7, no tag 8.
    assert 5 + 4 + 59 + 5 + 45 + 13 + 143 + 905 + 7 == 1186
    assert 304 + 1186 + 1186 + 33 + 1004 + 33 == 3746
    etoken = [Tlv(1, b""), Tlv(2, b"\0"), Tlv(3, bytes_text(56)), Tlv(4, b"\0\0"), Tlv(5, bytes_text(42))]
    etoken += [Tlv(6, b"\1" * 10), Tlv(7, bytes(140)), Tlv(9, bytes(902)), Tlv(10, bytes(4))]
    one = small_draft()
    one.records = [etoken, etoken, record_of(2, None, "cucm-1.local", "10.1.1.1")]
    assert [len(x) for x in (one.body(),)] == [1186 + 1186 + 33]
    scan = scan_trust_list(one.encode())
    assert scan.trust_list is not None
    assert [record.size for record in scan.trust_list.records] == [1186, 1186, 33]
