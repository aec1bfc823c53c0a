"""What holds of every list, however made, and of all other bytes."""

from contextlib import suppress
from datetime import UTC, datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from ctlctl_trust import (
    Certificate,
    CertificateError,
    FilePlan,
    Kind,
    Layout,
    ListPlan,
    RecordPlan,
    TrustListError,
    build_signed_file,
    build_trust_list,
    check_continuity,
    diff_lists,
    parse_trust_list,
    read_certificate,
    scan_trust_list,
    verify_signed_file,
    verify_trust_list,
)
from ctlctl_trust.certificatename import read_name
from ctlctl_trust.names import NameMatch, comma_spelling, compare_name, cucm_spelling
from ctlctl_trust.signature import SHA1, SHA512
from ctlctl_trust.tlv import Role
from support.invariants import hold_findings, small_report
from support.lists import (
    SMALL_CAPF,
    SMALL_PUB,
    SMALL_RECOVERY,
    SMALL_STRANGER,
    SMALL_SUB,
    SUB1,
    encrypted_draft,
    sgn_draft,
    signature_place,
    small_draft,
)
from support.mutate import mutated, turn_bytes
from support.pki import plan, rsa_key
from support.vectors import NOW, own, own_index

SIGNERS = (SMALL_RECOVERY, SMALL_SUB, SMALL_STRANGER)


def certificates() -> list[Certificate]:
    small = [one.read() for one in (SMALL_RECOVERY, SMALL_SUB, SMALL_PUB, SMALL_CAPF, SMALL_STRANGER)]
    return [
        *small,
        *[
            plan(f"{key}.example.com", key, serial=0x80 + number).read()
            for number, key in enumerate(("ec256", "ec384", "ec521"))
        ],
    ]


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=40)
addresses = st.none() | st.ip_addresses(v=4).map(str)
records = st.builds(
    RecordPlan,
    st.sampled_from(Role),
    st.none() | st.sampled_from(certificates()),
    st.none() | texts,
    addresses,
    st.booleans(),
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[ListPlan, int]:
    """A plan that can be built, and which of `SIGNERS` signs it."""
    number = draw(st.integers(0, len(SIGNERS) - 1))
    rows = draw(st.lists(records, max_size=8))
    rows.insert(draw(st.integers(0, len(rows))), RecordPlan(Role.SAST, SIGNERS[number].read(), draw(texts)))
    version = st.none() | st.tuples(st.integers(0, 255), st.integers(0, 255))
    timestamp = draw(st.integers(0, 0xFFFFFFFF))
    digest, layout = draw(st.sampled_from([SHA1, SHA512])), draw(st.sampled_from(Layout))
    return ListPlan(draw(st.sampled_from(Kind)), rows, timestamp, digest, layout, draw(version)), number


@given(plans())
@settings(max_examples=150)
def test_what_is_built_verifies_and_is_written_back(made: tuple[ListPlan, int]) -> None:
    plan, number = made
    data = build_trust_list(plan, SIGNERS[number].identity())
    trust_list = parse_trust_list(data)
    assert trust_list.encode() == data
    assert trust_list.kind is plan.kind
    assert trust_list.header.timestamp == plan.timestamp
    assert trust_list.header.signer_version == plan.signer_version
    report = verify_trust_list(data, NOW)
    assert not report.findings.invalid, report.findings.listed
    assert report.findings.codes.isdisjoint(
        {"odd-certificate", "subject-spelling", "unaligned-header", "excess-padding"}
    )
    for record, planned in zip(trust_list.records, plan.records, strict=True):
        assert record.role_code == planned.role
        assert record.certificate == (planned.certificate.der if planned.certificate else None)
        if plan.layout is Layout.CUCM:
            assert record.dns_name == (planned.dns_name or "")
            assert record.ip_address == planned.ip_address
    # Whatever a list is, it follows on itself.
    assert check_continuity(report, report).continuity == "continuous"
    assert diff_lists(report, report).same_bytes
    # The same plan gives the same bytes.
    assert build_trust_list(plan, SIGNERS[number].identity()) == data


GOOD = small_draft().encode()


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=400)
def test_no_byte_of_a_good_list_can_be_changed(place: int, difference: int) -> None:
    """The signature covers all but its own TLV, and in that no other bytes are right: each change is an error."""
    changed = bytearray(GOOD)
    changed[place] ^= difference
    report = verify_trust_list(bytes(changed), NOW)
    assert report.findings.invalid
    hold_findings(report.findings, len(GOOD))
    start, size = signature_place(GOOD) or (0, 0)
    if start + 3 <= place < start + 3 + size:
        assert report.findings.codes >= {"bad-signature"}


@given(st.integers(0, len(GOOD)), st.binary(min_size=1, max_size=20))
@settings(max_examples=100)
def test_nothing_can_be_put_in(place: int, more: bytes) -> None:
    assert verify_trust_list(GOOD[:place] + more + GOOD[place:], NOW).findings.invalid


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 2000))
@settings(max_examples=100)
def test_nothing_can_be_taken_out(place: int, count: int) -> None:
    assert verify_trust_list(GOOD[:place] + GOOD[place + count :], NOW).findings.invalid


def read_everything(data: bytes) -> None:
    scan = scan_trust_list(data)
    hold_findings(scan.findings, len(data))
    assert scan.complete or scan.findings.invalid
    if scan.complete:
        assert scan.trust_list is not None
        assert scan.trust_list.encode() == data
    try:
        parse_trust_list(data)
    except TrustListError:
        assert scan.findings.invalid
    report = verify_trust_list(data, NOW)
    assert verify_trust_list(data, NOW).findings == report.findings
    hold_findings(report.findings, len(data))
    for encrypted in (False, True):
        signed = verify_signed_file(
            data, NOW, encrypted=encrypted, lists=(small_report(),), decrypt_key=rsa_key("rsa1024-c")
        )
        hold_findings(signed.findings, len(data))


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda rest: GOOD[:10] + rest))
@settings(max_examples=300)
def test_any_bytes_are_judged_and_never_raise(data: bytes) -> None:
    read_everything(data)


FILES = [own(vector.name) for vector in own_index() if len(own(vector.name)) < 5000]


@given(st.sampled_from(FILES), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=300)
def test_any_well_formed_change_is_judged(data: bytes, random: Random, records: bool) -> None:
    read_everything(mutated(data, 8192, random, turn_bytes(random), rsa_key("rsa1024-a"), records=records))


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=100)
def test_any_prefix_is_judged(data: bytes, choose: st.DataObject) -> None:
    read_everything(data[: choose.draw(st.integers(0, len(data)))])


@given(st.datetimes(timezones=st.timezones()))
@settings(max_examples=60)
def test_any_aware_instant_will_do(now: datetime) -> None:
    report = verify_trust_list(GOOD, now)
    assert not report.findings.invalid
    assert report.findings == verify_trust_list(GOOD, now.astimezone(UTC)).findings if 1 < now.year < 9999 else True


PAYLOAD = st.binary(max_size=200)
FILENAMES = st.from_regex(r"[A-Za-z0-9_]{1,20}(/[A-Za-z0-9_.-]{1,20})?\.sgn", fullmatch=True)


@given(FILENAMES, PAYLOAD, st.sampled_from([SHA1, SHA512]), st.sampled_from(Layout), st.integers(0, 0xFFFFFFFF))
@settings(max_examples=100)
def test_signed_files(name: str, payload: bytes, digest, layout: Layout, stamp: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    data = build_signed_file(FilePlan(name, stamp, digest, layout), payload, SMALL_PUB.identity())
    report = verify_signed_file(data, NOW, encrypted=False, lists=(small_report(),))
    assert not report.findings.invalid
    assert report.header is not None
    assert data[report.header.length :] == payload
    assert verify_signed_file(data + b"\0", NOW, encrypted=False, lists=(small_report(),)).findings.invalid


SIGNED = sgn_draft(SMALL_PUB, "SEP001122334455.cnf.xml.sgn").sign(b"<device/>")
DRAFT, CIPHERTEXT = encrypted_draft(SMALL_PUB, "SEP001122334455.cnf.xml.enc.sgn", SMALL_CAPF, b"<device/>")
ENCRYPTED = DRAFT.sign(CIPHERTEXT)


@given(st.booleans(), st.data(), st.integers(1, 255))
@settings(max_examples=300)
def test_no_byte_of_a_signed_file_can_be_changed(encrypted: bool, choose: st.DataObject, difference: int) -> None:
    good = ENCRYPTED if encrypted else SIGNED
    changed = bytearray(good)
    changed[choose.draw(st.integers(0, len(good) - 1))] ^= difference
    key = rsa_key(SMALL_CAPF.key_name)
    for data, invalid in ((good, False), (bytes(changed), True)):
        report = verify_signed_file(data, NOW, encrypted=encrypted, lists=(small_report(),), decrypt_key=key)
        assert report.findings.invalid == invalid
        assert (report.plaintext is not None) == (encrypted and not invalid)


@given(st.binary(max_size=120) | st.integers(0, 600).flatmap(lambda end: st.just(SUB1.encode()[:end])))
@settings(max_examples=200)
def test_any_bytes_are_a_certificate_or_refused(data: bytes) -> None:
    with suppress(CertificateError):
        assert read_certificate(data).der == data
    with suppress(ValueError):
        assert isinstance(read_name(data), tuple)


pairs = st.lists(
    st.tuples(st.sampled_from(["CN", "OU", "O", "L", "ST", "C"]), st.text("abc XYZ.-_äß", min_size=1, max_size=12)),
    min_size=1,
    max_size=8,
).map(tuple)


@given(pairs, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_a_name_is_known_in_any_order_and_case(name: tuple[tuple[str, str], ...], random: Random) -> None:
    assert compare_name(cucm_spelling(name), name) is NameMatch.SAME
    assert compare_name(comma_spelling(name), name) is NameMatch.SAME
    turned = list(name)
    random.shuffle(turned)
    text = ";".join(f'{kind.lower()}="{value.upper()}"' for kind, value in turned)
    # German sharp s has two letters in upper case; case folding knows.
    assert compare_name(text, name) is not NameMatch.DIFFERENT
    assert compare_name(text + ";CN=more", name) is NameMatch.DIFFERENT


@given(st.text(max_size=200), pairs)
@settings(max_examples=150)
def test_any_text_can_be_compared_with_a_name(text: str, name: tuple[tuple[str, str], ...]) -> None:
    assert compare_name(text, name) in NameMatch
