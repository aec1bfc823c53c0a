"""A cluster that no settings know is a mistake of whoever typed its name, for every command that takes one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from ctlctl.cli.app import cli
from ctlctl.service.server import ApiServer, Peer
from support.command import ctlctl

CLUSTER = """
[clusters.{name}]
timezone = "Europe/Berlin"
[clusters.{name}.axl]
host = "10.1.1.10"
username = "ctlctl"
password_file = "axl.password"
tls_pin = "{pin}"
"""
#: What a command needs beside the name, which stands where NAME does; without NAME it comes next.
MORE = {
    "capf enroll": ("--cluster", "NAME", "--user", "u", "--instance", "i", "--out", "new"),
    "capf profile create": ("NAME", "--user", "u", "--instance", "i"),
    "capf profile remove": ("NAME", "--user", "u", "--instance", "i"),
    "capf profile update": ("NAME", "--user", "u", "--instance", "i"),
    "phone show": ("NAME", "SEP001122334455"),
    "verify": ("cluster:NAME",),
}
#: Commands of `cluster` call it a name; `cluster add` takes a new one.
NAMED = {"cluster doctor", "cluster refresh", "cluster status"}


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Give every command that takes the name of a cluster."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    elif {"cluster", "against"} & {one.name for one in command.params} or " ".join(path) in NAMED:
        yield " ".join(path)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "ctld.toml"
    pin = ":".join(["AB"] * 32)
    clusters = "".join(CLUSTER.format(name=name, pin=pin) for name in ("hq", "branch-7"))
    path.write_text(f'[api]\nsocket = "ctld.socket"\nsnapshot = "snapshot"\n{clusters}')
    return path


@pytest.mark.parametrize("words", sorted(commands()))
def test_a_name_that_no_settings_know(words: str, settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(settings.parent)
    more = [word.replace("NAME", "Brunch-7") for word in MORE.get(words, ("NAME",))]
    done = ctlctl("--config", settings, *words.split(), *more)
    assert (done.code, done.out) == (2, "")
    assert f"{settings} has no cluster 'Brunch-7' (is branch-7 meant?); it has: hq, branch-7\n" in done.err


def test_all_of_them_are_looked_at() -> None:
    assert {"audit", "plan lsc renew", "plan list", "status", "verify", *NAMED} <= set(commands())


def test_a_name_that_is_like_none_is_taken_for_none(settings: Path) -> None:
    assert "has no cluster 'zzz'; it has: hq, branch-7\n" in ctlctl("--config", settings, "status", "zzz").err
    settings.write_text("")
    assert "has no cluster 'zzz'; it has: none\n" in ctlctl("--config", settings, "status", "zzz").err


def test_a_refresh_waits_for_a_ctld_that_was_just_started_if_told_to(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--config", settings, "cluster", "refresh", "hq")
    assert ctlctl(*words).code == 3
    asked: list[str] = []

    def told(ask: str, given: Mapping[str, str], who: Peer) -> dict[str, Any]:
        asked.append(ask)
        return {"rounds": [], "cluster": {"name": given["cluster"], "by": who.uid, "sources": {}}}

    server = ApiServer(settings.parent / "ctld.socket", "no-such-group", told)

    def between_looks(_: float) -> None:
        # It comes when somebody has looked for it in vain.
        if not server.path.exists():
            server.start()

    monkeypatch.setattr("ctlctl.fleet.client.time.sleep", between_looks)
    try:
        assert ctlctl(*words, "--wait").code == 0
    finally:
        server.stop()
    assert asked == ["refresh", "cluster-status"]


def test_a_name_that_is_known_is_undecided_while_nobody_answers(settings: Path) -> None:
    assert ctlctl("--config", settings, "status", "hq").code == 3
    assert ctlctl("--config", settings, "check", "nowhere", "--format", "nagios").code == 3
