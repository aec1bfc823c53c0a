"""Each situation of the lab, through the daemon and a real Prometheus: exactly its findings and alerts."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctlctl_lab.scenarios import SCENARIOS, apply_scenario
from support.prometheus import (
    DASHBOARDS,
    Prometheus,
    dashboard_queries,
    rules_without_waiting,
    running_prometheus,
)
from support.runninglab import small_lab
from support.tlsservers import free_port
from support.watching import PATIENCE, Watched, eventually, watching

#: What each scenario raises: findings of severity critical, warning or unknown, and alerts.
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "healthy": (set(), set()),
    "non-secure": ({"security-mode-changed"}, {"CTLSecurityModeChanged"}),
    "mic-only": ({"phones-mic-suspected"}, {"CTLPhonesMICSuspected"}),
    "lsc-cliff": (
        {"lsc-cliff", "lsc-expiring", "lsc-expired"},
        {"CTLLSCCliff", "CTLPhonesLSCExpired", "CTLPhonesLSCExpiring"},
    ),
    "stale-ctl": ({"stale-ctl"}, {"CTLFileStale"}),
    "anchors-together": (
        {"stale-ctl", "list-continuity-broken lab-pub/itl", "list-continuity-broken lab-sub1/itl"},
        {"CTLFileStale", "CTLTrustListContinuityBroken"},
    ),
    "locked-out": (
        {
            "list-continuity-broken lab-pub/ctl",
            "list-continuity-broken lab-pub/itl",
            "list-continuity-broken lab-sub1/ctl",
            "list-continuity-broken lab-sub1/itl",
            "phones-unregistered",
        },
        {"CTLPhonesUnregistered", "CTLTrustListContinuityBroken"},
    ),
    "token-ctl": ({"ctl-token-signed"}, {"CTLTokenSigned"}),
    "throttled": (set(), set()),
    "node-down": ({"port-silent lab-sub2", "source-failing ris"}, {"CTLPortSilent", "CTLSourceFailing"}),
    "renewed-not-restarted": (
        {f"renewed-not-restarted {node}/tomcat" for node in ("lab-pub", "lab-sub1", "lab-sub2")},
        {"CTLServedCertificateDiffers"},
    ),
    "replication-broken": ({"replication-broken lab-sub2"}, {"CTLReplicationBroken"}),
    "backup-old": ({"backup-old"}, {"CTLBackupOld"}),
    "tvs-missing": ({"tvs-unaware lab-sub2"}, {"CTLTVSUnaware"}),
}
#: A quarter of them each, so that processors share the work.
QUARTERS = tuple(tuple(SCENARIOS)[number::4] for number in range(4))
#: Panels that have something to show on worse days only.
NOTHING_TO_SHOW = {"Rounds that fail", "AXL: requests and refusals", "Certificates of users, first end first"}
#: Findings that are no more than worth knowing, wherever they turn up.
WORTH_KNOWING = {"list-not-taken ctl", "list-not-taken itl", "cluster-busy"}


@contextmanager
def watched_on(port: int, directory: Path, nodes: int = 3) -> Iterator[Watched]:
    """Run a lab and a daemon whose metrics are on a port that Prometheus knows."""
    with small_lab(directory, phones=60, nodes=nodes) as lab:
        text = lab.settings.read_text()
        lines = [f'listen = "127.0.0.1:{port}"' if line.startswith("listen") else line for line in text.splitlines()]
        lab.settings.write_text("\n".join(lines) + "\n")
        with watching(lab) as watched:
            yield watched


def alerts_of(prometheus: Prometheus) -> set[str]:
    return {alert["labels"]["alertname"] for alert in prometheus.alerts() if alert["state"] == "firing"}


def settled_alerts(prometheus: Prometheus, since: float, expected: set[str]) -> set[str]:
    """Return the alerts after Prometheus has seen an assessment that is newer than an instant, and judged it.

    A machine that stands still for a while misses scrapes, and an alert about that goes by itself: it is looked at
    again until the alerts are as expected, and stay so.
    """
    newer = f"ctl_cluster_assessed_timestamp_seconds >= {int(since)}"
    eventually(lambda: bool(prometheus.query(newer)), "a scrape of the newest assessment")
    end, as_expected = time.monotonic() + PATIENCE, 0
    while True:
        # Two rounds of rules: recording rules first, then alerts that go by them.
        time.sleep(1.25)
        found = alerts_of(prometheus)
        as_expected = as_expected + 1 if found == expected else 0
        if as_expected == 2 or time.monotonic() > end:
            return found


def dashboards_without_data(prometheus: Prometheus) -> set[str]:
    """Execute every query of the dashboards; return the panels that have nothing to show."""
    empty = set()
    for path in DASHBOARDS:
        for title, query in dashboard_queries(json.loads(path.read_text(encoding="utf-8"))):
            clusters = ".*" if 'cluster=~"$cluster"' in query else "lab"
            expression = query.replace("$__rate_interval", "30s").replace("$cluster", clusters)
            # No scenario has a rollout: its queries are good, and give nothing.
            if not prometheus.query(expression) and path.stem != "rollout":
                empty.add(title)
    return empty


def test_every_scenario_is_expected_to_raise_something_or_nothing() -> None:
    assert EXPECTED.keys() == SCENARIOS.keys()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("names", QUARTERS, ids=["first", "second", "third", "fourth"])
def test_each_scenario_raises_exactly_its_own(tmp_path: Path, names: tuple[str, ...]) -> None:
    port = free_port()
    rules = rules_without_waiting(tmp_path / "rules.yml")
    (tmp_path / "prometheus").mkdir()
    found: dict[str, tuple[set[str], set[str]]] = {}
    known: set[str] = set()
    with running_prometheus(tmp_path / "prometheus", rules, f"127.0.0.1:{port}") as prometheus:
        for name in names:
            with watched_on(port, tmp_path / name) as watched:
                # It was in good health when it was looked at first: that is how situations come.
                apply_scenario(watched.lab.world, watched.lab.plan.world, name)
                since = time.time()
                watched.refresh()
                findings = watched.findings()
                known |= {key for key, severity in findings.items() if severity == "info"}
                serious = {key for key, severity in findings.items() if severity != "info"}
                found[name] = serious, settled_alerts(prometheus, since, EXPECTED[name][1])
                if name == "stale-ctl":
                    # What a missed scrape leaves out comes with the next.
                    eventually(lambda: dashboards_without_data(prometheus) <= NOTHING_TO_SHOW, "no panel is empty")
                if name == "locked-out":
                    # The old lists are taken back, and no phone took the others: nobody is in danger any more.
                    apply_scenario(watched.lab.world, watched.lab.plan.world, "healthy")
                    watched.refresh()
                    known |= watched.findings().keys()
    assert found == {name: EXPECTED[name] for name in names}
    assert known <= WORTH_KNOWING
