"""Reading certificates: clean ones, those a strict parser refuses, and hostile ones."""

import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ctlctl_trust import Certificate, CertificateError, read_certificate
from ctlctl_trust.certificatename import read_name, read_outline
from ctlctl_trust.recordcheck import serial_bytes
from support.lists import SMALL_PUB, SMALL_SUB, SUB1
from support.pki import (
    END,
    CertificatePlan,
    cucm_name,
    der,
    der_extension,
    der_integer,
    der_name,
    der_oid,
    der_time,
    plan,
    san_extension,
)

BASE = SMALL_PUB


@pytest.fixture(autouse=True)
def _nothing_warns() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def odd(plan: CertificatePlan) -> Certificate:
    certificate = plan.read()
    assert certificate.odd is not None
    return certificate


def spki(algorithm: bytes, bits: bytes) -> bytes:
    return der(0x30, algorithm, der(3, b"\0", bits))


RSA = der(0x30, der_oid("1.2.840.113549.1.1.1"), der(5))


def rsa_spki(modulus: int, exponent: int) -> bytes:
    return spki(RSA, der(0x30, der_integer(modulus), der_integer(exponent)))


def ec_spki(curve: str, point: bytes) -> bytes:
    return spki(der(0x30, der_oid("1.2.840.10045.2.1"), der_oid(curve)), point)


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_self_signatures_of_every_digest_are_checked(digest: str) -> None:
    assert BASE.but(digest=digest).read().self_signature is True
    assert BASE.but(digest=digest, damage=1).read().self_signature is False


@pytest.mark.parametrize(
    ("key", "label", "size"),
    [("ec256", "EC secp256r1", 65), ("ec384", "EC secp384r1", 97), ("ec521", "EC secp521r1", 133)],
)
def test_ec_keys_are_points(key: str, label: str, size: int) -> None:
    certificate = plan("ec", key).read()
    assert (certificate.key_label, len(certificate.list_key or b"")) == (label, size)
    assert certificate.self_signature is True
    assert plan("ec", key, damage=1).read().self_signature is False


def test_a_ca_signed_certificate_is_not_judged_by_its_own_key() -> None:
    certificate = BASE.but(issuer=cucm_name("CA"), issuer_key=SMALL_SUB.key_name).read()
    assert (certificate.self_signature, certificate.odd) == (None, None)


def test_self_issued_by_another_key_says_so_by_its_key_identifiers() -> None:
    identifiers = (
        der_extension("2.5.29.14", der(4, b"mine")),
        der_extension("2.5.29.35", der(0x30, der(0x80, b"old"))),
    )
    renewed = BASE.but(issuer_key=SMALL_SUB.key_name, extensions=identifiers)
    assert renewed.read().self_signature is None
    assert "could not be checked" in (renewed.read().odd or "")
    # Without identifiers, or with equal ones, it is a bad signature.
    assert renewed.but(extensions=()).read().self_signature is False
    same = (identifiers[0], der_extension("2.5.29.35", der(0x30, der(0x80, b"mine"))))
    assert renewed.but(extensions=same).read().self_signature is False


@pytest.mark.parametrize(
    "extensions",
    [
        (san_extension("a"),) * 2,
        (der_extension("2.5.29.17", der(0x30, der(0xA3, der(0x30)))),),
        (der_extension("2.5.29.35", b"junk"), der_extension("2.5.29.14", b"x")),
        (
            der_extension(
                "2.5.29.32",
                der(
                    0x30,
                    der(
                        0x30,
                        der_oid("1.2.3"),
                        der(0x30, der(0x30, der_oid("1.3.6.1.5.5.7.2.2"), der(0x30, der(0x1A, "ä".encode())))),
                    ),
                ),
            ),
        ),
    ],
    ids=["twice", "x400-name", "junk", "visible-string"],
)
def test_strange_extensions_neither_raise_nor_warn(extensions: tuple[bytes, ...]) -> None:
    assert BASE.but(extensions=extensions).read().self_signature is True
    assert BASE.but(extensions=extensions, damage=1).read().self_signature is False


@pytest.mark.parametrize(
    ("serial", "word"),
    [(0, "0"), (-1, "negative"), (-(2**200), "negative"), (-(2**40_000), "negative")],
    ids=["zero", "minus-one", "200-bits", "40000-bits"],
)
def test_serial_numbers_that_are_not_positive(serial: int, word: str) -> None:
    certificate = odd(BASE.but(serial=serial))
    assert certificate.serial == serial
    assert f"its serial number is {word}" in (certificate.odd or "")
    assert certificate.self_signature is True
    assert odd(BASE.but(serial=serial, damage=1)).self_signature is False


@pytest.mark.parametrize("serial", [1, 0x7F, 0x80, 0xFF, 2**63, 2**159, 2**40_000], ids=int.bit_length)
def test_positive_serial_numbers_of_any_length(serial: int) -> None:
    certificate = BASE.but(serial=serial).read()
    assert (certificate.serial, certificate.odd) == (serial, None)
    assert int.from_bytes(serial_bytes(serial), "big") == serial


@pytest.mark.parametrize(
    ("serial", "text"),
    [(0, "00"), (-1, "ff"), (-128, "80"), (-129, "ff7f"), (-256, "ff00"), (255, "ff"), (256, "0100")],
)
def test_serial_bytes_are_minimal(serial: int, text: str) -> None:
    assert serial_bytes(serial).hex() == text


@pytest.mark.parametrize("version", [1, 5, 7, 127])
def test_x509_versions_that_cryptography_refuses(version: int) -> None:
    certificate = odd(BASE.but(version=b"\xa0\x03\x02\x01" + bytes((version,))))
    assert "not a valid X509 version" in (certificate.odd or "")
    assert certificate.key_label == "RSA-1024"


def test_a_certificate_of_version_one() -> None:
    certificate = BASE.but(version=b"").read()
    assert (certificate.odd, certificate.self_signature) == (None, True)


@pytest.mark.parametrize(
    ("tag", "stamp", "meant"),
    [
        (0x18, b"20240101000000", datetime(2024, 1, 1, tzinfo=UTC)),
        (0x18, b"20240101000000+0100", datetime(2023, 12, 31, 23, tzinfo=UTC)),
        (0x18, b"2024010112Z", datetime(2024, 1, 1, 12, tzinfo=UTC)),
        (0x17, b"240101000000-0100", datetime(2024, 1, 1, 1, tzinfo=UTC)),
        (0x17, b"2401010000Z", datetime(2024, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_in_other_forms_are_read_alike_in_every_zone(
    tag: int, stamp: bytes, meant: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = BASE.but(validity=der(0x30, der(tag, stamp), der_time(END)), serial=int.from_bytes(stamp, "big"))
    for zone in ("America/New_York", "UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        certificate = odd(encoded)
        assert certificate.not_before == meant
        assert certificate.not_before.utcoffset() is not None
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "stamp", [b"", b"00000101000000Z", b"00010101000000+1400", b"99991231235959-1200", b"20241301000000Z", b"junk"]
)
def test_times_that_are_none(stamp: bytes) -> None:
    with pytest.raises(CertificateError):
        BASE.but(validity=der(0x30, der(0x18, stamp), der_time(END))).read()


@pytest.mark.parametrize(
    ("tag", "value", "meant"),
    [
        (0x0C, "Zürich".encode(), "Zürich"),
        (0x13, b"plain", "plain"),
        (0x13, b"", ""),
        (0x14, b"Z\xfcrich", "Zürich"),
        (0x16, b"a@b", "a@b"),
        (0x1A, b"visible", "visible"),
        (0x12, b"12 3", "12 3"),
        (0x1E, "Zürich".encode("utf-16-be"), "Zürich"),
        (0x1C, "Zürich".encode("utf-32-be"), "Zürich"),
        (0x0C, b"nul\0\x1b[2Jl", "nul\0\x1b[2Jl"),
        (0x0C, b"x" * 300, "x" * 300),
        (0x03, b"\0abc", "00616263"),
        (0x04, b"abc", "616263"),
    ],
)
def test_string_types_of_names(tag: int, value: bytes, meant: str) -> None:
    certificate = BASE.but(subject=der_name(("CN", value), string_tag=tag)).read()
    assert certificate.subject == (("CN", meant),)
    assert (certificate.odd, certificate.self_signature) == (None, True)


@pytest.mark.parametrize("value", [b"a*b", b"under_score", b"nul\0"])
def test_printable_strings_that_are_none_make_it_odd(value: bytes) -> None:
    certificate = odd(BASE.but(subject=der_name(("CN", value), string_tag=0x13)))
    assert certificate.common_name == value.decode()


@pytest.mark.parametrize(
    ("tag", "value"), [(0x0C, b"\xff\xfe"), (0x16, b"a\xff"), (0x1E, b"\0"), (0x1E, b"\xd8\0"), (0x1C, b"\0\0\0")]
)
def test_texts_that_are_not_of_their_type(tag: int, value: bytes) -> None:
    with pytest.raises(CertificateError):
        BASE.but(subject=der_name(("CN", value), string_tag=tag)).read()


def test_names_without_cn_or_without_anything() -> None:
    assert BASE.but(subject=der(0x30)).read().common_name == "(no name)"
    assert BASE.but(subject=der_name(("O", "Example"))).read().common_name == "Example"
    assert BASE.but(subject=der_name(("1.2.3.4", "x"))).read().subject == (("1.2.3.4", "x"),)
    assert odd(BASE.but(subject=der(0x30, der(0x31)))).subject == ()
    two = der(0x30, der(0x31, *[der(0x30, der_oid("2.5.4.3"), der(12, text)) for text in (b"a", b"b")]))
    assert BASE.but(subject=two).read().subject == (("CN", "a"), ("CN", "b"))


@pytest.mark.parametrize("public", [
    rsa_spki(2**1023 + 1, 1), rsa_spki(2**1023 + 1, 2), rsa_spki(0, 3), rsa_spki(-(2**1023), 3),
    ec_spki("1.2.840.10045.3.1.7", b"\4" + b"\1" * 64), ec_spki("1.2.840.10045.3.1.7", b"\0"),
    ec_spki("1.2.3.4", b"\4" + b"\1" * 64), ec_spki("1.3.132.0.39", b"\4" + b"\1" * 144),
], ids=["e=1", "e=2", "n=0", "n<0", "off-curve", "infinity", "no-curve", "binary-curve"])  # fmt: skip
def test_keys_that_no_library_takes(public: bytes) -> None:
    certificate = odd(BASE.but(spki=public))
    assert certificate.key is None
    assert certificate.key_label.endswith("(unusable)")


def test_a_giant_key_is_read_and_never_used() -> None:
    for public in (rsa_spki(2**300_000 + 1, 65537), rsa_spki(2**2047 + 1, 2**2046 + 1)):
        certificate = odd(BASE.but(spki=public))
        assert certificate.self_signature is None
        assert "could not be checked" in (certificate.odd or "")


@pytest.mark.parametrize(
    "public",
    [
        spki(der(0x30, der_oid("1.3.101.112")), b"\1" * 32),
        spki(
            der(0x30, der_oid("1.2.840.10040.4.1"), der(0x30, der_integer(7), der_integer(3), der_integer(2))),
            der_integer(3),
        ),
    ],
    ids=["ed25519", "dsa"],
)
def test_keys_that_no_list_can_carry(public: bytes) -> None:
    assert BASE.but(spki=public).read().list_key is None


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"0",
        b"0\x80",
        b"junk",
        b"0\x82\xff\xff",
        bytes(100),
        b"0" * 60_000,
        b"0\x84\xff\xff\xff\xff" + bytes(9),
        b"\x30\x80" * 20_000,
    ],
)
def test_junk_is_no_certificate(junk: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificate(junk)


def test_what_follows_a_certificate_is_refused() -> None:
    with pytest.raises(CertificateError):
        read_certificate(BASE.encode() + b"\0")


def test_every_prefix_and_every_turned_byte_is_a_certificate_or_refused() -> None:
    encoded = BASE.encode()
    for place in range(len(encoded)):
        for data in (encoded[:place], encoded[:place] + bytes((encoded[place] ^ 0xFF,)) + encoded[place + 1 :]):
            try:
                certificate = read_certificate(data)
            except CertificateError:
                continue
            assert certificate.der == data
            # A byte of the algorithm outside the signed part leaves the signature good.
            assert not certificate.self_signature or certificate.odd


def test_the_same_bytes_are_read_once_unless_odd() -> None:
    encoded = SUB1.encode()
    assert read_certificate(encoded) is read_certificate(bytes(bytearray(encoded)))
    strange = BASE.but(serial=0).encode()
    assert read_certificate(strange) is not read_certificate(strange)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"0\x05\x31",
        b"1\x00",
        der(0x30, der(0x31, der(0x30, der(6, b"\x80"), der(12)))),
        der(0x30, der(0x31, der(0x30, der(6), der(12)))),
        der(0x30, der(0x31, der(0x30, der_oid("2.5.4.3"), der(12), der(12)))),
        der(0x30, der(0x31, der(0x30, der(6, b"\x88" * 70 + b"\1"), der(12)))),
    ],
)
def test_what_is_no_name(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_name(data)


def test_an_outline_is_that_of_the_certificate() -> None:
    outline = read_outline(SUB1.encode())
    assert outline.serial == SUB1.serial
    assert outline.subject == outline.issuer == SUB1.subject
    with pytest.raises(ValueError, match="DER tag 0x31 stands where 0x30 must"):
        read_outline(der(0x31, b""))
