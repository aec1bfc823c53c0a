"""What raises each code about certificates of users, and what is almost that; tests hold the rules against it."""

from collections.abc import Callable
from typing import Any

from ctlctl.assess.model import ClusterCode as C
from ctlctl.assess.model import FindingSeverity as S
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.values import Snapshot
from support.assesscases import Case
from support.smallsnapshot import DAY, NOW, healthy

NO_ANCHOR = "nothing says which CAPF to believe. Name a certificate"


def enrolment(name: str = "recorder", **changes: Any) -> EnrolmentFact:  # noqa: ANN401 - any field
    """Return a credential that is fresh unless said otherwise."""
    fields: dict[str, Any] = {
        "user": "recorder",
        "instance": "jtapi-1",
        "not_after": NOW + 400 * DAY,
        "usable_until": NOW + 400 * DAY,
        "due_at": NOW + 310 * DAY,
        "verdict": "not-due",
        "code": "not-yet",
        "last_renewal": NOW - 30 * DAY,
        **changes,
    }
    return EnrolmentFact(name, **fields)


def due(days: int, **changes: Any) -> EnrolmentFact:  # noqa: ANN401 - any field
    """Return a credential that is due and ends in so many days."""
    end = NOW + days * DAY
    ends = {"not_after": end, "usable_until": end, "due_at": None, "verdict": "due", "code": "in-window"}
    return enrolment(**(ends | changes))


def failing(days: int, failure: str, failures: int = 1) -> EnrolmentFact:
    """Return a credential that is due and whose renewal fails."""
    again = {"failure": failure, "failures": failures, "words": "10.1.1.10: it said no. Look there."}
    return due(days, **again, last_attempt=NOW - 600, next_attempt=NOW + 300)


def unread(failure: str, words: str) -> EnrolmentFact:
    """Return a credential of which nothing is known but why."""
    nothing: dict[str, Any] = {"not_after": None, "usable_until": None, "due_at": None, "verdict": None, "code": ""}
    return enrolment(**nothing, last_renewal=None, failure=failure, words=words)


def having(fact: EnrolmentFact) -> Callable[[], Snapshot]:
    """Return a cluster that is well but for one credential."""
    return lambda: healthy(enrolments=(enrolment("other"), fact))


ENROLMENT_CASES: dict[C, Case] = {
    C.ENROLMENT_EXPIRED: Case(having(due(-3)), S.CRITICAL, "recorder", "(recorder, instance jtapi-1) ended 2026-11-20"),
    C.ENROLMENT_EXPIRING: Case(
        having(failing(60, "refused")), S.WARNING, "recorder", "(60 d); 1 attempt failed, next attempt 2026-11-23"
    ),
    C.ENROLMENT_REFUSED: Case(
        having(due(60, verdict="refused", code="capf-rest")), S.WARNING, "recorder", "CAPF's own certificate ends"
    ),
    C.ENROLMENT_MISSING: Case(
        having(unread("no-credential", "/var/lib/x: there is no credential in it. Get it.")),
        S.WARNING,
        "recorder",
        "no credential in it",
    ),
    C.ENROLMENT_UNKNOWN: Case(having(unread("no-anchor", NO_ANCHOR)), S.UNKNOWN, "recorder", "which CAPF to believe"),
}

#: The same code, with another severity or words.
ENROLMENT_OTHERS: list[tuple[C, Case]] = [
    # What may pass by itself waits for the third attempt, unless the end is near as well.
    (C.ENROLMENT_EXPIRING, Case(having(failing(60, "unreachable", 2)), S.INFO, "recorder", "2 attempts failed")),
    (C.ENROLMENT_EXPIRING, Case(having(failing(60, "unreachable", 3)), S.WARNING, "recorder", "3 attempts failed")),
    (C.ENROLMENT_EXPIRING, Case(having(failing(20, "unreachable", 3)), S.CRITICAL, "recorder", "(20 d)")),
    (C.ENROLMENT_EXPIRING, Case(having(failing(20, "nothing-ordered")), S.CRITICAL, "recorder", "(20 d)")),
    (C.ENROLMENT_EXPIRING, Case(having(due(2)), S.CRITICAL, "recorder", "no renewal was tried")),
    (
        C.ENROLMENT_EXPIRED,
        Case(having(due(90, usable_until=NOW - DAY)), S.CRITICAL, "recorder", "The CAPF certificate that signed"),
    ),
    (C.ENROLMENT_MISSING, Case(having(unread("other-name", "it is of 'x'. Correct it.")), S.WARNING, "recorder", "of")),
    # Whoever is to be believed: an end that is known counts.
    (C.ENROLMENT_EXPIRED, Case(having(due(-1, verdict=None, failure="no-anchor")), S.CRITICAL, "recorder", "ended")),
]

ENROLMENT_NEAR_MISSES: list[tuple[C, Case]] = [
    (C.ENROLMENT_EXPIRED, Case(having(due(1)), S.CRITICAL)),
    # It is its turn within the hour, or somebody is at it right now.
    (C.ENROLMENT_EXPIRING, Case(having(due(60)), S.WARNING)),
    (C.ENROLMENT_EXPIRING, Case(having(due(60, failure="busy")), S.WARNING)),
    (C.ENROLMENT_REFUSED, Case(having(failing(60, "refused")), S.WARNING)),
    (C.ENROLMENT_MISSING, Case(having(unread("storage", "it cannot be read. Look.")), S.WARNING)),
    (C.ENROLMENT_UNKNOWN, Case(having(enrolment()), S.UNKNOWN)),
]
