"""What is said of accounts that a cluster has refused: since when, that it stays so, and what ends it."""

from typing import Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json
from ctlctl.assess.words import lasting
from ctlctl.inventory.refused import RefusedAccount
from ctlctl.inventory.values import Snapshot

#: What follows from a refusal.
NOT_TRIED: Final = (
    "Nothing is tried again before the user or the password changes, after a restart neither: CUCM locks accounts."
)
_WRITER: Final = "writer"


def refusal_of(account: str, snapshot: Snapshot) -> RefusedAccount | None:
    """Return the refusal of an account that still holds; None where none is remembered."""
    return next((one for one in snapshot.refused if one.account == account), None)


def evidence_of(refusal: RefusedAccount | None) -> dict[str, Json]:
    """Return when and by whom an account was refused; nothing where that is not remembered."""
    if refusal is None:
        return {}
    return {"account": refusal.account, "refused_at": refusal.at, "refused_by": refusal.interface}


def what_to_do(cluster: str, whose: str = "the user, its roles and the password") -> tuple[str, ...]:
    """Return what ends it: other credentials, or somebody's word that the same are right now."""
    correct = (
        f"Check {whose}, and correct them: a password_file counts at once, a password_credential after systemctl "
        "restart ctld, a user after systemctl reload ctld"
    )
    return (
        correct,
        f"Unlocked or corrected in CUCM, with the same password: ctlctl cluster refresh {cluster} --retry-credentials",
    )


def report_writer(snapshot: Snapshot, now: int, findings: Findings) -> None:
    """Report an account for changes that was refused: no source asks with it, and no other finding tells."""
    refusal = refusal_of(_WRITER, snapshot)
    if refusal is None:
        return
    findings.add(
        ClusterCode.CREDENTIALS_REFUSED,
        FindingSeverity.CRITICAL,
        f"{refusal.interface} refuses the account for changes or its password, {lasting(now, refusal.at)}.",
        f"Rollouts wait, and no CAPF profile is changed or renewal ordered. {NOT_TRIED}",
        *what_to_do(findings.cluster),
        subject=_WRITER,
        evidence=evidence_of(refusal),
    )
