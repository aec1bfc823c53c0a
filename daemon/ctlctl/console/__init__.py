"""What the platform's command line prints, read: text in, frozen values out.

Pure: no socket, file or clock. One module for each family of commands; `show ctl` and `show itl` are read by
`ctlctl_trust.consolelist`. Every parser raises `ConsoleError` or returns; what it does not understand stands in
``unread``, what an output does not say is None, and figures that contradict each other stand in ``mismatches``.
"""

from ctlctl.console.backup import BackupHistory, BackupRun, parse_backup_history
from ctlctl.console.capf import CapfEntry, CapfOutput, parse_capf
from ctlctl.console.certlist import CertEntry, CertList, parse_cert_list
from ctlctl.console.certshow import CertShown, ShownExtension, parse_cert_show
from ctlctl.console.changes import ChangeOutput, parse_change
from ctlctl.console.network import NetworkCluster, NetworkNode, parse_network_cluster
from ctlctl.console.ntp import NtpPeer, NtpStatus, parse_ntp
from ctlctl.console.replication import ReplicationNode, ReplicationState, parse_replication
from ctlctl.console.service import ServiceOutput, ServiceRow, parse_service
from ctlctl.console.session import Exchange, split_session
from ctlctl.console.sql import SqlTable, parse_sql
from ctlctl.console.switches import ClientAuth, Pagination, parse_client_auth, parse_pagination
from ctlctl.console.text import CommandRefusedError, ConsoleDate, ConsoleError, Line, Mismatch, read_date
from ctlctl.console.traces import Trace, TraceLine, parse_trace
from ctlctl.console.version import InstalledVersion, parse_version

__all__ = [
    "BackupHistory",
    "BackupRun",
    "CapfEntry",
    "CapfOutput",
    "CertEntry",
    "CertList",
    "CertShown",
    "ChangeOutput",
    "ClientAuth",
    "CommandRefusedError",
    "ConsoleDate",
    "ConsoleError",
    "Exchange",
    "InstalledVersion",
    "Line",
    "Mismatch",
    "NetworkCluster",
    "NetworkNode",
    "NtpPeer",
    "NtpStatus",
    "Pagination",
    "ReplicationNode",
    "ReplicationState",
    "ServiceOutput",
    "ServiceRow",
    "ShownExtension",
    "SqlTable",
    "Trace",
    "TraceLine",
    "parse_backup_history",
    "parse_capf",
    "parse_cert_list",
    "parse_cert_show",
    "parse_change",
    "parse_client_auth",
    "parse_network_cluster",
    "parse_ntp",
    "parse_pagination",
    "parse_replication",
    "parse_service",
    "parse_sql",
    "parse_trace",
    "parse_version",
    "read_date",
    "split_session",
]
