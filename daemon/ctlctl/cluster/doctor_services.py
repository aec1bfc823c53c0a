"""The doctor's questions to each node's Control Center and certificate API."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from ctlctl.cluster.doctor_soap import Learned, not_asked, row_of_error
from ctlctl.cluster.nodeaccess import open_certificate_api, open_control_center
from ctlctl.cluster.roles import READER_ROLES, missing_roles
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.axl_enums import NodeRole
from ctlctl.connectors.certificate_api_ports import CertificateSnapshot
from ctlctl.connectors.control_center_ports import ServiceState, ServiceStatus
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import join_endpoint
from ctlctl.connectors.secret import Secret
from ctlctl.inventory.each_node import each_node, web_nodes
from ctlctl.inventory.words import Fault
from ctlctl_config.model import AccountTable, ClusterSettings, NodeSettings
from ctlctl_config.secretfiles import SecretError

#: First release that has the certificate API.
_API_SINCE: Final = 14
_PUT_PASSWORD: Final = "Put the password there, mode 0600"  # noqa: S105 - advice
_NO_PLATFORM: Final = "Own and trusted certificates of nodes before their restart are seen only with a platform account"

_T = TypeVar("_T")


def ask_services(name: str, cluster: ClusterSettings, learned: Learned) -> Iterator[Row]:
    """Ask Control Center of every node how its services are.

    Args:
        name: the cluster's name.
        cluster: its settings.
        learned: what AXL told.

    Yields:
        One row for each node, or one for the cluster where none can be asked.
    """
    interface = Interface.CONTROL_CENTER
    if not cluster.control_center.enabled:
        message = "not asked: control_center.enabled = false in the settings"
        yield Row(interface=interface, status=Status.ABSENT, message=message)
        return
    if learned.version is None:
        # Whatever keeps AXL from answering, a wrong password may be the reason, and each further try counts.
        yield not_asked(interface, "needs the same user as AXL, which does not answer")
        return
    password = _password(cluster.axl, interface)
    if isinstance(password, Row):
        yield password
        return

    def ask(node: NodeSettings) -> tuple[ServiceStatus, ...]:
        with open_control_center(name, cluster, node, password, patience_seconds=0) as client:
            return client.services()

    for node, answer in _answers(cluster, learned, ask):
        row = _row(name, interface, node, answer)
        if isinstance(answer, Fault):
            if row.fault == ConnectorFault.THROTTLED.value:
                row = replace(row, status=Status.WARNING, credentials=True, rights=True)
            elif row.fault == ConnectorFault.RIGHTS.value:
                row = replace(row, advice=missing_roles(READER_ROLES))
            yield row
        else:
            yield _services_row(row, answer, _activated(learned, node))


def _activated(learned: Learned, node: NodeSettings) -> frozenset[str]:
    found = learned.services or ()
    return frozenset(one.service for one in found if one.is_active and one.node.lower() == node.name.lower())


def _services_row(row: Row, services: tuple[ServiceStatus, ...], activated: frozenset[str]) -> Row:
    running = [one.name for one in services if one.state is ServiceState.STARTED]
    idle = [one for one in services if one.name in activated and one.state is not ServiceState.STARTED]
    asleep = sum(one.activated is False for one in services)
    message = f"{len(running)} services run, {asleep} are not activated"
    if not idle:
        return replace(row, message=message)
    said = "; ".join(f"{one.name} ({one.reason or one.state or 'no reason told'})" for one in idle)
    return replace(
        row,
        status=Status.WARNING,
        message=f"{message}; activated, but not running: {said}",
        advice="Start what should run (Control Center, or utils service start), or deactivate what should not",
    )


def ask_certificates(name: str, cluster: ClusterSettings, learned: Learned) -> Iterator[Row]:
    """Ask the certificate API of every node what it lists; arguments and rows as `ask_services`."""
    interface = Interface.CERTIFICATE_API
    platform = cluster.platform
    if platform is None or not platform.certificate_api:
        message = "no platform account in the settings" if platform is None else "platform.certificate_api = false"
        advice = _NO_PLATFORM if platform is None else None
        yield Row(interface=interface, status=Status.ABSENT, message=f"not asked: {message}", advice=advice)
        return
    password = _password(platform, interface)
    if isinstance(password, Row):
        yield password
        return
    username = platform.username

    def ask(node: NodeSettings) -> CertificateSnapshot:
        with open_certificate_api(name, cluster, node, username, password) as client:
            return client.snapshot()

    for node, answer in _answers(cluster, learned, ask):
        row = _row(name, interface, node, answer)
        if not isinstance(answer, Fault):
            yield _snapshot_row(row, answer)
        elif row.fault == ConnectorFault.UNSUPPORTED.value and _is_before(learned, _API_SINCE):
            message = f"nothing there: CUCM has it from {_API_SINCE} on"
            yield replace(row, status=Status.ABSENT, message=message, fault=None, advice=None)
        else:
            yield row


def _is_before(learned: Learned, major: int) -> bool:
    first = "" if learned.version is None else learned.version.cluster.partition(".")[0]
    return first.isdecimal() and int(first) < major


def _snapshot_row(row: Row, snapshot: CertificateSnapshot) -> Row:
    places = Counter(one.place for one in snapshot.certificates)
    stores = len({one.store for one in snapshot.certificates if one.place == "trust"})
    message = f"{places['own']} own certificates, {places['trust']} in {stores} trust stores"
    if snapshot.requests:
        message += f"; waiting for the answer to a signing request: {', '.join(snapshot.requests)}"
    if not snapshot.unread:
        return replace(row, message=message)
    first, count = snapshot.unread[0], len(snapshot.unread)
    where = f"{first.store}: " if first.store else ""
    parts = "1 part" if count == 1 else f"{count} parts"
    return replace(
        row,
        status=Status.WARNING,
        message=f"{message}; {parts} of the answer cannot be read ({where}{first.reason})",
        advice="Compare with show cert list on the node; what is missing here is not judged",
    )


def _password(account: AccountTable, interface: Interface) -> Secret | Row:
    try:
        return Secret(account.read_password().get_secret_value())
    except SecretError as error:
        return Row(interface=interface, status=Status.FAILED, message=str(error), advice=_PUT_PASSWORD)


def _answers(
    cluster: ClusterSettings, learned: Learned, ask: Callable[[NodeSettings], _T]
) -> Iterator[tuple[NodeSettings, _T | Fault]]:
    others = [node.name for node in learned.nodes or () if node.role is NodeRole.PRESENCE]
    asked = web_nodes(cluster.nodes, others)
    yield from zip(asked, (answer for _, answer in each_node(asked, ask)), strict=True)


def _row(name: str, interface: Interface, node: NodeSettings, answer: object) -> Row:
    """Return the row of an answer, to be filled in, or of what went wrong."""
    endpoint = join_endpoint(node.host, node.ports.tomcat)
    if isinstance(answer, Fault):
        place = Place(name, node.name, interface.value)
        kind = ConnectorFault(answer.kind)
        return row_of_error(
            interface, ConnectorError(kind, answer.detail, place=place, advice=answer.advice), endpoint, node.name
        )
    return Row(
        interface=interface,
        status=Status.OK,
        message="",
        node=node.name,
        endpoint=endpoint,
        reachable=True,
        credentials=True,
        rights=True,
    )


def by_node(rows: Iterable[Row]) -> dict[str | None, list[Row]]:
    """Return rows by the name of their node; None for the cluster's own."""
    found: dict[str | None, list[Row]] = {}
    for row in rows:
        found.setdefault(row.node, []).append(row)
    return found
