"""ctld's side of renewal: what is known of a credential, what came of attempts, and whether it is its turn now."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import CredentialFolder
from ctlctl.files import write_whole
from ctlctl_capf.renewal import Decision, Verdict
from ctlctl_config.plainfiles import NoPlainFileError, read_plain

HISTORY: Final = "renewal.json"
_SCHEMA: Final = "ctlctl.renewal-history/1"
_MAX_BYTES: Final = 64 * 1024
_MAX_WORDS: Final = 1000
#: After the first failure, and at most; it doubles in between. Windows are weeks, so a day is soon enough, and CAPF
#: may lock an account or a string that is tried again and again.
FIRST_WAIT: Final = timedelta(minutes=15)
LONGEST_WAIT: Final = timedelta(days=1)
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class History:
    """What came of attempts since the last that was good; kept on disk, so that a restart of ctld tries no sooner.

    Attributes:
        failures: so many in a row.
        last_attempt: when the last one was, or None.
        retry_at: when the next may be, or None.
        fault: why the last one failed, or None.
        words: the same for a person.
    """

    failures: int = 0
    last_attempt: datetime | None = None
    retry_at: datetime | None = None
    fault: EnrollFault | None = None
    words: str = ""

    def failed(self, error: EnrollError, now: datetime) -> "History":
        """Return the history after one more failure."""
        # An instant in the file has whole seconds; what is in memory says the same.
        now = now.replace(microsecond=0)
        failures = self.failures + 1
        wait = backoff(failures, error.retry_after)
        return History(failures, now, now + wait, error.fault, str(error)[:_MAX_WORDS])


def backoff(failures: int, retry_after: int | None = None) -> timedelta:
    """Return how long to wait after so many failures in a row.

    Args:
        failures: at least 1.
        retry_after: seconds that CAPF itself asks for; it is given them, up to the longest wait.
    """
    wait = min(FIRST_WAIT * (1 << min(failures - 1, 16)), LONGEST_WAIT)
    asked = timedelta() if retry_after is None else min(timedelta(seconds=retry_after), LONGEST_WAIT)
    return max(wait, asked)


@dataclass(frozen=True, slots=True)
class EnrolmentState:
    """What there is to say of one credential that is kept fresh. Instants are aware, UTC.

    Attributes:
        cluster: name of the cluster in the settings.
        name: what the settings call it.
        device: the name that CAPF knows; empty where that is not known.
        not_after: end of the certificate in use; None where there is none that can be read.
        usable_until: that, or the end of the certificate that signed it if earlier.
        due_at: when it is due, if it is not; None where it is due, or nobody knows.
        verdict: "due", "not-due" or "refused"; None where nobody knows.
        code: why (`ctlctl_capf.renewal.RenewalCode`); empty where nobody knows.
        last_renewal: when the certificate in use came.
        last_attempt: when a renewal that failed was tried last; None after one that did not.
        failures: so many in a row.
        failure: why there is no new one, or why nobody can tell; None for nothing. Stable: metrics label by it.
        words: the same for a person.
        next_attempt: when it is tried again; None where it is not.
    """

    cluster: str
    name: str
    device: str = ""
    not_after: datetime | None = None
    usable_until: datetime | None = None
    due_at: datetime | None = None
    verdict: str | None = None
    code: str = ""
    last_renewal: datetime | None = None
    last_attempt: datetime | None = None
    failures: int = 0
    failure: EnrollFault | None = None
    words: str = ""
    next_attempt: datetime | None = None


def is_turn(decision: Decision, end: datetime, history: History, now: datetime) -> bool:
    """Tell whether to try a renewal now.

    Args:
        decision: whether it is due.
        end: end of the certificate by which one authenticates: after that nobody can.
        history: what came of attempts before.
        now: this instant.
    """
    retry_at = history.retry_at
    # One that lies further ahead than any wait was written while the clock was wrong.
    rested = retry_at is None or not now < retry_at <= now + LONGEST_WAIT
    return decision.verdict is Verdict.DUE and now < end and rested


def read_history(folder: CredentialFolder) -> History:
    """Read the history of a directory; an empty one where there is none, or none that can be read."""
    try:
        data, _ = read_plain(folder.path / HISTORY, _MAX_BYTES)
        document = json.loads(data)
        if document["schema"] != _SCHEMA:
            return History()
        return History(
            int(document["failures"]),
            _instant(document["last_attempt"]),
            _instant(document["retry_at"]),
            None if document["fault"] is None else EnrollFault(document["fault"]),
            str(document["words"]),
        )
    except (OSError, NoPlainFileError, ValueError, KeyError, TypeError):
        # At worst a renewal is tried sooner.
        return History()


def write_history(folder: CredentialFolder, history: History) -> None:
    """Keep the history of a directory.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(folder.path / HISTORY)
    if history == History():
        path.unlink(missing_ok=True)
        return
    document = {
        "schema": _SCHEMA,
        "failures": history.failures,
        "last_attempt": _text(history.last_attempt),
        "retry_at": _text(history.retry_at),
        "fault": None if history.fault is None else history.fault.value,
        "words": history.words,
    }
    data = json.dumps(document, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    write_whole(str(path), data + b"\n", replace=True, mode=0o600)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):{_FORMAT}}"
