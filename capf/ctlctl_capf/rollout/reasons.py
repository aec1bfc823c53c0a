"""Why a phone did not get through, and what follows from it."""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Retry(StrEnum):
    """What follows a failure. The values are stable."""

    #: Again in the next window.
    NEXT_WINDOW = "next-window"
    #: Again in this window, at its end, in a batch of half the size.
    SMALLER_BATCH = "smaller-batch"
    GIVE_UP = "give-up"
    PERSON = "person"


class Reason(StrEnum):
    """Why. The values are stable: logs, metrics and scripts see them."""

    # what CAPF says, by AXL's certificateStatus
    INVALID_LSC = "invalid-lsc"
    INVALID_MIC = "invalid-mic"
    INVALID_STRING = "invalid-authentication-string"
    INVALID_CREDENTIALS = "invalid-credentials"
    COMMUNICATION = "phone-communication-failure"
    KEY_GENERATION = "key-generation"
    CA_COMMUNICATION = "ca-communication-failure"
    CA_REJECTED = "ca-rejected"
    LATE = "late"
    NO_EC = "no-ec-support"
    #: CAPF calls it a failure without a reason, or with one that is not known here.
    UNSPECIFIED = "unspecified"
    # what is seen of the phone
    OFFLINE = "offline"
    #: CAPF calls it a success, and the phone did not register again.
    NOT_REGISTERED = "not-registered-again"
    #: CAPF calls it a success, and the end of the LSC is what it was.
    SAME_EXPIRY = "same-expiry"
    #: The phone still shows its old certificate.
    OLD_CERTIFICATE = "old-certificate"
    # what AXL says to a write
    WRITE_REFUSED = "write-refused"
    WRITE_IGNORED = "write-ignored"
    # drift: the phone is not what was planned
    GONE = "gone"
    OTHER_DEVICE = "other-device"
    OTHER_PROFILE = "other-profile"
    OTHER_SECURITY = "other-security"
    OTHER_OPERATION = "other-operation"
    OTHER_LSC = "other-lsc"
    # the rollout itself
    WINDOW_ENDED = "window-ended"
    ABORTED = "aborted"


#: What follows each reason, unless the plan's limits say otherwise. Drift is not in it: such phones are left alone.
RETRY: Final = MappingProxyType(
    {
        Reason.INVALID_LSC: Retry.PERSON,
        Reason.INVALID_MIC: Retry.PERSON,
        Reason.INVALID_STRING: Retry.PERSON,
        Reason.INVALID_CREDENTIALS: Retry.PERSON,
        Reason.COMMUNICATION: Retry.NEXT_WINDOW,
        Reason.KEY_GENERATION: Retry.SMALLER_BATCH,
        Reason.CA_COMMUNICATION: Retry.NEXT_WINDOW,
        Reason.CA_REJECTED: Retry.PERSON,
        Reason.LATE: Retry.NEXT_WINDOW,
        # Only another plan helps, with RSA keys.
        Reason.NO_EC: Retry.GIVE_UP,
        Reason.UNSPECIFIED: Retry.PERSON,
        Reason.OFFLINE: Retry.NEXT_WINDOW,
        Reason.NOT_REGISTERED: Retry.PERSON,
        Reason.SAME_EXPIRY: Retry.PERSON,
        Reason.OLD_CERTIFICATE: Retry.PERSON,
        Reason.WRITE_REFUSED: Retry.PERSON,
        Reason.WRITE_IGNORED: Retry.PERSON,
    }
)
#: Reasons that say that a phone was not there: no failures, but phones of which nothing is known.
ABSENT: Final = frozenset({Reason.OFFLINE, Reason.COMMUNICATION, Reason.LATE})
DRIFT: Final = frozenset(
    {
        Reason.GONE,
        Reason.OTHER_DEVICE,
        Reason.OTHER_PROFILE,
        Reason.OTHER_SECURITY,
        Reason.OTHER_OPERATION,
        Reason.OTHER_LSC,
    }
)
#: Failures that count for more than one.
WEIGHT: Final = MappingProxyType({Reason.NOT_REGISTERED: 2})

#: AXL's words after "… Failed: " (XCertificateStatus, the same for Upgrade, Delete and Troubleshoot).
_STATUS: Final = MappingProxyType(
    {
        "Invalid LSC": Reason.INVALID_LSC,
        "Invalid Authentication String": Reason.INVALID_STRING,
        "Invalid MIC": Reason.INVALID_MIC,
        "Invalid Credentials": Reason.INVALID_CREDENTIALS,
        "Phone Communication Failure": Reason.COMMUNICATION,
        "Key Generation Failed/Timeout": Reason.KEY_GENERATION,
        "CA Communication Failure": Reason.CA_COMMUNICATION,
        "CA Rejected Connection": Reason.CA_REJECTED,
        "User Initiated Request Late/Timedout": Reason.LATE,
        "No Support for EC only in CAPF version 3": Reason.NO_EC,
    }
)


def failure_of(status: str) -> Reason | None:
    """Return why CAPF failed, by AXL's certificateStatus; None where the status is no failure."""
    head, _, words = status.partition(":")
    if not head.rstrip().endswith("Failed"):
        return None
    return _STATUS.get(words.strip(), Reason.UNSPECIFIED)
