"""Fault switches as an operator turns them: names and values as words, checked against the cluster there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from ctlctl_lab.dirs import LabError
from ctlctl_lab.faults import Faults
from ctlctl_lab.model import CALLMANAGER, CAPF, TOMCAT, TVS
from ctlctl_lab.services import PORTS
from ctlctl_lab.world import World

_UNITS = (TOMCAT, CALLMANAGER, TVS, CAPF)
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Switch:
    """A fault that can be switched on.

    Attributes:
        name: as an operator writes it.
        summary: what goes wrong.
        value: what its value looks like.
        turn: reads a value and switches the fault on; raises LabError for one that makes no sense.
        field: attribute of `Faults`.
    """

    name: str
    summary: str
    value: str
    turn: Callable[[World, str], None]
    field: str


def _count(field: str) -> Callable[[World, str], None]:
    def turn(world: World, text: str) -> None:
        if not text.isdecimal() or not 0 <= int(text) <= _MOST:
            raise LabError(f"{text!r}: a whole number from 0 to {_MOST:,} is wanted")
        setattr(world.faults, field, int(text))

    return turn


def _amount(field: str, least: float, most: float) -> Callable[[World, str], None]:
    def turn(world: World, text: str) -> None:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not isfinite(number) or not least <= number <= most:
            raise LabError(f"{text!r}: a number from {least:g} to {most:g} is wanted")
        setattr(world.faults, field, number)

    return turn


def _node(world: World, name: str) -> str:
    if name not in world.cluster.nodes:
        raise LabError(f"no node {name!r}; there are: {', '.join(world.cluster.nodes)}")
    return name


def _port(world: World, text: str) -> tuple[str, str]:
    node, _, port = text.partition(":")
    if port not in PORTS:
        raise LabError(f"{text!r}: NODE:PORT is wanted, such as lab-pub:tomcat; ports are {', '.join(PORTS)}")
    return _node(world, node), port


def _secure_port(world: World, text: str) -> tuple[str, str]:
    key = _port(world, text)
    if PORTS[key[1]].unit is None:
        raise LabError(f"{text!r}: port {key[1]} presents no certificate")
    return key


def _stall(world: World, text: str) -> None:
    world.faults.tftp_stall.add(_node(world, text))


def _swap(world: World, text: str) -> None:
    where, _, unit = text.partition("=")
    if unit not in _UNITS:
        raise LabError(f"{text!r}: NODE:PORT=UNIT is wanted; units are {', '.join(_UNITS)}")
    world.faults.swapped[_secure_port(world, where)] = unit


def _expire(world: World, text: str) -> None:
    world.faults.expired.add(_secure_port(world, text))


def _refuse(world: World, text: str) -> None:
    world.faults.refused.add(_port(world, text))


def _fail_capf(world: World, text: str) -> None:
    phone, _, status = text.partition("=")
    if not status or (phone != "*" and phone not in world.cluster.phones):
        raise LabError(f"{text!r}: PHONE=STATUS is wanted, such as '*=Upgrade Failed: Invalid LSC'")
    world.faults.capf_failures[phone] = status


_TABLE = (
    Switch("axl-503", "so many AXL writes are answered 503", "COUNT", _count("axl_503_writes"), "axl_503_writes"),
    Switch(
        "axl-row-limit",
        "AXL answers with more rows are too large, and the fault suggests this number",
        "ROWS",
        _count("axl_row_limit"),
        "axl_row_limit",
    ),
    Switch(
        "axl-memory",
        "so many AXL requests get 'Maximum AXL Memory Allocation Consumed'",
        "COUNT",
        _count("axl_memory_fault"),
        "axl_memory_fault",
    ),
    Switch("half", "so many answers of port 8443 stop halfway", "COUNT", _count("truncate_next"), "truncate_next"),
    Switch("html", "so many answers of port 8443 are an HTML error page", "COUNT", _count("html_next"), "html_next"),
    Switch(
        "slow",
        "real seconds before every answer of port 8443",
        "SECONDS",
        _amount("slow_seconds", 0, 600),
        "slow_seconds",
    ),
    Switch("ris-rate", "RIS calls that a node takes in a minute", "COUNT", _count("ris_per_minute"), "ris_per_minute"),
    Switch("tftp-loss", "share of TFTP datagrams that get lost", "SHARE", _amount("tftp_loss", 0, 1), "tftp_loss"),
    Switch("tftp-stall", "the node's file services take requests and never answer", "NODE", _stall, "tftp_stall"),
    Switch("swapped", "a port presents the certificate of something else", "NODE:PORT=UNIT", _swap, "swapped"),
    Switch("expired", "a port presents an expired certificate", "NODE:PORT", _expire, "expired"),
    Switch("refused", "a port takes no connections", "NODE:PORT", _refuse, "refused"),
    Switch(
        "clock-offset",
        "seconds by which the servers' clocks are wrong",
        "SECONDS",
        _amount("clock_offset", -(10**9), 10**9),
        "clock_offset",
    ),
    Switch(
        "capf-failure",
        "a phone's next CAPF operation ends with this status",
        "PHONE=STATUS",
        _fail_capf,
        "capf_failures",
    ),
)

#: Every switch by its name.
SWITCHES: Mapping[str, Switch] = {switch.name: switch for switch in _TABLE}


def find_switch(name: str) -> Switch:
    """Return a switch.

    Raises:
        LabError: there is none of that name.
    """
    switch = SWITCHES.get(name)
    if switch is None:
        raise LabError(f"no fault {name!r}; there are: {', '.join(SWITCHES)}")
    return switch


def turn_on(world: World, name: str, value: str) -> None:
    """Switch a fault on.

    Args:
        world: where.
        name: of the switch.
        value: as `Switch.value` describes it; sets grow by each.

    Raises:
        LabError: no such switch, or no such value.
    """
    switch = find_switch(name)
    with world.cluster.lock:
        switch.turn(world, value)


def turn_off(world: World, name: str | None = None) -> None:
    """Switch one fault off, or all.

    Raises:
        LabError: no such switch.
    """
    switches = SWITCHES.values() if name is None else [find_switch(name)]
    healthy = Faults()
    with world.cluster.lock:
        for switch in switches:
            setattr(world.faults, switch.field, getattr(healthy, switch.field))


def shown(world: World, switch: Switch) -> str:
    """Return a switch's value in words, "" where it is off."""
    value = getattr(world.faults, switch.field)
    if value == getattr(Faults(), switch.field):
        return ""
    if isinstance(value, dict):
        return ", ".join(sorted(f"{_spell(key)}={value[key]}" for key in value))
    if isinstance(value, set):
        return ", ".join(sorted(_spell(each) for each in value))
    return f"{value:g}"


def _spell(key: str | tuple[str, str]) -> str:
    return key if isinstance(key, str) else ":".join(key)
