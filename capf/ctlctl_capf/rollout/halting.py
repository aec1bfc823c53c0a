"""When a rollout stops by itself. Each check gives the cause and the numbers, so that a person can judge it."""

from ctlctl_capf.rollout.facts import Facts, Health
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.rows import Batch, Halt


def cause(ledger: Ledger, facts: Facts) -> tuple[Halt, str] | None:
    """Return why the rollout must stop now, in words too; None where it need not."""
    plan, now = ledger.plan, ledger.now
    if facts.invalid:
        return Halt.APPROVAL, facts.invalid
    if plan.deadline is not None and now >= plan.deadline:
        return Halt.DEADLINE, f"the deadline has passed, {ledger.left} phones are left"
    dropped = _dropped(ledger, facts)
    if dropped:
        return Halt.DROP, dropped
    for batch in ledger.head.batches:
        found = _of_batch(ledger, batch)
        if found is not None:
            return found
    flight = facts.preflight
    # One from before a resumption is what the operator has just set aside.
    if flight is not None and flight.health is Health.RED and ledger.window and flight.at >= ledger.head.mode_since:
        return Halt.PREFLIGHT, flight.words
    return None


def _dropped(ledger: Ledger, facts: Facts) -> str:
    if facts.registered is None or not facts.baseline:
        return ""
    ours = ledger.away_since(facts.counted_at or ledger.now)
    missing = facts.baseline - facts.registered - ours
    if missing * 100 <= ledger.plan.limits.drop_percent * facts.baseline:
        return ""
    return (
        f"{facts.registered} of {facts.baseline} phones are registered; "
        f"{ours} in flight do not explain it, {missing} more are missing"
    )


def _of_batch(ledger: Ledger, batch: Batch) -> tuple[Halt, str] | None:
    limits, name = ledger.plan.limits, ledger.stage_name(batch)

    def above(many: int, percent: int) -> bool:
        # One phone alone says nothing of a small batch.
        return many > 1 and many * 100 > percent * batch.size

    if batch.failures and batch.stage < len(limits.canaries):
        return Halt.CANARY, f"{name}: {batch.failures} of {batch.size} failed"
    if batch.failures >= limits.abort_failures or above(batch.failures, limits.abort_percent):
        return Halt.FAILURES, f"{name}: {batch.failures} of {batch.size} failed"
    if above(batch.absent, limits.unknown_percent):
        return Halt.UNKNOWN, f"{name}: nothing is known of {batch.absent} of {batch.size}"
    if above(batch.drifted, limits.drift_percent):
        return Halt.DRIFT, f"{name}: {batch.drifted} of {batch.size} are not what was planned"
    return None
