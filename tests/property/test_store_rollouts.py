"""Plans, approvals and rollouts come back as they were kept; one rollout a cluster; each step is in the audit log."""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctlctl.act.audit import check_chain
from ctlctl.act.rolloutrows import RolloutRowError, head_text, read_head, read_row, row_text
from ctlctl.store.rolloutstore import Approval, BusyClusterError, StoredPlan
from ctlctl.store.store import Store
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import Batch, Halt, Head, Mode, PhoneRow, PhoneState, RolloutState, Signal

instants = st.integers(0, 2**40)
rows = st.builds(
    PhoneRow,
    st.text(min_size=1, max_size=15),
    st.sampled_from(PhoneState),
    instants,
    st.integers(0, 9),
    st.integers(0, 99),
    st.integers(0, 9),
    st.none() | st.sampled_from(Reason),
    st.booleans(),
    instants,
    st.text(max_size=16),
    instants,
    st.none() | instants,
    st.none() | st.text(max_size=20),
    st.none() | instants,
    st.none() | instants,
    st.none() | instants,
    st.booleans(),
    st.none() | instants,
    st.none() | instants,
    st.frozensets(st.sampled_from(Signal)),
)
batches = st.builds(Batch, *(st.integers(0, 999),) * 8, st.booleans())
heads = st.builds(
    Head,
    st.sampled_from(Mode),
    instants,
    st.none() | st.sampled_from(Halt),
    st.text(max_size=20),
    st.integers(0, 4),
    instants,
    st.lists(batches, max_size=3).map(tuple),
    st.integers(0, 99),
    instants,
    instants,
    st.floats(0.01, 5),
    instants,
    st.floats(0, 5),
    st.integers(0, 99),
    instants,
    instants,
    st.integers(0, 99),
)
PLAN = StoredPlan("ab" * 32, "ababab", "hq", b"{}", 5, ())
KIM, LEE = Approval(10, 1000, "kim"), Approval(20, 1001, "lee")


@given(rows, heads)
def test_rows_and_heads_survive_the_trip_through_text(row: PhoneRow, head: Head) -> None:
    assert read_row(row_text(row)) == row
    assert read_head(head_text(head)) == head


def test_every_field_is_in_the_test_above() -> None:
    # A new field must be thought of here, too.
    assert (len(fields(PhoneRow)), len(fields(Head)), len(fields(Batch))) == (20, 17, 9)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name":"x","state":"nonsense"}', '{"name":"x","more":1}', "{}"])
def test_what_is_no_row(text: str) -> None:
    with pytest.raises(RolloutRowError):
        read_row(text)


@settings(max_examples=30)
@given(st.lists(rows, min_size=1, max_size=5), heads, heads, st.data())
def test_what_is_kept_comes_back(kept: list[PhoneRow], first: Head, then: Head, data: st.DataObject) -> None:
    state = RolloutState(first, tuple(kept))
    place = data.draw(st.integers(0, len(kept) - 1))
    newer = data.draw(rows)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "ctld.db") as store:
        acts = store.acts
        acts.approve(PLAN, KIM, "uid 1000 (kim)", (10, "plan-approved", {"plan": PLAN.sha256}))
        number = acts.start(PLAN, 30, "uid 1000 (kim)", 40, state, (30, "rollout-started", {}))
        (found,) = acts.rollouts("hq", open_only=True)
        assert (found.number, found.head, found.baseline) == (number, first, 40)
        assert acts.rows(number) == tuple(kept)
        acts.save(found, then, [(place, newer)], [(40, "rollout-phone", {"phone": newer.name})])
        assert acts.rows(number) == (*kept[:place], newer, *kept[place + 1 :])
        assert sum(acts.states(number).values()) == len(kept)
        (found,) = acts.rollouts()
        assert found.head == then
        log = store.audit_log()
        assert [one.event for one in log] == ["plan-approved", "rollout-started", "rollout-phone"]
        assert check_chain(log, acts.newest_hash()).problem is None


def test_one_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        acts, state = store.acts, RolloutState(Head(), (PhoneRow("SEP1"), PhoneRow("SEP2")))
        for number, cluster in enumerate(("far", "hq"), start=1):
            plan = replace(PLAN, sha256=f"{number}" * 64, cluster=cluster)
            acts.approve(plan, KIM, "x", (10, "plan-approved", {}))
            acts.start(plan, 30, "x", 40, state, (30, "rollout-started", {}))
        with closing(sqlite3.connect(tmp_path / "ctld.db")) as other, other:
            other.execute("UPDATE rollout SET head = '{' WHERE number = 1")
            other.execute("UPDATE rollout_phone SET value = '{}' WHERE rollout = 1 AND place = 1")
        whole, torn = acts.rollouts()
        assert (whole.number, whole.known_head(), whole.unreadable) == (2, Head(), "")
        assert (torn.number, torn.cluster, torn.head) == (1, "far", None)
        assert torn.unreadable.startswith("the head of rollout 1: this version cannot read it (JSONDecodeError")
        with pytest.raises(RolloutRowError, match="the head of rollout 1"):
            torn.known_head()
        assert acts.rows(2) == state.rows
        with pytest.raises(RolloutRowError, match="phone 2 of rollout 1: this version cannot read it"):
            acts.rows(1)


def test_plans_and_their_approvals(tmp_path: Path) -> None:
    with Store.open(tmp_path / "ctld.db") as store:
        acts = store.acts
        for approval in (LEE, KIM, replace(KIM, at=30)):
            acts.approve(PLAN, approval, "x", (approval.at, "plan-approved", {}))
        acts.approve(replace(PLAN, sha256="ac" * 32, id="acacac", kept_at=6), KIM, "x", (1, "plan-approved", {}))
        # A plan that is there stays as it is, whatever comes under its hash.
        acts.approve(replace(PLAN, data=b"other"), KIM, "x", (1, "plan-approved", {}))
        found = acts.plan("aba")
        assert found is not None
        assert (found.data, found.approvals) == (b"{}", (KIM, LEE))
        assert acts.plan("a") is None
        assert acts.plan("ff") is None
        assert acts.plan("a%") is None
        assert [one.id for one in acts.plans()] == ["acacac", "ababab"]
        assert acts.plans("other") == ()


def test_one_rollout_a_cluster(tmp_path: Path) -> None:
    state = RolloutState(Head(), (PhoneRow("SEP1"),))
    with Store.open(tmp_path / "ctld.db") as store:
        acts = store.acts
        other = replace(PLAN, sha256="cd" * 32, cluster="branch")
        for plan in (PLAN, other):
            acts.approve(plan, KIM, "x", (1, "plan-approved", {}))
            acts.start(plan, 1, "x", None, state, (1, "rollout-started", {}))
        with pytest.raises(BusyClusterError):
            acts.start(PLAN, 2, "x", None, state, (2, "rollout-started", {}))
        assert len(store.audit_log()) == 4
        (mine,) = acts.rollouts("hq")
        acts.save(mine, Head(Mode.FINISHED), [], [], ended_at=3)
        assert acts.rollouts("hq", open_only=True) == ()
        assert acts.start(PLAN, 4, "x", None, state, (4, "rollout-started", {})) == 3
        # It outlives what is known of the cluster.
        store.forget_cluster("hq")
        store.purge(10**10, 1)
        assert len(acts.rollouts("hq")) == 2
