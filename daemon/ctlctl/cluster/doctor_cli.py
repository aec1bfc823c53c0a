"""The doctor's questions to the platform CLI of each node: who answers, the login, and what the account may do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ctlctl.cluster.clisettings import cli_settings
from ctlctl.cluster.doctor_services import ask_certificates
from ctlctl.cluster.doctor_soap import Learned, not_asked, row_of_error
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.axl_enums import NodeRole
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.platform_cli import PlatformCli
from ctlctl.connectors.platform_cli_ports import INTERFACE
from ctlctl.connectors.ports import join_endpoint
from ctlctl.connectors.secret import Secret
from ctlctl.console import CommandRefusedError, ConsoleError, parse_cert_list
from ctlctl.inventory.each_node import each_node
from ctlctl.inventory.words import Fault
from ctlctl_config.model import ClusterSettings, NodeSettings
from ctlctl_config.secretfiles import SecretError

_NO_ACCOUNT: Final = "Replication, clocks, backups and stale LSCs are seen only with a platform account"
_PUT_PASSWORD: Final = "Put the password there, mode 0600"  # noqa: S105 - advice
_LEVEL: Final = (
    "Use an account of level 1; without one certificates are known by the certificate API (14 and later), the database "
    "and the ports alone"
)
_QUESTION: Final = "show cert list own"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a login showed.

    Attributes:
        pagination_off: whether paging could be turned off.
        certificates: own certificates that the node lists; None where they could not be listed.
        words: why not.
    """

    pagination_off: bool
    certificates: int | None
    words: str = ""
    refused: bool = False


def ask_platform(name: str, cluster: ClusterSettings, learned: Learned) -> Iterator[Row]:
    """Ask what takes the platform account: the certificate API of every node, then the CLI; as `ask_cli`.

    One after the other, so that a wrong password is tried once: CUCM locks an account after three.
    """
    refused = False
    for row in ask_certificates(name, cluster, learned):
        refused = refused or row.credentials is False
        yield row
    platform = cluster.platform
    if refused and platform is not None and platform.ssh:
        yield not_asked(Interface.CLI, "the certificate API refused the same account")
    else:
        yield from ask_cli(name, cluster, learned)


def ask_cli(name: str, cluster: ClusterSettings, learned: Learned) -> Iterator[Row]:
    """Log in to every node, and see what the account may read.

    Args:
        name: the cluster's name.
        cluster: its settings.
        learned: what AXL told.

    Yields:
        One row for each node, or one for the cluster where none can be asked.
    """
    platform = cluster.platform
    if platform is None or not platform.ssh:
        message = "no platform account in the settings" if platform is None else "platform.ssh = false in the settings"
        advice = _NO_ACCOUNT if platform is None else None
        yield Row(interface=Interface.CLI, status=Status.ABSENT, message=f"not asked: {message}", advice=advice)
        return
    try:
        password = Secret(platform.read_password().get_secret_value())
    except SecretError as error:
        yield Row(interface=Interface.CLI, status=Status.FAILED, message=str(error), advice=_PUT_PASSWORD)
        return
    others = {node.name.lower() for node in learned.nodes or () if node.role is NodeRole.PRESENCE}
    asked = [node for node in cluster.nodes if node.ports.ssh and node.name.lower() not in others]

    def ask(node: NodeSettings) -> _Seen:
        with PlatformCli(cli_settings(name, cluster, node, password)) as cli:
            return _look(cli)

    for node, (_, answer) in zip(asked, each_node(asked, ask), strict=True):
        endpoint = join_endpoint(node.host, node.ports.ssh)
        if isinstance(answer, Fault):
            yield _row_of_fault(name, node, answer, endpoint)
        else:
            yield _row(node, platform.username, answer, endpoint)


def _look(cli: PlatformCli) -> _Seen:
    try:
        entries = parse_cert_list(cli.run(_QUESTION)).entries
    except CommandRefusedError as error:
        return _Seen(cli.pagination_off, None, error.reason, refused=True)
    except ConsoleError as error:
        return _Seen(cli.pagination_off, None, str(error))
    return _Seen(cli.pagination_off, len(entries))


def _row(node: NodeSettings, username: str, seen: _Seen, endpoint: str) -> Row:
    paging = "" if seen.pagination_off else "; paging cannot be turned off, pages are turned one by one"
    row = Row(
        interface=Interface.CLI,
        status=Status.OK,
        message=f"host key matches, logged in as {username}; {seen.certificates} own certificates{paging}",
        node=node.name,
        endpoint=endpoint,
        reachable=True,
        identity="pinned",
        credentials=True,
        rights=True,
    )
    if seen.certificates is not None:
        return row
    if not seen.refused:
        message = f"logged in; what `{_QUESTION}` prints is not understood ({seen.words})"
        advice = "Run it by hand and compare; other releases may word it in another way"
        return replace(row, status=Status.WARNING, message=message, rights=None, advice=advice)
    # Both commands need level 1; an account that may turn paging off has it.
    why = "account level 0" if not seen.pagination_off else "refused, though the account seems to have level 1"
    words = f" ({seen.words})" if seen.words else ""
    return replace(
        row,
        status=Status.WARNING,
        message=f"logged in; {why}: `show cert` needs level 1{words}",
        rights=False,
        fault=ConnectorFault.RIGHTS.value,
        advice=_LEVEL,
    )


def _row_of_fault(name: str, node: NodeSettings, fault: Fault, endpoint: str) -> Row:
    kind = ConnectorFault(fault.kind)
    error = ConnectorError(kind, fault.detail, place=Place(name, node.name, INTERFACE), advice=fault.advice)
    row = row_of_error(Interface.CLI, error, endpoint, node.name)
    if kind is ConnectorFault.HOST_KEY:
        return replace(row, identity="unverified" if node.ssh_host_key is None else "mismatch")
    return row
