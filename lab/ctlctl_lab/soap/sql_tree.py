"""What a statement of the SQL subset says, as plain values."""

from dataclasses import dataclass
from typing import TypeAlias

#: What a column holds.
SqlValue: TypeAlias = str | int | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column; ``table`` is the alias before the dot, or None."""

    table: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a whole number, or NULL."""

    value: SqlValue


@dataclass(frozen=True, slots=True)
class Call:
    """nvl, lower, upper or trim."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Count:
    """count(*), or count of the values of one expression that are not NULL."""

    of: "Expression | None"


Expression: TypeAlias = Column | Literal | Call | Count


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared: = <> < <= > >= like."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Among:
    """A value in a list of values."""

    value: Expression
    among: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """A value that is NULL."""

    value: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Every:
    """All of the conditions (AND)."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Any of the conditions (OR)."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = Compare | Among | IsNull | Not | Every | Some


@dataclass(frozen=True, slots=True)
class Source:
    """A table in FROM.

    Attributes:
        table: its name.
        alias: what columns call it.
        on: the condition of its JOIN, or None.
        left: whether it is a LEFT JOIN.
    """

    table: str
    alias: str
    on: Condition | None = None
    left: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One column of the answer; ``expression`` None is ``*`` or ``alias.*``, with the alias in ``name``."""

    expression: Expression | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A part of ORDER BY; a number counts the answer's columns."""

    by: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT."""

    skip: int
    first: int | None
    distinct: bool
    items: tuple[Item, ...]
    sources: tuple[Source, ...]
    where: Condition | None
    group: tuple[Expression, ...]
    order: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """An UPDATE of one table."""

    table: str
    values: tuple[tuple[str, SqlValue], ...]
    where: Condition | None
