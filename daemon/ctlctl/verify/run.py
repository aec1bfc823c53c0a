"""One run of `ctlctl verify`: all targets in turn, printed as they are known, and the exit code."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ctlctl.terminal import printable, say, wants_colour
from ctlctl.verify.bulk import Batch, Job, WorkerLostError, batch, examining, outcome, progress
from ctlctl.verify.clusters import PREFIX
from ctlctl.verify.engine import Examiner, without_bytes
from ctlctl.verify.helpers import HelperError, HelperFiles, HelperPaths
from ctlctl.verify.options import VerifyArguments
from ctlctl.verify.result import EXIT_CODES, SCHEMA, Result, Verdict, instant, worst
from ctlctl.verify.settings import UsageError, VerifySettings, make_settings
from ctlctl.verify.sources import Content, is_address, list_directory, read_target
from ctlctl.verify.text import Style, Tally, quote, render
from ctlctl_trust.codes import Code
from ctlctl_trust.findings import Finding

if TYPE_CHECKING:
    from ctlctl.verify.clusters import Clusters

#: Files in a directory up to which each gets a line of its own, good ones too.
_EVERY_LINE_UP_TO = 25
#: What a directory may hold.
_ANY_KIND = ("ctl", "itl", "sgn", "enc.sgn")


def run_verify(arguments: VerifyArguments, clusters: "Clusters | None" = None, against: str | None = None) -> int:
    """Verify what the arguments name, print the result, and return the exit code.

    Args:
        arguments: the words of the command line.
        clusters: the clusters in the settings; None where no target and no option names one.
        against: cluster whose certificates in use the lists are held against.

    Raises:
        UsageError: the arguments make no sense.
    """
    settings = make_settings(arguments, datetime.now(UTC), clusters=clusters is not None)
    writer: _Writer = _JsonWriter(settings) if settings.output == "json" else _TextWriter(settings)
    try:
        files = HelperFiles()
        if settings.helpers != HelperPaths():
            from ctlctl.verify.loading import load_files  # noqa: PLC0415 - only when a helper file is given

            files = load_files(settings.helpers, settings.network)
        job = Job(files, settings.now, settings.allow_sha256, settings.output, writer.colour, every_line=True)
        examiner = job.examiner()
        in_use = None if clusters is None or against is None else clusters.in_use(against)
    except HelperError as error:
        writer.cannot(str(error))
        return EXIT_CODES[Verdict.UNDECIDED]
    kinds: set[str | None] = set()
    for target in settings.targets:
        if clusters is not None and target.startswith(PREFIX):
            kinds.update(_verify_cluster(target, clusters, job, examiner, writer))
        elif target != "-" and not is_address(target) and os.path.isdir(target):
            if in_use is not None:
                raise UsageError(f"{target}: --against holds lists of one cluster against it; name the files")
            _verify_directory(target, job, examiner, writer)
            kinds.update(_ANY_KIND)
        else:
            result = examiner.examine(read_target(target, settings.network))
            if in_use is not None:
                result = in_use.judge(result)
            writer.result(result, job)
            kinds.add(result.kind)
    _remark_unused(settings, kinds)
    return EXIT_CODES[writer.finish()]


def _remark_unused(settings: VerifySettings, kinds: set[str | None]) -> None:
    """Say which options had nothing to do: the operator may believe that they were looked at."""
    helpers = settings.helpers
    signed, encrypted = {"sgn", "enc.sgn"}, {"enc.sgn"}
    for flag, given, wanted, what in (
        ("--previous", helpers.previous, {"ctl", "itl"}, "CTL or ITL"),
        ("--ctl", helpers.ctl, {"itl"}, "ITL"),
        ("--trust-list", helpers.trust_lists, signed, "signed file"),
        ("--decrypt-key", helpers.decrypt_key, encrypted, "encrypted file"),
    ):
        if given and not kinds & wanted:
            say(f"{flag} was not used: no {what} is among the targets")


def _verify_cluster(
    target: str, clusters: "Clusters", job: Job, examiner: Examiner, writer: "_Writer"
) -> set[str | None]:
    """Verify every list of every TFTP node of a cluster, each held against the certificates in use there."""
    name = target.removeprefix(PREFIX)
    kinds: set[str | None] = set()
    lists = list(clusters.lists(name))
    try:
        in_use = clusters.in_use(name)
    except HelperError as error:
        problem = Finding(Code.NOT_COMPARED, str(error))
        writer.result(without_bytes(Content(target, problem=problem)), job)
        in_use = None
    for node, content in lists:
        result = examiner.examine(content)
        if in_use is not None:
            result = in_use.judge(result, node)
        writer.result(result, job)
        kinds.add(result.kind)
    return kinds


def _verify_directory(path: str, job: Job, examiner: Examiner, writer: "_Writer") -> None:
    try:
        names = list(list_directory(path))
    except OSError as error:
        problem = Finding(Code.UNREADABLE, error.strerror or str(error))
        writer.result(without_bytes(Content(path, problem=problem)), job)
        return
    if not names:
        problem = Finding(Code.NO_LISTS, "no .tlv or .sgn file in this directory")
        writer.result(without_bytes(Content(path, problem=problem)), job)
        return
    job = Job(
        job.files,
        job.now,
        job.allow_sha256,
        job.output,
        job.colour,
        every_line=len(names) <= _EVERY_LINE_UP_TO,
    )
    try:
        _examine_directory(path, names, job, examiner, writer)
    except WorkerLostError as error:
        problem = Finding(Code.UNREADABLE, str(error))
        writer.result(without_bytes(Content(path, problem=problem)), job)


def _examine_directory(path: str, names: list[str], job: Job, examiner: Examiner, writer: "_Writer") -> None:
    with (
        # Workers before the bar: the bar is drawn by a thread, and workers are best forked while there is none.
        examining(names, job, examiner) as outcomes,
        progress(len(names), shown=len(names) > _EVERY_LINE_UP_TO and sys.stderr.isatty()) as some_more,
    ):
        writer.directory(path, _counted(outcomes, some_more))


def _counted(outcomes: Iterator[Batch], some_more: Callable[[int], None]) -> Iterator[Batch]:
    for each in outcomes:
        yield each
        some_more(each.size)


class _Writer(Protocol):
    """Prints results as they come; knows the worst verdict so far."""

    colour: bool

    def result(self, result: Result, job: Job) -> None:
        """Print one result."""

    def directory(self, path: str, outcomes: Iterator[Batch]) -> None:
        """Print the outcomes of a directory's files."""

    def cannot(self, message: str) -> None:
        """Say why nothing could be examined."""

    def finish(self) -> Verdict:
        """End the output and return the verdict on everything."""


def _given(settings: VerifySettings) -> str:
    """Return the options that a next step should repeat, quoted, each with a blank before it."""
    helpers = settings.helpers
    words = [("--previous", helpers.previous), ("--ctl", helpers.ctl)]
    words += [("--trust-list", path) for path in helpers.trust_lists]
    words.append(("--decrypt-key", helpers.decrypt_key))
    return "".join(f" {flag} {printable(quote(path))}" for flag, path in words if path is not None)


class _TextWriter:
    """Blocks for single targets, lines and a summary for directories."""

    def __init__(self, settings: VerifySettings) -> None:
        self.colour = wants_colour(sys.stdout)
        self._style = Style(settings.now, self.colour, _given(settings))
        self._verdicts: set[Verdict] = set()
        self._single = Tally()

    def result(self, result: Result, job: Job) -> None:
        if self._verdicts:
            print()
        print(render(result, self._style))
        self._verdicts.add(result.verdict)
        self._single.add(batch((outcome(result, job),)))

    def directory(self, path: str, outcomes: Iterator[Batch]) -> None:
        if self._verdicts:
            print()
        tally = Tally()
        for each in outcomes:
            for line in each.rendered:
                print(line)
            tally.add(each)
        self._verdicts.update(tally.verdicts)
        print("\n".join(tally.lines(path, self._style)))

    def cannot(self, message: str) -> None:
        say(message)

    def finish(self) -> Verdict:
        if self._single.verdicts.total() > 1:
            print()
            print(self._single.lines("all", self._style)[0])
        return worst(self._verdicts)


class _JsonWriter:
    """One JSON object, its results written as they are known, so that a directory of any size fits."""

    colour = False

    def __init__(self, settings: VerifySettings) -> None:
        self._now = settings.now
        self._verdicts: set[Verdict] = set()
        self._begun = False

    def _write(self, text: str) -> None:
        if not self._begun:
            print(f'{{"schema": "{SCHEMA}", "at": "{instant(self._now)}",\n "results": [')
        else:
            print(",")
        print(f"  {text}", end="")
        self._begun = True

    def result(self, result: Result, job: Job) -> None:
        self._write(outcome(result, job).rendered)
        self._verdicts.add(result.verdict)

    def directory(self, path: str, outcomes: Iterator[Batch]) -> None:  # noqa: ARG002 - text names the directory
        for each in outcomes:
            for text in each.rendered:
                self._write(text)
            self._verdicts.update(map(Verdict, each.verdicts))

    def cannot(self, message: str) -> None:
        from json import dumps  # noqa: PLC0415 - text output needs no JSON

        say(message)
        verdict = Verdict.UNDECIDED.value
        print(dumps({"schema": SCHEMA, "verdict": verdict, "at": instant(self._now), "results": [], "error": message}))

    def finish(self) -> Verdict:
        verdict = worst(self._verdicts)
        print(f'\n ],\n "verdict": "{verdict.value}"}}')
        return verdict
