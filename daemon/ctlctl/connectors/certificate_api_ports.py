"""The certificate REST API as the rest of the application sees it: settings, the error, what a node lists, the port."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from ctlctl.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from ctlctl.connectors.ports import TlsTrust
    from ctlctl.connectors.secret import Secret

DEFAULT_PORT: Final = 8443
# Seconds. One call reads every store of the node; how long a busy node takes for that is not public.
DEFAULT_TIMEOUT_SECONDS: Final = 60.0
# Bytes of an answer. Three nodes of a real cluster had 22 own and 144 trusted certificates, some 2 KB each.
DEFAULT_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024

CertificatePlace: TypeAlias = Literal["own", "trust"]


class CertificateApiError(ConnectorError):
    """The certificate API did not do what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateApiSettings:
    """How to reach the certificate API of one node; every node lists its own stores.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        node: Name of the node; errors say it.
        host: Where it is.
        username: An OS administrator (platform account); an application user has no access.
        password: Their password.
        tls: How the node proves itself.
        port: Port of its web server.
        timeout_seconds: For one call and its whole answer, connecting included.
        max_answer_bytes: Size of one answer, after decompression.

    Raises:
        ValueError: A number makes no sense, or the user name cannot be sent.
    """

    cluster: str
    node: str
    host: str
    username: str
    password: "Secret" = field(repr=False)
    tls: "TlsTrust"
    port: int = DEFAULT_PORT
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES

    def __post_init__(self) -> None:
        if not self.timeout_seconds > 0 or self.max_answer_bytes < 1:
            raise ValueError("timeout_seconds must be more than 0 and max_answer_bytes at least 1")
        # RFC 7617 section 2: a colon would end the user name early.
        if not self.username.isprintable() or ":" in self.username or not self.username:
            raise ValueError("the user name is empty, or has a colon or a control character")


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A certificate that a node lists.

    Attributes:
        store: Unit, such as "CallManager"; trust stores end in "-trust".
        place: The unit's own, or one that it trusts.
        file: Name of the file; "" where the answer tells none.
        der: The certificate.
    """

    store: str
    place: CertificatePlace
    file: str
    der: bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of the answer that could not be read.

    Attributes:
        store: Unit it belongs to, as in `ListedCertificate`; "" where that could not be read either.
        place: Own or trusted; None where it is neither.
        file: Name of the file, or "".
        reason: What is wrong with it, in words.
    """

    store: str
    place: CertificatePlace | None
    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class CertificateSnapshot:
    """Every store of one node.

    Attributes:
        server: What the node calls itself; "" where it does not say.
        certificates: In the order of the answer, each once.
        requests: Units that wait for the answer to a certificate signing request.
        unread: What could not be read. Where this is not empty, a certificate that is missing may still be there.
    """

    server: str
    certificates: tuple[ListedCertificate, ...]
    requests: tuple[str, ...]
    unread: tuple[Unread, ...]


class CertificateReader(Protocol):
    """The port to ask one node for its certificates."""

    def snapshot(self) -> CertificateSnapshot:
        """Ask for every store of the node; raises CertificateApiError."""

    def close(self) -> None:
        """Close the connection."""
