"""The tree of commands."""

import click

from ctlctl import __version__
from ctlctl.cli.finding import finding
from ctlctl.cli.trustlist import trustlist
from ctlctl.cli.verify import verify


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or valid, 1 checked and not valid, 2 usage, 3 could not decide.",
)
@click.version_option(__version__, prog_name="ctlctl")
def cli() -> None:
    """Watch what the phones of a Cisco Unified Communications Manager cluster trust."""


cli.add_command(verify)
cli.add_command(trustlist)
cli.add_command(finding)
