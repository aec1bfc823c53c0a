"""A recorded session taken apart at its prompts: each command with its output."""

import re
from dataclasses import dataclass

from ctlctl.console.text import raw_lines, without_prompt

# Documents leave the prompt of this command out; no output begins with its words.
_BARE = re.compile(r"run sql\b")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and what was printed after it.

    Attributes:
        command: the words after the prompt; None for what stands before the first prompt.
        output: the lines that follow, as text that every parser takes.
        line: number of the command's line in the session.
    """

    command: str | None
    output: str
    line: int


def split_session(text: str) -> tuple[Exchange, ...]:
    """Split a session at the prompt ``admin:``; empty prompts make no exchange.

    Raises:
        ConsoleError: the text is too large; nothing else.
    """
    exchanges: list[tuple[str | None, list[str], int]] = [(None, [], 1)]
    for line in raw_lines(text):
        command = without_prompt(line)
        if command is None and _BARE.match(line.text):
            command = line.text
        if command is None:
            exchanges[-1][1].append(line.text)
        elif command:
            exchanges.append((command, [], line.number))
    return tuple(
        Exchange(command, "\n".join(lines), number)
        for command, lines, number in exchanges
        if command is not None or any(lines)
    )
