"""What the store gives besides snapshots. Nothing here needs a database library."""

from dataclasses import dataclass, field

from ctlctl.assess.model import Finding
from ctlctl.inventory.values import ListVersion
from ctlctl.inventory.words import ListKind, Source


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding over time.

    Attributes:
        finding: what it says, or said last.
        opened_at: since when it holds.
        updated_at: when it last said something new.
        closed_at: when it no longer held; None while it does.
    """

    finding: Finding
    opened_at: int
    updated_at: int
    closed_at: int | None = None


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """What an assessment changed.

    Attributes:
        opened: findings that are new.
        updated: those that tell a person something else than before; other evidence alone is kept, but is no change.
        closed: those that no longer hold.
    """

    opened: tuple[StoredFinding, ...] = ()
    updated: tuple[StoredFinding, ...] = ()
    closed: tuple[StoredFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptListVersion:
    """A version of a trust list that a node serves, or served once.

    Attributes:
        node: which node.
        kind: which list.
        version: what it served, and when.
    """

    node: str
    kind: ListKind
    version: ListVersion


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something about a phone changed.

    Attributes:
        at: when it was seen.
        source: who says so.
        field: name of the attribute of `PhoneConfig`, `Registration` or `PhoneProbe`; "present" ("yes", "no") for
            whether AXL gives the phone.
        old: value before, as text; None for none.
        new: value since, as text; None for none.
    """

    at: int
    source: Source
    field: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows of old history were removed."""

    phone_events: int = 0
    findings: int = 0
    list_versions: int = 0
    certificates: int = 0
    phones: int = 0
    contents: int = 0


@dataclass(frozen=True, slots=True)
class StoredRefusal:
    """An account that a cluster has refused, and how to tell whether it is still the same user and password.

    Attributes:
        account: what the settings call it: "axl", "platform", "writer"; "control-center" for AXL's user there.
        interface: who refused it, such as "AXL".
        at: when.
        method: how the digest was made.
        salt: random bytes that went into it.
        digest: of user name and password.
    """

    account: str
    interface: str
    at: int
    method: str
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
