"""What Prometheus is told of a made fleet."""

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from ctlctl.assess.model import ClusterCode, CredentialState, FindingSeverity, Numbers
from ctlctl.inventory.values import ClusterFacts, SourceState
from ctlctl.inventory.words import Fault, Source
from ctlctl.metrics.catalogue import GAUGES
from ctlctl.metrics.collector import MAX_CERTIFICATES, MAX_FAMILIES, MAX_ISSUERS, MONTHS_AHEAD, FleetCollector
from ctlctl.metrics.sheet import MAX_LABEL_CHARACTERS
from ctlctl.metrics.telemetry import Telemetry
from ctlctl.service.hub import ClusterReport
from support.programs import require_program
from support.prometheus import (
    DAY,
    NO_NUMBERS,
    PACKAGE,
    bad_report,
    certificate,
    good_report,
    made_fleet,
    report,
    served_list,
    silent_report,
    stored,
)

NOW = 1_795_000_000
FACTS = ClusterFacts("14.0.1", "14.0", 1, lsc_columns=True)
LABELS = {gauge.name: gauge.labels for gauge in GAUGES}
Values = dict[tuple[str, ...], float]


def registry_of(*reports: ClusterReport) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(FleetCollector(lambda: {one.name: one for one in reports}))
    return registry


def scraped(*reports: ClusterReport) -> dict[str, Values]:
    """Return values by metric and labels, as Prometheus would read them."""
    text = generate_latest(registry_of(*reports)).decode()
    found: dict[str, Values] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            rows = found.setdefault(sample.name, {})
            labels = tuple(sample.labels[name] for name in LABELS[sample.name])
            assert labels not in rows, f"{sample.name} has {labels} twice"
            rows[labels] = sample.value
    return found


def values(found: Mapping[str, Values], name: str, **wanted: str) -> Values:
    places = {LABELS[name].index(label): text for label, text in wanted.items()}
    return {
        labels: value
        for labels, value in found.get(name, {}).items()
        if all(labels[place] == text for place, text in places.items())
    }


def test_what_it_says_of_a_fleet_is_read_by_both_parsers() -> None:
    registry = registry_of(*made_fleet(NOW).values())
    plain = {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}
    # It publishes no types.
    write_strict: Any = openmetrics
    read_strict: Any = read_openmetrics
    strict = {family.name for family in read_strict(write_strict(registry).decode())}
    assert plain == strict == {gauge.name for gauge in GAUGES}


def test_promtool_has_nothing_to_object() -> None:
    program = require_program("promtool", PACKAGE)
    registry = registry_of(*made_fleet(NOW).values())
    Telemetry(registry, "0.1").collected("hq", "axl", 2.0, "timeout")
    done = subprocess.run(
        [program, "check", "metrics"], input=generate_latest(registry), capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_every_gauge_has_a_value_in_the_made_fleet() -> None:
    assert set(scraped(*made_fleet(NOW).values())) == {gauge.name for gauge in GAUGES}


def test_registering_asks_for_no_report() -> None:
    def reports() -> Mapping[str, ClusterReport]:
        pytest.fail("registering asked for reports")

    CollectorRegistry().register(FleetCollector(reports))


def test_a_cluster_that_never_answered_has_no_numbers_that_look_good() -> None:
    found = scraped(silent_report("far", NOW))
    assert values(found, "ctl_cluster_security_mode") == {("far",): -1}
    assert values(found, "ctl_cluster_info") == {("far", "unknown", "false"): 1}
    assert set(values(found, "ctl_collect_last_success_timestamp_seconds").values()) == {0}
    assert values(found, "ctl_collect_fault", source="axl") == {("far", "axl", "unreachable"): 1}
    for name in found:
        assert not name.startswith(("ctl_phones", "ctl_trust_list", "ctl_capf"))
    assert "ctl_cluster_nodes" not in found


def test_every_credential_has_a_value_for_each_kind_of_phone() -> None:
    found = values(scraped(good_report("branch", NOW)), "ctl_phones")
    kinds = {labels[2:] for labels in found}
    assert kinds == {("Encrypted", "8800"), ("Non Secure", "7800")}
    assert set(found) == {("branch", state.value, *kind) for state in CredentialState for kind in kinds}
    assert {labels: count for labels, count in found.items() if count} == {
        ("branch", "lsc", "Encrypted", "8800"): 120,
        ("branch", "none", "Non Secure", "7800"): 30,
    }


def test_a_cluster_without_phones_has_zeros() -> None:
    found = values(scraped(report("new", NOW, facts=FACTS)), "ctl_phones")
    assert found == {("new", state.value, "unknown", "unknown"): 0 for state in CredentialState}


def test_registrations_are_zeros_where_ris_answered_and_nothing_where_it_did_not() -> None:
    asked = values(scraped(report("a", NOW, facts=FACTS)), "ctl_phones_registered")
    assert asked == {
        ("a", status): 0 for status in ("Registered", "UnRegistered", "Rejected", "PartiallyRegistered", "Unknown")
    }
    assert "ctl_phones_registered" not in scraped(report("a", NOW, facts=FACTS, sources={}))


def test_only_open_findings_count() -> None:
    found = scraped(bad_report("hq", NOW))
    assert values(found, "ctl_findings") == {
        ("hq", "stale-ctl", "critical"): 1,
        ("hq", "list-not-taken", "warning"): 1,
        ("hq", "phones-unregistered", "warning"): 1,
        ("hq", "capf-failed", "warning"): 1,
        ("hq", "service-not-running", "critical"): 1,
        ("hq", "clock-unsynchronised", "warning"): 1,
        ("hq", "replication-broken", "warning"): 1,
        ("hq", "phone-list-old", "warning"): 1,
        ("hq", "tvs-unaware", "critical"): 1,
        ("hq", "enrolment-expired", "critical"): 1,
        ("hq", "enrolment-expiring", "warning"): 1,
        ("hq", "enrolment-missing", "warning"): 1,
    }
    assert values(found, "ctl_findings_concerned", code="phones-unregistered") == {
        ("hq", "phones-unregistered", "warning"): 900
    }
    assert values(found, "ctl_cluster_worst_severity") == {("hq",): 4}


@pytest.mark.parametrize(
    ("severities", "rank"),
    [
        ((), 0),
        ((FindingSeverity.INFO,), 1),
        ((FindingSeverity.INFO, FindingSeverity.UNKNOWN), 2),
        ((FindingSeverity.WARNING, FindingSeverity.UNKNOWN), 3),
        (tuple(FindingSeverity), 4),
    ],
)
def test_the_worst_finding_gives_a_cluster_its_rank(severities: tuple[FindingSeverity, ...], rank: int) -> None:
    findings = [stored(ClusterCode.LISTS_DIFFER, severity, str(place)) for place, severity in enumerate(severities)]
    found = scraped(report("hq", NOW, findings=findings))
    assert values(found, "ctl_cluster_worst_severity") == {("hq",): rank}


def test_expiring_lscs_have_every_limit_that_rules_ask_for() -> None:
    numbers = replace(NO_NUMBERS, lsc_expiring={30: 2, 365: 9})
    found = scraped(report("hq", NOW, facts=FACTS, numbers=numbers))
    assert values(found, "ctl_phones_lsc_expiring") == {
        ("hq", "30d"): 2,
        ("hq", "90d"): 2,
        ("hq", "180d"): 2,
        ("hq", "365d"): 9,
    }


def test_months_are_few_and_the_past_is_left_out() -> None:
    found = values(scraped(bad_report("hq", NOW)), "ctl_phones_lsc_ending")
    assert len(found) == MONTHS_AHEAD + 1
    assert {labels: count for labels, count in found.items() if count} == {("hq", "2026-12"): 40, ("hq", "later"): 1}


def test_what_is_too_many_is_counted_together() -> None:
    many = range(100)
    numbers = Numbers(
        phones={("lsc", f"mode{n}", f"family{n}"): 100 + n for n in many},
        registrations={f"status{n}": 1 for n in many},
        lsc_expiring={},
        lsc_by_issuer={f"CAPF-{n}": n for n in many},
        lsc_by_month={f"{2027 + n}-01": 1 for n in many},
        capf={("phone", f"status{n}"): 1 for n in many},
        not_taken={},
    )
    found = scraped(report("hq", NOW, facts=FACTS, numbers=numbers))
    issuers = values(found, "ctl_phones_lsc_by_issuer")
    assert len(issuers) == MAX_ISSUERS + 1
    assert sum(issuers.values()) == sum(many)
    assert issuers["hq", "other"] == sum(range(80))
    families = {labels[3] for labels in values(found, "ctl_phones")}
    assert len(families) == MAX_FAMILIES + 1
    assert sum(values(found, "ctl_phones").values()) == sum(100 + n for n in many)
    assert sum(values(found, "ctl_capf_operations").values()) == 100
    assert values(found, "ctl_phones_lsc_ending", month="later") == {("hq", "later"): 98}
    assert sum(len(rows) for rows in found.values()) < 2_000


def test_certificates_that_end_last_are_left_out_where_they_are_too_many() -> None:
    many = [certificate(f"node{n}", "tomcat", NOW + n * DAY) for n in range(MAX_CERTIFICATES + 7)]
    found = scraped(report("hq", NOW, certificates=many))
    shown = values(found, "ctl_certificate_not_after_timestamp_seconds")
    assert len(shown) == MAX_CERTIFICATES
    assert max(shown.values()) == NOW + (MAX_CERTIFICATES - 1) * DAY
    assert values(found, "ctl_certificates_left_out") == {("hq",): 7}


def test_of_the_trust_stores_only_anchors_are_shown() -> None:
    views = [
        certificate("pub", "CallManager", NOW, common_name="pub", issuer="Example CA", self_signed=False),
        certificate("pub", "CallManager-trust", NOW + 2, store="trust", common_name="Example CA", served=None),
        certificate("pub", "CallManager-trust", NOW + 1, store="trust", common_name="Cisco Manufacturing CA SHA2"),
        certificate("pub", "CAPF-trust", NOW + 3, store="trust", common_name="CAPF-1f2e3d4c"),
        certificate("pub", "CallManager-trust", NOW - 9, store="trust", common_name="sub1"),
    ]
    numbers = replace(NO_NUMBERS, lsc_by_issuer={"CAPF-1f2e3d4c": 1})
    found = scraped(report("hq", NOW, certificates=views, numbers=numbers))
    assert values(found, "ctl_certificate_not_after_timestamp_seconds", store="trust") == {
        ("hq", "pub", "CallManager-trust", "trust"): NOW + 1,
        ("hq", "pub", "CAPF-trust", "trust"): NOW + 3,
    }
    assert len(values(found, "ctl_certificate_info")) == 4
    assert values(found, "ctl_certificate_served_matches_installed") == {("hq", "pub", "CallManager"): 1}


def test_two_certificates_of_a_unit_count_by_the_worse_one() -> None:
    views = [
        certificate("pub", "CallManager", NOW + 5, serial="AA", served=False),
        certificate("pub", "CallManager", NOW + 2, serial="BB", served=True),
        certificate("pub", "CallManager", NOW + 2, serial="BB", served=None, client_auth=None),
    ]
    found = scraped(report("hq", NOW, certificates=views))
    assert list(values(found, "ctl_certificate_not_after_timestamp_seconds").values()) == [NOW + 2]
    assert list(values(found, "ctl_certificate_served_matches_installed").values()) == [0]
    assert {labels[-1] for labels in values(found, "ctl_certificate_info")} == {"true", "any"}


def test_a_list_has_one_verdict_and_says_nothing_that_is_not_known() -> None:
    found = scraped(bad_report("hq", NOW))
    verdicts = values(found, "ctl_trust_list_verdict", node="cucm-sub", type="itl")
    assert {labels[-1]: value for labels, value in verdicts.items()} == {
        "valid": 0,
        "self-consistent": 0,
        "stale": 0,
        "invalid": 0,
        "absent": 0,
        "undecided": 1,
    }
    for name in ("missing_certificates", "size_bytes", "signature_valid", "info", "records"):
        assert not values(found, f"ctl_trust_list_{name}", node="cucm-sub", type="itl")
    assert values(found, "ctl_trust_list_missing_certificates", type="ctl") == {
        ("hq", "cucm-pub", "ctl"): 0,
        ("hq", "cucm-sub", "ctl"): 2,
    }


@pytest.mark.parametrize("subject", ["", "pub", "pub/ctl"])
def test_a_list_that_was_not_compared_lacks_nothing_that_is_known(subject: str) -> None:
    findings = [stored(ClusterCode.LIST_NOT_COMPARED, FindingSeverity.UNKNOWN, subject)]
    found = scraped(report("hq", NOW, lists=[served_list("pub", "ctl", NOW)], findings=findings))
    assert "ctl_trust_list_missing_certificates" not in found
    assert values(found, "ctl_trust_list_size_bytes") == {("hq", "pub", "ctl"): 7166}


def test_a_list_without_a_signing_time_is_as_old_as_it_is_known() -> None:
    lists = [served_list("pub", "ctl", NOW, signed_at=None, first_seen=NOW - 3, size=None, records=None, signer=None)]
    found = scraped(report("hq", NOW, lists=lists))
    assert values(found, "ctl_trust_list_modified_timestamp_seconds") == {("hq", "pub", "ctl"): NOW - 3}
    assert values(found, "ctl_trust_list_info", signer="unknown")


def test_a_source_that_is_no_more_asked_has_no_interval() -> None:
    sources = {Source.RIS: SourceState(Source.RIS, None, NOW, Fault("credentials", "refused"))}
    found = scraped(report("hq", NOW, sources=sources, intervals={Source.AXL: 900}))
    assert values(found, "ctl_collect_interval_seconds") == {("hq", "axl"): 900}
    assert values(found, "ctl_collect_up") == {("hq", "ris"): 0}
    assert set(values(found, "ctl_collect_last_success_timestamp_seconds")) == {("hq", "axl"), ("hq", "ris")}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("CAPF\n-\x1b[31m\udcff", "CAPF\\x0a-\\x1b[31m\\udcff"),
        ('quo"te\\', 'quo"te\\'),
        ("", "unknown"),
        ("  ", "unknown"),
        ("\u202eevil", "\\u202eevil"),
    ],
)
def test_a_label_is_harmless(given: str, shown: str) -> None:
    numbers = replace(NO_NUMBERS, lsc_by_issuer={given: 3})
    found = scraped(report("hq", NOW, facts=FACTS, numbers=numbers))
    assert values(found, "ctl_phones_lsc_by_issuer") == {("hq", shown): 3}


def test_labels_that_are_cut_to_the_same_are_counted_together() -> None:
    long: dict[str, Any] = {"x" * 5_000 + "a": 1, "x" * 5_000 + "b": 2}
    found = scraped(report("hq", NOW, facts=FACTS, numbers=replace(NO_NUMBERS, lsc_by_issuer=long)))
    assert values(found, "ctl_phones_lsc_by_issuer") == {("hq", "x" * (MAX_LABEL_CHARACTERS - 1) + "…"): 3}


def test_what_nodes_say_of_themselves() -> None:
    found = scraped(bad_report("hq", NOW))
    assert values(found, "ctl_service_up") == {
        ("hq", "cucm-pub", "Cisco CallManager"): 1,
        ("hq", "cucm-sub", "Cisco Tftp"): 0,
    }
    assert values(found, "ctl_replication_state") == {("hq", "cucm-pub"): 2, ("hq", "cucm-sub"): 3}
    assert values(found, "ctl_ntp_synchronised") == {("hq", "cucm-pub"): 1, ("hq", "cucm-sub"): 0}
    assert values(found, "ctl_tvs_unaware") == {("hq", "cucm-pub"): 0, ("hq", "cucm-sub"): 2}
    assert values(found, "ctl_backup_last_success_timestamp_seconds") == {("hq",): NOW - 40 * DAY}


def test_what_nodes_do_not_tell_has_no_value() -> None:
    found = scraped(report("hq", NOW, facts=FACTS))
    nodes = ("ctl_service_up", "ctl_replication_state", "ctl_ntp_synchronised", "ctl_tvs_unaware")
    assert not {*nodes, "ctl_backup_last_success_timestamp_seconds"} & set(found)
    never = scraped(report("hq", NOW, numbers=replace(NO_NUMBERS, backup_at=0)))
    assert values(never, "ctl_backup_last_success_timestamp_seconds") == {("hq",): 0}


def test_every_state_of_a_list_has_a_value_where_pages_were_read() -> None:
    found = values(scraped(bad_report("hq", NOW)), "ctl_phone_list_hash")
    states = ("newest", "older", "foreign", "none", "unknown")
    assert set(found) == {("hq", kind, state) for kind in ("ctl", "itl") for state in states}
    assert {labels[1:]: count for labels, count in found.items() if count} == {
        ("ctl", "older"): 400,
        ("ctl", "foreign"): 12,
        ("itl", "newest"): 3000,
    }
    bare = replace(bad_report("hq", NOW), sources={})
    assert "ctl_phone_list_hash" not in scraped(bare)


def test_a_release_without_the_certificate_api_is_neither_down_nor_old() -> None:
    fault = Fault("unsupported", "no such path")
    api = SourceState(Source.CERTIFICATE_API, None, NOW, fault)
    found = scraped(report("hq", NOW, sources={Source.CERTIFICATE_API: api}, intervals={Source.CERTIFICATE_API: 3600}))
    assert "ctl_collect_up" not in found
    assert "ctl_collect_last_success_timestamp_seconds" not in found
    assert values(found, "ctl_collect_fault") == {("hq", "certificate-api", "unsupported"): 1}
    # Of any other source it is a failure like others.
    other = SourceState(Source.TVS, None, NOW, fault)
    assert values(scraped(report("hq", NOW, sources={Source.TVS: other})), "ctl_collect_up") == {("hq", "tvs"): 0}
