"""The main job on an embedded default: a lab cluster with 200 phones, and ctld that watches it.

Everything runs on loopback, in the directory `demo`, and is stopped at the end. Words of the command line are options
of `ctlctl lab up`.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEMO = Path("demo")
SETTINGS = DEMO / "lab" / "ctld.toml"
PATIENCE_SECONDS = 60.0
BESIDE = 'Beside another lab: make demo LAB="--address 127.0.17.1 --phones-address 127.80.0.1 --phones-port 4533"'
METRICS = (
    "ctl_cluster_security_mode",
    "ctl_trust_list_missing_certificates",
    "ctl_findings{",
    "ctl_phones_registered",
    "ctl_collect_last_success_timestamp_seconds",
)


@contextmanager
def program(*words: str | Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the background for the length of a ``with`` block."""
    with log.open("wb") as out, subprocess.Popen([*map(str, words)], stdout=out, stderr=subprocess.STDOUT) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                running.kill()


def wait_for(what: str, running: subprocess.Popen[bytes], log: Path, check: object, hint: str = "") -> None:
    """Wait until something is so; stop the demo when it does not come."""
    end = time.monotonic() + PATIENCE_SECONDS
    while callable(check) and not check():
        if running.poll() is not None or time.monotonic() > end:
            sys.exit(f"{what}: it did not come up; {log} says:\n{log.read_text(errors='replace')[-2000:]}{hint}")
        time.sleep(0.2)


def ctlctl(*words: str, show: bool = True) -> str:
    """Run one command as an operator would, and return what it printed."""
    if show:
        print(f"\n$ ctlctl {' '.join(words)}", flush=True)
    command = ["ctlctl", "--config", str(SETTINGS), *words]
    done = subprocess.run(command, check=False, stdout=None if show else subprocess.PIPE, text=True)
    if done.returncode not in {0, 1, 3}:
        sys.exit(f"ctlctl {' '.join(words)} failed with exit code {done.returncode}: please report this")
    return "" if show else done.stdout


def lab(*words: str) -> None:
    """Do something to the lab."""
    command = ["ctlctl", "lab", *words, "--dir", str(DEMO / "lab")]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"ctlctl lab {' '.join(words)} failed: please report this")


def address() -> str:
    """Return where metrics are served."""
    listen = tomllib.loads(SETTINGS.read_text())["http"]["listen"]
    return f"http://{listen}"


def get(path: str) -> str:
    """Ask the daemon over HTTP; "" where it does not answer yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address() + path, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def severities() -> list[str]:
    """Return how bad the open findings are."""
    rows = json.loads(ctlctl("finding", "list", "-o", "json", show=False))["rows"]
    return [row["severity"] for row in rows]


def show(title: str) -> None:
    """Say what comes next."""
    print(f"\n\n--- {title}", flush=True)


def tell() -> None:
    """Show the cluster in good health, then in trouble."""
    ctlctl("cluster", "refresh", "lab", show=False)
    show("1. A healthy cluster: what its phones trust, and what they show, looked at a moment ago")
    ctlctl("status")
    ctlctl("trustlist", "list", "lab")
    ctlctl("phone", "list", "lab", "--limit", "5")
    healthy = severities()
    show("2. Somebody renews the CallManager certificates and forgets the CTL. No alarm rings on the cluster")
    for node in ("lab-pub", "lab-sub1", "lab-sub2"):
        lab("renew", "CallManager", "--node", node)
    ctlctl("cluster", "refresh", "lab", show=False)
    ctlctl("status")
    broken = severities()
    show(f"3. The same for Prometheus, on {address()}/metrics (nothing here asks the cluster)")
    for line in get("/metrics").splitlines():
        if line.startswith(METRICS):
            print(line)
    show("4. The CTL is updated, the phones are reset: the findings close by themselves")
    lab("update-ctl")
    lab("reset", "all")
    print("(200 phones start anew; give them 20 seconds)", flush=True)
    time.sleep(20)
    ctlctl("cluster", "refresh", "lab", show=False)
    ctlctl("status")
    mended = severities()
    if "critical" in healthy or "critical" not in broken or "critical" in mended:
        sys.exit(f"the demo did not end as it should ({healthy}, {broken}, {mended}): please report this")


def main() -> None:
    """Run the demo."""
    started = time.monotonic()
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    lab_log, daemon_log = DEMO / "lab.log", DEMO / "ctld.log"
    print("Starting a lab: a CUCM cluster of 3 nodes and 200 phones on loopback, real protocols ...")
    with program("ctlctl", "lab", "up", "--dir", DEMO / "lab", *sys.argv[1:], log=lab_log) as cluster:
        wait_for("the lab", cluster, lab_log, lambda: "\nready" in lab_log.read_text(), BESIDE)
        print(f"Starting ctld --config {SETTINGS} ...", flush=True)
        with program("ctld", "--config", SETTINGS, log=daemon_log) as daemon:
            wait_for("ctld", daemon, daemon_log, lambda: get("/readyz").startswith("ready"))
            tell()
    print(
        f"\n\nThat took {time.monotonic() - started:.0f} s. Lab and daemon are stopped; their files are in `demo`.\n\n"
        "Now point it at your own cluster; it only reads:\n"
        "  .venv/bin/ctlctl --config ctld.toml cluster add hq        # asks, and pins what you have compared\n"
        "  .venv/bin/ctlctl --config ctld.toml cluster doctor hq     # what works, and what is missing\n"
        "  .venv/bin/ctld --config ctld.toml                         # or as a service: systemd/README.md\n"
        "Or play with the lab (docs/lab.md):\n"
        "  .venv/bin/ctlctl lab up --speed 60\n"
        "  .venv/bin/ctld --config ctlctl-lab/ctld.toml"
    )


if __name__ == "__main__":
    main()
