"""What AXL is asked: the tags wanted back, and changes as arguments, checked before anything is sent.

AXL accepts wrong words without a complaint (its schema allows any text), so a mistake here would be stored.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    DeviceSecurityMode,
    EcKeySize,
    KeyOrder,
    KeySize,
    TransportType,
)
from ctlctl.connectors.axl_sql import is_key
from ctlctl.connectors.axl_values import (
    CapfProfileChange,
    CapfUserKind,
    NewCapfProfile,
    PhoneChange,
    SecurityProfileChange,
)
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap_wsdl import version_key

Arguments: TypeAlias = dict[str, object]

# Characters of a name in a request (String100 in AXL's schema), and of a parameter's value: more is surely a mistake.
MAX_NAME_CHARACTERS: Final = 100
MAX_VALUE_CHARACTERS: Final = 4096
# Digits of an authentication string (CAPF settings of a phone in CUCM Administration).
_STRING_DIGITS: Final = range(4, 11)

# Tags of AXL's types boolean and integer, which "" is no value of. What stands in a wanted tag means nothing to AXL,
# but the request then is valid by its schema.
_BOOLEANS: Final = frozenset(
    {"tftpEncryptedConfig", "EnableOAuthAuthentication", "enable", "isActive", "tftpDefault", "isSecure", "srtpAllowed"}
)
_INTEGERS: Final = frozenset({"timeToLive"})
_SINCE: Final = {"EnableOAuthAuthentication": "12.5"}

_CAPF_TAGS: Final = ("authenticationMode", "keySize", "keyOrder", "ecKeySize", "operationCompletion")
_TAGS: Final[dict[str, tuple[str, ...]]] = {
    "Phone": (
        *("name", "description", "product", "model", "protocol", "devicePoolName", "securityProfileName"),
        *("certificateOperation", "certificateStatus", "upgradeFinishTime"),
    ),
    "PhoneSecurityProfile": (
        *("phoneType", "protocol", "name", "description", "deviceSecurityMode", "authenticationMode", "keySize"),
        *("keyOrder", "ecKeySize", "tftpEncryptedConfig", "EnableOAuthAuthentication", "transportType"),
    ),
    # The authentication string is never asked for.
    "ApplicationUserCapfProfile": (
        *("applicationUser", "instanceId", "certificateOperation"),
        *(*_CAPF_TAGS, "certificationOperationStatus"),
    ),
    "EndUserCapfProfile": (
        *("endUserId", "instanceId", "certificationOperation"),
        *(*_CAPF_TAGS, "certificationOperationStatus"),
    ),
    "ProcessNode": ("name", "description", "nodeUsage", "processNodeRole"),
    "ProcessNodeService": ("processNodeName", "service", "enable", "isActive"),
    "CallManager": ("name", "description", "processNodeName"),
    "CallManagerGroup": ("name", "tftpDefault"),
    "DevicePool": ("name", "callManagerGroupName", "srstName"),
    "ServiceParameter": ("processNodeName", "name", "service", "value", "valueType"),
    "Srst": ("name", "port", "ipAddress", "SipNetwork", "SipPort", "srstCertificatePort", "isSecure"),
    "SipTrunk": ("name", "description", "product", "devicePoolName", "securityProfileName", "srtpAllowed"),
    "Gateway": ("domainName", "description", "product", "protocol", "callManagerGroupName"),
    "TvsCertificate": ("subjectName", "issuerName", "serialNumber", "timeToLive", "ipv4Address"),
}

CAPF_ITEM: Final = {
    CapfUserKind.APPLICATION_USER: "ApplicationUserCapfProfile",
    CapfUserKind.END_USER: "EndUserCapfProfile",
}
_CAPF_USER: Final = {CapfUserKind.APPLICATION_USER: "applicationUser", CapfUserKind.END_USER: "endUserId"}
# One word for two kinds of user would have been too easy.
_CAPF_OPERATION: Final = {
    CapfUserKind.APPLICATION_USER: "certificateOperation",
    CapfUserKind.END_USER: "certificationOperation",
}


class RequestError(ValueError):
    """What was asked for cannot be sent; the text says what is wrong with it."""


def wanted_tags(item: str, version: str) -> Arguments:
    """Say what to give back of an item, in a version of AXL."""
    spoken = version_key(version)
    return {tag: _placeholder(tag) for tag in _TAGS[item] if version_key(_SINCE.get(tag, "0")) <= spoken}


def wanted_group() -> Arguments:
    """Say what to give back of one CallManager group."""
    member = {"callManagerName": "", "priority": ""}
    return {**wanted_tags("CallManagerGroup", "14.0"), "members": {"member": [member]}}


def wanted_tvs_certificate() -> Arguments:
    """Say what to give back of one TVS certificate."""
    return {
        **wanted_tags("TvsCertificate", "14.0"),
        "roles": {"role": [{"roleName": ""}]},
        "services": {"service": [{"serviceName": ""}]},
    }


def _placeholder(tag: str) -> str:
    if tag in _BOOLEANS:
        return "true"
    return "0" if tag in _INTEGERS else ""


def checked_name(what: str, name: str) -> str:
    """Check a name or search pattern.

    Raises:
        RequestError: It is empty, too long or has a control character.
    """
    if not name or len(name) > MAX_NAME_CHARACTERS or not name.isprintable():
        raise RequestError(f"{what} must have 1 to {MAX_NAME_CHARACTERS} printable characters")
    return name


def checked_value(value: str) -> str:
    """Check the value of a parameter; raises RequestError as `checked_name` does, though it may be empty."""
    if len(value) > MAX_VALUE_CHARACTERS or not value.isprintable():
        raise RequestError(f"a value must be printable and at most {MAX_VALUE_CHARACTERS} characters long")
    return value


def uuid_argument(pkid: str) -> str:
    """Write a key as AXL wants it; raises RequestError for what is no key."""
    bare = pkid.strip("{}").lower()
    if not is_key(bare):
        raise RequestError("a key must look like 12345678-1234-1234-1234-123456789abc")
    return "{" + bare.upper() + "}"


def finish_time(moment: datetime | None) -> str | None:
    """Write "Operation Completes By".

    AXL takes `YYYY:MM:DD:HH:MM` in the time zone of the cluster, which the caller has to know.

    Raises:
        RequestError: The moment is in a time zone of its own, or not a whole minute.
    """
    if moment is None:
        return None
    if moment.tzinfo is not None:
        raise RequestError("the finish time must be in the cluster's own time zone, without one written on it")
    if moment.second or moment.microsecond:
        raise RequestError("the finish time must be a whole minute")
    return f"{moment:%Y:%m:%d:%H:%M}"


def digits_of(secret: Secret | None) -> str | None:
    """Take an authentication string out of its wrapper; raises RequestError, which does not show it."""
    if secret is None:
        return None
    digits = secret.reveal()
    if not (digits.isascii() and digits.isdigit() and len(digits) in _STRING_DIGITS):
        raise RequestError("an authentication string must have 4 to 10 digits")
    return digits


def word(kind: type[StrEnum], given: str | None) -> str | None:
    """Write a word of AXL's; raises RequestError if it is none of that kind, because AXL would take it."""
    try:
        return None if given is None else kind(given).value
    except ValueError:
        raise RequestError(f"{given!r} is no {kind.__name__}: one of {', '.join(kind)}") from None


def flag(given: bool | None) -> str | None:  # noqa: FBT001 - the one thing it is about
    """Write a boolean as AXL does; raises RequestError for anything else."""
    if given is None:
        return None
    if not isinstance(given, bool):
        raise RequestError("a flag is true or false")
    return "true" if given else "false"


def phone_change(name: str, change: PhoneChange) -> Arguments:
    """Make the arguments of updatePhone; raises RequestError."""
    profile = change.security_profile
    return {
        "name": checked_name("the name of a phone", name),
        **_some(
            securityProfileName=None if profile is None else checked_name("the name of a profile", profile),
            certificateOperation=word(CertificateOperation, change.operation),
            authenticationString=digits_of(change.authentication_string),
            upgradeFinishTime=finish_time(change.finish_by),
        ),
    }


def security_profile_change(name: str, change: SecurityProfileChange) -> Arguments:
    """Make the arguments of updatePhoneSecurityProfile; raises RequestError."""
    return {
        "name": checked_name("the name of a profile", name),
        **_some(
            deviceSecurityMode=word(DeviceSecurityMode, change.security_mode),
            authenticationMode=word(AuthenticationMode, change.authentication_mode),
            keySize=word(KeySize, change.key_size),
            keyOrder=word(KeyOrder, change.key_order),
            ecKeySize=word(EcKeySize, change.ec_key_size),
            tftpEncryptedConfig=flag(change.encrypted_config),
            transportType=word(TransportType, change.transport),
        ),
    }


def capf_profile_change(kind: CapfUserKind, pkid: str, change: CapfProfileChange) -> Arguments:
    """Make the arguments of update…CapfProfile; raises RequestError."""
    return {"uuid": uuid_argument(pkid), **_some(**_capf_fields(kind, change))}


def new_capf_profile(kind: CapfUserKind, profile: NewCapfProfile) -> Arguments:
    """Make the arguments of add…CapfProfile; raises RequestError."""
    item = CAPF_ITEM[kind]
    return {
        item[0].lower() + item[1:]: {
            _CAPF_USER[kind]: checked_name("the name of a user", profile.user),
            "instanceId": checked_name("an instance id", profile.instance_id),
            **_some(**_capf_fields(kind, profile)),
        }
    }


def _capf_fields(kind: CapfUserKind, source: CapfProfileChange | NewCapfProfile) -> Mapping[str, str | None]:
    return {
        _CAPF_OPERATION[kind]: word(CertificateOperation, source.operation),
        "authenticationMode": word(AuthenticationMode, source.authentication_mode),
        "authenticationString": digits_of(source.authentication_string),
        "keySize": word(KeySize, source.key_size),
        "keyOrder": word(KeyOrder, source.key_order),
        "ecKeySize": word(EcKeySize, source.ec_key_size),
        "operationCompletion": finish_time(source.finish_by),
    }


def _some(**fields: str | None) -> Arguments:
    return {name: value for name, value in fields.items() if value is not None}


def secrets_of(*found: Secret | None) -> tuple[Secret, ...]:
    """Collect those secrets that are there."""
    return tuple(one for one in found if one is not None)


def kinds_argument(kinds: Iterable[str]) -> Arguments:
    """Make the list of kinds for listChange; nothing for all kinds."""
    names = [str(kind) for kind in kinds]
    return {"objectList": {"object": names}} if names else {}
