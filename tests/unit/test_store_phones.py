"""Phones in the store: what changes, what goes and comes back, and what a failure leaves alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ctlctl.inventory.nodevalues import PhonePage
from ctlctl.inventory.readings import NtpReading, PlatformReading, ServiceReading, StoreReading, TvsReading
from ctlctl.inventory.values import CapfProfileFact, NodeFact, Phone, PhoneConfig, SecurityModeChange
from ctlctl.inventory.words import Fault, Source
from ctlctl.store.store import Store
from ctlctl.store.values import PhoneEvent
from support.storage import (
    FACTS,
    HQ,
    PUBLISHER,
    REFUSED,
    SILENT,
    failed,
    phone,
    phone_name,
    probe,
    record_phones,
    registration,
)

ONE = phone_name(1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "ctld.db") as opened:
        yield opened


def only_phone(store: Store) -> Phone:
    (found,) = store.snapshot(HQ).phones
    return found


def events(store: Store, name: str = ONE) -> list[tuple[int, str, str | None, str | None]]:
    return [(one.at, one.field, one.old, one.new) for one in store.phone_history(HQ, name)]


def test_a_cluster_that_was_never_recorded_has_an_empty_snapshot_and_is_not_made_by_asking(store: Store) -> None:
    snapshot = store.snapshot(HQ)
    assert (snapshot.cluster, snapshot.facts, snapshot.phones, dict(snapshot.sources)) == (HQ, None, (), {})
    assert store.phone_history(HQ, ONE) == ()
    assert store.list_history(HQ) == ()
    assert store.open_findings(HQ) == ()
    assert store.finding_history(HQ) == ()
    assert store.clusters() == ()


def test_a_changed_phone_says_when_and_what_was_before(store: Store) -> None:
    record_phones(store, 100, phone(1))
    record_phones(store, 200, phone(1))
    record_phones(store, 300, phone(1, description="Reception", lsc_valid_until=None))
    found = only_phone(store)
    assert (found.first_seen, found.changed_at, found.capf_since) == (100, 300, 100)
    assert found.config == phone(1, description="Reception", lsc_valid_until=None)
    assert set(events(store)) == {
        (300, "description", "Phone of user 1", "Reception"),
        (300, "lsc_valid_until", "1800000001", None),
    }
    assert {one.source for one in store.phone_history(HQ, ONE)} == {Source.AXL}
    assert len(store.phone_history(HQ, ONE, limit=1)) == 1


@pytest.mark.parametrize("change", [{"capf_operation": "Install/Upgrade"}, {"capf_status": "Upgrade Success"}])
def test_capf_since_moves_with_operation_and_status_alone(store: Store, change: dict[str, str]) -> None:
    record_phones(store, 100, phone(1))
    record_phones(store, 200, phone(1, model="Cisco 9971"))
    assert only_phone(store).capf_since == 100
    record_phones(store, 300, phone(1, model="Cisco 9971", **change))
    assert only_phone(store).capf_since == 300


def test_phones_that_axl_gives_no_more_are_retired_and_come_back_as_they_were(store: Store) -> None:
    record_phones(store, 100, phone(1), phone(2))
    store.record_registrations(HQ, 110, {ONE: registration()}, [ONE], complete=True)
    store.record_probes(HQ, 120, {ONE: probe(120)})
    record_phones(store, 200, phone(2))
    assert [one.config.name for one in store.snapshot(HQ).phones] == [phone_name(2)]
    assert store.snapshot(HQ).retired == 1
    record_phones(store, 250, phone(2))
    record_phones(store, 300, phone(1), phone(2))
    back = store.snapshot(HQ).phones[0]
    assert (back.config, back.first_seen, back.changed_at, back.capf_since) == (phone(1), 100, 300, 100)
    # What its web server showed then has its time; what RIS said then was not asked again since.
    assert (back.registration, back.probe) == (None, probe(120))
    assert store.snapshot(HQ).retired == 0
    assert events(store) == [(300, "present", "no", "yes"), (200, "present", "yes", "no")]


def test_a_name_that_comes_twice_is_what_it_was_last(store: Store) -> None:
    record_phones(store, 100, phone(1, description="first"), phone(1, description="last"))
    assert only_phone(store).config.description == "last"
    record_phones(store, 200, phone(1, description="other"), phone(1, description="last"))
    assert (only_phone(store).config.description, only_phone(store).changed_at) == ("last", 100)


def test_a_stream_that_breaks_off_writes_nothing(store: Store) -> None:
    record_phones(store, 100, phone(1))

    def broken() -> Iterator[PhoneConfig]:
        yield phone(1, description="new")
        raise ConnectionError

    before = store.snapshot(HQ)
    with pytest.raises(ConnectionError):
        store.record_axl(HQ, 200, FACTS, [], broken())
    assert store.snapshot(HQ) == before


def test_the_store_can_be_written_while_a_stream_of_phones_is_still_asking(store: Store) -> None:
    def slow() -> Iterator[PhoneConfig]:
        for number in range(1_200):
            yield phone(number)
            if number % 600 == 0:
                store.record_failure("branch", Source.RIS, SILENT, number)

    store.record_axl(HQ, 100, FACTS, [], slow())
    assert len(store.snapshot(HQ).phones) == 1_200
    assert store.snapshot("branch").sources[Source.RIS].last_attempt == 600


def test_what_somebody_else_wrote_while_a_stream_was_asking_counts(store: Store) -> None:
    record_phones(store, 100, phone(1), phone(2))
    new = phone(1, description="new")

    def overtaken() -> Iterator[PhoneConfig]:
        yield from (new, phone(2), *(phone(number) for number in range(3, 600)))
        record_phones(store, 150, new, phone(2), phone(900))

    store.record_axl(HQ, 200, FACTS, [], overtaken())
    first, second = store.snapshot(HQ).phones[:2]
    assert (first.config, first.changed_at, second.changed_at) == (new, 150, 100)
    assert [at for at, *_ in events(store)] == [150]
    assert store.snapshot(HQ).retired == 1


def test_facts_nodes_profiles_and_the_changes_of_the_security_mode(store: Store) -> None:
    sub = NodeFact("sub", None, None, frozenset())
    profiles = [("end-user", "b", "ann", "1", "Install", None, ""), ("end-user", "a", "bob", "2", None, None, "")]
    store.record_axl(HQ, 100, FACTS, [sub, PUBLISHER], [], profiles=profiles)
    store.record_axl(HQ, 200, replace(FACTS, security_mode=None), [PUBLISHER], [], profiles=profiles[:1])
    mixed = replace(FACTS, security_mode=0, throttled=3)
    changed = ("end-user", "b", "ann", "1", "Install", "Done", "2027:01:01:00")
    store.record_axl(HQ, 300, mixed, [PUBLISHER, replace(sub, role="CUCM IM and Presence")], [], profiles=[changed])
    snapshot = store.snapshot(HQ)
    assert snapshot.facts == mixed
    assert snapshot.mode_changes == (SecurityModeChange(200, 1, None), SecurityModeChange(300, None, 0))
    assert snapshot.nodes == (PUBLISHER, replace(sub, role="CUCM IM and Presence"))
    assert snapshot.profiles == (
        CapfProfileFact("end-user", "b", "ann", "1", "Install", "Done", "2027:01:01:00", since=300),
    )
    store.record_axl(HQ, 400, mixed, [], [], profiles=[(*changed[:3], "7", *changed[4:])])
    (profile,) = store.snapshot(HQ).profiles
    assert (profile.instance_id, profile.since) == ("7", 300)
    assert store.snapshot(HQ).nodes == ()


def test_registrations_by_complete_and_by_partial_answers(store: Store) -> None:
    record_phones(store, 100, phone(1), phone(2), phone(3))
    names = [phone_name(number) for number in (1, 2)]
    store.record_registrations(HQ, 200, {ONE: registration(1), "SEPFFFF": registration(9)}, names, complete=True)
    first, second, third = store.snapshot(HQ).phones
    assert first.registration == registration(1)
    assert second.registration is not None
    assert (second.registration.status, second.registration.changed_at) == ("Unknown", None)
    assert third.registration is None
    store.record_registrations(HQ, 300, {phone_name(2): registration(2)}, names, complete=False)
    first, second, third = store.snapshot(HQ).phones
    assert (first.registration, second.registration) == (registration(1), registration(2))
    state = store.snapshot(HQ).sources[Source.RIS]
    assert (state.last_success, state.last_attempt, state.failing_since) == (200, 300, 300)
    assert state.fault is not None
    store.record_registrations(HQ, 400, {}, names, complete=False, fault=SILENT)
    assert store.snapshot(HQ).sources[Source.RIS].fault == SILENT
    store.record_registrations(HQ, 500, {ONE: registration(1, status="UnRegistered", httpd=False)}, [], complete=True)
    assert set(events(store)) == {(500, "status", "Registered", "UnRegistered"), (500, "httpd", "yes", "no")}


def test_a_failed_look_never_takes_away_what_an_earlier_one_showed(store: Store) -> None:
    record_phones(store, 50, phone(1))
    store.record_probes(HQ, 100, {ONE: failed(99, "refused")})
    found = only_phone(store)
    assert (found.probe, found.last_probe_fault, found.last_probe_at) == (failed(99, "refused"), None, 99)
    store.record_probes(HQ, 150, {ONE: failed(149)})
    assert only_phone(store).probe == failed(149)
    store.record_probes(HQ, 200, {ONE: probe(199)})
    store.record_probes(HQ, 300, {ONE: failed(299)})
    found = only_phone(store)
    assert (found.probe, found.last_probe_fault, found.last_probe_at) == (probe(199), "timeout", 299)
    store.record_probes(HQ, 400, {ONE: failed(399, "refused")})
    found = only_phone(store)
    assert (found.probe, found.last_probe_fault, found.last_probe_at) == (probe(199), "refused", 399)
    assert events(store) == []
    store.record_probes(HQ, 500, {ONE: probe(499)})
    found = only_phone(store)
    assert (found.probe, found.last_probe_fault, found.last_probe_at) == (probe(499), None, 499)
    store.record_probes(HQ, 600, {ONE: probe(599, issuer_cn="CAPF-00000002", sha256="b" * 64)})
    assert set(events(store)) == {
        (600, "issuer_cn", "CAPF-00000001", "CAPF-00000002"),
        (600, "sha256", "0" * 64, "b" * 64),
    }
    assert store.phone_history(HQ, ONE)[0].source is Source.PHONE_TLS


def test_a_flag_stays_a_flag_among_equal_numbers(store: Store) -> None:
    record_phones(store, 1, phone(1), phone(2))
    told = {ONE: registration(reason=1, httpd=True), phone_name(2): registration(reason=0, httpd=False)}
    store.record_registrations(HQ, 1, told, told, complete=True)
    found = [one.registration for one in store.snapshot(HQ).phones]
    assert [(repr(one.httpd), repr(one.reason)) for one in found if one is not None] == [("True", "1"), ("False", "0")]


def test_parts_of_a_sweep_are_no_failure_and_no_success(store: Store) -> None:
    record_phones(store, 50, phone(1), phone(2))
    store.record_probes(HQ, 100, {ONE: probe(100)}, complete=False)
    state = store.snapshot(HQ).sources[Source.PHONE_TLS]
    assert (state.last_attempt, state.last_success, state.fault, state.failing_since) == (100, None, None, None)
    store.record_probes(HQ, 110, {phone_name(2): probe(105, 2)})
    store.record_probes(HQ, 120, {}, complete=False)
    state = store.snapshot(HQ).sources[Source.PHONE_TLS]
    assert (state.last_attempt, state.last_success, state.fault) == (120, 110, None)
    assert [one.probe for one in store.snapshot(HQ).phones] == [probe(100), probe(105, 2)]
    store.record_probes(HQ, 130, {}, complete=False, fault=SILENT)
    state = store.snapshot(HQ).sources[Source.PHONE_TLS]
    assert (state.last_attempt, state.last_success, state.fault, state.failing_since) == (130, 110, SILENT, 130)


@pytest.mark.parametrize("source", list(Source))
def test_failures_change_nothing_but_the_state_of_their_source(store: Store, source: Source) -> None:
    record_phones(store, 100, phone(1))
    store.record_registrations(HQ, 100, {ONE: registration()}, [ONE], complete=True)
    store.record_probes(HQ, 100, {ONE: probe(100)})
    store.record_lists(HQ, 100, [("pub", "ctl", b"list")])
    store.record_ports(HQ, 100, [("pub", "tomcat", b"der", None)])
    store.record_services(HQ, 100, [("pub", (ServiceReading("Cisco Tftp", "Started", activated=True),))])
    store.record_stores(HQ, 100, [("pub", (StoreReading("tomcat", "own", "tomcat.pem", b"der"),))])
    store.record_tvs(HQ, 100, [("pub", (TvsReading("ab", known=True, roles=(2,)),))])
    store.record_pages(HQ, 100, {ONE: PhonePage(100, ctl_hash="aa")})
    ntp = NtpReading(synchronised=True, stratum=3, offset_ms=0.5)
    store.record_platform(HQ, 100, [("pub", PlatformReading(None, None, (), None, ntp, None, None))])
    before = store.snapshot(HQ)
    other = Fault("timeout", "no answer", "Wait")
    store.record_failure(HQ, source, REFUSED, 200)
    store.record_failure(HQ, source, other, 300)
    after = store.snapshot(HQ)
    assert replace(after, sources={}) == replace(before, sources={})
    assert {key: value for key, value in after.sources.items() if key is not source} == {
        key: value for key, value in before.sources.items() if key is not source
    }
    state = after.sources[source]
    assert (state.last_success, state.last_attempt, state.fault, state.failing_since) == (100, 300, other, 200)


def test_a_success_ends_a_failure(store: Store) -> None:
    store.record_failure(HQ, Source.AXL, REFUSED, 50)
    assert store.snapshot(HQ).facts is None
    record_phones(store, 100, phone(1))
    state = store.snapshot(HQ).sources[Source.AXL]
    assert (state.last_success, state.last_attempt, state.fault, state.failing_since) == (100, 100, None, None)


def test_clusters_are_apart_and_one_is_forgotten_as_a_whole(store: Store) -> None:
    for cluster, description in ((HQ, "here"), ("branch", "there")):
        record_phones(store, 100, phone(1, description=description), cluster=cluster)
        record_phones(store, 200, phone(1), cluster=cluster)
        store.record_lists(cluster, 200, [("pub", "itl", b"both"), ("pub", "ctl", cluster.encode())])
    assert store.clusters() == ("branch", HQ)
    branch = store.snapshot("branch")
    (mine,) = {one.version.sha256 for one in store.list_history(HQ, kind="ctl")}
    assert store.forget_cluster(HQ)
    assert not store.forget_cluster(HQ)
    assert store.clusters() == ("branch",)
    assert store.snapshot(HQ).phones == ()
    assert store.list_data(mine) is None
    assert store.snapshot("branch") == branch
    assert store.phone_history("branch", ONE) == (
        PhoneEvent(200, Source.AXL, "description", "there", "Phone of user 1"),
    )
    assert store.integrity() == ()


def test_which_phones_to_ask_about(store: Store) -> None:
    assert store.phone_names(HQ) is None
    assert store.phones_to_look_at(HQ, 1000, 10) == ()
    assert store.certificate_contents(HQ) == []
    store.record_failure(HQ, Source.AXL, REFUSED, 1)
    # A cluster that never answered has told of no phone, not of none.
    assert store.phone_names(HQ) is None
    record_phones(store, 2, *(phone(number) for number in range(6)))
    assert store.phone_names(HQ) == [phone_name(number) for number in range(6)]
    answers = {
        phone_name(number): replace(registration(number), address=f"10.0.0.{number}", httpd=True) for number in range(5)
    }
    answers[phone_name(3)] = replace(answers[phone_name(3)], httpd=False)
    answers[phone_name(4)] = replace(answers[phone_name(4)], address=None)
    store.record_registrations(HQ, 3, answers, answers, complete=True)
    store.record_probes(HQ, 50, {phone_name(0): probe(50, 0)}, complete=True)
    store.record_probes(HQ, 40, {phone_name(2): replace(probe(40, 2), fault="timeout", sha256=None)}, complete=True)
    # Never looked at, then longest ago; no web server, no address or no registration: not at all.
    wanted = [(phone_name(number), f"10.0.0.{number}") for number in (1, 2, 0)]
    assert list(store.phones_to_look_at(HQ, 1000, 10)) == wanted
    assert list(store.phones_to_look_at(HQ, 1000, 2)) == wanted[:2]
    assert list(store.phones_to_look_at(HQ, 45, 10)) == wanted[:2]
    # A look of years ahead is of a clock that was wrong: that phone must not be left alone for years.
    store.record_probes(HQ, 55, {phone_name(0): probe(400_000_000, 0)}, complete=True)
    assert list(store.phones_to_look_at(HQ, 1000, 10)) == wanted
    record_phones(store, 60, phone(0), phone(5))
    assert store.phone_names(HQ) == [phone_name(0), phone_name(5)]
    assert list(store.phones_to_look_at(HQ, 1000, 10)) == [wanted[2]]
