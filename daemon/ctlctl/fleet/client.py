"""Asking the daemon, or the snapshot that it left where it is down; which of the two is always said."""

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ctlctl.fleet.answers import QUESTIONS, AnswerError, NoSuchError, answer
from ctlctl.fleet.files import SnapshotError, SnapshotFiles

#: Seconds that an answer may take; a refresh of a large cluster waits for RIS.
_SECONDS: Final = 30.0
_REFRESH_SECONDS: Final = 1800.0
#: Seconds until a daemon that was just started is there, even on a slow machine, and between two looks.
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1
_UNDECIDED: Final = 3
_DENIED: Final = 4


class AskError(Exception):
    """There is no answer; the text says why and what to do.

    Attributes:
        code: exit code of the command: 2 for a question that makes no sense, 3 for one that nobody can answer, 4 for
            one that this user may not ask.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Told:
    """An answer.

    Attributes:
        answer: the JSON object.
        live: whether the daemon gave it; else it is from the snapshot.
        why_not: why the daemon was not asked, where it was not.
    """

    answer: dict[str, Any]
    live: bool
    why_not: str = ""


def ask_daemon(path: Path, ask: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Ask the daemon.

    Args:
        path: its socket.
        ask: the question.
        words: what belongs to it.

    Raises:
        AskError: it answered with an error.
        OSError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_REFRESH_SECONDS if ask == "refresh" else _SECONDS)
        sock.connect(str(path))
        # It may have heard enough before all was said, and says why not.
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(json.dumps({"ask": ask, "words": dict(words)}).encode() + b"\n")
        with sock.makefile("rb") as lines:
            line = lines.readline()
    try:
        told = json.loads(line)
    except ValueError:
        raise ConnectionResetError("it hung up in the middle of its answer") from None
    if "error" in told:
        code = {"usage": 2, "denied": 4}.get(told["error"]["kind"], 3)
        raise AskError(code, str(told["error"]["message"]))
    found = told["answer"]
    if not isinstance(found, dict):
        raise ConnectionResetError("its answer makes no sense")
    return found


def wait_for_daemon(path: Path) -> None:
    """Wait until the daemon listens on its socket, a minute at most; the question that follows says what it comes to.

    Args:
        path: its socket.
    """
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(_LOOK_SECONDS)
        except OSError:
            return
        else:
            return


def ask_fleet(socket_path: Path, snapshot: Path, ask: str, words: Mapping[str, str]) -> Told:
    """Ask the daemon, and the snapshot where it does not answer.

    Args:
        socket_path: the daemon's socket.
        snapshot: directory of the snapshot.
        ask: the question.
        words: what belongs to it.

    Raises:
        AskError: neither has an answer.
    """
    code = _UNDECIDED
    try:
        return Told(ask_daemon(socket_path, ask, words), live=True)
    except PermissionError:
        code = _DENIED
        why = f"{socket_path}: you may not connect to it; join the group that [api] names, or use sudo"
    except FileNotFoundError:
        why = f"ctld does not run: there is no {socket_path}"
    except OSError as error:
        why = f"ctld does not answer on {socket_path} ({error.strerror or error})"
    if ask not in QUESTIONS:
        raise AskError(code, f"{why}; only a running ctld can answer this")
    try:
        return Told(answer(SnapshotFiles(snapshot), ask, words, time.time()), live=False, why_not=why)
    except NoSuchError as error:
        raise AskError(3, f"{error} ({why})") from None
    except AnswerError as error:
        raise AskError(2, str(error)) from None
    except SnapshotError as error:
        hint = "" if code == _DENIED else ". Start it: systemctl start ctld, or ctld --config FILE"
        raise AskError(code, f"{why}; and {error}{hint}") from None
