"""CAPF as the rest of the application sees it: settings, errors, and what is asked of who wants a certificate."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.elements import KeyOrder
from ctlctl_capf.frame import PORT, CapfReason
from ctlctl_capf.outcome import Outcome
from ctlctl_capf.states import SESSION_SECONDS
from ctlctl_trust.certificate import Certificate

DEFAULT_PORT: Final = PORT
#: Seconds for a whole session, connecting and the making of a key included.
DEFAULT_DEADLINE_SECONDS: Final = float(SESSION_SECONDS)


class CapfError(ConnectorError):
    """A session with CAPF did not come to its end.

    Attributes:
        reason: what CAPF did against the protocol; None where that is not what went wrong.
    """

    def __init__(
        self, fault: ConnectorFault, detail: str, *, place: Place, advice: str = "", reason: CapfReason | None = None
    ) -> None:
        super().__init__(fault, detail, place=place, advice=advice)
        self.reason = reason


class CapfStrangerError(CapfError):
    """Who answers is not the CAPF that is known here; nothing was said to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapfSettings:
    """How to reach CAPF.

    Attributes:
        cluster: Name of the cluster in the settings, or what stands for it in errors.
        host: The node; the publisher's, for only there CAPF issues.
        port: Its port.
        certificates: Whom to believe, DER: the server must present one of them, byte for byte, before anything is
            sent. None believes anybody, so that who runs the session can show what was presented; an empty tuple
            believes nobody.
        deadline_seconds: For the whole session; looking a name up is not counted.
        legacy_tls: Whether to speak TLS 1.0 and take keys of 1,024 bits, as CAPF before 11.5 needs.
        dialect: What is inferred about the protocol.

    Raises:
        ValueError: A value makes no sense.
    """

    cluster: str
    host: str
    port: int = DEFAULT_PORT
    certificates: tuple[bytes, ...] | None = field(default=None, repr=False)
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    legacy_tls: bool = False
    dialect: Dialect = DIALECT

    def __post_init__(self) -> None:
        if not self.deadline_seconds > 0:
            raise ValueError("deadline_seconds must be more than 0")


class CapfHolder(Protocol):
    """Who has, or wants, the certificate: answers what a session asks. What it raises ends the session."""

    def make_key(self, order: KeyOrder) -> bytes | None:
        """Make a key pair, keep it aside, and return the public key (SubjectPublicKeyInfo); None makes none."""
        ...

    def store(self, certificate: Certificate) -> bool:
        """Put the new key and certificate in the place of the old; False where that could not be."""
        ...

    def hand_over(self) -> bytes | None:
        """Return the certificate in use, DER; None where there is none."""
        ...

    def delete(self) -> bool:
        """Delete certificate and key; False where there was none, or it is still there."""
        ...


@dataclass(frozen=True, slots=True)
class CapfTalk:
    """A session that came to its end.

    Attributes:
        outcome: What came of it.
        presented: What the server presented, DER.
        tls_version: Such as "TLSv1.2".
        cipher: OpenSSL's name of the cipher.
    """

    outcome: Outcome
    presented: bytes = field(repr=False)
    tls_version: str
    cipher: str
