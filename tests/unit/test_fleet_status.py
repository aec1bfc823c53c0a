"""`ctlctl status` and `check`: only what was looked at just now is ever said to be in order."""

import shlex
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from ctlctl.fleet.check import nagios_lines
from ctlctl.fleet.statustext import status_lines
from ctlctl.inventory.words import Source
from support.command import called_with

NOW = 1_795_000_000
DAY = 86_400
#: A command that is longer than a line.
LONG = "ctlctl phone list hq --capf-status 'Operation Pending' --device-pool 'DP Berlin' --credential mic --within 30"


def well(**changes: object) -> dict[str, Any]:
    state = {"last_success": NOW - 60, "last_attempt": NOW - 60, "failing_since": None, "fault": None, "interval": 900}
    return {
        "name": "hq",
        "at": NOW - 60,
        "version": "14.0",
        "security_mode": 1,
        "nodes": [{}],
        "sources": {source.value: state for source in Source},
        "findings": [],
        "numbers": {"phones": 3, "credentials": {"lsc": 3}, "registrations": {"Registered": 3}},
        "lists": [],
        "rollouts": [],
        **changes,
    }


def text(answer: Mapping[str, Any], *, live: bool = True) -> str:
    lines = list(status_lines(answer, colour=False, live=live))
    assert all(len(line) <= 80 for line in lines)
    return "\n".join(lines)


def test_all_that_was_looked_at_is_well() -> None:
    said = text({"at": NOW, "clusters": [well()]})
    assert "ok         nothing critical, nothing to warn of, nothing unknown\n" in said
    assert said.endswith("1 cluster · nothing to report")
    assert nagios_lines({"at": NOW, "clusters": [well()]}, live=True)[0] == 0


def test_what_a_snapshot_says_is_never_ok() -> None:
    answer = {"at": NOW, "clusters": [well(at=NOW - 3 * DAY)]}
    said = text(answer, live=False)
    assert "UNKNOWN    all of this is as it was 3 d ago: no running ctld told it" in said
    assert "nothing critical" not in said
    assert said.endswith("1 cluster · 1 unknown")
    code, lines = nagios_lines(answer, live=False)
    assert code == 3
    assert lines[0] == "UNKNOWN - no running ctld told it | phones=3 critical=0 warning=0 unknown=1"
    assert lines[1] == "UNKNOWN: no running ctld told it: all of this is what it knew 3 d ago"


def test_a_snapshot_still_tells_the_worst_first() -> None:
    finding = {"code": "stale-ctl", "subject": "", "severity": "critical", "summary": "CTL lacks CallManager."}
    code, lines = nagios_lines({"at": NOW, "clusters": [well(findings=[finding])]}, live=False)
    assert (code, lines[0].split(" | ")[0]) == (2, "CRITICAL - hq: stale-ctl; no running ctld told it")


def test_a_cluster_that_nobody_has_looked_at_is_not_passed_over() -> None:
    answer = {"at": NOW, "clusters": [well()], "not_looked_at": ["branch"]}
    said = text(answer)
    assert "branch  in the settings, and not looked at yet" in said
    assert said.endswith("2 clusters · 1 unknown")
    code, lines = nagios_lines(answer, live=True)
    assert (code, "branch: not looked at yet" in lines[0]) == (3, True)


def test_sources_that_are_not_asked_are_named() -> None:
    sources = dict(well()["sources"])
    del sources["platform-cli"], sources["certificate-api"]
    said = text({"at": NOW, "clusters": [well(sources=sources)]})
    assert "  not asked  certificate-api, platform-cli\n" in said
    assert "ok         nothing critical, to warn of or unknown in what was asked" in said


def test_a_long_command_can_be_copied_as_it_stands() -> None:
    command = "ctlctl plan lsc renew headquarters --credential lsc-expired --security-mode Authenticated,Encrypted"
    finding = {"code": "lsc-expired", "subject": "", "severity": "critical", "summary": "8 phones.", "so_what": "Bad."}
    said = text({"at": NOW, "clusters": [well(findings=[{**finding, "opened_at": NOW, "do": ["Renew:", command]}])]})
    copied = said.split("→ ")[2].split("\n\n")[0]
    assert copied.count("\n") == copied.count(" \\\n") > 0
    assert copied.replace("\\\n", "").split() == command.split()


@pytest.mark.parametrize("config", [None, "lab/ctld.toml", "/home/kim/My Labs/with a rather long name/ctld.toml"])
def test_a_command_of_status_can_be_pasted_as_it_stands(config: str | None) -> None:
    finding: dict[str, Any] = {"code": "phones-on-mic", "subject": "", "severity": "warning", "opened_at": NOW - 60}
    finding |= {"summary": "12 phones.", "so_what": "They rely on it.", "do": [LONG, "Unlocked: ctlctl cert list hq"]}
    with called_with(config):
        lines = list(status_lines({"at": NOW, "clusters": [well(findings=[finding])]}, colour=False))
    begin = next(number for number, line in enumerate(lines) if "→ ctlctl" in line)
    told = "\n".join(lines[begin:]).partition("→ ")[2].partition("\n           →")[0]
    given = [] if config is None else ["--config", config]
    shell = ["sh", "-c", f"ctlctl() {{ printf '%s\\n' \"$@\"; }}\n{told}"]
    heard = subprocess.run(shell, capture_output=True, check=True, text=True).stdout.splitlines()
    assert heard == [*given, *shlex.split(LONG)[1:]]
    assert finding["do"][0] == LONG
