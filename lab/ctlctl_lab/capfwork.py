"""What comes of a CAPF operation: for the phone, and for the records.

The wire protocol is not spoken here: phone and CAPF meet in memory, by the same rules. Words of statuses are those of
XCertificateStatus.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ctlctl_lab import phones
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_STRING,
    CAPF,
    DELETE,
    ENTERPRISE_NODE,
    INSTALL,
    NO_OPERATION,
    SERVICE_CAPF,
    TROUBLESHOOT,
    Credential,
    Identity,
    Node,
    Phone,
    SecurityProfile,
)

if TYPE_CHECKING:
    from ctlctl_lab.world import World

#: CAPF service parameter "Duration Of Certificate Validity", days (1 to 1825); its internal name is the lab's own.
LSC_DAYS_PARAMETER = (ENTERPRISE_NODE, SERVICE_CAPF, "DurationOfCertificateValidity")
LSC_DAYS = 1825
_DAY = 86_400

_RESULT_WORDS = {INSTALL: "Upgrade", DELETE: "Delete", TROUBLESHOOT: "Troubleshoot"}


def seconds_needed(world: "World", phone: Phone) -> float | None:
    """Return how many lab seconds a phone will be at CAPF, or None when it has nothing to do there, or cannot.

    An operation whose time is over ends here, as failed; one for which nobody has typed the string yet, or whose CAPF
    the phone does not reach or trust, stays pending.
    """
    capf = phone.capf
    if not capf.pending:
        return None
    if _late(world, phone):
        _result(world, phone, "Failed: User Initiated Request Late/Timedout")
        return None
    profile = world.cluster.profiles[phone.profile]
    if profile.authentication_mode == BY_STRING and not phone.typed:
        return None
    if phones.trusts_capf(world, phone) is None:
        return None
    seconds = world.random.uniform(*world.timing.capf)
    if capf.operation == INSTALL:
        seconds += phone.kind.key_seconds * profile.key_size / 2048
    return seconds


def waits_for_string(world: "World", phone: Phone) -> bool:
    """Tell whether a phone cannot register before somebody types the string for its first LSC."""
    profile = world.cluster.profiles[phone.profile]
    first = phone.capf.pending and phone.capf.operation == INSTALL and phone.lsc is None
    secure = profile.secure and world.cluster.security_mode == 1
    return first and secure and profile.authentication_mode == BY_STRING and not phone.typed


def finish(world: "World", phone: Phone) -> None:
    """End a phone's CAPF session: as a fault switch says, or as it must.

    A session that breaks off, because CAPF has gone meanwhile, leaves the operation pending.
    """
    node = phones.trusts_capf(world, phone)
    if not phone.capf.pending or node is None:
        return
    scripted = world.faults.capf_failures
    failure = scripted.pop(phone.name, None) or scripted.get("*")
    if failure is None:
        _result(world, phone, _do(world, phone, node))
    else:
        _write(world, phone, failure)


def _late(world: "World", phone: Phone) -> bool:
    words = phone.capf.finish_time.split(":")
    if not all(word.isdecimal() for word in words):
        return False
    # An hour without minutes is what the text of one schema asks for. The cluster's time zone is UTC.
    year, month, day, hour, minute = [*map(int, words), 0, 0, 0, 0][:5]
    try:
        until = datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return False
    return until.timestamp() < world.now()


def _do(world: "World", phone: Phone, node: Node) -> str:
    """Do what was ordered, and return the second half of the status."""
    profile = world.cluster.profiles[phone.profile]
    mode = profile.authentication_mode
    if mode == BY_STRING and phone.typed != phone.capf.authentication_string:
        return "Failed: Invalid Authentication String"
    if mode in {BY_LSC, BY_MIC}:
        shown = phone.lsc or phone.mic if mode == BY_LSC else phone.mic or phone.lsc
        if shown is None:
            return "Failed: Invalid Credentials"
        if phones.credential_problem(world, shown, "CAPF-trust") is not None:
            return f"Failed: Invalid {shown.kind}"
    if phone.capf.operation == DELETE:
        if phone.lsc is None:
            return "Failed: Invalid LSC"
        world.give_lsc(phone, None)
    elif phone.capf.operation == TROUBLESHOOT:
        if phone.credential is None:
            return "Failed: Invalid LSC"
    else:
        if profile.key_order == "EC Only" and not phone.kind.ec:
            return "Failed: No Support for EC only in CAPF version 3"
        elliptic = profile.key_order != "RSA Only" and phone.kind.ec
        world.give_lsc(phone, _issue(world, profile, node.identities[CAPF], elliptic=elliptic))
    return "Success"


def _issue(world: "World", profile: SecurityProfile, issuer: Identity, *, elliptic: bool) -> Credential:
    # Eight bytes, the first bit 0 and the second 1, so that it is always eight.
    serial = world.random.getrandbits(62) | 1 << 62
    days = int(world.cluster.service_parameters.get(LSC_DAYS_PARAMETER) or LSC_DAYS)
    now = int(world.now())
    # The pool holds two sizes: a phone asked for 512 or 1024 bits gets 1024, any other 2048.
    key = world.pki.pool_number(serial, old=profile.key_size < 2048, elliptic=elliptic)
    return Credential("LSC", issuer, serial, now - 60, now + days * _DAY, key)


def _result(world: "World", phone: Phone, half: str) -> None:
    _write(world, phone, f"{_RESULT_WORDS.get(phone.capf.operation, 'Upgrade')} {half}")


def _write(world: "World", phone: Phone, status: str) -> None:
    capf = phone.capf
    capf.operation, capf.certificate_status = NO_OPERATION, status
    # A string is good for one operation.
    capf.finish_time = capf.authentication_string = phone.typed = ""
    world.cluster.changes.record("Phone", "u", phone.pkid, "certificateOperation", "certificateStatus")
