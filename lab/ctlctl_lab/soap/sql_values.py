"""Working out values and conditions for one row, with SQL's three truth values."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, TypeAlias, assert_never

from ctlctl_lab.soap.axl_faults import NO_COLUMN, NOT_A_NUMBER, AxlFault
from ctlctl_lab.soap.sql_parse import not_simulated
from ctlctl_lab.soap.sql_tables import Table
from ctlctl_lab.soap.sql_tree import (
    Among,
    Call,
    Column,
    Compare,
    Condition,
    Count,
    Every,
    Expression,
    IsNull,
    Literal,
    Not,
    Some,
    SqlValue,
)

#: A row of a query: one row of each table, None where a LEFT JOIN found none.
Joined: TypeAlias = tuple[Any, ...]
Compute: TypeAlias = Callable[[Joined], SqlValue]
Decide: TypeAlias = Callable[[Joined], bool | None]

_TEXTS: Final[Mapping[str, Callable[[str], str]]] = {"lower": str.lower, "upper": str.upper, "trim": str.strip}
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"=": eq, "<>": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def _parts(part: Expression | Condition) -> "Sequence[Expression | Condition]":
    """Return what a value or condition is made of."""
    match part:
        case Call():
            return part.arguments
        case Count():
            return () if part.of is None else (part.of,)
        case Compare():
            return part.left, part.right
        case Among():
            return part.value, *part.among
        case IsNull():
            return (part.value,)
        case Not():
            return (part.condition,)
        case Every() | Some():
            return part.conditions
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The tables of a query, in order, by alias."""

    tables: Mapping[str, Table]

    def place(self, column: Column) -> tuple[int, Callable[[Any], SqlValue]]:
        """Return which table a column is of, and how to read it.

        Raises:
            AxlFault: no table has it, or several have.
        """
        aliases = list(self.tables)
        if column.table is not None:
            if column.table not in self.tables:
                raise AxlFault(-522, f"Table ({column.table}) not selected in query.", "soapenv:Client")
            aliases = [column.table]
        found = [alias for alias in aliases if column.name in self.tables[alias].columns]
        if len(found) > 1:
            raise AxlFault(-324, f"Ambiguous column ({column.name}).", "soapenv:Client")
        if not found:
            text = f"Column ({column.name}) not found in any table in the query (or SLV is undefined)."
            raise AxlFault(NO_COLUMN, text, "soapenv:Client")
        return list(self.tables).index(found[0]), self.tables[found[0]].columns[column.name]

    def uses(self, part: Expression | Condition) -> set[int]:
        """Return which tables a value or condition is about."""
        if isinstance(part, Column):
            return {self.place(part)[0]}
        return set().union(*(self.uses(each) for each in _parts(part)))

    def compute(self, expression: Expression) -> Compute:
        """Return how to work out a value."""
        match expression:
            case Column():
                return self._column(expression)
            case Literal():
                value = expression.value
                return lambda _: value
            case Call():
                return self._call(expression)
            case Count():
                raise not_simulated("count() at this place")
            case _:
                assert_never(expression)

    def _column(self, column: Column) -> Compute:
        index, read = self.place(column)

        def compute(row: Joined) -> SqlValue:
            item = row[index]
            return None if item is None else read(item)

        return compute

    def _call(self, call: Call) -> Compute:
        first, *others = map(self.compute, call.arguments)
        if call.name == "nvl":
            other = others[0]

            def nvl(row: Joined) -> SqlValue:
                value = first(row)
                return other(row) if value is None else value

            return nvl
        change = _TEXTS[call.name]

        def changed(row: Joined) -> SqlValue:
            value = first(row)
            return None if value is None else change(str(value))

        return changed

    def decide(self, condition: Condition) -> Decide:
        """Return how to work out a condition."""
        match condition:
            case Compare():
                return self._compare(condition)
            case Among():
                return self.decide(Some(tuple(Compare("=", condition.value, each) for each in condition.among)))
            case IsNull():
                value = self.compute(condition.value)
                return lambda row: value(row) is None
            case Not():
                return _negate(self.decide(condition.condition))
            case Every():
                return _every([self.decide(each) for each in condition.conditions])
            case Some():
                opposites = [_negate(self.decide(each)) for each in condition.conditions]
                return _negate(_every(opposites))
            case _:
                assert_never(condition)

    def _compare(self, condition: Compare) -> Decide:
        left, right = self.compute(condition.left), self.compute(condition.right)
        operator = condition.operator
        if operator == "like":

            def fits(row: Joined) -> bool | None:
                text, pattern = left(row), right(row)
                if text is None or pattern is None:
                    return None
                return _pattern(str(pattern)).fullmatch(str(text)) is not None

            return fits
        return lambda row: compare(operator, left(row), right(row))


def compare(operator: str, left: SqlValue, right: SqlValue) -> bool | None:
    """Compare two values; a text and a number as numbers.

    Raises:
        AxlFault: -1213, a text that is none.
    """
    if left is None or right is None:
        return None
    if isinstance(left, int) is not isinstance(right, int):
        left, right = _number(left), _number(right)
    return _COMPARE[operator](left, right)


def _number(value: str | int) -> int:
    try:
        return int(value)
    except ValueError:
        text = "A character to numeric conversion process failed"
        raise AxlFault(NOT_A_NUMBER, text, "soapenv:Client") from None


def _negate(decide: Decide) -> Decide:
    def negated(row: Joined) -> bool | None:
        found = decide(row)
        return None if found is None else not found

    return negated


def _every(parts: Sequence[Decide]) -> Decide:
    def decided(row: Joined) -> bool | None:
        result: bool | None = True
        for part in parts:
            found = part(row)
            if found is False:
                return False
            if found is None:
                result = None
        return result

    return decided


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> re.Pattern[str]:
    expression = "".join(".*" if each == "%" else "." if each == "_" else re.escape(each) for each in pattern)
    return re.compile(expression, re.DOTALL)
