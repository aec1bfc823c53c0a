"""What nodes and pages say is what a snapshot gives, in any order of rounds: held against a model that is simple."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ctlctl.inventory.nodevalues import NodeState, PhonePage, ServiceFact, ShownList, StoreCertificate, TvsAnswer
from ctlctl.inventory.readings import (
    BackupReading,
    NtpReading,
    PlatformReading,
    ReplicationReading,
    ServiceReading,
    ShownListReading,
    StoreReading,
    TvsReading,
)
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.store import Store
from support.storage import FACTS, HQ, phone, phone_name

NODES = ("pub", "sub")
SILENT = Fault("timeout", "silent")
HALF = Fault("protocol", "one command brought nothing")
some_nodes = st.sets(st.sampled_from(NODES))
services = st.dictionaries(
    st.sampled_from(["Cisco Tftp", "Cisco CallManager"]),
    st.tuples(st.sampled_from(["Started", "Stopped"]), st.none() | st.booleans(), st.none() | st.integers(0, 2)),
)
stores = st.sets(st.tuples(st.sampled_from(["tomcat", "CAPF/odd"]), st.sampled_from([b"", b"one", b"two"])))
pages = st.builds(
    PhonePage,
    st.just(0),
    st.none() | st.just("timeout"),
    *(st.none() | st.sampled_from(["", "aa", "bb"]),) * 2,
    st.none() | st.just("Encrypted"),
    st.none(),
    st.just("load"),
)
_Key: TypeAlias = tuple[Source, str]


class Rounds(RuleBasedStateMachine):
    """Rounds of all sources that ask node by node."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "ctld.db")
        self.now = 1_000
        self.states: dict[_Key, NodeState] = {}
        self.services: dict[tuple[Source, str, str], ServiceFact] = {}
        self.certificates: dict[tuple[Source, str, str, bytes], StoreCertificate] = {}
        self.first_seen: dict[tuple[Source, str, str, bytes], int] = {}
        self.lists: dict[str, ShownList] = {}
        self.answers: dict[tuple[str, str], TvsAnswer] = {}
        self.pages: dict[str, PhonePage] = {}

    def teardown(self) -> None:
        assert self.store.integrity() == ()
        self.store.close()
        self.folder.cleanup()

    @initialize()
    def phones(self) -> None:
        self.store.record_axl(HQ, 1, FACTS, [], iter([phone(0), phone(1)]))

    def tick(self) -> int:
        self.now += 10
        return self.now

    def settle_states(self, source: Source, told: dict[str, Fault | None], silent: set[str], at: int) -> None:
        for node in NODES:
            key = (source, node)
            if node not in told:
                self.states.pop(key, None)
                continue
            before, fault = self.states.get(key), told[node]
            same = before is not None and (before.fault is None) == (fault is None)
            since = before.since if before is not None and same else at
            answered = (None if before is None else before.at) if node in silent else at
            self.states[key] = NodeState(source, node, answered, fault, since)

    def settle_services(self, source: Source, said: dict[str, dict[str, tuple[str, bool | None, int | None]]]) -> None:
        for node, ones in said.items():
            for key in [key for key in self.services if key[:2] == (source, node) and key[2] not in ones]:
                del self.services[key]
            for name, (status, activated, started) in ones.items():
                before = self.services.get((source, node, name))
                same = before is not None and (before.status, before.activated) == (status, activated)
                since = before.since if before is not None and same else self.now
                fact = ServiceFact(source, node, name, status, activated, started, since)
                self.services[source, node, name] = fact

    def settle_certificates(self, source: Source, said: dict[str, set[tuple[str, bytes]]]) -> None:
        for node, ones in said.items():
            for key in [key for key in self.certificates if key[:2] == (source, node) and key[2:] not in ones]:
                del self.certificates[key]
            for store, der in ones:
                name, _, file = store.partition("/")
                # One that was gone and is back is the same as before.
                first = self.first_seen.setdefault((source, node, store, der), self.now)
                fact = StoreCertificate(source, node, name, "own", file, der, first, self.now)
                self.certificates[source, node, store, der] = fact

    def forget(self, source: Source, asked: set[str]) -> None:
        for facts in (self.services, self.certificates):
            for key in [key for key in facts if key[0] is source and key[1] not in asked]:
                del facts[key]  # type: ignore[arg-type]

    @rule(asked=some_nodes, silent=some_nodes, said=services)
    def control_center(
        self, asked: set[str], silent: set[str], said: dict[str, tuple[str, bool | None, int | None]]
    ) -> None:
        at, source = self.tick(), Source.CONTROL_CENTER
        readings = tuple(ServiceReading(name, *values) for name, values in said.items())
        self.store.record_services(HQ, at, [(node, SILENT if node in silent else readings) for node in asked])
        self.settle_states(source, {node: SILENT if node in silent else None for node in asked}, silent, at)
        self.settle_services(source, dict.fromkeys(asked - silent, said))
        self.forget(source, asked)

    @rule(asked=some_nodes, silent=some_nodes, said=stores)
    def certificate_api(self, asked: set[str], silent: set[str], said: set[tuple[str, bytes]]) -> None:
        at, source = self.tick(), Source.CERTIFICATE_API
        readings = tuple(_store_reading(store, der) for store, der in said)
        self.store.record_stores(HQ, at, [(node, SILENT if node in silent else readings) for node in asked])
        self.settle_states(source, {node: SILENT if node in silent else None for node in asked}, silent, at)
        self.settle_certificates(source, dict.fromkeys(asked - silent, said))
        # What a node that is no longer asked had is gone: nobody says that it is there.
        self.forget(source, asked)

    @rule(
        asked=some_nodes,
        silent=some_nodes,
        said=st.none() | services,
        had=st.none() | stores,
        shown=st.none() | st.sampled_from(["aa", "bb"]),
    )
    def platform(
        self,
        asked: set[str],
        silent: set[str],
        said: dict[str, tuple[str, bool | None, int | None]] | None,
        had: set[tuple[str, bytes]] | None,
        shown: str | None,
    ) -> None:
        at, source = self.tick(), Source.PLATFORM_CLI
        whole = None not in (said, had, shown)
        reading = PlatformReading(
            services=None if said is None else tuple(ServiceReading(name, *values) for name, values in said.items()),
            certificates=None if had is None else tuple(_store_reading(store, der) for store, der in had),
            lists=() if shown is None else (ShownListReading("ctl", shown, "", 9, verified=True),),
            replication=(ReplicationReading("sub", 2, "Setup Completed", 0),),
            ntp=NtpReading(synchronised=True, stratum=3, offset_ms=at / 7),
            backup=BackupReading(5, "SUCCESS"),
            stale_lscs=("SEP001",),
            faults=() if whole else (("show ctl", HALF),),
        )
        self.store.record_platform(HQ, at, [(node, SILENT if node in silent else reading) for node in asked])
        half = None if whole else HALF
        self.settle_states(source, {node: SILENT if node in silent else half for node in asked}, silent, at)
        answering = asked - silent
        if said is not None:
            self.settle_services(source, dict.fromkeys(answering, said))
        if had is not None:
            self.settle_certificates(source, dict.fromkeys(answering, had))
        for node in [node for node in self.lists if node not in asked]:
            del self.lists[node]
        if shown is not None:
            for node in answering:
                before = self.lists.get(node)
                if before is None or before.md5 != shown:
                    self.lists[node] = ShownList(node, "ctl", shown, "", 9, verified=True, since=at)
        self.forget(source, asked)

    @rule(asked=some_nodes, silent=some_nodes, known=st.dictionaries(st.sampled_from(["a", "b"]), st.booleans()))
    def tvs(self, asked: set[str], silent: set[str], known: dict[str, bool]) -> None:
        at = self.tick()
        readings = tuple(TvsReading(digest, one, (2,) if one else ()) for digest, one in known.items())
        self.store.record_tvs(HQ, at, [(node, SILENT if node in silent else readings) for node in asked])
        self.settle_states(Source.TVS, {node: SILENT if node in silent else None for node in asked}, silent, at)
        for key in list(self.answers):
            if key[0] not in asked or (key[0] not in silent and key[1] not in known):
                del self.answers[key]
        for node in asked - silent:
            for digest, one in known.items():
                before = self.answers.get((node, digest))
                if before is None or before.known != one:
                    self.answers[node, digest] = TvsAnswer(node, digest, one, (2,) if one else (), at)

    @rule(said=st.dictionaries(st.sampled_from([phone_name(0), phone_name(1), "SEPNEVERSEEN0"]), pages))
    def phone_pages(self, said: dict[str, PhonePage]) -> None:
        at = self.tick()
        read = {name: PhonePage(at, page.fault) if page.fault else replace(page, at=at) for name, page in said.items()}
        self.store.record_pages(HQ, at, read)
        for name in read.keys() & {phone_name(0), phone_name(1)}:
            before = self.pages.get(name)
            if before is None or before.fault is not None or read[name].fault is None:
                self.pages[name] = read[name]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(Path(self.folder.name) / "ctld.db")

    @invariant()
    def the_store_agrees(self) -> None:
        snapshot = self.store.snapshot(HQ)
        assert {(one.source, one.node): one for one in snapshot.node_states} == self.states
        assert {(one.source, one.node, one.name): one for one in snapshot.services} == self.services
        there = {(one.source, one.node, f"{one.store}/{one.file}", one.der): one for one in snapshot.stores}
        assert there == {(key[0], key[1], _spelled(key[2]), key[3]): one for key, one in self.certificates.items()}
        assert {one.node: one for one in snapshot.shown_lists} == self.lists
        assert {(one.node, one.sha256): one for one in snapshot.tvs_answers} == self.answers
        assert {one.config.name: one.page for one in snapshot.phones if one.page is not None} == self.pages
        asked_cli = {node for source, node in self.states if source is Source.PLATFORM_CLI}
        for facts in (snapshot.ntp, snapshot.backups, snapshot.stale_lscs):
            assert {one.node for one in facts} <= asked_cli


def _store_reading(store: str, der: bytes) -> StoreReading:
    name, _, file = store.partition("/")
    return StoreReading(name, "own", file, der)


def _spelled(store: str) -> str:
    name, _, file = store.partition("/")
    return f"{name}/{file}"


def test_rounds_in_any_order_keep_what_was_told() -> None:
    relaxed = settings(
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        max_examples=15,
        stateful_step_count=20,
    )
    run_state_machine_as_test(Rounds, settings=relaxed)
