"""What `show ctl` and `show itl` say on a node, against the file that the same node serves to phones."""

from hashlib import md5, sha1
from typing import Final

from ctlctl.assess.answers import Answers
from ctlctl.assess.draft import Findings
from ctlctl.assess.known import Known
from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.assess.words import ago, lasting
from ctlctl.inventory.nodenames import folded
from ctlctl.inventory.nodevalues import ShownList
from ctlctl.inventory.values import ServedList, Snapshot
from ctlctl.inventory.words import Source

#: Digits of a checksum that a sentence shows.
_DIGITS: Final = 12


def report_shown_lists(snapshot: Snapshot, known: Known, now: int, findings: Findings) -> None:
    """Report lists that CUCM itself refuses, and nodes that serve another list than they have.

    Args:
        snapshot: what is known.
        known: the cluster's nodes.
        now: the instant.
        findings: where it goes.
    """
    served = {(folded(one.node), one.kind): one for one in snapshot.lists}
    answers = Answers(snapshot)
    for shown in snapshot.shown_lists:
        at = answers.at(Source.PLATFORM_CLI, shown.node, shown.since)
        node = known.display(shown.node)
        if shown.verified is False:
            _fails(node, shown, now, at, findings)
        one = served.get((folded(node), shown.kind)) or served.get((folded(shown.node), shown.kind))
        if one is not None and one.fault is None and _differs(shown, one, at):
            _report(node, shown, one, now, at, findings)


def _fails(node: str, shown: ShownList, now: int, at: int, findings: Findings) -> None:
    findings.add(
        ClusterCode.LIST_FAILS_ON_NODE,
        FindingSeverity.CRITICAL,
        f"CUCM itself says that the {shown.kind.upper()} of {node} does not verify, {lasting(now, shown.since)} "
        f"(show {shown.kind}, {ago(now, at)}).",
        "Phones refuse it too: they keep the list they hold, and new ones have none that they could check.",
        "On the publisher: utils ctl update CTLFile, then restart Cisco Tftp on every node that runs it"
        if shown.kind == "ctl"
        else f"Restart Cisco Tftp on {node}: it writes its ITL anew; then show itl",
        f"ctlctl trustlist list {findings.cluster}",
        subject=f"{node}/{shown.kind}",
        evidence={"md5": shown.md5, "sha1": shown.sha1, "since": shown.since, "said_at": at},
    )


def _differs(shown: ShownList, served: ServedList, at: int) -> bool:
    """Tell whether the node had one list and served another at the same time."""
    current = served.current
    if current is None or not current.data:
        since = served.absent_since if current is None else current.first_seen
        return bool(shown.md5 or shown.sha1) and since is not None and since <= at
    if current.first_seen > at or current.last_seen < shown.since:
        # The list was signed anew between the two looks.
        return False
    if shown.md5:
        return md5(current.data, usedforsecurity=False).hexdigest() != shown.md5
    return not shown.sha1 or sha1(current.data, usedforsecurity=False).hexdigest() != shown.sha1


def _report(node: str, shown: ShownList, served: ServedList, now: int, at: int, findings: Findings) -> None:  # noqa: PLR0913 - both lists, with their times
    current = served.current
    kind = shown.kind.upper()
    has = f"has the {kind} {(shown.md5 or shown.sha1)[:_DIGITS]}" if shown.md5 or shown.sha1 else f"has no {kind}"
    if current is None or not current.data:
        sum_, gives = "", "serves none"
    else:
        sum_ = md5(current.data, usedforsecurity=False).hexdigest()
        gives = f"serves {sum_[:_DIGITS]}"
    findings.add(
        ClusterCode.SHOWN_LIST_DIFFERS,
        FindingSeverity.WARNING,
        f"{node} {has} by show {shown.kind} ({ago(now, at)}), but {gives} to phones"
        f"{'' if current is None else f' ({ago(now, current.last_seen)})'}.",
        "Phones get another list than the one that CUCM shows: what was updated has not reached them.",
        f"Restart Cisco Tftp on {node}: it serves what it read when it was started",
        f"ctlctl trustlist list {findings.cluster}",
        subject=f"{node}/{shown.kind}",
        evidence={
            "shown_md5": shown.md5,
            "shown_sha1": shown.sha1,
            "served_md5": sum_,
            "served_sha256": None if current is None else current.sha256,
            "since": shown.since,
        },
    )
