"""What is known of a user's certificate that ctld keeps fresh: from its directory, not from the cluster."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnrolmentFact:
    """One credential, as it was looked at last. Instants are seconds since 1970.

    Attributes:
        name: what the settings call it.
        user: application user, end user, or the exact name that CAPF is told.
        instance: instance ID of the CAPF profile; None where the settings give the exact name.
        not_after: end of the certificate in use; None where there is none that can be read.
        usable_until: that, or the end of the certificate that signed it if earlier; None where that is not known.
        due_at: when it is due, if it is not yet; None where it is due, or nobody knows.
        verdict: "due", "not-due" or "refused"; None where nobody knows.
        code: why (`ctlctl_capf.renewal.RenewalCode`); "" where nobody knows.
        last_renewal: when the certificate in use came.
        last_attempt: when a renewal that failed was tried last; None after one that did not.
        failures: so many in a row.
        failure: why there is no new one, or why nobody can tell (`ctlctl.enroll.errors.EnrollFault`); None for nothing.
        words: the same for a person.
        next_attempt: when it is tried again; None where it is not.
    """

    name: str
    user: str
    instance: str | None = None
    not_after: int | None = None
    usable_until: int | None = None
    due_at: int | None = None
    verdict: str | None = None
    code: str = ""
    last_renewal: int | None = None
    last_attempt: int | None = None
    failures: int = 0
    failure: str | None = None
    words: str = ""
    next_attempt: int | None = None
