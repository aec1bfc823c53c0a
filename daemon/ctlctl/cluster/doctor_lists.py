"""The doctor's questions to the TFTP service of one node: every transport, and the lists that it serves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.fetch import fetch
from ctlctl.connectors.ports import (
    FetchError,
    FetchFault,
    FetchLimits,
    FetchTarget,
    Scheme,
    TlsTrust,
    join_endpoint,
)
from ctlctl_config.model import NodeSettings
from ctlctl_trust.certificate import Certificate
from ctlctl_trust.codes import Severity
from ctlctl_trust.tlv import Role
from ctlctl_trust.verify import ListReport, Policy, verify_trust_list

#: Seconds for one file; a list of 64 KiB takes a fraction of one.
FETCH_SECONDS: Final = 10.0

ListName: TypeAlias = Literal["CTLFile.tlv", "ITLFile.tlv"]
LIST_NAMES: Final[tuple[ListName, ...]] = ("ITLFile.tlv", "CTLFile.tlv")

_SCHEMES: Final[dict[Interface, Scheme]] = {
    Interface.HTTP: "http",
    Interface.TFTP: "tftp",
    Interface.HTTPS: "https",
    Interface.HTTPS_FQDN: "https",
}
#: Faults that mean that something did answer.
_ANSWERED: Final = frozenset(FetchFault) - {FetchFault.UNRESOLVED, FetchFault.UNREACHABLE, FetchFault.TIMEOUT}


@dataclass(frozen=True, slots=True)
class Served:
    """What one transport gave: bytes by name; None for a file that is not there. Empty if it does not work."""

    row: Row
    files: dict[ListName, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeLists:
    """The lists of one node.

    Attributes:
        node: its name.
        files: bytes by name, None for none; empty if nothing could be had.
        certificates: what the lists hold, DER by role, by list.
        rows: what is to be said of them.
    """

    node: str
    files: dict[ListName, bytes | None]
    certificates: dict[ListName, dict[Role, frozenset[bytes]]]
    rows: tuple[Row, ...] = ()


def ask_transport(node: NodeSettings, interface: Interface, port: int, trust: TlsTrust | None = None) -> Served:
    """Fetch both lists over one transport.

    Args:
        node: the node.
        interface: HTTP, TFTP, HTTPS or HTTPS_FQDN.
        port: where.
        trust: how an HTTPS server proves itself; None for the other transports.
    """
    endpoint = join_endpoint(node.host, port)
    limits = FetchLimits(deadline_seconds=FETCH_SECONDS)
    files: dict[ListName, bytes | None] = {}
    for name in LIST_NAMES:
        try:
            target = FetchTarget(_SCHEMES[interface], node.host, port, name)
            files[name] = fetch(target, limits, trust or TlsTrust())
        except FetchError as error:
            if error.fault is not FetchFault.NOT_FOUND:
                return Served(_failed(node, interface, endpoint, name, error))
            files[name] = None
    served = ", ".join(f"{name} {_size(files[name])}" for name in LIST_NAMES)
    # CUCM makes an ITL wherever its TFTP service runs, since 8.0; a CTL is there in mixed mode only.
    whole = bool(files["ITLFile.tlv"])
    row = Row(
        interface=interface,
        status=Status.OK if whole else Status.FAILED,
        message=served,
        node=node.name,
        endpoint=endpoint,
        reachable=True,
        advice=None if whole else "Check the Cisco Tftp and Cisco Trust Verification Service there",
    )
    return Served(row, files)


def _failed(node: NodeSettings, interface: Interface, endpoint: str, name: str, error: FetchError) -> Row:
    return Row(
        interface=interface,
        status=Status.FAILED,
        message=f"{name}: {error.detail}",
        node=node.name,
        endpoint=endpoint,
        reachable=error.fault in _ANSWERED,
        fault=error.fault.value,
        advice=error.advice,
    )


def _size(data: bytes | None) -> str:
    return "absent" if data is None else "empty" if not data else f"{len(data):,} B"


@dataclass(frozen=True, slots=True)
class Judge:
    """What lists are held against.

    Attributes:
        now: instant to judge at; aware.
        is_lab: whether the cluster is a lab.
        is_mixed: whether the cluster is in mixed mode; None for unknown.
        known: certificates that the cluster's database has, DER; None where it could not be asked.
    """

    now: datetime
    is_lab: bool
    is_mixed: bool | None
    known: frozenset[bytes] | None

    def lists(self, node: NodeSettings, served: Iterable[Served]) -> NodeLists:
        """Judge what a node's transports gave: all alike, each good, none of a lab."""
        working = [one for one in served if one.files]
        if not working:
            row = Row(
                interface=Interface.TRUST_LISTS,
                status=Status.UNKNOWN,
                message="not asked: no transport gives them",
                node=node.name,
            )
            return NodeLists(node.name, {}, {}, (row,))
        files = working[0].files
        words: list[str] = []
        problems: list[str] = []
        advice: str | None = None
        certificates: dict[ListName, dict[Role, frozenset[bytes]]] = {}
        for name in LIST_NAMES:
            if any(one.files[name] != files[name] for one in working):
                problems.append(f"{name} is not the same over every transport")
                advice = "Restart the Cisco Tftp service there"
            data = files[name]
            if not data:
                if name == "CTLFile.tlv" and self.is_mixed:
                    problems.append("there is no CTL, but the cluster is in mixed mode")
                    advice = "utils ctl update CTLFile on the publisher, then restart Cisco Tftp on every TFTP node"
                continue
            report = verify_trust_list(data, self.now, Policy(expected_name=name))
            said, bad = self._judge(name, report)
            (problems if bad else words).append(said)
            if bad:
                advice = advice or f"ctlctl verify http://{join_endpoint(node.host, node.ports.http)}/{name}"
            for certificate in report.certificates:
                if certificate is not None and is_lab(certificate) and not self.is_lab:
                    problems.append(f"{name}: {REFUSAL}")
                    advice = ADVICE
                    break
            certificates[name] = _certificates(report)
        row = Row(
            interface=Interface.TRUST_LISTS,
            status=Status.FAILED if problems else Status.OK,
            message="; ".join(problems + words),
            node=node.name,
            reachable=True,
            advice=advice,
        )
        return NodeLists(node.name, files, certificates, (row,))

    def _judge(self, name: str, report: ListReport) -> tuple[str, bool]:
        errors = [finding for finding in report.findings.listed if finding.severity is Severity.ERROR]
        if errors:
            return f"{name} is invalid: {errors[0].code}: {errors[0].message}", True
        candidate = None if report.signer is None else report.signer.candidate
        certificate = None if candidate is None else candidate.certificate
        if certificate is None:
            return f"{name}: nobody knows who signed it", True
        remarks = [finding.code.value for finding in report.findings.listed if finding.severity is Severity.WARNING]
        noted = f" ({', '.join(dict.fromkeys(remarks))})" if remarks else ""
        return f"{name} signed by {certificate.common_name}{self._vouched(certificate)}{noted}", False

    def _vouched(self, certificate: Certificate) -> str:
        """Say whether the database has the signer; that it has not proves nothing, its stores differ by version."""
        return ", whom the database knows" if self.known is not None and certificate.der in self.known else ""


def _certificates(report: ListReport) -> dict[Role, frozenset[bytes]]:
    if report.trust_list is None:
        return {}
    found: dict[Role, set[bytes]] = {}
    for record, certificate in zip(report.trust_list.records, report.certificates, strict=True):
        if certificate is not None and record.role_code in set(Role):
            found.setdefault(Role(record.role_code), set()).add(certificate.der)
    return {role: frozenset(ders) for role, ders in found.items()}


def compare_ctls(lists: Iterable[NodeLists]) -> Row | None:
    """Say whether every TFTP node serves the same CTL; None where fewer than two gave anything."""
    ctls = {one.node: one.files["CTLFile.tlv"] for one in lists if one.files}
    if len(ctls) < 2:
        return None
    if len(set(ctls.values())) == 1:
        what = "no CTL" if next(iter(ctls.values())) is None else "the same CTL"
        message = f"all {len(ctls)} TFTP nodes serve {what}"
        return Row(interface=Interface.CTL, status=Status.OK, message=message, reachable=True)
    groups: dict[bytes | None, list[str]] = {}
    for node, data in ctls.items():
        groups.setdefault(data, []).append(node)
    said = "; ".join(f"{', '.join(nodes)}: {_size(data)}" for data, nodes in groups.items())
    return Row(
        interface=Interface.CTL,
        status=Status.FAILED,
        message=f"the TFTP nodes serve different CTLs ({said})",
        reachable=True,
        advice="Restart the Cisco Tftp service on the nodes whose CTL is old (ctlctl trustlist diff shows which)",
    )
