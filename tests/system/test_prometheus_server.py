"""A real Prometheus scrapes a made fleet, evaluates the shipped rules and answers every query of the dashboards."""

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ctlctl.metrics.collector import FleetCollector
from ctlctl.metrics.telemetry import Telemetry
from support.prometheus import (
    DASHBOARDS,
    RULES,
    Prometheus,
    dashboard_queries,
    exposed,
    made_fleet,
    rollout_collector,
    rules_without_waiting,
    running_prometheus,
)

# What must be wrong with the clusters of `made_fleet`, and nothing else.
EXPECTED: dict[str, set[str]] = {
    "hq": {
        "CTLFileStale",
        "CTLTrustListSignatureInvalid",
        "CTLTrustListUnknown",
        "CTLTrustListNearSizeLimit",
        "CTLTrustListNotTaken",
        "CTLPhonesRelyOnMIC",
        "CTLPhonesMICSuspected",
        "CTLPhonesUnknown",
        "CTLPhonesLSCExpiring",
        "CTLPhonesUnregistered",
        "CTLCertificateExpiringSoon",
        "CTLCertificateExpiryImminent",
        "CTLTrustAnchorsExpireTogether",
        "CTLServedCertificateDiffers",
        "CTLCAPFFailed",
        "CTLServiceDown",
        "CTLReplicationBroken",
        "CTLClockUnsynchronised",
        "CTLBackupOld",
        "CTLPhonesHoldOldList",
        "CTLTVSUnaware",
        "CTLInventoryStale",
        "CTLSourceFailing",
        "CTLEnrolmentExpired",
        "CTLEnrolmentNotRenewed",
        "CTLRolloutHalted",
    },
    "branch": set(),
    "far": {
        "CTLInventoryStale",
        "CTLPhonesUnknown",
        "CTLSecurityModeUnknown",
        "CTLSourceFailing",
        "CTLTrustListUnknown",
        "CTLRolloutBehindDeadline",
        "CTLRolloutStuck",
    },
}


class Rounds(Collector):
    """Pretends that between two scrapes each cluster was asked once."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        for cluster in ("hq", "branch", "far"):
            self._telemetry.axl_request(cluster, "listPhone")
            self._telemetry.axl_throttled(cluster, "listPhone")
            self._telemetry.collected(cluster, "axl", 0.4, "timeout" if cluster == "far" else None)
        self._telemetry.beat(time.time())
        return ()


@contextmanager
def scraping(folder: Path) -> Iterator[Prometheus]:
    fleet = made_fleet(int(time.time()))
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1", "abc")
    telemetry.reloaded(ok=True, at=time.time())
    registry.register(Rounds(telemetry))
    registry.register(FleetCollector(lambda: fleet))
    registry.register(rollout_collector(int(time.time())))
    rules = rules_without_waiting(folder / "rules.yml")
    with exposed(registry) as target, running_prometheus(folder, rules, target) as started:
        yield started


def test_a_real_prometheus_fills_the_dashboards_and_raises_what_it_should(tmp_path: Path) -> None:
    # One test, for it takes seconds until Prometheus has scraped and evaluated twice.
    with scraping(tmp_path) as prometheus:
        for path in DASHBOARDS:
            every_query_has_an_answer(path, prometheus)
        values = prometheus.api("label/cluster/values", **{"match[]": "ctl_cluster_info"})
        assert values == sorted(EXPECTED)
        for cluster, expected in EXPECTED.items():
            found = prometheus.wait_for(
                partial(alerts_of, prometheus, cluster),
                until=expected.__eq__,
                what=f"alerts of {cluster}",
            )
            assert found == expected, cluster
        # A scrape that was missed is told of as well, until the next one.
        prometheus.wait_for(partial(alerts_of, prometheus, None), until=set().__eq__, what="no alert of no cluster")


def every_query_has_an_answer(path: Path, prometheus: Prometheus) -> None:
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for title, query in dashboard_queries(dashboard):
        # Where a dashboard shows all clusters, so does the test.
        clusters = ".*" if 'cluster=~"$cluster"' in query else "hq"
        expression = query.replace("$__rate_interval", "30s").replace("$cluster", clusters)
        assert "$" not in expression, title
        prometheus.wait_for(partial(prometheus.query, expression), what=f"{title}: {expression}")
    for panel in dashboard["panels"]:
        if panel["type"] == "table":
            every_row_is_one(panel, prometheus)


def every_row_is_one(panel: dict[str, Any], prometheus: Prometheus) -> None:
    """Grafana joins rows by all the labels that its queries share: one label more, and a thing has two rows."""
    told = panel["transformations"][-1]["options"]
    each = []
    for target in panel["targets"]:
        asked = target["expr"].replace("$cluster", ".*" if 'cluster=~"$cluster"' in target["expr"] else "hq")
        found = prometheus.wait_for(partial(prometheus.query, asked), what=f"{panel['title']}: {asked}")
        series = [one["metric"] for one in found]
        kinds = {frozenset(one) for one in series}
        assert len(kinds) == 1, (panel["title"], asked, kinds)
        each.append(kinds.pop())
        # What is hidden must not be all that tells rows apart.
        seen = sorted(each[-1].difference(told["excludeByName"]))
        assert set(seen) <= told["renameByName"].keys()
        assert len({tuple(one[name] for name in seen) for one in series}) == len(series), (panel["title"], asked)
    assert frozenset.intersection(*each) in {one - {"__name__"} for one in each} | set(each), panel["title"]


def alerts_of(prometheus: Prometheus, cluster: str | None) -> set[str]:
    labels = [alert["labels"] for alert in prometheus.alerts()]
    return {one["alertname"] for one in labels if one.get("cluster") == cluster}


def test_rules_without_waiting_differ_from_the_shipped_ones_in_nothing_else(tmp_path: Path) -> None:
    hasty = rules_without_waiting(tmp_path / "rules.yml").read_text(encoding="utf-8")
    shipped = RULES.read_text(encoding="utf-8")
    changed = [(one, two) for one, two in zip(shipped.splitlines(), hasty.splitlines(), strict=True) if one != two]
    assert changed
    assert all(re.fullmatch(r" +for: \d+[mh]", one) and two.endswith("for: 0s") for one, two in changed)
