"""One session of the platform CLI: prompt, line editing, paging, confirmations; over any terminal.

Sources: the prompt and paging patterns of Cisco's pyATS for this platform, pasted sessions of 11.5 to 15 (welcome, the
doubled prompt of 15), CLI Reference Guide (pagination). Where no source gives the words, `docs/lab.md` says so.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from ctlctl_lab.model import Node, PlatformAccount

if TYPE_CHECKING:
    from ctlctl_lab.world import World

PROMPT: Final = "admin:"
PAGING: Final = "Press <enter> for 1 line, <space> for one page, or <q> to quit"
#: Characters of a line that is typed; more are not taken.
MAX_LINE: Final = 4096
#: Times that a question is asked before the command is given up.
MAX_QUESTIONS: Final = 5
_BOLD, _PLAIN, _ERASE = "\x1b[1m", "\x1b[0m", "\r\x1b[K"
_NEWLINE: Final = "\r\n"
_BACKSPACES: Final = frozenset("\b\x7f")


class HangupError(Exception):
    """The operator has left, or the session is over."""


class RefusedError(Exception):
    """A command is not carried out; the message is the reason as the console prints it."""


class Terminal(Protocol):
    """Where a session's operator sits."""

    def write(self, text: str) -> None:
        """Show text as it is.

        Raises:
            HangupError: nobody is there any more.
        """

    def key(self) -> str:
        """Wait for one character.

        Raises:
            HangupError: nobody is there any more, or nothing was typed for long.
        """

    @property
    def rows(self) -> int:
        """Lines of the operator's screen."""


class Console:
    """A session.

    Attributes:
        world: the cluster.
        node_name: the node that was logged in to.
        account: who logged in.
        paging: whether long output stops after each page.
        troubled: whether fault switches strike the command that runs now.
    """

    def __init__(self, terminal: Terminal, world: "World", node_name: str, account: PlatformAccount) -> None:
        self.world = world
        self.node_name = node_name
        self.account = account
        self.paging = True
        self.troubled = False
        self._terminal = terminal
        self._last = ""

    @property
    def node(self) -> Node:
        """The node; a scenario sets up new ones under the same names."""
        return self.world.cluster.nodes[self.node_name]

    @property
    def prompt(self) -> str:
        """What the console shows when it waits for a command."""
        return self.world.faults.ssh_prompt.get(self.node_name, PROMPT)

    def welcome(self) -> None:
        """Show what comes before the first prompt."""
        self._lines(("Command Line Interface is starting up, please wait ...", ""))
        self._lines(("   Welcome to the Platform Command Line Interface", ""))
        # A real one tells of its CPU; this one says what it is.
        self._lines(("VMware Installation:", "\t2 vCPU: LAB node of ctlctl", "\tDisk 1: 80GB, Partitions aligned"))
        self._lines(("\t8192 Mbytes RAM", ""))
        if self.world.cluster.major >= 15:
            # Raw bytes of 15 show the prompt twice, and a lone carriage return between.
            self._terminal.write(f"{self.prompt}{_NEWLINE}\r")

    def command(self) -> str:
        """Show the prompt and return what is typed."""
        self._terminal.write(self.prompt)
        return self._line()

    def ask(self, question: str, answers: Sequence[str]) -> str:
        """Ask until one of the answers comes.

        Args:
            question: as the console words it, without a line end.
            answers: what is understood; anything else makes it ask again.

        Raises:
            RefusedError: nothing that is understood came.
        """
        for _ in range(MAX_QUESTIONS):
            self._terminal.write(question)
            answer = self._line().strip()
            if answer in answers:
                return answer
        raise RefusedError("No valid answer was given")

    def say(self, *lines: str) -> None:
        """Show lines without paging."""
        self._emit(lines, page=None)

    def show(self, lines: Iterable[str]) -> None:
        """Show a command's output, page by page while paging is on."""
        stays_on = self.node_name in self.world.faults.ssh_paging
        page = max(2, self._terminal.rows) - 1 if self.paging or stays_on else None
        self._emit(tuple(lines), page)

    def _emit(self, lines: Sequence[str], page: int | None) -> None:
        if self.troubled and lines:
            faults = self.world.faults
            if self.node_name in faults.ssh_drop:
                whole, part = lines[: len(lines) // 2], lines[len(lines) // 2]
                self._lines(whole)
                self._terminal.write(part[: len(part) // 2])
                raise HangupError("the connection is dropped by the switch ssh-drop")
            if self.node_name in faults.ssh_stall:
                self._lines(lines[: len(lines) // 2])
                while True:
                    # Whatever is typed has no effect; only the end of the connection ends it.
                    self._terminal.key()
        if page is None:
            self._lines(lines)
        else:
            self._pages(lines, page)

    def _pages(self, lines: Sequence[str], page: int) -> None:
        shown = page
        self._lines(lines[:page])
        while shown < len(lines):
            self._terminal.write(f"{_BOLD}{PAGING}{_PLAIN}")
            step = 0
            while step == 0:
                key = self._terminal.key()
                if key in "qQ":
                    self._terminal.write(_ERASE)
                    return
                step = page if key == " " else int(key in "\r\n")
            self._terminal.write(_ERASE)
            self._lines(lines[shown : shown + step])
            shown += step

    def _lines(self, lines: Sequence[str]) -> None:
        if lines:
            self._terminal.write("".join(f"{line}{_NEWLINE}" for line in lines))

    def _line(self) -> str:
        """Read a line as it is typed, echoing it."""
        typed: list[str] = []
        while True:
            key = self._key()
            if key in "\r\n":
                self._terminal.write(_NEWLINE)
                return "".join(typed)
            if key in _BACKSPACES:
                if typed:
                    typed.pop()
                    self._terminal.write("\b \b")
            elif key == "\x03":
                # The line is given up, as at any shell.
                self._terminal.write(f"^C{_NEWLINE}")
                return ""
            elif key == "\x04" and not typed:
                raise HangupError("end of input")
            elif key == "\x15":
                self._terminal.write("\b \b" * len(typed))
                typed.clear()
            elif key == "\x1b":
                self._skip_sequence()
            elif key.isprintable() and len(typed) < MAX_LINE:
                typed.append(key)
                self._terminal.write(key)

    def _key(self) -> str:
        """Return a key; of a carriage return with a line feed behind it only the first."""
        key = self._terminal.key()
        if key == "\n" and self._last == "\r":
            key = self._terminal.key()
        self._last = key
        return key

    def _skip_sequence(self) -> None:
        """Read over what a cursor key sends."""
        if self._key() in "[O":
            while not self._key().isalpha():
                pass
