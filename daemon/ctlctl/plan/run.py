"""What the commands of `ctlctl plan` do, from asking ctld to file, output and exit code."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from json import dumps, loads
from pathlib import Path
from typing import Any, Final

from ctlctl import __version__
from ctlctl.assess.words import listed
from ctlctl.fleet.client import AskError, Told, ask_fleet
from ctlctl.plan.codec import to_plain
from ctlctl.plan.document import PlanFileError, file_name, seal
from ctlctl.plan.facts import FactsError
from ctlctl.plan.files import FileError, load_plan, read_names, save_plan
from ctlctl.plan.making import Basis, Request, make_plan
from ctlctl.plan.model import SCHEMA, Plan
from ctlctl.plan.selecting import SelectionError, Wanted
from ctlctl.plan.text import plan_lines, saved_lines, shown_lines
from ctlctl.terminal import say, wants_colour
from ctlctl_capf.rollout.model import Operation
from ctlctl_config import Settings, SettingsError, load_settings
from ctlctl_config.names import no_such_cluster

_USAGE: Final = 2
_UNDECIDED: Final = 3
_REFUSED: Final = 4


@dataclass(frozen=True, slots=True)
class PlanWords:
    """The command line of `ctlctl plan lsc …`.

    Attributes:
        operation: what is to be done.
        cluster: name of the cluster.
        filters: words of `ctlctl phone list`.
        from_file: file with device names, or None.
        everything: whether all phones of the cluster may be meant.
        accepted: codes of guards that the operator takes on.
        first: names of phones that go first.
        renew_before_days: instead of the settings'; None for theirs.
        due_or_not: whether LSCs are renewed that are not due.
        out: file to save the plan in; None for one named after it, in this directory.
        force: whether a file that is there may be replaced.
        output: "text" or "json".
    """

    operation: str
    cluster: str
    filters: Mapping[str, str]
    from_file: str | None = None
    everything: bool = False
    accepted: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    renew_before_days: int | None = None
    due_or_not: bool = False
    out: str | None = None
    force: bool = False
    output: str = "text"


class _EndError(Exception):
    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def run_plan(path: Path, words: PlanWords) -> int:
    """Make a plan and save it; return 0, 2 usage, 3 where too little is known, 4 where it is refused.

    Args:
        path: the settings file.
        words: the command line.
    """
    return _said(lambda: _plan(path, words))


def run_show(path: Path, output: str) -> int:
    """Show a plan file; return 0, 3 where it cannot be had, 4 where it is none or was edited."""
    return _said(lambda: _show(path, output))


def _said(command: Callable[[], int]) -> int:
    """Run a command, and say what ended it."""
    try:
        return command()
    except AskError as error:
        code, text = error.code, str(error)
    except SelectionError as error:
        code, text = (_USAGE, str(error)) if error.usage else (_REFUSED, f"refused: {error}")
    except PlanFileError as error:
        code, text = _REFUSED, f"refused: {error}"
    except (FactsError, FileError) as error:
        code, text = _UNDECIDED, str(error)
    except _EndError as error:
        code, text = error.code, str(error)
    for line in text.splitlines():
        say(line)
    return code


def _plan(path: Path, words: PlanWords) -> int:
    settings = _settings(path)
    cluster = settings.clusters.get(words.cluster)
    if cluster is None:
        raise _EndError(_USAGE, no_such_cluster(path, words.cluster, settings.clusters))
    names = None if words.from_file is None else read_names(Path(words.from_file))
    listed_file = cluster.rollout.do_not_touch
    untouched = None if listed_file is None else frozenset(read_names(listed_file))
    document = _ask(settings, "cluster-status", words.cluster)
    phones = _ask(settings, "phone-list", words.cluster)
    request = Request(
        operation=Operation(words.operation),
        wanted=Wanted(words.filters, names, words.everything),
        accepted=frozenset(words.accepted),
        first=words.first,
        renew_before_days=words.renew_before_days,
        due_or_not=words.due_or_not,
    )
    live = document.live and phones.live
    basis = Basis(
        document.answer["cluster"], phones.answer["rows"], live, untouched, now=int(time.time()), tool=__version__
    )
    return _finish(make_plan(basis, request, cluster), words)


def _finish(plan: Plan, words: PlanWords) -> int:
    if not plan.phones or plan.stopped_by:
        return _refuse(plan, words.output)
    needless = set(words.accepted) - {guard.code.value for guard in plan.guards if guard.accepted}
    if needless:
        say(f"--accept {listed(sorted(needless))}: was not needed, and is not in the plan")
    sealed = seal(plan)
    out = words.out or file_name(sealed)
    save_plan(sealed, Path(out), replace=words.force)
    if words.output == "json":
        sys.stdout.write(sealed.data.decode("ascii"))
        for line in saved_lines(sealed, out):
            say(line)
        return 0
    for line in (*plan_lines(plan, sealed.id, colour=wants_colour(sys.stdout)), *saved_lines(sealed, out)):
        print(line)
    return 0


def _refuse(plan: Plan, output: str) -> int:
    """Show what would have been planned, and say why it is not."""
    if output == "json":
        made: Any = to_plain(plan)
        print(dumps({"schema": SCHEMA, "sha256": None, **made}, sort_keys=True))
    else:
        for line in plan_lines(plan, "", colour=wants_colour(sys.stdout)):
            print(line)
    if not plan.phones:
        say("refused: no phone is left; nothing was saved and nothing has been changed")
        return _REFUSED
    codes = [guard.code.value for guard in plan.stopped_by]
    say(f"refused by {listed(codes, len(codes))}; nothing was saved and nothing has been changed")
    can = [guard.code.value for guard in plan.stopped_by if guard.can_be_accepted]
    if can:
        say(
            f"once you have made sure: {' '.join(f'--accept {code}' for code in can)} takes it on, and the plan says so"
        )
    return _REFUSED


def _show(path: Path, output: str) -> int:
    sealed = load_plan(path)
    if output == "json":
        print(dumps(loads(sealed.data), indent=1))
        return 0
    for line in shown_lines(sealed, colour=wants_colour(sys.stdout)):
        print(line)
    return 0


def _settings(path: Path) -> Settings:
    try:
        return load_settings(path)
    except SettingsError as error:
        raise _EndError(_UNDECIDED, str(error)) from None


def _ask(settings: Settings, question: str, cluster: str) -> Told:
    told = ask_fleet(settings.api.socket, settings.api.snapshot, question, {"cluster": cluster})
    if not told.live and question == "cluster-status":
        say(f"{told.why_not}. From the snapshot that it left:")
    return told
