"""`run sql`: a table of fixed columns, whose places the runs of ``=`` below the names give.

An empty answer says ``No records found`` instead of rows.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from ctlctl.console.text import ConsoleError, Line, Output

#: Columns; the widest tables of the database have about 150.
MAX_COLUMNS = 300
_RULE = re.compile(r"=+(?: +=+)*")
_NONE = re.compile(r"\s*No records found\.?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SqlTable:
    """The answer of a query.

    Attributes:
        columns: names in order; empty where nothing but "no records" was printed.
        rows: the cells of each row without the blanks that fill the column. An empty cell is "": the console prints
            nothing for an empty value.
        lines: number of each row's line.
        unread: lines that do not fall into the columns, such as the rest of a value with a line break.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    unread: tuple[Line, ...]

    def records(self) -> tuple[dict[str, str], ...]:
        """Return each row by column name; of columns with the same name the last counts."""
        return tuple(dict(zip(self.columns, row, strict=True)) for row in self.rows)


def parse_sql(text: str) -> SqlTable:
    """Read the output of `run sql`.

    Raises:
        ConsoleError: the text is too large, or holds neither a table nor the words for none; nothing else.
    """
    output = Output(text, "run sql", "a row of column names over a row of =, or 'No records found'")
    places: list[tuple[int, int]] | None = None
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    before: Line | None = None
    none = False
    for line in output.lines:
        if places is None and before is not None and _RULE.fullmatch(line.text):
            places = _places(line)
            columns = _cells(before, places) or ()
            if not columns:
                raise ConsoleError("column names over their rules", before.number, before.text)
            before = None
        elif _NONE.fullmatch(line.text):
            none = True
        elif places is None:
            if before is not None:
                output.leave(before)
            before = line if line.text.strip() else before
        elif line.text.strip():
            cells = _cells(line, places)
            if cells is None:
                output.leave(line)
            else:
                rows.append(cells)
                numbers.append(line.number)
    if before is not None:
        output.leave(before)
    output.require(recognised=places is not None or none)
    return SqlTable(columns, tuple(rows), tuple(numbers), output.unread)


def _places(line: Line) -> list[tuple[int, int]]:
    runs = [found.span() for found in re.finditer("=+", line.text)]
    if len(runs) > MAX_COLUMNS:
        raise ConsoleError(f"at most {MAX_COLUMNS} columns, not {len(runs)}", line.number)
    return runs


def _cells(line: Line, places: list[tuple[int, int]]) -> tuple[str, ...] | None:
    """Return the cells, or None where text stands between the columns: then the row is not one of this table."""
    text = line.text
    if text[: places[0][0]].strip() or text[places[-1][1] :].strip():
        return None
    for (_, end), (start, _) in pairwise(places):
        if text[end:start].strip():
            return None
    return tuple(text[start:end].strip() for start, end in places)
