"""How long the store takes for a large cluster, what an unchanged refresh writes, and how large a snapshot is.

Figures, never assertions about time: `make bench`.
"""

import tracemalloc
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl.store.store import Store
from support.storage import FACTS, HQ, PUBLISHER, phone_name, phones, probe, registration

pytestmark = pytest.mark.bench

#: Phones; a run that does not measure only shows that it still works.
MANY, FEW = 40_000, 500


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    return MANY if request.config.getoption("benchmark_enable") else FEW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store" / "ctld.db") as opened:
        yield opened


def axl(store: Store, at: int, size: int) -> None:
    store.record_axl(HQ, at, FACTS, [PUBLISHER], phones(size))


def ris(store: Store, at: int, size: int) -> None:
    answers = {phone_name(number): registration(number) for number in range(size)}
    store.record_registrations(HQ, at, answers, answers, complete=True)


def sweep(store: Store, at: int, size: int) -> None:
    store.record_probes(HQ, at, {phone_name(number): probe(at, number) for number in range(size)})


def full(store: Store, size: int) -> None:
    axl(store, 1, size)
    ris(store, 1, size)
    sweep(store, 1, size)


def log_size(path: Path) -> int:
    return (path / "store" / "ctld.db-wal").stat().st_size


def test_first_record_of_all_phones(benchmark: BenchmarkFixture, store: Store, size: int) -> None:
    clusters = (f"cluster{number}" for number in count())
    benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plugin has no types
        lambda: store.record_axl(next(clusters), 1, FACTS, [PUBLISHER], phones(size)), rounds=3
    )


def test_unchanged_phones(benchmark: BenchmarkFixture, store: Store, size: int) -> None:
    full(store, size)
    times = count(2)
    benchmark.pedantic(lambda: axl(store, next(times), size), rounds=3)  # type: ignore[no-untyped-call]  # as above


def test_unchanged_registrations(benchmark: BenchmarkFixture, store: Store, size: int) -> None:
    full(store, size)
    times = count(2)
    benchmark.pedantic(lambda: ris(store, next(times), size), rounds=3)  # type: ignore[no-untyped-call]  # as above


def test_unchanged_looks_at_all_phones(benchmark: BenchmarkFixture, store: Store, size: int) -> None:
    full(store, size)
    times = count(2)
    benchmark.pedantic(lambda: sweep(store, next(times), size), rounds=3)  # type: ignore[no-untyped-call]  # as above


def test_snapshot(benchmark: BenchmarkFixture, store: Store, size: int) -> None:
    full(store, size)
    snapshot = benchmark.pedantic(lambda: store.snapshot(HQ), rounds=3)  # type: ignore[no-untyped-call]  # as above
    assert len(snapshot.phones) == size
    del snapshot
    tracemalloc.start()
    try:
        kept = store.snapshot(HQ)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    benchmark.extra_info |= {"snapshot MB": now / 1e6, "snapshot peak MB": peak / 1e6}
    # 60 MB for 40,000 phones; some is for the first one.
    assert now / len(kept.phones) < 60e6 / MANY + 2_000 * FEW / size
