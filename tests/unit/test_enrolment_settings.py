"""Settings of enrolments, names that are made of user and instance, and which keys are made."""

from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.identity import named, of_user
from ctlctl.enroll.keys import KeyPolicy, label, parse_key
from ctlctl.enroll.resolve import endpoint_of
from ctlctl.verify.settings import UsageError
from ctlctl_capf.elements import Curve, KeyOrder
from ctlctl_capf.rules import MAX_DEVICE
from ctlctl_config import SettingsError, load_settings
from ctlctl_config.enrolment import KeyWord

CLUSTER = f"""\
[clusters.hq]
timezone = "UTC"

[clusters.hq.axl]
host = "10.1.1.10"
username = "reader"
password_file = "secrets/hq"
tls_pin = "{":".join(["AB"] * 32)}"
"""


def enrolment(*lines: str) -> str:
    return "\n".join((CLUSTER, "[[clusters.hq.enrolments]]", *lines, ""))


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "ctld.toml"
    path.write_text(text)
    return load_settings(path).clusters["hq"].enrolments


def test_paths_count_from_the_file_and_defaults_are_careful(tmp_path: Path) -> None:
    lines = ('name = "recorder"', 'directory = "enrolments/recorder"', 'user = "recorder"', 'instance = "cti-1"')
    path = tmp_path / "ctld.toml"
    path.write_text(enrolment(*lines))
    (one,) = load_settings(path).clusters["hq"].enrolments
    assert one.directory == tmp_path / "enrolments" / "recorder"
    assert (one.order, one.key, one.trust_anchor, one.renew_before_days) == (False, None, None, 90)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (('user = "u"',), "exactly one of user"),
        (('user = "u"', 'end_user = "v"', 'instance = "1"'), "exactly one of user"),
        (('user = "u"', 'instance = "1"', 'device_name = "d"'), "exactly one of user"),
        (('device_name = "d"', "order = true"), "order needs user and instance"),
        (('user = "u"', 'instance = "1"', 'name_format = "{other}"'), "{user} or {instance}"),
        (('user = "u"', 'instance = "1"', 'name_format = "plain"'), "{user} or {instance}"),
        (('user = "u"', 'instance = "1"', 'key = "rsa:512"'), "key"),
        (('user = "u"', 'instance = "1"', "renew_before_days = 0"), "renew_before_days"),
        (('user = "u"', 'instance = "1"', 'password = "no"'), "password"),
    ],
)
def test_what_is_refused(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, enrolment('name = "n"', 'directory = "d"', *lines))
    assert said in str(caught.value)


def test_each_has_a_name_and_a_directory_of_its_own(tmp_path: Path) -> None:
    one = ('name = "a"', 'directory = "a"', 'device_name = "x"')
    for other in (('name = "a"', 'directory = "b"'), ('name = "b"', 'directory = "a"')):
        text = enrolment(*one, "[[clusters.hq.enrolments]]", *other, 'device_name = "y"')
        with pytest.raises(SettingsError, match="of its own"):
            read(tmp_path, text)


@pytest.mark.parametrize(
    ("name_format", "name"),
    [
        ("{user}", "anna"),
        ("{user}-{instance}", "anna-{user}"),
        ("{instance}@{user}", "{user}@anna"),
        ("x{user}", "xanna"),
    ],
)
def test_a_name_is_made_once_and_what_is_put_in_is_not_read_again(name_format: str, name: str) -> None:
    assert of_user("end-user", "anna", "{user}", name_format).name == name


@pytest.mark.parametrize("name_format", ["", "user", "{user", "{user}{", "{user.__class__}", "{0}", "{user}\n"])
def test_what_is_no_format(name_format: str) -> None:
    with pytest.raises(EnrollError) as caught:
        of_user("end-user", "anna", "1", name_format)
    assert caught.value.fault is EnrollFault.USAGE


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("cucm-pub", ("cucm-pub", 3804)),
        ("cucm-pub:13804", ("cucm-pub", 13804)),
        ("10.1.1.10:1", ("10.1.1.10", 1)),
        ("::1", ("::1", 3804)),
        ("[::1]", ("::1", 3804)),
        ("[::1]:443", ("::1", 443)),
    ],
)
def test_where_a_server_is(text: str, endpoint: tuple[str, int]) -> None:
    assert endpoint_of(text) == endpoint


@pytest.mark.parametrize("text", ["", ":3804", "host:", "host:0", "host:65536", "host:x", "[]:1", "host:-1"])
def test_what_is_no_server(text: str) -> None:
    with pytest.raises(UsageError):
        endpoint_of(text)


@given(st.text(max_size=300))
def test_any_name_is_taken_as_it_is_or_refused(text: str) -> None:
    if text and len(text) <= MAX_DEVICE and text.isprintable():
        assert named(text).name == text
        return
    with pytest.raises(EnrollError) as caught:
        named(text)
    assert caught.value.fault is EnrollFault.USAGE
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("word", get_args(KeyWord))
def test_every_kind_of_key_is_made_as_it_is_asked_for(word: str) -> None:
    order = parse_key(word)
    key = KeyPolicy(order).make(order)
    assert isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
    assert label(key) == order.label


@pytest.mark.parametrize(
    ("policy", "order"),
    [
        (None, KeyOrder.rsa(512)),
        (None, KeyOrder.rsa(1024)),
        ("rsa:2048", KeyOrder.rsa(3072)),
        ("ec:256", KeyOrder.ec(Curve.SECP384R1)),
        ("ec:256", KeyOrder.rsa(2048)),
    ],
)
def test_what_is_not_made(policy: str | None, order: KeyOrder) -> None:
    with pytest.raises(EnrollError) as caught:
        KeyPolicy(None if policy is None else parse_key(policy)).make(order)
    assert caught.value.fault is EnrollFault.KEY_REFUSED
