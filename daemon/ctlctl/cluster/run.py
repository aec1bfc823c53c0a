"""What the commands of `ctlctl cluster` do, from settings to output and exit code."""

import sys
from collections.abc import Mapping
from datetime import datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctlctl.cluster.rows import EXIT_CODES
from ctlctl.terminal import printable, say, wants_colour
from ctlctl.verify.settings import UsageError
from ctlctl_config import Settings, SettingsError, load_settings
from ctlctl_config.names import no_such_cluster

if TYPE_CHECKING:
    from ctlctl.cluster.adding import Given

#: What a command returns when the settings cannot be used: nothing was asked.
_UNDECIDED = 3


def load_or_say(path: Path) -> Settings | None:
    """Return the settings, or say what is wrong with them."""
    try:
        return load_settings(path)
    except SettingsError as error:
        for line in str(error).splitlines():
            say(line)
        return None


def run_list(path: Path, output: str) -> int:
    """Print the configured clusters; return 0, or 3 when the settings cannot be used."""
    settings = load_or_say(path)
    if settings is None:
        return _UNDECIDED
    clusters = [
        {
            "name": name,
            "lab": cluster.lab,
            "host": cluster.axl.host,
            "port": cluster.axl.port,
            "username": cluster.axl.username,
            "timezone": cluster.timezone,
            "nodes": [node.name for node in cluster.nodes],
            "tftp_nodes": [node.name for node in cluster.nodes if node.tftp],
        }
        for name, cluster in settings.clusters.items()
    ]
    if output == "json":
        print(dumps({"schema": "ctlctl.cluster.list/1", "settings": str(path), "clusters": clusters}, indent=1))
        return 0
    if not clusters:
        say(f"{path}: no cluster yet; ctlctl cluster add NAME adds one")
    for name, cluster in settings.clusters.items():
        nodes = len(cluster.nodes)
        tftp = sum(node.tftp for node in cluster.nodes)
        lab = "  (lab)" if cluster.lab else ""
        print(f"{name:<16} {printable(cluster.axl.host):<24} {nodes:>3} nodes, {tftp} with TFTP{lab}")
    return 0


def run_doctor(path: Path, name: str, output: str, now: datetime) -> int:
    """Ask every interface of a cluster and print what works.

    Returns:
        0 if all that is configured works, 1 if something does not, 3 if nothing could be asked or decided.

    Raises:
        UsageError: There is no such cluster in the settings.
    """
    settings = load_or_say(path)
    if settings is None:
        return _UNDECIDED
    cluster = settings.clusters.get(name)
    if cluster is None:
        raise UsageError(no_such_cluster(path, name, settings.clusters))
    from ctlctl.cluster.doctor import examine  # noqa: PLC0415 - settings are judged before zeep is loaded
    from ctlctl.cluster.doctor_cli import ask_platform  # noqa: PLC0415
    from ctlctl.cluster.doctor_services import ask_services  # noqa: PLC0415
    from ctlctl.cluster.refused import refused_accounts  # noqa: PLC0415
    from ctlctl.cluster.rows import Interface  # noqa: PLC0415
    from ctlctl.cluster.soapview import open_view  # noqa: PLC0415

    refused = refused_accounts(settings, name)
    services = refused.asking("control-center", [Interface.CONTROL_CENTER], ask_services)
    platform = refused.asking("platform", [Interface.CERTIFICATE_API, Interface.CLI], ask_platform)
    report = examine(name, cluster, refused.opening(open_view), now, (services, platform))
    if output == "json":
        print(dumps(report.to_json(), indent=1))
    else:
        from ctlctl.cluster.doctor_text import render  # noqa: PLC0415 - JSON needs no text

        for line in render(report, colour=wants_colour(sys.stdout)):
            print(line)
    return EXIT_CODES[report.verdict]


def run_add(path: Path, words: Mapping[str, object]) -> int:
    """Add a cluster; return 0, 3 when it could not be done, 4 when it was refused.

    Args:
        path: the settings file.
        words: what the command line says, by parameter.

    Raises:
        UsageError: something is missing and nobody is there to be asked.
    """
    from ctlctl.cluster.adding import AddError, add_cluster  # noqa: PLC0415 - the other commands need none of it
    from ctlctl.cluster.dialogue import Dialogue, Script, Terminal  # noqa: PLC0415
    from ctlctl.cluster.soapview import open_view  # noqa: PLC0415

    dialogue: Dialogue = Terminal() if sys.stdin.isatty() and sys.stderr.isatty() else Script()
    try:
        add_cluster(path, _given(words), dialogue, open_view)
    except AddError as error:
        say(str(error))
        return error.code
    except SettingsError as error:
        for line in str(error).splitlines():
            say(line)
        return _UNDECIDED
    except OSError as error:
        say(f"{path}: not written: {error.strerror or error}")
        return _UNDECIDED
    return 0


def _given(words: Mapping[str, Any]) -> "Given":
    from ctlctl.cluster.adding import Given  # noqa: PLC0415 - see above

    ports = {name: int(number) for name, number in words["ports"]}
    return Given(
        name=words["name"],
        host=words["host"],
        port=words["port"],
        username=words["username"],
        password_file=words["password_file"],
        pins=frozenset(words["pins"]),
        addresses=dict(words["nodes"]),
        phone_port=ports.pop("phones", 443),
        ports=ports,
        timezone=words["timezone"],
        lab=words["lab"],
        assume_yes=words["yes"],
        platform_user=words["platform_user"],
        platform_password_file=words["platform_password_file"],
        host_keys=frozenset(words["host_keys"]),
    )
