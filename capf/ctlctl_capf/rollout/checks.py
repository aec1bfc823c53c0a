"""What a reading says about one phone: before it is armed, after a write, and after its reset. Pure functions."""

from enum import Enum

from ctlctl_capf.rollout.facts import Probe, Reading, Registration
from ctlctl_capf.rollout.model import Operation, PlannedPhone
from ctlctl_capf.rollout.reasons import Reason, failure_of
from ctlctl_capf.rollout.rows import PhoneRow, Signal

#: Seconds by which the end of an LSC may differ between the database and the certificate itself.
_SAME_END = 86_400


class Found(Enum):
    """What a phone's operation turns out to be."""

    #: Nothing is pending, and the phone is as planned.
    NOTHING = "nothing"
    #: Our operation is pending.
    OURS = "ours"
    #: Our operation of an earlier window is pending, whose Complete-by has passed.
    OURS_EXPIRED = "ours-expired"
    #: CAPF calls it a success.
    SUCCESS = "success"
    #: CAPF calls it a success, and the end of the LSC is what it was (or, after a deletion, there still is one).
    UNPROVEN = "unproven"


def identity(phone: PlannedPhone, reading: Reading) -> Reason | None:
    """Return why this is not the phone that was planned; None where it is."""
    if not reading.present:
        return Reason.GONE
    if (reading.pkid, reading.model) != (phone.pkid, phone.model):
        return Reason.OTHER_DEVICE
    return None


def before_arming(
    operation: Operation, phone: PlannedPhone, row: PhoneRow, reading: Reading, window: int
) -> Found | Reason:
    """Tell whether a phone may be armed.

    Args:
        operation: of the plan.
        phone: as planned.
        row: as it stands.
        reading: as AXL has it.
        window: end of the window that is open.

    Returns:
        NOTHING to arm it; OURS and OURS_EXPIRED where an earlier write is still there; SUCCESS where an earlier try
        succeeded late; else why it is left alone.
    """
    other = identity(phone, reading)
    if other is not None:
        return other
    if reading.pending:
        if not is_ours(operation, row, reading):
            return Reason.OTHER_OPERATION
        return Found.OURS if row.window == window else Found.OURS_EXPIRED
    # What the plan did not know cannot have changed.
    if phone.security_profile not in {None, reading.security_profile}:
        return Reason.OTHER_PROFILE
    if phone.security_mode not in {None, reading.security_mode}:
        return Reason.OTHER_SECURITY
    if phone.authentication_mode not in {None, reading.authentication_mode}:
        return Reason.OTHER_SECURITY
    if operation is not Operation.TROUBLESHOOT and reading.lsc_valid_until != phone.lsc_valid_until:
        late = row.window > 0 and after_reset(operation, row, reading) is Found.SUCCESS
        return Found.SUCCESS if late else Reason.OTHER_LSC
    return Found.NOTHING


def is_ours(operation: Operation, row: PhoneRow, reading: Reading) -> bool:
    """Whether the pending operation is the one that was written."""
    return bool(row.finish) and (reading.operation, reading.finish_time) == (
        operation.certificate_operation,
        row.finish,
    )


def after_reset(operation: Operation, row: PhoneRow, reading: Reading) -> Found | Reason:
    """Tell what came of an operation that was written.

    Returns:
        OURS while it is pending, SUCCESS, UNPROVEN, or why it failed; OTHER_OPERATION where it has been replaced or
        taken away.
    """
    if reading.pending:
        return Found.OURS if is_ours(operation, row, reading) else Reason.OTHER_OPERATION
    failure = failure_of(reading.status or "")
    if failure is not None:
        return failure
    if reading.status != operation.success:
        return Reason.OTHER_OPERATION
    end = reading.lsc_valid_until
    proven = True
    if operation.issues:
        proven = end is not None and end != row.before
    elif operation is Operation.DELETE:
        proven = end is None
    return Found.SUCCESS if proven else Found.UNPROVEN


def signals_of(operation: Operation) -> frozenset[Signal]:
    """Return what a SUCCESS of `after_reset` proves."""
    return frozenset({Signal.STATUS} if operation is Operation.TROUBLESHOOT else {Signal.STATUS, Signal.EXPIRY})


def registered_again(row: PhoneRow, seen: Registration, skew: int) -> bool:
    """Whether RIS proves that a phone has registered since its reset: by its own time, or because it was seen away."""
    if row.reset_at is None or not seen.registered or seen.at <= row.reset_at:
        return False
    return row.away or (seen.since is not None and seen.since >= row.reset_at - skew)


def not_reset_yet(row: PhoneRow, seen: Registration, skew: int) -> bool:
    """Whether RIS proves that a reset whose answer was lost never came: the phone has been registered all along."""
    return seen.registered and not row.away and seen.since is not None and seen.since < row.since - skew


def shows_new(operation: Operation, row: PhoneRow, probe: Probe) -> bool | None:
    """Whether a phone's web server shows what it should after the operation; None where it did not answer."""
    if probe.not_after is None:
        return None
    if operation is Operation.DELETE:
        return probe.not_after != row.before
    new = row.after
    return new is not None and abs(probe.not_after - new) <= _SAME_END and probe.not_after != row.before
