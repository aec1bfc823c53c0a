"""`utils ntp status`: ntpd's peers up to 12.x, chronyd's sources on newer builds.

Good is a line such as ``synchronised to NTP server (10.0.0.10) at stratum 3``; it is spelled with s or with z.
chronyd's ``^*`` marks the source it follows (chronyc manual, sources).
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import ConsoleDate, Line, Output, read_date, whole

_DAEMON = re.compile(r"\s*(ntpd|chronyd)\b[^\n]{0,40}? is (running|stopped|not running)\.*\s*", re.IGNORECASE)
_SYNC = re.compile(
    r"\s*synchroni[sz]ed to (?:NTP server|local net|[A-Za-z ]{1,40}?)(?: \(([^()\s]{1,80})\))?"
    r"(?: at stratum ([0-9]{1,2}))?,?\s*",
    re.IGNORECASE,
)
_NOT_SYNC = re.compile(r"\s*(?:unsynchroni[sz]ed|not synchroni[sz]ed)\b.*", re.IGNORECASE)
_CLOCK = re.compile(r"\s*Current time in (\S{1,60}) is ?: (.+)")
# A peer is never without its mark, which may be a blank; pages that trim their lines lose that one.
_PEER = re.compile(
    r"(?:([ x.\-+#*o])|(?=[0-9]))(\S+)\s+(\S+)\s+([0-9]{1,2})\s+([a-zA-Z-])\s+(\S+)\s+(\S+)\s+([0-7]{1,3})"
    r"\s+(\S+)\s+(\S+)\s+(\S+)"
)
_SOURCE = re.compile(r"\s*([\^=#])([*?x~+-])\s+(\S+)\s+([0-9]{1,2})\s+(\S+)\s+([0-7]{1,3})\s+(\S+)(?:\s+(.*))?")
_SAID = re.compile(
    r"\s*(?:remote\s+refid\s.*|=+|MS Name/IP address\s.*|polling server every [0-9]{1,9} s|time correct to within .*"
    r"|(?:210 )?Number of sources = [0-9]{1,6})\s*",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"\s*synchroni[sz]ed to local net\b.*", re.IGNORECASE)
_FOLLOWED = "*"
_OWN_CLOCK = "127.127."


@dataclass(frozen=True, slots=True)
class NtpPeer:
    """A time server.

    Attributes:
        mark: what stands before its name: ``*`` is the one that is followed, ``x`` a false one, and so on.
        name: its name or address.
        reference: where it has its time from (ntpd), or None.
        stratum: its stratum.
        reach: the last eight polls as bits.
        delay_ms: milliseconds (ntpd), or None.
        offset_ms: milliseconds (ntpd), or None.
        jitter_ms: milliseconds (ntpd), or None.
        sample: chronyd's last sample in its words, or None.
        line: number of its line.
    """

    mark: str
    name: str
    reference: str | None
    stratum: int
    reach: int
    delay_ms: float | None
    offset_ms: float | None
    jitter_ms: float | None
    sample: str | None
    line: int

    @property
    def followed(self) -> bool:
        """True for the server whose time is taken."""
        return self.mark == _FOLLOWED

    @property
    def is_own_clock(self) -> bool:
        """True for the node's own clock, which ntpd lists as a server of its own (reference clock driver 1)."""
        return self.name.startswith(_OWN_CLOCK) or self.reference == ".LOCL."


@dataclass(frozen=True, slots=True)
class NtpStatus:
    """The whole answer.

    Attributes:
        daemon: ``ntpd`` or ``chronyd``, or None.
        running: whether it runs, or None.
        peers: the time servers.
        synchronised: what is said; where nothing is said, whether chronyd follows a source; else None. False for a node
            that follows its own clock ("local net").
        server: the server it is synchronised to, or None.
        stratum: at which stratum, or None.
        clocks: (zone, date) as printed.
        unread: lines that were not understood.
    """

    daemon: str | None
    running: bool | None
    peers: tuple[NtpPeer, ...]
    synchronised: bool | None
    server: str | None
    stratum: int | None
    clocks: tuple[tuple[str, ConsoleDate], ...]
    unread: tuple[Line, ...]


def parse_ntp(text: str) -> NtpStatus:
    """Read the output of `utils ntp status`.

    Raises:
        ConsoleError: the text is too large or is no such answer; nothing else.
    """
    output = Output(text, "utils ntp", "the state of ntpd or chronyd")
    reader = _Reader()
    output.each(reader.take)
    said = reader.synchronised
    output.require(recognised=bool(reader.daemon or reader.peers or said is not None))
    sources = [peer for peer in reader.peers if peer.sample is not None]
    if said is None and sources:
        said = any(peer.followed for peer in sources)
    return NtpStatus(
        reader.daemon,
        reader.running,
        tuple(reader.peers),
        said,
        reader.server,
        reader.stratum,
        tuple(reader.clocks),
        output.unread,
    )


class _Reader:
    def __init__(self) -> None:
        self.daemon: str | None = None
        self.running: bool | None = None
        self.peers: list[NtpPeer] = []
        self.synchronised: bool | None = None
        self.server: str | None = None
        self.stratum: int | None = None
        self.clocks: list[tuple[str, ConsoleDate]] = []

    def take(self, line: Line) -> bool:
        text = line.text
        if found := _DAEMON.fullmatch(text):
            self.daemon, self.running = found[1].lower(), found[2].lower() == "running"
        elif _NOT_SYNC.fullmatch(text) or _LOCAL.fullmatch(text):
            self.synchronised, self.server, self.stratum = False, None, None
        elif found := _SYNC.fullmatch(text):
            # Of two sentences that contradict each other the bad one counts.
            if self.synchronised is not False:
                self.synchronised, self.server, self.stratum = True, found[1], whole(found[2])
        elif found := _CLOCK.fullmatch(text):
            self.clocks.append((found[1], read_date(found[2])))
        elif (peer := _peer(line) or _source(line)) is not None:
            self.peers.append(peer)
        else:
            return _SAID.fullmatch(text) is not None
        return True


def _decimal(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?[0-9]{1,9}(?:\.[0-9]{1,9})?", text) else None


def _peer(line: Line) -> NtpPeer | None:
    found = _PEER.fullmatch(line.text)
    if found is None:
        return None
    return NtpPeer(
        (found[1] or "").strip(),
        found[2],
        found[3],
        int(found[4]),
        int(found[8], 8),
        _decimal(found[9]),
        _decimal(found[10]),
        _decimal(found[11]),
        None,
        line.number,
    )


def _source(line: Line) -> NtpPeer | None:
    found = _SOURCE.fullmatch(line.text)
    if found is None:
        return None
    reach = int(found[6], 8)
    return NtpPeer(found[2], found[3], None, int(found[4]), reach, None, None, None, found[8] or "", line.number)
