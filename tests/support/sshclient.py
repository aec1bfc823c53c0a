"""OpenSSH's client at work on a lab's node, as an operator uses it: a terminal, a password, keys one by one."""

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET
from ctlctl_lab.hostkeys import host_key
from ctlctl_lab.run import RunningLab
from ctlctl_lab.services import PORTS
from support.programs import require_program

#: Seconds until an answer must be there.
PATIENCE = 20.0
_MODERN = ("-o", "PubkeyAuthentication=no", "-o", "StrictHostKeyChecking=yes")
#: What an operator must write to reach releases up to 11.5.
OLD_ALGORITHMS = ("-o", "KexAlgorithms=+diffie-hellman-group14-sha1", "-o", "HostKeyAlgorithms=+ssh-rsa")


class Operator:
    """One `ssh` that runs.

    Attributes:
        shown: everything it has shown so far.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.shown = ""
        self._seen = 0

    def type(self, keys: str) -> None:
        """Type keys."""
        assert self._process.stdin is not None
        self._process.stdin.write(keys.encode())
        self._process.stdin.flush()

    def expect(self, pattern: str) -> str:
        """Wait until a pattern is shown; return what was shown since the last one, up to its end."""
        until = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.shown[self._seen :])) is None:
            assert self._read(until - time.monotonic()), f"{pattern!r} is not in {self.shown[self._seen :]!r}"
        start, self._seen = self._seen, self._seen + found.end()
        return self.shown[start : self._seen]

    def run(self, command: str) -> str:
        """Give a command; return what it shows before the next prompt."""
        self.type(f"{command}\r")
        return self.expect(r"\r\nadmin:").removeprefix(f"{command}\r\n").removesuffix("\r\nadmin:")

    def silent(self, seconds: float) -> bool:
        """Tell whether nothing at all is shown for a while, though the session lives."""
        return not self._read(seconds) and self._process.poll() is None

    def ended(self) -> int:
        """Wait for the end; return the exit status."""
        until = time.monotonic() + PATIENCE
        while self._read(until - time.monotonic()):
            pass
        return self._process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], max(0.0, seconds))[0]:
            return False
        data = os.read(descriptor, 65536)
        self.shown += data.decode()
        return bool(data)


class Client:
    """How `ssh` is to be called for a lab."""

    def __init__(self, lab: RunningLab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self._ssh = require_program("ssh", "openssh-client")
        self._secret = lab.plan.directory / "secrets" / PLATFORM_SECRET
        self._known = folder / "known_hosts"
        self.trust_host_keys()

    def trust_host_keys(self) -> None:
        """Write the nodes' own host keys down as the only ones to be believed."""
        lines = []
        for node in self.lab.world.cluster.nodes.values():
            public = host_key(self.lab.world.pki.directory, node.name).public_key()
            text = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
            lines.append(f"[{node.address}]:{PORTS['ssh'].number} {text}\n")
        self._known.write_text("".join(lines))

    def words(self, node: str, *options: str, user: str = PLATFORM_READER) -> list[str]:
        """Return the command line for a node."""
        address = self.lab.world.cluster.nodes[node].address
        known = ("-o", f"UserKnownHostsFile={self._known}", "-o", "GlobalKnownHostsFile=/dev/null")
        return [
            self._ssh,
            "-F",
            "none",
            *known,
            *_MODERN,
            *options,
            "-p",
            str(PORTS["ssh"].number),
            f"{user}@{address}",
        ]

    def environment(self, *, right: bool = True) -> dict[str, str]:
        """Return an environment in which somebody types the password when asked, or a wrong one."""
        helper = self.folder / ("right" if right else "wrong")
        helper.write_text(f"#!/bin/sh\ncat '{self._secret}'\n" if right else "#!/bin/sh\necho wrong\n")
        helper.chmod(0o700)
        return {"PATH": os.environ["PATH"], "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force", "TERM": "vt100"}

    def once(
        self, node: str, *options: str, typed: str = "", right: bool = True, words: tuple[str, ...] = ()
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run `ssh` to its end."""
        return subprocess.run(
            [*self.words(node, *options), *words],
            input=typed.encode(),
            capture_output=True,
            env=self.environment(right=right),
            check=False,
            timeout=60,
        )

    @contextmanager
    def login(self, node: str = "lab-pub", *options: str, prompt: str = "admin:") -> Iterator[Operator]:
        """Log in on a terminal, and wait for the first prompt."""
        with subprocess.Popen(
            self.words(node, "-tt", *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment(),
        ) as process:
            try:
                operator = Operator(process)
                operator.expect(re.escape(prompt))
                yield operator
            finally:
                process.kill()
