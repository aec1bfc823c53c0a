"""What refuses a plan, what only warns, and what nobody can tell."""

from collections.abc import Callable

import pytest

from ctlctl.cli.plan import _ACCEPTABLE
from ctlctl.plan.guards import one_rollout
from ctlctl.plan.model import UNKNOWN_BLOCKS, GuardCode, GuardVerdict, Plan
from support.plancases import (
    CA,
    LSC,
    MIC,
    NULL,
    STRING,
    Document,
    cluster_of,
    guard,
    lsc_phone,
    mic_phone,
    planned,
    trusted,
)
from support.smallsnapshot import DAY, NOW

OK, WARN, REFUSE, UNKNOWN = GuardVerdict.OK, GuardVerdict.WARN, GuardVerdict.REFUSE, GuardVerdict.UNKNOWN
Change = Callable[[Document], None]


def verdict(plan: Plan, code: str) -> GuardVerdict:
    told = guard(plan, code)
    assert told.words
    assert not told.words.endswith(".")
    return told.verdict


def changed(change: Change, phones: int = 1) -> Document:
    cluster = cluster_of(phones)
    change(cluster)
    return cluster


def test_a_cluster_in_good_health_stops_nothing() -> None:
    plan = planned("renew", lsc_phone())
    assert {one.verdict for one in plan.guards} == {OK}
    assert plan.stopped_by == ()


class TestAuthentication:
    @pytest.mark.parametrize(
        ("phone", "expected"),
        [
            (mic_phone(authentication_mode=STRING), REFUSE),
            (mic_phone(authentication_mode=STRING, credential="mic-suspected"), REFUSE),
            (mic_phone(authentication_mode=STRING, security_mode="Non Secure"), WARN),
            (mic_phone(authentication_mode=STRING, security_mode=None), UNKNOWN),
            (mic_phone(), OK),
        ],
    )
    def test_a_string_that_somebody_must_type(self, phone: Document, expected: GuardVerdict) -> None:
        plan = planned("install", phone)
        assert verdict(plan, "authentication-string") is expected
        assert bool([one for one in plan.stopped_by if one.code == "authentication-string"]) is (
            expected in {REFUSE, UNKNOWN}
        )

    def test_a_phone_with_an_lsc_is_on_the_air_while_it_waits_for_the_string(self) -> None:
        assert verdict(planned("renew", lsc_phone(authentication_mode=STRING)), "authentication-string") is WARN

    @pytest.mark.parametrize(
        ("operation", "phone", "expected", "why"),
        [
            ("renew", lsc_phone(), OK, "1 phone can prove"),
            ("renew", lsc_phone(credential_issuer="CAPF-0badcafe"), REFUSE, "no longer in CAPF-trust"),
            ("renew", lsc_phone(credential_issuer=None), UNKNOWN, "issuer of the LSC not known"),
            ("renew", lsc_phone(credential="lsc-expired", credential_ends=NOW - 1), WARN, "has ended"),
            ("renew", lsc_phone(authentication_mode=None), UNKNOWN, "authentication mode not known"),
            ("renew", lsc_phone(authentication_mode="By Retina"), UNKNOWN, "authentication mode not known"),
            ("renew", lsc_phone(authentication_mode=MIC), UNKNOWN, "its MIC was never seen"),
            ("renew", lsc_phone(authentication_mode=MIC, model="Cisco 7960"), OK, "can prove"),
            ("install", mic_phone(authentication_mode=LSC), OK, "can prove"),
            ("install", mic_phone(authentication_mode=LSC, credential="mic-suspected"), UNKNOWN, "never seen"),
            ("install", mic_phone(authentication_mode=LSC, model="Cisco 7960"), REFUSE, "no MIC"),
            ("install", mic_phone(mic_ends=NOW + 45 * DAY), OK, "can prove"),
            # A plan may be approved for 14 days and then take 30.
            ("install", mic_phone(mic_ends=NOW + 44 * DAY), REFUSE, "its MIC ends too soon"),
            ("install", mic_phone(credential_issuer="CAP-RTP-001"), REFUSE, "was removed"),
            ("troubleshoot", mic_phone(credential="unknown"), UNKNOWN, "credential not known"),
        ],
    )
    def test_a_certificate_that_the_profile_asks_for(
        self, operation: str, phone: Document, expected: GuardVerdict, why: str
    ) -> None:
        told = guard(planned(operation, phone), "authentication-mode")
        assert (told.verdict, why in told.words) == (expected, True), told.words

    def test_the_publishers_store_counts_and_no_other(self) -> None:
        def only_elsewhere(cluster: Document) -> None:
            cluster["certificates"] = [
                one
                for one in cluster["certificates"]
                if not (one["unit"] == "CAPF-trust" and one["node"] == "pub" and one["common_name"] == CA)
            ]
            cluster["certificates"].append(trusted("Cisco Manufacturing CA", "CAPF-trust"))

        assert (
            verdict(planned("install", mic_phone(), cluster=changed(only_elsewhere)), "authentication-mode") is REFUSE
        )

    def test_null_string_gives_a_first_lsc_to_whoever_asks(self) -> None:
        phone = mic_phone(authentication_mode=NULL)
        plan = planned("install", phone)
        assert verdict(plan, "null-string") is REFUSE
        assert [one.code for one in plan.stopped_by] == [GuardCode.NULL_STRING]
        taken_on = planned("install", phone, accepted=frozenset({"null-string"}))
        assert taken_on.stopped_by == ()
        assert guard(taken_on, "null-string").accepted
        assert verdict(planned("renew", lsc_phone(authentication_mode=NULL)), "null-string") is WARN


class TestKeys:
    @pytest.mark.parametrize(
        ("size", "model", "expected"),
        [
            ("512", "Cisco 8841", REFUSE),
            ("1024", "Cisco 8841", WARN),
            ("2048", "Cisco 8841", OK),
            (4096, "Cisco 8841", OK),
            ("3072", "Cisco 7962", WARN),
            ("2048", "Cisco 7960", WARN),
            ("1024", "Cisco 7960", WARN),
            ("4096", "Cisco 8821", OK),
            (None, "Cisco 8841", UNKNOWN),
            ("many", "Cisco 8841", UNKNOWN),
        ],
    )
    def test_key_sizes(self, size: object, model: str, expected: GuardVerdict) -> None:
        plan = planned("renew", lsc_phone(key_size=size, model=model))
        assert verdict(plan, "key-size") is expected
        assert bool(plan.stopped_by) is (expected is REFUSE)

    def test_no_key_is_made_by_a_removal(self) -> None:
        codes = {one.code for one in planned("delete", lsc_phone(key_size="512")).guards}
        assert GuardCode.KEY_SIZE not in codes
        assert GuardCode.CAPF_REST not in codes


class TestStandby:
    @pytest.mark.parametrize(
        ("phone", "expected", "why"),
        [
            (lsc_phone(), UNKNOWN, "its MIC was never seen: 1"),
            (lsc_phone(mic_ends=NOW - 1), REFUSE, "its MIC ends too soon"),
            (lsc_phone(model="Cisco 7960"), REFUSE, "its model has no MIC"),
            (lsc_phone(security_mode="Non Secure"), OK, "no phone is secure"),
            (lsc_phone(security_mode=None), UNKNOWN, "never seen"),
        ],
    )
    def test_what_a_phone_falls_back_on(self, phone: Document, expected: GuardVerdict, why: str) -> None:
        told = guard(planned("delete", phone), "mic-standby")
        assert (told.verdict, why in told.words) == (expected, True), told.words

    def test_a_sure_no_cannot_be_accepted_and_a_doubt_can(self) -> None:
        accepted = frozenset({"mic-standby"})
        assert planned("delete", lsc_phone(model="Cisco 7960"), accepted=accepted).stopped_by
        assert planned("delete", lsc_phone()).stopped_by
        assert not planned("delete", lsc_phone(), accepted=accepted).stopped_by

    def test_without_any_manufacturing_ca_no_mic_is_worth_anything(self) -> None:
        def removed(cluster: Document) -> None:
            cluster["certificates"] = [one for one in cluster["certificates"] if one["common_name"] != CA]

        told = guard(planned("delete", lsc_phone(), cluster=changed(removed)), "mic-standby")
        assert told.verdict is REFUSE
        assert "no manufacturing CA is trusted any more" in told.words

    def test_a_labs_manufacturing_ca_counts_in_a_lab_only(self) -> None:
        def lab(cluster: Document, *, is_lab: bool) -> None:
            cluster["lab"] = is_lab
            for one in cluster["certificates"]:
                if one["common_name"] == CA:
                    one["common_name"] = "LAB Manufacturing CA"

        def in_a_lab(cluster: Document) -> None:
            lab(cluster, is_lab=True)

        def elsewhere(cluster: Document) -> None:
            lab(cluster, is_lab=False)

        assert verdict(planned("delete", lsc_phone(), cluster=changed(in_a_lab)), "mic-standby") is UNKNOWN
        assert verdict(planned("delete", lsc_phone(), cluster=changed(elsewhere)), "mic-standby") is REFUSE

    def test_what_is_trusted_may_not_be_known(self) -> None:
        def unknown(cluster: Document) -> None:
            cluster["certificates"] = [one for one in cluster["certificates"] if one["store"] == "identity"]

        assert verdict(planned("delete", lsc_phone(), cluster=changed(unknown)), "mic-standby") is UNKNOWN


def capf(**fields: object) -> Change:
    def change(cluster: Document) -> None:
        for one in cluster["certificates"]:
            if one["unit"] == "CAPF":
                one.update(fields)

    return change


def without_capf(cluster: Document) -> None:
    cluster["certificates"] = [one for one in cluster["certificates"] if one["unit"] != "CAPF"]


def two_capfs(cluster: Document) -> None:
    (own,) = [one for one in cluster["certificates"] if one["unit"] == "CAPF"]
    cluster["certificates"].append({**own, "not_after": NOW + 900 * DAY, "served": None})
    own["served"] = None


def signed_by(ends: int) -> Change:
    def change(cluster: Document) -> None:
        capf(self_signed=False, issuer="Company CA")(cluster)
        cluster["certificates"].append(trusted("Company CA", "CAPF-trust", ends=ends))

    return change


class TestCapf:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            (capf(not_after=NOW + 365 * DAY), OK),
            (capf(not_after=NOW + 365 * DAY - 1), REFUSE),
            (capf(not_after=NOW - DAY), REFUSE),
            (without_capf, UNKNOWN),
            (two_capfs, UNKNOWN),
            (capf(self_signed=False, issuer="Company CA"), UNKNOWN),
            (signed_by(NOW + 400 * DAY), OK),
            (signed_by(NOW + 100 * DAY), REFUSE),
        ],
    )
    def test_the_effective_end_of_the_certificate(self, change: Change, expected: GuardVerdict) -> None:
        plan = planned("renew", lsc_phone(credential_ends=NOW + 10 * DAY), cluster=changed(change))
        assert verdict(plan, "capf-rest") is expected
        stopped = [one.code for one in plan.stopped_by]
        assert (GuardCode.CAPF_REST in stopped) is (expected is not OK)

    def test_a_certificate_that_is_too_short_is_nothing_to_accept(self) -> None:
        cluster = changed(capf(not_after=NOW + 100 * DAY))
        plan = planned("renew", lsc_phone(), cluster=cluster, accepted=frozenset({"capf-rest"}))
        (stopped,) = plan.stopped_by
        assert not stopped.can_be_accepted
        assert stopped.numbers["rest_days"] == 100
        assert planned("renew", lsc_phone(), cluster=cluster, rollout={"capf_rest_days": 100}).stopped_by == ()


def listed(**fields: object) -> Change:
    def change(cluster: Document) -> None:
        cluster["lists"][0].update(fields)

    return change


def finding(code: str, closed_at: int | None = None) -> Change:
    def change(cluster: Document) -> None:
        cluster["findings"].append({"code": code, "subject": "pub/ctl", "closed_at": closed_at})

    return change


def fewer_lists(cluster: Document) -> None:
    del cluster["lists"][0]


def lists_read(at: int | None) -> Change:
    def change(cluster: Document) -> None:
        cluster["sources"]["trust-lists"]["last_success"] = at

    return change


def non_secure(cluster: Document) -> None:
    cluster["security_mode"] = 0
    cluster["lists"] = [one for one in cluster["lists"] if one["kind"] == "itl"]


def unknown_mode(cluster: Document) -> None:
    cluster["security_mode"] = None


class TestLists:
    @pytest.mark.parametrize(
        ("change", "lists", "stale"),
        [
            (lambda _: None, OK, OK),
            (listed(verdict="invalid"), REFUSE, UNKNOWN),
            (listed(verdict="stale", missing=["CallManager of sub1"]), REFUSE, REFUSE),
            (listed(verdict="undecided"), UNKNOWN, UNKNOWN),
            (listed(verdict="self-consistent"), UNKNOWN, OK),
            (listed(verdict="absent"), REFUSE, UNKNOWN),
            (finding("lists-differ"), REFUSE, OK),
            (finding("lists-differ", NOW - 60), OK, OK),
            (finding("stale-ctl"), OK, REFUSE),
            (fewer_lists, UNKNOWN, OK),
            (lists_read(None), UNKNOWN, OK),
            (lists_read(NOW - 9 * 3600), UNKNOWN, OK),
            (non_secure, OK, OK),
            (unknown_mode, OK, UNKNOWN),
        ],
    )
    def test_what_tftp_nodes_serve(self, change: Change, lists: GuardVerdict, stale: GuardVerdict) -> None:
        plan = planned("renew", lsc_phone(), cluster=changed(change))
        assert (verdict(plan, "trust-lists"), verdict(plan, "stale-ctl")) == (lists, stale)
        stopped = {one.code.value for one in plan.stopped_by}
        wanted = {"trust-lists": lists, "stale-ctl": stale}
        assert stopped == {code for code, said in wanted.items() if said is not OK}

    def test_nodes_spelled_in_full_are_the_same_nodes(self) -> None:
        def in_full(cluster: Document) -> None:
            for node in cluster["nodes"]:
                node["name"] = f"{node['name'].upper()}.example.com"

        assert verdict(planned("renew", lsc_phone(), cluster=changed(in_full)), "trust-lists") is OK


class TestTheRest:
    @pytest.mark.parametrize(("at", "expected"), [(NOW - 3600, OK), (NOW - 25 * 3600, WARN), (None, UNKNOWN)])
    def test_the_age_of_the_backup_stops_nothing(self, at: int | None, expected: GuardVerdict) -> None:
        def backup(cluster: Document) -> None:
            for node in cluster["nodes"]:
                node["backup_at"] = at

        plan = planned("renew", lsc_phone(), cluster=changed(backup))
        assert verdict(plan, "backup") is expected
        assert plan.stopped_by == ()

    def test_a_window_in_which_no_phone_can_be_done(self) -> None:
        short = {"windows": [{"opens": "02:00", "closes": "02:10"}]}
        assert verdict(planned("renew", lsc_phone(), rollout=short), "windows") is REFUSE
        long = {"windows": [{"opens": "02:00", "closes": "02:30"}]}
        assert verdict(planned("renew", lsc_phone(), rollout=long), "windows") is OK

    def test_a_rollout_that_cannot_be_done_in_time(self) -> None:
        slow = {"phones_per_minute": 0.01, "deadline_days": 1}
        phones = [lsc_phone(f"SEP{number}") for number in range(9)]
        assert verdict(planned("renew", *phones, rollout=slow), "deadline") is WARN

    def test_one_rollout_a_cluster(self) -> None:
        said = [one_rollout(None), one_rollout("7c1f0e"), one_rollout(None, known=False)]
        assert [(one.verdict, one.stops) for one in said] == [(OK, False), (REFUSE, True), (UNKNOWN, True)]

    def test_the_worst_stands_first(self) -> None:
        plan = planned("install", mic_phone(authentication_mode=NULL, key_size=None), live=False)
        verdicts = [one.verdict for one in plan.guards]
        assert verdicts == sorted(verdicts, key=list(GuardVerdict).index)


def test_the_command_line_offers_what_can_be_accepted() -> None:
    blocking = {code.value for code in UNKNOWN_BLOCKS} - {GuardCode.ONE_ROLLOUT.value}
    assert set(_ACCEPTABLE) == {*blocking, GuardCode.NULL_STRING.value}
