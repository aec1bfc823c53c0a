"""Every shared vector gets the verdict, a reason and the place that its index says."""

import hashlib

import pytest

from ctlctl_trust import (
    ListReport,
    SignedReport,
    check_continuity,
    scan_trust_list,
    verify_signed_file,
    verify_trust_list,
)
from support.vectors import NOW, SKIP_REASON, Vector, hold, named, shared, shared_index, verify_vector

pytestmark = pytest.mark.skipif(not shared_index(), reason=SKIP_REASON)


def report_on(vector: Vector) -> ListReport | SignedReport:
    # What the index gives no list was made with the list beside it.
    return verify_vector(vector, shared, "tlv/sast2048_sha512_v11_allroles.tlv")


@pytest.mark.parametrize("vector", shared_index(), ids=str)
def test_verdict_reason_and_place(vector: Vector) -> None:
    assert hashlib.sha256(shared(vector.name)).hexdigest() == vector.sha256, "the vector's bytes are not the index's"
    hold(vector, report_on(vector).findings)


@pytest.mark.parametrize("vector", [v for v in shared_index() if v.kind == "tlv"], ids=str)
def test_what_was_read_is_written_back_byte_for_byte(vector: Vector) -> None:
    data = shared(vector.name)
    scan = scan_trust_list(data)
    if vector.verdict != "invalid":
        assert scan.complete
    if scan.complete:
        assert scan.trust_list is not None
        assert scan.trust_list.encode() == data


@pytest.mark.parametrize("vector", [v for v in shared_index() if v.continuity_from], ids=str)
def test_continuity(vector: Vector) -> None:
    assert vector.continuity_from is not None
    new, old = (verify_trust_list(shared(name), NOW) for name in (vector.name, vector.continuity_from))
    report = check_continuity(new, old)
    assert report.continuity == vector.continuity
    codes = report.findings.codes
    assert ("continuity-broken" in codes) == (vector.continuity == "broken")
    assert ("continuity-lenient-only" in codes) == (vector.continuity == "broken-strict")


@pytest.mark.parametrize("vector", [v for v in shared_index() if v.decrypt_key], ids=str)
def test_decrypting_gives_the_plain_file(vector: Vector) -> None:
    report = report_on(vector)
    assert isinstance(report, SignedReport)
    assert report.plaintext is not None
    assert report.plaintext.startswith(b"<")
    assert report.signer is not None
    assert report.signer.verified


@pytest.mark.parametrize("vector", named("sgn/"), ids=str)
def test_a_signed_file_is_refused_after_any_change_of_its_payload(vector: Vector) -> None:
    data = shared(vector.name)
    lists = (verify_trust_list(shared(vector.trust_list or ""), NOW),)
    encrypted = vector.kind == "enc.sgn"
    for changed in (data + b"\n", data[:-1], data[:-1] + bytes((data[-1] ^ 1,))):
        report = verify_signed_file(changed, NOW, encrypted=encrypted, lists=lists)
        assert "bad-signature" in report.findings.codes


def test_the_genuine_list_says_what_show_ctl_says() -> None:
    report = verify_trust_list(shared("real/CTLFile_cucm_genuine_2015.tlv"), NOW)
    assert report.trust_list is not None
    assert report.signer is not None
    assert report.signer.verified
    header = report.trust_list.header
    assert (header.version, header.length, header.timestamp) == ((1, 2), 312, 0x554AD7B7)
    assert header.signer_version is None
    assert [record.role_code for record in report.trust_list.records] == [0, 2, 2, 4, 0, 2]
    assert report.trust_list.records[0].dns_name == "gigantic-6"
    assert report.trust_list.records[0].ip_address == "10.35.48.106"
    assert all(c is not None and c.self_signature for c in report.certificates)
    assert report.findings.codes >= {"record-expired", "signer-expired", "weak-digest", "weak-key"}
