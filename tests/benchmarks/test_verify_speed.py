"""How fast `ctlctl verify` is, each beside the floor below which the cryptography alone would be.

Figures, never assertions: `make bench`.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pytest_benchmark.fixture import BenchmarkFixture

from ctlctl_trust.build import ListPlan, RecordPlan, build_trust_list
from ctlctl_trust.signature import SHA512
from ctlctl_trust.signing import Layout, SigningIdentity
from ctlctl_trust.tlv import Role
from ctlctl_trust.trustlist import Kind, parse_trust_list
from support.lists import CAPF, PUB, RECOVERY, SUB1, SUB2, TVS
from support.pki import plan, rsa_key

pytestmark = pytest.mark.bench

COMMAND = Path(sys.executable).with_name("ctlctl")
#: Lists in the bulk benchmark; a run that does not measure only shows that it still works.
MANY, FEW = 10_000, 450


def _list(records: list[RecordPlan], timestamp: int) -> bytes:
    identity = SigningIdentity.from_key(RECOVERY.read(), rsa_key(RECOVERY.key_name))
    return build_trust_list(ListPlan(Kind.ITL, records, timestamp, SHA512, Layout.CUCM), identity)


def _cluster(number: int) -> list[RecordPlan]:
    roles = (
        (Role.SAST, RECOVERY),
        (Role.SAST, PUB),
        (Role.CCM_TFTP, SUB1),
        (Role.CAPF, CAPF),
        (Role.TVS, TVS),
        (Role.TVS, SUB2),
    )
    return [RecordPlan(role, one.read(), f"node{number}", "10.1.1.11") for role, one in roles]


@pytest.fixture(scope="session")
def sixty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of sixty records, each with a certificate of its own (short keys, to stay under 64 KiB)."""
    path = tmp_path_factory.mktemp("sixty") / "ITLFile.tlv"
    records = [RecordPlan(Role.SAST, RECOVERY.read(), "pub", "10.1.1.11")]
    for number in range(59):
        one = plan(f"n{number}.example.com", "rsa1024-a", serial=1000 + number, digest="sha256").read()
        records.append(RecordPlan(Role.TVS, one, f"n{number}", "10.1.1.11", with_signature=number % 2 == 0))
    path.write_bytes(_list(records, 1_700_000_000))
    return path


@pytest.fixture(scope="session")
def many_lists(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Ten thousand ITLs of one cluster, signed at different times; every tenth from another node."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY if request.config.getoption("benchmark_enable") else FEW):
        (folder / f"{number:05}.tlv").write_bytes(_list(_cluster(number % 10), 1_700_000_000 + number))
    return folder


def _rounds(benchmark: BenchmarkFixture, once: Callable[[], object], rounds: int) -> None:
    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]  # the plugin has no types


def _run(*words: object) -> Callable[[], None]:
    line = [str(word) for word in words]
    # An installed program has its bytecode beside it; without it every start would measure the compiler.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def once() -> None:
        subprocess.run(line, check=False, stdout=subprocess.DEVNULL, env=env)

    return once


@pytest.mark.benchmark(group="cold start")
def test_floor_import_x509(benchmark: BenchmarkFixture) -> None:
    _rounds(benchmark, _run(sys.executable, "-c", "from cryptography import x509"), 40)


@pytest.mark.benchmark(group="cold start")
@pytest.mark.parametrize("output", ["text", "json"])
def test_cold_verify_of_sixty_records(benchmark: BenchmarkFixture, sixty_records: Path, output: str) -> None:
    _rounds(benchmark, _run(COMMAND, "verify", sixty_records, "-o", output), 40)


def floor(path: str) -> bool:
    """Load each certificate, take its key, check one signature; finding them is not counted against it."""
    certificates, signature, message = _PARTS[path]
    keys = [x509.load_der_x509_certificate(der).public_key() for der in certificates]
    assert isinstance(keys[0], RSAPublicKey)
    keys[0].verify(signature, message, PKCS1v15(), hashes.SHA512())
    return True


_PARTS: dict[str, tuple[list[bytes], bytes, bytes]] = {}


def _load_parts(paths: list[str]) -> None:
    for path in paths:
        data = Path(path).read_bytes()
        header_and_records = parse_trust_list(data)
        header = header_and_records.header
        offset, signature = next((e.offset, e.value) for e in header.elements if e.tag == 12)
        assert signature is not None
        message = data[:offset] + data[offset + 3 + len(signature) :]
        _PARTS[path] = ([r.certificate for r in header_and_records.records if r.certificate], signature, message)


@pytest.mark.benchmark(group="10,000 lists")
def test_floor_of_many_lists(benchmark: BenchmarkFixture, many_lists: Path) -> None:
    paths = sorted(str(path) for path in many_lists.iterdir())
    _load_parts(paths)
    with get_context("fork").Pool(len(os.sched_getaffinity(0))) as pool:
        _rounds(benchmark, lambda: sum(pool.imap(floor, paths, 250)), 3)


@pytest.mark.benchmark(group="10,000 lists")
@pytest.mark.parametrize("output", ["text", "json"])
def test_verify_many_lists(benchmark: BenchmarkFixture, many_lists: Path, output: str) -> None:
    _rounds(benchmark, _run(COMMAND, "verify", many_lists, "-o", output), 3)


@pytest.mark.benchmark(group="one list in process")
def test_verify_one_list(benchmark: BenchmarkFixture) -> None:
    from ctlctl_trust.verify import verify_trust_list  # noqa: PLC0415 - only here

    data, now = _list(_cluster(0), 1_700_000_000), datetime(2026, 11, 23, tzinfo=UTC)
    assert not benchmark(verify_trust_list, data, now).findings.invalid
