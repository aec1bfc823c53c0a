"""`utils service …`: the node's services, listed, started and stopped.

Layout: transcripts of the same platform in Cisco documents (HCM-F, IM and Presence). The lab's services take no time;
the lines that repeat while a genuine one starts are there all the same.
"""

from collections.abc import Iterable
from typing import Final

from ctlctl_lab.nodestate import ServiceState, service_states
from ctlctl_lab.shell.session import Console, RefusedError

_NOT_ACTIVATED: Final = "Service Not Activated"
_BY_COMMAND: Final = "Commanded Out of Service"
_MANAGER: Final = "Service Manager is running"
_NO_CTRL_C: Final = (
    "Do not press Ctrl+C while the service is restarting. If the service has not restarted properly, "
    "execute the same command again."
)
#: Services of the platform; they always run, and nothing can be done to them here.
_PLATFORM: Final = (
    "System SSH",
    "Cluster Manager",
    "Entropy Monitoring Daemon",
    "Cisco SCSI Watchdog",
    "Service Manager",
)


def service_list(console: Console, _: str) -> Iterable[str]:
    """List the services of the node."""
    with console.world.cluster.lock:
        node = console.node
        states = sorted(service_states(node), key=lambda each: each.name)
    return [
        "Requesting service status, please wait...",
        *(f"{name} [STARTED]" for name in _PLATFORM),
        "Name Service Cache [STOPPED] Service Not Activated",
        _MANAGER,
        "Getting list of all services",
        ">> Return code = 0",
        *(_row(state) for state in states),
        f"Primary Node ={'true' if node.publisher else 'false'}",
    ]


def _row(state: ServiceState) -> str:
    if state.started:
        return f"{state.name}[STARTED]"
    return f"{state.name}[STOPPED]  {_BY_COMMAND if state.activated else _NOT_ACTIVATED}"


def restart(console: Console, service: str) -> Iterable[str]:
    """Restart a service, which then presents the certificates that are installed."""
    _activated(console, service)
    came = console.world.restart_service(console.node_name, service)
    end = f"{service}[STARTED]" if came else f"{service}[STOPPED]"
    return [_NO_CTRL_C, _MANAGER, f"{service}[STOPPING]", *(f"{service}[STARTING]",) * (2 if came else 4), end]


def start(console: Console, service: str) -> Iterable[str]:
    """Start a service."""
    _activated(console, service)
    came = console.world.start_service(console.node_name, service)
    return [_MANAGER, f"{service}[STARTING]", f"{service}[STARTED]" if came else f"{service}[STOPPED]"]


def stop(console: Console, service: str) -> Iterable[str]:
    """Stop a service."""
    _activated(console, service)
    console.world.stop_service(console.node_name, service)
    return [_MANAGER, f"{service}[STOPPING]", f"{service}[STOPPED]  {_BY_COMMAND}"]


def _activated(console: Console, service: str) -> None:
    with console.world.cluster.lock:
        states = {each.name: each for each in service_states(console.node)}
    if service not in states:
        raise RefusedError(f"Service {service} is not found")
    if not states[service].activated:
        raise RefusedError(f"{service}[STOPPED]  {_NOT_ACTIVATED}")
