"""One session of the lab's CAPF: the server's machine of `ctlctl_capf` over a stream, and the records of the cluster.

A session that the device breaks off leaves its operation pending, because phones try three times; after the third it
has failed with "Phone Communication Failure". A string is good for one session at a time, and void after success: a
session that breaks off gives it back. No public source tells what CUCM does in either case.
"""

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from ctlctl_capf import (
    SESSION_BYTES,
    SESSION_SECONDS,
    CapfLocalError,
    CapfPeerError,
    CapfReason,
    CapfServer,
    Command,
    FindOrder,
    Finished,
    IssueCertificate,
    LscPlan,
    Naming,
    NeedData,
    Operation,
    Order,
    Outcome,
    Result,
    Send,
    State,
    TakeString,
    issue_lsc,
)
from ctlctl_lab import capforders
from ctlctl_lab.capforders import Target
from ctlctl_lab.capfwork import capf_identity
from ctlctl_lab.loops import Stream
from ctlctl_lab.model import SERVICE_CAPF, Identity, Node, Phone
from ctlctl_lab.phonepage import serial_number
from ctlctl_lab.world import World

RECEIVE_BYTES: Final = 16_384
#: Lab seconds after which whoever was sent away may come back.
RETRY_SECONDS: Final = 30
#: Words of the switch ``capf-half`` for the message of which half is sent.
HALVES: Final = {
    "auth": Command.AUTH_REQUEST,
    "key": Command.KEY_GENERATE_REQUEST,
    "store": Command.STORE_CERTIFICATE_REQUEST,
    "end": Command.END_SESSION,
}
#: An order whose time is long over: such a session ends with reason 7, as every failure of CAPF does.
_REFUSED: Final = Order(Operation.DELETE, until=datetime(1970, 1, 1, tzinfo=UTC))
_KEY_FAULTS: Final = frozenset({CapfReason.BAD_KEY, CapfReason.KEY_NOT_AS_ORDERED})
_MAKING_KEY: Final = frozenset({State.GENERATING, State.GENERATING_SLOWLY})


class _DownError(Exception):
    """CAPF itself has gone under the session, or plays a fault."""


class CapfSession:
    """A conversation with one client, from the first message to its end."""

    def __init__(self, world: World, node: Node, stream: Stream, strings: set[str]) -> None:
        """Begin.

        Args:
            world: whose records count.
            node: whose CAPF it is.
            stream: the connection, its handshake done; the caller closes it.
            strings: identifiers of those whose authentication string is in use; shared by all sessions.
        """
        self._world = world
        self._node = node
        self._stream = stream
        self._strings = strings
        self._crowded = False
        self._now = datetime.fromtimestamp(int(world.now()), UTC)
        self._state: State | None = None
        self._deadline = 0.0
        self._received = 0
        self._unsent = b""
        self._target: Target | None = None
        self._operation = ""
        self._issuer: Identity | None = None
        self._string = ""

    @property
    def up(self) -> bool:
        """Whether the CAPF that it is held with still runs."""
        return self._world.cluster.nodes.get(self._node.name) is self._node and self._node.runs(SERVICE_CAPF)

    def cut(self) -> None:
        """End the connection under it."""
        self._stream.writer.transport.abort()

    async def run(self, *, crowded: bool) -> str:
        """Talk until the end.

        Args:
            crowded: whether there are too many sessions already: the client is sent away.

        Returns:
            What came of it: a `ctlctl_capf.Result`, "broken" where the client broke it off, "down" where CAPF did.
        """
        world = self._world
        self._crowded = crowded
        with world.cluster.lock:
            issuers = [each.certificate for each in world.cluster.trust.get("CAPF-trust", ())]
        server = CapfServer(secrets.randbits(32), self._now, issuers=issuers)
        try:
            async with asyncio.timeout(world.patience(SESSION_SECONDS)):
                outcome = await self._talk(server)
        except _DownError:
            self._not_taken()
            return "down"
        except (CapfPeerError, OSError) as error:
            if not self.up:
                self._not_taken()
                return "down"
            self._broken(error)
            with suppress(_DownError, OSError):
                await self._flush()
            return "broken"
        else:
            return outcome.result.value
        finally:
            self._strings.discard(self._string)

    async def _talk(self, server: CapfServer) -> Outcome:
        while True:
            step = server.next_step()
            if not self.up:
                raise _DownError
            match step:
                case Send(data):
                    await self._flush()
                    self._unsent = data
                case NeedData(state, wait):
                    await self._flush()
                    server.receive_data(await self._receive(state, wait.seconds))
                case FindOrder(device):
                    self._find(server, device)
                case TakeString():
                    server.taken(won=self._take_string())
                case IssueCertificate(device, public_key):
                    self._issue(server, device, public_key)
                case Finished(outcome):
                    # When the client hears the last word, the records have it.
                    self._over(outcome)
                    await self._flush()
                    return outcome
                case _:
                    assert_never(step)

    async def _flush(self) -> None:
        data, self._unsent = self._unsent, b""
        if not data:
            return
        half = self._world.faults.capf_half.get(self._node.name)
        if half is not None and data[1] == HALVES[half]:
            await self._stream.send(data[: len(data) // 2])
            raise _DownError
        await self._stream.send(data)
        self._state = None

    async def _receive(self, state: State, seconds: int) -> bytes:
        if state is not self._state:
            # Whoever trickles gets no more time by that.
            self._state = state
            self._deadline = asyncio.get_running_loop().time() + self._world.patience(seconds)
        async with asyncio.timeout_at(self._deadline):
            data = await self._stream.reader.read(RECEIVE_BYTES)
        self._received += len(data)
        if self._received > SESSION_BYTES:
            raise ConnectionAbortedError("more than any session takes")
        return data

    # What the machine asks.

    def _find(self, server: CapfServer, device: str) -> None:
        world = self._world
        if self._crowded:
            server.busy(RETRY_SECONDS)
            return
        with world.cluster.lock:
            order = self._order(device)
        # Signatures are checked in there.
        server.found(order)

    def _order(self, device: str) -> Order | None:
        world = self._world
        target = capforders.find(world, device)
        if target is None:
            return None
        if not target.capf.pending:
            return Order(Operation.NONE)
        failure = capforders.scripted(world, target)
        if failure is not None:
            capforders.write(world, target, failure)
            return _REFUSED
        if capforders.ec_only_in_vain(world, target):
            capforders.end(world, target, capforders.NO_EC)
            return Order(Operation.NONE)
        self._target, self._operation = target, target.capf.operation
        return capforders.order_of(world, target)

    def _take_string(self) -> bool:
        with self._world.cluster.lock:
            target = self._live()
            if target is None or target.pkid in self._strings:
                return False
            self._string = target.pkid
            self._strings.add(self._string)
            return True

    def _issue(self, server: CapfServer, device: str, public_key: bytes) -> None:
        world = self._world
        with world.cluster.lock:
            target = self._live()
            if target is None:
                # Somebody took the order back meanwhile.
                server.not_issued()
                return
            issuer = capf_identity(world, self._node)
            # 16 bytes, the first bit 0 and the second 1, so that it is always 16.
            serial = world.random.getrandbits(126) | 1 << 126
            until = self._now + timedelta(days=capforders.lsc_days(world))
        model = target.kind.short if isinstance(target, Phone) else ""
        unit = serial_number(target) if isinstance(target, Phone) else ""
        plan = LscPlan(device, serial, self._now - timedelta(minutes=1), until, Naming.CUCM, model, unit)
        try:
            certificate = issue_lsc(plan, public_key, issuer.der, issuer.key)
        except CapfLocalError:
            server.not_issued()
            return
        self._issuer = issuer
        server.issued(certificate)

    # What comes of it.

    def _live(self) -> Target | None:
        """Return whom it is about, as long as the operation is the one that was begun."""
        target = self._target
        live = target is not None and target.capf.pending and target.capf.operation == self._operation
        return target if live else None

    def _over(self, outcome: Outcome) -> None:
        world, target = self._world, self._target
        if target is None:
            return
        with world.cluster.lock:
            half = capforders.half_of(world, target, outcome)
            if outcome.result is Result.INSTALLED:
                world.cluster.stale_lscs.pop(capforders.wire_name(world, target), None)
            if isinstance(target, Phone):
                if outcome.result is Result.INSTALLED and outcome.certificate is not None:
                    capforders.record_lsc(target, int(outcome.certificate.not_after.timestamp()), self._issuer)
                elif outcome.result is Result.DELETED:
                    capforders.record_lsc(target, 0, None)
            if half is not None and self._live() is not None:
                capforders.end(world, target, half)
            self._target = None

    def _broken(self, error: Exception) -> None:
        world = self._world
        self._not_taken()
        with world.cluster.lock:
            target = self._live()
            if target is None:
                return
            slow = isinstance(error, TimeoutError) and self._state in _MAKING_KEY
            if slow or (isinstance(error, CapfPeerError) and error.reason in _KEY_FAULTS):
                capforders.end(world, target, capforders.NO_KEY)
            else:
                capforders.broke(world, target)

    def _not_taken(self) -> None:
        """Note an LSC that was issued, and of which nobody knows whether it was taken."""
        world, target = self._world, self._target
        if self._issuer is not None and target is not None:
            with world.cluster.lock:
                world.cluster.stale_lscs[capforders.wire_name(world, target)] = world.now()
