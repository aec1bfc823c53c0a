"""A lab that runs in this process, on addresses that no other test uses."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.run import LabPlan, RunningLab, running_lab
from ctlctl_lab.services import PortPlan


def own_network() -> tuple[str, str]:
    """Pick addresses for the first node and the first phone of a lab of its own."""
    one, two = 2 + secrets.randbelow(60), 1 + secrets.randbelow(250)
    return f"127.{one}.{two}.1", f"127.{one + 64}.{two}.1"


def lab_plan(
    directory: Path, phones: int = 40, nodes: int = 3, scenario: str = "healthy", speed: float = 1.0
) -> LabPlan:
    """Return a plan for a lab of its own."""
    first_node, first_phone = own_network()
    world = WorldPlan(phones=phones, nodes=nodes, first_node=first_node, first_phone=first_phone)
    return LabPlan(directory, world, PortPlan(phones=0), scenario, speed)


@contextmanager
def small_lab(directory: Path, phones: int = 40, nodes: int = 3) -> Iterator[RunningLab]:
    """Run a lab for the length of a ``with`` block."""
    with running_lab(lab_plan(directory, phones, nodes)) as lab:
        yield lab
