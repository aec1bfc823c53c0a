"""The doctor's questions to the TLS ports of one node: who answers, and would phones believe it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ctlctl.cluster.access import identify, lifetime
from ctlctl.cluster.doctor_soap import row_of_error, row_of_identity
from ctlctl.cluster.labcheck import ADVICE, REFUSAL, is_lab_der
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import join_endpoint
from ctlctl.connectors.tls_probe import Presented, probe
from ctlctl_config.model import ClusterSettings, NodeSettings
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate
from ctlctl_trust.tlv import Role, role_name

#: Who may present a certificate on a port, as trust lists call them.
_ROLES: Final = {
    Interface.HTTPS: (Role.CCM_TFTP, Role.TFTP, Role.CCM),
    Interface.SIP: (Role.CCM_TFTP, Role.CCM),
    Interface.SCCP: (Role.CCM_TFTP, Role.CCM),
    Interface.TVS: (Role.TVS,),
    Interface.CAPF: (Role.CAPF,),
}
#: The service behind a port, by the name that AXL knows; the web server is always there.
SERVICES: Final = {
    Interface.HTTP: "Cisco Tftp",
    Interface.TFTP: "Cisco Tftp",
    Interface.HTTPS: "Cisco Tftp",
    Interface.HTTPS_FQDN: "Cisco Tftp",
    Interface.SIP: "Cisco CallManager",
    Interface.SCCP: "Cisco CallManager",
    Interface.TVS: "Cisco Trust Verification Service",
    Interface.CAPF: "Cisco Certificate Authority Proxy Function",
}
_SECURE_CALLS: Final = frozenset({Interface.SIP, Interface.SCCP})


@dataclass(frozen=True, slots=True)
class PortDoctor:
    """Asks the TLS ports of the nodes of one cluster.

    Attributes:
        name: the cluster's name.
        cluster: its settings.
        trusted: what the lists that phones hold vouch for, DER by role; empty where no list could be had.
        in_ctl: what the CTL alone vouches for, which is what counts for secure calls in mixed mode.
        active: which services are activated, by node in lower case; None where AXL could not be asked.
        is_mixed: whether the cluster is in mixed mode; None for unknown.
        now: instant to judge validity at; aware.
    """

    name: str
    cluster: ClusterSettings
    trusted: Mapping[Role, frozenset[bytes]]
    in_ctl: Mapping[Role, frozenset[bytes]]
    active: Mapping[str, frozenset[str]] | None
    is_mixed: bool | None
    now: datetime

    def ask(self, node: NodeSettings, interface: Interface, port: int) -> tuple[Row, Presented | None]:
        """Look at one port; the second is what it presented."""
        endpoint = join_endpoint(node.host, port)
        place = Place(self.name, node.name, f"{interface.value} on port {port}")
        seconds = max(self.cluster.phones.probe_timeout_seconds, 1.0)
        try:
            if interface in {Interface.TOMCAT, Interface.HTTPS_FQDN}:
                identity = identify(self.cluster, node, node.host, port, seconds, place)
                return row_of_identity(interface, identity, self.now, endpoint, node.name), identity.presented
            presented = probe(node.host, port, seconds, place=place)
        except ConnectorError as error:
            return self.excused(row_of_error(interface, error, endpoint, node.name)), None
        return self._compare(node, interface, endpoint, presented), presented

    def excused(self, row: Row) -> Row:
        """Return the row of a port that does not answer; one whose service is not activated need not."""
        if row.node is None or row.fault not in {ConnectorFault.UNREACHABLE.value, ConnectorFault.TIMEOUT.value}:
            return row
        service = SERVICES.get(row.interface)
        active = None if self.active is None else self.active.get(row.node.lower())
        why = None
        if service is not None and active is not None and service not in active:
            why = f"{service} is not activated on this node"
        elif row.interface in _SECURE_CALLS and self.is_mixed is False:
            why = "the cluster is not in mixed mode"
        if why is None:
            return row
        return replace(row, status=Status.ABSENT, message=f"nothing there: {why}", fault=None, advice=None)

    def _compare(self, node: NodeSettings, interface: Interface, endpoint: str, presented: Presented) -> Row:
        certificate: Certificate | None = None
        try:
            certificate = read_certificate(presented.leaf)
            name = certificate.common_name
        except CertificateError as error:
            name = f"a certificate that cannot be read ({error})"
        ends, worrying = lifetime(certificate, self.now)
        row = Row(
            interface=interface,
            status=Status.WARNING if worrying else Status.OK,
            message=f"{name} ({ends})",
            node=node.name,
            endpoint=endpoint,
            reachable=True,
            identity="in-trust-list",
            sha256=presented.fingerprint,
            version=presented.tls_version,
            advice="Renew the certificate, then the lists, one thing at a time" if worrying else None,
        )
        if not self.cluster.lab and any(is_lab_der(der) for der in presented.chain):
            return replace(row, status=Status.FAILED, identity="refused-lab", message=REFUSAL, advice=ADVICE)
        if interface in _SECURE_CALLS and self.is_mixed is False:
            # A non-secure cluster has no CTL, and its ITLs name the TFTP nodes only.
            return replace(row, identity="unverified", message=f"{row.message}; no phone uses it: not in mixed mode")
        # A phone that holds a CTL believes CallManager by the CTL alone.
        by_ctl = interface in _SECURE_CALLS and self.is_mixed is True and self.in_ctl
        wanted = set(_ROLES[interface])
        if wanted & _roles(presented.leaf, self.in_ctl if by_ctl else self.trusted):
            return row
        roles = _roles(presented.leaf, self.trusted)
        if by_ctl and roles & wanted:
            # The ITL has followed a renewal by itself; the CTL waits for somebody to update it.
            roles = set()
        what = "the CTL does not have" if by_ctl else "no list has"
        is_rsa = certificate is None or "RSA" in certificate.key_label
        return self._stranger(row, presented, roles, what, is_rsa=is_rsa)

    def _stranger(self, row: Row, presented: Presented, roles: set[Role], what: str, *, is_rsa: bool) -> Row:
        """Judge a port whose certificate no list has in the role that it should have."""
        wanted = role_name(_ROLES[row.interface][0])
        if not self.trusted:
            message = f"{row.message}; not compared: no trust list could be had (SHA-256 {presented.fingerprint})"
            return replace(row, status=Status.WARNING, identity="unverified", message=message)
        if roles:
            found = ", ".join(map(role_name, sorted(roles)))
            message = f"{row.message}: the lists have this certificate as {found}, not as {wanted}"
            advice = "The wrong certificate is installed, or another service answers: look at the node"
            return replace(row, status=Status.FAILED, identity="mismatch", message=message, advice=advice)
        # Phones ask TVS about what their lists do not have; only secure calls need the CTL itself. Lists have the EC
        # certificates of newer releases only where those are in use.
        failed = row.interface in _SECURE_CALLS and self.is_mixed is True and is_rsa
        return replace(
            row,
            status=Status.FAILED if failed else Status.WARNING,
            identity="mismatch" if failed else "unverified",
            message=f"{row.message}: {what} this certificate as {wanted} (SHA-256 {presented.fingerprint})",
            advice="Update the lists (utils ctl update CTLFile in mixed mode), restart Cisco Tftp, reset the phones",
        )


def _roles(der: bytes, trusted: Mapping[Role, frozenset[bytes]]) -> set[Role]:
    return {role for role, ders in trusted.items() if der in ders}
