"""Certificates of the nodes: views, ends, what ports present against what is installed, anchors that end together."""

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from ctlctl.assess.certfacts import client_auth, is_self_signed
from ctlctl.assess.draft import Findings
from ctlctl.assess.known import SERVICE_CALLMANAGER, SERVICE_CAPF, SERVICE_TFTP, SERVICE_TVS, Known, epoch, issuer_name
from ctlctl.assess.model import CertificateView, ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.seen import CALLMANAGER, CAPF, ITL_RECOVERY, TOMCAT, TVS, Seen
from ctlctl.assess.words import DAY, ago, count, day, ends, listed
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

#: Renewing two of these before phones have taken a list that bridges them locks phones out.
ANCHORS: Final = (CALLMANAGER, TVS, ITL_RECOVERY)
#: How far ahead anchors that end together are looked for.
_ANCHORS_AHEAD: Final = 180 * DAY
_RSA: Final = "-ECDSA"

_SO_WHAT: Final = {
    CALLMANAGER: "When it has ended, secure phones do not register and what the node signs is not trusted.",
    TVS: "When it has ended, phones cannot ask TVS about anything that is not in their own list.",
    CAPF: "When it has ended, CAPF issues nothing, and every LSC it issued ends with it.",
    ITL_RECOVERY: "It signs the lists: renewed together with another anchor, it locks phones out.",
    TOMCAT: "When it has ended, AXL, the web pages and services that phones reach by https fail.",
}
_DO: Final = {
    CALLMANAGER: "Renew CallManager alone, node by node; in mixed mode then: utils ctl update CTLFile",
    TVS: "Renew TVS alone, node by node, and let every phone take the new ITL before anything else is renewed",
    CAPF: "Renew CAPF, keep the old one in CAPF-trust and CallManager-trust, update the CTL, then renew all LSCs",
    ITL_RECOVERY: "Renew ITLRecovery alone, with every phone registered; read the Security Guide's steps first",
    TOMCAT: "Renew tomcat on the node; afterwards set its new fingerprint in the settings",
}
_SAYS: Final = {
    Source.AXL: "the database",
    Source.CERTIFICATE_API: "the certificate API",
    Source.PLATFORM_CLI: "the platform CLI",
}
#: What has to be restarted for a renewed certificate to be presented (Security Guide, certificate regeneration).
_RESTART: Final = {
    CALLMANAGER: "Restart Cisco CallManager, Cisco CTIManager and Cisco Tftp on {node} (from 14 SU1 Cisco HAProxy does "
    "for RSA)",
    TVS: "Restart Cisco Trust Verification Service on {node}, then Cisco Tftp",
    CAPF: "Restart Cisco Certificate Authority Proxy Function on {node}, then Cisco Trust Verification Service and "
    "Cisco Tftp on every node",
    TOMCAT: "On {node}: utils service restart Cisco Tomcat; from 14 also Cisco AXL Tomcat and Cisco UDS Tomcat",
}
_MEANWHILE: Final = {
    CALLMANAGER: "Phones that have taken lists with the new one refuse {node}: they register elsewhere, or not at all.",
    TVS: "Phones that have taken the new ITL do not trust this TVS: nothing new can be verified at {node}.",
    CAPF: "Phones that have taken the new lists refuse CAPF: no LSC is installed or renewed meanwhile.",
    TOMCAT: "The web pages, AXL and services that phones reach by https go on with the old one until it ends.",
}


class CertificateRules:
    """Judges the certificates of one snapshot."""

    def __init__(self, snapshot: Snapshot, known: Known, policy: Policy, now: int, findings: Findings) -> None:
        self._snapshot = snapshot
        self._known = known
        self._policy = policy
        self._now = now
        self._findings = findings

    def judge(self) -> tuple[CertificateView, ...]:
        """Return every certificate's view; what is wrong goes to the findings."""
        self._check_ends()
        self._check_sources()
        self._check_served()
        self._check_anchors()
        self._check_unknown()
        return tuple(sorted(self._views(), key=lambda one: (one.node, one.unit, one.store, one.not_after, one.sha256)))

    def _views(self) -> Iterator[CertificateView]:
        merged: dict[tuple[str, str, str], list[Seen]] = {}
        for one in self._known.seen:
            if not self._known.is_superseded(one):
                node = self._known.display(one.fact.node)
                merged.setdefault((node.casefold(), one.unit, one.sha256), []).append(one)
        for (_, unit, fingerprint), seen in merged.items():
            first = seen[0]
            certificate = first.certificate
            trusted = all(one.is_trusted_only for one in seen)
            yield CertificateView(
                node=self._known.display(first.fact.node),
                unit=unit,
                store="trust" if trusted else "identity",
                common_name=certificate.common_name,
                issuer=issuer_name(certificate),
                serial=f"{certificate.serial:X}",
                key=certificate.key_label,
                not_before=epoch(certificate.not_before),
                not_after=epoch(certificate.not_after),
                self_signed=is_self_signed(certificate),
                client_auth=client_auth(certificate),
                sha256=fingerprint,
                sources=tuple(dict.fromkeys(one.fact.source for one in seen)),
                served=None if trusted else self._is_served(seen, unit),
            )

    def _is_served(self, seen: list[Seen], unit: str) -> bool | None:
        """Tell whether ports present a certificate; None where none was looked at while it was there."""
        node = seen[0].fact.node
        presented = self._now_presented(node, unit)
        if any(one.sha256 == seen[0].sha256 for one in presented):
            return True
        # A port that presents the other one of RSA and ECDSA says nothing about this one.
        other = self._known.listed(node, f"{unit}{_RSA}")
        wrong = [one for one in presented if other is None or one.sha256 != other.sha256]
        return False if any(_at_one_time(one, mine) for one in wrong for mine in seen) else None

    def _now_presented(self, node: str, unit: str) -> list[Seen]:
        """Return what ports of a unit present that answered at the last look."""
        silent = {(state.node.casefold(), state.port) for state in self._snapshot.ports if state.fault is not None}
        return [
            one for one in self._known.presented(node, unit) if (one.fact.node.casefold(), one.fact.place) not in silent
        ]

    def _check_ends(self) -> None:
        for one in self._known.own():
            certificate, node, unit = one.certificate, self._known.display(one.fact.node), one.unit
            left = epoch(certificate.not_after) - self._now
            if left > self._policy.expiring_warning:
                continue
            severity = FindingSeverity.CRITICAL if left <= self._policy.expiring_critical else FindingSeverity.WARNING
            code = ClusterCode.CERTIFICATE_EXPIRED if left < 0 else ClusterCode.CERTIFICATE_EXPIRING
            base = unit.removesuffix(_RSA)
            self._findings.add(
                code,
                severity,
                f"{unit} of {node} {ends(self._now, epoch(certificate.not_after))}"
                f"{'' if one.is_listed else f', as its port {one.fact.place} presents it'}.",
                _SO_WHAT.get(base, "When it has ended, what uses it is not trusted any more."),
                _DO.get(base, "Renew it on the node"),
                f"ctlctl cert list {self._findings.cluster}",
                subject=f"{node}/{unit}",
                evidence={
                    "common_name": certificate.common_name,
                    "serial": f"{certificate.serial:X}",
                    "not_after": epoch(certificate.not_after),
                    "source": one.fact.source.value,
                    "last_seen": one.fact.last_seen,
                },
            )

    def _check_sources(self) -> None:
        """Report what a node has installed by one source, and not by another that looked at the same time."""
        for each in self._known.disagreements:
            one, other = each.believed, each.other
            node, unit = self._known.display(one.fact.node), one.unit
            self._findings.add(
                ClusterCode.CERTIFICATE_SOURCES_DISAGREE,
                FindingSeverity.WARNING,
                f"Sources disagree about the {unit} certificate of {node}: {self._word(one)}; {self._word(other)}.",
                f"Lists and ends are judged by {_SAYS[one.fact.source]}; if that is wrong, so is what is said of them.",
                f"On {node}: show cert own {unit}, and compare the serial number",
                "If only the database is behind: check replication, restart Cisco Certificate Change Notification",
                f"ctlctl cert list {self._findings.cluster}",
                subject=f"{node}/{unit}",
                evidence={
                    "believed": one.fact.source.value,
                    "believed_sha256": one.sha256,
                    "believed_last_seen": one.fact.last_seen,
                    "other": other.fact.source.value,
                    "other_sha256": other.sha256,
                    "other_last_seen": other.fact.last_seen,
                },
            )

    def _word(self, one: Seen) -> str:
        certificate = one.certificate
        return (
            f"{_SAYS[one.fact.source]} has serial {certificate.serial:X}, valid from "
            f"{day(epoch(certificate.not_before))} (seen {ago(self._now, one.fact.last_seen)})"
        )

    def _check_served(self) -> None:
        done: set[tuple[str, str]] = set()
        for one in self._known.own():
            node, unit = one.fact.node, one.unit
            if one.is_listed or (node.casefold(), unit) in done:
                continue
            done.add((node.casefold(), unit))
            # A port presents the one or the other, as the client can.
            right = [self._known.listed(node, name) for name in (unit, f"{unit}{_RSA}")]
            installed = [found for found in right if found is not None]
            good = {found.sha256 for found in installed}
            wrong = [
                shown
                for shown in self._now_presented(node, unit)
                if shown.sha256 not in good and all(_at_one_time(shown, found) for found in installed)
            ]
            if installed and wrong:
                self._differs(node, unit, wrong, installed[0])

    def _differs(self, node: str, unit: str, wrong: list[Seen], installed: Seen) -> None:
        ports = sorted({one.fact.place for one in wrong})
        shown, right = wrong[0].certificate, installed.certificate
        renewed = shown.not_before < right.not_before
        how = "an older" if renewed else "another"
        port: list[Json] = list(ports)
        so_what = (
            "Lists name the installed one, so that phones which took them do not trust this port."
            if unit != TOMCAT
            else "Whoever pins the installed one is refused, or somebody else answers there."
        )
        do = "Find out who answers on that port before anything else"
        if renewed:
            so_what = _MEANWHILE.get(unit, so_what).format(node=node)
            do = _RESTART.get(unit, "Restart the service behind the port").format(node=node)
        self._findings.add(
            ClusterCode.RENEWED_NOT_RESTARTED if renewed else ClusterCode.SERVED_DIFFERS,
            FindingSeverity.WARNING,
            f"{node} presents {how} {unit} certificate on {listed(ports)} (serial {shown.serial:X}, valid from "
            f"{day(epoch(shown.not_before))}) than is installed (serial {right.serial:X}, valid from "
            f"{day(epoch(right.not_before))}){': the service was not restarted' if renewed else ''}.",
            so_what,
            do,
            f"ctlctl cert list {self._findings.cluster}",
            subject=f"{node}/{unit}",
            evidence={
                "ports": port,
                "served_sha256": wrong[0].sha256,
                "installed_sha256": installed.sha256,
                "installed_by": installed.fact.source.value,
                "first_seen": wrong[0].fact.first_seen,
            },
            count=len(ports),
        )

    def _check_anchors(self) -> None:
        """Report anchors of a node that end close together, and soon."""
        recovery = self._known.itl_recovery
        pairs: list[tuple[int, str]] = []
        for node in self._known.nodes:
            anchors = [self._known.installed(node.name, unit) for unit in (CALLMANAGER, TVS)]
            for one, other in combinations([*(found for found in anchors if found is not None), *recovery], 2):
                if one.unit == other.unit:
                    continue
                times = sorted((epoch(one.certificate.not_after), epoch(other.certificate.not_after)))
                if times[1] - times[0] <= self._policy.anchors_together and times[0] - self._now < _ANCHORS_AHEAD:
                    pairs.append((times[0], f"{one.unit} and {other.unit} of {node.name}"))
        if not pairs:
            return
        first = min(pairs)[0]
        names: list[str] = list(dict.fromkeys(name for _, name in sorted(pairs)))
        shown: list[Json] = list(names)
        self._findings.add(
            ClusterCode.ANCHORS_EXPIRE_TOGETHER,
            FindingSeverity.WARNING,
            f"{listed(names)} end within {self._policy.anchors_together // DAY} days of each other; the first "
            f"{ends(self._now, first)}.",
            "Renewed in one go they lock every phone out: its list then names nobody who could vouch for the new ones.",
            "Renew one kind now, let every phone take the new lists, and only then renew the next",
            f"ctlctl cert list {self._findings.cluster}",
            evidence={"pairs": shown, "first_end": first},
            count=len(names),
        )

    def _check_unknown(self) -> None:
        """Report certificates that must be there and are not known: nobody can say when they end."""
        lacking = [f"{unit} of {node}" for node, unit in self._needed() if self._known.installed(node, unit) is None]
        unreadable = [f"{fact.place} of {fact.node} (cannot be read)" for fact in self._known.unreadable]
        names = list(dict.fromkeys([*lacking, *unreadable]))
        if not names:
            return
        shown: list[Json] = list(names[:50])
        self._findings.add(
            ClusterCode.CERTIFICATE_UNKNOWN,
            FindingSeverity.UNKNOWN,
            f"{count(len(names), 'certificate')} that should be there {'is' if len(names) == 1 else 'are'} not known: "
            f"{listed(names)}.",
            "When they end, and whether lists name them, nobody knows.",
            f"ctlctl cluster doctor {self._findings.cluster}",
            f"ctlctl cert list {self._findings.cluster}",
            evidence={"not_known": shown},
            count=len(names),
        )

    def _needed(self) -> Iterable[tuple[str, str]]:
        for node in self._known.nodes:
            yield node.name, TOMCAT
            services = node.services
            if services & {SERVICE_CALLMANAGER, SERVICE_TFTP}:
                yield node.name, CALLMANAGER
            if SERVICE_TVS in services:
                yield node.name, TVS
            if SERVICE_CAPF in services:
                yield node.name, CAPF


def _at_one_time(one: Seen, other: Seen) -> bool:
    """Tell whether both were there at one moment; a look before a renewal says nothing against one after it."""
    return max(one.fact.first_seen, other.fact.first_seen) <= min(one.fact.last_seen, other.fact.last_seen)
