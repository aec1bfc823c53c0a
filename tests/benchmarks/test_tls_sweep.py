"""How many phones a second a sweep looks at on one core, beside what OpenSSL's own client does there.

Figures, never assertions: `make bench`. The server (RSA-2048, TLS 1.3) has the other cores; with two, it is often the
limit for both, so look at the processor time of one handshake too.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl.connectors.tls_probe import Presented, ProbeTarget, sweep
from support.pki import plan
from support.programs import require_program
from support.tlsservers import openssl_server, write_certificate

pytestmark = pytest.mark.bench

# Seconds for OpenSSL and handshakes for us; a run that does not measure only shows that it still works.
SECONDS, MANY, FEW = 5, 4000, 40


@contextmanager
def _one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    files = write_certificate(tmp_path_factory.mktemp("server"), plan("phone", "rsa2048-phone"))
    with openssl_server(files) as port:
        yield port


@pytest.fixture
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


def _run_openssl(port: int, seconds: int) -> tuple[int, float, float]:
    """Return handshakes, seconds and seconds of processor time."""
    openssl = require_program("openssl", "openssl")
    before = os.times()
    command = [openssl, "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds)]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    took = time.monotonic() - start
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    found = re.search(r"(\d+) connections in \d+ real seconds", done.stdout)
    assert found is not None
    return int(found[1]), took, spent


@pytest.mark.benchmark(group="TLS handshakes")
def test_openssl_s_time(benchmark: BenchmarkFixture, server: int, *, measuring: bool) -> None:
    with _one_core():
        count, took, spent = benchmark.pedantic(  # type: ignore[no-untyped-call]  # the plugin has no types
            _run_openssl, (server, SECONDS if measuring else 1), rounds=1
        )
    benchmark.extra_info |= {"handshakes_per_second": count / took, "cpu_microseconds": spent / count * 1e6}


@pytest.mark.benchmark(group="TLS handshakes")
@pytest.mark.parametrize("concurrency", [1, 20])
def test_sweep(benchmark: BenchmarkFixture, server: int, concurrency: int, *, measuring: bool) -> None:
    count = MANY if measuring else FEW

    def run() -> tuple[int, float, float]:
        targets = (ProbeTarget("127.0.0.1", server) for _ in range(count))
        start, spent = time.monotonic(), time.process_time()
        outcomes = sweep(targets, concurrency=concurrency, timeout_seconds=60)
        good = sum(isinstance(one.result, Presented) for one in outcomes)
        return good, time.monotonic() - start, time.process_time() - spent

    with _one_core():
        good, took, spent = benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]  # the plugin has no types
    assert good == count
    benchmark.extra_info |= {"handshakes_per_second": count / took, "cpu_microseconds": spent / count * 1e6}


def test_the_certificate_is_the_servers(server: int) -> None:
    """What is measured is the real thing."""
    (outcome,) = sweep([ProbeTarget("127.0.0.1", server)])
    assert isinstance(outcome.result, Presented)
    assert outcome.result.leaf == plan("phone", "rsa2048-phone").encode()
