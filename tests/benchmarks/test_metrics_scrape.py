"""A scrape of a fleet whose clusters show as much as they may. A figure, never an assertion: `make bench`."""

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl.assess.model import ClusterCode, CredentialState, FindingSeverity
from ctlctl.inventory.values import ClusterFacts
from ctlctl.metrics.collector import FleetCollector
from ctlctl.service.hub import ClusterReport
from support.prometheus import NO_NUMBERS, certificate, report, served_list, stored

pytestmark = pytest.mark.bench

NOW = 1_795_000_000
# The largest cluster that CUCM supports: 21 nodes, and more TFTP nodes than anybody has.
NODES, TFTP_NODES = 21, 8
MODES = ("Non Secure", "Authenticated", "Encrypted")


def large(name: str) -> ClusterReport:
    phones = {
        (state.value, mode, f"family {n}"): 40_000 for state in CredentialState for mode in MODES for n in range(14)
    }
    return report(
        name,
        NOW,
        facts=ClusterFacts("15.0.1", "15.0", 1, lsc_columns=True),
        findings=[
            stored(code, FindingSeverity.WARNING, f"node{n}", n) for code in ClusterCode for n in range(TFTP_NODES)
        ],
        lists=[served_list(f"node{n}", kind, NOW) for n in range(TFTP_NODES) for kind in ("ctl", "itl")],
        certificates=[certificate(f"node{n}", f"unit{u}", NOW + u) for n in range(NODES) for u in range(10)],
        numbers=replace(
            NO_NUMBERS,
            phones=phones,
            lsc_by_issuer={f"CAPF-{n:08x}": n for n in range(12)},
            capf={("phone", f"Upgrade Failed: reason {n}"): n for n in range(38)},
        ),
    )


@pytest.mark.parametrize("clusters", [1, 10])
def test_a_scrape(benchmark: BenchmarkFixture, clusters: int) -> None:
    fleet = {f"cluster{n}": large(f"cluster{n}") for n in range(clusters)}
    registry = CollectorRegistry()
    registry.register(FleetCollector(lambda: fleet))
    text = benchmark(lambda: generate_latest(registry))
    benchmark.extra_info["bytes"] = len(text)
    benchmark.extra_info["series"] = sum(not line.startswith(b"#") for line in text.splitlines())
    assert text.count(b"ctl_cluster_info{") == clusters
