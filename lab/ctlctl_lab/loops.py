"""A thread with an event loop, for conversations that mostly wait: thousands of them cost no thread each."""

import asyncio
import socket
import ssl
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread

#: What is to be run; made in the loop's own thread.
Job = Callable[[], Coroutine[object, object, None]]


class LoopThread:
    """Runs coroutines in a thread of its own.

    Attributes:
        broken: whether one of them ended with an exception that it should have handled: a fault of the lab's own.
    """

    def __init__(self, name: str) -> None:
        self.broken = False
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = Lock()

    def start(self) -> None:
        """Begin."""
        loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, args=(loop,), name=self._name, daemon=True)
        self._thread.start()
        self._loop = loop

    def stop(self) -> None:
        """Cancel everything and wait for the thread, if it was started."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()

    def spawn(self, job: Job) -> bool:
        """Run a job, from any thread.

        Returns:
            Whether it will run; False before the start and after the stop.
        """
        with self._lock:
            if self._loop is None:
                return False
            self._loop.call_soon_threadsafe(self._begin, self._loop, job)
            return True

    def _begin(self, loop: asyncio.AbstractEventLoop, job: Job) -> None:
        task = loop.create_task(job())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = True
            # Whoever runs the lab sees on its stderr what it was.
            traceback.print_exception(error)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_forever()
        loop.run_until_complete(self._cancel())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    async def _cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What was closed a moment ago has something to do yet.
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Stream:
    """A TLS connection in a loop.

    Attributes:
        reader: what comes.
        writer: what goes; use `send`.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def accept(cls, sock: socket.socket, context: ssl.SSLContext, seconds: float, goodbye: float) -> "Stream":
        """Do the server's handshake on a connection.

        Args:
            sock: the connection; closed where this fails.
            context: what to present.
            seconds: real seconds for the handshake.
            goodbye: real seconds for the end of TLS.

        Raises:
            OSError: the handshake failed.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            sock.settimeout(0)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=context, ssl_handshake_timeout=seconds, ssl_shutdown_timeout=goodbye
            )
        except BaseException:
            sock.close()
            raise
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    @classmethod
    async def connect(
        cls, address: tuple[str, int], source: str, context: ssl.SSLContext, seconds: float, goodbye: float
    ) -> "Stream":
        """Connect, and do the client's handshake.

        Args:
            address: where to.
            source: address to come from.
            context: how to speak TLS.
            seconds: real seconds for connection and handshake.
            goodbye: real seconds for the end of TLS.

        Raises:
            OSError: it failed.
        """
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                *address,
                ssl=context,
                server_hostname="",
                local_addr=(source, 0),
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=goodbye,
            )
        return cls(reader, writer)

    @property
    def peer_certificate(self) -> bytes:
        """What the peer presented, DER."""
        return bytes(self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))

    async def send(self, data: bytes) -> None:
        """Write in one piece.

        Raises:
            OSError: the connection is gone.
        """
        self.writer.write(data)
        await self.writer.drain()

    async def close(self, seconds: float) -> None:
        """End TLS and the connection, for so many real seconds."""
        try:
            self.writer.close()
            with suppress(OSError):
                async with asyncio.timeout(seconds):
                    await self.writer.wait_closed()
        finally:
            # Python before 3.11.4 forgets the protocol of a transport that is closed.
            with suppress(AttributeError):
                self.writer.transport.abort()
