"""Which phones go into a plan, and why the others are left out: one reason each, the first that holds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ctlctl.assess.words import DAY, day
from ctlctl.plan.facts import CapfCertificate, PhoneFacts
from ctlctl.plan.model import Exclusion, ExclusionCode
from ctlctl.plan.models import takes_lsc
from ctlctl_capf.rollout.model import Operation

#: A renewal that moves the end by less is none (as `ctlctl_capf.renewal` has it).
_LEAST_GAIN: Final = DAY
_NO_OPERATION: Final = "No Pending Operation"
_PENDING: Final = "Operation Pending"
_LSC_MADE: Final = frozenset({"Upgrade Success", "Delete Success"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What phones are chosen by.

    Attributes:
        operation: what is to be done.
        now: this instant.
        do_not_touch: names, in upper case.
        capf: the certificate by which CAPF signs; None where it is not known.
        renew_before: seconds before its end from which an LSC is due.
        unregistered: seconds after which a phone that is not registered is left out.
        due_or_not: whether LSCs are renewed that are not due, or by which no time is gained: for another key, say.
    """

    operation: Operation
    now: int
    do_not_touch: frozenset[str]
    capf: CapfCertificate | None
    renew_before: int
    unregistered: int
    due_or_not: bool = False


def choose(phones: Iterable[PhoneFacts], choice: Choice) -> tuple[tuple[PhoneFacts, ...], tuple[Exclusion, ...]]:
    """Return the phones that go into a plan, and those left out, each by name."""
    taken, left_out = [], []
    for phone in sorted(phones, key=lambda one: one.name):
        found = why_not(phone, choice)
        if found is None:
            taken.append(phone)
        else:
            left_out.append(Exclusion(phone.name, phone.model, *found))
    return tuple(taken), tuple(left_out)


def why_not(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    """Return why a phone is left out, or None: what people said first, then what it can do, then what it needs."""
    for rule in _RULES:
        if (found := rule(phone, choice)) is not None:
            return found
    return None


def not_in_cluster(names: Iterable[str]) -> tuple[Exclusion, ...]:
    """Return names that were asked for and belong to no phone."""
    words = "no phone of that name in the cluster: gone from AXL, or never there"
    return tuple(Exclusion(name, "", ExclusionCode.NOT_IN_CLUSTER, words) for name in sorted(names))


def _by_people(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    if phone.name.upper() in choice.do_not_touch:
        return ExclusionCode.DO_NOT_TOUCH, "on the do-not-touch list"
    return None


def _by_model(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    del choice
    takes = takes_lsc(phone.model)
    if takes is False:
        return ExclusionCode.NO_LSC_SUPPORT, f"{phone.model}: takes no LSC"
    if takes or phone.has_lsc or phone.capf_status in _LSC_MADE:
        return None
    return ExclusionCode.LSC_SUPPORT_UNKNOWN, f"{phone.model or 'no model'}: no source says whether it takes an LSC"


def _by_pending(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    del choice
    if phone.capf_operation is None or phone.capf_status is None:
        return ExclusionCode.CAPF_STATE_UNKNOWN, "whether CAPF has something to do already is not known"
    if phone.capf_operation != _NO_OPERATION or phone.capf_status == _PENDING:
        return ExclusionCode.OPERATION_PENDING, f"CAPF has to do already: {phone.capf_operation}"
    return None


def _by_registration(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    if phone.registered:
        return None
    if phone.status is None or phone.status_since is None:
        return ExclusionCode.REGISTRATION_UNKNOWN, "not registered, and since when nobody knows"
    if choice.now - phone.status_since > choice.unregistered:
        return ExclusionCode.OFFLINE, f"{phone.status} since {day(phone.status_since)}"
    return None


def _by_credential(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    """Judge by what the phone shows; to troubleshoot is to find that out."""
    if choice.operation is Operation.TROUBLESHOOT:
        return None
    if not phone.has_lsc and not phone.lacks_lsc:
        return ExclusionCode.CREDENTIAL_UNKNOWN, "whether it has an LSC is not known"
    if choice.operation is Operation.INSTALL:
        return (ExclusionCode.HAS_LSC, "has an LSC: renew is for that") if phone.has_lsc else None
    if phone.lacks_lsc:
        return ExclusionCode.NO_LSC, "has no LSC"
    return _by_end(phone, choice) if choice.operation is Operation.RENEW and not choice.due_or_not else None


def _by_end(phone: PhoneFacts, choice: Choice) -> tuple[ExclusionCode, str] | None:
    ends, capf = phone.credential_ends, choice.capf
    if ends is None:
        return ExclusionCode.CREDENTIAL_UNKNOWN, "when its LSC ends is not known"
    if capf is not None and phone.credential_issuer not in {None, capf.common_name}:
        # An earlier CAPF certificate signed it: whenever it ends, it keeps that certificate in the trust stores.
        return None
    if ends - choice.now > choice.renew_before:
        return ExclusionCode.NOT_DUE, f"not due until {day(ends - choice.renew_before)}"
    if capf is not None and capf.ends < ends + _LEAST_GAIN:
        return ExclusionCode.NO_GAIN, f"a new LSC would end {day(capf.ends)} with CAPF's certificate: renew that first"
    return None


_RULES: Final[tuple[Callable[[PhoneFacts, Choice], tuple[ExclusionCode, str] | None], ...]] = (
    _by_people,
    _by_model,
    _by_credential,
    _by_pending,
    _by_registration,
)
