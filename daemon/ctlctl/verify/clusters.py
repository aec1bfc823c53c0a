"""What `ctlctl verify` needs of clusters; `ctlctl.cluster.inuse` has it from the clusters themselves."""

from collections.abc import Iterator
from typing import Protocol

from ctlctl.verify.result import Result
from ctlctl.verify.sources import Content

PREFIX = "cluster:"


class InUse(Protocol):
    """The certificates in use in one cluster."""

    def judge(self, result: Result, node: str | None = None) -> Result:
        """Hold a list against what should be in it.

        Args:
            result: what verification gave.
            node: the node that serves it, or None where that is not known.
        """


class Clusters(Protocol):
    """The clusters in the settings."""

    def lists(self, name: str) -> Iterator[tuple[str, Content]]:
        """Give node and content of every list of every TFTP node; raises UsageError where there is no such cluster."""

    def in_use(self, name: str) -> InUse:
        """Ask a cluster for its certificates.

        Raises:
            UsageError: there is no such cluster in the settings.
            HelperError: it cannot be asked.
        """
