"""What the doctor says: one row per interface, and the verdict on all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

SCHEMA: Final = "ctlctl.cluster.doctor/1"


class Status(StrEnum):
    """How an interface is. The values are stable: scripts see them."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ABSENT = "absent"


class Verdict(StrEnum):
    """How the cluster is; the exit code follows from it."""

    WORKS = "works"
    TROUBLE = "trouble"
    UNDECIDED = "undecided"


EXIT_CODES: Final = {Verdict.WORKS: 0, Verdict.TROUBLE: 1, Verdict.UNDECIDED: 3}


class Interface(StrEnum):
    """The interfaces, in the order in which they are shown. The values are stable."""

    AXL = "axl"
    IDENTITY = "identity"
    SQL = "sql"
    RIS = "ris"
    NODES = "nodes"
    CTL = "ctl"
    HTTP = "http"
    TFTP = "tftp"
    HTTPS = "https"
    HTTPS_FQDN = "https-fqdn"
    TRUST_LISTS = "trust-lists"
    TOMCAT = "tomcat"
    SIP = "sip"
    SCCP = "sccp"
    TVS = "tvs"
    CAPF = "capf"
    CONTROL_CENTER = "control-center"
    CERTIFICATE_API = "certificate-api"
    CLI = "cli"
    PHONES = "phones"
    PHONE_PAGES = "phone-pages"


LABELS: Final = {
    Interface.AXL: "AXL",
    Interface.IDENTITY: "identity",
    Interface.SQL: "SQL",
    Interface.RIS: "RIS",
    Interface.NODES: "nodes",
    Interface.CTL: "CTL",
    Interface.HTTP: "HTTP",
    Interface.TFTP: "TFTP",
    Interface.HTTPS: "HTTPS",
    Interface.HTTPS_FQDN: "HTTPS FQDN",
    Interface.TRUST_LISTS: "trust lists",
    Interface.TOMCAT: "tomcat",
    Interface.SIP: "SIP TLS",
    Interface.SCCP: "SCCP TLS",
    Interface.TVS: "TVS",
    Interface.CAPF: "CAPF",
    Interface.CONTROL_CENTER: "services",
    Interface.CERTIFICATE_API: "certificates",
    Interface.CLI: "CLI",
    Interface.PHONES: "phones",
    Interface.PHONE_PAGES: "phone pages",
}

#: What an operator does without when the interface does not work.
WITHOUT: Final = {
    Interface.IDENTITY: "Nothing is sent to a server that has not proved itself.",
    Interface.AXL: "Everything but trust lists and TLS certificates needs it.",
    Interface.SQL: "Without it ends of LSCs come only from looking at each phone.",
    Interface.RIS: "Without it nobody knows which phones are registered, where, and at which address.",
    Interface.NODES: "What is not known of a node is not watched.",
    Interface.CTL: "Phones end up with different lists, depending on the node they ask.",
    Interface.HTTP: "Newer phones fetch lists and configuration here; the watch falls back to TFTP.",
    Interface.TFTP: "Older phones fetch lists and configuration here.",
    Interface.HTTPS: "Phones that fetch over TLS do it here.",
    Interface.HTTPS_FQDN: "Applications and soft clients fetch here.",
    Interface.TRUST_LISTS: "Whether phones can follow a change of certificates is not known.",
    Interface.TOMCAT: "The node's web server, and with it services and certificates, cannot be watched.",
    Interface.SIP: "Secure SIP phones cannot register with this node.",
    Interface.SCCP: "Secure SCCP phones cannot register with this node.",
    Interface.TVS: "Phones cannot ask this node about certificates that their lists do not have.",
    Interface.CAPF: "No LSC can be installed, renewed or deleted.",
    Interface.CONTROL_CENTER: "Whether the services of this node run, and since when, is not known.",
    Interface.CERTIFICATE_API: "What is installed and trusted on this node is known only by database and ports.",
    Interface.CLI: "Replication, clock, backups and the lists as the node itself shows them are not known.",
    Interface.PHONES: "Which certificate a phone really presents is not known; the database's word stands alone.",
    Interface.PHONE_PAGES: "Which lists a phone holds is not known; it is taken to follow after a reset.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One interface. None of the facts means: not known.

    Attributes:
        interface: which.
        status: how it is.
        message: what was seen, for a person; may hold words of a server, so print it with care.
        node: name of the node, or None for the cluster as a whole.
        endpoint: where it was asked, `host:port`.
        reachable: whether anything answered.
        identity: how the server proved itself: "pinned", "ca", "in-trust-list", "unverified", "mismatch" or
            "refused-lab".
        sha256: fingerprint of the certificate that was presented, "AA:BB:…".
        credentials: whether they were accepted.
        rights: whether they suffice.
        version: what it speaks.
        limits: limits seen, or set for it.
        fault: kind of trouble, as the connectors name it.
        advice: what to do.
    """

    interface: Interface
    status: Status
    message: str
    node: str | None = None
    endpoint: str | None = None
    reachable: bool | None = None
    identity: str | None = None
    sha256: str | None = None
    credentials: bool | None = None
    rights: bool | None = None
    version: str | None = None
    limits: tuple[str, ...] = ()
    fault: str | None = None
    advice: str | None = None

    def to_json(self) -> dict[str, object]:
        """Return the row as JSON has it."""
        return {
            "interface": self.interface.value,
            "node": self.node,
            "endpoint": self.endpoint,
            "status": self.status.value,
            "reachable": self.reachable,
            "identity": self.identity,
            "sha256": self.sha256,
            "credentials": self.credentials,
            "rights": self.rights,
            "version": self.version,
            "limits": list(self.limits),
            "fault": self.fault,
            "message": self.message,
            "advice": self.advice,
            "without": WITHOUT[self.interface] if self.status in {Status.FAILED, Status.UNKNOWN} else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the doctor says of one cluster.

    Attributes:
        cluster: its name.
        at: when it was asked; aware.
        rows: cluster first, then node by node, then phones.
    """

    cluster: str
    at: datetime
    rows: tuple[Row, ...]

    @property
    def verdict(self) -> Verdict:
        """Return how the cluster is: works only if all that is configured does."""
        return judge(self.rows)

    def to_json(self) -> dict[str, object]:
        """Return the report as JSON has it."""
        return {
            "schema": SCHEMA,
            "cluster": self.cluster,
            "at": f"{self.at:%Y-%m-%dT%H:%M:%SZ}",
            "verdict": self.verdict.value,
            "rows": [row.to_json() for row in self.rows],
        }


def judge(rows: Iterable[Row]) -> Verdict:
    """Return the verdict on rows: unknown is never folded into works, and nothing reached decides nothing."""
    rows = tuple(rows)
    statuses = {row.status for row in rows}
    if not any(row.reachable for row in rows):
        return Verdict.UNDECIDED
    if Status.FAILED in statuses:
        return Verdict.TROUBLE
    return Verdict.UNDECIDED if Status.UNKNOWN in statuses else Verdict.WORKS
