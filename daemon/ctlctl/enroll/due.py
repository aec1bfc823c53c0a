"""When a user's certificate is renewed: the same decision as for phones, over the directory's credential. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ctlctl.enroll.credential import StoredCredential
from ctlctl_capf.origin import Authorities, classify
from ctlctl_capf.renewal import Decision, Held, RenewalPolicy, decide
from ctlctl_trust.certificate import Certificate


@dataclass(frozen=True, slots=True)
class RenewalRule:
    """When to renew.

    Attributes:
        window: how long before its effective end.
        capf_rest: how long CAPF's own certificate must still last.
        jitter: up to how much earlier, so that many instances do not come at once.
    """

    window: timedelta = timedelta(days=90)
    capf_rest: timedelta = timedelta(days=365)
    jitter: timedelta = timedelta()


def newest(certificates: Iterable[Certificate]) -> Certificate | None:
    """Return which of CAPF's certificates is the one in use: the newest; None where there is none."""
    return max(certificates, key=lambda one: (one.not_before, one.not_after), default=None)


def decide_renewal(
    stored: StoredCredential, capfs: tuple[Certificate, ...], now: datetime, rule: RenewalRule | None = None
) -> Decision:
    """Decide whether a credential is to be renewed.

    Args:
        stored: what is held. Its chain was proved when it came.
        capfs: certificates of CAPF that are believed now; empty where only the stored ones are known.
        now: this instant, aware.
        rule: when to renew; None for the default one.
    """
    rule = rule or RenewalRule()
    policy = RenewalPolicy(window=rule.window, jitter=rule.jitter, capf_rest=rule.capf_rest)
    known = {each.der for each in capfs}
    origin = classify(stored.certificate, Authorities((*capfs, *(one for one in stored.chain if one.der not in known))))
    # Where an outside CA signs for CAPF, it is that one that has to last.
    in_use = origin.issuer if stored.about.outside_issuer else newest(capfs or stored.chain)
    return decide(stored.about.identity.name, Held(stored.certificate, origin), in_use, now, policy)
