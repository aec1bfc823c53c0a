"""What the commands about the fleet do, from the question to output and exit code."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from json import dumps
from pathlib import Path
from typing import Any, Final

from ctlctl.fleet.check import nagios_lines
from ctlctl.fleet.client import AskError, Told, ask_fleet, wait_for_daemon
from ctlctl.fleet.statustext import phone_lines, status_lines
from ctlctl.fleet.tables import csv_text, table_lines
from ctlctl.fleet.words import plural
from ctlctl.terminal import columns_of, pasteable, printable, say, wants_colour
from ctlctl_config import Settings, SettingsError, load_settings
from ctlctl_config.names import no_such_cluster

_NOT_WELL: Final = 1
_USAGE: Final = 2
_UNDECIDED: Final = 3
_DENIED: Final = 4
#: Kind of a fault that is none: the release has no such interface.
_UNSUPPORTED: Final = "unsupported"
#: Questions about what was: a cluster that was taken out of the settings has a history; one that never was has none.
OF_THE_PAST: Final = frozenset({"audit-log", "plan-list", "trustlist-history"})
#: Words of a question about a list that leave nothing out.
_NO_FILTERS: Final = frozenset({"cluster", "limit", "offset"})
#: Exit codes of monitoring plugins.
_NAGIOS_UNKNOWN: Final = 3


def _ask(path: Path, ask: str, words: Mapping[str, str]) -> Told:
    """Ask as the settings say, and say on stderr where the answer is from when it is not from a running daemon.

    Raises:
        AskError: there is no answer.
    """
    return _ask_by(path, load_for(path), ask, words)


def _ask_by(path: Path, settings: Settings, ask: str, words: Mapping[str, str]) -> Told:
    if ask not in OF_THE_PAST:
        check_cluster(path, settings, words)
    try:
        told = ask_fleet(settings.api.socket, settings.api.snapshot, ask, words)
    except AskError as error:
        if error.code == _UNDECIDED:
            # Then the settings alone know of clusters.
            check_cluster(path, settings, words)
        raise
    if not told.live:
        say(f"{told.why_not}. From the snapshot that it left:")
    return told


def _ask_status(path: Path, words: Mapping[str, str]) -> Told:
    """Ask how all is, and add which clusters of the settings nothing is known of: silence is not "ok".

    Raises:
        AskError: there is no answer.
    """
    settings = load_for(path)
    told = _ask_by(path, settings, "status", words)
    known = {one["name"] for one in told.answer["clusters"]}
    missing = [] if words.get("cluster") else sorted(settings.clusters.keys() - known)
    return replace(told, answer={**told.answer, "not_looked_at": missing})


def check_cluster(path: Path, settings: Settings, words: Mapping[str, str]) -> None:
    """Refuse a question about a cluster that the settings do not have.

    Args:
        path: the settings file.
        settings: what is in it.
        words: of the question; ``cluster`` names one.

    Raises:
        AskError: there is no such cluster; its code is 2.
    """
    name = words.get("cluster", "")
    if name and name not in settings.clusters:
        raise AskError(_USAGE, no_such_cluster(path, name, settings.clusters))


def load_for(path: Path) -> Settings:
    """Load the settings of the commands that ask.

    Raises:
        AskError: they cannot be read.
    """
    try:
        return load_settings(path)
    except SettingsError as error:
        if _denied(path):
            raise AskError(_DENIED, f"{error}; the group ctlctl may read the system's settings, and ask ctld") from None
        raise AskError(_UNDECIDED, str(error)) from None


def _denied(path: Path) -> bool:
    try:
        with open(path, "rb"):
            return False
    except OSError as error:
        return isinstance(error, PermissionError)


def _failed(error: AskError) -> int:
    for line in str(error).splitlines():
        say(line)
    return error.code


def run_status(path: Path, words: Mapping[str, str], output: str, *, everything: bool) -> int:
    """Print what is wrong, worst first; return 0, or 3 when nobody can tell."""
    try:
        told = _ask_status(path, words)
    except AskError as error:
        return _failed(error)
    if output == "json":
        print(dumps({**told.answer, "live": told.live}, indent=1, ensure_ascii=False))
        return 0
    if not told.answer["clusters"] and not told.answer["not_looked_at"]:
        say(f"{path} names no cluster: ctlctl cluster add NAME")
    colour = wants_colour(sys.stdout)
    for line in status_lines(told.answer, colour=colour, everything=everything, live=told.live):
        print(line)
    return 0


def run_list(path: Path, ask: str, words: Mapping[str, str], output: str) -> int:
    """Print a list as a table, CSV or JSON; return 0, or the exit code of the error."""
    try:
        settings = load_for(path)
        told = _ask_by(path, settings, ask, words)
        rows: list[dict[str, Any]] = told.answer["rows"]
        if not rows:
            check_cluster(path, settings, words)
    except AskError as error:
        return _failed(error)
    if output == "json":
        print(dumps({**told.answer, "live": told.live}, indent=1, ensure_ascii=False))
    elif output == "csv":
        sys.stdout.write(csv_text(ask, rows))
    else:
        for line in _head(told.answer):
            print(line)
        for line in table_lines(ask, rows, told.answer["at"], columns_of(sys.stdout)):
            print(line)
        total = told.answer["total"]
        more = f" of {total:,}" if total > len(rows) else ""
        said = ", ".join(
            f"--{name.replace('_', '-')} {word}" for name, word in words.items() if name not in _NO_FILTERS
        )
        say(f"{plural(len(rows), 'row')}{more}{f': nothing matches {said}' if said and not total else ''}")
    return 0


def _head(answer: Mapping[str, Any]) -> list[str]:
    """Return what stands above a table: for CAPF, how many phones have which status."""
    counts = answer.get("counts")
    if not counts:
        return []
    return [
        *(f"{one['cluster']}  {one['kind']:<8} {one['count']:>7,}  {printable(one['status'])}" for one in counts),
        "",
    ]


def run_phone(path: Path, words: Mapping[str, str], output: str) -> int:
    """Print everything about one phone; return 0, or the exit code of the error."""
    try:
        told = _ask(path, "phone-show", words)
    except AskError as error:
        return _failed(error)
    if output == "json":
        print(dumps({**told.answer, "live": told.live}, indent=1, ensure_ascii=False))
        return 0
    for line in phone_lines(told.answer, colour=wants_colour(sys.stdout)):
        print(line)
    return 0


def run_cluster(path: Path, name: str, output: str) -> int:
    """Print everything about one cluster but its phones; return 0, or the exit code of the error."""
    if output == "text":
        return run_status(path, {"cluster": name}, output, everything=True)
    try:
        told = _ask(path, "cluster-status", {"cluster": name})
    except AskError as error:
        return _failed(error)
    print(dumps({**told.answer, "live": told.live}, indent=1, ensure_ascii=False))
    return 0


def _ask_refresh(path: Path, words: Mapping[str, str], *, wait: bool) -> Told:
    """Have a cluster asked, and add to each round what only some nodes did not answer: that ends no round.

    Raises:
        AskError: there is no answer.
    """
    settings = load_for(path)
    check_cluster(path, settings, words)
    if wait:
        wait_for_daemon(settings.api.socket)
    told = _ask_by(path, settings, "refresh", words)
    with suppress(AskError):
        document = _ask_by(path, settings, "cluster-status", {"cluster": words["cluster"]}).answer["cluster"]
        states = document["sources"]
        rounds = [
            {**one, "fault": one["fault"] or states.get(one["source"], {}).get("fault")}
            for one in told.answer["rounds"]
        ]
        return replace(told, answer={**told.answer, "rounds": rounds})
    return told


def run_refresh(path: Path, words: Mapping[str, str], output: str, *, wait: bool = False) -> int:
    """Have the daemon ask a cluster now; return 0 if every source answered, 3 if one did not.

    Args:
        path: the settings file.
        words: what belongs to the question.
        output: "text" or "json".
        wait: whether to wait for a daemon that does not listen yet.
    """
    try:
        told = _ask_refresh(path, words, wait=wait)
    except AskError as error:
        return _failed(error)
    rounds = told.answer["rounds"]
    retried = told.answer.get("retried", [])
    if retried:
        later = "; writer at the next change" if "writer" in retried else ""
        say(f"one more try of what was refused: {', '.join(map(str, retried))}{later}")
    elif words.get("retry_credentials"):
        say("no account was refused and is still the same: nothing was tried that is not tried anyway")
    if output == "json":
        print(dumps(told.answer, indent=1, ensure_ascii=False))
    else:
        for one in rounds:
            fault = one["fault"]
            if fault is not None and fault["kind"] == _UNSUPPORTED:
                print(f"{one['source']:<16} -     this release has none")
                continue
            print(f"{one['source']:<16} {'ok' if fault is None else 'FAIL  ' + printable(fault['detail'])}")
            if fault is not None and fault["advice"]:
                print(f"{'':<16} → {printable(pasteable(fault['advice']))}")
    failed = any(one["fault"] is not None and one["fault"]["kind"] != _UNSUPPORTED for one in rounds)
    return _UNDECIDED if failed else 0


def run_check(path: Path, words: Mapping[str, str], style: str) -> int:
    """Judge in one word; return 0, 1 or 3, or with style "nagios" the codes of monitoring plugins."""
    try:
        told = _ask_status(path, words)
    except AskError as error:
        if style != "nagios":
            return _failed(error)
        print(f"UNKNOWN - {' '.join(str(error).split())}")
        return _NAGIOS_UNKNOWN
    code, lines = nagios_lines(told.answer, live=told.live)
    for line in lines:
        print(line)
    if style == "nagios":
        return code
    return {0: 0, 1: _NOT_WELL, 2: _NOT_WELL}.get(code, _UNDECIDED)
