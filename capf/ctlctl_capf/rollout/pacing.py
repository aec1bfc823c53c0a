"""How fast AXL is written to: half as fast after each throttled answer, a little faster after each clean minute."""

from ctlctl_capf.rollout.actions import EventKind
from ctlctl_capf.rollout.ledger import Ledger
from ctlctl_capf.rollout.rows import Head

#: Writes per second below which the pace does not fall: it must find out that AXL has recovered.
SLOWEST = 0.1
#: Seconds of writes that may come at once after a pause.
_BURST = 2.0
_MINUTE = 60


def grow(ledger: Ledger, elapsed: int) -> None:
    """Let time pass: tokens come in, and the pace rises after each minute without a throttled answer."""
    head, limits = ledger.head, ledger.plan.limits
    pace, since = head.pace, head.pace_since
    burst = _burst(pace)
    if head.tokens >= burst:
        # A minute in which nothing is written proves nothing.
        since = ledger.now
    elif ledger.now - since >= _MINUTE:
        pace, since = min(limits.pace_ceiling, pace + limits.pace_step), ledger.now
    tokens = min(burst, head.tokens + pace * elapsed)
    ledger.set_head(pace=pace, pace_since=since, tokens=tokens)


def _burst(pace: float) -> float:
    return max(1.0, pace * _BURST)


def throttled(ledger: Ledger, times: int) -> None:
    """Take answers that were throttled: half the pace, once however many came together, and no write at once."""
    head = ledger.head
    pace = max(SLOWEST, head.pace / 2)
    ledger.set_head(pace=pace, pace_since=ledger.now, tokens=0.0, throttled=head.throttled + times)
    ledger.note(EventKind.THROTTLED, f"AXL is busy: {pace:g} writes/s from here on, {head.throttled + times} so far")


def not_done(ledger: Ledger, times: int) -> None:
    """Take writes that nobody was asked for: their tokens come back, and the pace stays as it is."""
    head = ledger.head
    ledger.set_head(tokens=min(_burst(head.pace), head.tokens + times))


def may_write(head: Head) -> bool:
    """Whether a write may be made now."""
    return head.tokens >= 1


def spend(ledger: Ledger) -> None:
    """Take a token for a write."""
    ledger.set_head(tokens=ledger.head.tokens - 1)
