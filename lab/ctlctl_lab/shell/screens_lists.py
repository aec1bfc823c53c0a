"""`show ctl` and `show itl`: the lists that the node's TFTP service has, in the console's layout."""

from collections.abc import Iterable
from datetime import UTC, datetime

from ctlctl_lab.shell.session import Console
from ctlctl_trust import verify_trust_list
from ctlctl_trust.console import console_layout


def show_ctl(console: Console, _: str) -> Iterable[str]:
    """Show the CTL, or that there is none (Cisco document 118893)."""
    world = console.world
    with world.cluster.lock:
        data = world.files.ctl
    if data is None:
        return (
            "Length of CTL file: 0",
            "CTL File not found . Please run CTLClient plugin or run the CLI - utils ctl.. to generate the CTL file.",
            "Error parsing the CTL File.",
        )
    return _layout(console, data)


def show_itl(console: Console, _: str) -> Iterable[str]:
    """Show the node's ITL, or that there is none; the words for that are the CTL's with ITL for CTL."""
    world = console.world
    with world.cluster.lock:
        data = world.files.itl(console.node)
    if data is None:
        return ("Length of ITL file: 0", "ITL File not found .", "Error parsing the ITL File.")
    return _layout(console, data)


def _layout(console: Console, data: bytes) -> Iterable[str]:
    report = verify_trust_list(data, datetime.fromtimestamp(console.world.now(), UTC))
    return console_layout(report, data).split("\n")
