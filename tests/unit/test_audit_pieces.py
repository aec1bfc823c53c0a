"""The audit log is told in pieces, and what is written to it is chained however much comes at once."""

from itertools import chain
from pathlib import Path

import pytest

from ctlctl.act.audit import check_chain, from_line
from ctlctl.fleet.answers import AnswerError
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
