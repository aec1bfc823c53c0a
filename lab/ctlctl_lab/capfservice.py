"""The lab's CAPF on the wire: TLS on port 3804, and how many sessions there may be.

One event loop serves every session, so that a slow client costs a socket and no thread.
"""

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from typing import Final

from ctlctl_capf import SESSION_SECONDS
from ctlctl_lab.capfsession import RECEIVE_BYTES, CapfSession
from ctlctl_lab.loops import LoopThread, Stream
from ctlctl_lab.model import CAPF
from ctlctl_lab.phones import port_identity
from ctlctl_lab.tlscontexts import old_phones_context
from ctlctl_lab.world import World

#: Sessions at the same time; who comes then is sent away (RETRY_LATER). Connections over twice that are closed.
MOST_SESSIONS: Final = 300
#: Lab seconds for a handshake: old phones are slow.
_HANDSHAKE_SECONDS: Final = 30
#: Real seconds that a peer has for the end of TLS.
GOODBYE_SECONDS: Final = 2.0
#: Real seconds between two looks at whether CAPF still runs.
_TICK: Final = 0.1


class CapfService:
    """Serves CAPF for all nodes of a world.

    Attributes:
        most_sessions: see `MOST_SESSIONS`.
        results: how many sessions ended how: by `ctlctl_capf.Result`, or in words of `CapfSession.run`.
    """

    def __init__(self, world: World) -> None:
        self.most_sessions = MOST_SESSIONS
        self.results: Counter[str] = Counter()
        self._world = world
        self._loop = LoopThread("lab-capf")
        self._connections = 0
        self._sessions: set[CapfSession] = set()
        self._strings: set[str] = set()

    @property
    def broken(self) -> bool:
        """Whether a session ended by a fault of the lab's own."""
        return self._loop.broken

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._connections

    def start(self) -> None:
        """Begin to serve what is handed over."""
        self._loop.start()
        self._loop.spawn(self._watch)

    def stop(self) -> None:
        """End every session."""
        self._loop.stop()

    def take(self, sock: socket.socket, node: str) -> None:
        """Take a connection over, and return at once; the caller's socket object is of no use any more."""
        mine = socket.socket(fileno=sock.detach())
        if not self._loop.spawn(lambda: self._connection(mine, node)):
            mine.close()

    async def _connection(self, sock: socket.socket, node: str) -> None:
        if self._connections >= 2 * self.most_sessions:
            sock.close()
            return
        self._connections += 1
        try:
            # Whoever hangs up, or talks nonsense in TLS, ends its own connection and nothing else.
            with suppress(OSError):
                await self._serve(sock, node)
        finally:
            self._connections -= 1

    async def _serve(self, sock: socket.socket, name: str) -> None:
        world = self._world
        with world.cluster.lock:
            node = world.cluster.nodes[name]
            context = old_phones_context(port_identity(world, node, "capf", CAPF))
        stream = await Stream.accept(sock, context, world.patience(_HANDSHAKE_SECONDS), GOODBYE_SECONDS)
        try:
            if name in world.faults.capf_stall:
                async with asyncio.timeout(world.patience(SESSION_SECONDS)):
                    while await stream.reader.read(RECEIVE_BYTES):
                        pass
            else:
                self.results[await self._hold(CapfSession(world, node, stream, self._strings))] += 1
        finally:
            await stream.close(GOODBYE_SECONDS)

    async def _hold(self, session: CapfSession) -> str:
        if len(self._sessions) >= self.most_sessions:
            return await session.run(crowded=True)
        self._sessions.add(session)
        try:
            return await session.run(crowded=False)
        finally:
            self._sessions.discard(session)

    async def _watch(self) -> None:
        """End the sessions of a CAPF that has been stopped."""
        while True:
            await asyncio.sleep(_TICK)
            for session in self._sessions:
                if not session.up:
                    session.cut()
