"""Reading the SQL subset: SELECT with joins, and plain UPDATE, in Informix's words.

Statements that a cluster would understand and the lab does not (unions, sub-queries, procedures, ...) are faults that
say so; they are never half understood.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ctlctl_lab.soap.axl_faults import SYNTAX, AxlFault
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
    Item,
    Literal,
    Not,
    Order,
    Select,
    Some,
    Source,
    SqlValue,
    Update,
)

#: Longest statement, in characters; deepest nesting of conditions.
MAX_STATEMENT: Final = 64 * 1024
_MAX_DEPTH: Final = 30

_TOKEN: Final = re.compile(
    r"\s+|--[^\n]*"
    r"|(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<number>\d{1,18}(?![\w.]))"
    r"|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<sign><>|!=|<=|>=|[-=<>(),.*])"
)
#: Words that cannot be an alias, which tells where a name ends.
_RESERVED: Final = frozenset(
    (
        *("select", "from", "where", "join", "inner", "left", "right", "full", "outer", "cross", "on", "and", "or"),
        *("not", "in", "is", "null", "like", "matches", "between", "order", "group", "by", "having", "union", "as"),
        *("set", "asc", "desc", "first", "skip", "limit", "distinct", "unique", "case", "exists", "all", "into"),
    )
)
_FUNCTIONS: Final = {"nvl": 2, "lower": 1, "upper": 1, "trim": 1}
_COMPARISONS: Final = frozenset({"=", "<>", "!=", "<", "<=", ">", ">="})


_Part = TypeVar("_Part")


def _syntax(detail: str = "") -> AxlFault:
    return AxlFault(SYNTAX, f"A syntax error has occurred.{f' (lab: {detail})' if detail else ''}", "soapenv:Client")


def not_simulated(what: str) -> AxlFault:
    """Return the fault of SQL that a cluster understands and the lab does not."""
    return _syntax(f"{what} is not simulated")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(statement: str) -> Iterator[_Token]:
    if len(statement) > MAX_STATEMENT:
        raise not_simulated(f"a statement of more than {MAX_STATEMENT} characters")
    place = 0
    while place < len(statement):
        found = _TOKEN.match(statement, place)
        if found is None:
            raise _syntax(f"at {statement[place : place + 20]!r}")
        place = found.end()
        if found.lastgroup is not None:
            text = found[0].lower() if found.lastgroup == "word" else found[0]
            yield _Token(found.lastgroup, text)


def parse(statement: str) -> Select | Update:
    """Read a statement.

    Args:
        statement: SQL; keywords and names in any case.

    Raises:
        AxlFault: 201, where it is no SQL or none of this subset.
    """
    return _Parser(list(_tokens(statement.strip().removesuffix(";")))).statement()


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    # Looking at tokens.

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "")

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _wrong(self) -> AxlFault:
        return _syntax(f"near {self._next.text}" if self._next.text else "at the end")

    def _is(self, *words: str) -> bool:
        return self._next.kind in {"word", "sign"} and self._next.text in words

    def _eat(self, *words: str) -> bool:
        found = self._is(*words)
        self._place += found
        return found

    def _need(self, word: str) -> None:
        if not self._eat(word):
            raise self._wrong()

    def _name(self) -> str:
        if self._next.kind != "word" or self._next.text in _RESERVED:
            raise self._wrong()
        return self._take().text

    def _count(self) -> int:
        if self._next.kind != "number":
            raise self._wrong()
        return int(self._take().text)

    # Statements.

    def statement(self) -> Select | Update:
        found: Select | Update
        if self._eat("select"):
            found = self._select()
        elif self._eat("update"):
            found = self._update()
        elif self._is("execute", "insert", "delete", "create", "drop", "alter", "with", "call"):
            raise not_simulated(self._next.text)
        else:
            raise self._wrong()
        if self._next.kind != "end":
            if self._is("union", "having", "limit", "into", "intersect", "minus"):
                raise not_simulated(self._next.text)
            raise self._wrong()
        return found

    def _select(self) -> Select:
        skip = self._count() if self._eat("skip") else 0
        first = self._count() if self._eat("first", "limit") else None
        distinct = self._eat("distinct", "unique")
        if not distinct:
            self._eat("all")
        items = tuple(self._list(self._item))
        self._need("from")
        sources = [self._source()]
        while True:
            if self._eat(","):
                sources.append(self._source())
            elif (join := self._join()) is not None:
                sources.append(join)
            else:
                break
        where = self._condition() if self._eat("where") else None
        group: tuple[Expression, ...] = ()
        if self._eat("group"):
            self._need("by")
            group = tuple(self._list(self._expression))
        order: tuple[Order, ...] = ()
        if self._eat("order"):
            self._need("by")
            order = tuple(self._list(self._order))
        return Select(skip, first, distinct, items, tuple(sources), where, group, order)

    def _list(self, read: Callable[[], _Part]) -> Iterator[_Part]:
        yield read()
        while self._eat(","):
            yield read()

    def _item(self) -> Item:
        if self._eat("*"):
            return Item(None, None)
        if self._next.kind == "word" and self._ahead(1) == "." and self._ahead(2) == "*":
            alias = self._name()
            self._place += 2
            return Item(None, alias)
        expression = self._expression()
        if self._eat("as"):
            return Item(expression, self._take_alias())
        if self._next.kind == "word" and self._next.text not in _RESERVED:
            return Item(expression, self._take_alias())
        return Item(expression, None)

    def _take_alias(self) -> str:
        # After AS even a keyword may stand.
        if self._next.kind != "word":
            raise self._wrong()
        return self._take().text

    def _ahead(self, count: int) -> str:
        place = self._place + count
        return self._tokens[place].text if place < len(self._tokens) else ""

    def _source(self) -> Source:
        if self._is("(", "outer"):
            raise not_simulated("a sub-query or OUTER in FROM")
        table = self._name()
        self._eat("as")
        alias = self._name() if self._next.kind == "word" and self._next.text not in _RESERVED else table
        return Source(table, alias)

    def _join(self) -> Source | None:
        left = False
        if self._eat("left"):
            self._eat("outer")
            left = True
        elif self._is("right", "full", "cross"):
            raise not_simulated(f"{self._next.text} join")
        elif not self._eat("inner") and not self._is("join"):
            return None
        self._need("join")
        source = self._source()
        self._need("on")
        return Source(source.table, source.alias, self._condition(), left)

    def _order(self) -> Order:
        by = self._expression()
        descending = self._eat("desc")
        if not descending:
            self._eat("asc")
        return Order(by, descending)

    def _update(self) -> Update:
        table = self._name()
        self._need("set")
        values = tuple(self._list(self._assignment))
        return Update(table, values, self._condition() if self._eat("where") else None)

    def _assignment(self) -> tuple[str, SqlValue]:
        name = self._name()
        self._need("=")
        value = self._expression()
        if not isinstance(value, Literal):
            raise not_simulated("SET to anything but a text or a number")
        return name, value.value

    # Conditions.

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise not_simulated("nesting so deep")

    def _condition(self) -> Condition:
        self._deeper()
        found = [self._both()]
        while self._eat("or"):
            found.append(self._both())
        self._depth -= 1
        return found[0] if len(found) == 1 else Some(tuple(found))

    def _both(self) -> Condition:
        found = [self._negated()]
        while self._eat("and"):
            found.append(self._negated())
        return found[0] if len(found) == 1 else Every(tuple(found))

    def _negated(self) -> Condition:
        negated = False
        while self._eat("not"):
            negated = not negated
        found = self._plain()
        return Not(found) if negated else found

    def _plain(self) -> Condition:
        if self._is("exists"):
            raise not_simulated("exists")
        if self._is("(") and self._ahead(1) == "select":
            raise not_simulated("a sub-query")
        if self._eat("("):
            found = self._condition()
            self._need(")")
            return found
        return self._test(self._expression())

    def _test(self, left: Expression) -> Condition:
        if self._next.kind == "sign" and self._next.text in _COMPARISONS:
            sign = self._take().text
            if self._is("(") and self._ahead(1) == "select":
                raise not_simulated("a sub-query")
            return Compare("<>" if sign == "!=" else sign, left, self._expression())
        if self._eat("is"):
            negated = self._eat("not")
            self._need("null")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._eat("not")
        found: Condition
        if self._eat("like"):
            found = Compare("like", left, self._expression())
        elif self._eat("in"):
            found = Among(left, self._among())
        elif self._eat("between"):
            low = self._expression()
            self._need("and")
            found = Every((Compare(">=", left, low), Compare("<=", left, self._expression())))
        elif self._is("matches"):
            raise not_simulated("matches")
        else:
            raise self._wrong()
        return Not(found) if negated else found

    def _among(self) -> tuple[Expression, ...]:
        self._need("(")
        if self._is("select"):
            raise not_simulated("a sub-query")
        found = tuple(self._list(self._expression))
        self._need(")")
        return found

    # Values.

    def _expression(self) -> Expression:
        token = self._take()
        match token.kind:
            case "text":
                quote = token.text[0]
                return Literal(token.text[1:-1].replace(quote * 2, quote))
            case "number":
                return Literal(int(token.text))
            case "word" if token.text == "null":
                return Literal(None)
            case "word" if self._is("("):
                return self._call(token.text)
            case "word" if token.text == "case":
                raise not_simulated("case")
            case "word" if token.text not in _RESERVED:
                return Column(token.text, self._take_alias()) if self._eat(".") else Column(None, token.text)
            case "sign" if token.text == "-" and self._next.kind == "number":
                return Literal(-int(self._take().text))
        self._place -= 1
        raise self._wrong()

    def _call(self, name: str) -> Expression:
        self._deeper()
        found = self._function(name)
        self._depth -= 1
        return found

    def _function(self, name: str) -> Expression:
        self._need("(")
        if name == "count":
            if self._is("distinct", "unique"):
                raise not_simulated("count(distinct)")
            of = None if self._eat("*") else self._expression()
            self._need(")")
            return Count(of)
        if name not in _FUNCTIONS:
            raise not_simulated(f"{name}()")
        arguments = tuple(self._list(self._expression))
        self._need(")")
        if len(arguments) != _FUNCTIONS[name] or any(isinstance(each, Count) for each in arguments):
            raise self._wrong()
        return Call(name, arguments)
