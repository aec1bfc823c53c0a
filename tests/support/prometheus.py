"""Hand-made reports of a fleet, and a real Prometheus that scrapes what they become."""

import json
import re
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from ctlctl.assess.model import (
    Assessment,
    CertificateView,
    ClusterCode,
    Finding,
    FindingSeverity,
    ListView,
    Numbers,
)
from ctlctl.inventory.enrolments import EnrolmentFact
from ctlctl.inventory.values import CapfProfileFact, ClusterFacts, NodeFact, Snapshot, SourceState
from ctlctl.inventory.words import Fault, Source
from ctlctl.metrics.rollouts import RolloutCollector
from ctlctl.service.hub import ClusterReport
from ctlctl.store.values import StoredFinding
from support.programs import require_program
from support.tlsservers import free_port
from support.vectors import ROOT

PROMETHEUS = ROOT / "config" / "prometheus"
RULES = PROMETHEUS / "ctlctl.rules.yml"
DASHBOARDS = tuple(ROOT / "config" / "grafana" / f"{name}.json" for name in ("fleet", "cluster", "rollout"))
ALERTMANAGER = ROOT / "config" / "alertmanager" / "alertmanager.example.yml"
#: Debian package of Prometheus' programs.
PACKAGE = "prometheus"
DAY = 86_400
# A loaded machine starts Prometheus in some seconds; whoever waits longer has found a fault.
_PATIENCE_SECONDS = 60
_T = TypeVar("_T")

INTERVALS = {
    Source.AXL: 900,
    Source.RIS: 900,
    Source.TRUST_LISTS: 300,
    Source.TLS_PORTS: 1800,
    Source.PHONE_TLS: 3600,
}
NO_NUMBERS = Numbers({}, {}, {}, {}, {}, {}, {})


def stored(
    code: ClusterCode, severity: FindingSeverity, subject: str = "", count: int | None = None, closed: int | None = None
) -> StoredFinding:
    """Return a finding as the store has it."""
    return StoredFinding(Finding(code, severity, subject, "It is so.", "It matters.", (), {}, count), 1, 1, closed)


def certificate(node: str, unit: str, not_after: int, **changes: Any) -> CertificateView:  # noqa: ANN401 - any field
    """Return a certificate of a node, self-signed and served unless said otherwise."""
    fields: dict[str, Any] = {
        "store": "identity",
        "common_name": node,
        "issuer": node,
        "serial": "6D",
        "key": "RSA-2048",
        "not_before": 0,
        "self_signed": True,
        "client_auth": True,
        "sha256": "ab" * 32,
        "sources": (Source.AXL,),
        "served": True,
        **changes,
    }
    return CertificateView(node=node, unit=unit, not_after=not_after, **fields)


def served_list(node: str, kind: Any, now: int, **changes: Any) -> ListView:  # noqa: ANN401 - any field
    """Return a list that is as it should be unless said otherwise."""
    fields: dict[str, Any] = {
        "verdict": "valid",
        "sha256": "9f3c" * 16,
        "size": 7166,
        "records": 12,
        "signed_at": now - 90 * DAY,
        "signer": "ITLRECOVERY_cucm-pub",
        "first_seen": now - 80 * DAY,
        "continuity": "continuous",
        "signature_valid": True,
        **changes,
    }
    return ListView(node=node, kind=kind, **fields)


def report(
    name: str,
    now: int,
    *,
    facts: ClusterFacts | None = None,
    findings: Sequence[StoredFinding] = (),
    lists: Sequence[ListView] = (),
    certificates: Sequence[CertificateView] = (),
    numbers: Numbers = NO_NUMBERS,
    sources: Mapping[Source, SourceState] | None = None,
    intervals: Mapping[Source, int] = INTERVALS,
    lab: bool = False,
    said: Snapshot | None = None,
    enrolments: Sequence[EnrolmentFact] = (),
) -> ClusterReport:
    """Return a report; sources that are not given have just succeeded."""
    good = {source: SourceState(source, now - 60, now - 60) for source in Source}
    assessment = Assessment(
        name, now, tuple(one.finding for one in findings), (), tuple(lists), tuple(certificates), numbers
    )
    return ClusterReport(
        name=name,
        lab=lab,
        facts=facts,
        sources=good if sources is None else sources,
        nodes=(NodeFact("cucm-pub", "Publisher", "CUCM Voice/Video", frozenset({"Cisco Tftp"})),),
        profiles=(CapfProfileFact("end-user", "{1}", "kim", "1", None, None, "", now),),
        said=replace(said or Snapshot(name, facts, (), {}, (), (), 0, (), (), (), ()), enrolments=tuple(enrolments)),
        assessment=assessment,
        findings=tuple(findings),
        intervals=intervals,
        changed_at=now,
    )


def month_of(instant: int) -> str:
    """Return the month of an instant as reports have it."""
    return time.strftime("%Y-%m", time.gmtime(instant))


def enrolment(name: str, not_after: int, verdict: str = "not-due", **changes: Any) -> EnrolmentFact:  # noqa: ANN401
    """Return a user's certificate that ctld keeps fresh."""
    fields: dict[str, Any] = {"usable_until": not_after, "last_renewal": not_after - 400 * DAY, **changes}
    return EnrolmentFact(name, "recorder", "jtapi-1", not_after=not_after, verdict=verdict, **fields)


def good_report(name: str, now: int) -> ClusterReport:
    """Return a cluster in mixed mode with which all is well."""
    return report(
        name,
        now,
        facts=ClusterFacts("14.0.1.13900-155", "14.0", 1, lsc_columns=True),
        findings=[stored(ClusterCode.LIST_SURPLUS, FindingSeverity.INFO, "cucm-pub/ctl")],
        lists=[served_list("cucm-pub", "ctl", now), served_list("cucm-pub", "itl", now)],
        enrolments=[enrolment("attendant", now + 300 * DAY)],
        certificates=[
            certificate("cucm-pub", "CallManager", now + 900 * DAY),
            certificate("cucm-pub", "TVS", now + 1200 * DAY),
        ],
        numbers=Numbers(
            phones={("lsc", "Encrypted", "8800"): 120, ("none", "Non Secure", "7800"): 30},
            registrations={"Registered": 148, "UnRegistered": 2},
            lsc_expiring={30: 0, 90: 0, 180: 0, 365: 4},
            lsc_by_issuer={"CAPF-1f2e3d4c": 120},
            lsc_by_month={month_of(now + 300 * DAY): 4, month_of(now + 900 * DAY): 116},
            capf={("phone", "Upgrade Success"): 120, ("phone", "None"): 30},
            not_taken={"ctl": 0, "itl": 0},
            list_hashes={("ctl", "newest"): 118, ("itl", "newest"): 118, ("itl", "unknown"): 30},
            services={("cucm-pub", "Cisco CallManager"): True, ("cucm-pub", "Cisco Tftp"): True},
            replication={"cucm-pub": 2},
            clocks={"cucm-pub": True},
            backup_at=now - 20 * 3600,
            tvs_unaware={"cucm-pub": 0},
        ),
    )


def bad_report(name: str, now: int) -> ClusterReport:
    """Return a cluster with which hardly anything is well."""
    return report(
        name,
        now,
        facts=ClusterFacts("12.5.1.11900-146", "12.5", 1, lsc_columns=True, throttled=3),
        findings=[
            stored(ClusterCode.STALE_CTL, FindingSeverity.CRITICAL, "cucm-sub/ctl", 2),
            stored(ClusterCode.LIST_NOT_TAKEN, FindingSeverity.WARNING, "ctl", 412),
            stored(ClusterCode.PHONES_UNREGISTERED, FindingSeverity.WARNING, "", 900),
            stored(ClusterCode.CAPF_FAILED, FindingSeverity.WARNING, "phone", 5),
            stored(ClusterCode.SERVICE_NOT_RUNNING, FindingSeverity.CRITICAL, "cucm-sub/Cisco Tftp"),
            stored(ClusterCode.CLOCK_UNSYNCHRONISED, FindingSeverity.WARNING, "cucm-sub"),
            stored(ClusterCode.REPLICATION_BROKEN, FindingSeverity.WARNING, "cucm-sub"),
            stored(ClusterCode.PHONE_LIST_OLD, FindingSeverity.WARNING, "ctl", 412),
            stored(ClusterCode.ENROLMENT_EXPIRED, FindingSeverity.CRITICAL, "recorder"),
            stored(ClusterCode.ENROLMENT_EXPIRING, FindingSeverity.WARNING, "dialer", 4),
            stored(ClusterCode.ENROLMENT_MISSING, FindingSeverity.WARNING, "console"),
            stored(ClusterCode.TVS_UNAWARE, FindingSeverity.CRITICAL, "cucm-sub", 2),
            stored(ClusterCode.LSC_EXPIRED, FindingSeverity.CRITICAL, "", 7, closed=now - 5),
        ],
        lists=[
            served_list("cucm-pub", "ctl", now, size=60_000),
            served_list("cucm-sub", "ctl", now, verdict="stale", missing=("CallManager of cucm-sub", "CAPF-9f3ab21c")),
            served_list("cucm-pub", "itl", now, verdict="invalid", signature_valid=False, surplus=("TVS of gone",)),
            ListView("cucm-sub", "itl", "undecided"),
        ],
        enrolments=[
            enrolment("recorder", now - DAY, "due", failure="expired", words="It has ended."),
            enrolment("dialer", now + 40 * DAY, "due", failure="refused", failures=4, words="CAPF said no."),
            EnrolmentFact("console", "console", "1", failure="no-credential", words="There is none."),
        ],
        certificates=[
            certificate("cucm-pub", "CallManager", now + 60 * DAY, served=False),
            certificate("cucm-pub", "TVS", now + 70 * DAY),
            certificate("cucm-sub", "tomcat", now - DAY, issuer="Example Issuing CA", self_signed=False),
            certificate(
                "cucm-pub", "CAPF-trust", now + 9 * DAY, store="trust", common_name="CAPF-9f3ab21c", served=None
            ),
        ],
        numbers=Numbers(
            phones={
                ("mic", "Encrypted", "7900"): 212,
                ("mic-suspected", "Authenticated", "7900"): 11,
                ("lsc-expiring", "Encrypted", "8800"): 40,
                ("unknown", "Encrypted", "8800"): 3,
            },
            registrations={"Registered": 3000, "UnRegistered": 900, "NotAsked": 12},
            lsc_expiring={30: 5, 90: 40, 180: 40, 365: 40},
            lsc_by_issuer={"CAPF-9f3ab21c": 40},
            lsc_by_month={"earlier": 3, "2019-02": 2, month_of(now + 20 * DAY): 40, "later": 1},
            capf={("phone", "Upgrade Failed: Invalid LSC"): 5, ("enduser", "Operation Pending"): 1},
            not_taken={"ctl": 412, "itl": 0},
            retired=17,
            list_hashes={("ctl", "older"): 400, ("ctl", "foreign"): 12, ("itl", "newest"): 3000},
            services={("cucm-pub", "Cisco CallManager"): True, ("cucm-sub", "Cisco Tftp"): False},
            replication={"cucm-pub": 2, "cucm-sub": 3},
            clocks={"cucm-pub": True, "cucm-sub": False},
            backup_at=now - 40 * DAY,
            tvs_unaware={"cucm-pub": 0, "cucm-sub": 2},
        ),
        sources={
            **{source: SourceState(source, now - 60, now - 60) for source in Source if source is not Source.RIS},
            Source.RIS: SourceState(
                Source.RIS, now - 8 * 3600, now, Fault("timeout", "it took too long"), now - 7 * 3600
            ),
        },
    )


def silent_report(name: str, now: int) -> ClusterReport:
    """Return a cluster that has never answered."""
    fault = Fault("unreachable", "no connection")
    return report(name, now, sources={source: SourceState(source, None, now, fault, now - 600) for source in Source})


def made_fleet(now: int) -> dict[str, ClusterReport]:
    """Return a cluster of each sort."""
    made = bad_report("hq", now), good_report("branch", now), silent_report("far", now)
    return {one.name: one for one in made}


def rollout(cluster: str, plan: str, now: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    """Return the document of a rollout that goes well unless said otherwise."""
    return {
        "number": 1,
        "plan": plan,
        "cluster": cluster,
        "started_at": now - 7200,
        "ended_at": None,
        "mode": "running",
        "mode_since": now - 7200,
        "halt": None,
        "words": "",
        "window_closes": now + 3 * 3600,
        "counts": {"planned": 300, "waiting": 12, "done": 88},
        "phones": 400,
        "failures": {},
        "pace": 2.5,
        "live": True,
        "hold": "full",
        "deadline": now + 5 * DAY,
        "finish": now + 2 * 3600,
        "behind": False,
        **changes,
    }


def made_rollouts(now: int) -> list[dict[str, Any]]:
    """Return a rollout of each sort."""
    halted = {"planned": 350, "done": 40, "to-person": 8, "retry-next-window": 2}
    stuck = {"planned": 390, "done": 10}
    return [
        rollout("branch", "1f2e3d", now),
        rollout(
            *("hq", "27e654", now),
            mode="halted",
            halt="failures",
            words="8 failures in batch 3",
            hold="stopped",
            counts=halted,
            failures={"invalid-lsc": 8, "offline": 2},
        ),
        rollout("far", "9a9b9c", now, counts=stuck, hold="preflight", behind=True, finish=None),
    ]


def rollout_collector(now: int) -> RolloutCollector:
    """Return what Prometheus is told of them."""
    results = {("hq", "done"): 440, ("hq", "to-person"): 8, ("branch", "done"): 88}
    return RolloutCollector(lambda: made_rollouts(now), lambda: results, lambda: now)


def dashboard_queries(dashboard: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the title of each panel and its queries."""
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def rules_without_waiting(target: Path) -> Path:
    """Write the shipped rules to a file so that every alert fires as soon as its condition holds."""
    target.write_text(re.sub(r"(?m)^( +for:) \S+$", r"\1 0s", RULES.read_text(encoding="utf-8")), encoding="utf-8")
    return target


@contextmanager
def exposed(registry: CollectorRegistry) -> Iterator[str]:
    """Serve a registry on loopback; yields host and port."""
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs.

    Attributes:
        port: where it listens on loopback.
    """

    port: int

    def api(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """Return what its API answers; the test fails with its words where it refuses."""
        status, body = _get(self.port, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        if status != HTTPStatus.OK:
            pytest.fail(f"{parameters}: {body.decode()}")
        return json.loads(body)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an instant query gives."""
        found: list[dict[str, Any]] = self.api("query", query=expression)["result"]
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing."""
        found: list[dict[str, Any]] = self.api("alerts")["alerts"]
        return found

    def wait_for(self, question: Callable[[], _T], *, until: Callable[[_T], object] = bool, what: str) -> _T:
        """Ask until the answer is as wanted."""
        return _wait_for(question, until, what)


def _wait_for(question: Callable[[], _T], until: Callable[[_T], object], what: str) -> _T:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not until(answer := question()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: still {answer!r} after {_PATIENCE_SECONDS} s")
        time.sleep(0.1)
    return answer


@contextmanager
def running_prometheus(folder: Path, rules: Path, *targets: str) -> Iterator[Prometheus]:
    """Run a real Prometheus on loopback that scrapes the targets and evaluates the rules every second."""
    program = require_program("prometheus", PACKAGE)
    settings = folder / "prometheus.yml"
    settings.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: [{json.dumps(str(rules))}]\n"
        "scrape_configs:\n"
        f"  - {{job_name: ctld, static_configs: [{{targets: {json.dumps(targets)}}}]}}\n",
        encoding="utf-8",
    )
    port = free_port()
    log = folder / "prometheus.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={settings}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(lambda: _is_ready(port, process, log), bool, "Prometheus starts")
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _is_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> bool:
    if process.poll() is not None:
        pytest.fail(f"Prometheus ended with {process.returncode}: {log.read_text(errors='replace')[-2000:]}")
    try:
        return _get(port, "/-/ready")[0] == HTTPStatus.OK
    except OSError:
        return False


def _get(port: int, path: str) -> tuple[int, bytes]:
    # Not urllib: a proxy of the environment has no business between two programs on loopback.
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
