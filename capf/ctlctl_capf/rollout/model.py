"""What is to be rolled out: the operation, the phones in their order, and the limits that bound the damage.

A plan is made once, approved, and never changed. Instants are Unix seconds (UTC), spans are seconds, shares are per
cent. Names are those of CUCM: a *site* is a device pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Final

from ctlctl_capf.rollout.reasons import Reason, Retry

_NO_SIZES: Final[Mapping[str, int]] = {}


class RolloutPlanError(ValueError):
    """A plan or its limits cannot be carried out as written."""


class Operation(StrEnum):
    """What is to be done on each phone. The values are stable: plan files, logs and metrics hold them."""

    INSTALL = "install"
    RENEW = "renew"
    TROUBLESHOOT = "troubleshoot"
    DELETE = "delete"

    @property
    def certificate_operation(self) -> str:
        """AXL's name (XCertificateOperation); CUCM knows one for a first and for a new LSC."""
        return _CERTIFICATE_OPERATION[self]

    @property
    def success(self) -> str:
        """AXL's certificateStatus after success (XCertificateStatus)."""
        return _SUCCESS[self]

    @property
    def issues(self) -> bool:
        """Whether a new LSC comes of it."""
        return self in {Operation.INSTALL, Operation.RENEW}


_CERTIFICATE_OPERATION: Final = {
    Operation.INSTALL: "Install/Upgrade",
    Operation.RENEW: "Install/Upgrade",
    Operation.TROUBLESHOOT: "Troubleshoot",
    Operation.DELETE: "Delete",
}
_SUCCESS: Final = {
    Operation.INSTALL: "Upgrade Success",
    Operation.RENEW: "Upgrade Success",
    Operation.TROUBLESHOOT: "Troubleshoot Success",
    Operation.DELETE: "Delete Success",
}


@dataclass(frozen=True, slots=True)
class PlannedPhone:
    """A phone as it was when the plan was made; what differs later is drift, and the phone is left alone.

    Attributes:
        name: device name, such as "SEP001122334455".
        pkid: AXL's key of the device: another phone of the same name has another.
        model: such as "Cisco 8841".
        family: such as "8800"; canaries are spread over the families.
        site: device pool; "" where it has none.
        cm_group: CallManager group of the device pool; "" where that is not known (those count as one group).
        security_profile: name of the security profile.
        security_mode: "Non Secure", "Authenticated" or "Encrypted"; None where that is not known.
        authentication_mode: how the phone proves itself to CAPF, as AXL names it; None where that is not known.
        lsc_valid_until: end of its LSC by AXL; None for none known.
        lsc_issuer: issuer of its LSC by AXL; None for none known.
        web: whether its web server is on; None where that is not known.
        registered: whether RIS knew it as registered; None where that is not known.
        first: whether it is one of those who have agreed to go first (IT's own phones).
    """

    name: str
    pkid: str
    model: str
    family: str
    site: str
    cm_group: str
    security_profile: str | None
    security_mode: str | None
    authentication_mode: str | None = None
    lsc_valid_until: int | None = None
    lsc_issuer: str | None = None
    web: bool | None = None
    registered: bool | None = None
    first: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a rollout. The defaults are starting values, not laws: Cisco publishes no figures for CAPF.

    Attributes:
        canaries: phones of the stages before the batches, each of which must pass before the next begins.
        batch: phones of each batch after that.
        in_flight: phones that may be at work at once.
        site_percent: share of a site's phones that may be at work at once; one always may.
        cm_group_percent: share of a CallManager group's phones that may be at work at once; one always may.
        bake: seconds between the end of a canary and the next stage.
        phone_deadline: seconds from its reset after which a phone with a pending operation is overdue. CAPF tries
            three times at 30 s, and old phones take two minutes for a key.
        register_deadline: seconds from the reset, or from CAPF's success if later, in which it must register again.
        probe_deadline: seconds after that in which its web server must have shown the new certificate, or not have
            answered.
        abort_failures: failures in one batch that halt the rollout.
        abort_percent: share of one batch above which failures halt it (two at least, outside of canaries).
        drop_percent: how far the number of registered phones may fall below the baseline, beyond phones in flight.
        unknown_percent: share of one batch above which phones without an answer halt it.
        drift_percent: share of one batch above which phones that have changed since the plan halt it (two at least).
        tries: how often a phone is tried again after its first time.
        retry: what follows a reason, where it is not to be what `reasons.RETRY` says.
        pace: AXL writes per second at the start.
        pace_ceiling: the most.
        pace_step: how much faster after each minute without a throttled answer.
        settle: seconds that a write whose answer was lost may still take to arrive.
        answer_deadline: seconds after which a call that nobody has reported counts as lost.
        fresh: seconds for which a reading may be acted on.
        preflight_age: seconds for which a preflight opens batches.
        poll: seconds between two readings of the phones at work.
        register_poll: seconds between two questions to RIS, whose rate all of its clients share.
        skew: seconds by which clocks of nodes may be off.

    Raises:
        RolloutPlanError: a limit is out of range.
    """

    canaries: tuple[int, ...] = (10, 50, 200)
    batch: int = 250
    in_flight: int = 64
    site_percent: int = 10
    cm_group_percent: int = 20
    bake: int = 1800
    phone_deadline: int = 600
    register_deadline: int = 600
    probe_deadline: int = 180
    abort_failures: int = 10
    abort_percent: int = 2
    drop_percent: int = 3
    unknown_percent: int = 20
    drift_percent: int = 5
    tries: int = 3
    retry: Mapping[Reason, Retry] = field(default_factory=dict)
    pace: float = 1.0
    pace_ceiling: float = 5.0
    pace_step: float = 0.5
    settle: int = 30
    answer_deadline: int = 300
    fresh: int = 60
    preflight_age: int = 300
    poll: int = 10
    register_poll: int = 20
    skew: int = 60

    def __post_init__(self) -> None:
        at_least_zero = {"bake", "settle", "skew", "tries", "drop_percent", "unknown_percent", "drift_percent"}
        at_least_zero |= {"abort_percent", "probe_deadline", "pace_step"}
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int | float):
                continue
            least = 0 if each.name in at_least_zero else 1 if isinstance(value, int) else 0.01
            if value < least or (each.name.endswith("_percent") and value > 100):
                raise RolloutPlanError(f"limit {each.name} = {value}: out of range")
        if any(size < 1 for size in self.canaries):
            raise RolloutPlanError(f"limit canaries = {self.canaries}: each has one phone at least")
        if self.pace > self.pace_ceiling:
            raise RolloutPlanError(f"limit pace = {self.pace}: above its ceiling of {self.pace_ceiling}")

    @property
    def phone_time(self) -> int:
        """Seconds that a phone may be at work, by its deadlines: what must be left of a window for it to be begun."""
        return self.phone_deadline + self.register_deadline


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """A plan that was approved.

    Attributes:
        id: short name of the plan.
        sha256: of the approved bytes.
        cluster: name of the cluster.
        operation: what is done on each phone.
        phones: the phones in their order, as `stages.arrange` gives it: canaries first.
        limits: what bounds it.
        deadline: by when it is to be finished; it halts then. None for no deadline.
        site_sizes: phones of each site, also those that are not in the plan: what `site_percent` is a share of.
            A site that is missing counts by its phones in the plan.
        cm_group_sizes: the same for CallManager groups.

    Raises:
        RolloutPlanError: a phone is in it twice.
    """

    id: str
    sha256: str
    cluster: str
    operation: Operation
    phones: tuple[PlannedPhone, ...]
    limits: Limits = field(default_factory=Limits)
    deadline: int | None = None
    site_sizes: Mapping[str, int] = field(default_factory=lambda: _NO_SIZES, repr=False)
    cm_group_sizes: Mapping[str, int] = field(default_factory=lambda: _NO_SIZES, repr=False)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for phone in self.phones:
            if phone.name in seen:
                raise RolloutPlanError(f"{phone.name} is in plan {self.id} twice")
            seen.add(phone.name)
