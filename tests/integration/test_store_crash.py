"""Killed at any point, the store opens again with all that was committed and nothing by half."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.config import Config

from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source
from ctlctl.store.database import Database
from ctlctl.store.migrating import newest
from ctlctl.store.store import Store
from support.storage import HQ, program, program_environment

#: Points at which a writer is killed; a long campaign sets more.
KILLS = int(os.environ.get("CTLCTL_KILLS", "10"))

#: Writes rounds for ever and says each that is committed. Everything that a round writes carries its number. Killed by
#: its own hand where it is told a number of statements, so that the point does not hang on the speed of a machine.
WRITER = """
import os, signal, sys
from sqlalchemy import Engine, event
from ctlctl.inventory.values import ClusterFacts, Fault, Source
from ctlctl.store.store import Store
from support.storage import FACTS, HQ, PUBLISHER, phone, phone_name, probe, registration, finding

path, deadly = sys.argv[1], int(sys.argv[2])
store = Store.open(path)
seen = 0

def count(*_):
    global seen
    seen += 1
    if seen == deadly:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", count)
event.listen(Engine, "commit", count)
number = 0
while True:
    number += 1
    # Every fourth phone is away every other round.
    there = [one for one in range(40) if one % 4 or number % 2]
    store.record_axl(HQ, number, FACTS, [PUBLISHER], (phone(one, description=f"round {number}") for one in there),
                     [("pub", "tomcat", f"tomcat {number}".encode())])
    print("axl", number, flush=True)
    answers = {phone_name(one): registration(one, load=f"round {number}") for one in range(40)}
    store.record_registrations(HQ, number, answers, answers, complete=True)
    print("ris", number, flush=True)
    looks = {phone_name(one): probe(number, one, tls_version=f"round {number}") for one in there}
    store.record_probes(HQ, number, looks)
    print("phone-tls", number, flush=True)
    store.record_lists(HQ, number, [("pub", "ctl", f"round {number}".encode()), ("pub", "itl", b"same")])
    print("trust-lists", number, flush=True)
    store.update_findings(HQ, number, [finding(summary=f"round {number}")])
    store.purge(number, 3)
"""

#: Opens a store, and dies at a statement of its migration.
MIGRATOR = """
import os, signal, sys
from sqlalchemy import Engine, event
from ctlctl.store.store import Store

deadly, seen = int(sys.argv[2]), 0

def count(*_):
    global seen
    seen += 1
    if seen == deadly:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Engine, "before_cursor_execute", count)
event.listen(Engine, "commit", count)
Store.open(sys.argv[1]).close()
print(seen)
"""


def committed(output: str) -> dict[str, int]:
    """Last round of each source that was said to be committed."""
    return {source: int(number) for source, number in (line.split() for line in output.splitlines())}


def hold_whole(path: Path, said: dict[str, int]) -> None:
    """Assert that nothing is lost and nothing is there by half."""
    with Store.open(path) as store:
        assert store.integrity() == ()
        snapshot = store.snapshot(HQ)
        for source, number in said.items():
            assert snapshot.sources[Source(source)].last_success in {number, number + 1}
        hold_round_of_axl(snapshot)
        looked = snapshot.sources.get(Source.PHONE_TLS)
        if looked is not None:
            assert max(phone.last_probe_at or 0 for phone in snapshot.phones) in {looked.last_success, None}
        for served in snapshot.lists:
            if served.kind == "ctl" and served.current is not None:
                number = snapshot.sources[Source.TRUST_LISTS].last_success or 0
                assert served.current.data == f"round {number}".encode()
                assert served.previous is None or served.previous.data == f"round {number - 1}".encode()
        assert len(store.open_findings(HQ)) <= 1
        # And it goes on.
        store.record_lists(HQ, 10_000, [("pub", "ctl", b"afterwards")])
        assert store.list_history(HQ)[0].version.data == b"afterwards"


def hold_round_of_axl(snapshot: Snapshot) -> None:
    axl = snapshot.sources.get(Source.AXL)
    if axl is None:
        assert snapshot.phones == ()
        return
    number = axl.last_success or 0
    assert {phone.config.description for phone in snapshot.phones} == {f"round {number}"}
    assert len(snapshot.phones) == (40 if number % 2 else 30)
    assert [one.der for one in snapshot.certificates] == [f"tomcat {number}".encode()]


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_statement(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ctld.db"
    Store.open(path).close()
    # A round is about a hundred statements.
    deadly = random.Random(seed).randrange(1, 500)  # noqa: S311 - a seeded choice, no secret
    done = program(WRITER, path, deadly)
    assert done.returncode == -signal.SIGKILL, done.stderr
    hold_whole(path, committed(done.stdout))


@pytest.mark.parametrize("seed", range(3))
def test_killed_from_outside_at_any_moment(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ctld.db"
    Store.open(path).close()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "0"], env=program_environment(), stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.5))  # noqa: S311 - as above
        writer.kill()
        rest = writer.stdout.read()
    hold_whole(path, committed(first + rest))


def test_a_crash_in_the_middle_of_a_migration_never_blocks_the_next_start(tmp_path: Path) -> None:
    def fresh(name: str) -> Path:
        return tmp_path / name / "ctld.db"

    whole = program(MIGRATOR, fresh("whole"), 0)
    assert whole.returncode == 0, whole.stderr
    points = int(whole.stdout)
    assert points > 20
    chosen = sorted(random.Random(4).sample(range(1, points + 1), 6))  # noqa: S311 - as above
    for point in {1, *chosen, points}:
        path = fresh(f"at{point}")
        done = program(MIGRATOR, path, point)
        assert done.returncode == -signal.SIGKILL, done.stderr
        hold_migrated(path)


def hold_migrated(path: Path) -> None:
    with Store.open(path) as store:
        assert store.schema_version() == newest()
        assert store.integrity() == ()
        store.record_lists(HQ, 1, [("pub", "ctl", b"x")])


def test_two_programs_that_migrate_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    command = [sys.executable, "-c", MIGRATOR, str(path), "0"]
    both = [subprocess.Popen(command, env=program_environment(), stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [one.communicate(timeout=100) for one in both]
    assert [(one.returncode, err) for one, (_, err) in zip(both, ends, strict=True)] == [(0, "")] * 3
    hold_migrated(path)


def test_many_threads_open_new_stores_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade = command.upgrade

    def slow(config: Config, revision: str) -> None:
        time.sleep(0.1)
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", slow)
    paths = [tmp_path / f"store{number % 2}.db" for number in range(6)]
    with ThreadPoolExecutor(len(paths)) as pool:
        for store in pool.map(Store.open, paths):
            store.close()
    for path in set(paths):
        hold_migrated(path)


def test_whoever_begins_a_new_file_at_the_same_moment_waits(tmp_path: Path) -> None:
    """SQLite turns all but one of them away at once: without waiting, two in ten of such files are "locked"."""
    many = 8
    for number in range(40):
        databases, together = [Database(str(tmp_path / f"{number}.db")) for _ in range(many)], Barrier(many)

        def begin(database: Database, together: Barrier = together) -> str:
            together.wait(60)
            with closing(database), database.read() as connection:
                return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())

        with ThreadPoolExecutor(many) as pool:
            assert set(pool.map(begin, databases)) == {"wal"}


def test_a_store_whose_log_is_cut_short_opens_at_an_earlier_moment(tmp_path: Path) -> None:
    path = tmp_path / "ctld.db"
    Store.open(path).close()
    done = program(WRITER, path, 450)
    assert done.returncode == -signal.SIGKILL
    log = path.with_name("ctld.db-wal")
    size = log.stat().st_size
    for part in (0.25, 0.5, 0.9):
        copy = tmp_path / f"cut{part}"
        copy.mkdir()
        shutil.copy(path, copy / "ctld.db")
        (copy / "ctld.db-wal").write_bytes(log.read_bytes()[: int(size * part)])
        hold_whole(copy / "ctld.db", {})
