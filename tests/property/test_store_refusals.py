"""Whatever is refused and forgotten in whatever order: the store has the last refusal of each account."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ctlctl.store.store import Store
from ctlctl.store.values import StoredRefusal

clusters = st.sampled_from(["hq", "branch"])
accounts = st.sampled_from(["axl", "control-center", "platform", "writer"])
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=10)
refusals = st.builds(StoredRefusal, accounts, words, st.integers(0, 2**40), words, st.binary(), st.binary())
steps = st.one_of(
    st.tuples(st.just("keep"), clusters, refusals), st.tuples(st.just("forget"), clusters, accounts), st.just("again")
)


@settings(max_examples=40)
@given(st.lists(steps, max_size=12))
def test_the_last_refusal_of_each_account_is_there(taken: "list[tuple[str, str, StoredRefusal | str] | str]") -> None:
    expected: dict[tuple[str, str], StoredRefusal] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ctld.db"
        store = Store.open(path)
        for step in taken:
            if isinstance(step, str):
                store.close()
                store = Store.open(path)
            elif isinstance(step[2], StoredRefusal):
                store.keep_refusal(step[1], step[2])
                expected[step[1], step[2].account] = step[2]
            else:
                store.forget_refusal(step[1], step[2])
                expected.pop((step[1], step[2]), None)
            for cluster in ("hq", "branch"):
                for account in ("axl", "control-center", "platform", "writer"):
                    assert store.refusal(cluster, account) == expected.get((cluster, account))
        assert store.integrity() == ()
        store.close()
