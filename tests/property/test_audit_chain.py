"""The audit log: any change of any entry, anything left out or put in another order, is found."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlctl.act.audit import (
    GENESIS,
    AuditEntry,
    AuditLineError,
    check_chain,
    from_line,
    next_entry,
    to_line,
)
from ctlctl.store.store import Store

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
doings = st.tuples(st.integers(0, 2**40), texts, texts, texts, st.dictionaries(texts, values, max_size=3))


def chain(what: list[tuple[int, str, str, str, dict[str, object]]]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for at, who, event, cluster, detail in what:
        last = (entries[-1].number, entries[-1].hash) if entries else None
        entries.append(next_entry(last, at, who, event, cluster, detail))  # type: ignore[arg-type]
    return entries


@given(st.lists(doings, min_size=1, max_size=6))
def test_what_was_written_holds_and_survives_the_trip_through_a_file(
    what: list[tuple[int, str, str, str, dict[str, object]]],
) -> None:
    entries = chain(what)
    lines = [to_line(entry) for entry in entries]
    assert all("\n" not in line for line in lines)
    again = [from_line(line + "\n") for line in lines]
    assert again == entries
    found = check_chain(again, entries[0].hash)
    assert (found.entries, found.head, found.problem) == (len(entries), entries[-1].hash, None)
    # Anybody can check it with nothing but a SHA-256.
    before = GENESIS
    for line in lines:
        text, _, digest = line.rpartition(" ")
        assert sha256(f"{before}\n{text}".encode()).hexdigest() == digest
        before = digest


@given(st.lists(doings, min_size=1, max_size=5), st.data())
def test_one_changed_byte_is_found(
    what: list[tuple[int, str, str, str, dict[str, object]]], data: st.DataObject
) -> None:
    lines = [to_line(entry) for entry in chain(what)]
    place = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[place]) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda one: one != lines[place][at]))
    lines[place] = lines[place][:at] + other + lines[place][at + 1 :]
    try:
        problem = check_chain([from_line(line) for line in lines]).problem
    except AuditLineError:
        problem = "no entry"
    assert problem is not None


@given(st.lists(doings, min_size=3, max_size=6), st.data())
def test_what_is_missing_or_out_of_order_is_found(
    what: list[tuple[int, str, str, str, dict[str, object]]], data: st.DataObject
) -> None:
    entries = chain(what)
    gone = data.draw(st.integers(0, len(entries) - 1))
    rest = entries[:gone] + entries[gone + 1 :]
    if gone < len(entries) - 1:
        assert check_chain(rest).problem is not None
    # What was cut off the end shows only to who knows the newest hash.
    assert check_chain(rest, entries[-1].hash).problem is not None
    assert check_chain([*entries[1:2], *entries[:1], *entries[2:]]).problem is not None


@pytest.mark.parametrize("line", ["", "x", "{} abc", "[1] 0", '{"number":1} 00', "null " + "0" * 64])
def test_what_is_no_entry(line: str) -> None:
    with pytest.raises(AuditLineError):
        from_line(line)


def test_the_store_keeps_it_and_forgets_none_of_it_with_its_cluster(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        store.audit(1, "uid 0 (root)", "one", "hq", {"b": [1, None], "a": "\x1bä"})
        store.audit(2, "ctld", "two", "", {})
        store.forget_cluster("hq")
        store.purge(10**10, 1)
    with Store.open(tmp_path / "ctld.db") as store:
        entry = store.audit(3, "ctld", "three", "hq", {})
        log = store.audit_log()
        assert [one.event for one in log] == ["one", "two", "three"]
        assert log[-1] == entry
        assert check_chain(log, entry.hash).problem is None
        assert store.audit_log(3) == (entry,)
