"""Is a phone's certificate an LSC or a MIC? By who signed it, never by its subject, and never by names alone.

An issuer counts as a manufacturer if its certificate is pinned, and as CAPF if it is one of the known generations (or
the outside CA that signs in CAPF's place); in both cases its key must have signed the certificate.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ctlctl_capf.manufacturers import Pin, fingerprint, known_by_name
from ctlctl_capf.outcome import printable
from ctlctl_trust.certificate import Certificate
from ctlctl_trust.issuing import issued_by

#: How CAPF names itself: eight hexadecimal digits; see `Origin` for what that is worth.
_CAPF_NAME: Final = re.compile(r"CAPF-[0-9a-fA-F]{8}")


class Origin(StrEnum):
    """What a certificate is. The values are stable."""

    LSC = "lsc"
    MIC = "mic"
    UNKNOWN = "unknown"


class OriginCode(StrEnum):
    """Why. The values are stable."""

    ISSUED_BY_CAPF = "issued-by-capf"
    ISSUED_BY_MANUFACTURER = "issued-by-manufacturer"
    #: The issuer is called like a manufacturing CA, but no pinned certificate signed it.
    UNPROVEN_MANUFACTURER = "unproven-manufacturer"
    #: The issuer is called like a CAPF, but none that is known: a phone that was moved, or a generation that is gone.
    UNKNOWN_CAPF = "unknown-capf"
    SELF_SIGNED = "self-signed"
    UNKNOWN_ISSUER = "unknown-issuer"


@dataclass(frozen=True, slots=True)
class Authorities:
    """Whom a certificate may come from.

    Attributes:
        capfs: certificates of CAPF, all known generations, the one in use first; in Online and Offline CA mode the CA
            that signs instead. Whoever fills them in vouches for them.
        pins: manufacturing CAs.
    """

    capfs: tuple[Certificate, ...] = ()
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    """What a certificate is, and why.

    Attributes:
        origin: LSC, MIC, or unknown.
        code: why.
        words: the same for a person, printable.
        issuer: the certificate of who signed it, where that is proved.
    """

    origin: Origin
    code: OriginCode
    words: str
    issuer: Certificate | None = field(default=None, repr=False)

    def effective_end(self, certificate: Certificate) -> datetime:
        """Return until when the certificate can be used: its own end or its issuer's, whichever is earlier."""
        return certificate.not_after if self.issuer is None else min(certificate.not_after, self.issuer.not_after)


def classify(certificate: Certificate, authorities: Authorities, seen: Iterable[Certificate] = ()) -> Classification:
    """Tell what a phone's certificate is.

    Args:
        certificate: what the phone shows.
        authorities: whom it may come from.
        seen: certificates that may be its issuer, from wherever (the chain that the phone shows, a node's trust
            store): each counts only if it is pinned.
    """
    for capf in authorities.capfs:
        if issued_by(certificate, capf):
            words = f"{printable(capf.common_name)}, a known CAPF certificate, signed it"
            return Classification(Origin.LSC, OriginCode.ISSUED_BY_CAPF, words, capf)
    pinned = {pin.sha256: pin.name for pin in authorities.pins}
    for issuer in seen:
        name = pinned.get(fingerprint(issuer))
        if name is not None and issued_by(certificate, issuer):
            words = f"{printable(name)}, a pinned manufacturing CA, signed it"
            return Classification(Origin.MIC, OriginCode.ISSUED_BY_MANUFACTURER, words, issuer)
    return _unknown(certificate)


def origin_of(issuer_sha256: bytes, authorities: Authorities) -> Origin:
    """Tell what a certificate is, where only the fingerprint of its issuer has been kept.

    Args:
        issuer_sha256: SHA-256 of the certificate whose key signed it; whoever kept it has checked that.
        authorities: whom it may come from.
    """
    if any(fingerprint(capf) == issuer_sha256 for capf in authorities.capfs):
        return Origin.LSC
    return Origin.MIC if any(pin.sha256 == issuer_sha256 for pin in authorities.pins) else Origin.UNKNOWN


def _unknown(certificate: Certificate) -> Classification:
    names = [value for kind, value in certificate.issuer if kind == "CN"]
    name = names[-1] if names else ""
    shown = printable(name) or "nobody"
    if certificate.subject == certificate.issuer:
        return Classification(Origin.UNKNOWN, OriginCode.SELF_SIGNED, "it names itself as its issuer")
    if known_by_name(name) is not None:
        words = f"it names {shown}, a manufacturing CA, but no pinned certificate signed it"
        return Classification(Origin.UNKNOWN, OriginCode.UNPROVEN_MANUFACTURER, words)
    if _CAPF_NAME.fullmatch(name):
        words = f"it names {shown}, a CAPF that is not known here: another cluster's, or one that is gone"
        return Classification(Origin.UNKNOWN, OriginCode.UNKNOWN_CAPF, words)
    return Classification(Origin.UNKNOWN, OriginCode.UNKNOWN_ISSUER, f"it names {shown}, who is not known here")
