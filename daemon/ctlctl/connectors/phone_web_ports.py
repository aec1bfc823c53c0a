"""Phones' pages as the rest of the application sees them: settings, the error, and what comes of a visit."""

from dataclasses import dataclass
from typing import Final

from ctlctl.connectors.errors import ConnectorError
from ctlctl.phonepages import MAX_PAGE_BYTES, PageFacts

# Seconds for connecting, and for a handshake.
DEFAULT_STEP_SECONDS: Final = 5.0
# A visit takes three pages as a rule, from processors that need a second for each.
STEPS_OF_A_VISIT: Final = 3
DEFAULT_CONCURRENCY: Final = 20
# Each costs a thread and a descriptor.
MAX_CONCURRENCY: Final = 500


class PhoneWebError(ConnectorError):
    """A phone's pages were not read."""


@dataclass(frozen=True, slots=True)
class PhoneWebSettings:
    """How phones' pages are read.

    Attributes:
        cluster: Name of the cluster in the settings; errors say it.
        http_port: Port of the plain pages.
        https_port: Port of the same pages over TLS; tried where the plain ones are closed or point there.
        step_seconds: For connecting, and for a handshake. A whole visit has three times that, whatever it waits for.
        max_bytes: Of one page, after decompression.

    Raises:
        ValueError: A value makes no sense.
    """

    cluster: str
    http_port: int = 80
    https_port: int = 443
    step_seconds: float = DEFAULT_STEP_SECONDS
    max_bytes: int = MAX_PAGE_BYTES

    def __post_init__(self) -> None:
        if not self.step_seconds > 0:
            raise ValueError("step_seconds must be more than 0")
        if not 0 < self.max_bytes <= MAX_PAGE_BYTES:
            raise ValueError(f"max_bytes must be 1 to {MAX_PAGE_BYTES}")

    @property
    def visit_seconds(self) -> float:
        """Seconds for one phone, all its pages together."""
        return STEPS_OF_A_VISIT * self.step_seconds


@dataclass(frozen=True, slots=True)
class Visited:
    """What came of one phone.

    Attributes:
        name: Device name of the phone.
        result: What its pages say, or why they say nothing.
    """

    name: str
    result: PageFacts | PhoneWebError
