"""The settings file of a lab: everything that the daemon needs to look after it."""

import json
import os
import pwd
import socket
from collections.abc import Mapping

from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET, READER, WRITER
from ctlctl_lab.dirs import SETTINGS_NAME, LabDir
from ctlctl_lab.hostkeys import host_key_fingerprint
from ctlctl_lab.model import SERVICE_TFTP, SERVICE_TOMCAT, TOMCAT, Cluster, Node
from ctlctl_lab.services import PORTS, PortPlan
from ctlctl_lab.shell.server import OLD_RELEASE

_HEAD = """\
# Settings for the simulated cluster in this directory. `ctlctl lab up` writes this file anew at each start.
# Try: ctlctl --config {path} cluster doctor lab
"""


#: Seconds between two rounds.
_SCHEDULE = {"axl": 30, "ris": 30, "lists": 10, "ports": 20, "phones": 60}


def settings_text(
    directory: LabDir, cluster: Cluster, plan: PortPlan, phones: Mapping[str, int], http_port: int
) -> str:
    """Return the settings for a cluster, in which whoever runs this may rehearse a change.

    Args:
        directory: the lab's, where the settings will be.
        cluster: the cluster.
        plan: port numbers.
        phones: numbers of the phones' ports, by their names in the settings.
        http_port: where a daemon for this lab serves its metrics.
    """
    user = _user()
    own = json.dumps(user, ensure_ascii=False)
    publisher = cluster.publisher
    lines = [
        _HEAD.format(path=directory.path / SETTINGS_NAME),
        "[http]",
        f'listen = "127.0.0.1:{http_port}"',
        "",
        "[api]",
        'socket = "ctld.sock"',
        'snapshot = "ctld/snapshot"',
        *([f"writers = [{own}]"] if user else []),
        "",
        "[store]",
        'path = "ctld/ctld.db"',
        "",
        "[clusters.lab]",
        "lab = true",
        'timezone = "UTC"',
        "",
        "[clusters.lab.axl]",
        f'host = "{publisher.address}"',
        f"port = {plan.number(PORTS['tomcat'])}",
        f'username = "{READER}"',
        'password_file = "secrets/axl.password"',
        f'tls_pin = "{_pin(publisher)}"',
        'version = "auto"',
        "",
        *(["[clusters.lab.rollout]", f"approvers = [{own}]", ""] if user else []),
        "[clusters.lab.writer]",
        f'username = "{WRITER}"',
        'password_file = "secrets/axl-writer.password"',
        "",
        "[clusters.lab.platform]",
        f'username = "{PLATFORM_READER}"',
        f'password_file = "secrets/{PLATFORM_SECRET}"',
        *(["sha1_key_exchange = true"] if cluster.major <= OLD_RELEASE else []),
        "",
        "[clusters.lab.phones]",
        *(f"{name} = {number}" for name, number in phones.items()),
        "",
        "[clusters.lab.schedule]  # a lab may be asked more often than a cluster",
        *(f"{name}_seconds = {seconds}" for name, seconds in _SCHEDULE.items()),
        "phone_rest_seconds = 300",
    ]
    for node in cluster.nodes.values():
        # 0 says that the node has no such service.
        numbers = {
            port.name: plan.number(port) if port.service is None or port.service in node.services else 0
            for port in PORTS.values()
        }
        ports = ", ".join(f"{name} = {number}" for name, number in numbers.items())
        lines += [
            "",
            "[[clusters.lab.nodes]]",
            f'name = "{node.name}"',
            f'host = "{node.address}"',
            f"tftp = {'true' if SERVICE_TFTP in node.services else 'false'}",
            f'tls_pin = "{_pin(node)}"',
            f'ssh_host_key = "{host_key_fingerprint(directory, node.name)}"',
            f"ports = {{ {ports} }}",
        ]
    return "\n".join(lines) + "\n"


def _pin(node: Node) -> str:
    """Return the pin of what a node's web server presents, which may not be what is installed."""
    return (node.presents(SERVICE_TOMCAT, TOMCAT) or node.identities[TOMCAT]).pin


def write_settings(directory: LabDir, cluster: Cluster, plan: PortPlan, phones: Mapping[str, int]) -> None:
    """Write the settings file, whole and with mode 0600.

    Raises:
        OSError: it cannot be written.
    """
    directory.write(SETTINGS_NAME, settings_text(directory, cluster, plan, phones, _free_port()).encode())


def _user() -> str:
    """Return the name of whoever runs this; "" for root, who always may, and for a name that settings cannot have."""
    try:
        name = "" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""
    return name if name.isprintable() and " " not in name else ""


def _free_port() -> int:
    """Return a port that nobody has now; the daemon says so if somebody has taken it by then."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
