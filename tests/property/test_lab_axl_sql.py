"""The lab's SQL subset against SQLite: the same tables, random queries, the same rows."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl_lab.soap.axl_faults import AxlFault
from ctlctl_lab.soap.sql_parse import parse
from ctlctl_lab.soap.sql_run import run
from ctlctl_lab.soap.sql_tables import table
from ctlctl_lab.soap.sql_tree import Select, SqlValue
from support.labhttp import make_world

CLUSTER = make_world(phones=15).cluster
TABLES = ("device", "securityprofile", "typemodel", "typecertificatestatus", "typedevicesecuritymode", "devicepool")
#: How another table can be joined to device (d) or to a table before it.
JOINS = {
    "typemodel tm": "tm.enum = d.tkmodel",
    "typecertificatestatus cs": "cs.enum = d.tkcertificatestatus",
    "securityprofile sp": "d.fksecurityprofile = sp.pkid",
    "devicepool dp": "dp.pkid = d.fkdevicepool",
}
#: Columns that exist once their table is joined, with values worth comparing them to.
COLUMNS: dict[str, dict[str, list[SqlValue]]] = {
    "d": {
        "d.name": ["SEP001100000003", "SEP0011%", "%4", "sep%", "SEP_01100000005"],
        "d.lscvaliduntil": [0, 1_750_345_600, 1_750_000_000],
        "d.lscissuername": ["CN=CAPF-0a1b2c3d", "CN=%"],
        "d.upgradefinishtime": ["2030:01:02:03:04"],
        "d.tkclass": [1, 2],
    },
    "tm": {"tm.name": ["Cisco 8845", "Cisco 78%"], "tm.enum": [622, 36224]},
    "cs": {"cs.name": ["None", "Operation Pending"]},
    "sp": {"sp.name": ["Cisco 8845%", "%Secure%"], "sp.tkdevicesecuritymode": [1, 3]},
    "dp": {"dp.name": ["Default", "d%"]},
}


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.execute("pragma case_sensitive_like = on")
        connection.create_function("nvl", 2, lambda one, other: other if one is None else one)
        for name in TABLES:
            found = table(CLUSTER, name)
            connection.execute(f"create table {name} ({', '.join(found.columns)})")
            marks = ", ".join("?" * len(found.columns))
            rows = [[read(row) for read in found.columns.values()] for row in found.rows]
            connection.executemany(f"insert into {name} values ({marks})", rows)  # noqa: S608 - names of ours
        yield connection


def literal(value: SqlValue) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"


@st.composite
def comparisons(draw: st.DrawFn, aliases: tuple[str, ...]) -> str:
    columns = {name: values for alias in aliases for name, values in COLUMNS[alias].items()}
    name = draw(st.sampled_from(sorted(columns)))
    values = columns[name]
    value = literal(draw(st.sampled_from(values)))
    forms = [
        f"{name} {draw(st.sampled_from(['=', '<>', '<', '<=', '>', '>=']))} {value}",
        f"{name} is null",
        f"{name} is not null",
        f"{name} in ({', '.join(map(literal, values))})",
        f"{name} not in ({value})",
        f"{name} between {value} and {literal(draw(st.sampled_from(values)))}",
    ]
    if isinstance(values[0], str):
        forms += [f"{name} like {value}", f"{name} not like {value}", f"lower({name}) = lower({value})"]
        forms += [f"nvl({name}, 'none') = {value}"]
    else:
        forms += [f"nvl({name}, 0) = {value}"]
    return draw(st.sampled_from(forms))


def conditions(aliases: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.recursive(
        comparisons(aliases),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda each: f"({each[0]} {each[1]} {each[2]})"
            ),
            inner.map(lambda each: f"not ({each})"),
        ),
        max_leaves=5,
    )


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    """Draw everything from FROM to WHERE, and the aliases in it."""
    joined = draw(st.lists(st.sampled_from(sorted(JOINS)), unique=True, max_size=3))
    text, where, aliases = "from device d", [], ["d"]
    for other in joined:
        alias = other.split()[1]
        aliases.append(alias)
        condition = JOINS[other]
        if draw(st.booleans()):
            condition += f" and {draw(comparisons(tuple(aliases)))}"
        kind = draw(st.sampled_from(["join", "inner join", "left join", "left outer join", "comma"]))
        if kind == "comma":
            text += f", {other}"
            where.append(condition)
        else:
            text += f" {kind} {other} on {condition}"
    if draw(st.booleans()):
        where.append(draw(conditions(tuple(aliases))))
    if where:
        text += " where " + " and ".join(f"({each})" for each in where)
    return text, tuple(aliases)


def ask(sql: str) -> list[tuple[SqlValue, ...]]:
    select = parse(sql)
    assert isinstance(select, Select)
    return list(run(CLUSTER, select)[1])


@given(body=bodies(), data=st.data())
def test_rows_are_those_of_sqlite(
    database: sqlite3.Connection, body: tuple[str, tuple[str, ...]], data: st.DataObject
) -> None:
    text, aliases = body
    names = sorted(name for alias in aliases for name in COLUMNS[alias])
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))
    distinct = data.draw(st.sampled_from(["", "distinct "]))
    sql = f"select {distinct}{', '.join(chosen)} {text}"
    assert Counter(ask(sql)) == Counter(database.execute(sql).fetchall())


@given(body=bodies(), data=st.data())
def test_order_and_pages_are_those_of_sqlite(
    database: sqlite3.Connection, body: tuple[str, tuple[str, ...]], data: st.DataObject
) -> None:
    text, aliases = body
    names = sorted(name for alias in aliases for name in COLUMNS[alias])
    by = data.draw(st.sampled_from(names))
    way = data.draw(st.sampled_from(["", " asc", " desc"]))
    skip, first = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    order = f"order by {by}{way}, d.pkid"
    found = ask(f"select skip {skip} first {first} d.pkid, {by} {text} {order}")
    same = f"select d.pkid, {by} {text} {order} limit {first} offset {skip}"
    assert found == database.execute(same).fetchall()


@given(body=bodies(), data=st.data())
def test_counts_are_those_of_sqlite(
    database: sqlite3.Connection, body: tuple[str, tuple[str, ...]], data: st.DataObject
) -> None:
    text, aliases = body
    names = sorted(name for alias in aliases for name in COLUMNS[alias])
    by, of = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    group = data.draw(st.sampled_from(["", f" group by {by}"]))
    columns = f"{by}, count(*), count({of})" if group else f"count(*), count({of})"
    sql = f"select {columns} {text}{group}"
    assert Counter(ask(sql)) == Counter(database.execute(sql).fetchall())


WORDS = [
    "select",
    "first",
    "1",
    "name",
    "from",
    "device",
    "d",
    ",",
    ".",
    "(",
    ")",
    "'x'",
    "where",
    "=",
    "and",
    "not",
    "count",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)))
def test_any_text_is_a_query_or_a_fault(text: str) -> None:
    try:
        parsed = parse(text)
        if isinstance(parsed, Select):
            list(run(CLUSTER, parsed)[1])
    except AxlFault:
        pass
