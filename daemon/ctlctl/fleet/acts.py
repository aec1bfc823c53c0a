"""What the commands that change something do, and those about the audit log."""

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from json import dumps
from pathlib import Path
from shlex import quote
from typing import Any, Final

from ctlctl.act.audit import AuditEntry, AuditLineError, check_chain, from_line
from ctlctl.fleet.answers import AnswerError
from ctlctl.fleet.auditwords import phone_patterns, since
from ctlctl.fleet.client import AskError, ask_daemon
from ctlctl.fleet.run import OF_THE_PAST, check_cluster, load_for
from ctlctl.fleet.words import minute, plural
from ctlctl.terminal import pasteable, printable, say
from ctlctl_config.secretfiles import write_secret_file

_START: Final = "Start it: systemctl start ctld, or ctld --config FILE"
_NOT_VALID: Final = 1
_USAGE: Final = 2
_UNDECIDED: Final = 3
#: Digits of an authentication string: CUCM takes 4 to 10, and it is good for one use only.
_DIGITS: Final = 10
#: Bytes of a bundle; an entry has some hundred.
_MAX_BUNDLE: Final = 1024 * 1024 * 1024


class NobodyThereError(AskError):
    """No ctld answers, so that nothing can have been changed."""


def ask_live(path: Path, ask: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Ask the daemon itself; a snapshot cannot change anything.

    Raises:
        AskError: it does not answer, or refuses, or the settings have no such cluster.
        NobodyThereError: it did not hear the question.
    """
    settings = load_for(path)
    if ask not in OF_THE_PAST:
        check_cluster(path, settings, words)
    try:
        answer = _ask_there(settings.api.socket, ask, words)
    except NobodyThereError:
        # Then the settings alone know of clusters.
        check_cluster(path, settings, words)
        raise
    if ask in OF_THE_PAST and not answer["rows"] and "first" not in words:
        check_cluster(path, settings, words)
    return answer


def _ask_there(where: Path, ask: str, words: Mapping[str, str]) -> dict[str, Any]:
    try:
        return ask_daemon(where, ask, words)
    except PermissionError:
        raise AskError(4, f"{where}: you may not connect to it; join the group that [api] names, or use sudo") from None
    except FileNotFoundError:
        why = f"ctld does not run: there is no {where}. {_START}"
        raise NobodyThereError(_UNDECIDED, why) from None
    except ConnectionRefusedError as error:
        why = f"ctld does not run: nobody listens on {where} ({error.strerror}). {_START}"
        raise NobodyThereError(_UNDECIDED, why) from None
    except OSError as error:
        raise AskError(_UNDECIDED, f"ctld does not answer on {where} ({error.strerror or error})") from None


def run_profile(path: Path, ask: str, words: Mapping[str, str], string_file: Path | None, output: str) -> int:
    """Change a CAPF profile; return 0, or the exit code of the error.

    Args:
        path: the settings file.
        ask: "capf-profile-create", "capf-profile-update" or "capf-profile-remove".
        words: what belongs to it.
        string_file: new file for a one-time authentication string, which is made here; None for none.
        output: "text" or "json".
    """
    told = dict(words)
    try:
        if string_file is not None:
            # The string is on disk before anybody else has it: a profile whose string nobody knows is of no use.
            told["authentication_string"] = _new_string(string_file)
        answer = ask_live(path, ask, told)
    except AskError as error:
        for line in str(error).splitlines():
            say(line)
        if string_file is not None and "authentication_string" in told:
            if error.code in {_USAGE, 4} or isinstance(error, NobodyThereError):
                # Nothing was changed, so that it will never be of use.
                with suppress(OSError):
                    string_file.unlink()
            else:
                say(f"{string_file} stays: its string may be in use. See ctlctl capf profile list, else remove it")
        return error.code
    if output == "json":
        print(dumps(answer, indent=1))
        return 0
    for line in _profile_lines(answer, string_file):
        print(line)
    return 0


def _new_string(path: Path) -> str:
    string = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
    try:
        write_secret_file(path, string)
    except FileExistsError:
        raise AskError(_USAGE, f"{path}: there is a file already; name a new one") from None
    except OSError as error:
        raise AskError(_UNDECIDED, f"{path}: the authentication string cannot be kept ({error.strerror})") from None
    return string


def _profile_lines(answer: Mapping[str, Any], string_file: Path | None) -> Iterator[str]:
    profile = answer.get("profile")
    if profile is None:
        gone = answer["removed"]
        yield f"removed  {printable(gone['user'])} · instance ID {printable(gone['instance_id'])}"
        yield "A certificate that was issued for it stays valid until its end; whoever holds it can still use it."
        return
    yield f"{printable(profile['user'])} · instance ID {printable(profile['instance_id'])} · {profile['kind']}"
    until = f" by {profile['finish_time']}" if profile["finish_time"] else ""
    yield f"  operation  {profile['operation'] or 'unknown'}{until} · {profile['status'] or 'unknown'}"
    key = " · ".join(str(part) for part in (profile["key_order"], profile["key_size"], profile["ec_key_size"]) if part)
    yield f"  key        {key or 'unknown'} · {profile['authentication_mode'] or 'authentication mode unknown'}"
    if string_file is not None:
        yield f"  string     in {string_file} (mode 0600); good for one enrolment"
        kind = "--user" if profile["kind"] == "application-user" else "--end-user"
        user, instance = profile["user"], profile["instance_id"]
        about = f"{kind} {quote(printable(user))} --instance {quote(printable(instance))}"
        yield pasteable(f"Next: ctlctl capf enroll --cluster {answer['cluster']} {about} \\")
        yield f"        --auth-string-file {string_file} --out DIR"


def run_audit(path: Path, words: Mapping[str, str], output: str) -> int:
    """Print the audit log; return 0, or the exit code of the error.

    Args:
        path: the settings file.
        words: what leaves entries out: ``cluster``, ``since``, ``phone`` and ``limit``, as the command line has them.
        output: "text", "json" or "lines".
    """
    try:
        left_out, rows = _audit_wanted(path, words)
        if output == "json":
            found = list(rows)
            total = left_out + len(found)
            answer = {"schema": "ctlctl.audit-log/1", "at": int(time.time()), "total": total, "offset": left_out}
            print(dumps({**answer, "rows": found}, indent=1))
            return 0
        printed = _print_audit(rows, output)
    except AnswerError as error:
        say(str(error))
        return _USAGE
    except AskError as error:
        for line in str(error).splitlines():
            say(line)
        return error.code
    said = ", ".join(f"--{name} {words[name]}" for name in ("since", "phone") if name in words)
    about = f" about {words['cluster']}" if words.get("cluster") else ""
    if not printed:
        say(f"no entries{about}: " + (f"nothing matches {said}" if said else "ctld has changed nothing yet"))
    elif left_out:
        say(f"the newest {printed:,} of {plural(printed + left_out, 'entry', 'entries')}: more with a larger --limit")
    if printed and words and output == "lines":
        say("entries were left out: audit-log verify takes all of them, from the first on")
    return 0


def _audit_wanted(path: Path, words: Mapping[str, str]) -> tuple[int, Iterator[dict[str, Any]]]:
    """Ask for the entries that are wanted; return how many older ones were left out, and the others, oldest first.

    Raises:
        AnswerError: a word makes no sense.
        AskError: the daemon does not answer.
    """
    asked = {name: word for name, word in words.items() if name != "limit"}
    if "since" in asked:
        asked["since"] = str(since(asked["since"], time.time()))
    if "phone" in asked:
        phone_patterns(asked["phone"])
    most = int(words["limit"]) if "limit" in words else None
    pieces = _audit_pieces(path, asked, {} if most is None else {"newest": str(most)})
    first = next(pieces)
    if "left_out" not in first and words.keys() - {"cluster"}:
        # It would have told everything, as if nothing had been left out.
        raise AskError(_UNDECIDED, "ctld is of an earlier version and knows no such filter: restart it")
    rows = chain(first["rows"], chain.from_iterable(piece["rows"] for piece in pieces))
    # What was added while the pieces came is newer than the question.
    return first.get("left_out", 0), islice(rows, most)


def audit_rows(path: Path, words: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Give the entries of ctld's audit log, oldest first, as they are asked for piece by piece.

    Raises:
        AskError: it does not answer.
    """
    for piece in _audit_pieces(path, words, {}):
        yield from piece["rows"]


def _audit_pieces(path: Path, words: Mapping[str, str], begin: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Give ctld's answers; `begin` belongs to the first question only."""
    answer = ask_live(path, "audit-log", {**words, **begin})
    yield answer
    while answer["next"] is not None:
        answer = ask_live(path, "audit-log", {**words, "first": str(answer["next"])})
        yield answer


def _print_audit(rows: Iterator[dict[str, Any]], output: str) -> int:
    """Print entries; return how many there were."""
    printed = 0
    for row in rows:
        printed += 1
        if output == "lines":
            print(row["line"])
            continue
        result = printable(str(row["detail"].get("result", "")))
        about = " ".join(
            printable(str(row["detail"][key]))
            for key in ("user", "instance_id", "plan", "phone", "words")
            if key in row["detail"]
        )
        where = f"{row['number']:>6}  {minute(row['at'])}  {printable(row['who']):<20}"
        print(f"{where}  {row['cluster'] or '-'}  {row['event']}  {about}  {result}".rstrip())
    return printed


def run_audit_verify(path: Path, bundle: Path | None, head: str | None) -> int:
    """Check the chain of the audit log, or of a bundle; return 0, 1 where it is broken, 3 where nobody can tell."""
    try:
        lines = _lines_of(path, bundle)
        entries = _entries(lines)
        found = check_chain(entries, head)
    except AskError as error:
        say(str(error))
        return error.code
    except AuditLineError as error:
        print(f"BROKEN  {printable(str(error))}")
        return _NOT_VALID
    if found.problem is not None:
        print(f"BROKEN  {printable(found.problem)}")
        return _NOT_VALID
    print(f"ok      {found.entries:,} entries, each follows on the one before; newest {found.head}")
    if head is None:
        print(
            "        Cut-off entries do not show in a chain: compare the newest hash with the journal's (event audit)."
        )
    return 0


def _lines_of(path: Path, bundle: Path | None) -> Iterator[str]:
    if bundle is None:
        for row in audit_rows(path, {}):
            yield str(row["line"])
        return
    try:
        with bundle.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > _MAX_BUNDLE:
                raise AskError(_UNDECIDED, f"{bundle}: this is too large for an audit log")
            for line in stream:
                yield line.decode()
    except UnicodeDecodeError:
        raise AuditLineError(f"{bundle}: this is no text") from None
    except OSError as error:
        raise AskError(_UNDECIDED, f"{bundle}: cannot be read ({error.strerror})") from None


def _entries(lines: Iterator[str]) -> Iterator[AuditEntry]:
    return (from_line(line) for line in lines)
