"""A lab that runs in this process, on addresses that no other test uses."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.run import LabPlan, RunningLab, running_lab
from ctlctl_lab.services import PortPlan

#: Every process of a test run has second bytes of its own, and gives out third ones in turn.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_TURN = count(secrets.randbelow(250))


def own_network() -> tuple[str, str]:
    """Pick addresses for the first node and the first phone of a lab of its own."""
    one, two = 2 + _WORKER % 12 * 5 + secrets.randbelow(5), 1 + next(_TURN) % 250
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
        own_listener(lab)
        yield lab


def own_listener(lab: RunningLab) -> None:
    """Let the daemon listen where nobody else does: a port that was free once may be another test's by now."""
    listen = f'listen = "{lab.world.cluster.publisher.address}:9877"'
    lab.settings.write_text(re.sub(r"(?m)^listen = .*$", listen, lab.settings.read_text(), count=1))
