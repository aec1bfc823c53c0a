"""All checks of a plan together: when it is made, and again when it is approved or about to begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ctlctl.assess.words import DAY, ago, count
from ctlctl.plan import guards
from ctlctl.plan.facts import ClusterFacts, FactsError, PhoneFacts
from ctlctl.plan.model import Guard, GuardCode, Impact, KnownAt
from ctlctl.plan.phoneguards import phone_guards
from ctlctl_capf.rollout.model import Limits, Operation

if TYPE_CHECKING:
    from ctlctl_config.rollout import RolloutSettings

_MINUTE: Final = 60
_HOUR: Final = 3600
#: The answer about sources that a plan is made of, and what each tells.
_SOURCES: Final = (("axl", "phones"), ("ris", "registrations"))
_ALWAYS: Final = frozenset(
    {
        GuardCode.AUTHENTICATION_STRING,
        GuardCode.AUTHENTICATION_MODE,
        GuardCode.NULL_STRING,
        GuardCode.TRUST_LISTS,
        GuardCode.STALE_CTL,
        GuardCode.DO_NOT_TOUCH,
        GuardCode.WINDOWS,
        GuardCode.DEADLINE,
        GuardCode.BACKUP,
        GuardCode.FACTS,
    }
)


@dataclass(frozen=True, slots=True)
class Untouched:
    """What a do-not-touch list did.

    Attributes:
        listed: names on it; None where none is set.
        left_out: phones that were asked for and left out because of it.
        inside: phones of the plan that are on it.
    """

    listed: int | None
    left_out: int = 0
    inside: int = 0


def expected_guards(operation: Operation) -> frozenset[GuardCode]:
    """Return the codes of the checks that every plan of an operation has had."""
    if operation.issues:
        return _ALWAYS | {GuardCode.KEY_SIZE, GuardCode.CAPF_REST}
    return _ALWAYS | {GuardCode.MIC_STANDBY} if operation is Operation.DELETE else _ALWAYS


def known_at(cluster: ClusterFacts, rollout: "RolloutSettings", now: int, *, live: bool) -> KnownAt:
    """Return how old the facts are.

    Args:
        cluster: as it is known.
        rollout: settings of rollouts.
        now: this instant.
        live: whether a running ctld told it.

    Raises:
        FactsError: they are too old, or were never had.
    """
    most, answered = rollout.facts_max_minutes * _MINUTE, cluster.answered
    hint = f"ctlctl cluster refresh {cluster.name}"
    if not live:
        hint = f"start ctld, then: {hint}"
    for source, what in _SOURCES:
        at = answered.get(source)
        if at is None:
            raise FactsError(f"{what} are not known: {source.upper()} never answered; {hint}")
        if now - at > most:
            raise FactsError(
                f"{what} are as {source.upper()} had them {ago(now, at)}, and a plan is made of nothing older than "
                f"{count(rollout.facts_max_minutes, 'minute')}; {hint}"
            )
    return KnownAt(live, answered["axl"], answered["ris"], answered.get("trust-lists"))


@dataclass(frozen=True, slots=True)
class Checks:
    """What phones of one cluster are checked by.

    Attributes:
        cluster: as it is known.
        rollout: settings of rollouts.
        limits: what bounds the rollout.
        longest: seconds of the longest change window.
        now: this instant.
    """

    cluster: ClusterFacts
    rollout: "RolloutSettings"
    limits: Limits
    longest: int
    now: int

    def guards(
        self,
        operation: Operation,
        phones: Sequence[PhoneFacts],
        impact: Impact,
        known: KnownAt,
        untouched: Untouched,
    ) -> tuple[Guard, ...]:
        """Check phones and their cluster.

        Args:
            operation: what is done on each phone.
            phones: those of the plan.
            impact: of the plan.
            known: how old the facts are.
            untouched: what the do-not-touch list did.
        """
        cluster, rollout, now = self.cluster, self.rollout, self.now
        thresholds = guards.Thresholds(
            capf_rest=rollout.capf_rest_days * DAY,
            backup_old=rollout.backup_hours * _HOUR,
            facts_old=rollout.facts_max_minutes * _MINUTE,
        )
        # What phones rely on has to hold until the last of them may be done.
        until = now + (rollout.approval_days + rollout.deadline_days) * DAY
        found = list(phone_guards(operation, phones, cluster, until))
        if operation.issues:
            found.append(guards.capf_rest(cluster, thresholds, now))
        return (
            *found,
            guards.trust_lists(cluster, thresholds, now),
            guards.stale_ctl(cluster),
            guards.do_not_touch(untouched.listed, untouched.left_out, untouched.inside),
            guards.windows(impact, self.limits, self.longest),
            guards.deadline(impact, rollout.deadline_days, now),
            guards.backup(cluster, thresholds, now),
            guards.facts(known, now),
        )
