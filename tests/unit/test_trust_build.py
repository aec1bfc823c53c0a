"""Building lists and signed files: what comes out verifies, what cannot be written is refused with the reason."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ctlctl_trust import (
    BuildError,
    ContentKey,
    FilePlan,
    Kind,
    Layout,
    ListPlan,
    RecordPlan,
    SigningIdentity,
    build_encrypted_file,
    build_signed_file,
    build_trust_list,
    verify_signed_file,
    verify_trust_list,
)
from ctlctl_trust.signature import SHA1, SHA256, SHA512, Digest
from ctlctl_trust.tlv import Role
from support.lists import (
    CONTENT_IV,
    CONTENT_KEY,
    PHONE,
    RECOVERY,
    SIGNED_AT,
    SMALL_RECOVERY,
    SUB1,
    Row,
    ctl_rows,
    draft,
    itl_rows,
    list_plan,
    sgn_draft,
    small_rows,
    wrapped_key,
)
from support.pki import CertificatePlan, cucm_name, der, der_name, der_oid, plan, rsa_key
from support.vectors import NOW


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("digest", [SHA1, SHA512], ids=["sha1", "sha512"])
@pytest.mark.parametrize("key", ["rsa1024-a", "rsa2048-recovery", "rsa4096"])
def test_every_size_digest_and_layout_verifies(key: str, digest: Digest, layout: Layout) -> None:
    signer = plan("signer", key, serial=0x80FF)
    rows: list[Row] = [(0, signer.read(), "s", "10.0.0.1"), *small_rows()[1:]]
    built = build_trust_list(list_plan(rows, digest=digest, layout=layout, signer_version=(1, 1)), signer.identity())
    report = verify_trust_list(built, NOW)
    assert report.findings.codes <= {"weak-key", "weak-digest"}
    assert report.trust_list is not None
    assert report.trust_list.encode() == built
    assert report.trust_list.header.signer_version == (1, 1)
    assert report.trust_list.header.length % 4 == 0
    assert report.trust_list.records[0].dns_name == ("s" if layout is Layout.CUCM else None)


def test_cucm_spelling_and_order_are_those_of_another_writer() -> None:
    for rows, kind, name in ((ctl_rows(), Kind.CTL, "CTLFile.tlv"), (itl_rows(), Kind.ITL, "ITLFile.tlv")):
        assert (
            build_trust_list(list_plan(rows, kind), RECOVERY.identity())
            == draft(RECOVERY, rows, filename=name).encode()
        )
    assert build_signed_file(FilePlan("a.sgn", SIGNED_AT, layout=Layout.CUCM), b"x", SUB1.identity())[:3] == b"\1\0\2"


@pytest.mark.parametrize("key", ["ec256", "ec384", "ec521"])
def test_ec_records(key: str) -> None:
    rows: list[Row] = [*small_rows(), (3, plan("ec", key).read(), "ec", None)]
    assert not verify_trust_list(build_trust_list(list_plan(rows), SMALL_RECOVERY.identity()), NOW).findings.invalid


def test_records_without_certificate_signature_or_address() -> None:
    rows = [*list_plan(small_rows()).records, RecordPlan(Role.CCM_TFTP, None, "node", "10.9.8.7")]
    rows[1] = RecordPlan(Role.SAST, rows[1].certificate, with_signature=False)
    report = verify_trust_list(build_trust_list(ListPlan(Kind.CTL, rows, SIGNED_AT), SMALL_RECOVERY.identity()), NOW)
    assert not report.findings.invalid
    assert report.trust_list is not None
    assert report.trust_list.records[1].signature is None
    assert report.trust_list.records[3].ip_address == "10.9.8.7"


def refuse(match: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(BuildError, match=match):
        make()


def build(signer: CertificatePlan, rows: list[Row], **changes: object) -> bytes:
    return build_trust_list(list_plan(rows, Kind.CTL, **changes), signer.identity())


def test_signers_that_cannot_sign() -> None:
    big = plan("big", "rsa3072")
    refuse(
        r"RSA-3072 key cannot sign: .*RSA 1024, 2048, 4096 only \(none for 3072\)",
        lambda: build(big, [(0, big.read(), "", None)]),
    )
    ec = plan("ec", "ec256").read()
    identity = SigningIdentity(ec, lambda *_: b"")
    refuse("EC secp256r1 key cannot sign", lambda: build_trust_list(list_plan([(0, ec, "", None)]), identity))
    with pytest.raises(BuildError, match="not the key of the certificate"):
        SigningIdentity.from_key(RECOVERY.read(), rsa_key("rsa1024-a"))
    short = SigningIdentity(RECOVERY.read(), lambda *_: bytes(255))
    refuse("255 bytes, a RSA-2048 key makes 256", lambda: build_trust_list(list_plan(ctl_rows()), short))


def test_the_signer_must_be_a_sast_of_the_list() -> None:
    for rows in ([*ctl_rows()[1:]], [(2, RECOVERY.read(), "", None)], [(0, None, "", None)]):
        refuse("is no SAST record of the list", lambda rows=rows: build(RECOVERY, rows))  # type: ignore[misc]
    refuse("at least one record", lambda: build(RECOVERY, []))


def test_what_does_not_fit() -> None:
    refuse("SHA-256 is not written", lambda: build(RECOVERY, ctl_rows(), digest=SHA256))
    refuse("32 bits of TIMESTAMP", lambda: build(RECOVERY, ctl_rows(), timestamp=2**32))
    refuse("32 bits of TIMESTAMP", lambda: build(RECOVERY, ctl_rows(), timestamp=-1))
    refuse("no IPv4 address", lambda: build(RECOVERY, [(*ctl_rows()[0][:3], "2001:db8::1")]))
    refuse("no IPv4 address", lambda: build(RECOVERY, [(*ctl_rows()[0][:3], "")]))
    refuse("NUL inside", lambda: build(RECOVERY, [(0, RECOVERY.read(), "a\0b", None)]))
    refuse("cannot be written", lambda: build(RECOVERY, [(0, RECOVERY.read(), "\ud800", None)]))
    refuse("does not fit tag 2", lambda: build(RECOVERY, [(0, RECOVERY.read(), "x" * 70_000, None)]))
    refuse("RECORDLENGTH has 16 bits", lambda: build(RECOVERY, [(0, RECOVERY.read(), "x" * 65_000, None)]))


def test_a_list_over_64_kib_is_refused() -> None:
    rows = small_rows() + [(2, SMALL_RECOVERY.read(), f"n{number}", None) for number in range(60)]
    refuse(r"6\d,\d{3} bytes and 63 records: phones fail to load", lambda: build(SMALL_RECOVERY, rows))


def test_names_that_cannot_be_written() -> None:
    nul = SMALL_RECOVERY.but(subject=der_name(("CN", b"a\0b")))
    refuse("NUL inside", lambda: build(nul, [(0, nul.read(), "", None)]))
    endless = SMALL_RECOVERY.but(subject=der_name(("CN", b"x" * 40_000)))
    refuse("does not fit", lambda: build(endless, [(0, endless.read(), "", None)]))
    refuse("does not fit", lambda: build_signed_file(FilePlan("a.sgn", 0, layout=Layout.CUCM), b"", endless.identity()))


def test_keys_that_no_list_carries() -> None:
    ed = SMALL_RECOVERY.but(spki=der(0x30, der(0x30, der_oid("1.3.101.112")), der(3, b"\0" + b"\1" * 32)))
    refuse("cannot carry a Ed25519 key", lambda: build(RECOVERY, [*ctl_rows(), (2, ed.read(), "", None)]))


@pytest.mark.parametrize("name", ["", "../a.sgn", "/a", "a\\b", "a\nb"])
def test_names_of_signed_files(name: str) -> None:
    refuse("the file name", lambda: build_signed_file(FilePlan(name, SIGNED_AT), b"", SUB1.identity()))


def test_a_signed_file_is_what_another_writer_makes() -> None:
    one = sgn_draft(SUB1, "a.sgn")
    who = one.member(3)
    # The order known from the one independent writer.
    who.value = [one.member(3, tag) for tag in (4, 6, 5)]
    plan = FilePlan("a.sgn", SIGNED_AT, layout=Layout.CUCM)
    other = build_signed_file(plan, b"payload", SUB1.identity())
    report = verify_signed_file(
        other, NOW, encrypted=False, lists=(verify_trust_list(draft(RECOVERY, ctl_rows()).encode(), NOW),)
    )
    assert report.findings.total == 0
    assert len(other) == len(one.sign(b"payload"))


def encrypt(phone: CertificatePlan, content: ContentKey, plaintext: bytes = b"<device/>") -> bytes:
    return build_encrypted_file(
        FilePlan("a.enc.sgn", SIGNED_AT, layout=Layout.CUCM), plaintext, SUB1.identity(), phone.read(), content
    )


def test_encrypting_for_a_phone() -> None:
    lists = (verify_trust_list(draft(RECOVERY, ctl_rows()).encode(), NOW),)
    for wrapped in (None, wrapped_key(PHONE.key_name)):
        data = encrypt(PHONE, ContentKey(CONTENT_KEY, CONTENT_IV, wrapped))
        report = verify_signed_file(data, NOW, encrypted=True, lists=lists, decrypt_key=rsa_key(PHONE.key_name))
        assert (report.plaintext, report.findings.total) == (b"<device/>", 0)


def test_what_cannot_be_encrypted() -> None:
    good = ContentKey(CONTENT_KEY, CONTENT_IV)
    refuse("an EC secp256r1 key", lambda: encrypt(plan("phone", "ec256"), good))
    refuse("16 bytes each", lambda: encrypt(PHONE, ContentKey(b"short", CONTENT_IV)))
    refuse("16 bytes each", lambda: encrypt(PHONE, ContentKey(CONTENT_KEY, b"")))
    refuse("the wrapped key has 5 bytes", lambda: encrypt(PHONE, ContentKey(CONTENT_KEY, CONTENT_IV, b"wrong")))
    assert CONTENT_KEY.hex() not in repr(good) + str(good)
    assert str(CONTENT_KEY) not in repr(good)


def test_an_identity_signs_what_it_is_given() -> None:
    asked: list[bytes] = []
    key = rsa_key("rsa2048-recovery")
    real = RECOVERY.identity()

    def sign(message: bytes, digest: Digest) -> bytes:
        asked.append(message)
        return real.sign(message, digest)

    built = build_trust_list(list_plan(ctl_rows()), SigningIdentity(RECOVERY.read(), sign))
    offset = built.index(b"\x0c\x01\x00")
    assert asked == [built[:offset] + built[offset + 3 + 256 :]]
    assert isinstance(key, rsa.RSAPrivateKey)
    assert cucm_name("x") != cucm_name("y")
