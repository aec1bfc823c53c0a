"""One trust list of one node, between what was seen of it and what is shown of it."""

from dataclasses import dataclass, field

from ctlctl.assess.continuity import Step
from ctlctl.assess.expected import Comparison
from ctlctl.inventory.values import ServedList
from ctlctl_trust import ListReport


@dataclass(slots=True)
class Judged:
    """One list of one node on its way to a view.

    Attributes:
        served: what was seen.
        report: what verification gave; None where there is nothing to verify.
        comparison: with what should be in it; None where it was not compared.
        step: how it follows on the list before.
        codes: reason codes, those of the comparison with the other list included.
    """

    served: ServedList
    report: ListReport | None = None
    comparison: Comparison | None = None
    step: Step = field(default_factory=Step)
    codes: set[str] = field(default_factory=set)

    @property
    def subject(self) -> str:
        """What findings about it are about."""
        return f"{self.served.node}/{self.served.kind}"

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return f"{self.served.kind.upper()} of {self.served.node}"
