"""Making findings: the rules put them in one place, each identity once."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ctlctl.assess.model import ClusterCode, Finding, FindingSeverity, Json

_NOTHING: Mapping[str, Json] = MappingProxyType({})
_RANK = {severity: rank for rank, severity in enumerate(FindingSeverity)}
_ORDER = {code: place for place, code in enumerate(ClusterCode)}


class Findings:
    """Collects the findings of one cluster.

    Attributes:
        cluster: its name, for the commands that findings tell to run.
    """

    def __init__(self, cluster: str) -> None:
        self.cluster = cluster
        self._found: dict[tuple[str, str], Finding] = {}

    def add(  # noqa: PLR0913 - one argument per part of a finding
        self,
        code: ClusterCode,
        severity: FindingSeverity,
        summary: str,
        so_what: str,
        *do: str,
        subject: str = "",
        evidence: Mapping[str, Json] = _NOTHING,
        count: int | None = None,
    ) -> None:
        """Add a finding; of two with the same identity the worse one stays."""
        made = Finding(code, severity, subject, summary, so_what, do, MappingProxyType(dict(evidence)), count)
        held = self._found.get(made.key)
        if held is None or _RANK[severity] < _RANK[held.severity]:
            self._found[made.key] = made

    def severity_of(self, code: ClusterCode, subject: str) -> FindingSeverity | None:
        """Return how bad a finding is; None where it was not found so far."""
        held = self._found.get((code.value, subject))
        return None if held is None else held.severity

    def standing(self, codes: Iterable[ClusterCode]) -> tuple[ClusterCode, ...]:
        """Return which of these codes were found so far, in the order given."""
        found = {code for code, _ in self._found}
        return tuple(code for code in codes if code.value in found)

    def worst_first(self) -> tuple[Finding, ...]:
        """Return all, worst first, in an order that is the same for the same findings."""
        return tuple(
            sorted(
                self._found.values(),
                key=lambda one: (_RANK[one.severity], -(one.count or 0), _ORDER[one.code], one.subject),
            )
        )
