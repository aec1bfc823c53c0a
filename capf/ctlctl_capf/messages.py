"""What CAPF says: every message whose body is known, as a value; the others as they stand.

How each is written and read is told by `ctlctl_capf.codec`.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from ctlctl_capf.dialect import VERSION
from ctlctl_capf.elements import CarriedCertificate, CertificateKind, DigestSignature, KeyOrder, KeyType, SudiData
from ctlctl_capf.frame import Command, Element, Frame, WireReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What all messages have.

    Attributes:
        session: number that the server chose.
        extra: elements that are not understood.
    """

    #: What a frame of it is called.
    command: ClassVar[Command]

    session: int
    extra: tuple[Element, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequest(Message):
    """The server speaks first: who are you?

    Attributes:
        version: of the protocol.
        auth_type: 0 in all seen, whatever is asked for; `ctlctl_capf.rules.AuthMode` has the likely meanings.
    """

    command = Command.AUTH_REQUEST
    version: int = VERSION
    auth_type: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthResponse(Message):
    """Says who the client is, and proves it.

    Attributes:
        device: name, such as ``SEP001122334455``. How a user and an instance are spelled here is not public.
        password: authentication string; empty where there is none, None where the element is missing.
        version: of the protocol.
        reason: 1 in all seen; None where the element is missing.
        certificate: the existing certificate, where the client has one.
        signed: signature over device name and certificate, SHA-1.
        signed_sha2: the same, in all seen SHA-512.
        sudi: factory certificate, bound to this session.
    """

    command = Command.AUTH_RESPONSE
    device: str
    password: str | None = field(default="", repr=False)
    version: int = VERSION
    reason: int | None = WireReason.SUCCESS
    certificate: CarriedCertificate | None = None
    signed: bytes | None = None
    signed_sha2: DigestSignature | None = None
    sudi: SudiData | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGenerateRequest(Message):
    """Orders a key pair.

    Attributes:
        key_type: 0 RSA, 1 EC; None where the element is missing, which is taken for RSA.
        bits: size of an RSA key.
        curve: curve of an EC key.
    """

    command = Command.KEY_GENERATE_REQUEST
    key_type: int | None = None
    bits: int | None = None
    curve: int | None = None

    @classmethod
    def of(cls, session: int, order: KeyOrder) -> "KeyGenerateRequest":
        """Return the message that orders a key."""
        return cls(session=session, key_type=order.kind, bits=order.bits, curve=order.curve)

    @property
    def order(self) -> KeyOrder:
        """The key that is ordered; what the other type of key would need is left out."""
        kind = KeyType.RSA if self.key_type is None else self.key_type
        return KeyOrder(kind, None if kind == KeyType.EC else self.bits, None if kind == KeyType.RSA else self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestInProgress(Message):
    """Asks the server for patience while a key is being made."""

    command = Command.REQUEST_IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGenerateResponse(Message):
    """Hands the public key over, or says why there is none.

    Attributes:
        public_key: SubjectPublicKeyInfo, DER; None where no key was made.
        reason: None in all seen where a key is given.
    """

    command = Command.KEY_GENERATE_RESPONSE
    public_key: bytes | None = None
    reason: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCertificateRequest(Message):
    """Hands the new certificate over.

    Attributes:
        certificate: the new certificate.
        kind: 1 LSC.
    """

    command = Command.STORE_CERTIFICATE_REQUEST
    certificate: CarriedCertificate
    kind: int | None = CertificateKind.LSC


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCertificateResponse(Message):
    """Says whether the certificate was stored.

    Attributes:
        reason: 1 if it was.
    """

    command = Command.STORE_CERTIFICATE_RESPONSE
    reason: int = WireReason.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchCertificateRequest(Message):
    """Asks for the certificate in use; CUCM calls it Troubleshoot."""

    command = Command.FETCH_CERTIFICATE_REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchCertificateResponse(Message):
    """Hands the certificate in use over.

    Attributes:
        reason: 1, or 7 where there is none.
        certificate: the certificate, or None.
    """

    command = Command.FETCH_CERTIFICATE_RESPONSE
    reason: int = WireReason.SUCCESS
    certificate: CarriedCertificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCertificateRequest(Message):
    """Orders the LSC to be deleted."""

    command = Command.DELETE_CERTIFICATE_REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCertificateResponse(Message):
    """Says whether the LSC was deleted.

    Attributes:
        reason: 1, or 7 where there was none.
    """

    command = Command.DELETE_CERTIFICATE_RESPONSE
    reason: int = WireReason.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(Message):
    """Ends the session.

    Attributes:
        reason: 0 and 1 are good, whatever else is not.
        info: text; has not been seen.
    """

    command = Command.END_SESSION
    reason: int = WireReason.SUCCESS
    info: str | None = None

    @property
    def good(self) -> bool:
        """Whether the session ended well."""
        return self.reason in (WireReason.NO_ACTION, WireReason.SUCCESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryLater(Message):
    """Sends the client away for now; has not been seen.

    Attributes:
        delay: in units that are not known (`Dialect.retry_delay_seconds`), or None where the element is missing.
    """

    command = Command.RETRY_LATER
    delay: int | None = None


@dataclass(frozen=True, slots=True)
class OtherMessage:
    """A message of a command whose body nobody knows.

    Attributes:
        frame: it, as it stands.
    """

    frame: Frame

    @property
    def command(self) -> Command:
        """What it is."""
        return self.frame.command

    @property
    def session(self) -> int:
        """Number that the server chose."""
        return self.frame.session
