"""The daemon's Unix socket: one line of JSON each way, and the kernel's word for who asks."""

import errno
import grp
import json
import os
import pwd
import socket
import stat
import struct
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import Any, Final

import structlog

from ctlctl.connectors.ports import printable

_LOG: Final = structlog.get_logger("ctld")

#: Bytes of one question; and of one that brings a plan, of which one at a time is taken.
_MAX_QUESTION: Final = 64 * 1024
_MAX_PLAN: Final = 80 * 1024 * 1024
_BRINGS_PLAN: Final = b'{"ask": "plan-approve"'
#: Questions answered at the same time, and of one user: the others must be able to stop a rollout; more wait.
_THREADS: Final = 16
_OF_ONE: Final = 8
_BACKLOG: Final = 64
#: Seconds that a peer has to ask, to send a plan, and to take its answer: each for the whole of it.
_ASK_SECONDS: Final = 10.0
_PEER_SECONDS: Final = 30.0
#: Seconds that answers under way have to end when the daemon does; systemd waits for 10 altogether.
_STOP_SECONDS: Final = 1.5
#: Trouble of this process or its machine that passes: there are no descriptors, or no memory, just now.
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ECONNABORTED})
_PIECE: Final = 64 * 1024
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


def peer_of(user: int) -> Peer:
    """Return who has a number now; somebody without name and groups where nobody has it."""
    try:
        return _peer(user, pwd.getpwuid(user).pw_gid)
    except KeyError:
        return Peer(user, "", frozenset())


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

    def __init__(
        self, path: Path, group: str, answer: Answerer, may_bring: Callable[[Peer], bool] = lambda who: who.uid == 0
    ) -> None:
        """Bind nothing yet.

        Args:
            path: of the socket.
            group: members of this group may ask, beside root and the user of this process.
            answer: answers.
            may_bring: whether somebody may bring a plan, which takes room and time.
        """
        self.path = path
        self._group = group
        self._answer = answer
        self._may_bring = may_bring
        self._sock: socket.socket | None = None
        self._plans = Lock()
        self._stopping = Event()
        #: Who is being served, how many of each user's, and who waits for another of the same user's to end.
        self._turns = Condition()
        self._open: set[socket.socket] = set()
        self._served: Counter[int] = Counter()
        self._waiting: defaultdict[int, deque[socket.socket]] = defaultdict(deque)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="api")
        self._thread = Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            ServerError: another daemon listens there, or it cannot be done.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._check_place()
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

    def _check_place(self) -> None:
        """Refuse a directory where anybody could put a socket of their own in this one's place, and be asked."""
        folder = self.path.parent
        if folder.stat().st_mode & stat.S_IWOTH:
            raise ServerError(
                f"{folder}: anybody may write to it, and so put another socket in the place of ctld's: "
                "set [api] socket to a path in a directory that is ctld's own"
            )

    def _make_room(self) -> None:
        """Remove the socket of a daemon that is no more; refuse to take the place of one that lives, or of a file."""
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise ServerError(f"{self.path}: is there, is no socket, and stays: set [api] socket to another path")
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
        """Stop listening, let answers under way end for a moment, remove the socket."""
        if self._sock is None:
            return
        self._stopping.set()
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._turns:
            # Whoever has not asked yet does not get to; whoever has, gets the answer if it comes soon.
            for peer in self._open:
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_RD)
            for waiting in self._waiting.values():
                while waiting:
                    waiting.popleft().close()
            self._turns.wait_for(lambda: not self._served, _STOP_SECONDS)
            left = list(self._open)
        for peer in left:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self.path.unlink()

    def _run(self) -> None:
        while self._sock is not None and not self._stopping.is_set():
            try:
                peer, _ = self._sock.accept()
            except OSError as error:
                if self._stopping.is_set() or error.errno not in _PASSING:
                    return
                _LOG.warning("questions-wait", detail=error.strerror)
                self._stopping.wait(1)
                continue
            self._admit(peer)

    def _admit(self, peer: socket.socket) -> None:
        """Serve somebody now, or after others of the same user: nobody takes all threads for themselves."""
        try:
            _, user, _ = _credentials(peer)
        except OSError:
            peer.close()
            return
        with self._turns:
            if len(self._waiting[user]) >= _BACKLOG:
                peer.close()
                return
            self._open.add(peer)
            if self._served[user] >= _OF_ONE:
                self._waiting[user].append(peer)
                return
            self._served[user] += 1
        self._submit(peer, user)

    def _submit(self, peer: socket.socket, user: int) -> None:
        try:
            serving = self._pool.submit(self._serve, peer, user)
        except RuntimeError:  # it was shut down
            self._done(peer, user)
        else:
            serving.add_done_callback(lambda one: self._done(peer, user) if one.cancelled() else None)

    def _serve(self, peer: socket.socket, user: int) -> None:
        try:
            with suppress(OSError):
                self._talk(peer)
        except Exception:  # noqa: BLE001 - as in `_answered`
            _LOG.exception("talk-broke")
        finally:
            self._done(peer, user)

    def _done(self, peer: socket.socket, user: int) -> None:
        peer.close()
        with self._turns:
            self._open.discard(peer)
            waiting = self._waiting[user]
            following = waiting.popleft() if waiting else None
            if following is None:
                self._served[user] -= 1
                self._served += Counter()  # without zeros
                if not waiting:
                    del self._waiting[user]
                self._turns.notify_all()
        if following is not None:
            self._submit(following, user)

    def _talk(self, peer: socket.socket) -> None:
        pid, user, group = _credentials(peer)
        if not self._may_ask(user, group):
            _LOG.warning("question-denied", uid=user, gid=group, pid=pid)
            words = f"user {user} may not ask: only root, ctld's own user and the members of {self._group}"
            self._send(peer, {"error": {"kind": "denied", "message": words}})
            return
        answer = self._hear(peer, _peer(user, group))
        if answer is not None:
            self._send(peer, answer)

    def _hear(self, peer: socket.socket, who: Peer) -> dict[str, Any] | None:
        """Take a question; return its answer, or None where none was asked in time."""
        heard = _Line(peer)
        if heard.read(_MAX_QUESTION, _ASK_SECONDS) or not heard.data.startswith(_BRINGS_PLAN):
            return self._answered(bytes(heard.data), who) if heard.data else None
        if not self._may_bring(who):
            _LOG.warning("plan-denied", uid=who.uid)
            words = f"{who} may not approve: root may, and whom [clusters.NAME.rollout] approvers names"
            return {"error": {"kind": "denied", "message": words}}
        if not self._plans.acquire(timeout=_ASK_SECONDS):
            return {"error": {"kind": "undecided", "message": "another plan is being taken: try again in a minute"}}
        try:
            heard.read(_MAX_PLAN, _PEER_SECONDS)
            return self._answered(bytes(heard.data), who)
        finally:
            self._plans.release()

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
            # JSON can say half of a pair of surrogates, and neither the store nor a file has such a name.
            for word in (ask, *words, *words.values()):
                if not word.isascii():
                    word.encode()
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
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        peer.settimeout(_PEER_SECONDS)
        # Half of a pair of surrogates, which JSON can say and UTF-8 cannot, is said as JSON says it.
        peer.sendall(text.encode(errors="backslashreplace") + b"\n")


class _Line:
    """A line as it comes in, bounded in bytes and in time."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer = peer
        self.data = bytearray()

    def read(self, most: int, seconds: float) -> bool:
        """Read on until the line ends, is longer than allowed, or time is up, whoever trickles; tell whether it ended.

        Raises:
            OSError: time is up.
        """
        end = time.monotonic() + seconds
        while not self.data.endswith(b"\n") and len(self.data) < most:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._peer.settimeout(left)
            piece = self._peer.recv(min(_PIECE, most - len(self.data)))
            if not piece:
                break
            self.data += piece
        return self.data.endswith(b"\n")


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    """Return number of the process, of the user and of the group that has connected, as they were then (unix(7))."""
    pid, user, group = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, user, group
