"""Trust lists, certificates and ports in the store: every version with its time, and what silence leaves alone."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha1, sha256, sha512
from pathlib import Path

import pytest

from ctlctl.inventory.values import PortState, SeenCertificate, ServedList
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.store import Store
from support.storage import FACTS, HQ, REFUSED, SILENT, shown

OLD, NEW = b"old list", b"new list"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "ctld.db") as opened:
        yield opened


def served(store: Store) -> ServedList:
    (found,) = store.snapshot(HQ).lists
    return found


def record(store: Store, at: int, what: bytes | Fault | None) -> None:
    store.record_lists(HQ, at, [("pub", "ctl", what)])


def history(store: Store) -> list[tuple[bytes, int, int]]:
    return [(one.version.data, one.version.first_seen, one.version.last_seen) for one in store.list_history(HQ)]


def test_versions_follow_each_other_with_their_times(store: Store) -> None:
    for at, what in ((100, OLD), (200, OLD), (300, NEW), (400, NEW)):
        record(store, at, what)
    found = served(store)
    assert (shown(found.current), shown(found.previous)) == ((NEW, 300, 400), (OLD, 100, 200))
    assert found.current is not None
    assert found.current.sha256 == sha256(NEW).hexdigest()
    assert store.list_data(found.current.sha256) == NEW
    assert store.list_data("0" * 64) is None
    assert history(store) == [(NEW, 300, 400), (OLD, 100, 200)]


def test_a_version_that_comes_back_is_served_anew(store: Store) -> None:
    for at, what in ((100, OLD), (200, NEW), (300, OLD), (400, OLD)):
        record(store, at, what)
    assert (shown(served(store).current), shown(served(store).previous)) == ((OLD, 300, 400), (NEW, 200, 200))
    assert history(store) == [(OLD, 300, 400), (NEW, 200, 200), (OLD, 100, 100)]


def test_a_list_that_is_taken_away(store: Store) -> None:
    for at, what in ((100, OLD), (150, OLD), (200, None), (300, None)):
        record(store, at, what)
    assert (served(store).current, served(store).absent_since) == (None, 200)
    assert shown(served(store).previous) == (OLD, 100, 150)
    record(store, 400, SILENT)
    assert (served(store).current, served(store).absent_since, served(store).fault) == (None, 200, SILENT)
    record(store, 450, None)
    assert (served(store).absent_since, served(store).fault) == (200, None)
    record(store, 500, OLD)
    assert (shown(served(store).current), served(store).absent_since) == ((OLD, 500, 500), None)
    # It was never another.
    assert served(store).previous is None


def test_what_was_served_before_the_list_before_is_kept_in_mind(store: Store) -> None:
    for at in range(100, 1000, 100):
        record(store, at, OLD if at < 900 and at // 100 % 2 else NEW if at < 900 else b"third")
    found = served(store)
    assert (shown(found.current), shown(found.previous)) == ((b"third", 900, 900), (NEW, 800, 800))
    assert [shown(one) for one in found.earlier[:2]] == [(OLD, 700, 700), (NEW, 600, 600)]
    assert len(found.earlier) == 6
    record(store, 1000, NEW)
    assert [shown(one) for one in served(store).earlier[:1]] == [(NEW, 800, 800)]


def test_an_empty_file_is_a_version_and_not_the_same_as_none(store: Store) -> None:
    record(store, 100, b"")
    assert (shown(served(store).current), served(store).absent_since) == ((b"", 100, 100), None)


def test_a_failure_to_fetch_leaves_the_version_with_the_time_when_it_was_seen(store: Store) -> None:
    for at, what in ((100, OLD), (200, OLD), (300, SILENT), (400, SILENT), (450, REFUSED)):
        record(store, at, what)
    assert shown(served(store).current) == (OLD, 100, 200)
    assert served(store).fault == REFUSED
    assert history(store) == [(OLD, 100, 200)]
    state = store.snapshot(HQ).sources[Source.TRUST_LISTS]
    assert (state.last_success, state.last_attempt, state.failing_since) == (200, 450, 300)
    record(store, 500, OLD)
    assert (shown(served(store).current), served(store).fault) == ((OLD, 100, 500), None)


def test_a_list_that_could_never_be_had(store: Store) -> None:
    record(store, 100, SILENT)
    assert served(store) == ServedList("pub", "ctl", None, fault=SILENT)


def test_one_silent_node_does_not_stop_the_time_of_the_others(store: Store) -> None:
    store.record_lists(HQ, 100, [("pub", "itl", OLD), ("sub", "itl", OLD)])
    store.record_lists(HQ, 200, [("pub", "itl", OLD), ("sub", "itl", SILENT)])
    pub, sub = store.snapshot(HQ).lists
    assert (shown(pub.current), shown(sub.current)) == ((OLD, 100, 200), (OLD, 100, 100))
    assert store.snapshot(HQ).sources[Source.TRUST_LISTS].fault == SILENT


def test_a_node_that_is_no_longer_asked_keeps_its_history_and_goes_on_where_it_was(store: Store) -> None:
    both = [("pub", "itl"), ("sub", "itl")]
    for at in (100, 200):
        store.record_lists(HQ, at, [(node, "itl", OLD) for node, _ in both])
    for at in (300, 350):
        store.record_lists(HQ, at, [("pub", "itl", OLD)])
    assert [one.node for one in store.snapshot(HQ).lists] == ["pub"]
    (kept,) = store.list_history(HQ, node="sub", kind="itl")
    assert (kept.version.first_seen, kept.version.last_seen) == (100, 200)
    assert store.list_history(HQ, kind="ctl") == ()
    store.record_lists(HQ, 400, [(node, "itl", OLD) for node, _ in both])
    assert [shown(one.current) for one in store.snapshot(HQ).lists] == [(OLD, 100, 400), (OLD, 100, 400)]


def test_purging_keeps_the_last_two_versions_and_the_last_other_one_with_what_was_before(store: Store) -> None:
    versions = [b"z", b"a", b"b", b"c", None, b"c", None, b"c"]
    for number, what in enumerate(versions):
        record(store, 100 * (number + 1), what)
    before = served(store)
    removed = store.purge(10_000, 1)
    assert served(store) == replace(before, earlier=before.earlier[:1])
    assert [data for data, _, _ in history(store)] == [b"c", b"c", b"b", b"a"]
    assert (removed.list_versions, removed.contents) == (2, 1)
    assert store.list_data(sha256(b"z").hexdigest()) is None
    assert store.purge(10_000, 1) == type(removed)()


def test_purging_keeps_what_is_young(store: Store) -> None:
    for at, what in ((100, b"a"), (200, b"b"), (300, b"c"), (400, b"d")):
        record(store, at, what)
    store.purge(1_000, 1_000 - 150)
    assert [data for data, _, _ in history(store)] == [b"d", b"c", b"b"]


def certificates(store: Store) -> list[tuple[str, str, str, bytes, int, int]]:
    return [
        (one.source.value, one.node, one.place, one.der, one.first_seen, one.last_seen)
        for one in store.snapshot(HQ).certificates
    ]


def test_a_snapshot_has_the_checksums_of_every_version_of_every_node(store: Store) -> None:
    rounds: tuple[tuple[int, dict[str, bytes | Fault]], ...] = (
        (100, {"pub": OLD, "sub": b"sub's", "gone": b"its"}),
        (200, {"pub": NEW, "sub": SILENT, "gone": b"its"}),
        (300, {"pub": b"third", "sub": b""}),
        (400, {"pub": OLD, "sub": b"sub's"}),
    )
    for at, lists in rounds:
        store.record_lists(HQ, at, [(node, "itl", what) for node, what in lists.items()])
    store.record_lists("branch", 100, [("pub", "itl", b"another cluster's")])
    # An empty file has no checksum that a phone could show.
    assert [(one.node, one.sha256, one.first_seen, one.last_seen) for one in store.snapshot(HQ).past_versions] == [
        ("pub", sha256(OLD).hexdigest(), 100, 100),
        ("sub", sha256(b"sub's").hexdigest(), 100, 100),
        ("gone", sha256(b"its").hexdigest(), 100, 200),
        ("pub", sha256(NEW).hexdigest(), 200, 200),
        ("pub", sha256(b"third").hexdigest(), 300, 300),
        ("pub", sha256(OLD).hexdigest(), 400, 400),
        ("sub", sha256(b"sub's").hexdigest(), 400, 400),
    ]
    first = store.snapshot(HQ).past_versions[0]
    assert first.sums == tuple(each(OLD, usedforsecurity=False).hexdigest() for each in (md5, sha1, sha256, sha512))
    assert store.snapshot(HQ).past_versions == store.snapshot(HQ).past_versions


def test_certificates_of_the_database_come_go_and_come_back(store: Store) -> None:
    tomcat, trust = ("pub", "tomcat", b"T"), ("pub", "tomcat-trust", b"R")
    store.record_axl(HQ, 100, FACTS, [], [], [tomcat, trust, trust])
    store.record_axl(HQ, 200, FACTS, [], [], [tomcat])
    assert certificates(store) == [("axl", "pub", "tomcat", b"T", 100, 200)]
    store.record_axl(HQ, 300, FACTS, [], [], [trust, tomcat])
    assert certificates(store) == [
        ("axl", "pub", "tomcat", b"T", 100, 300),
        ("axl", "pub", "tomcat-trust", b"R", 100, 300),
    ]
    store.record_axl(HQ, 400, FACTS, [], [], [trust])
    assert store.purge(10_000, 1).certificates == 1
    assert certificates(store) == [("axl", "pub", "tomcat-trust", b"R", 100, 400)]


def test_ports_show_fall_silent_and_show_another(store: Store) -> None:
    store.record_axl(HQ, 50, FACTS, [], [], [("pub", "tomcat", b"T")])
    other = ("sub", "tvs", b"V", None)
    for at in (100, 200):
        store.record_ports(HQ, at, [("pub", "tomcat", b"T", None), other])
    for at, fault in ((300, SILENT), (400, SILENT), (500, REFUSED)):
        store.record_ports(HQ, at, [("pub", "tomcat", None, fault), other])
    assert certificates(store) == [
        ("axl", "pub", "tomcat", b"T", 50, 50),
        ("tls-ports", "pub", "tomcat", b"T", 100, 200),
        ("tls-ports", "sub", "tvs", b"V", 100, 500),
    ]
    # Silent for another reason is still silent.
    assert store.snapshot(HQ).ports == (PortState("pub", "tomcat", REFUSED, 300), PortState("sub", "tvs", None, 100))
    state = store.snapshot(HQ).sources[Source.TLS_PORTS]
    assert (state.last_success, state.fault, state.failing_since) == (200, REFUSED, 300)
    store.record_ports(HQ, 600, [("pub", "tomcat", b"N", None)])
    assert certificates(store)[1:] == [("tls-ports", "pub", "tomcat", b"N", 600, 600)]
    assert store.snapshot(HQ).ports == (PortState("pub", "tomcat", None, 600),)


def test_a_silent_port_that_shows_the_same_again(store: Store) -> None:
    for at, der, fault in ((100, b"T", None), (200, None, SILENT), (300, b"T", None), (400, b"T", None)):
        store.record_ports(HQ, at, [("pub", "tomcat", der, fault)])
    assert store.snapshot(HQ).certificates == (SeenCertificate(Source.TLS_PORTS, "pub", "tomcat", b"T", 100, 400),)
    assert store.snapshot(HQ).ports == (PortState("pub", "tomcat", None, 300),)


@pytest.mark.parametrize("row", [("pub", "tomcat", None, None), ("pub", "tomcat", b"T", SILENT)])
def test_a_port_is_either_seen_or_not(store: Store, row: tuple[str, str, bytes | None, Fault | None]) -> None:
    with pytest.raises(ValueError, match="either"):
        store.record_ports(HQ, 100, [row])
    assert store.clusters() == ()


def test_content_is_kept_once(store: Store, tmp_path: Path) -> None:
    large = bytes(range(256)) * 4_000
    store.record_lists(HQ, 100, [(f"node{number}", "itl", large) for number in range(20)])
    store.record_lists("branch", 100, [(f"node{number}", "itl", large) for number in range(20)])
    store.close()
    assert (tmp_path / "ctld.db").stat().st_size < 2 * len(large)
