"""TVS as the rest of the application sees it: settings, the error, what it answers, and the port."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ctlctl.connectors.errors import ConnectorError
from ctlctl_trust.tlv import Role
from ctlctl_trust.tvs import DIALECT, Dialect, known_roles, role_words

DEFAULT_PORT: Final = 2445
# Seconds for one question, connecting and the handshake included; a healthy node takes a fraction of one.
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
# A name that no phone has. The independent tvsd answers only who is called CP-dddd-SEP and twelve digits; what a
# genuine server makes of a name is not known.
DEFAULT_DEVICE_NAME: Final = "CP-8861-SEP000000000000"
# Characters; what a phone says has 23.
MAX_DEVICE_NAME: Final = 128


class TvsError(ConnectorError):
    """TVS did not do what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TvsSettings:
    """How to reach the TVS of one node.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        host: The node.
        port: Its port.
        certificates: Whom to believe: certificates (DER) of the TVS records of a list that was verified, the current
            ITL for a phone. The node must present one of them, byte for byte, before anything is sent. None believes
            anybody, and the answer says so; an empty tuple, from a list without TVS, believes nobody.
        timeout_seconds: For one question and its answer, connecting included; looking a name up is not counted.
        device_name: Who asks, as phones say it: ``CP-MODEL-SEPMAC``.
        client_certificate: File with certificate and key, PEM, to present to a node that wants one. Phones present
            their LSC or MIC; whether a genuine node insists is not known.
        legacy_tls: Whether to speak TLS 1.0 and what else nodes before CUCM 11.5 have; the genuine trace of 10.5 has
            cipher AES256-SHA.
        dialect: What is inferred about the protocol.

    Raises:
        ValueError: A value makes no sense.
    """

    cluster: str
    host: str
    port: int = DEFAULT_PORT
    certificates: tuple[bytes, ...] | None = field(default=None, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    device_name: str = DEFAULT_DEVICE_NAME
    client_certificate: Path | None = None
    legacy_tls: bool = False
    dialect: Dialect = DIALECT

    def __post_init__(self) -> None:
        if not self.timeout_seconds > 0:
            raise ValueError("timeout_seconds must be more than 0")
        name = self.device_name
        if not (name.isascii() and name.isprintable() and 0 < len(name) <= MAX_DEVICE_NAME):
            raise ValueError(f"the device name must be 1 to {MAX_DEVICE_NAME} printable ASCII characters")


@dataclass(frozen=True, slots=True)
class TvsAnswer:
    """What the TVS of a node said.

    Attributes:
        node: Which node.
        known: Whether it knows the certificate; None where it said a status whose meaning nobody has published.
        status: What it said, as a number.
        roles: Role codes as in trust lists; empty where it named none.
        ttl_seconds: For how long a phone would remember the answer, or None.
        certificate: What it gave when it was asked by name, DER; else None.
        identity_checked: Whether the node proved to be one of those that were to be believed; else it is a claim.
        presented: SHA-256 of the certificate that the node presented.
        tls_version: Such as "TLSv1.2".
        cipher: OpenSSL's name of the cipher.
    """

    node: str
    known: bool | None
    status: int
    roles: tuple[int, ...]
    ttl_seconds: int | None
    certificate: bytes | None = field(repr=False)
    identity_checked: bool
    presented: bytes
    tls_version: str
    cipher: str

    @property
    def role_names(self) -> tuple[str, ...]:
        """The roles in the field's terms; an unknown code keeps its number."""
        return role_words(self.roles)

    def vouches_for(self, *roles: Role) -> bool:
        """Tell whether it knows the certificate in one of these roles."""
        return self.known is True and not known_roles(self.roles).isdisjoint(roles)


class TrustVerifier(Protocol):
    """The port: ask the TVS of one node. Blocks."""

    @property
    def node(self) -> str:
        """Name or address of the node."""
        ...

    def verify(self, certificate: bytes) -> TvsAnswer:
        """Ask whether a certificate is known, and in which roles.

        Args:
            certificate: The whole certificate, DER.

        Raises:
            TvsError: There is no answer.
        """
        ...

    def query(self, subject: str, issuer: str, serial: bytes) -> TvsAnswer:
        """Ask for a signer of whom only the names are known, as a phone does with those of a list it cannot verify.

        Args:
            subject: Subject, as the header of the list or file spells it.
            issuer: Issuer, likewise; CUCM looks it up by this exact text.
            serial: Serial number, its bytes as they stand there.

        Raises:
            TvsError: There is no answer. Some servers answer no such question: `ConnectorFault.UNSUPPORTED`.
        """
        ...
