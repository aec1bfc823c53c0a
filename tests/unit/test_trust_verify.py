"""Verification: does a record fit its certificate, who signed, how does a list follow on another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ctlctl_trust import (
    Continuity,
    ContinuityReport,
    Finding,
    ListReport,
    Policy,
    TrustAnchors,
    check_agreement,
    check_continuity,
    diff_lists,
    verify_signed_file,
    verify_trust_list,
)
from ctlctl_trust.names import NameMatch, compare_name, cucm_spelling, same_spelled
from ctlctl_trust.signature import SHA1, SHA256, SHA512
from support.lists import (
    CAPF,
    PHONE,
    PUB,
    RECOVERY,
    SIGNED_AT,
    SMALL_CAPF,
    SMALL_PUB,
    SMALL_RECOVERY,
    SMALL_STRANGER,
    SMALL_SUB,
    STRANGER,
    SUB1,
    TVS,
    Draft,
    Row,
    Tlv,
    ctl_rows,
    draft,
    encrypted_draft,
    header_of,
    itl_rows,
    record_of,
    sgn_draft,
    small_draft,
    small_rows,
    text,
)
from support.pki import cucm_name, der, der_integer, der_name, der_oid, plan, rsa_key
from support.vectors import NOW

RSA = der(0x30, der_oid("1.2.840.113549.1.1.1"), der(5))


def report_on(rows: list[Row], **changes: object) -> ListReport:
    return verify_trust_list(draft(RECOVERY, rows, **changes).encode(), NOW)  # type: ignore[arg-type]


def codes(data: bytes, **changes: object) -> set[str]:
    findings = verify_trust_list(data, NOW, **changes).findings  # type: ignore[arg-type]
    return {f.code.value for f in findings.listed}


def findings_of(data: bytes, code: str) -> list[Finding]:
    return [f for f in verify_trust_list(data, NOW).findings.listed if f.code == code]


def test_good_lists_have_nothing_to_say() -> None:
    assert not report_on(ctl_rows()).findings.total - len(
        findings_of(draft(RECOVERY, ctl_rows()).encode(), "sast-also-ccm-tftp")
    )
    report = report_on(itl_rows(), filename="ITLFile.tlv")
    # One multi-SAN certificate for three nodes is no duplicate.
    assert report.findings.codes == {"sast-also-ccm-tftp"}


def test_a_record_is_a_duplicate_under_the_same_name_only() -> None:
    rows = [*ctl_rows(), (21, TVS.read(), "a", None), (21, TVS.read(), "b", None), (21, TVS.read(), "a", None)]
    [finding] = findings_of(draft(RECOVERY, rows).encode(), "duplicate-record")
    assert finding.record == len(rows)
    assert "record 7" in finding.message


# Records against their certificates


@pytest.mark.parametrize("tag", [3, 5, 6, 7, 8])
def test_each_field_is_held_against_the_certificate(tag: int) -> None:
    one = small_draft()
    other = small_draft().of_record(2, tag).value
    assert other != one.of_record(3, tag).value
    one.of_record(3, tag).value = other
    data = one.encode()
    assert [(f.record, f.tag) for f in findings_of(data, "record-inconsistent")] == [(3, tag)]


def test_a_certificate_that_is_flipped_is_found_by_its_own_signature() -> None:
    rows = [*small_rows()[:2], (2, SMALL_PUB.but(damage=1).read(), "small", None)]
    [finding] = findings_of(draft(SMALL_RECOVERY, rows).encode(), "record-inconsistent")
    assert (finding.record, finding.tag) == (3, 9)
    assert "self-signature" in finding.message


def test_a_key_that_no_list_can_carry() -> None:
    ed25519 = der(0x30, der(0x30, der_oid("1.3.101.112")), der(3, b"\0" + b"\1" * 32))
    one = small_draft()
    one.of_record(3, 9).value = SMALL_PUB.but(spki=ed25519).encode()
    messages = [f.message for f in findings_of(one.encode(), "record-inconsistent")]
    assert "a trust list cannot carry a Ed25519 key" in messages


def etoken_draft(subject: str, issuer: str) -> bytes:
    """A list as a hardware token wrote it: no tag 8, no DNS name, serial reversed, Windows spelling."""
    name = der_name(("C", "US"), ("O", "Cisco Systems"), ("OU", "IPCBU"), ("CN", "SAST-ADN0054f509        "))
    token = plan("", "rsa1024-a", serial=0x31AF4555000000_08E983).but(
        subject=name, issuer=cucm_name("Cisco Manufacturing CA"), issuer_key="rsa1024-e", digest="sha1"
    )
    one = draft(token, [(0, token.read(), "", None), *small_rows()[1:]], digest=SHA1)
    reverse = token.serial.to_bytes(10, "big")[::-1]
    one.records[0] = [m for m in one.records[0] if m.tag != 8]
    for member, value in ((one.of_record(1, 3), text(subject)), (one.of_record(1, 5), text(issuer))):
        member.value = value
    one.of_record(1, 6).value = reverse
    for tag, value in ((4, text(subject)), (5, reverse), (6, text(issuer))):
        one.member(3, tag).value = value
    return one.encode()


def test_lists_of_hardware_tokens_verify_with_warnings() -> None:
    subject = 'cn="SAST-ADN0054f509        ";ou=IPCBU;o="Cisco Systems'
    issuer = "cn=Cisco Manufacturing CA;ou=voice;o=example;l=berlin;s=be;c=de"
    report = verify_trust_list(etoken_draft(subject, issuer), NOW)
    assert not report.findings.invalid
    assert report.signer is not None
    assert report.signer.verified
    warned = {(f.code.value, f.record, f.tag) for f in report.findings.listed}
    assert ("serial-reversed", 1, 6) in warned
    assert ("subject-spelling", 1, 3) in warned
    assert ("subject-spelling", 1, 5) in warned


@pytest.mark.parametrize(
    ("spelling", "match"),
    [
        ("CN=pub.example.com;OU=Voice;O=Example;L=Berlin;ST=BE;C=DE", NameMatch.SAME),
        ("L=Berlin,ST=BE,CN=pub.example.com,OU=Voice,O=Example,C=DE", NameMatch.SAME),
        ("CN=pub.example.com; OU=Voice; O=Example; L=Berlin; ST=BE; C=DE", NameMatch.SPELLING),
        ("C=DE,ST=BE,L=Berlin,O=Example,OU=Voice,CN=pub.example.com", NameMatch.SPELLING),
        ('cn="PUB.example.com";ou=voice;o=example;l=berlin;s=be;c=de', NameMatch.SPELLING),
        ("CN=pub.example.com;OU=Voice;O=Example;L=Berlin;ST=BE;C=DE;x=unknown", NameMatch.SPELLING),
        ("CN=pub.example.com;OU=Voice;O=Example;L=Berlin;ST=BE", NameMatch.DIFFERENT),
        ("CN=sub.example.com;OU=Voice;O=Example;L=Berlin;ST=BE;C=DE", NameMatch.DIFFERENT),
        ("CN=pub.example.com;CN=pub.example.com;OU=Voice;O=Example;L=Berlin;ST=BE;C=DE", NameMatch.DIFFERENT),
        ("", NameMatch.DIFFERENT),
        ("no name at all", NameMatch.DIFFERENT),
        (";;;,,,===", NameMatch.DIFFERENT),
    ],
)
def test_spelling_of_names(spelling: str, match: NameMatch) -> None:
    assert compare_name(spelling, PUB.read().subject) is match


def test_a_value_may_hold_the_other_separator() -> None:
    name = (("CN", "a"), ("O", "Example, Inc."))
    assert cucm_spelling(name) == "CN=a;O=Example, Inc."
    assert compare_name("O=Example, Inc.;CN=a", name) is NameMatch.SPELLING
    assert compare_name("O=Example\\, Inc.,CN=a", name) is NameMatch.SPELLING
    assert same_spelled("CN=a;O=b", "o=B,cn=A")
    assert not same_spelled("", "x")
    assert not same_spelled("x", "y")


# The signer


def test_the_signer_is_found_by_serial_and_issuer_in_any_spelling() -> None:
    one = small_draft()
    one.member(3, 6).value = text("cn=itlrecovery_small.EXAMPLE.com;ou=voice;o=example;l=berlin;st=be;c=de")
    assert "signer-missing" not in codes(one.encode())
    one.member(3, 6).value = text("CN=another CA")
    assert findings_of(one.encode(), "signer-missing")[0].tag == 5
    one = small_draft()
    one.member(3, 5).value = b"\0\0" + bytes.fromhex("41A1B2C3")
    assert "signer-missing" not in codes(one.encode())


def test_the_signer_name_is_held_against_the_record() -> None:
    one = small_draft()
    one.member(3, 4).value = text("CN=somebody else")
    assert findings_of(one.encode(), "record-inconsistent")[0].tag == 4
    one.member(3, 4).value = text("cn=ITLRECOVERY_SMALL.example.com,ou=Voice,o=Example,l=Berlin,st=BE,c=DE")
    assert findings_of(one.encode(), "subject-spelling")[0].tag == 4


def test_two_keys_under_one_name_are_an_alarm_whoever_signed() -> None:
    impostor = plan("ITLRECOVERY_small.example.com", "rsa1024-e", serial=SMALL_RECOVERY.serial, digest="sha1")
    for key in (SMALL_RECOVERY.key_name, impostor.key_name):
        one = draft(SMALL_RECOVERY, [(0, impostor.read(), "", None), *small_rows()])
        one.key = key
        report = verify_trust_list(one.encode(), NOW)
        assert "key-substituted" in report.findings.codes
        assert "bad-signature" not in report.findings.codes
        assert report.signer is not None
        assert report.signer.candidate is not None
        assert report.signer.candidate.number == (1 if key == impostor.key_name else 2)


def test_a_certificate_and_another_of_the_same_key_may_both_sign() -> None:
    renewed = SMALL_RECOVERY.but(not_after=SMALL_RECOVERY.not_after + timedelta(days=1))
    one = draft(SMALL_RECOVERY, [(0, renewed.read(), "", None), *small_rows()])
    assert "key-substituted" not in codes(one.encode())


@pytest.mark.parametrize("exponent", [2**512 + 1, 2**33 + 1], ids=["513-bits", "34-bits"])
def test_a_signer_with_a_giant_exponent_is_not_asked(exponent: int) -> None:
    key = rsa_key("rsa1024-a").public_key().public_numbers()
    public = der(0x30, RSA, der(3, b"\0", der(0x30, der_integer(key.n), der_integer(exponent))))
    signer = SMALL_RECOVERY.but(spki=public)
    one = draft(SMALL_RECOVERY, [(0, signer.read(), "small", None), *small_rows()[1:]])
    assert codes(one.encode()) >= {"bad-signature", "odd-certificate"}


def test_an_ec_signer_is_refused() -> None:
    ec = plan("ec", "ec256", serial=0x99)
    one = small_draft()
    one.member(3, 5).value = b"\x99"
    one.member(3, 4).value = one.member(3, 6).value = text("CN=ec;OU=Voice;O=Example;L=Berlin;ST=BE;C=DE")
    rows = draft(SMALL_RECOVERY, [(0, ec.read(), "", None)]).records
    one.records += rows
    assert "bad-signature" in codes(one.encode())


def test_digests() -> None:
    assert "weak-digest" in codes(small_draft(SHA1).encode())
    data = small_draft(SHA256).encode()
    assert "digest-unsupported" in codes(data)
    assert not verify_trust_list(data, NOW, Policy(allow_sha256=True)).findings.invalid


def test_every_byte_outside_the_signature_is_covered() -> None:
    data = small_draft().encode()
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 0x10
        assert verify_trust_list(bytes(changed), NOW).findings.invalid, place


def test_names_of_files() -> None:
    data = small_draft().encode()
    assert "filename" not in codes(data)
    assert "filename" not in codes(data, policy=Policy(expected_name="CTLFile.tlv"))
    assert "filename" in codes(data, policy=Policy(expected_name="ITLFile.tlv"))
    for name in ("ctlfile.tlv", "x/CTLFile.tlv", "CTLFile.tlv\x07", ""):
        one = small_draft()
        one.member(14).value = text(name)
        assert "filename" in codes(one.encode())


# Time


def test_now_must_have_a_zone() -> None:
    naive = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - what this test is about
    for data in (b"", small_draft().encode()):
        with pytest.raises(ValueError, match="no time zone"):
            verify_trust_list(data, naive)
        with pytest.raises(ValueError, match="no time zone"):
            verify_signed_file(data, naive, encrypted=False)


@pytest.mark.parametrize("now", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
def test_the_first_and_last_instants_there_are(now: datetime) -> None:
    report = verify_trust_list(small_draft().encode(), now)
    assert not report.findings.invalid
    assert ("record-expired" in report.findings.codes) == (now.year > 2034)
    assert ("record-not-yet-valid" in report.findings.codes) == (now.year < 2024)


@pytest.mark.parametrize(
    ("days", "code"),
    [(-1, "record-expired"), (0, "expires-soon"), (89, "expires-soon"), (91, None)],
)
def test_the_end_of_validity(days: int, code: str | None) -> None:
    ending = SMALL_PUB.but(not_after=NOW + timedelta(days=days))
    found = codes(draft(SMALL_RECOVERY, [*small_rows()[:2], (2, ending.read(), "small", None)]).encode())
    assert found & {"record-expired", "expires-soon", "signer-expired"} == ({code} if code else set())


def test_expired_before_it_was_signed() -> None:
    ended = SMALL_PUB.but(not_after=datetime(2025, 1, 1, tzinfo=UTC))
    [finding] = findings_of(
        draft(SMALL_RECOVERY, [*small_rows()[:2], (2, ended.read(), "", None)]).encode(), "record-expired"
    )
    assert "before the list was signed" in finding.message
    later = SMALL_PUB.but(not_after=datetime(2026, 10, 2, tzinfo=UTC))
    [finding] = findings_of(
        draft(SMALL_RECOVERY, [*small_rows()[:2], (2, later.read(), "", None)]).encode(), "record-expired"
    )
    assert "before" not in finding.message


@pytest.mark.parametrize(("stamp", "future"), [(0, False), (0xFFFFFFFF, True), (int(NOW.timestamp()) + 3600, False)])
def test_signing_times(stamp: int, future: bool) -> None:
    found = codes(draft(SMALL_RECOVERY, small_rows(), timestamp=stamp).encode())
    assert ("signed-in-future" in found) == future


# Size and redundancy


def test_one_anchor_is_too_few() -> None:
    assert "single-sast" in codes(draft(SMALL_RECOVERY, [small_rows()[0], small_rows()[2]]).encode())
    assert "single-sast" not in codes(small_draft().encode())
    assert "sast-also-ccm-tftp" in codes(
        draft(SMALL_RECOVERY, [*small_rows(), (2, SMALL_SUB.read(), "", None)]).encode()
    )


@pytest.mark.parametrize(("certificates", "code"), [(38, None), (39, "near-size-limit"), (70, "size-over-64k")])
def test_a_list_that_grows(certificates: int, code: str | None) -> None:
    rows = small_rows() + [(2, SMALL_PUB.read(), f"n{number}", None) for number in range(certificates - 3)]
    found = codes(draft(SMALL_RECOVERY, rows).encode())
    assert found & {"near-size-limit", "size-over-64k"} == ({code} if code else set())


# Anchors


def test_anchors_vouch_by_key() -> None:
    data = small_draft().encode()
    renewed = SMALL_RECOVERY.but(serial=5, subject=cucm_name("renewed"))
    for anchor, vouched in ((SMALL_RECOVERY, True), (renewed, True), (SMALL_SUB, False), (SMALL_STRANGER, False)):
        report = verify_trust_list(data, NOW, anchors=TrustAnchors((anchor.read(),)))
        assert report.anchored is vouched
        assert ("anchor-mismatch" in report.findings.codes) != vouched
    assert verify_trust_list(data, NOW).anchored is None


def test_the_issuer_of_the_signer_is_no_anchor_and_that_is_said() -> None:
    issued = SMALL_RECOVERY.but(issuer=cucm_name("CA"), issuer_key="rsa1024-e")
    data = draft(issued, [(0, issued.read(), "", None), *small_rows()[1:]]).encode()
    authority = plan("CA", "rsa1024-e").read()
    report = verify_trust_list(data, NOW, anchors=TrustAnchors((authority,)))
    [finding] = [f for f in report.findings.listed if f.code == "anchor-mismatch"]
    assert "phones trust keys, not issuers" in finding.message


def test_a_list_that_only_names_an_anchor_is_not_anchored() -> None:
    one = small_draft()
    one.key = SMALL_STRANGER.key_name
    report = verify_trust_list(one.encode(), NOW, anchors=TrustAnchors((SMALL_RECOVERY.read(),)))
    assert "bad-signature" in report.findings.codes
    assert report.anchored is False


# Continuity


def follow(new: bytes, old: bytes) -> ContinuityReport:
    return check_continuity(verify_trust_list(new, NOW), verify_trust_list(old, NOW))


OLD = small_draft().encode()


def test_continuous_by_either_anchor() -> None:
    for signer in (SMALL_RECOVERY, SMALL_SUB):
        report = follow(draft(signer, small_rows(), timestamp=SIGNED_AT + 1).encode(), OLD)
        assert report.continuity is Continuity.CONTINUOUS
        assert len(report.surviving) == 2
        assert not report.findings.total


def test_broken_strict_by_the_ccm_tftp_certificate() -> None:
    report = follow(draft(SMALL_PUB, [(0, SMALL_PUB.read(), "", None), *small_rows()[1:2]]).encode(), OLD)
    assert report.continuity is Continuity.BROKEN_STRICT
    assert report.findings.codes == {"continuity-lenient-only"}
    assert [c.common_name for c in report.surviving] == ["small2.example.com"]
    assert [c.common_name for c in report.lost] == ["ITLRECOVERY_small.example.com"]
    assert [c.common_name for c in report.added] == ["small.example.com"]


def test_broken_and_nobody_left() -> None:
    report = follow(draft(SMALL_STRANGER, [(0, SMALL_STRANGER.read(), "", None)]).encode(), OLD)
    assert report.continuity is Continuity.BROKEN
    assert report.findings.codes == {"continuity-broken", "no-anchor-survives"}
    assert report.surviving == ()


def test_a_name_is_not_enough() -> None:
    forged = plan("ITLRECOVERY_small.example.com", "rsa1024-e", serial=SMALL_RECOVERY.serial, digest="sha1")
    report = follow(draft(forged, [(0, forged.read(), "", None), *small_rows()[1:]]).encode(), OLD)
    assert report.continuity is Continuity.BROKEN
    assert "key-substituted" in report.findings.codes


def test_a_key_is_enough_whatever_its_certificate() -> None:
    renewed = SMALL_RECOVERY.but(serial=77, subject=cucm_name("renewed"))
    report = follow(draft(renewed, [(0, renewed.read(), "", None)]).encode(), OLD)
    assert report.continuity is Continuity.CONTINUOUS


def test_an_older_list_is_a_rollback() -> None:
    report = follow(draft(SMALL_RECOVERY, small_rows(), timestamp=SIGNED_AT - 1).encode(), OLD)
    assert report.continuity is Continuity.CONTINUOUS
    [finding] = report.findings.listed
    assert (finding.code, finding.severity, finding.tag) == ("rollback", "warning", 15)
    assert "2026-09-30 23:59:59Z" in finding.message
    assert not follow(OLD, OLD).findings.total


def test_of_a_list_that_does_not_verify_nothing_is_said() -> None:
    one = small_draft()
    one.key = SMALL_STRANGER.key_name
    for bad in (one.encode(), b"", OLD[:500]):
        assert follow(bad, OLD).continuity is None


# CTL and ITL, difference


def test_an_itl_that_agrees_and_one_that_does_not() -> None:
    ctl = report_on(ctl_rows())
    agreed = check_agreement(report_on(itl_rows(), filename="ITLFile.tlv"), ctl)
    assert agreed is not None
    assert not agreed.total
    rows = [(0, STRANGER.read(), "", None), (2, SUB1.read(), "", None), (4, STRANGER.read(), "", None)]
    itl = verify_trust_list(draft(STRANGER, rows, filename="ITLFile.tlv").encode(), NOW)
    findings = check_agreement(itl, ctl)
    assert findings is not None
    assert {(f.code.value, f.severity.value) for f in findings.listed} == {
        ("ctl-itl-signer", "warning"),
        ("ctl-itl-disagree", "warning"),
    }
    assert "CAPF in the ITL" in findings.listed[1].message
    assert check_agreement(verify_trust_list(b"", NOW), ctl) is None
    flipped = draft(RECOVERY, itl_rows(), filename="ITLFile.tlv").encode()[:-1] + b"\xff"
    assert check_agreement(verify_trust_list(flipped, NOW), ctl) is None


def test_the_difference_of_two_lists() -> None:
    one = report_on(ctl_rows())
    same = diff_lists(one, report_on(list(reversed(ctl_rows()))))
    assert (same.removed, same.added, same.kept, same.same_bytes) == ((), (), 6, False)
    assert diff_lists(one, one).same_bytes
    other = diff_lists(one, report_on([*ctl_rows()[:-1], ctl_rows()[0], (2, None, "x", None)]))
    assert [entry.role_code for entry in other.removed] == [4]
    assert sorted(entry.role_code for entry in other.added) == [0, 2]
    nothing = verify_trust_list(b"", NOW)
    assert diff_lists(nothing, nothing).same_bytes is False
    assert len(diff_lists(nothing, one).added) == 6


# Signed files

PAYLOAD = b"<device/>\n"


def lists() -> tuple[ListReport, ...]:
    return (report_on(ctl_rows()),)


def test_without_a_list_nothing_can_be_decided() -> None:
    report = verify_signed_file(sgn_draft(SUB1, "a.sgn").sign(PAYLOAD), NOW, encrypted=False)
    assert report.findings.undecided
    assert not report.findings.invalid
    assert report.signer is None


def test_an_anchor_alone_says_nothing_of_roles() -> None:
    data = sgn_draft(RECOVERY, "a.sgn").sign(PAYLOAD)
    for anchor in (RECOVERY, SUB1):
        report = verify_signed_file(data, NOW, encrypted=False, anchors=TrustAnchors((anchor.read(),)))
        assert report.findings.codes == {"no-trust-list"}
        assert not report.anchored


def test_the_order_of_lists_does_not_decide() -> None:
    data = sgn_draft(PUB, "a.sgn").sign(PAYLOAD)
    anchors = TrustAnchors((RECOVERY.read(),))
    anchored = verify_trust_list(draft(RECOVERY, ctl_rows()).encode(), NOW, anchors=anchors)
    rows = [(0, STRANGER.read(), "", None), (2, PUB.read(), "", None)]
    other = verify_trust_list(draft(STRANGER, rows).encode(), NOW, anchors=anchors)
    assert (anchored.anchored, other.anchored) == (True, False)
    for lists in ((anchored, other), (other, anchored)):
        assert verify_signed_file(data, NOW, encrypted=False, lists=lists, anchors=anchors).anchored is True
    assert verify_signed_file(data, NOW, encrypted=False, lists=(other,), anchors=anchors).anchored is False


def test_a_list_under_a_signed_files_name_is_none() -> None:
    header = header_of(SUB1.read(), "CTLFile.tlv", SIGNED_AT, SHA512)
    renamed = Draft(header, [], SUB1.key_name, SHA512, [Tlv(1, b"\1\2"), Tlv(2, b"")]).sign(PAYLOAD)
    report = verify_signed_file(renamed, NOW, encrypted=False, lists=(report_on(ctl_rows()),))
    assert report.findings.codes == {"filename", "unusual-version"}


def test_one_serial_number_and_issuer_with_two_keys_in_any_roles() -> None:
    twin = replace(RECOVERY, key_name=STRANGER.key_name)
    report = report_on([*ctl_rows(), (2, twin.read(), "evil", "10.1.1.66")])
    assert report.findings.codes >= {"key-substituted"}
    (finding,) = (f for f in report.findings.listed if f.code == "key-substituted")
    assert finding.record == 7
    assert report.findings.invalid


def token_record(role: int, text: str, dns_name: str | None = None) -> list[Tlv]:
    """A record as lists made with hardware tokens have it, its names replaced by ``text``."""
    made = record_of(role, STRANGER.read(), dns_name or "", "10.1.1.11")
    changed = [Tlv(tlv.tag, text.encode() + b"\0") if tlv.tag in {3, 5} else tlv for tlv in made if tlv.tag != 8]
    return [tlv for tlv in changed if tlv.tag != 2 or dns_name is not None]


@pytest.mark.parametrize(
    ("role", "text", "dns_name", "code"),
    [
        (0, 'cn="stranger.example.com        ";ou=Voi;o="Exam', None, "subject-spelling"),
        (0, "cn=stranger.example.com", None, "subject-spelling"),
        (0, "CN=ITLRECOVERY_pub.example.com;OU=Voice;O=Example", None, "record-inconsistent"),
        (0, "ou=Voice", None, "record-inconsistent"),
        (2, "cn=stranger.example.com", None, "record-inconsistent"),
        (0, "cn=stranger.example.com", "pub", "record-inconsistent"),
    ],
)
def test_a_hardware_tokens_name_may_be_cut_short_but_no_other(
    role: int, text: str, dns_name: str | None, code: str
) -> None:
    one = draft(RECOVERY, ctl_rows())
    one.records.append(token_record(role, text, dns_name))
    codes = {f.code for f in verify_trust_list(one.encode(), NOW).findings.listed if f.record == 7}
    assert codes & {"subject-spelling", "record-inconsistent"} == {code}


def test_a_capf_certificate_of_the_old_list_continues_nothing() -> None:
    rows = [(0, CAPF.read(), "", None), (0, PUB.read(), "", None)]
    new = verify_trust_list(draft(CAPF, rows).encode(), NOW)
    assert check_continuity(new, report_on(ctl_rows())).continuity is Continuity.BROKEN


def test_agreement_is_by_role() -> None:
    rows = [*itl_rows()[:2], (4, PUB.read(), "pub", None)]
    found = check_agreement(report_on(rows, filename="ITLFile.tlv"), report_on(ctl_rows()))
    assert found is not None
    assert found.codes == {"ctl-itl-disagree"}


def test_an_anchor_must_vouch_for_the_list_or_the_signer() -> None:
    data = sgn_draft(SUB1, "a.sgn").sign(PAYLOAD)
    for anchor, vouched in ((RECOVERY, True), (SUB1, True), (STRANGER, False)):
        anchors = TrustAnchors((anchor.read(),))
        asked = (verify_trust_list(draft(RECOVERY, ctl_rows()).encode(), NOW, anchors=anchors),)
        report = verify_signed_file(data, NOW, encrypted=False, lists=asked, anchors=anchors)
        assert report.anchored is vouched
        assert report.findings.invalid != vouched


def test_either_of_two_lists_may_know_the_signer() -> None:
    data = sgn_draft(SUB1, "a.sgn").sign(PAYLOAD)
    itl = report_on(itl_rows(), filename="ITLFile.tlv")
    assert "signer-unknown" in verify_signed_file(data, NOW, encrypted=False, lists=(itl,)).findings.codes
    assert not verify_signed_file(data, NOW, encrypted=False, lists=(itl, *lists())).findings.total


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("SEP001122334455.cnf.xml.sgn", True),
        ("New_Zealand/g3-tones.xml.sgn", True),
        ("..a/b..sgn", True),
        ("", False),
        ("../a.sgn", False),
        ("a/../../b.sgn", False),
        ("/a.sgn", False),
        ("a\\b.sgn", False),
        ("a\x1b.sgn", False),
        ("a\x9b.sgn", False),
        ("a\x7f.sgn", False),
    ],
)
def test_names_of_signed_files(name: str, good: bool) -> None:
    report = verify_signed_file(sgn_draft(SUB1, name).sign(PAYLOAD), NOW, encrypted=False, lists=lists())
    assert report.findings.codes == (set() if good else {"filename"})


def test_the_requested_name_must_be_the_name_inside() -> None:
    data = sgn_draft(SUB1, "a.sgn").sign(PAYLOAD)
    policy = Policy(expected_name="b.sgn")
    report = verify_signed_file(data, NOW, encrypted=False, lists=lists(), policy=policy)
    assert report.findings.codes == {"filename"}


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096])
def test_decrypting(size: int) -> None:
    plain = b"\x0d" * size
    one, payload = encrypted_draft(SUB1, "a.enc.sgn", PHONE, plain)
    data = one.sign(payload)
    report = verify_signed_file(data, NOW, encrypted=True, lists=lists(), decrypt_key=rsa_key(PHONE.key_name))
    assert (report.plaintext, report.findings.total) == (plain, 0)
    without = verify_signed_file(data, NOW, encrypted=True, lists=lists())
    assert without.plaintext is None
    assert without.findings.codes == {"not-decrypted"}
    for other in ("rsa2048-capf", "rsa1024-a"):
        wrong = verify_signed_file(data, NOW, encrypted=True, lists=lists(), decrypt_key=rsa_key(other))
        assert wrong.plaintext is None
        assert wrong.findings.codes & {"key-unwrap", "plaintext-digest"}


def test_padding_of_zero_drops_nothing() -> None:
    one, payload = encrypted_draft(SUB1, "a.enc.sgn", PHONE, b"x" * 16)
    padded = b"x" * 16 + b"\x0d" * 16
    one.member(16, 17, 20).value = b"\0\0"
    import hashlib  # noqa: PLC0415

    one.member(27).value = hashlib.sha512(padded).digest()
    data = one.sign(payload)
    report = verify_signed_file(data, NOW, encrypted=True, lists=lists(), decrypt_key=rsa_key(PHONE.key_name))
    assert report.plaintext == padded


@pytest.mark.parametrize("tags", [(16, 17, 20), (16, 21, 23)])
@pytest.mark.parametrize("size", [0, 1, 3, 20_000])
def test_numbers_of_any_length_are_judged(tags: tuple[int, ...], size: int) -> None:
    one, payload = encrypted_draft(SUB1, "a.enc.sgn", PHONE, b"secret")
    one.member(*tags).value = b"\xff" * size
    data = one.sign(payload)
    report = verify_signed_file(data, NOW, encrypted=True, lists=lists(), decrypt_key=rsa_key(PHONE.key_name))
    assert report.findings.codes == {"bad-length"}
    assert report.plaintext is None


def test_nothing_is_decrypted_that_nobody_signed() -> None:
    one, payload = encrypted_draft(SUB1, "a.enc.sgn", PHONE, b"secret")
    one.key = STRANGER.key_name
    data = one.sign(payload)
    report = verify_signed_file(data, NOW, encrypted=True, lists=lists(), decrypt_key=rsa_key(PHONE.key_name))
    assert report.plaintext is None
    assert report.findings.codes == {"bad-signature"}


def test_input_over_the_limit_is_not_read() -> None:
    report = verify_signed_file(bytes(4 * 1024 * 1024 + 1), NOW, encrypted=False, lists=lists())
    assert report.findings.codes == {"too-large"}


def test_a_report_is_a_value() -> None:
    one, other = report_on(ctl_rows()), report_on(ctl_rows())
    assert one.findings == other.findings
    assert one.trust_list == other.trust_list
    assert hash(replace(one.trust_list.records[0])) == hash(one.trust_list.records[0]) if one.trust_list else False
    assert Tlv(1, b"").encode() == b"\x01\0\0"
    assert SMALL_CAPF.read().self_signature
