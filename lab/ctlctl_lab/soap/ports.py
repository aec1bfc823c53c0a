"""What the services of port 8443 need of the world."""

from typing import Protocol

from ctlctl_lab.faults import Faults
from ctlctl_lab.model import Cluster, PlatformAccount


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

    def platform_login(self, node: str, user: str, password: str) -> PlatformAccount | None:
        """Check who logs in to a node's platform."""

    def restart_service(self, node: str, service: str) -> bool:
        """Restart a service of a node, and tell whether it came back."""

    def stop_service(self, node: str, service: str) -> object:
        """Stop a service of a node."""

    def start_service(self, node: str, service: str) -> bool:
        """Start a service of a node, and tell whether it runs."""
