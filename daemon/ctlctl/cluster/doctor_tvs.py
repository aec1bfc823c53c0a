"""The doctor's questions to TVS: does each node know the CallManager certificates that are in use."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.tls_probe import Presented
from ctlctl.inventory.collect_tvs import read_tvs
from ctlctl.inventory.words import Fault
from ctlctl_config.model import NodeSettings
from ctlctl_trust.tlv import Role

_HOW_TO_KNOW: Final = (
    "Compare CallManager-trust of this node with the publisher's, wait for replication, then restart Cisco Trust "
    "Verification Service there"
)
# What only the service of that node can be blamed for; anything else may be our way of asking.
_ITS_OWN: Final = frozenset({ConnectorFault.TIMEOUT.value, ConnectorFault.UNREACHABLE.value})
_SECURE_CALLS: Final = (Interface.SIP, Interface.SCCP)


@dataclass(frozen=True, slots=True)
class TvsDoctor:
    """Asks the TVS of nodes of one cluster.

    Attributes:
        name: the cluster's name.
        believed: certificates of the lists' TVS records, DER.
        in_use: certificates that ports for secure calls present, DER, and the nodes that do.
    """

    name: str
    believed: frozenset[bytes]
    in_use: Mapping[bytes, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of(
        cls, name: str, listed: Mapping[Role, frozenset[bytes]], presented: Mapping[tuple[str, Interface], Presented]
    ) -> "TvsDoctor":
        """Return the doctor of a cluster.

        Args:
            name: the cluster's name.
            listed: what verified lists vouch for, DER by role.
            presented: what was seen, by node and port.
        """
        # A port that presents what belongs to another service is in trouble of its own.
        others = listed.get(Role.TVS, frozenset()) | listed.get(Role.CAPF, frozenset())
        in_use: dict[bytes, tuple[str, ...]] = {}
        for (node, interface), seen in presented.items():
            if interface in _SECURE_CALLS and seen.leaf not in others and node not in in_use.get(seen.leaf, ()):
                in_use[seen.leaf] = (*in_use.get(seen.leaf, ()), node)
        return cls(name, listed.get(Role.TVS, frozenset()), in_use)

    def asked(self, node: NodeSettings, row: Row) -> Row:
        """Return the row of a TVS port with what the service says; only one that may be believed is asked."""
        if row.identity != "in-trust-list" or row.status not in {Status.OK, Status.WARNING} or not self.in_use:
            return row
        ((_, said),) = read_tvs(self.name, (node,), self.believed, self.in_use)
        if isinstance(said, Fault):
            return replace(
                row,
                status=Status.FAILED if said.kind in _ITS_OWN else Status.WARNING,
                message=f"{row.message}; asked about certificates, it gives no answer: {said.detail}",
                fault=said.kind,
                advice=said.advice,
            )
        known = {one.sha256 for one in said if one.known}
        unknown = {one.sha256 for one in said if not one.known}
        count = f"{len(known)} of {len(self.in_use)} CallManager certificates in use"
        if not unknown:
            return replace(row, message=f"{row.message}; knows {count}")
        whose = ", ".join(
            f"that of {', '.join(nodes)} (SHA-256 {sha256(der).digest().hex(':').upper()})"
            for der, nodes in self.in_use.items()
            if sha256(der).hexdigest() in unknown
        )
        message = f"{row.message}; knows {count}, not {whose}"
        return replace(row, status=Status.FAILED, message=message, advice=_HOW_TO_KNOW)
