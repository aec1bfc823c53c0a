"""The one error of this package: every problem of a settings file, each with its place and what to write."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Characters of somebody's own words that a message repeats.
MAX_SHOWN_CHARACTERS: Final = 60
#: Problems that are spelled out; a file that is no settings file at all would give hundreds.
MAX_PROBLEMS: Final = 20


def shown(value: object, limit: int = MAX_SHOWN_CHARACTERS) -> str:
    """Return a value of a settings file made harmless for a terminal, and at most ``limit`` characters of it."""
    text = str(value)
    cut = text[:limit]
    safe = cut if cut.isprintable() else cut.encode("unicode_escape").decode("ascii")
    return safe if len(text) <= limit else safe + "…"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        table: table it stands in, such as "clusters.hq.axl"; "" for the file as a whole.
        key: key in that table; "" for the table as a whole.
        message: what is wrong and what to write; harmless to print, without any secret.
    """

    table: str
    key: str
    message: str

    def __str__(self) -> str:
        table = f"[{self.table}]" if self.table else ""
        place = " ".join(part for part in (table, self.key) if part)
        return f"{place}: {self.message}" if place else self.message


class SettingsError(Exception):
    """The settings cannot be used. Its text has one line for each problem, each with the file's name.

    Attributes:
        path: the file.
        problems: all of them; at least one.
    """

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(problems)
        name = shown(path) if len(str(path)) <= MAX_SHOWN_CHARACTERS else shown(path.name)
        lines = [f"{name}: {problem}" for problem in self.problems[:MAX_PROBLEMS]]
        if len(self.problems) > MAX_PROBLEMS:
            lines.append(f"{name}: and {len(self.problems) - MAX_PROBLEMS} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        """Survive a trip to another process."""
        return type(self), (self.path, self.problems)
