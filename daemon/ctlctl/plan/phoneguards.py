"""What is checked of the phones of a plan: how they prove themselves to CAPF, their keys, what they fall back on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ctlctl.assess.words import count, listed, shares
from ctlctl.plan.facts import CALLMANAGER_TRUST, CAPF_TRUST, ClusterFacts, PhoneFacts
from ctlctl.plan.mic import MicRules, Standing
from ctlctl.plan.model import Guard, GuardCode, GuardVerdict
from ctlctl.plan.models import longest_rsa
from ctlctl_capf.rollout.model import Operation

#: XAuthenticationMode.
BY_STRING: Final = "By Authentication String"
BY_NULL: Final = "By Null String"
BY_LSC: Final = "By Existing Certificate (precedence to LSC)"
BY_MIC: Final = "By Existing Certificate (precedence to MIC)"
_EXISTING: Final = frozenset({BY_LSC, BY_MIC})
_EXPIRED: Final = "lsc-expired"
#: RSA bits: what phones and CAPF refuse or are right to distrust, and what is weak (NIST SP 800-57).
_BROKEN_KEY, _WEAK_KEY = 512, 1024


def phone_guards(
    operation: Operation, phones: Sequence[PhoneFacts], cluster: ClusterFacts, until: int
) -> tuple[Guard, ...]:
    """Check the phones that a plan takes in.

    Args:
        operation: what is done on each.
        phones: those of the plan.
        cluster: their cluster.
        until: instant up to which certificates that are relied on have to hold.
    """
    guards = [
        _authentication_string(phones),
        _authentication_mode(phones, cluster, until),
        _null_string(operation, phones),
    ]
    if operation.issues:
        guards.append(_key_size(phones))
    if operation is Operation.DELETE:
        guards.append(_mic_standby(phones, cluster, until))
    return tuple(guards)


def _profiles(phones: Iterable[PhoneFacts]) -> str:
    """Name the security profiles that phones have: what would have to be changed."""
    found = Counter(phone.security_profile or "no profile" for phone in phones)
    return shares(found.items(), 3)


def _authentication_string(phones: Sequence[PhoneFacts]) -> Guard:
    """Check that nobody has to type at a phone that is off the air until somebody does (Security Guide, CAPF)."""
    by_string = [phone for phone in phones if phone.authentication_mode == BY_STRING]
    stranded = [phone for phone in by_string if phone.secure is True and phone.lacks_lsc]
    maybe = [phone for phone in by_string if _may_be_stranded(phone)]
    numbers = {"phones": len(by_string), "secure_without_lsc": len(stranded), "not_known": len(maybe)}
    code = GuardCode.AUTHENTICATION_STRING
    if stranded:
        words = (
            f"{count(len(stranded), 'secure phone')} without LSC would be off the air until somebody types a string "
            f"({_profiles(stranded)}): set another authentication mode on the profile"
        )
        return Guard(code, GuardVerdict.REFUSE, words, numbers)
    if maybe:
        words = (
            f"{count(len(maybe), 'phone')} may be secure and without LSC, and wait for a string ({_profiles(maybe)})"
        )
        return Guard(code, GuardVerdict.UNKNOWN, words, numbers)
    if by_string:
        words = f"at {count(len(by_string), 'phone')} somebody has to type a string ({_profiles(by_string)})"
        return Guard(code, GuardVerdict.WARN, words, numbers)
    return Guard(code, GuardVerdict.OK, "no phone waits for an authentication string", numbers)


def _may_be_stranded(phone: PhoneFacts) -> bool:
    """Tell whether nobody knows if a phone is secure, or if it has an LSC."""
    return not phone.has_lsc and phone.secure is not False and not (phone.secure and phone.lacks_lsc)


def _authentication_mode(phones: Sequence[PhoneFacts], cluster: ClusterFacts, until: int) -> Guard:
    """Check that phones have the certificate by which their profile makes them prove themselves to CAPF."""
    rules = MicRules(cluster, CAPF_TRUST, until)
    trusted = {one.common_name for held in cluster.stores(CAPF_TRUST).values() for one in held}
    if cluster.capf is not None and trusted:
        trusted.add(cluster.capf.common_name)
    cannot: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    expired = 0
    bad: list[PhoneFacts] = []
    for phone in phones:
        if phone.authentication_mode not in {BY_STRING, BY_NULL, *_EXISTING}:
            unsure["authentication mode not known"] += 1
        elif phone.authentication_mode in _EXISTING:
            why, sure = _existing(phone, rules, trusted)
            if why and sure:
                cannot[why] += 1
                bad.append(phone)
            elif why:
                unsure[why] += 1
            expired += phone.credential == _EXPIRED
    numbers = {"phones": len(phones), "cannot": len(bad), "not_known": unsure.total(), "lsc_expired": expired}
    code = GuardCode.AUTHENTICATION_MODE
    if bad:
        words = (
            f"{count(len(bad), 'phone')} by existing certificate cannot prove themselves ({shares(cannot.items())}; "
            f"{_profiles(bad)}): set By Null String on the profile, or leave them out"
        )
        return Guard(code, GuardVerdict.REFUSE, words, numbers)
    if unsure:
        words = f"whether {count(unsure.total(), 'phone')} can prove themselves is not known ({shares(unsure.items())})"
        return Guard(code, GuardVerdict.UNKNOWN, words, numbers)
    if expired:
        words = f"{count(expired, 'phone')} by existing certificate show an LSC that has ended: CAPF may refuse it"
        return Guard(code, GuardVerdict.WARN, words, numbers)
    return Guard(code, GuardVerdict.OK, f"{count(len(phones), 'phone')} can prove themselves to CAPF", numbers)


def _existing(phone: PhoneFacts, rules: MicRules, trusted: set[str]) -> tuple[str, bool]:
    """Return what keeps a phone from proving itself by a certificate that it has, and whether that is sure."""
    if not phone.has_lsc and not phone.lacks_lsc:
        return "credential not known", False
    if phone.has_lsc and phone.authentication_mode == BY_LSC:
        if not trusted:
            return "what CAPF trusts is not known", False
        if phone.credential_issuer is None:
            return "issuer of the LSC not known", False
        return ("", True) if phone.credential_issuer in trusted else ("issuer of the LSC no longer in CAPF-trust", True)
    standing = rules.judge(phone)
    if standing is Standing.GOOD or (standing is Standing.NO_MIC and phone.has_lsc):
        # Where there is no MIC to take precedence, the LSC is taken.
        return "", True
    return standing.value, not standing.unknown


def _null_string(operation: Operation, phones: Sequence[PhoneFacts]) -> Guard:
    """Check by what a first LSC is given out: by null string, whoever is faster than the phone gets it."""
    null = [phone for phone in phones if phone.authentication_mode == BY_NULL]
    numbers = {"phones": len(null)}
    if not null:
        return Guard(GuardCode.NULL_STRING, GuardVerdict.OK, "no phone gets an LSC without proving itself", numbers)
    words = f"{count(len(null), 'phone')} prove nothing to CAPF: By Null String ({_profiles(null)})"
    if operation is Operation.INSTALL:
        return Guard(GuardCode.NULL_STRING, GuardVerdict.REFUSE, f"{words}; take that on, or change it", numbers)
    return Guard(GuardCode.NULL_STRING, GuardVerdict.WARN, words, numbers)


def _key_size(phones: Sequence[PhoneFacts]) -> Guard:
    """Check the keys that profiles ask for."""
    sizes = [(phone, phone.key_size) for phone in phones]
    broken = [phone for phone, size in sizes if size is not None and size <= _BROKEN_KEY]
    long = [phone for phone, size in sizes if size is not None and size > (longest_rsa(phone.model) or size)]
    weak = [phone for phone, size in sizes if size is not None and _BROKEN_KEY < size <= _WEAK_KEY]
    unknown = sum(size is None for _, size in sizes)
    numbers = {"broken": len(broken), "too_long": len(long), "weak": len(weak), "not_known": unknown}
    code = GuardCode.KEY_SIZE
    if broken:
        words = f"{count(len(broken), 'phone')} would get a key of 512 bits ({_profiles(broken)}): change the profile"
        return Guard(code, GuardVerdict.REFUSE, words, numbers)
    if unknown:
        words = f"the key size that {count(unknown, 'phone')} would get is not read: look at the security profiles"
        return Guard(code, GuardVerdict.UNKNOWN, words, numbers)
    said = []
    if long:
        models = Counter(phone.model for phone in long)
        said.append(f"{count(len(long), 'phone')} may not be able to make so long a key ({shares(models.items())})")
    if weak:
        said.append(f"{count(len(weak), 'phone')} would get a key of 1024 bits ({_profiles(weak)})")
    if said:
        return Guard(code, GuardVerdict.WARN, "; ".join(said), numbers)
    return Guard(code, GuardVerdict.OK, "every phone gets a key of 2048 bits or more", numbers)


def _mic_standby(phones: Sequence[PhoneFacts], cluster: ClusterFacts, until: int) -> Guard:
    """Check that a secure phone without its LSC still registers: by its MIC, or not at all."""
    rules = MicRules(cluster, CALLMANAGER_TRUST, until)
    cannot: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    secure = 0
    names: list[str] = []
    for phone in phones:
        if phone.secure is False:
            continue
        secure += 1
        standing = rules.judge(phone)
        if standing.unknown or (phone.secure is None and standing is not Standing.GOOD):
            unsure[standing.value] += 1
        elif standing is not Standing.GOOD:
            cannot[standing.value] += 1
            names.append(phone.name)
    numbers = {"secure": secure, "cannot": cannot.total(), "not_known": unsure.total()}
    code = GuardCode.MIC_STANDBY
    if cannot:
        words = (
            f"{count(len(names), 'secure phone')} could not register without the LSC ({shares(cannot.items())}): "
            f"{listed(names)}"
        )
        return Guard(code, GuardVerdict.REFUSE, words, numbers)
    if unsure:
        words = (
            f"whether {count(unsure.total(), 'secure phone')} could register without the LSC is not known "
            f"({shares(unsure.items())})"
        )
        return Guard(code, GuardVerdict.UNKNOWN, words, numbers)
    words = f"{count(secure, 'secure phone')} can register by their MIC" if secure else "no phone is secure"
    return Guard(code, GuardVerdict.OK, words, numbers)
