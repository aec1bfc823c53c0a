"""Fuzz target: text of a CUCM console, read by the parser that the first byte chooses."""

from collections.abc import Callable
from typing import Any

from ctlctl.console import (
    ConsoleError,
    parse_backup_history,
    parse_capf,
    parse_cert_list,
    parse_cert_show,
    parse_change,
    parse_client_auth,
    parse_network_cluster,
    parse_ntp,
    parse_pagination,
    parse_replication,
    parse_service,
    parse_sql,
    parse_trace,
    parse_version,
    split_session,
)
from ctlctl_trust.consolelist import parse_console_list
from ctlctl_trust.consolelisttext import raw_lines
from support.vectors import ROOT

NAME = "console"
INSTRUMENT = ("ctlctl.console", "ctlctl_trust.consolelist", "ctlctl_trust.consolelisttext")
#: Bytes: the longest sample of a list that is not for its length has 4,500.
MAX_LENGTH = 6000

#: The beginning of each sample's name, and who reads it; the place in the table is the first byte.
PARSERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("show_", parse_console_list),
    ("cert_list", parse_cert_list),
    ("cert_own", parse_cert_show),
    ("service", parse_service),
    ("sql", parse_sql),
    ("capf", parse_capf),
    ("replication", parse_replication),
    ("ntp", parse_ntp),
    ("version", parse_version),
    ("network", parse_network_cluster),
    ("ctl_update", parse_change),
    ("trace", parse_trace),
    ("backup", parse_backup_history),
    ("haproxy", parse_client_auth),
    ("pagination", parse_pagination),
)


def seeds() -> list[bytes]:
    found = []
    for path in sorted((ROOT / "tests" / "data" / "console").glob("*.txt")):
        number = next(number for number, (begin, _) in enumerate(PARSERS) if path.name.startswith(begin))
        found.append(bytes((number,)) + path.read_bytes()[: MAX_LENGTH - 1])
    return found


def one_input(data: bytes) -> None:
    """Read; whatever the text, it is an answer or the one documented error."""
    if not data:
        return
    parse = PARSERS[data[0] % len(PARSERS)][1]
    text = data[1:].decode("utf-8", "surrogateescape")
    for exchange in split_session(text):
        assert exchange.line >= 1
    try:
        answer = parse(text)
    except ConsoleError as error:
        assert str(error)  # noqa: PT017 - no test runner here
        return
    last = text.count("\n") + 1
    for line in answer.unread:
        assert 1 <= line.number <= last
        assert line.text.replace("\t", "").isprintable()
    for mismatch in getattr(answer, "mismatches", ()):
        assert 1 <= mismatch.line <= last
        assert mismatch.stated != mismatch.counted
    if parse is parse_console_list:
        # The one thing that must never happen: a list called good that the console did not call so.
        said = any("verified successfully" in line.text.lower() for line in raw_lines(text))
        assert said or answer.verified is not True
