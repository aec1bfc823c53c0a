"""The unit under Debian's systemd: installed as systemd/README.md says, against a lab in the same machine."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.service import daemon, main, server
from support.programs import require_program
from support.systemd import Machine, booted, wait_until
from support.vectors import ROOT

# The first test of a worker boots a machine, and with nothing in the cache makes it first.
pytestmark = pytest.mark.timeout(900)

SYSTEMD = ROOT / "systemd"
UNIT = "ctld.service"
SETTINGS = "/etc/ctlctl/ctld.toml"
PASSWORD_FILE = "/etc/ctlctl/secrets/lab-axl.password"  # noqa: S105 - where it is
DROP_IN = f"/etc/systemd/system/{UNIT}.d/test.conf"
ADDRESS = "127.0.0.1:9877"
#: A member of ctlctl, and somebody who is not.
MEMBER, STRANGER = "kim", "alex"
STATUS_DENIED = 4
# The tests would otherwise wait five seconds for each start, and a minute for the watchdog.
QUICK = "[Service]\nRestartSec=100ms\n[Unit]\nStartLimitIntervalSec=0\n"
IMPATIENT = "[Service]\nWatchdogSec=5\n"
PATIENT = "[Service]\nTimeoutStopSec=100\n"
PLATFORM_FILE = "/etc/ctlctl/secrets/lab-platform.password"
CREDENTIAL = f"[Service]\nLoadCredential=lab-axl:{PASSWORD_FILE}\nLoadCredential=lab-platform:{PLATFORM_FILE}\n"
SILENT = """\
import socket
with socket.create_server(("127.0.8.1", 8443)) as server:
    taken = []
    while True:
        taken.append(server.accept())
        print("taken", flush=True)
"""
GET = """\
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Host": sys.argv[2]})
try:
    answer = urllib.request.urlopen(request, timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status)
print(answer.read().decode())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def machine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which ctld is installed and set up for the lab that runs there."""
    with booted(tmp_path_factory.mktemp("machine")) as machine:
        install(machine, wheel)
        start_lab(machine)
        set_up(machine)
        yield machine


def install(machine: Machine, wheel: Path) -> None:
    (machine.root / "srv" / wheel.name).write_bytes(wheel.read_bytes())
    machine.run("/opt/ctlctl/bin/pip", "install", "--quiet", "--no-index", "--no-deps", f"/srv/{wheel.name}")
    for name, place in (
        ("ctld.service", f"/etc/systemd/system/{UNIT}"),
        ("ctld.sysusers", "/etc/sysusers.d/ctld.conf"),
        ("ctld.tmpfiles", "/etc/tmpfiles.d/ctld.conf"),
    ):
        machine.write(place, (SYSTEMD / name).read_text(encoding="utf-8"))
    machine.run("systemd-sysusers")
    machine.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/ctld.conf")
    machine.run("useradd", "--create-home", "--groups=ctlctl", MEMBER)
    machine.run("useradd", "--create-home", STRANGER)


def start_lab(machine: Machine) -> None:
    lab = ("/opt/ctlctl/bin/ctlctl", "lab", "up", "--phones", "20", "--nodes", "2", "--dir", "/var/lib/lab")
    # LSCs that end soon: something for findings to say.
    machine.run("systemd-run", "--quiet", "--unit=lab", *lab, "--scenario", "lsc-cliff")
    wait_until(lambda: "\nready" in machine.journal("lab"), "the lab is ready")


def set_up(machine: Machine) -> None:
    text = machine.read("/var/lib/lab/ctld.toml")
    # What the lab says about the cluster, and the daemon's own places; the password as a credential.
    clusters = text[text.index("[clusters.lab]") :]
    for account in ("axl", "platform"):
        clusters = clusters.replace(
            f'password_file = "secrets/{account}.password"', f'password_credential = "lab-{account}"'
        )
    machine.write(SETTINGS, clusters)
    machine.run("chgrp", "ctlctl", SETTINGS)
    machine.run("chmod", "0640", SETTINGS)
    machine.write(PASSWORD_FILE, machine.read("/var/lib/lab/secrets/axl.password"), 0o600)
    machine.write(PLATFORM_FILE, machine.read("/var/lib/lab/secrets/platform.password"), 0o600)
    machine.write(DROP_IN, QUICK + CREDENTIAL)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "--quiet", "enable", UNIT)


@pytest.fixture
def ctld(machine: Machine) -> Iterator[Machine]:
    """The machine with ctld up; its settings are afterwards what they were."""
    settings, drop_in = machine.read(SETTINGS), machine.read(DROP_IN)
    # `start` returns when READY=1 has come: that is what Type=notify is for.
    machine.run("systemctl", "start", UNIT)
    yield machine
    machine.write(SETTINGS, settings, 0o640)
    machine.run("chgrp", "ctlctl", SETTINGS)
    machine.write(DROP_IN, drop_in)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)


def get(machine: Machine, path: str, host: str = ADDRESS) -> tuple[int, str]:
    said = machine.run("python3", "-c", GET, f"http://{ADDRESS}{path}", host).stdout
    status, _, body = said.partition("\n")
    return int(status), body


def metric(machine: Machine, name: str) -> float:
    found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", get(machine, "/metrics")[1])
    assert found, f"no {name}"
    return float(found[1])


def main_pid(machine: Machine) -> str:
    return machine.show(UNIT, "MainPID")["MainPID"]


def wait_for_another(machine: Machine, old: str) -> None:
    """Wait until another process than the old one is ready."""

    def renewed() -> bool:
        shown = machine.show(UNIT, "MainPID", "ActiveState")
        return shown["ActiveState"] == "active" and shown["MainPID"] not in {"0", old}

    wait_until(renewed, "systemd has started ctld again")


def findings(machine: Machine) -> dict[str, int]:
    """Return what is found about LSCs, with when it was opened, after a look at everything."""
    machine.run("ctlctl", "cluster", "refresh", "lab", seconds=120)
    told = json.loads(machine.run("ctlctl", "finding", "list", "--code", "lsc-*", "-o", "json").stdout)
    return {f"{row['code']} {row['subject']}": row["opened_at"] for row in told["rows"]}


def wait_for_collection(machine: Machine) -> None:
    wait_until(lambda: get(machine, "/readyz")[0] == 200, "every cluster has been looked at")


def test_exposure_is_low() -> None:
    """1.3 was what a daemon that talks to a network can reach; a line that goes missing shows."""
    analyze = require_program("systemd-analyze", "systemd")
    words = [analyze, "security", "--offline=yes", "--no-pager", str(SYSTEMD / UNIT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for ctld\.service: (\S+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 1.3


def test_settings_are_checked_before_the_start(ctld: Machine) -> None:
    good = ctld.run("ctlctl", "config", "check")
    assert "good" in good.stderr
    ctld.write(SETTINGS, "[clusters.hq\n")
    bad = ctld.run("ctlctl", "config", "check", check=False)
    assert (bad.returncode, SETTINGS in bad.stdout) == (1, True)


def test_users_and_places_are_as_documented(ctld: Machine) -> None:
    assert ctld.run("id", "-gn", "ctld").stdout.strip() == "ctlctl"
    places = {
        "/etc/ctlctl": "750 root ctlctl",
        "/etc/ctlctl/secrets": "700 ctld ctlctl",
        "/var/lib/ctld": "750 ctld ctlctl",
        "/var/lib/ctld/ctld.db": "600 ctld ctlctl",
        "/var/lib/ctld/snapshot": "750 ctld ctlctl",
        "/var/lib/ctld/snapshot/lab.json": "640 ctld ctlctl",
        "/var/lib/ctld/snapshot/lab.phones.jsonl": "640 ctld ctlctl",
        "/run/ctld": "750 ctld ctlctl",
        "/run/ctld/ctld.sock": "660 ctld ctlctl",
    }
    wait_for_collection(ctld)
    found = {path: ctld.run("stat", "--format=%a %U %G", path).stdout.strip() for path in places}
    assert found == places


def test_it_is_ready_and_answers(ctld: Machine) -> None:
    shown = ctld.show(UNIT, "ActiveState", "SubState", "Type", "StatusText", "NRestarts")
    assert (shown["ActiveState"], shown["SubState"], shown["Type"]) == ("active", "running", "notify")
    assert shown["StatusText"] == "watching 1 cluster"
    assert get(ctld, "/healthz") == (200, "alive\n\n")
    wait_for_collection(ctld)
    status, metrics = get(ctld, "/metrics")
    assert status == 200
    assert 'ctl_cluster_security_mode{cluster="lab"} 1.0' in metrics
    assert metric(ctld, "ctld_config_last_reload_successful") == 1.0
    # A page elsewhere that had its name point here.
    assert get(ctld, "/metrics", host="evil.example")[0] == 421


def test_every_source_answers_from_inside_the_sandbox(ctld: Machine) -> None:
    """cryptography, cffi, lxml, SQLite and sockets of every kind, under the filter and MemoryDenyWriteExecute."""
    refreshed = ctld.run("ctlctl", "cluster", "refresh", "lab", "-o", "json", seconds=120)
    rounds = json.loads(refreshed.stdout)["rounds"]
    assert len(rounds) == 10
    assert [one for one in rounds if one["fault"]] == []
    said = ctld.journal(UNIT)
    assert not re.search(r"Traceback|still-dumpable|EPERM|Operation not permitted|snapshot-trouble", said), said
    limits = ctld.run("cat", f"/proc/{main_pid(ctld)}/limits").stdout
    assert re.search(r"Max core file size +0 +0", limits)
    status = ctld.run("cat", f"/proc/{main_pid(ctld)}/status").stdout
    # The filter is in force, there are no rights to lose or to gain, and no way into its memory.
    for line in (r"Seccomp:\s2", r"NoNewPrivs:\s1", r"CapEff:\s0{16}", r"CapBnd:\s0{16}"):
        assert re.search(line, status), line
    assert ctld.run("stat", "--format=%U", f"/proc/{main_pid(ctld)}/mem").stdout.strip() == "root"


def test_members_of_the_group_may_ask_and_strangers_may_not(ctld: Machine) -> None:
    wait_for_collection(ctld)
    asked = ctld.run("ctlctl", "status", user=MEMBER)
    assert "lab" in asked.stdout
    assert "snapshot" not in asked.stderr
    # With settings of their own that name the socket, too.
    ctld.write("/home/alex/ctld.toml", ctld.read(SETTINGS))
    for option in ([], ["--config", "/home/alex/ctld.toml"]):
        denied = ctld.run("ctlctl", *option, "status", user=STRANGER, check=False)
        assert (denied.returncode, denied.stdout) == (STATUS_DENIED, ""), denied.stderr
        assert "ctlctl" in denied.stderr


def test_the_snapshot_answers_a_member_while_it_is_down(ctld: Machine) -> None:
    wait_for_collection(ctld)
    ctld.run("systemctl", "stop", UNIT)
    asked = ctld.run("ctlctl", "status", user=MEMBER)
    assert "lab" in asked.stdout
    assert "snapshot" in asked.stderr


def test_a_hung_process_is_ended_by_the_watchdog_and_started_anew(ctld: Machine) -> None:
    ctld.write(DROP_IN, QUICK + CREDENTIAL + IMPATIENT)
    ctld.run("systemctl", "daemon-reload")
    ctld.run("systemctl", "restart", UNIT)
    old, began = main_pid(ctld), time.time()
    ctld.run("kill", "-STOP", old)
    wait_for_another(ctld, old)
    assert "Watchdog timeout" in ctld.journal(UNIT, began)
    assert get(ctld, "/healthz")[0] == 200


def test_a_killed_process_is_started_anew(ctld: Machine) -> None:
    old = main_pid(ctld)
    ctld.run("kill", "-KILL", old)
    wait_for_another(ctld, old)
    assert get(ctld, "/healthz")[0] == 200


def test_findings_stay_as_old_as_they_are_over_a_restart(ctld: Machine) -> None:
    before = findings(ctld)
    assert before
    ctld.run("systemctl", "restart", UNIT)
    # What were opened anew now would have another second.
    time.sleep(1.1)
    assert findings(ctld) == before


def test_a_reload_takes_good_settings_and_refuses_bad_ones(ctld: Machine) -> None:
    good, old = ctld.read(SETTINGS), main_pid(ctld)
    began = time.time()
    ctld.write(SETTINGS, good.replace("[clusters.lab]", "[clusters.lab]\nsurprise = 1"))
    ctld.run("systemctl", "reload", UNIT)
    wait_until(lambda: metric(ctld, "ctld_config_last_reload_successful") == 0.0, "the reload is refused")
    said = ctld.journal(UNIT, began)
    assert "reload-refused" in said
    assert "surprise" in said
    wait_until(lambda: "the old ones are in force" in ctld.show(UNIT, "StatusText")["StatusText"], "the status says so")
    assert get(ctld, "/healthz")[0] == 200
    # A second cluster, which is the first by another name.
    ctld.write(SETTINGS, good + good.replace("clusters.lab", "clusters.twin"))
    ctld.run("systemctl", "reload", UNIT)
    wait_until(lambda: metric(ctld, "ctld_config_last_reload_successful") == 1.0, "the reload is done")
    wait_until(lambda: ctld.show(UNIT, "StatusText")["StatusText"] == "watching 2 clusters", "the status says so")
    wait_for_collection(ctld)
    assert "twin" in ctld.run("ctlctl", "status").stdout
    assert main_pid(ctld) == old


def test_settings_that_cannot_be_used_are_no_reason_to_try_again(ctld: Machine) -> None:
    ctld.write(SETTINGS, "[clusters.hq\n")
    assert ctld.run("systemctl", "restart", UNIT, check=False).returncode != 0
    shown = ctld.show(UNIT, "ActiveState", "ExecMainStatus")
    assert (shown["ActiveState"], shown["ExecMainStatus"]) == ("failed", "3")
    assert SETTINGS in ctld.journal(UNIT)


def test_without_its_credential_it_says_what_is_missing(ctld: Machine) -> None:
    began = time.time()
    ctld.write(DROP_IN, QUICK)
    ctld.run("systemctl", "daemon-reload")
    ctld.run("systemctl", "restart", UNIT)
    wait_until(lambda: "LoadCredential=" in ctld.journal(UNIT, began), "the journal says what is missing")
    assert get(ctld, "/healthz")[0] == 200


def test_a_credential_may_be_encrypted(ctld: Machine) -> None:
    """As docs/hardening.md says; without a TPM, by the key that the machine has for this."""
    ctld.run("systemd-creds", "encrypt", "--name=lab-axl", PASSWORD_FILE, "/etc/ctlctl/lab-axl.cred")
    ctld.write(DROP_IN, f"{QUICK}[Service]\nLoadCredentialEncrypted=lab-axl:/etc/ctlctl/lab-axl.cred\n")
    ctld.run("systemctl", "daemon-reload")
    ctld.run("systemctl", "restart", UNIT)
    told = json.loads(ctld.run("ctlctl", "cluster", "refresh", "lab", "--source", "axl", "-o", "json").stdout)
    assert told["rounds"] == [{"source": "axl", "fault": None}]


def test_the_credential_reaches_nobody_else(ctld: Machine) -> None:
    secret = ctld.read("/var/lib/lab/secrets/axl.password").strip()
    assert secret not in ctld.run("cat", f"/proc/{main_pid(ctld)}/environ").stdout
    assert secret not in ctld.run("cat", f"/proc/{main_pid(ctld)}/cmdline").stdout
    assert secret not in ctld.journal(UNIT)
    for path in (f"/run/credentials/{UNIT}/lab-axl", PASSWORD_FILE, f"/proc/{main_pid(ctld)}/environ"):
        assert ctld.run("cat", path, user=MEMBER, check=False).returncode != 0, path


def test_the_end_fits_into_what_the_unit_allows() -> None:
    allowed = re.search(r"(?m)^TimeoutStopSec=(\d+)$", (SYSTEMD / UNIT).read_text())
    assert allowed
    assert int(allowed[1]) > main._LOOK_SECONDS + daemon._STOP_SECONDS + server._STOP_SECONDS


@pytest.mark.parametrize("when", ["at rest", "in a round that hangs"])
def test_stop_is_clean_and_soon(ctld: Machine, when: str) -> None:
    if when != "at rest":
        # Somebody takes the connection, and then says nothing for as long as AXL is waited for.
        ctld.run("systemd-run", "--quiet", "--unit=silent", "python3", "-c", SILENT)
        text = re.sub(r'host = "127\.0\.7\.\d+"', 'host = "127.0.8.1"', ctld.read(SETTINGS))
        ctld.write(SETTINGS, text.replace("[clusters.lab.axl]", "[clusters.lab.axl]\ntimeout_seconds = 600"))
        # The seven seconds that this takes leave a machine that stands still too few; their sum is held above.
        ctld.write(DROP_IN, QUICK + CREDENTIAL + PATIENT)
        ctld.run("systemctl", "daemon-reload")
        ctld.run("systemctl", "restart", UNIT)
        wait_until(lambda: "taken" in ctld.journal("silent"), "ctld asks")
    ctld.run("systemctl", "stop", UNIT)
    # It waits neither for AXL nor until TimeoutStopSec=, or its result would be "timeout".
    shown = ctld.show(UNIT, "Result", "ExecMainCode", "ExecMainStatus", "ActiveState")
    assert shown == {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0", "ActiveState": "inactive"}
    assert not (ctld.root / "run" / "ctld").exists()
