"""What is said about CAPF: operations that do not end or fail, and certificates that LSCs hang on."""

from typing import Final

from ctlctl.assess.draft import Findings
from ctlctl.assess.known import Known, common_name, epoch
from ctlctl.assess.model import ClusterCode, FindingSeverity, Policy
from ctlctl.assess.numbers import Tally
from ctlctl.assess.words import DAY, count, day, listed, span
from ctlctl.inventory.values import Snapshot

_WHAT: Final = {"phone": "phone", "appuser": "application user's instance", "enduser": "end user's instance"}
#: Rest of a CAPF certificate under which it is said that it cuts LSCs short.
_SHORT_REST: Final = 365 * DAY


def report_capf(  # noqa: PLR0913 - all that it is judged by
    snapshot: Snapshot, known: Known, policy: Policy, now: int, tally: Tally, findings: Findings
) -> None:
    """Report what is wrong with CAPF.

    Args:
        snapshot: what is known.
        known: the cluster's certificates.
        policy: what counts as bad.
        now: the instant.
        tally: the phones.
        findings: where it goes.
    """
    for kind, group in tally.capf_stuck.items():
        oldest = "" if group.first is None else f", the oldest for {span(now - group.first)}"
        verb = "waits" if group.count == 1 else "wait"
        findings.add(
            ClusterCode.CAPF_PENDING_STUCK,
            FindingSeverity.WARNING,
            f"{count(group.count, _WHAT.get(kind, kind))} {verb} for CAPF longer than "
            f"{span(policy.capf_stuck_after)}{oldest}.",
            "A secure phone does not register while its CAPF session lasts, and an old order acts at the next reset.",
            f"ctlctl phone list {findings.cluster} --capf-status 'Operation Pending'"
            if kind == "phone"
            else f"ctlctl capf list {findings.cluster} --status 'Operation Pending'",
            "Reset the phones in a change window, or set the operation back to No Pending Operation",
            subject=kind,
            evidence=group.evidence(oldest=group.first),
            count=group.count,
        )
    for kind, group in tally.capf_failed.items():
        matters = kind != "phone" or tally.capf_failed_without > 0
        findings.add(
            ClusterCode.CAPF_FAILED,
            FindingSeverity.WARNING if matters else FindingSeverity.INFO,
            f"CAPF failed for {count(group.count, _WHAT.get(kind, kind))}: "
            f"{listed(f'{word} ({number:,})' for word, number in group.words.most_common(3))}.",
            "They keep what they had; without a good LSC a secure phone is on its MIC, or out."
            if kind == "phone"
            else "The application goes on with the certificate it has, until that ends.",
            f"ctlctl phone list {findings.cluster} --capf-status '*Failed*'"
            if kind == "phone"
            else f"ctlctl capf list {findings.cluster} --status '*Failed*'",
            "Phone Communication Failure: order it again; Invalid LSC or MIC: its issuer is no longer in CAPF-trust",
            subject=kind,
            evidence=group.evidence(),
            count=group.count,
        )
    _short(snapshot, known, now, findings)
    _old_generations(known, tally, findings)


def _short(snapshot: Snapshot, known: Known, now: int, findings: Findings) -> None:
    for one in known.capf_now:
        end, name = epoch(one.certificate.not_after), one.certificate.common_name
        if not now < end <= now + _SHORT_REST:
            continue
        longer = sum(
            (phone.config.lsc_valid_until or 0) > end and common_name(phone.config.lsc_issuer) == name
            for phone in snapshot.phones
        )
        if not longer:
            continue
        findings.add(
            ClusterCode.CAPF_ENDS_BEFORE_LSCS,
            FindingSeverity.WARNING,
            f"The CAPF certificate {name} ends {day(end)} ({span(end - now)}), before {count(longer, 'LSC')} that it "
            "issued.",
            "An LSC is worth nothing once its issuer has ended: all of these phones drop off on one day.",
            "Renew CAPF, keep the old one in CAPF-trust and CallManager-trust, update the CTL, then renew these LSCs",
            f"ctlctl cert list {findings.cluster}",
            subject=name,
            evidence={"ends": end, "longer": longer},
            count=longer,
        )


def _old_generations(known: Known, tally: Tally, findings: Findings) -> None:
    now_issuing = {one.certificate.common_name for one in known.capf_now}
    if not now_issuing:
        return
    generations = {one.common_name for one in known.capf_generations.values()}
    # One whose certificate is in no store any more is told by its name.
    old = {name for name in tally.lscs_of if name in generations or name.startswith("CAPF-")} - now_issuing
    for name in sorted(old):
        number, last = tally.lscs_of[name]
        lost = known.has_database and "CallManager-trust" not in known.stores_of(name)
        gone = " It is not in CallManager-trust." if lost else ""
        findings.add(
            ClusterCode.CAPF_OLD_GENERATION,
            FindingSeverity.WARNING if lost else FindingSeverity.INFO,
            f"The old CAPF {name} still carries {count(number, 'LSC')}, the last until {day(last)}: do not delete it."
            f"{gone}",
            "Without it in CallManager-trust and CAPF-trust these phones are refused.",
            "Load it into CallManager-trust and CAPF-trust again"
            if lost
            else "Keep it in CallManager-trust and CAPF-trust, and on 802.1X and VPN servers",
            "Renew these LSCs; delete the old certificate when none is left",
            subject=name,
            evidence={"lscs": number, "last": last, "in_callmanager_trust": not lost},
            count=number,
        )
