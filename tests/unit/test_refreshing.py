"""`ctlctl cluster refresh` names every source, those too for which no time was left."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ctlctl.inventory.words import Fault
from ctlctl.service import refreshing
from ctlctl.service.refreshing import Refreshing
from ctlctl.store.store import Store


def test_who_is_not_asked_any_more_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = [0.0]
    monkeypatch.setattr(refreshing, "time", SimpleNamespace(monotonic=lambda: real[0]))

    def slow() -> Fault | None:
        real[0] += 901.0
        return None

    def never() -> Fault | None:
        raise AssertionError("it was asked")

    with Store.open(tmp_path / "ctld.db") as store:
        rounds = Refreshing(store, lambda: 0.0)._rounds([("axl", slow), ("ris", never)])
    assert rounds[0] == {"source": "axl", "fault": None}
    assert rounds[1]["source"] == "ris"
    assert rounds[1]["fault"]["detail"] == "not asked: the sources before it took more than 15 minutes"
