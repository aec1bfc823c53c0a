"""Running a SELECT of the subset.

Tables are joined from the left, each by a look-up where its condition has an equality, and conditions are asked as
early as they can be. Rows come one by one, so FIRST ends the work.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from ctlctl_lab.model import Cluster
from ctlctl_lab.soap.axl_faults import AxlFault
from ctlctl_lab.soap.sql_parse import not_simulated
from ctlctl_lab.soap.sql_tables import table
from ctlctl_lab.soap.sql_tree import (
    Call,
    Column,
    Compare,
    Condition,
    Count,
    Every,
    Expression,
    Item,
    Literal,
    Order,
    Select,
    Source,
    SqlValue,
)
from ctlctl_lab.soap.sql_values import Compute, Decide, Joined, Scope, compare

#: Pairs of rows a query may look at: more is a join that lacks its condition.
MAX_PAIRS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class _Named:
    """A column of the answer."""

    name: str
    expression: Expression


def run(cluster: Cluster, select: Select) -> tuple[list[str], Iterator[tuple[SqlValue, ...]]]:
    """Run a query. Use it, the rows included, under `Cluster.lock`.

    Args:
        cluster: whose database.
        select: the query.

    Returns:
        Names of the columns, and the rows.

    Raises:
        AxlFault: it names what is not there, or is beyond the subset.
    """
    aliases = [source.alias for source in select.sources]
    if len(set(aliases)) != len(aliases):
        raise not_simulated("two tables of the same alias")
    query = _Query(Scope({source.alias: table(cluster, source.table) for source in select.sources}), select)
    return [each.name for each in query.columns], query.rows()


class _Query:
    def __init__(self, scope: Scope, select: Select) -> None:
        self._scope = scope
        self._select = select
        self._pairs = 0
        self.columns = [named for item in select.items for named in self._named(item)]
        self._waiting = list(_conjuncts(select.where))
        counted = any(isinstance(each.expression, Count) for each in self.columns)
        self._grouped = counted or bool(select.group)
        # Whatever names a column that does not exist is found before the first row.
        for part in [*self._waiting, *(source.on for source in select.sources if source.on is not None)]:
            scope.uses(part)
        for column in self.columns:
            scope.uses(column.expression)
        self._order = [(self._meant(order), order.descending) for order in select.order]
        self._output = self._grouping() if self._grouped else self._plain()

    def rows(self) -> Iterator[tuple[SqlValue, ...]]:
        """Give the answer's rows."""
        found: Iterable[tuple[SqlValue, ...]] = self._output()
        if self._select.distinct:
            found = dict.fromkeys(found)
        first = self._select.first
        return islice(found, self._select.skip, None if first is None else self._select.skip + first)

    def _named(self, item: Item) -> Iterator[_Named]:
        match item.expression:
            case None:
                if item.name is not None and item.name not in self._scope.tables:
                    raise AxlFault(-522, f"Table ({item.name}) not selected in query.", "soapenv:Client")
                for alias in self._scope.tables if item.name is None else [item.name]:
                    for name in self._scope.tables[alias].columns:
                        yield _Named(name, Column(alias, name))
            case Column() as column:
                yield _Named(item.name or column.name, column)
            case Count() as count:
                yield _Named(item.name or "count", count)
            case Call() | Literal() as other:
                if item.name is None:
                    raise not_simulated("a computed column without a name")
                yield _Named(item.name, other)

    def _meant(self, order: Order) -> Expression:
        """Return what an ORDER BY means: a column of the answer by number or name, or an expression."""
        by = order.by
        if isinstance(by, Literal):
            if not isinstance(by.value, int) or not 1 <= by.value <= len(self.columns):
                raise not_simulated("this ORDER BY")
            return self.columns[by.value - 1].expression
        if isinstance(by, Column) and by.table is None:
            named = [each.expression for each in self.columns if each.name == by.name]
            if named:
                return named[0]
        self._scope.uses(by)
        return by

    # Joining.

    def _joined(self, base: Callable[[Sequence[Any]], Sequence[Any]]) -> Iterator[Joined]:
        """Give the joined rows; ``base`` puts those of the first table in order."""
        sources = self._select.sources
        tables = list(self._scope.tables.values())
        own = self._ready(0)
        first: Sequence[Any] = tables[0].rows
        if own is not None:
            first = [item for item in first if own((item,))]
        found: Iterator[Joined] = ((item,) for item in base(first))
        for index in range(1, len(sources)):
            found = self._step(found, index, sources[index], tables[index].rows)
        return found

    def _step(self, rows: Iterator[Joined], index: int, source: Source, items: Sequence[Any]) -> Iterator[Joined]:
        conditions = list(_conjuncts(source.on))
        if not source.left:
            # An equality in WHERE joins as well as one in ON; not for a LEFT JOIN, which must keep rows first.
            ready = [each for each in self._waiting if self._scope.uses(each) <= set(range(index + 1))]
            conditions += ready
            self._waiting = [each for each in self._waiting if each not in ready]
        match = self._matcher(index, conditions, items)
        after = self._ready(index) if source.left else None
        return self._paired(rows, match, after, left=source.left)

    def _paired(
        self, rows: Iterator[Joined], match: Callable[[Joined], Iterator[Joined]], after: Decide | None, *, left: bool
    ) -> Iterator[Joined]:
        for row in rows:
            alone = left
            for pair in match(row):
                alone = False
                if after is None or after(pair):
                    yield pair
            if alone and (after is None or after((*row, None))):
                yield (*row, None)

    def _ready(self, index: int) -> Decide | None:
        """Return the waiting conditions that can be asked once the tables up to ``index`` are joined."""
        ready = [each for each in self._waiting if self._scope.uses(each) <= set(range(index + 1))]
        self._waiting = [each for each in self._waiting if each not in ready]
        return self._scope.decide(Every(tuple(ready))) if ready else None

    def _matcher(
        self, index: int, conditions: list[Condition], items: Sequence[Any]
    ) -> Callable[[Joined], Iterator[Joined]]:
        """Return what finds the rows of one table that go with those before it."""
        look_up = next((each for each in conditions if self._sides(each, index) is not None), None)
        rest = [each for each in conditions if each is not look_up]
        decide = self._scope.decide(Every(tuple(rest))) if rest else None
        find: Callable[[Joined], Sequence[Any]] = lambda _: items  # noqa: E731 - replaced below
        if look_up is not None and (sides := self._sides(look_up, index)) is not None:
            find = self._index(items, self._scope.compute(sides[0]), self._scope.compute(sides[1]), index)

        def match(row: Joined) -> Iterator[Joined]:
            found = find(row)
            self._pairs += len(found)
            if self._pairs > MAX_PAIRS:
                raise not_simulated("a join of so many rows")
            for item in found:
                pair = (*row, item)
                if decide is None or decide(pair):
                    yield pair

        return match

    def _sides(self, condition: Condition, index: int) -> tuple[Expression, Expression] | None:
        """Return (value of this table, value of those before it) of an equality, else None."""
        if not isinstance(condition, Compare) or condition.operator != "=":
            return None
        for own, other in ((condition.left, condition.right), (condition.right, condition.left)):
            if self._scope.uses(own) == {index} and index not in self._scope.uses(other):
                return own, other
        return None

    def _index(
        self, items: Sequence[Any], own: Compute, other: Compute, index: int
    ) -> Callable[[Joined], Sequence[Any]]:
        by_value: dict[SqlValue, list[Any]] = {}
        before = (None,) * index
        for item in items:
            by_value.setdefault(own((*before, item)), []).append(item)
        by_value.pop(None, None)
        kinds = {type(value) for value in by_value}

        def find(row: Joined) -> Sequence[Any]:
            value = other(row)
            if value is None or type(value) in kinds:
                return by_value.get(value, ())
            # A text against numbers: equal where the numbers are.
            return [item for key, found in by_value.items() if compare("=", key, value) for item in found]

        return find

    # Answers.

    def _plain(self) -> Callable[[], Iterator[tuple[SqlValue, ...]]]:
        computes = [self._scope.compute(each.expression) for each in self.columns]
        keys = [(self._scope.compute(by), descending) for by, descending in self._order]
        early = all(self._scope.uses(by) <= {0} for by, _ in self._order)

        def rows() -> Iterator[tuple[SqlValue, ...]]:
            if early:
                # Joining keeps the order of the first table, so only that is sorted, and FIRST ends the work early.
                found = self._joined(lambda items: [row[0] for row in _sorted([(item,) for item in items], keys)])
            else:
                found = iter(_sorted(list(self._joined(lambda items: items)), keys))
            for row in found:
                yield tuple([compute(row) for compute in computes])

        return rows

    def _grouping(self) -> Callable[[], Iterator[tuple[SqlValue, ...]]]:
        scope, group = self._scope, self._select.group
        keys = [scope.compute(each) for each in group]
        places = [self._group_place(each) for each in self.columns]
        order = [(self._order_place(by), descending) for by, descending in self._order]
        counts = [
            None if each.expression.of is None else scope.compute(each.expression.of)
            for each in self.columns
            if isinstance(each.expression, Count)
        ]

        def rows() -> Iterator[tuple[SqlValue, ...]]:
            totals: dict[tuple[SqlValue, ...], list[int]] = {} if group else {(): [0] * len(counts)}
            for row in self._joined(lambda items: items):
                total = totals.setdefault(tuple([key(row) for key in keys]), [0] * len(counts))
                for number, count in enumerate(counts):
                    total[number] += count is None or count(row) is not None
            found: list[tuple[SqlValue, ...]] = []
            for key, total in totals.items():
                numbers = iter(total)
                found.append(tuple(next(numbers) if place is None else key[place] for place in places))
            yield from _sorted(found, [(_at(place), descending) for place, descending in order])

        return rows

    def _same(self, one: Expression, other: Expression) -> bool:
        if isinstance(one, Column) and isinstance(other, Column):
            return one.name == other.name and self._scope.place(one)[0] == self._scope.place(other)[0]
        return one == other

    def _group_place(self, column: _Named) -> int | None:
        """Return the place of a column of the answer in GROUP BY; None for a count."""
        if isinstance(column.expression, Count):
            return None
        for place, each in enumerate(self._select.group):
            if self._same(column.expression, each):
                return place
        raise AxlFault(-294, f"The column ({column.name}) must be in the GROUP BY list.", "soapenv:Client")

    def _order_place(self, by: Expression) -> int:
        for place, column in enumerate(self.columns):
            if self._same(column.expression, by):
                return place
        raise not_simulated("ORDER BY something that is not in the answer, with count() or GROUP BY")


def _at(place: int) -> Compute:
    return lambda row: row[place]


def _sorted(rows: Sequence[Joined], keys: Sequence[tuple[Compute, bool]]) -> Sequence[Joined]:
    """Sort rows, NULL first as Informix does."""
    for compute, descending in reversed(keys):
        rows = sorted(rows, key=_null_first(compute), reverse=descending)
    return rows


def _null_first(compute: Compute) -> Callable[[Joined], tuple[bool, Any]]:
    def key(row: Joined) -> tuple[bool, Any]:
        value = compute(row)
        return (value is not None, 0 if value is None else value)

    return key


def _conjuncts(condition: Condition | None) -> Iterator[Condition]:
    if isinstance(condition, Every):
        for each in condition.conditions:
            yield from _conjuncts(each)
    elif condition is not None:
        yield condition
