"""What the daemon counts of itself. Threads share it; a count costs microseconds and never fails a round."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from ctlctl.metrics.sheet import cleaned

#: Values of the label `kind` of store errors, those of `ctlctl.store.errors.StoreFault`. They are there from the start,
#: at 0: the first error of a series that was not there before would not be seen as an increase.
STORE_ERROR_KINDS: Final = ("disk-full", "locked", "corrupt", "newer-schema", "unusable")
# Seconds: from one call on loopback to 40,000 phones at 5 calls a minute.
_ROUND_SECONDS: Final = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


class Telemetry:
    """The daemon's own metrics.

    Args:
        registry: where they are registered; one of its own for each daemon, so that tests do not meet.
        version: of ctlctl.
        revision: of its source, "unknown" where it was not built from one.
    """

    def __init__(self, registry: CollectorRegistry, version: str, revision: str = "unknown") -> None:
        build = Gauge("ctld_build_info", "1, with what was built.", ("version", "revision"), registry=registry)
        build.labels(cleaned(version), cleaned(revision)).set(1)
        self._errors = Counter(
            "ctld_collect_errors", "Rounds that failed.", ("cluster", "source", "fault"), registry=registry
        )
        self._durations = Histogram(
            "ctld_collect_duration_seconds",
            "How long rounds took.",
            ("cluster", "source"),
            buckets=_ROUND_SECONDS,
            registry=registry,
        )
        self._requests = Counter("ctld_axl_requests", "Requests to AXL.", ("cluster", "op"), registry=registry)
        self._throttled = Counter(
            "ctld_axl_throttled", "Requests that AXL refused because it was busy.", ("cluster", "op"), registry=registry
        )
        self._reload_ok = Gauge(
            "ctld_config_last_reload_successful", "1 where settings were read when last asked to.", registry=registry
        )
        self._reload_at = Gauge(
            "ctld_config_last_reload_timestamp_seconds", "When settings were last read successfully.", registry=registry
        )
        self._beat = Gauge(
            "ctld_scheduler_heartbeat_timestamp_seconds", "When the scheduler last went round.", registry=registry
        )
        self._store = Counter("ctld_store_errors", "Trouble with the store.", ("kind",), registry=registry)
        for kind in STORE_ERROR_KINDS:
            self._store.labels(kind)
        self._enrolments = Counter(
            "ctl_enrolment_failures",
            "Attempts to renew a user's certificate that failed.",
            ("cluster", "enrolment", "reason"),
            registry=registry,
        )
        self._by_cluster = (self._errors, self._durations, self._requests, self._throttled, self._enrolments)
        ProcessCollector(registry=registry)

    def collected(self, cluster: str, source: str, seconds: float, fault: str | None) -> None:
        """Count a round of a source; ``fault`` is None where it succeeded."""
        self._durations.labels(cleaned(cluster), cleaned(source)).observe(seconds)
        if fault is not None:
            self._errors.labels(cleaned(cluster), cleaned(source), cleaned(fault)).inc()

    def axl_request(self, cluster: str, op: str) -> None:
        """Count a request to AXL."""
        self._requests.labels(cleaned(cluster), cleaned(op)).inc()

    def axl_throttled(self, cluster: str, op: str) -> None:
        """Count a request that AXL refused because it was busy."""
        self._throttled.labels(cleaned(cluster), cleaned(op)).inc()

    def enrolment_failed(self, cluster: str, enrolment: str, reason: str) -> None:
        """Count an attempt to renew a user's certificate that failed."""
        self._enrolments.labels(cleaned(cluster), cleaned(enrolment), cleaned(reason)).inc()

    def reloaded(self, *, ok: bool, at: float) -> None:
        """Say how reading the settings went; the instant stays that of the last success."""
        self._reload_ok.set(int(ok))
        if ok:
            self._reload_at.set(at)

    def beat(self, at: float) -> None:
        """Say that the scheduler went round."""
        self._beat.set(at)

    def store_error(self, kind: str) -> None:
        """Count trouble with the store."""
        self._store.labels(cleaned(kind)).inc()

    def forget(self, cluster: str) -> None:
        """Remove the series of a cluster that is no more in the settings."""
        for metric in self._by_cluster:
            metric.remove_by_labels({"cluster": cleaned(cluster)})
