"""Rules, dashboards, runbook and metrics page speak of the same metrics, alerts and codes as the program."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ctlctl.assess.model import ClusterCode
from ctlctl.metrics.catalogue import GAUGES
from ctlctl.metrics.rollouts import ROLLOUT_GAUGES
from ctlctl.metrics.telemetry import Telemetry
from support.prometheus import DASHBOARDS, PROMETHEUS, RULES, dashboard_queries, rollout_collector
from support.vectors import ROOT

RUNBOOK = ROOT / "docs" / "runbook.md"
PAGE = ROOT / "docs" / "metrics.md"
OURS = re.compile(r"(?<![\w:])ctld?_[a-z0-9_]+")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def rules() -> dict[str, str]:
    """Return each alert's lines."""
    blocks = re.split(r"(?m)^      - (?=alert: |record: )|^  - name: ", text_of(RULES))
    return {
        found[1]: block for block in blocks if (found := re.match(r"alert: (\w+)$", block, re.MULTILINE)) is not None
    }


def known_metrics() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return type and labels of every metric, by the name that a query uses."""
    registry = CollectorRegistry()
    telemetry = Telemetry(registry, "0.1")
    telemetry.collected("hq", "axl", 1.0, "timeout")
    telemetry.axl_request("hq", "getPhone")
    telemetry.axl_throttled("hq", "getPhone")
    telemetry.enrolment_failed("hq", "recorder", "refused")
    found: dict[str, tuple[str, tuple[str, ...]]] = {gauge.name: ("gauge", gauge.labels) for gauge in GAUGES}
    for gauge in ROLLOUT_GAUGES:
        found[gauge.name] = "gauge", gauge.labels
    registry.register(rollout_collector(1))
    for family in registry.collect():
        if family.name in found:
            continue
        if family.name.startswith(("ctl_", "ctld_")):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = tuple(label for label in family.samples[0].labels if label != "le")
            found[name] = family.type, labels
    return found


def test_the_page_lists_every_metric_with_type_and_labels_and_no_other() -> None:
    rows = re.findall(r"(?m)^\| `(ctld?_\w+)` \| (\w+) \| ([^|]+) \| .+ \|$", text_of(PAGE))
    listed = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert len(listed) == len(rows)
    assert listed == known_metrics()


def test_the_page_lists_every_recording_rule() -> None:
    assert set(re.findall(r"`(cluster:\w+:\w+)`", text_of(PAGE))) == set(re.findall(r"record: (\S+)", text_of(RULES)))


@pytest.mark.parametrize(
    "path", [RULES, PROMETHEUS / "ctlctl.rules.test.yml", RUNBOOK, *DASHBOARDS], ids=lambda p: p.name
)
def test_nothing_speaks_of_a_metric_that_is_not_there(path: Path) -> None:
    known = known_metrics()
    histograms = {f"{name}_bucket" for name, (kind, _) in known.items() if kind == "histogram"}
    # With a colon before it, it is part of the name of a recording rule.
    assert set(OURS.findall(text_of(path))) <= known.keys() | histograms


def test_a_dashboard_uses_only_recording_rules_that_are_there() -> None:
    recorded = set(re.findall(r"record: (\S+)", text_of(RULES)))
    for path in DASHBOARDS:
        assert set(re.findall(r"cluster:\w+:\w+", text_of(path))) <= recorded


def test_every_alert_has_a_section_in_the_runbook_and_the_other_way_round() -> None:
    assert re.findall(r"(?m)^### (\S+)$", text_of(RUNBOOK)) == list(rules())


def test_a_section_of_the_runbook_says_all_that_it_should() -> None:
    for section in re.split(r"(?m)^### ", text_of(RUNBOOK))[1:]:
        for part in ("For phones:", "To make sure:", "What to do:", "What not to do:", "It ends"):
            assert f"**{part}" in section, (section.splitlines()[0], part)


@pytest.mark.parametrize("name", rules())
def test_an_alert_says_what_it_should(name: str) -> None:
    block = rules()[name]
    assert re.search(r"(?m)^          severity: (critical|warning)$", block)
    assert re.search(r"(?m)^          summary: '.+\.'$", block)
    assert re.search(r"(?m)^          description: '.+\.'$", block)
    assert f"runbook_url: docs/runbook.md#{name.lower()}\n" in block
    section = re.split(rf"(?m)^### {name}$", text_of(RUNBOOK))[1].partition("\n###")[0]
    severity, wait = re.findall(r"(?m)^ +(?:severity|for): (\S+)$", block)[::-1]
    assert f"*{severity}*, {'at once' if wait == '0m' else 'after ' + wait}" in section


def test_every_code_of_a_finding_reaches_an_alert() -> None:
    named = {code for block in rules().values() for line in re.findall(r"codes: (.+)", block) for code in line.split()}
    assert named <= {code.value for code in ClusterCode}
    (excepted,) = re.findall(r'code!~"([^"]+)"', rules()["CTLOtherFinding"])
    # What has no alert of its own falls to the last one.
    assert set(excepted.split("|")) == named


def test_codes_that_an_alert_asks_for_are_codes() -> None:
    asked = {code for found in re.findall(r'code=~?"([^"]+)"', text_of(RULES)) for code in found.split("|")}
    assert asked <= {code.value for code in ClusterCode}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_a_dashboard_is_whole(path: Path) -> None:
    dashboard = json.loads(text_of(path))
    assert dashboard["schemaVersion"] >= 38
    assert {panel["type"] for panel in dashboard["panels"]} <= {"stat", "table", "timeseries", "bargauge"}
    assert all(panel["description"] for panel in dashboard["panels"])
    assert "cluster" in {variable["name"] for variable in dashboard["templating"]["list"]}
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert dashboard_queries(dashboard)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells
