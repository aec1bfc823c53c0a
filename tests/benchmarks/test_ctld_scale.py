"""The daemon with 40,000 phones: memory at its highest, a scrape, `ctlctl status`, a refresh that changes nothing.

Figures, never assertions about time: `make bench`. Memory is asserted: it does not depend on the machine's speed.
"""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from support.command import program
from support.runninglab import own_network

# The first rounds alone take RIS minutes.
pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

MANY, FEW = 40_000, 50
#: MiB that the daemon may take.
MOST_MEMORY = 250
#: Real seconds for the first rounds: RIS takes 40 calls at 15 a minute.
PATIENCE = 400.0


@dataclass
class Running:
    """A lab and a daemon, each in a process of its own."""

    settings: Path
    daemon: int

    @property
    def address(self) -> str:
        found = re.search(r'listen = "([^"]+)"', self.settings.read_text())
        assert found
        return f"http://{found[1]}"

    def get(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.address + path, timeout=60) as answer:
            return bytes(answer.read())

    def ctlctl(self, *words: str) -> str:
        done = program("--config", self.settings, *words)
        assert done.code == 0, done.err
        return done.out

    @property
    def peak_memory(self) -> int:
        """MiB, the highest so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.daemon}/status").read_text())
        assert found
        return int(found[1]) // 1024


@pytest.fixture(scope="module")
def size(request: pytest.FixtureRequest) -> int:
    return MANY if request.config.getoption("benchmark_enable") else FEW


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, size: int) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("scale") / "lab"
    node, phone = own_network()
    lab_words = ("lab", "up", "--dir", str(directory), "--phones", str(size), "--nodes", "5", "--phones-port", "0")
    command = [sys.executable, "-m", "ctlctl", *lab_words, "--address", node, "--phones-address", phone]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lab:
        try:
            assert lab.stdout is not None
            assert any(line.startswith("ready") for line in lab.stdout)
            settings = directory / "ctld.toml"
            text = settings.read_text().replace(
                "[clusters.lab.phones]", "[clusters.lab.ris]\ncalls_per_minute = 15\n\n[clusters.lab.phones]"
            )
            # A look at every phone a day, as in the field; the rest as often as a lab is asked.
            settings.write_text(text.replace("phone_rest_seconds = 300", "phone_rest_seconds = 82800"))
            words = [sys.executable, "-m", "ctlctl.service.main", "--config", str(settings)]
            with subprocess.Popen(words, stderr=subprocess.DEVNULL) as daemon:
                try:
                    found = Running(settings, daemon.pid)
                    _wait_for_all(found, size)
                    yield found
                finally:
                    daemon.send_signal(signal.SIGTERM)
        finally:
            lab.send_signal(signal.SIGTERM)


def _wait_for_all(running: Running, size: int) -> None:
    end = time.monotonic() + PATIENCE
    wanted = f'ctl_phones_registered{{cluster="lab",status="Registered"}} {float(size)}'
    while time.monotonic() < end:
        try:
            if wanted in running.get("/metrics").decode():
                return
        except OSError:
            pass
        time.sleep(1)
    pytest.fail(f"not all of {size} phones are known to be registered after {PATIENCE:.0f} s")


def test_a_scrape(benchmark: BenchmarkFixture, running: Running) -> None:
    benchmark(lambda: running.get("/metrics"))


def test_status(benchmark: BenchmarkFixture, running: Running) -> None:
    benchmark.pedantic(lambda: running.ctlctl("status"), rounds=5)  # type: ignore[no-untyped-call]  # the plugin has no types


def test_listing_the_phones_on_a_mic(benchmark: BenchmarkFixture, running: Running) -> None:
    words = ("phone", "list", "lab", "--credential", "mic*", "-o", "json")
    benchmark.pedantic(lambda: running.ctlctl(*words), rounds=3)  # type: ignore[no-untyped-call]  # see above


def test_a_refresh_that_changes_nothing(benchmark: BenchmarkFixture, running: Running) -> None:
    words = ("cluster", "refresh", "lab", "--source", "axl")
    benchmark.pedantic(lambda: running.ctlctl(*words), rounds=3)  # type: ignore[no-untyped-call]  # see above


def test_memory_at_its_highest(benchmark: BenchmarkFixture, running: Running) -> None:
    """After all the above, whatever the order: asked, judged, listed and scraped."""
    for _ in range(3):
        running.ctlctl("cluster", "refresh", "lab", "--source", "axl")
        running.ctlctl("cluster", "refresh", "lab", "--source", "trust-lists")
    peak = benchmark.pedantic(lambda: running.peak_memory, rounds=1)  # type: ignore[no-untyped-call]  # see above
    benchmark.extra_info["peak MiB"] = peak
    assert peak < MOST_MEMORY
