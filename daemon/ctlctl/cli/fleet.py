"""Commands that show what the daemon knows: status, check, cert, phone, capf, and parts of other groups."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_F = TypeVar("_F", bound=Callable[..., Any])

_TEXT_OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output."
)
_LIST_OUTPUT = click.option(
    "-o", "--output", type=click.Choice(["table", "json", "csv"]), default="table", help="Form of the output."
)


def _paging(command: _F) -> _F:
    """Add the options of a page."""
    command = click.option("--limit", metavar="N", type=click.IntRange(0), help="Rows at most.")(command)
    return click.option("--offset", metavar="N", type=click.IntRange(0), help="Rows to pass over.")(command)


def _filters(**helps: str) -> Callable[[_F], _F]:
    """Add one option for each filter; a value may have * and ?, and several with commas."""

    def add(command: _F) -> _F:
        for name, text in reversed(helps.items()):
            command = click.option(f"--{name.replace('_', '-')}", name, metavar="WORD", default="", help=text)(command)
        return command

    return add


def _words(given: dict[str, Any]) -> dict[str, str]:
    return {
        name: str(value) for name, value in given.items() if value is not None and value is not False and value != ""
    }


def _list(context: click.Context, settings: SettingsFile, ask: str, output: str, given: dict[str, Any]) -> None:
    from ctlctl.fleet.run import run_list  # noqa: PLC0415 - only who runs the command pays

    context.exit(guarded(lambda: run_list(settings.to_read(), ask, _words(given), output)))


@click.command()
@click.argument("cluster", required=False, default="")
@click.option("--all", "everything", is_flag=True, help="Show what is only worth knowing, too.")
@_TEXT_OUTPUT
@pass_settings_file
@click.pass_context
def status(context: click.Context, settings: SettingsFile, cluster: str, everything: bool, output: str) -> None:
    """Show what is wrong, worst first, and what to do."""
    from ctlctl.fleet.run import run_status  # noqa: PLC0415 - see above

    words = _words({"cluster": cluster})
    context.exit(guarded(lambda: run_status(settings.to_read(), words, output, everything=everything)))


@click.command()
@click.argument("cluster", required=False, default="")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "nagios"]),
    default="text",
    help="nagios: exit codes of monitoring plugins (0 ok, 1 warning, 2 critical, 3 unknown).",
)
@pass_settings_file
@click.pass_context
def check(context: click.Context, settings: SettingsFile, cluster: str, style: str) -> None:
    """Judge in one line: for monitoring systems and scripts."""
    from ctlctl.fleet.run import run_check  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_check(settings.to_read(), _words({"cluster": cluster}), style)))


@click.group()
def cert() -> None:
    """Show the certificates of nodes."""


@cert.command("list")
@click.argument("cluster", required=False, default="")
@_filters(node="Only of these nodes.", unit="Only these units: tomcat, CallManager, …", store="identity or trust.")
@click.option("--within", metavar="DAYS", type=click.IntRange(1), help="Only those that end within so many days.")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def cert_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List certificates, those that end first on top."""
    _list(context, settings, "cert-list", output, given)


@click.group()
def phone() -> None:
    """Show phones."""


@phone.command("list")
@click.argument("cluster")
@_filters(
    name="Device names.",
    credential="lsc, lsc-expiring, lsc-expired, mic, mic-suspected, none, unknown.",
    credential_issuer="Issuers of what they show.",
    security_mode="'Non Secure', Authenticated, Encrypted.",
    model="Models.",
    family="Model families: 7800, 8800, …",
    device_pool="Device pools.",
    security_profile="Security profiles.",
    registration="Registered, UnRegistered, Rejected, Unknown.",
    node="Nodes they are registered with.",
    capf_status="CAPF's last words.",
    capf_operation="What CAPF is told to do.",
    not_taken="ctl or itl: those that have not taken the newest.",
)
@click.option("--within", metavar="DAYS", type=click.IntRange(1), help="Credential ends within so many days.")
@click.option("--contradiction", is_flag=True, help="Only those about which sources disagree.")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def phone_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List the phones of a cluster. Filters take * and ?, and several words with commas."""
    _list(context, settings, "phone-list", output, given)


@phone.command("show")
@click.argument("cluster")
@click.argument("name")
@_TEXT_OUTPUT
@pass_settings_file
@click.pass_context
def phone_show(context: click.Context, settings: SettingsFile, cluster: str, name: str, output: str) -> None:
    """Show everything about one phone, with who says so and since when."""
    from ctlctl.fleet.run import run_phone  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_phone(settings.to_read(), {"cluster": cluster, "name": name}, output)))


@click.group()
def capf() -> None:
    """Show CAPF operations, change users' profiles, get certificates for applications."""


@capf.command("list")
@click.argument("cluster", required=False, default="")
@_filters(kind="application-user or end-user.", user="Users.", status="CAPF's last words.")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def capf_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """Count phones by CAPF status, and list the profiles of users."""
    _list(context, settings, "capf-list", output, given)


@capf.command("stale-lsc")
@click.argument("cluster", required=False, default="")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def capf_stale_lsc(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List LSCs that CAPF issued and no phone installed, in the publisher's own words."""
    _list(context, settings, "capf-stale-lsc", output, given)


@capf.command("enrolments")
@click.argument("cluster", required=False, default="")
@_filters(
    name="What the settings call them.",
    user="Users.",
    state="fresh, due, failing, refused, expired, missing, unknown.",
)
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def capf_enrolments(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List the certificates of users that ctld keeps fresh: their ends, renewals and failures."""
    _list(context, settings, "capf-enrolments", output, given)


@click.group()
def node() -> None:
    """Show nodes."""


@node.command("list")
@click.argument("cluster", required=False, default="")
@_filters(name="Only these nodes.", usage="Publisher or Subscriber.")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def node_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List nodes: services that are down, replication, clock, TVS, backup, and who did not answer."""
    _list(context, settings, "node-list", output, given)


@click.group()
def service() -> None:
    """Show the services of nodes."""


@service.command("list")
@click.argument("cluster", required=False, default="")
@_filters(node="Only of these nodes.", name="Services, such as 'Cisco Tftp'.", status="Started, Stopped, …")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def service_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List services, with who says so and for how long they have been as they are."""
    _list(context, settings, "service-list", output, given)


@click.command("list")
@click.argument("cluster", required=False, default="")
@_filters(code="Reason codes.", severity="critical, warning, unknown, info.", subject="What they are about.")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def finding_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List what is open, worst first."""
    _list(context, settings, "finding-list", output, given)


@click.command("list")
@click.argument("cluster", required=False, default="")
@_filters(node="Only of these nodes.", kind="ctl or itl.", verdict="valid, stale, invalid, absent, …")
@_paging
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def trustlist_list(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List the trust lists that every TFTP node serves, judged."""
    _list(context, settings, "trustlist-list", output, given)


@click.command("history")
@click.argument("cluster")
@_filters(node="Only of this node.", kind="ctl or itl.")
@_LIST_OUTPUT
@pass_settings_file
@click.pass_context
def trustlist_history(context: click.Context, settings: SettingsFile, /, output: str, **given: Any) -> None:  # noqa: ANN401
    """List every version that was ever served."""
    _list(context, settings, "trustlist-history", output, given)


@click.command("status")
@click.argument("name")
@_TEXT_OUTPUT
@pass_settings_file
@click.pass_context
def cluster_status(context: click.Context, settings: SettingsFile, name: str, output: str) -> None:
    """Show everything about one cluster but its phones."""
    from ctlctl.fleet.run import run_cluster  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_cluster(settings.to_read(), name, output)))


@click.command("refresh")
@click.argument("name")
@click.option(
    "--source", metavar="SOURCE", default="", help="Such as axl, platform-cli or enrolments; else all that are asked."
)
@click.option(
    "--retry-credentials",
    is_flag=True,
    help="Try accounts once more that were refused and are right again with the same password.",
)
@click.option("--wait", is_flag=True, help="Wait for a ctld that was just started: a minute at most.")
@_TEXT_OUTPUT
@pass_settings_file
@click.pass_context
def cluster_refresh(
    context: click.Context,
    settings: SettingsFile,
    *,
    name: str,
    source: str,
    retry_credentials: bool,
    wait: bool,
    output: str,
) -> None:
    """Have ctld ask a cluster now, and wait until it has.

    CUCM locks accounts that keep trying, so ctld tries a refused one again when its user or password changes. Where
    it was unlocked, or corrected in CUCM, --retry-credentials has it tried once; that takes somebody whom [api]
    writers names, and stands in the audit log.
    """
    from ctlctl.fleet.run import run_refresh  # noqa: PLC0415 - see above

    words = _words({"cluster": name, "source": source, "retry_credentials": "yes" if retry_credentials else ""})
    context.exit(guarded(lambda: run_refresh(settings.to_read(), words, output, wait=wait)))
