"""The doctor's rows as a person reads them."""

from collections.abc import Iterator
from itertools import groupby
from textwrap import TextWrapper
from typing import Final

from ctlctl.cluster.rows import LABELS, WITHOUT, Report, Row, Status, Verdict
from ctlctl.terminal import paint, pasteable, printable

_WORDS: Final = {
    Status.OK: ("ok", "green"),
    Status.WARNING: ("WARN", "yellow"),
    Status.FAILED: ("FAIL", "red"),
    Status.UNKNOWN: ("?", "yellow"),
    Status.ABSENT: ("-", "bold"),
}
_SUMMARY: Final = {
    Verdict.WORKS: ("everything that is configured works", "green"),
    Verdict.TROUBLE: ("not everything that is configured works", "red"),
    Verdict.UNDECIDED: ("not everything could be asked: nothing is decided", "yellow"),
}
_LABEL, _WORD = 15, 7
_WIDTH: Final = 80


def render(report: Report, *, colour: bool) -> Iterator[str]:
    """Give the lines of a report: the cluster's rows, then each node's under its name."""
    for node, rows in groupby(report.rows, lambda row: row.node):
        if node is not None:
            yield paint(printable(node), "bold", on=colour)
        for row in rows:
            yield from _row(row, indent="  " if node is not None else "", colour=colour)
    words, paint_as = _SUMMARY[report.verdict]
    yield ""
    yield paint(f"{printable(report.cluster)}: {words}", paint_as, on=colour)


def _row(row: Row, *, indent: str, colour: bool) -> Iterator[str]:
    word, paint_as = _WORDS[row.status]
    label = f"{indent}{LABELS[row.interface]}"
    head = f"{label:<{_LABEL}}{paint(f'{word:<{_WORD}}', paint_as, on=colour)}"
    for number, line in enumerate(_said(row)):
        yield (head if number == 0 else " " * (_LABEL + _WORD)) + line


def _said(row: Row) -> Iterator[str]:
    """Give lines: what was seen, then what follows from it, then what to do."""
    where = f"{row.endpoint} " if row.endpoint and row.status is not Status.UNKNOWN else ""
    yield from _wrapped(f"{where}{row.message}") or [""]
    if row.status is Status.FAILED:
        yield from _wrapped(WITHOUT[row.interface])
    if row.advice and row.status is not Status.OK:
        yield from _wrapped(f"→ {row.advice.rstrip('.')}")


def _wrapped(text: str) -> list[str]:
    # A fingerprint is longer than a line; it stays whole, so that it can be copied.
    return TextWrapper(_WIDTH - _LABEL - _WORD, break_on_hyphens=False, break_long_words=False).wrap(
        printable(pasteable(text))
    )
