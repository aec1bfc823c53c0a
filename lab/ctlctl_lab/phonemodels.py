"""The kinds of phone that live in the lab, with what matters for their trust.

Numbers and abilities are those of the public model list (`typemodel`, RIS ``Model``) and of the security guides.
"""

from dataclasses import dataclass
from enum import Enum


class MicCa(Enum):
    """Which manufacturing CA made a model's MIC."""

    SHA2 = "sha2"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class PhoneModel:
    """One kind of phone.

    Attributes:
        name: as AXL gives it (``model`` and ``product``), also the key of `MODELS`.
        enum: number in ``typemodel``, and RIS ``Model``.
        short: as certificates spell it, such as "CP-8845".
        protocols: "SIP", "SCCP" or both; the first is the usual one.
        load: a firmware name.
        mic: who made its MIC, or None for a model without one.
        tls10_only: speaks nothing newer than TLS 1.0 (all of the 7900 series).
        security_by_default: downloads an ITL and asks TVS; False for the 7940 and 7960.
        sha512: takes files signed with SHA-512; False for the 7900 series, which that setting cuts off.
        ec: can be issued an EC LSC.
        key_seconds: lab seconds to make an RSA-2048 key.
        weight: share of the phones of a cluster, relative.
    """

    name: str
    enum: int
    short: str
    protocols: tuple[str, ...]
    load: str
    mic: MicCa | None
    tls10_only: bool
    security_by_default: bool
    sha512: bool
    ec: bool
    key_seconds: float
    weight: int


def _modern(name: str, enum: int, load: str, key_seconds: float, weight: int) -> PhoneModel:
    """A 7800 or 8800: SIP, a MIC of the SHA-2 manufacturing CA, TLS 1.2, EC."""
    return PhoneModel(
        f"Cisco {name}",
        enum,
        f"CP-{name}",
        ("SIP",),
        load,
        MicCa.SHA2,
        tls10_only=False,
        security_by_default=True,
        sha512=True,
        ec=True,
        key_seconds=key_seconds,
        weight=weight,
    )


def _old(name: str, enum: int, load: str, key_seconds: float, weight: int) -> PhoneModel:
    """A 7900: SCCP first, TLS 1.0, no EC; the 7940 and 7960 have no MIC and know no ITL."""
    first_generation = name in {"7940", "7960"}
    return PhoneModel(
        f"Cisco {name}",
        enum,
        f"CP-{name}G",
        ("SCCP", "SIP"),
        load,
        None if first_generation else MicCa.OLD,
        tls10_only=True,
        security_by_default=not first_generation,
        sha512=False,
        ec=False,
        key_seconds=key_seconds,
        weight=weight,
    )


_TABLE = (
    _modern("7821", 621, "sip78xx.14-2-1-0201", 8.0, 22),
    _modern("7841", 622, "sip78xx.14-2-1-0201", 8.0, 18),
    _modern("8845", 36224, "sip8845_65.14-2-1-0201", 4.0, 20),
    _modern("8851", 684, "sip88xx.14-2-1-0201", 4.0, 18),
    _modern("8861", 685, "sip88xx.14-2-1-0201", 4.0, 10),
    _modern("8832", 36258, "sip8832.14-2-1-0201", 4.0, 4),
    _old("7962", 404, "SCCP42.9-4-2SR3-1S", 40.0, 4),
    _old("7975", 437, "SCCP75.9-4-2SR3-1S", 30.0, 3),
    _old("7960", 7, "P0030801SR02", 60.0, 1),
)

#: By the name that AXL gives.
MODELS = {model.name: model for model in _TABLE}
