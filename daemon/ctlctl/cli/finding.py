"""`ctlctl finding`: what the codes mean."""

import click

from ctlctl.cli.exits import guarded
from ctlctl_trust.codes import Code, severity_of


@click.group()
def finding() -> None:
    """Explain findings."""


@finding.command()
@click.argument("code", type=click.Choice([code.value for code in Code]), metavar="CODE")
@click.pass_context
def explain(context: click.Context, /, code: str) -> None:
    """Say what a finding means, what follows from it, and what to do.

    CODE is a reason code as `ctlctl verify` prints it.
    """
    from textwrap import fill  # noqa: PLC0415 - completion needs none of it

    from ctlctl.explanations import EXPLANATIONS  # noqa: PLC0415

    def show() -> int:
        known = Code(code)
        means, so_what, do = EXPLANATIONS[known]
        print(f"{code} ({severity_of(known).value})")
        for label, text in (("means", means), ("so what", so_what), ("do", do)):
            print(fill(text, 80, initial_indent=f"  {label:<9}", subsequent_indent=" " * 11))
        return 0

    context.exit(guarded(show))
