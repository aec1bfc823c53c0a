"""What the SOAP services need of the world."""

from typing import Protocol

from ctlctl_lab.faults import Faults
from ctlctl_lab.model import Cluster


class LabWorld(Protocol):
    """The cluster, its fault switches, and what sets phones in motion; `ctlctl_lab.world.World` is one."""

    @property
    def cluster(self) -> Cluster:
        """The cluster's records."""

    @property
    def faults(self) -> Faults:
        """What goes wrong."""

    def apply_phone(self, name: str) -> object:
        """Let a phone take its configuration anew."""

    def reset_phone(self, name: str) -> object:
        """Let a phone start anew."""

    def parameter_changed(self, node: str, service: str, name: str) -> object:
        """Let a new value of a parameter, stored already, take effect."""
