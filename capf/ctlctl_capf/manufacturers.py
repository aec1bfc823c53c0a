"""Cisco's manufacturing CAs: what is known of them, and the pins by which they are recognised.

Their certificates are not part of this project. Names alone prove nothing, so a manufacturer counts only once somebody
has vouched for its certificate by fingerprint: settings fill a table of pins, one a line, ``SHA-256  name``.
Source of the table: collected from Cisco's certificate guides and parsed samples; each date says how sure it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from ctlctl_trust.certificate import Certificate

#: Characters of a table of pins that are read.
MAX_TABLE: Final = 256 * 1024
_FINGERPRINT_BYTES: Final = 32


class Certainty(StrEnum):
    """How sure a fact is."""

    #: Read from the certificate itself.
    PARSED = "parsed"
    #: Concluded from something that is.
    INFERRED = "inferred"
    #: Commonly known, but no source has been seen.
    UNPROVEN = "unproven"
    #: Not known at all.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ManufacturingCa:
    """A CA that issues MICs, or the root above one.

    Attributes:
        name: CN.
        issuer: CN of who issued it; its own for a root; empty where unknown.
        not_after: end of its validity; None where unknown.
        certainty: of ``not_after``.
        note: what else there is to say.
    """

    name: str
    issuer: str
    not_after: datetime | None
    certainty: Certainty
    note: str = ""


#: Known by name. Only with a pin does one of them count.
MANUFACTURING_CAS: Final = (
    ManufacturingCa("CAP-RTP-001", "CAP-RTP-001", datetime(2023, 2, 6, tzinfo=UTC), Certainty.UNPROVEN),
    ManufacturingCa("CAP-RTP-002", "CAP-RTP-002", datetime(2023, 10, 10, tzinfo=UTC), Certainty.UNPROVEN),
    ManufacturingCa(
        "Cisco Manufacturing CA",
        "Cisco Root CA 2048",
        datetime(2029, 5, 14, 20, 25, 42, tzinfo=UTC),
        Certainty.PARSED,
        "no MIC of it can be verified after that instant",
    ),
    ManufacturingCa(
        "Cisco Root CA 2048",
        "Cisco Root CA 2048",
        datetime(2029, 5, 14, 20, 25, 42, tzinfo=UTC),
        Certainty.INFERRED,
        "from the end of Cisco Manufacturing CA",
    ),
    ManufacturingCa(
        "ACT2 SUDI CA",
        "Cisco Root CA 2048",
        datetime(2029, 5, 14, tzinfo=UTC),
        Certainty.UNPROVEN,
        "a field notice has its certificates end 2029-05-14 20:25:41",
    ),
    ManufacturingCa(
        "Cisco Manufacturing CA SHA2",
        "Cisco Root CA M2",
        datetime(2037, 11, 12, 13, 0, 17, tzinfo=UTC),
        Certainty.PARSED,
    ),
    ManufacturingCa("Cisco Root CA M2", "Cisco Root CA M2", datetime(2037, 11, 12, tzinfo=UTC), Certainty.UNPROVEN),
    ManufacturingCa("Cisco Manufacturing CA II", "", None, Certainty.UNKNOWN),
    ManufacturingCa(
        "Cisco Manufacturing CA III",
        "Cisco Basic Assurance Root CA 2099",
        None,
        Certainty.UNKNOWN,
        "its root's name says 2099; absent from the trust stores of older releases",
    ),
    ManufacturingCa(
        "High Assurance SUDI CA", "Cisco Root CA 2099", None, Certainty.UNKNOWN, "its root's name says 2099"
    ),
)


def known_by_name(name: str) -> ManufacturingCa | None:
    """Return what is known of a manufacturing CA of that CN; it proves nothing about a certificate."""
    return next((ca for ca in MANUFACTURING_CAS if ca.name == name), None)


class PinError(ValueError):
    """A table of pins cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A certificate that somebody vouches for.

    Attributes:
        sha256: its fingerprint.
        name: what to call it.
    """

    sha256: bytes
    name: str

    @classmethod
    def of(cls, certificate: Certificate) -> "Pin":
        """Return the pin of a certificate."""
        return cls(fingerprint(certificate), certificate.common_name)

    def __str__(self) -> str:
        return f"{self.sha256.hex(':').upper()}  {self.name}"


def fingerprint(certificate: Certificate) -> bytes:
    """Return a certificate's SHA-256."""
    return sha256(certificate.der).digest()


def read_pins(table: str) -> tuple[Pin, ...]:
    """Read a table of pins.

    Args:
        table: lines of a SHA-256 fingerprint (hexadecimal, colons or not) and a name; empty lines and those that begin
            with ``#`` count for nothing.

    Raises:
        PinError: a line is none, or a fingerprint stands twice.
    """
    if len(table) > MAX_TABLE:
        raise PinError(f"a table of pins has at most {MAX_TABLE} characters")
    found: dict[bytes, Pin] = {}
    for place, line in enumerate(table.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        text, _, name = words.partition(" ")
        try:
            value = bytes.fromhex(text.replace(":", ""))
        except ValueError:
            raise PinError(f"line {place}: no fingerprint in hexadecimal") from None
        if len(value) != _FINGERPRINT_BYTES:
            raise PinError(f"line {place}: a SHA-256 fingerprint has {_FINGERPRINT_BYTES} bytes, not {len(value)}")
        if not name.strip():
            raise PinError(f"line {place}: no name stands after the fingerprint")
        if value in found:
            raise PinError(f"line {place}: the fingerprint of {found[value].name} stands twice")
        found[value] = Pin(value, name.strip())
    return tuple(found.values())


def write_pins(pins: Iterable[Pin]) -> str:
    """Return a table that `read_pins` reads."""
    return "".join(f"{pin}\n" for pin in pins)
