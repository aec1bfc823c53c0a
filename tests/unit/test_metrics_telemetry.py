"""What the daemon counts of itself."""

from prometheus_client import CollectorRegistry, generate_latest

from ctlctl.metrics.telemetry import STORE_ERROR_KINDS, Telemetry
from ctlctl.store.errors import StoreFault


def test_it_counts_rounds_by_source_and_failures_by_reason() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1", "abc")
    telemetry.collected("hq", "axl", 3.0, None)
    telemetry.collected("hq", "axl", 4.0, "timeout")
    source = {"cluster": "hq", "source": "axl"}
    assert registry.get_sample_value("ctld_collect_duration_seconds_count", source) == 2
    assert registry.get_sample_value("ctld_collect_duration_seconds_sum", source) == 7
    assert registry.get_sample_value("ctld_collect_errors_total", {**source, "fault": "timeout"}) == 1


def test_it_counts_requests_to_axl_and_refusals() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1")
    telemetry.axl_request("hq", "listPhone")
    telemetry.axl_request("hq", "listPhone")
    telemetry.axl_throttled("hq", "listPhone")
    labels = {"cluster": "hq", "op": "listPhone"}
    assert registry.get_sample_value("ctld_axl_requests_total", labels) == 2
    assert registry.get_sample_value("ctld_axl_throttled_total", labels) == 1


def test_a_reload_that_failed_leaves_the_instant_of_the_last_success() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1")
    telemetry.reloaded(ok=True, at=1000.0)
    assert registry.get_sample_value("ctld_config_last_reload_successful") == 1
    telemetry.reloaded(ok=False, at=2000.0)
    assert registry.get_sample_value("ctld_config_last_reload_successful") == 0
    assert registry.get_sample_value("ctld_config_last_reload_timestamp_seconds") == 1000


def test_what_else_it_says() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1", "abc")
    telemetry.beat(1234.5)
    assert registry.get_sample_value("ctld_build_info", {"version": "0.1", "revision": "abc"}) == 1
    assert registry.get_sample_value("ctld_scheduler_heartbeat_timestamp_seconds") == 1234.5
    assert registry.get_sample_value("process_resident_memory_bytes") is not None


def test_trouble_with_the_store_is_counted_from_zero_by_kind() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1")
    assert set(STORE_ERROR_KINDS) == set(StoreFault)
    for kind in StoreFault:
        assert registry.get_sample_value("ctld_store_errors_total", {"kind": kind.value}) == 0
    telemetry.store_error(StoreFault.DISK_FULL)
    assert registry.get_sample_value("ctld_store_errors_total", {"kind": "disk-full"}) == 1


def test_a_cluster_that_is_gone_leaves_no_series() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1")
    for cluster in ("hq", "branch"):
        telemetry.collected(cluster, "axl", 1.0, "timeout")
        telemetry.axl_request(cluster, "getPhone")
        telemetry.axl_throttled(cluster, "getPhone")
    telemetry.forget("hq")
    telemetry.forget("never-there")
    shown = generate_latest(registry).decode()
    assert 'cluster="hq"' not in shown
    assert 'cluster="branch"' in shown


def test_two_daemons_do_not_meet() -> None:
    Telemetry(CollectorRegistry(), "0.1")
    Telemetry(CollectorRegistry(), "0.1")
