"""What the trust list commands share: getting one list and reading it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ctlctl.verify.engine import Examiner
from ctlctl.verify.helpers import Helpers
from ctlctl.verify.result import Result
from ctlctl.verify.settings import make_network
from ctlctl.verify.sources import read_target


class UnreadableError(Exception):
    """A list could not be had, or not be read; ``malformed`` tells which."""

    def __init__(self, message: str, *, malformed: bool) -> None:
        super().__init__(message)
        self.malformed = malformed


@dataclass(frozen=True, slots=True)
class NetworkWords:
    """The network options of a command line, as typed."""

    timeout: str = "30"
    tls_ca: str | None = None
    tls_pin: str | None = None

    @classmethod
    def from_click(cls, words: Mapping[str, str | None]) -> "NetworkWords":
        """Return them from click's keyword arguments."""
        return cls(words.get("timeout") or "30", words.get("tls_ca"), words.get("tls_pin"))


def examine_list(target: str, words: NetworkWords, now: datetime) -> Result:
    """Return the result for one list, which could be read at least in part.

    Raises:
        UnreadableError: the bytes cannot be had, or are no trust list at all.
        UsageError: a network option makes no sense.
    """
    network = make_network(words.timeout, words.tls_ca, words.tls_pin, (target,))
    content = read_target(target, network)
    result = Examiner(now, Helpers()).examine(content)
    if content.data is None:
        problem = content.problem.message if content.problem is not None else "nothing was read"
        raise UnreadableError(f"{target}: {problem}", malformed=False)
    if result.signed_report is not None:
        raise UnreadableError(f"{target}: a signed file, not a trust list; see `ctlctl verify`", malformed=True)
    if result.list_report is None or result.list_report.trust_list is None:
        finding = result.findings.listed[0]
        raise UnreadableError(f"{target}: no trust list ({finding.code}: {finding.message})", malformed=True)
    return result
