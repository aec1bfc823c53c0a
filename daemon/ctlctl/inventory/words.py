"""What every value of the inventory is about: who says so, and why somebody said nothing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

ListKind: TypeAlias = Literal["ctl", "itl"]


class Source(StrEnum):
    """Who says so. Each is asked by a job of its own, and fails alone."""

    # In the order in which they are asked one after the other: what is installed comes before what is presented.
    AXL = "axl"
    RIS = "ris"
    CERTIFICATE_API = "certificate-api"
    CONTROL_CENTER = "control-center"
    PLATFORM_CLI = "platform-cli"
    TRUST_LISTS = "trust-lists"
    TLS_PORTS = "tls-ports"
    TVS = "tvs"
    PHONE_TLS = "phone-tls"
    PHONE_PAGES = "phone-pages"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a source could not be asked.

    Attributes:
        kind: value of `ConnectorFault` or `FetchFault`.
        detail: what happened, with the place.
        advice: what to do.
    """

    kind: str
    detail: str
    advice: str = ""
