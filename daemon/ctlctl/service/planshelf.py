"""Plans as they were approved: whose word counts, for how long, and whether they still fit the present."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ctlctl import __version__
from ctlctl.fleet.files import SnapshotError, SnapshotFiles
from ctlctl.plan.approval import is_expired
from ctlctl.plan.document import PlanFileError, read_plan
from ctlctl.plan.facts import FactsError
from ctlctl.plan.files import FileError, read_names
from ctlctl.plan.making import Basis
from ctlctl.plan.model import Plan, SealedPlan
from ctlctl.plan.rechecking import Recheck
from ctlctl.plan.rechecking import recheck as rechecked
from ctlctl.service.rolloutdocs import UNKNOWN_MODE
from ctlctl.service.server import Peer, QuestionError, peer_of
from ctlctl.service.worker import ClusterWorker
from ctlctl.store.rolloutstore import Approval, StoredPlan, StoredRollout
from ctlctl.store.store import Store
from ctlctl_config.model import ClusterSettings
from ctlctl_config.rollout import RolloutSettings

#: Finds the worker of a cluster, or raises.
FindWorker = Callable[[str], ClusterWorker]
#: Adds an entry to the audit log: who, event, cluster, detail.
Note = Callable[[Peer, str, str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A rollout of a plan that has begun and not ended.

    Attributes:
        number: what it is known by.
        started_at: when it began.
        mode: how it goes.
        left: names of the phones that it has not touched.
    """

    number: int
    started_at: int
    mode: str
    left: frozenset[str]


class PlanShelf:
    """The plans that ctld keeps."""

    def __init__(self, store: Store, files: SnapshotFiles, now: Callable[[], float], note: Note) -> None:
        """Keep nothing yet.

        Args:
            store: where plans and approvals are.
            files: what ctld knows of phones.
            now: the clock, seconds since 1970.
            note: adds to the audit log.
        """
        self._store = store
        self._files = files
        self._now = now
        self._note = note

    def plan(self, sha256: str) -> tuple[StoredPlan, SealedPlan]:
        """Return a plan that was approved once, by its hash or the beginning of it.

        Raises:
            QuestionError: there is none, or more than one.
        """
        stored = self._store.acts.plan(sha256)
        if stored is None:
            raise QuestionError("none", f"ctld knows no plan {sha256!r}, or more than one: approve it first")
        return stored, read_plan(stored.data)

    def listing(self, words: Mapping[str, str]) -> dict[str, Any]:
        """Answer which plans were approved, and what became of them."""
        now = int(self._now())
        started = {one.plan: one for one in reversed(self._store.acts.rollouts())}
        rows = []
        for plan in self._store.acts.plans(words.get("cluster", "")):
            rollout = started.get(plan.sha256)
            rows.append(
                {
                    "id": plan.id,
                    "sha256": plan.sha256,
                    "cluster": plan.cluster,
                    "kept_at": plan.kept_at,
                    "approvals": [{"at": one.at, "uid": one.uid, "name": one.name} for one in plan.approvals],
                    "rollout": None if rollout is None else rollout.number,
                    "mode": None if rollout is None else _mode(rollout),
                }
            )
        return {"total": len(rows), "offset": 0, "now": now, "rows": rows}

    def approve(
        self, words: Mapping[str, str], who: Peer, find: FindWorker, under_way: Callable[[str], UnderWay | None]
    ) -> dict[str, Any]:
        """Take somebody's word for a plan, with its bytes.

        Of a plan whose rollout has begun and not ended it renews the approval: what is still to come must be as it was
        approved, and neither the age of the plan nor what the rollout has done itself speaks against that.

        Args:
            words: what belongs to the question.
            who: who approves.
            find: finds the worker of a cluster, or raises.
            under_way: tells how the rollout of a plan stands, by the plan's hash; None where none is open.

        Raises:
            QuestionError: the plan was edited, who asks may not approve, or something speaks against it now.
        """
        try:
            sealed = read_plan(words.get("plan", "").encode())
        except PlanFileError as error:
            raise QuestionError("denied", f"not approved: {error}") from None
        plan, now = sealed.plan, int(self._now())
        settings = find(plan.cluster).settings
        rules = settings.rollout
        if not may_approve(who, rules):
            self._note(who, "plan-approve-denied", plan.cluster, {"plan": sealed.sha256})
            raise QuestionError(
                "denied",
                f"{who} may not approve: root may, and whom [clusters.{plan.cluster}.rollout] approvers names",
            )
        rollout = under_way(sealed.sha256)
        found = (
            self.recheck(sealed, settings, now) if rollout is None else self._renewed(sealed, rollout, settings, now)
        )
        about: dict[str, Any] = {"plan": sealed.id, "sha256": sealed.sha256, "phones": len(plan.phones)}
        if rollout is not None:
            about |= {"rollout": rollout.number, "left": len(rollout.left)}
        stored = StoredPlan(sealed.sha256, sealed.id, plan.cluster, sealed.data, now, ())
        self._store.acts.approve(
            stored,
            Approval(now, who.uid, who.name),
            str(who),
            (now, "plan-approved" if rollout is None else "plan-approval-renewed", about),
        )
        kept, _ = self.plan(sealed.sha256)
        missing = approvals_missing(kept, rules, now)
        return {
            "plan": sealed.id,
            "sha256": sealed.sha256,
            "cluster": plan.cluster,
            "phones": len(plan.phones),
            "approvals": [{"at": one.at, "uid": one.uid, "name": one.name} for one in kept.approvals],
            "missing": missing,
            "differences": list(found.differences),
            "rollout": None if rollout is None else rollout.number,
            "mode": None if rollout is None else rollout.mode,
            "left": None if rollout is None else len(rollout.left),
        }

    def _renewed(self, sealed: SealedPlan, rollout: UnderWay, settings: ClusterSettings, now: int) -> Recheck:
        """Hold what is left of a plan against the present.

        Raises:
            QuestionError: a guard stops it now, too many of its phones have changed, its time is over, or too little is
                known.
        """
        deadline = sealed.rollout(rollout.started_at).deadline
        if deadline is not None and now >= deadline:
            raise QuestionError(
                "denied",
                f"the deadline of rollout {rollout.number} has passed, and no approval moves it: abort it and make a "
                "new plan",
            )
        left = tuple(one for one in sealed.plan.phones if one.phone.name in rollout.left)
        return self._held(sealed, replace(sealed.plan, phones=left), settings, now)

    def recheck(self, sealed: SealedPlan, settings: ClusterSettings, now: int) -> Recheck:
        """Hold a plan against the present: what its own file says of its guards proves nothing.

        Raises:
            QuestionError: it is too old, a guard stops it now, its phones have changed, or too little is known.
        """
        plan, rules = sealed.plan, settings.rollout
        if is_expired(plan.created_at, rules.approval_days, now):
            raise QuestionError(
                "denied", f"plan {sealed.id} is older than {rules.approval_days} days, or of the future: make a new one"
            )
        return self._held(sealed, plan, settings, now)

    def _held(self, sealed: SealedPlan, plan: Plan, settings: ClusterSettings, now: int) -> Recheck:
        """Hold a plan, or what is left of it, against the present; arguments and errors as `recheck`."""
        rules = settings.rollout
        try:
            document = self._files.cluster(plan.cluster)
            if document is None:
                raise QuestionError("undecided", f"ctld has not looked at {plan.cluster} yet")
            phones = list(self._files.phones(plan.cluster))
            spared = None if rules.do_not_touch is None else frozenset(read_names(rules.do_not_touch))
            basis = Basis(document, phones, live=True, do_not_touch=spared, now=now, tool=__version__)
            found = rechecked(plan, basis, settings)
        except (SnapshotError, FactsError, FileError) as error:
            raise QuestionError("undecided", f"how plan {sealed.id} stands now cannot be told: {error}") from None
        if found.stopped_by:
            stops = "; ".join(f"{guard.code.value}: {guard.words}" for guard in found.stopped_by)
            raise QuestionError("denied", f"plan {sealed.id} is refused now by {stops}")
        # The limit is a share of what was approved, however little of that is left.
        moved = replace(found.drift, phones=len(sealed.plan.phones))
        if moved.too_far:
            first = moved.changes[0]
            raise QuestionError(
                "denied",
                f"{len(moved.changes)} of {moved.phones} phones are not any more what plan {sealed.id} says, more than "
                f"{moved.percent} %: {first.name} {first.words}; make a new plan",
            )
        return found


def _mode(rollout: StoredRollout) -> str:
    return UNKNOWN_MODE if rollout.head is None else rollout.head.mode.value


def may_approve(who: Peer, rules: RolloutSettings) -> bool:
    """Tell whether somebody may approve plans for a cluster with these rules; groups may stand behind an @, too."""
    groups = {*rules.approver_groups, *(name[1:] for name in rules.approvers if name.startswith("@"))}
    named = bool(who.name) and who.name in rules.approvers
    return who.uid == 0 or named or bool(who.groups.intersection(groups))


def _still(approval: Approval, rules: RolloutSettings) -> bool:
    """Tell whether somebody who approved still may, and whether it is still the same person who has that number."""
    now = peer_of(approval.uid)
    return now.name == approval.name and may_approve(now, rules)


def approvals_missing(plan: StoredPlan, rules: RolloutSettings, now: int) -> str:
    """Tell which approvals are missing; "" for none."""
    holding = {
        one.uid for one in plan.approvals if not is_expired(one.at, rules.approval_days, now) and _still(one, rules)
    }
    needed = 2 if rules.second_approver else 1
    if len(holding) >= needed:
        return ""
    if not plan.approvals or not holding:
        return "nobody's approval holds"
    return "a second person has to approve"
