"""What each phone shows in TLS: its LSC, its MIC, nothing, or nobody knows; with who says so and since when.

A recent look at the phone itself decides, by the issuer of what it presented and never by the subject. Else the
database decides, where "no date" means "no LSC known", not "no LSC".
"""

from dataclasses import replace
from typing import Final

from ctlctl.assess.known import Known, common_name, epoch
from ctlctl.assess.model import CredentialState, PhoneCredential, Policy
from ctlctl.assess.words import DAY, day
from ctlctl.inventory.values import Phone, PhoneConfig, PhoneProbe, Snapshot
from ctlctl.inventory.words import Source

#: Issuers of factory certificates (MIC): CN of Cisco's manufacturing CAs.
MANUFACTURING_CAS: Final = frozenset(
    {
        "Cisco Manufacturing CA",
        "Cisco Manufacturing CA SHA2",
        "Cisco Manufacturing CA II",
        "Cisco Manufacturing CA III",
        "CAP-RTP-001",
        "CAP-RTP-002",
        "ACT2 SUDI CA",
        "High Assurance SUDI CA",
    }
)
#: How the names of a lab's own manufacturing CAs begin.
_LAB_MANUFACTURING_CA: Final = "LAB Manufacturing CA"
SECURE_MODES: Final = frozenset({"Authenticated", "Encrypted"})
NON_SECURE_MODE: Final = "Non Secure"
#: Seconds by which two sources may differ about the end of one LSC: time zones and roundings.
_SAME_END: Final = DAY
#: Seconds by which a look may lie ahead of the clock: clocks differ, and are set back.
_CLOCK_TOLERANCE: Final = DAY

_LSC_STATES: Final = frozenset({CredentialState.LSC, CredentialState.LSC_EXPIRING, CredentialState.LSC_EXPIRED})


def is_secure(config: PhoneConfig) -> bool:
    """Tell whether a phone's profile wants TLS."""
    return config.security_mode in SECURE_MODES


def is_lsc(credential: PhoneCredential) -> bool:
    """Tell whether a phone has an LSC, ended or not."""
    return credential.state in _LSC_STATES


def _earlier(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


class CredentialRules:
    """Judges the phones of one snapshot."""

    def __init__(self, snapshot: Snapshot, known: Known, policy: Policy, now: int) -> None:
        self._policy = policy
        self._now = now
        state = snapshot.sources.get(Source.AXL)
        self._axl_at = None if state is None else state.last_success
        self._axl_knows = snapshot.facts is not None and snapshot.facts.lsc_columns
        self._capfs = known.capf_generations
        self._by_sha256 = known.by_sha256
        # Most phones without an LSC are the same to everybody, so that they share one value.
        self._plain = {
            state: PhoneCredential(state, Source.AXL, self._axl_at)
            for state in (CredentialState.NONE, CredentialState.MIC_SUSPECTED)
        }
        self._unknown = PhoneCredential(CredentialState.UNKNOWN, None, None)

    def judge(self, phone: Phone) -> PhoneCredential:
        """Return what a phone shows."""
        by_axl = self._by_axl(phone.config)
        probe = phone.probe
        if probe is None or probe.fault is not None or not self._is_recent(probe):
            return by_axl
        by_probe = self._by_probe(probe)
        if by_probe.state is CredentialState.UNKNOWN:
            return self._undecided(phone, probe, by_probe, by_axl)
        against = self._against(by_probe, probe, phone.config, by_axl)
        if against is None:
            agrees = is_lsc(by_probe) and is_lsc(by_axl)
            return replace(by_probe, confirmed_by=Source.AXL) if agrees else by_probe
        if phone.changed_at > probe.at and by_axl.state is not CredentialState.UNKNOWN:
            # What the database has is newer than the look: most likely CAPF has been at work between.
            return by_axl
        return replace(by_probe, contradiction=against)

    def _is_recent(self, probe: PhoneProbe) -> bool:
        return -_CLOCK_TOLERANCE <= self._now - probe.at <= self._policy.probe_trusted_for

    def _by_axl(self, config: PhoneConfig) -> PhoneCredential:
        if not self._axl_knows:
            return self._unknown
        if config.lsc_valid_until is not None:
            ends = _earlier(config.lsc_valid_until, config.lsc_issuer_valid_until)
            state = self._state_of_lsc(ends)
            return PhoneCredential(state, Source.AXL, self._axl_at, ends, common_name(config.lsc_issuer))
        if is_secure(config):
            return self._plain[CredentialState.MIC_SUSPECTED]
        if config.security_mode == NON_SECURE_MODE:
            return self._plain[CredentialState.NONE]
        # A word for the mode that this version does not know, or none.
        return self._unknown

    def _by_probe(self, probe: PhoneProbe) -> PhoneCredential:
        issuer = None if probe.issuer_sha256 is None else self._by_sha256.get(probe.issuer_sha256)
        ends = _earlier(probe.not_after, None if issuer is None else epoch(issuer.not_after))
        name = probe.issuer_cn
        if probe.issuer_sha256 in self._capfs:
            state = self._state_of_lsc(ends)
            return PhoneCredential(state, Source.PHONE_TLS, probe.at, ends, name)
        if name is not None and self._is_manufacturer(name):
            return PhoneCredential(CredentialState.MIC, Source.PHONE_TLS, probe.at, ends, name, mic_ends=ends)
        return PhoneCredential(CredentialState.UNKNOWN, Source.PHONE_TLS, probe.at, ends, name)

    def _is_manufacturer(self, name: str) -> bool:
        return name in MANUFACTURING_CAS or (self._policy.lab and name.startswith(_LAB_MANUFACTURING_CA))

    def _undecided(
        self, phone: Phone, probe: PhoneProbe, by_probe: PhoneCredential, by_axl: PhoneCredential
    ) -> PhoneCredential:
        """Judge a phone whose certificate is of an issuer that is neither a CAPF nor a manufacturer."""
        if not is_lsc(by_axl):
            return by_probe
        if by_axl.issuer is not None and by_axl.issuer == probe.issuer_cn and self._same_end(probe, phone.config):
            # An outside CA signs the LSCs (CAPF in online or offline mode), and the database knows it as such.
            return replace(by_axl, confirmed_by=Source.PHONE_TLS)
        if phone.changed_at > probe.at:
            return by_axl
        return replace(by_probe, contradiction=f"AXL knows an LSC of {_issued(by_axl)}")

    def _same_end(self, probe: PhoneProbe, config: PhoneConfig) -> bool:
        if probe.not_after is None or config.lsc_valid_until is None:
            return False
        return abs(probe.not_after - config.lsc_valid_until) <= _SAME_END

    def _against(
        self, by_probe: PhoneCredential, probe: PhoneProbe, config: PhoneConfig, by_axl: PhoneCredential
    ) -> str | None:
        """Return what the database says against the look, in words, or None."""
        if is_lsc(by_probe):
            if not is_lsc(by_axl):
                return "AXL knows no LSC" if by_axl.state is not CredentialState.UNKNOWN else None
            if not self._same_end(probe, config) and probe.not_after is not None:
                return f"AXL says that the LSC ends {day(config.lsc_valid_until or 0)}, not {day(probe.not_after)}"
            if by_axl.issuer is not None and by_axl.issuer != by_probe.issuer:
                return f"AXL says that {by_axl.issuer} issued the LSC"
            return None
        if is_lsc(by_axl) and by_axl.state is not CredentialState.LSC_EXPIRED:
            return f"AXL knows an LSC of {_issued(by_axl)}"
        # A phone whose LSC has ended may well show its MIC instead.
        return None

    def _state_of_lsc(self, ends: int | None) -> CredentialState:
        if ends is None:
            # A certificate without a known end cannot be called good.
            return CredentialState.UNKNOWN
        if ends < self._now:
            return CredentialState.LSC_EXPIRED
        if ends - self._now <= self._policy.lsc_expiring:
            return CredentialState.LSC_EXPIRING
        return CredentialState.LSC


def _issued(credential: PhoneCredential) -> str:
    ends = "" if credential.ends is None else f" that ends {day(credential.ends)}"
    return f"{credential.issuer or 'an issuer it does not name'}{ends}"
