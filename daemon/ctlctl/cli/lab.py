"""`ctlctl lab`: the commands of the simulated cluster, which is a package of its own and may be missing."""

from importlib import import_module
from importlib.util import find_spec

import click

from ctlctl.terminal import say


class _LabGroup(click.Group):
    """Finds its commands where they are, once somebody asks for one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return self._found(ctx).list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None."""
        return self._found(ctx).get_command(ctx, cmd_name)

    def _found(self, context: click.Context) -> click.Group:
        if find_spec("ctlctl_lab") is None:
            say("the lab is not installed: pip install 'ctlctl[lab]'")
            context.exit(3)
        # By name: the application does not depend on its simulation.
        found = import_module("ctlctl_lab.commands").lab
        if not isinstance(found, click.Group):
            raise TypeError("ctlctl_lab.commands.lab is no group of commands")
        return found


@click.group(cls=_LabGroup)
def lab() -> None:
    """Run a simulated cluster on this machine: real protocols on loopback, for trying things out."""
