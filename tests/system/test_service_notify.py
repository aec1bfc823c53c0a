"""ctld and systemd's notify protocol, with this test in systemd's place: needs no root and no container."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path

import pytest

from support.tlsservers import free_port

#: Seconds. A loaded machine takes some to import what the daemon is made of.
PATIENCE = 60.0
WATCHDOG_SECONDS = 9.0
CTLD = [sys.executable, "-m", "ctlctl.service.main"]


@dataclass(slots=True)
class Manager:
    """What hears the daemon.

    Attributes:
        sock: where it sends to.
        process: the daemon.
        port: of its metrics.
        settings: its file.
        heard: everything that it has said, each message with when it came.
    """

    sock: socket.socket
    process: "subprocess.Popen[str]"
    port: int
    settings: Path
    heard: list[tuple[float, dict[str, str]]] = field(default_factory=list)

    def hear(self, seconds: float) -> dict[str, str]:
        """Return the next message."""
        self.sock.settimeout(seconds)
        message = self.sock.recv(4096).decode()
        fields = dict(line.split("=", 1) for line in message.splitlines())
        self.heard.append((time.monotonic(), fields))
        return fields

    def wait_for(self, name: str) -> dict[str, str]:
        """Hear until a message says something, and return that message."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            fields = self.hear(PATIENCE)
            if name in fields:
                return fields
        pytest.fail(f"{name} never came")

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def settings_text(port: int) -> str:
    return (
        f'[http]\nlisten = "127.0.0.1:{port}"\n[api]\nsocket = "ctld.sock"\nsnapshot = "snapshot"\n'
        '[store]\npath = "ctld.db"\n'
    )


@contextmanager
def managed(folder: Path) -> Iterator[Manager]:
    """Run the daemon, without clusters, as systemd would."""
    port, settings = free_port(), folder / "ctld.toml"
    settings.write_text(settings_text(port), encoding="utf-8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000)),
        }
        process = subprocess.Popen(
            [*CTLD, "--config", str(settings)], env=environment, stderr=subprocess.PIPE, text=True, cwd=folder
        )
        try:
            yield Manager(sock, process, port, settings)
        finally:
            process.kill()
            process.communicate(timeout=30)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with managed(tmp_path) as manager:
        assert manager.wait_for("READY") == {"READY": "1", "STATUS": "watching 0 clusters"}
        yield manager


def test_ready_comes_when_it_answers(manager: Manager) -> None:
    assert manager.get("/healthz") == (200, "alive\n")
    assert manager.get("/metrics")[0] == 200


def test_the_watchdog_is_fed_in_time(manager: Manager) -> None:
    for _ in range(3):
        manager.wait_for("WATCHDOG")
    beats = [at for at, fields in manager.heard if "WATCHDOG" in fields]
    assert max(later - earlier for earlier, later in pairwise(beats)) < WATCHDOG_SECONDS


def test_a_reload_is_announced_with_its_instant(manager: Manager) -> None:
    before = time.monotonic_ns() // 1000
    manager.process.send_signal(signal.SIGHUP)
    began = manager.wait_for("RELOADING")
    assert before <= int(began["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.wait_for("READY")["STATUS"] == "watching 0 clusters"


def test_a_refused_reload_is_ready_again_and_says_so(manager: Manager) -> None:
    manager.settings.write_text("[clusters.hq\n", encoding="utf-8")
    manager.process.send_signal(signal.SIGHUP)
    manager.wait_for("RELOADING")
    assert "the old ones are in force" in manager.wait_for("READY")["STATUS"]
    assert "ctld_config_last_reload_successful 0.0" in manager.get("/metrics")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_is_announced_and_clean(manager: Manager, number: signal.Signals) -> None:
    manager.process.send_signal(number)
    manager.wait_for("STOPPING")
    _, said = manager.process.communicate(timeout=30)
    assert manager.process.returncode == 0, said
    assert "Traceback" not in said
    assert not (manager.settings.parent / "ctld.sock").exists()


def test_a_second_signal_does_not_disturb_the_end(manager: Manager) -> None:
    for _ in range(3):
        manager.process.send_signal(signal.SIGTERM)
    _, said = manager.process.communicate(timeout=30)
    assert (manager.process.returncode, "Traceback" in said) == (0, False)


def run(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    settings = folder / "ctld.toml"
    settings.write_text(text, encoding="utf-8")
    command = [*CTLD, "--config", str(settings)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=folder)


def test_unusable_settings_end_it_for_good(tmp_path: Path) -> None:
    """systemd does not start it again after 3 (RestartPreventExitStatus)."""
    done = run(tmp_path, "[http]\nlisten = 1\n")
    assert done.returncode == 3
    assert "listen" in done.stderr


def test_what_may_pass_is_worth_another_start(tmp_path: Path) -> None:
    """Whoever has the port may go: systemd starts it again after 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path, settings_text(taken.getsockname()[1]))
    assert done.returncode == 1, done.stderr
    assert "[http] listen" in done.stderr
    assert "Traceback" not in done.stderr
