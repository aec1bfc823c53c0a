"""Does an approval still hold? It ends after some days, and when the phones are not any more what was approved."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ctlctl.plan.facts import PhoneFacts
from ctlctl.plan.model import Plan
from ctlctl_capf.rollout.model import PlannedPhone
from ctlctl_capf.rollout.reasons import Reason

_DAY: Final = 86_400
_NO_OPERATION: Final = "No Pending Operation"


def expires(approved_at: int, days: int) -> int:
    """Return the instant from which an approval holds no more; seconds since 1970."""
    return approved_at + days * _DAY


def is_expired(approved_at: int, days: int, now: int) -> bool:
    """Tell whether an approval holds no more; one from after this instant does not hold either: a clock was changed.

    Args:
        approved_at: when it was given.
        days: for how long it holds.
        now: this instant.
    """
    return not approved_at <= now < expires(approved_at, days)


@dataclass(frozen=True, slots=True)
class Change:
    """A phone that is not any more what was approved.

    Attributes:
        name: device name.
        code: what is different, as a rollout calls it.
        words: the same for a person.
    """

    name: str
    code: Reason
    words: str


@dataclass(frozen=True, slots=True)
class Drift:
    """How far phones have moved away from a plan.

    Attributes:
        changes: one for each phone that has changed, by name.
        phones: phones of the plan.
        percent: share of them above which the approval falls.
    """

    changes: tuple[Change, ...]
    phones: int
    percent: int

    @property
    def too_far(self) -> bool:
        """Whether the approval falls."""
        return len(self.changes) * 100 > self.phones * self.percent


def drift(plan: Plan, current: Iterable[PhoneFacts], percent: int) -> Drift:
    """Hold a plan's phones against what they are now.

    What comes and goes is no drift: whether a phone is registered just now, and how near an end has come.

    Args:
        plan: as approved.
        current: phones of the cluster as they are known now.
        percent: share of the plan's phones that may have changed.
    """
    now = {phone.name: phone for phone in current}
    found = []
    for one in plan.phones:
        change = _change(one.phone, now.get(one.phone.name))
        if change is not None:
            found.append(Change(one.phone.name, *change))
    return Drift(tuple(sorted(found, key=lambda each: each.name)), len(plan.phones), percent)


def _change(was: PlannedPhone, now: PhoneFacts | None) -> tuple[Reason, str] | None:
    """Return what is different, the gravest first."""
    if now is None:
        return Reason.GONE, "is gone from AXL"
    if was.pkid and now.pkid and was.pkid != now.pkid:
        return Reason.OTHER_DEVICE, "is another device of the same name"
    if was.model != now.model:
        return Reason.OTHER_DEVICE, f"was a {was.model}, is a {now.model}"
    if was.security_profile != now.security_profile:
        return Reason.OTHER_PROFILE, f"had profile {was.security_profile}, has {now.security_profile}"
    if (was.security_mode, was.authentication_mode) != (now.security_mode, now.authentication_mode):
        before = f"{was.security_mode}, {was.authentication_mode}"
        return Reason.OTHER_SECURITY, f"was {before}; is {now.security_mode}, {now.authentication_mode}"
    if now.capf_operation != _NO_OPERATION:
        return Reason.OTHER_OPERATION, f"CAPF has to do: {now.capf_operation}"
    if (was.lsc_valid_until, was.lsc_issuer) != (now.lsc_valid_until, now.lsc_issuer):
        return Reason.OTHER_LSC, "has another LSC"
    return None
