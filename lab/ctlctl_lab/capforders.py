"""What CAPF has on record: who is to do what, how they must prove who they are, and what came of it.

The same for phones and for users' profiles, on the wire and without. Words of statuses are those of XCertificateStatus;
which of them follows what on the wire is told by no public source: `_FAILURES` is the lab's reading.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Final, TypeAlias

from ctlctl_capf import AuthMode, Curve, KeyOrder, Operation, Order, Outcome, Result
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    DELETE,
    ENTERPRISE_NODE,
    INSTALL,
    NO_OPERATION,
    SERVICE_CAPF,
    TROUBLESHOOT,
    CapfProfile,
    Identity,
    Phone,
    SecurityProfile,
)
from ctlctl_lab.pki import distinguished_name

if TYPE_CHECKING:
    from ctlctl_lab.world import World

#: Whose certificate it is about.
Target: TypeAlias = Phone | CapfProfile

#: CAPF service parameter "Duration Of Certificate Validity", days (1 to 1825); its internal name is the lab's own.
LSC_DAYS_PARAMETER: Final = (ENTERPRISE_NODE, SERVICE_CAPF, "DurationOfCertificateValidity")
LSC_DAYS: Final = 1825

LATE: Final = "Failed: User Initiated Request Late/Timedout"
NO_KEY: Final = "Failed: Key Generation Failed/Timeout"
NO_EC: Final = "Failed: No Support for EC only in CAPF version 3"
#: Sessions that a device breaks off before its operation has failed; phones try three times (security guide).
BREAKS: Final = 3

_WORDS: Final = {INSTALL: "Upgrade", DELETE: "Delete", TROUBLESHOOT: "Troubleshoot"}
_OPERATIONS: Final = {INSTALL: Operation.INSTALL, DELETE: Operation.DELETE, TROUBLESHOOT: Operation.FETCH}
_MODES: Final = {
    BY_STRING: AuthMode.STRING,
    BY_NULL: AuthMode.NULL_STRING,
    BY_LSC: AuthMode.LSC,
    BY_MIC: AuthMode.MIC,
}
_CURVES: Final = {256: Curve.SECP256R1, 384: Curve.SECP384R1, 521: Curve.SECP521R1}
#: The smallest RSA key that is ever made: 512 bits are in AXL's list, and are taken for this.
_LEAST_BITS: Final = 1024
_FIELD: Final = re.compile(r"\{user\}|\{instance\}")
#: Second halves of statuses; None where something else decides.
_FAILURES: Final[Mapping[Result, str | None]] = {
    Result.LATE: LATE,
    Result.WRONG_STRING: "Failed: Invalid Authentication String",
    # Another session has the string, and with it the operation.
    Result.USED_STRING: None,
    Result.MISSING_CERTIFICATE: "Failed: Invalid Credentials",
    Result.MISSING_SIGNATURE: "Failed: Invalid Credentials",
    Result.BAD_SIGNATURE: "Failed: Invalid Credentials",
    Result.KEY_NOT_MADE: NO_KEY,
    Result.NOT_ISSUED: "Failed: CA Communication Failure",
    Result.NOT_STORED: "Failed: Phone Communication Failure",
    Result.CLIENT_FAILED: "Failed: Phone Communication Failure",
    Result.NO_CERTIFICATE: "Failed: Invalid LSC",
}
#: What is wrong with the certificate that a device shows; its kind is part of the status.
_CERTIFICATE_FAULTS: Final = frozenset(
    {
        Result.CERTIFICATE_UNREADABLE,
        Result.CERTIFICATE_EXPIRED,
        Result.CERTIFICATE_NOT_YET_VALID,
        Result.CERTIFICATE_ISSUER,
        Result.CERTIFICATE_DEVICE,
        Result.CERTIFICATE_USAGE,
    }
)


def find(world: "World", name: str) -> Target | None:
    """Return who is meant by a name on the wire, or None. Use it under `Cluster.lock`.

    Of several instances of a user that have the same name there, one with an operation pending comes first.
    """
    cluster = world.cluster
    phone = cluster.phones.get(name)
    if phone is not None:
        return phone
    found = [
        each
        for profiles in (cluster.application_user_profiles, cluster.end_user_profiles)
        for each in profiles.values()
        # Users' names have no case in CUCM.
        if wire_name(world, each).casefold() == name.casefold()
    ]
    return min(found, key=lambda each: not each.capf.pending, default=None)


def wire_name(world: "World", target: Target) -> str:
    """Return the name that somebody has on the wire."""
    if isinstance(target, Phone):
        return target.name
    words = {"{user}": target.user, "{instance}": target.instance_id}
    return _FIELD.sub(lambda found: words[found[0]], world.faults.capf_user_name)


def settings_of(world: "World", target: Target) -> SecurityProfile | CapfProfile:
    """Return where authentication mode and key are set."""
    return world.cluster.profiles[target.profile] if isinstance(target, Phone) else target


def until(target: Target) -> datetime | None:
    """Return when an operation's time is over, or None where it has no end, or none that can be read."""
    words = target.capf.finish_time.split(":")
    if not all(word.isdecimal() for word in words):
        return None
    # An hour without minutes is what the text of one schema asks for. The cluster's time zone is UTC.
    year, month, day, hour, minute = [*map(int, words), 0, 0, 0, 0][:5]
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None


def is_late(world: "World", target: Target) -> bool:
    """Tell whether an operation's time is over."""
    end = until(target)
    return end is not None and end.timestamp() < world.now()


def ec_only_in_vain(world: "World", target: Target) -> bool:
    """Tell whether a phone is to make an EC key that it cannot make."""
    wanted = target.capf.operation == INSTALL and settings_of(world, target).key_order == "EC Only"
    return wanted and isinstance(target, Phone) and not target.kind.ec


def key_order(world: "World", target: Target) -> KeyOrder:
    """Return the key that somebody is to make."""
    settings = settings_of(world, target)
    able = not isinstance(target, Phone) or target.kind.ec
    if settings.key_order != "RSA Only" and able:
        return KeyOrder.ec(_CURVES[settings.ec_key_size or 256])
    return KeyOrder.rsa(max(_LEAST_BITS, settings.key_size))


def order_of(world: "World", target: Target) -> Order:
    """Return what somebody is to do, as the protocol's machine wants it. Use it under `Cluster.lock`."""
    capf = target.capf
    if not capf.pending:
        return Order(Operation.NONE)
    mode = _MODES[settings_of(world, target).authentication_mode]
    return Order(
        _OPERATIONS[capf.operation],
        mode,
        # Without a string in the records no string is right.
        string=capf.authentication_string or token_hex() if mode is AuthMode.STRING else "",
        key=key_order(world, target) if capf.operation == INSTALL else None,
        until=until(target),
    )


def scripted(world: "World", target: Target) -> str | None:
    """Return the status with which an operation must end because a fault switch says so; some strike once."""
    faults = world.faults
    if not isinstance(target, Phone):
        return faults.capf_failures.get("*")
    failure = faults.capf_failures.pop(target.name, None) or faults.capf_failures.get("*")
    number = target.model.removeprefix("Cisco ")
    return failure or next((status for family, status in faults.capf_poison.items() if is_of(number, family)), None)


def is_of(number: str, family: str) -> bool:
    """Tell whether a model is of a family: ``8845`` of ``8845`` and of ``88xx``."""
    return len(number) == len(family) and all(one in ("x", other) for one, other in zip(family, number, strict=True))


def half_of(world: "World", target: Target, outcome: Outcome) -> str | None:
    """Return the second half of the status that follows from a session, or None where nothing follows."""
    if outcome.good:
        return None if outcome.result is Result.NOTHING_TO_DO else "Success"
    if outcome.result in _CERTIFICATE_FAULTS:
        return f"Failed: Invalid {_shown(world, target)}"
    return _FAILURES.get(outcome.result)


def _shown(world: "World", target: Target) -> str:
    """Return the kind of certificate that somebody authenticates by, as far as the records tell."""
    if not isinstance(target, Phone):
        return "LSC"
    mode = settings_of(world, target).authentication_mode
    has_lsc, has_mic = target.lsc_valid_until != 0, target.kind.mic is not None
    return "LSC" if (has_lsc if mode == BY_LSC else not has_mic) else "MIC"


def end(world: "World", target: Target, half: str) -> None:
    """End an operation with a status, of which the second half is given."""
    write(world, target, f"{_WORDS.get(target.capf.operation, 'Upgrade')} {half}")


def write(world: "World", target: Target, status: str) -> None:
    """End an operation with a status."""
    capf = target.capf
    capf.operation, capf.certificate_status = NO_OPERATION, status
    # A string is good for one operation.
    capf.finish_time = capf.authentication_string = ""
    capf.broken = 0
    if isinstance(target, Phone):
        world.cluster.changes.record("Phone", "u", target.pkid, "certificateOperation", "certificateStatus")
    else:
        kind, tag = (
            ("ApplicationUserCapfProfile", "certificateOperation")
            if target.kind == "application"
            else ("EndUserCapfProfile", "certificationOperation")
        )
        world.cluster.changes.record(kind, "u", target.pkid, tag, "certificationOperationStatus")


def broke(world: "World", target: Target) -> None:
    """Note that a device broke its session off; after the third the operation has failed."""
    target.capf.broken += 1
    if target.capf.broken >= BREAKS:
        end(world, target, "Failed: Phone Communication Failure")


def lsc_days(world: "World") -> int:
    """Return for how many days CAPF issues."""
    return int(world.cluster.service_parameters.get(LSC_DAYS_PARAMETER) or LSC_DAYS)


def record_lsc(phone: Phone, not_after: int, issuer: Identity | None) -> None:
    """Write into the records which LSC a phone has; without an issuer, that it has none."""
    phone.lsc_valid_until = 0 if issuer is None else not_after
    phone.lsc_issuer_name = None if issuer is None else distinguished_name(issuer.certificate)
    phone.lsc_issuer_valid_until = 0 if issuer is None else issuer.not_after
