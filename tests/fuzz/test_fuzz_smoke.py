"""Every fuzz target in `make test`: all seeds and all that was ever found, then a thousand inputs of atheris.

The thousand are the same each time: a test must not fail for what it finds by chance. Looking for what nobody knows of
is the campaign's (`make soak`); what it finds comes into ``regressions``.
"""

import importlib.util
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from support.mutate import turn_bytes

HERE = Path(__file__).resolve().parent
NO_ATHERIS = "atheris is not installed: it needs Linux on x86-64 and Python up to 3.13"


#: Inputs; targets that are slow take a part of them.
RUNS = 1000


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ctlctl_fuzz_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TARGETS = sorted(path.stem.removeprefix("target_") for path in HERE.glob("target_*.py"))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_regressions(name: str) -> None:
    target = _load(f"target_{name}")
    assert name == target.NAME
    seeds = target.seeds()
    assert seeds
    folder = HERE / "regressions" / name
    for data in (*seeds, *(path.read_bytes() for path in sorted(folder.glob("*")))):
        target.one_input(data)
        for end in {len(data) // 2, len(data) - 1} if data else ():
            target.one_input(data[:end])


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_that_know_the_format(name: str) -> None:
    target = _load(f"target_{name}")
    if not hasattr(target, "mutate"):
        pytest.skip("this target leaves mutation to the fuzzer")
    random = Random(20261123)  # noqa: S311 - the same inputs every time
    seeds = target.seeds()
    for _ in range(400):
        target.one_input(target.mutate(random.choice(seeds), 4096, random, turn_bytes(random)))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=NO_ATHERIS)
def test_a_thousand_inputs_of_atheris(name: str, tmp_path: Path) -> None:
    campaign = _load("campaign")
    outcome = campaign.run_target(name, RUNS, 60, tmp_path, seed=20261123)
    assert outcome.ok, outcome.output[-4000:]
    assert outcome.executions > 20
