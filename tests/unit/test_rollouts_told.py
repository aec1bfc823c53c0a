"""What metrics and `ctlctl status` are told of rollouts: documents in, samples and lines out."""

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ctlctl.act.rolloutrows import RolloutRowError
from ctlctl.fleet.check import nagios_lines
from ctlctl.fleet.rollouttext import brief_lines
from ctlctl.fleet.words import minute
from ctlctl.metrics.rollouts import ROLLOUT_GAUGES, SHOWN_SECONDS, RolloutCollector
from ctlctl.metrics.telemetry import Telemetry
from ctlctl.service.rolloutfacts import FRESH_SECONDS, RolloutFacts
from ctlctl.store.errors import StoreError, StoreFault
from ctlctl.store.store import Store
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import Mode, PhoneRow, PhoneState
from support.prometheus import made_rollouts, rollout, rollout_collector

NOW = 1_795_000_000
Samples = dict[str, dict[tuple[str, ...], float]]


def told(*documents: dict[str, Any], now: int = NOW) -> Samples:
    """Return values by metric and by the labels after cluster and rollout."""
    found: Samples = {}
    for family in RolloutCollector(lambda: documents, dict, lambda: now).collect():
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(one.labels.values())[2:]] = one.value
    return found


def test_every_mode_and_every_state_of_a_phone_has_a_value() -> None:
    found = told(rollout("hq", "27e654", NOW))
    modes = {(mode.value,): float(mode is Mode.RUNNING) for mode in Mode}
    assert found["ctl_rollout_state"] == modes | {("unknown",): 0.0}
    assert set(found["ctl_rollout_phones"]) == {(state.value,) for state in PhoneState}
    assert sum(found["ctl_rollout_phones"].values()) == 400


def test_every_gauge_has_a_value_in_the_made_rollouts() -> None:
    shown = {family.name for family in rollout_collector(NOW).collect() if family.samples and family.type == "gauge"}
    assert shown == {gauge.name for gauge in ROLLOUT_GAUGES}


def test_what_is_not_known_has_no_series() -> None:
    found = told(rollout("hq", "27e654", NOW, finish=None, deadline=None, window_closes=None, hold=""))
    for name in ("estimated_finish_timestamp_seconds", "deadline_timestamp_seconds", "behind_deadline", "hold"):
        assert f"ctl_rollout_{name}" not in found
    # Nobody carries it out: then nobody can tell its pace either.
    left = rollout("hq", "27e654", NOW, live=False)
    for key in ("hold", "deadline", "finish", "behind"):
        del left[key]
    found = told(left)
    assert found["ctl_rollout_carried_out"] == {(): 0}
    assert "ctl_rollout_axl_writes_per_second" not in found


def test_one_that_has_ended_is_shown_for_a_day() -> None:
    ended = rollout("hq", "27e654", NOW, mode="finished", ended_at=NOW, live=False)
    assert told(ended, now=NOW + SHOWN_SECONDS - 1)["ctl_rollout_state"]["finished",] == 1
    assert "ctl_rollout_carried_out" not in told(ended)
    assert told(ended, now=NOW + SHOWN_SECONDS) == {}


def test_registering_asks_nobody() -> None:
    def documents() -> Any:  # noqa: ANN401 - it never returns
        pytest.fail("registering asked for documents")

    CollectorRegistry().register(RolloutCollector(documents, documents, lambda: NOW))


class Rollouts:
    """Tells what it is told to, and counts who asks; or has trouble with its store."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.documents = list(documents)
        self.asked = 0
        self.error: StoreError | None = None

    def reports(self) -> list[dict[str, Any]]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.documents

    def rows(self, number: int) -> tuple[PhoneRow, ...]:
        assert number == 1
        return (
            PhoneRow("SEP1", PhoneState.TO_PERSON, reason=Reason.INVALID_LSC),
            PhoneRow("SEP2", PhoneState.RETRY, reason=Reason.OFFLINE),
            # What an earlier try came to says nothing any more.
            PhoneRow("SEP3", PhoneState.DONE, reason=Reason.OFFLINE),
            PhoneRow("SEP4", PhoneState.WAITING, reason=Reason.OFFLINE),
        )


@pytest.fixture
def store(tmp_path: Path) -> Any:  # noqa: ANN401 - a store
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


def test_who_scrapes_often_is_told_the_same(store: Store) -> None:
    clock, rollouts = [0.0], Rollouts(rollout("hq", "27e654", NOW))
    facts = RolloutFacts(rollouts, store, Telemetry(CollectorRegistry(), "0.1"), lambda: clock[0])
    (document,) = facts.documents()
    assert document["failures"] == {"invalid-lsc": 1, "offline": 1}
    assert facts.results() == {}
    assert [one["plan"] for one in facts.brief("hq")] == ["27e654"]
    assert facts.brief("hq")[0]["finish"] is not None
    assert facts.brief("branch") == ()
    assert rollouts.asked == 1
    clock[0] = FRESH_SECONDS
    rollouts.documents = [rollout("hq", "27e654", NOW, ended_at=NOW, mode="finished")]
    assert facts.brief("hq") == ()
    assert rollouts.asked == 2
    clock[0] += FRESH_SECONDS
    rollouts.documents = [rollout("hq", "27e654", NOW, mode="paused")]
    assert facts.brief("hq")[0]["finish"] is None


def test_a_store_in_trouble_costs_no_scrape(store: Store) -> None:
    registry, rollouts = CollectorRegistry(), Rollouts(rollout("hq", "27e654", NOW))
    rollouts.error = StoreError(StoreFault.LOCKED, "store.db", "Another program holds it")
    facts = RolloutFacts(rollouts, store, Telemetry(registry, "0.1"))
    registry.register(RolloutCollector(facts.documents, facts.results, lambda: NOW))
    assert b"ctl_rollout_state{" not in generate_latest(registry)
    assert registry.get_sample_value("ctld_store_errors_total", {"kind": "locked"}) == 1


def briefly(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {
        "number": 7,
        "plan": "27e654",
        "mode": "running",
        "mode_since": NOW - 7200,
        "halt": None,
        "words": "",
        "phones": 400,
        "done": 88,
        "failed": 2,
        "in_flight": 12,
        "live": True,
        "finish": NOW + 7200,
        "behind": False,
        **changes,
    }


def test_status_has_a_line_for_a_rollout_under_way() -> None:
    line, rest = brief_lines(briefly(), NOW, colour=False)
    assert "finish ≈ 2026-11-1" in f"{line} {rest}"
    assert line.startswith("  rollout    27e654 running · 88 of 400 phones done, 12 in flight, 2 failed")
    late = " ".join(brief_lines(briefly(behind=True, finish=None), NOW, colour=False))
    assert late.endswith("BEHIND its deadline")
    night = {"opens": NOW + 3600, "closes": NOW + 7200}
    waits = " ".join(brief_lines(briefly(hold="no-window", next_window=night), NOW, colour=False))
    assert f"its window opens {minute(NOW + 3600)}" in waits
    paused = list(brief_lines(briefly(mode="paused"), NOW, colour=False))
    assert "finish" not in " ".join(paused)
    assert paused[-1] == "           → ctlctl rollout resume 27e654"


def test_what_nobody_carries_out_is_unknown_and_says_why() -> None:
    why = "phone 2 of rollout 7: this version cannot read it " + "at all " * 20
    lines = list(brief_lines(briefly(live=False, finish=None, idle=why), NOW, colour=False))
    assert lines[0] == "  UNKNOWN    rollout 27e654 running"
    assert "nobody carries it out: phone 2 of rollout 7" in " ".join(map(str.strip, lines))
    assert lines[-1] == "           → ctlctl rollout status 7"
    assert all(len(line) <= 80 for line in lines)


def test_a_phone_that_cannot_be_read_costs_its_own_rollout_alone(store: Store) -> None:
    class Unreadable(Rollouts):
        def rows(self, number: int) -> tuple[PhoneRow, ...]:
            if number == 2:
                raise RolloutRowError("phone 5 of rollout 2: what it is")
            return super().rows(number)

    rollouts = Unreadable(rollout("hq", "27e654", NOW), {**rollout("far", "9a9b9c", NOW), "number": 2})
    first, second = RolloutFacts(rollouts, store, Telemetry(CollectorRegistry(), "0.1")).documents()
    assert (first["failures"], first.get("unreadable")) == ({"invalid-lsc": 1, "offline": 1}, None)
    assert (second["failures"], second["unreadable"]) == ({}, "phone 5 of rollout 2: what it is")


def test_what_halted_it_is_harmless_on_a_terminal() -> None:
    words = "kim said \x1b[2J" + "and more " * 20
    lines = list(brief_lines(briefly(mode="halted", halt="failures", words=words), NOW, colour=False))
    assert lines[0] == "  CRITICAL   rollout 27e654 halted  (since 2 h)"
    assert lines[-1] == "           → ctlctl rollout status 27e654"
    assert all(line.isprintable() and len(line) <= 80 for line in lines)


@pytest.mark.parametrize(("mode", "code"), [("running", 0), ("paused", 0), ("halted", 2), ("unknown", 3)])
def test_only_a_halted_rollout_is_critical(mode: str, code: int) -> None:
    cluster = {
        "name": "hq",
        "sources": {"axl": {"last_success": NOW}},
        "findings": [],
        "numbers": {"phones": 3},
        "rollouts": [briefly(mode=mode, halt="failures", words="8 of 10")],
    }
    found, lines = nagios_lines({"at": NOW, "clusters": [cluster]}, live=True)
    assert found == code
    assert ("hq: rollout 27e654 halted" in lines[0]) is (mode == "halted")
    assert f"critical={int(mode == 'halted')}" in lines[0]
    assert f"unknown={int(mode == 'unknown')}" in lines[0]


def test_the_made_rollouts_are_of_different_clusters() -> None:
    assert len({one["cluster"] for one in made_rollouts(NOW)}) == 3
