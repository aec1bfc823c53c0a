"""Findings over time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.store.store import Store
from ctlctl.store.values import FindingChanges, StoredFinding
from support.storage import HQ, finding

ITL = finding(ClusterCode.STALE_ITL, "pub/itl", severity=FindingSeverity.CRITICAL)
CTL = finding()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "ctld.db") as opened:
        yield opened


def test_findings_open_stay_change_and_close(store: Store) -> None:
    changes = store.update_findings(HQ, 100, [CTL, ITL])
    assert changes == FindingChanges(opened=(StoredFinding(CTL, 100, 100), StoredFinding(ITL, 100, 100)))
    assert store.update_findings(HQ, 200, [CTL, ITL]) == FindingChanges()
    worse = replace(CTL, severity=FindingSeverity.CRITICAL, count=7)
    assert store.update_findings(HQ, 300, [ITL, worse]) == FindingChanges(updated=(StoredFinding(worse, 100, 300),))
    # Worst first, then by code.
    assert store.open_findings(HQ) == (StoredFinding(worse, 100, 300), StoredFinding(ITL, 100, 100))
    assert store.update_findings(HQ, 400, [worse]).closed == (StoredFinding(ITL, 100, 100, 400),)
    assert store.open_findings(HQ) == (StoredFinding(worse, 100, 300),)
    assert store.finding_history(HQ) == (StoredFinding(ITL, 100, 100, 400), StoredFinding(worse, 100, 300))
    assert store.finding_history(HQ, limit=1) == (StoredFinding(ITL, 100, 100, 400),)


def test_a_finding_that_comes_back_is_a_new_one(store: Store) -> None:
    for at, found in ((100, [CTL]), (200, []), (300, [CTL])):
        store.update_findings(HQ, at, found)
    assert store.open_findings(HQ) == (StoredFinding(CTL, 300, 300),)
    assert store.finding_history(HQ) == (StoredFinding(CTL, 300, 300), StoredFinding(CTL, 100, 100, 200))


def test_code_and_subject_are_the_identity(store: Store) -> None:
    sub = finding(subject="sub/ctl")
    store.update_findings(HQ, 100, [CTL, sub])
    store.update_findings("branch", 100, [CTL])
    assert [one.finding.subject for one in store.open_findings(HQ)] == ["pub/ctl", "sub/ctl"]
    assert store.update_findings(HQ, 200, [sub]).closed == (StoredFinding(CTL, 100, 100, 200),)
    assert store.open_findings("branch") == (StoredFinding(CTL, 100, 100),)


def test_the_worst_of_two_with_one_identity_counts(store: Store) -> None:
    store.update_findings(HQ, 100, [CTL, finding(summary="Another.")])
    assert store.open_findings(HQ) == (StoredFinding(CTL, 100, 100),)


def test_other_evidence_is_kept_and_is_no_news(store: Store) -> None:
    store.update_findings(HQ, 100, [finding(evidence={"age": 1, "nodes": ["pub"]})])
    later = finding(evidence={"age": 2, "nodes": ["pub"], "more": {"deep": None}})
    assert store.update_findings(HQ, 200, [later]) == FindingChanges()
    assert store.open_findings(HQ) == (StoredFinding(later, 100, 100),)


def test_old_closed_findings_are_purged_and_open_ones_are_not(store: Store) -> None:
    store.update_findings(HQ, 100, [CTL, ITL])
    store.update_findings(HQ, 200, [ITL])
    assert store.purge(1_000, 800).findings == 0
    assert store.purge(1_000, 799).findings == 1
    assert store.finding_history(HQ) == (StoredFinding(ITL, 100, 100),)


def test_findings_of_codes_that_only_another_version_knows_are_left_out_and_closed(store: Store) -> None:
    strange = finding()
    object.__setattr__(strange, "code", type("Code", (str,), {"value": "of-another-version"})())
    store.update_findings(HQ, 100, [strange, ITL])
    assert store.open_findings(HQ) == (StoredFinding(ITL, 100, 100),)
    assert store.update_findings(HQ, 200, [ITL]) == FindingChanges()
    assert store.finding_history(HQ) == (StoredFinding(ITL, 100, 100),)
