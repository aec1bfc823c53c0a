"""What phones do by themselves: start, fetch, go to CAPF, register, notice that a node is gone, and come back to it.

Every step is an event of the world's schedule. A phone that cannot go on rests; what may let it go on wakes it
(`Life.wake`): a genuine phone tries for ever, a lab of 40,000 has no use for tries that must fail.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctlctl_lab import capfwork, phones
from ctlctl_lab.model import REGISTERED, SERVICE_CALLMANAGER, UNREGISTERED, Node, Phone
from ctlctl_lab.schedule import Action

if TYPE_CHECKING:
    from ctlctl_lab.world import World

# RIS StatusReason.
REASON_NONE, REASON_RESET, REASON_KEEPALIVE, REASON_APPLY, REASON_FALLBACK = 0, 9, 13, 17, 28


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take: (least, most) lab seconds.

    Attributes:
        boot: from a reset until the phone asks for its files.
        apply: from "Apply Config" until then.
        register: from its files until it is registered.
        keepalive: until a phone notices that its node is gone.
        fallback: until it goes back to a better node.
        capf: at CAPF, without the making of a key; on the wire, until the phone connects.
        capf_patience: real seconds that each side of a CAPF session waits at least, however fast time runs.
    """

    boot: tuple[float, float] = (8.0, 15.0)
    apply: tuple[float, float] = (2.0, 4.0)
    register: tuple[float, float] = (1.0, 3.0)
    keepalive: tuple[float, float] = (20.0, 40.0)
    fallback: tuple[float, float] = (30.0, 90.0)
    capf: tuple[float, float] = (1.0, 3.0)
    capf_patience: float = 10.0


class Life:
    """Moves the phones of a world. Use it under `Cluster.lock`.

    Attributes:
        capf: how phones get to CAPF.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self.capf: capfwork.CapfWay = capfwork.InMemory(world)

    def reset(self, phone: Phone) -> None:
        """Start a phone anew."""
        self._begin(phone, REASON_RESET, self._world.timing.boot)

    def apply(self, phone: Phone) -> None:
        """Let a phone take its configuration anew."""
        self._begin(phone, REASON_APPLY, self._world.timing.apply)

    def switch_off(self, phone: Phone) -> None:
        """Take a phone's power away; its node notices by its keep-alives."""
        phone.epoch += 1
        phone.powered = phone.busy = False
        if phone.status == REGISTERED:
            self._set_status(phone, UNREGISTERED, REASON_KEEPALIVE)

    def switch_on(self, phone: Phone) -> None:
        """Give a phone its power back; it starts."""
        if not phone.powered:
            phone.powered = True
            self.reset(phone)

    def wake(self) -> None:
        """Let every phone that is out try again."""
        for phone in self._world.cluster.phones.values():
            if phone.powered and phone.status == UNREGISTERED and not phone.busy:
                phone.busy = True
                self._later(self._world.timing.boot, self._start, phone)

    def node_is_down(self, name: str) -> None:
        """Let the phones of a node notice in time that it is gone."""
        for phone in self._world.cluster.phones.values():
            if phone.node == name and phone.status == REGISTERED:
                self._later(self._world.timing.keepalive, self._lose_node, phone)

    def node_is_up(self, name: str) -> None:
        """Let phones that are elsewhere see in time whether they would rather be on this node."""
        for phone in self._world.cluster.phones.values():
            if phone.status == REGISTERED and phone.node != name:
                self._later(self._world.timing.fallback, self._fall_back, phone)
        self.wake()

    def place(self, phone: Phone) -> None:
        """Put a phone at once where a reset would bring it, CAPF left out; for setting the stage."""
        if not phone.powered:
            return
        phone.epoch += 1
        phone.busy = False
        self._set_status(phone, UNREGISTERED, REASON_RESET)
        if phones.fetch_lists(self._world, phone):
            self._register(phone)

    def _later(self, span: tuple[float, float], action: Action, phone: Phone) -> None:
        seconds = self._world.random.uniform(*span) * self._world.faults.phones_slow
        self._world.schedule.after(seconds, action, phone)

    def _set_status(self, phone: Phone, status: str, reason: int) -> None:
        phone.status, phone.status_reason, phone.status_time = status, reason, int(self._world.now())

    def _begin(self, phone: Phone, reason: int, span: tuple[float, float]) -> None:
        if not phone.powered:
            return
        phone.epoch += 1
        phone.busy = True
        if phone.status == REGISTERED:
            self._set_status(phone, UNREGISTERED, reason)
        self._later(span, self._start, phone)

    def _start(self, phone: Phone) -> None:
        if not phones.fetch_lists(self._world, phone):
            phone.busy = False
            return
        phone.tries = 0
        self._go_on(phone)

    def _go_on(self, phone: Phone) -> None:
        """Let a phone that has its files go to CAPF, or register."""
        if capfwork.is_called(self._world, phone):
            phone.tries += 1
            self.capf.visit(phone, self._left_capf)
        elif capfwork.waits_for_string(self._world, phone):
            phone.busy = False
            phone.message = "Registration Rejected: no LSC yet"
        else:
            self._later(self._world.timing.register, self._register, phone)

    def _left_capf(self, phone: Phone, done: bool) -> None:  # noqa: FBT001 - see capfwork.Left
        if done or phone.tries >= capfwork.TRIES:
            self._later(self._world.timing.register, self._register, phone)
        else:
            self._later((capfwork.TRY_SECONDS, capfwork.TRY_SECONDS), self._go_on, phone)

    def _register(self, phone: Phone) -> None:
        phone.busy = False
        found = phones.choose_node(self._world, phone)
        if isinstance(found, phones.Refusal):
            phone.message = found.message
        else:
            phone.node = found.name
            self._set_status(phone, REGISTERED, REASON_NONE)

    def _leave(self, phone: Phone, reason: int) -> None:
        self._set_status(phone, UNREGISTERED, reason)
        phone.busy = True
        self._later(self._world.timing.register, self._rejoin, phone)

    def _rejoin(self, phone: Phone) -> None:
        if isinstance(phones.choose_node(self._world, phone), phones.Refusal):
            # Nobody takes it with what it knows: it starts over, and asks for its files again.
            self._later(self._world.timing.boot, self._start, phone)
        else:
            self._register(phone)

    def _lose_node(self, phone: Phone) -> None:
        if phone.status == REGISTERED and not self._world.cluster.nodes[phone.node].runs(SERVICE_CALLMANAGER):
            self._leave(phone, REASON_KEEPALIVE)

    def _fall_back(self, phone: Phone) -> None:
        if phone.status != REGISTERED:
            return
        found = phones.choose_node(self._world, phone)
        if isinstance(found, Node) and found.name != phone.node:
            self._leave(phone, REASON_FALLBACK)
