"""Telling systemd how the service is: one datagram for each message (sd_notify(3))."""

import os
import socket
import time
from contextlib import suppress
from typing import Final

_VARIABLE: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHDOG_PID: Final = "WATCHDOG_PID"
#: Seconds that a message waits while systemd reads none, as in `systemctl daemon-reload`; then it is given up.
_PATIENCE_SECONDS: Final = 5.0


class Notifier:
    """Sends to the socket that systemd named at the start; does nothing where none is named."""

    def __init__(self, address: str | None = None) -> None:
        """Remember where to send to.

        Args:
            address: path of the socket, "@name" for an abstract one; None for what the environment says.
        """
        self._address = os.environ.get(_VARIABLE, "") if address is None else address

    @property
    def wanted(self) -> bool:
        """Whether somebody listens."""
        return self._address.startswith(("/", "@"))

    def send(self, *lines: str) -> None:
        """Send one message. That nobody takes it is no reason to stop."""
        if not self.wanted:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        # A line end in somebody's words would begin a message of its own.
        message = "\n".join(line.replace("\n", " ") for line in lines)
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(_PATIENCE_SECONDS)
            sock.sendto(message.encode(), address)

    def ready(self, status: str) -> None:
        """Say that the start, or a reload, is done."""
        self.send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the settings are being read anew; from version 253 on systemd wants the instant too."""
        self.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self.send("STOPPING=1", "STATUS=stopping")

    def status(self, words: str) -> None:
        """Say in words what is going on."""
        self.send(f"STATUS={words}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self.send("WATCHDOG=1")


def watchdog_seconds() -> float | None:
    """Return how often systemd wants to hear from this process, or None where it does not (sd_watchdog_enabled(3))."""
    pid, spelled = os.environ.get(_WATCHDOG_PID, ""), os.environ.get(_WATCHDOG, "")
    if (pid and pid != str(os.getpid())) or not spelled.isdecimal() or int(spelled) == 0:
        return None
    return int(spelled) / 1_000_000
