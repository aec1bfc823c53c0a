"""How many certificates a second the lab's CAPF issues while 200 slow clients hold on, and what RSA alone would allow.

Figures, never assertions: `make bench`. An enrolment costs the server two RSA-2048 signatures: TLS and the certificate.
The clients have a process of their own; with two cores they are the other half of the machine. Another figure: phones a
second through their whole visit, both sides in one process, as a lab has it.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl_lab.model import BY_NULL, CAPF, INSTALL
from ctlctl_lab.run import RunningLab, running_lab
from support.capfclient import capf_socket
from support.capflab import host, wait
from support.runninglab import lab_plan

pytestmark = pytest.mark.bench

MANY, FEW = 1000, 30
SLOW, THREADS = 200, 8
_TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, *, measuring: bool) -> Iterator[RunningLab]:
    plan = lab_plan(tmp_path_factory.mktemp("lab"), MANY if measuring else FEW, 1, "mic-only", 600.0)
    with running_lab(plan) as running:
        for profile in running.world.cluster.profiles.values():
            profile.authentication_mode, profile.key_size = BY_NULL, 2048
        yield running


def order_all(lab: RunningLab) -> list[str]:
    names = list(lab.world.cluster.phones)
    for name in names:
        lab.world.order_capf(name, INSTALL)
    return names


def signatures_per_second(lab: RunningLab) -> float:
    key = lab.world.cluster.publisher.identities[CAPF].key
    start, count = time.process_time(), 0
    while time.process_time() - start < 0.5:
        key.sign(b"x" * 900, PKCS1v15(), SHA256())
        count += 1
    return count / (time.process_time() - start)


@pytest.mark.benchmark(group="CAPF")
def test_enrolments_with_slow_clients_attached(benchmark: BenchmarkFixture, lab: RunningLab) -> None:
    names = order_all(lab)
    command = [sys.executable, "-m", "support.capfload", host(lab), str(THREADS)]

    def run() -> tuple[int, float, float]:
        start, spent = time.monotonic(), time.process_time()
        done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True, check=True, cwd=_TESTS)
        return int(done.stdout), time.monotonic() - start, time.process_time() - spent

    with ExitStack() as held:
        for _ in range(SLOW):
            # They have heard the question, and are in no hurry to answer it.
            assert held.enter_context(capf_socket(host(lab))).recv(4096)
        good, took, spent = benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]  # the plugin has no types
    assert good == len(names)
    benchmark.extra_info |= {
        "enrolments_per_second": good / took,
        "server_cpu_milliseconds": spent / good * 1000,
        "enrolments_per_core_second": good / spent,
        "signing_limit_per_core_second": signatures_per_second(lab) / 2,
    }


def all_at_rest(lab: RunningLab) -> bool:
    with lab.world.cluster.lock:
        return not any(phone.busy for phone in lab.world.cluster.phones.values())


@pytest.mark.benchmark(group="CAPF")
def test_phones_a_second(benchmark: BenchmarkFixture, lab: RunningLab) -> None:
    names = order_all(lab)
    phones = list(lab.world.cluster.phones.values())

    def run() -> tuple[float, float]:
        start, spent = time.monotonic(), time.process_time()
        for name in names:
            lab.world.apply_phone(name)
        wait(lambda: all_at_rest(lab), 600)
        return time.monotonic() - start, time.process_time() - spent

    took, spent = benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]  # the plugin has no types
    assert {phone.capf.certificate_status for phone in phones} == {"Upgrade Success"}
    benchmark.extra_info |= {
        "phones_per_second": len(phones) / took,
        "cpu_milliseconds": spent / len(phones) * 1000,
    }
