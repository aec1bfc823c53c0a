"""`ctlctl cluster`: the clusters that are configured, adding one, and what works with it."""

from datetime import UTC, datetime

import click

from ctlctl.cli.exits import guarded
from ctlctl.cli.settingsfile import SettingsFile, pass_settings_file

_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for a person, or JSON for a program.",
)
#: Names of a node's ports, as the settings have them.
_PORTS = ("tftp", "http", "https", "https_fqdn", "tomcat", "sip", "sccp", "tvs", "capf", "ssh", "phones")


def _pairs(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Split each word at its first =."""
    pairs = []
    for word in words:
        left, equals, right = word.partition("=")
        if not (left and equals and right):
            raise click.BadParameter(f"{word!r} is not two words with = between them", context, parameter)
        pairs.append((left, right))
    return tuple(pairs)


def _port_pairs(
    context: click.Context, parameter: click.Parameter, words: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(context, parameter, words)
    for name, number in pairs:
        if name not in _PORTS:
            raise click.BadParameter(f"{name!r} is no port; there are {', '.join(_PORTS)}", context, parameter)
        if not (number.isascii() and number.isdigit() and int(number[:6]) <= 65535):
            raise click.BadParameter(f"{number!r} is no port number", context, parameter)
    return pairs


def _pins(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Spell each fingerprint as settings do."""
    pins = []
    for word in words:
        try:
            pin = bytes.fromhex(word.replace(":", "").replace(" ", ""))
        except ValueError:
            pin = b""
        if len(pin) != 32:
            problem = f"{word!r} is not the 64 hexadecimal digits of a SHA-256 fingerprint"
            raise click.BadParameter(problem, context, parameter)
        pins.append(pin.hex(":").upper())
    return tuple(pins)


def _host_keys(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Take fingerprints as ssh-keygen -l prints them."""
    from ctlctl_config.base import check_host_key  # noqa: PLC0415 - help and completion need no pydantic

    try:
        return tuple(map(check_host_key, words))
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.group()
def cluster() -> None:
    """Add clusters, list them, and see what works with one."""


@cluster.command(name="list")
@_OUTPUT
@pass_settings_file
@click.pass_context
def list_(context: click.Context, settings: SettingsFile, output: str) -> None:
    """List the clusters that are configured."""
    from ctlctl.cluster.run import run_list  # noqa: PLC0415 - help and completion need no pydantic

    context.exit(guarded(lambda: run_list(settings.to_read(), output)))


@cluster.command()
@click.argument("name")
@_OUTPUT
@pass_settings_file
@click.pass_context
def doctor(context: click.Context, settings: SettingsFile, name: str, output: str) -> None:
    """Ask every interface of a cluster and say what works, what not, and what that means.

    Nothing is changed anywhere. Exits with 0 only if all that is configured works, 1 when something does not, 3 when
    nothing could be asked or something could not be decided.
    """
    from ctlctl.cluster.run import run_doctor  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_doctor(settings.to_read(), name, output, datetime.now(UTC))))


@cluster.command()
@click.argument("name")
@click.option("--host", metavar="HOST", help="Name or address of the publisher.")
@click.option("--port", type=click.IntRange(1, 65535), default=8443, show_default=True, help="Its web server.")
@click.option("--username", metavar="USER", help="Application user with the roles of a reader.")
@click.option("--password-file", metavar="FILE", help="File with its password, mode 0600; otherwise you are asked.")
@click.option(
    "--pin",
    "pins",
    multiple=True,
    callback=_pins,
    metavar="SHA256",
    help="Fingerprint of a tomcat certificate that you have compared. Repeatable: one for each node.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    callback=_pairs,
    metavar="NAME=ADDRESS",
    help="Where a node is, if its name cannot be looked up. Repeatable.",
)
@click.option(
    "--ports",
    multiple=True,
    callback=_port_pairs,
    metavar="NAME=PORT",
    help=f"A port that is not CUCM's own. NAME is {', '.join(_PORTS)}. Repeatable.",
)
@click.option("--timezone", metavar="ZONE", help="Time zone of the cluster, such as Europe/Berlin.")
@click.option("--platform-user", metavar="USER", help="OS administrator, for the platform CLI and the certificate API.")
@click.option("--platform-password-file", metavar="FILE", help="File with its password, mode 0600; or you are asked.")
@click.option(
    "--host-key",
    "host_keys",
    multiple=True,
    callback=_host_keys,
    metavar="SHA256:…",
    help="Fingerprint of an SSH host key that you have compared. Repeatable: one for each node.",
)
@click.option("--lab", is_flag=True, help="The cluster is a lab's: its certificates count here, and only here.")
@click.option("--yes", is_flag=True, help="Do not ask, except who a server is: that takes --pin.")
@pass_settings_file
@click.pass_context
def add(context: click.Context, settings: SettingsFile, /, **words: object) -> None:
    """Add a cluster to the settings, step by step.

    Shows who answers at the publisher's address, and asks you to compare its certificate; then asks for the user and
    password (kept in a file of their own that only you can read), finds the nodes, and looks which ports answer.
    Nothing is changed on the cluster, and nothing is written before you have agreed.
    """
    from ctlctl.cluster.run import run_add  # noqa: PLC0415 - see above

    context.exit(guarded(lambda: run_add(settings.to_write(), words)))
