"""The daemon's socket under people who take their time, take everything, or say what cannot be said in UTF-8."""

import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from ctlctl.service import server
from ctlctl.service.server import ApiServer, Peer, QuestionError, ServerError
from support.watching import eventually

PLAN = b'{"ask": "plan-approve", "words": {"plan": "'
Serve = Callable[..., Path]


@pytest.fixture
def running() -> list[ApiServer]:
    """Return what `serve` has started."""
    return []


@pytest.fixture
def serve(tmp_path: Path, running: list[ApiServer]) -> Iterator[Serve]:
    """Serve echoes; what is asked for as "slow" takes until the end of the test."""
    release = Event()

    def echo(ask: str, words: Mapping[str, str], who: Peer) -> dict[str, Any]:
        if ask == "slow":
            release.wait(60)
        if ask == "odd":
            return {"said": "\ud800\x1b"}
        return {"ask": ask, "who": who.uid, "size": sum(map(len, words.values())), "said": words.get("said", "")}

    def start(may_bring: Callable[[Peer], bool] = lambda _: True) -> Path:
        path = tmp_path / "sock"
        running.append(ApiServer(path, "no-such-group", echo, may_bring))
        running[-1].start()
        return path

    yield start
    release.set()
    for one in running:
        one.stop()


def connect(path: Path, said: bytes = b"") -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(path))
    sock.sendall(said)
    return sock


def ask(path: Path, said: bytes) -> dict[str, Any]:
    with connect(path, said + b"\n") as sock, sock.makefile("rb") as lines:
        found = json.loads(lines.readline())
    assert isinstance(found, dict)
    return found


def as_user(monkeypatch: pytest.MonkeyPatch, users: list[int]) -> None:
    """Let connections be those of other users, in their order; afterwards our own."""

    def credentials(peer: socket.socket) -> tuple[int, int, int]:
        if peer not in known:
            known[peer] = (0, users.pop(0) if users else os.getuid(), os.getgid())
        return known[peer]

    known: dict[socket.socket, tuple[int, int, int]] = {}
    monkeypatch.setattr(server, "_credentials", credentials)
    monkeypatch.setattr(ApiServer, "_may_ask", lambda *_: True)


def test_a_file_stays_and_no_socket_is_made_where_anybody_could_put_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with pytest.raises(ServerError, match="is no socket"):
            ApiServer(tmp_path / name, "no-such-group", lambda *_: {}).start()
    assert (tmp_path / "link").read_text() == "mine"
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    with pytest.raises(ServerError, match="anybody may write to it"):
        ApiServer(tmp_path / "open" / "sock", "no-such-group", lambda *_: {}).start()
    assert not list((tmp_path / "open").iterdir())


def test_whoever_says_nothing_or_trickles_keeps_nobody_else_waiting(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_user(monkeypatch, [4711] * 40)
    # They may take longer than whoever asks waits for an answer.
    monkeypatch.setattr(server, "_ASK_SECONDS", 600.0)
    path = serve()
    peers = [connect(path, b"{") for _ in range(40)]
    assert ask(path, b'{"ask": "rollout-abort"}')["answer"]["ask"] == "rollout-abort"
    for peer in peers:
        peer.close()


def test_long_answers_of_one_user_leave_room_for_others(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    as_user(monkeypatch, [4711] * 30)
    path = serve()
    peers = [connect(path, b'{"ask": "slow"}\n') for _ in range(30)]
    assert ask(path, b'{"ask": "quick"}')["answer"]["ask"] == "quick"
    for peer in peers:
        peer.close()


def test_a_question_has_to_be_said_in_time_however_it_trickles(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_ASK_SECONDS", 0.5)
    path = serve()
    started = time.monotonic()
    with connect(path) as sock, pytest.raises(BrokenPipeError):  # noqa: PT012 - it hangs up at any of them
        for _ in range(40):
            sock.sendall(b" ")
            time.sleep(0.1)
    assert time.monotonic() - started > 0.4


def test_only_whoever_may_approve_is_listened_to_for_long(serve: Serve) -> None:
    path = serve(lambda _: False)
    sock = connect(path, PLAN)
    try:
        for _ in range(1000):
            sock.sendall(b"[" * 65536)
    except OSError:
        pass
    else:
        pytest.fail("64 MiB were taken")
    with sock, sock.makefile("rb") as lines:
        error = json.loads(lines.readline())["error"]
    assert error["kind"] == "denied"
    assert "approvers" in error["message"]


def test_a_plan_is_taken_whole_and_another_waits_for_it(
    serve: Serve, running: list[ApiServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = serve()
    assert ask(path, PLAN + b"a" * 5_000_000 + b'"}}')["answer"]["size"] == 5_000_000
    with connect(path, PLAN + b"a" * 70_000):
        eventually(running[0]._plans.locked, "the plan is being taken")
        monkeypatch.setattr(server, "_ASK_SECONDS", 2.0)
        assert "another plan" in ask(path, PLAN + b"a" * 70_000 + b'"}}')["error"]["message"]
        # Only plans wait.
        assert "answer" in ask(path, b'{"ask": "quick"}')


def test_what_utf8_cannot_say_is_said_and_is_no_question(serve: Serve) -> None:
    path = serve()
    assert ask(path, b'{"ask": "odd"}')["answer"]["said"] == "\ud800\x1b"
    for said in (b'"a", "words": {"cluster": "\\ud800"}', b'"\\udcff"', b'"a", "words": {"\\ud800": "hq"}'):
        # The store would break at it, and so would a file's name.
        assert ask(path, b'{"ask": ' + said + b"}")["error"]["kind"] == "usage"
    assert ask(path, b'{"ask": "a", "words": {"said": "Z\\u00fcrich \\ud83d\\ude00"}}')["answer"]["said"] == "Zürich 😀"


def test_without_descriptors_questions_wait(serve: Serve) -> None:
    path = serve()
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    held: list[int] = []
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, old[1]))
    try:
        while True:
            try:
                held.append(os.dup(0))
            except OSError:
                break
        sock.connect(str(path))
        sock.sendall(b'{"ask": "patient"}\n')
        time.sleep(0.5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
        for one in held:
            os.close(one)
    with sock, sock.makefile("rb") as lines:
        assert json.loads(lines.readline())["answer"]["ask"] == "patient"


def test_an_end_waits_neither_for_the_silent_nor_long_for_the_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine that stands still for a moment is not to take the answer's time.
    monkeypatch.setattr(server, "_STOP_SECONDS", 5.0)
    release = Event()
    begun, stopping, ended = Barrier(3), Event(), Event()

    def slow(ask: str, _: Mapping[str, str], __: Peer) -> dict[str, Any]:
        begun.wait(60)
        if ask == "short":
            assert stopping.wait(60)
            return {"done": True}
        release.wait(60)
        ended.set()
        raise QuestionError("undecided", "")

    one = ApiServer(tmp_path / "sock", "no-such-group", slow)
    one.start()
    silent, long = connect(one.path), connect(one.path, b'{"ask": "long"}\n')
    short = connect(one.path, b'{"ask": "short"}\n')
    begun.wait(60)
    stopping.set()
    one.stop()
    assert not ended.is_set()
    assert not one.path.exists()
    with silent, long, short, short.makefile("rb") as lines:
        assert json.loads(lines.readline())["answer"] == {"done": True}
        assert silent.recv(1) == b""
        assert long.recv(1) == b""
    release.set()
