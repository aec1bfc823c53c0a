"""Lists as tables for people, and as CSV; JSON is the answer itself."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any, Final, NamedTuple

from ctlctl.fleet.words import ago, day, left, minute
from ctlctl.terminal import printable

Row = Mapping[str, Any]

_GAP: Final = "  "
#: Columns before what does not fit into the first line of a row.
_INDENT: Final = 4
#: Columns that a cell of its own gets in the narrowest of terminals.
_NARROWEST: Final = 20


class Column(NamedTuple):
    """A column.

    Attributes:
        title: its heading, and the key in CSV.
        text: makes the cell for a person of a row and the instant of the answer.
        raw: makes the cell of the CSV; None for the row's value under the title.
    """

    title: str
    text: Callable[[Row, float], str]
    raw: Callable[[Row], object] | None = None


def _plain(key: str, title: str = "") -> Column:
    return Column(title or key, lambda row, _: _word(row.get(key)), lambda row: row.get(key))


def _word(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _in(part: str, key: str, title: str = "") -> Column:
    """A value inside a table of the row that may be missing as a whole."""

    def found(row: Row) -> object:
        return (row.get(part) or {}).get(key)

    return Column(title or key, lambda row, _: _word(found(row)), found)


def _ends(key: str, title: str = "ends") -> Column:
    return Column(
        title,
        lambda row, now: f"{day(row[key])} ({left(row[key], now)})" if row[key] else "unknown",
        lambda row: row[key],
    )


def _since(key: str, title: str) -> Column:
    return Column(title, lambda row, now: ago(row.get(key), now), lambda row: row.get(key))


def _backup(row: Row, now: float) -> str:
    if row["backup_status"] is None:
        # Only the publisher makes backups.
        return "unknown" if row["usage"] == "Publisher" else "-"
    return ago(row["backup_at"], now)


def _aged(row: Row, now: float, text: str, *names: str) -> str:
    """Return what a node was last heard to say, with its age where none of those who tell it answers any more."""
    states = [row["sources"][name] for name in names if name in row["sources"]]
    told = [state["at"] for state in states if state["at"] is not None]
    if text == "unknown" or not told or any(state["fault"] is None for state in states):
        return text
    return f"{text} ({ago(max(told), now)})"


def _verdict(row: Row, now: float) -> str:
    del now
    if row["due_at"] is not None:
        return f"due {day(row['due_at'])}"
    return "unknown" if row["verdict"] is None else f"{row['verdict']}: {row['why']}"


def _failure(row: Row, now: float) -> str:
    if row["failure"] is None:
        return "none"
    when = "" if row["last_attempt"] is None else f" {ago(row['last_attempt'], now)}"
    return f"{row['failure']}{when}"


_PROFILES: Final[Sequence[Column]] = (
    _plain("cluster"),
    _plain("kind"),
    _plain("user"),
    _plain("instance_id"),
    _plain("operation"),
    _plain("status"),
    _since("since", "since"),
)

#: Columns by question.
COLUMNS: Final[Mapping[str, Sequence[Column]]] = {
    "cert-list": (
        _plain("cluster"),
        _plain("node"),
        _plain("unit"),
        _plain("common_name", "subject"),
        _plain("issuer"),
        _plain("key"),
        _ends("not_after"),
        Column(
            "served",
            lambda row, _: {True: "yes", False: "NO", None: "unknown"}[row["served"]],
            lambda row: row["served"],
        ),
        _plain("serial"),
    ),
    "node-list": (
        _plain("cluster"),
        _plain("name", "node"),
        Column(
            "usage",
            lambda row, _: row["usage"] or "not told by AXL",
            lambda row: row["usage"],
        ),
        Column(
            "services down",
            lambda row, now: _aged(
                row,
                now,
                (", ".join(row["services_down"]) or "none") if row["services_known"] else "unknown",
                "control-center",
                "platform-cli",
            ),
            lambda row: row["services_down"],
        ),
        Column(
            "replication",
            lambda row, _: (
                "unknown"
                if row["replication"] is None
                else f"{row['replication']} {row['replication_status']}"
                + (", TABLES DIFFER" if row.get("replication_differs") else "")
            ),
            lambda row: row["replication"],
        ),
        Column(
            "clock",
            lambda row, now: _aged(
                row,
                now,
                {True: "synchronised", False: "NOT SYNCHRONISED", None: "unknown"}[row["clock_synchronised"]],
                "platform-cli",
            ),
            lambda row: row["clock_synchronised"],
        ),
        Column(
            "tvs",
            lambda row, now: _aged(
                row,
                now,
                f"knows {row['tvs_asked'] - row['tvs_unknown']} of {row['tvs_asked']}"
                if row["tvs_asked"]
                else "unknown",
                "tvs",
            ),
            lambda row: row["tvs_unknown"] if row["tvs_asked"] else None,
        ),
        Column(
            "last backup",
            _backup,
            lambda row: row["backup_at"],
        ),
        Column(
            "silent",
            lambda row, _: ", ".join(name for name, state in sorted(row["sources"].items()) if state["fault"]) or "-",
            lambda row: [name for name, state in sorted(row["sources"].items()) if state["fault"]],
        ),
    ),
    "service-list": (
        _plain("cluster"),
        _plain("node"),
        _plain("name", "service"),
        _plain("status"),
        _plain("activated"),
        Column("started", lambda row, _: minute(row["started_at"]), lambda row: row["started_at"]),
        _since("since", "so since"),
        _plain("source"),
    ),
    "capf-enrolments": (
        _plain("cluster"),
        _plain("name"),
        _plain("user"),
        Column("instance", lambda row, _: row["instance"] or "-", lambda row: row["instance"]),
        _plain("state"),
        _ends("not_after"),
        _since("last_renewal", "renewed"),
        Column("verdict", _verdict, lambda row: row["verdict"]),
        Column("failure", _failure, lambda row: row["failure"]),
    ),
    "capf-stale-lsc": (
        _plain("cluster"),
        _plain("node"),
        _since("since", "first seen"),
        _plain("line"),
    ),
    "trustlist-list": (
        _plain("cluster"),
        _plain("node"),
        _plain("kind"),
        _plain("verdict"),
        _plain("size"),
        _plain("records"),
        _plain("signer"),
        Column("signed", lambda row, _: day(row["signed_at"]), lambda row: row["signed_at"]),
        _since("first_seen", "first seen"),
        # What is missing is told with commas.
        Column("missing", lambda row, _: "; ".join(row["missing"]) or "-", lambda row: row["missing"]),
        Column("sha256", lambda row, _: (row["sha256"] or "")[:12], lambda row: row["sha256"]),
    ),
    "trustlist-history": (
        _plain("node"),
        _plain("kind"),
        _since("first_seen", "first seen"),
        _since("last_seen", "last seen"),
        _plain("size"),
        Column("sha256", lambda row, _: row["sha256"][:12], lambda row: row["sha256"]),
    ),
    "finding-list": (
        _plain("cluster"),
        _plain("severity"),
        _plain("code"),
        _plain("subject"),
        _since("opened_at", "since"),
        _plain("summary"),
    ),
    "phone-list": (
        _plain("name"),
        _plain("model"),
        _plain("device_pool", "pool"),
        _plain("security_mode", "mode"),
        _plain("credential"),
        _ends("credential_ends"),
        _plain("credential_issuer", "issuer"),
        _in("registration", "status", "registered"),
        _in("registration", "node", "node"),
        _plain("not_taken"),
    ),
    "capf-list": _PROFILES,
    "capf-profile-list": _PROFILES,
}


def table_lines(ask: str, rows: Sequence[Row], now: float, width: int | None = None) -> Iterator[str]:
    """Give the lines of a table for a person: headings, then rows, columns as wide as they need be.

    Args:
        ask: the question.
        rows: the rows of its answer.
        now: the instant of the answer.
        width: columns of the terminal: a row that is wider goes on in the next line, indented, and so do the headings;
            None for one line a row, however long.
    """
    columns = COLUMNS[ask]
    cells = [[printable(column.text(row, now)) for column in columns] for row in rows]
    titles = [column.title.upper() for column in columns]
    widths = [
        max(len(title), *(len(line[at]) for line in cells)) if cells else len(title) for at, title in enumerate(titles)
    ]
    parts = _parts(widths, width)
    for line in [titles, *cells]:
        for number, part in enumerate(parts):
            indent = " " * _INDENT if number else ""
            if width is not None and len(part) == 1:
                room = max(width - len(indent), _NARROWEST)
                yield from (f"{indent}{piece}" for piece in wrap(line[part[0]], room, break_on_hyphens=False))
                continue
            words = (line[at].ljust(widths[at]) for at in part)
            yield (indent + _GAP.join(words)).rstrip()


def _parts(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Return which columns stand in one line."""
    parts: list[list[int]] = [[]]
    used = 0
    for at, wide in enumerate(widths):
        if parts[-1] and width is not None and used + len(_GAP) + wide > width:
            parts.append([])
            used = _INDENT
        used += wide + (len(_GAP) if parts[-1] else 0)
        parts[-1].append(at)
    return parts


def csv_text(ask: str, rows: Iterable[Row]) -> str:
    """Return rows as CSV (RFC 4180) with a line of headings; unknown is an empty field."""
    columns = COLUMNS[ask]
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow([column.title.replace(" ", "_") for column in columns])
    for row in rows:
        writer.writerow([_field(column, row) for column in columns])
    return target.getvalue()


def _field(column: Column, row: Row) -> object:
    value = row.get(column.title) if column.raw is None else column.raw(row)
    if isinstance(value, list):
        # Names have blanks and commas.
        value = "; ".join(map(str, value))
    # A spreadsheet would take such a text for a formula.
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + value
    return "" if value is None else value
