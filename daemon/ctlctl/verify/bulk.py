"""Many files on all cores: workers examine and render, the parent only prints and counts."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ctlctl.verify.engine import Examiner
from ctlctl.verify.helpers import HelperFiles, Helpers
from ctlctl.verify.result import Result, Verdict, to_json
from ctlctl.verify.sources import read_file
from ctlctl_trust.codes import Severity, severity_of
from ctlctl_trust.verify import Policy

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Files from which starting worker processes (about 0.2 s) pays.
PARALLEL_FROM = 400
#: Files handed to a worker at a time: enough that handing over costs nothing, few enough that the bar moves.
_CHUNK = 50


class Job(NamedTuple):
    """What every worker needs to know.

    Attributes:
        files: bytes of the helper files.
        now: the instant to judge validity at.
        allow_sha256: accept digest code 2.
        output: "text" or "json".
        colour: whether text is coloured.
        every_line: text: a line for every file, not only for those with something wrong.
    """

    files: HelperFiles
    now: datetime
    allow_sha256: bool
    output: str
    colour: bool
    every_line: bool

    def examiner(self) -> Examiner:
        """Return an examiner; HelperError where a helper file is not what its option needs."""
        helpers = Helpers()
        if self.files != HelperFiles():
            from ctlctl.verify.loading import prepare  # noqa: PLC0415 - only when a helper file is given

            helpers = prepare(self.files, self.now, Policy(self.allow_sha256))
        return Examiner(self.now, helpers, self.allow_sha256)


class Outcome(NamedTuple):
    """One file's result as far as the parent needs it: small, so that sending it costs little."""

    verdict: Verdict
    rendered: str
    warnings: tuple[str, ...]


def outcome(result: Result, job: Job) -> Outcome:
    """Render a result the way the job wants it."""
    warnings = tuple(code.value for code, _ in result.findings.counts if severity_of(code) is Severity.WARNING)
    rendered = ""
    if job.output == "json":
        from json import dumps  # noqa: PLC0415 - text output needs no JSON

        rendered = dumps(to_json(result))
    elif job.every_line or result.verdict in (Verdict.INVALID, Verdict.UNDECIDED, Verdict.STALE):
        from ctlctl.verify.text import Style, render_line  # noqa: PLC0415 - JSON output needs no text

        rendered = render_line(result, Style(job.now, job.colour))
    return Outcome(result.verdict, rendered, warnings)


class Batch(NamedTuple):
    """Several files' outcomes together, so that handing them over costs little.

    Attributes:
        rendered: what to print, in order; nothing for files about which there is nothing to say.
        verdicts: how many files got each verdict.
        warnings: how many files each warning was found in.
    """

    rendered: tuple[str, ...]
    verdicts: dict[str, int]
    warnings: dict[str, int]

    @property
    def size(self) -> int:
        """Number of files."""
        return sum(self.verdicts.values())


def batch(outcomes: Iterable[Outcome]) -> Batch:
    """Put outcomes together."""
    rendered: list[str] = []
    verdicts: dict[str, int] = {}
    warnings: dict[str, int] = {}
    for each in outcomes:
        if each.rendered:
            rendered.append(each.rendered)
        verdicts[each.verdict.value] = verdicts.get(each.verdict.value, 0) + 1
        for code in each.warnings:
            warnings[code] = warnings.get(code, 0) + 1
    return Batch(tuple(rendered), verdicts, warnings)


class WorkerLostError(Exception):
    """A worker process died; the files it had are not verified."""


class _Worker:
    """State of a worker process, set once when it starts."""

    job: Job
    examiner: Examiner


def _start(job: Job) -> None:
    import signal  # noqa: PLC0415 - only in workers

    # Ctrl-C goes to the whole group; the parent ends the workers, they need not each print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker.job, _Worker.examiner = job, job.examiner()


def _work(paths: Sequence[str]) -> Batch:
    job, examiner = _Worker.job, _Worker.examiner
    return batch(outcome(examiner.examine(read_file(path)), job) for path in paths)


@contextmanager
def examining(paths: Sequence[str], job: Job, examiner: Examiner) -> Iterator[Iterator[Batch]]:
    """Give the outcomes of all files, in order, using all cores where that pays.

    Args:
        paths: the files.
        job: how.
        examiner: the examiner to use in this process.
    """
    cores = len(os.sched_getaffinity(0))
    if len(paths) < PARALLEL_FROM or cores < 2:  # the second half depends on the machine
        yield (batch((outcome(examiner.examine(read_file(path)), job),)) for path in paths)
        return
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - only for many files
    from multiprocessing import get_context  # noqa: PLC0415
    from threading import active_count  # noqa: PLC0415

    # A fork costs nothing, but copies locks that other threads may hold; then workers start clean instead (0.2 s).
    context = get_context("fork" if active_count() == 1 else "spawn")
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    with ProcessPoolExecutor(cores, context, _start, (job,)) as pool:
        futures = [pool.submit(_work, chunk) for chunk in chunks]
        try:
            yield map(_outcome_of, futures)
        finally:
            pool.shutdown(cancel_futures=True)


def _outcome_of(future: "Future[Batch]") -> Batch:
    from concurrent.futures import BrokenExecutor  # noqa: PLC0415 - see above

    try:
        return future.result()
    except BrokenExecutor:
        message = "a worker process ended before its time (out of memory?): what is missing above was not verified"
        raise WorkerLostError(message) from None


@contextmanager
def progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr while files are examined; gives what to call when some more are done."""
    if not shown:
        yield _nothing
        return
    from rich.console import Console  # noqa: PLC0415 - rich is loaded only where it draws
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield partial(bar.advance, task)


def _nothing(more: int) -> None:
    """Count nothing: nobody is there to see a bar."""
