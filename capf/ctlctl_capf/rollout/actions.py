"""What a rollout asks for, and what it tells."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ctlctl_capf.rollout.facts import Verb
from ctlctl_capf.rollout.rows import Head, PhoneRow


@dataclass(frozen=True, slots=True)
class Read:
    """Read these phones by AXL. Nothing to keep: asking twice does no harm."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckRegistration:
    """Ask RIS for these phones; at most a thousand."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProbeTls:
    """Look at the certificate that this phone's web server shows."""

    name: str


@dataclass(frozen=True, slots=True)
class RunPreflight:
    """Find out whether a batch may be opened."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Write the operation, unless a look right before shows that one is pending (then answer CONFLICT).

    Attributes:
        name: the phone.
        operation: certificateOperation.
        finish_time: upgradeFinishTime.
    """

    name: str
    operation: str
    finish_time: str

    @property
    def verb(self) -> Verb:
        """The kind of write."""
        return Verb.ARM


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset this phone, so that it asks CAPF."""

    name: str

    @property
    def verb(self) -> Verb:
        """The kind of write."""
        return Verb.RESET


@dataclass(frozen=True, slots=True)
class Cancel:
    """Write "No Pending Operation", unless a look right before shows another operation than ours (then CONFLICT).

    Attributes:
        name: the phone.
        finish_time: upgradeFinishTime of the operation that is to be cancelled.
    """

    name: str
    finish_time: str

    @property
    def verb(self) -> Verb:
        """The kind of write."""
        return Verb.CANCEL


Write: TypeAlias = Arm | Reset | Cancel
Action: TypeAlias = Read | CheckRegistration | ProbeTls | RunPreflight | Write


class EventKind(StrEnum):
    """What happened. The values are stable: the audit log holds them."""

    PHONE = "phone"
    BATCH_OPENED = "batch-opened"
    BATCH_CLOSED = "batch-closed"
    WINDOW_OPENED = "window-opened"
    WINDOW_CLOSED = "window-closed"
    THROTTLED = "throttled"
    CLOCK = "clock"
    PAUSED = "paused"
    HALTED = "halted"
    RESUMED = "resumed"
    ABORTED = "aborted"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Event:
    """Something for the audit log.

    Attributes:
        at: when.
        kind: what.
        phone: which phone, or "".
        words: for a person; of a phone: its old and new state and why.
    """

    at: int
    kind: EventKind
    phone: str = ""
    words: str = ""


class Hold(StrEnum):
    """Why no further phone is taken at present. The values are stable: they are shown."""

    NONE = ""
    OVER = "over"
    STOPPED = "stopped"
    NO_WINDOW = "no-window"
    WINDOW_ENDS = "window-ends"
    AXL = "axl-away"
    BAKING = "baking"
    PREFLIGHT = "preflight"
    #: All that can be taken are taken: by the caps, or because AXL or RIS have yet to say how a phone is.
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the facts.

    Attributes:
        actions: what is to be done, in this order, after the rows and the head are on disk.
        rows: rows that have changed.
        head: the head as it is now.
        events: what happened, in its order.
        hold: why no further phone is taken at present.
    """

    actions: tuple[Action, ...]
    rows: tuple[PhoneRow, ...]
    head: Head
    events: tuple[Event, ...]
    hold: Hold
