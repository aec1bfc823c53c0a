"""Rollouts as JSON: how each goes, and which phones need a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ctlctl.act.rolloutrun import RolloutRun
from ctlctl.store.rolloutstore import StoredRollout
from ctlctl_capf.rollout.actions import Hold
from ctlctl_capf.rollout.rows import AT_WORK, Head, Mode, PhoneRow, PhoneState

#: Mode of a rollout of which nobody can tell how it goes.
UNKNOWN_MODE: Final = "unknown"
#: States of phones that are left to a person, or to another plan.
_FOR_PEOPLE = frozenset({PhoneState.TO_PERSON, PhoneState.GIVEN_UP, PhoneState.DRIFTED})

#: States of phones that will be tried again, where they have a reason: something went wrong before.
_AGAIN = frozenset({PhoneState.PLANNED, PhoneState.RETRY})


def rollout_document(rollout: StoredRollout, run: RolloutRun | None, counts: Mapping[str, int]) -> dict[str, Any]:
    """Return how a rollout goes.

    Args:
        rollout: as the store has it.
        run: what carries it out; None where nothing does.
        counts: phones by state.
    """
    document: dict[str, Any] = {
        "number": rollout.number,
        "plan": rollout.plan_id,
        "sha256": rollout.plan,
        "cluster": rollout.cluster,
        "started_at": rollout.started_at,
        "started_by": rollout.started_by,
        "ended_at": rollout.ended_at,
        **_course(rollout.head if run is None else run.head),
        "counts": dict(counts),
        "phones": sum(counts.values()),
        "baseline": rollout.baseline,
        "live": run is not None,
        "unreadable": rollout.unreadable,
    }
    if run is not None:
        guess = run.estimate()
        document |= {
            "operation": run.plan.operation.value,
            "hold": run.hold.value,
            "trouble": run.trouble,
            "preflight": run.preflight_words if run.hold is Hold.PREFLIGHT else "",
            "deadline": run.plan.deadline,
            "per_minute": guess.per_minute,
            "measured": guess.measured,
            "finish": guess.finish,
            "windows": guess.windows,
            "behind": guess.behind,
            "canaries": list(run.plan.limits.canaries),
        }
    return document


def without_guess(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a rollout goes as people are told: of one that stands still nobody can tell when it will be through.

    `behind` stays: what is late if it goes on now is late in any case.
    """
    still = {"finish": None, "windows": None} if document["mode"] != Mode.RUNNING.value else {}
    return {**document, **{key: value for key, value in still.items() if key in document}}


def _course(head: Head | None) -> dict[str, Any]:
    """Return what only the head tells; nothing of it is known where it cannot be read."""
    if head is None:
        unknown = ("mode_since", "halt", "stage", "bake_until", "window_closes", "pace", "throttled")
        return {"mode": UNKNOWN_MODE, "words": "", "batches": [], **dict.fromkeys(unknown)}
    return {
        "mode": head.mode.value,
        "mode_since": head.mode_since,
        "halt": None if head.halt is None else head.halt.value,
        "words": head.words,
        "stage": head.stage,
        "batches": [
            {"number": one.number, "size": one.size, "failures": one.failures, "absent": one.absent}
            for one in head.batches
        ],
        "bake_until": head.bake_until,
        "window_closes": head.window or None,
        "pace": head.pace,
        "throttled": head.throttled,
    }


def about_rows(rows: Sequence[PhoneRow]) -> dict[str, Any]:
    """Return what only the rows tell: reasons by state, which proofs there were, and who failed, by name.

    Those left to people are under `people`, those that will be tried again under `again`.
    """
    reasons: dict[str, Counter[str]] = {}
    proofs: Counter[str] = Counter()
    for row in rows:
        if row.reason is not None and row.state not in AT_WORK:
            reasons.setdefault(row.state.value, Counter())[row.reason.value] += 1
        if row.state is PhoneState.DONE:
            proofs["+".join(sorted(signal.value for signal in row.signals))] += 1
    return {
        "reasons": {state: dict(found) for state, found in reasons.items()},
        "proofs": dict(proofs),
        "people": [_failed(row) for row in rows if row.state in _FOR_PEOPLE],
        "again": [_failed(row) for row in rows if row.state in _AGAIN and row.reason is not None],
    }


def _failed(row: PhoneRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "state": row.state.value,
        "reason": None if row.reason is None else row.reason.value,
        "status": row.status,
        "tries": row.tries,
    }
