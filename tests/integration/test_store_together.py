"""Many threads, unchanged rounds, and copies while others write."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source
from ctlctl.store.store import Store
from support.storage import (
    FACTS,
    HQ,
    PUBLISHER,
    SILENT,
    finding,
    phone,
    phone_name,
    phones,
    probe,
    record_phones,
    registration,
)

COUNT = 2_000
PROFILES = [("end-user", "a", "ann", "1", "Install", None, "")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "ctld.db") as opened:
        yield opened


@contextmanager
def writes() -> Iterator[list[str]]:
    """Statements that change something, while the body runs."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(maxsplit=1)[0] in {"INSERT", "UPDATE", "DELETE"}:
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def axl(store: Store, at: int) -> None:
    store.record_axl(HQ, at, FACTS, [PUBLISHER], phones(COUNT), [("pub", "tomcat", b"T")], PROFILES)


def ris(store: Store, at: int) -> None:
    answers = {phone_name(number): registration(number) for number in range(COUNT)}
    store.record_registrations(HQ, at, answers, [*answers, phone_name(COUNT)], complete=True)


def lists(store: Store, at: int) -> None:
    store.record_lists(HQ, at, [("pub", "ctl", b"C" * 10_000), ("pub", "itl", None), ("sub", "itl", SILENT)])


def ports(store: Store, at: int) -> None:
    store.record_ports(HQ, at, [("pub", "tomcat", b"T", None), ("pub", "tvs", None, SILENT)])


def failure(store: Store, at: int) -> None:
    store.record_failure(HQ, Source.AXL, SILENT, at)


ROUNDS = (axl, ris, lists, ports, failure)


@pytest.mark.parametrize("once", ROUNDS, ids=lambda one: one.__name__)
def test_a_round_that_changes_nothing_writes_the_state_of_its_source_alone(
    store: Store, tmp_path: Path, once: Callable[[Store, int], None]
) -> None:
    axl(store, 50)
    once(store, 100)
    before = store.snapshot(HQ)
    # The log is written from its start again: what it holds then is what the round wrote.
    with closing(sqlite3.connect(tmp_path / "ctld.db")) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with writes() as seen:
        once(store, 200)
    (statement,) = seen
    assert statement.startswith("UPDATE source_state ")
    assert (tmp_path / "ctld.db-wal").stat().st_size < 3 * 4_200
    assert store.snapshot(HQ).phones == before.phones


def test_looks_that_show_the_same_write_their_times_alone(store: Store, tmp_path: Path) -> None:
    axl(store, 50)
    looks = {at: {phone_name(number): probe(at, number) for number in range(COUNT)} for at in (100, 200)}
    store.record_probes(HQ, 100, looks[100])
    with closing(sqlite3.connect(tmp_path / "ctld.db")) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    with writes() as seen:
        store.record_probes(HQ, 200, looks[200])
    assert {statement.split()[1] for statement in seen} == {"phone_look", "source_state"}
    # Some 16 bytes for each phone.
    assert (tmp_path / "ctld.db-wal").stat().st_size < 60 * COUNT


def test_findings_that_stay_are_not_written(store: Store) -> None:
    store.update_findings(HQ, 100, [finding()])
    with writes() as seen:
        store.update_findings(HQ, 200, [finding()])
    assert seen == []


def test_purging_nothing_writes_nothing(store: Store) -> None:
    axl(store, 50)
    lists(store, 60)
    with writes() as seen:
        store.purge(1_000, 10)
    assert seen == []


def test_purging_removes_old_events_and_retired_phones_a_little_at_a_time(store: Store) -> None:
    record_phones(store, 100, *phones(1_500))
    record_phones(store, 200, *(phone(number, description="x", model="y", protocol="z") for number in range(1_500)))
    record_phones(store, 300, *phones(500))
    with writes() as seen:
        removed = store.purge(1_000, 1_000 - 250)
    assert (removed.phone_events, removed.phones) == (4_500, 0)
    assert len(seen) == 3
    assert store.snapshot(HQ).retired == 1_000
    # Of those that are gone the departure; of those that changed back what they were; all of it with the phones.
    removed = store.purge(1_000, 0)
    assert (removed.phone_events, removed.phones) == (1_000 + 3 * 500, 1_000)
    assert (store.snapshot(HQ).retired, len(store.snapshot(HQ).phones)) == (0, 500)
    assert store.integrity() == ()


def test_several_clusters_are_written_and_read_at_the_same_time(store: Store) -> None:
    clusters = [f"cluster{number}" for number in range(4)]
    stop = threading.Event()

    def write(cluster: str) -> None:
        for number in range(1, 9):
            these = [phone(one, description=f"round {number}") for one in range(60)]
            store.record_axl(cluster, number, FACTS, [PUBLISHER], these)
            answers = {one.name: registration(load=f"round {number}") for one in these}
            store.record_registrations(cluster, number, answers, answers, complete=True)
            store.record_lists(
                cluster, number, [("pub", "ctl", f"{cluster} {number}".encode()), ("pub", "itl", b"same")]
            )
            store.update_findings(cluster, number, [finding(summary=f"round {number}")])

    def read(cluster: str) -> int:
        looks = 0
        while not stop.is_set():
            hold_one_moment(store.snapshot(cluster))
            store.open_findings(cluster)
            looks += 1
        return looks

    with ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read, cluster) for cluster in clusters]
        writers = [pool.submit(write, cluster) for cluster in clusters]
        try:
            for writer in writers:
                writer.result(timeout=100)
        finally:
            stop.set()
        assert all(reader.result() > 0 for reader in readers)
    assert store.clusters() == tuple(clusters)
    for cluster in clusters:
        assert {one.config.description for one in store.snapshot(cluster).phones} == {"round 8"}
        assert len(store.list_history(cluster, kind="ctl")) == 8
        assert len(store.phone_history(cluster, phone_name(0))) == 14
    assert store.integrity() == ()


def test_two_programs_that_write_wait_for_each_other(store: Store, tmp_path: Path) -> None:
    # A store of its own shares nothing with another of the same file but the file, as in another program.
    def write(own: Store, cluster: str) -> None:
        for number in range(1, 31):
            record_phones(own, number, phone(1, description=f"round {number}"), cluster=cluster)

    with Store.open(tmp_path / "ctld.db") as other, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(write, own, cluster) for own, cluster in ((store, "one"), (other, "two"))]
        for writing in both:
            writing.result(timeout=100)
    assert [len(store.phone_history(cluster, phone_name(1))) for cluster in ("one", "two")] == [29, 29]


def hold_one_moment(snapshot: Snapshot) -> None:
    """Assert that a snapshot is of one moment: no part is of a later round than its source."""
    axl_state, ris_state = snapshot.sources.get(Source.AXL), snapshot.sources.get(Source.RIS)
    expected = set() if axl_state is None else {f"round {axl_state.last_success}"}
    assert {one.config.description for one in snapshot.phones} == expected
    loads = {one.registration.load for one in snapshot.phones if one.registration is not None}
    assert loads == (set() if ris_state is None else {f"round {ris_state.last_success}"})


def test_copies_are_whole_while_others_write(store: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            these = [phone(one, description=f"round {number}") for one in range(200)]
            store.record_axl(HQ, number, FACTS, [PUBLISHER], these)

    with ThreadPoolExecutor(1) as pool:
        record_phones(store, 0, phone(1, description="round 0"))
        writing = pool.submit(write)
        try:
            for number in range(5):
                store.backup(tmp_path / f"copy{number}.db")
        finally:
            stop.set()
        writing.result(timeout=100)
    rounds = []
    for number in range(5):
        with Store.open(tmp_path / f"copy{number}.db", migrate=False) as copy:
            assert copy.integrity() == ()
            snapshot = copy.snapshot(HQ)
            hold_one_moment(snapshot)
            rounds.append(snapshot.sources[Source.AXL].last_success or 0)
    assert rounds == sorted(rounds)
