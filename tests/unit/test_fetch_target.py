"""What an operator may type as a network target, and what the errors say."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from ctlctl.connectors import (
    FetchError,
    FetchFault,
    FetchLimits,
    FetchTarget,
    Scheme,
    TargetError,
    TlsTrust,
    parse_target,
)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "name"),
    [
        ("tftp://cucm-pub/CTLFile.tlv", "tftp", "cucm-pub", 69, "CTLFile.tlv"),
        ("http://10.1.2.3/ITLFile.tlv", "http", "10.1.2.3", 6970, "ITLFile.tlv"),
        ("https://pub.example.com/ITLFile.tlv", "https", "pub.example.com", 6971, "ITLFile.tlv"),
        ("https://pub:6972/ITLFile.tlv", "https", "pub", 6972, "ITLFile.tlv"),
        ("TFTP://Pub:6969/a", "tftp", "pub", 6969, "a"),
        ("tftp://[2001:db8::1]/x.tlv", "tftp", "2001:db8::1", 69, "x.tlv"),
        ("http://[::1]:80/x.tlv", "http", "::1", 80, "x.tlv"),
        ("tftp://[fe80::1%25eth0]/x.tlv", "tftp", "fe80::1%eth0", 69, "x.tlv"),
        ("tftp://h/New_Zealand/g3-tones.xml.sgn", "tftp", "h", 69, "New_Zealand/g3-tones.xml.sgn"),
        ("http://h/with%20blank%3F%23%25.tlv", "http", "h", 6970, "with blank?#%.tlv"),
        ("http://h/Fran%C3%A7ais/x", "http", "h", 6970, "Français/x"),
        ("http://h:/x", "http", "h", 6970, "x"),
    ],
)
def test_reads_a_url(url: str, scheme: Scheme, host: str, port: int, name: str) -> None:
    assert parse_target(url) == FetchTarget(scheme, host, port, name)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "does not start with"),
        ("CTLFile.tlv", "does not start with"),
        ("ftp://h/x", "does not start with"),
        ("tftp:/h/x", "does not start with"),
        ("tftp:///x", "does not start with"),
        ("tftp://h", "no file name"),
        ("tftp://h/", "no file name"),
        ("tftp://:69/x", "names no host"),
        ("http://admin:secret@h/x", "user name or password"),
        ("http://@h/x", "user name or password"),
        ("http://h/x?y=1", "query"),
        ("http://h/x?", "query"),
        ("http://h?x", "query"),
        ("http://h/x#y", "fragment"),
        ("http://h/x#", "fragment"),
        ("tftp://h/../etc/passwd", "'..'"),
        ("tftp://h/a/%2e%2e/b", "'..'"),
        ("tftp://h/./x", "'.'"),
        ("tftp://h//etc/passwd", "empty"),
        ("tftp://h/a/", "empty"),
        ("tftp://h/a%5Cb", "backslash"),
        ("tftp://h/a%00b", "control"),
        ("tftp://h/a%0d%0aX:%20y", "control"),
        ("tftp://h/a%E2%80%AEb", "control"),
        ("tftp://h/a\nb", "control"),
        ("tftp://h/a b", "blank"),
        ("\ttftp://h/a", "control"),
        ("tftp://h/%zz", "hexadecimal"),
        ("tftp://h/%f", "hexadecimal"),
        ("tftp://h/%ff", "UTF-8"),
        ("tftp://h/" + "x" * 256, "longer than 255"),
        ("tftp://h:0/x", "port 0"),
        ("tftp://h:65536/x", "not a URL"),
        ("tftp://h:sixty/x", "not a URL"),
        ("tftp://[::1/x", "not a URL"),
        ("tftp://[nonsense]/x", "not a URL"),
        ("tftp://h%41/x", "no host name"),
        ("tftp://hö/x", "no host name"),
        ("tftp://a;b/x", "no host name"),
        ("tftp://.../x", "no host name"),
        ("tftp://" + "h" * 254 + "/x", "no host name"),
    ],
)
def test_refuses_with_a_clear_sentence(url: str, reason: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(url)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(TargetError) as caught:
        parse_target("http://admin:secret@h/x")
    assert "secret" not in str(caught.value)


def test_a_target_built_by_hand_is_checked_too() -> None:
    with pytest.raises(TargetError):
        FetchTarget("tftp", "h", 69, "../x")
    with pytest.raises(TargetError):
        FetchTarget("tftp", "h\r\nX: y", 69, "x")
    with pytest.raises(TargetError, match="scheme"):
        FetchTarget("gopher", "h", 70, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["tftp://pub:69/CTLFile.tlv", "http://[2001:db8::1]:6970/x", "https://pub:6971/a/b"])
def test_a_target_prints_as_its_url(url: str) -> None:
    assert str(parse_target(url)) == url


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bytes": -1},
        {"deadline_seconds": 0},
        {"deadline_seconds": float("nan")},
        {"tftp_block_bytes": 7},
        {"tftp_block_bytes": 65465},
        {"tftp_retransmit_seconds": 0.0},
        {"tftp_retransmits": -1},
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be|cannot be"):
        FetchLimits(**wrong)


def test_the_error_is_one_harmless_line() -> None:
    error = FetchError(
        FetchFault.NOT_FOUND,
        endpoint="10.1.2.3:69",
        name="CTLFile.tlv",
        detail="the server says: \x1b[2Jgone\r\n\u202e" + "x" * 10_000,
    )
    text = str(error)
    assert text.isprintable()
    assert text.startswith("cannot fetch CTLFile.tlv from 10.1.2.3:69: the server says: \\x1b[2Jgone")
    assert "Check the spelling" in text
    assert len(text) < 1000


def test_every_fault_has_advice() -> None:
    for fault in FetchFault:
        assert FetchError(fault, endpoint="h:1", name="n", detail="d").advice


def test_the_error_survives_pickling() -> None:
    error = FetchError(FetchFault.TLS, endpoint="h:1", name="n", detail="d", advice="do this")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert (str(copy), copy.fault, copy.advice) == (str(error), error.fault, error.advice)


def test_a_fingerprint_is_read_as_openssl_and_browsers_print_it() -> None:
    pin = bytes(range(32))
    assert TlsTrust.pinned(pin.hex()).sha256_pin == pin
    assert TlsTrust.pinned(pin.hex(":").upper()).sha256_pin == pin
    assert TlsTrust.pinned(pin.hex(" ")).sha256_pin == pin


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00:" * 20, "00" * 33, "ü" * 64])
def test_a_wrong_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="fingerprint"):
        TlsTrust.pinned(text)


def test_pin_and_ca_file_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        TlsTrust(ca_file=tmp_path, sha256_pin=bytes(32))


def test_importing_the_contracts_loads_no_network_code() -> None:
    code = (
        "import sys; import ctlctl.connectors; "
        "print(sorted({'socket', 'ssl', 'http.client', 'select', 'zlib'} & set(sys.modules)))"
    )
    # Measuring coverage would load some of them itself.
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "[]"
