"""What an operator does to a running lab: a Unix socket in its directory, one line of JSON each way.

The kernel keeps others away: directory and socket belong to who started the lab.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.dirs import SOCKET_NAME, LabError
from ctlctl_lab.model import Node
from ctlctl_lab.scenarios import SCENARIOS, apply_scenario
from ctlctl_lab.switches import SWITCHES, shown, turn_off, turn_on
from ctlctl_lab.world import World

_MAX_LINE: Final = 1024 * 1024
#: Real seconds that an operator waits: a scenario for 40,000 phones takes long.
_PATIENCE: Final = 120.0
_PEER_SECONDS: Final = 5.0
#: Real seconds until a lab that was just started is up, even a large one on a slow machine, and between two looks.
_COMING_UP: Final = 60.0
_LOOK_SECONDS: Final = 0.1

#: What a request carries besides the word for what is to be done.
Words = Mapping[str, str]


class Operator:
    """Carries out what operators ask for."""

    def __init__(self, world: World, plan: WorldPlan) -> None:
        self._world = world
        self._plan = plan
        self._actions: dict[str, Callable[[Words], list[str]]] = {
            "status": self._status,
            "scenario": self._scenario,
            "fault-list": self._fault_list,
            "fault-set": self._fault_set,
            "fault-clear": self._fault_clear,
            "reset": self._reset,
            "erase-lists": self._erase_lists,
            "renew": self._renew,
            "service": self._service,
            "update-ctl": self._update_ctl,
            "node": self._switch_node,
        }

    def answer(self, request: object) -> dict[str, object]:
        """Carry out one request.

        Args:
            request: what came, as JSON.

        Returns:
            {"said": lines} or {"error": words}.
        """
        if not isinstance(request, dict) or not all(isinstance(value, str) for value in request.values()):
            return {"error": "the request is not understood"}
        action = self._actions.get(request.get("do", ""))
        if action is None:
            return {"error": f"the lab cannot {request.get('do', '')!r}"}
        try:
            return {"said": action(request)}
        except LabError as error:
            return {"error": str(error)}

    def _status(self, words: Words) -> list[str]:
        del words
        cluster = self._world.cluster
        with cluster.lock:
            mode = "mixed mode" if cluster.security_mode else "non-secure"
            counts = ", ".join(f"{count} {status}" for status, count in sorted(self._world.counts().items()))
            nodes = [line for node in cluster.nodes.values() for line in _told(node)]
            faults = [(switch.name, shown(self._world, switch)) for switch in SWITCHES.values()]
        lines = [f"{cluster.name}  CUCM {cluster.version} · {mode} · scenario {self._world.scenario}", *nodes]
        return [*lines, f"phones  {counts}", *(f"fault {name}  {value}" for name, value in faults if value)]

    def _scenario(self, words: Words) -> list[str]:
        name = words.get("name", "")
        apply_scenario(self._world, self._plan, name)
        return [f"{name}: {SCENARIOS[name].summary}"]

    def _fault_list(self, words: Words) -> list[str]:
        del words
        with self._world.cluster.lock:
            return [
                f"{switch.name} {switch.value}\t{shown(self._world, switch) or 'off'}\t{switch.summary}"
                for switch in SWITCHES.values()
            ]

    def _fault_set(self, words: Words) -> list[str]:
        name, value = words.get("name", ""), words.get("value", "")
        turn_on(self._world, name, value)
        self._world.wake()
        return [f"{name} is {shown(self._world, SWITCHES[name]) or 'off'}"]

    def _fault_clear(self, words: Words) -> list[str]:
        name = words.get("name") or None
        turn_off(self._world, name)
        self._world.wake()
        return [f"{name} is off" if name else "every fault is off"]

    def _reset(self, words: Words) -> list[str]:
        name = words.get("name", "")
        if name == "all":
            self._world.reset_all()
            return [f"{len(self._world.cluster.phones)} phones are resetting"]
        with self._known_phone(name):
            self._world.reset_phone(name)
        return [f"{name} is resetting"]

    def _erase_lists(self, words: Words) -> list[str]:
        name = words.get("name", "")
        with self._known_phone(name):
            self._world.erase_lists(name)
        return [f"{name} has no trust list any more, and is resetting"]

    @contextmanager
    def _known_phone(self, name: str) -> Iterator[None]:
        try:
            yield
        except KeyError:
            raise LabError(f"no phone {name!r}") from None

    def _renew(self, words: Words) -> list[str]:
        unit, node = words.get("unit", ""), words.get("node") or None
        restart = words.get("restart", "yes") != "no"
        try:
            self._world.renew(unit, node, restart=restart)
        except KeyError:
            raise LabError(f"no certificate {unit!r} on {node or 'any node'}") from None
        said = f"{unit} renewed on {node or 'every node that has one'}"
        return [said if restart else f"{said}; what uses it goes on with the old one until it is restarted"]

    def _service(self, words: Words) -> list[str]:
        node, service, what = words.get("node", ""), words.get("service", ""), words.get("what", "")
        world = self._world
        try:
            if what == "stop":
                world.stop_service(node, service)
                return [f"{service} is stopped on {node}"]
            came = (world.restart_service if what == "restart" else world.start_service)(node, service)
        except KeyError:
            raise LabError(f"no service {service!r} that is activated on node {node!r}") from None
        return [f"{service} {'is started' if came else 'does not come back'} on {node}"]

    def _update_ctl(self, words: Words) -> list[str]:
        del words
        self._world.update_ctl()
        return ["the CTL is written anew; phones take it at their next reset"]

    def _switch_node(self, words: Words) -> list[str]:
        name, state = words.get("name", ""), words.get("state", "")
        if name not in self._world.cluster.nodes or state not in {"up", "down"}:
            raise LabError(f"no node {name!r} to be switched {state!r}")
        (self._world.node_up if state == "up" else self._world.node_down)(name)
        return [f"{name} is {state}"]


def _told(node: Node) -> Iterator[str]:
    """Give what is to be said of a node: that it is there, and what of it is not as it should be."""
    yield f"{node.name}  {node.address}  {'up' if node.up else 'down'}"
    if node.stopped:
        yield f"  stopped: {', '.join(sorted(node.stopped))}"
    for service, unit in sorted(node.held):
        yield f"  {service} presents the {unit} certificate from before its renewal, until it is restarted"


@contextmanager
def _address(directory: Path) -> Iterator[str]:
    """Give an address of the socket that is short whatever the directory is called: the kernel takes 107 bytes."""
    descriptor = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


class ControlServer:
    """Listens in a lab's directory."""

    def __init__(self, directory: Path, operator: Operator) -> None:
        self._directory = directory
        self._operator = operator
        self._sock: socket.socket | None = None
        self._thread = Thread(target=self._run, name="lab-control", daemon=True)

    def start(self) -> None:
        """Listen. The caller holds the directory, so that a socket that is there is a dead one.

        Raises:
            LabError: it cannot be done.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with suppress(FileNotFoundError):
                (self._directory / SOCKET_NAME).unlink()
            with _address(self._directory) as address:
                sock.bind(address)
            (self._directory / SOCKET_NAME).chmod(0o600)
            sock.listen()
        except OSError as error:
            sock.close()
            raise LabError(f"{self._directory / SOCKET_NAME} cannot be listened to: {error.strerror}") from error
        self._sock = sock
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and remove the socket, if it ever listened."""
        if self._sock is None:
            return
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()
        with suppress(OSError):
            (self._directory / SOCKET_NAME).unlink()

    def _run(self) -> None:
        while self._sock is not None:
            try:
                peer, _ = self._sock.accept()
            except OSError:
                return
            # One after the other: each changes the whole lab.
            with peer, suppress(OSError):
                peer.settimeout(_PEER_SECONDS)
                self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        with peer.makefile("rb") as lines:
            line = lines.readline(_MAX_LINE)
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        peer.sendall(json.dumps(self._operator.answer(request)).encode() + b"\n")


def wait_for_lab(directory: Path, seconds: float = _COMING_UP) -> None:
    """Wait until a lab listens in a directory: its settings are written by then, and its services listen.

    Args:
        directory: the lab's.
        seconds: how long at most; whoever asks after that is told that there is none.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock, _address(directory) as address:
                sock.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(_LOOK_SECONDS)
        except OSError:
            return
        else:
            return


def ask_lab(directory: Path, do: str, **words: str) -> list[str]:
    """Ask the lab that runs in a directory.

    Args:
        directory: the lab's.
        do: what is to be done.
        words: what belongs to it.

    Returns:
        What it says, line by line.

    Raises:
        LabError: no lab runs there, or it refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(_PATIENCE)
            with _address(directory) as address:
                sock.connect(address)
            sock.sendall(json.dumps({"do": do, **words}).encode() + b"\n")
            with sock.makefile("rb") as lines:
                answer = json.loads(lines.readline(_MAX_LINE))
    except (FileNotFoundError, ConnectionRefusedError):
        raise LabError(f"no lab runs in {directory}; start one: ctlctl lab up --dir {directory}") from None
    except (OSError, ValueError) as error:
        raise LabError(f"the lab in {directory} does not answer: {error}") from error
    if "error" in answer:
        raise LabError(str(answer["error"]))
    return [str(line) for line in answer["said"]]
