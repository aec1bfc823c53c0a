"""Commands that change a cluster through ctld, and the record of it: capf profile, audit, audit-log."""

from pathlib import Path
from typing import Any

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.fleet import capf
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output."
)
_USER = click.option("--user", metavar="NAME", default="", help="The application user whose profile it is.")
_END_USER = click.option("--end-user", metavar="NAME", default="", help="The end user whose profile it is.")
_INSTANCE = click.option("--instance", metavar="ID", required=True, help="Instance ID: one for each connection.")
_OPERATION = click.option(
    "--operation", type=click.Choice(["install", "delete", "troubleshoot", "none"]), help="What CAPF is to do."
)
_MODE = click.option(
    "--mode",
    type=click.Choice(["string", "null", "lsc", "mic"]),
    help="How the user proves themselves to CAPF: authentication string, nothing, or the certificate they have.",
)
_STRING_FILE = click.option(
    "--auth-string-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="New file (mode 0600) for a one-time string that is made here; with --mode string.",
)
_KEY_SIZE = click.option("--key-size", type=click.Choice(["1024", "2048", "3072", "4096"]), help="Bits of an RSA key.")
_KEY_ORDER = click.option("--key-order", type=click.Choice(["rsa", "ec", "ec-or-rsa"]), help="Which kind of key.")
_EC_SIZE = click.option("--ec-key-size", type=click.Choice(["256", "384", "521"]), help="Bits of a curve's key.")
_HOURS = click.option("--hours", metavar="N", type=float, help="Operation Completes By: so many hours from now.")


@capf.group()
def profile() -> None:
    """Show and change the CAPF profiles of application users and end users."""


@profile.command("list")
@click.argument("cluster", required=False, default="")
@click.option("-o", "--output", type=click.Choice(["table", "json", "csv"]), default="table", help="Form.")
@pass_settings_file
@click.pass_context
def profile_list(context: click.Context, settings: SettingsFile, cluster: str, output: str) -> None:
    """List the CAPF profiles that ctld knows."""
    from ctlctl.fleet.run import run_list  # noqa: PLC0415 - only who runs the command pays

    words = {"cluster": cluster} if cluster else {}
    context.exit(guarded(lambda: run_list(settings.to_read(), "capf-profile-list", words, output)))


def _run(context: click.Context, settings: SettingsFile, ask: str, given: dict[str, Any]) -> None:
    from ctlctl.fleet.acts import run_profile  # noqa: PLC0415 - see above

    output, string_file = given.pop("output"), given.pop("auth_string_file", None)
    user, end_user = given.pop("user"), given.pop("end_user")
    if bool(user) == bool(end_user):
        raise click.UsageError("name one user: --user for an application user, or --end-user")
    if string_file is not None and given.get("mode") not in {"string", None}:
        raise click.UsageError("--auth-string-file goes with --mode string")
    words = {name: str(value) for name, value in given.items() if value is not None}
    words |= {"kind": "application-user" if user else "end-user", "user": user or end_user}
    context.exit(guarded(lambda: run_profile(settings.to_read(), ask, words, string_file, output)))


@profile.command("create")
@click.argument("cluster")
@_USER
@_END_USER
@_INSTANCE
@_OPERATION
@_MODE
@_STRING_FILE
@_KEY_SIZE
@_KEY_ORDER
@_EC_SIZE
@_HOURS
@_OUTPUT
@pass_settings_file
@click.pass_context
def profile_create(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Create a profile, by ctld and the account that it keeps for changes."""
    if given["mode"] == "string" and given["operation"] not in {None, "none"} and given["auth_string_file"] is None:
        raise click.UsageError("--mode string needs --auth-string-file: a file for the string that is made")
    _run(context, settings, "capf-profile-create", given)


@profile.command("update")
@click.argument("cluster")
@_USER
@_END_USER
@_INSTANCE
@_OPERATION
@_MODE
@_STRING_FILE
@_KEY_SIZE
@_KEY_ORDER
@_EC_SIZE
@_HOURS
@_OUTPUT
@pass_settings_file
@click.pass_context
def profile_update(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Change a profile: what is not named stays as it is."""
    _run(context, settings, "capf-profile-update", given)


@profile.command("remove")
@click.argument("cluster")
@_USER
@_END_USER
@_INSTANCE
@_OUTPUT
@pass_settings_file
@click.pass_context
def profile_remove(context: click.Context, settings: SettingsFile, /, **given: Any) -> None:  # noqa: ANN401
    """Remove a profile. A certificate that was issued for it stays valid until its end."""
    _run(context, settings, "capf-profile-remove", given)


@click.command()
@click.argument("cluster", required=False, default="")
@click.option(
    "--since", metavar="WHEN", help="Only entries from then on: 2026-11-23T21:00Z, or how long ago: 30min, 2h, 7d, 2w."
)
@click.option("--phone", metavar="NAME", help="Only entries about these phones; with * and ?, several with commas.")
@click.option("--limit", metavar="N", type=click.IntRange(1, 1_000_000_000), help="Only the newest N entries.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "lines"]),
    default="text",
    help="lines: what audit-log verify reads.",
)
@pass_settings_file
@click.pass_context
def audit(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """Show what was done to clusters, by whom, and what came of it."""
    from ctlctl.fleet.acts import run_audit  # noqa: PLC0415 - see above

    # An empty word of --since or --phone is a mistake, and not the same as none.
    words = {name: str(value) for name, value in given.items() if value is not None and (value or name != "cluster")}
    context.exit(guarded(lambda: run_audit(settings.to_read(), words, output)))


@click.group("audit-log")
def audit_log() -> None:
    """Check the record of what was done."""


@audit_log.command("verify")
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--head", metavar="HASH", help="A hash that must be in it, as the journal has it.")
@pass_settings_file
@click.pass_context
def audit_verify(context: click.Context, settings: SettingsFile, bundle: Path | None, head: str | None) -> None:
    """Check that no entry of the audit log was changed or taken out: of ctld's own, or of a file of its lines."""
    from ctlctl.fleet.acts import run_audit_verify  # noqa: PLC0415 - see above

    path = Path() if bundle is not None else settings.to_read()
    context.exit(guarded(lambda: run_audit_verify(path, bundle, head)))
