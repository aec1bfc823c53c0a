"""Which ports of each node answer, for `ctlctl cluster add`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl.cluster.doctor_ports import SERVICES
from ctlctl.cluster.rows import Interface
from ctlctl.connectors.errors import Place
from ctlctl.connectors.tls_probe import Presented, ProbeTarget, sweep
from ctlctl_config.model import NodePorts

_TFTP_SERVICE: Final = "Cisco Tftp"
_TLS_PORTS: Final = ("https", "https_fqdn", "tomcat", "sip", "sccp", "tvs", "capf")
_TFTP_PORTS: Final = frozenset({"tftp", "http", "https", "https_fqdn"})
_SECONDS: Final = 5.0
_CONCURRENCY: Final = 40


@dataclass(frozen=True, slots=True)
class Found:
    """One node as it was found.

    Attributes:
        name: as AXL has it.
        host: where it is.
        tftp: whether its TFTP service is activated.
        ports: number by name, as configured or CUCM's own.
        presented: what each TLS port presents, by name; those that do not answer are missing.
        services: activated services.
    """

    name: str
    host: str
    tftp: bool
    ports: Mapping[str, int]
    presented: Mapping[str, Presented]
    services: frozenset[str]

    def lines(self) -> Iterator[str]:
        """Give what a person is told."""
        asked = [port for port in _TLS_PORTS if self.tftp or port not in _TFTP_PORTS]
        answering = [f"{self.ports[port]} ({port})" for port in asked if port in self.presented]
        silent = [f"{self.ports[port]} ({port})" for port in asked if port not in self.presented]
        role = "serves trust lists" if self.tftp else "no TFTP service"
        yield f"{self.name} at {self.host}, {role}; TLS on {', '.join(answering) or 'no port'}"
        if silent:
            yield f"  no answer on {', '.join(silent)}"


def look_at_nodes(
    cluster: str,
    addresses: Mapping[str, str],
    ports: Mapping[str, int],
    services: Mapping[str, frozenset[str]],
) -> list[Found]:
    """Look at every TLS port of every node, all at once.

    Args:
        cluster: name of the cluster, for errors.
        addresses: node name -> address.
        ports: port name -> number, where they are not CUCM's own.
        services: node name -> activated services.
    """
    numbers = {key: ports.get(key, default) for key, default in NodePorts().model_dump().items()}
    wanted = {
        ProbeTarget(host, numbers[port], Place(cluster, name, port)): (name, port)
        for name, host in addresses.items()
        for port in _TLS_PORTS
        if numbers[port] and (_TFTP_SERVICE in services[name] or port not in _TFTP_PORTS)
    }
    presented: dict[str, dict[str, Presented]] = {name: {} for name in addresses}
    for one in sweep(wanted, concurrency=_CONCURRENCY, timeout_seconds=_SECONDS):
        name, port = wanted[one.target]
        if isinstance(one.result, Presented):
            presented[name][port] = one.result
    return [
        Found(name, host, _TFTP_SERVICE in services[name], numbers, presented[name], services[name])
        for name, host in addresses.items()
    ]


def node_table(found: Found, pin: str | None) -> dict[str, object]:
    """Return a node's table for the settings.

    A port that does not answer is left out only where its service is not activated either; where it should answer,
    it stays, so that the doctor says so.
    """
    ports = dict(found.ports)
    for port in _TLS_PORTS:
        service = SERVICES.get(Interface(port.replace("_", "-")))
        if port not in found.presented and service is not None and service not in found.services:
            ports[port] = 0
    if not found.tftp:
        # Never asked without the TFTP service; their usual numbers say nothing and need not be written.
        ports |= {key: value for key, value in NodePorts().model_dump().items() if key in _TFTP_PORTS}
    table: dict[str, object] = {"name": found.name, "host": found.host, "tftp": found.tftp, "ports": ports}
    if pin is not None:
        table["tls_pin"] = pin
    return table
