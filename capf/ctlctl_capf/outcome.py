"""What a session asks of who runs it, step by step, and what came of it."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Final, TypeAlias

from ctlctl_capf.elements import KeyOrder
from ctlctl_capf.states import State, Wait
from ctlctl_trust.certificate import Certificate

#: Characters of a peer's text that are shown.
_SHOWN: Final = 200


class Operation(Enum):
    """What a server has a device do."""

    NONE = "none"
    INSTALL = "install"
    FETCH = "fetch"
    DELETE = "delete"


class Result(StrEnum):
    """How a session ended. The values are stable: logs, metrics and scripts see them."""

    INSTALLED = "installed"
    FETCHED = "fetched"
    DELETED = "deleted"
    NOTHING_TO_DO = "nothing-to-do"
    RETRY_LATER = "retry-later"
    UNKNOWN_DEVICE = "unknown-device"
    LATE = "late"
    WRONG_STRING = "wrong-string"
    USED_STRING = "used-string"
    MISSING_CERTIFICATE = "missing-certificate"
    MISSING_SIGNATURE = "missing-signature"
    BAD_SIGNATURE = "bad-signature"
    CERTIFICATE_UNREADABLE = "certificate-unreadable"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_ISSUER = "certificate-issuer"
    CERTIFICATE_DEVICE = "certificate-device"
    CERTIFICATE_USAGE = "certificate-usage"
    CLIENT_FAILED = "client-failed"
    KEY_NOT_MADE = "key-not-made"
    NOT_ISSUED = "not-issued"
    NOT_STORED = "not-stored"
    NO_CERTIFICATE = "no-certificate"
    #: The server ended the session with a failure.
    REFUSED = "refused"
    #: The server ended it before it was told who asks.
    TURNED_AWAY = "turned-away"
    #: The server ended it in the middle of an operation, without calling it a failure.
    ENDED_EARLY = "ended-early"


#: Results after which there is nothing to do again.
GOOD: Final = frozenset({Result.INSTALLED, Result.FETCHED, Result.DELETED, Result.NOTHING_TO_DO})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session ended that did end.

    Attributes:
        result: what came of it.
        words: the same for a person, printable.
        operation: what was to be done, as far as that became known.
        device: who the client said it was.
        certificate: the certificate that was installed or fetched; at a client set even where the server called the
            session a failure after it had been stored.
        reason: reason in the END_SESSION, or None where there was none.
        retry_after: seconds after which to try again, where the server said so.
    """

    result: Result
    words: str
    operation: Operation = Operation.NONE
    device: str = ""
    certificate: Certificate | None = field(default=None, repr=False)
    reason: int | None = None
    retry_after: int | None = None

    @property
    def good(self) -> bool:
        """Whether there is nothing to do again."""
        return self.result in GOOD


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes, at once.

    Attributes:
        data: one message. Not in `repr`: it may hold an authentication string.
    """

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NeedData:
    """Read from the peer, and hand over what comes (`receive_data`).

    Attributes:
        state: what the peer has to do.
        wait: how long to wait for it.
    """

    state: State
    wait: Wait


@dataclass(frozen=True, slots=True)
class Finished:
    """The session is over: close the connection.

    Attributes:
        outcome: what came of it.
    """

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class MakeKey:
    """Client: make a key pair and keep the private one aside; answer with `key_made` or `key_not_made`.

    Attributes:
        order: what key.
    """

    order: KeyOrder


@dataclass(frozen=True, slots=True)
class StoreCertificate:
    """Client: put the new key and certificate in the place of the old; answer with `stored` or `not_stored`.

    Attributes:
        certificate: the new one, checked.
    """

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class HandOver:
    """Client: the server wants to see the certificate in use; answer with `handed_over`."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Client: delete the LSC and its key; answer with `deleted`."""


@dataclass(frozen=True, slots=True)
class FindOrder:
    """Server: what is there to do for a device? Answer with `found` or `busy`.

    Attributes:
        device: the name it gives; nothing is proved yet.
    """

    device: str


@dataclass(frozen=True, slots=True)
class TakeString:
    """Server: the string is right; void it, in one step that only one of several sessions wins; answer with `taken`.

    Attributes:
        device: whose string.
    """

    device: str


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Server: issue a certificate; answer with `issued` or `not_issued`.

    Attributes:
        device: for whom.
        public_key: SubjectPublicKeyInfo, DER; a key of the kind and size that was ordered.
    """

    device: str
    public_key: bytes


ClientStep: TypeAlias = Send | NeedData | Finished | MakeKey | StoreCertificate | HandOver | Delete
ServerStep: TypeAlias = Send | NeedData | Finished | FindOrder | TakeString | IssueCertificate
Step: TypeAlias = ClientStep | ServerStep


def printable(text: str) -> str:
    """Return what a peer says, fit to be shown: without control characters, and not too long."""
    shown = "".join(each if each.isprintable() else "?" for each in text[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
