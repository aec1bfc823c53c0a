"""What holds of every text that a console could print, and of every list that ours prints."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from ctlctl_trust import Kind, Layout, ListPlan, RecordPlan, build_trust_list, verify_trust_list
from ctlctl_trust.console import console_layout
from ctlctl_trust.consolelist import parse_console_list
from ctlctl_trust.signature import SHA1, SHA512
from ctlctl_trust.tlv import Role
from support.lists import SMALL_CAPF, SMALL_PUB, SMALL_RECOVERY, SMALL_SUB
from support.vectors import NOW, ROOT

# Nothing here is timed; a slow machine must not make a test fail.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)

PARSERS: dict[str, Callable[[str], Any]] = {
    "list": parse_console_list,
    "cert_list": parse_cert_list,
    "cert_show": parse_cert_show,
    "service": parse_service,
    "sql": parse_sql,
    "capf": parse_capf,
    "replication": parse_replication,
    "ntp": parse_ntp,
    "version": parse_version,
    "network": parse_network_cluster,
    "change": parse_change,
    "trace": parse_trace,
    "backup": parse_backup_history,
    "client_auth": parse_client_auth,
    "pagination": parse_pagination,
}
LINES = sorted(
    {
        line
        for path in (ROOT / "tests" / "data" / "console").glob("*.txt")
        for line in path.read_text().split("\n")
        if len(line) < 200
    }
)

pieces = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=30),
    st.tuples(st.sampled_from(LINES), st.integers(0, 80), st.text(max_size=5)).map(
        lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
    ),
)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "", " ", "\x1b[K\r\n"])
texts = st.lists(st.tuples(pieces, ends).map("".join), max_size=25).map("".join)


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@given(text=texts)
@relaxed
def test_any_text_is_read_or_refused(parse: Callable[[str], Any], text: str) -> None:
    try:
        answer = parse(text)
    except ConsoleError:
        return
    count = text.count("\n") + 1
    for line in answer.unread:
        assert 1 <= line.number <= count
        assert line.text.strip()
        assert line.text.replace("\t", "").isprintable()
    assert parse(text) == answer
    # Line ends say nothing.
    if "\r" not in text:
        assert parse(text.replace("\n", "\r\n")) == answer


@given(text=texts)
@relaxed
def test_any_session_is_split(text: str) -> None:
    for exchange in split_session(text):
        assert exchange.command != ""


certificates = st.sampled_from([one.read() for one in (SMALL_SUB, SMALL_PUB, SMALL_CAPF)])
names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30).map(str.rstrip)
addresses = st.none() | st.ip_addresses(v=4).map(str)
records = st.builds(
    RecordPlan, st.sampled_from(Role), st.none() | certificates, st.none() | names, addresses, st.booleans()
)


@st.composite
def printed(draw: st.DrawFn) -> tuple[bytes, str]:
    """A list of ours and what is printed of it."""
    rows = draw(st.lists(records, max_size=6))
    rows.insert(draw(st.integers(0, len(rows))), RecordPlan(Role.SAST, SMALL_RECOVERY.read(), draw(names)))
    plan = ListPlan(
        draw(st.sampled_from(Kind)),
        rows,
        draw(st.integers(0, 0xFFFFFFFF)),
        draw(st.sampled_from([SHA1, SHA512])),
        draw(st.sampled_from(Layout)),
        draw(st.none() | st.tuples(st.integers(0, 255), st.integers(0, 255))),
    )
    data = build_trust_list(plan, SMALL_RECOVERY.identity())
    return data, console_layout(verify_trust_list(data, NOW), data)


def spelled(text: str | None) -> str | None:
    """A text as the console shows it."""
    if text is None:
        return None
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


@given(printed())
@relaxed
def test_what_we_print_reads_back(made: tuple[bytes, str]) -> None:
    data, text = made
    report = verify_trust_list(data, NOW)
    assert report.trust_list is not None
    header = report.trust_list.header
    shown = parse_console_list(text)
    assert (shown.unread, shown.mismatches) == ((), ())
    assert shown.describes(data)
    assert (shown.kind, shown.length, shown.verified) == (report.trust_list.kind, len(data), True)
    assert (shown.version, shown.header_length) == (header.version, header.length)
    assert (shown.signer_name, shown.issuer) == (header.signer_name, header.issuer)
    assert (shown.signer_serial, shown.signature) == (header.serial, header.signature)
    assert shown.modified is not None
    assert shown.modified.instant == datetime.fromtimestamp(header.timestamp or 0, UTC)
    for number, (mine, record) in enumerate(zip(shown.records, report.trust_list.records, strict=True), 1):
        assert (mine.number, mine.size, mine.role_code) == (number, record.size, record.role_code)
        assert (mine.subject, mine.issuer, mine.serial) == (record.subject, record.issuer, record.serial)
        assert mine.dns_name == spelled(record.dns_name)
        assert [(row.tag, row.length) for row in mine.rows] == [(tag, len(value)) for tag, value in record.elements]
        assert (mine.certificate_size is None) == (record.certificate is None)
        assert (mine.signed_list is None) == (mine.role is not Role.SAST)


@given(printed(), st.data())
@relaxed
def test_a_cut_or_a_paged_output_is_never_more_than_was_printed(made: tuple[bytes, str], data: st.DataObject) -> None:
    _, text = made
    whole = parse_console_list(text)
    end = data.draw(st.integers(0, len(text)))
    with suppress(ConsoleError):
        cut = parse_console_list(text[:end])
        assert cut.verified is None or "verified successfully" in text[:end]
        assert len(cut.records) <= len(whole.records)
    prompt = "Press <enter> for 1 line, <space> for one page, or <q> to quit\r\x1b[K"
    lines = text.split("\n")
    for place in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=4, unique=True)):
        lines[place] = prompt + lines[place]
    assert parse_console_list("\r\n".join(lines)) == whole
