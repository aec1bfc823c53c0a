"""Running `ctlctl` as an operator does: in this process (fast), or as a program of its own (the real thing)."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import click

from ctlctl.__main__ import main
from ctlctl.cli.app import cli

#: The instant of every verdict in the vectors.
AT = "2026-11-23T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        """The JSON object on stdout."""
        loaded = json.loads(self.out)
        assert isinstance(loaded, dict)
        return loaded

    @property
    def results(self) -> list[dict[str, object]]:
        """The results of a `verify -o json`."""
        results = self.json["results"]
        assert isinstance(results, list)
        return results


def ctlctl(*words: object) -> Done:
    """Run a command in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    code: object = 0
    with (
        patch.object(sys, "argv", ["ctlctl", *map(str, words)]),
        # A program of its own ends at once; in here that would end the tests.
        patch("ctlctl.cli.exits.end_now", sys.exit),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int | None)
    out.flush()
    stdout = out.buffer
    assert isinstance(stdout, io.BytesIO)
    return Done(code or 0, stdout.getvalue().decode(), err.getvalue())


def program(
    *words: object, stdin: bytes | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Done:
    """Run a command as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "ctlctl", *map(str, words)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        check=False,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def codes(result: Mapping[str, object]) -> set[str]:
    """Return the reason codes of one JSON result."""
    findings = result["findings"]
    assert isinstance(findings, list)
    return {finding["code"] for finding in findings}


def called_with(config: str | None) -> click.Context:
    """Return what click has while a command of `ctlctl --config ...` runs."""
    context = click.Context(cli)
    context.params["config"] = config
    return click.Context(cli.commands["status"], parent=context)
