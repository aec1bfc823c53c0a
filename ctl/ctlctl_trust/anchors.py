"""Trust anchors: the keys an operator vouches for."""

from dataclasses import dataclass

from ctlctl_trust.certificate import Certificate


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """Keys that may sign, given as certificates.

    Attributes:
        certificates: the anchors.
    """

    certificates: tuple[Certificate, ...]

    @property
    def keys(self) -> frozenset[bytes]:
        """The anchors' keys, as trust lists spell them."""
        return frozenset(c.list_key for c in self.certificates if c.list_key is not None)

    def issued(self, certificate: Certificate) -> bool:
        """Tell whether an anchor bears the name of ``certificate``'s issuer (said to the operator, never trusted)."""
        return any(anchor.subject == certificate.issuer for anchor in self.certificates)
