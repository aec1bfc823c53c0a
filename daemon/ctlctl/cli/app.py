"""The tree of commands."""

import click

from ctlctl import __version__
from ctlctl.cli.acts import audit, audit_log
from ctlctl.cli.cluster import cluster
from ctlctl.cli.enroll import enroll
from ctlctl.cli.finding import finding
from ctlctl.cli.fleet import (
    capf,
    cert,
    check,
    cluster_refresh,
    cluster_status,
    finding_list,
    node,
    phone,
    service,
    status,
    trustlist_history,
    trustlist_list,
)
from ctlctl.cli.lab import lab
from ctlctl.cli.plan import plan
from ctlctl.cli.rollout import rollout
from ctlctl.cli.settingsfile import SettingsFile
from ctlctl.cli.trustlist import trustlist
from ctlctl.cli.upkeep import config as config_group
from ctlctl.cli.upkeep import store
from ctlctl.cli.verify import verify


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done or valid, 1 checked and not valid, 2 usage, 3 could not decide, 4 refused, 5 rollout "
    "halted.",
)
@click.version_option(__version__, prog_name="ctlctl")
@click.option(
    "--config",
    metavar="FILE",
    help="The settings file. Otherwise ~/.config/ctlctl/ctld.toml where you have one, else /etc/ctlctl/ctld.toml.",
)
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """Watch what the phones of a Cisco Unified Communications Manager cluster trust."""
    context.obj = SettingsFile(config)


cluster.add_command(cluster_status)
cluster.add_command(cluster_refresh)
trustlist.add_command(trustlist_list)
trustlist.add_command(trustlist_history)
finding.add_command(finding_list)
capf.add_command(enroll)

_COMMANDS = (
    status,
    check,
    verify,
    trustlist,
    cluster,
    node,
    service,
    cert,
    phone,
    capf,
    rollout,
    audit,
    audit_log,
    finding,
    plan,
    config_group,
    store,
    lab,
)

for _command in _COMMANDS:
    cli.add_command(_command)
