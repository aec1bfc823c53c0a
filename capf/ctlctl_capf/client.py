"""The client's side of a session: a phone, or an application that wants its certificate.

    client = CapfClient("SEP001122334455", now, password="12345", issuers=[capf])
    while not isinstance(step := client.next_step(), Finished):
        match step:
            case Send(data): sock.sendall(data)
            case NeedData(_, wait): client.receive_data(receive(sock, wait.seconds))
            case MakeKey(order): client.key_made(new_key(order))
            case StoreCertificate(certificate): client.stored() if store(certificate) else client.not_stored()
            case HandOver(): client.handed_over(current())
            case Delete(): client.deleted(done=remove())
    step.outcome

Keys, their signatures and the instant come from outside; no socket, clock or file is touched here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ctlctl_capf.authentication import Credential, prove, prove_sudi
from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.elements import CarriedCertificate, CertificateKind, KeyOrder, no_certificate, text
from ctlctl_capf.frame import CapfLocalError, CapfPeerError, CapfReason, WireReason
from ctlctl_capf.messages import (
    AuthRequest,
    AuthResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    EndSession,
    FetchCertificateRequest,
    FetchCertificateResponse,
    KeyGenerateRequest,
    KeyGenerateResponse,
    Message,
    RequestInProgress,
    RetryLater,
    StoreCertificateRequest,
    StoreCertificateResponse,
)
from ctlctl_capf.outcome import (
    ClientStep,
    Delete,
    HandOver,
    MakeKey,
    Operation,
    Outcome,
    Result,
    StoreCertificate,
    printable,
)
from ctlctl_capf.rules import ClientRules, PublicKey, check_key, is_issued, names_device, read_key, wrong_dates
from ctlctl_capf.session import Session
from ctlctl_capf.states import Side
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

_RULES: Final = ClientRules()
_FAILED: Final = WireReason.INVALID


class CapfClient(Session[ClientStep]):
    """A client's session; good for one connection.

    Attributes:
        device: the name that it gives.
    """

    def __init__(  # noqa: PLR0913 - one argument per thing that a session hangs on
        self,
        device: str,
        now: datetime,
        *,
        password: str = "",
        existing: Credential | None = None,
        sudi: Credential | None = None,
        issuers: Iterable[Certificate] = (),
        rules: ClientRules = _RULES,
        dialect: Dialect = DIALECT,
    ) -> None:
        """Begin.

        Args:
            device: the name to give, as the server knows it.
            now: this instant, aware.
            password: authentication string; empty for none.
            existing: the certificate to authenticate by.
            sudi: the factory certificate that binds the session.
            issuers: certificates that may have signed the new one: those of CAPF.
            rules: what to check.
            dialect: how strictly to read.

        Raises:
            CapfLocalError: the instant has no zone, or name or string cannot be written.
        """
        if now.tzinfo is None:
            raise CapfLocalError("an instant has a zone")
        # A name or string that cannot be written is told now, not in the middle of a session.
        text(device), text(password)
        super().__init__(Side.CLIENT, dialect)
        self.device = device
        self._now = now
        self._password = password
        self._existing = existing
        self._sudi = sudi
        self._issuers = tuple(issuers)
        self._rules = rules
        self._dialect = dialect
        self._session = 0
        self._introduced = False
        self._operation = Operation.NONE
        self._key: PublicKey | None = None
        self._result: Result | None = None
        self._certificate: Certificate | None = None

    # What who runs it answers.

    def key_made(self, public_key: bytes) -> None:
        """Hand over the public key of what was made.

        Args:
            public_key: SubjectPublicKeyInfo, DER.

        Raises:
            CapfLocalError: no key is asked for, or it is not the key that was ordered: make another, or say
                `key_not_made`.
        """
        question = self._answered(MakeKey)
        try:
            self._key = read_key(public_key)
            check_key(self._key, question.order)
        except CapfPeerError as error:
            raise CapfLocalError(str(error)) from error
        self._say(KeyGenerateResponse(session=self._session, public_key=public_key))

    def key_not_made(self) -> None:
        """Say that there will be no key."""
        self._answered(MakeKey)
        self._result = Result.KEY_NOT_MADE
        self._say(KeyGenerateResponse(session=self._session, reason=_FAILED))

    def stored(self) -> None:
        """Say that the certificate is stored."""
        self._certificate = self._answered(StoreCertificate).certificate
        self._result = Result.INSTALLED
        self._say(StoreCertificateResponse(session=self._session))

    def not_stored(self) -> None:
        """Say that it could not be; the old one is still in use."""
        self._answered(StoreCertificate)
        self._result = Result.NOT_STORED
        self._say(StoreCertificateResponse(session=self._session, reason=_FAILED))

    def handed_over(self, certificate: bytes | None, kind: CertificateKind = CertificateKind.LSC) -> None:
        """Hand the certificate in use over.

        Args:
            certificate: DER, or None where there is none.
            kind: what to call it; capfc says LSC of everything.
        """
        self._answered(HandOver)
        if certificate is None:
            self._result = Result.NO_CERTIFICATE
            self._say(FetchCertificateResponse(session=self._session, reason=_FAILED))
            return
        self._result = Result.FETCHED
        carried = CarriedCertificate(certificate, kind)
        self._say(FetchCertificateResponse(session=self._session, certificate=carried))

    def deleted(self, *, done: bool) -> None:
        """Say whether there was a certificate, and it is gone."""
        self._answered(Delete)
        self._result = Result.DELETED if done else Result.NO_CERTIFICATE
        reason = WireReason.SUCCESS if done else _FAILED
        self._say(DeleteCertificateResponse(session=self._session, reason=reason))

    # What the server says.

    def _heard(self, message: Message) -> None:
        # The number of the server's first message, whatever later ones say.
        self._session = self._conversation.session or 0
        match message:
            case AuthRequest():
                self._say(self._who_we_are())
                self._introduced = True
            case KeyGenerateRequest():
                self._make_key(message.order)
            case StoreCertificateRequest():
                self._take_certificate(message.certificate.der)
            case FetchCertificateRequest():
                self._begin(Operation.FETCH, FetchCertificateResponse(session=self._session, reason=_FAILED))
                self._asked = HandOver()
            case DeleteCertificateRequest():
                self._begin(Operation.DELETE, DeleteCertificateResponse(session=self._session, reason=_FAILED))
                self._asked = Delete()
            case EndSession():
                self._ended(message)
            case RetryLater():
                self._sent_away(message.delay)
            case _:
                raise AssertionError(f"{message.command.name} has no place in the table of states")

    def _who_we_are(self) -> AuthResponse:
        signed = signed_sha2 = carried = sudi = None
        if self._existing is not None:
            carried = self._existing.carried()
            signed, signed_sha2 = prove(self.device, self._existing)
        if self._sudi is not None:
            sudi = prove_sudi(self._session, self._sudi, self._dialect)
        return AuthResponse(
            session=self._session,
            device=self.device,
            password=self._password,
            certificate=carried,
            signed=signed,
            signed_sha2=signed_sha2,
            sudi=sudi,
        )

    def _begin(self, operation: Operation, refusal: Message) -> None:
        """Note what the server wants, or refuse it."""
        self._operation = operation
        if operation not in self._rules.operations:
            self._say(refusal)
            raise CapfPeerError(
                CapfReason.OPERATION_REFUSED, f"the server wants to {operation.value}: not allowed here"
            )

    def _make_key(self, order: KeyOrder) -> None:
        refusal = KeyGenerateResponse(session=self._session, reason=_FAILED)
        self._begin(Operation.INSTALL, refusal)
        if order.refusal is not None:
            self._say(refusal)
            raise CapfPeerError(CapfReason.KEY_REFUSED, order.refusal)
        if self._rules.announce:
            self._say(RequestInProgress(session=self._session))
        self._asked = MakeKey(order)

    def _take_certificate(self, der: bytes) -> None:
        try:
            certificate = self._checked(der)
        except CapfPeerError:
            self._say(StoreCertificateResponse(session=self._session, reason=_FAILED))
            raise
        self._asked = StoreCertificate(certificate)

    def _checked(self, der: bytes) -> Certificate:
        try:
            certificate = read_certificate(der)
        except CertificateError:
            words = no_certificate(der, StoreCertificateRequest.command.name)
            raise CapfPeerError(CapfReason.BAD_CERTIFICATE, f"the new certificate: {words}") from None
        # Without it the certificate is of no use, so that no rule lets it pass.
        if certificate.key != self._key:
            raise CapfPeerError(CapfReason.CERTIFICATE_KEY, "the new certificate is not of the key that was made")
        if self._rules.check_dates and wrong_dates(certificate, self._now, self._rules.tolerance) is not None:
            span = f"{certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
            raise CapfPeerError(CapfReason.CERTIFICATE_DATES, f"the new certificate is valid {span}, not now")
        if self._rules.check_device and not names_device(certificate, self.device):
            name = printable(certificate.common_name)
            raise CapfPeerError(CapfReason.CERTIFICATE_DEVICE, f"the new certificate is of {name}, not of this device")
        if self._rules.check_issuer and not is_issued(certificate, self._issuers):
            raise CapfPeerError(CapfReason.CERTIFICATE_ISSUER, "no known CAPF certificate signed the new certificate")
        return certificate

    def _ended(self, message: EndSession) -> None:
        result, words = self._meaning(message)
        if message.info:
            words = f"{words}; it says: {printable(message.info)}"
        self._finish(Outcome(result, words, self._operation, self.device, self._certificate, reason=message.reason))

    def _meaning(self, message: EndSession) -> tuple[Result, str]:
        if self._result in (Result.KEY_NOT_MADE, Result.NOT_STORED, Result.NO_CERTIFICATE):
            return self._result, _FAILURES[self._result]
        if not self._introduced:
            return (
                Result.TURNED_AWAY,
                f"the server ended the session (reason {message.reason}) before it was told who asks",
            )
        if message.reason == WireReason.UNKNOWN_DEVICE:
            return Result.UNKNOWN_DEVICE, "the server does not know this device"
        if not message.good:
            return Result.REFUSED, f"the server ended the session with reason {message.reason}{self._hint(message)}"
        if self._result is not None:
            return self._result, _SUCCESSES[self._result]
        if self._operation is not Operation.NONE:
            return Result.ENDED_EARLY, f"the server ended the session before it was done ({self._operation.value})"
        return Result.NOTHING_TO_DO, "the server has nothing to do for this device"

    def _hint(self, message: EndSession) -> str:
        if self._result is not None:
            return ", after it was done"
        # Whoever orders something has taken string, certificate and signature.
        if self._operation is not Operation.NONE:
            return f", after it had ordered to {self._operation.value}"
        if message.reason == WireReason.INVALID:
            return (
                ": wrong or used authentication string, a certificate or signature it does not take, or anything else"
            )
        return ", whose meaning is not known"

    def _sent_away(self, delay: int | None) -> None:
        seconds = None if delay is None else delay * self._dialect.retry_delay_seconds
        when = "" if seconds is None else f", in {seconds} s"
        words = f"the server has no time: try again{when}"
        self._finish(
            Outcome(Result.RETRY_LATER, words, self._operation, self.device, self._certificate, retry_after=seconds)
        )


_FAILURES: Final = {
    Result.KEY_NOT_MADE: "no key was made",
    Result.NOT_STORED: "the certificate could not be stored",
    Result.NO_CERTIFICATE: "there is no certificate",
}
_SUCCESSES: Final = {
    Result.INSTALLED: "the certificate is installed",
    Result.FETCHED: "the server has seen the certificate",
    Result.DELETED: "the certificate is deleted",
}
