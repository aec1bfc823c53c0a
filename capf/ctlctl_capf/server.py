"""The server's side of a session: CAPF.

    server = CapfServer(session, now, issuers=[*capf_generations, *manufacturers])
    while not isinstance(step := server.next_step(), Finished):
        match step:
            case Send(data): sock.sendall(data)
            case NeedData(_, wait): server.receive_data(receive(sock, wait.seconds))
            case FindOrder(device): server.found(orders.get(device))
            case TakeString(device): server.taken(won=strings.void(device))
            case IssueCertificate(device, key): server.issued(issue(device, key))
    step.outcome

Session number, instant, orders and certificates come from outside; no socket, clock or file is touched here.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, assert_never

from ctlctl_capf.codec import encode
from ctlctl_capf.dialect import DIALECT, Dialect
from ctlctl_capf.elements import CarriedCertificate, no_certificate
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
    FindOrder,
    IssueCertificate,
    Operation,
    Outcome,
    Result,
    Send,
    ServerStep,
    TakeString,
    printable,
)
from ctlctl_capf.proof import Proof
from ctlctl_capf.rules import MAX_DEVICE, AuthMode, Order, PublicKey, ServerRules, check_key, read_key
from ctlctl_capf.session import Session
from ctlctl_capf.states import Side
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

_RULES: Final = ServerRules()
_GOOD: Final = frozenset({None, WireReason.NO_ACTION, WireReason.SUCCESS})
#: Faults after which nobody is there to be told.
_GONE: Final = frozenset({CapfReason.LEFT, CapfReason.CUT_OFF})


class CapfServer(Session[ServerStep]):
    """A server's session; good for one connection."""

    def __init__(
        self,
        session: int,
        now: datetime,
        *,
        issuers: Iterable[Certificate] = (),
        rules: ServerRules = _RULES,
        dialect: Dialect = DIALECT,
    ) -> None:
        """Begin.

        Args:
            session: number of the session; one that cannot be guessed makes SUDI_DATA worth something.
            now: this instant, aware.
            issuers: certificates that may have signed the existing one of a device: CAPF's, old ones included, and
                manufacturers'.
            rules: what to check.
            dialect: how strictly to read.

        Raises:
            CapfLocalError: the number does not fit, or the instant has no zone.
        """
        if now.tzinfo is None:
            raise CapfLocalError("an instant has a zone")
        super().__init__(Side.SERVER, dialect)
        self._session = session
        self._now = now
        self._rules = rules
        self._proof = Proof(session, now, tuple(issuers), rules, dialect)
        self._who: AuthResponse | None = None
        self._order: Order | None = None
        self._key: PublicKey | None = None
        self._certificate: Certificate | None = None
        self._say(AuthRequest(session=session))

    @property
    def device(self) -> str:
        """The name that the client gave; empty before."""
        return "" if self._who is None else self._who.device

    # What who runs it answers.

    def found(self, order: Order | None) -> None:
        """Say what there is to do.

        Args:
            order: it; None for a device that is not known.

        Raises:
            CapfLocalError: it is not asked.
        """
        self._answered(FindOrder)
        who = self._who
        if who is None:
            raise AssertionError("an order is asked for by the name that a client gave")
        self._order = order
        if order is None:
            self._end(WireReason.UNKNOWN_DEVICE, Result.UNKNOWN_DEVICE, "the device is not known")
        elif order.operation is Operation.NONE:
            self._end(WireReason.NO_ACTION, Result.NOTHING_TO_DO, "there is nothing to do for this device")
        elif order.until is not None and self._now >= order.until:
            self._refuse(Result.LATE, f"the order ended {order.until:%Y-%m-%d %H:%M %Z}")
        elif (refusal := self._proof.refusal(who, order)) is not None:
            self._refuse(*refusal)
        elif order.mode is AuthMode.STRING and self._rules.consume_string:
            self._asked = TakeString(who.device)
        else:
            self._start(order)

    def busy(self, delay: int | None = None) -> None:
        """Send the client away instead of saying what there is to do.

        Args:
            delay: after how many units to come back (`Dialect.retry_delay_seconds`), or None to name no time.
        """
        self._answered(FindOrder)
        self._say(RetryLater(session=self._session, delay=delay))
        self._finish(Outcome(Result.RETRY_LATER, "the client was sent away", device=printable(self.device)))

    def taken(self, *, won: bool) -> None:
        """Say whether the string was still good, and this session is the one that it was good for."""
        self._answered(TakeString)
        if won:
            self._start(self._ordered())
        else:
            self._refuse(Result.USED_STRING, "the authentication string has been used before")

    def issued(self, certificate: bytes) -> None:
        """Hand the new certificate over.

        Args:
            certificate: DER.

        Raises:
            CapfLocalError: none is asked for, or it is no certificate of the client's key.
        """
        self._answered(IssueCertificate)
        try:
            read = read_certificate(certificate)
        except CertificateError as error:
            raise CapfLocalError(f"what was issued is no certificate: {error}") from error
        if read.key != self._key:
            raise CapfLocalError("what was issued is not of the client's key")
        self._certificate = read
        self._say(StoreCertificateRequest(session=self._session, certificate=CarriedCertificate(certificate)))

    def not_issued(self) -> None:
        """Say that there will be no certificate."""
        self._answered(IssueCertificate)
        self._refuse(Result.NOT_ISSUED, "no certificate was issued")

    # What the client says.

    def _heard(self, message: Message) -> None:
        match message:
            case AuthResponse():
                self._authenticate(message)
            case RequestInProgress():
                pass
            case KeyGenerateResponse():
                self._take_key(message)
            case StoreCertificateResponse():
                if message.reason in _GOOD:
                    self._end(WireReason.SUCCESS, Result.INSTALLED, "the device has stored its certificate")
                else:
                    words = f"the device could not store its certificate (reason {message.reason})"
                    self._refuse(Result.NOT_STORED, words)
            case FetchCertificateResponse():
                self._take_certificate(message)
            case DeleteCertificateResponse():
                # capfd says success here whatever the device says, and so does this; the outcome knows better.
                if message.reason in _GOOD:
                    self._end(WireReason.SUCCESS, Result.DELETED, "the device has deleted its certificate")
                else:
                    self._end(WireReason.SUCCESS, Result.NO_CERTIFICATE, _none(message.reason))
            case _:
                raise AssertionError(f"{message.command.name} has no place in the table of states")

    def _authenticate(self, message: AuthResponse) -> None:
        if not message.device or len(message.device) > MAX_DEVICE or not message.device.isprintable():
            raise CapfPeerError(CapfReason.BAD_STRING, "the device's name is empty, too long or not printable")
        self._who = message
        if message.reason in _GOOD:
            self._asked = FindOrder(message.device)
        else:
            self._refuse(Result.CLIENT_FAILED, f"the device does not authenticate (reason {message.reason})")

    def _take_key(self, message: KeyGenerateResponse) -> None:
        if message.public_key is None or message.reason not in _GOOD:
            self._refuse(Result.KEY_NOT_MADE, f"the device made no key (reason {message.reason})")
            return
        key = read_key(message.public_key)
        order = self._ordered().key
        if order is not None and self._rules.check_key:
            check_key(key, order)
        self._key = key
        self._asked = IssueCertificate(self.device, message.public_key)

    def _take_certificate(self, message: FetchCertificateResponse) -> None:
        if message.certificate is None or message.reason not in _GOOD:
            self._end(WireReason.NO_ACTION, Result.NO_CERTIFICATE, _none(message.reason))
            return
        try:
            self._certificate = read_certificate(message.certificate.der)
        except CertificateError:
            words = no_certificate(message.certificate.der, message.command.name)
            raise CapfPeerError(CapfReason.BAD_CERTIFICATE, f"the certificate in use: {words}") from None
        self._end(WireReason.NO_ACTION, Result.FETCHED, "the device has handed its certificate over")

    # What we say.

    def _start(self, order: Order) -> None:
        match order.operation:
            case Operation.INSTALL:
                if order.key is None:
                    raise AssertionError("an order to install names a key")
                self._say(KeyGenerateRequest.of(self._session, order.key))
            case Operation.FETCH:
                self._say(FetchCertificateRequest(session=self._session))
            case Operation.DELETE:
                self._say(DeleteCertificateRequest(session=self._session))
            case Operation.NONE:
                raise AssertionError("nothing to do has been said before")
            case _:
                assert_never(order.operation)

    def _ordered(self) -> Order:
        if self._order is None:
            raise AssertionError("nothing is done without an order")
        return self._order

    def _refuse(self, result: Result, words: str) -> None:
        self._end(WireReason.INVALID, result, words)

    def _end(self, reason: WireReason, result: Result, words: str) -> None:
        operation = Operation.NONE if self._order is None else self._order.operation
        self._say(EndSession(session=self._session, reason=reason))
        self._finish(Outcome(result, words, operation, self.device, self._certificate, reason=reason))

    def _farewell(self, error: CapfPeerError) -> None:
        # The conversation is broken, or may be in any state; capfd too says this of whatever it does not like.
        if error.reason not in _GONE:
            self._queue.append(Send(encode(EndSession(session=self._session, reason=WireReason.INVALID))))


def _none(reason: int) -> str:
    return f"the device has no certificate (reason {reason})"
