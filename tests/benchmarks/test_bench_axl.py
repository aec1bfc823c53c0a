"""AXL beside `ciscoaxl`, which reads Cisco's own schema with zeep: starting a client, listing phones.

Figures, never assertions: `make bench`. The lab is in another process, so its time and memory are not the client's,
though both wait for it. `ciscoaxl` is given as many phones as its one request may bring (8 MB, a limit of AXL): it has
no pages.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl.connectors.axl import AxlClient
from support.soap import axl_settings
from support.soap_lab import FarLab, far_lab

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

# Phones; a run that does not measure only shows that it still works.
MANY, FEW = 12_000, 50
ROUNDS = 5
VERSION = "12.5"
Start = Callable[[], Any]


@pytest.fixture(scope="module")
def measuring(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("benchmark_enable"))


@pytest.fixture(scope="module")
def phones(*, measuring: bool) -> int:
    return MANY if measuring else FEW


@pytest.fixture(scope="module")
def lab(phones: int) -> Iterator[FarLab]:
    with far_lab(phones) as served:
        yield served


@pytest.fixture
def start_ours(lab: FarLab) -> Start:
    return lambda: AxlClient(axl_settings(lab, version=VERSION))


@pytest.fixture
def start_ciscoaxl(lab: FarLab, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Start:
    ciscoaxl = pytest.importorskip("ciscoaxl", reason="the client to compare with")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp()))  # its cache of descriptions
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(lab.certificate))
    user, password = lab.login

    def start() -> Any:  # noqa: ANN401 - it has no types
        return ciscoaxl.axl(
            username=user, password=password, cucm="localhost", cucm_port=lab.port, cucm_version=VERSION
        )

    return start


def _measure(benchmark: BenchmarkFixture, work: Callable[..., Any], *, measuring: bool, **options: Any) -> Any:  # noqa: ANN401
    rounds = ROUNDS if measuring else 1
    return benchmark.pedantic(work, rounds=rounds, warmup_rounds=int(measuring), **options)  # type: ignore[no-untyped-call]  # the plugin has no types


@pytest.mark.benchmark(group="AXL client start")
def test_start_ciscoaxl(benchmark: BenchmarkFixture, start_ciscoaxl: Start, *, measuring: bool) -> None:
    client = _measure(benchmark, start_ciscoaxl, measuring=measuring)
    client._zeep.transport.session.close()


@pytest.mark.benchmark(group="AXL client start")
def test_start_ours(benchmark: BenchmarkFixture, start_ours: Start, *, measuring: bool) -> None:
    _measure(benchmark, start_ours, measuring=measuring).close()


@pytest.mark.benchmark(group="AXL phone list")
def test_list_ciscoaxl(benchmark: BenchmarkFixture, start_ciscoaxl: Start, phones: int, *, measuring: bool) -> None:
    client = start_ciscoaxl()
    try:
        found = _measure(benchmark, client.get_phones, measuring=measuring)
        assert len(found) == phones
    finally:
        client._zeep.transport.session.close()


@pytest.mark.benchmark(group="AXL phone list")
def test_list_names(benchmark: BenchmarkFixture, start_ours: Start, phones: int, *, measuring: bool) -> None:
    with start_ours() as client:
        found = _measure(benchmark, lambda: list(client.phone_names()), measuring=measuring)
    assert len(found) == phones


@pytest.mark.benchmark(group="AXL phone list")
def test_list_everything_with_profiles_and_lscs(
    benchmark: BenchmarkFixture, start_ours: Start, phones: int, *, measuring: bool
) -> None:
    with start_ours() as client:
        found = _measure(benchmark, lambda: list(client.phones()), measuring=measuring)
    assert len(found) == phones
    assert any(phone.lsc_valid_until for phone in found)
