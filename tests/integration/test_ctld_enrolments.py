"""ctld keeps certificates of users fresh by itself, and tells how they stand: commands, findings, metrics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctlctl.service.daemon import Daemon
from ctlctl_config import load_settings
from ctlctl_lab.capforders import LSC_DAYS_PARAMETER
from support.runninglab import small_lab
from support.watching import Watched, eventually, watching

USER = "lab-recorder"
#: Certificates of ten days are due then.
LATER = 9 * 86_400
TABLE = """
[[clusters.lab.enrolments]]
name = "{name}"
directory = "{directory}"
user = "{user}"
instance = "rec-1"
order = {order}
"""


@contextmanager
def enrolled(folder: Path) -> Iterator[Watched]:
    """Run a lab, and a ctld nine days later: one credential is due, and another is not there."""
    with small_lab(folder / "lab") as lab:
        with watching(lab) as watched:
            lab.world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "10"
            string = folder / "string"
            words = ("--user", USER, "--instance", "rec-1")
            order = ("--operation", "install", "--mode", "string", "--auth-string-file", string, "--key-size", "2048")
            assert watched.ctlctl("capf", "profile", "create", "lab", *words, *order).code == 0
            done = watched.ctlctl(
                *("capf", "enroll", "--cluster", "lab", *words, "--auth-string-file", string, "--out", folder / "rec")
            )
            assert done.code == 0, done.err
            lab.world.cluster.service_parameters[LSC_DAYS_PARAMETER] = "1825"
        tables = (
            TABLE.format(name="recorder", directory=folder / "rec", user=USER, order="false"),
            TABLE.format(name="absent", directory=folder / "absent", user=USER, order="true"),
        )
        lab.settings.write_text(lab.settings.read_text() + "".join(tables))
        daemon = Daemon(lab.settings, load_settings(lab.settings), lambda: time.time() + LATER)
        later = Watched(lab, daemon, daemon.start())
        try:
            eventually(lambda: later.get("/readyz")[0] == 200, "ready")
            yield later
        finally:
            daemon.stop()


def rows(watched: Watched) -> dict[object, dict[str, object]]:
    found = watched.ctlctl("capf", "enrolments", "lab", "-o", "json").json["rows"]
    assert isinstance(found, list)
    return {row["name"]: row for row in found}


def samples(watched: Watched, name: str) -> dict[str, float]:
    lines = [line for line in watched.get("/metrics")[1].splitlines() if line.startswith(name + "{")]
    return {line.rpartition(" ")[0].partition("{")[2].rstrip("}"): float(line.rpartition(" ")[2]) for line in lines}


@pytest.mark.timeout(180)
def test_what_is_due_is_renewed_or_its_failure_is_told(tmp_path: Path) -> None:
    with enrolled(tmp_path) as watched:
        # What is known without asking anybody is shown from the start.
        eventually(lambda: "absent" in rows(watched), "a look at the directories")
        refresh = ("cluster", "refresh", "lab", "--source", "enrolments")
        done = watched.ctlctl(*refresh)
        # No operation is pending: CAPF has nothing for it, and it is not tried again before it has rested.
        assert done.code == 3
        assert "recorder" in done.out
        assert "absent" in done.out
        watched.ctlctl(*refresh)
        recorder, absent = rows(watched)["recorder"], rows(watched)["absent"]
        assert (recorder["state"], recorder["failure"], recorder["failures"]) == ("failing", "nothing-ordered", 1)
        assert (absent["state"], absent["failure"], absent["not_after"]) == ("missing", "no-credential", None)
        findings = watched.findings()
        assert findings["enrolment-expiring recorder"] == "critical"
        assert findings["enrolment-missing absent"] == "warning"
        failed = samples(watched, "ctl_enrolment_failures_total")
        assert failed == {'cluster="lab",enrolment="recorder",reason="nothing-ordered"': 1}
        assert set(samples(watched, "ctl_enrolment_not_after_timestamp_seconds")) == {
            'cluster="lab",enrolment="recorder"'
        }

        # The table for a person, and CSV.
        table = watched.ctlctl("capf", "enrolments").out
        assert "due: in-window" in table
        assert "nothing-ordered" in table
        csv = watched.ctlctl("capf", "enrolments", "--state", "failing", "-o", "csv").out
        assert csv.splitlines()[0] == "cluster,name,user,instance,state,ends,renewed,verdict,failure"
        assert len(csv.splitlines()) == 2

        # An operator orders the renewal and makes it by hand: what failed before says nothing any more.
        order = ("--user", USER, "--instance", "rec-1", "--operation", "install", "--mode", "lsc")
        assert watched.ctlctl("capf", "profile", "update", "lab", *order).code == 0
        assert watched.ctlctl("capf", "enroll", "--renew", "--force", "--out", tmp_path / "rec").code == 0
        watched.ctlctl(*refresh)
        assert rows(watched)["recorder"]["state"] == "fresh"
        assert "enrolment-expiring recorder" not in watched.findings()
        assert samples(watched, "ctl_enrolment_state")['cluster="lab",enrolment="recorder",state="fresh"'] == 1


def test_a_cluster_without_any_has_no_such_round(tmp_path: Path) -> None:
    with small_lab(tmp_path / "lab") as lab, watching(lab) as watched:
        done = watched.ctlctl("cluster", "refresh", "lab", "--source", "enrolments")
        assert done.code == 2
        assert "[[clusters.lab.enrolments]]" in done.err
        assert rows(watched) == {}
