"""What can be made to go wrong: plain attributes, set by scenarios, tests and `ctlctl lab fault`."""

from dataclasses import dataclass, field, fields

from ctlctl_lab.names import CAPF_USER_NAME_FORMAT


@dataclass(slots=True, eq=False)
class Faults:
    """The switches. A count counts down as it strikes; everything is off in a new one.

    Attributes:
        axl_503_writes: that many AXL writes are answered 503.
        axl_row_limit: rows over which an AXL answer is too large and the fault names this number; None for CUCM's own
            limit of 8 MB.
        axl_memory_fault: that many AXL requests get "Maximum AXL Memory Allocation Consumed".
        truncate_next: that many answers of port 8443 stop halfway.
        html_next: that many answers of port 8443 are an HTML error page.
        slow_seconds: real seconds before every answer of port 8443.
        ris_per_minute: RIS requests a node takes in a minute (CUCM: 15, at most 18).
        tftp_loss: share of TFTP datagrams that are lost, 0 to 1.
        tftp_stall: names of nodes whose TFTP, HTTP and HTTPS file service accepts requests and never answers.
        swapped: (node, port name) -> unit whose certificate is presented instead of the right one.
        expired: (node, port name) pairs that present an expired certificate.
        refused: (node, port name) pairs that take no connection.
        clock_offset: seconds by which the servers' own clocks are wrong.
        capf_failures: phone name, or "*" for all -> the XCertificateStatus with which its next operation ends.
        capf_poison: family of phones, such as "8845" or "88xx" -> the XCertificateStatus with which every operation of
            theirs ends.
        capf_stall: nodes whose CAPF finishes the TLS handshake and then says nothing.
        capf_half: node -> which message its CAPF sends half of, before it hangs up: "auth", "key", "store" or "end".
        capf_user_name: how CAPF has users and instances spelled as device names.
        phones_slow: by how much longer everything takes that phones do.
        phones_offline: share of the phones that have no power, 0 to 1.
        service_stuck: (node, service) pairs that do not come back when they are restarted.
        replication: node -> setup state of its database replication, where it is not 2 ("good").
        ntp: node -> what its time service says instead: "unsynchronised" or "stopped".
        backup_age: hours since the newest backup that succeeded; infinite where there never was one; None for a backup
            of last night.
        tvs_forgets: (node, unit) pairs: the node's TVS does not know the unit's certificates.
        ssh_host_key: nodes whose SSH server shows another host key.
        ssh_sha1_kex: nodes whose SSH server speaks only SHA-1 key exchange and ssh-rsa.
        ssh_prompt: node -> prompt of its platform CLI instead of "admin:".
        ssh_paging: nodes whose platform CLI goes on paging when it was told not to.
        ssh_stall: nodes on which a command never ends.
        ssh_drop: nodes whose connection ends in the middle of a command's output.
        ssh_locked: (node, account) -> instant until which it is locked; three bad logins put it there.
    """

    axl_503_writes: int = 0
    axl_row_limit: int | None = None
    axl_memory_fault: int = 0
    truncate_next: int = 0
    html_next: int = 0
    slow_seconds: float = 0.0
    ris_per_minute: int = 15
    tftp_loss: float = 0.0
    tftp_stall: set[str] = field(default_factory=set)
    swapped: dict[tuple[str, str], str] = field(default_factory=dict)
    expired: set[tuple[str, str]] = field(default_factory=set)
    refused: set[tuple[str, str]] = field(default_factory=set)
    clock_offset: float = 0.0
    capf_failures: dict[str, str] = field(default_factory=dict)
    capf_poison: dict[str, str] = field(default_factory=dict)
    capf_stall: set[str] = field(default_factory=set)
    capf_half: dict[str, str] = field(default_factory=dict)
    capf_user_name: str = CAPF_USER_NAME_FORMAT
    phones_slow: float = 1.0
    phones_offline: float = 0.0
    service_stuck: set[tuple[str, str]] = field(default_factory=set)
    replication: dict[str, int] = field(default_factory=dict)
    ntp: dict[str, str] = field(default_factory=dict)
    backup_age: float | None = None
    tvs_forgets: set[tuple[str, str]] = field(default_factory=set)
    ssh_host_key: set[str] = field(default_factory=set)
    ssh_sha1_kex: set[str] = field(default_factory=set)
    ssh_prompt: dict[str, str] = field(default_factory=dict)
    ssh_paging: set[str] = field(default_factory=set)
    ssh_stall: set[str] = field(default_factory=set)
    ssh_drop: set[str] = field(default_factory=set)
    ssh_locked: dict[tuple[str, str], float] = field(default_factory=dict)

    def clear(self) -> None:
        """Switch everything off, in place: services hold on to this object."""
        fresh = Faults()
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))
