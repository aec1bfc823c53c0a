"""`ctlctl plan`: what would be done to which phones, as a file to be looked at and approved."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_F = TypeVar("_F", bound=Callable[..., Any])

#: Codes of guards that can be taken on; `ctlctl.plan.model` has them all, and is not loaded for a mere --help.
_ACCEPTABLE = (
    "authentication-mode",
    "authentication-string",
    "capf-rest",
    "mic-standby",
    "null-string",
    "stale-ctl",
    "trust-lists",
)
_FILTERS = {
    "name": "Device names.",
    "credential": "lsc, lsc-expiring, lsc-expired, mic, mic-suspected, none, unknown.",
    "credential_issuer": "Issuers of what they show.",
    "security_mode": "'Non Secure', Authenticated, Encrypted.",
    "model": "Models.",
    "family": "Model families: 7800, 8800, …",
    "device_pool": "Device pools.",
    "security_profile": "Security profiles.",
    "registration": "Registered, UnRegistered, Rejected, Unknown.",
    "node": "Nodes they are registered with.",
    "capf_status": "CAPF's last words.",
    "not_taken": "ctl or itl: those that have not taken the newest.",
}


def _selecting(command: _F) -> _F:
    """Add the filters of `ctlctl phone list`, and the rest of a selection."""
    for option in (
        click.option("--all", "everything", is_flag=True, help="All phones of the cluster may be meant."),
        click.option("--from-file", metavar="FILE", help="Only these device names, one a line."),
        click.option("--within", metavar="DAYS", type=click.IntRange(1), help="Credential ends within so many days."),
    ):
        command = option(command)
    for name, text in reversed(_FILTERS.items()):
        command = click.option(f"--{name.replace('_', '-')}", name, metavar="WORD", default="", help=text)(command)
    return command


def _planning(command: _F) -> _F:
    """Add what belongs to every plan."""
    for option in (
        click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output."),
        click.option("--force", is_flag=True, help="Replace a file that is there."),
        click.option("--out", metavar="FILE", help="Save the plan here; else in this directory, named after it."),
        click.option(
            "--accept",
            "accepted",
            multiple=True,
            type=click.Choice(_ACCEPTABLE),
            metavar="GUARD",
            help=f"Take on what a guard cannot tell, or calls unwise; the plan says so. {', '.join(_ACCEPTABLE)}.",
        ),
        click.option(
            "--first", multiple=True, metavar="NAME", help="Phones that go first, with * and ?: your own. Repeatable."
        ),
    ):
        command = option(command)
    return command


@click.group()
def plan() -> None:
    """Plan what is to be done to phones. Nothing is changed by a plan."""


@plan.group()
def lsc() -> None:
    """Plan new LSCs, their renewal or removal, on any number of phones.

    A plan is a file: which phones, which not and why, what it costs, in which order, and what speaks against it.
    Nothing is changed. Exits with 4 when a guard refuses it, 3 when too little is known.
    """


def _run(context: click.Context, settings: SettingsFile, operation: str, given: dict[str, Any]) -> None:
    from ctlctl.plan.run import PlanWords, run_plan  # noqa: PLC0415 - only who runs the command pays

    filters = {name: str(given.pop(name)) for name in (*_FILTERS, "within") if given.get(name)}
    for name in (*_FILTERS, "within"):
        given.pop(name, None)
    words = PlanWords(operation=operation, filters=filters, **given)
    context.exit(guarded(lambda: run_plan(settings.to_read(), words)))


@lsc.command()
@click.argument("cluster")
@_selecting
@_planning
@pass_settings_file
@click.pass_context
def install(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Plan a first LSC for phones that have none."""
    _run(context, settings, "install", given)


@lsc.command()
@click.argument("cluster")
@_selecting
@click.option(
    "--renew-before",
    "renew_before_days",
    metavar="DAYS",
    type=click.IntRange(1, 1825),
    help="An LSC is due so long before its end; instead of the settings' renew_before_days.",
)
@click.option(
    "--due-or-not",
    is_flag=True,
    help="Also LSCs that are not due, or by whose renewal no time is gained: for another key, say.",
)
@_planning
@pass_settings_file
@click.pass_context
def renew(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Plan new LSCs for phones whose LSC ends soon, has ended, or is of an earlier CAPF certificate."""
    _run(context, settings, "renew", given)


@lsc.command()
@click.argument("cluster")
@_selecting
@_planning
@pass_settings_file
@click.pass_context
def troubleshoot(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Plan that phones hand their certificates to CAPF, which writes them to its traces."""
    _run(context, settings, "troubleshoot", given)


@lsc.command()
@click.argument("cluster")
@_selecting
@_planning
@pass_settings_file
@click.pass_context
def delete(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Plan the removal of LSCs."""
    _run(context, settings, "delete", given)


@plan.command()
@click.argument("file", type=click.Path())
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output.")
@click.pass_context
def show(context: click.Context, file: str, output: str) -> None:
    """Show a plan file, if not one byte of it was edited."""
    from pathlib import Path  # noqa: PLC0415 - see above

    from ctlctl.plan.run import run_show  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_show(Path(file), output)))
