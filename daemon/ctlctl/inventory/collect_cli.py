"""What the platform CLI of every node says: services, own certificates, trust lists, replication, clock, backups.

One login a node and round. A command that brings nothing is told beside what the others brought; one after which the
session is over ends that node's round with what was read so far.
"""

import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final, TypeVar
from zoneinfo import ZoneInfo

from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.console import (
    BackupHistory,
    CapfOutput,
    CertEntry,
    CommandRefusedError,
    ConsoleError,
    NtpStatus,
    ReplicationState,
    parse_backup_history,
    parse_capf,
    parse_cert_list,
    parse_cert_show,
    parse_ntp,
    parse_replication,
    parse_service,
)
from ctlctl.console.text import Output
from ctlctl.inventory.each_node import each_node
from ctlctl.inventory.nodevalues import CertificatePlace
from ctlctl.inventory.readings import (
    BackupReading,
    NtpReading,
    PlatformReading,
    PlatformRow,
    ReplicationReading,
    ServiceReading,
    ShownListReading,
    StoreReading,
)
from ctlctl.inventory.words import Fault, ListKind
from ctlctl_config.model import NodeSettings
from ctlctl_trust.consolelist import parse_console_list
from ctlctl_trust.consolelistmodel import ConsoleList

if TYPE_CHECKING:
    from ctlctl.connectors.platform_cli_ports import Console

OpenCli = Callable[[NodeSettings], AbstractContextManager["Console"]]

#: Certificates that are shown one by one, for each of the two lists: one command each. The largest trust stores seen
#: have about fifty a node.
MAX_CERTIFICATES: Final = 300
#: Seconds after which a node is asked nothing more in a round: one that takes a minute for each of a hundred commands
#: would keep what the others said from being recorded.
NODE_SECONDS: Final = 1200.0

_STALE: Final = ("utils capf stale-lsc list", "utils capf stale-lsc view")
# What an empty list says is not public; a sentence that begins or ends so is taken for one.
_NOTHING: Final = re.compile(
    r"(?:no|zero|0)\b.{0,80}\b(?:lscs?|certificates?|entries|entry|phones?|devices?|records?|found)\b.{0,40}",
    re.IGNORECASE,
)
_REFUSED_ADVICE: Final = (
    "Look at the privilege level of the account (level 1 reads certificates, level 0 does not), and whether an upgrade "
    "is running"
)
_WORDS_ADVICE: Final = "Run the command by hand and compare; other releases may word it in another way"

_T = TypeVar("_T")


def read_platform(  # noqa: PLR0913 - whom, how, and what each node is asked for
    nodes: Iterable[NodeSettings],
    open_cli: OpenCli,
    *,
    publisher: str | None,
    timezone: str,
    left_out: Iterable[str] = (),
    trust_of: Container[str] = (),
) -> Iterator[PlatformRow]:
    """Ask the platform CLI of every node. Blocks.

    Args:
        nodes: the cluster's nodes in the settings; those without an SSH port are not asked.
        open_cli: gives the CLI of a node, whose ``with`` block is one login; raises ConnectorError.
        publisher: name of the publisher, which alone is asked for backups and stale LSCs; None for not known.
        timezone: the cluster's, in which a console prints the dates of backups.
        left_out: names of nodes that are not asked, such as those of IM and Presence.
        trust_of: names of nodes whose trusted certificates are wanted too: dozens of commands each, so only of those
            whose certificate API does not tell them.

    Yields:
        One row for each node that is asked: what it said, or why it said nothing. Once a node has refused the account,
        the rest is not asked.
    """
    without = {name.lower() for name in left_out}
    asked = [node for node in nodes if node.ports.ssh and node.name.lower() not in without]
    zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
    names = {node.host: node.name for node in asked}

    def ask(node: NodeSettings) -> PlatformReading:
        is_publisher = publisher is not None and node.name.lower() == publisher.lower()
        with open_cli(node) as cli:
            return _Round(cli, zone, names).read(lists=node.tftp, publisher=is_publisher, trusted=node.name in trust_of)

    yield from each_node(asked, ask)


class _Round:
    """One session: commands one after the other, and what went wrong with each."""

    def __init__(self, cli: "Console", zone: tzinfo, names: Mapping[str, str]) -> None:
        self._cli = cli
        self._zone = zone
        # Name of each node in the settings, by its address there.
        self._names = names
        self._end = time.monotonic() + NODE_SECONDS
        self._faults: dict[str, Fault] = {}
        self._over: str | None = None

    def read(self, *, lists: bool, publisher: bool, trusted: bool) -> PlatformReading:
        services = self._services()
        certificates = self._certificates(trusted=trusted)
        shown = [one for kind in ("ctl", "itl") if (one := self._list(kind)) is not None] if lists else []
        ntp = self._ask("utils ntp status", lambda text: _ntp(parse_ntp(text)))
        backup = self._backup() if publisher else None
        stale = self._stale_lscs() if publisher else None
        # The slowest comes last: what it breaks off is nothing but itself.
        replication = self._replication()
        return PlatformReading(
            services, certificates, tuple(shown), replication, ntp, backup, stale, tuple(self._faults.items())
        )

    def _ask(self, command: str, parse: Callable[[str], _T], argument: str = "") -> _T | None:
        """Run a command and read what it prints; None where it brought nothing, and the fault is kept."""
        line = f"{command} {argument}".rstrip()
        if self._over is not None:
            kind = self._faults[self._over].kind
            self._faults[line] = Fault(kind, f"not asked: the session ended at {self._over}")
            return None
        if time.monotonic() >= self._end:
            detail = f"not asked: the node took more than {NODE_SECONDS:g} seconds for what comes before"
            self._faults[line] = Fault(ConnectorFault.TIMEOUT.value, detail, "Check the load of that node")
            return None
        try:
            return parse(self._cli.run(command, argument))
        except ConnectorError as error:
            self._faults[line] = Fault(error.fault.value, error.detail, error.advice)
            # What may not be sent was not sent, and the shell waits for the next; everything else ends a session.
            if error.fault is not ConnectorFault.INVALID:
                self._over = line
        except CommandRefusedError as error:
            detail = f"the node did not run it: {error}"
            self._faults[line] = Fault(ConnectorFault.REFUSED.value, detail, _REFUSED_ADVICE)
        except ConsoleError as error:
            detail = f"what it printed is not understood ({error})"
            self._faults[line] = Fault(ConnectorFault.PROTOCOL.value, detail, _WORDS_ADVICE)
        return None

    def _fault(self, command: str, fault: ConnectorFault, detail: str, advice: str = _WORDS_ADVICE) -> None:
        self._faults[command] = Fault(fault.value, detail, advice)

    def _services(self) -> tuple[ServiceReading, ...] | None:
        output = self._ask("utils service list", parse_service)
        if output is None:
            return None
        # CUCM spells "Started" elsewhere.
        return tuple(ServiceReading(row.name, row.state.capitalize(), row.activated) for row in output.last.values())

    def _certificates(self, *, trusted: bool) -> tuple[StoreReading, ...] | None:
        found: list[StoreReading] = []
        places: tuple[CertificatePlace, ...] = ("own", "trust") if trusted else ("own",)
        for place in places:
            listed = self._ask(f"show cert list {place}", parse_cert_list)
            if listed is None:
                # A list that lacks a whole place would look as if nothing were there.
                return None
            entries = [entry for entry in listed.entries if entry.unit and entry.name]
            if len(entries) > MAX_CERTIFICATES:
                detail = f"{len(entries)} certificates; the first {MAX_CERTIFICATES} were read"
                self._fault(f"show cert list {place}", ConnectorFault.TOO_LARGE, detail)
            found.extend(self._certificate(place, entry) for entry in entries[:MAX_CERTIFICATES])
        return tuple(dict.fromkeys(found))

    def _certificate(self, place: CertificatePlace, entry: CertEntry) -> StoreReading:
        command = f"show cert {place}"
        shown = self._ask(command, parse_cert_show, entry.argument)
        der = b"" if shown is None else shown.der or b""
        if shown is not None and not der:
            detail = "the certificate itself (PEM) was not printed, or cannot be read"
            self._fault(f"{command} {entry.argument}", ConnectorFault.PROTOCOL, detail)
        return StoreReading(entry.unit, place, entry.name, der)

    def _list(self, kind: ListKind) -> ShownListReading | None:
        command = f"show {kind}"
        shown = self._ask(command, lambda text: _console_list(command, text))
        if shown is None:
            return None
        if shown.kind is not None and shown.kind.value != kind:
            self._fault(command, ConnectorFault.PROTOCOL, "it shows the other list")
            return None
        reading = _shown_list(kind, shown)
        if reading is None:
            self._fault(command, ConnectorFault.PROTOCOL, "checksums or length are missing in what it printed")
        return reading

    def _replication(self) -> tuple[ReplicationReading, ...] | None:
        command = "utils dbreplication runtimestate"
        state = self._ask(command, parse_replication)
        if state is None:
            return None
        if state.database_down:
            advice = "Start A Cisco DB on that node, then look at replication again"
            self._fault(command, ConnectorFault.SERVER_ERROR, "Cisco DB is not running", advice)
            return None
        if not state.nodes and not state.single_node:
            self._fault(command, ConnectorFault.PROTOCOL, "no row of the table is understood")
            return None
        if state.servers is not None and len(state.nodes) < state.servers:
            # A node without a row is not one that replicates.
            words = "; ".join(line.text.strip() for line in state.unread[-3:])
            detail = f"{len(state.nodes)} of {state.servers} rows of the table are understood: {words}"
            self._fault(command, ConnectorFault.PROTOCOL, detail)
        # CUCM prints host names, also of nodes that AXL and the settings know by their addresses.
        return tuple(_replication(state, self._names))

    def _backup(self) -> BackupReading | None:
        command = "utils disaster_recovery history backup"
        history = self._ask(command, parse_backup_history)
        if history is None:
            return None
        if history.trouble is not None:
            advice = "Look at Cisco DRF Master and Local on the publisher"
            self._fault(command, ConnectorFault.SERVER_ERROR, history.trouble, advice)
            return None
        reading = _backup(history, self._zone)
        if reading is None:
            self._fault(command, ConnectorFault.PROTOCOL, "the date of the last backup is not understood")
        return reading

    def _stale_lscs(self) -> tuple[str, ...] | None:
        first, second = _STALE
        output = self._ask(first, parse_capf)
        if output is None and first in self._faults and self._faults[first].kind == ConnectorFault.REFUSED:
            output = self._ask(second, parse_capf)
            if output is not None:
                del self._faults[first]
        if output is None:
            return None
        lines = _stale(output)
        if lines is None:
            words = "; ".join(line.text.strip() for line in output.unread[:3])
            self._fault(first, ConnectorFault.PROTOCOL, f"no device in what it printed: {words}")
        return lines


def _ntp(status: NtpStatus) -> NtpReading:
    followed = next((peer for peer in status.peers if peer.followed), None)
    stratum = status.stratum
    if stratum is None and followed is not None and status.synchronised:
        # A clock is one further away than the server that it follows.
        stratum = followed.stratum + 1
    synchronised = status.synchronised
    if status.running is False or (followed is not None and followed.is_own_clock):
        # Nobody sets the clock, whatever the daemon says of itself.
        synchronised = False
    return NtpReading(synchronised, stratum, None if followed is None else followed.offset_ms)


def _console_list(command: str, text: str) -> ConsoleList:
    # The reader of lists is the library's and does not know how a shell says no.
    Output(text, command, "a trust list")
    return parse_console_list(text)


def _shown_list(kind: ListKind, shown: ConsoleList) -> ShownListReading | None:
    if shown.missing or shown.length == 0:
        return ShownListReading(kind, "", "", 0, None)
    if shown.md5 is None or shown.sha1 is None or shown.length is None:
        return None
    return ShownListReading(kind, shown.md5, shown.sha1, shown.length, shown.verified)


def _replication(state: ReplicationState, names: Mapping[str, str]) -> Iterator[ReplicationReading]:
    # What the last check found is the cluster's: it stands with the node that says so, once.
    whole = state.own or next(iter(state.nodes), None)
    for row in state.nodes:
        said = "; ".join(filter(None, (row.differs, state.differs if row is whole else "")))
        yield ReplicationReading(names.get(row.address, row.server), row.setup, row.details, None, said)


def _backup(history: BackupHistory, zone: tzinfo) -> BackupReading | None:
    newest, good = history.newest, history.newest_good
    if newest is None:
        return BackupReading(None, "")
    status = newest.result
    if status == "SUCCESS" and not newest.succeeded:
        status = f"without {newest.failed_features}"
    if good is None:
        return BackupReading(None, status)
    ended = good.completed.instant or _instant(good.completed.local, zone)
    return None if ended is None else BackupReading(int(ended.timestamp()), status)


def _instant(local: datetime | None, zone: tzinfo) -> datetime | None:
    """Return the instant of a node's local time.

    The zone's printed name is ambiguous (CST, IST), so the cluster's zone counts. In the hour that comes twice in
    autumn the first is taken.
    """
    return None if local is None else local.replace(tzinfo=zone)


def _stale(output: CapfOutput) -> tuple[str, ...] | None:
    """Return the lines that name a device; None where it is not clear that there is none."""
    if output.entries:
        return tuple(dict.fromkeys(entry.text for entry in output.entries))
    said_nothing = any(_NOTHING.fullmatch(line.text.strip()) for line in output.unread)
    return () if output.count == 0 or said_nothing else None
