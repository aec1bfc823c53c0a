"""The commands that may be sent to a platform CLI: all of them, as data. What is not here cannot be sent.

A command is its exact words, and an argument of a strict shape or none. `utils itl reset`, `utils ctl reset localkey`,
`utils fips`, `file delete` and `set cert delete` are left out on purpose: each can lock every phone of a cluster out,
or destroys what nothing brings back. Words, prompts and privilege levels: CLI Reference Guide 12.5 and transcripts
(Cisco document 118893).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.platform_cli_ports import CliGuardError, Grant
from ctlctl.connectors.ports import printable

#: Characters of a whole line; the shell's own limit is not known, and no command here needs more.
MAX_LINE_CHARACTERS: Final = 1500
#: Seconds for a change; updating the CTL file of a large cluster and restarting a service take minutes.
WRITE_SECONDS: Final = 900.0

_UNIT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CERTIFICATE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9._-]{1,200})?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
# Names of services have blanks, and a few a bracket or a comma.
_SERVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?: [A-Za-z0-9(),._-]+){0,11}")

# What a statement may be made of outside of its texts: neither a comment nor a second statement can be written with it.
_SQL_TEXT: Final = re.compile(r"'[A-Za-z0-9 _.,:@%*/()+-]*'")
_SQL_BARE: Final = re.compile(r"[A-Za-z0-9_ .,*=<>()%+-]*")
_SQL_START: Final = re.compile(r"\s*select ", re.IGNORECASE)
_SQL_CALL: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) *\(")
#: Words that write, lock, or run what does; Informix runs stored procedures from within a select too.
_SQL_FORBIDDEN: Final = re.compile(
    r"\b(?:alter|begin|call|commit|create|delete|drop|execute|for|function|grant|insert|into|lock|merge|procedure|rename"
    r"|revoke|rollback|routine|save|set|start|temp|truncate|unlock|update)\b",
    re.IGNORECASE,
)
#: What may stand before a bracket.
_SQL_FUNCTION: Final = re.compile(
    r"all|and|any|as|avg|between|by|count|distinct|exists|from|having|in|join|length|like|lower|max|min|not|nvl|on|or"
    r"|select|substr|sum|trim|upper|when|where",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A confirmation that a command asks for, and the answer that goes with it.

    Attributes:
        pattern: matches the line at which the cursor stands.
        answer: what is typed. No other question is ever answered.
    """

    pattern: re.Pattern[str]
    answer: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        words: its fixed words, which are its name too.
        argument: what may follow them; None where nothing may.
        sql: whether the argument is a statement, with rules of its own.
        writes: whether it changes anything; then it needs a grant.
        seconds: how long it may take; None for what the settings say.
        questions: confirmations it asks for, each at most once.
    """

    words: str
    argument: re.Pattern[str] | None = None
    sql: bool = False
    writes: bool = False
    seconds: float | None = None
    questions: tuple[Question, ...] = ()


_CONTINUE: Final = Question(re.compile(r".{0,400}Do you want to continue\? ?\(y/n\) ?:? ?", re.IGNORECASE), "y")
_PROCEED: Final = Question(re.compile(r"Proceed with regeneration \(yes\|no\)\? ?", re.IGNORECASE), "yes")


def _writing(words: str, argument: re.Pattern[str] | None = None, *, questions: tuple[Question, ...] = ()) -> Command:
    return Command(words, argument, writes=True, seconds=WRITE_SECONDS, questions=questions)


_ALL: Final = (
    Command("set cli pagination off"),
    Command("show cli pagination"),
    Command("show ctl"),
    Command("show itl"),
    Command("show cert list own"),
    Command("show cert list trust"),
    Command("show cert own", _CERTIFICATE),
    Command("show cert trust", _CERTIFICATE),
    Command("show csr list own"),
    Command("show version active"),
    Command("show network cluster"),
    Command("show status"),
    Command("show accountlocking"),
    Command("show haproxy client-auth", _PORT),
    Command("utils service list"),
    Command("utils service list page"),
    Command("utils capf stale-lsc list"),
    # Release notes of 12.5 write view for list.
    Command("utils capf stale-lsc view"),
    Command("utils capf csr list"),
    Command("utils capf csr count"),
    Command("utils dbreplication runtimestate"),
    Command("utils ntp status"),
    Command("utils disaster_recovery history backup"),
    Command("run sql", sql=True),
    _writing("utils ctl update CTLFile", questions=(_CONTINUE,)),
    _writing("utils ctl set-cluster mixed-mode", questions=(_CONTINUE,)),
    _writing("utils ctl set-cluster non-secure-mode", questions=(_CONTINUE,)),
    _writing("utils service restart", _SERVICE),
    _writing("utils service start", _SERVICE),
    _writing("utils service stop", _SERVICE),
    _writing("set cert regen", _UNIT, questions=(_PROCEED,)),
)
#: Every command by its words.
COMMANDS: Final[Mapping[str, Command]] = MappingProxyType({command.words: command for command in _ALL})


def command_line(name: str, argument: str, grant: Grant | None, place: Place) -> tuple[Command, str]:
    """Return a command of the table and the line that is typed for it.

    Args:
        name: the command's words.
        argument: what follows them, or "".
        grant: what an approved plan allows; None for nothing.
        place: the node it is for.

    Raises:
        CliGuardError: it is not in the table, its argument has another shape, or no plan allows it.
    """
    command = COMMANDS.get(name)
    if command is None:
        raise _refusal(f"{printable(name)!r} is not a command that is ever sent", place)
    if not _fits(command, argument):
        problem = f"{printable(argument)!r} cannot stand behind" if argument else "an argument is missing behind"
        raise _refusal(f"{problem} {command.words!r}", place)
    line = f"{command.words} {argument}" if argument else command.words
    if len(line) > MAX_LINE_CHARACTERS:
        raise _refusal(f"the line {printable(line)!r} has more than {MAX_LINE_CHARACTERS} characters", place)
    if command.writes and not _allows(grant, line, place):
        raise _refusal(f"{line!r} changes the cluster, and no approved plan allows it on this node", place)
    return command, line


def _fits(command: Command, argument: str) -> bool:
    if command.sql:
        return is_one_select(argument)
    if command.argument is None:
        return argument == ""
    return command.argument.fullmatch(argument) is not None


def _allows(grant: Grant | None, line: str, place: Place) -> bool:
    return grant is not None and (grant.cluster, grant.node) == (place.cluster, place.node) and line in grant.lines


def is_one_select(statement: str) -> bool:
    """Tell whether a statement is a single plain select that calls no procedure and writes nowhere."""
    bare = _SQL_TEXT.sub(" ", statement)
    if not _SQL_START.match(statement) or not _SQL_BARE.fullmatch(bare) or "--" in bare:
        return False
    if _SQL_FORBIDDEN.search(bare):
        return False
    return all(_SQL_FUNCTION.fullmatch(word) for word in _SQL_CALL.findall(bare))


def _refusal(detail: str, place: Place) -> CliGuardError:
    advice = "Nothing was sent. The commands that may be sent stand in docs/platform-cli.md"
    return CliGuardError(ConnectorFault.INVALID, detail, place=place, advice=advice)
