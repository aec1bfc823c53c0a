"""What a node says of itself and its neighbours: version, network, replication, time, backups, limits.

Layouts: pasted output of 11.5 and 15, Cisco's documents and the CLI Reference Guide. `show status` and
`show accountlocking` are from memory.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from ctlctl_lab.lockout import LOCK_SECONDS, MAX_BAD_LOGINS
from ctlctl_lab.model import Node
from ctlctl_lab.nodestate import (
    STOPPED,
    TIME_SERVER,
    UNSYNCHRONISED,
    Backup,
    ReplicationRow,
    backups,
    ntp_state,
    replication,
)
from ctlctl_lab.shell.dates import console_date, short_date
from ctlctl_lab.shell.session import Console, RefusedError

_TABLES: Final = 803
#: Ports whose HAProxy may ask clients for a certificate (CLI Reference Guide, 14 and 15).
_CLIENT_AUTH_PORTS: Final = frozenset({"6971", "6972", "9443"})
#: Releases whose time service is chronyd; "newer builds" is all that is known, so this is the lab's choice.
_CHRONY_FROM: Final = 15


def version_active(console: Console, _: str) -> Iterable[str]:
    """Show the version that runs."""
    return _version("Active", console.world.cluster.version)


def version_inactive(console: Console, _: str) -> Iterable[str]:
    """Show that the other partition is empty."""
    del console
    return _version("Inactive", "")


def _version(which: str, version: str) -> Iterable[str]:
    return (
        f"{which} Master Version: {version}".rstrip(),
        f"{which} Version Installed Software Options:",
        "  No Installed Software Options Found.",
    )


def network_cluster(console: Console, _: str) -> Iterable[str]:
    """Show the nodes, and whether they are authenticated to each other."""
    with console.world.cluster.lock:
        nodes = list(console.world.cluster.nodes.values())
        here = console.node
    rows = [_neighbour(node, here) for node in sorted(nodes, key=lambda node: node.publisher)]
    if not here.publisher:
        return rows
    table = ["", "Server Table (processnode) Entries", "----------------------------------"]
    return [*rows, *table, *(node.address for node in nodes)]


def _neighbour(node: Node, here: Node) -> str:
    role, database = ("Publisher", "DBPub") if node.publisher else ("Subscriber", "DBSub")
    start = f"{node.address} {node.name} {node.name} {role} callmanager {database}"
    if node is here:
        return f"{start} authenticated"
    return f"{start} {'' if node.up else 'not '}authenticated using TCP since {short_date(node.booted)}"


def status(console: Console, _: str) -> Iterable[str]:
    """Show how the node is."""
    cluster, now = console.world.cluster, console.world.now()
    with cluster.lock:
        node = console.node
    days, rest = divmod(int(max(0, now - node.booted)), 86_400)
    moment = datetime.fromtimestamp(now, UTC)
    up = f"{days} days, {rest // 3600:2}:{rest % 3600 // 60:02}"
    return (
        "",
        f"Host Name          : {node.name}",
        f"Date               : {moment:%a %b %d, %Y %H:%M:%S}",
        "Time Zone          : Coordinated Universal Time (Etc/UTC)",
        "Locale             : en_US.UTF-8",
        f"Product Ver        : {cluster.version}",
        "",
        "Uptime:",
        f" {moment:%H:%M:%S} up {up},  1 user,  load average: 0.23, 0.21, 0.18",
        "",
        "CPU Idle:   92.86%  System:   02.04%    User:   05.10%",
        "  IOWAIT:   00.00%     IRQ:   00.00%    Soft:   00.00%",
        "",
        "Memory Total:        8010200K",
        "       Free:         1270412K",
        "       Used:         6739788K",
        "",
        "                        Total            Free            Used",
        "Disk/active         19760356K        3527092K       16014336K (82%)",
        "Disk/inactive       19760356K       18681880K          67668K (1%)",
        "Disk/logging        40012224K       29104776K        8867512K (24%)",
    )


def account_locking(console: Console, _: str) -> Iterable[str]:
    """Show when accounts are locked."""
    del console
    return (
        "Account Lockout is enabled",
        f"Maximum number of failed logins : {MAX_BAD_LOGINS}",
        f"Unlock time : {LOCK_SECONDS} seconds",
    )


def client_auth(console: Console, port: str) -> Iterable[str]:
    """Show whether a port asks for a certificate: 14 and later can be told to."""
    if port not in _CLIENT_AUTH_PORTS or console.world.cluster.major < 14:
        raise RefusedError(f"Port {port} has no client authentication")
    return (f"Client authentication on the port {port} is currently set to optional",)


def replication_state(console: Console, _: str) -> Iterable[str]:
    """Show the state of database replication."""
    world = console.world
    with world.cluster.lock:
        rows, here = replication(world), console.node
        version = world.cluster.version.replace(".", "_").replace("-", "_")
        now = world.now()
    if len(rows) == 1:
        return ("Runtime state cannot be performed on a cluster with a single active node; aborting operation",)
    synced = datetime.fromtimestamp(min(row.node.booted for row in rows) + 3600, UTC)
    return [
        "",
        f"Server Time: {console_date(now)}",
        "",
        "DB and Replication Services: ALL RUNNING",
        "",
        "DB CLI Status: No other dbreplication CLI is running...",
        "",
        f"Cluster Replication State: BROADCAST SYNC Completed on {len(rows) - 1} servers at: {synced:%Y-%m-%d-%H-%M}",
        f"     Last Sync Result: SYNC COMPLETED {_TABLES} tables sync'ed out of {_TABLES}",
        "     Sync Errors: NO ERRORS",
        "",
        f"DB Version: ccm{version}",
        "Repltimeout set to: 300s",
        "",
        f"Cluster Detailed View from {here.name} ({len(rows)} Servers):",
        "",
        "                                PING      DB/RPC/   REPL.    Replication    REPLICATION SETUP",
        "SERVER-NAME         IP ADDRESS  (msec)    DbMon?    QUEUE    Group ID       (RTMT) & Details",
        "-----------         ----------  ------    -------   -----    -----------    ------------------",
        *(_replicated(row, here) for row in rows),
    ]


def _replicated(row: ReplicationRow, here: Node) -> str:
    if not row.reachable:
        ping, services, queue, group, setup, words = "-", "N/N/-", "-", "(-)", 0, "Initializing State"
    else:
        ping = "0.017" if row.node is here else "0.301"
        services, queue, group, setup, words = "Y/Y/Y", "0", f"(g_{row.group})", row.setup, row.words
    name, address = row.node.name, row.node.address
    return f"{name:19} {address:11} {ping:9} {services:9} {queue:8} {group:14} ({setup}) {words}"


def ntp_status(console: Console, _: str) -> Iterable[str]:
    """Show whether the node has the right time; subscribers have it from the publisher."""
    world = console.world
    with world.cluster.lock:
        node, publisher, state = console.node, world.cluster.publisher, ntp_state(world, console.node)
        now = world.now()
    server, stratum = (TIME_SERVER, 2) if node.publisher else (publisher.address, 3)
    chrony = world.cluster.major >= _CHRONY_FROM
    daemon = "chronyd" if chrony else "ntpd"
    if state == STOPPED:
        return (f"{daemon} is stopped", "", f"Current time in UTC is : {console_date(now)}")
    lines = (_chrony if chrony else _ntpd)(server, stratum, good=state != UNSYNCHRONISED)
    return [f"{daemon} (pid 28435) is running...", "", *lines, "", f"Current time in UTC is : {console_date(now)}"]


def _ntpd(server: str, stratum: int, *, good: bool) -> Iterable[str]:
    mark, reach = ("*", "377") if good else (" ", "3")
    head = "     remote           refid      st t when poll reach   delay   offset  jitter"
    row = f"{mark}{server:15} .GOOG.{stratum:12} u{44:5}{64:5}{reach:>5}{11.724:9.3f}{-0.021:9.3f}{0.064:8.3f}"
    if not good:
        return head, "=" * 78, row, "", "unsynchronised", "   polling server every 8 s"
    state = f"synchronised to NTP server ({server}) at stratum {stratum + 1}"
    return head, "=" * 78, row, "", state, "   time correct to within 24 ms", "   polling server every 64 s"


def _chrony(server: str, stratum: int, *, good: bool) -> Iterable[str]:
    if good:
        row = f"^* {server:27}{stratum:6}   6   377    23   -812ns[-1010ns] +/-  13ms"
    else:
        row = f"^? {server:27}{0:6}   8     0     -     +0ns[   +0ns] +/-    0ns"
    return "MS Name/IP address         Stratum Poll Reach LastRx Last sample", "=" * 79, row


def backup_history(console: Console, _: str) -> Iterable[str]:
    """Show the backups that were taken; 15 has columns that those before have not."""
    world = console.world
    with world.cluster.lock:
        history = backups(world)
    if not history:
        return ("No backup history available",)
    if world.cluster.major < _CHRONY_FROM:
        head = "Tar Filename:             Backup Device: Completed On:                 Result:  Backup Type:  "
        return [f"{head}Features Backed Up:", *(_backup(each, "UCM,CDR_CAR") for each in history)]
    head = "Tar Filename:             Backup Device: Completed On:                 Result:  Backup Type:  Version:"
    version = world.cluster.version
    good, bad = f"{version} {'UCM':26} ---", f"{version} {'---':26} UCM"
    rows = (_backup(each, good if each.succeeded else bad) for each in history)
    return [f"{head:111} {'Features Backed Up:':26} Failed Features:", *rows]


def _backup(backup: Backup, rest: str) -> str:
    begun = datetime.fromtimestamp(backup.begun, UTC)
    tar = f"{begun:%Y-%m-%d-%H-%M-%S}.tar" if backup.succeeded else "TAR file not created"
    result = "SUCCESS" if backup.succeeded else "ERROR"
    return f"{tar:25} {'NETWORK':14} {console_date(backup.completed)}  {result:8} {backup.kind:13} {rest}"
