"""The one error of enrolment: what went wrong, where, and what to do next."""

import re
from enum import StrEnum
from typing import Final

from ctlctl.connectors.capf_ports import CapfError, CapfStrangerError
from ctlctl.connectors.errors import ConnectorFault
from ctlctl_capf.frame import CapfReason
from ctlctl_capf.outcome import Operation, Outcome, Result

#: What stands before the first colon of an error where that is a place: a host with its port, a path, a host and what
#: was asked there, an option with its file, a cluster.
_PLACE: Final = re.compile(r"\S+|\S+, .+|--\S+ \S+|cluster \S+.*")


class EnrollFault(StrEnum):
    """Why there is no new certificate. The values are stable: logs, metrics and scripts see them."""

    USAGE = "usage"
    #: Nothing says which certificate CAPF has to prove itself by.
    NO_ANCHOR = "no-anchor"
    #: Who answered is not the CAPF that is known.
    STRANGER = "stranger"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    #: The server broke off, or does not speak CAPF.
    PROTOCOL = "protocol"
    RETRY_LATER = "retry-later"
    UNKNOWN_NAME = "unknown-name"
    #: Wrong or used string, a certificate that CAPF does not take, or anything else: it does not say which.
    REFUSED = "refused"
    NOTHING_ORDERED = "nothing-ordered"
    #: The profile orders something else than was asked for here.
    OTHER_ORDER = "other-order"
    KEY_REFUSED = "key-refused"
    #: What was issued is not what was asked for.
    BAD_CERTIFICATE = "bad-certificate"
    #: There is no credential here, or it cannot be read.
    NO_CREDENTIAL = "no-credential"
    EXPIRED = "expired"
    #: The directory holds the credential of somebody else.
    OTHER_NAME = "other-name"
    #: Another process is at work in the directory.
    BUSY = "busy"
    STORAGE = "storage"
    #: A renewal would gain nothing: CAPF's own certificate has to be renewed first.
    CAPF_ENDS = "capf-ends"
    #: The cluster cannot be asked for its trust lists, or for a new order.
    CLUSTER = "cluster"


class EnrollError(Exception):
    """There is no new certificate; what was there before is as it was. The text is one line and holds no secret.

    Attributes:
        fault: the kind of trouble.
        detail: what happened, in words.
        advice: what to do next.
        retry_after: seconds after which CAPF wants to be asked again, where it said so.
    """

    def __init__(self, fault: EnrollFault, detail: str, advice: str, retry_after: int | None = None) -> None:
        super().__init__(f"{detail.rstrip('.')}. {advice.rstrip('.')}.")
        self.fault = fault
        self.detail = detail
        self.advice = advice
        self.retry_after = retry_after

    @property
    def lines(self) -> tuple[str, ...]:
        """The same for a person: what happened, where, and what to do next, a line for each sentence of that."""
        where, colon, what = self.detail.rstrip(".").partition(": ")
        if not colon or not _PLACE.fullmatch(where):
            where, what = "", self.detail.rstrip(".")
        first, *more = self.advice.rstrip(".").split(". ")
        at = [f"  at:   {where}"] if where else []
        return (what, *at, f"  Next: {first}", *(f"        {one}" for one in more))


_BAD_CERTIFICATE: Final = frozenset(
    {
        CapfReason.BAD_CERTIFICATE,
        CapfReason.CERTIFICATE_KEY,
        CapfReason.CERTIFICATE_DATES,
        CapfReason.CERTIFICATE_DEVICE,
        CapfReason.CERTIFICATE_ISSUER,
    }
)
_NAME_THE_ISSUER: Final = (
    "Look at the CAPF log of the publisher; if another CA signs for CAPF (Online CA), name its certificate with "
    "--issuer"
)
_CLOCKS: Final = "Check the clocks of this machine and of the publisher, and for how long CAPF issues"
_READ_THE_LOG: Final = "Look at the CAPF log of the publisher, and try again"
_ORDER: Final = (
    "Order it first: the CAPF profile's operation is Install/Upgrade for a new certificate, or Delete (ctlctl capf "
    "profile update CLUSTER, with --operation)"
)
_NOT_ONE: Final = (
    "Order a new certificate (Install/Upgrade) and try again; if the same comes, read the CAPF log of the publisher "
    "and, in Online CA mode, what its CA gives: CAPF must hand over the one certificate, without its chain"
)
_HOW_TO_MEND: Final = {
    CapfReason.BAD_CERTIFICATE: _NOT_ONE,
    CapfReason.CERTIFICATE_ISSUER: _NAME_THE_ISSUER,
    CapfReason.CERTIFICATE_DATES: _CLOCKS,
}


def of_session(error: CapfError) -> EnrollError:
    """Return what a session that broke off means here."""
    if isinstance(error, CapfStrangerError):
        return EnrollError(EnrollFault.STRANGER, error.detail, error.advice)
    if error.reason in _BAD_CERTIFICATE:
        advice = _HOW_TO_MEND.get(error.reason, _READ_THE_LOG)
        return EnrollError(EnrollFault.BAD_CERTIFICATE, f"{error.detail}; it was not stored", advice)
    if error.reason is CapfReason.OPERATION_REFUSED:
        advice = "Correct the operation of the CAPF profile, or ask for that here"
        return EnrollError(EnrollFault.OTHER_ORDER, error.detail, advice)
    if error.reason is CapfReason.KEY_REFUSED:
        advice = (
            "Correct the key of the CAPF profile (--key-size, --key-order, --ec-key-size): RSA of 2048, 3072 or 4096 "
            "bits, or EC of 256, 384 or 521"
        )
        return EnrollError(EnrollFault.KEY_REFUSED, error.detail, advice)
    fault = EnrollFault.UNREACHABLE
    if error.fault is ConnectorFault.TIMEOUT:
        fault = EnrollFault.SILENT
    elif error.fault is ConnectorFault.PROTOCOL:
        fault = EnrollFault.PROTOCOL
    elif error.fault is ConnectorFault.INVALID:
        fault = EnrollFault.USAGE
    return EnrollError(fault, error.detail, error.advice)


def of_outcome(outcome: Outcome, where: str, *, by_string: bool) -> EnrollError:
    """Return what a session that ended without a certificate means here.

    Args:
        outcome: what came of it.
        where: who said so, ``host:port``.
        by_string: whether an authentication string was shown, not a certificate.
    """
    detail = f"{where}: {outcome.words}"
    if outcome.result is Result.RETRY_LATER:
        seconds = outcome.retry_after
        when = "in a minute" if seconds is None else f"in {seconds} s"
        return EnrollError(EnrollFault.RETRY_LATER, detail, f"Try again {when}", seconds)
    if outcome.result is Result.UNKNOWN_DEVICE:
        advice = (
            "Check that there is a CAPF profile of this user and instance; how CAPF wants the two spelled is not "
            "public: try another --name-format, or --name with the exact name"
        )
        return EnrollError(EnrollFault.UNKNOWN_NAME, f"{detail} ({outcome.device!r})", advice)
    if outcome.result is Result.NOTHING_TO_DO:
        return EnrollError(EnrollFault.NOTHING_ORDERED, detail, _ORDER)
    if outcome.result is Result.ENDED_EARLY:
        return EnrollError(EnrollFault.PROTOCOL, detail, _READ_THE_LOG)
    if outcome.result is Result.TURNED_AWAY:
        advice = f"Nothing was sent, so that a string is as good as before. {_READ_THE_LOG}"
        return EnrollError(EnrollFault.PROTOCOL, detail, advice)
    if outcome.operation is not Operation.NONE:
        advice = (
            "CAPF took the proof and does not say what failed then. Look at the CAPF log of the publisher; in Online "
            "CA mode at its CA too"
        )
        return EnrollError(EnrollFault.REFUSED, detail, advice)
    if by_string:
        advice = (
            "CAPF does not say why. Check the string; it is good for one use, until Operation Completes By: have a new "
            "one made (ctlctl capf profile update CLUSTER, with --mode string)"
        )
    else:
        advice = (
            "CAPF does not say why. Check that the profile takes the existing certificate (authentication mode By "
            "Existing Certificate) and that CAPF-trust has its issuer; or use a new authentication string"
        )
    return EnrollError(EnrollFault.REFUSED, detail, advice)
