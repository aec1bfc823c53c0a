"""When is an LSC to be renewed? Pure: certificates, a policy and an instant in, a decision with its reason out.

An LSC is worth no more than the CAPF certificate that signed it: both must be valid where the phone shows it. Most
LSCs outlive their CAPF certificate (both last five years by default), so that is only warned of; a renewal that would
gain too little time is refused, because it is CAPF's certificate that has to be renewed first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ctlctl_capf.elements import KeyOrder
from ctlctl_capf.frame import CapfLocalError
from ctlctl_capf.origin import Classification, Origin, OriginCode
from ctlctl_trust.certificate import Certificate

#: A renewal that moves the end by less is none.
_LEAST_GAIN: Final = timedelta(days=1)
#: No certificate of a phone lasts longer, and sums of dates stay in the calendar.
_LONGEST: Final = timedelta(days=36_525)
#: Parts of a certificate's life that the window and the jitter may take, so that short lives are not always due.
_WINDOW_PART, _JITTER_PART = 3, 6


class Verdict(Enum):
    """What is to be done."""

    DUE = "due"
    NOT_DUE = "not-due"
    #: It would be due, but CAPF's certificate has to be renewed first.
    REFUSED = "refused"


class RenewalCode(StrEnum):
    """Why. The values are stable: logs, metrics and scripts see them."""

    NO_CERTIFICATE = "no-certificate"
    MIC_ONLY = "mic-only"
    EXPIRED = "expired"
    ISSUER_EXPIRED = "issuer-expired"
    OLD_GENERATION = "old-generation"
    KEY_POLICY = "key-policy"
    IN_WINDOW = "in-window"
    NOT_YET = "not-yet"
    CAPF_REST = "capf-rest"
    NO_GAIN = "no-gain"


class Caution(StrEnum):
    """What else there is to know. The values are stable."""

    #: The LSC says that it lasts longer than the CAPF certificate that signed it.
    OUTLIVES_ISSUER = "outlives-issuer"
    #: A new one would say so.
    WILL_OUTLIVE_ISSUER = "will-outlive-issuer"
    #: Nobody known signed it, so only its own dates are judged.
    UNKNOWN_ISSUER = "unknown-issuer"
    #: The CAPF certificate in use is not known, so what a renewal would gain is not known either.
    UNKNOWN_CAPF = "unknown-capf"


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """When to renew.

    Attributes:
        window: how long before the effective end an LSC is renewed; at most a third of its life.
        jitter: up to how much earlier still, by the phone's name, so that not all come at once; at most a sixth.
        validity: how long a new LSC lasts (CAPF's service parameter; 1,825 days in CUCM).
        capf_rest: how long CAPF's certificate must still last for a renewal to be worth while.
        least_rsa: bits below which an RSA key is replaced.
        key: the only kind of key that is left alone, or None for any that is strong enough.

    Raises:
        CapfLocalError: a span is negative or over 100 years, or no new LSC would last.
    """

    window: timedelta = timedelta(days=90)
    jitter: timedelta = timedelta(days=30)
    validity: timedelta = timedelta(days=1825)
    capf_rest: timedelta = timedelta(days=365)
    least_rsa: int = 2048
    key: KeyOrder | None = None

    def __post_init__(self) -> None:
        zero, spans = timedelta(), (self.window, self.jitter, self.capf_rest, self.validity)
        if min(spans) < zero or max(spans) > _LONGEST or self.validity == zero:
            raise CapfLocalError("the spans of a renewal policy are 0 to 100 years, and a new LSC must last")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done about one phone.

    Attributes:
        verdict: due, not due, refused.
        code: why.
        words: the same for a person.
        until: where it is not due: when it will be.
        end: until when the certificate that the phone has can be used; None where it has none.
        cautions: what else there is to know.
    """

    verdict: Verdict
    code: RenewalCode
    words: str
    until: datetime | None = None
    end: datetime | None = None
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What a phone has.

    Attributes:
        certificate: the certificate that it shows.
        origin: what it is (`ctlctl_capf.origin.classify`).
    """

    certificate: Certificate
    origin: Classification

    @property
    def end(self) -> datetime:
        """Until when it can be used."""
        return self.origin.effective_end(self.certificate)


def decide(
    name: str, held: Held | None, capf: Certificate | None, now: datetime, policy: RenewalPolicy | None = None
) -> Decision:
    """Decide whether a phone is to get a new LSC.

    Args:
        name: the phone's name, which spreads renewals.
        held: what it has, or None where it has nothing.
        capf: the CAPF certificate in use, which would sign; None where it is not known.
        now: this instant, aware.
        policy: when to renew; None for the default one.

    Raises:
        CapfLocalError: the instant has no zone.
    """
    if now.tzinfo is None:
        raise CapfLocalError("an instant has a zone")
    return _Judge(name, held, capf, now, policy or RenewalPolicy()).decide()


def spread(name: str, jitter: timedelta) -> timedelta:
    """Return a phone's own part of the jitter: always the same for a name, evenly spread over names."""
    drawn = int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:4])
    return jitter * (drawn / 2**32)


class _Judge:
    def __init__(
        self, name: str, held: Held | None, capf: Certificate | None, now: datetime, policy: RenewalPolicy
    ) -> None:
        self._name = name
        self._held = held
        self._capf = capf
        self._now = now
        self._policy = policy

    def decide(self) -> Decision:
        held = self._held
        if held is None:
            return self._due(RenewalCode.NO_CERTIFICATE, "the phone has no LSC")
        if held.origin.origin is Origin.MIC:
            return self._due(RenewalCode.MIC_ONLY, "the phone has its MIC only")
        if (found := self._by_date(held)) is not None:
            return self._gains(held, *found)
        if (found := self._by_kind(held)) is not None:
            return self._due(*found)
        at = self._due_at(held)
        if self._now >= at:
            words = f"the LSC can be used until {_day(held.end)}, which is near"
            return self._gains(held, RenewalCode.IN_WINDOW, words)
        return self._decision(Verdict.NOT_DUE, RenewalCode.NOT_YET, f"not due until {_day(at)}", at)

    def _by_date(self, held: Held) -> tuple[RenewalCode, str] | None:
        if held.certificate.not_after <= self._now:
            return RenewalCode.EXPIRED, f"the LSC ended {_day(held.certificate.not_after)}"
        if held.end <= self._now:
            return RenewalCode.ISSUER_EXPIRED, f"the CAPF certificate that signed the LSC ended {_day(held.end)}"
        return None

    def _by_kind(self, held: Held) -> tuple[RenewalCode, str] | None:
        issuer, certificate, policy = held.origin.issuer, held.certificate, self._policy
        if issuer is not None and self._capf is not None and issuer.key != self._capf.key:
            return RenewalCode.OLD_GENERATION, "an earlier CAPF certificate signed the LSC"
        if policy.key is not None and certificate.key_label != policy.key.label:
            return RenewalCode.KEY_POLICY, f"the key is {certificate.key_label}, wanted is {policy.key.label}"
        if isinstance(certificate.key, RSAPublicKey) and certificate.key_bits < policy.least_rsa:
            return RenewalCode.KEY_POLICY, f"the key is {certificate.key_label}, at least {policy.least_rsa} is wanted"
        return None

    def _due_at(self, held: Held) -> datetime:
        life = max(held.end - held.certificate.not_before, timedelta())
        window = min(self._policy.window, life / _WINDOW_PART)
        return held.end - window - spread(self._name, min(self._policy.jitter, life / _JITTER_PART))

    def _gains(self, held: Held, code: RenewalCode, words: str) -> Decision:
        """Say that a renewal is due, unless the new LSC could be used no longer than the old."""
        # An issuer that is not known may end before its LSC does: what a renewal gains cannot be told.
        known = held.origin.issuer is not None and self._capf is not None
        if known and self._new_end() < held.end + _LEAST_GAIN:
            return self._decision(
                Verdict.REFUSED,
                RenewalCode.NO_GAIN,
                f"{words}, but a new one could be used no longer: renew CAPF's certificate first",
            )
        return self._due(code, words)

    def _due(self, code: RenewalCode, words: str) -> Decision:
        """Say that a renewal is due, unless CAPF's certificate ends too soon."""
        if self._capf is not None:
            rest = self._capf.not_after - self._now
            if rest <= timedelta() or rest < self._policy.capf_rest:
                return self._decision(
                    Verdict.REFUSED,
                    RenewalCode.CAPF_REST,
                    f"{words}, but CAPF's certificate ends {_day(self._capf.not_after)}: renew that first",
                )
        return self._decision(Verdict.DUE, code, words)

    def _new_end(self) -> datetime:
        end = self._now + self._policy.validity
        return end if self._capf is None else min(end, self._capf.not_after)

    def _decision(self, verdict: Verdict, code: RenewalCode, words: str, until: datetime | None = None) -> Decision:
        end = None if self._held is None else self._held.end
        return Decision(verdict, code, words, until, end, tuple(self._cautions(verdict)))

    def _cautions(self, verdict: Verdict) -> list[Caution]:
        found: list[Caution] = []
        held, capf = self._held, self._capf
        if held is not None:
            if held.origin.origin is Origin.UNKNOWN:
                found.append(Caution.UNKNOWN_ISSUER)
            elif held.origin.code is OriginCode.ISSUED_BY_CAPF and held.end < held.certificate.not_after:
                found.append(Caution.OUTLIVES_ISSUER)
        if capf is None:
            found.append(Caution.UNKNOWN_CAPF)
        elif verdict is Verdict.DUE and capf.not_after < self._now + self._policy.validity:
            found.append(Caution.WILL_OUTLIVE_ISSUER)
        return found


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
