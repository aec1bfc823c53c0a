"""A page as rows of cells, whichever way it is marked up.

Three forms end up alike: ``<HostName>SEP…</HostName>`` of XML, table rows with a label, perhaps an empty cell, and a
value, and lines of text such as ``Host Name : SEP…``. The reader here is no XML or HTML parser and wants no
well-formedness: firmware leaves out end tags, and forgets to escape what a person typed. It takes one pass, keeps no
nesting, and knows no entities but those of HTML.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

# Characters of a cell; a URL may have some hundred.
MAX_CELL: Final = 400
# Cells of a row and rows of a page; the longest page has about 120 rows.
MAX_CELLS: Final = 32
MAX_ROWS: Final = 10_000

_MARK: Final = re.compile(r"<([^<>]*)>")
_NAME: Final = re.compile(r"/?\s*(?:[\w.-]+:)?([\w.-]+)")
# What is not to be read, and where it ends.
_HIDDEN: Final = re.compile(r"<(?:(!--)|(!\[CDATA\[)|(script|style)\b)", re.IGNORECASE)
_ENDS: Final = (re.compile("-->"), re.compile(r"\]\]>"), re.compile(r"</(?:script|style)\b[^<>]*>", re.IGNORECASE))
_ROW_TAGS: Final = frozenset({"tr", "table", "tbody", "thead", "dl", "dt"})
_CELL_TAGS: Final = frozenset({"td", "th", "dt", "dd"})
_LINE_TAGS: Final = frozenset({"br", "p", "div", "li", "ul", "ol", "pre", "hr", "form", "body", "h1", "h2", "h3", "h4"})
# Elements of HTML that may stand around a text inside a line; they are no names of facts.
_INLINE_TAGS: Final = frozenset({"a", "b", "i", "u", "em", "strong", "font", "span", "small", "big", "tt", "code"})
_HTML_TAGS: Final = _ROW_TAGS | _CELL_TAGS | _LINE_TAGS | _INLINE_TAGS | {"html", "head", "title", "center"}


def rows_of(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a page: label first, then what stands beside it; cells are one line, and may be empty.

    Args:
        text: The page. What an end cuts off is not taken for a value: a cell or line counts once it is closed.
    """
    reader = _Reader()
    place = 0
    text = _shown(text)
    for mark in _MARK.finditer(text):
        reader.data(text[place : mark.start()])
        reader.mark(mark.group(1))
        place = mark.end()
        yield from reader.taken()
    reader.end(text[place:])
    yield from reader.taken()


def one_line(text: str) -> str:
    """Return a text without markup's references and control characters, its blanks made one, cut to `MAX_CELL`."""
    words = html.unescape(text[: 8 * MAX_CELL]).split()
    line = " ".join("".join(char for char in word if char.isprintable()) for word in words)
    return line.strip()[:MAX_CELL]


def _shown(text: str) -> str:
    """Leave out comments, scripts and styles, and take CDATA sections for the text that they are."""
    parts = []
    place = 0
    while (begun := _HIDDEN.search(text, place)) is not None:
        parts.append(text[place : begun.start()])
        end = _ENDS[(begun.lastindex or 1) - 1].search(text, begun.end())
        if end is None:
            # It hides the rest; what is cut off in the middle of it is not known.
            return "".join(parts)
        if begun.lastindex == 2:
            parts.append(html.escape(text[begun.end() : end.start()]))
        place = end.end()
    parts.append(text[place:])
    return "".join(parts)


class _Reader:
    """Goes through marks and text once, and puts rows together."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, ...]] = []
        self._row: list[str] = []
        self._text: list[str] = []
        self._in_cell = False
        self._leaf = ""
        self._leaf_text: list[str] = []
        self._count = 0

    def taken(self) -> list[tuple[str, ...]]:
        """Return the rows that have come together since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def data(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._leaf_text.append(text)

    def mark(self, inside: str) -> None:
        found = _NAME.match(inside)
        if found is None:
            return
        name, closing = found.group(1).lower(), inside.startswith("/")
        if not closing:
            self._leaf, self._leaf_text = ("" if inside.endswith("/") else name), []
        elif name == self._leaf and name not in _HTML_TAGS:
            self._add((name, one_line("".join(self._leaf_text))))
            # What follows it is another line, whatever the page is.
            self._text.append("\n")
        if closing:
            self._leaf = ""
        if name in _ROW_TAGS:
            self._end_row()
        elif name in _CELL_TAGS:
            self._end_cell()
        if name in _CELL_TAGS:
            self._in_cell = not closing
        elif name in _LINE_TAGS:
            self._text.append("\n")

    def end(self, rest: str) -> None:
        """Take what stands behind the last mark; the last line only if it is ended."""
        self.data(rest)
        if self._in_cell:
            return
        lines = "".join(self._text).splitlines(keepends=True)
        if lines and rest and not lines[-1].endswith(("\n", "\r")):
            lines.pop()
        self._text = lines
        self._end_row()

    def _end_cell(self) -> None:
        text, self._text = "".join(self._text), []
        if self._in_cell and len(self._row) < MAX_CELLS:
            self._row.append(one_line(text))
        for line in text.splitlines():
            label, colon, value = line.partition(":")
            if colon:
                self._add((one_line(label), one_line(value)))

    def _end_row(self) -> None:
        self._end_cell()
        self._in_cell = False
        row, self._row = tuple(self._row), []
        if len(row) > 1:
            self._add(row)

    def _add(self, row: tuple[str, ...]) -> None:
        self._count += 1
        if self._count <= MAX_ROWS:
            self._rows.append(row)
