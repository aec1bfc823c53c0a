"""A lab from start to stop: build, listen, say so, and wait."""

import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from threading import Event

from ctlctl_lab.build import PLATFORM_READER, PLATFORM_SECRET, WorldPlan, build_world
from ctlctl_lab.clock import Clock
from ctlctl_lab.control import ControlServer, Operator
from ctlctl_lab.dirs import SETTINGS_NAME, LabDir, LabError
from ctlctl_lab.scenarios import SCENARIOS, apply_scenario
from ctlctl_lab.services import PORTS, PortPlan, Services
from ctlctl_lab.settings import write_settings
from ctlctl_lab.tlscontexts import lab_context
from ctlctl_lab.world import World

#: Real seconds between two looks at whether the lab's threads live.
_LOOK_SECONDS = 1.0
#: Real seconds that each port has to answer at the start.
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab to be run.

    Attributes:
        directory: where its keys and files are.
        world: what to build.
        ports: port numbers.
        scenario: its name.
        speed: lab seconds in a real second.
        capf_in_process: whether phones meet CAPF in memory instead of on the wire.
        clock: lab time; None for the machine's at that speed.
    """

    directory: Path
    world: WorldPlan = field(default_factory=WorldPlan)
    ports: PortPlan = field(default_factory=PortPlan)
    scenario: str = "healthy"
    speed: float = 1.0
    capf_in_process: bool = False
    clock: Clock | None = None


@dataclass(frozen=True, slots=True)
class RunningLab:
    """A lab that answers.

    Attributes:
        plan: what was asked for.
        world: its world.
        services: what listens.
        settings: the settings file.
    """

    plan: LabPlan
    world: World
    services: Services
    settings: Path

    @property
    def phones_port(self) -> int:
        """Number of the phones' port for TLS."""
        return self.services.phones.port

    @property
    def phones_http_port(self) -> int:
        """Number of the phones' port for plain pages."""
        return self.services.phones_http.port

    @property
    def broken(self) -> bool:
        """Whether one of its threads ended by itself."""
        return self.world.schedule.broken or self.services.broken

    def describe(self) -> Iterator[str]:
        """Give the addresses, for a person."""
        cluster = self.world.cluster
        mode = "mixed mode" if cluster.security_mode else "non-secure"
        yield (
            f"lab  CUCM {cluster.version} · {mode} · {len(cluster.nodes)} nodes · {len(cluster.phones):,} phones · "
            f"scenario {self.world.scenario} · seed {self.plan.world.seed}"
        )
        for node in cluster.nodes.values():
            numbers = (
                f"{port.name} {self.plan.ports.number(port)}"
                for port in PORTS.values()
                if port.service is None or port.service in node.services
            )
            yield f"  {node.name:9} {node.address:12} {'  '.join(numbers)}{'' if node.up else '  (down)'}"
        addresses = list(self.world.by_address)
        yield f"  phones    {addresses[0]} to {addresses[-1]}, https {self.phones_port}  http {self.phones_http_port}"
        password = self.plan.directory / "secrets" / PLATFORM_SECRET
        number = self.plan.ports.number(PORTS["ssh"])
        yield f"  console   ssh -p {number} {PLATFORM_READER}@{cluster.publisher.address}  (password in {password})"
        yield f"  settings  {self.settings}  (cluster: lab)"


@contextmanager
def running_lab(plan: LabPlan) -> Iterator[RunningLab]:
    """Run a lab for the length of a ``with`` block.

    Args:
        plan: what to run.

    Yields:
        The lab, once every port answers.

    Raises:
        LabError: it cannot be run.
    """
    if plan.scenario not in SCENARIOS:
        raise LabError(f"no scenario {plan.scenario!r}; there are: {', '.join(SCENARIOS)}")
    _check(plan.world)
    directory = LabDir(plan.directory)
    directory.hold()
    try:
        with _serving(plan, directory) as lab:
            yield lab
    except OSError as error:
        raise LabError(f"{plan.directory}: {error.strerror or error}") from error
    finally:
        directory.release()


def _check(world: WorldPlan) -> None:
    """Refuse what would leave loopback, or is no version."""
    for first, count in ((world.first_node, world.nodes), (world.first_phone, world.phones + world.phones // 254 * 2)):
        try:
            start = IPv4Address(first)
            inside = start.is_loopback and (start + count).is_loopback
        except ValueError:
            inside = False
        if not inside:
            raise LabError(f"{first}: addresses of a lab are in 127.0.0.0/8, and so are those that follow it")
    if not re.fullmatch(r"1[1-5](\.\d{1,6}){2,4}(-\d{1,6})?", world.version):
        raise LabError(f"{world.version}: that is no version of CUCM 11 to 15, such as 12.5.1.11900-146")


@contextmanager
def _serving(plan: LabPlan, directory: LabDir) -> Iterator[RunningLab]:
    world = build_world(plan.world, directory, plan.clock or Clock(speed=plan.speed))
    apply_scenario(world, plan.world, plan.scenario)
    services = Services(world, plan.ports, capf_in_process=plan.capf_in_process)
    control = ControlServer(plan.directory, Operator(world, plan.world))
    services.start()
    try:
        phones = {"https_port": services.phones.port, "http_port": services.phones_http.port}
        write_settings(directory, world.cluster, plan.ports, phones)
        control.start()
        try:
            world.schedule.start()
            _wait_for_answers(services)
            yield RunningLab(plan, world, services, directory.path / SETTINGS_NAME)
        finally:
            world.schedule.stop()
            control.stop()
    finally:
        services.stop()


def _wait_for_answers(services: Services) -> None:
    """Knock at every TCP port that should be open."""
    phones = (services.phones, services.phones_http)
    for listener in services.acceptor.listeners:
        if listener.stream is None or listener in phones or not listener.wanted():
            continue
        where = f"{listener.what} ({listener.address}:{listener.port})"
        try:
            with socket.create_connection((listener.address, listener.port), _ANSWER_SECONDS) as sock:
                if listener.what.endswith(" ssh"):
                    _read_greeting(sock)
                elif not listener.what.endswith(" http"):
                    _shake_hands(sock)
        except OSError as error:
            raise LabError(f"{where} does not answer: {error}") from error


def _read_greeting(sock: socket.socket) -> None:
    if not sock.recv(4).startswith(b"SSH"):
        raise OSError("what answers there is no SSH server")


def _shake_hands(sock: socket.socket) -> None:
    context = lab_context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Nothing is believed: this asks only whether somebody answers.
    context.verify_mode = ssl.CERT_NONE
    context.wrap_socket(sock).close()


def run_until_told(plan: LabPlan, say: Callable[[str], None]) -> None:
    """Run a lab in the foreground until SIGTERM or SIGINT.

    Args:
        plan: what to run.
        say: takes each line for the person who waits; the last begins with "ready".

    Raises:
        LabError: it cannot be run, or broke.
    """
    started = time.monotonic()
    told = Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with running_lab(plan) as lab:
            for line in lab.describe():
                say(line)
            say(
                f"ready after {time.monotonic() - started:.1f} s; stop with Ctrl-C. "
                f"Try: ctlctl --config {lab.settings} cluster doctor lab"
            )
            while not told.wait(_LOOK_SECONDS):
                if lab.broken:
                    raise LabError("the lab broke: a thread of its own ended; this is a defect of the lab")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
