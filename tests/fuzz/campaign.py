"""Runs fuzz targets under atheris: ``python tests/fuzz/campaign.py --runs 2000000``.

Each target runs in a process of its own, as many at a time as there are cores. Half of the inputs are libFuzzer's own
mutations, half (where a target has a `mutate`) know the format. Ends with a table of figures and, if anything was
found, with exit code 1; what was found is kept in the work directory and belongs into
``tests/fuzz/regressions/TARGET/``.
"""

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGETS = tuple(sorted(path.stem.removeprefix("target_") for path in HERE.glob("target_*.py")))

#: Seconds for one input; all take milliseconds, so this is a blow-up.
INPUT_TIMEOUT = 30
#: Bytes of an input, where a target does not say it by a MAX_LENGTH of its own. What is slow says by a SHARE which part
#: of the runs it gets.
MAX_LENGTH = 4096


def load(name: str) -> ModuleType:
    """Import a target by name."""
    for path in (HERE, HERE.parent):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    return importlib.import_module(f"target_{name}")


def regressions(name: str) -> list[bytes]:
    """Return inputs that once found something."""
    return [path.read_bytes() for path in sorted((HERE / "regressions" / name).glob("*")) if path.is_file()]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the run of one target gave."""

    name: str
    ok: bool
    executions: int
    seconds: float
    coverage: str
    slowest_ms: float
    output: str


def run_target(name: str, runs: int, seconds: int, work: Path, seed: int = 0) -> Outcome:
    """Run one target in a process of its own; with a seed other than 0 it tries the same inputs each time."""
    work.mkdir(parents=True, exist_ok=True)
    slowest = work / f"slowest-{name}.json"
    slowest.unlink(missing_ok=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", name, "--work", str(work)]
    command += ["--runs", str(runs), "--seconds", str(seconds), "--seed", str(seed)]
    # The order of a set must not depend on the process either.
    environment = {**os.environ, "PYTHONHASHSEED": "0"} if seed else None
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    took = time.monotonic() - begun
    text = done.stdout + done.stderr
    executed = re.findall(r"stat::number_of_executed_units:\s*(\d+)", text) or re.findall(
        r"^#(\d+)\s", text, re.MULTILINE
    )
    coverage = re.findall(r"(cov: \d+ ft: \d+ corp: \S+)", text)
    longest = json.loads(slowest.read_text())["ms"] if slowest.is_file() else 0.0
    return Outcome(
        name,
        done.returncode == 0,
        int(executed[-1]) if executed else 0,
        took,
        coverage[-1] if coverage else "",
        longest,
        text,
    )


def work_on(name: str, runs: int, seconds: int, work: Path, seed: int) -> None:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris  # noqa: PLC0415 - the parent does without

    sys.path[:0] = [str(HERE), str(HERE.parent)]
    # A target says in INSTRUMENT whose branches to follow; the libraries below them would only cost speed.
    source = (HERE / f"target_{name}.py").read_text()
    named = re.search(r"^INSTRUMENT = \((.*?)\)", source, re.MULTILINE | re.DOTALL)
    packages = re.findall(r'"([\w.]+)"', named.group(1)) if named else ["ctlctl", "ctlctl_trust"]
    with atheris.instrument_imports(include=packages, enable_loader_override=False):
        for package in packages:
            importlib.import_module(package)
        target = load(name)
        for data in target.seeds():
            # What is imported only when it is needed is needed now, to be instrumented.
            target.one_input(data)
    corpus = work / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    for data in (*target.seeds(), *regressions(name)):
        (corpus / hashlib.sha256(data).hexdigest()).write_bytes(data)
    arguments = [
        sys.argv[0],
        f"-runs={int(runs * getattr(target, 'SHARE', 1.0))}",
        f"-max_len={getattr(target, 'MAX_LENGTH', MAX_LENGTH)}",
        f"-timeout={INPUT_TIMEOUT}",
        f"-seed={seed}",
    ]
    arguments += ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={work}/crash-{name}-"]
    if seconds:
        arguments.append(f"-max_total_time={seconds}")
    arguments.append(str(corpus))
    # A library that warns of what stands in a file writes to an operator's terminal.
    warnings.simplefilter("error")
    mutate = getattr(target, "mutate", None)
    extra: dict[str, Any] = {}
    if mutate is not None:

        def custom(data: bytes, limit: int, seed: int) -> bytes:
            if seed & 1:
                return bytes(atheris.Mutate(data, limit))
            return bytes(mutate(data, limit, Random(seed), atheris.Mutate))  # noqa: S311 - reproducible on purpose

        extra["custom_mutator"] = custom
    atheris.Setup(arguments, timed(target, work), **extra)
    atheris.Fuzz()


def timed(target: ModuleType, work: Path) -> Any:  # noqa: ANN401 - atheris has no types
    """Return the target's function, noting which input took longest."""
    longest = 0
    path = work / f"slowest-{target.NAME}"

    def one(data: bytes) -> None:
        nonlocal longest
        begun = time.perf_counter_ns()
        target.one_input(data)
        took = time.perf_counter_ns() - begun
        if took > longest:
            longest = took
            path.with_suffix(".bin").write_bytes(data)
            path.with_suffix(".json").write_text(json.dumps({"ms": took / 1e6, "bytes": len(data)}))

    return one


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=100_000, help="inputs for each target (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=0, help="end each target after so many seconds (default: never)")
    parser.add_argument("--seed", type=int, default=0, help="the same inputs each time (default: others each time)")
    parser.add_argument("--target", action="append", choices=TARGETS, help="run only this target; may be repeated")
    parser.add_argument("--work", type=Path, default=ROOT / ".fuzz", help="directory of corpora and findings")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time (default: %(default)s)"
    )
    parser.add_argument("--worker", choices=TARGETS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work_on(options.worker, options.runs, options.seconds, options.work, options.seed)
        return 0
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("atheris is not installed: the campaign needs Linux on x86-64 and Python up to 3.13\n")
        return 2
    # The slowest first, so that no core waits for it at the end.
    names = sorted(options.target or TARGETS, key=lambda name: name != "trust_list")
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        outcomes = list(
            pool.map(lambda n: run_target(n, options.runs, options.seconds, options.work, options.seed), names)
        )
    sys.stdout.write(f"{'target':<12} {'executions':>11} {'seconds':>8} {'exec/s':>8} {'slowest':>10}  coverage\n")
    for one in outcomes:
        rate = one.executions / one.seconds if one.seconds else 0
        sys.stdout.write(
            f"{one.name:<12} {one.executions:>11,} {one.seconds:>8.0f} {rate:>8,.0f} {one.slowest_ms:>7.1f} ms"
            f"  {one.coverage}{'' if one.ok else '  FAILED'}\n"
        )
    for one in outcomes:
        if not one.ok:
            sys.stdout.write(f"\n--- {one.name}: see {options.work}/crash-{one.name}-* ---\n{one.output[-6000:]}\n")
    return 0 if all(one.ok for one in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
