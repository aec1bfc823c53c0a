"""What a rollout needs of the world, and the one way in which each write is made: look, write, say what came of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Protocol

from ctlctl.connectors.axl_enums import CertificateOperation
from ctlctl.connectors.axl_now import PhoneNow
from ctlctl.connectors.axl_values import PhoneChange
from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl_capf.rollout.actions import Arm, Cancel, Reset, Write
from ctlctl_capf.rollout.facts import Answer, Preflight, Probe, Reading, Registration, Result, Window

#: "Operation Completes By" as AXL has it.
_FINISH: Final = "%Y:%m:%d:%H:%M"
#: Faults after which nothing was done, and which are not the phone's.
_NOT_DONE: Final = frozenset(
    {
        ConnectorFault.THROTTLED,
        ConnectorFault.UNREACHABLE,
        ConnectorFault.UNRESOLVED,
        ConnectorFault.TLS,
        ConnectorFault.CREDENTIALS,
        ConnectorFault.RIGHTS,
        ConnectorFault.NO_SERVICE,
        ConnectorFault.VERSION,
    }
)
#: Faults by which AXL says that it cannot be written to at all for now.
AWAY: Final = _NOT_DONE - {ConnectorFault.THROTTLED}
#: Faults by which AXL, or a look right before, says no to this one phone.
_REFUSED: Final = frozenset(
    {ConnectorFault.REFUSED, ConnectorFault.NO_SUCH_ITEM, ConnectorFault.INVALID, ConnectorFault.UNSUPPORTED}
)


class PhoneWriter(Protocol):
    """What of AXL is used; `ctlctl.connectors.axl.AxlClient` is one."""

    def phones_now(self, names: Iterable[str]) -> Iterator[PhoneNow]:
        """Read phones."""

    def update_phone(self, name: str, change: PhoneChange) -> None:
        """Change one in the database."""

    def reset_phone(self, name: str) -> None:
        """Reset one."""


class RolloutPorts(Protocol):
    """The world of one rollout. What cannot be found out is absent; a method that raises says why."""

    def read(self, names: tuple[str, ...]) -> Mapping[str, Reading]:
        """Read phones by AXL; raises ConnectorError."""

    def registrations(self, names: tuple[str, ...]) -> Mapping[str, Registration]:
        """Ask RIS for phones; raises ConnectorError."""

    def probe(self, names: tuple[str, ...]) -> Mapping[str, Probe]:
        """Look at what phones present."""

    def write(self, action: Write) -> tuple[Answer, ConnectorFault | None]:
        """Make one write; never raises for trouble with the cluster."""

    def preflight(self) -> Preflight:
        """Find out whether a batch may be opened."""

    def registered(self) -> tuple[int, int] | None:
        """How many phones of the cluster were registered, and when; None where that is not known now."""

    def window(self, now: int) -> Window | None:
        """The window that is open."""

    def windows(self, now: int) -> Iterator[Window]:
        """The windows from now on, the open one first."""

    def invalid(self) -> str:
        """Why the plan must not be carried out any more; "" while it may."""


def reading_of(phone: PhoneNow, at: int) -> Reading:
    """Return what AXL says of a phone as the machine takes it."""
    return Reading(
        at=at,
        pkid=phone.pkid,
        model=phone.model,
        security_profile=phone.security_profile,
        security_mode=phone.security_mode,
        authentication_mode=phone.authentication_mode,
        operation=phone.operation,
        status=phone.status,
        finish_time=phone.finish_time,
        lsc_valid_until=phone.lsc_valid_until,
    )


def carry_out(axl: PhoneWriter, action: Write, now: Callable[[], float]) -> tuple[Answer, ConnectorFault | None]:
    """Look at the phone, and make the write if nothing speaks against it.

    Args:
        axl: a connection that may write and waits for nobody.
        action: what is to be done.
        now: the clock.

    Returns:
        What came of it, and the fault that says something about AXL as a whole.
    """
    try:
        conflict = _do(axl, action, int(now()))
    except ConnectorError as error:
        words = error.detail
        if error.fault in _NOT_DONE:
            return not_done(action, error), error.fault
        result = Result.REFUSED if error.fault in _REFUSED else Result.LOST
        return Answer(action.name, action.verb, result, words), None
    # AXL has refused nothing then: what the phone is now is to be read, and may be our own work.
    result = Result.OK if conflict is None else Result.CONFLICT
    return Answer(action.name, action.verb, result, conflict or ""), None


def not_done(action: Write, error: ConnectorError) -> Answer:
    """Return the answer to a write that trouble kept from being made: only "busy" is a reason to write more slowly."""
    busy = error.fault is ConnectorFault.THROTTLED
    return Answer(action.name, action.verb, Result.THROTTLED if busy else Result.NOT_DONE, error.detail)


def _do(axl: PhoneWriter, action: Write, at: int) -> str | None:
    """Do it; return why not, where a look right before shows another operation than there should be, or no phone."""
    found = next(axl.phones_now([action.name]), None)
    if found is None:
        return "there is no such phone"
    seen = reading_of(found, at)
    if isinstance(action, Reset):
        if not seen.pending:
            # It has been to CAPF by itself, or somebody took the operation back: a reset would be for nothing.
            return f"no operation waits for it: {seen.operation}, {seen.status}"
        axl.reset_phone(action.name)
        return None
    if isinstance(action, Arm):
        if seen.pending:
            return f"an operation is pending: {seen.operation}, {seen.status}, by {seen.finish_time or 'no time'}"
        operation = CertificateOperation(action.operation)
        change = PhoneChange(operation=operation, finish_by=_moment(action.finish_time))
        axl.update_phone(action.name, change)
        return None
    return _cancel(axl, action, seen)


def _cancel(axl: PhoneWriter, action: Cancel, seen: Reading) -> str | None:
    if not seen.pending or seen.finish_time != action.finish_time:
        return (
            f"the operation is not the rollout's: {seen.operation}, {seen.status}, by {seen.finish_time or 'no time'}"
        )
    axl.update_phone(action.name, PhoneChange(operation=CertificateOperation.NONE))
    return None


def _moment(text: str) -> datetime:
    # The time of the cluster, without a zone: AXL takes no other.
    return datetime.strptime(text, _FINISH)  # noqa: DTZ007 - see above
