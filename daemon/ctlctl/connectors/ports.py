"""What fetching a file takes and gives: target, limits, trust, the error, and the port itself.

A cold `ctlctl verify` imports this module, so it loads no socket, TLS or HTTP code.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from ctlctl.terminal import printable as spelled_out

Scheme: TypeAlias = Literal["tftp", "http", "https"]

DEFAULT_PORTS: Final[dict[Scheme, int]] = {
    "tftp": 69,  # RFC 1350 section 4
    "http": 6970,  # the CUCM TFTP service, plain HTTP
    "https": 6971,  # the CUCM TFTP service, TLS; 6972 serves the same files for other clients
}

# Bytes. A trust list has some KiB, and a file on disk above this size is not read as one either.
DEFAULT_MAX_BYTES: Final = 4 * 1024 * 1024
# Seconds, for the whole transfer: about as long as an operator waits at a terminal.
DEFAULT_DEADLINE_SECONDS: Final = 30.0
# Bytes of file in one DATA packet. RFC 2348 works this value out: 1500 (Ethernet) less 60 (the longest IPv4
# header), 8 (UDP) and 4 (TFTP), so no packet is fragmented.
DEFAULT_TFTP_BLOCK_BYTES: Final = 1428
# Bytes, RFC 2348: what the blksize option may say.
MIN_TFTP_BLOCK_BYTES: Final = 8
MAX_TFTP_BLOCK_BYTES: Final = 65464
# Seconds before the first retransmission; it doubles from there. in.tftpd (tftp-hpa) starts with the same.
DEFAULT_TFTP_RETRANSMIT_SECONDS: Final = 1.0
# Retransmissions of one packet without any progress: 1+2+4+8+8+8 seconds, about the default deadline.
DEFAULT_TFTP_RETRANSMITS: Final = 5
# Bytes of a file name in UTF-8. A read request is 512 bytes at most (RFC 2347) and the options need room in
# it; 255 is also the longest name of common file systems (NAME_MAX).
MAX_NAME_BYTES: Final = 255
# Characters of a host name (RFC 1035 section 2.3.4).
MAX_HOST_CHARACTERS: Final = 253
# Characters of a server's own words that an error repeats: a sentence, too few to flood a terminal.
MAX_QUOTED_CHARACTERS: Final = 200
# Bytes of a SHA-256 fingerprint.
SHA256_BYTES: Final = 32


class FetchFault(StrEnum):
    """Why a file could not be had. The values are stable: scripts see them in JSON."""

    NOT_FOUND = "not-found"
    DENIED = "denied"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too-large"
    REDIRECT = "redirect"
    SERVER_ERROR = "server-error"
    PROTOCOL = "protocol"
    TLS = "tls"


_ADVICE: Final[dict[FetchFault, str]] = {
    FetchFault.NOT_FOUND: "Check the spelling (names are case-sensitive) and that this node has such a file",
    FetchFault.DENIED: "The server keeps this file back; check its permissions or ask another TFTP node",
    FetchFault.UNRESOLVED: "Check the spelling and the DNS settings of this machine, or give the IP address",
    FetchFault.UNREACHABLE: "Check address, port and firewall, and that the Cisco Tftp service runs there",
    FetchFault.TIMEOUT: "Check the network and firewall on the way, or allow more time",
    FetchFault.TOO_LARGE: "No trust list or signed file of CUCM is that large; check what serves this address",
    FetchFault.REDIRECT: "Redirects are never followed; if that place is right, give its address yourself",
    FetchFault.SERVER_ERROR: "Try again in a minute; if it stays, look at the Cisco Tftp service there",
    FetchFault.PROTOCOL: "Check that this address and port is the TFTP service of a CUCM node",
    FetchFault.TLS: "Check the certificate of that node",
}


def printable(text: str, limit: int = MAX_QUOTED_CHARACTERS) -> str:
    """Make words from outside harmless for a terminal and a log.

    Args:
        text: Words of a server, or a name somebody typed.
        limit: Characters to keep of it.

    Returns:
        One line: everything that is not printable (controls, line ends, bidirectional overrides, lone
        surrogates) stands as a backslash escape, and what is too long is cut with an ellipsis.
    """
    shown = spelled_out(text[:limit])
    return shown if len(text) <= limit else shown + "…"


def join_endpoint(host: str, port: int) -> str:
    """Write host and port as one word, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class TargetError(ValueError):
    """The operator asked for something that cannot be a file on a TFTP node; its text says what is wrong."""


class FetchError(Exception):
    """A file could not be had. Its text is one line: what, from where, why, and what to do next.

    Attributes:
        fault: The kind of trouble.
        endpoint: `host:port` that was asked.
        name: The file that was asked for.
        detail: What happened, in words, harmless to print.
        advice: What to do next.
    """

    def __init__(self, fault: FetchFault, *, endpoint: str, name: str, detail: str, advice: str = "") -> None:
        self.fault = fault
        self.endpoint = printable(endpoint)
        self.name = printable(name)
        self.detail = printable(detail, 3 * MAX_QUOTED_CHARACTERS)
        self.advice = advice or _ADVICE[fault]
        super().__init__(f"cannot fetch {self.name} from {self.endpoint}: {self.detail}. {self.advice}.")

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip to another process, which keyword arguments alone would not."""
        return _rebuild, (self.fault, self.endpoint, self.name, self.detail, self.advice)


def _rebuild(fault: FetchFault, endpoint: str, name: str, detail: str, advice: str) -> FetchError:
    return FetchError(fault, endpoint=endpoint, name=name, detail=detail, advice=advice)


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a file on a TFTP node.

    Names may hold sub-directories, as in `New_Zealand/g3-tones.xml.sgn`.

    Args:
        name: Path on the server, without the first slash.

    Raises:
        TargetError: The name is empty or too long, has a control character, a backslash, an empty, `.` or
            `..` part.
    """
    if not name:
        raise TargetError("no file name is given: write it after the host, as in tftp://host/CTLFile.tlv")
    if not name.isprintable():
        raise TargetError(f"the file name {printable(name)!r} has a control or other unprintable character")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise TargetError(f"the file name {printable(name, 40)!r} is longer than {MAX_NAME_BYTES} bytes")
    if "\\" in name:
        raise TargetError(f"the file name {name!r} has a backslash; directories are separated by a slash")
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise TargetError(f"the file name {name!r} has an empty, '.' or '..' part")


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """One file of one TFTP node.

    Attributes:
        scheme: How to ask for it.
        host: Name or address of the node, an IPv6 address without brackets.
        port: UDP port of TFTP, TCP port of HTTP and HTTPS.
        name: The file, with `/` between directories and none at the start.

    Raises:
        TargetError: One of them cannot be.
    """

    scheme: Scheme
    host: str
    port: int
    name: str

    def __post_init__(self) -> None:
        if self.scheme not in DEFAULT_PORTS:
            raise TargetError(f"the scheme {printable(self.scheme)!r} is not one of {', '.join(DEFAULT_PORTS)}")
        # These characters are all that a host name, an IPv4 or an IPv6 address (with its %zone) is made of;
        # nothing else may reach a resolver or an HTTP header.
        plain = self.host.isascii() and self.host.translate(str.maketrans("", "", ".-_:%")).isalnum()
        plain = plain and ("%" not in self.host or ":" in self.host)
        if not plain or len(self.host) > MAX_HOST_CHARACTERS:
            raise TargetError(f"{printable(self.host)!r} is no host name or address")
        if not 1 <= self.port <= 65535:
            raise TargetError(f"the port {self.port} is not between 1 and 65535")
        check_name(self.name)

    @property
    def endpoint(self) -> str:
        """`host:port`, as errors name it."""
        return join_endpoint(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.endpoint}/{self.name}"


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much one fetch may take.

    Attributes:
        max_bytes: Size of the file, after any decompression, in bytes.
        deadline_seconds: Time for the whole transfer, connecting included.
        tftp_block_bytes: Block size to ask a TFTP server for, in bytes.
        tftp_retransmit_seconds: Wait before the first retransmission over TFTP; doubles from there.
        tftp_retransmits: Retransmissions of one packet before giving up.

    Raises:
        ValueError: A limit makes no sense.
    """

    max_bytes: int = DEFAULT_MAX_BYTES
    deadline_seconds: float = DEFAULT_DEADLINE_SECONDS
    tftp_block_bytes: int = DEFAULT_TFTP_BLOCK_BYTES
    tftp_retransmit_seconds: float = DEFAULT_TFTP_RETRANSMIT_SECONDS
    tftp_retransmits: int = DEFAULT_TFTP_RETRANSMITS

    def __post_init__(self) -> None:
        if self.max_bytes < 0 or self.tftp_retransmits < 0:
            raise ValueError("max_bytes and tftp_retransmits cannot be negative")
        if not (self.deadline_seconds > 0 and self.tftp_retransmit_seconds > 0):
            raise ValueError("deadline_seconds and tftp_retransmit_seconds must be more than 0")
        if not MIN_TFTP_BLOCK_BYTES <= self.tftp_block_bytes <= MAX_TFTP_BLOCK_BYTES:
            raise ValueError(f"tftp_block_bytes must be {MIN_TFTP_BLOCK_BYTES} to {MAX_TFTP_BLOCK_BYTES} (RFC 2348)")


@dataclass(frozen=True, slots=True)
class TlsTrust:
    """How an HTTPS server proves itself; there is no way to switch that off.

    With neither field set, the certificate authorities of this machine decide.

    Attributes:
        ca_file: Certificates (PEM, or one in DER) that may vouch for the server; its name is checked too.
        sha256_pin: SHA-256 fingerprint (32 bytes) that the server's own certificate must have. Names and
            chains do not matter then: CUCM's certificates are self-signed.

    Raises:
        ValueError: Both are given, or the pin has not 32 bytes.
    """

    ca_file: Path | None = None
    sha256_pin: bytes | None = None

    def __post_init__(self) -> None:
        if self.ca_file is not None and self.sha256_pin is not None:
            raise ValueError("give either a CA file or a fingerprint, not both")
        if self.sha256_pin is not None and len(self.sha256_pin) != SHA256_BYTES:
            raise ValueError(f"a SHA-256 fingerprint has {SHA256_BYTES} bytes, not {len(self.sha256_pin)}")

    @classmethod
    def pinned(cls, fingerprint: str) -> "TlsTrust":
        """Trust the one certificate with this fingerprint.

        Args:
            fingerprint: SHA-256 in hexadecimal, in either case, with or without colons or spaces, as
                browsers and `openssl x509 -fingerprint -sha256` print it.

        Returns:
            The trust.

        Raises:
            ValueError: It is not such a fingerprint; the text says what is wrong.
        """
        digits = fingerprint.replace(":", "").replace(" ", "")
        try:
            pin = bytes.fromhex(digits)
        except ValueError:
            raise ValueError(f"{printable(fingerprint)!r} is not a fingerprint in hexadecimal") from None
        return cls(sha256_pin=pin)


class FileFetcher(Protocol):
    """The port: get one file of one TFTP node."""

    def __call__(self, target: FetchTarget, limits: FetchLimits, tls: TlsTrust) -> bytes:
        """Get the whole file, perhaps empty, within the limits.

        Args:
            target: The file.
            limits: How much it may take.
            tls: How an HTTPS server proves itself; not used by the other schemes.

        Returns:
            The bytes of the file. Administrators do create empty lists, so `b""` is a success.

        Raises:
            FetchError: The file could not be had whole.
        """
        ...
