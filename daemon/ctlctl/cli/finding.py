"""`ctlctl finding`: what the codes mean."""

from typing import TYPE_CHECKING

import click

from ctlctl.cli.exits import guarded

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class _Code(click.ParamType[str]):
    """A reason code. Loaded when one is asked for: a cold `ctlctl verify` pays for none of them."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take a code that there is."""
        if value not in _codes():
            from difflib import get_close_matches  # noqa: PLC0415 - only here

            near = get_close_matches(value, _codes(), 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "docs/findings.md lists all"
            self.fail(f"{value!r} is no reason code; {hint}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        """Offer the codes that begin so."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only here

        del ctx, param
        return [CompletionItem(code) for code in _codes() if code.startswith(incomplete)]


def _codes() -> list[str]:
    from ctlctl.assess.model import ClusterCode  # noqa: PLC0415 - see _Code
    from ctlctl_trust.codes import Code  # noqa: PLC0415

    return [*(code.value for code in Code), *(code.value for code in ClusterCode)]


@click.group()
def finding() -> None:
    """Show findings, and explain them."""


@finding.command()
@click.argument("code", type=_Code(), metavar="CODE")
@click.pass_context
def explain(context: click.Context, /, code: str) -> None:
    """Say what a finding means, what follows from it, and what to do.

    CODE is a reason code as `ctlctl verify` or `ctlctl status` prints it.
    """
    from textwrap import fill  # noqa: PLC0415 - completion needs none of it

    from ctlctl.assess.model import ClusterCode  # noqa: PLC0415
    from ctlctl.explanations import EXPLANATIONS  # noqa: PLC0415
    from ctlctl.explanations_cluster import CLUSTER_EXPLANATIONS  # noqa: PLC0415
    from ctlctl_trust.codes import Code, severity_of  # noqa: PLC0415

    def show() -> int:
        if code in {known.value for known in ClusterCode}:
            # How bad it is hangs on the case, and stands with each finding.
            kind, explanation = "cluster", CLUSTER_EXPLANATIONS[ClusterCode(code)]
        else:
            kind, explanation = severity_of(Code(code)).value, EXPLANATIONS[Code(code)]
        means, so_what, do = explanation
        print(f"{code} ({kind})")
        for label, text in (("means", means), ("so what", so_what), ("do", do)):
            print(fill(text, 80, initial_indent=f"  {label:<9}", subsequent_indent=" " * 11))
        return 0

    context.exit(guarded(show))
