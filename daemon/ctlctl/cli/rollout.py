"""`ctlctl rollout`, and the approval of plans: what changes phones, by ctld alone."""

from pathlib import Path

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.plan import plan
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output."
)


@plan.command("approve")
@click.argument("plan_name", metavar="PLAN")
@_OUTPUT
@pass_settings_file
@click.pass_context
def plan_approve(context: click.Context, settings: SettingsFile, plan_name: str, output: str) -> None:
    """Approve a plan file, by its path or its short name: ctld keeps its bytes and carries out no others."""
    from ctlctl.fleet.rollouts import run_approve  # noqa: PLC0415 - only who runs the command pays

    context.exit(guarded(lambda: run_approve(settings.to_read(), plan_name, output)))


@plan.command("list")
@click.argument("cluster", required=False, default="")
@_OUTPUT
@pass_settings_file
@click.pass_context
def plan_list(context: click.Context, settings: SettingsFile, cluster: str, output: str) -> None:
    """List the plans that were approved, and what became of them."""
    from ctlctl.fleet.rollouts import run_plan_list  # noqa: PLC0415 - see above

    words = {"cluster": cluster} if cluster else {}
    context.exit(guarded(lambda: run_plan_list(settings.to_read(), words, output)))


@click.group()
def rollout() -> None:
    """Carry out an approved plan: canaries, batches, change windows, and proof for each phone."""


@rollout.command("start")
@click.argument("plan_name", metavar="PLAN")
@click.option("--confirm", required=True, metavar="HASH", help="Beginning of the plan's SHA-256: six digits at least.")
@_OUTPUT
@pass_settings_file
@click.pass_context
def rollout_start(context: click.Context, settings: SettingsFile, plan_name: str, confirm: str, output: str) -> None:
    """Start the rollout of an approved plan."""
    from ctlctl.fleet.rollouts import run_start  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_start(settings.to_read(), plan_name, confirm, output)))


@rollout.command("status")
@click.argument("plan_name", metavar="PLAN", required=False, default="")
@click.option("--watch", is_flag=True, help="Again every two seconds, until it has ended or halted.")
@_OUTPUT
@pass_settings_file
@click.pass_context
def rollout_status(context: click.Context, settings: SettingsFile, plan_name: str, watch: bool, output: str) -> None:
    """Show how rollouts go. Exits with 5 where one has halted."""
    from ctlctl.fleet.rollouts import run_rollout_status  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_rollout_status(settings.to_read(), plan_name, output, watch=watch)))


def _wish(context: click.Context, settings: SettingsFile, wish: str, plan_name: str, reason: str) -> None:
    from ctlctl.fleet.rollouts import run_wish  # noqa: PLC0415 - see above

    words = {key: value for key, value in {"plan": plan_name, "reason": reason}.items() if value}
    context.exit(guarded(lambda: run_wish(settings.to_read(), wish, words)))


_REASON = click.option("--reason", metavar="WORDS", default="", help="Why; it stands in the audit log.")
_PLAN = click.argument("plan_name", metavar="PLAN", required=False, default="")


@rollout.command("pause")
@_PLAN
@_REASON
@pass_settings_file
@click.pass_context
def rollout_pause(context: click.Context, settings: SettingsFile, plan_name: str, reason: str) -> None:
    """Take no more phones; those that were reset are followed to their end."""
    _wish(context, settings, "pause", plan_name, reason)


@rollout.command("resume")
@_PLAN
@_REASON
@pass_settings_file
@click.pass_context
def rollout_resume(context: click.Context, settings: SettingsFile, plan_name: str, reason: str) -> None:
    """Go on with a rollout that was paused, or that has halted."""
    _wish(context, settings, "resume", plan_name, reason)


@rollout.command("abort")
@_PLAN
@_REASON
@pass_settings_file
@click.pass_context
def rollout_abort(context: click.Context, settings: SettingsFile, plan_name: str, reason: str) -> None:
    """End a rollout: operations of phones that were not reset are cancelled. Issued certificates stay."""
    _wish(context, settings, "abort", plan_name, reason)


@rollout.command("evidence")
@click.argument("plan_name", metavar="PLAN")
@click.option("--out", required=True, metavar="FILE", type=click.Path(path_type=Path), help="The bundle (tar).")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@pass_settings_file
@click.pass_context
def rollout_evidence(context: click.Context, settings: SettingsFile, plan_name: str, out: Path, force: bool) -> None:
    """Write a bundle by which another person can check what was done, without ctld."""
    from ctlctl.fleet.rollouts import run_evidence  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_evidence(settings.to_read(), plan_name, out, force=force)))
