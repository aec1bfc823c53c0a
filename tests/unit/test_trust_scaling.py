"""Time and memory grow with the size of the input, not with its square; shown by counting, not by the clock."""

import gc
import sys
import tracemalloc
from collections.abc import Callable

import pytest

from ctlctl_trust import certificate, names, read_certificate, record, recordcheck, signer, verify_trust_list
from ctlctl_trust.tlv import MAX_INPUT
from support.lists import (
    SMALL_RECOVERY,
    Draft,
    Row,
    Tlv,
    draft,
    record_of,
    sign_in_place,
    small_draft,
    small_rows,
    text,
)
from support.pki import cucm_name, der, der_extension, der_integer, der_name, der_oid, plan, rsa_key
from support.vectors import NOW

MIB = 1024 * 1024


def forget() -> None:
    """Empty every cache, so that each measurement begins alike."""
    certificate._read_cached.cache_clear()
    record._scan_cached.cache_clear()
    recordcheck._check_cached.cache_clear()


def calls(run: Callable[[], object]) -> int:
    """Return how many functions were called, those in C included."""
    count = 0

    def profile(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    forget()
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def peak(run: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at one time."""
    forget()
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def verify(data: bytes) -> Callable[[], object]:
    return lambda: verify_trust_list(data, NOW)


def bare(count: int) -> bytes:
    """A list of ``count`` records without certificates."""
    one = small_draft()
    one.records += [record_of(2, None, f"node{number}", "10.0.0.1") for number in range(count)]
    return one.encode()


def many_tags(count: int) -> bytes:
    one = small_draft()
    for _ in range(count):
        one.records.append([Tlv(1, b""), *[Tlv(200, b"")] * 1000])
    return one.encode()


def padded(count: int) -> bytes:
    one = small_draft()
    one.padding = count * 1000 // 4 * 4
    return one.encode()


def repeated(count: int) -> bytes:
    one = small_draft()
    one.records += [one.records[2]] * count
    return one.encode()


def nested(count: int) -> bytes:
    """A header of empty containers that all span what follows."""
    one = small_draft()
    data = one.encode()
    length = int.from_bytes(data[8:10], "big")
    containers = b"".join(bytes((3,)) + (3 * (count - number - 1)).to_bytes(2, "big") for number in range(count))
    header = data[:8] + (length + len(containers)).to_bytes(2, "big") + containers + data[10:length]
    return sign_in_place(header + data[length:], rsa_key(one.key), one.digest)


def claimants(count: int) -> bytes:
    """A long issuer in the header, and records that claim its serial number with another spelling of it."""
    one = small_draft()
    one.member(3, 6).value = text(";".join(["CN=a"] * 12 * count))
    serial = one.member(3, 5).value
    assert isinstance(serial, bytes)
    one.records += [[Tlv(1, b""), Tlv(4, b"\0\0"), Tlv(5, text("CN=a")), Tlv(6, serial)] for _ in range(count)]
    return one.encode()


def separators(count: int) -> bytes:
    one = small_draft()
    one.of_record(3, 3).value = text("CN=a" + "," * (60 * count))
    return one.encode()


CASES = {
    "records": bare,
    "tags": many_tags,
    "padding": padded,
    "duplicates": repeated,
    "containers": nested,
    "claimants": claimants,
    "separators": separators,
}


#: How many of a thing the smaller input has; records may not be over 1,000 in the larger.
SMALL = {"padding": 15, "tags": 40}


@pytest.mark.parametrize("name", CASES)
def test_four_times_the_input_is_four_times_the_work(name: str) -> None:
    make, small = CASES[name], SMALL.get(name, 240)
    few, many = calls(verify(make(small))), calls(verify(make(4 * small)))
    assert many < 4.4 * few + 500


@pytest.mark.parametrize("name", CASES)
def test_four_times_the_input_takes_four_times_the_memory(name: str) -> None:
    make, small = CASES[name], SMALL.get(name, 240)
    few, many = peak(verify(make(small))), peak(verify(make(4 * small)))
    assert many < 4.4 * few + MIB


def test_a_value_of_many_separators_is_put_together_once() -> None:
    pieces = names._split("CN=a" + "," * 60_000)
    assert pieces == [("CN", "a" + "," * 60_000)]
    grown = [peak(lambda size=size: names._split("CN=a" + "," * size)) for size in (20_000, 80_000)]  # type: ignore[misc]
    assert grown[1] < 5 * grown[0]


# The worst that was thought of, each held to 64 bytes of memory a byte of input: 4 MiB then take 256 at most.
WORST = MIB


def empty_tags(size: int) -> bytes:
    one = small_draft()
    while len(one.records) < size // 65_000 + 3:
        one.records.append([Tlv(1, b""), *[Tlv(200, b"")] * 21_600])
    return one.encode()


def small_tags(size: int) -> bytes:
    one = small_draft()
    while len(one.records) < size // 65_000 + 3:
        one.records.append([Tlv(1, b""), *[Tlv(200, b"ab")] * 13_000])
    return one.encode()


def long_names(size: int) -> bytes:
    one = small_draft()
    while len(one.records) < size // 65_000 + 3:
        name = text("CN=" + "\x01" * 30_000)
        one.records.append([*record_of(2, None), Tlv(3, name), Tlv(5, name), *one.records[2][-5:-1]])
    return one.encode()


@pytest.mark.parametrize("make", [empty_tags, small_tags, long_names])
def test_memory_of_the_worst(make: Callable[[int], bytes]) -> None:
    data = make(WORST)
    assert len(data) > 0.9 * WORST
    assert peak(verify(data)) < 64 * len(data)


def test_four_mebibytes_of_padding() -> None:
    data = small_draft().encode()
    assert calls(verify(data + b"\x0d" * (MAX_INPUT - len(data)))) < 20_000


# RSA work


def with_modulus(number: int, bits: int, exponent: int = 65537) -> bytes:
    """A self-issued certificate of its own key, as far as it is one."""
    algorithm = der(0x30, der_oid("1.2.840.113549.1.1.1"), der(5))
    key = der(0x30, der_integer((1 << bits - 1) + 2 * number + 1), der_integer(exponent))
    return SMALL_RECOVERY.but(spki=der(0x30, algorithm, der(3, b"\0", key))).encode()


@pytest.mark.parametrize("count", [10, 40])
def test_each_key_that_claims_to_be_the_signer_is_tried_once(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def refuse(key: object, *_: object) -> bool:
        tried.append(key)
        return False

    monkeypatch.setattr(signer, "verifies", refuse)
    ders = [with_modulus(number, 1024) for number in range(count)]
    rows: list[Row] = [(0, read_certificate(one), "", None) for one in ders + ders + ders]
    one = draft(SMALL_RECOVERY, [*rows, *small_rows()])
    assert "key-substituted" in verify_trust_list(one.encode(), NOW).findings.codes
    assert len(tried) == count + 1


def test_giant_keys_and_exponents_cost_no_rsa_operation() -> None:
    one = small_draft()
    for number, (bits, exponent) in enumerate(((16384, 65537), (100_000, 3), (2048, 2**2046 + 1), (3072, 2**40 + 1))):
        read = read_certificate(with_modulus(number, bits, exponent))
        assert not certificate.usable(read.key)
        assert read.self_signature is None
        one.records.append(record_of(0, read))
    assert certificate.usable(rsa_key("rsa4096").public_key())
    assert verify_trust_list(one.encode(), NOW).findings.invalid


# Caches


def test_hostile_bytes_are_not_remembered() -> None:
    forget()
    hostile = Draft(small_draft().header, [], SMALL_RECOVERY.key_name)
    for number in range(50):
        attributes = der_name(*[("CN", "")] * 300)
        odd = SMALL_RECOVERY.but(subject=attributes, serial=number + 1).read()
        strange = SMALL_RECOVERY.but(serial=number + 1, version=b"\xa0\x03\x02\x01\x07").read()
        extended = SMALL_RECOVERY.but(serial=number + 1, extensions=(der_extension("1.2.3", bytes(9000)),)).read()
        hostile.records += [record_of(2, one, f"n{number}") for one in (odd, strange, extended)]
        hostile.records.append([Tlv(1, b""), Tlv(4, b"\0\0"), *[Tlv(99, number.to_bytes(2, "big"))] * 500])
        hostile.records.append([Tlv(1, b""), Tlv(2, text("x" * 9000)), Tlv(4, b"\0\2")])
    forget()
    assert verify_trust_list(hostile.encode(), NOW).trust_list is not None
    assert certificate._read_cached.cache_info().currsize == 0
    assert record._scan_cached.cache_info().currsize <= 100
    forget()


def test_long_messages_are_not_remembered() -> None:
    forget()
    one = small_draft()
    one.of_record(3, 3).value = text("CN=" + "\x01" * 5000)
    assert "record-inconsistent" in verify_trust_list(one.encode(), NOW).findings.codes
    assert recordcheck._check_cached.cache_info().currsize == 2
    assert record._scan_cached.cache_info().currsize == 3


def test_good_records_are_remembered() -> None:
    forget()
    data = small_draft().encode()
    for _ in range(3):
        verify_trust_list(data, NOW)
    for cached in (record._scan_cached, recordcheck._check_cached):
        assert (cached.cache_info().currsize, cached.cache_info().hits) == (3, 6)


def test_a_certificate_of_a_thousand_attributes_is_read() -> None:
    name = der_name(*[("CN", "x")] * 1000)
    read = plan("", "rsa1024-a", subject=name).read()
    assert len(read.subject) == 1000
    assert read.self_signature
    assert cucm_name("x")
