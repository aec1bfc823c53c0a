"""`ctlctl verify` as click sees it: help, completion, and every command line that is not plain."""

from collections.abc import Callable
from typing import TypeVar

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file
from ctlctl.verify.options import VERIFY_OPTIONS, Option, VerifyArguments

F = TypeVar("F", bound=Callable[..., object])


def with_options(*options: Option) -> Callable[[F], F]:
    """Return a decorator that gives a click command the options described as data."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = click.option(
                *option.flags,
                option.name,
                metavar=None if option.choices else option.metavar,
                help=option.help,
                type=click.Choice(option.choices) if option.choices else str,
                multiple=option.multiple,
                default=option.default,
                show_default=option.default is not None,
            )(function)
        return function

    return decorate


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--against", metavar="CLUSTER", help="Does the list have the certificates in use in this cluster?")
@with_options(*VERIFY_OPTIONS)
@pass_settings_file
@click.pass_context
def verify(
    context: click.Context,
    settings: SettingsFile,
    /,
    targets: tuple[str, ...],
    against: str | None,
    **options: object,
) -> None:
    """Verify trust lists (CTL, ITL) and signed phone files.

    TARGET is a file, a directory (every .tlv and .sgn file in it), - for standard input, an address:
    tftp://HOST/NAME, http://HOST:6970/NAME, https://HOST:6971/NAME, or cluster:NAME for every list of every TFTP node
    of a cluster in the settings.

    Without a trust anchor the best verdict is self-consistent: the file agrees with itself, but who signed it is not
    proven. Held against a cluster (cluster:NAME, or --against NAME, which asks AXL for the certificates in use) a list
    is valid where the cluster knows who signed it, and stale where it lacks one.
    """
    from ctlctl.verify.run import run_verify  # noqa: PLC0415 - help and completion need no cryptography

    arguments = VerifyArguments(targets, **options)  # type: ignore[arg-type]
    clusters = None
    if against is not None or any(target.startswith("cluster:") for target in targets):
        from ctlctl.cluster.inuse import SettingsClusters  # noqa: PLC0415 - loads zeep

        clusters = SettingsClusters(settings.to_read())
    context.exit(guarded(lambda: run_verify(arguments, clusters, against)))
