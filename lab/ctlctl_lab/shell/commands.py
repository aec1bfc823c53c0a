"""The commands that the lab's platform CLI knows, with the privilege that each needs.

Privileges are the CLI Reference Guide's. What is not in the table gets the words that the genuine console has for an
unknown command.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl_lab.shell import changes, screens_certs, screens_node, screens_services, screens_sql
from ctlctl_lab.shell.screens_lists import show_ctl, show_itl
from ctlctl_lab.shell.session import Console, RefusedError

UNKNOWN: Final = "No valid command entered"
FAILED: Final = "Executed command unsuccessfully"
_DEAD_END: Final = frozenset({"exit", "quit"})

#: Carries a command out: takes the session and what stands behind the words, gives the lines to show.
Action = Callable[[Console, str], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        words: what it is called by.
        level: least privilege of who may give it.
        run: carries it out.
        argument: what must stand behind its words, for a person; "" where nothing may.
        publisher: whether only the publisher has it.
    """

    words: str
    level: int
    run: Action
    argument: str = ""
    publisher: bool = False


def _pagination(console: Console, value: str) -> Iterable[str]:
    if value not in {"on", "off"}:
        raise RefusedError("Pagination is on or off")
    console.paging = value == "on"
    return (f"Automatic pagination is turned {value}",)


def _shown_pagination(console: Console, _: str) -> Iterable[str]:
    return (f"Automatic Pagination : {'On' if console.paging else 'Off'}.",)


def _help(console: Console, _: str) -> Iterable[str]:
    # A lab knows few commands; a person should not have to guess which.
    del console
    return sorted(f"{each.words} {each.argument}".rstrip() for each in COMMANDS.values())


_TABLE: Final = (
    Command("help", 0, _help),
    Command("set cli pagination", 1, _pagination, "on|off"),
    Command("show cli pagination", 0, _shown_pagination),
    Command("show ctl", 0, show_ctl),
    Command("show itl", 0, show_itl),
    Command("show cert list", 1, screens_certs.cert_list, "own|trust"),
    Command("show cert own", 1, screens_certs.cert_own, "UNIT"),
    Command("show cert trust", 1, screens_certs.cert_trust, "FILE"),
    Command("show csr list own", 1, screens_certs.csr_list),
    Command("show version active", 0, screens_node.version_active),
    Command("show version inactive", 0, screens_node.version_inactive),
    Command("show network cluster", 0, screens_node.network_cluster),
    Command("show status", 0, screens_node.status),
    Command("show accountlocking", 0, screens_node.account_locking),
    Command("show haproxy client-auth", 0, screens_node.client_auth, "PORT"),
    Command("utils dbreplication runtimestate", 0, screens_node.replication_state),
    Command("utils ntp status", 0, screens_node.ntp_status),
    Command("utils disaster_recovery history backup", 1, screens_node.backup_history, publisher=True),
    Command("utils service list", 0, screens_services.service_list),
    Command("utils service list page", 0, screens_services.service_list),
    Command("utils service restart", 1, screens_services.restart, "SERVICE"),
    Command("utils service start", 1, screens_services.start, "SERVICE"),
    Command("utils service stop", 1, screens_services.stop, "SERVICE"),
    Command("utils capf stale-lsc list", 0, screens_certs.stale_lscs, publisher=True),
    # The release notes of 12.5 write view for list.
    Command("utils capf stale-lsc view", 0, screens_certs.stale_lscs, publisher=True),
    Command("utils capf csr list", 0, screens_certs.capf_csrs, publisher=True),
    Command("utils capf csr count", 0, screens_certs.capf_csrs, publisher=True),
    Command("run sql", 1, screens_sql.run_sql, "STATEMENT"),
    Command("set cert regen", 1, changes.regenerate, "UNIT"),
    Command("utils ctl update CTLFile", 1, changes.update_ctl, publisher=True),
    Command("utils ctl set-cluster mixed-mode", 1, changes.mixed_mode, publisher=True),
    Command("utils ctl set-cluster non-secure-mode", 1, changes.non_secure_mode, publisher=True),
    Command("utils ctl reset localkey", 4, changes.reset_ctl, publisher=True),
    Command("utils itl reset localkey", 4, changes.reset_itl, publisher=True),
)
#: Every command by its words.
COMMANDS: Final[Mapping[str, Command]] = {command.words: command for command in _TABLE}


def run_session(console: Console) -> None:
    """Serve an operator until the session ends.

    Raises:
        HangupError: the operator has left, or a fault switch ends the connection.
    """
    console.welcome()
    while (line := " ".join(console.command().split())) not in _DEAD_END:
        if line:
            carry_out(console, line)


def carry_out(console: Console, line: str) -> None:
    """Carry one command out.

    Args:
        console: the session.
        line: what was typed, its blanks single.

    Raises:
        HangupError: as `run_session`.
    """
    command, rest = _find(line)
    # Switches strike what a client wants to know, not what it prepares its session with.
    console.troubled = not line.startswith("set cli ")
    if command is None:
        console.say(UNKNOWN)
        return
    try:
        _check(console, command, rest)
        console.show(command.run(console, rest))
    except RefusedError as refusal:
        console.say(str(refusal), FAILED)


def _find(line: str) -> tuple[Command | None, str]:
    words = line.split(" ")
    for count in range(len(words), 0, -1):
        command = COMMANDS.get(" ".join(words[:count]))
        if command is not None:
            return command, " ".join(words[count:])
    return None, ""


def _check(console: Console, command: Command, rest: str) -> None:
    if bool(rest) is not bool(command.argument):
        raise RefusedError("Incorrect number of parameters entered for CLI command")
    if console.account.level < command.level:
        raise RefusedError(f"This command requires privilege level {command.level}")
    if command.publisher and not console.node.publisher:
        raise RefusedError("This command can be executed on the publisher only")
