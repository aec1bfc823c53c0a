"""Commands that an operator is told to type ask the same daemon as the command that told of them."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from ctlctl.cli.app import cli
from ctlctl.fleet.documents import cluster_document
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.terminal import pasteable
from support.command import called_with, ctlctl
from support.prometheus import good_report
from support.smallsnapshot import NOW

#: Groups of which some commands read no settings, and what each of the others begins with.
MIXED = {
    "finding": ["finding list hq"],
    "trustlist": ["trustlist list", "trustlist history hq"],
    "verify": ["verify cluster:hq --trust-anchor x", "verify CTLFile.tlv --against hq"],
}


@pytest.mark.parametrize("name", sorted(cli.commands.keys() - {"lab"}))
def test_every_command_that_reads_settings_is_told_which(name: str) -> None:
    with called_with("lab/ctld.toml"):
        for words in MIXED.get(name, [name]):
            assert pasteable(f"Next: ctlctl {words}") == f"Next: ctlctl --config lab/ctld.toml {words}"


@pytest.mark.parametrize(
    "text",
    [
        "ctlctl and ctld are of different versions",
        "the group ctlctl may read it",
        "ctlctl finding explain stale-ctl",
        "ctlctl verify CTLFile.tlv --trust-anchor CERTIFICATE.pem",
        "ctlctl lab status",
        "ctlctl --config other.toml status",
        "ctlctl statuses",
    ],
)
def test_what_reads_none_stays_as_it_is(text: str) -> None:
    with called_with("lab/ctld.toml"):
        assert pasteable(text) == text


def test_a_path_is_one_word_for_a_shell_whatever_is_in_it() -> None:
    with called_with("/a b/$x\\1.toml"):
        assert shlex.split(pasteable("ctlctl status hq")) == ["ctlctl", "--config", "/a b/$x\\1.toml", "status", "hq"]


def test_without_config_nothing_is_changed() -> None:
    assert pasteable("ctlctl status") == "ctlctl status"
    with called_with(None):
        assert pasteable("ctlctl status") == "ctlctl status"


def test_what_a_person_reads_has_it_and_what_a_program_reads_has_not(tmp_path: Path) -> None:
    settings = tmp_path / "ctld.toml"
    settings.write_text('[api]\nsocket = "s"\nsnapshot = "snapshot"\n')
    done = ctlctl("--config", settings, "cluster", "list")
    assert done.err == f"ctlctl: {settings}: no cluster yet; ctlctl --config {settings} cluster add NAME adds one\n"
    files = SnapshotFiles(tmp_path / "snapshot")
    files.prepare(None)
    report = good_report("hq", NOW)
    fault = {"kind": "unreachable", "detail": "connection refused", "advice": "ctlctl cluster doctor hq"}
    document: dict[str, Any] = {**cluster_document(report)}
    document["sources"]["axl"] |= {"fault": fault, "failing_since": NOW}
    files.write("hq", document, [])
    assert f"→ ctlctl --config {settings} cluster doctor hq\n" in ctlctl("--config", settings, "status").out
    told = ctlctl("--config", settings, "status", "-o", "json").out
    assert '"advice": "ctlctl cluster doctor hq"' in told
    assert "--config" not in told
