"""What the commands about plans under approval and about rollouts do."""

import io
import os
import re
import shlex
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctlctl.files import write_whole
from ctlctl.fleet.acts import ask_live, audit_rows
from ctlctl.fleet.client import AskError
from ctlctl.fleet.rollouttext import rollout_line, rollout_lines, severity
from ctlctl.fleet.words import minute, plural
from ctlctl.plan.document import PlanFileError
from ctlctl.plan.files import FileError, load_plan
from ctlctl.terminal import pasteable, printable, say, wants_colour

if TYPE_CHECKING:
    from ctlctl.plan.model import SealedPlan

_UNDECIDED: Final = 3
_REFUSED: Final = 4
_HALTED: Final = 5
_WATCH_SECONDS: Final = 2.0
#: A plan's short name, or more of its hash.
_SHORT: Final = re.compile(r"[0-9a-f]{6,64}")
_MODE: Final = 0o600
_README: Final = """\
Evidence of a rollout. Everything here can be checked without the program that wrote it:

  sha256sum -c SHA256SUMS       these files are as they were written
  plan.json                     the plan, byte by byte as it was approved. It is known by the SHA-256 of all its
                                lines but one: grep -v '^"sha256":' plan.json | sha256sum
                                In the log, plan-approved and plan-approval-renewed say who approved that
  audit.lines                   the whole audit log: each line is an entry and its hash. The hash of an entry is
                                SHA-256 over the hash before it (64 zeros before the first), a line feed, and the
                                entry's text without its own hash
  rollout.json                  how the rollout ended, or stood, with the phones that are left to people
  rows.jsonl                    one line for each phone: its last state, why, and what proves it

`ctlctl audit-log verify audit.lines` checks the chain.
"""


def _said(command: Callable[[], int]) -> int:
    try:
        return command()
    except AskError as error:
        code, text = error.code, str(error)
    except PlanFileError as error:
        code, text = _REFUSED, f"refused: {error}"
    except FileError as error:
        code, text = _UNDECIDED, str(error)
    for line in text.splitlines():
        say(line)
    return code


def _named_plan(name: str) -> "SealedPlan":
    """Load a plan by its path, or by the beginning of its hash from this directory.

    Raises:
        FileError: the file cannot be had.
        PlanFileError: it is no plan, was edited, or has another hash than its name says.
    """
    path = Path(name)
    found = [] if os.sep in name or path.exists() or not _SHORT.fullmatch(name) else sorted(Path().glob("*.json"))
    named = [one for one in found if one.stem.endswith(f"-{name}")]
    if len(named) > 1:
        raise FileError(f"{name}: {', '.join(map(str, named))} are all called so; give the path of one")
    if not named:
        return load_plan(path)
    sealed = load_plan(named[0])
    # A file can be called anything: whoever names a hash means what has it.
    if not sealed.sha256.startswith(name):
        raise PlanFileError(f"{named[0]} is not plan {name}, but plan {sealed.id} (SHA-256 {sealed.sha256})")
    return sealed


def run_approve(settings: Path, plan: str, output: str) -> int:
    """Approve a plan file; return 0, 3 where it cannot be had, 4 where it is refused."""

    def approve() -> int:
        sealed = _named_plan(plan)
        answer = ask_live(settings, "plan-approve", {"plan": sealed.data.decode()})
        if output == "json":
            print(dumps(answer, indent=1))
            return 0
        names = ", ".join(f"{one['name'] or one['uid']} {minute(one['at'])}" for one in answer["approvals"])
        print(f"plan {answer['plan']}  approved by {printable(names)}")
        print(f"  cluster    {printable(answer['cluster'])} · {plural(answer['phones'], 'phone')}")
        print(f"  sha256     {answer['sha256']}")
        for difference in answer["differences"]:
            print(f"  not as set {printable(difference)}")
        if answer.get("rollout") is not None:
            print(f"  renews     the approval of rollout {answer['rollout']}: {plural(answer['left'], 'phone')} to go")
        if answer["missing"]:
            print(f"  missing    {answer['missing']}")
            print("ctld keeps these bytes, and nothing is done before that.")
            print("Next: whoever approves besides you reads a copy (plan files are for their owner alone), and runs")
            print(pasteable("  ctlctl plan approve COPY"))
        elif answer.get("rollout") is not None:
            wish = "resume" if answer["mode"] in {"halted", "paused"} else "status"
            print(pasteable(f"Next: ctlctl rollout {wish} {answer['plan']}"))
        else:
            print("ctld keeps these bytes and carries out no others.")
            print(pasteable(f"Next: ctlctl rollout start {answer['plan']} --confirm {answer['sha256'][:12]}"))
        return 0

    return _said(approve)


def run_plan_list(settings: Path, words: Mapping[str, str], output: str) -> int:
    """List the plans that ctld keeps."""

    def show() -> int:
        answer = ask_live(settings, "plan-list", words)
        if output == "json":
            print(dumps(answer, indent=1))
            return 0
        for row in answer["rows"]:
            names = ", ".join(one["name"] or str(one["uid"]) for one in row["approvals"]) or "nobody"
            rollout = f"rollout {row['rollout']} {row['mode']}" if row["rollout"] is not None else "not started"
            where = f"{row['id']}  {minute(row['kept_at'])}  {printable(row['cluster'])}"
            print(f"{where}  approved by {printable(names)} · {rollout}")
        if not answer["rows"]:
            say("no plan has been approved")
        return 0

    return _said(show)


def run_start(settings: Path, plan: str, confirm: str, output: str) -> int:
    """Start a rollout; return 0, or 4 where it is refused."""

    def start() -> int:
        name = plan
        if os.sep in plan or Path(plan).exists():
            name = load_plan(Path(plan)).sha256
        answer = ask_live(settings, "rollout-start", {"plan": name, "confirm": confirm})
        if output == "json":
            print(dumps(answer, indent=1))
            return 0
        print(f"rollout {answer['rollout']} of plan {answer['plan']} began: {plural(answer['phones'], 'phone')}")
        if not answer.get("live", True):
            print(f"  not under way: {printable(answer['idle'])}")
        print(pasteable(f"Next: ctlctl rollout status {answer['plan']} --watch"))
        return 0

    return _said(start)


def run_wish(settings: Path, wish: str, words: Mapping[str, str]) -> int:
    """Pause, resume or abort a rollout; return 0, or 4 where it is refused."""

    def ask() -> int:
        answer = ask_live(settings, f"rollout-{wish}", words)
        when = f"it is {answer['mode']} now" if answer["obeyed"] else "not obeyed yet: its turn takes long; look again"
        print(f"rollout {answer['rollout']} of plan {answer['plan']}: {wish} is taken; {when}")
        print(pasteable(f"Next: ctlctl rollout status {answer['plan']}"))
        return 0

    return _said(ask)


def run_rollout_status(settings: Path, plan: str, output: str, *, watch: bool) -> int:
    """Show how rollouts go; return 0, 3 where nobody can tell, 5 where one has halted."""

    def show() -> int:
        while True:
            answer = ask_live(settings, "rollout-status", {"plan": plan} if plan else {})
            rollouts = answer["rollouts"]
            if output == "json":
                print(dumps(answer, indent=1))
            else:
                _print_rollouts(rollouts, answer["at"], whole=bool(plan), again=watch and sys.stdout.isatty())
            stand = [severity(one) for one in rollouts if one["ended_at"] is None]
            if not watch or all(stand):
                return _HALTED if "critical" in stand else _UNDECIDED if "unknown" in stand else 0
            time.sleep(_WATCH_SECONDS)

    return _said(show)


def _print_rollouts(rollouts: list[dict[str, Any]], now: float, *, whole: bool, again: bool) -> None:
    if again:
        print("\x1b[2J\x1b[H", end="")
    if not rollouts:
        say("there is no rollout: ctlctl plan lsc makes a plan")
    for one in rollouts:
        if whole or (one["ended_at"] is None and len(rollouts) < 5):
            for line in rollout_lines(one, now, colour=wants_colour(sys.stdout)):
                print(pasteable(line))
        else:
            print(rollout_line(one, now))
    sys.stdout.flush()


def run_evidence(settings: Path, plan: str, out: Path, *, force: bool) -> int:
    """Write a bundle that another person can check; return 0, or 3 where it cannot be had."""

    def write() -> int:
        answer = ask_live(settings, "rollout-evidence", {"plan": plan})
        files = {
            "README": _README.encode(),
            "plan.json": answer["plan_bytes"].encode(),
            # The whole log, so that the chain can be checked from its beginning; nothing of it is older than the rows.
            "audit.lines": "".join(f"{row['line']}\n" for row in audit_rows(settings, {})).encode(),
            "rollout.json": (dumps(answer["rollout"], indent=1, sort_keys=True) + "\n").encode(),
            "rows.jsonl": "".join(f"{row}\n" for row in answer["rows"]).encode(),
        }
        sums = "".join(f"{sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
        data = _tar({**files, "SHA256SUMS": sums.encode()}, answer["at"])
        try:
            write_whole(str(out), data, replace=force, mode=_MODE)
        except FileExistsError:
            raise FileError(f"{out}: is there already and was left alone; --force replaces it") from None
        except OSError as error:
            raise FileError(f"{out}: not written: {error.strerror or error}") from None
        kept = shlex.quote(f"{out.stem or out.name}-checked")
        print(f"{out}  {len(data):,} B · sha256 {sha256(data).hexdigest()}")
        print(f"Next: mkdir {kept} && tar -xf {shlex.quote(str(out))} -C {kept}")
        print(f"      (cd {kept} && sha256sum -c SHA256SUMS)")
        print(pasteable(f"      ctlctl audit-log verify {kept}/audit.lines"))
        return 0

    return _said(write)


def _tar(files: Mapping[str, bytes], at: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), at, _MODE
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()
