"""The daemon's Unix socket: one line of JSON each way, and the kernel's word for who asks."""

import grp
import json
import os
import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any, BinaryIO, Final

import structlog

from ctlctl.connectors.ports import printable

_LOG: Final = structlog.get_logger("ctld")

#: Bytes of one question; and of one that brings a plan, of which one at a time is taken.
_MAX_QUESTION: Final = 64 * 1024
_MAX_PLAN: Final = 80 * 1024 * 1024
_BRINGS_PLAN: Final = b'{"ask": "plan-approve"'
#: Questions answered at the same time; more wait.
_THREADS: Final = 16
_BACKLOG: Final = 64
#: Seconds that a peer has to ask, and to take its answer.
_PEER_SECONDS: Final = 30.0
_UCRED: Final = struct.Struct("3i")
_MODE: Final = 0o660


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks, by the kernel's word.

    Attributes:
        uid: number of the user.
        name: the user's name; "" for one that this machine does not know.
        groups: names of the groups the user is in.
    """

    uid: int
    name: str
    groups: frozenset[str]

    def __str__(self) -> str:
        """Return it as the audit log has it."""
        return f"uid {self.uid} ({self.name or 'unknown'})"


#: Takes a question, its words and who asks; returns the answer, or raises `QuestionError`.
Answerer = Callable[[str, Mapping[str, str], Peer], dict[str, Any]]


def _peer(user: int, group: int) -> Peer:
    try:
        name = pwd.getpwuid(user).pw_name
        numbers = os.getgrouplist(name, group)
    except KeyError:
        name, numbers = "", [group]
    groups = set()
    for number in numbers:
        with suppress(KeyError):
            groups.add(grp.getgrgid(number).gr_name)
    return Peer(user, name, frozenset(groups))


class QuestionError(Exception):
    """The question cannot be answered.

    Attributes:
        kind: "usage", "none" (what is asked for is not there), "denied" or "undecided".
    """

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class ServerError(Exception):
    """The socket cannot be listened to; the text says why and what to do."""


class ApiServer:
    """Answers questions on a Unix socket."""

    def __init__(self, path: Path, group: str, answer: Answerer) -> None:
        """Bind nothing yet.

        Args:
            path: of the socket.
            group: members of this group may ask, beside root and the user of this process.
            answer: answers.
        """
        self.path = path
        self._group = group
        self._answer = answer
        self._sock: socket.socket | None = None
        self._plans = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="api")
        self._thread = Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            ServerError: another daemon listens there, or it cannot be done.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._make_room()
            sock.bind(str(self.path))
            with suppress(PermissionError, KeyError):
                os.chown(self.path, -1, grp.getgrnam(self._group).gr_gid)
            self.path.chmod(_MODE)
            sock.listen(_BACKLOG)
        except OSError as error:
            sock.close()
            raise ServerError(
                f"{self.path}: the socket cannot be made ({error.strerror or error}); see [api] socket"
            ) from None
        except ServerError:
            sock.close()
            raise
        self._sock = sock
        self._thread.start()

    def _make_room(self) -> None:
        """Remove the socket of a daemon that is no more; refuse to take the place of one that lives."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(_PEER_SECONDS)
            try:
                asked.connect(str(self.path))
            except FileNotFoundError:
                return
            except ConnectionRefusedError:
                self.path.unlink()
                return
        raise ServerError(f"{self.path}: another ctld listens there; stop it, or set [api] socket")

    def stop(self) -> None:
        """Stop listening, let answers under way end, remove the socket."""
        if self._sock is None:
            return
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()
        self._pool.shutdown(wait=True, cancel_futures=False)
        with suppress(OSError):
            self.path.unlink()

    def _run(self) -> None:
        while self._sock is not None:
            try:
                peer, _ = self._sock.accept()
            except OSError:
                return
            self._pool.submit(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(_PEER_SECONDS)
            pid, user, group = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
            if not self._may_ask(user, group):
                _LOG.warning("question-denied", uid=user, gid=group, pid=pid)
                words = f"user {user} may not ask: only root, ctld's own user and the members of {self._group}"
                self._send(peer, {"error": {"kind": "denied", "message": words}})
                return
            with peer.makefile("rb") as lines:
                self._send(peer, self._hear(lines, _peer(user, group)))

    def _hear(self, lines: BinaryIO, who: Peer) -> dict[str, Any]:
        line = lines.readline(_MAX_QUESTION)
        if line.endswith(b"\n") or not line.startswith(_BRINGS_PLAN):
            return self._answered(line, who)
        with self._plans:
            return self._answered(line + lines.readline(_MAX_PLAN), who)

    def _may_ask(self, user: int, group: int) -> bool:
        if user in {0, os.geteuid()}:
            return True
        try:
            wanted = grp.getgrnam(self._group).gr_gid
            return wanted == group or wanted in os.getgrouplist(pwd.getpwuid(user).pw_name, group)
        except KeyError:
            return False

    def _answered(self, line: bytes, who: Peer) -> dict[str, Any]:
        try:
            question = json.loads(line)
            ask, words = question["ask"], question.get("words", {})
            if not isinstance(ask, str) or not all(isinstance(word, str) for word in words.values()):
                raise TypeError  # noqa: TRY301 - one answer for every kind of nonsense
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {"error": {"kind": "usage", "message": "the question is not understood"}}
        try:
            return {"answer": self._answer(ask, words, who)}
        except QuestionError as error:
            return {"error": {"kind": error.kind, "message": printable(str(error), 1000)}}
        except Exception as error:  # noqa: BLE001 - a defect must not end the service for everybody else
            _LOG.exception("answer-broke", ask=ask)
            return {"error": {"kind": "undecided", "message": f"ctld has a defect here ({type(error).__name__})"}}

    def _send(self, peer: socket.socket, answer: dict[str, Any]) -> None:
        peer.sendall(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
