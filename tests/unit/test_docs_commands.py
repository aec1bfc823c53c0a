"""Every `ctlctl` command line in the documentation, and in the advice of findings, is one that the program knows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ctlctl.cli.app import cli
from ctlctl.explanations import EXPLANATIONS
from ctlctl.explanations_cluster import CLUSTER_EXPLANATIONS
from support.vectors import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "systemd" / "README.md"])
SOURCES = sorted((ROOT / "daemon" / "ctlctl" / "assess").glob("*.py"))
#: In backticks, or a line of its own in a block; what follows a # or stands in other words is no part of it.
_COMMAND = re.compile(r"(?:^|[`\"$/ ])ctlctl((?: +(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s`\"#→,;()|]+))+)", re.MULTILINE)


def command_lines(text: str) -> Iterator[list[str]]:
    for found in _COMMAND.finditer(text):
        try:
            words = shlex.split(found[1])
        except ValueError:
            continue
        yield words


def problem(words: list[str]) -> str | None:
    """Return what the program would not know of a command line, or None; None too where it is prose about it."""
    command: click.Command = cli
    context = click.Context(cli)
    rest = list(words)
    if rest[:1] == ["--config"]:
        rest = rest[2:]
    depth = 0
    while isinstance(command, click.Group):
        if not rest or not re.fullmatch(r"[a-z][a-z-]*", rest[0]):
            return None
        found = command.get_command(context, rest[0])
        if found is None:
            # "ctlctl refuses", "ctlctl shows": a sentence; but a group is never followed by prose.
            return None if depth == 0 else f"{' '.join(words)}: no command {rest[0]!r}"
        command, depth = found, depth + 1
        rest.pop(0)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        flag = word.partition("=")[0].rstrip(".:")
        if flag.startswith("--") and flag not in {*known, "--help"}:
            return f"{' '.join(words)}: no option {flag}"
    return None


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=lambda path: path.name)
def test_command_lines_are_known(path: Path) -> None:
    problems = [said for words in command_lines(path.read_text(encoding="utf-8")) if (said := problem(words))]
    assert problems == []


def test_advice_of_findings_is_known() -> None:
    texts = [text for table in (EXPLANATIONS, CLUSTER_EXPLANATIONS) for each in table.values() for text in each]
    assert [said for text in texts for words in command_lines(text) if (said := problem(words))] == []


def test_this_test_can_fail() -> None:
    assert problem(["phone", "list", "hq", "--nonsense"]) is not None
    assert problem(["phone", "nonsense"]) is not None
    assert problem(["phone", "list", "hq", "--credential", "mic"]) is None
