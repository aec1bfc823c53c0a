"""What may be sent to AXL as a change: it would take any word, so nothing but right ones leave here."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    CertificateStatus,
    DeviceSecurityMode,
    EcKeySize,
    KeyOrder,
    KeySize,
    TransportType,
    UnknownText,
    read_word,
)
from ctlctl.connectors.axl_requests import (
    RequestError,
    capf_profile_change,
    checked_name,
    checked_value,
    finish_time,
    new_capf_profile,
    phone_change,
    security_profile_change,
    uuid_argument,
    wanted_tags,
)
from ctlctl.connectors.axl_sql import is_key, quoted
from ctlctl.connectors.axl_values import (
    CapfProfileChange,
    CapfUserKind,
    NewCapfProfile,
    PhoneChange,
    SecurityProfileChange,
)
from ctlctl.connectors.secret import Secret

KEY = "12345678-90ab-cdef-1234-567890abcdef"
WORDS = {
    "security_mode": DeviceSecurityMode,
    "authentication_mode": AuthenticationMode,
    "key_size": KeySize,
    "key_order": KeyOrder,
    "ec_key_size": EcKeySize,
    "transport": TransportType,
}


@pytest.mark.parametrize("field", WORDS)
def test_every_word_of_a_profile_is_checked(field: str) -> None:
    def sent(value: Any) -> dict[str, object]:  # noqa: ANN401 - what a caller without types may give
        return security_profile_change("p", SecurityProfileChange(**{field: value}))

    for member in WORDS[field]:
        found = sent(member)
        assert list(found.values()) == ["p", member.value]
        assert all(type(value) is str for value in found.values())
    for wrong in ("BOGUS", "", "encrypted ", 2048):
        with pytest.raises(RequestError, match="one of"):
            sent(wrong)


@pytest.mark.parametrize("kind", CapfUserKind)
def test_words_and_strings_of_capf_profiles(kind: CapfUserKind) -> None:
    operation = "certificateOperation" if kind is CapfUserKind.APPLICATION_USER else "certificationOperation"
    change = CapfProfileChange(operation=CertificateOperation.INSTALL, authentication_string=Secret("1234"))
    assert capf_profile_change(kind, KEY, change) == {
        "uuid": "{" + KEY.upper() + "}",
        operation: "Install/Upgrade",
        "authenticationString": "1234",
    }
    wrong: Any = NewCapfProfile(user="u", instance_id="i", key_size="1023")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(RequestError, match="'1023' is no KeySize"):
        new_capf_profile(kind, wrong)


@pytest.mark.parametrize("digits", ["", "123", "12345678901", "12a4", "\uff11\uff12\uff13\uff14", "1234\n", "12 4"])
def test_an_authentication_string_has_4_to_10_digits(digits: str) -> None:
    with pytest.raises(RequestError, match="4 to 10 digits") as found:
        phone_change("SEP1", PhoneChange(authentication_string=Secret(digits)))
    assert not digits or digits not in str(found.value)


def test_a_finish_time_is_the_clusters_and_a_whole_minute() -> None:
    moment = datetime(2030, 1, 2, 3, 4)  # noqa: DTZ001 - the cluster's own time zone
    assert finish_time(moment) == "2030:01:02:03:04"
    assert finish_time(None) is None
    for wrong, words in (
        (moment.replace(tzinfo=UTC), "time zone"),
        (moment.replace(second=1), "whole minute"),
        (moment.replace(microsecond=1), "whole minute"),
    ):
        with pytest.raises(RequestError, match=words):
            finish_time(wrong)


def test_a_flag_is_a_flag() -> None:
    assert security_profile_change("p", SecurityProfileChange(encrypted_config=False))["tftpEncryptedConfig"] == "false"
    wrong: Any = SecurityProfileChange(encrypted_config="yes")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(RequestError, match="true or false"):
        security_profile_change("p", wrong)


def test_what_is_not_given_is_not_sent() -> None:
    assert phone_change("SEP1", PhoneChange()) == {"name": "SEP1"}
    assert security_profile_change("p", SecurityProfileChange()) == {"name": "p"}


@given(st.text(max_size=150))
def test_names_and_values(text: str) -> None:
    for check, fits in (
        (partial(checked_name, "it"), text.isprintable() and 1 <= len(text) <= 100),
        (checked_value, text.isprintable()),
    ):
        if fits:
            assert check(text) == text
        else:
            with pytest.raises(RequestError):
                check(text)


@given(st.from_regex(r"\{?[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?", fullmatch=True))
def test_keys_are_written_as_axl_wants_them(key: str) -> None:
    sent = uuid_argument(key)
    assert sent == "{" + key.strip("{}").upper() + "}"
    assert is_key(sent.strip("{}").lower())


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_text_leaves_its_literal(text: str) -> None:
    if not text.isprintable():
        with pytest.raises(ValueError, match="control character"):
            quoted(text)
        return
    literal = quoted(text)
    assert literal[0] == literal[-1] == "'"
    assert "'" not in literal[1:-1].replace("''", "")
    assert literal[1:-1].replace("''", "'") == text


@given(st.text(max_size=30))
def test_reading_keeps_what_it_does_not_know(text: str) -> None:
    word = read_word(CertificateStatus, text)
    if not text:
        assert word is None
    elif text in set(CertificateStatus):
        assert type(word) is CertificateStatus
    else:
        assert (type(word), word) == (UnknownText, text)


@pytest.mark.parametrize(("version", "has"), [("11.5", False), ("12.5", True), ("14.0", True)])
def test_what_came_later_is_not_asked_of_older_versions(version: str, *, has: bool) -> None:
    assert ("EnableOAuthAuthentication" in wanted_tags("PhoneSecurityProfile", version)) is has


@pytest.mark.parametrize("item", ["Phone", "ApplicationUserCapfProfile", "EndUserCapfProfile"])
def test_authentication_strings_are_never_asked_for(item: str) -> None:
    assert "authenticationString" not in wanted_tags(item, "14.0")
