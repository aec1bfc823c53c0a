"""OpenSSH's sshd on loopback, with an account and PAM rules of its own and `support.adminshell` as its shell.

The account exists only in a mount namespace of the server: the system's own files are not touched.
"""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ctlctl.connectors.platform_cli_ports import CliSettings
from ctlctl.connectors.secret import Secret
from support.programs import require_program, require_root
from support.tlsservers import free_port

USER, PASSWORD = "ctlctl-os", "Right-password-7"
_PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n"
_MOUNT = (
    "mount --make-rprivate / && mount --bind passwd /etc/passwd && mount --bind shadow /etc/shadow && "
    "mount --bind pam /etc/pam.d/sshd && exec {sshd} -D -e -f sshd_config"
)
_SECONDS = 60.0


@dataclass(frozen=True)
class OpenSsh:
    """A server that runs: its port, the fingerprints of its keys by type, and where it logs."""

    port: int
    fingerprints: Mapping[str, str]
    log: Path

    def logged(self, mark: str, since: int = 0) -> str:
        """Return the log from a character on, once it has what a pattern finds: it is written after the answer went."""
        end = time.monotonic() + _SECONDS
        while re.search(mark, text := self.log.read_text()[since:]) is None:
            assert time.monotonic() < end, text
            time.sleep(0.02)
        return text

    def settings(self, **changes: object) -> CliSettings:
        words: dict[str, object] = {
            "cluster": "hq",
            "node": "pub",
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "password": Secret(PASSWORD),
            "host_key": next(iter(self.fingerprints.values())),
            "login_seconds": 20.0,
            "command_seconds": 20.0,
            **changes,
        }
        return CliSettings(**words)  # type: ignore[arg-type]  # a test names fields that exist


@contextmanager
def opensshd(
    directory: Path,
    answers: Mapping[str, object],
    *options: str,
    keys: tuple[str, ...] = ("ed25519", "rsa"),
    interactive: bool = True,
) -> Iterator[OpenSsh]:
    """Run sshd for the length of a ``with`` block.

    Args:
        directory: for its files.
        answers: what the shell prints for each command; "delay" are seconds before its first word.
        options: further lines of sshd_config.
        keys: types of host keys.
        interactive: keyboard-interactive through PAM; otherwise plain passwords only.
    """
    sshd = require_program("sshd", "openssh-server")
    keygen = require_program("ssh-keygen", "openssh-client")
    require_program("unshare", "util-linux")
    require_root("sshd checks passwords and mounts files of its own")
    Path("/run/sshd").mkdir(exist_ok=True)
    hashed = subprocess.run(
        [require_program("openssl", "openssl"), "passwd", "-6", "-stdin"],
        input=PASSWORD,
        text=True,
        capture_output=True,
        check=True,
    ).stdout.strip()
    # The shell's files lie where only root may look; so the account is one more name for root.
    (directory / "passwd").write_text(Path("/etc/passwd").read_text() + f"{USER}:x:0:0::{directory}:/bin/sh\n")
    shadow = Path("/etc/shadow").read_text() + f"{USER}:{hashed}:20000:0:99999:7:::\n"
    (directory / "shadow").write_text(shadow)
    (directory / "shadow").chmod(0o600)
    (directory / "pam").write_text(_PAM)
    (directory / "answers.json").write_text(json.dumps(answers))
    for kind in keys:
        file = directory / f"host_{kind}"
        subprocess.run([keygen, "-q", "-t", kind, "-N", "", "-f", str(file)], check=True)
    port = free_port()
    shell = Path(__file__).with_name("adminshell.py")
    command = shlex.join([sys.executable, "-I", str(shell), str(directory / "answers.json")])
    lines = [
        # Of two lines about the same the first counts.
        *options,
        "ListenAddress 127.0.0.1",
        f"Port {port}",
        *(f"HostKey {directory}/host_{kind}" for kind in keys),
        "UsePAM yes",
        "PermitRootLogin yes",
        "PubkeyAuthentication no",
        f"KbdInteractiveAuthentication {'yes' if interactive else 'no'}",
        f"PasswordAuthentication {'no' if interactive else 'yes'}",
        "PrintMotd no",
        "PrintLastLog no",
        "PidFile none",
        "LogLevel VERBOSE",
        f"ForceCommand {command}",
    ]
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    log = directory / "log"
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNT.format(sshd=sshd)],
            cwd=directory,
            stderr=stderr,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _await(port, server, log)
        yield OpenSsh(port, {kind: _fingerprint(keygen, directory / f"host_{kind}.pub") for kind in keys}, log)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(_SECONDS)


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        with socket.socket() as sock:
            sock.settimeout(1)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def _fingerprint(keygen: str, file: Path) -> str:
    """Return a key's fingerprint in OpenSSH's own words."""
    shown = subprocess.run([keygen, "-l", "-f", str(file)], capture_output=True, text=True, check=True).stdout
    return shown.split()[1]
