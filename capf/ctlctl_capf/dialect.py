"""What is not known for certain about CAPF on the wire, to be set otherwise where a peer turns out to differ."""

from dataclasses import dataclass
from typing import Final, Literal

from ctlctl_capf.frame import CapfLocalError

#: The only version that the one public implementation speaks; element 7 of the first two messages.
VERSION: Final = 3


@dataclass(frozen=True, slots=True)
class Dialect:
    """How strictly messages are read.

    Attributes:
        versions: protocol versions that are taken. capfd refuses all but 3; a copy of it takes lower ones too.
        refuse_unknown: whether an element that a message has no use for is an error. capfd ends the session with
            reason 7; here they are kept and ignored unless told otherwise, because their lengths are known.
        check_session: whether every message must carry the session that the server chose.
        check_certificate_length: whether the length in front of a certificate must be right; capfd skips those five
            bytes unread.
        refuse_unterminated: whether a text that does not end in its only NUL is an error; otherwise it is read up to
            its first NUL or its end.
        retry_delay_seconds: seconds that one unit of RETRY_DELAY stands for; nobody has seen one, seconds are assumed.
        sudi_order: byte order of the session number in what SUDI_DATA signs; the genuine server is said to use its own
            host's.
        refuse_odd_delay: whether a RETRY_DELAY of another size than 1, 2 or 4 bytes is an error; otherwise it is read
            as if it were missing.
        max_progress: how many REQUEST_IN_PROGRESS may come before one answer; one is what has been seen, and one a
            second for as long as a session lasts does no harm.

    Raises:
        CapfLocalError: a number makes no sense.
    """

    versions: frozenset[int] = frozenset({VERSION})
    refuse_unknown: bool = False
    check_session: bool = True
    check_certificate_length: bool = True
    refuse_unterminated: bool = True
    retry_delay_seconds: int = 1
    sudi_order: Literal["little", "big"] = "little"
    refuse_odd_delay: bool = True
    max_progress: int = 300

    def __post_init__(self) -> None:
        if not self.versions or not all(0 <= version <= 0xFF for version in self.versions):
            raise CapfLocalError("versions must be at least one, each a byte")
        if self.retry_delay_seconds < 1 or self.max_progress < 0:
            raise CapfLocalError("retry_delay_seconds must be at least 1, max_progress at least 0")


#: What is most likely.
DIALECT: Final = Dialect()
#: For a client whose server has proved itself: whatever can be read in one way only is read. What a lax length, text or
#: delay hides there is nothing that is relied on: a certificate has lengths of its own, the other two are for people.
KIND_DIALECT: Final = Dialect(check_certificate_length=False, refuse_unterminated=False, refuse_odd_delay=False)
