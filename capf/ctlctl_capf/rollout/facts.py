"""What a rollout is told: what AXL, RIS and the phones say, what came of its calls, and what the operator wants.

Only news: what was not asked or not answered is absent, and never counts as good. Every reading carries the instant
from which on it holds, by the clock that `now` is of: when it was asked for, not when the answer came.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ctlctl_capf.rollout.reasons import failure_of

#: AXL's names (XCertificateStatus, XCertificateOperation).
PENDING_STATUS: Final = "Operation Pending"
NO_OPERATION: Final = "No Pending Operation"


@dataclass(frozen=True, slots=True)
class Reading:
    """A phone as AXL has it now.

    Attributes:
        at: when it was asked.
        present: whether there is such a device.
        pkid: AXL's key.
        model: its model.
        security_profile: name of its security profile.
        security_mode: of that profile.
        authentication_mode: of that profile, or of the phone where AXL keeps it there.
        operation: certificateOperation.
        status: certificateStatus.
        finish_time: upgradeFinishTime as it stands there.
        lsc_valid_until: end of its LSC; None for none known (0 in the database).
    """

    at: int
    present: bool = True
    pkid: str = ""
    model: str = ""
    security_profile: str | None = None
    security_mode: str | None = None
    authentication_mode: str | None = None
    operation: str | None = None
    status: str | None = None
    finish_time: str = ""
    lsc_valid_until: int | None = None

    @property
    def pending(self) -> bool:
        """Whether an operation waits for the phone, as far as can be told."""
        if self.status == PENDING_STATUS:
            return True
        if self.operation in {None, "", NO_OPERATION}:
            return False
        # What the operation reads after its end is not documented; an end is one whatever it reads.
        status = self.status or ""
        return not status.endswith("Success") and failure_of(status) is None


@dataclass(frozen=True, slots=True)
class Registration:
    """A phone as RIS has it now.

    Attributes:
        at: when it was asked.
        registered: whether its status is "Registered".
        since: RIS's time of the last change of its status, by the node's clock; None where it gave none.
        web: whether its web server is on; None where it did not say.
    """

    at: int
    registered: bool
    since: int | None = None
    web: bool | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a phone's web server showed.

    Attributes:
        at: when it was asked.
        not_after: end of the certificate that it showed; None where it did not answer.
    """

    at: int
    not_after: int | None


class Verb(StrEnum):
    """A write."""

    ARM = "arm"
    RESET = "reset"
    CANCEL = "cancel"


class Result(StrEnum):
    """What came of a write."""

    OK = "ok"
    #: HTTP 503: nothing was done.
    THROTTLED = "throttled"
    #: Nothing was done, and nobody was busy: it was not sent any more, or AXL could not be had.
    NOT_DONE = "not-done"
    #: AXL says no: nothing was done, and nothing would be next time.
    REFUSED = "refused"
    #: The look right before the write showed another operation than was expected: nothing was done.
    CONFLICT = "conflict"
    #: The answer was lost: nobody knows.
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one write.

    Attributes:
        name: the phone.
        verb: what was to be done.
        result: what came of it.
        words: what CUCM said, printable.
    """

    name: str
    verb: Verb
    result: Result
    words: str = ""


class Health(StrEnum):
    """Result of a preflight."""

    GREEN = "green"
    RED = "red"
    #: It could not be found out.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found before a batch.

    Attributes:
        at: when it began.
        health: whether a batch may be opened.
        words: what is wrong.
    """

    at: int
    health: Health
    words: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """A change window.

    Attributes:
        opens: its start.
        closes: its end; nothing is written from then on.
        finish_time: its end as "Operation Completes By", in the cluster's time zone (`YYYY:MM:DD:HH:MM`).
    """

    opens: int
    closes: int
    finish_time: str


class Wish(StrEnum):
    """What an operator can ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Command:
    """What an operator asks for.

    Attributes:
        wish: what.
        by: who, by the socket's peer credentials.
        words: why, as given.
    """

    wish: Wish
    by: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is new.

    Attributes:
        window: the window that is open, or None.
        axl: whether AXL can be written to at present.
        readings: of phones, by name.
        registrations: of phones, by name.
        probes: of phones, by name.
        answers: of writes, in their order.
        preflight: the newest, or None.
        registered: phones of the cluster that are registered, where they were counted since the last decision.
        counted_at: when that count was begun: phones that were in flight at any time since then may be missing from it.
        baseline: how many should be registered.
        invalid: why the approval of the plan no longer holds; "" while it does.
        commands: of operators, in their order.
    """

    window: Window | None = None
    axl: bool = True
    readings: Mapping[str, Reading] = field(default_factory=lambda: MappingProxyType({}))
    registrations: Mapping[str, Registration] = field(default_factory=lambda: MappingProxyType({}))
    probes: Mapping[str, Probe] = field(default_factory=lambda: MappingProxyType({}))
    answers: tuple[Answer, ...] = ()
    preflight: Preflight | None = None
    registered: int | None = None
    counted_at: int = 0
    baseline: int | None = None
    invalid: str = ""
    commands: tuple[Command, ...] = ()
