"""The lab's SOAP services behind HTTPS, for clients with a time of their own.

`python -m support.soap_lab PHONES` serves a large lab in a process of its own.
"""

import hashlib
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ctlctl_lab.clock import ManualClock
from ctlctl_lab.model import AppAnswer
from ctlctl_lab.soap import SoapApp
from support import labhttp
from support.labhttp import HandMadeWorld, https_server, make_world
from support.soap import FakeTime

# Seconds after which a lab of another process is given up.
_LONG = 60.0
# Its servers send head and body of an answer one after the other: 40 ms for each answer, with Nagle's algorithm.
labhttp._Handler.disable_nagle_algorithm = True


class LabApp(SoapApp):
    """The lab's services, which note what they are asked."""

    def __init__(self, world: HandMadeWorld) -> None:
        super().__init__(world)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AppAnswer:
        self.asked.append((headers.get("soapaction", "").strip('"').rpartition(" ")[2], dict(headers)))
        return super().__call__(method, path, headers, body)

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]


@dataclass
class Lab:
    """The lab's services behind HTTPS."""

    world: HandMadeWorld
    app: LabApp
    port: int
    pin: bytes
    login: tuple[str, str] = (labhttp.ADMIN, labhttp.PASSWORD)

    @property
    def time(self) -> FakeTime:
        """A time that the lab and a client share."""
        clock = self.world.cluster.clock
        assert isinstance(clock, ManualClock)
        return FakeTime(lab=clock)


@contextmanager
def lab_server(world: HandMadeWorld, directory: Path) -> Iterator[Lab]:
    """Serve a lab."""
    app = LabApp(world)
    with https_server(app, directory) as (_, port, certificate):
        der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
        yield Lab(world, app, port, hashlib.sha256(der).digest())


@dataclass(frozen=True)
class FarLab:
    """A lab in another process, whose memory and time are not the test's."""

    port: int
    pin: bytes
    certificate: Path
    login: tuple[str, str] = (labhttp.ADMIN, labhttp.PASSWORD)


def unmeasured() -> dict[str, str]:
    """An environment in which coverage does not slow a process down and make it larger."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@contextmanager
def far_lab(phones: int) -> Iterator[FarLab]:
    """Serve a lab of so many phones in another process."""
    command = [sys.executable, "-m", "support.soap_lab", str(phones)]
    tests = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests, env=unmeasured()
    ) as process:
        try:
            assert process.stdout is not None
            port, pin, certificate = process.stdout.readline().split("\t")
            yield FarLab(int(port), bytes.fromhex(pin), Path(certificate.strip()))
        finally:
            # The end of its input ends it.
            process.communicate(timeout=_LONG)


def _serve_phones(phones: int) -> None:
    with TemporaryDirectory() as directory, https_server(SoapApp(make_world(phones=phones)), Path(directory)) as found:
        _, port, certificate = found
        der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
        sys.stdout.write(f"{port}\t{hashlib.sha256(der).hexdigest()}\t{certificate}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _serve_phones(int(sys.argv[1]))
