"""`ctlctl lab`: a simulated cluster on this machine, and what goes on in it."""

import sys
from pathlib import Path

import click

from ctlctl_lab.dirs import LabError

_UNDECIDED = 3

_DIRECTORY = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("ctlctl-lab"),
    show_default=True,
    help="The lab's directory.",
)


def _fail(error: LabError) -> None:
    click.echo(str(error), err=True)
    sys.exit(_UNDECIDED)


def _say(line: str) -> None:
    click.echo(line)
    # Whoever waits for "ready" reads a pipe.
    sys.stdout.flush()


def _ask(directory: Path, do: str, **words: str) -> None:
    from ctlctl_lab.control import ask_lab  # noqa: PLC0415 - only who runs the command pays

    try:
        for line in ask_lab(directory, do, **words):
            click.echo(line)
    except LabError as error:
        _fail(error)


@click.group()
def lab() -> None:
    """Run a simulated cluster on this machine: real protocols on loopback, for trying things out."""


@lab.command()
@click.option("--phones", metavar="N", type=click.IntRange(1, 40_000), default=200, show_default=True, help="Phones.")
@click.option("--nodes", metavar="N", type=click.IntRange(1, 12), default=3, show_default=True, help="Nodes.")
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="The same seed, the same phones.")
@_DIRECTORY
@click.option("--scenario", metavar="NAME", default="healthy", show_default=True, help="See `lab scenario list`.")
@click.option(
    "--speed",
    metavar="X",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=1.0,
    show_default=True,
    help="Lab seconds that pass in one second.",
)
@click.option("--cucm", metavar="VERSION", default="14.0.1.13900-155", show_default=True, help="Version of CUCM.")
@click.option("--address", metavar="IP", default="127.0.7.1", show_default=True, help="Publisher; others follow it.")
@click.option("--phones-address", metavar="IP", default="127.64.0.1", show_default=True, help="First phone.")
@click.option("--phones-port", metavar="PORT", type=click.IntRange(0, 65535), help="The phones' HTTPS port.  [4433]")
@click.option("--capf-in-process", is_flag=True, help="Phones meet CAPF in memory, not on port 3804: cheaper.")
@click.option("--genuine-ports", is_flag=True, help="SSH on 22, TFTP on 69, phones on 80 and 443; needs root.")
def up(  # noqa: PLR0913 - one argument per option
    *,
    phones: int,
    nodes: int,
    seed: int,
    directory: Path,
    scenario: str,
    speed: float,
    cucm: str,
    address: str,
    phones_address: str,
    phones_port: int | None,
    capf_in_process: bool,
    genuine_ports: bool,
) -> None:
    """Start a lab and keep it running until Ctrl-C or SIGTERM."""
    from ctlctl_lab.build import WorldPlan  # noqa: PLC0415 - see above
    from ctlctl_lab.run import LabPlan, run_until_told  # noqa: PLC0415
    from ctlctl_lab.services import PortPlan  # noqa: PLC0415

    try:
        world = WorldPlan(phones, nodes, seed, cucm, address, phones_address)
        plan = LabPlan(directory, world, PortPlan(genuine_ports, phones_port), scenario, speed, capf_in_process)
        run_until_told(plan, _say)
    except LabError as error:
        _fail(error)


@lab.command()
@click.option("--wait", is_flag=True, help="Wait until a lab that was just started is up: a minute at most.")
@_DIRECTORY
def status(*, wait: bool, directory: Path) -> None:
    """Show what a running lab is doing."""
    if wait:
        from ctlctl_lab.control import wait_for_lab  # noqa: PLC0415 - see above

        wait_for_lab(directory)
    _ask(directory, "status")


@lab.group()
def scenario() -> None:
    """Situations that operators meet, each set up in one step."""


@scenario.command("list")
def scenario_list() -> None:
    """List the scenarios."""
    from ctlctl_lab.scenarios import SCENARIOS  # noqa: PLC0415 - see above

    for each in SCENARIOS.values():
        click.echo(f"{each.name:22} {each.summary}")


@scenario.command("apply")
@click.argument("name")
@_DIRECTORY
def scenario_apply(name: str, directory: Path) -> None:
    """Set up a scenario in a running lab; whatever was before is gone."""
    _ask(directory, "scenario", name=name)


@lab.group()
def fault() -> None:
    """Switches for what can go wrong."""


@fault.command("list")
@_DIRECTORY
def fault_list(directory: Path) -> None:
    """List the fault switches of a running lab, and which are on."""
    _ask(directory, "fault-list")


@fault.command("set")
@click.argument("name")
@click.argument("value")
@_DIRECTORY
def fault_set(name: str, value: str, directory: Path) -> None:
    """Switch a fault on, such as: lab fault set tftp-loss 0.2."""
    _ask(directory, "fault-set", name=name, value=value)


@fault.command("clear")
@click.argument("name", default="")
@_DIRECTORY
def fault_clear(name: str, directory: Path) -> None:
    """Switch one fault off, or all."""
    _ask(directory, "fault-clear", name=name)


@lab.command()
@click.argument("phone")
@_DIRECTORY
def reset(phone: str, directory: Path) -> None:
    """Reset a phone, or `all`."""
    _ask(directory, "reset", name=phone)


@lab.command("erase-lists")
@click.argument("phone")
@_DIRECTORY
def erase_lists(phone: str, directory: Path) -> None:
    """Erase a phone's trust lists, as a person at the phone does."""
    _ask(directory, "erase-lists", name=phone)


@lab.command()
@click.argument("unit")
@click.option("--node", metavar="NAME", default="", help="Only on this node.")
@click.option("--no-restart", is_flag=True, help="Services go on with the old certificate until they are restarted.")
@_DIRECTORY
def renew(*, unit: str, node: str, no_restart: bool, directory: Path) -> None:
    """Renew certificates: tomcat, ipsec, CallManager, TVS, CAPF or ITLRecovery."""
    _ask(directory, "renew", unit=unit, node=node, restart="no" if no_restart else "yes")


@lab.command()
@click.argument("what", type=click.Choice(["start", "stop", "restart"]))
@click.argument("node")
@click.argument("service")
@_DIRECTORY
def service(what: str, node: str, service: str, directory: Path) -> None:
    """Start, stop or restart a node's service, such as: lab service restart lab-pub 'Cisco Tomcat'."""
    _ask(directory, "service", what=what, node=node, service=service)


@lab.command("update-ctl")
@_DIRECTORY
def update_ctl(directory: Path) -> None:
    """Write the CTL anew, as `utils ctl update CTLFile` does."""
    _ask(directory, "update-ctl")


@lab.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["up", "down"]))
@_DIRECTORY
def node(name: str, state: str, directory: Path) -> None:
    """Switch a node on or off."""
    _ask(directory, "node", name=name, state=state)
