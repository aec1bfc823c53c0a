"""What is recorded is what a snapshot gives, whatever was recorded before."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ctlctl.inventory.nodevalues import PoolFact, ProfileFact
from ctlctl.inventory.values import (
    CapfProfileFact,
    ClusterFacts,
    NodeFact,
    Phone,
    PhoneConfig,
    PhoneProbe,
    Registration,
    SourceState,
)
from ctlctl.inventory.words import Fault, ListKind, Source
from ctlctl.store.store import Store
from support.storage import FACTS, HQ, failed, phone, phone_name, probe, registration

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
maybe_words = st.none() | words
instants = st.integers(0, 2**40)
maybe_instants = st.none() | instants
nodes = st.builds(NodeFact, words, maybe_words, maybe_words, st.frozensets(words, max_size=3))
facts = st.builds(ClusterFacts, words, words, st.none() | st.integers(0, 3), st.booleans(), st.integers(0, 99))
configs = st.builds(PhoneConfig, *(words,) * 5, *(maybe_words,) * 6, words, maybe_instants, maybe_words, maybe_instants)
registrations = st.builds(
    Registration,
    words,
    st.none() | st.integers(0, 999),
    maybe_instants,
    words,
    maybe_words,
    st.none() | st.booleans(),
    words,
)
probes = st.builds(PhoneProbe, instants, *(maybe_words,) * 6, maybe_instants, maybe_instants, maybe_words)
faults = st.builds(Fault, words, words, words)
profiles = st.tuples(words, words, words, words, maybe_words, maybe_words, words)
kinds: st.SearchStrategy[ListKind] = st.sampled_from(["ctl", "itl"])
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(
    facts=facts,
    nodes=st.lists(nodes, max_size=4, unique_by=lambda one: one.name),
    phones=st.lists(configs, max_size=6, unique_by=lambda one: one.name),
    certificates=st.lists(st.tuples(words, words, st.binary(max_size=20)), max_size=4, unique=True),
    profiles=st.lists(profiles, max_size=4, unique_by=lambda one: one[:2]),
    pools=st.lists(st.builds(PoolFact, words, maybe_words), max_size=3, unique_by=lambda one: one.name),
    ordered=st.lists(st.builds(ProfileFact, words, *(maybe_words,) * 3), max_size=3, unique_by=lambda one: one.name),
    more=st.data(),
)
def test_a_round_of_every_source_comes_back_as_it_was(  # noqa: PLR0917 - all that AXL tells
    facts: ClusterFacts,
    nodes: list[NodeFact],
    phones: list[PhoneConfig],
    certificates: list[tuple[str, str, bytes]],
    profiles: list[tuple[str, str, str, str, str | None, str | None, str]],
    pools: list[PoolFact],
    ordered: list[ProfileFact],
    more: st.DataObject,
) -> None:
    names = [one.name for one in phones]
    known = st.sampled_from(names) if names else st.nothing()
    told = more.draw(st.dictionaries(known, registrations))
    looked = more.draw(st.dictionaries(known, probes))
    lists = more.draw(
        st.dictionaries(
            st.tuples(words, kinds),
            st.none() | st.binary(max_size=20) | faults,
            max_size=4,
        )
    )
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "ctld.db") as store:
        store.record_axl(HQ, 7, facts, nodes, iter(phones), iter(certificates), iter(profiles), pools, ordered)
        store.record_registrations(HQ, 8, told, names, complete=False)
        store.record_probes(HQ, 9, looked)
        store.record_lists(HQ, 10, [(node, kind, what) for (node, kind), what in lists.items()])
        snapshot = store.snapshot(HQ)
        again = store.snapshot(HQ)
    assert snapshot == again
    assert snapshot.facts == facts
    assert snapshot.pools == tuple(sorted(pools, key=lambda one: one.name))
    assert snapshot.security_profiles == tuple(sorted(ordered, key=lambda one: one.name))
    assert snapshot.nodes == tuple(sorted(nodes, key=lambda one: one.name))
    assert snapshot.phones == tuple(
        Phone(one, 7, 7, 7, told.get(one.name), look, None, None if look is None else look.at)
        for one in sorted(phones, key=lambda one: one.name)
        for look in [looked.get(one.name)]
    )
    assert sorted((one.node, one.place, one.der) for one in snapshot.certificates) == sorted(certificates)
    assert snapshot.profiles == tuple(
        CapfProfileFact(*one, since=7) for one in sorted(profiles, key=lambda one: one[:2])
    )
    assert {(one.node, one.kind) for one in snapshot.lists} == lists.keys()
    for served in snapshot.lists:
        what = lists[served.node, served.kind]
        current = None if served.current is None else served.current.data
        assert current == (what if isinstance(what, bytes) else None)
        assert served.fault == (what if isinstance(what, Fault) else None)
        assert served.absent_since == (10 if what is None else None)


numbers = st.integers(0, 5)
some = st.sets(numbers)
LISTS: tuple[bytes | Fault | None, ...] = (b"one", b"two", None, Fault("timeout", "silent"))


class Rounds(RuleBasedStateMachine):
    """Rounds of all sources in any order, beside a model that is so simple that it is right."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(Path(self.folder.name) / "ctld.db")
        self.now = 1_000
        self.phones: dict[str, Phone] = {}
        self.retired: dict[str, Phone] = {}
        self.states: dict[Source, SourceState] = {}
        #: runs of equal answers: first, last, data
        self.runs: list[tuple[bytes, int, int]] = []
        self.list_fault: Fault | None = None
        self.absent_since: int | None = None

    def teardown(self) -> None:
        assert self.store.integrity() == ()
        self.store.close()
        self.folder.cleanup()

    def tick(self) -> int:
        self.now += 10
        return self.now

    def succeeded(self, source: Source, at: int) -> None:
        self.states[source] = SourceState(source, at, at)

    def failed(self, source: Source, at: int, fault: Fault) -> None:
        before = self.states.get(source, SourceState(source))
        since = before.failing_since if before.failing_since is not None else at
        self.states[source] = SourceState(source, before.last_success, at, fault, since)

    @rule(present=some, variants=st.lists(st.integers(0, 2), min_size=6, max_size=6))
    def axl(self, present: set[int], variants: list[int]) -> None:
        at = self.tick()
        given_now = [
            phone(number, description=f"v{variants[number]}", capf_status=f"s{variants[number] // 2}")
            for number in sorted(present)
        ]
        self.store.record_axl(HQ, at, FACTS, [], iter(given_now))
        everyone, self.phones, self.retired = self.phones | self.retired, {}, {}
        was_retired = everyone.keys() - {one.config.name for one in self.store_phones_before}
        for config in given_now:
            before = everyone.pop(config.name, None)
            self.phones[config.name] = _told(before, config, at, returned=config.name in was_retired)
        self.retired = everyone
        self.store_phones_before = tuple(self.phones.values())
        self.succeeded(Source.AXL, at)

    store_phones_before: tuple[Phone, ...] = ()

    @rule(answered=some, asked=some, variant=st.integers(0, 1), complete=st.booleans())
    def ris(self, answered: set[int], asked: set[int], variant: int, complete: bool) -> None:
        at = self.tick()
        told = {phone_name(number): registration(number, status=f"R{variant}") for number in answered}
        names = {phone_name(number) for number in asked}
        fault = Fault("timeout", "one node was silent")
        self.store.record_registrations(HQ, at, told, names, complete=complete, fault=fault)
        for kept in (self.phones, self.retired):
            for name, one in kept.items():
                if name in told:
                    kept[name] = replace(one, registration=told[name])
                elif complete and name in names:
                    kept[name] = replace(one, registration=Registration("Unknown", None, None, "", None, None, ""))
        if complete:
            self.succeeded(Source.RIS, at)
        else:
            self.failed(Source.RIS, at, fault)

    @rule(seen=some, silent=some, variant=st.integers(0, 1))
    def looks(self, seen: set[int], silent: set[int], variant: int) -> None:
        at = self.tick()
        found = {phone_name(number): probe(at - 1, number, tls_version=f"v{variant}") for number in seen}
        found |= {phone_name(number): failed(at - 2) for number in silent}
        self.store.record_probes(HQ, at, found)
        for kept in (self.phones, self.retired):
            for name in kept.keys() & found.keys():
                kept[name] = _looked(kept[name], found[name])
        self.succeeded(Source.PHONE_TLS, at)

    @rule(what=st.sampled_from(LISTS))
    def lists(self, what: bytes | Fault | None) -> None:
        at = self.tick()
        self.store.record_lists(HQ, at, [("pub", "ctl", what)])
        if isinstance(what, Fault):
            self.list_fault = what
            self.failed(Source.TRUST_LISTS, at, what)
            return
        self.list_fault = None
        self.succeeded(Source.TRUST_LISTS, at)
        if what is None:
            self.absent_since = self.absent_since or at
        elif self.runs and self.absent_since is None and self.runs[-1][0] == what:
            self.runs[-1] = (what, self.runs[-1][1], at)
        else:
            self.runs.append((what, at, at))
        if what is not None:
            self.absent_since = None

    @rule(source=st.sampled_from(list(Source)))
    def failure(self, source: Source) -> None:
        at = self.tick()
        fault = Fault("unreachable", f"at {at}")
        self.store.record_failure(HQ, source, fault, at)
        self.failed(source, at, fault)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(Path(self.folder.name) / "ctld.db")

    @rule()
    def purge_nothing_that_is_young(self) -> None:
        self.store.purge(self.now, 1_000_000)

    @invariant()
    def the_store_agrees(self) -> None:
        snapshot = self.store.snapshot(HQ)
        assert {one.config.name: one for one in snapshot.phones} == self.phones
        assert snapshot.retired == len(self.retired)
        assert dict(snapshot.sources) == self.states
        kept = [
            (one.version.data, one.version.first_seen, one.version.last_seen)
            for one in reversed(self.store.list_history(HQ))
        ]
        assert kept == self.runs
        for served in snapshot.lists:
            assert (served.fault, served.absent_since) == (self.list_fault, self.absent_since)
            current = served.current
            if current is None:
                assert self.absent_since is not None or not self.runs
            else:
                assert (current.data, current.first_seen, current.last_seen) == self.runs[-1]
            before = served.previous
            others = [run for run in self.runs if current is None or run[0] != current.data]
            assert (None if before is None else (before.data, before.first_seen, before.last_seen)) == (
                others[-1] if others else None
            )


def _told(before: Phone | None, config: PhoneConfig, at: int, *, returned: bool) -> Phone:
    if before is None:
        return Phone(config, at, at, at)
    if before.config == config and not returned:
        return before
    same_capf = before.config.capf_status == config.capf_status
    told = replace(before, config=config, changed_at=at, capf_since=before.capf_since if same_capf else at)
    return replace(told, registration=None) if returned else told


def _looked(one: Phone, look: PhoneProbe) -> Phone:
    if look.fault is not None and one.probe is not None and one.probe.fault is None:
        return replace(one, last_probe_fault=look.fault, last_probe_at=look.at)
    return replace(one, probe=look, last_probe_fault=None, last_probe_at=look.at)


def test_rounds_in_any_order_keep_what_was_told() -> None:
    run_state_machine_as_test(Rounds, settings=settings(relaxed, max_examples=25, stateful_step_count=25))
