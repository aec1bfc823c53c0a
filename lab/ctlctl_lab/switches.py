"""Fault switches as an operator turns them: names and values as words, checked against the cluster there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from zlib import crc32

from ctlctl_lab.capforders import is_of
from ctlctl_lab.capfsession import HALVES
from ctlctl_lab.dirs import LabError
from ctlctl_lab.faults import Faults
from ctlctl_lab.lockout import LOCK_SECONDS
from ctlctl_lab.model import CALLMANAGER, CAPF, ITL_RECOVERY, TOMCAT, TVS
from ctlctl_lab.nodestate import REPLICATION_WORDS, STOPPED, UNSYNCHRONISED, service_states
from ctlctl_lab.phonemodels import MODELS
from ctlctl_lab.services import PORTS
from ctlctl_lab.world import World

_UNITS = (TOMCAT, CALLMANAGER, TVS, CAPF)
_MOST = 1_000_000
#: How an operator says that there never was a backup.
_NEVER = "none"
#: Characters of a form in which users are spelled.
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Switch:
    """A fault that can be switched on.

    Attributes:
        name: as an operator writes it.
        summary: what goes wrong.
        value: what its value looks like.
        turn: reads a value and switches the fault on; raises LabError for one that makes no sense.
        field: attribute of `Faults`.
        undo: what else is to be done when it is switched off.
    """

    name: str
    summary: str
    value: str
    turn: Callable[[World, str], None]
    field: str
    undo: Callable[[World], None] | None = None


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


def _poison(world: World, text: str) -> None:
    family, _, status = text.partition("=")
    numbers = [name.removeprefix("Cisco ") for name in MODELS]
    if not status or not any(is_of(number, family) for number in numbers):
        known = ", ".join(numbers)
        raise LabError(f"{text!r}: FAMILY=STATUS is wanted; families are {known}, or such as 88xx for several")
    world.faults.capf_poison[family] = status


def _halve(world: World, text: str) -> None:
    name, _, message = text.partition("=")
    if message not in HALVES:
        raise LabError(f"{text!r}: NODE=MESSAGE is wanted; messages are {', '.join(HALVES)}")
    world.faults.capf_half[_node(world, name)] = message


def _name_users(world: World, text: str) -> None:
    named = "{user}" in text or "{instance}" in text
    if not named or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise LabError(f"{text!r}: a form with {{user}} or {{instance}} in it is wanted")
    world.faults.capf_user_name = text


def _take_power(world: World, text: str) -> None:
    _give_power(world)
    _amount("phones_offline", 0, 1)(world, text)
    for phone in _offline(world):
        world.switch_off(phone)


def _give_power(world: World) -> None:
    for phone in _offline(world):
        world.switch_on(phone)


def _offline(world: World) -> list[str]:
    """Return the phones that the switch takes the power of: always the same ones for the same share."""
    share = world.faults.phones_offline
    return [name for name in world.cluster.phones if crc32(name.encode()) < share * 2**32]


def _add_node(field: str) -> Callable[[World, str], None]:
    def turn(world: World, text: str) -> None:
        getattr(world.faults, field).add(_node(world, text))

    return turn


def _stick(world: World, text: str) -> None:
    name, _, service = text.partition(":")
    node = world.cluster.nodes[_node(world, name)]
    if not node.activated(service):
        known = ", ".join(each.name for each in service_states(node) if each.activated)
        raise LabError(f"{text!r}: NODE:SERVICE is wanted, such as 'lab-pub:Cisco Tftp'; services of {name}: {known}")
    world.faults.service_stuck.add((name, service))


def _replicate(world: World, text: str) -> None:
    name, _, state = text.partition("=")
    if not state.isdecimal() or int(state) not in REPLICATION_WORDS:
        raise LabError(f"{text!r}: NODE=STATE is wanted; states are 0 to 4, and 2 is good")
    world.faults.replication[_node(world, name)] = int(state)


def _time(world: World, text: str) -> None:
    name, _, state = text.partition("=")
    if state not in {UNSYNCHRONISED, STOPPED}:
        raise LabError(f"{text!r}: NODE=STATE is wanted; states are {UNSYNCHRONISED} and {STOPPED}")
    world.faults.ntp[_node(world, name)] = state


def _age_backup(world: World, text: str) -> None:
    if text == _NEVER:
        world.faults.backup_age = float("inf")
    else:
        _amount("backup_age", 0, 100_000)(world, text)


def _forget(world: World, text: str) -> None:
    name, _, unit = text.partition(":")
    if unit not in (*_UNITS, ITL_RECOVERY):
        raise LabError(f"{text!r}: NODE:UNIT is wanted; units are {', '.join((*_UNITS, ITL_RECOVERY))}")
    world.faults.tvs_forgets.add((_node(world, name), unit))


def _prompt(world: World, text: str) -> None:
    name, _, prompt = text.partition("=")
    if not prompt or not prompt.isprintable():
        raise LabError(f"{text!r}: NODE=PROMPT is wanted, such as 'lab-pub=labowner:'")
    world.faults.ssh_prompt[_node(world, name)] = prompt


def _lock(world: World, text: str) -> None:
    until = world.now() + LOCK_SECONDS
    world.faults.ssh_locked |= {(_node(world, text), account): until for account in world.cluster.platform_accounts}


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
    Switch(
        "capf-poison",
        "CAPF operations of a family of phones, such as 8845 or 88xx, end with this status",
        "FAMILY=STATUS",
        _poison,
        "capf_poison",
    ),
    Switch("capf-stall", "CAPF says nothing once TLS is set up", "NODE", _add_node("capf_stall"), "capf_stall"),
    Switch(
        "capf-half",
        "CAPF sends half of a message (auth, key, store, end) and hangs up",
        "NODE=MESSAGE",
        _halve,
        "capf_half",
    ),
    Switch(
        "capf-user-name",
        "how CAPF has users spelled, such as {user}.{instance}; what is genuine is not known",
        "FORM",
        _name_users,
        "capf_user_name",
    ),
    Switch(
        "phones-slow",
        "everything that phones do takes so much longer",
        "FACTOR",
        _amount("phones_slow", 1, 1000),
        "phones_slow",
    ),
    Switch(
        "phones-offline", "share of the phones that have no power", "SHARE", _take_power, "phones_offline", _give_power
    ),
    Switch("service-stuck", "a service does not come back after a restart", "NODE:SERVICE", _stick, "service_stuck"),
    Switch("replication", "setup state of a node's database replication", "NODE=STATE", _replicate, "replication"),
    Switch("ntp", "a node's time service is 'unsynchronised' or 'stopped'", "NODE=STATE", _time, "ntp"),
    Switch("backup-age", "hours since the newest backup that succeeded, or 'none'", "HOURS", _age_backup, "backup_age"),
    Switch("tvs-forgets", "a node's TVS does not know a unit's certificates", "NODE:UNIT", _forget, "tvs_forgets"),
    Switch("ssh-host-key", "SSH shows another host key", "NODE", _add_node("ssh_host_key"), "ssh_host_key"),
    Switch(
        "ssh-sha1-kex",
        "SSH speaks only SHA-1 key exchange and ssh-rsa, as 11.5 does",
        "NODE",
        _add_node("ssh_sha1_kex"),
        "ssh_sha1_kex",
    ),
    Switch("ssh-prompt", "the platform CLI has another prompt", "NODE=PROMPT", _prompt, "ssh_prompt"),
    Switch("ssh-paging", "paging stays on although it was turned off", "NODE", _add_node("ssh_paging"), "ssh_paging"),
    Switch("ssh-stall", "a command of the platform CLI never ends", "NODE", _add_node("ssh_stall"), "ssh_stall"),
    Switch("ssh-drop", "SSH ends in the middle of a command's output", "NODE", _add_node("ssh_drop"), "ssh_drop"),
    Switch("ssh-locked", "OS administrators are locked, as after three bad logins", "NODE", _lock, "ssh_locked"),
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
            if switch.undo is not None:
                switch.undo(world)
            setattr(world.faults, switch.field, getattr(healthy, switch.field))


def shown(world: World, switch: Switch) -> str:
    """Return a switch's value in words, "" where it is off. Use it under `Cluster.lock`."""
    value = getattr(world.faults, switch.field)
    if value == getattr(Faults(), switch.field):
        return ""
    if switch.field == "ssh_locked":
        return ", ".join(sorted(_spell(key) for key, until in value.items() if until > world.now()))
    if value == float("inf"):
        return _NEVER
    if isinstance(value, dict):
        return ", ".join(sorted(f"{_spell(key)}={value[key]}" for key in value))
    if isinstance(value, set):
        return ", ".join(sorted(_spell(each) for each in value))
    if isinstance(value, str):
        return value
    return f"{value:g}"


def _spell(key: str | tuple[str, str]) -> str:
    return key if isinstance(key, str) else ":".join(key)
