"""The audit log is told in pieces, and what is written to it is chained however much comes at once."""

from itertools import chain
from pathlib import Path

import pytest

from ctlctl.act.audit import check_chain, from_line
from ctlctl.fleet.answers import AnswerError
from ctlctl.fleet.auditwords import since
from ctlctl.service import history
from ctlctl.service.history import audit_answer
from ctlctl.store.store import Store


def pieces(store: Store, **words: str) -> list[list[int]]:
    """Return the numbers of each piece."""
    found, first = [], "1"
    while True:
        answer = audit_answer(store, {**words, "first": first}, 0)
        found.append([row["number"] for row in answer["rows"]])
        assert [from_line(row["line"]).number for row in answer["rows"]] == found[-1]
        if answer["next"] is None:
            return found
        first = str(answer["next"])


@pytest.mark.parametrize("many", [0, 1, 6, 7, 8, 14, 20])
def test_all_pieces_together_are_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr(history, "AUDIT_PIECE", 7)
    with Store.open(tmp_path / "store.db") as store:
        store.acts.note("ctld", "hq", [(1, "rollout-phone", {"phone": f"SEP{one}"}) for one in range(many)])
        store.acts.note("ctld", "hq", [])
        assert check_chain(store.audit_log()).entries == many
        found = pieces(store)
        assert list(chain.from_iterable(found)) == list(range(1, many + 1))
        assert max(map(len, found)) <= 7


def test_a_cluster_with_few_entries_is_found_among_many_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "AUDIT_PIECE", 7)
    with Store.open(tmp_path / "store.db") as store:
        for cluster in ("hq", "branch", "hq"):
            store.acts.note("ctld", cluster, [(1, "e", {})] * (30 if cluster == "hq" else 1))
        assert list(chain.from_iterable(pieces(store, cluster="branch"))) == [31]
        assert check_chain(store.audit_log()).problem is None


@pytest.mark.parametrize("first", ["-1", "x", "", "9" * 19, "\u0661"])
def test_a_number_that_is_none_is_said_to_be_none(tmp_path: Path, first: str) -> None:
    with Store.open(tmp_path / "store.db") as store, pytest.raises(AnswerError, match="no number"):
        audit_answer(store, {"first": first}, 0)


#: Phone and instant of each entry; the clock was set back once.
ENTRIES = [("SEP001", 10), ("sep002", 20), ("", 15), ("SEP_1", 30), ("CSFKIM", 40), ("SEP001", 50)]


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"since": "16"}, [2, 4, 5, 6]),
        ({"since": "51"}, []),
        ({"phone": "SEP001"}, [1, 6]),
        ({"phone": "sep00?"}, [1, 2, 6]),
        ({"phone": "SEP_1"}, [4]),
        ({"phone": "*kim, Sep002"}, [2, 5]),
        ({"phone": "*"}, [1, 2, 4, 5, 6]),
        ({"phone": "SEP001", "since": "11"}, [6]),
        ({"phone": "SEP001", "cluster": "branch"}, []),
    ],
)
@pytest.mark.parametrize("piece", [1, 2, 5000])
def test_filters_leave_out_what_they_name_and_the_newest_are_the_last_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: dict[str, str], numbers: list[int], piece: int
) -> None:
    monkeypatch.setattr(history, "AUDIT_PIECE", piece)
    with Store.open(tmp_path / "store.db") as store:
        store.acts.note("ctld", "hq", [(at, "e", {"phone": name} if name else {}) for name, at in ENTRIES])
        assert list(chain.from_iterable(pieces(store, **words))) == numbers
        for most in range(1, 8):
            first = audit_answer(store, {**words, "newest": str(most)}, 0)
            assert [row["number"] for row in first["rows"]] == numbers[-most:][:piece]
            assert first["left_out"] == max(0, len(numbers) - most)


@pytest.mark.parametrize(
    "words", [{"since": "2h"}, {"since": ""}, {"newest": "0"}, {"newest": "-1"}, {"phone": ""}, {"phone": "SEP 1"}]
)
def test_a_filter_that_makes_no_sense_is_refused(tmp_path: Path, words: dict[str, str]) -> None:
    with Store.open(tmp_path / "store.db") as store, pytest.raises(AnswerError):
        audit_answer(store, words, 0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2h", 1_000_000 - 7200),
        ("30min", 1_000_000 - 1800),
        ("7d", 1_000_000 - 604_800),
        ("999999w", 0),
        ("1970-01-02", 86_400),
        ("1970-01-02T00:00:00Z", 86_400),
        ("1970-01-02T01:00+01:00", 86_400),
        ("0001-01-01", 0),
    ],
)
def test_since_is_an_instant_or_how_long_ago(text: str, instant: int) -> None:
    assert since(text, 1_000_000.5) == instant


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2m", "1.5h", "yesterday", "2026-13-01", "\u0662h"])
def test_since_that_is_neither_says_what_is_taken(text: str) -> None:
    with pytest.raises(AnswerError, match=r"^--since: .* 2h, 7d, 2w\)$"):
        since(text, 0)
