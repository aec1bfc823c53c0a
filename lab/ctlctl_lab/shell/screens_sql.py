"""`run sql`: a statement to the cluster's database, and its answer as a table of fixed columns.

Layout: Cisco document 118893. That NULL is printed as a word is from memory, and so is that an error is printed as the
database words it.
"""

from collections.abc import Iterable
from typing import Final

from ctlctl_lab.shell.session import Console
from ctlctl_lab.soap.axl_faults import AxlFault
from ctlctl_lab.soap.sql_parse import parse
from ctlctl_lab.soap.sql_run import run
from ctlctl_lab.soap.sql_tree import Select, SqlValue

NONE: Final = "No records found"


def run_sql(console: Console, statement: str) -> Iterable[str]:
    """Run a SELECT."""
    try:
        parsed = parse(statement)
        if not isinstance(parsed, Select):
            return ("A syntax error has occurred. (lab: run sql takes SELECT)",)
        with console.world.cluster.lock:
            names, found = run(console.world.cluster, parsed)
            rows = [[_text(value) for value in row] for row in found]
    except AxlFault as fault:
        return (fault.text,)
    if not rows:
        return (NONE,)
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    table = [names, ["=" * width for width in widths], *rows]
    lines = (" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)
    # A certificate's PEM has lines of its own, and breaks the table as it does on a genuine console.
    return [piece for line in lines for piece in line.split("\n")]


def _text(value: SqlValue) -> str:
    return "NULL" if value is None else str(value)
