"""Messages to systemd: their words, the sockets they go to, and that nobody's silence stops the daemon."""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlctl.service import sdnotify
from ctlctl.service.sdnotify import Notifier, watchdog_seconds


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in systemd's place, named in the environment."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield sock


def test_the_words_are_those_of_the_manual(heard: socket.socket) -> None:
    notifier = Notifier()
    assert notifier.wanted
    notifier.ready("watching 2 clusters")
    notifier.alive()
    notifier.status("busy")
    notifier.stopping()
    assert [heard.recv(4096).decode().splitlines() for _ in range(4)] == [
        ["READY=1", "STATUS=watching 2 clusters"],
        ["WATCHDOG=1"],
        ["STATUS=busy"],
        ["STOPPING=1", "STATUS=stopping"],
    ]


def test_a_reload_says_when_it_began_by_the_clock_that_never_jumps(heard: socket.socket) -> None:
    before = time.monotonic_ns() // 1000
    Notifier().reloading()
    first, second = heard.recv(4096).decode().splitlines()
    name, _, instant = second.partition("=")
    assert (first, name) == ("RELOADING=1", "MONOTONIC_USEC")
    assert before <= int(instant) <= time.monotonic_ns() // 1000


def test_a_status_stays_on_its_line(heard: socket.socket) -> None:
    """A name in the settings must not become a message of its own."""
    Notifier().ready("watching hq\nMAINPID=1")
    assert heard.recv(4096).decode().splitlines() == ["READY=1", "STATUS=watching hq MAINPID=1"]


def test_an_abstract_socket_is_spelled_with_an_at() -> None:
    name = f"ctld-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0{name}")
        sock.settimeout(5)
        Notifier(f"@{name}").alive()
        assert sock.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1"])
def test_without_a_usable_socket_nothing_is_sent(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notifier = Notifier()
    assert not notifier.wanted
    notifier.ready("nobody hears it")


def test_nobody_at_the_socket_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone")).alive()


def test_a_manager_that_does_not_read_holds_nobody_up(heard: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdnotify, "_PATIENCE_SECONDS", 0.001)
    notifier = Notifier(heard.getsockname())
    # Whoever waited for its queue would wait for ever.
    for _ in range(200):
        notifier.alive()


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("60000000", "", 60.0),
        ("500000", "own", 0.5),
        ("60000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("-5", "", None),
        ("soon", "own", None),
    ],
)
def test_the_watchdog_is_for_the_process_it_names(
    usec: str, pid: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert watchdog_seconds() == seconds
