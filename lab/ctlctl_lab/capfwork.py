"""When a phone goes to CAPF, how long that takes, and the way that needs no socket.

`InMemory` lets phone and CAPF meet without the wire protocol, by the same rules; a running lab has them speak
(`ctlctl_lab.capfphones`), unless it is told not to.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from ctlctl_capf import KeyOrder
from ctlctl_lab import capforders, phones
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_STRING,
    CAPF,
    DELETE,
    INSTALL,
    SERVICE_CAPF,
    TROUBLESHOOT,
    Credential,
    Identity,
    Node,
    Phone,
)

if TYPE_CHECKING:
    from ctlctl_lab.world import World

#: Tries, and lab seconds between them: "CAPF retries 3 times at 30 s" (security guide).
TRIES: Final = 3
TRY_SECONDS: Final = 30.0
#: Lab seconds to make an EC key, on any phone that can; assumed.
_EC_SECONDS: Final = 1.0
_DAY: Final = 86_400

#: Told, under `Cluster.lock`, that a phone is done with CAPF, or (False) that it has to try again.
Left = Callable[[Phone, bool], None]


class CapfWay(Protocol):
    """How phones get to CAPF."""

    def visit(self, phone: Phone, left: Left) -> None:
        """Let a phone that is on its way go to CAPF. Use it under `Cluster.lock`; it returns at once."""


def is_called(world: "World", phone: Phone) -> bool:
    """Tell whether a phone's configuration sends it to CAPF, and it can go there.

    An operation whose time is over ends here, as failed; one for which nobody has typed the string yet stays pending.
    """
    if not phone.capf.pending:
        return False
    if capforders.is_late(world, phone):
        capforders.end(world, phone, capforders.LATE)
        phone.typed = ""
        return False
    return bool(phone.typed) or world.cluster.profiles[phone.profile].authentication_mode != BY_STRING


def waits_for_string(world: "World", phone: Phone) -> bool:
    """Tell whether a phone cannot register before somebody types the string for its first LSC."""
    profile = world.cluster.profiles[phone.profile]
    first = phone.capf.pending and phone.capf.operation == INSTALL and phone.lsc is None
    secure = profile.secure and world.cluster.security_mode == 1
    return first and secure and profile.authentication_mode == BY_STRING and not phone.typed


def key_seconds(world: "World", phone: Phone, order: KeyOrder) -> float:
    """Return how many lab seconds a phone takes to make a key.

    For RSA-2048 the model has it; the time grows with the third power of the bits, which is assumed.
    """
    seconds = _EC_SECONDS if order.bits is None else phone.kind.key_seconds * (order.bits / 2048) ** 3
    return seconds * world.faults.phones_slow


def capf_identity(world: "World", node: Node) -> Identity:
    """Return the certificate that a node's CAPF issues with: what it loaded when it started."""
    return node.presents(SERVICE_CAPF, CAPF) or world.cluster.publisher.identities[CAPF]


class InMemory:
    """Phones and CAPF in one memory: cheap, and for worlds in which nothing listens."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def visit(self, phone: Phone, left: Left) -> None:
        """Let a phone go to CAPF: see `CapfWay`."""
        world = self._world
        if phones.trusts_capf(world, phone) is None:
            left(phone, False)  # noqa: FBT003 - see Left
            return
        seconds = world.random.uniform(*world.timing.capf) * world.faults.phones_slow
        if phone.capf.operation == INSTALL:
            seconds += key_seconds(world, phone, capforders.key_order(world, phone))
        world.schedule.after(seconds, lambda each: left(each, self._finish(each)), phone)

    def _finish(self, phone: Phone) -> bool:
        """End a session: as a fault switch says, or as it must; False where CAPF has gone meanwhile."""
        world = self._world
        node = phones.trusts_capf(world, phone)
        if node is None:
            return False
        if phone.capf.pending:
            failure = capforders.scripted(world, phone)
            if failure is None:
                capforders.end(world, phone, self._do(phone, node))
            else:
                capforders.write(world, phone, failure)
        phone.typed = ""
        return True

    def _do(self, phone: Phone, node: Node) -> str:
        """Do what was ordered, and return the second half of the status."""
        world = self._world
        if (refusal := self._refusal(phone)) is not None:
            return refusal
        if phone.capf.operation == DELETE:
            if phone.lsc is None:
                return "Failed: Invalid LSC"
            world.give_lsc(phone, None)
        elif phone.capf.operation == TROUBLESHOOT:
            if phone.credential is None:
                return "Failed: Invalid LSC"
        else:
            if capforders.ec_only_in_vain(world, phone):
                return capforders.NO_EC
            world.give_lsc(phone, self._issue(phone, capf_identity(world, node)))
        return "Success"

    def _refusal(self, phone: Phone) -> str | None:
        """Return why a phone has not proved who it is, or None."""
        world = self._world
        if capforders.is_late(world, phone):
            return capforders.LATE
        mode = world.cluster.profiles[phone.profile].authentication_mode
        if mode == BY_STRING and phone.typed != phone.capf.authentication_string:
            return "Failed: Invalid Authentication String"
        if mode in {BY_LSC, BY_MIC}:
            shown = phone.lsc or phone.mic if mode == BY_LSC else phone.mic or phone.lsc
            if shown is None:
                return "Failed: Invalid Credentials"
            if phones.credential_problem(world, shown, "CAPF-trust") is not None:
                return f"Failed: Invalid {shown.kind}"
        return None

    def _issue(self, phone: Phone, issuer: Identity) -> Credential:
        world = self._world
        # Eight bytes, the first bit 0 and the second 1, so that it is always eight.
        serial = world.random.getrandbits(62) | 1 << 62
        now = int(world.now())
        key = world.pki.pool_number(serial, capforders.key_order(world, phone).label)
        return Credential("LSC", issuer, serial, now - 60, now + capforders.lsc_days(world) * _DAY, key)
