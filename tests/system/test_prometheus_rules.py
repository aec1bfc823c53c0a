"""Prometheus' and Alertmanager's own tools read what is shipped for them, and every alert is tested both ways."""

import re
import subprocess
from collections import defaultdict

import pytest

from support.programs import require_program
from support.prometheus import ALERTMANAGER, PACKAGE, PROMETHEUS, RULES

AMTOOL_PACKAGE = "prometheus-alertmanager"


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "rules", "ctlctl.rules.yml"),
        ("test", "rules", "ctlctl.rules.test.yml"),
        ("check", "config", "prometheus.example.yml"),
    ],
    ids=" ".join,
)
def test_promtool_has_nothing_to_object(words: tuple[str, ...]) -> None:
    done = run(require_program("promtool", PACKAGE), *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_amtool_has_nothing_to_object() -> None:
    done = run(require_program("amtool", AMTOOL_PACKAGE), "check-config", str(ALERTMANAGER))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=CTLFileStale", "severity=critical", "cluster=hq"), "voice-on-call"),
        (("alertname=CTLPhonesRelyOnMIC", "severity=warning", "cluster=hq"), "voice-mail"),
    ],
)
def test_an_alert_goes_to_who_should_have_it(labels: tuple[str, ...], receiver: str) -> None:
    program = require_program("amtool", AMTOOL_PACKAGE)
    done = run(program, "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert (done.returncode, done.stdout.strip()) == (0, receiver), done.stderr


def test_every_alert_is_tested_both_ways() -> None:
    alerts = set(re.findall(r"(?m)^ +- alert: (\w+)$", RULES.read_text(encoding="utf-8")))
    tests = (PROMETHEUS / "ctlctl.rules.test.yml").read_text(encoding="utf-8")
    ways: dict[str, set[bool]] = defaultdict(set)
    for name, expected in re.findall(r"(?m)^ +alertname: (\w+)\n +exp_alerts:( \[\])?$", tests):
        ways[name].add(not expected)
    assert dict(ways) == {name: {True, False} for name in alerts}
