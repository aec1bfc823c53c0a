"""Which phones go into a plan, which are left out, and what is said of them."""

import pytest

from ctlctl.plan.facts import FactsError
from ctlctl.plan.model import ExclusionCode, GuardVerdict, Plan
from ctlctl.plan.models import lacks_mic, longest_rsa, takes_lsc
from ctlctl.plan.selecting import SelectionError, Wanted
from support.plancases import Document, cluster_of, guard, lsc_phone, mic_phone, planned, registration
from support.smallsnapshot import DAY, NOW


def left_out(plan: Plan) -> dict[str, str]:
    return {one.name: one.code.value for one in plan.left_out}


def names(plan: Plan) -> set[str]:
    return {one.phone.name for one in plan.phones}


class TestReasons:
    @pytest.mark.parametrize(
        ("operation", "phone", "code"),
        [
            ("renew", lsc_phone(), None),
            ("renew", lsc_phone(credential="lsc-expired", credential_ends=NOW - DAY), None),
            ("renew", lsc_phone(credential="lsc", credential_ends=NOW + 91 * DAY), "not-due"),
            ("renew", lsc_phone(credential="lsc", credential_ends=NOW + 90 * DAY), None),
            ("renew", lsc_phone(credential_ends=None), "credential-unknown"),
            ("renew", lsc_phone(credential_ends=NOW + 900 * DAY, credential_issuer="CAPF-0badcafe"), None),
            ("renew", mic_phone(), "no-lsc"),
            ("renew", lsc_phone(credential="unknown"), "credential-unknown"),
            ("install", mic_phone(), None),
            ("install", mic_phone(credential="none", credential_issuer=None), None),
            ("install", lsc_phone(), "has-lsc"),
            ("install", mic_phone(credential="unknown"), "credential-unknown"),
            ("troubleshoot", mic_phone(credential="unknown"), None),
            ("delete", lsc_phone(), None),
            ("delete", mic_phone(), "no-lsc"),
            ("install", mic_phone(model="Third-party SIP Device (Basic)"), "no-lsc-support"),
            ("install", mic_phone(model="Cisco 7912"), "lsc-support-unknown"),
            ("install", mic_phone(model="Cisco 9999"), "lsc-support-unknown"),
            ("install", mic_phone(model=""), "lsc-support-unknown"),
            # It has had one: that proves more than any table.
            ("install", mic_phone(model="Cisco 9999", capf_status="Delete Success"), None),
            ("renew", lsc_phone(model="Cisco 9999"), None),
            ("renew", lsc_phone(capf_operation="Install/Upgrade"), "operation-pending"),
            ("renew", lsc_phone(capf_status="Operation Pending"), "operation-pending"),
            ("renew", lsc_phone(capf_operation=None), "capf-state-unknown"),
            ("renew", lsc_phone(registration=registration("UnRegistered", NOW - 31 * DAY)), "offline"),
            ("renew", lsc_phone(registration=registration("UnRegistered", NOW - 29 * DAY)), None),
            ("renew", lsc_phone(registration=registration("Unknown", None)), "registration-unknown"),
            ("renew", lsc_phone(registration=None), "registration-unknown"),
            ("renew", lsc_phone(registration=registration("PartiallyRegistered", NOW - 99 * DAY)), None),
        ],
    )
    def test_each_phone_has_one_reason_or_none(self, operation: str, phone: Document, code: str | None) -> None:
        plan = planned(operation, phone)
        assert left_out(plan) == ({} if code is None else {phone["name"]: code})
        assert names(plan) == ({phone["name"]} if code is None else set())
        assert all(one.words and one.words.isprintable() for one in plan.left_out)

    def test_the_do_not_touch_list_comes_first_and_knows_no_case(self) -> None:
        plan = planned("renew", lsc_phone(), lsc_phone("SEP2", model=""), do_not_touch=frozenset({"sep2", "SEP9"}))
        assert left_out(plan) == {"SEP2": "do-not-touch"}
        told = guard(plan, "do-not-touch")
        assert (told.verdict, dict(told.numbers)) == (GuardVerdict.OK, {"listed": 2, "matched": 1})

    def test_a_new_lsc_that_would_end_with_capf_is_not_worth_a_reset(self) -> None:
        cluster = cluster_of(1)
        for one in cluster["certificates"]:
            if one["unit"] == "CAPF":
                one["not_after"] = NOW + 1000 * DAY
        near = lsc_phone(credential_ends=NOW + 1000 * DAY)
        assert left_out(planned("renew", near, cluster=cluster, renew_before_days=1825)) == {near["name"]: "no-gain"}
        assert names(planned("renew", near, cluster=cluster, due_or_not=True)) == {near["name"]}
        sooner = lsc_phone(credential_ends=NOW + 998 * DAY)
        assert names(planned("renew", sooner, cluster=cluster, renew_before_days=1825)) == {near["name"]}

    def test_every_code_is_one_that_a_person_can_read(self) -> None:
        plan = planned("renew", lsc_phone(), wanted=Wanted({}, ("SEP001122334455", "GONE"), everything=True))
        assert left_out(plan) == {"GONE": ExclusionCode.NOT_IN_CLUSTER.value}
        assert plan.selection.matched == 2


class TestSelecting:
    PHONES = (
        lsc_phone("SEP1", device_pool="DP-Berlin"),
        lsc_phone("SEP2", device_pool="DP-Bonn", model="Cisco 7962", family="7900"),
        mic_phone("SEP3", device_pool="DP-Bonn"),
    )

    @pytest.mark.parametrize(
        ("words", "listed", "expected"),
        [
            ({"device_pool": "dp-b*"}, ("SEP1", "sep3"), {"SEP1", "SEP3"}),
            ({"device_pool": "DP-Bonn"}, None, {"SEP2", "SEP3"}),
            ({"credential": "mic*"}, None, {"SEP3"}),
            ({"family": "7900,8800", "within": "40"}, None, {"SEP1", "SEP2"}),
            ({}, ("SEP2",), {"SEP2"}),
        ],
    )
    def test_filters_are_those_of_phone_list(
        self, words: dict[str, str], listed: tuple[str, ...] | None, expected: set[str]
    ) -> None:
        plan = planned("troubleshoot", *self.PHONES, wanted=Wanted(words, listed))
        assert names(plan) == expected
        assert plan.selection.words == words

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            (Wanted({"name": "X*"}), "not one of 3 phones is meant (name = X*)"),
            (Wanted({"name": "X*"}, everything=True), "not one of 3 phones"),
            (Wanted({}, ("NOBODY",)), "not one of 3 phones is meant (no filter, 1 name from the file)"),
            (Wanted({}, ()), "not one of 3 phones"),
            (Wanted({}), "all 3 phones of the cluster are meant"),
            (Wanted({"name": "*"}), "say so with --all"),
            (Wanted({}, ("SEP1", "SEP2", "SEP3")), "say so with --all"),
        ],
    )
    def test_nothing_and_everything_are_refused(self, wanted: Wanted, said: str) -> None:
        with pytest.raises(SelectionError) as caught:
            planned("troubleshoot", *self.PHONES, wanted=wanted)
        assert said in str(caught.value)
        assert not caught.value.usage

    def test_a_word_that_makes_no_sense_is_a_usage_error(self) -> None:
        with pytest.raises(SelectionError) as caught:
            planned("troubleshoot", *self.PHONES, wanted=Wanted({"within": "soon"}))
        assert caught.value.usage

    def test_who_goes_first(self) -> None:
        plan = planned("troubleshoot", *self.PHONES, first=("sep3",), rollout={"canary_sizes": [1]})
        assert plan.phones[0].phone.name == "SEP3"
        with pytest.raises(SelectionError, match="no phone of the plan"):
            planned("troubleshoot", *self.PHONES, first=("SEP4",))

    def test_sites_are_counted_with_phones_that_are_not_in_the_plan(self) -> None:
        plan = planned("renew", *self.PHONES)
        assert plan.impact.sites == {"DP-Berlin": 1, "DP-Bonn": 1}
        assert plan.site_sizes == {"DP-Berlin": 1, "DP-Bonn": 2}
        assert plan.cm_group_sizes == {"": 3}


class TestAges:
    @pytest.mark.parametrize(("source", "what"), [("axl", "phones"), ("ris", "registrations")])
    @pytest.mark.parametrize("live", [True, False])
    def test_facts_that_are_too_old_make_no_plan(self, source: str, what: str, live: bool) -> None:
        cluster = cluster_of(1)
        cluster["sources"][source]["last_success"] = NOW - 2 * 3600 - 1
        with pytest.raises(FactsError, match=f"{what} are as {source.upper()} had them 2 h ago.*120 minutes"):
            planned("renew", lsc_phone(), cluster=cluster, live=live)
        planned("renew", lsc_phone(), cluster=cluster, rollout={"facts_max_minutes": 121})

    def test_facts_that_were_never_had_make_no_plan(self) -> None:
        cluster = cluster_of(1)
        cluster["sources"]["axl"]["last_success"] = None
        with pytest.raises(FactsError, match="AXL never answered; ctlctl cluster refresh hq"):
            planned("renew", lsc_phone(), cluster=cluster)

    def test_a_snapshot_is_said_to_be_one(self) -> None:
        assert guard(planned("renew", lsc_phone()), "facts").verdict is GuardVerdict.OK
        told = guard(planned("renew", lsc_phone(), live=False), "facts")
        assert told.verdict is GuardVerdict.WARN
        assert "phones as AXL had them 60 s ago" in told.words
        assert "snapshot" in told.words

    def test_documents_of_another_version_make_no_plan(self) -> None:
        with pytest.raises(FactsError, match="older than ctlctl"):
            planned("renew", lsc_phone(pkid=None))
        with pytest.raises(FactsError, match="different versions"):
            planned("renew", lsc_phone(), cluster={"name": "hq", "numbers": None})


@pytest.mark.parametrize(
    ("model", "takes", "no_mic", "longest"),
    [
        ("Cisco 8841", True, False, 4096),
        ("Cisco 8851NR", True, False, 4096),
        ("Cisco 7960", True, True, 1024),
        ("Cisco 7941G-GE", True, False, 2048),
        ("Cisco 8821-EX", True, False, None),
        ("Cisco 9861NR", True, False, 4096),
        ("Cisco 7937", None, False, None),
        ("Cisco 7905", None, False, None),
        ("Cisco TelePresence SX80", True, False, None),
        ("Cisco Webex Room Kit Mini", True, False, None),
        ("Cisco TelePresence 1100", None, False, None),
        ("Cisco Webex DX80", True, False, None),
        ("Cisco 840", True, False, None),
        ("Cisco ATA 191", True, False, None),
        ("Cisco ATA 190", None, False, None),
        ("Cisco IP Communicator", None, True, None),
        ("Cisco Unified Client Services Framework", True, True, None),
        ("Analog Phone", None, False, None),
        ("Third-party SIP Device (Advanced)", False, True, None),
        ("", None, False, None),
    ],
)
def test_models_say_only_what_a_source_says(model: str, takes: bool | None, no_mic: bool, longest: int | None) -> None:
    assert (takes_lsc(model), lacks_mic(model), longest_rsa(model)) == (takes, no_mic, longest)
