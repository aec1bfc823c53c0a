"""`ctlctl cluster doctor`: every interface of one cluster, asked once, read only."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import zip_longest
from typing import Final

from ctlctl.cluster.doctor_lists import Judge, Served, ask_transport, compare_ctls
from ctlctl.cluster.doctor_phones import SAMPLE_NAMES, look_at_phones
from ctlctl.cluster.doctor_ports import PortDoctor
from ctlctl.cluster.doctor_services import by_node
from ctlctl.cluster.doctor_soap import Learned, SoapDoctor
from ctlctl.cluster.doctor_tvs import TvsDoctor
from ctlctl.cluster.rows import Interface, Report, Row, Status
from ctlctl.cluster.view import ClusterView
from ctlctl.connectors.axl_enums import NodeRole
from ctlctl.connectors.axl_values import KnownCertificate, SecurityMode
from ctlctl.connectors.ports import TlsTrust, join_endpoint
from ctlctl.verify.loading import pem_blocks
from ctlctl_config.model import ClusterSettings, NodeSettings
from ctlctl_trust.tlv import Role

#: Ports asked at the same time; a node is asked about a dozen.
_THREADS: Final = 16
_PLAIN: Final = (Interface.HTTP, Interface.TFTP)
_SECURE_FILES: Final = (Interface.HTTPS, Interface.HTTPS_FQDN)
_TLS_PORTS: Final = (Interface.TOMCAT, Interface.SIP, Interface.SCCP, Interface.TVS, Interface.CAPF)

OpenView = Callable[[str, ClusterSettings], ClusterView]
#: Asks every node one more thing, from what AXL told; a row without a node is about the cluster.
AskNodes = Callable[[str, ClusterSettings, Learned], Iterable[Row]]


def examine(
    name: str, cluster: ClusterSettings, open_view: OpenView, now: datetime, ask_nodes: Sequence[AskNodes] = ()
) -> Report:
    """Ask every configured interface of a cluster. Blocks; nothing is changed anywhere.

    Args:
        name: the cluster's name.
        cluster: its settings.
        open_view: opens AXL and RIS.
        now: instant to judge validity at; aware.
        ask_nodes: what needs a login on each node; every one is asked at the same time as the others.

    Returns:
        One row per interface, whatever goes wrong.
    """
    soap = SoapDoctor(name, cluster, open_view, now)
    rows, learned, view = soap.examine(SAMPLE_NAMES)
    if view is not None:
        view.close()
    order = list(Interface)
    rows.sort(key=lambda row: order.index(row.interface))
    if learned.nodes is not None:
        rows.append(_compare_nodes(cluster, [node.name for node in learned.nodes if _serves_phones(node.role)]))
    with ThreadPoolExecutor(_THREADS, "doctor") as pool:
        phones = pool.submit(look_at_phones, name, cluster, learned.registrations)
        asked = [pool.submit(_listed, ask, name, cluster, learned) for ask in ask_nodes]
        ports = list(_Nodes(name, cluster, learned, now).examine(pool))
        more = by_node(row for future in asked for row in future.result())
        rows += more.pop(None, ())
        rows += _with_more(ports, more)
        rows += phones.result()
    return Report(name, now, tuple(rows))


def _listed(ask: AskNodes, name: str, cluster: ClusterSettings, learned: Learned) -> list[Row]:
    return list(ask(name, cluster, learned))


def _with_more(rows: Sequence[Row], more: Mapping[str | None, Sequence[Row]]) -> Iterator[Row]:
    """Give rows, and behind the last of each node what else is said of it."""
    for row, following in zip_longest(rows, rows[1:]):
        yield row
        if row.node is not None and (following is None or following.node != row.node):
            yield from more.get(row.node, ())
    nodes = {row.node for row in rows}
    for node, others in more.items():
        if node not in nodes:
            yield from others


def _serves_phones(role: object) -> bool:
    # IM and Presence nodes are in the cluster too, but have none of these services.
    return role is not NodeRole.PRESENCE


def _compare_nodes(cluster: ClusterSettings, names: Sequence[str]) -> Row:
    """Say whether the settings name the nodes that the cluster has."""
    there, here = {name.lower(): name for name in names}, {node.name.lower(): node.name for node in cluster.nodes}
    missing = sorted(there[key] for key in there.keys() - here.keys())
    strange = sorted(here[key] for key in here.keys() - there.keys())
    row = Row(interface=Interface.NODES, status=Status.OK, message="", reachable=True)
    if strange:
        message = f"the cluster has no node {', '.join(strange)}; it has {', '.join(sorted(names))}"
        return _with(row, Status.FAILED, message, "Write the names as the cluster has them (listProcessNode)")
    if missing:
        message = f"not in the settings: {', '.join(missing)}"
        return _with(row, Status.WARNING, message, "Add a [[clusters.NAME.nodes]] table for each; see docs/cluster.md")
    return _with(row, Status.OK, f"every node of the cluster is in the settings ({len(names)})", None)


def _with(row: Row, status: Status, message: str, advice: str | None) -> Row:
    return Row(interface=row.interface, status=status, message=message, reachable=row.reachable, advice=advice)


class _Nodes:
    """The questions to the nodes: lists first, because they say which certificates the other ports may present."""

    def __init__(self, name: str, cluster: ClusterSettings, learned: Learned, now: datetime) -> None:
        self._name = name
        self._cluster = cluster
        self._now = now
        mode = None if learned.security is None else learned.security.mode
        self._is_mixed = None if mode is None else mode is SecurityMode.MIXED
        self._known = None if learned.certificates is None else frozenset(_ders(learned.certificates))
        self._active: dict[str, frozenset[str]] | None = None
        if learned.services is not None:
            self._active = {}
            for node in self._cluster.nodes:
                key = node.name.lower()
                services = (one.service for one in learned.services if one.node.lower() == key and one.is_active)
                self._active[key] = frozenset(services)

    def examine(self, pool: ThreadPoolExecutor) -> Iterator[Row]:
        tftp_nodes = [node for node in self._cluster.nodes if node.tftp]
        plain = {
            (node.name, interface): pool.submit(ask_transport, node, interface, port)
            for node in tftp_nodes
            for interface, port in _ports(node, _PLAIN)
        }
        judge = Judge(self._now, self._cluster.lab, self._is_mixed, self._known)
        served = {key: future.result() for key, future in plain.items()}
        lists = [
            judge.lists(node, [served[node.name, interface] for interface, _ in _ports(node, _PLAIN)])
            for node in tftp_nodes
        ]
        ctl = _union(one.certificates.get("CTLFile.tlv", {}) for one in lists)
        both = _union(each for one in lists for each in one.certificates.values())
        ports = PortDoctor(self._name, self._cluster, both, ctl, self._active, self._is_mixed, self._now)
        secure = {
            (node.name, interface): pool.submit(_ask_secure_files, ports, node, interface, port)
            for node in tftp_nodes
            for interface, port in _ports(node, _SECURE_FILES)
        }
        others = {
            (node.name, interface): pool.submit(ports.ask, node, interface, port)
            for node in self._cluster.nodes
            for interface, port in _ports(node, _TLS_PORTS)
        }
        compared = compare_ctls(lists)
        if compared is not None:
            yield compared
        by_name = {one.node: one for one in lists}
        seen = {key: presented for key, future in others.items() if (presented := future.result()[1]) is not None}
        tvs = TvsDoctor.of(self._name, both, seen)
        answers = {
            node.name: pool.submit(tvs.asked, node, others[node.name, Interface.TVS].result()[0])
            for node in self._cluster.nodes
            if node.ports.tvs
        }
        for node in self._cluster.nodes:
            if node.tftp:
                for interface, _ in _ports(node, _PLAIN):
                    yield ports.excused(served[node.name, interface].row)
                for interface, _ in _ports(node, _SECURE_FILES):
                    yield secure[node.name, interface].result()
                yield from by_name[node.name].rows
            for interface, _ in _ports(node, _TLS_PORTS):
                is_tvs = interface is Interface.TVS
                yield answers[node.name].result() if is_tvs else others[node.name, interface].result()[0]


def _ask_secure_files(ports: PortDoctor, node: NodeSettings, interface: Interface, port: int) -> Row:
    """Look at who answers, then fetch from exactly that one."""
    row, presented = ports.ask(node, interface, port)
    if presented is None or row.status is Status.FAILED:
        return row
    files: Served = ask_transport(node, interface, port, TlsTrust(sha256_pin=presented.sha256))
    if files.row.status is not Status.OK:
        return files.row
    return Row(
        interface=interface,
        status=row.status,
        message=f"{row.message}; {files.row.message}",
        node=node.name,
        endpoint=join_endpoint(node.host, port),
        reachable=True,
        identity=row.identity,
        sha256=row.sha256,
        version=row.version,
        advice=row.advice,
    )


def _ports(node: NodeSettings, interfaces: Iterable[Interface]) -> list[tuple[Interface, int]]:
    """Return the interfaces that a node has, with their ports; 0 says that it has one not."""
    found = ((interface, getattr(node.ports, interface.value.replace("-", "_"))) for interface in interfaces)
    return [(interface, port) for interface, port in found if port]


def _union(tables: Iterable[dict[Role, frozenset[bytes]]]) -> dict[Role, frozenset[bytes]]:
    found: dict[Role, frozenset[bytes]] = {}
    for table in tables:
        for role, ders in table.items():
            found[role] = found.get(role, frozenset()) | ders
    return found


def _ders(certificates: Iterable[KnownCertificate]) -> Iterator[bytes]:
    for certificate in certificates:
        for label, der in pem_blocks(certificate.pem.encode()):
            if label == "CERTIFICATE":
                yield der
