"""Certificates of the nodes: views, ends, what ports present against what is installed, anchors that end together."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from ctlctl.assess.draft import Findings
from ctlctl.assess.known import (
    CALLMANAGER,
    CAPF,
    ITL_RECOVERY,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TVS,
    TOMCAT,
    TVS,
    Known,
    Seen,
    epoch,
    issuer_name,
)
from ctlctl.assess.model import CertificateView, ClusterCode, FindingSeverity, Json, Policy
from ctlctl.assess.words import DAY, count, day, ends, listed
from ctlctl.inventory.values import Snapshot
from ctlctl_trust import Certificate

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
        self._check_served()
        self._check_anchors()
        self._check_unknown()
        return tuple(sorted(self._views(), key=lambda one: (one.node, one.unit, one.store, one.not_after, one.sha256)))

    def _views(self) -> Iterator[CertificateView]:
        merged: dict[tuple[str, str, str], list[Seen]] = {}
        for one in self._known.seen:
            merged.setdefault((one.fact.node.casefold(), one.unit, one.sha256), []).append(one)
        for (_, unit, fingerprint), seen in merged.items():
            first = seen[0]
            certificate = first.certificate
            trusted = all(one.is_trusted_only for one in seen)
            served: bool | None = None
            presented = self._now_presented(first.fact.node, unit)
            if presented and not trusted:
                served = any(one.sha256 == fingerprint for one in presented)
            yield CertificateView(
                node=first.fact.node,
                unit=unit,
                store="trust" if trusted else "identity",
                common_name=certificate.common_name,
                issuer=issuer_name(certificate),
                serial=f"{certificate.serial:X}",
                key=certificate.key_label,
                not_before=epoch(certificate.not_before),
                not_after=epoch(certificate.not_after),
                self_signed=certificate.subject == certificate.issuer and certificate.self_signature is not False,
                client_auth=client_auth(certificate),
                sha256=fingerprint,
                sources=tuple(dict.fromkeys(one.fact.source for one in seen)),
                served=served,
            )

    def _now_presented(self, node: str, unit: str) -> list[Seen]:
        """Return what ports of a unit present that answered at the last look."""
        silent = {(state.node.casefold(), state.port) for state in self._snapshot.ports if state.fault is not None}
        return [
            one for one in self._known.presented(node, unit) if (one.fact.node.casefold(), one.fact.place) not in silent
        ]

    def _own(self) -> Iterator[Seen]:
        """Give each certificate that a node has or presents."""
        return (one for one in self._known.seen if not one.is_trusted_only)

    def _check_ends(self) -> None:
        for one in self._own():
            certificate, node, unit = one.certificate, one.fact.node, one.unit
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
                f"{'' if one.from_database else f', as its port {one.fact.place} presents it'}.",
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

    def _check_served(self) -> None:
        done: set[tuple[str, str]] = set()
        for one in self._own():
            node, unit = one.fact.node, one.unit
            if one.from_database or (node.casefold(), unit) in done:
                continue
            done.add((node.casefold(), unit))
            # A port presents the one or the other, as the client can.
            right = [self._known.in_database(node, name) for name in (unit, f"{unit}{_RSA}")]
            installed = [found for found in right if found is not None]
            wrong = [
                shown
                for shown in self._now_presented(node, unit)
                if shown.sha256 not in {found.sha256 for found in installed}
            ]
            if installed and wrong:
                self._differs(node, unit, wrong, installed[0])

    def _differs(self, node: str, unit: str, wrong: list[Seen], installed: Seen) -> None:
        ports = sorted({one.fact.place for one in wrong})
        shown, right = wrong[0].certificate, installed.certificate
        older = shown.not_before < right.not_before
        how = "an older" if older else "another"
        port: list[Json] = list(ports)
        self._findings.add(
            ClusterCode.SERVED_DIFFERS,
            FindingSeverity.WARNING,
            f"{node} presents {how} {unit} certificate on {listed(ports)} (serial {shown.serial:X}, valid from "
            f"{day(epoch(shown.not_before))}) than is installed (serial {right.serial:X}, valid from "
            f"{day(epoch(right.not_before))}).",
            "Lists name the installed one, so that phones which took them do not trust this port."
            if unit != TOMCAT
            else "Whoever pins the installed one is refused, or somebody else answers there.",
            "Restart the service behind the port, if the certificate was renewed"
            if older
            else "Find out who answers on that port before anything else",
            f"ctlctl cert list {self._findings.cluster}",
            subject=f"{node}/{unit}",
            evidence={
                "ports": port,
                "served_sha256": wrong[0].sha256,
                "installed_sha256": installed.sha256,
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


def client_auth(certificate: Certificate) -> bool | None:
    """Tell whether a certificate's extended key usage allows TLS clients; None where it has none, or is strange."""
    return None if certificate.odd is not None else _client_auth(certificate.der)


@lru_cache(maxsize=512)
def _client_auth(der: bytes) -> bool | None:
    try:
        usage = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (
        ValueError,
        TypeError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        UnsupportedAlgorithm,
    ):
        return None
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage
